/// Gives durable blocks once more, to whoever could not keep up with them in memory.
public protocol BlockSource: AnyObject, Sendable {
    /// Visits blocks in order from `position`, those with records only, until the one that holds
    /// `last` or until enough was read for one go; answers where the block right after the last visited stands.
    ///
    /// `position` is right after the block that `point` names, the journal's beginning without one: a block that
    /// does not follow it is of another history and is refused. `last` must be durable already: what comes after
    /// it is never looked at.
    func read(
        from position: JournalPosition, after point: JournalPoint?, upTo last: UInt64,
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

    /// Bytes of the journal that one call gives before it returns; at least one block with records.
    public let mostBytes: Int

    public init(_ disk: D, mostBytes: Int = 4_194_304) {
        self.mostBytes = mostBytes
        reader = JournalReader(disk)
        window = ReadWindow(disk)
    }

    public func read(
        from position: JournalPosition, after point: JournalPoint?, upTo last: UInt64,
        _ visit: (BlockView) throws -> Void
    ) throws -> JournalPosition {
        var parent = point?.block ?? .zero
        var place = position
        var reached = position
        var applied = point?.sequence ?? 0
        var left = mostBytes
        while applied < last, left > 0 || reached == position {
            let name = JournalFormat.segmentName(place.segment)
            let size = try window.begin(place.segment)
            defer { window.end() }
            guard place.offset < size else {
                place = JournalPosition(segment: place.segment + 1, offset: 0)
                continue
            }
            while place.offset < size, applied < last, left > 0 || reached == position {
                let view = try block(name: name, at: place, size: size)
                guard view.header.parent == parent else {
                    throw Corruption(
                        segment: name, offset: place.offset,
                        what: "the block here does not follow the one before it")
                }
                parent = view.hash
                if view.header.slots > 0 {
                    guard view.header.firstSequence == applied + 1 else {
                        throw Corruption(
                            segment: name, offset: place.offset,
                            what: "record \(applied + 1) was expected here, and the block begins "
                                + "with \(view.header.firstSequence)")
                    }
                    try visit(view)
                    applied = view.header.lastSequence
                    reached = view.following
                }
                left -= view.header.totalBytes
                place = view.following
            }
        }
        // Not behind blocks without records: whoever starts here again knows the place by the block before it.
        return reached
    }

    public func isNext(_ position: JournalPosition, after point: JournalPoint) throws -> Bool {
        var place = position
        let names = try reader.disk.names()
        for _ in 0..<2 {
            let name = JournalFormat.segmentName(place.segment)
            guard names.contains(name) else { return false }
            let size = try window.begin(place.segment)
            defer { window.end() }
            guard place.offset < size else {
                place = JournalPosition(segment: place.segment + 1, offset: 0)
                continue
            }
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
