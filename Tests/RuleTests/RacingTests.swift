import Betting
import Kernel
import Testing

private func odds(_ text: String) -> Odds { Odds(text, as: text.contains("/") ? .fractional : .decimal)! }

@Suite struct `Racing` {
    let fifth = PlaceTerms(places: 3, numerator: 1, denominator: 5)!

    private func paid(_ stake: Int64, _ win: LegFactor, _ place: LegFactor) -> Int64? {
        var total = BetReturn(stake: stake, shape: nil, isEachWay: true)
        total.multiply(by: win, place: place)
        guard case .settled(let payout) = total.outcome(.halfUp) else { return nil }
        return payout
    }

    @Test(arguments: [
        ("1/9", 9000), ("10/89", 8500), ("2/11", 8500), ("2/17", 8500), ("1/4", 8000), ("3/10", 7500), ("1/3", 7000),
        ("2/5", 7000), ("4/9", 6500), ("8/15", 6500), ("4/7", 6000), ("8/13", 6000), ("4/5", 5500), ("5/6", 5000),
        ("20/21", 5000), ("1/1", 4500), ("6/5", 4500), ("6/4", 4000), ("7/4", 3500), ("9/4", 3000), ("3/1", 2500),
        ("4/1", 2000), ("11/2", 1500), ("9/1", 1000), ("14/1", 500), ("141/10", 0), ("100/1", 0),
    ])
    func `deductions follow the exact ratio of the last price`(price: String, basisPoints: UInt16) {
        #expect(DeductionTable.tattersalls.taken(at: odds(price), of: 8) == (basisPoints, basisPoints))
    }

    @Test func `a brand's table takes by price and field, of win and of place parts`() throws {
        let table = try #require(
            DeductionTable([
                .init(runners: 0, winnings: 1, stake: 1, win: 3000, place: 1000),
                .init(runners: 8, winnings: 1, stake: 1, win: 4200, place: 1400),
                .init(runners: 8, winnings: 5, stake: 1, win: 1500, place: 500),
            ]))
        #expect(table.taken(at: odds("2.0"), of: 8) == (4200, 1400))
        #expect(table.taken(at: odds("2.01"), of: 8) == (1500, 500))
        #expect(table.taken(at: odds("6.01"), of: 12) == (0, 0))
        #expect(table.taken(at: odds("2.0"), of: 7) == (3000, 1000))
        #expect(table.taken(at: odds("3.0"), of: 7) == (0, 0))
        #expect(DeductionTable.none.taken(at: odds("1.01"), of: 20) == (0, 0))
    }

    @Test func `a table that goes down, or takes too much, is none`() {
        func step(_ runners: UInt8, _ winnings: UInt32, stake: UInt32 = 1, win: UInt16 = 100, place: UInt16 = 100)
            -> DeductionTable.Step
        { .init(runners: runners, winnings: winnings, stake: stake, win: win, place: place) }
        #expect(DeductionTable([step(0, 1), step(0, 2)]) != nil)
        #expect(DeductionTable([step(0, 2), step(0, 1)]) == nil)
        #expect(DeductionTable([step(0, 2), step(0, 4, stake: 2)]) == nil)
        #expect(DeductionTable([step(8, 1), step(0, 2)]) == nil)
        #expect(DeductionTable([step(0, 2), step(8, 1)]) != nil)
        #expect(DeductionTable([step(0, 1, stake: 0)]) == nil)
        #expect(DeductionTable([step(0, 1, win: 9001)]) == nil)
        #expect(DeductionTable([step(0, 1, place: 9001)]) == nil)
        #expect(DeductionTable([], waivedAlone: 9001) == nil)
        #expect(DeductionTable((0..<256).map { step(0, $0) }) != nil)
        #expect(DeductionTable((0..<257).map { step(0, $0) }) == nil)
    }

    @Test func `a lone five pence may be waived, but not beside another`() {
        let rule = DeductionRule.ruleFour
        #expect(rule.together([500], waivedAlone: 500) == .none)
        #expect(rule.together([500, 0], waivedAlone: 500) == .none)
        #expect(rule.together([500, 500], waivedAlone: 500).basisPoints == 1000)
        #expect(rule.together([1000], waivedAlone: 500).basisPoints == 1000)
        #expect(rule.together([500]).basisPoints == 500)
    }

    @Test func `a deduction comes off winnings here and off the face value there`() {
        let five = odds("5.00")
        var british = BetReturn(stake: 1000, shape: nil)
        british.multiply(by: .won(five, less: DeductionRule.ruleFour.together([2000])))
        #expect(british.outcome(.down) == .settled(payout: 4200))
        var australian = BetReturn(stake: 1000, shape: nil)
        australian.multiply(by: .won(five, less: DeductionRule.faceValue.together([2000])))
        #expect(australian.outcome(.down) == .settled(payout: 4000))
        // An exchange's place market: 8.0 at 25 % becomes 6.25.
        #expect(
            LegFactor.won(odds("8.0"), less: DeductionRule.exchangePlace.together([2500]))
                == .ratio(numerator: 25, denominator: 4))
    }

    @Test func `several withdrawals take ninety pence together at most, and an exchange's small ones nothing of a win`() {
        #expect(DeductionRule.ruleFour.together([5500, 4500]).basisPoints == 9000)
        #expect(DeductionRule.ruleFour.together([500, 1000]).basisPoints == 1500)
        #expect(DeductionRule.exchangeWin.together([249]).basisPoints == 0)
        #expect(DeductionRule.exchangePlace.together([249]).basisPoints == 249)
        // One after the other: three quarters of three quarters are left.
        #expect(DeductionRule.exchangeWin.together([2500, 2500]).basisPoints == 10_000 - 5625)
        #expect(DeductionRule.none.together([5000]) == .none)
    }

    @Test func `each way pays both parts to a winner and one to the placed`() {
        let nine = odds("9.0")
        let place = LegFactor.placed(nine, fifth)
        #expect(paid(2000, .lost, place) == 2600)
        #expect(paid(2000, .won(nine), place) == 11_600)
        #expect(paid(2000, .lost, .lost) == 0)
        #expect(paid(2000, .unchanged, .unchanged) == 2000)
        #expect(paid(2000, .lost, .undecided) == nil, "the place part is open")
    }

    @Test func `a dead heat for the win under rule 4 halves the win part alone`() {
        let nine = odds("9.0")
        let deduction = DeductionRule.ruleFour.together([1500])
        let tied = Finish(position: 1, tied: 2)
        let win = LegFactor.won(nine, less: deduction).shared(tied.share(of: 1), among: tied.tied)
        let place = LegFactor.placed(nine, fifth, less: deduction).shared(tied.share(of: 3), among: tied.tied)
        #expect(paid(2000, win, place) == 6260)
    }

    @Test(arguments: [
        (1, 1, 3, 1), (3, 1, 3, 1), (4, 1, 3, 0), (3, 2, 3, 1), (2, 3, 3, 2), (2, 2, 3, 2), (1, 5, 3, 3), (255, 1, 3, 0),
        (0, 1, 3, 0),
    ])
    func `places are shared by those who came in together`(position: Int, tied: Int, places: Int, left: Int) {
        let finish = Finish(position: UInt8(position), tied: UInt8(tied))
        #expect(finish.share(of: UInt8(places)) == UInt8(left))
    }

    @Test func `multiples run win to win and place to place, over seeds as the lines added up`() {
        var random = SeededGenerator(seed: 12)
        for _ in 0..<500 {
            let count = random.number(in: 2...5)
            let shape =
                random.number(in: 0...1) == 0
                ? nil : SystemShape(legs: count, sizes: UInt32(random.number(in: 1...(1 << count) - 1)))
            let lines: [[Int]] = (1..<(1 << count)).map { set in (0..<count).filter { set >> $0 & 1 == 1 } }
                .filter { line in shape.map { $0.sizes >> UInt32(line.count - 1) & 1 == 1 } ?? (line.count == count) }
            var total = BetReturn(stake: Int64(lines.count) * 200, shape: shape, isEachWay: true)
            var factors: [(win: LegFactor, place: LegFactor)] = []
            for _ in 0..<count {
                let price = Odds(UInt32(random.number(in: 8...60)), over: 7)!
                let less = Deduction(basisPoints: UInt16(random.number(in: 0...3) * 1250), isOnPrice: random.number(in: 0...1) == 0)
                let kinds: [(LegFactor, LegFactor)] = [
                    (.won(price, less: less), .placed(price, fifth, less: less)), (.lost, .placed(price, fifth, less: less)),
                    (.lost, .lost), (.unchanged, .unchanged),
                    (.won(price).shared(1, among: 2), .placed(price, fifth)),
                ]
                let one = kinds[random.number(in: 0...4)]
                factors.append((one.0, one.1))
                total.multiply(by: one.0, place: one.1)
            }
            // A hundred minor units a line and part, added up as fractions of a common denominator.
            func product(_ parts: [LegFactor]) -> Double {
                parts.reduce(100) { value, factor in
                    guard case .ratio(let above, let below) = factor else { return 0 }
                    return value * Double(above) / Double(below)
                }
            }
            let expected = lines.reduce(0.0) { sum, line in
                sum + product(line.map { factors[$0].win }) + product(line.map { factors[$0].place })
            }
            guard case .settled(let payout) = total.outcome(.down) else {
                Issue.record("an each-way bet whose legs are all decided is open")
                return
            }
            #expect(abs(Double(payout) - expected) < 1.001, "\(payout) and \(expected)")
        }
    }
}
