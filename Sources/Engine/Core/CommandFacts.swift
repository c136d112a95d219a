public import Betting
public import Catalogue
public import Kernel

/// What a leg of a slip says, as the customer saw it.
public struct LegIntent: Hashable, Sendable {
    public var market: MarketID
    public var fixture: FixtureID
    public var selection: UInt32
    // Zeros at starting price, as they are written.
    var numerator: UInt32
    var denominator: UInt32
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
    /// How many of its selections win; 0: each wins or loses by itself.
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
