import Kernel
import NetworkCodecs
import NetworkLoops

/// One client's server-sent events (HTML, 9.2): the same messages as on a WebSocket, resumed by the id that
/// `EventSource` sends by itself.
final class EventStream: FollowerLine {
    private unowned let gateway: PunterGateway
    private let session: PunterSession?
    private var stream: ResponseStream?
    private var follower: Follower?

    /// Counts it as its client's, behind a proxy.
    private let place: Admission.Place?

    private init(
        _ gateway: PunterGateway, _ session: PunterSession?, _ place: Admission.Place?,
        _ stream: ResponseStream
    ) {
        self.gateway = gateway
        self.place = place
        self.session = session
        self.stream = stream
    }

    /// Answers with a stream, or with a problem while it still can.
    static func begin(
        _ gateway: PunterGateway, _ context: RequestContext, _ session: PunterSession?,
        _ responder: Responder
    ) {
        let topics: [Topic]
        var unknown: [String] = []
        let position: StreamPosition?
        let place: Admission.Place?
        do throws(Problem) {
            position = try self.position(context.request)
            topics = try self.topics(context.request, gateway, &unknown)
            // Whoever comes back is told in the stream: a browser would not ask again after a refusal.
            guard unknown.isEmpty || position != nil else { throw Self.unknownTopic(unknown[0]) }
            guard session != nil || !topics.contains(where: \.isOwn) else {
                throw PunterGateway.notSignedIn
            }
            place = try gateway.server.place(for: context)
        } catch {
            return responder.fail(error)
        }
        let head = HTTPResponse(
            status: 200,
            fields: [
                ("content-type", "text/event-stream"), ("cache-control", "no-store"),
                // Proxies that gather answers must not gather these.
                ("x-accel-buffering", "no"),
            ])
        if context.request.method == .head { return responder.send(head) }
        guard let stream = responder.stream(head) else { return }
        stream.write(Array("retry: 2000\n\n".utf8).span)
        let events = EventStream(gateway, session, place, stream)
        for text in unknown {
            events.say(Messages.failure(Follower.Refused.unknown.problem(text.prefix(64))))
        }
        events.open(topics, after: position)
    }

    private static func unknownTopic(_ text: String) -> Problem {
        Problem(
            400, "unknown_topic",
            "topics: fixtures, fixture/12, fixture/12/markets, market/12, incidents, bets, wallet",
            detail: "There is no topic \(text.prefix(64)).")
    }

    private static func topics(
        _ request: HTTPRequest, _ gateway: PunterGateway, _ unknown: inout [String]
    ) throws(Problem) -> [Topic] {
        var topics: [Topic] = []
        let list = request.queryValue("topics") ?? ""
        for text in list.split(separator: ",", omittingEmptySubsequences: false) {
            guard let topic = Topic(text) else { throw unknownTopic(String(text)) }
            guard gateway.hub.topics.exists(topic) else {
                unknown.append(String(text))
                continue
            }
            if !topics.contains(topic) { topics.append(topic) }
        }
        let each = topics.map { topic in
            if case .marketsOfFixture(let id) = topic {
                return 1 + gateway.hub.topics.markets(of: id).count
            }
            return 1
        }
        guard each.reduce(0, +) <= FollowerLimits.topics else {
            throw Problem(
                400, "too_many_topics", "At most \(FollowerLimits.topics) topics at once.")
        }
        return topics
    }

    /// Where the client was: what a browser says by itself, or what a page that begins anew says in the query.
    private static func position(_ request: HTTPRequest) throws(Problem) -> StreamPosition? {
        let field = request.field("last-event-id") ?? request.queryValue("lastEventId")
        guard let text = field, !text.isEmpty else { return nil }
        guard let place = StreamPosition(text) else {
            throw Problem(400, "malformed", "Last-Event-ID: the id of an event of ours")
        }
        return place
    }

    private func open(_ topics: [Topic], after place: StreamPosition?) {
        let follower = Follower(gateway.hub.topics, self, account: session?.account)
        self.follower = follower
        gateway.eventStreams[ObjectIdentifier(self)] = self
        stream?.onDrained = { [unowned self] in self.follower?.settleDebts() }
        stream?.onClosed = { [unowned self] in closed() }
        var followed: [Topic] = []
        for topic in topics {
            if let refused = follower.follow(topic) {
                say(Messages.failure(refused.problem(topic.text)))
            } else {
                followed.append(topic)
            }
        }
        follower.begin(followed) { _ in place.map { .order($0) } }
    }

    // MARK: FollowerLine

    var isWritable: Bool { stream?.isWritable ?? false }

    func send(_ message: SharedMessage, isComplete: Bool) {
        let event = isComplete ? message.event : message.eventWithoutID
        stream?.write(chunk: event.chunk, plain: event.plain)
    }

    func say(_ text: [UInt8]) { write(ServerSentEvent(text, id: nil)) }

    func goFirst() { stream?.goFirst() }

    func giveUp(_ code: String, _ text: String) {
        say(Messages.failure(Problem(503, code, text)))
        end()
    }

    private func write(_ event: ServerSentEvent) {
        stream?.write(chunk: event.chunk, plain: event.plain)
    }

    /// Ends with its session.
    func checkSession() {
        if session?.lasts(at: gateway.now.nanoseconds) == false { end() }
    }

    /// Tells a client that heard nothing for a while that the line lives, and moves its place on.
    func heartbeat(_ message: SharedMessage, now: UInt64) {
        guard let follower, isWritable, stream?.isQuiet(SocketLimits.heartbeat, now: now) == true
        else { return }
        send(follower.place(message, gateway.now), isComplete: true)
    }

    /// Ends the answer; the browser comes back by itself, with its place.
    func end() {
        let last = stream
        closed()
        last?.finish()
    }

    private func closed() {
        follower?.end()
        follower = nil
        stream = nil
        gateway.eventStreams[ObjectIdentifier(self)] = nil
    }
}

extension Follower.Refused {
    func problem(_ topic: some StringProtocol) -> Problem {
        switch self {
        case .unknown: Problem(404, "unknown_topic", "There is no topic \(topic).")
        case .notSignedIn: Problem(401, "not_signed_in", "Sign in to follow \(topic).")
        case .tooMany:
            Problem(400, "too_many_topics", "At most \(FollowerLimits.topics) topics at once.")
        }
    }
}
