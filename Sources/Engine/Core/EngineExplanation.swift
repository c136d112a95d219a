public import Betting
import Catalogue
public import Kernel
import Risk

/// One rule that a bet was held against: what was found, and what would have been the limit.
public struct RuleCheck: Sendable {
    /// The refusal that the rule would have led to; its code names the rule.
    public let rule: Refusal
    /// The leg's place in the slip; nil for the whole slip.
    public let leg: Int?
    public let value: Int64
    public let threshold: Int64
    public let isPassed: Bool
}

extension Engine {
    /// Every rule that a placement runs into in this state, in their order, up to the first that refuses.
    ///
    /// For whoever replays a dispute: ask before the command is applied. Changes nothing.
    public borrowing func explain(_ command: RecordBytes) -> [RuleCheck] {
        var request = PlaceRequest(command)
        var explanation = Explanation()
        guard let account = accounts.account(request.account) else {
            explanation.add(.accountUnknown, isPassed: false)
            return explanation.checks
        }
        explanation.add(.accountUnknown, isPassed: true)
        explainRequest(command, request, account, &explanation)
        guard !explanation.isRefused else { return explanation.checks }
        var delay = DelayParts()
        var quotes: [LegQuote] = []
        for index in 0..<request.legCount {
            guard let quote = explainLeg(command, request, index, &explanation) else {
                return explanation.checks
            }
            delay.add(quote, accounts.accounts[account].delay)
            quotes.append(quote)
        }
        for (index, quote) in quotes.enumerated() where accounts.accounts[account].bars > 0 {
            explanation.add(.barred, leg: index, isPassed: !isBarred(account, from: quote.fixture))
        }
        if request.legCount > Limits.eachWayLegs {
            let isLong =
                request.isEachWay || request.isPromotional || quotes.contains(where: \.isDeductible)
            explanation.add(
                .legCountOutOfRange, Int64(request.legCount), Int64(Limits.eachWayLegs),
                isPassed: !isLong)
        }
        guard !explanation.isRefused else { return explanation.checks }
        if request.isSameGame {
            do throws(Refused) {
                try checkSameGame(command, request) { quotes[$0] }
            } catch {
                let leg = error.facts.leg
                explanation.add(
                    error.refusal, leg: leg == .max ? nil : Int(leg), error.facts.value,
                    error.facts.threshold, isPassed: false)
            }
        }
        // Legs that have one price together may well say something about each other.
        for index in request.isSameGame ? 0..<0 : quotes.indices.dropFirst() {
            let related = quotes[..<index].firstIndex { $0.isRelated(to: quotes[index]) }
            explanation.add(
                .related, leg: index, Int64(related ?? -1), -1, isPassed: related == nil)
        }
        guard !explanation.isRefused else { return explanation.checks }
        request.stake = filled(command, request, account, quotes)
        explainStake(command, request, account, quotes, &explanation)
        guard !explanation.isRefused else { return explanation.checks }
        let row = accounts.accounts[account]
        if delay.total(ruleSet) > 0 {
            explanation.add(
                .tooManyPending, Int64(row.pending), Int64(ruleSet.pendingPerAccount),
                isPassed: row.pending < ruleSet.pendingPerAccount)
        }
        explanation.add(
            .tooManyBetsOfAccount, Int64(row.standing), Int64(ruleSet.openBetsPerAccount),
            isPassed: row.standing < ruleSet.openBetsPerAccount)
        explainCaps(command, request, account, quotes, &explanation)
        return explanation.checks
    }

    /// Every rule that a waiting bet runs into when its delay is over at `now`; empty when it is not waiting, or
    /// not due. O(bets): for a dispute.
    public borrowing func explainDelay(of sequence: UInt64, at now: Timestamp) -> [RuleCheck] {
        var explanation = Explanation()
        for number in 0..<UInt32(accounts.bets.count)
        where accounts.bets[number].sequence == sequence {
            let bet = accounts.bets[number]
            guard bet.status == BetStatus.pending.rawValue, bet.dueAt <= now.nanoseconds else {
                return []
            }
            explanation.add(
                .interrupted, bet.dueAt, recoveredAt, isPassed: bet.dueAt > recoveredAt)
            let account = accounts.accounts[bet.account]
            explanation.add(.accountClosed, isPassed: account.isClosed == 0)
            for index in 0..<UInt32(bet.legCount) where account.bars > 0 {
                let market = markets.markets[accounts.legs[bet.firstLeg + index].market]
                explanation.add(
                    .barred, leg: Int(index),
                    isPassed: !isBarred(bet.account, from: market.fixture))
            }
            for index in 0..<UInt32(bet.legCount) {
                let leg = accounts.legs[bet.firstLeg + index]
                let market = markets.markets[leg.market]
                explanation.add(
                    .suspendedDuringDelay, leg: Int(index), Int64(market.reasons), 0,
                    isPassed: market.reasons == 0)
                let material = UInt64(market.material) + markets.fixtures[market.fixture].material
                explanation.add(
                    .changedDuringDelay, leg: Int(index), Int64(material), Int64(leg.material),
                    isPassed: UInt32(truncatingIfNeeded: material) == leg.material)
                guard bet.allowed != nil, !leg.isAtStart else { continue }
                let moved = moveDuringDelay(leg, bet)
                let struck = Int64(leg.odds.numerator) << 32 | Int64(leg.odds.denominator)
                explanation.add(
                    .priceMovedDuringDelay, leg: Int(index), moved ?? struck, struck,
                    isPassed: moved == nil)
            }
        }
        return explanation.checks
    }

    private struct Explanation {
        var checks: [RuleCheck] = []
        var isRefused: Bool { checks.last?.isPassed == false }

        mutating func add(
            _ rule: Refusal, leg: Int? = nil, _ value: Int64 = 0, _ threshold: Int64 = 0,
            isPassed: Bool
        ) {
            guard !isRefused else { return }
            checks.append(
                RuleCheck(
                    rule: rule, leg: leg, value: value, threshold: threshold, isPassed: isPassed))
        }
    }

    private borrowing func explainRequest(
        _ command: RecordBytes, _ request: PlaceRequest, _ account: UInt32,
        _ explanation: inout Explanation
    ) {
        let now = command.time.nanoseconds
        explanation.add(
            .idReused, isPassed: accounts.known(request.id, account: account) == nil)
        let made = (request.id.milliseconds ?? 0)
        let oldest = command.time.milliseconds - ruleSet.idAge
        explanation.add(
            .idOutsideWindow, min(made, .max / 1_000_000) * 1_000_000, oldest * 1_000_000,
            isPassed: made >= oldest && made <= command.time.milliseconds + ruleSet.validUntilAhead)
        explanation.add(
            .deadlinePassed, now, request.validUntil, isPassed: request.validUntil >= now)
        let furthest = now + ruleSet.validUntilAhead * 1_000_000
        explanation.add(
            .deadlineTooFar, request.validUntil, furthest, isPassed: request.validUntil <= furthest)
        let row = accounts.accounts[account]
        explanation.add(
            .tooManyRefused, Int64(row.refused), Int64(ruleSet.refusedPerAccount),
            isPassed: row.refused < ruleSet.refusedPerAccount)
        explanation.add(.accountClosed, isPassed: row.isClosed == 0)
        explanation.add(
            .structureUnsupported, Int64(request.structure),
            Int64(BetStructure.accumulator.rawValue),
            isPassed: request.isStructure)
        explanation.add(
            .legCountOutOfRange, Int64(request.legCount), Int64(ruleSet.legs),
            isPassed: (1...ruleSet.legs).contains(request.legCount)
                && command.slots
                    >= SlotSize.slots(
                        forBody: Layout.Place.legs + request.legCount * Layout.Place.legSize)
        )
        explanation.add(
            .currencyMismatch, Int64(request.currency), Int64(row.currency),
            isPassed: request.currency == row.currency)
        if request.isPromotional {
            do throws(Refused) {
                try checkKinds(request, account)
                explanation.add(
                    .stakeKindUnsupported, request.bonus | request.free, isPassed: true)
            } catch {
                return explanation.add(
                    error.refusal, error.facts.value, error.facts.threshold, isPassed: false)
            }
        }
        defer {
            explainOffer(command, account, &explanation)
            explainChannel(command, &explanation)
            explainLocation(command, account, &explanation)
        }
        guard request.isSystem || request.isEachWay else { return }
        let lines = (request.isSystem ? request.shape(command)?.lines : 1).map {
            $0 * (request.isEachWay ? 2 : 1)
        }
        explanation.add(
            .systemMalformed, Int64(request.sizes), Int64(request.bankers), isPassed: lines != nil)
        explanation.add(
            .tooManyLines, lines ?? 0, ruleSet.lines, isPassed: (lines ?? 0) <= ruleSet.lines)
        explanation.add(
            .stakeNotDivisible, request.stake, lines ?? 1,
            isPassed: request.stake % (lines ?? 1) == 0)
        guard request.isPromotional else { return }
        explanation.add(
            .stakeNotDivisible, request.free, lines ?? 1,
            isPassed: request.free % (lines ?? 1) == 0)
    }

    private borrowing func explainOffer(
        _ command: RecordBytes, _ account: UInt32, _ explanation: inout Explanation
    ) {
        let reference = command.field(Layout.Place.offer, as: UInt64.self)
        guard reference != 0, !explanation.isRefused else { return }
        do throws(Refused) {
            try checkOffer(reference, account, at: command.time)
            explanation.add(
                .offerExpired, Int64(truncatingIfNeeded: reference), isPassed: true)
        } catch {
            explanation.add(.offerExpired, error.facts.value, isPassed: false)
        }
    }

    private borrowing func explainChannel(
        _ command: RecordBytes, _ explanation: inout Explanation
    ) {
        guard markets.shutChannels != 0, !explanation.isRefused else { return }
        let channel = command.channel
        explanation.add(
            .channelShut, Int64(channel), isPassed: markets.shutChannels & 1 << channel == 0)
    }

    private borrowing func explainLocation(
        _ command: RecordBytes, _ account: UInt32, _ explanation: inout Explanation
    ) {
        guard command.mustBeLocated, !explanation.isRefused else { return }
        let decision = Int64(truncatingIfNeeded: accounts.accounts[account].located)
        do throws(Refused) {
            try checkLocation(command, account, at: command.time)
            explanation.add(.locationRefused, decision, isPassed: true)
        } catch {
            explanation.add(error.refusal, decision, isPassed: false)
        }
    }

    private borrowing func explainLeg(
        _ command: RecordBytes, _ request: PlaceRequest, _ index: Int,
        _ explanation: inout Explanation
    ) -> LegQuote? {
        let offset = PlaceRequest.leg(index)
        let id = MarketID(command.field(offset + Layout.Leg.market, as: UInt64.self))
        let number = markets.market(id)
        explanation.add(
            .marketUnknown, leg: index, Int64(truncatingIfNeeded: id.rawValue),
            isPassed: number != nil)
        guard let number else { return nil }
        let market = markets.markets[number]
        let place = command.field(offset + Layout.Leg.selection, as: UInt32.self)
        explanation.add(
            .selectionUnknown, leg: index, Int64(place), Int64(market.selectionCount),
            isPassed: place < UInt32(market.selectionCount))
        guard place < UInt32(market.selectionCount) else { return nil }
        explanation.add(
            .marketSuspended, leg: index, Int64(market.reasons), 0, isPassed: market.reasons == 0)
        let isAtStart = command.isAtStart(index)
        let odds = markets.selections[market.firstSelection + place].odds
        explanation.add(
            .selectionNotOffered, leg: index, Int64(place), isPassed: odds != nil || isAtStart)
        let fixture = markets.fixtures[market.fixture]
        let seen = command.field(offset + Layout.Leg.score, as: UInt32.self)
        explanation.add(
            .scoreChanged, leg: index, Int64(fixture.score), Int64(seen),
            isPassed: odds == nil || seen == Score.unknown || fixture.score == Score.unknown
                || seen == fixture.score)
        let quote: LegQuote
        if isAtStart {
            if request.isSameGame {
                explanation.add(
                    .structureUnsupported, leg: index, Int64(request.structure), isPassed: false)
            }
            let atStart = quoteAtStart(number, market.firstSelection + place)
            explanation.add(
                .startingPriceNotTaken, leg: index, Int64(place),
                isPassed: atStart != nil)
            guard let atStart else { return nil }
            quote = atStart
        } else {
            guard let odds else { return nil }
            explainPrice(command, request, index, odds, &explanation)
            quote = legQuote(number, market.firstSelection + place, odds)
        }
        guard !explanation.isRefused else { return nil }
        if request.structure == BetStructure.eachWay.rawValue {
            let seen = command.places(at: offset + Layout.Leg.eachWayPlaces)?.packed ?? 0
            explanation.add(
                .placeTermsChanged, leg: index, Int64(market.places), Int64(seen),
                isPassed: seen != 0 && seen == market.places)
            guard !explanation.isRefused else { return nil }
        }
        let version = command.field(offset + Layout.Leg.marketVersion, as: UInt64.self)
        if version != 0, ruleSet.looksAgain {
            explanation.add(
                .marketChanged, leg: index, Int64(clamping: market.version),
                Int64(clamping: version), isPassed: version >= market.changedAt)
            guard !explanation.isRefused else { return nil }
        }
        return quote
    }

    private borrowing func explainPrice(
        _ command: RecordBytes, _ request: PlaceRequest, _ index: Int, _ odds: Odds,
        _ explanation: inout Explanation
    ) {
        let shown = command.odds(at: PlaceRequest.leg(index) + Layout.Leg.odds)
        let isTaken =
            shown.map {
                $0 == odds
                    || request.rule.accepts(
                        shown: $0, now: odds, tolerance: request.tolerance, ladder: ladder)
            } ?? false
        explanation.add(
            .priceMoved, leg: index, Int64(odds.numerator) << 32 | Int64(odds.denominator),
            Int64(shown?.numerator ?? 0) << 32 | Int64(shown?.denominator ?? 0), isPassed: isTaken)
    }

    private borrowing func explainCaps(
        _ command: RecordBytes, _ request: PlaceRequest, _ account: UInt32,
        _ quotes: [LegQuote],
        _ explanation: inout Explanation
    ) {
        guard rules.hasCaps else { return }
        let slip = StakedSlip(command, request, account: account, quotes: quotes)
        let potential = potentialReturn(slip, split: request.split) ?? 0
        for cap in caps(of: account) {
            let value = cap.counted + potential
            explanation.add(cap.rule, value, cap.most, isPassed: value <= cap.most)
        }
    }

    private borrowing func explainStake(
        _ command: RecordBytes, _ request: PlaceRequest, _ account: UInt32,
        _ quotes: [LegQuote],
        _ explanation: inout Explanation
    ) {
        let stake = request.stake
        let row = accounts.accounts[account]
        let least = max(1, rules.minimumStake)
        explanation.add(.stakeBelowMinimum, stake, least, isPassed: stake >= least)
        guard !explanation.isRefused else { return }
        let slip = StakedSlip(command, request, account: account, quotes: quotes)
        let split = request.split
        let returned = potentialReturn(slip, split: split)
        let isFloored =
            quotes.count == 1 && !request.isEachWay && stake <= ruleSet.stake
            && isUnderFloor(
                market: quotes[0].market, selection: quotes[0].selection, account: account,
                potential: returned, paid: split.paid)
        explanation.add(.stakeAboveMaximum, stake, ruleSet.stake, isPassed: stake <= ruleSet.stake)
        if row.stakeLimit > 0 {
            explanation.add(
                .stakeAboveMaximum, stake, row.stakeLimit,
                isPassed: stake <= row.stakeLimit || isFloored)
        }
        for (index, quote) in quotes.enumerated() {
            let most = row.mostStaked(markets.markets[quote.market].maximumStake)
            explanation.add(
                .stakeAboveMaximum, leg: index, stake, most, isPassed: stake <= most || isFloored)
        }
        guard !explanation.isRefused else { return }
        let potential = returned ?? .max
        explanation.add(
            .returnAboveMaximum, potential, rules.payoutCap, isPassed: potential <= rules.payoutCap)
        explanation.add(
            .insufficientFunds, row.cash, split.cash, isPassed: row.cash >= split.cash)
        if request.isPromotional {
            explanation.add(
                .insufficientFunds, row.bonus, split.bonus, isPassed: row.bonus >= split.bonus)
            explanation.add(
                .insufficientFunds, row.free, split.free, isPassed: row.free >= split.free)
        }
        guard !explanation.isRefused else { return }
        let shares = shares(of: slip)
        let cost = cost(of: slip, split: split, potential: potential, shares)
        for (index, quote) in quotes.enumerated() {
            let limit = markets.markets[quote.market].liabilityLimit
            let after = markets.worstLoss(
                quote.market, adding: cost.share(shares, on: quote.odds),
                on: quote.selection)
            explanation.add(
                .exposureLimit, leg: index, after, limit,
                isPassed: after <= limit || after <= markets.worstLoss(quote.market) || isFloored)
        }
    }
}
