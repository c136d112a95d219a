import Betting
import Catalogue
import Kernel
import Ledger
import Risk

/// Bets that wait out their in-play delay.
extension Engine {
    /// Decides bets whose delay has passed, at most a step's worth.
    mutating func concludePending(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        let start = outcomes.used
        for _ in 0..<Self.betsPerStep {
            // Markets that are shut on the way take room, too; what is due next goes on.
            guard outcomes.used - start <= Self.mostOutcomeSlots - Self.slotsPerConclusion else {
                return
            }
            guard let number = accounts.popDue(time) else {
                guard let waited = accounts.popCashOut(time) else { return }
                concludeCashOut(waited, command, &outcomes)
                continue
            }
            let bet = accounts.bets[number]
            accounts.change(account: bet.account) { $0.pending -= 1 }
            if let refused = afterDelay(command, bet) {
                release(number, refused, command, &outcomes)
            } else {
                acceptAfterDelay(number, command, &outcomes)
            }
        }
    }

    /// Why the bet is refused, if it is: by the rules, or in replay by what is stored of it.
    private mutating func afterDelay(_ command: RecordBytes, _ bet: BetRow) -> Refused? {
        let ours = changeDuringDelay(bet)
        guard stored.isFollowed, let fact = stored.take(.placed, bet: bet.sequence) else {
            return ours
        }
        let refused = Refused(stored: fact)
        note(
            command, bet: bet.sequence,
            fact: refused.map { Decision($0) } ?? Decision(status: .open),
            ours: ours.map { Decision($0) } ?? Decision(status: .open))
        return refused
    }

    /// Why a bet must not be accepted although its delay is over, if anything speaks against it.
    ///
    /// Versions count, not states: a market that is open again with the same price has still changed.
    private func changeDuringDelay(_ bet: BetRow) -> Refused? {
        if bet.dueAt <= recoveredAt { return Refused(.interrupted) }
        if accounts.accounts[bet.account].isClosed == 1 { return Refused(.accountClosed) }
        for index in 0..<UInt32(bet.legCount) {
            let market = accounts.legs[bet.firstLeg + index].market
            if isBarred(bet.account, from: markets.markets[market].fixture) {
                return Refused(.barred, leg: Int(index))
            }
        }
        for place in 0..<UInt32(bet.legCount) {
            let index =
                planted(.hashOrder) ? Self.inHashOrder(UInt32(bet.legCount))[Int(place)] : place
            let leg = accounts.legs[bet.firstLeg + index]
            let market = markets.markets[leg.market]
            if market.reasons != 0 {
                return Refused(
                    .suspendedDuringDelay, leg: Int(index), value: Int64(market.reasons))
            }
            let material = UInt64(market.material) + markets.fixtures[market.fixture].material
            if UInt32(truncatingIfNeeded: material) != leg.material, !planted(.suspensionForgotten)
            {
                return Refused(
                    .changedDuringDelay, leg: Int(index), value: Int64(material),
                    threshold: Int64(leg.material))
            }
            if let moved = moveDuringDelay(leg, bet) {
                return Refused(
                    .priceMovedDuringDelay, leg: Int(index), value: moved,
                    threshold: Int64(leg.odds.numerator) << 32 | Int64(leg.odds.denominator))
            }
        }
        return nil
    }

    /// What a leg's price is now, if that is not what its customer lets it be: the numerator above the denominator, 0
    /// for none.
    borrowing func moveDuringDelay(_ leg: LegRow, _ bet: BetRow) -> Int64? {
        guard ruleSet.looksAgain, let allowed = bet.allowed, !leg.isAtStart,
            !planted(.moveInDelayIgnored)
        else { return nil }
        guard let now = markets.selections[leg.selection].odds else { return 0 }
        let isTaken =
            now == leg.odds
            || allowed.rule.accepts(
                shown: leg.odds, now: now, tolerance: allowed.tolerance, ladder: ladder)
        return isTaken ? nil : Int64(now.numerator) << 32 | Int64(now.denominator)
    }

    private static func inHashOrder(_ count: UInt32) -> [UInt32] { Array(Set(0..<count)) }

    private mutating func acceptAfterDelay(
        _ number: UInt32, _ command: RecordBytes, _ outcomes: inout RecordWriter
    ) {
        accounts.change(bet: number) {
            $0.status = BetStatus.open.rawValue
            $0.acceptedAt = time.nanoseconds
            $0.settlementVersion = 0
        }
        let bet = accounts.bets[number]
        accounts.post(.accept(accounts.split(of: bet).paid), to: bet.account)
        let record = concludedRecord(number, command, entry: .accept, &outcomes)
        record.set(Layout.Placed.status, BetStatus.open.rawValue)
        suspectLegs(of: bet)
        if markets.watched > 0 { shutExposed(by: number, command, &outcomes) }
    }

    /// References that came while it waited passed it by.
    private mutating func suspectLegs(of bet: BetRow) {
        for index in bet.firstLeg..<bet.firstLeg + UInt32(bet.legCount) {
            let leg = accounts.legs[index]
            guard !leg.isAtStart, markets.selections[leg.selection].isSuspect(leg.odds),
                !planted(.suspectForgotten)
            else { continue }
            suspect(leg.market)
        }
    }

    private mutating func release(
        _ number: UInt32, _ refused: Refused, _ command: RecordBytes,
        _ outcomes: inout RecordWriter
    ) {
        accounts.change(bet: number) {
            $0.status = BetStatus.refused.rawValue
            $0.refusal = UInt8(truncatingIfNeeded: refused.refusal.rawValue)
            $0.settlementVersion = 0
        }
        if !planted(.exposureKept) { setExposure(of: number, standing: false) }
        let bet = accounts.bets[number]
        accounts.count(bet, isStanding: false)
        let stake = accounts.split(of: bet)
        accounts.post(.release(stake), to: bet.account)
        if stake.free > 0 { accounts.change(account: bet.account) { $0.free += stake.free } }
        if planted(.voidTwice) { accounts.post(.deposit(bet.stake), to: bet.account) }
        accounts.conclude(id: bet.sequence, refusal: refused.refusal, facts: refused.facts)
        let record = concludedRecord(number, command, entry: .release, &outcomes)
        record.set(Layout.Placed.status, BetStatus.refused.rawValue)
        writeRefusal(refused.refusal, refused.facts, to: record)
        lookAtExposed(by: number, command, &outcomes)
    }

    private func concludedRecord(
        _ number: UInt32, _ command: RecordBytes, entry: EntryReason,
        _ outcomes: inout RecordWriter
    ) -> RecordBytes {
        let bet = accounts.bets[number]
        let record = placedRecord(
            command, legs: Int(bet.legCount),
            more: bet.isPromotional ? Layout.Placed.splitSize : 0, account: bet.account, &outcomes)
        if bet.isPromotional { record.write(accounts.split(of: bet)) }
        if planted(.staleBalances) {
            record.set(
                Layout.Placed.balances + Layout.Balances.held,
                accounts.accounts[bet.account].held + bet.stake)
        }
        record.cause = bet.sequence
        record.set(Layout.Placed.bet, bet.sequence)
        record.set(Layout.Placed.potentialReturn, bet.potentialReturn)
        record.set(Layout.Placed.acceptedAt, bet.acceptedAt)
        record.set(Layout.Placed.dueAt, bet.dueAt)
        record.set(Layout.Placed.entries, 1 << entry.rawValue)
        record.set(Layout.Placed.stake, bet.stake)
        writeLegs(of: number, to: record)
        return record
    }
}
