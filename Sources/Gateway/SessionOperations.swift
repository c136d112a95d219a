import EngineCore
import EngineJournal
import JSONText
import Kernel
import Ledger
import NetworkCodecs
import NetworkLoops
import ProjectionService

/// Demo accounts, and who is signed in.
extension PunterGateway {
    var sessionOperations: [Operation] {
        [
            Operation(
                description: PunterRoutes.demo, method: .post, path: "/api/v1/demo",
                body: .deferred { [unowned self] call, reply in makeDemo(call, reply) }),
            Operation(
                description: PunterRoutes.session, method: .get, path: "/api/v1/session",
                body: .immediate { [unowned self] call in
                    Documents.json(asOf: hub.view.order, .nobody) { json in
                        json.key("signedIn")
                        json.bool(call.session != nil)
                    }
                }),
            Operation(
                description: PunterRoutes.signOut, method: .delete, path: "/api/v1/session",
                body: .immediate { [unowned self] call throws(Problem) in try signOut(call) }),
        ]
    }

    private func makeDemo(_ call: Call, _ reply: any Reply) {
        guard settings.isLoopback else {
            return reply.fail(
                Problem(403, "demo_refused", "Demo accounts are given on loopback only."))
        }
        guard sessions.mayOpenDemo(now: now, perMinute: settings.demoAccountsPerMinute) else {
            var problem = Problem(429, "too_many_demo_accounts", "Too many new accounts just now.")
            problem.fields = [("retry-after", "60")]
            return reply.fail(problem)
        }
        let id = ExternalID(
            milliseconds: now.milliseconds, random: (Tokens.random64(), Tokens.random64()))
        let taken = hub.submit({ [unowned self] record, _ in
            guard let record, record.field(Layout.AccountChanged.refusal, as: UInt16.self) == 0
            else { return reply.fail(Problem(503, "full", "No further accounts can be made.")) }
            grant(record.account, reply)
        }) { [currency = hub.view.currency] in $0.openAccount(id, currency, .demo) }
        if !taken { reply.fail(busy()) }
    }

    private func grant(_ account: AccountID, _ reply: any Reply) {
        let id = ExternalID(
            milliseconds: now.milliseconds, random: (Tokens.random64(), Tokens.random64()))
        let amount = settings.demoGrant
        let taken = hub.submit({ [unowned self] record, _ in
            let balances =
                record.map { Balances($0, at: Layout.AccountChanged.balances) } ?? Balances()
            begin(account, balances, reply)
        }) { $0.deposit(amount, to: account, id: id) }
        if !taken { reply.fail(busy()) }
    }

    private func begin(_ account: AccountID, _ balances: Balances, _ reply: any Reply) {
        let settings = self.settings
        let taken = hub.submit({ [unowned self] _, sequence in
            remember(account, SessionID(sequence), balances, reply)
        }) {
            $0.session(
                account: account, brand: settings.brand, licence: settings.licence, channel: 1,
                authentication: 1, realm: 1, format: .decimal)
        }
        if !taken { reply.fail(busy()) }
    }

    private func remember(
        _ account: AccountID, _ id: SessionID, _ balances: Balances, _ reply: any Reply
    ) {
        let token = Tokens.make()
        let hash = Tokens.hash(token)
        let expires = now.nanoseconds + SessionRegistry.lifetime
        let session = PunterSession(
            account: account, session: id, tokenHash: hash, expires: expires)
        let loop = hub.loop
        let bound = OnLoop((self, reply))
        let taken = store.save(
            StoredSession(tokenHash: hash, account: account, session: id, expires: expires)
        ) { isSaved in
            loop.post {
                let (gateway, reply) = bound.value
                guard isSaved else { return reply.fail(Self.unreadable) }
                guard gateway.sessions.add(session, now: gateway.now.nanoseconds) else {
                    return reply.fail(
                        Problem(
                            503, "too_many_sessions", "Too many people are signed in. Come later."))
                }
                reply.send(gateway.signedIn(account, balances, token))
            }
        }
        if !taken { reply.fail(busy()) }
    }

    private func signedIn(_ account: AccountID, _ balances: Balances, _ token: String)
        -> HTTPResponse
    {
        var response = Documents.json(201, asOf: hub.view.order, .nobody) { json in
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
        let secure = settings.hasPlainCookies ? "" : "; Secure"
        return
            "\(cookieName)=\(value); Path=/; HttpOnly; SameSite=Strict; Max-Age=\(maxAge)\(secure)"
    }

    private func signOut(_ call: Call) throws(Problem) -> HTTPResponse {
        let session = try needSession(call)
        // What is kept goes first: nobody comes back with it after the next start.
        guard store.remove(sessionWith: session.tokenHash) else { throw busy() }
        sessions.remove(session)
        for socket in Array(sockets.values) where socket.session?.tokenHash == session.tokenHash {
            socket.goAway()
        }
        for stream in Array(eventStreams.values) { stream.checkSession() }
        return HTTPResponse(status: 204, fields: [("set-cookie", cookie("", maxAge: 0))])
    }
}
