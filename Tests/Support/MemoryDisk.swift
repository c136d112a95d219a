public import EngineJournal

/// Files in memory that behave like a disk at its worst: what is not synced may be lost, torn or mixed.
public final class MemoryDisk: Disk {
    public final class Store {
        /// What survives.
        public var files: [String: [UInt8]] = [:]
        /// Counts down with every write; at zero the write fails with EIO.
        public var writesUntilFailure = Int.max
        /// Counts down with every write; at zero the machine dies during it.
        public var writesUntilCrash = Int.max
        /// Which 512-byte sectors of the write in flight reach the medium at the crash, bit by bit.
        public var survivingSectors: UInt64 = 0
        public var isDead = false
        public var writes = 0
        public var room = Int.max
        public init() {}
    }

    public let store: Store

    public init(_ store: Store = Store()) { self.store = store }

    public func names() throws(DiskError) -> [String] { store.files.keys.sorted() }

    public func createZeroed(_ name: String, bytes: Int) throws(DiskError) {
        guard store.files[name] == nil else { return }
        guard bytes <= store.room else { throw .noSpace }
        store.room -= bytes
        store.files[name] = [UInt8](repeating: 0, count: bytes)
    }

    public func size(of name: String) throws(DiskError) -> Int {
        guard let file = store.files[name] else { throw .missing(name) }
        return file.count
    }

    public func open(_ name: String) throws(DiskError) -> String {
        guard store.files[name] != nil else { throw .missing(name) }
        return name
    }

    public func write(_ bytes: UnsafeRawBufferPointer, to file: String, at position: Int)
        throws(DiskError)
    {
        precondition(position % 4096 == 0 && bytes.count % 4096 == 0, "writes are aligned")
        guard !store.isDead else { throw .failed("write \(file)", errno: 5) }
        store.writes += 1
        store.writesUntilFailure -= 1
        store.writesUntilCrash -= 1
        if store.writesUntilFailure == 0 {
            store.isDead = true
            throw .failed("write \(file)", errno: 5)
        }
        if store.writesUntilCrash == 0 {
            store.isDead = true
            for sector in 0..<bytes.count / 512
            where store.survivingSectors >> UInt64(sector % 64) & 1 == 1 {
                put(bytes, sector * 512..<sector * 512 + 512, file, position)
            }
            throw .failed("write \(file)", errno: 5)
        }
        put(bytes, 0..<bytes.count, file, position)
    }

    private func put(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ file: String, _ position: Int
    ) {
        store.files[file]!.replaceSubrange(
            position + range.lowerBound..<position + range.upperBound, with: bytes[range])
    }

    public func read(into bytes: UnsafeMutableRawBufferPointer, from file: String, at position: Int)
        throws(DiskError)
    {
        guard let content = store.files[file], position + bytes.count <= content.count else {
            throw .failed("read \(file)", errno: 0)
        }
        content.withUnsafeBytes {
            bytes.copyMemory(from: .init(rebasing: $0[position..<position + bytes.count]))
        }
    }

    public func create(_ name: String) throws(DiskError) -> String {
        store.files[name] = []
        return name
    }

    public func writeLater(_ bytes: UnsafeRawBufferPointer, to file: String, at position: Int)
        throws(DiskError)
    {
        guard !store.isDead, let size = store.files[file]?.count else {
            throw .failed("write \(file)", errno: 5)
        }
        guard position + bytes.count - size <= store.room else { throw .noSpace }
        if position + bytes.count > size {
            store.files[file]! += [UInt8](repeating: 0, count: position + bytes.count - size)
        }
        put(bytes, 0..<bytes.count, file, position)
    }

    public func sync(_ file: String) throws(DiskError) {
        if store.isDead { throw .failed("sync \(file)", errno: 5) }
    }

    public func rename(_ name: String, to other: String) throws(DiskError) {
        guard let file = store.files[name] else { throw .missing(name) }
        guard store.files[other] == nil else { throw .failed("name \(other)", errno: 17) }
        store.files[name] = nil
        store.files[other] = file
    }

    public func close(_ file: String) {}

    public func remove(_ name: String) throws(DiskError) { store.files[name] = nil }

    public func freeBytes() throws(DiskError) -> Int { store.room }
}

/// Time that moves when a test moves it.
public final class ManualClock: Clock {
    public var wallTime: Int64
    public var bootTime: Int64 = 1_000_000_000

    public init(wall: Int64 = 1_790_000_000_000_000_000) { wallTime = wall }

    public func wall() -> Int64 { wallTime }
    public func boot() -> Int64 { bootTime }

    public func advance(milliseconds: Int64) {
        wallTime += milliseconds * 1_000_000
        bootTime += milliseconds * 1_000_000
    }
}
