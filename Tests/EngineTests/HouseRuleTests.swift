import Betting
import Catalogue
import EngineCore
import EngineService
import Kernel
import Ledger
import TestSupport
import Testing

@Suite struct `House rules` {
    let cell: Cell
    let account: AccountID
    let markets: [Cell.Offered]

    init() throws {
        let cell = try Cell()
        self.cell = cell
        account = try cell.customer(cash: 100_000)
        markets = try (0..<4).map { _ in try cell.market([decimal(2000), decimal(2000)]) }
    }

    private func rules(only: UInt16 = 100, all: UInt16 = 0, commission: UInt16 = 0) -> HouseRules {
        var rules = HouseRules.none
        rules.commission = commission
        rules.bonuses[3] = CoverBonus(onlyWinner: only, allWinners: all)!
        return rules
    }

    @discardableResult
    private func set(_ rules: HouseRules, version: Int? = nil, actor: UInt64 = 7, reason: String = "a new season") throws
        -> OperationRefusal?
    {
        let outcome = try cell.say { $0.houseRules(rules, version: version, actor: actor, reason: reason) }
        return OperationRefusal(rawValue: outcome.record.field(Layout.MarketChanged.refusal, as: UInt16.self))
    }

    private func lucky(groups: SIMD4<UInt32> = .zero, sizes: UInt32 = 0b1111, stake: Int64 = 1500) throws -> Cell.Outcome {
        var intent = cell.intent(account, markets.map { ($0, 0, decimal(2000)) }, stake: stake)
        intent.structure = .system
        intent.sizes = sizes
        intent.groups = groups
        return try cell.place(intent)
    }

    private func settle(_ won: Int) throws {
        for (index, market) in markets.enumerated() {
            try cell.settle(market, index < won ? [.won, .lost] : [.lost, .won])
        }
    }

    private var cash: Int64 { cell.total(.cash, .demo) }

    @Test func `count for bets that are asked for under them, whatever comes later`() throws {
        #expect(try lucky().potentialReturn == 8000)
        #expect(try set(rules(all: 1000)) == nil)
        #expect(try lucky().potentialReturn == 8800)
        #expect(try set(.none) == nil)
        #expect(try lucky().potentialReturn == 8000)
        try cell.restart()
        try settle(4)
        #expect(cash == 100_000 - 3 * 1500 + 8000 + 8800 + 8000)
        #expect(cell.audit().isEmpty)
    }

    @Test func `pay an only winner more, and take their part of what is won`() throws {
        try set(rules(only: 300, commission: 1000))
        #expect(try lucky().status == .open)
        try settle(1)
        // 1.00 at 2.00, its winnings three times; 4.00 is less than the stake of 15.00.
        #expect(cash == 100_000 - 1500 + 400)
        let single = try cell.market([decimal(5000), decimal(1200)])
        try cell.place(cell.intent(account, [(single, 0, decimal(5000))], stake: 1000))
        try cell.settle(single, [.won, .lost])
        // 40.00 won, 4.00 of it taken.
        #expect(cash == 100_000 - 1500 + 400 - 1000 + 4600)
        #expect(cell.audit().isEmpty)
    }

    @Test func `take their part of what a free stake wins, and of what a correction makes of it`() throws {
        try set(rules(commission: 1000))
        let single = try cell.market([decimal(5000), decimal(1200)])
        try cell.say { [id = cell.freshID()] in
            $0.grant(
                .free, 1000, to: account, id: id, requestHash: id, actor: 7, reason: "welcome")
        }
        var free = cell.intent(account, [(single, 0, decimal(5000))], stake: 1000)
        free.free = 1000
        #expect(try cell.place(free).status == .open)
        try cell.settle(single, [.won, .lost])
        // 40.00 won, 4.00 of it taken.
        #expect(cash == 103_600)
        try cell.settle(single, [.halfWon, .halfLost])
        // Half of it stands at 5.00: 20.00 won, 2.00 taken.
        #expect(cash == 101_800)
        try cell.settle(single, [.lost, .won])
        #expect(cash == 100_000)
        try cell.settle(single, [.won, .lost])
        #expect(cash == 103_600)
        #expect(cell.audit().isEmpty)
    }

    @Test func `are kept as often as they may change, and no oftener`() throws {
        var last: OperationRefusal?
        var count = 0
        while last == nil, count < 2_000 {
            count += 1
            last = try set(rules(all: UInt16(count)))
        }
        #expect(last == .full)
        #expect(cell.host.engine.houseVersionCount == count - 1)
        #expect(count == 1_025)
        #expect(try lucky().potentialReturn == 8000 + 8000 * Int64(count - 1) / 10_000)
        try cell.restart()
        #expect(cell.host.engine.houseVersionCount == 1_024)
        #expect(cell.audit().isEmpty)
    }

    @Test func `need an operator, a reason, news, and what was seen`() throws {
        #expect(try set(rules(all: 1000), actor: 0) == .operatorMissing)
        #expect(try set(rules(all: 1000), reason: "") == .reasonMissing)
        #expect(try set(.none) == .noChange)
        #expect(try set(rules(all: 1000), version: 1) == .changedSince)
        #expect(try set(rules(all: 1000), version: 0) == nil)
        #expect(try set(rules(all: 1000)) == .noChange)
        #expect(cell.host.engine.houseVersionCount == 1)
    }

    @Test func `leave a system with groups as it is, which is no cover`() throws {
        try set(rules(only: 200, all: 1000))
        // One of the first two in a double with one of the others.
        let groups = SIMD4<UInt32>(0 << 28 | 1 << 24 | 1, 2 << 28 | 3 << 24 | 1, 0, 0)
        let placed = try lucky(groups: groups, sizes: 0b10, stake: 400)
        #expect(placed.status == .open)
        #expect(placed.potentialReturn == 1600)
        #expect(try lucky(groups: groups, sizes: 0b100, stake: 400).refusal == .systemMalformed)
        #expect(try lucky(groups: groups, sizes: 0b10, stake: 401).refusal == .stakeNotDivisible)
        try cell.restart()
        try settle(3)
        #expect(cash == 100_000 - 400 + 800)
        #expect(cell.audit().isEmpty)
    }
}
