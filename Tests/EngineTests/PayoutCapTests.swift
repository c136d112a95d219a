import Betting
import Catalogue
import EngineCore
import EngineService
import Kernel
import TestSupport
import Testing

/// A customer whose open bets may return 100.00 together, and who may be paid 150.00 a day.
@Suite struct `Payout caps of a customer` {
    let two = decimal(2000)
    let cell: Cell
    let account: AccountID

    init() throws {
        var terms = CellConfiguration()
        terms.customerCap = 10_000
        terms.dayCap = 15_000
        cell = try Cell(terms: terms)
        account = try cell.customer(cash: 1_000_000)
    }

    private func place(_ stake: Int64, on market: Cell.Offered, _ fill: FillRule = .reject) throws -> Cell.Outcome {
        var intent = cell.intent(account, [(market, 0, two)], stake: stake)
        intent.fill = fill
        return try cell.place(intent)
    }

    private func isSound() -> Bool { cell.audit().isEmpty }

    @Test func `bound what its open bets may return together`() throws {
        let market = try cell.market([two, two])
        #expect(try place(3_000, on: market).status == .open)
        let more = try place(2_001, on: market)
        #expect(more.refusal == .customerPayoutCap)
        #expect((more.value, more.threshold) == (10_002, 10_000))
        let cut = try place(9_000, on: market, .cap)
        #expect(cut.record.field(Layout.Placed.stake, as: Int64.self) == 2_000)
        #expect(isSound())
    }

    @Test func `bound what it may be paid on a day, until the day ends`() throws {
        let first = try cell.market([two, two])
        let second = try cell.market([two, two])
        #expect(try place(5_000, on: first).status == .open)
        try cell.settle(first, [.won, .lost])
        let refused = try place(2_501, on: second)
        #expect(refused.refusal == .dayPayoutCap)
        #expect((refused.value, refused.threshold) == (15_002, 15_000))
        #expect(try place(1_000, on: second).status == .open)
        // What a correction takes back was not paid.
        try cell.settle(first, [.lost, .won])
        #expect(try place(4_000, on: second).status == .open)
        try cell.settle(second, [.won, .lost])
        let third = try cell.market([two, two])
        #expect(try place(4_000, on: third).refusal == .dayPayoutCap)
        cell.clock.advance(milliseconds: 86_400_000)
        #expect(try place(4_000, on: third).status == .open)
        #expect(isSound())
    }

    @Test func `hold after a restart`() throws {
        let market = try cell.market([two, two])
        #expect(try place(5_000, on: market).status == .open)
        try cell.settle(market, [.won, .lost])
        try cell.restart()
        let other = try cell.market([two, two])
        #expect(try place(2_501, on: other).refusal == .dayPayoutCap)
        #expect(isSound())
    }
}
