/// Whether what a producer says can be relied on, and what must be asked of it again.
///
/// A producer is up once everything that was missed has been sent and said to be complete. Times in milliseconds of
/// the supplier's clock.
public struct ProducerMonitor {
    public enum DownReason: String, Sendable {
        /// Nothing has been recovered yet.
        case never
        /// No `alive` for `silence`.
        case silent
        /// The supplier says that messages were missed.
        case unsubscribed
        /// Its messages come `lag` behind those of others.
        case behind
    }

    public enum State: Equatable, Sendable {
        case up
        case down(DownReason)
    }

    /// What must be asked for: everything that was said after `after`, or everything.
    public struct Recovery: Equatable, Sendable {
        public let product: Int
        public let after: Int64?
    }

    /// What became of the producers with a message.
    public struct Change: Equatable, Sendable {
        public var down: [Int] = []
        public var up: [Int] = []
        public var recoveries: [Recovery] = []
    }

    struct Producer {
        var state = State.down(.never)
        /// The newest `alive` while it was up: what came after it may be missing.
        var goodUntil: Int64?
        var heard: Int64
        var askedAt: Int64?
        /// It answers a recovery.
        var isRecovering = false
    }

    /// Without an `alive` for so long a producer is down.
    public static let silence: Int64 = 20_000
    /// A message so far behind the newest of all says that its producer cannot follow.
    public static let lag: Int64 = 20_000
    /// Between two requests for recovery of one producer.
    public static let pause: Int64 = 30_000
    /// A recovery that is not complete by then is asked for again.
    public static let longest: Int64 = 1_200_000

    private(set) var producers: [Int: Producer] = [:]
    private var newest: Int64 = 0

    public init() {}

    public func state(of product: Int) -> State? { producers[product]?.state }
    func isUp(_ product: Int) -> Bool { producers[product]?.state == .up }

    mutating func alive(_ product: Int, isSubscribed: Bool, at time: Int64) -> Change {
        // It speaks at this moment; whether it was silent before is looked at first.
        var change = pass(time)
        var producer = producers[product] ?? Producer(heard: time)
        producer.heard = max(producer.heard, time)
        if !isSubscribed {
            if producer.state == .up || producer.state == .down(.behind) {
                change.down.append(product)
            }
            // Whatever was on its way: more is missing by now.
            producer.state = .down(.unsubscribed)
            producer.isRecovering = false
        }
        if producer.state == .down(.behind), newest - time <= Self.lag {
            producer.state = .up
            change.up.append(product)
        }
        switch producer.state {
        case .up: producer.goodUntil = time
        case .down(.behind): break
        case .down:
            let isWaiting = producer.isRecovering && time - (producer.askedAt ?? 0) < Self.longest
            let isEarly = producer.askedAt.map { time - $0 < Self.pause } ?? false
            if !isWaiting, !isEarly {
                producer.askedAt = time
                producer.isRecovering = true
                change.recoveries.append(Recovery(product: product, after: producer.goodUntil))
            }
        }
        producers[product] = producer
        return change
    }

    /// Any other message of a producer; answers of a recovery may be as old as they like.
    mutating func heard(_ product: Int, at time: Int64, isRecovery: Bool) -> Change {
        var change = pass(isRecovery ? newest : time)
        guard var producer = producers[product], !isRecovery else { return change }
        let isBehind = newest - time > Self.lag
        if producer.state == .up, isBehind {
            producer.state = .down(.behind)
            change.down.append(product)
        } else if producer.state == .down(.behind), !isBehind {
            producer.state = .up
            change.up.append(product)
        }
        producers[product] = producer
        return change
    }

    mutating func complete(_ product: Int, at time: Int64) -> Change {
        var change = pass(time)
        guard var producer = producers[product], producer.isRecovering else { return change }
        producer.isRecovering = false
        if producer.state != .up {
            producer.state = .up
            producer.goodUntil = max(producer.heard, time)
            change.up.append(product)
        }
        producers[product] = producer
        return change
    }

    /// Time has come to `time`: who has said nothing for too long is down.
    private mutating func pass(_ time: Int64) -> Change {
        newest = max(newest, time)
        var change = Change()
        for (product, producer) in producers.sorted(by: { $0.key < $1.key })
        where newest - producer.heard > Self.silence {
            // What it was sending when it fell silent is not all of it.
            producers[product]?.isRecovering = false
            guard producer.state == .up || producer.state == .down(.behind) else { continue }
            producers[product]?.state = .down(.silent)
            change.down.append(product)
        }
        return change
    }
}
