import CLibuv
import CSystem
import Glibc
import Synchronization
import SystemThreads

/// An event loop over libuv: one thread, on which its connections and timers live and die.
///
/// It is also a serial executor, so an actor can name it as its own and `async` handlers run where the
/// connection lives. Only `post`, `enqueue` and `stop` may be called from other threads.
public final class Loop: SerialExecutor, TaskExecutor, @unchecked Sendable {
    // Everything below but the inbox is touched on the loop's own thread only.
    let handle: UnsafeMutablePointer<uv_loop_t>
    private let wake: UnsafeMutablePointer<uv_async_t>
    private let prepare: UnsafeMutablePointer<uv_prepare_t>
    private let inbox = Mutex(Inbox())
    private var threadID: pthread_t?
    private var localJobs: [UnownedJob] = []
    private var dirty: [Connection] = []
    private var dirtyFirst: [Connection] = []
    private var connections: [ObjectIdentifier: Connection] = [:]
    /// How often the loop has turned.
    private(set) var turns: UInt64 = 0
    private var sweeper: LoopTimer?
    private var oneShots: [ObjectIdentifier: LoopTimer] = [:]
    var freeBuffers: [OutputBuffer] = []
    let readBuffer: UnsafeMutableRawBufferPointer
    /// What a record of TLS says, decrypted.
    let plainBuffer: UnsafeMutableRawBufferPointer
    /// Messages are compressed one by one, so one of each serves all connections of the loop.
    public private(set) lazy var deflater = MessageDeflater()
    private(set) lazy var inflater = MessageInflater(most: WebSocketLimits.inbound)
    /// Bytes that wait for a full kernel, over all connections.
    public private(set) var waitingBytes = 0
    /// Bytes that may wait so, over all loops that share it: whoever needs more is cut, whatever its own bound
    /// allows.
    private let room: WaitingRoom
    /// Bytes that this loop has taken of it.
    private var heldRoom = 0
    /// Connections that were cut for it.
    public private(set) var cutForWaiting: UInt64 = 0
    /// Called once a turn after the hot output went out, for at most a slice of time each.
    public var afterFlush: (() -> Void)?
    private(set) public var dateField: [UInt8] = []
    private var dateSecond: Int64 = 0
    public let index: Int

    private struct Inbox {
        var jobs: [UnownedJob] = []
        var work: [@Sendable () -> Void] = []
        var isSignalled = false
        var isClosed = false
    }

    /// The most that one record of TLS holds.
    static let recordBytes = 16_384
    /// Bytes taken from a socket in one read.
    public static let readBytes = 65_536

    public init(index: Int = 0, room: WaitingRoom = WaitingRoom()) {
        self.index = index
        self.room = room
        handle = .allocate(capacity: 1)
        wake = .allocate(capacity: 1)
        prepare = .allocate(capacity: 1)
        readBuffer = .allocate(byteCount: Self.readBytes, alignment: 4096)
        plainBuffer = .allocate(byteCount: Self.recordBytes, alignment: 4096)
        uv_loop_init(handle)
        uv_async_init(handle, wake) { handle in
            Loop.of(UnsafeMutableRawPointer(handle!.pointee.data)).drain()
        }
        uv_prepare_init(handle, prepare)
        let me = Unmanaged.passUnretained(self).toOpaque()
        wake.pointee.data = me
        prepare.pointee.data = me
        uv_prepare_start(prepare) { handle in
            Loop.of(UnsafeMutableRawPointer(handle!.pointee.data)).beforeSleeping()
        }
    }

    deinit {
        readBuffer.deallocate()
        plainBuffer.deallocate()
        handle.deallocate()
        wake.deallocate()
        prepare.deallocate()
        room.giveBack(heldRoom)
    }

    private static func of(_ pointer: UnsafeMutableRawPointer) -> Loop {
        Unmanaged<Loop>.fromOpaque(pointer).takeUnretainedValue()
    }

    // MARK: Running

    /// Runs until `stop` and until every handle is closed. Called on the thread that becomes the loop's.
    public func run() {
        threadID = pthread_self()
        sweeper = LoopTimer(self)
        sweeper?.start(after: 1000, every: 1000) { [unowned self] in sweep() }
        uv_run(handle, UV_RUN_DEFAULT)
        uv_loop_close(handle)
    }

    /// Runs on a new thread; returns at once.
    public func start(name: String) {
        startThread(name: name) {
            // Where cores are short, turns of more messages each (docs/decisions/0017); where it fails, as before.
            _ = gs_batch_thread()
            self.run()
        }
    }

    /// Cuts what is still connected and lets `run` return. Drain first, if clients deserve it.
    public func stop() {
        post { [self] in
            sweeper?.stop()
            sweeper = nil
            oneShots = [:]
            for connection in Array(connections.values) { connection.cut() }
            inbox.withLock { $0.isClosed = true }
            uv_close(UnsafeMutableRawPointer(wake).assumingMemoryBound(to: uv_handle_t.self), nil)
            uv_prepare_stop(prepare)
            uv_close(
                UnsafeMutableRawPointer(prepare).assumingMemoryBound(to: uv_handle_t.self), nil)
            uv_stop(handle)
            // The close callbacks still have to run.
            uv_run(handle, UV_RUN_NOWAIT)
        }
    }

    public var isCurrent: Bool {
        guard let threadID else { return false }
        return pthread_equal(threadID, pthread_self()) != 0
    }

    // MARK: Work from elsewhere

    /// Runs `work` on the loop. From any thread; in order from each. False once the loop is stopped.
    @discardableResult
    public func post(_ work: @escaping @Sendable () -> Void) -> Bool {
        let (accepted, mustSignal) = inbox.withLock { inbox in
            guard !inbox.isClosed else { return (false, false) }
            inbox.work.append(work)
            defer { inbox.isSignalled = true }
            return (true, !inbox.isSignalled)
        }
        if mustSignal { uv_async_send(wake) }
        return accepted
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        if isCurrent {
            localJobs.append(unowned)
            return
        }
        let mustSignal = inbox.withLock { inbox in
            guard !inbox.isClosed else { return false }
            inbox.jobs.append(unowned)
            defer { inbox.isSignalled = true }
            return !inbox.isSignalled
        }
        if mustSignal { uv_async_send(wake) }
    }

    public func checkIsolated() {
        precondition(isCurrent, "this runs on its loop only")
    }

    private func drain() {
        let (jobs, work) = inbox.withLock { inbox in
            inbox.isSignalled = false
            let taken = (inbox.jobs, inbox.work)
            inbox.jobs = []
            inbox.work = []
            return taken
        }
        for item in work { item() }
        for job in jobs { run(job) }
    }

    private func run(_ job: UnownedJob) {
        job.runSynchronously(
            isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
    }

    /// Jobs that handlers started, then output, then whatever may wait.
    private func beforeSleeping() {
        turns &+= 1
        while !localJobs.isEmpty {
            let jobs = localJobs
            localJobs = []
            for job in jobs { run(job) }
        }
        flushDirty()
        afterFlush?()
        flushDirty()
        // What was written while others were flushed goes out in another turn, at once.
        if !localJobs.isEmpty || !dirty.isEmpty || !dirtyFirst.isEmpty { signalSelf() }
    }

    /// Makes the loop turn once more instead of sleeping.
    public func signalSelf() { uv_async_send(wake) }

    /// Sends what was written so far in this turn, for work that comes in many parts: the first answers
    /// need not wait for the last. On the loop.
    public func flush() { flushDirty() }

    private func flushDirty() {
        if !dirtyFirst.isEmpty {
            let list = dirtyFirst
            dirtyFirst.removeAll(keepingCapacity: true)
            for connection in list { connection.flush() }
        }
        guard !dirty.isEmpty else { return }
        let list = dirty
        dirty.removeAll(keepingCapacity: true)
        for connection in list { connection.flush() }
    }

    /// Runs `work` once, so many milliseconds later; never when the loop stops before. On the loop.
    public func after(milliseconds: UInt64, _ work: @escaping () -> Void) {
        let timer = LoopTimer(self)
        oneShots[ObjectIdentifier(timer)] = timer
        timer.start(after: milliseconds) { [unowned self, unowned timer] in
            // The timer ends with this call, not within it.
            let kept = oneShots.removeValue(forKey: ObjectIdentifier(timer))
            withExtendedLifetime(kept) { work() }
        }
    }

    // MARK: Connections

    /// Whether a connection may keep so many more bytes until the kernel has room; they count until it had.
    func mayKeepWaiting(_ bytes: Int) -> Bool {
        let missing = waitingBytes + bytes - heldRoom
        if missing > 0 {
            guard let more = room.take(missing) else {
                cutForWaiting += 1
                return false
            }
            heldRoom += more
        }
        waitingBytes += bytes
        return true
    }

    func noLongerWaiting(_ bytes: Int) {
        waitingBytes -= bytes
        let spare = heldRoom - waitingBytes
        // A step is kept: who waits a little again and again asks nobody for it.
        guard spare > 2 * WaitingRoom.step else { return }
        heldRoom -= spare - WaitingRoom.step
        room.giveBack(spare - WaitingRoom.step)
    }

    /// An empty buffer, one that was used before where there is one.
    func takeBuffer() -> OutputBuffer { freeBuffers.popLast() ?? OutputBuffer() }

    func register(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = connection
    }

    func forget(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = nil
    }

    func markDirty(_ connection: Connection) { dirty.append(connection) }
    func markDirtyFirst(_ connection: Connection) { dirtyFirst.append(connection) }

    public var connectionCount: Int { connections.count }

    /// All connections of this loop; on the loop.
    public func forEachConnection(_ body: (Connection) -> Void) {
        for connection in Array(connections.values) { body(connection) }
    }

    /// Once a second: deadlines.
    private func sweep() {
        let now = milliseconds
        for connection in Array(connections.values) where connection.deadline <= now {
            connection.deadlinePassed()
        }
    }

    /// The loop's clock, milliseconds, cached for the turn.
    public var milliseconds: UInt64 { uv_now(handle) }

    /// RFC 9110's date, made at most once a second.
    public var httpDate: [UInt8] {
        let second = gs_wall_nanoseconds() / 1_000_000_000
        if second != dateSecond || dateField.isEmpty {
            dateSecond = second
            dateField = Self.httpDate(second)
        }
        return dateField
    }

    static func httpDate(_ second: Int64) -> [UInt8] {
        var time = time_t(second)
        var parts = tm()
        gmtime_r(&time, &parts)
        var text = [CChar](repeating: 0, count: 40)
        let length = strftime(&text, 40, "%a, %d %b %Y %H:%M:%S GMT", &parts)
        return text.prefix(length).map { UInt8(bitPattern: $0) }
    }
}

/// A timer that lives on a loop. Stops when it is let go.
public final class LoopTimer {
    private let timer: UnsafeMutablePointer<uv_timer_t>
    private var action: (() -> Void)?

    public init(_ loop: Loop) {
        timer = .allocate(capacity: 1)
        uv_timer_init(loop.handle, timer)
        timer.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    }

    /// Milliseconds both; 0 for no repetition.
    public func start(after: UInt64, every: UInt64 = 0, _ action: @escaping () -> Void) {
        self.action = action
        uv_timer_start(
            timer,
            { timer in
                Unmanaged<LoopTimer>.fromOpaque(timer!.pointee.data).takeUnretainedValue().action?()
            }, after, every)
    }

    public func stop() {
        uv_timer_stop(timer)
        action = nil
    }

    deinit {
        uv_timer_stop(timer)
        uv_close(UnsafeMutableRawPointer(timer).assumingMemoryBound(to: uv_handle_t.self)) {
            UnsafeMutableRawPointer($0!).assumingMemoryBound(to: uv_timer_t.self).deallocate()
        }
    }
}
