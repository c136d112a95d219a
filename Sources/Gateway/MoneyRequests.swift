import Kernel
import NetworkCodecs
import Synchronization

/// Requests that move money and are being carried out, over all loops: the same key is not begun twice at a
/// time. What was decided under a key is the engine's to remember.
///
/// Bounded by the commands that may wait for the engine.
public final class MoneyRequests: Sendable {
    private struct Key: Hashable {
        /// Nil for who has no account yet.
        let account: AccountID?
        let id: ExternalID
    }

    private let running = Mutex(Set<Key>())

    public init() {}

    /// False while the same request is being carried out.
    func begin(_ account: AccountID?, _ id: ExternalID) -> Bool {
        running.withLock { $0.insert(Key(account: account, id: id)).inserted }
    }

    func end(_ account: AccountID?, _ id: ExternalID) {
        running.withLock { _ = $0.remove(Key(account: account, id: id)) }
    }

    /// Carries out what moves money, under the key that it was sent with.
    ///
    /// - Throws: 400 without a key, 409 `request_in_progress` while the same request is being carried out.
    func carryOut<Session>(
        _ call: GatewayCall<Session>, _ account: AccountID?, _ reply: any Reply,
        _ body: (GatewayCall<Session>, any Reply) -> Void
    ) throws(Problem) {
        let key = try Self.key(call.keyText)
        guard begin(account, key) else {
            throw Problem(
                409, "request_in_progress",
                "The same request is being carried out at this moment.")
        }
        var keyed = call
        keyed.key = key
        body(keyed, MoneyReply(reply, self, account, key))
    }

    /// What the Idempotency-Key field says: a UUID of version 7, as a quoted string or bare.
    static func key(_ text: String?) throws(Problem) -> ExternalID {
        guard let text else {
            throw Problem(
                400, "idempotency_key_missing",
                "Send an Idempotency-Key: a UUID of version 7 that you make for this request.")
        }
        var bare = text[...]
        if bare.count >= 2, bare.first == "\"", bare.last == "\"" {
            bare = bare.dropFirst().dropLast()
        }
        guard let id = ExternalID(String(bare)), id.milliseconds != nil else {
            throw Problem(
                400, "idempotency_key_malformed",
                "The Idempotency-Key must be a UUID of version 7 (RFC 9562).")
        }
        return id
    }
}

/// Answers, and lets go of the key that the request held.
final class MoneyReply: Reply {
    private let reply: any Reply
    private let requests: MoneyRequests
    private let account: AccountID?
    private let id: ExternalID

    init(_ reply: any Reply, _ requests: MoneyRequests, _ account: AccountID?, _ id: ExternalID) {
        self.reply = reply
        self.requests = requests
        self.account = account
        self.id = id
    }

    func send(_ response: HTTPResponse) {
        requests.end(account, id)
        reply.send(response)
    }
}
