public import Kernel

/// What a bet, or a part of it, may be sold back for.
public struct CashOutValue: Hashable, Sendable {
    /// Minor units, cut after the margin.
    public let payout: Int64
    /// What is expected of it, before the margin, in millionths of a minor unit; cut.
    public let fair: Int64
    /// The same after the margin.
    public let exact: Int64

    public init(payout: Int64, fair: Int64, exact: Int64) {
        self.payout = payout
        self.fair = fair
        self.exact = exact
    }

    /// `margin` in hundredths of a percent. Nil where it comes to nothing, or to more than can be written down.
    public init?(_ total: BetReturn, margin: UInt16) {
        guard total.outcome(.down) != .open, total.outcome(.down) != .settled(payout: 0),
            margin < 10_000
        else { return nil }
        let expected = total.exact
        let left = expected.multiplied(by: UInt64(10_000 - margin), over: 10_000)
        guard let payout = left.rounded(.down), payout > 0,
            let fair = expected.multiplied(by: 1_000_000, over: 1).rounded(.down),
            let exact = left.multiplied(by: 1_000_000, over: 1).rounded(.down)
        else { return nil }
        self.payout = payout
        self.fair = fair
        self.exact = exact
    }
}

extension LegFacts {
    /// What the win part multiplies by once it has a result, and before that what may be expected of it. Nil where
    /// that is a fraction too wide to go on with.
    public func expected(_ chance: Chance?) -> LegFactor? {
        guard win == .undecided, let chance else { return win }
        var winning = self
        winning.result = .won
        winning.isWaiting = false
        guard case .ratio(let above, let below) = winning.win else { return nil }
        // A price's parts and what is deducted have common factors with a billion more often than not.
        let (paid, paidOverflow) = above.multipliedReportingOverflow(by: UInt64(chance.win))
        let (back, backOverflow) = below.multipliedReportingOverflow(by: UInt64(chance.back))
        let (sum, sumOverflow) = paid.addingReportingOverflow(back)
        let (over, overOverflow) = below.multipliedReportingOverflow(by: UInt64(Chance.whole))
        guard !paidOverflow, !backOverflow, !sumOverflow, !overOverflow else { return nil }
        guard sum > 0 else { return .lost }
        let common = greatestCommonDivisor(sum, over)
        return .ratio(numerator: sum / common, denominator: over / common)
    }
}
