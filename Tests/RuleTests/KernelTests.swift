import CChecksum
import Kernel
import Testing

@Suite struct `Odds of any format` {
    @Test(arguments: [
        ("1.95", OddsFormat.decimal, 39 as UInt32, 20 as UInt32), ("1000", .decimal, 1000, 1),
        ("100/30", .fractional, 13, 3), ("10/11", .fractional, 21, 11), ("-110", .american, 21, 11),
        ("+150", .american, 5, 2), ("2.000", .decimal, 2, 1), ("0.95", .hongKong, 39, 20),
        ("12", .hongKong, 13, 1), ("0.95", .malay, 39, 20), ("-0.5", .malay, 3, 1), ("1", .malay, 2, 1),
        ("-1.00", .malay, 2, 1), ("1.5", .indonesian, 5, 2), ("-2", .indonesian, 3, 2),
        ("-1.05", .indonesian, 41, 21),
    ])
    func `are read exactly`(
        text: String, format: OddsFormat, numerator: UInt32, denominator: UInt32
    ) {
        #expect(Odds(text, as: format) == Odds(numerator, over: denominator))
    }

    @Test(arguments: [
        ("1.00", OddsFormat.decimal), ("0.5", .decimal), ("1.", .decimal), (".5", .decimal),
        ("1.2.3", .decimal), ("-1.5", .decimal), ("1e3", .decimal), ("", .decimal),
        ("99999999999", .decimal), ("0/5", .fractional), ("5/0", .fractional), ("5", .fractional),
        ("0", .hongKong), ("-0.5", .hongKong), ("1.01", .malay), ("-1.01", .malay), ("0", .malay),
        ("0.99", .indonesian), ("-0.99", .indonesian), ("--2", .indonesian), ("-", .malay),
        ("4294967295/1", .fractional), ("110", .american), ("+99", .american), ("-", .american),
    ])
    func `are refused when they are no price`(text: String, format: OddsFormat) {
        #expect(Odds(text, as: format) == nil)
    }

    @Test func `show themselves in each format`() {
        let price = Odds(21, over: 11)!
        #expect(OddsFormat.allCases.map(price.text(as:)) == ["1.909", "10/11", "-110", "0.909", "0.909", "-1.10"])
        let long = Odds(5, over: 2)!
        #expect(
            OddsFormat.allCases.map(long.text(as:)) == ["2.50", "3/2", "+150", "1.50", "-0.667", "1.50"])
        #expect(
            OddsFormat.allCases.map(Odds(2, over: 1)!.text(as:))
                == ["2.00", "1/1", "+100", "1.00", "1.00", "1.00"])
        #expect(Odds(.max, over: 1)!.text(as: .malay) == "-0.001")
        #expect(Odds(5, over: 2)!.text(as: .american) == "+150")
        #expect(Odds(2, over: 1)!.text(as: .decimal) == "2.00")
    }

    @Test(arguments: OddsFormat.allCases)
    func `are read as what they show, to within what is shown`(format: OddsFormat) {
        var random = SeededGenerator(seed: 17)
        for _ in 0..<2000 {
            let stake = UInt32(random.number(in: 1...1000))
            let price = Odds(stake + UInt32(random.number(in: 1...20_000)), over: stake)!
            // Below a thousandth nothing is shown.
            guard let read = Odds(price.text(as: format), as: format) else {
                #expect(price.thousandths < 1002, "\(price.text(as: format))")
                continue
            }
            guard price.thousandths >= 1020, price.thousandths <= 20_000 else { continue }
            // What is shown of winnings over stake, or the other way round, is right to about a hundredth of it.
            let (one, other) = (Int64(read.thousandths) - 1000, Int64(price.thousandths) - 1000)
            #expect(abs(one - other) * 40 <= max(one, other) + 40, "\(price) \(price.text(as: format))")
        }
    }

    @Test func `pay 210 for 110 at -110, not a cent less`() {
        #expect(Odds("-110", as: .american)!.returns(on: 11_000).rounded(.down) == 21_000)
    }

    @Test func `compare by value`() {
        #expect(Odds(3, over: 2)! < Odds(5, over: 3)!)
        #expect(!(Odds(2, over: 1)! < Odds(4, over: 2)!))
    }
}

@Suite struct `An exact amount` {
    @Test func `rounds once, by the mode that is asked for`() {
        let half = ExactAmount(minorUnits: 5).multiplied(by: 1, over: 2)
        #expect(Rounding.allCases.map { half.rounded($0) } == [2, 3, 2])
        let more = ExactAmount(minorUnits: 7).multiplied(by: 1, over: 2)
        #expect(Rounding.allCases.map { more.rounded($0) } == [3, 4, 4])
        #expect(ExactAmount(minorUnits: 8).multiplied(by: 1, over: 3).rounded(.halfUp) == 3)
    }

    @Test func `survives twenty legs at the longest odds a record can hold`() {
        let long = Odds(4_294_967_295, over: 4_294_967_291)!
        var amount = ExactAmount(minorUnits: Limits.stake)
        for _ in 0..<Limits.legs { amount = amount.multiplied(by: long) }
        #expect(amount.rounded(.down) == 1_000_000_018)
    }

    @Test func `says so when it leaves Int64`() {
        var amount = ExactAmount(minorUnits: .max)
        for _ in 0..<Limits.legs { amount = amount.multiplied(by: Odds(4_000_000_000, over: 1)!) }
        #expect(amount.rounded(.down) == nil)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `agrees with 128-bit arithmetic where that suffices`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let stake = Int64(random.number(in: 1...1_000_000_000))
            let numerator = UInt64(random.number(in: 1...4_000_000_000))
            let denominator = UInt64(random.number(in: 1...4_000_000_000))
            let exact = ExactAmount(minorUnits: stake).multiplied(by: numerator, over: denominator)
            let product = UInt128(stake) * UInt128(numerator)
            let (quotient, remainder) = product.quotientAndRemainder(
                dividingBy: UInt128(denominator))
            #expect(exact.rounded(.down) == Int64(quotient))
            let up = quotient + (remainder * 2 >= UInt128(denominator) ? 1 : 0)
            #expect(exact.rounded(.halfUp) == Int64(up))
        }
    }
}

@Suite struct `The classic ladder` {
    let ladder = TickLadder.classic

    @Test func `has 350 rungs from 1.01 to 1000`() {
        #expect(ladder.count == 350)
        #expect(ladder.thousandths(at: 0) == 1010)
        #expect(ladder.thousandths(at: 349) == 1_000_000)
    }

    @Test func `finds every rung it names`() {
        for tick in 0..<ladder.count {
            #expect(ladder.tick(atOrBelow: ladder.thousandths(at: tick)) == tick)
        }
    }

    @Test func `goes down to the rung below`() {
        #expect(ladder.thousandths(at: ladder.tick(atOrBelow: 2019)!) == 2000)
        #expect(ladder.tick(atOrBelow: 1009) == nil)
    }

    @Test func `refuses ranges that do not fit their steps`() {
        #expect(TickLadder(ranges: [.init(from: 1010, step: 7)], last: 1020) == nil)
    }
}

@Suite struct `A timestamp` {
    @Test(arguments: [
        "1970-01-01T00:00:00.000Z", "2024-02-29T23:59:59.999Z", "2026-11-21T09:30:00.125Z",
        "2100-03-01T00:00:00.000Z",
    ])
    func `reads what it writes`(text: String) {
        #expect(Timestamp(text)?.description == text)
    }

    @Test(arguments: [
        "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01 00:00:00Z", "x",
        "2026-01-01T00:00:00",
    ])
    func `refuses what is none`(text: String) {
        #expect(Timestamp(text) == nil)
    }
}

@Suite struct `An external id` {
    @Test func `reads what it writes`() {
        let id = ExternalID(milliseconds: 1_790_000_000_000, random: (5, 6))
        #expect(ExternalID(id.description) == id)
        #expect(id.description.dropFirst(14).first == "7")
    }

    @Test(arguments: [
        "", "zz", "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdef0",
    ])
    func `refuses what is none`(text: String) {
        #expect(ExternalID(text) == nil)
    }
}

@Suite struct `A state hash` {
    @Test func `forgets order and remembers content`() {
        func mix(_ row: UInt64, _ word: UInt64) -> RowMix {
            var mix = RowMix(kind: 1, row: row)
            mix.combine(word, 0 as UInt64)
            return mix
        }
        var one = StateHash()
        one.add(mix(1, 5))
        one.add(mix(2, 6))
        var other = StateHash()
        other.add(mix(2, 6))
        other.add(mix(3, 7))
        other.add(mix(1, 5))
        #expect(one != other)
        other.subtract(mix(3, 7))
        #expect(one == other)
        other.subtract(mix(1, 5))
        other.add(mix(1, 6))
        #expect(one != other)
    }
}

@Suite struct `CRC-32C` {
    @Test func `is that of RFC 3720`() {
        #expect(grandstand_crc32c(0, "123456789", 9) == 0xe306_9283)
    }

    @Test(arguments: [0, 1, 7, 8, 9, 252, 1535, 1536, 1543, 4096, 99_991])
    func `is the same by instruction and by table`(length: Int) {
        var random = SeededGenerator(seed: UInt64(length))
        let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        #expect(grandstand_crc32c(0, bytes, length) == grandstand_crc32c_by_table(0, bytes, length))
    }
}

@Suite struct `An exact amount as text` {
    @Test(arguments: [
        (1 as Int64, 3 as UInt64, 4, "0.3333"), (10, 5, 4, "2"), (2, 3, 0, "0"), (125, 100, 4, "1.25"), (1, 8, 2, "0.12"),
        (7, 1, 9, "7"),
    ])
    func `is cut, not rounded`(above: Int64, below: UInt64, decimals: Int, text: String) {
        #expect(ExactAmount(minorUnits: above).multiplied(by: 1, over: below).text(decimals: decimals) == text)
    }
}
