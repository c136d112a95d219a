/// What a customer may bound of its own play. Numbers and words are stable.
public enum LimitKind: UInt8, CaseIterable, Sendable {
    /// Money paid in, gross: withdrawals give nothing back.
    case deposit = 1
    /// Money lost: stakes less what came back for them.
    case loss = 2
    /// Money staked.
    case stake = 3
    /// Time spent signed in.
    case time = 4

    public var word: String {
        switch self {
        case .deposit: "deposit"
        case .loss: "loss"
        case .stake: "stake"
        case .time: "time"
        }
    }
}

/// How long what counts towards a limit is added up. Numbers and words are stable.
public enum LimitPeriod: UInt8, CaseIterable, Sendable {
    case day = 1
    case week = 2
    case month = 3

    public var word: String {
        switch self {
        case .day: "day"
        case .week: "week"
        case .month: "month"
        }
    }

    /// Minutes of the longest such period.
    public var minutes: Int64 {
        switch self {
        case .day: 1440
        case .week: 10_080
        case .month: 44_640
        }
    }
}

/// A limit that a customer set for itself, and what it asked for since that still waits.
///
/// Tighter holds at once; looser, and none at all, hold after a cooling-off, in which the customer may think
/// better of it.
public struct OwnLimit: Hashable, BitwiseCopyable, Sendable {
    /// Minor units, or minutes for `LimitKind.time`; 0 allows nothing at all, `none` bounds nothing.
    public var amount: Int64
    /// What holds from `nextFrom` on; means nothing while that is 0.
    public var next: Int64
    /// Nanoseconds of UTC, 0: nothing waits.
    public var nextFrom: Int64

    public static let none: Int64 = -1
    public static let unset = OwnLimit(amount: none)

    public init(amount: Int64, next: Int64 = none, nextFrom: Int64 = 0) {
        self.amount = amount
        self.next = next
        self.nextFrom = nextFrom
    }

    /// The same, with what has waited long enough by `now` in force. Nanoseconds of UTC.
    public func at(_ now: Int64) -> OwnLimit {
        nextFrom != 0 && nextFrom <= now ? OwnLimit(amount: next) : self
    }

    /// What comes of asking for `wanted` at `now`; what is looser waits for `coolingOff`. Nanoseconds.
    ///
    /// Asking for no more than what waits already does not begin the waiting anew; asking for more does.
    /// Asking for what holds takes back what waits.
    public func asking(for wanted: Int64, at now: Int64, coolingOff: Int64) -> OwnLimit {
        let present = at(now)
        guard Self.isLooser(wanted, than: present.amount) else { return OwnLimit(amount: wanted) }
        let isAwaited = present.nextFrom != 0 && !Self.isLooser(wanted, than: present.next)
        return OwnLimit(
            amount: present.amount, next: wanted,
            nextFrom: isAwaited ? present.nextFrom : now + coolingOff)
    }

    private static func isLooser(_ one: Int64, than other: Int64) -> Bool {
        other != none && (one == none || one > other)
    }
}
