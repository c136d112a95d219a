import JSONText
import Kernel
import NetworkCodecs

/// What everybody may read: fixtures, markets and prices.
extension PunterGateway {
    var catalogueOperations: [Operation] {
        [
            Operation(
                description: PunterRoutes.fixtures, method: .get, path: "/api/v1/fixtures",
                body: .immediate { [unowned self] call throws(Problem) in
                    try listFixtures(call)
                }),
            Operation(
                description: PunterRoutes.fixture, method: .get,
                path: "/api/v1/fixtures/{fixture}",
                body: .immediate { [unowned self] call throws(Problem) in
                    try getFixture(call)
                }),
            Operation(
                description: PunterRoutes.market, method: .get, path: "/api/v1/markets/{market}",
                body: .immediate { [unowned self] call throws(Problem) in try getMarket(call) }),
        ]
    }

    private func listFixtures(_ call: Call) throws(Problem) -> HTTPResponse {
        guard
            let filter = FixtureFilter(
                sport: call.parameter("sport"), competition: call.parameter("competition"),
                inPlay: call.parameter("inPlay"))
        else { throw Problem(400, "malformed", "inPlay: true or false") }
        return document { json in
            json.key("fixtures")
            json.array { json in
                for fixture in hub.view.current(at: now) where filter.takes(fixture) {
                    Messages.write(fixture, to: &json)
                }
            }
        }
    }

    private func getFixture(_ call: Call) throws(Problem) -> HTTPResponse {
        guard let id = UInt64(call.parameter("fixture") ?? ""),
            let fixture = hub.view.fixtures[FixtureID(id)]
        else { throw Problem(404, "fixture_unknown", "There is no such fixture.") }
        return document { json in
            json.key("fixture")
            Messages.write(fixture, to: &json)
            json.key("markets")
            json.array { json in
                for id in fixture.markets {
                    if let market = hub.view.markets[id] { Messages.write(market, to: &json) }
                }
            }
        }
    }

    private func getMarket(_ call: Call) throws(Problem) -> HTTPResponse {
        guard let id = UInt64(call.parameter("market") ?? ""),
            let market = hub.view.markets[MarketID(id)]
        else { throw Problem(404, "market_unknown", "There is no such market.") }
        return document { json in
            json.key("market")
            Messages.write(market, to: &json)
            json.key("checksum")
            json.string(Messages.checksum(hub.view.canonicalText(market)))
        }
    }
}
