import Betting
import Catalogue
import EngineCore
import EngineService
import Kernel
import Ledger
import TestSupport
import Testing

/// A race with bets on its runners.
@Suite struct `A race` {
    let terms = PlaceTerms(places: 3, numerator: 1, denominator: 5)!
    let nine = decimal(9000)
    let cell: Cell
    let account: AccountID

    init() throws {
        cell = try Cell()
        account = try cell.customer(cash: 100_000)
    }

    private func race(
        _ deductions: DeductionRule = .none, prices: [Odds]? = nil, antePost: Bool = false, liability: Int64 = .max
    ) throws -> Cell.Offered {
        try cell.market(
            prices ?? [Odds](repeating: nine, count: 5),
            liabilityLimit: min(liability, Limits.potentialReturn)
        ) {
            $0.places = terms
            $0.deductions = deductions
            $0.isAntePost = antePost
        }
    }

    private func eachWay(
        _ legs: [(Cell.Offered, UInt32)], stake: Int64, sizes: UInt32 = 0, terms: PlaceTerms? = nil
    ) -> BetIntent {
        var intent = cell.intent(account, legs.map { ($0.0, $0.1, nine) }, stake: stake)
        intent.structure = .eachWay
        intent.sizes = sizes
        for index in intent.legs.indices { intent.legs[index].places = terms ?? self.terms }
        return intent
    }

    private func finish(_ race: Cell.Offered, _ marks: [SelectionOutcome]) throws {
        try cell.say { $0.result(market: race.id, marks, source: .feed) }
        try cell.settleAll()
    }

    private func ran(_ position: UInt8, tied: UInt8 = 1) -> SelectionOutcome {
        position == 1
            ? tied > 1
                ? SelectionOutcome(.deadHeat, winners: 1, tied: tied, position: 1) : SelectionOutcome(.won, position: 1)
            : SelectionOutcome(.lost, tied: tied, position: position)
    }

    private var paid: [Int64] {
        cell.settled.map { $0.record.field(Layout.BetSettled.payout, as: Int64.self) }
    }

    @Test func `pays each-way bets to winner and placed, and nothing to the rest`() throws {
        let race = try race()
        for runner in 0..<3 {
            #expect(try cell.place(eachWay([(race, UInt32(runner))], stake: 2000)).potentialReturn == 11_600)
        }
        try finish(race, [ran(1), ran(2), ran(4), ran(3), ran(Finish.unplaced)])
        // The newest bet first.
        #expect(paid == [0, 2600, 11_600])
        #expect(cell.audit() == [])
    }

    @Test func `leaves each-way bets open while nobody says who was placed`() throws {
        let race = try race()
        try cell.place(eachWay([(race, 1)], stake: 2000))
        try finish(race, [SelectionOutcome(.won)] + [SelectionOutcome](repeating: SelectionOutcome(.lost), count: 4))
        #expect(paid.isEmpty)
        try finish(race, [ran(1), ran(2), ran(3), ran(4), ran(5)])
        #expect(paid == [2600])
    }

    @Test func `shares a place among those who came in together`() throws {
        let race = try race()
        try cell.place(eachWay([(race, 1)], stake: 2000))
        // Third together with another: half of the place part.
        try finish(race, [ran(1), ran(3, tied: 2), ran(2), ran(3, tied: 2), ran(5)])
        #expect(paid == [1300])
    }

    @Test func `takes doubles win to win and place to place`() throws {
        let one = try race()
        let two = try race()
        try cell.place(eachWay([(one, 0), (two, 0)], stake: 2000))
        try finish(one, [ran(1), ran(2), ran(3), ran(4), ran(5)])
        #expect(paid.isEmpty)
        try finish(two, [ran(2), ran(1), ran(3), ran(4), ran(5)])
        // Ten each way: the win double is lost, the place double pays 2.6 twice.
        #expect(paid == [6760])
        #expect(cell.audit() == [])
    }

    @Test func `takes a Lucky 15 each way for thirty stakes`() throws {
        let races = try (0..<4).map { _ in try race() }
        var odd = eachWay(races.map { ($0, 0) }, stake: 3015, sizes: 0b1111)
        let refused = try cell.place(odd)
        #expect(refused.refusal == .stakeNotDivisible && refused.threshold == 30)
        odd = eachWay(races.map { ($0, 0) }, stake: 3000, sizes: 0b1111)
        #expect(try cell.place(odd).status == .open)
        try cell.restart()
        for race in races { try finish(race, [ran(2), ran(1), ran(3), ran(4), ran(5)]) }
        // All placed: (1 + 2.6)^4 - 1 lines' worth of place stakes.
        #expect(paid == [16696])
        #expect(cell.audit() == [])
    }

    @Test func `refuses terms that are not its own, and each way where there is none`() throws {
        let race = try race()
        let other = PlaceTerms(places: 2, numerator: 1, denominator: 5)!
        #expect(try cell.place(eachWay([(race, 0)], stake: 2000, terms: other)).refusal == .placeTermsChanged)
        let match = try cell.market([nine, nine])
        #expect(try cell.place(eachWay([(match, 0)], stake: 2000)).refusal == .placeTermsChanged)
        #expect(try cell.place(eachWay([(race, 0)], stake: 2001)).refusal == .stakeNotDivisible)
        var bare = eachWay([(race, 0)], stake: 2000)
        bare.legs[0].places = nil
        #expect(try cell.place(bare).refusal == .structureUnsupported)
        let many = try (0..<13).map { _ in try self.race(prices: [decimal(1010), decimal(1010)]) }
        var long = cell.intent(account, many.map { ($0, 0, decimal(1010)) }, stake: 200)
        long.structure = .eachWay
        for index in long.legs.indices { long.legs[index].places = terms }
        #expect(try cell.place(long).refusal == .legCountOutOfRange)
    }

    @Test func `takes from the winnings of bets that were struck before a runner was withdrawn`() throws {
        // The withdrawn runner's last price is 4/1: twenty pence.
        let race = try race(.ruleFour, prices: [decimal(5000), decimal(5000), nine, nine, nine])
        try cell.place(cell.intent(account, [(race, 0, decimal(5000))], stake: 1000))
        try cell.place(cell.intent(account, [(race, 1, decimal(5000))], stake: 1000))
        try cell.price(race.id, [decimal(5000), nil, nine, nine, nine])
        let withdrawn = try cell.say { $0.withdrawal(market: race.id, selection: 1, effective: 0, received: 1) }
        #expect(withdrawn.record.field(Layout.SelectionWithdrawn.deduction, as: UInt16.self) == 2000)
        // Nobody bets on the old race's prices; its book was empty before, and its last price still counts.
        #expect(
            try cell.place(cell.intent(account, [(race, 0, decimal(5000))], stake: 1000)).refusal == .marketSuspended)
        try cell.price(race.id, [decimal(4000), nil, nine, nine, nine])
        try cell.say { $0.marketState(race.id, by: .feed, lifting: .feed) }
        try cell.place(cell.intent(account, [(race, 0, decimal(4000))], stake: 1000))
        try finish(race, [ran(1), SelectionOutcome(.void), ran(2), ran(3), ran(4)])
        #expect(paid == [4000, 1000, 4200])
        #expect(cell.audit() == [])
    }

    @Test func `takes what is said later of a runner of whom nothing was known, from bets of before it left`() throws {
        let race = try race(.exchangeWin, prices: [decimal(5000), nine, nine, nine, nine])
        try cell.place(cell.intent(account, [(race, 0, decimal(5000))], stake: 1000))
        @discardableResult func withdraw(_ deduction: UInt16?, _ selection: UInt32 = 1) throws -> Cell.Outcome {
            cell.clock.advance(milliseconds: 1000)
            return try cell.say {
                $0.withdrawal(market: race.id, selection: selection, effective: 0, received: 1, deduction: deduction)
            }
        }
        func refusal(_ outcome: Cell.Outcome) -> OperationRefusal? {
            OperationRefusal(rawValue: outcome.record.field(Layout.MarketChanged.refusal, as: UInt16.self))
        }
        try withdraw(nil)
        try cell.price(race.id, [decimal(4000), nil, nine, nine, nine])
        try cell.say { $0.marketState(race.id, by: .feed, lifting: .feed) }
        try cell.place(cell.intent(account, [(race, 0, decimal(4000))], stake: 1000))
        try finish(race, [ran(1), SelectionOutcome(.void), ran(2), ran(3), ran(4)])
        #expect(paid == [4000, 5000])
        // It is said after the result, too; nothing is said of it twice, nor of one whose price told it.
        #expect(refusal(try withdraw(nil)) == .noChange)
        let late = try withdraw(2500)
        #expect(late.record.field(Layout.SelectionWithdrawn.deduction, as: UInt16.self) == 2500)
        try cell.settleAll()
        #expect(paid == [4000, 5000, 3750])
        #expect(refusal(try withdraw(3000)) == .noChange)
        let live = cell.stateHash
        try cell.restart()
        #expect(cell.host.report.stateHash == live)
        #expect(cell.audit() == [])
    }

    @Test func `takes nothing else than its last price told`() throws {
        let race = try race(.ruleFour)
        try cell.say { $0.withdrawal(market: race.id, selection: 4, effective: 0, received: 1) }
        let again = try cell.say { $0.withdrawal(market: race.id, selection: 4, effective: 0, received: 1, deduction: 3000) }
        #expect(
            OperationRefusal(rawValue: again.record.field(Layout.MarketChanged.refusal, as: UInt16.self)) == .noChange)
    }

    @Test func `takes as its brand says from the face value, and of places as it says there`() throws {
        let race = try race(.faceValue)
        try cell.place(cell.intent(account, [(race, 0, nine)], stake: 1000))
        try cell.place(eachWay([(race, 0)], stake: 2000))
        try cell.say {
            $0.withdrawal(
                market: race.id, selection: 4, effective: 0, received: 1, deduction: 2000, placeDeduction: 1000)
        }
        try finish(race, [ran(1), ran(2), ran(3), ran(4), SelectionOutcome(.void)])
        // 9.00 less a fifth; of the each-way bet 7.20 and 2.60 less a tenth.
        #expect(paid == [7200 + 2340, 7200])
    }

    @discardableResult
    private func set(
        _ rule: DeductionRule, _ steps: [DeductionTable.Step], waivedAlone: UInt16 = 0, version: Int? = nil,
        actor: UInt64 = 7, reason: String = "a season"
    ) throws -> OperationRefusal? {
        let table = try #require(DeductionTable(steps, waivedAlone: waivedAlone))
        let outcome = try cell.say {
            $0.deductionTable(rule, table, version: version, actor: actor, reason: reason)
        }
        return OperationRefusal(rawValue: outcome.record.field(Layout.MarketChanged.refusal, as: UInt16.self))
    }

    @Test(arguments: [DeductionRule.ruleFour, .faceValue])
    func `is under the table of deductions that held when it was asked for`(rule: DeductionRule) throws {
        let race = try race(rule)
        // Who is withdrawn stood at 9.0, 8/1, beside four others.
        try cell.place(cell.intent(account, [(race, 0, nine)], stake: 1000))
        #expect(try set(rule, [.init(runners: 5, winnings: 8, stake: 1, win: 2000, place: 1000)]) == nil)
        try cell.place(eachWay([(race, 0)], stake: 2000))
        #expect(try set(rule, [.init(runners: 6, winnings: 8, stake: 1, win: 3000, place: 3000)]) == nil)
        try cell.place(cell.intent(account, [(race, 0, nine)], stake: 1000))
        try cell.say { $0.withdrawal(market: race.id, selection: 4, effective: 0, received: 1) }
        let live = cell.stateHash
        try cell.restart()
        #expect(cell.host.report.stateHash == live)
        try finish(race, [ran(1), ran(2), ran(3), ran(4), SelectionOutcome(.void)])
        // Before any table ten pence in the pound under Rule 4, nothing off face values; then a fifth, and a tenth of
        // places; at last nothing, in so small a field.
        let first: Int64 = rule == .ruleFour ? 8200 : 9000
        let second: Int64 = rule == .ruleFour ? 7400 + 2440 : 7200 + 2340
        #expect(paid == [9000, second, first])
        #expect(cell.audit() == [])
    }

    @Test func `keeps a lone small deduction where the house waives it`() throws {
        try set(.ruleFour, DeductionTable.tattersalls.steps, waivedAlone: 1000)
        let race = try race(.ruleFour)
        try cell.place(cell.intent(account, [(race, 0, nine)], stake: 1000))
        try cell.say { $0.withdrawal(market: race.id, selection: 4, effective: 0, received: 1) }
        try finish(race, [ran(1), ran(2), ran(3), ran(4), SelectionOutcome(.void)])
        #expect(paid == [9000])
        // Another one beside it: both are taken, and it is settled again.
        try cell.say { $0.withdrawal(market: race.id, selection: 3, effective: 0, received: 2) }
        try cell.settleAll()
        #expect(paid == [9000, 7400])
        #expect(cell.audit() == [])
    }

    @Test func `knows who set a table, why, and since when`() throws {
        let step = DeductionTable.Step(runners: 0, winnings: 1, stake: 1, win: 100, place: 100)
        #expect(try set(.exchangeWin, [step]) == .malformed)
        #expect(try set(.none, [step]) == .malformed)
        #expect(try set(.faceValue, [step], actor: 0) == .operatorMissing)
        #expect(try set(.faceValue, [step], reason: "") == .reasonMissing)
        #expect(try set(.faceValue, []) == .noChange)
        #expect(try set(.ruleFour, DeductionTable.tattersalls.steps) == .noChange)
        #expect(try set(.faceValue, [step], version: 0) == nil)
        #expect(try set(.faceValue, [], version: 0) == .changedSince)
        #expect(try set(.faceValue, [step]) == .noChange)
        for number in 1..<256 {
            let one = DeductionTable.Step(runners: 0, winnings: UInt32(number), stake: 7, win: 100, place: 100)
            #expect(try set(.faceValue, [one]) == nil)
        }
        #expect(try set(.ruleFour, [step]) == .full)
        #expect(cell.host.engine.deductionTable(.ruleFour) == .tattersalls)
    }

    @Test func `pays a better starting price where it is guaranteed, whenever it is heard of`() throws {
        let race = try cell.market([Odds](repeating: nine, count: 5)) {
            $0.places = terms
            $0.deductions = .ruleFour
            $0.isGuaranteed = true
        }
        try cell.place(cell.intent(account, [(race, 0, nine)], stake: 1000))
        try cell.place(eachWay([(race, 0)], stake: 2000))
        // A deduction of ten pence: 9.0 comes to 8.2, so 8.5 is better than what was taken.
        try cell.say { $0.withdrawal(market: race.id, selection: 4, effective: 0, received: 1) }
        func starts(_ first: UInt32, said: Int64) throws -> UInt16 {
            let prices = [decimal(first), nine, nine, nine, nil]
            let answer = try cell.say { $0.startingPrices(market: race.id, prices, time: said) }
            try cell.settleAll()
            return answer.record.field(Layout.MarketChanged.refusal, as: UInt16.self)
        }
        #expect(try starts(8000, said: 10) == 0)
        try finish(race, [ran(1), ran(2), ran(3), ran(4), SelectionOutcome(.void)])
        #expect(paid == [8200 + 2440, 8200])
        #expect(try starts(8500, said: 20) == 0)
        #expect(paid.suffix(2) == [8500 + 2500, 8500])
        #expect(try starts(20_000, said: 15) == OperationRefusal.superseded.rawValue)
        #expect(try starts(8500, said: 21) == OperationRefusal.noChange.rawValue)
        #expect(paid.count == 4)
        #expect(cell.audit() == [])
    }

    @Test func `never pays more than the cap, however long a guaranteed price becomes`() throws {
        let race = try cell.market([nine, nine]) { $0.isGuaranteed = true }
        try cell.place(cell.intent(account, [(race, 0, nine)], stake: 50_000))
        try cell.say { $0.startingPrices(market: race.id, [Odds(4_000_000_000, over: 1), nil]) }
        try cell.settle(race, [.won, .lost])
        #expect(paid == [Limits.potentialReturn])
        #expect(cell.audit() == [])
    }

    @Test func `ante-post is lost by who does not run, and takes nothing from the others`() throws {
        let race = try race(.ruleFour, antePost: true)
        try cell.place(cell.intent(account, [(race, 0, nine)], stake: 1000))
        try cell.place(cell.intent(account, [(race, 1, nine)], stake: 1000))
        try cell.say { $0.withdrawal(market: race.id, selection: 1, effective: 0, received: 1) }
        try finish(race, [ran(1), SelectionOutcome(.void), ran(2), ran(3), ran(4)])
        #expect(paid == [0, 9000])
    }

    @Test func `reckons with every runner that may be placed beside the winner`() throws {
        let race = try race(liability: 20_000)
        // Ten each way at 9.0: 116 if it wins, 26 if it is placed.
        for runner in 0..<3 { try cell.place(eachWay([(race, UInt32(runner))], stake: 2000)) }
        let exposure = cell.host.engine.exposures(of: [race.market])[0]
        // One wins: 90 and all three place parts, less 60 staked.
        #expect(exposure.worstLoss == 9000 + 3 * 2600 - 6000)
        let more = try cell.place(eachWay([(race, 0)], stake: 20_000))
        #expect(more.refusal == .exposureLimit)
        try finish(race, [ran(1), ran(2), ran(3), ran(4), ran(5)])
        #expect(paid.reduce(0, +) == 11_600 + 2 * 2600)
        #expect(cell.host.engine.exposures(of: [race.market])[0].worstLoss == 0)
        #expect(cell.audit() == [])
    }

    @Test func `deducts from bets that are settled already when a withdrawal is heard of late`() throws {
        let race = try race(.faceValue)
        try cell.place(cell.intent(account, [(race, 0, nine)], stake: 1000))
        try finish(race, [ran(1), ran(2), ran(3), ran(4), SelectionOutcome(.void)])
        try cell.say {
            $0.withdrawal(market: race.id, selection: 4, effective: 0, received: 1, deduction: 3000)
        }
        try cell.settleAll()
        #expect(paid == [9000, 6300])
        #expect(cell.audit() == [])
    }

    @Test(arguments: [
        [1, 1, 2, 3, 4], [1, 2, 2, 3, 4], [2, 1, 255, 3, 3],
    ])
    func `refuses runners that cannot have come in like that`(positions: [UInt8]) throws {
        let race = try race()
        let marks = positions.enumerated().map { index, position in
            SelectionOutcome(index == (positions[0] == 1 ? 0 : 1) ? .won : .lost, position: position)
        }
        let answer = try cell.say { $0.result(market: race.id, marks, source: .feed) }
        #expect(
            answer.record.field(Layout.ResultAnswered.refusal, as: UInt16.self)
                == OperationRefusal.tooManyWinners.rawValue)
    }

    @Test func `keeps where runners came in when two people confirm who won`() throws {
        let race = try race()
        try cell.place(eachWay([(race, 1)], stake: 2000))
        try finish(race, [ran(1), ran(2), ran(3), ran(4), ran(5)])
        #expect(paid == [2600])
        let words: [SelectionResult] = [.won, .lost, .lost, .lost, .lost]
        let proposed = try cell.say {
            $0.result(
                .propose, market: race.id, words.map { SelectionOutcome($0) }, source: .operator, actor: 1,
                reason: "confirmed")
        }
        let proposal = proposed.record.field(Layout.ResultAnswered.proposal, as: UInt64.self)
        try cell.say { $0.approve(proposal: proposal, actor: 2) }
        try cell.settleAll()
        #expect(paid == [2600])
        #expect(cell.total(.openBets, .demo) == 0)
    }

    @Test func `reckons with all of the winnings for places where the terms at the off count`() throws {
        let race = try cell.market([Odds](repeating: nine, count: 5)) {
            $0.places = terms
            $0.isAtTheOff = true
        }
        #expect(try cell.place(eachWay([(race, 1)], stake: 2000)).potentialReturn == 11_600)
        // If it wins 90 and, by the best terms, 90 more; 20 were staked.
        #expect(cell.host.engine.exposures(of: [race.market])[0].worstLoss == 9000 + 9000 - 2000)
        let better = PlaceTerms(places: 2, numerator: 1, denominator: 1)
        try cell.say {
            $0.withdrawal(market: race.id, selection: 4, effective: 0, received: 1, places: better)
        }
        try finish(race, [ran(1), ran(2), ran(3), ran(4), SelectionOutcome(.void)])
        #expect(paid == [9000])
        #expect(cell.audit() == [])
    }
}
