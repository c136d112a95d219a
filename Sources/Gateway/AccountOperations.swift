import Betting
import EngineCore
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops
import ProjectionService

/// What a customer reads of its own: balances, bets and statement, as far as the rows reach.
extension PunterGateway {
    var accountOperations: [Operation] {
        [
            Operation(
                description: PunterRoutes.account, method: .get, path: "/api/v1/account",
                body: .deferred { [unowned self] call, reply in getAccount(call, reply) }),
            Operation(
                description: PunterRoutes.bets, method: .get, path: "/api/v1/bets",
                body: .deferred { [unowned self] call, reply in listBets(call, reply) }),
            Operation(
                description: PunterRoutes.bet, method: .get, path: "/api/v1/bets/{bet}",
                body: .deferred { [unowned self] call, reply in getBet(call, reply) }),
            promotionOperation,
            Operation(
                description: PunterRoutes.explanation, method: .get,
                path: "/api/v1/bets/{bet}/explanation",
                body: .deferred { [unowned self] call, reply in explainBet(call, reply) }),
            Operation(
                description: PunterRoutes.statement, method: .get, path: "/api/v1/statement",
                body: .deferred { [unowned self] call, reply in listStatement(call, reply) }),
            Operation(
                description: PunterRoutes.notices, method: .get, path: "/api/v1/notices",
                body: .deferred { [unowned self] call, reply in listNotices(call, reply) }),
        ]
    }

    /// Asks the rows; the answer is given on the loop.
    private func reading<Found: Sendable>(
        _ call: Call, _ reply: any Reply,
        _ ask: (
            PunterSession, @escaping @Sendable (Result<Found, ProjectionFailure>, UInt64) -> Void
        )
            throws(Problem) -> Bool,
        _ answer: @escaping (PunterSession, Found, UInt64) -> HTTPResponse
    ) {
        reading(call, reply, ask) { session, found, asOf, reply in
            reply.send(answer(session, found, asOf))
        }
    }

    /// The same where more is asked for what was read.
    private func reading<Found: Sendable>(
        _ call: Call, _ reply: any Reply,
        _ ask: (
            PunterSession, @escaping @Sendable (Result<Found, ProjectionFailure>, UInt64) -> Void
        )
            throws(Problem) -> Bool,
        then answer: @escaping (PunterSession, Found, UInt64, any Reply) -> Void
    ) {
        do throws(Problem) {
            let session = try needSession(call)
            let loop = hub.loop
            let waiting = OnLoop(reply)
            let answering = OnLoop(answer)
            let taken = try ask(session) { found, asOf in
                loop.post {
                    guard case .success(let rows) = found else {
                        return waiting.value.fail(Self.unreadable)
                    }
                    answering.value(session, rows, asOf, waiting.value)
                }
            }
            guard taken else { throw busy() }
        } catch {
            reply.fail(error)
        }
    }

    private func getAccount(_ call: Call, _ reply: any Reply) {
        reading(call, reply) { session, answer throws(Problem) in
            store.balances(of: session.account, answer)
        } _: { [unowned self] session, line, asOf in
            Documents.json(asOf: asOf, .itsReader) { json in
                json.key("account")
                json.numberText(session.account.rawValue)
                json.key("money")
                json.string("demo")
                json.key("currency")
                json.string(hub.view.currency.letters)
                json.key("balances")
                Messages.balances(Balances(line), to: &json)
            }
        }
    }

    private func listBets(_ call: Call, _ reply: any Reply) {
        reading(call, reply) { session, answer throws(Problem) in
            let page = try page(call, .bets, session)
            return store.bets(
                of: session.account, before: page.before, limit: page.limit, answer)
        } _: { [unowned self] session, bets, asOf in
            Documents.json(asOf: asOf, .itsReader) { json in
                json.key("bets")
                json.array { json in
                    for bet in bets { Messages.write(bet, to: &json, in: hub.view) }
                }
                writeNext(call, bets.count, bets.last?.bet, .bets, session, &json)
            }
        }
    }

    static let betUnknown = Problem(404, "bet_unknown", "You have no such bet.")

    /// By its id, or by the id that the client made.
    private func read(
        _ call: Call, _ session: PunterSession,
        _ answer: @escaping @Sendable (Result<ProjectedBet?, ProjectionFailure>, UInt64) -> Void
    ) throws(Problem) -> Bool {
        let text = call.parameter("bet") ?? ""
        if let id = UInt64(text), id <= UInt64(Int64.max) { return store.bet(BetID(id), answer) }
        guard let client = ExternalID(text) else { throw Self.betUnknown }
        return store.bet(of: session.account, client: client, answer)
    }

    /// What each leg and each line came to: asked of the engine's own rules, for the bet as its customer is shown it.
    private func explainBet(_ call: Call, _ reply: any Reply) {
        reading(call, reply) { session, answer throws(Problem) in
            try read(call, session, answer)
        } then: { [unowned self] session, bet, _, reply in
            guard let bet, bet.account == session.account.rawValue, bet.refusal == 0 else {
                return reply.fail(Self.betUnknown)
            }
            let legs = bet.legs.map {
                SettledLeg(
                    market: MarketID($0.market), selection: $0.selection, odds: $0.odds,
                    places: $0.places)
            }
            do throws(Problem) {
                let (accepted, potential) = (bet.acceptedAt, bet.potentialReturn)
                let (number, shape, isJoint) = (bet.bet, bet.shape, bet.joint != nil)
                let isPlain = bet.split == nil && !bet.isEachWay
                try asking(reply) { engine in
                    (
                        engine.sequence,
                        engine.facts(
                            of: legs, isJoint: isJoint, asked: number, accepted: accepted,
                            potentialReturn: potential),
                        engine.terms,
                        engine.houseTerms(askedFor: number, shape, isPlain: isPlain)
                    )
                } _: {
                    [unowned self]
                    (found: (UInt64, [LegFacts?], Engine.CellTerms, HouseTerms), reply) in
                    guard !found.1.contains(where: { $0 == nil }) else {
                        return reply.fail(Self.betUnknown)
                    }
                    reply.send(
                        Documents.json(asOf: found.0, .itsReader) { json in
                            var facts = found.1.compactMap { $0 }
                            if bet.isVoidByHand {
                                for index in facts.indices { facts[index].isCancelled = true }
                            }
                            Messages.write(
                                explanation: bet, facts, found.2.rounding, found.3,
                                cap: found.2.payoutCap, to: &json, in: hub.view)
                        })
                }
            } catch {
                reply.fail(error)
            }
        }
    }

    private func getBet(_ call: Call, _ reply: any Reply) {
        reading(call, reply) { session, answer throws(Problem) in
            try read(call, session, answer)
        } _: { [unowned self] session, bet, asOf in
            guard let bet, bet.account == session.account.rawValue else {
                return Self.betUnknown.response
            }
            return Documents.json(asOf: asOf, .itsReader) { json in
                json.key("bet")
                Messages.write(bet, to: &json, in: hub.view)
            }
        }
    }

    private func listStatement(_ call: Call, _ reply: any Reply) {
        reading(call, reply) { session, answer throws(Problem) in
            let page = try page(call, .statement, session)
            return store.statement(
                of: session.account, before: page.before, limit: page.limit, answer)
        } _: { [unowned self] session, lines, asOf in
            Documents.json(asOf: asOf, .itsReader) { json in
                json.key("lines")
                json.array { json in
                    for line in lines { Messages.write(line, to: &json) }
                }
                writeNext(
                    call, lines.count, lines.last?.sequence, .statement, session, &json)
            }
        }
    }

    private func listNotices(_ call: Call, _ reply: any Reply) {
        reading(call, reply) { session, answer throws(Problem) in
            let page = try page(call, .notices, session)
            return store.notices(
                of: session.account, before: page.before, limit: page.limit, answer)
        } _: { [unowned self] session, notices, asOf in
            Documents.json(asOf: asOf, .itsReader) { json in
                json.key("notices")
                json.array { json in for notice in notices { Messages.write(notice, to: &json) } }
                writeNext(call, notices.count, notices.last?.sequence, .notices, session, &json)
            }
        }
    }

    // MARK: Pages of a listing

    /// Items of a page, and how many when nobody says.
    private static var pageLimits: ClosedRange<Int> { 1...200 }
    private static var page: Int { 50 }

    private func page(_ call: Call, _ listing: Cursors.Listing, _ session: PunterSession)
        throws(Problem) -> (before: UInt64, limit: Int)
    {
        let limit = try limit(call)
        guard let cursor = call.parameter("cursor") else { return (UInt64(Int64.max), limit) }
        return (try settings.cursors.read(cursor, listing, session.account), limit)
    }

    private func limit(_ call: Call) throws(Problem) -> Int {
        try call.number("limit", in: Self.pageLimits, standard: Self.page)
    }

    /// Where the next page begins; null when this one was not full.
    private func writeNext(
        _ call: Call, _ count: Int, _ last: UInt64?, _ listing: Cursors.Listing,
        _ session: PunterSession, _ json: inout JSONWriter
    ) {
        json.key("next")
        if let last, let limit = try? limit(call), count == limit {
            json.string(settings.cursors.make(listing, session.account, before: last))
        } else {
            json.null()
        }
    }
}
