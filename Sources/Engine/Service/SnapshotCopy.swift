import CSystem
public import EngineCore
public import EngineJournal
import Synchronization

/// A snapshot on its way from the engine's thread to the one that writes it.
///
/// Bound: while `mostWaiting` bytes wait, nothing is copied that need not be; when what must be copied
/// passes `mostKept`, the snapshot is given up: a slow disk costs a snapshot, never memory or a bet.
public final class SnapshotCopy: Sendable {
    /// Bytes that wait to be written before copying pauses.
    public static let mostWaiting = 8 << 20
    /// Bytes that wait to be written before the snapshot is given up.
    public static let mostKept = 512 << 20

    public typealias Piece = (table: SnapshotTable, chunk: SnapshotChunk)

    fileprivate struct State {
        var header: (@Sendable () -> SnapshotHeader)?
        var pieces: [Piece] = []
        /// Written, and free to be filled again.
        var spares: [SnapshotChunk] = []
        var bytes = 0
        var isComplete = false
        var isAbandoned = false
    }

    private let state = Mutex(State())

    /// Chunks that are kept to be filled again: 8 MiB.
    public static let mostSpares = 128

    /// `spares` chunks are made here and now, by whoever is not in a hurry.
    public init(spares: Int = mostSpares) {
        state.withLock { $0.spares = (0..<spares).map { _ in SnapshotChunk() } }
    }

    // MARK: The engine's side

    func begin(_ header: @escaping @Sendable () -> SnapshotHeader) {
        state.withLock { $0.header = header }
    }

    /// At most `most`; the others go where they were made.
    func takeSpares(most: Int) -> [SnapshotChunk] {
        turnOver(keeping: most).spares
    }

    /// Whether further chunks may come, and at most `most` that were written and may be filled again.
    func turnOver(keeping most: Int) -> (hasRoom: Bool, spares: [SnapshotChunk]) {
        state.withLock { state in
            let back = Array(state.spares.suffix(max(0, most)))
            state.spares.removeLast(back.count)
            return (state.bytes < Self.mostWaiting, back)
        }
    }

    func put(_ table: SnapshotTable, _ chunk: SnapshotChunk) {
        state.withLock {
            guard !$0.isAbandoned else { return }
            $0.pieces.append((table, chunk))
            $0.bytes += chunk.byteCount
            if $0.bytes > Self.mostKept { $0.giveUp() }
        }
    }

    func complete() { state.withLock { $0.isComplete = true } }

    // MARK: The writer's side

    /// What the snapshot is of, once it has begun.
    public var header: SnapshotHeader? { state.withLock { $0.header }.map { $0() } }

    /// A chunk was written; nobody reads it any more.
    public func giveBack(_ chunk: SnapshotChunk) {
        state.withLock { if $0.spares.count < Self.mostSpares { $0.spares.append(chunk) } }
    }

    public var isAbandoned: Bool { state.withLock { $0.isAbandoned } }

    /// Nobody wants it any more.
    public func abandon() { state.withLock { $0.giveUp() } }

    /// What waits, and whether that is the rest.
    public func take() -> (pieces: [Piece], isLast: Bool) {
        state.withLock { state in
            defer {
                state.pieces = []
                state.bytes = 0
            }
            return (state.pieces, state.isComplete)
        }
    }
}

extension SnapshotCopy.State {
    fileprivate mutating func giveUp() {
        isAbandoned = true
        pieces = []
        bytes = 0
    }
}
