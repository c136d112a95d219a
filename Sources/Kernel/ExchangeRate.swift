/// How many units of another currency one unit of ours is worth, as an exact fraction.
@frozen public struct ExchangeRate: Hashable, Sendable {
    public let numerator: UInt32
    public let denominator: UInt32

    public static let same = ExchangeRate(numerator: 1, denominator: 1)

    private init(numerator: UInt32, denominator: UInt32) {
        self.numerator = numerator
        self.denominator = denominator
    }

    /// Nil for a rate that is nothing, or over nothing.
    public init?(_ numerator: UInt32, over denominator: UInt32) {
        guard numerator > 0, denominator > 0 else { return nil }
        let common = UInt32(greatestCommonDivisor(UInt64(numerator), UInt64(denominator)))
        self.init(numerator: numerator / common, denominator: denominator / common)
    }

    /// A decimal of at most nine digits, such as "1.0873".
    public init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let digits = parts.joined()
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }),
            digits.utf8.count <= 9, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let above = UInt32(digits)
        else { return nil }
        let places = parts.count == 2 ? parts[1].utf8.count : 0
        self.init(above, over: (0..<places).reduce(1) { value, _ in value * 10 })
    }
}
