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
}

/// Bounds of what one client follows.
enum FollowerLimits {
    /// Topics at once, each market of a fixture counted.
    static let topics = 200
    /// Bytes of missed messages that are sent one by one; beyond it an image says the same in less.
    static let resumedBytes = 65_536
    /// Rows of one's own history that are read at a time.
    static let historyPage = 200
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
    /// The newest incident that was sent.
    private var incidentsSaid: UInt64 = 0
    /// The order up to which everything was said, while something is owed.
    private var completeUpTo: UInt64?

    init(_ topics: TopicBoard, _ line: any FollowerLine, account: AccountID?) {
        self.topics = topics
        self.line = line
        self.account = account
    }

    /// The client is gone.
    func end() {
        for topic in followed { topics.remove(self, from: topic) }
        followed = []
        owed = []
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
        guard followed.count + more <= FollowerLimits.topics else { return .tooMany }
        for one in fresh {
            if followed.insert(one).inserted { topics.add(self, to: one) }
            if one == .bets { followsBets = true }
            if one == .wallet { followsWallet = true }
            if one == .incidents { incidentsSaid = topics.order }
        }
        return nil
    }

    /// Tells what is known of topics that are followed already: what was missed since `known` where that is
    /// still here, else an image. Own history is read where a client goes on after a record.
    func begin(_ asked: [Topic], _ known: (Topic) -> Resumption?) {
        guard let line else { return }
        guard line.isWritable else {
            for topic in asked.flatMap(expanded) where !topic.isOwn {
                owe(topic, at: topics.order + 1)
            }
            return
        }
        var missed: [SharedMessage] = []
        var history: UInt64?
        for topic in asked.flatMap(expanded) {
            let place = known(topic)
            if topic.isOwn {
                guard case .order(let place) = place, place.epoch == topics.epoch else { continue }
                history = min(history ?? .max, place.order)
            } else if let known = place, let kept = topics.missed(topic, known),
                kept.reduce(0, { $0 + $1.text.count }) <= FollowerLimits.resumedBytes
            {
                missed += kept
            } else if let image = topics.image(of: topic) {
                missed.append(image)
            }
        }
        missed.sort { $0.position.order < $1.position.order }
        if let history, replay == nil, let account {
            replay = Replay(order: history, waiting: missed)
            askHistory(account, topics.order)
        } else if replay != nil {
            replay!.waiting += missed
        } else {
            for message in missed { line.send(message, isComplete: false) }
            sayCaughtUp()
        }
    }

    private func expanded(_ topic: Topic) -> [Topic] {
        if case .marketsOfFixture(let id) = topic { return topics.markets(of: id) }
        return [topic]
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
        if case .marketsOfFixture(let id) = topic { gone += topics.markets(of: id) }
        for one in gone where followed.remove(one) != nil {
            owed.remove(one)
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
            line.send(message, isComplete: true)
            return true
        }
        return offerLate(message, topic)
    }

    /// To a client that is not up to date.
    private func offerLate(_ message: SharedMessage, _ topic: Topic) -> Bool {
        guard let line, line.isWritable, !owed.contains(topic) else {
            owe(topic, at: message.position.order)
            return false
        }
        if replay != nil {
            guard replay!.waiting.count < FollowerLimits.held else {
                owe(topic, at: message.position.order)
                return false
            }
            replay!.waiting.append(message)
        } else {
            line.send(message, isComplete: false)
        }
        return true
    }

    /// A topic changed as a whole.
    func owe(_ topic: Topic, at order: UInt64) {
        if owed.isEmpty {
            completeUpTo = order - 1
            line?.say(Messages.standing("behind", topics.epoch, order - 1))
        }
        owed.insert(topic)
        if line?.isWritable == true, replay == nil { settleDebts() }
    }

    /// One image a topic, however many changes were passed over.
    func settleDebts() {
        guard replay == nil, !owed.isEmpty || completeUpTo != nil else { return }
        for topic in owed.sorted(by: { $0.text < $1.text }) {
            guard let line, line.isWritable else { return }
            owed.remove(topic)
            if topic == .incidents {
                for message in topics.incidents(after: incidentsSaid) {
                    line.send(message, isComplete: false)
                }
            } else if let image = topics.image(of: topic) {
                line.send(image, isComplete: false)
            }
        }
        guard completeUpTo != nil, owed.isEmpty else { return }
        completeUpTo = nil
        sayCaughtUp()
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
        let place = StreamPosition(epoch: topics.epoch, order: order)
        return SharedMessage(Messages.heartbeat(place.epoch, place.order, time), at: place)
    }

    // MARK: What is one's own

    /// A message about one's own bets or money: never left out, and first on the wire.
    func tell(_ message: SharedMessage) {
        if replay != nil {
            replay!.waiting.append(message)
            replay!.ownWaiting += 1
            guard replay!.ownWaiting > FollowerLimits.held else { return }
            return giveUpReplay("resume_again", "Too much happened meanwhile. Resume again.")
        }
        line?.send(message, isComplete: owed.isEmpty)
        line?.goFirst()
    }

    /// What a client missed of everything it follows, on its way to it in one order.
    private struct Replay {
        /// Everything up to here was said.
        var order: UInt64
        /// By order: what was missed of topics, and what came while history is read.
        var waiting: [SharedMessage]
        var ownWaiting = 0
    }

    private var replay: Replay?

    /// The rows must reach `target`, the newest record when following began: after it everything waits here.
    private func askHistory(_ account: AccountID, _ target: UInt64) {
        guard let order = replay?.order else { return }
        topics.readHistory(account, order, FollowerLimits.historyPage) { [weak self] page in
            self?.take(page, account, target)
        }
    }

    private func take(_ page: HistoryPage?, _ account: AccountID, _ target: UInt64) {
        guard let line, let waiting = replay?.waiting else { return }
        guard let page else {
            return giveUpReplay("busy", "What you missed cannot be read now. Resume again.")
        }
        let own = page.messages(followed, topics)
        let due = waiting.prefix { $0.position.order <= page.reached }
        for message in Self.merged(Array(due), own) { line.send(message, isComplete: owed.isEmpty) }
        line.goFirst()
        replay!.order = page.reached
        replay!.waiting.removeFirst(due.count)
        if page.isLast, page.asOf >= target { return endReplay(after: page.asOf) }
        // More is there, or the rows are a moment behind the journal.
        topics.after(milliseconds: page.isLast ? 20 : 1) { [weak self] in
            self?.askWhenWritable(account, target)
        }
    }

    private static func merged(_ one: [SharedMessage], _ other: [SharedMessage]) -> [SharedMessage]
    {
        var all: [SharedMessage] = []
        all.reserveCapacity(one.count + other.count)
        var (left, right) = (one[...], other[...])
        while let first = left.first, let second = right.first {
            if first.position.order <= second.position.order {
                all.append(left.removeFirst())
            } else {
                all.append(right.removeFirst())
            }
        }
        return all + left + right
    }

    private func askWhenWritable(_ account: AccountID, _ target: UInt64) {
        guard let line, replay != nil else { return }
        guard line.isWritable else {
            return topics.after(milliseconds: 20) { [weak self] in
                self?.askWhenWritable(account, target)
            }
        }
        askHistory(account, target)
    }

    /// What is one's own up to `order` came from the rows.
    private func endReplay(after order: UInt64) {
        let waiting = replay?.waiting ?? []
        replay = nil
        for message in waiting where message.position.order > order || !message.isOwn {
            line?.send(message, isComplete: owed.isEmpty)
        }
        sayCaughtUp()
        settleDebts()
    }

    private func giveUpReplay(_ code: String, _ text: String) {
        guard let left = replay else { return }
        replay = nil
        line?.say(Messages.standing("behind", topics.epoch, left.order))
        line?.say(Messages.failure(code, text))
    }
}

@available(*, unavailable)
extension Follower: Sendable {}
