import CSystem
public import EngineJournal
public import EngineService
import Glibc
public import Kernel
public import ProjectionService
import Synchronization
import SystemThreads

/// Projections and people in SQLite, on one thread of their own.
///
/// Projections are made of durable records only and can be rebuilt from the journal at any time; people
/// and their sessions are in a file beside them, which no journal can rebuild and a person can be
/// erased from. Bounds: `questionLimit` questions waiting; blocks are paced by the engine's thread.
public final class SQLiteStore: BlockSubscriber, ProjectionStore, @unchecked Sendable {
    // The databases are touched by the store's thread only, once that runs; the queues by their lock.
    private let projection: Projection
    private let database: Database
    private let people: Database
    private let queue = Mutex(Queue())
    private let gate: UnsafeMutablePointer<gs_gate>
    private let onProjected: @Sendable (UInt64) -> Void
    private let onFailure: @Sendable (DatabaseError) -> Void
    private let waiting = Atomic<Int>(0)

    public static let questionLimit = 4096

    private struct Queue {
        var blocks: [DurableBlock] = []
        var questions: [(Reader) -> Void] = []
        var isStopping = false
    }

    /// What a question may look at. Lives only while the question is answered.
    public struct Reader {
        let projection: Projection
        let people: Database

        /// The newest sequence that the rows reflect.
        public var asOf: UInt64 { projection.point?.sequence ?? 0 }

        public func bets(of account: AccountID, before: UInt64, limit: Int) -> [ProjectedBet] {
            (try? projection.bets(of: account.rawValue, before: before, limit: limit)) ?? []
        }
        public func bet(_ id: BetID) -> ProjectedBet? { try? projection.bet(id.rawValue) }
        public func bet(of account: AccountID, client: ExternalID) -> ProjectedBet? {
            try? projection.bet(of: account.rawValue, client: client)
        }
        public func statement(of account: AccountID, before: UInt64, limit: Int)
            -> [StatementLine]
        {
            (try? projection.statement(of: account.rawValue, before: before, limit: limit)) ?? []
        }
        public func balances(of account: AccountID) -> StatementLine? {
            try? projection.balances(of: account.rawValue)
        }
        public func save(_ session: StoredSession) {
            try? people.run(
                "INSERT OR REPLACE INTO signed_in VALUES (?, ?, ?, ?)",
                [
                    .blob(session.tokenHash), bits(session.account.rawValue),
                    bits(session.session.rawValue), .integer(session.expires),
                ])
        }
        public func remove(sessionWith tokenHash: [UInt8]) {
            try? people.run("DELETE FROM signed_in WHERE token = ?", [.blob(tokenHash)])
        }
        public func sessions(after now: Int64) -> [StoredSession] {
            var found: [StoredSession] = []
            try? people.query(
                "SELECT token, account, session, expires FROM signed_in WHERE expires > ?",
                [.integer(now)]
            ) {
                found.append(
                    StoredSession(
                        tokenHash: $0.blob(0), account: AccountID($0.unsigned(1)),
                        session: SessionID($0.unsigned(2)), expires: $0.integer(3)))
            }
            return found
        }
    }

    /// `onProjected` learns how far the rows reach, after each commit.
    public init(
        directory: String, onProjected: @escaping @Sendable (UInt64) -> Void,
        onFailure: @escaping @Sendable (DatabaseError) -> Void
    ) throws(DatabaseError) {
        database = try Database(path: directory + "/projection.sqlite")
        projection = try Projection(database)
        people = try Database(path: directory + "/people.sqlite")
        try people.run("PRAGMA synchronous = FULL")
        try people.run(
            "CREATE TABLE IF NOT EXISTS signed_in "
                + "(token BLOB PRIMARY KEY, account INTEGER, session INTEGER, expires INTEGER)")
        self.onProjected = onProjected
        self.onFailure = onFailure
        gate = .allocate(capacity: 1)
        gate.initialize(to: gs_gate())
    }

    deinit { gate.deallocate() }

    /// How far the rows reach; before `start`, or from a question.
    public var point: JournalPoint? { projection.point }

    /// Brings the rows up to a block of the journal that is being recovered; before `start`.
    public func catchUp(_ block: BlockView) throws {
        guard block.header.slots > 0 else { return }
        let point = JournalPoint(
            incarnation: block.header.incarnation, sequence: block.header.lastSequence,
            block: block.hash)
        if let known = projection.point, known.sequence == point.sequence,
            known.block != point.block
        {
            throw DatabaseError(
                text: "the projection was made from another journal; rebuild it with "
                    + "`grandstand journal project`")
        }
        if let known = projection.point, known.sequence >= point.sequence { return }
        try database.transaction {
            try projection.apply({ try block.forEachRecord($0) }, to: point)
            try projection.writeAccounts()
        }
    }

    /// Before `start`: everything at once.
    public func readNow<T>(_ body: (Reader) -> T) -> T {
        body(Reader(projection: projection, people: people))
    }

    // MARK: From other threads

    public var backlog: Int { waiting.load(ordering: .relaxed) }
    /// How long rows wait for company while more than one block comes at a time.
    static let gatherMicroseconds: UInt32 = 4000
    /// Projections may fall behind by so many blocks before the engine waits for them.
    public static let backlogLimit = 4096
    public var mostBacklog: Int { Self.backlogLimit }

    public func durable(_ block: DurableBlock) {
        waiting.add(1, ordering: .relaxed)
        queue.withLock { $0.blocks.append(block) }
        gs_gate_open(gate)
    }

    /// Asks on the store's thread; false when too many wait.
    public func ask(_ question: @escaping @Sendable (Reader) -> Void) -> Bool {
        let taken = queue.withLock { queue in
            guard queue.questions.count < Self.questionLimit, !queue.isStopping else {
                return false
            }
            queue.questions.append(question)
            return true
        }
        if taken { gs_gate_open(gate) }
        return taken
    }

    // MARK: ProjectionStore

    public func bets(
        of account: AccountID, before: UInt64, limit: Int,
        _ answer: @escaping @Sendable ([ProjectedBet], _ asOf: UInt64) -> Void
    ) -> Bool {
        ask { answer($0.bets(of: account, before: before, limit: limit), $0.asOf) }
    }

    public func bet(
        _ id: BetID, _ answer: @escaping @Sendable (ProjectedBet?, _ asOf: UInt64) -> Void
    ) -> Bool {
        ask { answer($0.bet(id), $0.asOf) }
    }

    public func bet(
        of account: AccountID, client: ExternalID,
        _ answer: @escaping @Sendable (ProjectedBet?, _ asOf: UInt64) -> Void
    ) -> Bool {
        ask { answer($0.bet(of: account, client: client), $0.asOf) }
    }

    public func statement(
        of account: AccountID, before: UInt64, limit: Int,
        _ answer: @escaping @Sendable ([StatementLine], _ asOf: UInt64) -> Void
    ) -> Bool {
        ask { answer($0.statement(of: account, before: before, limit: limit), $0.asOf) }
    }

    public func balances(
        of account: AccountID,
        _ answer: @escaping @Sendable (StatementLine?, _ asOf: UInt64) -> Void
    ) -> Bool {
        ask { answer($0.balances(of: account), $0.asOf) }
    }

    public func save(_ session: StoredSession, _ saved: @escaping @Sendable () -> Void) -> Bool {
        ask {
            $0.save(session)
            saved()
        }
    }

    public func remove(sessionWith tokenHash: [UInt8]) -> Bool {
        ask { $0.remove(sessionWith: tokenHash) }
    }

    public func stop() {
        queue.withLock { $0.isStopping = true }
        gs_gate_open(gate)
    }

    // MARK: The thread

    public func start() {
        startThread(name: "store") { self.run() }
    }

    private func run() {
        // Bets come first: the rows may be a moment late, the engine and the loops may not.
        _ = gs_prioritise_thread(15)
        while true {
            let (blocks, questions, isStopping) = queue.withLock { queue in
                let taken = (queue.blocks, queue.questions, queue.isStopping)
                queue.blocks = []
                queue.questions = []
                return taken
            }
            if !blocks.isEmpty {
                do {
                    try apply(blocks)
                } catch {
                    onFailure(
                        error as? DatabaseError ?? DatabaseError(text: "\(error)"))
                    return
                }
                waiting.subtract(blocks.count, ordering: .relaxed)
                if let point = projection.point { onProjected(point.sequence) }
                // Under load a moment's wait makes one transaction of what would be many.
                if blocks.count > 1 { usleep(Self.gatherMicroseconds) }
            }
            let reader = Reader(projection: projection, people: people)
            for question in questions { question(reader) }
            if blocks.isEmpty, questions.isEmpty {
                if isStopping { return }
                gs_gate_wait(gate, 1_000_000_000)
            }
        }
    }

    private func apply(_ blocks: [DurableBlock]) throws {
        try database.transaction {
            for block in blocks {
                try projection.apply({ try block.forEachRecord($0) }, to: block.point)
            }
            try projection.writeAccounts()
        }
    }
}
