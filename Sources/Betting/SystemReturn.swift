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
    /// Of a system with groups: what its legs multiply by, and by how much the fraction was widened.
    private var factors: [LegFactor] = []
    private var widening = WideInteger(1)

    /// `unitStake` is the stake of each line, minor units.
    public init(unitStake: Int64, shape: SystemShape) {
        self.unitStake = unitStake
        self.shape = shape
        sums = [WideInteger](
            repeating: WideInteger(0), count: shape.isNested ? 1 : shape.free + 1)
        sums[0] = WideInteger(1)
    }

    /// The legs' factors, in the order of the slip.
    public mutating func multiply(by factor: LegFactor) {
        precondition(added < shape.legs, "a system has so many legs")
        guard !shape.isNested else {
            added += 1
            return factors.append(factor)
        }
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
        Self.scale(&widening, by: shape.isNested ? factor : 1)
        guard !shape.isNested else { return }
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
        if shape.isNested {
            if state(of: nil).isOpen { return .open }
            return exact.rounded(rounding).map { .settled(payout: $0) } ?? .overflow
        }
        if isBankerLost { return .settled(payout: 0) }
        if isBankerOpen || undecided > 0, alive >= shape.smallest, !planted(.systemSettledEarly) {
            return .open
        }
        guard let payout = exact.rounded(rounding) else { return .overflow }
        return .settled(payout: payout)
    }

    /// What the decided lines come to, before the one rounding.
    public var exact: ExactAmount {
        if shape.isNested { return nested }
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

    // MARK: Groups

    /// The sum of the lines of everything, each group's counting as a leg's factor does.
    private var nested: ExactAmount {
        var (sum, over) = value(of: nil)
        Self.scale(&sum, by: UInt64(unitStake))
        let isLong =
            sum.multiplyReportingOverflow(by: widening)
            || over.multiplyReportingOverflow(by: widening)
        precondition(!isLong, "a sum of lines fits, its legs being counted")
        return ExactAmount(numerator: sum, denominator: over)
    }

    /// As in `extend`, over the denominators of all that is in it; what is lost or open adds nothing.
    private func value(of group: Int?) -> (sum: WideInteger, over: WideInteger) {
        var sums = [WideInteger(1)]
        var over = WideInteger(1)
        for child in shape.children(of: group) {
            let (above, below) =
                switch child {
                case .leg(let leg): factors[leg].wide
                case .group(let inner): value(of: inner)
                }
            var isLong = over.multiplyReportingOverflow(by: below)
            sums.append(WideInteger(0))
            for size in stride(from: sums.count - 1, through: 0, by: -1) {
                isLong = sums[size].multiplyReportingOverflow(by: below) || isLong
                guard size > 0 else { continue }
                var with = sums[size - 1]
                isLong = with.multiplyReportingOverflow(by: above) || isLong
                isLong = sums[size].addReportingOverflow(with) || isLong
            }
            precondition(!isLong, "a sum of lines fits, its legs being counted")
        }
        let sizes = shape.sizes(of: group)
        var sum = WideInteger(0)
        for size in 1..<sums.count where sizes >> UInt32(size - 1) & 1 == 1 {
            let isLong = sum.addReportingOverflow(sums[size])
            precondition(!isLong, "a sum of lines fits, its legs being counted")
        }
        return (sum, over)
    }

    /// Whether a line of it is not lost, and whether one of those has a leg without result.
    private func state(of group: Int?) -> (isAlive: Bool, isOpen: Bool) {
        var alive = 0
        var hasOpen = false
        for child in shape.children(of: group) {
            let state =
                switch child {
                case .leg(let leg): (factors[leg] != .lost, factors[leg] == .undecided)
                case .group(let inner): state(of: inner)
                }
            if state.0 { alive += 1 }
            if state.1 { hasOpen = true }
        }
        let isAlive = alive > shape.sizes(of: group).trailingZeroBitCount
        return (isAlive, isAlive && hasOpen)
    }
}

extension LegFactor {
    /// Nothing for what is lost or has no result.
    fileprivate var wide: (WideInteger, WideInteger) {
        guard case .ratio(let above, let below) = self else {
            return (WideInteger(0), WideInteger(1))
        }
        return (WideInteger(above), WideInteger(below))
    }
}
