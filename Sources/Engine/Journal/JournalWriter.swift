import EngineCore
public import Kernel

/// What the disk under the journal did lately, for health pages.
public struct JournalHealth: Sendable {
    public var blocks: UInt64 = 0
    public var bytes: UInt64 = 0
    public var segment: UInt32 = 0
    public var lastCommitNanoseconds: Int64 = 0
    public var slots: UInt64 = 0
    public init() {}
}

/// Appends blocks. One writer, one block at a time; a block is durable when `commit` returns.
///
/// After any failure the writer is not used again: the process stops and recovery decides.
public final class JournalWriter<D: Disk> {
    public let disk: D
    /// Header and slots of the block being filled.
    @exclusivity(unchecked) public private(set) var buffer: AlignedBuffer
    public let segmentBytes: Int
    @exclusivity(unchecked) public private(set) var end: JournalEnd
    @exclusivity(unchecked) public var health = JournalHealth()
    private var file: D.File
    private let digest = Digest()
    /// Asked for the next segment as soon as one is begun, so that a helper can make it meanwhile.
    private let prepare: (UInt32) -> Void

    /// Goes on at `end`. The segment there exists or is made now.
    public init(
        _ disk: D, at end: JournalEnd, segmentBytes: Int, prepare: @escaping (UInt32) -> Void
    ) throws(DiskError) {
        self.disk = disk
        self.end = end
        self.segmentBytes = segmentBytes
        self.prepare = prepare
        buffer = AlignedBuffer(JournalFormat.mostBlockBytes, isZeroed: false)
        let name = JournalFormat.segmentName(end.segment)
        if try !disk.names().contains(name) {
            try disk.createZeroed(name, bytes: segmentBytes)
        }
        self.end.segmentBytes = try disk.size(of: name)
        file = try disk.open(name)
        health.segment = end.segment
        prepare(end.segment + 1)
    }

    deinit { disk.close(file) }

    /// A new journal's end: nothing written yet.
    public static func beginning(journal: ExternalID) -> JournalEnd {
        JournalEnd(
            journal: journal, incarnation: 1, segment: 1, offset: 0, nextBlock: 0, lastSequence: 0,
            lastTime: 0, lastHeader: .zero, lastBlock: nil, tornBytes: 0, blocks: 0,
            segmentBytes: 0)
    }

    /// Where slots are put before `commit`.
    public var slots: UnsafeMutableRawPointer { buffer.base + JournalFormat.headerBytes }

    /// Gives the block that was committed away, whole, and goes on with `spare`, which is as large.
    public func exchange(_ spare: AlignedBuffer) -> AlignedBuffer {
        precondition(spare.count >= JournalFormat.mostBlockBytes, "as large as a block")
        defer { buffer = spare }
        return buffer
    }

    public func bumpIncarnation() { end.incarnation += 1 }

    /// Makes `slots` slots durable as one block; none makes a confirming block.
    public func commit(slots: Int, lastSequence: UInt64, time: Int64) throws(DiskError) {
        let needed = JournalFormat.blockBytes(slots: slots)
        if end.offset + needed > end.segmentBytes { try roll() }
        try writeBlock(
            slots: slots, bytes: needed, lastSequence: lastSequence, time: time,
            flags: slots == 0 ? .confirm : [])
    }

    /// The point that names everything written so far.
    public var point: JournalPoint {
        JournalPoint(
            incarnation: end.incarnation, sequence: end.lastSequence, block: end.lastHeader)
    }

    /// Where the next block will stand.
    public var position: JournalPosition {
        JournalPosition(segment: end.segment, offset: end.offset)
    }

    private func writeBlock(
        slots: Int, bytes: Int, lastSequence: UInt64, time: Int64, flags: BlockHeader.Flags
    ) throws(DiskError) {
        let used = JournalFormat.headerBytes + slots * SlotSize.bytes
        if used < bytes {
            (buffer.base + used).initializeMemory(as: UInt8.self, repeating: 0, count: bytes - used)
        }
        let last = slots > 0 ? lastSequence : end.lastSequence
        let header = BlockHeader(
            journal: end.journal, incarnation: end.incarnation, segment: end.segment,
            number: end.nextBlock, offset: UInt64(end.offset), firstSequence: end.lastSequence + 1,
            lastSequence: last, slots: UInt32(slots), flags: flags,
            bodyBytes: UInt32(bytes - JournalFormat.headerBytes),
            bodyChecksum: crc32c(buffer.bytes(JournalFormat.headerBytes..<bytes)),
            parent: end.lastHeader,
            durableUpTo: end.nextBlock == 0 || planted(.durableMarkEarly)
                ? end.nextBlock : end.nextBlock - 1,
            time: max(time, end.lastTime))
        header.write(to: buffer.base)
        do {
            try disk.write(buffer.bytes(0..<bytes), to: file, at: end.offset)
        } catch {
            if !planted(.errorIgnored) { throw error }
        }
        end.lastHeader = digest.blockHash(buffer.bytes(0..<JournalFormat.headerBytes))
        end.lastBlock = (end.segment, end.offset, bytes)
        end.offset += bytes
        end.nextBlock += 1
        end.lastSequence = last
        end.lastTime = header.time
        health.blocks += 1
        health.bytes += UInt64(bytes)
        health.slots += UInt64(slots)
    }

    /// Fills the segment with a seal and goes on in the next.
    private func roll() throws(DiskError) {
        let rest = end.segmentBytes - end.offset
        if rest > 0 {
            // The slots at hand wait in the same buffer; the seal's body is zeros, so it needs its own.
            let waiting = AlignedBuffer(JournalFormat.mostBlockBytes, isZeroed: false)
            waiting.base.copyMemory(from: buffer.base, byteCount: buffer.count)
            try writeBlock(
                slots: 0, bytes: rest, lastSequence: end.lastSequence, time: end.lastTime,
                flags: .seal)
            buffer.base.copyMemory(from: waiting.base, byteCount: waiting.count)
        }
        disk.close(file)
        end.segment += 1
        end.offset = 0
        let name = JournalFormat.segmentName(end.segment)
        if try !disk.names().contains(name) {
            try disk.createZeroed(name, bytes: segmentBytes)
        }
        end.segmentBytes = try disk.size(of: name)
        file = try disk.open(name)
        health.segment = end.segment
        prepare(end.segment + 1)
    }

    /// After recovery: zeros over a torn tail, and the last block once more, both durable.
    public func heal() throws(DiskError) {
        if end.tornBytes > 0 {
            let room = min(JournalFormat.mostBlockBytes, end.segmentBytes - end.offset)
            buffer.base.initializeMemory(as: UInt8.self, repeating: 0, count: room)
            try disk.write(buffer.bytes(0..<room), to: file, at: end.offset)
            end.tornBytes = 0
        }
        guard let last = end.lastBlock else { return }
        let owner =
            last.segment == end.segment
            ? file : try disk.open(JournalFormat.segmentName(last.segment))
        defer { if last.segment != end.segment { disk.close(owner) } }
        try disk.read(into: buffer.mutableBytes(0..<last.bytes), from: owner, at: last.offset)
        try disk.write(buffer.bytes(0..<last.bytes), to: owner, at: last.offset)
    }
}
