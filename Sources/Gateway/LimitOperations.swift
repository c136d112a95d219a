import Customers
import EngineCore
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops

/// What customers bound of their own play.
extension PunterGateway {
    var limitOperations: [Operation] {
        [
            Operation(
                description: PunterRoutes.limits, method: .get, path: "/api/v1/limits",
                body: .deferred { [unowned self] call, reply in listLimits(call, reply) }),
            Operation(
                description: PunterRoutes.limit, method: .get,
                path: "/api/v1/limits/{kind}/{period}",
                body: .deferred { [unowned self] call, reply in getLimit(call, reply) }),
            Operation(
                description: PunterRoutes.setLimit, method: .put,
                path: "/api/v1/limits/{kind}/{period}",
                body: .deferred { [unowned self] call, reply in
                    change(call, reply) { call throws(Problem) in try amount(call) }
                }),
            Operation(
                description: PunterRoutes.removeLimit, method: .delete,
                path: "/api/v1/limits/{kind}/{period}",
                body: .deferred { [unowned self] call, reply in
                    change(call, reply) { _ in nil }
                }),
        ]
    }

    private func listLimits(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let account = try needSession(call).account
            let now = now
            try asking(reply) { engine in
                (engine.limits(of: account), engine.sequence)
            } _: { (found: ([LimitPicture], UInt64), reply) in
                reply.send(
                    Documents.json(asOf: found.1, .itsReader) { json in
                        json.key("limits")
                        json.array { json in
                            for limit in found.0 { Messages.write(limit, at: now, to: &json) }
                        }
                    })
            }
        } catch {
            reply.fail(error)
        }
    }

    private func getLimit(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let account = try needSession(call).account
            let (kind, period) = try Self.name(call)
            try asking(reply) { engine in
                engine.limit(kind, period, of: account)
            } _: { [unowned self] found, reply in
                guard let found else { return reply.fail(Self.limitUnknown) }
                reply.send(answer(found))
            }
        } catch {
            reply.fail(error)
        }
    }

    /// With a precondition the limit is looked at first; that it is still the same is the engine's to say.
    private func change(
        _ call: Call, _ reply: any Reply, _ wanted: (Call) throws(Problem) -> Int64?
    ) {
        do throws(Problem) {
            let session = try needSession(call)
            let (kind, period) = try Self.name(call)
            let amount = try wanted(call)
            guard call.match != nil else {
                return try submit(kind, period, amount, nil, session, reply)
            }
            let account = session.account
            try asking(reply) { engine in
                engine.limit(kind, period, of: account)
            } _: { [unowned self] found, reply in
                do throws(Problem) {
                    guard let found else { throw Self.limitUnknown }
                    let expected = try call.expected(found.version, tag: found.tag(at: now))
                    try submit(kind, period, amount, expected, session, reply)
                } catch {
                    reply.fail(error)
                }
            }
        } catch {
            reply.fail(error)
        }
    }

    private func submit(
        _ kind: LimitKind, _ period: LimitPeriod, _ amount: Int64?, _ expected: UInt64?,
        _ session: PunterSession, _ reply: any Reply
    ) throws(Problem) {
        let taken = hub.submit({ [unowned self] record, _ in
            guard let record, let limit = LimitPicture(limitChanged: record) else {
                return reply.fail(busy())
            }
            let refusal = record.field(Layout.LimitChanged.refusal, as: UInt16.self)
            if let refusal = OperationRefusal(rawValue: refusal) {
                return reply.fail(Problem(refusal))
            }
            reply.send(answer(limit))
        }) {
            $0.setLimit(
                kind, period, to: amount, of: session.account, expected: expected,
                session: session.session)
        }
        guard taken else { throw busy() }
    }

    private func answer(_ limit: LimitPicture) -> HTTPResponse {
        let now = now
        return Documents.tagged(limit.tag(at: now)) { json in
            json.key("limit")
            Messages.write(limit, at: now, to: &json)
        }
    }

    // MARK: What is asked

    private static let limitUnknown = Problem(
        404, "limit_unknown", "There is no such limit.",
        detail: "kinds: deposit, loss, stake, time; periods: day, week, month")

    private static func name(_ call: Call) throws(Problem) -> (LimitKind, LimitPeriod) {
        let kind = call.parameter("kind")
        let period = call.parameter("period")
        guard let kind = LimitKind.allCases.first(where: { $0.word == kind }),
            let period = LimitPeriod.allCases.first(where: { $0.word == period })
        else { throw limitUnknown }
        return (kind, period)
    }

    private func amount(_ call: Call) throws(Problem) -> Int64? {
        try call.body(on: &tape)
        guard let place = tape.member("amount", of: tape.root), let amount = tape.whole(place),
            amount >= 0
        else {
            throw Problem(
                400, "malformed", "amount: whole minor units, or minutes for time",
                detail: "DELETE takes a limit away.")
        }
        // No precondition is looked at for what can never be.
        guard amount <= Limits.minorUnits else { throw Problem(.amountOutOfRange) }
        return amount
    }
}

extension LimitPicture {
    /// Another one once it changes, and once what waited holds.
    fileprivate func tag(at now: Timestamp) -> String {
        let hasMatured = value.at(now.nanoseconds) != value
        return "\"\(version)\(hasMatured ? ".1" : "")\""
    }
}

extension Messages {
    /// As it stands at `now`.
    static func write(_ limit: LimitPicture, at now: Timestamp, to json: inout JSONWriter) {
        let value = limit.value.at(now.nanoseconds)
        json.object { json in
            json.key("kind")
            json.string(limit.kind.word)
            json.key("period")
            json.string(limit.period.word)
            json.key("unit")
            json.string(limit.kind == .time ? "minutes" : "minor_units")
            json.key("amount")
            write(amount: value.amount, to: &json)
            json.key("next")
            if value.nextFrom == 0 {
                json.null()
            } else {
                json.object { json in
                    json.key("amount")
                    write(amount: value.next, to: &json)
                    json.key("from")
                    json.string(Timestamp(nanoseconds: value.nextFrom).description)
                }
            }
            json.key("version")
            json.numberText(limit.version)
        }
    }

    private static func write(amount: Int64, to json: inout JSONWriter) {
        if amount == OwnLimit.none { json.null() } else { json.number(amount) }
    }
}
