import CChecksum
public import EngineCore
import Glibc
public import Kernel

/// A point in the journal that state elsewhere can name, and that a journal can be asked for.
public struct JournalPoint: Hashable, Sendable {
    public let incarnation: UInt32
    public let sequence: UInt64
    /// Of the header of the block that holds the sequence.
    public let block: BlockHash

    public init(incarnation: UInt32, sequence: UInt64, block: BlockHash) {
        self.incarnation = incarnation
        self.sequence = sequence
        self.block = block
    }
}

/// The journal says something that no crash can have written. Nothing was changed.
public struct Corruption: Error, Equatable, Sendable {
    public let segment: String
    public let offset: Int
    public let what: String

    public init(segment: String, offset: Int, what: String) {
        self.segment = segment
        self.offset = offset
        self.what = what
    }

    public var text: String {
        "\(segment) at byte \(offset): \(what). Nothing was changed. Restore the segment from a "
            + "replica or a backup, or move the journal aside and start a new one."
    }
}

public enum JournalError: Error, Equatable, Sendable {
    case disk(DiskError)
    case corrupt(Corruption)
}

/// Where the valid part of a journal ends.
public struct JournalEnd: Sendable {
    public var journal: ExternalID
    public var incarnation: UInt32
    /// The segment that is written next, and where in it.
    public var segment: UInt32
    public var offset: Int
    public var nextBlock: UInt64
    public var lastSequence: UInt64
    public var lastTime: Int64
    public var lastHeader: BlockHash
    /// Where the last block stands, to be written once more before anybody is answered.
    public var lastBlock: (segment: UInt32, offset: Int, bytes: Int)?
    /// Bytes after the end that are not zero: a torn last write, to be cut.
    public var tornBytes: Int
    public var blocks: UInt64
    public var segmentBytes: Int
}

/// Where a block stands, or the next one will.
public struct JournalPosition: Hashable, Sendable {
    public let segment: UInt32
    public let offset: Int

    public init(segment: UInt32, offset: Int) {
        self.segment = segment
        self.offset = offset
    }

    /// Where every journal begins.
    public static let beginning = JournalPosition(segment: 1, offset: 0)
}

/// One block as it is read: its header, its hash and its slots in memory until the next is read.
public struct BlockView {
    public let header: BlockHeader
    public let hash: BlockHash
    public let slots: UnsafeMutableRawPointer

    /// The point that the block brings whoever has applied it to.
    public var point: JournalPoint {
        JournalPoint(incarnation: header.incarnation, sequence: header.lastSequence, block: hash)
    }

    /// Where the block after it stands, or will stand.
    public var following: JournalPosition {
        JournalPosition(segment: header.segment, offset: Int(header.offset) + header.totalBytes)
    }

    /// Walks the records in order; stops at what is not a record.
    public func forEachRecord(_ body: (RecordBytes) throws -> Void) rethrows {
        var slot = 0
        while slot < Int(header.slots) {
            let base = slots + slot * SlotSize.bytes
            let count = max(1, Int(RecordBytes(base, slots: 1).slotCount))
            try body(RecordBytes(base, slots: count))
            slot += count
        }
    }
}

/// Reads a journal from its first block to the end of its valid part, and proves that this is its end.
public struct JournalReader<D: Disk> {
    public let disk: D
    private let digest = Digest()

    public init(_ disk: D) {
        self.disk = disk
    }

    /// Visits every block of the valid part in order and returns where it ends; nil for no journal.
    ///
    /// From `start`, which a snapshot names, only what comes after it; the block there must be the one that
    /// it names. While somebody writes, what comes after the last block that was there cannot be proved to be
    /// its end; but what a later block calls durable must be there.
    public func scan(
        from start: JournalEnd? = nil, isBeingWritten: Bool = false,
        _ visit: (BlockView) throws -> Void
    ) throws -> JournalEnd? {
        let segments = try self.segments(from: start)
        guard let first = segments.first else { return nil }
        guard first == 1 || start != nil else {
            throw Corruption(
                segment: JournalFormat.segmentName(1), offset: 0,
                what:
                    "the journal's beginning is not here, and no snapshot that this build can read stands for "
                    + "it; copy the segments before back from the archive")
        }
        for (index, number) in segments.enumerated() where number != first + UInt32(index) {
            throw Corruption(
                segment: JournalFormat.segmentName(number - 1), offset: 0,
                what: "the segment is missing between others")
        }
        let window = ReadWindow(disk)
        var end = start
        for (index, number) in segments.enumerated() {
            let name = JournalFormat.segmentName(number)
            let size = try window.begin(number)
            var offset = number == start?.segment ? start?.offset ?? 0 : 0
            while offset < size {
                var found = try read(
                    name: name, segment: number, at: offset, size: size, after: end,
                    window: window)
                if found == nil, isBeingWritten {
                    guard try isOvertaken(end, in: Array(segments[index...]), from: offset) else {
                        return end
                    }
                    // It came between two looks, or it was durable and is not there any more.
                    _ = try window.begin(number)
                    found = try read(
                        name: name, segment: number, at: offset, size: size, after: end,
                        window: window)
                    if found == nil {
                        throw Corruption(
                            segment: name, offset: offset,
                            what:
                                "block \(end?.nextBlock ?? 0) is missing or damaged, and blocks after it are here"
                        )
                    }
                }
                guard let view = found else {
                    return try prove(
                        end, segments: Array(segments[index...]), offset: offset, size: size,
                        window: window)
                }
                try visit(view)
                advance(&end, past: view, size: size)
                offset += view.header.totalBytes
                end?.offset = offset
            }
            guard offset == size else {
                throw Corruption(segment: name, offset: offset, what: "a block crosses the end")
            }
        }
        // Every segment is full to its last byte: the next one was not made yet.
        if var full = end {
            full.segment += 1
            full.offset = 0
            return full
        }
        return nil
    }

    /// Whether a block at or after `offset` says that the one which should stand there was durable.
    private func isOvertaken(_ end: JournalEnd?, in segments: [UInt32], from offset: Int) throws
        -> Bool
    {
        let next = end?.nextBlock ?? 0
        let window = ReadWindow(disk)
        for (index, number) in segments.enumerated() {
            let size = try window.begin(number)
            for place in stride(
                from: index == 0 ? offset : 0, to: size, by: JournalFormat.alignment)
            {
                if let (header, _) = try selfValid(
                    segment: number, at: place, size: size, journal: end?.journal, window: window),
                    header.number > next, header.durableUpTo >= next
                {
                    return true
                }
            }
        }
        return false
    }

    /// Those that are read, without a gap.
    private func segments(from start: JournalEnd?) throws -> [UInt32] {
        let all = try disk.names().compactMap(JournalFormat.segmentNumber).sorted()
        guard let start, let last = start.lastBlock else { return all }
        guard all.contains(last.segment), try holds(start) else {
            throw Corruption(
                segment: JournalFormat.segmentName(last.segment), offset: last.offset,
                what: "the block that the snapshot was taken after is not here")
        }
        return all.filter { $0 >= start.segment }
    }

    /// Whether the journal holds the very block that `end` names as its last.
    public func holds(_ end: JournalEnd) throws -> Bool {
        guard let last = end.lastBlock else { return false }
        let name = JournalFormat.segmentName(last.segment)
        guard try disk.names().contains(name) else { return false }
        let window = ReadWindow(disk)
        let size = try window.begin(last.segment)
        guard
            let (_, block) = try selfValid(
                segment: last.segment, at: last.offset, size: size, journal: end.journal,
                window: window)
        else { return false }
        return digest.blockHash(
            UnsafeRawBufferPointer(start: block, count: JournalFormat.headerBytes))
            == end.lastHeader
    }

    /// The last record of the block that `end` names as its last, copied; nil when it is not there.
    public func lastRecord(of end: JournalEnd) throws -> [UInt8]? {
        guard let last = end.lastBlock, try holds(end) else { return nil }
        let name = JournalFormat.segmentName(last.segment)
        let file = try disk.open(name)
        defer { disk.close(file) }
        let buffer = AlignedBuffer(last.bytes)
        try disk.read(into: buffer.mutableBytes(0..<last.bytes), from: file, at: last.offset)
        guard let header = BlockHeader(buffer.bytes(0..<JournalFormat.headerBytes)) else {
            return nil
        }
        let view = BlockView(
            header: header, hash: end.lastHeader, slots: buffer.base + JournalFormat.headerBytes)
        var found: [UInt8]?
        view.forEachRecord {
            found = Array(UnsafeRawBufferPointer(start: $0.address, count: $0.byteCount))
        }
        return found
    }

    private func advance(_ end: inout JournalEnd?, past view: BlockView, size: Int) {
        let header = view.header
        end = JournalEnd(
            journal: header.journal, incarnation: header.incarnation, segment: header.segment,
            offset: Int(header.offset), nextBlock: header.number + 1,
            lastSequence: header.slots > 0 ? header.lastSequence : end?.lastSequence ?? 0,
            lastTime: max(header.time, end?.lastTime ?? 0), lastHeader: view.hash,
            lastBlock: (header.segment, Int(header.offset), header.totalBytes), tornBytes: 0,
            blocks: (end?.blocks ?? 0) + 1, segmentBytes: size)
    }

    /// The block at `offset` if it is valid in itself and follows `end`; nil otherwise.
    private func read(
        name: String, segment: UInt32, at offset: Int, size: Int, after end: JournalEnd?,
        window: ReadWindow<D>
    ) throws -> BlockView? {
        guard
            let (header, block) = try selfValid(
                segment: segment, at: offset, size: size, journal: end?.journal, window: window)
        else { return nil }
        if let end {
            guard header.number == end.nextBlock,
                header.parent == end.lastHeader || planted(.parentUnchecked),
                header.incarnation >= end.incarnation, header.firstSequence == end.lastSequence + 1
            else { return nil }
        } else {
            guard header.number == 0, header.parent == .zero, header.firstSequence == 1 else {
                return nil
            }
        }
        let hash = digest.blockHash(
            UnsafeRawBufferPointer(start: block, count: JournalFormat.headerBytes))
        let view = BlockView(
            header: header, hash: hash, slots: block + JournalFormat.headerBytes)
        try checkRecords(view, name: name)
        return view
    }

    /// The header and where the block stands in memory, when magic, journal, position and both checksums
    /// hold.
    func selfValid(
        segment: UInt32, at offset: Int, size: Int, journal: ExternalID?, window: ReadWindow<D>
    ) throws -> (BlockHeader, UnsafeMutableRawPointer)? {
        guard offset + JournalFormat.alignment <= size else { return nil }
        let page = try window.bytes(at: offset, count: JournalFormat.alignment)
        guard
            let header = BlockHeader(
                UnsafeRawBufferPointer(start: page, count: JournalFormat.alignment)),
            header.offset == UInt64(offset), header.segment == segment,
            journal == nil || header.journal == journal, offset + header.totalBytes <= size
        else { return nil }
        let block = try window.bytes(at: offset, count: header.totalBytes)
        let body = UnsafeRawBufferPointer(
            start: block + JournalFormat.headerBytes, count: Int(header.bodyBytes))
        return crc32c(body) == header.bodyChecksum || planted(.bodyUnchecked)
            ? (header, block) : nil
    }

    /// Inside a valid block every record must hold too: anything else was written by a broken build.
    private func checkRecords(_ view: BlockView, name: String) throws {
        var expected = view.header.firstSequence
        var slot = 0
        // All at once is three times as fast; one by one is asked only to name the one that does not hold.
        let allHold = Slot.areValid(view.slots, Int(view.header.slots))
        while slot < Int(view.header.slots) {
            let base = view.slots + slot * SlotSize.bytes
            let count = Int(RecordBytes(base, slots: 1).slotCount)
            let record = RecordBytes(base, slots: max(1, count))
            guard count > 0, slot + count <= Int(view.header.slots), record.kind != nil,
                record.sequence == expected, allHold || Slot.areValid(base, count)
            else {
                throw Corruption(
                    segment: name, offset: Int(view.header.offset),
                    what: "record \(expected) is not valid inside a valid block")
            }
            expected += 1
            slot += count
        }
        guard view.header.slots == 0 || expected == view.header.lastSequence + 1 else {
            throw Corruption(
                segment: name, offset: Int(view.header.offset),
                what: "the block does not hold the sequences that it names")
        }
    }

    /// Shows that nothing after `offset` was ever acknowledged, or throws.
    private func prove(
        _ end: JournalEnd?, segments: [UInt32], offset: Int, size: Int, window: ReadWindow<D>
    ) throws -> JournalEnd? {
        let next = end?.nextBlock ?? 0
        var torn = 0
        for (index, number) in segments.enumerated() {
            let name = JournalFormat.segmentName(number)
            let segmentSize = try window.begin(number)
            var place = index == 0 ? offset : 0
            let tail = place
            while place + JournalFormat.alignment <= segmentSize {
                var page = UnsafeRawBufferPointer(
                    start: try window.bytes(at: place, count: JournalFormat.alignment),
                    count: JournalFormat.alignment)
                if let header = BlockHeader(page),
                    end == nil || header.journal == end?.journal
                {
                    let isWhole =
                        try selfValid(
                            segment: number, at: place, size: segmentSize, journal: end?.journal,
                            window: window) != nil
                    if isWhole || (header.durableUpTo >= next && next > 0) {
                        throw Corruption(
                            segment: name, offset: place,
                            what: header.number == next
                                ? "block \(next) is here, and where it belongs it is missing or damaged"
                                : "block \(header.number) is here, but block \(next) before it is "
                                    + "missing or damaged")
                    }
                    page = UnsafeRawBufferPointer(
                        start: try window.bytes(at: place, count: JournalFormat.alignment),
                        count: JournalFormat.alignment)
                }
                let isInTail =
                    index == 0 && place < tail + JournalFormat.mostBlockBytes
                let dirty = try dirtyBytes(
                    page, at: place, name: name, mayBeTorn: isInTail)
                torn += dirty
                place += JournalFormat.alignment
            }
        }
        if var end {
            if let first = segments.first, first != end.segment {
                end.segment = first
                end.offset = offset
            }
            end.tornBytes = torn
            end.segmentBytes = size
            return end
        }
        return nil
    }

    /// Bytes of a page after the end that are not zero; they may only be whole slots of a torn block.
    private func dirtyBytes(
        _ page: UnsafeRawBufferPointer, at place: Int, name: String, mayBeTorn: Bool
    ) throws -> Int {
        if Self.isZero(page) { return 0 }
        var dirty = 0
        for start in stride(from: 0, to: page.count, by: SlotSize.bytes) {
            let slot = UnsafeRawBufferPointer(rebasing: page[start..<start + SlotSize.bytes])
            if Self.isZero(slot) { continue }
            dirty += SlotSize.bytes
            let isHeader = start == 0 && BlockHeader(slot) != nil
            guard mayBeTorn, isHeader || Slot.isValid(slot.baseAddress!) else {
                throw Corruption(
                    segment: name, offset: place + start,
                    what: "bytes after the last block are neither zero nor a torn write's")
            }
        }
        return dirty
    }
}

extension JournalReader {
    /// `bytes.count` is at least eight.
    fileprivate static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress, bytes.loadUnaligned(as: UInt64.self) == 0 else {
            return false
        }
        // What equals itself eight bytes further on, and begins with zeros, is all zeros.
        return memcmp(base, base + 8, bytes.count - 8) == 0
    }
}

/// Single slots: each starts with the CRC-32C of its rest.
public enum Slot {
    public static func checksum(_ base: UnsafeRawPointer) -> UInt32 {
        crc32c(UnsafeRawBufferPointer(start: base + 4, count: SlotSize.bytes - 4))
    }

    public static func isValid(_ base: UnsafeRawPointer) -> Bool {
        base.loadUnaligned(as: UInt32.self) == checksum(base)
    }

    public static func areValid(_ base: UnsafeRawPointer, _ count: Int) -> Bool {
        grandstand_slots_hold(base, count) != 0
    }

    /// Puts the checksum into every slot of a record.
    public static func seal(_ record: RecordBytes) { seal(record.address, record.slots) }

    /// The same for slots that lie one after another.
    public static func seal(_ base: UnsafeMutableRawPointer, _ count: Int) {
        grandstand_seal_slots(base, count)
    }
}
