public import NetworkCodecs

/// One request that is being answered, whichever version of HTTP it came by. On its connection's loop.
protocol HTTPExchange: AnyObject {
    /// What stands before the routes has to say about the request at hand.
    var guardFields: [(String, String)] { get set }
    func answer(_ response: HTTPResponse)
    func beginStream(_ response: HTTPResponse) -> ResponseStream?
    func upgrade(
        _ context: RequestContext, _ make: (RequestContext) throws(Problem) -> any WebSocketHandler
    ) throws(Problem)

    // What a streamed answer does.
    func streamChunk(_ bytes: Span<UInt8>) -> Bool
    func streamShared(_ chunk: [UInt8], plain: Range<Int>)
    func endStream()
    var isWritable: Bool { get }
    func isQuiet(_ milliseconds: UInt64, now: UInt64) -> Bool
    func goFirst()
}

/// A connection that speaks HTTP, as its server sees it.
protocol ServedConnection: AnyObject {
    /// Finishes what was begun and takes nothing new.
    func drainNow()
}

/// Sends one answer to one request. Used once, on the request's loop.
public final class Responder {
    private weak var exchange: (any HTTPExchange)?
    public let loop: Loop

    init(_ exchange: any HTTPExchange, loop: Loop) {
        self.exchange = exchange
        self.loop = loop
    }

    public func send(_ response: HTTPResponse) {
        exchange?.answer(response)
        exchange = nil
    }

    public func fail(_ problem: Problem) { send(problem.response) }

    /// Begins an answer whose length is not known yet.
    public func stream(_ response: HTTPResponse) -> ResponseStream? {
        defer { exchange = nil }
        return exchange?.beginStream(response)
    }
}

/// The body of a streamed answer; pieces are dropped once the client is gone.
public final class ResponseStream {
    private weak var exchange: (any HTTPExchange)?

    init(_ exchange: any HTTPExchange) { self.exchange = exchange }

    /// Room again after too much waited; on the loop.
    public var onDrained: (() -> Void)?
    /// The client is gone; on the loop, once.
    public var onClosed: (() -> Void)?

    /// Whether less waits here than what makes a sender conflate.
    public var isWritable: Bool { exchange?.isWritable ?? false }

    /// False when the client is gone or cut for letting too much wait.
    @discardableResult
    public func write(_ bytes: Span<UInt8>) -> Bool {
        exchange?.streamChunk(bytes) ?? false
    }

    /// A chunk that was made once for many, with its length and end as HTTP/1.1 wants them around what is `plain`.
    public func write(chunk: [UInt8], plain: Range<Int>) {
        exchange?.streamShared(chunk, plain: plain)
    }

    /// Whether nothing was sent for so many milliseconds.
    public func isQuiet(_ milliseconds: UInt64, now: UInt64) -> Bool {
        exchange?.isQuiet(milliseconds, now: now) ?? false
    }

    /// What was written in this turn goes out before what others wait for.
    public func goFirst() { exchange?.goFirst() }

    func drained() { onDrained?() }

    func closed() {
        exchange = nil
        let last = onClosed
        onClosed = nil
        onDrained = nil
        last?()
    }

    public func finish() {
        exchange?.endStream()
        exchange = nil
    }
}

/// A request with what the connection knows of it.
public struct RequestContext {
    public let request: HTTPRequest
    public let parameters: [String: String]
    public let peer: String
    /// Whether a proxy has said who `peer` is; then the connection counts as the proxy's.
    public let isForwarded: Bool
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
    /// The value of Strict-Transport-Security (RFC 6797) on what is encrypted; nil for none.
    public var transportSecurity: String? { didSet { encodeFields() } }
    /// Adds fields to every answer.
    public var commonFields: [(String, String)] = [] { didSet { encodeFields() } }
    private var encodedFields: (plain: [UInt8], encrypted: [UInt8]) = ([], [])
    private var encryptedFields: [(String, String)] = []

    private func encodeFields() {
        encryptedFields = commonFields
        if let transportSecurity {
            encryptedFields.append(("strict-transport-security", transportSecurity))
        }
        encodedFields = (
            HTTPResponseEncoder.encoded(commonFields),
            HTTPResponseEncoder.encoded(encryptedFields)
        )
    }

    /// What every answer on this connection carries.
    func fields(for connection: Connection) -> [(String, String)] {
        connection.isSecure ? encryptedFields : commonFields
    }

    /// The same as HTTP/1.1 writes them.
    func encodedFields(for connection: Connection) -> [UInt8] {
        connection.isSecure ? encodedFields.encrypted : encodedFields.plain
    }
    /// Answers paths that no route has, for static files.
    public var fallback: ((RequestContext) throws(Problem) -> HTTPResponse?)?
    /// While draining, every answer ends its connection.
    public private(set) var isDraining = false
    private var live: [ObjectIdentifier: any ServedConnection] = [:]
    public private(set) var requests: UInt64 = 0
    public private(set) var refusedParses: UInt64 = 0

    public init(limits: HTTPLimits = HTTPLimits(), timeouts: HTTPTimeouts = HTTPTimeouts()) {
        self.limits = limits
        self.timeouts = timeouts
    }

    /// How a client behind proxies is known.
    public var proxies = TrustedProxies()

    /// What counts the connections here.
    public var admission: Admission?

    /// A place for a stream that lasts, under the client that a proxy named; nil where its connection counts already.
    ///
    /// - Throws: 429 `too_many_connections` when that client has as many as it may.
    public func place(for context: RequestContext) throws(Problem) -> Admission.Place? {
        guard context.isForwarded, let admission else { return nil }
        guard let place = admission.place(for: context.peer) else {
            throw Problem(
                429, "too_many_connections", "Too many connections from this address.")
        }
        return place
    }

    /// Certificates, when everything here is encrypted.
    public var credentials: TLSCredentials?

    /// Takes a fresh connection.
    public func accept(_ connection: Connection) {
        if proxies.sayWhoFirst {
            connection.handler = ProxyPreamble(self, connection)
        } else {
            greet(connection)
        }
    }

    /// Who it is is known; shakes hands first where it is to be encrypted.
    fileprivate func greet(_ connection: Connection) {
        guard let credentials else { return begin(connection, speaks: nil) }
        connection.handler = HandshakeWait(self, connection)
        if !connection.secure(by: credentials) { connection.cut() }
    }

    func begin(_ connection: Connection, speaks name: String?) {
        if name == "h2" {
            guard let http = HTTP2Connection(self, connection) else { return connection.cut() }
            live[ObjectIdentifier(http)] = http
            connection.handler = http
            http.begin()
            // Hands were still being shaken when everybody else was told.
            if isDraining { http.drainNow() }
        } else {
            let http = HTTPConnection(self, connection)
            live[ObjectIdentifier(http)] = http
            connection.handler = http
        }
    }

    /// Finishes what was begun and takes nothing new.
    public func drain() {
        isDraining = true
        for connection in Array(live.values) { connection.drainNow() }
    }

    func left(_ connection: any ServedConnection) { live[ObjectIdentifier(connection)] = nil }
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
                server.greet(connection)
                return used
            case .client(let client, let used):
                guard connection.become(client) else {
                    connection.cut()
                    return bytes.count
                }
                server.greet(connection)
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

/// Waits for hands to be shaken, and goes on in the language that was agreed on.
private final class HandshakeWait: ConnectionHandler {
    private let server: HTTPServer

    init(_ server: HTTPServer, _ connection: Connection) {
        self.server = server
        connection.deadline = connection.loop.milliseconds + server.timeouts.request
    }

    func received(_ bytes: inout MutableSpan<UInt8>, on connection: Connection) -> Int { 0 }

    func secured(_ connection: Connection, speaks name: String?) {
        server.begin(connection, speaks: name)
    }

    func deadlinePassed(on connection: Connection) { connection.cut() }
    func closed(_ connection: Connection) {}
}

/// One client speaking HTTP/1.1: requests one after the other, answers in their order.
final class HTTPConnection: ConnectionHandler, HTTPExchange, ServedConnection {
    private let server: HTTPServer
    private unowned let connection: Connection
    private var parser: HTTPRequestParser
    private var inFlight: HTTPRequest?
    private var stream: ResponseStream?
    var guardFields: [(String, String)] = []
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
        while inFlight == nil, used < bytes.count, connection.isListening, !hasUpgraded,
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
        write(error.problem.response, keepsAlive: false, isHead: false)
        connection.closeWhenFlushed()
    }

    private func handle(_ request: HTTPRequest) {
        inFlight = request
        guardFields = []
        connection.deadline = .max
        isSynchronous = true
        defer { isSynchronous = false }
        server.serve(request, on: connection, to: self)
    }

    // MARK: Answers out

    func answer(_ response: HTTPResponse) {
        guard let request = inFlight, connection.isOpen else { return }
        let keepsAlive =
            request.keepsAlive && !server.isDraining && !hasPeerEnded
        write(response, keepsAlive: keepsAlive, isHead: request.method == .head)
        finish(keepsAlive: keepsAlive)
    }

    private var attendants: AttendantFields {
        AttendantFields(own: guardFields, common: server.encodedFields(for: connection))
    }

    private func write(_ response: HTTPResponse, keepsAlive: Bool, isHead: Bool) {
        let date = connection.loop.httpDate
        connection.withOutput {
            HTTPResponseEncoder.append(
                response, attendants, to: &$0, date: date, keepsAlive: keepsAlive, isHead: isHead)
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
        let attendants = attendants
        let date = connection.loop.httpDate
        let keepsAlive = request.keepsAlive && !server.isDraining && !request.isHTTP10
        connection.withOutput {
            if request.isHTTP10 {
                // Version 1.0 knows no chunks: the end of the connection is the end of the body.
                HTTPResponseEncoder.appendOpenHead(response, attendants, to: &$0, date: date)
            } else {
                HTTPResponseEncoder.appendChunkedHead(
                    response, attendants, to: &$0, date: date, keepsAlive: keepsAlive)
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

    func upgrade(
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
        try WebSocketHandshake.checkVersion(request, refusedBy: 426)
        guard let key = request.field("sec-websocket-key"), WebSocketHandshake.isKey(key) else {
            throw Problem(400, "websocket_key", "The key is missing or not 16 bytes of base64.")
        }
        let handler = try make(context)
        hasUpgraded = true
        inFlight = nil
        let accept = WebSocketHandshake.accept(key)
        let compresses = WebSocketHandshake.compresses(request)
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
            write(Problem.requestTimeout.response, keepsAlive: false, isHead: false)
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
