import Betting
import Kernel

/// The ids that clients used lately, oldest first, in a ring.
///
/// Bound: `capacity`; the caller looks before it appends.
@safe struct IDWindow: ~Copyable {
    private var rows: Rows<IDRow>
    private var factRows: Rows<FactRow>
    private var freeFacts: UInt32 = .max
    private var index: KeyIndex
    let capacity: Int
    /// Absolute counts: the ring's place is the count modulo its size.
    private var head: UInt64 = 0
    private var tail: UInt64 = 0

    init(capacity: Int, reserving: Int, seed: UInt64) {
        rows = Rows(capacity: capacity)
        factRows = Rows(capacity: capacity)
        index = KeyIndex(reserving: reserving, seed: seed &+ 1)
        self.capacity = capacity
    }

    mutating func reserve(_ ids: Int) { rows.reserve(ids) }

    var count: Int { Int(tail - head) }
    var isFull: Bool { count == capacity }

    private func place(_ position: UInt64) -> UInt32 { UInt32(position % UInt64(capacity)) }

    @inline(__always)
    private static func folded(_ account: UInt32, _ high: UInt64) -> UInt64 {
        high ^ UInt64(account) &* 0x9e37_79b9_7f4a_7c15
    }

    @inline(__always)
    func find(_ id: ExternalID, account: UInt32) -> IDRow? {
        let row = index.find(Self.folded(account, id.high), id.low) {
            rows[$0].high == id.high && rows[$0].low == id.low && rows[$0].account == account
        }
        return row.map { rows[$0] }
    }

    @discardableResult
    mutating func append(_ row: IDRow, refusal: Refusal?, facts: RefusalFacts?) -> IDRow {
        precondition(!isFull, "the window was looked at before")
        var stored = row
        if let refusal, let facts {
            stored.refusal = refusal.rawValue
            stored.facts = store(facts)
        }
        let number = place(tail)
        if Int(number) == rows.count {
            let appended = rows.append(stored)
            precondition(appended == number, "the ring grows in order")
        } else {
            rows[number] = stored
        }
        tail += 1
        index.insert(Self.folded(row.account, row.high), row.low, row: number)
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
        guard row.facts != .max else { return RefusalFacts() }
        let facts = factRows[row.facts]
        return RefusalFacts(leg: facts.leg, value: facts.value, threshold: facts.threshold)
    }

    /// Ids are in the order of their sequence, so the row is found by halving.
    mutating func conclude(_ sequence: UInt64, refusal: Refusal, facts: RefusalFacts)
        -> (IDRow, IDRow)?
    {
        var low = head
        var high = tail
        while low < high {
            let middle = low + (high - low) / 2
            if rows[place(middle)].sequence < sequence { low = middle + 1 } else { high = middle }
        }
        guard low < tail, rows[place(low)].sequence == sequence else { return nil }
        let number = place(low)
        let before = rows[number]
        rows[number].refusal = refusal.rawValue
        rows[number].facts = store(facts)
        return (before, rows[number])
    }

    func canPop(now: Timestamp, projected: UInt64) -> Bool {
        guard head < tail else { return false }
        let row = rows[place(head)]
        let window = planted(.idForgottenEarly) ? 1000 : Limits.idWindow
        return row.validUntil + window * 1_000_000 < now.nanoseconds
            && row.sequence < projected
    }

    /// The oldest id, if its window has passed and the projection has its answer.
    mutating func popFirst(now: Timestamp, projected: UInt64) -> (IDRow, RefusalFacts)? {
        guard canPop(now: now, projected: projected) else { return nil }
        let number = place(head)
        let row = rows[number]
        let facts = facts(of: row)
        index.remove(Self.folded(row.account, row.high), row.low, row: number)
        if row.facts != .max {
            factRows[row.facts].next = freeFacts
            freeFacts = row.facts
        }
        head += 1
        return (row, facts)
    }

    func forEach(_ body: (IDRow, RefusalFacts) -> Void) {
        var position = head
        while position < tail {
            let row = rows[place(position)]
            body(row, facts(of: row))
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
