/// Of which money a stake is. Minor units, none of them below zero.
///
/// Cash and bonus money are paid; a free stake is a promise: it is not returned, only what it wins.
@frozen public struct StakeSplit: Hashable, Sendable {
    public var cash: Int64
    public var bonus: Int64
    public var free: Int64

    @inlinable public init(cash: Int64 = 0, bonus: Int64 = 0, free: Int64 = 0) {
        self.cash = cash
        self.bonus = bonus
        self.free = free
    }

    /// What the bet is placed with.
    @inlinable public var total: Int64 { cash + bonus + free }
    /// What leaves the customer's balances, and is in the books.
    @inlinable public var paid: Int64 { cash + bonus }
    @inlinable public var isCash: Bool { bonus == 0 && free == 0 }
}

/// What a bet with another stake than cash gives back beside cash. Minor units.
@frozen public struct PromotionalReturn: Hashable, Sendable {
    /// Of what it pays: the bonus money that it was placed with, as far as it comes back.
    public var bonus: Int64
    /// Free stake of lines that were void: no money, the promise stands again.
    public var free: Int64

    @inlinable public init(bonus: Int64 = 0, free: Int64 = 0) {
        self.bonus = bonus
        self.free = free
    }

    public static let none = PromotionalReturn()
}
