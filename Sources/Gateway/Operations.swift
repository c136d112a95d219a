import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops

/// Who gets the answer to a call; used once, on the call's loop.
protocol Reply: AnyObject {
    func send(_ response: HTTPResponse)
}

extension Reply {
    func fail(_ problem: Problem) { send(problem.response) }
}

extension Responder: Reply {}

/// Something that can be asked for, whichever protocol asks: defined once, it is a route, an operation of the
/// WebSocket, and a part of both descriptions.
struct Operation {
    enum Body {
        /// Answers at once, on the loop.
        case immediate((Call) throws(Problem) -> HTTPResponse)
        /// Answers later, on the loop.
        case deferred((Call, any Reply) -> Void)
    }

    let description: RouteDescription
    let method: HTTPMethod
    let path: String
    let body: Body

    var name: String { description.operation }
}

/// One asking for an operation.
struct Call {
    enum Form {
        case http(RequestContext)
        /// `{"op": …, "ref": …, "parameters": {…}, "body": {…}}` on a WebSocket.
        case message(JSONValue)
    }

    let form: Form
    /// Who asks; nil for strangers.
    let session: PunterSession?
    /// What the client calls this asking, where money moves.
    var key: ExternalID?

    /// From the path or the query, or from the message's parameters.
    func parameter(_ name: String) -> String? {
        switch form {
        case .http(let context): context.parameters[name] ?? context.request.queryValue(name)
        case .message(let json):
            json["parameters"]?[name].flatMap { $0.identifier ?? $0.flag.map(String.init) }
        }
    }

    /// The key as it was sent.
    var keyText: String? {
        switch form {
        case .http(let context): context.request.field("idempotency-key")
        case .message(let json): json["key"]?.text.map { "\"" + $0 + "\"" }
        }
    }

    /// A number among the parameters; a problem when it is none or out of range.
    func number(_ name: String, in range: ClosedRange<Int>, standard: Int) throws(Problem) -> Int {
        guard let text = parameter(name) else { return standard }
        guard let value = Int(text), range.contains(value) else {
            throw Problem(
                400, "malformed", "\(name): \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// Takes the body apart on `tape`: good until the next one is read.
    func body(on tape: inout JSONTape) throws(Problem) {
        switch form {
        case .http(let context):
            guard Self.isJSON(context.request.field("content-type") ?? "") else {
                throw Problem(415, "unsupported_media_type", "Send application/json.")
            }
            try Self.read(context.request.body.span, on: &tape)
        case .message(let json):
            var writer = JSONWriter(reserving: 512)
            writer.value(json["body"] ?? .null)
            try Self.read(writer.bytes.span, on: &tape)
        }
    }

    private static func read(_ text: Span<UInt8>, on tape: inout JSONTape) throws(Problem) {
        do {
            try tape.read(text, isUTF8: false)
        } catch {
            throw Problem(
                400, "malformed", "The body is not JSON.",
                detail: "\(error.what) at byte \(error.offset)")
        }
    }

    private static func isJSON(_ type: String) -> Bool {
        let media = type.split(separator: ";", maxSplits: 1).first ?? ""
        return media.lowercased().filter { $0 != " " } == "application/json"
    }
}
