public import EngineCore
public import EngineJournal
public import Kernel
public import Ledger

/// Where a record stands in the journal's files.
public struct RecordPlace: Hashable, Comparable, Sendable {
    public let segment: UInt32
    /// Where its block begins.
    public let block: Int
    public let slot: Int
    public let slots: Int

    public static func < (one: RecordPlace, other: RecordPlace) -> Bool {
        (one.segment, one.block, one.slot) < (other.segment, other.block, other.slot)
    }
}

/// Everything that a journal says about one bet, in order, for a customer who disputes it, for support and for
/// a regulator.
public struct BetHistory: Sendable {
    public struct Field: Hashable, Sendable {
        public let label: String
        public let text: String
    }

    /// One number of a record, by its place in it, for whoever checks the history against the raw bytes.
    public struct Fact: Hashable, Sendable {
        public let label: String
        public let place: RecordPlace
        /// Logical, into the record's body.
        public let offset: Int
        /// Bytes: 1, 2, 4 or 8.
        public let width: Int
        public let value: Int64
    }

    /// A ledger entry as it was posted.
    public struct Entry: Sendable {
        public let reason: EntryReason
        public let postings: [Posting]
    }

    /// One thing that happened: a command and what came of it.
    public struct Step: Sendable {
        public let sequence: UInt64
        public let time: Timestamp
        public let kind: String
        public let title: String
        public var fields: [Field] = []
        /// Every rule that ran, in order.
        public var checks: [RuleCheck] = []
        public var entries: [Entry] = []
        public var facts: [Fact] = []
        /// The command's record and those of its outcomes that are told here.
        public var places: [RecordPlace] = []
    }

    public let bet: UInt64
    public let currency: String
    public internal(set) var steps: [Step] = []
    /// The newest standing of the bet.
    public internal(set) var summary: [Field] = []
    /// Full segments: what the journal says that each comes to, and where it says so.
    public internal(set) var seals: [UInt32: Seal] = [:]

    public struct Seal: Sendable {
        public let digest: [UInt8]
        public let root: [UInt8]
        public let place: RecordPlace?
    }

    init(bet: UInt64, currency: String) {
        self.bet = bet
        self.currency = currency
    }

    /// All records that the history rests on.
    public var places: [RecordPlace] { Set(steps.flatMap(\.places)).sorted() }
}

/// Why there is no history to tell.
public enum HistoryProblem: Error, Equatable, Sendable {
    /// There is no such record.
    case unknown(UInt64)
    /// It is older than what is here, which begins after `first`.
    case before(UInt64, first: UInt64)
    /// It is a record of another kind.
    case notABet(UInt64, kind: String)
}

/// Tells the history of a bet from the journal alone: reads it twice, the second time with the engine deciding
/// everything anew, so that each rule can be asked for its value and threshold at that very moment.
public struct BetHistorian<D: Disk> {
    private let disk: D
    private let limits: EngineLimits
    /// The snapshot that stands for a beginning that is not here.
    private let start: UInt64?
    private let isBeingWritten: Bool

    public init(
        _ disk: D, limits: EngineLimits, from start: UInt64? = nil, isBeingWritten: Bool = false
    ) {
        self.isBeingWritten = isBeingWritten
        self.disk = disk
        self.limits = limits
        self.start = start
    }

    /// - Throws: `HistoryProblem`, `Corruption`, `HostError`, `DiskError`.
    public func history(of bet: UInt64) throws -> BetHistory {
        var engine = Engine(limits: limits, seed: 3)
        var replay = Replay()
        var end: JournalEnd?
        var kept: [[UInt8]] = []
        if let start {
            let header = try SnapshotShelf(disk).open(start, into: &engine)
            replay = Replay(from: header)
            end = header.end
            kept = header.keepsakes
        }
        if let end, bet <= end.lastSequence {
            throw HistoryProblem.before(bet, first: end.lastSequence)
        }
        let question = try find(bet, from: end)
        let teller = HistoryTeller(question)
        for bytes in kept { teller.recall(bytes) }
        replay.beforeCommand = { teller.ask($0, $1) }
        _ = try JournalReader(disk).scan(from: end, isBeingWritten: isBeingWritten) { block in
            try replay.apply(block, to: &engine)
            teller.hear(block)
        }
        return teller.finish()
    }

    private struct Stop: Error {}

    private func find(_ bet: UInt64, from end: JournalEnd?) throws -> BetQuestion {
        var found: BetQuestion?
        var otherKind: String?
        do {
            _ = try JournalReader(disk).scan(from: end, isBeingWritten: isBeingWritten) { block in
                guard block.header.slots > 0, block.header.firstSequence <= bet,
                    bet <= block.header.lastSequence
                else { return }
                block.forEachRecord { record in
                    guard record.sequence == bet else { return }
                    if record.kind == .place {
                        found = BetQuestion(record)
                    } else {
                        otherKind = record.kind?.word ?? "unknown"
                    }
                }
                throw Stop()
            }
        } catch is Stop {}
        if let otherKind { throw HistoryProblem.notABet(bet, kind: otherKind) }
        guard let found else { throw HistoryProblem.unknown(bet) }
        return found
    }
}
