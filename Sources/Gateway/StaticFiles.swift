import CSystem
import EngineJournal
public import NetworkCodecs
public import NetworkLoops

/// The pages, read once and served from memory.
public struct StaticFiles: Sendable {
    /// A file in one coding, under a tag of its own.
    private struct Form: Sendable {
        let bytes: [UInt8]
        let tag: String
    }

    private struct File: Sendable {
        let type: String
        let plain: Form
        let coded: [String: Form]
        /// What `coded` has, in the order of our liking.
        let codings: [String]
    }

    private var files: [String: File] = [:]

    /// Fields that every answer of a listener carries: nothing from elsewhere runs or frames a page.
    ///
    /// - Parameter asking: origins beside our own that programs of a page may ask, such as `https://geo.example.com`.
    public static func securityFields(asking: [String] = []) -> [(String, String)] {
        [
            (
                "content-security-policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                    + "connect-src \((["'self'"] + asking).joined(separator: " ")); font-src 'self'; base-uri 'none'; form-action 'none'; "
                    + "frame-ancestors 'none'"
            ),
            ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ]
    }

    public init() {}

    /// `path` as it is asked for, such as `/app.js`.
    public mutating func add(_ path: String, _ bytes: [UInt8]) {
        let sum = bytes.withUnsafeBytes { Digest().sha256($0) }
        let digits = Array("0123456789abcdef".utf8)
        let tag = sum.prefix(8).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        let name = String(decoding: tag, as: UTF8.self)
        var coded: [String: Form] = [:]
        var codings: [String] = []
        for coding in ContentCoding.allCases {
            guard let small = coding.encode(bytes) else { continue }
            let word = coding.rawValue
            coded[word] = Form(bytes: small, tag: "\"\(name)-\(word)\"")
            codings.append(word)
        }
        files[path] = File(
            type: Self.type(path), plain: Form(bytes: bytes, tag: "\"\(name)\""), coded: coded,
            codings: codings)
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
        return try answer(file, context.request)
    }

    /// A part is always of the plain file; the whole of it comes in the coding that the client likes.
    private func answer(_ file: File, _ request: HTTPRequest) throws(Problem) -> HTTPResponse {
        let range = part(of: file, request)
        let coding =
            range == .whole
            ? AcceptEncoding.best(of: file.codings, request.fields("accept-encoding")) : nil
        let form = coding.flatMap { file.coded[$0] } ?? file.plain
        if let wanted = request.field("if-match"), !Documents.matchesStrongly(wanted, form.tag) {
            throw Problem(412, "precondition_failed", "The file is another one by now.")
        }
        var fields = [
            ("etag", form.tag), ("cache-control", "no-cache"), ("vary", "accept-encoding"),
            ("accept-ranges", "bytes"),
        ]
        if let wanted = request.field("if-none-match"), Documents.matches(wanted, form.tag) {
            return HTTPResponse(status: 304, fields: fields)
        }
        fields.append(("content-type", file.type))
        let size = form.bytes.count
        switch range {
        case .none:
            var problem = Problem(416, "range_not_satisfiable", "The file ends before that.")
            problem.fields = [("content-range", "bytes */\(size)")]
            throw problem
        case .part(let bytes):
            fields.append(
                ("content-range", "bytes \(bytes.lowerBound)-\(bytes.upperBound - 1)/\(size)"))
            return HTTPResponse(status: 206, fields: fields, body: Array(form.bytes[bytes]))
        case .whole:
            if let coding { fields.append(("content-encoding", coding)) }
            return HTTPResponse(status: 200, fields: fields, body: form.bytes)
        }
    }

    /// What is asked for of a file; all of it when the client has a part of another one.
    private func part(of file: File, _ request: HTTPRequest) -> ByteRange {
        guard request.method == .get else { return .whole }
        if let known = request.field("if-range"), known != file.plain.tag { return .whole }
        return ByteRange(request.field("range"), of: file.plain.bytes.count)
    }
}
