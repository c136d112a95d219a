import Betting
import Catalogue
import EngineCore
import EngineJournal
import EngineService
import Kernel
import Ledger
import TestSupport
import Testing

@Suite struct `A snapshot` {
    let odds = decimal(1950)

    private func bet(_ cell: Cell, _ account: AccountID, _ market: Cell.Offered, stake: Int64) {
        _ = cell.send { $0.place(cell.intent(account, [(market, 0, odds)], stake: stake)) }
    }

    /// A cell with a market, and what the test does while the snapshot is taken.
    private func taken(_ bets: Int, chunks: Int, meanwhile: (Cell) throws -> Void) throws -> (Cell, UInt64) {
        let cell = try Cell()
        let accounts = try (0..<200).map { _ in try cell.customer(cash: 100_000_000) }
        let market = try cell.market([odds, odds])
        for index in 0..<bets {
            bet(cell, accounts[index % 200], market, stake: 100 + Int64(index % 7))
            if index % 500 == 499 { try cell.turn() }
        }
        try cell.turn()
        let copy = SnapshotCopy()
        let round = SnapshotRound(cell.disk)
        try cell.host.beginSnapshot(copy) { _ in }
        cell.host.chunksPerSlice = chunks
        while cell.host.isCopying {
            cell.host.copySlice()
            try meanwhile(cell)
            if let sequence = try round.write(copy) { return try accepted(cell, sequence) }
        }
        while true {
            if let sequence = try round.write(copy) { return try accepted(cell, sequence) }
        }
    }

    /// Nothing relies on it before somebody has looked at it.
    private func accepted(_ cell: Cell, _ sequence: UInt64) throws -> (Cell, UInt64) {
        #expect(try SnapshotShelf(cell.disk).finished() == [])
        var engine = Engine(limits: Cell.smallLimits, seed: 6)
        _ = try SnapshotShelf(cell.disk).open(sequence, into: &engine, isAccepted: false)
        try SnapshotShelf(cell.disk).accept(sequence)
        return (cell, sequence)
    }

    private func load(_ cell: Cell, _ sequence: UInt64) throws -> (hash: StateHash, sequence: UInt64, bets: Int) {
        var engine = Engine(limits: Cell.smallLimits, seed: 5)
        let header = try SnapshotShelf(cell.disk).open(sequence, into: &engine)
        #expect(engine.audit() == [])
        return (engine.rowsHash, header.end.lastSequence, engine.counts.bets)
    }

    @Test func `takes no more memory the tenth time than the second`() throws {
        let (cell, _) = try taken(100, chunks: 2) { _ in }
        for _ in 0..<3 {
            let copy = SnapshotCopy()
            let round = SnapshotRound(cell.disk)
            try cell.host.beginSnapshot(copy) { _ in }
            while cell.host.isCopying { cell.host.copySlice() }
            while try round.write(copy) == nil {}
            #expect(cell.host.spareChunks <= SnapshotCopy.mostSpares)
        }
    }

    @Test(arguments: [1, 3, 50])
    func `is of one moment, however much is decided while it is taken`(chunks: Int) throws {
        var account: AccountID?
        var market: Cell.Offered?
        let (cell, sequence) = try taken(45_000, chunks: chunks) { cell in
            if account == nil {
                account = try cell.customer(cash: 1_000_000)
                market = try cell.market([odds, odds])
            }
            for _ in 0..<20 { bet(cell, account!, market!, stake: 100) }
            try cell.turn()
        }
        let loaded = try load(cell, sequence)
        #expect(loaded.bets == 45_000)
        #expect(loaded.sequence == sequence)
        #expect(cell.host.engine.counts.bets > 45_000)
        let live = cell.host.engine.rowsHash
        try cell.restart()
        #expect(cell.host.report.snapshot == sequence)
        #expect(cell.host.report.stateHash != StateHash())
        // The tail that came while it was taken is replayed on it.
        #expect(live != loaded.hash)
        #expect(cell.host.engine.counts.bets > 45_000)
        #expect(cell.host.engine.audit() == [])
    }

    @Test func `that is damaged anywhere is not believed`() throws {
        let (cell, sequence) = try taken(300, chunks: 50) { _ in }
        let name = SnapshotFormat.name(sequence)
        let whole = cell.disk.store.files[name]!
        var used = whole.count
        while used > 0, whole[used - 1] == 0 { used -= 1 }
        for place in stride(from: 0, to: used, by: 97) {
            cell.disk.store.files[name]![place] ^= 0x10
            #expect(throws: SnapshotProblem.self) { _ = try load(cell, sequence) }
            cell.disk.store.files[name]![place] = whole[place]
        }
        for count in [4096, whole.count / 2 / 4096 * 4096, whole.count - 4096] where count < used {
            cell.disk.store.files[name] = Array(whole[..<count])
            #expect(throws: SnapshotProblem.self) { _ = try load(cell, sequence) }
        }
        // And the start goes by the journal.
        try cell.restart()
        #expect(cell.host.report.snapshot == 0)
        #expect(cell.host.report.unusable.count == 1)
    }

    @Test func `of a journal that lost its block is an alarm`() throws {
        let (cell, sequence) = try taken(50, chunks: 50) { _ in }
        let end = try SnapshotReader(cell.disk, name: SnapshotFormat.name(sequence)).end()
        // As if the segment came from an older backup.
        let last = try #require(end.lastBlock)
        let name = JournalFormat.segmentName(last.segment)
        cell.disk.store.files[name]!.replaceSubrange(
            last.offset..., with: [UInt8](repeating: 0, count: cell.disk.store.files[name]!.count - last.offset))
        #expect(throws: HostError.self) { try cell.restart() }
    }

    @Test func `given up because nobody writes it costs nothing`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 1_000_000)
        let market = try cell.market([odds, odds])
        let copy = SnapshotCopy()
        try cell.host.beginSnapshot(copy) { _ in }
        copy.abandon()
        cell.host.copySlice()
        #expect(!cell.host.isCopying)
        #expect(try cell.place(cell.intent(account, [(market, 0, odds)], stake: 100)).status == .open)
        #expect(cell.host.engine.audit() == [])
        #expect(try SnapshotShelf(cell.disk).finished() == [])
    }
}

@Suite struct `Bets that were settled` {
    let odds = decimal(2000)

    /// A cell with one settled single, the projections up to date.
    private func settled() throws -> (Cell, AccountID, Cell.Offered) {
        let cell = try Cell()
        let account = try cell.customer(cash: 10_000)
        let market = try cell.market([odds, odds])
        try cell.place(cell.intent(account, [(market, 0, odds)], stake: 1000))
        try cell.settle(market, [.won, .lost])
        cell.host.projected = .max
        return (cell, account, market)
    }

    private func correct(_ cell: Cell, _ market: Cell.Offered) throws -> OperationRefusal? {
        let answer = try cell.say {
            $0.result(market: market.id, [SelectionOutcome(.lost), SelectionOutcome(.won)], source: .feed)
        }
        return OperationRefusal(rawValue: answer.record.field(Layout.ResultAnswered.refusal, as: UInt16.self))
    }

    private func pass(_ cell: Cell, milliseconds: Int64) throws {
        for _ in 0..<4 {
            cell.clock.advance(milliseconds: milliseconds / 4)
            try cell.turn()
            try cell.turn()
        }
    }

    @Test func `stay for as long as their result may be corrected, and leave then`() throws {
        let (cell, _, market) = try settled()
        try pass(cell, milliseconds: Limits.correctionWindow - 1000)
        #expect(cell.host.engine.counts.bets == 1)
        #expect(try correct(cell, market) == nil)
        try cell.settleAll()
        // The correction counts from its own time.
        try pass(cell, milliseconds: Limits.correctionWindow - 1000)
        #expect(cell.host.engine.counts.bets == 1)
        try pass(cell, milliseconds: 100_000)
        #expect(cell.host.engine.counts.bets == 0)
        #expect(cell.audit() == [])
        #expect(try correct(cell, market) == .betsReleased)
        let before = cell.stateHash
        try cell.restart()
        #expect(cell.host.report.stateHash == before)
    }

    @Test func `stay while the projections do not have them`() throws {
        let (cell, _, _) = try settled()
        cell.host.projected = 5
        try pass(cell, milliseconds: Limits.correctionWindow * 2)
        #expect(cell.host.engine.counts.bets == 1)
        cell.host.projected = .max
        try pass(cell, milliseconds: 200_000)
        #expect(cell.host.engine.counts.bets == 0)
    }

    @Test func `stay after a start until the projections have everything that was found`() throws {
        let (cell, _, _) = try settled()
        try pass(cell, milliseconds: Limits.correctionWindow - 1000)
        try cell.restart()
        // A power failure took the newest rows: what is left of them let other things go once.
        cell.host.projected = cell.host.report.records - 1
        try pass(cell, milliseconds: Limits.correctionWindow)
        #expect(cell.host.engine.counts.bets == 1)
        cell.host.projected = cell.host.report.records
        try pass(cell, milliseconds: 200_000)
        #expect(cell.host.engine.counts.bets == 0)
    }

    @Test func `of several markets leave with the last of them`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 10_000)
        let one = try cell.market([odds, odds])
        let other = try cell.market([odds, odds])
        try cell.place(cell.intent(account, [(one, 0, odds), (other, 0, odds)], stake: 1000))
        cell.host.projected = .max
        try cell.settle(one, [.won, .lost])
        try pass(cell, milliseconds: Limits.correctionWindow * 2)
        // It stands: the other market has no result.
        #expect(cell.host.engine.counts.bets == 1)
        try cell.settle(other, [.won, .lost])
        #expect(cell.settled.last?.record.field(Layout.BetSettled.payout, as: Int64.self) == 4000)
        try pass(cell, milliseconds: Limits.correctionWindow * 2)
        #expect(cell.host.engine.counts.bets == 0)
        #expect(cell.audit() == [])
    }

    @Test func `make room for new ones in the same rows`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 1_000_000)
        cell.host.projected = .max
        for round in 0..<5 {
            let market = try cell.market([odds, odds])
            for _ in 0..<100 { try cell.place(cell.intent(account, [(market, 0, odds)], stake: 10)) }
            try cell.settle(market, [.lost, .won])
            try pass(cell, milliseconds: Limits.correctionWindow + 1_000_000)
            #expect(cell.host.engine.counts.bets == 0, "round \(round)")
        }
        let before = cell.stateHash
        try cell.restart()
        #expect(cell.host.report.stateHash == before)
        #expect(cell.audit() == [])
    }
}
