import EngineCore
import EngineJournal
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops

/// Bounds of one client's WebSocket.
enum SocketLimits {
    /// Topics watched at once.
    static let subscriptions = 200
    /// Bets sent and not answered.
    static let betsInFlight = 256
    /// Milliseconds between two heartbeats of ours.
    static let heartbeat: UInt64 = 2000
}

/// One punter's hot path: follows topics, places bets, hears of its own bets and wallet.
final class PunterSocket: WebSocketHandler, TopicWatcher, CommandOwner {
    private let gateway: PunterGateway
    private let hub: Hub
    let session: PunterSession?
    weak var socket: WebSocketConnection?
    private var markets: Set<MarketID> = []
    private var postponed: Set<MarketID> = []
    private var watchesFixtures = false
    private var owesFixtures = false
    private var watchesBets = false
    private var inFlight = 0
    /// It is told to go as soon as its bets are answered, and takes no new ones.
    private var isLeaving = false
    /// Bytes of missed deltas that are sent one by one; beyond it an image says the same in less.
    private static let mostResumed = 65_536

    init(_ gateway: PunterGateway, session: PunterSession?) {
        self.gateway = gateway
        hub = gateway.hub
        self.session = session
    }

    func opened(_ socket: WebSocketConnection) {
        self.socket = socket
        gateway.sockets[ObjectIdentifier(self)] = self
        var json = JSONWriter()
        json.object { json in
            json.key("type")
            json.string("hello")
            json.key("epoch")
            json.string(hub.view.epoch)
            json.key("time")
            json.string(gateway.now.description)
            json.key("signedIn")
            json.bool(session != nil)
            json.key("heartbeat")
            json.number(SocketLimits.heartbeat)
        }
        socket.send(text: json.bytes)
    }

    // MARK: In

    func received(_ text: Span<UInt8>, isText: Bool, on socket: WebSocketConnection) {
        guard isText else { return socket.close(.unsupportedData, "text only") }
        do {
            try gateway.tape.read(text, isUTF8: true)
            let tape = gateway.tape
            if let op = tape.member("op", of: tape.root), tape.isText(op, "place") {
                return place(tape)
            }
            // What comes seldom is read as a tree.
            let json = try JSONParser(depth: tape.depth, members: tape.members).parse(text)
            switch json["op"]?.text {
            case "subscribe": subscribe(json)
            case "unsubscribe": unsubscribe(json)
            case "ping": socket.send(text: Array("{\"type\":\"pong\"}".utf8))
            default: say("unknown_op", "op: place, subscribe, unsubscribe or ping")
            }
        } catch {
            say("malformed", "\(error.what) at byte \(error.offset)")
        }
    }

    private func say(_ code: String, _ text: String, about client: String? = nil) {
        socket?.send(text: Messages.failure(code, text, about: client))
    }

    private func place(_ tape: JSONTape) {
        func client() -> String? { tape.member("id", of: tape.root).flatMap { tape.text($0) } }
        guard let session, session.expires > gateway.now.nanoseconds, gateway.isSignedIn(session)
        else { return say("not_signed_in", "Sign in to place a bet.", about: client()) }
        guard !isLeaving else {
            return say("going_away", "The server goes away. Ask again.", about: client())
        }
        guard inFlight < SocketLimits.betsInFlight else {
            return say("busy", "Wait for the answers to your other bets.", about: client())
        }
        let request: BetRequest
        do {
            request = try BetRequest(tape, in: hub.view)
        } catch {
            return say("malformed", error.what, about: client())
        }
        let intent = request.intent(session, receivedAt: gateway.now, digest: gateway.digest)
        guard hub.submit(for: self, tag: intent.requestHash, { $0.place(intent) }) else {
            return say(hub.refusal.code, hub.refusal.text, about: client())
        }
        inFlight += 1
    }

    func answered(_ record: RecordBytes?, sequence: UInt64, tag: ExternalID) {
        inFlight -= 1
        defer { if isLeaving { goAway() } }
        guard let record, let socket else { return }
        let isRepeat = record.flags & Layout.Placed.repeated != 0
        if let question = EarlierBet.Question(record, hash: tag) {
            let own = Messages.bet(record, in: hub.view)
            return gateway.find(question) { [weak self] found in
                guard let self else { return }
                switch found {
                case .nothing: self.socket?.send(text: own)
                case .bet(let earlier): self.socket?.send(text: Messages.bet(earlier, in: hub.view))
                case .busy:
                    say(
                        "busy", "The first answer to this bet cannot be looked up now; ask again.",
                        about: question.client.description)
                }
            }
        }
        // Whoever watches its bets hears of them by that topic; a repeat changes nothing, so it is told here.
        if isRepeat || !watchesBets { socket.send(text: Messages.bet(record, in: hub.view)) }
    }

    // MARK: Topics

    private func subscribe(_ json: JSONValue) {
        for item in json["topics"]?.items ?? [] {
            guard let topic = item.text else { continue }
            subscribe(topic, resume: json["resume"]?[topic])
        }
    }

    private func subscribe(_ topic: String, resume: JSONValue?) {
        switch topic {
        case "fixtures":
            if !watchesFixtures {
                watchesFixtures = true
                hub.watchFixtures(self)
            }
            sendFixtures()
        case "bets", "wallet":
            guard let session else {
                return say("not_signed_in", "Sign in to follow \(topic).")
            }
            guard !watchesBets else { return }
            watchesBets = true
            hub.watch(account: session.account, self)
        default:
            guard topic.hasPrefix("market/"), let id = UInt64(topic.dropFirst(7)),
                hub.view.markets[MarketID(id)] != nil
            else { return say("unknown_topic", "There is no topic \(topic).") }
            guard markets.contains(MarketID(id)) || markets.count < SocketLimits.subscriptions
            else {
                return say(
                    "too_many_topics", "At most \(SocketLimits.subscriptions) topics at once.")
            }
            follow(MarketID(id), resume: resume)
        }
    }

    /// Goes on after what the client has, when all of that is still here; else begins with an image.
    private func follow(_ id: MarketID, resume: JSONValue?) {
        markets.insert(id)
        hub.watch(market: id, self)
        guard let market = hub.view.markets[id] else { return }
        if let resume, resume["epoch"]?.text == hub.view.epoch,
            let version = resume["sequence"]?.whole,
            let missed = hub.deltas(of: id, after: UInt64(clamping: version)),
            socket?.isWritable == true,
            missed.reduce(0, { $0 + $1.count }) <= Self.mostResumed
        {
            for frame in missed { socket?.send(encoded: frame) }
            return
        }
        guard socket?.isWritable == true else { return postpone(market: id) }
        socket?.send(text: Messages.image(market, in: hub.view))
    }

    private func unsubscribe(_ json: JSONValue) {
        for item in json["topics"]?.items ?? [] {
            switch item.text {
            case "fixtures":
                watchesFixtures = false
                hub.unwatchFixtures(self)
            case let topic?:
                guard topic.hasPrefix("market/"), let id = UInt64(topic.dropFirst(7)) else {
                    continue
                }
                markets.remove(MarketID(id))
                postponed.remove(MarketID(id))
                hub.unwatch(market: MarketID(id), self)
            case nil: break
            }
        }
    }

    private func sendFixtures() {
        socket?.send(
            text: Messages.fixtures(hub.view.current(at: gateway.now), "image", in: hub.view))
    }

    // MARK: Out

    func push(_ text: [UInt8]) { socket?.send(text: text) }

    func pushPlaced(_ record: RecordBytes, in view: CatalogueView) {
        push(Messages.bet(record, in: view))
    }

    func walletChanged(_ record: RecordBytes) {
        let envelope = Messages.Envelope(
            topic: "wallet", epoch: hub.view.epoch, sequence: record.sequence,
            order: record.sequence, time: record.time, type: "wallet")
        push(
            Messages.document(envelope) { json in
                json.key("balances")
                Messages.balances(
                    Balances(record, at: Layout.AccountChanged.balances), to: &json)
            })
    }

    func postpone(market: MarketID) {
        postponed.insert(market)
        if socket?.isWritable == true { drainPostponed() }
    }

    func postponeFixtures() { owesFixtures = true }

    func owes(market: MarketID) -> Bool { postponed.contains(market) }

    func drained(_ socket: WebSocketConnection) { drainPostponed() }

    /// One image a market, however many versions were passed over.
    private func drainPostponed() {
        for id in postponed.sorted() {
            guard let socket, socket.isWritable else { return }
            postponed.remove(id)
            if let market = hub.view.markets[id] {
                socket.send(text: Messages.image(market, in: hub.view))
            }
        }
        if owesFixtures {
            owesFixtures = false
            sendFixtures()
        }
    }

    /// Whether this client has bets that are not answered yet.
    var waitsForAnswers: Bool { inFlight > 0 }

    func heartbeat() {
        guard let socket, socket.isWritable else { return }
        if let session, !gateway.isSignedIn(session) { return goAway() }
        drainPostponed()
        var json = JSONWriter(reserving: 96)
        json.object { json in
            json.key("type")
            json.string("heartbeat")
            json.key("order")
            json.number(hub.view.order)
            json.key("time")
            json.string(gateway.now.description)
        }
        socket.send(text: json.bytes)
    }

    /// At once, or as soon as what it waits for is answered.
    func goAway() {
        isLeaving = true
        guard !waitsForAnswers else { return }
        socket?.close(.goingAway, "the server goes away; come back and resume")
    }

    func closed(_ socket: WebSocketConnection) {
        gateway.sockets[ObjectIdentifier(self)] = nil
        for id in markets { hub.unwatch(market: id, self) }
        hub.unwatchFixtures(self)
        if let session { hub.unwatch(account: session.account, self) }
    }
}
