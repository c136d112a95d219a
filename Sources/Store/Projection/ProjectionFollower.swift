import EngineCore
public import EngineJournal
public import EngineService
import Kernel

/// The rows do not belong to this journal, or it no longer holds what they go on from.
public struct ProjectionMisfit: Error, Sendable, CustomStringConvertible {
    public var description: String { text }
    public let text: String
}

/// Keeps rows behind a journal: from blocks in memory while they follow on each other, else from the
/// journal itself. Has no thread: whoever turns it says how far the journal is durable.
public final class ProjectionFollower<Rows: ProjectionRows> {
    @exclusivity(unchecked) private var projector: Projector<Rows>
    public let rows: Rows
    /// Where the rows go on.
    @exclusivity(unchecked) public private(set) var position = JournalPosition.beginning
    private var isLocated = false
    @exclusivity(unchecked) private var pending: [DurableBlock] = []
    public var source: (any BlockSource)?

    public init(_ rows: Rows) throws {
        self.rows = rows
        projector = try Projector(rows)
    }

    /// How far the rows reach.
    public var point: JournalPoint? { projector.point }
    public var applied: UInt64 { projector.point?.sequence ?? 0 }

    /// Shown every block while the journal is read at start: finds where the rows go on.
    ///
    /// - Throws: `ProjectionMisfit` when the rows were made from another journal.
    public func locate(_ block: BlockView) throws {
        let header = block.header
        guard let known = projector.point, header.slots > 0,
            (header.firstSequence...header.lastSequence).contains(known.sequence)
        else { return }
        guard header.lastSequence == known.sequence, block.hash == known.block else {
            throw ProjectionMisfit(
                text: "the projection was made from another journal; rebuild it with "
                    + "`grandstand journal project`")
        }
        position = block.following
        isLocated = true
    }

    /// Brings the rows up to `last`, with everything from the journal.
    public func catchUp(upTo last: UInt64) throws {
        while applied < last { try follow(upTo: last) }
    }

    /// A block that is durable, in the journal's order; some may be missing, those are read.
    public func hand(_ blocks: [DurableBlock]) { pending += blocks }

    /// Whether blocks wait in memory.
    public var hasPending: Bool { !pending.isEmpty }

    /// One transaction: from memory where the next block is there, else from the journal. Answers how many
    /// bytes of blocks in memory it let go.
    public func advance(_ durable: UInt64) throws -> Int {
        if let first = pending.first, first.firstSequence <= applied + 1 || planted(.projectionGap)
        {
            return try applyPending()
        }
        try follow(upTo: pending.first.map { $0.firstSequence - 1 } ?? durable)
        return 0
    }

    /// The segment in which the rows go on even after a power failure: none from it on may leave. 0 until
    /// that is known.
    public private(set) var segmentNeeded: UInt32 = 0

    /// Moves `segmentNeeded` when the rows have reached another segment and are safe there.
    public func secure() throws {
        guard position.segment > segmentNeeded else { return }
        guard try planted(.rowsUnsecured) || rows.secure() else { return }
        segmentNeeded = position.segment
    }

    private func applyPending() throws -> Int {
        var used = 0
        try transaction { () -> JournalPosition in
            while used < pending.count,
                pending[used].firstSequence <= applied + 1 || planted(.projectionGap)
            {
                let block = pending[used]
                try projector.apply({ try block.forEachRecord($0) }, to: block.point)
                used += 1
            }
            return pending[used - 1].following
        }
        position = pending[used - 1].following
        isLocated = true
        let bytes = pending[..<used].reduce(0) { $0 + $1.byteCount }
        pending.removeFirst(used)
        return bytes
    }

    private func follow(upTo last: UInt64) throws {
        guard let source else { preconditionFailure("a follower has a source") }
        try locate(in: source)
        guard isLocated || projector.point == nil else {
            throw ProjectionMisfit(
                text: "the journal does not hold the point that the projection was made up to; "
                    + "rebuild it with `grandstand journal project`")
        }
        var reached = position
        try transaction { () -> JournalPosition in
            reached = try source.read(from: position, after: projector.point, upTo: last) { block in
                try projector.apply({ try block.forEachRecord($0) }, to: block.point)
            }
            return reached
        }
        position = reached
        isLocated = true
    }

    /// The rows go on before the snapshot that the start began with: they say where themselves.
    private func locate(in source: any BlockSource) throws {
        guard !isLocated, let kept = try rows.reached(), let place = kept.following,
            kept.point == projector.point, try source.isNext(place, after: kept.point)
        else { return }
        position = place
        isLocated = true
    }

    /// Rows and their point together, or neither.
    private func transaction(_ body: () throws -> JournalPosition) throws {
        let before = projector.point
        do {
            try rows.transaction {
                let position = try body()
                try projector.finish(at: position)
            }
        } catch {
            try projector.restore(before)
            throw error
        }
    }
}

@available(*, unavailable)
extension ProjectionFollower: Sendable {}
