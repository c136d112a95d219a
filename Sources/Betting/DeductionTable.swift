public import Kernel

/// What a withdrawn runner takes from the prices of those that are left, by its own last price and by how many there
/// were: data of a brand, kept in versions.
public struct DeductionTable: Hashable, Sendable {
    public struct Step: Hashable, Sendable {
        /// It counts in fields of so many runners and more, the withdrawn one among them.
        public let runners: UInt8
        /// Winnings to stake of the withdrawn runner, up to which it counts. Compared as exact ratios.
        public let winnings: UInt32
        public let stake: UInt32
        /// Hundredths of a percent, of win and of place parts.
        public let win: UInt16
        public let place: UInt16

        public init(runners: UInt8, winnings: UInt32, stake: UInt32, win: UInt16, place: UInt16) {
            self.runners = runners
            self.winnings = winnings
            self.stake = stake
            self.win = win
            self.place = place
        }

        /// Whether it counts for a runner of this price.
        fileprivate func reaches(_ last: Odds) -> Bool {
            UInt64(last.numerator - last.denominator) * UInt64(stake)
                <= UInt64(winnings) * UInt64(last.denominator)
        }

        fileprivate func isBelow(_ other: Step) -> Bool {
            UInt64(winnings) * UInt64(other.stake) < UInt64(other.winnings) * UInt64(stake)
        }
    }

    public static let mostSteps = 256
    /// Hundredths of a percent that one runner may take.
    public static let mostTaken: UInt16 = 9_000

    public let steps: [Step]
    /// What a single withdrawal takes up to this is not taken where no other takes anything; hundredths of a percent.
    public let waivedAlone: UInt16

    /// Nil unless the steps go up, fields first and prices within them, and take no more than they may.
    public init?(_ steps: [Step], waivedAlone: UInt16 = 0) {
        guard steps.count <= Self.mostSteps, waivedAlone <= Self.mostTaken,
            steps.allSatisfy({
                $0.stake > 0 && $0.win <= Self.mostTaken && $0.place <= Self.mostTaken
            }),
            zip(steps, steps.dropFirst()).allSatisfy({ one, next in
                one.runners < next.runners || one.runners == next.runners && one.isBelow(next)
            })
        else { return nil }
        self.steps = steps
        self.waivedAlone = waivedAlone
    }

    private init(known: [(UInt32, UInt32, UInt16)]) {
        steps = known.map {
            Step(runners: 0, winnings: $0.0, stake: $0.1, win: $0.2 * 100, place: $0.2 * 100)
        }
        waivedAlone = 0
    }

    /// Rule 4 as it is while nobody has set another; pence in the pound. Source: Tattersalls.
    public static let tattersalls = DeductionTable(known: [
        (1, 9, 90), (2, 11, 85), (1, 4, 80), (3, 10, 75), (2, 5, 70), (8, 15, 65), (8, 13, 60),
        (4, 5, 55), (20, 21, 50), (6, 5, 45), (6, 4, 40), (7, 4, 35), (9, 4, 30), (3, 1, 25),
        (4, 1, 20), (11, 2, 15), (9, 1, 10), (14, 1, 5),
    ])

    /// Takes nothing.
    public static let none = DeductionTable(known: [])

    /// Hundredths of a percent that a runner takes from win and from place parts, withdrawn at this price from so many.
    public func taken(at last: Odds, of runners: UInt8) -> (win: UInt16, place: UInt16) {
        let field = steps.last { $0.runners <= runners }?.runners
        let step = steps.first { $0.runners == field && $0.reaches(last) }
        return (step?.win ?? 0, step?.place ?? 0)
    }
}
