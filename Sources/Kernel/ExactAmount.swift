/// How the one rounding of a bet is done; a rule pack says which.
public enum Rounding: UInt8, CaseIterable, Sendable {
    case down = 1
    case halfUp = 2
    case halfEven = 3
}

/// A non-negative amount in minor units as an exact fraction.
///
/// Bound: a stake of 63 bits times `Limits.legs` factors of 40 bits (a price, halved or shared);
/// more is a broken promise.
public struct ExactAmount: Sendable {
    public private(set) var numerator: WideInteger
    public private(set) var denominator: WideInteger

    public init(minorUnits: Int64) {
        precondition(minorUnits >= 0, "an amount to be settled is never negative")
        numerator = WideInteger(UInt64(minorUnits))
        denominator = WideInteger(UInt64(1))
    }

    /// An amount that was cut to millionths of a minor unit when it was written down.
    public init(millionths: Int64) {
        self = ExactAmount(minorUnits: millionths).multiplied(by: 1, over: 1_000_000)
    }

    /// A sum of such amounts over one denominator, which is not zero.
    public init(numerator: WideInteger, denominator: WideInteger) {
        precondition(!denominator.isZero, "a fraction's denominator is never zero")
        self.numerator = numerator
        self.denominator = denominator
    }

    public func multiplied(by odds: Odds) -> ExactAmount {
        multiplied(by: UInt64(odds.numerator), over: UInt64(odds.denominator))
    }

    /// Traps when the bound above is broken: legs are counted before anything is multiplied.
    public func multiplied(by numerator: UInt64, over denominator: UInt64) -> ExactAmount {
        precondition(denominator > 0, "a factor's denominator is never zero")
        var product = self
        let overflowAbove = product.numerator.multiplyReportingOverflow(by: numerator)
        let overflowBelow = product.denominator.multiplyReportingOverflow(by: denominator)
        precondition(!overflowAbove && !overflowBelow, "more legs than an exact amount can hold")
        return product
    }

    /// Whole minor units by `mode`, or nil when they leave Int64.
    public func rounded(_ mode: Rounding) -> Int64? {
        guard let (whole, remainder) = numerator.quotientAndRemainder(by: denominator) else {
            return nil
        }
        var doubled = remainder
        let carried = doubled.shiftLeftOne()
        let isHalfOrMore = carried || !(doubled < denominator)
        let isHalf = !carried && doubled == denominator
        let goesUp =
            switch mode {
            case .down: false
            case .halfUp: isHalfOrMore
            case .halfEven: isHalfOrMore && !(isHalf && whole % 2 == 0)
            }
        guard goesUp else { return whole }
        return whole == .max ? nil : whole + 1
    }

    /// As a decimal text, cut after so many places; zeros at its end are left out. At most nine.
    public func text(decimals: Int) -> String {
        precondition((0...9).contains(decimals), "a cut decimal has at most nine places")
        guard let (whole, rest) = numerator.quotientAndRemainder(by: denominator) else {
            return "more than can be said"
        }
        var left = rest
        var digits = ""
        for _ in 0..<decimals {
            guard !left.multiplyReportingOverflow(by: 10),
                let (digit, next) = left.quotientAndRemainder(by: denominator)
            else { break }
            digits += String(digit)
            left = next
        }
        while digits.last == "0" { digits.removeLast() }
        return digits.isEmpty ? "\(whole)" : "\(whole).\(digits)"
    }

    /// True when nothing is lost by rounding.
    public var isWhole: Bool {
        guard let (_, remainder) = numerator.quotientAndRemainder(by: denominator) else {
            return false
        }
        return remainder.isZero
    }
}
