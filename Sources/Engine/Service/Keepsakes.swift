import EngineCore
import Kernel

/// Records that those who show the catalogue or prove the journal need for as long as they run, so that a
/// start from a snapshot has them although their segments may be gone.
///
/// Bound: fixtures beyond `fixturesKept` are let go, the oldest first, as the catalogue does.
struct Keepsakes {
    static let fixturesKept = 2000
    static let proposalsKept = 1024

    /// The journal about itself: genesis, digests, words of operators.
    private var journal: [[UInt8]] = []
    /// Each fixture's definition and its markets', with what was answered.
    private var fixtures: [UInt64: [[UInt8]]] = [:]
    private var order: [UInt64] = []
    /// Results that were proposed, with what was answered; the engine says which still wait.
    private var proposals: [[[UInt8]]] = []
    /// The definition whose answer has not come yet.
    private var waiting: [UInt8]?

    /// In the order that they were written in, as far as one depends on another.
    var all: [[UInt8]] {
        journal + order.flatMap { fixtures[$0] ?? [] } + proposals.flatMap { $0 }
    }

    /// Whether anything of this kind is ever kept, before a record is looked at more closely.
    @inline(__always) static func mayKeep(_ kind: RecordKind?) -> Bool {
        switch kind {
        case .genesis, .sealed, .divergence, .fixture, .market, .propose, .fixtureChanged,
            .marketChanged, .resultAnswered:
            true
        default: false
        }
    }

    mutating func note(_ record: RecordBytes) {
        switch record.kind {
        case .genesis, .sealed, .divergence: journal.append(Self.bytes(record))
        case .fixture, .market, .propose: waiting = Self.bytes(record)
        case .fixtureChanged:
            guard let definition = waiting else { return }
            waiting = nil
            guard record.field(Layout.FixtureChanged.refusal, as: UInt16.self) == 0 else { return }
            let id = record.field(Layout.FixtureChanged.fixture, as: UInt64.self)
            fixtures[id] = [definition, Self.bytes(record)]
            order.append(id)
            if order.count > Self.fixturesKept { fixtures[order.removeFirst()] = nil }
        case .resultAnswered:
            guard let proposal = waiting else { return }
            waiting = nil
            guard record.field(Layout.ResultAnswered.refusal, as: UInt16.self) == 0 else { return }
            proposals.append([proposal, Self.bytes(record)])
            if proposals.count > Self.proposalsKept { proposals.removeFirst() }
        case .marketChanged:
            guard let definition = waiting else { return }
            waiting = nil
            guard record.field(Layout.MarketChanged.refusal, as: UInt16.self) == 0 else { return }
            let id = record.field(Layout.MarketChanged.fixture, as: UInt64.self)
            fixtures[id]? += [definition, Self.bytes(record)]
        default: break
        }
    }

    /// Takes over what a snapshot brought.
    mutating func restore(_ records: [[UInt8]], _ body: (RecordBytes) -> Void) {
        for bytes in records {
            bytes.withUnsafeBytes { raw in
                guard let base = raw.baseAddress else { return }
                let record = RecordBytes(
                    UnsafeMutableRawPointer(mutating: base), slots: raw.count / SlotSize.bytes)
                note(record)
                body(record)
            }
        }
    }

    private static func bytes(_ record: RecordBytes) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: record.address, count: record.byteCount))
    }
}
