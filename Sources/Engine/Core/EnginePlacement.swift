import Betting
import Catalogue
import Kernel
import Ledger
import Risk

extension Engine {
    /// Intent to outcome. Everything is checked before anything changes.
    mutating func place(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        let request = PlaceRequest(command)
        guard request.fill == .reject else { return placeFilled(command, request, &outcomes) }
        decide(command, request, asked: request.stake, &outcomes)
    }

    /// One that takes what it can get; apart, since hardly any bet is of that kind.
    @inline(never)
    private mutating func placeFilled(
        _ command: RecordBytes, _ request: PlaceRequest, _ outcomes: inout RecordWriter
    ) {
        var taken = request
        taken.stake = filled(command, request)
        if stored.isFollowed { taken.stake = follow(command, request, filled: taken.stake) }
        decide(command, taken, asked: request.stake, &outcomes)
    }

    /// The stake that is taken of what a slip asks for; as asked where one of its legs is refused.
    private func filled(_ command: RecordBytes, _ request: PlaceRequest) -> Int64 {
        guard let account = accounts.account(request.account), request.isStructure,
            (1...ruleSet.legs).contains(request.legCount),
            command.slots
                >= SlotSize.slots(
                    forBody: Layout.Place.legs + request.legCount * Layout.Place.legSize)
        else { return request.stake }
        do throws(Refused) {
            _ = try checkShape(command, request)
            return filled(command, request, account, try quotes(command, request))
        } catch {
            return request.stake
        }
    }

    /// Each leg as it would be taken now.
    func quotes(_ command: RecordBytes, _ request: PlaceRequest) throws(Refused) -> [LegQuote] {
        var quotes: [LegQuote] = []
        for index in 0..<request.legCount {
            quotes.append(try checkLeg(command, request, index))
        }
        return quotes
    }

    /// Checked and booked with the stake that it has by now; what was asked for is written down beside it.
    private mutating func decide(
        _ command: RecordBytes, _ request: PlaceRequest, asked: Int64,
        _ outcomes: inout RecordWriter
    ) {
        guard let account = accounts.account(request.account) else {
            return answer(command, request, Refused(.accountUnknown), account: nil, &outcomes)
        }
        if let known = accounts.known(request.id, account: account) {
            return answerAgain(command, request, known, account: account, &outcomes)
        }
        if request.isSameGame { jointAtHand = command.jointOdds(behind: request.legCount) }
        let terms: Terms
        do {
            terms =
                stored.isFollowed
                ? try follow(command, request, account: account)
                : try check(command, request, account: account)
        } catch {
            let offer = self.offer(command, for: error.refusal, account)
            if Self.isStored(error.refusal) {
                // What cannot be remembered must not be decided: asked again, it could end otherwise.
                guard !accounts.isIDWindowFull else {
                    return answer(command, request, tooManyIDs, account: account, &outcomes)
                }
                var row = IDRow(request, account: account, bet: .max, sequence: command.sequence)
                row.isOffered = offer != nil && ruleSet.knowsOffers ? 1 : 0
                accounts.remember(row, refusal: error.refusal, facts: error.facts)
            }
            return answer(command, request, error, offer, account: account, &outcomes)
        }
        book(command, request, terms, asked: asked, &outcomes)
    }

    /// These use up no id: nothing about the bet itself was decided.
    static func isStored(_ refusal: Refusal) -> Bool { refusal.usesUpID }

    // MARK: Checks, in the order of `Refusal`

    func check(_ command: RecordBytes, _ request: PlaceRequest, account number: UInt32)
        throws(Refused) -> Terms
    {
        try checkTimes(request.id, validUntil: request.validUntil, account: number)
        guard accounts.accounts[number].isClosed == 0 else { throw Refused(.accountClosed) }
        guard request.isStructure else {
            throw Refused(
                .structureUnsupported, value: Int64(request.structure),
                threshold: Int64(BetStructure.accumulator.rawValue))
        }
        guard (1...ruleSet.legs).contains(request.legCount),
            command.slots
                >= SlotSize.slots(
                    forBody: Layout.Place.legs + request.legCount * Layout.Place.legSize)
        else {
            throw Refused(
                .legCountOutOfRange, value: Int64(request.legCount), threshold: Int64(ruleSet.legs))
        }
        let currency = accounts.accounts[number].currency
        guard request.currency == currency else {
            throw Refused(
                .currencyMismatch, value: Int64(request.currency), threshold: Int64(currency))
        }
        if request.isPromotional { try checkKinds(request, number) }

        let shape = request.isAccumulator ? nil : try checkShape(command, request)
        let offer = command.field(Layout.Place.offer, as: UInt64.self)
        if offer != 0 { try checkOffer(offer, number, at: time) }
        if markets.shutChannels != 0 { try checkChannel(command) }
        if command.mustBeLocated { try checkLocation(command, number, at: time) }
        var delay = DelayParts()
        for index in 0..<request.legCount {
            let quote = try checkLeg(command, request, index)
            scratch[index] = quote
            delay.add(quote, accounts.accounts[number].delay)
        }
        if accounts.accounts[number].bars > 0 { try checkBars(request, number) }
        try checkPrecision(request)
        if request.isSameGame {
            try checkSameGame(command, request) { scratch[$0] }
        } else {
            try checkRelated(request)
        }
        let (potential, placed, exposure) = try checkStake(request, shape, number)
        let isPending = delay.total(ruleSet) > 0
        if isPending {
            let pending = accounts.accounts[number].pending
            guard pending < ruleSet.pendingPerAccount else {
                throw Refused(
                    .tooManyPending, value: Int64(pending),
                    threshold: Int64(ruleSet.pendingPerAccount))
            }
        }
        let standing = accounts.accounts[number].standing
        guard standing < ruleSet.openBetsPerAccount else {
            throw Refused(
                .tooManyBetsOfAccount, value: Int64(standing),
                threshold: Int64(ruleSet.openBetsPerAccount))
        }
        if rules.hasCaps { try checkCaps(number, potential) }
        try checkRoom(request.legRows(shape), isPending: isPending)
        return Terms(
            potentialReturn: potential, placed: placed, delay: delay, accountRow: number,
            exposure: request.legCount == 1 ? exposure : nil, shape: shape)
    }

    /// That a request is neither too old nor for too far ahead, and whoever asks was not refused too often.
    @inline(__always)
    func checkTimes(_ id: ExternalID, validUntil: Int64, account: UInt32) throws(Refused) {
        let now = time.nanoseconds
        try checkAge(of: id)
        guard validUntil >= now else {
            throw Refused(.deadlinePassed, value: now, threshold: validUntil)
        }
        let furthest = now + ruleSet.validUntilAhead * 1_000_000
        guard validUntil <= furthest else {
            throw Refused(.deadlineTooFar, value: validUntil, threshold: furthest)
        }
        let refused = accounts.accounts[account].refused
        guard refused < ruleSet.refusedPerAccount else {
            throw Refused(
                .tooManyRefused, value: Int64(refused), threshold: Int64(ruleSet.refusedPerAccount))
        }
    }

    /// That the channel through which a bet comes is open.
    @inline(never)
    func checkChannel(_ command: RecordBytes) throws(Refused) {
        let channel = command.channel
        guard markets.shutChannels & 1 << channel == 0 || planted(.channelIgnored) else {
            throw Refused(.channelShut, value: Int64(channel))
        }
    }

    /// The lines of a system or of an each-way bet, and that its stake is theirs in equal parts; nil for an accumulator.
    func checkShape(_ command: RecordBytes, _ request: PlaceRequest) throws(Refused) -> SystemShape?
    {
        guard request.isSystem || request.isEachWay else { return nil }
        let shape = request.shape(command)
        guard shape != nil || !request.isSystem else {
            throw Refused(
                .systemMalformed, value: Int64(request.sizes), threshold: Int64(request.bankers))
        }
        let lines = (shape?.lines ?? 1) * (request.isEachWay ? 2 : 1)
        guard lines <= ruleSet.lines else {
            throw Refused(.tooManyLines, value: lines, threshold: ruleSet.lines)
        }
        guard request.stake % lines == 0 else {
            throw Refused(.stakeNotDivisible, value: request.stake, threshold: lines)
        }
        guard request.free % lines == 0 else {
            throw Refused(.stakeNotDivisible, value: request.free, threshold: lines)
        }
        return shape
    }

    /// Whoever was never given a kind of money is not offered to stake it.
    func checkKinds(_ request: PlaceRequest, _ account: UInt32) throws(Refused) {
        let row = accounts.accounts[account]
        guard request.bonus == 0 || row.bonus > 0, request.free == 0 || row.free > 0 else {
            throw Refused(.stakeKindUnsupported, value: request.bonus | request.free)
        }
        let stake = request.split
        for part in [stake.cash, stake.bonus, stake.free] {
            guard part >= 0 else {
                throw Refused(
                    .stakeBelowMinimum, value: part, threshold: max(1, rules.minimumStake))
            }
            guard part <= ruleSet.stake else {
                throw Refused(.stakeAboveMaximum, value: part, threshold: ruleSet.stake)
            }
        }
    }

    /// Parts of prices and what may be deducted make long fractions: so many legs are sure to fit.
    func checkPrecision(_ request: PlaceRequest) throws(Refused) {
        guard request.legCount > Limits.eachWayLegs else { return }
        var isDeductible = request.isEachWay || request.isPromotional
        for index in 0..<request.legCount where scratch[index].isDeductible { isDeductible = true }
        guard !isDeductible else {
            throw Refused(
                .legCountOutOfRange, value: Int64(request.legCount),
                threshold: Int64(Limits.eachWayLegs))
        }
    }

    /// What a customer could be paid, with this bet, by all of its open ones together, and on this day.
    @inline(never)
    func checkCaps(_ account: UInt32, _ potential: Int64) throws(Refused) {
        for cap in caps(of: account) where cap.counted + potential > cap.most {
            throw Refused(cap.rule, value: cap.counted + potential, threshold: cap.most)
        }
    }

    /// Caps that there are on what a customer could be paid, in the order in which they are checked, with what counts
    /// towards each already. Minor units.
    func caps(of account: UInt32) -> [(rule: Refusal, most: Int64, counted: Int64)] {
        let open = accounts.promised[Int(account)]
        let paid = accounts.accounts[account].paid(on: today)
        return [
            (.customerPayoutCap, rules.customerCap, open),
            (.dayPayoutCap, rules.dayCap, open + paid),
        ].filter { $0.1 > 0 }
    }

    /// Days since 1970, of UTC.
    var today: Int64 { time.milliseconds / 86_400_000 }

    /// Money that a bet pays, or takes back, counts for the day on which it does.
    mutating func count(paid amount: Int64, to account: UInt32) {
        guard rules.dayCap != 0, amount != 0, !planted(.paidTodayForgotten) else { return }
        let day = today
        accounts.change(account: account) {
            $0.paid = $0.paid(on: day) + amount
            $0.paidDay = Int32(clamping: day)
        }
    }

    /// What this machine can hold beside what it holds already.
    private func checkRoom(_ rows: Int, isPending: Bool) throws(Refused) {
        guard !isPending || !accounts.areTimersFull else {
            let timers = Int64(accounts.timerCapacity)
            throw Refused(.tooManyTimers, value: timers, threshold: timers)
        }
        guard accounts.hasRoom(legs: rows) else {
            let bets = accounts.betCount
            throw Refused(
                .tooManyOpenBets, value: Int64(bets), threshold: Int64(limits.openBets))
        }
        guard !accounts.isIDWindowFull else { throw tooManyIDs }
    }

    var tooManyIDs: Refused {
        Refused(
            .tooManyIDs, value: Int64(accounts.idCount), threshold: Int64(accounts.idCapacity))
    }

    /// Whether an id was made so lately that what was decided under it is still known.
    func isInWindow(_ id: ExternalID) -> Bool {
        do throws(Refused) {
            try checkAge(of: id)
            return true
        } catch {
            return false
        }
    }

    /// An id says when it was made. One that the window may have let go is never decided again,
    /// whatever deadline it comes with.
    @inline(__always)
    func checkAge(of id: ExternalID) throws(Refused) {
        let now = time.milliseconds
        let made = id.milliseconds ?? 0
        let oldest = now - ruleSet.idAge
        guard made >= oldest, made <= now + ruleSet.validUntilAhead else {
            throw Refused(
                .idOutsideWindow, value: min(made, Int64.max / 1_000_000) * 1_000_000,
                threshold: oldest * 1_000_000)
        }
    }

    func checkLeg(_ command: RecordBytes, _ request: PlaceRequest, _ index: Int)
        throws(Refused) -> LegQuote
    {
        let offset = PlaceRequest.leg(index)
        let id = MarketID(command.field(offset + Layout.Leg.market, as: UInt64.self))
        guard let number = markets.market(id) else {
            throw Refused(.marketUnknown, leg: index, value: Int64(truncatingIfNeeded: id.rawValue))
        }
        let place = command.field(offset + Layout.Leg.selection, as: UInt32.self)
        let count = UInt32(markets.markets[number].selectionCount)
        guard place < count else {
            throw Refused(
                .selectionUnknown, leg: index, value: Int64(place), threshold: Int64(count))
        }
        let reasons = markets.markets[number].reasons
        guard reasons == 0 else {
            throw Refused(.marketSuspended, leg: index, value: Int64(reasons))
        }
        let selection = markets.markets[number].firstSelection + place
        guard let odds = markets.selections[selection].odds else {
            guard command.isAtStart(index) else {
                throw Refused(.selectionNotOffered, leg: index, value: Int64(place))
            }
            return try checkLegAtStart(command, request, index, number, selection)
        }
        let fixture = markets.markets[number].fixture
        let score = markets.fixtures[fixture].score
        let scoreSeen = command.field(offset + Layout.Leg.score, as: UInt32.self)
        if scoreSeen != Score.unknown, score != Score.unknown, scoreSeen != score {
            throw Refused(
                .scoreChanged, leg: index, value: Int64(score), threshold: Int64(scoreSeen))
        }
        guard let shown = command.odds(at: offset + Layout.Leg.odds),
            shown == odds
                || request.rule.accepts(
                    shown: shown, now: odds, tolerance: request.tolerance, ladder: ladder)
        else {
            if command.isAtStart(index) {
                return try checkLegAtStart(command, request, index, number, selection)
            }
            let shown = command.field(offset + Layout.Leg.odds, as: UInt32.self)
            let over = command.field(offset + Layout.Leg.odds + 4, as: UInt32.self)
            throw Refused(
                .priceMoved, leg: index,
                value: Int64(odds.numerator) << 32 | Int64(odds.denominator),
                threshold: Int64(bitPattern: UInt64(shown) << 32 | UInt64(over)))
        }
        if request.structure == BetStructure.eachWay.rawValue {
            try checkPlaces(command, offset, number, index)
        }
        let seen = command.field(offset + Layout.Leg.marketVersion, as: UInt64.self)
        if seen != 0, seen < markets.markets[number].changedAt {
            try checkVersion(seen, number, index, request)
        }
        let isInPlay = markets.fixtures[fixture].isInPlay == 1
        // As `legQuote` has it; written out, since a call is a tenth of what a leg costs.
        return LegQuote(
            fixture: fixture, market: number, selection: selection,
            numerator: odds.numerator, denominator: odds.denominator,
            betDelay: isInPlay ? markets.markets[number].betDelay : 0,
            selectionDelay: isInPlay ? markets.selections[selection].delay : 0, isInPlay: isInPlay,
            marketVersion: markets.markets[number].version,
            material: UInt64(markets.markets[number].material) + markets.fixtures[fixture].material,
            relationGroup: markets.markets[number].relationGroup,
            competitorChain: markets.fixtures[fixture].competitorChain,
            places: markets.markets[number].places,
            isDeductible: markets.markets[number].deductions != .none,
            isAtTheOff: markets.markets[number].isAtTheOff)
    }

    /// A leg as it would be taken now, at this price.
    @inline(never)
    borrowing func legQuote(_ number: UInt32, _ selection: UInt32, _ odds: Odds) -> LegQuote {
        let fixture = markets.markets[number].fixture
        let isInPlay = markets.fixtures[fixture].isInPlay == 1
        return LegQuote(
            fixture: fixture, market: number, selection: selection,
            numerator: odds.numerator, denominator: odds.denominator,
            betDelay: isInPlay ? markets.markets[number].betDelay : 0,
            selectionDelay: isInPlay ? markets.selections[selection].delay : 0, isInPlay: isInPlay,
            marketVersion: markets.markets[number].version,
            material: UInt64(markets.markets[number].material) + markets.fixtures[fixture].material,
            relationGroup: markets.markets[number].relationGroup,
            competitorChain: markets.fixtures[fixture].competitorChain,
            places: markets.markets[number].places,
            isDeductible: markets.markets[number].deductions != .none,
            isAtTheOff: markets.markets[number].isAtTheOff)
    }

    /// A leg whose price nobody knows before the start: before that, where its market takes such, with what the price is
    /// reckoned to be.
    @inline(never)
    private func checkLegAtStart(
        _ command: RecordBytes, _ request: PlaceRequest, _ index: Int, _ market: UInt32,
        _ selection: UInt32
    ) throws(Refused) -> LegQuote {
        guard !request.isSameGame else {
            throw Refused(.structureUnsupported, leg: index, value: Int64(request.structure))
        }
        guard let quote = quoteAtStart(market, selection) else {
            throw Refused(
                .startingPriceNotTaken, leg: index,
                value: Int64(selection - markets.markets[market].firstSelection))
        }
        if request.structure == BetStructure.eachWay.rawValue {
            try checkPlaces(command, PlaceRequest.leg(index), market, index)
        }
        let seen = command.field(
            PlaceRequest.leg(index) + Layout.Leg.marketVersion, as: UInt64.self)
        if seen != 0, seen < markets.markets[market].changedAt {
            try checkVersion(seen, market, index, request)
        }
        return quote
    }

    /// Whoever saw a market before it was shut, opened or formed anew saw another one, whatever its prices are now.
    @inline(never)
    private func checkVersion(
        _ seen: UInt64, _ market: UInt32, _ index: Int, _ request: PlaceRequest
    ) throws(Refused) {
        guard ruleSet.looksAgain, !request.isOffer, !planted(.versionIgnored) else { return }
        throw Refused(
            .marketChanged, leg: index, value: Int64(clamping: markets.markets[market].version),
            threshold: Int64(clamping: seen))
    }

    /// Nil where no bet is taken at starting price, or none any more.
    borrowing func quoteAtStart(_ market: UInt32, _ selection: UInt32) -> LegQuote? {
        guard takesAtStart(market), let estimate = markets.selections[selection].startEstimate
        else { return nil }
        var quote = legQuote(market, selection, estimate)
        quote.isAtStart = true
        return quote
    }

    /// Whether its market takes such bets and may still: it never began, and nothing was said of starting prices.
    borrowing func takesAtStart(_ market: UInt32) -> Bool {
        let row = markets.markets[market]
        return row.takesAtStart && row.startingTime == 0
            && markets.fixtures[row.fixture].actualStart == 0
    }

    /// Each-way terms are part of the price: another number of places, or another part, is another bet.
    private func checkPlaces(
        _ command: RecordBytes, _ offset: Int, _ market: UInt32, _ index: Int
    ) throws(Refused) {
        let seen = command.places(at: offset + Layout.Leg.eachWayPlaces)?.packed ?? 0
        let now = markets.markets[market].places
        guard seen != 0, seen == now else {
            throw Refused(
                .placeTermsChanged, leg: index, value: Int64(now), threshold: Int64(seen))
        }
    }

    /// Legs of one match under one price: all of them of that match, each of another market, and each still at the price
    /// that it had when they were priced together.
    @inline(never)
    borrowing func checkSameGame(
        _ command: RecordBytes, _ request: PlaceRequest, _ quote: (Int) -> LegQuote
    ) throws(Refused) {
        guard command.jointOdds(behind: request.legCount) != nil || planted(.jointPriceUnasked)
        else {
            throw Refused(.related, leg: min(1, request.legCount - 1), value: 0)
        }
        guard (2...Limits.sameGameLegs).contains(request.legCount) else {
            throw Refused(
                .legCountOutOfRange, value: Int64(request.legCount),
                threshold: Int64(Limits.sameGameLegs))
        }
        for index in 0..<request.legCount {
            let leg = quote(index)
            guard leg.fixture == quote(0).fixture else {
                throw Refused(.structureUnsupported, leg: index, value: Int64(request.structure))
            }
            for earlier in 0..<index where quote(earlier).market == leg.market {
                throw Refused(.related, leg: index, value: Int64(earlier))
            }
            let shown = command.odds(at: PlaceRequest.leg(index) + Layout.Leg.odds)
            guard shown == leg.odds || planted(.jointPriceStale) else {
                throw Refused(
                    .priceMoved, leg: index,
                    value: Int64(leg.numerator) << 32 | Int64(leg.denominator))
            }
        }
    }

    /// Legs that say something about each other are not multiplied. O(legs squared), at most 190 pairs.
    func checkRelated(_ request: PlaceRequest) throws(Refused) {
        guard request.legCount > 1 else { return }
        for index in 1..<request.legCount {
            let one = scratch[index]
            for earlier in 0..<index {
                if one.isRelated(to: scratch[earlier]) {
                    throw Refused(.related, leg: index, value: Int64(earlier))
                }
            }
        }
    }

    /// The potential return and the last leg's exposure, once stake, return, funds and exposure have passed.
    func checkStake(
        _ request: PlaceRequest, _ shape: SystemShape?, _ account: UInt32
    ) throws(Refused) -> (potential: Int64, placed: PlacedReturn?, exposure: Int64) {
        let stake = request.stake
        guard stake >= rules.minimumStake, stake > 0 else {
            throw Refused(.stakeBelowMinimum, value: stake, threshold: max(1, rules.minimumStake))
        }
        var most = ruleSet.stake
        let ownLimit = accounts.accounts[account].stakeLimit
        if ownLimit > 0 { most = min(most, ownLimit) }
        for index in 0..<request.legCount {
            most = min(
                most,
                accounts.accounts[account].mostStaked(
                    markets.markets[scratch[index].market].maximumStake))
        }
        guard stake <= most || stake <= ruleSet.stake && isUnderFloor(request, shape, account)
        else {
            throw Refused(.stakeAboveMaximum, value: stake, threshold: most)
        }
        let isEachWay = request.isEachWay
        let mostReturned = potentialReturn(request, shape)
        guard let potential = mostReturned, potential <= rules.payoutCap
        else {
            throw Refused(
                .returnAboveMaximum, value: mostReturned ?? .max, threshold: rules.payoutCap)
        }
        var cash = accounts.accounts[account].cash
        if planted(.holdNotCounted) { cash += accounts.accounts[account].held }
        if request.isPromotional { try checkPromotional(request, account) }
        let paid = stake &- request.free
        let cashStaked = paid &- request.bonus
        guard cash >= cashStaked else {
            throw Refused(.insufficientFunds, value: cash, threshold: cashStaked)
        }
        let placed = isEachWay ? placedReturn(request, shape) : nil
        guard request.legCount == 1 else {
            let exposure = try checkExposures(request, shape, potential, placed)
            return (potential, placed, exposure)
        }
        let cost = BetCost(potential: potential, placed: placed, stake: paid, isWhole: false)
        let limit = markets.markets[scratch[0].market].liabilityLimit
        let after = exposure(0, cost)
        guard
            after <= limit || after <= markets.worstLoss(scratch[0].market)
                || isUnderFloor(request, shape, account)
        else {
            throw Refused(.exposureLimit, leg: 0, value: after, threshold: limit)
        }
        return (potential, placed, after)
    }

    /// What a leg's market may lose with a bet that costs so much there.
    @inline(__always)
    private func exposure(_ index: Int, _ cost: BetCost) -> Int64 {
        markets.worstLoss(scratch[index].market, adding: cost, on: scratch[index].selection)
    }

    /// The same for each leg of a multiple.
    @inline(never)
    private func checkExposures(
        _ request: PlaceRequest, _ shape: SystemShape?, _ potential: Int64,
        _ placed: PlacedReturn?
    ) throws(Refused) -> Int64 {
        let (cost, shares) = costAtHand(request, shape, potential, placed)
        var after: Int64 = 0
        for index in 0..<(planted(.firstLegOnly) ? 1 : request.legCount) {
            let market = scratch[index].market
            let limit = markets.markets[market].liabilityLimit
            after = exposure(index, cost.share(shares, on: scratch[index].odds))
            guard after <= limit || after <= markets.worstLoss(market) else {
                throw Refused(.exposureLimit, leg: index, value: after, threshold: limit)
            }
        }
        return after
    }

    /// What the multiple at hand may cost, and how that is divided among its legs.
    private func costAtHand(
        _ request: PlaceRequest, _ shape: SystemShape?, _ potential: Int64,
        _ placed: PlacedReturn?
    ) -> (BetCost, LiabilityShares) {
        var shares = LiabilityShares.none
        if shape == nil, dividesLiability {
            for index in 0..<request.legCount { shares.add(scratch[index].odds) }
        }
        let cost = BetCost(
            potential: potential, placed: placed, stake: request.stake - request.free,
            isWhole: shares.isNone)
        return (cost, shares)
    }

    /// Whether the slip at hand is a single that its market takes from anybody.
    @inline(never)
    private func isUnderFloor(
        _ request: PlaceRequest, _ shape: SystemShape?, _ account: UInt32
    ) -> Bool {
        guard request.legCount == 1, !request.isEachWay else { return false }
        return isUnderFloor(
            market: scratch[0].market, selection: scratch[0].selection, account: account,
            potential: potentialReturn(request, shape),
            paid: request.split.paid)
    }

    /// That there is as much bonus money, and as much to be staked for nothing.
    @inline(never)
    private func checkPromotional(_ request: PlaceRequest, _ account: UInt32) throws(Refused) {
        let stake = request.split
        let row = accounts.accounts[account]
        guard row.bonus >= stake.bonus else {
            throw Refused(.insufficientFunds, value: row.bonus, threshold: stake.bonus)
        }
        guard row.free >= stake.free else {
            throw Refused(.insufficientFunds, value: row.free, threshold: stake.free)
        }
    }

    /// What the place part of the slip at hand returns when every leg is placed; cut.
    func placedReturn(_ request: PlaceRequest, _ shape: SystemShape?) -> PlacedReturn {
        placedReturn(request.split, shape, legs: request.legCount) { index in
            (
                scratch[index].odds, PlaceTerms(packed: scratch[index].places),
                scratch[index].isAtTheOff
            )
        }
    }

    func placedReturn(
        _ stake: StakeSplit, _ shape: SystemShape?, legs: Int,
        _ leg: (Int) -> (odds: Odds, terms: PlaceTerms?, isAtTheOff: Bool)
    ) -> PlacedReturn {
        var struck = BetReturn(stake: stake.total / 2, shape: shape)
        var most = struck
        for index in 0..<legs {
            let (odds, terms, isAtTheOff) = leg(index)
            guard let terms else { return PlacedReturn(struck: 0, most: 0) }
            struck.multiply(by: .placed(odds, terms))
            most.multiply(by: isAtTheOff ? .won(odds) : .placed(odds, terms))
        }
        guard case .settled(let returned) = struck.outcome(.down),
            case .settled(let mostReturned) = most.outcome(.down)
        else { return PlacedReturn(struck: 0, most: Limits.potentialReturn) }
        // Where every leg is placed, all of what is free comes back at prices of 1.
        let free = stake.free / 2
        return PlacedReturn(
            struck: returned - free, most: min(mostReturned - free, Limits.potentialReturn))
    }

    /// Cut to whole minor units by the cell's rounding; nil when no Int64 holds it.
    @inline(__always)
    private func potentialReturn(_ request: PlaceRequest, _ shape: SystemShape?) -> Int64? {
        let stake = request.stake
        if request.legCount == 1, !request.isEachWay, request.free == 0 {
            let leg = scratch[0]
            let product = UInt64(stake).multipliedFullWidth(by: UInt64(leg.numerator))
            guard product.high < UInt64(leg.denominator) else { return nil }
            let (quotient, remainder) = UInt64(leg.denominator).dividingFullWidth(product)
            let goesUp =
                switch rules.rounding {
                case .down: planted(.roundedUp) && remainder > 0
                case .halfUp: remainder * 2 >= UInt64(leg.denominator)
                case .halfEven:
                    remainder * 2 > UInt64(leg.denominator)
                        || (remainder * 2 == UInt64(leg.denominator) && quotient % 2 == 1)
                }
            return Int64(exactly: quotient + (goesUp ? 1 : 0))
        }
        return potentialReturnOfMore(request, shape)
    }

    /// The same of more than a price and a stake.
    @inline(never)
    private func potentialReturnOfMore(_ request: PlaceRequest, _ shape: SystemShape?) -> Int64? {
        var total = BetReturn(
            stake: request.stake, free: request.free, shape: shape, isEachWay: request.isEachWay,
            terms: promised(shape, isPlain: !request.isPromotional && !request.isEachWay))
        if request.isSameGame {
            guard let joint = jointAtHand else { return nil }
            total.multiply(byWon: joint, places: nil)
        } else {
            for index in 0..<request.legCount {
                let leg = scratch[index]
                total.multiply(byWon: leg.odds, places: PlaceTerms(packed: leg.places))
            }
        }
        guard case .settled(let payout) = total.outcome(rules.rounding) else { return nil }
        return payout
    }

    // MARK: Booking; nothing may fail from here on

    private mutating func book(
        _ command: RecordBytes, _ request: PlaceRequest, _ terms: Terms, asked: Int64,
        _ outcomes: inout RecordWriter
    ) {
        let delay = terms.delay.total(ruleSet)
        let isPending = delay > 0
        let isPromotional = request.isPromotional
        let now = time.nanoseconds
        let dueAt = isPending ? now + Int64(delay) * 1_000_000 : 0
        let bet = accounts.add(
            BetRow(
                sequence: command.sequence, stake: request.stake,
                potentialReturn: terms.potentialReturn, acceptedAt: isPending ? 0 : now,
                dueAt: dueAt, account: terms.accountRow, firstLeg: 0,
                legCount: UInt8(request.legCount),
                status: (isPending ? BetStatus.pending : .open).rawValue,
                forms: request.isPlain ? 0 : forms(request, terms)))!
        if !request.isPlain { writeBehindLegs(of: bet, request, terms) }
        if request.legCount == 1 {
            stand(
                bet, 0,
                BetCost(
                    potential: terms.potentialReturn, placed: terms.placed,
                    stake: request.stake - request.free, isWhole: false))
        } else {
            standOnLegs(bet, request, terms)
        }
        accounts.remember(
            IDRow(request, account: terms.accountRow, bet: bet, sequence: command.sequence))
        var entries: UInt8 = 1 << EntryReason.hold.rawValue
        if isPromotional {
            bookSplit(request, terms, isPending: isPending)
        } else {
            accounts.book(
                isPending ? .hold(request.stake) : .take(request.stake), to: terms.accountRow,
                promising: terms.potentialReturn, isPending: isPending)
        }
        if isPending {
            if keepsPriceRule {
                accounts.change(bet: bet) { $0.allow(request.rule, request.tolerance) }
            }
            if !planted(.timerLost) || bet % 13 != 5 { accounts.schedule(bet: bet, dueAt: dueAt) }
        } else {
            entries |= 1 << EntryReason.accept.rawValue
        }
        let saysMore = isPromotional || asked != request.stake || command.mustBeLocated
        let record = placedRecord(
            command, legs: request.legCount,
            more: saysMore ? sizeBehind(command, request, asked: asked) : 0,
            account: terms.accountRow, &outcomes)
        if saysMore { writeBehind(command, request, terms, asked: asked, to: record) }
        record.clientID = request.id
        record.set(Layout.Placed.bet, command.sequence)
        record.set(Layout.Placed.status, (isPending ? BetStatus.pending : .open).rawValue)
        record.set(Layout.Placed.potentialReturn, terms.potentialReturn)
        record.set(Layout.Placed.acceptedAt, isPending ? 0 : now)
        record.set(Layout.Placed.dueAt, dueAt)
        record.set(Layout.Placed.delayBase, terms.delay.base)
        record.set(Layout.Placed.delayCustomer, terms.delay.customer)
        record.set(Layout.Placed.delaySelection, terms.delay.selection)
        let factor = accounts.accounts[terms.accountRow].stakeFactor
        if factor != AccountRow.wholeFactor { record.set(Layout.Placed.stakeFactor, factor) }
        record.set(Layout.Placed.entries, entries)
        record.set(Layout.Placed.stake, request.stake)
        writeLegs(of: bet, to: record, exposure: terms.exposure)
        if markets.watched > 0, !isPending { shutExposed(by: bet, command, &outcomes) }
    }

    @inline(__always)
    private mutating func stand(_ bet: UInt32, _ index: Int, _ cost: BetCost) {
        let leg = scratch[index]
        accounts.set(
            LegRow(
                numerator: leg.numerator, denominator: leg.denominator, market: leg.market,
                marked: leg.isAtStart ? leg.selection | LegRow.atStart : leg.selection,
                material: UInt32(truncatingIfNeeded: leg.material)),
            at: accounts.bets[bet].firstLeg + UInt32(index))
        markets.stand(bet, market: leg.market, selection: leg.selection, cost)
    }

    @inline(never)
    private mutating func standOnLegs(_ bet: UInt32, _ request: PlaceRequest, _ terms: Terms) {
        let (cost, shares) = costAtHand(request, terms.shape, terms.potentialReturn, terms.placed)
        if !shares.isNone { accounts.change(bet: bet) { $0.forms |= BetRow.divided } }
        for index in 0..<request.legCount {
            stand(bet, index, cost.share(shares, on: scratch[index].odds))
        }
    }

    @inline(never)
    private func forms(_ request: PlaceRequest, _ terms: Terms) -> UInt8 {
        var forms: UInt8 = 0
        if let shape = terms.shape {
            forms |= shape.isNested ? BetRow.system | BetRow.nested : BetRow.system
        }
        if terms.placed != nil { forms |= BetRow.eachWay }
        if request.isPromotional { forms |= BetRow.promotional }
        if request.isSameGame { forms |= BetRow.joint }
        return forms
    }

    /// What stands behind the legs of a bet that is more than an accumulator of cash.
    @inline(never)
    private mutating func writeBehindLegs(
        of bet: UInt32, _ request: PlaceRequest, _ terms: Terms
    ) {
        let first = accounts.bets[bet].firstLeg + UInt32(request.legCount)
        if let shape = terms.shape {
            accounts.set(.shape(shape), at: first)
            if shape.isNested { accounts.set(.groups(shape.groupWords), at: first + 1) }
        }
        if request.isSameGame, let joint = jointAtHand { accounts.set(.joint(joint), at: first) }
        if terms.placed != nil { writePlaces(of: bet) }
        if request.isPromotional { accounts.setSplit(request.split, of: bet) }
    }

    /// Markets that a bet has brought to what they may cost before somebody looks.
    @inline(never)
    mutating func shutExposed(
        by bet: UInt32, _ command: RecordBytes, _ outcomes: inout RecordWriter
    ) {
        let row = accounts.bets[bet]
        for leg in row.firstLeg..<row.firstLeg + UInt32(row.legCount) {
            shutIfExposed(accounts.legs[leg].market, command, &outcomes)
        }
    }

    /// The money of a stake that is not of cash alone; apart, since hardly any bet is of that kind.
    @inline(never)
    private mutating func bookSplit(_ request: PlaceRequest, _ terms: Terms, isPending: Bool) {
        accounts.book(
            isPending ? .hold(request.split) : .take(request.split), to: terms.accountRow,
            promising: terms.potentialReturn, isPending: isPending)
    }

    /// The terms of the slip at hand, behind the bet's legs.
    private mutating func writePlaces(of bet: UInt32) {
        let row = accounts.bets[bet]
        let first = row.firstPlaces
        let count = Int(row.legCount)
        for start in stride(from: 0, to: count, by: 4) {
            var words = InlineArray<4, UInt32>(repeating: 0)
            for index in start..<min(start + 4, count) {
                words[index - start] =
                    planted(.placesForgotten) && index > 0
                    ? scratch[0].places : scratch[index].places
            }
            accounts.set(.places(words), at: first + UInt32(start / 4))
        }
    }

    // MARK: Answers

    /// Bytes of what the answer to a bet says behind its legs; most say nothing there.
    @inline(never)
    private func sizeBehind(_ command: RecordBytes, _ request: PlaceRequest, asked: Int64) -> Int {
        (request.isPromotional ? Layout.Placed.splitSize : 0)
            + (asked != request.stake ? Layout.Placed.askedSize : 0)
            + (command.mustBeLocated ? Layout.Placed.locatedSize : 0)
    }

    @inline(never)
    private func writeBehind(
        _ command: RecordBytes, _ request: PlaceRequest, _ terms: Terms, asked: Int64,
        to record: RecordBytes
    ) {
        if request.isPromotional { record.write(request.split) }
        if asked != request.stake { record.write(asked: asked) }
        if command.mustBeLocated {
            record.write(located: accounts.accounts[terms.accountRow].located)
        }
    }

    /// `more`: bytes behind its legs.
    func placedRecord(
        _ command: RecordBytes, legs: Int, more: Int = 0, account: UInt32?,
        _ outcomes: inout RecordWriter
    ) -> RecordBytes {
        let record = outcomes.append(
            .placed, body: Layout.Placed.size(legs: legs) + more, after: command)
        record.set(Layout.Placed.legCount, UInt8(legs))
        record.set(Layout.Placed.refusalLeg, UInt32.max)
        record.set(Layout.Placed.payoutCap, rules.payoutCap)
        if let account {
            record.account = AccountID(partition: rules.partition, row: account)
            record.set(Layout.Placed.money, accounts.accounts[account].money)
            accounts.accounts[account].write(to: record, at: Layout.Placed.balances)
        }
        return record
    }

    /// The bet's terms and what its markets may cost now. A repeated answer has the terms only: what
    /// stood around the bet when it was decided is in the first answer.
    func writeLegs(
        of bet: UInt32, to record: RecordBytes, isRepeated: Bool = false, exposure: Int64? = nil
    ) {
        let firstLeg = accounts.bets[bet].firstLeg
        let count = Int(accounts.bets[bet].legCount)
        var atStart: UInt64 = 0
        for index in 0..<count {
            let leg = accounts.legs[firstLeg + UInt32(index)]
            if leg.isAtStart { atStart |= 1 << UInt64(index) }
            let offset = Layout.Placed.legs + index * Layout.Placed.legSize
            record.set(offset, leg.numerator)
            record.set(offset + 4, leg.denominator)
            guard !isRepeated else { continue }
            record.set(offset + 8, markets.markets[leg.market].version)
            guard count > 1 else { continue }
            record.set(
                Layout.Placed.exposures(legs: count) + index * 8, markets.worstLoss(leg.market))
        }
        if atStart != 0 { record.set(Layout.Placed.atStart, atStart) }
        guard !isRepeated else { return }
        let market = accounts.legs[firstLeg].market
        record.set(Layout.Placed.exposureAfter, exposure ?? markets.worstLoss(market))
        record.set(Layout.Placed.exposureLimit, markets.markets[market].liabilityLimit)
    }

    private func answer(
        _ command: RecordBytes, _ request: PlaceRequest, _ refused: Refused,
        _ offer: BetOffer? = nil, account: UInt32?, _ outcomes: inout RecordWriter
    ) {
        let record = placedRecord(
            command, legs: 0,
            more: offer.map { Layout.Placed.offerSize(legs: $0.odds.count) } ?? 0,
            account: account, &outcomes)
        if let offer { record.write(offer) }
        if account == nil { record.account = request.account }
        record.clientID = request.id
        record.set(Layout.Placed.bet, command.sequence)
        record.set(Layout.Placed.stake, PlaceRequest.asked(command))
        record.set(Layout.Placed.status, BetStatus.refused.rawValue)
        writeRefusal(refused.refusal, refused.facts, to: record)
    }

    func writeRefusal(_ refusal: Refusal, _ facts: RefusalFacts, to record: RecordBytes) {
        record.set(Layout.Placed.refusal, refusal.rawValue)
        record.set(Layout.Placed.refusalLeg, facts.leg)
        record.set(Layout.Placed.value, facts.value)
        record.set(Layout.Placed.threshold, facts.threshold)
    }

    /// The same request gets the answer it got; another body under the same id is refused.
    private func answerAgain(
        _ command: RecordBytes, _ request: PlaceRequest, _ known: IDRow, account: UInt32,
        _ outcomes: inout RecordWriter
    ) {
        guard known.hashHigh == request.hash.high, known.hashLow == request.hash.low else {
            return answer(command, request, Refused(.idReused), account: account, &outcomes)
        }
        let hasBet = known.bet != .max
        let legs = hasBet ? Int(accounts.bets[known.bet].legCount) : 0
        let isPromotional = hasBet && accounts.bets[known.bet].isPromotional
        let record = placedRecord(
            command, legs: legs, more: isPromotional ? Layout.Placed.splitSize : 0,
            account: account, &outcomes)
        record.flags = Layout.Placed.repeated
        if isPromotional { record.write(accounts.split(of: accounts.bets[known.bet])) }
        record.clientID = request.id
        record.set(Layout.Placed.bet, known.sequence)
        record.set(Layout.Placed.stake, PlaceRequest.asked(command))
        if let refusal = Refusal(rawValue: known.refusal) {
            record.set(Layout.Placed.status, BetStatus.refused.rawValue)
            writeRefusal(refusal, accounts.facts(of: known), to: record)
        } else if hasBet {
            // As it stands: a part of it may have been sold back.
            let bet = accounts.bets[known.bet]
            record.set(Layout.Placed.stake, bet.stake)
            record.set(Layout.Placed.status, bet.status)
            record.set(Layout.Placed.potentialReturn, bet.potentialReturn)
            record.set(Layout.Placed.acceptedAt, bet.acceptedAt)
            record.set(Layout.Placed.dueAt, bet.dueAt)
            writeLegs(of: known.bet, to: record, isRepeated: true)
        }
    }
}
