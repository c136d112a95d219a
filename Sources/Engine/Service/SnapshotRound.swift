public import EngineCore
public import EngineJournal

/// One snapshot being written, by whoever turns it.
public final class SnapshotRound<D: Disk> {
    private let disk: D
    private var writer: SnapshotWriter<D>?
    private let pace: (Int) -> Void

    /// `pace` is called after each write with the bytes so far, and returns when the next may come.
    public init(_ disk: D, pace: @escaping (Int) -> Void = { _ in }) {
        self.disk = disk
        self.pace = pace
    }

    /// Bytes so far.
    public var byteCount: Int { writer?.byteCount ?? 0 }

    /// Writes what waits. The sequence of the checkpoint once the whole file is durable under its temporary
    /// name; nil until then, and for a snapshot that was given up.
    ///
    /// - Throws: `DiskError`; nothing of the snapshot stays.
    public func write(_ copy: SnapshotCopy) throws -> UInt64? {
        guard !copy.isAbandoned else {
            writer?.abandon()
            writer = nil
            return nil
        }
        do {
            if writer == nil {
                guard let header = copy.header else { return nil }
                writer = try SnapshotWriter(disk, header, pace: pace)
            }
            let (pieces, isLast) = copy.take()
            for piece in pieces {
                try writer?.add(piece.table, piece.chunk)
                copy.giveBack(piece.chunk)
            }
            guard isLast, let writer else { return nil }
            try writer.finish()
            self.writer = nil
            return writer.sequence
        } catch {
            writer?.abandon()
            writer = nil
            throw error
        }
    }
}

/// The finished snapshots of a directory.
public struct SnapshotShelf<D: Disk> {
    /// So many are kept: should the newest be damaged, the one before and the journal since give the same.
    public static var kept: Int { 2 }

    private let disk: D

    public init(_ disk: D) { self.disk = disk }

    /// The newest first.
    public func finished() throws(DiskError) -> [UInt64] {
        try disk.names().compactMap(SnapshotFormat.sequence).sorted(by: >)
    }

    /// Fills `engine`, which must be new, with the snapshot of this sequence and holds it against the journal.
    ///
    /// - Throws: `SnapshotProblem` when the snapshot is of no use, and `engine` neither; `Corruption` when it
    ///   is whole and the journal is not.
    public func open(_ sequence: UInt64, into engine: inout Engine, isAccepted: Bool = true) throws
        -> SnapshotHeader
    {
        let reader = SnapshotReader(disk, name: Self.name(sequence, isAccepted))
        let header = try reader.load(into: &engine)
        // A snapshot of what the journal does not hold says that the journal lost something.
        guard let last = try JournalReader(disk).lastRecord(of: header.end) else {
            throw Corruption(
                segment: JournalFormat.segmentName(header.end.lastBlock?.segment ?? 1),
                offset: header.end.lastBlock?.offset ?? 0,
                what: "\(reader.name) was taken after a block that is not here")
        }
        guard Self.agrees(last, engine) else {
            throw SnapshotProblem(
                name: reader.name, what: "the journal's checkpoint names another state")
        }
        return header
    }

    private static func agrees(_ record: [UInt8], _ engine: borrowing Engine) -> Bool {
        let memory = AlignedBuffer(record.count)
        record.withUnsafeBytes {
            memory.base.copyMemory(from: $0.baseAddress!, byteCount: $0.count)
        }
        let bytes = RecordBytes(memory.base, slots: record.count / SlotSize.bytes)
        return bytes.kind == .checkpoint && bytes.agrees(with: engine)
    }

    /// SHA-256 of a snapshot's file, and its size.
    public func digest(_ sequence: UInt64, isAccepted: Bool = true) throws -> (
        bytes: Int, digest: [UInt8]
    ) {
        try fileDigest(Self.name(sequence, isAccepted), on: disk)
    }

    private static func name(_ sequence: UInt64, _ isAccepted: Bool) -> String {
        isAccepted ? SnapshotFormat.name(sequence) : SnapshotFormat.temporaryName(sequence)
    }

    /// Another process has found it right: from here on it counts.
    public func accept(_ sequence: UInt64) throws(DiskError) {
        try disk.rename(
            SnapshotFormat.temporaryName(sequence), to: SnapshotFormat.name(sequence))
    }

    /// It was not right.
    public func reject(_ sequence: UInt64) throws(DiskError) {
        try disk.remove(SnapshotFormat.temporaryName(sequence))
    }

    /// Removes all but the newest two. Called once the newest has been loaded and compared.
    public func prune() throws(DiskError) {
        for sequence in try finished().dropFirst(Self.kept) {
            try disk.remove(SnapshotFormat.name(sequence))
        }
    }

    /// Segments that no start needs any more: wholly before the older of the two that are kept.
    public func coveredSegments() throws -> [UInt32] {
        let all = try finished()
        guard all.count >= Self.kept else { return [] }
        let end = try SnapshotReader(disk, name: SnapshotFormat.name(all[Self.kept - 1])).end()
        let first = end.lastBlock?.segment ?? end.segment
        return try disk.names().compactMap(JournalFormat.segmentNumber).filter { $0 < first }
            .sorted()
    }
}
