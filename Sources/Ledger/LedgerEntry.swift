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

/// Up to four postings that sum to zero, in one currency and one kind of money.
@frozen public struct LedgerEntry: Sendable {
    public let reason: EntryReason
    @usableFromInline var slots: InlineArray<4, Posting>
    @usableFromInline var used: Int
    @inlinable public var count: Int { used }

    @inlinable init(_ reason: EntryReason) {
        self.reason = reason
        slots = InlineArray(repeating: Posting(.cash, 0))
        used = 0
    }

    @inlinable mutating func post(_ account: LedgerAccount, _ amount: Int64) {
        guard amount != 0 else { return }
        precondition(used < 4, "an entry has at most four postings")
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

    /// The stake leaves what is free before the bet is decided.
    @inlinable public static func hold(_ stake: Int64) -> LedgerEntry {
        moving(stake, from: .cash, to: .held, .hold)
    }

    @inlinable public static func accept(_ stake: Int64) -> LedgerEntry {
        moving(stake, from: .held, to: .openBets, .accept)
    }

    /// Hold and acceptance in one, for a bet that does not wait.
    @inlinable public static func take(_ stake: Int64) -> LedgerEntry {
        moving(stake, from: .cash, to: .openBets, .accept)
    }

    /// A pending bet was refused: the hold is voided.
    public static func release(_ stake: Int64) -> LedgerEntry {
        moving(stake, from: .held, to: .cash, .release)
    }

    /// The stake of an open bet is used up and `payout` paid; the house takes or gives the rest.
    ///
    /// What the customer owes is recovered from the payout first.
    public static func settle(stake: Int64, payout: Int64, owed: Int64) -> LedgerEntry {
        ending(stake, payout, owed, .settle)
    }

    /// A part of an open bet's stake, or all of it, is sold back for `payout`.
    public static func cashOut(part: Int64, payout: Int64, owed: Int64) -> LedgerEntry {
        ending(part, payout, owed, .cashOut)
    }

    private static func ending(
        _ stake: Int64, _ payout: Int64, _ owed: Int64, _ reason: EntryReason
    ) -> LedgerEntry {
        let recovered = min(max(0, owed), payout)
        var entry = LedgerEntry(reason)
        entry.post(.openBets, -stake)
        entry.post(.cash, payout - recovered)
        entry.post(.receivable, recovered)
        entry.post(.houseResult, stake - payout)
        return entry
    }

    /// A settled bet's payout changes by `difference`; what is no longer there becomes owed.
    public static func resettle(difference: Int64, available: Int64, owed: Int64) -> LedgerEntry {
        var entry = LedgerEntry(.resettle)
        if difference >= 0 {
            let recovered = min(max(0, owed), difference)
            entry.post(.houseResult, -difference)
            entry.post(.cash, difference - recovered)
            entry.post(.receivable, recovered)
        } else {
            let taken = min(max(0, available), -difference)
            entry.post(.houseResult, -difference)
            entry.post(.cash, -taken)
            entry.post(.receivable, difference + taken)
        }
        return entry
    }

    /// A settled bet becomes open again: its payout is taken back and its stake stands as before.
    public static func reopen(
        stake: Int64, payout: Int64, available: Int64, owed: Int64
    ) -> LedgerEntry {
        let taken = min(max(0, available), payout)
        var entry = LedgerEntry(.reopen)
        entry.post(.openBets, stake)
        entry.post(.cash, -taken)
        entry.post(.receivable, taken - payout)
        entry.post(.houseResult, payout - stake)
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
