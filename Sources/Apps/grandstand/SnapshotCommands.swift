import CSystem
import Dispatch
import EngineCore
import EngineFiles
import EngineJournal
import EngineService
import Foundation
import Glibc

/// `grandstand snapshot list|verify`.
enum SnapshotCommands {
    static let help = """
        grandstand snapshot: look at the snapshots beside a journal; neither changes anything

        USAGE
          grandstand snapshot list DIR                 The snapshots that are kept, the newest first
          grandstand snapshot verify DIR [SEQUENCE]    Load one (the newest) and hold it against the journal

        OPTIONS
          --open-bets N   at least as many as the server is configured for (16000000)
          --making        the one that is still under its temporary name, before anything relies on it

        DIR is the data directory of a server. See docs/formats/snapshot.md.
        """

    static func run(_ raw: [String]) throws -> Int32 {
        let arguments = try Arguments(
            raw, of: "snapshot", words: 3, values: ["open-bets"], switches: ["making"])
        guard !arguments.wantsHelp, let word = arguments.words.first else {
            print(help)
            return arguments.wantsHelp ? 0 : 2
        }
        guard ["list", "verify"].contains(word) else {
            throw UsageError(text: "snapshot can list or verify, not \"\(word)\".")
        }
        let directory = try arguments.need(1, "which data directory")
        guard FileManager.default.fileExists(atPath: directory) else {
            throw UsageError(text: "There is no directory \(directory).")
        }
        guard JournalCommands.readable(directory) else {
            throw UsageError(text: "There is no journal in \(directory).")
        }
        let disk = try FileDisk(directory: directory)
        let all = try SnapshotShelf(disk).finished()
        if word == "list" { return try list(disk, all) }
        let wanted: UInt64?
        if arguments.words.count > 2 {
            wanted = UInt64(arguments.words[2])
        } else {
            wanted = all.first
        }
        let isMaking = arguments.flags["making"] != nil
        let isThere = { (sequence: UInt64) in
            try isMaking
                ? disk.names().contains(SnapshotFormat.temporaryName(sequence))
                : all.contains(sequence)
        }
        guard let wanted, try isThere(wanted) else {
            throw UsageError(
                text: "There is no such snapshot in \(directory); `snapshot list` shows them.")
        }
        let limits = try arguments.limits()
        return try verify(disk, wanted, limits, isAccepted: !isMaking)
    }

    private static func list(_ disk: FileDisk, _ all: [UInt64]) throws -> Int32 {
        if all.isEmpty {
            print("There are no snapshots here.")
        }
        for sequence in all {
            let name = SnapshotFormat.name(sequence)
            let end = try SnapshotReader(disk, name: name).end()
            print(
                "\(sequence)  \(try disk.size(of: name)) bytes, the journal goes on in segment "
                    + "\(end.segment) at byte \(end.offset)")
        }
        return 0
    }

    /// Whoever runs this beside a server must not be in its way.
    private static func verify(
        _ disk: FileDisk, _ sequence: UInt64, _ limits: EngineLimits, isAccepted: Bool
    ) throws -> Int32 {
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
        var engine = Engine(limits: limits, seed: 2)
        do {
            let header = try SnapshotShelf(disk).open(
                sequence, into: &engine, isAccepted: isAccepted)
            let problems = engine.audit()
            for problem in problems.prefix(100) { complain("BOOKS: " + problem) }
            guard problems.isEmpty else { return 1 }
            let (bytes, digest) = try SnapshotShelf(disk).digest(
                sequence, isAccepted: isAccepted)
            print("record      \(header.end.lastSequence)")
            print("accounts    \(engine.counts.accounts)")
            print("bets        \(engine.counts.bets)")
            print("markets     \(engine.counts.markets)")
            print("state hash  \(engine.stateHash)")
            print("bytes       \(bytes)")
            print("sha256      \(digest.map { DigestLedger.hex($0) }.joined())")
            print(
                "verified: every row is there, every book balances, the journal's checkpoint names this state"
            )
            return 0
        } catch let problem as SnapshotProblem {
            complain("UNUSABLE: " + problem.text)
        } catch let corruption as Corruption {
            complain("CORRUPT: " + corruption.text)
        }
        return 1
    }

    /// Seconds after which a process that loads a snapshot is given up.
    private static let patience = 900.0

    /// The same in a process of its own, for a server that took a snapshot.
    static func verifyElsewhere(_ directory: String, _ sequence: UInt64, openBets: Int64) throws
        -> SnapshotVerdict
    {
        let name = SnapshotFormat.temporaryName(sequence)
        let process = Process()
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = [
            "snapshot", "verify", directory, String(sequence), "--making", "--open-bets",
            String(openBets),
        ]
        // One pipe for both: neither can fill while the other is waited for.
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let alarm = DispatchWorkItem { process.terminate() }
        DispatchQueue.global().asyncAfter(deadline: .now() + patience, execute: alarm)
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        alarm.cancel()
        guard process.terminationStatus == 0 else {
            let what = text.isEmpty ? "the process that loads it failed" : text
            throw SnapshotProblem(name: name, what: what.trimmingCharacters(in: .newlines))
        }
        var fields: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            if parts.count == 2 {
                fields[String(parts[0])] = parts[1].trimmingCharacters(in: .whitespaces)
            }
        }
        guard let hex = fields["sha256"], let bytes = fields["bytes"].flatMap({ Int($0) }),
            hex.utf8.count == 64
        else { throw SnapshotProblem(name: name, what: "the process that loads it said nothing") }
        let digits = Array(hex.utf8)
        let digest = (0..<32).compactMap {
            UInt8(String(decoding: digits[$0 * 2..<$0 * 2 + 2], as: UTF8.self), radix: 16)
        }
        guard digest.count == 32 else {
            throw SnapshotProblem(name: name, what: "the process that loads it said no digest")
        }
        return SnapshotVerdict(digest: digest, bytes: bytes)
    }
}
