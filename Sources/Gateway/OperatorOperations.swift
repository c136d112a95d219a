import Catalogue
import EngineCore
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops

/// Who is at the desk.
extension OperatorGateway {
    var sessionOperations: [Operation] {
        [
            Operation(
                description: OperatorRoutes.signIn, method: .post, path: "/api/v1/sign-in",
                body: .deferred { [unowned self] call, reply in signIn(call, reply) }),
            Operation(
                description: OperatorRoutes.session, method: .get, path: "/api/v1/session",
                body: .immediate { call in
                    .json(200, Array("{\"signedIn\":\(call.session != nil)}".utf8))
                }),
            Operation(
                description: OperatorRoutes.signOut, method: .delete, path: "/api/v1/session",
                body: .immediate { [unowned self] call throws(Problem) in try signOut(call) }),
        ]
    }

    /// Who is let in is in the journal first.
    private func signIn(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            try readBody(call)
            guard let place = tape.member("code", of: tape.root), let code = tape.text(place) else {
                throw Problem(400, "malformed", "code: the one-time code")
            }
            let entry: OperatorRegistry.Entry
            switch registry.signIn(code: code, now: now.nanoseconds) {
            case .wrong: throw Problem(401, "wrong_code", "That code is wrong or used up.")
            case .tooMany:
                var problem = Problem(
                    429, "too_many_attempts", "Too many wrong codes. Wait a minute.")
                problem.fields = [("retry-after", "60")]
                throw problem
            case .entry(let found): entry = found
            }
            let taken = hub.submit({ [unowned self] _, _ in
                registry.begin(entry, now: now.nanoseconds)
                reply.send(signedIn(entry))
            }) { [settings] in
                $0.operatorSession(
                    entry.id, role: entry.role.word, brand: settings.brand,
                    licence: settings.licence)
            }
            guard taken else {
                registry.giveBack(entry)
                throw busy()
            }
        } catch {
            reply.fail(error)
        }
    }

    private func signedIn(_ entry: OperatorRegistry.Entry) -> HTTPResponse {
        var json = JSONWriter()
        json.object { json in
            json.key("operator")
            json.number(entry.id)
            json.key("role")
            json.string(entry.role.word)
        }
        var response = HTTPResponse.json(200, json.bytes)
        response.fields.append(("set-cookie", cookie(entry.token, maxAge: 43_200)))
        return response
    }

    private func signOut(_ call: Call) throws(Problem) -> HTTPResponse {
        guard case .http(let context) = call.form, let token = context.request.cookie(cookieName)
        else { throw Self.notSignedIn }
        registry.end(token: token)
        for socket in Array(sockets.values) { socket.checkSession() }
        return HTTPResponse(status: 204, fields: [("set-cookie", cookie("", maxAge: 0))])
    }
}

/// Shutting and opening markets.
extension OperatorGateway {
    var marketOperations: [Operation] {
        [
            Operation(
                description: OperatorRoutes.state, method: .get,
                path: "/api/v1/markets/{market}/state",
                body: .deferred { [unowned self] call, reply in getState(call, reply) }),
            Operation(
                description: OperatorRoutes.suspend, method: .post,
                path: "/api/v1/markets/{market}/suspend",
                body: .deferred { [unowned self] in setState($0, $1, isShut: true) }),
            Operation(
                description: OperatorRoutes.resume, method: .post,
                path: "/api/v1/markets/{market}/resume",
                body: .deferred { [unowned self] in setState($0, $1, isShut: false) }),
            Operation(
                description: OperatorRoutes.suspendAll, method: .post, path: "/api/v1/suspend-all",
                body: .deferred { [unowned self] in setAll($0, $1, isShut: true) }),
            Operation(
                description: OperatorRoutes.resumeAll, method: .post, path: "/api/v1/resume-all",
                body: .deferred { [unowned self] in setAll($0, $1, isShut: false) }),
        ]
    }

    private func getState(_ call: Call, _ reply: any Reply) {
        looking(call, reply) { market, picture, reply throws(Problem) in
            reply.send(
                Documents.tagged(picture.stateTag) { json in
                    json.key("market")
                    json.numberText(market.id.rawValue)
                    json.key("open")
                    json.bool(picture.reasons.isEmpty)
                    Messages.write(reasons: picture.reasons, to: &json)
                    json.key("resulted")
                    json.bool(picture.isResulted)
                })
        }
    }

    /// With a precondition the market is looked at first; that it is still the same is the engine's to say.
    private func setState(_ call: Call, _ reply: any Reply, isShut: Bool) {
        do throws(Problem) {
            let reason = try reason(call)
            guard call.match != nil else {
                let id = try market(call).externalID
                return try submit(id, .market, call, reply, isShut: isShut, reason)
            }
            looking(call, reply) { [unowned self] market, picture, reply throws(Problem) in
                let expected = try call.expected(picture.material, tag: picture.stateTag)
                try submit(
                    market.externalID, .market, call, reply, isShut: isShut, reason,
                    expected: expected ?? 0)
            }
        } catch {
            reply.fail(error)
        }
    }

    private func setAll(_ call: Call, _ reply: any Reply, isShut: Bool) {
        do throws(Problem) {
            try submit(.zero, .all, call, reply, isShut: isShut, try reason(call))
        } catch {
            reply.fail(error)
        }
    }

    func submit(
        _ id: ExternalID, _ scope: CommandEncoder.Scope, _ call: Call, _ reply: any Reply,
        isShut: Bool, _ reason: String, expected: UInt64 = 0
    ) throws(Problem) {
        let person = try needSession(call)
        let taken = hub.submit({ [unowned self] record, _ in
            respond(record, at: Layout.MarketChanged.refusal, reply)
        }) {
            $0.marketState(
                id, scope: scope, by: .trader, setting: isShut ? .trader : [],
                lifting: isShut ? [] : .trader, actor: person.id, reason: reason,
                expected: expected)
        }
        guard taken else { throw busy() }
    }
}

/// Results by two people.
extension OperatorGateway {
    var resultOperations: [Operation] {
        [
            Operation(
                description: OperatorRoutes.results, method: .get,
                path: "/api/v1/markets/{market}/results",
                body: .deferred { [unowned self] call, reply in getResults(call, reply) }),
            Operation(
                description: OperatorRoutes.propose, method: .post,
                path: "/api/v1/markets/{market}/results",
                body: .deferred { [unowned self] call, reply in propose(call, reply) }),
            Operation(
                description: OperatorRoutes.proposeCancel, method: .post,
                path: "/api/v1/markets/{market}/cancels",
                body: .deferred { [unowned self] call, reply in proposeCancel(call, reply) }),
            Operation(
                description: OperatorRoutes.approve, method: .post,
                path: "/api/v1/proposals/{proposal}/approve",
                body: .deferred { [unowned self] call, reply in approve(call, reply) }),
        ]
    }

    private func getResults(_ call: Call, _ reply: any Reply) {
        looking(call, reply) { market, picture, reply throws(Problem) in
            reply.send(
                Documents.tagged(picture.resultTag) { json in
                    json.key("market")
                    json.numberText(market.id.rawValue)
                    json.key("settlement")
                    json.number(picture.settlementVersion)
                    json.key("results")
                    json.array { json in
                        for selection in picture.selections {
                            json.string(selection.outcome.result.word)
                        }
                    }
                })
        }
    }

    private func propose(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let market = try market(call)
            try readBody(call)
            let outcomes = try outcomes(market)
            try propose(call, reply) { encoder, said, expected in
                encoder.result(
                    .propose, market: market.externalID, outcomes, source: .operator,
                    actor: said.person, reason: said.reason, evidence: said.evidence,
                    expected: expected)
            }
        } catch {
            reply.fail(error)
        }
    }

    private func proposeCancel(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let market = try market(call)
            try readBody(call)
            guard
                let window = CancelWindow(from: try moment("from"), until: try moment("until"))
            else { throw Problem(422, "window_malformed", "until: later than from") }
            let isTakenBack = try flag("takenBack") ?? false
            try propose(call, reply) { encoder, said, expected in
                encoder.proposeCancel(
                    market: market.externalID, window, isTakenBack: isTakenBack,
                    actor: said.person, reason: said.reason, evidence: said.evidence,
                    expected: expected)
            }
        } catch {
            reply.fail(error)
        }
    }

    /// A window's end, nanoseconds of UTC; 0 where it is not there.
    func moment(_ name: StaticString) throws(Problem) -> Int64 {
        guard let member = tape.member(name, of: tape.root) else { return 0 }
        guard let moment = tape.text(member).flatMap({ Timestamp($0) }) else {
            throw Problem(
                422, "window_malformed", "\(name): a time in UTC, such as 2026-11-22T09:30:00Z")
        }
        return moment.nanoseconds
    }

    /// Who proposes, and why.
    private struct Proposed {
        let person: UInt64
        let reason: String
        let evidence: String
    }

    /// With a precondition the market is looked at first, as in `setState`. The body is the tape's.
    private func propose(
        _ call: Call, _ reply: any Reply,
        _ make: @escaping (inout CommandEncoder, Proposed, UInt32?) -> RecordBytes
    ) throws(Problem) {
        let reason = try text("reason", most: 64)
        guard !reason.isEmpty else { throw Problem(400, "malformed", "reason: why") }
        let said = Proposed(
            person: try needSession(call).id, reason: reason,
            evidence: try text("evidence", most: 32))
        guard call.match != nil else { return try submit(reply) { make(&$0, said, nil) } }
        looking(call, reply) { [unowned self] market, picture, reply throws(Problem) in
            let expected = try call.expected(picture.settlementVersion, tag: picture.resultTag)
            try submit(reply) { make(&$0, said, expected) }
        }
    }

    /// One word for each selection.
    private func outcomes(_ market: MarketView) throws(Problem) -> [SelectionOutcome] {
        guard let items = tape.member("results", of: tape.root), let count = tape.count(items)
        else { throw Problem(400, "malformed", "results: one word for each selection") }
        guard count == market.selections.count else {
            throw Problem(422, "results_mismatch", "results: one word for each selection")
        }
        var outcomes: [SelectionOutcome] = []
        for number in 0..<count {
            let word = tape.item(number, of: items).flatMap { tape.text($0) }
            guard let result = SelectionResult.allCases.first(where: { $0.word == word }) else {
                throw Problem(
                    400, "malformed",
                    "results: won, lost, void, half_won, half_lost, dead_heat, undecided")
            }
            outcomes.append(try outcome(result, number, winners: market.winners))
        }
        return outcomes
    }

    /// With where it came in, as far as that is said: `{"position": 2, "tied": 2}`.
    private func outcome(_ result: SelectionResult, _ number: Int, winners: UInt8)
        throws(Problem) -> SelectionOutcome
    {
        let item = tape.member("finish", of: tape.root).flatMap { tape.item(number, of: $0) }
        var finish: Finish?
        if let item, !tape.isNull(item) {
            let tied = tape.member("tied", of: item).map { tape.whole($0) } ?? 1
            let wins = tape.member("wins", of: item).map { tape.whole($0) } ?? 0
            let position = tape.member("position", of: item).map { tape.whole($0) } ?? 0
            guard let tied, let wins, let position, (1...64).contains(tied),
                wins > 0 ? position == 0 && wins < 64 : (1...255).contains(position)
            else {
                throw Problem(
                    400, "malformed",
                    "finish: for each selection null, a position from 1 (255 unplaced) and how many share it, or how many wins so many share"
                )
            }
            guard wins == 0 || winners == 0 else {
                throw Problem(
                    422, "results_mismatch",
                    "finish: wins only where each selection wins by itself; else a position says so"
                )
            }
            finish = Finish(position: UInt8(position), tied: UInt8(tied), wins: UInt8(wins))
        }
        guard let finish else {
            guard result != .deadHeat else {
                throw Problem(422, "results_mismatch", "finish: a dead heat says who shared what")
            }
            return SelectionOutcome(result)
        }
        let share = finish.share(of: winners)
        guard result != .deadHeat || share > 0 && share < finish.tied else {
            throw Problem(422, "results_mismatch", "finish: a dead heat shares fewer wins than tie")
        }
        return SelectionOutcome(
            result, winners: result == .deadHeat ? share : 1, tied: finish.tied,
            position: finish.position)
    }

    func submit(
        _ reply: any Reply, _ make: (inout CommandEncoder) -> RecordBytes
    ) throws(Problem) {
        let taken = hub.submit(
            { [unowned self] record, _ in
                respond(record, at: Layout.ResultAnswered.refusal, reply) { json in
                    json.key("proposal")
                    json.numberText(
                        record?.field(Layout.ResultAnswered.proposal, as: UInt64.self) ?? 0)
                }
            }, make)
        guard taken else { throw busy() }
    }

    private func approve(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let person = try needSession(call)
            let key = call.key ?? .zero
            guard let proposal = UInt64(call.parameter("proposal") ?? "") else {
                throw Problem(.proposalUnknown)
            }
            if let earlier = hub.view.approval(under: key), earlier != proposal {
                throw Problem(422, "id_reused", "This key approved another proposal.")
            }
            // A proposal is approved once, under whatever key: whoever asks again, having lost the answer, gets it.
            if let done = hub.view.approvals[proposal], done.actor == person.id {
                if let refusal = done.refusal { throw Problem(refusal) }
                return reply.send(.json(200, Array("{\"asOf\":\(done.order)}".utf8)))
            }
            let taken = hub.submit({ [unowned self] record, _ in
                respond(record, at: Layout.ResultAnswered.refusal, reply)
            }) { $0.approve(proposal: proposal, actor: person.id, key: key) }
            guard taken else { throw busy() }
        } catch {
            reply.fail(error)
        }
    }
}

/// Whether the books and the journal are right.
extension OperatorGateway {
    var bookOperations: [Operation] {
        [
            Operation(
                description: OperatorRoutes.audit, method: .post, path: "/api/v1/audit",
                body: .deferred { [unowned self] call, reply in audit(reply) }),
            Operation(
                description: OperatorRoutes.verifyJournal, method: .post,
                path: "/api/v1/verify-journal",
                body: .deferred { [unowned self] call, reply in verifyJournal(reply) }),
        ]
    }

    private func verifyJournal(_ reply: any Reply) {
        let bound = OnLoop(reply)
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
        if !taken { reply.fail(busy()) }
    }

    private func audit(_ reply: any Reply) {
        do throws(Problem) {
            try asking(reply) { engine in
                (engine.sequence, engine.stateHash.description, engine.audit())
            } _: { (found: (UInt64, String, [String]), reply) in
                var json = JSONWriter()
                json.object { json in
                    json.key("asOf")
                    json.number(found.0)
                    json.key("stateHash")
                    json.string(found.1)
                    json.key("problems")
                    json.array { json in for problem in found.2 { json.string(problem) } }
                }
                reply.send(.json(200, json.bytes))
            }
        } catch {
            reply.fail(error)
        }
    }
}

/// What the operations have in common.
extension OperatorGateway {
    func readBody(_ call: Call) throws(Problem) {
        try call.body(on: &tape)
        guard tape.isObject(tape.root) else {
            throw Problem(400, "malformed", "The body is not an object.")
        }
    }

    /// A whole number that must be there.
    func whole(_ name: StaticString, _ range: ClosedRange<Int64>) throws(Problem) -> Int64 {
        guard let number = tape.member(name, of: tape.root).flatMap({ tape.whole($0) }),
            range.contains(number)
        else {
            throw Problem(
                400, "malformed", "\(name): \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// The same where it may be left out.
    func optional(_ name: StaticString, _ range: ClosedRange<Int64>) throws(Problem) -> Int64? {
        tape.member(name, of: tape.root) == nil ? nil : try whole(name, range)
    }

    /// Yes or no, where it is said.
    func flag(_ name: StaticString) throws(Problem) -> Bool? {
        guard let place = tape.member(name, of: tape.root) else { return nil }
        guard let flag = tape.flag(place) else {
            throw Problem(400, "malformed", "\(name): true or false")
        }
        return flag
    }

    /// Why, where nothing is done without saying so.
    func why() throws(Problem) -> String {
        let reason = try text("reason", most: 64)
        guard !reason.isEmpty else { throw Problem(400, "malformed", "reason: why") }
        return reason
    }

    /// A member that is text or not there; `most` bytes go into the journal.
    func text(_ name: StaticString, most: Int) throws(Problem) -> String {
        guard let place = tape.member(name, of: tape.root) else { return "" }
        guard let text = tape.text(place) else { throw Problem(400, "malformed", "\(name): text") }
        guard text.utf8.count <= most else {
            throw Problem(422, "text_too_long", "\(name): at most \(most) bytes")
        }
        return text
    }

    /// Why; nobody is kept from shutting a market without saying so.
    func reason(_ call: Call) throws(Problem) -> String {
        guard call.hasBody else { return "" }
        try readBody(call)
        return try text("reason", most: 64)
    }

    func market(_ call: Call) throws(Problem) -> MarketView {
        guard let id = UInt64(call.parameter("market") ?? ""),
            let market = hub.view.markets[MarketID(id)]
        else { throw Self.marketUnknown }
        return market
    }

    /// Looks at the call's market as the engine has it between two turns; `answer` is called on the loop.
    func looking(
        _ call: Call, _ reply: any Reply,
        _ answer: @escaping (MarketView, MarketPicture, any Reply) throws(Problem) -> Void
    ) {
        do throws(Problem) {
            let market = try market(call)
            let id = market.id
            try asking(reply) { engine in
                engine.picture(of: id)
            } _: { picture, reply in
                do throws(Problem) {
                    guard let picture else { throw Self.marketUnknown }
                    try answer(market, picture, reply)
                } catch {
                    reply.fail(error)
                }
            }
        } catch {
            reply.fail(error)
        }
    }

    static let marketUnknown = Problem(
        404, "market_unknown", "There is no such market.")

    func respond(
        _ record: RecordBytes?, at offset: Int, _ reply: any Reply,
        _ more: (inout JSONWriter) -> Void = { _ in }
    ) {
        guard let record else { return reply.fail(busy()) }
        if let refusal = OperationRefusal(rawValue: record.field(offset, as: UInt16.self)) {
            return reply.fail(Problem(refusal))
        }
        var json = JSONWriter()
        json.object { json in
            json.key("asOf")
            json.number(record.sequence)
            more(&json)
        }
        reply.send(.json(200, json.bytes))
    }
}

extension MarketPicture {
    var stateTag: String { "\"\(material)\"" }
    fileprivate var resultTag: String { "\"\(settlementVersion)\"" }
}
