public import Betting
public import Kernel

/// A bet as its customer may see it, with everything that was decided about it.
public struct ProjectedBet: Sendable {
    public struct Leg: Sendable {
        public let market: UInt64
        public let fixture: UInt64
        public let selection: UInt32
        /// Nil at starting price.
        public let odds: Odds?
        /// Of an each-way bet, as it was struck.
        public let places: PlaceTerms?

        public init(
            market: UInt64, fixture: UInt64, selection: UInt32, odds: Odds?,
            places: PlaceTerms? = nil
        ) {
            self.places = places
            self.market = market
            self.fixture = fixture
            self.selection = selection
            self.odds = odds
        }
    }

    public let bet: UInt64
    public let account: UInt64
    public let client: ExternalID
    public let requestHash: ExternalID
    public var status: UInt8
    /// What stands, or stood when it was decided; minor units.
    public var stake: Int64
    public var potentialReturn: Int64
    public var payout: Int64
    public let placedAt: Int64
    public var acceptedAt: Int64
    public let dueAt: Int64
    public var settledAt: Int64
    public var refusal: UInt16
    public var value: Int64
    public var threshold: Int64
    public var settlementVersion: Int64
    public let legs: [Leg]
    /// Of a system, as in the journal; zeros of an accumulator.
    public let sizes: UInt32
    public let bankers: UInt32
    /// As `SystemShape.groupWords` has them.
    public let groups: SIMD4<UInt32>
    /// The one price of all legs, which are of one match then.
    public var joint: Odds?
    /// What of its stake was sold back while the rest stood on, and for how much; beside `stake` and `payout`.
    public var soldStake: Int64 = 0
    public var soldFor: Int64 = 0
    /// Two of the house's people have made it void.
    public var isVoidByHand = false
    /// Of which money its stake is; nil for a stake of cash alone.
    public var split: StakeSplit?
    /// What came back of that beside cash.
    public var returned = PromotionalReturn.none

    /// Which lines its legs make; nil of an accumulator.
    public var shape: SystemShape? {
        sizes == 0
            ? nil
            : SystemShape(legs: legs.count, sizes: sizes, bankers: bankers, packedGroups: groups)
    }

    /// Half of the stake is on being placed.
    public var isEachWay: Bool { legs.contains { $0.places != nil } }

    public init(
        bet: UInt64, account: UInt64, client: ExternalID, requestHash: ExternalID, status: UInt8,
        stake: Int64, potentialReturn: Int64, payout: Int64, placedAt: Int64, acceptedAt: Int64,
        dueAt: Int64, settledAt: Int64, refusal: UInt16, value: Int64, threshold: Int64,
        settlementVersion: Int64, legs: [Leg], sizes: UInt32 = 0, bankers: UInt32 = 0,
        groups: SIMD4<UInt32> = .zero
    ) {
        self.groups = groups
        self.bet = bet
        self.account = account
        self.client = client
        self.requestHash = requestHash
        self.status = status
        self.stake = stake
        self.potentialReturn = potentialReturn
        self.payout = payout
        self.placedAt = placedAt
        self.acceptedAt = acceptedAt
        self.dueAt = dueAt
        self.settledAt = settledAt
        self.refusal = refusal
        self.value = value
        self.threshold = threshold
        self.settlementVersion = settlementVersion
        self.legs = legs
        self.sizes = sizes
        self.bankers = bankers
    }
}

/// One line of a customer's statement.
public struct StatementLine: Sendable {
    public let sequence: UInt64
    public let time: Int64
    public let reason: UInt8
    /// What the entry did to the free balance.
    public let cashChange: Int64
    public let bet: UInt64
    public let cash: Int64
    public let held: Int64
    public let openBets: Int64
    public let receivable: Int64
    /// Bonus money and what may be staked for nothing, after it, and what the entry did to them.
    public var bonus: Int64 = 0
    public var free: Int64 = 0
    public var bonusChange: Int64 = 0
    public var freeChange: Int64 = 0

    public init(
        sequence: UInt64, time: Int64, reason: UInt8, cashChange: Int64, bet: UInt64, cash: Int64,
        held: Int64, openBets: Int64, receivable: Int64
    ) {
        self.sequence = sequence
        self.time = time
        self.reason = reason
        self.cashChange = cashChange
        self.bet = bet
        self.cash = cash
        self.held = held
        self.openBets = openBets
        self.receivable = receivable
    }
}

/// What became of an account after a record, in the order of the records.
public struct AccountHistory: Sendable {
    public struct Entry: Sendable {
        /// The record that it is from.
        public let order: UInt64
        /// The money that moved; nil for a bet that was refused.
        public let line: StatementLine?
        /// The bet that it is about, as it is now; nil for money without one.
        public let bet: ProjectedBet?

        public init(order: UInt64, line: StatementLine?, bet: ProjectedBet?) {
            self.order = order
            self.line = line
            self.bet = bet
        }
    }

    public let entries: [Entry]
    /// Everything up to here is in `entries`.
    public let reached: UInt64
    /// Nothing further is in the rows.
    public let isLast: Bool
    /// How far the rows reach.
    public let asOf: UInt64

    public init(entries: [Entry], reached: UInt64, isLast: Bool, asOf: UInt64) {
        self.entries = entries
        self.reached = reached
        self.isLast = isLast
        self.asOf = asOf
    }
}

/// What somebody at the desk asked for, and what came of it.
public struct OperatorAction: Equatable, Sendable {
    /// Of the command.
    public let sequence: UInt64
    /// Nanoseconds since 1970.
    public let time: Int64
    public let actor: UInt64
    /// The command's word in the journal.
    public let kind: String
    /// What it was about; nil where it was not.
    public let market: UInt64?
    public let fixture: UInt64?
    public let account: UInt64?
    /// The code of what spoke against it; empty when it was done.
    public let refusal: String
    public let reason: String
    /// In words.
    public let detail: String

    public init(
        sequence: UInt64, time: Int64, actor: UInt64, kind: String, market: UInt64?,
        fixture: UInt64?, account: UInt64?, refusal: String, reason: String, detail: String
    ) {
        self.sequence = sequence
        self.time = time
        self.actor = actor
        self.kind = kind
        self.market = market
        self.fixture = fixture
        self.account = account
        self.refusal = refusal
        self.reason = reason
        self.detail = detail
    }
}

/// What a customer is told beside what its bets came to in the first place: that it is trusted less, or kept from
/// something, and why; that a bet came to something else afterwards.
public struct Notice: Equatable, Sendable {
    /// Of the record that says so.
    public let sequence: UInt64
    /// Nanoseconds since 1970.
    public let time: Int64
    /// The command's kind, or why a bet came to something else.
    public let kind: String
    /// As a person wrote it; empty about bets.
    public let text: String
    /// The bet that it is about, and what that paid until then and pays now, in minor units.
    public let bet: UInt64?
    public let before: Int64
    public let payout: Int64

    public init(
        sequence: UInt64, time: Int64, kind: String, text: String, bet: UInt64? = nil,
        before: Int64 = 0, payout: Int64 = 0
    ) {
        self.sequence = sequence
        self.time = time
        self.kind = kind
        self.text = text
        self.bet = bet
        self.before = before
        self.payout = payout
    }
}

/// Which actions are wanted; nil of any.
public struct ActionFilter: Sendable {
    public var actor: UInt64?
    public var market: UInt64?
    public var account: UInt64?
    public var kind: String?

    public init() {}
}

/// A bet whose price looked like an error afterwards.
public struct SuspectedBet: Equatable, Sendable {
    /// Of the record that says so.
    public let sequence: UInt64
    /// Nanoseconds since 1970.
    public let time: Int64
    public let bet: UInt64
    public let account: UInt64
    public let market: UInt64
    public let selection: UInt32
    public let odds: Odds
    /// Thousandths, and parts per billion: what the references said.
    public let reference: UInt32
    public let chance: UInt32
    public let acceptedAt: Int64
    /// Minor units, as it stood then.
    public let stake: Int64
    public let potentialReturn: Int64
    // As it is now.
    /// BetStatus
    public var status: UInt8 = 2
    public var payout: Int64 = 0
    /// Two people have made it void.
    public var isVoid = false
    /// Whose hand was last on the market's prices before it; nil where nobody's was.
    public var priced: UInt64?

    public init(
        sequence: UInt64, time: Int64, bet: UInt64, account: UInt64, market: UInt64,
        selection: UInt32, odds: Odds, reference: UInt32, chance: UInt32, acceptedAt: Int64,
        stake: Int64, potentialReturn: Int64
    ) {
        self.sequence = sequence
        self.time = time
        self.bet = bet
        self.account = account
        self.market = market
        self.selection = selection
        self.odds = odds
        self.reference = reference
        self.chance = chance
        self.acceptedAt = acceptedAt
        self.stake = stake
        self.potentialReturn = potentialReturn
    }
}

/// Suspected bets by whose hand was last on their markets' prices.
public struct SuspicionCount: Equatable, Sendable {
    /// Nil where nobody's was.
    public let priced: UInt64?
    public let bets: Int
    public let void: Int
    /// Minor units.
    public let staked: Int64

    public init(priced: UInt64?, bets: Int, void: Int, staked: Int64) {
        self.priced = priced
        self.bets = bets
        self.void = void
        self.staked = staked
    }
}

/// A signed-in browser as it is kept: the token itself is never stored, only its digest.
public struct StoredSession: Sendable {
    public let tokenHash: [UInt8]
    public let account: AccountID
    public let session: SessionID
    /// Nanoseconds since 1970.
    public let expires: Int64

    public init(tokenHash: [UInt8], account: AccountID, session: SessionID, expires: Int64) {
        self.tokenHash = tokenHash
        self.account = account
        self.session = session
        self.expires = expires
    }
}

/// The rows could not be read or written at this moment. Never means that there is nothing.
public struct ProjectionFailure: Error, Sendable {
    public init() {}
}

/// What has been projected from durable records, and who is signed in. Answers come on the store's
/// thread; false says that too many questions wait: answer `busy`.
public protocol ProjectionStore: AnyObject, Sendable {
    /// The newest first, those before `before`.
    func bets(
        of account: AccountID, before: UInt64, limit: Int,
        _ answer:
            @escaping @Sendable (Result<[ProjectedBet], ProjectionFailure>, _ asOf: UInt64) ->
            Void
    ) -> Bool
    func bet(
        _ id: BetID,
        _ answer:
            @escaping @Sendable (Result<ProjectedBet?, ProjectionFailure>, _ asOf: UInt64) ->
            Void
    ) -> Bool
    /// What was answered to a client's id, however long ago.
    func bet(
        of account: AccountID, client: ExternalID,
        _ answer:
            @escaping @Sendable (Result<ProjectedBet?, ProjectionFailure>, _ asOf: UInt64) ->
            Void
    ) -> Bool
    func statement(
        of account: AccountID, before: UInt64, limit: Int,
        _ answer:
            @escaping @Sendable (Result<[StatementLine], ProjectionFailure>, _ asOf: UInt64) ->
            Void
    ) -> Bool
    /// What became of the account after the record `after`, the oldest first, at most `limit` entries; nil: its newest bets
    /// and its balances, as they are.
    func history(
        of account: AccountID, after: UInt64?, limit: Int,
        _ answer: @escaping @Sendable (Result<AccountHistory, ProjectionFailure>) -> Void
    ) -> Bool
    func balances(
        of account: AccountID,
        _ answer:
            @escaping @Sendable (Result<StatementLine?, ProjectionFailure>, _ asOf: UInt64) ->
            Void
    ) -> Bool
    /// What a customer was told, the newest first, before the record `before`.
    func notices(
        of account: AccountID, before: UInt64, limit: Int,
        _ answer: @escaping @Sendable (Result<[Notice], ProjectionFailure>, _ asOf: UInt64) -> Void
    ) -> Bool
    /// What was done at the desk, the newest first, before the record `before`.
    func actions(
        _ filter: ActionFilter, before: UInt64, limit: Int,
        _ answer:
            @escaping @Sendable (Result<[OperatorAction], ProjectionFailure>, _ asOf: UInt64) ->
            Void
    ) -> Bool
    /// Bets whose prices looked like errors, the newest first, before the record `before`; and how many there are by
    /// whose hand was on the prices.
    func suspects(
        before: UInt64, limit: Int,
        _ answer:
            @escaping @Sendable (
                Result<(bets: [SuspectedBet], counts: [SuspicionCount]), ProjectionFailure>,
                _ asOf: UInt64
            ) -> Void
    ) -> Bool
    /// `saved` is called once the session is durable, or with false when it could not be made so.
    func save(_ session: StoredSession, _ saved: @escaping @Sendable (Bool) -> Void) -> Bool
    func remove(sessionWith tokenHash: [UInt8]) -> Bool
}
