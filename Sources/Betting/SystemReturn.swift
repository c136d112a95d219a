public import Kernel

/// The sum of a system's lines, without ever listing them.
///
/// The lines of k free legs are the coefficient of x to the k in the product of (1 + F x) over the free legs, F being
/// each one's factor. Every leg is brought over its own denominator at once, so whole numbers are added and one
/// fraction is left: 36 small steps for the 247 lines of a Goliath.
///
/// Bounds: factors as in `AccumulatorReturn`; `SystemShape.mostLegs` legs keep the sum within a `WideInteger`.
public struct SystemReturn: Sendable {
    private let shape: SystemShape
    private let unitStake: Int64
    /// By the number of free legs: the sum over all choices among those seen so far.
    private var sums: [WideInteger]
    private var denominator = WideInteger(1)
    private var added = 0
    private var freeSeen = 0
    private var isBankerLost = false
    private var isBankerOpen = false
    /// Free legs that are not lost, and those among them that have no result.
    private var alive = 0
    private var undecided = 0

    /// `unitStake` is the stake of each line, minor units.
    public init(unitStake: Int64, shape: SystemShape) {
        self.unitStake = unitStake
        self.shape = shape
        sums = [WideInteger](repeating: WideInteger(0), count: shape.free + 1)
        sums[0] = WideInteger(1)
    }

    /// The legs' factors, in the order of the slip.
    public mutating func multiply(by factor: LegFactor) {
        precondition(added < shape.legs, "a system has so many legs")
        let isBanker = shape.isBanker(added)
        added += 1
        switch factor {
        case .lost: if isBanker { isBankerLost = true } else { freeSeen += 1 }
        case .undecided:
            if isBanker {
                isBankerOpen = true
            } else {
                freeSeen += 1
                alive += 1
                undecided += 1
            }
        case .ratio(let above, let below):
            if isBanker {
                for index in sums.indices { Self.scale(&sums[index], by: above) }
            } else {
                freeSeen += 1
                alive += 1
                extend(by: above, over: below)
            }
            Self.scale(&denominator, by: below)
        }
    }

    /// One more free leg: each sum goes on without it, and the one below it goes on with it.
    private mutating func extend(by above: UInt64, over below: UInt64) {
        for index in stride(from: min(freeSeen, shape.free), through: 1, by: -1) {
            Self.scale(&sums[index], by: below)
            var with = sums[index - 1]
            Self.scale(&with, by: above)
            let overflow = sums[index].addReportingOverflow(with)
            precondition(!overflow, "a sum of lines fits, its legs being counted")
        }
        Self.scale(&sums[0], by: below)
    }

    /// Changes nothing but the fraction's form.
    mutating func widen(by factor: UInt64) {
        for index in sums.indices { Self.scale(&sums[index], by: factor) }
        Self.scale(&denominator, by: factor)
    }

    private static func scale(_ value: inout WideInteger, by factor: UInt64) {
        guard factor != 1 else { return }
        let overflow = value.multiplyReportingOverflow(by: factor)
        precondition(!overflow, "a product of factors fits, its legs being counted")
    }

    /// Settled as soon as every line is: a leg without result leaves it open only where a line still has it that no
    /// lost leg has ended.
    public func outcome(_ rounding: Rounding) -> BetOutcome {
        if isBankerLost { return .settled(payout: 0) }
        if isBankerOpen || undecided > 0, alive >= shape.smallest, !planted(.systemSettledEarly) {
            return .open
        }
        guard let payout = exact.rounded(rounding) else { return .overflow }
        return .settled(payout: payout)
    }

    /// What the decided lines come to, before the one rounding.
    public var exact: ExactAmount {
        var sum = WideInteger(0)
        if !isBankerLost && !isBankerOpen {
            for size in 1...shape.free where shape.sizes >> UInt32(size - 1) & 1 == 1 {
                let overflow = sum.addReportingOverflow(sums[size])
                precondition(!overflow, "a sum of lines fits, its legs being counted")
            }
            Self.scale(&sum, by: UInt64(unitStake))
        }
        return ExactAmount(numerator: sum, denominator: denominator)
    }
}
