import Betting
import Kernel

/// The ids that clients used lately, oldest first, in a ring.
///
/// Bound: `capacity`; the caller looks before it appends.
@safe struct IDWindow: ~Copyable {
    var rows: RowRing<IDRow>
    var factRows: Rows<FactRow>
    private(set) var freeFacts: UInt32 = .max
    private var index: KeyIndex
    private let seed: UInt64

    init(capacity: Int, reserving: Int, seed: UInt64) {
        rows = RowRing(capacity: capacity)
        factRows = Rows(capacity: capacity)
        index = KeyIndex(reserving: reserving, seed: seed &+ 1)
        self.seed = seed
    }

    var capacity: Int { rows.capacity }
    var count: Int { rows.count }
    var isFull: Bool { rows.isFull }
    var oldestSequence: UInt64? { count > 0 ? rows[rows.head].sequence : nil }

    /// What the index keeps of a position: no two that are here at once have the same.
    private static func short(_ position: UInt64) -> UInt32 { UInt32(position & 0x7fff_ffff) }

    private func position(_ short: UInt32) -> UInt64 {
        rows.head + UInt64((short &- Self.short(rows.head)) & 0x7fff_ffff)
    }

    @inline(__always)
    private static func folded(_ account: UInt32, _ high: UInt64) -> UInt64 {
        high ^ UInt64(account) &* 0x9e37_79b9_7f4a_7c15
    }

    @inline(__always)
    func expect(_ id: ExternalID, account: UInt32) {
        index.expect(Self.folded(account, id.high), id.low)
    }

    @inline(__always)
    func find(_ id: ExternalID, account: UInt32) -> IDRow? {
        let found = index.find(Self.folded(account, id.high), id.low) {
            let place = position($0)
            return rows[place].high == id.high && rows[place].low == id.low
                && rows[place].account == account
        }
        return found.map { rows[position($0)] }
    }

    @discardableResult
    mutating func append(_ row: IDRow, refusal: Refusal?, facts: RefusalFacts?) -> IDRow {
        precondition(!isFull, "the window was looked at before")
        var stored = row
        stored.refusal = refusal?.rawValue ?? 0
        if let facts { stored.facts = store(facts) }
        let position = rows.append(stored)
        index.insert(Self.folded(row.account, row.high), row.low, row: Self.short(position))
        return stored
    }

    private mutating func store(_ facts: RefusalFacts) -> UInt32 {
        let row = FactRow(value: facts.value, threshold: facts.threshold, leg: facts.leg)
        guard freeFacts != .max else { return factRows.append(row) ?? .max }
        let number = freeFacts
        freeFacts = factRows[number].next
        factRows[number] = row
        return number
    }

    func facts(of row: IDRow) -> RefusalFacts {
        // Rows of a snapshot are looked at before anybody knows that they fit together.
        guard row.facts < factRows.count else { return RefusalFacts() }
        let facts = factRows[row.facts]
        return RefusalFacts(leg: facts.leg, value: facts.value, threshold: facts.threshold)
    }

    /// The id that this intent came with, if it is still known.
    func row(of sequence: UInt64) -> IDRow? { position(of: sequence).map { rows[$0] } }

    /// Ids are in the order of their sequence, so the row is found by halving.
    private func position(of sequence: UInt64) -> UInt64? {
        var low = rows.head
        var high = rows.tail
        while low < high {
            let middle = low + (high - low) / 2
            if rows[middle].sequence < sequence { low = middle + 1 } else { high = middle }
        }
        return low < rows.tail && rows[low].sequence == sequence ? low : nil
    }

    /// What was remembered and with what, before and after.
    mutating func conclude(_ sequence: UInt64, refusal: Refusal?, facts: RefusalFacts)
        -> (before: (IDRow, RefusalFacts), after: IDRow)?
    {
        guard let low = position(of: sequence) else { return nil }
        let before = rows[low]
        let known = self.facts(of: before)
        rows[low].refusal = refusal?.rawValue ?? 0
        if before.facts == .max {
            rows[low].facts = store(facts)
        } else {
            factRows[before.facts].value = facts.value
            factRows[before.facts].threshold = facts.threshold
            factRows[before.facts].leg = facts.leg
        }
        return ((before, known), rows[low])
    }

    /// `window` in milliseconds.
    func canPop(now: Timestamp, projected: UInt64, window: Int64) -> Bool {
        guard count > 0 else { return false }
        let row = rows[rows.head]
        let kept = planted(.idForgottenEarly) ? 1000 : window
        return row.validUntil + kept * 1_000_000 < now.nanoseconds
            && row.sequence < projected
    }

    /// The oldest id, if its window has passed and the projection has its answer.
    mutating func popFirst(now: Timestamp, projected: UInt64, window: Int64) -> (
        IDRow, RefusalFacts
    )? {
        guard canPop(now: now, projected: projected, window: window) else { return nil }
        let head = rows.head
        let row = rows[head]
        let facts = facts(of: row)
        index.remove(Self.folded(row.account, row.high), row.low, row: Self.short(head))
        if row.facts != .max {
            factRows[row.facts].next = freeFacts
            freeFacts = row.facts
        }
        rows.removeFirst()
        return (row, facts)
    }

    func forEach(_ body: (IDRow, RefusalFacts) -> Void) {
        var position = rows.head
        while position < rows.tail {
            let row = rows[position]
            body(row, facts(of: row))
            position += 1
        }
    }

    /// After the rows were loaded: the index, and where free facts begin.
    mutating func rebuild(freeFacts: UInt32) {
        self.freeFacts = freeFacts
        index = KeyIndex(reserving: count, seed: seed &+ 1)
        var position = rows.head
        while position < rows.tail {
            index.insert(
                Self.folded(rows[position].account, rows[position].high), rows[position].low,
                row: Self.short(position))
            position += 1
        }
    }
}

/// Bets that wait for their delay, soonest first; bets due together come in the order they were taken.
///
/// A binary heap. Bound: `capacity` entries.
struct DueQueue: ~Copyable {
    struct Entry: BitwiseCopyable {
        let dueAt: Int64
        let bet: UInt32

        static func < (one: Entry, other: Entry) -> Bool {
            (one.dueAt, one.bet) < (other.dueAt, other.bet)
        }
    }

    private var heap: Rows<Entry>
    private var size: UInt32 = 0
    let capacity: Int

    init(capacity: Int) {
        heap = Rows(capacity: capacity)
        self.capacity = capacity
    }

    var first: Entry? { size > 0 ? heap[0] : nil }
    var isFull: Bool { Int(size) == capacity }

    mutating func insert(_ entry: Entry) {
        if Int(size) == heap.count {
            let appended = heap.append(entry)
            precondition(appended != nil, "the queue was looked at before")
        } else {
            heap[size] = entry
        }
        size += 1
        var child = size - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child] < heap[parent] else { break }
            swap(child, parent)
            child = parent
        }
    }

    mutating func pop(dueBy now: Int64) -> UInt32? {
        guard size > 0, heap[0].dueAt <= now else { return nil }
        let bet = heap[0].bet
        size -= 1
        heap[0] = heap[size]
        var parent: UInt32 = 0
        while true {
            var least = parent
            for child in [parent * 2 + 1, parent * 2 + 2]
            where child < size && heap[child] < heap[least] {
                least = child
            }
            if least == parent { break }
            swap(parent, least)
            parent = least
        }
        return bet
    }

    private mutating func swap(_ one: UInt32, _ other: UInt32) {
        let kept = heap[one]
        heap[one] = heap[other]
        heap[other] = kept
    }
}
