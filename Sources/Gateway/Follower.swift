import JSONText
import Kernel

/// How one client is reached, whichever protocol it speaks. Lives on the client's loop.
protocol FollowerLine: AnyObject {
    /// Whether less waits for it than what makes a sender conflate.
    var isWritable: Bool { get }
    /// `isComplete`: everything before this message was said, so the client may resume from it.
    func send(_ message: SharedMessage, isComplete: Bool)
    /// Something about the line itself.
    func say(_ text: [UInt8])
    /// What waits goes out before what everybody else waits for.
    func goFirst()
    /// Ends the line with a reason, so that the client comes back with the place that it has.
    func giveUp(_ code: String, _ text: String)
}

/// Bounds of what one client follows.
enum FollowerLimits {
    /// Topics at once, each market of a fixture counted.
    static let topics = 200
    /// Bytes of missed messages, over all topics, that are sent one by one; beyond it images say the same in less.
    static let resumedBytes = 65_536
    /// Rows of one's own history that are read at a time.
    static let historyPage = 200
    /// The newest of one's own bets that are told to whoever begins.
    static let shownBets = 50
    /// How often rows that cannot be read now are asked for again, 100 ms apart.
    static let showTries = 20
    /// Messages that wait while one's history is read; beyond them images are owed, or one resumes again.
    static let held = 256
}

/// What one client follows: it hears every change while it reads them, else what has become of things.
///
/// Messages of one client come in the order of their records. Who reads too slowly owes itself an image of
/// what it missed; nothing of its own is ever left out.
final class Follower {
    private unowned let topics: TopicBoard
    private var line: (any FollowerLine)?
    let account: AccountID?
    private(set) var followed: Set<Topic> = []
    private(set) var followsBets = false
    private(set) var followsWallet = false
    /// Passed over, to be told as a whole once there is room.
    private var owed: Set<Topic> = []
    /// The newest incident that was sent, or from where they are asked for.
    private var incidentsSaid: UInt64 = 0
    /// The order up to which everything was said, while something is owed.
    private var completeUpTo: UInt64?
    private var replay: Replay?
    /// Of one's own, what was begun without a place and is still to be told as it is.
    private var unshown: Set<Topic> = []
    /// The newest record about one's own that was told.
    private var ownSaid: UInt64 = 0

    init(_ topics: TopicBoard, _ line: any FollowerLine, account: AccountID?) {
        self.topics = topics
        self.line = line
        self.account = account
    }

    /// The client is gone.
    func end() {
        let last = followed
        followed = []
        followsBets = false
        followsWallet = false
        for topic in last { topics.remove(self, from: topic) }
        owed = []
        unshown = []
        replay = nil
        line = nil
    }

    // MARK: Following

    enum Refused {
        case unknown
        case notSignedIn
        case tooMany
    }

    /// Where a client says it stands: after a message of one topic, or after a record for all of them.
    enum Resumption {
        case sequence(epoch: String, UInt64)
        case order(StreamPosition)
    }

    /// Follows one more topic from here on; `begin` tells what is known of it.
    func follow(_ topic: Topic) -> Refused? {
        guard topics.exists(topic) else { return .unknown }
        guard !topic.isOwn || account != nil else { return .notSignedIn }
        var fresh = [topic]
        if case .marketsOfFixture(let id) = topic { fresh += topics.markets(of: id) }
        let more = fresh.count { !followed.contains($0) }
        guard followed.count + more <= FollowerLimits.topics,
            topics.subscriptions + more <= TopicBoard.mostSubscriptions
        else { return .tooMany }
        for one in fresh {
            if followed.insert(one).inserted { topics.add(self, to: one) }
            if one == .bets { followsBets = true }
            if one == .wallet { followsWallet = true }
            if one == .incidents { incidentsSaid = topics.order }
        }
        return nil
    }

    /// Tells what is known of topics that are followed already, each named once: what was missed since `known`
    /// where that is still here, else an image. Own history is read where a client goes on after a record.
    func begin(_ asked: [Topic], _ known: (Topic) -> Resumption?) {
        guard let line else { return }
        var missed: [TopicMessage] = []
        var room = FollowerLimits.resumedBytes
        var own: Set<Topic> = []
        var history = UInt64.max
        for topic in asked.flatMap(expanded) {
            let place = known(topic)
            let after = order(of: place)
            if topic.isOwn {
                guard let after else {
                    unshown.insert(topic)
                    continue
                }
                own.insert(topic)
                history = min(history, after)
                continue
            }
            if topic == .incidents { incidentsSaid = after ?? topics.order }
            guard line.isWritable else {
                owe(topic, at: (after ?? topics.order) + 1)
                continue
            }
            missed += whatWasMissed(topic, place, &room)
        }
        missed.sort { $0.order < $1.order }
        if !unshown.isEmpty, let account {
            completeUpTo = min(completeUpTo ?? .max, topics.order)
            show(account, since: topics.order)
        }
        if !own.isEmpty, replay != nil {
            replay!.merge(missed)
            replay!.later.append((own, history))
        } else if !own.isEmpty {
            begin(Replay(own, after: history, waiting: missed))
        } else if replay != nil {
            replay!.merge(missed)
        } else {
            for item in missed { pass(item, isComplete: false) }
            finish()
        }
    }

    private func expanded(_ topic: Topic) -> [Topic] {
        if case .marketsOfFixture(let id) = topic { return topics.markets(of: id) }
        return [topic]
    }

    private func order(of place: Resumption?) -> UInt64? {
        guard case .order(let known) = place, known.epoch == topics.epoch else { return nil }
        return known.order
    }

    private func whatWasMissed(_ topic: Topic, _ place: Resumption?, _ room: inout Int)
        -> [TopicMessage]
    {
        func size(_ messages: some Sequence<SharedMessage>) -> Int {
            messages.reduce(0) { $0 + $1.text.count }
        }
        if topic == .incidents {
            // The newest that fit.
            var kept: [SharedMessage] = []
            for message in topics.incidents(after: incidentsSaid).reversed() {
                guard message.text.count <= room else { break }
                room -= message.text.count
                kept.append(message)
            }
            return kept.reversed().map { TopicMessage(topic: topic, message: $0) }
        }
        if let place, let kept = topics.missed(topic, place), size(kept) <= room {
            room -= size(kept)
            return kept.map { TopicMessage(topic: topic, message: $0) }
        }
        return topics.image(of: topic).map { [TopicMessage(topic: topic, message: $0)] } ?? []
    }

    /// A market of a fixture whose markets are followed was just made.
    func followMore(_ topic: Topic) {
        guard followed.count < FollowerLimits.topics, followed.insert(topic).inserted else {
            return
        }
        topics.add(self, to: topic)
    }

    func unfollow(_ topic: Topic) {
        var gone = [topic]
        if case .marketsOfFixture(let id) = topic {
            gone += topics.markets(of: id)
            // Of a fixture that is forgotten nobody knows the markets any more: they are forgotten too.
            gone += followed.filter { !topics.exists($0) }
        }
        for one in gone where followed.remove(one) != nil {
            owed.remove(one)
            unshown.remove(one)
            if one == .bets { followsBets = false }
            if one == .wallet { followsWallet = false }
            topics.remove(self, from: one)
        }
        settleDebts()
    }

    // MARK: What everybody may hear

    /// A change of a followed topic, one of many who get the same bytes. False when it was passed over.
    @inline(__always)
    func offer(_ message: SharedMessage, _ topic: Topic) -> Bool {
        guard let line else { return true }
        if owed.isEmpty, replay == nil, line.isWritable {
            line.send(message, isComplete: unshown.isEmpty)
            if topic == .incidents { incidentsSaid = message.position.order }
            return true
        }
        return offerLate(TopicMessage(topic: topic, message: message))
    }

    /// To a client that is not up to date.
    private func offerLate(_ item: TopicMessage) -> Bool {
        guard replay != nil else { return pass(item, isComplete: false) }
        guard replay!.waiting.count < FollowerLimits.held, !owed.contains(item.topic) else {
            owe(item.topic, at: item.order)
            return false
        }
        replay!.waiting.append(item)
        return true
    }

    /// Sends, or owes what there is no room for; one's own is always sent.
    @discardableResult
    private func pass(_ item: TopicMessage, isComplete: Bool) -> Bool {
        guard let line else { return true }
        guard item.message.isOwn || (line.isWritable && !owed.contains(item.topic)) else {
            owe(item.topic, at: item.order)
            return false
        }
        line.send(item.message, isComplete: isComplete && owed.isEmpty && unshown.isEmpty)
        if item.topic == .incidents { incidentsSaid = item.order }
        return true
    }

    /// A topic is told as a whole later; `order` is that of the first change that is passed over.
    func owe(_ topic: Topic, at order: UInt64) {
        let reached = min(order == 0 ? 0 : order - 1, self.order)
        if owed.isEmpty { line?.say(Messages.standing("behind", topics.epoch, reached)) }
        completeUpTo = min(completeUpTo ?? .max, reached)
        owed.insert(topic)
    }

    /// One image a topic, however many changes were passed over.
    func settleDebts() {
        guard completeUpTo != nil, replay == nil else { return }
        for topic in owed.sorted(by: { $0.text < $1.text }) {
            guard settle(topic) else { return }
            owed.remove(topic)
        }
        guard unshown.isEmpty else { return }
        completeUpTo = nil
        sayCaughtUp()
    }

    /// False when there is no room for all of it.
    private func settle(_ topic: Topic) -> Bool {
        guard let line, line.isWritable else { return false }
        guard topic == .incidents else {
            if let image = topics.image(of: topic) { line.send(image, isComplete: false) }
            return true
        }
        for message in topics.incidents(after: incidentsSaid) {
            guard line.isWritable else { return false }
            line.send(message, isComplete: false)
            incidentsSaid = message.position.order
        }
        return true
    }

    /// Everything that was asked for was said, or is owed.
    private func finish() {
        if completeUpTo == nil { sayCaughtUp() } else { settleDebts() }
    }

    /// Everything up to `order` was told: the client may go on from there.
    private func sayCaughtUp() {
        let place = StreamPosition(epoch: topics.epoch, order: order)
        line?.send(
            SharedMessage(Messages.standing("caughtUp", place.epoch, place.order), at: place),
            isComplete: true)
    }

    /// The order up to which this client was told everything.
    var order: UInt64 { min(completeUpTo ?? .max, replay?.order ?? .max, topics.order) }

    /// The heartbeat of everybody, or one of its own for a client that was not told everything yet.
    func place(_ heartbeat: SharedMessage, _ time: Timestamp) -> SharedMessage {
        guard order < heartbeat.position.order else { return heartbeat }
        return .heartbeat(at: StreamPosition(epoch: topics.epoch, order: order), time)
    }

    // MARK: What is one's own

    /// A message about one's own bets or money: never left out, and first on the wire.
    func tell(_ message: SharedMessage) {
        ownSaid = max(ownSaid, message.position.order)
        if replay != nil {
            replay!.waiting.append(TopicMessage(topic: .bets, message: message))
            guard replay!.ownWaiting > FollowerLimits.held else { return }
            return giveUp("resume_again", "Too much happened meanwhile. Come back and resume.")
        }
        line?.send(message, isComplete: owed.isEmpty && unshown.isEmpty)
        line?.goFirst()
    }

    /// The image of one's own: the newest bets and the balances as the rows have them, once those are no older than
    /// anything that was told.
    private func show(_ account: AccountID, since target: UInt64, tries: Int = 0) {
        topics.readHistory(
            account, nil, FollowerLimits.shownBets,
            isWanted: { [weak self] in self?.unshown.isEmpty == false }
        ) { [weak self] page in self?.show(page, account, target, tries) }
    }

    private func show(
        _ page: HistoryPage?, _ account: AccountID, _ target: UInt64, _ tries: Int
    ) {
        guard let line, !unshown.isEmpty else { return }
        guard page != nil || tries < FollowerLimits.showTries else {
            return giveUp("busy", "Your bets cannot be read now. Come back.")
        }
        guard let page, page.asOf >= max(target, ownSaid), replay == nil, line.isWritable else {
            let isRead = page != nil
            return topics.after(milliseconds: isRead ? 20 : 100) { [weak self] in
                self?.show(account, since: target, tries: isRead ? tries : tries + 1)
            }
        }
        for item in page.told(unshown.intersection(followed), topics) {
            pass(item, isComplete: false)
        }
        ownSaid = max(ownSaid, page.asOf)
        unshown = []
        line.goFirst()
        settleDebts()
    }

    private func begin(_ next: Replay) {
        guard let account else { return }
        replay = next
        askWhenWritable(account, topics.order)
    }

    /// The rows must reach `target`, the newest record when following began: after it everything waits here.
    private func askWhenWritable(_ account: AccountID, _ target: UInt64) {
        guard let line, let order = replay?.order else { return }
        guard line.isWritable else {
            return topics.after(milliseconds: 20) { [weak self] in
                self?.askWhenWritable(account, target)
            }
        }
        topics.readHistory(
            account, order, FollowerLimits.historyPage,
            isWanted: { [weak self] in self?.line != nil }
        ) { [weak self] page in self?.take(page, account, target) }
    }

    private func take(_ page: HistoryPage?, _ account: AccountID, _ target: UInt64) {
        guard let line, let running = replay else { return }
        guard let page else {
            return giveUp("busy", "What you missed cannot be read now. Come back and resume.")
        }
        // Of one's own, the rows are the truth up to where they reach: what waited here is in them.
        let due = running.waiting.prefix { $0.order <= page.reached }
        let own = page.told(running.topics.intersection(followed), topics)
        replay!.waiting.removeFirst(due.count)
        for item in TopicMessage.merged(due.filter { !$0.message.isOwn }, own) {
            pass(item, isComplete: true)
        }
        line.goFirst()
        replay!.order = max(running.order, page.reached)
        if page.isLast, page.asOf >= target { return endReplay(account) }
        // More is there, or the rows are a moment behind the journal.
        topics.after(milliseconds: page.isLast ? 20 : 1) { [weak self] in
            self?.askWhenWritable(account, target)
        }
    }

    private func endReplay(_ account: AccountID) {
        guard var last = replay else { return }
        replay = nil
        for item in last.waiting { pass(item, isComplete: last.later.isEmpty) }
        guard !last.later.isEmpty else { return finish() }
        let (own, after) = last.later.removeFirst()
        var next = Replay(own, after: after, waiting: [])
        next.later = last.later
        begin(next)
    }

    private func giveUp(_ code: String, _ text: String) {
        guard let left = replay else { return }
        line?.say(Messages.standing("behind", topics.epoch, min(left.order, order)))
        line?.giveUp(code, text)
    }
}

@available(*, unavailable)
extension Follower: Sendable {}

/// What a client missed of everything it follows, on its way to it in one order.
private struct Replay {
    /// Of one's own, what is read.
    let topics: Set<Topic>
    /// Everything up to here was said.
    var order: UInt64
    /// By order: what was missed of other topics, and what came while history is read.
    var waiting: [TopicMessage]
    /// What was asked for while this was running.
    var later: [(Set<Topic>, UInt64)] = []

    init(_ topics: Set<Topic>, after order: UInt64, waiting: [TopicMessage]) {
        self.topics = topics
        self.order = order
        self.waiting = waiting
    }

    var ownWaiting: Int { waiting.count { $0.message.isOwn } }

    mutating func merge(_ more: [TopicMessage]) { waiting = TopicMessage.merged(waiting, more) }
}
