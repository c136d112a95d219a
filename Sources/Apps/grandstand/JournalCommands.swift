import Betting
import EngineCore
import EngineFiles
import EngineJournal
import EngineService
import Foundation
import Glibc
import Kernel
import StoreSQLite

/// `grandstand journal verify|dump|stats|prices|integrity|promotions|diff-rules|project`.
enum JournalCommands {
    static let help = """
        grandstand journal: look into a journal; none of these changes it

        USAGE
          grandstand journal verify DIR           Check every block and record, and decide everything anew
          grandstand journal dump DIR [--from N] [--count N]   Print records, one a line
          grandstand journal stats DIR            Count records by kind
          grandstand journal prices DIR --market N   Every version of a market: when, by whom, by which message
          grandstand journal integrity DIR [--market N]   Whose money knew more than the prices
          grandstand journal promotions DIR       What was promised, every version, and what was given under it
          grandstand journal diff-rules DIR --to V [--set NAME=VALUE,...]   What other rules would have decided
          grandstand journal project DIR          Rebuild the projections beside it (stop the server first)

        diff-rules decides every record anew under version V of the rules, with the numbers that --set
        changes, each time on the books as they were; it prints what would have come out otherwise.
        Names: \(RuleSet.names.map { "\($0.name) (\($0.unit))" }.joined(separator: ", ")).

        integrity reads every bet that was taken and lists the selections with much more money than their
        price speaks for, or with two lesser signs: money that leans, new accounts, stakes far above what their
        accounts staked before, a surge. With --market, every bet on that market, too.

        OPTIONS
          --window SECONDS, --bets N, --accounts N, --stakes N   integrity: what is looked at together (900), and
                          from how many bets (8) and accounts (5) and how much money on, minor units (50000)
          --times N       integrity: how many times the money that a price speaks for (3); two thirds of it is a lesser sign
          --archive DIR   where segments were moved to: read as if they were still here
          --digests DIR   verify: hold the journal's digests against the exported ones, too

        DIR is the data directory of a server. See docs/formats/journal.md.
        """

    static func run(_ raw: [String]) throws -> Int32 {
        let arguments = try Arguments(
            raw, of: "journal", words: 2,
            values: [
                "from", "count", "to", "set", "archive", "digests", "market", "window", "bets",
                "accounts", "stakes", "times",
            ])
        guard !arguments.wantsHelp, let word = arguments.words.first else {
            print(help)
            return arguments.wantsHelp ? 0 : 2
        }
        guard
            [
                "verify", "dump", "stats", "prices", "integrity", "promotions", "diff-rules",
                "project",
            ]
            .contains(word)
        else {
            throw UsageError(
                text:
                    "journal can verify, dump, stats, prices, integrity, promotions, diff-rules or project, not \"\(word)\"."
            )
        }
        let directory = try arguments.need(1, "which data directory")
        guard readable(directory) else {
            throw UsageError(text: "There is no journal in \(directory).")
        }
        let disk = try joined(directory, arguments)
        if let digests = arguments.flags["digests"],
            !FileManager.default.fileExists(atPath: DigestLedger.file(in: digests))
        {
            throw UsageError(text: "There are no exported digests in \(digests).")
        }
        do {
            switch word {
            case "verify": return try verify(disk, digests: arguments.flags["digests"])
            case "dump":
                let from = try arguments.whole("from") ?? 1
                let count = try arguments.whole("count") ?? .max
                return try dump(disk, from: from, count: count)
            case "stats": return try stats(disk)
            case "prices":
                guard let market = try arguments.whole("market") else {
                    throw UsageError(text: "Which market: its number, by --market.")
                }
                return try prices(disk, of: market)
            case "promotions": return try promotions(disk)
            case "integrity":
                return try integrity(
                    disk, try integrityRules(arguments), of: try arguments.whole("market"))
            case "diff-rules": return try diffRules(disk, try rules(arguments))
            default: return try project(disk, directory)
            }
        } catch let corruption as Corruption {
            complain("CORRUPT: " + corruption.text)
            return 1
        } catch let error as HostError {
            complain("FAILED: " + Platform.words(for: error))
            return 1
        }
    }

    /// A data directory and, if one is named, its archive; both must be there, for reading makes nothing.
    static func joined(_ directory: String, _ arguments: Arguments) throws -> JoinedDisk {
        let archive = arguments.flags["archive"]
        if let archive, !readable(archive) {
            throw UsageError(text: "There are no segments in the archive \(archive).")
        }
        return try JoinedDisk(directory: directory, archive: archive)
    }

    static func readable(_ directory: String) -> Bool {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.contains { JournalFormat.segmentNumber($0) != nil }
    }

    /// Whether a server is writing the journal at this moment.
    static func isServed(_ directory: String) -> Bool {
        (try? DirectoryLock(directory: directory)) == nil
    }

    /// Where reading begins: nil for the journal's beginning, else the oldest snapshot that stands for what has
    /// left, loaded into `engine` when one is given.
    static func start(_ disk: JoinedDisk) throws -> (sequence: UInt64, end: JournalEnd)? {
        let segments = try disk.names().compactMap(JournalFormat.segmentNumber)
        guard !segments.contains(1) else { return nil }
        for sequence in try SnapshotShelf(disk).finished().reversed() {
            let name = SnapshotFormat.name(sequence)
            guard let end = try? SnapshotReader(disk, name: name).end(),
                try JournalReader(disk).holds(end)
            else { continue }
            return (sequence, end)
        }
        throw UsageError(
            text:
                "The journal's beginning is not here, and no snapshot stands for it. Name its archive by --archive."
        )
    }

    private static func verify(_ disk: JoinedDisk, digests: String?) throws -> Int32 {
        var engine = Engine(limits: EngineLimits(), seed: 1)
        var sealed = SealedSegments()
        let start = try start(disk)
        var replay = Replay()
        if let start {
            let header = try SnapshotShelf(disk).open(start.sequence, into: &engine)
            replay = Replay(from: header)
            note(header.keepsakes, in: &sealed)
            print("from        snapshot \(start.sequence): segments before it are not here")
        }
        guard
            let end = try JournalReader(disk).scan(
                from: start?.end, isBeingWritten: isServed(disk.directory),
                { block in
                    try replay.apply(block, to: &engine)
                    block.forEachRecord { sealed.note($0) }
                })
        else {
            complain("There is no journal here.")
            return 1
        }
        var (compared, changed) = try sealed.check(on: disk)
        if let digests { changed += try contradictions(sealed, digests) }
        for problem in changed { complain("CHANGED: " + problem) }
        let divergences = replay.divergences
        if !divergences.areAccepted { complain("OTHERWISE: " + divergences.text) }
        let books = engine.audit()
        for problem in books { complain("BOOKS: " + problem) }
        print("blocks      \(end.blocks)")
        print("records     \(end.lastSequence)")
        print("incarnation \(end.incarnation)")
        print("torn bytes  \(end.tornBytes)")
        print(
            "sealed      \(compared) segments as they were"
                + (sealed.count > compared ? ", \(sealed.count - compared) are not here" : ""))
        print("state hash  \(engine.stateHash)")
        if divergences.count > 0, divergences.areAccepted {
            print(
                "facts won   \(divergences.count) records, by the word of \(divergences.acceptedBy)"
            )
        }
        let isWhole = changed.isEmpty && books.isEmpty && divergences.areAccepted
        print(isWhole ? "verified: every outcome decided anew, every book balanced" : "FAILED")
        return isWhole ? 0 : 1
    }

    /// Digests that came with a snapshot.
    private static func note(_ records: [[UInt8]], in sealed: inout SealedSegments) {
        for bytes in records {
            let memory = AlignedBuffer(bytes.count)
            bytes.withUnsafeBytes {
                memory.base.copyMemory(from: $0.baseAddress!, byteCount: $0.count)
            }
            sealed.note(RecordBytes(memory.base, slots: bytes.count / SlotSize.bytes))
        }
    }

    /// What the journal says of its segments against what was exported when they were sealed.
    private static func contradictions(_ sealed: SealedSegments, _ directory: String) throws
        -> [String]
    {
        let exported = try DigestLedger(directory: directory).read()
        print("exported    \(exported.count) digests")
        return sealed.digests.compactMap { digest in
            let ours = (digest.digest + digest.root).map { DigestLedger.hex($0) }.joined()
            guard let theirs = exported[digest.segment], theirs != ours else { return nil }
            return
                "segment \(digest.segment) was exported with another digest than the journal names"
        }
    }

    private static func dump(_ disk: JoinedDisk, from: UInt64, count: UInt64) throws -> Int32 {
        var left = count
        if let start = try start(disk), from <= start.sequence {
            complain(
                "from record \(start.sequence + 1) on: what is before it is not here (--archive)")
        }
        _ = try JournalReader(disk).scan(
            from: try start(disk)?.end, isBeingWritten: isServed(disk.directory)
        ) { block in
            block.forEachRecord { record in
                guard record.sequence >= from, left > 0 else { return }
                left -= 1
                let kind = record.kind?.word ?? "unknown"
                var line = "\(record.sequence) \(record.time) \(kind)"
                if record.cause != 0 { line += " cause=\(record.cause)" }
                if record.account.rawValue != 0 || record.kind == .place {
                    line += " account=\(record.account.rawValue)"
                }
                if record.clientID != .zero { line += " id=\(record.clientID)" }
                line += RecordWords.details(record)
                print(line)
            }
        }
        return 0
    }

    private static func stats(_ disk: JoinedDisk) throws -> Int32 {
        var counts: [UInt8: (records: UInt64, slots: UInt64)] = [:]
        let end = try JournalReader(disk).scan(
            from: try start(disk)?.end, isBeingWritten: isServed(disk.directory)
        ) { block in
            block.forEachRecord { record in
                counts[record.rawKind, default: (0, 0)].records += 1
                counts[record.rawKind, default: (0, 0)].slots += UInt64(record.slots)
            }
        }
        for kind in RecordKind.allCases {
            guard let count = counts[kind.rawValue] else { continue }
            print("\(kind.word): \(count.records) records, \(count.slots) slots")
        }
        if let end {
            print("\(end.blocks) blocks, \(end.segment) segments, \(end.lastSequence) records")
        }
        return 0
    }

    // MARK: Other rules

    private static func rules(_ arguments: Arguments) throws(UsageError) -> RuleSet {
        let known = RuleSet.known.map { String($0.version) }.joined(separator: ", ")
        guard let text = arguments.flags["to"], let version = UInt32(text),
            var rules = RuleSet.known.first(where: { $0.version == version })
        else {
            throw UsageError(
                text: "--to is a version of the rules that this build knows: \(known).")
        }
        for pair in (arguments.flags["set"] ?? "").split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let value = Int64(parts[1]) else {
                throw UsageError(
                    text:
                        "--set takes NAME=VALUE, VALUE a whole number, by commas; not \"\(pair)\"."
                )
            }
            guard rules.set(String(parts[0]), to: value) else {
                throw UsageError(
                    text: "There is no rule \"\(parts[0])\"; "
                        + "`grandstand journal --help` has the names.")
            }
        }
        return rules
    }

    private static func diffRules(_ disk: JoinedDisk, _ rules: RuleSet) throws -> Int32 {
        var engine = Engine(limits: EngineLimits(), seed: 1, rules: [rules], isTrial: true)
        let start = try start(disk)
        var replay = Replay()
        if let start {
            replay = Replay(from: try SnapshotShelf(disk).open(start.sequence, into: &engine))
            print("from snapshot \(start.sequence) on: what is before it is not here (--archive)")
        }
        let tally = RulesTally()
        replay.onDisagreement = { tally.note($0) }
        replay.beforeCommand = { command, _ in tally.hear(command) }
        _ = try JournalReader(disk).scan(
            from: start?.end, isBeingWritten: isServed(disk.directory)
        ) { try replay.apply($0, to: &engine) }
        print("bets asked for                  \(tally.bets)")
        print("would be taken, were refused    \(tally.taken)")
        print(
            "would be refused, were taken    \(tally.refused), stakes \(tally.refusedStakes) minor units"
        )
        print("would be refused, were to wait  \(tally.waiting)")
        print("taken on other terms            \(tally.otherTerms)")
        print("refused for another reason      \(tally.otherReason)")
        print("settled otherwise               \(tally.settled)")
        print("other commands otherwise        \(tally.others)")
        return 0
    }

    private static func project(_ disk: JoinedDisk, _ directory: String) throws -> Int32 {
        let lock: DirectoryLock
        do {
            lock = try DirectoryLock(directory: directory)
        } catch let held as DirectoryLock.Held {
            throw UsageError(
                text:
                    "A server is running on \(directory) (\(held.holder.split(separator: "\n").joined(separator: ", "))). Stop it first."
            )
        }
        guard try start(disk) == nil else {
            throw UsageError(
                text:
                    "Rows are rebuilt from the whole journal; bring its first segments back from the archive."
            )
        }
        for suffix in ["", "-wal", "-shm"] {
            unlink(directory + "/projection.sqlite" + suffix)
        }
        let store = try SQLiteStore(
            directory: directory, onProjected: { _ in }, onFailure: { _ in })
        let end = try JournalReader(disk).scan { _ in }
        try store.catchUp(from: JournalTail(disk), upTo: end?.lastSequence ?? 0)
        _ = lock
        print("projected \(end?.lastSequence ?? 0) records")
        return 0
    }
}

/// What other rules would have decided otherwise, counted; each is printed as it is found.
private final class RulesTally {
    private(set) var bets = 0
    private(set) var taken = 0
    private(set) var refused = 0
    private(set) var waiting = 0
    private(set) var refusedStakes: Int64 = 0
    private(set) var otherTerms = 0
    private(set) var otherReason = 0
    private(set) var settled = 0
    private(set) var others = 0
    private var stake: Int64 = 0

    func hear(_ command: RecordBytes) {
        guard command.kind == .place else { return }
        bets += 1
        stake = command.field(Layout.Place.stakeCash, as: Int64.self)
    }

    func note(_ disagreement: Disagreement) {
        print(disagreement.text)
        let isBet = disagreement.kind == .place || disagreement.kind == .timerDue
        guard isBet else {
            if disagreement.kind == .settleStep { settled += 1 } else { others += 1 }
            return
        }
        switch (disagreement.fact.refusal != 0, disagreement.ours.refusal != 0) {
        case (true, false): taken += 1
        case (false, true):
            // Who was to wait is counted apart: what became of it is another decision.
            if BetStatus(rawValue: disagreement.fact.status) == .pending {
                waiting += 1
            } else {
                refused += 1
                if disagreement.kind == .place { refusedStakes += stake }
            }
        case (false, false): otherTerms += 1
        case (true, true): otherReason += 1
        }
    }
}
