import Catalogue
import EngineCore
import EngineJournal
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops

/// What the desk sees of a customer and does for it.
extension OperatorGateway {
    var customerOperations: [Operation] {
        [
            Operation(
                description: OperatorRoutes.balances, method: .get,
                path: "/api/v1/accounts/{account}/balances",
                body: .deferred { [unowned self] call, reply in getBalances(call, reply) }),
            Operation(
                description: OperatorRoutes.grant, method: .post,
                path: "/api/v1/accounts/{account}/grants",
                body: .deferred { [unowned self] call, reply in grant(call, reply) }),
            Operation(
                description: OperatorRoutes.trust, method: .get,
                path: "/api/v1/accounts/{account}/trust",
                body: .deferred { [unowned self] call, reply in getTrust(call, reply) }),
            Operation(
                description: OperatorRoutes.setTrust, method: .put,
                path: "/api/v1/accounts/{account}/trust",
                body: .deferred { [unowned self] call, reply in setTrust(call, reply) }),
            Operation(
                description: OperatorRoutes.bars, method: .get,
                path: "/api/v1/accounts/{account}/bars",
                body: .deferred { [unowned self] call, reply in getBars(call, reply) }),
            Operation(
                description: OperatorRoutes.setBar, method: .put,
                path: "/api/v1/accounts/{account}/bars",
                body: .deferred { [unowned self] call, reply in setBar(call, reply) }),
        ]
    }

    static let accountUnknown = Problem(
        404, "account_unknown", "There is no such account.")

    func account(_ call: Call) throws(Problem) -> AccountID {
        guard let id = UInt64(call.parameter("account") ?? "") else { throw Self.accountUnknown }
        return AccountID(id)
    }

    private func getTrust(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let id = try account(call)
            try asking(reply) { engine in
                (engine.sequence, engine.trust(in: id))
            } _: { (found: (UInt64, AccountTrust?), reply) in
                guard let trust = found.1 else { return reply.fail(Self.accountUnknown) }
                var json = JSONWriter()
                json.object { json in
                    json.key("asOf")
                    json.number(found.0)
                    json.key("account")
                    json.numberText(id.rawValue)
                    json.key("stakeFactor")
                    json.number(trust.stakeFactor)
                    json.key("delay")
                    json.number(trust.delay)
                    json.key("shut")
                    json.bool(trust.isShut)
                }
                reply.send(.json(200, json.bytes))
            }
        } catch {
            reply.fail(error)
        }
    }

    private func setTrust(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let id = try account(call)
            let person = try needSession(call)
            try readBody(call)
            let factor = try whole("stakeFactor", 0...Int64(Limits.stakeFactor))
            let delay = try whole("delay", 0...Int64(Limits.betDelay))
            let isShut = try flag("shut")
            let reason = try why()
            let notice = try text("notice", most: 80)
            let taken = hub.submit({ [unowned self] record, _ in
                respond(record, at: Layout.AccountChanged.refusal, reply)
            }) {
                $0.setRisk(
                    of: id, stakeFactor: UInt16(factor), delay: UInt32(delay), isShut: isShut,
                    actor: person.id, reason: reason, notice: notice)
            }
            guard taken else { throw busy() }
        } catch {
            reply.fail(error)
        }
    }

    // MARK: What a customer is kept from

    private func getBars(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let id = try account(call)
            try asking(reply) { engine in
                (engine.sequence, engine.bars(of: id))
            } _: { [unowned self] (found: (UInt64, [BarScope]?), reply) in
                guard let bars = found.1 else { return reply.fail(Self.accountUnknown) }
                var json = JSONWriter()
                json.object { json in
                    json.key("asOf")
                    json.number(found.0)
                    json.key("bars")
                    json.array { json in for bar in bars { write(bar, to: &json) } }
                }
                reply.send(.json(200, json.bytes))
            }
        } catch {
            reply.fail(error)
        }
    }

    private func write(_ bar: BarScope, to json: inout JSONWriter) {
        json.object { json in
            switch bar {
            case .sport(let sport):
                json.key("sport")
                json.string(Sport(rawValue: sport)?.word ?? "other")
            case .fixture(let fixture):
                json.key("fixture")
                json.numberText(fixture.rawValue)
                guard let known = hub.view.fixtures[fixture] else { return }
                json.key("name")
                json.string("\(known.home) v \(known.away)")
            }
        }
    }

    private func setBar(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let id = try account(call)
            let person = try needSession(call)
            try readBody(call)
            let scope = try barScope()
            guard let isSet = try flag("barred") else {
                throw Problem(400, "malformed", "barred: true or false")
            }
            let reason = try why()
            let notice = try text("notice", most: 80)
            let taken = hub.submit({ [unowned self] record, _ in
                respond(record, at: Layout.AccountChanged.refusal, reply)
            }) {
                $0.setBar(
                    of: id, from: scope, isSet: isSet, actor: person.id, reason: reason,
                    notice: notice)
            }
            guard taken else { throw busy() }
        } catch {
            reply.fail(error)
        }
    }

    private func barScope() throws(Problem) -> BarScope {
        let sport = try text("sport", most: 32)
        let fixture = try text("fixture", most: 20)
        guard sport.isEmpty != fixture.isEmpty else {
            throw Problem(400, "malformed", "sport, or fixture: one of them")
        }
        if sport.isEmpty {
            // The engine knows matches that the view has forgotten: they are lifted as well.
            guard let id = UInt64(fixture) else {
                throw Problem(404, "fixture_unknown", "There is no such match.")
            }
            return .fixture(FixtureID(id))
        }
        guard let known = Sport.allCases.first(where: { $0.word == sport }) else {
            throw Problem(404, "sport_unknown", "There is no such sport.")
        }
        return .sport(known.rawValue)
    }

    // MARK: Bonus money and free stakes

    private func getBalances(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let id = try account(call)
            try asking(reply) { engine in
                (engine.sequence, engine.balances(of: id), engine.terms.currency)
            } _: { (found: (UInt64, AccountBalances?, UInt16), reply) in
                guard let balances = found.1 else { return reply.fail(Self.accountUnknown) }
                var json = JSONWriter()
                json.object { json in
                    json.key("asOf")
                    json.number(found.0)
                    json.key("account")
                    json.numberText(id.rawValue)
                    json.key("currency")
                    json.string(Currency(numericCode: found.2)?.letters ?? "")
                    json.key("balances")
                    Messages.balances(Balances(balances), to: &json)
                }
                reply.send(.json(200, json.bytes))
            }
        } catch {
            reply.fail(error)
        }
    }

    /// Given, or with an amount below zero taken back: once for each key, whoever loses the answer asks again.
    private func grant(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let id = try account(call)
            let person = try needSession(call)
            let key = call.key ?? .zero
            try readBody(call)
            let kind = GrantKind.allCases.first { kind in
                tape.member("kind", of: tape.root).flatMap { tape.text($0) } == kind.word
            }
            guard let kind else { throw Problem(400, "malformed", "kind: bonus or free") }
            let amount = try whole("amount", -Limits.stake...Limits.stake)
            guard amount != 0 else { throw Problem(.amountOutOfRange) }
            let promotion = try optional("promotion", 0...Limits.minorUnits) ?? 0
            let terms = try optional("terms", 0...Int64(UInt32.max)) ?? 0
            guard promotion == 0 || amount < 0 || terms > 0 else {
                throw Problem(
                    422, "terms_missing",
                    "Which version of the promotion's terms is it given under?")
            }
            let reason = try why()
            var bytes: [UInt8] = []
            for word in [
                UInt64(kind.rawValue), UInt64(bitPattern: amount), UInt64(promotion), UInt64(terms),
            ] {
                bytes.append(littleEndian: word)
            }
            bytes += reason.utf8
            let hash = ExternalID(hash: bytes.withUnsafeBytes { Digest().sha256($0) }[..<16])
            let taken = hub.submit({ [unowned self] record, _ in
                respond(record, at: Layout.AccountChanged.refusal, reply) { json in
                    guard let record else { return }
                    json.key("kind")
                    json.string(kind.word)
                    json.key("amount")
                    json.number(record.field(Layout.AccountChanged.amount, as: Int64.self))
                    json.key("repeated")
                    json.bool(record.field(Layout.AccountChanged.entry, as: UInt8.self) == 0)
                    json.key("balances")
                    Messages.balances(
                        Balances(record, at: Layout.AccountChanged.balances), to: &json)
                }
            }) {
                $0.grant(
                    kind, amount, to: id, id: key, requestHash: hash, promotion: UInt64(promotion),
                    terms: UInt32(terms), actor: person.id, reason: reason)
            }
            guard taken else { throw busy() }
        } catch {
            reply.fail(error)
        }
    }
}
