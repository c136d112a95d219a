public import Kernel

/// How the legs of a bet belong together. Numbers are stable; those from 2 on come with their rules.
public enum BetStructure: UInt8, Sendable {
    /// One leg, or two to twenty that must all win.
    case accumulator = 1
    case system = 2
    case eachWay = 3
    case sameGame = 4
}

/// Whether the customer takes a price that moved after they saw it.
@frozen public enum PriceRule: UInt8, CaseIterable, Sendable {
    /// Only the price that was shown.
    case exact = 1
    /// That price or a longer one.
    case better = 2
    /// Any longer price, and a shorter one down to the tolerance.
    case any = 3

    public init?(name: String) {
        guard let rule = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = rule
    }

    public var name: String {
        switch self {
        case .exact: "exact"
        case .better: "better"
        case .any: "any"
        }
    }

    /// A tolerance that lets any shorter price pass.
    public static let anyTicks: UInt8 = .max

    /// Whether `now` may be taken by somebody who saw `shown`.
    ///
    /// `tolerance` is in rungs of `ladder` and counts only under `any`.
    public func accepts(shown: Odds, now: Odds, tolerance: UInt8, ladder: TickLadder) -> Bool {
        if now == shown { return true }
        switch self {
        case .exact: return false
        case .better: return planted(.shorterIsBetter) ? now < shown : now > shown
        case .any:
            if now > shown || tolerance == Self.anyTicks { return true }
            return ladder.ticks(from: now, to: shown) <= Int(tolerance)
        }
    }
}

/// Who decided about the price rule: it is on the customer to allow a move, never on us.
public enum PriceRuleSource: UInt8, Sendable {
    case standard = 1
    case customer = 2
}

/// Where a leg's price comes from when the bet is settled.
public enum PriceKind: UInt8, Sendable {
    case fixed = 1
    case starting = 2
    case antePost = 3
}

/// Where a bet stands.
public enum BetStatus: UInt8, CaseIterable, Sendable {
    /// Held, waiting for its in-play delay.
    case pending = 1
    case open = 2
    case refused = 3
    case settled = 4
    /// Sold back whole; no result changes that.
    case cashedOut = 5

    public var word: String {
        switch self {
        case .pending: "pending"
        case .open: "open"
        case .refused: "refused"
        case .settled: "settled"
        case .cashedOut: "cashed_out"
        }
    }
}

/// What becomes of a stake that is higher than may be taken. Numbers are stable.
public enum FillRule: UInt8, CaseIterable, Sendable {
    /// It is refused.
    case reject = 0
    /// As much of it is taken as may be.
    case cap = 1
    /// The highest stake is taken, and not less than what is asked for.
    case maximum = 2

    public var word: String {
        switch self {
        case .reject: "reject"
        case .cap: "cap"
        case .maximum: "maximum"
        }
    }
}
