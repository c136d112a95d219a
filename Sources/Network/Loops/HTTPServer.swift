public import NetworkCodecs

/// Sends one answer to one request. Used once, on the request's loop.
public final class Responder {
    private weak var connection: HTTPConnection?
    public let loop: Loop

    init(_ connection: HTTPConnection, loop: Loop) {
        self.connection = connection
        self.loop = loop
    }

    public func send(_ response: HTTPResponse) {
        connection?.answer(response)
        connection = nil
    }

    public func fail(_ problem: Problem) { send(problem.response) }

    /// Begins an answer whose length is not known yet.
    public func stream(_ response: HTTPResponse) -> ResponseStream? {
        defer { connection = nil }
        return connection?.beginStream(response)
    }
}

/// The body of a streamed answer; pieces are dropped once the client is gone.
public final class ResponseStream {
    private weak var connection: HTTPConnection?

    init(_ connection: HTTPConnection) { self.connection = connection }

    /// Room again after too much waited; on the loop.
    public var onDrained: (() -> Void)?
    /// The client is gone; on the loop, once.
    public var onClosed: (() -> Void)?

    /// Whether less waits here than what makes a sender conflate.
    public var isWritable: Bool { connection?.isWritable ?? false }

    /// False when the client is gone or cut for letting too much wait.
    @discardableResult
    public func write(_ bytes: Span<UInt8>) -> Bool {
        connection?.streamChunk(bytes) ?? false
    }

    /// A chunk that was made once for many, with its length and end; only for HTTP/1.1.
    public func write(chunk: [UInt8], plain: Range<Int>) {
        connection?.streamShared(chunk, plain: plain)
    }

    /// Whether nothing was sent for so many milliseconds.
    public func isQuiet(_ milliseconds: UInt64, now: UInt64) -> Bool {
        connection?.isQuiet(milliseconds, now: now) ?? false
    }

    /// What was written in this turn goes out before what others wait for.
    public func goFirst() { connection?.goFirst() }

    func drained() { onDrained?() }

    func closed() {
        connection = nil
        let last = onClosed
        onClosed = nil
        onDrained = nil
        last?()
    }

    public func finish() {
        connection?.endStream()
        connection = nil
    }
}

/// A request with what the connection knows of it.
public struct RequestContext {
    public let request: HTTPRequest
    public let parameters: [String: String]
    public let peer: String
    public let loop: Loop
}

/// How a route is carried out.
public enum RouteHandler {
    /// Answers at once, on the loop.
    case immediate((RequestContext) throws(Problem) -> HTTPResponse)
    /// Answers later, on the loop, by the responder.
    case deferred((RequestContext, Responder) -> Void)
    /// An `async` handler that runs where the connection lives.
    case asynchronous(@Sendable (ExchangeRequest) async throws -> HTTPResponse)
    /// Turns the connection into a WebSocket when the handler allows it.
    case webSocket((RequestContext) throws(Problem) -> any WebSocketHandler)
}

/// What an `async` handler gets: values only.
public struct ExchangeRequest: Sendable {
    public let request: HTTPRequest
    public let parameters: [String: String]
    public let peer: String
}

/// Carries what belongs to a loop through a type that must be sendable; used on that loop alone.
private struct LoopBound<Value>: @unchecked Sendable {
    let value: Value
}

/// One request and its answer, isolated to the loop of its connection.
private actor Exchange {
    private let loop: Loop
    private let bound: LoopBound<Responder>

    init(_ loop: Loop, _ responder: LoopBound<Responder>) {
        self.loop = loop
        bound = responder
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func run(
        _ request: ExchangeRequest,
        _ handler: @Sendable (ExchangeRequest) async throws -> HTTPResponse
    ) async {
        do {
            bound.value.send(try await handler(request))
        } catch let problem as Problem {
            bound.value.fail(problem)
        } catch {
            bound.value.fail(Problem(500, "internal", "Something went wrong on our side."))
        }
    }
}

/// Named times of a connection, in milliseconds.
public struct HTTPTimeouts: Sendable {
    /// To send a whole request once it was begun.
    public var request: UInt64
    /// Between two requests.
    public var idle: UInt64

    public init(request: UInt64 = 10_000, idle: UInt64 = 60_000) {
        self.request = request
        self.idle = idle
    }
}

/// Routes, and what stands before all of them. One for each loop; made on it.
public final class HTTPServer {
    public var router = Router<RouteHandler>()
    public let limits: HTTPLimits
    public let timeouts: HTTPTimeouts
    /// Looks at every request before its route does; a problem is its answer, what it returns are fields for
    /// whatever is answered.
    public var guardRequest:
        ((RequestContext, RouteDescription?) throws(Problem) -> [(String, String)])?
    /// Stands before every route whose description says that one must be signed in: what is described is what
    /// is enforced.
    public var requireSession: ((RequestContext) throws(Problem) -> Void)?
    /// Adds fields to every answer.
    public var commonFields: [(String, String)] = []
    /// Answers paths that no route has, for static files.
    public var fallback: ((RequestContext) throws(Problem) -> HTTPResponse?)?
    /// While draining, every answer ends its connection.
    public private(set) var isDraining = false
    private var live: [ObjectIdentifier: HTTPConnection] = [:]
    public private(set) var requests: UInt64 = 0
    public private(set) var refusedParses: UInt64 = 0

    public init(limits: HTTPLimits = HTTPLimits(), timeouts: HTTPTimeouts = HTTPTimeouts()) {
        self.limits = limits
        self.timeouts = timeouts
    }

    /// How a client behind proxies is known.
    public var proxies = TrustedProxies()

    /// Takes a fresh connection.
    public func accept(_ connection: Connection) {
        if proxies.sayWhoFirst {
            connection.handler = ProxyPreamble(self, connection)
        } else {
            begin(connection)
        }
    }

    fileprivate func begin(_ connection: Connection) {
        let http = HTTPConnection(self, connection)
        live[ObjectIdentifier(http)] = http
        connection.handler = http
    }

    /// Finishes what was begun and takes nothing new.
    public func drain() {
        isDraining = true
        for connection in Array(live.values) { connection.drainNow() }
    }

    func left(_ connection: HTTPConnection) { live[ObjectIdentifier(connection)] = nil }
    func counted() { requests += 1 }
    func countedRefusal() { refusedParses += 1 }
}

@available(*, unavailable)
extension HTTPServer: Sendable {}

/// Whom we believe about who a client is; nobody, unless it is set.
public struct TrustedProxies: Sendable {
    /// Every connection begins with a header of the PROXY protocol, version 2.
    public var sayWhoFirst = false
    /// Addresses of proxies that are not on this machine. Their X-Forwarded-For is read, loopback's only when it is
    /// named here.
    public var hops: Set<String> = []

    public init() {}

    /// Whether a connection from `peer` may say whose it is.
    func mayName(_ peer: String) -> Bool { isLoopback(peer) || hops.contains(peer) }
}

/// Waits for a proxy to say whose connection this is.
private final class ProxyPreamble: ConnectionHandler {
    private let server: HTTPServer

    init(_ server: HTTPServer, _ connection: Connection) {
        self.server = server
        connection.deadline = connection.loop.milliseconds + server.timeouts.request
    }

    func received(_ bytes: inout MutableSpan<UInt8>, on connection: Connection) -> Int {
        guard server.proxies.mayName(connection.peer) else {
            connection.cut()
            return bytes.count
        }
        do throws(ProxyProtocol.Failure) {
            switch try ProxyProtocol.read(bytes.span) {
            case .needMore: return 0
            case .local(let used):
                server.begin(connection)
                return used
            case .client(let client, let used):
                guard connection.become(client) else {
                    connection.cut()
                    return bytes.count
                }
                server.begin(connection)
                return used
            }
        } catch {
            // Whoever does not speak for a proxy is not answered.
            connection.cut()
            return bytes.count
        }
    }

    func deadlinePassed(on connection: Connection) { connection.cut() }
    func closed(_ connection: Connection) {}
}

/// One client speaking HTTP/1.1: requests one after the other, answers in their order.
final class HTTPConnection: ConnectionHandler {
    private let server: HTTPServer
    private unowned let connection: Connection
    private var parser: HTTPRequestParser
    private var inFlight: HTTPRequest?
    private var stream: ResponseStream?
    /// What stands before the routes has to say about the request at hand.
    private var guardFields: [(String, String)] = []
    private var isSynchronous = false
    private var hasUpgraded = false
    private var hasPeerEnded = false
    /// A request has begun to arrive; its deadline runs from there.
    private var hasBegun = true

    init(_ server: HTTPServer, _ connection: Connection) {
        self.server = server
        self.connection = connection
        parser = HTTPRequestParser(limits: server.limits)
        connection.deadline = connection.loop.milliseconds + server.timeouts.request
    }

    // MARK: Requests in

    func received(_ bytes: inout MutableSpan<UInt8>, on connection: Connection) -> Int {
        var used = 0
        // Who asks for more than it reads waits: what it asks stays with it.
        while inFlight == nil, used < bytes.count, connection.isOpen, !hasUpgraded,
            connection.isWritable
        {
            do throws(HTTPParseError) {
                switch try parser.next(in: bytes.span.extracting(used..<bytes.count)) {
                case .needMore:
                    return waitForMore(used, of: bytes.count)
                case .wantsContinue:
                    connection.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
                    return waitForMore(used, of: bytes.count)
                case .request(let request, let consumed):
                    used += consumed
                    hasBegun = false
                    handle(request)
                }
            } catch {
                refuse(error)
                return bytes.count
            }
        }
        if bytes.count - used > mostPipelined {
            // Pipelined requests wait in the kernel while one is being answered.
            connection.stopReading()
        }
        return used
    }

    private var mostPipelined: Int { server.limits.head + server.limits.body }

    /// A request that has begun must be whole in its time, however its bytes drip in.
    private func waitForMore(_ used: Int, of count: Int) -> Int {
        let isBetween = parser.isBetweenRequests && used == count
        if isBetween {
            connection.deadline = connection.loop.milliseconds + server.timeouts.idle
        } else if !hasBegun {
            hasBegun = true
            connection.deadline = connection.loop.milliseconds + server.timeouts.request
        }
        return used
    }

    /// Goes on with what is there, and reads on when that is not too much already.
    private func goOn() {
        connection.process()
        if connection.isOpen, connection.leftoverBytes <= mostPipelined {
            connection.startReading()
        }
    }

    private func refuse(_ error: HTTPParseError) {
        server.countedRefusal()
        let problem = Problem(error.status, error.code, HTTPResponseEncoder.reason(error.status))
        write(problem.response, keepsAlive: false, isHead: false)
        connection.closeWhenFlushed()
    }

    private func handle(_ request: HTTPRequest) {
        server.counted()
        inFlight = request
        guardFields = []
        connection.deadline = .max
        isSynchronous = true
        defer { isSynchronous = false }
        do throws(Problem) {
            try route(request)
        } catch {
            answer(error.response)
        }
    }

    private func route(_ request: HTTPRequest) throws(Problem) {
        let loop = connection.loop
        let peer =
            server.proxies.hops.isEmpty
            ? connection.peer
            : ForwardedFor.client(
                connection.peer, request.fields("x-forwarded-for"), hops: server.proxies.hops)
        var context = RequestContext(request: request, parameters: [:], peer: peer, loop: loop)
        let match = server.router.find(request.method, request.pathBytes)
        let description: RouteDescription?
        if case .route(let route, _) = match {
            description = route.description
        } else {
            description = nil
        }
        guardFields = try server.guardRequest?(context, description) ?? []
        switch match {
        case .route(let route, let parameters):
            context = RequestContext(
                request: request, parameters: parameters, peer: peer, loop: loop)
            if route.description.needsSession {
                guard let requireSession = server.requireSession else {
                    throw Problem(503, "not_available", "Nobody can be signed in here.")
                }
                try requireSession(context)
            }
            try carryOut(route.handler, context)
        case .otherMethods(let methods):
            let allow = (methods.map(\.name) + ["OPTIONS"]).joined(separator: ", ")
            if request.method == .options {
                answer(HTTPResponse(status: 204, fields: [("allow", allow)]))
            } else {
                var problem = Problem(405, "method_not_allowed", "Use another method here.")
                problem.fields = [("allow", allow)]
                throw problem
            }
        case .nothing:
            if request.method == .options, request.path == "*" {
                return answer(
                    HTTPResponse(status: 204, fields: [("allow", "GET, HEAD, POST, OPTIONS")]))
            }
            guard let response = try server.fallback?(context) else {
                throw Problem(404, "not_found", "There is nothing here.")
            }
            answer(response)
        }
    }

    private func carryOut(_ handler: RouteHandler, _ context: RequestContext) throws(Problem) {
        switch handler {
        case .immediate(let body): answer(try body(context))
        case .deferred(let body): body(context, Responder(self, loop: context.loop))
        case .asynchronous(let body):
            let responder = LoopBound(value: Responder(self, loop: context.loop))
            let exchange = Exchange(context.loop, responder)
            let request = ExchangeRequest(
                request: context.request, parameters: context.parameters, peer: context.peer)
            Task(executorPreference: context.loop) { await exchange.run(request, body) }
        case .webSocket(let body): try upgrade(context, body)
        }
    }

    // MARK: Answers out

    func answer(_ response: HTTPResponse) {
        guard let request = inFlight, connection.isOpen else { return }
        let keepsAlive =
            request.keepsAlive && !response.closes && !server.isDraining && !hasPeerEnded
        write(response, keepsAlive: keepsAlive, isHead: request.method == .head)
        finish(keepsAlive: keepsAlive)
    }

    private func write(_ response: HTTPResponse, keepsAlive: Bool, isHead: Bool) {
        var full = response
        full.fields += guardFields
        full.fields += server.commonFields
        let date = connection.loop.httpDate
        connection.withOutput {
            HTTPResponseEncoder.append(
                full, to: &$0, date: date, keepsAlive: keepsAlive, isHead: isHead)
        }
    }

    private func finish(keepsAlive: Bool) {
        inFlight = nil
        guard keepsAlive else { return connection.closeWhenFlushed() }
        connection.deadline = connection.loop.milliseconds + server.timeouts.idle
        // An answer that came later frees the way for what was pipelined behind its request.
        guard !isSynchronous else { return }
        goOn()
    }

    func beginStream(_ response: HTTPResponse) -> ResponseStream? {
        guard let request = inFlight, connection.isOpen else { return nil }
        var full = response
        full.fields += guardFields
        full.fields += server.commonFields
        let date = connection.loop.httpDate
        let keepsAlive = request.keepsAlive && !server.isDraining && !request.isHTTP10
        connection.withOutput {
            if request.isHTTP10 {
                // Version 1.0 knows no chunks: the end of the connection is the end of the body.
                HTTPResponseEncoder.appendOpenHead(full, to: &$0, date: date)
            } else {
                HTTPResponseEncoder.appendChunkedHead(
                    full, to: &$0, date: date, keepsAlive: keepsAlive)
            }
        }
        let begun = ResponseStream(self)
        stream = begun
        return begun
    }

    func streamChunk(_ bytes: Span<UInt8>) -> Bool {
        guard stream != nil, connection.isOpen, let request = inFlight else { return false }
        guard request.method != .head else { return true }
        if request.isHTTP10 {
            connection.write(bytes)
        } else {
            connection.withOutput { HTTPResponseEncoder.appendChunk(bytes, to: &$0) }
        }
        return connection.isOpen
    }

    func streamShared(_ chunk: [UInt8], plain: Range<Int>) {
        guard stream != nil, connection.isOpen, let request = inFlight, request.method != .head
        else { return }
        if request.isHTTP10 {
            connection.write(chunk.span.extracting(plain))
        } else {
            connection.write(shared: chunk)
        }
    }

    var isWritable: Bool { connection.isOpen && connection.isWritable }
    func goFirst() { connection.goFirst() }
    func isQuiet(_ milliseconds: UInt64, now: UInt64) -> Bool {
        connection.isQuiet(milliseconds, now: now)
    }

    func endStream() {
        guard stream != nil, let request = inFlight else { return }
        stream = nil
        if request.method != .head, !request.isHTTP10 {
            connection.write(HTTPResponseEncoder.lastChunk)
        }
        finish(keepsAlive: request.keepsAlive && !server.isDraining && !request.isHTTP10)
    }

    // MARK: Upgrade

    private func upgrade(
        _ context: RequestContext, _ make: (RequestContext) throws(Problem) -> any WebSocketHandler
    ) throws(Problem) {
        let request = context.request
        guard request.method == .get, request.field("upgrade", lists: "websocket"),
            request.field("connection", lists: "upgrade")
        else {
            var problem = Problem(426, "upgrade_required", "This address speaks WebSocket.")
            problem.fields = [("upgrade", "websocket"), ("connection", "upgrade")]
            throw problem
        }
        guard request.field("sec-websocket-version") == "13" else {
            var problem = Problem(426, "websocket_version", "Only version 13 is spoken.")
            problem.fields = [("sec-websocket-version", "13")]
            throw problem
        }
        guard let key = request.field("sec-websocket-key"), WebSocketHandshake.isKey(key) else {
            throw Problem(400, "websocket_key", "The key is missing or not 16 bytes of base64.")
        }
        let handler = try make(context)
        hasUpgraded = true
        inFlight = nil
        let accept = WebSocketHandshake.accept(key)
        let compresses = WebSocketCompression.isOffered(
            request.fields("sec-websocket-extensions"))
        let extensions =
            compresses ? "sec-websocket-extensions: \(WebSocketCompression.answer)\r\n" : ""
        connection.write(
            Array(
                ("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
                    + "sec-websocket-accept: \(accept)\r\n\(extensions)\r\n").utf8))
        let socket = WebSocketConnection(connection, handler: handler, compresses: compresses)
        server.left(self)
        connection.handler = socket
        socket.opened()
    }

    // MARK: Ends

    func drained(_ connection: Connection) {
        if let stream { return stream.drained() }
        if !hasUpgraded { goOn() }
    }

    /// Whoever closes its side after its request still gets the answer.
    func peerEnded(_ connection: Connection) {
        hasPeerEnded = true
        if inFlight == nil { connection.closeWhenFlushed() }
    }

    func drainNow() {
        guard inFlight == nil else { return }
        connection.closeWhenFlushed()
    }

    func deadlinePassed(on connection: Connection) {
        if parser.isBetweenRequests {
            connection.closeWhenFlushed()
        } else {
            let problem = Problem(408, "request_timeout", "The request took too long to arrive.")
            write(problem.response, keepsAlive: false, isHead: false)
            connection.closeWhenFlushed()
        }
    }

    func closed(_ connection: Connection) {
        inFlight = nil
        let last = stream
        stream = nil
        last?.closed()
        server.left(self)
    }
}
