/// A 128-bit sum over rows: equal states have equal hashes, whatever the order of what led to them.
///
/// Each row adds a mix of its words and its id; a change subtracts the old mix and adds the new one.
/// It finds divergence, not forgery: whoever may choose rows can make two sums equal.
@frozen public struct StateHash: Hashable, Sendable {
    public var high: UInt64
    public var low: UInt64

    @inlinable public init(high: UInt64 = 0, low: UInt64 = 0) {
        self.high = high
        self.low = low
    }

    @inlinable @inline(__always) public mutating func add(_ mix: RowMix) {
        let (sum, carry) = low.addingReportingOverflow(mix.low)
        low = sum
        high = high &+ mix.high &+ (carry ? 1 : 0)
    }

    /// All rows of another hash.
    @inlinable @inline(__always) public mutating func add(_ other: StateHash) {
        let (sum, carry) = low.addingReportingOverflow(other.low)
        low = sum
        high = high &+ other.high &+ (carry ? 1 : 0)
    }

    @inlinable @inline(__always) public mutating func subtract(_ mix: RowMix) {
        let (difference, borrow) = low.subtractingReportingOverflow(mix.low)
        low = difference
        high = high &- mix.high &- (borrow ? 1 : 0)
    }
}

extension StateHash: CustomStringConvertible {
    /// 32 hexadecimal digits.
    public var description: String {
        func digits(_ word: UInt64) -> String {
            let text = String(word, radix: 16)
            return String(repeating: "0", count: 16 - text.utf8.count) + text
        }
        return digits(high) + digits(low)
    }
}

/// One row's contribution, built word by word.
@frozen public struct RowMix: Sendable {
    @usableFromInline var first: UInt64
    @usableFromInline var second: UInt64

    /// `kind` keeps rows of two tables with the same number apart.
    @inlinable @inline(__always) public init(kind: UInt64, row: UInt64) {
        first = kind &* 0x9e37_79b9_7f4a_7c15 ^ 0x2d35_8dcc_aa6c_78a5
        second = row &* 0xff51_afd7_ed55_8ccd ^ 0x8bb8_4b93_962e_acc9
    }

    /// Folds in two words by one full-width multiplication.
    @inlinable @inline(__always) public mutating func combine(_ one: UInt64, _ other: UInt64) {
        let (high, low) = (one ^ first ^ 0x4b33_a62e_d433_d4a3)
            .multipliedFullWidth(by: other ^ second ^ 0x4d5a_2da5_1de1_aa47)
        first = (first << 23 | first >> 41) ^ high &+ one
        second = (second << 31 | second >> 33) &+ low ^ other
    }

    @inlinable @inline(__always) public mutating func combine(_ one: Int64, _ other: Int64) {
        combine(UInt64(bitPattern: one), UInt64(bitPattern: other))
    }

    @inlinable @inline(__always) var high: UInt64 { mixed(first &+ (second << 17 | second >> 47)) }
    @inlinable @inline(__always) var low: UInt64 { mixed(second ^ (first << 29 | first >> 35)) }
}
