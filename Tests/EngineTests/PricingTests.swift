import Betting
import Catalogue
import EngineCore
import EngineService
import Kernel
import Pricing
import TestSupport
import Testing

/// A market that its feed offers at 1.90 and 1.90, of references that are both 2.00.
@Suite struct `A trader's hand on prices` {
    let cell: Cell
    let account: AccountID
    let market: Cell.Offered
    let fed = [decimal(1900), decimal(1900)]

    init() throws {
        cell = try Cell()
        account = try cell.customer(cash: 1_000_000)
        market = try cell.market([decimal(1900), decimal(1900)])
        try price([1900, 1900], of: [2000, 2000])
    }

    private func price(_ odds: [UInt32], of references: [UInt32], on market: Cell.Offered? = nil) throws {
        try cell.say {
            $0.price(
                market: (market ?? self.market).id,
                zip(odds, references).map { PriceEntry(odds: $0 == 0 ? nil : decimal($0), reference: $1) }, margin: 500,
                message: 1, providerTime: 0)
        }
    }

    @discardableResult
    private func hold(
        _ held: [UInt32?], margin: UInt32? = nil, actor: UInt64 = 7, reason: String = "late news", isSure: Bool = false,
        seen version: UInt32? = nil
    ) throws -> OperationRefusal? {
        var hand = PricingHand(held: held.map { $0.map(decimal) }, margin: margin, actor: actor, reason: reason)
        hand.isSure = isSure
        hand.version = version
        let outcome = try cell.say { $0.pricing(market.id, hand) }
        return OperationRefusal(rawValue: outcome.record.field(Layout.MarketChanged.refusal, as: UInt16.self))
    }

    private var picture: MarketPicture { cell.host.engine.picture(of: market.market)! }
    private var offered: [Odds?] { picture.selections.map(\.odds) }
    private func isSound() -> Bool { cell.audit().isEmpty }

    @Test func `holds one price while the others follow the feed`() throws {
        #expect(try hold([1700, nil]) == nil)
        #expect(offered == [decimal(1700), decimal(1900)])
        try price([1800, 2000], of: [1900, 2100])
        #expect(offered == [decimal(1700), decimal(2000)])
        #expect(picture.selections.map(\.fed) == [decimal(1800), decimal(2000)])
        #expect(try hold([nil, nil]) == nil)
        #expect(offered == [decimal(1800), decimal(2000)])
        #expect(isSound())
    }

    @Test func `is what bets are taken at`() throws {
        let before = cell.intent(account, [(market, 0, decimal(1900))], stake: 100)
        try hold([1700, nil])
        #expect(try cell.place(before).refusal == .priceMoved)
        let now = try cell.place(cell.intent(account, [(market, 0, decimal(1700))], stake: 100))
        #expect(now.status == .open)
        #expect(isSound())
    }

    @Test func `puts another margin on what the references say`() throws {
        #expect(try hold([nil, nil], margin: 0) == nil)
        #expect(offered == [decimal(2000), decimal(2000)])
        try price([1420, 2850], of: [1500, 3000])
        // Both are cut: two thirds and a third are a hair more than can be written down.
        #expect(offered == [decimal(1490), decimal(2980)])
        #expect(try hold([nil, nil], margin: 1000) == nil)
        // 1.5 and 3.0 over 110 %: 1.3636 and 2.727, each down to its rung.
        #expect(offered == [decimal(1360), decimal(2720)])
        #expect(isSound())
    }

    @Test(arguments: UInt64(1)...40)
    func `with the feed's own margin is what the feed says`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let rule = PricingRule(marginBasisPoints: UInt32(random.number(in: 0...1500)))
        let quotes = (0..<2).map { _ in
            let back = UInt32(random.number(in: 1010...9000))
            return Quote(bestBack: back, bestLay: back + UInt32(random.number(in: 10...400)))
        }
        guard let prices = try? rule.prices(for: quotes, winners: 1, on: .classic) else { return }
        try price(
            prices.map { $0.odds?.thousandths ?? 0 }, of: prices.map(\.referenceThousandths))
        try hold([nil, nil], margin: rule.marginBasisPoints)
        #expect(offered == prices.map(\.odds))
        #expect(isSound())
    }

    @Test func `is laid on by a person with a reason, who says what it saw`() throws {
        #expect(try hold([1700, nil], actor: 0) == .operatorMissing)
        #expect(try hold([1700, nil], reason: "") == .reasonMissing)
        #expect(try hold([1700]) == .malformed)
        #expect(try hold([1700, nil], margin: 10_001) == .amountOutOfRange)
        #expect(try hold([nil, nil]) == .noChange)
        #expect(try hold([1700, nil], seen: 0) == nil)
        #expect(try hold([1600, nil], seen: 0) == .changedSince)
        #expect(try hold([1700, nil]) == .noChange)
        #expect(picture.handVersion == 1)
        #expect(isSound())
    }

    @Test func `is refused where a price looks like an error, unless it is meant`() throws {
        // Half a chance at 3.0 returns half as much again.
        #expect(try hold([3000, nil]) == nil)
        #expect(try hold([3050, nil]) == .palpable)
        #expect(offered[0] == decimal(3000))
        #expect(try hold([21_000, nil], isSure: true) == nil)
        #expect(offered[0] == decimal(21_000))
        #expect(isSound())
    }

    @Test func `is lifted where the match has gone on without it`() throws {
        try hold([2400, nil])
        // It was worth 2.00 and is worth 1.50 by now: 2.40 returns 1.6 times.
        try price([1420, 2850], of: [1500, 3000])
        #expect(offered == [decimal(1420), decimal(2850)])
        #expect(picture.handVersion == 2)
        #expect(isSound())
    }

    @Test func `ends with a change of the score, but for the margin`() throws {
        let inPlay = try cell.market(fed, inPlay: true)
        try price([1900, 1900], of: [2000, 2000], on: inPlay)
        let hand = PricingHand(held: [decimal(1700), nil], margin: 0, actor: 7, reason: "late news")
        try cell.say { $0.pricing(inPlay.id, hand) }
        func offered() -> [Odds?] { cell.host.engine.picture(of: inPlay.market)!.selections.map(\.odds) }
        #expect(offered() == [decimal(1700), decimal(2000)])
        var goal = FixtureFacts(id: inPlay.fixtureID)
        goal.state = FixtureState(status: .live, isInPlay: true, score: Score(home: 1, away: 0).packed)
        goal.incident = .goal
        try cell.say { $0.fixtureUpdate(goal) }
        try price([1900, 1900], of: [2000, 2000], on: inPlay)
        #expect(offered() == [decimal(2000), decimal(2000)])
        #expect(isSound())
    }

    @Test func `offers nothing that the feed does not offer`() throws {
        try hold([1700, nil], margin: 0)
        try price([0, 1010], of: [1005, 1020])
        #expect(offered[0] == nil)
        #expect(isSound())
    }

    @Test func `is not laid on by who saw the match stand otherwise`() throws {
        var hand = PricingHand(held: [decimal(1700), nil], actor: 7, reason: "late news")
        hand.seen = picture.fixtureMaterial
        var goal = FixtureFacts(id: market.fixtureID)
        goal.state = FixtureState(status: .live, isInPlay: true, score: Score(home: 1, away: 0).packed)
        try cell.say { $0.fixtureUpdate(goal) }
        let outcome = try cell.say { $0.pricing(market.id, hand) }
        let refusal = OperationRefusal(rawValue: outcome.record.field(Layout.MarketChanged.refusal, as: UInt16.self))
        #expect(refusal == .changedSince)
        hand.seen = picture.fixtureMaterial
        try cell.say { $0.pricing(market.id, hand) }
        #expect(offered[0] == decimal(1700))
        #expect(isSound())
    }

    @Test func `holds after a restart`() throws {
        try hold([1700, nil], margin: 0)
        try cell.restart()
        try price([1800, 2000], of: [1900, 2111])
        #expect(offered[0] == decimal(1700))
        #expect(picture.handMargin == 0)
        #expect(isSound())
    }
}

@Suite struct `What a person makes` {
    let cell: Cell
    let account: AccountID
    let fixture: ExternalID
    let market: ExternalID

    init() throws {
        cell = try Cell()
        account = try cell.customer(cash: 1_000_000)
        fixture = cell.freshID()
        market = cell.freshID()
    }

    @discardableResult
    private func make(actor: UInt64 = 7, reason: String = "a friendly") throws -> OperationRefusal? {
        let made = MadeByHand(actor: actor, reason: reason)
        var facts = FixtureFacts(id: fixture)
        facts.home = "Heimat"
        facts.away = "Ferne"
        facts.byHand = made
        let first = try cell.say { $0.fixture(facts) }
        if let refusal = OperationRefusal(
            rawValue: first.record.field(Layout.FixtureChanged.refusal, as: UInt16.self))
        {
            return refusal
        }
        var market = MarketFacts(
            id: self.market, fixture: fixture, name: "Who wins",
            selections: ["Heimat", "Ferne"].map { SelectionFacts(supplierID: 0, name: $0) })
        market.byHand = made
        let second = try cell.say { $0.market(market) }
        return OperationRefusal(rawValue: second.record.field(Layout.MarketChanged.refusal, as: UInt16.self))
    }

    private var id: MarketID { MarketID(partition: 0, row: 0) }
    private var picture: MarketPicture? { cell.host.engine.picture(of: id) }

    @Test func `needs that person, and a reason`() throws {
        #expect(try make(actor: 0) == .operatorMissing)
        #expect(try make(reason: "") == .reasonMissing)
        #expect(try make() == nil)
        #expect(picture?.reasons == [.feed, .trader])
        #expect(picture?.isByHand == true)
        #expect(cell.audit().isEmpty)
    }

    @Test func `is priced by hand, opened and bet on`() throws {
        try make()
        let hand = PricingHand(held: [decimal(1500), decimal(2600)], actor: 7, reason: "a friendly")
        try cell.say { $0.pricing(market, hand) }
        try cell.say { $0.marketState(market, by: .trader, lifting: .trader, actor: 7) }
        #expect(picture?.reasons.isEmpty == true)
        let intent = BetIntent(
            account: account, id: cell.freshID(), requestHash: ExternalID(high: 1, low: 1), session: SessionID(1),
            stake: 500, currency: .eur,
            legs: [
                LegIntent(
                    market: id, fixture: FixtureID(partition: 0, row: 0), selection: 1, odds: decimal(2600),
                    score: Score.unknown)
            ], validUntil: cell.now.adding(milliseconds: 10_000),
            receivedAt: cell.now)
        let bet = try cell.place(intent)
        #expect(bet.status == .open)
        #expect(cell.audit().isEmpty)
    }

    @Test func `is opened again after a restart by the desk, its only supplier`() throws {
        try make()
        let hand = PricingHand(held: [decimal(1500), decimal(2600)], actor: 7, reason: "a friendly")
        try cell.say { $0.pricing(market, hand) }
        try cell.say { $0.marketState(market, by: .trader, lifting: .trader, actor: 7) }
        try cell.restart()
        #expect(picture?.reasons == .recovery)
        // Who opens everything has not looked at it.
        try cell.say { $0.marketState(.zero, scope: .all, by: .trader, lifting: .trader, actor: 7) }
        #expect(picture?.reasons == .recovery)
        try cell.say { $0.marketState(market, by: .trader, lifting: .trader, actor: 7) }
        #expect(picture?.reasons.isEmpty == true)
        #expect(cell.audit().isEmpty)
    }
}

@Suite struct `Bets are stopped` {
    let cell: Cell
    let account: AccountID
    let market: Cell.Offered

    init() throws {
        cell = try Cell()
        account = try cell.customer(cash: 1_000_000)
        market = try cell.market([decimal(3000), decimal(1500)])
    }

    private func place(through channel: UInt8) throws -> Cell.Outcome {
        var intent = cell.intent(account, [(market, 0, decimal(3000))], stake: 100)
        intent.channel = channel
        return try cell.place(intent)
    }

    private func shut(_ channel: UInt8, _ isShut: Bool = true, actor: UInt64 = 7) throws -> OperationRefusal? {
        let outcome = try cell.say { $0.channelState(channel, isShut: isShut, actor: actor, reason: "a fault") }
        return OperationRefusal(rawValue: outcome.record.field(Layout.MarketChanged.refusal, as: UInt16.self))
    }

    @Test func `by channel, all others going on`() throws {
        #expect(try shut(2) == nil)
        #expect(try place(through: 2).refusal == .channelShut)
        #expect(try place(through: 1).status == .open)
        #expect(try shut(2) == .noChange)
        #expect(try shut(16) == .malformed)
        #expect(try shut(1, actor: 0) == .operatorMissing)
        #expect(try shut(2, false) == nil)
        #expect(try place(through: 2).status == .open)
        #expect(cell.audit().isEmpty)
    }

    @Test func `by channel, also after a restart`() throws {
        #expect(try shut(2) == nil)
        try cell.restart()
        #expect(cell.host.engine.shutChannels == 4)
        #expect(cell.audit().isEmpty)
    }

    @Test func `by customer, whose trust stays what it was`() throws {
        func set(_ isShut: Bool) throws {
            try cell.say {
                $0.setRisk(of: account, stakeFactor: 500, delay: 0, isShut: isShut, actor: 7, reason: "a complaint", notice: "You complained.")
            }
        }
        try set(true)
        #expect(try place(through: 1).refusal == .accountClosed)
        #expect(cell.host.engine.trust(in: account)?.stakeFactor == 500)
        try set(false)
        #expect(try place(through: 1).status == .open)
        #expect(cell.audit().isEmpty)
    }

    @Test func `by customer, also those that wait`() throws {
        let inPlay = try cell.market([decimal(3000), decimal(1500)], inPlay: true, betDelay: 2_000)
        let waiting = try cell.place(cell.intent(account, [(inPlay, 0, decimal(3000))], stake: 500))
        #expect(waiting.status == .pending)
        try cell.say {
            $0.setRisk(of: account, stakeFactor: 1000, delay: 0, isShut: true, actor: 7, reason: "a complaint", notice: "You complained.")
        }
        cell.clock.advance(milliseconds: 2_100)
        try cell.turn()
        #expect(cell.concluded[waiting.bet]?.refusal == .accountClosed)
        #expect(cell.audit().isEmpty)
    }
}
