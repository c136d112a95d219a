public import EngineJournal
public import Kernel
public import ProjectionService

/// An account as it begins, without money.
public struct AccountRow: Sendable {
    public let account: UInt64
    public let external: ExternalID
    /// ISO 4217, numeric.
    public let currency: UInt16
    public let money: UInt8
}

/// When somebody signed in, where and as whom.
public struct SessionRow: Sendable {
    public let session: UInt64
    public let account: UInt64
    public let realm: UInt8
    public let channel: UInt8
    /// Nanoseconds since 1970.
    public let began: Int64
}

/// Balances as a record states them, in minor units.
public struct BalanceRow: Equatable, Sendable {
    public let cash: Int64
    public let held: Int64
    public let openBets: Int64
    public let receivable: Int64
    public let sequence: UInt64
    /// Bonus money, and what may be staked for nothing.
    public var bonus: Int64 = 0
    public var free: Int64 = 0

    public init(
        cash: Int64, held: Int64, openBets: Int64, receivable: Int64, sequence: UInt64,
        bonus: Int64, free: Int64
    ) {
        self.cash = cash
        self.held = held
        self.openBets = openBets
        self.receivable = receivable
        self.sequence = sequence
        self.bonus = bonus
        self.free = free
    }

    /// Whether there is more to it than money that is the customer's.
    public var isBeyondCash: Bool { receivable > 0 || bonus > 0 || free > 0 }
}

/// What became of a bet that had waited.
public struct ConclusionRow: Sendable {
    public let bet: UInt64
    public let status: UInt8
    /// Nanoseconds since 1970.
    public let acceptedAt: Int64
    public let refusal: UInt16
    public let value: Int64
    public let threshold: Int64
}

/// What a settlement made of a bet.
public struct SettlementRow: Sendable {
    public let bet: UInt64
    public let status: UInt8
    /// Minor units, in all.
    public let payout: Int64
    /// Nanoseconds since 1970.
    public let settledAt: Int64
    public let version: UInt32
    /// Two people have made it void.
    public let isVoidByHand: Bool
    /// What comes back beside cash; nil for a bet of cash alone.
    public let returned: PromotionalReturn?
}

/// A bet, or a part of one, that was sold back.
public struct SaleRow: Sendable {
    /// Of the record that says so.
    public let sequence: UInt64
    public let bet: UInt64
    /// `BetStatus` after it: open, or cashed out.
    public let status: UInt8
    /// Minor units of the stake, and what was paid for them.
    public let part: Int64
    public let payout: Int64
    /// What stands on, and what that may return; zeros of a bet that is sold whole.
    public let stakeLeft: Int64
    public let potentialReturn: Int64
    /// Nanoseconds since 1970.
    public let soldAt: Int64

    public var isWhole: Bool { stakeLeft == 0 }
}

/// How far rows reach, and where the block after that stands, as far as is known.
public struct ProjectedPlace: Equatable, Sendable {
    public let point: JournalPoint
    public let following: JournalPosition?

    public init(point: JournalPoint, following: JournalPosition?) {
        self.point = point
        self.following = following
    }
}

/// The port behind which projected rows are kept. Whatever is said twice changes nothing the second time.
///
/// Everything within `transaction` is kept together or not at all.
public protocol ProjectionRows: AnyObject {
    /// As the last transaction that was kept left it; nil while there is none.
    func reached() throws -> ProjectedPlace?
    /// Balances of those who owe, or have bonus money or free stakes.
    func beyondCash() throws -> [UInt64: BalanceRow]
    func transaction(_ body: () throws -> Void) throws
    /// Makes what was kept so far safe from a power failure; false when that cannot be done now.
    func secure() throws -> Bool

    /// Changes nothing when the account is there.
    func add(_ account: AccountRow) throws
    /// Changes nothing when the session is there.
    func add(_ session: SessionRow) throws
    /// In the place of an earlier one of the same record.
    func put(_ action: OperatorAction) throws
    /// In the place of an earlier one of the same record.
    func put(_ notice: Notice, of account: UInt64) throws
    /// In the place of an earlier one of the same record; what is so now is read with it.
    func put(_ suspect: SuspectedBet) throws
    /// In the place of an earlier one with the same number.
    func put(_ bet: ProjectedBet) throws
    func conclude(_ bet: ConclusionRow) throws
    func settle(_ bet: SettlementRow) throws
    /// A part that is sold is kept beside its bet; a bet that is sold whole ends with what it is sold for.
    func sell(_ bet: SaleRow) throws
    /// `part` keeps lines of one record apart.
    func put(_ line: StatementLine, of account: UInt64, part: UInt8) throws
    func set(_ balances: BalanceRow, of account: UInt64) throws
    func move(to place: ProjectedPlace) throws
}
