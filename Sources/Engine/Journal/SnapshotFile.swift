public import EngineCore
public import Kernel

/// Names and bounds of snapshot files. Source: docs/formats/snapshot.md.
public enum SnapshotFormat {
    static let magic: UInt64 = 0x5041_4e53_444e_5247  // "GRNDSNAP" in memory
    static let version: UInt32 = 1
    /// What is written at once: little enough that a block of the journal does not wait long behind it.
    static let bufferBytes = 1 << 16
    static let frameHead = 24
    /// Bytes of one frame's content.
    static let mostFrameBytes = 4 << 20

    /// Frames beside those of the tables, whose numbers are `SnapshotTable`'s.
    enum Frame {
        static let header: UInt16 = 0x100
        static let words: UInt16 = 0x101
        static let keepsake: UInt16 = 0x102
        static let end: UInt16 = 0x103
    }

    /// Under this name while it is made, and until another process has found it right.
    public static func temporaryName(_ sequence: UInt64) -> String { "making-" + name(sequence) }

    public static func name(_ sequence: UInt64) -> String {
        let digits = String(sequence)
        return "snapshot-" + String(repeating: "0", count: 20 - digits.utf8.count) + digits
            + ".snap"
    }

    /// The sequence that a finished snapshot holds the state after.
    public static func sequence(_ name: String) -> UInt64? {
        guard name.hasPrefix("snapshot-"), name.hasSuffix(".snap"), name.utf8.count == 34 else {
            return nil
        }
        return UInt64(name.dropFirst(9).dropLast(5))
    }

    public static func isTemporary(_ name: String) -> Bool { name.hasPrefix("making-snapshot-") }
}

/// Why a snapshot cannot be used, in words. Nothing was changed.
public struct SnapshotProblem: Error, Sendable {
    public let name: String
    public let what: String

    public init(name: String, what: String) {
        self.name = name
        self.what = what
    }

    public var text: String { "\(name): \(what)" }
}

/// What a snapshot is of, and what goes with it.
public struct SnapshotHeader: Sendable {
    /// The journal as it was right after the block with the checkpoint.
    public let end: JournalEnd
    /// Of the rows' layout; another build's may be another.
    public let stateVersion: UInt64
    public let rowsHash: StateHash
    public let words: SnapshotWords
    /// What replay had noted until then.
    public let remarks: [UInt64]
    /// Records that readers need and that may no longer be in the journal, whole, in order.
    public let keepsakes: [[UInt8]]

    public init(
        end: JournalEnd, stateVersion: UInt64, rowsHash: StateHash, words: SnapshotWords,
        remarks: [UInt64], keepsakes: [[UInt8]]
    ) {
        self.end = end
        self.stateVersion = stateVersion
        self.rowsHash = rowsHash
        self.words = words
        self.remarks = remarks
        self.keepsakes = keepsakes
    }
}

/// Writes one snapshot, under its temporary name: `SnapshotShelf.accept` gives it its own.
///
/// Used by one thread. Frames come in any order; each has a CRC-32C of its own.
public final class SnapshotWriter<D: Disk> {
    private let disk: D
    private let file: D.File
    public let sequence: UInt64
    private let buffer = AlignedBuffer(SnapshotFormat.bufferBytes)
    private var filled = 0
    private var position = 0
    private var frames: UInt64 = 0
    private var rows: UInt64 = 0
    private var isClosed = false
    private let pace: (Int) -> Void

    /// `pace` is called after each write with the bytes so far, and returns when the next may come.
    public init(
        _ disk: D, _ header: SnapshotHeader, pace: @escaping (Int) -> Void = { _ in }
    ) throws {
        self.disk = disk
        self.pace = pace
        sequence = header.end.lastSequence
        file = try disk.create(SnapshotFormat.temporaryName(sequence))
        do {
            try begin(header)
        } catch {
            abandon()
            throw error
        }
    }

    deinit { if !isClosed { disk.close(file) } }

    /// Bytes so far.
    public var byteCount: Int { position + filled }

    private func begin(_ header: SnapshotHeader) throws {
        let end = header.end
        let last = end.lastBlock ?? (0, 0, 0)
        let words: [UInt64] = [
            SnapshotFormat.magic, UInt64(SnapshotFormat.version), header.stateVersion,
            end.journal.high, end.journal.low, UInt64(end.incarnation), UInt64(end.segment),
            UInt64(end.offset), end.nextBlock, end.lastSequence, UInt64(bitPattern: end.lastTime),
            end.lastHeader.high, end.lastHeader.low, UInt64(last.segment), UInt64(last.offset),
            UInt64(last.bytes), UInt64(end.segmentBytes), header.rowsHash.high,
            header.rowsHash.low,
        ]
        try frame(SnapshotFormat.Frame.header, words + header.remarks)
        try frame(SnapshotFormat.Frame.words, header.words.words)
        for record in header.keepsakes {
            try record.withUnsafeBytes { bytes in
                try frame(SnapshotFormat.Frame.keepsake, first: 0, rows: 1, bytes)
            }
        }
    }

    public func add(_ table: SnapshotTable, _ chunk: SnapshotChunk) throws {
        rows += UInt64(chunk.rows)
        try chunk.withBytes { bytes in
            try frame(table.rawValue, first: chunk.first, rows: chunk.rows, bytes)
        }
    }

    /// The last frame, and everything durable.
    public func finish() throws {
        try frame(SnapshotFormat.Frame.end, [frames, rows])
        let padded =
            (filled + JournalFormat.alignment - 1) / JournalFormat.alignment
            * JournalFormat.alignment
        (buffer.base + filled).initializeMemory(
            as: UInt8.self, repeating: 0, count: padded - filled)
        filled = padded
        try flush()
        try disk.sync(file)
        disk.close(file)
        isClosed = true
    }

    /// Nothing of it stays.
    public func abandon() {
        if !isClosed { disk.close(file) }
        isClosed = true
        try? disk.remove(SnapshotFormat.temporaryName(sequence))
    }

    private func frame(_ kind: UInt16, _ words: [UInt64]) throws {
        try words.withUnsafeBytes { bytes in
            try frame(kind, first: 0, rows: words.count, bytes)
        }
    }

    private func frame(_ kind: UInt16, first: UInt64, rows: Int, _ content: UnsafeRawBufferPointer)
        throws
    {
        var head: [UInt64] = [
            UInt64(kind) | UInt64(content.count) << 32, first, UInt64(rows) << 32,
        ]
        let sum = head.withUnsafeBytes { crc32c(content, from: crc32c($0)) }
        head[2] |= UInt64(sum)
        frames += 1
        try head.withUnsafeBytes { bytes in try put(bytes) }
        try put(content)
        let padding = (8 - content.count % 8) % 8
        guard padding > 0 else { return }
        var zero: UInt64 = 0
        try withUnsafeBytes(of: &zero) { bytes in
            try put(UnsafeRawBufferPointer(rebasing: bytes[..<padding]))
        }
    }

    private func put(_ bytes: UnsafeRawBufferPointer) throws {
        var done = 0
        while done < bytes.count {
            let count = min(buffer.count - filled, bytes.count - done)
            (buffer.base + filled).copyMemory(
                from: bytes.baseAddress! + done, byteCount: count)
            filled += count
            done += count
            if filled == buffer.count { try flush() }
        }
    }

    private func flush() throws {
        guard filled > 0 else { return }
        try disk.writeLater(buffer.bytes(0..<filled), to: file, at: position)
        position += filled
        filled = 0
        pace(position)
    }
}

/// A snapshot read back: the engine as it was, and where the journal goes on.
///
/// Reads once, forward. Every frame's checksum, every row's part in the state hash and every index is made
/// anew.
public struct SnapshotReader<D: Disk> {
    private let disk: D
    public let name: String

    public init(_ disk: D, name: String) {
        self.disk = disk
        self.name = name
    }

    /// Fills `engine`, which must be new.
    ///
    /// - Throws: `SnapshotProblem`, `DiskError`; the engine is of no use then.
    public func load(into engine: inout Engine) throws -> SnapshotHeader {
        let size = try disk.size(of: name)
        let file = try disk.open(name)
        defer { disk.close(file) }
        var stream = FrameStream(disk, file, size: size)
        // A frame lives until the next is read.
        guard let first = try stream.next().map({ ($0.kind, $0.words) }),
            first.0 == SnapshotFormat.Frame.header, first.1.count >= 19,
            first.1[0] == SnapshotFormat.magic
        else { throw problem("it is not a snapshot, or its beginning is damaged") }
        guard first.1[1] == UInt64(SnapshotFormat.version),
            first.1[2] == Engine.stateVersion
        else { throw problem("another build with another layout wrote it") }
        guard let second = try stream.next(), second.kind == SnapshotFormat.Frame.words else {
            throw problem("its second part is damaged")
        }
        let words = SnapshotWords(second.words)
        guard engine.beginLoading(words) else {
            throw problem("its ids do not fit into this engine's limits")
        }
        var frames: UInt64 = 2
        var rows: UInt64 = 0
        var keepsakes: [[UInt8]] = []
        while true {
            guard let frame = try stream.next() else { throw problem("it is cut off or damaged") }
            if frame.kind == SnapshotFormat.Frame.end {
                guard frame.words == [frames, rows] else {
                    throw problem("parts of it are missing")
                }
                break
            }
            frames += 1
            if frame.kind == SnapshotFormat.Frame.keepsake {
                keepsakes.append(Array(frame.content))
                continue
            }
            rows += UInt64(frame.rows)
            guard let table = SnapshotTable(rawValue: frame.kind),
                engine.load(table, first: frame.first, frame.content)
            else { throw problem("a part of it does not fit into this engine's limits") }
        }
        let problems = engine.finishLoading(words)
        guard problems.isEmpty else {
            throw problem(problems.joined(separator: "; "))
        }
        let header = Self.header(first.1, words, keepsakes)
        guard engine.rowsHash == header.rowsHash else {
            throw problem("its rows give another hash than it names")
        }
        return header
    }

    /// Where the journal stood, from the file's beginning alone.
    public func end() throws -> JournalEnd {
        let size = try disk.size(of: name)
        let file = try disk.open(name)
        defer { disk.close(file) }
        var stream = FrameStream(disk, file, size: size)
        guard let first = try stream.next(), first.kind == SnapshotFormat.Frame.header,
            first.words.count >= 19, first.words[0] == SnapshotFormat.magic
        else { throw problem("it is not a snapshot, or its beginning is damaged") }
        return Self.header(first.words, SnapshotWords([]), []).end
    }

    private func problem(_ what: String) -> SnapshotProblem {
        SnapshotProblem(name: name, what: what)
    }

    private static func header(
        _ words: [UInt64], _ rows: SnapshotWords, _ keepsakes: [[UInt8]]
    ) -> SnapshotHeader {
        let end = JournalEnd(
            journal: ExternalID(high: words[3], low: words[4]),
            incarnation: UInt32(truncatingIfNeeded: words[5]),
            segment: UInt32(truncatingIfNeeded: words[6]), offset: Int(words[7]),
            nextBlock: words[8], lastSequence: words[9], lastTime: Int64(bitPattern: words[10]),
            lastHeader: BlockHash(high: words[11], low: words[12]),
            lastBlock: (
                UInt32(truncatingIfNeeded: words[13]), Int(words[14]), Int(words[15])
            ), tornBytes: 0, blocks: words[8], segmentBytes: Int(words[16]))
        return SnapshotHeader(
            end: end, stateVersion: words[2],
            rowsHash: StateHash(high: words[17], low: words[18]), words: rows,
            remarks: Array(words[19...]), keepsakes: keepsakes)
    }
}

/// One frame in memory until the next is read.
private struct SnapshotFrame {
    let kind: UInt16
    let first: UInt64
    let rows: Int
    let content: UnsafeRawBufferPointer

    var words: [UInt64] {
        stride(from: 0, to: content.count - 7, by: 8).map {
            content.loadUnaligned(fromByteOffset: $0, as: UInt64.self)
        }
    }
}

/// Frames of a file, read in large steps.
private struct FrameStream<D: Disk> {
    private let disk: D
    private let file: D.File
    private let size: Int
    private let buffer = AlignedBuffer(
        SnapshotFormat.mostFrameBytes + 2 * SnapshotFormat.bufferBytes, isZeroed: false)
    private var start = 0
    private var filled = 0
    private var place = 0

    init(_ disk: D, _ file: D.File, size: Int) {
        self.disk = disk
        self.file = file
        self.size = size
    }

    /// Nil when the file ends or the frame is not whole.
    mutating func next() throws -> SnapshotFrame? {
        guard let head = try bytes(SnapshotFormat.frameHead) else { return nil }
        let one = head.loadUnaligned(as: UInt64.self)
        let first = head.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        let other = head.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
        let count = Int(one >> 32)
        guard count <= SnapshotFormat.mostFrameBytes else { return nil }
        let padded = (count + 7) / 8 * 8
        guard let all = try bytes(SnapshotFormat.frameHead + padded) else { return nil }
        place += SnapshotFormat.frameHead + padded
        let content = UnsafeRawBufferPointer(
            rebasing: all[SnapshotFormat.frameHead..<SnapshotFormat.frameHead + count])
        let plain: [UInt64] = [one, first, other & 0xffff_ffff_0000_0000]
        let sum = plain.withUnsafeBytes { crc32c(content, from: crc32c($0)) }
        guard sum == UInt32(truncatingIfNeeded: other) else { return nil }
        return SnapshotFrame(
            kind: UInt16(truncatingIfNeeded: one), first: first, rows: Int(other >> 32),
            content: content)
    }

    private mutating func bytes(_ count: Int) throws -> UnsafeRawBufferPointer? {
        guard place + count <= size else { return nil }
        if place < start || place + count > start + filled {
            start = place / JournalFormat.alignment * JournalFormat.alignment
            filled = min(buffer.count, size - start)
            try disk.read(into: buffer.mutableBytes(0..<filled), from: file, at: start)
        }
        return UnsafeRawBufferPointer(start: buffer.base + (place - start), count: count)
    }
}
