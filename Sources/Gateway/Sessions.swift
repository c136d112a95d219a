import CSystem
import Customers
import EngineJournal
public import Kernel
import NetworkLoops
public import ProjectionService
import Synchronization

/// Who a request speaks for, while it lasts.
public final class PunterSession: Sendable {
    public let account: AccountID
    public let session: SessionID
    public let tokenHash: [UInt8]
    /// Nanoseconds since 1970.
    public let expires: Int64
    private let hasEnded = Atomic<Bool>(false)
    /// Where whoever has it is, as far as that is known. Changed on any loop.
    private let known = Mutex(Whereabouts())

    var whereabouts: Whereabouts { known.withLock { $0 } }

    @discardableResult
    func locate<Result: Sendable>(_ change: @Sendable (inout Whereabouts) -> Result) -> Result {
        known.withLock { change(&$0) }
    }

    init(account: AccountID, session: SessionID, tokenHash: [UInt8], expires: Int64) {
        self.account = account
        self.session = session
        self.tokenHash = tokenHash
        self.expires = expires
    }

    var rateKey: RateKey { .account(account.rawValue) }

    /// Whether it is good at `now`, in nanoseconds since 1970: asked before every bet.
    func lasts(at now: Int64) -> Bool { expires > now && !hasEnded.load(ordering: .acquiring) }

    /// For good, on every connection that began with it.
    fileprivate func end() { hasEnded.store(true, ordering: .releasing) }
}

/// Random tokens, of which only the digest is kept.
enum Tokens {
    /// 256 random bits as 43 characters that need no escaping anywhere.
    static func make() -> String {
        var bytes = [UInt8](repeating: 0, count: 32)
        let result = gs_random(&bytes, bytes.count)
        precondition(result == 0, "the system gives random bytes")
        return base64URL(bytes)
    }

    static func hash(_ token: String) -> [UInt8] {
        let bytes = Array(token.utf8)
        return bytes.withUnsafeBytes { Digest().sha256($0) }
    }

    static func random64() -> UInt64 {
        var value: UInt64 = 0
        let result = withUnsafeMutableBytes(of: &value) { gs_random($0.baseAddress, 8) }
        precondition(result == 0, "the system gives random bytes")
        return value
    }

    /// What `base64URL` made; nil for any other text.
    static func bytes(base64URL text: String) -> [UInt8]? {
        var out: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in text.utf8 {
            let value: UInt8
            switch byte {
            case 0x41...0x5a: value = byte - 0x41
            case 0x61...0x7a: value = byte - 0x61 + 26
            case 0x30...0x39: value = byte - 0x30 + 52
            case 0x2d: value = 62
            case 0x5f: value = 63
            default: return nil
            }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                out.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        // One text for each run of bytes.
        guard base64URL(out) == text else { return nil }
        return out
    }

    static func base64URL(_ bytes: [UInt8]) -> String {
        let letters = Array(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var out: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                out.append(letters[Int(bits >> UInt32(count) & 63)])
            }
        }
        if count > 0 { out.append(letters[Int(bits << UInt32(6 - count) & 63)]) }
        return String(decoding: out, as: UTF8.self)
    }
}

/// The sessions of the punters' realm, in memory; the store keeps them over a restart.
///
/// Bound: `limit` sessions; the one that ends first makes room.
public final class SessionRegistry: Sendable {
    public static let limit = 200_000
    /// Nanoseconds that a session lives.
    public static let lifetime: Int64 = 12 * 3600 * 1_000_000_000

    private let sessions = Mutex([[UInt8]: PunterSession]())
    private let demoWindow = Mutex((minute: Int64(0), made: 0))

    /// Counts a new demo account, over all loops; false when the minute has had its share.
    func mayOpenDemo(now: Timestamp, perMinute limit: Int) -> Bool {
        let minute = now.nanoseconds / 60_000_000_000
        return demoWindow.withLock { window in
            if window.minute != minute { window = (minute, 0) }
            guard window.made < limit else { return false }
            window.made += 1
            return true
        }
    }

    public init(restoring stored: [StoredSession]) {
        sessions.withLock { sessions in
            for one in stored {
                sessions[one.tokenHash] = PunterSession(
                    account: one.account, session: one.session, tokenHash: one.tokenHash,
                    expires: one.expires)
            }
        }
    }

    func find(token: String, now: Int64) -> PunterSession? {
        guard token.utf8.count == 43 else { return nil }
        let hash = Tokens.hash(token)
        return sessions.withLock { sessions in
            guard let session = sessions[hash] else { return nil }
            guard session.lasts(at: now) else {
                sessions[hash] = nil
                return nil
            }
            return session
        }
    }

    /// False when as many as may be are signed in: nobody is signed out for somebody else.
    func add(_ session: PunterSession, now: Int64) -> Bool {
        sessions.withLock { sessions in
            if sessions.count >= Self.limit {
                sessions = sessions.filter { $0.value.lasts(at: now) }
            }
            guard sessions.count < Self.limit else { return false }
            sessions[session.tokenHash] = session
            return true
        }
    }

    func remove(_ session: PunterSession) {
        session.end()
        sessions.withLock { $0[session.tokenHash] = nil }
    }

    public var count: Int { sessions.withLock { $0.count } }
}

/// What somebody at the desk may do; each may do all that those before it may.
enum OperatorRole: Int, CaseIterable, Comparable, Sendable {
    case viewer
    case trader
    case supervisor

    var word: String {
        switch self {
        case .viewer: "viewer"
        case .trader: "trader"
        case .supervisor: "supervisor"
        }
    }

    init?(word: String) {
        guard let role = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = role
    }

    static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }
}

/// The operators' realm: three one-time codes make three people, each with sessions of their own: a supervisor, a
/// trader, and one who only looks.
///
/// Bounds: three operators; after `mostFailures` wrong codes within a minute nobody may try.
public final class OperatorRegistry: Sendable {
    struct Operator: Sendable {
        let id: UInt64
        let role: OperatorRole

        var rateKey: RateKey { .person(id) }
    }

    private struct State {
        var codes: [(hash: [UInt8], id: UInt64)] = []
        var sessions: [[UInt8]: (id: UInt64, expires: Int64)] = [:]
        var failures: [Int64] = []
    }

    public static let mostFailures = 10
    private static let lifetime: Int64 = 12 * 3600 * 1_000_000_000
    private let state = Mutex(State())

    public init() {}

    /// What the people are who sign in with the first, the second and the third code.
    private static let roles: [OperatorRole] = [.supervisor, .trader, .viewer]

    /// Fresh codes for a supervisor, a trader and a viewer, to be shown once.
    public func makeCodes() -> [String] {
        let codes = Self.roles.map { _ in
            let word = String(Tokens.random64() % 1_000_000_000_000)
            return String(repeating: "0", count: 12 - word.utf8.count) + word
        }
        let shown = codes.map { code in
            stride(from: 0, to: 12, by: 4).map { start in
                String(code.dropFirst(start).prefix(4))
            }.joined(separator: "-")
        }
        state.withLock { state in
            state.codes = shown.enumerated().map {
                (Tokens.hash($0.element), UInt64($0.offset + 1))
            }
        }
        return shown
    }

    /// A code that was right, on its way to a session.
    struct Entry: Sendable {
        let token: String
        let id: UInt64
        let role: OperatorRole
        fileprivate let code: [UInt8]
    }

    enum SignIn {
        case entry(Entry)
        case wrong
        case tooMany
    }

    /// Uses up the code; the session begins when that is durable.
    func signIn(code: String, now: Int64) -> SignIn {
        let hash = Tokens.hash(code)
        let token = Tokens.make()
        return state.withLock { state in
            state.failures.removeAll { $0 < now - 60_000_000_000 }
            guard state.failures.count < Self.mostFailures else { return .tooMany }
            guard let index = state.codes.firstIndex(where: { $0.hash == hash }) else {
                state.failures.append(now)
                return .wrong
            }
            let id = state.codes.remove(at: index).id
            return .entry(Entry(token: token, id: id, role: Self.roles[Int(id) - 1], code: hash))
        }
    }

    func begin(_ entry: Entry, now: Int64) {
        let hash = Tokens.hash(entry.token)
        state.withLock { $0.sessions[hash] = (entry.id, now + Self.lifetime) }
    }

    /// Nothing came of it: the code is good again.
    func giveBack(_ entry: Entry) {
        state.withLock { $0.codes.append((entry.code, entry.id)) }
    }

    /// For good, wherever it is used.
    func end(token: String) {
        let hash = Tokens.hash(token)
        state.withLock { $0.sessions[hash] = nil }
    }

    func find(token: String, now: Int64) -> Operator? {
        guard token.utf8.count == 43 else { return nil }
        let hash = Tokens.hash(token)
        return state.withLock { state in
            guard let session = state.sessions[hash], session.expires > now else { return nil }
            return Operator(id: session.id, role: Self.roles[Int(session.id) - 1])
        }
    }
}
