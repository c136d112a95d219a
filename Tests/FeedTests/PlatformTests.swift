import Betting
import Catalogue
import EngineCore
import EngineJournal
import EngineService
import FeedBetfair
import FeedCore
import FeedService
import Foundation
import Kernel
import Ledger
import Pricing
import TestSupport
import Testing

/// Punters who bet by a script while a feed plays, on a platform below the sockets.
private final class Script {
    let cell: Cell
    private var random: SeededGenerator
    private var accounts: [AccountID] = []
    private var open: [MarketID: (fixture: FixtureID, prices: [Odds?])] = [:]
    private var order: [MarketID] = []
    private var known: Set<MarketID> = []
    var markets: Int { known.count }
    private var prices: [Odds?] = []
    private(set) var placed = 0
    private(set) var pending = 0
    /// Bets that were taken, at once or after their delay, and those that were settled.
    private(set) var taken = 0
    private(set) var settled = 0

    init(seed: UInt64) throws {
        cell = try Cell()
        random = SeededGenerator(seed: seed)
        accounts = try (0..<5).map { _ in try cell.customer(cash: 5_000_000) }
        cell.onRecord = { [unowned self] in note($0) }
    }

    private func note(_ record: RecordBytes) {
        switch record.kind {
        case .placed:
            if record.field(Layout.Placed.status, as: UInt8.self) == BetStatus.open.rawValue { taken += 1 }
        case .betSettled: settled += 1
        case .price:
            let count = Int(record.field(Layout.Price.selectionCount, as: UInt16.self))
            prices = (0..<count).map { record.odds(at: Layout.Price.entries + $0 * Layout.Price.entrySize) }
        case .marketChanged:
            let market = MarketID(record.field(Layout.MarketChanged.market, as: UInt64.self))
            let fixture = FixtureID(record.field(Layout.MarketChanged.fixture, as: UInt64.self))
            let isOpen = record.field(Layout.MarketChanged.reasons, as: UInt8.self) == 0
            known.insert(market)
            if !prices.isEmpty { open[market] = (fixture, prices) }
            prices = []
            order.removeAll { $0 == market }
            if isOpen, open[market] != nil { order.append(market) }
        default: break
        }
    }

    /// A turn of the platform, now and then with a bet; time goes on by six seconds.
    func turn(_ runner: FeedRunner) throws {
        runner.turn(
            now: cell.clock.wallTime / 1_000_000, wall: cell.clock.wallTime / 1_000_000)
        if !order.isEmpty, random.unit() < 0.5 { bet() }
        cell.clock.advance(milliseconds: 6000)
        try cell.turn()
    }

    private func bet() {
        let market = order[random.number(in: 0...order.count - 1)]
        guard let (fixture, prices) = open[market] else { return }
        let selection = random.number(in: 0...prices.count - 1)
        guard let odds = prices[selection] else { return }
        var intent = cell.intent(accounts[random.number(in: 0...accounts.count - 1)], [], stake: Int64(random.number(in: 10...2000)))
        intent.legs = [LegIntent(market: market, fixture: fixture, selection: UInt32(selection), odds: odds)]
        intent.rule = .any
        intent.tolerance = PriceRule.anyTicks
        _ = cell.send { $0.place(intent) }
        placed += 1
    }

    /// Plays to the end, settles everything, and proves the books and the journal.
    func play(_ source: any FeedSource, settles: Bool = true) throws {
        var settings = FeedSettings()
        settings.speedHundredths = 1_000_000_000
        let paced = Paced(source)
        let runner = FeedRunner(source: paced, settings: settings) { [cell] in cell.offer($0) }
        while !runner.isIdle {
            paced.refill()
            try turn(runner)
            #expect(runner.failure == nil)
        }
        for _ in 0..<10 {
            cell.clock.advance(milliseconds: 10_000)
            try cell.turn()
        }
        try cell.settleAll()
        #expect(cell.audit() == [])
        #expect(cell.total(.held, .demo) == 0)
        #expect((cell.total(.openBets, .demo) == 0) == settles)
        var engine = Engine(limits: Cell.smallLimits, seed: 3)
        var replay = Replay()
        _ = try JournalReader(cell.disk).scan { try replay.apply($0, to: &engine) }
        try replay.finish()
        #expect(engine.stateHash == cell.stateHash)
    }
}

/// Everything that one seed makes: every byte of the journal, and the state it ends in.
private func trace(seed: UInt64) throws -> String {
    var settings = SimulationSettings()
    settings.seed = seed
    settings.matches = 3
    settings.correctionChance = 0.4
    let script = try Script(seed: seed)
    try script.play(SimulatedWorld(settings: settings, startingAt: 0, run: "t", endless: false))
    let digest = Digest()
    var hashes = "state \(script.cell.stateHash)"
    for (name, bytes) in script.cell.disk.store.files.sorted(by: { $0.key < $1.key }) {
        let sum = bytes.withUnsafeBytes { digest.sha256($0) }
        hashes += " \(name) \(sum.map { String($0, radix: 16) }.joined())"
    }
    return hashes
}

/// Hands a feed out in small helpings, so that punters can bet between them.
private final class Paced: FeedSource {
    private let source: any FeedSource
    private var given = 0
    var name: String { source.name }

    init(_ source: any FeedSource) { self.source = source }

    /// Set back by the script before each turn of the runner.
    func refill() { given = 0 }

    func nextTime() throws(FeedError) -> Int64? {
        // A time that never comes makes the runner wait for its next turn.
        given >= 20 ? .max : try source.nextTime()
    }

    func next() throws(FeedError) -> FeedMessage {
        given += 1
        return try source.next()
    }
}

@Suite struct `The whole platform below the sockets` {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `plays the simulated world, settles it, and its books balance`(seed: UInt64) throws {
        var settings = SimulationSettings()
        settings.seed = seed
        settings.matches = 6
        settings.tennisMatches = 4
        settings.correctionChance = 0.4
        let script = try Script(seed: seed)
        try script.play(SimulatedWorld(settings: settings, startingAt: 0, run: "t", endless: false))
        #expect(script.placed > 20)
        #expect(script.taken > 10)
        #expect(script.settled > 10)
    }

    /// Hash seeds, addresses and thread timing differ from process to process; nothing of them may show.
    @Test func `makes the same journal, byte for byte, in every process that plays one seed`() async throws {
        let own = try trace(seed: 11)
        #expect(try trace(seed: 12) != own)
        for _ in 0..<2 {
            let other = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
                print("TRACE " + (try trace(seed: 11)))
            }
            let output = String(decoding: other?.standardOutputContent ?? [], as: UTF8.self)
            #expect(output.contains("TRACE " + own))
        }
    }

    /// Recordings that stop before anything settles.
    private static let unsettled: Set<String> = [
        "basketball-1.166564490-nba-pre-event-only.bz2",
        "football-200-markets-match-odds-and-asian-handicap-pre-event.bz2",
    ]

    @Test(
        .enabled(if: Recordings.exists("betfair-stream"), "the recordings are not beside the project"),
        arguments: Recordings.files("betfair-stream").filter { $0 != "facts.json" })
    func `plays every recorded market whole, settles it from its own result, and its books balance`(file: String) throws {
        let script = try Script(seed: 8)
        let settles = !Self.unsettled.contains(file)
        let stream = try BetfairStream(path: Recordings.shared.appending(path: "betfair-stream/" + file).path)
        try script.play(stream, settles: settles)
        #expect(stream.tally.passedOver == 0)
        // Sixty markets of 33 handicaps each, beside as many of the matches' winners as are recorded.
        if file.contains("asian-handicap") { #expect(script.markets == 140 + 60 * 33) }
        // A price a minute leaves a greyhound race hardly any time to be bet on.
        #expect(script.taken > 0 || file.hasPrefix("greyhounds-1.214555872"))
        #expect(script.settled == (settles ? script.taken : 0))
    }

    @Test func `shuts every market of a feed within a second of its silence, and opens them when it speaks`() throws {
        let cell = try Cell()
        final class Silent: FeedSource {
            let name = "silent"
            var messages: [FeedMessage]
            init(_ messages: [FeedMessage]) { self.messages = messages }
            func nextTime() throws(FeedError) -> Int64? { messages.first?.time ?? .max }
            func next() throws(FeedError) -> FeedMessage { messages.removeFirst() }
        }
        let market = FeedMarket(
            id: "m", fixture: "f", type: .matchOdds, name: "m", winners: 1, betDelay: 0,
            selections: [FeedSelection(id: 1, name: "a"), FeedSelection(id: 2, name: "b")])
        let fixture = FeedFixture(id: "f", sport: .football, competition: "", home: "a", away: "b", scheduled: 0)
        let quotes = FeedQuotes(market: "m", quotes: [.init(bestBack: 1980, bestLay: 2020), .init(bestBack: 1980, bestLay: 2020)])
        let source = Silent([
            FeedMessage(time: 0, number: 1, events: [.fixture(fixture), .market(market), .marketState(market: "m", isSuspended: false), .quotes(quotes)]),
            FeedMessage(time: 60_000, number: 2, events: [.heartbeat]),
        ])
        var settings = FeedSettings()
        settings.staleAfter = 5000
        let runner = FeedRunner(source: source, settings: settings) { cell.offer($0) }
        var reasons: [UInt8] = []
        cell.onRecord = { record in
            guard record.kind == .marketChanged else { return }
            reasons.append(record.field(Layout.MarketChanged.reasons, as: UInt8.self))
        }
        func turn(at milliseconds: Int64) throws -> UInt8? {
            runner.turn(now: milliseconds, wall: milliseconds)
            try cell.turn()
            return reasons.last
        }
        #expect(try turn(at: 0) == 0)
        #expect(try turn(at: 5000) == 0)
        #expect(try turn(at: 5500) == ShutReasons.stale.rawValue)
        #expect(try turn(at: 60_000) == 0)
    }

    @Test func `opens a market after a suspension with new prices only`() throws {
        let cell = try Cell()
        final class Told: FeedSource {
            let name = "told"
            var messages: [FeedMessage] = []
            func nextTime() throws(FeedError) -> Int64? { messages.first?.time ?? .max }
            func next() throws(FeedError) -> FeedMessage { messages.removeFirst() }
        }
        let market = FeedMarket(
            id: "m", fixture: "f", type: .matchOdds, name: "m", winners: 1, betDelay: 0,
            selections: [FeedSelection(id: 1, name: "a"), FeedSelection(id: 2, name: "b")])
        let fixture = FeedFixture(id: "f", sport: .football, competition: "", home: "a", away: "b", scheduled: 0)
        func quotes(_ back: UInt32) -> FeedEvent {
            let quote = Quote(bestBack: back, bestLay: back + 40)
            return .quotes(FeedQuotes(market: "m", quotes: [quote, .init(bestBack: 1980, bestLay: 2020)]))
        }
        let source = Told()
        let runner = FeedRunner(source: source, settings: FeedSettings()) { cell.offer($0) }
        var reasons: UInt8 = 255
        cell.onRecord = { record in
            guard record.kind == .marketChanged else { return }
            reasons = record.field(Layout.MarketChanged.reasons, as: UInt8.self)
        }
        func turn(_ time: Int64, _ events: FeedEvent...) throws -> UInt8 {
            source.messages.append(FeedMessage(time: time, number: 1, events: events))
            runner.turn(now: time, wall: time)
            try cell.turn()
            return reasons
        }
        let open = FeedEvent.marketState(market: "m", isSuspended: false)
        #expect(try turn(0, .fixture(fixture), .market(market), open, quotes(1980)) == 0)
        #expect(try turn(1000, .marketState(market: "m", isSuspended: true)) == ShutReasons.feed.rawValue)
        #expect(try turn(2000, open) == ShutReasons.feed.rawValue)
        #expect(try turn(3000, quotes(1900)) == 0)
        // Prices that came while it was shut are new enough.
        #expect(try turn(4000, .marketState(market: "m", isSuspended: true), quotes(1800)) == ShutReasons.feed.rawValue)
        #expect(try turn(5000, open) == 0)
        // A stepped clock shuts what is in play; the runner says anew what is open.
        cell.clock.wallTime += 5_000_000_000
        try cell.turn()
        try cell.say { $0.marketState(ExternalID(derivedFrom: "told:market:m"), by: .feed, setting: .recovery) }
        #expect(reasons == ShutReasons.recovery.rawValue)
        runner.refresh()
        #expect(try turn(6000, .heartbeat) == 0)
    }
}
