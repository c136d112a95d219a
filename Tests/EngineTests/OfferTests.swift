import Betting
import Catalogue
import EngineCore
import EngineService
import Kernel
import Ledger
import TestSupport
import Testing

/// What a refused bet could be taken at, and taking it.
@Suite struct `An offer` {
    let three = decimal(3000)
    let cell: Cell
    let account: AccountID

    init() throws {
        cell = try Cell()
        account = try cell.customer(cash: 100_000)
    }

    private func take(
        _ refused: Cell.Outcome, of market: Cell.Offered, by other: AccountID? = nil
    ) throws -> Cell.Outcome {
        let offer = try #require(refused.record.placedOffer)
        var intent = cell.intent(other ?? account, [(market, 0, offer.odds[0])], stake: offer.stake)
        intent.offer = refused.bet
        return try cell.place(intent)
    }

    @Test func `of a lower stake is taken with its reference`() throws {
        let market = try cell.market([three, three], maximumStake: 700)
        let refused = try cell.place(cell.intent(account, [(market, 0, three)], stake: 1_000))
        #expect(refused.refusal == .stakeAboveMaximum)
        let offer = try #require(refused.record.placedOffer)
        #expect(offer.stake == 700)
        #expect(offer.odds == [three])
        let taken = try take(refused, of: market)
        #expect(taken.status == .open)
        #expect(cell.audit().isEmpty)
    }

    @Test func `of a new price is taken with its reference`() throws {
        let market = try cell.market([three, three])
        try cell.price(market.id, [decimal(2800), three])
        let refused = try cell.place(cell.intent(account, [(market, 0, three)], stake: 1_000))
        #expect(refused.refusal == .priceMoved)
        #expect(refused.record.placedOffer?.stake == 1_000)
        #expect(refused.record.placedOffer?.odds == [decimal(2800)])
        #expect(try take(refused, of: market).potentialReturn == 2_800)
    }

    @Test func `names each leg's price and what all lines may stake`() throws {
        let markets = try (0..<3).map { _ in try cell.market([three, three], maximumStake: 1_003) }
        try cell.price(markets[1].id, [decimal(2500), three])
        var intent = cell.intent(account, markets.map { ($0, 0, three) }, stake: 4_000)
        intent.structure = .system
        intent.sizes = 0b110
        let refused = try cell.place(intent)
        #expect(refused.refusal == .priceMoved)
        #expect(refused.record.placedOffer?.stake == 1_000)
        #expect(refused.record.placedOffer?.odds == [three, decimal(2500), three])
    }

    @Test func `is decided afresh when it is taken`() throws {
        let market = try cell.market([three, three], maximumStake: 700)
        let refused = try cell.place(cell.intent(account, [(market, 0, three)], stake: 1_000))
        try cell.price(market.id, [decimal(2800), three])
        let again = try take(refused, of: market)
        #expect(again.refusal == .priceMoved)
        #expect(again.record.placedOffer?.odds == [decimal(2800)])
    }

    @Test func `stands for who was refused, and as long as its intent`() throws {
        let market = try cell.market([three, three], maximumStake: 700)
        let refused = try cell.place(cell.intent(account, [(market, 0, three)], stake: 1_000))
        let stranger = try cell.customer(cash: 10_000)
        #expect(try take(refused, of: market, by: stranger).refusal == .offerExpired)
        var invented = cell.intent(account, [(market, 0, three)], stake: 100)
        invented.offer = 3
        #expect(try cell.place(invented).refusal == .offerExpired)
        cell.clock.advance(milliseconds: 10_001)
        #expect(try take(refused, of: market).refusal == .offerExpired)
        #expect(cell.total(.cash, .demo) == 110_000)
    }

    @Test func `is not taken where none was made, though a bet was refused`() throws {
        let market = try cell.market([three, three])
        try cell.say { $0.marketState(market.id, by: .trader, setting: .trader) }
        let refused = try cell.place(cell.intent(account, [(market, 0, three)], stake: 1_000))
        #expect(refused.refusal == .marketSuspended && refused.record.placedOffer == nil)
        try cell.say { $0.marketState(market.id, by: .trader, lifting: .trader) }
        var again = cell.intent(account, [(market, 0, three)], stake: 1_000)
        again.offer = refused.record.field(Layout.Placed.bet, as: UInt64.self)
        #expect(try cell.place(again).refusal == .offerExpired)
    }

    @Test func `is not made where nothing could be taken`() throws {
        let market = try cell.market([three, three], maximumStake: 5)
        #expect(try cell.place(cell.intent(account, [(market, 0, three)], stake: 1_000)).record.placedOffer == nil)
        let shut = try cell.market([three, three])
        try cell.say { $0.marketState(shut.id, by: .trader, setting: .trader) }
        #expect(try cell.place(cell.intent(account, [(shut, 0, three)], stake: 100)).record.placedOffer == nil)
        let poor = try cell.customer(cash: 50)
        let open = try cell.market([three, three])
        #expect(try cell.place(cell.intent(poor, [(open, 0, three)], stake: 100)).record.placedOffer == nil)
    }

    @Test func `is not repeated, and is the same after a restart`() throws {
        let market = try cell.market([three, three], maximumStake: 700)
        let intent = cell.intent(account, [(market, 0, three)], stake: 1_000)
        let refused = try cell.place(intent)
        #expect(refused.record.placedOffer != nil)
        #expect(try cell.place(intent).record.placedOffer == nil)
        try cell.restart()
        try cell.price(market.id, [three, three])
        try cell.say { $0.marketState(market.id, by: .feed, lifting: [.feed, .recovery]) }
        #expect(try take(refused, of: market).status == .open)
        #expect(cell.audit().isEmpty)
    }
}
