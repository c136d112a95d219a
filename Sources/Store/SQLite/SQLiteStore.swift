import CSystem
import Dispatch
public import EngineJournal
public import EngineService
import Glibc
public import Kernel
import Projection
public import ProjectionService
import Synchronization
import SystemThreads

/// Projections and people in SQLite, on one thread of their own.
///
/// Projections are made of durable records only and can be rebuilt from the journal at any time; people
/// and their sessions are in a file beside them, which no journal can rebuild and a person can be
/// erased from. Bounds: `questionLimit` questions waiting; `mostQueuedBytes` of blocks in memory, beyond
/// which the journal itself is read: the engine never waits for rows.
public final class SQLiteStore: BlockSubscriber, ProjectionStore, @unchecked Sendable {
    // The databases are touched by the store's thread only, once that runs; the queues by their lock.
    private let rows: SQLiteRows
    private let follower: ProjectionFollower<SQLiteRows>
    private let database: Database
    private let people: Database
    private let queue = Mutex(Queue())
    private let gate: UnsafeMutablePointer<gs_gate>
    /// Rung by whoever asks, while rows wait for company.
    private let bell: UnsafeMutablePointer<gs_gate>
    private let onProjected: @Sendable (UInt64) -> Void
    private let onFailure: @Sendable (DatabaseError) -> Void
    private let reachedSequence = Atomic<UInt64>(0)
    private let target = Atomic<UInt64>(.max)
    private let ended = DispatchSemaphore(value: 0)
    private let isHeldUp = Atomic<Bool>(false)
    private let neededSegment = Atomic<UInt32>(0)

    public static let questionLimit = 4096

    private struct Queue {
        var blocks: [DurableBlock] = []
        /// Of the blocks here and of those that the thread has taken and not yet applied.
        var bytes = 0
        var durable: UInt64 = 0
        var questions: [(Reader) -> Void] = []
        var isStopping = false
    }

    /// What a question may look at. Lives only while the question is answered.
    public struct Reader {
        let rows: SQLiteRows
        let people: Database
        /// The newest sequence that the rows reflect.
        public let asOf: UInt64

        public func bets(of account: AccountID, before: UInt64, limit: Int) throws
            -> [ProjectedBet]
        {
            try rows.bets(of: account.rawValue, before: before, limit: limit)
        }
        public func bet(_ id: BetID) throws -> ProjectedBet? { try rows.bet(id.rawValue) }
        public func bet(of account: AccountID, client: ExternalID) throws -> ProjectedBet? {
            try rows.bet(of: account.rawValue, client: client)
        }
        public func statement(of account: AccountID, before: UInt64, limit: Int) throws
            -> [StatementLine]
        {
            try rows.statement(of: account.rawValue, before: before, limit: limit)
        }
        public func notices(of account: AccountID, before: UInt64, limit: Int) throws -> [Notice] {
            try rows.notices(of: account.rawValue, before: before, limit: limit)
        }
        public func actions(_ filter: ActionFilter, before: UInt64, limit: Int) throws
            -> [OperatorAction]
        {
            try rows.actions(filter, before: before, limit: limit)
        }
        public func suspects(before: UInt64, limit: Int) throws
            -> (bets: [SuspectedBet], counts: [SuspicionCount])
        {
            (try rows.suspects(before: before, limit: limit), try rows.suspicionCounts())
        }
        public func history(of account: AccountID, after: UInt64?, limit: Int) throws
            -> AccountHistory
        {
            guard let after else {
                return try rows.newest(of: account.rawValue, limit: limit, asOf: asOf)
            }
            return try rows.history(of: account.rawValue, after: after, limit: limit, asOf: asOf)
        }
        public func balances(of account: AccountID) throws -> StatementLine? {
            try rows.balances(of: account.rawValue)
        }
        public func save(_ session: StoredSession) throws {
            try people.run(
                "INSERT OR REPLACE INTO signed_in VALUES (?, ?, ?, ?)",
                [
                    .blob(session.tokenHash), bits(session.account.rawValue),
                    bits(session.session.rawValue), .integer(session.expires),
                ])
        }
        public func remove(sessionWith tokenHash: [UInt8]) throws {
            try people.run("DELETE FROM signed_in WHERE token = ?", [.blob(tokenHash)])
        }
        public func sessions(after now: Int64) throws -> [StoredSession] {
            var found: [StoredSession] = []
            try people.query(
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
        rows = try SQLiteRows(database)
        do {
            follower = try ProjectionFollower(rows)
        } catch {
            throw error as? DatabaseError ?? DatabaseError(text: "\(error)")
        }
        people = try Database(path: directory + "/people.sqlite")
        try people.run("PRAGMA synchronous = FULL")
        try people.run(
            "CREATE TABLE IF NOT EXISTS signed_in "
                + "(token BLOB PRIMARY KEY, account INTEGER, session INTEGER, expires INTEGER)")
        // What has expired is nobody's any more.
        try people.run(
            "DELETE FROM signed_in WHERE expires < ?", [.integer(gs_wall_nanoseconds())])
        self.onProjected = onProjected
        self.onFailure = onFailure
        gate = .allocate(capacity: 1)
        gate.initialize(to: gs_gate())
        bell = .allocate(capacity: 1)
        bell.initialize(to: gs_gate())
    }

    deinit {
        gate.deallocate()
        bell.deallocate()
    }

    /// How far the rows reach; before `start`, or from a question.
    public var point: JournalPoint? { follower.point }

    /// Shown every block while the journal is read at start: finds where the rows go on.
    ///
    /// - Throws: `ProjectionMisfit` when the rows were made from another journal.
    public func locate(_ block: BlockView) throws { try follower.locate(block) }

    /// Before `start`: brings the rows up to `last`, with everything from `source`.
    public func catchUp(from source: any BlockSource, upTo last: UInt64) throws {
        follower.source = source
        try follower.catchUp(upTo: last)
    }

    /// Before `start`: everything at once.
    public func readNow<T>(_ body: (Reader) throws -> T) rethrows -> T {
        try body(reader)
    }

    // MARK: From other threads

    // The engine never waits for rows: who falls behind reads the journal.
    public var backlog: Int { 0 }
    public var mostBacklog: Int { .max }
    /// Whether rows cannot be written at this moment, such as on a disk without room.
    public var isWaitingForDisk: Bool { isHeldUp.load(ordering: .relaxed) }
    /// The segment in which the rows go on: none from it on may leave.
    public var segmentNeeded: UInt32 { neededSegment.load(ordering: .relaxed) }
    /// Records that are durable and not yet in the rows.
    public var recordsBehind: UInt64 {
        let durable = queue.withLock { $0.durable }
        let reached = reachedSequence.load(ordering: .relaxed)
        return durable > reached ? durable - reached : 0
    }
    /// Whether the rows have reached what was durable when the store was started.
    public var hasCaughtUp: Bool {
        reachedSequence.load(ordering: .relaxed) >= target.load(ordering: .relaxed)
    }
    /// How long rows wait for company while more than one block comes at a time, in microseconds: one
    /// transaction of many bets writes each page once.
    static func gatherMicroseconds(_ blocks: Int) -> Int64 {
        blocks < 16 ? 4000 : blocks < 128 ? 50_000 : 250_000
    }

    /// Bytes of blocks that wait in memory; further ones are read from the journal in their turn.
    public static let mostQueuedBytes = 16_777_216

    private var reader: Reader { Reader(rows: rows, people: people, asOf: follower.applied) }

    public func durable(_ block: DurableBlock) {
        queue.withLock { queue in
            queue.durable = block.lastSequence
            guard queue.bytes + block.byteCount <= Self.mostQueuedBytes else { return }
            queue.bytes += block.byteCount
            queue.blocks.append(block)
        }
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
        if taken {
            gs_gate_open(bell)
            gs_gate_open(gate)
        }
        return taken
    }

    // MARK: ProjectionStore

    /// Asks, and hands over what was found or that it could not be read.
    private func ask<T>(
        _ question: @escaping @Sendable (Reader) throws -> T,
        _ answer: @escaping @Sendable (Result<T, ProjectionFailure>, _ asOf: UInt64) -> Void
    ) -> Bool {
        ask { reader in
            do {
                answer(.success(try question(reader)), reader.asOf)
            } catch {
                answer(.failure(ProjectionFailure()), reader.asOf)
            }
        }
    }

    public func bets(
        of account: AccountID, before: UInt64, limit: Int,
        _ answer:
            @escaping @Sendable (Result<[ProjectedBet], ProjectionFailure>, _ asOf: UInt64) ->
            Void
    ) -> Bool {
        ask({ try $0.bets(of: account, before: before, limit: limit) }, answer)
    }

    public func bet(
        _ id: BetID,
        _ answer:
            @escaping @Sendable (Result<ProjectedBet?, ProjectionFailure>, _ asOf: UInt64) ->
            Void
    ) -> Bool {
        ask({ try $0.bet(id) }, answer)
    }

    public func bet(
        of account: AccountID, client: ExternalID,
        _ answer:
            @escaping @Sendable (Result<ProjectedBet?, ProjectionFailure>, _ asOf: UInt64) ->
            Void
    ) -> Bool {
        ask({ try $0.bet(of: account, client: client) }, answer)
    }

    public func statement(
        of account: AccountID, before: UInt64, limit: Int,
        _ answer:
            @escaping @Sendable (Result<[StatementLine], ProjectionFailure>, _ asOf: UInt64) ->
            Void
    ) -> Bool {
        ask({ try $0.statement(of: account, before: before, limit: limit) }, answer)
    }

    public func history(
        of account: AccountID, after: UInt64?, limit: Int,
        _ answer: @escaping @Sendable (Result<AccountHistory, ProjectionFailure>) -> Void
    ) -> Bool {
        ask({ try $0.history(of: account, after: after, limit: limit) }) { found, _ in
            answer(found)
        }
    }

    public func balances(
        of account: AccountID,
        _ answer:
            @escaping @Sendable (Result<StatementLine?, ProjectionFailure>, _ asOf: UInt64) ->
            Void
    ) -> Bool {
        ask({ try $0.balances(of: account) }, answer)
    }

    public func notices(
        of account: AccountID, before: UInt64, limit: Int,
        _ answer: @escaping @Sendable (Result<[Notice], ProjectionFailure>, _ asOf: UInt64) -> Void
    ) -> Bool {
        ask({ try $0.notices(of: account, before: before, limit: limit) }, answer)
    }

    public func actions(
        _ filter: ActionFilter, before: UInt64, limit: Int,
        _ answer:
            @escaping @Sendable (Result<[OperatorAction], ProjectionFailure>, _ asOf: UInt64) ->
            Void
    ) -> Bool {
        ask({ try $0.actions(filter, before: before, limit: limit) }, answer)
    }

    public func suspects(
        before: UInt64, limit: Int,
        _ answer:
            @escaping @Sendable (
                Result<(bets: [SuspectedBet], counts: [SuspicionCount]), ProjectionFailure>,
                _ asOf: UInt64
            ) -> Void
    ) -> Bool {
        ask({ try $0.suspects(before: before, limit: limit) }, answer)
    }

    public func save(_ session: StoredSession, _ saved: @escaping @Sendable (Bool) -> Void) -> Bool
    {
        ask { reader in saved((try? reader.save(session)) != nil) }
    }

    public func remove(sessionWith tokenHash: [UInt8]) -> Bool {
        ask { [onFailure] reader in
            do {
                try reader.remove(sessionWith: tokenHash)
            } catch {
                onFailure(error as? DatabaseError ?? DatabaseError(text: "\(error)"))
            }
        }
    }

    /// Ends the thread, with everything durable in the rows if that takes no longer than a moment.
    public func stop() {
        queue.withLock { $0.isStopping = true }
        gs_gate_open(gate)
        ended.wait()
    }

    // MARK: The thread

    /// Nanoseconds that a stop waits for rows; what is missing then is read at the next start.
    static let stopLimit: Int64 = 2_000_000_000

    /// `source` gives what did not fit into memory; everything up to `durable` is durable already.
    public func start(source: any BlockSource, durable: UInt64) {
        follower.source = source
        queue.withLock { $0.durable = max($0.durable, durable) }
        reachedSequence.store(follower.applied, ordering: .relaxed)
        target.store(durable, ordering: .relaxed)
        startThread(name: "store") {
            self.run()
            self.ended.signal()
        }
    }

    private func run() {
        // Bets come first: the rows may be a moment late, the engine and the loops may not.
        _ = gs_background_thread()
        var stopBy = Int64.max
        while true {
            let (fresh, questions, durable, isStopping) = queue.withLock { queue in
                let taken = (queue.blocks, queue.questions, queue.durable, queue.isStopping)
                queue.blocks = []
                queue.questions = []
                return taken
            }
            follower.hand(fresh)
            if isStopping, stopBy == .max { stopBy = gs_boot_nanoseconds() + Self.stopLimit }
            let isBehind = follower.applied < durable
            if isBehind {
                do {
                    let bytes = try follower.advance(durable)
                    queue.withLock { $0.bytes -= bytes }
                    // Should this fail, the segments stay for one more round.
                    try? follower.secure()
                    neededSegment.store(follower.segmentNeeded, ordering: .relaxed)
                } catch {
                    let failure = error as? DatabaseError ?? DatabaseError(text: "\(error)")
                    onFailure(failure)
                    guard failure.mayPass, !isStopping else { return }
                    // The rows stay behind and everything else goes on; whoever has questions waits no less.
                    isHeldUp.store(true, ordering: .relaxed)
                    let reader = self.reader
                    for question in questions { question(reader) }
                    gs_gate_wait(gate, 1_000_000_000)
                    continue
                }
                isHeldUp.store(false, ordering: .relaxed)
                reachedSequence.store(follower.applied, ordering: .relaxed)
                onProjected(follower.applied)
                // Under load a moment's wait makes one transaction of what would be many; a question ends it.
                if fresh.count > 1, !isStopping, questions.isEmpty {
                    gs_gate_wait(bell, Self.gatherMicroseconds(fresh.count) * 1000)
                }
            }
            let reader = self.reader
            for question in questions { question(reader) }
            if isStopping, !isBehind || gs_boot_nanoseconds() > stopBy { return }
            if !isBehind, questions.isEmpty { gs_gate_wait(gate, 1_000_000_000) }
        }
    }
}
