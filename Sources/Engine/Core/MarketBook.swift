import Betting
import Catalogue
import Kernel
import Risk

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
    var hands: Rows<HandRow>
    /// Markets that are shut by themselves from some worst loss on: it follows from their rows.
    private(set) var watched = 0
    private(set) var hash = StateHash()
    /// Standing legs that left: the newest, which leads to the others.
    private(set) var freeStanding: UInt32 = .max
    /// Markets whose bets may leave, by when. A hint: the rows decide.
    private var releases: DueQueue
    /// Channels that take no bets: bit n is channel n of `Layout.Session`.
    private(set) var shutChannels: UInt16 = 0
    /// Part of every id that is ours; another partition's rows are not here.
    var partition: UInt32 = 0
    private var fixtureIndex: KeyIndex
    private var marketIndex: KeyIndex
    private var firstToSettle: UInt32 = .max
    private var lastToSettle: UInt32 = .max
    /// Bound: `Engine.mostProposals`.
    private(set) var proposals: [ProposalRow] = []
    /// Markets whose bets are to be held against new references, each once; and how far the walk over the first has
    /// come.
    private(set) var suspected: [UInt32] = []
    private(set) var suspicion: UInt32 = .max

    init(limits: EngineLimits, seed: UInt64) {
        fixtures = Rows(capacity: limits.fixtures)
        markets = Rows(capacity: limits.markets)
        selections = Rows(capacity: limits.markets * 4)
        standings = Rows(capacity: limits.openBets + limits.openBets / 2)
        standings.reserve(limits.reservedBets)
        cancels = Rows(capacity: limits.markets)
        // Nobody is withdrawn twice.
        deductions = Rows(capacity: limits.markets * 4)
        hands = Rows(capacity: limits.markets * 4)
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

    func fixture(_ id: FixtureID) -> UInt32? {
        id.row < fixtures.count && id.partition == partition ? id.row : nil
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
        if markets[market].mostPaid == 1 {
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
            winners: Int(row.mostPaid))
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

    /// From here on bets that were accepted before pay less. There is room for each selection's.
    mutating func deduct(_ said: DeductionRow, from market: UInt32) {
        var row = said
        row.next = markets[market].firstDeduction
        let number = deductions.append(row)!
        hash.add(row.mix(number))
        change(market: market) { $0.firstDeduction = number }
    }

    /// Of a market's deductions the one that is still open of a selection; nil none.
    func openDeduction(of selection: UInt8, in market: UInt32) -> UInt32? {
        var number = markets[market].firstDeduction
        while number != .max {
            let row = deductions[number]
            if row.selection == selection, row.isOpen { return number }
            number = row.next
        }
        return nil
    }

    mutating func change(deduction number: UInt32, _ body: (inout DeductionRow) -> Void) {
        hash.subtract(deductions[number].mix(number))
        body(&deductions[number])
        hash.add(deductions[number].mix(number))
    }

    // MARK: Prices by hand

    /// Whether a market has, or can have, room for what is held of its prices.
    func hasRoomForHand(on row: MarketRow) -> Bool {
        row.hand != .max || hands.count + Int(row.selectionCount) <= hands.capacity
    }

    /// Room for what is held of a market's prices; false where there is none.
    mutating func takeHand(_ market: UInt32) -> Bool {
        let row = markets[market]
        guard row.hand == .max else { return true }
        guard hasRoomForHand(on: row) else { return false }
        let first = UInt32(hands.count)
        for place in 0..<UInt32(row.selectionCount) {
            var hand = HandRow()
            hand.fed = selections[row.firstSelection + place].odds
            let number = hands.append(hand)!
            hash.add(hand.mix(number))
        }
        change(market: market) { $0.hand = first }
        return true
    }

    mutating func change(hand number: UInt32, _ body: (inout HandRow) -> Void) {
        hash.subtract(hands[number].mix(number))
        body(&hands[number])
        hash.add(hands[number].mix(number))
    }

    // MARK: Channels

    mutating func shut(channels: UInt16) {
        if shutChannels != 0 { hash.subtract(UInt32(shutChannels), kind: 28) }
        shutChannels = channels
        if shutChannels != 0 { hash.add(UInt32(shutChannels), kind: 28) }
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

    // MARK: Suspected prices

    var hasSuspects: Bool { !suspected.isEmpty }

    /// Puts a market at the end of those whose bets are looked at; the walk over one that is looked at begins anew.
    mutating func suspect(_ market: UInt32) {
        if markets[market].isSuspected == 0 {
            suspected.append(market)
            change(market: market) { $0.isSuspected = 1 }
        }
        if suspected[0] == market { moveSuspicion(to: markets[market].lastStanding) }
    }

    /// The walk goes on at this standing leg.
    mutating func moveSuspicion(to standing: UInt32) {
        if suspicion != .max { hash.subtract(suspicion, kind: 29) }
        suspicion = standing
        if suspicion != .max { hash.add(suspicion, kind: 29) }
    }

    /// The walk over the first of them is at its end; the next begins at its newest leg.
    mutating func clearSuspicion() {
        change(market: suspected.removeFirst()) { $0.isSuspected = 0 }
        moveSuspicion(to: suspected.first.map { markets[$0].lastStanding } ?? .max)
    }

    // MARK: Snapshots

    /// After the rows were loaded: what follows from them.
    /// A market is shut by itself from some worst loss on, or no longer is.
    mutating func watch(_ number: UInt32, before: Int64) {
        watched += (markets[number].suspendAt > 0 ? 1 : 0) - (before > 0 ? 1 : 0)
    }

    mutating func rebuild(
        hash: StateHash, freeStanding: UInt32, queue: (UInt32, UInt32), proposals: [ProposalRow],
        shutChannels: UInt16, suspected: (markets: [UInt32], at: UInt32), seed: UInt64
    ) {
        self.hash = hash
        self.suspected = suspected.markets
        suspicion = suspected.at
        self.shutChannels = shutChannels
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
            if markets[number].suspendAt > 0 { watched += 1 }
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
        for number in 0..<UInt32(hands.count) { fresh.add(hands[number].mix(number)) }
        for proposal in proposals { fresh.add(proposal.mix) }
        fresh.add(freeStanding, kind: 22)
        if shutChannels != 0 { fresh.add(UInt32(shutChannels), kind: 28) }
        if suspicion != .max { fresh.add(suspicion, kind: 29) }
        var problems = fresh == hash ? [] : ["the markets' hash is not the hash of their rows"]
        let shut = (0..<UInt32(markets.count)).count { markets[$0].suspendAt > 0 }
        if shut != watched { problems.append("markets that are watched are not counted right") }
        return (fresh, problems)
    }
}
