import EngineJournal
import Kernel
import NetworkCodecs
import Synchronization

/// Single-use quotes: what a bet would be taken at, fetched when it is tapped, good for one bet of one account.
///
/// A quote is an id with what was quoted behind a signature: the bet that takes it has that id, so that the engine, which
/// decides no id twice, uses it up. What is refused for want of room uses up neither. Bound: `mostOfAccount` of an account
/// that are out, and `most` in all; used by every loop.
public final class QuoteBook: Sendable {
    /// Quotes of one account that are neither used nor over.
    public static let mostOfAccount = 32
    /// Milliseconds that a quote is good for.
    public static let validity: Int64 = 30_000
    /// Accounts with quotes that are remembered; beyond that the quotes of others must be over first.
    static let most = 200_000
    static let signatureBytes = 16

    /// What was quoted.
    struct Quoted: Equatable {
        let id: ExternalID
        /// Milliseconds of UTC.
        let until: Int64
        /// The one price of all legs, where they are of one match.
        let joint: Odds?
    }

    /// What a bet says of one of its legs.
    struct Leg {
        let market: UInt64
        let selection: UInt32
        /// Nil at starting price.
        let odds: Odds?
        let places: PlaceTerms?
    }

    private struct Out {
        let id: ExternalID
        let until: Int64
    }

    private let key: [UInt8]
    private let out = Mutex<[UInt64: [Out]]>([:])

    /// - Precondition: 32 secret random bytes.
    public init(key: [UInt8]) {
        precondition(key.count == 32, "a key of 256 bits")
        // A domain of its own under a key that signs other things, too.
        self.key = messageAuthenticationCode(Array("single-use quotes".utf8), key: key)
    }

    /// Takes note of a quote; false where the account has too many that are out, or everybody together has.
    func issue(_ quoted: Quoted, to account: AccountID, now: Int64) -> Bool {
        out.withLock { out in
            if out.count >= Self.most, out[account.rawValue] == nil {
                out = out.filter { $0.value.contains { $0.until > now } }
                guard out.count < Self.most else { return false }
            }
            var own = out[account.rawValue, default: []].filter { $0.until > now }
            guard own.count < Self.mostOfAccount else { return false }
            own.append(Out(id: quoted.id, until: quoted.until))
            out[account.rawValue] = own
            return true
        }
    }

    /// The engine has decided a bet of this id.
    func use(_ id: ExternalID, of account: AccountID) {
        out.withLock { out in
            guard let own = out[account.rawValue] else { return }
            let rest = own.filter { $0.id != id }
            out[account.rawValue] = rest.isEmpty ? nil : rest
        }
    }

    // MARK: What it is written as

    /// Until when, the joint price, and a signature over that and all that was quoted.
    func token(_ quoted: Quoted, _ account: AccountID, _ legs: [Leg]) -> String {
        let plain = Self.plain(quoted)
        return Tokens.base64URL(plain + sign(plain, quoted.id, account, legs))
    }

    /// What was quoted for exactly this bet; nil for anything else.
    func read(_ token: String, id: ExternalID, _ account: AccountID, _ legs: [Leg]) -> Quoted? {
        guard token.utf8.count <= 64, let bytes = Tokens.bytes(base64URL: token),
            bytes.count == 16 + Self.signatureBytes
        else { return nil }
        let plain = Array(bytes[..<16])
        let wanted = sign(plain, id, account, legs)
        // Every byte is looked at, whichever differs.
        var difference: UInt8 = 0
        for index in 0..<Self.signatureBytes { difference |= wanted[index] ^ bytes[16 + index] }
        guard difference == 0 else { return nil }
        func word(_ range: Range<Int>) -> UInt64 {
            plain[range].reduce(0) { $0 << 8 | UInt64($1) }
        }
        let (above, below) = (UInt32(word(8..<12)), UInt32(word(12..<16)))
        return Quoted(
            id: id, until: Int64(bitPattern: word(0..<8)),
            joint: below == 0 ? nil : Odds(above, over: below))
    }

    private static func plain(_ quoted: Quoted) -> [UInt8] {
        bytes(UInt64(bitPattern: quoted.until))
            + bytes(
                UInt64(quoted.joint?.numerator ?? 0) << 32
                    | UInt64(quoted.joint?.denominator ?? 0))
    }

    private static func bytes(_ word: UInt64) -> [UInt8] {
        stride(from: 56, through: 0, by: -8).map {
            UInt8(truncatingIfNeeded: word >> UInt64($0))
        }
    }

    private func sign(_ plain: [UInt8], _ id: ExternalID, _ account: AccountID, _ legs: [Leg])
        -> [UInt8]
    {
        var message = plain + Self.bytes(id.high) + Self.bytes(id.low)
        message += Self.bytes(account.rawValue) + Self.bytes(UInt64(legs.count))
        for leg in legs {
            message += Self.bytes(leg.market) + Self.bytes(UInt64(leg.selection))
            message += Self.bytes(
                leg.odds.map { UInt64($0.numerator) << 32 | UInt64($0.denominator) } ?? 0)
            message += Self.bytes(UInt64(leg.places?.packed ?? 0))
        }
        return Array(messageAuthenticationCode(message, key: key).prefix(Self.signatureBytes))
    }
}
