/// What is agreed about compression when a WebSocket begins (RFC 7692).
///
/// No context is kept from one message to the next: a message is compressed once for all who get it, and a
/// connection costs no memory for it.
public enum WebSocketCompression {
    public static let answer =
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

    /// Whether one of the offers, in the order of the client's liking, is one that `answer` answers.
    public static func isOffered(_ fields: [String]) -> Bool {
        fields.contains { field in
            field.split(separator: ",").contains { isAcceptable($0.trimmed) }
        }
    }

    private static func isAcceptable(_ offer: Substring) -> Bool {
        let parts = offer.split(separator: ";", omittingEmptySubsequences: false).map(\.trimmed)
        guard parts.first == "permessage-deflate" else { return false }
        var seen: Set<Substring> = []
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1).map(\.trimmed)
            guard let name = pair.first, seen.insert(name).inserted else { return false }
            let value = pair.count == 2 ? pair[1].filter { $0 != "\"" } : nil
            switch name {
            case "server_no_context_takeover", "client_no_context_takeover":
                guard value == nil else { return false }
            case "client_max_window_bits":
                // We read whatever window the client uses.
                guard
                    value == nil
                        || (value.flatMap { Int($0) }.map { (8...15).contains($0) } ?? false)
                else { return false }
            case "server_max_window_bits":
                // Our window is the full one; a client that cannot hold it gets plain frames.
                guard value == "15" else { return false }
            default: return false
            }
        }
        return true
    }
}
