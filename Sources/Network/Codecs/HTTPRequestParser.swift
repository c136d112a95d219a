/// Why a request cannot be read. Each is answered by its status and ends the connection.
public enum HTTPParseError: Error, Equatable, Sendable, CaseIterable {
    case malformedRequestLine
    case malformedField
    /// A line that goes on in the next (obs-fold), or ends without a carriage return.
    case malformedLine
    case unsupportedVersion
    case missingHost
    case lineTooLong
    case headTooLarge
    case tooManyFields
    case bodyTooLarge
    /// Content-Length twice, unlike, or beside Transfer-Encoding.
    case ambiguousLength
    case malformedLength
    case unsupportedTransferCoding
    case malformedChunk
    case unsupportedExpectation

    public var status: Int {
        switch self {
        case .malformedRequestLine, .malformedField, .malformedLine, .missingHost, .ambiguousLength,
            .malformedLength, .malformedChunk:
            400
        case .bodyTooLarge: 413
        case .lineTooLong: 414
        case .unsupportedExpectation: 417
        case .headTooLarge, .tooManyFields: 431
        case .unsupportedTransferCoding: 501
        case .unsupportedVersion: 505
        }
    }

    public var code: String {
        switch self {
        case .malformedRequestLine: "malformed_request_line"
        case .malformedField: "malformed_field"
        case .malformedLine: "malformed_line"
        case .unsupportedVersion: "unsupported_version"
        case .missingHost: "missing_host"
        case .lineTooLong: "line_too_long"
        case .headTooLarge: "head_too_large"
        case .tooManyFields: "too_many_fields"
        case .bodyTooLarge: "body_too_large"
        case .ambiguousLength: "ambiguous_length"
        case .malformedLength: "malformed_length"
        case .unsupportedTransferCoding: "unsupported_transfer_coding"
        case .malformedChunk: "malformed_chunk"
        case .unsupportedExpectation: "unsupported_expectation"
        }
    }
}

/// Reads HTTP/1.1 requests (RFC 9112), strictly, out of bytes that somebody else collected.
///
/// Sans-I/O: the same bytes always give the same requests, however they were cut. Between calls it
/// remembers how far it has looked, so slow senders cost no second look at what came before.
public struct HTTPRequestParser: Sendable {
    public enum Step: Sendable {
        /// Not whole yet; `consumed` bytes are done with.
        case needMore
        /// The head is whole and asks to be told to go on before it sends its body.
        case wantsContinue
        case request(HTTPRequest, consumed: Int)
    }

    public let limits: HTTPLimits
    private var scanned = 0
    private var pending: Pending?

    /// A head whose body has not all come.
    private struct Pending: Sendable {
        var request: HTTPRequest
        var headLength: Int
        var body: Body
        var continueAsked: Bool
        /// Where the next chunk begins after the head: what came before is decoded already.
        var chunkOffset = 0
    }

    private enum Body: Sendable {
        case length(Int)
        case chunked
    }

    public init(limits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
    }

    /// Whether nothing of a next request has been seen.
    public var isBetweenRequests: Bool { scanned == 0 && pending == nil }

    /// The next request in `bytes`, which begin where the last one ended.
    public mutating func next(in bytes: Span<UInt8>) throws(HTTPParseError) -> Step {
        if pending == nil {
            guard let end = try findHeadEnd(bytes) else { return .needMore }
            pending = try parseHead(bytes.extracting(0..<end), length: end)
            scanned = end
        }
        guard var current = pending else { return .needMore }
        let rest = bytes.extracting(current.headLength..<bytes.count)
        switch current.body {
        case .length(let length):
            if rest.count < length { return waiting(current, hasBody: !rest.isEmpty) }
            current.request.body = copy(rest.extracting(0..<length))
            return finish(current.request, consumed: current.headLength + length)
        case .chunked:
            // Chunk sizes and extensions may not make us hold much more than the body itself.
            guard rest.count <= limits.head + limits.body * 8 else { throw .bodyTooLarge }
            let length = try decodeChunks(rest, &current)
            pending = current
            guard let length else { return waiting(current, hasBody: !rest.isEmpty) }
            return finish(current.request, consumed: current.headLength + length)
        }
    }

    private mutating func waiting(_ current: Pending, hasBody: Bool) -> Step {
        guard current.request.expectsContinue, !current.continueAsked, !hasBody else {
            return .needMore
        }
        pending?.continueAsked = true
        return .wantsContinue
    }

    private mutating func finish(_ request: HTTPRequest, consumed: Int) -> Step {
        pending = nil
        scanned = 0
        return .request(request, consumed: consumed)
    }

    /// Where the head's empty line ends; every line must end in CR LF.
    private mutating func findHeadEnd(_ bytes: Span<UInt8>) throws(HTTPParseError) -> Int? {
        // Both limits go by what came first, so that they are found alike however the bytes arrive.
        let count = min(bytes.count, limits.head)
        if scanned < limits.requestLine + 2, count >= limits.requestLine + 2,
            !contains(bytes.extracting(..<(limits.requestLine + 2)), 0x0a)
        {
            throw .lineTooLong
        }
        var index = max(0, scanned - 3)
        while index < count {
            if bytes[index] == 0x0a {
                guard index > 0, bytes[index - 1] == 0x0d else { throw .malformedLine }
                if index >= 3, bytes[index - 2] == 0x0a { return index + 1 }
                // An empty line before the request is allowed once in practice, and skipped by nobody here.
                if index == 1 { throw .malformedRequestLine }
            }
            index += 1
        }
        scanned = count
        if bytes.count > limits.head { throw .headTooLarge }
        return nil
    }

    private func contains(_ bytes: Span<UInt8>, _ byte: UInt8) -> Bool {
        for index in bytes.indices where bytes[index] == byte { return true }
        return false
    }

    private func copy(_ bytes: Span<UInt8>) -> [UInt8] {
        guard !bytes.isEmpty else { return [] }
        return unsafe bytes.withUnsafeBufferPointer { unsafe [UInt8]($0) }
    }

    // MARK: Head

    private func parseHead(_ bytes: Span<UInt8>, length: Int) throws(HTTPParseError) -> Pending {
        var lineEnd = 0
        while bytes[lineEnd] != 0x0d { lineEnd += 1 }
        // A CR without its LF ends no line, whoever reads it that way.
        guard bytes[lineEnd + 1] == 0x0a else { throw .malformedRequestLine }
        let line = try parseRequestLine(bytes.extracting(0..<lineEnd))
        var fields: [HTTPRequest.Field] = []
        fields.reserveCapacity(16)
        var facts = HeadFacts()
        var start = lineEnd + 2
        while bytes[start] != 0x0d {
            guard fields.count < limits.fields else { throw .tooManyFields }
            let field = try parseField(bytes, at: &start)
            try facts.take(
                name: bytes.extracting(field.name), value: bytes.extracting(field.value))
            fields.append(field)
        }
        guard start + 2 == length, bytes[start + 1] == 0x0a else { throw .malformedLine }
        if !line.isHTTP10, facts.hosts != 1 { throw .missingHost }
        guard facts.hosts <= 1 else { throw .malformedField }
        let body = try facts.body(limits: limits, isHTTP10: line.isHTTP10)
        let request = HTTPRequest(
            method: line.method, head: copy(bytes), pathRange: line.path, queryRange: line.query,
            fields: fields, body: [], isHTTP10: line.isHTTP10,
            keepsAlive: !facts.closes && (!line.isHTTP10 || facts.keepsAlive),
            expectsContinue: facts.expectsContinue && !line.isHTTP10)
        return Pending(
            request: request, headLength: length,
            body: body.map(Body.length) ?? .chunked, continueAsked: false)
    }

    private struct RequestLine {
        let method: HTTPMethod
        let path: Range<Int>
        let query: Range<Int>?
        let isHTTP10: Bool
    }

    private func parseRequestLine(_ line: Span<UInt8>) throws(HTTPParseError) -> RequestLine {
        var index = 0
        while index < line.count, isToken(line[index]) { index += 1 }
        guard index > 0, index < line.count, line[index] == 0x20 else {
            throw .malformedRequestLine
        }
        let method = HTTPMethod(line.extracting(0..<index))
        let start = index + 1
        index = start
        var query: Int?
        while index < line.count, line[index] != 0x20 {
            guard isTargetByte(line[index]) else { throw .malformedRequestLine }
            if line[index] == UInt8(ascii: "?"), query == nil { query = index }
            index += 1
        }
        guard index > start, index < line.count else { throw .malformedRequestLine }
        let isAsterisk = index == start + 1 && line[start] == UInt8(ascii: "*")
        guard line[start] == UInt8(ascii: "/") || (isAsterisk && method == .options) else {
            throw .malformedRequestLine
        }
        let version = line.extracting(index + 1..<line.count)
        let isHTTP10: Bool
        if version.equals("HTTP/1.1") {
            isHTTP10 = false
        } else if version.equals("HTTP/1.0") {
            isHTTP10 = true
        } else if version.count == 8, version.extracting(0..<5).equals("HTTP/") {
            throw .unsupportedVersion
        } else {
            throw .malformedRequestLine
        }
        return RequestLine(
            method: method, path: start..<(query ?? index), query: query.map { $0 + 1..<index },
            isHTTP10: isHTTP10)
    }

    private func parseField(_ bytes: Span<UInt8>, at start: inout Int) throws(HTTPParseError)
        -> HTTPRequest.Field
    {
        var index = start
        // A space here would continue the line before (obs-fold).
        if bytes[index] == 0x20 || bytes[index] == 0x09 { throw .malformedLine }
        while isToken(bytes[index]) { index += 1 }
        guard index > start, bytes[index] == UInt8(ascii: ":") else { throw .malformedField }
        let name = start..<index
        index += 1
        while bytes[index] == 0x20 || bytes[index] == 0x09 { index += 1 }
        let valueStart = index
        while bytes[index] != 0x0d {
            guard isValueByte(bytes[index]) else { throw .malformedField }
            index += 1
        }
        guard index + 1 < bytes.count, bytes[index + 1] == 0x0a else { throw .malformedLine }
        var valueEnd = index
        while valueEnd > valueStart, bytes[valueEnd - 1] == 0x20 || bytes[valueEnd - 1] == 0x09 {
            valueEnd -= 1
        }
        start = index + 2
        return HTTPRequest.Field(name: name, value: valueStart..<valueEnd)
    }

    // MARK: Chunks

    /// Decodes the chunks that are whole; how many bytes all of them took, or nil when more must come.
    private func decodeChunks(_ bytes: Span<UInt8>, _ current: inout Pending)
        throws(HTTPParseError) -> Int?
    {
        while true {
            guard let (size, index) = try chunkSize(bytes, at: current.chunkOffset) else {
                return nil
            }
            if size == 0 { return try trailerEnd(bytes, at: index) }
            guard current.request.body.count + size <= limits.body else { throw .bodyTooLarge }
            guard index + size + 2 <= bytes.count else { return nil }
            guard bytes[index + size] == 0x0d, bytes[index + size + 1] == 0x0a else {
                throw .malformedChunk
            }
            for place in index..<index + size { current.request.body.append(bytes[place]) }
            current.chunkOffset = index + size + 2
        }
    }

    private func chunkSize(_ bytes: Span<UInt8>, at start: Int) throws(HTTPParseError)
        -> (Int, Int)?
    {
        var size = 0
        var index = start
        var digits = 0
        while index < bytes.count, let digit = hexDigit(bytes[index]) {
            guard digits < 8 else { throw .malformedChunk }
            size = size << 4 | Int(digit)
            digits += 1
            index += 1
        }
        guard index < bytes.count else { return nil }
        guard digits > 0 else { throw .malformedChunk }
        if bytes[index] == UInt8(ascii: ";") {
            // Extensions mean nothing to us and are passed over, within a line's bound.
            let limit = index + 256
            while index < bytes.count, bytes[index] != 0x0d {
                guard index < limit, bytes[index] >= 0x20 || bytes[index] == 0x09 else {
                    throw .malformedChunk
                }
                index += 1
            }
        }
        guard index < bytes.count else { return nil }
        guard bytes[index] == 0x0d else { throw .malformedChunk }
        guard index + 1 < bytes.count else { return nil }
        guard bytes[index + 1] == 0x0a else { throw .malformedChunk }
        return (size, index + 2)
    }

    /// Trailer fields are read over and dropped; where they end, or nil when they have not all come.
    private func trailerEnd(_ bytes: Span<UInt8>, at start: Int) throws(HTTPParseError) -> Int? {
        var index = start
        while true {
            guard index - start <= limits.head else { throw .headTooLarge }
            var end = index
            while end < bytes.count, bytes[end] != 0x0d {
                guard bytes[end] != 0x0a else { throw .malformedLine }
                end += 1
            }
            guard end + 1 < bytes.count else {
                guard end - start <= limits.head else { throw .headTooLarge }
                return nil
            }
            guard bytes[end + 1] == 0x0a else { throw .malformedLine }
            if end == index { return end + 2 }
            index = end + 2
        }
    }
}

/// What the fields of one head say about how to go on.
private struct HeadFacts {
    var hosts = 0
    var length: Int?
    var isChunked = false
    var hasTransferCoding = false
    var closes = false
    var keepsAlive = false
    var expectsContinue = false

    mutating func take(name: Span<UInt8>, value: Span<UInt8>) throws(HTTPParseError) {
        switch name.count {
        case 4 where name.equalsIgnoringCase("host"):
            guard !value.isEmpty else { throw .missingHost }
            hosts += 1
        case 6 where name.equalsIgnoringCase("expect"):
            guard value.equalsIgnoringCase("100-continue") else { throw .unsupportedExpectation }
            expectsContinue = true
        case 10 where name.equalsIgnoringCase("connection"):
            var start = 0
            for index in 0...value.count where index == value.count || value[index] == 0x2c {
                let option = value.extracting(value.trimmed(start..<index))
                if option.equalsIgnoringCase("close") { closes = true }
                if option.equalsIgnoringCase("keep-alive") { keepsAlive = true }
                start = index + 1
            }
        case 14 where name.equalsIgnoringCase("content-length"):
            // Even the same length twice is refused: somebody on the way may have read it otherwise.
            guard length == nil else { throw .ambiguousLength }
            length = try number(value)
        case 17 where name.equalsIgnoringCase("transfer-encoding"):
            guard !hasTransferCoding else { throw .ambiguousLength }
            hasTransferCoding = true
            guard value.equalsIgnoringCase("chunked") else { throw .unsupportedTransferCoding }
            isChunked = true
        default: break
        }
    }

    private func number(_ value: Span<UInt8>) throws(HTTPParseError) -> Int {
        guard !value.isEmpty, value.count <= 15 else { throw .malformedLength }
        var number = 0
        for index in value.indices {
            guard (0x30...0x39).contains(value[index]) else { throw .malformedLength }
            number = number * 10 + Int(value[index] - 0x30)
        }
        return number
    }

    /// The body's length, or nil for chunks.
    func body(limits: HTTPLimits, isHTTP10: Bool) throws(HTTPParseError) -> Int? {
        if hasTransferCoding {
            guard length == nil, !isHTTP10 else { throw .ambiguousLength }
            return nil
        }
        let length = length ?? 0
        guard length <= limits.body else { throw .bodyTooLarge }
        return length
    }
}

/// RFC 9110, 5.6.2.
@inline(__always) func isToken(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x21, 0x23, 0x24, 0x25, 0x26, 0x27, 0x2a, 0x2b,
        0x2d, 0x2e, 0x5e, 0x5f, 0x60, 0x7c, 0x7e:
        true
    default: false
    }
}

/// What a path with its query may hold (RFC 9110, 7.1): no blank, no control, no fragment.
@inline(__always) func isTargetByte(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "#")
}

/// What a field's value may hold (RFC 9110, 5.5).
@inline(__always) func isValueByte(_ byte: UInt8) -> Bool {
    (byte >= 0x20 || byte == 0x09) && byte != 0x7f
}
