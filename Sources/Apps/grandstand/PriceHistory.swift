import Betting
import Catalogue
import EngineCore
import EngineFiles
import EngineJournal
import EngineService
import Kernel

/// `grandstand journal prices`: every version of one market, who made it, when, and by which of its supplier's messages.
struct PriceHistory {
    private let market: UInt64
    private var given: RecordBytes?
    private var names: [String] = []
    private var offered: [Odds?] = []
    private var withdrawn: Set<Int> = []
    /// Withdrawals take from its prices.
    private var isDeducted = false
    /// What its last version said; what shuts all markets at once names none.
    private var version: UInt64 = 0
    private var reasons: ShutReasons = []
    private var isResulted = false
    /// Matches by their suppliers' names, and which are in play; the market's own.
    private var fixtures: [ExternalID: UInt64] = [:]
    private var inPlay: Set<UInt64> = []
    private var fixture: UInt64?
    private(set) var versions = 0

    static let columns = [
        "record", "time", "supplier's time", "message", "by", "version", "state", "what", "prices",
    ]

    init(market: UInt64) { self.market = market }

    /// A line where this record is a version of the market; columns are parted by tabs.
    mutating func read(_ record: RecordBytes) -> String? {
        switch record.kind {
        case .marketChanged: return changed(record)
        case .fixtureChanged:
            followFixture(record)
            return nil
        case .recovered:
            guard versions > 0 else { return nil }
            reasons.insert(.recovery)
            version += 1
            return line(record, given: record)
        default:
            if record.kind?.isCommand == true { given = record }
            return nil
        }
    }

    private mutating func changed(_ record: RecordBytes) -> String? {
        guard let given, record.field(Layout.MarketChanged.refusal, as: UInt16.self) == 0 else {
            return nil
        }
        let id = record.field(Layout.MarketChanged.market, as: UInt64.self)
        if id == .max { return changedWithAll(given, record) }
        guard id == market else { return nil }
        if given.kind == .market, record.cause == given.sequence { define(given) }
        follow(given, record)
        reasons = ShutReasons(rawValue: record.field(Layout.MarketChanged.reasons, as: UInt8.self))
        version = record.field(Layout.MarketChanged.version, as: UInt64.self)
        isResulted = record.field(Layout.MarketChanged.isResulted, as: UInt8.self) == 1
        return line(record, given: given)
    }

    /// All markets, or all in play, are shut or opened by one record.
    private mutating func changedWithAll(_ given: RecordBytes, _ record: RecordBytes) -> String? {
        typealias State = Layout.MarketState
        guard versions > 0, given.kind == .marketState,
            let owner = MarketOwner(rawValue: given.field(State.owner, as: UInt8.self)),
            given.field(State.scope, as: UInt8.self) == 3
                || fixture.map(inPlay.contains) == true
        else { return nil }
        reasons = reasons.changed(
            setting: ShutReasons(rawValue: given.field(State.setting, as: UInt8.self)),
            lifting: ShutReasons(rawValue: given.field(State.lifting, as: UInt8.self)), by: owner)
        version += 1
        return line(record, given: given)
    }

    private mutating func followFixture(_ record: RecordBytes) {
        guard let given, given.kind == .fixture || given.kind == .fixtureUpdate,
            record.field(Layout.FixtureChanged.refusal, as: UInt16.self) == 0
        else { return }
        let id = record.field(Layout.FixtureChanged.fixture, as: UInt64.self)
        if given.kind == .fixture { fixtures[given.clientID] = id }
        if given.field(Layout.Fixture.isInPlay, as: UInt8.self) == 1 {
            inPlay.insert(id)
        } else {
            inPlay.remove(id)
        }
    }

    private mutating func line(_ record: RecordBytes, given: RecordBytes) -> String {
        versions += 1
        let isPrice = given.kind == .price
        let provided = isPrice ? given.field(Layout.Price.providerTime, as: Int64.self) : 0
        let message = isPrice ? given.field(Layout.Price.message, as: UInt64.self) : 0
        let prices = offered.enumerated().map { place, odds in
            // Its definition may be in a segment that is not here.
            let name = place < names.count ? names[place] : "selection \(place)"
            return
                "\(name) \(odds.map { "\($0.text(as: .decimal)) (\($0.numerator)/\($0.denominator))" } ?? "-")"
        }
        return tableLine([
            String(record.sequence), record.time.description,
            provided == 0 ? "-" : Timestamp(nanoseconds: provided).description,
            message == 0 ? "-" : String(message), Self.author(of: given),
            String(version),
            isResulted
                ? "resulted" : reasons.isEmpty ? "open" : reasons.words.joined(separator: ","),
            given.kind?.word ?? "?", prices.joined(separator: "; "),
        ])
    }

    private mutating func define(_ record: RecordBytes) {
        let count = Int(record.field(Layout.Market.selectionCount, as: UInt8.self))
        names = (0..<count).map { index in
            record.text(
                Layout.Market.selections + index * Layout.Market.selectionSize
                    + Layout.Market.selectionName, width: 48)
        }
        offered = names.map { _ in nil }
        withdrawn = []
        fixture =
            fixtures[
                ExternalID(
                    high: record.field(Layout.Market.fixtureHigh, as: UInt64.self),
                    low: record.field(Layout.Market.fixtureLow, as: UInt64.self))]
        isDeducted = record.field(Layout.Market.racing, as: UInt8.self) & 0x07 != 0
    }

    /// What is offered after a command: as its outcome says where a hand is on the prices, else as the feed says.
    private mutating func follow(_ given: RecordBytes, _ record: RecordBytes) {
        let held = Int(record.field(Layout.MarketChanged.priceCount, as: UInt16.self))
        if held > 0 {
            offered = (0..<held).map {
                record.odds(
                    at: Layout.MarketChanged.prices + $0 * Layout.MarketChanged.priceSize)
            }
        } else if given.kind == .price {
            let count = Int(given.field(Layout.Price.selectionCount, as: UInt16.self))
            offered = (0..<count).map {
                withdrawn.contains($0)
                    ? nil : given.odds(at: Layout.Price.entries + $0 * Layout.Price.entrySize)
            }
        } else if given.kind == .withdrawal {
            let place = Int(given.field(Layout.Withdrawal.selection, as: UInt32.self))
            withdrawn.insert(place)
            // A race's prices are those of another race then.
            for other in offered.indices where isDeducted || other == place { offered[other] = nil }
        }
    }

    private static func author(of record: RecordBytes) -> String {
        func person(_ offset: Int) -> String {
            let actor = record.field(offset, as: UInt64.self)
            return actor == 0 ? "feed" : "operator \(actor)"
        }
        switch record.kind {
        case .price:
            switch record.field(Layout.Price.source, as: UInt8.self) {
            case 2: return "model"
            case 3: return "trader"
            default: return "feed"
            }
        case .pricing: return person(Layout.Pricing.actor)
        case .marketState: return person(Layout.MarketState.actor)
        case .marketLimits: return person(Layout.MarketLimits.actor)
        case .withdrawal: return person(Layout.Withdrawal.actor)
        case .result, .propose, .approve: return person(Layout.Result.actor)
        case .market:
            guard record.flags & Layout.Market.isByHand != 0 else { return "feed" }
            let count = Int(record.field(Layout.Market.selectionCount, as: UInt8.self))
            return person(Layout.Market.selections + count * Layout.Market.selectionSize)
        case .cancel, .startingPrices, .earlyPayout: return "feed"
        default: return "engine"
        }
    }
}

extension JournalCommands {
    static func prices(_ disk: JoinedDisk, of market: UInt64) throws -> Int32 {
        var history = PriceHistory(market: market)
        print(PriceHistory.columns.joined(separator: "\t"))
        _ = try JournalReader(disk).scan(
            from: start(disk)?.end, isBeingWritten: isServed(disk.directory)
        ) { block in
            block.forEachRecord { record in
                if let line = history.read(record) { print(line) }
            }
        }
        guard history.versions > 0 else {
            throw UsageError(
                text:
                    "There is no market \(market) in what can be read here. Older segments: name their directory by --archive."
            )
        }
        return 0
    }
}
