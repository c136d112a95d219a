import Betting
import Catalogue
public import Kernel
public import Ledger
import Pricing
import Risk

/// The one deterministic state machine: a command and the state make outcomes and the next state.
///
/// It reads no clock, draws no random number and never waits: time and everything else it uses is in
/// the command. The same commands always make the same bytes, on every machine.
public struct Engine: ~Copyable {
    /// The most slots that one command's outcomes take: a step's worth of bets with wide fractions.
    public static let mostOutcomeSlots = 512
    /// Bets that one timer or settlement command concludes.
    static let betsPerStep = 64
    /// The most that one bet's end of delay writes: itself, and each of its markets shut.
    static let slotsPerConclusion = 4 + Limits.legs
    /// Records after which a settlement command stops, though it was not yet through its bets: of them at most
    /// `betsPerStep` are of three slots, the others, of markets that are shut, of one.
    static let recordsPerStep: UInt64 = 320
    static let mostProposals = 1024

    var accounts: AccountBook
    var markets: MarketBook
    var rules = CellRules()
    /// What the house adds and takes, the oldest version first. Bound: `mostHouseVersions`.
    var houseVersions: [HouseVersion] = [] { didSet { hashTables() } }
    /// What withdrawals take, the oldest version first. Bound: `mostDeductionVersions`.
    var deductionVersions: [DeductionVersion] = [] { didSet { hashTables() } }
    /// What customers are kept from, in order. Bound: `mostBars`.
    var bars: [BarRow] = [] { didSet { hashTables() } }
    /// What the house promises, by number. Bound: `mostPromotions`. Changed by `change(promotion:)`, since all of their
    /// terms are too much to hash for every grant.
    private(set) var promotions: [Promotion] = []
    /// Of these four, which change seldom.
    private var tablesHash = StateHash()
    /// The newest record and its time.
    public internal(set) var sequence: UInt64 = 0
    public internal(set) var time = Timestamp(nanoseconds: 0)
    var recoveredAt: Int64 = .min
    /// The rules of the command at hand, and those of new commands.
    var ruleSet: RuleSet
    private let ruleSets: [RuleSet]
    /// The version that the command at hand names.
    private(set) var versionAtHand: UInt32
    let seed: UInt64
    /// A trial of rules: they decide beside every record, whatever version it was decided under.
    let isTrial: Bool
    /// What the journal says of the command at hand, in replay.
    var stored = StoredOutcomes.none
    /// Where the rules decided the last followed command otherwise than was stored.
    public internal(set) var disagreements: [Disagreement] = []
    var scratch: LegScratch
    /// The one price of the slip at hand, where its legs are of one match.
    var jointAtHand: Odds?
    let ladder = TickLadder.classic
    public let limits: EngineLimits

    /// `seed` only scatters the hash tables; no outcome depends on it. New commands are decided under
    /// the last of `rules`.
    public init(
        limits: EngineLimits, seed: UInt64, rules ruleSets: [RuleSet] = RuleSet.known,
        isTrial: Bool = false
    ) {
        precondition(!ruleSets.isEmpty, "an engine has rules")
        self.limits = limits
        self.seed = seed
        self.isTrial = isTrial
        self.ruleSets = ruleSets
        ruleSet = ruleSets[ruleSets.count - 1]
        versionAtHand = ruleSet.version
        accounts = AccountBook(limits: limits, seed: seed)
        markets = MarketBook(limits: limits, seed: seed)
        scratch = LegScratch()
    }

    /// Decides one command and appends what came of it to `outcomes`.
    ///
    /// The command carries its sequence and its time. Cost: O(legs) for a bet, O(selections) for a
    /// price, at most `betsPerStep` bets for a step.
    public mutating func apply(_ command: RecordBytes, into outcomes: inout RecordWriter) {
        sequence = command.sequence
        time = command.time
        if command.rulesVersion != versionAtHand { choose(rules: command.rulesVersion) }
        switch command.kind {
        case .place: place(command, &outcomes)
        case .price: price(command, &outcomes)
        case .timerDue: concludePending(command, &outcomes)
        case .settleStep: settleStep(command, &outcomes)
        case .suspectStep: suspectStep(command, &outcomes)
        case .marketState: changeState(command, &outcomes)
        case .marketLimits: setMarketLimits(command, &outcomes)
        case .pricing: setPricing(command, &outcomes)
        case .channelState: setChannel(command, &outcomes)
        case .houseRules: setHouseRules(command, &outcomes)
        case .deductionTable: setDeductionTable(command, &outcomes)
        case .promotion: setPromotion(command, &outcomes)
        case .withdrawal: withdraw(command, &outcomes)
        case .fixtureUpdate: updateFixture(command, &outcomes)
        case .fixture: defineFixture(command, &outcomes)
        case .market: defineMarket(command, &outcomes)
        case .result: takeResult(command, &outcomes)
        case .propose: propose(command, &outcomes)
        case .approve: approve(command, &outcomes)
        case .cancel: cancel(command, &outcomes)
        case .cashOut: cashOut(command, &outcomes)
        case .cashOutRule: setCashOutRule(command, &outcomes)
        case .cashOutStep: sellByRule(command, &outcomes)
        case .startingPrices: takeStartingPrices(command, &outcomes)
        case .earlyPayout: payEarly(command, &outcomes)
        case .openAccount: openAccount(command, &outcomes)
        case .deposit: deposit(command, &outcomes)
        case .setLimit: setLimit(command, &outcomes)
        case .setRisk: setRisk(command, &outcomes)
        case .location: setLocation(command, &outcomes)
        case .setBar: setBar(command, &outcomes)
        case .grant: grant(command, &outcomes)
        case .forgetIDs:
            accounts.forget(
                now: time, projected: command.field(Layout.ForgetIDs.projected, as: UInt64.self),
                window: ruleSet.idWindow, atMost: 4096)
        case .genesis:
            rules = CellRules(command)
            accounts.partition = rules.partition
            markets.partition = rules.partition
        case .recovered: recover()
        case .release: releaseBets(command, &outcomes)
        case .session, .sealed, .divergence, .checkpoint, .snapshotKept, .segmentsDropped: break
        case .accountChanged, .limitChanged, .marketChanged, .fixtureChanged, .selectionWithdrawn,
            .placed,
            .betSettled, .resultAnswered, .betsReleased, .cashOutAnswered, .cashOutRuleChanged,
            .betSuspected, nil:
            preconditionFailure("only commands are applied")
        }
        sequence = outcomes.nextSequence - 1
    }

    /// Asks the cache for what `command` will read first: several commands ahead, the waits of many overlap.
    /// Changes nothing.
    @inline(__always)
    public func expect(_ command: RecordBytes) {
        guard command.kind == .place else { return }
        accounts.expect(command.clientID, account: command.account)
    }

    /// The version that new commands are decided under.
    public var rulesVersion: UInt32 { ruleSets[ruleSets.count - 1].version }

    /// Whether a record that was decided under `version` can be followed here.
    public func follows(rules version: UInt32) -> Bool { isTrial || version <= rulesVersion }

    /// Whether `version` can be decided here; records of others are followed without a second opinion.
    public func knows(rules version: UInt32) -> Bool {
        !isTrial && ruleSets.contains { $0.version == version }
    }

    /// Old records keep their rules; a version that this build no longer has is followed as it is stored,
    /// and the nearest newer rules decide beside it.
    ///
    /// A trial decides by its own rules, but keeps the books as the record's do.
    private mutating func choose(rules version: UInt32) {
        versionAtHand = version
        guard !isTrial else { return }
        ruleSet = ruleSets.first { $0.version >= version } ?? ruleSets[ruleSets.count - 1]
    }

    /// When the engine next has something to do by itself: nanoseconds of UTC, nil when never.
    ///
    /// Markets with bets to settle are due at once.
    public var nextDue: Timestamp? {
        if markets.hasWork || markets.hasSuspects || accounts.sales.hasDueRules { return time }
        return accounts.nextDue.map(Timestamp.init(nanoseconds:))
    }

    /// What kind of command answers `nextDue`: delays go first, then settlement, then what looks like an error, then
    /// what is sold by rule.
    public func dueKind(at now: Timestamp) -> RecordKind? {
        if let due = accounts.nextDue, due <= now.nanoseconds { return .timerDue }
        if markets.hasWork { return .settleStep }
        if markets.hasSuspects { return .suspectStep }
        return accounts.sales.hasDueRules ? .cashOutStep : nil
    }

    /// The state in 128 bits, kept in step with every change; O(1).
    public var stateHash: StateHash {
        var total = accounts.hash
        var mix = RowMix(kind: 64, row: 0)
        mix.combine(markets.hash.high, markets.hash.low)
        mix.combine(accounts.sales.hash.high, accounts.sales.hash.low)
        mix.combine(sequence, UInt64(bitPattern: time.nanoseconds))
        mix.combine(UInt64(bitPattern: recoveredAt), UInt64(markets.proposals.count))
        rules.combine(into: &mix)
        total.add(mix)
        total.add(tablesHash)
        return total
    }

    /// The same without sequence and time: what a checkpoint is held against, whose own record changes
    /// nothing else.
    public var rowsHash: StateHash {
        var total = accounts.hash
        var mix = RowMix(kind: 65, row: 0)
        mix.combine(markets.hash.high, markets.hash.low)
        mix.combine(accounts.sales.hash.high, accounts.sales.hash.low)
        mix.combine(UInt64(bitPattern: recoveredAt), UInt64(markets.proposals.count))
        rules.combine(into: &mix)
        total.add(mix)
        total.add(tablesHash)
        return total
    }

    private mutating func hashTables() {
        tablesHash = StateHash()
        for version in houseVersions { tablesHash.add(version.mix) }
        for bar in bars { tablesHash.add(bar.mix) }
        for version in deductionVersions { tablesHash.add(version.mix) }
        for promotion in promotions { tablesHash.add(promotion.mix) }
    }

    /// At its place by number, instead of what was there of that number.
    mutating func change(promotion: Promotion) {
        tablesHash.add(promotion.mix)
        let place = promotions.firstIndex { $0.number >= promotion.number } ?? promotions.count
        guard place < promotions.count, promotions[place].number == promotion.number else {
            return promotions.insert(promotion, at: place)
        }
        tablesHash.subtract(promotions[place].mix)
        promotions[place] = promotion
    }

    /// Those of a snapshot.
    mutating func load(promotions: [Promotion]) {
        self.promotions = promotions
        hashTables()
    }

    /// Recomputes every hash and total from the rows; what does not agree, in words. O(rows).
    public func audit() -> [String] {
        accounts.audit().problems + markets.audit().problems + exposureProblems()
    }

    public typealias CellTerms = (
        currency: UInt16, rounding: Rounding, money: MoneyKind, minimumStake: Int64,
        payoutCap: Int64, customerCap: Int64, dayCap: Int64
    )

    /// What the genesis record fixed for this cell.
    public var terms: CellTerms {
        (
            rules.currency, rules.rounding, rules.money, rules.minimumStake, rules.payoutCap,
            rules.customerCap, rules.dayCap
        )
    }

    public func total(_ account: LedgerAccount, _ money: MoneyKind) -> Int64 {
        accounts.total(account, money)
    }

    public var counts: EngineCounts {
        EngineCounts(
            accounts: accounts.accounts.count, bets: accounts.betCount, ids: accounts.idCount,
            fixtures: markets.fixtures.count, markets: markets.markets.count)
    }

    // MARK: Genesis and recovery

    /// All markets shut until their feed shows them anew; what was pending is released when due.
    private mutating func recover() {
        recoveredAt = time.nanoseconds
        if planted(.openAfterRecovery) { return }
        for number in 0..<UInt32(markets.markets.count) {
            markets.change(market: number) {
                $0.reasons = ShutReasons(rawValue: $0.reasons).union(.recovery).rawValue
                $0.version += 1
                $0.changeMaterially()
            }
        }
    }
}

/// How many rows of each kind there are.
public struct EngineCounts: Sendable {
    public let accounts: Int
    public let bets: Int
    public let ids: Int
    public let fixtures: Int
    public let markets: Int

    public init(accounts: Int, bets: Int, ids: Int, fixtures: Int, markets: Int) {
        self.accounts = accounts
        self.bets = bets
        self.ids = ids
        self.fixtures = fixtures
        self.markets = markets
    }
}

/// What the genesis record fixed for this cell.
struct CellRules {
    var currency: UInt16 = Currency.eur.numericCode
    var rounding = Rounding.down
    var partition: UInt32 = 0
    var money = MoneyKind.demo
    var minimumStake: Int64 = 10
    var payoutCap: Int64 = Limits.potentialReturn
    /// What a customer's open bets may return together, and what it may be paid on one day; 0 for no such cap.
    var customerCap: Int64 = 0
    var dayCap: Int64 = 0

    @inline(__always) var hasCaps: Bool { customerCap | dayCap != 0 }

    init() {}

    func combine(into mix: inout RowMix) {
        mix.combine(
            UInt64(currency) << 48 | UInt64(rounding.rawValue) << 40 | UInt64(money.rawValue) << 32
                | UInt64(partition), UInt64(bitPattern: minimumStake))
        mix.combine(payoutCap, customerCap)
        mix.combine(dayCap, 0)
    }

    init(_ genesis: RecordBytes) {
        currency = genesis.field(Layout.Genesis.currency, as: UInt16.self)
        rounding =
            Rounding(rawValue: genesis.field(Layout.Genesis.rounding, as: UInt8.self)) ?? .down
        money = MoneyKind(rawValue: genesis.field(Layout.Genesis.money, as: UInt8.self)) ?? .demo
        partition = genesis.field(Layout.Genesis.partition, as: UInt32.self)
        minimumStake = genesis.field(Layout.Genesis.minimumStake, as: Int64.self)
        payoutCap = min(
            Limits.potentialReturn, genesis.field(Layout.Genesis.payoutCap, as: Int64.self))
        customerCap = max(0, genesis.field(Layout.Genesis.customerCap, as: Int64.self))
        dayCap = max(0, genesis.field(Layout.Genesis.dayCap, as: Int64.self))
    }
}

/// Room for the legs of the one slip at hand, so that a placement allocates nothing.
@safe struct LegScratch: ~Copyable {
    private let quotes: UnsafeMutablePointer<LegQuote>

    init() {
        unsafe quotes = .allocate(capacity: Limits.legs)
    }

    deinit { unsafe quotes.deallocate() }

    subscript(index: Int) -> LegQuote {
        get {
            precondition(index < Limits.legs, "a leg of this slip")
            return unsafe quotes[index]
        }
        nonmutating set {
            precondition(index < Limits.legs, "a leg of this slip")
            unsafe quotes[index] = newValue
        }
    }
}

extension Engine {
    /// Whether any id may be let go, given what the projection holds.
    public func canForgetIDs(at now: Timestamp, projected: UInt64) -> Bool {
        accounts.canForget(
            now: now, projected: projected, window: ruleSets[ruleSets.count - 1].idWindow)
    }
}
