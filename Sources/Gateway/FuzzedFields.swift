import Kernel
import NetworkCodecs

/// Every reader of a small text that a stranger may send to the gateway, for the fuzzer.
public enum FuzzedFields {
    private static let cursors = Cursors(key: [UInt8](repeating: 7, count: 32))

    /// Reads `text` in every way; what is taken must be written back as it was.
    public static func read(_ text: String) {
        if let topic = Topic(text) {
            precondition(Topic(topic.text) == topic, "a topic is its text")
        }
        if let place = StreamPosition(text) {
            precondition(StreamPosition(place.text) == place, "a place is its text")
        }
        _ = try? cursors.read(text, .bets, AccountID(1))
        _ = try? MoneyRequests.key(text)
        _ = Documents.matches(text, "\"a\"")
        _ = Documents.matchesStrongly(text, "\"a\"")
    }
}
