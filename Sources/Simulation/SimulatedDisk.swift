import EngineJournal
import Glibc
import Kernel

/// Time as the simulation lets it pass. Nanoseconds.
final class SimulatedClock: Clock {
    /// Since the machine was switched on.
    @exclusivity(unchecked) var now: Int64 = 1_000_000_000
    /// What the wall clock is off by.
    @exclusivity(unchecked) var wallOffset: Int64

    init(wall: Int64) { wallOffset = wall - now }

    func wall() -> Int64 { now + wallOffset }
    func boot() -> Int64 { now }
}

/// How often a write meets a fault: of 10,000 writes.
struct DiskFaults {
    /// Power fails in mid-write; each 512-byte sector of it arrives or does not.
    var crash = 0
    /// The device reports an error; what was written is unknown, what a sync should have kept is gone, and the
    /// next write or sync succeeds as if nothing had been.
    var error = 0
    /// A read fails.
    var readError = 0
    /// The device says yes and forgets.
    var lost = 0
    /// The device says yes and writes somewhere else.
    var misdirected = 0
    /// At a restart, a bit somewhere has flipped.
    var rot = 0
    /// A write that was cut off by a crash arrives whole after all, long after.
    var late = 0
    /// Nanoseconds that a write takes.
    var latency: Int64 = 100_000
}

/// A disk in memory at its worst. What was not acknowledged may be there, be torn, or not be there.
final class SimulatedDisk: Disk {
    struct Stored {
        let base: UnsafeMutableRawPointer
        let count: Int
        var written = 0
    }

    @exclusivity(unchecked) private(set) var files: [String: Stored] = [:]
    @exclusivity(unchecked) var faults = DiskFaults()
    /// Bytes that may still be taken by new files.
    var room = Int.max
    /// No further use until the machine starts again.
    private(set) var isDead = false
    /// A device lied: from here on recovery may refuse to start, and must not lose anything silently.
    private(set) var hasLied = false
    private(set) var writes: UInt64 = 0
    /// Parts of growing files that a power failure may still take.
    @exclusivity(unchecked) private var unsynced: [String: [Range<Int>]] = [:]
    /// Writes that must arrive before the next fault: a lie about the very last block cannot be told from
    /// a block that was never written, by any journal on that one device.
    @exclusivity(unchecked) private var sparedWrites = 0
    /// Whether a fault may end a process now.
    var mayFail: Bool { sparedWrites == 0 }
    /// The write that the last crash cut off, and the writes that came after it.
    private var cutOff: (name: String, position: Int, bytes: [UInt8], since: Int)?
    @exclusivity(unchecked) private var random: SeededGenerator
    private let clock: SimulatedClock

    init(clock: SimulatedClock, seed: UInt64) {
        self.clock = clock
        random = SeededGenerator(seed: seed)
    }

    deinit { for file in files.values { free(file.base) } }

    // MARK: For whoever enumerates

    /// What was written since `beginRecording`.
    private(set) var recorded: [DiskImage.Write] = []
    private var isRecording = false

    func beginRecording() {
        isRecording = true
        recorded = []
    }

    var image: DiskImage {
        DiskImage(
            files: files.mapValues {
                Array(UnsafeRawBufferPointer(start: $0.base, count: $0.count))
            })
    }

    func load(_ image: DiskImage) {
        for (name, bytes) in image.files {
            let base = calloc(1, bytes.count)!
            bytes.withUnsafeBytes { base.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
            files[name] = Stored(base: base, count: bytes.count)
        }
    }

    /// The machine comes back: the disk works again, on what it kept.
    func restart() {
        isDead = false
        loseUnsynced()
        guard faults.rot > 0, roll(faults.rot), sparedWrites == 0 else { return }
        let names = files.keys.sorted().filter { files[$0]!.written > 0 }
        guard let name = names.randomElement(using: &random), let file = files[name] else { return }
        let place = Int(random.next() % UInt64(file.written))
        let byte = file.base.load(fromByteOffset: place, as: UInt8.self)
        file.base.storeBytes(
            of: byte ^ 1 << UInt8(random.next() % 8), toByteOffset: place, as: UInt8.self)
        hasLied = true
    }

    private func roll(_ chance: Int) -> Bool {
        chance > 0 && Int(random.next() % 10_000) < chance
    }

    // MARK: Disk

    func names() throws(DiskError) -> [String] { files.keys.sorted() }

    func createZeroed(_ name: String, bytes: Int) throws(DiskError) {
        guard files[name] == nil else { return }
        guard bytes <= room else { throw .noSpace }
        room -= bytes
        files[name] = Stored(base: calloc(1, bytes)!, count: bytes)
    }

    func size(of name: String) throws(DiskError) -> Int {
        guard let file = files[name] else { throw .missing(name) }
        return file.count
    }

    func open(_ name: String) throws(DiskError) -> String {
        guard files[name] != nil else { throw .missing(name) }
        return name
    }

    func write(_ bytes: UnsafeRawBufferPointer, to name: String, at position: Int)
        throws(DiskError)
    {
        guard !isDead, let file = files[name] else { throw .failed("write \(name)", errno: EIO) }
        writes += 1
        if isRecording {
            recorded.append(
                DiskImage.Write(name: name, position: position, bytes: Array(bytes)))
        }
        clock.now += faults.latency
        if sparedWrites > 0 {
            sparedWrites -= 1
        } else if roll(faults.crash) || roll(faults.error) {
            isDead = faults.error == 0 || random.next() & 1 == 0
            cutOff =
                faults.late > 0 && bytes.count <= 65_536
                ? (name, position, Array(bytes), 0) : nil
            for sector in 0..<bytes.count / 512 where random.next() & 1 == 1 {
                put(
                    UnsafeRawBufferPointer(rebasing: bytes[sector * 512..<sector * 512 + 512]),
                    name,
                    position + sector * 512)
            }
            throw .failed("write \(name)", errno: EIO)
        } else if roll(faults.lost) {
            hasLied = true
            sparedWrites = 1
            return
        } else if roll(faults.misdirected) {
            hasLied = true
            sparedWrites = 1
            let places = max(1, (file.count - bytes.count) / 4096)
            put(bytes, name, Int(random.next() % UInt64(places)) * 4096)
            return
        }
        put(bytes, name, position)
        arriveLate()
    }

    /// Never over the last block: whatever a device says of that one, no journal on it can know better.
    private func arriveLate() {
        guard let late = cutOff else { return }
        cutOff!.since += 1
        // After the healing of the tail, what takes the old place is followed by two more at least.
        guard late.since >= 6 else { return }
        cutOff = nil
        guard roll(faults.late) else { return }
        late.bytes.withUnsafeBytes { put($0, late.name, late.position) }
        hasLied = true
    }

    private func put(_ bytes: UnsafeRawBufferPointer, _ name: String, _ position: Int) {
        guard let file = files[name], let source = bytes.baseAddress else { return }
        (file.base + position).copyMemory(from: source, byteCount: bytes.count)
        files[name]!.written = max(file.written, position + bytes.count)
    }

    func read(into bytes: UnsafeMutableRawBufferPointer, from name: String, at position: Int)
        throws(DiskError)
    {
        guard let file = files[name], position + bytes.count <= file.count else {
            throw .failed("read \(name)", errno: 0)
        }
        if mayFail, roll(faults.readError) { throw .failed("read \(name)", errno: EIO) }
        bytes.baseAddress?.copyMemory(from: file.base + position, byteCount: bytes.count)
    }

    // MARK: Files that grow

    func create(_ name: String) throws(DiskError) -> String {
        try remove(name)
        files[name] = Stored(base: calloc(1, 1)!, count: 0)
        unsynced[name] = []
        return name
    }

    func writeLater(_ bytes: UnsafeRawBufferPointer, to name: String, at position: Int)
        throws(DiskError)
    {
        guard !isDead, let file = files[name] else { throw .failed("write \(name)", errno: EIO) }
        if roll(faults.error) { throw .failed("write \(name)", errno: EIO) }
        if position + bytes.count > file.count {
            guard position + bytes.count - file.count <= room else { throw .noSpace }
            if room != .max { room -= position + bytes.count - file.count }
            let grown = calloc(1, position + bytes.count)!
            grown.copyMemory(from: file.base, byteCount: file.count)
            free(file.base)
            files[name] = Stored(
                base: grown, count: position + bytes.count, written: file.written)
        }
        if roll(faults.lost) {
            hasLied = true
            return
        }
        put(bytes, name, position)
        unsynced[name, default: []].append(position..<position + bytes.count)
    }

    func sync(_ name: String) throws(DiskError) {
        guard !isDead else { throw .failed("sync \(name)", errno: EIO) }
        if roll(faults.error) {
            lose(unsynced.removeValue(forKey: name) ?? [], of: name)
            unsynced[name] = []
            throw .failed("sync \(name)", errno: EIO)
        }
        unsynced[name] = nil
    }

    func rename(_ name: String, to other: String) throws(DiskError) {
        guard let file = files[name] else { throw .missing(name) }
        guard !isDead, files[other] == nil else { throw .failed("name \(other)", errno: EEXIST) }
        // The power may fail before the new name is on the disk, or right after.
        if mayFail, roll(faults.crash * 20) {
            isDead = true
            if random.next() & 1 == 0 { throw .failed("name \(other)", errno: EIO) }
        }
        defer { if isDead { unsynced[other] = nil } }
        files[name] = nil
        files[other] = file
        unsynced[other] = unsynced.removeValue(forKey: name)
    }

    /// What a power failure leaves of files that were not synced: any of their sectors, or no file at all.
    private func loseUnsynced() {
        for (name, ranges) in unsynced.sorted(by: { $0.key < $1.key }) {
            guard files[name] != nil else { continue }
            if random.next() & 3 == 0 {
                try? remove(name)
                continue
            }
            lose(ranges, of: name)
        }
        unsynced = [:]
    }

    private func lose(_ ranges: [Range<Int>], of name: String) {
        guard let file = files[name] else { return }
        for range in ranges {
            for sector in stride(from: range.lowerBound, to: range.upperBound, by: 512)
            where random.next() & 1 == 1 && sector + 512 <= file.count {
                (file.base + sector).initializeMemory(as: UInt8.self, repeating: 0, count: 512)
            }
        }
    }

    func close(_ name: String) {}

    func remove(_ name: String) throws(DiskError) {
        guard let file = files.removeValue(forKey: name) else { return }
        room = room > .max - file.count ? .max : room + file.count
        free(file.base)
    }

    func freeBytes() throws(DiskError) -> Int { room }
}
