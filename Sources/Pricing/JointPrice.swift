public import Kernel

/// One of several selections of a match that are to win together.
public struct JointLeg: Hashable, Sendable {
    /// As the engine knows the market from its supplier.
    public let market: ExternalID
    /// Its place in the market.
    public let selection: Int

    public init(market: ExternalID, selection: Int) {
        self.market = market
        self.selection = selection
    }
}

/// The port behind which selections of one match are priced together. Asked from any thread.
public protocol JointPricer: Sendable {
    /// How likely it is that all of them win; nil where nobody can say, such as of legs that are not of one match.
    func chance(of legs: [JointLeg]) -> Chance?
}

/// A price for selections that say something about each other.
public enum JointPrice {
    /// Our price for a chance, with the book's margin (hundredths of a percent) once for each leg, down to its rung. Nil for
    /// what is longer or shorter than anything that is quoted.
    ///
    /// The margin is one of each leg's own market: who takes three of them together pays it three times, as in an
    /// accumulator.
    public static func odds(for chance: Chance, legs: Int, margin: UInt32, on ladder: TickLadder)
        -> Odds?
    {
        guard chance.win > 0 else { return nil }
        // In thousandths of a thousandth, cut after each step, in the house's favour by less than a rung.
        var length = UInt64(Chance.whole) * 1_000_000 / UInt64(chance.win)
        for _ in 0..<legs { length = length * 10_000 / UInt64(10_000 + margin) }
        let thousandths = length / 1000
        guard thousandths <= UInt64(Limits.price),
            let rung = ladder.tick(atOrBelow: UInt32(thousandths))
        else { return nil }
        return Odds(thousandths: ladder.thousandths(at: rung))
    }
}
