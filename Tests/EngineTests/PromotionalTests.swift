import Betting
import Catalogue
import EngineCore
import EngineJournal
import EngineService
import Kernel
import Ledger
import TestSupport
import Testing

/// A customer with 100.00 of cash, 50.00 of bonus money and 20.00 to stake for nothing, and a market at 3.0.
@Suite struct `Bonus money and free stakes` {
    let three = decimal(3000)
    let cell: Cell
    let account: AccountID
    let market: Cell.Offered

    init() throws {
        cell = try Cell()
        account = try cell.customer(cash: 10_000)
        market = try cell.market([three, decimal(1400)])
        try promise()
        try give(.bonus, 5_000)
        try give(.free, 2_000)
    }

    @discardableResult
    private func give(
        _ kind: GrantKind, _ amount: Int64, id: ExternalID? = nil, actor: UInt64 = 7, reason: String = "welcome"
    ) throws -> Cell.Outcome {
        let id = id ?? cell.freshID()
        return try cell.say {
            $0.grant(
                kind, amount, to: account, id: id,
                requestHash: ExternalID(high: UInt64(kind.rawValue), low: UInt64(bitPattern: amount)),
                promotion: 3, terms: 1, actor: actor, reason: reason)
        }
    }

    @discardableResult
    private func promise(
        _ number: UInt64 = 3, terms: String = "Stake 10, get 5.", name: String = "Welcome", from: Int64 = 0,
        until: Int64 = 0, version: UInt32? = nil, actor: UInt64 = 7, reason: String = "a season"
    ) throws -> OperationRefusal? {
        let outcome = try cell.say {
            $0.promotion(
                number, name: name, terms: terms, from: from, until: until, version: version, actor: actor,
                reason: reason)
        }
        return OperationRefusal(rawValue: outcome.record.field(Layout.MarketChanged.refusal, as: UInt16.self))
    }

    private func grantUnder(_ number: UInt64, terms: UInt32 = 1, _ amount: Int64 = 100) throws -> OperationRefusal? {
        refusal(
            try cell.say {
                $0.grant(
                    .bonus, amount, to: account, id: cell.freshID(), requestHash: .zero, promotion: number, terms: terms,
                    actor: 7, reason: "welcome")
            })
    }

    @Test func `are given under a promotion that was said, by the terms that were seen, while it is offered`() throws {
        #expect(try grantUnder(4) == .promotionUnknown)
        let now = cell.clock.wall()
        #expect(try promise(4, from: now + 1_000_000_000, until: now + 3_000_000_000) == nil)
        #expect(try grantUnder(4) == .promotionNotOffered)
        cell.clock.advance(milliseconds: 2000)
        #expect(try grantUnder(4) == nil)
        // Whoever does not say which version was read has read none.
        #expect(try grantUnder(4, terms: 0) == .changedSince)
        #expect(try promise(4, terms: "Stake 20, get 5.", from: now, until: now + 3_000_000_000) == nil)
        #expect(try grantUnder(4, terms: 1) == .changedSince)
        #expect(try grantUnder(4, terms: 2) == nil)
        cell.clock.advance(milliseconds: 2000)
        #expect(try grantUnder(4, terms: 2) == .promotionNotOffered)
        // What was given under it is taken back afterwards, too, whatever it says by then.
        #expect(try grantUnder(4, terms: 1, -150) == nil)
        #expect(cell.host.engine.promotion(4)?.version == 2)
        // Under both versions together, and none of it under another promotion.
        #expect(cell.host.engine.promotion(4)?.bonus == 50)
        #expect(cell.host.engine.promotion(3)?.bonus == 5000)
        #expect(isSound())
    }

    @Test func `are promised whole, by somebody who says why, once for each wording`() throws {
        #expect(try promise(0) == .malformed)
        #expect(try promise(4, terms: "") == .malformed)
        #expect(try promise(4, name: "") == .malformed)
        #expect(try promise(4, terms: "\0ten") == .malformed)
        #expect(try promise(4, name: "\0ten") == .malformed)
        #expect(try promise(4, from: 5, until: 5) == .malformed)
        #expect(try promise(4, from: -1) == .malformed)
        #expect(try promise(4, actor: 0) == .operatorMissing)
        #expect(try promise(4, reason: "") == .reasonMissing)
        #expect(try promise(4, version: 1) == .changedSince)
        #expect(try promise(3, version: 0) == .changedSince)
        #expect(try promise() == .noChange)
        #expect(try promise(terms: "Other terms.", version: 1) == nil)
        #expect(try promise(until: .max) == nil)
        #expect(cell.host.engine.promotion(3)?.version == 3)
        for number in 1_000..<1_255 as Range<UInt64> {
            let refusal = try promise(number)
            #expect(refusal == nil, "\(number)")
        }
        #expect(try promise(4) == .full)
        #expect(try promise(terms: "The longest: " + String(repeating: "é", count: 505)) == nil)
        #expect(cell.host.engine.allPromotions.map(\.number) == [3] + Array(1_000..<1_255))
        #expect(isSound())
    }

    @Test func `are promised in snapshots and after a start as they were`() throws {
        try promise(9, terms: "Zeilen\nund Umlaute: äöü", from: 5, until: .max)
        try promise(9, terms: "Zeilen und Umlaute: äöü", from: 5, until: .max)
        #expect(try grantUnder(9, terms: 2, 70) == nil)
        let before = cell.host.engine.allPromotions
        #expect(before.last?.bonus == 70)
        let copy = SnapshotCopy()
        let round = SnapshotRound(cell.disk)
        try cell.host.beginSnapshot(copy) { _ in }
        var written: UInt64?
        while written == nil {
            if cell.host.isCopying { cell.host.copySlice() }
            written = try round.write(copy)
        }
        var engine = Engine(limits: Cell.smallLimits, seed: 6)
        _ = try SnapshotShelf(cell.disk).open(#require(written), into: &engine, isAccepted: false)
        let (loaded, hash) = (engine.allPromotions, engine.rowsHash)
        #expect(loaded == before && loaded.map(\.version) == [1, 2])
        #expect(hash == cell.host.engine.rowsHash)
        try cell.restart()
        #expect(cell.host.engine.allPromotions == before)
        #expect(isSound())
    }

    private func balances(_ outcome: Cell.Outcome, _ place: Int = Layout.Placed.balances) -> [Int64] {
        [Layout.Balances.cash, Layout.Balances.bonus, Layout.Balances.free, Layout.Balances.openBets].map {
            outcome.record.field(place + $0, as: Int64.self)
        }
    }

    private func intent(cash: Int64 = 0, bonus: Int64 = 0, free: Int64 = 0) -> BetIntent {
        var intent = cell.intent(account, [(market, 0, three)], stake: cash + bonus + free)
        intent.bonus = bonus
        intent.free = free
        return intent
    }

    private func refusal(_ outcome: Cell.Outcome) -> OperationRefusal? {
        OperationRefusal(rawValue: outcome.record.field(Layout.AccountChanged.refusal, as: UInt16.self))
    }

    private var afterSettlement: [Int64] { balances(cell.settled.last!, Layout.BetSettled.balances) }

    private func isSound() -> Bool { cell.audit().isEmpty }

    @Test func `are given by a person with a reason, once for each id`() throws {
        let id = cell.freshID()
        #expect(balances(try give(.bonus, 100, id: id), Layout.AccountChanged.balances)[1] == 5_100)
        let again = try give(.bonus, 100, id: id)
        #expect(refusal(again) == nil)
        #expect(balances(again, Layout.AccountChanged.balances)[1] == 5_100)
        #expect(refusal(try give(.bonus, 200, id: id)) == .idReused)
        #expect(refusal(try give(.bonus, 100, actor: 0)) == .operatorMissing)
        #expect(refusal(try give(.bonus, 100, reason: "")) == .reasonMissing)
        #expect(refusal(try give(.bonus, 0)) == .amountOutOfRange)
        #expect(cell.total(.promotions, .demo) == -5_100)
        #expect(isSound())
    }

    @Test func `are taken back as far as they are there`() throws {
        #expect(balances(try give(.bonus, -9_000), Layout.AccountChanged.balances)[1] == 0)
        #expect(cell.total(.promotions, .demo) == 0)
        #expect(refusal(try give(.bonus, -1)) == .noChange)
        #expect(isSound())
    }

    @Test func `are staked beside cash, and each stands where it came from when the bet is refused`() throws {
        let inPlay = try cell.market([three, decimal(1400)], inPlay: true, betDelay: 3_000)
        var waiting = cell.intent(account, [(inPlay, 0, three)], stake: 6_000)
        waiting.bonus = 3_000
        waiting.free = 1_000
        let held = try cell.place(waiting)
        #expect(held.status == .pending)
        #expect(balances(held) == [8_000, 2_000, 1_000, 0])
        #expect(held.held == 5_000)
        let standing = cell.risk(fixtures: 1).promotions
        #expect([Int64(standing.bets), standing.bonus, standing.free, standing.potentialReturn] == [1, 3_000, 1_000, held.potentialReturn])
        try cell.restart()
        #expect(cell.risk(fixtures: 1).promotions == standing)
        try cell.say { $0.marketState(inPlay.id, by: .trader, setting: .trader) }
        cell.clock.advance(milliseconds: 3_100)
        try cell.turn()
        let released = try #require(cell.concluded[held.bet])
        #expect(cell.risk(fixtures: 1).promotions == PromotionalRisk())
        #expect(released.refusal == .suspendedDuringDelay)
        #expect(balances(released) == [10_000, 5_000, 2_000, 0])
        #expect(isSound())
    }

    @Test func `of a free stake pay what they win as cash, and not themselves`() throws {
        let placed = try cell.place(intent(free: 2_000))
        #expect(placed.potentialReturn == 4_000)
        #expect(balances(placed) == [10_000, 5_000, 0, 0])
        try cell.settle(market, [.won, .lost])
        #expect(afterSettlement == [14_000, 5_000, 0, 0])
        #expect(cell.total(.houseResult, .demo) == -4_000)
        #expect(isSound())
    }

    @Test func `of bonus money pay winnings as cash, and the stake as what it was`() throws {
        let placed = try cell.place(intent(cash: 1_000, bonus: 3_000))
        #expect(placed.potentialReturn == 12_000)
        #expect(balances(placed) == [9_000, 2_000, 2_000, 4_000])
        try cell.settle(market, [.won, .lost])
        #expect(afterSettlement == [18_000, 5_000, 2_000, 0])
        #expect(isSound())
    }

    @Test func `go back to where they came from when the market is void`() throws {
        try cell.place(intent(cash: 1_000, bonus: 1_000, free: 1_000))
        try cell.settle(market, [.void, .void])
        #expect(afterSettlement == [10_000, 5_000, 2_000, 0])
        #expect(cell.total(.houseResult, .demo) == 0)
        #expect(isSound())
    }

    @Test func `follow every correction, there and back`() throws {
        try cell.place(intent(cash: 1_000, bonus: 1_000, free: 1_000))
        let before = cell.total(.promotions, .demo)
        try cell.settle(market, [.void, .void])
        try cell.settle(market, [.won, .lost])
        #expect(afterSettlement == [9_000 + 7_000, 5_000, 1_000, 0])
        try cell.settle(market, [.undecided, .won])
        #expect(afterSettlement == [9_000, 4_000, 1_000, 2_000])
        try cell.settle(market, [.lost, .won])
        #expect(afterSettlement == [9_000, 4_000, 1_000, 0])
        #expect(cell.total(.promotions, .demo) == before)
        #expect(isSound())
    }

    @Test func `that were given back and spent are owed where they are money, and never given twice where they are not`()
        throws
    {
        try cell.place(intent(bonus: 5_000))
        try cell.place(intent(free: 2_000))
        let other = try cell.market([three, decimal(1400)])
        try cell.settle(market, [.void, .void])
        var spend = cell.intent(account, [(other, 0, three)], stake: 17_000)
        (spend.bonus, spend.free) = (5_000, 2_000)
        #expect(try cell.place(spend).status == .open)
        try cell.settle(market, [.lost, .won])
        let owed = cell.settled.last!.record.field(
            Layout.BetSettled.balances + Layout.Balances.receivable, as: Int64.self)
        #expect(owed == 5_000)
        #expect(isSound())
        try cell.settle(market, [.void, .void])
        #expect(afterSettlement == [0, 5_000, 0, 15_000])
        let still = cell.settled.last!.record.field(
            Layout.BetSettled.balances + Layout.Balances.receivable, as: Int64.self)
        #expect(still == 5_000)
        #expect(isSound())
    }

    @Test func `are refused where there is not as much, or never was any`() throws {
        #expect(try cell.place(intent(bonus: 5_001)).refusal == .insufficientFunds)
        #expect(try cell.place(intent(free: 2_001)).refusal == .insufficientFunds)
        #expect(try cell.place(intent(cash: 10_001)).refusal == .insufficientFunds)
        var negative = intent(cash: 500, bonus: 200)
        negative.free = -100
        #expect(try cell.place(negative).refusal == .stakeBelowMinimum)
        let poor = try cell.customer(cash: 1_000)
        var nothing = cell.intent(poor, [(market, 0, three)], stake: 500)
        nothing.free = 500
        #expect(try cell.place(nothing).refusal == .stakeKindUnsupported)
        #expect(balances(try cell.place(intent(cash: 10))) == [9_990, 5_000, 2_000, 10])
        #expect(isSound())
    }

    @Test func `must divide over the lines where they are free`() throws {
        let others = try (0..<2).map { _ in try cell.market([three, decimal(1400)]) }
        var system = cell.intent(
            account, [(market, 0, three), (others[0], 0, three), (others[1], 0, three)], stake: 400)
        system.structure = .system
        system.sizes = 0b110
        system.free = 102
        let refused = try cell.place(system)
        #expect(refused.refusal == .stakeNotDivisible)
        #expect(refused.value == 102)
        system.id = cell.freshID()
        system.requestHash = system.id
        system.free = 100
        system.bonus = 101
        #expect(try cell.place(system).status == .open)
        #expect(isSound())
    }

    @Test func `count in exposure only as far as they were paid`() throws {
        try cell.place(intent(cash: 1_000, free: 1_000))
        let risk = try #require(cell.risk(of: market.market))
        // It returns 5 000 and brought 1 000.
        #expect(risk.worstLoss == 4_000)
        #expect(isSound())
    }

    @Test func `are not sold back`() throws {
        let placed = try cell.place(intent(cash: 1_000, free: 1_000))
        let id = cell.freshID()
        let sold = try cell.say {
            $0.cashOut(
                CashOutIntent(
                    account: account, id: id, requestHash: id, session: SessionID(1), bet: placed.bet,
                    part: 0, least: 0, validUntil: cell.now.adding(milliseconds: 1_000)))
        }
        #expect(sold.refusal == .cashOutNotOffered)
    }

    @Test func `are the same after a restart`() throws {
        try cell.place(intent(cash: 1_000, bonus: 1_000, free: 1_000))
        try cell.restart()
        #expect(cell.audit().isEmpty)
        try cell.settle(market, [.won, .lost])
        #expect(afterSettlement == [16_000, 5_000, 1_000, 0])
        #expect(isSound())
    }
}
