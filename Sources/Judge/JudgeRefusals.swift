import Kernel

/// What a refusal is called in the journal.
enum RefusalWord {
    static let accountUnknown: UInt16 = 1
    static let idReused: UInt16 = 2
    static let idOutsideWindow: UInt16 = 3
    static let deadlinePassed: UInt16 = 4
    static let deadlineTooFar: UInt16 = 5
    static let tooManyRefused: UInt16 = 6
    static let accountShut: UInt16 = 7
    static let channelShut: UInt16 = 16
    static let locationUnknown: UInt16 = 17
    static let locationRefused: UInt16 = 18
    static let structure: UInt16 = 8
    static let legCount: UInt16 = 9
    static let currency: UInt16 = 10
    static let stakeKind: UInt16 = 11
    static let noSystem: UInt16 = 12
    static let manyLines: UInt16 = 13
    static let indivisible: UInt16 = 14
    static let offerExpired: UInt16 = 15
    static let marketUnknown: UInt16 = 20
    static let selectionUnknown: UInt16 = 21
    static let suspended: UInt16 = 22
    static let notOffered: UInt16 = 23
    static let score: UInt16 = 24
    static let price: UInt16 = 25
    static let related: UInt16 = 26
    static let placeTerms: UInt16 = 27
    static let noStart: UInt16 = 28
    static let otherMarket: UInt16 = 29
    static let barred: UInt16 = 30
    static let stakeLow: UInt16 = 40
    static let stakeHigh: UInt16 = 41
    static let returnHigh: UInt16 = 42
    static let funds: UInt16 = 43
    static let exposure: UInt16 = 44
    static let pending: UInt16 = 45
    /// Full machines: a fact, not a rule.
    static let full: Set<UInt16> = [46, 47, 48]
    static let betsOfAccount: UInt16 = 49
    static let customerCap: UInt16 = 50
    static let dayCap: UInt16 = 51
    static let suspendedDuringDelay: UInt16 = 60
    static let changedDuringDelay: UInt16 = 61
    static let interrupted: UInt16 = 62
    static let movedDuringDelay: UInt16 = 63
    /// What only the stake leads to, and what a lower one may not.
    static let ofStakes: Set<UInt16> = [40, 41, 42, 43, 44, 45, 49, 50, 51]
    static let tooHigh: Set<UInt16> = [41, 42, 43, 44, 50, 51]
    /// What is answered by an offer.
    static let offered: Set<UInt16> = [25, 41, 42, 44, 50, 51]
    /// Nothing was decided about the bet, so the id is still free.
    static let forgotten: Set<UInt16> = [3, 4, 5, 6, 46, 47, 48]
}

/// Why a bet must be refused, asked in the order in which the engine must ask.
extension Judge {
    struct Wanted {
        var word: UInt16
        var leg: UInt32 = .max

        init(_ word: UInt16, _ leg: Int? = nil) {
            self.word = word
            if let leg { self.leg = UInt32(leg) }
        }
    }

    /// Why the intent must be refused, in the order of the list of refusals.
    ///
    /// An offer says nothing of how many bets its customer has.
    func refusal(of intent: Intent, _ number: Int, isOffer: Bool = false) -> Wanted? {
        if let word = refusalByTime(intent.id, validUntil: intent.validUntil, intent.account) {
            return Wanted(word)
        }
        if accounts[number].isShut { return Wanted(RefusalWord.accountShut) }
        if intent.structure != 1, !intent.isSystem, !intent.isEachWay, !intent.isSameGame {
            return Wanted(RefusalWord.structure)
        }
        if intent.legCount < 1 || intent.legCount > rules.legs
            || intent.legs.count != intent.legCount
        {
            return Wanted(RefusalWord.legCount)
        }
        if intent.currency != cell.currency { return Wanted(RefusalWord.currency) }
        if let word = refusalOfKinds(intent, number) { return Wanted(word) }
        if intent.isSystem, let word = refusalOfSystem(intent) { return Wanted(word) }
        if intent.isEachWay, !intent.isSystem, let word = refusalOfLines(intent) {
            return Wanted(word)
        }
        if intent.offer != 0, !stands(intent.offer, for: intent.account) {
            return Wanted(RefusalWord.offerExpired)
        }
        // What is offered is not asked for through any channel.
        if !isOffer, shutChannels.contains(intent.channel) {
            return Wanted(RefusalWord.channelShut)
        }
        if !isOffer, let word = refusalOfLocation(intent, number) { return Wanted(word) }
        for (index, leg) in intent.legs.enumerated() {
            if let word = refusal(of: leg, intent) { return Wanted(word, index) }
            if intent.structure == 3 {
                let now = markets[Int(leg.market)].places
                if leg.places == nil || leg.places != now {
                    return Wanted(RefusalWord.placeTerms, index)
                }
            }
            if !isOffer, leg.version != 0, leg.version < markets[Int(leg.market)].changedAt {
                return Wanted(RefusalWord.otherMarket, index)
            }
        }
        if let leg = intent.legs.firstIndex(where: { isBarred(number, from: Int($0.market)) }) {
            return Wanted(RefusalWord.barred, leg)
        }
        let isLong = intent.legCount > Limits.eachWayLegs
        if isLong,
            intent.legs.contains(where: { markets[Int($0.market)].said.deductions != 0 })
                || intent.isEachWay || intent.bonus != 0 || intent.free != 0
        {
            return Wanted(RefusalWord.legCount)
        }
        if intent.isSameGame {
            if let wanted = refusalOfSameGame(intent) { return wanted }
        } else if let leg = relatedLeg(intent) {
            return Wanted(RefusalWord.related, leg)
        }
        return refusalOfStake(intent, number, isOffer: isOffer)
    }

    /// Whether a customer's newest decision is not the one that a bet goes by, or over; or says that it is not where it may bet.
    private func refusalOfLocation(_ intent: Intent, _ number: Int) -> UInt16? {
        guard intent.mustBeLocated else { return nil }
        guard let (_, said) = accounts[number].location, said.mark == intent.located else {
            return RefusalWord.locationUnknown
        }
        if said.verdict != 1 { return RefusalWord.locationRefused }
        // To the second below.
        return time < said.until - said.until % 1_000_000_000 ? nil : RefusalWord.locationUnknown
    }

    /// Whether an id or a deadline is too old or too new, or its account was refused too often.
    func refusalByTime(_ id: ExternalID, validUntil: Int64, _ account: UInt64) -> UInt16? {
        let made = id.milliseconds ?? 0
        let now = Timestamp(nanoseconds: time).milliseconds
        if made < now - rules.idAge || made > now + rules.validUntilAhead {
            return RefusalWord.idOutsideWindow
        }
        if validUntil < time { return RefusalWord.deadlinePassed }
        if validUntil > time + rules.validUntilAhead * 1_000_000 {
            return RefusalWord.deadlineTooFar
        }
        return refusedCount(account) >= rules.refusedPerAccount ? RefusalWord.tooManyRefused : nil
    }

    /// Whether an offer was made to this account, and its intent's own time is not over.
    private func stands(_ offer: UInt64, for account: UInt64) -> Bool {
        known.contains { key, what in
            key.account == account && what.sequence == offer && what.refusal != 0 && what.isOffered
                && what.validUntil >= time
        }
    }

    private func refusalOfSystem(_ intent: Intent) -> UInt16? {
        let legs = intent.legCount
        guard legs >= 2, legs <= 16, intent.bankers >> UInt32(legs) == 0 else {
            return RefusalWord.noSystem
        }
        if !intent.groups.allSatisfy({ $0 == 0 }) {
            return isNested(intent) ? refusalOfLines(intent) : RefusalWord.noSystem
        }
        let free = legs - (0..<legs).count { intent.bankers >> UInt32($0) & 1 == 1 }
        guard intent.sizes < 1 << UInt32(free) else { return RefusalWord.noSystem }
        return refusalOfLines(intent)
    }

    private func refusalOfLines(_ intent: Intent) -> UInt16? {
        let lines = lines(of: intent).count * (intent.isEachWay ? 2 : 1)
        if lines > rules.lines { return RefusalWord.manyLines }
        return intent.stake % Int64(lines) == 0 && intent.free % Int64(lines) == 0
            ? nil : RefusalWord.indivisible
    }

    /// Money of another kind than cash: whoever has none of it is not offered to stake it.
    private func refusalOfKinds(_ intent: Intent, _ number: Int) -> UInt16? {
        guard intent.bonus != 0 || intent.free != 0 else { return nil }
        let balances = accounts[number].balances
        if intent.bonus != 0 && balances.bonus == 0 || intent.free != 0 && balances.free == 0 {
            return RefusalWord.stakeKind
        }
        for part in [intent.stake - intent.bonus - intent.free, intent.bonus, intent.free] {
            if part < 0 { return RefusalWord.stakeLow }
            if part > rules.stake { return RefusalWord.stakeHigh }
        }
        return nil
    }

    /// What an intent comes to when every leg wins at its price, and is placed.
    func product(
        of intent: Intent, _ lines: [[Int]], _ prices: [Worth], _ places: [Worth]
    ) -> Product {
        if intent.isSameGame, let joint = intent.joint {
            return Product(
                stake: intent.stake, lines: [[0]], [.price(joint)], free: intent.free,
                atOne: ([.times(1, over: 1)], []))
        }
        let ones = intent.legs.map { _ in Worth.times(1, over: 1) }
        let product = Product(
            stake: intent.stake, lines: lines, prices, places: intent.isEachWay ? places : nil,
            free: intent.free, atOne: (ones, ones))
        return promised(product, lines, intent)
    }

    /// Every choice of legs that has all bankers and a wanted number of others; one line of all legs when it is
    /// no system.
    func lines(of intent: Intent) -> [[Int]] {
        let all = Array(intent.legs.indices)
        guard intent.isSystem else { return [all] }
        return (0..<(1 << all.count)).compactMap { choice in
            let chosen = all.filter { choice >> $0 & 1 == 1 }
            if !intent.groups.allSatisfy({ $0 == 0 }) {
                return isLine(chosen, of: intent) ? chosen : nil
            }
            let others = chosen.filter { intent.bankers >> UInt32($0) & 1 == 0 }
            let hasBankers = chosen.count - others.count == intent.bankers.nonzeroBitCount
            guard hasBankers, !others.isEmpty,
                intent.sizes >> UInt32(others.count - 1) & 1 == 1
            else { return nil }
            return chosen
        }
    }

    private func refusal(of leg: Intent.Leg, _ intent: Intent) -> UInt16? {
        guard leg.market < UInt64(markets.count) else { return RefusalWord.marketUnknown }
        let market = markets[Int(leg.market)]
        guard Int(leg.selection) < market.selections.count else {
            return RefusalWord.selectionUnknown
        }
        guard market.reasons == 0 else { return RefusalWord.suspended }
        let now = market.selections[Int(leg.selection)].odds
        if now == nil, !leg.isAtStart { return RefusalWord.notOffered }
        let fixture = fixtures[market.fixture].said
        if now != nil, leg.score != .max, fixture.score != .max, leg.score != fixture.score {
            return RefusalWord.score
        }
        if leg.isAtStart {
            if intent.isSameGame { return RefusalWord.structure }
            let isTaken =
                market.said.takesAtStart && market.starts.isEmpty
                && fixtures[market.fixture].heardAt == nil
                && price(of: leg) != nil
            return isTaken ? nil : RefusalWord.noStart
        }
        guard let now else { return RefusalWord.notOffered }
        guard let seen = leg.odds else { return RefusalWord.price }
        return isTaken(now, by: intent.rule, intent.tolerance, who: seen) ? nil : RefusalWord.price
    }

    /// Whether a price is taken by somebody who saw, or was promised, another.
    func isTaken(_ now: Odds, by rule: UInt8, _ tolerance: UInt8, who seen: Odds) -> Bool {
        if seen == now { return true }
        switch rule {
        case 2: return now > seen
        case 3:
            if now > seen || tolerance == .max { return true }
            let fallen =
                (ladder.tick(atOrBelow: seen.thousandths) ?? 0)
                - (ladder.tick(atOrBelow: now.thousandths) ?? 0)
            return fallen <= Int(tolerance)
        default: return false
        }
    }

    /// What a leg is taken at, or what its starting price is reckoned to be: its price, or else its reference.
    func price(of leg: Intent.Leg) -> Odds? {
        let selection = markets[Int(leg.market)].selections[Int(leg.selection)]
        guard leg.isAtStart, selection.odds == nil else { return selection.odds }
        return selection.isWithdrawn
            ? nil : Odds(min(selection.reference, Limits.price), over: 1000)
    }

    /// Why legs cannot be taken at one price.
    private func refusalOfSameGame(_ intent: Intent) -> Wanted? {
        if intent.joint == nil { return Wanted(RefusalWord.related, min(1, intent.legs.count - 1)) }
        if intent.legs.count < 2 || intent.legs.count > Limits.sameGameLegs {
            return Wanted(RefusalWord.legCount)
        }
        var seen: [UInt64] = []
        for (index, leg) in intent.legs.enumerated() {
            let market = markets[Int(leg.market)]
            if market.fixture != markets[Int(intent.legs[0].market)].fixture {
                return Wanted(RefusalWord.structure, index)
            }
            if seen.contains(leg.market) { return Wanted(RefusalWord.related, index) }
            if leg.odds != market.selections[Int(leg.selection)].odds {
                return Wanted(RefusalWord.price, index)
            }
            seen.append(leg.market)
        }
        return nil
    }

    /// The first leg that says something about an earlier one.
    private func relatedLeg(_ intent: Intent) -> Int? {
        var fixturesSeen: Set<Int> = []
        var chains: Set<UInt64> = []
        var groups: Set<UInt64> = []
        for (index, leg) in intent.legs.enumerated() {
            let market = markets[Int(leg.market)]
            let chain = fixtures[market.fixture].said.competitorChain
            if fixturesSeen.contains(market.fixture) || chains.contains(chain)
                || groups.contains(market.relationGroup)
            {
                return index
            }
            fixturesSeen.insert(market.fixture)
            if chain != 0 { chains.insert(chain) }
            if market.relationGroup != 0 { groups.insert(market.relationGroup) }
        }
        return nil
    }

    func refusalOfStake(_ intent: Intent, _ number: Int, isOffer: Bool) -> Wanted? {
        let stake = intent.stake
        if stake <= 0 || stake < cell.minimumStake && !isOffer {
            return Wanted(RefusalWord.stakeLow)
        }
        var most = rules.stake
        if accounts[number].stakeLimit > 0 { most = min(most, accounts[number].stakeLimit) }
        for leg in intent.legs {
            let factor = Int64(accounts[number].stakeFactor)
            let (product, overflow) = markets[Int(leg.market)].maximumStake
                .multipliedReportingOverflow(by: factor)
            if !overflow { most = min(most, product / 1000) }
        }
        let prices = intent.legs.map {
            Worth.price(price(of: $0)!)
        }
        let places = zip(intent.legs, prices).map { leg, _ in
            leg.places.map {
                worthIfPlaced(price(of: leg)!, $0)
            } ?? .lost
        }
        let product = product(of: intent, lines(of: intent), prices, places)
        let isAbove = product.isAbove(cell.payoutCap)
        let isFloored =
            stake <= rules.stake && !isAbove && isUnderFloor(intent, number, settledAmount(product))
        if stake > most, !isFloored { return Wanted(RefusalWord.stakeHigh) }
        if isAbove { return Wanted(RefusalWord.returnHigh) }
        let balances = accounts[number].balances
        let paid = stake - intent.free
        if balances.bonus < intent.bonus || balances.free < intent.free
            || balances.cash < paid - intent.bonus
        {
            return Wanted(RefusalWord.funds)
        }
        // Cut as the cell cuts, by looking for it from a guess that is never far off.
        let potential = settledAmount(product)
        let part =
            intent.isEachWay
            ? placedReturns(intent, lines(of: intent), prices, places) : nil
        let costs = costs(
            intent.legs.map { (price(of: $0)!, false) }, paid: paid, returns: potential,
            placed: part, isSystem: intent.isSystem)
        for (index, leg) in intent.legs.enumerated() {
            let market = Int(leg.market)
            var book = book(market)
            let before = worstLoss(market, book)
            book.add(costs[index], on: Int(leg.selection))
            let after = worstLoss(market, book)
            if after > markets[market].liabilityLimit, after > before, !isFloored {
                return Wanted(RefusalWord.exposure, index)
            }
        }
        let own = accounts[number].bets.compactMap { bets[$0] }
        if delay(of: intent, number) > 0, !isOffer {
            if waitingCount(number) >= rules.pendingPerAccount {
                return Wanted(RefusalWord.pending)
            }
        }
        if own.count(where: \.isStanding) >= rules.openBetsPerAccount, !isOffer {
            return Wanted(RefusalWord.betsOfAccount)
        }
        let open = own.filter(\.isStanding).reduce(potential) { $0 + $1.potentialReturn }
        if cell.customerCap > 0, open > cell.customerCap { return Wanted(RefusalWord.customerCap) }
        let day: Int64 = 86_400_000_000_000
        let today = accounts[number].paid.filter { $0.time / day == time / day }
        if cell.dayCap > 0, today.reduce(open, { $0 + $1.amount }) > cell.dayCap {
            return Wanted(RefusalWord.dayCap)
        }
        return nil
    }
}
