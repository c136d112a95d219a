import CSystem
import Dispatch
public import EngineCore
public import EngineJournal
import Kernel
import Synchronization
import SystemThreads

/// Where digests of full segments go beside the journal, such as a directory of another machine: whoever
/// rewrites a journal cannot rewrite them.
public protocol DigestExport: Sendable {
    /// Adds what is not there yet.
    ///
    /// - Throws: when it cannot be written, or when another digest of the same segment is there.
    func add(_ digests: [SealedSegments.Digest]) throws
}

/// Where segments go before they leave the journal's directory.
public protocol SegmentArchive: Sendable {
    /// A durable copy, read back and found to have `digest`.
    func keep(_ segment: UInt32, digest: [UInt8]) throws
}

/// How long segments stay that no start needs any more.
public struct Retention: Sendable {
    /// Nanoseconds since a segment was sealed; 0: for ever.
    public var age: Int64 = 0
    /// Bytes of the whole journal; 0: without bound.
    public var bytes: Int = 0
    public var export: (any DigestExport)?
    public var archive: (any SegmentArchive)?
    /// The lowest segment that somebody else still reads, such as the projections.
    public var needed: @Sendable () -> UInt32 = { .max }

    public init() {}

    public var drops: Bool { age > 0 || bytes > 0 }
}

/// Makes segments ahead of need and digests those that are full, on a thread in the background; lets old ones
/// go that snapshots stand for.
///
/// While there is no room for the next segment it says so to the engine, tries again every second, and
/// takes it back when there is.
public final class SegmentKeeper<D: Disk & Sendable>: @unchecked Sendable {
    // `state` is shared; everything else is set before the thread runs.
    private struct State {
        /// The newest segment that is wanted, and what it says of those before: full up to two before it.
        var wanted: UInt32 = 0
        var isStopping = false
        /// A snapshot was kept since the last look.
        var mayDrop = false
    }

    private let disk: D
    private let retention: Retention
    private var afterDurable: (@escaping @Sendable () -> Void) -> Bool = { _ in false }
    private var exported = 0
    private var wantsDrop = false
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
    static var laterNanoseconds: Int64 { 10_000_000_000 }

    public init(_ disk: D, segmentBytes: Int, retention: Retention = Retention()) {
        self.disk = disk
        self.retention = retention
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

    /// A snapshot was compared and is kept: segments may be no longer needed.
    public func snapshotKept() {
        state.withLock { $0.mayDrop = true }
        gs_gate_open(gate)
    }

    /// `setMissing` tells the engine whether the next segment is missing for want of room; `onProblem`
    /// gets what else went wrong, in words.
    public func start(
        intake: any EngineIntake, setMissing: @escaping @Sendable (Bool) -> Void,
        onProblem: @escaping @Sendable (String) -> Void,
        afterDurable: @escaping (@escaping @Sendable () -> Void) -> Bool = { _ in false }
    ) {
        self.intake = intake
        self.afterDurable = afterDurable
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
            let (wanted, isStopping, mayDrop) = state.withLock { state in
                defer { state.mayDrop = false }
                return (state.wanted, state.isStopping, state.mayDrop)
            }
            if isStopping { return }
            var isDone = true
            if made < wanted { isDone = make(wanted) }
            if isDone, wanted > 2, sealed < wanted - 2 { isDone = seal(sealed + 1) }
            export()
            // What could not leave now is tried again: an export, an archive or the projections may be behind.
            if mayDrop { wantsDrop = retention.drops }
            if wantsDrop { wantsDrop = !drop() }
            let isBehind = isDone && (made < wanted || (wanted > 2 && sealed < wanted - 2))
            let mustRetry = wantsDrop || isExportBehind
            if !isBehind {
                gs_gate_wait(
                    gate, !isDone ? Self.retryNanoseconds : mustRetry ? Self.laterNanoseconds : -1)
            }
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
            let seal = try SegmentSeal(number, on: disk)
            var encoder = CommandEncoder()
            let record = encoder.sealed(
                segment: number, bytes: seal.bytes, digest: seal.digest, root: seal.tree.root)
            guard intake?.submit(record, token: 0) == true else { return false }
            digests.withLock { $0.note(record, at: gs_wall_nanoseconds()) }
            sealed = number
            return true
        } catch {
            onProblem("segment \(number) cannot be digested: \(error)")
            return false
        }
    }
}

extension SegmentKeeper {
    /// Digests that nobody outside has yet; tried again with the next round when they cannot be written.
    fileprivate func export() {
        guard let target = retention.export else { return }
        let all = digests.withLock { $0.digests }
        guard exported < all.count else { return }
        do {
            try target.add(Array(all[exported...]))
            exported = all.count
        } catch {
            onProblem("digests cannot be exported: \(error)")
        }
    }

    fileprivate var isExportBehind: Bool {
        retention.export != nil && exported < digests.withLock { $0.count }
    }

    /// Lets go what is old enough and what no start needs: said in the journal first, archived first. False
    /// when something is in the way that may pass.
    fileprivate func drop() -> Bool {
        do {
            let needed = retention.needed()
            let all = try SnapshotShelf(disk).coveredSegments()
            let covered = all.filter { $0 < needed }
            let known = digests.withLock { $0.digests }
            var gone: [UInt32] = []
            var total = 0
            for name in try disk.names() where JournalFormat.segmentNumber(name) != nil {
                total += try disk.size(of: name)
            }
            let now = gs_wall_nanoseconds()
            var reason: UInt8 = 0
            for (index, digest) in known.enumerated() where covered.contains(digest.segment) {
                let isOld = retention.age > 0 && now - digest.time > retention.age
                let isTooMuch = retention.bytes > 0 && total > retention.bytes
                // In order, and never one whose digest only this machine has.
                guard isOld || isTooMuch, retention.export == nil || index < exported,
                    gone.last.map({ $0 + 1 == digest.segment })
                        ?? (digest.segment == covered.first)
                else { break }
                if reason == 0 { reason = isOld ? 1 : 2 }
                try retention.archive?.keep(digest.segment, digest: digest.digest)
                gone.append(digest.segment)
                total -= Int(digest.bytes)
            }
            let isComplete = covered.count == all.count && !isExportBehind
            guard let first = gone.first, let last = gone.last else { return isComplete }
            try say(first...last, reason)
            for segment in gone { try disk.remove(JournalFormat.segmentName(segment)) }
            return isComplete
        } catch {
            onProblem("old segments stay: \(error)")
            return false
        }
    }

    private func say(_ segments: ClosedRange<UInt32>, _ reason: UInt8) throws {
        let older = try SnapshotShelf(disk).finished().dropFirst(SnapshotShelf<D>.kept - 1).first
        var encoder = CommandEncoder()
        let record = encoder.segmentsDropped(
            segments, snapshot: older ?? 0, reason: reason, isArchived: retention.archive != nil)
        let durable = DispatchSemaphore(value: 0)
        guard intake?.submit(record, token: 0) == true, afterDurable({ durable.signal() }),
            durable.wait(timeout: .now() + 10) == .success
        else { throw SnapshotProblem(name: "retention", what: "the engine is busy") }
    }
}

/// What the journal says about its full segments, held against the files.
public struct SealedSegments: Sendable {
    public struct Digest: Hashable, Sendable {
        public let segment: UInt32
        public let bytes: UInt64
        /// SHA-256 of the whole segment.
        public let digest: [UInt8]
        /// Of the tree over its pages; zeros when an old build sealed it.
        public let root: [UInt8]
        /// When it was sealed, nanoseconds of UTC.
        public let time: Int64
    }

    public private(set) var digests: [Digest] = []

    public init() {}

    public var count: Int { digests.count }

    public mutating func note(_ record: RecordBytes, at time: Int64? = nil) {
        guard record.kind == .sealed else { return }
        digests.append(
            Digest(
                segment: record.field(Layout.Sealed.segment, as: UInt32.self),
                bytes: record.field(Layout.Sealed.bytes, as: UInt64.self),
                digest: record.bytes(Layout.Sealed.digest, count: 32),
                root: record.bytes(Layout.Sealed.root, count: 32),
                time: time ?? record.time.nanoseconds))
    }

    /// Segments that are not what they were when they were full, in words.
    ///
    /// Segments that have left are not looked for; `compared` says how many were there.
    public func problems<D: Disk>(on disk: D) throws -> [String] { try check(on: disk).problems }

    public func check<D: Disk>(on disk: D) throws -> (compared: Int, problems: [String]) {
        var compared = 0
        var found: [String] = []
        let here = Set(try disk.names())
        for sealed in digests where here.contains(JournalFormat.segmentName(sealed.segment)) {
            compared += 1
            let (bytes, digest) = try segmentDigest(sealed.segment, on: disk)
            if UInt64(bytes) != sealed.bytes || digest != sealed.digest {
                found.append(
                    "\(JournalFormat.segmentName(sealed.segment)) is not what it was when it was "
                        + "sealed: its SHA-256 is another")
            }
        }
        return (compared, found)
    }
}
