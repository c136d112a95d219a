/// What is expected of a selection: which parts of a stake are paid at its price, and which go back, in parts per
/// billion.
///
/// Half of what is half won is paid and half goes back; of what is half lost half goes back. So five probabilities
/// come to two numbers, whatever the price.
@frozen public struct Chance: Hashable, Sendable {
    public let win: UInt32
    public let back: UInt32

    public static let whole: UInt32 = 1_000_000_000

    /// Nil when the two are more than all of it.
    public init?(win: UInt32, back: UInt32 = 0) {
        guard UInt64(win) + UInt64(back) <= UInt64(Self.whole) else { return nil }
        self.win = win
        self.back = back
    }

    /// What probabilities may add up to beside `whole`, for those that were rounded when they were written: a part in
    /// ten thousand.
    public static let slack: UInt32 = 100_000

    /// Probabilities in parts per billion that add up to `whole` within `slack`; cut. Nil otherwise.
    public init?(win: UInt32, halfWin: UInt32, refund: UInt32, halfLose: UInt32, lose: UInt32) {
        let sum = [win, halfWin, refund, halfLose, lose].reduce(0 as UInt64) { $0 + UInt64($1) }
        let whole = UInt64(Self.whole)
        guard sum >= whole - UInt64(Self.slack), sum <= whole + UInt64(Self.slack) else {
            return nil
        }
        self.win = min(Self.whole, win + halfWin / 2)
        back = min(Self.whole - self.win, halfWin / 2 + refund + halfLose / 2)
    }
}
