/// Where a fixture stands. Source: domain rules, event states of the big suppliers.
public enum FixtureStatus: UInt8, CaseIterable, Sendable {
    case notStarted = 0
    case live = 1
    case suspended = 2
    case ended = 3
    case closed = 4
    case cancelled = 5
    case delayed = 6
    case interrupted = 7
    case postponed = 8
    case abandoned = 9

    public var word: String {
        switch self {
        case .notStarted: "not_started"
        case .live: "live"
        case .suspended: "suspended"
        case .ended: "ended"
        case .closed: "closed"
        case .cancelled: "cancelled"
        case .delayed: "delayed"
        case .interrupted: "interrupted"
        case .postponed: "postponed"
        case .abandoned: "abandoned"
        }
    }
}

public enum Sport: UInt8, CaseIterable, Sendable {
    case other = 0
    case football = 1
    case tennis = 2
    case cricket = 4
    case horseRacing = 7
    case basketball = 8
    case greyhounds = 9

    public var word: String {
        switch self {
        case .other: "other"
        case .football: "football"
        case .tennis: "tennis"
        case .cricket: "cricket"
        case .horseRacing: "horse_racing"
        case .basketball: "basketball"
        case .greyhounds: "greyhounds"
        }
    }
}

/// Goals, sets or whatever a sport counts, for the two sides.
@frozen public struct Score: Hashable, Sendable {
    public let home: UInt16
    public let away: UInt16

    @inlinable public init(home: UInt16, away: UInt16) {
        self.home = home
        self.away = away
    }

    /// Both halves in one word; `unknown` stands for a score that nobody has told us.
    @inlinable public var packed: UInt32 { UInt32(home) << 16 | UInt32(away) }

    @inlinable public init(packed: UInt32) {
        self.init(home: UInt16(packed >> 16), away: UInt16(truncatingIfNeeded: packed))
    }

    public static let unknown: UInt32 = .max
}

/// What happened on the pitch. Every kind is material: a bet that waits for its delay is refused.
public enum Incident: UInt8, CaseIterable, Sendable {
    case none = 0
    case goal = 1
    case redCard = 2
    case penalty = 3
    case kickOff = 4
    case halfTime = 5
    case secondHalf = 6
    case fullTime = 7
    case goalCancelled = 8

    public var word: String {
        switch self {
        case .none: "none"
        case .goal: "goal"
        case .redCard: "red_card"
        case .penalty: "penalty"
        case .kickOff: "kick_off"
        case .halfTime: "half_time"
        case .secondHalf: "second_half"
        case .fullTime: "full_time"
        case .goalCancelled: "goal_cancelled"
        }
    }
}

/// A fixture's changing part.
public struct FixtureState: Hashable, Sendable {
    public var status: FixtureStatus
    public var isInPlay: Bool
    /// `Score.unknown` where the supplier tells none.
    public var score: UInt32
    /// Seconds played, `UInt32.max` where unknown.
    public var clockSeconds: UInt32

    public init(
        status: FixtureStatus = .notStarted, isInPlay: Bool = false, score: UInt32 = Score.unknown,
        clockSeconds: UInt32 = .max
    ) {
        self.status = status
        self.isInPlay = isInPlay
        self.score = score
        self.clockSeconds = clockSeconds
    }

    /// Whether a bet that waits for its delay must fall when this state becomes `next`.
    public func isMaterial(_ next: FixtureState, incident: Incident) -> Bool {
        incident != .none || status != next.status || isInPlay != next.isInPlay
            || score != next.score
    }
}
