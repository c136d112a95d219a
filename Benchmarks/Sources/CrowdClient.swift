import CEpoll
import CSystem
import Foundation
import Glibc
import Kernel

/// Many signed-in punters on one core. What each asks comes when it comes, whether the server answers or not, and every
/// latency counts from when the question was due: a server that stalls cannot hide behind questions that were not asked.
///
/// Profiles: `steady`; `surge` (five times the rate in the middle third); `goal` (everybody at once, halfway); `slow` (a
/// twentieth of the users stops reading); `storm` (halfway all but the bettors are cut and come back with their place);
/// `idle` (nobody asks: what a connection costs in memory).
struct CrowdClient {
    enum Profile: String, CaseIterable {
        case steady, surge, goal, slow, storm, idle
    }

    struct Options {
        var port: UInt16 = 8080
        var users = 1000
        var seconds = 10.0
        var profile = Profile.steady
        /// Questions a second, of all users together.
        var rate = 2000.0
        /// The server, whose memory and processor time are read.
        var process: Int32 = 0
    }

    private enum State {
        case away, connecting, shaking, live
    }

    private struct User {
        var descriptor: Int32 = -1
        var state = State.away
        var cookie: String
        var input: [UInt8] = []
        var output: [UInt8] = []
        var isStopped = false
        /// The place in the story of the server up to which this user knows it.
        var epoch: [UInt8] = []
        var order: UInt64 = 0
        var isCaughtUp = false
    }

    private struct Question {
        var due: UInt64
        var isBet: Bool
    }

    private let options: Options
    private var users: [User] = []
    private let epoll = epoll_create1(0)
    private var events = [epoll_event](repeating: epoll_event(), count: 1024)
    private var room = [UInt8](repeating: 0, count: 262_144)
    private var questions: [Question] = []
    private var random = SeededGenerator(seed: 11)
    private var bets = Histogram()
    private var browsing = Histogram()
    private var asked = 0
    private var answered = 0
    private var accepted = 0
    private var refused: [Int: Int] = [:]
    private var cutOff = 0
    private var market = (id: 0, odds: "")
    private var isFollowing = true

    /// Of the users, so many are never cut: they bet through a storm.
    private var bettors: Int { min(64, options.users) }

    init(_ options: Options) { self.options = options }

    static func run(_ options: Options) {
        _ = gs_raise_open_files()
        var client = CrowdClient(options)
        client.signIn()
        client.isFollowing = options.profile != .idle
        let before = client.memory
        for index in 0..<options.users { client.dial(index) }
        guard client.settle(until: EngineBench.now() + 60_000_000_000) else {
            print("not every user could connect")
            exit(1)
        }
        if options.profile == .idle {
            // What the kernel and the allocator still move has moved after that.
            client.turn(until: EngineBench.now() + 2_000_000_000)
            let each = Double(client.memory - before) / Double(options.users)
            return print("{\"users\":\(options.users),\"bytes_per_connection\":\(each)}")
        }
        client.play()
    }

    // MARK: Before

    private mutating func signIn() {
        for _ in 0..<options.users {
            users.append(User(cookie: LoadClient.signIn(options.port)))
        }
        market = LoadClient.openMarket(options.port)
    }

    /// Bytes of the server that are in memory.
    private var memory: Int {
        let text = (try? String(contentsOfFile: "/proc/\(options.process)/statm", encoding: .utf8)) ?? ""
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    // MARK: Connections

    private mutating func dial(_ index: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = options.port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        _ = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        _ = gs_set_nodelay(descriptor)
        users[index].descriptor = descriptor
        users[index].state = .connecting
        users[index].isCaughtUp = false
        users[index].input = []
        users[index].output = []
        watch(index, writing: true, isNew: true)
    }

    private func watch(_ index: Int, writing: Bool, isNew: Bool = false) {
        var event = epoll_event(
            events: (users[index].isStopped ? 0 : EPOLLIN.rawValue) | (writing ? EPOLLOUT.rawValue : 0),
            data: epoll_data_t(u32: UInt32(index)))
        epoll_ctl(epoll, isNew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, users[index].descriptor, &event)
    }

    private mutating func hangUp(_ index: Int) {
        close(users[index].descriptor)
        users[index].state = .away
        users[index].descriptor = -1
    }

    /// Turns until everybody is told that it has caught up; false when time ran out.
    private mutating func settle(until end: UInt64) -> Bool {
        while users.contains(where: { $0.state != .live || (isFollowing && !$0.isCaughtUp) }) {
            guard EngineBench.now() < end else { return false }
            turn(until: EngineBench.now() + 20_000_000)
        }
        return true
    }

    // MARK: Input and output

    private mutating func turn(until end: UInt64) {
        repeat {
            let now = EngineBench.now()
            let ready = epoll_wait(epoll, &events, Int32(events.count), end > now ? Int32((end - now) / 1_000_000) : 0)
            for slot in 0..<max(0, Int(ready)) {
                let index = Int(events[slot].data.u32)
                if users[index].state == .connecting { greet(index) }
                if events[slot].events & EPOLLOUT.rawValue != 0 { flush(index) }
                if events[slot].events & (EPOLLIN.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 { read(index) }
            }
        } while EngineBench.now() < end
    }

    private mutating func greet(_ index: Int) {
        users[index].state = .shaking
        users[index].output = Array(
            ("GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1:\(options.port)\r\nOrigin: http://127.0.0.1:\(options.port)\r\n"
                + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                + "Cookie: \(users[index].cookie)\r\n\r\n").utf8)
    }

    private mutating func subscribe(_ index: Int) {
        guard isFollowing else { return }
        var text = "{\"op\":\"subscribe\",\"topics\":[\"market/\(market.id)\",\"bets\",\"wallet\"]"
        if !users[index].epoch.isEmpty {
            text += ",\"resume\":{\"epoch\":\"\(String(decoding: users[index].epoch, as: UTF8.self))\",\"order\":\(users[index].order)}"
        }
        say(index, text + "}")
    }

    private mutating func say(_ index: Int, _ text: String) {
        users[index].output += LoadClient.masked(Array(text.utf8), key: [0, 0, 0, 0])
        flush(index)
    }

    private mutating func flush(_ index: Int) {
        guard users[index].state != .away else { return }
        let sent = users[index].output.withUnsafeBytes {
            $0.isEmpty ? 0 : send(users[index].descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if sent > 0 { users[index].output.removeFirst(sent) }
        watch(index, writing: !users[index].output.isEmpty)
    }

    private mutating func read(_ index: Int) {
        let kept = users[index].input.count
        if kept > 0 { room.replaceSubrange(0..<kept, with: users[index].input) }
        let descriptor = users[index].descriptor
        let count = room.withUnsafeMutableBytes {
            recv(descriptor, $0.baseAddress! + kept, $0.count - kept, Int32(MSG_DONTWAIT))
        }
        if count < 0, errno == EAGAIN { return }
        guard count > 0 else {
            cutOff += 1
            return hangUp(index)
        }
        var bytes = room[0..<kept + count]
        if users[index].state == .shaking {
            guard let end = bytes.firstRange(of: [13, 10, 13, 10]) else {
                users[index].input = Array(bytes)
                return
            }
            guard bytes.starts(with: Array("HTTP/1.1 101".utf8)) else {
                print("refused: \(String(decoding: bytes.prefix(200), as: UTF8.self))")
                exit(1)
            }
            bytes = bytes[end.upperBound...]
            users[index].state = .live
            subscribe(index)
        }
        let now = EngineBench.now()
        let whole = Array(bytes)
        var messages: [Range<Int>] = []
        let used = whole.withUnsafeBytes { all in
            LoadClient.forEachFrame(all) { body in
                let start = body.baseAddress! - all.baseAddress!
                messages.append(start..<start + body.count)
            }
        }
        for range in messages { take(whole[range], index, now) }
        users[index].input = used < whole.count ? Array(whole[used...]) : []
    }

    private static let orderKey = Array("\"order\":".utf8)
    private static let epochKey = Array("\"epoch\":\"".utf8)
    private static let refKey = Array("\"ref\":\"".utf8)
    private static let statusKey = Array("\"status\":".utf8)
    private static let caughtUp = Array("\"type\":\"caughtUp\"".utf8)

    private mutating func take(_ message: ArraySlice<UInt8>, _ index: Int, _ now: UInt64) {
        if let ref = Self.number(message, Self.refKey) {
            let question = questions[Int(ref)]
            answered += 1
            if question.isBet { bets.add(now - question.due) } else { browsing.add(now - question.due) }
            let status = Int(Self.number(message, Self.statusKey) ?? 0)
            if status < 300 { accepted += 1 } else { refused[status, default: 0] += 1 }
            return
        }
        if let order = Self.number(message, Self.orderKey) { users[index].order = order }
        if users[index].epoch.isEmpty, let place = Self.find(message, Self.epochKey) {
            users[index].epoch = Array(message[place...].prefix { $0 != 0x22 })
        }
        if Self.find(message, Self.caughtUp) != nil { users[index].isCaughtUp = true }
    }

    /// Where what follows `key` begins.
    private static func find(_ bytes: ArraySlice<UInt8>, _ key: [UInt8]) -> Int? {
        bytes.withUnsafeBytes { raw in
            gs_find(raw.baseAddress, raw.count, key, key.count).map {
                bytes.startIndex + ($0 - raw.baseAddress!) + key.count
            }
        }
    }

    private static func number(_ bytes: ArraySlice<UInt8>, _ key: [UInt8]) -> UInt64? {
        guard let place = find(bytes, key) else { return nil }
        return bytes[place...].prefix { $0 >= 0x30 && $0 <= 0x39 }.reduce(0) { $0 * 10 + UInt64($1 - 0x30) }
    }

    // MARK: Questions

    private mutating func ask(_ index: Int, isBet: Bool, due: UInt64) {
        guard users[index].state == .live else { return }
        let ref = questions.count
        questions.append(Question(due: due, isBet: isBet))
        asked += 1
        guard isBet else {
            return say(index, "{\"op\":\"getMarket\",\"ref\":\"\(ref)\",\"parameters\":{\"market\":\"\(market.id)\"}}")
        }
        let wall = gs_wall_nanoseconds()
        let id = ExternalID(milliseconds: wall / 1_000_000, random: (random.next(), random.next()))
        let until = LoadClient.rfc3339(wall / 1_000_000_000 + 30)
        say(
            index,
            "{\"op\":\"placeBet\",\"ref\":\"\(ref)\",\"key\":\"\(id)\",\"body\":{\"id\":\"\(id)\",\"validUntil\":\"\(until)\","
                + "\"stake\":{\"amount\":10,\"currency\":\"EUR\",\"kind\":\"cash\"},\"structure\":\"single\",\"priceRule\":\"any\",\"tolerance\":255,"
                + "\"legs\":[{\"market\":\"\(market.id)\",\"selection\":0,\"odds\":[\(market.odds)]}]}}")
    }

    /// Nanoseconds until the next arrival, when `rate` come a second and none knows of the others.
    private mutating func gap(_ rate: Double) -> UInt64 {
        UInt64(-log(Double(random.number(in: 1...1_000_000)) / 1_000_000) / rate * 1e9)
    }

    private mutating func play() {
        let cpu = FanOutClient.cpuSeconds(options.process)
        let began = EngineBench.now()
        let length = UInt64(options.seconds * 1e9)
        let end = began + length
        var due = began
        var hasHappened = false
        var reconnected: UInt64?
        var leaving = 0..<0
        if options.profile == .slow {
            for index in 0..<options.users where index % 20 == 19 {
                users[index].isStopped = true
                watch(index, writing: false)
            }
        }
        while EngineBench.now() < end {
            let now = EngineBench.now()
            if !hasHappened, now - began >= length / 2 {
                hasHappened = true
                if options.profile == .goal {
                    for index in users.indices { ask(index, isBet: index % 5 == 0, due: now) }
                }
                if options.profile == .storm { leaving = bettors..<options.users }
            }
            // As fast as one core can, but not in one go: this client has bets to place meanwhile.
            for index in leaving.prefix(32) {
                hangUp(index)
                dial(index)
            }
            leaving = leaving.dropFirst(32)
            while due <= now {
                let isSurge = options.profile == .surge && (due - began) * 3 / length == 1
                let arrived = due
                due += gap(options.rate * (isSurge ? 5 : 1))
                let isStorm = options.profile == .storm
                var index = random.number(in: 0...(isStorm ? bettors : options.users) - 1)
                while users[index].isStopped { index = (index + 1) % options.users }
                ask(index, isBet: isStorm || random.number(in: 0...4) == 0, due: arrived)
            }
            turn(until: min(due, EngineBench.now() + 1_000_000))
            if options.profile == .storm, hasHappened, leaving.isEmpty, reconnected == nil,
                users.allSatisfy({ $0.state == .live && $0.isCaughtUp })
            {
                reconnected = EngineBench.now() - began - length / 2
            }
        }
        // What was asked last gets its time.
        let last = EngineBench.now() + 5_000_000_000
        while answered < asked, EngineBench.now() < last { turn(until: EngineBench.now() + 5_000_000) }
        if options.profile == .storm, reconnected == nil, settle(until: last + 30_000_000_000) {
            reconnected = EngineBench.now() - began - length / 2
        }
        report(cpu: FanOutClient.cpuSeconds(options.process) - cpu, reconnected)
    }

    private func report(cpu: Double, _ reconnected: UInt64?) {
        let seconds = reconnected.map { String(Double($0) / 1e9) } ?? "null"
        let codes = refused.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",")
        print(
            "{\"profile\":\"\(options.profile)\",\"users\":\(options.users),\"asked\":\(asked),\"answered\":\(answered),\"accepted\":\(accepted),"
                + "\"refused\":{\(codes)},\"cut_off\":\(cutOff),\"cpu_s\":\(cpu),\"reconnect_s\":\(seconds),\"bets\":\(bets.json),\"browsing\":\(browsing.json)}"
        )
    }
}
