import Betting
import Catalogue
import EngineCore
import EngineService
import Kernel
import TestSupport
import Testing

/// Bets that are paid as if they had won, before there is a result.
@Suite struct `An early payout` {
    let three = decimal(3000)
    let cell: Cell
    let account: AccountID
    let match: Cell.Offered

    init() throws {
        cell = try Cell()
        account = try cell.customer(cash: 100_000)
        match = try cell.market([three, three, three]) { $0.paysEarly = true }
    }

    @discardableResult
    private func bet(_ selection: UInt32, stake: Int64 = 1000) throws -> UInt64 {
        let taken = try cell.place(cell.intent(account, [(match, selection, three)], stake: stake))
        #expect(taken.status == .open)
        cell.clock.advance(milliseconds: 10)
        return taken.record.field(Layout.Placed.bet, as: UInt64.self)
    }

    @discardableResult
    private func pay(_ moments: [Int64?], said: Int64 = 0) throws -> UInt16 {
        let answer = try cell.say { $0.earlyPayout(market: match.id, moments, time: said) }
        try cell.settleAll()
        return answer.record.field(Layout.MarketChanged.refusal, as: UInt16.self)
    }

    private var now: Int64 { cell.now.nanoseconds }

    private var told: [[Int64]] {
        cell.settled.map {
            [
                Int64($0.record.field(Layout.BetSettled.bet, as: UInt64.self)),
                $0.record.field(Layout.BetSettled.payout, as: Int64.self),
            ]
        }
    }

    @Test func `pays bets of before, and leaves those of afterwards to the result`() throws {
        let before = try bet(0)
        let moment = now
        try pay([moment, nil, nil])
        #expect(told == [[Int64(before), 3000]])
        let after = try bet(0)
        let other = try bet(2)
        // It is all lost again; the other side wins.
        try cell.settle(match, [.lost, .lost, .won])
        #expect(told.suffix(2) == [[Int64(other), 3000], [Int64(after), 0]])
        #expect(told.count == 3)
        #expect(cell.audit() == [])
    }

    @Test func `stands against whatever becomes of the match, but not against a cancel`() throws {
        let paid = try bet(0)
        try pay([now, nil, nil])
        try cell.settle(match, [.void, .void, .void])
        #expect(told == [[Int64(paid), 3000]])
        try cell.say { $0.cancel(market: match.id, .everything, isTakenBack: false) }
        try cell.settleAll()
        #expect(told.last == [Int64(paid), 1000])
        #expect(cell.audit() == [])
    }

    @Test func `is taken back by a later word, and never by an earlier one`() throws {
        let paid = try bet(0)
        let moment = now
        try pay([moment, nil, nil], said: 10)
        #expect(try pay([nil, nil, nil], said: 5) == OperationRefusal.superseded.rawValue)
        #expect(try pay([moment, nil, nil], said: 11) == OperationRefusal.noChange.rawValue)
        try pay([nil, nil, nil], said: 12)
        #expect(told == [[Int64(paid), 3000], [Int64(paid), 0]])
        #expect(cell.settled.last?.record.field(Layout.BetSettled.status, as: UInt8.self) == BetStatus.open.rawValue)
        try cell.restart()
        try cell.settle(match, [.lost, .won, .lost])
        #expect(told.last == [Int64(paid), 0])
        #expect(cell.audit() == [])
    }

    @Test func `counts as won in a multiple`() throws {
        let other = try cell.market([three, three])
        let double = cell.intent(account, [(match, 0, three), (other, 0, three)], stake: 1000)
        #expect(try cell.place(double).status == .open)
        cell.clock.advance(milliseconds: 10)
        try pay([now, nil, nil])
        #expect(told.isEmpty)
        try cell.settle(match, [.lost, .won, .lost])
        #expect(told.isEmpty)
        try cell.settle(other, [.won, .lost])
        #expect(told.map { $0[1] } == [9000])
    }

    @Test func `may pay every selection, and exposure reckons with that`() throws {
        for selection in 0..<3 { try bet(UInt32(selection)) }
        #expect(cell.host.engine.exposures(of: [match.market])[0].worstLoss == 9000 - 3000)
        try pay([now, nil, nil])
        try pay([now, nil, now])
        try cell.settle(match, [.lost, .won, .lost])
        #expect(told.map { $0[1] } == [3000, 3000, 3000])
        #expect(cell.audit() == [])
    }

    @Test func `is never about bets that are yet to be taken`() throws {
        #expect(try pay([now + 1_000_000_000, nil, nil]) == OperationRefusal.malformed.rawValue)
        try bet(0)
        #expect(told.isEmpty)
        try pay([now, nil, nil])
        #expect(told.count == 1)
    }

    @Test func `counts as a winner for the bonus of a cover`() throws {
        var rules = HouseRules.none
        rules.bonuses[3] = CoverBonus(onlyWinner: 300, allWinners: 1000)!
        try cell.say { [rules] in $0.houseRules(rules, version: nil, actor: 7, reason: "a new season") }
        let others = try (0..<3).map { _ in try cell.market([three, three]) }
        var lucky = cell.intent(account, [(match, 0, three)] + others.map { ($0, 0, three) }, stake: 1500)
        lucky.structure = .system
        lucky.sizes = 0b1111
        #expect(try cell.place(lucky).status == .open)
        cell.clock.advance(milliseconds: 10)
        try pay([now, nil, nil])
        for other in others { try cell.settle(other, [.lost, .won]) }
        // 1.00 at 3.00, its winnings three times, whatever comes of the match.
        #expect(told.map { $0[1] } == [700])
        try cell.settle(match, [.lost, .won, .lost])
        #expect(told.count == 1)
        #expect(cell.audit() == [])
    }

    @Test func `tells at the desk what every selection may cost with the others`() throws {
        for selection in 0..<3 { try bet(UInt32(selection)) }
        let risk = try #require(cell.risk(of: match.market))
        #expect(risk.selections.map(\.result) == [-6000, -6000, -6000])
        #expect(risk.worstLoss == 6000)
    }

    @Test func `is named as who says so, though people had given a result`() throws {
        try bet(0)
        let proposed = try cell.say {
            $0.result(
                .propose, market: match.id, [.lost, .won, .lost].map { SelectionOutcome($0) },
                source: .operator, actor: 7, reason: "seen")
        }
        let proposal = proposed.record.field(Layout.ResultAnswered.proposal, as: UInt64.self)
        try cell.say { $0.approve(proposal: proposal, actor: 8) }
        try cell.settleAll()
        func told() -> [UInt64?] {
            let record = cell.settled.last?.record
            return [
                record.map { UInt64($0.field(Layout.BetSettled.source, as: UInt8.self)) },
                record?.field(Layout.BetSettled.actor, as: UInt64.self),
                record?.field(Layout.BetSettled.approver, as: UInt64.self),
            ]
        }
        #expect(told() == [UInt64(ResultSource.operator.rawValue), 7, 8])
        try pay([now, nil, nil])
        #expect(told() == [UInt64(ResultSource.feed.rawValue), 0, 0])
    }

    @Test func `is of markets that say so, and of no race`() throws {
        let plain = try cell.market([three, three])
        let answer = try cell.say { $0.earlyPayout(market: plain.id, [1, nil]) }
        #expect(answer.record.field(Layout.MarketChanged.refusal, as: UInt16.self) == OperationRefusal.malformed.rawValue)
        #expect(try pay([1, nil]) == OperationRefusal.malformed.rawValue)
        var race = MarketFacts(
            id: cell.freshID(), fixture: match.fixtureID, name: "Race",
            selections: (0..<3).map { SelectionFacts(supplierID: $0, name: "S") })
        race.paysEarly = true
        race.takesAtStart = true
        let made = try cell.say { [race] in $0.market(race) }
        #expect(made.record.field(Layout.MarketChanged.refusal, as: UInt16.self) == OperationRefusal.malformed.rawValue)
    }
}
