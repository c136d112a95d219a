import Betting
import Catalogue
import EngineCore
import EngineJournal
import EngineService
import Foundation
import Kernel
import Projection
import ProjectionService
import Simulation
import StoreSQLite
import Synchronization
import TestSupport
import Testing

/// A cell that has lived a little, and every block of its life.
private struct History {
    let cell: Cell
    let blocks: [DurableBlock]
    let accounts: [AccountID]

    init(bets: Int, seed: UInt64) throws {
        let cell = try Cell()
        var kept: [DurableBlock] = []
        cell.onBlock = { kept.append($0) }
        let even = decimal(2000)
        var random = SeededGenerator(seed: seed)
        let accounts = try (0..<5).map { _ in try cell.customer(cash: 100_000) }
        var markets = try (0..<6).map { _ in try cell.market([even, even]) }
        markets.append(try cell.market([even, even], inPlay: true, betDelay: 3000))
        for number in 0..<bets {
            let account = accounts[Int.random(in: 0..<5, using: &random)]
            let one = Int.random(in: 0..<7, using: &random)
            let other = Int.random(in: 0..<7, using: &random)
            var legs = [(markets[one], UInt32.random(in: 0..<2, using: &random), even)]
            if other != one, number % 3 == 0 { legs.append((markets[other], 0, even)) }
            let stake = Int64.random(in: 5...30_000, using: &random)
            _ = cell.send { [intent = cell.intent(account, legs, stake: stake)] in
                $0.place(intent)
            }
            if number % 4 == 3 { try cell.turn() }
            if number % 7 == 0 { cell.clock.advance(milliseconds: 1000) }
        }
        try cell.turn()
        try cell.settle(markets[0], [.won, .lost])
        try cell.settle(markets[1], [.void, .void])
        cell.clock.advance(milliseconds: 5000)
        _ = try cell.customer(cash: 10)
        // A result that was wrong.
        try cell.settle(markets[0], [.lost, .won])
        self.cell = cell
        blocks = kept
        self.accounts = accounts
    }

    var last: UInt64 { blocks.last!.lastSequence }
}

/// A directory that goes away with the process's other temporary files when the suite lets it go.
private final class Scratch: Sendable {
    let root = FileManager.default.temporaryDirectory.appending(path: "store-" + UUID().uuidString)

    func directory() throws -> String {
        let path = root.appending(path: UUID().uuidString).path()
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    deinit { try? FileManager.default.removeItem(at: root) }
}

/// Everything that a store would tell, as text.
private func rows(_ store: SQLiteStore, _ history: History) throws -> String {
    try store.readNow { reader in
        var text = ""
        for account in history.accounts {
            for bet in try reader.bets(of: account, before: .max, limit: 10_000) { text += "\(bet)\n" }
            for line in try reader.statement(of: account, before: .max, limit: 10_000) {
                text += "\(line)\n"
            }
            text += "\(String(describing: try reader.balances(of: account)))\n"
        }
        return text
    }
}

private func open(_ directory: String) throws -> SQLiteStore {
    try SQLiteStore(directory: directory, onProjected: { _ in }, onFailure: { _ in })
}

private func located(_ directory: String, _ history: History) throws -> SQLiteStore {
    let store = try open(directory)
    _ = try JournalReader(history.cell.disk).scan { try store.locate($0) }
    return store
}

/// Gives the blocks to a running store, leaving out those for which `isLost` says so.
private func run(
    _ history: History, in directory: String, upTo end: Int? = nil,
    losing isLost: (Int) -> Bool = { _ in false }
) throws {
    let store = try located(directory, history)
    let count = end ?? history.blocks.count
    // Those that were left out are durable all the same.
    let start = store.point?.sequence ?? 0
    store.start(source: JournalTail(history.cell.disk), durable: start)
    for (index, block) in history.blocks[..<count].enumerated() where !isLost(index) {
        store.durable(block)
    }
    store.stop()
}

@Suite struct `The projection` {
    private let scratch = Scratch()

    @Test func `made from blocks in memory is the one made from the journal`() throws {
        let history = try History(bets: 400, seed: 1)
        let live = try scratch.directory()
        try run(history, in: live)
        let rebuilt = try open(try scratch.directory())
        try rebuilt.catchUp(from: JournalTail(history.cell.disk), upTo: history.last)
        let expected = try rows(rebuilt, history)
        #expect(expected.contains("settlementVersion: 2"))
        #expect(try rows(try open(live), history) == expected)
        #expect(rebuilt.point?.sequence == history.last)
    }

    @Test(arguments: [2, 3, 5, 11])
    func `reads from the journal what did not reach it in memory`(every: Int) throws {
        let history = try History(bets: 400, seed: 2)
        let directory = try scratch.directory()
        let last = history.blocks.count - 1
        try run(history, in: directory) { $0 != last && $0 % every == 0 }
        let whole = try open(try scratch.directory())
        try whole.catchUp(from: JournalTail(history.cell.disk), upTo: history.last)
        #expect(try rows(try open(directory), history) == rows(whole, history))
    }

    @Test func `goes on where it stopped, in however many lives`() throws {
        let history = try History(bets: 300, seed: 3)
        let directory = try scratch.directory()
        for end in stride(from: 10, to: history.blocks.count, by: 17) {
            try run(history, in: directory, upTo: end)
        }
        try run(history, in: directory)
        let whole = try open(try scratch.directory())
        try whole.catchUp(from: JournalTail(history.cell.disk), upTo: history.last)
        #expect(try rows(try open(directory), history) == rows(whole, history))
    }

    @Test func `moves rows and point together or not at all`() throws {
        let history = try History(bets: 100, seed: 4)
        let store = try open(try scratch.directory())
        let before = history.blocks[20].lastSequence
        try store.catchUp(from: JournalTail(history.cell.disk), upTo: before)
        let kept = try rows(store, history)
        #expect(throws: DiskError.self) {
            try store.catchUp(
                from: FailingSource(JournalTail(history.cell.disk), after: 7), upTo: history.last)
        }
        #expect(try rows(store, history) == kept)
        #expect(store.point?.sequence == before)
        // And afterwards it goes on as if nothing had been.
        try store.catchUp(from: JournalTail(history.cell.disk), upTo: history.last)
        let whole = try open(try scratch.directory())
        try whole.catchUp(from: JournalTail(history.cell.disk), upTo: history.last)
        #expect(try rows(store, history) == rows(whole, history))
    }

    @Test func `is refused beside another journal`() throws {
        let history = try History(bets: 20, seed: 5)
        let directory = try scratch.directory()
        try run(history, in: directory)
        let other = try History(bets: 500, seed: 6)
        #expect(throws: ProjectionMisfit.self) { _ = try located(directory, other) }
    }

    @Test func `adds up, line by line, through debts and corrections`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 1000)
        let even = decimal(2000)
        let first = try cell.market([even, even])
        let second = try cell.market([even, even])
        try cell.place(cell.intent(account, [(first, 0, even)], stake: 1000))
        try cell.settle(first, [.won, .lost])
        // The winnings are staked again and lost; then the first result turns out wrong: a debt.
        try cell.place(cell.intent(account, [(second, 0, even)], stake: 2000))
        try cell.settle(second, [.lost, .won])
        try cell.settle(first, [.lost, .won])
        // It is paid back out of the next winnings, and out of the second correction.
        try cell.settle(second, [.won, .lost])
        try cell.settle(first, [.undecided, .undecided])
        try cell.settle(first, [.won, .lost])
        let store = try open(try scratch.directory())
        try store.catchUp(from: JournalTail(cell.disk), upTo: cell.host.engine.sequence)
        try store.readNow { reader in
            let lines = try reader.statement(of: account, before: .max, limit: 100).reversed()
            #expect(lines.contains { $0.receivable > 0 })
            var cash: Int64 = 0
            for line in lines {
                cash += line.cashChange
                #expect(cash == line.cash, "after record \(line.sequence)")
            }
            #expect(lines.count == 9)
        }
    }

    @Test func `is the same wherever its rows are kept, through failures and lost power`() throws {
        let history = try History(bets: 300, seed: 8)
        let source = JournalTail(history.cell.disk)
        let tables = try open(try scratch.directory())
        try tables.catchUp(from: source, upTo: history.last)
        let memory = SimulatedRows()
        let follower = try ProjectionFollower(memory)
        follower.source = FailingSource(source, after: 30)
        #expect(throws: DiskError.self) { try follower.catchUp(upTo: history.last) }
        #expect(follower.point == nil)
        follower.source = source
        try follower.catchUp(upTo: history.blocks[50].lastSequence)
        #expect(memory.secure())
        try follower.catchUp(upTo: history.blocks[90].lastSequence)
        memory.losePower { _ in 0 }
        let again = try ProjectionFollower(memory)
        #expect(again.applied == history.blocks[50].lastSequence)
        again.source = source
        try again.catchUp(upTo: history.last)
        try tables.readNow { reader in
            for account in history.accounts {
                let id = account.rawValue
                let bets = try reader.bets(of: account, before: .max, limit: 10_000)
                #expect(!bets.isEmpty)
                #expect("\(bets)" == "\(memory.bets(of: id))")
                let lines = try reader.statement(of: account, before: .max, limit: 10_000)
                #expect("\(lines)" == "\(memory.statement(of: id))")
                let balances = try reader.balances(of: account)
                let other = memory.balances(of: id)
                #expect(balances?.cash == other?.cash && balances?.sequence == other?.sequence)
                #expect(balances?.held == other?.held && balances?.openBets == other?.openBets)
            }
        }
    }

    @Test func `lets segments leave only once its rows are safe from a power failure`() throws {
        let history = try History(bets: 50, seed: 9)
        let rows = SimulatedRows()
        let follower = try ProjectionFollower(rows)
        follower.source = JournalTail(history.cell.disk)
        try follower.catchUp(upTo: history.last)
        rows.maySync = { false }
        try follower.secure()
        #expect(follower.segmentNeeded == 0)
        rows.maySync = { true }
        try follower.secure()
        #expect(follower.segmentNeeded == 1)
        let store = try open(try scratch.directory())
        store.start(source: JournalTail(history.cell.disk), durable: history.last)
        store.stop()
        #expect(store.segmentNeeded == 1)
    }

    @Test func `tells what an id was answered, however old`() throws {
        let history = try History(bets: 50, seed: 7)
        let store = try open(try scratch.directory())
        try store.catchUp(from: JournalTail(history.cell.disk), upTo: history.last)
        try store.readNow { reader in
            for account in history.accounts {
                for bet in try reader.bets(of: account, before: .max, limit: 1000) {
                    #expect(try reader.bet(of: account, client: bet.client)?.bet == bet.bet)
                }
                #expect(try reader.bet(of: account, client: ExternalID(high: 1, low: 1)) == nil)
            }
        }
    }
}

/// Gives up in the middle of what it reads.
private final class FailingSource: BlockSource, @unchecked Sendable {
    private let source: any BlockSource
    private let after: Int

    func isNext(_ position: JournalPosition, after point: JournalPoint) throws -> Bool {
        try source.isNext(position, after: point)
    }

    init(_ source: any BlockSource, after: Int) {
        self.source = source
        self.after = after
    }

    func read(
        from position: JournalPosition, after point: JournalPoint?, upTo last: UInt64,
        _ visit: (BlockView) throws -> Void
    ) throws -> JournalPosition {
        var visited = 0
        return try source.read(from: position, after: point, upTo: last) { block in
            visited += 1
            if visited > after { throw DiskError.failed("read", errno: 5) }
            try visit(block)
        }
    }
}
