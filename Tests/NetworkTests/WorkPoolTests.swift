import Dispatch
import NetworkLoops
import Synchronization
import Testing

@Suite struct `A pool for what blocks` {
    @Test func `runs the work elsewhere and comes back to the loop`() async throws {
        let pool = WorkPool(threads: 2)
        let loop = Loop()
        loop.start(name: "pool-test")
        let (wasOnLoop, isOnLoop, sum) = try await Task(executorPreference: loop) {
            let before = loop.isCurrent
            let (sum, elsewhere) = try await pool.run { ((1...1000).reduce(0, +), loop.isCurrent) }
            #expect(!elsewhere)
            return (before, loop.isCurrent, sum)
        }.value
        #expect((wasOnLoop, isOnLoop, sum) == (true, true, 500_500))
        pool.stop()
        loop.stop()
    }

    @Test func `gives an error of the work to who asked`() async {
        struct Own: Error {}
        let pool = WorkPool()
        await #expect(throws: Own.self) { try await pool.run { throw Own() } }
        pool.stop()
    }

    @Test func `refuses more than its bound, and does everything that it took`() async {
        let pool = WorkPool(threads: 1, limit: 3)
        let hold = DispatchSemaphore(value: 0)
        let begun = DispatchSemaphore(value: 0)
        let done = Atomic<Int>(0)
        #expect(
            pool.submit {
                begun.signal()
                hold.wait()
            })
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                begun.wait()
                continuation.resume()
            }
        }
        for _ in 0..<3 { #expect(pool.submit { done.add(1, ordering: .relaxed) }) }
        #expect(!pool.submit { done.add(100, ordering: .relaxed) })
        await #expect(throws: WorkPool.Full.self) { try await pool.run { 1 } }
        hold.signal()
        pool.stop()
        while done.load(ordering: .relaxed) < 3 { await Task.yield() }
        #expect(done.load(ordering: .relaxed) == 3)
        #expect(!pool.submit {})
    }
}
