import Betting
import Catalogue
import EngineCore
import EngineJournal
import JSONText
import Kernel

/// A `place` message as it came: its shape is checked here, its meaning by the engine.
struct BetRequest {
    let clientID: ExternalID
    let validUntil: Timestamp
    let stake: Int64
    let currency: Currency
    let legs: [LegIntent]
    let rule: PriceRule
    let ruleSource: PriceRuleSource
    let tolerance: UInt8
    let format: OddsFormat
    let structure: BetStructure

    /// What is wrong with the message; uses up no id.
    struct Malformed: Error {
        let what: String
    }

    init(_ json: JSONValue, in view: CatalogueView) throws(Malformed) {
        guard let id = json["id"]?.text.flatMap({ ExternalID($0) }), id != .zero else {
            throw Malformed(what: "id: a UUID that you made for this bet")
        }
        guard let until = json["validUntil"]?.text.flatMap({ Timestamp($0) }) else {
            throw Malformed(what: "validUntil: RFC 3339 in UTC, such as 2026-01-02T03:04:05Z")
        }
        guard let stake = json["stake"], let amount = stake["amount"]?.whole, amount > 0,
            amount <= Limits.minorUnits
        else { throw Malformed(what: "stake.amount: whole minor units, 1 to 2^53 - 1") }
        guard let currency = stake["currency"]?.text.flatMap({ Currency($0) }) else {
            throw Malformed(what: "stake.currency: a known ISO 4217 code")
        }
        guard stake["kind"] == nil || stake["kind"]?.text == "cash" else {
            throw Malformed(what: "stake.kind: only cash is taken")
        }
        let word = json["structure"]?.text ?? "accumulator"
        switch word {
        case "single", "accumulator": structure = .accumulator
        case "system": structure = .system
        default: throw Malformed(what: "structure: single or accumulator")
        }
        guard let items = json["legs"]?.items, !items.isEmpty, items.count <= Limits.legs else {
            throw Malformed(what: "legs: 1 to \(Limits.legs)")
        }
        var legs: [LegIntent] = []
        for (index, item) in items.enumerated() {
            legs.append(try Self.leg(item, index, view))
        }
        let ruleName = json["priceRule"]?.text
        guard let rule = PriceRule(name: ruleName ?? "exact") else {
            throw Malformed(what: "priceRule: exact, better or any")
        }
        let tolerance = json["tolerance"]?.whole ?? 0
        guard (0...255).contains(tolerance) else {
            throw Malformed(what: "tolerance: 0 to 255 rungs of the ladder")
        }
        guard let format = OddsFormat(name: json["oddsFormat"]?.text ?? "decimal") else {
            throw Malformed(what: "oddsFormat: decimal, fractional or american")
        }
        guard json["quote"] == nil || json["quote"]?.isNull == true else {
            throw Malformed(what: "quote: single-use quotes are not issued")
        }
        clientID = id
        validUntil = until
        self.stake = amount
        self.currency = currency
        self.legs = legs
        self.rule = rule
        ruleSource = ruleName == nil ? .standard : .customer
        self.tolerance = UInt8(tolerance)
        self.format = format
    }

    private static func leg(_ json: JSONValue, _ index: Int, _ view: CatalogueView)
        throws(Malformed) -> LegIntent
    {
        guard let market = json["market"]?.text.flatMap({ UInt64($0) }) else {
            throw Malformed(what: "legs[\(index)].market: the market's id as text")
        }
        guard let selection = json["selection"]?.whole, (0..<64).contains(selection) else {
            throw Malformed(what: "legs[\(index)].selection: the selection's number in its market")
        }
        guard let pair = json["odds"]?.items, pair.count == 2, let numerator = pair[0].whole,
            let denominator = pair[1].whole, let top = UInt32(exactly: numerator),
            let bottom = UInt32(exactly: denominator), let odds = Odds(top, over: bottom)
        else {
            throw Malformed(what: "legs[\(index)].odds: [return, stake] as the market showed them")
        }
        var score = Score.unknown
        if let pair = json["score"]?.items {
            guard pair.count == 2, let home = pair[0].whole, let away = pair[1].whole,
                let homeGoals = UInt16(exactly: home), let awayGoals = UInt16(exactly: away)
            else { throw Malformed(what: "legs[\(index)].score: [home, away] or null") }
            score = Score(home: homeGoals, away: awayGoals).packed
        }
        let id = MarketID(market)
        let known = view.markets[id]
        return LegIntent(
            market: id, fixture: known?.fixture ?? FixtureID(.max), selection: UInt32(selection),
            odds: odds, marketVersion: json["version"]?.whole.map { UInt64(clamping: $0) } ?? 0,
            score: score,
            clockSeconds: json["clock"]?.whole.map { UInt32(clamping: $0) } ?? .max,
            message: known?.message ?? 0)
    }

    /// 128 bits over everything that the customer decided: another slip under the same id differs here.
    func hash(_ digest: Digest) -> ExternalID {
        var bytes: [UInt8] = []
        func put(_ value: UInt64) {
            for shift in stride(from: 0, to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
            }
        }
        put(UInt64(stake))
        put(UInt64(currency.numericCode) << 32 | UInt64(structure.rawValue))
        put(UInt64(rule.rawValue) << 8 | UInt64(tolerance))
        for leg in legs {
            put(leg.market.rawValue)
            put(UInt64(leg.selection))
            put(UInt64(leg.odds.numerator) << 32 | UInt64(leg.odds.denominator))
        }
        let sum = bytes.withUnsafeBytes { digest.sha256($0) }
        func word(_ start: Int) -> UInt64 {
            (0..<8).reduce(UInt64(0)) { $0 << 8 | UInt64(sum[start + $1]) }
        }
        return ExternalID(high: word(0), low: word(8))
    }

    func intent(_ session: PunterSession, receivedAt: Timestamp, digest: Digest) -> BetIntent {
        var intent = BetIntent(
            account: session.account, id: clientID, requestHash: hash(digest),
            session: session.session, stake: stake, currency: currency, legs: legs,
            validUntil: validUntil, receivedAt: receivedAt)
        intent.structure = structure
        intent.rule = rule
        intent.ruleSource = ruleSource
        intent.tolerance = tolerance
        intent.oddsFormat = format
        return intent
    }
}
