import CBzip2
import CZlib
public import FeedCore

/// Lines of a recorded file: plain, gzip or bzip2, by its first bytes. LF or CR LF.
///
/// Bound: `GrandstandFeed.longestLine` bytes a line.
public final class LineReader {
    private enum Source {
        case gzip(gzFile)
        case bzip2(UnsafeMutableRawPointer)
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
            guard let file = BZ2_bzopen(path, "rb") else {
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
        case .bzip2(let file): BZ2_bzclose(file)
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
        case .gzip(let file): count = gzread(file, &chunk, UInt32(chunk.count))
        case .bzip2(let file): count = BZ2_bzread(file, &chunk, Int32(chunk.count))
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
