import Betting
import Catalogue
import EngineCore
import EngineJournal
import EngineService
import Kernel
import TestSupport
import Testing

@Suite struct `What accumulators may cost` {
    let even = decimal(2000)
    let three = decimal(3000)

    @Test func `is divided among their legs as their chances of losing are`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 100_000)
        let likely = try cell.market([decimal(1250), decimal(4000)])
        let other = try cell.market([decimal(5000), decimal(1250)])
        // Chances of losing 0.2 and 0.8: a fifth and four fifths of 6,250 and of the stake.
        try cell.place(cell.intent(account, [(likely, 0, decimal(1250)), (other, 0, decimal(5000))], stake: 1_000))
        let one = try #require(cell.risk(of: likely.market))
        #expect(one.staked == 200)
        #expect(one.selections.map(\.result) == [200 - 1_250, 200])
        let two = try #require(cell.risk(of: other.market))
        #expect(two.staked == 800)
        #expect(two.selections.map(\.result) == [800 - 5_000, 800])
        #expect(one.worstLoss + two.worstLoss == 5_250)
        #expect(cell.audit() == [])
    }

    @Test func `moves to the legs that are open, and back when a result is taken back`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 100_000)
        let markets = try [cell.market([even, even]), cell.market([even, even]), cell.market([even, even])]
        try cell.place(cell.intent(account, markets.map { ($0, 0, even) }, stake: 900))
        func worst() -> [Int64] { markets.map { cell.risk(of: $0.market)!.worstLoss } }
        #expect(worst() == [2_100, 2_100, 2_100])
        try cell.settle(markets[1], [.won, .lost])
        #expect(worst() == [3_150, 0, 3_150])
        // What is void is decided, too; the last leg carries all that could come of the prices that were taken.
        try cell.settle(markets[0], [.void, .void])
        #expect(worst() == [0, 0, 6_300])
        #expect(cell.risk(of: markets[2].market)!.selections.map(\.result) == [-6_300, 900])
        #expect(cell.audit() == [])
        try cell.restart()
        #expect(worst() == [0, 0, 6_300])
        try cell.settle(markets[1], [.undecided, .undecided])
        #expect(worst() == [0, 3_150, 3_150])
        try cell.settle(markets[2], [.lost, .won])
        #expect(worst() == [0, 0, 0])
        // Lost and taken back: it stands where it would stand.
        try cell.settle(markets[2], [.undecided, .undecided])
        #expect(worst() == [0, 3_150, 3_150])
        #expect(cell.audit() == [])
    }

    @Test func `shuts the market that it moves to, if it may not cost as much`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 100_000)
        let first = try cell.market([even, even])
        let last = try cell.market([even, even])
        var limits = MarketLimits()
        limits.suspendAt = 2_900
        try cell.say { $0.marketLimits(last.id, limits) }
        try cell.place(cell.intent(account, [(first, 0, even), (last, 0, even)], stake: 1_000))
        func isOpen() throws -> Bool {
            try cell.place(cell.intent(account, [(last, 1, even)], stake: 100)).refusal != .marketSuspended
        }
        #expect(try isOpen())
        try cell.settle(first, [.won, .lost])
        #expect(try !isOpen())
        #expect(cell.audit() == [])
    }

    @Test func `is less by a stake that goes, and the market that this brings too far is shut`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 100_000)
        let first = try cell.market([even, even])
        let last = try cell.market([even, even])
        func reasons() -> ShutReasons { cell.host.engine.picture(of: last.market)!.reasons }
        // Half of a double's stake stands against the other selection.
        try cell.place(cell.intent(account, [(first, 0, even), (last, 0, even)], stake: 1_000))
        try cell.place(cell.intent(account, [(last, 1, even)], stake: 1_000))
        #expect(cell.risk(of: last.market)?.worstLoss == 500)
        var limits = MarketLimits()
        limits.suspendAt = 900
        try cell.say { $0.marketLimits(last.id, limits) }
        #expect(reasons().isEmpty)
        try cell.settle(first, [.lost, .won])
        #expect(cell.risk(of: last.market)?.worstLoss == 1_000)
        #expect(reasons() == .exposure)
        #expect(cell.audit() == [])
    }

    @Test func `is less by a bet that is sold, too`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 100_000)
        let market = try cell.market([even, even])
        let bet = try cell.place(cell.intent(account, [(market, 0, even)], stake: 1_000)).bet
        try cell.place(cell.intent(account, [(market, 1, even)], stake: 1_000))
        var limits = MarketLimits()
        limits.suspendAt = 900
        try cell.say { $0.marketLimits(market.id, limits) }
        #expect(cell.host.engine.picture(of: market.market)!.reasons.isEmpty)
        let id = cell.freshID()
        let sale = CashOutIntent(
            account: account, id: id, requestHash: id, session: SessionID(1), bet: bet, part: 950, least: 0,
            validUntil: cell.now.adding(milliseconds: 10_000))
        #expect(try cell.say { $0.cashOut(sale) }.status == .cashedOut)
        #expect(cell.host.engine.picture(of: market.market)!.reasons == .exposure)
        #expect(cell.audit() == [])
    }

    /// 27 accumulators of twenty legs share one leg; with it won, each brings the nineteen others too far.
    @Test func `shuts 513 markets in as many steps as it takes`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 100_000)
        let shared = try cell.market([decimal(20_000), decimal(1_050)])
        var others: [Cell.Offered] = []
        var limits = MarketLimits()
        limits.suspendAt = 20
        for _ in 0..<27 {
            let markets = try (0..<19).map { _ in try cell.market([decimal(1_050), decimal(20_000)]) }
            for market in markets { try cell.say { $0.marketLimits(market.id, limits) } }
            let legs = [(shared, UInt32(0), decimal(20_000))] + markets.map { ($0, 0, decimal(1_050)) }
            #expect(try cell.place(cell.intent(account, legs, stake: 10)).status == .open)
            others += markets
        }
        func shut() -> Int {
            others.count { cell.host.engine.picture(of: $0.market)!.reasons.contains(.exposure) }
        }
        #expect(shut() == 0)
        try cell.settle(shared, [.won, .lost])
        #expect(shut() == 513)
        #expect(cell.audit() == [])
        let live = cell.stateHash
        try cell.restart()
        #expect(cell.host.report.divergences.count == 0)
        #expect(cell.host.report.stateHash == live)
    }

    @Test(arguments: [1, 2] as [UInt32])
    func `is a matter of the books, not of a decision: other rules can be tried beside it`(version: UInt32) throws {
        let cell = try Cell(rules: [RuleSet(version: version)])
        let account = try cell.customer(cash: 100_000)
        let markets = try [cell.market([even, even]), cell.market([even, even]), cell.market([even, even])]
        var limits = MarketLimits()
        limits.suspendAt = 2_500
        for market in markets { try cell.say { $0.marketLimits(market.id, limits) } }
        for _ in 0..<2 {
            try cell.place(cell.intent(account, markets.map { ($0, 0, even) }, stake: 300))
        }
        try cell.settle(markets[1], [.won, .lost])
        // Whoever is limited without a word is refused under rules of version 2.
        for notice in ["", "You bet late."] {
            try cell.say {
                $0.setRisk(
                    of: account, stakeFactor: notice.isEmpty ? 900 : 800, delay: 0, actor: 1, reason: "late bets",
                    notice: notice)
            }
        }
        // A checkpoint while a bet waits.
        let live = try cell.market([even, even], inPlay: true, betDelay: 3_000)
        #expect(try cell.place(cell.intent(account, [(live, 0, even)], stake: 100)).status == .pending)
        let copy = SnapshotCopy()
        try cell.host.beginSnapshot(copy) { _ in }
        copy.abandon()
        cell.host.copySlice()
        try cell.restart()
        for tried in RuleSet.known {
            var trial = Engine(limits: Cell.smallLimits, seed: 7, rules: [tried], isTrial: true)
            var replay = Replay()
            _ = try JournalReader(cell.disk).scan { try replay.apply($0, to: &trial) }
            let others = tried.version == version ? 0 : 1
            #expect(replay.divergences.count == others, "rules of version \(tried.version)")
            #expect(trial.audit() == [])
        }
    }

    @Test func `stands on each leg whole where it was taken under earlier rules`() throws {
        let cell = try Cell(rules: [RuleSet(version: 1)])
        let account = try cell.customer(cash: 100_000)
        let markets = try [cell.market([even, even]), cell.market([even, even])]
        let double = cell.intent(account, markets.map { ($0, 0, even) }, stake: 1_000)
        try cell.place(double)
        try cell.restart()
        #expect(cell.host.report.divergences.count == 0)
        func worst() -> [Int64] { markets.map { cell.risk(of: $0.market)!.worstLoss } }
        #expect(worst() == [3_000, 3_000])
        for market in markets {
            try cell.say { $0.marketState(market.id, by: .feed, lifting: [.feed, .recovery]) }
        }
        try cell.place(cell.intent(account, markets.map { ($0, 0, even) }, stake: 1_000))
        #expect(worst() == [4_500, 4_500])
        try cell.settle(markets[0], [.won, .lost])
        #expect(worst() == [3_000, 6_000])
        try cell.settle(markets[1], [.won, .lost])
        #expect(worst() == [0, 0])
        #expect(cell.audit() == [])
    }

    /// Over seeds: whatever comes of markets that are open, they lose together no more than they are said to, before
    /// any result and after each.
    @Test(arguments: 0..<30 as Range<UInt64>)
    func `is never under the truth, and less than all of it on each leg`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let cell = try Cell()
        let account = try cell.customer(cash: 10_000_000)
        let prices = (0..<4).map { _ in
            (0..<random.number(in: 2...3)).map { _ in decimal(UInt32(random.number(in: 1_020...9_000))) }
        }
        // One of them wins, or all but one, or each by itself.
        let most = prices.map { [1, 1, $0.count - 1, 0][random.number(in: 0...3)] }
        let markets = try zip(prices, most).map { try cell.market($0, winners: UInt8($1)) }
        /// Every set of selections that may win together, a bit for each.
        let sets = zip(prices, most).map { prices, most in
            (0..<1 << prices.count).filter { most == 0 || $0.nonzeroBitCount == most }
        }
        struct Taken {
            let legs: [(market: Int, selection: Int)]
            let stake: Int64
        }
        var bets: [Taken] = []
        var whole: Int64 = 0
        for _ in 0..<12 {
            let legs = markets.indices.filter { _ in random.number(in: 0...2) > 0 }
                .map { (market: $0, selection: random.number(in: 0...prices[$0].count - 1)) }
            guard !legs.isEmpty else { continue }
            let stake = Int64(random.number(in: 1...9_999))
            let placed = try cell.place(
                cell.intent(
                    account,
                    legs.map { (markets[$0.market], UInt32($0.selection), prices[$0.market][$0.selection]) },
                    stake: stake))
            guard placed.refusal == nil else { continue }
            bets.append(Taken(legs: legs, stake: stake))
            whole += Int64(legs.count) * (placed.potentialReturn - stake)
        }
        /// Which selections won.
        var decided: [Int: Int] = [:]
        /// Who does not run: bets on it are void, and it wins nothing.
        var gone: [Int: Int] = [:]
        /// What the bets of open markets cost at most: every market has winners, or may be void as well.
        func worst(orVoid mayBeVoid: Bool = false) -> Int64 {
            var worst: Int64 = 0
            let open = markets.indices.filter { decided[$0] == nil }
            // Nil for void.
            var winners = [Int?](repeating: 0, count: markets.count)
            for (market, won) in decided { winners[market] = won }
            func loss(_ bet: Taken) -> Int64 {
                // What is settled already is no risk of an open market.
                let isOver = bet.legs.allSatisfy { decided[$0.market] != nil }
                let isLost = bet.legs.contains { leg in
                    gone[leg.market] != leg.selection
                        && decided[leg.market].map { $0 >> leg.selection & 1 == 0 } ?? false
                }
                guard !isOver, !isLost else { return 0 }
                var (above, below) = (UInt128(bet.stake), UInt128(1))
                for leg in bet.legs {
                    guard let won = winners[leg.market], gone[leg.market] != leg.selection else { continue }
                    guard won >> leg.selection & 1 == 1 else { return -bet.stake }
                    above *= UInt128(prices[leg.market][leg.selection].numerator)
                    below *= UInt128(prices[leg.market][leg.selection].denominator)
                }
                return Int64(above / below) - bet.stake
            }
            func tryOut(_ next: Int) {
                guard next < open.count else {
                    worst = max(worst, bets.reduce(0) { $0 + loss($1) })
                    return
                }
                let possible = sets[open[next]].filter { set in
                    gone[open[next]].map { set >> $0 & 1 == 0 } ?? true
                }
                for won in possible.map(Optional.init) + (mayBeVoid ? [nil] : []) {
                    winners[open[next]] = won
                    tryOut(next + 1)
                }
            }
            tryOut(0)
            return worst
        }
        func said() -> Int64 { markets.reduce(0) { $0 + cell.risk(of: $1.market)!.worstLoss } }
        #expect(said() >= worst(orVoid: true))
        #expect(said() <= whole)
        // Of one market a selection is withdrawn, with two left at least.
        if let number = prices.indices.first(where: { prices[$0].count == 3 && most[$0] < 2 }) {
            let selection = random.number(in: 0...2)
            gone[number] = selection
            try cell.say {
                $0.withdrawal(market: markets[number].id, selection: UInt32(selection), effective: 0, received: 0)
            }
            try cell.settleAll()
            #expect(said() >= worst(), "after a withdrawal")
            #expect(cell.audit() == [])
        }
        for (number, market) in markets.enumerated().shuffled(using: &random).prefix(3) {
            let possible = sets[number].filter { set in gone[number].map { set >> $0 & 1 == 0 } ?? true }
            let won = possible[random.number(in: 0...possible.count - 1)]
            try cell.settle(
                market,
                prices[number].indices.map { gone[number] == $0 ? .void : won >> $0 & 1 == 1 ? .won : .lost })
            decided[number] = won
            #expect(said() >= worst(), "after market \(number)")
            #expect(cell.risk(of: market.market)!.worstLoss == 0)
            #expect(cell.audit() == [])
        }
        // One market is left: each bet that stands hangs on it alone.
        // What a withdrawal took off a price is not taken off what may be won.
        #expect(gone.isEmpty ? said() == worst() : said() >= worst())
    }
}
