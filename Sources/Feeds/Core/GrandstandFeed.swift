import Betting
import Catalogue
import JSONText
import Kernel
import Pricing

/// Grandstand's own feed format: one JSON object a line. Source of docs/formats/feed.md.
public enum GrandstandFeed {
    /// Bytes of one line.
    public static let longestLine = 1 << 20

    // MARK: Reading

    /// `number` is the line's own, for messages and errors.
    public static func parse(_ line: Span<UInt8>, number: UInt64) throws(FeedError) -> FeedMessage {
        guard line.count <= longestLine else {
            throw FeedError(line: number, what: "line too long")
        }
        let value: JSONValue
        do {
            value = try JSONParser().parse(line)
        } catch {
            throw FeedError(line: number, what: "\(error.what) at byte \(error.offset)")
        }
        guard let time = value["time"]?.whole, FeedTime.range.contains(time) else {
            throw FeedError(
                line: number,
                what: "time: milliseconds since 1970, up to the year 2200, are missing")
        }
        do {
            return FeedMessage(time: time, number: number, events: [try event(value)])
        } catch {
            throw FeedError(line: number, what: error.what)
        }
    }

    private struct Missing: Error {
        let what: String
    }

    private static func event(_ value: JSONValue) throws(Missing) -> FeedEvent {
        switch try text(value, "type") {
        case "heartbeat": return .heartbeat
        case "fixture":
            return .fixture(
                FeedFixture(
                    id: try text(value, "id"), sport: try sport(value),
                    competition: value["competition"]?.text ?? "",
                    home: try text(value, "home"), away: try text(value, "away"),
                    scheduled: FeedTime.clamped(value["scheduled"]?.whole)))
        case "market": return .market(try market(value))
        case "quotes":
            guard let items = value["quotes"]?.items else { throw Missing(what: "quotes: missing") }
            var quotes: [Quote] = []
            for item in items { quotes.append(try quote(item)) }
            return .quotes(FeedQuotes(market: try text(value, "market"), quotes: quotes))
        case "state":
            guard let isSuspended = value["suspended"]?.flag else {
                throw Missing(what: "suspended: true or false is missing")
            }
            return .marketState(market: try text(value, "market"), isSuspended: isSuspended)
        case "update": return .update(try update(value))
        case "result":
            guard let items = value["results"]?.items else {
                throw Missing(what: "results: missing")
            }
            var results: [SelectionResult] = []
            for item in items {
                guard let word = item.text,
                    let result = SelectionResult.allCases.first(where: { $0.word == word })
                else { throw Missing(what: "results: an unknown result") }
                results.append(result)
            }
            let certainty = value["certainty"]?.whole ?? 2
            guard certainty == 1 || certainty == 2 else {
                throw Missing(what: "certainty: 1 (scouted) or 2 (confirmed)")
            }
            return .result(
                FeedResult(
                    market: try text(value, "market"), certainty: UInt8(certainty),
                    results: results, finish: try finish(value, results.count)))
        case "rollback": return .rollback(market: try text(value, "market"))
        case "cancel": return .cancel(try cancel(value))
        case "starting_prices":
            guard let items = value["prices"]?.items else { throw Missing(what: "prices: missing") }
            var prices: [UInt32] = []
            for item in items {
                guard item.isNull || (item.thousandths ?? 0) > 1000 else {
                    throw Missing(what: "prices: decimal odds above 1, or null")
                }
                prices.append(item.thousandths ?? 0)
            }
            return .startingPrices(market: try text(value, "market"), prices)
        case "early_payout":
            guard let items = value["before"]?.items else { throw Missing(what: "before: missing") }
            var moments: [Int64] = []
            for item in items {
                guard item.isNull || FeedTime.clamped(item.whole) > 0 else {
                    throw Missing(what: "before: milliseconds of UTC, or null")
                }
                moments.append(FeedTime.clamped(item.whole))
            }
            return .earlyPayout(market: try text(value, "market"), moments)
        case "withdrawal":
            guard let selection = value["selection"]?.whole, (0..<64).contains(selection) else {
                throw Missing(what: "selection: its place in the market, from 0")
            }
            return .withdrawal(
                FeedWithdrawal(
                    market: try text(value, "market"), selection: Int(selection),
                    effective: FeedTime.clamped(value["effective"]?.whole),
                    deduction: try deduction(value, "deduction"),
                    placeDeduction: try deduction(value, "placeDeduction"),
                    places: try places(value)))
        case let other: throw Missing(what: "type: \"\(other)\" is unknown")
        }
    }

    /// Hundredths of a percent.
    private static func deduction(_ value: JSONValue, _ key: String) throws(Missing) -> UInt16? {
        guard let member = value[key] else { return nil }
        guard let points = member.whole, (0..<10_000).contains(points) else {
            throw Missing(what: "\(key): hundredths of a percent, 0 to 9999")
        }
        return UInt16(points)
    }

    /// `{"places": 3, "fraction": [1, 5]}`
    private static func places(_ value: JSONValue) throws(Missing) -> PlaceTerms? {
        guard let terms = value["eachWay"] else { return nil }
        guard let places = terms["places"]?.whole, let fraction = terms["fraction"]?.items,
            fraction.count == 2,
            let known = PlaceTerms(
                places: UInt8(clamping: places), numerator: UInt8(clamping: fraction[0].whole ?? 0),
                denominator: UInt8(clamping: fraction[1].whole ?? 0))
        else { throw Missing(what: "eachWay: such as {\"places\": 3, \"fraction\": [1, 5]}") }
        return known
    }

    /// For each selection `{"position": 2, "tied": 2}`, `{"wins": 1, "tied": 2}`, `"unplaced"` or null.
    private static func finish(_ value: JSONValue, _ count: Int) throws(Missing) -> [Finish?] {
        guard let items = value["finish"]?.items else { return [] }
        guard items.count == count else {
            throw Missing(what: "finish: one for each selection, or none")
        }
        var all: [Finish?] = []
        for item in items {
            if item.text == "unplaced" {
                all.append(Finish(position: Finish.unplaced))
            } else if let position = item["position"]?.whole {
                let tied = item["tied"]?.whole ?? 1
                guard (1...254).contains(position), (1...64).contains(tied) else {
                    throw Missing(what: "finish: a position from 1 and how many share it")
                }
                all.append(Finish(position: UInt8(position), tied: UInt8(tied)))
            } else if let wins = item["wins"]?.whole {
                guard let tied = item["tied"]?.whole, (2...64).contains(tied),
                    (1..<tied).contains(wins)
                else { throw Missing(what: "finish: fewer wins than share them") }
                all.append(Finish(position: 0, tied: UInt8(tied), wins: UInt8(wins)))
            } else {
                all.append(nil)
            }
        }
        return all
    }

    private static func cancel(_ value: JSONValue) throws(Missing) -> FeedCancel {
        func time(_ key: String) throws(Missing) -> Int64 {
            guard let member = value[key] else { return 0 }
            guard let time = member.whole, time > 0, FeedTime.range.contains(time) else {
                throw Missing(what: "\(key): milliseconds since 1970, or not there")
            }
            return time
        }
        let cancel = FeedCancel(
            market: try text(value, "market"), from: try time("from"), until: try time("until"),
            isTakenBack: value["takenBack"]?.flag ?? false)
        guard cancel.until == 0 || cancel.from < cancel.until else {
            throw Missing(what: "until: later than from")
        }
        return cancel
    }

    private static func text(_ value: JSONValue, _ key: String) throws(Missing) -> String {
        guard let text = value[key]?.text, !text.isEmpty else {
            throw Missing(what: "\(key): text is missing")
        }
        return text
    }

    private static func sport(_ value: JSONValue) throws(Missing) -> Sport {
        let word = try text(value, "sport")
        return Sport.allCases.first { $0.word == word } ?? .other
    }

    private static func market(_ value: JSONValue) throws(Missing) -> FeedMarket {
        guard let items = value["selections"]?.items, items.count >= 2 else {
            throw Missing(what: "selections: at least two are needed")
        }
        var selections: [FeedSelection] = []
        for item in items {
            guard let id = item["id"]?.whole, id >= 0, let name = item["name"]?.text else {
                throw Missing(what: "selections: id or name is missing")
            }
            selections.append(FeedSelection(id: UInt64(id), name: name))
        }
        let type: MarketType =
            switch value["kind"]?.text {
            case "match_odds": .matchOdds
            case "over_under": .overUnder
            case "asian_handicap": .asianHandicap
            case "asian_total": .asianTotal
            case "both_teams_to_score": .bothTeamsToScore
            default: .other
            }
        let winners = value["winners"]?.whole ?? 1
        guard (0..<Int64(Limits.selections)).contains(winners) else {
            throw Missing(what: "winners: fewer than selections; 0: each by itself")
        }
        var market = FeedMarket(
            id: try text(value, "id"), fixture: try text(value, "fixture"), type: type,
            name: try text(value, "name"),
            winners: UInt8(winners),
            betDelay: UInt32(clamping: value["delay"]?.whole ?? 0), selections: selections)
        market.places = try places(value)
        if let word = value["deductions"]?.text {
            guard let rule = rules.first(where: { $0.word == word })?.rule else {
                throw Missing(what: "deductions: \"\(word)\" is unknown")
            }
            market.deductions = rule
        }
        market.isAtTheOff = value["atTheOff"]?.flag ?? false
        market.isAntePost = value["antePost"]?.flag ?? false
        market.isGuaranteed = value["guaranteed"]?.flag ?? false
        market.takesAtStart = value["startingPrice"]?.flag ?? false
        market.paysEarly = value["earlyPayout"]?.flag ?? false
        market.isCashedOut = value["cashOut"]?.flag ?? true
        return market
    }

    private static let rules: [(rule: DeductionRule, word: String)] = [
        (.ruleFour, "rule_4"), (.faceValue, "face_value"), (.exchangeWin, "exchange_win"),
        (.exchangePlace, "exchange_place"),
    ]

    private static func quote(_ value: JSONValue) throws(Missing) -> Quote {
        Quote(
            bestBack: value["back"]?.thousandths ?? 0, bestLay: value["lay"]?.thousandths ?? 0,
            lastTraded: value["last"]?.thousandths ?? 0, isActive: value["active"]?.flag ?? true,
            chance: try chance(value))
    }

    /// `{"win": "0.40", "halfWin": "0.10", "refund": "0.05", "halfLose": "0.05", "lose": "0.40"}`; what is missing is 0.
    private static func chance(_ value: JSONValue) throws(Missing) -> Chance? {
        guard let chances = value["chances"] else { return nil }
        var parts: [UInt32] = []
        for name in chanceNames {
            guard let said = chances[name] else {
                parts.append(0)
                continue
            }
            guard let part = said.billionths, part <= Chance.whole else {
                throw Missing(what: "chances.\(name): 0 to 1, as a decimal")
            }
            parts.append(part)
        }
        guard
            let chance = Chance(
                win: parts[0], halfWin: parts[1], refund: parts[2], halfLose: parts[3],
                lose: parts[4])
        else { throw Missing(what: "chances: they add up to 1, within 0.0001") }
        return chance
    }

    private static let chanceNames = ["win", "halfWin", "refund", "halfLose", "lose"]

    private static func update(_ value: JSONValue) throws(Missing) -> FeedUpdate {
        let statusWord = try text(value, "status")
        guard let status = FixtureStatus.allCases.first(where: { $0.word == statusWord }) else {
            throw Missing(what: "status: \"\(statusWord)\" is unknown")
        }
        let incidentWord = value["incident"]?.text ?? "none"
        guard let incident = Incident.allCases.first(where: { $0.word == incidentWord }) else {
            throw Missing(what: "incident: \"\(incidentWord)\" is unknown")
        }
        var score = Score.unknown
        if let items = value["score"]?.items, items.count == 2, let home = items[0].whole,
            let away = items[1].whole
        {
            score = Score(home: UInt16(clamping: home), away: UInt16(clamping: away)).packed
        }
        var update = FeedUpdate(
            fixture: try text(value, "fixture"),
            state: FixtureState(
                status: status, isInPlay: value["inPlay"]?.flag ?? false, score: score,
                clockSeconds: value["clock"]?.whole.map { UInt32(clamping: $0) } ?? .max),
            incident: incident, startedAt: FeedTime.clamped(value["startedAt"]?.whole))
        update.hasLostContact = value["lostContact"]?.flag ?? false
        update.scheduled = FeedTime.clamped(value["scheduled"]?.whole)
        return update
    }

    // MARK: Writing

    /// One line, without its newline.
    public static func line(_ event: FeedEvent, time: Int64) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.key("time")
            json.number(time)
            json.key("type")
            write(event, to: &json)
        }
        return json.bytes
    }

    private static func write(_ event: FeedEvent, to json: inout JSONWriter) {
        switch event {
        case .heartbeat: json.string("heartbeat")
        case .fixture(let fixture):
            json.string("fixture")
            put("id", fixture.id, &json)
            put("sport", fixture.sport.word, &json)
            put("competition", fixture.competition, &json)
            put("home", fixture.home, &json)
            put("away", fixture.away, &json)
            json.key("scheduled")
            json.number(fixture.scheduled)
        case .market(let market): write(market, to: &json)
        case .quotes(let quotes):
            json.string("quotes")
            put("market", quotes.market, &json)
            json.key("quotes")
            json.array { json in
                for quote in quotes.quotes { write(quote, to: &json) }
            }
        case .marketState(let market, let isSuspended):
            json.string("state")
            put("market", market, &json)
            json.key("suspended")
            json.bool(isSuspended)
        case .withdrawal(let withdrawal): write(withdrawal, to: &json)
        case .update(let update): write(update, to: &json)
        case .result(let result):
            json.string("result")
            put("market", result.market, &json)
            json.key("certainty")
            json.number(result.certainty)
            json.key("results")
            json.array { json in
                for outcome in result.results { json.string(outcome.word) }
            }
            write(result.finish, to: &json)
        case .startingPrices(let market, let prices):
            json.string("starting_prices")
            put("market", market, &json)
            json.key("prices")
            json.array { json in
                for price in prices {
                    if price == 0 { json.null() } else { json.string(decimal(price)) }
                }
            }
        case .earlyPayout(let market, let moments):
            json.string("early_payout")
            put("market", market, &json)
            json.key("before")
            json.array { json in
                for moment in moments {
                    if moment == 0 { json.null() } else { json.number(moment) }
                }
            }
        case .rollback(let market):
            json.string("rollback")
            put("market", market, &json)
        case .cancel(let cancel):
            json.string("cancel")
            put("market", cancel.market, &json)
            if cancel.from > 0 {
                json.key("from")
                json.number(cancel.from)
            }
            if cancel.until > 0 {
                json.key("until")
                json.number(cancel.until)
            }
            if cancel.isTakenBack {
                json.key("takenBack")
                json.bool(true)
            }
        }
    }

    private static func write(_ withdrawal: FeedWithdrawal, to json: inout JSONWriter) {
        json.string("withdrawal")
        put("market", withdrawal.market, &json)
        json.key("selection")
        json.number(withdrawal.selection)
        json.key("effective")
        json.number(withdrawal.effective)
        if let deduction = withdrawal.deduction {
            json.key("deduction")
            json.number(deduction)
        }
        if let deduction = withdrawal.placeDeduction {
            json.key("placeDeduction")
            json.number(deduction)
        }
        write(withdrawal.places, to: &json)
    }

    private static func write(_ places: PlaceTerms?, to json: inout JSONWriter) {
        guard let places else { return }
        json.key("eachWay")
        json.object { json in
            json.key("places")
            json.number(places.places)
            json.key("fraction")
            json.array { json in
                json.number(places.numerator)
                json.number(places.denominator)
            }
        }
    }

    private static func write(_ finish: [Finish?], to json: inout JSONWriter) {
        guard !finish.isEmpty else { return }
        json.key("finish")
        json.array { json in
            for one in finish {
                guard let one else {
                    json.null()
                    continue
                }
                guard one.position != Finish.unplaced else {
                    json.string("unplaced")
                    continue
                }
                json.object { json in
                    json.key(one.wins > 0 ? "wins" : "position")
                    json.number(one.wins > 0 ? one.wins : one.position)
                    json.key("tied")
                    json.number(one.tied)
                }
            }
        }
    }

    private static func put(_ key: StaticString, _ text: String, _ json: inout JSONWriter) {
        json.key(key)
        json.string(text)
    }

    private static func write(_ market: FeedMarket, to json: inout JSONWriter) {
        json.string("market")
        put("id", market.id, &json)
        put("fixture", market.fixture, &json)
        let kind =
            switch market.type {
            case .matchOdds: "match_odds"
            case .overUnder: "over_under"
            case .asianHandicap: "asian_handicap"
            case .asianTotal: "asian_total"
            case .bothTeamsToScore: "both_teams_to_score"
            case .other, .setWinner, .setBetting: "other"
            }
        put("kind", kind, &json)
        put("name", market.name, &json)
        json.key("winners")
        json.number(market.winners)
        json.key("delay")
        json.number(market.betDelay)
        write(market.places, to: &json)
        if let rule = rules.first(where: { $0.rule == market.deductions }) {
            put("deductions", rule.word, &json)
        }
        if market.isAtTheOff {
            json.key("atTheOff")
            json.bool(true)
        }
        if market.isAntePost {
            json.key("antePost")
            json.bool(true)
        }
        if !market.isCashedOut {
            json.key("cashOut")
            json.bool(false)
        }
        if market.isGuaranteed {
            json.key("guaranteed")
            json.bool(true)
        }
        if market.takesAtStart {
            json.key("startingPrice")
            json.bool(true)
        }
        if market.paysEarly {
            json.key("earlyPayout")
            json.bool(true)
        }
        json.key("selections")
        json.array { json in
            for selection in market.selections {
                json.object { json in
                    json.key("id")
                    json.number(selection.id)
                    json.key("name")
                    json.string(selection.name)
                }
            }
        }
    }

    private static func write(_ quote: Quote, to json: inout JSONWriter) {
        json.object { json in
            if quote.bestBack > 0 { put("back", decimal(quote.bestBack), &json) }
            if quote.bestLay > 0 { put("lay", decimal(quote.bestLay), &json) }
            if quote.lastTraded > 0 { put("last", decimal(quote.lastTraded), &json) }
            if let chance = quote.chance {
                // Whatever five made these two, a win, a refund and a loss make them too.
                let lose = Chance.whole - chance.win - chance.back
                json.key("chances")
                json.object { json in
                    put("win", decimal(chance.win, places: 9), &json)
                    put("refund", decimal(chance.back, places: 9), &json)
                    put("lose", decimal(lose, places: 9), &json)
                }
            }
            if !quote.isActive {
                json.key("active")
                json.bool(false)
            }
        }
    }

    private static func write(_ update: FeedUpdate, to json: inout JSONWriter) {
        json.string("update")
        put("fixture", update.fixture, &json)
        put("status", update.state.status.word, &json)
        json.key("inPlay")
        json.bool(update.state.isInPlay)
        if update.state.score != Score.unknown {
            let score = Score(packed: update.state.score)
            json.key("score")
            json.array { json in
                json.number(score.home)
                json.number(score.away)
            }
        }
        if update.hasLostContact {
            json.key("lostContact")
            json.bool(true)
        }
        if update.scheduled > 0 {
            json.key("scheduled")
            json.number(update.scheduled)
        }
        if update.state.clockSeconds != .max {
            json.key("clock")
            json.number(update.state.clockSeconds)
        }
        if update.incident != .none { put("incident", update.incident.word, &json) }
        if update.startedAt > 0 {
            json.key("startedAt")
            json.number(update.startedAt)
        }
    }

    /// Thousandths as a decimal text.
    static func decimal(_ thousandths: UInt32) -> String { decimal(thousandths, places: 3) }

    /// So many decimals.
    private static func decimal(_ parts: UInt32, places: Int) -> String {
        let whole = (0..<places).reduce(1 as UInt32) { power, _ in power * 10 }
        let fraction = String(parts % whole)
        let zeros = String(repeating: "0", count: places - fraction.utf8.count)
        return "\(parts / whole).\(zeros)\(fraction)"
    }
}
