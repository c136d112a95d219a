import Betting
import Catalogue
import EngineCore
import EngineFiles
import EngineJournal
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

    /// The market's first selection wins, and everything that follows from it.
    private static func settle(_ market: Int, _ bare: EngineBench.Bare) {
        var encoder = CommandEncoder()
        bare.apply(
            encoder.result(
                market: ExternalID(high: 4, low: UInt64(market)),
                [SelectionOutcome(.won), SelectionOutcome(.lost), SelectionOutcome(.lost)], source: .feed))
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
        let disk = try FileDisk(directory: directory)
        let limits = EngineBench.limits(bets: bets + 4_000_000)
        for number in 1...12 {
            try disk.createZeroed(JournalFormat.segmentName(UInt32(number)), bytes: 256 << 20)
        }
        let host = try EngineHost(
            disk: disk, clock: SystemClock(), limits: limits, cell: CellConfiguration(),
            segmentBytes: 256 << 20, newJournal: ExternalID(high: 5, low: 5), prepare: { _ in })
        let batch = IntakeBatch(capacity: 16_384)
        func turn() throws {
            try host.turn(batch) { _ in }
            batch.removeAll()
        }
        func add(_ record: RecordBytes) {
            if batch.add(record, token: 0) { return }
            try! turn()
            _ = batch.add(record, token: 0)
        }
        EngineBench.prepare(add)
        var encoder = CommandEncoder()
        var random = SeededGenerator(seed: 9)
        var number: UInt64 = 0
        for _ in 0..<bets {
            number += 1
            add(EngineBench.place(&encoder, number, &random, now: SystemClock().wall(), market: 0))
        }
        try turn()
        /// p99 in microseconds of 64 bets on other markets in flight, for as long as `goOn` says.
        func loop(_ goOn: () -> Bool) throws -> Double {
            var latencies: [UInt32] = []
            while goOn() {
                let wall = SystemClock().wall()
                let began = EngineBench.now()
                for client in 1...64 {
                    number += 1
                    let market = 1 + number % UInt64(EngineBench.markets - 1)
                    let bet = EngineBench.place(&encoder, number, &random, now: wall, market: market)
                    _ = batch.add(bet, token: UInt64(client))
                }
                try turn()
                latencies.append(UInt32(clamping: EngineBench.now() - began))
            }
            latencies.sort()
            return Double(latencies[latencies.count * 99 / 100]) / 1000
        }
        let quietEnd = EngineBench.now() + 2_000_000_000
        let quiet = try loop { EngineBench.now() < quietEnd }
        add(
            encoder.result(
                market: ExternalID(high: 4, low: 0),
                [SelectionOutcome(.won), SelectionOutcome(.lost), SelectionOutcome(.lost)], source: .feed))
        let began = EngineBench.now()
        try turn()
        let busy = try loop { host.isDue }
        let seconds = Double(EngineBench.now() - began) / 1e9
        precondition(host.engine.audit().isEmpty, "the books are right")
        print("{\"seconds\":\(seconds),\"p99_quiet_us\":\(quiet),\"p99_us\":\(busy)}")
    }

    /// The same for callgrind: each piece is one Goliath from its placing to its payout.
    static func count(bets: Int) {
        let bare = prepared(bets: bets)
        if bets > 0 { settle(7, bare) }
    }
}
