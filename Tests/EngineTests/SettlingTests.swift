import Betting
import Catalogue
import EngineCore
import EngineService
import Kernel
import Ledger
import TestSupport
import Testing

@Suite struct `Settling` {
    let even = decimal(2000)

    func balance(_ cell: Cell, _ account: AccountID) throws -> Int64 {
        // A refused deposit tells the balances and changes nothing.
        try cell.say { $0.deposit(0, to: account, id: cell.freshID()) }.record
            .field(Layout.AccountChanged.balances, as: Int64.self)
    }

    @Test(arguments: [
        (SelectionResult.won, 1_950 as Int64), (.lost, 0), (.void, 1_000), (.halfWon, 1_475),
        (.halfLost, 500), (.deadHeat, 975),
    ])
    func `pays by result, in minor units`(result: SelectionResult, payout: Int64) throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 1000)
        let market = try cell.market([decimal(1950), even])
        try cell.place(cell.intent(account, [(market, 0, decimal(1950))], stake: 1000))
        try cell.say {
            $0.result(
                market: market.id,
                [
                    SelectionOutcome(result, winners: 1, tied: result == .deadHeat ? 2 : 1),
                    SelectionOutcome(.lost),
                ], source: .feed)
        }
        try cell.settleAll()
        #expect(try balance(cell, account) == payout)
        #expect(cell.audit() == [])
    }

    @Test func `a multiple waits for its last leg and loses with its first`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 3000)
        let one = try cell.market([even, even])
        let two = try cell.market([even, even])
        try cell.place(cell.intent(account, [(one, 0, even), (two, 0, even)], stake: 1000))
        try cell.place(cell.intent(account, [(one, 1, even), (two, 0, even)], stake: 1000))
        try cell.settle(one, [.won, .lost])
        #expect(cell.settled.count == 1)
        try cell.settle(two, [.won, .lost])
        #expect(cell.settled.count == 2)
        #expect(try balance(cell, account) == 5000)
        #expect(cell.audit() == [])
    }

    @Test func `a system pays the sum of its lines, and opens again when one of them may win`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 3000)
        let markets = try (0..<4).map { _ in try cell.market([even, even]) }
        var intent = cell.intent(account, markets.map { ($0, 0, even) }, stake: 300)
        // Twos of three with the first as banker: three lines of 100.
        intent.structure = .system
        intent.sizes = 0b10
        intent.bankers = 0b1
        let placed = try cell.place(intent)
        #expect(placed.status == .open && placed.potentialReturn == 2400)
        try cell.settle(markets[1], [.won, .lost])
        try cell.settle(markets[2], [.won, .lost])
        #expect(cell.settled.isEmpty, "the banker decides")
        try cell.settle(markets[0], [.won, .lost])
        #expect(cell.settled.isEmpty, "two lines have the last leg")
        try cell.settle(markets[3], [.lost, .won])
        #expect(cell.settled.count == 1)
        #expect(try balance(cell, account) == 2700 + 800)
        // The row that says what the legs make comes back with a start, and leads to the same.
        try cell.restart()
        // Two legs lost end every line, the banker won or not; a correction gives one back.
        try cell.settle(markets[2], [.lost, .won])
        #expect(try balance(cell, account) == 2700)
        try cell.settle(markets[0], [.undecided, .undecided])
        #expect(try balance(cell, account) == 2700, "no line is left for the banker to decide")
        try cell.settle(markets[3], [.won, .lost])
        #expect(try balance(cell, account) == 2700, "it is open again")
        try cell.settle(markets[0], [.void, .void])
        #expect(try balance(cell, account) == 2700 + 400)
        #expect(cell.audit() == [])
    }

    @Test func `tells settled, voided and resettled apart, and where each comes from`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 5000)
        let market = try cell.market([even, even])
        let other = try cell.market([even, even])
        try cell.place(cell.intent(account, [(market, 0, even)], stake: 1000))
        try cell.place(cell.intent(account, [(other, 0, even)], stake: 1000))
        try cell.place(cell.intent(account, [(market, 0, even), (other, 0, even)], stake: 1000))
        var results: [UInt64] = []
        cell.onRecord = { if $0.kind == .result { results.append($0.sequence) } }
        try cell.settle(market, [.void, .void])
        try cell.settle(other, [.won, .lost])
        let proposed = try cell.say {
            $0.result(
                .propose, market: other.id, [SelectionOutcome(.lost), SelectionOutcome(.won)],
                source: .operator, actor: 1, reason: "the goal did not count")
        }
        let proposal = proposed.record.field(Layout.ResultAnswered.proposal, as: UInt64.self)
        try cell.say { $0.approve(proposal: proposal, actor: 2) }
        try cell.settleAll()
        func field(_ index: Int, _ offset: Int) -> UInt64 {
            cell.settled[index].record.field(offset, as: UInt64.self)
        }
        let reasons = cell.settled.map {
            SettlementReason(
                rawValue: $0.record.field(Layout.BetSettled.reason, as: UInt8.self))
        }
        // The multiple has a void leg and a won one: that is no void bet.
        #expect(reasons.first == .voided)
        #expect(reasons[1...2].allSatisfy { $0 == .settled })
        #expect(reasons[3...].allSatisfy { $0 == .resettled })
        #expect(field(0, Layout.BetSettled.result) == results[0])
        #expect(field(1, Layout.BetSettled.result) == results[1])
        #expect(field(3, Layout.BetSettled.proposal) == proposal)
        #expect(field(3, Layout.BetSettled.result) > proposal)
        #expect(cell.audit() == [])
    }

    @Test(arguments: [
        ([SelectionResult.won, .won, .lost], 1 as UInt8, true), ([.won, .won, .lost], 2, false),
        ([.lost, .lost, .lost], 1, false), ([.won, .void, .void], 1, false),
        ([.won, .halfWon, .lost], 1, true), ([.halfWon, .halfLost, .lost], 1, false),
    ])
    func `is refused with more winners than the market has`(
        results: [SelectionResult], winners: UInt8, isRefused: Bool
    ) throws {
        let cell = try Cell()
        let price = decimal(winners == 1 ? 3000 : 1500)
        let market = try cell.market([price, price, price], winners: winners)
        let answer = try cell.say {
            $0.result(market: market.id, results.map { SelectionOutcome($0) }, source: .feed)
        }
        let refusal = answer.record.field(Layout.ResultAnswered.refusal, as: UInt16.self)
        #expect(refusal == (isRefused ? OperationRefusal.tooManyWinners.rawValue : 0))
        let proposed = try cell.say {
            $0.result(
                .propose, market: market.id, results.map { SelectionOutcome($0) },
                source: .operator, actor: 1, reason: "why")
        }
        #expect(
            (proposed.record.field(Layout.ResultAnswered.refusal, as: UInt16.self)
                == OperationRefusal.tooManyWinners.rawValue) == isRefused)
    }

    @Test(
        arguments: [
            ([1, 1, 0], 2, 1, false), ([1, 1, 1], 2, 1, true), ([1, 1, 1], 3, 1, false), ([1, 1, 1], 3, 2, true),
        ] as [([Int], UInt8, UInt8, Bool)])
    func `is refused where more share a win than tie`(ties: [Int], tied: UInt8, wins: UInt8, isRefused: Bool) throws {
        for version in [1, 2] as [UInt32] {
            let cell = try Cell(rules: [RuleSet(version: version)])
            let market = try cell.market([decimal(3000), decimal(3000), decimal(3000)])
            let marks = ties.map {
                $0 == 1 ? SelectionOutcome(.deadHeat, winners: wins, tied: tied) : SelectionOutcome(.lost)
            }
            let answer = try cell.say { $0.result(market: market.id, marks, source: .feed) }
            // Before version 2 nobody counted who tied, only the wins.
            let isTaken = !isRefused || version == 1 && wins == 1
            #expect(
                answer.record.field(Layout.ResultAnswered.refusal, as: UInt16.self)
                    == (isTaken ? 0 : OperationRefusal.tooManyWinners.rawValue))
        }
    }

    @Test func `twice with the same result pays once`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 1000)
        let market = try cell.market([even, even])
        try cell.place(cell.intent(account, [(market, 0, even)], stake: 1000))
        try cell.settle(market, [.won, .lost])
        try cell.settle(market, [.won, .lost])
        #expect(cell.settled.count == 1)
        #expect(try balance(cell, account) == 2000)
    }

    @Test func `again with another result posts the difference and makes a debt, never a minus`()
        throws
    {
        let cell = try Cell()
        let account = try cell.customer(cash: 1000)
        let market = try cell.market([even, even])
        let other = try cell.market([even, even])
        try cell.place(cell.intent(account, [(market, 0, even)], stake: 1000))
        try cell.settle(market, [.won, .lost])
        // The winnings are bet away before the correction comes.
        try cell.place(cell.intent(account, [(other, 0, even)], stake: 1500))
        try cell.settle(market, [.lost, .won])
        let corrected = cell.settled.last!.record
        let owed = Layout.BetSettled.balances + Layout.Balances.receivable
        #expect(corrected.field(Layout.BetSettled.balances, as: Int64.self) == 0)
        #expect(corrected.field(owed, as: Int64.self) == 1500)
        // The next winnings pay the debt first.
        try cell.settle(other, [.won, .lost])
        #expect(try balance(cell, account) == 1500)
        #expect(cell.settled.last!.record.field(owed, as: Int64.self) == 0)
        #expect(cell.audit() == [])
    }

    @Test func `a lost multiple opens again when its lost leg is corrected`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 1000)
        let one = try cell.market([even, even])
        let two = try cell.market([even, even])
        try cell.place(cell.intent(account, [(one, 0, even), (two, 0, even)], stake: 1000))
        try cell.settle(one, [.lost, .won])
        try cell.settle(one, [.won, .lost])
        #expect(cell.total(.openBets, .demo) == 1000)
        try cell.settle(two, [.won, .lost])
        #expect(try balance(cell, account) == 4000)
        #expect(cell.audit() == [])
    }

    @Test func `by hand takes two people`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 1000)
        let market = try cell.market([even, even])
        try cell.place(cell.intent(account, [(market, 0, even)], stake: 1000))
        let results = [SelectionOutcome(.won), SelectionOutcome(.lost)]
        func propose(reason: String) throws -> Cell.Outcome {
            try cell.say {
                $0.result(
                    .propose, market: market.id, results, source: .operator, actor: 1,
                    reason: reason)
            }
        }
        func refusal(_ outcome: Cell.Outcome) -> OperationRefusal? {
            OperationRefusal(
                rawValue: outcome.record.field(Layout.ResultAnswered.refusal, as: UInt16.self))
        }
        #expect(refusal(try propose(reason: "")) == .reasonMissing)
        let proposed = try propose(reason: "feed lost")
        let proposal = proposed.record.field(Layout.ResultAnswered.proposal, as: UInt64.self)
        #expect(refusal(try cell.say { $0.approve(proposal: proposal, actor: 1) }) == .sameOperator)
        #expect(try balance(cell, account) == 0)
        #expect(refusal(try cell.say { $0.approve(proposal: proposal, actor: 2) }) == nil)
        try cell.settleAll()
        #expect(try balance(cell, account) == 2000)
        #expect(
            refusal(try cell.say { $0.approve(proposal: proposal, actor: 2) }) == .proposalUnknown)
        let record = cell.settled.last!.record
        #expect(record.field(Layout.BetSettled.actor, as: UInt64.self) == 1)
        #expect(record.field(Layout.BetSettled.approver, as: UInt64.self) == 2)
    }

    private func refusal(_ outcome: Cell.Outcome) -> OperationRefusal? {
        OperationRefusal(
            rawValue: outcome.record.field(Layout.ResultAnswered.refusal, as: UInt16.self))
    }

    @Test func `by hand is not taken back by a supplier that repeats itself`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 1000)
        let market = try cell.market([even, even])
        try cell.place(cell.intent(account, [(market, 0, even)], stake: 1000))
        try cell.settle(market, [.lost, .won])
        let right = [SelectionOutcome(.won), SelectionOutcome(.lost)]
        let proposed = try cell.say {
            $0.result(
                .propose, market: market.id, right, source: .operator, actor: 1, reason: "mixed up")
        }
        let proposal = proposed.record.field(Layout.ResultAnswered.proposal, as: UInt64.self)
        try cell.say { $0.approve(proposal: proposal, actor: 2) }
        try cell.settleAll()
        #expect(cell.settled.count == 2)
        let wrong = [SelectionOutcome(.lost), SelectionOutcome(.won)]
        let again = try cell.say { $0.result(market: market.id, wrong, source: .feed) }
        #expect(refusal(again) == .decidedByOperators)
        let agreed = try cell.say { $0.result(market: market.id, right, source: .feed) }
        #expect(refusal(agreed) == .noChange)
        try cell.settleAll()
        #expect(cell.settled.count == 2)
        #expect(cell.total(.cash, .demo) == 2000)
    }

    @Test func `by hand needs a name, and lapses when nobody approves it for a day`() throws {
        let cell = try Cell()
        let market = try cell.market([even, even])
        let results = [SelectionOutcome(.won), SelectionOutcome(.lost)]
        func propose(by actor: UInt64) throws -> Cell.Outcome {
            try cell.say {
                $0.result(
                    .propose, market: market.id, results, source: .operator, actor: actor,
                    reason: "feed lost")
            }
        }
        #expect(refusal(try propose(by: 0)) == .operatorMissing)
        let proposal = try propose(by: 1).record.field(
            Layout.ResultAnswered.proposal, as: UInt64.self)
        cell.clock.advance(milliseconds: Limits.proposalAge + 1)
        let late = try cell.say { $0.approve(proposal: proposal, actor: 2) }
        #expect(refusal(late) == .proposalUnknown)
        #expect(cell.audit() == [])
    }

    @Test func `with nothing decided is no result`() throws {
        let cell = try Cell()
        let market = try cell.market([even, even])
        let nothing = [SelectionOutcome(.undecided), SelectionOutcome(.undecided)]
        #expect(
            refusal(try cell.say { $0.result(market: market.id, nothing, source: .feed) })
                == .noChange)
        let account = try cell.customer(cash: 100)
        #expect(try cell.place(cell.intent(account, [(market, 0, even)], stake: 100)).status == .open)
    }

    @Test func `leaves no leg standing`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 1000)
        let market = try cell.market([even, even])
        func openLegs() -> UInt32 { cell.host.engine.exposures(of: [market.market])[0].openLegs }
        try cell.place(cell.intent(account, [(market, 0, even)], stake: 100))
        try cell.place(cell.intent(account, [(market, 1, even)], stake: 100))
        #expect(openLegs() == 2)
        try cell.settle(market, [.won, .lost])
        #expect(openLegs() == 0)
        try cell.settle(market, [.undecided, .undecided])
        #expect(openLegs() == 2)
        #expect(cell.audit() == [])
    }

    @Test func `many bets goes in steps between which bets are taken`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 1_000_000)
        let market = try cell.market([even, even])
        let other = try cell.market([even, even])
        for _ in 0..<500 {
            _ = cell.send { [intent = cell.intent(account, [(market, 0, even)], stake: 10)] in
                $0.place(intent)
            }
        }
        try cell.turn()
        try cell.say {
            $0.result(
                market: market.id, [SelectionOutcome(.won), SelectionOutcome(.lost)], source: .feed)
        }
        #expect(try cell.place(cell.intent(account, [(other, 0, even)], stake: 10)).status == .open)
        #expect(cell.settled.count < 500)
        try cell.settleAll()
        #expect(cell.settled.count == 500)
        #expect(cell.audit() == [])
    }
}
