/// A moment in UTC, in whole nanoseconds since 1970; made by the sequencer, input to everything.
@frozen public struct Timestamp: Hashable, Comparable, Sendable {
    public let nanoseconds: Int64

    @inlinable public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    @inlinable public init(milliseconds: Int64) {
        nanoseconds = milliseconds * 1_000_000
    }

    @inlinable public var milliseconds: Int64 { nanoseconds / 1_000_000 }

    @inlinable public static func < (one: Self, other: Self) -> Bool {
        one.nanoseconds < other.nanoseconds
    }

    @inlinable public func adding(milliseconds: Int64) -> Timestamp {
        Timestamp(nanoseconds: nanoseconds + milliseconds * 1_000_000)
    }

    /// Whole days since 1970-01-01, UTC: the gaming day until a licence says otherwise.
    @inlinable public var day: UInt32 {
        UInt32(clamping: nanoseconds / 86_400_000_000_000)
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC with milliseconds: `2026-11-21T09:30:00.125Z`.
    public var description: String {
        let bytes = rfc3339
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The 24 bytes of the text above, for encoders that write bytes.
    public var rfc3339: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(24)
        appendRFC3339(to: &out)
        return out
    }

    public func appendRFC3339(to out: inout [UInt8]) {
        let total = nanoseconds.flooredQuotient(by: 1_000_000)
        let days = total.flooredQuotient(by: 86_400_000)
        let inDay = total - days * 86_400_000
        let (year, month, day) = Self.civil(fromDays: days)
        func two(_ value: Int64) {
            out.append(UInt8(truncatingIfNeeded: 0x30 + value / 10))
            out.append(UInt8(truncatingIfNeeded: 0x30 + value % 10))
        }
        two(year / 100)
        two(year % 100)
        out.append(UInt8(ascii: "-"))
        two(month)
        out.append(UInt8(ascii: "-"))
        two(day)
        out.append(UInt8(ascii: "T"))
        two(inDay / 3_600_000)
        out.append(UInt8(ascii: ":"))
        two(inDay / 60_000 % 60)
        out.append(UInt8(ascii: ":"))
        two(inDay / 1000 % 60)
        out.append(UInt8(ascii: "."))
        out.append(UInt8(truncatingIfNeeded: 0x30 + inDay % 1000 / 100))
        two(inDay % 100)
        out.append(UInt8(ascii: "Z"))
    }

    /// Reads RFC 3339 in UTC (`Z` only), with up to nine decimals of a second.
    public init?(_ text: String) {
        self.init(Array(text.utf8).span)
    }

    /// The same from the text's bytes.
    public init?(_ bytes: Span<UInt8>) {
        guard bytes.count >= 20, bytes[bytes.count - 1] == UInt8(ascii: "Z") else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            Self.number(bytes.extracting(range))
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16),
            let second = number(17..<19),
            bytes[4] == 0x2d, bytes[7] == 0x2d, bytes[10] == 0x54, bytes[13] == 0x3a,
            bytes[16] == 0x3a,
            year >= 1970, year < 2262, (1...12).contains(month), (1...31).contains(day),
            hour < 24, minute < 60, second < 60
        else { return nil }
        let days = Self.days(fromCivil: year, month, day)
        guard Self.civil(fromDays: days) == (year, month, day) else { return nil }
        var fraction: Int64 = 0
        if bytes.count > 20 {
            let decimals = bytes.count - 21
            guard bytes[19] == UInt8(ascii: "."), (1...9).contains(decimals),
                let value = number(20..<bytes.count - 1)
            else { return nil }
            fraction = value
            for _ in decimals..<9 { fraction *= 10 }
        }
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second
        self.init(nanoseconds: seconds * 1_000_000_000 + fraction)
    }

    private static func number(_ digits: Span<UInt8>) -> Int64? {
        var value: Int64 = 0
        for index in digits.indices {
            guard (0x30...0x39).contains(digits[index]) else { return nil }
            value = value * 10 + Int64(digits[index] - 0x30)
        }
        return value
    }

    /// Days since 1970 to year, month, day (the proleptic Gregorian calendar, years from March).
    static func civil(fromDays days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = shifted.flooredQuotient(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    static func days(fromCivil year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted.flooredQuotient(by: 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

extension Int64 {
    func flooredQuotient(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
