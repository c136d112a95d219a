import Betting
import Kernel
import Pricing
import Testing

@Suite struct `Selections of one match together` {
    private func odds(_ parts: UInt32, legs: Int = 2, margin: UInt32 = 0) -> Odds? {
        JointPrice.odds(for: Chance(win: parts)!, legs: legs, margin: margin, on: .classic)
    }

    @Test func `are priced by the chance that all win, down to a rung`() {
        #expect(odds(250_000_000) == Odds(4, over: 1))
        #expect(odds(333_333_333) == Odds(3, over: 1))
        #expect(odds(340_000_000) == Odds(thousandths: 2940))
    }

    @Test func `pay the margin once for each leg`() {
        // 4.00 over 1.05 twice is 3.628.
        #expect(odds(250_000_000, margin: 500) == Odds(thousandths: 3600))
        #expect(odds(250_000_000, legs: 3, margin: 500) == Odds(thousandths: 3450))
    }

    @Test func `have no price where they cannot win or are nearly sure`() {
        #expect(odds(0) == nil)
        #expect(odds(1) == nil)
        #expect(odds(1_000_000_000) == nil)
        #expect(odds(990_000_000, margin: 500) == nil)
    }

    private func facts(_ result: LegResult, isCancelled: Bool = false) -> LegFacts {
        var facts = LegFacts(odds: Odds(2, over: 1)!, result: result)
        facts.isCancelled = isCancelled
        return facts
    }

    private func together(_ legs: LegFacts...) -> LegFactor { LegFacts.joint(legs, at: Odds(7, over: 2)!).win }

    @Test func `win when all do, lose with any, and are void where one has no whole result`() {
        #expect(together(facts(.won), facts(.won)) == .won(Odds(7, over: 2)!))
        #expect(together(facts(.won), facts(.lost)) == .lost)
        #expect(together(facts(.undecided), facts(.lost)) == .lost)
        #expect(together(facts(.undecided), facts(.won)) == .undecided)
        #expect(together(facts(.undecided), facts(.void)) == .undecided)
        #expect(together(facts(.void), facts(.won)) == .unchanged)
        #expect(together(facts(.void), facts(.lost)) == .lost)
        #expect(together(facts(.halfWon), facts(.won)) == .unchanged)
        #expect(together(facts(.won, isCancelled: true), facts(.won)) == .unchanged)
        #expect(together(facts(.deadHeat(winners: 1, tied: 2)), facts(.won)) == .unchanged)
    }
}
