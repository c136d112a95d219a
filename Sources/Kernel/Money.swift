/// A currency by ISO 4217, with the number of decimals its minor unit has.
@frozen public struct Currency: Hashable, Sendable {
    /// ISO 4217 numeric code, 1...999.
    public let numericCode: UInt16

    @inlinable init(known numericCode: UInt16) {
        self.numericCode = numericCode
    }

    public static let eur = Currency(known: 978)
    public static let gbp = Currency(known: 826)

    /// Numeric code, letters, decimals.
    private static let table: [(UInt16, String, Int)] = [
        (36, "AUD", 2), (48, "BHD", 3), (124, "CAD", 2), (203, "CZK", 2), (208, "DKK", 2),
        (344, "HKD", 2), (348, "HUF", 2), (356, "INR", 2), (392, "JPY", 0), (414, "KWD", 3),
        (484, "MXN", 2), (554, "NZD", 2), (578, "NOK", 2), (710, "ZAR", 2), (752, "SEK", 2),
        (756, "CHF", 2), (826, "GBP", 2), (840, "USD", 2), (946, "RON", 2), (978, "EUR", 2),
        (985, "PLN", 2), (986, "BRL", 2),
    ]

    /// All whose decimals we know.
    public static var known: [Currency] { table.map { Currency(known: $0.0) } }

    /// Fails where we do not know how many decimals the currency has.
    public init?(numericCode: UInt16) {
        guard Self.table.contains(where: { $0.0 == numericCode }) else { return nil }
        self.init(known: numericCode)
    }

    public init?(_ letters: String) {
        self.init(Array(letters.utf8).span)
    }

    /// The same from the letters' bytes.
    public init?(_ letters: Span<UInt8>) {
        guard letters.count == 3 else { return nil }
        let packed =
            UInt32(letters[0]) << 16 | UInt32(letters[1]) << 8 | UInt32(letters[2])
        guard let row = Self.packed.first(where: { $0.letters == packed }) else { return nil }
        self.init(known: row.code)
    }

    private static let packed: [(letters: UInt32, code: UInt16)] = table.map { row in
        (row.1.utf8.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }, row.0)
    }

    public var letters: String {
        Self.table.first { $0.0 == numericCode }?.1 ?? "XXX"
    }

    /// Decimals of the minor unit: 0, 2 or 3.
    public var exponent: Int {
        Self.table.first { $0.0 == numericCode }?.2 ?? 2
    }
}

/// An amount in one currency, held as an exact count of minor units.
@frozen public struct Money: Hashable, Sendable {
    public let minorUnits: Int64
    public let currency: Currency

    @inlinable public init(minorUnits: Int64, _ currency: Currency) {
        self.minorUnits = minorUnits
        self.currency = currency
    }

    /// Fails when the sum leaves Int64 or the currencies differ.
    public func adding(_ other: Money) -> Money? {
        guard currency == other.currency else { return nil }
        let (sum, overflow) = minorUnits.addingReportingOverflow(other.minorUnits)
        return overflow ? nil : Money(minorUnits: sum, currency)
    }
}

extension Money: CustomStringConvertible {
    /// For example `12.05 EUR`; for people and logs, never read back.
    public var description: String {
        let scale = (0..<currency.exponent).reduce(UInt64(1)) { power, _ in power * 10 }
        let magnitude = minorUnits.magnitude
        let sign = minorUnits < 0 ? "-" : ""
        guard scale > 1 else { return "\(sign)\(magnitude) \(currency.letters)" }
        let fraction = String(magnitude % scale)
        let zeros = String(repeating: "0", count: currency.exponent - fraction.utf8.count)
        return "\(sign)\(magnitude / scale).\(zeros)\(fraction) \(currency.letters)"
    }
}
