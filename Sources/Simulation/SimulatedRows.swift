import EngineJournal
import Kernel
public import Projection
public import ProjectionService

/// Rows in memory, kept as a database keeps them that syncs now and then: what was committed is there for
/// everybody, and a power failure takes the newest transactions that were not synced.
public final class SimulatedRows: ProjectionRows {
    private struct LineKey: Hashable {
        let account: UInt64
        let sequence: UInt64
        let part: UInt8
    }

    private struct Tables {
        var accounts: [UInt64: AccountRow] = [:]
        var balances: [UInt64: BalanceRow] = [:]
        var sessions: [UInt64: SessionRow] = [:]
        var bets: [UInt64: ProjectedBet] = [:]
        var sales: [UInt64: SaleRow] = [:]
        var actions: [UInt64: OperatorAction] = [:]
        var suspects: [UInt64: SuspectedBet] = [:]
        var notices: [UInt64: [UInt64: Notice]] = [:]
        var voidBets: Set<UInt64> = []
        var lines: [LineKey: StatementLine] = [:]
        var place: ProjectedPlace?
    }

    private enum Change {
        case account(AccountRow)
        case session(SessionRow)
        case bet(ProjectedBet)
        case conclusion(ConclusionRow)
        case settlement(SettlementRow)
        case sale(SaleRow)
        case action(OperatorAction)
        case notice(UInt64, Notice)
        case suspect(SuspectedBet)
        case line(LineKey, StatementLine)
        case balances(UInt64, BalanceRow)
        case place(ProjectedPlace)
    }

    @exclusivity(unchecked) private var committed = Tables()
    @exclusivity(unchecked) private var synced = Tables()
    /// Committed and not synced, in their order.
    @exclusivity(unchecked) private var unsynced: [[Change]] = []
    @exclusivity(unchecked) private var current: [Change] = []
    /// Asked before each sync; false when somebody reads and it cannot be done now.
    public var maySync: () -> Bool = { true }

    public init() {}

    // MARK: ProjectionRows

    public func reached() -> ProjectedPlace? { committed.place }

    public func beyondCash() -> [UInt64: BalanceRow] {
        committed.balances.filter(\.value.isBeyondCash)
    }

    public func transaction(_ body: () throws -> Void) throws {
        current = []
        try body()
        for change in current { Self.apply(change, to: &committed) }
        unsynced.append(current)
    }

    public func secure() -> Bool {
        guard maySync() else { return false }
        for transaction in unsynced {
            for change in transaction { Self.apply(change, to: &synced) }
        }
        unsynced = []
        return true
    }

    public func add(_ account: AccountRow) { current.append(.account(account)) }
    public func add(_ session: SessionRow) { current.append(.session(session)) }
    public func put(_ action: OperatorAction) { current.append(.action(action)) }
    public func put(_ notice: Notice, of account: UInt64) {
        current.append(.notice(account, notice))
    }
    public func put(_ suspect: SuspectedBet) { current.append(.suspect(suspect)) }
    public func put(_ bet: ProjectedBet) { current.append(.bet(bet)) }
    public func conclude(_ bet: ConclusionRow) { current.append(.conclusion(bet)) }
    public func settle(_ bet: SettlementRow) { current.append(.settlement(bet)) }
    public func sell(_ bet: SaleRow) { current.append(.sale(bet)) }
    public func put(_ line: StatementLine, of account: UInt64, part: UInt8) {
        let key = LineKey(account: account, sequence: line.sequence, part: part)
        current.append(.line(key, line))
    }
    public func set(_ balances: BalanceRow, of account: UInt64) {
        current.append(.balances(account, balances))
    }
    public func move(to place: ProjectedPlace) { current.append(.place(place)) }

    private static func apply(_ change: Change, to tables: inout Tables) {
        switch change {
        case .account(let row):
            if tables.accounts[row.account] == nil { tables.accounts[row.account] = row }
        case .session(let row):
            if tables.sessions[row.session] == nil { tables.sessions[row.session] = row }
        case .action(let action): tables.actions[action.sequence] = action
        case .notice(let account, let notice):
            tables.notices[account, default: [:]][notice.sequence] = notice
        case .suspect(let suspect): tables.suspects[suspect.sequence] = suspect
        case .bet(let bet): tables.bets[bet.bet] = bet
        case .conclusion(let row):
            tables.bets[row.bet]?.status = row.status
            tables.bets[row.bet]?.acceptedAt = row.acceptedAt
            tables.bets[row.bet]?.refusal = row.refusal
            tables.bets[row.bet]?.value = row.value
            tables.bets[row.bet]?.threshold = row.threshold
        case .settlement(let row):
            tables.bets[row.bet]?.status = row.status
            tables.bets[row.bet]?.payout = row.payout
            tables.bets[row.bet]?.settledAt = row.settledAt
            tables.bets[row.bet]?.settlementVersion = Int64(row.version)
            if let returned = row.returned { tables.bets[row.bet]?.returned = returned }
            if row.isVoidByHand {
                tables.voidBets.insert(row.bet)
            } else {
                tables.voidBets.remove(row.bet)
            }
        case .sale(let row):
            guard row.isWhole else {
                tables.sales[row.sequence] = row
                let parts = tables.sales.values.filter { $0.bet == row.bet }
                tables.bets[row.bet]?.stake = row.stakeLeft
                tables.bets[row.bet]?.potentialReturn = row.potentialReturn
                tables.bets[row.bet]?.soldStake = parts.reduce(0) { $0 + $1.part }
                tables.bets[row.bet]?.soldFor = parts.reduce(0) { $0 + $1.payout }
                return
            }
            tables.bets[row.bet]?.status = row.status
            tables.bets[row.bet]?.payout = row.payout
            tables.bets[row.bet]?.settledAt = row.soldAt
        case .line(let key, let line): tables.lines[key] = line
        case .balances(let account, let row):
            if tables.accounts[account] != nil { tables.balances[account] = row }
        case .place(let place): tables.place = place
        }
    }

    // MARK: Power

    /// The power fails: of the transactions since the last sync only the first `kept` are there afterwards.
    public func losePower(keeping kept: (_ count: Int) -> Int) {
        for transaction in unsynced.prefix(kept(unsynced.count)) {
            for change in transaction { Self.apply(change, to: &synced) }
        }
        unsynced = []
        committed = synced
    }

    // MARK: Reading

    /// All bets, in no order.
    public var bets: some Collection<ProjectedBet> { committed.bets.values }
    public var sessionNumbers: Set<UInt64> { Set(committed.sessions.keys) }

    /// Bets that were suspected, and those that two people have made void.
    public var suspected: Set<UInt64> { Set(committed.suspects.values.map(\.bet)) }
    public var voidBets: Set<UInt64> { committed.voidBets }

    public func bet(_ id: UInt64) -> ProjectedBet? { committed.bets[id] }

    /// The newest first.
    public func bets(of account: UInt64) -> [ProjectedBet] {
        committed.bets.values.filter { $0.account == account }.sorted { $0.bet > $1.bet }
    }

    /// The newest first.
    public func statement(of account: UInt64) -> [StatementLine] {
        committed.lines.filter { $0.key.account == account }.sorted {
            ($0.key.sequence, $0.key.part) > ($1.key.sequence, $1.key.part)
        }.map(\.value)
    }

    /// What the lines of each account add up to.
    public var moved: [UInt64: Int64] {
        committed.lines.reduce(into: [:]) { $0[$1.key.account, default: 0] += $1.value.cashChange }
    }

    public func balances(of account: UInt64) -> BalanceRow? {
        guard committed.accounts[account] != nil else { return nil }
        return committed.balances[account]
    }
}

@available(*, unavailable)
extension SimulatedRows: Sendable {}
