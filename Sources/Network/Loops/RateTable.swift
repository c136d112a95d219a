public import NetworkCodecs
import Synchronization

/// Who is counted: a user on all of its connections, or an address that nobody has signed in from.
public enum RateKey: Hashable, Sendable {
    case account(UInt64)
    case person(UInt64)
    case address(String)
}

/// What everybody has asked lately, over all loops.
///
/// Bound: `capacity` users; who comes when it is full shares one rate with everybody else that did.
public final class RateTable: Sendable {
    public let rule: RateRule
    private let shards: [Shard]
    private let perShard: Int

    private final class Shard: Sendable {
        struct Users {
            var known: [RateKey: RateState] = [:]
            var crowd = RateState()
            var refused: UInt64 = 0
            /// When those that are over were last let go.
            var swept = Int64.min / 2

            /// Somebody whom nobody knows yet, or not any more.
            mutating func meet(
                _ key: RateKey, at now: Int64, _ rule: RateRule, isFirst: Bool, most: Int
            ) -> RateDecision {
                if known.count >= most, now - swept >= RateTable.sweep {
                    swept = now
                    known = known.filter { !$0.value.isOver(at: now) }
                }
                guard known.count < most else { return crowd.ask(at: now, rule, isFirst: isFirst) }
                return known[key, default: RateState()].ask(at: now, rule, isFirst: isFirst)
            }
        }
        let users = Mutex(Users())
    }

    public init(_ rule: RateRule, capacity: Int = 65_536) {
        self.rule = rule
        shards = (0..<16).map { _ in Shard() }
        perShard = max(1, capacity / 16)
    }

    /// `now` in nanoseconds of a clock that never steps. `isFirst`: what may use the whole burst, such as a bet.
    public func ask(_ key: RateKey, at now: Int64, isFirst: Bool) -> RateDecision {
        let shard = shards[Int(UInt(bitPattern: key.hashValue) % UInt(shards.count))]
        return shard.users.withLock { users in
            let decision =
                if let place = users.known.index(forKey: key) {
                    users.known.values[place].ask(at: now, rule, isFirst: isFirst)
                } else {
                    users.meet(key, at: now, rule, isFirst: isFirst, most: perShard)
                }
            if !decision.isAllowed { users.refused += 1 }
            return decision
        }
    }

    /// Nanoseconds between two looks at who may be forgotten.
    fileprivate static var sweep: Int64 { 250_000_000 }

    /// Requests that were turned away.
    public var refused: UInt64 {
        shards.reduce(0) { sum, shard in sum + shard.users.withLock { $0.refused } }
    }
}
