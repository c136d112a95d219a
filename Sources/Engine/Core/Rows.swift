internal import CPrefetch
import Kernel

/// A growing table of rows in chunks of 64 KiB, so that growth never moves a row and a snapshot can
/// take one chunk at a time.
///
/// Bound: `capacity` rows; `append` answers nil when full. Rows are never freed singly: whoever uses a
/// row again keeps a list of those that are free.
@safe struct Rows<Row: BitwiseCopyable>: ~Copyable {
    private let chunks: UnsafeMutablePointer<UnsafeMutablePointer<Row>?>
    private let shift: Int
    private let mask: Int
    let capacity: Int
    private(set) var count = 0
    private var chunkCount = 0
    /// While a snapshot is taken: what of the rows it still has to get.
    private var frozen = Frozen()
    private var isFrozen = false

    static var chunkBytes: Int { 65_536 }

    init(capacity: Int) {
        let perChunk = max(1, Self.chunkBytes / MemoryLayout<Row>.stride)
        shift = Int.bitWidth - 1 - perChunk.leadingZeroBitCount
        mask = (1 << shift) - 1
        self.capacity = capacity
        let most = (capacity + mask) >> shift
        unsafe chunks = .allocate(capacity: max(1, most))
        unsafe chunks.initialize(repeating: nil, count: max(1, most))
    }

    deinit {
        for index in 0..<chunkCount { unsafe chunks[index]?.deallocate() }
        unsafe chunks.deallocate()
    }

    private mutating func addChunk() {
        let chunk = UnsafeMutablePointer<Row>.allocate(capacity: mask + 1)
        unsafe chunks[chunkCount] = chunk
        chunkCount += 1
    }

    /// Makes room for `rows` and touches it, so that no row costs a page fault when it comes.
    mutating func reserve(_ rows: Int) {
        while chunkCount << shift < min(rows, capacity) {
            addChunk()
            let bytes = (mask + 1) * MemoryLayout<Row>.stride
            unsafe UnsafeMutableRawPointer(chunks[chunkCount - 1]!)
                .initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        }
    }

    /// The new row's number, or nil when the table is full.
    mutating func append(_ row: Row) -> UInt32? {
        guard count < capacity else { return nil }
        if count >> shift >= chunkCount { addChunk() }
        let number = count
        count += 1
        unsafe chunks[number >> shift]!.advanced(by: number & mask).initialize(to: row)
        return UInt32(number)
    }

    /// The row in place: reading one copies only what is used of it.
    subscript(number: UInt32) -> Row {
        @inline(__always) unsafeAddress {
            precondition(Int(number) < count, "a row that exists")
            return unsafe UnsafePointer(
                chunks[Int(number) >> shift].unsafelyUnwrapped + (Int(number) & mask))
        }
        @inline(__always) unsafeMutableAddress {
            precondition(Int(number) < count, "a row that exists")
            if isFrozen { preserve(Int(number) >> shift) }
            return unsafe chunks[Int(number) >> shift].unsafelyUnwrapped + (Int(number) & mask)
        }
    }

    /// Asks the cache for a row that will be read soon.
    @inline(__always) func expect(_ number: UInt32) {
        guard Int(number) < count else { return }
        let row = unsafe chunks[Int(number) >> shift].unsafelyUnwrapped + (Int(number) & mask)
        unsafe gs_prefetch(row)
        unsafe gs_prefetch(UnsafeRawPointer(row) + (MemoryLayout<Row>.size - 1))
    }

    // MARK: Snapshots

    /// From here on the rows as they are now can be taken, whatever is written meanwhile. O(chunks) bits.
    mutating func freeze(_ spares: SnapshotSpares) {
        frozen = Frozen(rows: count, chunks: (count + mask) >> shift, spares)
        isFrozen = count > 0
    }

    /// Forgets what was not taken yet.
    mutating func thaw() {
        isFrozen = false
        frozen = Frozen()
    }

    /// Copies a frozen chunk before it is written for the first time.
    @inline(never) private mutating func preserve(_ chunk: Int) {
        guard frozen.mustCopy(chunk), !planted(.snapshotUnpreserved) else { return }
        frozen.kept.append(copy(chunk))
    }

    private mutating func copy(_ chunk: Int) -> SnapshotChunk {
        frozen.markCopied(chunk)
        let first = chunk << shift
        let rows = min(mask + 1, frozen.rows - first)
        return unsafe frozen.copy(
            first: UInt64(first), rows: rows, from: chunks[chunk]!,
            bytes: rows * MemoryLayout<Row>.stride)
    }

    /// Chunks that had to be copied because they were written.
    mutating func takeKept() -> [SnapshotChunk] { frozen.takeKept() }

    /// The next chunk that nobody has written; nil when all are taken.
    mutating func takeNext() -> SnapshotChunk? {
        guard isFrozen, let chunk = frozen.next() else {
            isFrozen = false
            return nil
        }
        return copy(chunk)
    }

    /// Puts a chunk of a snapshot where it was; false when it does not fit into this table.
    mutating func load(first: UInt64, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let stride = MemoryLayout<Row>.stride
        guard bytes.count % stride == 0, first & UInt64(mask) == 0,
            first < UInt64(capacity), Int(first) + bytes.count / stride <= capacity,
            bytes.count / stride <= mask + 1
        else { return false }
        let chunk = Int(first) >> shift
        while chunkCount <= chunk { addChunk() }
        unsafe UnsafeMutableRawPointer(chunks[chunk]!).copyMemory(
            from: bytes.baseAddress!, byteCount: bytes.count)
        count = max(count, Int(first) + bytes.count / stride)
        return true
    }
}

/// Rows of one table as they were when a snapshot began, on their way to a file.
///
/// Owns its copy; whoever gets it may hand it to another thread, and back when nobody reads it any more.
@safe public final class SnapshotChunk: @unchecked Sendable {
    // Filled by the engine's thread while nobody else has it.
    /// The number of its first row.
    public private(set) var first: UInt64 = 0
    public private(set) var rows = 0
    private let base: UnsafeMutableRawPointer
    private var count = 0

    static var capacity: Int { 65_536 }

    /// An empty one whose memory has been touched.
    public init() {
        unsafe base = .allocate(byteCount: Self.capacity, alignment: 8)
        unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: Self.capacity)
    }

    deinit { unsafe base.deallocate() }

    fileprivate func fill(
        first: UInt64, rows: Int, from source: UnsafeRawPointer, bytes: Int
    ) {
        precondition(bytes <= Self.capacity, "a chunk of rows")
        self.first = first
        self.rows = rows
        count = bytes
        unsafe base.copyMemory(from: source, byteCount: bytes)
    }

    public var byteCount: Int { count }

    public func withBytes<T>(_ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
        try unsafe body(UnsafeRawBufferPointer(start: base, count: count))
    }
}

/// Chunks that may be filled: while bets wait, a snapshot asks the allocator for nothing as long as there are
/// some. Used by one thread.
public final class SnapshotSpares {
    private var chunks: [SnapshotChunk] = []

    public init() {}

    public var count: Int { chunks.count }

    public func add(_ more: [SnapshotChunk]) { chunks += more }

    fileprivate func copy(
        first: UInt64, rows: Int, from source: UnsafeRawPointer, bytes: Int
    ) -> SnapshotChunk {
        let chunk = chunks.popLast() ?? SnapshotChunk()
        unsafe chunk.fill(first: first, rows: rows, from: source, bytes: bytes)
        return chunk
    }
}

@available(*, unavailable)
extension SnapshotSpares: Sendable {}

/// What a table still owes to the snapshot at hand.
struct Frozen {
    var rows = 0
    private var chunks = 0
    private var cursor = 0
    var kept: [SnapshotChunk] = []
    /// One bit for each chunk.
    private var copied: [UInt64] = []
    private var spares: SnapshotSpares?

    init() {}

    init(rows: Int, chunks: Int, _ spares: SnapshotSpares) {
        self.spares = spares
        self.rows = rows
        self.chunks = chunks
        copied = [UInt64](repeating: 0, count: (chunks + 63) / 64)
    }

    func copy(first: UInt64, rows: Int, from source: UnsafeRawPointer, bytes: Int) -> SnapshotChunk
    {
        unsafe (spares ?? SnapshotSpares()).copy(
            first: first, rows: rows, from: source, bytes: bytes)
    }

    func mustCopy(_ chunk: Int) -> Bool {
        chunk < chunks && copied[chunk / 64] >> UInt64(chunk % 64) & 1 == 0
    }

    /// What had to be copied because it was written.
    mutating func takeKept() -> [SnapshotChunk] {
        guard !kept.isEmpty else { return [] }
        defer { kept = [] }
        return kept
    }

    /// The next chunk that nobody has copied; nil when all are.
    mutating func next() -> Int? {
        while cursor < chunks {
            cursor += 1
            if mustCopy(cursor - 1) { return cursor - 1 }
        }
        return nil
    }

    mutating func markCopied(_ chunk: Int) { copied[chunk / 64] |= 1 << UInt64(chunk % 64) }
}

/// Rows that come at one end and go at the other, under numbers that only grow; memory follows what is
/// in it, not how far the numbers have come.
///
/// Bound: `capacity` rows; the caller looks before it appends.
@safe struct RowRing<Row: BitwiseCopyable>: ~Copyable {
    private let chunks: UnsafeMutablePointer<UnsafeMutablePointer<Row>?>
    private let chunkMask: Int
    private let shift: Int
    private let mask: Int
    let capacity: Int
    private(set) var head: UInt64 = 0
    private(set) var tail: UInt64 = 0
    private var spare: UnsafeMutablePointer<Row>?
    private var frozen = Frozen()
    private var frozenHead: UInt64 = 0
    private var isFrozen = false

    init(capacity: Int) {
        let perChunk = max(1, Rows<Row>.chunkBytes / MemoryLayout<Row>.stride)
        shift = Int.bitWidth - 1 - perChunk.leadingZeroBitCount
        mask = (1 << shift) - 1
        self.capacity = capacity
        var table = 2
        while table << shift < capacity + mask + 1 { table *= 2 }
        chunkMask = table - 1
        unsafe chunks = .allocate(capacity: table)
        unsafe chunks.initialize(repeating: nil, count: table)
        unsafe spare = nil
    }

    deinit {
        for index in 0...chunkMask { unsafe chunks[index]?.deallocate() }
        unsafe spare?.deallocate()
        unsafe chunks.deallocate()
    }

    var count: Int { Int(tail - head) }
    var isFull: Bool { count >= capacity }

    private func slot(_ position: UInt64) -> Int { Int(position >> UInt64(shift)) & chunkMask }

    private mutating func needChunk(_ slot: Int) {
        guard unsafe chunks[slot] == nil else { return }
        unsafe chunks[slot] = spare ?? .allocate(capacity: mask + 1)
        unsafe spare = nil
    }

    /// Makes room for the next `rows` and touches it, so that no row costs a page fault when it comes.
    mutating func reserve(_ rows: Int) {
        var position = tail
        while position < tail + UInt64(min(rows, capacity)) {
            needChunk(slot(position))
            let bytes = (mask + 1) * MemoryLayout<Row>.stride
            unsafe UnsafeMutableRawPointer(chunks[slot(position)]!)
                .initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
            position += UInt64(mask + 1)
        }
    }

    mutating func append(_ row: Row) -> UInt64 {
        precondition(!isFull, "the ring was looked at before")
        let position = tail
        needChunk(slot(position))
        tail += 1
        unsafe chunks[slot(position)]!.advanced(by: Int(position) & mask).initialize(to: row)
        return position
    }

    mutating func removeFirst() {
        precondition(head < tail, "a ring that is not empty")
        let position = head
        head += 1
        // The chunk goes with its last row, after the snapshot has had it.
        guard Int(head) & mask == 0 else { return }
        if isFrozen { preserve(position) }
        if unsafe spare == nil {
            unsafe spare = chunks[slot(position)]
        } else {
            unsafe chunks[slot(position)]?.deallocate()
        }
        unsafe chunks[slot(position)] = nil
    }

    subscript(position: UInt64) -> Row {
        @inline(__always) unsafeAddress {
            precondition(position >= head && position < tail, "a row that exists")
            return unsafe UnsafePointer(
                chunks[slot(position)].unsafelyUnwrapped + (Int(position) & mask))
        }
        @inline(__always) unsafeMutableAddress {
            precondition(position >= head && position < tail, "a row that exists")
            if isFrozen { preserve(position) }
            return unsafe chunks[slot(position)].unsafelyUnwrapped + (Int(position) & mask)
        }
    }

    // MARK: Snapshots

    private var frozenFirst: UInt64 { frozenHead >> UInt64(shift) }

    mutating func freeze(_ spares: SnapshotSpares) {
        frozenHead = head
        let last = (tail + UInt64(mask)) >> UInt64(shift)
        frozen = Frozen(
            rows: count, chunks: count == 0 ? 0 : Int(last - frozenFirst), spares)
        isFrozen = count > 0
    }

    mutating func thaw() {
        isFrozen = false
        frozen = Frozen()
    }

    @inline(never) private mutating func preserve(_ position: UInt64) {
        let chunk = Int(position >> UInt64(shift)) - Int(frozenFirst)
        guard frozen.mustCopy(chunk), !planted(.snapshotUnpreserved) else { return }
        frozen.kept.append(copy(chunk))
    }

    private mutating func copy(_ chunk: Int) -> SnapshotChunk {
        frozen.markCopied(chunk)
        let start = (frozenFirst + UInt64(chunk)) << UInt64(shift)
        let first = max(start, frozenHead)
        let end = min(start + UInt64(mask) + 1, frozenHead + UInt64(frozen.rows))
        let rows = Int(end - first)
        return unsafe frozen.copy(
            first: first, rows: rows, from: chunks[slot(start)]! + (Int(first) & mask),
            bytes: rows * MemoryLayout<Row>.stride)
    }

    mutating func takeKept() -> [SnapshotChunk] { frozen.takeKept() }

    mutating func takeNext() -> SnapshotChunk? {
        guard isFrozen, let chunk = frozen.next() else {
            isFrozen = false
            return nil
        }
        return copy(chunk)
    }

    /// Before any chunk is loaded: where the rows begin and end. False when they do not fit.
    mutating func place(head: UInt64, tail: UInt64) -> Bool {
        guard head <= tail, tail - head <= UInt64(capacity) else { return false }
        self.head = head
        self.tail = tail
        return true
    }

    mutating func load(first: UInt64, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let stride = MemoryLayout<Row>.stride
        let rows = bytes.count / stride
        guard bytes.count % stride == 0, first >= head, first + UInt64(rows) <= tail,
            (Int(first) & mask) + rows <= mask + 1
        else { return false }
        needChunk(slot(first))
        unsafe UnsafeMutableRawPointer(chunks[slot(first)]! + (Int(first) & mask)).copyMemory(
            from: bytes.baseAddress!, byteCount: bytes.count)
        return true
    }
}

/// From a 128-bit key to a row, by open addressing; the rows hold the keys, a slot the row and half a hash.
///
/// Seeded by the journal's identity, so that nobody who chooses keys can choose collisions. Its order
/// is never seen: no rule walks it. Growth doubles and re-inserts all at once.
@safe struct KeyIndex: ~Copyable {
    private var slots: UnsafeMutablePointer<UInt64>
    private var mask: Int
    private(set) var count = 0
    private let seed: UInt64

    init(reserving rows: Int, seed: UInt64) {
        var size = 64
        while size < rows * 2 { size *= 2 }
        unsafe slots = .allocate(capacity: size)
        unsafe slots.initialize(repeating: 0, count: size)
        mask = size - 1
        self.seed = seed
    }

    deinit { unsafe slots.deallocate() }

    @inline(__always) private func hash(_ high: UInt64, _ low: UInt64) -> UInt32 {
        let product = (high ^ seed).multipliedFullWidth(by: (low ^ 0x9e37_79b9_7f4a_7c15) | 1)
        return UInt32(truncatingIfNeeded: mixed(product.high ^ product.low))
    }

    /// Asks the cache for the place where a search for this key begins.
    @inline(__always) func expect(_ high: UInt64, _ low: UInt64) {
        unsafe gs_prefetch(slots + (Int(hash(high, low)) & mask))
    }

    /// The row for which `matches` says yes, among those whose half hash is this key's.
    @inline(__always)
    func find(_ high: UInt64, _ low: UInt64, where matches: (UInt32) -> Bool) -> UInt32? {
        let wanted = hash(high, low)
        var place = Int(wanted) & mask
        while true {
            let entry = unsafe slots[place]
            if entry == 0 { return nil }
            if UInt32(truncatingIfNeeded: entry >> 32) == wanted {
                let row = UInt32(truncatingIfNeeded: entry) - 1
                if matches(row) { return row }
            }
            place = (place + 1) & mask
        }
    }

    /// Adds a key that is not there.
    @inline(__always)
    mutating func insert(_ high: UInt64, _ low: UInt64, row: UInt32) {
        if (count + 1) * 4 > (mask + 1) * 3 { grow() }
        place(UInt64(hash(high, low)) << 32 | UInt64(row + 1))
        count += 1
    }

    private mutating func place(_ entry: UInt64) {
        var place = Int(entry >> 32) & mask
        while unsafe slots[place] != 0 { place = (place + 1) & mask }
        unsafe slots[place] = entry
    }

    private mutating func grow() {
        let old = unsafe slots
        let size = mask + 1
        unsafe slots = .allocate(capacity: size * 2)
        unsafe slots.initialize(repeating: 0, count: size * 2)
        mask = size * 2 - 1
        for index in 0..<size {
            let entry = unsafe old[index]
            if entry != 0 { place(entry) }
        }
        unsafe old.deallocate()
    }

    /// Takes a key out and closes the gap, so that no search ever meets a grave.
    mutating func remove(_ high: UInt64, _ low: UInt64, row: UInt32) {
        let wanted = UInt64(hash(high, low)) << 32 | UInt64(row + 1)
        var hole = Int(wanted >> 32) & mask
        while unsafe slots[hole] != wanted {
            guard unsafe slots[hole] != 0 else { return }
            hole = (hole + 1) & mask
        }
        var next = (hole + 1) & mask
        while unsafe slots[next] != 0 {
            let entry = unsafe slots[next]
            let home = Int(entry >> 32) & mask
            // The entry may move into the hole when its home does not lie after the hole.
            if (next - home) & mask >= (next - hole) & mask {
                unsafe slots[hole] = entry
                hole = next
            }
            next = (next + 1) & mask
        }
        unsafe slots[hole] = 0
        count -= 1
    }
}
