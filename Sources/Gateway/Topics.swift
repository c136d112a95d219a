import Catalogue
import Kernel
import NetworkCodecs

/// What one may follow. Its text is what a client asks for and what each message about it names.
enum Topic: Hashable {
    case fixtures(FixtureFilter)
    case fixture(FixtureID)
    /// Every market of a fixture, also those that are still to come: a topic of topics.
    case marketsOfFixture(FixtureID)
    case market(MarketID)
    case incidents
    case bets
    case wallet

    /// `fixtures`, `fixtures?sport=football&inPlay=true`, `fixture/12`, `fixture/12/markets`, `market/12`,
    /// `incidents`, `bets` or `wallet`; nil for anything else.
    init?(_ text: some StringProtocol) {
        switch text {
        case "fixtures": self = .fixtures(FixtureFilter())
        case "incidents": self = .incidents
        case "bets": self = .bets
        case "wallet": self = .wallet
        default:
            if text.hasPrefix("fixtures?") {
                guard let filter = FixtureFilter(text.dropFirst(9)) else { return nil }
                self = .fixtures(filter)
                return
            }
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count >= 2, let id = Self.number(parts[1]) else { return nil }
            switch (parts[0], parts.count) {
            case ("market", 2): self = .market(MarketID(id))
            case ("fixture", 2): self = .fixture(FixtureID(id))
            case ("fixture", 3) where parts[2] == "markets": self = .marketsOfFixture(FixtureID(id))
            default: return nil
            }
        }
    }

    /// One way to write each number, so that a topic has one name.
    private static func number(_ text: some StringProtocol) -> UInt64? {
        guard let value = UInt64(text), String(value) == text else { return nil }
        return value
    }

    var text: String {
        switch self {
        case .fixtures(let filter): filter.text.isEmpty ? "fixtures" : "fixtures?" + filter.text
        case .fixture(let id): "fixture/\(id.rawValue)"
        case .marketsOfFixture(let id): "fixture/\(id.rawValue)/markets"
        case .market(let id): "market/\(id.rawValue)"
        case .incidents: "incidents"
        case .bets: "bets"
        case .wallet: "wallet"
        }
    }

    /// Whether only its owner may follow it.
    var isOwn: Bool { self == .bets || self == .wallet }
}

/// Which fixtures a list is about; whatever is nil is not looked at.
struct FixtureFilter: Hashable {
    var sport: String?
    var competition: String?
    var isInPlay: Bool?

    init() {}

    /// The query of a topic: `sport`, `competition` and `inPlay`, each once, percent-encoded.
    init?(_ query: some StringProtocol) {
        for pair in query.split(separator: "&", omittingEmptySubsequences: false) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let value = percentDecoded(parts[1]), !value.isEmpty,
                take(String(parts[0]), value)
            else { return nil }
        }
    }

    /// From a request's parameters; nil when one of them means nothing.
    init?(sport: String?, competition: String?, inPlay: String?) {
        for (name, value) in [("sport", sport), ("competition", competition), ("inPlay", inPlay)] {
            if let value, !take(name, value) { return nil }
        }
    }

    /// Bytes of a name that is looked for: longer ones than any that there is only cost room.
    static let mostBytes = 64

    private mutating func take(_ name: String, _ value: String) -> Bool {
        guard value.utf8.count <= Self.mostBytes else { return false }
        switch name {
        case "sport" where sport == nil: sport = value
        case "competition" where competition == nil: competition = value
        case "inPlay" where isInPlay == nil && (value == "true" || value == "false"):
            isInPlay = value == "true"
        default: return false
        }
        return true
    }

    var text: String {
        var parts: [String] = []
        if let sport { parts.append("sport=" + percentEncoded(sport)) }
        if let competition { parts.append("competition=" + percentEncoded(competition)) }
        if let isInPlay { parts.append("inPlay=\(isInPlay)") }
        return parts.joined(separator: "&")
    }

    func takes(_ fixture: FixtureView) -> Bool {
        (sport == nil || sport == fixture.sport.word)
            && (competition == nil || competition == fixture.competition)
            && (isInPlay == nil || isInPlay == fixture.state.isInPlay)
    }
}
