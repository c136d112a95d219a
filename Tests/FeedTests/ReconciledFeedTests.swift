import Betting
import Catalogue
import FeedCore
import Kernel
import Pricing
import Testing

/// Two suppliers of one match, who call it and its selections otherwise and name them in another order.
@Suite struct `Two suppliers of one price` {
    private final class Script: FeedSource {
        let name: String
        var lines: [(Int64, [FeedEvent])]

        init(_ name: String, _ lines: [(Int64, [FeedEvent])]) {
            self.name = name
            self.lines = lines
        }

        func nextTime() -> Int64? { lines.first?.0 }
        func next() -> FeedMessage {
            let (time, events) = lines.removeFirst()
            return FeedMessage(time: time, number: 1, events: events)
        }
    }

    private static func begin(_ id: String, _ names: [String], away: String = "Brackwater") -> [FeedEvent] {
        [
            .fixture(
                FeedFixture(
                    id: id, sport: .football, competition: "Cup", home: "Aldermere", away: away, scheduled: 3_600_000)),
            .market(
                FeedMarket(
                    id: id + "/mo", fixture: id, type: .matchOdds, name: "Match " + id, winners: 1, betDelay: 0,
                    selections: names.enumerated().map { FeedSelection(id: UInt64($0.offset), name: $0.element) })),
            .marketState(market: id + "/mo", isSuspended: false),
        ]
    }

    private static func quotes(_ id: String, _ prices: [UInt32]) -> FeedEvent {
        .quotes(FeedQuotes(market: id + "/mo", quotes: prices.map { Quote(lastTraded: $0) }))
    }

    /// Of the first supplier, in its order: Aldermere, Draw, Brackwater.
    private static let first = begin("a", ["Aldermere", "Draw", "Brackwater"])
    private static let second = begin("b", ["Brackwater", "ALDERMERE", "The Draw"])

    private func play(
        _ first: [(Int64, [FeedEvent])], _ second: [(Int64, [FeedEvent])], mostApart: UInt32 = 500
    ) throws -> (events: [(Int64, FeedEvent)], feed: ReconciledFeed) {
        var rule = ReconciliationRule()
        rule.mostApart = mostApart
        let feed = ReconciledFeed(name: "a", Script("a", first), Script("b", second), rule: rule)
        var events: [(Int64, FeedEvent)] = []
        while let time = try feed.nextTime() {
            events += try feed.next().events.filter { $0 != .heartbeat }.map { (time, $0) }
        }
        return (events, feed)
    }

    /// What was told of the market, in words: shut, open, or the prices.
    private func told(_ events: [(Int64, FeedEvent)]) -> [String] {
        events.compactMap { time, event in
            switch event {
            case .marketState("a/mo", let isSuspended): "\(time) \(isSuspended ? "shut" : "open")"
            case .quotes(let said): "\(time) " + said.quotes.map { String($0.lastTraded) }.joined(separator: " ")
            default: nil
            }
        }
    }

    @Test func `are taken for one where match, kind and selections are, whatever they are called`() throws {
        let (events, feed) = try play([(0, Self.first)], [(0, Self.second)])
        #expect(feed.unmatched.isEmpty)
        #expect(events.count { if case .fixture = $0.1 { true } else { false } } == 1)
        let (_, other) = try play([(0, Self.first)], [(0, Self.begin("b", ["Brackwater", "Aldermere", "Draw"], away: "Elsewhere"))])
        #expect(other.unmatched == ["b/mo"])
    }

    @Test func `offer the first one's prices while it speaks`() throws {
        let (events, _) = try play(
            [(0, Self.first), (10, [Self.quotes("a", [2000, 3400, 3900])]), (30, [Self.quotes("a", [2020, 3400, 3800])])],
            [(0, Self.second), (20, [Self.quotes("b", [3950, 2010, 3350])])])
        #expect(told(events) == ["10 open", "10 2000 3400 3900", "30 2020 3400 3800"])
    }

    @Test func `shut a market on which they disagree, and open it once they agree again`() throws {
        let (events, feed) = try play(
            [(0, Self.first), (10, [Self.quotes("a", [2000, 3400, 3900])]), (30, [Self.quotes("a", [1500, 4400, 6900])])],
            [(0, Self.second), (20, [Self.quotes("b", [6800, 1510, 4400])])])
        #expect(told(events) == ["10 open", "10 2000 3400 3900", "20 shut", "30 open", "30 1500 4400 6900"])
        #expect(feed.disputes == 1)
        let (loose, _) = try play(
            [(0, Self.first), (10, [Self.quotes("a", [2000, 3400, 3900])])], [(0, Self.second), (20, [Self.quotes("b", [6800, 1510, 4400])])],
            mostApart: 10_000)
        #expect(told(loose) == ["10 open", "10 2000 3400 3900"])
    }

    @Test func `offer the second one's prices while the first is silent, in the first one's order`() throws {
        let (events, _) = try play(
            [(0, Self.first), (10, [Self.quotes("a", [2000, 3400, 3900])]), (40_000, [Self.quotes("a", [1900, 3500, 4000])])],
            [(0, Self.second), (20, [Self.quotes("b", [3950, 2010, 3350])]), (20_011, [.heartbeat]), (30_000, [Self.quotes("b", [4100, 1950, 3400])])])
        #expect(
            told(events) == [
                "10 open", "10 2000 3400 3900", "20011 2010 3350 3950", "30000 1950 3400 4100", "40000 1900 3500 4000",
            ])
    }

    @Test func `shut what the one that speaks has shut, whatever the other says`() throws {
        let (events, _) = try play(
            [(0, Self.first), (10, [Self.quotes("a", [2000, 3400, 3900])]), (30, [.marketState(market: "a/mo", isSuspended: true)])],
            [(0, Self.second), (20, [Self.quotes("b", [3950, 2010, 3350])]), (40, [Self.quotes("b", [3900, 2020, 3350])])])
        #expect(told(events) == ["10 open", "10 2000 3400 3900", "30 shut"])
    }

    @Test func `offer nothing after a silence that was quoted before it`() throws {
        let (events, _) = try play(
            [(0, Self.first), (10, [Self.quotes("a", [2000, 3400, 3900])]), (40_000, [.heartbeat]), (40_100, [Self.quotes("a", [1900, 3500, 4000])])],
            [(0, Self.second), (20_500, [.heartbeat]), (30_000, [.marketState(market: "b/mo", isSuspended: true)])])
        #expect(told(events) == ["10 open", "10 2000 3400 3900", "20500 shut", "40100 open", "40100 1900 3500 4000"])
    }

    @Test func `open again what a rollback has shut`() throws {
        let result = FeedEvent.result(FeedResult(market: "a/mo", certainty: 1, results: [.won, .lost, .lost]))
        let (events, _) = try play(
            [
                (0, Self.first), (10, [Self.quotes("a", [2000, 3400, 3900])]), (20, [result]), (30, [.rollback(market: "a/mo")]),
                (40, [.marketState(market: "a/mo", isSuspended: false), Self.quotes("a", [1900, 3500, 4000])]),
            ], [(0, Self.second)])
        #expect(told(events) == ["10 open", "10 2000 3400 3900", "20 shut", "40 open", "40 1900 3500 4000"])
    }

    @Test func `leave what happens, and what it comes to, to the first`() throws {
        let result = FeedResult(market: "b/mo", certainty: 2, results: [.won, .lost, .lost])
        let update = FeedUpdate(fixture: "b", state: FixtureState(status: .live, isInPlay: true))
        let (events, _) = try play([(0, Self.first)], [(0, Self.second), (20, [.result(result), .update(update)])])
        #expect(!events.contains { $0.0 == 20 })
        let own = FeedResult(market: "a/mo", certainty: 2, results: [.lost, .lost, .won])
        let (told, _) = try play([(0, Self.first), (20, [.result(own)])], [(0, Self.second)])
        #expect(told.contains { $0.1 == .result(own) })
    }

    @Test(arguments: UInt64(1)...40)
    func `say the same however their files are cut into messages`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        func script(_ id: String, _ begin: [FeedEvent]) -> [(Int64, [FeedEvent])] {
            var time: Int64 = 0
            var lines: [(Int64, [FeedEvent])] = [(0, begin)]
            for _ in 0..<30 {
                time += Int64([1, 100, 3000, 25_000][random.number(in: 0...3)])
                let prices = (0..<3).map { _ in UInt32(random.number(in: 2500...3500)) }
                let event: FeedEvent =
                    random.number(in: 0...3) == 0
                    ? .marketState(market: id + "/mo", isSuspended: random.number(in: 0...1) == 0) : Self.quotes(id, prices)
                lines.append((time, [event]))
            }
            return lines
        }
        let (one, two) = (script("a", Self.first), script("b", Self.second))
        let apart = { (lines: [(Int64, [FeedEvent])]) in lines.flatMap { line in line.1.map { (line.0, [$0]) } } }
        let whole = try play(one, two)
        let pieces = try play(apart(one), apart(two))
        #expect(told(whole.events).filter { !$0.hasPrefix("0 ") } == told(pieces.events).filter { !$0.hasPrefix("0 ") })
        // Shut and open take turns.
        let states = told(whole.events).filter { $0.hasSuffix("open") || $0.hasSuffix("shut") }.map { $0.suffix(4) }
        #expect(zip(states, states.dropFirst()).allSatisfy { $0 != $1 })
    }
}
