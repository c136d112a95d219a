import Kernel

/// The numbers that decisions turn on, as one version of the rules has them.
///
/// A record says under which version it was decided, and replay decides it again under that one. A
/// version stays here, unchanged, for as long as there are journals with it; a change of any number
/// is a new version. What a version did that numbers cannot say is a `switch` on `version` beside
/// the rule.
public struct RuleSet: Hashable, Sendable {
    public let version: UInt32
    /// A single stake, in minor units.
    public var stake = Limits.stake
    /// Legs of one bet.
    public var legs = Limits.legs
    /// Lines of one system.
    public var lines = Limits.lines
    /// Bets of one account that wait for their delay at the same time.
    public var pendingPerAccount = Limits.pendingPerAccount
    /// Bets of one account that are pending or open at the same time.
    public var openBetsPerAccount = Limits.openBetsPerAccount
    /// Refused intents of one account that are remembered at the same time.
    public var refusedPerAccount = Limits.refusedPerAccount
    /// How far ahead of the sequencer's time a deadline may be, in milliseconds.
    public var validUntilAhead = Limits.validUntilAhead
    /// How old an id may be, in milliseconds.
    public var idAge = Limits.idAge
    /// How long after its deadline an id stays, in milliseconds; longer than `idAge`.
    public var idWindow = Limits.idWindow
    /// The longest in-play delay, in milliseconds.
    public var betDelay = Limits.betDelay

    /// How long after its settlement a market's result may still be corrected, in milliseconds; then its
    /// bets may leave the engine.
    public var correctionWindow = Limits.correctionWindow

    /// How long a customer waits for a looser limit of its own, in milliseconds.
    public var limitCoolingOff = Limits.limitCoolingOff

    /// What is kept of a bet's expected return when it is sold back, in hundredths of a percent; and more for each
    /// undecided leg after the first.
    public var cashOutMargin: UInt16 = 500
    public var cashOutLegMargin: UInt16 = 100

    /// What a price may be expected to return by its reference, in hundredths of the stake, before it looks like an
    /// error.
    public var palpable: UInt16 = 150
    /// How long after it was taken a bet is held against new references, in milliseconds, as long as its match is as it
    /// was.
    public var suspicion: Int64 = 900_000

    public init(version: UInt32) { self.version = version }

    /// What a trial may set, by name, with its unit.
    public static let names: [(name: String, unit: String)] = [
        ("stake", "minor units, of a bet and of a deposit"), ("legs", "legs"),
        ("lines", "lines of a system"),
        ("pending-per-account", "bets"),
        ("open-bets-per-account", "bets"), ("refused-per-account", "intents"),
        ("valid-until-ahead", "ms"), ("id-age", "ms"), ("bet-delay", "ms"),
        ("limit-cooling-off", "ms"), ("cash-out-margin", "hundredths of a percent"),
        ("cash-out-leg-margin", "hundredths of a percent, for each undecided leg after the first"),
    ]

    /// False when there is no such number, or it may not be `value`.
    public mutating func set(_ name: String, to value: Int64) -> Bool {
        guard value >= 0, value <= Limits.minorUnits else { return false }
        let count = Int(value)
        switch name {
        case "stake": stake = value
        case "legs":
            guard count <= Limits.legs else { return false }
            legs = count
        case "lines":
            guard value <= Limits.lines else { return false }
            lines = value
        case "pending-per-account": pendingPerAccount = count
        case "open-bets-per-account": openBetsPerAccount = count
        case "refused-per-account": refusedPerAccount = count
        case "valid-until-ahead": validUntilAhead = value
        case "id-age": idAge = value
        case "bet-delay":
            guard let delay = UInt32(exactly: value) else { return false }
            betDelay = delay
        case "limit-cooling-off":
            guard value <= Self.longestCoolingOff else { return false }
            limitCoolingOff = value
        case "cash-out-margin":
            guard value <= Self.mostMargin else { return false }
            cashOutMargin = UInt16(value)
        case "cash-out-leg-margin":
            guard value <= Self.mostMargin else { return false }
            cashOutLegMargin = UInt16(value)
        default: return false
        }
        return true
    }

    /// What is kept of a bet that is sold back, with so many undecided legs.
    func margin(undecided: Int) -> UInt16 {
        let more = UInt64(max(0, undecided - 1)) * UInt64(cashOutLegMargin)
        return UInt16(min(UInt64(cashOutMargin) + more, UInt64(Self.mostMargin)))
    }

    /// Hundredths of a percent.
    private static let mostMargin: Int64 = 5000

    /// Milliseconds: a year.
    private static let longestCoolingOff: Int64 = 31_622_400_000

    /// A slip is held against the version of each market that it saw, and a bet that waited against the prices when its
    /// delay is over; before version 2 neither was.
    var looksAgain: Bool { version >= 2 }

    /// What a withdrawal takes may be said later, where nothing was known that it takes; before version 2 it could not.
    var hearsLateDeductions: Bool { version >= 2 }

    /// A bet that is taken back after it was settled says so; before version 2 it said that a result was corrected.
    var tellsLateCancels: Bool { version >= 2 }

    /// A market may be one each of whose selections wins or loses by itself; before version 2 each had a number of winners.
    var takesEachAlone: Bool { version >= 2 }

    /// No more selections share a win than are said to tie; before version 2 nobody counted them.
    var countsTies: Bool { version >= 2 }

    /// Only what was refused with an offer can be taken as one; before version 2 anything that was refused could.
    var knowsOffers: Bool { version >= 2 }

    /// What is given under a promotion is given under one that was said and is offered; before version 2 nobody looked.
    var knowsPromotions: Bool { version >= 2 }

    /// The rules that new records are decided under. Version 2 is of the release that is being made: until it is out,
    /// what it decides may change; what a released version decides never does.
    public static let current = RuleSet(version: 2)
    /// Every version that this build can decide, oldest first, ending with the current one.
    public static let known = [RuleSet(version: 1), current]
}
