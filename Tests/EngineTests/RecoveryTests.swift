import Betting
import Catalogue
import EngineCore
import EngineJournal
import EngineService
import Kernel
import TestSupport
import Testing

@Suite struct `A journal after a crash` {
    let even = decimal(2000)

    /// Places all in one turn; those that were accepted, with their bets.
    private func placeAll(_ intents: [BetIntent], in cell: Cell) throws -> [(BetIntent, UInt64)] {
        let tokens = intents.map { intent in cell.send { $0.place(intent) } }
        try cell.turn()
        return zip(intents, tokens).compactMap { intent, token in
            let outcome = cell.answered.last { $0.token == token }!.outcome
            return outcome.refusal == nil ? (intent, outcome.bet) : nil
        }
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `has every acknowledged bet once and every other wholly or not at all`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let cell = try Cell()
        let account = try cell.customer(cash: 1_000_000)
        let market = try cell.market([even, even], inPlay: true, betDelay: seed % 2 == 0 ? 0 : 50)
        var acknowledged: [(BetIntent, UInt64)] = []
        var unknown: [BetIntent] = []
        for _ in 0..<6 {
            cell.disk.store.writesUntilCrash = random.number(in: 1...12)
            cell.disk.store.survivingSectors = random.next() & random.next()
            let died = #expect(throws: HostError.self) {
                for _ in 0..<20 {
                    unknown = (0..<random.number(in: 1...40)).map { _ in
                        cell.intent(account, [(market, 0, even)], stake: 10)
                    }
                    acknowledged += try placeAll(unknown, in: cell)
                    unknown = []
                    cell.clock.advance(milliseconds: 10)
                }
            }
            if died == nil { return }
            cell.clock.advance(milliseconds: 1000)
            try cell.restart()
            try cell.say { $0.marketState(market.id, by: .feed, lifting: [.feed, .recovery]) }
            // Each that was not answered resolves by asking again.
            let asked = unknown.map { intent in cell.send { $0.place(intent) } }
            try cell.turn()
            for token in asked { #expect(cell.answered.contains { $0.token == token }) }
            unknown = []
            #expect(cell.audit() == [])
        }
        for (intent, bet) in acknowledged {
            let again = try cell.place(intent)
            #expect(again.isRepeat)
            #expect(again.bet == bet)
        }
    }

    @Test func `replays to the same state hash`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 1_000_000)
        let market = try cell.market([even, even])
        for _ in 0..<300 { try cell.place(cell.intent(account, [(market, 0, even)], stake: 10)) }
        try cell.settle(market, [.won, .lost])
        let live = cell.stateHash
        var engine = Engine(limits: Cell.smallLimits, seed: 99)
        var replay = Replay()
        _ = try JournalReader(cell.disk).scan { try replay.apply($0, to: &engine) }
        try replay.finish()
        #expect(engine.stateHash == live)
        #expect(engine.audit() == [])
    }

    @Test func `goes on through segments`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 10_000_000)
        let market = try cell.market([even, even])
        for _ in 0..<40 {
            for _ in 0..<200 {
                let intent = cell.intent(account, [(market, 0, even)], stake: 10)
                _ = cell.send { $0.place(intent) }
            }
            try cell.turn()
        }
        #expect(cell.disk.store.files.count >= 4)
        let live = cell.stateHash
        try cell.restart()
        #expect(cell.host.report.stateHash == live)
        #expect(cell.audit() == [])
    }

    @Test func `that failed to write answered nothing of that block`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 1000)
        let market = try cell.market([even, even])
        cell.disk.store.writesUntilFailure = 1
        let answers = cell.answered.count
        let intent = cell.intent(account, [(market, 0, even)], stake: 100)
        #expect(throws: HostError.self) { try cell.place(intent) }
        #expect(cell.answered.count == answers)
        try cell.restart()
        try cell.say { $0.marketState(market.id, by: .feed, lifting: .recovery) }
        #expect(try cell.place(intent).isRepeat == false)
    }
}

@Suite struct `A journal that was tampered with or rotted` {
    let even = decimal(2000)

    func written() throws -> (Cell, Int) {
        let cell = try Cell()
        let account = try cell.customer(cash: 1000)
        let market = try cell.market([even, even])
        try cell.place(cell.intent(account, [(market, 0, even)], stake: 100))
        try cell.host.confirm()
        let end = try JournalReader(cell.disk).scan { _ in }!
        return (cell, end.offset)
    }

    @Test func `is refused for any flipped bit, or comes back with every acknowledged record`()
        throws
    {
        let (cell, length) = try written()
        let name = JournalFormat.segmentName(1)
        let whole = cell.disk.store.files[name]!
        let records = try JournalReader(cell.disk).scan { _ in }!.lastSequence
        var random = SeededGenerator(seed: 4)
        for _ in 0..<400 {
            var bytes = whole
            let place = random.number(in: 0...length - 1)
            bytes[place] ^= 1 << UInt8(random.number(in: 0...7))
            cell.disk.store.files[name] = bytes
            do {
                let end = try JournalReader(cell.disk).scan { _ in }
                // Only the last, empty block may be taken for torn: it acknowledged nothing of its own.
                #expect(end?.lastSequence == records)
            } catch is Corruption {}
            cell.disk.store.files[name] = bytes
            #expect(cell.disk.store.files[name] == bytes)
        }
    }

    @Test func `names segment and offset when a block in the middle is gone`() throws {
        let (cell, _) = try written()
        let name = JournalFormat.segmentName(1)
        for index in 8192..<12288 { cell.disk.store.files[name]![index] = 0 }
        do {
            _ = try JournalReader(cell.disk).scan { _ in }
            Issue.record("a hole was accepted")
        } catch let corruption as Corruption {
            #expect(corruption.segment == name)
            #expect(corruption.text.contains("Nothing was changed"))
        }
    }

    @Test func `stops when a stored outcome is not what the rules say`() throws {
        let (cell, _) = try written()
        var engine = Engine(limits: Cell.smallLimits, seed: 1)
        var replay = Replay()
        var isFirst = true
        #expect(throws: HostError.self) {
            _ = try JournalReader(cell.disk).scan { block in
                if !isFirst {
                    // One minor unit more than was decided, with a checksum that fits.
                    block.forEachRecord { record in
                        guard record.kind == .placed else { return }
                        record.set(Layout.Placed.potentialReturn, 201 as Int64)
                        Slot.seal(record)
                    }
                }
                isFirst = false
                try replay.apply(block, to: &engine)
            }
            try replay.finish()
        }
    }
}
