import CBzip2
import CZlib
public import FeedCore
import Glibc

/// Lines of a recorded file: plain, gzip or bzip2, by its first bytes. LF or CR LF.
///
/// Bound: `GrandstandFeed.longestLine` bytes a line.
public final class LineReader {
    private enum Source {
        case gzip(gzFile)
        case bzip2(BzipFile)
    }

    public struct Failure: Error, Sendable {
        public let text: String
    }

    private let source: Source
    private var buffer: [UInt8] = []
    private var start = 0
    private var isAtEnd = false
    public private(set) var lineNumber: UInt64 = 0
    public let path: String

    public init(path: String) throws(Failure) {
        self.path = path
        guard let probe = gzopen(path, "rb") else {
            throw Failure(text: "cannot open \(path)")
        }
        var magic = [UInt8](repeating: 0, count: 3)
        let count = gzread(probe, &magic, 3)
        if count == 3, magic == Array("BZh".utf8) {
            gzclose(probe)
            guard let file = BzipFile(path: path) else {
                throw Failure(text: "cannot open \(path)")
            }
            source = .bzip2(file)
        } else {
            gzrewind(probe)
            source = .gzip(probe)
        }
    }

    deinit {
        switch source {
        case .gzip(let file): gzclose(file)
        case .bzip2: break
        }
    }

    private func fill() throws(FeedError) {
        if start > 0 {
            buffer.removeSubrange(0..<start)
            start = 0
        }
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count: Int32
        switch source {
        case .gzip(let file):
            let read = gzread(file, &chunk, UInt32(chunk.count))
            // A file that is cut off in the middle reads like one that ends, but for its error.
            var code: Int32 = 0
            if read == 0 { _ = gzerror(file, &code) }
            count = code < 0 ? -1 : read
        case .bzip2(let file): count = file.read(&chunk)
        }
        guard count >= 0 else { throw FeedError(line: lineNumber, what: "the file is damaged") }
        if count == 0 { isAtEnd = true } else { buffer += chunk[0..<Int(count)] }
    }

    private var tooLong: FeedError {
        FeedError(line: lineNumber, what: "the line is longer than 1 MiB")
    }

    /// The next line that is not empty, without its end; nil after the last.
    public func next() throws(FeedError) -> ArraySlice<UInt8>? {
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: 0x0a) {
                var line = buffer[start..<end]
                start = end + 1
                lineNumber += 1
                guard line.count <= GrandstandFeed.longestLine else { throw tooLong }
                if line.last == 0x0d { line = line.dropLast() }
                if !line.isEmpty { return line }
                searched = start
                continue
            }
            guard buffer.count - start <= GrandstandFeed.longestLine else {
                lineNumber += 1
                throw tooLong
            }
            if isAtEnd {
                let line = buffer[start...]
                start = buffer.count
                lineNumber += 1
                return line.isEmpty ? nil : line
            }
            let offset = buffer.count - start
            try fill()
            searched = start + offset
        }
    }
}

/// A file in Grandstand's own feed format.
public final class GrandstandFeedFile: FeedSource {
    public let name: String
    private let reader: LineReader
    private var waiting: FeedMessage?

    public init(path: String, name: String) throws(LineReader.Failure) {
        self.name = name
        reader = try LineReader(path: path)
    }

    private func look() throws(FeedError) {
        guard waiting == nil, let line = try reader.next() else { return }
        waiting = try GrandstandFeed.parse(Array(line).span, number: reader.lineNumber)
    }

    public func nextTime() throws(FeedError) -> Int64? {
        try look()
        return waiting?.time
    }

    public func next() throws(FeedError) -> FeedMessage {
        try look()
        guard let message = waiting else {
            throw FeedError(line: reader.lineNumber, what: "the file ended")
        }
        waiting = nil
        return message
    }
}

/// A bzip2 file of one stream or of several behind each other, as parallel compressors write them.
private final class BzipFile {
    private let file: UnsafeMutablePointer<FILE>
    private var stream: UnsafeMutableRawPointer?
    private var unused = [UInt8](repeating: 0, count: Int(BZ_MAX_UNUSED))
    private var isAtEnd = false

    init?(path: String) {
        guard let file = fopen(path, "rb") else { return nil }
        self.file = file
        guard open(unusedBytes: 0) else {
            fclose(file)
            return nil
        }
    }

    deinit {
        close()
        fclose(file)
    }

    private func open(unusedBytes: Int32) -> Bool {
        var code: Int32 = 0
        stream = BZ2_bzReadOpen(&code, file, 0, 0, &unused, unusedBytes)
        return code == BZ_OK
    }

    private func close() {
        var code: Int32 = 0
        if let stream { BZ2_bzReadClose(&code, stream) }
        stream = nil
    }

    /// Bytes read; 0 at the end of the last stream, -1 when the file is damaged or cut off.
    func read(_ bytes: inout [UInt8]) -> Int32 {
        while !isAtEnd {
            guard let stream else { return -1 }
            var code: Int32 = 0
            let count = BZ2_bzRead(&code, stream, &bytes, Int32(bytes.count))
            if code == BZ_OK { return count }
            guard code == BZ_STREAM_END else { return -1 }
            guard goOn() else { return -1 }
            if count > 0 { return count }
        }
        return 0
    }

    /// After a stream's end: the file's, or the next stream.
    private func goOn() -> Bool {
        var code: Int32 = 0
        var rest: UnsafeMutableRawPointer?
        var count: Int32 = 0
        BZ2_bzReadGetUnused(&code, stream, &rest, &count)
        guard code == BZ_OK else { return false }
        let left =
            rest.map {
                Array(UnsafeRawBufferPointer(start: $0, count: Int(count)))
            } ?? []
        close()
        if left.isEmpty {
            let next = getc(file)
            if next == EOF {
                isAtEnd = true
                return ferror(file) == 0
            }
            ungetc(next, file)
        }
        unused.replaceSubrange(0..<left.count, with: left)
        return open(unusedBytes: Int32(left.count))
    }
}
