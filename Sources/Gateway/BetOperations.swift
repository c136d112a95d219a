import Betting
import Catalogue
import EngineCore
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops
import ProjectionService

/// Placing a bet, and the numbers of a slip.
extension PunterGateway {
    var betOperations: [Operation] {
        [
            Operation(
                description: PunterRoutes.place, method: .post, path: "/api/v1/bets",
                body: .deferred { [unowned self] call, reply in place(call, reply) }),
            Operation(
                description: PunterRoutes.slip, method: .post, path: "/api/v1/slip",
                body: .deferred { [unowned self] call, reply in slip(call, reply) }),
        ]
    }

    private func place(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let session = try needSession(call)
            try call.body(on: &tape)
            let request: BetRequest
            do {
                request = try BetRequest(tape, in: hub.view, call.key.map { .key($0) } ?? .own)
            } catch {
                throw error.problem("The bet is not complete.")
            }
            let quoted = try checkQuote(request, session)
            var intent = request.intent(
                session, receivedAt: now, digest: digest, rate: settings.rate, quoted)
            intent.channel = call.channel.rawValue
            if let mark = try locate(session, at: call.peer) {
                intent.mustBeLocated = true
                intent.located = mark
            }
            let taken = hub.submit({ [unowned self] record, _ in
                if quoted != nil, let record, record.usesUpID {
                    settings.quotes.use(intent.id, of: intent.account)
                }
                relocate(session, after: record)
                answer(record, hash: intent.requestHash, reply)
            }) { [intent] in $0.place(intent) }
            guard taken else { throw busy() }
        } catch {
            reply.fail(error)
        }
    }

    /// 201 for an open bet, 202 for one that waits, 200 for a repeated answer, 422 for a refusal, also of a
    /// key that was used for another bet.
    private func answer(_ record: RecordBytes?, hash: ExternalID, _ reply: any Reply) {
        guard let record else { return reply.fail(busy()) }
        let status = BetStatus(rawValue: record.field(Layout.Placed.status, as: UInt8.self))
        let refusal = Refusal(rawValue: record.field(Layout.Placed.refusal, as: UInt16.self))
        let isRepeat = record.flags & Layout.Placed.repeated != 0
        let body = Documents.json(
            Self.code(refusal, status, isRepeat: isRepeat), asOf: hub.view.order, .nobody
        ) { json in
            json.key("bet")
            json.object { json in
                Messages.writePlaced(record, status: status ?? .refused, to: &json)
            }
            json.key("balances")
            Messages.balances(Balances(record, at: Layout.Placed.balances), to: &json)
        }
        guard let question = EarlierBet.Question(record, hash: hash) else {
            return reply.send(body)
        }
        find(question) { [unowned self] found in
            switch found {
            case .nothing: reply.send(body)
            case .busy: reply.fail(busy())
            case .bet(let earlier): reply.send(self.answer(earlier))
            }
        }
    }

    private func answer(_ earlier: EarlierBet) -> HTTPResponse {
        let refusal = earlier.isReused ? Refusal.idReused : Refusal(rawValue: earlier.bet.refusal)
        return Documents.json(
            Self.code(refusal, nil, isRepeat: true), asOf: hub.view.order, .nobody
        ) { json in
            json.key("bet")
            json.object { json in Messages.writeEarlier(earlier, to: &json) }
            json.key("balances")
            Messages.balances(earlier.balances, to: &json)
        }
    }

    private static func code(_ refusal: Refusal?, _ status: BetStatus?, isRepeat: Bool) -> Int {
        switch (refusal, status) {
        case (.some, _): 422
        case (nil, .pending): isRepeat ? 200 : 202
        case (nil, _): isRepeat ? 200 : 201
        }
    }

    private static func write(_ bound: StakeBound, to json: inout JSONWriter) {
        json.object { json in
            json.key("rule")
            json.string(bound.rule.code)
            if let leg = bound.leg {
                json.key("leg")
                json.number(leg)
            }
            json.key("most")
            json.number(bound.most)
        }
    }

    // MARK: The slip's numbers

    /// Potential return and maximum stake, told by the engine between two turns.
    private func slip(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            try call.body(on: &tape)
            let bet: BetRequest
            do {
                bet = try BetRequest(tape, in: hub.view, .draft(now))
            } catch {
                throw error.problem("The slip is not complete.")
            }
            let account = call.session?.account
            let (shape, legs) = (bet.shape, bet.legs)
            let stake = StakeSplit(
                cash: bet.stake - bet.bonus - bet.free, bonus: bet.bonus, free: bet.free)
            let isEachWay = bet.structure == .eachWay
            var joint: Odds?
            if bet.structure == .sameGame {
                joint = jointOdds(
                    bet.legs.map {
                        QuoteBook.Leg(
                            market: $0.market.rawValue, selection: $0.selection, odds: $0.odds,
                            places: nil)
                    })
            }
            let price = joint
            let isQuoteRequired = settings.areQuotesRequired || bet.structure == .sameGame
            try asking(reply) { engine in
                engine.slip(
                    stake: stake, shape: shape, isEachWay: isEachWay, joint: price, legs: legs,
                    account: account)
            } _: { numbers, reply in
                reply.send(
                    Documents.json(asOf: numbers.asOf, .nobody) { json in
                        json.key("potentialReturn")
                        if let potential = numbers.potentialReturn {
                            json.number(potential)
                        } else {
                            json.null()
                        }
                        json.key("minimumStake")
                        json.number(numbers.minimumStake)
                        json.key("maximumStake")
                        json.number(numbers.maximumStake)
                        json.key("delay")
                        json.number(numbers.delay)
                        json.key("related")
                        json.bool(numbers.isRelated)
                        json.key("lines")
                        json.number(numbers.lines)
                        if let price {
                            json.key("jointOdds")
                            Messages.write(odds: price, to: &json)
                        }
                        json.key("quoteRequired")
                        json.bool(isQuoteRequired)
                        if numbers.house.bonus != .none {
                            json.key("bonus")
                            json.object { json in Messages.write(numbers.house.bonus, to: &json) }
                        }
                        if numbers.house.commission > 0 {
                            json.key("commission")
                            json.number(numbers.house.commission)
                        }
                        json.key("limits")
                        json.array { json in
                            for bound in numbers.bounds { Self.write(bound, to: &json) }
                        }
                    })
            }
        } catch {
            reply.fail(error)
        }
    }
}
