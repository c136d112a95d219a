import Betting
import Catalogue
public import FeedCore
public import FeedLines
import Kernel
import Pricing

/// A feed of XML messages in the style of the big providers: several producers, each of which lives, falls silent and
/// recovers by itself. Source of docs/formats/unified-feed.md.
///
/// What a producer says while it is down is taken down and told once it is up again; until then its markets are shut.
public final class UnifiedFeed: FeedSource {
    private struct Event {
        var fixture: FeedFixture?
        var isTold = false
        var state: UnifiedState?
        /// Who said the state, and when.
        var product = 0
        var time: Int64 = 0
        /// The newest word of each producer, by its own clock.
        var words: [Int: Int64] = [:]
        /// When it was called off, until somebody says how it stands.
        var calledOff: Int64?
    }

    private struct Market {
        let key: UnifiedMarketKey
        /// 0: each wins or loses by itself.
        let winners: UInt8
        var product: Int
        /// Producers that handed it over.
        var released: Set<Int> = []
        /// The newest word on its result, and whether it has one.
        var resultTime: Int64 = .min
        var isSettled = false
        /// The newest message about its odds.
        var time: Int64
        var status: UnifiedMarketStatus
        /// In the order in which they were told.
        var outcomes: [UnifiedOutcome]
        var isTold = false
        /// As last told: shut, or not.
        var isShut = true
        /// Its producer has spoken of it since it was last up.
        var isFresh = true
    }

    public let name: String
    private let reader: LineReader
    private var waiting: (UnifiedMessage, UInt64)?
    private var clock: Int64 = 0
    private var descriptions: [Int: UnifiedDescription] = [:]
    private var players: [String: String] = [:]
    private var events: [String: Event] = [:]
    private var markets: [UnifiedMarketKey: Market] = [:]
    private var marketsOfEvent: [String: [UnifiedMarketKey]] = [:]
    public private(set) var monitor = ProducerMonitor()
    /// Asked for what was missed; a recording holds the answers already.
    public var recover: (ProducerMonitor.Recovery) -> Void = { _ in }
    /// What it passed over, and what fits to nothing: messages about markets that nobody was told of, results that say a
    /// dead heat of no part, messages of producers that do not have the market any more, and changes of a match that are
    /// older than what its producer said of it.
    public private(set) var tally = FeedTally()

    public init(path: String, name: String) throws(LineReader.Failure) {
        self.name = name
        reader = try LineReader(path: path)
    }

    // MARK: FeedSource

    public func nextTime() throws(FeedError) -> Int64? {
        try look()
        return waiting.map { max(clock, $0.0.time) }
    }

    public func next() throws(FeedError) -> FeedMessage {
        try look()
        guard let (message, number) = waiting else {
            throw FeedError(line: reader.lineNumber, what: "the file ended")
        }
        waiting = nil
        clock = max(clock, message.time)
        let told = take(message)
        return FeedMessage(
            time: message.time, number: number, events: told.isEmpty ? [.heartbeat] : told)
    }

    private func look() throws(FeedError) {
        guard waiting == nil, let line = try reader.next() else { return }
        do {
            waiting = (try UnifiedMessage(try XMLElement.parse(Array(line))), reader.lineNumber)
        } catch let failure as XMLElement.Failure {
            throw FeedError(line: reader.lineNumber, what: failure.what)
        } catch let failure as UnifiedMessage.Failure {
            throw FeedError(line: reader.lineNumber, what: failure.what)
        } catch {
            throw FeedError(line: reader.lineNumber, what: "not understood")
        }
    }

    // MARK: Messages

    private func take(_ message: UnifiedMessage) -> [FeedEvent] {
        switch message.body {
        case .fixture(let fixture):
            events[fixture.id, default: Event()].fixture = fixture
            let isAwaited =
                events[fixture.id]?.state != nil || marketsOfEvent[fixture.id] != nil
            return isAwaited ? introduce(fixture.id) : []
        case .descriptions(let found):
            descriptions.merge(found) { $1 }
            return []
        case .players(let found):
            players.merge(found) { $1 }
            return []
        case .alive(let isSubscribed):
            let change = monitor.alive(
                message.product, isSubscribed: isSubscribed, at: message.time)
            return [.heartbeat] + follow(change)
        case .snapshotComplete:
            return follow(monitor.complete(message.product, at: message.time))
        default: break
        }
        var told = follow(
            monitor.heard(
                message.product, at: message.time, isRecovery: message.request != nil))
        switch message.body {
        case .oddsChange(let state, let markets):
            note(message)
            told += take(state, message)
            for market in markets { told += take(market, message) }
        case .betStop(let groups, let status): told += stop(message, groups, status)
        case .settlement(let certainty, let markets):
            for market in markets { told += settle(market, certainty, message) }
        case .rollback(let keys):
            for key in keys { told += rollBack(key, message) }
        case .cancel(let keys, let from, let until, let isTakenBack):
            for key in keys {
                told += about(key) {
                    [
                        .cancel(
                            FeedCancel(
                                market: $0, from: from, until: until, isTakenBack: isTakenBack))
                    ]
                }
            }
        case .changed(let start, let change):
            guard message.time >= events[message.event]?.words[message.product] ?? .min else {
                tally.misfits += 1
                return told
            }
            note(message)
            if start > 0 { told += move(message.event, to: start) }
            if change == .cancelled { told += callOff(message) }
            if change != nil { told += shutAll(message) }
        case .other: tally.passedOver += 1
        case .alive, .snapshotComplete, .fixture, .descriptions, .players: break
        }
        return told
    }

    /// What producers that went down or came up mean for their markets.
    private func follow(_ change: ProducerMonitor.Change) -> [FeedEvent] {
        for recovery in change.recoveries { recover(recovery) }
        var told: [FeedEvent] = []
        for product in change.down {
            for key in keys(of: product) {
                // Who only came late has said everything.
                if monitor.state(of: product) != .down(.behind) { markets[key]?.isFresh = false }
                told += tell(key)
            }
        }
        for product in change.up {
            for key in keys(of: product) { told += tell(key) }
        }
        return told
    }

    private func keys(of product: Int) -> [UnifiedMarketKey] {
        markets.values.filter { $0.product == product }.map(\.key).sorted { $0.text < $1.text }
    }

    private func take(_ state: UnifiedState?, _ message: UnifiedMessage) -> [FeedEvent] {
        guard var state else { return [] }
        let known = events[message.event]
        let before = known?.state
        if let known, let before {
            // What is older changes nothing, and nobody leads a match that is played back to before it began.
            let isBackwards =
                known.product != message.product && state.state.status == .notStarted
                && ![.notStarted, .delayed, .postponed].contains(before.state.status)
            guard message.time >= known.time, !isBackwards else { return [] }
            if state.state.score == Score.unknown { state.state.score = before.state.score }
        }
        events[message.event, default: Event()].state = state
        events[message.event]?.product = message.product
        events[message.event]?.time = message.time
        if let calledOff = known?.calledOff, message.time >= calledOff,
            state.state.status != .cancelled
        {
            events[message.event]?.calledOff = nil
        }
        return told(of: message.event, state, after: before)
    }

    private func told(of event: String, _ state: UnifiedState, after before: UnifiedState?)
        -> [FeedEvent]
    {
        guard events[event]?.isTold == true else { return introduce(event) }
        guard before?.state != state.state || before?.hasLostContact != state.hasLostContact else {
            return []
        }
        var update = FeedUpdate(
            fixture: event, state: state.state,
            incident: incident(before?.state, state.state, event))
        update.hasLostContact = state.hasLostContact
        return [.update(update)]
    }

    private func note(_ message: UnifiedMessage) {
        let known = events[message.event]?.words[message.product] ?? .min
        events[message.event, default: Event()].words[message.product] = max(known, message.time)
    }

    /// A match that nobody was told of yet is told with its new start.
    private func move(_ event: String, to start: Int64) -> [FeedEvent] {
        events[event]?.fixture?.scheduled = start
        guard events[event]?.isTold == true else { return [] }
        var update = FeedUpdate(
            fixture: event, state: events[event]?.state?.state ?? FixtureState())
        update.hasLostContact = events[event]?.state?.hasLostContact ?? false
        update.scheduled = start
        return [.update(update)]
    }

    /// Producers' clocks differ, so what others said of it later by theirs does not keep it going: it is called off until
    /// one of them says how it stands.
    private func callOff(_ message: UnifiedMessage) -> [FeedEvent] {
        guard let event = events[message.event] else { return [] }
        events[message.event]?.calledOff = message.time
        // A match that nobody was told of need not be told of now.
        guard event.isTold else { return [] }
        var state = event.state ?? UnifiedState(state: FixtureState(), hasLostContact: false)
        state.state.status = .cancelled
        state.state.isInPlay = false
        events[message.event]?.state = state
        events[message.event]?.product = message.product
        events[message.event]?.time = max(event.time, message.time)
        return told(of: message.event, state, after: event.state)
    }

    /// What any producer offers of a match, until that producer's next word: by its own clock, where it says the change.
    private func shutAll(_ message: UnifiedMessage) -> [FeedEvent] {
        var told: [FeedEvent] = []
        for key in marketsOfEvent[message.event] ?? [] {
            guard let market = markets[key], market.status == .active else { continue }
            markets[key]?.status = .suspended
            if market.product == message.product {
                markets[key]?.time = max(market.time, message.time)
            }
            told += tell(key)
        }
        return told
    }

    /// What a change of a football score says.
    private func incident(_ before: FixtureState?, _ now: FixtureState, _ event: String) -> Incident
    {
        guard events[event]?.fixture?.sport == .football, let before,
            before.score != Score.unknown, now.score != Score.unknown
        else { return .none }
        func goals(_ score: UInt32) -> Int {
            let score = Score(packed: score)
            return Int(score.home) + Int(score.away)
        }
        let more = goals(now.score) - goals(before.score)
        return more > 0 ? .goal : more < 0 ? .goalCancelled : .none
    }

    // MARK: Markets

    /// A match is told of once its names and its sport are known, with all that was said of it before: who may bet on it,
    /// and how long bets wait, goes by its sport.
    private func introduce(_ id: String) -> [FeedEvent] {
        guard events[id]?.isTold != true, let fixture = events[id]?.fixture else { return [] }
        events[id]?.isTold = true
        var told: [FeedEvent] = [.fixture(fixture)]
        if let state = events[id]?.state {
            var update = FeedUpdate(fixture: id, state: state.state)
            update.hasLostContact = state.hasLostContact
            told.append(.update(update))
        }
        for key in marketsOfEvent[id] ?? [] { told += define(key) + tell(key) }
        return told
    }

    private func define(_ key: UnifiedMarketKey) -> [FeedEvent] {
        guard let market = markets[key], !market.isTold, events[key.event]?.isTold == true else {
            return []
        }
        markets[key]?.isTold = true
        return [.market(definition(market))]
    }

    private func take(_ said: UnifiedMarket, _ message: UnifiedMessage) -> [FeedEvent] {
        var told = introduce(message.event)
        var status = said.status ?? .active
        // Who offers it still has not heard of it, or says how it stands before it is offered anew.
        if status == .active, events[message.event]?.calledOff != nil { status = .suspended }
        if let known = markets[said.key] {
            guard mayTell(message, status, of: known) else {
                tally.misfits += 1
                return told
            }
            // Whoever does not have it may shut it, and leaves it to whoever has.
            if known.product != message.product, status == .handedOver {
                markets[said.key]?.released.insert(message.product)
                return told
            }
            if known.product != message.product, status != .active, known.status != .handedOver {
                markets[said.key]?.status = .suspended
                markets[said.key]?.time = message.time
                return told + tell(said.key)
            }
            if status == .handedOver { markets[said.key]?.released.insert(message.product) }
        } else {
            guard said.outcomes.count >= 2, said.outcomes.count <= Limits.selections,
                let winners = winners(said), Int(winners) < said.outcomes.count
            else {
                tally.misfits += 1
                return told
            }
            markets[said.key] = Market(
                key: said.key, winners: winners, product: message.product, time: message.time,
                status: status, outcomes: said.outcomes)
            marketsOfEvent[message.event, default: []].append(said.key)
            told += define(said.key)
        }
        if status != .handedOver { markets[said.key]?.released.remove(message.product) }
        markets[said.key]?.product = message.product
        markets[said.key]?.time = message.time
        markets[said.key]?.status = status
        markets[said.key]?.isFresh = true
        for outcome in said.outcomes {
            guard
                let index = markets[said.key]?.outcomes.firstIndex(where: { $0.id == outcome.id })
            else {
                // Selections of a market do not change once bets may stand on it.
                tally.misfits += 1
                continue
            }
            markets[said.key]?.outcomes[index] = outcome
        }
        return told + tell(said.key)
    }

    /// Whether a producer has something to say of a market: nothing older than what is known, nothing once it is
    /// settled, and nobody opens what another one has shut.
    private func mayTell(
        _ message: UnifiedMessage, _ status: UnifiedMarketStatus, of known: Market
    ) -> Bool {
        guard message.time >= known.time, !known.isSettled else { return false }
        guard known.product != message.product else { return true }
        if status == .active {
            return known.status == .active || known.status == .handedOver
                || !monitor.isUp(known.product)
        }
        return !known.released.contains(message.product)
    }

    /// Whoever scores, by the number that the unified feed has for it.
    private static let anytimeGoalscorer = 40
    /// The first one, and the last one.
    private static let oneGoalscorer: Set<Int> = [38, 39]

    /// How many of its outcomes win: what their chances add up to. Nil where that is no number, as of a market that only
    /// has prices and more than one winner; 0 where outcomes are players of whom each wins or loses by itself.
    private func winners(_ said: UnifiedMarket) -> UInt8? {
        let outcomes = said.outcomes
        var sum: UInt64 = 0
        // What takes no part for a while still is one of those that may win.
        let areAll = outcomes.allSatisfy { $0.chance != nil || $0.isActive && $0.odds > 0 }
        guard areAll else { return nil }
        for outcome in outcomes where Self.quote(outcome).lastTraded > 0 {
            sum += 1_000_000_000 / UInt64(Self.quote(outcome).lastTraded)
        }
        let isExpected = outcomes.allSatisfy { $0.chance != nil }
        let near = (sum + 500_000) / 1_000_000
        let apart = max(sum, near * 1_000_000) - min(sum, near * 1_000_000)
        // Of players more than one of whom may win, only chance makes their chances a number; with prices alone it is
        // not told from a margin, but where there are two of them.
        let isOfPlayers = descriptions[said.key.market]?.isOfPlayers == true
        let isOne = Self.oneGoalscorer.contains(said.key.market)
        if said.key.market == Self.anytimeGoalscorer || isOfPlayers && !isOne {
            if isExpected { return sum >= 950_000 ? 0 : nil }
            guard said.key.market != Self.anytimeGoalscorer, outcomes.count == 2 else { return nil }
        }
        // Chances add up but for their rounding; prices of one winner may hold a margin of four tenths.
        guard isExpected ? apart <= 50_000 : near == 1 && sum >= 1_000_000 else { return nil }
        return near >= 1 ? UInt8(exactly: near) : nil
    }

    /// Its state and its prices, as far as its producer can be relied on.
    private func tell(_ key: UnifiedMarketKey) -> [FeedEvent] {
        guard let market = markets[key], market.isTold else { return [] }
        let isOpen = market.status == .active && market.isFresh && monitor.isUp(market.product)
        guard isOpen else {
            markets[key]?.isShut = true
            return market.isShut ? [] : [.marketState(market: key.text, isSuspended: true)]
        }
        markets[key]?.isShut = false
        let quotes = FeedEvent.quotes(
            FeedQuotes(market: key.text, quotes: Self.quotes(market)))
        return (market.isShut ? [.marketState(market: key.text, isSuspended: false)] : [])
            + [quotes]
    }

    /// References of chances that were rounded, brought up to what they must add up to.
    private static func quotes(_ market: Market) -> [Quote] {
        var quotes = market.outcomes.map(quote)
        guard market.outcomes.allSatisfy({ $0.chance != nil }) else { return quotes }
        let whole = UInt64(market.winners) * 1_000_000_000
        let sum = quotes.reduce(0 as UInt64) { sum, quote in
            quote.isActive ? sum + 1_000_000_000_000 / UInt64(quote.lastTraded) : sum
        }
        guard sum < whole, sum >= whole / 100 * 95 else { return quotes }
        for index in quotes.indices where quotes[index].isActive {
            quotes[index].lastTraded = UInt32(
                max(1001, UInt64(quotes[index].lastTraded) * sum / whole))
        }
        return quotes
    }

    /// What its producer expects is the reference, where it says that; else what it offers.
    private static func quote(_ outcome: UnifiedOutcome) -> Quote {
        var reference = outcome.odds
        if let chance = outcome.chance, chance.win > 0 {
            // What goes back is not paid by the price.
            let rest = UInt64(Chance.whole - chance.back)
            reference = UInt32(min(UInt64(Limits.price), rest * 1000 / UInt64(chance.win)))
        }
        return Quote(
            lastTraded: reference, isActive: outcome.isActive && reference > 1000,
            chance: outcome.chance)
    }

    private func definition(_ told: Market) -> FeedMarket {
        let key = told.key
        let description = descriptions[key.market]
        let fixture = events[key.event]?.fixture
        func words(_ text: String) -> String {
            var text = text.replacing("{$competitor1}", with: fixture?.home ?? "Home")
                .replacing("{$competitor2}", with: fixture?.away ?? "Away")
            for part in key.specifiers.split(separator: "|") {
                let pair = part.split(separator: "=", maxSplits: 1)
                guard pair.count == 2 else { continue }
                let (name, value) = (String(pair[0]), String(pair[1]))
                let isBelow = value.hasPrefix("-")
                let size = isBelow ? String(value.dropFirst()) : value
                text = text.replacing("{\(name)}", with: value)
                    .replacing("{+\(name)}", with: (isBelow ? "-" : "+") + size)
                    .replacing("{-\(name)}", with: (isBelow ? "+" : "-") + size)
            }
            return String(decoding: text.utf8.prefix(Limits.name), as: UTF8.self)
        }
        let name = words(description?.name ?? "Market \(key.market) \(key.specifiers)")
        let names = Dictionary(
            description?.outcomes.map { ($0.id, $0.name) } ?? [], uniquingKeysWith: { $1 })
        var market = FeedMarket(
            id: key.text, fixture: key.event, type: type(key), name: name,
            winners: told.winners, betDelay: 5000,
            selections: told.outcomes.enumerated().map { index, outcome in
                FeedSelection(
                    id: UInt64(outcome.id) ?? UInt64(index + 1),
                    name: words(names[outcome.id] ?? players[outcome.id] ?? outcome.id))
            })
        // Where stakes may go back, only what is said to be expected says what a bet is worth.
        market.isCashedOut = told.outcomes.allSatisfy { $0.chance != nil }
        return market
    }

    /// By the numbers that the unified feed has for whole matches; all others are called by their names.
    private func type(_ key: UnifiedMarketKey) -> MarketType {
        switch key.market {
        case 1, 186: .matchOdds
        case 16: .asianHandicap
        case 18: key.specifier("total")?.hasSuffix(".5") == true ? .overUnder : .asianTotal
        case 29: .bothTeamsToScore
        default: .other
        }
    }

    /// Only what is active moves.
    private func stop(
        _ message: UnifiedMessage, _ groups: Set<String>, _ status: UnifiedMarketStatus
    ) -> [FeedEvent] {
        var told: [FeedEvent] = []
        for key in marketsOfEvent[message.event] ?? [] {
            guard let market = markets[key], market.status == .active,
                market.product == message.product, message.time >= market.time
            else { continue }
            // Of whom nobody says in which group it is, it is in all of them.
            if let own = descriptions[key.market]?.groups, !groups.contains("all"),
                groups.isDisjoint(with: own)
            {
                continue
            }
            markets[key]?.status = status
            markets[key]?.time = message.time
            told += tell(key)
        }
        return told
    }

    private func settle(_ said: UnifiedMarket, _ certainty: UInt8, _ message: UnifiedMessage)
        -> [FeedEvent]
    {
        // Nobody can have bet on what nobody was told of, and nobody shall.
        if markets[said.key]?.isTold == false {
            markets[said.key]?.isSettled = true
            markets[said.key]?.status = .settled
        }
        return about(said.key) { id in
            guard let market = markets[said.key] else { return [] }
            let winners = market.winners
            // Better no result than another one: people settle it.
            guard said.outcomes.allSatisfy({ $0.result != .deadHeat || $0.share != nil }) else {
                tally.misfits += 1
                markets[said.key]?.status = .suspended
                return self.tell(said.key)
            }
            var results: [SelectionResult] = []
            var finish: [Finish?] = []
            for outcome in market.outcomes {
                let word = said.outcomes.first { $0.id == outcome.id }
                results.append(word?.result ?? .undecided)
                finish.append(
                    word?.share.map { share in
                        // So many of those who tie are among the winners.
                        winners == 0
                            ? Finish(position: 0, tied: share.tied, wins: share.winners)
                            : Finish(
                                position: max(1, winners &- share.winners &+ 1), tied: share.tied)
                    })
            }
            if message.time >= market.resultTime {
                markets[said.key]?.resultTime = message.time
                markets[said.key]?.isSettled = true
                markets[said.key]?.status = .settled
                markets[said.key]?.isShut = true
            }
            let isTied = finish.contains { $0 != nil }
            return [
                .result(
                    FeedResult(
                        market: id, certainty: certainty, results: results,
                        finish: isTied ? finish : []))
            ]
        }
    }

    /// It is offered again from its next odds on.
    private func rollBack(_ key: UnifiedMarketKey, _ message: UnifiedMessage) -> [FeedEvent] {
        if let market = markets[key], message.time >= market.resultTime {
            markets[key]?.resultTime = message.time
            markets[key]?.isSettled = false
            markets[key]?.status = .suspended
            markets[key]?.isShut = true
        }
        return about(key) { [.rollback(market: $0)] }
    }

    private func about(_ key: UnifiedMarketKey, _ tell: (String) -> [FeedEvent]) -> [FeedEvent] {
        guard markets[key]?.isTold == true else {
            tally.misfits += 1
            return []
        }
        return tell(key.text)
    }
}

@available(*, unavailable)
extension UnifiedFeed: Sendable {}
