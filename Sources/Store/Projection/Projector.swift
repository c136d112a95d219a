import Betting
public import EngineCore
public import EngineJournal
import Kernel
import Ledger
import ProjectionService

/// How durable records become rows. Applying a record twice changes nothing.
public struct Projector<Rows: ProjectionRows> {
    public let rows: Rows
    public private(set) var point: JournalPoint?
    /// Balances of those who owe, or have bonus money or free stakes.
    private var beyondCash: [UInt64: BalanceRow] = [:]
    private var changed: [UInt64: BalanceRow] = [:]

    public init(_ rows: Rows) throws {
        self.rows = rows
        point = try rows.reached()?.point
        beyondCash = try rows.beyondCash()
    }

    /// Applies one block's records and moves the point, in the transaction that the caller opened.
    public mutating func apply(
        _ forEachRecord: ((RecordBytes) throws -> Void) throws -> Void, to newPoint: JournalPoint
    ) throws {
        if let point, newPoint.sequence <= point.sequence { return }
        let already = point?.sequence ?? 0
        var place: RecordBytes?
        var deed: OperatorDeed?
        try forEachRecord { record in
            guard record.sequence > already else { return }
            if let done = deed {
                deed = nil
                // Its first outcome follows it; what has none is told alone.
                let isOutcome = record.kind?.isCommand == false && record.cause == done.sequence
                let action = done.action(isOutcome ? record : nil)
                try rows.put(action)
                if let notice = done.notice(of: action), let account = action.account {
                    try rows.put(notice, of: account)
                }
            }
            deed = OperatorDeed(record)
            switch record.kind {
            case .place: place = record
            case .placed: try placed(record, place)
            case .betSettled: try settled(record)
            case .betSuspected: try suspected(record)
            case .cashOutAnswered: try sold(record)
            case .accountChanged: try accountChanged(record)
            case .session: try session(record)
            default: break
            }
        }
        if let deed { try rows.put(deed.action(nil)) }
        point = newPoint
    }

    /// The last thing in every transaction: balances that changed in it, and the point it reaches.
    public mutating func finish(at position: JournalPosition) throws {
        for (account, row) in changed { try rows.set(row, of: account) }
        changed.removeAll(keepingCapacity: true)
        guard let point else { return }
        try rows.move(to: ProjectedPlace(point: point, following: position))
    }

    /// Forgets what a transaction that was rolled back had reached.
    public mutating func restore(_ before: JournalPoint?) throws {
        point = before
        changed.removeAll()
        beyondCash = try rows.beyondCash()
    }

    // MARK: Records to rows

    private static func balances(_ record: RecordBytes, at offset: Int) -> BalanceRow {
        BalanceRow(
            cash: record.field(offset + Layout.Balances.cash, as: Int64.self),
            held: record.field(offset + Layout.Balances.held, as: Int64.self),
            openBets: record.field(offset + Layout.Balances.openBets, as: Int64.self),
            receivable: record.field(offset + Layout.Balances.receivable, as: Int64.self),
            sequence: record.sequence,
            bonus: record.field(offset + Layout.Balances.bonus, as: Int64.self),
            free: record.field(offset + Layout.Balances.free, as: Int64.self))
    }

    /// A line of the statement; the account's balances are remembered, and written once when the transaction ends.
    ///
    /// `moved` is what the entry did to cash, bonus money and debt together: what is owed is paid first, and what is
    /// no longer there becomes owed.
    private mutating func line(
        _ record: RecordBytes, part: UInt8, reason: EntryReason, moved: Int64, bet: UInt64,
        at offset: Int
    ) throws {
        let account = record.account.rawValue
        let after = Self.balances(record, at: offset)
        let before = beyondCash[account]
        let bonus = after.bonus - (before?.bonus ?? 0)
        let owed = after.receivable - (before?.receivable ?? 0)
        var line = StatementLine(
            sequence: record.sequence, time: record.time.nanoseconds, reason: reason.rawValue,
            cashChange: moved + owed - bonus, bet: bet, cash: after.cash, held: after.held,
            openBets: after.openBets, receivable: after.receivable)
        line.bonus = after.bonus
        line.free = after.free
        line.bonusChange = bonus
        line.freeChange = after.free - (before?.free ?? 0)
        try rows.put(line, of: account, part: part)
        changed[account] = after
        beyondCash[account] = after.isBeyondCash ? after : nil
    }

    private mutating func accountChanged(_ record: RecordBytes) throws {
        guard record.field(Layout.AccountChanged.refusal, as: UInt16.self) == 0 else { return }
        try rows.add(
            AccountRow(
                account: record.account.rawValue, external: record.clientID,
                currency: record.field(Layout.AccountChanged.currency, as: UInt16.self),
                money: record.field(Layout.AccountChanged.money, as: UInt8.self)))
        let balances = Layout.AccountChanged.balances
        let entry = EntryReason(
            rawValue: record.field(Layout.AccountChanged.entry, as: UInt8.self))
        guard let entry else {
            changed[record.account.rawValue] = Self.balances(record, at: balances)
            return
        }
        let amount = record.field(Layout.AccountChanged.amount, as: Int64.self)
        let isFree =
            GrantKind(rawValue: record.field(Layout.AccountChanged.grant, as: UInt8.self)) == .free
        try line(
            record, part: 0, reason: entry, moved: isFree ? 0 : amount, bet: 0, at: balances)
    }

    private func session(_ record: RecordBytes) throws {
        // Whoever is at the desk has no account.
        guard record.field(Layout.Session.realm, as: UInt8.self) != 2 else { return }
        try rows.add(
            SessionRow(
                session: record.sequence, account: record.account.rawValue,
                realm: record.field(Layout.Session.realm, as: UInt8.self),
                channel: record.field(Layout.Session.channel, as: UInt8.self),
                began: record.time.nanoseconds))
    }

    private func suspected(_ record: RecordBytes) throws {
        guard let odds = record.odds(at: Layout.BetSuspected.odds) else { return }
        try rows.put(
            SuspectedBet(
                sequence: record.sequence, time: record.time.nanoseconds,
                bet: record.field(Layout.BetSuspected.bet, as: UInt64.self),
                account: record.account.rawValue,
                market: record.field(Layout.BetSuspected.market, as: UInt64.self),
                selection: record.field(Layout.BetSuspected.selection, as: UInt32.self),
                odds: odds,
                reference: record.field(Layout.BetSuspected.reference, as: UInt32.self),
                chance: record.field(Layout.BetSuspected.chance, as: UInt32.self),
                acceptedAt: record.field(Layout.BetSuspected.acceptedAt, as: Int64.self),
                stake: record.field(Layout.BetSuspected.stake, as: Int64.self),
                potentialReturn: record.field(Layout.BetSuspected.potentialReturn, as: Int64.self)))
    }

    private mutating func placed(_ record: RecordBytes, _ place: RecordBytes?) throws {
        guard record.flags & Layout.Placed.repeated == 0,
            record.field(Layout.Placed.money, as: UInt8.self) != 0
        else { return }
        let bet = record.field(Layout.Placed.bet, as: UInt64.self)
        let refusal = record.field(Layout.Placed.refusal, as: UInt16.self)
        if let place, place.sequence == bet {
            // An id that was used before, or may have been, names the earlier bet, not this one.
            guard refusal != Refusal.idReused.rawValue,
                refusal != Refusal.idOutsideWindow.rawValue
            else { return }
            try rows.put(Self.bet(bet, place, record))
        } else {
            try rows.conclude(
                ConclusionRow(
                    bet: bet, status: record.field(Layout.Placed.status, as: UInt8.self),
                    acceptedAt: record.field(Layout.Placed.acceptedAt, as: Int64.self),
                    refusal: refusal, value: record.field(Layout.Placed.value, as: Int64.self),
                    threshold: record.field(Layout.Placed.threshold, as: Int64.self)))
        }
        let entries = record.field(Layout.Placed.entries, as: UInt8.self)
        guard entries != 0 else { return }
        let paid = record.placedSplit.paid
        // A stake that is held and accepted in one record is one line: the balances are those after both.
        let reason: EntryReason
        if entries & (1 << EntryReason.hold.rawValue) != 0 {
            reason = .hold
        } else if entries & (1 << EntryReason.release.rawValue) != 0 {
            reason = .release
        } else {
            reason = .accept
        }
        let moved = reason == .hold ? -paid : reason == .release ? paid : 0
        try line(
            record, part: reason.rawValue, reason: reason, moved: moved, bet: bet,
            at: Layout.Placed.balances)
    }

    private static func bet(_ bet: UInt64, _ place: RecordBytes, _ record: RecordBytes)
        -> ProjectedBet
    {
        let count = min(Int(place.field(Layout.Place.legCount, as: UInt8.self)), Limits.legs)
        let accepted = Int(record.field(Layout.Placed.legCount, as: UInt8.self))
        let legs = (0..<count).map { index in
            let leg = Layout.Place.legs + index * Layout.Place.legSize
            // The accepted price where there is one, else the one that was asked for.
            let source = index < accepted ? record : place
            let offset =
                index < accepted
                ? Layout.Placed.legs + index * Layout.Placed.legSize : leg + Layout.Leg.odds
            return ProjectedBet.Leg(
                market: place.field(leg + Layout.Leg.market, as: UInt64.self),
                fixture: place.field(leg + Layout.Leg.fixture, as: UInt64.self),
                selection: place.field(leg + Layout.Leg.selection, as: UInt32.self),
                odds: place.isAtStart(index)
                    ? nil
                    : Odds(
                        reduced: source.field(offset, as: UInt32.self),
                        max(1, source.field(offset + 4, as: UInt32.self))),
                places: place.places(at: leg + Layout.Leg.eachWayPlaces))
        }
        var row = ProjectedBet(
            bet: bet, account: record.account.rawValue, client: record.clientID,
            requestHash: place.requestHash,
            status: record.field(Layout.Placed.status, as: UInt8.self),
            stake: record.field(Layout.Placed.stake, as: Int64.self),
            potentialReturn: record.field(Layout.Placed.potentialReturn, as: Int64.self),
            payout: 0, placedAt: place.time.nanoseconds,
            acceptedAt: record.field(Layout.Placed.acceptedAt, as: Int64.self),
            dueAt: record.field(Layout.Placed.dueAt, as: Int64.self), settledAt: 0,
            refusal: record.field(Layout.Placed.refusal, as: UInt16.self),
            value: record.field(Layout.Placed.value, as: Int64.self),
            threshold: record.field(Layout.Placed.threshold, as: Int64.self),
            settlementVersion: 0, legs: legs,
            sizes: place.field(Layout.Place.sizes, as: UInt32.self),
            bankers: place.field(Layout.Place.bankers, as: UInt32.self),
            groups: place.groups(behind: Int(place.field(Layout.Place.legCount, as: UInt8.self))))
        row.joint = place.jointOdds(
            behind: Int(place.field(Layout.Place.legCount, as: UInt8.self)))
        // As it was asked for, too, of a bet that was refused.
        let bonus = place.field(Layout.Place.stakeBonus, as: Int64.self)
        let free = place.field(Layout.Place.stakeFree, as: Int64.self)
        if bonus | free != 0 {
            row.split = StakeSplit(
                cash: place.field(Layout.Place.stakeCash, as: Int64.self), bonus: bonus, free: free)
        }
        return row
    }

    private mutating func settled(_ record: RecordBytes) throws {
        let bet = record.field(Layout.BetSettled.bet, as: UInt64.self)
        let payout = record.field(Layout.BetSettled.payout, as: Int64.self)
        let before = record.field(Layout.BetSettled.payoutBefore, as: Int64.self)
        let reason =
            EntryReason(rawValue: record.field(Layout.BetSettled.entry, as: UInt8.self)) ?? .settle
        try rows.settle(
            SettlementRow(
                bet: bet, status: record.field(Layout.BetSettled.status, as: UInt8.self),
                payout: payout, settledAt: record.time.nanoseconds,
                version: record.field(Layout.BetSettled.version, as: UInt32.self),
                isVoidByHand: record.field(Layout.BetSettled.reason, as: UInt8.self)
                    == SettlementReason.voidedByOperators.rawValue,
                returned: record.isPromotionalSettlement ? record.settlementReturns.now : nil))
        let why = SettlementReason(
            rawValue: record.field(Layout.BetSettled.reason, as: UInt8.self))
        if let why, why.isNews {
            let notice = Notice(
                sequence: record.sequence, time: record.time.nanoseconds, kind: why.word, text: "",
                bet: bet, before: before, payout: payout)
            try rows.put(notice, of: record.account.rawValue)
        }
        try line(
            record, part: 0, reason: reason, moved: payout - before, bet: bet,
            at: Layout.BetSettled.balances)
    }

    private mutating func sold(_ record: RecordBytes) throws {
        guard record.field(Layout.CashOutAnswered.entry, as: UInt8.self) != 0 else { return }
        let bet = record.field(Layout.CashOutAnswered.bet, as: UInt64.self)
        let payout = record.field(Layout.CashOutAnswered.payout, as: Int64.self)
        try rows.sell(
            SaleRow(
                sequence: record.sequence, bet: bet,
                status: record.field(Layout.CashOutAnswered.betStatus, as: UInt8.self),
                part: record.field(Layout.CashOutAnswered.part, as: Int64.self), payout: payout,
                stakeLeft: record.field(Layout.CashOutAnswered.stakeLeft, as: Int64.self),
                potentialReturn: record.field(
                    Layout.CashOutAnswered.potentialReturn, as: Int64.self),
                soldAt: record.time.nanoseconds))
        try line(
            record, part: 0, reason: .cashOut, moved: payout, bet: bet,
            at: Layout.CashOutAnswered.balances)
    }
}
