/// An answer. Fields are written in the order given, after those that the connection adds itself.
public struct HTTPResponse: Sendable {
    public var status: Int
    public var fields: [(String, String)]
    public var body: [UInt8]

    public init(status: Int, fields: [(String, String)] = [], body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// Whether its status allows neither a body nor a length (RFC 9110, 6.4.1).
    public var isBodiless: Bool { status == 204 || status == 304 }

    public static func text(_ status: Int, _ text: String) -> HTTPResponse {
        HTTPResponse(
            status: status, fields: [("content-type", "text/plain; charset=utf-8")],
            body: Array(text.utf8))
    }

    public static func json(_ status: Int, _ body: [UInt8]) -> HTTPResponse {
        HTTPResponse(status: status, fields: [("content-type", "application/json")], body: body)
    }
}

/// What went wrong, as RFC 9457 wants it told.
public struct Problem: Error, Sendable {
    public var status: Int
    /// Stable; becomes the type's URI `urn:grandstand:problem:<code>`.
    public var code: String
    public var title: String
    public var detail: String?
    public var fields: [(String, String)] = []

    public init(_ status: Int, _ code: String, _ title: String, detail: String? = nil) {
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
    }

    public var response: HTTPResponse {
        var text = "{\"type\":\"urn:grandstand:problem:" + code + "\",\"title\":"
        text += jsonQuoted(title) + ",\"status\":" + String(status) + ",\"code\":"
        text += jsonQuoted(code)
        if let detail { text += ",\"detail\":" + jsonQuoted(detail) }
        text += "}"
        return HTTPResponse(
            status: status, fields: [("content-type", "application/problem+json")] + fields,
            body: Array(text.utf8))
    }
}

/// Text as a JSON string, quotes included.
public func jsonQuoted(_ text: String) -> String {
    var out: [UInt8] = []
    appendJSON(text, to: &out)
    return String(decoding: out, as: UTF8.self)
}

/// Text as a JSON string (RFC 8259, 7), quotes included.
public func appendJSON(_ text: String, to out: inout [UInt8]) {
    out.append(0x22)
    for byte in text.utf8 {
        switch byte {
        case 0x22, 0x5c:
            out.append(0x5c)
            out.append(byte)
        case 0x0a: out += [0x5c, 0x6e]
        case 0x0d: out += [0x5c, 0x72]
        case 0x09: out += [0x5c, 0x74]
        case 0..<0x20:
            let digits = Array("0123456789abcdef".utf8)
            out += Array("\\u00".utf8)
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        default: out.append(byte)
        }
    }
    out.append(0x22)
}

extension HTTPParseError {
    /// What is answered to a request that cannot be read.
    public var problem: Problem { Problem(status, code, HTTPResponseEncoder.reason(status)) }
}

extension Problem {
    /// A request that was begun and not finished in its time.
    public static var requestTimeout: Problem {
        Problem(408, "request_timeout", "The request took too long to arrive.")
    }
}

/// What an answer carries beside its own fields.
public struct AttendantFields: Sendable {
    /// Of this request, such as how often it may be asked.
    public var own: [(String, String)] = []
    /// Of every answer, as HTTP/1.1 writes them.
    public var common: [UInt8] = []

    public init(own: [(String, String)] = [], common: [UInt8] = []) {
        self.own = own
        self.common = common
    }
}

public enum HTTPResponseEncoder {
    /// Fields as HTTP/1.1 writes them.
    public static func encoded(_ fields: [(String, String)]) -> [UInt8] {
        var bytes: [UInt8] = []
        append(fields, to: &bytes)
        return bytes
    }

    private static func append(_ fields: [(String, String)], to out: inout [UInt8]) {
        for (name, value) in fields {
            out += name.utf8
            out += [0x3a, 0x20]
            out += value.utf8
            out += [0x0d, 0x0a]
        }
    }

    /// Head and body; no body for HEAD, 204 and 304, whose length is still told where it may be.
    public static func append(
        _ response: HTTPResponse, _ attendants: AttendantFields = AttendantFields(),
        to out: inout [UInt8], date: [UInt8], keepsAlive: Bool, isHead: Bool
    ) {
        appendHead(response, attendants, to: &out, date: date, keepsAlive: keepsAlive)
        if !response.isBodiless {
            out += lengthField
            appendDecimal(response.body.count, to: &out)
            out += [0x0d, 0x0a]
        }
        out += [0x0d, 0x0a]
        if !isHead, !response.isBodiless { out += response.body }
    }

    /// The head of a streamed answer, in chunks; its end is `lastChunk`.
    public static func appendChunkedHead(
        _ response: HTTPResponse, _ attendants: AttendantFields, to out: inout [UInt8],
        date: [UInt8], keepsAlive: Bool
    ) {
        appendHead(response, attendants, to: &out, date: date, keepsAlive: keepsAlive)
        out += Array("transfer-encoding: chunked\r\n\r\n".utf8)
    }

    /// For HTTP/1.0: the body goes on until the connection ends.
    public static func appendOpenHead(
        _ response: HTTPResponse, _ attendants: AttendantFields, to out: inout [UInt8],
        date: [UInt8]
    ) {
        appendHead(response, attendants, to: &out, date: date, keepsAlive: false)
        out += [0x0d, 0x0a]
    }

    public static func appendChunk(_ bytes: Span<UInt8>, to out: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        out += Array(String(bytes.count, radix: 16).utf8)
        out += [0x0d, 0x0a]
        for index in bytes.indices { out.append(bytes[index]) }
        out += [0x0d, 0x0a]
    }

    public static let lastChunk: [UInt8] = Array("0\r\n\r\n".utf8)

    private static let lengthField = Array("content-length: ".utf8)
    private static let okLine = Array("HTTP/1.1 200 OK\r\n".utf8)
    private static let dateField = Array("date: ".utf8)
    private static let closeField = Array("connection: close\r\n".utf8)

    private static func appendHead(
        _ response: HTTPResponse, _ attendants: AttendantFields, to out: inout [UInt8],
        date: [UInt8], keepsAlive: Bool
    ) {
        if response.status == 200 {
            out += okLine
        } else {
            out += Array("HTTP/1.1 ".utf8)
            appendDecimal(response.status, to: &out)
            out.append(0x20)
            out += Array(reason(response.status).utf8)
            out += [0x0d, 0x0a]
        }
        out += dateField
        out += date
        out += [0x0d, 0x0a]
        append(response.fields, to: &out)
        append(attendants.own, to: &out)
        out += attendants.common
        if !keepsAlive { out += closeField }
    }

    static func appendDecimal(_ value: Int, to out: inout [UInt8]) {
        var divisor = 1
        while value / divisor >= 10 { divisor *= 10 }
        var rest = value
        while divisor > 0 {
            out.append(UInt8(0x30 + rest / divisor))
            rest %= divisor
            divisor /= 10
        }
    }

    /// RFC 9110, 15.
    public static func reason(_ status: Int) -> String {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 303: "See Other"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}
