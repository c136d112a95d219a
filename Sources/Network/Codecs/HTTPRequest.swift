/// How much of a request is taken. Units are bytes unless said otherwise.
public struct HTTPLimits: Sendable {
    public var requestLine: Int
    /// Request line and fields together.
    public var head: Int
    public var fields: Int
    public var body: Int

    public init(
        requestLine: Int = 8192, head: Int = 16_384, fields: Int = 100, body: Int = 65_536
    ) {
        self.requestLine = requestLine
        self.head = head
        self.fields = fields
        self.body = body
    }
}

public enum HTTPMethod: Equatable, Sendable {
    case get, head, post, put, delete, options, patch
    case other

    init(_ bytes: Span<UInt8>) {
        switch bytes.count {
        case 3 where bytes.equals("GET"): self = .get
        case 3 where bytes.equals("PUT"): self = .put
        case 4 where bytes.equals("POST"): self = .post
        case 4 where bytes.equals("HEAD"): self = .head
        case 5 where bytes.equals("PATCH"): self = .patch
        case 6 where bytes.equals("DELETE"): self = .delete
        case 7 where bytes.equals("OPTIONS"): self = .options
        default: self = .other
        }
    }

    public var name: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .patch: "PATCH"
        case .other: "other"
        }
    }

    /// Whether the method promises to change nothing (RFC 9110, 9.2.1).
    public var isSafe: Bool { self == .get || self == .head || self == .options }
}

/// A request that was read whole: its head as it came, where its parts are, and its body.
public struct HTTPRequest: Sendable {
    struct Field: Sendable {
        let name: Range<Int>
        let value: Range<Int>
    }

    public let method: HTTPMethod
    let head: [UInt8]
    let pathRange: Range<Int>
    let queryRange: Range<Int>?
    let fields: [Field]
    public var body: [UInt8]
    public let isHTTP10: Bool
    public let keepsAlive: Bool
    public let expectsContinue: Bool
    /// Whether it asks for a WebSocket by extended CONNECT (RFC 8441).
    public var opensTunnel = false

    /// The path as it was sent, percent-escapes untouched.
    public var path: String { text(pathRange) }
    public var query: String? { queryRange.map(text) }
    public var pathBytes: ArraySlice<UInt8> { head[pathRange] }

    private func text(_ range: Range<Int>) -> String {
        String(decoding: head[range], as: UTF8.self)
    }

    /// The first field of that lower-case name; nil when there is none.
    public func field(_ name: StaticString) -> String? {
        fields.first { matches($0.name, name) }.map { text($0.value) }
    }

    /// All fields of that lower-case name, in order.
    public func fields(_ name: StaticString) -> [String] {
        fields.filter { matches($0.name, name) }.map { text($0.value) }
    }

    public func hasField(_ name: StaticString) -> Bool {
        fields.contains { matches($0.name, name) }
    }

    /// Whether a comma-separated field lists `token`, in any case.
    public func field(_ name: StaticString, lists token: StaticString) -> Bool {
        fields.contains { field in
            guard matches(field.name, name) else { return false }
            return head[field.value].split(separator: UInt8(ascii: ",")).contains {
                $0.trimmed.equalsIgnoringCase(token)
            }
        }
    }

    private func matches(_ range: Range<Int>, _ name: StaticString) -> Bool {
        head[range].equalsIgnoringCase(name)
    }

    /// The value of `name=` in a query, percent-decoded; nil when absent or not UTF-8.
    public func queryValue(_ name: String) -> String? {
        guard let query else { return nil }
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if percentDecoded(parts[0]) == name {
                return parts.count == 2 ? percentDecoded(parts[1]) : ""
            }
        }
        return nil
    }

    /// The value of a cookie, as it was sent.
    public func cookie(_ name: String) -> String? {
        for line in fields("cookie") {
            for pair in line.split(separator: ";") {
                let trimmed = pair.drop { $0 == " " }
                let parts = trimmed.split(separator: "=", maxSplits: 1)
                if parts.count == 2, parts[0] == name { return String(parts[1]) }
            }
        }
        return nil
    }
}

/// `%41` to `A`; nil when an escape is broken or the bytes are not UTF-8.
public func percentDecoded(_ text: some StringProtocol) -> String? {
    var out: [UInt8] = []
    var bytes = text.utf8.makeIterator()
    while let byte = bytes.next() {
        switch byte {
        case UInt8(ascii: "%"):
            guard let high = bytes.next().flatMap(hexDigit),
                let low = bytes.next().flatMap(hexDigit)
            else { return nil }
            out.append(high << 4 | low)
        case UInt8(ascii: "+"): out.append(UInt8(ascii: " "))
        default: out.append(byte)
        }
    }
    return String(validating: out, as: UTF8.self)
}

/// Bytes that need it as `%41` (RFC 3986, 2.1).
public func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var out: [UInt8] = []
    for byte in text.utf8 {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: out.append(byte)
        default: out += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
    return String(decoding: out, as: UTF8.self)
}

func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
}

extension ArraySlice<UInt8> {
    var trimmed: ArraySlice<UInt8> {
        var slice = self
        while slice.first == 0x20 || slice.first == 0x09 { slice = slice.dropFirst() }
        while slice.last == 0x20 || slice.last == 0x09 { slice = slice.dropLast() }
        return slice
    }

    /// `name` is lower case.
    func equalsIgnoringCase(_ name: StaticString) -> Bool {
        guard count == name.utf8CodeUnitCount else { return false }
        var index = startIndex
        return name.withUTF8Buffer { wanted in
            for place in wanted.indices {
                let byte = unsafe wanted[place]
                let own = self[index]
                let lower = own >= 0x41 && own <= 0x5a ? own | 0x20 : own
                if lower != (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) { return false }
                index += 1
            }
            return true
        }
    }
}

extension Substring {
    /// Without the blanks and tabs at its ends (RFC 9110, 5.6.3).
    public var trimmed: Substring {
        var text = self
        while text.first == " " || text.first == "\t" { text = text.dropFirst() }
        while text.last == " " || text.last == "\t" { text = text.dropLast() }
        return text
    }
}

extension Span<UInt8> {
    /// `range` without the blanks and tabs at its ends.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, self[start] == 0x20 || self[start] == 0x09 { start += 1 }
        while end > start, self[end - 1] == 0x20 || self[end - 1] == 0x09 { end -= 1 }
        return start..<end
    }

    func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        var index = 0
        return text.withUTF8Buffer { wanted in
            for place in wanted.indices {
                let byte = unsafe wanted[place]
                if self[index] != byte { return false }
                index += 1
            }
            return true
        }
    }

    func equalsIgnoringCase(_ lower: StaticString) -> Bool {
        guard count == lower.utf8CodeUnitCount else { return false }
        var index = 0
        return lower.withUTF8Buffer { wanted in
            for place in wanted.indices {
                let byte = unsafe wanted[place]
                let own = self[index]
                if (own >= 0x41 && own <= 0x5a ? own | 0x20 : own) != byte { return false }
                index += 1
            }
            return true
        }
    }
}
