/// How often one user may ask: so many a second, and so many at once.
public struct RateRule: Hashable, Sendable {
    /// Requests a second, in the long run.
    public let perSecond: Int
    /// Requests that may come at once, after a pause.
    public let burst: Int
    /// Of the burst, so many are left to what comes first (bets) by everything else.
    public let reserved: Int

    /// - Precondition: `perSecond` 1 to 1,000,000, `burst` 1 to 1,000,000, `reserved` below `burst`.
    public init(perSecond: Int = 100, burst: Int = 200, reserved: Int = 50) {
        precondition((1...1_000_000).contains(perSecond), "a rate that nanoseconds can hold")
        precondition((1...1_000_000).contains(burst) && reserved < burst, "a burst with a rest")
        self.perSecond = perSecond
        self.burst = burst
        self.reserved = max(0, reserved)
    }

    /// Nanoseconds that one request takes of the rate.
    public var interval: Int64 { 1_000_000_000 / Int64(perSecond) }
}

/// What was decided about one request.
public struct RateDecision: Hashable, Sendable {
    public let isAllowed: Bool
    /// Requests that could still come at once.
    public let remaining: Int
    /// Nanoseconds until the next is allowed; 0 when one is.
    public let retryAfter: Int64
    /// Nanoseconds until the whole burst is there again.
    public let resetAfter: Int64
}

/// The generic cell rate algorithm, in the form that keeps one time for each user: when everything that was
/// asked so far would have been due. Source: ITU-T I.371, virtual scheduling.
public struct RateState: Hashable, Sendable {
    /// Nanoseconds, of a clock that never steps.
    private var due: Int64 = .min

    public init() {}

    /// Whether nothing is remembered any more: as good as no state at all.
    public func isOver(at now: Int64) -> Bool { due <= now }

    /// `isFirst`: of the class that may use the whole burst.
    public mutating func ask(at now: Int64, _ rule: RateRule, isFirst: Bool) -> RateDecision {
        let interval = rule.interval
        let most = interval * Int64(isFirst ? rule.burst : rule.burst - rule.reserved)
        let next = max(due, now) + interval
        guard next - now <= most else {
            return RateDecision(
                isAllowed: false, remaining: 0, retryAfter: next - now - most,
                resetAfter: max(0, due - now))
        }
        due = next
        return RateDecision(
            isAllowed: true, remaining: Int((most - (next - now)) / interval), retryAfter: 0,
            resetAfter: next - now)
    }
}

/// What one household or machine has of addresses.
public enum AddressBlock {
    /// An IPv4 address itself; of an IPv6 address the first 64 bits, since whoever has one has all of those.
    public static func of(_ address: String) -> String {
        guard address.contains(":") else { return address }
        let halves = address.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
        let front = halves[0].split(separator: ":").map(String.init)
        if halves.count == 1 { return front.prefix(4).joined(separator: ":") + "::/64" }
        let back = halves[1].split(separator: ":").map(String.init)
        let zeros = [String](repeating: "0", count: max(0, 8 - front.count - back.count))
        return (front + zeros + back).prefix(4).joined(separator: ":") + "::/64"
    }
}
