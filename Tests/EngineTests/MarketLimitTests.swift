import Betting
import Catalogue
import EngineCore
import EngineService
import Kernel
import TestSupport
import Testing

/// A market at 3.0 and 1.5 that is shut by itself when it may lose 100.00.
@Suite struct `A market's limits` {
    let three = decimal(3000)
    let cell: Cell
    let account: AccountID
    let market: Cell.Offered

    init() throws {
        cell = try Cell()
        account = try cell.customer(cash: 1_000_000)
        market = try cell.market([three, decimal(1500)])
    }

    @discardableResult
    private func move(
        _ actor: UInt64 = 7, reason: String = "big match", _ change: (inout MarketLimits) -> Void
    ) throws -> Cell.Outcome {
        var limits = MarketLimits()
        limits.actor = actor
        limits.reason = reason
        change(&limits)
        return try cell.say { $0.marketLimits(market.id, limits) }
    }

    private func refusal(_ outcome: Cell.Outcome) -> OperationRefusal? {
        OperationRefusal(rawValue: outcome.record.field(Layout.MarketChanged.refusal, as: UInt16.self))
    }

    private var reasons: ShutReasons { cell.host.engine.picture(of: market.market)!.reasons }

    private func place(_ stake: Int64, by account: AccountID? = nil, _ selection: UInt32 = 0) throws -> Cell.Outcome {
        try cell.place(
            cell.intent(
                account ?? self.account, [(market, selection, selection == 0 ? three : decimal(1500))], stake: stake))
    }

    private func isSound() -> Bool { cell.audit().isEmpty }

    @Test func `are moved by a person with a reason, who says what it saw`() throws {
        #expect(refusal(try move { $0.maximumStake = 500 }) == nil)
        #expect(try place(501).refusal == .stakeAboveMaximum)
        #expect(refusal(try move { $0.maximumStake = 500 }) == .noChange)
        #expect(refusal(try move(reason: "") { $0.maximumStake = 1 }) == .reasonMissing)
        #expect(refusal(try move { $0.liabilityLimit = -2 }) == .amountOutOfRange)
        #expect(refusal(try move { $0.mostMove = 10_001 }) == .amountOutOfRange)
        #expect(
            refusal(
                try move {
                    $0.maximumStake = 1
                    $0.version = 0
                }) == .changedSince)
        #expect(try place(500).status == .open)
        #expect(isSound())
    }

    @Test func `shut it with the bet that reaches them, and open it when they are moved`() throws {
        try move { $0.suspendAt = 10_000 }
        #expect(try place(4_990).status == .open)
        #expect(reasons.isEmpty)
        // The bet that reaches it is taken.
        #expect(try place(10).status == .open)
        #expect(reasons == .exposure)
        #expect(try place(10).refusal == .marketSuspended)
        try move { $0.suspendAt = 10_001 }
        #expect(reasons.isEmpty)
        #expect(try place(10).status == .open)
        #expect(reasons == .exposure)
        try move { $0.suspendAt = 0 }
        #expect(reasons.isEmpty)
        #expect(isSound())
    }

    @Test func `shut it at once when it has lost too much already`() throws {
        #expect(try place(5_000).status == .open)
        try move { $0.suspendAt = 9_000 }
        #expect(reasons == .exposure)
        #expect(isSound())
    }

    @Test func `hold after a restart`() throws {
        try move { $0.suspendAt = 10_000 }
        #expect(try place(4_990).status == .open)
        try cell.restart()
        try cell.price(market.id, [three, decimal(1500)])
        try cell.say { $0.marketState(market.id, by: .feed, lifting: [.feed, .recovery]) }
        #expect(try place(10).status == .open)
        #expect(reasons == .exposure)
        #expect(isSound())
    }

    @Test func `do not shut it for a bet that only waits`() throws {
        let inPlay = try cell.market([three, decimal(1500)], inPlay: true, betDelay: 2_000)
        var limits = MarketLimits()
        limits.suspendAt = 1_000
        try cell.say { $0.marketLimits(inPlay.id, limits) }
        let waiting = try cell.place(cell.intent(account, [(inPlay, 0, three)], stake: 5_000))
        #expect(waiting.status == .pending)
        #expect(cell.host.engine.picture(of: inPlay.market)!.reasons.isEmpty)
        cell.clock.advance(milliseconds: 2_100)
        try cell.turn()
        #expect(cell.concluded[waiting.bet]?.status == .open)
        #expect(cell.host.engine.picture(of: inPlay.market)!.reasons == .exposure)
        #expect(isSound())
    }

    @Test func `shut each market of a multiple by itself`() throws {
        let other = try cell.market([three, decimal(1500)])
        try move { $0.suspendAt = 4_000 }
        let both = try cell.place(cell.intent(account, [(market, 0, three), (other, 0, three)], stake: 1_000))
        #expect(both.status == .open)
        #expect(reasons == .exposure)
        #expect(cell.host.engine.picture(of: other.market)!.reasons.isEmpty)
        #expect(isSound())
    }

    @Test func `shut it when a chance leaps, not when it is shut anyway`() throws {
        func price(_ references: [UInt32]) throws {
            try cell.say {
                $0.price(
                    market: market.id, references.map { PriceEntry(odds: decimal($0), reference: $0) }, margin: 0,
                    message: 1, providerTime: 0)
            }
        }
        try price([2000, 2000])
        try move { $0.mostMove = 500 }
        // 50.00 % to 54.95 %, and to 60.01 %.
        try price([1820, 2222])
        #expect(reasons.isEmpty)
        try price([1666, 2500])
        #expect(reasons == .exposure)
        try move { $0.mostMove = 600 }
        #expect(reasons.isEmpty)
        try cell.say { $0.marketState(market.id, by: .feed, setting: .feed) }
        try price([3000, 1500])
        #expect(reasons == .feed)
        #expect(isSound())
    }

    @Test func `take small winnings from anybody, added up for each customer`() throws {
        try move {
            $0.maximumStake = 100
            $0.liabilityLimit = 300
            $0.floor = 2_000
        }
        // Wins 2 000 at most, whatever is said of stake and liability.
        #expect(try place(600).status == .open)
        #expect(try place(401).refusal == .stakeAboveMaximum)
        #expect(try place(400).status == .open)
        #expect(try place(100).refusal == .exposureLimit)
        let other = try cell.customer(cash: 10_000)
        #expect(try place(1_000, by: other).status == .open)
        #expect(isSound())
    }

    @Test func `let the slip say what is taken from anybody`() throws {
        try move {
            $0.maximumStake = 100
            $0.floor = 2_000
        }
        let leg = LegIntent(market: market.market, fixture: market.fixture, selection: 0, odds: three)
        let most = cell.host.engine.slip(stake: StakeSplit(cash: 10), legs: [leg], account: account).maximumStake
        #expect(most == 1_000)
        #expect(try place(1_001).refusal == .stakeAboveMaximum)
        #expect(try place(1_000).status == .open)
    }
}
