public import Betting
import Catalogue
public import Kernel
import Ledger
import Pricing

/// What a customer asks of one of its bets, read out of its record once.
struct CashOutRequest {
    let account: AccountID
    let id: ExternalID
    let hash: ExternalID
    let bet: UInt64
    let part: Int64
    let least: Int64
    let validUntil: Int64

    init(_ record: RecordBytes) {
        account = record.account
        id = record.clientID
        hash = record.requestHash
        bet = record.field(Layout.CashOut.bet, as: UInt64.self)
        part = record.field(Layout.CashOut.part, as: Int64.self)
        least = record.field(Layout.CashOut.least, as: Int64.self)
        validUntil = record.field(Layout.CashOut.validUntil, as: Int64.self)
    }
}

/// What a part of a bet's stake could be sold back for at a moment, and by what.
public struct CashOutOffer: Equatable, Sendable {
    public let bet: UInt64
    /// Minor units of the stake, and the step in which a part of it may be sold.
    public let part: Int64
    public let step: Int64
    public let stake: Int64
    public let value: CashOutValue
    /// Hundredths of a percent.
    public let margin: UInt16
    /// Milliseconds that acceptance waits.
    public var delay: UInt32
    /// Over its legs: versions added up. Each of them only grows, so that the sums are alike only where all are.
    public let material: UInt64
    public let prices: UInt64
    let delayParts: DelayParts
    let number: UInt32
}

/// What a bet could be sold back for, or why it could not be; and what it is sold for by itself.
public struct CashOutAnswer: Sendable {
    public enum Worth: Sendable {
        case offer(CashOutOffer)
        case refused(Refusal, RefusalFacts)
    }

    public let bet: UInt64
    public let worth: Worth
    /// When one of it that waits is decided; nil where none waits.
    public var dueAt: Timestamp?
    /// Minor units; nil where nobody said so.
    public let rule: Int64?

    /// There is none, or it is somebody else's.
    public var isUnknown: Bool {
        if case .refused(.betUnknown, _) = worth { true } else { false }
    }
}

extension Engine {
    // MARK: Offers

    /// What a part of a bet could be sold back for at this moment: a picture, never a promise. `part` in minor units
    /// of its stake, 0 all of it.
    public borrowing func cashOut(of bet: UInt64, account: AccountID, part: Int64) -> CashOutAnswer
    {
        do throws(Refused) {
            guard let number = accounts.account(account) else { throw Refused(.accountUnknown) }
            if let row = accounts.bet(bet), accounts.bets[row].account == number,
                let waiting = accounts.sales.waiting(of: bet)
            {
                return CashOutAnswer(
                    bet: bet, worth: .refused(.cashOutPending, RefusalFacts()),
                    dueAt: Timestamp(nanoseconds: waiting.dueAt), rule: accounts.sales.rule(of: bet)
                )
            }
            return CashOutAnswer(
                bet: bet, worth: .offer(try offer(of: bet, account: number, part: part)),
                rule: accounts.sales.rule(of: bet))
        } catch {
            let rule = error.refusal == .betUnknown ? nil : accounts.sales.rule(of: bet)
            return CashOutAnswer(
                bet: bet, worth: .refused(error.refusal, error.facts), rule: rule)
        }
    }

    private borrowing func offer(of bet: UInt64, account: UInt32, part: Int64) throws(Refused)
        -> CashOutOffer
    {
        guard let number = accounts.bet(bet), accounts.bets[number].account == account else {
            throw Refused(.betUnknown, value: Int64(truncatingIfNeeded: bet))
        }
        let row = accounts.bets[number]
        guard row.status == BetStatus.open.rawValue else { throw Refused(.betNotOpen) }
        let shape = accounts.shape(of: row)
        let step = (shape?.lines ?? 1) * (row.isEachWay ? 2 : 1)
        let sold = part == 0 ? row.stake : part
        guard sold > 0, sold <= row.stake, sold % step == 0 else {
            throw Refused(.partNotDivisible, value: sold, threshold: step)
        }
        guard isEverSold(row) else { throw Refused(.cashOutNotOffered) }
        var total = BetReturn(stake: sold, shape: shape)
        var delay = DelayParts()
        var undecided = 0
        for index in 0..<Int(row.legCount) {
            let leg = accounts.legs[row.firstLeg + UInt32(index)]
            let market = markets.markets[leg.market]
            let fixture = markets.fixtures[market.fixture]
            let facts = facts(of: leg, index, in: row)
            if facts.win == .undecided {
                undecided += 1
                let selection = markets.selections[leg.selection]
                delay.add(
                    market, selection, accounts.accounts[account].delay,
                    isInPlay: fixture.isInPlay == 1)
            }
            total.multiply(by: try expectation(of: leg, facts, index))
        }
        guard undecided > 0 else { throw Refused(.betNotOpen) }
        let margin = planted(.cashOutMarginForgotten) ? 0 : ruleSet.margin(undecided: undecided)
        guard let value = CashOutValue(total, margin: margin) else {
            throw Refused(.cashOutNotOffered)
        }
        let (material, prices) = versions(of: row)
        return CashOutOffer(
            bet: bet, part: sold, step: step, stake: row.stake, value: value, margin: margin,
            delay: delay.total(ruleSet), material: material, prices: prices, delayParts: delay,
            number: number)
    }

    /// Over a bet's legs, added up: what a waiting bet must not survive, and prices.
    private borrowing func versions(of bet: BetRow) -> (material: UInt64, prices: UInt64) {
        var sums: (material: UInt64, prices: UInt64) = (0, 0)
        for index in 0..<UInt32(bet.legCount) {
            let market = markets.markets[accounts.legs[bet.firstLeg + index].market]
            sums.material += UInt64(market.material) + markets.fixtures[market.fixture].material
            sums.prices += market.priceVersion
        }
        return sums
    }

    /// What a leg multiplies by, or before it has a result what its market lets expect.
    private borrowing func expectation(of leg: LegRow, _ facts: LegFacts, _ index: Int)
        throws(Refused) -> LegFactor
    {
        guard facts.win == .undecided else { return facts.win }
        let market = markets.markets[leg.market]
        guard market.reasons == 0 else {
            throw Refused(.marketSuspended, leg: index, value: Int64(market.reasons))
        }
        guard markets.selections[leg.selection].odds != nil else {
            throw Refused(.selectionNotOffered, leg: index)
        }
        guard !market.isNotSoldBack, let chance = chance(of: leg.selection, in: market),
            let factor = facts.expected(chance)
        else { throw Refused(.cashOutNotOffered, leg: index) }
        return factor
    }

    /// As its supplier says, or what the references of its market let conclude where a stake cannot go back.
    private borrowing func chance(of selection: UInt32, in market: MarketRow) -> Chance? {
        if let said = markets.selections[selection].chance { return said }
        guard market.mayPush == 0 else { return nil }
        var references = InlineArray<64, UInt32>(repeating: 0)
        let count = Int(market.selectionCount)
        for index in 0..<count {
            references[index] =
                markets.selections[market.firstSelection + UInt32(index)].fairReference
        }
        return Fair.chance(
            of: Int(selection - market.firstSelection),
            among: references.span.extracting(0..<count), winners: Int(market.winners))
    }

    // MARK: Acceptance

    /// A bet, or a part of one, is sold back: at once, or after the delay of what of it is in play.
    ///
    /// What is paid is its value then, never less than what was offered.
    mutating func cashOut(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        let request = CashOutRequest(command)
        guard let account = accounts.account(request.account) else {
            return refuse(command, request, Refused(.accountUnknown), account: nil, &outcomes)
        }
        if let known = accounts.known(request.id, account: account) {
            return answerAgain(command, request, known, account: account, &outcomes)
        }
        var decision: CashOutDecision
        do {
            decision = .taken(try check(request, account: account))
        } catch {
            decision = .refused(error)
        }
        if stored.isFollowed { decision = follow(command, request, decision, account: account) }
        let row = IDRow(command, account: account, validUntil: request.validUntil)
        switch decision {
        case .refused(let refused):
            if Self.isStored(refused.refusal) {
                guard !accounts.isIDWindowFull else {
                    return refuse(command, request, tooManyIDs, account: account, &outcomes)
                }
                accounts.remember(row, refusal: refused.refusal, facts: refused.facts)
            }
            refuse(command, request, refused, account: account, &outcomes)
        case .taken(let offer):
            let paid = offer.delay > 0 ? 0 : offer.value.payout
            accounts.remember(row, facts: RefusalFacts(value: paid, threshold: offer.part))
            take(offer, least: request.least, command, account, &outcomes)
        }
    }

    /// Sells at once, or when the delay has passed.
    private mutating func take(
        _ offer: CashOutOffer, least: Int64, _ command: RecordBytes, _ account: UInt32,
        _ outcomes: inout RecordWriter
    ) {
        if offer.delay > 0 {
            wait(for: offer, least: least, command, account, &outcomes)
        } else {
            sell(offer, command, &outcomes)
        }
    }

    /// What is decided about a cash-out.
    enum CashOutDecision {
        case refused(Refused)
        case taken(CashOutOffer)
    }

    private borrowing func check(_ request: CashOutRequest, account: UInt32) throws(Refused)
        -> CashOutOffer
    {
        try checkTimes(request.id, validUntil: request.validUntil, account: account)
        let offer = try sellable(
            request.bet, part: request.part, least: request.least, account: account)
        guard !accounts.isIDWindowFull else { throw tooManyIDs }
        return offer
    }

    /// That a part of a bet is worth so much, and that a wait for it has room.
    private borrowing func sellable(_ bet: UInt64, part: Int64, least: Int64, account: UInt32)
        throws(Refused) -> CashOutOffer
    {
        let offer = try offer(of: bet, account: account, part: part)
        guard accounts.sales.waiting(of: bet) == nil else { throw Refused(.cashOutPending) }
        try checkWorth(offer, least: least)
        if offer.delay > 0 {
            let pending = accounts.accounts[account].pending
            guard pending < ruleSet.pendingPerAccount else {
                throw Refused(
                    .tooManyPending, value: Int64(pending),
                    threshold: Int64(ruleSet.pendingPerAccount))
            }
            guard !accounts.sales.isWaitingFull else {
                let timers = Int64(accounts.timerCapacity)
                throw Refused(.tooManyTimers, value: timers, threshold: timers)
            }
        }
        return offer
    }

    private borrowing func checkWorth(_ offer: CashOutOffer, least: Int64) throws(Refused) {
        guard offer.value.payout >= least || planted(.cashOutPaidAsOffered) else {
            throw Refused(.cashOutChanged, value: offer.value.payout, threshold: least)
        }
    }

    private mutating func wait(
        for offer: CashOutOffer, least: Int64, _ command: RecordBytes, _ account: UInt32,
        _ outcomes: inout RecordWriter
    ) {
        let dueAt = time.nanoseconds + Int64(offer.delay) * 1_000_000
        accounts.wait(
            CashOutRow(
                sequence: command.sequence, bet: offer.bet, part: offer.part, least: least,
                material: offer.material, dueAt: dueAt, account: account))
        let record = answer(command, bet: offer.bet, account: account, .pending, &outcomes)
        record.clientID = command.clientID
        write(offer, to: record)
        record.set(Layout.CashOutAnswered.dueAt, dueAt)
        record.set(Layout.CashOutAnswered.delayBase, offer.delayParts.base)
        record.set(Layout.CashOutAnswered.delayCustomer, offer.delayParts.customer)
        record.set(Layout.CashOutAnswered.delaySelection, offer.delayParts.selection)
    }

    /// A cash-out's delay has passed: it is sold as it is worth now, if nothing has happened meanwhile.
    mutating func concludeCashOut(
        _ waited: CashOutRow, _ command: RecordBytes, _ outcomes: inout RecordWriter
    ) {
        var decision: CashOutDecision
        do {
            decision = .taken(try afterDelay(waited))
        } catch {
            decision = .refused(error)
        }
        if stored.isFollowed, let fact = stored.take(.cashOutAnswered, bet: waited.bet) {
            decision = follow(command, fact, decision, of: waited.bet, account: waited.account)
        }
        switch decision {
        case .refused(let refused):
            accounts.conclude(id: waited.sequence, refusal: refused.refusal, facts: refused.facts)
            accounts.sales.lookAtRule(of: waited.bet)
            let record = answer(
                command, bet: waited.bet, account: waited.account, .refused, &outcomes)
            record.cause = waited.sequence
            record.set(Layout.CashOutAnswered.part, waited.part)
            write(refused, to: record)
        case .taken(let offer):
            accounts.conclude(
                id: waited.sequence, refusal: nil,
                facts: RefusalFacts(value: offer.value.payout, threshold: offer.part))
            sell(offer, command, cause: waited.sequence, &outcomes)
        }
    }

    private borrowing func afterDelay(_ waited: CashOutRow) throws(Refused) -> CashOutOffer {
        if waited.dueAt <= recoveredAt { throw Refused(.interrupted) }
        guard let number = accounts.bet(waited.bet) else { throw Refused(.betNotOpen) }
        let material = versions(of: accounts.bets[number]).material
        guard material == waited.material || planted(.cashOutDelayIgnored) else {
            throw Refused(
                .changedDuringDelay, value: Int64(material), threshold: Int64(waited.material))
        }
        var offer = try offer(of: waited.bet, account: waited.account, part: waited.part)
        try checkWorth(offer, least: waited.least)
        offer.delay = 0
        return offer
    }

    // MARK: By rule

    /// Whether a bet is of a kind that is sold back at all.
    private borrowing func hasLegAtStart(_ bet: BetRow) -> Bool {
        (0..<UInt32(bet.legCount)).contains { accounts.legs[bet.firstLeg + $0].isAtStart }
    }

    func isEverSold(_ bet: BetRow) -> Bool {
        // Nothing says how likely a place is; what was given is not turned into money; and so many legs make a
        // fraction that fits.
        !bet.isEachWay && !bet.isPromotional && !bet.isJoint && bet.legCount <= Limits.cashOutLegs
            && !hasLegAtStart(bet)
    }

    mutating func sell(
        by rule: SaleRuleRow, _ command: RecordBytes, _ outcomes: inout RecordWriter
    ) {
        var decision: CashOutDecision
        do {
            decision = .taken(
                try sellable(rule.bet, part: 0, least: rule.atLeast, account: rule.account))
        } catch {
            decision = .refused(error)
        }
        if stored.isFollowed {
            guard let fact = stored.take(.cashOutAnswered, bet: rule.bet) else {
                // One that would have waited may have found no room for that: another machine may have more.
                if case .taken(let offer) = decision, offer.delay == 0 {
                    note(
                        command, bet: rule.bet, fact: .unchanged,
                        ours: Decision(status: .cashedOut, amount: offer.value.payout))
                }
                return
            }
            decision = follow(command, fact, decision, of: rule.bet, account: rule.account)
        }
        guard case .taken(let offer) = decision else { return }
        take(offer, least: rule.atLeast, command, rule.account, &outcomes)
    }

    // MARK: Booking; nothing may fail from here on

    /// Pays for the part, and lets what is left stand as if it had been all.
    private mutating func sell(
        _ offer: CashOutOffer, _ command: RecordBytes, cause: UInt64? = nil,
        _ outcomes: inout RecordWriter
    ) {
        let number = offer.number
        let bet = accounts.bets[number]
        let left = bet.stake - offer.part
        let payout = offer.value.payout
        accounts.post(
            .cashOut(
                part: offer.part, payout: payout, accounts.holdings(bet.account)),
            to: bet.account)
        count(paid: payout, to: bet.account)
        setExposure(of: number, standing: false)
        if left == 0 {
            accounts.count(bet, isStanding: false)
            accounts.removeRule(of: bet.sequence)
            accounts.change(bet: number) {
                $0.status = BetStatus.cashedOut.rawValue
                $0.payout = payout
            }
        } else {
            let potential = potentialReturn(of: bet, stake: left)
            accounts.change(bet: number) {
                $0.stake = left
                if !planted(.remainderUnreckoned) { $0.potentialReturn = potential }
            }
            setExposure(of: number, standing: true)
            let before = bet.potentialReturn
            let after = accounts.bets[number].potentialReturn
            accounts.promise(after - before, of: bet.account)
        }
        let record = answer(command, bet: offer.bet, account: bet.account, .cashedOut, &outcomes)
        if let cause { record.cause = cause } else { record.clientID = command.clientID }
        write(offer, to: record)
        record.set(Layout.CashOutAnswered.payout, payout)
        record.set(Layout.CashOutAnswered.entry, EntryReason.cashOut.rawValue)
        lookAtExposed(by: number, command, &outcomes)
    }

    /// What a bet returns when everything wins, with this stake.
    private func potentialReturn(of bet: BetRow, stake: Int64) -> Int64 {
        let shape = accounts.shape(of: bet)
        var total = BetReturn(
            stake: stake, shape: shape, isEachWay: bet.isEachWay,
            terms: houseTerms(of: bet, shape).promised)
        for index in 0..<Int(bet.legCount) {
            total.multiply(
                byWon: accounts.legs[bet.firstLeg + UInt32(index)].odds,
                places: accounts.places(of: bet, leg: index))
        }
        guard case .settled(let payout) = total.outcome(rules.rounding) else {
            preconditionFailure("a part of a bet returns less than all of it")
        }
        return payout
    }

    // MARK: Answers

    private func answer(
        _ command: RecordBytes, bet: UInt64, account: UInt32?, _ status: BetStatus,
        _ outcomes: inout RecordWriter
    ) -> RecordBytes {
        let record = outcomes.append(
            .cashOutAnswered, body: Layout.CashOutAnswered.size, after: command)
        record.set(Layout.CashOutAnswered.bet, bet)
        record.set(Layout.CashOutAnswered.status, status.rawValue)
        record.set(Layout.CashOutAnswered.refusalLeg, UInt32.max)
        guard let account else { return record }
        record.account = AccountID(partition: rules.partition, row: account)
        record.set(Layout.CashOutAnswered.money, accounts.accounts[account].money)
        accounts.accounts[account].write(to: record, at: Layout.CashOutAnswered.balances)
        // Of somebody else's bet nothing is said.
        guard let number = accounts.bet(bet), accounts.bets[number].account == account else {
            return record
        }
        let row = accounts.bets[number]
        record.set(Layout.CashOutAnswered.betStatus, row.status)
        let isOpen = row.status == BetStatus.open.rawValue
        record.set(Layout.CashOutAnswered.stakeLeft, isOpen ? row.stake : 0)
        record.set(Layout.CashOutAnswered.potentialReturn, isOpen ? row.potentialReturn : 0)
        return record
    }

    private func write(_ offer: CashOutOffer, to record: RecordBytes) {
        record.set(Layout.CashOutAnswered.part, offer.part)
        record.set(Layout.CashOutAnswered.margin, offer.margin)
        record.set(Layout.CashOutAnswered.fair, offer.value.fair)
        record.set(Layout.CashOutAnswered.exact, offer.value.exact)
        record.set(Layout.CashOutAnswered.material, offer.material)
        record.set(Layout.CashOutAnswered.prices, offer.prices)
    }

    private func write(_ refused: Refused, to record: RecordBytes) {
        record.set(Layout.CashOutAnswered.refusal, refused.refusal.rawValue)
        record.set(Layout.CashOutAnswered.refusalLeg, refused.facts.leg)
        record.set(Layout.CashOutAnswered.value, refused.facts.value)
        record.set(Layout.CashOutAnswered.threshold, refused.facts.threshold)
    }

    private func refuse(
        _ command: RecordBytes, _ request: CashOutRequest, _ refused: Refused, account: UInt32?,
        _ outcomes: inout RecordWriter
    ) {
        let record = answer(command, bet: request.bet, account: account, .refused, &outcomes)
        if account == nil { record.account = request.account }
        record.clientID = request.id
        record.set(Layout.CashOutAnswered.part, request.part)
        write(refused, to: record)
    }

    /// The same request gets the answer it got; another under the same id is refused.
    private func answerAgain(
        _ command: RecordBytes, _ request: CashOutRequest, _ known: IDRow, account: UInt32,
        _ outcomes: inout RecordWriter
    ) {
        guard known.hashHigh == request.hash.high, known.hashLow == request.hash.low else {
            return refuse(command, request, Refused(.idReused), account: account, &outcomes)
        }
        let facts = accounts.facts(of: known)
        let status: BetStatus =
            known.refusal != 0 ? .refused : facts.value == 0 ? .pending : .cashedOut
        let record = answer(command, bet: request.bet, account: account, status, &outcomes)
        record.flags = Layout.CashOutAnswered.repeated
        record.clientID = request.id
        record.cause = known.sequence
        if let refusal = Refusal(rawValue: known.refusal) {
            record.set(Layout.CashOutAnswered.part, request.part)
            write(Refused(refusal, facts), to: record)
        } else {
            record.set(Layout.CashOutAnswered.part, facts.threshold)
            record.set(Layout.CashOutAnswered.payout, facts.value)
            guard status == .pending, let waiting = accounts.sales.waiting(of: request.bet) else {
                return
            }
            record.set(Layout.CashOutAnswered.dueAt, waiting.dueAt)
        }
    }

    // MARK: Replay

    private mutating func follow(
        _ command: RecordBytes, _ request: CashOutRequest, _ ours: CashOutDecision, account: UInt32
    ) -> CashOutDecision {
        guard let fact = stored.take(.cashOutAnswered, bet: request.bet) else { return ours }
        return follow(command, fact, ours, of: request.bet, account: account, isNew: true)
    }

    /// Decides by what is stored, as far as these books can, and notes when the rules say otherwise. `isNew`: an id is
    /// to be remembered.
    private mutating func follow(
        _ command: RecordBytes, _ fact: RecordBytes, _ ours: CashOutDecision, of bet: UInt64,
        account: UInt32, isNew: Bool = false
    ) -> CashOutDecision {
        let told = Self.decision(fact)
        let decided = Self.decision(ours)
        // Another machine may have more room.
        let isRoom = [told, decided].contains { Refusal(rawValue: $0.refusal)?.isCapacity == true }
        if !isRoom { note(command, bet: bet, fact: told, ours: decided) }
        if let refused = Refused(stored: fact) { return .refused(refused) }
        guard told != decided else { return ours }
        let part = fact.field(Layout.CashOutAnswered.part, as: Int64.self)
        guard let number = accounts.bet(bet), accounts.bets[number].account == account,
            accounts.bets[number].status == BetStatus.open.rawValue,
            part > 0, part <= accounts.bets[number].stake,
            told.status == BetStatus.pending.rawValue
                ? !accounts.sales.isWaitingFull && accounts.sales.waiting(of: bet) == nil
                : told.amount > 0,
            !isNew || !accounts.isIDWindowFull
        else { return ours }
        let value = CashOutValue(
            payout: told.amount,
            fair: fact.field(Layout.CashOutAnswered.fair, as: Int64.self),
            exact: fact.field(Layout.CashOutAnswered.exact, as: Int64.self))
        let delay = DelayParts(
            base: fact.field(Layout.CashOutAnswered.delayBase, as: UInt32.self),
            customer: fact.field(Layout.CashOutAnswered.delayCustomer, as: UInt32.self),
            selection: fact.field(Layout.CashOutAnswered.delaySelection, as: UInt32.self))
        return .taken(
            CashOutOffer(
                bet: bet, part: part, step: 1, stake: accounts.bets[number].stake, value: value,
                margin: fact.field(Layout.CashOutAnswered.margin, as: UInt16.self),
                delay: told.delay,
                material: fact.field(Layout.CashOutAnswered.material, as: UInt64.self),
                prices: fact.field(Layout.CashOutAnswered.prices, as: UInt64.self),
                delayParts: delay, number: number))
    }

    private static func decision(_ ours: CashOutDecision) -> Decision {
        switch ours {
        case .refused(let refused): Decision(refused)
        case .taken(let offer) where offer.delay > 0:
            Decision(status: .pending, delay: offer.delay)
        case .taken(let offer): Decision(status: .cashedOut, amount: offer.value.payout)
        }
    }

    private static func decision(_ fact: RecordBytes) -> Decision {
        if let refused = Refused(stored: fact) { return Decision(refused) }
        let dueAt = fact.field(Layout.CashOutAnswered.dueAt, as: Int64.self)
        guard dueAt == 0 else {
            let delay = (dueAt - fact.time.nanoseconds) / 1_000_000
            return Decision(status: .pending, delay: UInt32(clamping: delay))
        }
        return Decision(
            status: .cashedOut,
            amount: fact.field(Layout.CashOutAnswered.payout, as: Int64.self))
    }
}
