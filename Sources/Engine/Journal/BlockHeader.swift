import CChecksum
import COpenSSL
public import Kernel

/// Sizes and bounds of the journal's files. Source: docs/formats/journal.md.
public enum JournalFormat {
    public static let magic: UInt64 = 0x4b4c_4244_4e41_5247  // "GRANDBLK" in memory
    public static let version: UInt32 = 1
    public static let alignment = 4096
    public static let headerBytes = 256
    public static let mostBlockBytes = 1 << 20
    public static let mostSlots = (mostBlockBytes - headerBytes) / 256

    public static func segmentName(_ number: UInt32) -> String {
        let digits = String(number)
        return "journal-" + String(repeating: "0", count: 8 - digits.utf8.count) + digits + ".seg"
    }

    public static func segmentNumber(_ name: String) -> UInt32? {
        guard name.hasPrefix("journal-"), name.hasSuffix(".seg"), name.utf8.count == 20 else {
            return nil
        }
        return UInt32(name.dropFirst(8).dropLast(4))
    }

    /// Bytes of a block with `slots` slots, padded to the alignment.
    public static func blockBytes(slots: Int) -> Int {
        (headerBytes + slots * 256 + alignment - 1) / alignment * alignment
    }
}

/// CRC-32C, by the processor's instruction where it has one.
public func crc32c(_ bytes: UnsafeRawBufferPointer, from start: UInt32 = 0) -> UInt32 {
    grandstand_crc32c(start, bytes.baseAddress, bytes.count)
}

/// The first 16 bytes of SHA-256, which tie a block to the one before.
public struct BlockHash: Hashable, Sendable {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public static let zero = BlockHash(high: 0, low: 0)
}

/// SHA-256 with the algorithm fetched once.
public final class Digest {
    private let algorithm: OpaquePointer
    private let context: OpaquePointer

    public init() {
        algorithm = EVP_MD_fetch(nil, "SHA256", nil)
        context = EVP_MD_CTX_new()
    }

    deinit {
        EVP_MD_CTX_free(context)
        EVP_MD_free(algorithm)
    }

    public func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 32)
        EVP_DigestInit_ex2(context, algorithm, nil)
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        EVP_DigestFinal_ex(context, &out, nil)
        return out
    }

    /// SHA-256 of everything that `next` gives, until it gives nothing.
    func sha256(of next: () throws -> UnsafeRawBufferPointer?) rethrows -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 32)
        EVP_DigestInit_ex2(context, algorithm, nil)
        while let bytes = try next() {
            EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        }
        EVP_DigestFinal_ex(context, &out, nil)
        return out
    }

    func blockHash(_ bytes: UnsafeRawBufferPointer) -> BlockHash {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 4) { out in
            EVP_DigestInit_ex2(context, algorithm, nil)
            EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
            _ = out.withMemoryRebound(to: UInt8.self) {
                EVP_DigestFinal_ex(context, $0.baseAddress, nil)
            }
            return BlockHash(high: out[0], low: out[1])
        }
    }
}

/// What stands before a block's slots.
public struct BlockHeader: Equatable, Sendable {
    public struct Flags: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// Fills its segment to the last byte.
        public static let seal = Flags(rawValue: 1)
        /// Holds nothing; confirms the block before it.
        public static let confirm = Flags(rawValue: 2)
    }

    public var journal: ExternalID
    public var incarnation: UInt32
    public var segment: UInt32
    public var number: UInt64
    public var offset: UInt64
    /// The sequence of the first record; one past the last where there is none.
    public var firstSequence: UInt64
    public var lastSequence: UInt64
    public var slots: UInt32
    public var flags: Flags
    /// What follows the header, padding included.
    public var bodyBytes: UInt32
    public var bodyChecksum: UInt32
    public var parent: BlockHash
    /// The last block known to be durable when this one was written.
    public var durableUpTo: UInt64
    /// The time of the block's last record, nanoseconds.
    public var time: Int64

    public var totalBytes: Int { JournalFormat.headerBytes + Int(bodyBytes) }

    /// Writes all 256 bytes, checksum included.
    func write(to base: UnsafeMutableRawPointer) {
        base.initializeMemory(as: UInt8.self, repeating: 0, count: JournalFormat.headerBytes)
        func put<T: FixedWidthInteger>(_ offset: Int, _ value: T) {
            base.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
        }
        put(0, JournalFormat.magic)
        put(8, JournalFormat.version)
        put(16, journal.high)
        put(24, journal.low)
        put(32, incarnation)
        put(36, segment)
        put(40, number)
        put(48, offset)
        put(56, firstSequence)
        put(64, lastSequence)
        put(72, slots)
        put(76, flags.rawValue)
        put(80, bodyBytes)
        put(84, bodyChecksum)
        put(88, parent.high)
        put(96, parent.low)
        put(104, durableUpTo)
        put(112, time)
        put(12, crc32c(UnsafeRawBufferPointer(start: base, count: JournalFormat.headerBytes)))
    }

    /// Reads a header whose own checksum holds; nil otherwise.
    public init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= JournalFormat.headerBytes, let base = bytes.baseAddress else {
            return nil
        }
        func get<T: FixedWidthInteger>(_ offset: Int, _: T.Type) -> T {
            T(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: T.self))
        }
        guard get(0, UInt64.self) == JournalFormat.magic,
            get(8, UInt32.self) == JournalFormat.version
        else { return nil }
        let stored = get(12, UInt32.self)
        var zero: UInt32 = 0
        var sum = crc32c(UnsafeRawBufferPointer(start: base, count: 12))
        sum = withUnsafeBytes(of: &zero) { crc32c($0, from: sum) }
        sum = crc32c(
            UnsafeRawBufferPointer(start: base + 16, count: JournalFormat.headerBytes - 16),
            from: sum)
        guard sum == stored else { return nil }
        journal = ExternalID(high: get(16, UInt64.self), low: get(24, UInt64.self))
        incarnation = get(32, UInt32.self)
        segment = get(36, UInt32.self)
        number = get(40, UInt64.self)
        offset = get(48, UInt64.self)
        firstSequence = get(56, UInt64.self)
        lastSequence = get(64, UInt64.self)
        slots = get(72, UInt32.self)
        flags = Flags(rawValue: get(76, UInt32.self))
        bodyBytes = get(80, UInt32.self)
        bodyChecksum = get(84, UInt32.self)
        parent = BlockHash(high: get(88, UInt64.self), low: get(96, UInt64.self))
        durableUpTo = get(104, UInt64.self)
        time = get(112, Int64.self)
        let total = JournalFormat.headerBytes + Int(bodyBytes)
        guard total <= JournalFormat.mostBlockBytes, total % JournalFormat.alignment == 0,
            Int(slots) * 256 <= Int(bodyBytes)
        else { return nil }
    }

    init(
        journal: ExternalID, incarnation: UInt32, segment: UInt32, number: UInt64, offset: UInt64,
        firstSequence: UInt64, lastSequence: UInt64, slots: UInt32, flags: Flags,
        bodyBytes: UInt32, bodyChecksum: UInt32, parent: BlockHash, durableUpTo: UInt64, time: Int64
    ) {
        self.journal = journal
        self.incarnation = incarnation
        self.segment = segment
        self.number = number
        self.offset = offset
        self.firstSequence = firstSequence
        self.lastSequence = lastSequence
        self.slots = slots
        self.flags = flags
        self.bodyBytes = bodyBytes
        self.bodyChecksum = bodyChecksum
        self.parent = parent
        self.durableUpTo = durableUpTo
        self.time = time
    }
}

/// Page-aligned memory for direct reads and writes.
public final class AlignedBuffer {
    public let base: UnsafeMutableRawPointer
    public let count: Int

    /// `isZeroed` false is for whoever writes every byte before it is read.
    public init(_ count: Int, isZeroed: Bool = true) {
        self.count = count
        base = .allocate(byteCount: count, alignment: JournalFormat.alignment)
        if isZeroed { base.initializeMemory(as: UInt8.self, repeating: 0, count: count) }
    }

    deinit { base.deallocate() }

    public func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(range.upperBound <= count, "inside the buffer")
        return UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    public func mutableBytes(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
        precondition(range.upperBound <= count, "inside the buffer")
        return UnsafeMutableRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }
}
