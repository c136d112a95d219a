import Betting
import Catalogue
import Customers
public import Kernel
import Ledger

/// What a journal says came of one command, in order.
///
/// Whoever makes one vouches for the slots until the command is applied.
@safe public struct StoredOutcomes {
    private let base: UnsafeMutableRawPointer?
    private let slots: Int
    private var slot = 0
    /// The record that was taken last.
    private(set) var taken: RecordBytes?

    /// There is no journal to follow: the rules decide alone.
    static var none: StoredOutcomes { unsafe StoredOutcomes(nil, slots: 0) }

    @unsafe public init(_ base: UnsafeMutableRawPointer?, slots: Int) {
        unsafe self.base = base
        self.slots = slots
    }

    /// Whether there is a journal that says what came of the command, were it nothing at all.
    @inline(__always) var isFollowed: Bool { unsafe base != nil }

    /// The record at hand; nil at the end.
    var first: RecordBytes? {
        guard let base = unsafe base, slot < slots else { return nil }
        let start = unsafe base + slot * SlotSize.bytes
        let count = unsafe Int(RecordBytes(start, slots: 1).slotCount)
        return unsafe RecordBytes(start, slots: max(1, min(count, slots - slot)))
    }

    /// Takes the record at hand when it is of `kind` and about `bet`.
    mutating func take(_ kind: RecordKind, bet: UInt64) -> RecordBytes? {
        passMarkets()
        guard let record = first, record.kind == kind else { return nil }
        let place = kind == .betSettled ? Layout.BetSettled.bet : Layout.Placed.bet
        guard record.field(place, as: UInt64.self) == bet else { return nil }
        slot += record.slots
        taken = record
        return record
    }

    /// Markets that a bet has shut are told of between one bet and the next.
    mutating func passMarkets() {
        while first?.kind == .marketChanged, let told = first { slot += told.slots }
    }

    /// Passes by the record at hand where it is of this kind.
    mutating func pass(_ kind: RecordKind) {
        if let record = first, record.kind == kind { slot += record.slots }
    }

    /// The in-play delay that a market is left with; nil when nothing is said of it.
    func betDelay(of market: MarketID) -> UInt32? {
        var rest = self
        while let record = rest.first {
            if record.kind == .marketChanged,
                record.field(Layout.MarketChanged.market, as: UInt64.self) == market.rawValue,
                record.field(Layout.MarketChanged.refusal, as: UInt16.self) == 0
            {
                return record.field(Layout.MarketChanged.betDelay, as: UInt32.self)
            }
            rest.slot += record.slots
        }
        return nil
    }

    /// What a customer's limit came to; nil when nothing is said of one.
    var limit: OwnLimit? {
        guard let record = first, record.kind == .limitChanged,
            record.field(Layout.LimitChanged.refusal, as: UInt16.self) == 0
        else { return nil }
        return OwnLimit(limitChanged: record)
    }

    /// Whether a bet's rule to be sold found no room.
    var isRuleRefusedForRoom: Bool {
        guard let record = first, record.kind == .cashOutRuleChanged else { return false }
        let refusal = record.field(Layout.CashOutRuleChanged.refusal, as: UInt16.self)
        return refusal == Refusal.tooManyTimers.rawValue
    }

    /// Why the command was not carried out, by its first outcome; nil when it was.
    var operationRefusal: OperationRefusal? {
        guard let record = first else { return nil }
        let place: Int? =
            switch record.kind {
            case .accountChanged: Layout.AccountChanged.refusal
            case .limitChanged: Layout.LimitChanged.refusal
            case .fixtureChanged: Layout.FixtureChanged.refusal
            case .marketChanged: Layout.MarketChanged.refusal
            case .resultAnswered: Layout.ResultAnswered.refusal
            default: nil
            }
        return place.flatMap { OperationRefusal(rawValue: record.field($0, as: UInt16.self)) }
    }
}

/// One decision in the words of its outcome.
public struct Decision: Hashable, Sendable {
    /// `BetStatus` after it; 0 when nothing was decided, or for a command that is not a bet.
    public var status: UInt8 = 0
    /// `Refusal`, or `OperationRefusal` for a command that is not a bet; 0 none.
    public var refusal: UInt16 = 0
    public var leg: UInt32 = .max
    public var value: Int64 = 0
    public var threshold: Int64 = 0
    /// The potential return of a bet that was taken, the payout of one that was settled. Minor units.
    public var amount: Int64 = 0
    /// Milliseconds of in-play delay.
    public var delay: UInt32 = 0
    /// From when on a customer's limit holds that was asked for, nanoseconds of UTC; 0 at once.
    public var from: Int64 = 0

    public static var unchanged: Decision { Decision() }

    init(status: BetStatus? = nil, amount: Int64 = 0, delay: UInt32 = 0) {
        self.status = status?.rawValue ?? 0
        self.amount = amount
        self.delay = delay
    }

    init(_ refused: Refused) {
        status = BetStatus.refused.rawValue
        refusal = refused.refusal.rawValue
        leg = refused.facts.leg
        value = refused.facts.value
        threshold = refused.facts.threshold
    }

    init(holdsFrom from: Int64) { self.from = from }

    init(_ operation: OperationRefusal?) { refusal = operation?.rawValue ?? 0 }

    /// In a few words, for whoever must choose between the two.
    public func words(isBet: Bool) -> String {
        guard isBet else {
            return OperationRefusal(rawValue: refusal).map { "refused (\($0.code))" }
                ?? (delay > 0
                    ? "carried out, delay \(delay) ms"
                    : from > 0 ? "holds from \(Timestamp(nanoseconds: from))" : "carried out")
        }
        if let code = Refusal(rawValue: refusal)?.code {
            return "refused (\(code), value \(value), threshold \(threshold))"
        }
        return switch BetStatus(rawValue: status) {
        case .pending: "pending for \(delay) ms, potential return \(amount)"
        case .open: "accepted, amount \(amount)"
        case .settled: "settled, payout \(amount)"
        case .cashedOut: "sold back for \(amount)"
        case .refused: "refused (\(refusal))"
        case nil: "left as it was"
        }
    }
}

/// Where the rules decide otherwise than a journal says.
public struct Disagreement: Hashable, Sendable {
    /// The command.
    public let sequence: UInt64
    public let time: Timestamp
    public let kind: RecordKind
    /// The bet, 0 for a command that is not about one.
    public let bet: UInt64
    public let fact: Decision
    public let ours: Decision
    /// Where decisions are alike: what is written otherwise; empty for odds.
    public let particular: String

    public var text: String {
        let about = bet == 0 || bet == sequence ? "" : ", bet \(bet)"
        if fact == ours {
            return "record \(sequence) (\(kind.word)\(about)): decided alike, with other "
                + (particular.isEmpty ? "odds" : particular)
        }
        let isBet = bet != 0
        return "record \(sequence) (\(kind.word)\(about)): the journal says "
            + "\(fact.words(isBet: isBet)), these rules say \(ours.words(isBet: isBet))"
    }

    public init(
        sequence: UInt64, time: Timestamp, kind: RecordKind, bet: UInt64, fact: Decision,
        ours: Decision, particular: String = ""
    ) {
        self.particular = particular
        self.sequence = sequence
        self.time = time
        self.kind = kind
        self.bet = bet
        self.fact = fact
        self.ours = ours
    }
}

extension Refused {
    /// What a stored outcome says; nil when it is not a refusal that this build knows.
    init?(stored record: RecordBytes) {
        guard
            let refusal = Refusal(rawValue: record.field(Layout.Placed.refusal, as: UInt16.self))
        else { return nil }
        self.refusal = refusal
        facts = RefusalFacts(
            leg: record.field(Layout.Placed.refusalLeg, as: UInt32.self),
            value: record.field(Layout.Placed.value, as: Int64.self),
            threshold: record.field(Layout.Placed.threshold, as: Int64.self))
    }
}

extension Engine {
    /// Applies one command of a journal so that its stored outcomes come of it, as far as they can,
    /// and says in `disagreements` what the rules would have decided otherwise.
    ///
    /// The books follow the facts; whether they come out as stored is for the caller to compare.
    public mutating func apply(
        _ command: RecordBytes, following stored: StoredOutcomes, into outcomes: inout RecordWriter
    ) {
        self.stored = stored
        disagreements.removeAll(keepingCapacity: true)
        apply(command, into: &outcomes)
        self.stored = .none
    }

    mutating func note(
        _ command: RecordBytes, bet: UInt64, fact: Decision, ours: Decision, differs: Bool = false
    ) {
        guard fact != ours || differs, isTrial || command.rulesVersion == ruleSet.version else {
            return
        }
        disagreements.append(
            Disagreement(
                sequence: command.sequence, time: command.time, kind: command.kind ?? .divergence,
                bet: bet, fact: fact, ours: ours))
    }

    /// Whether a command is refused for this reason: by its rule, or in replay by what is stored.
    ///
    /// `full` is no rule: another machine, or another configuration, holds another number.
    mutating func refuses(
        _ command: RecordBytes, _ refusal: OperationRefusal, when holds: Bool
    ) -> Bool {
        guard stored.isFollowed else { return holds }
        let fact = stored.operationRefusal
        let isStored = fact == refusal
        if isStored != holds, refusal != .full {
            note(
                command, bet: 0, fact: Decision(fact), ours: Decision(holds ? refusal : nil))
        }
        return isStored
    }

    /// Decides a placement by what is stored of it, and notes when the rules say otherwise.
    mutating func follow(_ command: RecordBytes, _ request: PlaceRequest, account: UInt32)
        throws(Refused) -> Terms
    {
        var ours: Terms?
        var refused: Refused?
        do {
            ours = try check(command, request, account: account)
        } catch { refused = error }
        guard let fact = stored.take(.placed, bet: command.sequence) else {
            // The comparison that follows will find it.
            if let refused { throw refused }
            return ours!
        }
        let decided =
            refused.map { Decision($0) }
            ?? Decision(
                status: ours!.delay.total(ruleSet) > 0 ? .pending : .open,
                amount: ours!.potentialReturn, delay: ours!.delay.total(ruleSet))
        if let stored = Refused(stored: fact) {
            if !stored.refusal.isCapacity {
                note(command, bet: command.sequence, fact: Decision(stored), ours: decided)
            }
            throw stored
        }
        guard let terms = terms(of: fact, command, request, account: account) else {
            if let refused { throw refused }
            return ours!
        }
        let isOtherOdds = readLegs(of: fact, command, request, compare: ours != nil)
        var told = terms
        if request.isEachWay { told.placed = placedReturn(request, terms.shape) }
        let isRoomOnly = refused?.refusal.isCapacity == true
        if !isRoomOnly {
            note(
                command, bet: command.sequence,
                fact: Decision(
                    status: terms.delay.total(ruleSet) > 0 ? .pending : .open,
                    amount: terms.potentialReturn, delay: terms.delay.total(ruleSet)),
                ours: decided, differs: isOtherOdds)
        }
        return told
    }

    /// The stake that is stored of one that took what it could get, where it was taken; notes when the rules say otherwise.
    mutating func follow(_ command: RecordBytes, _ request: PlaceRequest, filled: Int64) -> Int64 {
        guard let fact = stored.first, fact.kind == .placed,
            fact.field(Layout.Placed.bet, as: UInt64.self) == command.sequence,
            fact.field(Layout.Placed.refusal, as: UInt16.self) == 0
        else { return filled }
        let taken = fact.field(Layout.Placed.stake, as: Int64.self)
        note(
            command, bet: command.sequence, fact: Decision(status: .open, amount: taken),
            ours: Decision(status: .open, amount: filled))
        return taken
    }

    /// The terms that are stored; nil when these books cannot hold the bet, whatever is stored.
    private func terms(
        of fact: RecordBytes, _ command: RecordBytes, _ request: PlaceRequest, account: UInt32
    ) -> Terms? {
        let count = request.legCount
        let shape = request.shape(command)
        guard (1...Limits.legs).contains(count),
            Int(fact.field(Layout.Placed.legCount, as: UInt8.self)) == count,
            fact.slots
                >= SlotSize.slots(forBody: Layout.Placed.size(legs: count)),
            command.slots
                >= SlotSize.slots(forBody: Layout.Place.legs + count * Layout.Place.legSize),
            request.stake > 0, covers(request, account),
            accounts.hasRoom(legs: request.legRows(shape)),
            !request.isSystem || shape != nil, !accounts.isIDWindowFull,
            !accounts.areTimersFull
        else { return nil }
        for index in 0..<count {
            let offset = PlaceRequest.leg(index)
            let id = MarketID(command.field(offset + Layout.Leg.market, as: UInt64.self))
            guard let number = markets.market(id),
                command.field(offset + Layout.Leg.selection, as: UInt32.self)
                    < UInt32(markets.markets[number].selectionCount),
                fact.odds(at: Layout.Placed.legs + index * Layout.Placed.legSize) != nil
            else { return nil }
        }
        return Terms(
            potentialReturn: fact.field(Layout.Placed.potentialReturn, as: Int64.self),
            placed: nil,
            delay: DelayParts(
                base: fact.field(Layout.Placed.delayBase, as: UInt32.self),
                customer: fact.field(Layout.Placed.delayCustomer, as: UInt32.self),
                selection: fact.field(Layout.Placed.delaySelection, as: UInt32.self)),
            accountRow: account,
            shape: shape)
    }

    private func covers(_ request: PlaceRequest, _ account: UInt32) -> Bool {
        let stake = request.split
        let row = accounts.accounts[account]
        return stake.cash >= 0 && row.cash >= stake.cash
            && (0...min(row.bonus, Limits.stake)).contains(stake.bonus)
            && (0...min(row.free, Limits.stake)).contains(stake.free)
    }

    /// Fills the slip at hand from what is stored; true when the rules had other odds.
    private func readLegs(
        of fact: RecordBytes, _ command: RecordBytes, _ request: PlaceRequest, compare: Bool
    ) -> Bool {
        var isOther = false
        for index in 0..<request.legCount {
            let offset = PlaceRequest.leg(index)
            let id = MarketID(command.field(offset + Layout.Leg.market, as: UInt64.self))
            guard let market = markets.market(id),
                let odds = fact.odds(at: Layout.Placed.legs + index * Layout.Placed.legSize)
            else { continue }
            if compare, scratch[index].odds != odds { isOther = true }
            let row = markets.markets[market]
            let selection =
                row.firstSelection + command.field(offset + Layout.Leg.selection, as: UInt32.self)
            var quote = legQuote(market, selection, odds)
            quote.places = command.places(at: offset + Layout.Leg.eachWayPlaces)?.packed ?? 0
            quote.isAtStart = command.isAtStart(index)
            scratch[index] = quote
        }
        return isOther
    }
}
