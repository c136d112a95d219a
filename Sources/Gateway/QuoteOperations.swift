import Betting
import EngineCore
import EngineJournal
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops
import Pricing

/// Single-use quotes, also of selections that are priced together.
extension PunterGateway {
    var quoteOperations: [Operation] {
        [
            Operation(
                description: PunterRoutes.quote, method: .post, path: "/api/v1/quotes",
                body: .immediate { [unowned self] call throws(Problem) in try quote(call) })
        ]
    }

    private func quote(_ call: Call) throws(Problem) -> HTTPResponse {
        let session = try needSession(call)
        try call.body(on: &tape)
        let (isTogether, legs) = try quotedLegs()
        let now = self.now
        var joint: Odds?
        if isTogether {
            guard let odds = jointOdds(legs) else {
                throw Problem(
                    422, "not_priced_together",
                    "Nobody prices these selections together at the moment.")
            }
            joint = odds
        }
        let quoted = QuoteBook.Quoted(
            id: ExternalID(
                milliseconds: now.milliseconds, random: (Tokens.random64(), Tokens.random64())),
            until: now.milliseconds + QuoteBook.validity, joint: joint)
        guard settings.quotes.issue(quoted, to: session.account, now: now.milliseconds) else {
            throw Problem(
                429, "too_many_quotes",
                "\(QuoteBook.mostOfAccount) quotes of yours are out. Use one, or wait half a minute."
            )
        }
        return document(quoted, session.account, legs)
    }

    private func document(
        _ quoted: QuoteBook.Quoted, _ account: AccountID, _ legs: [QuoteBook.Leg]
    ) -> HTTPResponse {
        Documents.json(asOf: hub.view.order, .nobody) { json in
            json.key("id")
            json.string(quoted.id.description)
            json.key("quote")
            json.string(settings.quotes.token(quoted, account, legs))
            json.key("until")
            json.string(Timestamp(nanoseconds: quoted.until * 1_000_000).description)
            if let joint = quoted.joint {
                json.key("jointOdds")
                Messages.write(odds: joint, to: &json)
            }
            json.key("legs")
            json.array { json in
                for leg in legs {
                    let market = hub.view.markets[MarketID(leg.market)]
                    json.object { json in
                        json.key("market")
                        json.numberText(leg.market)
                        json.key("selection")
                        json.number(leg.selection)
                        Messages.write(legOdds: leg.odds, to: &json)
                        json.key("version")
                        json.number(market?.version ?? 0)
                        Messages.write(places: leg.places, to: &json)
                    }
                }
            }
        }
    }

    /// The legs as they are offered now; and whether they are to have one price.
    private func quotedLegs() throws(Problem) -> (Bool, [QuoteBook.Leg]) {
        let root = tape.root
        let structure = tape.member("structure", of: root)
        let isTogether = structure.map { tape.isText($0, "same_game") } ?? false
        guard isTogether || structure == nil else {
            throw Problem(
                400, "malformed", "structure: same_game where all legs get one price, or none")
        }
        let said = tape.member("eachWay", of: root).map { tape.flag($0) } ?? false
        guard let isEachWay = said else {
            throw Problem(400, "malformed", "eachWay: true or false")
        }
        guard let items = tape.member("legs", of: root), let count = tape.count(items), count > 0,
            count <= Limits.legs
        else { throw Problem(400, "malformed", "legs: 1 to \(Limits.legs)") }
        var legs: [QuoteBook.Leg] = []
        for index in 0..<count {
            let item = tape.item(index, of: items)!
            guard let id = tape.member("market", of: item).flatMap({ tape.text($0) }),
                let number = UInt64(id),
                let selection = tape.member("selection", of: item).flatMap({ tape.whole($0) }),
                (0..<64).contains(selection)
            else {
                throw Problem(
                    400, "malformed", "legs[\(index)]: a market's id as text, and a selection")
            }
            let isAtStart = tape.member("startingPrice", of: item).map { tape.flag($0) } ?? false
            guard let isAtStart else {
                throw Problem(400, "malformed", "legs[\(index)].startingPrice: true or false")
            }
            guard !isAtStart || !isTogether else {
                throw Problem(
                    422, "not_offered",
                    "legs[\(index)]: not at starting price with others of its match.")
            }
            guard let market = hub.view.markets[MarketID(number)], market.reasons.isEmpty,
                Int(selection) < market.selections.count,
                !isEachWay || market.places != nil,
                isAtStart ? market.takesAtStart : market.selections[Int(selection)].odds != nil
            else {
                throw Problem(422, "not_offered", "legs[\(index)]: it is not offered just now.")
            }
            let odds = isAtStart ? nil : market.selections[Int(selection)].odds
            legs.append(
                QuoteBook.Leg(
                    market: number, selection: UInt32(selection), odds: odds,
                    places: isEachWay ? market.places : nil))
        }
        return (isTogether, legs)
    }

    /// What legs of one match are worth together; nil where nobody says, or it is no price.
    func jointOdds(_ legs: [QuoteBook.Leg]) -> Odds? {
        guard let pricer = settings.jointPricer,
            (2...Limits.sameGameLegs).contains(legs.count)
        else { return nil }
        let wanted = legs.compactMap { leg in
            hub.view.markets[MarketID(leg.market)].map {
                JointLeg(market: $0.externalID, selection: Int(leg.selection))
            }
        }
        guard wanted.count == legs.count, Set(wanted.map(\.market)).count == legs.count else {
            return nil
        }
        return pricer.chance(of: wanted).flatMap {
            JointPrice.odds(
                for: $0, legs: legs.count, margin: settings.jointMargin, on: .classic)
        }
    }

    /// What a bet says of a quote, held against what was quoted.
    ///
    /// - Throws: 422 `quote_missing` or `quote_invalid`.
    func checkQuote(_ request: BetRequest, _ session: PunterSession) throws(Problem)
        -> QuoteBook.Quoted?
    {
        guard let token = request.quote else {
            guard !settings.areQuotesRequired, request.structure != .sameGame else {
                throw Problem(
                    422, "quote_missing", "Fetch a quote for this bet first: its id is the bet's.")
            }
            return nil
        }
        let legs = request.legs.map {
            QuoteBook.Leg(
                market: $0.market.rawValue, selection: $0.selection, odds: $0.odds,
                places: $0.places)
        }
        let quoted = settings.quotes.read(token, id: request.clientID, session.account, legs)
        guard let quoted, (quoted.joint != nil) == (request.structure == .sameGame) else {
            throw Problem(422, "quote_invalid", "That quote is not for this bet.")
        }
        // Whether it is over the engine says, which first looks whether its bet was decided before.
        return quoted
    }
}

extension RecordBytes {
    /// Whether a bet was decided with its id, of an answer to it.
    var usesUpID: Bool {
        Refusal(rawValue: field(Layout.Placed.refusal, as: UInt16.self))?.usesUpID ?? true
    }
}
