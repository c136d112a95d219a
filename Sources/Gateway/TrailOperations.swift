import EngineJournal
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops
import ProjectionService

/// Who did what at the desk.
extension OperatorGateway {
    var trailOperations: [Operation] {
        [
            Operation(
                description: OperatorRoutes.trail, method: .get, path: "/api/v1/trail",
                body: .deferred { [unowned self] call, reply in getTrail(call, reply) })
        ]
    }

    /// Actions of one page.
    static let mostActions = 200

    private func getTrail(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            var filter = ActionFilter()
            filter.actor = try number("operator", call)
            filter.market = try number("market", call)
            filter.account = try number("account", call)
            filter.kind = call.parameter("action")
            let before = try number("before", call) ?? UInt64(Int64.max)
            let limit = try call.number("limit", in: 1...Self.mostActions, standard: 50)
            let loop = hub.loop
            let bound = OnLoop(reply)
            // One more tells whether there is another page.
            let taken = store.actions(filter, before: before, limit: limit + 1) { found, asOf in
                loop.post {
                    guard case .success(let actions) = found else {
                        return bound.value.fail(
                            Problem(503, "unreadable", "That cannot be read at the moment."))
                    }
                    bound.value.send(Self.page(actions, limit, asOf: asOf))
                }
            }
            guard taken else { throw busy() }
        } catch {
            reply.fail(error)
        }
    }

    func number(_ name: String, _ call: Call) throws(Problem) -> UInt64? {
        guard let text = call.parameter(name) else { return nil }
        guard let number = UInt64(text), number <= UInt64(Int64.max) else {
            throw Problem(400, "malformed", "\(name): a number")
        }
        return number
    }

    private static func page(_ actions: [OperatorAction], _ limit: Int, asOf: UInt64)
        -> HTTPResponse
    {
        var json = JSONWriter(reserving: 4096)
        json.object { json in
            json.key("asOf")
            json.number(asOf)
            json.key("actions")
            json.array { json in for one in actions.prefix(limit) { write(one, to: &json) } }
            json.key("next")
            json.numberTextOrNull(actions.count > limit ? actions[limit - 1].sequence : nil)
        }
        return .json(200, json.bytes)
    }

    private static func write(_ action: OperatorAction, to json: inout JSONWriter) {
        json.object { json in
            json.key("record")
            json.numberText(action.sequence)
            json.key("time")
            json.string(Timestamp(nanoseconds: action.time).description)
            json.key("operator")
            json.number(action.actor)
            json.key("action")
            json.string(action.kind)
            json.key("market")
            json.numberTextOrNull(action.market)
            json.key("fixture")
            json.numberTextOrNull(action.fixture)
            json.key("account")
            json.numberTextOrNull(action.account)
            json.key("refused")
            if action.refusal.isEmpty { json.null() } else { json.string(action.refusal) }
            json.key("reason")
            json.string(action.reason)
            json.key("detail")
            json.string(action.detail)
        }
    }
}
