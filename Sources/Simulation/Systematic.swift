import Betting
import Catalogue
import EngineCore
import EngineJournal
import EngineService
import Judge
import Kernel
import Ledger

/// Not drawn but enumerated: every short history with a crash in every write of its last act and of the start after
/// it, every block length around a boundary, every single flipped bit, every block of another history in its place.
public struct Systematic {
    public private(set) var cases = 0
    public private(set) var problems: [String] = []

    public init() {}

    private mutating func object(_ text: String) {
        if problems.count < 20 { problems.append(text) }
    }

    // MARK: Short histories

    /// What may happen next, over two accounts and one market of two selections.
    private enum Act: CaseIterable {
        case firstBetsHome
        case firstBetsAway
        case secondBetsHome
        case priceMoves
        case suspended
        case resumed
        case homeWins
        case awayWins
        case timePasses
    }

    private static let segmentBytes = 1 << 16

    /// Every history of at most `length` acts; a crash in any write of the last act (those of the acts before it
    /// are the last of shorter histories) leaves each possible set of its sectors behind.
    public mutating func histories(upTo length: Int) {
        for count in 1...max(1, length) {
            var digits = [Int](repeating: 0, count: count)
            repeat {
                history(digits.map { Act.allCases[$0] })
                guard problems.isEmpty else { return }
            } while Self.next(&digits, base: Act.allCases.count)
        }
    }

    private static func next(_ digits: inout [Int], base: Int) -> Bool {
        for index in digits.indices.reversed() {
            digits[index] += 1
            if digits[index] < base { return true }
            digits[index] = 0
        }
        return false
    }

    private mutating func history(_ acts: [Act]) {
        let whole = Life()
        whole.begin()
        for act in acts.dropLast() { whole.play(act) }
        let before = whole.image
        let stateBefore = whole.stateHash
        whole.play(acts.last!)
        let writes = whole.lastWrites
        for index in writes.indices {
            let image = before.applying(writes[..<index])
            Self.forEachTorn(writes[index]) { survivors, isAll in
                cases += 1
                check(
                    acts, image.applying(writes[index], sectors: survivors),
                    isWhole: isAll && index == writes.count - 1, whole,
                    before: index == 0 && !isAll ? stateBefore : nil)
            }
        }
        // The start writes too; a crash there meets the next start.
        guard acts.count <= Self.actsBeforeTornStarts else { return }
        let arrived = before.applying(writes[...])
        let starting = Life(on: arrived, clock: whole.clock.now)
        for index in starting.startWrites.indices {
            let image = arrived.applying(starting.startWrites[..<index])
            Self.forEachTorn(starting.startWrites[index]) { survivors, _ in
                cases += 1
                check(
                    acts, image.applying(starting.startWrites[index], sectors: survivors),
                    isWhole: false, whole, before: nil)
            }
        }
    }

    /// Histories of at most so many acts have their starts torn as well.
    private static let actsBeforeTornStarts = 2

    /// Each set of sectors of a write that may have arrived. A sector of zeros arrives or does not: it is the
    /// same, so only the others count.
    private static func forEachTorn(
        _ write: DiskImage.Write, _ body: (_ survivors: Set<Int>, _ isAll: Bool) -> Void
    ) {
        let sectors = write.filledSectors
        for set in 0..<(1 << sectors.count) {
            var survivors: Set<Int> = []
            for (index, sector) in sectors.enumerated() where set >> index & 1 == 1 {
                survivors.insert(sector)
            }
            body(survivors, survivors.count == sectors.count)
        }
    }

    /// `before`: the state that must come back when not everything arrived; nil when another may.
    private mutating func check(
        _ acts: [Act], _ image: DiskImage, isWhole: Bool, _ live: Life, before: StateHash?
    ) {
        let again = Life(on: image, clock: live.clock.now)
        guard again.failure == nil, let report = again.host?.report else {
            return object("\(acts): does not start: \(again.failure ?? "")")
        }
        if isWhole, report.stateHash != live.stateHash {
            object("\(acts): everything arrived, and another state came back")
        }
        if !isWhole, let before, report.stateHash != before {
            object("\(acts): half of the last write is in the state")
        }
        for problem in again.judgement() { object("\(acts): \(problem)") }
        // Whoever asks again with the same ids finds each bet once.
        again.play(.resumed)
        again.repeatAll(of: live)
        for problem in again.judgement() { object("\(acts), asked again: \(problem)") }
    }

    /// One platform on a disk image, turned by hand.
    private final class Life {
        let disk: SimulatedDisk
        let clock: SimulatedClock
        private(set) var host: EngineHost<SimulatedDisk, SimulatedClock>?
        private(set) var failure: String?
        private var encoder = CommandEncoder()
        private let batch = IntakeBatch(capacity: 64)
        private var intents: [BetIntent] = []
        private var serial: UInt64 = 0
        private static let fixture = ExternalID(high: 1, low: 1)
        private static let market = ExternalID(high: 2, low: 2)
        private static let even = Odds(2, over: 1)!

        init(on image: DiskImage = DiskImage(), clock now: Int64 = 1_000_000_000) {
            clock = SimulatedClock(wall: 1_790_000_000_000_000_000)
            clock.wallOffset = 1_790_000_000_000_000_000 - 1_000_000_000
            clock.now = now + 50_000_000
            disk = SimulatedDisk(clock: clock, seed: 1)
            disk.load(image)
            disk.beginRecording()
            defer { startWrites = disk.recorded }
            do {
                host = try EngineHost(
                    disk: disk, clock: clock,
                    limits: EngineLimits(
                        accounts: 8, openBets: 64, ids: 64, reservedIDs: 8, reservedBets: 0,
                        timers: 8, fixtures: 4, markets: 4),
                    cell: CellConfiguration(), segmentBytes: Systematic.segmentBytes,
                    newJournal: Simulation.journal, prepare: { _ in })
                turn()
            } catch { failure = "\(error)" }
        }

        var stateHash: StateHash { host?.stateHash ?? StateHash() }
        var image: DiskImage { disk.image }
        /// The writes of the start itself.
        private(set) var startWrites: [DiskImage.Write] = []
        /// The writes since `play` began.
        private(set) var lastWrites: [DiskImage.Write] = []

        func begin() {
            var fixture = FixtureFacts(id: Self.fixture)
            fixture.state = FixtureState(status: .live, isInPlay: true)
            say { $0.openAccount(ExternalID(high: 9, low: 1), .eur, .demo) }
            say { $0.openAccount(ExternalID(high: 9, low: 2), .eur, .demo) }
            for account in 0...1 as ClosedRange<UInt64> {
                let id = freshID()
                say { $0.deposit(1000, to: AccountID(account), id: id) }
            }
            say { $0.fixture(fixture) }
            var market = MarketFacts(
                id: Self.market, fixture: Self.fixture, name: "m",
                selections: [
                    SelectionFacts(supplierID: 1, name: "a"),
                    SelectionFacts(supplierID: 2, name: "b"),
                ])
            market.betDelay = 40
            say { $0.market(market) }
            price(2000)
            turn()
            play(.resumed)
        }

        private func price(_ thousandths: UInt32) {
            let entries = [thousandths, 2000].map { PriceEntry(odds: Odds(thousandths: $0)) }
            say {
                $0.price(market: Self.market, entries, margin: 0, message: 0, providerTime: 0)
            }
        }

        private func freshID() -> ExternalID {
            serial += 1
            return ExternalID(
                milliseconds: Timestamp(nanoseconds: clock.wall()).milliseconds,
                random: (1, serial))
        }

        private func say(_ make: (inout CommandEncoder) -> RecordBytes) {
            _ = batch.add(make(&encoder), token: 0)
        }

        private func bet(_ account: UInt64, _ selection: UInt32) {
            let id = freshID()
            let now = Timestamp(nanoseconds: clock.wall())
            var intent = BetIntent(
                account: AccountID(account), id: id, requestHash: id, session: SessionID(1),
                stake: 300, currency: .eur,
                legs: [
                    LegIntent(
                        market: MarketID(0), fixture: FixtureID(0), selection: selection,
                        odds: Self.even)
                ], validUntil: now.adding(milliseconds: 59_000), receivedAt: now)
            intent.rule = .any
            intent.tolerance = PriceRule.anyTicks
            intents.append(intent)
            say { $0.place(intent) }
        }

        func play(_ act: Act) {
            disk.beginRecording()
            switch act {
            case .firstBetsHome: bet(0, 0)
            case .firstBetsAway: bet(0, 1)
            case .secondBetsHome: bet(1, 0)
            case .priceMoves: price(1900)
            case .suspended:
                say { $0.marketState(Self.market, by: .feed, setting: .feed) }
            case .resumed:
                say { $0.marketState(Self.market, by: .feed, lifting: [.feed, .recovery]) }
            case .homeWins:
                say {
                    $0.result(
                        market: Self.market, [SelectionOutcome(.won), SelectionOutcome(.lost)],
                        source: .feed)
                }
            case .awayWins:
                say {
                    $0.result(
                        market: Self.market, [SelectionOutcome(.lost), SelectionOutcome(.won)],
                        source: .feed)
                }
            case .timePasses: clock.now += 60_000_000
            }
            turn()
            clock.now += 5_000_000
            lastWrites = disk.recorded
        }

        private func turn() {
            defer { batch.removeAll() }
            do {
                try host?.turn(batch) { _ in }
                while host?.isDue == true { try host?.turn(IntakeBatch(capacity: 1)) { _ in } }
            } catch { failure = "\(error)" }
        }

        /// Sends every intent of another life once more.
        func repeatAll(of other: Life) {
            for intent in other.intents { say { $0.place(intent) } }
            turn()
        }

        /// What a judge who hears the whole journal has to say.
        func judgement() -> [String] {
            var judge = Judge()
            var witness = Witness()
            var found: [String] = []
            do {
                _ = try JournalReader(disk).scan { block in
                    block.forEachRecord { if let said = witness.hear($0) { judge.hear(said) } }
                    if let said = witness.finish() { judge.hear(said) }
                }
            } catch { found.append("\(error)") }
            judge.checkBooks()
            found += judge.problems
            if let host { found += host.engine.audit() }
            return found
        }
    }

    // MARK: Block lengths

    /// Blocks whose last slot stands before, at and after every 4 KiB boundary, whole and with their last
    /// sector lost.
    public mutating func blockLengths(upTo kilobytes: Int = 1024) {
        let perPage = JournalFormat.alignment / SlotSize.bytes
        for page in 1...max(1, kilobytes * 1024 / JournalFormat.alignment) {
            for slots in (page * perPage - 2)...(page * perPage + 1) {
                guard slots > 0, slots + Engine.mostOutcomeSlots < JournalFormat.mostSlots else {
                    continue
                }
                for isTorn in [false, true] { blockLength(slots, isTorn) }
                guard problems.isEmpty else { return }
            }
        }
    }

    private mutating func blockLength(_ slots: Int, _ isTorn: Bool) {
        cases += 1
        let clock = SimulatedClock(wall: 1_790_000_000_000_000_000)
        let disk = SimulatedDisk(clock: clock, seed: 1)
        // Customers leave an eighth to feeds and the desk.
        let batch = IntakeBatch(capacity: slots + slots / 7 + 1)
        var encoder = CommandEncoder()
        do {
            let host = try Self.smallHost(disk, clock, segmentBytes: 2 << 20)
            for _ in 0..<slots {
                _ = batch.add(
                    encoder.session(
                        account: AccountID(0), brand: 1, licence: 1, channel: 1, authentication: 1,
                        realm: 1, format: .decimal), token: 0)
            }
            disk.beginRecording()
            try host.turn(batch) { _ in }
            let written = disk.recorded
            var image = disk.image
            if isTorn, let last = written.last, let sector = last.filledSectors.last {
                image = image.erasing(last, sector: sector)
            }
            let other = SimulatedDisk(clock: clock, seed: 1)
            other.load(image)
            var records = 0
            _ = try JournalReader(other).scan { block in block.forEachRecord { _ in records += 1 } }
            let wanted = isTorn ? 1 : slots + 1
            if records != wanted {
                object(
                    "a block of \(slots) slots comes back with \(records) records, not \(wanted)")
            }
        } catch { object("a block of \(slots) slots, torn \(isTorn): \(error)") }
    }

    private static func smallHost(
        _ disk: SimulatedDisk, _ clock: SimulatedClock, segmentBytes: Int
    ) throws(HostError) -> EngineHost<SimulatedDisk, SimulatedClock> {
        try EngineHost(
            disk: disk, clock: clock,
            limits: EngineLimits(
                accounts: 8, openBets: 64, ids: 64, reservedIDs: 8, reservedBets: 0, timers: 8,
                fixtures: 4, markets: 4), cell: CellConfiguration(), segmentBytes: segmentBytes,
            newJournal: Simulation.journal, prepare: { _ in })
    }

    // MARK: Bits

    /// Every bit of a journal of a few blocks, padding included: refused, or every record still there.
    public mutating func flippedBits() {
        let clock = SimulatedClock(wall: 1_790_000_000_000_000_000)
        let disk = SimulatedDisk(clock: clock, seed: 1)
        let batch = IntakeBatch(capacity: 16)
        var encoder = CommandEncoder()
        do {
            let host = try Self.smallHost(disk, clock, segmentBytes: 1 << 14)
            _ = batch.add(
                encoder.openAccount(ExternalID(high: 9, low: 1), .eur, .demo), token: 0)
            try host.turn(batch) { _ in }
            batch.removeAll()
            try host.confirm()
            let whole = disk.image
            let records = try JournalReader(disk).scan { _ in }?.lastSequence
            let bytes = 3 * JournalFormat.alignment
            for bit in 0..<bytes * 8 {
                cases += 1
                let damaged = SimulatedDisk(clock: clock, seed: 1)
                damaged.load(whole.flipping(bit: bit))
                do {
                    let found = try JournalReader(damaged).scan { _ in }?.lastSequence
                    if found != records { object("bit \(bit): \(found ?? 0) records are left") }
                } catch is Corruption {}
            }
        } catch { object("\(error)") }
    }

    // MARK: Another history

    /// A block of a journal with the same name, numbers, places and sequences, but another past.
    public mutating func splices() {
        do {
            let one = try spliced(stakes: [100, 200, 300, 400])
            let other = try spliced(stakes: [150, 250, 350, 450])
            for block in 1..<one.blocks.count - 1 {
                cases += 1
                let disk = SimulatedDisk(
                    clock: SimulatedClock(wall: 1_790_000_000_000_000_000), seed: 1)
                disk.load(one.image.replacing(other.blocks[block]))
                do {
                    _ = try JournalReader(disk).scan { _ in }
                    object("block \(block) of another history was taken")
                } catch is Corruption {}
            }
        } catch { object("\(error)") }
    }

    private func spliced(stakes: [Int64]) throws -> (image: DiskImage, blocks: [DiskImage.Write]) {
        let clock = SimulatedClock(wall: 1_790_000_000_000_000_000)
        let disk = SimulatedDisk(clock: clock, seed: 1)
        let batch = IntakeBatch(capacity: 16)
        var encoder = CommandEncoder()
        disk.beginRecording()
        let host = try Self.smallHost(disk, clock, segmentBytes: 1 << 16)
        for (number, stake) in stakes.enumerated() {
            _ = batch.add(
                encoder.deposit(
                    stake, to: AccountID(0), id: ExternalID(high: 3, low: UInt64(number))), token: 0
            )
            try host.turn(batch) { _ in }
            batch.removeAll()
        }
        return (disk.image, disk.recorded)
    }
}

/// What a disk holds, as a value.
struct DiskImage {
    struct Write {
        let name: String
        let position: Int
        let bytes: [UInt8]

        /// Sectors of 512 bytes that are not all zeros.
        var filledSectors: [Int] {
            (0..<bytes.count / 512).filter { sector in
                bytes[sector * 512..<sector * 512 + 512].contains { $0 != 0 }
            }
        }
    }

    var files: [String: [UInt8]] = [:]

    func applying(_ writes: some Sequence<Write>) -> DiskImage {
        var image = self
        for write in writes { image.put(write, write.bytes[...], at: 0) }
        return image
    }

    func applying(_ write: Write, sectors: Set<Int>) -> DiskImage {
        var image = self
        for sector in sectors {
            image.put(write, write.bytes[sector * 512..<sector * 512 + 512], at: sector * 512)
        }
        return image
    }

    func erasing(_ write: Write, sector: Int) -> DiskImage {
        var image = self
        image.put(write, [UInt8](repeating: 0, count: 512)[...], at: sector * 512)
        return image
    }

    func replacing(_ write: Write) -> DiskImage { applying([write]) }

    func flipping(bit: Int) -> DiskImage {
        var image = self
        guard let name = image.files.keys.min() else { return image }
        image.files[name]![bit / 8] ^= 1 << UInt8(bit % 8)
        return image
    }

    private mutating func put(_ write: Write, _ bytes: ArraySlice<UInt8>, at offset: Int) {
        let start = write.position + offset
        files[write.name]!.replaceSubrange(start..<start + bytes.count, with: bytes)
    }
}
