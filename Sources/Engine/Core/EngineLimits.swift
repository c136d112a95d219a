/// How much one engine holds. Full is answered by a refusal, never by growth without bound.
public struct EngineLimits: Sendable {
    public var accounts: Int
    /// Bets that are pending, open, or settled and still open to correction.
    public var openBets: Int
    public var ids: Int
    /// Room made for ids at start, so that the index does not grow under load.
    public var reservedIDs: Int
    /// Bets, with their legs and ids, whose memory is made and touched at start.
    public var reservedBets: Int
    public var timers: Int
    public var fixtures: Int
    public var markets: Int

    public init(
        accounts: Int = 4_000_000, openBets: Int = 16_000_000, ids: Int = 16_000_000,
        reservedIDs: Int = 65_536, reservedBets: Int = 65_536, timers: Int = 262_144,
        fixtures: Int = 1_000_000,
        markets: Int = 4_000_000
    ) {
        self.accounts = accounts
        self.openBets = openBets
        self.ids = ids
        self.reservedIDs = reservedIDs
        self.reservedBets = reservedBets
        self.timers = timers
        self.fixtures = fixtures
        self.markets = markets
    }
}
