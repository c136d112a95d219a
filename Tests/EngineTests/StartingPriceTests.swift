import Betting
import Catalogue
import EngineCore
import EngineService
import Kernel
import TestSupport
import Testing

/// Bets whose price nobody knows when they are taken.
@Suite struct `A bet at starting price` {
    let four = decimal(4000)
    let cell: Cell
    let account: AccountID

    init() throws {
        cell = try Cell()
        account = try cell.customer(cash: 100_000)
    }

    private func race(_ more: (inout MarketFacts) -> Void = { _ in }) throws -> Cell.Offered {
        try cell.market([four, four, four, four]) {
            $0.takesAtStart = true
            more(&$0)
        }
    }

    private func atStart(_ race: Cell.Offered, _ runner: UInt32 = 0, stake: Int64 = 1000) -> BetIntent {
        var intent = cell.intent(account, [(race, runner, four)], stake: stake)
        intent.legs[0].odds = nil
        return intent
    }

    @discardableResult
    private func starts(_ race: Cell.Offered, at prices: [Odds?], said: Int64 = 1) throws -> UInt16 {
        let answer = try cell.say { $0.startingPrices(market: race.id, prices, time: said) }
        try cell.settleAll()
        return answer.record.field(Layout.MarketChanged.refusal, as: UInt16.self)
    }

    private var paid: [Int64] {
        cell.settled.map { $0.record.field(Layout.BetSettled.payout, as: Int64.self) }
    }

    @Test func `pays what its selection started at, whatever was offered when it was taken`() throws {
        let race = try self.race()
        let taken = try cell.place(atStart(race))
        #expect(taken.status == .open && taken.potentialReturn == 4000)
        #expect(taken.record.field(Layout.Placed.atStart, as: UInt64.self) == 1)
        try starts(race, at: [decimal(7500), four, four, four])
        try cell.settle(race, [.won, .lost, .lost, .lost])
        #expect(paid == [7500])
        #expect(cell.audit() == [])
    }

    @Test func `waits for its price when it has won, and for nothing when it has lost`() throws {
        let race = try self.race()
        try cell.place(atStart(race, 0))
        try cell.place(atStart(race, 1))
        try cell.settle(race, [.won, .lost, .lost, .lost])
        #expect(paid == [0])
        try starts(race, at: [decimal(3000), nil, nil, nil])
        #expect(paid == [0, 3000])
        // Its supplier knows better.
        try starts(race, at: [decimal(3500), nil, nil, nil], said: 2)
        #expect(paid == [0, 3000, 3500])
        // And says at last that there was none: the bet is open again.
        try starts(race, at: [nil, four, nil, nil], said: 3)
        #expect(cell.settled.last?.record.field(Layout.BetSettled.status, as: UInt8.self) == BetStatus.open.rawValue)
        #expect(cell.audit() == [])
    }

    @Test func `gives its stake back when it is void`() throws {
        let race = try self.race()
        try cell.place(atStart(race))
        try cell.settle(race, [.void, .won, .lost, .lost])
        #expect(paid == [1000])
    }

    @Test func `has nothing taken off for who was withdrawn, unlike a bet at a price`() throws {
        let race = try self.race { $0.deductions = .ruleFour }
        try cell.place(atStart(race))
        try cell.place(cell.intent(account, [(race, 0, four)], stake: 1000))
        try cell.say { $0.withdrawal(market: race.id, selection: 3, effective: 0, received: 1) }
        try starts(race, at: [decimal(3000), four, four, nil])
        try cell.settle(race, [.won, .lost, .lost, .void])
        // A withdrawn 3/1 takes a quarter of the winnings.
        #expect(paid == [1000 + 2250, 3000])
    }

    @Test func `is multiplied with legs that have a price`() throws {
        let race = try self.race()
        let other = try self.race()
        var double = cell.intent(account, [(race, 0, four), (other, 1, four)], stake: 1000)
        double.legs[0].odds = nil
        #expect(try cell.place(double).potentialReturn == 16_000)
        try starts(race, at: [decimal(2500), four, four, four])
        try cell.settle(other, [.lost, .won, .lost, .lost])
        try cell.restart()
        try cell.settle(race, [.won, .lost, .lost, .lost])
        #expect(paid == [10_000])
        #expect(cell.audit() == [])
    }

    @Test func `each way pays both parts by it`() throws {
        let race = try self.race { $0.places = PlaceTerms(places: 2, numerator: 1, denominator: 4) }
        var intent = atStart(race, stake: 2000)
        intent.structure = .eachWay
        intent.legs[0].places = PlaceTerms(places: 2, numerator: 1, denominator: 4)
        #expect(try cell.place(intent).status == .open)
        let marks = [
            SelectionOutcome(.lost, position: 2), SelectionOutcome(.won, position: 1),
            SelectionOutcome(.lost, position: 3), SelectionOutcome(.lost, position: 4),
        ]
        try cell.say { $0.result(market: race.id, marks, source: .feed) }
        try cell.settleAll()
        #expect(paid.isEmpty)
        try starts(race, at: [decimal(9000), four, four, four])
        // A quarter of 8/1 on ten.
        #expect(paid == [3000])
    }

    @Test func `is taken before the start and where its market takes such, and nowhere else`() throws {
        let none = try cell.market([four, four])
        #expect(try cell.place(atStart(none)).refusal == .startingPriceNotTaken)
        let running = try cell.market([four, four], inPlay: true) { $0.takesAtStart = true }
        #expect(try cell.place(atStart(running)).refusal == .startingPriceNotTaken)
        let started = try self.race()
        try starts(started, at: [four, four, four, four])
        let late = try cell.place(atStart(started, 2))
        #expect(late.refusal == .startingPriceNotTaken && late.record.field(Layout.Placed.value, as: Int64.self) == 2)
        #expect(late.record.flags & Layout.Placed.hasOffer == 0)
        #expect(cell.audit() == [])
    }

    @Test func `is not taken any more once its match has been in play, nor kept when its price is said meanwhile`() throws {
        let race = try self.race()
        var fixture = FixtureFacts(id: race.fixtureID)
        fixture.state = FixtureState(status: .live, isInPlay: true, score: Score(home: 0, away: 0).packed)
        try cell.say { [fixture] in $0.fixtureUpdate(fixture) }
        fixture.state = FixtureState(status: .ended, isInPlay: false, score: Score(home: 0, away: 0).packed)
        try cell.say { [fixture] in $0.fixtureUpdate(fixture) }
        #expect(try cell.place(atStart(race)).refusal == .startingPriceNotTaken)
        // The other leg waits in play; the starting price is said first.
        let next = try self.race()
        let inPlay = try cell.market([four, four], inPlay: true, betDelay: 2000)
        var double = cell.intent(account, [(next, 0, four), (inPlay, 0, four)], stake: 1000)
        double.legs[0].odds = nil
        let waiting = try cell.place(double)
        #expect(waiting.status == .pending)
        try starts(next, at: [decimal(9000), four, four, four])
        cell.clock.advance(milliseconds: 2_100)
        try cell.turn()
        #expect(cell.concluded[waiting.bet]?.refusal == .changedDuringDelay)
        #expect(cell.audit() == [])
    }

    @Test func `waits for a confirmed result wherever large returns do`() throws {
        let race = try cell.market([four, four, four, four], scoutedReturn: 10_000) { $0.takesAtStart = true }
        try cell.place(atStart(race))
        try cell.place(cell.intent(account, [(race, 0, four)], stake: 1000))
        try starts(race, at: [decimal(50_000), four, four, four])
        let results: [SelectionResult] = [.won, .lost, .lost, .lost]
        try cell.say { $0.result(market: race.id, results.map { SelectionOutcome($0) }, source: .feed, certainty: 1) }
        try cell.settleAll()
        #expect(paid == [4000])
        try cell.say { $0.result(market: race.id, results.map { SelectionOutcome($0) }, source: .feed, certainty: 2) }
        try cell.settleAll()
        #expect(paid == [4000, 50_000])
    }

    @Test func `is lost with its runner, however long that runner started`() throws {
        // Prices whose terms are as large as moments; where supplies are scouted, markets ask more of each leg.
        let race = try cell.market([four, four, four, four], scoutedReturn: 10_000) { $0.takesAtStart = true }
        try cell.place(atStart(race))
        try cell.place(cell.intent(account, [(race, 0, four)], stake: 1000))
        try starts(race, at: [Odds(2_000_000_001, over: 1000), four, four, four])
        try cell.settle(race, [.lost, .won, .lost, .lost])
        #expect(paid == [0, 0])
    }

    @Test func `is reckoned with its reference where there is no price yet`() throws {
        let race = try self.race()
        try cell.say {
            $0.price(
                market: race.id, [PriceEntry(odds: nil, reference: 6000)] + [PriceEntry](repeating: PriceEntry(odds: nil), count: 3),
                margin: 0, message: 2, providerTime: 0)
        }
        #expect(try cell.place(atStart(race)).potentialReturn == 6000)
        #expect(try cell.place(atStart(race, 1)).refusal == .startingPriceNotTaken)
        let exposure = cell.host.engine.exposures(of: [race.market])[0]
        #expect(exposure.worstLoss == 5000)
    }

    @Test func `never pays more than the cap`() throws {
        let race = try self.race()
        try cell.place(atStart(race, stake: 50_000))
        try starts(race, at: [Odds(4_000_000_000, over: 1), nil, nil, nil])
        try cell.settle(race, [.won, .lost, .lost, .lost])
        #expect(paid == [Limits.potentialReturn])
        #expect(cell.audit() == [])
    }

    @Test func `is not offered otherwise, and not sold back`() throws {
        let race = try self.race { $0.maximumStake = 500 }
        let refused = try cell.place(atStart(race, stake: 1000))
        #expect(refused.refusal == .stakeAboveMaximum)
        #expect(refused.record.flags & Layout.Placed.hasOffer == 0)
        let bet = try cell.place(atStart(race, stake: 400)).record.field(Layout.Placed.bet, as: UInt64.self)
        let answer = cell.host.engine.cashOut(of: bet, account: account, part: 0)
        guard case .refused(.cashOutNotOffered, _) = answer.worth else {
            Issue.record("\(answer.worth)")
            return
        }
    }
}
