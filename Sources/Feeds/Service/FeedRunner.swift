import Catalogue
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

    public init() {}
}

/// Carries a feed into the engine: definitions, prices of ours, states and results, in the feed's order.
///
/// Has no thread and no clock: whoever turns it says what time it is. Commands that the engine is too
/// busy for wait here, in order; prices that wait are replaced by newer ones.
public final class FeedRunner {
    private struct MarketPlan {
        let id: ExternalID
        let fixture: String
        let selections: Int
        let winners: Int
        var quotes: [Quote] = []
        var isDirty = false
        var publishedAt: Int64 = .min
        var message: UInt64 = 0
        var messageTime: Int64 = 0
        var isSuspended = true
        var isOffered = false
        /// What we last told the engine: shut for `feed` or not.
        var isShut = true
        var isSettled = false
        /// Whether this runner has opened it before.
        var wasHeard = false
        var lastEntries: [PriceEntry] = []
    }

    public let source: any FeedSource
    public let settings: FeedSettings
    private let submit: (RecordBytes) -> Bool
    private var encoder = CommandEncoder()
    private var markets: [String: MarketPlan] = [:]
    private var order: [String] = []
    /// Settled markets, oldest first: kept for a while, since a result may still be corrected.
    private var settled: [String] = []
    private var outbox: [(CommandEncoderJob)] = []
    private var startedAt: Int64?
    private var feedStart: Int64 = 0
    private var lastHeard: Int64?
    private var isStale = false
    private var wall: Int64 = 0
    /// Messages about a market that do not fit to it: other selections than it has.
    public private(set) var misfits: UInt64 = 0
    public private(set) var messages: UInt64 = 0
    public private(set) var published: UInt64 = 0
    public private(set) var refusedBooks: [UInt8: UInt64] = [:]
    public private(set) var isFinished = false
    /// The first line that was not understood stops the feed: its order can no longer be trusted.
    public private(set) var failure: FeedError?

    /// Settled markets that may still be corrected by the supplier.
    public static let settledKept = 4096
    /// Commands that may wait for a busy engine.
    public static let outboxLimit = 65_536

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
        publish(now)
        watch(now)
    }

    /// Nothing more will come and nothing waits.
    public var isIdle: Bool {
        isFinished && outbox.isEmpty && !markets.values.contains(where: \.isDirty)
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
            messages += 1
            budget -= 1
            for event in message.events { take(event, message, now) }
            // Played as fast as it comes there is no interval to conflate in.
            if settings.speedHundredths == 0 { publish(now) }
        }
    }

    // MARK: Events to commands

    private func id(_ kind: String, _ text: String) -> ExternalID {
        ExternalID(derivedFrom: source.name + ":" + kind + ":" + text)
    }

    private func take(_ event: FeedEvent, _ message: FeedMessage, _ now: Int64) {
        switch event {
        case .heartbeat: break
        case .fixture(let fixture): define(fixture)
        case .market(let market): define(market)
        case .quotes(let quotes):
            guard var plan = markets[quotes.market], !plan.isSettled else { return }
            guard quotes.quotes.count == plan.selections else {
                misfits += 1
                return
            }
            plan.quotes = quotes.quotes
            plan.isDirty = true
            plan.message = message.number
            plan.messageTime = message.time
            markets[quotes.market] = plan
        case .marketState(let market, let isSuspended):
            guard var plan = markets[market] else { return }
            // A suspension never waits for the next price; what was quoted before it never ends it.
            if isSuspended {
                plan.quotes = []
                plan.isDirty = false
                plan.isOffered = false
            }
            plan.isSuspended = isSuspended
            if !isSuspended, !plan.quotes.isEmpty { plan.isDirty = true }
            markets[market] = plan
            if isSuspended { setShut(market, true) }
        case .withdrawal(let market, let selection, let effective):
            guard let plan = markets[market], selection < plan.selections else { return }
            send { [id = plan.id, received = message.time] in
                $0.withdrawal(
                    market: id, selection: UInt32(selection), effective: effective * 1_000_000,
                    received: received * 1_000_000)
            }
        case .update(let update): take(update, message, now)
        case .result(let result): take(result)
        }
    }

    private func define(_ fixture: FeedFixture) {
        var facts = FixtureFacts(id: id("fixture", fixture.id))
        facts.sport = fixture.sport
        facts.scheduled = Timestamp(milliseconds: fixture.scheduled)
        facts.competition = fixture.competition
        facts.home = fixture.home
        facts.away = fixture.away
        send { [facts] in $0.fixture(facts) }
    }

    private func define(_ market: FeedMarket) {
        guard markets[market.id] == nil, market.selections.count <= Limits.selections else {
            return
        }
        let plan = MarketPlan(
            id: id("market", market.id), fixture: market.fixture,
            selections: market.selections.count, winners: Int(market.winners))
        markets[market.id] = plan
        order.append(market.id)
        var facts = MarketFacts(
            id: plan.id, fixture: id("fixture", market.fixture), name: market.name,
            selections: market.selections.map { SelectionFacts(supplierID: $0.id, name: $0.name) })
        facts.type = market.type
        facts.winners = market.winners
        facts.betDelay = market.betDelay
        facts.maximumStake = settings.maximumStake
        facts.liabilityLimit = settings.liabilityLimit
        send { [facts] in $0.market(facts) }
    }

    private func take(_ update: FeedUpdate, _ message: FeedMessage, _ now: Int64) {
        var facts = FixtureFacts(id: id("fixture", update.fixture))
        facts.state = update.state
        facts.incident = update.incident
        facts.providerTime = message.time * 1_000_000
        facts.ingestTime = wall * 1_000_000
        send { [facts] in $0.fixtureUpdate(facts) }
        guard let delay = update.betDelay else { return }
        let fixture = facts.id
        send {
            $0.marketState(fixture, scope: .fixture, by: .feed, betDelay: delay)
        }
    }

    private func take(_ result: FeedResult) {
        guard var plan = markets[result.market] else { return }
        guard result.results.count == plan.selections else {
            misfits += 1
            return
        }
        if !plan.isSettled { settled.append(result.market) }
        plan.isSettled = true
        plan.isDirty = false
        markets[result.market] = plan
        if settled.count > Self.settledKept { forget(settled.removeFirst()) }
        let outcomes = result.results.map { SelectionOutcome($0) }
        send { [id = plan.id] in
            $0.result(market: id, outcomes, source: .feed, certainty: result.certainty)
        }
    }

    private func forget(_ market: String) {
        markets[market] = nil
        order.removeAll { $0 == market }
    }

    private func setShut(_ market: String, _ isShut: Bool) {
        guard var plan = markets[market], plan.isShut != isShut, !plan.isSettled else { return }
        plan.isShut = isShut
        markets[market] = plan
        send { [id = plan.id] in
            isShut
                ? $0.marketState(id, by: .feed, setting: .feed, reason: "supplier")
                : $0.marketState(id, by: .feed, lifting: [.feed, .recovery])
        }
        // An earlier life of this feed may have left it stale; now it speaks.
        guard !isShut, !plan.wasHeard else { return }
        markets[market]?.wasHeard = true
        send { [id = plan.id] in $0.marketState(id, by: .monitor, lifting: .stale) }
    }

    // MARK: Prices

    /// At most one version of a market in each interval: the newest.
    private func publish(_ now: Int64) {
        guard outbox.isEmpty else { return }
        for market in order {
            guard let plan = markets[market], plan.isDirty, !plan.isSuspended,
                settings.speedHundredths == 0
                    || plan.publishedAt == .min
                    || now - plan.publishedAt >= settings.publishInterval
            else { continue }
            publish(market, plan, now)
        }
    }

    private func publish(_ market: String, _ before: MarketPlan, _ now: Int64) {
        var plan = before
        plan.isDirty = false
        plan.publishedAt = now
        var entries: [PriceEntry] = []
        var reason: NotOffered?
        do {
            entries = try settings.pricing.prices(
                for: plan.quotes, winners: plan.winners, on: .classic
            ).map { PriceEntry(odds: $0.odds, reference: $0.referenceThousandths) }
        } catch {
            reason = error
            refusedBooks[error.rawValue, default: 0] += 1
        }
        plan.isOffered = reason == nil
        let isNews = reason == nil && entries.map(\.odds) != plan.lastEntries.map(\.odds)
        if isNews { plan.lastEntries = entries }
        markets[market] = plan
        if isNews {
            published += 1
            let margin = settings.pricing.marginBasisPoints
            send { [plan, entries] in
                $0.price(
                    market: plan.id, entries, margin: margin, message: plan.message,
                    providerTime: plan.messageTime * 1_000_000)
            }
        }
        setShut(market, plan.isSuspended || !plan.isOffered)
    }

    /// The platform shut markets in doubt (its clock was stepped): each opens again with what its supplier
    /// last said of it, if that is not too old to be said again.
    public func refresh() {
        guard !isStale else { return }
        for market in order {
            guard var plan = markets[market], !plan.isSettled else { continue }
            plan.isShut = true
            plan.isDirty = !plan.quotes.isEmpty
            markets[market] = plan
        }
    }

    // MARK: Silence

    /// Neither message nor heartbeat for too long: shut everything that is this feed's, until it speaks.
    private func watch(_ now: Int64) {
        guard let heard = lastHeard else { return }
        let isSilent = now - heard > settings.staleAfter
        guard isSilent != isStale else { return }
        isStale = isSilent
        for market in order {
            guard let plan = markets[market], !plan.isSettled else { continue }
            send { [id = plan.id] in
                isSilent
                    ? $0.marketState(id, by: .monitor, setting: .stale, reason: "feed silent")
                    : $0.marketState(id, by: .monitor, lifting: .stale)
            }
        }
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
