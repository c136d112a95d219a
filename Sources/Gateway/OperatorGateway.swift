import Catalogue
public import EngineCore
import EngineJournal
public import EngineService
import JSONText
import Kernel
import Ledger
import NetworkCodecs
public import NetworkLoops

/// The operators' side: a listener, an origin and a realm of its own.
public final class OperatorGateway {
    let hub: Hub
    public let server: HTTPServer
    private let registry: OperatorRegistry
    private let settings: GatewaySettings
    let engineStatus: @Sendable () -> EngineStatus
    private let ask: @Sendable (@escaping @Sendable (borrowing Engine) -> Void) -> Bool
    /// What the metrics page says beyond the engine.
    public var extraMetrics: () -> [Metric] = { [] }
    /// Reads the journal's full segments again and says how many there are and which has changed.
    public var verifySegments: @Sendable () throws -> (segments: Int, problems: [String]) = {
        (0, [])
    }
    /// Where that is done.
    private let pool: WorkPool
    /// How the journal writes, in words.
    public var journalDescription = ""
    var sockets: [ObjectIdentifier: OperatorSocket] = [:]
    private var timer: LoopTimer?
    private var turns = 0

    public init(
        hub: Hub, registry: OperatorRegistry, files: StaticFiles, settings: GatewaySettings,
        pool: WorkPool, engineStatus: @escaping @Sendable () -> EngineStatus,
        ask: @escaping @Sendable (@escaping @Sendable (borrowing Engine) -> Void) -> Bool
    ) {
        self.hub = hub
        self.registry = registry
        self.settings = settings
        self.pool = pool
        self.engineStatus = engineStatus
        self.ask = ask
        server = HTTPServer()
        server.requireSession = { [unowned self] context throws(Problem) in
            _ = try person(context)
        }
        server.guardRequest = { context, _ throws(Problem) in
            try OriginGuard.check(context, settings)
            return try settings.rates.check(
                nil, context.peer, now: hub.loop.milliseconds, isFirst: false)
        }
        server.fallback = { context throws(Problem) in try files.answer(context) }
        server.commonFields = StaticFiles.securityFields
        addRoutes()
    }

    public func start() {
        timer = LoopTimer(hub.loop)
        timer?.start(after: 250, every: 250) { [unowned self] in
            for socket in sockets.values { socket.turn() }
            turns += 1
            if turns % 4 == 0, !sockets.isEmpty { askExposures() }
        }
    }

    /// Once a second while somebody looks: what every current market may cost, by the engine itself.
    private func askExposures() {
        let now = wallClock()
        let wanted = hub.view.current(at: now).flatMap(\.markets)
        let bound = OnLoop(self)
        let loop = hub.loop
        _ = ask { engine in
            let found = engine.exposures(of: wanted)
            loop.post {
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

    private var now: Timestamp { wallClock() }
    private var cookieName: String {
        settings.hasPlainCookies ? "grandstand-desk-dev" : "__Host-grandstand-desk"
    }

    private func person(_ context: RequestContext) throws(Problem) -> OperatorRegistry.Operator {
        guard let token = context.request.cookie(cookieName),
            let found = registry.find(token: token, now: now.nanoseconds)
        else { throw Problem(401, "not_signed_in", "Sign in with a one-time code.") }
        return found
    }

    private func busy() -> Problem { hub.refusal.problem }

    // MARK: Routes

    private func addRoutes() {
        let routes = OperatorRoutes.self
        server.router.add(
            .post, "/api/v1/sign-in", routes.signIn,
            .immediate { [unowned self] context throws(Problem) in try signIn(context) })
        server.router.add(
            .get, "/api/v1/session", routes.session,
            .immediate { [unowned self] context in
                let isSignedIn = (try? person(context)) != nil
                return .json(200, Array("{\"signedIn\":\(isSignedIn)}".utf8))
            })
        server.router.add(
            .get, "/api/v1/stream", routes.stream,
            .webSocket { [unowned self] context throws(Problem) in
                guard context.request.hasField("origin") else {
                    throw Problem(403, "origin_missing", "A WebSocket needs the page's Origin.")
                }
                return OperatorSocket(self, try person(context))
            })
        server.router.add(
            .post, "/api/v1/markets/{market}/suspend", routes.suspend,
            .deferred { [unowned self] in setState($0, $1, scope: .market, isShut: true) })
        server.router.add(
            .post, "/api/v1/markets/{market}/resume",
            routes.resume,
            .deferred { [unowned self] in setState($0, $1, scope: .market, isShut: false) })
        server.router.add(
            .post, "/api/v1/suspend-all", routes.suspendAll,
            .deferred { [unowned self] in setState($0, $1, scope: .all, isShut: true) })
        server.router.add(
            .post, "/api/v1/resume-all", routes.resumeAll,
            .deferred { [unowned self] in setState($0, $1, scope: .all, isShut: false) })
        server.router.add(
            .post, "/api/v1/markets/{market}/results",
            routes.propose,
            .deferred { [unowned self] in propose($0, $1) })
        server.router.add(
            .post, "/api/v1/proposals/{proposal}/approve",
            routes.approve,
            .deferred { [unowned self] in approve($0, $1) })
        server.router.add(
            .post, "/api/v1/audit", routes.audit,
            .deferred { [unowned self] in audit($0, $1) })
        server.router.add(
            .post, "/api/v1/verify-journal", routes.verifyJournal,
            .deferred { [unowned self] in verifyJournal($0, $1) })
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

    private func body(_ context: RequestContext) throws(Problem) -> JSONValue {
        guard !context.request.body.isEmpty else { return .object([]) }
        let json: JSONValue
        do {
            json = try JSONParser(depth: 6, members: 512).parse(context.request.body.span)
        } catch {
            throw Problem(400, "malformed", "The body is not JSON.", detail: error.what)
        }
        guard case .object = json else {
            throw Problem(400, "malformed", "The body is not an object.")
        }
        return json
    }

    /// A member that is text or not there; `most` bytes go into the journal.
    private static func text(_ name: String, most: Int, of json: JSONValue) throws(Problem)
        -> String
    {
        guard let value = json[name] else { return "" }
        guard let text = value.text else { throw Problem(400, "malformed", "\(name): text") }
        guard text.utf8.count <= most else {
            throw Problem(422, "text_too_long", "\(name): at most \(most) bytes")
        }
        return text
    }

    private func signIn(_ context: RequestContext) throws(Problem) -> HTTPResponse {
        guard let code = try body(context)["code"]?.text else {
            throw Problem(400, "malformed", "code: the one-time code")
        }
        switch registry.signIn(code: code, now: now.nanoseconds) {
        case .wrong: throw Problem(401, "wrong_code", "That code is wrong or used up.")
        case .tooMany:
            var problem = Problem(429, "too_many_attempts", "Too many wrong codes. Wait a minute.")
            problem.fields = [("retry-after", "60")]
            throw problem
        case .token(let token, let id):
            var json = JSONWriter()
            json.object { json in
                json.key("operator")
                json.number(id)
            }
            let secure = settings.hasPlainCookies ? "" : "; Secure"
            var response = HTTPResponse.json(200, json.bytes)
            response.fields.append(
                (
                    "set-cookie",
                    "\(cookieName)=\(token); Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"
                        + secure
                ))
            return response
        }
    }

    private func market(_ context: RequestContext) throws(Problem) -> MarketView {
        guard let id = UInt64(context.parameters["market"] ?? ""),
            let market = hub.view.markets[MarketID(id)]
        else { throw Problem(404, "market_unknown", "There is no such market.") }
        return market
    }

    private func setState(
        _ context: RequestContext, _ responder: Responder, scope: CommandEncoder.Scope, isShut: Bool
    ) {
        do throws(Problem) {
            let person = try person(context)
            let reason = try Self.text("reason", most: 64, of: try body(context))
            let id = scope == .all ? .zero : try market(context).externalID
            let taken = hub.submit({ [unowned self] record, _ in
                respond(record, at: Layout.MarketChanged.refusal, responder)
            }) {
                $0.marketState(
                    id, scope: scope, by: .trader, setting: isShut ? .trader : [],
                    lifting: isShut ? [] : .trader, actor: person.id, reason: reason)
            }
            guard taken else { throw busy() }
        } catch {
            responder.fail(error)
        }
    }

    private func respond(
        _ record: RecordBytes?, at offset: Int, _ responder: Responder,
        _ more: (inout JSONWriter) -> Void = { _ in }
    ) {
        guard let record else { return responder.fail(busy()) }
        if let refusal = OperationRefusal(rawValue: record.field(offset, as: UInt16.self)) {
            return responder.fail(Problem(409, refusal.code, refusal.text))
        }
        var json = JSONWriter()
        json.object { json in
            json.key("asOf")
            json.number(record.sequence)
            more(&json)
        }
        responder.send(.json(200, json.bytes))
    }

    private func propose(_ context: RequestContext, _ responder: Responder) {
        do throws(Problem) {
            let person = try person(context)
            let market = try market(context)
            let json = try body(context)
            guard let items = json["results"]?.items else {
                throw Problem(400, "malformed", "results: one word for each selection")
            }
            guard items.count == market.selections.count else {
                throw Problem(422, "results_mismatch", "results: one word for each selection")
            }
            var outcomes: [SelectionOutcome] = []
            for item in items {
                guard let word = item.text,
                    let result = SelectionResult.allCases.first(where: { $0.word == word }),
                    result != .deadHeat
                else {
                    throw Problem(
                        400, "malformed", "results: won, lost, void, half_won, half_lost, undecided"
                    )
                }
                outcomes.append(SelectionOutcome(result))
            }
            let reason = try Self.text("reason", most: 64, of: json)
            guard !reason.isEmpty else { throw Problem(400, "malformed", "reason: why") }
            let evidence = try Self.text("evidence", most: 32, of: json)
            let taken = hub.submit({ [unowned self] record, _ in
                respond(record, at: Layout.ResultAnswered.refusal, responder) { json in
                    json.key("proposal")
                    json.numberText(
                        record?.field(Layout.ResultAnswered.proposal, as: UInt64.self) ?? 0)
                }
            }) {
                $0.result(
                    .propose, market: market.externalID, outcomes, source: .operator,
                    actor: person.id, reason: reason, evidence: evidence)
            }
            guard taken else { throw busy() }
        } catch {
            responder.fail(error)
        }
    }

    private func approve(_ context: RequestContext, _ responder: Responder) {
        do throws(Problem) {
            let person = try person(context)
            guard let proposal = UInt64(context.parameters["proposal"] ?? "") else {
                throw Problem(404, "proposal_unknown", "There is no such proposal.")
            }
            let taken = hub.submit({ [unowned self] record, _ in
                respond(record, at: Layout.ResultAnswered.refusal, responder)
            }) { $0.approve(proposal: proposal, actor: person.id) }
            guard taken else { throw busy() }
        } catch {
            responder.fail(error)
        }
    }

    private func verifyJournal(_ context: RequestContext, _ responder: Responder) {
        do throws(Problem) {
            _ = try person(context)
            let bound = OnLoop(responder)
            let loop = hub.loop
            let verify = verifySegments
            let taken = pool.submit {
                let found = Result { try verify() }
                loop.post {
                    guard case .success(let (segments, problems)) = found else {
                        return bound.value.fail(
                            Problem(500, "unreadable", "The journal's files cannot be read."))
                    }
                    var json = JSONWriter()
                    json.object { json in
                        json.key("segments")
                        json.number(segments)
                        json.key("problems")
                        json.array { json in for problem in problems { json.string(problem) } }
                    }
                    bound.value.send(.json(200, json.bytes))
                }
            }
            guard taken else { throw busy() }
        } catch {
            responder.fail(error)
        }
    }

    private func audit(_ context: RequestContext, _ responder: Responder) {
        do throws(Problem) {
            _ = try person(context)
            let bound = OnLoop(responder)
            let loop = hub.loop
            let taken = ask { engine in
                let problems = engine.audit()
                let hash = engine.stateHash.description
                let sequence = engine.sequence
                loop.post {
                    var json = JSONWriter()
                    json.object { json in
                        json.key("asOf")
                        json.number(sequence)
                        json.key("stateHash")
                        json.string(hash)
                        json.key("problems")
                        json.array { json in for problem in problems { json.string(problem) } }
                    }
                    bound.value.send(.json(200, json.bytes))
                }
            }
            guard taken else { throw busy() }
        } catch {
            responder.fail(error)
        }
    }
}

@available(*, unavailable)
extension OperatorGateway: Sendable {}

/// One operator's page: an image to begin with, then what changed, four times a second.
final class OperatorSocket: WebSocketHandler {
    private let gateway: OperatorGateway
    private let person: OperatorRegistry.Operator
    weak var socket: WebSocketConnection?
    var needsImage = true
    var hasNews = true
    private var changedMarkets: Set<MarketID> = []
    private var lastBet = 0
    private var turns = 0

    init(_ gateway: OperatorGateway, _ person: OperatorRegistry.Operator) {
        self.gateway = gateway
        self.person = person
    }

    func opened(_ socket: WebSocketConnection) {
        self.socket = socket
        gateway.sockets[ObjectIdentifier(self)] = self
        gateway.hub.watchDesk(self)
        turn()
    }

    func received(_ text: Span<UInt8>, isText: Bool, on socket: WebSocketConnection) {}

    func changed(_ market: MarketID) { changedMarkets.insert(market) }
    func goAway() { socket?.close(.goingAway) }

    func closed(_ socket: WebSocketConnection) {
        gateway.sockets[ObjectIdentifier(self)] = nil
        gateway.hub.unwatchDesk(self)
    }

    func turn() {
        guard let socket, socket.isWritable else { return }
        turns += 1
        let hub = gateway.hub
        var json = JSONWriter(reserving: 4096)
        let isImage = needsImage
        json.object { json in
            json.key("type")
            json.string(isImage ? "image" : "delta")
            json.key("operator")
            json.number(person.id)
            json.key("order")
            json.number(hub.view.order)
            writeMarkets(isImage, hub.view, &json)
            if isImage || hasNews {
                writeTicker(hub, &json)
                writeProposals(hub.view, &json)
            }
            if isImage || turns % 4 == 0 { writeHealth(&json) }
        }
        needsImage = false
        hasNews = false
        changedMarkets = []
        socket.send(text: json.bytes)
    }

    func push(exposures: [MarketExposure]) {
        guard let socket, socket.isWritable, !needsImage else { return }
        var json = JSONWriter(reserving: 2048)
        json.object { json in
            json.key("type")
            json.string("delta")
            json.key("operator")
            json.number(person.id)
            json.key("markets")
            json.array { _ in }
            json.key("exposures")
            json.array { json in
                for one in exposures {
                    json.array { json in
                        json.numberText(one.market.rawValue)
                        json.number(one.staked)
                        json.number(one.worstLoss)
                        json.number(one.openLegs)
                    }
                }
            }
        }
        socket.send(text: json.bytes)
    }

    private func writeMarkets(_ isImage: Bool, _ view: CatalogueView, _ json: inout JSONWriter) {
        let wanted: [MarketID]
        if isImage {
            let now = wallClock()
            wanted = view.current(at: now).flatMap(\.markets)
        } else {
            wanted = changedMarkets.sorted()
        }
        json.key("markets")
        json.array { json in
            for id in wanted.prefix(2000) {
                guard let market = view.markets[id] else { continue }
                write(market, view, &json)
            }
        }
    }

    private func write(_ market: MarketView, _ view: CatalogueView, _ json: inout JSONWriter) {
        let fixture = view.fixtures[market.fixture]
        json.object { json in
            json.key("id")
            json.numberText(market.id.rawValue)
            json.key("fixture")
            json.string(fixture.map { "\($0.home) v \($0.away)" } ?? "")
            json.key("score")
            Messages.write(score: fixture?.state.score ?? Score.unknown, to: &json)
            json.key("inPlay")
            json.bool(fixture?.state.isInPlay ?? false)
            json.key("name")
            json.string(market.name)
            json.key("version")
            json.number(market.version)
            Messages.write(reasons: market.reasons, to: &json)
            json.key("resulted")
            json.bool(market.isResulted)
            json.key("disputed")
            json.bool(market.isDisputed)
            json.key("settlement")
            json.number(market.settlementVersion)
            json.key("margin")
            json.number(market.margin)
            json.key("staked")
            json.number(market.staked)
            json.key("worstLoss")
            json.number(market.worstLoss)
            json.key("liabilityLimit")
            json.number(market.liabilityLimit)
            json.key("openLegs")
            json.number(market.openLegs)
            json.key("selections")
            json.array { json in
                for selection in market.selections {
                    json.object { json in
                        json.key("name")
                        json.string(selection.name)
                        json.key("odds")
                        Messages.write(odds: selection.odds, to: &json)
                        json.key("reference")
                        json.number(selection.reference)
                        json.key("result")
                        json.string(selection.outcome.result.word)
                    }
                }
            }
        }
    }

    private func writeTicker(_ hub: Hub, _ json: inout JSONWriter) {
        json.key("ticker")
        json.array { json in
            for line in hub.ticker.suffix(60).reversed() {
                json.object { json in
                    json.key("bet")
                    json.numberText(line.bet)
                    json.key("account")
                    json.numberText(line.account)
                    json.key("time")
                    json.string(line.time.description)
                    json.key("status")
                    json.string(line.status)
                    json.key("stake")
                    json.number(line.stake)
                    json.key("amount")
                    json.number(line.amount)
                    json.key("detail")
                    json.string(line.detail)
                }
            }
        }
    }

    private func writeProposals(_ view: CatalogueView, _ json: inout JSONWriter) {
        json.key("proposals")
        json.array { json in
            for proposal in view.proposals.values.sorted(by: { $0.sequence < $1.sequence }) {
                json.object { json in
                    json.key("id")
                    json.numberText(proposal.sequence)
                    json.key("market")
                    json.numberText(proposal.market.rawValue)
                    json.key("actor")
                    json.number(proposal.actor)
                    json.key("reason")
                    json.string(proposal.reason)
                    json.key("results")
                    json.array { json in
                        for outcome in proposal.outcomes { json.string(outcome.result.word) }
                    }
                }
            }
        }
    }

    private func writeHealth(_ json: inout JSONWriter) {
        let status = gateway.engineStatus()
        json.key("health")
        json.object { json in
            json.key("running")
            json.bool(status.isRunning)
            json.key("sequence")
            json.number(status.sequence)
            json.key("stateHash")
            json.string(status.stateHash.description)
            json.key("queued")
            json.number(status.queued)
            json.key("batch")
            json.number(status.batch)
            json.key("mostInBatch")
            json.number(status.mostInBatch)
            json.key("commits")
            json.number(status.commits)
            json.key("busy")
            json.number(status.busy)
            json.key("turnMicroseconds")
            json.number(status.turnNanoseconds / 1000)
            json.key("journalBytes")
            json.number(status.journal.bytes)
            json.key("syncMicroseconds")
            json.number(status.journal.lastCommitNanoseconds / 1000)
            json.key("slowDisk")
            json.bool(status.isDiskSlow)
            json.key("hasSpace")
            json.bool(!status.isShortOfSpace)
            json.key("journal")
            json.string(gateway.journalDescription)
            json.key("accounts")
            json.number(status.counts.accounts)
            json.key("bets")
            json.number(status.counts.bets)
            json.key("markets")
            json.number(status.counts.markets)
        }
    }
}
