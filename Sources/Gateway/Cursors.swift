import EngineJournal
import Kernel
import NetworkCodecs

/// Marks where a page of a listing ended. What they say is ours alone: they are signed, hidden behind what their
/// signature gives, bound to their listing and their account, and good for as long as the key is.
public struct Cursors: Sendable {
    enum Listing: UInt8 {
        case bets = 1
        case statement = 2
        case notices = 3
    }

    private let key: [UInt8]
    static let signatureBytes = 16

    /// - Precondition: 32 secret random bytes.
    public init(key: [UInt8]) {
        precondition(key.count == 32, "a key of 256 bits")
        self.key = key
    }

    func make(_ listing: Listing, _ account: AccountID, before: UInt64) -> String {
        let plain = Self.bytes(before)
        let signature = sign(listing, account, plain)
        return Tokens.base64URL(hide(plain, signature) + signature)
    }

    /// Where the listing goes on.
    ///
    /// - Throws: 422 `cursor_invalid` for anything that we did not give this account for this listing.
    func read(_ text: String, _ listing: Listing, _ account: AccountID) throws(Problem) -> UInt64 {
        let invalid = Problem(
            422, "cursor_invalid", "That cursor is not one of ours. Begin with the first page.")
        guard text.utf8.count <= 64, let bytes = Tokens.bytes(base64URL: text),
            bytes.count == 8 + Self.signatureBytes
        else { throw invalid }
        let plain = hide(Array(bytes[..<8]), Array(bytes[8...]))
        let wanted = sign(listing, account, plain)
        // Every byte is looked at, whichever differs.
        var difference: UInt8 = 0
        for index in 0..<Self.signatureBytes { difference |= wanted[index] ^ bytes[8 + index] }
        guard difference == 0 else { throw invalid }
        return plain.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    }

    private static func bytes(_ word: UInt64) -> [UInt8] {
        stride(from: 56, through: 0, by: -8).map {
            UInt8(truncatingIfNeeded: word >> UInt64($0))
        }
    }

    /// There and back: no two marks have the same signature, so none is hidden twice behind the same bytes.
    private func hide(_ word: [UInt8], _ signature: [UInt8]) -> [UInt8] {
        // A domain of its own: no listing has this number.
        let mask = messageAuthenticationCode([0] + signature, key: key)
        return zip(word, mask).map { $0 ^ $1 }
    }

    private func sign(_ listing: Listing, _ account: AccountID, _ plain: [UInt8]) -> [UInt8] {
        let message = [listing.rawValue] + Self.bytes(account.rawValue) + plain
        return Array(
            messageAuthenticationCode(message, key: key).prefix(Self.signatureBytes))
    }
}

/// HMAC-SHA-256 (RFC 2104) by a key of at most a block.
func messageAuthenticationCode(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
    let digest = Digest()
    let block = key + [UInt8](repeating: 0, count: 64 - key.count)
    func sum(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { digest.sha256($0) } }
    return sum(block.map { $0 ^ 0x5c } + sum(block.map { $0 ^ 0x36 } + message))
}
