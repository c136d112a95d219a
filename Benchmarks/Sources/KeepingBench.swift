import Betting
import CSystem
import Catalogue
import EngineCore
import EngineFiles
import EngineJournal
import EngineService
import Glibc
import Kernel
import Ledger
import Synchronization
import SystemThreads

/// What an engine keeps: memory over settled bets, snapshots, and its manners when more is asked than it can do.
enum KeepingBench {
    // MARK: Settled bets

    /// Growth of resident memory, in percent, over `bets` bets that are placed, settled and leave, after a tenth as
    /// many for warming up.
    static func settled(bets: Int) {
        let perMarket = 10_000
        var limits = EngineBench.limits(bets: perMarket * 4, reserving: 0)
        limits.markets = EngineBench.markets + 16 + bets * 2 / perMarket
        limits.fixtures = limits.markets
        let bare = EngineBench.Bare(limits: limits)
        EngineBench.prepare(bare.apply)
        var encoder = CommandEncoder()
        var random = SeededGenerator(seed: 5)
        var number: UInt64 = 0
        var market = EngineBench.markets
        func round() {
            let id = ExternalID(high: 4, low: UInt64(market))
            let fixture = ExternalID(high: 3, low: UInt64(market))
            bare.apply(encoder.fixture(FixtureFacts(id: fixture)))
            bare.apply(
                encoder.market(
                    MarketFacts(
                        id: id, fixture: fixture, name: "m",
                        selections: (0..<3).map { SelectionFacts(supplierID: $0, name: "s") })))
            bare.apply(
                encoder.price(
                    market: id, (0..<3).map { _ in PriceEntry(odds: Odds(thousandths: 1850)) }, margin: 0,
                    message: 0, providerTime: 0))
            bare.apply(encoder.marketState(id, by: .feed, lifting: .feed))
            for _ in 0..<perMarket {
                number += 1
                bare.apply(
                    EngineBench.place(&encoder, number, &random, now: bare.now, market: UInt64(market)))
                precondition(bare.status == BetStatus.open.rawValue, "every bet is taken")
            }
            bare.apply(
                encoder.result(
                    market: id,
                    [SelectionOutcome(.won), SelectionOutcome(.lost), SelectionOutcome(.lost)],
                    source: .feed))
            while bare.engine.dueKind(at: Timestamp(nanoseconds: bare.now)) == .settleStep {
                bare.apply(encoder.own(.settleStep))
            }
            // Ids leave first, then what they named.
            bare.pass(700_000_000_000)
            while bare.engine.canForgetIDs(at: Timestamp(nanoseconds: bare.now), projected: .max) {
                bare.apply(encoder.own(.forgetIDs) { $0.set(Layout.ForgetIDs.projected, UInt64.max) })
            }
            bare.pass(Limits.correctionWindow * 1_000_000)
            while let due = bare.engine.nextRelease(at: Timestamp(nanoseconds: bare.now), projected: .max) {
                bare.apply(
                    encoder.own(.release) {
                        $0.set(Layout.Release.market, due.rawValue)
                        $0.set(Layout.Release.projected, UInt64.max)
                    })
            }
            precondition(bare.engine.counts.bets == 0, "every settled bet has left")
            market += 1
        }
        while number < UInt64(bets / 10) { round() }
        let before = EngineBench.residentBytes()
        let goal = number + UInt64(bets)
        while number < goal { round() }
        let after = EngineBench.residentBytes()
        print(
            "{\"percent\":\(Double(after - before) * 100 / Double(before)),\"before\":\(before),\"after\":\(after),"
                + "\"bets\":\(bets)}")
    }

    // MARK: Snapshots

    /// Bets in flight before and while a snapshot is taken, the longest slice, and loading the file.
    static func snapshot(directory: String, bets: Int) throws {
        let limits = EngineBench.limits(bets: bets + 6_000_000)
        let engine = try TurnedEngine(directory: directory, segments: 12, limits: limits)
        try engine.place(bets)
        let (disk, host) = (engine.disk, engine.host)
        let quiet = try engine.quietP99()
        let copy = SnapshotCopy()
        let began = EngineBench.now()
        try host.beginSnapshot(copy) { _ in }
        let whole = EngineBench.now() - began
        // The checkpoint is one more block; what a snapshot adds to that is the freeze.
        let commit = UInt64(host.health.lastCommitNanoseconds)
        var slowest = whole > commit ? whole - commit : 0
        let written = Mutex<UInt64?>(nil)
        startThread(name: "snapshot") {
            // As the keeper does it.
            _ = gs_background_thread()
            let round = SnapshotRound(disk, pace: SnapshotKeeper<FileDisk>.pace(64 << 20))
            while true {
                if let sequence = try! round.write(copy) {
                    written.withLock { $0 = sequence }
                    return
                }
                usleep(1000)
            }
        }
        let busy = try engine.p99(while: { written.withLock { $0 } == nil }) {
            guard host.isCopying else { return }
            let slice = holdingCore {
                let began = EngineBench.now()
                host.copySlice()
                return EngineBench.now() - began
            }
            slowest = max(slowest, slice)
        }
        let sequence = written.withLock { $0 } ?? 0
        try SnapshotShelf(disk).accept(sequence)
        let name = SnapshotFormat.name(sequence)
        let bytes = try disk.size(of: name)
        var fresh = Engine(limits: EngineBench.limits(bets: bets + 6_000_000, reserving: 0), seed: 4)
        let loading = EngineBench.now()
        let header = try SnapshotReader(disk, name: name).load(into: &fresh)
        let took = Double(EngineBench.now() - loading) / 1e9
        let rows = fresh.counts.bets * 4 + fresh.counts.accounts * 2 + fresh.counts.markets * 5
        precondition(header.end.lastSequence == written.withLock { $0 }, "it is the one that was written")
        print(
            "{\"load_rows_per_s\":\(Double(rows) / took),\"rows\":\(rows),\"bytes\":\(bytes),\"pause_ms\":\(Double(slowest) / 1e6),"
                + "\"p99_quiet_us\":\(quiet),\"p99_snapshot_us\":\(busy)}")
    }

    // MARK: Overload

    /// Offered at a rate, from a thread of its own: what is accepted, how late, and how soon the rest hears `busy`.
    static func overload(directory: String, seconds: Double, intake: Int) throws {
        let disk = try FileDisk(directory: directory)
        for number in 1...24 {
            try disk.createZeroed(JournalFormat.segmentName(UInt32(number)), bytes: 256 << 20)
        }
        let host = try EngineHost(
            disk: disk, clock: SystemClock(), limits: EngineBench.limits(bets: 10_000_000), cell: CellConfiguration(),
            segmentBytes: 256 << 20, newJournal: ExternalID(high: 5, low: 5), prepare: { _ in })
        let batch = IntakeBatch(capacity: 16_384)
        EngineBench.prepare { record in
            if batch.add(record, token: 0) { return }
            try! host.turn(batch) { _ in }
            batch.removeAll()
            _ = batch.add(record, token: 0)
        }
        try host.turn(batch) { _ in }
        batch.removeAll()
        let answers = Answers()
        let engine = EngineThread(host, intakeSlots: intake) { _ in }
        engine.subscribe(answers)
        engine.start()
        let offer = Offer(engine, answers)
        // All that it can do: as many as it takes, without a pause.
        let most = offer.run(perSecond: .infinity, seconds: seconds)
        let easy = offer.run(perSecond: most.accepted * 0.8, seconds: seconds)
        let twice = offer.run(perSecond: most.accepted * 2, seconds: seconds)
        print(
            "{\"most\":\(most.accepted),\"easy\":\(easy.accepted),\"easy_p99_us\":\(easy.p99),\"accepted\":\(twice.accepted),\"p99_us\":\(twice.p99),"
                + "\"busy\":\(twice.busy),\"busy_p99_us\":\(twice.busyP99),\"undecided\":\(twice.undecided)}")
        engine.stop()
        usleep(200_000)
    }

    /// Sees each answer, on the engine's thread.
    private final class Answers: BlockSubscriber, @unchecked Sendable {
        // Written by the engine's thread; read by the other one when nothing is under way.
        let sent: UnsafeMutablePointer<UInt64> = .allocate(capacity: 1 << 24)
        let latencies: UnsafeMutablePointer<UInt32> = .allocate(capacity: 1 << 24)
        let answered = Atomic<Int>(0)
        let refused = Atomic<Int>(0)
        var backlog: Int { 0 }
        var mostBacklog: Int { .max }

        func durable(_ block: DurableBlock) {
            let now = EngineBench.now()
            var count = answered.load(ordering: .relaxed)
            for completion in block.completions where completion.token != 0 {
                latencies[count] = UInt32(clamping: now - sent[Int(completion.token) & (1 << 24 - 1)])
                count += 1
                let record = block.record(at: Int(completion.slot))
                if record.field(Layout.Placed.refusal, as: UInt16.self) != 0 { refused.add(1, ordering: .relaxed) }
            }
            answered.store(count, ordering: .releasing)
        }
    }

    private final class Offer {
        struct Result {
            var accepted = 0.0
            var p99 = 0.0
            var busy = 0
            var busyP99 = 0.0
            var undecided = 0
        }

        private let engine: any EngineIntake
        private let answers: Answers
        private var encoder = CommandEncoder()
        private var random = SeededGenerator(seed: 9)
        private var number: UInt64 = 0

        init(_ engine: any EngineIntake, _ answers: Answers) {
            self.engine = engine
            self.answers = answers
        }

        func run(perSecond rate: Double, seconds: Double) -> Result {
            answers.answered.store(0, ordering: .releasing)
            var taken = 0
            var busy: [UInt32] = []
            busy.reserveCapacity(1 << 22)
            let began = EngineBench.now()
            let end = began + UInt64(seconds * 1e9)
            var offered = 0.0
            var now = began
            var wall = SystemClock().wall()
            while now < end, taken < 1 << 23 {
                // Clients come when they come, not when there is room.
                let due = rate.isFinite ? Double(now - began) / 1e9 * rate : offered + 256
                var burst = 0
                while offered < due, burst < 4096 {
                    offered += 1
                    burst += 1
                    number += 1
                    let record = EngineBench.place(&encoder, number, &random, now: wall)
                    let asked = EngineBench.now()
                    answers.sent[Int(number) & (1 << 24 - 1)] = asked
                    if engine.submitQuietly(record, token: number) {
                        taken += 1
                    } else if busy.count < 1 << 22 {
                        busy.append(UInt32(clamping: EngineBench.now() - asked))
                        if !rate.isFinite { break }
                    }
                }
                if burst > 0 { engine.wake() }
                if rate.isFinite, offered >= due { usleep(20) }
                now = EngineBench.now()
                wall = SystemClock().wall()
            }
            let took = Double(EngineBench.now() - began) / 1e9
            // A second is long enough for everything that was taken.
            let late = EngineBench.now() + 1_000_000_000
            while answers.answered.load(ordering: .acquiring) < taken, EngineBench.now() < late { usleep(1000) }
            let count = answers.answered.load(ordering: .acquiring)
            var result = Result()
            result.accepted = Double(count) / took
            result.undecided = taken - count
            result.busy = busy.count
            let sorted = UnsafeBufferPointer(start: answers.latencies, count: count).sorted()
            if count > 0 { result.p99 = Double(sorted[count * 99 / 100]) / 1000 }
            busy.sort()
            if !busy.isEmpty { result.busyP99 = Double(busy[busy.count * 99 / 100]) / 1000 }
            precondition(answers.refused.load(ordering: .relaxed) == 0, "every bet of the benchmark is taken")
            return result
        }
    }
}
