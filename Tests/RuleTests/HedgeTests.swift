import Kernel
import Risk
import Testing

@Suite struct `A bet elsewhere` {
    @Test func `takes the worst result up to the next one`() {
        // Home loses us 300.00, the others win 100.00 and 150.00; home stands at 3.0.
        let hedge = Hedge.suggestion(results: [-30_000, 10_000, 15_000], prices: [3000, 3500, 2500])
        #expect(hedge?.selection == 0)
        #expect(hedge?.stake == 13_333)
        // -300.00 + 266.66 and 100.00 - 133.33: both within a cent.
        #expect(hedge?.worst == -3_334)
    }

    @Test func `is not needed where nothing is lost, and not possible without a price`() {
        #expect(Hedge.suggestion(results: [0, 100], prices: [2000, 2000]) == nil)
        #expect(Hedge.suggestion(results: [-100, -100], prices: [2000, 2000]) == nil)
        #expect(Hedge.suggestion(results: [-100, 100], prices: [0, 2000]) == nil)
        #expect(Hedge.suggestion(results: [-100, 100], prices: [1000, 2000]) == nil)
        #expect(Hedge.suggestion(results: [-1, 0], prices: [5000, 2000]) == nil)
        #expect(Hedge.suggestion(results: [-100], prices: [2000]) == nil)
        #expect(Hedge.suggestion(results: [], prices: []) == nil)
        #expect(Hedge.suggestion(results: [.min, .max], prices: [2000, 2000]) == nil)
    }

    /// Over seeds: the worst result with it is better than without, and what is said is what it comes to.
    @Test func `never makes the worst result worse`() {
        var random = SeededGenerator(seed: 76)
        for _ in 0..<5_000 {
            let count = random.number(in: 2...6)
            let results = (0..<count).map { _ in Int64(random.number(in: -1_000_000...1_000_000)) }
            let prices = (0..<count).map { _ in UInt32(random.number(in: 1001...50_000)) }
            guard let hedge = Hedge.suggestion(results: results, prices: prices) else { continue }
            let after = results.indices.map { index in
                index == hedge.selection
                    ? results[index] + hedge.stake * Int64(hedge.price - 1000) / 1000
                    : results[index] - hedge.stake
            }
            #expect(after.min()! == hedge.worst)
            #expect(hedge.worst >= results.min()!)
        }
    }
}
