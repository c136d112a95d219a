/// What is to happen, in the order of its virtual time; what is due together comes in the order it was
/// said. A binary heap of plain keys; the events stay where they were put.
struct EventQueue<Event> {
    private struct Key {
        let time: Int64
        let ordinal: UInt64
        let slot: Int

        static func < (one: Key, other: Key) -> Bool {
            one.time == other.time ? one.ordinal < other.ordinal : one.time < other.time
        }
    }

    private var heap: [Key] = []
    private var events: [Event?] = []
    private var free: [Int] = []
    private var ordinal: UInt64 = 0

    var isEmpty: Bool { heap.isEmpty }

    mutating func add(_ event: Event, at time: Int64) {
        ordinal += 1
        let slot: Int
        if let used = free.popLast() {
            slot = used
            events[slot] = event
        } else {
            slot = events.count
            events.append(event)
        }
        heap.append(Key(time: time, ordinal: ordinal, slot: slot))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child] < heap[parent] else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func next() -> (time: Int64, event: Event)? {
        guard let first = heap.first, let event = events[first.slot] else { return nil }
        events[first.slot] = nil
        free.append(first.slot)
        let last = heap.removeLast()
        guard !heap.isEmpty else { return (first.time, event) }
        heap[0] = last
        var parent = 0
        while true {
            let left = parent * 2 + 1
            guard left < heap.count else { break }
            let right = left + 1
            let least = right < heap.count && heap[right] < heap[left] ? right : left
            guard heap[least] < heap[parent] else { break }
            heap.swapAt(parent, least)
            parent = least
        }
        return (first.time, event)
    }
}
