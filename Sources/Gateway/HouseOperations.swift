import Betting
import EngineCore
import JSONText
import Kernel
import NetworkCodecs

/// What the house adds to bets and takes of what they win: looked at by the desk, changed by supervisors.
extension OperatorGateway {
    var houseOperations: [Operation] {
        [
            Operation(
                description: OperatorRoutes.houseRules, method: .get, path: "/api/v1/house-rules",
                body: .deferred { [unowned self] call, reply in getHouseRules(reply) }),
            Operation(
                description: OperatorRoutes.setHouseRules, method: .put,
                path: "/api/v1/house-rules",
                body: .deferred { [unowned self] call, reply in setHouseRules(call, reply) }),
        ]
    }

    private func lookingAtHouse(
        _ reply: any Reply,
        _ answer: @escaping (HouseRules, Int, any Reply) throws(Problem) -> Void
    ) {
        do throws(Problem) {
            try asking(reply) { engine in
                (engine.houseRules, engine.houseVersionCount)
            } _: { found, reply in
                do throws(Problem) {
                    try answer(found.0, found.1, reply)
                } catch {
                    reply.fail(error)
                }
            }
        } catch {
            reply.fail(error)
        }
    }

    private func getHouseRules(_ reply: any Reply) {
        lookingAtHouse(reply) { rules, version, reply throws(Problem) in
            reply.send(
                Documents.tagged(Self.tag(version)) { json in
                    json.key("commission")
                    json.number(rules.commission)
                    json.key("bonuses")
                    json.array { json in
                        for (cover, bonus) in zip(SystemShape.named, rules.bonuses)
                        where bonus != .none {
                            json.object { json in
                                json.key("cover")
                                json.string(cover.name)
                                Messages.write(bonus, to: &json)
                            }
                        }
                    }
                })
        }
    }

    private static func tag(_ version: Int) -> String { "\"\(version)\"" }

    private func setHouseRules(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let person = try needSession(call).id
            try readBody(call)
            let reason = try why()
            let commission = UInt16(try whole("commission", 0...Int64(HouseRules.mostCommission)))
            guard let rules = HouseRules(commission: commission, bonuses: try bonuses()) else {
                throw Problem(
                    422, "amount_out_of_range",
                    "onlyWinner: of covers with singles, such as a patent or a lucky_15")
            }
            guard call.match != nil else {
                return try submit(rules, version: nil, person, reason, reply)
            }
            lookingAtHouse(reply) { [unowned self] _, version, reply throws(Problem) in
                let expected = try call.expected(version, tag: Self.tag(version))
                try submit(rules, version: expected, person, reason, reply)
            }
        } catch {
            reply.fail(error)
        }
    }

    private func submit(
        _ rules: HouseRules, version: Int?, _ person: UInt64, _ reason: String, _ reply: any Reply
    ) throws(Problem) {
        let taken = hub.submit({ [unowned self] record, _ in
            respond(record, at: Layout.MarketChanged.refusal, reply)
        }) {
            $0.houseRules(rules, version: version, actor: person, reason: reason)
        }
        guard taken else { throw busy() }
    }

    /// `[{"cover": "lucky_15", "onlyWinner": 200, "allWinners": 1000}]`: what is not named has none.
    private func bonuses() throws(Problem) -> [CoverBonus] {
        guard let items = tape.member("bonuses", of: tape.root), let count = tape.count(items)
        else { throw Problem(400, "malformed", "bonuses: one for each cover that has one") }
        var bonuses = HouseRules.none.bonuses
        var named: Set<Int> = []
        for number in 0..<count {
            let item = tape.item(number, of: items)
            let name = item.flatMap { tape.member("cover", of: $0) }.flatMap { tape.text($0) }
            guard let item, let cover = SystemShape.named.firstIndex(where: { $0.name == name })
            else {
                throw Problem(
                    400, "malformed",
                    "bonuses.cover: " + SystemShape.named.map(\.name).joined(separator: ", "))
            }
            guard named.insert(cover).inserted else {
                throw Problem(422, "not_a_bonus", "bonuses: each cover once")
            }
            let only = tape.member("onlyWinner", of: item).map { tape.whole($0) } ?? 100
            let all = tape.member("allWinners", of: item).map { tape.whole($0) } ?? 0
            guard let only = only.flatMap({ UInt16(exactly: $0) }),
                let all = all.flatMap({ UInt16(exactly: $0) }),
                let bonus = CoverBonus(onlyWinner: only, allWinners: all)
            else {
                throw Problem(
                    400, "malformed",
                    "bonuses: onlyWinner 100 to \(CoverBonus.mostOfOnlyWinner), allWinners 0 to \(CoverBonus.mostOfAllWinners)"
                )
            }
            bonuses[cover] = bonus
        }
        return bonuses
    }
}

extension Messages {
    /// The members of an object.
    static func write(_ bonus: CoverBonus, to json: inout JSONWriter) {
        json.key("onlyWinner")
        json.number(bonus.onlyWinner)
        json.key("allWinners")
        json.number(bonus.allWinners)
    }
}
