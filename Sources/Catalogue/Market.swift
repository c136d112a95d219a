/// Why a market takes no bets. A market is open iff none holds; each is lifted only by its owner.
@frozen public struct ShutReasons: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    @inlinable public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The supplier said so.
    public static let feed = ShutReasons(rawValue: 1 << 0)
    /// The supplier said nothing for too long.
    public static let stale = ShutReasons(rawValue: 1 << 1)
    /// A person at the desk said so.
    public static let trader = ShutReasons(rawValue: 1 << 2)
    /// What we would lose passed its threshold.
    public static let exposure = ShutReasons(rawValue: 1 << 3)
    /// The platform came back and has not yet seen a fresh image of the market.
    public static let recovery = ShutReasons(rawValue: 1 << 4)
    /// The market has a result.
    public static let result = ShutReasons(rawValue: 1 << 5)
    /// Bets that would be taken now are cancelled by a window that is in force.
    public static let cancelled = ShutReasons(rawValue: 1 << 6)

    public static let names: [(ShutReasons, String)] = [
        (.feed, "feed"), (.stale, "stale"), (.trader, "trader"), (.exposure, "exposure"),
        (.recovery, "recovery"), (.result, "result"), (.cancelled, "cancelled"),
    ]

    /// Stable words for the wire, in declaration order.
    public var words: [String] {
        Self.names.compactMap { contains($0.0) ? $0.1 : nil }
    }
}

/// Who changes a market, and therefore which reasons they may set and lift.
public enum MarketOwner: UInt8, CaseIterable, Sendable {
    case feed = 1
    case monitor = 2
    case trader = 3
    case risk = 4
    case settlement = 5

    public var reasons: ShutReasons {
        switch self {
        // A supplier's fresh image also proves that what recovery doubted is known again.
        case .feed: [.feed, .recovery]
        case .monitor: .stale
        case .trader: .trader
        case .risk: .exposure
        case .settlement: [.result, .cancelled]
        }
    }
}

extension ShutReasons {
    /// What holds after `owner` sets and lifts; reasons of other owners are left as they were.
    ///
    /// A market that a person made has no other supplier: whoever opens it by itself at the desk has looked, and proves
    /// what a fresh image proves of others; `isByHand` says both.
    public func changed(
        setting: ShutReasons, lifting: ShutReasons, by owner: MarketOwner, isByHand: Bool = false
    ) -> ShutReasons {
        let lifted = lifting.intersection(owner.reasons).subtracting(setting)
        let isLookedAt = isByHand && owner == .trader && lifted.contains(.trader)
        return union(setting.intersection(owner.reasons))
            .subtracting(isLookedAt ? lifted.union([.feed, .recovery, .stale]) : lifted)
    }
}

/// What became of a selection, as facts and not as money.
public enum SelectionResult: UInt8, CaseIterable, Sendable {
    case undecided = 0
    case won = 1
    case lost = 2
    case void = 3
    case halfWon = 4
    case halfLost = 5
    /// Won together with others; the share that counts as winning stands beside it.
    case deadHeat = 6

    public var word: String {
        switch self {
        case .undecided: "undecided"
        case .won: "won"
        case .lost: "lost"
        case .void: "void"
        case .halfWon: "half_won"
        case .halfLost: "half_lost"
        case .deadHeat: "dead_heat"
        }
    }
}

/// The kinds of market that the platform itself writes texts for; any other is shown by its name.
public enum MarketType: UInt8, Sendable {
    case other = 0
    case matchOdds = 1
    case overUnder = 2
    case bothTeamsToScore = 3
    case setWinner = 4
    case setBetting = 5
    case asianHandicap = 6
    case asianTotal = 7
}
