/// The newest messages of one topic, for clients that come back.
///
/// Bounds: `limit` messages, `lifetime` milliseconds.
struct TopicHistory {
    static let limit = 10_000
    static let lifetime: UInt64 = 300_000

    private struct Entry {
        let sequence: UInt64
        let time: UInt64
        let message: SharedMessage
    }

    private var entries: [Entry] = []
    private var first = 0
    /// The order of the newest message that is not here any more.
    private(set) var forgotten: UInt64

    /// `forgotten`: what was before is not here.
    init(forgotten: UInt64) { self.forgotten = forgotten }

    var isEmpty: Bool { entries.count == first }

    mutating func append(sequence: UInt64, _ message: SharedMessage, now: UInt64) {
        entries.append(Entry(sequence: sequence, time: now, message: message))
        if entries.count - first > Self.limit { forgetFirst() }
        compact()
    }

    mutating func prune(now: UInt64) {
        while first < entries.count, entries[first].time + Self.lifetime < now { forgetFirst() }
        compact()
    }

    private mutating func forgetFirst() {
        forgotten = entries[first].message.position.order
        first += 1
    }

    private mutating func compact() {
        if first > 256, first * 2 > entries.count {
            entries.removeFirst(first)
            first = 0
        }
    }

    /// All after `sequence`, when none of them is missing; they are dense.
    func after(sequence: UInt64) -> [SharedMessage]? {
        let kept = entries[first...]
        guard let start = kept.firstIndex(where: { $0.sequence > sequence }),
            entries[start].sequence == sequence + 1
        else { return nil }
        return kept[start...].map(\.message)
    }

    /// All after `order`, when none of them is missing.
    func after(order: UInt64) -> [SharedMessage]? {
        guard order >= forgotten else { return nil }
        let kept = entries[first...]
        let start = kept.firstIndex { $0.message.position.order > order } ?? entries.count
        return kept[start...].map(\.message)
    }
}
