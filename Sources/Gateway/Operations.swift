import Catalogue
import EngineCore
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
/// WebSocket, and a part of both descriptions. `Session` says who may ask on that side.
struct GatewayOperation<Session> {
    typealias Call = GatewayCall<Session>

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
struct GatewayCall<Session> {
    enum Form {
        case http(RequestContext)
        /// `{"op": …, "ref": …, "parameters": {…}, "body": {…}}` on a WebSocket.
        case message(JSONValue)
    }

    let form: Form
    /// Who asks; nil for strangers.
    let session: Session?
    /// What the client calls this asking, where money moves.
    var key: ExternalID?
    /// The address that it is asked from.
    var peer = ""

    /// A browser names the page that it asks from; what names none is a program. A WebSocket is for pages.
    var channel: Channel {
        switch form {
        case .http(let context): context.request.hasField("origin") ? .web : .api
        case .message: .web
        }
    }

    /// From the path or the query, or from the message's parameters.
    func parameter(_ name: String) -> String? {
        switch form {
        case .http(let context): context.parameters[name] ?? context.request.queryValue(name)
        case .message(let json):
            json["parameters"]?[name].flatMap { $0.identifier ?? $0.flag.map(String.init) }
        }
    }

    /// What must still be as it was for this to be done: tags of it, or `*`; nil when nothing must.
    var match: String? {
        switch form {
        case .http(let context):
            // Fields of one name are one list.
            context.request.hasField("if-match")
                ? context.request.fields("if-match").joined(separator: ", ") : nil
        case .message(let json): json["match"]?.text
        }
    }

    /// The version that must still be the newest, given the present one and its tag; nil when none must.
    ///
    /// - Throws: 412 `changed_since` when it is not.
    func expected<Version>(_ version: Version, tag: String) throws(Problem) -> Version? {
        guard let match else { return nil }
        guard Documents.matchesStrongly(match, tag) else { throw Problem(.changedSince) }
        // Whoever wants anything to be there wants no version of it.
        return match == "*" ? nil : version
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

    var hasBody: Bool {
        switch form {
        case .http(let context): !context.request.body.isEmpty
        case .message(let json): json["body"] != nil
        }
    }

    /// Takes the body apart on `tape`: good until the next one is read.
    func body(on tape: inout JSONTape) throws(Problem) {
        switch form {
        case .http(let context):
            guard JSONBody.isJSON(context.request.field("content-type") ?? "") else {
                throw Problem(415, "unsupported_media_type", "Send application/json.")
            }
            try JSONBody.read(context.request.body.span, on: &tape)
        case .message(let json):
            var writer = JSONWriter(reserving: 512)
            writer.value(json["body"] ?? .null)
            try JSONBody.read(writer.bytes.span, on: &tape)
        }
    }
}

extension Problem {
    /// What the engine refuses: 412 where what was looked at is not what is there, 422 what can never be.
    init(_ refusal: OperationRefusal) {
        let status =
            switch refusal {
            case .changedSince: 412
            case .fixtureUnknown, .marketUnknown, .accountUnknown, .proposalUnknown, .betUnknown,
                .promotionUnknown:
                404
            case .amountOutOfRange, .idReused, .idOutsideWindow, .noticeMissing: 422
            default: 409
            }
        self.init(status, refusal.code, refusal.text)
    }
}

/// What is read as JSON.
private enum JSONBody {
    static func read(_ text: Span<UInt8>, on tape: inout JSONTape) throws(Problem) {
        do {
            try tape.read(text, isUTF8: false)
        } catch {
            throw Problem(
                400, "malformed", "The body is not JSON.",
                detail: "\(error.what) at byte \(error.offset)")
        }
    }

    static func isJSON(_ type: String) -> Bool {
        let media = type.split(separator: ";", maxSplits: 1).first ?? ""
        return media.lowercased().filter { $0 != " " } == "application/json"
    }
}

/// A gateway that may ask the engine.
protocol EngineQuestioner: AnyObject {
    var hub: Hub { get }
    var ask: @Sendable (@escaping @Sendable (borrowing Engine) -> Void) -> Bool { get }
}

extension EngineQuestioner {
    /// Asks the engine between two turns, when everything it knows is durable; `answer` is called on the loop.
    func asking<Found: Sendable>(
        _ reply: any Reply, _ question: @escaping @Sendable (borrowing Engine) -> Found,
        _ answer: @escaping (Found, any Reply) -> Void
    ) throws(Problem) {
        let bound = OnLoop((answer, reply))
        let loop = hub.loop
        let taken = ask { engine in
            let found = question(engine)
            loop.post { bound.value.0(found, bound.value.1) }
        }
        guard taken else { throw busy() }
    }

    func busy() -> Problem { hub.refusal.problem }
}

/// A connection on which operations are asked for by messages.
protocol OperationLine: AnyObject {
    var socket: WebSocketConnection? { get }
    /// Operations asked for and not answered.
    var operationsInFlight: Int { get set }
    /// It is told to go as soon as everything is answered, and takes nothing new.
    var isLeaving: Bool { get }

    /// At once, or as soon as what it waits for is answered.
    func goAway()
}

extension OperationLine {
    /// Who answers one more operation; nil when its client was told that none is taken now.
    func reply(to operation: String, _ ref: String?) -> SocketReply? {
        let reply = SocketReply(self, operation, ref)
        operationsInFlight += 1
        guard !isLeaving else {
            reply.fail(
                Problem(503, "going_away", "The server goes away. Come back and ask again."))
            return nil
        }
        guard operationsInFlight <= SocketLimits.operationsInFlight else {
            reply.fail(Problem(503, "busy", "Wait for the answers to what you asked."))
            return nil
        }
        return reply
    }

    fileprivate func answered(_ message: [UInt8]) {
        operationsInFlight -= 1
        socket?.send(text: message)
        if isLeaving { goAway() }
    }
}

/// Answers an operation on a WebSocket.
final class SocketReply: Reply {
    private weak var line: (any OperationLine)?
    private let operation: String
    private let ref: String?

    init(_ line: any OperationLine, _ operation: String, _ ref: String?) {
        self.line = line
        self.operation = operation
        self.ref = ref
    }

    func send(_ response: HTTPResponse) {
        var json = JSONWriter(reserving: response.body.count + 96)
        json.object { json in
            json.key("type")
            json.string("answer")
            json.key("op")
            json.string(operation)
            if let ref {
                json.key("ref")
                json.string(ref)
            }
            json.key("status")
            json.number(response.status)
            if let tag = response.fields.first(where: { $0.0 == "etag" })?.1 {
                json.key("tag")
                json.string(tag)
            }
            Messages.retryAfter(response.fields, to: &json)
            json.key("body")
            if response.body.isEmpty { json.null() } else { json.raw(response.body) }
        }
        line?.answered(json.bytes)
        line = nil
    }
}
