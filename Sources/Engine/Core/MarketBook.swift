import Betting
import Catalogue
import Kernel
import Risk

struct FixtureRow: BitwiseCopyable {
    var externalHigh: UInt64
    var externalLow: UInt64
    var competitorChain: UInt64
    var scheduled: Int64
    var actualStart: Int64 = 0
    var version: UInt64 = 1
    var material: UInt64 = 1
    var score: UInt32
    var clock: UInt32
    var status: UInt8
    var isInPlay: UInt8
    var sport: UInt8
    var padding: UInt8 = 0
    var firstMarket: UInt32 = .max
    /// When it truly began, as its supplier says, and when the supplier said so; 0 for nothing said.
    var trueStart: Int64 = 0
    var trueStartSaid: Int64 = 0

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 16, row: UInt64(row))
        mix.combine(externalHigh, externalLow)
        mix.combine(competitorChain, UInt64(bitPattern: scheduled))
        mix.combine(UInt64(bitPattern: actualStart), version)
        mix.combine(material, UInt64(score) << 32 | UInt64(clock))
        mix.combine(
            UInt64(status) << 16 | UInt64(isInPlay) << 8 | UInt64(sport), UInt64(firstMarket))
        mix.combine(trueStart, trueStartSaid)
        return mix
    }
}

struct MarketRow: BitwiseCopyable {
    var externalHigh: UInt64
    var externalLow: UInt64
    var relationGroup: UInt64
    var version: UInt64 = 1
    var priceVersion: UInt64 = 0
    var material: UInt64 = 1
    /// Stakes of single bets that stand on the market.
    var staked: Int64 = 0
    var liabilityLimit: Int64
    var maximumStake: Int64
    var fixture: UInt32
    var firstSelection: UInt32
    /// The newest leg that stands on the market; each leads to the one before.
    var lastStanding: UInt32 = .max
    var nextOfFixture: UInt32
    var betDelay: UInt32
    var settlementVersion: UInt32 = 0
    /// Where the walk over the standing legs is; `UInt32.max` when it is done.
    var cursor: UInt32 = .max
    var nextToSettle: UInt32 = .max
    var openLegs: UInt32 = 0
    var selectionCount: UInt8
    var winners: UInt8
    var reasons: UInt8
    var isResulted: UInt8 = 0
    var isQueued: UInt8 = 0
    var resultSource: UInt8 = 0
    var certainty: UInt8 = 0
    /// Its bets have left (1) or begun to leave (2); results come too late.
    var isReleased: UInt8 = 0
    var resultActor: UInt64 = 0
    var resultApprover: UInt64 = 0
    /// The sequence of the record with the newest result, and of the proposal it approved.
    var resultRecord: UInt64 = 0
    var resultProposal: UInt64 = 0
    /// The record with which the newest walk over its bets ended, and when they may leave; 0 before that.
    var walked: UInt64 = 0
    var releaseAt: Int64 = 0
    /// When its supplier said what it has said last of the result; 0 for nothing.
    var resultTime: Int64 = 0
    /// The highest potential return that a scouted result settles; 0 any, -1 none.
    var scoutedReturn: Int64
    /// The newest of its cancel windows, which leads to the others.
    var firstCancel: UInt32 = .max
    /// The newest of its withdrawals that take from prices, which leads to the others.
    var firstDeduction: UInt32 = .max
    /// What each-way bets pay, packed; 0 where there are none. And the most places that they ever paid.
    var places: UInt32 = 0
    var mostPlaces: UInt8 = 0
    /// As `Layout.Market.racing`.
    var racing: UInt8 = 0
    /// Two people set the result that it has.
    var isByOperators: UInt8 = 0
    /// A window that leaves out no bet is in force.
    var isCancelled: UInt8 = 0
    /// Stakes may go back by its lines: what references say of winning is not all that is expected.
    var mayPush: UInt8 = 0
    /// When its supplier said what the starting prices are; 0 for nothing.
    var startingTime: Int64 = 0
    /// When its fixture truly began, where that was before we knew; 0 for nothing said.
    var trueStart: Int64 = 0

    /// What its bets come to is decided anew, for whoever says so.
    mutating func decideAgain(_ origin: ResultOrigin) {
        version += 1
        material += 1
        settlementVersion += 1
        resultSource = origin.source
        resultActor = origin.actor
        resultApprover = origin.approver
        resultRecord = origin.record
        resultProposal = origin.proposal
    }

    /// Nothing more is expected of it, but for corrections.
    var isOver: Bool { isResulted == 1 || isCancelled == 1 }
    /// What becomes of a bet depends on its selection's result alone.
    var isPlain: Bool { firstCancel == .max && trueStart == 0 && scoutedReturn == 0 }

    var deductions: DeductionRule { DeductionRule(rawValue: racing & 0x0f) ?? .none }
    var isAtTheOff: Bool { racing & 1 << 4 != 0 }
    var isAntePost: Bool { racing & 1 << 5 != 0 }
    var isGuaranteed: Bool { racing & 1 << 6 != 0 }
    /// It has something that only races have.
    var isRace: Bool { racing & 0x7f != 0 || places != 0 }
    var isNotSoldBack: Bool { racing & 1 << 7 != 0 }

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 17, row: UInt64(row))
        mix.combine(
            UInt64(bitPattern: staked), UInt64(lastStanding) << 32 | UInt64(openLegs))
        return mix
    }

    /// What bets do not change.
    func mixTerms(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 23, row: UInt64(row))
        mix.combine(externalHigh, externalLow)
        mix.combine(relationGroup, version)
        mix.combine(resultRecord, resultProposal)
        mix.combine(priceVersion, material)
        mix.combine(maximumStake, liabilityLimit)
        mix.combine(
            UInt64(isReleased), UInt64(fixture) << 32 | UInt64(firstSelection))
        mix.combine(
            UInt64(nextOfFixture),
            UInt64(betDelay) << 32 | UInt64(settlementVersion))
        mix.combine(
            UInt64(cursor) << 32 | UInt64(nextToSettle), walked ^ UInt64(bitPattern: releaseAt))
        mix.combine(
            UInt64(selectionCount) << 48 | UInt64(winners) << 40 | UInt64(reasons) << 32
                | UInt64(isResulted) << 24 | UInt64(isQueued) << 16 | UInt64(resultSource) << 8
                | UInt64(certainty), resultActor &+ resultApprover &* 31)
        mix.combine(resultTime, scoutedReturn)
        mix.combine(
            UInt64(firstCancel) << 32 | UInt64(isByOperators) << 8 | UInt64(isCancelled),
            UInt64(bitPattern: trueStart))
        mix.combine(
            UInt64(firstDeduction) << 32 | UInt64(places),
            UInt64(mayPush) << 16 | UInt64(mostPlaces) << 8 | UInt64(racing))
        mix.combine(startingTime, 0)
        return mix
    }
}

/// Who said what a market's bets come to, and where that is written.
struct ResultOrigin {
    /// ResultSource
    let source: UInt8
    let actor: UInt64
    let approver: UInt64
    let record: UInt64
    /// What was approved, 0 nothing.
    let proposal: UInt64

    init(_ command: RecordBytes, source: UInt8, actor: UInt64 = 0, approver: UInt64 = 0) {
        self.source = source
        self.actor = actor
        self.approver = approver
        record = command.sequence
        proposal =
            command.kind == .approve
            ? command.field(Layout.Result.proposal, as: UInt64.self) : 0
    }
}

/// Bets of a market that are void by when they were accepted, or are so no longer.
struct CancelRow: BitwiseCopyable {
    var from: Int64
    var until: Int64
    /// When it was last said.
    var said: Int64
    var next: UInt32
    /// ResultSource
    var source: UInt8
    var isActive: UInt8
    var padding: UInt16 = 0

    var window: CancelWindow? { CancelWindow(from: from, until: until) }

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 25, row: UInt64(row))
        mix.combine(from, until)
        mix.combine(
            UInt64(bitPattern: said),
            UInt64(next) << 16 | UInt64(source) << 8 | UInt64(isActive))
        return mix
    }
}

/// What a withdrawal takes from the prices of bets that were accepted before it.
struct DeductionRow: BitwiseCopyable {
    /// Nanoseconds of UTC.
    var at: Int64
    /// Hundredths of a percent, of win and of place parts.
    var win: UInt16
    var place: UInt16
    var next: UInt32

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 26, row: UInt64(row))
        mix.combine(
            UInt64(bitPattern: at), UInt64(win) << 48 | UInt64(place) << 32 | UInt64(next))
        return mix
    }
}

struct SelectionRow: BitwiseCopyable {
    var numerator: UInt32 = 0
    var denominator: UInt32 = 0
    /// What singles on this selection return together if it wins, and the net payout of multiples; of each-way
    /// bets their win parts.
    var returnsIfWon: Int64 = 0
    /// The same of place parts, if it is placed.
    var returnsIfPlaced: Int64 = 0
    var result: UInt8 = 0
    var winners: UInt8 = 1
    var tied: UInt8 = 1
    /// It takes no further part and is never offered again.
    var isWithdrawn: UInt8 = 0
    /// The last reference, in thousandths.
    var reference: UInt32 = 0
    /// Milliseconds that a bet on it waits in play beside the market's own delay.
    var delay: UInt32 = 0
    /// What it started at; zeros while that is not known.
    var startingNumerator: UInt32 = 0
    var startingDenominator: UInt32 = 0
    /// What was last offered, which outlives a book that is emptied before a withdrawal.
    var lastNumerator: UInt32 = 0
    var lastDenominator: UInt32 = 0
    /// As in `Finish`, among `tied`.
    var position: UInt8 = 0
    /// What its supplier expects of it, as in `Chance`; all ones unknown.
    var chanceWin: UInt32 = .max
    var chanceBack: UInt32 = .max

    var chance: Chance? {
        get { chanceWin == .max ? nil : Chance(win: chanceWin, back: chanceBack) }
        set {
            chanceWin = newValue?.win ?? .max
            chanceBack = newValue?.back ?? .max
        }
    }

    /// What says how likely it is, in thousandths; 0 where nothing does.
    var fairReference: UInt32 {
        isWithdrawn == 1 ? 0 : reference > 0 ? reference : odds?.thousandths ?? 0
    }

    var odds: Odds? { denominator == 0 ? nil : Odds(reduced: numerator, denominator) }
    var lastOffered: Odds? {
        get {
            lastDenominator == 0 ? nil : Odds(reduced: lastNumerator, lastDenominator)
        }
        set {
            lastNumerator = newValue?.numerator ?? 0
            lastDenominator = newValue?.denominator ?? 0
        }
    }
    var starting: Odds? {
        get {
            startingDenominator == 0
                ? nil : Odds(reduced: startingNumerator, startingDenominator)
        }
        set {
            startingNumerator = newValue?.numerator ?? 0
            startingDenominator = newValue?.denominator ?? 0
        }
    }

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 18, row: UInt64(row))
        mix.combine(UInt64(delay), UInt64(lastNumerator) << 32 | UInt64(lastDenominator))
        if chanceWin != .max { mix.combine(UInt64(chanceWin), UInt64(chanceBack)) }
        if startingDenominator != 0 {
            mix.combine(UInt64(startingNumerator), UInt64(startingDenominator))
        }
        mix.combine(
            UInt64(numerator) << 32 | UInt64(denominator), UInt64(bitPattern: returnsIfWon))
        mix.combine(
            UInt64(position) << 32 | UInt64(isWithdrawn) << 24 | UInt64(result) << 16
                | UInt64(winners) << 8 | UInt64(tied),
            UInt64(reference) ^ UInt64(bitPattern: returnsIfPlaced) << 32
                ^ UInt64(bitPattern: returnsIfPlaced) >> 32)
        return mix
    }
}

/// What a result says of one selection. Of two that differ one is the greater.
struct MarkRow: BitwiseCopyable, Comparable {
    /// SelectionResult
    var result: UInt8
    var winners: UInt8
    var tied: UInt8
    /// As in `Finish`.
    var position: UInt8

    /// Where it came in: who won and of whom nobody says more came in first.
    var finish: Finish {
        if position == 0, result == SelectionResult.won.rawValue { return Finish(position: 1) }
        if position == 0, result == SelectionResult.deadHeat.rawValue {
            return Finish(position: 1, tied: tied)
        }
        return Finish(position: position, tied: tied)
    }

    static func < (one: Self, other: Self) -> Bool {
        (one.result, one.winners, one.tied, one.position)
            < (other.result, other.winners, other.tied, other.position)
    }
}

extension SelectionRow {
    var mark: MarkRow {
        get { MarkRow(result: result, winners: winners, tied: tied, position: position) }
        set {
            result = newValue.result
            winners = newValue.winners
            tied = newValue.tied
            position = newValue.position
        }
    }

    /// What it means for a leg.
    var legResult: LegResult {
        switch SelectionResult(rawValue: result) {
        case .won: .won
        case .lost: .lost
        case .void: .void
        case .halfWon: .halfWon
        case .halfLost: .halfLost
        case .deadHeat:
            planted(.deadHeatWhole) ? .won : .deadHeat(winners: winners, tied: tied)
        case .undecided, nil: .undecided
        }
    }

    var finish: Finish { mark.finish }
}

/// One leg of a bet standing on a market, by numbers only: which bet, and which leg stood before it.
struct StandingRow: BitwiseCopyable {
    var bet: UInt32
    var previous: UInt32

    /// A row that waits to be used again; `previous` leads to the next such.
    static func free(next: UInt32) -> StandingRow { StandingRow(bet: .max, previous: next) }

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 19, row: UInt64(row))
        mix.combine(UInt64(bet), UInt64(previous))
        return mix
    }
}

/// What a slip learns of a selection when it asks.
struct LegQuote: BitwiseCopyable {
    var fixture: UInt32
    var market: UInt32
    var selection: UInt32
    var numerator: UInt32
    var denominator: UInt32
    var betDelay: UInt32
    /// Of the selection beside the market's, milliseconds; 0 when it is not in play.
    var selectionDelay: UInt32 = 0
    var isInPlay = false
    var marketVersion: UInt64
    var material: UInt64
    var relationGroup: UInt64
    var competitorChain: UInt64
    /// The each-way terms, packed.
    var places: UInt32 = 0
    /// Something may be deducted from its price.
    var isDeductible = false
    var isAtTheOff = false

    var odds: Odds { Odds(reduced: numerator, denominator) }

    /// Whether the two say something about each other, so that their prices must not be multiplied.
    func isRelated(to other: LegQuote) -> Bool {
        fixture == other.fixture
            || (competitorChain != 0 && competitorChain == other.competitorChain
                && !planted(.chainUnrelated))
            || (relationGroup != 0 && relationGroup == other.relationGroup)
    }
}

/// A result or a cancel that one operator proposed and another has not yet approved.
struct ProposalRow {
    var sequence: UInt64
    /// When it was proposed, nanoseconds of UTC.
    var time: Int64
    var market: UInt32
    var actor: UInt64
    var settlementVersion: UInt32
    var results: [MarkRow]
    var action = ResultAction.settle
    /// Of a cancel.
    var window = CancelWindow.everything

    var mix: RowMix {
        var mix = RowMix(kind: 20, row: sequence)
        mix.combine(window.from, window.until)
        mix.combine(UInt64(action.rawValue), 0)
        mix.combine(UInt64(bitPattern: time), UInt64(market) << 32 | UInt64(settlementVersion))
        mix.combine(actor, UInt64(results.count))
        for one in results {
            mix.combine(
                UInt64(one.position) << 24 | UInt64(one.result) << 16 | UInt64(one.winners) << 8
                    | UInt64(one.tied), 0)
        }
        return mix
    }
}

/// What the place part of an each-way bet returns when all its legs are placed, minor units.
struct PlacedReturn: Equatable {
    /// By the terms that it was struck at.
    var struck: Int64
    /// By the best that may come where the terms at the off count: the whole of the winnings.
    var most: Int64
}

/// What a bet may cost on one leg's market, minor units.
struct BetCost: Equatable {
    /// If the selection wins; stakes of singles included, of multiples the net payout.
    var won: Int64 = 0
    /// If it is placed, of each-way bets.
    var placed: Int64 = 0
    /// What a single brought.
    var staked: Int64 = 0

    static let none = BetCost()

    /// `placed` is what an each-way bet's place part returns, nil for another bet.
    init(potential: Int64, placed: PlacedReturn?, stake: Int64, isSingle: Bool) {
        guard let placed else {
            won = isSingle ? potential : potential - stake
            staked = isSingle ? stake : 0
            return
        }
        let part = isSingle ? 0 : stake / 2
        won = potential - placed.struck - part
        self.placed = placed.most - part
        staked = isSingle ? stake : 0
    }

    private init() {}
}

/// Fixtures, markets, prices and what each market may cost. Knows bets by number only.
struct MarketBook: ~Copyable {
    /// Else every method that only looks copies all of this.
    private let pin = Pin()
    var fixtures: Rows<FixtureRow>
    var markets: Rows<MarketRow>
    var selections: Rows<SelectionRow>
    var standings: Rows<StandingRow>
    var cancels: Rows<CancelRow>
    var deductions: Rows<DeductionRow>
    private(set) var hash = StateHash()
    /// Standing legs that left: the newest, which leads to the others.
    private(set) var freeStanding: UInt32 = .max
    /// Markets whose bets may leave, by when. A hint: the rows decide.
    private var releases: DueQueue
    /// Part of every id that is ours; another partition's rows are not here.
    var partition: UInt32 = 0
    private var fixtureIndex: KeyIndex
    private var marketIndex: KeyIndex
    private var firstToSettle: UInt32 = .max
    private var lastToSettle: UInt32 = .max
    /// Bound: `Engine.mostProposals`.
    private(set) var proposals: [ProposalRow] = []

    init(limits: EngineLimits, seed: UInt64) {
        fixtures = Rows(capacity: limits.fixtures)
        markets = Rows(capacity: limits.markets)
        selections = Rows(capacity: limits.markets * 4)
        standings = Rows(capacity: limits.openBets + limits.openBets / 2)
        standings.reserve(limits.reservedBets)
        cancels = Rows(capacity: limits.markets)
        deductions = Rows(capacity: limits.markets)
        releases = DueQueue(capacity: limits.markets)
        fixtureIndex = KeyIndex(reserving: 1024, seed: seed &+ 2)
        marketIndex = KeyIndex(reserving: 1024, seed: seed &+ 3)
    }

    // MARK: Looking up and changing

    func fixture(external id: ExternalID) -> UInt32? {
        fixtureIndex.find(id.high, id.low) {
            fixtures[$0].externalHigh == id.high && fixtures[$0].externalLow == id.low
        }
    }

    func market(external id: ExternalID) -> UInt32? {
        marketIndex.find(id.high, id.low) {
            markets[$0].externalHigh == id.high && markets[$0].externalLow == id.low
        }
    }

    func market(_ id: MarketID) -> UInt32? {
        id.row < markets.count && id.partition == partition ? id.row : nil
    }

    @inline(__always)
    mutating func change(market number: UInt32, _ body: (inout MarketRow) -> Void) {
        hash.subtract(markets[number].mix(number))
        hash.subtract(markets[number].mixTerms(number))
        body(&markets[number])
        hash.add(markets[number].mix(number))
        hash.add(markets[number].mixTerms(number))
    }

    /// The same where only what bets change is touched.
    @inline(__always)
    mutating func change(betsOf number: UInt32, _ body: (inout MarketRow) -> Void) {
        hash.subtract(markets[number].mix(number))
        body(&markets[number])
        hash.add(markets[number].mix(number))
    }

    @inline(__always)
    mutating func change(selection number: UInt32, _ body: (inout SelectionRow) -> Void) {
        hash.subtract(selections[number].mix(number))
        body(&selections[number])
        hash.add(selections[number].mix(number))
    }

    mutating func change(fixture number: UInt32, _ body: (inout FixtureRow) -> Void) {
        hash.subtract(fixtures[number].mix(number))
        body(&fixtures[number])
        hash.add(fixtures[number].mix(number))
    }

    /// Markets of a fixture.
    func count(ofFixture fixture: UInt32) -> Int {
        var number = fixtures[fixture].firstMarket
        var count = 0
        while number != .max {
            count += 1
            number = markets[number].nextOfFixture
        }
        return count
    }

    var isFixturesFull: Bool { fixtures.count == fixtures.capacity }

    func isFull(for count: UInt8) -> Bool {
        markets.count >= markets.capacity || selections.count + Int(count) > selections.capacity
    }

    mutating func add(_ fixture: FixtureRow) -> UInt32? {
        guard let number = fixtures.append(fixture) else { return nil }
        fixtureIndex.insert(fixture.externalHigh, fixture.externalLow, row: number)
        hash.add(fixture.mix(number))
        return number
    }

    mutating func add(_ market: MarketRow) -> UInt32? {
        guard !isFull(for: market.selectionCount) else { return nil }
        var row = market
        row.firstSelection = UInt32(selections.count)
        row.nextOfFixture = fixtures[row.fixture].firstMarket
        for _ in 0..<row.selectionCount {
            guard let number = selections.append(SelectionRow()) else { return nil }
            hash.add(selections[number].mix(number))
        }
        guard let number = markets.append(row) else { return nil }
        marketIndex.insert(row.externalHigh, row.externalLow, row: number)
        hash.add(row.mix(number))
        hash.add(row.mixTerms(number))
        change(fixture: row.fixture) { $0.firstMarket = number }
        return number
    }

    // MARK: Exposure

    /// The most that a market can lose as its books stand.
    @inline(__always)
    func worstLoss(
        _ market: UInt32, adding cost: BetCost = .none, on selection: UInt32 = .max
    ) -> Int64 {
        let first = markets[market].firstSelection
        let count = UInt32(markets[market].selectionCount)
        var staked = markets[market].staked + cost.staked
        if markets[market].mostPlaces > 0 {
            staked -= dearestPlaces(market, adding: cost.placed, on: selection)
        }
        let adding = cost.won
        if markets[market].winners == 1 {
            // The one dearest selection, without writing all of them down first.
            var dearest: Int64 = 0
            for number in first..<first + count {
                let returns = selections[number].returnsIfWon + (number == selection ? adding : 0)
                if returns > dearest { dearest = returns }
            }
            return max(0, dearest - staked)
        }
        return worstJointLoss(market, adding: adding, on: selection, staked: staked)
    }

    /// What place parts cost at most, whoever wins: the dearest selections, as many as are ever paid.
    private func dearestPlaces(_ market: UInt32, adding: Int64, on selection: UInt32) -> Int64 {
        let row = markets[market]
        var returns = InlineArray<64, Int64>(repeating: 0)
        for index in 0..<Int(row.selectionCount) {
            let number = row.firstSelection + UInt32(index)
            returns[index] = selections[number].returnsIfPlaced + (number == selection ? adding : 0)
        }
        return WorstCase.loss(
            returnsIfWon: returns.span.extracting(0..<Int(row.selectionCount)), staked: 0,
            winners: Int(row.mostPlaces))
    }

    private func worstJointLoss(
        _ market: UInt32, adding: Int64, on selection: UInt32, staked: Int64
    ) -> Int64 {
        let row = markets[market]
        var returns = InlineArray<64, Int64>(repeating: 0)
        for index in 0..<Int(row.selectionCount) {
            let number = row.firstSelection + UInt32(index)
            returns[index] = selections[number].returnsIfWon + (number == selection ? adding : 0)
        }
        return WorstCase.loss(
            returnsIfWon: returns.span.extracting(0..<Int(row.selectionCount)), staked: staked,
            winners: Int(row.winners))
    }

    /// Puts what a bet may cost onto one leg's selection, or takes it off again.
    @inline(__always)
    mutating func expose(
        market: UInt32, selection: UInt32, _ cost: BetCost, isStanding: Bool
    ) {
        let sign: Int64 = isStanding ? 1 : -1
        change(selection: selection) {
            $0.returnsIfWon += sign * cost.won
            $0.returnsIfPlaced += sign * cost.placed
        }
        change(betsOf: market) {
            $0.staked += sign * cost.staked
            $0.openLegs = isStanding ? $0.openLegs + 1 : $0.openLegs - 1
        }
    }

    // MARK: Proposals

    mutating func add(_ proposal: ProposalRow) {
        proposals.append(proposal)
        hash.add(proposal.mix)
    }

    mutating func removeProposal(at index: Int) {
        hash.subtract(proposals[index].mix)
        proposals.remove(at: index)
    }

    /// Lets go what nobody approved in time.
    mutating func expireProposals(before time: Int64) {
        while let first = proposals.first, first.time < time { removeProposal(at: 0) }
    }

    /// Takes note that a leg of `bet` stands on the market, with what it may cost.
    @inline(__always)
    mutating func stand(_ bet: UInt32, market: UInt32, selection: UInt32, _ cost: BetCost) {
        let number = takeStanding()
        standings[number] = StandingRow(bet: bet, previous: markets[market].lastStanding)
        hash.add(standings[number].mix(number))
        change(selection: selection) {
            $0.returnsIfWon += cost.won
            $0.returnsIfPlaced += cost.placed
        }
        change(betsOf: market) {
            $0.lastStanding = number
            $0.openLegs += 1
            $0.staked += cost.staked
        }
    }

    /// A standing leg leaves no later than the bet's own, so there are never more of them: whoever found rows
    /// for a bet's legs finds one here for each.
    private mutating func takeStanding() -> UInt32 {
        guard freeStanding != .max else {
            let number = standings.append(.free(next: .max))
            precondition(number != nil, "standing legs have as much room as legs")
            return number!
        }
        let number = freeStanding
        hash.subtract(standings[number].mix(number))
        setFreeStanding(standings[number].previous)
        return number
    }

    private mutating func setFreeStanding(_ number: UInt32) {
        hash.subtract(freeStanding, kind: 22)
        freeStanding = number
        hash.add(freeStanding, kind: 22)
    }

    /// Takes the newest standing leg off its market; which bet it was of, nil when there is none.
    mutating func unstand(market: UInt32) -> UInt32? {
        let number = markets[market].lastStanding
        guard number != .max else { return nil }
        let standing = standings[number]
        change(betsOf: market) { $0.lastStanding = standing.previous }
        hash.subtract(standing.mix(number))
        standings[number] = .free(next: freeStanding)
        hash.add(standings[number].mix(number))
        setFreeStanding(number)
        return standing.bet
    }

    // MARK: Release

    /// The walk over a market's bets has ended: they may leave when `at` has come.
    mutating func scheduleRelease(of market: UInt32, walked: UInt64, at: Int64) {
        let isNew = markets[market].releaseAt == 0
        change(market: market) {
            $0.walked = walked
            $0.releaseAt = at
        }
        if isNew { releases.insert(DueQueue.Entry(dueAt: at, bet: market)) }
    }

    /// Whether the rows say that a step of this market's bets may leave.
    func isReleasable(_ market: UInt32, now: Int64, projected: UInt64) -> Bool {
        let row = markets[market]
        return row.isOver && row.isReleased != 1 && row.releaseAt != 0 && row.releaseAt <= now
            && row.openLegs == 0 && row.isQueued == 0 && row.walked < projected
    }

    /// The next market whose bets may leave; those that are not ready are looked at again `later`.
    mutating func nextRelease(now: Int64, projected: UInt64, later: Int64) -> UInt32? {
        while let entry = releases.first, entry.dueAt <= now {
            if isReleasable(entry.bet, now: now, projected: projected) { return entry.bet }
            _ = releases.pop(dueBy: now)
            let row = markets[entry.bet]
            if row.isReleased != 1 {
                releases.insert(
                    DueQueue.Entry(dueAt: max(row.releaseAt, later), bet: entry.bet))
            }
        }
        return nil
    }

    var nextReleaseDue: Int64? { releases.first?.dueAt }

    // MARK: Withdrawals

    /// More withdrawals than markets: then one takes nothing from prices, in the customers' favour.
    var areDeductionsFull: Bool { deductions.count == deductions.capacity }

    /// From here on bets that were accepted before pay less. The caller has looked whether there is room.
    mutating func deduct(_ win: UInt16, place: UInt16, from market: UInt32, at: Int64) {
        let row = DeductionRow(
            at: at, win: win, place: place, next: markets[market].firstDeduction)
        let number = deductions.append(row)!
        hash.add(row.mix(number))
        change(market: market) { $0.firstDeduction = number }
    }

    /// What is taken from the price of a bet that was accepted then, of its win or its place part.
    func deduction(of market: UInt32, accepted: Int64, isPlace: Bool) -> Deduction {
        let row = markets[market]
        guard row.firstDeduction != .max else { return .none }
        var each: [UInt16] = []
        var number = row.firstDeduction
        while number != .max {
            let one = deductions[number]
            if accepted < one.at || planted(.deductedAlways) {
                each.append(isPlace ? one.place : one.win)
            }
            number = one.next
        }
        // In the order in which they were withdrawn.
        return row.deductions.together(each.reversed())
    }

    // MARK: Cancel windows

    /// The row of a market's window, whoever's it is by `source`.
    func cancel(of market: UInt32, _ source: ResultSource, _ window: CancelWindow) -> UInt32? {
        var number = markets[market].firstCancel
        while number != .max {
            let row = cancels[number]
            if row.source == source.rawValue, row.window == window { return number }
            number = row.next
        }
        return nil
    }

    /// Whether the market, or the book, keeps as many windows as it may.
    func areCancelsFull(_ market: UInt32) -> Bool {
        var count = 0
        var number = markets[market].firstCancel
        while number != .max {
            count += 1
            number = cancels[number].next
        }
        return count >= Limits.cancelWindows || cancels.count == cancels.capacity
    }

    /// A window that is not in force yet. The caller has looked whether there is room.
    mutating func add(_ window: CancelWindow, _ source: ResultSource, to market: UInt32) -> UInt32 {
        let row = CancelRow(
            from: window.from, until: window.until, said: 0, next: markets[market].firstCancel,
            source: source.rawValue, isActive: 0)
        let number = cancels.append(row)!
        hash.add(row.mix(number))
        change(market: market) { $0.firstCancel = number }
        return number
    }

    mutating func change(cancel number: UInt32, said: Int64, isActive: Bool) {
        hash.subtract(cancels[number].mix(number))
        cancels[number].said = said
        cancels[number].isActive = isActive ? 1 : 0
        hash.add(cancels[number].mix(number))
    }

    /// Whether any of the market's windows that are in force is one that `body` says yes to.
    func hasCancel(_ market: UInt32, where body: (CancelWindow) -> Bool) -> Bool {
        var number = markets[market].firstCancel
        while number != .max {
            let row = cancels[number]
            if row.isActive == 1, let window = row.window, body(window) { return true }
            number = row.next
        }
        return false
    }

    /// Whether a bet that was accepted then is void on this market, whatever its result.
    func isCancelled(_ market: UInt32, accepted: Int64) -> Bool {
        let row = markets[market]
        if row.firstCancel != .max, hasCancel(market, where: { $0.contains(accepted) }) {
            return true
        }
        return row.trueStart != 0 && accepted >= row.trueStart
            && accepted < fixtures[row.fixture].actualStart && !planted(.pastPostingKept)
    }

    // MARK: Settlement queue

    var hasWork: Bool { firstToSettle != .max }
    var toSettle: UInt32 { firstToSettle }

    /// Puts a market at the end of those whose standing legs are to be walked, from its newest leg.
    mutating func enqueue(_ market: UInt32) {
        let isQueued = markets[market].isQueued == 1
        change(market: market) {
            $0.cursor = $0.lastStanding
            $0.isQueued = 1
        }
        guard !isQueued else { return }
        if lastToSettle == .max {
            firstToSettle = market
        } else {
            change(market: lastToSettle) { $0.nextToSettle = market }
        }
        lastToSettle = market
    }

    mutating func dequeue() {
        let market = firstToSettle
        guard market != .max else { return }
        firstToSettle = markets[market].nextToSettle
        if firstToSettle == .max { lastToSettle = .max }
        change(market: market) {
            $0.nextToSettle = .max
            $0.isQueued = 0
            $0.cursor = .max
        }
    }

    // MARK: Snapshots

    /// After the rows were loaded: what follows from them.
    mutating func rebuild(
        hash: StateHash, freeStanding: UInt32, queue: (UInt32, UInt32), proposals: [ProposalRow],
        seed: UInt64
    ) {
        self.hash = hash
        self.freeStanding = freeStanding
        (firstToSettle, lastToSettle) = queue
        self.proposals = proposals
        fixtureIndex = KeyIndex(reserving: fixtures.count, seed: seed &+ 2)
        for number in 0..<UInt32(fixtures.count) {
            fixtureIndex.insert(
                fixtures[number].externalHigh, fixtures[number].externalLow, row: number)
        }
        marketIndex = KeyIndex(reserving: markets.count, seed: seed &+ 3)
        for number in 0..<UInt32(markets.count) {
            marketIndex.insert(
                markets[number].externalHigh, markets[number].externalLow, row: number)
            guard markets[number].releaseAt != 0, markets[number].isReleased != 1 else { continue }
            releases.insert(DueQueue.Entry(dueAt: markets[number].releaseAt, bet: number))
        }
    }

    var settleQueue: (UInt32, UInt32) { (firstToSettle, lastToSettle) }

    // MARK: Proof

    func audit() -> (hash: StateHash, problems: [String]) {
        var fresh = StateHash()
        for number in 0..<UInt32(fixtures.count) { fresh.add(fixtures[number].mix(number)) }
        for number in 0..<UInt32(markets.count) {
            fresh.add(markets[number].mix(number))
            fresh.add(markets[number].mixTerms(number))
        }
        for number in 0..<UInt32(selections.count) { fresh.add(selections[number].mix(number)) }
        for number in 0..<UInt32(standings.count) { fresh.add(standings[number].mix(number)) }
        for number in 0..<UInt32(cancels.count) { fresh.add(cancels[number].mix(number)) }
        for number in 0..<UInt32(deductions.count) { fresh.add(deductions[number].mix(number)) }
        for proposal in proposals { fresh.add(proposal.mix) }
        fresh.add(freeStanding, kind: 22)
        return (fresh, fresh == hash ? [] : ["the markets' hash is not the hash of their rows"])
    }
}
