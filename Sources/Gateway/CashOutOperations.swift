import Betting
import EngineCore
import EngineJournal
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops

/// What one's own bets could be sold back for, and selling them.
extension PunterGateway {
    var cashOutOperations: [Operation] {
        [
            Operation(
                description: PunterRoutes.cashOuts, method: .get, path: "/api/v1/cash-outs",
                body: .deferred { [unowned self] call, reply in listCashOuts(call, reply) }),
            Operation(
                description: PunterRoutes.cashOut, method: .get,
                path: "/api/v1/bets/{bet}/cash-out",
                body: .deferred { [unowned self] call, reply in getCashOut(call, reply) }),
            Operation(
                description: PunterRoutes.sell, method: .post,
                path: "/api/v1/bets/{bet}/cash-out",
                body: .deferred { [unowned self] call, reply in sell(call, reply) }),
            Operation(
                description: PunterRoutes.setSaleRule, method: .put,
                path: "/api/v1/bets/{bet}/cash-out-rule",
                body: .deferred { [unowned self] call, reply in
                    setRule(call, reply) { call throws(Problem) in try atLeast(call) }
                }),
            Operation(
                description: PunterRoutes.removeSaleRule, method: .delete,
                path: "/api/v1/bets/{bet}/cash-out-rule",
                body: .deferred { [unowned self] call, reply in
                    setRule(call, reply) { _ in nil }
                }),
        ]
    }

    /// Bets that are asked about at a time.
    static let mostCashOuts = 20

    private static func bet(_ call: Call) throws(Problem) -> UInt64 {
        guard let id = call.parameter("bet").flatMap({ UInt64($0) }), id <= UInt64(Int64.max) else {
            throw betUnknown
        }
        return id
    }

    // MARK: What they are worth

    private func getCashOut(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let account = try needSession(call).account
            let bet = try Self.bet(call)
            let part = try call.number("stake", in: 0...Int(Limits.minorUnits), standard: 0)
            try asking(reply) { engine in
                (engine.sequence, engine.cashOut(of: bet, account: account, part: Int64(part)))
            } _: { (found: (UInt64, CashOutAnswer), reply) in
                guard !found.1.isUnknown else { return reply.fail(Self.betUnknown) }
                reply.send(
                    Documents.json(asOf: found.0, .itsReader) { json in
                        json.key("cashOut")
                        Messages.write(found.1, to: &json)
                    })
            }
        } catch {
            reply.fail(error)
        }
    }

    /// Several at once, all of each; bets that are nobody's or somebody else's are left out.
    private func listCashOuts(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let account = try needSession(call).account
            let texts = (call.parameter("bets") ?? "").split(separator: ",")
            let bets = texts.compactMap { UInt64($0) }.filter { $0 <= UInt64(Int64.max) }
            guard !bets.isEmpty, bets.count == texts.count, bets.count <= Self.mostCashOuts else {
                throw Problem(
                    400, "malformed", "bets: 1 to \(Self.mostCashOuts) numbers, joined by commas")
            }
            try asking(reply) { engine in
                (
                    engine.sequence,
                    bets.map { engine.cashOut(of: $0, account: account, part: 0) }
                )
            } _: { (found: (UInt64, [CashOutAnswer]), reply) in
                reply.send(
                    Documents.json(asOf: found.0, .itsReader) { json in
                        json.key("cashOuts")
                        json.array { json in
                            for answer in found.1 where !answer.isUnknown {
                                Messages.write(answer, to: &json)
                            }
                        }
                    })
            }
        } catch {
            reply.fail(error)
        }
    }

    // MARK: By rule

    private func setRule(
        _ call: Call, _ reply: any Reply, _ wanted: (Call) throws(Problem) -> Int64?
    ) {
        do throws(Problem) {
            let session = try needSession(call)
            let bet = try Self.bet(call)
            let atLeast = try wanted(call)
            let taken = hub.submit({ [unowned self] record, _ in
                guard let record else { return reply.fail(busy()) }
                reply.send(Self.rule(record, asOf: hub.view.order))
            }) {
                $0.cashOutRule(
                    of: bet, atLeast: atLeast, account: session.account, session: session.session)
            }
            guard taken else { throw busy() }
        } catch {
            reply.fail(error)
        }
    }

    private static func rule(_ record: RecordBytes, asOf: UInt64) -> HTTPResponse {
        let refusal = Refusal(
            rawValue: record.field(Layout.CashOutRuleChanged.refusal, as: UInt16.self))
        switch refusal {
        case .betUnknown: return betUnknown.response
        case .some(let refusal) where refusal.isCapacity:
            return Problem(503, refusal.code, refusal.text).response
        case .some(let refusal): return Problem(422, refusal.code, refusal.text).response
        case nil: break
        }
        let atLeast = record.field(Layout.CashOutRuleChanged.atLeast, as: Int64.self)
        return Documents.json(asOf: asOf, .nobody) { json in
            json.key("bet")
            json.numberText(record.field(Layout.CashOutRuleChanged.bet, as: UInt64.self))
            json.key("rule")
            json.numberOrNull(atLeast > 0 ? atLeast : nil)
        }
    }

    private func atLeast(_ call: Call) throws(Problem) -> Int64? {
        try call.body(on: &tape)
        guard let place = tape.member("atLeast", of: tape.root), let amount = tape.whole(place),
            (1...Limits.potentialReturn).contains(amount)
        else {
            throw Problem(
                400, "malformed", "atLeast: whole minor units, 1 to \(Limits.potentialReturn)",
                detail: "DELETE takes a rule away.")
        }
        return amount
    }

    // MARK: Selling

    private func sell(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let session = try needSession(call)
            let bet = try Self.bet(call)
            guard let key = call.key else { throw Self.betUnknown }
            try call.body(on: &tape)
            let intent: CashOutIntent
            do {
                let request = try CashOutRequest(tape)
                intent = request.intent(of: bet, session, id: key, digest: digest)
            } catch {
                throw error.problem("The cash-out is not complete.", rule: "not_a_cash_out")
            }
            let taken = hub.submit({ [unowned self] record, _ in answer(record, reply) }) {
                $0.cashOut(intent)
            }
            guard taken else { throw busy() }
        } catch {
            reply.fail(error)
        }
    }

    /// 200 for what is sold, 202 for what waits, 422 for a refusal, 404 for a bet that one does not have.
    private func answer(_ record: RecordBytes?, _ reply: any Reply) {
        guard let record else { return reply.fail(busy()) }
        let status = record.field(Layout.CashOutAnswered.status, as: UInt8.self)
        let refusal = Refusal(
            rawValue: record.field(Layout.CashOutAnswered.refusal, as: UInt16.self))
        guard refusal != .betUnknown else { return reply.fail(Self.betUnknown) }
        let code =
            refusal != nil ? 422 : status == BetStatus.pending.rawValue ? 202 : 200
        reply.send(
            Documents.json(code, asOf: hub.view.order, .nobody) { json in
                Messages.writeSold(record, to: &json)
            })
    }
}

/// A wish to sell as it came: its shape is checked here, its meaning by the engine.
struct CashOutRequest {
    /// Minor units of the stake, 0 all of it.
    let part: Int64
    /// Minor units: what was offered.
    let value: Int64
    let material: UInt64
    let prices: UInt64
    let validUntil: Timestamp

    init(_ tape: borrowing JSONTape) throws(BetRequest.Malformed) {
        let root = tape.root
        validUntil = try BetRequest.deadline(tape)
        guard let value = tape.member("value", of: root).flatMap({ tape.whole($0) }),
            (1...Limits.minorUnits).contains(value)
        else { throw BetRequest.Malformed(what: "value: what was offered, in whole minor units") }
        self.value = value
        part =
            try tape.member("stake", of: root).map { place throws(BetRequest.Malformed) in
                guard let part = tape.whole(place), (1...Limits.minorUnits).contains(part) else {
                    throw BetRequest.Malformed(
                        what: "stake: whole minor units of the bet's stake; without it all is sold")
                }
                return part
            } ?? 0
        let offer = tape.member("offer", of: root).flatMap { tape.text($0) } ?? ""
        let versions = offer.split(separator: "-", omittingEmptySubsequences: false).map {
            UInt64($0)
        }
        guard versions.count == 2, let material = versions[0], let prices = versions[1] else {
            throw BetRequest.Malformed(what: "offer: as it was named with the value")
        }
        self.material = material
        self.prices = prices
    }

    /// 128 bits over everything that the customer decided.
    private func hash(of bet: UInt64, _ digest: Digest) -> ExternalID {
        var bytes = Array("cash-out".utf8)
        for word in [bet, UInt64(part), UInt64(value)] { bytes.append(littleEndian: word) }
        let sum = bytes.withUnsafeBytes { digest.sha256($0) }
        return ExternalID(hash: sum[..<16])
    }

    func intent(of bet: UInt64, _ session: PunterSession, id: ExternalID, digest: Digest)
        -> CashOutIntent
    {
        CashOutIntent(
            account: session.account, id: id, requestHash: hash(of: bet, digest),
            session: session.session, bet: bet, part: part, least: value, material: material,
            prices: prices, validUntil: validUntil)
    }
}

extension Messages {
    /// What a bet could be sold for, or why it could not be.
    static func write(_ answer: CashOutAnswer, to json: inout JSONWriter) {
        json.object { json in
            json.key("bet")
            json.numberText(answer.bet)
            json.key("rule")
            json.numberOrNull(answer.rule)
            if let due = answer.dueAt {
                json.key("dueAt")
                write(time: due, to: &json)
            }
            switch answer.worth {
            case .refused(let refusal, let facts):
                json.key("refusal")
                write(
                    refusal: refusal, leg: facts.leg, value: facts.value,
                    threshold: facts.threshold, to: &json)
            case .offer(let offer):
                json.key("stake")
                json.number(offer.part)
                json.key("step")
                json.number(offer.step)
                json.key("standing")
                json.number(offer.stake)
                json.key("value")
                json.number(offer.value.payout)
                json.key("fair")
                json.string(ExactAmount(millionths: offer.value.fair).text(decimals: 6))
                json.key("exact")
                json.string(ExactAmount(millionths: offer.value.exact).text(decimals: 6))
                json.key("margin")
                json.number(offer.margin)
                json.key("delay")
                json.number(offer.delay)
                json.key("offer")
                json.string("\(offer.material)-\(offer.prices)")
            }
        }
    }

    /// What became of a wish to sell: the answer to the client, pushed and replied alike.
    static func writeSold(_ record: RecordBytes, to json: inout JSONWriter) {
        typealias Sold = Layout.CashOutAnswered
        let status = BetStatus(rawValue: record.field(Sold.status, as: UInt8.self)) ?? .refused
        let bet = BetStatus(rawValue: record.field(Sold.betStatus, as: UInt8.self))
        json.key("cashOut")
        json.object { json in
            json.key("bet")
            json.numberText(record.field(Sold.bet, as: UInt64.self))
            if record.clientID != .zero {
                json.key("clientId")
                json.quoted { record.clientID.append(to: &$0) }
            }
            json.key("status")
            json.string(status.word)
            json.key("stake")
            json.number(record.field(Sold.part, as: Int64.self))
            json.key("payout")
            json.number(record.field(Sold.payout, as: Int64.self))
            if let bet {
                json.key("betStatus")
                json.string(bet.word)
            }
            json.key("standing")
            json.number(record.field(Sold.stakeLeft, as: Int64.self))
            json.key("potentialReturn")
            json.number(record.field(Sold.potentialReturn, as: Int64.self))
            json.key("repeated")
            json.bool(record.flags & Sold.repeated != 0)
            let exact = record.field(Sold.exact, as: Int64.self)
            if exact > 0 {
                json.key("fair")
                json.string(
                    ExactAmount(millionths: record.field(Sold.fair, as: Int64.self)).text(
                        decimals: 6))
                json.key("exact")
                json.string(ExactAmount(millionths: exact).text(decimals: 6))
                json.key("margin")
                json.number(record.field(Sold.margin, as: UInt16.self))
            }
            let due = record.field(Sold.dueAt, as: Int64.self)
            if due != 0 {
                json.key("dueAt")
                write(time: Timestamp(nanoseconds: due), to: &json)
            }
            if let refusal = Refusal(rawValue: record.field(Sold.refusal, as: UInt16.self)) {
                json.key("refusal")
                write(
                    refusal: refusal, leg: record.field(Sold.refusalLeg, as: UInt32.self),
                    value: record.field(Sold.value, as: Int64.self),
                    threshold: record.field(Sold.threshold, as: Int64.self), to: &json)
            }
        }
        json.key("balances")
        balances(Balances(record, at: Sold.balances), to: &json)
    }

    static func sold(_ record: RecordBytes, in view: CatalogueView) -> [UInt8] {
        document(
            Envelope(
                topic: "bets", epoch: view.epoch, sequence: record.sequence,
                order: record.sequence, time: record.time, type: "cashOut")
        ) { json in
            writeSold(record, to: &json)
        }
    }
}
