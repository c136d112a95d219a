import JSONText
import Kernel
import NetworkCodecs

/// Answers that say as of which record they are, and which a client need not be sent twice.
enum Documents {
    /// Who may keep an answer; all of them ask again before they use it.
    enum Keeping: String {
        case anybody = "no-cache"
        case itsReader = "private, no-cache"
        case nobody = "no-store"
    }

    /// `{"asOf": …, …}` with an ETag over everything but `asOf`: the same facts have the same tag.
    static func json(
        _ status: Int = 200, asOf: UInt64, _ keeping: Keeping,
        _ body: (inout JSONWriter) -> Void
    ) -> HTTPResponse {
        var json = JSONWriter(reserving: 1024)
        var facts = 0
        json.object { json in
            json.key("asOf")
            json.number(asOf)
            facts = json.bytes.count
            body(&json)
        }
        var response = HTTPResponse.json(status, json.bytes)
        response.fields.append(("cache-control", keeping.rawValue))
        if status == 200, keeping != .nobody {
            response.fields.append(("etag", tag(of: json.bytes[facts...])))
        }
        return response
    }

    /// A document that a version of ours stands for: its tag is strong, for whatever differs in one differs in the
    /// other.
    static func tagged(_ tag: String, _ body: (inout JSONWriter) -> Void) -> HTTPResponse {
        var json = JSONWriter()
        json.object { body(&$0) }
        var response = HTTPResponse.json(200, json.bytes)
        response.fields += [("cache-control", Keeping.itsReader.rawValue), ("etag", tag)]
        return response
    }

    /// A weak tag, 128 bits: `asOf` may differ where nothing else does.
    private static func tag(of bytes: ArraySlice<UInt8>) -> String {
        var first = UInt64(bytes.count)
        var second: UInt64 = 0x9e37_79b9_7f4a_7c15
        bytes.withUnsafeBytes { raw in
            var offset = 0
            while offset < raw.count {
                var word: UInt64 = 0
                if offset + 8 <= raw.count {
                    word = raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                } else {
                    for index in offset..<raw.count { word = word << 8 | UInt64(raw[index]) }
                }
                first = mixed(first ^ word)
                second = mixed(second &+ first)
                offset += 8
            }
        }
        return "W/\"" + hex(first) + hex(second) + "\""
    }

    private static func hex(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    /// 304 when the client says that it has this already (RFC 9110, 13.1.2).
    static func conditional(_ response: HTTPResponse, _ request: HTTPRequest) -> HTTPResponse {
        guard request.method.isSafe, response.status == 200,
            let wanted = request.field("if-none-match"),
            let tag = response.fields.first(where: { $0.0 == "etag" })?.1,
            matches(wanted, tag)
        else { return response }
        return HTTPResponse(
            status: 304,
            fields: response.fields.filter { $0.0 == "etag" || $0.0 == "cache-control" })
    }

    /// Strong comparison (RFC 9110, 8.8.3.2) against a list of tags, or `*`.
    static func matchesStrongly(_ list: String, _ tag: String) -> Bool {
        list == "*" || (!tag.hasPrefix("W/") && tags(list).contains(tag[...]))
    }

    /// Weak comparison against a list of tags, or `*`.
    static func matches(_ list: String, _ tag: String) -> Bool {
        list == "*" || tags(list).contains { weakened($0) == weakened(tag[...]) }
    }

    private static func tags(_ list: String) -> [Substring] {
        list.split(separator: ",").map(\.trimmed)
    }

    private static func weakened(_ tag: Substring) -> Substring {
        tag.hasPrefix("W/") ? tag.dropFirst(2) : tag
    }
}

/// Answers a request that may be conditional.
final class ConditionalReply: Reply {
    private let reply: any Reply
    private let request: HTTPRequest

    init(_ reply: any Reply, _ request: HTTPRequest) {
        self.reply = reply
        self.request = request
    }

    func send(_ response: HTTPResponse) { reply.send(Documents.conditional(response, request)) }
}
