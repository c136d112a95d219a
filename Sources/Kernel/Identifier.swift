/// A dense number that stands for one thing of one kind; made inside the engine.
///
/// A market's number never fits where a bet's is asked for.
@frozen public struct Identifier<Kind>: Hashable, Comparable, Sendable {
    public let rawValue: UInt64

    @inlinable public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    @inlinable public static func < (one: Self, other: Self) -> Bool {
        one.rawValue < other.rawValue
    }
}

public enum AccountKind {}
public enum BetKind {}
public enum FixtureKind {}
public enum MarketKind {}
public enum SessionKind {}

/// The cell's partition in the upper 32 bits, the dense row within it in the lower: a later split
/// by partition changes the address, not the type.
public typealias AccountID = Identifier<AccountKind>
/// Addressed like an account: partition and row.
public typealias MarketID = Identifier<MarketKind>
public typealias FixtureID = Identifier<FixtureKind>
/// The sequence of the record that carried the bet's intent.
public typealias BetID = Identifier<BetKind>
/// The sequence of the session's record.
public typealias SessionID = Identifier<SessionKind>

extension Identifier {
    @inlinable public init(partition: UInt32, row: UInt32) {
        self.init(UInt64(partition) << 32 | UInt64(row))
    }

    @inlinable public var partition: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }
    @inlinable public var row: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
}

/// 128 bits made outside the engine: a client's bet id, a supplier's id, a request's digest.
@frozen public struct ExternalID: Hashable, Comparable, Sendable {
    public let high: UInt64
    public let low: UInt64

    @inlinable public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public static let zero = ExternalID(high: 0, low: 0)

    @inlinable public static func < (one: Self, other: Self) -> Bool {
        (one.high, one.low) < (other.high, other.low)
    }

    /// A UUID of version 7 (RFC 9562, 5.7): milliseconds since 1970 first, so that ids sort by age.
    public init(milliseconds: Int64, random: (UInt64, UInt64)) {
        high = UInt64(bitPattern: milliseconds) << 16 | 0x7000 | (random.0 & 0x0fff)
        low = 0x8000_0000_0000_0000 | (random.1 & 0x3fff_ffff_ffff_ffff)
    }

    /// Milliseconds since 1970 at which a UUID of version 7 was made; nil for any other.
    @inlinable public var milliseconds: Int64? {
        guard high & 0xf000 == 0x7000, low >> 62 == 2 else { return nil }
        return Int64(high >> 16)
    }

    /// Reads `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` or 32 hexadecimal digits, either case.
    public init?(_ text: String) {
        self.init(Array(text.utf8).span)
    }

    /// The same from the text's bytes.
    public init?(_ text: Span<UInt8>) {
        var words: (UInt64, UInt64) = (0, 0)
        var digits = 0
        var hyphens = 0
        for index in text.indices {
            let byte = text[index]
            if byte == UInt8(ascii: "-") {
                guard digits == 8 || digits == 12 || digits == 16 || digits == 20 else {
                    return nil
                }
                hyphens += 1
                continue
            }
            guard let nibble = Self.nibble(byte), digits < 32 else { return nil }
            if digits < 16 {
                words.0 = words.0 << 4 | UInt64(nibble)
            } else {
                words.1 = words.1 << 4 | UInt64(nibble)
            }
            digits += 1
        }
        guard digits == 32, hyphens == 0 || hyphens == 4 else { return nil }
        self.init(high: words.0, low: words.1)
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension ExternalID: CustomStringConvertible {
    public var description: String {
        var out: [UInt8] = []
        out.reserveCapacity(36)
        append(to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// The 36 bytes of the text above, for encoders that write bytes.
    public func append(to out: inout [UInt8]) {
        for index in 0..<32 {
            if index == 8 || index == 12 || index == 16 || index == 20 {
                out.append(UInt8(ascii: "-"))
            }
            let word = index < 16 ? high : low
            let nibble = UInt8(truncatingIfNeeded: word >> UInt64(60 - (index % 16) * 4) & 15)
            out.append(nibble < 10 ? 0x30 + nibble : 0x57 + nibble)
        }
    }
}
