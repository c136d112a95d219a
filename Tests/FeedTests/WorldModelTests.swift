import FeedCore
import FeedService
import Kernel
import Pricing
import Testing

@Suite struct `The simulated world's own prices of selections together` {
    private let model = WorldModel()
    private let markets: [[ExternalID]]
    private let world: SimulatedWorld

    init() throws {
        var settings = SimulationSettings()
        settings.matches = 2
        settings.seed = 11
        world = SimulatedWorld(settings: settings, startingAt: 0, run: "t")
        world.onPicture = { [model] in model.learn($0, markets: $1, $2) }
        for _ in 0..<4 { _ = try world.next() }
        markets = (1...2).map { match in
            ["mo", "ou25", "btts"].map { FeedIdentity.id(of: "market", "t-\(match)/\($0)", from: "simulation") }
        }
    }

    private func chance(_ legs: [(ExternalID, Int)]) -> Double? {
        model.chance(of: legs.map { JointLeg(market: $0.0, selection: $0.1) }).map { Double($0.win) / 1e9 }
    }

    @Test func `add up to one over all that may come`() throws {
        let (result, goals, both) = (markets[0][0], markets[0][1], markets[0][2])
        var sum = 0.0
        for one in 0..<3 {
            for two in 0..<2 { for three in 0..<2 { sum += try #require(chance([(result, one), (goals, two), (both, three)])) } }
        }
        #expect(abs(sum - 1) < 0.000_001)
        // What both say of one another is neither none of the other nor their product.
        let overs = try #require(chance([(goals, 0)]))
        let bothScore = try #require(chance([(both, 0)]))
        let together = try #require(chance([(goals, 0), (both, 0)]))
        #expect(together > overs * bothScore * 1.1 && together < min(overs, bothScore))
    }

    @Test func `are none of two matches, of a market or a selection that is not there`() {
        #expect(chance([(markets[0][0], 0), (markets[1][0], 0)]) == nil)
        #expect(chance([(markets[0][0], 3)]) == nil)
        #expect(chance([(ExternalID(high: 1, low: 1), 0)]) == nil)
        #expect(chance([]) == nil)
    }

    @Test func `are forgotten when a match is over`() throws {
        for _ in 0..<20_000 {
            _ = try world.next()
            if chance([(markets[0][0], 0)]) == nil { return }
        }
        Issue.record("a match goes on for ever")
    }
}
