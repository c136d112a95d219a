import Betting
import Catalogue
import EngineCore
import EngineJournal
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops

/// Bounds of one client's WebSocket.
enum SocketLimits {
    /// Bets sent and not answered.
    static let betsInFlight = 256
    /// Other operations asked for and not answered.
    static let operationsInFlight = 16
    /// Milliseconds of silence of ours before a heartbeat.
    static let heartbeat: UInt64 = 2000
}

/// One punter's hot path: follows topics, places bets, asks for operations, hears of its own bets and wallet.
final class PunterSocket: WebSocketHandler, FollowerLine, CommandOwner, OperationLine {
    private let gateway: PunterGateway
    private let hub: Hub
    let session: PunterSession?
    private let peer: String
    private(set) var socket: WebSocketConnection?
    private var follower: Follower?
    private var betsInFlight = 0
    var operationsInFlight = 0
    /// Counts it as its client's, behind a proxy.
    private let place: Admission.Place?
    /// It is told to go as soon as everything is answered, and takes nothing new.
    private(set) var isLeaving = false

    init(
        _ gateway: PunterGateway, session: PunterSession?, peer: String, place: Admission.Place?
    ) {
        self.gateway = gateway
        hub = gateway.hub
        self.session = session
        self.peer = peer
        self.place = place
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
            json.key("order")
            json.number(hub.view.order)
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
            let op = gateway.tape.member("op", of: gateway.tape.root)
            let isBet = op.map { gateway.tape.isText($0, "place") } ?? false
            guard mayAsk(isFirst: isBet || isFirst(op)) else { return }
            if isBet { return place(gateway.tape) }
            // What comes seldom is read as a tree.
            let parser = JSONParser(depth: gateway.tape.depth, members: gateway.tape.members)
            take(try parser.parse(text))
        } catch {
            // What is not understood counts like what is.
            guard mayAsk(isFirst: false) else { return }
            say(Problem(400, "malformed", "\(error.what) at byte \(error.offset)"))
        }
    }

    private func take(_ json: JSONValue) {
        switch json["op"]?.text {
        case "subscribe": subscribe(json)
        case "unsubscribe": unsubscribe(json)
        case "ping": socket?.send(text: Array("{\"type\":\"pong\"}".utf8))
        case let name?:
            guard let operation = gateway.operations[name], !operation.description.isAboutHTTP
            else { fallthrough }
            carryOut(operation, json)
        case nil:
            let text = "op: place, subscribe, unsubscribe, ping or an operation's name"
            say(Problem(400, "unknown_op", text), ref: json["ref"]?.identifier)
        }
    }

    /// Whether what is asked for goes before everything else when its user asks too often.
    private func isFirst(_ op: JSONTape.Place?) -> Bool {
        guard let op, let name = gateway.tape.text(op) else { return false }
        return gateway.operations[name]?.description.comesFirst ?? false
    }

    /// Every message counts as a request of its user.
    private func mayAsk(isFirst: Bool) -> Bool {
        do {
            try gateway.settings.rates.ask(
                session?.rateKey, peer, now: hub.loop.milliseconds, isFirst: isFirst)
            return true
        } catch {
            refuse(gateway.tape, error)
            return false
        }
    }

    private func carryOut(_ operation: PunterGateway.Operation, _ json: JSONValue) {
        guard let reply = reply(to: operation.name, json["ref"]?.identifier) else { return }
        do throws(Problem) {
            try gateway.shed(operation.description)
        } catch {
            return reply.fail(error)
        }
        gateway.carryOut(
            operation,
            PunterGateway.Call(form: .message(json), session: liveSession, peer: peer), reply)
    }

    private func say(_ problem: Problem, about client: String? = nil, ref: String? = nil) {
        socket?.send(text: Messages.failure(problem, about: client, ref: ref))
    }

    /// Says no to the message on the tape, by the names that its client gave it.
    private func refuse(_ tape: borrowing JSONTape, _ problem: Problem) {
        say(problem, about: Self.name("id", tape), ref: Self.name("ref", tape))
    }

    /// The session that the connection began with, while it lasts.
    private var liveSession: PunterSession? {
        session.flatMap { $0.lasts(at: gateway.now.nanoseconds) ? $0 : nil }
    }

    /// What the client calls its bet, or its message.
    private static func name(_ member: StaticString, _ tape: borrowing JSONTape) -> String? {
        guard let place = tape.member(member, of: tape.root) else { return nil }
        return tape.text(place)
    }

    private func place(_ tape: borrowing JSONTape) {
        guard let session = liveSession else {
            return refuse(tape, Problem(401, "not_signed_in", "Sign in to place a bet."))
        }
        guard !isLeaving else {
            return refuse(
                tape, Problem(503, "going_away", "The server goes away. Ask again."))
        }
        guard betsInFlight < SocketLimits.betsInFlight else {
            var problem = Problem(503, "busy", "Wait for the answers to your other bets.")
            problem.fields = [("retry-after", "1")]
            return refuse(tape, problem)
        }
        let request: BetRequest
        do {
            request = try BetRequest(tape, in: hub.view)
        } catch {
            return refuse(tape, Problem(400, "malformed", error.what))
        }
        let quoted: QuoteBook.Quoted?
        do {
            quoted = try gateway.checkQuote(request, session)
        } catch {
            return refuse(tape, error)
        }
        var intent = request.intent(
            session, receivedAt: gateway.now, digest: gateway.digest,
            rate: gateway.settings.rate, quoted)
        intent.channel = Channel.web.rawValue
        do {
            if let mark = try gateway.locate(session, at: peer) {
                intent.mustBeLocated = true
                intent.located = mark
            }
        } catch {
            return refuse(tape, error)
        }
        guard hub.submit(for: self, tag: intent.requestHash, { [intent] in $0.place(intent) })
        else {
            return refuse(tape, hub.refusal.problem)
        }
        betsInFlight += 1
    }

    func answered(_ record: RecordBytes?, sequence: UInt64, tag: ExternalID) {
        betsInFlight -= 1
        defer { if isLeaving { goAway() } }
        if let record, record.usesUpID {
            gateway.settings.quotes.use(record.clientID, of: record.account)
        }
        gateway.relocate(session, after: record)
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
                    let text = "The first answer to this bet cannot be looked up now; ask again."
                    say(Problem(503, "busy", text), about: question.client.description)
                }
            }
        }
        // Whoever watches its bets hears of them by that topic; a repeat changes nothing, so it is told here.
        let isReused =
            record.field(Layout.Placed.refusal, as: UInt16.self) == Refusal.idReused.rawValue
        guard isRepeat || isReused || follower?.followsBets != true else { return }
        socket.send(text: Messages.bet(record, in: hub.view))
        socket.goFirst()
    }

    // MARK: Topics

    private func subscribe(_ json: JSONValue) {
        guard json["topics"]?.items != nil else {
            return say(
                Problem(400, "malformed", "topics: an array of topics"),
                ref: json["ref"]?.identifier)
        }
        let follower = self.follower ?? Follower(hub.topics, self, account: liveSession?.account)
        self.follower = follower
        var begun: [Topic] = []
        for item in json["topics"]?.items ?? [] {
            guard let text = item.text else { continue }
            guard let topic = Topic(text) else {
                let unknown = Follower.Refused.unknown.problem(text.prefix(64))
                say(unknown, ref: json["ref"]?.identifier)
                continue
            }
            guard !begun.contains(topic) else { continue }
            if let refused = follower.follow(topic) {
                say(refused.problem(topic.text), ref: json["ref"]?.identifier)
            } else {
                begun.append(topic)
            }
        }
        let resume = json["resume"]
        let place = resume.flatMap(Self.place)
        follower.begin(begun) { topic in
            place.map { .order($0) } ?? resume?[topic.text].flatMap(Self.sequence)
        }
    }

    /// `{"epoch": …, "order": …}`: everything up to that record is known.
    private static func place(_ json: JSONValue) -> StreamPosition? {
        guard let epoch = json["epoch"]?.text, let order = json["order"]?.whole else { return nil }
        return StreamPosition(epoch: epoch, order: UInt64(clamping: order))
    }

    /// `{"epoch": …, "sequence": …}`: one topic up to one of its messages.
    private static func sequence(_ json: JSONValue) -> Follower.Resumption? {
        guard let epoch = json["epoch"]?.text, let sequence = json["sequence"]?.whole else {
            return nil
        }
        return .sequence(epoch: epoch, UInt64(clamping: sequence))
    }

    private func unsubscribe(_ json: JSONValue) {
        for item in json["topics"]?.items ?? [] {
            if let topic = item.text.flatMap({ Topic($0) }) { follower?.unfollow(topic) }
        }
    }

    // MARK: FollowerLine

    var isWritable: Bool { socket?.isWritable ?? false }

    func send(_ message: SharedMessage, isComplete: Bool) {
        guard let socket else { return }
        let compressed = socket.compresses ? message.compressedFrame(hub.loop.deflater) : nil
        socket.send(encoded: compressed ?? message.frame)
    }

    func say(_ text: [UInt8]) { socket?.send(text: text) }

    func goFirst() { socket?.goFirst() }

    func giveUp(_ code: String, _ text: String) {
        say(Problem(503, code, text))
        socket?.close(.tryAgainLater, text)
    }

    func drained(_ socket: WebSocketConnection) { follower?.settleDebts() }

    /// Whether this client asked for anything that is not answered yet.
    var waitsForAnswers: Bool { betsInFlight + operationsInFlight > 0 }

    /// Ends with its session.
    func checkSession() {
        if session != nil, liveSession == nil { goAway() }
    }

    /// Tells a client that heard nothing for a while that the line lives.
    func heartbeat(_ message: SharedMessage, now: UInt64) {
        guard let socket, socket.isWritable, socket.isQuiet(SocketLimits.heartbeat, now: now)
        else { return }
        follower?.settleDebts()
        send(follower?.place(message, gateway.now) ?? message, isComplete: true)
    }

    /// At once, or as soon as what it waits for is answered.
    func goAway() {
        isLeaving = true
        guard !waitsForAnswers else { return }
        socket?.close(.goingAway, "the server goes away; come back and resume")
    }

    func closed(_ socket: WebSocketConnection) {
        gateway.sockets[ObjectIdentifier(self)] = nil
        follower?.end()
        follower = nil
        self.socket = nil
    }
}
