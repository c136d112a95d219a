/// Writes commands as records, into memory of its own that the next command reuses.
@safe public struct CommandEncoder: ~Copyable {
    private let memory: UnsafeMutableRawPointer

    public init() {
        unsafe memory = .allocate(
            byteCount: SlotSize.mostSlots * SlotSize.bytes, alignment: 4096)
    }

    deinit { unsafe memory.deallocate() }

    func begin(_ kind: RecordKind, body: Int) -> RecordBytes {
        let record = unsafe RecordBytes(memory, slots: SlotSize.slots(forBody: body))
        record.begin(kind)
        return record
    }

    /// A segment is full and will not change any more; `digest` is the SHA-256 of all its bytes.
    public mutating func sealed(segment: UInt32, bytes: Int, digest: [UInt8], root: [UInt8])
        -> RecordBytes
    {
        precondition(digest.count == 32 && root.count == 32, "two SHA-256")
        let record = begin(.sealed, body: Layout.Sealed.size)
        record.set(Layout.Sealed.segment, segment)
        record.set(Layout.Sealed.bytes, UInt64(bytes))
        record.set(Layout.Sealed.digest, bytes: digest)
        record.set(Layout.Sealed.root, bytes: root)
        return record
    }

    /// A snapshot was written, loaded by another process and found right.
    public mutating func snapshotKept(sequence: UInt64, bytes: Int, digest: [UInt8]) -> RecordBytes
    {
        let record = begin(.snapshotKept, body: Layout.SnapshotKept.size)
        record.set(Layout.SnapshotKept.sequence, sequence)
        record.set(Layout.SnapshotKept.bytes, UInt64(bytes))
        record.set(Layout.SnapshotKept.digest, bytes: digest)
        return record
    }

    /// Segments that are about to leave the journal's directory.
    public mutating func segmentsDropped(
        _ segments: ClosedRange<UInt32>, snapshot: UInt64, reason: UInt8, isArchived: Bool
    ) -> RecordBytes {
        let record = begin(.segmentsDropped, body: Layout.SegmentsDropped.size)
        record.set(Layout.SegmentsDropped.first, segments.lowerBound)
        record.set(Layout.SegmentsDropped.last, segments.upperBound)
        record.set(Layout.SegmentsDropped.snapshot, snapshot)
        record.set(Layout.SegmentsDropped.reason, reason)
        record.set(Layout.SegmentsDropped.archived, isArchived ? 1 as UInt8 : 0)
        return record
    }

    /// A command that the sequencer gives by itself.
    public mutating func own(_ kind: RecordKind, _ fill: (RecordBytes) -> Void = { _ in })
        -> RecordBytes
    {
        let record = begin(kind, body: SlotSize.firstBody)
        fill(record)
        return record
    }
}
