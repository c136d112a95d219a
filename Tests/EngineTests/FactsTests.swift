import Betting
import Catalogue
import EngineCore
import EngineJournal
import EngineService
import Kernel
import Ledger
import TestSupport
import Testing

@Suite struct `A journal that was decided under other rules` {
    let even = decimal(2000)

    /// Rules that call themselves the current ones and take less: what a faulty build would do.
    var stricter: RuleSet {
        var rules = RuleSet.current
        rules.stake = 150
        return rules
    }

    /// Two bets of 200, which `stricter` refuses, and one of 100; a settlement on top.
    func written() throws -> (Cell, StateHash) {
        let cell = try Cell()
        let account = try cell.customer(cash: 1000)
        let market = try cell.market([even, even])
        for stake in [200, 100, 200] as [Int64] {
            let bet = try cell.place(cell.intent(account, [(market, 0, even)], stake: stake))
            #expect(bet.status == .open)
        }
        try cell.settle(market, [.won, .lost])
        return (cell, cell.stateHash)
    }

    private func divergences(_ start: () throws(HostError) -> Void) -> Divergences? {
        do throws(HostError) {
            try start()
        } catch {
            if case .diverged(let found) = error { return found }
        }
        return nil
    }

    @Test func `stops the start and says which records, and changes nothing`() throws {
        let (cell, _) = try written()
        let before = cell.disk.store.files
        let found = divergences { () throws(HostError) in try cell.restart(rules: [stricter]) }
        // The deposit of 1000 is above the stricter maximum, too.
        #expect(found?.count == 3)
        #expect(found?.text.contains("stake_above_maximum, value 200, threshold 150") == true)
        #expect(found?.text.contains("the journal says accepted") == true)
        #expect(cell.disk.store.files == before)
    }

    @Test func `is followed to the same books when an operator says that facts win`() throws {
        let (cell, live) = try written()
        try cell.restart(rules: [stricter], factsWin: "O. Brien")
        #expect(cell.host.report.stateHash == live)
        #expect(cell.host.report.divergences.count == 3)
        #expect(cell.audit() == [])
        var words: [String] = []
        _ = try JournalReader(cell.disk).scan { block in
            block.forEachRecord { record in
                guard record.kind == .divergence else { return }
                words.append(record.text(Layout.Divergence.operator, width: 48))
                #expect(record.field(Layout.Divergence.count, as: UInt64.self) == 3)
                #expect(
                    record.field(Layout.Divergence.first, as: UInt64.self)
                        < record.field(Layout.Divergence.last, as: UInt64.self))
            }
        }
        #expect(words == ["O. Brien"])
    }

    @Test func `needs the operator's word once, and again when something else differs`() throws {
        let (cell, _) = try written()
        try cell.restart(rules: [stricter], factsWin: "A")
        try cell.restart(rules: [stricter])
        #expect(cell.host.report.divergences.areAccepted)
        #expect(cell.host.report.divergences.acceptedBy == "A")
        var strictest = stricter
        strictest.stake = 50
        let found = divergences { () throws(HostError) in try cell.restart(rules: [strictest]) }
        #expect(found?.count == 4)
        // And the build that wrote it has nothing to ask.
        try cell.restart()
        #expect(cell.host.report.divergences.count == 0)
    }

    @Test func `is decided under its own version by a newer build, whose rules hold from then on`()
        throws
    {
        var next = RuleSet(version: 3)
        next.stake = 150
        let (cell, live) = try written()
        try cell.restart(rules: [.current, next])
        #expect(cell.host.report.stateHash == live)
        #expect(cell.host.report.divergences.count == 0)
        let account = try cell.customer(cash: 150)
        let market = try cell.market([even, even])
        let refused = try cell.place(cell.intent(account, [(market, 0, even)], stake: 200))
        #expect(refused.refusal == .stakeAboveMaximum)
        #expect(refused.threshold == 150)
        #expect(refused.record.rulesVersion == 3)
        let mixed = cell.stateHash
        try cell.restart(rules: [.current, next])
        #expect(cell.host.report.stateHash == mixed)
        #expect(cell.host.report.divergences.count == 0)
    }

    @Test func `is followed without a second opinion when its version is no longer known`() throws {
        var next = RuleSet(version: 3)
        next.stake = 150
        let (cell, live) = try written()
        try cell.restart(rules: [next])
        #expect(cell.host.report.stateHash == live)
        #expect(cell.host.report.divergences.count == 0)
    }

    @Test func `is refused by an older build`() throws {
        let cell = try Cell(rules: [.current, RuleSet(version: 3)])
        _ = try cell.customer(cash: 100)
        do throws(HostError) {
            try cell.restart()
            Issue.record("an older build took newer records")
        } catch {
            guard case .newerRules(3, _) = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    // MARK: One stored outcome changed, with everything that follows from it

    /// Replays the journal with `change` made to each of its records of `kind`.
    private func replay(
        _ cell: Cell, changing kind: RecordKind, into engine: inout Engine,
        _ change: (RecordBytes) -> Void
    ) throws -> Divergences {
        var replay = Replay()
        _ = try JournalReader(cell.disk).scan { block in
            block.forEachRecord { record in
                guard record.kind == kind else { return }
                change(record)
                Slot.seal(record)
            }
            try replay.apply(block, to: &engine)
        }
        return replay.divergences
    }

    @Test func `is followed in what a settlement paid`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 100)
        let market = try cell.market([even, even])
        try cell.place(cell.intent(account, [(market, 0, even)], stake: 100))
        try cell.settle(market, [.won, .lost])
        var engine = Engine(limits: Cell.smallLimits, seed: 1)
        let found = try replay(cell, changing: .betSettled, into: &engine) { record in
            record.set(Layout.BetSettled.payout, 201 as Int64)
            record.set(Layout.BetSettled.balances + Layout.Balances.cash, 201 as Int64)
        }
        #expect(found.count == 1)
        #expect(found.kept.first?.fact.amount == 201)
        #expect(found.kept.first?.ours.amount == 200)
        #expect(engine.total(.cash, .demo) == 201)
        #expect(engine.audit() == [])
    }

    @Test func `is followed in a bet that was let go after its delay`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 100)
        let market = try cell.market([even, even], inPlay: true, betDelay: 1000)
        try cell.place(cell.intent(account, [(market, 0, even)], stake: 100))
        cell.clock.advance(milliseconds: 1001)
        try cell.turn()
        #expect(cell.total(.openBets, .demo) == 100)
        var engine = Engine(limits: Cell.smallLimits, seed: 1)
        let found = try replay(cell, changing: .placed, into: &engine) { record in
            guard
                record.field(Layout.Placed.status, as: UInt8.self) == BetStatus.open.rawValue
            else { return }
            record.set(Layout.Placed.status, BetStatus.refused.rawValue)
            record.set(Layout.Placed.refusal, Refusal.suspendedDuringDelay.rawValue)
            record.set(Layout.Placed.refusalLeg, 0 as UInt32)
            record.set(Layout.Placed.value, 4 as Int64)
            record.set(Layout.Placed.acceptedAt, 0 as Int64)
            record.set(Layout.Placed.entries, 1 << EntryReason.release.rawValue as UInt8)
            record.set(Layout.Placed.balances + Layout.Balances.cash, 100 as Int64)
            record.set(Layout.Placed.balances + Layout.Balances.openBets, 0 as Int64)
        }
        #expect(found.count == 1)
        #expect(engine.total(.cash, .demo) == 100)
        #expect(engine.total(.openBets, .demo) == 0)
        #expect(engine.audit() == [])
    }

    @Test func `is noted when only particulars differ, such as an exposure`() throws {
        let (cell, live) = try written()
        var engine = Engine(limits: Cell.smallLimits, seed: 1)
        let found = try replay(cell, changing: .placed, into: &engine) { record in
            record.set(Layout.Placed.exposureAfter, 999 as Int64)
        }
        #expect(found.count == 3)
        #expect(found.text.contains("other particulars"))
        #expect(engine.stateHash == live)
    }

    @Test func `is not followed into books that do not come out`() throws {
        let (cell, _) = try written()
        var engine = Engine(limits: Cell.smallLimits, seed: 1)
        #expect(throws: HostError.self) {
            _ = try replay(cell, changing: .placed, into: &engine) { record in
                record.set(Layout.Placed.balances + Layout.Balances.cash, 12_345 as Int64)
            }
        }
    }
}
