import Catalogue
import EngineCore
import FeedCore
import FeedService
import Kernel
import Pricing
import Testing

/// Messages as a test writes them down.
private final class Script: FeedSource {
    let name = "script"
    var messages: [FeedMessage] = []
    var failure: FeedError?
    func nextTime() throws(FeedError) -> Int64? {
        if let failure { throw failure }
        return messages.first?.time ?? .max
    }
    func next() throws(FeedError) -> FeedMessage { messages.removeFirst() }
}

/// A runner between a script and an intake that can be full.
private final class Line {
    let script = Script()
    private(set) var runner: FeedRunner!
    /// What the engine was told, in words; only what the tests are about.
    private(set) var told: [String] = []
    /// How many more commands the intake takes.
    var room = Int.max
    private var isShut = true
    private var isStale = false
    private(set) var price: [Odds?] = []
    /// What a bet in play waits, milliseconds.
    private(set) var delay: UInt32 = 0

    /// Whether bets would be taken.
    var isOpen: Bool { !isShut && !isStale }

    init(_ change: (inout FeedSettings) -> Void = { _ in }) {
        var settings = FeedSettings()
        settings.staleAfter = 5000
        change(&settings)
        runner = FeedRunner(source: script, settings: settings) { [unowned self] in take($0) }
    }

    private func take(_ record: RecordBytes) -> Bool {
        guard room > 0 else { return false }
        room -= 1
        switch record.kind {
        case .price:
            let count = Int(record.field(Layout.Price.selectionCount, as: UInt16.self))
            price = (0..<count).map { record.odds(at: Layout.Price.entries + $0 * Layout.Price.entrySize) }
            told.append("price")
        case .marketState:
            let set = ShutReasons(rawValue: record.field(Layout.MarketState.setting, as: UInt8.self))
            let lift = ShutReasons(rawValue: record.field(Layout.MarketState.lifting, as: UInt8.self))
            if set.contains(.feed) { isShut = true }
            if lift.contains(.feed) { isShut = false }
            if set.contains(.stale) { isStale = true }
            if lift.contains(.stale) { isStale = false }
            let said = record.field(Layout.MarketState.betDelay, as: UInt32.self)
            if record.field(Layout.MarketState.scope, as: UInt8.self) == CommandEncoder.Scope.fixture.rawValue, said != .max {
                delay = said
            }
            told.append(set.isEmpty ? "lift \(lift.words.joined(separator: "+"))" : "set \(set.words.joined(separator: "+"))")
        case .market:
            delay = record.field(Layout.Market.betDelay, as: UInt32.self)
            told.append("market")
        default: told.append(record.kind?.word ?? "?")
        }
        return true
    }

    func turn(_ time: Int64, _ events: FeedEvent...) {
        if !events.isEmpty { script.messages.append(FeedMessage(time: time, number: 1, events: events)) }
        runner.turn(now: time, wall: time)
    }

    /// One market, offered and open at time 0.
    func open() {
        turn(0, Self.fixture, Self.market, Self.resumed, Self.quotes(1980))
    }

    static let fixture = FeedEvent.fixture(
        FeedFixture(id: "f", sport: .football, competition: "", home: "a", away: "b", scheduled: 0))
    static let market = FeedEvent.market(
        FeedMarket(
            id: "m", fixture: "f", type: .matchOdds, name: "m", winners: 1, betDelay: 0,
            selections: [FeedSelection(id: 1, name: "a"), FeedSelection(id: 2, name: "b")]))
    static let suspended = FeedEvent.marketState(market: "m", isSuspended: true)
    static let resumed = FeedEvent.marketState(market: "m", isSuspended: false)
    static let result = FeedEvent.result(FeedResult(market: "m", certainty: 2, results: [.won, .lost]))
    static func quotes(_ back: UInt32) -> FeedEvent {
        .quotes(
            FeedQuotes(
                market: "m",
                quotes: [Quote(bestBack: back, bestLay: back + 40), Quote(bestBack: 1980, bestLay: 2020)]))
    }
    static let crossed = FeedEvent.quotes(
        FeedQuotes(market: "m", quotes: [Quote(bestBack: 2000, bestLay: 1900), Quote(bestBack: 1980, bestLay: 2020)]))
}

@Suite struct `A feed runner` {
    @Test func `says what a market is before it says what it costs`() {
        let line = Line()
        line.open()
        #expect(line.told == ["fixture", "market", "price", "lift feed+recovery", "lift stale"])
        #expect(line.isOpen)
    }

    @Test func `lets bets of a sport wait as long as that sport does, and longer where its supplier says so`() {
        func waits(_ delays: [Sport: UInt32]) -> [UInt32] {
            let line = Line { $0.leastDelays = delays }
            line.open()
            return [line.delay]
                + ([2000, 9000, 0] as [UInt32]).map { said in
                    line.turn(
                        1000,
                        .update(
                            FeedUpdate(fixture: "f", state: FixtureState(status: .live, isInPlay: true), betDelay: said)))
                    return line.delay
                }
        }
        #expect(waits([.football: 5000, .tennis: 20_000]) == [5000, 5000, 9000, 5000])
        #expect(waits([.tennis: 20_000]) == [0, 2000, 9000, 0])
    }

    @Test func `never says what was overtaken while the engine was busy`() {
        let line = Line()
        line.open()
        line.room = 0
        line.turn(1000, Line.quotes(1900))
        line.turn(1100, Line.quotes(1850))
        line.turn(1200, Line.suspended)
        line.turn(1300, Line.resumed)
        line.turn(1400, Line.suspended)
        let before = line.told.count
        line.room = .max
        line.turn(1500)
        #expect(line.told[before...] == ["set feed"])
        line.turn(1600, Line.resumed, Line.quotes(1800))
        #expect(line.told[before...] == ["set feed", "price", "lift feed+recovery"])
    }

    @Test func `lets a suspension overtake everything that waits`() {
        let line = Line()
        line.open()
        line.room = 0
        // A score that the engine is too busy for must come, in its order; the suspension comes first.
        line.turn(1000, .update(FeedUpdate(fixture: "f", state: FixtureState(status: .live, isInPlay: true))))
        line.turn(1010, Line.suspended)
        let before = line.told.count
        line.room = 1
        line.turn(1020)
        #expect(!line.isOpen || line.told[before...] == ["fixture_update"])
        line.room = 1
        line.turn(1030)
        #expect(!line.isOpen)
        #expect(Set(line.told[before...]) == ["fixture_update", "set feed"])
    }

    @Test func `shuts at once what can no longer be offered, though a price would wait for its interval`() {
        let line = Line { $0.publishInterval = 1000 }
        line.open()
        line.turn(100, Line.quotes(1900))
        let shown = line.price
        line.turn(200)
        #expect(line.price == shown)
        line.turn(300, Line.crossed)
        #expect(!line.isOpen)
        // What was shut may open with a price as soon as there is one.
        line.turn(400, Line.quotes(1800))
        #expect(line.isOpen)
        #expect(line.price != shown)
    }

    @Test func `keeps nobody betting while a result waits`() {
        let line = Line()
        line.open()
        line.room = 1
        line.turn(1000, Line.result)
        #expect(!line.isOpen)
        line.room = .max
        line.turn(1010)
        #expect(line.told.last == "result")
        line.turn(1020, Line.resumed, Line.quotes(1700))
        #expect(!line.isOpen)
    }

    @Test func `says a suspension although others have just changed every market`() {
        let line = Line()
        line.open()
        line.room = 0
        line.runner.refresh()
        line.turn(1000, Line.suspended)
        line.room = .max
        line.turn(1010)
        #expect(!line.isOpen)
    }

    @Test func `opens nothing by a refresh while its supplier is silent, and everything once it speaks`() {
        let line = Line()
        line.open()
        line.turn(6000)
        #expect(!line.isOpen)
        let before = line.told.count
        line.runner.refresh()
        line.turn(6100)
        #expect(line.told.count == before)
        line.turn(7000, .heartbeat)
        #expect(line.isOpen)
        #expect(line.told[before...] == ["lift feed+recovery", "lift stale"])
    }

    @Test func `opens nothing by what was said before all markets were changed`() {
        let line = Line()
        line.open()
        let before = line.told.count
        line.runner.refresh()
        line.turn(1000)
        line.turn(1100)
        #expect(line.told.count == before)
        line.turn(1200, .heartbeat)
        #expect(line.told[before...] == ["lift feed+recovery"])
    }

    @Test func `shuts everything at once when a line is not understood`() {
        let line = Line()
        line.open()
        line.script.failure = FeedError(line: 7, what: "nonsense")
        line.turn(100)
        #expect(!line.isOpen)
        #expect(line.runner.failure?.line == 7)
        line.script.failure = nil
        line.turn(200, Line.quotes(1800))
        #expect(!line.isOpen)
    }

    @Test func `says when it must be turned`() {
        let line = Line { $0.publishInterval = 300 }
        #expect(line.runner.nextTurn(after: 0) == nil)
        line.open()
        #expect(line.runner.nextTurn(after: 0) == 5001)
        line.turn(100, Line.quotes(1900))
        #expect(line.runner.nextTurn(after: 100) == 300)
        line.room = 0
        line.turn(150, Line.suspended)
        #expect(line.runner.nextTurn(after: 150) == 150 + FeedRunner.busyPause)
        line.room = .max
        line.turn(160)
        #expect(line.runner.nextTurn(after: 160) == 5151)
        line.turn(5151)
        #expect(line.runner.nextTurn(after: 5151) == nil)
    }

    @Test func `a result that is taken back leaves the market shut until its supplier offers it anew`() {
        let line = Line()
        line.open()
        line.turn(1000, .result(FeedResult(market: "m", certainty: 1, results: [.won, .lost])))
        #expect(!line.isOpen)
        line.turn(2000, Line.resumed, Line.quotes(1990))
        #expect(!line.isOpen, "what has a result is not offered")
        line.turn(3000, .rollback(market: "m"))
        #expect(line.told.last == "result")
        line.turn(4000, Line.resumed)
        #expect(!line.isOpen, "nothing was quoted since")
        line.turn(5000, Line.quotes(1990))
        #expect(line.isOpen)
        #expect(line.told.filter { $0 == "result" }.count == 2)
    }

    private static func others(_ numbers: Range<Int>) -> [FeedEvent] {
        numbers.flatMap { number -> [FeedEvent] in
            let name = "x\(number)"
            return [
                .market(
                    FeedMarket(
                        id: name, fixture: "f", type: .matchOdds, name: "x", winners: 1, betDelay: 0,
                        selections: [FeedSelection(id: 1, name: "a"), FeedSelection(id: 2, name: "b")])),
                .result(FeedResult(market: name, certainty: 1, results: [.won, .lost])),
            ]
        }
    }

    @Test func `a correction is told however many markets were settled meanwhile, for as long as the engine takes it`() {
        let line = Line()
        line.open()
        line.turn(1000, Line.result)
        line.script.messages.append(FeedMessage(time: 2000, number: 2, events: Self.others(0..<9000)))
        line.turn(2000)
        line.turn(3000, .rollback(market: "m"), .cancel(FeedCancel(market: "m")))
        #expect(line.told.suffix(2) == ["result", "cancel"])
        #expect(line.runner.misfits == 0)
        line.turn(4000, Line.resumed, Line.quotes(1990))
        #expect(line.isOpen, "it is offered again")
        line.turn(5000, Line.result)
        // Long settled once more, and over for good after three days.
        line.script.messages.append(FeedMessage(time: 6000, number: 3, events: Self.others(9000..<14_000)))
        line.turn(6000)
        let later = 6000 + Limits.correctionWindow + 1
        line.script.messages.append(FeedMessage(time: later, number: 4, events: Self.others(14_000..<18_200)))
        line.turn(later)
        let told = line.told.count
        line.turn(later + 1, .rollback(market: "m"))
        #expect(line.told.count == told)
        #expect(line.runner.misfits == 1, "it is counted that nobody was told")
    }

    @Test(arguments: [
        FeedResult(market: "m", certainty: 2, results: [.won, .lost, .lost]),
        FeedResult(market: "m", certainty: 2, results: [.deadHeat, .deadHeat]),
        FeedResult(market: "m", certainty: 2, results: [.won, .lost], finish: [nil]),
    ])
    func `a result that is not understood is none, and nobody bets on it until it is said otherwise`(result: FeedResult) {
        let line = Line()
        line.open()
        line.turn(1000, .result(result))
        #expect(!line.isOpen && line.runner.misfits == 1)
        #expect(!line.told.contains("result"))
        line.turn(2000, Line.quotes(1990))
        #expect(!line.isOpen)
        line.turn(3000, Line.resumed, Line.quotes(1990))
        #expect(line.isOpen)
        // One from before another word changes nothing.
        line.turn(4000, Line.result)
        #expect(line.told.last == "result")
    }

    @Test func `a market of more selections than there can be is counted, not dropped`() {
        let line = Line()
        line.turn(
            0, Line.fixture,
            .market(
                FeedMarket(
                    id: "m", fixture: "f", type: .other, name: "m", winners: 1, betDelay: 0,
                    selections: (0...Limits.selections).map { FeedSelection(id: UInt64($0), name: "s") })))
        #expect(line.runner.tally.misfits == 1)
        #expect(!line.told.contains("market"))
    }

    @Test func `a start that comes late shuts what is offered as if there had been none`() {
        let line = Line()
        line.open()
        line.turn(1000, .update(FeedUpdate(fixture: "f", state: FixtureState(), startedAt: 500)))
        #expect(!line.isOpen)
        line.turn(2000, Line.quotes(1990))
        #expect(!line.isOpen)
        line.turn(3000, Line.resumed, Line.quotes(1990))
        #expect(line.isOpen)
        let inPlay = FixtureState(status: .live, isInPlay: true)
        line.turn(4000, .update(FeedUpdate(fixture: "f", state: inPlay, startedAt: 400)))
        #expect(line.isOpen, "it is offered in play")
    }

    @Test func `a cancel is told with its window and its time`() {
        var heard: [[Int64]] = []
        let script = Script()
        script.messages = [
            FeedMessage(time: 7, number: 1, events: [Line.fixture, Line.market]),
            FeedMessage(
                time: 9, number: 2, events: [.cancel(FeedCancel(market: "m", from: 3, until: 5, isTakenBack: true))]),
            FeedMessage(time: 9, number: 3, events: [.cancel(FeedCancel(market: "x"))]),
        ]
        let runner = FeedRunner(source: script, settings: FeedSettings()) { record in
            if record.kind == .cancel {
                heard.append([
                    record.field(Layout.Cancel.from, as: Int64.self), record.field(Layout.Cancel.until, as: Int64.self),
                    record.field(Layout.Cancel.time, as: Int64.self),
                    Int64(record.field(Layout.Cancel.action, as: UInt8.self)),
                ])
            }
            return true
        }
        runner.turn(now: 0, wall: 0)
        runner.turn(now: 10, wall: 10)
        #expect(heard == [[3_000_000, 5_000_000, 9_000_000, Int64(ResultAction.reinstate.rawValue)]])
    }
}
