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
            Operation(
                description: OperatorRoutes.deductionTable, method: .get,
                path: "/api/v1/deduction-tables/{rule}",
                body: .deferred { [unowned self] call, reply in getDeductionTable(call, reply) }),
            Operation(
                description: OperatorRoutes.setDeductionTable, method: .put,
                path: "/api/v1/deduction-tables/{rule}",
                body: .deferred { [unowned self] call, reply in setDeductionTable(call, reply) }),
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

// MARK: What withdrawals take

extension OperatorGateway {
    private static let tableNames: [(rule: DeductionRule, name: String)] = [
        (.ruleFour, "rule_4"), (.faceValue, "face_value"),
    ]

    private func tableRule(_ call: Call) throws(Problem) -> DeductionRule {
        let name = call.parameter("rule") ?? ""
        guard let known = Self.tableNames.first(where: { $0.name == name }) else {
            throw Problem(404, "rule_unknown", "There is no such table.")
        }
        return known.rule
    }

    private func lookingAtTable(
        _ rule: DeductionRule, _ reply: any Reply,
        _ answer: @escaping (DeductionTable, Int, any Reply) throws(Problem) -> Void
    ) {
        do throws(Problem) {
            try asking(reply) { engine in
                (engine.deductionTable(rule), engine.deductionVersionCount(rule))
            } _: { (found: (DeductionTable, Int), reply) in
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

    private func getDeductionTable(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let rule = try tableRule(call)
            lookingAtTable(rule, reply) { table, version, reply throws(Problem) in
                reply.send(
                    Documents.tagged(Self.tag(version)) { json in
                        json.key("waivedAlone")
                        json.number(table.waivedAlone)
                        json.key("steps")
                        json.array { json in
                            for step in table.steps { Messages.write(step, to: &json) }
                        }
                    })
            }
        } catch {
            reply.fail(error)
        }
    }

    private func setDeductionTable(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let rule = try tableRule(call)
            let person = try needSession(call).id
            try readBody(call)
            let reason = try why()
            let waived = try optional("waivedAlone", 0...Int64(DeductionTable.mostTaken)) ?? 0
            guard let table = DeductionTable(try steps(), waivedAlone: UInt16(waived)) else {
                throw Problem(
                    422, "not_a_table",
                    "steps: fields from small to large, within them prices from short to long")
            }
            guard call.match != nil else {
                return try submit(table, rule, version: nil, person, reason, reply)
            }
            lookingAtTable(rule, reply) { [unowned self] _, version, reply throws(Problem) in
                let expected = try call.expected(version, tag: Self.tag(version))
                try submit(table, rule, version: expected, person, reason, reply)
            }
        } catch {
            reply.fail(error)
        }
    }

    private func submit(
        _ table: DeductionTable, _ rule: DeductionRule, version: Int?, _ person: UInt64,
        _ reason: String, _ reply: any Reply
    ) throws(Problem) {
        let taken = hub.submit({ [unowned self] record, _ in
            respond(record, at: Layout.MarketChanged.refusal, reply)
        }) {
            $0.deductionTable(rule, table, version: version, actor: person, reason: reason)
        }
        guard taken else { throw busy() }
    }

    /// `[{"runners": 0, "upTo": [1, 9], "win": 9000, "place": 9000}]`: without `runners` of every field, without
    /// `place` as of win parts.
    private func steps() throws(Problem) -> [DeductionTable.Step] {
        guard let items = tape.member("steps", of: tape.root), let count = tape.count(items),
            count <= DeductionTable.mostSteps
        else {
            throw Problem(400, "malformed", "steps: at most \(DeductionTable.mostSteps)")
        }
        var steps: [DeductionTable.Step] = []
        for number in 0..<count {
            guard let item = tape.item(number, of: items), let step = step(item) else {
                throw Problem(
                    400, "malformed",
                    "steps[\(number)]: upTo [winnings, stake] from 1, win and place 0 to \(DeductionTable.mostTaken), runners 0 to 64"
                )
            }
            steps.append(step)
        }
        return steps
    }

    private func step(_ item: JSONTape.Place) -> DeductionTable.Step? {
        func whole(_ name: StaticString, _ most: Int64) -> Int64? {
            tape.member(name, of: item).flatMap { tape.whole($0) }.flatMap {
                (0...most).contains($0) ? $0 : nil
            }
        }
        guard let price = tape.member("upTo", of: item), tape.count(price) == 2,
            let winnings = tape.item(0, of: price).flatMap({ tape.whole($0) }),
            let stake = tape.item(1, of: price).flatMap({ tape.whole($0) }),
            let winnings = UInt32(exactly: winnings), let stake = UInt32(exactly: stake),
            winnings > 0, stake > 0, let win = whole("win", Int64(DeductionTable.mostTaken))
        else { return nil }
        let place =
            tape.member("place", of: item) == nil
            ? win : whole("place", Int64(DeductionTable.mostTaken))
        let runners = tape.member("runners", of: item) == nil ? 0 : whole("runners", 64)
        guard let place, let runners else { return nil }
        return DeductionTable.Step(
            runners: UInt8(runners), winnings: winnings, stake: stake, win: UInt16(win),
            place: UInt16(place))
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

    fileprivate static func write(_ step: DeductionTable.Step, to json: inout JSONWriter) {
        json.object { json in
            json.key("runners")
            json.number(step.runners)
            json.key("upTo")
            json.array { json in
                json.number(step.winnings)
                json.number(step.stake)
            }
            json.key("win")
            json.number(step.win)
            json.key("place")
            json.number(step.place)
        }
    }
}
