import Betting
import Kernel
import Testing

/// A stake that is not returned: what it comes to at the prices, less what it comes to at prices of 1.
@Suite struct `A free stake` {
    private func bet(
        _ stake: Int64, free: Int64, _ legs: [LegFacts], shape: SystemShape? = nil, isEachWay: Bool = false
    ) -> BetReturn {
        var total = BetReturn(stake: stake, free: free, shape: shape, isEachWay: isEachWay)
        for leg in legs { total.multiply(by: leg) }
        return total
    }

    private func leg(_ thousandths: UInt32, _ result: LegResult) -> LegFacts {
        LegFacts(odds: Odds(thousandths: thousandths)!, result: result)
    }

    @Test func `pays winnings alone`() {
        #expect(bet(1000, free: 1000, [leg(3000, .won)]).outcome(.down) == .settled(payout: 2000))
        #expect(bet(1000, free: 400, [leg(3000, .won)]).outcome(.down) == .settled(payout: 2600))
        #expect(bet(1000, free: 1000, [leg(3000, .lost)]).outcome(.down) == .settled(payout: 0))
    }

    @Test func `is not turned into cash by a void`() {
        #expect(bet(1000, free: 1000, [leg(3000, .void)]).outcome(.down) == .settled(payout: 0))
        // A double with one void leg is a single at the other's price.
        let double = [leg(3000, .void), leg(2000, .won)]
        #expect(bet(1000, free: 1000, double).outcome(.down) == .settled(payout: 1000))
    }

    /// A leg that pays less than its stake must not be cut by itself: the whole is what cannot fall below zero.
    @Test func `is taken off the whole and not off each leg`() {
        let legs = [leg(3000, .halfLost), leg(4000, .won)]
        // 1000 x 1/2 x 4 less 1000 x 1/2 x 1.
        #expect(bet(1000, free: 1000, legs).outcome(.down) == .settled(payout: 1500))
        #expect(bet(1000, free: 1000, [leg(3000, .halfLost)]).outcome(.down) == .settled(payout: 0))
        #expect(bet(1000, free: 1000, [leg(3000, .halfWon)]).outcome(.down) == .settled(payout: 1000))
    }

    @Test func `shares a dead heat with what it would have come to`() {
        let tied = leg(5000, .deadHeat(winners: 1, tied: 2))
        // 1000 x 5 / 2 less 1000 / 2.
        #expect(bet(1000, free: 1000, [tied]).outcome(.down) == .settled(payout: 2000))
    }

    @Test func `never pays less than nothing where a price is cut below its stake`() {
        var cut = leg(1100, .won)
        cut.deduction = Deduction(basisPoints: 5000, isOnPrice: true)
        #expect(bet(1000, free: 1000, [cut]).outcome(.down) == .settled(payout: 0))
        #expect(bet(1000, free: 200, [cut]).outcome(.down) == .settled(payout: 350))
    }

    @Test func `divides over the lines of a system`() throws {
        let trixie = try #require(SystemShape(legs: 3, sizes: 0b110, bankers: 0))
        let legs = [leg(2000, .won), leg(3000, .won), leg(4000, .lost)]
        // One double of 250 at 6.0.
        #expect(bet(1000, free: 1000, legs, shape: trixie).outcome(.down) == .settled(payout: 1250))
    }

    @Test func `is given back for the lines whose legs are all void`() throws {
        let patent = try #require(SystemShape(legs: 3, sizes: 0b111, bankers: 0))
        func back(_ void: [Bool]) -> BetOutcome {
            var total = BetReturn(stake: 700, shape: patent)
            for one in void { total.multiply(byVoid: one) }
            return total.outcome(.down)
        }
        #expect(back([true, false, false]) == .settled(payout: 100))
        #expect(back([true, true, false]) == .settled(payout: 300))
        #expect(back([true, true, true]) == .settled(payout: 700))
        #expect(back([false, false, false]) == .settled(payout: 0))
    }

    @Test func `comes back as bonus money no more than it was`() {
        let won = bet(1000, free: 0, [leg(3000, .won)])
        #expect(won.returned(of: 300, in: 1000) == 300)
        let half = bet(1000, free: 0, [leg(3000, .halfLost)])
        #expect(half.returned(of: 301, in: 1000) == 150)
        #expect(bet(1000, free: 0, [leg(3000, .lost)]).returned(of: 300, in: 1000) == 0)
    }

    /// Against lines that are listed one by one, with fractions over one small denominator.
    @Test(arguments: 1...300 as ClosedRange<UInt64>)
    func `is what its lines come to, one by one`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let count = random.number(in: 2...4)
        var legs: [LegFacts] = []
        // Quarters: (at the price, at 1) of each leg.
        var worths: [(Int64, Int64)] = []
        for _ in 0..<count {
            let price = Int64(random.number(in: 5...40))
            let odds = try #require(Odds(UInt32(price), over: 4))
            let (result, worth): (LegResult, (Int64, Int64)) =
                switch random.number(in: 0...5) {
                case 0: (.lost, (0, 0))
                case 1: (.void, (8, 8))
                case 2: (.halfWon, (price + 4, 8))
                case 3: (.halfLost, (4, 4))
                case 4: (.deadHeat(winners: 1, tied: 2), (price, 4))
                default: (.won, (2 * price, 8))
                }
            legs.append(LegFacts(odds: odds, result: result))
            worths.append(worth)
        }
        let sizes = UInt32(random.number(in: 1...(1 << count) - 1))
        let shape = try #require(SystemShape(legs: count, sizes: sizes, bankers: 0))
        let stake = shape.lines * Int64(random.number(in: 1...50))
        let free = shape.lines * Int64(random.number(in: 0...Int(stake / shape.lines)))
        var (paid, unpaid) = (Int64(0), Int64(0))
        for choice in 1..<(1 << count) {
            let size = choice.nonzeroBitCount
            guard sizes >> UInt32(size - 1) & 1 == 1 else { continue }
            var (line, one) = (stake / shape.lines, free / shape.lines)
            for index in 0..<count {
                let isIn = choice >> index & 1 == 1
                line *= isIn ? worths[index].0 : 8
                one *= isIn ? worths[index].1 : 8
            }
            paid += line
            unpaid += one
        }
        var below: Int64 = 1
        for _ in 0..<count { below *= 8 }
        let expected = max(0, paid - unpaid) / below
        #expect(bet(stake, free: free, legs, shape: shape).outcome(.down) == .settled(payout: expected))
    }
}
