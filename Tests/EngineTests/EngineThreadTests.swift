import Betting
import Catalogue
import Dispatch
import EngineCore
import EngineFiles
import EngineJournal
import EngineService
import Foundation
import Kernel
import Ledger
import Synchronization
import TestSupport
import Testing

/// Counts how often each token was answered.
private final class Answers: BlockSubscriber {
    let counts = Mutex<[Token: Int]>([:])
    var backlog: Int { 0 }
    var mostBacklog: Int { .max }

    func durable(_ block: DurableBlock) {
        counts.withLock { counts in
            for completion in block.completions { counts[completion.token, default: 0] += 1 }
        }
    }
}

@Suite struct `The engine's thread` {
    /// A cell with a customer who has money and a market whose bets wait for two milliseconds.
    private func openHost() throws -> EngineHost<MemoryDisk, SystemClock> {
        let host = try EngineHost(
            disk: MemoryDisk(), clock: SystemClock(), limits: Cell.smallLimits, cell: CellConfiguration(),
            segmentBytes: 64 << 20, newJournal: ExternalID(high: 7, low: 11), prepare: { _ in })
        let batch = IntakeBatch(capacity: 64)
        var encoder = CommandEncoder()
        let fixtureID = ExternalID(high: 1, low: 1)
        let marketID = ExternalID(high: 2, low: 2)
        var fixture = FixtureFacts(id: fixtureID)
        fixture.state = FixtureState(status: .live, isInPlay: true)
        var market = MarketFacts(
            id: marketID, fixture: fixtureID, name: "m",
            selections: [SelectionFacts(supplierID: 1, name: "a"), SelectionFacts(supplierID: 2, name: "b")])
        market.betDelay = 2
        let now = Timestamp(nanoseconds: SystemClock().wall())
        #expect(batch.add(encoder.openAccount(ExternalID(high: 9, low: 1), .eur, .demo), token: 0))
        let first = ExternalID(milliseconds: now.milliseconds, random: (3, 3))
        #expect(batch.add(encoder.deposit(1_000_000, to: AccountID(0), id: first), token: 0))
        #expect(batch.add(encoder.fixture(fixture), token: 0))
        #expect(batch.add(encoder.market(market), token: 0))
        let even = PriceEntry(odds: Odds(2, over: 1))
        #expect(batch.add(encoder.price(market: marketID, [even, even], margin: 0, message: 0, providerTime: 0), token: 0))
        #expect(batch.add(encoder.marketState(marketID, by: .feed, lifting: [.feed, .recovery]), token: 0))
        try host.turn(batch) { _ in }
        return host
    }

    private func intent(_ lane: UInt64, _ index: UInt64) -> BetIntent {
        let now = Timestamp(nanoseconds: SystemClock().wall())
        let id = ExternalID(milliseconds: now.milliseconds, random: (lane, index))
        var intent = BetIntent(
            account: AccountID(0), id: id, requestHash: id, session: SessionID(1), stake: 10, currency: .eur,
            legs: [LegIntent(market: MarketID(0), fixture: FixtureID(0), selection: 0, odds: Odds(2, over: 1)!)],
            validUntil: now.adding(milliseconds: 50_000), receivedAt: now)
        intent.rule = .any
        return intent
    }

    /// Delays end all the time, so turns without news stand beside those with some.
    @Test func `answers everything that it took once, whatever falls due meanwhile`() throws {
        let host = try openHost()
        let ended = DispatchSemaphore(value: 0)
        let engine = EngineThread(host, intakeSlots: 1024) { _ in ended.signal() }
        let answers = Answers()
        engine.subscribe(answers)
        engine.start()
        let taken = Mutex<[Token]>([])
        DispatchQueue.concurrentPerform(iterations: 3) { lane in
            var encoder = CommandEncoder()
            for index in 0..<1500 {
                let token = Token(lane * 10_000 + index + 1)
                if engine.submit(encoder.place(intent(UInt64(lane + 10), UInt64(index))), token: token) { taken.withLock { $0.append(token) } }
                // Now and then nothing comes for a moment.
                if index % 5 == lane { usleep(300) }
            }
        }
        engine.stop()
        ended.wait()
        let all = taken.withLock { $0 }
        #expect(all.count > 1000)
        answers.counts.withLock { counts in
            for token in all { #expect(counts[token] == 1, "token \(token)") }
        }
    }

    /// After a turn of many it waits for as many again; whoever must not wait does not, and nobody is forgotten.
    @Test func `while it waits for company answers questions, shuts markets and stops`() throws {
        let host = try openHost()
        let ended = DispatchSemaphore(value: 0)
        let engine = EngineThread(host, intakeSlots: 1024) { _ in ended.signal() }
        let answers = Answers()
        engine.subscribe(answers)
        engine.start()
        var encoder = CommandEncoder()
        var taken: [Token] = []
        var next: Token = 1
        func bets(_ count: Int) {
            for _ in 0..<count {
                if engine.submitQuietly(encoder.place(intent(40, next)), token: next) { taken.append(next) }
                next += 1
            }
        }
        for round in 0..<60 {
            bets(40)
            engine.wake()
            usleep(UInt32(round * 7))
            bets(3)
            let isAnswered = DispatchSemaphore(value: 0)
            if round % 2 == 0 {
                #expect(engine.ask { _ in isAnswered.signal() })
                #expect(isAnswered.wait(timeout: .now() + 5) == .success)
            } else {
                let token = next
                next += 1
                #expect(
                    engine.submitQuietly(
                        encoder.marketState(ExternalID(high: 2, low: 2), by: .trader, lifting: .trader), token: token))
                engine.wake()
                let limit = Date().addingTimeInterval(5)
                while answers.counts.withLock({ $0[token] }) == nil, Date() < limit { usleep(50) }
                #expect(answers.counts.withLock { $0[token] } == 1)
            }
        }
        bets(50)
        engine.wake()
        bets(5)
        engine.stop()
        ended.wait()
        answers.counts.withLock { counts in
            for token in taken { #expect(counts[token] == 1, "token \(token)") }
        }
    }
}
