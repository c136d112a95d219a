import Kernel

/// The newest messages of one topic, for clients that come back.
struct TopicHistory {
    private struct Entry {
        let sequence: UInt64
        let message: SharedMessage
    }

    private var entries: [Entry] = []
    private var first = 0
    /// The order of the newest message that is not here any more.
    private(set) var forgotten: UInt64
    /// Messages that are not here any more.
    private(set) var gone: UInt64 = 0

    /// `forgotten`: what was before is not here.
    init(forgotten: UInt64) { self.forgotten = forgotten }

    var isEmpty: Bool { entries.count == first }
    /// The number of the message that comes next, counted from the first.
    var next: UInt64 { gone + UInt64(entries.count - first) }

    mutating func append(sequence: UInt64, _ message: SharedMessage) {
        entries.append(Entry(sequence: sequence, message: message))
    }

    mutating func forgetFirst() {
        forgotten = entries[first].message.position.order
        first += 1
        gone += 1
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

/// What every market said lately, on one loop.
///
/// Bounds: `lifetime` milliseconds, `bytes` of texts in all; the oldest message goes first, whichever market's.
struct MarketHistories {
    static let lifetime: UInt64 = 300_000
    static let bytes = 67_108_864

    private struct Line {
        let market: MarketID
        /// Which of the market's messages it is.
        let number: UInt64
        /// Which of the market's histories: one that was dropped is another one.
        let serial: UInt64
        let time: UInt64
        let bytes: Int
    }

    private var histories: [MarketID: (serial: UInt64, history: TopicHistory)] = [:]
    /// All messages in the order of their coming.
    private var lines: [Line] = []
    private var first = 0
    private var serials: UInt64 = 0
    private(set) var held = 0

    subscript(market: MarketID) -> TopicHistory? { histories[market]?.history }

    /// `before`: the order up to which nothing of this market is here.
    mutating func append(
        _ market: MarketID, sequence: UInt64, _ message: SharedMessage, before: UInt64, now: UInt64
    ) {
        if histories[market] == nil {
            serials += 1
            histories[market] = (serials, TopicHistory(forgotten: before))
        }
        let number = histories[market]!.history.next
        lines.append(
            Line(
                market: market, number: number, serial: histories[market]!.serial, time: now,
                bytes: message.text.count))
        held += message.text.count
        histories[market]!.history.append(sequence: sequence, message)
        prune(now: now)
    }

    mutating func drop(_ market: MarketID) { histories[market] = nil }
    mutating func dropAll() { histories = [:] }

    mutating func prune(now: UInt64) {
        while first < lines.count,
            held > Self.bytes || lines[first].time + Self.lifetime < now
        {
            let line = lines[first]
            first += 1
            held -= line.bytes
            guard let known = histories[line.market], known.serial == line.serial,
                known.history.gone == line.number
            else { continue }
            histories[line.market]!.history.forgetFirst()
            if histories[line.market]!.history.isEmpty { histories[line.market] = nil }
        }
        if first > 4096, first * 2 > lines.count {
            lines.removeFirst(first)
            first = 0
        }
    }
}
