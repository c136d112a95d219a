/// Through what a bet comes. As sessions and bets name it.
public enum Channel: UInt8, CaseIterable, Sendable {
    case unknown = 0
    /// One of our own pages.
    case web = 1
    /// A program.
    case api = 2

    public var word: String {
        switch self {
        case .unknown: "unknown"
        case .web: "web"
        case .api: "api"
        }
    }
}
