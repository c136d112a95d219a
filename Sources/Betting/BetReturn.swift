public import Kernel

/// What a bet comes to, whatever its legs make.
public struct BetReturn: Sendable {
    private var accumulator: AccumulatorReturn
    private var system: SystemReturn?

    /// `stake` is the whole bet's, minor units; a system's divides by its lines.
    public init(stake: Int64, shape: SystemShape?) {
        accumulator = AccumulatorReturn(stake: stake)
        system = shape.map { SystemReturn(unitStake: stake / $0.lines, shape: $0) }
    }

    /// The legs' factors, in the order of the slip.
    public mutating func multiply(by factor: LegFactor) {
        if system == nil {
            accumulator.multiply(by: factor)
        } else {
            system?.multiply(by: factor)
        }
    }

    public func outcome(_ rounding: Rounding) -> BetOutcome {
        system?.outcome(rounding) ?? accumulator.outcome(rounding)
    }

    /// The exact amount before rounding, for the record and for those who check.
    public var exact: ExactAmount { system?.exact ?? accumulator.exact }
}
