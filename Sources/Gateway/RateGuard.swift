import Kernel
public import NetworkCodecs
import NetworkLoops

/// How often a user may ask, over every connection and protocol.
public struct RateGuard: Sendable {
    private let accounts: RateTable?
    private let strangers: RateTable?

    /// nil: as often as it likes. Strangers have a table of their own: however many there are, no account shares
    /// a rate with them.
    public init(_ rule: RateRule?) {
        accounts = rule.map { RateTable($0) }
        strangers = rule.map { RateTable($0) }
    }

    /// What to say about it in every answer, or a problem when it is too often.
    func check(_ user: RateKey?, _ peer: String, now: UInt64, isFirst: Bool)
        throws(Problem) -> [(String, String)]
    {
        guard let (rule, decision) = try ask(user, peer, now: now, isFirst: isFirst) else {
            return []
        }
        return Self.fields(rule, decision, isFirst)
    }

    /// Counts one asking, or throws a problem when it is too often; nil where nothing is counted.
    ///
    /// Strangers count by their address; on loopback, where a proxy may stand for all of them, they do not.
    @discardableResult
    func ask(_ user: RateKey?, _ peer: String, now: UInt64, isFirst: Bool)
        throws(Problem) -> (RateRule, RateDecision)?
    {
        guard let table = user == nil ? strangers : accounts,
            let key = user ?? Self.stranger(peer)
        else { return nil }
        let decision = table.ask(key, at: Int64(now) * 1_000_000, isFirst: isFirst)
        guard !decision.isAllowed else { return (table.rule, decision) }
        var problem = Problem(429, "rate_limited", "Too many requests. Wait a moment.")
        problem.fields =
            Self.fields(table.rule, decision, isFirst)
            + [("retry-after", String(Self.seconds(decision.retryAfter)))]
        throw problem
    }

    private static func stranger(_ peer: String) -> RateKey? {
        isLoopback(peer) ? nil : .address(AddressBlock.of(peer))
    }

    /// Whole seconds, rounded up: asking sooner would be refused again.
    private static func seconds(_ nanoseconds: Int64) -> Int64 {
        max(1, (nanoseconds + 999_999_999) / 1_000_000_000)
    }

    /// draft-ietf-httpapi-ratelimit-headers: the policy, and what is left of it.
    /// What comes first has a policy of its own name: more of the same burst is left to it.
    private static func fields(_ rule: RateRule, _ decision: RateDecision, _ isFirst: Bool)
        -> [(String, String)]
    {
        let name = isFirst ? "first" : "user"
        let window = max(1, (rule.burst + rule.perSecond - 1) / rule.perSecond)
        let reset = decision.isAllowed ? decision.resetAfter : decision.retryAfter
        return [
            ("ratelimit-policy", "\"\(name)\";q=\(rule.burst);w=\(window)"),
            ("ratelimit", "\"\(name)\";r=\(decision.remaining);t=\(seconds(reset))"),
        ]
    }
}
