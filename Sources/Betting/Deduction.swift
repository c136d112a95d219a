import Kernel

/// What is taken off a price because runners were withdrawn after it was taken.
@frozen public struct Deduction: Hashable, Sendable {
    /// Hundredths of a percent, less than all.
    public let basisPoints: UInt16
    /// Of the whole price, as on exchanges and in Australia; else of the winnings.
    public let isOnPrice: Bool

    public static let whole: UInt16 = 10_000
    public static let none = Deduction(basisPoints: 0, isOnPrice: false)

    public init(basisPoints: UInt16, isOnPrice: Bool) {
        self.basisPoints = min(basisPoints, Self.whole - 1)
        self.isOnPrice = isOnPrice
    }

    /// What is left, as a fraction in lowest terms.
    var rest: (numerator: UInt64, denominator: UInt64) {
        let (left, whole) = (UInt64(Self.whole - basisPoints), UInt64(Self.whole))
        let common = greatestCommonDivisor(left, whole)
        return (left / common, whole / common)
    }
}

/// How a market's deductions are reckoned. Numbers are stable.
public enum DeductionRule: UInt8, CaseIterable, Sendable {
    case none = 0
    /// By the price of who was withdrawn, added up, off the winnings. Source: Tattersalls, Rule 4.
    case ruleFour = 1
    /// By the brand's table, or as is said with each withdrawal, added up, off the price's face value. Source:
    /// Australian books.
    case faceValue = 2
    /// As the exchange says with each, one after the other, off the price; those under 2.5 % are none.
    case exchangeWin = 3
    /// As the exchange says with each, one after the other, off the winnings.
    case exchangePlace = 4

    /// The least that counts on an exchange's win market, hundredths of a percent.
    private static let leastOfExchange: UInt16 = 250
    /// The most that several withdrawals take together under Rule 4 or off face values.
    private static let mostTogether: UInt16 = 9000

    /// What several withdrawals come to together, each in hundredths of a percent. One alone that takes no more than
    /// `waivedAlone` takes nothing, where they are added up.
    public func together(_ each: [UInt16], waivedAlone: UInt16 = 0) -> Deduction {
        switch self {
        case .none: return .none
        case .ruleFour, .faceValue:
            let taking = each.filter { $0 > 0 }
            if taking.count == 1, taking[0] <= waivedAlone { return .none }
            let sum = each.reduce(0) { $0 + UInt32($1) }
            return Deduction(
                basisPoints: UInt16(min(sum, UInt32(Self.mostTogether))),
                isOnPrice: self == .faceValue)
        case .exchangeWin, .exchangePlace:
            // Cut to hundredths of a percent after each, in the customer's favour.
            var left = UInt32(Deduction.whole)
            for one in each where self == .exchangePlace || one >= Self.leastOfExchange {
                let kept = left * UInt32(Deduction.whole - min(one, Deduction.whole))
                left = (kept + UInt32(Deduction.whole) - 1) / UInt32(Deduction.whole)
            }
            return Deduction(
                basisPoints: Deduction.whole - UInt16(left), isOnPrice: self == .exchangeWin)
        }
    }
}
