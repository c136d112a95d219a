import Betting
import Catalogue
import EngineCore
import Kernel
import Ledger
import TestSupport
import Testing

/// Two markets of one match, each offered at 2.00 and 2.00, and one of another.
@Suite struct `Legs of one match at one price` {
    let cell: Cell
    let account: AccountID
    let markets: [Cell.Offered]
    let other: Cell.Offered

    init() throws {
        let cell = try Cell()
        self.cell = cell
        account = try cell.customer(cash: 10_000)
        let first = try cell.market([decimal(2000), decimal(2000)])
        var second = MarketFacts(
            id: cell.freshID(), fixture: first.fixtureID, name: "Goals",
            selections: (0..<2).map { SelectionFacts(supplierID: $0, name: "S\($0)") })
        second.maximumStake = Limits.stake
        let defined = try cell.say { [second] in $0.market(second) }
        try cell.price(second.id, [decimal(2000), decimal(2000)])
        try cell.say { [second] in $0.marketState(second.id, by: .feed, lifting: .feed) }
        markets = [
            first,
            Cell.Offered(
                id: second.id, fixtureID: first.fixtureID,
                market: MarketID(defined.record.field(Layout.MarketChanged.market, as: UInt64.self)),
                fixture: first.fixture),
        ]
        other = try cell.market([decimal(2000), decimal(2000)])
    }

    private func intent(_ legs: [Cell.Offered], joint: Odds? = Odds(5, over: 2)) -> BetIntent {
        var intent = cell.intent(account, legs.map { ($0, 0, decimal(2000)) }, stake: 1000)
        intent.structure = .sameGame
        intent.joint = joint
        return intent
    }

    private var cash: Int64 { cell.total(.cash, .demo) }

    @Test func `return that price when all win, through a restart`() throws {
        let placed = try cell.place(intent(markets))
        #expect(placed.status == .open)
        #expect(placed.potentialReturn == 2500)
        try cell.settle(markets[0], [.won, .lost])
        #expect(cash == 9000)
        try cell.restart()
        try cell.settle(markets[1], [.won, .lost])
        #expect(cash == 11_500)
        #expect(cell.audit().isEmpty)
    }

    @Test func `are lost with the first that is, and open again when that is taken back`() throws {
        try cell.place(intent(markets))
        try cell.settle(markets[0], [.lost, .won])
        #expect(cash == 9000 && cell.total(.openBets, .demo) == 0)
        try cell.settle(markets[0], [.won, .lost])
        #expect(cell.total(.openBets, .demo) == 1000)
        try cell.settle(markets[1], [.void, .void])
        #expect(cash == 10_000)
        #expect(cell.audit().isEmpty)
    }

    @Test func `are refused without a price, of two matches, of one market, or once a price of them moved`() throws {
        #expect(try cell.place(intent(markets, joint: nil)).refusal == .related)
        #expect(try cell.place(intent([markets[0], other])).refusal == .structureUnsupported)
        #expect(try cell.place(intent([markets[0], markets[0]])).refusal == .related)
        #expect(try cell.place(intent([markets[0]])).refusal == .legCountOutOfRange)
        try cell.price(markets[1].id, [decimal(2020), decimal(1980)])
        var moved = intent(markets)
        moved.rule = .any
        moved.tolerance = PriceRule.anyTicks
        #expect(try cell.place(moved).refusal == .priceMoved)
        #expect(cash == 10_000)
    }

    @Test(arguments: [0, 1])
    func `are lost with a void leg beside a lost one, whichever comes first`(void: Int) throws {
        #expect(try cell.place(intent(markets)).status == .open)
        for index in 0..<2 { try cell.settle(markets[index], index == void ? [.void, .void] : [.lost, .won]) }
        #expect(cash == 9000)
        #expect(cell.audit().isEmpty)
    }

    @Test func `win bonus money and free stakes at that price, too`() throws {
        for (kind, amount) in [(GrantKind.bonus, Int64(500)), (.free, 500)] {
            try cell.say { [id = cell.freshID()] in
                $0.grant(
                    kind, amount, to: account, id: id, requestHash: id, actor: 7,
                    reason: "welcome")
            }
        }
        var mixed = intent(markets)
        mixed.bonus = 500
        mixed.free = 500
        // 10.00 at 2.50 less the free half.
        #expect(try cell.place(mixed).potentialReturn == 2000)
        try cell.settle(markets[0], [.won, .lost])
        try cell.settle(markets[1], [.won, .lost])
        #expect(cash + cell.total(.bonus, .demo) == 12_000)
        #expect(cell.audit().isEmpty)
    }

    @Test func `as an accumulator they are refused as related`() throws {
        let accumulator = cell.intent(account, markets.map { ($0, 0, decimal(2000)) }, stake: 1000)
        #expect(try cell.place(accumulator).refusal == .related)
    }

    @Test func `are not sold back`() throws {
        let placed = try cell.place(intent(markets))
        let sale = CashOutIntent(
            account: account, id: cell.freshID(), requestHash: .zero, session: SessionID(1), bet: placed.bet, part: 0,
            least: 1, validUntil: cell.now.adding(milliseconds: 1000))
        let answer = try cell.say { $0.cashOut(sale) }
        #expect(Refusal(rawValue: answer.record.field(Layout.CashOutAnswered.refusal, as: UInt16.self)) == .cashOutNotOffered)
    }
}
