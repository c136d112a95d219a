import Kernel
import Risk
import Testing

private func odds(_ thousandths: UInt32) -> Odds { Odds(thousandths: thousandths)! }

/// Minutes after a start that is a year after the accounts' opening.
private func minute(_ minute: Int64) -> Timestamp {
    Timestamp(nanoseconds: (365 * 86_400 + minute * 60) * 1_000_000_000)
}

private func bet(
    _ at: Int64, _ account: UInt64, _ selection: Int, _ price: UInt32, _ stake: Int64,
    opened: Timestamp? = Timestamp(nanoseconds: 0), market: UInt64 = 1
) -> WatchedBet {
    WatchedBet(
        time: minute(at), account: account, opened: opened, stake: stake,
        legs: [.init(market: market, selection: selection, odds: odds(price))])
}

@Suite struct `Money that knows more than the prices` {
    /// Accounts in turn, 10.00 less than the least that is looked at when one bet is missing.
    private func alerts(
        bets: Int = 8, accounts: UInt64 = 5, stake: Int64 = 6_250, price: UInt32 = 4000,
        minutes: Int64 = 1
    ) -> [IntegrityAlert] {
        var watch = IntegrityWatch()
        for index in 0..<bets {
            watch.note(
                bet(Int64(index) * minutes, UInt64(index) % accounts + 1, 2, price, stake))
        }
        return watch.alerts
    }

    @Test func `is a market of which only the outsider is bought, by many and not slowly`() throws {
        let alert = try #require(alerts().first)
        #expect((alert.market, alert.selection) == (1, 2))
        #expect((alert.bets, alert.stakes, alert.marketStakes) == (8, 50_000, 50_000))
        #expect(alert.weight == 4000)
        #expect(alert.signs.words == ["one_sided"])
        #expect(alert.accounts == [1, 2, 3, 4, 5])
        #expect((alert.from, alert.until) == (minute(0), minute(7)))
    }

    @Test func `is not fewer bets, fewer people, less money, a favourite or a slow stream`() {
        #expect(alerts(bets: 7, stake: 10_000).isEmpty)
        #expect(alerts(accounts: 4).isEmpty)
        #expect(alerts(stake: 6_249).isEmpty)
        #expect(alerts(price: 1900).isEmpty)
        // More than its price speaks for, but not much more: that is one sign, and it takes two.
        #expect(alerts(price: 2900).isEmpty)
        #expect(alerts(minutes: 3).isEmpty)
    }

    @Test func `is not money that goes where the prices say`() {
        var random = SeededGenerator(seed: 80)
        var watch = IntegrityWatch()
        let prices: [UInt32] = [1900, 3700, 4600]
        for index in 0..<20_000 {
            // By chance: 1/1.90, 1/3.70 and 1/4.60, over their sum.
            let mark = random.number(in: 1...10_140)
            let selection = mark <= 5_263 ? 0 : mark <= 7_966 ? 1 : 2
            watch.note(
                bet(
                    Int64(index / 20), UInt64(random.number(in: 1...500)), selection,
                    prices[selection], 5_000))
        }
        #expect(watch.alerts.isEmpty)
    }

    @Test func `is three times the share of a win where three win, too`() throws {
        func signs(outsiders: Int) -> [[String]] {
            var watch = IntegrityWatch()
            // Five places of which three are paid, at fair prices of 1.50 to 2.00.
            for index in 0..<40 {
                let (selection, price) = [(0, 1500), (1, 1500), (2, 1500), (3, 2000)][index % 4]
                watch.note(bet(Int64(index / 4), UInt64(100 + index), selection, UInt32(price), 10_000))
            }
            for index in 0..<outsiders {
                watch.note(bet(11, UInt64(1 + index), 4, 2000, 20_000))
            }
            return watch.alerts.map(\.signs.words)
        }
        // A sixth of the wins is its share; with a third of the money it leans, with half of it much.
        #expect(signs(outsiders: 10).isEmpty)
        #expect(signs(outsiders: 21) == [["one_sided"]])
    }

    @Test func `is a favourite that new accounts buy all at once`() throws {
        var watch = IntegrityWatch()
        watch.note(bet(0, 90, 0, 1500, 1_000))
        for index in 0..<8 {
            watch.note(
                bet(
                    120 + Int64(index), 1 + UInt64(index), 0, 1500, 10_000,
                    opened: index < 4 ? minute(100) : Timestamp(nanoseconds: 0)))
        }
        let alert = try #require(watch.alerts.first)
        // The surge is there from the first eight on; half of the money is new accounts'.
        #expect(alert.signs.words == ["new_accounts", "surge"])
        #expect((alert.newStakes, alert.stakes) == (40_000, 80_000))
        #expect(alert.weight == 1500)
    }

    @Test func `is held against what came before, until a market was quiet for a week`() {
        func signs(meanwhile: Int) -> [[String]] {
            var watch = IntegrityWatch()
            watch.note(bet(0, 90, 0, 1500, 1_000))
            let week: Int64 = 8 * 24 * 60
            for _ in 0..<meanwhile { watch.note(bet(week, 91, 0, 1500, 1, market: 2)) }
            for index in 0..<8 {
                watch.note(bet(week + Int64(index), 1 + UInt64(index), 0, 1500, 10_000, opened: minute(week)))
            }
            return watch.alerts.map(\.signs.words)
        }
        #expect(signs(meanwhile: 0) == [["new_accounts", "surge"]])
        #expect(signs(meanwhile: 65_536).isEmpty)
    }

    @Test func `is told of the newest alerts, and goes on with those that are kept`() throws {
        var watch = IntegrityWatch()
        func buy(_ market: UInt64) {
            for account in 1...8 as ClosedRange<UInt64> {
                watch.note(bet(Int64(market), account, 0, 4000, 10_000, market: market))
            }
        }
        for market in 1...4097 as ClosedRange<UInt64> { buy(market) }
        #expect(watch.alertsRaised == 4097)
        #expect(watch.alerts.count == 3073)
        #expect(watch.alerts.first?.market == 1025 && watch.alerts.last?.market == 4097)
        buy(4097)
        buy(4096)
        #expect(watch.alertsRaised == 4097)
        #expect(watch.alerts.suffix(2).map(\.bets) == [16, 16])
    }

    @Test func `is customers who stake far more than they did, on what leans already`() throws {
        var watch = IntegrityWatch()
        for account in 1...8 as ClosedRange<UInt64> {
            for day in 0..<5 as Range<Int64> {
                watch.note(bet(day, account, 0, 2000, 2_000, market: 100 + account))
            }
        }
        for account in 1...8 as ClosedRange<UInt64> {
            watch.note(bet(100 + Int64(account), account, 1, 2500, 8_000))
        }
        let alert = try #require(watch.alerts.first)
        #expect(alert.signs.words == ["leaning", "unusual_stakes"])
        #expect(alert.unusualStakes == alert.stakes)
        // One cent less is not four times as much.
        var calm = IntegrityWatch()
        for account in 1...8 as ClosedRange<UInt64> {
            for day in 0..<5 as Range<Int64> {
                calm.note(bet(day, account, 0, 2000, 2_000, market: 100 + account))
            }
        }
        for account in 1...8 as ClosedRange<UInt64> {
            calm.note(bet(100 + Int64(account), account, 1, 2500, 7_999))
        }
        #expect(calm.alerts.isEmpty)
    }

    @Test func `is one alert for as long as it goes on, and another one afterwards`() {
        var watch = IntegrityWatch()
        for index in 0..<30 as Range<Int64> {
            watch.note(bet(index, UInt64(index % 9) + 1, 2, 5000, 10_000))
        }
        for index in 0..<10 as Range<Int64> {
            watch.note(bet(100 + index, UInt64(index) + 1, 2, 5000, 10_000))
        }
        #expect(watch.alerts.map(\.until) == [minute(29), minute(109)])
        #expect(watch.alerts.map(\.from) == [minute(0), minute(100)])
        // The window is fifteen minutes, its beginning outside.
        #expect(watch.alerts[0].stakes == 150_000)
        #expect(watch.alerts[0].accounts.count == 9)
    }

    @Test func `counts a multiple on each of its legs, and its stake once as a habit`() {
        var watch = IntegrityWatch()
        for index in 0..<8 as Range<Int64> {
            watch.note(
                WatchedBet(
                    time: minute(index), account: UInt64(index) + 1, opened: nil, stake: 10_000,
                    legs: [
                        .init(market: 1, selection: 0, odds: odds(3500)),
                        .init(market: 2, selection: 1, odds: odds(1200)),
                    ]))
        }
        #expect(watch.alerts.map(\.market) == [1])
    }

    /// Over seeds: what is kept as bets come and go is what a look at all bets of the window finds.
    @Test func `is found by whoever counts the whole window again`() {
        var found = 0
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var rules = IntegrityRules()
            rules.bets = random.number(in: 2...5)
            rules.accounts = random.number(in: 1...4)
            rules.stakes = Int64(random.number(in: 1...3_000))
            rules.window = Int64(random.number(in: 1...20)) * 60
            var watch = IntegrityWatch(rules: rules)
            var bets: [WatchedBet] = []
            var expected: [(market: UInt64, selection: Int, until: Timestamp)] = []
            var at: Int64 = 0
            for _ in 0..<120 {
                at += Int64(random.number(in: 0...6))
                let next = bet(
                    at, UInt64(random.number(in: 1...8)), random.number(in: 0...2),
                    UInt32(random.number(in: 1100...6000)), Int64(random.number(in: 100...2_000)),
                    opened: random.number(in: 0...3) == 0 ? minute(0) : Timestamp(nanoseconds: 0),
                    market: UInt64(random.number(in: 1...2)))
                bets.append(next)
                watch.note(next)
                let leg = next.legs[0]
                if recount(bets, rules).isEnough {
                    expected.removeAll {
                        $0.market == leg.market && $0.selection == leg.selection
                            && next.time.nanoseconds - $0.until.nanoseconds
                                < rules.window * 1_000_000_000
                    }
                    expected.append((leg.market, leg.selection, next.time))
                }
            }
            found += expected.count
            let told = watch.alerts.map { "\($0.until) \($0.market) \($0.selection)" }.sorted()
            let counted = expected.map { "\($0.until) \($0.market) \($0.selection)" }.sorted()
            #expect(told == counted, "seed \(seed)")
        }
        #expect(found > 500)
    }

    /// The signs of the last bet's selection, by walking all that there is.
    private func recount(_ bets: [WatchedBet], _ rules: IntegrityRules) -> IntegritySigns {
        let last = bets[bets.count - 1]
        let leg = last.legs[0]
        let length = rules.window * 1_000_000_000
        let market = bets.filter { $0.legs[0].market == leg.market }
        let start = last.time.nanoseconds - length
        let window = market.filter { $0.time.nanoseconds > start }
        let ours = window.filter { $0.legs[0].selection == leg.selection }
        let stakes = ours.map(\.stake).reduce(0, +)
        guard ours.count >= rules.bets, Set(ours.map(\.account)).count >= rules.accounts,
            stakes >= rules.stakes
        else { return [] }
        var signs: IntegritySigns = []
        let returns = ours.map {
            $0.stake * 1000 * Int64($0.legs[0].odds.numerator)
                / Int64($0.legs[0].odds.denominator)
        }.reduce(0, +)
        // As many whole wins as the newest price of each selection speaks for.
        let chances = Dictionary(grouping: market, by: { $0.legs[0].selection }).values.reduce(0 as Int64) { sum, bets in
            let odds = bets[bets.count - 1].legs[0].odds
            return sum + (1_000_000 * Int64(odds.denominator) - 1) / Int64(odds.numerator) + 1
        }
        let weight = returns * max(1, chances / 1_000_000) / window.map(\.stake).reduce(0, +)
        if weight >= rules.oneSided {
            signs.insert(.oneSided)
        } else if weight >= rules.leaning {
            signs.insert(.leaning)
        }
        let young = ours.filter {
            $0.time.nanoseconds - $0.opened!.nanoseconds < rules.newHours * 3_600_000_000_000
        }
        if young.map(\.stake).reduce(0, +) * 1000 >= stakes * rules.part {
            signs.insert(.newAccounts)
        }
        let unusual = bets.indices.filter { index in
            let one = bets[index]
            let before = bets[..<index].filter { $0.account == one.account }
            return one.legs[0].market == leg.market && one.legs[0].selection == leg.selection
                && one.time.nanoseconds > start && before.count >= rules.habit
                && one.stake * Int64(before.count)
                    >= rules.unusual * before.map(\.stake).reduce(0, +)
        }
        if unusual.map({ bets[$0].stake }).reduce(0, +) * 1000 >= stakes * rules.part {
            signs.insert(.unusualStakes)
        }
        let quiet = (start - market[0].time.nanoseconds) / length
        let earlier = market.filter {
            $0.legs[0].selection == leg.selection && $0.time.nanoseconds <= start
        }
        if quiet >= rules.quietWindows,
            stakes * quiet >= rules.surge * earlier.map(\.stake).reduce(0, +)
        {
            signs.insert(.surge)
        }
        return signs
    }
}
