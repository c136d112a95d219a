import EngineCore
import EngineJournal
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops

/// What prices are made of, and a trader's hand on them.
extension OperatorGateway {
    var pricingOperations: [Operation] {
        [
            Operation(
                description: OperatorRoutes.pricing, method: .get,
                path: "/api/v1/markets/{market}/pricing",
                body: .deferred { [unowned self] call, reply in getPricing(call, reply) }),
            Operation(
                description: OperatorRoutes.setPricing, method: .put,
                path: "/api/v1/markets/{market}/pricing",
                body: .deferred { [unowned self] call, reply in setPricing(call, reply) }),
        ]
    }

    private static func tag(_ picture: MarketPicture) -> String {
        // What a page shows changes with every price: what must not have changed is the hand, and how the match stands.
        "\"hand-\(picture.handVersion)-\(picture.fixtureMaterial)\""
    }

    private func getPricing(_ call: Call, _ reply: any Reply) {
        looking(call, reply) { market, picture, reply throws(Problem) in
            var response = Documents.tagged(Self.tag(picture)) { json in
                json.key("market")
                json.numberText(market.id.rawValue)
                json.key("feedMargin")
                json.number(market.margin)
                json.key("margin")
                json.numberOrNull(picture.handMargin)
                json.key("byHand")
                json.bool(picture.isByHand)
                json.key("winners")
                json.number(picture.winners)
                json.key("selections")
                json.array { json in
                    for (view, selection) in zip(market.selections, picture.selections) {
                        json.object { json in
                            json.key("name")
                            json.string(view.name)
                            json.key("reference")
                            json.number(selection.reference)
                            json.key("fed")
                            Messages.write(odds: selection.fed, to: &json)
                            json.key("held")
                            Messages.write(odds: selection.held, to: &json)
                            json.key("odds")
                            Messages.write(odds: selection.odds, to: &json)
                        }
                    }
                }
            }
            response.fields.append(("cache-control", "no-store"))
            reply.send(response)
        }
    }

    private func setPricing(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let person = try needSession(call)
            try readBody(call)
            let held = try held()
            guard held.count == (try market(call)).selections.count else {
                throw Problem(422, "prices_mismatch", "held: a price or null for each selection")
            }
            var hand = PricingHand(held: held, actor: person.id, reason: try why())
            hand.margin = try nullable("margin", 0...Int64(Limits.margin)).map { UInt32($0) }
            hand.isSure = try flag("sure") ?? false
            let wanted = hand
            looking(call, reply) { [unowned self] market, picture, reply throws(Problem) in
                var hand = wanted
                hand.version = try call.expected(picture.handVersion, tag: Self.tag(picture))
                hand.seen = hand.version == nil ? nil : picture.fixtureMaterial
                let taken = hub.submit({ [unowned self] record, _ in
                    respond(record, at: Layout.MarketChanged.refusal, reply)
                }) { $0.pricing(market.externalID, hand) }
                guard taken else { throw busy() }
            }
        } catch {
            reply.fail(error)
        }
    }

    /// A price for each selection, `[return, stake]`, or null.
    private func held() throws(Problem) -> [Odds?] {
        let wanted = Problem(
            400, "malformed", "held: for each selection null or [return, stake], such as [5, 2]")
        guard let place = tape.member("held", of: tape.root), let count = tape.count(place),
            (2...Limits.selections).contains(count)
        else { throw wanted }
        var held: [Odds?] = []
        for index in 0..<count {
            guard let item = tape.item(index, of: place) else { throw wanted }
            if tape.isNull(item) {
                held.append(nil)
                continue
            }
            guard tape.count(item) == 2,
                let above = tape.item(0, of: item).flatMap({ tape.whole($0) }),
                let below = tape.item(1, of: item).flatMap({ tape.whole($0) }),
                let numerator = UInt32(exactly: above), let denominator = UInt32(exactly: below),
                denominator > 0, numerator > 0
            else { throw wanted }
            guard let odds = Odds(numerator, over: denominator) else {
                throw Problem(
                    422, "amount_out_of_range", "held: a winning bet returns more than its stake")
            }
            held.append(odds)
        }
        return held
    }

    /// A number, or null, or not there: both nil.
    func nullable(_ name: StaticString, _ range: ClosedRange<Int64>) throws(Problem) -> Int64? {
        guard let place = tape.member(name, of: tape.root), !tape.isNull(place) else { return nil }
        return try whole(name, range)
    }
}
