import Kernel
import NetworkCodecs
import NetworkLoops

/// Where a stream stands: positions of one journal mean nothing in another's.
struct StreamPosition: Equatable {
    let epoch: String
    /// Everything up to this record was said.
    let order: UInt64

    init(epoch: String, order: UInt64) {
        self.epoch = epoch
        self.order = order
    }

    /// As an event's id: `019aa3c1-4711`.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 8, let order = UInt64(parts[1]) else {
            return nil
        }
        self.init(epoch: String(parts[0]), order: order)
    }

    var text: String { "\(epoch)-\(order)" }
}

/// A message for many: written once, and put into each way of sending it at most once.
final class SharedMessage {
    /// JSON.
    let text: [UInt8]
    let position: StreamPosition
    /// Whether it is one customer's own.
    let isOwn: Bool
    private(set) lazy var frame = Self.frame(text)
    private(set) lazy var event = ServerSentEvent(text, id: position.text)
    private(set) lazy var eventWithoutID = ServerSentEvent(text, id: nil)
    private var compressed: [UInt8]??

    init(_ text: [UInt8], at position: StreamPosition, isOwn: Bool = false) {
        self.text = text
        self.position = position
        self.isOwn = isOwn
    }

    /// That the line lives; everything up to `place` was said.
    static func heartbeat(at place: StreamPosition, _ time: Timestamp) -> SharedMessage {
        SharedMessage(Messages.heartbeat(place.epoch, place.order, time), at: place)
    }

    private static func frame(_ text: [UInt8]) -> [UInt8] {
        WebSocketEncoder.frame(.text, text.span)
    }

    /// As a compressed frame (RFC 7692), which anybody can read who takes part in no context; nil when that
    /// would save nothing.
    func compressedFrame(_ deflate: MessageDeflater) -> [UInt8]? {
        if let compressed { return compressed }
        let made = deflate.frame(text)
        compressed = made
        return made
    }
}

@available(*, unavailable)
extension SharedMessage: Sendable {}

/// A message on its way to one client, and what it is about.
struct TopicMessage {
    let topic: Topic
    let message: SharedMessage

    var order: UInt64 { message.position.order }

    /// Both in their order; of one order the first list's first.
    static func merged(_ one: [TopicMessage], _ other: [TopicMessage]) -> [TopicMessage] {
        var all: [TopicMessage] = []
        all.reserveCapacity(one.count + other.count)
        var (left, right) = (one[...], other[...])
        while let first = left.first, let second = right.first {
            all.append(first.order <= second.order ? left.removeFirst() : right.removeFirst())
        }
        return all + left + right
    }
}

/// An event as `EventSource` reads it (HTML, 9.2), in a chunk of its own (RFC 9112, 7.1).
struct ServerSentEvent {
    let chunk: [UInt8]
    /// Where the event itself lies in the chunk.
    let plain: Range<Int>

    /// `text` has no line breaks, as no JSON of ours has. Without an id a client's place stays where it was.
    init(_ text: [UInt8], id: String?) {
        var event: [UInt8] = []
        event.reserveCapacity(text.count + 48)
        if let id { event += Array("id: \(id)\n".utf8) }
        event += Array("data: ".utf8)
        event += text
        event += [0x0a, 0x0a]
        var chunk = Array(String(event.count, radix: 16).utf8)
        chunk += [0x0d, 0x0a]
        let start = chunk.count
        chunk += event
        plain = start..<chunk.count
        chunk += [0x0d, 0x0a]
        self.chunk = chunk
    }
}
