import Betting
import Kernel
import Ledger

/// A customer's account as the engine sees it: numbers and money, no person.
struct AccountRow: BitwiseCopyable {
    var externalHigh: UInt64
    var externalLow: UInt64
    var cash: Int64 = 0
    var bonus: Int64 = 0
    var free: Int64 = 0
    var held: Int64 = 0
    var openBets: Int64 = 0
    /// What the customer owes, positive.
    var receivable: Int64 = 0
    /// Minor units, 0: none of its own.
    var stakeLimit: Int64
    var currency: UInt16
    var money: UInt8
    var isClosed: UInt8 = 0
    var pending: UInt16 = 0
    /// Refused intents in the id window.
    var refused: UInt16 = 0
    /// Bets that are pending or open.
    var standing: UInt32 = 0
    /// The newest of its own limits: the row plus one, 0 none.
    var firstLimit: UInt32 = 0
    /// Milliseconds that its bets wait in play beside a market's own delay.
    var delay: UInt32 = 0
    /// Thousandths of a market's maximum stake.
    var stakeFactor: UInt16 = AccountRow.wholeFactor
    var padding: UInt16 = 0

    static let wholeFactor: UInt16 = 1000

    /// The most that it may stake where a market takes `maximum`.
    func mostStaked(_ maximum: Int64) -> Int64 {
        guard stakeFactor != Self.wholeFactor else { return maximum }
        let (whole, rest) = maximum.quotientAndRemainder(dividingBy: Int64(Self.wholeFactor))
        let (scaled, overflow) = whole.multipliedReportingOverflow(by: Int64(stakeFactor))
        let more = rest * Int64(stakeFactor) / Int64(Self.wholeFactor)
        return overflow ? .max : scaled.addingReportingOverflow(more).partialValue
    }

    /// What every bet changes.
    @inline(__always) func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 1, row: UInt64(row))
        mix.combine(cash, bonus)
        mix.combine(held, openBets)
        mix.combine(
            UInt64(bitPattern: receivable), UInt64(standing) << 16 | UInt64(pending))
        return mix
    }

    /// What hardly ever changes.
    func mixTerms(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 24, row: UInt64(row))
        mix.combine(externalHigh, externalLow)
        mix.combine(free, stakeLimit)
        mix.combine(
            UInt64(refused),
            UInt64(currency) << 48 | UInt64(money) << 40 | UInt64(isClosed) << 32
                | UInt64(firstLimit))
        mix.combine(UInt64(delay), UInt64(stakeFactor))
        return mix
    }

    func write(to record: RecordBytes, at offset: Int) {
        record.set(offset + Layout.Balances.cash, cash)
        record.set(offset + Layout.Balances.bonus, bonus)
        record.set(offset + Layout.Balances.free, free)
        record.set(offset + Layout.Balances.held, held)
        record.set(offset + Layout.Balances.openBets, openBets)
        record.set(offset + Layout.Balances.receivable, receivable)
    }
}

struct BetRow: BitwiseCopyable {
    /// The intent's sequence: the bet's id.
    var sequence: UInt64
    var stake: Int64
    var potentialReturn: Int64
    var payout: Int64 = 0
    var acceptedAt: Int64 = 0
    var dueAt: Int64
    var account: UInt32
    var firstLeg: UInt32
    var settlementVersion: UInt16 = 0
    var legCount: UInt8
    var status: UInt8
    var isExposed: UInt8 = 1
    /// Legs whose markets have not released them yet.
    var heldLegs: UInt8 = 0
    var refusal: UInt8 = 0
    /// Bit 0: a row behind the legs says which lines they make; bit 1: each way, with rows of terms behind that.
    var forms: UInt8 = 0

    var isSystem: Bool { forms & 1 != 0 }
    var isEachWay: Bool { forms & 2 != 0 }

    /// Its legs, what they make, and four legs' terms in each further row.
    var legRows: Int {
        Self.legRows(Int(legCount), isSystem: isSystem, isEachWay: isEachWay)
    }

    static func legRows(_ legs: Int, isSystem: Bool, isEachWay: Bool) -> Int {
        legs + (isSystem ? 1 : 0) + (isEachWay ? (legs + 3) / 4 : 0)
    }

    /// A row that waits to be used again; `firstLeg` leads to the next such.
    static func free(next: UInt32) -> BetRow {
        BetRow(
            sequence: 0, stake: 0, potentialReturn: 0, dueAt: 0, account: .max, firstLeg: next,
            legCount: 0, status: 0, isExposed: 0)
    }

    var isFree: Bool { sequence == 0 }

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 2, row: UInt64(row))
        mix.combine(sequence, UInt64(bitPattern: stake))
        mix.combine(potentialReturn, payout)
        mix.combine(acceptedAt, dueAt)
        mix.combine(
            UInt64(account) << 32 | UInt64(firstLeg),
            UInt64(settlementVersion) << 48 | UInt64(legCount) << 40 | UInt64(status) << 32
                | UInt64(isExposed) << 24 | UInt64(heldLegs) << 16 | UInt64(forms) << 8
                | UInt64(refusal))
        return mix
    }
}

struct LegRow: BitwiseCopyable {
    var numerator: UInt32
    var denominator: UInt32
    var market: UInt32
    var selection: UInt32
    /// The market's and the fixture's material versions together, at receipt; the lower half, which does not
    /// come round within a delay.
    var material: UInt32

    var odds: Odds { Odds(reduced: numerator, denominator) }

    /// What stands behind a system's legs.
    static func shape(_ shape: SystemShape) -> LegRow {
        LegRow(
            numerator: shape.sizes, denominator: shape.bankers, market: .max, selection: .max,
            material: 0)
    }

    /// Four legs' each-way terms, in the same four words.
    static func places(_ words: InlineArray<4, UInt32>) -> LegRow {
        LegRow(
            numerator: words[0], denominator: words[1], market: .max, selection: words[2],
            material: words[3])
    }

    var words: InlineArray<4, UInt32> { [numerator, denominator, selection, material] }

    /// The first of the rows of a bet that left; `market` leads to the next such.
    static func free(next: UInt32) -> LegRow {
        LegRow(numerator: 0, denominator: 0, market: next, selection: 0, material: 0)
    }

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 3, row: UInt64(row))
        mix.combine(
            UInt64(numerator) << 32 | UInt64(denominator), UInt64(market) << 32 | UInt64(selection))
        mix.combine(UInt64(material), 0 as UInt64)
        return mix
    }
}

/// A client's bet id with what was answered: the same request gets the same answer.
struct IDRow: BitwiseCopyable {
    var high: UInt64
    var low: UInt64
    var hashHigh: UInt64
    var hashLow: UInt64
    var account: UInt32
    /// The bet's row, or `UInt32.max` for an intent that was refused at once.
    var bet: UInt32
    var validUntil: Int64
    /// The sequence of the intent that was decided.
    var sequence: UInt64
    /// Where the facts of a refusal stand, or `UInt32.max`.
    var facts: UInt32 = .max
    var refusal: UInt16 = 0
    var padding: UInt16 = 0

    func mix(_ what: RefusalFacts) -> RowMix {
        var mix = RowMix(kind: 4, row: sequence)
        mix.combine(high, low)
        mix.combine(hashHigh, hashLow)
        mix.combine(UInt64(account) << 32 | UInt64(bet), UInt64(bitPattern: validUntil))
        guard refusal != 0 || facts != .max else { return mix }
        mix.combine(UInt64(what.leg), UInt64(refusal))
        mix.combine(what.value, what.threshold)
        return mix
    }
}

/// The facts of one refusal, or what a cash-out came to, kept as long as its id.
struct FactRow: BitwiseCopyable {
    var value: Int64
    var threshold: Int64
    var leg: UInt32
    /// The next free row while this one is free.
    var next: UInt32 = .max
}

/// A bet, or a part of one, that is sold back when its delay has passed and nothing has changed.
struct CashOutRow: BitwiseCopyable {
    /// Of the command; 0 for a row that waits to be used again.
    var sequence: UInt64
    var bet: UInt64
    /// Minor units of the stake.
    var part: Int64
    /// Minor units: what was offered.
    var least: Int64
    /// Material versions of its legs, added up, at receipt.
    var material: UInt64
    var dueAt: Int64
    var account: UInt32
    /// The next free row.
    var next: UInt32 = .max

    static func free(next: UInt32) -> CashOutRow {
        CashOutRow(
            sequence: 0, bet: 0, part: 0, least: 0, material: 0, dueAt: 0, account: .max,
            next: next)
    }

    var isFree: Bool { sequence == 0 }

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 27, row: UInt64(row))
        mix.combine(sequence, bet)
        mix.combine(part, least)
        mix.combine(material, UInt64(bitPattern: dueAt))
        mix.combine(UInt64(account), UInt64(next))
        return mix
    }
}

/// A bet that is to be sold back whole as soon as it is worth so much.
struct SaleRuleRow: BitwiseCopyable {
    /// 0 for a row that waits to be used again.
    var bet: UInt64
    /// Minor units.
    var atLeast: Int64
    var account: UInt32
    /// The next to be looked at, or the next free row.
    var next: UInt32 = .max
    /// It waits to be looked at.
    var isDue: UInt8 = 0
    var padding: (UInt8, UInt16, UInt32) = (0, 0, 0)

    static func free(next: UInt32) -> SaleRuleRow {
        SaleRuleRow(bet: 0, atLeast: 0, account: .max, next: next)
    }

    var isFree: Bool { bet == 0 }

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 29, row: UInt64(row))
        mix.combine(bet, UInt64(bitPattern: atLeast))
        mix.combine(UInt64(account) << 32 | UInt64(next), UInt64(isDue))
        return mix
    }
}

/// Customers' money, their bets and the ids they used. Knows markets by number only.
struct AccountBook: ~Copyable {
    /// Else every method that only looks copies all of this.
    private let pin = Pin()
    var accounts: Rows<AccountRow>
    var bets: Rows<BetRow>
    var legs: Rows<LegRow>
    /// What customers set for themselves.
    var limits: Rows<LimitRow>
    /// Cash-outs that wait for their delay.
    var cashOuts: Rows<CashOutRow>
    private(set) var freeCashOut: UInt32 = .max
    /// By the bet: the row of the one that waits.
    private var waiting: [UInt64: UInt32] = [:]
    private var cashOutTimers: DueQueue
    /// Bets that are to be sold once they are worth so much.
    var saleRules: Rows<SaleRuleRow>
    private(set) var freeSaleRule: UInt32 = .max
    private var ruleOfBet: [UInt64: UInt32] = [:]
    /// By market: the rules of bets with a leg there, in the order of their rows.
    private var rulesOfMarket: [UInt32: [UInt32]] = [:]
    /// Those that are to be looked at, the first and the last.
    private(set) var dueRules: (first: UInt32, last: UInt32) = (.max, .max)
    /// Rows of bets by the sequence of their intents.
    private var betIndex: SequenceIndex
    private(set) var hash = StateHash()
    /// Rows of bets that left: the newest, which leads to the others.
    private(set) var freeBet: UInt32 = .max
    /// Rows of legs that left, by how many stand together.
    private(set) var freeLegs: InlineArray<21, UInt32> = InlineArray(repeating: .max)
    private(set) var freeBets = 0
    /// What each ledger account of each kind of money holds in total; each kind sums to zero.
    private(set) var totals: InlineArray<2, InlineArray<10, Int64>>

    /// Part of every id that is ours; another partition's rows are not here.
    var partition: UInt32 = 0
    private var accountIndex: KeyIndex
    var ids: IDWindow
    private var timers: DueQueue

    init(limits: EngineLimits, seed: UInt64) {
        accounts = Rows(capacity: limits.accounts)
        bets = Rows(capacity: limits.openBets)
        legs = Rows(capacity: limits.openBets + limits.openBets / 2)
        self.limits = Rows(capacity: limits.accounts * Self.limitsPerAccount)
        cashOuts = Rows(capacity: limits.timers)
        cashOutTimers = DueQueue(capacity: limits.timers)
        saleRules = Rows(capacity: limits.timers)
        betIndex = SequenceIndex(reserving: limits.reservedBets, seed: seed &+ 4)
        bets.reserve(limits.reservedBets)
        legs.reserve(limits.reservedBets)
        totals = InlineArray(repeating: InlineArray(repeating: 0))
        accountIndex = KeyIndex(reserving: 1024, seed: seed)
        ids = IDWindow(capacity: limits.ids, reserving: limits.reservedIDs, seed: seed)
        ids.rows.reserve(limits.reservedBets)
        timers = DueQueue(capacity: limits.timers)
    }

    // MARK: Accounts

    func account(_ id: AccountID) -> UInt32? {
        id.row < accounts.count && id.partition == partition ? id.row : nil
    }

    func account(external id: ExternalID) -> UInt32? {
        accountIndex.find(id.high, id.low) {
            accounts[$0].externalHigh == id.high && accounts[$0].externalLow == id.low
        }
    }

    var isFull: Bool { accounts.count == accounts.capacity }

    mutating func open(_ row: AccountRow) -> UInt32? {
        guard let number = accounts.append(row) else { return nil }
        let high = row.externalHigh
        let low = row.externalLow
        accountIndex.insert(high, low, row: number)
        hash.add(row.mix(number))
        hash.add(row.mixTerms(number))
        return number
    }

    /// Changes a row and keeps the state hash in step.
    @inline(__always)
    mutating func change(account number: UInt32, _ body: (inout AccountRow) -> Void) {
        hash.subtract(accounts[number].mix(number))
        hash.subtract(accounts[number].mixTerms(number))
        body(&accounts[number])
        hash.add(accounts[number].mix(number))
        hash.add(accounts[number].mixTerms(number))
    }

    @inline(__always)
    mutating func change(bet number: UInt32, _ body: (inout BetRow) -> Void) {
        hash.subtract(bets[number].mix(number))
        body(&bets[number])
        hash.add(bets[number].mix(number))
    }

    /// A limit that its account did not have; there is room for all that an account may have.
    mutating func add(_ limit: LimitRow) -> UInt32 {
        var row = limit
        row.next = accounts[limit.account].firstLimit
        guard let number = limits.append(row) else {
            preconditionFailure("room for every limit of every account")
        }
        hash.add(row.mix(number))
        change(account: limit.account) { $0.firstLimit = number + 1 }
        return number
    }

    mutating func change(limit number: UInt32, _ body: (inout LimitRow) -> Void) {
        hash.subtract(limits[number].mix(number))
        body(&limits[number])
        hash.add(limits[number].mix(number))
    }

    /// The one way in which money moves.
    @inline(__always)
    mutating func post(_ entry: LedgerEntry, to number: UInt32) {
        hash.subtract(accounts[number].mix(number))
        write(entry, to: number)
        hash.add(accounts[number].mix(number))
    }

    /// A new bet's entry, and the bet counted.
    @inline(__always)
    mutating func book(
        _ entry: LedgerEntry, to number: UInt32, isPending: Bool = false
    ) {
        hash.subtract(accounts[number].mix(number))
        write(entry, to: number)
        accounts[number].standing += 1
        if isPending { accounts[number].pending += 1 }
        hash.add(accounts[number].mix(number))
    }

    @inline(__always)
    private mutating func write(_ entry: LedgerEntry, to number: UInt32) {
        precondition(entry.sum == 0, "a ledger entry sums to zero")
        let money = Int(accounts[number].money) - 1
        for index in 0..<entry.count {
            let posting = entry[index]
            let amount = posting.amount
            switch posting.account {
            case .cash: accounts[number].cash += amount
            case .bonus: accounts[number].bonus += amount
            case .held: accounts[number].held += amount
            case .openBets: accounts[number].openBets += amount
            case .receivable: accounts[number].receivable -= amount
            case .withdrawals, .houseResult, .breakage, .outside: break
            }
            totals[money][Int(posting.account.rawValue)] += amount
        }
        // The judge must find that one by itself.
        precondition(
            planted(.holdNotCounted)
                || accounts[number].cash >= 0 && accounts[number].held >= 0
                    && accounts[number].openBets >= 0 && accounts[number].receivable >= 0,
            "no customer's account falls below zero")
    }

    // MARK: Bets

    /// The bet's row, or nil when bets or legs are full; each leg is filled by `set` right after.
    mutating func add(_ bet: BetRow) -> UInt32? {
        guard hasRoom(legs: bet.legRows) else { return nil }
        var row = bet
        row.heldLegs = bet.legCount
        row.firstLeg = takeLegs(bet.legRows)
        let sequence = row.sequence
        guard freeBet != .max else {
            let number = bets.append(row)!
            hash.add(row.mix(number))
            betIndex.insert(sequence, row: number, in: bets)
            return number
        }
        let number = freeBet
        hash.subtract(bets[number].mix(number))
        setFreeBet(bets[number].firstLeg)
        freeBets -= 1
        bets[number] = row
        hash.add(row.mix(number))
        betIndex.insert(sequence, row: number, in: bets)
        return number
    }

    /// The row of the bet with this number, if it is still here.
    func bet(_ sequence: UInt64) -> UInt32? {
        betIndex.find(sequence, in: bets)
    }

    /// Bets that are here, whatever their status.
    var betCount: Int { bets.count - freeBets }

    /// Which lines a bet's legs make; nil when it is one accumulator.
    func shape(of bet: BetRow) -> SystemShape? {
        guard bet.isSystem else { return nil }
        let row = legs[bet.firstLeg + UInt32(bet.legCount)]
        return SystemShape(
            legs: Int(bet.legCount), sizes: row.numerator,
            bankers: planted(.bankerForgotten) ? 0 : row.denominator)
    }

    /// The each-way terms of one of a bet's legs; nil for a bet that is not each way.
    func places(of bet: BetRow, leg: Int) -> PlaceTerms? {
        guard bet.isEachWay else { return nil }
        let first = bet.firstLeg + UInt32(bet.legCount) + (bet.isSystem ? 1 : 0)
        return PlaceTerms(packed: legs[first + UInt32(leg / 4)].words[leg % 4])
    }

    /// Whether a bet with this many rows for legs finds them.
    func hasRoom(legs count: Int) -> Bool {
        (freeBet != .max || bets.count < bets.capacity)
            && (freeLegs[min(count, 20)] != .max || legs.count + count <= legs.capacity)
    }

    /// The rows for a bet's legs, one after another; each is filled by `set` right after.
    private mutating func takeLegs(_ count: Int) -> UInt32 {
        let first = freeLegs[count]
        guard first != .max else {
            let fresh = UInt32(legs.count)
            for _ in 0..<count {
                let number = legs.append(.free(next: .max))
                precondition(number != nil, "room for a bet's legs was looked for before")
            }
            return fresh
        }
        let next = legs[first].market
        for number in first..<first + UInt32(count) { hash.subtract(legs[number].mix(number)) }
        setFreeLegs(count, next)
        return first
    }

    mutating func set(_ leg: LegRow, at number: UInt32) {
        legs[number] = leg
        hash.add(leg.mix(number))
    }

    /// A bet whose markets have all released it leaves; its rows are used again.
    mutating func remove(bet number: UInt32) {
        let row = bets[number]
        let sequence = row.sequence
        hash.subtract(row.mix(number))
        betIndex.remove(sequence, row: number, in: bets)
        bets[number] = .free(next: freeBet)
        hash.add(bets[number].mix(number))
        setFreeBet(number)
        freeBets += 1
        let count = row.legRows
        for index in 0..<UInt32(count) {
            let leg = row.firstLeg + index
            hash.subtract(legs[leg].mix(leg))
            legs[leg] = .free(next: index == 0 ? freeLegs[count] : .max)
            hash.add(legs[leg].mix(leg))
        }
        setFreeLegs(count, row.firstLeg)
    }

    // Which row is used next decides numbers that are seen later, so the hash has it too.

    private mutating func setFreeBet(_ number: UInt32) {
        hash.subtract(freeBet, kind: 21)
        freeBet = number
        hash.add(freeBet, kind: 21)
    }

    private mutating func setFreeLegs(_ count: Int, _ number: UInt32) {
        hash.subtract(freeLegs[count], kind: 32 + UInt64(count))
        freeLegs[count] = number
        hash.add(freeLegs[count], kind: 32 + UInt64(count))
    }

    /// The oldest id that is still known here; no bet that it may name can leave.
    var oldestID: UInt64? { ids.oldestSequence }

    // MARK: Ids

    /// What was answered to this account's id, if it is still in the window.
    func known(_ id: ExternalID, account: UInt32) -> IDRow? { ids.find(id, account: account) }

    /// Asks the cache for what a bet of this account reads first.
    @inline(__always)
    func expect(_ id: ExternalID, account: AccountID) {
        accounts.expect(account.row)
        ids.expect(id, account: account.row)
    }

    var isIDWindowFull: Bool { ids.isFull }
    var idCapacity: Int { ids.capacity }
    var idCount: Int { ids.count }

    mutating func remember(_ row: IDRow, refusal: Refusal? = nil, facts: RefusalFacts? = nil) {
        let stored = ids.append(row, refusal: refusal, facts: facts)
        hash.add(stored.mix(facts ?? RefusalFacts()))
        if refusal != nil { change(account: row.account) { $0.refused += 1 } }
    }

    func facts(of row: IDRow) -> RefusalFacts { ids.facts(of: row) }

    /// The stored answer of a pending bet changes once, when its delay has passed.
    mutating func conclude(id sequence: UInt64, refusal: Refusal?, facts: RefusalFacts) {
        guard let (before, after) = ids.conclude(sequence, refusal: refusal, facts: facts) else {
            return
        }
        hash.subtract(before.0.mix(before.1))
        hash.add(after.mix(facts))
        if refusal != nil { change(account: after.account) { $0.refused += 1 } }
    }

    /// Lets ids go whose window has passed and whose answer the projection has.
    mutating func forget(now: Timestamp, projected: UInt64, window: Int64, atMost: Int) {
        for _ in 0..<atMost {
            guard
                let (row, facts) = ids.popFirst(now: now, projected: projected, window: window)
            else { return }
            hash.subtract(row.mix(facts))
            if row.refusal != 0 { change(account: row.account) { $0.refused -= 1 } }
        }
    }

    func canForget(now: Timestamp, projected: UInt64, window: Int64) -> Bool {
        ids.canPop(now: now, projected: projected, window: window)
    }

    // MARK: Timers

    var nextDue: Int64? {
        switch (timers.first?.dueAt, cashOutTimers.first?.dueAt) {
        case (let bet?, let cashOut?): min(bet, cashOut)
        case (let bet, let cashOut): bet ?? cashOut
        }
    }

    var areTimersFull: Bool { timers.isFull }
    var timerCapacity: Int { timers.capacity }

    mutating func schedule(bet: UInt32, dueAt: Int64) {
        timers.insert(DueQueue.Entry(dueAt: dueAt, bet: bet))
    }

    mutating func popDue(_ now: Timestamp) -> UInt32? { timers.pop(dueBy: now.nanoseconds) }

    // MARK: Cash-outs

    var areCashOutsFull: Bool { cashOutTimers.isFull }

    /// Whether one of this bet waits for its delay.
    func isCashOutWaiting(of bet: UInt64) -> Bool { waiting[bet] != nil }

    func waitingCashOut(of bet: UInt64) -> CashOutRow? { waiting[bet].map { cashOuts[$0] } }

    /// The caller has looked whether there is room, and that none of the bet waits.
    mutating func wait(_ row: CashOutRow) {
        var number = freeCashOut
        if number == .max {
            number = cashOuts.append(row)!
        } else {
            hash.subtract(cashOuts[number].mix(number))
            setFreeCashOut(cashOuts[number].next)
            cashOuts[number] = row
        }
        hash.add(row.mix(number))
        waiting[row.bet] = number
        cashOutTimers.insert(DueQueue.Entry(dueAt: row.dueAt, bet: number))
        change(account: row.account) { $0.pending += 1 }
    }

    /// The next whose delay has passed; it waits no longer.
    mutating func popCashOut(_ now: Timestamp) -> CashOutRow? {
        guard let number = cashOutTimers.pop(dueBy: now.nanoseconds) else { return nil }
        let row = cashOuts[number]
        waiting[row.bet] = nil
        hash.subtract(row.mix(number))
        cashOuts[number] = .free(next: freeCashOut)
        hash.add(cashOuts[number].mix(number))
        setFreeCashOut(number)
        change(account: row.account) { $0.pending -= 1 }
        return row
    }

    // MARK: Selling by rule

    var areRulesFull: Bool {
        freeSaleRule == .max && saleRules.count == saleRules.capacity
    }

    /// What a bet is to be sold for by itself; nil when nobody said so.
    func saleRule(of bet: UInt64) -> Int64? { ruleOfBet[bet].map { saleRules[$0].atLeast } }

    private mutating func change(rule number: UInt32, _ body: (inout SaleRuleRow) -> Void) {
        hash.subtract(saleRules[number].mix(number))
        body(&saleRules[number])
        hash.add(saleRules[number].mix(number))
    }

    /// A rule for a bet that may have one; it is looked at next. The caller has looked whether there is room.
    mutating func setRule(of bet: UInt32, atLeast: Int64) {
        let row = bets[bet]
        guard let known = ruleOfBet[row.sequence] else {
            var number = freeSaleRule
            let rule = SaleRuleRow(bet: row.sequence, atLeast: atLeast, account: row.account)
            if number == .max {
                number = saleRules.append(rule)!
            } else {
                hash.subtract(saleRules[number].mix(number))
                setFreeSaleRule(saleRules[number].next)
                saleRules[number] = rule
            }
            hash.add(rule.mix(number))
            index(rule: number)
            return look(at: number)
        }
        change(rule: known) { $0.atLeast = atLeast }
        look(at: known)
    }

    mutating func removeRule(of bet: UInt64) {
        guard !ruleOfBet.isEmpty, let number = ruleOfBet.removeValue(forKey: bet) else { return }
        if let row = self.bet(bet) {
            for leg in bets[row].firstLeg..<bets[row].firstLeg + UInt32(bets[row].legCount) {
                let market = legs[leg].market
                rulesOfMarket[market]?.removeAll { $0 == number }
                if rulesOfMarket[market]?.isEmpty == true { rulesOfMarket[market] = nil }
            }
        }
        // One that waits to be looked at leaves the queue when its turn comes.
        if saleRules[number].isDue == 1 {
            return change(rule: number) { $0.atLeast = 0 }
        }
        freeRule(number)
    }

    private mutating func freeRule(_ number: UInt32) {
        let next = freeSaleRule
        change(rule: number) { $0 = .free(next: next) }
        setFreeSaleRule(number)
    }

    private mutating func setFreeSaleRule(_ number: UInt32) {
        hash.subtract(freeSaleRule, kind: 30)
        freeSaleRule = number
        hash.add(freeSaleRule, kind: 30)
    }

    /// Its bet and its markets lead to it.
    private mutating func index(rule number: UInt32) {
        let rule = saleRules[number]
        ruleOfBet[rule.bet] = number
        guard let row = bet(rule.bet) else { return }
        for leg in bets[row].firstLeg..<bets[row].firstLeg + UInt32(bets[row].legCount) {
            var rules = rulesOfMarket[legs[leg].market] ?? []
            rules.insert(number, at: rules.firstIndex { $0 > number } ?? rules.count)
            rulesOfMarket[legs[leg].market] = rules
        }
    }

    /// Something on a market changed: whatever is to be sold by rule is looked at again.
    @inline(__always) mutating func lookAtRules(of market: UInt32) {
        guard !rulesOfMarket.isEmpty, let rules = rulesOfMarket[market],
            !planted(.saleRuleForgotten) || market % 3 > 0
        else { return }
        for number in rules { look(at: number) }
    }

    mutating func lookAtRule(of bet: UInt64) {
        if let number = ruleOfBet[bet] { look(at: number) }
    }

    private mutating func look(at number: UInt32) {
        guard saleRules[number].isDue == 0 else { return }
        change(rule: number) {
            $0.isDue = 1
            $0.next = .max
        }
        if dueRules.last == .max {
            setDue((number, number))
        } else {
            change(rule: dueRules.last) { $0.next = number }
            setDue((dueRules.first, number))
        }
    }

    private mutating func setDue(_ due: (first: UInt32, last: UInt32)) {
        hash.subtract(dueRules.first, kind: 31)
        dueRules = due
        hash.add(dueRules.first, kind: 31)
    }

    var hasDueRules: Bool { dueRules.first != .max }

    /// The next rule to be looked at; nil for one that was taken back meanwhile.
    mutating func popRule() -> SaleRuleRow? {
        let number = dueRules.first
        let row = saleRules[number]
        setDue((row.next, row.next == .max ? .max : dueRules.last))
        guard row.atLeast > 0 else {
            freeRule(number)
            return nil
        }
        change(rule: number) {
            $0.isDue = 0
            $0.next = .max
        }
        return row
    }

    private mutating func setFreeCashOut(_ number: UInt32) {
        hash.subtract(freeCashOut, kind: 28)
        freeCashOut = number
        hash.add(freeCashOut, kind: 28)
    }

    // MARK: Snapshots

    /// After the rows were loaded: what follows from them.
    mutating func rebuild(
        hash: StateHash, totals: [Int64], freeBet: UInt32, freeLegs: [UInt32],
        freeCashOut: UInt32, freeSaleRule: UInt32, dueRules: (UInt32, UInt32), seed: UInt64
    ) {
        self.hash = hash
        for money in 0..<2 {
            for account in 0..<10 { self.totals[money][account] = totals[money * 10 + account] }
        }
        self.freeBet = freeBet
        for count in 0..<21 { self.freeLegs[count] = freeLegs[count] }
        accountIndex = KeyIndex(reserving: accounts.count, seed: seed)
        for number in 0..<UInt32(accounts.count) {
            accountIndex.insert(
                accounts[number].externalHigh, accounts[number].externalLow, row: number)
        }
        self.freeCashOut = freeCashOut
        self.freeSaleRule = freeSaleRule
        self.dueRules = dueRules
        waiting = [:]
        for number in 0..<UInt32(cashOuts.count) where !cashOuts[number].isFree {
            let row = cashOuts[number]
            waiting[row.bet] = number
            cashOutTimers.insert(DueQueue.Entry(dueAt: row.dueAt, bet: number))
        }
        freeBets = 0
        betIndex = SequenceIndex(reserving: bets.count, seed: seed &+ 4)
        for number in 0..<UInt32(bets.count) {
            let sequence = bets[number].sequence
            if sequence != 0 { betIndex.insert(sequence, row: number, in: bets) }
            if bets[number].isFree {
                freeBets += 1
            } else if bets[number].status == BetStatus.pending.rawValue,
                !planted(.snapshotTimerLost)
            {
                schedule(bet: number, dueAt: bets[number].dueAt)
            }
        }
        ruleOfBet = [:]
        rulesOfMarket = [:]
        for number in 0..<UInt32(saleRules.count) where saleRules[number].atLeast > 0 {
            index(rule: number)
        }
    }

    var totalWords: [Int64] {
        (0..<2).flatMap { money in (0..<10).map { totals[money][$0] } }
    }

    var freeLegWords: [UInt32] { (0..<21).map { freeLegs[$0] } }

    // MARK: Proof

    /// Recomputes the hash from the rows and the totals from the accounts.
    func audit() -> (hash: StateHash, problems: [String]) {
        let fresh = rowsHash()
        // Only what is as it was left leads from row to row without an end.
        guard fresh == hash else {
            return (fresh, ["the accounts' hash is not the hash of their rows"])
        }
        var problems: [String] = []
        var sums: InlineArray<2, InlineArray<10, Int64>> = InlineArray(
            repeating: InlineArray(repeating: 0))
        for number in 0..<UInt32(accounts.count) {
            let row = accounts[number]
            let money = Int(row.money) - 1
            sums[money][Int(LedgerAccount.cash.rawValue)] += row.cash
            sums[money][Int(LedgerAccount.bonus.rawValue)] += row.bonus
            sums[money][Int(LedgerAccount.held.rawValue)] += row.held
            sums[money][Int(LedgerAccount.openBets.rawValue)] += row.openBets
            sums[money][Int(LedgerAccount.receivable.rawValue)] -= row.receivable
        }
        var held: InlineArray<2, Int64> = InlineArray(repeating: 0)
        var open: InlineArray<2, Int64> = InlineArray(repeating: 0)
        for number in 0..<UInt32(bets.count) {
            let row = bets[number]
            if row.isFree { continue }
            let money = Int(accounts[row.account].money) - 1
            switch BetStatus(rawValue: row.status) {
            case .pending: held[money] += row.stake
            case .open: open[money] += row.stake
            case .refused, .settled, .cashedOut: break
            case nil: problems.append("bet \(row.sequence) has no status")
            }
        }
        problems += freeProblems() + limitProblems() + cashOutProblems() + indexProblems()
        var standing = [UInt32](repeating: 0, count: accounts.count)
        for number in 0..<UInt32(bets.count)
        where bets[number].status == BetStatus.pending.rawValue
            || bets[number].status == BetStatus.open.rawValue
        { standing[Int(bets[number].account)] += 1 }
        for number in 0..<UInt32(accounts.count)
        where accounts[number].standing != standing[Int(number)] {
            problems.append("account \(number): its standing bets are not counted right")
        }
        for money in MoneyKind.allCases {
            let index = Int(money.rawValue) - 1
            var total: Int64 = 0
            for account in LedgerAccount.allCases { total += totals[index][Int(account.rawValue)] }
            if total != 0 { problems.append("\(money.word) books sum to \(total), not zero") }
            for account: LedgerAccount in [.cash, .bonus, .held, .openBets, .receivable]
            where sums[index][Int(account.rawValue)] != totals[index][Int(account.rawValue)] {
                problems.append("\(money.word) \(account.word): accounts and total differ")
            }
            if held[index] != sums[index][Int(LedgerAccount.held.rawValue)] {
                problems.append("\(money.word): held money is not the stakes of pending bets")
            }
            if open[index] != sums[index][Int(LedgerAccount.openBets.rawValue)] {
                problems.append("\(money.word): open-bet money is not the stakes of open bets")
            }
        }
        return (fresh, problems)
    }

    /// The hash that the rows have, each looked at alone.
    private func rowsHash() -> StateHash {
        var fresh = StateHash()
        for number in 0..<UInt32(accounts.count) {
            fresh.add(accounts[number].mix(number))
            fresh.add(accounts[number].mixTerms(number))
        }
        for number in 0..<UInt32(bets.count) { fresh.add(bets[number].mix(number)) }
        for number in 0..<UInt32(legs.count) { fresh.add(legs[number].mix(number)) }
        for number in 0..<UInt32(limits.count) { fresh.add(limits[number].mix(number)) }
        for number in 0..<UInt32(cashOuts.count) { fresh.add(cashOuts[number].mix(number)) }
        fresh.add(freeBet, kind: 21)
        fresh.add(freeCashOut, kind: 28)
        for number in 0..<UInt32(saleRules.count) { fresh.add(saleRules[number].mix(number)) }
        fresh.add(freeSaleRule, kind: 30)
        fresh.add(dueRules.first, kind: 31)
        for count in 1...20 { fresh.add(freeLegs[count], kind: 32 + UInt64(count)) }
        ids.forEach { fresh.add($0.mix($1)) }
        return fresh
    }

    private func indexProblems() -> [String] {
        var problems: [String] = []
        if betIndex.count != betCount { problems.append("bets and their index are not as many") }
        for number in 0..<UInt32(bets.count)
        where !bets[number].isFree && bet(bets[number].sequence) != number {
            problems.append("bet \(bets[number].sequence) is not found by its number")
        }
        return problems
    }

    /// Whoever waits is found by its bet, and every account's are counted.
    private func cashOutProblems() -> [String] {
        var problems: [String] = []
        var pending = [UInt16](repeating: 0, count: accounts.count)
        for number in 0..<UInt32(cashOuts.count) where !cashOuts[number].isFree {
            let row = cashOuts[number]
            pending[Int(row.account)] += 1
            if waiting[row.bet] != number {
                problems.append("a cash-out of bet \(row.bet) is not found")
            }
        }
        for number in 0..<UInt32(saleRules.count) where saleRules[number].atLeast > 0 {
            let rule = saleRules[number]
            let isOpen = bet(rule.bet).map { bets[$0].status == BetStatus.open.rawValue } ?? false
            if ruleOfBet[rule.bet] != number || !isOpen {
                problems.append("the rule to sell bet \(rule.bet) is not its own")
            }
        }
        for number in 0..<UInt32(bets.count) where bets[number].status == BetStatus.pending.rawValue
        { pending[Int(bets[number].account)] += 1 }
        for number in 0..<UInt32(accounts.count)
        where accounts[number].pending != pending[Int(number)] {
            problems.append("account \(number): what waits is not counted right")
        }
        return problems
    }

    /// Each free row is on its list once, and nothing else is.
    private func freeProblems() -> [String] {
        var counted = 0
        var number = freeBet
        while number != .max, counted <= bets.count, bets[number].isFree {
            counted += 1
            number = bets[number].firstLeg
        }
        guard number == .max, counted == freeBets else {
            return ["the list of free bets is broken"]
        }
        var free = 0
        for number in 0..<UInt32(bets.count) where bets[number].isFree { free += 1 }
        return free == freeBets ? [] : ["\(free) bets are free, \(freeBets) are on the list"]
    }

    /// Total of one ledger account in one kind of money.
    func total(_ account: LedgerAccount, _ money: MoneyKind) -> Int64 {
        totals[Int(money.rawValue) - 1][Int(account.rawValue)]
    }
}

extension StateHash {
    /// The head of a list of free rows; an empty list adds nothing.
    mutating func add(_ free: UInt32, kind: UInt64) {
        if free != .max { add(Self.mix(free, kind)) }
    }

    mutating func subtract(_ free: UInt32, kind: UInt64) {
        if free != .max { subtract(Self.mix(free, kind)) }
    }

    private static func mix(_ free: UInt32, _ kind: UInt64) -> RowMix {
        var mix = RowMix(kind: kind, row: UInt64(free))
        mix.combine(UInt64(free), kind)
        return mix
    }
}
