public import Betting
public import Catalogue
public import Kernel
public import Pricing

/// What a supplier says, in the one shape that everything behind the feed's door understands.
///
/// Ids are the supplier's own texts; `FeedSource.name` keeps those of two suppliers apart.
public enum FeedEvent: Equatable, Sendable {
    case fixture(FeedFixture)
    case market(FeedMarket)
    case quotes(FeedQuotes)
    case marketState(market: String, isSuspended: Bool)
    case withdrawal(FeedWithdrawal)
    case update(FeedUpdate)
    case result(FeedResult)
    /// What was said of a market's result holds no longer.
    case rollback(market: String)
    case cancel(FeedCancel)
    /// What each selection started at, thousandths in the market's order; 0 for none.
    case startingPrices(market: String, [UInt32])
    /// Which selections are paid as if they had won: the moment before which bets were accepted, milliseconds of UTC, 0
    /// none.
    case earlyPayout(market: String, [Int64])
    /// Nothing new, but the supplier lives.
    case heartbeat
}

public struct FeedFixture: Equatable, Sendable {
    public var id: String
    public var sport: Sport
    public var competition: String
    public var home: String
    public var away: String
    /// Milliseconds since 1970, UTC.
    public var scheduled: Int64

    public init(
        id: String, sport: Sport, competition: String, home: String, away: String, scheduled: Int64
    ) {
        self.id = id
        self.sport = sport
        self.competition = competition
        self.home = home
        self.away = away
        self.scheduled = scheduled
    }
}

public struct FeedSelection: Equatable, Sendable {
    public var id: UInt64
    public var name: String

    public init(id: UInt64, name: String) {
        self.id = id
        self.name = name
    }
}

public struct FeedMarket: Equatable, Sendable {
    public var id: String
    public var fixture: String
    public var type: MarketType
    public var name: String
    /// How many of its selections win; 0: each wins or loses by itself.
    public var winners: UInt8
    /// Milliseconds in play.
    public var betDelay: UInt32
    public var selections: [FeedSelection]
    /// What each-way bets pay; nil where there are none.
    public var places: PlaceTerms?
    public var deductions = DeductionRule.none
    /// Each-way bets are paid by the terms at the off.
    public var isAtTheOff = false
    /// Who does not run has lost.
    public var isAntePost = false
    /// A starting price that is better than what was taken is paid.
    public var isGuaranteed = false
    /// Bets at starting price are taken until the start.
    public var takesAtStart = false
    /// Selections may be paid before it has a result.
    public var paysEarly = false
    /// Bets on it may be sold back before it has a result.
    public var isCashedOut = true

    public init(
        id: String, fixture: String, type: MarketType, name: String, winners: UInt8,
        betDelay: UInt32, selections: [FeedSelection]
    ) {
        self.id = id
        self.fixture = fixture
        self.type = type
        self.name = name
        self.winners = winners
        self.betDelay = betDelay
        self.selections = selections
    }
}

/// The book of every selection, in the market's order.
public struct FeedQuotes: Equatable, Sendable {
    public var market: String
    public var quotes: [Quote]

    public init(market: String, quotes: [Quote]) {
        self.market = market
        self.quotes = quotes
    }
}

public struct FeedUpdate: Equatable, Sendable {
    public var fixture: String
    public var state: FixtureState
    public var incident: Incident
    /// Bet delay in force from now on, in milliseconds; nil unchanged.
    public var betDelay: UInt32?
    /// When it truly began, milliseconds since 1970; 0 says nothing of it.
    public var startedAt: Int64
    /// Whoever watches it for the supplier cannot be reached.
    public var hasLostContact = false
    /// When it is to begin from now on, milliseconds since 1970; 0 as it was.
    public var scheduled: Int64 = 0

    public init(
        fixture: String, state: FixtureState, incident: Incident = .none, betDelay: UInt32? = nil,
        startedAt: Int64 = 0
    ) {
        self.fixture = fixture
        self.state = state
        self.incident = incident
        self.betDelay = betDelay
        self.startedAt = startedAt
    }
}

/// A selection that takes no further part.
public struct FeedWithdrawal: Equatable, Sendable {
    public var market: String
    /// Its place in the market.
    public var selection: Int
    /// Milliseconds since 1970, 0 unknown.
    public var effective: Int64
    /// Hundredths of a percent off what was taken before, of win and of place parts; nil by the market's rule, and
    /// of place parts as of the win.
    public var deduction: UInt16?
    public var placeDeduction: UInt16?
    /// Each-way terms from here on.
    public var places: PlaceTerms?

    public init(
        market: String, selection: Int, effective: Int64 = 0, deduction: UInt16? = nil,
        placeDeduction: UInt16? = nil, places: PlaceTerms? = nil
    ) {
        self.market = market
        self.selection = selection
        self.effective = effective
        self.deduction = deduction
        self.placeDeduction = placeDeduction
        self.places = places
    }
}

/// The bets of a market that were accepted in a window of time are void, or no longer are.
public struct FeedCancel: Equatable, Sendable {
    public var market: String
    /// Milliseconds since 1970, from then on; 0 no start.
    public var from: Int64
    /// Up to but not at; 0 no end.
    public var until: Int64
    public var isTakenBack: Bool

    public init(market: String, from: Int64 = 0, until: Int64 = 0, isTakenBack: Bool = false) {
        self.market = market
        self.from = from
        self.until = until
        self.isTakenBack = isTakenBack
    }
}

public struct FeedResult: Equatable, Sendable {
    public var market: String
    /// 1 scouted, 2 confirmed.
    public var certainty: UInt8
    /// In the market's order.
    public var results: [SelectionResult]
    /// Where each came in, in the same order, as far as that is said; empty when nothing is.
    public var finish: [Finish?]

    public init(
        market: String, certainty: UInt8, results: [SelectionResult], finish: [Finish?] = []
    ) {
        self.market = market
        self.certainty = certainty
        self.results = results
        self.finish = finish
    }
}

/// A message: when the supplier said it, its number, and what it said.
public struct FeedMessage: Equatable, Sendable {
    /// Milliseconds since 1970 by the supplier's clock.
    public var time: Int64
    public var number: UInt64
    public var events: [FeedEvent]

    public init(time: Int64, number: UInt64, events: [FeedEvent]) {
        self.time = time
        self.number = number
        self.events = events
    }
}

/// Why a line of a feed is not understood; the line changes nothing.
public struct FeedError: Error, Equatable, Sendable {
    public let line: UInt64
    public let what: String

    public init(line: UInt64, what: String) {
        self.line = line
        self.what = what
    }
}

/// The one port through which suppliers speak: messages in their own order, pulled when they are due.
public protocol FeedSource: AnyObject {
    /// Keeps the ids of two suppliers apart; goes into every id that is made of theirs.
    var name: String { get }
    /// The supplier's time of the next message, milliseconds; nil when there will be none.
    func nextTime() throws(FeedError) -> Int64?
    /// The next message. Called only after `nextTime` told one.
    func next() throws(FeedError) -> FeedMessage
    /// What it read and told nobody, so that it can be seen.
    var tally: FeedTally { get }
    /// Where a part of it stopped while the rest goes on.
    var partFailure: FeedError? { get }
}

extension FeedSource {
    public var tally: FeedTally { FeedTally() }
    public var partFailure: FeedError? { nil }
}

/// What a supplier said and nobody was told, counted from the start.
public struct FeedTally: Hashable, Sendable {
    /// About markets that are not known, or otherwise than they are known.
    public var misfits: UInt64 = 0
    /// Messages that say nothing which is offered or paid by.
    public var passedOver: UInt64 = 0
    /// Markets of which two suppliers said what cannot both be.
    public var disputes: UInt64 = 0
    /// Markets of the second supplier that are none of the first one's, now.
    public var unmatched = 0

    public init() {}

    public static func + (one: FeedTally, other: FeedTally) -> FeedTally {
        var sum = one
        sum.misfits += other.misfits
        sum.passedOver += other.passedOver
        sum.disputes += other.disputes
        sum.unmatched += other.unmatched
        return sum
    }
}

/// What a supplier may say about time, in milliseconds since 1970: anything else is no time, and would not
/// fit where nanoseconds are counted.
public enum FeedTime {
    /// Up to the end of the year 2200.
    public static let range: ClosedRange<Int64> = 0...7_289_654_399_999

    /// 0, which stands for unknown, where it is out of range.
    public static func clamped(_ milliseconds: Int64?) -> Int64 {
        milliseconds.flatMap { range.contains($0) ? $0 : nil } ?? 0
    }
}

/// How what a supplier calls something becomes our id of it.
public enum FeedIdentity {
    /// `kind` is `fixture` or `market`.
    public static func id(of kind: String, _ text: String, from source: String) -> ExternalID {
        ExternalID(derivedFrom: source + ":" + kind + ":" + text)
    }
}
