import Betting
import EngineCore
import EngineService
import Kernel
import TestSupport
import Testing

@Suite struct `An id that a client made` {
    let even = decimal(2000)

    private func world() throws -> (cell: Cell, account: AccountID, market: Cell.Offered) {
        let cell = try Cell()
        let account = try cell.customer(cash: 100_000)
        return (cell, account, try cell.market([even, even]))
    }

    private func id(of cell: Cell, ago milliseconds: Int64) -> ExternalID {
        ExternalID(milliseconds: cell.now.milliseconds - milliseconds, random: (1, 2))
    }

    @Test(arguments: [Limits.idAge + 1, -Limits.validUntilAhead - 1000])
    func `too long ago or too far ahead is never decided`(age: Int64) throws {
        let (cell, account, market) = try world()
        let outcome = try cell.place(
            cell.intent(
                account, [(market, 0, even)], stake: 1000, id: id(of: cell, ago: age)))
        #expect(outcome.refusal == .idOutsideWindow)
        #expect(outcome.cash == 100_000)
    }

    @Test func `without a time in it is never decided`() throws {
        let (cell, account, market) = try world()
        let outcome = try cell.place(
            cell.intent(
                account, [(market, 0, even)], stake: 1000, id: ExternalID(high: 1, low: 2)))
        #expect(outcome.refusal == .idOutsideWindow)
    }

    @Test(arguments: [0, Limits.idAge - 1000, -Limits.validUntilAhead + 1000])
    func `in the last minutes is decided`(age: Int64) throws {
        let (cell, account, market) = try world()
        let outcome = try cell.place(
            cell.intent(
                account, [(market, 0, even)], stake: 1000, id: id(of: cell, ago: age)))
        #expect(outcome.status == .open)
    }

    /// However late, and with whatever new deadline, it is asked again: once is once.
    @Test(arguments: [1, 60, 300, 539, 541, 599, 601, 659, 661, 700, 3600, 86_400])
    func `moves money once, whenever it is asked again`(later seconds: Int64) throws {
        let (cell, account, market) = try world()
        var intent = cell.intent(account, [(market, 0, even)], stake: 1000)
        intent.validUntil = cell.now.adding(milliseconds: Limits.validUntilAhead - 1000)
        #expect(try cell.place(intent).status == .open)
        cell.host.projected = .max
        cell.clock.advance(milliseconds: seconds * 1000)
        // A turn for the sequencer to let old ids go.
        _ = try cell.customer(cash: 0)
        intent.validUntil = cell.now.adding(milliseconds: 10_000)
        let again = try cell.place(intent)
        #expect(again.isRepeat || again.refusal == .idOutsideWindow)
        #expect(again.cash == 99_000)
        #expect(cell.audit() == [])
    }

    @Test func `of a refused bet is remembered up to a number an account, and then nothing is decided`()
        throws
    {
        let (cell, account, market) = try world()
        for _ in 0..<Limits.refusedPerAccount {
            let refused = try cell.place(
                cell.intent(account, [(market, 0, even)], stake: 1_000_000))
            #expect(refused.refusal == .insufficientFunds)
        }
        let good = cell.intent(account, [(market, 0, even)], stake: 1000)
        let tooMany = try cell.place(good)
        #expect(tooMany.refusal == .tooManyRefused)
        #expect(tooMany.value == Int64(Limits.refusedPerAccount))
        // Others are not concerned, and the id was not used up.
        let other = try cell.customer(cash: 5000)
        #expect(try cell.place(cell.intent(other, [(market, 0, even)], stake: 1000)).status == .open)
        cell.host.projected = .max
        cell.clock.advance(milliseconds: 700000)
        for _ in 0..<20 {
            _ = try cell.customer(cash: 0)
            cell.clock.advance(milliseconds: 2000)
        }
        #expect(
            try cell.place(cell.intent(account, [(market, 0, even)], stake: 1000)).status == .open)
        #expect(cell.audit() == [])
    }

    @Test func `cannot be refused for good when there is no room to remember it`() throws {
        var limits = Cell.smallLimits
        limits.ids = 2
        let cell = try Cell(limits: limits)
        let account = try cell.customer(cash: 5000)
        let market = try cell.market([even, even])
        for _ in 0..<2 {
            _ = try cell.place(cell.intent(account, [(market, 0, even)], stake: 100))
        }
        let refused = try cell.place(cell.intent(account, [(market, 0, even)], stake: 1_000_000))
        #expect(refused.refusal == .tooManyIDs)
    }
}
