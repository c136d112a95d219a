import Betting
import CSystem
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

/// What a gateway is told about where and how it serves.
public struct GatewaySettings: Sendable {
    /// Exact origins that pages may come from.
    public var origins: Set<String> = []
    /// Values of Host that are answered.
    public var hosts: Set<String> = []
    /// Whether the listener is reached by loopback only: demo accounts and plain cookies need it.
    public var isLoopback = true
    public var brand: UInt32 = 0
    public var licence: UInt32 = 0
    /// Demo money for a new demo account, minor units.
    public var demoGrant: Int64 = 100_000
    /// New demo accounts a minute, over all visitors.
    public var demoAccountsPerMinute = 600
    /// Where the gateway's loop tells what it counted.
    public var board = LoopBoard()
    /// Why no bets can be taken yet, nil when they can.
    public var whyNotReady: @Sendable () -> String? = { nil }

    public init() {}

    func readiness(_ server: HTTPServer) -> HTTPResponse {
        if server.isDraining { return .text(503, "not ready: the server is going away\n") }
        if let reason = whyNotReady() { return .text(503, "not ready: \(reason)\n") }
        return .text(200, "ready\n")
    }
}

/// The punters' side on one loop: pages, REST and WebSocket on one port.
public final class PunterGateway {
    public let hub: Hub
    public let server: HTTPServer
    let sessions: SessionRegistry
    let store: any ProjectionStore
    let settings: GatewaySettings
    let digest = Digest()
    /// For requests on the hot path, one at a time.
    var tape = JSONTape(depth: 8, members: 1024)
    var sockets: [ObjectIdentifier: PunterSocket] = [:]
    private let engineStatus: @Sendable () -> EngineStatus
    private let ask: @Sendable (@escaping @Sendable (borrowing Engine) -> Void) -> Bool
    private var timer: LoopTimer?
    private var lastHeartbeat: UInt64 = 0

    /// On the loop's thread or before it runs.
    public init(
        hub: Hub, sessions: SessionRegistry, store: any ProjectionStore, files: StaticFiles,
        settings: GatewaySettings, engineStatus: @escaping @Sendable () -> EngineStatus,
        ask: @escaping @Sendable (@escaping @Sendable (borrowing Engine) -> Void) -> Bool
    ) {
        self.hub = hub
        self.sessions = sessions
        self.store = store
        self.settings = settings
        self.engineStatus = engineStatus
        self.ask = ask
        server = HTTPServer()
        server.guardRequest = { [unowned self] context throws(Problem) in try guardRequest(context)
        }
        server.requireSession = { [unowned self] context throws(Problem) in
            _ = try needSession(context)
        }
        server.fallback = { context throws(Problem) in try files.answer(context) }
        server.commonFields = StaticFiles.securityFields
        addRoutes()
    }

    /// Begins heartbeats; on the loop.
    public func start() {
        timer = LoopTimer(hub.loop)
        timer?.start(after: 500, every: 500) { [unowned self] in
            hub.prune()
            postCounts()
            guard hub.loop.milliseconds - lastHeartbeat >= SocketLimits.heartbeat else { return }
            lastHeartbeat = hub.loop.milliseconds
            for socket in sockets.values { socket.heartbeat() }
        }
    }

    private func postCounts() {
        var counts = LoopCounts()
        counts.deltasSent = hub.deltasSent
        counts.conflated = hub.conflated
        counts.waiting = hub.waitingCount
        counts.sockets = sockets.count
        counts.connections = hub.loop.connectionCount
        settings.board.post(counts, of: hub.loop.index)
    }

    /// Tells everybody to come back later and finishes what was begun.
    public func drain() {
        for socket in Array(sockets.values) { socket.goAway() }
        server.drain()
    }

    public func stop() {
        timer?.stop()
        timer = nil
    }

    var now: Timestamp { Timestamp(nanoseconds: gs_wall_nanoseconds()) }

    // MARK: Before every request

    private func guardRequest(_ context: RequestContext) throws(Problem) {
        try OriginGuard.check(context, settings)
    }

    var cookieName: String { settings.isLoopback ? "grandstand-dev" : "__Host-grandstand" }

    func session(_ context: RequestContext) -> PunterSession? {
        guard let token = context.request.cookie(cookieName) else { return nil }
        return sessions.find(token: token, now: now.nanoseconds)
    }

    /// Whether a session that was good when its connection began still is.
    func isSignedIn(_ session: PunterSession) -> Bool { sessions.holds(session.tokenHash) }

    private func needSession(_ context: RequestContext) throws(Problem) -> PunterSession {
        guard let session = session(context) else {
            throw Problem(401, "not_signed_in", "Sign in first.")
        }
        return session
    }

    private func busy() -> Problem { hub.refusal.problem }

    /// The rows are there and cannot be read or written at this moment.
    private static let unreadable = Problem(
        503, "not_available", "This cannot be looked up at the moment. Ask again.")

    // MARK: Routes

    private func addRoutes() {
        let routes = PunterRoutes.self
        server.router.add(
            .get, "/api/v1/stream", routes.stream,
            .webSocket { [unowned self] context throws(Problem) in
                guard context.request.hasField("origin") else {
                    throw Problem(403, "origin_missing", "A WebSocket needs the page's Origin.")
                }
                return PunterSocket(self, session: session(context))
            })
        server.router.add(
            .get, "/api/v1/fixtures", routes.fixtures,
            .immediate { [unowned self] _ in
                document { json in
                    json.key("fixtures")
                    json.array { json in
                        for fixture in hub.view.current(at: now) {
                            Messages.write(fixture, to: &json)
                        }
                    }
                }
            })
        server.router.add(
            .get, "/api/v1/fixtures/{fixture}", routes.fixture,
            .immediate { [unowned self] context throws(Problem) in try fixture(context) })
        server.router.add(
            .get, "/api/v1/markets/{market}", routes.market,
            .immediate { [unowned self] context throws(Problem) in try market(context) })
        server.router.add(
            .post, "/api/v1/demo", routes.demo,
            .deferred { [unowned self] context, responder in makeDemo(context, responder) })
        server.router.add(
            .get, "/api/v1/session", routes.session,
            .immediate { [unowned self] context in
                let isSignedIn = session(context) != nil
                return document { json in
                    json.key("signedIn")
                    json.bool(isSignedIn)
                }
            })
        server.router.add(
            .delete, "/api/v1/session", routes.signOut,
            .immediate { [unowned self] context throws(Problem) in try signOut(context) })
        server.router.add(
            .get, "/api/v1/account", routes.account,
            .deferred { [unowned self] context, responder in account(context, responder) })
        server.router.add(
            .get, "/api/v1/bets", routes.bets,
            .deferred { [unowned self] context, responder in bets(context, responder) })
        server.router.add(
            .get, "/api/v1/bets/{bet}", routes.bet,
            .deferred { [unowned self] context, responder in bet(context, responder) })
        server.router.add(
            .post, "/api/v1/bets", routes.place,
            .deferred { [unowned self] context, responder in place(context, responder) })
        server.router.add(
            .post, "/api/v1/slip", routes.slip,
            .deferred { [unowned self] context, responder in slip(context, responder) })
        server.router.add(
            .get, "/api/v1/statement", routes.statement,
            .deferred { [unowned self] context, responder in statement(context, responder) })
        server.router.add(
            .get, "/health/live", routes.live, .immediate { _ in .text(200, "live\n") })
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
                        title: "Grandstand", cookie: cookieName,
                        schemas: PunterRoutes.schemas,
                        routes: server.router.routes.map {
                            ($0.method, $0.pattern.text, $0.description)
                        }))
            })
    }

    /// A document that says as of which record it is.
    private func document(_ status: Int = 200, _ body: (inout JSONWriter) -> Void) -> HTTPResponse {
        var json = JSONWriter(reserving: 1024)
        json.object { json in
            json.key("asOf")
            json.number(hub.view.order)
            body(&json)
        }
        var response = HTTPResponse.json(status, json.bytes)
        response.fields.append(("cache-control", "no-store"))
        return response
    }

    private func fixture(_ context: RequestContext) throws(Problem) -> HTTPResponse {
        guard let id = UInt64(context.parameters["fixture"] ?? ""),
            let fixture = hub.view.fixtures[FixtureID(id)]
        else { throw Problem(404, "fixture_unknown", "There is no such fixture.") }
        return document { json in
            json.key("fixture")
            Messages.write(fixture, to: &json)
            json.key("markets")
            json.array { json in
                for id in fixture.markets {
                    if let market = hub.view.markets[id] { Messages.write(market, to: &json) }
                }
            }
        }
    }

    private func market(_ context: RequestContext) throws(Problem) -> HTTPResponse {
        guard let id = UInt64(context.parameters["market"] ?? ""),
            let market = hub.view.markets[MarketID(id)]
        else { throw Problem(404, "market_unknown", "There is no such market.") }
        return document { json in
            json.key("market")
            Messages.write(market, to: &json)
            json.key("checksum")
            json.string(Messages.checksum(hub.view.canonicalText(market)))
        }
    }

    // MARK: Demo accounts and sessions

    private func makeDemo(_ context: RequestContext, _ responder: Responder) {
        guard settings.isLoopback else {
            return responder.fail(
                Problem(403, "demo_refused", "Demo accounts are given on loopback only."))
        }
        guard sessions.mayOpenDemo(now: now, perMinute: settings.demoAccountsPerMinute) else {
            var problem = Problem(429, "too_many_demo_accounts", "Too many new accounts just now.")
            problem.fields = [("retry-after", "60")]
            return responder.fail(problem)
        }
        let id = ExternalID(
            milliseconds: now.milliseconds, random: (Tokens.random64(), Tokens.random64()))
        let taken = hub.submit({ [unowned self] record, _ in
            guard let record, record.field(Layout.AccountChanged.refusal, as: UInt16.self) == 0
            else { return responder.fail(Problem(503, "full", "No further accounts can be made.")) }
            grant(record.account, responder)
        }) { [currency = hub.view.currency] in $0.openAccount(id, currency, .demo) }
        if !taken { responder.fail(busy()) }
    }

    private func grant(_ account: AccountID, _ responder: Responder) {
        let id = ExternalID(
            milliseconds: now.milliseconds, random: (Tokens.random64(), Tokens.random64()))
        let amount = settings.demoGrant
        let taken = hub.submit({ [unowned self] record, _ in
            let balances =
                record.map { Balances($0, at: Layout.AccountChanged.balances) } ?? Balances()
            begin(account, balances, responder)
        }) { $0.deposit(amount, to: account, id: id) }
        if !taken { responder.fail(busy()) }
    }

    private func begin(_ account: AccountID, _ balances: Balances, _ responder: Responder) {
        let settings = self.settings
        let taken = hub.submit({ [unowned self] _, sequence in
            remember(account, SessionID(sequence), balances, responder)
        }) {
            $0.session(
                account: account, brand: settings.brand, licence: settings.licence, channel: 1,
                authentication: 1, realm: 1, format: .decimal)
        }
        if !taken { responder.fail(busy()) }
    }

    private func remember(
        _ account: AccountID, _ id: SessionID, _ balances: Balances, _ responder: Responder
    ) {
        let token = Tokens.make()
        let hash = Tokens.hash(token)
        let expires = now.nanoseconds + SessionRegistry.lifetime
        let session = PunterSession(
            account: account, session: id, tokenHash: hash, expires: expires)
        let loop = hub.loop
        let bound = OnLoop((self, responder))
        let taken = store.save(
            StoredSession(tokenHash: hash, account: account, session: id, expires: expires)
        ) { isSaved in
            loop.post {
                let (gateway, responder) = bound.value
                guard isSaved else { return responder.fail(Self.unreadable) }
                guard gateway.sessions.add(session, now: gateway.now.nanoseconds) else {
                    return responder.fail(
                        Problem(
                            503, "too_many_sessions", "Too many people are signed in. Come later."))
                }
                responder.send(gateway.signedIn(account, balances, token))
            }
        }
        if !taken { responder.fail(busy()) }
    }

    private func signedIn(_ account: AccountID, _ balances: Balances, _ token: String)
        -> HTTPResponse
    {
        var response = document(201) { json in
            json.key("account")
            json.numberText(account.rawValue)
            json.key("money")
            json.string("demo")
            json.key("currency")
            json.string(hub.view.currency.letters)
            json.key("balances")
            Messages.balances(balances, to: &json)
        }
        response.fields.append(("set-cookie", cookie(token, maxAge: 43_200)))
        return response
    }

    private func cookie(_ value: String, maxAge: Int) -> String {
        let secure = settings.isLoopback ? "" : "; Secure"
        return
            "\(cookieName)=\(value); Path=/; HttpOnly; SameSite=Strict; Max-Age=\(maxAge)\(secure)"
    }

    private func signOut(_ context: RequestContext) throws(Problem) -> HTTPResponse {
        let session = try needSession(context)
        sessions.remove(session.tokenHash)
        guard store.remove(sessionWith: session.tokenHash) else { throw busy() }
        for socket in Array(sockets.values) where socket.session?.tokenHash == session.tokenHash {
            socket.goAway()
        }
        return HTTPResponse(status: 204, fields: [("set-cookie", cookie("", maxAge: 0))])
    }

    // MARK: One's own

    /// Runs a question to the store and answers on the loop.
    private func reading(
        _ context: RequestContext, _ responder: Responder,
        _ body: (PunterSession, OnLoop<(PunterGateway, Responder)>) throws(Problem) -> Bool
    ) {
        do throws(Problem) {
            let session = try needSession(context)
            guard try body(session, OnLoop((self, responder))) else { throw busy() }
        } catch {
            responder.fail(error)
        }
    }

    private func account(_ context: RequestContext, _ responder: Responder) {
        let loop = hub.loop
        reading(context, responder) { session, bound throws(Problem) in
            store.balances(of: session.account) { found, asOf in
                loop.post {
                    let (gateway, responder) = bound.value
                    guard case .success(let line) = found else {
                        return responder.fail(Self.unreadable)
                    }
                    responder.send(
                        gateway.own(asOf) { json in
                            json.key("account")
                            json.numberText(session.account.rawValue)
                            json.key("money")
                            json.string("demo")
                            json.key("currency")
                            json.string(gateway.hub.view.currency.letters)
                            json.key("balances")
                            var balances = Balances()
                            balances.cash = line?.cash ?? 0
                            balances.held = line?.held ?? 0
                            balances.openBets = line?.openBets ?? 0
                            balances.receivable = line?.receivable ?? 0
                            Messages.balances(balances, to: &json)
                        })
                }
            }
        }
    }

    fileprivate func own(_ asOf: UInt64, _ body: (inout JSONWriter) -> Void) -> HTTPResponse {
        var json = JSONWriter(reserving: 1024)
        json.object { json in
            json.key("asOf")
            json.number(asOf)
            body(&json)
        }
        var response = HTTPResponse.json(200, json.bytes)
        response.fields.append(("cache-control", "no-store"))
        return response
    }

    /// `before` and `limit` of a listing.
    private func page(_ context: RequestContext) throws(Problem) -> (before: UInt64, limit: Int) {
        var before = UInt64(Int64.max)
        var limit = 50
        if let text = context.request.queryValue("before") {
            guard let value = UInt64(text), value <= UInt64(Int64.max) else {
                throw Problem(400, "malformed", "before: the id where the last page ended")
            }
            before = value
        }
        if let text = context.request.queryValue("limit") {
            guard let value = Int(text), (1...200).contains(value) else {
                throw Problem(400, "malformed", "limit: 1 to 200")
            }
            limit = value
        }
        return (before, limit)
    }

    private func bets(_ context: RequestContext, _ responder: Responder) {
        let loop = hub.loop
        reading(context, responder) { session, bound throws(Problem) in
            let page = try page(context)
            return store.bets(of: session.account, before: page.before, limit: page.limit) {
                found, asOf in
                loop.post {
                    let (gateway, responder) = bound.value
                    guard case .success(let bets) = found else {
                        return responder.fail(Self.unreadable)
                    }
                    responder.send(
                        gateway.own(asOf) { json in
                            json.key("bets")
                            json.array { json in
                                for bet in bets { gateway.write(bet, to: &json) }
                            }
                        })
                }
            }
        }
    }

    private func bet(_ context: RequestContext, _ responder: Responder) {
        let loop = hub.loop
        reading(context, responder) { session, bound throws(Problem) in
            let text = context.parameters["bet"] ?? ""
            let answer: @Sendable (Result<ProjectedBet?, ProjectionFailure>, UInt64) -> Void = {
                found, asOf in
                loop.post {
                    let (gateway, responder) = bound.value
                    guard case .success(let bet) = found else {
                        return responder.fail(Self.unreadable)
                    }
                    guard let bet, bet.account == session.account.rawValue else {
                        return responder.fail(
                            Problem(404, "bet_unknown", "You have no such bet."))
                    }
                    responder.send(
                        gateway.own(asOf) { json in
                            json.key("bet")
                            gateway.write(bet, to: &json)
                        })
                }
            }
            if let id = UInt64(text), id <= UInt64(Int64.max) {
                return store.bet(BetID(id), answer)
            }
            guard let client = ExternalID(text) else {
                throw Problem(404, "bet_unknown", "You have no such bet.")
            }
            return store.bet(of: session.account, client: client, answer)
        }
    }

    private func statement(_ context: RequestContext, _ responder: Responder) {
        let loop = hub.loop
        reading(context, responder) { session, bound throws(Problem) in
            let page = try page(context)
            return store.statement(of: session.account, before: page.before, limit: page.limit) {
                found, asOf in
                loop.post {
                    let (gateway, responder) = bound.value
                    guard case .success(let lines) = found else {
                        return responder.fail(Self.unreadable)
                    }
                    responder.send(
                        gateway.own(asOf) { json in
                            json.key("lines")
                            json.array { json in
                                for line in lines { gateway.write(line, to: &json) }
                            }
                        })
                }
            }
        }
    }

    private func write(_ line: StatementLine, to json: inout JSONWriter) {
        json.object { json in
            json.key("id")
            json.numberText(line.sequence)
            json.key("time")
            json.string(Timestamp(nanoseconds: line.time).description)
            json.key("reason")
            json.string(EntryReason(rawValue: line.reason)?.word ?? "unknown")
            json.key("change")
            json.number(line.cashChange)
            if line.bet != 0 {
                json.key("bet")
                json.numberText(line.bet)
            }
            json.key("balances")
            let balances = Balances(line)
            Messages.balances(balances, to: &json)
        }
    }

    private func write(_ bet: ProjectedBet, to json: inout JSONWriter) {
        json.object { json in
            json.key("id")
            json.numberText(bet.bet)
            json.key("clientId")
            json.string(bet.client.description)
            json.key("status")
            json.string(BetStatus(rawValue: bet.status)?.word ?? "unknown")
            json.key("stake")
            json.number(bet.stake)
            json.key("potentialReturn")
            json.number(bet.potentialReturn)
            json.key("payout")
            json.number(bet.payout)
            json.key("placedAt")
            json.string(Timestamp(nanoseconds: bet.placedAt).description)
            if bet.dueAt != 0 {
                json.key("dueAt")
                json.string(Timestamp(nanoseconds: bet.dueAt).description)
            }
            if bet.settledAt != 0 {
                json.key("settledAt")
                json.string(Timestamp(nanoseconds: bet.settledAt).description)
            }
            json.key("settlement")
            json.number(bet.settlementVersion)
            if let refusal = Refusal(rawValue: bet.refusal) {
                json.key("refusal")
                Messages.write(
                    refusal: refusal, leg: .max, value: bet.value, threshold: bet.threshold,
                    to: &json)
            }
            json.key("legs")
            json.array { json in
                for leg in bet.legs { write(leg, to: &json) }
            }
        }
    }

    private func write(_ leg: ProjectedBet.Leg, to json: inout JSONWriter) {
        let market = hub.view.markets[MarketID(leg.market)]
        let fixture = market.flatMap { hub.view.fixtures[$0.fixture] }
        json.object { json in
            json.key("market")
            json.numberText(leg.market)
            json.key("selection")
            json.number(leg.selection)
            json.key("odds")
            Messages.write(odds: leg.odds, to: &json)
            json.key("marketName")
            json.string(market?.name ?? "Market \(leg.market)")
            json.key("selectionName")
            let names = market?.selections.map(\.name) ?? []
            json.string(
                Int(leg.selection) < names.count
                    ? names[Int(leg.selection)] : "Selection \(leg.selection)")
            json.key("fixtureName")
            json.string(fixture.map { $0.away.isEmpty ? $0.home : "\($0.home) v \($0.away)" } ?? "")
        }
    }

    // MARK: Placing by REST

    /// The body as JSON, on the gateway's tape: good until the next body is read.
    private func parse(_ context: RequestContext) throws(Problem) -> JSONTape {
        let type = context.request.field("content-type") ?? ""
        guard type.lowercased().hasPrefix("application/json") else {
            throw Problem(415, "unsupported_media_type", "Send application/json.")
        }
        do {
            try tape.read(context.request.body.span, isUTF8: false)
        } catch {
            throw Problem(
                400, "malformed", "The body is not JSON.",
                detail: "\(error.what) at byte \(error.offset)")
        }
        return tape
    }

    private func place(_ context: RequestContext, _ responder: Responder) {
        do throws(Problem) {
            let session = try needSession(context)
            let json = try parse(context)
            let request: BetRequest
            do {
                request = try BetRequest(json, in: hub.view)
            } catch {
                throw Problem(400, "malformed", "The bet is not complete.", detail: error.what)
            }
            let intent = request.intent(session, receivedAt: now, digest: digest)
            let taken = hub.submit({ [unowned self] record, _ in
                answer(record, hash: intent.requestHash, responder)
            }) { $0.place(intent) }
            guard taken else { throw busy() }
        } catch {
            responder.fail(error)
        }
    }

    /// 201 for an open bet, 202 for one that waits, 200 for a repeated answer, 409 for an id that was used
    /// for something else, 422 for any other refusal.
    private func answer(_ record: RecordBytes?, hash: ExternalID, _ responder: Responder) {
        guard let record else { return responder.fail(busy()) }
        let status = BetStatus(rawValue: record.field(Layout.Placed.status, as: UInt8.self))
        let refusal = Refusal(rawValue: record.field(Layout.Placed.refusal, as: UInt16.self))
        let isRepeat = record.flags & Layout.Placed.repeated != 0
        let body = document(Self.code(refusal, status, isRepeat: isRepeat)) { json in
            json.key("bet")
            json.object { json in
                Messages.writePlaced(record, status: status ?? .refused, to: &json)
            }
            json.key("balances")
            Messages.balances(Balances(record, at: Layout.Placed.balances), to: &json)
        }
        guard let question = EarlierBet.Question(record, hash: hash) else {
            return responder.send(body)
        }
        find(question) { [unowned self] found in
            switch found {
            case .nothing: responder.send(body)
            case .busy: responder.fail(busy())
            case .bet(let earlier): responder.send(self.answer(earlier))
            }
        }
    }

    private func answer(_ earlier: EarlierBet) -> HTTPResponse {
        let refusal = earlier.isReused ? Refusal.idReused : Refusal(rawValue: earlier.bet.refusal)
        return document(Self.code(refusal, nil, isRepeat: true)) { json in
            json.key("bet")
            json.object { json in Messages.writeEarlier(earlier, to: &json) }
            json.key("balances")
            Messages.balances(earlier.balances, to: &json)
        }
    }

    private static func code(_ refusal: Refusal?, _ status: BetStatus?, isRepeat: Bool) -> Int {
        switch (refusal, status) {
        case (.idReused?, _): 409
        case (.some, _): 422
        case (nil, .pending): isRepeat ? 200 : 202
        case (nil, _): isRepeat ? 200 : 201
        }
    }

    // MARK: The slip's numbers

    /// Potential return and maximum stake, told by the engine between two turns.
    private func slip(_ context: RequestContext, _ responder: Responder) {
        do throws(Problem) {
            let session = session(context)
            let json = try parse(context)
            let bet: BetRequest
            do {
                // A slip is a bet without an id or a deadline yet.
                bet = try BetRequest(
                    json, in: hub.view, draft: (ExternalID(high: 1, low: 1), now))
            } catch {
                throw Problem(400, "malformed", "The slip is not complete.", detail: error.what)
            }
            let bound = OnLoop((self, responder))
            let loop = hub.loop
            let account = session?.account
            let (stake, legs) = (bet.stake, bet.legs)
            let taken = ask { engine in
                let numbers = engine.slip(stake: stake, legs: legs, account: account)
                loop.post {
                    let (gateway, responder) = bound.value
                    responder.send(
                        gateway.own(numbers.asOf) { json in
                            json.key("potentialReturn")
                            if let potential = numbers.potentialReturn {
                                json.number(potential)
                            } else {
                                json.null()
                            }
                            json.key("minimumStake")
                            json.number(numbers.minimumStake)
                            json.key("maximumStake")
                            json.number(numbers.maximumStake)
                            json.key("delay")
                            json.number(numbers.delay)
                            json.key("related")
                            json.bool(numbers.isRelated)
                        })
                }
            }
            guard taken else { throw busy() }
        } catch {
            responder.fail(error)
        }
    }
}

@available(*, unavailable)
extension PunterGateway: Sendable {}

/// Carries what belongs to a loop across another thread and back, unopened.
struct OnLoop<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }
}

/// Who may speak to a listener at all.
enum OriginGuard {
    /// Host must be one we serve; whoever changes something must say from which page, and it must be ours.
    static func check(_ context: RequestContext, _ settings: GatewaySettings) throws(Problem) {
        let request = context.request
        let host = request.field("host") ?? ""
        guard settings.hosts.contains(host) else {
            throw Problem(421, "host_unknown", "This host is not served here.")
        }
        let origin = request.field("origin")
        if let origin, !settings.origins.contains(origin) {
            throw Problem(403, "origin_refused", "Requests from that origin are refused.")
        }
        // A browser always names the origin of an unsafe request; programs without cookies need not.
        if !request.method.isSafe, origin == nil, request.hasField("cookie") {
            throw Problem(403, "origin_missing", "Say the page's Origin with a cookie.")
        }
    }
}
