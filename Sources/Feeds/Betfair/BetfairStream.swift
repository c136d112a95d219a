import Betting
import Catalogue
public import FeedCore
public import FeedLines
import JSONText
import Kernel
import Pricing

/// Recorded Betfair stream files: market change messages, one a line, in the order of `pt`.
///
/// Heartbeats are made here, since recordings hold none: one wherever five seconds pass without a line.
public final class BetfairStream: FeedSource {
    public let name: String
    private let reader: LineReader
    private var waiting: Line?
    private var lastTime: Int64?
    private var markets: [String: Market] = [:]
    /// Which market told of it, and how it was last said to stand.
    private var fixtures: [String: (market: String, state: FixtureState)] = [:]

    /// Milliseconds of the recording between two heartbeats of the player. Slower than real time they come
    /// closer together, so that none is ever further than five seconds from the next for who listens.
    public let heartbeat: Int64
    public static let longestHeartbeat: Int64 = 5000

    private struct Line {
        let time: Int64
        let number: UInt64
        let value: JSONValue
    }

    /// A runner's name among its market's: the supplier's id, and the handicap that it plays with.
    private struct RunnerKey: Hashable {
        let id: String
        let handicap: String

        /// Nil for one without an id.
        init?(_ runner: JSONValue) {
            guard let id = runner["id"]?.identifier else { return nil }
            self.id = id
            let handicap = runner["hc"]?.identifier ?? "0"
            self.handicap = handicap == "0.0" ? "0" : handicap
        }
    }

    private struct Runner {
        let key: RunnerKey
        var name: String
        var status: String
        /// Its removal was told.
        var isGone = false
    }

    private struct Market {
        var fixture: String
        var runners: [Runner]
        var books: [RunnerKey: RunnerBook] = [:]
        var status = "OPEN"
        var isInPlay = false
        var betDelay: UInt32 = 0
        /// Milliseconds since 1970, as last told; 0 for nothing.
        var start: Int64 = 0
        var isAnnounced = false
        /// Nothing is offered of it.
        var isPassedOver = false
        /// Each is a market of ours; of another market than one of handicaps there are none.
        var lines: [HandicapLine] = []
        /// As last told; told again when another definition corrects them.
        var results: [SelectionResult] = []
    }

    /// Markets of more selections than a market has here are passed over.
    public private(set) var tally = FeedTally()

    /// `speedHundredths`: how fast the file will be played; 0 as fast as it comes.
    public init(
        path: String, name: String = "betfair", speedHundredths: Int64 = 100
    ) throws(LineReader.Failure) {
        self.name = name
        let slowed = Self.longestHeartbeat * speedHundredths / 100
        heartbeat =
            speedHundredths > 0 ? max(1, min(Self.longestHeartbeat, slowed)) : Self.longestHeartbeat
        reader = try LineReader(path: path)
    }

    /// What a market shows at this moment, by its supplier's own words; nil for one that was not told of.
    struct MarketShown {
        let status: String
        let isInPlay: Bool
        let betDelay: UInt32
        /// By the runner's id; of several lines under one id only that of no handicap.
        let books: [String: RunnerBook]
    }

    func shown(_ id: String) -> MarketShown? {
        guard let market = markets[id] else { return nil }
        var books: [String: RunnerBook] = [:]
        for (key, book) in market.books where key.handicap == "0" { books[key.id] = book }
        return MarketShown(
            status: market.status, isInPlay: market.isInPlay, betDelay: market.betDelay,
            books: books)
    }

    // MARK: FeedSource

    public func nextTime() throws(FeedError) -> Int64? {
        try look()
        guard let line = waiting else { return nil }
        if let last = lastTime, line.time - last > heartbeat { return last + heartbeat }
        return line.time
    }

    public func next() throws(FeedError) -> FeedMessage {
        try look()
        guard let line = waiting else {
            throw FeedError(line: reader.lineNumber, what: "the file ended")
        }
        if let last = lastTime, line.time - last > heartbeat {
            lastTime = last + heartbeat
            return FeedMessage(
                time: last + heartbeat, number: line.number, events: [.heartbeat])
        }
        lastTime = line.time
        waiting = nil
        var events: [FeedEvent] = []
        for change in line.value["mc"]?.items ?? [] {
            guard let told = take(change) else {
                throw FeedError(line: line.number, what: "a runner without an id")
            }
            events += told
        }
        return FeedMessage(
            time: line.time, number: line.number, events: events.isEmpty ? [.heartbeat] : events)
    }

    private func look() throws(FeedError) {
        guard waiting == nil, let bytes = try reader.next() else { return }
        let value: JSONValue
        do {
            value = try JSONParser(depth: 16, members: 200_000).parse(Array(bytes).span)
        } catch {
            throw FeedError(
                line: reader.lineNumber, what: "\(error.what) at byte \(error.offset)")
        }
        guard value["op"]?.text == "mcm", let time = value["pt"]?.whole,
            FeedTime.range.contains(time)
        else {
            throw FeedError(line: reader.lineNumber, what: "no market change message")
        }
        waiting = Line(time: time, number: reader.lineNumber, value: value)
    }

    // MARK: One change

    /// Nil when it is not understood.
    private func take(_ change: JSONValue) -> [FeedEvent]? {
        guard let id = change["id"]?.text else { return [] }
        var events: [FeedEvent] = []
        var market = markets[id] ?? Market(fixture: "", runners: [])
        if change["img"]?.flag == true { market.books = [:] }
        let definition = change["marketDefinition"]
        if let definition, !define(definition, &market) { return nil }
        // The book follows every change, whatever the status; it is published only while the market is
        // open, so the clear-down after the last suspension is never anybody's price.
        for runner in change["rc"]?.items ?? [] {
            guard let key = RunnerKey(runner) else { return nil }
            market.books[key, default: RunnerBook()].merge(runner)
        }
        let wasOpen = market.status == "OPEN" && market.isAnnounced
        if let definition { events += announce(definition, id, &market) }
        let hasPrices =
            change["rc"]?.items?.isEmpty == false || change["img"]?.flag == true || !wasOpen
        if hasPrices, market.isAnnounced, !market.isPassedOver, market.status == "OPEN" {
            let quotes = quotes(market)
            if market.lines.isEmpty {
                events.append(.quotes(FeedQuotes(market: id, quotes: quotes)))
            }
            let changed = Set((change["rc"]?.items ?? []).compactMap { RunnerKey($0) })
            let isWhole = change["img"]?.flag == true || !wasOpen
            for line in market.lines
            where isWhole
                || line.places.contains(where: { changed.contains(market.runners[$0].key) })
            {
                events.append(
                    .quotes(
                        FeedQuotes(
                            market: line.id(in: id), quotes: line.places.map { quotes[$0] })))
            }
        }
        markets[id] = market
        return events
    }

    private func define(_ definition: JSONValue, _ market: inout Market) -> Bool {
        var runners = market.runners
        for item in definition["runners"]?.items ?? [] {
            guard let key = RunnerKey(item) else { return false }
            let status = item["status"]?.text ?? "ACTIVE"
            // Removed runners move to the front of the list: ours keep their first place.
            if let index = runners.firstIndex(where: { $0.key == key }) {
                runners[index].status = status
            } else if !market.isAnnounced {
                runners.append(
                    Runner(
                        key: key, name: item["name"]?.text ?? "Selection \(key.id)",
                        status: status))
            }
        }
        market.runners = runners
        market.fixture = definition["eventId"]?.identifier ?? market.fixture
        return true
    }

    private func announce(_ definition: JSONValue, _ id: String, _ market: inout Market)
        -> [FeedEvent]
    {
        var events: [FeedEvent] = []
        if !market.isAnnounced, market.runners.count >= 2 {
            let isOfLines = definition["bettingType"]?.text?.hasPrefix("ASIAN_HANDICAP") == true
            if isOfLines { market.lines = Self.lines(market.runners) }
            market.isPassedOver =
                isOfLines ? market.lines.isEmpty : market.runners.count > Limits.selections
            if market.isPassedOver { tally.passedOver += 1 }
            events += introduce(definition, id, market)
            market.isAnnounced = true
        }
        if market.isAnnounced, !market.isPassedOver, market.lines.isEmpty {
            events += withdrawals(definition, id, &market)
        }
        let isInPlay = definition["inPlay"]?.flag ?? false
        let delay = Self.delay(definition)
        let status = definition["status"]?.text ?? "OPEN"
        let start = FeedTime.clamped(
            definition["marketTime"]?.text.flatMap { Timestamp($0) }?.milliseconds)
        // A race of the same meeting begins at another time: whoever told of the fixture moves it.
        let known = fixtures[market.fixture]
        let isMoved =
            market.start != 0 && start != 0 && start != market.start && known?.market == id
        let isNews = isInPlay != market.isInPlay || delay != market.betDelay
        if isNews {
            let state = FixtureState(status: isInPlay ? .live : .notStarted, isInPlay: isInPlay)
            fixtures[market.fixture]?.state = state
        }
        if isNews || isMoved {
            var update = FeedUpdate(
                fixture: market.fixture,
                state: fixtures[market.fixture]?.state ?? known?.state ?? FixtureState(),
                incident: isInPlay && !market.isInPlay ? .kickOff : .none,
                betDelay: isNews ? delay : nil)
            if isMoved { update.scheduled = start }
            events.append(.update(update))
        }
        if start != 0 { market.start = start }
        market.isInPlay = isInPlay
        market.betDelay = delay
        market.status = status
        guard !market.isPassedOver else { return events }
        let ids = market.lines.isEmpty ? [id] : market.lines.map { $0.id(in: id) }
        events += ids.map { .marketState(market: $0, isSuspended: status != "OPEN") }
        let results = market.runners.map(Self.result)
        if status == "CLOSED", market.results != results {
            market.results = results
            guard !market.lines.isEmpty else {
                events.append(.result(FeedResult(market: id, certainty: 2, results: results)))
                return events
            }
            for line in market.lines {
                guard let results = line.results(results) else { continue }
                events.append(
                    .result(FeedResult(market: line.id(in: id), certainty: 2, results: results)))
            }
        }
        return events
    }

    /// Runners that were removed since the last definition, or before the first.
    private func withdrawals(_ definition: JSONValue, _ id: String, _ market: inout Market)
        -> [FeedEvent]
    {
        var events: [FeedEvent] = []
        for index in market.runners.indices
        where market.runners[index].status.hasPrefix("REMOVED") && !market.runners[index].isGone {
            market.runners[index].isGone = true
            let runner = market.runners[index]
            let told = definition["runners"]?.items?.first {
                RunnerKey($0) == runner.key
            }
            let date = told?["removalDate"]?.text.flatMap { Timestamp($0) }
            // Its percentage when it was removed; those of who is left change with each removal.
            let factor = told?["adjustmentFactor"]?.thousandths
            events.append(
                .withdrawal(
                    FeedWithdrawal(
                        market: id, selection: index,
                        effective: FeedTime.clamped(date?.milliseconds),
                        deduction: factor.map { UInt16(min($0 / 10, 9999)) })))
        }
        return events
    }

    /// Whether a stake never goes back by how a market ends: what references say of its selections is all there is to
    /// expect then. Of kinds that nobody knows here it is not known.
    private static func isDecided(_ type: String) -> Bool {
        decided.contains(type) || type.hasPrefix("OVER_UNDER_") && type.hasSuffix("5")
    }

    private static let decided: Set<String> = [
        "MATCH_ODDS", "SET_WINNER", "SET_BETTING", "BOTH_TEAMS_TO_SCORE", "WIN", "PLACE",
        "OTHER_PLACE", "CORRECT_SCORE", "HALF_TIME", "HALF_TIME_FULL_TIME", "DOUBLE_CHANCE",
        "ODD_OR_EVEN", "TOURNAMENT_WINNER",
    ]

    /// Milliseconds.
    private static func delay(_ definition: JSONValue) -> UInt32 {
        let (milliseconds, overflow) = (definition["betDelay"]?.whole ?? 0)
            .multipliedReportingOverflow(by: 1000)
        return overflow ? .max : UInt32(clamping: milliseconds)
    }

    private static func result(_ runner: Runner) -> SelectionResult {
        switch runner.status {
        case "WINNER", "PLACED": .won
        case "LOSER": .lost
        default: .void
        }
    }

    private func introduce(_ definition: JSONValue, _ id: String, _ market: Market) -> [FeedEvent] {
        var events: [FeedEvent] = []
        let start = definition["marketTime"]?.text.flatMap { Timestamp($0) }
        if fixtures[market.fixture] == nil {
            fixtures[market.fixture] = (id, FixtureState())
            let event = definition["eventName"]?.text ?? definition["venue"]?.text ?? market.fixture
            let sides = Self.sides(event, market)
            events.append(
                .fixture(
                    FeedFixture(
                        id: market.fixture, sport: Self.sport(definition), competition: "",
                        home: sides.home, away: sides.away,
                        scheduled: FeedTime.clamped(start?.milliseconds))))
        }
        guard !market.isPassedOver else { return events }
        guard market.lines.isEmpty else {
            return events + market.lines.map { .market(define($0, definition, id, market)) }
        }
        let type: MarketType =
            switch definition["marketType"]?.text {
            case "MATCH_ODDS": .matchOdds
            case "SET_WINNER": .setWinner
            case "SET_BETTING": .setBetting
            case "BOTH_TEAMS_TO_SCORE": .bothTeamsToScore
            default: .other
            }
        let name = definition["name"]?.text ?? definition["marketType"]?.text ?? "Market \(id)"
        var made = FeedMarket(
            id: id, fixture: market.fixture, type: type, name: name,
            // None is said where each wins by itself.
            winners: UInt8(clamping: definition["numberOfWinners"]?.whole ?? 1),
            betDelay: Self.delay(definition),
            selections: market.runners.map {
                FeedSelection(id: UInt64($0.key.id) ?? 0, name: $0.name)
            })
        made.isCashedOut = Self.isDecided(definition["marketType"]?.text ?? "")
        switch definition["marketType"]?.text {
        case "WIN": made.deductions = .exchangeWin
        case "PLACE", "OTHER_PLACE": made.deductions = .exchangePlace
        default: break
        }
        events.append(.market(made))
        return events
    }

    // MARK: Handicaps

    /// A home side with a handicap against the other one with the opposite one.
    private struct HandicapLine {
        /// Of the home side, hundredths of a goal.
        let handicap: Int
        /// Of the two among their market's runners, the home side's first.
        let places: [Int]

        /// Such as "1.5/-0.25".
        func id(in market: String) -> String { market + "/" + Self.text(handicap) }

        /// Who won a line of halves; void where nobody played. Of a line on which stakes may go back, or half of them,
        /// the stream does not say whether they did: people settle it.
        func results(_ all: [SelectionResult]) -> [SelectionResult]? {
            let own = places.map { all[$0] }
            if own == [.void, .void] { return own }
            guard handicap % 50 == 0, handicap % 100 != 0, Set(own) == [.won, .lost] else {
                return nil
            }
            return own
        }

        static func text(_ handicap: Int, sign: String = "") -> String {
            let (whole, part) = abs(handicap).quotientAndRemainder(dividingBy: 100)
            let digits =
                part == 0
                ? "" : part % 10 == 0 ? ".\(part / 10)" : part < 10 ? ".0\(part)" : ".\(part)"
            return (handicap < 0 ? "-" : handicap > 0 ? sign : "") + "\(whole)" + digits
        }

        /// Hundredths of what the stream writes, such as -0.25; nil for finer ones.
        static func hundredths(_ text: String) -> Int? {
            let isBelow = text.hasPrefix("-")
            let parts = (isBelow ? text.dropFirst() : text[...]).split(
                separator: ".", omittingEmptySubsequences: false)
            let fraction = parts.count == 2 ? parts[1] + String(repeating: "0", count: 2) : "00"
            guard parts.count <= 2, let whole = Int(parts[0]), (0...99).contains(whole),
                fraction.dropFirst(2).allSatisfy({ $0 == "0" }), let part = Int(fraction.prefix(2))
            else { return nil }
            return (whole * 100 + part) * (isBelow ? -1 : 1)
        }
    }

    /// Every handicap of the first side with the opposite one of the other, in their order; none of more sides than two.
    private static func lines(_ runners: [Runner]) -> [HandicapLine] {
        guard let home = runners.first?.key.id, Set(runners.map(\.key.id)).count == 2 else {
            return []
        }
        var away: [Int: Int] = [:]
        for (place, runner) in runners.enumerated() where runner.key.id != home {
            if let handicap = HandicapLine.hundredths(runner.key.handicap) {
                away[handicap] = place
            }
        }
        return runners.enumerated().compactMap { place, runner in
            guard runner.key.id == home,
                let handicap = HandicapLine.hundredths(runner.key.handicap),
                let other = away[-handicap]
            else { return nil }
            return HandicapLine(handicap: handicap, places: [place, other])
        }
    }

    private func define(
        _ line: HandicapLine, _ definition: JSONValue, _ id: String, _ market: Market
    ) -> FeedMarket {
        let name = definition["name"]?.text ?? "Asian handicap"
        var made = FeedMarket(
            id: line.id(in: id), fixture: market.fixture, type: .asianHandicap,
            name: "\(name) \(HandicapLine.text(line.handicap, sign: "+"))", winners: 1,
            betDelay: Self.delay(definition),
            selections: zip(line.places, [line.handicap, -line.handicap]).map { place, handicap in
                let runner = market.runners[place]
                return FeedSelection(
                    id: UInt64(runner.key.id) ?? 0,
                    name: "\(runner.name) \(HandicapLine.text(handicap, sign: "+"))")
            })
        // References do not say how much of a stake is expected to go back.
        made.isCashedOut = false
        return made
    }

    private static func sides(_ event: String, _ market: Market) -> (home: String, away: String) {
        let words = event.split(separator: " ", omittingEmptySubsequences: false)
        if let index = words.firstIndex(of: "v") {
            return (
                words[..<index].joined(separator: " "),
                words[(index + 1)...].joined(separator: " ")
            )
        }
        if market.runners.count == 2 { return (market.runners[0].name, market.runners[1].name) }
        return (event, "")
    }

    private static func sport(_ definition: JSONValue) -> Sport {
        switch definition["eventTypeId"]?.identifier {
        case "1": .football
        case "2": .tennis
        case "4": .cricket
        case "7": .horseRacing
        case "4339": .greyhounds
        case "7522": .basketball
        default: .other
        }
    }

    private func quotes(_ market: Market) -> [Quote] {
        market.runners.map { runner in
            let book = market.books[runner.key] ?? RunnerBook()
            return Quote(
                bestBack: book.topBack, bestLay: book.topLay, lastTraded: book.lastTraded,
                isActive: runner.status == "ACTIVE")
        }
    }
}
