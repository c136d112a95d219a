import Betting
import EngineCore
import EngineJournal
import Kernel
import Ledger
import ProjectionService

/// The tables, and how durable records become rows. Applying a record twice changes nothing.
final class Projection {
    private let database: Database
    private(set) var point: JournalPoint?
    /// Where the block after the point stands, as far as is known.
    private(set) var place: JournalPosition?
    /// What customers owe, for those who do.
    private var debts: [UInt64: Int64] = [:]
    private var changed: [UInt64: BalanceRow] = [:]
    private let movePoint: Database.Statement
    private let movePlace: Database.Statement
    private let updateBalances: Database.Statement
    private let addLine: Database.Statement
    private let addBet: Database.Statement
    private let concludeBet: Database.Statement
    private let settleBet: Database.Statement
    private let legBuffer = UnsafeMutableBufferPointer<UInt64>.allocate(
        capacity: Limits.legs * Projection.legWords)

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
        CREATE TABLE IF NOT EXISTS sessions (
            session INTEGER PRIMARY KEY, account INTEGER, realm INTEGER, channel INTEGER,
            began INTEGER)
        """,
    ]

    init(_ database: Database) throws(DatabaseError) {
        self.database = database
        for statement in Self.schema { try database.run(statement) }
        var found: JournalPoint?
        try database.query("SELECT incarnation, sequence, block_high, block_low FROM point") {
            found = JournalPoint(
                incarnation: UInt32($0.integer(0)), sequence: $0.unsigned(1),
                block: BlockHash(high: $0.unsigned(2), low: $0.unsigned(3)))
        }
        point = found
        var stood: JournalPosition?
        try database.query("SELECT segment, position FROM place") {
            stood = JournalPosition(segment: UInt32($0.integer(0)), offset: Int($0.integer(1)))
        }
        place = stood
        movePlace = try database.prepare("INSERT OR REPLACE INTO place VALUES (1, ?, ?)")
        movePoint = try database.prepare("INSERT OR REPLACE INTO point VALUES (1, ?, ?, ?, ?)")
        updateBalances = try database.prepare(
            "UPDATE accounts SET cash = ?, held = ?, open_bets = ?, receivable = ?, sequence = ? "
                + "WHERE account = ?")
        addLine = try database.prepare(
            "INSERT OR REPLACE INTO statement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        addBet = try database.prepare(
            "INSERT OR REPLACE INTO bets VALUES "
                + "(?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, 0, ?, ?, ?, 0, ?)")
        concludeBet = try database.prepare(
            "UPDATE bets SET status = ?, accepted_at = ?, refusal = ?, value = ?, threshold = ? "
                + "WHERE bet = ?")
        settleBet = try database.prepare(
            "UPDATE bets SET status = ?, payout = ?, settled_at = ?, settlement = ? WHERE bet = ?")
        try readDebts()
    }

    deinit { legBuffer.deallocate() }

    /// Applies one block's records and moves the point, in the transaction that the caller opened.
    func apply(
        _ forEachRecord: ((RecordBytes) throws -> Void) throws -> Void, to newPoint: JournalPoint
    ) throws {
        if let point, newPoint.sequence <= point.sequence { return }
        let already = point?.sequence ?? 0
        var place: RecordBytes?
        try forEachRecord { record in
            guard record.sequence > already else { return }
            switch record.kind {
            case .place: place = record
            case .placed: try placed(record, place)
            case .betSettled: try settled(record)
            case .accountChanged: try accountChanged(record)
            case .session: try session(record)
            default: break
            }
        }
        point = newPoint
    }

    /// The last thing in every transaction: balances that changed in it, and the point it reaches.
    func finish(at position: JournalPosition) throws {
        for (account, row) in changed {
            try database.run(updateBalances) {
                row.bind(to: &$0)
                $0.integer(row.sequence)
                $0.integer(account)
            }
        }
        changed.removeAll(keepingCapacity: true)
        guard let point else { return }
        try database.run(movePoint) {
            $0.integer(point.incarnation)
            $0.integer(point.sequence)
            $0.integer(point.block.high)
            $0.integer(point.block.low)
        }
        place = position
        try database.run(movePlace) {
            $0.integer(position.segment)
            $0.integer(UInt64(position.offset))
        }
    }

    /// Forgets what a transaction that was rolled back had reached.
    func restore(_ before: JournalPoint?) throws(DatabaseError) {
        point = before
        changed.removeAll()
        try readDebts()
    }

    /// Who owes what; the few that do.
    private func readDebts() throws(DatabaseError) {
        var found: [UInt64: Int64] = [:]
        try database.query("SELECT account, receivable FROM accounts WHERE receivable > 0") {
            found[$0.unsigned(0)] = $0.integer(1)
        }
        debts = found
    }

    /// Balances as a record states them.
    private struct BalanceRow {
        let cash: Int64
        let held: Int64
        let openBets: Int64
        let receivable: Int64
        let sequence: UInt64

        init(_ record: RecordBytes, at offset: Int) {
            cash = record.field(offset + Layout.Balances.cash, as: Int64.self)
            held = record.field(offset + Layout.Balances.held, as: Int64.self)
            openBets = record.field(offset + Layout.Balances.openBets, as: Int64.self)
            receivable = record.field(offset + Layout.Balances.receivable, as: Int64.self)
            sequence = record.sequence
        }

        func bind(to binder: inout Database.Binder) {
            binder.integer(cash)
            binder.integer(held)
            binder.integer(openBets)
            binder.integer(receivable)
        }
    }

    /// Remembered, and written once per account when the transaction ends.
    private func updateAccount(_ record: RecordBytes, at offset: Int) {
        changed[record.account.rawValue] = BalanceRow(record, at: offset)
    }

    private func line(
        _ record: RecordBytes, part: UInt8, reason: EntryReason, change: Int64, bet: UInt64,
        at offset: Int
    ) throws(DatabaseError) {
        let balances = BalanceRow(record, at: offset)
        try database.run(addLine) {
            $0.integer(record.account.rawValue)
            $0.integer(record.sequence)
            $0.integer(part)
            $0.integer(record.time.nanoseconds)
            $0.integer(reason.rawValue)
            $0.integer(change)
            $0.integer(bet)
            balances.bind(to: &$0)
        }
    }

    private func accountChanged(_ record: RecordBytes) throws(DatabaseError) {
        guard record.field(Layout.AccountChanged.refusal, as: UInt16.self) == 0 else { return }
        try database.run(
            "INSERT OR IGNORE INTO accounts VALUES (?, ?, ?, ?, ?, 0, 0, 0, 0, 0)",
            [
                bits(record.account.rawValue), bits(record.clientID.high),
                bits(record.clientID.low),
                .integer(Int64(record.field(Layout.AccountChanged.currency, as: UInt16.self))),
                .integer(Int64(record.field(Layout.AccountChanged.money, as: UInt8.self))),
            ])
        updateAccount(record, at: Layout.AccountChanged.balances)
        if record.field(Layout.AccountChanged.entry, as: UInt8.self) != 0 {
            try line(
                record, part: 0, reason: .deposit,
                change: record.field(Layout.AccountChanged.amount, as: Int64.self), bet: 0,
                at: Layout.AccountChanged.balances)
        }
    }

    private func session(_ record: RecordBytes) throws(DatabaseError) {
        try database.run(
            "INSERT OR IGNORE INTO sessions VALUES (?, ?, ?, ?, ?)",
            [
                bits(record.sequence), bits(record.account.rawValue),
                .integer(Int64(record.field(Layout.Session.realm, as: UInt8.self))),
                .integer(Int64(record.field(Layout.Session.channel, as: UInt8.self))),
                .integer(record.time.nanoseconds),
            ])
    }

    private func placed(_ record: RecordBytes, _ place: RecordBytes?) throws(DatabaseError) {
        guard record.flags & Layout.Placed.repeated == 0,
            record.field(Layout.Placed.money, as: UInt8.self) != 0
        else { return }
        let bet = record.field(Layout.Placed.bet, as: UInt64.self)
        let refusal = record.field(Layout.Placed.refusal, as: UInt16.self)
        let isFirst = place.map { $0.sequence == bet } ?? false
        if isFirst, let place {
            // An id that was used before, or may have been, names the earlier bet, not this one.
            guard refusal != Refusal.idReused.rawValue,
                refusal != Refusal.idOutsideWindow.rawValue
            else { return }
            try insert(bet, place, record)
        } else {
            try database.run(concludeBet) {
                $0.integer(record.field(Layout.Placed.status, as: UInt8.self))
                $0.integer(record.field(Layout.Placed.acceptedAt, as: Int64.self))
                $0.integer(refusal)
                $0.integer(record.field(Layout.Placed.value, as: Int64.self))
                $0.integer(record.field(Layout.Placed.threshold, as: Int64.self))
                $0.integer(bet)
            }
        }
        let entries = record.field(Layout.Placed.entries, as: UInt8.self)
        guard entries != 0 else { return }
        updateAccount(record, at: Layout.Placed.balances)
        let stake = record.field(Layout.Placed.stake, as: Int64.self)
        // A stake that is held and accepted in one record is one line: the balances are those after both.
        let reason: EntryReason
        if entries & (1 << EntryReason.hold.rawValue) != 0 {
            reason = .hold
        } else if entries & (1 << EntryReason.release.rawValue) != 0 {
            reason = .release
        } else {
            reason = .accept
        }
        let change = reason == .hold ? -stake : reason == .release ? stake : 0
        try line(
            record, part: reason.rawValue, reason: reason, change: change, bet: bet,
            at: Layout.Placed.balances)
    }

    /// Words of a leg as it is stored: market, fixture, selection, odds.
    private static let legWords = 4

    private func insert(_ bet: UInt64, _ place: RecordBytes, _ record: RecordBytes)
        throws(DatabaseError)
    {
        let legs = min(Int(place.field(Layout.Place.legCount, as: UInt8.self)), Limits.legs)
        let accepted = Int(record.field(Layout.Placed.legCount, as: UInt8.self))
        for index in 0..<legs {
            let leg = Layout.Place.legs + index * Layout.Place.legSize
            let word = index * Self.legWords
            legBuffer[word] = place.field(leg + Layout.Leg.market, as: UInt64.self).littleEndian
            legBuffer[word + 1] =
                place.field(leg + Layout.Leg.fixture, as: UInt64.self).littleEndian
            legBuffer[word + 2] =
                UInt64(place.field(leg + Layout.Leg.selection, as: UInt32.self)).littleEndian
            // The accepted price where there is one, else the one that was asked for.
            let source = index < accepted ? record : place
            let offset =
                index < accepted
                ? Layout.Placed.legs + index * Layout.Placed.legSize : leg + Layout.Leg.odds
            legBuffer[word + 3] =
                (UInt64(source.field(offset, as: UInt32.self)) << 32
                | UInt64(source.field(offset + 4, as: UInt32.self))).littleEndian
        }
        let blob = UnsafeRawBufferPointer(
            start: legBuffer.baseAddress, count: legs * Self.legWords * 8)
        try database.run(addBet) {
            $0.integer(bet)
            $0.integer(record.account.rawValue)
            $0.integer(record.clientID.high)
            $0.integer(record.clientID.low)
            $0.integer(place.requestHash.high)
            $0.integer(place.requestHash.low)
            $0.integer(record.field(Layout.Placed.status, as: UInt8.self))
            $0.integer(record.field(Layout.Placed.stake, as: Int64.self))
            $0.integer(record.field(Layout.Placed.potentialReturn, as: Int64.self))
            $0.integer(place.time.nanoseconds)
            $0.integer(record.field(Layout.Placed.acceptedAt, as: Int64.self))
            $0.integer(record.field(Layout.Placed.dueAt, as: Int64.self))
            $0.integer(record.field(Layout.Placed.refusal, as: UInt16.self))
            $0.integer(record.field(Layout.Placed.value, as: Int64.self))
            $0.integer(record.field(Layout.Placed.threshold, as: Int64.self))
            $0.blob(blob)
        }
    }

    private func settled(_ record: RecordBytes) throws(DatabaseError) {
        let bet = record.field(Layout.BetSettled.bet, as: UInt64.self)
        let payout = record.field(Layout.BetSettled.payout, as: Int64.self)
        let before = record.field(Layout.BetSettled.payoutBefore, as: Int64.self)
        let reason =
            EntryReason(rawValue: record.field(Layout.BetSettled.entry, as: UInt8.self)) ?? .settle
        try database.run(settleBet) {
            $0.integer(record.field(Layout.BetSettled.status, as: UInt8.self))
            $0.integer(payout)
            $0.integer(record.time.nanoseconds)
            $0.integer(record.field(Layout.BetSettled.version, as: UInt32.self))
            $0.integer(bet)
        }
        updateAccount(record, at: Layout.BetSettled.balances)
        // What is owed is paid first, and what is no longer there becomes owed: the rest is what moved.
        let account = record.account.rawValue
        let owed = record.field(
            Layout.BetSettled.balances + Layout.Balances.receivable, as: Int64.self)
        let change = payout - before + owed - (debts[account] ?? 0)
        debts[account] = owed == 0 ? nil : owed
        try line(
            record, part: 0, reason: reason, change: change, bet: bet,
            at: Layout.BetSettled.balances)
    }

    // MARK: Reading

    private static let betColumns =
        "SELECT bet, account, client_high, client_low, hash_high, hash_low, status, stake, "
        + "potential, payout, placed_at, accepted_at, due_at, settled_at, refusal, value, "
        + "threshold, settlement, legs FROM bets "

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
                odds: Odds(
                    reduced: UInt32(odds >> 32), max(1, UInt32(truncatingIfNeeded: odds))))
        }
        return ProjectedBet(
            bet: row.unsigned(0), account: row.unsigned(1),
            client: ExternalID(high: row.unsigned(2), low: row.unsigned(3)),
            requestHash: ExternalID(high: row.unsigned(4), low: row.unsigned(5)),
            status: UInt8(row.integer(6)), stake: row.integer(7), potentialReturn: row.integer(8),
            payout: row.integer(9), placedAt: row.integer(10), acceptedAt: row.integer(11),
            dueAt: row.integer(12), settledAt: row.integer(13), refusal: UInt16(row.integer(14)),
            value: row.integer(15), threshold: row.integer(16),
            settlementVersion: row.integer(17), legs: legs)
    }

    /// The newest first; `before` goes on where an earlier page ended.
    func bets(of account: UInt64, before: UInt64, limit: Int) throws(DatabaseError)
        -> [ProjectedBet]
    {
        var found: [ProjectedBet] = []
        try database.query(
            Self.betColumns + "WHERE account = ? AND bet < ? ORDER BY bet DESC LIMIT ?",
            [bits(account), .integer(Int64(clamping: before)), .integer(Int64(limit))]
        ) { found.append(Self.bet($0)) }
        return found
    }

    func bet(_ id: UInt64) throws(DatabaseError) -> ProjectedBet? {
        var found: ProjectedBet?
        try database.query(Self.betColumns + "WHERE bet = ?", [bits(id)]) { found = Self.bet($0) }
        return found
    }

    /// What was answered to a client's id, however long ago.
    func bet(of account: UInt64, client: ExternalID) throws(DatabaseError) -> ProjectedBet? {
        var found: ProjectedBet?
        try database.query(
            Self.betColumns
                + "WHERE account = ? AND client_high = ? AND client_low = ? ORDER BY bet LIMIT 1",
            [bits(account), bits(client.high), bits(client.low)]
        ) { found = Self.bet($0) }
        return found
    }

    func statement(of account: UInt64, before: UInt64, limit: Int) throws(DatabaseError)
        -> [StatementLine]
    {
        var lines: [StatementLine] = []
        try database.query(
            "SELECT sequence, time, reason, change, bet, cash, held, open_bets, receivable "
                + "FROM statement WHERE account = ? AND sequence < ? "
                + "ORDER BY sequence DESC, part DESC LIMIT ?",
            [bits(account), .integer(Int64(clamping: before)), .integer(Int64(limit))]
        ) {
            lines.append(
                StatementLine(
                    sequence: $0.unsigned(0), time: $0.integer(1), reason: UInt8($0.integer(2)),
                    cashChange: $0.integer(3), bet: $0.unsigned(4), cash: $0.integer(5),
                    held: $0.integer(6), openBets: $0.integer(7), receivable: $0.integer(8)))
        }
        return lines
    }

    func balances(of account: UInt64) throws(DatabaseError) -> StatementLine? {
        var line: StatementLine?
        try database.query(
            "SELECT sequence, cash, held, open_bets, receivable FROM accounts WHERE account = ?",
            [bits(account)]
        ) {
            line = StatementLine(
                sequence: $0.unsigned(0), time: 0, reason: 0, cashChange: 0, bet: 0,
                cash: $0.integer(1), held: $0.integer(2), openBets: $0.integer(3),
                receivable: $0.integer(4))
        }
        return line
    }
}
