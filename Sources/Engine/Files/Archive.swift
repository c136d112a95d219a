public import EngineJournal
public import EngineService
import Foundation
import Glibc

/// Digests of full segments, one a line, in a file of a directory that may be another machine's.
///
/// A line is `segment bytes sha256 sealed-at tree-root`; lines are only added, and one that says otherwise about a
/// segment is an alarm.
public final class DigestLedger: DigestExport, Sendable {
    public struct Contradiction: Error, CustomStringConvertible {
        public let segment: UInt32
        public let path: String

        public var description: String {
            "\(path) has another digest of segment \(segment) than the journal: one of the two was changed"
        }
    }

    public let path: String

    /// The directory is made when it is missing; one journal, one directory.
    public init(directory: String) throws(DiskError) {
        _ = try FileDisk(directory: directory)
        path = Self.file(in: directory)
    }

    /// Where the digests of a directory stand.
    public static func file(in directory: String) -> String { directory + "/segment-digests.txt" }

    public func add(_ digests: [SealedSegments.Digest]) throws {
        let (there, isCut) = try lines()
        // A line that a crash cut off ends here, and its segment is written once more.
        var text = isCut ? "\n" : ""
        for digest in digests {
            let hex = digest.digest.map { Self.hex($0) }.joined()
            let root = digest.root.map { Self.hex($0) }.joined()
            if let known = there[digest.segment] {
                guard known == hex + root else {
                    throw Contradiction(segment: digest.segment, path: path)
                }
                continue
            }
            text += "\(digest.segment) \(digest.bytes) \(hex) \(digest.time) \(root)\n"
        }
        guard text.utf8.count > 1 else { return }
        let isNew = !FileManager.default.fileExists(atPath: path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw DiskError.failed("open \(path)", errno: errno) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
            throw DiskError.failed("write \(path)", errno: errno)
        }
        if isNew { try syncDirectory() }
    }

    private func syncDirectory() throws {
        let directory = String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw DiskError.failed("open \(directory)", errno: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw DiskError.failed("sync \(directory)", errno: errno)
        }
    }

    /// Digest and root of each segment in hexadecimal, one after the other, as they stand in the file; empty
    /// without one.
    public func read() throws -> [UInt32: String] { try lines().known }

    private func lines() throws -> (known: [UInt32: String], isCut: Bool) {
        guard FileManager.default.fileExists(atPath: path) else { return ([:], false) }
        let text = try String(contentsOfFile: path, encoding: .utf8)
        var found: [UInt32: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ")
            guard parts.count == 5, let segment = UInt32(parts[0]), parts[2].utf8.count == 64,
                parts[4].utf8.count == 64
            else { continue }
            let both = String(parts[2] + parts[4])
            if let other = found[segment], other != both {
                throw Contradiction(segment: segment, path: path)
            }
            found[segment] = both
        }
        return (found, !text.isEmpty && !text.hasSuffix("\n"))
    }

    public static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0" + digits : digits
    }
}

/// Segments in another directory, copied there before they leave the journal's.
public final class DirectoryArchive: SegmentArchive, Sendable {
    private let source: FileDisk
    private let target: FileDisk

    /// The archive would be the journal itself: what leaves the one would leave the other.
    public struct SameDirectory: Error, CustomStringConvertible {
        public var description: String { "it is the data directory itself" }
    }

    public init(from source: FileDisk, to directory: String) throws {
        self.source = source
        target = try FileDisk(directory: directory)
        var one = stat()
        var other = stat()
        guard stat(source.directory, &one) == 0, stat(directory, &other) == 0 else {
            throw DiskError.failed("look at \(directory)", errno: errno)
        }
        guard one.st_dev != other.st_dev || one.st_ino != other.st_ino else {
            throw SameDirectory()
        }
    }

    public func keep(_ segment: UInt32, digest: [UInt8]) throws {
        let name = JournalFormat.segmentName(segment)
        if try !target.names().contains(name) { try copy(name) }
        guard try segmentDigest(segment, on: target).1 == digest else {
            throw DiskError.failed("archive \(name): it is not what was sealed", errno: 0)
        }
    }

    private func copy(_ name: String) throws {
        let size = try source.size(of: name)
        let from = try source.open(name)
        defer { source.close(from) }
        let to = try target.create("making-" + name)
        defer { target.close(to) }
        let buffer = AlignedBuffer(JournalFormat.mostBlockBytes)
        var position = 0
        while position < size {
            let count = min(buffer.count, size - position)
            try source.read(into: buffer.mutableBytes(0..<count), from: from, at: position)
            try target.writeLater(buffer.bytes(0..<count), to: to, at: position)
            position += count
        }
        try target.sync(to)
        try target.rename("making-" + name, to: name)
    }
}

/// A journal whose older segments lie in an archive, read as one. Never written.
public final class JoinedDisk: Disk, Sendable {
    public struct File {
        let file: FileDisk.File
        let isArchived: Bool
    }

    private let disk: FileDisk
    private let archive: FileDisk?

    /// Where the server writes.
    public var directory: String { disk.directory }

    public init(directory: String, archive: String? = nil) throws(DiskError) {
        disk = try FileDisk(directory: directory)
        self.archive = try archive.map { path throws(DiskError) in try FileDisk(directory: path) }
    }

    /// What is in both places is read where the server writes.
    private func holder(of name: String) throws(DiskError) -> (FileDisk, isArchived: Bool) {
        if let archive, try !disk.names().contains(name) { return (archive, true) }
        return (disk, false)
    }

    public func names() throws(DiskError) -> [String] {
        let here = try disk.names()
        guard let archive else { return here }
        let segments = try archive.names().filter { JournalFormat.segmentNumber($0) != nil }
        return Set(here + segments).sorted()
    }

    public func size(of name: String) throws(DiskError) -> Int {
        try holder(of: name).0.size(of: name)
    }

    public func open(_ name: String) throws(DiskError) -> File {
        let (holder, isArchived) = try holder(of: name)
        return File(file: try holder.open(name), isArchived: isArchived)
    }

    public func read(into bytes: UnsafeMutableRawBufferPointer, from file: File, at position: Int)
        throws(DiskError)
    {
        try (file.isArchived ? archive ?? disk : disk).read(
            into: bytes, from: file.file, at: position)
    }

    public func close(_ file: File) { disk.close(file.file) }

    private var readOnly: DiskError { .failed("write to a journal that is only read", errno: 30) }

    public func createZeroed(_ name: String, bytes: Int) throws(DiskError) { throw readOnly }
    public func create(_ name: String) throws(DiskError) -> File { throw readOnly }
    public func write(_ bytes: UnsafeRawBufferPointer, to file: File, at position: Int)
        throws(DiskError)
    { throw readOnly }
    public func writeLater(_ bytes: UnsafeRawBufferPointer, to file: File, at position: Int)
        throws(DiskError)
    { throw readOnly }
    public func sync(_ file: File) throws(DiskError) { throw readOnly }
    public func rename(_ name: String, to other: String) throws(DiskError) { throw readOnly }
    public func remove(_ name: String) throws(DiskError) { throw readOnly }
    public func freeBytes() throws(DiskError) -> Int { 0 }
}
