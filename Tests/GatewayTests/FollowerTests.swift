import EngineCore
import EngineService
import Kernel
import NetworkLoops
import ProjectionService
import Testing

@testable import Gateway

/// Takes nothing.
private final class NoIntake: EngineIntake {
    var isShortOfSpace: Bool { false }
    func submit(_ record: RecordBytes, token: Token) -> Bool { false }
    func submitQuietly(_ record: RecordBytes, token: Token) -> Bool { false }
    func wake() {}
}

/// A client that keeps what it was sent.
private final class Listener: FollowerLine {
    var isWritable = true
    var sent: [(order: UInt64, isComplete: Bool, text: String)] = []
    var said: [String] = []
    var reason: String?

    func send(_ message: SharedMessage, isComplete: Bool) {
        sent.append(
            (message.position.order, isComplete, String(decoding: message.text, as: UTF8.self)))
    }
    func say(_ text: [UInt8]) { said.append(String(decoding: text, as: UTF8.self)) }
    func goFirst() {}
    func giveUp(_ code: String, _ text: String) { reason = code }
}

/// Questions for one's own history, each answered when the test says so.
private final class RowsToAnswer {
    private var answers: [(AccountHistory?) -> Void] = []
    private(set) var asked: [UInt64?] = []

    init(_ hub: Hub) {
        hub.topics.reader = { [unowned self] _, after, _, answer in
            asked.append(after)
            answers.append(answer)
        }
    }

    func answer(_ history: AccountHistory) { answers.removeFirst()(history) }
}

@Suite struct `Somebody who follows its own bets and money` {
    private let hub = Hub(loop: Loop(), view: CatalogueView(), intake: NoIntake())
    private let line = Listener()
    private let account = AccountID(7)

    private func follower() -> Follower {
        let follower = Follower(hub.topics, line, account: account)
        for topic: Topic in [.bets, .wallet] {
            let refused = follower.follow(topic)
            #expect(refused == nil)
        }
        return follower
    }

    private func live(_ order: UInt64) -> SharedMessage {
        SharedMessage(
            Array("{\"live\":\(order)}".utf8), at: StreamPosition(epoch: "", order: order),
            isOwn: true)
    }

    private func row(_ order: UInt64) -> AccountHistory.Entry {
        let line = StatementLine(
            sequence: order, time: 0, reason: 1, cashChange: 1, bet: 0, cash: Int64(order), held: 0,
            openBets: 0, receivable: 0)
        return AccountHistory.Entry(order: order, line: line, bet: nil)
    }

    @Test func `leaves nothing behind when it goes`() {
        for _ in 0..<3 {
            let follower = follower()
            #expect(hub.topics.followers(of: account)?.count == 1)
            follower.end()
            #expect(hub.topics.followers(of: account) == nil)
        }
        let other = follower()
        other.unfollow(.bets)
        #expect(hub.topics.followers(of: account)?.count == 1 && !other.followsBets)
        other.unfollow(.wallet)
        #expect(hub.topics.followers(of: account) == nil)
    }

    @Test func `hears once what the rows and the moment both tell`() {
        let rows = RowsToAnswer(hub)
        let follower = follower()
        follower.begin([.bets, .wallet]) { _ in .order(StreamPosition(epoch: "", order: 5)) }
        for order: UInt64 in [7, 9, 12] { follower.tell(live(order)) }
        #expect(rows.asked == [5] && line.sent.isEmpty, "nothing goes out before what was missed")
        rows.answer(
            AccountHistory(entries: [row(6), row(7), row(9)], reached: 9, isLast: true, asOf: 9))
        let orders = line.sent.map(\.order).filter { $0 > 0 }
        #expect(orders == [6, 7, 9, 12])
        #expect(line.sent.last?.text.contains("caughtUp") == true)
        follower.tell(live(13))
        #expect(line.sent.last?.order == 13)
    }

    @Test func `is shown what it has when it begins without a place, and only then has caught up`() {
        let rows = RowsToAnswer(hub)
        let follower = follower()
        follower.begin([.bets, .wallet]) { _ in nil }
        #expect(rows.asked == [nil] && line.sent.isEmpty)
        // What happens meanwhile is told at once, and no place is given away with it.
        follower.tell(live(7))
        #expect(line.sent.map(\.order) == [7] && line.sent[0].isComplete == false)
        rows.answer(AccountHistory(entries: [row(9)], reached: 9, isLast: true, asOf: 9))
        #expect(line.sent.map(\.order).prefix(2) == [7, 9])
        #expect(line.sent.last?.text.contains("caughtUp") == true)
        follower.tell(live(12))
        #expect(line.sent.last?.order == 12 && line.sent.last?.isComplete == true)
    }

    @Test func `is told to come back when its rows cannot be read`() {
        hub.topics.reader = { _, _, _, answer in answer(nil) }
        let follower = follower()
        follower.begin([.bets]) { _ in .order(StreamPosition(epoch: "", order: 5)) }
        #expect(line.reason == "busy" && !line.sent.contains { $0.text.contains("caughtUp") })
    }

    @Test func `is told to come back when too much happens meanwhile`() {
        hub.topics.reader = { _, _, _, _ in }
        let follower = follower()
        follower.begin([.bets]) { _ in .order(StreamPosition(epoch: "", order: 5)) }
        for order in 0...UInt64(FollowerLimits.held) { follower.tell(live(order + 6)) }
        #expect(line.reason == "resume_again" && line.sent.isEmpty)
    }

    @Test func `asks one thing after the other when it asks for more while it is being told`() {
        let rows = RowsToAnswer(hub)
        let follower = follower()
        follower.begin([.bets]) { _ in .order(StreamPosition(epoch: "", order: 5)) }
        follower.begin([.wallet]) { _ in .order(StreamPosition(epoch: "", order: 3)) }
        rows.answer(AccountHistory(entries: [], reached: 9, isLast: true, asOf: 9))
        #expect(rows.asked == [5, 3])
        rows.answer(
            AccountHistory(entries: [row(4), row(8)], reached: 9, isLast: true, asOf: 9))
        #expect(line.sent.map(\.order).filter { $0 > 0 } == [4, 8])
    }

    @Test func `is one story of another journal's no more`() {
        let follower = follower()
        let rows = RowsToAnswer(hub)
        follower.begin([.bets]) { _ in .order(StreamPosition(epoch: "other", order: 5)) }
        #expect(rows.asked == [nil] && line.sent.isEmpty, "it is told what it has instead")
        let market = hub.topics.missed(.incidents, .sequence(epoch: "other", 3))
        #expect(market == nil)
    }

    @Test func `who does not read is told that it is behind, once, and from where`() {
        let follower = Follower(hub.topics, line, account: nil)
        let refused = follower.follow(.incidents)
        #expect(refused == nil)
        line.isWritable = false
        let news = SharedMessage(Array("{}".utf8), at: StreamPosition(epoch: "", order: 0))
        for _ in 0..<3 {
            let wasSent = follower.offer(news, .incidents)
            #expect(!wasSent)
        }
        #expect(line.said.count == 1 && line.said[0].contains("\"behind\""))
        line.isWritable = true
        follower.settleDebts()
        #expect(line.sent.last?.text.contains("caughtUp") == true)
    }
}

@Suite struct `An image that many want` {
    @Test func `is written once while it is the newest`() throws {
        let hub = Hub(loop: Loop(), view: CatalogueView(), intake: NoIntake())
        let topic = Topic.fixtures(FixtureFilter())
        let first = try #require(hub.topics.image(of: topic))
        #expect(hub.topics.image(of: topic) === first)
        hub.topics.prune()
        #expect(hub.topics.image(of: topic) !== first)
    }
}
