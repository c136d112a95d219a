public import Kernel

/// How what an accumulator may cost is divided among its legs that are open.
///
/// A leg carries as much as its chance of losing, at its price, is of the chances of all open legs: what is all but
/// sure to win leaves the risk with the others. The shares add up to all of the winnings and never to more than the
/// stake, so that for every joint result the markets together lose at least what the bet does. Whole millionths;
/// amounts of minor units up to `Limits.potentialReturn`.
public struct LiabilityShares: Equatable, Sendable {
    /// Of all open legs together, in millionths.
    @usableFromInline var total: UInt64

    private static let whole: UInt64 = 1_000_000

    /// For what is not divided.
    @inlinable public static var none: LiabilityShares { LiabilityShares(total: 0) }

    @inlinable public var isNone: Bool { total == 0 }

    public init() { total = 0 }

    @inlinable init(total: UInt64) { self.total = total }

    /// A further open leg.
    @inline(__always)
    public mutating func add(_ odds: Odds) { total += Self.chanceOfLosing(odds) }

    /// What a leg at `odds` carries of `amount`, not less than its share.
    @inline(__always)
    public func raised(_ amount: Int64, on odds: Odds) -> Int64 {
        share(of: amount, Self.chanceOfLosing(odds), addingFirst: total - 1)
    }

    /// What a leg at `odds` brings of `amount`, not more than its share.
    @inline(__always)
    public func cut(_ amount: Int64, on odds: Odds) -> Int64 {
        share(of: amount, Self.chanceOfLosing(odds), addingFirst: 0)
    }

    private func share(of amount: Int64, _ chance: UInt64, addingFirst more: UInt64) -> Int64 {
        guard amount > 0, total > 0 else { return 0 }
        var (high, low) = UInt64(amount).multipliedFullWidth(by: chance)
        let (sum, overflow) = low.addingReportingOverflow(more)
        if overflow { high += 1 }
        low = sum
        guard high < total else { return .max }
        return Int64(clamping: total.dividingFullWidth((high, low)).quotient)
    }

    /// 1 - 1 / odds in millionths, never nothing.
    @inline(__always)
    private static func chanceOfLosing(_ odds: Odds) -> UInt64 {
        max(1, UInt64(odds.numerator - odds.denominator) * whole / UInt64(odds.numerator))
    }
}
