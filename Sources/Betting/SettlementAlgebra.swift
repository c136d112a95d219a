public import Kernel

/// What a leg multiplies the stake by, as a fraction.
///
/// | result | factor |
/// | --- | --- |
/// | won | o |
/// | lost | 0 |
/// | void | 1 |
/// | half won | (o + 1) / 2 |
/// | half lost | 1 / 2 |
/// | dead heat | o x share |
public enum LegFactor: Hashable, Sendable {
    /// The leg has no result yet.
    case undecided
    case lost
    case ratio(numerator: UInt64, denominator: UInt64)

    public static let unchanged = LegFactor.ratio(numerator: 1, denominator: 1)

    public static func won(_ odds: Odds) -> LegFactor {
        .ratio(numerator: UInt64(odds.numerator), denominator: UInt64(odds.denominator))
    }

    /// As if it were won at a price of 1: the same denominator, and as much above it.
    var atOne: LegFactor {
        guard case .ratio(_, let below) = self else { return self }
        return .ratio(numerator: below, denominator: below)
    }

    /// Half of the stake comes to this, half goes back.
    public var halved: LegFactor {
        guard case .ratio(let above, let below) = self else { return self }
        return .ratio(numerator: above + below, denominator: below * 2)
    }

    public static let halfLost = LegFactor.ratio(numerator: 1, denominator: 2)

    /// At a price from which a withdrawal took its part.
    public static func won(_ odds: Odds, less deduction: Deduction) -> LegFactor {
        guard deduction.basisPoints > 0 else { return .won(odds) }
        let rest = deduction.rest
        let (above, below) = (UInt64(odds.numerator), UInt64(odds.denominator))
        return deduction.isOnPrice
            ? .ratio(numerator: above * rest.numerator, denominator: below * rest.denominator)
            : .ratio(
                numerator: below * rest.denominator + (above - below) * rest.numerator,
                denominator: below * rest.denominator)
    }

    /// The place part of an each-way bet: a part of the winnings, less what a withdrawal took.
    public static func placed(_ odds: Odds, _ terms: PlaceTerms, less deduction: Deduction = .none)
        -> LegFactor
    {
        let rest = deduction.rest
        let below = UInt64(odds.denominator) * UInt64(terms.denominator)
        let winnings = UInt64(odds.numerator - odds.denominator) * UInt64(terms.numerator)
        return deduction.isOnPrice
            ? .ratio(
                numerator: (below + winnings) * rest.numerator,
                denominator: below * rest.denominator)
            : .ratio(
                numerator: below * rest.denominator + winnings * rest.numerator,
                denominator: below * rest.denominator)
    }

    /// The same for those who must share: of `tied` who came in together only `places` are paid.
    public func shared(_ places: UInt8, among tied: UInt8) -> LegFactor {
        guard places > 0 else { return .lost }
        guard case .ratio(let above, let below) = self, places < tied else { return self }
        return .ratio(numerator: above * UInt64(places), denominator: below * UInt64(tied))
    }

    /// Whether it is a greater fraction; what is lost or undecided is neither better nor worse than anything.
    public func isBetter(than other: LegFactor) -> Bool {
        guard case .ratio(let above, let below) = self,
            case .ratio(let otherAbove, let otherBelow) = other
        else { return false }
        return above.multipliedFullWidth(by: otherBelow) > otherAbove.multipliedFullWidth(by: below)
    }
}

/// What a bet comes to.
public enum BetOutcome: Hashable, Sendable {
    /// At least one leg has no result and none is lost.
    case open
    /// In minor units, after the one rounding.
    case settled(payout: Int64)
    /// More than Int64 holds: a broken promise, since potential returns are capped at placement.
    case overflow
}

/// The one multiplication and the one rounding of an accumulator.
public struct AccumulatorReturn: Sendable {
    private var amount: ExactAmount
    private var isLost = false
    private var isOpen = false

    public init(stake: Int64) {
        amount = ExactAmount(minorUnits: stake)
    }

    /// A lost leg loses the bet at once, whatever is still undecided.
    public mutating func multiply(by factor: LegFactor) {
        switch factor {
        case .undecided: isOpen = true
        case .lost: isLost = true
        case .ratio(let numerator, let denominator):
            amount = amount.multiplied(by: numerator, over: denominator)
        }
    }

    /// Changes nothing but the fraction's form.
    mutating func widen(by factor: UInt64) { amount = amount.multiplied(by: factor, over: factor) }

    var hasLost: Bool { isLost }

    public func outcome(_ rounding: Rounding) -> BetOutcome {
        if isLost { return .settled(payout: 0) }
        if isOpen { return .open }
        guard let payout = amount.rounded(rounding) else { return .overflow }
        return .settled(payout: payout)
    }

    /// The exact amount before rounding, for the record and for those who check.
    public var exact: ExactAmount { amount }
}
