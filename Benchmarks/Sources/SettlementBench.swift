import Betting
import Catalogue
import EngineCore
import EngineService
import Kernel

/// What settling costs the engine: the walk over a market's bets, the algebra, the books and the record.
enum SettlementBench {
    private static let goliath = SystemShape(legs: 8, sizes: 0b1111_1110)!

    /// Goliaths over the same eight markets, of which seven have their result.
    private static func prepared(bets: Int) -> EngineBench.Bare {
        let bare = EngineBench.Bare(bets: bets * 9, reserving: 0)
        EngineBench.prepare(bare.apply)
        var encoder = CommandEncoder()
        for number in 0..<bets {
            var intent = BetIntent(
                account: AccountID(UInt64(number % EngineBench.accounts)),
                id: ExternalID(milliseconds: bare.now / 1_000_000, random: (mixed(UInt64(number)), UInt64(number))),
                requestHash: ExternalID(high: UInt64(number), low: 1), session: SessionID(1),
                stake: 100 * goliath.lines, currency: .eur,
                legs: (0..<8).map {
                    LegIntent(market: MarketID($0), fixture: FixtureID($0), selection: 0, odds: Odds(reduced: 37, 20))
                },
                validUntil: Timestamp(nanoseconds: bare.now + 30_000_000_000),
                receivedAt: Timestamp(nanoseconds: bare.now))
            intent.structure = .system
            intent.sizes = goliath.sizes
            bare.apply(encoder.place(intent))
            precondition(bare.status == BetStatus.open.rawValue, "every bet is taken")
        }
        for market in 0..<7 { settle(market, bare) }
        return bare
    }

    /// The result in which a market's first selection wins.
    private static func firstWins(_ market: Int, _ encoder: inout CommandEncoder) -> RecordBytes {
        encoder.result(
            market: ExternalID(high: 4, low: UInt64(market)),
            [SelectionOutcome(.won), SelectionOutcome(.lost), SelectionOutcome(.lost)], source: .feed)
    }

    /// The market's first selection wins, and everything that follows from it.
    private static func settle(_ market: Int, _ bare: EngineBench.Bare) {
        var encoder = CommandEncoder()
        bare.apply(firstWins(market, &encoder))
        while bare.engine.dueKind(at: Timestamp(nanoseconds: bare.now)) == .settleStep {
            bare.apply(encoder.own(.settleStep))
        }
    }

    /// Microseconds of processor for one Goliath of 247 lines, with its entry and its record.
    static func goliaths(bets: Int) {
        let bare = prepared(bets: bets)
        let began = EngineBench.cpu()
        settle(7, bare)
        let took = EngineBench.cpu() - began
        precondition(bare.engine.counts.markets >= 8 && bare.engine.audit().isEmpty, "the books are right")
        print("{\"us\":\(Double(took) / Double(bets) / 1000),\"lines\":\(goliath.lines),\"hash\":\"\(bare.engine.stateHash)\"}")
    }

    /// Seconds until a market with so many open singles is settled, durably, while 64 bets are always in flight; and
    /// their p99 before and meanwhile.
    static func million(directory: String, bets: Int) throws {
        let engine = try TurnedEngine(
            directory: directory, segments: 12, limits: EngineBench.limits(bets: bets + 4_000_000))
        try engine.place(bets, market: 0)
        // What is bet meanwhile is on other markets.
        func other(_ number: UInt64) -> UInt64 { 1 + number % UInt64(EngineBench.markets - 1) }
        let quiet = try engine.quietP99(market: other)
        var encoder = CommandEncoder()
        engine.add(firstWins(0, &encoder))
        let began = EngineBench.now()
        try engine.turn()
        let busy = try engine.p99(market: other, while: { engine.host.isDue })
        let seconds = Double(EngineBench.now() - began) / 1e9
        precondition(engine.host.engine.audit().isEmpty, "the books are right")
        print("{\"seconds\":\(seconds),\"p99_quiet_us\":\(quiet),\"p99_us\":\(busy)}")
    }

    /// The same for callgrind: each piece is one Goliath from its placing to its payout.
    static func count(bets: Int) {
        let bare = prepared(bets: bets)
        if bets > 0 { settle(7, bare) }
    }
}
