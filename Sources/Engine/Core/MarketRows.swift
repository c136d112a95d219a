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
    /// When its material version last changed, nanoseconds of UTC.
    var materialAt: Int64 = 0

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 16, row: UInt64(row))
        mix.combine(externalHigh, externalLow)
        mix.combine(competitorChain, UInt64(bitPattern: scheduled))
        mix.combine(UInt64(bitPattern: actualStart), version)
        mix.combine(material, UInt64(score) << 32 | UInt64(clock))
        mix.combine(
            UInt64(status) << 16 | UInt64(isInPlay) << 8 | UInt64(sport), UInt64(firstMarket))
        mix.combine(trueStart, trueStartSaid)
        mix.combine(materialAt, 0)
        return mix
    }
}

struct MarketRow: BitwiseCopyable {
    var externalHigh: UInt64
    var externalLow: UInt64
    var relationGroup: UInt64
    var version: UInt64 = 1
    var priceVersion: UInt64 = 0
    /// How often it changed so that bets which wait do not survive it, and its version after the last time.
    var material: UInt32 = 1
    var changedAt: UInt32 = 1
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
    /// A person made it, and is all the supplier that it has.
    var isByHand: UInt8 = 0
    /// What is held of its prices: the first of as many rows as it has selections; all ones while nothing ever was.
    var hand: UInt32 = .max
    /// When its supplier said what the starting prices are, or which selections are paid early; 0 for nothing.
    var startingTime: Int64 = 0
    /// When its fixture truly began, where that was before we knew; 0 for nothing said.
    var trueStart: Int64 = 0
    /// The worst loss at which it is shut by itself, and what winnings it takes from anybody; 0 none.
    var suspendAt: Int64 = 0
    var floor: Int64 = 0
    /// Hundredths of a percent that a selection's chance may move from one price to the next; 0 any.
    var mostMove: UInt16 = 0
    /// Its bets are to be looked at: a reference says that a price of it was an error.
    var isSuspected: UInt8 = 0
    /// How many of its selections may be paid: its winners, or all where they may be paid early or win by themselves.
    var mostPaid: UInt8
    /// How often its limits were moved.
    var limitsVersion: UInt32 = 0

    static let wholeMove: UInt16 = 10_000

    /// After its version was: what waits does not survive it, nor does a slip that saw it before.
    mutating func changeMaterially() {
        material &+= 1
        changedAt = UInt32(clamping: version)
    }

    /// What its bets come to is decided anew, for whoever says so.
    mutating func decideAgain(_ origin: ResultOrigin) {
        version += 1
        changeMaterially()
        settlementVersion += 1
        name(origin)
    }

    /// Who says what its bets come to from now on.
    mutating func name(_ origin: ResultOrigin) {
        resultSource = origin.source
        resultActor = origin.actor
        resultApprover = origin.approver
        resultRecord = origin.record
        resultProposal = origin.proposal
    }

    /// Nothing more is expected of it, but for corrections.
    var isOver: Bool { isResulted == 1 || isCancelled == 1 }
    /// What becomes of a bet depends on its selection's result alone.
    var isPlain: Bool {
        firstCancel == .max && trueStart == 0 && scoutedReturn == 0 && !paysEarly
    }
    /// Its selections may be paid before it has a result.
    var paysEarly: Bool { mostPaid != winners && !isEachAlone }
    /// Each of its selections wins or loses whatever the others do.
    var isEachAlone: Bool { winners == 0 }

    var deductions: DeductionRule { DeductionRule(rawValue: racing & 0x07) ?? .none }
    /// It takes bets at starting price.
    var takesAtStart: Bool { racing & 1 << 3 != 0 }
    var isAtTheOff: Bool { racing & 1 << 4 != 0 }
    var isAntePost: Bool { racing & 1 << 5 != 0 }
    var isGuaranteed: Bool { racing & 1 << 6 != 0 }
    /// What its selections started at decides what bets come to.
    var paysAtStart: Bool { racing & (1 << 3 | 1 << 6) != 0 }
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
        mix.combine(priceVersion, UInt64(changedAt) << 32 | UInt64(material))
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
        mix.combine(startingTime, suspendAt)
        mix.combine(
            UInt64(bitPattern: floor),
            UInt64(limitsVersion) << 32 | UInt64(mostPaid) << 24 | UInt64(isSuspected) << 16
                | UInt64(mostMove))
        if hand != .max || isByHand == 1 { mix.combine(UInt64(hand), UInt64(isByHand)) }
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

    /// Who said what a market's bets come to as they do.
    init(_ row: MarketRow) {
        source = row.resultSource
        actor = row.resultActor
        approver = row.resultApprover
        record = row.resultRecord
        proposal = row.resultProposal
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
    /// The last price of who was withdrawn; zeros where there was none.
    var numerator: UInt32
    var denominator: UInt32
    /// How many there were, with who was withdrawn.
    var runners: UInt8
    /// They were said with the withdrawal, so that no table is asked.
    var isWinSaid: UInt8
    var isPlaceSaid: UInt8
    /// Who was withdrawn, by its place in the market.
    var selection: UInt8

    /// Nothing is known that it takes, and something may still be said.
    var isOpen: Bool { isWinSaid == 0 && isPlaceSaid == 0 && numerator == 0 }

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 26, row: UInt64(row))
        mix.combine(
            UInt64(bitPattern: at), UInt64(win) << 48 | UInt64(place) << 32 | UInt64(next))
        mix.combine(
            UInt64(numerator) << 32 | UInt64(denominator),
            UInt64(selection) << 24 | UInt64(runners) << 16 | UInt64(isWinSaid) << 8
                | UInt64(isPlaceSaid))
        return mix
    }
}

/// A selection of a market that a trader's hand is on, or was.
struct HandRow: BitwiseCopyable {
    /// What is held; zeros nothing.
    var heldNumerator: UInt32 = 0
    var heldDenominator: UInt32 = 0
    /// What its feed last offered; zeros nothing.
    var fedNumerator: UInt32 = 0
    var fedDenominator: UInt32 = 0
    // Of the whole market, in the row of its first selection.
    /// Its fixture's material version when prices were last held.
    var material: UInt64 = 0
    /// How often the hand on it changed.
    var version: UInt32 = 0
    /// Hundredths of a percent that a trader has put on its prices; all ones: the feed's own.
    var margin: UInt16 = .max
    /// Prices that look like errors are meant.
    var isSure: UInt8 = 0
    var padding: UInt8 = 0

    var held: Odds? {
        get { heldDenominator == 0 ? nil : Odds(reduced: heldNumerator, heldDenominator) }
        set {
            heldNumerator = newValue?.numerator ?? 0
            heldDenominator = newValue?.denominator ?? 0
        }
    }
    var fed: Odds? {
        get { fedDenominator == 0 ? nil : Odds(reduced: fedNumerator, fedDenominator) }
        set {
            fedNumerator = newValue?.numerator ?? 0
            fedDenominator = newValue?.denominator ?? 0
        }
    }

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 27, row: UInt64(row))
        mix.combine(
            UInt64(heldNumerator) << 32 | UInt64(heldDenominator),
            UInt64(fedNumerator) << 32 | UInt64(fedDenominator))
        mix.combine(material, UInt64(version) << 32 | UInt64(margin) << 8 | UInt64(isSure))
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
    // What it started at; zeros while that is not known. Of a market that pays early, which is no race: the moment of
    // `paidBefore`, so that a row stays one cache line.
    private var startingNumerator: UInt32 = 0
    private var startingDenominator: UInt32 = 0
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

    /// Whether the price that was last offered is so far above a new reference, thousandths, that who took it is looked
    /// for.
    @inline(__always)
    func isSuspect(by reference: UInt32) -> Bool {
        isSuspect(lastNumerator, lastDenominator, by: reference)
    }

    /// The same of a price that was taken, by the reference as it is.
    func isSuspect(_ odds: Odds) -> Bool {
        isSuspect(odds.numerator, odds.denominator, by: reference)
    }

    @inline(__always)
    private func isSuspect(_ numerator: UInt32, _ denominator: UInt32, by reference: UInt32) -> Bool
    {
        guard reference > 0, isWithdrawn == 0 else { return false }
        let capped = UInt64(min(reference, Limits.price))
        return UInt64(numerator) * 5000 > UInt64(denominator) * capped * 6
    }

    /// What its starting price is reckoned to be: its price, or what a reference says; nil where nothing does.
    var startEstimate: Odds? {
        isWithdrawn == 1 ? nil : odds ?? Odds(thousandths: min(reference, Limits.price))
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

    /// Bets that were accepted before are paid as if it had won, nanoseconds of UTC; 0 none.
    var paidBefore: Int64 {
        get { Int64(startingNumerator) << 32 | Int64(startingDenominator) }
        set {
            startingNumerator = UInt32(truncatingIfNeeded: newValue >> 32)
            startingDenominator = UInt32(truncatingIfNeeded: newValue)
        }
    }

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 18, row: UInt64(row))
        mix.combine(UInt64(delay), UInt64(lastNumerator) << 32 | UInt64(lastDenominator))
        if chanceWin != .max { mix.combine(UInt64(chanceWin), UInt64(chanceBack)) }
        if startingNumerator | startingDenominator != 0 {
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
    /// At starting price; its odds are what that is reckoned to be.
    var isAtStart = false

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
    /// What is to be void, or no longer: its sequence; 0 where it is about the market.
    var bet: UInt64 = 0

    var mix: RowMix {
        var mix = RowMix(kind: 20, row: sequence)
        mix.combine(window.from, window.until)
        mix.combine(UInt64(action.rawValue), bet)
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
    /// If the selection wins: the stake included, of systems the net payout.
    var won: Int64 = 0
    /// If it is placed, of each-way bets.
    var placed: Int64 = 0
    /// What it brought; nothing of systems.
    var staked: Int64 = 0

    static let none = BetCost()

    /// `placed` is what an each-way bet's place part returns, nil for another bet; `stake` what was paid of it. A
    /// multiple that stands whole on each leg costs what it wins there, and brings nothing.
    init(potential: Int64, placed: PlacedReturn?, stake: Int64, isWhole: Bool) {
        guard let placed else {
            won = isWhole ? potential - stake : potential
            staked = isWhole ? 0 : stake
            return
        }
        let part = isWhole ? stake / 2 : 0
        won = potential - placed.struck - part
        self.placed = placed.most - part
        staked = isWhole ? 0 : stake
    }

    /// At most what is paid whoever wins, where nothing of it is open any more.
    var certain: BetCost {
        var cost = BetCost.none
        cost.staked = staked - won - placed
        return cost
    }

    /// What of it a leg at `odds` carries, where it is divided.
    @inline(__always)
    func share(_ shares: LiabilityShares, on odds: Odds) -> BetCost {
        shares.isNone ? self : divided(by: shares, on: odds)
    }

    /// What is won is divided apart from the stake, so that a larger stake never costs less.
    @inline(never)
    private func divided(by shares: LiabilityShares, on odds: Odds) -> BetCost {
        func share(_ returned: Int64, of stake: Int64) -> Int64 {
            shares.cut(stake, on: odds) + shares.raised(returned - stake, on: odds)
        }
        var part = BetCost.none
        guard placed > 0 else {
            part.won = share(won, of: staked)
            part.staked = shares.cut(staked, on: odds)
            return part
        }
        let half = staked / 2
        part.won = share(won, of: half)
        part.placed = share(placed, of: half)
        part.staked = shares.cut(half, on: odds) * 2
        return part
    }

    private init() {}
}
