public import Kernel

/// The numbers that the judge holds decisions against; milliseconds where time is meant.
public struct JudgeRules: Sendable {
    public var stake = Limits.stake
    public var legs = Limits.legs
    public var lines = Limits.lines
    public var pendingPerAccount = Limits.pendingPerAccount
    public var refusedPerAccount = Limits.refusedPerAccount
    public var openBetsPerAccount = Limits.openBetsPerAccount
    public var validUntilAhead = Limits.validUntilAhead
    public var idAge = Limits.idAge
    public var idWindow = Limits.idWindow
    public var betDelay = Limits.betDelay
    public var correctionWindow = Limits.correctionWindow
    public var limitCoolingOff = Limits.limitCoolingOff
    /// Hundredths of a percent, of the first undecided leg and of each further one.
    public var cashOutMargin: UInt64 = 500
    public var cashOutLegMargin: UInt64 = 100
    public init() {}
}

/// A second opinion on everything that the engine decides: naive, slow and made apart from it.
///
/// It keeps dictionaries and lists, recomputes what the engine keeps in step, multiplies where the
/// engine divides, and marks what was disturbed where the engine compares versions. Whatever it finds
/// is in `problems`, in words; nothing is repaired.
public struct Judge: ~Copyable {
    struct Account {
        var id: ExternalID
        var balances = Balances()
        var stakeLimit: Int64
        /// Thousandths of a market's maximum stake.
        var stakeFactor: UInt16 = 1000
        /// Milliseconds beside a market's delay in play.
        var delay: UInt32 = 0
        /// No bets are taken from it.
        var isShut = false
        /// What it may not bet on.
        var bars: Set<Bar> = []
        /// The newest that was decided of where its customer is.
        var location: (record: UInt64, said: LocationSaid)?
        var deposited: Int64 = 0
        /// Everything that bets paid it, or took back, and when.
        var paid: [(time: Int64, amount: Int64)] = []
        /// Bets of this account by their status, recounted from them.
        var bets: [UInt64] = []
        /// Everything that was ever asked for and taken, the newest last.
        var limits: [LimitName: [LimitWish]] = [:]
    }

    /// A sport by its number, or a match.
    struct Bar: Hashable {
        var isSport: Bool
        var id: UInt64
    }

    /// What a customer asked of a limit, and from when on it holds.
    struct LimitWish {
        var amount: Int64
        var from: Int64
        var version: UInt64
    }

    struct Bet {
        var account: UInt64
        var stake: Int64
        var potentialReturn: Int64
        /// 1 pending, 2 open, 3 refused, 4 settled, 5 sold back.
        var status: UInt8
        /// Of its stake bonus money, and what is free; what came back of each.
        var bonus: Int64 = 0
        var free: Int64 = 0
        var bonusBack: Int64 = 0
        var freeBack: Int64 = 0
        /// Nanoseconds; nil while it waits, and for good when it was refused.
        var acceptedAt: Int64?
        var refusal: UInt16 = 0
        var payout: Int64 = 0
        var dueAt: Int64
        var version: UInt32 = 0
        /// The command that settled it last.
        var settledBy: UInt64 = 0
        var legs: [Leg]
        /// The record that asked for it.
        var asked: UInt64
        /// Its lines, as places among its legs.
        var lines: [[Int]]
        /// Which of the covers that have a name it is.
        var cover: Int?
        var isSystem = false
        /// The one price of all legs, which are of one match then.
        var joint: Odds?
        /// What its customer lets prices do, the tolerance in rungs.
        var rule: UInt8 = 1
        var tolerance: UInt8 = 0
        /// What its place part returns by its own terms, and by the best that may come where those at the off count;
        /// nil when it is not each way.
        var placed: (struck: Int64, most: Int64)?
        /// What of its stake was sold back while the rest stood on, and for how much.
        var soldStake: Int64 = 0
        var soldFor: Int64 = 0
        /// It was said that its price looked like an error; and two people have made it void.
        var isSuspected = false
        var isVoidByHand = false

        var isStanding: Bool { status == 1 || status == 2 }
        /// What left the customer's balances.
        var paid: Int64 { stake - free }
        var isPromotional: Bool { bonus > 0 || free > 0 }
    }

    struct Leg {
        var market: Int
        var selection: Int
        /// At starting price, what that was reckoned to be.
        var odds: Odds
        var isAtStart = false
        /// The each-way terms that it was struck at.
        var places: PlaceTerms?
        /// Something happened since receipt that a waiting bet must not survive.
        var isDisturbed = false
        /// It was decided when its bet was last looked at: other legs carry what an accumulator may cost.
        var isDecided = false
        /// All others are over, and its own selection does not run: what the bet won stands on its market.
        var isCarrier = false
        /// The engine has let go of it.
        var hasLeft = false
    }

    struct Selection {
        var odds: Odds?
        /// Milliseconds beside the market's delay in play.
        var delay: UInt32 = 0
        /// Thousandths, 0 none; and what its supplier expects of it.
        var reference: UInt32 = 0
        var chance: Chance?
        /// What was last offered.
        var lastOdds: Odds?
        var isWithdrawn = false
        var mark = Mark(result: 0)
    }

    struct Market {
        var id: ExternalID
        var fixture: Int
        var winners: Int
        var selections: [Selection]
        var reasons: UInt8 = 1
        var betDelay: UInt32
        var relationGroup: UInt64
        var maximumStake: Int64
        var liabilityLimit: Int64
        /// The worst loss at which it is shut, the winnings it takes from anybody, and how far chances may move.
        var suspendAt: Int64 = 0
        var floor: Int64 = 0
        var mostMove: UInt32 = 0
        /// How often these were moved.
        var moves: UInt32 = 0
        /// A trader's hand on its prices, from the first on.
        var hand: Hand?
        var isResulted = false
        var isByOperators = false
        /// 1 scouted, 2 confirmed: of the result that it has.
        var certainty: UInt8 = 0
        /// As it was defined.
        var said: MarketSaid
        var scoutedReturn: Int64 { said.scoutedReturn }
        /// What each-way bets pay now, and the most places that they ever paid.
        var places: PlaceTerms?
        var mostPlaces = 0
        /// What was taken from prices, the oldest first: when, and how much of win and place parts.
        var deductions: [Withdrawn] = []
        /// All that was said of its starting prices, but for what came too late.
        var starts: [(said: Int64, odds: [Odds?])] = []
        /// The same of early payouts: bets of before these moments.
        var early: [(said: Int64, before: [Int64])] = []
        /// All that its supplier said of its result, but for what came too late.
        var words: [ResultSaid] = []
        /// All that anybody said of its cancels, but for what came too late.
        var cancels: [CancelSaid] = []
        /// When its fixture truly began, nanoseconds, as was last said while it had bets.
        var trueStart: Int64?
        var settlements = 0
        var version: UInt64 = 1
        /// The version with which it last changed so that what waits does not survive it.
        var changedAt: UInt64 = 1
        /// Changes that a waiting bet must not survive, but for those of its fixture.
        var changes: UInt64 = 1
        /// Every bet with a leg here, in the order they came.
        var bets: [UInt64] = []
        /// When its newest result came.
        var resultedAt: Int64 = 0
        /// How many of its bets have left.
        var left = 0
        /// The next of them that is looked at again; below zero for none.
        var cursor = -1
        var isReleased = false
        /// All of them have.
        var isEmpty = false
    }

    /// What was said that a withdrawal takes, or what its table is asked with.
    struct Withdrawn {
        var at: Int64
        var selection: Int
        var win: UInt16?
        var place: UInt16?
        var last: Odds?
        var runners: Int
    }

    struct Fixture {
        var said: FixtureSaid
        var markets: [Int] = []
        /// When we heard that it had begun, nanoseconds.
        var heardAt: Int64?
        /// When it truly began, as was said and when.
        var starts: [(said: Int64, start: Int64)] = []
        /// Changes that a waiting bet must not survive, and when the last was.
        var changes = 0
        var changedAt: Int64 = 0
    }

    struct Known {
        var hash: ExternalID
        var sequence: UInt64
        /// Nanoseconds.
        var validUntil: Int64
        /// A bet of that sequence, unless it was refused at once or is a deposit.
        var isBet: Bool
        var refusal: UInt16
        var leg: UInt32
        /// What a cash-out paid, 0 while it waits.
        var sold: Int64 = 0
        /// It was refused with an offer.
        var isOffered = false
    }

    struct Key: Hashable {
        var account: UInt64
        var id: ExternalID
    }

    struct Proposal {
        var market: Int
        var marks: [Mark]
        var cancel: CancelSaid?
        var actor: UInt64
        var settlements: Int
        var time: Int64
        /// What is to be void, or no longer.
        var bet: (number: UInt64, isTakenBack: Bool)?
    }

    public internal(set) var problems: [String] = []
    public internal(set) var sequence: UInt64 = 0
    public private(set) var time: Int64 = 0
    public let rules: JudgeRules
    var cell = Cell(currency: 0, money: 0, rounding: .down, minimumStake: 0, payoutCap: 0)
    var accounts: [Account] = []
    var accountNumbers: [ExternalID: Int] = [:]
    var bets: [UInt64: Bet] = [:]
    var markets: [Market] = []
    var marketNumbers: [ExternalID: Int] = [:]
    var fixtures: [Fixture] = []
    var fixtureNumbers: [ExternalID: Int] = [:]
    var known: [Key: Known] = [:]
    var order: [Key] = []
    var forgotten = 0
    var proposals: [UInt64: Proposal] = [:]
    var pending: Set<UInt64> = []
    /// Cash-outs that wait, by their bet.
    var sales: [UInt64: Sale] = [:]
    /// What bets are to be sold for by themselves.
    var saleRules: [UInt64: Int64] = [:]
    var recoveredAt: Int64 = .min
    /// What the house has won, less what it lost, over all settlements so far.
    var house: Int64 = 0
    /// Bonus money that was given, less what was taken back.
    var granted: Int64 = 0
    /// Markets whose bets are held against new references, and where in the first one's bets that has come to.
    var suspected: [Int] = []
    var suspicion = -1
    /// Markets whose bets are looked at again, in their order.
    var settling: [Int] = []
    /// What the house adds and takes, the oldest first, each with the command that said so.
    var houseRules: [(sequence: UInt64, said: HouseSaid)] = []
    /// What was promised, every version, the oldest first.
    var promises: [PromotionSaid] = []
    /// Of each promotion what was given under it: bonus money, free stakes.
    var given: [UInt64: [Int64]] = [:]
    /// What withdrawals take under each rule, as it was set.
    var tables: [(sequence: UInt64, said: TableSaid)] = []
    /// Channels that take no bets.
    var shutChannels: Set<UInt8> = []
    let ladder = TickLadder.classic

    public init(rules: JudgeRules = JudgeRules()) { self.rules = rules }

    /// Bets that were taken, whatever became of them.
    public var betCount: Int { bets.count }

    /// Why a market takes no bets, as bits, and whether it has a result; nil when there is none.
    public func state(ofMarket id: ExternalID) -> (reasons: UInt8, isResulted: Bool)? {
        marketNumbers[id].map { (markets[$0].reasons, markets[$0].isResulted) }
    }

    /// What customers are shown of bets and balances, and what the lines of their statements add up to.
    public mutating func checkRows(
        bets shown: [BetShown], balances: (UInt64) -> Balances?, moved: [UInt64: Int64],
        suspected: Set<UInt64>, void: Set<UInt64>
    ) {
        if suspected != Set(bets.filter { $0.value.isSuspected }.keys) {
            object("the rows suspect other bets")
        }
        if void != Set(bets.filter { $0.value.isVoidByHand }.keys) {
            object("the rows have other bets void")
        }
        var found = 0
        for row in shown {
            guard let bet = bets[row.bet] else {
                if row.status != 3 { object("the rows show bet \(row.bet), which nobody made") }
                continue
            }
            found += 1
            if row.account != bet.account || row.stake != bet.stake || row.status != bet.status
                || row.payout != bet.payout || row.soldStake != bet.soldStake
                || row.soldFor != bet.soldFor
            {
                object("the rows show bet \(row.bet) as \(row), it is \(bet)")
            }
        }
        let made = bets.count
        if found != made { object("the rows know \(found) of \(made) bets") }
        for (number, account) in accounts.enumerated() {
            if balances(UInt64(number)) != account.balances {
                object("the rows show account \(number) other balances")
            }
            if moved[UInt64(number), default: 0] != account.balances.cash {
                object("the statement of account \(number) does not add up")
            }
        }
    }

    mutating func object(_ text: @autoclosure () -> String) {
        guard problems.count < 20 else { return }
        problems.append("record \(sequence): " + text())
    }

    /// Hears one command with its outcomes; they come in the journal's order, each once.
    public mutating func hear(_ said: Testimony) {
        if said.sequence <= sequence { object("is heard again as \(said.sequence)") }
        if said.time <= time { object("time goes back") }
        sequence = said.sequence
        time = said.time
        switch said.command {
        case .genesis(let cell): self.cell = cell
        case .recovered: recover()
        case .openAccount(let id, let currency, let money, let limit):
            openAccount(id, currency, money, limit, said.outcomes)
        case .deposit(let account, let id, let amount):
            deposit(account, id, amount, said.outcomes)
        case .setLimit(let account, let name, let amount, let expected):
            setLimit(account, name, amount, expected, said.outcomes)
        case .setRisk(let risk): setRisk(risk, said.outcomes)
        case .setBar(let bar): setBar(bar, said.outcomes)
        case .location(let location): locate(location, said.outcomes)
        case .grant(let grant): self.grant(grant, said.outcomes)
        case .fixture(let fixture): define(fixture, said.outcomes)
        case .fixtureUpdate(let fixture): update(fixture, said.outcomes)
        case .market(let market): define(market, said.outcomes)
        case .price(let market, let word): price(market, word, said.outcomes)
        case .pricing(let market, let word): handle(market, word, said.outcomes)
        case .channel(let channel, let isShut, let actor):
            shut(channel, isShut, actor, said.outcomes)
        case .houseRules(let house): setHouse(house, said.outcomes)
        case .deductionTable(let table): setTable(table, said.outcomes)
        case .promotion(let promotion): promise(promotion, said.outcomes)
        case .withdrawal(let market, let word): withdraw(market, word, said.outcomes)
        case .marketState(let state): change(state, said.outcomes)
        case .marketLimits(let market, let word): limit(market, word, said.outcomes)
        case .place(let intent): place(intent, said.outcomes)
        case .cashOut(let cashOut): self.cashOut(cashOut, said.outcomes)
        case .cashOutRule(let account, let bet, let atLeast):
            setRule(account, bet, atLeast, said.outcomes)
        case .cashOutStep: sellByRule(said.outcomes)
        case .timerDue: conclude(said.outcomes)
        case .forgetIDs(let projected): forget(projected)
        case .result(let market, let word): result(market, word, said.outcomes)
        case .cancel(let market, let word): cancel(market, word, said.outcomes)
        case .startingPrices(let market, let odds, let at): start(market, odds, at, said.outcomes)
        case .earlyPayout(let market, let before, let at):
            payEarly(market, before, at, said.outcomes)
        case .propose(let proposal): propose(proposal, said.outcomes)
        case .approve(let proposal, let actor): approve(proposal, actor, said.outcomes)
        case .settleStep: settleStep(said.outcomes)
        case .suspectStep: lookForErrors(said.outcomes)
        case .release(let market, let projected): release(market, projected, said.outcomes)
        case .remark: break
        }
        sequence += UInt64(said.outcomes.count)
    }

    // MARK: Accounts

    private mutating func openAccount(
        _ id: ExternalID, _ currency: UInt16, _ money: UInt8, _ limit: Int64, _ outcomes: [Outcome]
    ) {
        guard case .account(let refusal, let number, let balances)? = outcomes.first else {
            return object("an account is opened without an answer")
        }
        if let known = accountNumbers[id] {
            expect(refusal, 3, "an account that is there")
            if number != UInt64(known) { object("answers with another account") }
            return
        }
        if currency != cell.currency || money == 0 || money > 2 {
            return expect(refusal, 4, "a malformed account")
        }
        if money != cell.money { return expect(refusal, 16, "another kind of money") }
        // A full cell is a fact of the machine.
        if refusal == 5 { return }
        expect(refusal, 0, "an account that can be opened")
        if number != UInt64(accounts.count) { object("accounts are not numbered in order") }
        if balances != Balances() { object("a new account is not empty") }
        accountNumbers[id] = accounts.count
        accounts.append(Account(id: id, stakeLimit: limit))
    }

    private mutating func deposit(
        _ account: UInt64, _ id: ExternalID, _ amount: Int64, _ outcomes: [Outcome]
    ) {
        guard case .account(let refusal, _, let balances)? = outcomes.first else {
            return object("a deposit without an answer")
        }
        guard account < UInt64(accounts.count) else {
            return expect(refusal, 6, "a deposit to nobody")
        }
        let key = Key(account: account, id: id)
        if known[key] != nil { return expect(refusal, 3, "a deposit that was made already") }
        let number = Int(account)
        if amount <= 0 || amount > rules.stake
            || accounts[number].balances.cash > Limits.minorUnits - amount
        {
            return expect(refusal, 7, "a deposit out of range")
        }
        if refusal == 5 { return }
        expect(refusal, 0, "a deposit that can be made")
        accounts[number].balances.cash += amount
        accounts[number].deposited += amount
        remember(
            key,
            Known(
                hash: .zero, sequence: sequence, validUntil: time, isBet: false, refusal: 0,
                leg: .max))
        compare(balances, number)
    }

    private mutating func grant(_ said: GrantSaid, _ outcomes: [Outcome]) {
        guard case .account(let refusal, _, let balances)? = outcomes.first else {
            return object("a grant without an answer")
        }
        guard said.account < UInt64(accounts.count) else {
            return expect(refusal, 6, "a grant to nobody")
        }
        let number = Int(said.account)
        let key = Key(account: said.account, id: said.id)
        if let before = known[key] {
            expect(refusal, before.hash == said.hash ? 0 : 22, "a grant under an old id")
            return compare(balances, number)
        }
        let made = said.id.milliseconds ?? 0
        let now = Timestamp(nanoseconds: time).milliseconds
        if made < now - rules.idAge || made > now + rules.validUntilAhead {
            return expect(refusal, 23, "a grant under an id of long ago")
        }
        guard said.kind == 1 || said.kind == 2 else {
            return expect(refusal, 4, "a grant of no kind")
        }
        let ours = accounts[number].balances
        let there = said.kind == 1 ? ours.bonus : ours.free
        if said.amount == 0 || abs(said.amount) > rules.stake
            || there + max(0, said.amount) > Limits.minorUnits
        {
            return expect(refusal, 7, "a grant out of range")
        }
        if said.actor == 0 { return expect(refusal, 17, "a grant by nobody") }
        if !said.hasReason { return expect(refusal, 12, "a grant without a reason") }
        if said.promotion != 0 {
            let versions = promises.filter { $0.number == said.promotion }
            guard let newest = versions.last else {
                return expect(refusal, 28, "a grant of what nobody promised")
            }
            if said.amount > 0, Int(said.terms) != versions.count {
                return expect(refusal, 19, "a grant under terms of before")
            }
            let isOver = newest.until != 0 && time >= newest.until
            if said.amount > 0, time < newest.from || isOver {
                return expect(refusal, 29, "a grant out of a promotion's time")
            }
        }
        let amount = said.amount < -there ? -there : said.amount
        if amount == 0 { return expect(refusal, 11, "nothing is taken back") }
        if refusal == 5 { return }
        expect(refusal, 0, "a grant that can be made")
        if said.promotion != 0 {
            given[said.promotion, default: [0, 0]][Int(said.kind) - 1] += amount
        }
        if said.kind == 1 {
            accounts[number].balances.bonus += amount
            accounts[number].deposited += amount
            granted += amount
        } else {
            accounts[number].balances.free += amount
        }
        remember(
            key,
            Known(
                hash: said.hash, sequence: sequence, validUntil: time, isBet: false, refusal: 0,
                leg: .max))
        compare(balances, number)
    }

    private mutating func setBar(_ said: BarSaid, _ outcomes: [Outcome]) {
        guard case .account(let refusal, _, let balances)? = outcomes.first else {
            return object("a bar is set without an answer")
        }
        guard said.account < UInt64(accounts.count) else {
            return expect(refusal, 6, "a bar of nobody")
        }
        if said.scope == 2, said.id >= UInt64(fixtures.count) {
            return expect(refusal, 1, "a bar from no match")
        }
        let isKnown =
            said.scope == 1
            ? [0, 1, 2, 4, 7, 8, 9].contains(said.id)
            : said.scope == 2
        if !isKnown || said.isSet > 1 { return expect(refusal, 4, "a bar from nothing") }
        if said.actor == 0 { return expect(refusal, 17, "a bar set by nobody") }
        if !said.hasReason { return expect(refusal, 12, "a bar without a reason") }
        if said.isSet == 1, !said.hasNotice { return expect(refusal, 27, "an untold bar") }
        let number = Int(said.account)
        let bar = Bar(isSport: said.scope == 1, id: said.id)
        if accounts[number].bars.contains(bar) == (said.isSet == 1) {
            return expect(refusal, 11, "a bar as it was")
        }
        if said.isSet == 1, accounts.reduce(0, { $0 + $1.bars.count }) >= 1024 {
            return expect(refusal, 5, "a bar too many")
        }
        expect(refusal, 0, "a bar")
        if said.isSet == 1 {
            accounts[number].bars.insert(bar)
        } else {
            accounts[number].bars.remove(bar)
        }
        compare(balances, number)
    }

    private mutating func locate(_ said: LocationSaid, _ outcomes: [Outcome]) {
        guard case .account(let refusal, _, let balances)? = outcomes.first else {
            return object("somebody is located without an answer")
        }
        guard said.account < UInt64(accounts.count) else {
            return expect(refusal, 6, "nobody is located")
        }
        let isSaid =
            (1...3).contains(said.verdict) && (1...2).contains(said.source) && said.session > 0
            && said.mark > 0 && said.until >= 1_000_000_000
        if !isSaid { return expect(refusal, 4, "a decision that says nothing") }
        expect(refusal, 0, "a decision of where somebody is")
        let number = Int(said.account)
        accounts[number].location = (sequence, said)
        compare(balances, number)
    }

    /// Whether a customer is kept from a market's match, or from its sport.
    func isBarred(_ number: Int, from market: Int) -> Bool {
        let fixture = markets[market].fixture
        return accounts[number].bars.contains(Bar(isSport: false, id: UInt64(fixture)))
            || accounts[number].bars.contains(
                Bar(isSport: true, id: UInt64(fixtures[fixture].said.sport)))
    }

    private mutating func setRisk(
        _ said: RiskSaid, _ outcomes: [Outcome]
    ) {
        let (factor, delay) = (said.factor, said.delay)
        guard case .account(let refusal, _, let balances)? = outcomes.first else {
            return object("an account's risk is set without an answer")
        }
        guard said.account < UInt64(accounts.count) else {
            return expect(refusal, 6, "nobody's risk")
        }
        let number = Int(said.account)
        if factor > Limits.stakeFactor || delay > Limits.betDelay || said.shut > 2 {
            return expect(refusal, 7, "a risk out of range")
        }
        if said.actor == 0 { return expect(refusal, 17, "a risk set by nobody") }
        if !said.hasReason { return expect(refusal, 12, "a risk set without a reason") }
        let isShut = said.shut == 0 ? accounts[number].isShut : said.shut == 1
        if accounts[number].stakeFactor == factor, accounts[number].delay == delay,
            accounts[number].isShut == isShut
        {
            return expect(refusal, 11, "a risk as it was")
        }
        let account = accounts[number]
        let isLimited =
            factor < account.stakeFactor || delay > account.delay || isShut && !account.isShut
        if isLimited, !said.hasNotice { return expect(refusal, 27, "a limit that nobody is told") }
        expect(refusal, 0, "an account's risk")
        accounts[number].stakeFactor = factor
        accounts[number].delay = delay
        accounts[number].isShut = isShut
        compare(balances, number)
    }

    mutating func remember(_ key: Key, _ what: Known) {
        known[key] = what
        order.append(key)
    }

    private mutating func forget(_ projected: UInt64) {
        for _ in 0..<4096 {
            guard forgotten < order.count, let oldest = known[order[forgotten]],
                oldest.validUntil + rules.idWindow * 1_000_000 < time, oldest.sequence < projected
            else { return }
            known[order[forgotten]] = nil
            forgotten += 1
        }
    }

    /// Refused intents of an account that are still remembered, counted one by one.
    func refusedCount(_ account: UInt64) -> Int {
        var count = 0
        for index in forgotten..<order.count where order[index].account == account {
            if let what = known[order[index]], what.refusal != 0 { count += 1 }
        }
        return count
    }

    mutating func compare(_ balances: Balances, _ number: Int) {
        let ours = accounts[number].balances
        if balances != ours { object("account \(number) should stand at \(ours), not \(balances)") }
        if ours.cash < 0 || ours.bonus < 0 || ours.free < 0 || ours.held < 0 || ours.openBets < 0
            || ours.receivable < 0
        {
            object("account \(number) is below zero: \(ours)")
        }
    }

    mutating func expect(_ refusal: UInt16, _ wanted: UInt16, _ what: String) {
        if refusal != wanted { object("\(what) is answered by \(refusal), not \(wanted)") }
    }

    // MARK: Catalogue

    private mutating func recover() {
        recoveredAt = time
        for number in markets.indices {
            markets[number].reasons |= 1 << 4
            markets[number].version += 1
            change(market: number)
        }
    }

    /// Something happened to the market itself that a waiting bet must not survive.
    mutating func change(market number: Int) {
        markets[number].changes += 1
        markets[number].changedAt = markets[number].version
        disturb(market: number)
    }

    /// Every bet that waits with a leg on this market must fall.
    mutating func disturb(market: Int) {
        for sequence in pending {
            guard let bet = bets[sequence] else { continue }
            for (index, leg) in bet.legs.enumerated() where leg.market == market {
                bets[sequence]?.legs[index].isDisturbed = true
            }
        }
        for bet in sales.keys
        where bets[bet]?.legs.contains(where: { $0.market == market }) == true {
            sales[bet]?.isDisturbed = true
        }
    }

    private mutating func define(_ said: FixtureSaid, _ outcomes: [Outcome]) {
        guard case .fixture(let refusal, let number)? = outcomes.first else {
            return object("a fixture without an answer")
        }
        if let known = fixtureNumbers[said.id] {
            if number != UInt64(known) { object("answers with another fixture") }
            return expect(refusal, 3, "a fixture that is there")
        }
        if let made = said.byHand, made.actor == 0 || !made.hasReason {
            return expect(refusal, made.actor == 0 ? 17 : 12, "a fixture made by nobody")
        }
        if refusal == 5 { return }
        expect(refusal, 0, "a fixture that can be made")
        if number != UInt64(fixtures.count) { object("fixtures are not numbered in order") }
        fixtureNumbers[said.id] = fixtures.count
        fixtures.append(Fixture(said: said, heardAt: said.isInPlay ? time : nil))
    }

    private mutating func update(_ said: FixtureSaid, _ outcomes: [Outcome]) {
        guard case .fixture(let refusal, _)? = outcomes.first else {
            return object("a fixture's change without an answer")
        }
        guard let number = fixtureNumbers[said.id] else {
            return expect(refusal, 1, "a change of no fixture")
        }
        if refusal == 4 { return }
        expect(refusal, 0, "a fixture's change")
        let before = fixtures[number].said
        let isMaterial =
            said.incident != 0 || before.status != said.status || before.isInPlay != said.isInPlay
            || before.score != said.score
        fixtures[number].said.status = said.status
        fixtures[number].said.isInPlay = said.isInPlay
        fixtures[number].said.score = said.score
        if isMaterial {
            fixtures[number].changes += 1
            fixtures[number].changedAt = time
            for market in fixtures[number].markets { disturb(market: market) }
        }
        if said.isInPlay, fixtures[number].heardAt == nil { fixtures[number].heardAt = time }
        takeStart(said, number, outcomes)
    }

    private mutating func define(_ said: MarketSaid, _ outcomes: [Outcome]) {
        guard case .market(let shown)? = outcomes.first else {
            return object("a market without an answer")
        }
        if let known = marketNumbers[said.id] {
            if shown.market != UInt64(known) { object("answers with another market") }
            return expect(shown.refusal, 3, "a market that is there")
        }
        guard let fixture = fixtureNumbers[said.fixture] else {
            return expect(shown.refusal, 1, "a market of no fixture")
        }
        // Where nobody is said to win, each does or does not by itself.
        let isAlone = said.winners == 0
        if said.selections < 2 || said.selections > Limits.selections
            || said.winners >= said.selections || (said.paysEarly || isAlone) && said.isRace
            || said.paysEarly && isAlone
        {
            return expect(shown.refusal, 4, "a malformed market")
        }
        if let made = said.byHand, made.actor == 0 || !made.hasReason {
            return expect(shown.refusal, made.actor == 0 ? 17 : 12, "a market made by nobody")
        }
        if shown.refusal == 5 { return }
        marketNumbers[said.id] = markets.count
        fixtures[fixture].markets.append(markets.count)
        markets.append(
            Market(
                id: said.id, fixture: fixture, winners: said.winners,
                selections: Array(repeating: Selection(), count: said.selections),
                betDelay: min(rules.betDelay, said.betDelay), relationGroup: said.relationGroup,
                maximumStake: said.maximumStake, liabilityLimit: said.liabilityLimit,
                said: said, places: said.places, mostPlaces: Int(said.places?.places ?? 0)))
        if said.byHand != nil { markets[markets.count - 1].reasons = 5 }
        compare(shown, markets.count - 1)
    }

    mutating func compare(_ shown: MarketShown, _ number: Int) {
        expect(shown.refusal, 0, "a market's change")
        let ours = markets[number]
        if shown.market != UInt64(number) { object("answers for another market") }
        if shown.material != ours.changes {
            object("market \(number) changed \(ours.changes) times, not \(shown.material)")
        }
        if shown.version != ours.version {
            object("market \(number) should have version \(ours.version), not \(shown.version)")
        }
        if shown.reasons != ours.reasons {
            object("market \(number) should be shut for \(ours.reasons), not \(shown.reasons)")
        }
        if shown.isResulted != ours.isResulted { object("market \(number): resulted or not") }
        let book = book(number)
        if shown.staked != book.staked {
            object("market \(number) should have \(book.staked) staked, not \(shown.staked)")
        }
        let worst = worstLoss(number, book)
        if shown.worstLoss != worst {
            object("market \(number) could lose \(worst), not \(shown.worstLoss)")
        }
        if !shown.prices.isEmpty, ours.hand == nil { object("prices by hand, and no hand") }
        if shown.openLegs != book.legs {
            object("market \(number) has \(book.legs) legs standing, not \(shown.openLegs)")
        }
    }

    private mutating func price(
        _ id: ExternalID, _ word: PriceSaid, _ outcomes: [Outcome]
    ) {
        let odds = word.odds
        guard case .market(let shown)? = outcomes.first else {
            return object("prices without an answer")
        }
        guard let number = marketNumbers[id] else {
            return expect(shown.refusal, 2, "prices of no market")
        }
        if odds.count != markets[number].selections.count {
            return expect(shown.refusal, 4, "prices of other selections")
        }
        if markets[number].isResulted {
            return expect(shown.refusal, 11, "prices after the result")
        }
        let isLeap = odds.indices.contains { leaps(number, $0, to: word.references[$0]) }
        if isLeap {
            markets[number].reasons |= 8
        }
        if odds.indices.contains(where: { isSuspect(number, $0, by: word.references[$0]) }) {
            suspect(number)
        }
        for index in odds.indices where !markets[number].selections[index].isWithdrawn {
            markets[number].selections[index].odds = odds[index]
            markets[number].selections[index].delay = word.delays[index]
            markets[number].selections[index].reference = word.references[index]
            markets[number].selections[index].chance = word.chances[index]
            guard markets[number].hand == nil, let price = odds[index] else { continue }
            markets[number].selections[index].lastOdds = price
        }
        markets[number].version += 1
        if isLeap { change(market: number) }
        if markets[number].hand != nil { feed(odds, under: number, shown) }
        compare(shown, number)
    }

    /// Whether a chance moves further than its market lets pass, while it is open.
    private func leaps(_ number: Int, _ selection: Int, to now: UInt32) -> Bool {
        let market = markets[number]
        let before = UInt64(market.selections[selection].reference)
        guard market.mostMove > 0, market.reasons == 0, before > 0, now > 0,
            !market.selections[selection].isWithdrawn
        else { return false }
        // 1000 / now - 1000 / before > most / 10000, all over both.
        let (one, other) = (before * 1000 * 10_000, UInt64(now) * 1000 * 10_000)
        let apart = one > other ? one - other : other - one
        var most = WideInteger(before)
        _ = most.multiplyReportingOverflow(by: UInt64(now))
        _ = most.multiplyReportingOverflow(by: UInt64(market.mostMove))
        return most < WideInteger(apart)
    }

    private mutating func limit(_ id: ExternalID, _ said: LimitsSaid, _ outcomes: [Outcome]) {
        guard outcomes.count == 1, case .market(let shown) = outcomes[0] else {
            return object("limits without an answer")
        }
        guard let number = marketNumbers[id] else {
            return expect(shown.refusal, 2, "limits of no market")
        }
        if said.owner != 1, said.owner != 3 { return expect(shown.refusal, 4, "nobody's limits") }
        if said.owner == 3, said.actor == 0 { return expect(shown.refusal, 17, "nobody's limits") }
        if said.owner == 3, !said.hasReason {
            return expect(shown.refusal, 12, "limits for nothing")
        }
        if said.expected != 0, said.expected != markets[number].moves + 1 {
            return expect(shown.refusal, 19, "limits of a market that changed since")
        }
        func isIn(_ amount: Int64?, _ most: Int64) -> Bool {
            amount.map { $0 >= 0 && $0 <= most } ?? true
        }
        guard isIn(said.maximumStake, Limits.stake), isIn(said.floor, Limits.stake),
            isIn(said.liabilityLimit, Limits.potentialReturn),
            isIn(said.suspendAt, Limits.potentialReturn), said.mostMove ?? 0 <= 10_000
        else { return expect(shown.refusal, 7, "limits out of range") }
        var market = markets[number]
        market.maximumStake = said.maximumStake ?? market.maximumStake
        market.liabilityLimit = said.liabilityLimit ?? market.liabilityLimit
        market.suspendAt = said.suspendAt ?? market.suspendAt
        market.floor = said.floor ?? market.floor
        market.mostMove = said.mostMove ?? market.mostMove
        let before = markets[number]
        let isExposed = market.suspendAt > 0 && worstLoss(number, book(number)) >= market.suspendAt
        let isOpened = market.reasons & 8 != 0 && !isExposed
        if !isOpened, market.maximumStake == before.maximumStake,
            market.suspendAt == before.suspendAt,
            market.liabilityLimit == before.liabilityLimit, market.floor == before.floor,
            market.mostMove == before.mostMove
        {
            return expect(shown.refusal, 11, "limits as they were")
        }
        market.version += 1
        market.moves += 1
        let reasons = isExposed ? market.reasons | 8 : market.reasons & ~8
        let isOther = reasons != market.reasons
        market.reasons = reasons
        markets[number] = market
        if isOther { change(market: number) }
        compare(shown, number)
    }

    private mutating func withdraw(
        _ id: ExternalID, _ said: WithdrawalSaid, _ outcomes: [Outcome]
    ) {
        let selection = said.selection
        guard let number = marketNumbers[id] else {
            guard case .market(let shown)? = outcomes.first else { return object("no answer") }
            return expect(shown.refusal, 2, "a withdrawal in no market")
        }
        let place = Int(selection)
        let isKnown = place < markets[number].selections.count
        let isDeducted = markets[number].said.deductions != 0
        let isLate = markets[number].isResulted && !isDeducted
        if isKnown, isDeducted, markets[number].isReleased,
            !markets[number].selections[place].isWithdrawn
        {
            guard case .market(let shown)? = outcomes.first else { return object("no answer") }
            return expect(shown.refusal, 18, "a withdrawal from what has left")
        }
        let isSaid = said.deduction != nil || said.placeDeduction != nil
        if isKnown, isSaid, markets[number].selections[place].isWithdrawn,
            let open = markets[number].deductions.firstIndex(where: {
                $0.selection == place && $0.win == nil && $0.place == nil
                    && ($0.last == nil || markets[number].said.deductions >= 3)
            })
        {
            return deductLate(open, number, said, outcomes)
        }
        if !isKnown || markets[number].selections[place].isWithdrawn || isLate {
            guard case .market(let shown)? = outcomes.first else { return object("no answer") }
            return expect(shown.refusal, isKnown ? 11 : 4, "a withdrawal of nothing")
        }
        let withdrawn = Withdrawn(
            at: time, selection: place, win: said.deduction, place: said.placeDeduction,
            last: markets[number].selections[place].lastOdds,
            runners: markets[number].selections.count { !$0.isWithdrawn })
        if isDeducted, !markets[number].said.isAntePost {
            markets[number].deductions.append(withdrawn)
        }
        let taken = taken(isDeducted ? withdrawn : nil, number, asked: sequence)
        if let places = said.places, markets[number].places != nil {
            markets[number].places = places
            markets[number].mostPlaces = max(markets[number].mostPlaces, Int(places.places))
        }
        markets[number].selections[place].isWithdrawn = true
        markets[number].selections[place].odds = nil
        if isDeducted {
            for other in markets[number].selections.indices {
                markets[number].selections[other].odds = nil
            }
            markets[number].hand?.drop()
            markets[number].reasons |= 1
            if markets[number].isResulted { markets[number].settlements += 1 }
        }
        // What stood on it comes off the books, bet by bet.
        walk(number)
        markets[number].version += 1
        change(market: number)
        compareWithdrawal(number, selection, taken, outcomes)
    }

    /// What nobody knew of when the runner left: of bets from before that moment.
    private mutating func deductLate(
        _ open: Int, _ number: Int, _ said: WithdrawalSaid, _ outcomes: [Outcome]
    ) {
        if markets[number].isReleased {
            guard case .market(let shown)? = outcomes.first else { return object("no answer") }
            return expect(shown.refusal, 18, "a late deduction from what has left")
        }
        markets[number].deductions[open].win = said.deduction
        markets[number].deductions[open].place = said.placeDeduction
        if markets[number].isResulted {
            markets[number].settlements += 1
            walk(number)
        }
        markets[number].version += 1
        let taken = taken(markets[number].deductions[open], number, asked: sequence)
        compareWithdrawal(number, said.selection, taken, outcomes)
    }

    private mutating func compareWithdrawal(
        _ number: Int, _ selection: UInt32, _ taken: (win: UInt16, place: UInt16),
        _ outcomes: [Outcome]
    ) {
        guard outcomes.count == 2,
            case .withdrawn(let market, let which, let win, let placed) = outcomes[0],
            case .market(let shown) = outcomes[1]
        else { return object("a withdrawal is not answered in two records") }
        if market != UInt64(number) || which != selection { object("withdraws another selection") }
        if win != taken.win || placed != taken.place {
            object(
                "the withdrawal should take \(taken.win) and \(taken.place), not \(win), \(placed)")
        }
        compare(shown, number)
    }

    /// The reasons that each owner may touch: feed 1, monitor 2, trader 3, risk 4, settlement 5.
    private static let owned: [UInt8: UInt8] = [
        1: 0b01_0001, 2: 0b00_0010, 3: 0b00_0100, 4: 0b00_1000, 5: 0b10_0000,
    ]

    private mutating func change(_ said: StateSaid, _ outcomes: [Outcome]) {
        guard let owned = Self.owned[said.owner] else {
            guard case .market(let shown)? = outcomes.first else { return object("no answer") }
            return expect(shown.refusal, 4, "a state from nobody")
        }
        var touched: [Int] = []
        switch said.scope {
        case 3: touched = Array(markets.indices)
        case 4: touched = markets.indices.filter { fixtures[markets[$0].fixture].said.isInPlay }
        case 2:
            guard let fixture = fixtureNumbers[said.id] else {
                guard case .market(let shown)? = outcomes.first else { return object("no answer") }
                return expect(shown.refusal, 1, "a state of no fixture")
            }
            touched = fixtures[fixture].markets.reversed()
        default:
            guard let number = marketNumbers[said.id] else {
                guard case .market(let shown)? = outcomes.first else { return object("no answer") }
                return expect(shown.refusal, 2, "a state of no market")
            }
            if said.expected != 0, said.expected != markets[number].changes {
                guard case .market(let shown)? = outcomes.first else { return object("no answer") }
                return expect(shown.refusal, 19, "a state of a market that changed since")
            }
            touched = [number]
        }
        for number in touched {
            let before = markets[number].reasons
            var after = before | (said.setting & owned)
            let lifted = said.lifting & owned & ~said.setting
            after &= ~lifted
            // Who opens what only people made has looked at it.
            let isOne = ![2, 3, 4].contains(said.scope)
            if isOne, markets[number].said.byHand != nil, said.owner == 3, lifted & 4 != 0 {
                after &= ~0b01_0011
            }
            markets[number].reasons = after
            if said.betDelay != .max {
                markets[number].betDelay = min(said.betDelay, rules.betDelay)
            }
            markets[number].version += 1
            if after != before || said.isMaterial { change(market: number) }
        }
        guard said.scope < 3 else { return }
        guard outcomes.count == touched.count else {
            return object("\(touched.count) markets changed, \(outcomes.count) are told")
        }
        for (number, outcome) in zip(touched, outcomes) {
            guard case .market(let shown) = outcome else { return object("no market is told") }
            compare(shown, number)
        }
    }
}
