import CSystem
public import EngineCore
public import EngineJournal
import Glibc
public import Kernel
import Synchronization
import SystemThreads

/// Learns of blocks that are durable. Called on the engine's thread: hand over and return.
public protocol BlockSubscriber: AnyObject, Sendable {
    func durable(_ block: DurableBlock)
    /// Blocks that were handed over and not yet worked off.
    var backlog: Int { get }
    /// Blocks that may wait there; at more the engine takes nothing further until some are worked off.
    var mostBacklog: Int { get }
}

/// What the engine's thread did lately.
public struct EngineStatus: Sendable {
    public var stateHash = StateHash()
    public var sequence: UInt64 = 0
    public var time = Timestamp(nanoseconds: 0)
    public var commits: UInt64 = 0
    public var commands: UInt64 = 0
    public var busy: UInt64 = 0
    /// Commands in the last turn, and the most in one turn.
    public var batch = 0
    public var mostInBatch = 0
    /// Slots that wait for the next turn.
    public var queued = 0
    /// Nanoseconds of the last turn, and of the slowest, deciding and writing together.
    public var turnNanoseconds: Int64 = 0
    public var slowestTurn: Int64 = 0
    /// Turns by how long they took: the last of less than 50, 100, 250, 500 us, 1, 2.5, 5, 10, 50 ms, more.
    public var turnHistogram = [UInt64](repeating: 0, count: 10)
    public var turnNanosecondsTotal: Int64 = 0
    public var journal = JournalHealth()
    public var counts = EngineCounts(accounts: 0, bets: 0, ids: 0, fixtures: 0, markets: 0)
    public var isRunning = false
    /// Nothing is taken: the journal's disk has no room.
    public var isShortOfSpace = false
    /// A commit takes longer than `EngineStatus.slowCommit` on average: what is asked for still comes, later, and
    /// more than the intake holds is `busy`.
    public var isDiskSlow = false
    /// Nanoseconds of a commit, averaged over the last few.
    public var commitNanoseconds: Int64 = 0
    /// The longest that a slice of a snapshot took, in nanoseconds, and whether one is being taken.
    public var slowestSlice: Int64 = 0
    public var isCopying = false

    /// Nanoseconds of an average commit from which a disk is called slow; below half of it, no longer.
    public static let slowCommit: Int64 = 20_000_000

    public static let turnBounds: [Int64] = [
        50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 50_000_000,
    ]
}

/// Takes commands from any thread. The engine's only door.
public protocol EngineIntake: AnyObject, Sendable {
    /// False means `busy`: nothing was taken, nothing is journalled, try again later.
    func submit(_ record: RecordBytes, token: Token) -> Bool
    /// The same without waking the engine: the caller has more, and says `wake` when its turn is over.
    func submitQuietly(_ record: RecordBytes, token: Token) -> Bool
    func wake()
    /// Whether nothing is taken because the journal's disk has no room for what comes next.
    var isShortOfSpace: Bool { get }
}

/// Engine and journal on one dedicated thread behind a bounded intake.
///
/// Bound: `intakeSlots` slots of 256 bytes, of which customers may fill seven in eight (`IntakeBatch`); full is answered
/// by `busy` before anything is journalled.
public final class EngineThread<D: Disk, C: Clock>: EngineIntake, @unchecked Sendable {
    // The batches, `questions`, `wantedSnapshot`, `isStopping` and `isGathering` are guarded by `lock`; `host` is
    // touched by the engine's thread only once that runs.
    private let host: EngineHost<D, C>
    private let lock = Mutex(())
    private var filling: IntakeBatch
    private var spare: IntakeBatch
    /// What a turn works on when nothing came: never the batch that others fill meanwhile.
    private let nothing = IntakeBatch(capacity: 1)
    private var questions: [(borrowing Engine) -> Void] = []
    private var isStopping = false
    private var isGathering = false
    private let gate: UnsafeMutablePointer<gs_gate>
    private var subscribers: [any BlockSubscriber] = []
    private let published = Mutex(EngineStatus())
    private let projectedUpTo = Atomic<UInt64>(0)
    private let busyCount = Atomic<UInt64>(0)
    private let lacksNextSegment = Atomic<Bool>(false)
    private let roomLeft = Atomic<Int>(.max)
    /// Bytes of the journal that are kept for what the engine does by itself (delays that end, bets that
    /// are settled), for what shuts markets and for what makes room, while there is none for a next segment.
    private let reserve: Int
    private let onStop: @Sendable (HostError?) -> Void
    /// The engine's thread's own: when it last wrote a block of records.
    private var committedAt: Int64 = 0
    private var slowestSlice: Int64 = 0
    private var commitNanoseconds: Int64 = 0
    private var isDiskSlow = false
    private var wantedSnapshot: SnapshotCopy?
    /// Commands of the turn before.
    private var lastCount = 0

    /// `onStop` is called last on the engine's thread: with nil after a drain, else with what stopped it,
    /// when nothing of the block at hand was answered.
    public init(
        _ host: EngineHost<D, C>, intakeSlots: Int = 1024,
        onStop: @escaping @Sendable (HostError?) -> Void
    ) {
        self.host = host
        self.onStop = onStop
        reserve = max(host.segmentBytes / 2, 64 << 20)
        filling = IntakeBatch(capacity: intakeSlots)
        spare = IntakeBatch(capacity: intakeSlots)
        gate = .allocate(capacity: 1)
        gate.initialize(to: gs_gate())
    }

    deinit { gate.deallocate() }

    /// Before `start`.
    public func subscribe(_ subscriber: any BlockSubscriber) { subscribers.append(subscriber) }

    public func submit(_ record: RecordBytes, token: Token) -> Bool {
        let taken = submitQuietly(record, token: token)
        if taken { wake() }
        return taken
    }

    public func submitQuietly(_ record: RecordBytes, token: Token) -> Bool {
        guard !isShortOfSpace || record.mayUseReserve else { return false }
        let (taken, endsGathering) = lock.withLock { _ in
            let taken = !isStopping && filling.add(record, token: token)
            let isComplete =
                !taken || filling.isPressing || filling.count >= Self.worthABlock
            guard isGathering, isComplete else { return (taken, false) }
            isGathering = false
            return (taken, true)
        }
        if endsGathering { gs_gate_open(gate) }
        if !taken { busyCount.add(1, ordering: .relaxed) }
        return taken
    }

    public func wake() {
        // While the engine waits for company, only what ends that wakes it up.
        if lock.withLock({ _ in !isGathering }) { gs_gate_open(gate) }
    }

    /// Told by whoever makes segments ahead of need: whether there is no room for the next one.
    public func nextSegment(isMissing: Bool) {
        lacksNextSegment.store(isMissing, ordering: .relaxed)
    }

    public var isShortOfSpace: Bool {
        lacksNextSegment.load(ordering: .relaxed) && roomLeft.load(ordering: .relaxed) < reserve
    }

    /// Asks the engine between two turns, when everything it knows is durable.
    ///
    /// Bound: 1024 questions at a time; false when there are more.
    public func ask(_ question: @escaping @Sendable (borrowing Engine) -> Void) -> Bool {
        let taken = lock.withLock { _ in
            guard questions.count < 1024, !isStopping else { return false }
            questions.append(question)
            return true
        }
        if taken { gs_gate_open(gate) }
        return taken
    }

    /// Asks for a snapshot of the state after the next turn; `copy` gets it. False while one is taken.
    public func takeSnapshot(_ copy: SnapshotCopy) -> Bool {
        let isTaken = lock.withLock { _ in
            guard wantedSnapshot == nil, !isStopping else { return false }
            wantedSnapshot = copy
            return true
        }
        if isTaken { gs_gate_open(gate) }
        return isTaken
    }

    /// The projection is durable up to this sequence.
    public func projected(upTo sequence: UInt64) {
        projectedUpTo.store(sequence, ordering: .releasing)
    }

    public var status: EngineStatus {
        var status = published.withLock { $0 }
        status.isShortOfSpace = isShortOfSpace
        status.busy = busyCount.load(ordering: .relaxed)
        status.queued = lock.withLock { _ in filling.slots }
        return status
    }

    // MARK: The thread

    /// Starts the thread. It stands level with the loops: above them it would take the core from those who
    /// bring it its next batch, and commit less at a time (docs/decisions/0008).
    public func start() {
        startThread(name: "engine") { self.run() }
    }

    /// Takes nothing more, decides what was taken, confirms the last block, and ends.
    public func stop() {
        lock.withLock { _ in isStopping = true }
        gs_gate_open(gate)
    }

    private func run() {
        var failure: HostError?
        do throws(HostError) {
            while try turn() {}
            try host.confirm()
        } catch {
            failure = error
        }
        published.withLock { $0.isRunning = false }
        onStop(failure)
    }

    /// One round: what came in, what is due; sleeps when there is neither. False when all is done.
    private func turn() throws(HostError) -> Bool {
        for subscriber in subscribers {
            while subscriber.backlog > subscriber.mostBacklog { usleep(500) }
        }
        if lastCount >= Self.many { gather() }
        host.projected = projectedUpTo.load(ordering: .acquiring)
        let (batch, asked, stopping, snapshot) = lock.withLock { _ in
            let came = filling.isEmpty ? nothing : filling
            let taken = (came, questions, isStopping, wantedSnapshot)
            if !filling.isEmpty { swap(&filling, &spare) }
            questions = []
            if wantedSnapshot != nil, !host.isCopying { wantedSnapshot = nil }
            return taken
        }
        lastCount = batch.count
        if let snapshot, !host.isCopying { try begin(snapshot) }
        if batch.isEmpty {
            for question in asked { question(host.engine) }
            if stopping { return false }
            let due = host.nanosecondsUntilDue()
            if host.isCopying {
                // Nobody waits for an answer: the rest of the snapshot, as fast as it is written.
                copySlice()
                if due == 0 {
                    try work(batch)
                } else {
                    gs_gate_wait(gate, 200_000)
                    try confirmIfDue()
                }
            } else if due == 0 {
                try work(batch)
            } else {
                try idle(due)
            }
            return true
        }
        try work(batch)
        for question in asked { question(host.engine) }
        return true
    }

    /// Commands of one turn from which on many are on their way.
    private static var many: Int { 32 }
    /// Commands that are worth a block of their own, and how long they are waited for: a step at a time, while each
    /// brings some.
    private static var worthABlock: Int { 64 }
    private static var gatheringStep: Int64 { 100_000 }
    private static var gatheringSteps: Int { 3 }
    private static var worthAStep: Int { 8 }

    /// While many come, a moment's wait writes them in a third of the blocks, and the threads that bring them and
    /// hand on what became of them are not interrupted as often (docs/decisions/0017).
    private func gather() {
        guard host.nanosecondsUntilDue() != 0 else { return }
        var before = 0
        for step in 0..<Self.gatheringSteps {
            let isWorthIt = lock.withLock { _ in
                let count = filling.count
                isGathering =
                    count < Self.worthABlock && !filling.isPressing && questions.isEmpty
                    && !isStopping && (step == 0 || count >= before + Self.worthAStep)
                before = count
                // Whoever opened it until now is seen below.
                if isGathering { gs_gate_close(gate) }
                return isGathering
            }
            guard isWorthIt else { return }
            gs_gate_wait(gate, min(Self.gatheringStep, host.nanosecondsUntilDue() ?? .max))
        }
        lock.withLock { _ in isGathering = false }
    }

    private func work(_ batch: IntakeBatch) throws(HostError) {
        let began = gs_boot_nanoseconds()
        let count = batch.count
        try host.turn(batch) { block in
            for subscriber in subscribers { subscriber.durable(block) }
        }
        batch.removeAll()
        committedAt = gs_boot_nanoseconds()
        if host.isCopying { copySlice() }
        publish(count: count, nanoseconds: gs_boot_nanoseconds() - began)
    }

    private func begin(_ snapshot: SnapshotCopy) throws(HostError) {
        let began = gs_boot_nanoseconds()
        try host.beginSnapshot(snapshot) { block in
            for subscriber in subscribers { subscriber.durable(block) }
        }
        committedAt = gs_boot_nanoseconds()
        // The checkpoint is a block as any other; what comes on top is the pause.
        let took = committedAt - began
        slowestSlice = max(slowestSlice, took - host.health.lastCommitNanoseconds)
        publish(count: 0, nanoseconds: took)
    }

    private func copySlice() {
        let took = holdingCore {
            let began = gs_boot_nanoseconds()
            host.copySlice()
            return gs_boot_nanoseconds() - began
        }
        slowestSlice = max(slowestSlice, took)
        let slowest = slowestSlice
        let isCopying = host.isCopying
        published.withLock {
            $0.slowestSlice = slowest
            $0.isCopying = isCopying
        }
    }

    /// Nanoseconds of quiet after which an empty block confirms the last one.
    private static var confirmAfter: Int64 { 100_000_000 }

    private func idle(_ due: Int64?) throws(HostError) {
        // Counted from the commit: whoever wakes us with a question does not put it off.
        let since = gs_boot_nanoseconds() - committedAt
        let most = host.isUnconfirmed ? max(0, Self.confirmAfter - since) : 1_000_000_000
        gs_gate_wait(gate, min(due ?? most, most))
        try confirmIfDue()
    }

    private func confirmIfDue() throws(HostError) {
        if host.isUnconfirmed, gs_boot_nanoseconds() - committedAt >= Self.confirmAfter {
            try host.confirm()
        }
    }

    /// The last few commits count most, so that one slow write alarms nobody and a slow disk everybody.
    private func weighCommit(_ nanoseconds: Int64) {
        commitNanoseconds += (nanoseconds - commitNanoseconds) / 8
        isDiskSlow =
            commitNanoseconds > (isDiskSlow ? EngineStatus.slowCommit / 2 : EngineStatus.slowCommit)
    }

    private func publish(count: Int, nanoseconds: Int64) {
        weighCommit(host.health.lastCommitNanoseconds)
        let commit = commitNanoseconds
        let isSlow = isDiskSlow
        let hash = host.stateHash
        let counts = host.engine.counts
        let sequence = host.engine.sequence
        let time = host.engine.time
        let journal = host.health
        roomLeft.store(host.roomLeft, ordering: .relaxed)
        published.withLock { status in
            status.isRunning = true
            status.commitNanoseconds = commit
            status.isDiskSlow = isSlow
            status.stateHash = hash
            status.counts = counts
            status.sequence = sequence
            status.time = time
            status.journal = journal
            status.commits += 1
            status.commands += UInt64(count)
            status.batch = count
            status.mostInBatch = max(status.mostInBatch, count)
            status.turnNanoseconds = nanoseconds
            status.slowestTurn = max(status.slowestTurn, nanoseconds)
            status.turnNanosecondsTotal += nanoseconds
            let bucket =
                EngineStatus.turnBounds.firstIndex { nanoseconds <= $0 }
                ?? EngineStatus.turnBounds.count
            status.turnHistogram[bucket] += 1
        }
    }
}
