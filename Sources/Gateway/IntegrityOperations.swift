import EngineService
import JSONText
import Kernel
import Ledger
import NetworkCodecs
import NetworkLoops
import Risk

/// Money that knows more than the prices, as it is seen while bets are taken.
extension OperatorGateway {
    var integrityOperations: [Operation] {
        [
            Operation(
                description: OperatorRoutes.integrity, method: .get, path: "/api/v1/integrity",
                body: .deferred { [unowned self] call, reply in getIntegrity(call, reply) })
        ]
    }

    /// Alerts of an answer.
    static let mostAlerts = 200
    /// Accounts of an alert that are named; their number is told beside them.
    static let mostAlertAccounts = 50

    private func getIntegrity(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let limit = try call.number("limit", in: 1...Self.mostAlerts, standard: 50)
            guard let integrity = settings.integrity else { throw busy() }
            let picture = integrity()
            var json = JSONWriter(reserving: 4096)
            json.object { json in
                json.key("asOf")
                json.number(picture.asOf)
                if let failure = picture.failure {
                    json.key("failure")
                    json.string(failure)
                }
                json.key("alerts")
                json.array { json in
                    for (money, alert) in picture.alerts.suffix(limit).reversed() {
                        json.object { json in
                            json.key("money")
                            json.string(money.word)
                            write(alert, to: &json)
                        }
                    }
                }
            }
            reply.send(.json(200, json.bytes))
        } catch {
            reply.fail(error)
        }
    }

    private func write(_ alert: IntegrityAlert, to json: inout JSONWriter) {
        let market = hub.view.markets[MarketID(alert.market)]
        let fixture = market.flatMap { hub.view.fixtures[$0.fixture] }
        let selections = market?.selections ?? []
        json.key("market")
        json.numberText(alert.market)
        json.key("fixture")
        json.string(fixture.map { "\($0.home) v \($0.away)" } ?? "")
        json.key("name")
        json.string(market?.name ?? "")
        json.key("selection")
        json.string(
            alert.selection < selections.count
                ? selections[alert.selection].name : "Selection \(alert.selection + 1)")
        json.key("from")
        json.string(alert.from.description)
        json.key("until")
        json.string(alert.until.description)
        json.key("signs")
        json.array { json in for word in alert.signs.words { json.string(word) } }
        json.key("bets")
        json.number(alert.bets)
        json.key("stakes")
        json.number(alert.stakes)
        json.key("marketStakes")
        json.number(alert.marketStakes)
        json.key("newStakes")
        json.number(alert.newStakes)
        json.key("unusualStakes")
        json.number(alert.unusualStakes)
        json.key("weight")
        json.number(alert.weight)
        json.key("first")
        Messages.write(odds: alert.first, to: &json)
        json.key("last")
        Messages.write(odds: alert.last, to: &json)
        json.key("accounts")
        json.array { json in
            for account in alert.accounts.sorted().prefix(Self.mostAlertAccounts) {
                json.numberText(account)
            }
        }
        json.key("accountCount")
        json.number(alert.accounts.count)
    }
}
