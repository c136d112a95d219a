public import Kernel

/// What a journal says, in the judge's own words: one command and what came of it.
///
/// Numbers of kinds, statuses and refusals are those of docs/formats/journal.md.
public struct Testimony: Sendable {
    public var sequence: UInt64
    /// Nanoseconds of UTC.
    public var time: Int64
    public var command: Command
    public var outcomes: [Outcome]

    public init(sequence: UInt64, time: Int64, command: Command, outcomes: [Outcome]) {
        self.sequence = sequence
        self.time = time
        self.command = command
        self.outcomes = outcomes
    }
}

public enum Command: Sendable {
    case genesis(Cell)
    case recovered
    case openAccount(id: ExternalID, currency: UInt16, money: UInt8, stakeLimit: Int64)
    case deposit(account: UInt64, id: ExternalID, amount: Int64)
    /// `expected` all ones: any version.
    case setLimit(account: UInt64, name: LimitName, amount: Int64, expected: UInt64)
    /// Thousandths of a market's maximum stake, and milliseconds beside a market's delay.
    case setRisk(RiskSaid)
    case setBar(BarSaid)
    case location(LocationSaid)
    case grant(GrantSaid)
    case fixture(FixtureSaid)
    case fixtureUpdate(FixtureSaid)
    case market(MarketSaid)
    case price(market: ExternalID, PriceSaid)
    case pricing(market: ExternalID, PricingSaid)
    case channel(UInt8, isShut: UInt8, actor: UInt64)
    case houseRules(HouseSaid)
    case deductionTable(TableSaid)
    case promotion(PromotionSaid)
    case cashOut(CashOutSaid)
    /// 0: not any more.
    case cashOutRule(account: UInt64, bet: UInt64, atLeast: Int64)
    case cashOutStep
    case withdrawal(market: ExternalID, WithdrawalSaid)
    case marketState(StateSaid)
    case marketLimits(market: ExternalID, LimitsSaid)
    case place(Intent)
    case timerDue
    case forgetIDs(projected: UInt64)
    case result(market: ExternalID, word: ResultSaid)
    case cancel(market: ExternalID, word: CancelSaid)
    /// `said` in nanoseconds; 0: when it was heard.
    case startingPrices(market: ExternalID, odds: [Odds?], said: Int64)
    case earlyPayout(market: ExternalID, before: [Int64], said: Int64)
    case propose(ProposalSaid)
    case approve(proposal: UInt64, actor: UInt64)
    case settleStep
    case suspectStep
    case release(market: UInt64, projected: UInt64)
    /// Sessions, digests and the like: nothing follows from them here.
    case remark
}

/// Bonus money or free stakes, given or taken back.
public struct GrantSaid: Sendable {
    public var account: UInt64
    public var id: ExternalID
    public var hash: ExternalID
    /// 1 bonus, 2 free.
    public var kind: UInt8
    public var amount: Int64
    public var actor: UInt64
    public var hasReason: Bool
    /// 0 none; the version of its terms that was seen, 0 any.
    public var promotion: UInt64
    public var terms: UInt32

    public init(
        account: UInt64, id: ExternalID, hash: ExternalID, kind: UInt8, amount: Int64,
        actor: UInt64, hasReason: Bool, promotion: UInt64, terms: UInt32
    ) {
        self.promotion = promotion
        self.terms = terms
        self.account = account
        self.id = id
        self.hash = hash
        self.kind = kind
        self.amount = amount
        self.actor = actor
        self.hasReason = hasReason
    }
}

/// What the house promises customers, whole.
public struct PromotionSaid: Sendable {
    public var number: UInt64
    public var from: Int64
    public var until: Int64
    public var name: String
    public var terms: String
    /// One more than the version that was seen, 0 any.
    public var expected: UInt32
    public var actor: UInt64
    public var hasReason: Bool

    public init(
        number: UInt64, from: Int64, until: Int64, name: String, terms: String, expected: UInt32,
        actor: UInt64, hasReason: Bool
    ) {
        self.number = number
        self.from = from
        self.until = until
        self.name = name
        self.terms = terms
        self.expected = expected
        self.actor = actor
        self.hasReason = hasReason
    }
}

/// What a market takes; nil stays as it was.
public struct LimitsSaid: Sendable {
    public var maximumStake: Int64?
    public var liabilityLimit: Int64?
    public var suspendAt: Int64?
    public var floor: Int64?
    public var mostMove: UInt32?
    /// 1 feed, 3 trader.
    public var owner: UInt8
    public var actor: UInt64
    /// How often they had been moved when they were seen, plus one; 0 any.
    public var expected: UInt32
    public var hasReason: Bool

    public init(owner: UInt8, actor: UInt64, expected: UInt32, hasReason: Bool) {
        self.owner = owner
        self.actor = actor
        self.expected = expected
        self.hasReason = hasReason
    }
}

/// What the house adds and takes from here on.
public struct HouseSaid: Sendable {
    /// Hundredths of a percent.
    public var commission: UInt16
    /// Hundredths of its winnings for the only winner, and hundredths of a percent for all, by the covers that have a
    /// name: trixie, patent, yankee, lucky 15, canadian, lucky 31, heinz, lucky 63, super heinz, goliath.
    public var bonuses: [(onlyWinner: UInt16, allWinners: UInt16)]
    /// One more than the versions that were seen, 0 any.
    public var expected: UInt32
    public var actor: UInt64
    public var hasReason: Bool

    public init(
        commission: UInt16, bonuses: [(onlyWinner: UInt16, allWinners: UInt16)], expected: UInt32,
        actor: UInt64, hasReason: Bool
    ) {
        self.commission = commission
        self.bonuses = bonuses
        self.expected = expected
        self.actor = actor
        self.hasReason = hasReason
    }
}

/// How far an account is trusted.
/// What withdrawals take under one rule, whole.
public struct TableSaid: Sendable {
    public struct Step: Sendable {
        public var runners: UInt8
        public var winnings: UInt32
        public var stake: UInt32
        public var win: UInt16
        public var place: UInt16

        public init(runners: UInt8, winnings: UInt32, stake: UInt32, win: UInt16, place: UInt16) {
            self.runners = runners
            self.winnings = winnings
            self.stake = stake
            self.win = win
            self.place = place
        }

        var words: [UInt64] {
            [UInt64(runners), UInt64(winnings), UInt64(stake), UInt64(win), UInt64(place)]
        }
    }

    public var rule: UInt8
    public var steps: [Step]
    public var waivedAlone: UInt16
    /// One more than the versions that were seen, 0 any.
    public var expected: UInt32
    public var actor: UInt64
    public var hasReason: Bool

    public init(
        rule: UInt8, steps: [Step], waivedAlone: UInt16, expected: UInt32, actor: UInt64,
        hasReason: Bool
    ) {
        self.rule = rule
        self.steps = steps
        self.waivedAlone = waivedAlone
        self.expected = expected
        self.actor = actor
        self.hasReason = hasReason
    }

    /// Fields, and prices within them, go up, and no step takes more than nine tenths.
    var isInOrder: Bool {
        for (index, step) in steps.enumerated() {
            if step.stake == 0 || step.win > 9000 || step.place > 9000 { return false }
            guard index > 0 else { continue }
            let before = steps[index - 1]
            if before.runners > step.runners { return false }
            let isLonger =
                UInt64(before.winnings) * UInt64(step.stake)
                < UInt64(step.winnings) * UInt64(before.stake)
            if before.runners == step.runners, !isLonger { return false }
        }
        return true
    }
}

/// Somebody is to be kept from a sport or a match, or not any more.
public struct BarSaid: Sendable {
    public var account: UInt64
    /// 1 a sport, 2 a fixture.
    public var scope: UInt8
    public var id: UInt64
    public var isSet: UInt8
    public var actor: UInt64
    public var hasReason: Bool
    public var hasNotice: Bool

    public init(
        account: UInt64, scope: UInt8, id: UInt64, isSet: UInt8, actor: UInt64, hasReason: Bool,
        hasNotice: Bool
    ) {
        self.account = account
        self.scope = scope
        self.id = id
        self.isSet = isSet
        self.actor = actor
        self.hasReason = hasReason
        self.hasNotice = hasNotice
    }
}

/// What was decided of where a customer is.
public struct LocationSaid: Sendable {
    public var account: UInt64
    public var session: UInt64
    /// By which bets name it.
    public var mark: UInt64
    /// 1 inside, 2 outside, 3 doubtful.
    public var verdict: UInt8
    /// 1 an address, 2 a device.
    public var source: UInt8
    /// Nanoseconds of UTC.
    public var until: Int64

    public init(
        account: UInt64, session: UInt64, mark: UInt64, verdict: UInt8, source: UInt8, until: Int64
    ) {
        self.mark = mark
        self.account = account
        self.session = session
        self.verdict = verdict
        self.source = source
        self.until = until
    }
}

public struct RiskSaid: Sendable {
    public var account: UInt64
    /// Thousandths of a market's maximum stake.
    public var factor: UInt16
    /// Milliseconds beside a market's delay.
    public var delay: UInt32
    /// 1 no bets are taken from it, 2 they are again, 0 as it was.
    public var shut: UInt8
    public var actor: UInt64
    public var hasReason: Bool
    public var hasNotice: Bool

    public init(
        account: UInt64, factor: UInt16, delay: UInt32, shut: UInt8, actor: UInt64, hasReason: Bool,
        hasNotice: Bool
    ) {
        self.hasNotice = hasNotice
        self.account = account
        self.factor = factor
        self.delay = delay
        self.shut = shut
        self.actor = actor
        self.hasReason = hasReason
    }
}

/// A trader's hand on a market's prices.
public struct PricingSaid: Sendable {
    /// Hundredths of a percent; all ones the feed's.
    public var margin: UInt32
    /// A price for each that is held; nil where the record names other than that.
    public var held: [Odds?]?
    public var actor: UInt64
    public var expected: UInt32
    /// The fixture's material version that was seen, plus one; 0 any.
    public var seen: UInt32 = 0
    public var isSure: Bool
    public var hasReason: Bool

    public init(
        margin: UInt32, held: [Odds?]?, actor: UInt64, expected: UInt32, isSure: Bool,
        hasReason: Bool
    ) {
        self.margin = margin
        self.held = held
        self.actor = actor
        self.expected = expected
        self.isSure = isSure
        self.hasReason = hasReason
    }
}

/// What is offered, each in the market's order.
public struct PriceSaid: Sendable {
    public var odds: [Odds?]
    /// Milliseconds, beside the market's own.
    public var delays: [UInt32]
    /// Thousandths, 0 none.
    public var references: [UInt32]
    public var chances: [Chance?]

    public init(odds: [Odds?], delays: [UInt32], references: [UInt32], chances: [Chance?]) {
        self.odds = odds
        self.delays = delays
        self.references = references
        self.chances = chances
    }
}

/// A customer sells a bet back.
public struct CashOutSaid: Sendable {
    public var account: UInt64
    public var id: ExternalID
    public var hash: ExternalID
    public var bet: UInt64
    /// Minor units of its stake, 0 all of it; and what was offered.
    public var part: Int64
    public var least: Int64
    /// Nanoseconds of UTC.
    public var validUntil: Int64

    public init(
        account: UInt64, id: ExternalID, hash: ExternalID, bet: UInt64, part: Int64, least: Int64,
        validUntil: Int64
    ) {
        self.account = account
        self.id = id
        self.hash = hash
        self.bet = bet
        self.part = part
        self.least = least
        self.validUntil = validUntil
    }
}

public struct Cell: Sendable {
    public var currency: UInt16
    public var money: UInt8
    public var rounding: Rounding
    public var minimumStake: Int64
    public var payoutCap: Int64
    /// Of a customer's open bets together, and of a day with what was paid on it; 0 none.
    public var customerCap: Int64
    public var dayCap: Int64

    public init(
        currency: UInt16, money: UInt8, rounding: Rounding, minimumStake: Int64, payoutCap: Int64,
        customerCap: Int64 = 0, dayCap: Int64 = 0
    ) {
        self.customerCap = customerCap
        self.dayCap = dayCap
        self.currency = currency
        self.money = money
        self.rounding = rounding
        self.minimumStake = minimumStake
        self.payoutCap = payoutCap
    }
}

public struct FixtureSaid: Sendable {
    public var id: ExternalID
    public var status: UInt8
    public var isInPlay: Bool
    public var incident: UInt8
    public var score: UInt32
    public var competitorChain: UInt64
    public var sport: UInt8 = 0
    /// When its supplier said this, and when it says that the fixture truly began; nanoseconds, 0 not said.
    public var said: Int64 = 0
    public var startedAt: Int64 = 0
    /// A person made it: who, and whether that person said why.
    public var byHand: (actor: UInt64, hasReason: Bool)?

    public init(
        id: ExternalID, status: UInt8, isInPlay: Bool, incident: UInt8, score: UInt32,
        competitorChain: UInt64
    ) {
        self.id = id
        self.status = status
        self.isInPlay = isInPlay
        self.incident = incident
        self.score = score
        self.competitorChain = competitorChain
    }
}

public struct MarketSaid: Sendable {
    public var id: ExternalID
    public var fixture: ExternalID
    public var winners: Int
    public var selections: Int
    /// Milliseconds.
    public var betDelay: UInt32
    public var relationGroup: UInt64
    public var maximumStake: Int64
    public var liabilityLimit: Int64
    /// The highest potential return that a scouted result settles; 0 any, below 0 none.
    public var scoutedReturn: Int64
    /// What each-way bets pay; nil where there are none.
    public var places: PlaceTerms?
    /// 1 Rule 4, 2 off the face value, 3 as on an exchange's win market, 4 as on its place market.
    public var deductions: UInt8 = 0
    public var isAtTheOff = false
    public var isAntePost = false
    public var isGuaranteed = false
    /// Bets at starting price are taken.
    public var takesAtStart = false
    /// Selections may be paid before there is a result.
    public var paysEarly = false
    /// Stakes may go back by its lines; and bets on it may be sold back.
    public var mayPush = false
    public var isCashedOut = true
    /// A person made it: who, and whether that person said why.
    public var byHand: (actor: UInt64, hasReason: Bool)?

    /// It has something that only races have.
    var isRace: Bool {
        places != nil || deductions != 0 || isAtTheOff || isAntePost || isGuaranteed || takesAtStart
    }

    public init(
        id: ExternalID, fixture: ExternalID, winners: Int, selections: Int, betDelay: UInt32,
        relationGroup: UInt64, maximumStake: Int64, liabilityLimit: Int64, scoutedReturn: Int64
    ) {
        self.scoutedReturn = scoutedReturn
        self.id = id
        self.fixture = fixture
        self.winners = winners
        self.selections = selections
        self.betDelay = betDelay
        self.relationGroup = relationGroup
        self.maximumStake = maximumStake
        self.liabilityLimit = liabilityLimit
    }
}

public struct StateSaid: Sendable {
    /// 1 a market, 2 a fixture's, 3 all.
    public var scope: UInt8
    public var id: ExternalID
    public var owner: UInt8
    public var setting: UInt8
    public var lifting: UInt8
    /// Milliseconds; all ones: unchanged.
    public var betDelay: UInt32
    public var isMaterial: Bool
    /// The market's material version that was seen, 0 any.
    public var expected: UInt64

    public init(
        scope: UInt8, id: ExternalID, owner: UInt8, setting: UInt8, lifting: UInt8,
        betDelay: UInt32, isMaterial: Bool, expected: UInt64
    ) {
        self.expected = expected
        self.scope = scope
        self.id = id
        self.owner = owner
        self.setting = setting
        self.lifting = lifting
        self.betDelay = betDelay
        self.isMaterial = isMaterial
    }
}

public struct Intent: Sendable {
    public var account: UInt64
    public var id: ExternalID
    public var hash: ExternalID
    public var stake: Int64
    /// 0 refused when it is too high, 1 as much as may be, 2 the highest that may be.
    public var fill: UInt8
    /// Through which it comes, 0 unknown.
    public var channel: UInt8 = 0
    /// It is taken only where its customer is known to be where bets are taken.
    public var mustBeLocated = false
    /// The mark of the decision that it goes by.
    public var located: UInt64 = 0
    /// The refused intent whose offer this takes, 0 none.
    public var offer: UInt64 = 0
    /// Of the stake what is bonus money, and what is free.
    public var bonus: Int64
    public var free: Int64
    public var currency: UInt16
    /// 1 one line of all legs, 2 a system if it says sizes.
    public var structure: UInt8
    /// Of a system, bits: how many legs its lines have beside the bankers, less one; and which legs are bankers.
    public var sizes: UInt32
    public var bankers: UInt32
    /// Bits 28 to 31 the first leg of a group, 24 to 27 the last, below them sizes; zeros behind the last.
    public var groups: [UInt32] = []
    /// The one price of all legs.
    public var joint: Odds?
    public var legCount: Int
    public var rule: UInt8
    public var tolerance: UInt8
    /// Nanoseconds of UTC.
    public var validUntil: Int64
    public var legs: [Leg]

    var isSameGame: Bool { structure == 4 }
    var isEachWay: Bool { structure == 3 && legs.first?.placesSaid != 0 && !legs.isEmpty }
    var isSystem: Bool { sizes != 0 && (structure == 2 || isEachWay) }

    public struct Leg: Sendable {
        public var market: UInt64
        public var selection: UInt32
        public var odds: Odds?
        /// It is to be paid at what its selection starts at.
        public var isAtStart = false
        public var score: UInt32
        /// The each-way terms that were seen, and how many places they name even where they are none.
        public var places: PlaceTerms?
        public var placesSaid: UInt8 = 0
        /// Of the market that was seen; 0 says nothing.
        public var version: UInt64 = 0

        public init(market: UInt64, selection: UInt32, odds: Odds?, score: UInt32) {
            self.market = market
            self.selection = selection
            self.odds = odds
            self.score = score
        }
    }

    public init(
        account: UInt64, id: ExternalID, hash: ExternalID, stake: Int64, fill: UInt8,
        bonus: Int64, free: Int64, currency: UInt16, structure: UInt8, sizes: UInt32,
        bankers: UInt32, legCount: Int,
        rule: UInt8, tolerance: UInt8, validUntil: Int64, legs: [Leg]
    ) {
        self.account = account
        self.id = id
        self.hash = hash
        self.stake = stake
        self.fill = fill
        self.bonus = bonus
        self.free = free
        self.currency = currency
        self.structure = structure
        self.sizes = sizes
        self.bankers = bankers
        self.legCount = legCount
        self.rule = rule
        self.tolerance = tolerance
        self.validUntil = validUntil
        self.legs = legs
    }
}

/// What a result says of one selection: 0 undecided, 1 won, 2 lost, 3 void, 4 half won, 5 half lost,
/// 6 dead heat.
public struct Mark: Hashable, Sendable {
    public var result: UInt8
    public var winners: UInt8
    public var tied: UInt8
    /// Where it came in; 255 behind all that are paid, 0 not said.
    public var position: UInt8

    public init(result: UInt8, winners: UInt8 = 1, tied: UInt8 = 1, position: UInt8 = 0) {
        self.result = result
        self.winners = winners
        self.tied = tied
        self.position = position
    }
}

/// A selection that takes no further part.
public struct WithdrawalSaid: Sendable {
    public var selection: UInt32
    /// Hundredths of a percent, of win and place parts; nil by the market's rule, and of place parts as of the win.
    public var deduction: UInt16?
    public var placeDeduction: UInt16?
    /// Each-way terms from here on.
    public var places: PlaceTerms?

    public init(
        selection: UInt32, deduction: UInt16?, placeDeduction: UInt16?, places: PlaceTerms?
    ) {
        self.selection = selection
        self.deduction = deduction
        self.placeDeduction = placeDeduction
        self.places = places
    }
}

/// What a supplier says of a market's result.
public struct ResultSaid: Sendable {
    /// Nanoseconds; 0: when it was heard.
    public var said: Int64
    public var marks: [Mark]
    public var certainty: UInt8
    public var isRollback: Bool

    public init(said: Int64, marks: [Mark], certainty: UInt8, isRollback: Bool) {
        self.said = said
        self.marks = marks
        self.certainty = certainty
        self.isRollback = isRollback
    }
}

/// What is said of the bets that were accepted in a window of time; nanoseconds, 0 without that end.
public struct CancelSaid: Sendable {
    /// 0: when it was heard.
    public var said: Int64
    /// Two people's, not the supplier's.
    public var isByOperators: Bool
    public var from: Int64
    public var until: Int64
    public var isTakenBack: Bool

    public init(said: Int64, isByOperators: Bool, from: Int64, until: Int64, isTakenBack: Bool) {
        self.said = said
        self.isByOperators = isByOperators
        self.from = from
        self.until = until
        self.isTakenBack = isTakenBack
    }
}

/// What the first of two people asks for: marks, or a cancel.
public struct ProposalSaid: Sendable {
    public var market: ExternalID
    public var marks: [Mark]
    public var cancel: CancelSaid?
    /// The one bet that it is about, and whether it is to be void no longer.
    public var bet: (number: UInt64, isTakenBack: Bool)?
    public var actor: UInt64
    public var hasReason: Bool
    /// One more than the settlements that were seen, 0 any.
    public var expected: UInt32

    public init(
        market: ExternalID, marks: [Mark], cancel: CancelSaid?, actor: UInt64, hasReason: Bool,
        expected: UInt32
    ) {
        self.market = market
        self.marks = marks
        self.cancel = cancel
        self.actor = actor
        self.hasReason = hasReason
        self.expected = expected
    }
}

public enum Outcome: Sendable {
    case account(refusal: UInt16, account: UInt64, balances: Balances)
    case limit(LimitShown)
    case fixture(refusal: UInt16, fixture: UInt64)
    case market(MarketShown)
    /// Hundredths of a percent that are taken from prices of before, of win and of place parts.
    case withdrawn(market: UInt64, selection: UInt32, deduction: UInt16, placeDeduction: UInt16)
    case placed(Placed)
    case settled(Settled)
    case cashOut(CashOutShown)
    case cashOutRule(refusal: UInt16, bet: UInt64, atLeast: Int64)
    case result(refusal: UInt16, market: UInt64, proposal: UInt64)
    case released(market: UInt64, legs: UInt32, bets: UInt32, isComplete: Bool)
    case suspected(SuspectShown)
}

/// A bet whose price looks like an error.
public struct SuspectShown: Hashable, Sendable {
    public var bet: UInt64
    public var market: UInt64
    public var selection: UInt32
    public var leg: UInt8
    /// Thousandths, and parts per billion.
    public var reference: UInt32
    public var chance: UInt32

    public init(
        bet: UInt64, market: UInt64, selection: UInt32, leg: UInt8, reference: UInt32,
        chance: UInt32
    ) {
        self.bet = bet
        self.market = market
        self.selection = selection
        self.leg = leg
        self.reference = reference
        self.chance = chance
    }
}

/// Which of a customer's own limits: 1 deposit, 2 loss, 3 stake, 4 time; by 1 day, 2 week, 3 month.
public struct LimitName: Hashable, Sendable {
    public var kind: UInt8
    public var period: UInt8

    public init(kind: UInt8, period: UInt8) {
        self.kind = kind
        self.period = period
    }
}

/// What a customer's limit came to; -1 for none.
public struct LimitShown: Sendable {
    public var refusal: UInt16
    public var amount: Int64
    public var next: Int64
    /// Nanoseconds of UTC, 0: nothing waits.
    public var nextFrom: Int64
    public var version: UInt64

    public init(refusal: UInt16, amount: Int64, next: Int64, nextFrom: Int64, version: UInt64) {
        self.refusal = refusal
        self.amount = amount
        self.next = next
        self.nextFrom = nextFrom
        self.version = version
    }
}

public struct Balances: Hashable, Sendable {
    public var cash: Int64
    public var bonus: Int64
    /// What may be staked for nothing.
    public var free: Int64
    public var held: Int64
    public var openBets: Int64
    public var receivable: Int64

    public init(
        cash: Int64 = 0, bonus: Int64 = 0, free: Int64 = 0, held: Int64 = 0, openBets: Int64 = 0,
        receivable: Int64 = 0
    ) {
        self.cash = cash
        self.bonus = bonus
        self.free = free
        self.held = held
        self.openBets = openBets
        self.receivable = receivable
    }
}

public struct MarketShown: Sendable {
    public var refusal: UInt16
    /// All ones: all markets at once, or none.
    public var market: UInt64
    public var version: UInt64
    public var material: UInt64
    public var reasons: UInt8
    public var isResulted: Bool
    public var openLegs: UInt32
    public var worstLoss: Int64
    public var staked: Int64
    /// Ours from here on, where a trader's hand is on them; else none.
    public var prices: [Odds?] = []

    public init(
        refusal: UInt16, market: UInt64, version: UInt64, material: UInt64, reasons: UInt8,
        isResulted: Bool, openLegs: UInt32, worstLoss: Int64, staked: Int64
    ) {
        self.material = material
        self.refusal = refusal
        self.market = market
        self.version = version
        self.reasons = reasons
        self.isResulted = isResulted
        self.openLegs = openLegs
        self.worstLoss = worstLoss
        self.staked = staked
    }
}

/// What a refused bet could be taken at.
public struct OfferShown: Equatable, Sendable {
    public var stake: Int64
    /// Nanoseconds of UTC.
    public var until: Int64
    public var odds: [Odds]

    public init(stake: Int64, until: Int64, odds: [Odds]) {
        self.stake = stake
        self.until = until
        self.odds = odds
    }
}

public struct Placed: Sendable {
    public var account: UInt64
    public var bet: UInt64
    /// 1 pending, 2 open, 3 refused, 4 settled.
    public var status: UInt8
    public var refusal: UInt16
    public var leg: UInt32
    public var stake: Int64
    /// What was asked for, where another stake was taken.
    public var asked: Int64?
    /// What a refused bet is offered instead.
    public var offer: OfferShown?
    public var potentialReturn: Int64
    public var dueAt: Int64
    public var balances: Balances
    public var isRepeat: Bool
    public var odds: [Odds?]
    /// The decision of where its customer is by which it was taken.
    public var location: UInt64?

    public init(
        account: UInt64, bet: UInt64, status: UInt8, refusal: UInt16, leg: UInt32,
        stake: Int64, asked: Int64?, potentialReturn: Int64, dueAt: Int64, balances: Balances,
        isRepeat: Bool, odds: [Odds?]
    ) {
        self.account = account
        self.bet = bet
        self.status = status
        self.refusal = refusal
        self.leg = leg
        self.stake = stake
        self.asked = asked
        self.potentialReturn = potentialReturn
        self.dueAt = dueAt
        self.balances = balances
        self.isRepeat = isRepeat
        self.odds = odds
    }
}

public struct CashOutShown: Sendable {
    public var bet: UInt64
    /// 1 pending, 3 refused, 5 done.
    public var status: UInt8
    public var refusal: UInt16
    public var leg: UInt32
    public var part: Int64
    public var payout: Int64
    public var stakeLeft: Int64
    public var potentialReturn: Int64
    public var dueAt: Int64
    public var balances: Balances
    public var isRepeat: Bool

    public init(
        bet: UInt64, status: UInt8, refusal: UInt16, leg: UInt32, part: Int64, payout: Int64,
        stakeLeft: Int64, potentialReturn: Int64, dueAt: Int64, balances: Balances, isRepeat: Bool
    ) {
        self.bet = bet
        self.status = status
        self.refusal = refusal
        self.leg = leg
        self.part = part
        self.payout = payout
        self.stakeLeft = stakeLeft
        self.potentialReturn = potentialReturn
        self.dueAt = dueAt
        self.balances = balances
        self.isRepeat = isRepeat
    }
}

public struct Settled: Sendable {
    public var bet: UInt64
    public var account: UInt64
    public var status: UInt8
    /// 5 settle, 6 resettle, 7 reopen.
    public var entry: UInt8
    public var version: UInt32
    public var payoutBefore: Int64
    public var payout: Int64
    /// Of it bonus money; and free stake that was given back.
    public var bonus: Int64
    public var free: Int64
    public var balances: Balances

    public init(
        bet: UInt64, account: UInt64, status: UInt8, entry: UInt8, version: UInt32,
        payoutBefore: Int64, payout: Int64, bonus: Int64, free: Int64, balances: Balances
    ) {
        self.bonus = bonus
        self.free = free
        self.bet = bet
        self.account = account
        self.status = status
        self.entry = entry
        self.version = version
        self.payoutBefore = payoutBefore
        self.payout = payout
        self.balances = balances
    }
}

/// A bet as its customer is shown it.
public struct BetShown: Sendable {
    public let bet: UInt64
    public let account: UInt64
    public let stake: Int64
    public let status: UInt8
    public let payout: Int64
    /// What of its stake was sold back while the rest stood on, and for how much.
    public let soldStake: Int64
    public let soldFor: Int64

    public init(
        bet: UInt64, account: UInt64, stake: Int64, status: UInt8, payout: Int64, soldStake: Int64,
        soldFor: Int64
    ) {
        self.soldStake = soldStake
        self.soldFor = soldFor
        self.bet = bet
        self.account = account
        self.stake = stake
        self.status = status
        self.payout = payout
    }
}
