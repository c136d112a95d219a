import Betting
import Kernel
import Testing

/// A system's return by listing its lines, one accumulator each, over one denominator.
private struct ListedLines {
    let shape: SystemShape
    let factors: [LegFactor]

    /// The legs of every line, in no particular order.
    var lines: [[Int]] {
        (0..<(1 << shape.legs)).compactMap { choice in
            let chosen = (0..<shape.legs).filter { choice >> $0 & 1 == 1 }
            guard (0..<shape.legs).allSatisfy({ !shape.isBanker($0) || chosen.contains($0) }) else { return nil }
            let free = chosen.count - shape.bankers.nonzeroBitCount
            guard free > 0, shape.sizes >> UInt32(free - 1) & 1 == 1 else { return nil }
            return chosen
        }
    }

    func outcome(unitStake: Int64, _ rounding: Rounding) -> BetOutcome {
        var isOpen = false
        // Every line over the product of all denominators.
        var sum = WideInteger(0)
        for line in lines {
            if line.contains(where: { factors[$0] == .lost }) { continue }
            if line.contains(where: { factors[$0] == .undecided }) {
                isOpen = true
                continue
            }
            var value = WideInteger(UInt64(unitStake))
            for (leg, factor) in factors.enumerated() {
                guard case .ratio(let above, let below) = factor else { continue }
                _ = value.multiplyReportingOverflow(by: line.contains(leg) ? above : below)
            }
            _ = sum.addReportingOverflow(value)
        }
        if isOpen { return .open }
        var below = WideInteger(1)
        for factor in factors {
            if case .ratio(_, let denominator) = factor { _ = below.multiplyReportingOverflow(by: denominator) }
        }
        return ExactAmount(numerator: sum, denominator: below).rounded(rounding).map { .settled(payout: $0) } ?? .overflow
    }
}

private func payout(_ legs: Int, _ sizes: UInt32, bankers: UInt32 = 0, unitStake: Int64, _ factors: [LegFactor]) -> BetOutcome {
    var total = SystemReturn(unitStake: unitStake, shape: SystemShape(legs: legs, sizes: sizes, bankers: bankers)!)
    for factor in factors { total.multiply(by: factor) }
    return total.outcome(.halfUp)
}

private func won(_ odds: UInt32, _ over: UInt32 = 1) -> LegFactor { .won(Odds(odds, over: over)!) }

@Suite struct `A system` {
    @Test(arguments: [
        ("trixie", 4), ("patent", 7), ("yankee", 11), ("lucky_15", 15), ("canadian", 26), ("lucky_31", 31), ("heinz", 57),
        ("lucky_63", 63), ("super_heinz", 120), ("goliath", 247),
    ])
    func `has as many lines as its name promises`(name: String, lines: Int64) {
        let cover = SystemShape.named.first { $0.name == name }!
        let shape = SystemShape(legs: cover.legs, sizes: cover.sizes)
        #expect(shape?.lines == lines)
        #expect(shape?.name == name)
    }

    @Test func `comes to what the trade's examples say`() {
        let all = [won(2), won(3), won(4), won(5)]
        let three = [won(2), won(3), won(4), LegFactor.lost]
        #expect(payout(4, 0b1111, unitStake: 100, all) == .settled(payout: 359_00))
        #expect(payout(4, 0b1111, unitStake: 100, three) == .settled(payout: 59_00))
        #expect(payout(4, 0b1110, unitStake: 100, all) == .settled(payout: 345_00))
        #expect(payout(4, 0b1110, unitStake: 100, three) == .settled(payout: 50_00))
        #expect(payout(3, 0b110, unitStake: 100, [won(2), won(3), .unchanged]) == .settled(payout: 17_00))
    }

    @Test func `has its bankers in every line`() {
        // 2 of 3 with a banker: three lines of three legs.
        let shape = SystemShape(legs: 4, sizes: 0b10, bankers: 0b1)
        #expect(shape?.lines == 3)
        #expect(payout(4, 0b10, bankers: 0b1, unitStake: 10, [won(2), won(3), won(4), .lost]) == .settled(payout: 240))
        #expect(payout(4, 0b10, bankers: 0b1, unitStake: 10, [.lost, won(3), won(4), .undecided]) == .settled(payout: 0))
        #expect(payout(4, 0b10, bankers: 0b1, unitStake: 10, [.undecided, won(3), .lost, .lost]) == .settled(payout: 0))
        #expect(payout(4, 0b10, bankers: 0b1, unitStake: 10, [.undecided, won(3), won(4), .lost]) == .open)
    }

    @Test func `is settled as soon as no line can change any more`() {
        // Twos only: one leg left of three can pay nothing, whatever the last one does.
        #expect(payout(3, 0b10, unitStake: 10, [.lost, .lost, .undecided]) == .settled(payout: 0))
        #expect(payout(3, 0b10, unitStake: 10, [.lost, won(2), .undecided]) == .open)
        #expect(payout(3, 0b11, unitStake: 10, [.lost, .lost, .undecided]) == .open)
    }

    @Test func `of nothing, of too much and of legs that it has not is none`() {
        #expect(SystemShape(legs: 3, sizes: 0) == nil)
        #expect(SystemShape(legs: 3, sizes: 0b1000) == nil)
        #expect(SystemShape(legs: 3, sizes: 0b100, bankers: 0b1) == nil)
        #expect(SystemShape(legs: 3, sizes: 0b1, bankers: 0b1000) == nil)
        #expect(SystemShape(legs: 3, sizes: 0b1, bankers: 0b111) == nil)
        #expect(SystemShape(legs: 1, sizes: 0b1) == nil)
        #expect(SystemShape(legs: 17, sizes: 0b1) == nil)
        #expect(SystemShape(legs: 16, sizes: 0xffff)?.lines == 65_535)
    }

    @Test(arguments: 1...400 as ClosedRange<UInt64>)
    func `comes to the sum of its lines, whatever they are`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let legs = random.number(in: 2...9)
        let bankers = UInt32(random.number(in: 0...((1 << legs) - 1))) & UInt32(random.number(in: 0...((1 << legs) - 1)))
        let sizes = UInt32(random.number(in: 1...((1 << legs) - 1)))
        guard let shape = SystemShape(legs: legs, sizes: sizes, bankers: bankers) else { return }
        let factors: [LegFactor] = (0..<legs).map { _ -> LegFactor in
            let odds = Odds(UInt32(random.number(in: 101...9999)), over: UInt32(random.number(in: 1...100)))!
            switch random.number(in: 0...15) {
            case 0...1: return .lost
            case 2: return .undecided
            case 3: return .unchanged
            case 4: return .won(odds).halved
            case 5: return .halfLost
            case 6:
                return LegFactor.won(odds).shared(
                    UInt8(random.number(in: 1...3)), among: UInt8(random.number(in: 4...255)))
            default: return .won(odds)
            }
        }
        let stake = Int64(random.number(in: 1...10_000))
        let listed = ListedLines(shape: shape, factors: factors)
        #expect(Int64(listed.lines.count) == shape.lines)
        for rounding in Rounding.allCases {
            var total = SystemReturn(unitStake: stake, shape: shape)
            for factor in factors { total.multiply(by: factor) }
            #expect(total.outcome(rounding) == listed.outcome(unitStake: stake, rounding))
        }
    }

    @Test func `of sixteen legs at the longest shared prices overflows nothing but Int64`() {
        let odds = Odds(.max, over: .max - 1)!
        let factors = [LegFactor](repeating: LegFactor.won(odds).shared(254, among: 255), count: 16)
        var total = SystemReturn(unitStake: .max, shape: SystemShape(legs: 16, sizes: 0xffff)!)
        for factor in factors { total.multiply(by: factor) }
        #expect(total.outcome(.down) == .overflow)
        total = SystemReturn(unitStake: 1_000_000, shape: SystemShape(legs: 16, sizes: 0xffff)!)
        for factor in factors { total.multiply(by: factor) }
        guard case .settled(let payout) = total.outcome(.down) else {
            Issue.record("it is not settled")
            return
        }
        // Nearly its lines.
        #expect(payout > 63_000_000_000 && payout < 65_535_000_000)
    }

    @Test func `lists the legs of its lines, every one once`() throws {
        for (sizes, bankers) in [(0b10 as UInt32, 0 as UInt32), (0b1111, 0), (0b101, 0b1), (0b1, 0b110)] {
            let free = 4 - bankers.nonzeroBitCount
            guard sizes < 1 << UInt32(free) else { continue }
            let shape = try #require(SystemShape(legs: 4, sizes: sizes, bankers: bankers))
            let lines = shape.lineLegs(atMost: 1000)
            #expect(lines.count == Int(shape.lines))
            #expect(Set(lines).count == lines.count)
            for line in lines {
                #expect(line == line.sorted() && Set(line).count == line.count)
                #expect((0..<4).allSatisfy { !shape.isBanker($0) || line.contains($0) })
                #expect(sizes >> UInt32(line.count - bankers.nonzeroBitCount - 1) & 1 == 1)
            }
        }
        #expect(try #require(SystemShape(legs: 16, sizes: 0b1000_0000)).lineLegs(atMost: 7).count == 7)
    }
}
