import Catalogue
public import EngineCore
public import EngineJournal
import Glibc
public import Kernel
public import Ledger

/// Who is told when a command's outcome is durable. 0 asks for nothing.
public typealias Token = UInt64

/// One answer inside a durable block: whose, and where its outcome's first slot is.
public struct Completion: Sendable {
    public let token: Token
    /// The slot of the command's first outcome, or `UInt32.max` for a command without one.
    public let slot: UInt32
    /// The command's own sequence.
    public let sequence: UInt64
}

/// A block that is on the disk: what everybody else may now learn. Shared by all readers, written by none.
///
/// Goes back to its pool when the last reader lets go.
public final class DurableBlock: @unchecked Sendable {
    // Filled by the engine's thread before anybody else sees the block, then never written while shared.
    @exclusivity(unchecked) fileprivate private(set) var memory: AlignedBuffer
    /// Where in it the slots begin.
    @exclusivity(unchecked) private var start = 0
    public fileprivate(set) var slotCount = 0
    public fileprivate(set) var firstSequence: UInt64 = 0
    public fileprivate(set) var lastSequence: UInt64 = 0
    /// Where the block after this one will stand.
    public fileprivate(set) var following = JournalPosition.beginning
    public fileprivate(set) var point = JournalPoint(incarnation: 0, sequence: 0, block: .zero)
    @exclusivity(unchecked) public fileprivate(set) var completions: [Completion] = []

    fileprivate init() {
        memory = AlignedBuffer(Self.fewestSlots * SlotSize.bytes)
    }

    /// Small blocks are the many, so memory grows with what a block holds.
    private static let fewestSlots = 16

    /// Bytes of memory that the block holds while anybody has it.
    public var byteCount: Int { slotCount * SlotSize.bytes }

    /// Slots from which on a block is taken over as it was written, and not copied: what a copy costs, against
    /// the memory that a large buffer takes for as long as anybody reads it.
    fileprivate static let fewestAdopted = 1024

    /// Takes over the buffer that a block was written from; answers one that the next can be written from.
    fileprivate func adopt(_ exchange: (AlignedBuffer) -> AlignedBuffer, count: Int) {
        let spare =
            memory.count >= JournalFormat.mostBlockBytes
            ? memory : AlignedBuffer(JournalFormat.mostBlockBytes, isZeroed: false)
        memory = exchange(spare)
        start = JournalFormat.headerBytes
        slotCount = count
    }

    fileprivate func fill(from slots: UnsafeRawPointer, count: Int) {
        let bytes = count * SlotSize.bytes
        if memory.count < bytes {
            var size = memory.count
            while size < bytes { size *= 2 }
            memory = AlignedBuffer(size)
        }
        memory.base.copyMemory(from: slots, byteCount: bytes)
        start = 0
        slotCount = count
    }

    /// The record that starts in `slot`.
    public func record(at slot: Int) -> RecordBytes {
        precondition(slot < slotCount, "a slot of this block")
        let base = memory.base + start + slot * SlotSize.bytes
        return RecordBytes(base, slots: max(1, Int(RecordBytes(base, slots: 1).slotCount)))
    }

    public func forEachRecord(_ body: (RecordBytes) throws -> Void) rethrows {
        var slot = 0
        while slot < slotCount {
            let record = record(at: slot)
            try body(record)
            slot += record.slots
        }
    }
}

extension RecordBytes {
    /// What must not wait for company: what shuts or opens markets, and what protects a customer.
    var isUrgent: Bool { kind == .marketState || kind == .setLimit }

    /// What only shuts, and what says that the journal's files are looked after: taken as long as anything can be
    /// written at all, for without the last there would never be room again.
    public var mayUseReserve: Bool {
        switch kind {
        case .sealed, .snapshotKept, .segmentsDropped: true
        case .marketState:
            field(Layout.MarketState.setting, as: UInt8.self) != 0
                && field(Layout.MarketState.lifting, as: UInt8.self) == 0
        default: false
        }
    }
}

/// Commands on their way in: whole records without sequence, time and checksum.
///
/// Bound: `capacity` slots. Customers leave an eighth of them, so that no crowd of bets keeps a suspension out; what
/// they do to protect themselves may use half of that. `add` answers false when full, which the caller says as `busy`.
public final class IntakeBatch {
    public let capacity: Int
    private let customers: Int
    private let protective: Int
    @exclusivity(unchecked) public private(set) var slots = 0
    fileprivate let memory: AlignedBuffer
    @exclusivity(unchecked) fileprivate private(set) var tokens: [(token: Token, slot: UInt32)] = []

    public init(capacity: Int) {
        self.capacity = capacity
        customers = capacity - capacity / 8
        protective = capacity - capacity / 16
        memory = AlignedBuffer(capacity * SlotSize.bytes, isZeroed: false)
        tokens.reserveCapacity(capacity)
    }

    public var isEmpty: Bool { tokens.isEmpty }
    public var count: Int { tokens.count }
    /// Whether something came that must not wait for company, or little more fits in.
    @exclusivity(unchecked) private(set) var isPressing = false

    /// How far the batch may be filled for a record of this kind.
    private func bound(for kind: RecordKind?) -> Int {
        switch kind {
        case .place, .openAccount, .deposit, .session, .location: customers
        case .setLimit: protective
        default: capacity
        }
    }

    public func add(_ record: RecordBytes, token: Token) -> Bool {
        guard slots + record.slots <= bound(for: record.kind) else { return false }
        (memory.base + slots * SlotSize.bytes).copyMemory(
            from: record.address, byteCount: record.byteCount)
        tokens.append((token, UInt32(slots)))
        slots += record.slots
        if record.isUrgent || slots * 2 > capacity { isPressing = true }
        return true
    }

    public func removeAll() {
        slots = 0
        isPressing = false
        tokens.removeAll(keepingCapacity: true)
    }

    fileprivate func record(_ index: Int) -> RecordBytes {
        let base = memory.base + Int(tokens[index].slot) * SlotSize.bytes
        return RecordBytes(base, slots: max(1, Int(RecordBytes(base, slots: 1).slotCount)))
    }
}

/// What a new journal is told about its cell, and what an old one was.
public struct CellConfiguration: Sendable {
    public var currency = Currency.eur
    public var rounding = Rounding.down
    public var money = MoneyKind.demo
    public var minimumStake: Int64 = 10
    public var payoutCap: Int64 = Limits.potentialReturn
    /// What a customer's open bets may return together, and what it may be paid on one day of UTC; minor units, 0 none.
    public var customerCap: Int64 = 0
    public var dayCap: Int64 = 0
    public var brand: UInt32 = 0
    public var licence: UInt32 = 0
    public var build = "unknown"
    public init() {}
}

/// What stopped the engine. Nothing of the block at hand was answered.
public enum HostError: Error, Sendable {
    case disk(DiskError)
    case corrupt(Corruption)
    /// Replay decided otherwise than the journal says, and no operator said that facts win.
    case diverged(Divergences)
    /// These books cannot come out as stored, whoever's word holds.
    case unfollowable(sequence: UInt64)
    /// Whoever stands beside the journal, such as its projections, does not fit to it.
    case misfit(String)
    /// The journal was written under rules that this build does not know.
    case newerRules(version: UInt32, sequence: UInt64)
}

/// How a journal was found at start.
public struct RecoveryReport: Sendable {
    public var isNew = false
    public var blocks: UInt64 = 0
    public var records: UInt64 = 0
    public var tornBytes = 0
    public var stateHash = StateHash()
    public var divergences = Divergences()
    /// The record that the snapshot was taken after which the start began with; 0 for none.
    public var snapshot: UInt64 = 0
    /// Snapshots that were looked at and not used, in words.
    public var unusable: [String] = []
    /// What the journal was begun with, whatever is configured now.
    public var cell = CellConfiguration()
}

/// Engine and journal under one sequencer, without a thread of its own: the engine's thread turns it
/// in the product, a test or a simulation turns it by hand.
public final class EngineHost<D: Disk, C: Clock> {
    /// Records other than bets' intents that one turn begins by itself, so that no bet waits for a walk.
    static var stepsPerTurn: Int { 2 }
    /// How many commands ahead the cache is asked for what they will read.
    static var lookAhead: Int { 8 }

    // Used by one thread, which the compiler cannot see: it need not look whether two do.
    @exclusivity(unchecked) public private(set) var engine: Engine
    public private(set) var report = RecoveryReport()
    @exclusivity(unchecked) private var writer: JournalWriter<D>
    @exclusivity(unchecked) private var time: SequencerTime
    @exclusivity(unchecked) private var pool: [DurableBlock] = []
    @exclusivity(unchecked) private var pending: [Completion] = []
    @exclusivity(unchecked) private var isConfirmed = true
    /// The newest sequence that the projection holds; ids and bets before it may go.
    ///
    /// Nothing goes until the rows hold everything that was found at start: a power failure may have taken some
    /// of them that had let other things go.
    @exclusivity(unchecked) public var projected: UInt64 = 0
    private var safelyProjected: UInt64 { projected >= report.records ? projected : 0 }
    @exclusivity(unchecked) private var lastForget: Int64 = 0
    @exclusivity(unchecked) private var first: DurableBlock?
    @exclusivity(unchecked) private var keepsakes = Keepsakes()
    private var divergences = Divergences()
    @exclusivity(unchecked) private var copying: SnapshotCopy?
    private let spares = SnapshotSpares()
    /// Chunks that a snapshot may fill without asking for memory: at most `SnapshotCopy.mostSpares`.
    public var spareChunks: Int { spares.count }
    @exclusivity(unchecked) private var lastRelease: Int64 = 0

    /// Recovers what is there or begins a journal, and makes the first records durable.
    ///
    /// The newest usable snapshot stands for all that is before it: `remember` sees the records that come with
    /// it, `restored` the engine as it was.
    ///
    /// `observe` sees every block that was found, in order, once it has been replayed; the block with
    /// the first records of this run is delivered by the first `turn`. `factsWin` is the name of the
    /// operator who says that the journal's facts win over what these rules decide; it is written down.
    /// `permit` sees what was found before anything is written, and may say why it must not be; what
    /// `observe` or `permit` throws is a `misfit`.
    /// - Throws: `HostError`; nothing was changed on the disk unless it is a `disk`.
    public init(
        disk: D, clock: C, limits: EngineLimits, cell: CellConfiguration, segmentBytes: Int,
        newJournal: ExternalID, rules: [RuleSet] = RuleSet.known, factsWin: String? = nil,
        usesSnapshots: Bool = true,
        prepare: @escaping (UInt32) -> Void,
        remember: (RecordBytes) -> Void = { _ in },
        restored: (borrowing Engine) -> Void = { _ in },
        observe: (BlockView) throws -> Void = { _ in },
        permit: (RecoveryReport) throws -> Void = { _ in }
    ) throws(HostError) {
        do {
            var engine = Engine(limits: limits, seed: newJournal.low, rules: rules)
            var start: SnapshotHeader?
            var kept = Keepsakes()
            if usesSnapshots {
                start = try Self.load(
                    &engine, disk, &report,
                    fresh: { Engine(limits: limits, seed: newJournal.low, rules: rules) })
            }
            if let start {
                report.snapshot = start.end.lastSequence
                kept.restore(start.keepsakes, remember)
                restored(engine)
            }
            var replay = Replay(after: Divergences(words: start?.remarks ?? []))
            let found = try JournalReader(disk).scan(from: start?.end) { block in
                try replay.apply(block, to: &engine)
                block.forEachRecord { if Keepsakes.mayKeep($0.kind) { kept.note($0) } }
                try observe(block)
            }
            if factsWin == nil { try replay.finish() }
            report.divergences = replay.divergences
            divergences = replay.divergences
            keepsakes = kept
            report.isNew = found == nil
            report.blocks = found?.blocks ?? 0
            report.records = found?.lastSequence ?? 0
            report.tornBytes = found?.tornBytes ?? 0
            report.stateHash = engine.stateHash
            report.cell = found == nil ? cell : engine.cell
            try permit(report)
            // Nothing was written up to here.
            let end = found ?? JournalWriter<D>.beginning(journal: newJournal)
            writer = try JournalWriter(
                disk, at: end, segmentBytes: segmentBytes, prepare: prepare)
            time = SequencerTime(clock, after: end.lastTime)
            self.engine = engine
            try writer.heal()
            if found != nil { writer.bumpIncarnation() }
            try Self.sweep(disk)
        } catch let error as HostError {
            throw error
        } catch let error as Corruption {
            throw .corrupt(error)
        } catch let error as DiskError {
            throw .disk(error)
        } catch {
            throw .misfit("\(error)")
        }
        try begin(cell, found: !report.isNew, factsWin: factsWin)
    }

    // MARK: Snapshots

    /// Chunks of 64 KiB that are copied between two batches: about 25 us.
    public var chunksPerSlice = 2

    /// The newest snapshot that is whole, fits and stands in this journal; nil when there is none.
    private static func load(
        _ engine: inout Engine, _ disk: D, _ report: inout RecoveryReport, fresh: () -> Engine
    ) throws -> SnapshotHeader? {
        let all = try disk.names().compactMap(SnapshotFormat.sequence).sorted(by: >)
        for sequence in all {
            do {
                return try SnapshotShelf(disk).open(sequence, into: &engine)
            } catch let problem as SnapshotProblem {
                report.unusable.append(problem.text)
                engine = fresh()
            }
        }
        return nil
    }

    /// Halves of snapshots that an earlier life left.
    private static func sweep(_ disk: D) throws(DiskError) {
        for name in try disk.names() where SnapshotFormat.isTemporary(name) {
            try disk.remove(name)
        }
    }

    public var isCopying: Bool { copying != nil }

    /// Writes a checkpoint down and freezes the state right after it, to be handed to `copy` piece by piece.
    public func beginSnapshot(_ copy: SnapshotCopy, deliver: (DurableBlock) -> Void)
        throws(HostError)
    {
        precondition(copying == nil, "one snapshot at a time")
        if let block = first {
            first = nil
            deliver(block)
        }
        let batch = IntakeBatch(capacity: 1)
        let memory = AlignedBuffer(SlotSize.bytes)
        let record = RecordBytes(memory.base, slots: 1)
        engine.writeCheckpoint(to: record)
        _ = batch.add(record, token: 0)
        try turn(batch, withOwnSteps: false, deliver)
        spares.add(copy.takeSpares(most: SnapshotCopy.mostSpares - spares.count))
        // The keepsakes become a list where nobody waits for it.
        copy.begin {
            [
                end = writer.end, hash = engine.rowsHash, words = engine.freeze(spares),
                remarks = divergences.words, keepsakes
            ] in
            SnapshotHeader(
                end: end, stateVersion: Engine.stateVersion, rowsHash: hash, words: words,
                remarks: remarks, keepsakes: keepsakes.all)
        }
        copying = copy
    }

    /// Between two batches: what was written since, and a few chunks more.
    public func copySlice() {
        guard let copy = copying else { return }
        if copy.isAbandoned {
            engine.thaw()
            copying = nil
            return
        }
        let (hasRoom, back) = copy.turnOver(keeping: SnapshotCopy.mostSpares - spares.count)
        spares.add(back)
        let most = hasRoom ? chunksPerSlice : 0
        guard engine.takeSlice(most, { copy.put($0, $1) }) else { return }
        copy.complete()
        copying = nil
    }

    private func begin(_ cell: CellConfiguration, found: Bool, factsWin: String?) throws(HostError)
    {
        let batch = IntakeBatch(capacity: 8)
        let memory = AlignedBuffer(SlotSize.bytes)
        let record = RecordBytes(memory.base, slots: 1)
        if found {
            record.begin(.recovered)
            record.set(Layout.Recovered.incarnation, writer.end.incarnation)
            record.set(Layout.Recovered.block, writer.end.nextBlock - 1)
            record.set(Layout.Recovered.build, text: cell.build, width: 48)
        } else {
            record.begin(.genesis)
            record.set(Layout.Genesis.currency, cell.currency.numericCode)
            record.set(Layout.Genesis.rounding, cell.rounding.rawValue)
            record.set(Layout.Genesis.money, cell.money.rawValue)
            record.set(Layout.Genesis.minimumStake, cell.minimumStake)
            record.set(Layout.Genesis.payoutCap, cell.payoutCap)
            record.set(Layout.Genesis.customerCap, cell.customerCap)
            record.set(Layout.Genesis.dayCap, cell.dayCap)
            record.set(Layout.Genesis.brand, cell.brand)
            record.set(Layout.Genesis.licence, cell.licence)
            record.set(Layout.Genesis.journalHigh, writer.end.journal.high)
            record.set(Layout.Genesis.journalLow, writer.end.journal.low)
            record.set(Layout.Genesis.mostOpenBets, UInt32(clamping: engine.limits.openBets))
            record.set(Layout.Genesis.build, text: cell.build, width: 48)
        }
        _ = batch.add(record, token: 0)
        if let factsWin, !report.divergences.areAccepted {
            report.divergences.write(to: record, build: cell.build, operator: factsWin)
            divergences.take(record)
            _ = batch.add(record, token: 0)
        }
        try turn(batch, withOwnSteps: false) { first = $0 }
    }

    public var health: JournalHealth { writer.health }
    public var point: JournalPoint { writer.point }
    /// Where the next block will stand.
    public var position: JournalPosition { writer.position }
    public var segmentBytes: Int { writer.segmentBytes }
    /// Bytes that the segment at hand still takes.
    public var roomLeft: Int { writer.end.segmentBytes - writer.end.offset }
    public var stateHash: StateHash { engine.stateHash }

    /// When `turn` has something to do although nobody sent anything; nil when never.
    public var nextDue: Timestamp? { engine.nextDue }

    /// Nanoseconds until something is due, 0 when it is; nil when nothing will be.
    public func nanosecondsUntilDue() -> Int64? {
        if first != nil { return 0 }
        let now = time.now()
        var due = engine.nextDue?.nanoseconds ?? .max
        if safelyProjected > 0, let release = engine.nextReleaseDue {
            due = min(due, max(release.nanoseconds, lastRelease))
        }
        return due == .max ? nil : max(0, due - now)
    }

    /// Whether something is due at the sequencer's last time already.
    public var isDue: Bool { engine.dueKind(at: engine.time) != nil }

    /// Whether the last block still waits for an empty one to confirm it.
    public var isUnconfirmed: Bool { !isConfirmed }

    /// Decides everything in `batch` and everything due, in as many blocks as it takes; `deliver` gets
    /// each block once it is durable.
    public func turn(_ batch: IntakeBatch, deliver: (DurableBlock) -> Void) throws(HostError) {
        if let block = first {
            first = nil
            deliver(block)
        }
        try turn(batch, withOwnSteps: true, deliver)
    }

    /// The first turn has no steps of its own: what came due while we were away must see `recovered`.
    private func turn(
        _ batch: IntakeBatch, withOwnSteps: Bool, _ deliver: (DurableBlock) -> Void
    ) throws(HostError) {
        var index = 0
        var now = time.now()
        let hasStepped = time.hasStepped()
        for index in 0..<min(Self.lookAhead, batch.count) { engine.expect(batch.record(index)) }
        repeat {
            var block = openBlock()
            if hasStepped, index == 0, withOwnSteps { shutInPlay(&block, at: &now) }
            if withOwnSteps {
                forgetIDs(&block, at: &now)
                releaseBets(&block, at: &now)
            }
            var steps = withOwnSteps ? 0 : Self.stepsPerTurn
            while steps < Self.stepsPerTurn,
                let kind = engine.dueKind(at: Timestamp(nanoseconds: now)), block.hasRoom(for: 1)
            {
                applyOwn(kind, &block, at: &now)
                steps += 1
            }
            while index < batch.count {
                let record = batch.record(index)
                guard block.hasRoom(for: record.slots) else { break }
                if index + Self.lookAhead < batch.count {
                    engine.expect(batch.record(index + Self.lookAhead))
                }
                append(record, token: batch.tokens[index].token, &block, at: &now)
                index += 1
            }
            try commit(&block, time: now, deliver)
        } while index < batch.count
    }

    /// Writes the empty block that confirms the last one, if it is not confirmed yet.
    public func confirm() throws(HostError) {
        guard !isConfirmed else { return }
        do {
            try writer.commit(slots: 0, lastSequence: 0, time: 0)
        } catch { throw .disk(error) }
        isConfirmed = true
    }

    // MARK: One block

    private struct OpenBlock: ~Copyable {
        var writer: RecordWriter

        /// Room for a command of `slots` and the most that can come of it.
        func hasRoom(for slots: Int) -> Bool {
            writer.used + slots + Engine.mostOutcomeSlots <= writer.capacity
        }
    }

    private func openBlock() -> OpenBlock {
        pending.removeAll(keepingCapacity: true)
        return OpenBlock(
            writer: RecordWriter(
                writer.slots, capacity: JournalFormat.mostSlots,
                nextSequence: writer.end.lastSequence + 1))
    }

    private func append(
        _ record: RecordBytes, token: Token, _ block: inout OpenBlock, at now: inout Int64
    ) {
        let command = block.writer.reserve(slots: record.slots)
        command.address.copyMemory(from: record.address, byteCount: record.byteCount)
        stampAndApply(command, token: token, &block, at: &now)
    }

    private func applyOwn(_ kind: RecordKind, _ block: inout OpenBlock, at now: inout Int64) {
        let command = block.writer.reserve(slots: 1)
        command.begin(kind)
        stampAndApply(command, token: 0, &block, at: &now)
    }

    private func stampAndApply(
        _ command: RecordBytes, token: Token, _ block: inout OpenBlock, at now: inout Int64
    ) {
        now = time.following()
        command.sequence = block.writer.takeSequence()
        command.time = Timestamp(nanoseconds: now)
        command.rulesVersion = engine.rulesVersion
        let first = block.writer.used
        engine.apply(command, into: &block.writer)
        if Keepsakes.mayKeep(command.kind) { keep(command, first, &block) }
        guard token != 0 else { return }
        pending.append(
            Completion(
                token: token, slot: block.writer.used > first ? UInt32(first) : .max,
                sequence: command.sequence))
    }

    private func keep(_ command: RecordBytes, _ first: Int, _ block: inout OpenBlock) {
        keepsakes.note(command)
        guard block.writer.used > first else { return }
        let base = writer.slots + first * SlotSize.bytes
        let slots = max(1, Int(RecordBytes(base, slots: 1).slotCount))
        keepsakes.note(RecordBytes(base, slots: slots))
    }

    private func commit(
        _ block: inout OpenBlock, time: Int64, _ deliver: (DurableBlock) -> Void
    ) throws(HostError) {
        let slots = block.writer.used
        guard slots > 0 else { return }
        let first = writer.end.lastSequence + 1
        Slot.seal(writer.slots, slots)
        if planted(.acknowledgedBeforeSync) { hand(slots, first, deliver) }
        let began = self.time.boot()
        do {
            try writer.commit(
                slots: slots, lastSequence: block.writer.nextSequence - 1, time: time)
        } catch { throw .disk(error) }
        writer.health.lastCommitNanoseconds = self.time.boot() - began
        isConfirmed = false
        if !planted(.acknowledgedBeforeSync) { hand(slots, first, deliver) }
    }

    /// Only what is durable is handed to anybody.
    private func hand(_ slots: Int, _ first: UInt64, _ deliver: (DurableBlock) -> Void) {
        let durable = takeBlock()
        if slots >= DurableBlock.fewestAdopted, !planted(.acknowledgedBeforeSync) {
            durable.adopt(writer.exchange, count: slots)
        } else {
            durable.fill(from: writer.slots, count: slots)
        }
        durable.firstSequence = first
        durable.lastSequence = writer.end.lastSequence
        durable.following = writer.position
        durable.point = writer.point
        swap(&durable.completions, &pending)
        deliver(durable)
    }

    private func takeBlock() -> DurableBlock {
        for index in pool.indices where isKnownUniquelyReferenced(&pool[index]) {
            return pool[index]
        }
        let fresh = DurableBlock()
        if pool.count < 64 { pool.append(fresh) }
        return fresh
    }

    // MARK: What the sequencer says by itself

    /// A clock that jumped makes every in-play price doubtful: shut until the feed shows itself again.
    private func shutInPlay(_ block: inout OpenBlock, at now: inout Int64) {
        let command = block.writer.reserve(slots: 1)
        command.begin(.marketState)
        command.set(Layout.MarketState.owner, MarketOwner.feed.rawValue)
        command.set(Layout.MarketState.setting, ShutReasons.recovery.rawValue)
        command.set(Layout.MarketState.scope, CommandEncoder.Scope.allInPlay.rawValue)
        command.set(Layout.MarketState.betDelay, UInt32.max)
        command.set(Layout.MarketState.reason, text: "wall clock stepped", width: 64)
        stampAndApply(command, token: 0, &block, at: &now)
    }

    /// Bets whose markets can no longer be corrected leave, a few steps at a time, each second or as soon as
    /// there are more.
    private func releaseBets(_ block: inout OpenBlock, at now: inout Int64) {
        let projected = safelyProjected
        guard projected > 0, now >= lastRelease else { return }
        for _ in 0..<Self.stepsPerTurn where block.hasRoom(for: 1) {
            guard
                let market = engine.nextRelease(
                    at: Timestamp(nanoseconds: now), projected: projected)
            else {
                lastRelease = now + 1_000_000_000
                return
            }
            let command = block.writer.reserve(slots: 1)
            command.begin(.release)
            command.set(Layout.Release.market, market.rawValue)
            command.set(Layout.Release.projected, projected)
            stampAndApply(command, token: 0, &block, at: &now)
        }
    }

    /// Once a second, ids whose window has passed and whose answer is projected are let go.
    private func forgetIDs(_ block: inout OpenBlock, at now: inout Int64) {
        let projected = safelyProjected
        guard now - lastForget > 1_000_000_000, projected > 0 else { return }
        lastForget = now
        guard engine.canForgetIDs(at: Timestamp(nanoseconds: now), projected: projected) else {
            return
        }
        let command = block.writer.reserve(slots: 1)
        command.begin(.forgetIDs)
        command.set(Layout.ForgetIDs.projected, projected)
        stampAndApply(command, token: 0, &block, at: &now)
    }
}

extension Engine {
    /// What the genesis record fixed, as far as the engine decides by it.
    var cell: CellConfiguration {
        var cell = CellConfiguration()
        let fixed = terms
        cell.currency = Currency(numericCode: fixed.currency) ?? cell.currency
        cell.rounding = fixed.rounding
        cell.money = fixed.money
        cell.minimumStake = fixed.minimumStake
        cell.payoutCap = fixed.payoutCap
        cell.customerCap = fixed.customerCap
        cell.dayCap = fixed.dayCap
        return cell
    }
}
