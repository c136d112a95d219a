import Betting
import Catalogue
import EngineCore
import Kernel
import Ledger
import TestSupport
import Testing

/// A market whose feed offers 5.00 and 1.20, and finds out that it is the other way round.
@Suite struct `Prices that were errors` {
    let cell: Cell
    let account: AccountID
    let market: Cell.Offered
    let said = Said()

    final class Said { var suspected: [Cell.Outcome] = [] }

    init() throws {
        cell = try Cell()
        account = try cell.customer(cash: 100_000)
        market = try cell.market([decimal(5000), decimal(1200)])
        try price([5000, 1200])
        cell.onRecord = { [said] record in
            if record.kind == .betSuspected { said.suspected.append(Cell.Outcome(record)) }
        }
    }

    private func price(_ lengths: [UInt32]) throws {
        try cell.say {
            $0.price(
                market: market.id, lengths.map { PriceEntry(odds: decimal($0), reference: $0) }, margin: 0,
                message: 1, providerTime: 0)
        }
        try cell.settleAll()
    }

    private func bet(_ selection: UInt32 = 0, _ odds: UInt32 = 5000, stake: Int64 = 1000) throws -> UInt64 {
        let placed = try cell.place(cell.intent(account, [(market, selection, decimal(odds))], stake: stake))
        #expect(placed.status == .open)
        return placed.bet
    }

    private var suspected: [UInt64] {
        said.suspected.map { $0.record.field(Layout.BetSuspected.bet, as: UInt64.self) }
    }

    private func refusal(_ outcome: Cell.Outcome) -> OperationRefusal? {
        OperationRefusal(rawValue: outcome.record.field(Layout.ResultAnswered.refusal, as: UInt16.self))
    }

    @discardableResult
    private func propose(
        _ bet: UInt64, isTakenBack: Bool = false, actor: UInt64 = 7, reason: String = "an error"
    ) throws -> (refusal: OperationRefusal?, number: UInt64) {
        let outcome = try cell.say {
            $0.proposeVoid(bet: bet, isTakenBack: isTakenBack, actor: actor, reason: reason)
        }
        return (refusal(outcome), outcome.record.field(Layout.ResultAnswered.proposal, as: UInt64.self))
    }

    private func approve(_ proposal: UInt64, actor: UInt64 = 8) throws -> OperationRefusal? {
        refusal(try cell.say { $0.approve(proposal: proposal, actor: actor) })
    }

    private var cash: Int64 { cell.total(.cash, .demo) }

    private func reason(_ outcome: Cell.Outcome?) -> SettlementReason? {
        outcome.flatMap {
            SettlementReason(rawValue: $0.record.field(Layout.BetSettled.reason, as: UInt8.self))
        }
    }

    @Test func `are found by what the references say soon after, and told once of each bet`() throws {
        let wrong = try bet()
        _ = try bet(1, 1200)
        try price([1200, 5000])
        #expect(suspected == [wrong])
        let record = try #require(said.suspected.first).record
        #expect(record.odds(at: Layout.BetSuspected.odds) == decimal(5000))
        #expect(record.field(Layout.BetSuspected.reference, as: UInt32.self) == 1200)
        #expect(record.field(Layout.BetSuspected.stake, as: Int64.self) == 1000)
        try price([5000, 1200])
        #expect(suspected == [wrong])
        try price([1200, 5000])
        #expect(suspected == [wrong])
        #expect(cell.audit().isEmpty)
    }

    @Test func `are found of a bet that waited while its reference came`() throws {
        let live = try cell.market([decimal(5000), decimal(1200)], inPlay: true, betDelay: 3000)
        var intent = cell.intent(account, [(live, 0, decimal(5000))], stake: 1000)
        intent.rule = .any
        intent.tolerance = PriceRule.anyTicks
        let taken = try cell.place(intent)
        #expect(taken.status == .pending)
        let turned = ([1200, 5000] as [UInt32]).map { PriceEntry(odds: decimal($0), reference: $0) }
        try cell.say { $0.price(market: live.id, turned, margin: 0, message: 1, providerTime: 0) }
        try cell.settleAll()
        #expect(suspected.isEmpty)
        cell.clock.advance(milliseconds: 3001)
        try cell.turn()
        try cell.settleAll()
        #expect(suspected == [taken.bet])
        #expect(cell.audit().isEmpty)
    }

    @Test func `are no errors where prices moved a little at a time or by a third`() throws {
        _ = try bet()
        try price([3900, 1300])
        #expect(suspected.isEmpty)
    }

    @Test func `are no errors where the match changed in between`() throws {
        _ = try bet()
        cell.clock.advance(milliseconds: 31_000)
        var goal = FixtureFacts(id: market.fixtureID)
        goal.state = FixtureState(status: .live, isInPlay: true, score: Score(home: 1, away: 0).packed)
        goal.incident = .goal
        try cell.say { $0.fixtureUpdate(goal) }
        try price([1200, 5000])
        #expect(suspected.isEmpty)
    }

    @Test func `are no errors a quarter of an hour later`() throws {
        _ = try bet()
        cell.clock.advance(milliseconds: 901_000)
        try price([1200, 5000])
        #expect(suspected.isEmpty)
    }

    @Test func `are found among more bets than one step looks at`() throws {
        var bets: [UInt64] = []
        for _ in 0..<150 { bets.append(try bet(stake: 100)) }
        try price([1200, 5000])
        #expect(suspected == bets.reversed())
        #expect(cell.audit().isEmpty)
    }

    @Test func `are found after a restart in the middle of the walk`() throws {
        for _ in 0..<150 { _ = try bet(stake: 100) }
        let turned = ([1200, 5000] as [UInt32]).map { PriceEntry(odds: decimal($0), reference: $0) }
        try cell.say {
            $0.price(market: market.id, turned, margin: 0, message: 1, providerTime: 0)
        }
        try cell.restart()
        try cell.settleAll()
        #expect(Set(suspected).count == 150 && suspected.count == 150)
        #expect(cell.audit().isEmpty)
    }

    @Test func `end in a void by two people, that says so and that no result changes`() throws {
        let bet = try bet()
        let (refusal, proposal) = try propose(bet)
        #expect(refusal == nil)
        #expect(try approve(proposal, actor: 7) == .sameOperator)
        #expect(cash == 99_000)
        #expect(try approve(proposal) == nil)
        #expect(cash == 100_000)
        #expect(reason(cell.settled.last) == .voidedByOperators)
        let record = try #require(cell.settled.last).record
        #expect(record.field(Layout.BetSettled.actor, as: UInt64.self) == 7)
        #expect(record.field(Layout.BetSettled.approver, as: UInt64.self) == 8)
        #expect(record.field(Layout.BetSettled.proposal, as: UInt64.self) == proposal)
        try cell.settle(market, [.won, .lost])
        #expect(cash == 100_000)
        #expect(cell.settled.count == 1)
        #expect(cell.audit().isEmpty)
    }

    @Test func `take winnings back, and give them again when the void is taken back`() throws {
        let bet = try bet()
        try cell.settle(market, [.won, .lost])
        #expect(cash == 104_000)
        #expect(try approve(try propose(bet).number) == nil)
        #expect(cash == 100_000)
        #expect(try propose(bet).refusal == .noChange)
        #expect(try approve(try propose(bet, isTakenBack: true).number) == nil)
        #expect(cash == 104_000)
        #expect(reason(cell.settled.last) == .resettled)
        #expect(cell.audit().isEmpty)
    }

    @Test func `become a receivable where the winnings are spent when they are void, never cash below nothing`() throws {
        let bet = try bet()
        try cell.settle(market, [.won, .lost])
        #expect(cash == 104_000)
        // All but 1.00 of it is staked elsewhere, and lost.
        let other = try cell.market([decimal(2000), decimal(2000)])
        #expect(try cell.place(cell.intent(account, [(other, 0, decimal(2000))], stake: 103_900)).status == .open)
        try cell.settle(other, [.lost, .won])
        #expect(cash == 100)
        #expect(try approve(try propose(bet).number) == nil)
        #expect(cash == 0 && cell.total(.receivable, .demo) == -3_900)
        // Given again, the debt is paid first.
        #expect(try approve(try propose(bet, isTakenBack: true).number) == nil)
        #expect(cash == 100 && cell.total(.receivable, .demo) == 0)
        #expect(cell.audit().isEmpty)
    }

    @Test func `make a multiple void as a whole, whatever its other legs have come to`() throws {
        let other = try cell.market([decimal(2000), decimal(2000)])
        let double = try cell.place(
            cell.intent(account, [(market, 0, decimal(5000)), (other, 0, decimal(2000))], stake: 1000)
        ).bet
        try cell.settle(other, [.won, .lost])
        #expect(try approve(try propose(double).number) == nil)
        #expect(cash == 100_000)
        try cell.settle(market, [.lost, .won])
        #expect(cash == 100_000)
        #expect(try approve(try propose(double, isTakenBack: true).number) == nil)
        #expect(cash == 99_000)
        #expect(cell.audit().isEmpty)
    }

    @Test func `give back what is left of a bet of which a part was sold`() throws {
        let bet = try bet()
        let sale = CashOutIntent(
            account: account, id: cell.freshID(), requestHash: .zero, session: SessionID(1), bet: bet, part: 400,
            least: 0, validUntil: cell.now.adding(milliseconds: 10_000))
        let sold = try cell.say { $0.cashOut(sale) }.record.field(Layout.CashOutAnswered.payout, as: Int64.self)
        #expect(sold > 0)
        #expect(try approve(try propose(bet).number) == nil)
        #expect(cash == 99_000 + sold + 600)
        #expect(cell.audit().isEmpty)
    }

    @Test func `give back bonus money and free stakes as what they were`() throws {
        for (kind, amount) in [(GrantKind.bonus, Int64(600)), (.free, 400)] {
            try cell.say { [id = cell.freshID()] in
                $0.grant(
                    kind, amount, to: account, id: id, requestHash: id, actor: 7,
                    reason: "welcome")
            }
        }
        var intent = cell.intent(account, [(market, 0, decimal(5000))], stake: 2000)
        intent.bonus = 600
        intent.free = 400
        let bet = try cell.place(intent)
        #expect(bet.status == .open && cash == 99_000)
        #expect(try approve(try propose(bet.bet).number) == nil)
        let settled = try #require(cell.settled.last).record
        let balances = [Layout.Balances.cash, Layout.Balances.bonus, Layout.Balances.free].map {
            settled.field(Layout.BetSettled.balances + $0, as: Int64.self)
        }
        #expect(balances == [100_000, 600, 400])
        #expect(cell.audit().isEmpty)
    }

    @Test func `stand open again where there is no result when the void is taken back`() throws {
        let bet = try bet()
        #expect(try approve(try propose(bet).number) == nil)
        #expect(try approve(try propose(bet, isTakenBack: true).number) == nil)
        #expect(cash == 99_000 && cell.total(.openBets, .demo) == 1000)
        try cell.settle(market, [.lost, .won])
        #expect(cash == 99_000)
        #expect(cell.audit().isEmpty)
    }

    @Test func `need a reason, an operator, and a bet that is open or settled`() throws {
        let bet = try bet()
        #expect(try propose(bet, reason: "").refusal == .reasonMissing)
        #expect(try propose(bet, actor: 0).refusal == .operatorMissing)
        #expect(try propose(bet + 1000).refusal == .betUnknown)
        #expect(try propose(bet, isTakenBack: true).refusal == .noChange)
        let slow = try cell.market([decimal(2000), decimal(2000)], inPlay: true, betDelay: 5000)
        let waiting = try cell.place(cell.intent(account, [(slow, 0, decimal(2000))], stake: 100))
        #expect(waiting.status == .pending)
        #expect(try propose(waiting.bet).refusal == .betNotOpen)
    }

    @Test func `are not void by an approval that comes after another settlement`() throws {
        let bet = try bet()
        let proposal = try propose(bet).number
        try cell.settle(market, [.won, .lost])
        #expect(try approve(proposal) == .marketChangedSince)
        #expect(cash == 104_000)
    }
}
