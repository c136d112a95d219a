import Betting
public import Catalogue
public import Kernel
import Ledger

/// The tables that a snapshot is made of. Numbers are stable.
public enum SnapshotTable: UInt16, CaseIterable, Sendable {
    case accounts = 1
    case bets = 2
    case legs = 3
    case ids = 4
    case facts = 5
    case fixtures = 6
    case markets = 7
    case selections = 8
    case standings = 9
    case limits = 10
    case cancels = 11
    case deductions = 12
    case cashOuts = 13
    case saleRules = 14
    case hands = 15
}

/// What an engine keeps beside its rows, in words of 64 bits.
public struct SnapshotWords: Hashable, Sendable {
    public var words: [UInt64]

    public init(_ words: [UInt64]) { self.words = words }
}

extension Engine {
    /// The layout of the rows above and of what is hashed of them: snapshots and checkpoints of another one
    /// say nothing here.
    public static let stateVersion: UInt64 = {
        // The row is the version of what is hashed; a change of any `mix` is a new one.
        var mix = RowMix(kind: 66, row: 20)
        for size in [
            MemoryLayout<AccountRow>.stride, MemoryLayout<BetRow>.stride,
            MemoryLayout<LegRow>.stride,
            MemoryLayout<IDRow>.stride, MemoryLayout<FactRow>.stride,
            MemoryLayout<FixtureRow>.stride,
            MemoryLayout<MarketRow>.stride, MemoryLayout<SelectionRow>.stride,
            MemoryLayout<StandingRow>.stride, MemoryLayout<LimitRow>.stride,
            MemoryLayout<CancelRow>.stride, MemoryLayout<DeductionRow>.stride,
            MemoryLayout<CashOutRow>.stride, MemoryLayout<SaleRuleRow>.stride,
            MemoryLayout<HandRow>.stride,
        ] { mix.combine(UInt64(size), 1) }
        var hash = StateHash()
        hash.add(mix)
        return hash.low
    }()

    /// From here on the state as it is now can be taken piece by piece, whatever is decided meanwhile.
    /// `spares` are filled first.
    public mutating func freeze(_ spares: SnapshotSpares) -> SnapshotWords {
        accounts.accounts.freeze(spares)
        accounts.bets.freeze(spares)
        accounts.legs.freeze(spares)
        accounts.limits.freeze(spares)
        accounts.sales.waiting.freeze(spares)
        accounts.sales.rules.freeze(spares)
        accounts.ids.rows.freeze(spares)
        accounts.ids.factRows.freeze(spares)
        markets.fixtures.freeze(spares)
        markets.markets.freeze(spares)
        markets.selections.freeze(spares)
        markets.standings.freeze(spares)
        markets.cancels.freeze(spares)
        markets.deductions.freeze(spares)
        markets.hands.freeze(spares)
        return words
    }

    public mutating func thaw() {
        accounts.accounts.thaw()
        accounts.bets.thaw()
        accounts.legs.thaw()
        accounts.limits.thaw()
        accounts.sales.waiting.thaw()
        accounts.sales.rules.thaw()
        accounts.ids.rows.thaw()
        accounts.ids.factRows.thaw()
        markets.fixtures.thaw()
        markets.markets.thaw()
        markets.selections.thaw()
        markets.standings.thaw()
        markets.cancels.thaw()
        markets.deductions.thaw()
        markets.hands.thaw()
    }

    /// Hands over what was written since the last call, and at most `most` further chunks.
    ///
    /// True when everything has been handed over. Cost: 10 us a chunk of 64 KiB.
    public mutating func takeSlice(
        _ most: Int, _ body: (SnapshotTable, SnapshotChunk) -> Void
    ) -> Bool {
        var left = most
        for table in SnapshotTable.allCases {
            for chunk in takeKept(table) { body(table, chunk) }
        }
        for table in SnapshotTable.allCases {
            while left > 0, let chunk = takeNext(table) {
                body(table, chunk)
                left -= 1
            }
            if left == 0 { return false }
        }
        return true
    }

    private mutating func takeKept(_ table: SnapshotTable) -> [SnapshotChunk] {
        switch table {
        case .accounts: accounts.accounts.takeKept()
        case .bets: accounts.bets.takeKept()
        case .legs: accounts.legs.takeKept()
        case .ids: accounts.ids.rows.takeKept()
        case .facts: accounts.ids.factRows.takeKept()
        case .fixtures: markets.fixtures.takeKept()
        case .markets: markets.markets.takeKept()
        case .selections: markets.selections.takeKept()
        case .standings: markets.standings.takeKept()
        case .limits: accounts.limits.takeKept()
        case .cancels: markets.cancels.takeKept()
        case .deductions: markets.deductions.takeKept()
        case .cashOuts: accounts.sales.waiting.takeKept()
        case .saleRules: accounts.sales.rules.takeKept()
        case .hands: markets.hands.takeKept()
        }
    }

    private mutating func takeNext(_ table: SnapshotTable) -> SnapshotChunk? {
        switch table {
        case .accounts: accounts.accounts.takeNext()
        case .bets: accounts.bets.takeNext()
        case .legs: accounts.legs.takeNext()
        case .ids: accounts.ids.rows.takeNext()
        case .facts: accounts.ids.factRows.takeNext()
        case .fixtures: markets.fixtures.takeNext()
        case .markets: markets.markets.takeNext()
        case .selections: markets.selections.takeNext()
        case .standings: markets.standings.takeNext()
        case .limits: accounts.limits.takeNext()
        case .cancels: markets.cancels.takeNext()
        case .deductions: markets.deductions.takeNext()
        case .cashOuts: accounts.sales.waiting.takeNext()
        case .saleRules: accounts.sales.rules.takeNext()
        case .hands: markets.hands.takeNext()
        }
    }

    /// Puts a chunk where it was; false when it does not fit into this engine's limits.
    public mutating func load(
        _ table: SnapshotTable, first: UInt64, _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        switch table {
        case .accounts: unsafe accounts.accounts.load(first: first, bytes)
        case .bets: unsafe accounts.bets.load(first: first, bytes)
        case .legs: unsafe accounts.legs.load(first: first, bytes)
        case .ids: unsafe accounts.ids.rows.load(first: first, bytes)
        case .facts: unsafe accounts.ids.factRows.load(first: first, bytes)
        case .fixtures: unsafe markets.fixtures.load(first: first, bytes)
        case .markets: unsafe markets.markets.load(first: first, bytes)
        case .selections: unsafe markets.selections.load(first: first, bytes)
        case .standings: unsafe markets.standings.load(first: first, bytes)
        case .limits: unsafe accounts.limits.load(first: first, bytes)
        case .cancels: unsafe markets.cancels.load(first: first, bytes)
        case .deductions: unsafe markets.deductions.load(first: first, bytes)
        case .cashOuts: unsafe accounts.sales.waiting.load(first: first, bytes)
        case .saleRules: unsafe accounts.sales.rules.load(first: first, bytes)
        case .hands: unsafe markets.hands.load(first: first, bytes)
        }
    }

    // MARK: Checkpoints

    /// Writes down what the state is, for every later replay to come to.
    public borrowing func writeCheckpoint(to record: RecordBytes) {
        record.begin(.checkpoint)
        record.set(Layout.Checkpoint.hashHigh, rowsHash.high)
        record.set(Layout.Checkpoint.hashLow, rowsHash.low)
        record.set(Layout.Checkpoint.version, Self.stateVersion)
    }

    // MARK: What is not in rows

    private var words: SnapshotWords {
        var words: [UInt64] = [sequence, UInt64(bitPattern: time.nanoseconds)]
        words.append(UInt64(bitPattern: recoveredAt))
        words += [
            UInt64(rules.currency), UInt64(rules.rounding.rawValue), UInt64(rules.partition),
            UInt64(rules.money.rawValue), UInt64(bitPattern: rules.minimumStake),
            UInt64(bitPattern: rules.payoutCap), UInt64(bitPattern: rules.customerCap),
            UInt64(bitPattern: rules.dayCap),
        ]
        words += [accounts.hash.high, accounts.hash.low, markets.hash.high, markets.hash.low]
        words += [accounts.ids.rows.head, accounts.ids.rows.tail, UInt64(accounts.ids.freeFacts)]
        words += [UInt64(accounts.freeBet), UInt64(markets.freeStanding)]
        words += [UInt64(markets.settleQueue.0), UInt64(markets.settleQueue.1)]
        let sales = accounts.sales.words
        words += [sales.hash.high, sales.hash.low, UInt64(sales.freeWaiting)]
        words += [UInt64(sales.freeRule), UInt64(sales.due.first), UInt64(sales.due.last)]
        words += counted
        words += accounts.totalWords.map { UInt64(bitPattern: $0) }
        words += accounts.freeLegWords.map(UInt64.init)
        words.append(UInt64(markets.shutChannels))
        words += [UInt64(markets.suspicion), UInt64(markets.suspected.count)]
        words += markets.suspected.map(UInt64.init)
        words.append(UInt64(houseVersions.count))
        for version in houseVersions {
            words += [version.sequence, UInt64(version.rules.commission)]
            words += version.rules.bonuses.map {
                UInt64($0.onlyWinner) << 16 | UInt64($0.allWinners)
            }
        }
        words.append(UInt64(deductionVersions.count))
        for version in deductionVersions {
            words += [version.sequence, UInt64(version.rule.rawValue)]
            words += [UInt64(version.table.waivedAlone), UInt64(version.table.steps.count)]
            for step in version.table.steps {
                words += [
                    UInt64(step.winnings) << 32 | UInt64(step.stake),
                    UInt64(step.runners) << 32 | UInt64(step.win) << 16 | UInt64(step.place),
                ]
            }
        }
        words.append(UInt64(promotions.count))
        for promotion in promotions { words += promotion.words }
        words.append(UInt64(bars.count))
        for bar in bars { words += [UInt64(bar.account) << 8 | UInt64(bar.scope), bar.of] }
        words.append(UInt64(markets.proposals.count))
        for proposal in markets.proposals {
            words += [
                proposal.sequence, UInt64(bitPattern: proposal.time), UInt64(proposal.market),
                proposal.actor, UInt64(proposal.settlementVersion),
                UInt64(proposal.action.rawValue), UInt64(bitPattern: proposal.window.from),
                UInt64(bitPattern: proposal.window.until), proposal.bet,
                UInt64(proposal.results.count),
            ]
            words += proposal.results.map {
                UInt64($0.position) << 24 | UInt64($0.result) << 16 | UInt64($0.winners) << 8
                    | UInt64($0.tied)
            }
        }
        return SnapshotWords(words)
    }

    private var counted: [UInt64] {
        [
            UInt64(accounts.accounts.count), UInt64(accounts.bets.count),
            UInt64(accounts.legs.count), UInt64(accounts.ids.factRows.count),
            UInt64(markets.fixtures.count), UInt64(markets.markets.count),
            UInt64(markets.selections.count), UInt64(markets.standings.count),
            UInt64(accounts.limits.count), UInt64(markets.cancels.count),
            UInt64(markets.deductions.count), UInt64(accounts.sales.waiting.count),
            UInt64(accounts.sales.rules.count), UInt64(markets.hands.count),
        ]
    }

    /// Before any chunk: where the ids stand. False when they do not fit into this engine's limits.
    public mutating func beginLoading(_ words: SnapshotWords) -> Bool {
        guard words.words.count > 16 else { return false }
        return accounts.ids.rows.place(head: words.words[15], tail: words.words[16])
    }

    /// After every chunk: the indexes, timers and queues that follow from the rows. What does not agree
    /// with `words`, in words; empty when the state is the one that was frozen.
    public mutating func finishLoading(_ saved: SnapshotWords) -> [String] {
        var reader = WordReader(saved.words)
        sequence = reader.next()
        time = Timestamp(nanoseconds: Int64(bitPattern: reader.next()))
        recoveredAt = Int64(bitPattern: reader.next())
        rules.currency = UInt16(truncatingIfNeeded: reader.next())
        rules.rounding = Rounding(rawValue: UInt8(truncatingIfNeeded: reader.next())) ?? .down
        rules.partition = UInt32(truncatingIfNeeded: reader.next())
        rules.money = MoneyKind(rawValue: UInt8(truncatingIfNeeded: reader.next())) ?? .demo
        rules.minimumStake = Int64(bitPattern: reader.next())
        rules.payoutCap = Int64(bitPattern: reader.next())
        rules.customerCap = Int64(bitPattern: reader.next())
        rules.dayCap = Int64(bitPattern: reader.next())
        accounts.partition = rules.partition
        markets.partition = rules.partition
        let accountHash = StateHash(high: reader.next(), low: reader.next())
        let marketHash = StateHash(high: reader.next(), low: reader.next())
        reader.skip(2)
        let freeFacts = reader.row()
        let freeBet = reader.row()
        let freeStanding = reader.row()
        let queue = (reader.row(), reader.row())
        let sales = SaleBook.Words(
            hash: StateHash(high: reader.next(), low: reader.next()), freeWaiting: reader.row(),
            freeRule: reader.row(), due: (reader.row(), reader.row()))
        let counts = (0..<14).map { _ in reader.next() }
        guard counts == counted else { return ["rows are missing"] }
        let totals = (0..<22).map { _ in Int64(bitPattern: reader.next()) }
        let freeLegs = (0..<21).map { _ in reader.row() }
        let shutChannels = UInt16(truncatingIfNeeded: reader.next())
        let suspicion = reader.row()
        let suspected = (0..<min(reader.next(), UInt64(markets.markets.count))).map { _ in
            reader.row()
        }
        houseVersions = []
        for _ in 0..<min(reader.next(), UInt64(Self.mostHouseVersions)) {
            let (at, commission) = (reader.next(), UInt16(truncatingIfNeeded: reader.next()))
            let bonuses = SystemShape.named.map { _ in
                let word = reader.next()
                return CoverBonus(
                    onlyWinner: UInt16(truncatingIfNeeded: word >> 16),
                    allWinners: UInt16(truncatingIfNeeded: word))
            }
            let rules = HouseRules(commission: commission, bonuses: bonuses.compactMap(\.self))
            guard let rules else { return ["house rules that nobody can have set"] }
            houseVersions.append(HouseVersion(sequence: at, rules: rules))
        }
        deductionVersions = []
        for _ in 0..<min(reader.next(), UInt64(Self.mostDeductionVersions)) {
            let (at, rule) = (reader.next(), UInt8(truncatingIfNeeded: reader.next()))
            let waived = UInt16(truncatingIfNeeded: reader.next())
            let steps = (0..<min(reader.next(), UInt64(DeductionTable.mostSteps))).map { _ in
                let (price, taken) = (reader.next(), reader.next())
                return DeductionTable.Step(
                    runners: UInt8(truncatingIfNeeded: taken >> 32),
                    winnings: UInt32(truncatingIfNeeded: price >> 32),
                    stake: UInt32(truncatingIfNeeded: price),
                    win: UInt16(truncatingIfNeeded: taken >> 16),
                    place: UInt16(truncatingIfNeeded: taken))
            }
            guard let rule = DeductionRule(rawValue: rule),
                let table = DeductionTable(steps, waivedAlone: waived)
            else { return ["deductions that nobody can have set"] }
            deductionVersions.append(DeductionVersion(sequence: at, rule: rule, table: table))
        }
        var promotions: [Promotion] = []
        for _ in 0..<min(reader.next(), UInt64(Self.mostPromotions)) {
            let (number, version) = (reader.next(), UInt32(truncatingIfNeeded: reader.next()))
            let (from, until) = (reader.next(), reader.next())
            let name = Int(min(reader.next(), UInt64(Promotion.nameBytes)))
            let terms = Int(min(reader.next(), UInt64(Promotion.termsBytes)))
            let (bonus, free) = (reader.next(), reader.next())
            promotions.append(
                Promotion(
                    number: number, version: version, from: Int64(bitPattern: from),
                    until: Int64(bitPattern: until), name: Promotion.text(name) { reader.next() },
                    terms: Promotion.text(terms) { reader.next() },
                    bonus: Int64(bitPattern: bonus), free: Int64(bitPattern: free)))
        }
        load(promotions: promotions)
        bars = (0..<min(reader.next(), UInt64(Self.mostBars))).map { _ in
            let word = reader.next()
            return BarRow(
                account: UInt32(truncatingIfNeeded: word >> 8),
                scope: UInt8(truncatingIfNeeded: word), of: reader.next())
        }
        var proposals: [ProposalRow] = []
        for _ in 0..<min(reader.next(), UInt64(Self.mostProposals)) {
            var proposal = ProposalRow(
                sequence: reader.next(), time: Int64(bitPattern: reader.next()),
                market: reader.row(), actor: reader.next(), settlementVersion: reader.row(),
                results: [],
                action: ResultAction(rawValue: UInt8(truncatingIfNeeded: reader.next())) ?? .settle,
                window: CancelWindow(
                    from: Int64(bitPattern: reader.next()), until: Int64(bitPattern: reader.next()))
                    ?? .everything, bet: reader.next())
            for _ in 0..<min(reader.next(), UInt64(Limits.selections)) {
                let word = reader.next()
                proposal.results.append(
                    MarkRow(
                        result: UInt8(truncatingIfNeeded: word >> 16),
                        winners: UInt8(truncatingIfNeeded: word >> 8),
                        tied: UInt8(truncatingIfNeeded: word),
                        position: UInt8(truncatingIfNeeded: word >> 24)))
            }
            proposals.append(proposal)
        }
        guard !reader.isShort else { return ["the words beside the rows are cut off"] }
        accounts.ids.rebuild(freeFacts: freeFacts)
        accounts.rebuild(
            hash: accountHash, totals: totals, freeBet: freeBet, freeLegs: freeLegs,
            sales: sales, seed: seed)
        markets.rebuild(
            hash: marketHash, freeStanding: freeStanding, queue: queue, proposals: proposals,
            shutChannels: shutChannels, suspected: (suspected, suspicion), seed: seed)
        return accounts.audit().problems + markets.audit().problems
    }
}

/// Words one after another; past the end it gives zeros and says so.
private struct WordReader {
    private let words: [UInt64]
    private var place = 0
    private(set) var isShort = false

    init(_ words: [UInt64]) { self.words = words }

    mutating func next() -> UInt64 {
        guard place < words.count else {
            isShort = true
            return 0
        }
        place += 1
        return words[place - 1]
    }

    mutating func row() -> UInt32 { UInt32(truncatingIfNeeded: next()) }
    mutating func skip(_ count: Int) { place += count }
}

// MARK: For whoever shows the catalogue

/// A market as the engine has it. Money in minor units.
public struct MarketPicture: Sendable {
    public struct Selection: Sendable {
        public let odds: Odds?
        /// Thousandths, 0 none.
        public let reference: UInt32
        public let outcome: SelectionOutcome
        public let isWithdrawn: Bool
        /// What its feed last offered.
        public let fed: Odds?
        /// What a trader holds it at.
        public let held: Odds?
    }

    public let version: UInt64
    /// Counts the market's own changes that a waiting bet must not survive.
    public let material: UInt64
    public let priceVersion: UInt64
    public let reasons: ShutReasons
    public let isResulted: Bool
    public let settlementVersion: UInt32
    public let betDelay: UInt32
    public let maximumStake: Int64
    public let liabilityLimit: Int64
    public let staked: Int64
    public let worstLoss: Int64
    public let openLegs: UInt32
    /// What each-way bets pay; nil where there are none.
    public let places: PlaceTerms?
    /// Bets at starting price are taken, and nothing was said of those yet.
    public let takesAtStart: Bool
    /// What it takes, each of them said.
    public let limits: MarketLimits
    /// Hundredths of a percent that a trader has put on its prices; nil: the feed's own.
    public let handMargin: UInt32?
    /// How often the hand on its prices changed.
    public let handVersion: UInt32
    /// Its fixture's material version.
    public let fixtureMaterial: UInt64
    /// A person made it, and is all the supplier that it has.
    public let isByHand: Bool
    public let winners: UInt8
    public let selections: [Selection]
}

/// How far an account is trusted.
public struct AccountTrust: Sendable {
    /// Thousandths of a market's maximum stake.
    public let stakeFactor: UInt16
    /// Milliseconds beside a market's own delay in play.
    public let delay: UInt32
    /// No bets are taken from it.
    public let isShut: Bool
}

/// What an account has. Minor units.
public struct AccountBalances: Sendable {
    public let cash: Int64
    public let bonus: Int64
    /// What may be staked for nothing.
    public let free: Int64
    public let held: Int64
    public let openBets: Int64
    /// What the customer owes.
    public let receivable: Int64
}

/// A fixture as the engine has it.
public struct FixturePicture: Sendable {
    public let version: UInt64
    public let scheduled: Timestamp
    public let state: FixtureState
}

extension Engine {
    public borrowing func picture(of id: MarketID) -> MarketPicture? {
        guard let number = markets.market(id) else { return nil }
        let row = markets.markets[number]
        let selections = (0..<UInt32(row.selectionCount)).map { place in
            let selection = markets.selections[row.firstSelection + place]
            let hand = row.hand == .max ? nil : markets.hands[row.hand + place]
            return MarketPicture.Selection(
                odds: selection.odds, reference: selection.reference,
                outcome: SelectionOutcome(
                    SelectionResult(rawValue: selection.result) ?? .undecided,
                    winners: selection.winners, tied: selection.tied,
                    position: selection.position),
                isWithdrawn: selection.isWithdrawn == 1,
                fed: hand == nil ? selection.odds : hand?.fed, held: hand?.held)
        }
        let whole = row.hand == .max ? HandRow() : markets.hands[row.hand]
        var limits = MarketLimits()
        limits.maximumStake = row.maximumStake
        limits.liabilityLimit = row.liabilityLimit
        limits.suspendAt = row.suspendAt
        limits.floor = row.floor
        limits.mostMove = row.mostMove
        limits.version = row.limitsVersion
        return MarketPicture(
            version: row.version, material: UInt64(row.material), priceVersion: row.priceVersion,
            reasons: ShutReasons(rawValue: row.reasons), isResulted: row.isResulted == 1,
            settlementVersion: row.settlementVersion, betDelay: row.betDelay,
            maximumStake: row.maximumStake, liabilityLimit: row.liabilityLimit,
            staked: row.staked, worstLoss: markets.worstLoss(number), openLegs: row.openLegs,
            places: PlaceTerms(packed: row.places), takesAtStart: takesAtStart(number),
            limits: limits,
            handMargin: whole.margin == .max ? nil : UInt32(whole.margin),
            handVersion: whole.version, fixtureMaterial: markets.fixtures[row.fixture].material,
            isByHand: row.isByHand == 1, winners: row.winners,
            selections: selections)
    }

    /// How far an account is trusted; nil when there is none.
    public borrowing func trust(in id: AccountID) -> AccountTrust? {
        guard let number = accounts.account(id) else { return nil }
        let row = accounts.accounts[number]
        return AccountTrust(
            stakeFactor: row.stakeFactor, delay: row.delay, isShut: row.isClosed == 1)
    }

    /// What an account has; nil when there is none.
    public borrowing func balances(of id: AccountID) -> AccountBalances? {
        guard let number = accounts.account(id) else { return nil }
        let row = accounts.accounts[number]
        return AccountBalances(
            cash: row.cash, bonus: row.bonus, free: row.free, held: row.held,
            openBets: row.openBets, receivable: row.receivable)
    }

    /// Channels that take no bets: bit n is channel n of `Layout.Session`.
    public var shutChannels: UInt16 { borrowing get { markets.shutChannels } }

    /// Whether a proposed result still waits for its second person.
    public borrowing func isWaiting(proposal sequence: UInt64) -> Bool {
        markets.proposals.contains { $0.sequence == sequence }
    }

    public borrowing func picture(of id: FixtureID) -> FixturePicture? {
        guard id.row < markets.fixtures.count, id.partition == rules.partition else { return nil }
        let row = markets.fixtures[id.row]
        return FixturePicture(
            version: row.version, scheduled: Timestamp(nanoseconds: row.scheduled),
            state: FixtureState(
                status: FixtureStatus(rawValue: row.status) ?? .notStarted,
                isInPlay: row.isInPlay == 1, score: row.score, clockSeconds: row.clock))
    }
}

extension RecordBytes {
    /// Whether the state is the one that this checkpoint names, or the checkpoint is of another build, which
    /// hashes otherwise.
    public func agrees(with engine: borrowing Engine) -> Bool {
        guard field(Layout.Checkpoint.version, as: UInt64.self) == Engine.stateVersion else {
            return true
        }
        let hash = engine.rowsHash
        return field(Layout.Checkpoint.hashHigh, as: UInt64.self) == hash.high
            && field(Layout.Checkpoint.hashLow, as: UInt64.self) == hash.low
    }
}
