/// Bounds that hold everywhere, with their units; what an operator may set lower is configuration.
public enum Limits {
    /// Legs of one bet.
    public static let legs = 20
    /// Lines of one system.
    public static let lines: Int64 = 10_000
    /// Whole minor units a JSON number carries without loss: 2^53 - 1.
    public static let minorUnits: Int64 = 9_007_199_254_740_991
    /// A bet's potential return, in minor units: one hundred million of a currency with cents.
    public static let potentialReturn: Int64 = 10_000_000_000
    /// A single stake, in minor units.
    public static let stake: Int64 = 1_000_000_000
    /// Selections of one market.
    public static let selections = 64
    /// Markets of one fixture.
    public static let marketsPerFixture = 64
    /// How far ahead of the sequencer's time a client may set its deadline, in milliseconds.
    public static let validUntilAhead: Int64 = 60_000
    /// How old a client's id may be when its intent is decided, in milliseconds. A minute less than
    /// `idWindow`: an id that the engine has let go is always too old to be decided again.
    public static let idAge: Int64 = 540_000
    /// How long after its deadline an id stays in the engine, in milliseconds.
    public static let idWindow: Int64 = 600_000
    /// The longest in-play delay, in milliseconds.
    public static let betDelay: UInt32 = 30_000
    /// The most that an account is trusted, in thousandths of a market's maximum stake.
    public static let stakeFactor: UInt16 = 10_000
    /// Bets of one account that wait for their delay at the same time.
    public static let pendingPerAccount = 32
    /// Refused intents of one account that are remembered at the same time; further intents wait until
    /// the oldest left the id window.
    public static let refusedPerAccount = 1000
    /// Bets of one account that are pending or open at the same time.
    public static let openBetsPerAccount = 10_000
    /// How long a proposed result waits for its second person, in milliseconds: a day.
    public static let proposalAge: Int64 = 86_400_000
    /// How long after its settlement a market's result may still be corrected, in milliseconds: three days.
    public static let correctionWindow: Int64 = 259_200_000
    /// How long a customer waits for a looser limit of its own, in milliseconds: a day.
    public static let limitCoolingOff: Int64 = 86_400_000
    /// Legs of one each-way bet, or of one with a leg from whose price something may be deducted.
    public static let eachWayLegs = 12
    /// Legs of one bet that is sold back before it is decided.
    public static let cashOutLegs = 12
    /// Legs of one match that are taken at one price.
    public static let sameGameLegs = 8
    /// Legs of one bet whose stake is not cash alone.
    public static let promotionalLegs = 12
    /// Legs of a market that are looked through for what a customer stands to win there already.
    public static let floorWalk = 4096
    /// Windows of cancelled bets that one market keeps, in force or taken back.
    public static let cancelWindows = 16
    /// What a trader may put on a market's prices, in hundredths of a percent.
    public static let margin: UInt32 = 10_000
    /// The longest price, in thousandths.
    public static let price: UInt32 = 1_000_000
    /// The highest number of a channel, as sessions name it.
    public static let channels: UInt8 = 15
    /// Names of fixtures, markets and selections, in UTF-8 bytes.
    public static let name = 48
}
