/// A tree of SHA-256 over the pages of a full segment, so that one page can be shown to be part of it without the
/// others.
///
/// A leaf is the hash of a zero byte and the page's 4096; a node that of a one byte and its two children;
/// a node without a sibling goes up as it is. Source: RFC 9162, 2.1.
public struct SegmentTree: Sendable {
    /// One way up from a page: the siblings, lowest first, and on which side each stands.
    public struct Step: Hashable, Sendable {
        public let isLeft: Bool
        public let hash: [UInt8]
    }

    private var levels: [[[UInt8]]]

    init(leaves: [[UInt8]]) {
        levels = [leaves]
        let digest = Digest()
        while let last = levels.last, last.count > 1 {
            var next: [[UInt8]] = []
            next.reserveCapacity((last.count + 1) / 2)
            for index in stride(from: 0, to: last.count, by: 2) {
                guard index + 1 < last.count else {
                    next.append(last[index])
                    continue
                }
                let pair = [1] + last[index] + last[index + 1]
                next.append(pair.withUnsafeBytes { digest.sha256($0) })
            }
            levels.append(next)
        }
    }

    /// 32 bytes; empty for a segment without pages.
    public var root: [UInt8] { levels.last?.first ?? [] }

    public func path(from page: Int) -> [Step] {
        var steps: [Step] = []
        var index = page
        for level in levels.dropLast() {
            let sibling = index ^ 1
            if level.indices.contains(sibling) {
                steps.append(Step(isLeft: sibling < index, hash: level[sibling]))
            }
            index /= 2
        }
        return steps
    }
}

/// What a full segment comes to.
public struct SegmentSeal: Sendable {
    public let bytes: Int
    /// SHA-256 from its first byte to its last.
    public let digest: [UInt8]
    public let tree: SegmentTree

    /// Reads the segment once.
    public init<D: Disk>(_ number: UInt32, on disk: D) throws {
        let name = JournalFormat.segmentName(number)
        let size = try disk.size(of: name)
        let file = try disk.open(name)
        defer { disk.close(file) }
        let buffer = AlignedBuffer(JournalFormat.mostBlockBytes)
        // A zero byte before the page, as the tree wants it.
        let leaf = AlignedBuffer(1 + JournalFormat.alignment)
        let pages = Digest()
        var leaves: [[UInt8]] = []
        leaves.reserveCapacity(size / JournalFormat.alignment)
        var position = 0
        let digest = try Digest().sha256 {
            guard position < size else { return nil }
            let count = min(buffer.count, size - position)
            try disk.read(into: buffer.mutableBytes(0..<count), from: file, at: position)
            position += count
            for page in stride(from: 0, to: count, by: JournalFormat.alignment) {
                (leaf.base + 1).copyMemory(
                    from: buffer.base + page, byteCount: JournalFormat.alignment)
                leaves.append(pages.sha256(leaf.bytes(0..<leaf.count)))
            }
            return UnsafeRawBufferPointer(start: buffer.base, count: count)
        }
        bytes = size
        self.digest = digest
        tree = SegmentTree(leaves: leaves)
    }
}
