import Kernel

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

/// Bets that are being sold back, and what others are to be sold for by themselves. Knows bets, accounts and markets by
/// number only.
struct SaleBook: ~Copyable {
    /// Else every method that only looks copies all of this.
    private let pin = Pin()
    /// Cash-outs that wait for their delay.
    var waiting: Rows<CashOutRow>
    var rules: Rows<SaleRuleRow>
    private(set) var hash = StateHash()
    private var freeWaiting: UInt32 = .max
    private var freeRule: UInt32 = .max
    /// By the bet: the row of the one that waits, and that of its rule.
    private var waitingOfBet: [UInt64: UInt32] = [:]
    private var ruleOfBet: [UInt64: UInt32] = [:]
    /// By market: the rules of bets with a leg there, in the order of their rows.
    private var rulesOfMarket: [UInt32: [UInt32]] = [:]
    private var timers: DueQueue
    /// Rules that are to be looked at, the first and the last.
    private var due: (first: UInt32, last: UInt32) = (.max, .max)

    init(limits: EngineLimits) {
        waiting = Rows(capacity: limits.timers)
        rules = Rows(capacity: limits.timers)
        timers = DueQueue(capacity: limits.timers)
    }

    // MARK: What waits

    var nextDue: Int64? { timers.first?.dueAt }
    var isWaitingFull: Bool { timers.isFull }

    /// The cash-out of this bet that waits for its delay, if there is one.
    func waiting(of bet: UInt64) -> CashOutRow? { waitingOfBet[bet].map { waiting[$0] } }

    /// The caller has looked whether there is room, and that none of the bet waits.
    mutating func wait(_ row: CashOutRow) {
        var number = freeWaiting
        if number == .max {
            number = waiting.append(row)!
        } else {
            hash.subtract(waiting[number].mix(number))
            setFreeWaiting(waiting[number].next)
            waiting[number] = row
        }
        hash.add(row.mix(number))
        waitingOfBet[row.bet] = number
        timers.insert(DueQueue.Entry(dueAt: row.dueAt, bet: number))
    }

    /// The next whose delay has passed; it waits no longer.
    mutating func popWaiting(_ now: Timestamp) -> CashOutRow? {
        guard let number = timers.pop(dueBy: now.nanoseconds) else { return nil }
        let row = waiting[number]
        waitingOfBet[row.bet] = nil
        hash.subtract(row.mix(number))
        waiting[number] = .free(next: freeWaiting)
        hash.add(waiting[number].mix(number))
        setFreeWaiting(number)
        return row
    }

    private mutating func setFreeWaiting(_ number: UInt32) {
        hash.subtract(freeWaiting, kind: 28)
        freeWaiting = number
        hash.add(freeWaiting, kind: 28)
    }

    // MARK: Rules

    var areRulesFull: Bool { freeRule == .max && rules.count == rules.capacity }

    /// What a bet is to be sold for by itself; nil when nobody said so.
    @inline(__always) func rule(of bet: UInt64) -> Int64? {
        guard !ruleOfBet.isEmpty, let number = ruleOfBet[bet] else { return nil }
        return rules[number].atLeast
    }

    private mutating func change(rule number: UInt32, _ body: (inout SaleRuleRow) -> Void) {
        hash.subtract(rules[number].mix(number))
        body(&rules[number])
        hash.add(rules[number].mix(number))
    }

    /// `markets` are those of the bet's legs; it is looked at next. The caller has looked whether there is room.
    mutating func setRule(of bet: UInt64, account: UInt32, atLeast: Int64, markets: [UInt32]) {
        if let known = ruleOfBet[bet] {
            change(rule: known) { $0.atLeast = atLeast }
            return look(at: known)
        }
        let rule = SaleRuleRow(bet: bet, atLeast: atLeast, account: account)
        var number = freeRule
        if number == .max {
            number = rules.append(rule)!
        } else {
            hash.subtract(rules[number].mix(number))
            setFreeRule(rules[number].next)
            rules[number] = rule
        }
        hash.add(rule.mix(number))
        index(number, markets)
        look(at: number)
    }

    mutating func removeRule(of bet: UInt64, markets: [UInt32]) {
        guard let number = ruleOfBet.removeValue(forKey: bet) else { return }
        for market in markets {
            rulesOfMarket[market]?.removeAll { $0 == number }
            if rulesOfMarket[market]?.isEmpty == true { rulesOfMarket[market] = nil }
        }
        // One that waits to be looked at leaves the queue when its turn comes.
        guard rules[number].isDue == 0 else { return change(rule: number) { $0.atLeast = 0 } }
        release(number)
    }

    private mutating func release(_ number: UInt32) {
        let next = freeRule
        change(rule: number) { $0 = .free(next: next) }
        setFreeRule(number)
    }

    private mutating func setFreeRule(_ number: UInt32) {
        hash.subtract(freeRule, kind: 30)
        freeRule = number
        hash.add(freeRule, kind: 30)
    }

    /// Its bet and its markets lead to it.
    private mutating func index(_ number: UInt32, _ markets: [UInt32]) {
        ruleOfBet[rules[number].bet] = number
        for market in markets {
            var known = rulesOfMarket[market] ?? []
            known.insert(number, at: known.firstIndex { $0 > number } ?? known.count)
            rulesOfMarket[market] = known
        }
    }

    /// Something on a market changed: whatever is to be sold by rule is looked at again.
    @inline(__always) mutating func lookAtRules(of market: UInt32) {
        guard !rulesOfMarket.isEmpty, let known = rulesOfMarket[market],
            !planted(.saleRuleForgotten) || market % 3 > 0
        else { return }
        for number in known { look(at: number) }
    }

    mutating func lookAtRule(of bet: UInt64) {
        if let number = ruleOfBet[bet] { look(at: number) }
    }

    private mutating func look(at number: UInt32) {
        guard rules[number].isDue == 0 else { return }
        change(rule: number) {
            $0.isDue = 1
            $0.next = .max
        }
        if due.last == .max {
            setDue((number, number))
        } else {
            change(rule: due.last) { $0.next = number }
            setDue((due.first, number))
        }
    }

    private mutating func setDue(_ due: (first: UInt32, last: UInt32)) {
        hash.subtract(self.due.first, kind: 31)
        self.due = due
        hash.add(due.first, kind: 31)
    }

    var hasDueRules: Bool { due.first != .max }

    /// The next rule to be looked at; nil for one that was taken back meanwhile.
    mutating func popRule() -> SaleRuleRow? {
        let number = due.first
        let row = rules[number]
        setDue((row.next, row.next == .max ? .max : due.last))
        guard row.atLeast > 0 else {
            release(number)
            return nil
        }
        change(rule: number) {
            $0.isDue = 0
            $0.next = .max
        }
        return row
    }

    // MARK: Snapshots

    /// What is kept beside the rows.
    struct Words {
        var hash: StateHash
        var freeWaiting: UInt32
        var freeRule: UInt32
        var due: (first: UInt32, last: UInt32)
    }

    var words: Words {
        Words(hash: hash, freeWaiting: freeWaiting, freeRule: freeRule, due: due)
    }

    /// Bets that are to be sold by themselves.
    var ruledBets: [UInt64] {
        (0..<UInt32(rules.count)).compactMap { rules[$0].atLeast > 0 ? rules[$0].bet : nil }
    }

    /// Of each that waits.
    var waitingAccounts: [UInt32] {
        (0..<UInt32(waiting.count)).compactMap { waiting[$0].isFree ? nil : waiting[$0].account }
    }

    /// After the rows were loaded: what follows from them. `markets` by bet, of those that have a rule.
    mutating func rebuild(_ words: Words, markets: [UInt64: [UInt32]]) {
        hash = words.hash
        freeWaiting = words.freeWaiting
        freeRule = words.freeRule
        due = words.due
        waitingOfBet = [:]
        for number in 0..<UInt32(waiting.count) where !waiting[number].isFree {
            let row = waiting[number]
            waitingOfBet[row.bet] = number
            timers.insert(DueQueue.Entry(dueAt: row.dueAt, bet: number))
        }
        ruleOfBet = [:]
        rulesOfMarket = [:]
        for number in 0..<UInt32(rules.count) where rules[number].atLeast > 0 {
            index(number, markets[rules[number].bet] ?? [])
        }
    }

    // MARK: Proof

    func problems() -> [String] {
        var problems: [String] = []
        var fresh = StateHash()
        for number in 0..<UInt32(waiting.count) { fresh.add(waiting[number].mix(number)) }
        for number in 0..<UInt32(rules.count) { fresh.add(rules[number].mix(number)) }
        fresh.add(freeWaiting, kind: 28)
        fresh.add(freeRule, kind: 30)
        fresh.add(due.first, kind: 31)
        if fresh != hash { problems.append("the sales' hash is not the hash of their rows") }
        for number in 0..<UInt32(waiting.count)
        where !waiting[number].isFree && waitingOfBet[waiting[number].bet] != number {
            problems.append("a cash-out of bet \(waiting[number].bet) is not found")
        }
        for number in 0..<UInt32(rules.count)
        where rules[number].atLeast > 0 && ruleOfBet[rules[number].bet] != number {
            problems.append("the rule to sell bet \(rules[number].bet) is not its own")
        }
        return problems
    }
}
