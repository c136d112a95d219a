/// Who a proxy says the client is, in the bytes before everything else (the PROXY protocol, version 2).
public enum ProxyProtocol {
    public enum Header: Equatable, Sendable {
        /// The client's address as text, and how many bytes the header took.
        case client(String, bytes: Int)
        /// The proxy speaks for itself, such as a check of its own.
        case local(bytes: Int)
        case needMore
    }

    /// What stands there is no header of version 2.
    public struct Failure: Error, Sendable {}

    private static let signature: [UInt8] = [
        0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
    ]
    /// Bytes of addresses and additions that a header may have.
    public static let most = 536

    public static func read(_ bytes: Span<UInt8>) throws(Failure) -> Header {
        for index in 0..<min(bytes.count, signature.count) where bytes[index] != signature[index] {
            throw Failure()
        }
        guard bytes.count >= 16 else { return .needMore }
        let length = Int(bytes[14]) << 8 | Int(bytes[15])
        guard bytes[12] >> 4 == 2, length <= most else { throw Failure() }
        guard bytes.count >= 16 + length else { return .needMore }
        switch bytes[12] & 0x0f {
        case 0: return .local(bytes: 16 + length)
        case 1: break
        default: throw Failure()
        }
        switch bytes[13] {
        // Where the proxy does not know, the connection's own ends are meant.
        case 0x00: return .local(bytes: 16 + length)
        case 0x11 where length >= 12:
            return .client(version4(bytes, at: 16), bytes: 16 + length)
        case 0x21 where length >= 36:
            return .client(version6(bytes, at: 16), bytes: 16 + length)
        default: throw Failure()
        }
    }

    private static func version4(_ bytes: Span<UInt8>, at start: Int) -> String {
        (0..<4).map { String(bytes[start + $0]) }.joined(separator: ".")
    }

    /// As RFC 5952 wants it written: lower case, the longest run of zeros left out.
    private static func version6(_ bytes: Span<UInt8>, at start: Int) -> String {
        let words = (0..<8).map {
            UInt16(bytes[start + $0 * 2]) << 8 | UInt16(bytes[start + $0 * 2 + 1])
        }
        var best = 0..<0
        var index = 0
        while index < 8 {
            let end = words[index...].firstIndex { $0 != 0 } ?? 8
            if end - index > best.count, end - index > 1 { best = index..<end }
            index = max(end, index + 1)
        }
        func text(_ range: Range<Int>) -> String {
            words[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !best.isEmpty else { return text(0..<8) }
        return text(0..<best.lowerBound) + "::" + text(best.upperBound..<8)
    }
}

/// Who asks, when proxies that are known by their address stand between us.
public enum ForwardedFor {
    /// The last address in `fields` (X-Forwarded-For, in order) that is none of `hops`, when `peer` is one of
    /// them; `peer` itself otherwise, since anybody may write anything into a field.
    public static func client(_ peer: String, _ fields: [String], hops: Set<String>) -> String {
        guard hops.contains(peer) else { return peer }
        var client = peer
        for item in fields.joined(separator: ",").split(separator: ",").reversed() {
            let address = item.filter { $0 != " " && $0 != "\t" }
            guard !address.isEmpty, address.utf8.count <= 45,
                address.utf8.allSatisfy({ isAddressByte($0) })
            else { return client }
            client = address
            guard hops.contains(address) else { return client }
        }
        return client
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66, 0x2e, 0x3a: true
        default: false
        }
    }
}
