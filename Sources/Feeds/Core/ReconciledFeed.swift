import Betting
import Catalogue
import Kernel
import Pricing

/// How two suppliers of one price are made one.
public struct ReconciliationRule: Hashable, Sendable {
    /// Hundredths of a percent that a selection's chance may be apart before its market is shut.
    public var mostApart: UInt32 = 500
    /// Milliseconds without any message after which a supplier is taken for silent.
    public var silence: Int64 = 20_000

    public init() {}
}

/// Two suppliers of the same matches as one: what happens is the first one's to say, prices are the first one's while it
/// speaks and the second one's while it is silent, and a market on which they disagree is shut.
///
/// What is said follows from the messages alone: they are taken in the order of their times, of two at the same time the
/// first supplier's first. Matches are the same when sport and names are and they begin within `sameStart`, markets when
/// kind and selections are; what only the second one has is not offered.
public final class ReconciledFeed: FeedSource {
    private struct Side {
        let source: any FeedSource
        /// When it last said anything, milliseconds; nil while it has said nothing.
        var heard: Int64?
    }

    /// What a supplier says of a market, in the first one's order.
    private struct Word {
        var isSuspended = true
        var quotes: [Quote] = []

        var isOffered: Bool { !isSuspended && !quotes.isEmpty }
    }

    private struct Market {
        let definition: FeedMarket
        var words = [Word(), Word()]
        /// As last told.
        var isShut = true
        var told: [Quote] = []
        var isDisputed = false
    }

    /// What the second supplier calls a market of the first one's, and where its selections are among the first one's.
    private struct Counterpart {
        let market: String
        let places: [Int]
    }

    /// Milliseconds that two suppliers may be apart about when a match begins: ten minutes.
    public static let sameStart: Int64 = 600_000

    public let name: String
    public let rule: ReconciliationRule
    private var sides: [Side]
    private var clock: Int64 = 0
    private var fixtures: [[String: FeedFixture]] = [[:], [:]]
    private var markets: [String: Market] = [:]
    /// Markets of the second supplier whose counterpart is not known yet, or never will be.
    private var strangers: [String: FeedMarket] = [:]
    private var counterparts: [String: Counterpart] = [:]
    /// How often a market was shut because the two disagreed.
    public private(set) var disputes: UInt64 = 0
    /// What of the second supplier was not understood: from there on it is taken for silent.
    public private(set) var secondFailure: FeedError?

    public init(
        name: String, _ first: any FeedSource, _ second: any FeedSource,
        rule: ReconciliationRule = ReconciliationRule()
    ) {
        self.name = name
        self.rule = rule
        sides = [Side(source: first), Side(source: second)]
    }

    /// Markets of the second supplier that the first one does not have.
    public var unmatched: [String] { strangers.keys.sorted() }
    public var partFailure: FeedError? { secondFailure }
    public var tally: FeedTally {
        var own = FeedTally()
        own.disputes = disputes
        own.unmatched = strangers.count
        return sides.reduce(own) { $0 + $1.source.tally }
    }

    // MARK: FeedSource

    public func nextTime() throws(FeedError) -> Int64? {
        let times = (try sides[0].source.nextTime(), secondTime())
        guard let one = times.0 else { return times.1 }
        return times.1.map { min(one, $0) } ?? one
    }

    public func next() throws(FeedError) -> FeedMessage {
        let first = try sides[0].source.nextTime()
        let second = secondTime()
        let isSecond = second.map { $0 < first ?? .max } ?? false
        let side = isSecond ? 1 : 0
        let due = (isSecond ? second : first) ?? clock
        let message: FeedMessage
        do {
            message = try sides[side].source.next()
        } catch {
            guard isSecond else { throw error }
            secondFailure = error
            return FeedMessage(time: due, number: error.line, events: [])
        }
        let before = speaks
        let beforeHeard = sides.map(\.heard)
        clock = max(clock, due)
        sides[side].heard = clock
        // What was quoted before a silence is not offered after it.
        var isCleared = false
        for (index, spoke) in before.enumerated()
        where spoke && clock - (beforeHeard[index] ?? clock) > rule.silence {
            for id in markets.keys { markets[id]?.words[index].quotes = [] }
            isCleared = true
        }
        var events: [FeedEvent] = []
        for event in message.events {
            events += isSecond ? takeSecond(event) : takeFirst(event)
        }
        // Who has fallen silent, or speaks again, changes every market.
        if isCleared || speaks != before {
            for market in markets.keys.sorted() { events += tell(market) }
        }
        return FeedMessage(
            time: message.time, number: message.number,
            events: events.isEmpty ? [.heartbeat] : events)
    }

    /// Nil once it has ended, or said something that is not understood.
    private func secondTime() -> Int64? {
        guard secondFailure == nil else { return nil }
        do {
            return try sides[1].source.nextTime()
        } catch {
            secondFailure = error
            return nil
        }
    }

    private var speaks: [Bool] {
        sides.map { side in side.heard.map { clock - $0 <= rule.silence } ?? false }
    }

    // MARK: What they say

    private func takeFirst(_ event: FeedEvent) -> [FeedEvent] {
        switch event {
        case .fixture(let fixture):
            fixtures[0][fixture.id] = fixture
            match()
            return [event]
        case .market(let market):
            guard markets[market.id] == nil else { return [event] }
            markets[market.id] = Market(definition: market)
            match()
            return [event]
        case .quotes(let said):
            markets[said.market]?.words[0].quotes = said.quotes
            return tell(said.market)
        case .marketState(let market, let isSuspended):
            markets[market]?.words[0].isSuspended = isSuspended
            // What was quoted before a suspension never ends it.
            if isSuspended { markets[market]?.words[0].quotes = [] }
            return tell(market)
        case .result(let result): return reset { $0.id == result.market } + [event]
        case .rollback(let market): return reset { $0.id == market } + [event]
        case .withdrawal(let said):
            // Whoever listens shuts what is of another race from here on.
            return reset { $0.id == said.market && $0.deductions != .none } + [event]
        case .update(let update):
            guard update.startedAt > 0, !update.state.isInPlay else { return [event] }
            return reset { $0.fixture == update.fixture } + [event]
        case .cancel, .startingPrices, .earlyPayout, .heartbeat: return [event]
        }
    }

    /// What was quoted of them before holds no longer: they are shut, and said to be, until it is quoted anew.
    private func reset(_ isMeant: (FeedMarket) -> Bool) -> [FeedEvent] {
        var told: [FeedEvent] = []
        for id in markets.keys.sorted()
        where markets[id].map({ isMeant($0.definition) }) == true {
            if markets[id]?.isShut == false {
                told.append(.marketState(market: id, isSuspended: true))
            }
            markets[id]?.words[0].quotes = []
            markets[id]?.words[1].quotes = []
            markets[id]?.isShut = true
            markets[id]?.told = []
        }
        return told
    }

    private func takeSecond(_ event: FeedEvent) -> [FeedEvent] {
        switch event {
        case .fixture(let fixture):
            fixtures[1][fixture.id] = fixture
            match()
            return []
        case .market(let market):
            if counterparts[market.id] == nil { strangers[market.id] = market }
            match()
            return []
        case .quotes(let said):
            guard let other = counterparts[said.market], said.quotes.count == other.places.count
            else { return [] }
            var quotes = said.quotes
            for (index, place) in other.places.enumerated() { quotes[place] = said.quotes[index] }
            markets[other.market]?.words[1].quotes = quotes
            return tell(other.market)
        case .marketState(let market, let isSuspended):
            guard let other = counterparts[market] else { return [] }
            markets[other.market]?.words[1].isSuspended = isSuspended
            if isSuspended { markets[other.market]?.words[1].quotes = [] }
            return tell(other.market)
        // What happens, and what it comes to, is the first one's to say.
        case .update, .withdrawal, .result, .rollback, .cancel, .startingPrices, .earlyPayout,
            .heartbeat:
            return []
        }
    }

    // MARK: What follows

    private func tell(_ id: String) -> [FeedEvent] {
        guard let market = markets[id] else { return [] }
        let speaks = speaks
        let areApart =
            speaks == [true, true] && market.words[0].isOffered && market.words[1].isOffered
            && areApart(market)
        if areApart, !market.isDisputed { disputes += 1 }
        markets[id]?.isDisputed = areApart
        // Nobody speaks: what was told stands until whoever listens takes the feed for stale.
        guard let speaker = speaks.firstIndex(of: true) else { return [] }
        let word = market.words[speaker]
        guard word.isOffered, !areApart else {
            markets[id]?.isShut = true
            markets[id]?.told = []
            return market.isShut ? [] : [.marketState(market: id, isSuspended: true)]
        }
        guard market.isShut || market.told != word.quotes else { return [] }
        markets[id]?.isShut = false
        markets[id]?.told = word.quotes
        let quotes = FeedEvent.quotes(FeedQuotes(market: id, quotes: word.quotes))
        return market.isShut ? [.marketState(market: id, isSuspended: false), quotes] : [quotes]
    }

    private func areApart(_ market: Market) -> Bool {
        let winners = Int(market.definition.winners)
        let references = market.words.map { word in word.quotes.map(\.reference) }
        for place in market.definition.selections.indices {
            let chances = references.map {
                place < $0.count ? Fair.chance(of: place, among: $0.span, winners: winners) : nil
            }
            guard let one = chances[0]?.win, let other = chances[1]?.win else { continue }
            let apart = UInt64(max(one, other) - min(one, other)) * 10_000
            if apart > UInt64(rule.mostApart) * UInt64(Chance.whole) { return true }
        }
        return false
    }

    // MARK: What is the same

    private func match() {
        for (id, stranger) in strangers.sorted(by: { $0.key < $1.key }) {
            guard let other = fixtures[1][stranger.fixture] else { continue }
            let candidates = markets.values.filter { market in
                guard let fixture = fixtures[0][market.definition.fixture] else { return false }
                return Self.areSame(fixture, other) && Self.areSame(market.definition, stranger)
            }
            // Two that could be it are none.
            guard candidates.count == 1, let found = candidates.first?.definition,
                !counterparts.values.contains(where: { $0.market == found.id }),
                let places = Self.places(of: stranger, in: found)
            else { continue }
            counterparts[id] = Counterpart(market: found.id, places: places)
            strangers[id] = nil
        }
    }

    private static func areSame(_ one: FeedFixture, _ other: FeedFixture) -> Bool {
        one.sport == other.sport && plain(one.home) == plain(other.home)
            && plain(one.away) == plain(other.away)
            && abs(one.scheduled - other.scheduled) <= sameStart
    }

    private static func areSame(_ one: FeedMarket, _ other: FeedMarket) -> Bool {
        one.type == other.type && one.winners == other.winners
            && (one.type != .other || plain(one.name) == plain(other.name))
            && places(of: other, in: one) != nil
    }

    /// Where each selection of `other` is in `one`; nil when they are not the same.
    private static func places(of other: FeedMarket, in one: FeedMarket) -> [Int]? {
        let names = one.selections.map { plain($0.name) }
        let places = other.selections.compactMap { names.firstIndex(of: plain($0.name)) }
        return places.count == names.count && Set(places).count == names.count ? places : nil
    }

    /// Letters, digits, signs and points, in small letters; `The Draw` is `draw`.
    private static func plain(_ name: String) -> String {
        let small = name.lowercased()
        let bare = small.hasPrefix("the ") ? String(small.dropFirst(4)) : small
        return bare.filter { $0.isLetter || $0.isNumber || "+-.".contains($0) }
    }
}

@available(*, unavailable)
extension ReconciledFeed: Sendable {}
