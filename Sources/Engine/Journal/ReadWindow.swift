/// What is read of a segment, in steps of at most two of the largest blocks: few reads, and long ones while it goes on.
final class ReadWindow<D: Disk> {
    private let disk: D
    private let buffer = AlignedBuffer(JournalFormat.mostBlockBytes * 2, isZeroed: false)
    @exclusivity(unchecked) private var file: D.File?
    @exclusivity(unchecked) private var size = 0
    @exclusivity(unchecked) private var start = 0
    @exclusivity(unchecked) private var filled = 0
    /// What the next read takes: little at first, since many look at one block and go; more while it goes on.
    private var stride = ReadWindow.shortest

    private static var shortest: Int { 16_384 }

    init(_ disk: D) { self.disk = disk }

    deinit { end() }

    /// Goes to a segment, fresh from the disk, and answers its size; lets go of the one before.
    func begin(_ segment: UInt32) throws(DiskError) -> Int {
        end()
        let name = JournalFormat.segmentName(segment)
        size = try disk.size(of: name)
        file = try disk.open(name)
        stride = Self.shortest
        return size
    }

    /// Lets go of the segment.
    func end() {
        if let file { disk.close(file) }
        file = nil
        filled = 0
    }

    /// `count` bytes from `offset`, both multiples of the alignment; they live until the next call.
    func bytes(at offset: Int, count: Int) throws -> UnsafeMutableRawPointer {
        if offset < start || offset + count > start + filled || filled == 0 {
            try fill(from: offset, count)
        }
        return buffer.base + (offset - start)
    }

    private func fill(from offset: Int, _ count: Int) throws {
        guard let file else { preconditionFailure("a window is begun on a segment") }
        start = offset
        filled = min(max(stride, count), size - offset)
        stride = min(stride * 2, buffer.count)
        try disk.read(into: buffer.mutableBytes(0..<filled), from: file, at: offset)
    }
}
