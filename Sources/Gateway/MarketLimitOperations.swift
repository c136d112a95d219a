import Catalogue
import EngineCore
import EngineJournal
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops

/// What markets take, and whole fixtures shut at once.
extension OperatorGateway {
    var marketLimitOperations: [Operation] {
        [
            Operation(
                description: OperatorRoutes.marketLimits, method: .get,
                path: "/api/v1/markets/{market}/limits",
                body: .deferred { [unowned self] call, reply in getLimits(call, reply) }),
            Operation(
                description: OperatorRoutes.setMarketLimits, method: .put,
                path: "/api/v1/markets/{market}/limits",
                body: .deferred { [unowned self] call, reply in setLimits(call, reply) }),
            Operation(
                description: OperatorRoutes.suspendFixture, method: .post,
                path: "/api/v1/fixtures/{fixture}/suspend",
                body: .deferred { [unowned self] call, reply in
                    setFixture(call, reply, isShut: true)
                }),
            Operation(
                description: OperatorRoutes.resumeFixture, method: .post,
                path: "/api/v1/fixtures/{fixture}/resume",
                body: .deferred { [unowned self] call, reply in
                    setFixture(call, reply, isShut: false)
                }),
        ]
    }

    private func getLimits(_ call: Call, _ reply: any Reply) {
        looking(call, reply) { market, picture, reply throws(Problem) in
            reply.send(
                Documents.tagged(Self.tag(picture)) { json in
                    json.key("market")
                    json.numberText(market.id.rawValue)
                    Self.write(picture.limits, to: &json)
                })
        }
    }

    private static func tag(_ picture: MarketPicture) -> String {
        "\"limits-\(picture.limits.version ?? 0)\""
    }

    private static func write(_ limits: MarketLimits, to json: inout JSONWriter) {
        for (name, amount) in [
            ("maximumStake", limits.maximumStake), ("liabilityLimit", limits.liabilityLimit),
            ("suspendAt", limits.suspendAt), ("floor", limits.floor),
            ("mostMove", limits.mostMove.map(Int64.init)),
        ] {
            json.key(text: name)
            json.number(amount ?? 0)
        }
    }

    private func setLimits(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let person = try needSession(call)
            try readBody(call)
            var limits = MarketLimits()
            limits.maximumStake = try optional("maximumStake", 0...Limits.stake)
            limits.liabilityLimit = try optional("liabilityLimit", 0...Limits.potentialReturn)
            limits.suspendAt = try optional("suspendAt", 0...Limits.potentialReturn)
            limits.floor = try optional("floor", 0...Limits.stake)
            limits.mostMove = try optional("mostMove", 0...10_000).map { UInt16($0) }
            limits.actor = person.id
            limits.reason = try why()
            let wanted = limits
            looking(call, reply) { [unowned self] market, picture, reply throws(Problem) in
                var limits = wanted
                limits.version = try call.expected(
                    picture.limits.version ?? 0, tag: Self.tag(picture))
                let taken = hub.submit({ [unowned self] record, _ in
                    respond(record, at: Layout.MarketChanged.refusal, reply)
                }) { $0.marketLimits(market.externalID, limits) }
                guard taken else { throw busy() }
            }
        } catch {
            reply.fail(error)
        }
    }

    private func setFixture(_ call: Call, _ reply: any Reply, isShut: Bool) {
        do throws(Problem) {
            let fixture = try fixture(call)
            guard !fixture.markets.isEmpty else { throw Problem(.noChange) }
            try submit(
                fixture.externalID, .fixture, call, reply, isShut: isShut, try reason(call))
        } catch {
            reply.fail(error)
        }
    }
}
