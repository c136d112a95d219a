import Kernel

/// Markets that were settled and are offered no more: what it takes to hand on what their supplier says of them for as
/// long as the engine corrects it.
struct SettledMarkets {
    struct Market {
        let fixture: String
        let selections: UInt8
        let winners: UInt8
        let isDeducted: Bool
        let resultTime: Int64
        /// When it was settled here, milliseconds of UTC.
        let settledAt: Int64
    }

    /// Markets that are known; of more the oldest are forgotten, in steps.
    static let most = 1_048_576
    /// Milliseconds that one is known: as long as its result may be corrected.
    static let kept = Limits.correctionWindow

    private var markets: [String: Market] = [:]
    /// Oldest first; one that came back and was settled again stands there once more, with its new time.
    private var order: [(name: String, at: Int64)] = []
    private var head = 0

    var count: Int { markets.count }

    mutating func put(_ name: String, _ market: Market) {
        markets[name] = market
        order.append((name, market.settledAt))
        while head < order.count,
            order[head].at < market.settledAt - Self.kept || markets.count > Self.most
        {
            let (name, at) = order[head]
            if markets[name]?.settledAt == at { markets[name] = nil }
            head += 1
        }
        if head > order.count / 2 {
            order.removeFirst(head)
            head = 0
        }
    }

    mutating func take(_ name: String) -> Market? { markets.removeValue(forKey: name) }
}
