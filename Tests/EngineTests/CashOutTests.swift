import Betting
import Catalogue
import EngineCore
import Kernel
import Ledger
import TestSupport
import Testing

/// A bet of 100.00 at 3.0 whose selection is now as likely as a price of 1.5 without margin.
@Suite struct `Cash-outs` {
    let three = decimal(3000)
    let cell: Cell
    let account: AccountID
    let market: Cell.Offered
    let bet: UInt64

    init() throws {
        cell = try Cell()
        account = try cell.customer(cash: 10_000)
        market = try cell.market([three, decimal(1400)])
        bet = try cell.place(cell.intent(account, [(market, 0, three)], stake: 10_000)).bet
        try price(market, [1500, 3000])
    }

    /// References in thousandths; what is offered beside them does not matter.
    private func price(_ market: Cell.Offered, _ references: [UInt32], chances: [Chance?] = []) throws {
        try cell.say {
            $0.price(
                market: market.id,
                references.enumerated().map { index, reference in
                    PriceEntry(
                        odds: decimal(max(1010, reference - 50)), reference: reference,
                        chance: index < chances.count ? chances[index] : nil)
                }, margin: 500, message: 1, providerTime: 0)
        }
    }

    private func intent(of bet: UInt64, part: Int64 = 0, least: Int64 = 0) -> CashOutIntent {
        let id = cell.freshID()
        return CashOutIntent(
            account: account, id: id, requestHash: ExternalID(high: id.low, low: id.high),
            session: SessionID(1), bet: bet, part: part, least: least,
            validUntil: cell.now.adding(milliseconds: 10_000))
    }

    private func sell(_ bet: UInt64, part: Int64 = 0, least: Int64 = 0) throws -> Cell.Outcome {
        try cell.say { [intent = intent(of: bet, part: part, least: least)] in $0.cashOut(intent) }
    }

    private func paid(_ outcome: Cell.Outcome) -> Int64 {
        outcome.record.field(Layout.CashOutAnswered.payout, as: Int64.self)
    }

    private func left(_ outcome: Cell.Outcome) -> Int64 {
        outcome.record.field(Layout.CashOutAnswered.stakeLeft, as: Int64.self)
    }

    private func hasSoundBooks() -> Bool { cell.audit().isEmpty }

    @Test func `pay what is expected less a margin, and end the bet`() throws {
        let sold = try sell(bet, least: 19_000)
        #expect(sold.status == .cashedOut)
        #expect(paid(sold) == 19_000)
        #expect(sold.cash == 19_000)
        #expect(sold.openBets == 0)
        #expect(sold.record.field(Layout.CashOutAnswered.fair, as: Int64.self) == 20_000_000_010)
        #expect(cell.total(.houseResult, .demo) == -9_000)
        try cell.settle(market, [.won, .lost])
        #expect(cell.settled.isEmpty)
        #expect(cell.total(.cash, .demo) == 19_000)
        #expect(hasSoundBooks())
    }

    @Test func `of a part leave the rest as it was struck`() throws {
        let half = try sell(bet, part: 5_000)
        #expect(paid(half) == 9_500)
        #expect(left(half) == 5_000)
        #expect(half.record.field(Layout.CashOutAnswered.potentialReturn, as: Int64.self) == 15_000)
        #expect(half.openBets == 5_000)
        let more = try sell(bet, part: 1_000)
        #expect(left(more) == 4_000)
        #expect(hasSoundBooks())
        try cell.settle(market, [.won, .lost])
        #expect(cell.settled.count == 1)
        #expect(cell.total(.cash, .demo) == 9_500 + 1_900 + 12_000)
        #expect(hasSoundBooks())
    }

    @Test func `pay more than was offered, and refuse when it is less`() throws {
        #expect(try sell(bet, least: 19_001).refusal == .cashOutChanged)
        #expect(try sell(bet, part: 5_000, least: 9_000).status == .cashedOut)
        #expect(cell.total(.cash, .demo) == 9_500)
        try price(market, [2000, 2000])
        let fallen = try sell(bet, least: 9_500)
        #expect(fallen.refusal == .cashOutChanged)
        #expect(fallen.value == 7_125)
        #expect(fallen.threshold == 9_500)
        #expect(hasSoundBooks())
    }

    @Test func `happen once, whatever is asked again`() throws {
        let request = intent(of: bet, part: 5_000)
        let first = try cell.say { $0.cashOut(request) }
        let again = try cell.say { $0.cashOut(request) }
        #expect(again.isRepeat)
        #expect(again.status == .cashedOut)
        #expect(paid(again) == paid(first))
        #expect(cell.total(.cash, .demo) == 9_500)
        var other = request
        other.part = 1
        other.requestHash = ExternalID(high: 1, low: 2)
        #expect(try cell.say { $0.cashOut(other) }.refusal == .idReused)
        try cell.restart()
        #expect(try cell.say { $0.cashOut(request) }.isRepeat)
        #expect(cell.total(.cash, .demo) == 9_500)
        let refused = intent(of: bet, part: 5_001)
        #expect(try cell.say { $0.cashOut(refused) }.refusal == .partNotDivisible)
        #expect(try cell.say { $0.cashOut(refused) }.isRepeat)
    }

    @Test func `are nobody else's`() throws {
        let other = try cell.customer(cash: 0)
        var request = intent(of: bet)
        request.account = other
        let refused = try cell.say { $0.cashOut(request) }
        #expect(refused.refusal == .betUnknown)
        #expect(left(refused) == 0)
        #expect(try sell(999_999).refusal == .betUnknown)
    }

    @Test func `take decided legs at their result, and undecided ones with a margin for each`() throws {
        let second = try cell.market([three, decimal(1400)])
        let third = try cell.market([three, decimal(1400)])
        for one in [second, third] { try price(one, [1500, 3000]) }
        let rich = try cell.customer(cash: 1_000)
        let legs: [(Cell.Offered, UInt32, Odds)] = [
            (market, 0, decimal(1450)), (second, 0, decimal(1450)), (third, 0, decimal(1450)),
        ]
        let treble = try cell.place(cell.intent(rich, legs, stake: 1_000)).bet
        try cell.settle(market, [.won, .lost])
        var request = intent(of: treble)
        request.account = rich
        let sold = try cell.say { $0.cashOut(request) }
        // 10 at 1.45, times 1.45 x 2/3 twice, less 6 %.
        #expect(paid(sold) == 1273)
        #expect(sold.record.field(Layout.CashOutAnswered.margin, as: UInt16.self) == 600)
        #expect(hasSoundBooks())
    }

    @Test func `of a system are of all its lines alike`() throws {
        let others = try (0..<2).map { _ in try cell.market([three, decimal(1400)]) }
        for one in others { try price(one, [1500, 3000]) }
        let rich = try cell.customer(cash: 400)
        var intent = cell.intent(rich, ([market] + others).map { ($0, 0, decimal(1450)) }, stake: 400)
        intent.structure = .system
        intent.sizes = 0b110
        let trixie = try cell.place(intent).bet
        var request = self.intent(of: trixie, part: 201)
        request.account = rich
        #expect(try cell.say { $0.cashOut(request) }.refusal == .partNotDivisible)
        request = self.intent(of: trixie, part: 200)
        request.account = rich
        let sold = try cell.say { $0.cashOut(request) }
        // Lines of 50: three doubles of (29/30)^2 and a treble of (29/30)^3, less 7 %.
        #expect(paid(sold) == 172)
        #expect(left(sold) == 200)
        try cell.settle(market, [.won, .lost])
        for one in others { try cell.settle(one, [.won, .lost]) }
        // 1.45 squared three times and cubed once, 50 each.
        #expect(cell.total(.cash, .demo) == 30_000 + 172 + 467)
        #expect(hasSoundBooks())
    }

    @Test func `wait in play, and fall when anything happened meanwhile`() throws {
        let live = try cell.market([three, decimal(1400)], inPlay: true, betDelay: 0)
        let rich = try cell.customer(cash: 3_000)
        let bets = try (0..<3).map { _ in
            try cell.place(cell.intent(rich, [(live, 0, three)], stake: 1_000)).bet
        }
        try price(live, [1500, 3000])
        try cell.say {
            $0.marketState(live.id, by: .feed, betDelay: 5_000)
        }
        var answers: [Cell.Outcome] = []
        cell.onRecord = { if $0.kind == .cashOutAnswered { answers.append(Cell.Outcome($0)) } }
        var request = intent(of: bets[0], least: 1_900)
        request.account = rich
        let waiting = try cell.say { $0.cashOut(request) }
        #expect(waiting.status == .pending)
        #expect(waiting.cash == 0)
        #expect(try cell.say { $0.cashOut(request) }.status == .pending)
        var second = intent(of: bets[0], least: 1_900)
        second.account = rich
        #expect(try cell.say { $0.cashOut(second) }.refusal == .cashOutPending)
        cell.clock.advance(milliseconds: 4_999)
        try cell.settleAll()
        cell.clock.advance(milliseconds: 10)
        try cell.turn()
        #expect(answers.last?.status == .cashedOut)
        #expect(answers.last?.refusal == nil)
        #expect(answers.last.map(paid) == 1_900)
        #expect(try cell.say { $0.cashOut(request) }.cash == 1_900)
        // A goal: the market is shut, and opened again at a better price.
        request = intent(of: bets[1], least: 1_900)
        request.account = rich
        try cell.say { $0.cashOut(request) }
        try cell.say { $0.marketState(live.id, by: .feed, setting: .feed) }
        try cell.say { $0.marketState(live.id, by: .feed, lifting: .feed) }
        cell.clock.advance(milliseconds: 5_010)
        try cell.turn()
        #expect(answers.last?.refusal == .changedDuringDelay)
        // The price falls: what was offered is no longer there.
        request = intent(of: bets[2], least: 1_900)
        request.account = rich
        try cell.say { $0.cashOut(request) }
        try price(live, [2000, 2000])
        cell.clock.advance(milliseconds: 5_010)
        try cell.turn()
        #expect(answers.last?.refusal == .cashOutChanged)
        // Whoever was away while it waited cannot know what happened.
        request = intent(of: bets[2], least: 1)
        request.account = rich
        try cell.say { $0.cashOut(request) }
        cell.clock.advance(milliseconds: 5_010)
        try cell.restart()
        try cell.turn()
        #expect(answers.last?.refusal == .interrupted)
        #expect(try cell.say { $0.cashOut(request) }.refusal == .interrupted)
        #expect(hasSoundBooks())
    }

    @Test func `need an open market with a price and something to expect`() throws {
        try cell.say { $0.marketState(market.id, by: .trader, setting: .trader) }
        #expect(try sell(bet).refusal == .marketSuspended)
        try cell.say { $0.marketState(market.id, by: .trader, lifting: .trader) }
        try cell.price(market.id, [nil, three])
        #expect(try sell(bet).refusal == .selectionNotOffered)
        try price(market, [1500, 3000])
        try cell.settle(market, [.lost, .won])
        #expect(try sell(bet).refusal == .betNotOpen)
        let shut = try cell.market([three, three]) { $0.isCashedOut = false }
        let rich = try cell.customer(cash: 1_000)
        var request = intent(
            of: try cell.place(cell.intent(rich, [(shut, 0, three)], stake: 1_000)).bet)
        request.account = rich
        #expect(try cell.say { $0.cashOut(request) }.refusal == .cashOutNotOffered)
    }

    @Test func `of a line on which stakes go back ask for all five chances`() throws {
        let line = try cell.market([decimal(1900), decimal(1900)]) {
            $0.selections[0].line = -1
            $0.selections[1].line = 1
        }
        let rich = try cell.customer(cash: 1_000)
        let bet = try cell.place(cell.intent(rich, [(line, 0, decimal(1900))], stake: 1_000)).bet
        func ask() throws -> Cell.Outcome {
            var request = intent(of: bet)
            request.account = rich
            return try cell.say { $0.cashOut(request) }
        }
        #expect(try ask().refusal == .cashOutNotOffered)
        // Wins 60 %, half loses 20 %, loses 20 %: 0.6 x 1.9 + 0.1 = 1.24, less 5 %.
        let chance = Chance(
            win: 600_000_000, halfWin: 0, refund: 0, halfLose: 200_000_000, lose: 200_000_000)
        try price(line, [1500, 3000], chances: [chance, nil])
        #expect(try paid(ask()) == 1_178)
    }

    @Test func `of before a withdrawal leave what it takes to the rest`() throws {
        let race = try cell.market([three, three, decimal(5000)]) { $0.deductions = .ruleFour }
        let rich = try cell.customer(cash: 2_000)
        let bet = try cell.place(cell.intent(rich, [(race, 0, three)], stake: 2_000)).bet
        try price(race, [3000, 3000, 3000])
        var request = intent(of: bet, part: 1_000)
        request.account = rich
        #expect(try paid(cell.say { $0.cashOut(request) }) == 950)
        try cell.say {
            $0.withdrawal(market: race.id, selection: 2, effective: 0, received: 0)
        }
        try cell.settle(race, [.won, .lost, .lost])
        // The runner stood at 2.95: 30 % off the winnings of 20.00.
        #expect(cell.settled.last?.record.field(Layout.BetSettled.payout, as: Int64.self) == 2_400)
        #expect(hasSoundBooks())
    }

    @Test func `stay as they are when a result is taken back`() throws {
        let half = try sell(bet, part: 5_000)
        try cell.settle(market, [.won, .lost])
        try cell.say { [market] in
            $0.result(
                market: market.id, [SelectionOutcome(.undecided), SelectionOutcome(.undecided)],
                source: .feed, time: cell.clock.wallTime + 1_000_000, isRollback: true)
        }
        try cell.settleAll()
        #expect(cell.total(.cash, .demo) == half.cash)
        #expect(cell.total(.openBets, .demo) == 5_000)
        try cell.say { [market] in $0.marketState(market.id, by: .feed, lifting: .feed) }
        #expect(try sell(bet).status == .cashedOut)
        try cell.settle(market, [.lost, .won])
        #expect(cell.total(.cash, .demo) == 19_000)
        #expect(hasSoundBooks())
    }

    // MARK: By rule

    private func rule(_ bet: UInt64, atLeast: Int64?) throws -> Refusal? {
        let answer = try cell.say { [account] in
            $0.cashOutRule(of: bet, atLeast: atLeast, account: account, session: SessionID(1))
        }
        try cell.settleAll()
        return Refusal(
            rawValue: answer.record.field(Layout.CashOutRuleChanged.refusal, as: UInt16.self))
    }

    @Test func `by rule happen as soon as the bet is worth so much`() throws {
        #expect(try rule(bet, atLeast: 20_000) == nil)
        #expect(cell.total(.cash, .demo) == 0)
        try price(market, [1450, 3000])
        try cell.settleAll()
        #expect(cell.total(.cash, .demo) == 0)
        try price(market, [1400, 3500])
        try cell.settleAll()
        // 3 x 3500 / 4900, less 5 %.
        #expect(cell.total(.cash, .demo) == 20_357)
        #expect(cell.total(.openBets, .demo) == 0)
        try price(market, [1300, 4500])
        try cell.settleAll()
        #expect(cell.total(.cash, .demo) == 20_357)
        #expect(try rule(bet, atLeast: 1) == .betNotOpen)
        #expect(hasSoundBooks())
    }

    @Test func `by rule happen at once where it is worth that already, and never after it was taken back`() throws {
        #expect(try rule(bet, atLeast: 30_000) == nil)
        #expect(try rule(bet, atLeast: nil) == nil)
        try price(market, [1010, 500_000])
        try cell.settleAll()
        #expect(cell.total(.cash, .demo) == 0)
        #expect(try rule(bet, atLeast: 40_000) == nil)
        #expect(try rule(bet, atLeast: 10_000) == nil)
        #expect(cell.total(.cash, .demo) > 10_000)
        #expect(hasSoundBooks())
    }

    @Test func `by rule end with the bet, and a market that is shut leaves them be`() throws {
        #expect(try rule(bet, atLeast: 20_000) == nil)
        try cell.say { [market] in $0.marketState(market.id, by: .trader, setting: .trader) }
        try price(market, [1100, 9000])
        try cell.settleAll()
        #expect(cell.total(.cash, .demo) == 0)
        try cell.restart()
        try cell.say { [market] in
            $0.marketState(market.id, by: .feed, lifting: .recovery)
        }
        try cell.settleAll()
        #expect(cell.total(.cash, .demo) == 0)
        try cell.settle(market, [.lost, .won])
        #expect(hasSoundBooks())
        try cell.say { [market] in
            $0.result(
                market: market.id, [SelectionOutcome(.undecided), SelectionOutcome(.undecided)],
                source: .feed, time: cell.clock.wallTime + 1_000_000, isRollback: true)
        }
        try cell.say { [market] in $0.marketState(market.id, by: .trader, lifting: .trader) }
        try cell.say { [market] in $0.marketState(market.id, by: .feed, lifting: .feed) }
        try cell.settleAll()
        #expect(cell.total(.openBets, .demo) == 10_000)
        #expect(try rule(bet, atLeast: 20_000) == nil)
        #expect(cell.total(.cash, .demo) > 20_000)
        #expect(hasSoundBooks())
    }

    @Test func `by rule wait in play, and are tried again after they fell`() throws {
        try cell.say { [market] in $0.marketState(market.id, by: .feed, betDelay: 5_000) }
        var live = FixtureFacts(id: market.fixtureID)
        live.state = FixtureState(status: .live, isInPlay: true, score: 0)
        try cell.say { $0.fixtureUpdate(live) }
        #expect(try rule(bet, atLeast: 18_000) == nil)
        #expect(cell.total(.cash, .demo) == 0)
        try cell.say { [market] in $0.marketState(market.id, by: .feed, setting: .feed) }
        try cell.say { [market] in $0.marketState(market.id, by: .feed, lifting: .feed) }
        cell.clock.advance(milliseconds: 5_100)
        try cell.turn()
        try cell.settleAll()
        // It fell, for the market had changed; and waits anew.
        #expect(cell.total(.cash, .demo) == 0)
        cell.clock.advance(milliseconds: 5_100)
        try cell.turn()
        #expect(cell.total(.cash, .demo) == 19_000)
        #expect(hasSoundBooks())
    }

    @Test func `by rule are for one's own bets of a kind that is sold`() throws {
        let other = try cell.customer(cash: 0)
        let answer = try cell.say {
            $0.cashOutRule(of: bet, atLeast: 1, account: other, session: SessionID(1))
        }
        #expect(
            answer.record.field(Layout.CashOutRuleChanged.refusal, as: UInt16.self)
                == Refusal.betUnknown.rawValue)
        #expect(try rule(bet, atLeast: -5) == .cashOutNotOffered)
        #expect(try rule(bet, atLeast: Limits.potentialReturn + 1) == .cashOutNotOffered)
    }
}
