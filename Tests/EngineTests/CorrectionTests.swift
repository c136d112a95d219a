import Betting
import Catalogue
import EngineCore
import Kernel
import Ledger
import TestSupport
import Testing

/// Bets of one market, a second apart, and what is said of them afterwards.
@Suite struct `Corrections` {
    let even = decimal(2000)
    let cell: Cell
    let account: AccountID
    let market: Cell.Offered
    let accepted: [Int64]

    init() throws {
        cell = try Cell()
        account = try cell.customer(cash: 3000)
        market = try cell.market([even, even])
        var accepted: [Int64] = []
        for _ in 0..<3 {
            cell.clock.advance(milliseconds: 1000)
            accepted.append(
                try cell.place(cell.intent(account, [(market, 0, even)], stake: 1000)).record.time.nanoseconds)
        }
        self.accepted = accepted
        cell.clock.advance(milliseconds: 60_000)
    }

    private func refusal(_ outcome: Cell.Outcome) -> OperationRefusal? {
        OperationRefusal(
            rawValue: outcome.record.field(Layout.ResultAnswered.refusal, as: UInt16.self))
    }

    private var cash: Int64 { cell.total(.cash, .demo) }

    private func cancel(_ from: Int64, _ until: Int64, isTakenBack: Bool = false, said: Int64 = 0) throws
        -> OperationRefusal?
    {
        let window = CancelWindow(from: from, until: until)!
        let answer = try cell.say { [market] in
            $0.cancel(market: market.id, window, isTakenBack: isTakenBack, time: said)
        }
        try cell.settleAll()
        return refusal(answer)
    }

    private func result(_ results: [SelectionResult], said: Int64 = 0, certainty: UInt8 = 2) throws
        -> OperationRefusal?
    {
        let answer = try cell.say { [market] in
            $0.result(
                market: market.id, results.map { SelectionOutcome($0) }, source: .feed, certainty: certainty,
                time: said)
        }
        try cell.settleAll()
        return refusal(answer)
    }

    private func rollBack(said: Int64 = 0) throws -> OperationRefusal? {
        let answer = try cell.say { [market] in $0.rollback(market: market.id, selections: 2, time: said) }
        try cell.settleAll()
        return refusal(answer)
    }

    // MARK: Cancels

    @Test(arguments: [
        ((false, false), 3), ((true, false), 2), ((false, true), 1), ((true, true), 1),
    ])
    func `void the bets that were accepted in their window`(ends: (Bool, Bool), voided: Int) throws {
        // A start is itself in the window, an end is not.
        let until = ends.0 ? accepted[2] : accepted[1]
        #expect(try cancel(ends.0 ? accepted[1] : 0, ends.1 ? until : 0) == nil)
        #expect(cell.settled.count == voided)
        #expect(cash == Int64(voided) * 1000)
        for bet in cell.settled {
            #expect(bet.record.field(Layout.BetSettled.reason, as: UInt8.self) == SettlementReason.cancelled.rawValue)
        }
        #expect(try result([.won, .lost]) == nil)
        #expect(cash == Int64(voided) * 1000 + Int64(3 - voided) * 2000)
        #expect(cell.audit() == [])
    }

    @Test func `that are taken back leave the bets to their result`() throws {
        #expect(try result([.won, .lost]) == nil)
        #expect(cash == 6000)
        #expect(try cancel(accepted[1], 0) == nil)
        #expect(cash == 4000)
        func reason() -> SettlementReason? {
            cell.settled.last.flatMap { SettlementReason(rawValue: $0.record.field(Layout.BetSettled.reason, as: UInt8.self)) }
        }
        #expect(reason() == .cancelled)
        #expect(try cancel(accepted[1], 0, isTakenBack: true) == nil)
        #expect(cash == 6000)
        #expect(reason() == .resettled)
        #expect(try cancel(accepted[1], 0, isTakenBack: true) == .noChange)
        #expect(cell.audit() == [])
    }

    @Test func `shut their market while bets of now would be void`() throws {
        let other = try cell.customer(cash: 100)
        _ = try cancel(accepted[1], 0)
        let shut = try cell.place(cell.intent(other, [(market, 0, even)], stake: 100))
        #expect(shut.refusal == .marketSuspended)
        #expect(shut.value == Int64(ShutReasons.cancelled.rawValue))
        // Nobody but who cancelled opens it.
        try cell.say { [market] in $0.marketState(market.id, by: .feed, lifting: [.feed, .recovery]) }
        #expect(try cell.place(cell.intent(other, [(market, 0, even)], stake: 100)).refusal == .marketSuspended)
        _ = try cancel(accepted[1], 0, isTakenBack: true)
        #expect(try cell.place(cell.intent(other, [(market, 0, even)], stake: 100)).status == .open)
    }

    @Test func `are as they were last said, in whatever order they are heard`() throws {
        // Taken back before it was heard of.
        #expect(try cancel(0, 0, isTakenBack: true, said: 20) == .noChange)
        #expect(try cancel(0, 0, said: 10) == .superseded)
        #expect(cell.settled.isEmpty)
        // Of the same moment, the word that voids nothing holds.
        #expect(try cancel(0, 0, said: 20) == .noChange)
        #expect(try cancel(0, 0, said: 30) == nil)
        #expect(cash == 3000)
        // Another window is another cancel.
        #expect(try cancel(accepted[1], 0, isTakenBack: true, said: 40) == .noChange)
        #expect(cash == 3000)
    }

    @Test func `are bounded in number, and what has no window is malformed`() throws {
        #expect(CancelWindow(until: cell.now.nanoseconds + 60_000_000_000) != nil)
        #expect(try cancel(0, cell.now.nanoseconds + 60_000_000_000) == .malformed, "bets to come are shut out, not voided")
        for number in 1...Limits.cancelWindows {
            #expect(try cancel(0, Int64(number)) == nil)
        }
        #expect(try cancel(0, Int64(Limits.cancelWindows) + 1) == .full)
        #expect(CancelWindow(from: 5, until: 5) == nil)
        let answer = try cell.say { [market] in
            let record = $0.cancel(market: market.id, .everything)
            record.set(Layout.Cancel.from, 9 as Int64)
            record.set(Layout.Cancel.until, 5 as Int64)
            return record
        }
        #expect(refusal(answer) == .malformed)
        #expect(cell.settled.isEmpty)
    }

    @Test func `are there again after a start`() throws {
        _ = try cancel(accepted[1], 0)
        let hash = cell.stateHash
        try cell.restart()
        // A restart shuts the markets; what it holds of cancels is the same.
        #expect(cell.audit() == [])
        #expect(hash != cell.stateHash)
        _ = try cancel(accepted[1], 0, isTakenBack: true)
        #expect(cash == 0)
        #expect(try result([.won, .lost]) == nil)
        #expect(cash == 6000)
    }

    @Test func `by hand take two people, and stand beside the supplier's own`() throws {
        let proposed = try cell.say { [market] in
            $0.proposeCancel(market: market.id, .everything, actor: 1, reason: "wrong price")
        }
        #expect(refusal(proposed) == nil)
        let proposal = proposed.record.field(Layout.ResultAnswered.proposal, as: UInt64.self)
        #expect(refusal(try cell.say { $0.approve(proposal: proposal, actor: 1) }) == .sameOperator)
        #expect(cash == 0)
        #expect(refusal(try cell.say { $0.approve(proposal: proposal, actor: 2) }) == nil)
        try cell.settleAll()
        #expect(cash == 3000)
        let record = cell.settled.last!.record
        #expect(record.field(Layout.BetSettled.actor, as: UInt64.self) == 1)
        #expect(record.field(Layout.BetSettled.approver, as: UInt64.self) == 2)
        #expect(record.field(Layout.BetSettled.proposal, as: UInt64.self) == proposal)
        // The supplier knows nothing of it: what it takes back is its own, and it still says the result.
        #expect(try cancel(0, 0, isTakenBack: true) == .noChange)
        #expect(try result([.won, .lost]) == nil)
        #expect(cash == 3000)
        let back = try cell.say { [market] in
            $0.proposeCancel(
                market: market.id, .everything, isTakenBack: true, actor: 2, reason: "the price was right")
        }
        let second = back.record.field(Layout.ResultAnswered.proposal, as: UInt64.self)
        #expect(refusal(try cell.say { $0.approve(proposal: second, actor: 1) }) == nil)
        try cell.settleAll()
        #expect(cash == 6000)
        #expect(cell.audit() == [])
    }

    // MARK: Rollbacks

    @Test func `of a result take its money back and leave the market to its supplier`() throws {
        #expect(try rollBack() == .noChange)
        _ = try result([.won, .lost])
        #expect(try rollBack() == nil)
        #expect(cash == 0)
        #expect(cell.total(.openBets, .demo) == 3000)
        let other = try cell.customer(cash: 100)
        #expect(try cell.place(cell.intent(other, [(market, 0, even)], stake: 100)).refusal == .marketSuspended)
        // Its prices count again, and it opens as it once did.
        try cell.price(market.id, [decimal(1500), decimal(3000)])
        try cell.say { [market] in $0.marketState(market.id, by: .feed, lifting: .feed) }
        let again = try cell.place(cell.intent(other, [(market, 0, decimal(1500))], stake: 100))
        #expect(again.status == .open)
        _ = try result([.lost, .won])
        #expect(cash == 0 && cell.total(.openBets, .demo) == 0)
        #expect(cell.audit() == [])
    }

    @Test func `count by when they were said`() throws {
        #expect(try result([.won, .lost], said: 10) == nil)
        #expect(try rollBack(said: 9) == .superseded)
        #expect(cash == 6000)
        #expect(try rollBack(said: 11) == nil)
        #expect(try result([.won, .lost], said: 10) == .superseded)
        #expect(cash == 0)
        // Said again and unchanged, a word moves on: what was said between is old by now.
        #expect(try result([.lost, .won], said: 20) == nil)
        #expect(try result([.lost, .won], said: 30) == .noChange)
        #expect(try result([.won, .lost], said: 25) == .superseded)
        #expect(cash == 0)
    }

    @Test func `of the same moment give way to a result, whichever comes first`() throws {
        _ = try result([.won, .lost], said: 10)
        #expect(try rollBack(said: 10) == .superseded)
        #expect(cash == 6000)
        #expect(try result([.lost, .won], said: 10) == nil, "the greater content of one moment")
        #expect(try result([.won, .lost], said: 10) == .superseded)
    }

    // MARK: True starts

    private func started(_ at: Int64, said: Int64 = 0, isInPlay: Bool = false) throws {
        var facts = FixtureFacts(id: market.fixtureID)
        facts.startedAt = at
        facts.providerTime = said
        facts.state.isInPlay = isInPlay
        try cell.say { [facts] in $0.fixtureUpdate(facts) }
        try cell.settleAll()
    }

    @Test func `of a start that was heard of late void what was taken after it`() throws {
        try started(accepted[1])
        #expect(cell.settled.count == 2 && cash == 2000)
        let other = try cell.customer(cash: 100)
        #expect(try cell.place(cell.intent(other, [(market, 0, even)], stake: 100)).refusal == .marketSuspended)
        #expect(try result([.won, .lost]) == nil)
        #expect(cash == 4000 + 100)
        #expect(cell.audit() == [])
    }

    @Test func `of a start leave alone what was taken in play`() throws {
        var facts = FixtureFacts(id: market.fixtureID)
        facts.state.isInPlay = true
        try cell.say { [facts] in $0.fixtureUpdate(facts) }
        let other = try cell.customer(cash: 100)
        #expect(try cell.place(cell.intent(other, [(market, 0, even)], stake: 100)).status == .open)
        try started(accepted[2], isInPlay: true)
        #expect(cell.settled.count == 1 && cash == 1000)
        // It moves with what is said last, and a start that is none too early voids nothing.
        try started(accepted[0], said: 1)
        #expect(cash == 1000, "an older word")
        try started(cell.now.nanoseconds, isInPlay: true)
        #expect(cash == 0)
        #expect(cell.audit() == [])
    }

    // MARK: Certainty

    @Test func `of what was only scouted come when it is confirmed, for bets that may return much`() throws {
        let offered = try cell.market([even, even], scoutedReturn: 500)
        let other = try cell.customer(cash: 1000)
        try cell.place(cell.intent(other, [(offered, 0, even)], stake: 250))
        try cell.place(cell.intent(other, [(offered, 0, even)], stake: 251))
        func say(_ certainty: UInt8) throws {
            try cell.say {
                $0.result(
                    market: offered.id, [SelectionOutcome(.won), SelectionOutcome(.lost)], source: .feed,
                    certainty: certainty)
            }
            try cell.settleAll()
        }
        try say(1)
        #expect(cell.settled.map(\.record).map { $0.field(Layout.BetSettled.payout, as: Int64.self) } == [500])
        try say(1)
        #expect(cell.settled.count == 1)
        try say(2)
        #expect(cell.settled.count == 2)
        #expect(cash == 499 + 500 + 502)
        // What is in doubt again is open again.
        try say(1)
        #expect(cash == 499 + 500)
        #expect(cell.audit() == [])
    }
}
