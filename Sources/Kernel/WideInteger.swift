/// An unsigned integer of 896 bits, which holds the product of a stake and twenty legs.
///
/// Twenty numerators of 40 bits (a price of 32 shared in a dead heat) and a stake of 63 need 863.
public struct WideInteger: Equatable, Sendable {
    public static let words = 14
    /// Least significant first.
    var limbs: InlineArray<14, UInt64>

    public init(_ value: UInt64) {
        limbs = InlineArray(repeating: 0)
        limbs[0] = value
    }

    public var isZero: Bool {
        for index in 0..<Self.words where limbs[index] != 0 { return false }
        return true
    }

    /// Multiplies in place; true when the product no longer fits and is then meaningless.
    public mutating func multiplyReportingOverflow(by factor: UInt64) -> Bool {
        var carry: UInt64 = 0
        for index in 0..<Self.words {
            let (high, low) = limbs[index].multipliedFullWidth(by: factor)
            let (sum, overflow) = low.addingReportingOverflow(carry)
            limbs[index] = sum
            carry = high &+ (overflow ? 1 : 0)
        }
        return carry != 0
    }

    /// Multiplies in place; true when the product no longer fits and is then meaningless.
    public mutating func multiplyReportingOverflow(by other: WideInteger) -> Bool {
        var product = WideInteger(0)
        var isLong = false
        for place in 0..<Self.words where other.limbs[place] != 0 {
            var part = self
            isLong = part.multiplyReportingOverflow(by: other.limbs[place]) || isLong
            // Moved up by as many words.
            var moved = WideInteger(0)
            for index in 0..<Self.words where part.limbs[index] != 0 {
                guard index + place < Self.words else {
                    isLong = true
                    continue
                }
                moved.limbs[index + place] = part.limbs[index]
            }
            isLong = product.addReportingOverflow(moved) || isLong
        }
        self = product
        return isLong
    }

    /// Adds in place; true when the sum no longer fits and is then meaningless.
    public mutating func addReportingOverflow(_ other: WideInteger) -> Bool {
        var carry: UInt64 = 0
        for index in 0..<Self.words {
            let (first, one) = limbs[index].addingReportingOverflow(other.limbs[index])
            let (second, two) = first.addingReportingOverflow(carry)
            limbs[index] = second
            carry = (one ? 1 : 0) + (two ? 1 : 0)
        }
        return carry != 0
    }

    /// `other` is not the greater.
    public mutating func subtract(_ other: WideInteger) {
        var borrow: UInt64 = 0
        for index in 0..<Self.words {
            let (first, one) = limbs[index].subtractingReportingOverflow(other.limbs[index])
            let (second, two) = first.subtractingReportingOverflow(borrow)
            limbs[index] = second
            borrow = (one ? 1 : 0) + (two ? 1 : 0)
        }
        precondition(borrow == 0, "a wide integer never goes below zero")
    }

    mutating func shiftLeftOne() -> Bool {
        var carry: UInt64 = 0
        for index in 0..<Self.words {
            let next = limbs[index] >> 63
            limbs[index] = limbs[index] << 1 | carry
            carry = next
        }
        return carry != 0
    }

    mutating func shiftRightOne() {
        for index in 0..<Self.words {
            let above = index + 1 < Self.words ? limbs[index + 1] : 0
            limbs[index] = limbs[index] >> 1 | above << 63
        }
    }

    var bitWidth: Int {
        for index in stride(from: Self.words - 1, through: 0, by: -1) where limbs[index] != 0 {
            return index * 64 + 64 - limbs[index].leadingZeroBitCount
        }
        return 0
    }

    /// The whole part of `self / divisor` and what is left, or nil when the whole part leaves Int64.
    func quotientAndRemainder(by divisor: WideInteger) -> (quotient: Int64, remainder: WideInteger)?
    {
        precondition(!divisor.isZero, "a fraction's denominator is never zero")
        let width = bitWidth
        let divisorWidth = divisor.bitWidth
        // Nearly every bet: a stake and a price or two.
        if width <= 128, divisorWidth <= 64 {
            let by = divisor.limbs[0]
            guard limbs[1] < by else { return nil }
            let (quotient, remainder) = by.dividingFullWidth((limbs[1], limbs[0]))
            guard let whole = Int64(exactly: quotient) else { return nil }
            return (whole, WideInteger(remainder))
        }
        let shift = width - divisorWidth
        guard shift >= 0 else { return (0, self) }
        guard shift < 64 else { return nil }
        var scaled = divisor
        for _ in 0..<shift where scaled.shiftLeftOne() { return nil }
        var remainder = self
        var quotient: UInt64 = 0
        for _ in 0...shift {
            quotient <<= 1
            if !(remainder < scaled) {
                remainder.subtract(scaled)
                quotient |= 1
            }
            scaled.shiftRightOne()
        }
        guard let whole = Int64(exactly: quotient) else { return nil }
        return (whole, remainder)
    }

    public static func == (one: WideInteger, other: WideInteger) -> Bool {
        for index in 0..<Self.words where one.limbs[index] != other.limbs[index] { return false }
        return true
    }
}

extension WideInteger: Comparable {
    public static func < (one: WideInteger, other: WideInteger) -> Bool {
        var index = words
        while index > 0 {
            index -= 1
            if one.limbs[index] != other.limbs[index] {
                return one.limbs[index] < other.limbs[index]
            }
        }
        return false
    }
}

extension WideInteger {
    /// How many of its 64-bit words are needed to write it down.
    public var words: Int { (bitWidth + 63) / 64 }

    /// Word `index`, least significant first.
    public subscript(word index: Int) -> UInt64 { limbs[index] }
}
