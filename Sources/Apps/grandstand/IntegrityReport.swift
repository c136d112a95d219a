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
    private var taken = TakenBets()
    private var matches: [ExternalID: String] = [:]
    private var names: [UInt64: (match: String, market: String, selections: [String])] = [:]
    private(set) var bets = 0
    private(set) var markets: Set<UInt64> = []
    /// A line for each bet on the market that was asked for.
    private(set) var lines: [String] = []

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
        if let bet = taken.read(record) { take(bet, record) }
        switch record.kind {
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

    private mutating func take(_ taken: TakenBet, _ record: RecordBytes) {
        let watched = taken.watched
        bets += 1
        for leg in watched.legs { markets.insert(leg.market) }
        watches[taken.money]?.note(watched)
        for leg in watched.legs where leg.market == market {
            lines.append(
                tableLine([
                    String(record.sequence), record.time.description, String(taken.bet),
                    String(watched.account), watched.opened?.description ?? "-",
                    selection(leg.selection, of: leg.market), leg.odds.text(as: .decimal),
                    String(watched.stake), String(watched.legs.count), taken.money.word,
                ]))
        }
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
