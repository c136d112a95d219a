import Betting
import Catalogue
public import Kernel
import Ledger
import Risk

/// What a slip asks for, read out of its record once.
struct PlaceRequest {
    let account: AccountID
    let id: ExternalID
    let hash: ExternalID
    /// Of all money; what of it is bonus money, and what is free.
    var stake: Int64
    let bonus: Int64
    let free: Int64
    var fill: FillRule
    /// It is reckoned for an offer, which nobody has seen yet.
    var isOffer = false
    let currency: UInt16
    let structure: UInt8
    let legCount: Int
    /// Of a system.
    let sizes: UInt32
    let bankers: UInt32
    var rule: PriceRule
    var tolerance: UInt8
    let validUntil: Int64

    @inline(__always)
    init(_ record: RecordBytes) {
        account = record.account
        id = record.clientID
        hash = record.requestHash
        bonus = record.field(Layout.Place.stakeBonus, as: Int64.self)
        free = record.field(Layout.Place.stakeFree, as: Int64.self)
        stake = record.field(Layout.Place.stakeCash, as: Int64.self) &+ bonus &+ free
        fill = FillRule(rawValue: UInt8(truncatingIfNeeded: record.flags & 3)) ?? .reject
        currency = record.field(Layout.Place.currency, as: UInt16.self)
        structure = record.field(Layout.Place.structure, as: UInt8.self)
        legCount = Int(record.field(Layout.Place.legCount, as: UInt8.self))
        sizes = record.field(Layout.Place.sizes, as: UInt32.self)
        bankers = record.field(Layout.Place.bankers, as: UInt32.self)
        isEachWay =
            structure == BetStructure.eachWay.rawValue && legCount > 0
            && record.field(Self.leg(0) + Layout.Leg.eachWayPlaces, as: UInt8.self) != 0
        rule =
            PriceRule(rawValue: record.field(Layout.Place.priceRule, as: UInt8.self)) ?? .exact
        tolerance = record.field(Layout.Place.tolerance, as: UInt8.self)
        validUntil = record.field(Layout.Place.validUntil, as: Int64.self)
    }

    /// Some of it is bonus money, or free.
    var isPromotional: Bool { bonus | free != 0 }

    var split: StakeSplit {
        StakeSplit(cash: stake &- bonus &- free, bonus: bonus, free: free)
    }

    /// One that says its sizes: journals of before there were systems have some that do not, refused as unsupported.
    var isSystem: Bool {
        sizes != 0 && (structure == BetStructure.system.rawValue || isEachWay)
    }

    /// One that says its terms: journals of before there were each-way bets have some that do not.
    let isEachWay: Bool

    /// One price for all legs, which are of one match.
    var isSameGame: Bool { structure == BetStructure.sameGame.rawValue }

    var isStructure: Bool {
        isAccumulator || isSystem || isEachWay || isSameGame
    }

    var isAccumulator: Bool { structure == BetStructure.accumulator.rawValue }

    /// Nothing but legs, and a stake of cash.
    var isPlain: Bool { isAccumulator && !isPromotional }

    /// Which lines it asks for; nil when it is an accumulator, or no system that there is.
    func shape(_ record: RecordBytes) -> SystemShape? {
        guard isSystem else { return nil }
        return SystemShape(
            legs: legCount, sizes: sizes, bankers: bankers,
            packedGroups: record.groups(behind: legCount))
    }

    /// Rows that the bet takes for its legs and what they make.
    @inline(__always)
    func legRows(_ shape: SystemShape?) -> Int {
        guard !isPlain else { return legCount }
        return BetRow.legRows(
            legCount, isSystem: isSystem, hasMore: shape?.isNested == true || isSameGame,
            isEachWay: isEachWay,
            isPromotional: isPromotional)
    }

    /// The stake as it was asked for.
    static func asked(_ record: RecordBytes) -> Int64 {
        record.field(Layout.Place.stakeCash, as: Int64.self)
            &+ record.field(Layout.Place.stakeBonus, as: Int64.self)
            &+ record.field(Layout.Place.stakeFree, as: Int64.self)
    }

    static func leg(_ index: Int) -> Int { Layout.Place.legs + index * Layout.Place.legSize }
}

/// A refusal on its way out of the checks.
struct Refused: Error {
    let refusal: Refusal
    let facts: RefusalFacts

    init(_ refusal: Refusal, _ facts: RefusalFacts) {
        self.refusal = refusal
        self.facts = facts
    }

    init(_ refusal: Refusal, leg: Int? = nil, value: Int64 = 0, threshold: Int64 = 0) {
        self.refusal = refusal
        facts = RefusalFacts(leg: leg.map(UInt32.init) ?? .max, value: value, threshold: threshold)
    }
}

/// Why a bet waits in play, in milliseconds.
struct DelayParts: Equatable {
    /// The longest of its legs' markets.
    var base: UInt32 = 0
    /// Its customer's own.
    var customer: UInt32 = 0
    /// The longest of its selections' own.
    var selection: UInt32 = 0

    @inline(__always)
    mutating func add(_ quote: LegQuote, _ customer: UInt32) {
        base = max(base, quote.betDelay)
        selection = max(selection, quote.selectionDelay)
        if quote.isInPlay { self.customer = customer }
    }

    /// A leg of a bet that was taken.
    mutating func add(
        _ market: MarketRow, _ selection: SelectionRow, _ customer: UInt32, isInPlay: Bool
    ) {
        guard isInPlay else { return }
        base = max(base, market.betDelay)
        self.selection = max(self.selection, selection.delay)
        self.customer = customer
    }

    /// What they come to, as far as the rules let it be.
    func total(_ rules: RuleSet) -> UInt32 {
        let sum = UInt64(base) + UInt64(customer) + UInt64(selection)
        return UInt32(min(sum, UInt64(max(base, rules.betDelay))))
    }
}

/// What the checks found out, used when the bet is booked.
struct Terms {
    var potentialReturn: Int64
    /// Of it, what the place part of an each-way bet returns; nil for another bet.
    var placed: PlacedReturn?
    var delay: DelayParts
    var accountRow: UInt32
    /// A single's market's worst loss with the bet; nil when it was not reckoned.
    var exposure: Int64?
    /// Nil for an accumulator.
    var shape: SystemShape?
}

extension IDRow {
    /// Of a command that is no bet. `validUntil` in nanoseconds of UTC.
    init(_ command: RecordBytes, account: UInt32, validUntil: Int64) {
        let (id, hash) = (command.clientID, command.requestHash)
        self.init(
            high: id.high, low: id.low, hashHigh: hash.high, hashLow: hash.low, account: account,
            bet: .max, validUntil: validUntil, sequence: command.sequence)
    }

    init(_ request: PlaceRequest, account: UInt32, bet: UInt32, sequence: UInt64) {
        self.init(
            high: request.id.high, low: request.id.low, hashHigh: request.hash.high,
            hashLow: request.hash.low, account: account, bet: bet,
            validUntil: request.validUntil, sequence: sequence)
    }
}

extension RecordBytes {
    /// The one price behind so many legs of a placement; nil where there is none.
    public func jointOdds(behind legs: Int) -> Odds? {
        let offset = Layout.Place.legs + legs * Layout.Place.legSize
        guard flags & Layout.Place.hasJoint != 0,
            slots >= SlotSize.slots(forBody: offset + Layout.Place.jointSize)
        else { return nil }
        return odds(at: offset)
    }

    /// The groups behind so many legs of a placement; zeros where they do not fit.
    public func groups(behind legs: Int) -> SIMD4<UInt32> {
        let offset = Layout.Place.legs + legs * Layout.Place.legSize
        guard flags & Layout.Place.hasGroups != 0,
            slots >= SlotSize.slots(forBody: offset + Layout.Place.groupsSize)
        else { return .zero }
        var words = SIMD4<UInt32>.zero
        for place in 0..<4 { words[place] = field(offset + place * 4, as: UInt32.self) }
        return words
    }
}
