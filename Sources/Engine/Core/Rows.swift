import Kernel

/// A growing table of rows in chunks of 64 KiB, so that growth never moves a row and a snapshot can
/// take one chunk at a time.
///
/// Bound: `capacity` rows; `append` answers nil when full. Rows are never freed singly.
@safe struct Rows<Row: BitwiseCopyable>: ~Copyable {
    private let chunks: UnsafeMutablePointer<UnsafeMutablePointer<Row>?>
    private let shift: Int
    private let mask: Int
    let capacity: Int
    private(set) var count = 0
    private var chunkCount = 0

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
            return unsafe chunks[Int(number) >> shift].unsafelyUnwrapped + (Int(number) & mask)
        }
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
