/// Puts a request of HTTP/2 together from its fields, which come one by one (RFC 9113, 8.3).
///
/// What makes a message malformed in HTTP/2 itself (unknown pseudo fields, fields of a connection) was refused by
/// whoever decoded it; this holds it against the same bounds and rules as one of HTTP/1.1.
public struct HTTP2RequestAssembly: Sendable {
    private let limits: HTTPLimits
    /// Names and values one after the other, as `HTTPRequest` keeps them.
    private var head: [UInt8] = []
    private var fields: [HTTPRequest.Field] = []
    private var method: HTTPMethod?
    private var path: Range<Int>?
    private var authority: Range<Int>?
    private var tunnelProtocol: Range<Int>?
    private var isConnect = false
    private var expectsContinue = false
    private var hasHost = false
    private var size = 0

    public init(limits: HTTPLimits = HTTPLimits()) {
        self.limits = limits
        head.reserveCapacity(512)
    }

    /// One field, in its order.
    public mutating func add(_ name: Span<UInt8>, _ value: Span<UInt8>) throws(HTTPParseError) {
        // RFC 9113, 10.5.1 counts 32 bytes for each field beside what it holds.
        size += name.count + value.count + 32
        guard size <= limits.head + limits.fields * 32 else { throw .headTooLarge }
        if name.count > 0, name[0] == UInt8(ascii: ":") { return try pseudo(name, value) }
        guard fields.count < limits.fields else { throw .tooManyFields }
        guard Self.isName(name), Self.isValue(value) else { throw .malformedField }
        if name.equals("expect") {
            guard value.equalsIgnoringCase("100-continue") else { throw .unsupportedExpectation }
            expectsContinue = true
        }
        if name.equals("host") {
            guard !value.isEmpty else { throw .missingHost }
            // Two names for one host are two requests to whoever stands on the way.
            let host = keep(value)
            if let authority, head[authority] != head[host] { throw .malformedField }
            guard !hasHost else { throw .malformedField }
            hasHost = true
            fields.append(HTTPRequest.Field(name: keep(name), value: host))
            return
        }
        fields.append(HTTPRequest.Field(name: keep(name), value: keep(value)))
    }

    private mutating func pseudo(_ name: Span<UInt8>, _ value: Span<UInt8>) throws(HTTPParseError) {
        if name.equals(":method") {
            isConnect = value.equals("CONNECT")
            method = HTTPMethod(value)
        } else if name.equals(":path") {
            guard value.count <= limits.requestLine else { throw .lineTooLong }
            path = keep(value)
        } else if name.equals(":authority") {
            authority = keep(value)
        } else if name.equals(":protocol") {
            tunnelProtocol = keep(value)
        }
    }

    /// A token without capitals: "hOst" must not pass for another field than "host" (RFC 9113, 8.2.1).
    private static func isName(_ bytes: Span<UInt8>) -> Bool {
        for index in bytes.indices {
            guard isToken(bytes[index]), !(0x41...0x5a).contains(bytes[index]) else { return false }
        }
        return !bytes.isEmpty
    }

    private static func isValue(_ bytes: Span<UInt8>) -> Bool {
        for index in bytes.indices {
            guard isValueByte(bytes[index]) else { return false }
        }
        return true
    }

    private mutating func keep(_ bytes: Span<UInt8>) -> Range<Int> {
        let start = head.count
        for index in bytes.indices { head.append(bytes[index]) }
        return start..<head.count
    }

    /// The head, once all fields were added.
    public consuming func request() throws(HTTPParseError) -> HTTPRequest {
        guard var method, let path else { throw .malformedRequestLine }
        var opensTunnel = false
        if isConnect {
            // Extended CONNECT (RFC 8441) asks for a WebSocket; nothing else is connected to.
            guard let tunnelProtocol, head[tunnelProtocol].equalsIgnoringCase("websocket") else {
                throw .malformedRequestLine
            }
            opensTunnel = true
            method = .get
        }
        let target = head[path]
        let isAsterisk = target.elementsEqual([UInt8(ascii: "*")]) && method == .options
        guard target.first == UInt8(ascii: "/") || isAsterisk else { throw .malformedRequestLine }
        guard target.allSatisfy({ isTargetByte($0) }) else { throw .malformedRequestLine }
        if !hasHost {
            guard let authority, !authority.isEmpty else { throw .missingHost }
            let name = head.count
            head += Array("host".utf8)
            fields.append(HTTPRequest.Field(name: name..<head.count, value: authority))
        }
        let query = target.firstIndex(of: UInt8(ascii: "?"))
        return HTTPRequest(
            method: method, head: head, pathRange: path.lowerBound..<(query ?? path.upperBound),
            queryRange: query.map { $0 + 1..<path.upperBound }, fields: fields, body: [],
            isHTTP10: false, keepsAlive: true, expectsContinue: expectsContinue,
            opensTunnel: opensTunnel)
    }
}
