import Betting
import Catalogue
import Customers
import EngineCore
import EngineService
import Kernel
import TestSupport
import Testing

@Suite struct `A bet that must come from where bets are taken` {
    let even = decimal(2000)
    let cell: Cell
    let account: AccountID
    let market: Cell.Offered
    let home = SessionID(77)

    init() throws {
        cell = try Cell()
        account = try cell.customer(cash: 10_000)
        market = try cell.market([even, even])
    }

    @discardableResult
    private func locate(
        _ verdict: LocationVerdict, mark: UInt64 = 5, on session: SessionID? = nil, of account: AccountID? = nil,
        seconds: Int64 = 1200, until: Int64? = nil
    ) throws -> Cell.Outcome {
        let report = LocationReport(.address, region: LocationRegion("GB"))
        let end = Timestamp(nanoseconds: until ?? cell.clock.wall() + seconds * 1_000_000_000)
        return try cell.say {
            $0.location(of: account ?? self.account, session ?? home, LocationDecision(report, verdict, until: end), mark: mark)
        }
    }

    private func place(by mark: UInt64 = 5, stake: Int64 = 100, asks: (inout BetIntent) -> Void = { _ in })
        throws -> Cell.Outcome
    {
        var intent = cell.intent(account, [(market, 0, even)], stake: stake)
        intent.session = home
        intent.mustBeLocated = true
        intent.located = mark
        asks(&intent)
        return try cell.place(intent)
    }

    private func refusal(_ outcome: Cell.Outcome) -> OperationRefusal? {
        OperationRefusal(rawValue: outcome.record.field(Layout.AccountChanged.refusal, as: UInt16.self))
    }

    @Test func `is taken by the newest decision, whose number stands on it`() throws {
        #expect(try place().refusal == .locationUnknown)
        try locate(.inside)
        let newest = try locate(.inside)
        let placed = try place()
        #expect(placed.status == .open)
        #expect(placed.record.placedLocation == newest.record.cause)
        #expect(cell.audit() == [])
    }

    @Test func `names the decision behind whatever else stands in the answer`() throws {
        let decision = try locate(.inside)
        try cell.say { [id = cell.freshID()] in
            $0.grant(.bonus, 500, to: account, id: id, requestHash: id, actor: 7, reason: "welcome")
        }
        let small = try cell.market([even, even], maximumStake: 300)
        var intent = cell.intent(account, [(small, 0, even), (market, 0, even)], stake: 40)
        intent.session = home
        intent.mustBeLocated = true
        intent.located = 5
        intent.bonus = 40
        let double = try cell.place(intent)
        #expect(double.status == .open)
        #expect(double.record.placedLocation == decision.record.cause)
        #expect(double.record.placedSplit == StakeSplit(cash: 0, bonus: 40))
        var capped = cell.intent(account, [(small, 0, even)], stake: 5000)
        capped.session = home
        capped.mustBeLocated = true
        capped.located = 5
        capped.fill = .cap
        let filled = try cell.place(capped)
        #expect(filled.record.placedAsked == 5000)
        #expect(filled.record.placedLocation == decision.record.cause)
    }

    @Test(arguments: [LocationVerdict.outside, .doubtful])
    func `is refused from elsewhere, and where nobody can tell`(verdict: LocationVerdict) throws {
        try locate(.inside)
        let decision = try locate(verdict)
        let refused = try place()
        #expect(refused.refusal == .locationRefused)
        #expect(refused.record.field(Layout.Placed.value, as: Int64.self) == Int64(decision.record.cause))
        #expect(refused.record.placedLocation == nil)
        #expect(cell.host.engine.balances(of: account)?.cash == 10_000)
    }

    @Test func `is refused once the decision is over`() throws {
        try locate(.inside, seconds: 10)
        // To the second below: the tenth may be over before ten seconds are.
        cell.clock.advance(milliseconds: 8_900)
        #expect(try place().status == .open)
        cell.clock.advance(milliseconds: 1_101)
        #expect(try place().refusal == .locationUnknown)
    }

    @Test func `is refused by any decision but the newest, be that of the same sign-in or of another`() throws {
        try locate(.inside, mark: 5)
        #expect(try place(by: 6).refusal == .locationUnknown)
        #expect(try place(by: 0).refusal == .locationUnknown)
        try locate(.outside, mark: 6)
        #expect(try place(by: 5).refusal == .locationUnknown)
        #expect(try place(by: 6).refusal == .locationRefused)
        try locate(.inside, mark: 7, on: SessionID(78))
        // Who is abroad bets by what was decided abroad, not by what a friend at home was told meanwhile.
        #expect(try place(by: 6).refusal == .locationUnknown)
        #expect(try place(by: 7).status == .open)
    }

    @Test func `is known again after a restart`() throws {
        try locate(.inside)
        let live = cell.stateHash
        try cell.restart()
        #expect(cell.host.report.stateHash == live)
        try cell.say { $0.marketState(market.id, by: .feed, lifting: [.feed, .recovery]) }
        #expect(try place().status == .open)
    }

    @Test func `leaves those alone that nobody asks where they are`() throws {
        try locate(.outside)
        let free = try place { $0.mustBeLocated = false }
        #expect(free.status == .open)
        #expect(free.record.placedLocation == nil)
    }

    @Test func `keeps its channel and its quote beside it`() throws {
        try locate(.inside)
        try cell.say { $0.channelState(2, isShut: true, actor: 7, reason: "a fault") }
        let refused = try place {
            $0.channel = 2
            $0.isQuoted = true
        }
        #expect(refused.refusal == .channelShut)
        let taken = try place {
            $0.channel = 1
            $0.isQuoted = true
        }
        #expect(taken.status == .open)
    }

    @Test func `is not helped by a decision that says nothing`() throws {
        #expect(refusal(try locate(.inside, on: SessionID(0))) == .malformed)
        #expect(refusal(try locate(.inside, mark: 0)) == .malformed)
        #expect(refusal(try locate(.inside, until: 0)) == .malformed)
        #expect(refusal(try locate(.inside, of: AccountID(99))) == .accountUnknown)
        #expect(try place().refusal == .locationUnknown)
    }
}
