/// A price as a reduced ratio of return to stake, so 1.95 is 39/20 and 100/30 is 13/3.
///
/// Always above 1. Thousandths would lose 100/30 and -110.
@frozen public struct Odds: Hashable, Sendable {
    public let numerator: UInt32
    public let denominator: UInt32

    /// Fails at evens-for-nothing and below, where a winning bet would earn nothing.
    public init?(_ numerator: UInt32, over denominator: UInt32) {
        guard denominator > 0, numerator > denominator else { return nil }
        let divisor = greatestCommonDivisor(numerator, denominator)
        self.numerator = numerator / divisor
        self.denominator = denominator / divisor
    }

    /// Odds read back from a record, which holds them reduced.
    @inlinable public init(reduced numerator: UInt32, _ denominator: UInt32) {
        self.numerator = numerator
        self.denominator = denominator
    }

    /// From a decimal price in thousandths: 1950 is 1.95.
    public init?(thousandths: UInt32) {
        self.init(thousandths, over: 1000)
    }

    /// The decimal price in thousandths, cut, never rounded up: for ladders and display, not for money.
    @inlinable public var thousandths: UInt32 {
        UInt32(clamping: UInt64(numerator) * 1000 / UInt64(denominator))
    }

    /// What `stake` minor units return when they win, stake included: exact.
    ///
    /// Rounding is the settlement's business, once per bet.
    public func returns(on stake: Int64) -> ExactAmount {
        ExactAmount(minorUnits: stake).multiplied(by: self)
    }
}

extension Odds: Comparable {
    @inlinable public static func < (one: Odds, other: Odds) -> Bool {
        UInt64(one.numerator) * UInt64(other.denominator)
            < UInt64(other.numerator) * UInt64(one.denominator)
    }
}

package func greatestCommonDivisor<Number: UnsignedInteger>(_ one: Number, _ other: Number)
    -> Number
{
    var (a, b) = (one, other)
    while b != 0 { (a, b) = (b, a % b) }
    return a
}

/// The form in which a customer was shown a price. A display never re-enters as a price.
public enum OddsFormat: UInt8, CaseIterable, Sendable {
    case decimal = 1
    case fractional = 2
    case american = 3
    /// What is won for a stake of 1: 0.95 for 1.95.
    case hongKong = 4
    /// The smaller of winnings and stake over the larger; negative where the stake is the smaller.
    case malay = 5
    /// The larger over the smaller; negative where the stake is the larger.
    case indonesian = 6

    public init?(name: String) {
        guard let format = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = format
    }

    public var name: String {
        switch self {
        case .decimal: "decimal"
        case .fractional: "fractional"
        case .american: "american"
        case .hongKong: "hong_kong"
        case .malay: "malay"
        case .indonesian: "indonesian"
        }
    }
}

extension Odds {
    /// Reads a quoted price exactly: `1.95`, `19/20`, `-110` or `+150`, `0.95`, `-0.67`, `-1.05`, by the format that it was
    /// quoted in.
    public init?(_ text: String, as format: OddsFormat) {
        switch format {
        case .decimal:
            guard let (digits, scale) = Self.decimalDigits(text),
                let numerator = UInt32(exactly: digits)
            else { return nil }
            self.init(numerator, over: scale)
        case .fractional:
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2, let winnings = Self.digits(parts[0]),
                let stake = Self.digits(parts[1]), winnings > 0, stake > 0
            else { return nil }
            let (sum, overflow) = winnings.addingReportingOverflow(stake)
            guard !overflow else { return nil }
            self.init(sum, over: stake)
        case .american:
            guard let line = Self.digits(text.dropFirst()), line >= 100, line <= 4_000_000 else {
                return nil
            }
            switch text.utf8.first {
            case UInt8(ascii: "+"): self.init(line + 100, over: 100)
            case UInt8(ascii: "-"): self.init(line + 100, over: line)
            default: return nil
            }
        case .hongKong, .malay, .indonesian:
            let isNegative = text.utf8.first == UInt8(ascii: "-")
            guard !isNegative || format != .hongKong,
                let (digits, scale) = Self.decimalDigits(isNegative ? text.dropFirst() : text[...]),
                let value = UInt32(exactly: digits), value > 0,
                // A Malay price is at most 1, an Indonesian one at least 1, whatever its sign.
                format != .malay || value <= scale, format != .indonesian || value >= scale
            else { return nil }
            let (sum, overflow) = value.addingReportingOverflow(scale)
            guard !overflow else { return nil }
            self.init(sum, over: isNegative ? value : scale)
        }
    }

    private static func digits(_ text: some StringProtocol) -> UInt32? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return UInt32(text)
    }

    /// Digits without the point, and the power of ten that the point stood for.
    private static func decimalDigits(_ text: some StringProtocol) -> (UInt64, UInt32)? {
        var value: UInt64 = 0
        var scale: UInt32 = 1
        var seenPoint = false
        var count = 0
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: ".") where !seenPoint && count > 0: seenPoint = true
            case 0x30...0x39:
                guard value < 100_000_000 else { return nil }
                value = value * 10 + UInt64(byte - 0x30)
                if seenPoint {
                    guard scale < 1_000_000 else { return nil }
                    scale *= 10
                }
                count += 1
            default: return nil
            }
        }
        guard count > 0, text.last != "." else { return nil }
        return (value, scale)
    }

    /// The price in words of `format`: decimals cut to hundredths (thousandths below 1.01 stay),
    /// fractions exact, American lines rounded to the nearest whole number, ties away from zero; of the Asian formats
    /// winnings are cut like decimals, and what is negative is rounded to the nearest thousandth.
    public func text(as format: OddsFormat) -> String {
        switch format {
        case .decimal:
            return Self.decimals(UInt64(numerator) * 1000 / UInt64(denominator))
        case .fractional:
            return "\(numerator - denominator)/\(denominator)"
        case .american:
            let winnings = UInt64(numerator - denominator)
            let stake = UInt64(denominator)
            if winnings >= stake { return "+\((winnings * 200 + stake) / (stake * 2))" }
            return "-\((stake * 200 + winnings) / (winnings * 2))"
        case .hongKong: return Self.decimals(winningsInThousandths)
        case .malay:
            return numerator - denominator <= denominator
                ? Self.decimals(winningsInThousandths) : "-" + Self.decimals(stakeInThousandths)
        case .indonesian:
            return numerator - denominator >= denominator
                ? Self.decimals(winningsInThousandths) : "-" + Self.decimals(stakeInThousandths)
        }
    }

    /// For a stake of 1, cut.
    private var winningsInThousandths: UInt64 {
        UInt64(numerator - denominator) * 1000 / UInt64(denominator)
    }

    /// For winnings of 1, to the nearest, ties away from zero; never nothing.
    private var stakeInThousandths: UInt64 {
        let winnings = UInt64(numerator - denominator)
        return max(1, (UInt64(denominator) * 2000 + winnings) / (winnings * 2))
    }

    /// Two places, or three where the third says something.
    private static func decimals(_ thousandths: UInt64) -> String {
        let whole = String(thousandths / 1000)
        let rest = thousandths % 1000
        if rest % 10 == 0 { return "\(whole).\(padded(rest / 10, to: 2))" }
        return "\(whole).\(padded(rest, to: 3))"
    }

    private static func padded(_ value: UInt64, to width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}

extension Odds: CustomStringConvertible {
    public var description: String { text(as: .decimal) }
}
