/// Gives durable blocks once more, to whoever could not keep up with them in memory.
public protocol BlockSource: AnyObject, Sendable {
    /// Visits blocks in order from `position`, those with records only, until the one that holds
    /// `last` or until enough was read for one go; answers where the block after them stands.
    ///
    /// `last` must be durable already: what comes after it is never looked at.
    func read(
        from position: JournalPosition, after sequence: UInt64, upTo last: UInt64,
        _ visit: (BlockView) throws -> Void
    ) throws -> JournalPosition

    /// Whether the block at `position` comes right after the one that `point` names.
    func isNext(_ position: JournalPosition, after point: JournalPoint) throws -> Bool
}

/// SHA-256 of a segment from its first byte to its last, and its size.
public func segmentDigest<D: Disk>(_ number: UInt32, on disk: D) throws -> (bytes: Int, [UInt8]) {
    try fileDigest(JournalFormat.segmentName(number), on: disk)
}

/// SHA-256 of a file whose size is a multiple of 4 KiB, and that size.
public func fileDigest<D: Disk>(_ name: String, on disk: D) throws -> (bytes: Int, digest: [UInt8])
{
    let size = try disk.size(of: name)
    let file = try disk.open(name)
    defer { disk.close(file) }
    let buffer = AlignedBuffer(JournalFormat.mostBlockBytes)
    var position = 0
    let digest = try Digest().sha256 {
        guard position < size else { return nil }
        let count = min(buffer.count, size - position)
        try disk.read(into: buffer.mutableBytes(0..<count), from: file, at: position)
        position += count
        return UnsafeRawBufferPointer(start: buffer.base, count: count)
    }
    return (size, digest)
}

/// Reads the journal behind its writer's back, on the reader's own thread.
///
/// Bound: `mostBytes` in one go.
public final class JournalTail<D: Disk>: BlockSource, @unchecked Sendable {
    // Used by one thread; the disk's reads are safe beside its one writer.
    private let reader: JournalReader<D>
    private let window: ReadWindow<D>
    private let digest = Digest()

    /// Bytes of the journal that one call gives before it returns.
    public static var mostBytes: Int { 4_194_304 }

    public init(_ disk: D) {
        reader = JournalReader(disk)
        window = ReadWindow(disk)
    }

    public func read(
        from position: JournalPosition, after sequence: UInt64, upTo last: UInt64,
        _ visit: (BlockView) throws -> Void
    ) throws -> JournalPosition {
        var place = position
        var applied = sequence
        var left = Self.mostBytes
        while applied < last, left > 0 {
            let name = JournalFormat.segmentName(place.segment)
            let size = try reader.disk.size(of: name)
            guard place.offset < size else {
                place = JournalPosition(segment: place.segment + 1, offset: 0)
                continue
            }
            let file = try reader.disk.open(name)
            defer { reader.disk.close(file) }
            window.begin(file, size: size)
            while place.offset < size, applied < last, left > 0 {
                let view = try block(name: name, at: place, size: size)
                if view.header.slots > 0 {
                    guard view.header.firstSequence == applied + 1 else {
                        throw Corruption(
                            segment: name, offset: place.offset,
                            what: "record \(applied + 1) was expected here, and the block begins "
                                + "with \(view.header.firstSequence)")
                    }
                    try visit(view)
                    applied = view.header.lastSequence
                }
                left -= view.header.totalBytes
                place = view.following
            }
        }
        return place
    }

    public func isNext(_ position: JournalPosition, after point: JournalPoint) throws -> Bool {
        var place = position
        let names = try reader.disk.names()
        for _ in 0..<2 {
            let name = JournalFormat.segmentName(place.segment)
            guard names.contains(name) else { return false }
            let size = try reader.disk.size(of: name)
            guard place.offset < size else {
                place = JournalPosition(segment: place.segment + 1, offset: 0)
                continue
            }
            let file = try reader.disk.open(name)
            defer { reader.disk.close(file) }
            window.begin(file, size: size)
            let found = try reader.selfValid(
                segment: place.segment, at: place.offset, size: size, journal: nil, window: window)
            return found?.0.parent == point.block
        }
        return false
    }

    private func block(name: String, at place: JournalPosition, size: Int) throws -> BlockView {
        guard
            let (header, memory) = try reader.selfValid(
                segment: place.segment, at: place.offset, size: size, journal: nil, window: window)
        else {
            throw Corruption(
                segment: name, offset: place.offset,
                what: "a block that was durable cannot be read any more")
        }
        let hash = digest.blockHash(
            UnsafeRawBufferPointer(start: memory, count: JournalFormat.headerBytes))
        return BlockView(header: header, hash: hash, slots: memory + JournalFormat.headerBytes)
    }
}
