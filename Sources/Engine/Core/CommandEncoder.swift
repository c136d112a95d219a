public import Betting
public import Catalogue
public import Customers
public import Kernel
public import Ledger

/// What a leg of a slip says, as the customer saw it.
public struct LegIntent: Hashable, Sendable {
    public var market: MarketID
    public var fixture: FixtureID
    public var selection: UInt32
    // Zeros at starting price, as they are written.
    fileprivate var numerator: UInt32
    fileprivate var denominator: UInt32
    public var marketVersion: UInt64
    /// `Score.unknown` when the customer was shown none.
    public var score: UInt32
    public var clockSeconds: UInt32
    /// The supplier's message behind the price, 0 unknown.
    public var message: UInt64
    /// The each-way terms that the customer saw; nil where the bet is none.
    public var places: PlaceTerms?
    /// They count as they are at the off, not as they were struck.
    public var isAtTheOff = false

    public init(
        market: MarketID, fixture: FixtureID, selection: UInt32, odds: Odds?,
        marketVersion: UInt64 = 0, score: UInt32 = Score.unknown, clockSeconds: UInt32 = .max,
        message: UInt64 = 0
    ) {
        self.market = market
        self.fixture = fixture
        self.selection = selection
        numerator = odds?.numerator ?? 0
        denominator = odds?.denominator ?? 0
        self.marketVersion = marketVersion
        self.score = score
        self.clockSeconds = clockSeconds
        self.message = message
    }

    /// Nil at starting price.
    public var odds: Odds? {
        get { denominator == 0 ? nil : Odds(reduced: numerator, denominator) }
        set {
            numerator = newValue?.numerator ?? 0
            denominator = newValue?.denominator ?? 0
        }
    }
}

/// What a `place` asks for.
public struct BetIntent: Sendable {
    public var account: AccountID
    public var id: ExternalID
    public var requestHash: ExternalID
    public var session: SessionID
    /// Of all money; what of it is bonus money, and what is free.
    public var stake: Int64
    public var bonus: Int64 = 0
    public var free: Int64 = 0
    public var currency: Currency
    public var structure: BetStructure = .accumulator
    /// Of a system, as in `SystemShape`.
    public var sizes: UInt32 = 0
    public var bankers: UInt32 = 0
    /// What stands behind the legs: of a system its groups, as `SystemShape.groupWords` has them; of legs of one match
    /// the numerator and the denominator of their one price. One field, since it is handed on with every bet.
    public private(set) var wordsBehindLegs = SIMD4<UInt32>.zero
    public var legs: [LegIntent]
    public var rule: PriceRule = .exact
    public var ruleSource: PriceRuleSource = .standard
    public var tolerance: UInt8 = 0
    public var fill = FillRule.reject
    /// The refused intent whose offer this takes, 0 none.
    public var offer: UInt64 = 0
    /// To the licence's currency.
    public var rate = ExchangeRate.same
    public var oddsFormat: OddsFormat = .decimal
    public var validUntil: Timestamp
    public var receivedAt: Timestamp
    /// Milliseconds the customer's picture is behind, `UInt32.max` unknown.
    public var videoDelay: UInt32 = .max
    /// The channel, in the highest bit whether it is quoted, and in the next whether its customer must be located.
    public private(set) var way: UInt8 = 0

    /// As in `Layout.Session`, at most `Limits.channels`.
    public var channel: UInt8 {
        get { way & 0x3f }
        set { way = newValue & 0x3f | way & 0xc0 }
    }

    /// Its id is that of a single-use quote.
    public var isQuoted: Bool {
        get { way & 0x80 != 0 }
        set { way = newValue ? way | 0x80 : way & 0x7f }
    }

    /// It is taken only where its customer is known to be where bets are taken.
    public var mustBeLocated: Bool {
        get { way & 0x40 != 0 }
        set { way = newValue ? way | 0x40 : way & 0xbf }
    }

    /// The mark of the decision that it goes by, if it must be located; 0 none.
    public var located: UInt64 = 0

    /// Of a system with groups: as `SystemShape.groupWords` has them.
    public var groups: SIMD4<UInt32> {
        get { structure == .sameGame ? .zero : wordsBehindLegs }
        set { wordsBehindLegs = newValue }
    }

    /// The one price of all legs, which are of one match then; nil for another structure.
    public var joint: Odds? {
        get {
            structure == .sameGame ? Odds(wordsBehindLegs[0], over: wordsBehindLegs[1]) : nil
        }
        set {
            wordsBehindLegs = SIMD4(newValue?.numerator ?? 0, newValue?.denominator ?? 0, 0, 0)
        }
    }

    public init(
        account: AccountID, id: ExternalID, requestHash: ExternalID, session: SessionID,
        stake: Int64, currency: Currency, legs: [LegIntent], validUntil: Timestamp,
        receivedAt: Timestamp
    ) {
        self.account = account
        self.id = id
        self.requestHash = requestHash
        self.session = session
        self.stake = stake
        self.currency = currency
        self.legs = legs
        self.validUntil = validUntil
        self.receivedAt = receivedAt
    }
}

/// What a `cashOut` asks for.
public struct CashOutIntent: Hashable, Sendable {
    public var account: AccountID
    public var id: ExternalID
    public var requestHash: ExternalID
    public var session: SessionID
    public var bet: UInt64
    /// Minor units of its stake, 0 all of it.
    public var part: Int64
    /// Minor units: what was offered.
    public var least: Int64
    /// The versions behind the offer, as it named them.
    public var material: UInt64
    public var prices: UInt64
    public var validUntil: Timestamp

    public init(
        account: AccountID, id: ExternalID, requestHash: ExternalID, session: SessionID,
        bet: UInt64, part: Int64, least: Int64, material: UInt64 = 0, prices: UInt64 = 0,
        validUntil: Timestamp
    ) {
        self.account = account
        self.id = id
        self.requestHash = requestHash
        self.session = session
        self.bet = bet
        self.part = part
        self.least = least
        self.material = material
        self.prices = prices
        self.validUntil = validUntil
    }
}

public struct FixtureFacts: Sendable {
    public var id: ExternalID
    public var sport: Sport = .other
    public var state = FixtureState()
    public var incident: Incident = .none
    public var lostContact = false
    public var scheduled = Timestamp(nanoseconds: 0)
    public var competitorChain: UInt64 = 0
    public var competition = ""
    public var home = ""
    public var away = ""
    public var providerTime: Int64 = 0
    public var ingestTime: Int64 = 0
    /// When it truly began, UTC nanoseconds; 0 says nothing of it.
    public var startedAt: Int64 = 0
    /// Who said so, where that was no feed.
    public var byHand: MadeByHand?

    public init(id: ExternalID) { self.id = id }
}

public struct SelectionFacts: Hashable, Sendable {
    public var supplierID: UInt64
    public var name: String
    /// Quarters of a goal, run or point; nil without a line.
    public var line: Int32?

    public init(supplierID: UInt64, name: String, line: Int32? = nil) {
        self.supplierID = supplierID
        self.name = name
        self.line = line
    }
}

public struct MarketFacts: Sendable {
    public var id: ExternalID
    public var fixture: ExternalID
    public var type: MarketType = .other
    public var name: String
    public var winners: UInt8 = 1
    public var betDelay: UInt32 = 0
    public var relationGroup: UInt64 = 0
    public var line: Int32?
    public var maximumStake: Int64 = Limits.stake
    public var liabilityLimit: Int64 = Limits.potentialReturn
    /// The highest potential return that a scouted result settles, minor units; nil any, 0 none.
    public var scoutedReturn: Int64?
    /// Who made it, where that was no feed.
    public var byHand: MadeByHand?
    /// What each-way bets pay; nil where there are none.
    public var places: PlaceTerms?
    public var deductions = DeductionRule.none
    /// Each-way bets are paid by the terms at the off, not as they were struck.
    public var isAtTheOff = false
    /// Who does not run has lost, and nothing is deducted.
    public var isAntePost = false
    /// A starting price that is better than what was taken is paid.
    public var isGuaranteed = false
    /// Bets at starting price are taken until the start.
    public var takesAtStart = false
    /// Selections may be paid before it has a result.
    public var paysEarly = false
    /// Bets on it may be sold back before it has a result.
    public var isCashedOut = true
    public var selections: [SelectionFacts]

    public init(
        id: ExternalID, fixture: ExternalID, name: String, selections: [SelectionFacts]
    ) {
        self.id = id
        self.fixture = fixture
        self.name = name
        self.selections = selections
    }
}

/// What a market takes; nil stays as it was.
public struct MarketLimits: Hashable, Sendable {
    public var maximumStake: Int64?
    public var liabilityLimit: Int64?
    /// The worst loss at which it is shut by itself, 0 none.
    public var suspendAt: Int64?
    /// Winnings that are taken from anybody, 0 none.
    public var floor: Int64?
    /// Hundredths of a percent that a selection's chance may move from one price to the next, 0 any.
    public var mostMove: UInt16?
    /// Who says so; 0 for a feed's configuration.
    public var actor: UInt64 = 0
    /// How often they had been moved when they were seen; nil when it does not matter.
    public var version: UInt32?
    public var reason = ""

    public init() {}
}

/// A trader's hand on a market's prices.
public struct PricingHand: Hashable, Sendable {
    /// Hundredths of a percent; nil the feed's.
    public var margin: UInt32?
    /// A price for each selection that is held; nil as the feed says. At most `Limits.selections`.
    public var held: [Odds?]
    public var actor: UInt64
    public var reason: String
    /// Prices that look like errors are meant.
    public var isSure = false
    /// How often the hand had changed when it was seen; nil when it does not matter.
    public var version: UInt32?
    /// The fixture's material version that was seen: what was typed before a goal is not held after it.
    public var seen: UInt64?

    public init(held: [Odds?], margin: UInt32? = nil, actor: UInt64, reason: String) {
        self.held = held
        self.margin = margin
        self.actor = actor
        self.reason = reason
    }
}

/// Which person made a fixture or a market, and why.
public struct MadeByHand: Hashable, Sendable {
    public var actor: UInt64
    public var reason: String

    public init(actor: UInt64, reason: String) {
        self.actor = actor
        self.reason = reason
    }
}

public struct PriceEntry: Hashable, Sendable {
    public var odds: Odds?
    public var reference: UInt32
    /// Milliseconds that a bet on it waits in play beside the market's own delay.
    public var delay: UInt32
    /// What its supplier expects of it, where it says so.
    public var chance: Chance?

    public init(odds: Odds?, reference: UInt32 = 0, delay: UInt32 = 0, chance: Chance? = nil) {
        self.odds = odds
        self.reference = reference
        self.delay = delay
        self.chance = chance
    }
}

public struct SelectionOutcome: Hashable, Sendable {
    public var result: SelectionResult
    public var winners: UInt8
    public var tied: UInt8
    /// Where it came in, among `tied`; `Finish.unplaced`, or 0 when that is not said.
    public var position: UInt8

    public init(
        _ result: SelectionResult, winners: UInt8 = 1, tied: UInt8 = 1, position: UInt8 = 0
    ) {
        self.result = result
        self.winners = winners
        self.tied = tied
        self.position = position
    }
}

public enum ResultSource: UInt8, Sendable {
    case feed = 1
    case `operator` = 2
}

/// What a promotion gives. Numbers are stable.
public enum GrantKind: UInt8, CaseIterable, Sendable {
    /// Money that can be staked; what it wins is cash.
    case bonus = 1
    /// What may be staked for nothing: it is not returned, what it wins is cash.
    case free = 2

    public var word: String { self == .bonus ? "bonus" : "free" }
}

/// What is done about a market's bets.
public enum ResultAction: UInt8, Sendable {
    case settle = 1
    /// What was said of the result holds no longer.
    case rollback = 2
    case cancel = 3
    /// A cancel holds no longer.
    case reinstate = 4
    /// One bet is void, or no longer is.
    case voidBet = 5
    case restoreBet = 6

    /// It is about one bet, not about a market.
    public var isOfBet: Bool { self == .voidBet || self == .restoreBet }

    public var word: String {
        switch self {
        case .settle: "settle"
        case .rollback: "rollback"
        case .cancel: "cancel"
        case .reinstate: "reinstate"
        case .voidBet: "void"
        case .restoreBet: "restore"
        }
    }
}

/// Writes commands as records, into memory of its own that the next command reuses.
@safe public struct CommandEncoder: ~Copyable {
    private let memory: UnsafeMutableRawPointer

    public init() {
        unsafe memory = .allocate(
            byteCount: SlotSize.mostSlots * SlotSize.bytes, alignment: 4096)
    }

    deinit { unsafe memory.deallocate() }

    private func begin(_ kind: RecordKind, body: Int) -> RecordBytes {
        let record = unsafe RecordBytes(memory, slots: SlotSize.slots(forBody: body))
        record.begin(kind)
        return record
    }

    public mutating func openAccount(_ id: ExternalID, _ currency: Currency, _ money: MoneyKind)
        -> RecordBytes
    {
        let record = begin(.openAccount, body: Layout.OpenAccount.size)
        record.clientID = id
        record.set(Layout.OpenAccount.currency, currency.numericCode)
        record.set(Layout.OpenAccount.money, money.rawValue)
        return record
    }

    public mutating func deposit(_ amount: Int64, to account: AccountID, id: ExternalID)
        -> RecordBytes
    {
        let record = begin(.deposit, body: Layout.Deposit.size)
        record.account = account
        record.clientID = id
        record.set(Layout.Deposit.amount, amount)
        record.set(Layout.Deposit.source, 1 as UInt8)
        return record
    }

    /// Bonus money or free stakes; an `amount` below zero takes back what is there of it. `promotion` and `terms` 0
    /// unknown.
    public mutating func grant(
        _ kind: GrantKind, _ amount: Int64, to account: AccountID, id: ExternalID,
        requestHash: ExternalID, promotion: UInt64 = 0, terms: UInt32 = 0, actor: UInt64,
        reason: String
    ) -> RecordBytes {
        let record = begin(.grant, body: Layout.Grant.size)
        record.account = account
        record.clientID = id
        record.requestHash = requestHash
        record.set(Layout.Grant.amount, amount)
        record.set(Layout.Grant.kind, kind.rawValue)
        record.set(Layout.Grant.terms, terms)
        record.set(Layout.Grant.promotion, promotion)
        record.set(Layout.Grant.actor, actor)
        record.set(Layout.Grant.reason, text: reason, width: 64)
        return record
    }

    /// `amount` in minor units, or minutes for time; nil for none. `expected` is the limit's version that the
    /// customer saw, 0 never set; nil when it does not matter.
    public mutating func setLimit(
        _ kind: LimitKind, _ period: LimitPeriod, to amount: Int64?, of account: AccountID,
        expected: UInt64? = nil, session: SessionID
    ) -> RecordBytes {
        let record = begin(.setLimit, body: Layout.SetLimit.size)
        record.account = account
        record.set(Layout.SetLimit.kind, kind.rawValue)
        record.set(Layout.SetLimit.period, period.rawValue)
        record.set(Layout.SetLimit.source, 1 as UInt8)
        record.set(Layout.SetLimit.amount, amount ?? OwnLimit.none)
        record.set(Layout.SetLimit.expected, expected ?? .max)
        record.set(Layout.SetLimit.session, session.rawValue)
        return record
    }

    /// Somebody at the desk has signed in.
    public mutating func operatorSession(
        _ person: UInt64, role: String, brand: UInt32, licence: UInt32
    ) -> RecordBytes {
        let record = session(
            account: AccountID(.max), brand: brand, licence: licence, channel: 1,
            authentication: 2, realm: 2, format: nil)
        record.set(Layout.Session.operator, person)
        record.set(Layout.Session.role, text: role, width: 16)
        return record
    }

    /// How far an account is trusted: `stakeFactor` in thousandths of a market's maximum stake, `delay` in milliseconds
    /// beside a market's own delay in play. No bets are taken while it `isShut`; nil leaves that as it was.
    public mutating func setRisk(
        of account: AccountID, stakeFactor: UInt16, delay: UInt32, isShut: Bool? = nil,
        actor: UInt64, reason: String, notice: String
    ) -> RecordBytes {
        let record = begin(.setRisk, body: Layout.SetRisk.size)
        record.account = account
        record.set(Layout.SetRisk.stakeFactor, stakeFactor)
        record.set(Layout.SetRisk.shut, isShut.map { $0 ? 1 : 2 } ?? 0 as UInt8)
        record.set(Layout.SetRisk.delay, delay)
        record.set(Layout.SetRisk.actor, actor)
        record.set(Layout.SetRisk.reason, text: reason, width: 64)
        record.set(Layout.SetRisk.notice, text: notice, width: 80)
        return record
    }

    /// Whole; `version` is how often the rule's table had been set when it was looked at, nil any.
    public mutating func deductionTable(
        _ rule: DeductionRule, _ table: DeductionTable, version: Int? = nil, actor: UInt64,
        reason: String
    ) -> RecordBytes {
        typealias Table = Layout.DeductionTable
        let record = begin(
            .deductionTable, body: Table.steps + table.steps.count * Table.stepSize)
        record.set(Table.rule, rule.rawValue)
        record.set(Table.count, UInt16(table.steps.count))
        record.set(Table.expected, version.map { UInt32($0) + 1 } ?? 0)
        record.set(Table.actor, actor)
        record.set(Table.reason, text: reason, width: 64)
        record.set(Table.waivedAlone, table.waivedAlone)
        for (place, step) in table.steps.enumerated() {
            let offset = Table.steps + place * Table.stepSize
            record.set(offset + Table.winnings, step.winnings)
            record.set(offset + Table.stake, step.stake)
            record.set(offset + Table.win, step.win)
            record.set(offset + Table.place, step.place)
            record.set(offset + Table.runners, step.runners)
        }
        return record
    }

    /// Whole; `version` is the version that was seen, 0 that there is none yet, nil any. Times in nanoseconds, 0 none.
    public mutating func promotion(
        _ number: UInt64, name: String, terms: String, from: Int64 = 0, until: Int64 = 0,
        version: UInt32? = nil, actor: UInt64, reason: String
    ) -> RecordBytes {
        typealias Said = Layout.Promotion
        let length = min(terms.utf8.count, Promotion.termsBytes)
        let record = begin(.promotion, body: Said.terms + length)
        record.set(Said.number, number)
        record.set(Said.from, from)
        record.set(Said.until, until)
        record.set(Said.expected, version.map { $0 + 1 } ?? 0)
        record.set(Said.termsLength, UInt16(length))
        record.set(Said.actor, actor)
        record.set(Said.reason, text: reason, width: 64)
        record.set(Said.name, text: name, width: Promotion.nameBytes)
        record.set(Said.terms, text: terms, width: length)
        return record
    }

    /// `notice` is what the customer is told; it may be empty where a bar is lifted.
    public mutating func setBar(
        of account: AccountID, from scope: BarScope, isSet: Bool, actor: UInt64, reason: String,
        notice: String
    ) -> RecordBytes {
        let record = begin(.setBar, body: Layout.SetBar.size)
        record.account = account
        switch scope {
        case .sport(let sport):
            record.set(Layout.SetBar.scope, 1 as UInt8)
            record.set(Layout.SetBar.id, UInt64(sport))
        case .fixture(let fixture):
            record.set(Layout.SetBar.scope, 2 as UInt8)
            record.set(Layout.SetBar.id, fixture.rawValue)
        }
        record.set(Layout.SetBar.isSet, (isSet ? 1 : 0) as UInt8)
        record.set(Layout.SetBar.actor, actor)
        record.set(Layout.SetBar.reason, text: reason, width: 64)
        record.set(Layout.SetBar.notice, text: notice, width: 80)
        return record
    }

    /// `channel`, `authentication` and `realm` as in `Layout.Session`; all else is unknown here.
    public mutating func session(
        account: AccountID, brand: UInt32, licence: UInt32, channel: UInt8, authentication: UInt8,
        realm: UInt8, format: OddsFormat?
    ) -> RecordBytes {
        let record = begin(.session, body: Layout.Session.size)
        record.account = account
        record.set(Layout.Session.brand, brand)
        record.set(Layout.Session.licence, licence)
        record.set(Layout.Session.channel, channel)
        record.set(Layout.Session.oddsFormat, format?.rawValue ?? 0)
        record.set(Layout.Session.authentication, authentication)
        record.set(Layout.Session.realm, realm)
        return record
    }

    /// What was decided of where a customer is who signed in as `session`; bets name it by its mark, which is not 0.
    public mutating func location(
        of account: AccountID, _ session: SessionID, _ decision: LocationDecision, mark: UInt64
    ) -> RecordBytes {
        let record = begin(.location, body: Layout.Location.size)
        let report = decision.report
        record.account = account
        record.set(Layout.Location.session, session.rawValue)
        record.set(Layout.Location.verdict, decision.verdict.rawValue)
        record.set(Layout.Location.source, report.source.rawValue)
        record.set(Layout.Location.signs, report.signs.rawValue)
        record.set(Layout.Location.accuracy, report.accuracy ?? .max)
        record.set(Layout.Location.border, report.border ?? .max)
        record.set(Layout.Location.until, decision.until.nanoseconds)
        record.set(
            Layout.Location.region, text: report.region?.code ?? "",
            width: LocationRegion.codeBytes)
        record.set(
            Layout.Location.reference, text: report.reference,
            width: LocationReport.referenceBytes)
        record.set(Layout.Location.mark, mark)
        return record
    }

    public mutating func fixture(_ facts: FixtureFacts) -> RecordBytes {
        let record = begin(
            .fixture,
            body: facts.byHand == nil ? Layout.Fixture.size : Layout.Fixture.byHandSize)
        write(facts, to: record)
        record.set(Layout.Fixture.competition, text: facts.competition, width: 48)
        record.set(Layout.Fixture.home, text: facts.home, width: 48)
        record.set(Layout.Fixture.away, text: facts.away, width: 48)
        if let made = facts.byHand {
            record.flags = Layout.Fixture.isByHand
            record.set(Layout.Fixture.actor, made.actor)
            record.set(Layout.Fixture.reason, text: made.reason, width: 64)
        }
        return record
    }

    public mutating func fixtureUpdate(_ facts: FixtureFacts) -> RecordBytes {
        let record = begin(.fixtureUpdate, body: Layout.Fixture.updateSize)
        write(facts, to: record)
        record.set(Layout.Fixture.providerTime, facts.providerTime)
        record.set(Layout.Fixture.ingestTime, facts.ingestTime)
        record.set(Layout.Fixture.startedAt, facts.startedAt)
        record.set(Layout.Fixture.updateActor, facts.byHand?.actor ?? 0)
        record.set(Layout.Fixture.updateReason, text: facts.byHand?.reason ?? "", width: 64)
        return record
    }

    private func write(_ facts: FixtureFacts, to record: RecordBytes) {
        record.clientID = facts.id
        record.set(Layout.Fixture.sport, facts.sport.rawValue)
        record.set(Layout.Fixture.status, facts.state.status.rawValue)
        record.set(Layout.Fixture.isInPlay, facts.state.isInPlay ? 1 as UInt8 : 0)
        record.set(Layout.Fixture.incident, facts.incident.rawValue)
        record.set(Layout.Fixture.lostContact, facts.lostContact ? 1 as UInt8 : 0)
        record.set(Layout.Fixture.scheduled, facts.scheduled.nanoseconds)
        record.set(Layout.Fixture.competitorChain, facts.competitorChain)
        record.set(Layout.Fixture.score, facts.state.score)
        record.set(Layout.Fixture.clock, facts.state.clockSeconds)
    }

    /// At most `Limits.selections` selections.
    public mutating func market(_ facts: MarketFacts) -> RecordBytes {
        precondition(
            facts.selections.count <= Limits.selections, "a market's selections are bounded")
        let end =
            Layout.Market.selections + facts.selections.count * Layout.Market.selectionSize
        let record = begin(
            .market,
            body: end + (facts.byHand == nil ? 0 : Layout.Market.byHandSize))
        record.clientID = facts.id
        if facts.paysEarly { record.flags |= Layout.Market.paysEarly }
        if let made = facts.byHand {
            record.flags |= Layout.Market.isByHand
            record.set(end, made.actor)
            record.set(end + 8, text: made.reason, width: 64)
        }
        record.set(Layout.Market.fixtureHigh, facts.fixture.high)
        record.set(Layout.Market.fixtureLow, facts.fixture.low)
        record.set(Layout.Market.type, facts.type.rawValue)
        record.set(Layout.Market.resultSource, ResultSource.feed.rawValue)
        record.set(Layout.Market.winners, facts.winners)
        record.set(Layout.Market.selectionCount, UInt8(facts.selections.count))
        record.set(Layout.Market.betDelay, facts.betDelay)
        record.set(Layout.Market.relationGroup, facts.relationGroup)
        record.set(Layout.Market.line, facts.line ?? .min)
        record.set(Layout.Market.maximumStake, facts.maximumStake)
        record.set(Layout.Market.liabilityLimit, facts.liabilityLimit)
        record.set(Layout.Market.places, facts.places)
        record.set(
            Layout.Market.racing,
            facts.deductions.rawValue | (facts.takesAtStart ? 1 << 3 : 0)
                | (facts.isAtTheOff ? 1 << 4 : 0)
                | (facts.isAntePost ? 1 << 5 : 0) | (facts.isGuaranteed ? 1 << 6 : 0)
                | (facts.isCashedOut ? 0 : 1 << 7))
        record.set(Layout.Market.scoutedReturn, facts.scoutedReturn.map { $0 == 0 ? -1 : $0 } ?? 0)
        record.set(Layout.Market.name, text: facts.name, width: 48)
        for (index, selection) in facts.selections.enumerated() {
            let offset = Layout.Market.selections + index * Layout.Market.selectionSize
            record.set(offset + Layout.Market.selectionSupplier, selection.supplierID)
            record.set(offset + Layout.Market.selectionLine, selection.line ?? .min)
            record.set(offset + Layout.Market.selectionName, text: selection.name, width: 48)
        }
        return record
    }

    /// `margin` in hundredths of a percent; `notOffered` as in Pricing, 0 when offered.
    public mutating func price(
        market: ExternalID, _ entries: [PriceEntry], margin: UInt32, message: UInt64,
        providerTime: Int64, notOffered: UInt8 = 0
    ) -> RecordBytes {
        let chances = Layout.Price.entries + entries.count * Layout.Price.entrySize
        let hasChances = entries.contains { $0.chance != nil }
        let record = begin(
            .price,
            body: chances + (hasChances ? entries.count * Layout.Price.chanceSize : 0))
        record.clientID = market
        if hasChances { record.flags = Layout.Price.hasChances }
        record.set(Layout.Price.source, 1 as UInt8)
        record.set(Layout.Price.notOffered, notOffered)
        record.set(Layout.Price.selectionCount, UInt16(entries.count))
        record.set(Layout.Price.margin, margin)
        record.set(Layout.Price.message, message)
        record.set(Layout.Price.providerTime, providerTime)
        for (index, entry) in entries.enumerated() {
            let offset = Layout.Price.entries + index * Layout.Price.entrySize
            record.set(offset + Layout.Price.entryOdds, entry.odds)
            record.set(offset + Layout.Price.entryReference, entry.reference)
            record.set(offset + Layout.Price.entryDelay, entry.delay)
            guard hasChances else { continue }
            let behind = chances + index * Layout.Price.chanceSize
            record.set(behind, entry.chance?.win ?? .max)
            record.set(behind + 4, entry.chance?.back ?? .max)
        }
        return record
    }

    /// What each selection started at, in the market's order; `time` is when the supplier said it, UTC nanoseconds,
    /// 0 when that is not known.
    public mutating func startingPrices(
        market: ExternalID, _ prices: [Odds?], time: Int64 = 0
    ) -> RecordBytes {
        let record = begin(
            .startingPrices, body: Layout.Price.entries + prices.count * Layout.Price.entrySize)
        record.clientID = market
        record.set(Layout.Price.source, 1 as UInt8)
        record.set(Layout.Price.selectionCount, UInt16(prices.count))
        record.set(Layout.Price.providerTime, time)
        for (index, odds) in prices.enumerated() {
            record.set(
                Layout.Price.entries + index * Layout.Price.entrySize + Layout.Price.entryOdds,
                odds)
        }
        return record
    }

    /// Which selections are paid as if they had won, in the market's order: the moment before which bets were accepted,
    /// UTC nanoseconds, nil for none. `time` is when the supplier said it, 0 when that is not known.
    public mutating func earlyPayout(
        market: ExternalID, _ moments: [Int64?], time: Int64 = 0
    ) -> RecordBytes {
        let record = begin(
            .earlyPayout,
            body: Layout.EarlyPayout.moments + moments.count * Layout.EarlyPayout.momentSize)
        record.clientID = market
        record.set(Layout.EarlyPayout.selectionCount, UInt16(moments.count))
        record.set(Layout.EarlyPayout.time, time)
        for (index, moment) in moments.enumerated() {
            record.set(
                Layout.EarlyPayout.moments + index * Layout.EarlyPayout.momentSize, moment ?? 0)
        }
        return record
    }

    /// A selection takes no further part; `effective` and `received` are UTC nanoseconds, 0 unknown. `deduction` and
    /// `placeDeduction` are hundredths of a percent, nil by the market's rule; `places` each-way terms from here on.
    public mutating func withdrawal(
        market: ExternalID, selection: UInt32, effective: Int64, received: Int64,
        actor: UInt64 = 0, deduction: UInt16? = nil, placeDeduction: UInt16? = nil,
        places: PlaceTerms? = nil
    ) -> RecordBytes {
        let record = begin(.withdrawal, body: Layout.Withdrawal.size)
        record.clientID = market
        record.set(Layout.Withdrawal.selection, selection)
        record.set(Layout.Withdrawal.source, (actor == 0 ? 1 : 2) as UInt8)
        record.set(Layout.Withdrawal.effective, effective)
        record.set(Layout.Withdrawal.received, received)
        record.set(Layout.Withdrawal.actor, actor)
        record.set(Layout.Withdrawal.places, places)
        record.set(Layout.Withdrawal.deduction, deduction.map { $0 + 1 } ?? 0)
        record.set(Layout.Withdrawal.placeDeduction, placeDeduction.map { $0 + 1 } ?? 0)
        return record
    }

    public enum Scope: UInt8, Sendable {
        case market = 1
        case fixture = 2
        case all = 3
        /// Of every fixture that is in play.
        case allInPlay = 4
    }

    /// What of it is not said stays as it was; minor units, and `mostMove` in hundredths of a percent.
    public mutating func marketLimits(_ id: ExternalID, _ limits: MarketLimits) -> RecordBytes {
        let record = begin(.marketLimits, body: Layout.MarketLimits.size)
        record.clientID = id
        record.set(Layout.MarketLimits.maximumStake, limits.maximumStake ?? -1)
        record.set(Layout.MarketLimits.liabilityLimit, limits.liabilityLimit ?? -1)
        record.set(Layout.MarketLimits.suspendAt, limits.suspendAt ?? -1)
        record.set(Layout.MarketLimits.floor, limits.floor ?? -1)
        record.set(Layout.MarketLimits.mostMove, limits.mostMove.map(UInt32.init) ?? .max)
        record.set(
            Layout.MarketLimits.owner,
            (limits.actor == 0 ? MarketOwner.feed : .trader).rawValue)
        record.set(Layout.MarketLimits.actor, limits.actor)
        record.set(Layout.MarketLimits.expected, limits.version.map { $0 &+ 1 } ?? 0)
        record.set(Layout.MarketLimits.reason, text: limits.reason, width: 64)
        return record
    }

    /// Whole: what is not in it is as the feed says. `margin` in hundredths of a percent, nil the feed's.
    public mutating func pricing(_ id: ExternalID, _ hand: PricingHand) -> RecordBytes {
        let record = begin(
            .pricing, body: Layout.Pricing.entries + hand.held.count * Layout.Pricing.entrySize)
        record.clientID = id
        record.set(Layout.Pricing.margin, hand.margin ?? .max)
        record.set(Layout.Pricing.expected, hand.version.map { $0 &+ 1 } ?? 0)
        record.set(
            Layout.Pricing.seen, hand.seen.map { UInt32(truncatingIfNeeded: $0) &+ 1 } ?? 0)
        record.set(Layout.Pricing.actor, hand.actor)
        record.set(Layout.Pricing.selectionCount, UInt16(hand.held.count))
        record.set(Layout.Pricing.isSure, hand.isSure ? 1 as UInt8 : 0)
        record.set(Layout.Pricing.reason, text: hand.reason, width: 64)
        for (place, odds) in hand.held.enumerated() {
            record.set(Layout.Pricing.entries + place * Layout.Pricing.entrySize, odds)
        }
        return record
    }

    /// What the house adds to bets that are asked for from here on, and takes of what they win; whole. `version` is how
    /// many versions there were when it was seen, nil when it does not matter.
    public mutating func houseRules(
        _ rules: HouseRules, version: Int? = nil, actor: UInt64, reason: String
    ) -> RecordBytes {
        let record = begin(
            .houseRules,
            body: Layout.HouseRules.bonuses + rules.bonuses.count * Layout.HouseRules.bonusSize)
        record.set(Layout.HouseRules.commission, rules.commission)
        record.set(Layout.HouseRules.count, UInt16(rules.bonuses.count))
        record.set(Layout.HouseRules.expected, version.map { UInt32($0) &+ 1 } ?? 0)
        record.set(Layout.HouseRules.actor, actor)
        record.set(Layout.HouseRules.reason, text: reason, width: 64)
        for (place, bonus) in rules.bonuses.enumerated() {
            let offset = Layout.HouseRules.bonuses + place * Layout.HouseRules.bonusSize
            record.set(offset + Layout.HouseRules.onlyWinner, bonus.onlyWinner)
            record.set(offset + Layout.HouseRules.allWinners, bonus.allWinners)
        }
        return record
    }

    /// `channel` as in `Layout.Session`.
    public mutating func channelState(
        _ channel: UInt8, isShut: Bool, actor: UInt64, reason: String
    ) -> RecordBytes {
        let record = begin(.channelState, body: Layout.ChannelState.size)
        record.set(Layout.ChannelState.channel, channel)
        record.set(Layout.ChannelState.isShut, isShut ? 1 as UInt8 : 0)
        record.set(Layout.ChannelState.actor, actor)
        record.set(Layout.ChannelState.reason, text: reason, width: 64)
        return record
    }

    /// `id` is the market's or the fixture's, by `scope`. `expected` is the one market's material version that was
    /// seen, 0 when it does not matter.
    public mutating func marketState(
        _ id: ExternalID, scope: Scope = .market, by owner: MarketOwner, setting: ShutReasons = [],
        lifting: ShutReasons = [], actor: UInt64 = 0, isMaterial: Bool = false,
        betDelay: UInt32? = nil, reason: String = "", expected: UInt64 = 0
    ) -> RecordBytes {
        let record = begin(.marketState, body: Layout.MarketState.size)
        record.clientID = id
        record.set(Layout.MarketState.owner, owner.rawValue)
        record.set(Layout.MarketState.setting, setting.rawValue)
        record.set(Layout.MarketState.lifting, lifting.rawValue)
        record.set(Layout.MarketState.scope, scope.rawValue)
        record.set(Layout.MarketState.betDelay, betDelay ?? .max)
        record.set(Layout.MarketState.actor, actor)
        record.set(Layout.MarketState.isMaterial, isMaterial ? 1 as UInt8 : 0)
        record.set(Layout.MarketState.reason, text: reason, width: 64)
        record.set(Layout.MarketState.expected, expected)
        return record
    }

    /// `requestHash` is over everything that the customer decided.
    /// A segment is full and will not change any more; `digest` is the SHA-256 of all its bytes.
    public mutating func sealed(segment: UInt32, bytes: Int, digest: [UInt8], root: [UInt8])
        -> RecordBytes
    {
        precondition(digest.count == 32 && root.count == 32, "two SHA-256")
        let record = begin(.sealed, body: Layout.Sealed.size)
        record.set(Layout.Sealed.segment, segment)
        record.set(Layout.Sealed.bytes, UInt64(bytes))
        record.set(Layout.Sealed.digest, bytes: digest)
        record.set(Layout.Sealed.root, bytes: root)
        return record
    }

    /// A bet, or a part of one, is sold back for no less than `least`.
    public mutating func cashOut(_ intent: CashOutIntent) -> RecordBytes {
        let record = begin(.cashOut, body: Layout.CashOut.size)
        record.account = intent.account
        record.clientID = intent.id
        record.requestHash = intent.requestHash
        record.set(Layout.CashOut.session, intent.session.rawValue)
        record.set(Layout.CashOut.bet, intent.bet)
        record.set(Layout.CashOut.part, intent.part)
        record.set(Layout.CashOut.least, intent.least)
        record.set(Layout.CashOut.material, intent.material)
        record.set(Layout.CashOut.prices, intent.prices)
        record.set(Layout.CashOut.validUntil, intent.validUntil.nanoseconds)
        record.set(Layout.CashOut.source, 1 as UInt8)
        return record
    }

    /// A bet is sold back whole as soon as it is worth so much; nil: not any more.
    public mutating func cashOutRule(
        of bet: UInt64, atLeast: Int64?, account: AccountID, session: SessionID
    ) -> RecordBytes {
        let record = begin(.cashOutRule, body: Layout.CashOutRule.size)
        record.account = account
        record.set(Layout.CashOutRule.session, session.rawValue)
        record.set(Layout.CashOutRule.bet, bet)
        record.set(Layout.CashOutRule.atLeast, atLeast ?? 0)
        return record
    }

    @inline(never)
    private static func sizeBehindLegs(_ words: SIMD4<UInt32>, _ structure: BetStructure) -> Int {
        if words == .zero { return 0 }
        return structure == .sameGame ? Layout.Place.jointSize : Layout.Place.groupsSize
    }

    @inline(never)
    private static func write(
        _ words: SIMD4<UInt32>, _ structure: BetStructure, to record: RecordBytes, at offset: Int
    ) {
        let isJoint = structure == .sameGame
        record.flags |= isJoint ? Layout.Place.hasJoint : Layout.Place.hasGroups
        for place in 0..<(isJoint ? 2 : 4) { record.set(offset + place * 4, words[place]) }
    }

    public mutating func place(_ intent: BetIntent) -> RecordBytes {
        let count = min(intent.legs.count, 255)
        let written = min(count, Limits.legs)
        let end = Layout.Place.legs + written * Layout.Place.legSize
        let more =
            intent.structure == .accumulator
            ? 0 : Self.sizeBehindLegs(intent.wordsBehindLegs, intent.structure)
        let record = begin(.place, body: end + more)
        record.account = intent.account
        record.clientID = intent.id
        record.requestHash = intent.requestHash
        record.flags = UInt16(intent.fill.rawValue) | UInt16(intent.channel) << 4
        if intent.mustBeLocated { record.flags |= Layout.Place.mustBeLocated }
        if more > 0 {
            Self.write(intent.wordsBehindLegs, intent.structure, to: record, at: end)
        }
        record.set(Layout.Place.session, intent.session.rawValue)
        record.set(Layout.Place.stakeCash, intent.stake &- intent.bonus &- intent.free)
        record.set(Layout.Place.stakeBonus, intent.bonus)
        record.set(Layout.Place.stakeFree, intent.free)
        record.set(Layout.Place.currency, intent.currency.numericCode)
        record.set(Layout.Place.structure, intent.structure.rawValue)
        record.set(Layout.Place.offer, intent.offer)
        if intent.isQuoted { record.set(Layout.Place.quote, intent.id.low) }
        if intent.mustBeLocated { record.set(Layout.Place.located, intent.located) }
        record.set(Layout.Place.sizes, intent.sizes)
        record.set(Layout.Place.bankers, intent.bankers)
        record.set(Layout.Place.legCount, UInt8(count))
        record.set(Layout.Place.priceRule, intent.rule.rawValue)
        record.set(Layout.Place.priceRuleSource, intent.ruleSource.rawValue)
        record.set(Layout.Place.tolerance, intent.tolerance)
        record.set(Layout.Place.oddsFormat, intent.oddsFormat.rawValue)
        record.set(Layout.Place.fxNumerator, intent.rate.numerator)
        record.set(Layout.Place.fxDenominator, intent.rate.denominator)
        record.set(Layout.Place.validUntil, intent.validUntil.nanoseconds)
        record.set(Layout.Place.receivedAt, intent.receivedAt.nanoseconds)
        record.set(Layout.Place.videoDelay, intent.videoDelay)
        record.set(Layout.Place.gamingDay, intent.receivedAt.day)
        for index in 0..<written {
            let leg = intent.legs[index]
            let offset = Layout.Place.legs + index * Layout.Place.legSize
            record.set(offset + Layout.Leg.market, leg.market.rawValue)
            record.set(offset + Layout.Leg.fixture, leg.fixture.rawValue)
            record.set(offset + Layout.Leg.selection, leg.selection)
            record.set(offset + Layout.Leg.line, Int32.min)
            record.set(offset + Layout.Leg.odds, leg.numerator)
            record.set(offset + Layout.Leg.odds + 4, leg.denominator)
            record.set(
                offset + Layout.Leg.priceKind,
                (leg.denominator == 0 ? PriceKind.starting : .fixed).rawValue)
            record.set(offset + Layout.Leg.marketVersion, leg.marketVersion)
            record.set(offset + Layout.Leg.score, leg.score)
            record.set(offset + Layout.Leg.clock, leg.clockSeconds)
            if let places = leg.places {
                record.set(offset + Layout.Leg.eachWayPlaces, places)
                record.set(offset + Layout.Leg.eachWayBasis, (leg.isAtTheOff ? 2 : 1) as UInt8)
            }
            record.set(offset + Layout.Leg.priceSource, 1 as UInt8)
            record.set(offset + Layout.Leg.message, leg.message)
        }
        return record
    }

    /// A result as the supplier tells it, or as an operator proposes it (`kind` `.propose`): then `expected` is the
    /// settlement version that was seen, nil when it does not matter. `time` is when the supplier said it, UTC
    /// nanoseconds, 0 when that is not known.
    public mutating func result(
        _ kind: RecordKind = .result, market: ExternalID, _ outcomes: [SelectionOutcome],
        source: ResultSource, certainty: UInt8 = 2, time: Int64 = 0, isRollback: Bool = false,
        actor: UInt64 = 0, reason: String = "", evidence: String = "", expected: UInt32? = nil
    ) -> RecordBytes {
        let record = begin(
            kind, body: Layout.Result.selections + outcomes.count * Layout.Result.selectionSize)
        record.clientID = market
        record.set(Layout.Result.time, time)
        record.set(Layout.Result.source, source.rawValue)
        record.set(Layout.Result.certainty, certainty)
        record.set(Layout.Result.selectionCount, UInt8(outcomes.count))
        record.set(
            Layout.Result.action, (isRollback ? ResultAction.rollback : .settle).rawValue)
        record.set(Layout.Result.actor, actor)
        record.set(Layout.Result.expected, expected.map { $0 + 1 } ?? 0)
        record.set(Layout.Result.evidence, text: evidence, width: 32)
        record.set(Layout.Result.reason, text: reason, width: 64)
        for (index, outcome) in outcomes.enumerated() {
            let offset = Layout.Result.selections + index * Layout.Result.selectionSize
            record.set(offset, outcome.result.rawValue)
            record.set(offset + 1, outcome.winners)
            record.set(offset + 2, outcome.tied)
            record.set(offset + 3, outcome.position)
        }
        return record
    }

    /// The supplier takes back what it said of a market's `selections`.
    public mutating func rollback(market: ExternalID, selections: Int, time: Int64 = 0)
        -> RecordBytes
    {
        result(
            market: market,
            [SelectionOutcome](repeating: SelectionOutcome(.undecided), count: selections),
            source: .feed, time: time, isRollback: true)
    }

    /// Bets that were accepted in `window` are void, or with `isTakenBack` no longer are.
    public mutating func cancel(
        market: ExternalID, _ window: CancelWindow, isTakenBack: Bool = false, time: Int64 = 0
    ) -> RecordBytes {
        let record = begin(.cancel, body: Layout.Cancel.size)
        record.clientID = market
        record.set(Layout.Cancel.time, time)
        record.set(Layout.Cancel.source, ResultSource.feed.rawValue)
        record.set(
            Layout.Cancel.action, (isTakenBack ? ResultAction.reinstate : .cancel).rawValue)
        record.set(Layout.Cancel.from, window.from)
        record.set(Layout.Cancel.until, window.until)
        return record
    }

    /// The first of two people asks for the same.
    public mutating func proposeCancel(
        market: ExternalID, _ window: CancelWindow, isTakenBack: Bool = false, actor: UInt64,
        reason: String, evidence: String = "", expected: UInt32? = nil
    ) -> RecordBytes {
        let record = begin(.propose, body: Layout.Result.windowSize)
        record.clientID = market
        record.set(Layout.Result.source, ResultSource.operator.rawValue)
        record.set(
            Layout.Result.action, (isTakenBack ? ResultAction.reinstate : .cancel).rawValue)
        record.set(Layout.Result.actor, actor)
        record.set(Layout.Result.expected, expected.map { $0 + 1 } ?? 0)
        record.set(Layout.Result.evidence, text: evidence, width: 32)
        record.set(Layout.Result.reason, text: reason, width: 64)
        record.set(Layout.Result.from, window.from)
        record.set(Layout.Result.until, window.until)
        return record
    }

    /// The first of two people asks that one bet is void, or that it no longer is.
    public mutating func proposeVoid(
        bet: UInt64, isTakenBack: Bool = false, actor: UInt64, reason: String,
        evidence: String = ""
    ) -> RecordBytes {
        let record = begin(.propose, body: Layout.Result.betSize)
        record.set(Layout.Result.source, ResultSource.operator.rawValue)
        record.set(
            Layout.Result.action, (isTakenBack ? ResultAction.restoreBet : .voidBet).rawValue)
        record.set(Layout.Result.actor, actor)
        record.set(Layout.Result.evidence, text: evidence, width: 32)
        record.set(Layout.Result.reason, text: reason, width: 64)
        record.set(Layout.Result.bet, bet)
        return record
    }

    /// A snapshot was written, loaded by another process and found right.
    public mutating func snapshotKept(sequence: UInt64, bytes: Int, digest: [UInt8]) -> RecordBytes
    {
        let record = begin(.snapshotKept, body: Layout.SnapshotKept.size)
        record.set(Layout.SnapshotKept.sequence, sequence)
        record.set(Layout.SnapshotKept.bytes, UInt64(bytes))
        record.set(Layout.SnapshotKept.digest, bytes: digest)
        return record
    }

    /// Segments that are about to leave the journal's directory.
    public mutating func segmentsDropped(
        _ segments: ClosedRange<UInt32>, snapshot: UInt64, reason: UInt8, isArchived: Bool
    ) -> RecordBytes {
        let record = begin(.segmentsDropped, body: Layout.SegmentsDropped.size)
        record.set(Layout.SegmentsDropped.first, segments.lowerBound)
        record.set(Layout.SegmentsDropped.last, segments.upperBound)
        record.set(Layout.SegmentsDropped.snapshot, snapshot)
        record.set(Layout.SegmentsDropped.reason, reason)
        record.set(Layout.SegmentsDropped.archived, isArchived ? 1 as UInt8 : 0)
        return record
    }

    /// A command that the sequencer gives by itself.
    public mutating func own(_ kind: RecordKind, _ fill: (RecordBytes) -> Void = { _ in })
        -> RecordBytes
    {
        let record = begin(kind, body: SlotSize.firstBody)
        fill(record)
        return record
    }

    /// `key` is what the operator's request was called.
    public mutating func approve(proposal: UInt64, actor: UInt64, key: ExternalID = .zero)
        -> RecordBytes
    {
        let record = begin(.approve, body: Layout.Result.selections)
        record.clientID = key
        record.set(Layout.Result.proposal, proposal)
        record.set(Layout.Result.actor, actor)
        record.set(Layout.Result.source, ResultSource.operator.rawValue)
        return record
    }
}
