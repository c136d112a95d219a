import Betting
import Catalogue
import FeedCore
import JSONText
import Kernel
import Pricing
import Testing

@Suite struct `The simulated world` {
    /// Frequencies of results against the chances quoted, over 10,000 seeds: within four standard
    /// deviations of a binomial, in every tenth of the chances.
    @Test func `plays as often as it quotes, at kick-off and at half-time`() {
        var settings = SimulationSettings()
        settings.tickMilliseconds = 1000
        settings.quoteChance = 0
        settings.offersQuarterLines = true
        // By moment, market and selection: who swaps two of them is found.
        var all: [String: Calibration] = [:]
        var returns: [String: Mean] = [:]
        for seed in 0..<10_000 as Range<UInt64> {
            let match = SeededOutcome(seed: seed, settings: settings)
            for (moment, quoted) in [("kick-off", match.kickOff), ("half-time", match.halfTime)] {
                for (market, chances) in quoted.enumerated().prefix(3) {
                    for (selection, chance) in chances.enumerated() {
                        all["\(moment) \(market) \(selection)", default: Calibration()].add(
                            chance, happened: match.results[market][selection] == .won)
                    }
                }
                // On a line that may be half won, as much is won as the chance says of what is won or lost.
                for (market, chances) in quoted.enumerated().dropFirst(3) {
                    for (selection, chance) in chances.enumerated() {
                        returns["\(moment) \(market) \(selection)", default: Mean()].add(
                            surplus(match.results[market][selection], chance))
                    }
                }
            }
        }
        #expect(all.count == 14 && returns.count == 8)
        for (name, mean) in returns {
            #expect(abs(mean.value) < 4 * mean.deviation, "\(name): \(mean.value), give or take \(mean.deviation)")
        }
        for (name, calibration) in all {
            #expect(calibration.count > 1000, "\(name)")
            #expect(calibration.worst < 4, "\(name): \(calibration.worst)")
        }
    }

    /// What a stake wins beyond its chance of what is won or lost.
    private func surplus(_ result: SelectionResult, _ chance: Double) -> Double {
        switch result {
        case .won: 1 - chance
        case .halfWon: (1 - chance) / 2
        case .void: 0
        case .halfLost: -chance / 2
        default: -chance
        }
    }

    @Test(arguments: [
        // AH home -0.75 wins by 1, home -0.25 draws, home +0.25 draws; over 2.25 with 2, over 2.75 with 3, over 2 with 2.
        (1 * 4 - 3, SelectionResult.halfWon), (0 - 1, .halfLost), (0 + 1, .halfWon), (2 * 4 - 9, .halfLost),
        (3 * 4 - 11, .halfWon), (2 * 4 - 8, .void), (4 - 2, .won), (0 - 2, .lost), (4 + 1, .won), (-4 + 1, .lost),
    ])
    func `settles quarter lines by halves`(lead: Int, result: SelectionResult) {
        #expect(QuarterLine.result(lead: lead) == result)
        let opposite: [SelectionResult: SelectionResult] = [.won: .lost, .lost: .won, .halfWon: .halfLost, .halfLost: .halfWon, .void: .void]
        #expect(QuarterLine.results(lead: lead) == [result, opposite[result]!])
    }

    @Test func `writes lines as people read them`() {
        #expect([-3, -1, 0, 1, 4].map { QuarterLine.text($0, isSigned: true) } == ["-0.75", "-0.25", "0", "+0.25", "+1"])
        #expect([9, 10, 11].map { QuarterLine.text($0) } == ["2.25", "2.5", "2.75"])
    }

    @Test func `says the same for the same seed`() throws {
        func lines(_ seed: UInt64) throws -> [FeedMessage] {
            var settings = SimulationSettings()
            settings.seed = seed
            let world = SimulatedWorld(settings: settings, startingAt: 0, run: "t")
            return try (0..<800).map { _ in try world.next() }
        }
        #expect(try lines(5) == lines(5))
        #expect(try lines(5) != lines(6))
    }

    @Test func `pays who leads by enough early, once and of goals that stand`() throws {
        var settings = SimulationSettings()
        settings.matches = 40
        settings.earlyPayoutLead = 2
        let world = SimulatedWorld(settings: settings, startingAt: 0, run: "t", endless: false)
        var scores: [String: Score] = [:]
        var paid: [String: [Int64]] = [:]
        var markets: Set<String> = []
        while let time = try world.nextTime() {
            for event in try world.next().events {
                switch event {
                case .market(let market) where market.paysEarly: markets.insert(market.id)
                case .update(let update): scores[update.fixture] = Score(packed: update.state.score)
                case .earlyPayout(let market, let moments):
                    let score = try #require(scores[String(market.split(separator: "/")[0])])
                    let before = paid[market] ?? [0, 0, 0]
                    let isHome = moments[0] != before[0]
                    #expect(isHome ? score.home >= score.away + 2 : score.away >= score.home + 2)
                    #expect(moments[isHome ? 0 : 2] == time && moments[1] == 0)
                    #expect(moments[isHome ? 2 : 0] == before[isHome ? 2 : 0])
                    paid[market] = moments
                default: break
                }
            }
        }
        #expect(markets.count == 40 && markets.isSuperset(of: paid.keys))
        #expect(paid.count > 5 && paid.count < 40)
    }

    @Test func `settles every market of every match, some of them after a correction`() throws {
        var settings = SimulationSettings()
        settings.matches = 40
        settings.offersQuarterLines = true
        settings.correctionChance = 0.3
        let world = SimulatedWorld(settings: settings, startingAt: 0, run: "t", endless: false)
        var markets: Set<String> = []
        var results: [String: Int] = [:]
        while try world.nextTime() != nil {
            for event in try world.next().events {
                switch event {
                case .market(let market): markets.insert(market.id)
                case .result(let result): results[result.market, default: 0] += 1
                default: break
                }
            }
        }
        #expect(markets.count == 200)
        #expect(Set(results.keys) == markets)
        #expect(results.values.contains(2))
    }
}

@Suite struct `Simulated tennis` {
    /// What each match said of each of its markets, in order.
    private struct Told {
        var quotes: [[Double]] = []
        var results: [FeedResult] = []
        /// Quoted while it was suspended.
        var isQuotedShut = false
        var isSuspended = false
    }

    private func play(_ matches: Int, _ change: (inout SimulationSettings) -> Void = { _ in }) throws
        -> (told: [String: Told], ended: [FixtureStatus: Int])
    {
        var settings = SimulationSettings()
        settings.matches = 0
        settings.tennisMatches = matches
        settings.correctionChance = 0
        settings.spread = 0.0001
        change(&settings)
        let world = SimulatedWorld(settings: settings, startingAt: 0, run: "t", endless: false)
        var told: [String: Told] = [:]
        var ended: [FixtureStatus: Int] = [:]
        while try world.nextTime() != nil {
            for event in try world.next().events {
                switch event {
                case .market(let market): told[market.id] = Told()
                case .marketState(let market, let isSuspended): told[market]?.isSuspended = isSuspended
                case .quotes(let said):
                    let shares = said.quotes.map { $0.isActive ? 2000 / Double($0.bestBack + $0.bestLay) : 0 }
                    told[said.market]?.quotes.append(shares.map { $0 / shares.reduce(0, +) })
                    if told[said.market]?.isSuspended == true { told[said.market]?.isQuotedShut = true }
                case .result(let result): told[result.market]?.results.append(result)
                case .update(let update) where update.incident == .fullTime: ended[update.state.status, default: 0] += 1
                default: break
                }
            }
        }
        return (told, ended)
    }

    @Test func `is won as often as it is quoted, before it and in the middle of it`() throws {
        let (told, _) = try play(200)
        var all: [String: Calibration] = [:]
        for (id, market) in told {
            // What nobody retired from: void says nothing of chances.
            guard let result = market.results.last, !result.results.contains(.void), market.quotes.count > 1 else { continue }
            let kind = id.split(separator: "/").last!
            for (moment, quotes) in [("first", market.quotes[0]), ("middle", market.quotes[market.quotes.count / 2])] {
                for (selection, chance) in quotes.enumerated() where chance > 0 {
                    all["\(moment) \(kind) \(selection)", default: Calibration()].add(
                        chance, happened: result.results[selection] == .won)
                }
            }
        }
        #expect(all.count == 24)
        for (name, calibration) in all {
            #expect(calibration.count > 40, "\(name)")
            #expect(calibration.worst < 4, "\(name): \(calibration.worst)")
        }
    }

    @Test func `settles every market once, of some after somebody retired`() throws {
        let (told, ended) = try play(120)
        #expect(told.values.allSatisfy { $0.results.count == 1 && $0.results[0].certainty == 2 })
        #expect(told.values.allSatisfy { !$0.isQuotedShut })
        #expect((ended[.abandoned] ?? 0) > 0)
        #expect((ended[.ended] ?? 0) > 80)
        // Without a set nobody has won; with one, who retired has lost.
        let winners = told.filter { $0.key.hasSuffix("/t0") }
        for (id, winner) in winners {
            let match = id.dropLast(3)
            let isAbandoned = told[match + "/t1"]!.results[0].results.allSatisfy { $0 == .void }
            let hasSet = told[match + "/t2"]!.results[0].results != [.void, .void]
            #expect(winner.results[0].results.contains(.void) == (isAbandoned && !hasSet))
        }
    }

    @Test func `corrects what was said of a set too early`() throws {
        let (told, _) = try play(20) { $0.correctionChance = 0.5 }
        let corrected = told.values.filter { $0.results.count == 2 }
        #expect(corrected.count > 8)
        for market in corrected {
            #expect(market.results.map(\.certainty) == [1, 2])
            #expect(market.results[0].results == market.results[1].results.reversed())
        }
    }
}

/// Chances against what happened, tenth by tenth.
private struct Calibration {
    private var expected = [Double](repeating: 0, count: 10)
    private var variance = [Double](repeating: 0, count: 10)
    private var happened = [Double](repeating: 0, count: 10)
    private(set) var count = 0

    mutating func add(_ chance: Double, happened hit: Bool) {
        count += 1
        let bucket = min(9, Int(chance * 10))
        expected[bucket] += chance
        variance[bucket] += chance * (1 - chance)
        happened[bucket] += hit ? 1 : 0
    }

    /// The largest distance in standard deviations.
    var worst: Double {
        (0..<10).filter { variance[$0] > 5 }.map {
            abs(happened[$0] - expected[$0]) / variance[$0].squareRoot()
        }.max() ?? 0
    }
}

/// Of many numbers, and how far by chance it may be from what it should be.
private struct Mean {
    private var count = 0.0
    private var sum = 0.0
    private var squares = 0.0

    mutating func add(_ value: Double) {
        count += 1
        sum += value
        squares += value * value
    }

    var value: Double { sum / count }
    var deviation: Double { ((squares / count - value * value) / count).squareRoot() }
}

@Suite struct `Grandstand's feed format` {
    /// With everything that a race may have.
    private static let race: FeedMarket = {
        var race = FeedMarket(
            id: "r", fixture: "f", type: .other, name: "Win", winners: 1, betDelay: 0,
            selections: [FeedSelection(id: 1, name: "a"), FeedSelection(id: 2, name: "b")])
        race.places = PlaceTerms(places: 3, numerator: 1, denominator: 5)
        race.deductions = .faceValue
        race.isAtTheOff = true
        race.isAntePost = true
        race.isGuaranteed = true
        return race
    }()

    @Test func `reads every event that it writes`() throws {
        let events: [FeedEvent] = [
            .heartbeat,
            .fixture(
                FeedFixture(
                    id: "f", sport: .football, competition: "L", home: "A \"x\"", away: "Bé",
                    scheduled: 5)),
            .market(
                FeedMarket(
                    id: "m", fixture: "f", type: .matchOdds, name: "MO", winners: 1, betDelay: 3000,
                    selections: [FeedSelection(id: 1, name: "A"), FeedSelection(id: 2, name: "B")])),
            .quotes(
                FeedQuotes(
                    market: "m",
                    quotes: [
                        .init(bestBack: 2020, bestLay: 2040, lastTraded: 2030),
                        .init(isActive: false),
                    ])),
            .marketState(market: "m", isSuspended: true),
            .update(
                FeedUpdate(
                    fixture: "f",
                    state: FixtureState(
                        status: .live, isInPlay: true, score: Score(home: 1, away: 2).packed,
                        clockSeconds: 77), incident: .goal)),
            .result(FeedResult(market: "m", certainty: 1, results: [.won, .void])),
            .result(
                FeedResult(
                    market: "m", certainty: 2, results: [.won, .lost, .lost],
                    finish: [Finish(position: 1), nil, Finish(position: 2, tied: 2)])),
            .result(
                FeedResult(market: "m", certainty: 2, results: [.lost], finish: [Finish(position: Finish.unplaced)])),
            .market(Self.race), .startingPrices(market: "r", [4500, 0, 1010]),
            .withdrawal(
                FeedWithdrawal(
                    market: "m", selection: 1, effective: 4, deduction: 2500, placeDeduction: 0,
                    places: PlaceTerms(places: 2, numerator: 1, denominator: 4))),
            .rollback(market: "m"), .cancel(FeedCancel(market: "m")),
            .cancel(FeedCancel(market: "m", from: 5, until: 9, isTakenBack: true)),
            .update(FeedUpdate(fixture: "f", state: FixtureState(status: .live), startedAt: 77)),
            .quotes(
                FeedQuotes(
                    market: "m",
                    quotes: [Quote(lastTraded: 1900, chance: Chance(win: 480_000_001, back: 20_000_000))])),
        ]
        for event in events {
            let line = GrandstandFeed.line(event, time: 9)
            let message = try GrandstandFeed.parse(line.span, number: 1)
            #expect(message.events == [event])
            #expect(message.time == 9)
        }
    }

    @Test(arguments: [
        "", "{}", "[1]", "{\"time\":1}", "{\"time\":1,\"type\":\"x\"}",
        "{\"time\":\"1\",\"type\":\"heartbeat\"}", "{\"time\":1,\"type\":\"state\",\"market\":\"m\"}",
        "{\"time\":1,\"type\":\"market\",\"id\":\"m\",\"fixture\":\"f\",\"name\":\"n\",\"selections\":[]}",
        "{\"time\":1,\"type\":\"result\",\"market\":\"m\",\"results\":[\"maybe\"]}",
        "{\"time\":1,\"type\":\"update\",\"fixture\":\"f\",\"status\":\"asleep\"}",
        "{\"time\":1,\"type\":\"rollback\"}",
        "{\"time\":1,\"type\":\"result\",\"market\":\"m\",\"results\":[\"won\"],\"finish\":[]}",
        "{\"time\":1,\"type\":\"result\",\"market\":\"m\",\"results\":[\"won\"],\"finish\":[{\"position\":0}]}",
        "{\"time\":1,\"type\":\"withdrawal\",\"market\":\"m\",\"selection\":0,\"deduction\":10000}",
        "{\"time\":1,\"type\":\"withdrawal\",\"market\":\"m\",\"selection\":0,\"eachWay\":{\"places\":0,\"fraction\":[1,5]}}",
        "{\"time\":1,\"type\":\"starting_prices\",\"market\":\"m\",\"prices\":[\"11/2\"]}",
        "{\"time\":1,\"type\":\"starting_prices\",\"market\":\"m\",\"prices\":[1]}",
        "{\"time\":1,\"type\":\"early_payout\",\"market\":\"m\",\"before\":[\"1800000000000\"]}",
        "{\"time\":1,\"type\":\"early_payout\",\"market\":\"m\",\"before\":[1800000000000000000]}",
        "{\"time\":1,\"type\":\"cancel\",\"market\":\"m\",\"from\":-1}",
        "{\"time\":1,\"type\":\"cancel\",\"market\":\"m\",\"from\":9,\"until\":9}",
        "{\"time\":1,\"type\":\"quotes\",\"market\":\"m\",\"quotes\":[{\"chances\":{\"win\":\"20000000000\"}}]}",
        "{\"time\":1,\"type\":\"quotes\",\"market\":\"m\",\"quotes\":[{\"chances\":{\"win\":\"0.5\",\"lose\":\"0.4\"}}]}",
        "{\"time\":1,\"type\":\"quotes\",\"market\":\"m\",\"quotes\":[{\"chances\":{\"win\":\"-1\",\"lose\":\"2\"}}]}",
    ])
    func `says what is wrong with a line, and where`(line: String) {
        let error = #expect(throws: FeedError.self) {
            try GrandstandFeed.parse(Array(line.utf8).span, number: 17)
        }
        #expect(error?.line == 17)
        #expect((error?.what.count ?? 0) > 5)
    }
}

@Suite struct `JSON` {
    private func parse(_ text: String, depth: Int = 8) throws -> JSONValue {
        try JSONParser(depth: depth, members: 100).parse(Array(text.utf8).span)
    }

    @Test func `keeps numbers as they were written`() throws {
        let value = try parse(" {\"a\":[1.50,-0,1e5,true,null,\"\\u00e9\\ud83d\\ude00\\n\"]} ")
        #expect(
            value["a"]?.items == [
                .number("1.50"), .number("-0"), .number("1e5"), .bool(true), .null,
                .string("é😀\n"),
            ])
        #expect(JSONValue.number("1.505").thousandths == 1505)
        #expect(JSONValue.number("1e3").thousandths == nil)
        #expect(JSONValue.string("NaN").thousandths == nil)
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "01", "1.", "+1", "NaN", "\"\u{1}\"", "\"\\x\"",
        "\"\\ud800\"", "\"abc", "tru", "1 2", "[[[[[[[[[1]]]]]]]]]", "{a:1}", "'a'",
    ])
    func `is refused when it is not strictly JSON`(text: String) {
        #expect(throws: JSONError.self) { try parse(text) }
    }

    @Test func `is bounded in depth and in number`() {
        #expect(throws: JSONError.self) {
            try parse("[" + Array(repeating: "1", count: 200).joined(separator: ",") + "]")
        }
    }
}
