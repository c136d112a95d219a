public import Kernel

/// What a bet comes to, whatever its legs make.
///
/// An each-way bet is two of the kind under one stake, half of it each: win parts go with win parts and place parts
/// with place parts, and the sum of both is rounded once.
public struct BetReturn: Sendable {
    private var win: PartReturn
    private var place: PartReturn?

    /// `stake` is the whole bet's, minor units; it divides by the lines, and by two for an each-way bet.
    public init(stake: Int64, shape: SystemShape?, isEachWay: Bool = false) {
        win = PartReturn(stake: isEachWay ? stake / 2 : stake, shape: shape)
        if isEachWay { place = win }
    }

    /// The legs' factors, in the order of the slip.
    public mutating func multiply(by factor: LegFactor) { win.multiply(by: factor) }

    /// A leg as its facts are.
    public mutating func multiply(by facts: LegFacts) {
        if place == nil {
            multiply(by: facts.win)
        } else {
            multiply(by: facts.win, place: facts.place)
        }
    }

    /// A leg that wins at its price; of an each-way bet on these terms, for both parts.
    public mutating func multiply(byWon odds: Odds, places: PlaceTerms?) {
        if place != nil, let places {
            multiply(by: .won(odds), place: .placed(odds, places))
        } else {
            multiply(by: .won(odds))
        }
    }

    /// The same of an each-way bet.
    public mutating func multiply(by factor: LegFactor, place other: LegFactor) {
        // Both are brought over one denominator, so that what they come to can be added.
        let (below, otherBelow) = (factor.denominator, other.denominator)
        let common = below / greatestCommonDivisor(below, otherBelow) * otherBelow
        win.multiply(by: factor, over: common)
        place?.multiply(by: other, over: common)
    }

    public func outcome(_ rounding: Rounding) -> BetOutcome {
        guard let place else { return win.outcome(rounding) }
        if win.outcome(rounding) == .open || place.outcome(rounding) == .open { return .open }
        guard let payout = exact.rounded(rounding) else { return .overflow }
        return .settled(payout: payout)
    }

    /// The exact amount before rounding, for the record and for those who check.
    public var exact: ExactAmount {
        guard let place else { return win.exact }
        var sum = win.decided
        let overflow = sum.addReportingOverflow(place.decided)
        precondition(!overflow, "a sum of two parts fits, their legs being counted")
        return ExactAmount(numerator: sum, denominator: win.exact.denominator)
    }
}

extension LegFactor {
    fileprivate var denominator: UInt64 {
        if case .ratio(_, let denominator) = self { denominator } else { 1 }
    }
}

/// An accumulator, or a system of them.
private struct PartReturn: Sendable {
    private var accumulator: AccumulatorReturn
    private var system: SystemReturn?

    init(stake: Int64, shape: SystemShape?) {
        accumulator = AccumulatorReturn(stake: stake)
        system = shape.map { SystemReturn(unitStake: stake / $0.lines, shape: $0) }
    }

    mutating func multiply(by factor: LegFactor) {
        if system == nil {
            accumulator.multiply(by: factor)
        } else {
            system?.multiply(by: factor)
        }
    }

    /// `common` is a multiple of the factor's own denominator.
    mutating func multiply(by factor: LegFactor, over common: UInt64) {
        var widening = common
        if case .ratio(_, let below) = factor { widening = common / below }
        multiply(by: factor)
        guard widening > 1 else { return }
        if system == nil { accumulator.widen(by: widening) } else { system?.widen(by: widening) }
    }

    func outcome(_ rounding: Rounding) -> BetOutcome {
        system?.outcome(rounding) ?? accumulator.outcome(rounding)
    }

    var exact: ExactAmount { system?.exact ?? accumulator.exact }

    /// What is decided of it, over the denominator of `exact`: nothing of an accumulator that is lost.
    var decided: WideInteger {
        system == nil && accumulator.hasLost ? WideInteger(0) : exact.numerator
    }
}
