import Betting
import EngineCore
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops
import ProjectionService

/// Bets at prices that were errors: the list of them, and what two people make of one.
extension OperatorGateway {
    var suspicionOperations: [Operation] {
        [
            Operation(
                description: OperatorRoutes.suspects, method: .get, path: "/api/v1/suspects",
                body: .deferred { [unowned self] call, reply in getSuspects(call, reply) }),
            Operation(
                description: OperatorRoutes.proposeBetVoid, method: .post,
                path: "/api/v1/bets/{bet}/voids",
                body: .deferred { [unowned self] call, reply in proposeVoid(call, reply) }),
        ]
    }

    /// Bets of one page.
    static let mostSuspects = 200

    private func getSuspects(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let before = try number("before", call) ?? UInt64(Int64.max)
            let limit = try call.number("limit", in: 1...Self.mostSuspects, standard: 50)
            let loop = hub.loop
            let bound = OnLoop((self, reply))
            // One more tells whether there is another page.
            let taken = store.suspects(before: before, limit: limit + 1) { found, asOf in
                loop.post {
                    let (gateway, reply) = bound.value
                    guard case .success(let page) = found else {
                        return reply.fail(
                            Problem(503, "unreadable", "That cannot be read at the moment."))
                    }
                    reply.send(gateway.page(page.bets, page.counts, limit, asOf: asOf))
                }
            }
            guard taken else { throw busy() }
        } catch {
            reply.fail(error)
        }
    }

    private func page(
        _ bets: [SuspectedBet], _ counts: [SuspicionCount], _ limit: Int, asOf: UInt64
    ) -> HTTPResponse {
        var json = JSONWriter(reserving: 4096)
        json.object { json in
            json.key("asOf")
            json.number(asOf)
            json.key("bets")
            json.array { json in for one in bets.prefix(limit) { write(one, to: &json) } }
            json.key("counts")
            json.array { json in
                for one in counts {
                    json.object { json in
                        json.key("pricedBy")
                        json.numberOrNull(one.priced)
                        json.key("bets")
                        json.number(one.bets)
                        json.key("void")
                        json.number(one.void)
                        json.key("staked")
                        json.number(one.staked)
                    }
                }
            }
            json.key("next")
            json.numberTextOrNull(bets.count > limit ? bets[limit - 1].sequence : nil)
        }
        return .json(200, json.bytes)
    }

    private func write(_ one: SuspectedBet, to json: inout JSONWriter) {
        let market = hub.view.markets[MarketID(one.market)]
        let fixture = market.flatMap { hub.view.fixtures[$0.fixture] }
        let selections = market?.selections ?? []
        json.object { json in
            json.key("record")
            json.numberText(one.sequence)
            json.key("time")
            json.string(Timestamp(nanoseconds: one.time).description)
            json.key("bet")
            json.numberText(one.bet)
            json.key("account")
            json.numberText(one.account)
            json.key("market")
            json.numberText(one.market)
            json.key("fixture")
            json.string(fixture.map { "\($0.home) v \($0.away)" } ?? "")
            json.key("name")
            json.string(market?.name ?? "")
            json.key("selection")
            json.string(
                Int(one.selection) < selections.count
                    ? selections[Int(one.selection)].name : String(one.selection))
            json.key("odds")
            Messages.write(odds: one.odds, to: &json)
            json.key("reference")
            json.number(one.reference)
            json.key("chance")
            json.number(one.chance)
            json.key("acceptedAt")
            json.string(Timestamp(nanoseconds: one.acceptedAt).description)
            json.key("stake")
            json.number(one.stake)
            json.key("potentialReturn")
            json.number(one.potentialReturn)
            json.key("status")
            json.string(BetStatus(rawValue: one.status)?.word ?? "unknown")
            json.key("payout")
            json.number(one.payout)
            json.key("void")
            json.bool(one.isVoid)
            json.key("pricedBy")
            json.numberOrNull(one.priced)
        }
    }

    private func proposeVoid(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let person = try needSession(call).id
            guard let bet = UInt64(call.parameter("bet") ?? "") else {
                throw Problem(.betUnknown as OperationRefusal)
            }
            try readBody(call)
            let reason = try why()
            let evidence = try text("evidence", most: 32)
            let isTakenBack = try flag("takenBack") ?? false
            try submit(reply) {
                $0.proposeVoid(
                    bet: bet, isTakenBack: isTakenBack, actor: person, reason: reason,
                    evidence: evidence)
            }
        } catch {
            reply.fail(error)
        }
    }
}
