import Catalogue
import EngineCore
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops
import Risk

/// Where the risk is: by sport and fixture, by who wins a market, by customer.
extension OperatorGateway {
    var riskOperations: [Operation] {
        [
            Operation(
                description: OperatorRoutes.risk, method: .get, path: "/api/v1/risk",
                body: .deferred { [unowned self] call, reply in getRisk(reply) }),
            Operation(
                description: OperatorRoutes.marketRisk, method: .get,
                path: "/api/v1/markets/{market}/risk",
                body: .deferred { [unowned self] call, reply in getMarketRisk(call, reply) }),
            Operation(
                description: OperatorRoutes.accountRisk, method: .get,
                path: "/api/v1/accounts/{account}/risk",
                body: .deferred { [unowned self] call, reply in getAccountRisk(call, reply) }),
        ]
    }

    /// Fixtures that are told, the dearest.
    static let mostRiskyFixtures = 50

    private func getRisk(_ reply: any Reply) {
        do throws(Problem) {
            try asking(reply) { engine in
                engine.risk(fixtures: Self.mostRiskyFixtures)
            } _: { [unowned self] (found: RiskPicture, reply) in
                var json = JSONWriter()
                json.object { json in
                    json.key("asOf")
                    json.number(found.asOf)
                    json.key("promotions")
                    json.object { json in
                        json.key("bets")
                        json.number(found.promotions.bets)
                        json.key("bonus")
                        json.number(found.promotions.bonus)
                        json.key("free")
                        json.number(found.promotions.free)
                        json.key("potentialReturn")
                        json.number(found.promotions.potentialReturn)
                    }
                    json.key("given")
                    json.array { json in
                        for promotion in found.given { Self.write(given: promotion, to: &json) }
                    }
                    json.key("sports")
                    json.array { json in
                        for (sport, sum) in found.sports {
                            json.object { json in
                                json.key("sport")
                                json.string(sport.word)
                                Self.write(sum, to: &json)
                            }
                        }
                    }
                    json.key("fixtures")
                    json.array { json in
                        for (id, sum) in found.fixtures {
                            let fixture = hub.view.fixtures[id]
                            json.object { json in
                                json.key("fixture")
                                json.numberText(id.rawValue)
                                json.key("name")
                                json.string(fixture?.title ?? "Fixture \(id.rawValue)")
                                Self.write(sum, to: &json)
                            }
                        }
                    }
                }
                reply.send(.json(200, json.bytes))
            }
        } catch {
            reply.fail(error)
        }
    }

    private static func write(given promotion: Promotion, to json: inout JSONWriter) {
        json.object { json in
            json.key("promotion")
            json.number(Int64(clamping: promotion.number))
            json.key("name")
            json.string(promotion.name)
            json.key("bonus")
            json.number(promotion.bonus)
            json.key("free")
            json.number(promotion.free)
        }
    }

    private static func write(_ sum: RiskSum, to json: inout JSONWriter) {
        json.key("markets")
        json.number(sum.markets)
        json.key("staked")
        json.number(sum.staked)
        json.key("worstLoss")
        json.number(sum.worstLoss)
    }

    private func getMarketRisk(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let market = try market(call)
            let (id, names) = (market.id, market.selections.map(\.name))
            try asking(reply) { engine in
                (engine.sequence, engine.risk(of: id))
            } _: { (found: (UInt64, MarketRisk?), reply) in
                guard let risk = found.1 else { return reply.fail(Self.marketUnknown) }
                var json = JSONWriter()
                json.object { json in
                    json.key("asOf")
                    json.number(found.0)
                    Self.write(risk, names, to: &json)
                }
                reply.send(.json(200, json.bytes))
            }
        } catch {
            reply.fail(error)
        }
    }

    private static func write(_ risk: MarketRisk, _ names: [String], to json: inout JSONWriter) {
        json.key("market")
        json.numberText(risk.market.rawValue)
        json.key("staked")
        json.number(risk.staked)
        json.key("worstLoss")
        json.number(risk.worstLoss)
        json.key("liabilityLimit")
        json.number(risk.liabilityLimit)
        json.key("openLegs")
        json.number(risk.openLegs)
        json.key("selections")
        json.array { json in
            for (selection, name) in zip(risk.selections, names) {
                json.object { json in
                    json.key("name")
                    json.string(name)
                    json.key("odds")
                    Messages.write(odds: selection.odds, to: &json)
                    json.key("reference")
                    json.number(selection.reference)
                    json.key("returnsIfWon")
                    json.number(selection.returnsIfWon)
                    json.key("returnsIfPlaced")
                    json.number(selection.returnsIfPlaced)
                    json.key("result")
                    json.number(selection.result)
                }
            }
        }
        json.key("hedge")
        guard let hedge = risk.hedge else { return json.null() }
        json.object { json in
            json.key("selection")
            json.number(hedge.selection)
            json.key("stake")
            json.number(hedge.stake)
            json.key("price")
            json.number(hedge.price)
            json.key("worst")
            json.number(hedge.worst)
        }
    }

    private func getAccountRisk(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let id = try account(call)
            try asking(reply) { engine in
                engine.risk(of: id)
            } _: { (found: AccountRisk?, reply) in
                guard let risk = found else { return reply.fail(Self.accountUnknown) }
                var json = JSONWriter()
                json.object { json in
                    json.key("asOf")
                    json.number(risk.asOf)
                    json.key("account")
                    json.numberText(id.rawValue)
                    json.key("bets")
                    json.number(risk.bets)
                    json.key("staked")
                    json.number(risk.staked)
                    json.key("potentialReturn")
                    json.number(risk.potentialReturn)
                }
                reply.send(.json(200, json.bytes))
            }
        } catch {
            reply.fail(error)
        }
    }
}
