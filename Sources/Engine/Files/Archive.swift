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
        path = directory + "/segment-digests.txt"
    }

    public func add(_ digests: [SealedSegments.Digest]) throws {
        let there = try read()
        var text = ""
        for digest in digests {
            let hex = digest.digest.map { Self.hex($0) }.joined()
            if let known = there[digest.segment] {
                guard known == hex else { throw Contradiction(segment: digest.segment, path: path) }
                continue
            }
            let root = digest.root.map { Self.hex($0) }.joined()
            text += "\(digest.segment) \(digest.bytes) \(hex) \(digest.time) \(root)\n"
        }
        guard !text.isEmpty else { return }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw DiskError.failed("open \(path)", errno: errno) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
            throw DiskError.failed("write \(path)", errno: errno)
        }
    }

    /// Segments and their digests in hexadecimal, as they stand in the file; empty without one.
    public func read() throws -> [UInt32: String] {
        guard FileManager.default.fileExists(atPath: path) else { return [:] }
        let text = try String(contentsOfFile: path, encoding: .utf8)
        var found: [UInt32: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ")
            // A line that was cut off by a crash is written again.
            guard parts.count == 5, let segment = UInt32(parts[0]), parts[2].count == 64 else {
                continue
            }
            if let other = found[segment], other != parts[2] {
                throw Contradiction(segment: segment, path: path)
            }
            found[segment] = String(parts[2])
        }
        return found
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

    public init(from source: FileDisk, to directory: String) throws(DiskError) {
        self.source = source
        target = try FileDisk(directory: directory)
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
