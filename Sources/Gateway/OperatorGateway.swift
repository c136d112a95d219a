import Catalogue
public import EngineCore
import EngineJournal
public import EngineService
import JSONText
import Kernel
import Ledger
import NetworkCodecs
public import NetworkLoops
public import ProjectionService

/// The operators' side: a listener, an origin and a realm of its own.
///
/// What can be asked for is a table of operations; REST and the WebSocket are two ways to ask for them.
public final class OperatorGateway: OperationGateway {
    typealias Person = OperatorRegistry.Operator
    typealias Operation = GatewayOperation<Person>
    typealias Call = GatewayCall<Person>

    let hub: Hub
    public let server: HTTPServer
    let registry: OperatorRegistry
    let store: any ProjectionStore
    let settings: GatewaySettings
    var operations: [String: Operation] = [:]
    /// For requests with a body, one at a time; the largest is a table of deductions, seven values a step.
    var tape = JSONTape(depth: 6, members: 2048)
    let engineStatus: @Sendable () -> EngineStatus
    let ask: @Sendable (@escaping @Sendable (borrowing Engine) -> Void) -> Bool
    /// What the metrics page says beyond the engine.
    public var extraMetrics: () -> [Metric] = { [] }
    /// Reads the journal's full segments again and says how many there are and which has changed.
    public var verifySegments: @Sendable () throws -> (segments: Int, problems: [String]) = {
        (0, [])
    }
    /// Where that is done.
    let pool: WorkPool
    /// How the journal writes, in words.
    public var journalDescription = ""
    var sockets: [ObjectIdentifier: OperatorSocket] = [:]
    private var timer: LoopTimer?
    private var turns = 0

    public init(
        hub: Hub, registry: OperatorRegistry, store: any ProjectionStore, files: StaticFiles,
        settings: GatewaySettings,
        pool: WorkPool, engineStatus: @escaping @Sendable () -> EngineStatus,
        ask: @escaping @Sendable (@escaping @Sendable (borrowing Engine) -> Void) -> Bool
    ) {
        self.hub = hub
        self.registry = registry
        self.store = store
        self.settings = settings
        self.pool = pool
        self.engineStatus = engineStatus
        self.ask = ask
        server = HTTPServer()
        server.requireSession = { [unowned self] context throws(Problem) in
            guard session(context) != nil else { throw Self.notSignedIn }
        }
        server.guardRequest = { [unowned self] context, route throws(Problem) in
            try OriginGuard.check(context, settings)
            return try settings.rates.check(
                session(context)?.rateKey, context.peer, now: hub.loop.milliseconds,
                isFirst: route?.comesFirst ?? false)
        }
        server.fallback = { context throws(Problem) in try files.answer(context) }
        server.commonFields = StaticFiles.securityFields()
        for operation in sessionOperations + marketOperations + resultOperations
            + customerOperations + marketLimitOperations + pricingOperations + makingOperations
            + riskOperations + bookOperations + trailOperations + suspicionOperations
            + integrityOperations
            + houseOperations + promotionOperations
        {
            add(operation)
        }
        addRoutes()
    }

    public func start() {
        timer = LoopTimer(hub.loop)
        timer?.start(after: 250, every: 250) { [unowned self] in
            for socket in sockets.values { socket.turn() }
            turns += 1
            if turns % 8 == 0 { for socket in Array(sockets.values) { socket.checkSession() } }
            if turns % 4 == 0, !sockets.isEmpty { askExposures() }
        }
    }

    /// Once a second while somebody looks: what every current market may cost, by the engine itself.
    private func askExposures() {
        let now = wallClock()
        let wanted = hub.view.deskMarkets(at: now)
        let bound = OnLoop(self)
        let loop = hub.loop
        _ = ask { engine in
            let found = engine.exposures(of: wanted)
            loop.post {
                // Settlement tells of its bets, and not of the market that they leave.
                for one in found { bound.value.hub.view.note(one) }
                for socket in bound.value.sockets.values { socket.push(exposures: found) }
            }
        }
    }

    public func drain() {
        for socket in Array(sockets.values) { socket.goAway() }
        server.drain()
    }

    public func stop() {
        timer?.stop()
        timer = nil
    }

    var now: Timestamp { wallClock() }
    var cookieName: String {
        settings.hasPlainCookies ? "grandstand-desk-dev" : "__Host-grandstand-desk"
    }

    func session(_ context: RequestContext) -> Person? {
        context.request.cookie(cookieName).flatMap { person($0) }
    }

    func person(_ token: String) -> Person? {
        registry.find(token: token, now: now.nanoseconds)
    }

    static let notSignedIn = Problem(401, "not_signed_in", "Sign in with a one-time code.")

    func check(_ person: Person, mayAsk description: RouteDescription) throws(Problem) {
        guard let role = description.role.flatMap({ OperatorRole(word: $0) }), person.role < role
        else { return }
        throw Problem(
            403, "role_missing", "That is for a \(role.word). You are a \(person.role.word).")
    }

    /// What operators move is the market's, whoever of them asks.
    func account(_ session: Person) -> AccountID? { nil }

    // MARK: What is about HTTP alone

    private func addRoutes() {
        let routes = OperatorRoutes.self
        server.router.add(
            .get, "/api/v1/stream", routes.stream,
            .webSocket { [unowned self] context throws(Problem) in
                try OriginGuard.checkWebSocket(context)
                guard let token = context.request.cookie(cookieName), let person = person(token)
                else { throw Self.notSignedIn }
                return OperatorSocket(self, person, token: token, peer: context.peer)
            })
        server.router.add(
            .get, "/metrics", routes.metrics,
            .immediate { [unowned self] _ in
                HTTPResponse(
                    status: 200,
                    fields: [("content-type", "text/plain; version=0.0.4; charset=utf-8")],
                    body: Metrics.text(
                        engineStatus(), loops: settings.board.total, extra: extraMetrics()))
            })
        server.router.add(
            .get, "/health/live", routes.live,
            .immediate { _ in .text(200, "live\n") })
        server.router.add(
            .get, "/health/ready", routes.ready,
            .immediate { [unowned self] _ in
                settings.readiness(server)
            })
        server.router.add(
            .get, "/asyncapi.json", routes.asyncAPI,
            .immediate { [unowned self] context in
                .json(
                    200,
                    AsyncAPI(
                        title: "Grandstand's desk",
                        summary: "Markets, liability, bets and proposals as they change.",
                        said: DeskMessages.said, taken: [], events: [],
                        schemas: OperatorRoutes.schemas,
                        operations: operations.values.map(\.description)
                    ).document(host: context.request.field("host") ?? "", isSecure: false))
            })
        server.router.add(
            .get, "/openapi.json", routes.openAPI,
            .immediate { [unowned self] _ in
                .json(
                    200,
                    OpenAPI.document(
                        title: "Grandstand's desk", cookie: cookieName,
                        schemas: OperatorRoutes.schemas,
                        routes: server.router.routes.map {
                            ($0.method, $0.pattern.text, $0.description)
                        }))
            })
    }
}

@available(*, unavailable)
extension OperatorGateway: Sendable {}
