import Dispatch
import Synchronization
import SystemThreads

/// Threads for what blocks (files, digests, password hashes), so that no loop ever waits for it.
///
/// Bound: `limit` pieces of work that wait; further ones are refused.
public final class WorkPool: Sendable {
    /// As much work waits already as may.
    public struct Full: Error {}

    private struct Queue {
        var work: [@Sendable () -> Void] = []
        var isStopping = false
    }

    public let limit: Int
    private let threads: Int
    private let queue = Mutex(Queue())
    private let ready = DispatchSemaphore(value: 0)

    public init(threads: Int = 2, limit: Int = 64) {
        self.limit = limit
        self.threads = threads
        for index in 0..<threads {
            startThread(name: "work-\(index)") { self.run() }
        }
    }

    /// Runs `work` on one of the pool's threads, in the order of asking; false when too much waits.
    public func submit(_ work: @escaping @Sendable () -> Void) -> Bool {
        let taken = queue.withLock { queue in
            guard queue.work.count < limit, !queue.isStopping else { return false }
            queue.work.append(work)
            return true
        }
        if taken { ready.signal() }
        return taken
    }

    /// The same for an `async` caller, who goes on where it was: on its loop, if it runs on one.
    ///
    /// - Throws: `Full`, or what `work` throws.
    public func run<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let taken = submit { continuation.resume(with: Result { try work() }) }
            if !taken { continuation.resume(throwing: Full()) }
        }
    }

    /// Finishes what waits and takes nothing more.
    public func stop() {
        queue.withLock { $0.isStopping = true }
        for _ in 0..<threads { ready.signal() }
    }

    private func run() {
        while true {
            ready.wait()
            let work = queue.withLock { queue in
                queue.work.isEmpty ? nil : queue.work.removeFirst()
            }
            guard let work else { return }
            work()
        }
    }
}
