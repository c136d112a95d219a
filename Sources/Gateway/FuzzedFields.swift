import JSONText
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

    /// Reads a message as a bet and as a call, whether or not it is JSON; nothing may be found in what is none.
    public static func read(message: [UInt8]) {
        var tape = JSONTape(depth: 8, members: 1024)
        let isJSON = (try? tape.read(message.span, isUTF8: false)) != nil
        let client = tape.member("id", of: tape.root)
        precondition(isJSON || client == nil, "nothing is in what is no JSON")
        do throws(BetRequest.Malformed) {
            let bet = try BetRequest(tape, in: CatalogueView())
            precondition(isJSON && bet.clientID.milliseconds != nil, "a bet has an id with a time")
            precondition(!bet.legs.isEmpty && bet.stake > 0, "a bet has legs and a stake")
        } catch {
            precondition(!error.what.isEmpty, "whoever sent it is told what is wrong")
        }
        guard let json = try? JSONParser(depth: 8, members: 1024).parse(message.span) else {
            return
        }
        for item in json["topics"]?.items ?? [] { _ = item.text.flatMap { Topic($0) } }
        let call = PunterGateway.Call(form: .message(json), session: nil)
        _ = try? call.number("limit", in: 1...200, standard: 50)
        _ = try? call.expected(7, tag: "\"7\"")
        _ = try? call.body(on: &tape)
        _ = call.parameter("cursor")
    }
}
