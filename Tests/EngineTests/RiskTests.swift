import Betting
import Catalogue
import EngineCore
import Kernel
import Risk
import TestSupport
import Testing

@Suite struct `What may be lost` {
    let even = decimal(2000)
    let three = decimal(3000)

    @Test func `is told result by result, match by match and customer by customer`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 100_000)
        let match = try cell.market([three, even, even])
        let other = try cell.market([even, even])
        try cell.place(cell.intent(account, [(match, 0, three)], stake: 10_000))
        let second = try cell.place(cell.intent(account, [(match, 1, even)], stake: 4_000)).bet
        try cell.place(cell.intent(account, [(match, 2, even), (other, 0, even)], stake: 1_000))
        let risk = try #require(cell.risk(of: match.market))
        #expect(risk.staked == 14_500)
        // Of the double the half that this leg carries.
        #expect(risk.selections.map(\.returnsIfWon) == [30_000, 8_000, 2_000])
        #expect(risk.selections.map(\.result) == [-15_500, 6_500, 12_500])
        #expect(risk.worstLoss == 15_500)
        #expect(risk.openLegs == 3)
        // Our own price stands for what it could be backed at: 22,000 between the two worst at 3.0.
        #expect(risk.hedge?.selection == 0)
        #expect(risk.hedge?.stake == 7_333)
        let all = cell.risk(fixtures: 1)
        #expect(all.fixtures.map(\.fixture) == [match.fixture])
        #expect(all.sports.map(\.sum.worstLoss) == [15_500 + 1_500])
        #expect(all.sports.map(\.sum.markets) == [2])
        var own = try #require(cell.risk(of: account))
        #expect(own.bets == 3)
        #expect(own.staked == 15_000)
        #expect(own.potentialReturn == 30_000 + 8_000 + 4_000)
        // What is sold or settled is no risk any more.
        let id = cell.freshID()
        try cell.say {
            $0.cashOut(
                CashOutIntent(
                    account: account, id: id, requestHash: id, session: SessionID(1), bet: second,
                    part: 1_000, least: 0, validUntil: cell.now.adding(milliseconds: 1_000)))
        }
        own = try #require(cell.risk(of: account))
        #expect(own.potentialReturn == 30_000 + 6_000 + 4_000)
        try cell.settle(match, [.lost, .won, .lost])
        own = try #require(cell.risk(of: account))
        #expect(own.bets == 0)
        #expect(own.potentialReturn == 0)
        #expect(cell.risk(fixtures: 50).fixtures.isEmpty)
        #expect(cell.audit() == [])
        #expect(cell.risk(of: MarketID(99)) == nil)
        #expect(cell.risk(of: AccountID(99)) == nil)
    }

    @Test func `of several winners is told with the dearest beside each`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 100_000)
        let places = try cell.market([three, three, even, even], winners: 2)
        for (selection, stake) in [(0, 1_000), (1, 3_000), (2, 500)] as [(UInt32, Int64)] {
            let price = selection == 2 ? even : three
            try cell.place(cell.intent(account, [(places, selection, price)], stake: stake))
        }
        let risk = try #require(cell.risk(of: places.market))
        // Staked 4,500; they return 3,000, 9,000, 1,000 and nothing.
        #expect(risk.selections.map(\.result) == [-7_500, -7_500, -5_500, -4_500])
        #expect(risk.worstLoss == 7_500)
        #expect(risk.hedge == nil)
    }
}
