import Kernel

/// Rows of bets by the sequences that made them, which come in order: sixteen that follow each other share a line of the cache,
/// so that adding one hardly ever waits for memory; lines are scattered, so that what stays long is in nobody's way.
///
/// The rows keep the sequences themselves, and those that are in it still have theirs. Four bytes a place, of which at most five in eight are taken.
@safe struct SequenceIndex: ~Copyable {
    private var slots: UnsafeMutablePointer<UInt32>
    private var mask: Int
    private(set) var count = 0
    private let seed: UInt64

    private static var line: UInt64 { 16 }
    /// Where a line is taken, its bets go to the next one together, each one place further on in it: in steps of 17 every
    /// place is come by.
    private static var step: Int { 17 }
    /// What undoes a multiplication by it, whatever power of two the places are counted in.
    private static var inverse: Int { Int(bitPattern: 0xf0f0_f0f0_f0f0_f0f1) }
    /// Steps from one place to another.
    @inline(__always) private func steps(_ from: Int, _ to: Int) -> Int {
        ((to &- from) &* Self.inverse) & mask
    }

    init(reserving rows: Int, seed: UInt64) {
        var size = 64
        while size * 5 < rows * 8 { size *= 2 }
        unsafe slots = .allocate(capacity: size)
        unsafe slots.initialize(repeating: 0, count: size)
        mask = size - 1
        self.seed = seed
    }

    deinit { unsafe slots.deallocate() }

    /// A bet's record and its answer take two sequences.
    @inline(__always) private func home(_ sequence: UInt64) -> Int {
        let place = sequence >> 1
        let scattered = mixed(place / Self.line ^ seed) &* Self.line
        return Int(truncatingIfNeeded: scattered | place & (Self.line - 1)) & mask
    }

    /// The row of this sequence.
    @inline(__always)
    func find(_ sequence: UInt64, in bets: borrowing Rows<BetRow>) -> UInt32? {
        var place = home(sequence)
        while true {
            let entry = unsafe slots[place]
            if entry == 0 { return nil }
            if bets[entry - 1].sequence == sequence { return entry - 1 }
            place = (place + Self.step) & mask
        }
    }

    /// Adds a row that is not there.
    @inline(__always)
    mutating func insert(_ sequence: UInt64, row: UInt32, in bets: borrowing Rows<BetRow>) {
        if (count + 1) * 8 > (mask + 1) * 5 { grow(bets) }
        put(row + 1, at: home(sequence))
        count += 1
    }

    @inline(__always) private mutating func put(_ entry: UInt32, at home: Int) {
        var place = home
        while unsafe slots[place] != 0 { place = (place + Self.step) & mask }
        unsafe slots[place] = entry
    }

    @inline(never) private mutating func grow(_ bets: borrowing Rows<BetRow>) {
        let old = unsafe slots
        let size = mask + 1
        unsafe slots = .allocate(capacity: size * 2)
        unsafe slots.initialize(repeating: 0, count: size * 2)
        mask = size * 2 - 1
        for index in 0..<size {
            let entry = unsafe old[index]
            if entry != 0 { put(entry, at: home(bets[entry - 1].sequence)) }
        }
        unsafe old.deallocate()
    }

    /// Takes a row out and closes the gap, so that no search ever meets a grave.
    mutating func remove(_ sequence: UInt64, row: UInt32, in bets: borrowing Rows<BetRow>) {
        var hole = home(sequence)
        while unsafe slots[hole] != row + 1 {
            guard unsafe slots[hole] != 0 else { return }
            hole = (hole + Self.step) & mask
        }
        var next = (hole + Self.step) & mask
        while unsafe slots[next] != 0 {
            let entry = unsafe slots[next]
            let wanted = home(bets[entry - 1].sequence)
            // The entry may move into the hole when its home does not lie after the hole.
            if steps(wanted, next) >= steps(hole, next) {
                unsafe slots[hole] = entry
                hole = next
            }
            next = (next + Self.step) & mask
        }
        unsafe slots[hole] = 0
        count -= 1
    }
}
