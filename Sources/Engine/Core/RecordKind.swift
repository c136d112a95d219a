/// What a record says. Numbers are stable: old journals are read by them for good.
public enum RecordKind: UInt8, CaseIterable, Sendable {
    // The journal about itself
    case genesis = 1
    case recovered = 2
    case sealed = 3
    case divergence = 4
    case checkpoint = 5
    case snapshotKept = 6
    case segmentsDropped = 7
    // People and money
    case session = 8
    case openAccount = 9
    case deposit = 10
    case accountChanged = 11
    case setLimit = 12
    case limitChanged = 13
    case setRisk = 14
    case grant = 15
    // Catalogue and prices
    case fixture = 16
    case fixtureUpdate = 17
    case market = 18
    case price = 19
    case marketState = 20
    case marketChanged = 21
    case fixtureChanged = 22
    case withdrawal = 23
    case selectionWithdrawn = 24
    case marketLimits = 25
    case pricing = 26
    case channelState = 27
    case setBar = 28
    case deductionTable = 29
    case promotion = 30
    case location = 31
    // Bets
    case place = 32
    case placed = 33
    case timerDue = 34
    case forgetIDs = 35
    case cashOut = 36
    case cashOutAnswered = 37
    case cashOutRule = 38
    case cashOutRuleChanged = 39
    // Results
    case result = 40
    case propose = 41
    case approve = 42
    case settleStep = 43
    case betSettled = 44
    case resultAnswered = 45
    case release = 46
    case betsReleased = 47
    case cancel = 48
    case startingPrices = 49
    // Selling back by rule
    case cashOutStep = 50
    // Prices that look like errors afterwards
    case suspectStep = 51
    case betSuspected = 52
    // What the house adds and takes
    case houseRules = 53
    // Paid before the end
    case earlyPayout = 54

    /// The kind byte of a record's further slots.
    public static let continuation: UInt8 = 255
    /// The version of the layouts below; a later build reads all earlier ones.
    public static let layoutVersion: UInt8 = 1

    /// Commands are inputs of the engine; all others are what it made of them.
    public var isCommand: Bool {
        switch self {
        case .genesis, .recovered, .sealed, .divergence, .checkpoint, .snapshotKept,
            .segmentsDropped, .session, .location, .openAccount, .deposit, .setLimit, .setRisk,
            .setBar,
            .grant, .fixture, .fixtureUpdate, .market, .price, .marketState, .marketLimits,
            .pricing, .channelState,
            .withdrawal, .place, .timerDue, .forgetIDs, .result,
            .propose, .approve, .settleStep, .release, .cancel,
            .startingPrices, .earlyPayout, .cashOut, .cashOutRule, .cashOutStep, .suspectStep,
            .houseRules, .deductionTable, .promotion:
            true
        case .accountChanged, .limitChanged, .marketChanged, .fixtureChanged, .selectionWithdrawn,
            .placed,
            .betSettled, .resultAnswered, .betsReleased, .cashOutAnswered,
            .cashOutRuleChanged, .betSuspected:
            false
        }
    }

    public var word: String {
        switch self {
        case .genesis: "genesis"
        case .recovered: "recovered"
        case .sealed: "sealed"
        case .divergence: "divergence"
        case .checkpoint: "checkpoint"
        case .snapshotKept: "snapshot_kept"
        case .segmentsDropped: "segments_dropped"
        case .session: "session"
        case .location: "location"
        case .openAccount: "open_account"
        case .deposit: "deposit"
        case .accountChanged: "account_changed"
        case .setLimit: "set_limit"
        case .limitChanged: "limit_changed"
        case .setRisk: "set_risk"
        case .setBar: "set_bar"
        case .grant: "grant"
        case .fixture: "fixture"
        case .fixtureUpdate: "fixture_update"
        case .market: "market"
        case .marketLimits: "market_limits"
        case .pricing: "pricing"
        case .channelState: "channel_state"
        case .price: "price"
        case .marketState: "market_state"
        case .marketChanged: "market_changed"
        case .fixtureChanged: "fixture_changed"
        case .withdrawal: "withdrawal"
        case .selectionWithdrawn: "selection_withdrawn"
        case .place: "place"
        case .placed: "placed"
        case .timerDue: "timer_due"
        case .forgetIDs: "forget_ids"
        case .cashOut: "cash_out"
        case .cashOutAnswered: "cash_out_answered"
        case .cashOutRule: "cash_out_rule"
        case .cashOutRuleChanged: "cash_out_rule_changed"
        case .cashOutStep: "cash_out_step"
        case .suspectStep: "suspect_step"
        case .betSuspected: "bet_suspected"
        case .houseRules: "house_rules"
        case .deductionTable: "deduction_table"
        case .promotion: "promotion"
        case .result: "result"
        case .propose: "propose"
        case .approve: "approve"
        case .settleStep: "settle_step"
        case .betSettled: "bet_settled"
        case .resultAnswered: "result_answered"
        case .release: "release"
        case .betsReleased: "bets_released"
        case .cancel: "cancel"
        case .startingPrices: "starting_prices"
        case .earlyPayout: "early_payout"
        }
    }
}

/// Logical offsets of every record's body. Source of docs/formats/journal.md, and read beside it.
public enum Layout {
    public enum Genesis {
        public static let currency = 0  // u16
        public static let rounding = 2  // u8
        public static let money = 3  // u8, MoneyKind: the one kind that this cell's accounts have
        public static let partition = 4  // u32
        public static let minimumStake = 8  // i64, minor units
        public static let payoutCap = 16  // i64, minor units
        public static let brand = 24  // u32
        public static let licence = 28  // u32, 0 unknown
        public static let journalHigh = 32  // u64
        public static let journalLow = 40  // u64
        public static let mostOpenBets = 48  // u32
        public static let build = 64  // text 48
        public static let customerCap = 112  // i64, minor units, 0 none
        public static let dayCap = 120  // i64, minor units, 0 none
        public static let size = 128
    }
    public enum Recovered {
        public static let incarnation = 0  // u32
        public static let block = 8  // u64, the last block that was found
        public static let build = 16  // text 48
        public static let size = 64
    }
    public enum Sealed {
        public static let segment = 0  // u32
        public static let bytes = 8  // u64, the segment's size
        public static let digest = 16  // 32 bytes, SHA-256 of the whole segment
        public static let root = 48  // 32 bytes, of the tree over its pages; zeros in old journals
        public static let size = 80
    }
    public enum Divergence {
        public static let first = 0  // u64, the first command that these rules decide otherwise
        public static let last = 8  // u64
        public static let count = 16  // u64
        public static let digestHigh = 24  // u64, over all of them
        public static let digestLow = 32  // u64
        public static let build = 40  // text 48, the build that decided otherwise
        public static let `operator` = 88  // text 48, who said that facts win
        public static let size = 136
    }
    public enum Session {
        public static let brand = 0  // u32
        public static let licence = 4  // u32, 0 unknown
        public static let location = 8  // u64, a decision's reference, 0 unknown
        public static let channel = 16  // u8: 0 unknown, 1 web, 2 api
        public static let oddsFormat = 17  // u8
        public static let authentication = 18  // u8: 0 unknown, 1 demo cookie, 2 one-time code
        public static let realm = 19  // u8: 1 punters, 2 operators
        public static let termsVersion = 20  // u32, 0 unknown
        public static let deviceHigh = 24  // u64, 0 unknown
        public static let deviceLow = 32
        public static let locale = 40  // text 16
        public static let `operator` = 56  // u64, of realm 2
        public static let role = 64  // text 16, of realm 2
        public static let size = 80
    }
    /// What was decided of where a customer is, on one sign-in.
    public enum Location {
        public static let session = 0  // u64
        public static let verdict = 8  // u8: 1 inside, 2 outside, 3 doubtful
        public static let source = 9  // u8: 1 the connection's address, 2 a program on the device
        public static let signs = 10  // u16, LocationSigns
        public static let accuracy = 12  // u32, metres, all ones unknown
        public static let border = 16  // u32, metres to the nearest one, all ones unknown
        public static let until = 24  // i64, ns, until when it holds, to the second below
        public static let region = 32  // text 8, ISO 3166, empty unknown
        public static let reference = 40  // text 48, the provider's
        public static let mark = 88  // u64, by which bets name it, not 0
        public static let size = 96
    }
    public enum OpenAccount {
        public static let currency = 0  // u16
        public static let money = 2  // u8
        public static let stakeLimit = 8  // i64, minor units, 0 none of its own
        public static let size = 16
    }
    public enum Deposit {
        public static let amount = 0  // i64, minor units
        public static let source = 8  // u8: 1 demo grant
        public static let size = 16
    }
    public enum AccountChanged {
        public static let refusal = 0  // u16, OperationRefusal
        public static let entry = 2  // u8, EntryReason or 0
        public static let money = 3  // u8
        public static let currency = 4  // u16
        public static let grant = 6  // u8, of a grant: 1 bonus, 2 free
        public static let amount = 8  // i64, what moved
        public static let balances = 16  // Balances
        public static let stakeFactor = 64  // u16, thousandths, where it was set; else 0
        public static let isShut = 66  // u8, where it was set: 1 no bets are taken from it
        public static let delay = 68  // u32, ms, where it was set
        public static let size = 72
    }
    /// How far an account is trusted.
    public enum SetRisk {
        public static let stakeFactor = 0  // u16, thousandths of a market's maximum stake
        /// u8: 1 no bets are taken from it, 2 they are again, 0 as it was
        public static let shut = 2
        public static let delay = 4  // u32, ms, beside a market's own delay in play
        public static let actor = 8  // u64, operator
        public static let reason = 16  // text 64
        public static let notice = 80  // text 80, what the customer is told
        public static let size = 160
    }
    /// What a customer may not bet on.
    public enum SetBar {
        public static let scope = 0  // u8: 1 a sport, 2 a fixture
        public static let isSet = 1  // u8: 1 kept from it, 0 no more
        public static let id = 8  // u64, the sport's number or the fixture
        public static let actor = 16  // u64, operator
        public static let reason = 24  // text 64
        public static let notice = 88  // text 80, what the customer is told
        public static let size = 168
    }
    /// Bonus money or free stakes are given to a customer, or taken back.
    public enum Grant {
        public static let amount = 0  // i64, below zero taken back, as far as it is there
        public static let kind = 8  // u8: 1 bonus, 2 free
        public static let terms = 12  // u32, version of the promotion's terms, 0 unknown
        public static let promotion = 16  // u64, 0 none
        public static let actor = 24  // u64, operator
        public static let reason = 32  // text 64
        public static let size = 96
    }
    /// What the house promises, whole.
    public enum Promotion {
        public static let number = 0  // u64, the house's own, not 0
        public static let from = 8  // i64, ns, from when on it is offered, 0 at once
        public static let until = 16  // i64, ns, until when, 0 no end
        public static let expected = 24  // u32, one more than the version that was seen, 0 any
        public static let termsLength = 28  // u16, bytes
        public static let actor = 32  // u64, operator
        public static let reason = 40  // text 64
        public static let name = 104  // text 48
        public static let terms = 152  // text of `termsLength`
    }
    public enum SetLimit {
        public static let kind = 0  // u8, LimitKind
        public static let period = 1  // u8, LimitPeriod
        public static let source = 2  // u8: 1 customer
        public static let amount = 8  // i64, minor units or minutes; -1 none
        public static let expected = 16  // u64, the version that was seen; all ones any
        public static let session = 24  // u64, 0 none
        public static let size = 32
    }
    public enum LimitChanged {
        public static let refusal = 0  // u16, OperationRefusal
        public static let kind = 2  // u8, LimitKind
        public static let period = 3  // u8, LimitPeriod
        public static let amount = 8  // i64, what holds now; -1 none
        public static let next = 16  // i64, what holds from `nextFrom` on
        public static let nextFrom = 24  // i64, ns, 0 nothing waits
        public static let version = 32  // u64, the command that last changed it, 0 never set
        public static let size = 40
    }
    /// Six Int64: cash, bonus, free, held, open bets, receivable (what the customer owes, positive).
    public enum Balances {
        public static let cash = 0
        public static let bonus = 8
        public static let free = 16
        public static let held = 24
        public static let openBets = 32
        public static let receivable = 40
        public static let size = 48
    }
    public enum Fixture {
        public static let sport = 0  // u8
        public static let status = 1  // u8
        public static let isInPlay = 2  // u8
        public static let incident = 3  // u8
        public static let lostContact = 4  // u8
        public static let scheduled = 8  // i64, ns
        public static let competitorChain = 16  // u64, 0 none
        public static let score = 24  // u32, all ones unknown
        public static let clock = 28  // u32 seconds, all ones unknown
        public static let competition = 32  // text 48
        public static let home = 80  // text 48
        public static let away = 128  // text 48
        public static let size = 176
        /// `flags` bit 0: a person made it.
        public static let isByHand: UInt16 = 1
        public static let actor = 176  // u64, operator
        public static let reason = 184  // text 64
        public static let byHandSize = 248
        // fixture_update has the first 32 bytes, then:
        public static let providerTime = 32  // i64, ns, 0 unknown
        public static let ingestTime = 40  // i64, ns
        public static let startedAt = 48  // i64, ns, when it truly began; 0 says nothing of it
        public static let updateActor = 56  // u64, operator, 0 a feed
        public static let updateReason = 64  // text 64
        public static let updateSize = 128
    }
    public enum FixtureChanged {
        public static let fixture = 0  // u64
        public static let version = 8  // u64
        public static let material = 16  // u64
        public static let actualStart = 24  // i64, 0 unknown
        public static let refusal = 32  // u16, OperationRefusal
        public static let size = 40
    }
    public enum Market {
        public static let fixtureHigh = 0  // u64
        public static let fixtureLow = 8
        public static let type = 16  // u8
        public static let resultSource = 17  // u8: 1 feed, 2 operator
        public static let winners = 18  // u8
        public static let selectionCount = 19  // u8
        public static let betDelay = 20  // u32, ms, in play
        public static let relationGroup = 24  // u64, 0 none
        public static let line = 32  // i32, quarters, Int32.min none
        public static let places = 36  // u8, that an each-way bet pays; 0 not each way
        public static let placeNumerator = 37  // u8, the part of the winnings
        public static let placeDenominator = 38  // u8
        /// u8: bits 0 to 2 DeductionRule; bit 3 bets at starting price are taken; bit 4 each-way terms count as at the off; bit 5 ante-post; bit 6 best
        /// odds guaranteed; bit 7 bets on it are not sold back
        public static let racing = 39
        public static let maximumStake = 40  // i64
        public static let liabilityLimit = 48  // i64
        /// i64, minor units: the highest potential return that a scouted result settles; 0 any, -1 none.
        public static let scoutedReturn = 56
        public static let name = 64  // text 48
        public static let selections = 112  // 64 each:
        public static let selectionSize = 64
        public static let selectionSupplier = 0  // u64
        public static let selectionLine = 8  // i32, quarters, Int32.min none
        public static let selectionName = 16  // text 48
        /// `flags` bit 0: a person made it, whose id u64 and reason, text 64, stand behind the selections.
        public static let isByHand: UInt16 = 1
        public static let byHandSize = 72
        /// `flags` bit 1: selections may be paid before it has a result.
        public static let paysEarly: UInt16 = 2
    }
    /// Selections that are paid as if they had won.
    public enum EarlyPayout {
        public static let selectionCount = 0  // u16
        public static let time = 8  // i64, ns, when the supplier said it
        /// 8 each, i64, ns: bets that were accepted before are paid; 0 none.
        public static let moments = 16
        public static let momentSize = 8
    }
    public enum Price {
        public static let source = 0  // u8: 1 feed, 2 model, 3 trader
        public static let notOffered = 1  // u8, Pricing.NotOffered, 0 offered
        public static let selectionCount = 2  // u16
        public static let margin = 4  // u32, hundredths of a percent
        public static let message = 8  // u64, the supplier's message number
        public static let providerTime = 16  // i64, ns
        public static let entries = 24  // 16 each:
        public static let entrySize = 16
        public static let entryOdds = 0  // u32, u32; zeros: not offered
        public static let entryReference = 8  // u32, thousandths
        public static let entryDelay = 12  // u32, ms, beside the market's own delay in play
        /// `flags` bit 0: behind the entries stand chances, 8 for each selection: u32 win, u32 back, parts per
        /// billion as in `Chance`; all ones unknown.
        public static let hasChances: UInt16 = 1
        public static let chanceSize = 8
    }
    public enum MarketState {
        public static let owner = 0  // u8, MarketOwner
        public static let setting = 1  // u8, ShutReasons
        public static let lifting = 2  // u8, ShutReasons
        public static let scope = 3  // u8: 1 market, 2 fixture, 3 all, 4 all in play
        public static let betDelay = 4  // u32, ms, all ones unchanged
        public static let actor = 8  // u64, operator, 0 none
        /// u8: 1 a pending bet must fall although the market stays open.
        public static let isMaterial = 16
        public static let reason = 24  // text 64
        public static let expected = 88  // u64, the market's material version that was seen; 0 any
        public static let size = 96
    }
    public enum MarketChanged {
        public static let market = 0  // u64
        public static let fixture = 8  // u64
        public static let version = 16  // u64; after a promotion that one's
        public static let priceVersion = 24  // u64
        public static let material = 32  // u64
        public static let reasons = 40  // u8
        public static let isResulted = 41  // u8
        public static let refusal = 42  // u16, OperationRefusal
        public static let openLegs = 44  // u32
        public static let worstLoss = 48  // i64
        public static let staked = 56  // i64
        public static let liabilityLimit = 64  // i64
        public static let settlementVersion = 72  // u32
        public static let betDelay = 76  // u32
        public static let maximumStake = 80  // i64
        /// i64, the worst loss at which it is shut by itself, 0 none
        public static let suspendAt = 88
        public static let floor = 96  // i64, winnings that are taken from anybody, 0 none
        public static let mostMove = 104  // u32, hundredths of a percent, 0 any
        /// u16, how many prices stand behind: ours from here on, where a trader's hand is on them; else 0
        public static let priceCount = 108
        public static let handMargin = 110  // u16, where prices follow: as in Pricing
        public static let size = 112
        public static let held = 112  // u64, where prices follow: bit n: selection n is held
        public static let prices = 120  // 8 each: u32, u32; zeros: not offered
        public static let priceSize = 8
    }
    /// What a market takes; -1 stays as it was.
    public enum MarketLimits {
        public static let maximumStake = 0  // i64
        public static let liabilityLimit = 8  // i64
        /// i64, the worst loss at which it is shut by itself, 0 none
        public static let suspendAt = 16
        public static let floor = 24  // i64, winnings that are taken from anybody, 0 none
        /// u32, hundredths of a percent that a selection's chance may move from one price to the next, 0 any; all
        /// ones unchanged
        public static let mostMove = 32
        public static let owner = 36  // u8, MarketOwner: feed or trader
        public static let actor = 40  // u64, operator, 0 for a feed
        /// u32, how often its limits had been moved when they were seen, plus one; 0 any
        public static let expected = 48
        public static let reason = 56  // text 64
        public static let size = 120
    }
    /// A trader's hand on a market's prices, whole: what is not in it is as the feed says.
    public enum Pricing {
        public static let margin = 0  // u32, hundredths of a percent; all ones: the feed's
        /// u32, how often the hand on it had changed when it was seen, plus one; 0 any
        public static let expected = 4
        public static let actor = 8  // u64, operator
        public static let selectionCount = 16  // u16
        public static let isSure = 18  // u8: 1 a price that looks like an error is meant
        /// u32, the fixture's material version that was seen, plus one, cut; 0 any
        public static let seen = 20
        public static let reason = 24  // text 64
        public static let entries = 88  // 8 each: u32, u32, a price that is held; zeros: none
        public static let entrySize = 8
    }
    /// Shuts or opens a channel: bets through it are refused. Answered by a `market_changed` of no market.
    public enum ChannelState {
        public static let channel = 0  // u8, as in Session
        public static let isShut = 1  // u8
        public static let actor = 8  // u64, operator
        public static let reason = 16  // text 64
        public static let size = 80
    }
    /// What withdrawals take under a rule, whole.
    public enum DeductionTable {
        public static let rule = 0  // u8, DeductionRule
        public static let count = 2  // u16
        public static let expected = 4  // u32, one more than the versions that were seen, 0 any
        public static let actor = 8  // u64, operator
        public static let reason = 16  // text 64
        /// u16, hundredths of a percent: a lone withdrawal that takes no more takes nothing
        public static let waivedAlone = 80
        public static let steps = 88
        public static let stepSize = 16
        public static let winnings = 0  // u32, of the withdrawn runner's last price, to `stake`
        public static let stake = 4  // u32
        public static let win = 8  // u16, hundredths of a percent
        public static let place = 10  // u16
        public static let runners = 12  // u8, in fields of so many and more
    }
    public enum Withdrawal {
        public static let selection = 0  // u32, place in the market
        public static let source = 4  // u8: 1 feed, 2 operator
        public static let places = 5  // u8, u8, u8: each-way terms from here on; 0 as they were
        public static let effective = 8  // i64, ns, when it was withdrawn, 0 unknown
        public static let received = 16  // i64, ns, when we were told
        public static let actor = 24  // u64, operator, 0 none
        /// u16, one more than the hundredths of a percent that are deducted; 0 by the market's rule
        public static let deduction = 32
        public static let placeDeduction = 34  // u16, the same of place parts; 0 as `deduction`
        public static let size = 40
    }
    public enum SelectionWithdrawn {
        public static let market = 0  // u64
        public static let version = 8  // u64, of the market, after
        public static let selection = 16  // u32
        public static let lastReference = 20  // u32, thousandths, 0 none
        public static let lastOdds = 24  // u32, u32, our last published price, zeros none
        public static let priceVersion = 32  // u64, of that price
        public static let deduction = 40  // u16, hundredths of a percent off what was taken before
        public static let placeDeduction = 42  // u16, the same of place parts
        public static let size = 48
    }
    public enum Place {
        public static let session = 0  // u64
        public static let stakeCash = 8  // i64
        public static let stakeBonus = 16
        public static let stakeFree = 24
        public static let currency = 32  // u16
        public static let structure = 34  // u8
        public static let legCount = 35  // u8
        public static let priceRule = 36  // u8
        public static let priceRuleSource = 37  // u8
        public static let tolerance = 38  // u8, rungs, 255 any
        public static let oddsFormat = 39  // u8
        public static let fxNumerator = 40  // u32, to the licence's currency; 1/1 the same
        public static let fxDenominator = 44
        public static let validUntil = 48  // i64, ns
        public static let receivedAt = 56  // i64, ns
        public static let videoDelay = 64  // u32, ms, all ones unknown
        public static let gamingDay = 68  // u32, days since 1970
        public static let promotion = 72  // u64, 0 none
        public static let quote = 80  // u64, a single-use quote's nonce, 0 none
        public static let located = 88  // u64, the mark of the `location` that it goes by, 0 none
        public static let offer = 96  // u64, the refused intent whose offer this takes, 0 none
        public static let sizes = 104  // u32, of a system: bit k - 1: all lines of k free legs
        public static let bankers = 108  // u32, of a system: bit i: leg i is in every line
        public static let legs = 112  // 64 each
        // `flags` bits 0 and 1: FillRule; bits 4 to 7: the channel, as in Session
        /// `flags` bit 8: it is taken only where its customer is known to be where bets are taken.
        public static let mustBeLocated: UInt16 = 256
        public static let legSize = 64
        /// `flags` bit 2: behind the legs stand a system's groups, 4 each, u32: bits 28 to 31 the first leg, 24 to 27 the
        /// last, below them sizes as in `sizes`; zeros behind the last.
        public static let hasGroups: UInt16 = 4
        public static let groupsSize = 16
        /// `flags` bit 3: behind the legs stands the one price of all of them, u32, u32.
        public static let hasJoint: UInt16 = 8
        public static let jointSize = 8
    }
    public enum Leg {
        public static let market = 0  // u64
        public static let fixture = 8  // u64
        public static let selection = 16  // u32, place in the market
        public static let line = 20  // i32, quarters, Int32.min none
        public static let odds = 24  // u32, u32, as shown; zeros at starting price
        public static let marketVersion = 32  // u64, as shown
        public static let score = 40  // u32, as shown, all ones unknown
        public static let clock = 44  // u32, as shown, all ones unknown
        public static let priceKind = 48  // u8
        public static let eachWayPlaces = 49  // u8, 0 not each way
        public static let eachWayNumerator = 50
        public static let eachWayDenominator = 51
        public static let eachWayBasis = 52  // u8: 1 as struck, 2 at the off
        public static let priceSource = 53  // u8
        public static let deductions = 54  // u16, hundredths of a percent so far
        public static let message = 56  // u64, the supplier's message behind the price
    }
    public enum Placed {
        public static let bet = 0  // u64
        public static let status = 8  // u8, BetStatus
        public static let money = 9  // u8
        public static let refusal = 10  // u16
        public static let refusalLeg = 12  // u32
        public static let value = 16  // i64
        public static let threshold = 24  // i64
        public static let balances = 32  // Balances
        public static let potentialReturn = 80  // i64
        public static let acceptedAt = 88  // i64, 0 not accepted
        public static let dueAt = 96  // i64, 0 no delay
        public static let delayBase = 104  // u32, ms
        public static let delayCustomer = 108
        public static let delaySelection = 112
        public static let stakeFactor = 116  // u16, thousandths of the market's maximum, 0 unknown
        public static let legCount = 118  // u8
        public static let entries = 119  // u8: bit n: the ledger entry of EntryReason n was posted
        public static let payoutCap = 120  // i64
        public static let exposureAfter = 128  // i64, worst loss of the first leg's market
        public static let exposureLimit = 136  // i64
        /// u64, bit n: leg n is at starting price, its odds what that is reckoned to be.
        public static let atStart = 144
        public static let stake = 152  // i64
        /// 16 each: odds u32 u32, market version u64, 0 where an earlier answer is repeated.
        public static let legs = 160
        public static let legSize = 16
        /// Two or more legs: 8 each after them, i64, the worst loss of the leg's market.
        public static func exposures(legs: Int) -> Int { Self.legs + legs * legSize }
        public static func size(legs: Int) -> Int {
            exposures(legs: legs) + (legs > 1 ? legs * 8 : 0)
        }
        /// `flags` bit 0: this repeats an earlier answer and changed nothing.
        public static let repeated: UInt16 = 1
        /// `flags` bit 1: behind all of that, 8 each, i64: what of the stake is bonus money, and what is free.
        public static let isPromotional: UInt16 = 2
        public static func split(legs: Int) -> Int { size(legs: legs) }
        public static let splitSize = 16
        /// `flags` bit 2: behind that, i64: the stake that was asked for, where another one was taken.
        public static let isFilled: UInt16 = 4
        public static let askedSize = 8
        /// `flags` bit 3, of a refusal: behind that, what would be taken: stake i64, until when i64 ns, legs u64, and 8
        /// each: odds u32 u32.
        public static let hasOffer: UInt16 = 8
        public static let offerStake = size(legs: 0)
        public static let offerUntil = offerStake + 8
        public static let offerLegs = offerStake + 16
        public static let offerOdds = offerStake + 24
        public static func offerSize(legs: Int) -> Int { 24 + legs * 8 }
        /// `flags` bit 4: behind all that stands, u64: the `location` by which it was taken.
        public static let isLocated: UInt16 = 16
        public static let locatedSize = 8
    }
    /// A customer sells a bet back, or a part of it.
    public enum CashOut {
        public static let session = 0  // u64
        public static let bet = 8  // u64
        public static let part = 16  // i64, minor units of its stake; 0 all of it
        public static let least = 24  // i64, what was offered: less is not taken
        public static let material = 32  // u64, material versions of its legs, as offered, added up
        public static let prices = 40  // u64, as offered: price versions added up
        public static let validUntil = 48  // i64, ns
        public static let source = 56  // u8: 1 customer, 2 its own rule
        public static let size = 64
    }
    /// A bet is to be sold back whole as soon as it is worth so much.
    public enum CashOutRule {
        public static let session = 0  // u64
        public static let bet = 8  // u64
        public static let atLeast = 16  // i64, minor units; 0: not any more
        public static let size = 24
    }
    public enum CashOutRuleChanged {
        public static let bet = 0  // u64
        public static let refusal = 8  // u16, Refusal
        public static let atLeast = 16  // i64, what holds now; 0 nothing
        public static let size = 24
    }
    /// Up to the balances as `Placed`.
    public enum CashOutAnswered {
        public static let bet = 0  // u64
        public static let status = 8  // u8: 1 pending, 3 refused, 5 done
        public static let money = 9  // u8
        public static let refusal = 10  // u16
        public static let refusalLeg = 12  // u32
        public static let value = 16  // i64
        public static let threshold = 24  // i64
        public static let balances = 32  // Balances
        public static let part = 80  // i64, minor units of the stake
        public static let payout = 88  // i64, 0 while it waits
        public static let stakeLeft = 96  // i64, that stands on
        public static let potentialReturn = 104  // i64, of what stands on
        public static let dueAt = 112  // i64, 0 no delay
        public static let delayBase = 120  // u32, ms
        public static let delayCustomer = 124
        public static let delaySelection = 128
        public static let margin = 132  // u16, hundredths of a percent
        public static let betStatus = 134  // u8, BetStatus after
        public static let entry = 135  // u8, EntryReason, 0 when no money moved
        public static let fair = 136  // i64, millionths of a minor unit, before the margin, cut
        public static let exact = 144  // i64, the same after it, before the one rounding
        public static let material = 152  // u64, as in CashOut, now
        public static let prices = 160  // u64
        public static let size = 168
        /// `flags` bit 0: this repeats an earlier answer and changed nothing.
        public static let repeated: UInt16 = 1
    }
    public enum Result {
        public static let time = 0  // i64, ns, when the supplier said it; 0: when it was heard
        public static let source = 8  // u8: 1 feed, 2 operator
        public static let certainty = 9  // u8: 1 scouted, 2 confirmed
        public static let selectionCount = 10  // u8
        /// u8: 1 settle, 2 rollback; of a proposal also 3 cancel, 4 take a cancel back, 5 void a bet, 6 take that back
        public static let action = 11
        /// u32, of a proposal: the settlement version that was seen, plus one; 0 any.
        public static let expected = 12
        public static let actor = 16  // u64
        public static let proposal = 24  // u64, the sequence of what is approved
        public static let evidence = 32  // text 32
        public static let reason = 64  // text 64
        /// 4 each: result u8, winners u8, tied u8, position u8 (where it came in, 255 behind all, 0 not said)
        public static let selections = 128
        public static let selectionSize = 4
        // A proposal to cancel, or to take that back, has no selections but its window:
        public static let from = 128  // i64, ns, 0 no start
        public static let until = 136  // i64, ns, 0 no end
        public static let windowSize = 144
        // One to void a bet, or to take that back, has the bet instead:
        public static let bet = 128  // u64
        public static let betSize = 136
    }
    /// Bets that were accepted in a window of time are void on this market, or no longer are.
    public enum Cancel {
        public static let time = 0  // i64, ns, when the supplier said it; 0: when it was heard
        public static let source = 8  // u8: 1 feed, 2 operator
        public static let action = 9  // u8: 3 cancel, 4 take a cancel back
        public static let from = 16  // i64, ns, bets accepted from then on; 0 no start
        public static let until = 24  // i64, ns, bets accepted before; 0 no end
        public static let size = 32
    }
    public enum ResultAnswered {
        public static let market = 0  // u64
        public static let refusal = 8  // u16, OperationRefusal
        public static let settlementVersion = 12  // u32
        public static let proposal = 16  // u64
        public static let remaining = 24  // u32, legs still to be walked
        public static let size = 32
    }
    public enum BetSettled {
        public static let bet = 0  // u64
        public static let market = 8  // u64, whose result led here
        public static let version = 16  // u32
        public static let status = 20  // u8, BetStatus after
        public static let entry = 21  // u8, EntryReason
        public static let rounding = 22  // u8
        public static let money = 23  // u8
        public static let stake = 24  // i64
        public static let payoutBefore = 32  // i64
        public static let payout = 40  // i64
        public static let balances = 48  // Balances
        /// Two words each when the exact fraction fits them, else zeros and a further slot of 14 + 14.
        public static let numerator = 96
        public static let denominator = 112
        public static let source = 128  // u8
        public static let certainty = 129  // u8
        public static let legCount = 130  // u8
        public static let reason = 131  // u8, SettlementReason
        public static let actor = 136  // u64
        public static let approver = 144  // u64
        public static let result = 152  // u64, the sequence of the result or of its approval
        public static let proposal = 160  // u64, of what was approved: reason and evidence; 0 none
        public static let size = 176
        public static let wide = 176
        public static let wideSize = 176 + 224
        /// `flags` bit 0: behind all of that, 8 each, i64: what of the payout is bonus money, what of it was before,
        /// and what of the free stake is given back now, and was before.
        public static let isPromotional: UInt16 = 1
        public static let returnedSize = 32
    }
    /// Bets of a market leave the engine: their results can no longer be corrected by it.
    public enum Release {
        public static let market = 0  // u64
        public static let projected = 8  // u64: the projection is durable up to this sequence
        public static let size = 16
    }
    public enum BetsReleased {
        public static let market = 0  // u64
        public static let legs = 8  // u32, legs that left with this step
        public static let bets = 12  // u32, bets whose last leg left
        public static let isComplete = 16  // u8: nothing of the market's bets is left
        public static let size = 24
    }
    /// The state before this record, in short: what every replay must come to here.
    public enum Checkpoint {
        public static let hashHigh = 0  // u64, StateHash before this record
        public static let hashLow = 8  // u64
        public static let version = 16  // u64, of what is hashed; another build's says nothing here
        public static let size = 24
    }
    /// A snapshot was written, loaded by another process and found equal to what the journal gives.
    public enum SnapshotKept {
        public static let sequence = 0  // u64, of the checkpoint that it holds the state after
        public static let bytes = 8  // u64
        public static let digest = 16  // 32 bytes, SHA-256 of the file
        public static let size = 48
    }
    /// Whole segments left this directory; snapshot and digests stand for them.
    public enum SegmentsDropped {
        public static let first = 0  // u32
        public static let last = 4  // u32
        public static let snapshot = 8  // u64, the checkpoint of the older snapshot that is kept
        public static let reason = 16  // u8: 1 age, 2 size
        public static let archived = 17  // u8: 1 they were copied to the archive and read back
        public static let size = 24
    }
    /// What the house adds to bets that are asked for from here on, and takes of what they win; whole. Answered by a
    /// `market_changed` of no market.
    public enum HouseRules {
        public static let commission = 0  // u16, hundredths of a percent of winnings
        /// u16, covers that follow: those that have a name, in their order
        public static let count = 2
        /// u32, the versions that there were when it was seen, plus one; 0 any
        public static let expected = 4
        public static let actor = 8  // u64, operator
        public static let reason = 16  // text 64
        public static let bonuses = 80  // 4 each:
        public static let bonusSize = 4
        public static let onlyWinner = 0  // u16, hundredths of its winnings; 100 nothing more
        public static let allWinners = 2  // u16, hundredths of a percent on top of the return
    }
    /// A bet was taken at a price far above what the references said soon after.
    public enum BetSuspected {
        public static let bet = 0  // u64
        public static let market = 8  // u64
        public static let selection = 16  // u32, place in the market
        public static let reference = 20  // u32, thousandths, that speaks against its price
        public static let odds = 24  // u32, u32, at which it was taken
        public static let chance = 32  // u32, of winning by the references, parts per billion
        public static let leg = 36  // u8, place in the slip
        public static let acceptedAt = 40  // i64, ns
        public static let stake = 48  // i64, minor units
        public static let potentialReturn = 56  // i64, minor units
        public static let size = 64
    }
    public enum ForgetIDs {
        public static let projected = 0  // u64: the projection is durable up to this sequence
        public static let size = 8
    }
}
