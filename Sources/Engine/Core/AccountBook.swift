import Betting
import Kernel
import Ledger

/// Customers' money, their bets and the ids they used. Knows markets by number only.
struct AccountBook: ~Copyable {
    /// Else every method that only looks copies all of this.
    private let pin = Pin()
    var accounts: Rows<AccountRow>
    var bets: Rows<BetRow>
    var legs: Rows<LegRow>
    /// What customers set for themselves.
    var limits: Rows<LimitRow>
    /// What each account's bets that are pending or open return together if all win, minor units: it follows from them.
    private(set) var promised: [Int64] = []
    /// What stands of bets that are not of cash alone; found again from the bets after a snapshot.
    private(set) var promotional = PromotionalRisk()
    /// What is being sold back, and what is to be.
    var sales: SaleBook
    /// Rows of bets by the sequence of their intents.
    private var betIndex: SequenceIndex
    private(set) var hash = StateHash()
    /// Rows of bets that left: the newest, which leads to the others.
    private(set) var freeBet: UInt32 = .max
    /// Rows of legs that left, by how many stand together.
    private(set) var freeLegs: InlineArray<21, UInt32> = InlineArray(repeating: .max)
    private(set) var freeBets = 0
    /// What each ledger account of each kind of money holds in total; each kind sums to zero.
    private(set) var totals: InlineArray<2, InlineArray<11, Int64>>

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
        sales = SaleBook(limits: limits)
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
        promised.append(0)
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
        _ entry: LedgerEntry, to number: UInt32, promising: Int64, isPending: Bool = false
    ) {
        hash.subtract(accounts[number].mix(number))
        write(entry, to: number)
        accounts[number].standing += 1
        promised[Int(number)] += promising
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
            case .withdrawals, .houseResult, .breakage, .outside, .promotions: break
            }
            totals[money][Int(posting.account.rawValue)] += amount
        }
        // The judge must find that one by itself.
        precondition(
            planted(.holdNotCounted)
                || accounts[number].cash >= 0 && accounts[number].bonus >= 0
                    && accounts[number].held >= 0 && accounts[number].openBets >= 0
                    && accounts[number].receivable >= 0,
            "no customer's account falls below zero")
    }

    /// An open bet returns another amount than before.
    mutating func promise(_ more: Int64, of account: UInt32) { promised[Int(account)] += more }

    /// A bet begins to stand again, or does no longer.
    mutating func count(_ bet: BetRow, isStanding: Bool) {
        change(account: bet.account) {
            $0.standing = isStanding ? $0.standing + 1 : $0.standing - 1
        }
        promised[Int(bet.account)] += isStanding ? bet.potentialReturn : -bet.potentialReturn
        if bet.isPromotional { promotional.count(bet, split(of: bet), isStanding: isStanding) }
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
            bankers: planted(.bankerForgotten) ? 0 : row.denominator,
            packedGroups: bet.isNested && !planted(.groupsForgotten) ? groups(of: bet) : .zero)
    }

    /// The price of all of a bet's legs together; nil where each has its own.
    func joint(of bet: BetRow) -> Odds? {
        bet.isJoint ? legs[bet.firstLeg + UInt32(bet.legCount)].odds : nil
    }

    private func groups(of bet: BetRow) -> SIMD4<UInt32> {
        let words = legs[bet.firstLeg + UInt32(bet.legCount) + 1].words
        return SIMD4(words[0], words[1], words[2], words[3])
    }

    /// The each-way terms of one of a bet's legs; nil for a bet that is not each way.
    func places(of bet: BetRow, leg: Int) -> PlaceTerms? {
        guard bet.isEachWay else { return nil }
        return PlaceTerms(packed: legs[bet.firstPlaces + UInt32(leg / 4)].words[leg % 4])
    }

    /// Of which money a bet's stake is.
    func split(of bet: BetRow) -> StakeSplit {
        guard bet.isPromotional else { return StakeSplit(cash: bet.stake) }
        let row = promotional(of: bet)
        let (bonus, free) = (Int64(row.bonus), Int64(row.free))
        return StakeSplit(cash: bet.stake - bonus - free, bonus: bonus, free: free)
    }

    /// What came back of it beside cash, as it stands.
    func returned(of bet: BetRow) -> PromotionalReturn {
        guard bet.isPromotional else { return .none }
        let row = promotional(of: bet)
        return PromotionalReturn(bonus: Int64(row.bonusBack), free: Int64(row.freeBack))
    }

    private func promotional(of bet: BetRow) -> PromotionalRow {
        PromotionalRow(legs[bet.firstLeg + UInt32(bet.legRows) - 1])
    }

    /// A new bet's stake is not of cash alone; what of it is free is no longer there to be staked.
    mutating func setSplit(_ stake: StakeSplit, of number: UInt32) {
        let bet = bets[number]
        set(
            .promotional(PromotionalRow(stake)),
            at: bet.firstLeg + UInt32(bet.legRows) - 1)
        promotional.count(bet, stake, isStanding: true)
        if stake.free > 0 { change(account: bet.account) { $0.free -= stake.free } }
    }

    /// `free` of it is what was given back and not taken away again.
    mutating func set(_ returned: PromotionalReturn, of bet: BetRow) {
        let number = bet.firstLeg + UInt32(bet.legRows) - 1
        var row = PromotionalRow(legs[number])
        row.bonusBack = UInt32(returned.bonus)
        row.freeBack = UInt32(returned.free)
        hash.subtract(legs[number].mix(number))
        set(.promotional(row), at: number)
    }

    /// What an account has and owes.
    func holdings(_ account: UInt32) -> LedgerEntry.Holdings {
        let row = accounts[account]
        return LedgerEntry.Holdings(cash: row.cash, bonus: row.bonus, owed: row.receivable)
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

    mutating func change(leg number: UInt32, _ edit: (inout LegRow) -> Void) {
        hash.subtract(legs[number].mix(number))
        edit(&legs[number])
        hash.add(legs[number].mix(number))
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
        switch (timers.first?.dueAt, sales.nextDue) {
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

    // MARK: Selling back

    /// The caller has looked whether there is room, and that none of the bet waits.
    mutating func wait(_ row: CashOutRow) {
        sales.wait(row)
        change(account: row.account) { $0.pending += 1 }
    }

    /// The next whose delay has passed; it waits no longer.
    mutating func popCashOut(_ now: Timestamp) -> CashOutRow? {
        guard let row = sales.popWaiting(now) else { return nil }
        change(account: row.account) { $0.pending -= 1 }
        return row
    }

    /// A rule for a bet that may have one; it is looked at next. The caller has looked whether there is room.
    mutating func setRule(of bet: UInt32, atLeast: Int64) {
        let row = bets[bet]
        let markets = marketsOfLegs(row)
        sales.setRule(of: row.sequence, account: row.account, atLeast: atLeast, markets: markets)
    }

    /// Nothing for a bet that has none.
    @inline(__always) mutating func removeRule(of bet: UInt64) {
        guard sales.rule(of: bet) != nil else { return }
        let markets = self.bet(bet).map { marketsOfLegs(bets[$0]) } ?? []
        sales.removeRule(of: bet, markets: markets)
    }

    private func marketsOfLegs(_ bet: BetRow) -> [UInt32] {
        (bet.firstLeg..<bet.firstLeg + UInt32(bet.legCount)).map { legs[$0].market }
    }

    // MARK: Snapshots

    /// After the rows were loaded: what follows from them.
    mutating func rebuild(
        hash: StateHash, totals: [Int64], freeBet: UInt32, freeLegs: [UInt32],
        sales state: SaleBook.Words, seed: UInt64
    ) {
        self.hash = hash
        for money in 0..<2 {
            for account in 0..<11 { self.totals[money][account] = totals[money * 11 + account] }
        }
        self.freeBet = freeBet
        for count in 0..<21 { self.freeLegs[count] = freeLegs[count] }
        accountIndex = KeyIndex(reserving: accounts.count, seed: seed)
        for number in 0..<UInt32(accounts.count) {
            accountIndex.insert(
                accounts[number].externalHigh, accounts[number].externalLow, row: number)
        }
        promised = [Int64](repeating: 0, count: accounts.count)
        promotional = PromotionalRisk()
        freeBets = 0
        betIndex = SequenceIndex(reserving: bets.count, seed: seed &+ 4)
        for number in 0..<UInt32(bets.count) {
            let sequence = bets[number].sequence
            if sequence != 0 { betIndex.insert(sequence, row: number, in: bets) }
            if bets[number].isStanding {
                promised[Int(bets[number].account)] += bets[number].potentialReturn
                if bets[number].isPromotional {
                    promotional.count(bets[number], split(of: bets[number]), isStanding: true)
                }
            }
            if bets[number].isFree {
                freeBets += 1
            } else if bets[number].status == BetStatus.pending.rawValue,
                !planted(.snapshotTimerLost)
            {
                schedule(bet: number, dueAt: bets[number].dueAt)
            }
        }
        var markets: [UInt64: [UInt32]] = [:]
        for bet in sales.ruledBets {
            markets[bet] = self.bet(bet).map { marketsOfLegs(bets[$0]) }
        }
        sales.rebuild(state, markets: markets)
    }

    var totalWords: [Int64] {
        (0..<2).flatMap { money in (0..<11).map { totals[money][$0] } }
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
        var sums: InlineArray<2, InlineArray<11, Int64>> = InlineArray(
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
            case .pending: held[money] += split(of: row).paid
            case .open: open[money] += split(of: row).paid
            case .refused, .settled, .cashedOut: break
            case nil: problems.append("bet \(row.sequence) has no status")
            }
        }
        problems += freeProblems() + limitProblems() + saleProblems() + indexProblems()
        var standing = [UInt32](repeating: 0, count: accounts.count)
        var promised = [Int64](repeating: 0, count: accounts.count)
        var promotional = PromotionalRisk()
        for number in 0..<UInt32(bets.count)
        where bets[number].status == BetStatus.pending.rawValue
            || bets[number].status == BetStatus.open.rawValue
        {
            standing[Int(bets[number].account)] += 1
            promised[Int(bets[number].account)] += bets[number].potentialReturn
            if bets[number].isPromotional {
                promotional.count(bets[number], split(of: bets[number]), isStanding: true)
            }
        }
        if promotional != self.promotional {
            problems.append("what stands of promotions is not the sum of its bets")
        }
        for number in 0..<UInt32(accounts.count)
        where accounts[number].standing != standing[Int(number)]
            || self.promised[Int(number)] != promised[Int(number)]
        {
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
        fresh.add(freeBet, kind: 21)
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

    /// Whatever waits is of an account that counts it, and whatever is to be sold by rule is open.
    private func saleProblems() -> [String] {
        var problems = sales.problems()
        var pending = [UInt16](repeating: 0, count: accounts.count)
        for account in sales.waitingAccounts { pending[Int(account)] += 1 }
        for number in 0..<UInt32(bets.count) where bets[number].status == BetStatus.pending.rawValue
        { pending[Int(bets[number].account)] += 1 }
        for number in 0..<UInt32(accounts.count)
        where accounts[number].pending != pending[Int(number)] {
            problems.append("account \(number): what waits is not counted right")
        }
        for bet in sales.ruledBets
        where self.bet(bet).map({ bets[$0].status == BetStatus.open.rawValue }) != true {
            problems.append("bet \(bet) is to be sold, and is not open")
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
