import Betting
import Catalogue
import EngineCore
import EngineFiles
import EngineJournal
import EngineService
import Glibc
import Kernel
import Ledger

/// The engine in process: deciding alone, deciding durably, replaying, and what a bet costs in memory.
///
/// The same shape of work as the C reference: 100,000 accounts, 1,000 markets of three selections, singles of
/// 1.00 to 9.99, an intent and an outcome of 256 bytes each.
enum EngineBench {
    static let accounts = 100_000
    static let markets = 1000

    /// Two clocks of the machine.
    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    static func cpu() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Everything is allocated and touched before the clock starts, as the reference does; not for memory rows.
    static func limits(bets: Int, reserving reserved: Int? = nil) -> EngineLimits {
        EngineLimits(
            accounts: accounts + 16, openBets: bets + 16, ids: bets + accounts * 2 + 16,
            reservedIDs: bets + accounts,
            reservedBets: reserved ?? bets + accounts, timers: 1024, fixtures: markets + 16, markets: markets + 16)
    }

    /// Opens accounts with money and markets with prices, through `apply`.
    static func prepare(_ apply: (RecordBytes) -> Void) {
        var encoder = CommandEncoder()
        for number in 0..<accounts {
            apply(encoder.openAccount(ExternalID(high: 1, low: UInt64(number)), .eur, .demo))
            apply(
                encoder.deposit(
                    Limits.stake, to: AccountID(UInt64(number)),
                    id: ExternalID(high: 2, low: UInt64(number))))
        }
        let odds = Odds(thousandths: 1850)
        for number in 0..<markets {
            let fixture = ExternalID(high: 3, low: UInt64(number))
            let market = ExternalID(high: 4, low: UInt64(number))
            apply(encoder.fixture(FixtureFacts(id: fixture)))
            apply(
                encoder.market(
                    MarketFacts(
                        id: market, fixture: fixture, name: "m",
                        selections: (0..<3).map { SelectionFacts(supplierID: $0, name: "s") })))
            apply(
                encoder.price(
                    market: market, (0..<3).map { _ in PriceEntry(odds: odds) }, margin: 0,
                    message: 0, providerTime: 0))
            apply(encoder.marketState(market, by: .feed, lifting: .feed))
        }
    }

    // One thread runs a benchmark; the intent is used again and again, so that the client costs little.
    @exclusivity(unchecked) nonisolated(unsafe) private static var template = BetIntent(
        account: AccountID(0), id: .zero, requestHash: .zero, session: SessionID(1), stake: 1,
        currency: .eur,
        legs: [
            LegIntent(
                market: MarketID(0), fixture: FixtureID(0), selection: 0,
                odds: Odds(reduced: 37, 20))
        ], validUntil: Timestamp(nanoseconds: 0), receivedAt: Timestamp(nanoseconds: 0))

    static func place(
        _ encoder: inout CommandEncoder, _ number: UInt64, _ random: inout SeededGenerator, now: Int64,
        market chosen: UInt64? = nil
    ) -> RecordBytes {
        let word = random.next()
        let market = chosen ?? (word >> 20) % UInt64(markets)
        template.account = AccountID(word % UInt64(accounts))
        template.id = ExternalID(milliseconds: now / 1_000_000, random: (mixed(number), number))
        template.requestHash = ExternalID(high: number, low: 1)
        template.stake = Int64(100 + (word >> 32) % 900)
        template.validUntil = Timestamp(nanoseconds: now + 30_000_000_000)
        template.receivedAt = Timestamp(nanoseconds: now)
        template.legs[0].market = MarketID(market)
        template.legs[0].fixture = FixtureID(market)
        template.legs[0].selection = UInt32((word >> 50) % 3)
        return encoder.place(template)
    }

    /// An engine with its outcomes going into memory that is used again and again.
    final class Bare {
        @exclusivity(unchecked) var engine: Engine
        private let memory = AlignedBuffer((Engine.mostOutcomeSlots + 64) * 256)
        @exclusivity(unchecked) private var sequence: UInt64 = 1
        @exclusivity(unchecked) private var time: Int64 = 1_790_000_000_000_000_000

        init(limits: EngineLimits) { engine = Engine(limits: limits, seed: 7) }

        convenience init(bets: Int, reserving reserved: Int? = nil) {
            self.init(limits: EngineBench.limits(bets: bets, reserving: reserved))
        }

        /// Lets time go on, in nanoseconds.
        func pass(_ nanoseconds: Int64) { time += nanoseconds }

        func stamp(_ record: RecordBytes) {
            time += 1
            record.sequence = sequence
            record.time = Timestamp(nanoseconds: time)
            record.rulesVersion = RuleSet.current.version
        }

        /// Stamps and decides a command. Checksums come when a block is written.
        func apply(_ record: RecordBytes) {
            stamp(record)
            decide(record)
        }

        @inline(__always) func decide(_ record: RecordBytes) {
            var writer = RecordWriter(
                memory.base, capacity: Engine.mostOutcomeSlots, nextSequence: sequence + 1)
            engine.apply(record, into: &writer)
            sequence = writer.nextSequence
        }

        /// Of the last outcome.
        var status: UInt8 { RecordBytes(memory.base, slots: 1).field(Layout.Placed.status, as: UInt8.self) }
        var now: Int64 { time }
    }

    // MARK: Rows

    /// ns and CPU per bet: stamp and decide, outcome included, checksums not. Commands lie ready in memory, as the reference's do.
    static func apply(bets: Int) {
        let bare = Bare(bets: bets + 1000)
        prepare(bare.apply)
        var encoder = CommandEncoder()
        var random = SeededGenerator(seed: 5)
        let warm = 1000
        let memory = AlignedBuffer((bets + warm) * 256)
        for index in 0..<bets + warm {
            let record = place(&encoder, UInt64(index + 1), &random, now: bare.now)
            (memory.base + index * 256).copyMemory(from: record.address, byteCount: 256)
        }
        func record(_ index: Int) -> RecordBytes { RecordBytes(memory.base + index * 256, slots: 1) }
        for index in 0..<warm { bare.apply(record(index)) }
        let before = mallocs()
        let began = cpu()
        for index in warm..<bets + warm {
            let command = record(index)
            bare.stamp(command)
            bare.decide(command)
        }
        let took = cpu() - began
        let counted = mallocs() - before
        precondition(bare.status == 2, "the last bet is open")
        print(
            "{\"ns\":\(Double(took) / Double(bets)),\"mallocs\":\(Double(counted) / Double(bets)),"
                + "\"hash\":\"\(bare.engine.stateHash)\"}")
    }

    /// Allocations so far, where the counting shim is preloaded (Benchmarks/malloc_count.c); else 0.
    static func mallocs() -> Int {
        guard let symbol = dlsym(nil, "bench_malloc_count") else { return 0 }
        typealias Counter = @convention(c) () -> Int
        return unsafeBitCast(symbol, to: Counter.self)()
    }

    /// Resident bytes per open single, from one to two million.
    static func memory() {
        let bare = Bare(bets: 2_100_000, reserving: 0)
        prepare(bare.apply)
        var encoder = CommandEncoder()
        var random = SeededGenerator(seed: 5)
        var number: UInt64 = 0
        func fill(to count: UInt64) {
            while number < count {
                number += 1
                bare.apply(place(&encoder, number, &random, now: bare.now))
            }
        }
        fill(to: 1_000_000)
        let one = residentBytes()
        fill(to: 2_000_000)
        print("{\"bytes\":\(Double(residentBytes() - one) / 1_000_000)}")
    }

    static func residentBytes() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 128)
        fgets(&text, 128, file)
        let words = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            .split(separator: " ")
        return (Int(words[1]) ?? 0) * 4096
    }

    /// Closed loop of `clients` bets in flight, durable, in process.
    static func durable(directory: String, clients: Int, seconds: Double) throws {
        let disk = try FileDisk(directory: directory)
        let limits = limits(bets: 6_000_000)
        // As the reference does it, the files are there before the clock starts; a server's helper thread makes them.
        let segments = clients > 64 ? 8 : 4
        for number in 1...segments {
            try disk.createZeroed(JournalFormat.segmentName(UInt32(number)), bytes: 256 << 20)
        }
        let host = try EngineHost(
            disk: disk, clock: SystemClock(), limits: limits, cell: CellConfiguration(),
            segmentBytes: 256 << 20, newJournal: ExternalID(high: 5, low: 5),
            prepare: { _ in })
        let batch = IntakeBatch(capacity: 16_384)
        func flush() throws {
            guard !batch.isEmpty else { return }
            try host.turn(batch) { _ in }
            batch.removeAll()
        }
        var failure: (any Error)?
        prepare { record in
            if !batch.add(record, token: 0) {
                do { try flush() } catch { failure = error }
                _ = batch.add(record, token: 0)
            }
        }
        try flush()
        if let failure { throw failure }
        var encoder = CommandEncoder()
        var random = SeededGenerator(seed: 9)
        var number: UInt64 = 0
        var latencies: [UInt32] = []
        latencies.reserveCapacity(8_000_000)
        var sent = [UInt64](repeating: now(), count: clients)
        var ready = Array(0..<clients)
        ready.reserveCapacity(clients)
        var accepted: UInt64 = 0
        var refused: UInt64 = 0
        let began = now()
        let end = began + UInt64(seconds * 1e9)
        let cpuBegan = cpu()
        let blocksBegan = host.health.blocks
        while now() < end {
            let wall = SystemClock().wall()
            while let client = ready.popLast() {
                number += 1
                _ = batch.add(place(&encoder, number, &random, now: wall), token: UInt64(client) + 1)
            }
            try host.turn(batch) { block in
                let time = now()
                for completion in block.completions {
                    let client = Int(completion.token - 1)
                    let record = block.record(at: Int(completion.slot))
                    if record.field(Layout.Placed.refusal, as: UInt16.self) == 0 {
                        accepted += 1
                    } else {
                        refused += 1
                    }
                    latencies.append(UInt32(min(UInt64(UInt32.max), time - sent[client])))
                    sent[client] = time
                    ready.append(client)
                }
            }
            batch.removeAll()
        }
        let took = Double(now() - began) / 1e9
        precondition(refused == 0, "every bet of the benchmark is taken")
        latencies.sort()
        let commits = host.health.blocks - blocksBegan
        print(
            "{\"clients\":\(clients),\"bets_per_s\":\(Double(accepted) / took),\"commits_per_s\":\(Double(commits) / took),"
                + "\"p50_us\":\(Double(latencies[latencies.count / 2]) / 1000),\"p99_us\":\(Double(latencies[latencies.count * 99 / 100]) / 1000),"
                + "\"cpu_us_per_bet\":\(Double(cpu() - cpuBegan) / 1000 / Double(accepted))}")
    }

    /// Bets per second of a start: read, prove, decide anew, compare.
    static func recovery(directory: String, bets: Int) throws {
        let disk = try FileDisk(directory: directory)
        let limits = limits(bets: bets)
        do {
            let host = try EngineHost(
                disk: disk, clock: SystemClock(), limits: limits, cell: CellConfiguration(),
                segmentBytes: 256 << 20, newJournal: ExternalID(high: 5, low: 5), prepare: { _ in })
            let batch = IntakeBatch(capacity: 16_384)
            var encoder = CommandEncoder()
            var random = SeededGenerator(seed: 9)
            func add(_ record: RecordBytes) {
                if batch.add(record, token: 0) { return }
                try! host.turn(batch) { _ in }
                batch.removeAll()
                _ = batch.add(record, token: 0)
            }
            prepare(add)
            try host.turn(batch) { _ in }
            batch.removeAll()
            for number in 1...UInt64(bets) {
                add(place(&encoder, number, &random, now: SystemClock().wall()))
            }
            try host.turn(batch) { _ in }
        }
        let began = now()
        var engine = Engine(limits: limits, seed: 5)
        var replay = Replay()
        _ = try JournalReader(disk).scan { try replay.apply($0, to: &engine) }
        let took = Double(now() - began) / 1e9
        print("{\"bets_per_s\":\(Double(bets) / took),\"records\":\(replay.records)}")
    }

    /// `bets` placements and nothing else that varies, for counting instructions as a difference.
    static func count(bets: Int) {
        // The same engine whatever is counted, so that only the bets differ.
        let bare = Bare(bets: 50_000, reserving: 0)
        prepare(bare.apply)
        var encoder = CommandEncoder()
        var random = SeededGenerator(seed: 5)
        for number in 1...UInt64(max(1, bets)) where bets > 0 {
            bare.apply(place(&encoder, number, &random, now: bare.now))
        }
    }
}
