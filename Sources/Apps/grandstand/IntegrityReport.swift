import Betting
import Catalogue
import EngineCore
import EngineFiles
import EngineJournal
import EngineService
import Kernel
import Ledger
import Risk

/// `grandstand journal integrity`: reads every bet that was taken and tells whose money knew more than the prices.
struct IntegrityReport {
    private var watches: [MoneyKind: IntegrityWatch]
    /// Only this market's bets are told one by one.
    private let market: UInt64?
    private var given: RecordBytes?
    /// Bets that wait, until it is decided whether they are taken.
    private var waiting: [UInt64: Slip] = [:]
    private var opened: [UInt64: Timestamp] = [:]
    private var matches: [ExternalID: String] = [:]
    private var names: [UInt64: (match: String, market: String, selections: [String])] = [:]
    private(set) var bets = 0
    private(set) var markets: Set<UInt64> = []
    /// A line for each bet on the market that was asked for.
    private(set) var lines: [String] = []

    /// What was asked for, as the command said it: the rate to the licence's currency, and the selections.
    private struct Slip {
        let numerator: UInt32
        let denominator: UInt32
        let legs: [(market: UInt64, selection: Int)]
    }

    static let columns = [
        "market", "match", "name", "selection", "money", "from", "until", "signs", "bets",
        "stakes", "of the market's", "times its price", "new accounts'", "unusual",
        "first price", "last price", "accounts",
    ]
    static let betColumns = [
        "record", "time", "bet", "account", "opened", "selection", "odds", "stake", "legs",
        "money",
    ]

    init(rules: IntegrityRules, market: UInt64?) {
        watches = [
            .real: IntegrityWatch(rules: rules), .demo: IntegrityWatch(rules: rules),
        ]
        self.market = market
    }

    mutating func read(_ record: RecordBytes) {
        switch record.kind {
        case .placed: placed(record)
        case .fixtureChanged:
            guard let given, given.kind == .fixture, record.cause == given.sequence,
                record.field(Layout.FixtureChanged.refusal, as: UInt16.self) == 0
            else { return }
            matches[given.clientID] =
                given.text(Layout.Fixture.home, width: 48) + " v "
                + given.text(Layout.Fixture.away, width: 48)
        case .marketChanged:
            guard let given, given.kind == .market, record.cause == given.sequence,
                record.field(Layout.MarketChanged.refusal, as: UInt16.self) == 0
            else { return }
            define(given, record.field(Layout.MarketChanged.market, as: UInt64.self))
        case .accountChanged:
            // An account has its number from the engine.
            guard let given, given.kind == .openAccount, record.cause == given.sequence,
                record.field(Layout.AccountChanged.refusal, as: UInt16.self) == 0
            else { return }
            opened[record.account.rawValue] = record.time
        default:
            if record.kind?.isCommand == true { given = record }
        }
    }

    private mutating func define(_ given: RecordBytes, _ id: UInt64) {
        guard names[id] == nil else { return }
        let fixture = ExternalID(
            high: given.field(Layout.Market.fixtureHigh, as: UInt64.self),
            low: given.field(Layout.Market.fixtureLow, as: UInt64.self))
        let count = Int(given.field(Layout.Market.selectionCount, as: UInt8.self))
        names[id] = (
            matches[fixture] ?? "-", given.text(Layout.Market.name, width: 48),
            (0..<count).map {
                given.text(
                    Layout.Market.selections + $0 * Layout.Market.selectionSize
                        + Layout.Market.selectionName, width: 48)
            }
        )
    }

    private mutating func placed(_ record: RecordBytes) {
        guard record.flags & Layout.Placed.repeated == 0,
            let status = BetStatus(rawValue: record.field(Layout.Placed.status, as: UInt8.self))
        else { return }
        let bet = record.field(Layout.Placed.bet, as: UInt64.self)
        var slip = waiting.removeValue(forKey: bet)
        if let given, given.kind == .place, record.cause == given.sequence {
            slip = Self.slip(given)
        }
        // Taken before what can be read here, and decided in it: its legs are not known.
        guard let slip else { return }
        if status == .pending {
            waiting[bet] = slip
            return
        }
        guard status != .refused else { return }
        // Whatever is accepted has its price beside each leg.
        let legs = slip.legs.enumerated().compactMap { place, leg in
            record.odds(at: Layout.Placed.legs + place * Layout.Placed.legSize).map {
                WatchedBet.Leg(market: leg.market, selection: leg.selection, odds: $0)
            }
        }
        take(slip, legs, bet, record)
    }

    private mutating func take(
        _ slip: Slip, _ legs: [WatchedBet.Leg], _ bet: UInt64, _ record: RecordBytes
    ) {
        guard
            let money = MoneyKind(rawValue: record.field(Layout.Placed.money, as: UInt8.self))
        else { return }
        let stake = record.field(Layout.Placed.stake, as: Int64.self)
        // In the licence's currency, so that customers of all currencies are held against each other.
        let held = Int64(
            clamping: Int128(stake) * Int128(slip.numerator) / Int128(max(slip.denominator, 1)))
        let account = record.account.rawValue
        bets += 1
        for leg in legs { markets.insert(leg.market) }
        watches[money]?.note(
            WatchedBet(
                time: record.time, account: account, opened: opened[account], stake: held,
                legs: legs))
        for leg in legs where leg.market == market {
            lines.append(
                tableLine([
                    String(record.sequence), record.time.description, String(bet),
                    String(account), opened[account]?.description ?? "-",
                    selection(leg.selection, of: leg.market), leg.odds.text(as: .decimal),
                    String(stake), String(legs.count), money.word,
                ]))
        }
    }

    private static func slip(_ place: RecordBytes) -> Slip {
        let count = Int(place.field(Layout.Place.legCount, as: UInt8.self))
        return Slip(
            numerator: place.field(Layout.Place.fxNumerator, as: UInt32.self),
            denominator: place.field(Layout.Place.fxDenominator, as: UInt32.self),
            legs: (0..<count).map { index in
                let leg = Layout.Place.legs + index * Layout.Place.legSize
                return (
                    place.field(leg + Layout.Leg.market, as: UInt64.self),
                    Int(place.field(leg + Layout.Leg.selection, as: UInt32.self))
                )
            })
    }

    private func selection(_ place: Int, of market: UInt64) -> String {
        guard let known = names[market]?.selections, place < known.count else {
            return "selection \(place)"
        }
        return known[place]
    }

    /// A line for each alert, in the order in which they were raised; real money first.
    func alerts() -> [String] {
        [MoneyKind.real, .demo].flatMap { money in
            (watches[money]?.alerts ?? []).filter { market == nil || $0.market == market }
                .map { line($0, money) }
        }
    }

    private func line(_ alert: IntegrityAlert, _ money: MoneyKind) -> String {
        tableLine([
            String(alert.market), names[alert.market]?.match ?? "-",
            names[alert.market]?.market ?? "-",
            selection(alert.selection, of: alert.market), money.word, alert.from.description,
            alert.until.description, alert.signs.words.joined(separator: ","),
            String(alert.bets), String(alert.stakes), String(alert.marketStakes),
            Self.times(alert.weight), String(alert.newStakes), String(alert.unusualStakes),
            alert.first.text(as: .decimal), alert.last.text(as: .decimal),
            alert.accounts.sorted().map(String.init).joined(separator: ","),
        ])
    }

    /// Thousandths as a number with two places, cut.
    private static func times(_ thousandths: Int64) -> String {
        let rest = thousandths % 1000 / 10
        return "\(thousandths / 1000).\(rest < 10 ? "0" : "")\(rest)"
    }
}

extension JournalCommands {
    static func integrityRules(_ arguments: Arguments) throws(UsageError) -> IntegrityRules {
        /// A whole number from 1 to `most`.
        func bounded(_ name: String, _ most: Int64) throws(UsageError) -> Int64? {
            guard let value = try arguments.whole(name) else { return nil }
            guard value >= 1, value <= UInt64(most) else {
                throw UsageError(text: "--\(name) is from 1 to \(most), not \(value).")
            }
            return Int64(value)
        }
        var rules = IntegrityRules()
        rules.window = try bounded("window", 31 * 86_400) ?? rules.window
        rules.bets = try bounded("bets", 1_000_000).map { Int($0) } ?? rules.bets
        rules.accounts = try bounded("accounts", 1_000_000).map { Int($0) } ?? rules.accounts
        rules.stakes = try bounded("stakes", Limits.stake) ?? rules.stakes
        rules.oneSided = try bounded("times", 1_000).map { $0 * 1000 } ?? rules.oneSided
        rules.leaning = rules.oneSided * 2 / 3
        return rules
    }

    static func integrity(_ disk: JoinedDisk, _ rules: IntegrityRules, of market: UInt64?) throws
        -> Int32
    {
        var report = IntegrityReport(rules: rules, market: market)
        if let start = try start(disk) {
            complain(
                "from record \(start.sequence + 1) on: what is before it is not here (--archive); accounts opened before count as old"
            )
        }
        _ = try JournalReader(disk).scan(
            from: try start(disk)?.end, isBeingWritten: isServed(disk.directory)
        ) { block in
            block.forEachRecord { report.read($0) }
        }
        if let market, !report.markets.contains(market) {
            throw UsageError(
                text:
                    "No bet was taken on market \(market) in what can be read here. Older segments: name their directory by --archive."
            )
        }
        print(IntegrityReport.columns.joined(separator: "\t"))
        let alerts = report.alerts()
        for line in alerts { print(line) }
        if market != nil {
            print("")
            print(IntegrityReport.betColumns.joined(separator: "\t"))
            for line in report.lines { print(line) }
        }
        complain(
            "\(report.bets) bets on \(report.markets.count) markets looked at; alerts: \(alerts.count)"
        )
        return 0
    }
}
