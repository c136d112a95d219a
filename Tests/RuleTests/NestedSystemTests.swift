import Betting
import Kernel
import Testing

private func won(_ odds: UInt32) -> LegFactor { .won(Odds(odds, over: 1)!) }

private func shape(_ legs: Int, _ sizes: UInt32, _ groups: (Int, Int, UInt32)...) -> SystemShape? {
    SystemShape(
        legs: legs, sizes: sizes,
        groups: groups.map { SystemGroup(first: $0.0, last: $0.1, sizes: $0.2) })
}

private func outcome(_ shape: SystemShape, _ factors: [LegFactor], unitStake: Int64 = 100) -> BetOutcome {
    var total = SystemReturn(unitStake: unitStake, shape: shape)
    for factor in factors { total.multiply(by: factor) }
    return total.outcome(.down)
}

/// By choosing: a set of legs is a line when as many parts as wanted have some of it, and each group that has is one.
private struct Chosen {
    let shape: SystemShape

    private func parts(_ legs: ClosedRange<Int>) -> [ClosedRange<Int>] {
        let inner = shape.groups.map { $0.first...$0.last }.filter {
            $0 != legs && legs.contains($0.lowerBound) && legs.contains($0.upperBound)
        }
        let outer = inner.filter { one in
            !inner.contains { $0 != one && $0.contains(one.lowerBound) && $0.contains(one.upperBound) }
        }
        return (outer + legs.filter { leg in !outer.contains { $0.contains(leg) } }.map { $0...$0 })
    }

    private func isLine(_ chosen: Set<Int>, _ legs: ClosedRange<Int>, _ sizes: UInt32) -> Bool {
        let taken = parts(legs).filter { !chosen.isDisjoint(with: $0) }
        return !taken.isEmpty && sizes >> UInt32(taken.count - 1) & 1 == 1
            && taken.allSatisfy { part in
                guard let group = shape.groups.first(where: { $0.first...$0.last == part }) else { return true }
                return isLine(chosen.intersection(part), part, group.sizes)
            }
    }

    var lines: Set<Set<Int>> {
        Set(
            (1..<(1 << shape.legs)).map { choice in Set((0..<shape.legs).filter { choice >> $0 & 1 == 1 }) }
                .filter { isLine($0, 0...shape.legs - 1, shape.sizes) })
    }
}

@Suite struct `A system with groups` {
    @Test func `takes one line of a group where a leg would be`() throws {
        // One of the first two, in a double with the third.
        let system = try #require(shape(3, 0b10, (0, 1, 0b1)))
        #expect(system.lines == 2)
        #expect(system.lineLegs(atMost: 9) == [[0, 2], [1, 2]])
        #expect(outcome(system, [won(2), won(3), won(4)]) == .settled(payout: 2000))
        #expect(outcome(system, [won(2), .lost, won(4)]) == .settled(payout: 800))
        #expect(outcome(system, [.lost, .undecided, .lost]) == .settled(payout: 0))
        #expect(outcome(system, [.lost, .lost, .undecided]) == .settled(payout: 0))
        #expect(outcome(system, [won(2), .undecided, won(4)]) == .open)
        #expect(outcome(system, [won(2), .undecided, .lost]) == .settled(payout: 0))
    }

    @Test func `says what bankers say, and what they cannot`() throws {
        // A Trixie as one of two things that must win.
        let trixie = try #require(shape(4, 0b10, (1, 3, 0b110)))
        let banker = try #require(SystemShape(legs: 4, sizes: 0b110, bankers: 0b1))
        let factors = [won(2), won(3), .halfLost, won(5)]
        #expect(trixie.lines == 4 && banker.lines == 4)
        #expect(outcome(trixie, factors) == outcome(banker, factors))
        // A group within a group.
        let deep = try #require(shape(6, 0b10, (1, 5, 0b100), (2, 3, 0b11)))
        #expect(deep.lines == Int64(Chosen(shape: deep).lines.count))
        #expect(deep.groups.count == 2 && deep.cover == nil && deep.name == nil)
    }

    @Test func `is none where groups cross, are all of it, have no such size or stand with bankers`() {
        #expect(shape(4, 0b10, (0, 2, 0b1), (1, 3, 0b1)) == nil)
        #expect(shape(3, 0b1, (0, 2, 0b1)) == nil)
        #expect(shape(3, 0b10, (0, 1, 0b100)) == nil)
        #expect(shape(3, 0b10, (0, 1, 0)) == nil)
        #expect(shape(3, 0b100, (0, 1, 0b1)) == nil)
        #expect(shape(3, 0b10, (1, 1, 0b1)) == nil)
        #expect(shape(3, 0b10, (1, 3, 0b1)) == nil)
        #expect(shape(4, 0b10, (0, 1, 0b1), (0, 1, 0b1)) == nil)
        let group = SystemGroup(first: 0, last: 1, sizes: 0b1)
        #expect(SystemShape(legs: 3, sizes: 0b10, bankers: 0b100, groups: [group]) == nil)
        #expect(SystemShape(legs: 16, sizes: 0b1, groups: (0..<5).map { SystemGroup(first: $0 * 2, last: $0 * 2 + 1, sizes: 1) }) == nil)
        // As a record may say it: not in order.
        let words = SIMD4<UInt32>(2 << 28 | 3 << 24 | 1, 0 << 28 | 1 << 24 | 1, 0, 0)
        #expect(SystemShape(legs: 5, sizes: 0b10, bankers: 0, packedGroups: words) == nil)
        #expect(SystemShape(legs: 5, sizes: 0b10, bankers: 0, packedGroups: SIMD4(0, words[0], 0, 0)) == nil)
        // One that goes backwards.
        let back = SIMD4<UInt32>(0 << 28 | 2 << 24 | 1, 1 << 28 | 0 << 24 | 1, 0, 0)
        #expect(SystemShape(legs: 4, sizes: 0b1, bankers: 0, packedGroups: back) == nil)
    }

    @Test(arguments: 1...300 as ClosedRange<UInt64>)
    func `comes to the sum of its lines, whatever they are`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let legs = random.number(in: 3...9)
        let groups = (0..<random.number(in: 1...4)).map { _ in
            let (one, other) = (random.number(in: 0...legs - 1), random.number(in: 0...legs - 1))
            return SystemGroup(first: min(one, other), last: max(one, other), sizes: UInt32(random.number(in: 1...7)))
        }
        guard let shape = SystemShape(legs: legs, sizes: UInt32(random.number(in: 1...15)), groups: groups) else { return }
        let chosen = Chosen(shape: shape).lines
        #expect(Int64(chosen.count) == shape.lines)
        #expect(Set(shape.lineLegs(atMost: .max).map { Set($0) }) == chosen)
        let factors: [LegFactor] = (0..<legs).map { _ in
            switch random.number(in: 0...7) {
            case 0: .lost
            case 1 where seed % 2 == 0: .undecided
            case 2: .halfLost
            default: .won(Odds(UInt32(random.number(in: 101...999)), over: 100)!)
            }
        }
        var sum = WideInteger(0)
        var below = WideInteger(1)
        for case .ratio(_, let denominator) in factors { _ = below.multiplyReportingOverflow(by: denominator) }
        var isOpen = false
        for line in chosen where !line.contains(where: { factors[$0] == .lost }) {
            if line.contains(where: { factors[$0] == .undecided }) { isOpen = true }
            var value = WideInteger(100)
            for (leg, factor) in factors.enumerated() {
                guard case .ratio(let above, let below) = factor else { continue }
                _ = value.multiplyReportingOverflow(by: line.contains(leg) ? above : below)
            }
            _ = sum.addReportingOverflow(value)
        }
        let exact = ExactAmount(numerator: sum, denominator: below).rounded(.down)!
        #expect(outcome(shape, factors) == (isOpen ? .open : .settled(payout: exact)))
    }
}

@Suite struct `What the house adds and takes` {
    private let lucky = SystemShape(legs: 4, sizes: 0b1111)!

    private func payout(_ results: [LegResult], _ terms: HouseTerms, stake: Int64 = 1500, free: Int64 = 0) -> BetOutcome {
        var total = BetReturn(stake: stake, free: free, shape: lucky, terms: terms)
        for (result, odds) in zip(results, [2, 3, 4, 5] as [UInt32]) {
            total.multiply(by: LegFacts(odds: Odds(odds, over: 1)!, result: result))
        }
        return total.outcome(.down)
    }

    private func terms(only: UInt16 = 100, all: UInt16 = 0, commission: UInt16 = 0) -> HouseTerms {
        var terms = HouseTerms(commission: commission)
        terms.bonus = CoverBonus(onlyWinner: only, allWinners: all)!
        return terms
    }

    @Test func `doubles the winnings of an only winner`() {
        // 1.00 at 5.00: 4.00 of winnings count twice.
        #expect(payout([.lost, .lost, .lost, .won], terms(only: 200)) == .settled(payout: 900))
        #expect(payout([.lost, .lost, .lost, .won], terms()) == .settled(payout: 500))
        #expect(payout([.lost, .lost, .won, .won], terms(only: 200)) == .settled(payout: 2900))
        // A void leg leaves a second line alive.
        #expect(payout([.void, .lost, .lost, .won], terms(only: 200)) == .settled(payout: 1100))
        #expect(payout([.undecided, .lost, .lost, .won], terms(only: 200)) == .open)
    }

    @Test func `adds a tenth where all win`() {
        #expect(payout([.won, .won, .won, .won], terms(all: 1000)) == .settled(payout: 394_90))
        #expect(payout([.won, .won, .won, .void], terms(all: 1000)) == .settled(payout: 119_00))
    }

    @Test func `takes its part of what is beyond the stake, and nothing of a loss`() {
        // 59.00 of 15.00: 44.00 are won.
        #expect(payout([.won, .won, .won, .lost], terms(commission: 500)) == .settled(payout: 56_80))
        #expect(payout([.won, .lost, .lost, .lost], terms(commission: 500)) == .settled(payout: 200))
        #expect(payout([.void, .void, .void, .void], terms(commission: 5000)) == .settled(payout: 1500))
        // All of what a free stake returns is won.
        #expect(payout([.won, .won, .won, .lost], terms(commission: 1000), free: 1500) == .settled(payout: 46_80))
    }

    @Test func `takes its part after what it adds`() {
        #expect(payout([.won, .won, .won, .won], terms(all: 1000, commission: 1000)) == .settled(payout: 35691))
    }

    @Test func `is no rule where it would be more than all, or of covers without singles`() {
        #expect(CoverBonus(onlyWinner: 99, allWinners: 0) == nil)
        #expect(CoverBonus(onlyWinner: 401, allWinners: 0) == nil)
        #expect(CoverBonus(onlyWinner: 100, allWinners: 10_001) == nil)
        var bonuses = HouseRules.none.bonuses
        #expect(HouseRules(commission: 5001, bonuses: bonuses) == nil)
        #expect(HouseRules(commission: 0, bonuses: []) == nil)
        bonuses[0] = CoverBonus(onlyWinner: 200, allWinners: 0)!
        #expect(HouseRules(commission: 0, bonuses: bonuses) == nil)
    }
}
