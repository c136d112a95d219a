import EngineCore
import JSONText
import Kernel
import NetworkCodecs

/// What the house promises customers: said by supervisors, read by everybody it is offered to.
extension OperatorGateway {
    var promotionOperations: [Operation] {
        [
            Operation(
                description: OperatorRoutes.promotions, method: .get, path: "/api/v1/promotions",
                body: .deferred { [unowned self] _, reply in getPromotions(reply) }),
            Operation(
                description: OperatorRoutes.promotion, method: .get,
                path: "/api/v1/promotions/{promotion}",
                body: .deferred { [unowned self] call, reply in getPromotion(call, reply) }),
            Operation(
                description: OperatorRoutes.setPromotion, method: .put,
                path: "/api/v1/promotions/{promotion}",
                body: .deferred { [unowned self] call, reply in setPromotion(call, reply) }),
        ]
    }

    private static let promotionUnknown = Problem(.promotionUnknown)

    private func number(_ call: Call) throws(Problem) -> UInt64 {
        guard let number = UInt64(call.parameter("promotion") ?? ""), number > 0,
            number <= UInt64(Limits.minorUnits)
        else { throw Self.promotionUnknown }
        return number
    }

    private func getPromotions(_ reply: any Reply) {
        do throws(Problem) {
            try asking(reply) { engine in
                (engine.sequence, engine.allPromotions)
            } _: { (found: (UInt64, [Promotion]), reply) in
                reply.send(Messages.promotions(found.1, asOf: found.0))
            }
        } catch {
            reply.fail(error)
        }
    }

    private func getPromotion(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let number = try number(call)
            try asking(reply) { engine in
                engine.promotion(number)
            } _: { (found: Promotion?, reply) in
                guard let found else { return reply.fail(Self.promotionUnknown) }
                reply.send(
                    Documents.tagged(Self.tag(found.version)) { json in
                        Messages.write(found, to: &json)
                    })
            }
        } catch {
            reply.fail(error)
        }
    }

    private static func tag(_ version: UInt32) -> String { "\"\(version)\"" }

    /// What is said of a promotion, whole.
    private struct Promised {
        let number: UInt64
        let name: String
        let terms: String
        let from: Int64
        let until: Int64
        let person: UInt64
        let reason: String
    }

    private func setPromotion(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let number = try number(call)
            let person = try needSession(call).id
            try readBody(call)
            let promised = Promised(
                number: number, name: try text("name", most: Promotion.nameBytes),
                terms: try text("terms", most: Promotion.termsBytes), from: try moment("from"),
                until: try moment("until"), person: person, reason: try why())
            guard !promised.name.isEmpty, !promised.terms.isEmpty else {
                throw Problem(
                    400, "malformed", "name and terms: what it is called, and what it says")
            }
            guard promised.until == 0 || promised.until > promised.from, promised.from >= 0 else {
                throw Problem(422, "window_malformed", "until: later than from")
            }
            guard call.match != nil else { return try submit(promised, version: nil, reply) }
            try asking(reply) { engine in
                engine.promotion(number)?.version ?? 0
            } _: { [unowned self] (version: UInt32, reply) in
                do throws(Problem) {
                    let expected = try call.expected(version, tag: Self.tag(version))
                    try submit(promised, version: expected, reply)
                } catch {
                    reply.fail(error)
                }
            }
        } catch {
            reply.fail(error)
        }
    }

    private func submit(_ said: Promised, version: UInt32?, _ reply: any Reply) throws(Problem) {
        let taken = hub.submit({ [unowned self] record, _ in
            respond(record, at: Layout.MarketChanged.refusal, reply)
        }) {
            $0.promotion(
                said.number, name: said.name, terms: said.terms, from: said.from,
                until: said.until, version: version, actor: said.person, reason: said.reason)
        }
        guard taken else { throw busy() }
    }
}

extension PunterGateway {
    var promotionOperation: Operation {
        Operation(
            description: PunterRoutes.promotions, method: .get, path: "/api/v1/promotions",
            body: .deferred { [unowned self] _, reply in listPromotions(reply) })
    }

    /// What is offered now, with the terms that hold for whatever is given under it now.
    private func listPromotions(_ reply: any Reply) {
        do throws(Problem) {
            // The engine's clock stands while nothing happens.
            let now = self.now
            try asking(reply) { engine in
                let time = max(now, engine.time)
                return (engine.sequence, engine.allPromotions.filter { $0.isOffered(at: time) })
            } _: { (found: (UInt64, [Promotion]), reply) in
                reply.send(Messages.promotions(found.1, asOf: found.0))
            }
        } catch {
            reply.fail(error)
        }
    }
}

extension Messages {
    fileprivate static func promotions(_ promotions: [Promotion], asOf sequence: UInt64)
        -> HTTPResponse
    {
        Documents.json(asOf: sequence, .itsReader) { json in
            json.key("promotions")
            json.array { json in
                for promotion in promotions {
                    json.object { json in write(promotion, to: &json) }
                }
            }
        }
    }

    /// The members of an object.
    fileprivate static func write(_ promotion: Promotion, to json: inout JSONWriter) {
        json.key("number")
        json.number(Int64(clamping: promotion.number))
        json.key("version")
        json.number(Int64(promotion.version))
        json.key("name")
        json.string(promotion.name)
        json.key("terms")
        json.string(promotion.terms)
        if promotion.from > 0 {
            json.key("from")
            json.string(Timestamp(nanoseconds: promotion.from).description)
        }
        if promotion.until > 0 {
            json.key("until")
            json.string(Timestamp(nanoseconds: promotion.until).description)
        }
    }
}
