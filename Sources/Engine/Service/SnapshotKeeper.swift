import CSystem
import EngineCore
public import EngineJournal
import Glibc
import Synchronization
import SystemThreads

/// What another process found in a snapshot that it loaded.
public struct SnapshotVerdict: Sendable {
    /// SHA-256 of the file.
    public let digest: [UInt8]
    public let bytes: Int

    public init(digest: [UInt8], bytes: Int) {
        self.digest = digest
        self.bytes = bytes
    }
}

/// How the keeper of snapshots fares, for health pages.
public struct SnapshotStatus: Sendable {
    /// The record that the newest compared snapshot was taken after; 0 for none.
    public var kept: UInt64 = 0
    public var taken: UInt64 = 0
    public var failed: UInt64 = 0
    /// Nanoseconds from the checkpoint to the file's name, of the newest.
    public var lastNanoseconds: Int64 = 0
    public var lastBytes = 0
}

/// Takes snapshots as the journal grows, has each compared by another process, and keeps two.
///
/// On a thread of its own. A snapshot that cannot be written or is not what it should be is removed and
/// said out loud; the engine goes on, and the journal keeps everything.
public final class SnapshotKeeper<D: Disk & Sendable>: @unchecked Sendable {
    // Everything but `state` and `status` is the thread's own, or set before it runs.
    private struct State {
        var isWanted = false
        var isStopping = false
    }

    private let disk: D
    /// Bytes of journal between two snapshots; 0: only when asked.
    private let every: Int
    /// Bytes a second that are written at most, so that the journal's own writes find the disk free.
    private let rate: Int
    private let verify: @Sendable (UInt64) throws -> SnapshotVerdict
    private let onKept: @Sendable (UInt64) -> Void
    private let onProblem: @Sendable (String) -> Void
    private let state = Mutex(State())
    private let published = Mutex(SnapshotStatus())
    private let gate: UnsafeMutablePointer<gs_gate>
    private let ended: UnsafeMutablePointer<gs_gate>

    /// `verify` loads the snapshot of that sequence, which has its temporary name, in another process; `onKept`
    /// learns of each that held.
    public init(
        _ disk: D, every: Int, rate: Int,
        verify: @escaping @Sendable (UInt64) throws -> SnapshotVerdict,
        onKept: @escaping @Sendable (UInt64) -> Void,
        onProblem: @escaping @Sendable (String) -> Void
    ) {
        self.disk = disk
        self.every = every
        self.rate = max(1 << 20, rate)
        self.verify = verify
        self.onKept = onKept
        self.onProblem = onProblem
        gate = .allocate(capacity: 1)
        gate.initialize(to: gs_gate())
        ended = .allocate(capacity: 1)
        ended.initialize(to: gs_gate())
    }

    deinit {
        gate.deallocate()
        ended.deallocate()
    }

    public var status: SnapshotStatus { published.withLock { $0 } }

    /// One now, however little was written since the last.
    public func request() {
        state.withLock { $0.isWanted = true }
        gs_gate_open(gate)
    }

    public func start<C: Clock>(_ engine: EngineThread<D, C>) {
        startThread(name: "snapshots") {
            _ = gs_background_thread()
            self.run(engine)
            gs_gate_open(self.ended)
        }
    }

    /// Ends the thread; a snapshot at hand is given up.
    public func stop() {
        state.withLock { $0.isStopping = true }
        gs_gate_open(gate)
        gs_gate_wait(ended, 10_000_000_000)
    }

    private var isStopping: Bool { state.withLock { $0.isStopping } }

    private func run<C: Clock>(_ engine: EngineThread<D, C>) {
        var writtenBefore: UInt64 = 0
        while !isStopping {
            gs_gate_wait(gate, 1_000_000_000)
            let written = engine.status.journal.bytes
            let isWanted = state.withLock { state in
                defer { state.isWanted = false }
                return state.isWanted
            }
            let isDue = every > 0 && written - writtenBefore >= UInt64(every)
            guard isWanted || isDue, !isStopping else { continue }
            writtenBefore = written
            do {
                try take(engine)
            } catch {
                published.withLock { $0.failed += 1 }
                onProblem("\(error)")
            }
        }
    }

    private func take<C: Clock>(_ engine: EngineThread<D, C>) throws {
        let copy = SnapshotCopy()
        guard engine.takeSnapshot(copy) else { return }
        let began = gs_boot_nanoseconds()
        let round = SnapshotRound(disk, pace: Self.pace(rate))
        var finished: UInt64?
        // Whatever goes wrong here, the engine must not wait for it.
        defer { if finished == nil { copy.abandon() } }
        while finished == nil {
            if isStopping { copy.abandon() }
            finished = try round.write(copy)
            if finished == nil, copy.isAbandoned {
                guard !isStopping else { return }
                throw SnapshotProblem(
                    name: "snapshot", what: "given up, since the disk is slower than the engine")
            }
            if finished == nil { usleep(1000) }
        }
        guard let sequence = finished else { return }
        try keep(sequence, engine, took: gs_boot_nanoseconds() - began)
    }

    /// Spreads writes evenly over time, at most `rate` bytes a second: the journal's come first.
    public static func pace(_ rate: Int) -> (Int) -> Void {
        var since = gs_boot_nanoseconds()
        var before = 0
        return { bytes in
            let due = since + Int64(Double(bytes - before) / Double(rate) * 1e9)
            let early = due - gs_boot_nanoseconds()
            if early > 50_000 { usleep(UInt32(clamping: early / 1000)) }
            // What was late is not made up for in a burst.
            since = max(due, gs_boot_nanoseconds() - 10_000_000)
            before = bytes
        }
    }

    private func keep<C: Clock>(
        _ sequence: UInt64, _ engine: EngineThread<D, C>, took: Int64
    ) throws {
        let shelf = SnapshotShelf(disk)
        let verdict: SnapshotVerdict
        do {
            verdict = try verify(sequence)
            try shelf.accept(sequence)
        } catch {
            try? shelf.reject(sequence)
            throw error
        }
        var encoder = CommandEncoder()
        let record = encoder.snapshotKept(
            sequence: sequence, bytes: verdict.bytes, digest: verdict.digest)
        // The engine may be busy; what is kept is said when it is not.
        while !engine.submit(record, token: 0) {
            if isStopping { return }
            usleep(10_000)
        }
        try shelf.prune()
        published.withLock {
            $0.kept = sequence
            $0.taken += 1
            $0.lastNanoseconds = took
            $0.lastBytes = verdict.bytes
        }
        onKept(sequence)
    }
}
