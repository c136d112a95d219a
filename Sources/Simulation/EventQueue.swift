/// What is to happen, in the order of its virtual time; what is due together comes in the order it was
/// said. A binary heap.
struct EventQueue<Event> {
    private struct Entry {
        let time: Int64
        let ordinal: UInt64
        let event: Event

        static func < (one: Entry, other: Entry) -> Bool {
            (one.time, one.ordinal) < (other.time, other.ordinal)
        }
    }

    private var heap: [Entry] = []
    private var ordinal: UInt64 = 0

    var isEmpty: Bool { heap.isEmpty }

    mutating func add(_ event: Event, at time: Int64) {
        ordinal += 1
        heap.append(Entry(time: time, ordinal: ordinal, event: event))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child] < heap[parent] else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func next() -> (time: Int64, event: Event)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [parent * 2 + 1, parent * 2 + 2]
                where child < heap.count && heap[child] < heap[least] {
                    least = child
                }
                if least == parent { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        return (first.time, first.event)
    }
}
