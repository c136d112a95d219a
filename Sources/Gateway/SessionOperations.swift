import EngineCore
import EngineJournal
import JSONText
import Kernel
import Ledger
import NetworkCodecs
import NetworkLoops
import ProjectionService

/// What a demo account and its money are called in the journal. Both come from the key of the request that
/// asks for them, so that the same request gives them once; hashed, so that nobody who reads the journal can
/// ask with the key.
struct DemoOpening {
    let account: ExternalID
    let deposit: ExternalID

    init(_ key: ExternalID, _ digest: Digest) {
        let bytes = Array("demo \(key)".utf8)
        let sum = bytes.withUnsafeBytes { digest.sha256($0) }
        account = ExternalID(hash: sum[..<16])
        deposit = ExternalID(hash: sum[16...])
    }
}

extension ExternalID {
    /// From 16 bytes of a digest.
    init(hash bytes: ArraySlice<UInt8>) {
        func word(_ start: Int) -> UInt64 {
            bytes.dropFirst(start).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        }
        self.init(high: word(0), low: word(8))
    }
}

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
        guard let key = call.key, let made = key.milliseconds, isRecent(made) else {
            return reply.fail(
                Problem(
                    422, "id_outside_window",
                    "The Idempotency-Key was not made in the last minutes. Make a new one."))
        }
        let opening = DemoOpening(key, digest)
        let peer = call.peer
        let taken = hub.submit({ [unowned self] record, _ in
            guard let record, let isNew = Self.isDone(record) else {
                return reply.fail(Problem(503, "full", "No further accounts can be made."))
            }
            grant(record.account, opening, isNew: isNew, peer, reply)
        }) { [currency = hub.view.currency] in $0.openAccount(opening.account, currency, .demo) }
        if !taken { reply.fail(busy()) }
    }

    /// How far ahead of ours the clock of who makes a key may be, in milliseconds.
    private static let keyAhead: Int64 = 5000

    /// A key that the engine may have let go gives no second grant: as old as a bet's id may be, and so little ahead
    /// that the engine keeps it nearly a minute longer than it is taken, whichever clock is right.
    private func isRecent(_ made: Int64) -> Bool {
        made >= now.milliseconds - RuleSet.current.idAge
            && made <= now.milliseconds + Self.keyAhead
    }

    /// Whether it was done now; false when it was before; nil when it is refused.
    private static func isDone(_ record: RecordBytes) -> Bool? {
        switch OperationRefusal(
            rawValue: record.field(Layout.AccountChanged.refusal, as: UInt16.self))
        {
        case nil: true
        case .alreadyDefined: false
        default: nil
        }
    }

    private func grant(
        _ account: AccountID, _ opening: DemoOpening, isNew: Bool, _ peer: String,
        _ reply: any Reply
    ) {
        let amount = settings.demoGrant
        let taken = hub.submit({ [unowned self] record, _ in
            guard let record, Self.isDone(record) != nil else {
                return reply.fail(Problem(503, "full", "No demo money can be given."))
            }
            let balances = Balances(record, at: Layout.AccountChanged.balances)
            begin(
                Opened(account: account, balances: balances, isNew: isNew, peer: peer), reply)
        }) { $0.deposit(amount, to: account, id: opening.deposit) }
        if !taken { reply.fail(busy()) }
    }

    /// An account of which somebody is being signed in.
    private struct Opened {
        let account: AccountID
        let balances: Balances
        /// False when an earlier request with the same key opened it.
        let isNew: Bool
        /// Who signs in comes from there.
        let peer: String
    }

    private func begin(_ opened: Opened, _ reply: any Reply) {
        let settings = self.settings
        let account = opened.account
        let taken = hub.submit({ [unowned self] _, sequence in
            remember(opened, SessionID(sequence), reply)
        }) {
            $0.session(
                account: account, brand: settings.brand, licence: settings.licence, channel: 1,
                authentication: 1, realm: 1, format: .decimal)
        }
        if !taken { reply.fail(busy()) }
    }

    private func remember(_ opened: Opened, _ id: SessionID, _ reply: any Reply) {
        let account = opened.account
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
                // Who has no bet in mind is located, too; who may not be asked now is with the first bet.
                _ = try? gateway.locate(session, at: opened.peer)
                reply.send(gateway.signedIn(opened, token))
            }
        }
        if !taken { reply.fail(busy()) }
    }

    private func signedIn(_ opened: Opened, _ token: String) -> HTTPResponse {
        var response = Documents.json(
            opened.isNew ? 201 : 200, asOf: hub.view.order, .nobody
        ) { json in
            json.key("account")
            json.numberText(opened.account.rawValue)
            json.key("money")
            json.string("demo")
            json.key("currency")
            json.string(hub.view.currency.letters)
            json.key("balances")
            Messages.balances(opened.balances, to: &json)
        }
        response.fields.append(("set-cookie", cookie(token, maxAge: 43_200)))
        return response
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
