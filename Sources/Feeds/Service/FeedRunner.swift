import Betting
public import Catalogue
public import EngineCore
public import FeedCore
import Kernel
public import Pricing

/// How a feed becomes prices of ours. Times in milliseconds.
public struct FeedSettings: Sendable {
    public var pricing = PricingRule()
    /// The supplier's time runs this many times as fast as ours, in hundredths; 0 as fast as it comes.
    public var speedHundredths: Int64 = 100
    /// Between two published versions of one market.
    public var publishInterval: Int64 = 100
    /// Without message or heartbeat for this long, the feed's markets are shut.
    public var staleAfter: Int64 = 20_000
    public var maximumStake: Int64 = 100_000
    public var liabilityLimit: Int64 = 10_000_000
    /// The worst loss at which a market is shut by itself, minor units, and hundredths of a percent that a chance may move
    /// from one price to the next; 0 for neither.
    public var suspendAt: Int64 = 0
    public var mostMove: UInt16 = 0
    /// How long a bet in play waits at least, by sport; a market whose supplier says more keeps that.
    public var leastDelays: [Sport: UInt32] = [:]
    /// The highest potential return that a scouted result settles, minor units; nil any, 0 none.
    public var scoutedReturn: Int64?

    public init() {}
}

/// Carries a feed into the engine: definitions, prices of ours, states and results.
///
/// Has no thread and no clock: whoever turns it says what time it is. What was said once and must not be
/// lost (definitions, scores, withdrawals, results) waits in order while the engine is too busy. Prices and
/// states are no queue: each market has what its supplier last said and what the engine was last told, and
/// only the difference is told, shutting first. So what is overtaken while the engine is busy is never said.
public final class FeedRunner {
    private struct MarketPlan {
        let name: String
        let fixture: String
        let id: ExternalID
        let selections: Int
        let winners: Int
        var quotes: [Quote] = []
        /// The quotes are newer than what the engine was told.
        var isDirty = false
        /// Our prices for them, once they were made.
        var fresh: [PriceEntry]?
        var publishedAt: Int64 = .min
        var message: UInt64 = 0
        var messageTime: Int64 = 0
        var isSuspended = true
        var isOffered = false
        var isSettled = false
        /// Withdrawals take from its prices.
        var isDeducted = false
        /// When its supplier said what it has said last of the result, milliseconds.
        var resultTime: Int64 = .min
        /// Stands in `restless`.
        var isRestless = false
        /// What the engine was last told: shut for `feed` or not; nil when others may have changed that.
        var toldShut: Bool? = true
        /// The same of `stale`; nil while this life has said nothing of it.
        var toldStale: Bool?
        var lastEntries: [PriceEntry] = []

        var wantsShut: Bool { isSuspended || !isOffered }
    }

    public let source: any FeedSource
    public let settings: FeedSettings
    private let submit: (RecordBytes) -> Bool
    @exclusivity(unchecked) private var encoder = CommandEncoder()
    @exclusivity(unchecked) private var plans: [MarketPlan] = []
    @exclusivity(unchecked) private var places: [String: Int] = [:]
    private var freePlaces: [Int] = []
    /// Markets of which the engine has not been told everything.
    @exclusivity(unchecked) private var restless: [Int] = []
    /// Settled markets whose plans are kept whole, oldest first: most corrections come soon.
    private var settled: [String] = []
    /// Those of before, for as long as their results may be corrected.
    private var longSettled = SettledMarkets()
    @exclusivity(unchecked) private var outbox: [(CommandEncoderJob)] = []
    /// Matches of sports that have a least delay of their own, oldest first.
    private var delayed: [(fixture: String, least: UInt32)] = []
    private var startedAt: Int64?
    private var feedStart: Int64 = 0
    private var lastHeard: Int64?
    private var isStale = false
    /// All markets were changed by others, and the supplier has not spoken since.
    private var isDoubted = false
    private var wall: Int64 = 0
    /// Messages about a market that do not fit to it: other selections than it has; and what would correct one that is
    /// not known, or no more.
    public private(set) var misfits: UInt64 = 0
    /// With what its supplier's reader told nobody.
    public var tally: FeedTally {
        var own = FeedTally()
        own.misfits = misfits
        return own + source.tally
    }
    public private(set) var messages: UInt64 = 0
    public private(set) var published: UInt64 = 0
    public private(set) var refusedBooks: [UInt8: UInt64] = [:]
    public private(set) var isFinished = false
    /// The first line that was not understood stops the feed and shuts its markets: its order can no longer be
    /// trusted.
    public private(set) var failure: FeedError?

    /// Settled markets whose plans are kept whole.
    public static let settledKept = 4096
    /// Matches whose least delay is remembered; more begin only long after these ended.
    public static let delayedKept = 4096
    /// Commands that may wait for a busy engine.
    public static let outboxLimit = 65_536
    /// Milliseconds until a busy engine is asked again.
    public static let busyPause: Int64 = 10

    /// `submit` answers false when the engine is busy.
    public init(
        source: any FeedSource, settings: FeedSettings, submit: @escaping (RecordBytes) -> Bool
    ) {
        self.source = source
        self.settings = settings
        self.submit = submit
    }

    private typealias CommandEncoderJob = (inout CommandEncoder) -> RecordBytes

    /// Plays everything that is due at `now` (milliseconds, of a clock that never steps), publishes, and
    /// looks for silence. `wall` is UTC, for what is written down.
    public func turn(now: Int64, wall: Int64) {
        self.wall = wall
        drainOutbox()
        do {
            try play(now)
        } catch {
            failure = failure ?? error
        }
        watch(now)
        publish(now)
    }

    /// Nothing more will come and nothing waits.
    public var isIdle: Bool { isFinished && outbox.isEmpty && restless.isEmpty }

    /// When a turn is due although no message comes: something waits to be told, or silence has lasted too
    /// long. Milliseconds, nil for never.
    public func nextTurn(after now: Int64) -> Int64? {
        let silence = isStale ? nil : lastHeard.map { $0 + settings.staleAfter + 1 }
        guard outbox.isEmpty else { return now + Self.busyPause }
        return restless.reduce(silence) { next, place in
            let plan = plans[place]
            let isWaiting =
                plan.isDirty && !plan.isSuspended && !isDue(plan, now)
                && plan.toldShut == plan.wantsShut
            let at = isWaiting ? plan.publishedAt + settings.publishInterval : now + Self.busyPause
            return min(next ?? at, at)
        }
    }

    private func play(_ now: Int64) throws(FeedError) {
        guard failure == nil, !isFinished else { return }
        guard let first = try source.nextTime() else {
            isFinished = true
            return
        }
        if startedAt == nil {
            startedAt = now
            feedStart = first
        }
        var budget = 2000
        while budget > 0, outbox.count < Self.outboxLimit {
            guard let due = try source.nextTime() else {
                isFinished = true
                return
            }
            if settings.speedHundredths > 0 {
                let passed = (now - (startedAt ?? now)) * settings.speedHundredths / 100
                guard due <= feedStart + passed else { return }
            }
            let message = try source.next()
            lastHeard = now
            if isDoubted { believe() }
            messages += 1
            budget -= 1
            for event in message.events { take(event, message, now) }
            // Played as fast as it comes there is no interval to conflate in.
            if settings.speedHundredths == 0 { publish(now) }
        }
    }

    // MARK: Events to commands

    private func id(_ kind: String, _ text: String) -> ExternalID {
        FeedIdentity.id(of: kind, text, from: source.name)
    }

    private func take(_ event: FeedEvent, _ message: FeedMessage, _ now: Int64) {
        switch event {
        case .heartbeat: break
        case .fixture(let fixture): define(fixture)
        case .market(let market): define(market)
        case .quotes(let quotes):
            guard let place = places[quotes.market], !plans[place].isSettled else { return }
            guard quotes.quotes.count == plans[place].selections else {
                misfits += 1
                return
            }
            plans[place].quotes = quotes.quotes
            plans[place].isDirty = true
            plans[place].fresh = nil
            plans[place].message = message.number
            plans[place].messageTime = message.time
            disturb(place)
        case .marketState(let market, let isSuspended):
            guard let place = places[market], !plans[place].isSettled else { return }
            // A suspension never waits for the next price; what was quoted before it never ends it.
            if isSuspended, !planted(.oldQuotesReopen) {
                plans[place].quotes = []
                plans[place].isDirty = false
                plans[place].isOffered = false
            }
            plans[place].isSuspended = isSuspended
            if !isSuspended, !plans[place].quotes.isEmpty { plans[place].isDirty = true }
            disturb(place)
            if isSuspended { tellShut(place) }
        case .withdrawal(let said):
            guard let place = corrected(said.market), said.selection < plans[place].selections
            else { return misfits += 1 }
            // The engine shuts it, too: what was quoted before is another race's.
            if plans[place].isDeducted, !plans[place].isSettled { suspend(place) }
            send { [id = plans[place].id, received = message.time] in
                $0.withdrawal(
                    market: id, selection: UInt32(said.selection),
                    effective: said.effective * 1_000_000, received: received * 1_000_000,
                    deduction: said.deduction, placeDeduction: said.placeDeduction,
                    places: said.places)
            }
        case .update(let update): take(update, message, now)
        case .result(let result): take(result, message)
        case .rollback(let market): rollBack(market, message)
        case .cancel(let cancel): take(cancel, message)
        case .startingPrices(let market, let prices):
            guard let place = corrected(market), prices.count == plans[place].selections
            else { return misfits += 1 }
            send { [id = plans[place].id] in
                $0.startingPrices(
                    market: id, prices.map { Odds(thousandths: $0) },
                    time: message.time * 1_000_000)
            }
        case .earlyPayout(let market, let moments):
            guard let place = corrected(market), moments.count == plans[place].selections
            else { return misfits += 1 }
            // Whose clock is ahead of ours means what was taken until now, not what is still to be.
            send { [id = plans[place].id, wall] in
                $0.earlyPayout(
                    market: id, moments.map { min($0, wall) * 1_000_000 },
                    time: message.time * 1_000_000)
            }
        }
    }

    private func define(_ fixture: FeedFixture) {
        var facts = FixtureFacts(id: id("fixture", fixture.id))
        facts.sport = fixture.sport
        facts.scheduled = Timestamp(milliseconds: fixture.scheduled)
        facts.competition = fixture.competition
        facts.home = fixture.home
        facts.away = fixture.away
        if let least = settings.leastDelays[fixture.sport],
            !delayed.contains(where: { $0.fixture == fixture.id })
        {
            if delayed.count == Self.delayedKept { delayed.removeFirst() }
            delayed.append((fixture.id, least))
        }
        send { [facts] in $0.fixture(facts) }
    }

    /// What a bet on the match waits in play: as its supplier says, or longer where its sport does.
    private func delay(_ said: UInt32, of fixture: String) -> UInt32 {
        max(said, delayed.first { $0.fixture == fixture }?.least ?? 0)
    }

    private func define(_ market: FeedMarket) {
        guard places[market.id] == nil else { return }
        guard market.selections.count <= Limits.selections else { return misfits += 1 }
        var plan = MarketPlan(
            name: market.id, fixture: market.fixture, id: id("market", market.id),
            selections: market.selections.count, winners: Int(market.winners))
        plan.isDeducted = market.deductions != .none
        _ = longSettled.take(market.id)
        _ = add(plan)
        var facts = MarketFacts(
            id: plan.id, fixture: id("fixture", market.fixture), name: market.name,
            selections: market.selections.map { SelectionFacts(supplierID: $0.id, name: $0.name) })
        facts.type = market.type
        facts.winners = market.winners
        facts.betDelay = delay(market.betDelay, of: market.fixture)
        facts.maximumStake = settings.maximumStake
        facts.liabilityLimit = settings.liabilityLimit
        facts.scoutedReturn = settings.scoutedReturn
        facts.places = market.places
        facts.deductions = market.deductions
        facts.isAtTheOff = market.isAtTheOff
        facts.isAntePost = market.isAntePost
        facts.isGuaranteed = market.isGuaranteed
        facts.takesAtStart = market.takesAtStart
        facts.paysEarly = market.paysEarly
        facts.isCashedOut = market.isCashedOut
        send { [facts] in $0.market(facts) }
        guard settings.suspendAt > 0 || settings.mostMove > 0 else { return }
        var limits = MarketLimits()
        limits.suspendAt = settings.suspendAt
        limits.mostMove = settings.mostMove
        // Only where nobody has moved them: a market that is told of again keeps what a trader said.
        limits.version = 0
        send { [limits, id = plan.id] in $0.marketLimits(id, limits) }
    }

    private func take(_ update: FeedUpdate, _ message: FeedMessage, _ now: Int64) {
        var facts = FixtureFacts(id: id("fixture", update.fixture))
        facts.state = update.state
        facts.incident = update.incident
        facts.lostContact = update.hasLostContact
        facts.scheduled = Timestamp(milliseconds: update.scheduled)
        facts.providerTime = message.time * 1_000_000
        facts.ingestTime = wall * 1_000_000
        // What is still to come is a schedule. Decided here and now: by the engine's time, a moment later, it may be over.
        let hasStarted = update.startedAt > 0 && update.startedAt <= wall
        if hasStarted { facts.startedAt = update.startedAt * 1_000_000 }
        if hasStarted, !update.state.isInPlay {
            // It has begun and is not offered in play: nothing is, until the supplier says so.
            for place in plans.indices
            where plans[place].fixture == update.fixture && places[plans[place].name] == place
                && !plans[place].isSettled
            {
                suspend(place)
            }
        }
        send { [facts] in $0.fixtureUpdate(facts) }
        guard let said = update.betDelay else { return }
        let fixture = facts.id
        let betDelay = delay(said, of: update.fixture)
        send {
            $0.marketState(fixture, scope: .fixture, by: .feed, betDelay: betDelay)
        }
    }

    /// The market may be offered again, from the next quotes on.
    private func rollBack(_ market: String, _ message: FeedMessage) {
        guard let place = corrected(market) else { return misfits += 1 }
        // What is older than the newest word is the engine's to pass by, and changes nothing here.
        if message.time >= plans[place].resultTime {
            plans[place].resultTime = message.time
            plans[place].isSettled = false
            settled.removeAll { $0 == market }
            suspend(place)
        }
        send { [id = plans[place].id, count = plans[place].selections] in
            $0.rollback(market: id, selections: count, time: message.time * 1_000_000)
        }
    }

    /// As if its supplier had suspended it: what was quoted before never ends that.
    private func suspend(_ place: Int) {
        plans[place].quotes = []
        plans[place].isDirty = false
        plans[place].isOffered = false
        plans[place].isSuspended = true
        disturb(place)
        tellShut(place)
    }

    private func take(_ cancel: FeedCancel, _ message: FeedMessage) {
        guard let place = corrected(cancel.market),
            let window = CancelWindow(
                from: cancel.from * 1_000_000, until: cancel.until * 1_000_000)
        else { return misfits += 1 }
        send { [id = plans[place].id] in
            $0.cancel(
                market: id, window, isTakenBack: cancel.isTakenBack,
                time: message.time * 1_000_000)
        }
    }

    /// A dead heat says who shared what.
    private func hasEveryTie(_ result: FeedResult, winners: Int) -> Bool {
        result.results.indices.allSatisfy { index in
            guard result.results[index] == .deadHeat else { return true }
            guard index < result.finish.count, let finish = result.finish[index] else {
                return false
            }
            let share = finish.share(of: UInt8(clamping: winners))
            return share > 0 && share < finish.tied
        }
    }

    private func take(_ result: FeedResult, _ message: FeedMessage) {
        guard let place = corrected(result.market) else { return misfits += 1 }
        let isNewest = message.time >= plans[place].resultTime
        guard result.results.count == plans[place].selections,
            result.finish.isEmpty || result.finish.count == result.results.count,
            hasEveryTie(result, winners: plans[place].winners)
        else {
            // Something happened, whatever it was: nobody bets on it until it is said otherwise.
            if isNewest {
                plans[place].isSuspended = true
                disturb(place)
                tellShut(place)
            }
            return misfits += 1
        }
        // Should the result have to wait, nobody bets on it meanwhile.
        if isNewest {
            plans[place].resultTime = message.time
            plans[place].isSuspended = true
            plans[place].isDirty = false
            disturb(place)
            tellShut(place)
        }
        let winners = UInt8(clamping: plans[place].winners)
        let outcomes = result.results.enumerated().map { index, word in
            let finish = index < result.finish.count ? result.finish[index] : nil
            guard let finish else { return SelectionOutcome(word) }
            return SelectionOutcome(
                word, winners: word == .deadHeat ? finish.share(of: winners) : 1,
                tied: finish.tied, position: finish.position)
        }
        send { [id = plans[place].id] in
            $0.result(
                market: id, outcomes, source: .feed, certainty: result.certainty,
                time: message.time * 1_000_000)
        }
        guard isNewest else { return }
        if !plans[place].isSettled { settled.append(result.market) }
        plans[place].isSettled = true
        if settled.count > Self.settledKept { forget(settled.removeFirst()) }
    }

    private func forget(_ market: String) {
        guard let place = places.removeValue(forKey: market) else { return }
        let plan = plans[place]
        longSettled.put(
            market,
            SettledMarkets.Market(
                fixture: plan.fixture, selections: UInt8(clamping: plan.selections),
                winners: UInt8(clamping: plan.winners), isDeducted: plan.isDeducted,
                resultTime: plan.resultTime, settledAt: wall))
        restless.removeAll { $0 == place }
        freePlaces.append(place)
    }

    /// The place of a market of which something is said that holds for bets that stand: one that was settled long ago has
    /// a plan again.
    private func corrected(_ market: String) -> Int? {
        if let place = places[market] { return place }
        guard let known = longSettled.take(market) else { return nil }
        var plan = MarketPlan(
            name: market, fixture: known.fixture, id: id("market", market),
            selections: Int(known.selections), winners: Int(known.winners))
        plan.isDeducted = known.isDeducted
        plan.resultTime = known.resultTime
        plan.isSettled = true
        let place = add(plan)
        settled.append(market)
        if settled.count > Self.settledKept { forget(settled.removeFirst()) }
        return place
    }

    private func add(_ plan: MarketPlan) -> Int {
        let place = freePlaces.popLast() ?? plans.count
        if place == plans.count { plans.append(plan) } else { plans[place] = plan }
        places[plan.name] = place
        return place
    }

    // MARK: Prices and states

    private func disturb(_ place: Int) {
        guard !plans[place].isRestless, !plans[place].isSettled else { return }
        plans[place].isRestless = true
        restless.append(place)
    }

    private func disturbAll() { for place in places.values.sorted() { disturb(place) } }

    /// Tells of every market what is not told yet and due; keeps those of which more is to be told.
    private func publish(_ now: Int64) {
        guard !restless.isEmpty else { return }
        // All that shuts goes first.
        for place in restless { tellShut(place) }
        var kept = 0
        for index in restless.indices {
            let place = restless[index]
            if !tell(place, now) {
                restless[kept] = place
                kept += 1
            } else {
                plans[place].isRestless = false
            }
        }
        restless.removeSubrange(kept...)
    }

    private func isDue(_ plan: MarketPlan, _ now: Int64) -> Bool {
        settings.speedHundredths == 0 || plan.publishedAt == .min || plan.toldShut != false
            || now - plan.publishedAt >= settings.publishInterval
    }

    /// Shutting overtakes everything that waits: a market that was opened is one that the engine knows.
    private func tellShut(_ place: Int) {
        let plan = plans[place]
        if plan.wantsShut, plan.toldShut != true {
            let isTold = submit(
                encoder.marketState(plan.id, by: .feed, setting: .feed, reason: "supplier"))
            if isTold { plans[place].toldShut = true }
        }
        if isStale, !plan.isSettled, plan.toldStale != true, plan.toldShut != true || outbox.isEmpty
        {
            let isTold = submit(
                encoder.marketState(
                    plan.id, by: .monitor, setting: .stale, reason: "feed silent"))
            if isTold { plans[place].toldStale = true }
        }
    }

    /// Tells what is due of one market; whether that was all there is to tell.
    private func tell(_ place: Int, _ now: Int64) -> Bool {
        guard !plans[place].isSettled else { return plans[place].toldShut == true }
        if plans[place].isDirty, !plans[place].isSuspended {
            makePrices(place)
            // What cannot be offered is shut at once; a price waits for its interval.
            tellShut(place)
        }
        guard outbox.isEmpty else { return false }
        if plans[place].isDirty, !plans[place].isSuspended {
            guard isDue(plans[place], now), publish(place, now) else { return false }
        }
        let plan = plans[place]
        if !plan.wantsShut, plan.toldShut != false, !isStale, !isDoubted {
            guard submit(encoder.marketState(plan.id, by: .feed, lifting: [.feed, .recovery]))
            else { return false }
            plans[place].toldShut = false
        }
        // An earlier life of this feed may have left it stale; now it speaks.
        if !isStale, plan.toldStale == true || (plan.toldStale == nil && !plan.wantsShut) {
            guard submit(encoder.marketState(plan.id, by: .monitor, lifting: .stale)) else {
                return false
            }
            plans[place].toldStale = false
        }
        guard !isStale || plans[place].toldStale == true else { return false }
        return plans[place].wantsShut
            ? plans[place].toldShut == true
            : isStale || isDoubted || plans[place].toldShut == false
    }

    private func makePrices(_ place: Int) {
        guard plans[place].fresh == nil else { return }
        do {
            let quotes = plans[place].quotes
            let prices = try settings.pricing.prices(
                for: quotes, winners: plans[place].winners, on: .classic)
            plans[place].fresh = zip(prices, quotes).map {
                PriceEntry(
                    odds: $0.odds, reference: $0.referenceThousandths, chance: $1.chance)
            }
        } catch {
            refusedBooks[error.rawValue, default: 0] += 1
            plans[place].isOffered = false
            plans[place].isDirty = false
        }
    }

    /// At most one version of a market in each interval: the newest. False when the engine is busy.
    private func publish(_ place: Int, _ now: Int64) -> Bool {
        let plan = plans[place]
        let entries = plan.fresh ?? []
        if Self.isNews(entries, after: plan.lastEntries) {
            let isTold = submit(
                encoder.price(
                    market: plan.id, entries, margin: settings.pricing.marginBasisPoints,
                    message: plan.message, providerTime: plan.messageTime * 1_000_000))
            guard isTold else { return false }
            plans[place].lastEntries = entries
            plans[place].publishedAt = now
            published += 1
        }
        plans[place].isOffered = true
        plans[place].isDirty = false
        return true
    }

    /// Another price is; what only its supplier expects of a selection when that is another part in a hundred.
    private static func isNews(_ entries: [PriceEntry], after last: [PriceEntry]) -> Bool {
        guard entries.count == last.count else { return true }
        return zip(entries, last).contains { one, other in
            guard one.odds == other.odds else { return true }
            guard let now = one.chance, let then = other.chance else {
                return one.chance != other.chance
            }
            return [(now.win, then.win), (now.back, then.back)].contains {
                max($0, $1) - min($0, $1) >= Chance.whole / 100
            }
        }
    }

    /// Others changed the state of many markets at once (the platform, in doubt after its clock was stepped; the
    /// desk): each is told anew what its supplier last said of it, opening again once the supplier speaks.
    public func refresh() {
        isDoubted = true
        for place in places.values.sorted() where !plans[place].isSettled {
            plans[place].toldShut = nil
            plans[place].isDirty = !plans[place].quotes.isEmpty
            disturb(place)
        }
    }

    private func believe() {
        isDoubted = false
        disturbAll()
    }

    // MARK: Silence

    /// Neither message nor heartbeat for too long: shut everything that is this feed's, until it speaks.
    private func watch(_ now: Int64) {
        guard let heard = lastHeard else { return }
        // What comes after a line that was not understood is not heard any more: that is silence, and at once.
        let isSilent =
            (failure != nil || now - heard > settings.staleAfter) && !planted(.silenceUnnoticed)
        guard isSilent != isStale else { return }
        isStale = isSilent
        disturbAll()
    }

    // MARK: Into the engine

    private func send(_ make: @escaping (inout CommandEncoder) -> RecordBytes) {
        if outbox.isEmpty, submit(make(&encoder)) { return }
        outbox.append(make)
    }

    private func drainOutbox() {
        var sent = 0
        while sent < outbox.count, submit(outbox[sent](&encoder)) { sent += 1 }
        if sent > 0 { outbox.removeFirst(sent) }
    }
}

@available(*, unavailable)
extension FeedRunner: Sendable {}
