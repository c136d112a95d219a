import EngineJournal
import Kernel
import Projection
import ProjectionService

/// Projected rows as tables.
final class SQLiteRows: ProjectionRows {
    private let database: Database
    private let movePoint: Database.Statement
    private let movePlace: Database.Statement
    private let updateBalances: Database.Statement
    private let addLine: Database.Statement
    private let addBet: Database.Statement
    private let concludeBet: Database.Statement
    private let settleBet: Database.Statement
    private let sellPart: Database.Statement
    private let shrinkBet: Database.Statement
    private let endBet: Database.Statement
    private let setPromotional: Database.Statement
    private let addPromotionalLine: Database.Statement
    private let splitBet: Database.Statement
    private let returnToBet: Database.Statement
    /// Accounts with a row of bonus money and free stakes.
    private var promotional: Set<UInt64> = []
    /// Bets that are, or once were, void by two people's word.
    private var voidKnown: Set<UInt64> = []
    private let legBuffer = UnsafeMutableBufferPointer<UInt64>.allocate(
        capacity: Limits.legs * SQLiteRows.legWords + 3)
    /// Words of a leg as it is stored: market, fixture, selection, odds; those are 0 at starting price.
    private static let legWords = 4

    static let schema = [
        """
        CREATE TABLE IF NOT EXISTS point (
            one INTEGER PRIMARY KEY CHECK (one = 1), incarnation INTEGER, sequence INTEGER,
            block_high INTEGER, block_low INTEGER)
        """,
        """
        CREATE TABLE IF NOT EXISTS place (
            one INTEGER PRIMARY KEY CHECK (one = 1), segment INTEGER, position INTEGER)
        """,
        """
        CREATE TABLE IF NOT EXISTS accounts (
            account INTEGER PRIMARY KEY, external_high INTEGER, external_low INTEGER,
            currency INTEGER, money INTEGER, cash INTEGER, held INTEGER, open_bets INTEGER,
            receivable INTEGER, sequence INTEGER)
        """,
        """
        CREATE TABLE IF NOT EXISTS bets (
            bet INTEGER PRIMARY KEY, account INTEGER, client_high INTEGER, client_low INTEGER,
            hash_high INTEGER, hash_low INTEGER, status INTEGER, stake INTEGER, potential INTEGER,
            payout INTEGER, placed_at INTEGER, accepted_at INTEGER, due_at INTEGER,
            settled_at INTEGER, refusal INTEGER, value INTEGER, threshold INTEGER,
            settlement INTEGER, legs BLOB)
        """,
        "CREATE INDEX IF NOT EXISTS bets_of_account ON bets (account, bet)",
        "CREATE INDEX IF NOT EXISTS bets_by_id ON bets (account, client_high, client_low)",
        """
        CREATE TABLE IF NOT EXISTS statement (
            account INTEGER, sequence INTEGER, part INTEGER, time INTEGER, reason INTEGER,
            change INTEGER, bet INTEGER, cash INTEGER, held INTEGER, open_bets INTEGER,
            receivable INTEGER, PRIMARY KEY (account, sequence, part)) WITHOUT ROWID
        """,
        """
        CREATE TABLE IF NOT EXISTS sales (
            sequence INTEGER PRIMARY KEY, bet INTEGER, part INTEGER, payout INTEGER)
        """,
        "CREATE INDEX IF NOT EXISTS sales_of_bet ON sales (bet)",
        """
        CREATE TABLE IF NOT EXISTS sessions (
            session INTEGER PRIMARY KEY, account INTEGER, realm INTEGER, channel INTEGER,
            began INTEGER)
        """,
        """
        CREATE TABLE IF NOT EXISTS actions (
            sequence INTEGER PRIMARY KEY, time INTEGER, actor INTEGER, kind TEXT, market INTEGER,
            fixture INTEGER, account INTEGER, refusal TEXT, reason TEXT, detail TEXT)
        """,
        """
        CREATE TABLE IF NOT EXISTS suspects (
            sequence INTEGER PRIMARY KEY, time INTEGER, bet INTEGER, account INTEGER,
            market INTEGER, selection INTEGER, odds INTEGER, reference INTEGER, chance INTEGER,
            accepted_at INTEGER, stake INTEGER, potential INTEGER)
        """,
        """
        CREATE TABLE IF NOT EXISTS notices (
            account INTEGER, sequence INTEGER, time INTEGER, kind TEXT, text TEXT, bet INTEGER,
            before INTEGER, payout INTEGER, PRIMARY KEY (account, sequence)) WITHOUT ROWID
        """,
        "CREATE INDEX IF NOT EXISTS actions_of_market ON actions (market, sequence)",
        // Bets that two people have made void.
        "CREATE TABLE IF NOT EXISTS void_bets (bet INTEGER PRIMARY KEY)",
        // Bonus money and free stakes stand beside the rest: most accounts, lines and bets have none.
        """
        CREATE TABLE IF NOT EXISTS promotional (
            account INTEGER PRIMARY KEY, bonus INTEGER, free INTEGER)
        """,
        """
        CREATE TABLE IF NOT EXISTS promotional_lines (
            account INTEGER, sequence INTEGER, part INTEGER, bonus INTEGER, free INTEGER,
            bonus_change INTEGER, free_change INTEGER,
            PRIMARY KEY (account, sequence, part)) WITHOUT ROWID
        """,
        """
        CREATE TABLE IF NOT EXISTS promotional_bets (
            bet INTEGER PRIMARY KEY, bonus INTEGER, free INTEGER, bonus_back INTEGER,
            free_back INTEGER)
        """,
    ]

    init(_ database: Database) throws(DatabaseError) {
        self.database = database
        for statement in Self.schema { try database.run(statement) }
        movePlace = try database.prepare("INSERT OR REPLACE INTO place VALUES (1, ?, ?)")
        movePoint = try database.prepare("INSERT OR REPLACE INTO point VALUES (1, ?, ?, ?, ?)")
        updateBalances = try database.prepare(
            "UPDATE accounts SET cash = ?, held = ?, open_bets = ?, receivable = ?, sequence = ? "
                + "WHERE account = ?")
        addLine = try database.prepare(
            "INSERT OR REPLACE INTO statement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        addBet = try database.prepare(
            "INSERT OR REPLACE INTO bets VALUES "
                + "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        concludeBet = try database.prepare(
            "UPDATE bets SET status = ?, accepted_at = ?, refusal = ?, value = ?, threshold = ? "
                + "WHERE bet = ?")
        settleBet = try database.prepare(
            "UPDATE bets SET status = ?, payout = ?, settled_at = ?, settlement = ? WHERE bet = ?")
        sellPart = try database.prepare("INSERT OR REPLACE INTO sales VALUES (?, ?, ?, ?)")
        shrinkBet = try database.prepare(
            "UPDATE bets SET stake = ?, potential = ? WHERE bet = ?")
        endBet = try database.prepare(
            "UPDATE bets SET status = ?, payout = ?, settled_at = ? WHERE bet = ?")
        setPromotional = try database.prepare("INSERT OR REPLACE INTO promotional VALUES (?, ?, ?)")
        addPromotionalLine = try database.prepare(
            "INSERT OR REPLACE INTO promotional_lines VALUES (?, ?, ?, ?, ?, ?, ?)")
        splitBet = try database.prepare(
            "INSERT OR REPLACE INTO promotional_bets VALUES (?, ?, ?, ?, ?)")
        returnToBet = try database.prepare(
            "UPDATE promotional_bets SET bonus_back = ?, free_back = ? WHERE bet = ?")
        var known: Set<UInt64> = []
        try database.query("SELECT account FROM promotional") { known.insert($0.unsigned(0)) }
        promotional = known
        var void: Set<UInt64> = []
        try database.query("SELECT bet FROM void_bets") { void.insert($0.unsigned(0)) }
        voidKnown = void
    }

    deinit { legBuffer.deallocate() }

    // MARK: Where they are

    func reached() throws -> ProjectedPlace? {
        var found: JournalPoint?
        try database.query("SELECT incarnation, sequence, block_high, block_low FROM point") {
            found = JournalPoint(
                incarnation: UInt32($0.integer(0)), sequence: $0.unsigned(1),
                block: BlockHash(high: $0.unsigned(2), low: $0.unsigned(3)))
        }
        guard let found else { return nil }
        var stood: JournalPosition?
        try database.query("SELECT segment, position FROM place") {
            stood = JournalPosition(segment: UInt32($0.integer(0)), offset: Int($0.integer(1)))
        }
        return ProjectedPlace(point: found, following: stood)
    }

    func beyondCash() throws -> [UInt64: BalanceRow] {
        var found: [UInt64: BalanceRow] = [:]
        try database.query(
            Self.balanceColumns + "WHERE receivable > 0 OR bonus > 0 OR free > 0"
        ) {
            let row = Self.balances($0)
            found[$0.unsigned(0)] = BalanceRow(
                cash: row.cash, held: row.held, openBets: row.openBets, receivable: row.receivable,
                sequence: row.sequence, bonus: row.bonus, free: row.free)
        }
        return found
    }

    func transaction(_ body: () throws -> Void) throws { try database.transaction(body) }

    func secure() throws -> Bool { try database.checkpoint() }

    func move(to place: ProjectedPlace) throws {
        try database.run(movePoint) {
            $0.integer(place.point.incarnation)
            $0.integer(place.point.sequence)
            $0.integer(place.point.block.high)
            $0.integer(place.point.block.low)
        }
        guard let following = place.following else { return }
        try database.run(movePlace) {
            $0.integer(following.segment)
            $0.integer(UInt64(following.offset))
        }
    }

    // MARK: Writing

    func add(_ account: AccountRow) throws {
        try database.run(
            "INSERT OR IGNORE INTO accounts VALUES (?, ?, ?, ?, ?, 0, 0, 0, 0, 0)",
            [
                bits(account.account), bits(account.external.high), bits(account.external.low),
                .integer(Int64(account.currency)), .integer(Int64(account.money)),
            ])
    }

    func add(_ session: SessionRow) throws {
        try database.run(
            "INSERT OR IGNORE INTO sessions VALUES (?, ?, ?, ?, ?)",
            [
                bits(session.session), bits(session.account), .integer(Int64(session.realm)),
                .integer(Int64(session.channel)), .integer(session.began),
            ])
    }

    func put(_ action: OperatorAction) throws {
        func number(_ value: UInt64?) -> Database.Value { value.map { bits($0) } ?? .null }
        try database.run(
            "INSERT OR REPLACE INTO actions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                bits(action.sequence), .integer(action.time), bits(action.actor),
                .text(action.kind), number(action.market), number(action.fixture),
                number(action.account), .text(action.refusal), .text(action.reason),
                .text(action.detail),
            ])
    }

    func put(_ notice: Notice, of account: UInt64) throws {
        try database.run(
            "INSERT OR REPLACE INTO notices VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                bits(account), bits(notice.sequence), .integer(notice.time), .text(notice.kind),
                .text(notice.text), notice.bet.map { bits($0) } ?? .null, .integer(notice.before),
                .integer(notice.payout),
            ])
    }

    func put(_ suspect: SuspectedBet) throws {
        try database.run(
            "INSERT OR REPLACE INTO suspects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                bits(suspect.sequence), .integer(suspect.time), bits(suspect.bet),
                bits(suspect.account), bits(suspect.market), .integer(Int64(suspect.selection)),
                bits(UInt64(suspect.odds.numerator) << 32 | UInt64(suspect.odds.denominator)),
                .integer(Int64(suspect.reference)), .integer(Int64(suspect.chance)),
                .integer(suspect.acceptedAt), .integer(suspect.stake),
                .integer(suspect.potentialReturn),
            ])
    }

    func set(_ balances: BalanceRow, of account: UInt64) throws {
        try database.run(updateBalances) {
            $0.integer(balances.cash)
            $0.integer(balances.held)
            $0.integer(balances.openBets)
            $0.integer(balances.receivable)
            $0.integer(balances.sequence)
            $0.integer(account)
        }
        let isPromotional = balances.bonus != 0 || balances.free != 0
        guard isPromotional || promotional.contains(account) else { return }
        promotional.insert(account)
        try database.run(setPromotional) {
            $0.integer(account)
            $0.integer(balances.bonus)
            $0.integer(balances.free)
        }
    }

    func put(_ line: StatementLine, of account: UInt64, part: UInt8) throws {
        try database.run(addLine) {
            $0.integer(account)
            $0.integer(line.sequence)
            $0.integer(part)
            $0.integer(line.time)
            $0.integer(line.reason)
            $0.integer(line.cashChange)
            $0.integer(line.bet)
            $0.integer(line.cash)
            $0.integer(line.held)
            $0.integer(line.openBets)
            $0.integer(line.receivable)
        }
        guard line.bonus | line.free | line.bonusChange | line.freeChange != 0 else { return }
        try database.run(addPromotionalLine) {
            $0.integer(account)
            $0.integer(line.sequence)
            $0.integer(part)
            $0.integer(line.bonus)
            $0.integer(line.free)
            $0.integer(line.bonusChange)
            $0.integer(line.freeChange)
        }
    }

    func put(_ bet: ProjectedBet) throws {
        for (index, leg) in bet.legs.prefix(Limits.legs).enumerated() {
            let word = index * Self.legWords
            legBuffer[word] = leg.market.littleEndian
            legBuffer[word + 1] = leg.fixture.littleEndian
            legBuffer[word + 2] =
                (UInt64(leg.places?.packed ?? 0) << 32 | UInt64(leg.selection)).littleEndian
            legBuffer[word + 3] =
                (leg.odds.map { UInt64($0.numerator) << 32 | UInt64($0.denominator) } ?? 0)
                .littleEndian
        }
        var words = min(bet.legs.count, Limits.legs) * Self.legWords
        // What lines the legs of a system make stands behind them.
        if bet.sizes != 0 {
            legBuffer[words] = (UInt64(bet.sizes) << 32 | UInt64(bet.bankers)).littleEndian
            words += 1
        }
        if bet.groups != .zero {
            for pair in 0..<2 {
                let (one, other) = (bet.groups[pair * 2], bet.groups[pair * 2 + 1])
                legBuffer[words] = (UInt64(one) << 32 | UInt64(other)).littleEndian
                words += 1
            }
        }
        if let joint = bet.joint {
            legBuffer[words] =
                (UInt64(joint.numerator) << 32 | UInt64(joint.denominator)).littleEndian
            legBuffer[words + 1] = 0
            words += 2
        }
        let blob = UnsafeRawBufferPointer(start: legBuffer.baseAddress, count: words * 8)
        try database.run(addBet) {
            $0.integer(bet.bet)
            $0.integer(bet.account)
            $0.integer(bet.client.high)
            $0.integer(bet.client.low)
            $0.integer(bet.requestHash.high)
            $0.integer(bet.requestHash.low)
            $0.integer(bet.status)
            $0.integer(bet.stake)
            $0.integer(bet.potentialReturn)
            $0.integer(bet.payout)
            $0.integer(bet.placedAt)
            $0.integer(bet.acceptedAt)
            $0.integer(bet.dueAt)
            $0.integer(bet.settledAt)
            $0.integer(bet.refusal)
            $0.integer(bet.value)
            $0.integer(bet.threshold)
            $0.integer(bet.settlementVersion)
            $0.blob(blob)
        }
        guard let split = bet.split else { return }
        try database.run(splitBet) {
            $0.integer(bet.bet)
            $0.integer(split.bonus)
            $0.integer(split.free)
            $0.integer(bet.returned.bonus)
            $0.integer(bet.returned.free)
        }
    }

    func conclude(_ bet: ConclusionRow) throws {
        try database.run(concludeBet) {
            $0.integer(bet.status)
            $0.integer(bet.acceptedAt)
            $0.integer(bet.refusal)
            $0.integer(bet.value)
            $0.integer(bet.threshold)
            $0.integer(bet.bet)
        }
    }

    func settle(_ bet: SettlementRow) throws {
        try database.run(settleBet) {
            $0.integer(bet.status)
            $0.integer(bet.payout)
            $0.integer(bet.settledAt)
            $0.integer(bet.version)
            $0.integer(bet.bet)
        }
        if bet.isVoidByHand {
            try database.run("INSERT OR REPLACE INTO void_bets VALUES (?)", [bits(bet.bet)])
            voidKnown.insert(bet.bet)
        } else if voidKnown.contains(bet.bet) {
            try database.run("DELETE FROM void_bets WHERE bet = ?", [bits(bet.bet)])
        }
        guard let returned = bet.returned else { return }
        try database.run(returnToBet) {
            $0.integer(returned.bonus)
            $0.integer(returned.free)
            $0.integer(bet.bet)
        }
    }

    func sell(_ bet: SaleRow) throws {
        guard bet.isWhole else {
            try database.run(sellPart) {
                $0.integer(bet.sequence)
                $0.integer(bet.bet)
                $0.integer(bet.part)
                $0.integer(bet.payout)
            }
            return try database.run(shrinkBet) {
                $0.integer(bet.stakeLeft)
                $0.integer(bet.potentialReturn)
                $0.integer(bet.bet)
            }
        }
        try database.run(endBet) {
            $0.integer(bet.status)
            $0.integer(bet.payout)
            $0.integer(bet.soldAt)
            $0.integer(bet.bet)
        }
    }

    // MARK: Reading

    private static let betColumns =
        "SELECT bets.bet, account, client_high, client_low, hash_high, hash_low, status, stake, "
        + "potential, payout, placed_at, accepted_at, due_at, settled_at, refusal, value, "
        + "threshold, settlement, legs, "
        + "(SELECT COALESCE(SUM(part), 0) FROM sales WHERE sales.bet = bets.bet), "
        + "(SELECT COALESCE(SUM(payout), 0) FROM sales WHERE sales.bet = bets.bet), "
        + "bonus, free, bonus_back, free_back, void_bets.bet "
        + "FROM bets LEFT JOIN promotional_bets ON promotional_bets.bet = bets.bet "
        + "LEFT JOIN void_bets ON void_bets.bet = bets.bet "

    private static func bet(_ row: Database.Row) -> ProjectedBet {
        let blob = row.blob(18)
        func word(_ index: Int) -> UInt64 {
            (0..<8).reduce(UInt64(0)) { $0 | UInt64(blob[index * 8 + $1]) << UInt64($1 * 8) }
        }
        let legs = (0..<blob.count / 32).map { index in
            let odds = word(index * 4 + 3)
            return ProjectedBet.Leg(
                market: word(index * 4), fixture: word(index * 4 + 1),
                selection: UInt32(truncatingIfNeeded: word(index * 4 + 2)),
                odds: odds == 0
                    ? nil
                    : Odds(
                        reduced: UInt32(odds >> 32), max(1, UInt32(truncatingIfNeeded: odds))),
                places: PlaceTerms(packed: UInt32(word(index * 4 + 2) >> 32)))
        }
        // One word of a system stands behind its legs, and two more of its groups; or two of the price of all of them.
        let isJoint = blob.count % 32 == 16
        let shape = blob.count % 32 == 0 || isJoint ? 0 : word(legs.count * 4)
        var groups = SIMD4<UInt32>.zero
        if blob.count % 32 == 24 {
            for place in 0..<4 {
                let pair = word(legs.count * 4 + 1 + place / 2)
                groups[place] = UInt32(truncatingIfNeeded: place % 2 == 0 ? pair >> 32 : pair)
            }
        }
        var bet = ProjectedBet(
            bet: row.unsigned(0), account: row.unsigned(1),
            client: ExternalID(high: row.unsigned(2), low: row.unsigned(3)),
            requestHash: ExternalID(high: row.unsigned(4), low: row.unsigned(5)),
            status: UInt8(row.integer(6)), stake: row.integer(7), potentialReturn: row.integer(8),
            payout: row.integer(9), placedAt: row.integer(10), acceptedAt: row.integer(11),
            dueAt: row.integer(12), settledAt: row.integer(13), refusal: UInt16(row.integer(14)),
            value: row.integer(15), threshold: row.integer(16),
            settlementVersion: row.integer(17), legs: legs, sizes: UInt32(shape >> 32),
            bankers: UInt32(truncatingIfNeeded: shape), groups: groups)
        if isJoint {
            let odds = word(legs.count * 4)
            bet.joint = Odds(
                reduced: UInt32(odds >> 32), max(1, UInt32(truncatingIfNeeded: odds)))
        }
        bet.soldStake = row.integer(19)
        bet.soldFor = row.integer(20)
        bet.isVoidByHand = !row.isNull(25)
        let (bonus, free) = (row.integer(21), row.integer(22))
        if bonus | free != 0 {
            bet.split = StakeSplit(cash: bet.stake - bonus - free, bonus: bonus, free: free)
            bet.returned = PromotionalReturn(bonus: row.integer(23), free: row.integer(24))
        }
        return bet
    }

    private static let lineColumns =
        "SELECT statement.sequence, time, reason, change, bet, cash, held, open_bets, receivable, "
        + "bonus, free, bonus_change, free_change FROM statement LEFT JOIN promotional_lines USING "
        + "(account, sequence, part) "

    private static func line(_ row: Database.Row) -> StatementLine {
        var line = StatementLine(
            sequence: row.unsigned(0), time: row.integer(1), reason: UInt8(row.integer(2)),
            cashChange: row.integer(3), bet: row.unsigned(4), cash: row.integer(5),
            held: row.integer(6), openBets: row.integer(7), receivable: row.integer(8))
        line.bonus = row.integer(9)
        line.free = row.integer(10)
        line.bonusChange = row.integer(11)
        line.freeChange = row.integer(12)
        return line
    }

    private static let balanceColumns =
        "SELECT accounts.account, sequence, cash, held, open_bets, receivable, bonus, free "
        + "FROM accounts LEFT JOIN promotional ON promotional.account = accounts.account "

    /// Where an account stands, as a line without an entry.
    private static func balances(_ row: Database.Row) -> StatementLine {
        var line = StatementLine(
            sequence: row.unsigned(1), time: 0, reason: 0, cashChange: 0, bet: 0,
            cash: row.integer(2), held: row.integer(3), openBets: row.integer(4),
            receivable: row.integer(5))
        line.bonus = row.integer(6)
        line.free = row.integer(7)
        return line
    }

    /// The newest first; `before` goes on where an earlier page ended.
    func bets(of account: UInt64, before: UInt64, limit: Int) throws(DatabaseError)
        -> [ProjectedBet]
    {
        var found: [ProjectedBet] = []
        try database.query(
            Self.betColumns + "WHERE account = ? AND bets.bet < ? ORDER BY bets.bet DESC LIMIT ?",
            [bits(account), .integer(Int64(clamping: before)), .integer(Int64(limit))]
        ) { found.append(Self.bet($0)) }
        return found
    }

    func bet(_ id: UInt64) throws(DatabaseError) -> ProjectedBet? {
        var found: ProjectedBet?
        try database.query(Self.betColumns + "WHERE bets.bet = ?", [bits(id)]) {
            found = Self.bet($0)
        }
        return found
    }

    /// What was answered to a client's id, however long ago.
    func bet(of account: UInt64, client: ExternalID) throws(DatabaseError) -> ProjectedBet? {
        var found: ProjectedBet?
        try database.query(
            Self.betColumns
                + "WHERE account = ? AND client_high = ? AND client_low = ? "
                + "ORDER BY bets.bet LIMIT 1",
            [bits(account), bits(client.high), bits(client.low)]
        ) { found = Self.bet($0) }
        return found
    }

    func statement(of account: UInt64, before: UInt64, limit: Int) throws(DatabaseError)
        -> [StatementLine]
    {
        var lines: [StatementLine] = []
        try database.query(
            Self.lineColumns
                + "WHERE account = ? AND sequence < ? ORDER BY sequence DESC, part DESC LIMIT ?",
            [bits(account), .integer(Int64(clamping: before)), .integer(Int64(limit))]
        ) { lines.append(Self.line($0)) }
        return lines
    }

    /// The newest first.
    func notices(of account: UInt64, before: UInt64, limit: Int) throws(DatabaseError) -> [Notice] {
        var found: [Notice] = []
        try database.query(
            "SELECT sequence, time, kind, text, bet, before, payout FROM notices "
                + "WHERE account = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?",
            [bits(account), .integer(Int64(clamping: before)), .integer(Int64(limit))]
        ) { row in
            found.append(
                Notice(
                    sequence: row.unsigned(0), time: row.integer(1), kind: row.text(2),
                    text: row.text(3), bet: row.isNull(4) ? nil : row.unsigned(4),
                    before: row.integer(5), payout: row.integer(6)))
        }
        return found
    }

    /// The newest first.
    func actions(_ filter: ActionFilter, before: UInt64, limit: Int) throws(DatabaseError)
        -> [OperatorAction]
    {
        var wanted = "sequence < ?"
        var values: [Database.Value] = [.integer(Int64(clamping: before))]
        for (column, value) in [
            ("actor", filter.actor), ("market", filter.market), ("account", filter.account),
        ] {
            guard let value else { continue }
            wanted += " AND \(column) = ?"
            values.append(bits(value))
        }
        if let kind = filter.kind {
            wanted += " AND kind = ?"
            values.append(.text(kind))
        }
        values.append(.integer(Int64(limit)))
        var found: [OperatorAction] = []
        try database.query(
            "SELECT sequence, time, actor, kind, market, fixture, account, refusal, reason, detail "
                + "FROM actions WHERE \(wanted) ORDER BY sequence DESC LIMIT ?", values
        ) { row in
            func number(_ column: Int) -> UInt64? {
                row.isNull(column) ? nil : row.unsigned(column)
            }
            found.append(
                OperatorAction(
                    sequence: row.unsigned(0), time: row.integer(1), actor: row.unsigned(2),
                    kind: row.text(3), market: number(4), fixture: number(5), account: number(6),
                    refusal: row.text(7), reason: row.text(8), detail: row.text(9)))
        }
        return found
    }

    /// Whose hand was last on the prices of a suspected bet's market before it.
    private static let priced = """
        (SELECT actor FROM actions WHERE kind = 'pricing' AND refusal = ''
        AND actions.market = suspects.market AND actions.sequence < suspects.bet
        ORDER BY actions.sequence DESC LIMIT 1)
        """

    /// The newest first, with what has become of them.
    func suspects(before: UInt64, limit: Int) throws(DatabaseError) -> [SuspectedBet] {
        var found: [SuspectedBet] = []
        try database.query(
            "SELECT suspects.sequence, suspects.time, suspects.bet, suspects.account, market, "
                + "selection, odds, reference, chance, suspects.accepted_at, suspects.stake, "
                + "suspects.potential, bets.status, bets.payout, void_bets.bet, \(Self.priced) "
                + "FROM suspects LEFT JOIN bets ON bets.bet = suspects.bet "
                + "LEFT JOIN void_bets ON void_bets.bet = suspects.bet "
                + "WHERE suspects.sequence < ? ORDER BY suspects.sequence DESC LIMIT ?",
            [.integer(Int64(clamping: before)), .integer(Int64(limit))]
        ) { row in
            let odds = row.unsigned(6)
            guard
                let price = Odds(
                    UInt32(truncatingIfNeeded: odds >> 32), over: UInt32(truncatingIfNeeded: odds))
            else { return }
            var suspect = SuspectedBet(
                sequence: row.unsigned(0), time: row.integer(1), bet: row.unsigned(2),
                account: row.unsigned(3), market: row.unsigned(4),
                selection: UInt32(clamping: row.integer(5)), odds: price,
                reference: UInt32(clamping: row.integer(7)),
                chance: UInt32(clamping: row.integer(8)), acceptedAt: row.integer(9),
                stake: row.integer(10), potentialReturn: row.integer(11))
            suspect.status = UInt8(clamping: row.integer(12))
            suspect.payout = row.integer(13)
            suspect.isVoid = !row.isNull(14)
            suspect.priced = row.isNull(15) ? nil : row.unsigned(15)
            found.append(suspect)
        }
        return found
    }

    func suspicionCounts() throws(DatabaseError) -> [SuspicionCount] {
        var found: [SuspicionCount] = []
        try database.query(
            "SELECT \(Self.priced) AS priced, COUNT(*), COUNT(void_bets.bet), SUM(stake) "
                + "FROM suspects LEFT JOIN void_bets ON void_bets.bet = suspects.bet "
                + "GROUP BY priced ORDER BY priced", []
        ) { row in
            found.append(
                SuspicionCount(
                    priced: row.isNull(0) ? nil : row.unsigned(0), bets: Int(row.integer(1)),
                    void: Int(row.integer(2)), staked: row.integer(3)))
        }
        return found
    }

    /// A refused bet moved no money: its answer is the record after its own.
    func history(of account: UInt64, after: UInt64, limit: Int, asOf: UInt64)
        throws(DatabaseError) -> AccountHistory
    {
        var entries: [AccountHistory.Entry] = []
        var lineCount = 0
        try database.query(
            Self.lineColumns
                + "WHERE account = ? AND sequence > ? ORDER BY sequence, part LIMIT ?",
            [bits(account), .integer(Int64(clamping: after)), .integer(Int64(limit))]
        ) {
            let line = Self.line($0)
            entries.append(AccountHistory.Entry(order: line.sequence, line: line, bet: nil))
            lineCount += 1
        }
        var refusedCount = 0
        try database.query(
            Self.betColumns
                + "WHERE account = ? AND bets.bet >= ? AND refusal != 0 AND due_at = 0 "
                + "ORDER BY bets.bet LIMIT ?",
            [bits(account), .integer(Int64(clamping: after)), .integer(Int64(limit))]
        ) {
            let bet = Self.bet($0)
            entries.append(AccountHistory.Entry(order: bet.bet + 1, line: nil, bet: bet))
            refusedCount += 1
        }
        entries.sort { $0.order < $1.order }
        let isLast = lineCount < limit && refusedCount < limit
        if !isLast { entries = Array(entries.prefix(limit)) }
        var told: [AccountHistory.Entry] = []
        for entry in entries {
            guard let bet = entry.line?.bet, bet != 0 else {
                told.append(entry)
                continue
            }
            told.append(
                AccountHistory.Entry(order: entry.order, line: entry.line, bet: try self.bet(bet)))
        }
        return AccountHistory(
            entries: told, reached: isLast ? asOf : told.last?.order ?? asOf, isLast: isLast,
            asOf: asOf)
    }

    /// Bets and balances as they are now, as one page of history that says so.
    func newest(of account: UInt64, limit: Int, asOf: UInt64) throws(DatabaseError)
        -> AccountHistory
    {
        var entries: [AccountHistory.Entry] = []
        if let line = try balances(of: account) {
            entries.append(AccountHistory.Entry(order: line.sequence, line: line, bet: nil))
        }
        for bet in try bets(of: account, before: .max, limit: limit).reversed() {
            entries.append(AccountHistory.Entry(order: asOf, line: nil, bet: bet))
        }
        return AccountHistory(entries: entries, reached: asOf, isLast: true, asOf: asOf)
    }

    func balances(of account: UInt64) throws(DatabaseError) -> StatementLine? {
        var line: StatementLine?
        try database.query(
            Self.balanceColumns + "WHERE accounts.account = ?", [bits(account)]
        ) { line = Self.balances($0) }
        return line
    }
}
