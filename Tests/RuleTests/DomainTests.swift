import Betting
import Catalogue
import Kernel
import Ledger
import Pricing
import Risk
import Testing

@Suite struct `A market` {
    @Test func `is shut for each reason until its owner lifts it`() {
        var reasons: ShutReasons = []
        reasons = reasons.changed(setting: .feed, lifting: [], by: .feed)
        reasons = reasons.changed(setting: .trader, lifting: [], by: .trader)
        reasons = reasons.changed(setting: [], lifting: [.feed, .trader], by: .trader)
        #expect(reasons == .feed)
        reasons = reasons.changed(setting: [], lifting: .feed, by: .feed)
        #expect(reasons.isEmpty)
    }

    @Test func `is not shut by somebody who does not own the reason`() {
        let reasons = ShutReasons().changed(setting: .trader, lifting: [], by: .feed)
        #expect(reasons.isEmpty)
    }

    @Test(arguments: MarketOwner.allCases)
    func `has for every reason an owner`(owner: MarketOwner) {
        #expect(!owner.reasons.isEmpty)
    }
}

@Suite struct `Pricing a market` {
    let rule = PricingRule()

    func quote(_ back: UInt32, _ lay: UInt32, _ last: UInt32 = 0) -> Quote {
        Quote(bestBack: back, bestLay: lay, lastTraded: last)
    }

    @Test func `puts the margin on the middle and goes down to the ladder`() throws {
        let prices = try rule.prices(
            for: [quote(1980, 2020), quote(1980, 2020)], winners: 1, on: .classic)
        #expect(prices.map(\.referenceThousandths) == [2000, 2000])
        // 2.00 with 5 % on top is 1.904, on the ladder 1.90.
        #expect(prices.map { $0.odds?.thousandths } == [1900, 1900])
    }

    @Test func `takes the last trade where there are no sides`() throws {
        let prices = try rule.prices(
            for: [quote(0, 0, 2000), quote(0, 0, 2000)], winners: 1, on: .classic)
        #expect(prices.map { $0.odds?.thousandths } == [1900, 1900])
    }

    @Test(arguments: [
        ([Quote(bestBack: 2000, bestLay: 2020)], NotOffered.tooFewSelections),
        ([Quote(bestBack: 2020, bestLay: 2020), Quote(bestBack: 1900, bestLay: 2000)], .crossed),
        ([Quote(bestBack: 2000), Quote(bestBack: 1900, bestLay: 2000)], .oneSided),
        ([Quote(bestBack: 2000, bestLay: 4000), Quote(bestBack: 1900, bestLay: 2000)], .tooWide),
        ([Quote(), Quote()], .noPrice),
        (
            [Quote(bestBack: 2200, bestLay: 2300), Quote(bestBack: 2200, bestLay: 2300)],
            .underRound
        ),
        ([Quote(lastTraded: 2500), Quote(lastTraded: 2500)], .underRound),
        ([Quote(lastTraded: 2010), Quote(lastTraded: 2010)], .underRound),
    ])
    func `offers nothing on a book that cannot be trusted`(quotes: [Quote], reason: NotOffered) {
        #expect(throws: reason) { try rule.prices(for: quotes, winners: 1, on: .classic) }
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `never publishes a book below what was asked`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let count = random.number(in: 2...20)
        let winners = random.number(in: 1...max(1, min(3, count - 1)))
        var quotes: [Quote] = []
        for _ in 0..<count {
            let back = UInt32(random.number(in: 1010...max(1101, 1000 * count / winners)))
            quotes.append(quote(back, back + UInt32(random.number(in: 1...Int(back / 3)))))
        }
        guard let prices = try? rule.prices(for: quotes, winners: winners, on: .classic) else {
            return
        }
        var book: UInt64 = 0
        for price in prices {
            // What is shorter than the first rung is not offered; it would cost more than a sure thing.
            book += 10_000_000 / UInt64(price.odds?.thousandths ?? 1000) * 1000 + 999
        }
        #expect(book >= UInt64(10_500 * winners) * 1000)
    }

    @Test func `does not offer what is shorter than the first rung`() throws {
        let prices = try rule.prices(
            for: [quote(1010, 1020), quote(100_000, 150_000)], winners: 1, on: .classic)
        #expect(prices[0].odds == nil)
        #expect(prices[1].odds != nil)
    }
}

@Suite struct `The worst case of a market` {
    @Test func `is the dearest single winner less the stakes`() {
        let returns: [Int64] = [300, 900, 100]
        #expect(WorstCase.loss(returnsIfWon: returns.span, staked: 250, winners: 1) == 650)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `with several winners is that of every joint result tried out`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let count = random.number(in: 2...10)
        let winners = random.number(in: 1...count - 1)
        let returns = (0..<count).map { _ in Int64(random.number(in: 0...1000)) }
        let staked = Int64(random.number(in: 0...2000))
        var worst: Int64 = 0
        for set in 0..<(1 << count) where set.nonzeroBitCount == winners {
            let sum = (0..<count).reduce(Int64(0)) { $0 + (set >> $1 & 1 == 1 ? returns[$1] : 0) }
            worst = max(worst, sum - staked)
        }
        #expect(
            WorstCase.loss(returnsIfWon: returns.span, staked: staked, winners: winners) == worst)
    }
}

@Suite struct `A ledger entry` {
    @Test(arguments: [
        LedgerEntry.deposit(100), .hold(5), .accept(5), .release(5),
        .settle(stake: 10, payout: 25, owed: 0), .settle(stake: 10, payout: 25, owed: 7),
        .settle(stake: 10, payout: 0, owed: 7), .resettle(difference: 9, available: 0, owed: 4),
        .resettle(difference: -9, available: 4, owed: 0),
        .reopen(stake: 10, payout: 25, available: 3, owed: 0),
    ])
    func `sums to zero`(entry: LedgerEntry) {
        #expect(entry.sum == 0)
        #expect(entry.count >= 2)
    }
}

@Suite struct `The settlement algebra` {
    func settled(_ stake: Int64, _ factors: [LegFactor]) -> BetOutcome {
        var total = AccumulatorReturn(stake: stake)
        for factor in factors { total.multiply(by: factor) }
        return total.outcome(.halfUp)
    }

    let two = Odds(2, over: 1)!
    let handicap = Odds(19, over: 10)!

    @Test func `settles the published vectors`() {
        #expect(settled(10_000, [.halfWon(handicap)]) == .settled(payout: 14_500))
        #expect(settled(10_000, [.halfLost]) == .settled(payout: 5_000))
        #expect(settled(1_000, [.won(two), .halfWon(handicap)]) == .settled(payout: 2_900))
        #expect(settled(1_000, [.won(two), .halfLost]) == .settled(payout: 1_000))
        #expect(settled(1_000, [.won(two), .unchanged]) == .settled(payout: 2_000))
        #expect(settled(1_000, [.deadHeat(two, winners: 1, tied: 2)]) == .settled(payout: 1_000))
    }

    @Test func `loses with one lost leg and waits for an undecided one`() {
        #expect(settled(1_000, [.won(two), .undecided]) == .open)
        #expect(settled(1_000, [.lost, .undecided]) == .settled(payout: 0))
    }
}

@Suite struct `Refusals` {
    @Test func `have codes of their own and a sentence each`() {
        #expect(Set(Refusal.allCases.map(\.code)).count == Refusal.allCases.count)
        for refusal in Refusal.allCases {
            #expect(refusal.text.hasSuffix(".") && refusal.text.count > 10)
            #expect(refusal.code.allSatisfy { $0.isLowercase || $0 == "_" })
        }
    }

    @Test func `are listed in checking order`() {
        #expect(Refusal.allCases.map(\.rawValue) == Refusal.allCases.map(\.rawValue).sorted())
    }
}
