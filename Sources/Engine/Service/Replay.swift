public import EngineCore
public import EngineJournal
import Glibc
public import Kernel

/// What replay decided otherwise than the journal says, and whether an operator has said that the
/// journal's facts win.
public struct Divergences: Hashable, Sendable {
    /// Disagreements kept for the operator to read; all are counted.
    public static let mostKept = 20

    public private(set) var count: UInt64 = 0
    public private(set) var first: UInt64 = 0
    public private(set) var last: UInt64 = 0
    public private(set) var digest = StateHash()
    public private(set) var kept: [Disagreement] = []
    /// How many of them an operator has seen and let stand, and who it was.
    public private(set) var accepted: UInt64 = 0
    public private(set) var acceptedBy = ""

    public init() {}

    public var areAccepted: Bool { count == accepted }

    /// For a snapshot: everything but the differences themselves, which an operator has seen.
    var words: [UInt64] {
        var name = [UInt8](acceptedBy.utf8.prefix(48))
        name += [UInt8](repeating: 0, count: 48 - name.count)
        return [count, first, last, digest.high, digest.low, accepted]
            + (0..<6).map { word in
                (0..<8).reduce(0) { $0 | UInt64(name[word * 8 + $1]) << UInt64($1 * 8) }
            }
    }

    init(words: [UInt64]) {
        guard words.count >= 12 else { return }
        count = words[0]
        first = words[1]
        last = words[2]
        digest = StateHash(high: words[3], low: words[4])
        accepted = words[5]
        let name = (0..<48).map {
            UInt8(truncatingIfNeeded: words[6 + $0 / 8] >> UInt64($0 % 8 * 8))
        }
        acceptedBy = String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
    }

    mutating func note(_ disagreement: Disagreement) {
        count += 1
        if first == 0 { first = disagreement.sequence }
        last = disagreement.sequence
        var mix = RowMix(kind: 48, row: disagreement.sequence)
        mix.combine(disagreement.bet, count)
        digest.add(mix)
        if kept.count < Self.mostKept { kept.append(disagreement) }
    }

    /// An operator's word holds for exactly the differences that stood then, not for later ones.
    mutating func take(_ record: RecordBytes) {
        guard record.field(Layout.Divergence.count, as: UInt64.self) == count,
            record.field(Layout.Divergence.digestHigh, as: UInt64.self) == digest.high,
            record.field(Layout.Divergence.digestLow, as: UInt64.self) == digest.low
        else { return }
        accepted = count
        acceptedBy = record.text(Layout.Divergence.operator, width: 48)
    }

    func write(to record: RecordBytes, build: String, operator name: String) {
        record.begin(.divergence)
        record.set(Layout.Divergence.first, first)
        record.set(Layout.Divergence.last, last)
        record.set(Layout.Divergence.count, count)
        record.set(Layout.Divergence.digestHigh, digest.high)
        record.set(Layout.Divergence.digestLow, digest.low)
        record.set(Layout.Divergence.build, text: build, width: 48)
        record.set(Layout.Divergence.operator, text: name, width: 48)
    }

    /// For whoever must choose.
    public var text: String {
        let lines = kept.map { "  " + $0.text }.joined(separator: "\n")
        let more = count > UInt64(kept.count) ? "\n  and \(count - UInt64(kept.count)) more" : ""
        return "\(count) records were decided otherwise than these rules decide:\n\(lines)\(more)"
    }
}

/// Folds a journal's stored outcomes into an engine, decides every command anew beside them, and
/// compares every outcome byte for byte.
///
/// The engine always follows the facts. Where the rules say otherwise, `divergences` has it; where
/// the books cannot follow (money, a status, a price or a version would not come out as stored),
/// replay stops.
public struct Replay: ~Copyable {
    private let memory = AlignedBuffer(
        (Engine.mostOutcomeSlots + 1) * SlotSize.bytes, isZeroed: false)
    private let one = AlignedBuffer(SlotSize.mostSlots * SlotSize.bytes)
    private let other = AlignedBuffer(SlotSize.mostSlots * SlotSize.bytes)
    public private(set) var records: UInt64 = 0
    public private(set) var divergences = Divergences()
    /// Sees every command with the state that it will be decided in.
    public var beforeCommand: ((RecordBytes, borrowing Engine) -> Void)?
    /// Sees every disagreement as it is found.
    public var onDisagreement: ((Disagreement) -> Void)?

    public init() {}

    /// Goes on where a snapshot was taken, with what had been noted until then.
    public init(from snapshot: SnapshotHeader) {
        divergences = Divergences(words: snapshot.remarks)
    }

    init(after divergences: Divergences) { self.divergences = divergences }

    /// - Throws: `HostError.diverged` when an operator has not said that facts win.
    public func finish() throws(HostError) {
        guard divergences.areAccepted else { throw .diverged(divergences) }
    }

    public mutating func apply(_ block: BlockView, to engine: inout Engine) throws(HostError) {
        var slot = 0
        let count = Int(block.header.slots)
        while slot < count {
            let command = Self.record(block, slot)
            guard let kind = command.kind, kind.isCommand else {
                throw .unfollowable(sequence: command.sequence)
            }
            guard engine.follows(rules: command.rulesVersion) else {
                throw .newerRules(version: command.rulesVersion, sequence: command.sequence)
            }
            slot += command.slots
            beforeCommand?(command, engine)
            let stored = Self.outcomes(block, slot)
            var writer = RecordWriter(
                memory.base, capacity: Engine.mostOutcomeSlots, nextSequence: command.sequence + 1)
            engine.apply(
                command,
                following: StoredOutcomes(
                    block.slots + slot * SlotSize.bytes, slots: stored), into: &writer)
            records += writer.nextSequence - command.sequence
            Slot.seal(memory.base, writer.used)
            if !engine.disagreements.isEmpty {
                for disagreement in engine.disagreements { note(disagreement) }
            }
            let bytes = writer.used * SlotSize.bytes
            if writer.used != stored
                || memcmp(memory.base, block.slots + slot * SlotSize.bytes, bytes) != 0
            {
                guard writer.used == stored, agreesInSubstance(block, slot, stored) else {
                    throw .unfollowable(sequence: command.sequence)
                }
                if engine.disagreements.isEmpty, engine.knows(rules: command.rulesVersion) {
                    note(
                        Disagreement(
                            sequence: command.sequence, time: command.time, kind: kind, bet: 0,
                            fact: Decision.unchanged, ours: Decision.unchanged,
                            particular: firstDifference(block, slot, stored)))
                }
            }
            if kind == .divergence { divergences.take(command) }
            if kind == .checkpoint, !command.agrees(with: engine) {
                throw .unfollowable(sequence: command.sequence)
            }
            slot += stored
        }
    }

    /// Where the outcomes from `slot` on are written otherwise than they came out, in words.
    private func firstDifference(_ block: BlockView, _ slot: Int, _ count: Int) -> String {
        let written = block.slots + slot * SlotSize.bytes
        var start = 0
        while start < count {
            let record = RecordBytes(
                UnsafeMutableRawPointer(mutating: written + start * SlotSize.bytes), slots: 1)
            let bytes = max(1, Int(record.slotCount)) * SlotSize.bytes
            let other = memory.base + start * SlotSize.bytes
            let mine = written + start * SlotSize.bytes
            // The first four bytes are the checksum of all that follows.
            if let offset = (4..<bytes).first(where: {
                other.load(fromByteOffset: $0, as: UInt8.self)
                    != mine.load(fromByteOffset: $0, as: UInt8.self)
            }) {
                return "particulars: byte \(offset) of its \(record.kind?.word ?? "outcome")"
            }
            start += bytes / SlotSize.bytes
        }
        return "particulars"
    }

    private mutating func note(_ disagreement: Disagreement) {
        divergences.note(disagreement)
        onDisagreement?(disagreement)
    }

    /// Slots of the outcomes that begin at `slot`: all up to the next command.
    private static func outcomes(_ block: BlockView, _ slot: Int) -> Int {
        var end = slot
        let count = Int(block.header.slots)
        while end < count {
            let record = record(block, end)
            if record.kind?.isCommand == true { break }
            end += record.slots
        }
        return min(end, count) - slot
    }

    private static func record(_ block: BlockView, _ slot: Int) -> RecordBytes {
        let base = block.slots + slot * SlotSize.bytes
        return RecordBytes(base, slots: max(1, Int(RecordBytes(base, slots: 1).slotCount)))
    }

    // MARK: What must be equal whoever's word holds

    private func agreesInSubstance(_ block: BlockView, _ slot: Int, _ count: Int) -> Bool {
        var place = 0
        while place < count {
            let stored = Self.record(block, slot + place)
            let base = memory.base + place * SlotSize.bytes
            let ours = RecordBytes(base, slots: max(1, Int(RecordBytes(base, slots: 1).slotCount)))
            guard stored.slots == ours.slots, stored.slots <= SlotSize.mostSlots,
                place + stored.slots <= count
            else { return false }
            let left = Self.substance(of: stored, in: one)
            let right = Self.substance(of: ours, in: other)
            guard memcmp(left.address, right.address, stored.byteCount) == 0 else { return false }
            place += stored.slots
        }
        return true
    }

    /// The record without what only reports on the side: exposures, exact fractions, references.
    private static func substance(of record: RecordBytes, in memory: borrowing AlignedBuffer)
        -> RecordBytes
    {
        memory.base.copyMemory(from: record.address, byteCount: record.byteCount)
        let copy = RecordBytes(memory.base, slots: record.slots)
        for slot in 0..<copy.slots {
            memory.base.storeBytes(
                of: 0 as UInt32, toByteOffset: slot * SlotSize.bytes, as: UInt32.self)
        }
        switch copy.kind {
        case .placed:
            copy.set(Layout.Placed.stakeFactor, 0 as UInt16)
            for offset in [
                Layout.Placed.delayCustomer, Layout.Placed.delaySelection,
            ] { copy.set(offset, 0 as UInt32) }
            for offset in [
                Layout.Placed.payoutCap, Layout.Placed.exposureAfter, Layout.Placed.exposureLimit,
            ] { copy.set(offset, 0 as Int64) }
            let legs = Int(copy.field(Layout.Placed.legCount, as: UInt8.self))
            for leg in 0..<legs {
                copy.set(Layout.Placed.legs + leg * Layout.Placed.legSize + 8, 0 as UInt64)
                guard legs > 1 else { continue }
                copy.set(Layout.Placed.exposures(legs: legs) + leg * 8, 0 as Int64)
            }
        case .betSettled:
            for offset in [
                Layout.BetSettled.rounding, Layout.BetSettled.source, Layout.BetSettled.certainty,
                Layout.BetSettled.reason,
            ] { copy.set(offset, 0 as UInt8) }
            for offset in [
                Layout.BetSettled.numerator, Layout.BetSettled.numerator + 8,
                Layout.BetSettled.denominator, Layout.BetSettled.denominator + 8,
                Layout.BetSettled.actor, Layout.BetSettled.approver, Layout.BetSettled.result,
                Layout.BetSettled.proposal,
            ] { copy.set(offset, 0 as Int64) }
            if copy.isWideSettlement {
                for offset in stride(
                    from: Layout.BetSettled.wide, to: Layout.BetSettled.wideSize, by: 8)
                {
                    copy.set(offset, 0 as Int64)
                }
            }
        case .cashOutAnswered:
            for offset in [
                Layout.CashOutAnswered.fair, Layout.CashOutAnswered.exact,
                Layout.CashOutAnswered.material, Layout.CashOutAnswered.prices,
            ] { copy.set(offset, 0 as Int64) }
            copy.set(Layout.CashOutAnswered.margin, 0 as UInt16)
            for offset in [
                Layout.CashOutAnswered.delayBase, Layout.CashOutAnswered.delayCustomer,
                Layout.CashOutAnswered.delaySelection,
            ] { copy.set(offset, 0 as UInt32) }
        case .marketChanged:
            copy.set(Layout.MarketChanged.openLegs, 0 as UInt32)
            copy.set(Layout.MarketChanged.worstLoss, 0 as Int64)
            copy.set(Layout.MarketChanged.staked, 0 as Int64)
        case .selectionWithdrawn:
            copy.set(Layout.SelectionWithdrawn.lastReference, 0 as UInt32)
            copy.set(Layout.SelectionWithdrawn.lastOdds, nil as Odds?)
        default: break
        }
        return copy
    }
}
