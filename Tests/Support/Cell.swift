public import Betting
public import Catalogue
public import EngineCore
import EngineJournal
public import EngineService
public import Kernel
public import Ledger

/// A cell on a disk in memory, turned by hand: says a command, gets its outcomes back durable.
public final class Cell {
    public let disk: MemoryDisk
    public let clock: ManualClock
    private let terms: CellConfiguration
    public private(set) var host: EngineHost<MemoryDisk, ManualClock>
    public private(set) var answered: [Answer] = []
    private var encoder = CommandEncoder()
    private let batch = IntakeBatch(capacity: 4096)
    private var nextID: UInt64 = 1
    private var nextToken: Token = 1
    public static let segmentBytes = 1 << 20

    public struct Answer {
        public let token: Token
        public let outcome: Outcome
    }

    /// The first outcome of a command, copied out of its block.
    public struct Outcome {
        private let memory: AlignedBuffer
        public let record: RecordBytes

        public init(_ source: RecordBytes) {
            memory = AlignedBuffer(source.byteCount)
            memory.base.copyMemory(from: source.address, byteCount: source.byteCount)
            record = RecordBytes(memory.base, slots: source.slots)
        }

        public var refusal: Refusal? {
            Refusal(rawValue: record.field(Layout.Placed.refusal, as: UInt16.self))
        }
        public var status: BetStatus? {
            BetStatus(rawValue: record.field(Layout.Placed.status, as: UInt8.self))
        }
        public var bet: UInt64 { record.field(Layout.Placed.bet, as: UInt64.self) }
        public var potentialReturn: Int64 {
            record.field(Layout.Placed.potentialReturn, as: Int64.self)
        }
        public var cash: Int64 { record.field(Layout.Placed.balances, as: Int64.self) }
        public var held: Int64 {
            record.field(Layout.Placed.balances + Layout.Balances.held, as: Int64.self)
        }
        public var openBets: Int64 {
            record.field(Layout.Placed.balances + Layout.Balances.openBets, as: Int64.self)
        }
        public var value: Int64 { record.field(Layout.Placed.value, as: Int64.self) }
        public var threshold: Int64 { record.field(Layout.Placed.threshold, as: Int64.self) }
        public var isRepeat: Bool { record.flags & Layout.Placed.repeated != 0 }
    }

    public init(
        disk: MemoryDisk = MemoryDisk(), clock: ManualClock = ManualClock(),
        limits: EngineLimits = Cell.smallLimits, rules: [RuleSet] = RuleSet.known,
        terms: CellConfiguration = CellConfiguration()
    ) throws {
        self.disk = disk
        self.clock = clock
        self.terms = terms
        host = try Self.makeHost(disk, clock, limits, rules, terms)
    }

    public static let smallLimits = EngineLimits(
        accounts: 10_000, openBets: 100_000, ids: 100_000, reservedIDs: 64, reservedBets: 64, timers: 4096,
        fixtures: 1000, markets: 4000)

    private static func makeHost(
        _ disk: MemoryDisk, _ clock: ManualClock, _ limits: EngineLimits,
        _ rules: [RuleSet], _ terms: CellConfiguration, factsWin: String? = nil
    ) throws(HostError) -> EngineHost<MemoryDisk, ManualClock> {
        try EngineHost(
            disk: disk, clock: clock, limits: limits, cell: terms,
            segmentBytes: segmentBytes, newJournal: ExternalID(high: 7, low: 11), rules: rules,
            factsWin: factsWin, prepare: { _ in })
    }

    /// The process dies and starts again on what the disk kept.
    public func restart(
        limits: EngineLimits = Cell.smallLimits, rules: [RuleSet] = RuleSet.known,
        factsWin: String? = nil
    ) throws(HostError) {
        disk.store.isDead = false
        disk.store.writesUntilCrash = .max
        disk.store.writesUntilFailure = .max
        host = try Self.makeHost(disk, clock, limits, rules, terms, factsWin: factsWin)
    }

    public var now: Timestamp { Timestamp(nanoseconds: clock.wallTime) }

    public func freshID() -> ExternalID {
        nextID += 1
        return ExternalID(milliseconds: now.milliseconds, random: (0xfeed, nextID))
    }

    /// Puts a command into the next turn.
    public func send(_ make: (inout CommandEncoder) -> RecordBytes) -> Token {
        let token = nextToken
        nextToken += 1
        let record = make(&encoder)
        precondition(batch.add(record, token: token), "a test's batch has room")
        return token
    }

    /// Puts a finished record into the next turn; false when there is no room.
    public func offer(_ record: RecordBytes) -> Bool { batch.add(record, token: 0) }

    /// Sees every durable record.
    public var onRecord: ((RecordBytes) -> Void)?
    /// Sees every durable block; may keep it.
    public var onBlock: ((DurableBlock) -> Void)?

    /// Runs a turn; what was answered is in `answered`.
    public func turn() throws(HostError) {
        defer { batch.removeAll() }
        try host.turn(batch) { block in
            onBlock?(block)
            for completion in block.completions where completion.slot != .max {
                answered.append(
                    Answer(
                        token: completion.token,
                        outcome: Outcome(block.record(at: Int(completion.slot)))))
            }
            block.forEachRecord { record in
                onRecord?(record)
                if record.kind == .placed {
                    concluded[record.field(Layout.Placed.bet, as: UInt64.self)] = Outcome(record)
                }
                if record.kind == .betSettled { settled.append(Outcome(record)) }
            }
        }
    }

    /// The newest placement outcome by bet, and every settlement in order.
    public private(set) var concluded: [UInt64: Outcome] = [:]
    public private(set) var settled: [Outcome] = []

    /// One command, one turn, its outcome.
    @discardableResult
    public func say(_ make: (inout CommandEncoder) -> RecordBytes) throws -> Outcome {
        let token = send(make)
        try turn()
        return answered.last { $0.token == token }!.outcome
    }

    // MARK: A small world

    /// An account with `cash` minor units of demo money.
    public func customer(cash: Int64) throws -> AccountID {
        let id = freshID()
        let opened = try say { $0.openAccount(id, .eur, .demo) }
        let account = opened.record.account
        let grant = freshID()
        if cash > 0 { try say { $0.deposit(cash, to: account, id: grant) } }
        return account
    }

    public struct Offered: Sendable {
        public let id: ExternalID
        public let fixtureID: ExternalID
        public let market: MarketID
        public let fixture: FixtureID

        public init(id: ExternalID, fixtureID: ExternalID, market: MarketID, fixture: FixtureID) {
            self.id = id
            self.fixtureID = fixtureID
            self.market = market
            self.fixture = fixture
        }
    }

    /// A fixture with one open market at these prices.
    public func market(
        _ prices: [Odds?], winners: UInt8 = 1, inPlay: Bool = false, betDelay: UInt32 = 0,
        liabilityLimit: Int64 = Limits.potentialReturn, maximumStake: Int64 = Limits.stake,
        chain: UInt64 = 0, scoutedReturn: Int64? = nil,
        _ more: (inout MarketFacts) -> Void = { _ in }
    ) throws -> Offered {
        var fixture = FixtureFacts(id: freshID())
        fixture.sport = .football
        fixture.competitorChain = chain
        fixture.state = FixtureState(
            status: inPlay ? .live : .notStarted, isInPlay: inPlay,
            score: Score(home: 0, away: 0).packed)
        let made = try say { $0.fixture(fixture) }
        var market = MarketFacts(
            id: freshID(), fixture: fixture.id, name: "Match odds",
            selections: prices.indices.map {
                SelectionFacts(supplierID: UInt64($0), name: "S\($0)")
            })
        market.winners = winners
        market.betDelay = betDelay
        market.liabilityLimit = liabilityLimit
        market.maximumStake = maximumStake
        market.scoutedReturn = scoutedReturn
        more(&market)
        let defined = try say { $0.market(market) }
        try self.price(market.id, prices)
        try say { $0.marketState(market.id, by: .feed, lifting: .feed) }
        return Offered(
            id: market.id, fixtureID: fixture.id,
            market: MarketID(defined.record.field(Layout.MarketChanged.market, as: UInt64.self)),
            fixture: FixtureID(made.record.field(Layout.FixtureChanged.fixture, as: UInt64.self)))
    }

    public func price(_ market: ExternalID, _ prices: [Odds?]) throws {
        try say {
            $0.price(
                market: market, prices.map { PriceEntry(odds: $0) }, margin: 500, message: 1,
                providerTime: 0)
        }
    }

    public func intent(
        _ account: AccountID, _ legs: [(Offered, UInt32, Odds)], stake: Int64,
        id: ExternalID? = nil
    ) -> BetIntent {
        let id = id ?? freshID()
        return BetIntent(
            account: account, id: id, requestHash: ExternalID(high: id.high &+ 1, low: id.low),
            session: SessionID(1), stake: stake, currency: .eur,
            legs: legs.map {
                LegIntent(market: $0.0.market, fixture: $0.0.fixture, selection: $0.1, odds: $0.2)
            }, validUntil: now.adding(milliseconds: 10_000), receivedAt: now)
    }

    @discardableResult
    public func place(_ intent: BetIntent) throws -> Outcome { try say { $0.place(intent) } }

    public func settle(_ market: Offered, _ results: [SelectionResult]) throws {
        try say {
            $0.result(market: market.id, results.map { SelectionOutcome($0) }, source: .feed)
        }
        try settleAll()
    }

    /// What does not agree in the engine's books, in words.
    public func audit() -> [String] { host.engine.audit() }

    public func risk(of market: MarketID) -> MarketRisk? { host.engine.risk(of: market) }
    public func risk(of account: AccountID) -> AccountRisk? { host.engine.risk(of: account) }
    public func risk(fixtures most: Int) -> RiskPicture { host.engine.risk(fixtures: most) }

    public func total(_ account: LedgerAccount, _ money: MoneyKind) -> Int64 {
        host.engine.total(account, money)
    }

    public var stateHash: StateHash { host.stateHash }

    /// Turns until nothing is due at once.
    public func settleAll() throws {
        while host.isDue { try turn() }
    }
}

/// Odds in decimal thousandths, for tests that know they are odds.
public func decimal(_ thousandths: UInt32) -> Odds { Odds(thousandths: thousandths)! }
