import Betting
import Catalogue
import FeedCore
import Kernel

/// A market of a message: what it is, and which of its kind.
struct UnifiedMarketKey: Hashable {
    let event: String
    let market: Int
    let specifiers: String

    /// What it is called behind the feed's door.
    var text: String {
        specifiers.isEmpty ? "\(event)/\(market)" : "\(event)/\(market)?\(specifiers)"
    }

    /// The value of a specifier, such as `total` in `total=2.5|quarternr=1`.
    func specifier(_ name: String) -> String? {
        for part in specifiers.split(separator: "|") where part.hasPrefix(name + "=") {
            return String(part.dropFirst(name.count + 1))
        }
        return nil
    }
}

/// How a market stands, by the numbers of the unified feed.
enum UnifiedMarketStatus: Int {
    case active = 1
    case inactive = 0
    case suspended = -1
    /// Another producer goes on with it.
    case handedOver = -2
    case settled = -3
    case cancelled = -4
}

struct UnifiedOutcome {
    let id: String
    /// Thousandths, 0 none.
    var odds: UInt32 = 0
    var chance: Chance?
    var isActive = true
    var result: SelectionResult = .undecided
    /// Of a dead heat: which part of the stake counts as won; nil where what is said is none.
    var share: (winners: UInt8, tied: UInt8)?
}

struct UnifiedMarket {
    let key: UnifiedMarketKey
    var status: UnifiedMarketStatus?
    var outcomes: [UnifiedOutcome]
}

struct UnifiedState {
    var state: FixtureState
    let hasLostContact: Bool
}

/// Changes of a match after which nothing that was offered of it may be bought until its producer speaks anew.
enum UnifiedChange: Int {
    /// It will not be played.
    case cancelled = 3
    /// It is played by other rules, such as over five sets in place of three.
    case format = 4
}

/// One message of the unified feed, taken apart.
struct UnifiedMessage {
    enum Body {
        case alive(isSubscribed: Bool)
        case snapshotComplete
        case fixture(FeedFixture)
        case descriptions([Int: UnifiedDescription])
        /// What players are called, by the ids that outcomes have.
        case players([String: String])
        case oddsChange(UnifiedState?, [UnifiedMarket])
        case betStop(groups: Set<String>, UnifiedMarketStatus)
        case settlement(certainty: UInt8, [UnifiedMarket])
        case rollback([UnifiedMarketKey])
        case cancel([UnifiedMarketKey], from: Int64, until: Int64, isTakenBack: Bool)
        /// When a match begins from now on, milliseconds, 0 as it was; and what else of it is another thing now.
        case changed(start: Int64, UnifiedChange?)
        /// Something that says nothing which is offered or paid by; it is counted.
        case other(String)
    }

    let product: Int
    let event: String
    /// Milliseconds since 1970, when it was made.
    let time: Int64
    /// Of a recovery that was asked for.
    let request: Int64?
    let body: Body
}

/// What a market of some number is, and which outcomes it may have.
struct UnifiedDescription {
    let name: String
    /// Nil where nobody says which.
    let groups: Set<String>?
    /// Its outcomes are players.
    let isOfPlayers: Bool
    let outcomes: [(id: String, name: String)]
}

extension UnifiedMessage {
    struct Failure: Error {
        let what: String
    }

    init(_ element: XMLElement) throws(Failure) {
        product = element["product"].flatMap { Int($0) } ?? 0
        event = element["event_id"] ?? ""
        request = element["request_id"].flatMap { Int64($0) }
        guard let time = element["timestamp"].flatMap({ Int64($0) }), FeedTime.range.contains(time)
        else { throw Failure(what: "timestamp: milliseconds since 1970 are missing") }
        self.time = time
        let needsEvent = [
            "odds_change", "bet_stop", "bet_settlement", "rollback_bet_settlement", "bet_cancel",
            "rollback_bet_cancel", "fixture_change",
        ].contains(element.name)
        guard !needsEvent || !event.isEmpty else { throw Failure(what: "event_id: missing") }
        switch element.name {
        case "alive": body = .alive(isSubscribed: element["subscribed"] != "0")
        case "snapshot_complete": body = .snapshotComplete
        case "fixtures_fixture": body = .fixture(try Self.fixture(element))
        case "market_descriptions": body = .descriptions(try Self.descriptions(element))
        case "competitor_profile": body = .players(Self.players(element))
        case "odds_change":
            body = .oddsChange(
                try Self.state(element.first("sport_event_status")),
                try Self.markets(element.first("odds"), of: event))
        case "bet_stop":
            let number = element["market_status"].flatMap { Int($0) } ?? -1
            guard let status = UnifiedMarketStatus(rawValue: number) else {
                throw Failure(what: "market_status: \(number) is unknown")
            }
            let groups = (element["groups"] ?? "all").split(separator: "|").map(String.init)
            body = .betStop(groups: Set(groups), status)
        case "bet_settlement":
            guard let certainty = element["certainty"].flatMap({ UInt8($0) }),
                (1...2).contains(certainty)
            else { throw Failure(what: "certainty: 1 or 2") }
            body = .settlement(
                certainty: certainty, try Self.markets(element.first("outcomes"), of: event))
        case "rollback_bet_settlement": body = .rollback(try Self.keys(element, of: event))
        case "bet_cancel", "rollback_bet_cancel":
            body = .cancel(
                try Self.keys(element, of: event), from: try Self.moment(element["start_time"]),
                until: try Self.moment(element["end_time"]),
                isTakenBack: element.name == "rollback_bet_cancel")
        case "fixture_change":
            let start = try Self.moment(element["start_time"])
            let change = element["change_type"].flatMap { Int($0) }.flatMap {
                UnifiedChange(rawValue: $0)
            }
            body =
                start > 0 || change != nil
                ? .changed(start: start, change) : .other(element.name)
        default: body = .other(element.name)
        }
    }

    private static func moment(_ text: String?) throws(Failure) -> Int64 {
        guard let text else { return 0 }
        guard let time = Int64(text), FeedTime.range.contains(time) else {
            throw Failure(what: "start_time and end_time: milliseconds since 1970")
        }
        return time
    }

    // MARK: Matches

    private static func fixture(_ element: XMLElement) throws(Failure) -> FeedFixture {
        guard let fixture = element.first("fixture"), let id = fixture["id"] else {
            throw Failure(what: "fixture: its id is missing")
        }
        let tournament = fixture.first("tournament")
        let sport = tournament?.first("sport")?["name"]?.lowercased().replacing(" ", with: "_")
        var names = ["", ""]
        for one in fixture.first("competitors")?.all("competitor") ?? [] {
            names[one["qualifier"] == "away" ? 1 : 0] = one["name"] ?? ""
        }
        let scheduled = fixture["start_time"].flatMap { Timestamp($0) }?.milliseconds
        return FeedFixture(
            id: id,
            sport: Sport.allCases.first { $0.word == (sport == "soccer" ? "football" : sport) }
                ?? .other,
            competition: tournament?["name"] ?? "", home: names[0], away: names[1],
            scheduled: FeedTime.clamped(scheduled))
    }

    private static func descriptions(_ element: XMLElement) throws(Failure)
        -> [Int: UnifiedDescription]
    {
        var found: [Int: UnifiedDescription] = [:]
        for market in element.all("market") {
            guard let id = market["id"].flatMap({ Int($0) }) else {
                throw Failure(what: "market: its id is missing")
            }
            let groups = market["groups"]?.split(separator: "|").map(String.init)
            found[id] = UnifiedDescription(
                name: market["name"] ?? "", groups: groups.map { Set($0) },
                isOfPlayers: market["outcome_type"] == "player",
                outcomes: (market.first("outcomes")?.all("outcome") ?? []).map {
                    ($0["id"] ?? "", $0["name"] ?? "")
                })
        }
        return found
    }

    private static func players(_ element: XMLElement) -> [String: String] {
        var found: [String: String] = [:]
        for player in element.first("players")?.all("player") ?? [] {
            guard let id = player["id"], let name = player["name"], !name.isEmpty else { continue }
            found[id] = name
        }
        return found
    }

    private static func state(_ element: XMLElement?) throws(Failure) -> UnifiedState? {
        guard let element else { return nil }
        // The numbers of the unified feed are ours.
        guard let number = element["status"].flatMap({ UInt8($0) }),
            let status = FixtureStatus(rawValue: number)
        else { throw Failure(what: "status: 0 to 9") }
        var score = Score.unknown
        if let home = element["home_score"].flatMap({ whole($0) }),
            let away = element["away_score"].flatMap({ whole($0) })
        {
            score = Score(home: home, away: away).packed
        }
        let isInPlay = [.live, .suspended, .interrupted].contains(status)
        return UnifiedState(
            state: FixtureState(
                status: status, isInPlay: isInPlay, score: score,
                clockSeconds: clock(element.first("clock")?["match_time"])),
            hasLostContact: element["reporting"] == "-1")
    }

    /// `2` and `2.0` alike.
    private static func whole(_ text: String) -> UInt16? {
        UInt16(text.hasSuffix(".0") ? text.dropLast(2) : text[...])
    }

    /// `12:34` in seconds.
    private static func clock(_ text: String?) -> UInt32 {
        let parts = text?.split(separator: ":").compactMap { UInt32($0) } ?? []
        guard parts.count == 2, parts[0] < 1000, parts[1] < 60 else { return .max }
        return parts[0] * 60 + parts[1]
    }

    // MARK: Markets

    private static func key(_ market: XMLElement, of event: String) throws(Failure)
        -> UnifiedMarketKey
    {
        guard let id = market["id"].flatMap({ Int($0) }) else {
            throw Failure(what: "market: its id is missing")
        }
        return UnifiedMarketKey(event: event, market: id, specifiers: market["specifiers"] ?? "")
    }

    private static func keys(_ element: XMLElement, of event: String) throws(Failure)
        -> [UnifiedMarketKey]
    {
        var keys: [UnifiedMarketKey] = []
        for market in element.all("market") { keys.append(try key(market, of: event)) }
        return keys
    }

    private static func markets(_ element: XMLElement?, of event: String) throws(Failure)
        -> [UnifiedMarket]
    {
        var markets: [UnifiedMarket] = []
        for market in element?.all("market") ?? [] {
            var status: UnifiedMarketStatus?
            if let number = market["status"] {
                guard let known = Int(number).flatMap({ UnifiedMarketStatus(rawValue: $0) }) else {
                    throw Failure(what: "market status: \(number) is unknown")
                }
                status = known
            }
            var outcomes: [UnifiedOutcome] = []
            for outcome in market.all("outcome") { outcomes.append(try Self.outcome(outcome)) }
            markets.append(
                UnifiedMarket(key: try key(market, of: event), status: status, outcomes: outcomes))
        }
        return markets
    }

    private static func outcome(_ element: XMLElement) throws(Failure) -> UnifiedOutcome {
        guard let id = element["id"] else { throw Failure(what: "outcome: its id is missing") }
        var outcome = UnifiedOutcome(id: id)
        outcome.isActive = element["active"] != "0"
        if let text = element["odds"] {
            guard let odds = Odds(text, as: .decimal) else {
                throw Failure(what: "odds: a decimal price above 1")
            }
            outcome.odds = odds.thousandths
        }
        if let text = element["probabilities"] {
            let names = [
                "half_win_probabilities", "refund_probabilities", "half_lose_probabilities",
            ]
            var parts = [try part(text)]
            for name in names { parts.append(try part(element[name] ?? "0")) }
            let sum = parts.reduce(0 as UInt64) { $0 + UInt64($1) }
            guard sum <= UInt64(Chance.whole) else {
                throw Failure(what: "probabilities: more than 1 together")
            }
            outcome.chance = Chance(
                win: parts[0], halfWin: parts[1], refund: parts[2], halfLose: parts[3],
                lose: Chance.whole - UInt32(sum))
        }
        if let text = element["result"] { try settle(&outcome, text, element) }
        return outcome
    }

    /// Result, void factor and dead heat as one word.
    private static func settle(
        _ outcome: inout UnifiedOutcome, _ result: String, _ element: XMLElement
    ) throws(Failure) {
        let voided = try part(element["void_factor"] ?? "0")
        switch (result, voided) {
        case (_, Chance.whole): outcome.result = .void
        case ("1", 0): outcome.result = .won
        case ("0", 0): outcome.result = .lost
        case ("1", Chance.whole / 2): outcome.result = .halfWon
        case ("0", Chance.whole / 2): outcome.result = .halfLost
        case ("-1", 0): outcome.result = .undecided
        default: throw Failure(what: "result -1, 0 or 1, void_factor none, 0.5 or 1")
        }
        guard let text = element["dead_heat_factor"], outcome.result == .won else { return }
        let factor = try part(text)
        guard factor != Chance.whole else { return }
        // A factor that is no such part says nothing of who shared what: its market has no result then.
        outcome.result = .deadHeat
        let digits = text.split(separator: ".").dropFirst().first?.count ?? 0
        outcome.share = fraction(factor, digits: digits)
    }

    /// The part that was meant by a factor of so many digits: one of so many where one of them is that when it is rounded,
    /// or cut, to these digits; else the fraction with the fewest who share that it is when it is rounded.
    private static func fraction(_ factor: UInt32, digits: Int) -> (winners: UInt8, tied: UInt8)? {
        let whole = UInt64(Chance.whole)
        let last = (0..<min(digits, 6)).reduce(whole) { rest, _ in rest / 10 }
        func apart(_ winners: UInt64, of tied: UInt64) -> UInt64 {
            let exact = (winners * whole + tied / 2) / tied
            return max(exact, UInt64(factor)) - min(exact, UInt64(factor))
        }
        let nearest = (2...64 as ClosedRange<UInt64>).min { apart(1, of: $0) < apart(1, of: $1) }!
        if apart(1, of: nearest) <= last / 2 { return (1, UInt8(nearest)) }
        for tied in 2...64 as ClosedRange<UInt64>
        where whole / tied >= UInt64(factor) && whole / tied < UInt64(factor) + last {
            return (1, UInt8(tied))
        }
        for tied in 3...64 as ClosedRange<UInt64> {
            let near = (UInt64(factor) * tied + whole / 2) / whole
            guard near > 1, near < tied, apart(near, of: tied) <= last / 2 else { continue }
            return (UInt8(near), UInt8(tied))
        }
        return nil
    }

    /// A decimal from 0 to 1, in parts per billion; what is finer is cut.
    private static func part(_ text: String) throws(Failure) -> UInt32 {
        let failure = Failure(what: "a decimal from 0 to 1 instead of \"\(text.prefix(20))\"")
        let halves = text.split(separator: ".", omittingEmptySubsequences: false)
        guard halves.count <= 2, let whole = UInt32(halves[0]), whole <= 1 else { throw failure }
        let digits = halves.count == 2 ? halves[1] : ""
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }) else { throw failure }
        let nine = String(digits.prefix(9))
        let padded = nine + String(repeating: "0", count: 9 - nine.count)
        guard let parts = UInt32(padded), whole == 0 || parts == 0 else { throw failure }
        return whole * Chance.whole + parts
    }
}
