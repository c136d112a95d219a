import Betting
import Catalogue
import EngineCore
import EngineService
import Kernel
import Ledger
import TestSupport
import Testing

/// Who scores: anybody may, whoever else does.
@Suite struct `A market each of whose selections wins by itself` {
    let even = decimal(2000)
    let three = decimal(3000)

    private func refusal(_ outcome: Cell.Outcome) -> UInt16 {
        outcome.record.field(Layout.ResultAnswered.refusal, as: UInt16.self)
    }

    @Test func `may cost what all of them return, and pays each that wins`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 10_000)
        let market = try cell.market([even, even, three], winners: 0)
        for (index, odds) in [even, even, three].enumerated() {
            try cell.place(cell.intent(account, [(market, UInt32(index), odds)], stake: 1000))
        }
        let risk = try #require(cell.risk(of: market.market))
        #expect(risk.worstLoss == 2000 + 2000 + 3000 - 3000)
        // What it comes to if one alone scores.
        #expect(risk.selections.map(\.result) == [1000, 1000, 0])
        #expect(risk.hedge == nil)
        try cell.settle(market, [.won, .lost, .won])
        #expect(cell.total(.cash, .demo) == 10_000 - 3000 + 2000 + 3000)
        #expect(cell.audit() == [])
    }

    @Test func `takes no bet by which all of them together would lose too much`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 10_000)
        let market = try cell.market([even, even], winners: 0, liabilityLimit: 1500)
        let first = try cell.place(cell.intent(account, [(market, 0, even)], stake: 1000))
        #expect(first.status == .open)
        // With one winner the second bet would cost nothing more.
        let second = try cell.place(cell.intent(account, [(market, 1, even)], stake: 1000))
        #expect(second.refusal == .exposureLimit)
        #expect((second.value, second.threshold) == (2000, 1500))
        let slip = cell.host.engine.slip(
            stake: StakeSplit(cash: 10),
            legs: [LegIntent(market: market.market, fixture: market.fixture, selection: 1, odds: even)], account: account)
        #expect(slip.maximumStake == 500)
    }

    @Test(arguments: [
        ([SelectionResult.won, .won, .won], false), ([.lost, .lost, .lost], false), ([.halfWon, .won, .void], false),
        ([.deadHeat, .deadHeat, .won], false),
    ])
    func `has as many winners as there are, and any that tie`(results: [SelectionResult], isRefused: Bool) throws {
        let cell = try Cell()
        let market = try cell.market([even, even, even], winners: 0)
        let marks = results.map { SelectionOutcome($0, winners: 1, tied: $0 == .deadHeat ? 2 : 1) }
        let answer = try cell.say { $0.result(market: market.id, marks, source: .feed) }
        #expect(refusal(answer) == (isRefused ? OperationRefusal.tooManyWinners.rawValue : 0))
    }

    @Test func `is no race, pays nobody early, and is none by rules of before`() throws {
        func refused(_ cell: Cell, _ more: (inout MarketFacts) -> Void) throws -> UInt16 {
            let known = try cell.market([even, even])
            var facts = MarketFacts(
                id: cell.freshID(), fixture: known.fixtureID, name: "Who scores",
                selections: [SelectionFacts(supplierID: 1, name: "a"), SelectionFacts(supplierID: 2, name: "b")])
            facts.winners = 0
            more(&facts)
            return try cell.say { $0.market(facts) }.record.field(Layout.MarketChanged.refusal, as: UInt16.self)
        }
        let malformed = OperationRefusal.malformed.rawValue
        #expect(try refused(Cell()) { _ in } == 0)
        #expect(try refused(Cell()) { $0.paysEarly = true } == malformed)
        #expect(try refused(Cell()) { $0.places = PlaceTerms(places: 2, numerator: 1, denominator: 4) } == malformed)
        #expect(try refused(Cell()) { $0.deductions = .ruleFour } == malformed)
        #expect(try refused(Cell(rules: [RuleSet(version: 1)])) { _ in } == malformed)
    }

    @Test func `is priced and sold back by each one's own reference`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 10_000)
        let market = try cell.market([three, even], winners: 0)
        let bet = try cell.place(cell.intent(account, [(market, 0, three)], stake: 1000)).bet
        try cell.say {
            $0.price(
                market: market.id,
                [1500, 1250].map { PriceEntry(odds: decimal($0 - 100), reference: $0) }, margin: 500, message: 1,
                providerTime: 0)
        }
        // Two thirds of 30.00, less 5 %; the other one's chance of four fifths takes nothing from it.
        let id = cell.freshID()
        let sold = try cell.say {
            $0.cashOut(
                CashOutIntent(
                    account: account, id: id, requestHash: id, session: SessionID(1), bet: bet, part: 0, least: 0,
                    validUntil: cell.now.adding(milliseconds: 1000)))
        }
        #expect(sold.record.field(Layout.CashOutAnswered.payout, as: Int64.self) == 1900)
        // A trader's margin of a tenth on each: 1.36 and 1.13, down to their rungs.
        let hand = PricingHand(held: [nil, nil], margin: 1000, actor: 7, reason: "a margin")
        try cell.say { $0.pricing(market.id, hand) }
        let offered = cell.host.engine.picture(of: market.market)?.selections.map(\.odds)
        #expect(offered == [decimal(1360), decimal(1130)])
        #expect(cell.audit() == [])
    }
}
