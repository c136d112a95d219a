import CSystem
public import EngineCore
import EngineJournal
import EngineService
import JSONText
import Kernel
import NetworkCodecs
public import NetworkLoops
public import ProjectionService

/// The punters' side on one loop: pages, REST, WebSocket and events on one port.
///
/// What can be asked for is a table of operations; each protocol is a way to ask for them.
public final class PunterGateway: OperationGateway {
    typealias Operation = GatewayOperation<PunterSession>
    typealias Call = GatewayCall<PunterSession>

    public let hub: Hub
    public let server: HTTPServer
    let sessions: SessionRegistry
    let store: any ProjectionStore
    let settings: GatewaySettings
    let digest: Digest
    /// For requests on the hot path, one at a time.
    var tape = JSONTape(depth: 8, members: 1024)
    var sockets: [ObjectIdentifier: PunterSocket] = [:]
    var eventStreams: [ObjectIdentifier: EventStream] = [:]
    var operations: [String: Operation] = [:]
    let ask: @Sendable (@escaping @Sendable (borrowing Engine) -> Void) -> Bool
    private var timer: LoopTimer?
    private var ticks = 0
    /// Loop milliseconds of the newest tick, and how much later than due it came.
    private var lookedAt: UInt64 = 0
    private var lag: UInt64 = 0

    /// On the loop's thread or before it runs.
    public init(
        hub: Hub, sessions: SessionRegistry, store: any ProjectionStore, files: StaticFiles,
        settings: GatewaySettings,
        ask: @escaping @Sendable (@escaping @Sendable (borrowing Engine) -> Void) -> Bool
    ) {
        self.hub = hub
        self.sessions = sessions
        self.store = store
        self.settings = settings
        self.ask = ask
        digest = Digest()
        server = HTTPServer()
        server.proxies = settings.proxies
        server.credentials = settings.credentials
        server.transportSecurity = settings.transportSecurity
        server.guardRequest = { [unowned self] context, route throws(Problem) in
            try guardRequest(context, route)
        }
        server.requireSession = { [unowned self] context throws(Problem) in
            guard session(context) != nil else { throw Self.notSignedIn }
        }
        server.fallback = { context throws(Problem) in try files.answer(context) }
        server.commonFields = StaticFiles.securityFields(asking: settings.scriptOrigins)
        hub.topics.reader = { [unowned self] account, after, limit, answer in
            readHistory(account, after, limit, answer)
        }
        for operation in catalogueOperations + sessionOperations + accountOperations
            + limitOperations + locationOperations + betOperations + quoteOperations
            + cashOutOperations
        {
            add(operation)
        }
        addStreams()
        addHealth()
    }

    /// Begins heartbeats; on the loop.
    public func start() {
        lookedAt = hub.loop.milliseconds
        timer = LoopTimer(hub.loop)
        timer?.start(after: Self.tick, every: Self.tick) { [unowned self] in
            heartbeat()
            ticks += 1
            guard ticks % 8 == 0 else { return }
            hub.topics.prune()
            for socket in Array(sockets.values) { socket.checkSession() }
            for stream in Array(eventStreams.values) { stream.checkSession() }
        }
    }

    /// Milliseconds between two looks at who heard nothing lately; sessions are looked at every eighth time.
    private static let tick: UInt64 = 250
    /// Milliseconds that the loop may be behind before it answers bets and protection only.
    private static let mostLag: UInt64 = 1000

    /// Whether the loop has more to do than it can: then browsing waits, and bets do not.
    private var isOverloaded: Bool {
        lag > Self.mostLag || hub.waitingCount > Hub.mostWaiting / 2
    }

    /// - Throws: 503 `overloaded` for browsing; files are that, too.
    func shed(_ route: RouteDescription?) throws(Problem) {
        guard isOverloaded, route?.isBrowsing ?? true else { return }
        var problem = Problem(
            503, "overloaded", "There is too much to do just now. Bets come first; ask again.")
        problem.fields = [("retry-after", "1")]
        throw problem
    }

    private func measureLag() {
        let now = hub.loop.milliseconds
        let passed = now - lookedAt
        lag = passed > Self.tick ? passed - Self.tick : 0
        lookedAt = now
    }

    /// One message for all who were told everything, which is nearly everybody.
    private func heartbeat() {
        measureLag()
        postCounts()
        let place = StreamPosition(epoch: hub.view.epoch, order: hub.view.order)
        let message = SharedMessage.heartbeat(at: place, now)
        let now = hub.loop.milliseconds
        for socket in sockets.values { socket.heartbeat(message, now: now) }
        for stream in eventStreams.values { stream.heartbeat(message, now: now) }
    }

    private func postCounts() {
        var counts = LoopCounts()
        counts.deltasSent = hub.topics.deltasSent
        counts.conflated = hub.topics.conflated
        counts.waiting = hub.waitingCount
        counts.sockets = sockets.count + eventStreams.count
        counts.connections = hub.loop.connectionCount
        counts.subscriptions = hub.topics.subscriptions
        counts.waitingBytes = hub.loop.waitingBytes
        counts.cutForWaiting = hub.loop.cutForWaiting
        settings.board.post(counts, of: hub.loop.index)
    }

    /// Tells everybody to come back later and finishes what was begun.
    public func drain() {
        for socket in Array(sockets.values) { socket.goAway() }
        for stream in Array(eventStreams.values) { stream.end() }
        server.drain()
    }

    public func stop() {
        timer?.stop()
        timer = nil
    }

    var now: Timestamp { wallClock() }

    // MARK: Before every request

    private func guardRequest(_ context: RequestContext, _ route: RouteDescription?)
        throws(Problem) -> [(String, String)]
    {
        try OriginGuard.check(context, settings)
        try shed(route)
        return try settings.rates.check(
            session(context)?.rateKey, context.peer, now: hub.loop.milliseconds,
            isFirst: route?.comesFirst ?? false)
    }

    var cookieName: String { settings.hasPlainCookies ? "grandstand-dev" : "__Host-grandstand" }

    func session(_ context: RequestContext) -> PunterSession? {
        guard let token = context.request.cookie(cookieName) else { return nil }
        return sessions.find(token: token, now: now.nanoseconds)
    }

    static let notSignedIn = Problem(401, "not_signed_in", "Sign in first.")

    func account(_ session: PunterSession) -> AccountID? { session.account }

    /// The rows are there and cannot be read or written at this moment.
    static let unreadable = Problem(
        503, "not_available", "This cannot be looked up at the moment. Ask again.")

    // MARK: What is about HTTP alone

    private func addStreams() {
        server.router.add(
            .get, "/api/v1/stream", PunterRoutes.stream,
            .webSocket { [unowned self] context throws(Problem) in
                try OriginGuard.checkWebSocket(context)
                return PunterSocket(
                    self, session: session(context), peer: context.peer,
                    place: try server.place(for: context))
            })
        server.router.add(
            .get, "/api/v1/events", PunterRoutes.events,
            .deferred { [unowned self] context, responder in
                EventStream.begin(self, context, session(context), responder)
            })
    }

    private func addHealth() {
        server.router.add(
            .get, "/health/live", PunterRoutes.live, .immediate { _ in .text(200, "live\n") })
        server.router.add(
            .get, "/health/ready", PunterRoutes.ready,
            .immediate { [unowned self] _ in settings.readiness(server) })
        server.router.add(
            .get, "/asyncapi.json", PunterRoutes.asyncAPI,
            .immediate { [unowned self] context in
                .json(
                    200,
                    AsyncAPI(
                        title: "Grandstand",
                        summary: "Prices, incidents, bets and wallet as they change.",
                        said: StreamMessages.said, taken: StreamMessages.taken,
                        events: StreamMessages.events, schemas: PunterSchemas.object,
                        operations: operations.values.map(\.description)
                    ).document(
                        host: context.request.field("host") ?? "",
                        isSecure: !settings.hasPlainCookies))
            })
        server.router.add(
            .get, "/openapi.json", PunterRoutes.openAPI,
            .immediate { [unowned self] _ in
                .json(
                    200,
                    OpenAPI.document(
                        title: "Grandstand", cookie: cookieName, schemas: PunterSchemas.object,
                        routes: server.router.routes.map {
                            ($0.method, $0.pattern.text, $0.description)
                        }))
            })
    }

    // MARK: The rows

    /// A document about everybody's catalogue.
    func document(_ body: (inout JSONWriter) -> Void) -> HTTPResponse {
        Documents.json(asOf: hub.view.order, .anybody, body)
    }

    private func readHistory(
        _ account: AccountID, _ after: UInt64?, _ limit: Int,
        _ answer: @escaping (AccountHistory?) -> Void
    ) {
        let bound = OnLoop(answer)
        let loop = hub.loop
        let taken = store.history(of: account, after: after, limit: limit) { found in
            loop.post { bound.value(try? found.get()) }
        }
        // Never within the question: the next in line would be answered within this answer, and so on.
        if !taken { loop.post { bound.value(nil) } }
    }
}

@available(*, unavailable)
extension PunterGateway: Sendable {}

/// UTC, for whatever is shown and for deadlines of sessions; never in a rule.
func wallClock() -> Timestamp { Timestamp(nanoseconds: gs_wall_nanoseconds()) }
