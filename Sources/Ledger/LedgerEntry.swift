public import Kernel

/// The accounts money stands on. Customers' own are kept per customer, the house's in total.
public enum LedgerAccount: UInt8, CaseIterable, Sendable {
    /// A customer's own money, free to bet or withdraw.
    case cash = 1
    /// A customer's bonus money.
    case bonus = 2
    /// Stakes of intents that are not yet accepted.
    case held = 3
    /// Stakes of accepted bets that have no result.
    case openBets = 4
    /// Requested and not yet paid out.
    case withdrawals = 5
    /// What a customer owes after a correction took back winnings already gone.
    case receivable = 6
    /// The house's result: stakes lost to it less winnings paid.
    case houseResult = 7
    /// Splinters of split integers.
    case breakage = 8
    /// Where deposits come from and withdrawals go to.
    case outside = 9
    /// What the house gave as bonus money, less what it took back.
    case promotions = 10

    public var word: String {
        switch self {
        case .cash: "cash"
        case .bonus: "bonus"
        case .held: "held"
        case .openBets: "open_bets"
        case .withdrawals: "withdrawals"
        case .receivable: "receivable"
        case .houseResult: "house_result"
        case .breakage: "breakage"
        case .outside: "outside"
        case .promotions: "promotions"
        }
    }
}

/// Real money and demo money never meet in one entry: each has a set of books of its own.
public enum MoneyKind: UInt8, CaseIterable, Sendable {
    case real = 1
    case demo = 2

    public var word: String { self == .real ? "real" : "demo" }
}

/// Why money moved.
public enum EntryReason: UInt8, CaseIterable, Sendable {
    case deposit = 1
    case hold = 2
    case accept = 3
    case release = 4
    case settle = 5
    case resettle = 6
    case reopen = 7
    case cashOut = 8
    case grant = 9

    public var word: String {
        switch self {
        case .deposit: "deposit"
        case .hold: "hold"
        case .accept: "accept"
        case .release: "release"
        case .settle: "settle"
        case .resettle: "resettle"
        case .reopen: "reopen"
        case .cashOut: "cash_out"
        case .grant: "grant"
        }
    }
}

/// One side of an entry. Positive is credit: it adds to what we owe a customer, or to the house's
/// result; a receivable therefore stands below zero by what customers owe.
@frozen public struct Posting: Hashable, Sendable {
    public let account: LedgerAccount
    public let amount: Int64

    @inlinable public init(_ account: LedgerAccount, _ amount: Int64) {
        self.account = account
        self.amount = amount
    }
}

/// Up to five postings that sum to zero, in one currency and one kind of money.
@frozen public struct LedgerEntry: Sendable {
    public let reason: EntryReason
    @usableFromInline var slots: InlineArray<5, Posting>
    @usableFromInline var used: Int
    @inlinable public var count: Int { used }

    @inlinable init(_ reason: EntryReason) {
        self.reason = reason
        slots = InlineArray(repeating: Posting(.cash, 0))
        used = 0
    }

    @inlinable mutating func post(_ account: LedgerAccount, _ amount: Int64) {
        guard amount != 0 else { return }
        precondition(used < 5, "an entry has at most five postings")
        slots[used] = Posting(account, amount)
        used += 1
    }

    @inlinable public subscript(index: Int) -> Posting {
        precondition(index < used, "a posting outside its entry")
        return slots[index]
    }

    @inlinable public var sum: Int64 {
        var total: Int64 = 0
        for index in 0..<used { total += slots[index].amount }
        return total
    }
}

/// Every way in which money moves, each as an entry that sums to zero.
///
/// The engine posts them and the statement is written from them: both call these same functions.
extension LedgerEntry {
    public static func deposit(_ amount: Int64) -> LedgerEntry {
        var entry = LedgerEntry(.deposit)
        entry.post(.outside, -amount)
        entry.post(.cash, amount)
        return entry
    }

    /// Bonus money is given, or taken back: then `amount` is below zero.
    public static func grant(bonus amount: Int64) -> LedgerEntry {
        moving(amount, from: .promotions, to: .bonus, .grant)
    }

    /// The stake leaves what is free before the bet is decided.
    @inlinable public static func hold(_ stake: Int64) -> LedgerEntry {
        moving(stake, from: .cash, to: .held, .hold)
    }

    public static func hold(_ stake: StakeSplit) -> LedgerEntry {
        splitting(stake, into: .held, .hold)
    }

    @inlinable public static func accept(_ stake: Int64) -> LedgerEntry {
        moving(stake, from: .held, to: .openBets, .accept)
    }

    /// Hold and acceptance in one, for a bet that does not wait.
    @inlinable public static func take(_ stake: Int64) -> LedgerEntry {
        moving(stake, from: .cash, to: .openBets, .accept)
    }

    public static func take(_ stake: StakeSplit) -> LedgerEntry {
        splitting(stake, into: .openBets, .accept)
    }

    private static func splitting(
        _ stake: StakeSplit, into account: LedgerAccount, _ reason: EntryReason
    ) -> LedgerEntry {
        var entry = LedgerEntry(reason)
        entry.post(.cash, -stake.cash)
        entry.post(.bonus, -stake.bonus)
        entry.post(account, stake.paid)
        return entry
    }

    /// A pending bet was refused: the hold is voided, each kind of money where it came from.
    public static func release(_ stake: StakeSplit) -> LedgerEntry {
        var entry = LedgerEntry(.release)
        entry.post(.held, -stake.paid)
        entry.post(.cash, stake.cash)
        entry.post(.bonus, stake.bonus)
        return entry
    }

    /// What a customer has, and owes, when a bet's money moves. Minor units.
    public struct Holdings: Hashable, Sendable {
        public let cash: Int64
        public let bonus: Int64
        public let owed: Int64

        public init(cash: Int64, bonus: Int64, owed: Int64) {
            self.cash = cash
            self.bonus = bonus
            self.owed = owed
        }
    }

    /// The paid stake of an open bet is used up and `payout` paid, `bonus` of it as bonus money; the house takes or
    /// gives the rest.
    ///
    /// What the customer owes is recovered from the cash first.
    public static func settle(
        stake: Int64, payout: Int64, bonus: Int64 = 0, _ holdings: Holdings
    ) -> LedgerEntry {
        ending(stake, cash: payout - bonus, bonus: bonus, holdings, .settle)
    }

    /// A part of an open bet's stake, or all of it, is sold back for `payout`.
    public static func cashOut(part: Int64, payout: Int64, _ holdings: Holdings) -> LedgerEntry {
        ending(part, cash: payout, bonus: 0, holdings, .cashOut)
    }

    /// A settled bet's payout changes by `difference`, `bonus` of it in bonus money; what is no longer there becomes
    /// owed.
    public static func resettle(
        difference: Int64, bonus: Int64 = 0, _ holdings: Holdings
    ) -> LedgerEntry {
        ending(0, cash: difference - bonus, bonus: bonus, holdings, .resettle)
    }

    /// A settled bet becomes open again: its payout is taken back and its paid stake stands as before.
    public static func reopen(
        stake: Int64, payout: Int64, bonus: Int64 = 0, _ holdings: Holdings
    ) -> LedgerEntry {
        ending(-stake, cash: bonus - payout, bonus: -bonus, holdings, .reopen)
    }

    /// `stake` leaves the open bets, the customer gets cash and bonus money; below zero each goes the other way.
    private static func ending(
        _ stake: Int64, cash: Int64, bonus: Int64, _ holdings: Holdings, _ reason: EntryReason
    ) -> LedgerEntry {
        let bonusMoved = max(bonus, -max(0, holdings.bonus))
        // Bonus money that was spent is owed like any other.
        let cash = cash + bonus - bonusMoved
        let cashMoved =
            cash >= 0 ? cash - min(max(0, holdings.owed), cash) : max(cash, -max(0, holdings.cash))
        var entry = LedgerEntry(reason)
        entry.post(.openBets, -stake)
        entry.post(.cash, cashMoved)
        entry.post(.bonus, bonusMoved)
        entry.post(.receivable, cash - cashMoved)
        entry.post(.houseResult, stake - cash - bonusMoved)
        return entry
    }

    @inlinable static func moving(
        _ amount: Int64, from: LedgerAccount, to: LedgerAccount, _ reason: EntryReason
    ) -> LedgerEntry {
        var entry = LedgerEntry(reason)
        entry.post(from, -amount)
        entry.post(to, amount)
        return entry
    }
}
