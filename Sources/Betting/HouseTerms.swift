/// What the house adds to a cover of which one leg wins, or all.
public struct CoverBonus: Hashable, Sendable {
    /// Hundredths by which the winnings of the only winner are multiplied; 100 nothing more.
    public let onlyWinner: UInt16
    /// Hundredths of a percent on top of what a cover returns whose legs all win.
    public let allWinners: UInt16

    /// What of it a bet has earned.
    public enum Earned: Hashable, Sendable {
        case onlyWinner(UInt16)
        case allWinners(UInt16)
    }

    public static let none = CoverBonus(onlyWinner: 100, allWinners: 0)!
    /// What all legs return together is more than what one of them does, multiplied so often.
    public static let mostOfOnlyWinner: UInt16 = 400
    public static let mostOfAllWinners: UInt16 = 10_000

    /// Nil for less than nothing, and for more than `mostOfOnlyWinner` or `mostOfAllWinners`.
    public init?(onlyWinner: UInt16, allWinners: UInt16) {
        guard (100...Self.mostOfOnlyWinner).contains(onlyWinner),
            allWinners <= Self.mostOfAllWinners
        else { return nil }
        self.onlyWinner = onlyWinner
        self.allWinners = allWinners
    }
}

/// What the house adds to bets, and takes of their winnings, as one version of its rules has it.
public struct HouseRules: Hashable, Sendable {
    /// Hundredths of a percent of what a bet wins beyond its stake.
    public var commission: UInt16
    /// By the place of a cover in `SystemShape.named`.
    public var bonuses: [CoverBonus]

    public static let none = HouseRules(
        commission: 0, bonuses: Array(repeating: .none, count: SystemShape.named.count))!
    public static let mostCommission: UInt16 = 5000

    /// Nil for another number of covers, a commission above `mostCommission`, or more for the only winner of a cover
    /// that has no line of one leg.
    public init?(commission: UInt16, bonuses: [CoverBonus]) {
        guard commission <= Self.mostCommission, bonuses.count == SystemShape.named.count,
            zip(SystemShape.named, bonuses).allSatisfy({
                $0.sizes & 1 == 1 || $1.onlyWinner == CoverBonus.none.onlyWinner
            })
        else { return nil }
        self.commission = commission
        self.bonuses = bonuses
    }

    /// What of it counts for a bet of this shape, nil for an accumulator.
    ///
    /// A bonus is for covers of cash alone that are not each way.
    public func terms(for shape: SystemShape?, isPlain: Bool) -> HouseTerms {
        var terms = HouseTerms(commission: commission)
        if isPlain, let cover = shape?.cover { terms.bonus = bonuses[cover] }
        return terms
    }
}

/// What the house adds to one bet, and takes of what it wins.
public struct HouseTerms: Hashable, Sendable {
    /// Hundredths of a percent of what it wins beyond its stake.
    public var commission: UInt16 = 0
    public var bonus = CoverBonus.none

    public static let none = HouseTerms()

    public init(commission: UInt16 = 0) { self.commission = commission }

    var isNone: Bool { commission == 0 && bonus == .none }

    /// Of these a bet promises what it may return at most; commission is reckoned with when it is paid.
    public var promised: HouseTerms {
        var promised = self
        promised.commission = 0
        return promised
    }
}
