import Betting
import Catalogue
import EngineCore
import EngineService
import Kernel
import Ledger
import TestSupport
import Testing

@Suite struct `Placing a bet` {
    let even = decimal(2000)

    @Test func `takes the stake and opens the bet when nothing delays it`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 5000)
        let market = try cell.market([even, even])
        let outcome = try cell.place(cell.intent(account, [(market, 0, even)], stake: 1000))
        #expect(outcome.status == .open)
        #expect(outcome.potentialReturn == 2000)
        #expect((outcome.cash, outcome.held, outcome.openBets) == (4000, 0, 1000))
        #expect(cell.audit() == [])
    }

    @Test func `of an accumulator multiplies all legs and counts it on each`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 5000)
        let legs = try (0..<3).map { _ in
            (try cell.market([decimal(1500), even]), UInt32(0), decimal(1500))
        }
        let outcome = try cell.place(cell.intent(account, legs, stake: 1000))
        #expect(outcome.potentialReturn == 3375)
        #expect(cell.audit() == [])
    }

    @Test func `is bounded by how many of its bets stand`() throws {
        var rules = RuleSet.current
        rules.openBetsPerAccount = 2
        let cell = try Cell(rules: [rules])
        let account = try cell.customer(cash: 1000)
        let market = try cell.market([even, even])
        for _ in 0..<2 {
            #expect(try cell.place(cell.intent(account, [(market, 0, even)], stake: 10)).status == .open)
        }
        let third = try cell.place(cell.intent(account, [(market, 0, even)], stake: 10))
        #expect(third.refusal == .tooManyBetsOfAccount)
        #expect((third.value, third.threshold) == (2, 2))
        try cell.settle(market, [.lost, .won])
        let other = try cell.market([even, even])
        #expect(try cell.place(cell.intent(account, [(other, 0, even)], stake: 10)).status == .open)
        #expect(cell.audit() == [])
    }

    @Test func `never reaches an account or a market of another partition`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 1000)
        let market = try cell.market([even, even])
        let stranger = AccountID(partition: 1, row: account.row)
        let refused = try cell.place(cell.intent(stranger, [(market, 0, even)], stake: 10))
        #expect(refused.refusal == .accountUnknown)
        var intent = cell.intent(account, [(market, 0, even)], stake: 10)
        intent.legs[0].market = MarketID(partition: 1, row: market.market.row)
        #expect(try cell.place(intent).refusal == .marketUnknown)
    }

    @Test func `of real money has no place in a cell of demo money`() throws {
        let cell = try Cell()
        let id = cell.freshID()
        let refused = try cell.say { $0.openAccount(id, .eur, .real) }
        #expect(
            refused.record.field(Layout.AccountChanged.refusal, as: UInt16.self)
                == OperationRefusal.otherMoney.rawValue)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `takes the maximum stake that the slip shows, and no three units more`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let cell = try Cell()
        let account = try cell.customer(cash: 900_000_000)
        let prices = [decimal(1800), decimal(2500), decimal(5000)]
        let limit = Int64(random.number(in: 1000...200_000))
        let market = try cell.market(prices.map { $0 }, liabilityLimit: limit)
        for _ in 0..<random.number(in: 0...12) {
            let selection = random.number(in: 0...2)
            let stake = Int64(random.number(in: 10...20_000))
            try cell.place(
                cell.intent(account, [(market, UInt32(selection), prices[selection])], stake: stake))
        }
        for selection in 0...2 {
            let leg = LegIntent(
                market: market.market, fixture: market.fixture, selection: UInt32(selection),
                odds: prices[selection])
            let most = cell.host.engine.slip(stake: StakeSplit(cash: 10), legs: [leg], account: account).maximumStake
            guard most >= 10, most < 900_000_000 else { continue }
            func place(_ stake: Int64) throws -> Refusal? {
                try cell.place(
                    cell.intent(
                        account, [(market, UInt32(selection), prices[selection])], stake: stake)
                ).refusal
            }
            // The return is cut to whole units, so one or two more may still fit.
            let refused = try place(most + 3)
            #expect(refused == .exposureLimit)
            let taken = try place(most)
            #expect(taken == nil)
            return
        }
    }

    @Test func `with twenty legs stays exact`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 5000)
        let price = Odds(13, over: 10)!
        let legs = try (0..<20).map { _ in (try cell.market([price, even]), UInt32(0), price) }
        let outcome = try cell.place(cell.intent(account, legs, stake: 100))
        // 100 x 1.3^20 = 19004.96...
        #expect(outcome.potentialReturn == 19004)
    }

    @Test func `on a withdrawn selection is refused, and no later price brings it back`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 5000)
        let market = try cell.market([decimal(3000), even])
        var last: (Odds?, UInt64)?
        cell.onRecord = { record in
            guard record.kind == .selectionWithdrawn else { return }
            last = (
                record.odds(at: Layout.SelectionWithdrawn.lastOdds),
                record.field(Layout.SelectionWithdrawn.priceVersion, as: UInt64.self)
            )
        }
        try cell.say {
            $0.withdrawal(market: market.id, selection: 0, effective: 5, received: 6)
        }
        // Our last price before it is what a later deduction follows.
        #expect(last?.0 == decimal(3000))
        #expect(last?.1 == 1)
        try cell.price(market.id, [decimal(4000), even])
        let refused = try cell.place(cell.intent(account, [(market, 0, decimal(4000))], stake: 100))
        #expect(refused.refusal == .selectionNotOffered)
        let other = try cell.place(cell.intent(account, [(market, 1, even)], stake: 100))
        #expect(other.status == .open)
        let again = try cell.say {
            $0.withdrawal(market: market.id, selection: 0, effective: 5, received: 6)
        }
        #expect(
            again.record.field(Layout.MarketChanged.refusal, as: UInt16.self)
                == OperationRefusal.noChange.rawValue)
        #expect(cell.audit() == [])
    }

    @Test func `that waits for its delay falls when a runner is withdrawn meanwhile`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 5000)
        let market = try cell.market([even, even], inPlay: true, betDelay: 3000)
        let pending = try cell.place(cell.intent(account, [(market, 1, even)], stake: 1000))
        try cell.say {
            $0.withdrawal(market: market.id, selection: 0, effective: 0, received: 0)
        }
        cell.clock.advance(milliseconds: 3001)
        try cell.turn()
        #expect(cell.concluded[pending.bet]?.refusal == .changedDuringDelay)
        #expect(cell.audit() == [])
    }

    @Test func `again with the same id and body gives the same answer and moves nothing`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 5000)
        let market = try cell.market([even, even])
        let intent = cell.intent(account, [(market, 0, even)], stake: 1000)
        let first = try cell.place(intent)
        let second = try cell.place(intent)
        #expect(second.isRepeat)
        #expect(second.bet == first.bet)
        #expect(second.cash == 4000)
    }

    @Test func `again with the same id and another body is an error`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 5000)
        let market = try cell.market([even, even])
        var intent = cell.intent(account, [(market, 0, even)], stake: 1000)
        try cell.place(intent)
        intent.stake = 2000
        intent.requestHash = ExternalID(high: 9, low: 9)
        let second = try cell.place(intent)
        #expect(second.refusal == .idReused)
        #expect(second.cash == 4000)
    }

    @Test func `that was refused stays refused when asked again, even if it would pass now`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 500)
        let market = try cell.market([even, even])
        let intent = cell.intent(account, [(market, 0, even)], stake: 1000)
        #expect(try cell.place(intent).refusal == .insufficientFunds)
        try cell.say { $0.deposit(5000, to: account, id: cell.freshID()) }
        let again = try cell.place(intent)
        #expect(again.refusal == .insufficientFunds)
        #expect((again.value, again.threshold) == (500, 1000))
    }

    @Test func `after its deadline is refused and uses up no id`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 5000)
        let market = try cell.market([even, even])
        var intent = cell.intent(account, [(market, 0, even)], stake: 1000)
        cell.clock.advance(milliseconds: 11_000)
        #expect(try cell.place(intent).refusal == .deadlinePassed)
        intent.validUntil = cell.now.adding(milliseconds: 1000)
        #expect(try cell.place(intent).status == .open)
    }

    @Test func `is refused for the first thing that is wrong, in the order of the list`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 5000)
        let open = try cell.market([even, even])
        let sibling = open
        let shut = try cell.market([even, even])
        try cell.say { $0.marketState(shut.id, by: .trader, setting: .trader) }
        let unpriced = try cell.market([nil, even])
        let small = try cell.market([even, even], maximumStake: 400)
        let tight = try cell.market([even, even], liabilityLimit: 100)
        let dear = try cell.market([decimal(1_000_000), even])
        let dearer = try cell.market([decimal(1_000_000), even])
        let dearest = try cell.market([decimal(1_000_000), even])
        func refusal(_ legs: [(Cell.Offered, UInt32, Odds)], stake: Int64 = 500) throws -> Refusal? {
            try cell.place(cell.intent(account, legs, stake: stake)).refusal
        }
        var unknown = cell.intent(account, [(open, 0, even)], stake: 500)
        unknown.legs[0].market = MarketID(999)
        #expect(try cell.place(unknown).refusal == .marketUnknown)
        // A system that says no sizes, as journals of before there were systems have it.
        var sizeless = cell.intent(account, [(open, 0, even)], stake: 500)
        sizeless.structure = .system
        #expect(try cell.place(sizeless).refusal == .structureUnsupported)
        let far = try cell.market([even, even])
        func system(_ sizes: UInt32, bankers: UInt32 = 0, stake: Int64 = 500) throws -> Refusal? {
            var system = cell.intent(
                account, [(open, 0, even), (small, 0, even), (far, 0, even)], stake: stake)
            system.structure = .system
            system.sizes = sizes
            system.bankers = bankers
            return try cell.place(system).refusal
        }
        // As journals have it from before there were systems.
        #expect(try system(0) == .structureUnsupported)
        for (sizes, bankers): (UInt32, UInt32) in [(8, 0), (1, 7), (1, 8), (4, 1)] {
            #expect(try system(sizes, bankers: bankers) == .systemMalformed)
        }
        #expect(try system(0b110, stake: 400) == nil)
        #expect(try system(0b110, stake: 501) == .stakeNotDivisible)
        #expect(try system(0b10, stake: 402) == .stakeAboveMaximum)
        var other = cell.intent(account, [(open, 0, even)], stake: 500)
        other.currency = .gbp
        #expect(try cell.place(other).refusal == .currencyMismatch)
        #expect(
            try cell.place(cell.intent(AccountID(77), [(open, 0, even)], stake: 1)).refusal
                == .accountUnknown)
        #expect(try refusal([]) == .legCountOutOfRange)
        #expect(try refusal([(open, 5, even)]) == .selectionUnknown)
        #expect(try refusal([(shut, 0, even)]) == .marketSuspended)
        #expect(try refusal([(unpriced, 0, even)]) == .selectionNotOffered)
        #expect(try refusal([(open, 0, decimal(2020))]) == .priceMoved)
        #expect(try refusal([(open, 0, even), (sibling, 1, even)]) == .related)
        #expect(try refusal([(open, 0, even)], stake: 5) == .stakeBelowMinimum)
        #expect(try refusal([(small, 0, even)]) == .stakeAboveMaximum)
        let long = [dear, dearer, dearest].map { ($0, UInt32(0), decimal(1_000_000)) }
        #expect(try refusal(long) == .returnAboveMaximum)
        #expect(try refusal([(open, 0, even)], stake: 5001) == .insufficientFunds)
        #expect(try refusal([(tight, 0, even)]) == .exposureLimit)
        #expect(cell.audit() == [])
    }

    @Test func `from one competitor chain is not combined`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 5000)
        let semi = try cell.market([even, even], chain: 4)
        let final = try cell.market([even, even], chain: 4)
        let intent = cell.intent(account, [(semi, 0, even), (final, 0, even)], stake: 500)
        #expect(try cell.place(intent).refusal == .related)
    }

    @Test func `against a score that changed is refused with both scores`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 5000)
        let market = try cell.market([even, even], inPlay: true)
        var intent = cell.intent(account, [(market, 0, even)], stake: 500)
        intent.legs[0].score = Score(home: 1, away: 0).packed
        let outcome = try cell.place(intent)
        #expect(outcome.refusal == .scoreChanged)
        #expect(outcome.value == 0)
        #expect(outcome.threshold == 65536)
    }

    @Test func `on a market that was shut and opened since it was seen is refused, whatever its price`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 5000)
        let market = try cell.market([even, even])
        func version() -> UInt64 { cell.host.engine.picture(of: market.market)!.version }
        func place(_ seen: UInt64) throws -> Cell.Outcome {
            var intent = cell.intent(account, [(market, 0, even)], stake: 500)
            intent.rule = .any
            intent.tolerance = PriceRule.anyTicks
            intent.legs[0].marketVersion = seen
            return try cell.place(intent)
        }
        let seen = version()
        // Another price is no other market.
        try cell.price(market.id, [decimal(2100), even])
        #expect(try place(seen).status == .open)
        try cell.say { $0.marketState(market.id, by: .feed, setting: .feed) }
        try cell.say { $0.marketState(market.id, by: .feed, lifting: .feed) }
        let refused = try place(seen)
        #expect(refused.refusal == .marketChanged)
        #expect(refused.value == Int64(version()))
        #expect(refused.threshold == Int64(seen))
        #expect(try place(version()).status == .open)
        // Who says nothing of it is held against price and score alone.
        #expect(try place(0).status == .open)
    }

    @Test(arguments: [
        (PriceRule.exact, 0 as UInt8, 2020 as UInt32, false), (.better, 0, 2020, true),
        (.better, 0, 1990, false), (.any, 1, 1990, true), (.any, 1, 1980, false),
        (.any, 255, 1010, true),
    ])
    func `follows the customer's price rule`(
        rule: PriceRule, tolerance: UInt8, now: UInt32, taken: Bool
    ) throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 5000)
        let market = try cell.market([even, even])
        try cell.price(market.id, [decimal(now), even])
        var intent = cell.intent(account, [(market, 0, even)], stake: 500)
        intent.rule = rule
        intent.tolerance = tolerance
        let outcome = try cell.place(intent)
        #expect((outcome.status == .open) == taken)
        #expect(taken || outcome.refusal == .priceMoved)
    }

    @Test func `limits what a market may lose to the dearest joint result`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 100_000)
        // Two of three win: the worst case is the two dearest selections together.
        let market = try cell.market([even, even, even], winners: 2, liabilityLimit: 1000)
        #expect(
            try cell.place(cell.intent(account, [(market, 0, even)], stake: 500)).status == .open)
        #expect(
            try cell.place(cell.intent(account, [(market, 1, even)], stake: 500)).status == .open)
        let third = try cell.place(cell.intent(account, [(market, 0, even)], stake: 100))
        #expect(third.refusal == .exposureLimit)
        #expect((third.value, third.threshold) == (1100, 1000))
        // Money on the third selection lowers the worst case instead.
        #expect(
            try cell.place(cell.intent(account, [(market, 2, even)], stake: 100)).status == .open)
    }
}

@Suite struct `A bet in play` {
    let even = decimal(2000)

    func world() throws -> (Cell, AccountID, Cell.Offered) {
        let cell = try Cell()
        return (
            cell, try cell.customer(cash: 5000),
            try cell.market([even, even], inPlay: true, betDelay: 5000)
        )
    }

    @Test func `is held while it waits and accepted when nothing happened`() throws {
        let (cell, account, market) = try world()
        let pending = try cell.place(cell.intent(account, [(market, 0, even)], stake: 1000))
        #expect(pending.status == .pending)
        #expect((pending.cash, pending.held, pending.openBets) == (4000, 1000, 0))
        cell.clock.advance(milliseconds: 4999)
        try cell.turn()
        #expect(cell.concluded[pending.bet]?.status == .pending)
        cell.clock.advance(milliseconds: 100)
        try cell.turn()
        let decided = cell.concluded[pending.bet]!
        #expect(decided.status == .open)
        #expect((decided.cash, decided.held, decided.openBets) == (4000, 0, 1000))
        #expect(cell.audit() == [])
    }

    @Test
    func `falls when the market was shut in between, though it is open again at the same price`()
        throws
    {
        let (cell, account, market) = try world()
        let pending = try cell.place(cell.intent(account, [(market, 0, even)], stake: 1000))
        try cell.say { $0.marketState(market.id, by: .feed, setting: .feed) }
        try cell.say { $0.marketState(market.id, by: .feed, lifting: .feed) }
        cell.clock.advance(milliseconds: 5001)
        try cell.turn()
        let decided = cell.concluded[pending.bet]!
        #expect(decided.refusal == .changedDuringDelay)
        #expect((decided.cash, decided.held) == (5000, 0))
        #expect(cell.audit() == [])
    }

    @Test func `falls with a goal`() throws {
        let (cell, account, market) = try world()
        let pending = try cell.place(cell.intent(account, [(market, 0, even)], stake: 1000))
        var facts = FixtureFacts(id: market.fixtureID)
        facts.state = FixtureState(
            status: .live, isInPlay: true, score: Score(home: 1, away: 0).packed)
        facts.incident = .goal
        try cell.say { $0.fixtureUpdate(facts) }
        cell.clock.advance(milliseconds: 5001)
        try cell.turn()
        #expect(cell.concluded[pending.bet]?.refusal == .changedDuringDelay)
    }

    @Test(arguments: [
        (PriceRule.exact, 0 as UInt8, 2020 as UInt32?, false), (.better, 0, 2020, true), (.better, 0, 1990, false),
        (.any, 1, 1990, true), (.any, 1, 1980, false), (.any, 255, 1010, true), (.exact, 0, 2000, true),
        (.any, 255, nil, false),
    ])
    func `falls when the price has moved further than its customer lets it`(
        rule: PriceRule, tolerance: UInt8, now: UInt32?, isTaken: Bool
    ) throws {
        let (cell, account, market) = try world()
        var intent = cell.intent(account, [(market, 0, even)], stake: 1000)
        intent.rule = rule
        intent.tolerance = tolerance
        let pending = try cell.place(intent)
        #expect(pending.status == .pending)
        try cell.price(market.id, [now.map { decimal($0) }, even])
        cell.clock.advance(milliseconds: 5001)
        try cell.turn()
        let decided = cell.concluded[pending.bet]!
        #expect(decided.refusal == (isTaken ? nil : .priceMovedDuringDelay))
        #expect(decided.held == 0)
        #expect(decided.cash == (isTaken ? 4000 : 5000))
        // At the price that it was struck at.
        #expect(decided.potentialReturn == 2000)
        #expect(cell.audit() == [])
        let live = cell.stateHash
        try cell.restart()
        #expect(cell.host.report.stateHash == live)
    }

    @Test func `is not held against prices after its delay under earlier rules`() throws {
        let cell = try Cell(rules: [RuleSet(version: 1)])
        let account = try cell.customer(cash: 5000)
        let market = try cell.market([even, even], inPlay: true, betDelay: 5000)
        var intent = cell.intent(account, [(market, 0, even)], stake: 1000)
        intent.rule = .exact
        intent.legs[0].marketVersion = 1
        let pending = try cell.place(intent)
        #expect(pending.status == .pending)
        try cell.price(market.id, [decimal(1500), even])
        cell.clock.advance(milliseconds: 5001)
        try cell.turn()
        #expect(cell.concluded[pending.bet]?.status == .open)
        try cell.restart()
        #expect(cell.host.report.divergences.count == 0)
    }

    @Test func `falls as interrupted when its time came while the platform was down`() throws {
        let (cell, account, market) = try world()
        let intent = cell.intent(account, [(market, 0, even)], stake: 1000)
        let pending = try cell.place(intent)
        cell.clock.advance(milliseconds: 60_000)
        try cell.restart()
        try cell.turn()
        #expect(cell.concluded[pending.bet]?.refusal == .interrupted)
        #expect(cell.concluded[pending.bet]?.cash == 5000)
        let again = try cell.place(intent)
        #expect(again.isRepeat)
        #expect(again.refusal == .interrupted)
    }

    @Test func `is asked about again while it waits and answers pending`() throws {
        let (cell, account, market) = try world()
        let intent = cell.intent(account, [(market, 0, even)], stake: 1000)
        try cell.place(intent)
        #expect(try cell.place(intent).status == .pending)
    }

    @Test func `waits as long as market, customer and selection say together, each written down`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 10_000)
        let market = try cell.market([decimal(2000), decimal(2000)], inPlay: true, betDelay: 2000)
        try cell.say { $0.setRisk(of: account, stakeFactor: 1000, delay: 3000, actor: 1, reason: "late bets", notice: "You bet late.") }
        try cell.say {
            $0.price(
                market: market.id,
                [PriceEntry(odds: decimal(2000), delay: 1500), PriceEntry(odds: decimal(2000))],
                margin: 500, message: 1, providerTime: 0)
        }
        let placed = try cell.place(cell.intent(account, [(market, 0, decimal(2000))], stake: 100))
        #expect(placed.status == .pending)
        let parts = [Layout.Placed.delayBase, Layout.Placed.delayCustomer, Layout.Placed.delaySelection]
            .map { placed.record.field($0, as: UInt32.self) }
        #expect(parts == [2000, 3000, 1500])
        let due = placed.record.field(Layout.Placed.dueAt, as: Int64.self)
        #expect(due - placed.record.time.nanoseconds == 6_500_000_000)
        cell.clock.advance(milliseconds: 6400)
        try cell.turn()
        #expect(cell.concluded[placed.bet]?.status == .pending)
        cell.clock.advance(milliseconds: 200)
        try cell.turn()
        #expect(cell.concluded[placed.bet]?.status == .open)
        #expect(cell.audit() == [])
    }

    @Test func `takes of a customer what its part of a market's maximum allows`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 10_000)
        let other = try cell.customer(cash: 10_000)
        let market = try cell.market([decimal(2000), decimal(2000)], maximumStake: 1000)
        func set(_ factor: UInt16, reason: String = "limited", actor: UInt64 = 1) throws -> UInt16 {
            try cell.say {
                $0.setRisk(of: account, stakeFactor: factor, delay: 0, actor: actor, reason: reason, notice: "You bet late.")
            }.record.field(Layout.AccountChanged.refusal, as: UInt16.self)
        }
        #expect(try set(100) == 0)
        #expect(try set(100) == OperationRefusal.noChange.rawValue)
        #expect(try set(200, reason: "") == OperationRefusal.reasonMissing.rawValue)
        #expect(try set(200, actor: 0) == OperationRefusal.operatorMissing.rawValue)
        #expect(try set(10_001) == OperationRefusal.amountOutOfRange.rawValue)
        let refused = try cell.place(cell.intent(account, [(market, 0, decimal(2000))], stake: 101))
        #expect(refused.refusal == .stakeAboveMaximum && refused.threshold == 100)
        let taken = try cell.place(cell.intent(account, [(market, 0, decimal(2000))], stake: 100))
        #expect(taken.status == .open)
        #expect(taken.record.field(Layout.Placed.stakeFactor, as: UInt16.self) == 100)
        #expect(try cell.place(cell.intent(other, [(market, 0, decimal(2000))], stake: 1000)).status == .open)
        try cell.restart()
        #expect(try set(3000) == 0)
        try cell.say { $0.marketState(market.id, by: .feed, lifting: [.feed, .recovery]) }
        #expect(try cell.place(cell.intent(account, [(market, 0, decimal(2000))], stake: 3000)).status == .open)
        #expect(cell.audit() == [])
    }
}
