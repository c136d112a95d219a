import EngineCore
import EngineFiles
import EngineJournal
import EngineService
import Kernel

/// An engine with accounts, markets and a journal in a directory, turned by hand.
final class TurnedEngine {
    let disk: FileDisk
    let host: EngineHost<FileDisk, SystemClock>
    private let batch = IntakeBatch(capacity: 16_384)
    private var encoder = CommandEncoder()
    private var random = SeededGenerator(seed: 9)
    private var number: UInt64 = 0

    /// Segments are there before the clock starts, as the reference's are.
    init(directory: String, segments: UInt32, limits: EngineLimits) throws {
        disk = try FileDisk(directory: directory)
        for number in 1...segments {
            try disk.createZeroed(JournalFormat.segmentName(number), bytes: 256 << 20)
        }
        host = try EngineHost(
            disk: disk, clock: SystemClock(), limits: limits, cell: CellConfiguration(),
            segmentBytes: 256 << 20, newJournal: ExternalID(high: 5, low: 5), prepare: { _ in })
        EngineBench.prepare(add)
        try turn()
    }

    func turn() throws {
        try host.turn(batch) { _ in }
        batch.removeAll()
    }

    /// Waits for the next turn; what finds no room has one made.
    func add(_ record: RecordBytes) {
        if batch.add(record, token: 0) { return }
        try! turn()
        _ = batch.add(record, token: 0)
    }

    /// Singles, on one market or on any, all decided when it returns.
    func place(_ bets: Int, market: UInt64? = nil) throws {
        for _ in 0..<bets {
            number += 1
            add(EngineBench.place(&encoder, number, &random, now: SystemClock().wall(), market: market))
        }
        try turn()
    }

    /// p99 in microseconds of 64 bets in flight, for as long as `goOn` says. `market` chooses by the bet's number;
    /// `between` runs after each turn and does not count.
    func p99(
        market: (UInt64) -> UInt64? = { _ in nil }, while goOn: () -> Bool, between: () -> Void = {}
    ) throws -> Double {
        var latencies: [UInt32] = []
        latencies.reserveCapacity(100_000)
        while goOn() {
            let wall = SystemClock().wall()
            let began = EngineBench.now()
            for client in 1...64 {
                number += 1
                let bet = EngineBench.place(&encoder, number, &random, now: wall, market: market(number))
                _ = batch.add(bet, token: UInt64(client))
            }
            try turn()
            latencies.append(UInt32(clamping: EngineBench.now() - began))
            between()
        }
        latencies.sort()
        return Double(latencies[latencies.count * 99 / 100]) / 1000
    }

    /// The same for two seconds, when nothing else goes on.
    func quietP99(market: (UInt64) -> UInt64? = { _ in nil }) throws -> Double {
        let end = EngineBench.now() + 2_000_000_000
        return try p99(market: market, while: { EngineBench.now() < end })
    }
}
