import CSystem
import EngineJournal
public import NetworkCodecs
public import NetworkLoops

/// The pages, read once and served from memory.
public struct StaticFiles: Sendable {
    private struct File: Sendable {
        let type: String
        let bytes: [UInt8]
        let tag: String
    }

    private var files: [String: File] = [:]

    /// Fields that every answer of a listener carries: nothing from elsewhere runs or frames a page.
    public static let securityFields: [(String, String)] = [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                + "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
                + "frame-ancestors 'none'"
        ),
        ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ]

    public init() {}

    /// `path` as it is asked for, such as `/app.js`.
    public mutating func add(_ path: String, _ bytes: [UInt8]) {
        let sum = bytes.withUnsafeBytes { Digest().sha256($0) }
        let digits = Array("0123456789abcdef".utf8)
        let tag = sum.prefix(8).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        files[path] = File(
            type: Self.type(path), bytes: bytes,
            tag: "\"" + String(decoding: tag, as: UTF8.self) + "\"")
    }

    private static func type(_ path: String) -> String {
        switch path.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "svg": "image/svg+xml"
        case "json": "application/json"
        default: "application/octet-stream"
        }
    }

    public var isEmpty: Bool { files.isEmpty }

    /// The file at the path, 304 when the client has it; nil for none.
    public func answer(_ context: RequestContext) throws(Problem) -> HTTPResponse? {
        let path = context.request.path
        guard let file = files[path == "/" ? "/index.html" : path] else { return nil }
        guard context.request.method == .get || context.request.method == .head else {
            var problem = Problem(405, "method_not_allowed", "Files can only be read.")
            problem.fields = [("allow", "GET, HEAD")]
            throw problem
        }
        let fields = [("etag", file.tag), ("cache-control", "no-cache")]
        if context.request.field("if-none-match") == file.tag {
            return HTTPResponse(status: 304, fields: fields)
        }
        return HTTPResponse(
            status: 200, fields: [("content-type", file.type)] + fields, body: file.bytes)
    }
}
