import Betting
import Catalogue
import Customers
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

    @Test func `puts the margin on each alone where each wins by itself`() throws {
        // 1.5 / 1.05 and 1.25 / 1.05, down to their rungs; nothing has to add up, and one may be alone.
        let prices = try rule.prices(
            for: [Quote(lastTraded: 1500), Quote(lastTraded: 1250)], winners: 0, on: .classic)
        #expect(prices.map { $0.odds?.thousandths } == [1420, 1190])
        let alone = try rule.prices(for: [quote(1990, 2010)], winners: 0, on: .classic)
        #expect(alone.map { $0.odds?.thousandths } == [1900])
        #expect(throws: NotOffered.crossed) { try rule.prices(for: [quote(2010, 1990)], winners: 0, on: .classic) }
        #expect(throws: NotOffered.tooFewSelections) {
            try rule.prices(for: [Quote(isActive: false)], winners: 0, on: .classic)
        }
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
        LedgerEntry.deposit(100), .hold(5), .accept(5), .release(StakeSplit(cash: 5)),
        .hold(split), .take(split), .release(split), .grant(bonus: 7), .grant(bonus: -7),
        .settle(stake: 10, payout: 25, .init(cash: 0, bonus: 0, owed: 0)),
        .settle(stake: 10, payout: 25, .init(cash: 0, bonus: 0, owed: 7)),
        .settle(stake: 10, payout: 0, .init(cash: 0, bonus: 0, owed: 7)),
        .settle(stake: 10, payout: 25, bonus: 4, .init(cash: 0, bonus: 0, owed: 7)),
        .resettle(difference: 9, .init(cash: 0, bonus: 0, owed: 4)),
        .resettle(difference: -9, .init(cash: 4, bonus: 0, owed: 0)),
        .resettle(difference: 9, bonus: -4, .init(cash: 0, bonus: 1, owed: 4)),
        .reopen(stake: 10, payout: 25, .init(cash: 3, bonus: 0, owed: 0)),
        .reopen(stake: 10, payout: 25, bonus: 4, .init(cash: 3, bonus: 1, owed: 0)),
    ])
    func `sums to zero`(entry: LedgerEntry) {
        #expect(entry.sum == 0)
        #expect(entry.count >= 2)
    }

    private static let split = StakeSplit(cash: 5, bonus: 3, free: 2)

    private func moved(_ entry: LedgerEntry, _ account: LedgerAccount) -> Int64 {
        (0..<entry.count).reduce(0) { $0 + (entry[$1].account == account ? entry[$1].amount : 0) }
    }

    @Test func `never has a free stake in it`() {
        #expect(moved(.take(Self.split), .openBets) == 8)
        #expect(moved(.take(Self.split), .cash) == -5)
        #expect(moved(.take(Self.split), .bonus) == -3)
    }

    @Test func `takes bonus money that was spent from cash, and then makes it owed`() {
        let some = LedgerEntry.reopen(stake: 10, payout: 25, bonus: 4, .init(cash: 30, bonus: 1, owed: 0))
        #expect(moved(some, .bonus) == -1)
        #expect(moved(some, .cash) == -24)
        #expect(moved(some, .receivable) == 0)
        let none = LedgerEntry.reopen(stake: 10, payout: 25, bonus: 4, .init(cash: 3, bonus: 1, owed: 0))
        #expect(moved(none, .cash) == -3)
        #expect(moved(none, .receivable) == -21)
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
        #expect(settled(10_000, [.won(handicap).halved]) == .settled(payout: 14_500))
        #expect(settled(10_000, [.halfLost]) == .settled(payout: 5_000))
        #expect(settled(1_000, [.won(two), .won(handicap).halved]) == .settled(payout: 2_900))
        #expect(settled(1_000, [.won(two), .halfLost]) == .settled(payout: 1_000))
        #expect(settled(1_000, [.won(two), .unchanged]) == .settled(payout: 2_000))
        #expect(settled(1_000, [LegFactor.won(two).shared(1, among: 2)]) == .settled(payout: 1_000))
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

@Suite struct `A customer's own limit` {
    let day: Int64 = 86_400_000_000_000
    let unset = OwnLimit.unset

    func asking(_ limit: OwnLimit, _ amount: Int64, at now: Int64) -> OwnLimit {
        limit.asking(for: amount, at: now, coolingOff: day)
    }

    @Test func `holds at once when it is the first or tighter`() {
        let first = asking(unset, 5000, at: 1)
        #expect(first == OwnLimit(amount: 5000))
        #expect(asking(first, 2000, at: 2) == OwnLimit(amount: 2000))
        #expect(asking(first, 0, at: 2) == OwnLimit(amount: 0))
    }

    @Test func `waits when it is looser, and when it is taken away`() {
        let limit = OwnLimit(amount: 2000)
        for wanted in [2001, 5000, OwnLimit.none] {
            let asked = asking(limit, wanted, at: 7)
            #expect(asked == OwnLimit(amount: 2000, next: wanted, nextFrom: 7 + day))
            #expect(asked.at(6 + day).amount == 2000)
            #expect(asked.at(7 + day) == OwnLimit(amount: wanted))
        }
    }

    @Test func `does not wait anew for what waits already, or for less`() {
        let waiting = asking(OwnLimit(amount: 2000), 5000, at: 0)
        #expect(asking(waiting, 5000, at: 100) == waiting)
        #expect(asking(waiting, 3000, at: 100) == OwnLimit(amount: 2000, next: 3000, nextFrom: day))
        let more = asking(waiting, 6000, at: 100)
        #expect(more == OwnLimit(amount: 2000, next: 6000, nextFrom: 100 + day))
        #expect(asking(waiting, OwnLimit.none, at: 100).nextFrom == 100 + day)
    }

    @Test func `forgets what waits when what holds, or less, is asked for`() {
        let waiting = asking(OwnLimit(amount: 2000), 5000, at: 0)
        #expect(asking(waiting, 2000, at: 100) == OwnLimit(amount: 2000))
        #expect(asking(waiting, 1000, at: 100) == OwnLimit(amount: 1000))
    }

    @Test func `is reckoned from what holds by then`() {
        let waiting = asking(OwnLimit(amount: 2000), 5000, at: 0)
        #expect(asking(waiting, 4000, at: day) == OwnLimit(amount: 4000))
        #expect(asking(waiting, 6000, at: day) == OwnLimit(amount: 5000, next: 6000, nextFrom: 2 * day))
    }

    @Test func `never loosens before its cooling-off, whatever is asked in whatever order`() {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<2000 {
            var limit = unset
            var now: Int64 = 0
            // How long each amount has been asked for without a tighter wish in between.
            var wishes: [(at: Int64, amount: Int64)] = []
            for _ in 0..<12 {
                now += Int64(random.number(in: 0...80)) * 1_000_000_000_000
                let amount = Int64(random.number(in: -1...5))
                let before = limit.at(now).amount
                limit = asking(limit, amount, at: now)
                wishes.append((now, amount))
                let after = limit.amount
                #expect(after == before || after == amount && (before == -1 || amount != -1 && amount <= before))
                if limit.nextFrom != 0 {
                    #expect(limit.nextFrom > now)
                    // Somebody asked for at least that much a whole cooling-off before.
                    #expect(
                        wishes.contains { wish in
                            wish.at + day <= limit.nextFrom
                                && (wish.amount == -1 || limit.next != -1 && limit.next <= wish.amount)
                        })
                }
            }
        }
    }
}
