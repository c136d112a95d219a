import Betting
import Kernel
import Pricing
import Testing

/// What is expected of a selection, and what a bet may be sold back for.
@Suite struct `What a bet is worth` {
    private let three = Odds(3, over: 1)!

    private func chance(_ references: [UInt32], of index: Int = 0, winners: Int = 1) -> UInt32? {
        Fair.chance(of: index, among: references.span, winners: winners)?.win
    }

    private func undecided(_ odds: Odds) -> LegFacts { LegFacts(odds: odds, result: .undecided) }

    private func value(_ stake: Int64, _ legs: [(Odds, Chance)], margin: UInt16, shape: SystemShape? = nil)
        -> CashOutValue?
    {
        var total = BetReturn(stake: stake, shape: shape)
        for (odds, chance) in legs { total.multiply(by: undecided(odds).expected(chance)!) }
        return CashOutValue(total, margin: margin)
    }

    @Test func `follows references without their margin`() {
        #expect(chance([2000, 2000]) == 500_000_000)
        #expect(chance([1900, 1900]) == 500_000_000)
        #expect(chance([1500, 3000]) == 666_666_667)
        #expect(chance([3000, 3000, 3000]) == 333_333_334)
        // Two of three win; who takes no part has no reference.
        #expect(chance([3000, 3000, 3000], winners: 2) == 666_666_667)
        #expect(chance([2000, 0, 2000]) == 500_000_000)
        #expect(chance([0, 2000, 2000]) == nil)
        #expect(chance([2000, 0, 0]) == nil)
        // Each by itself: nobody's reference says anything of another one.
        #expect(chance([1500, 1250, 3000], winners: 0) == 666_666_667)
        #expect(chance([4000], winners: 0) == 250_000_000)
        #expect(chance([0, 1250], winners: 0) == nil)
        // More likely than certain is certain.
        #expect(chance([1010, 50_000, 50_000], winners: 2) == Chance.whole)
    }

    @Test func `comes to the published vector`() {
        let likely = Chance(win: 666_666_667)!
        #expect(value(10_000, [(three, likely)], margin: 0)?.payout == 20_000)
        #expect(value(10_000, [(three, likely)], margin: 500)?.payout == 19_000)
        #expect(value(5_000, [(three, likely)], margin: 500)?.payout == 9_500)
    }

    @Test func `of a line counts halves and what goes back`() {
        let even = Odds(19, over: 10)!
        // AH -0.25: half of a draw is lost and half goes back.
        let chance = Chance(
            win: 400_000_000, halfWin: 0, refund: 0, halfLose: 300_000_000, lose: 300_000_000)!
        #expect(chance.win == 400_000_000)
        #expect(chance.back == 150_000_000)
        #expect(value(10_000, [(even, chance)], margin: 0)?.payout == 9_100)
        // Three that were rounded when they were written are three all the same.
        #expect(Chance(win: 333_333_000, halfWin: 0, refund: 333_333_000, halfLose: 0, lose: 333_333_000) != nil)
        #expect(Chance(win: 1, halfWin: 2, refund: 3, halfLose: 4, lose: 5) == nil)
        #expect(Chance(win: 600_000_000, back: 400_000_001) == nil)
        #expect(
            Chance(win: .max, halfWin: .max, refund: .max, halfLose: .max, lose: .max) == nil)
    }

    @Test func `is nothing for nothing`() {
        #expect(value(10_000, [(three, Chance(win: 0)!)], margin: 0) == nil)
        #expect(value(1, [(Odds(101, over: 100)!, Chance(win: 1)!)], margin: 0) == nil)
        #expect(value(10_000, [(three, Chance(win: Chance.whole)!)], margin: 10_000) == nil)
    }

    @Test func `has its chances after what withdrawals take`() {
        var facts = undecided(three)
        facts.deduction = Deduction(basisPoints: 2000, isOnPrice: false)
        // 1 + 2 x 0.8, half of the time.
        #expect(facts.expected(Chance(win: 500_000_000)!) == .ratio(numerator: 13, denominator: 10))
        facts.isCancelled = true
        #expect(facts.expected(nil) == .unchanged)
        facts = LegFacts(odds: three, result: .lost)
        #expect(facts.expected(nil) == .lost)
    }

    /// Over seeds: never above what the bet returns when it wins, and never more in parts than at once.
    @Test func `is never more than the whole return, nor more in parts than at once`() {
        var random = SeededGenerator(seed: 20)
        for _ in 0..<2_000 {
            let count = random.number(in: 1...12)
            let legs = (0..<count).map { _ -> (Odds, Chance) in
                let win = UInt32(random.number(in: 0...1_000_000_000))
                return (
                    Odds(thousandths: UInt32(random.number(in: 1010...20_000)))!,
                    Chance(win: win, back: UInt32(random.number(in: 0...Int(Chance.whole - win))))!
                )
            }
            let shape =
                count > 1 && random.number(in: 0...1) == 0
                ? SystemShape(legs: count, sizes: UInt32(random.number(in: 1...(1 << count) - 1))) : nil
            let lines = shape?.lines ?? 1
            let units = Int64(random.number(in: 2...500))
            let margin = UInt16(random.number(in: 0...1000))
            guard let whole = value(units * lines, legs, margin: margin, shape: shape) else { continue }
            var most = BetReturn(stake: units * lines, shape: shape)
            for (odds, _) in legs { most.multiply(by: .won(odds)) }
            if case .settled(let potential) = most.outcome(.down) { #expect(whole.payout <= potential) }
            let some = Int64(random.number(in: 1...Int(units) - 1))
            let first = value(some * lines, legs, margin: margin, shape: shape)?.payout ?? 0
            let rest = value((units - some) * lines, legs, margin: margin, shape: shape)?.payout ?? 0
            #expect(first + rest <= whole.payout && first + rest >= whole.payout - 1)
            #expect(whole.exact <= whole.fair)
        }
    }
}
