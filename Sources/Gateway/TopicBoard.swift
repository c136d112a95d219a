import Catalogue
import EngineCore
import Kernel
import NetworkLoops
import ProjectionService

/// Reads what became of an account after a record; the answer comes on the loop, nil when it cannot be read.
typealias HistoryReader = (
    _ account: AccountID, _ after: UInt64?, _ limit: Int,
    _ answer: @escaping (AccountHistory?) -> Void
) -> Void

/// A page of history that waits for its turn.
private struct HistoryQuestion {
    let account: AccountID
    let after: UInt64?
    let limit: Int
    let isWanted: () -> Bool
    let answer: (HistoryPage?) -> Void
}

/// Who follows what on one loop, and what each topic said lately.
///
/// Lives on its loop. A change is written once and handed to all who follow it. Bounds: those of
/// `MarketHistories`; `mostIncidents`; `mostImages`, `mostImageBytes`.
final class TopicBoard {
    private unowned let hub: Hub
    private var followers: [Topic: FollowerList] = [:]
    private var own: [AccountID: FollowerList] = [:]
    /// Filters of lists that somebody follows, and by how many.
    private var filters: [FixtureFilter: Int] = [:]
    private var history = MarketHistories()
    private var incidents: [SharedMessage] = []
    /// The newest image of what was wanted lately.
    private var images: [Topic: SharedMessage] = [:]
    /// Of the images that were made since the last were let go.
    private var imageBytes = 0
    private var incidentCount: UInt64 = 0
    /// Fixtures whose change was not told yet, as they were before it; nil for a new one.
    private var unsaid: [FixtureID: FixtureView?] = [:]
    /// Everything up to here was said, while something is unsaid.
    private var saidUpTo: UInt64 = 0
    var reader: HistoryReader?
    /// Histories that are being read now, and those that wait for their turn.
    private var reads = 0
    private var unread: [HistoryQuestion] = []
    private var firstUnread = 0
    /// Topics that are followed, each client's counted.
    private(set) var subscriptions = 0
    private(set) var deltasSent: UInt64 = 0
    private(set) var conflated: UInt64 = 0

    /// Histories read at once for one loop's clients; the store's other readers are not kept waiting by more.
    static let mostReads = 32
    /// Topics followed on one loop, over all of its clients.
    static let mostSubscriptions = 1_000_000
    /// Images kept for those who want the same.
    static let mostImages = 4096
    static let mostImageBytes = 33_554_432
    /// Incidents kept for clients that come back.
    static let mostIncidents = 1000

    init(_ hub: Hub) { self.hub = hub }

    var epoch: String { hub.view.epoch }
    var order: UInt64 { hub.view.order }
    private var here: StreamPosition { StreamPosition(epoch: epoch, order: order) }

    // MARK: Who follows

    func add(_ follower: Follower, to topic: Topic) {
        subscriptions += 1
        switch topic {
        case .bets, .wallet:
            if let account = follower.account {
                own[account, default: FollowerList()].add(follower)
            }
        case .fixtures(let filter):
            filters[filter, default: 0] += 1
            followers[topic, default: FollowerList()].add(follower)
        default: followers[topic, default: FollowerList()].add(follower)
        }
    }

    func remove(_ follower: Follower, from topic: Topic) {
        subscriptions -= 1
        switch topic {
        case .bets, .wallet:
            guard let account = follower.account,
                !follower.followed.contains(topic == .bets ? .wallet : .bets)
            else { return }
            own[account]?.remove(follower)
            if own[account]?.isEmpty == true { own[account] = nil }
        default:
            if case .fixtures(let filter) = topic, let count = filters[filter] {
                filters[filter] = count > 1 ? count - 1 : nil
            }
            followers[topic]?.remove(follower)
            if followers[topic]?.isEmpty == true { followers[topic] = nil }
        }
    }

    func exists(_ topic: Topic) -> Bool {
        switch topic {
        case .market(let id): hub.view.markets[id] != nil
        case .fixture(let id), .marketsOfFixture(let id): hub.view.fixtures[id] != nil
        default: true
        }
    }

    func markets(of id: FixtureID) -> [Topic] {
        hub.view.fixtures[id]?.markets.map { .market($0) } ?? []
    }

    // MARK: What they hear

    /// Every version goes out as a delta of its own, written once for all who follow.
    func changed(_ market: MarketView, since before: MarketView?) {
        if before == nil { made(market) }
        let topic = Topic.market(market.id)
        let message = SharedMessage(
            Messages.delta(market, since: before, in: hub.view),
            at: StreamPosition(epoch: epoch, order: market.order))
        history.append(
            market.id, sequence: market.version, message,
            before: before?.order ?? market.order - 1, now: hub.loop.milliseconds)
        guard let following = followers[topic] else {
            if market.isResulted { history.drop(market.id) }
            return
        }
        sayFixtures()
        send(message, topic, following)
    }

    private func send(_ message: SharedMessage, _ topic: Topic, _ following: FollowerList) {
        var passedOver: UInt64 = 0
        for follower in following.all where !follower.offer(message, topic) { passedOver += 1 }
        deltasSent += UInt64(following.count) - passedOver
        conflated += passedOver
    }

    /// A market came to be: it changes its fixture's list, and is followed by whoever follows all of them.
    private func made(_ market: MarketView) {
        changed(fixture: market.fixture, since: hub.view.fixtures[market.fixture])
        for follower in followers[.marketsOfFixture(market.fixture)]?.all ?? [] {
            follower.followMore(.market(market.id))
        }
    }

    /// Told when the next thing is sent, or at the end of the block: a fixture that gets its markets is told once.
    func changed(fixture id: FixtureID, since before: FixtureView?) {
        if unsaid.isEmpty { saidUpTo = order - 1 }
        if unsaid[id] == nil { unsaid[id] = .some(before) }
    }

    /// What changed of fixtures goes out before anything that came after it. These are several messages: until the
    /// last is said a client is complete only up to before the first change.
    func sayFixtures() {
        guard !unsaid.isEmpty else { return }
        let order = saidUpTo
        let changes = unsaid
        unsaid = [:]
        let place = StreamPosition(epoch: epoch, order: order)
        let now = changes.keys.sorted().compactMap { hub.view.fixtures[$0] }
        for fixture in now {
            guard let following = followers[.fixture(fixture.id)] else { continue }
            let topic = Topic.fixture(fixture.id)
            send(
                SharedMessage(
                    Messages.fixture(fixture, "delta", topic, order, in: hub.view), at: place),
                topic, following)
        }
        for filter in filters.keys {
            // What leaves a list is told once more, so that clients can take it off theirs.
            let listed = now.filter { fixture in
                filter.takes(fixture) || (changes[fixture.id] ?? nil).map(filter.takes) == true
            }
            let topic = Topic.fixtures(filter)
            guard !listed.isEmpty, let following = followers[topic] else { continue }
            send(
                SharedMessage(
                    Messages.fixtures(listed, "delta", topic, order, in: hub.view), at: place),
                topic, following)
        }
    }

    /// Something happened on a pitch.
    func happened(_ fixture: FixtureView, order: UInt64) {
        incidentCount += 1
        let message = SharedMessage(
            Messages.incident(fixture, sequence: incidentCount, order: order, in: hub.view),
            at: StreamPosition(epoch: epoch, order: order))
        incidents.append(message)
        // Cut rarely and by much, so that an incident costs no move of all the others.
        if incidents.count > Self.mostIncidents * 2 { incidents.removeFirst(Self.mostIncidents) }
        guard let following = followers[.incidents] else { return }
        sayFixtures()
        send(message, .incidents, following)
    }

    /// A state that all markets share changed: everybody gets an image of each of theirs.
    func changedAllMarkets() {
        history.dropAll()
        sayFixtures()
        var owing: [ObjectIdentifier: Follower] = [:]
        for (topic, following) in followers {
            guard case .market = topic else { continue }
            for follower in following.all {
                follower.owe(topic, at: order)
                owing[ObjectIdentifier(follower)] = follower
            }
        }
        for follower in owing.values { follower.settleDebts() }
    }

    /// Who follows on this loop what is this account's own.
    func followers(of account: AccountID) -> FollowerList? { own[account] }

    /// A message about one's own bets or money.
    func tell(
        _ followers: FollowerList, _ message: SharedMessage, where wants: (Follower) -> Bool
    ) {
        sayFixtures()
        for follower in followers.all where wants(follower) { follower.tell(message) }
    }

    // MARK: For those who come, or come back

    /// The whole of a topic, written once for all who want it while it is the newest.
    func image(of topic: Topic) -> SharedMessage? {
        if let kept = images[topic], kept.position.order == imageOrder(of: topic) { return kept }
        guard let made = makeImage(of: topic) else { return nil }
        imageBytes += made.text.count
        if images.count >= Self.mostImages || imageBytes > Self.mostImageBytes {
            images.removeAll(keepingCapacity: true)
            imageBytes = made.text.count
        }
        images[topic] = made
        return made
    }

    /// The record that a topic's newest image is of.
    private func imageOrder(of topic: Topic) -> UInt64? {
        switch topic {
        case .market(let id): hub.view.markets[id]?.order
        case .fixture(let id): hub.view.fixtures[id]?.order
        case .fixtures: order
        case .incidents, .bets, .wallet, .marketsOfFixture: nil
        }
    }

    private func makeImage(of topic: Topic) -> SharedMessage? {
        switch topic {
        case .market(let id):
            guard let market = hub.view.markets[id] else { return nil }
            return SharedMessage(
                Messages.image(market, in: hub.view),
                at: StreamPosition(epoch: epoch, order: market.order))
        case .fixture(let id):
            guard let fixture = hub.view.fixtures[id] else { return nil }
            return SharedMessage(
                Messages.fixture(fixture, "image", topic, fixture.order, in: hub.view),
                at: StreamPosition(epoch: epoch, order: fixture.order))
        case .fixtures(let filter):
            let listed = hub.view.current(at: wallClock()).filter(filter.takes)
            return SharedMessage(
                Messages.fixtures(listed, "image", topic, order, in: hub.view),
                at: here)
        case .incidents, .bets, .wallet, .marketsOfFixture: return nil
        }
    }

    /// What a client missed, or nil when that is no longer all here.
    func missed(_ topic: Topic, _ known: Follower.Resumption) -> [SharedMessage]? {
        switch (topic, known) {
        case (.market(let id), .sequence(let known, let sequence)) where known == epoch:
            guard let market = hub.view.markets[id] else { return nil }
            return market.version == sequence ? [] : history[id]?.after(sequence: sequence)
        case (.market(let id), .order(let place)) where place.epoch == epoch:
            guard let market = hub.view.markets[id] else { return nil }
            return market.order <= place.order ? [] : history[id]?.after(order: place.order)
        case (.fixture(let id), .order(let place)) where place.epoch == epoch:
            return (hub.view.fixtures[id]?.order).flatMap { $0 <= place.order ? [] : nil }
        case (.incidents, .order(let place)) where place.epoch == epoch:
            return incidents(after: place.order)
        default: return nil
        }
    }

    func incidents(after order: UInt64) -> [SharedMessage] {
        incidents.filter { $0.position.order > order }
    }

    /// When thousands come back at once they are read for in turn, a few at a time, and nobody is sent away.
    /// Bound: one of each follower, who asks for its next page when it has the last.
    func readHistory(
        _ account: AccountID, _ after: UInt64?, _ limit: Int, isWanted: @escaping () -> Bool,
        _ answer: @escaping (HistoryPage?) -> Void
    ) {
        guard let reader else { return answer(nil) }
        guard reads < Self.mostReads else {
            return unread.append(
                HistoryQuestion(
                    account: account, after: after, limit: limit, isWanted: isWanted, answer: answer
                ))
        }
        reads += 1
        reader(account, after, limit) { [weak self] found in
            answer(found.map { HistoryPage($0) })
            self?.readNext()
        }
    }

    private func readNext() {
        reads -= 1
        while reads < Self.mostReads, firstUnread < unread.count {
            let next = unread[firstUnread]
            firstUnread += 1
            // Whoever has left meanwhile is not read for.
            guard next.isWanted() else { continue }
            readHistory(
                next.account, next.after, next.limit, isWanted: next.isWanted, next.answer)
        }
        if firstUnread == unread.count || firstUnread >= 1024 {
            unread.removeFirst(firstUnread)
            firstUnread = 0
        }
    }

    /// Runs `work` on the loop a little later.
    func after(milliseconds: UInt64, _ work: @escaping () -> Void) {
        hub.loop.after(milliseconds: milliseconds, work)
    }

    /// What an account's rows say, as the messages that they were.
    func message(_ bet: ProjectedBet, _ line: StatementLine?, at order: UInt64) -> SharedMessage {
        SharedMessage(
            Messages.bet(bet, line.map { Balances($0) }, order: order, in: hub.view),
            at: StreamPosition(epoch: epoch, order: order), isOwn: true)
    }

    func message(_ line: StatementLine) -> SharedMessage {
        SharedMessage(
            Messages.wallet(line, in: hub.view),
            at: StreamPosition(epoch: epoch, order: line.sequence), isOwn: true)
    }

    /// Once in a while: old messages go.
    func prune() {
        history.prune(now: hub.loop.milliseconds)
        images.removeAll(keepingCapacity: true)
        imageBytes = 0
    }
}

@available(*, unavailable)
extension TopicBoard: Sendable {}
