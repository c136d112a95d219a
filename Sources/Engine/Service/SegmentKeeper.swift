import CSystem
public import EngineCore
public import EngineJournal
import Synchronization
import SystemThreads

/// Makes segments ahead of need and digests those that are full, on a thread in the background.
///
/// While there is no room for the next segment it says so to the engine, tries again every second, and
/// takes it back when there is.
public final class SegmentKeeper<D: Disk & Sendable>: @unchecked Sendable {
    // `state` is shared; everything else is set before the thread runs.
    private struct State {
        /// The newest segment that is wanted, and what it says of those before: full up to two before it.
        var wanted: UInt32 = 0
        var isStopping = false
    }

    private let disk: D
    private let segmentBytes: Int
    private let state = Mutex(State())
    private let gate: UnsafeMutablePointer<gs_gate>
    private var intake: (any EngineIntake)?
    private var setMissing: (Bool) -> Void = { _ in }
    private var onProblem: @Sendable (String) -> Void = { _ in }
    private let digests = Mutex(SealedSegments())
    // The newest segment whose digest stands in the journal; the thread's own once that runs.
    private var sealed: UInt32 = 0
    private var made: UInt32 = 0

    static var retryNanoseconds: Int64 { 1_000_000_000 }

    public init(_ disk: D, segmentBytes: Int) {
        self.disk = disk
        self.segmentBytes = segmentBytes
        gate = .allocate(capacity: 1)
        gate.initialize(to: gs_gate())
    }

    deinit { gate.deallocate() }

    /// From the writer, when it begins the segment before `number`.
    public func need(_ number: UInt32) {
        state.withLock { $0.wanted = max($0.wanted, number) }
        gs_gate_open(gate)
    }

    /// Shown every record while the journal is read at start: what is digested already.
    public func note(_ record: RecordBytes) {
        guard record.kind == .sealed else { return }
        digests.withLock { $0.note(record) }
        sealed = max(sealed, record.field(Layout.Sealed.segment, as: UInt32.self))
    }

    /// `setMissing` tells the engine whether the next segment is missing for want of room; `onProblem`
    /// gets what else went wrong, in words.
    public func start(
        intake: any EngineIntake, setMissing: @escaping @Sendable (Bool) -> Void,
        onProblem: @escaping @Sendable (String) -> Void
    ) {
        self.intake = intake
        self.setMissing = setMissing
        self.onProblem = onProblem
        startThread(name: "segments") { self.run() }
    }

    /// Digests every sealed segment anew and says which is not what it was; takes seconds, on any thread.
    public func verify() throws -> (segments: Int, problems: [String]) {
        let known = digests.withLock { $0 }
        return (known.count, try known.problems(on: disk))
    }

    public func stop() {
        state.withLock { $0.isStopping = true }
        gs_gate_open(gate)
    }

    private func run() {
        while true {
            let (wanted, isStopping) = state.withLock { ($0.wanted, $0.isStopping) }
            if isStopping { return }
            var isDone = true
            if made < wanted { isDone = make(wanted) }
            if isDone, wanted > 2, sealed < wanted - 2 { isDone = seal(sealed + 1) }
            let isBehind = isDone && (made < wanted || (wanted > 2 && sealed < wanted - 2))
            if !isBehind { gs_gate_wait(gate, isDone ? -1 : Self.retryNanoseconds) }
        }
    }

    private func make(_ number: UInt32) -> Bool {
        do {
            try disk.createZeroed(JournalFormat.segmentName(number), bytes: segmentBytes)
            made = number
            setMissing(false)
            return true
        } catch .noSpace {
            setMissing(true)
            return false
        } catch {
            // The writer meets the same failure when it needs the segment, and stops for it.
            onProblem("segment \(number) cannot be made: \(error)")
            made = number
            return true
        }
    }

    private func seal(_ number: UInt32) -> Bool {
        do {
            let (bytes, digest) = try segmentDigest(number, on: disk)
            var encoder = CommandEncoder()
            let record = encoder.sealed(segment: number, bytes: bytes, digest: digest)
            guard intake?.submit(record, token: 0) == true else { return false }
            digests.withLock { $0.note(record) }
            sealed = number
            return true
        } catch {
            onProblem("segment \(number) cannot be digested: \(error)")
            return false
        }
    }
}

/// What the journal says about its full segments, held against the files.
public struct SealedSegments: Sendable {
    private var digests: [(segment: UInt32, bytes: UInt64, digest: [UInt8])] = []

    public init() {}

    public var count: Int { digests.count }

    public mutating func note(_ record: RecordBytes) {
        guard record.kind == .sealed else { return }
        digests.append(
            (
                record.field(Layout.Sealed.segment, as: UInt32.self),
                record.field(Layout.Sealed.bytes, as: UInt64.self),
                record.bytes(Layout.Sealed.digest, count: 32)
            ))
    }

    /// Segments that are not what they were when they were full, in words.
    public func problems<D: Disk>(on disk: D) throws -> [String] {
        var found: [String] = []
        for sealed in digests {
            let (bytes, digest) = try segmentDigest(sealed.segment, on: disk)
            if UInt64(bytes) != sealed.bytes || digest != sealed.digest {
                found.append(
                    "\(JournalFormat.segmentName(sealed.segment)) is not what it was when it was "
                        + "sealed: its SHA-256 is another")
            }
        }
        return found
    }
}
