import Betting
import Catalogue
import EngineCore
import EngineService
import Kernel
import TestSupport
import Testing

@Suite struct `A customer that plays in what others bet on` {
    let even = decimal(2000)
    let cell: Cell
    let account: AccountID
    let other: AccountID
    let market: Cell.Offered

    init() throws {
        cell = try Cell()
        account = try cell.customer(cash: 10_000)
        other = try cell.customer(cash: 10_000)
        market = try cell.market([even, even])
    }

    @discardableResult
    private func bar(
        _ scope: BarScope, isSet: Bool = true, of account: AccountID? = nil, actor: UInt64 = 7,
        reason: String = "plays", notice: String = "You play in it."
    ) throws -> OperationRefusal? {
        let outcome = try cell.say {
            $0.setBar(
                of: account ?? self.account, from: scope, isSet: isSet, actor: actor, reason: reason, notice: notice)
        }
        return OperationRefusal(rawValue: outcome.record.field(Layout.AccountChanged.refusal, as: UInt16.self))
    }

    private func place(_ markets: Cell.Offered..., by account: AccountID? = nil) throws -> Cell.Outcome {
        try cell.place(cell.intent(account ?? self.account, markets.map { ($0, 0, even) }, stake: 100))
    }

    private var football: BarScope { .sport(Sport.football.rawValue) }

    private func sees(_ found: [BarScope]?) -> Bool { cell.host.engine.bars(of: account) == found }

    @Test func `is kept from its match alone, and nobody else is`() throws {
        let elsewhere = try cell.market([even, even])
        #expect(try bar(.fixture(market.fixture)) == nil)
        #expect(try place(market).refusal == .barred)
        #expect(try place(elsewhere).status == .open)
        #expect(try place(market, by: other).status == .open)
        let double = try place(elsewhere, market)
        #expect(double.refusal == .barred)
        #expect(double.record.field(Layout.Placed.refusalLeg, as: UInt32.self) == 1)
        #expect(sees([.fixture(market.fixture)]))
        #expect(cell.audit() == [])
    }

    @Test func `is kept from its sport until that is lifted, across restarts`() throws {
        #expect(try bar(football) == nil)
        let live = cell.stateHash
        try cell.restart()
        #expect(cell.host.report.stateHash == live)
        try cell.say { $0.marketState(market.id, by: .feed, lifting: [.feed, .recovery]) }
        #expect(try place(market).refusal == .barred)
        #expect(try bar(football, isSet: false, notice: "") == nil)
        #expect(try place(market).status == .open)
        #expect(sees([]))
    }

    @Test func `keeps what is open, and loses what waits`() throws {
        let live = try cell.market([even, even], inPlay: true, betDelay: 5000)
        #expect(try place(market).status == .open)
        let waiting = try place(live)
        #expect(waiting.status == .pending)
        try bar(football)
        cell.clock.advance(milliseconds: 5001)
        let now = Timestamp(nanoseconds: cell.clock.wall())
        let why = cell.host.engine.explainDelay(of: waiting.bet, at: now).last
        #expect(why?.rule == .barred && why?.leg == 0 && why?.isPassed == false)
        try cell.turn()
        #expect(cell.concluded[waiting.bet]?.refusal == .barred)
        try cell.settle(market, [.won, .lost])
        #expect(cell.host.engine.balances(of: account)?.cash == 10_100)
        #expect(cell.audit() == [])
    }

    @Test func `is told why, by somebody who says who it is`() throws {
        #expect(try bar(football, actor: 0) == .operatorMissing)
        #expect(try bar(football, reason: "") == .reasonMissing)
        #expect(try bar(football, notice: "") == .noticeMissing)
        #expect(try bar(.sport(99)) == .malformed)
        #expect(try bar(.fixture(FixtureID(99))) == .fixtureUnknown)
        #expect(try bar(football, of: AccountID(99)) == .accountUnknown)
        #expect(try bar(football, isSet: false) == .noChange)
        #expect(try bar(football) == nil)
        #expect(try bar(football) == .noChange)
        #expect(try place(market).refusal == .barred)
    }

    @Test func `is one of at most a thousand and twenty-four bars`() throws {
        for number in 0..<1024 {
            let one = try cell.customer(cash: 1)
            #expect(try bar(football, of: one) == nil, "\(number)")
        }
        #expect(try bar(football) == .full)
        #expect(try place(market).status == .open)
    }

    @Test func `is told why it is limited, unless it is only trusted more`() throws {
        func trust(_ factor: UInt16, delay: UInt32 = 0, isShut: Bool? = nil, notice: String) throws -> OperationRefusal? {
            let outcome = try cell.say {
                $0.setRisk(
                    of: account, stakeFactor: factor, delay: delay, isShut: isShut, actor: 7, reason: "late",
                    notice: notice)
            }
            return OperationRefusal(rawValue: outcome.record.field(Layout.AccountChanged.refusal, as: UInt16.self))
        }
        #expect(try trust(500, notice: "") == .noticeMissing)
        #expect(try trust(500, notice: "You bet late.") == nil)
        #expect(try trust(800, notice: "") == nil)
        #expect(try trust(800, delay: 1000, notice: "") == .noticeMissing)
        #expect(try trust(800, isShut: true, notice: "") == .noticeMissing)
        #expect(try trust(800, isShut: true, notice: "Your account is looked into.") == nil)
        #expect(try trust(800, isShut: false, notice: "") == nil)
    }
}
