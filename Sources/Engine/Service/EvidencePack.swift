public import EngineJournal
import Kernel

/// The raw blocks that a bet's history rests on, and the way from each to the sealed digest of its segment.
public struct EvidencePack: Sendable {
    public struct Block: Sendable {
        public let segment: UInt32
        public let offset: Int
        public let bytes: [UInt8]
        /// For each page of 4096 bytes the way up to the segment's root; empty while it is not sealed.
        public let paths: [[SegmentTree.Step]]
    }

    /// A segment changed since it was sealed: there is nothing to prove with it.
    public struct Changed: Error, Sendable {
        public let segment: UInt32
    }

    public let history: BetHistory
    public let blocks: [Block]

    public init<D: Disk>(_ history: BetHistory, on disk: D) throws {
        self.history = history
        var wanted: Set<RecordPlace> = []
        var segments: Set<UInt32> = []
        for place in history.places {
            wanted.insert(place)
            segments.insert(place.segment)
        }
        // The records that seal those segments are evidence themselves.
        for segment in segments {
            if let place = history.seals[segment]?.place { wanted.insert(place) }
        }
        var found: [Block] = []
        var trees: [UInt32: SegmentTree] = [:]
        var seen: Set<[Int]> = []
        for place in wanted.sorted() {
            guard seen.insert([Int(place.segment), place.block]).inserted else { continue }
            if trees[place.segment] == nil, let seal = history.seals[place.segment],
                seal.root.contains(where: { $0 != 0 })
            {
                let fresh = try SegmentSeal(place.segment, on: disk)
                guard fresh.digest == seal.digest, fresh.tree.root == seal.root else {
                    throw Changed(segment: place.segment)
                }
                trees[place.segment] = fresh.tree
            }
            found.append(try Self.block(place, on: disk, trees[place.segment]))
        }
        blocks = found
    }

    private static func block<D: Disk>(
        _ place: RecordPlace, on disk: D, _ tree: SegmentTree?
    ) throws -> Block {
        let name = JournalFormat.segmentName(place.segment)
        let file = try disk.open(name)
        defer { disk.close(file) }
        let page = AlignedBuffer(JournalFormat.alignment)
        try disk.read(
            into: page.mutableBytes(0..<JournalFormat.alignment), from: file, at: place.block)
        guard let header = BlockHeader(page.bytes(0..<JournalFormat.headerBytes)) else {
            throw Corruption(
                segment: name, offset: place.block, what: "the block cannot be read any more")
        }
        let whole = AlignedBuffer(header.totalBytes)
        try disk.read(
            into: whole.mutableBytes(0..<header.totalBytes), from: file, at: place.block)
        let first = place.block / JournalFormat.alignment
        let pages = header.totalBytes / JournalFormat.alignment
        return Block(
            segment: place.segment, offset: place.block,
            bytes: Array(whole.bytes(0..<header.totalBytes)),
            paths: tree.map { tree in (0..<pages).map { tree.path(from: first + $0) } } ?? [])
    }
}
