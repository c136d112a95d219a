public import Betting
import Catalogue
public import Kernel
import Ledger

/// A leg as whoever shows it keeps it.
public struct SettledLeg: Sendable {
    public let market: MarketID
    public let selection: UInt32
    /// Nil at starting price.
    public let odds: Odds?
    public let places: PlaceTerms?

    public init(market: MarketID, selection: UInt32, odds: Odds?, places: PlaceTerms?) {
        self.market = market
        self.selection = selection
        self.odds = odds
        self.places = places
    }
}

extension Engine {
    /// A result from the supplier: it settles at once, and again when it changes.
    mutating func takeResult(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        guard let number = markets.market(external: command.clientID) else {
            return answer(command, result: nil, .marketUnknown, &outcomes)
        }
        guard let results = readResults(command, market: number) else {
            return answer(command, result: number, .malformed, &outcomes)
        }
        guard markets.markets[number].isReleased == 0 else {
            return answer(command, result: number, .betsReleased, &outcomes)
        }
        let hasTooMany = hasTooManyWinners(results, market: number)
        guard !refuses(command, .tooManyWinners, when: hasTooMany) else {
            return answer(command, result: number, .tooManyWinners, &outcomes)
        }
        // What two people decided is theirs to change: a supplier that repeats what they corrected, or
        // says something new, is written down and moves no money.
        let isOther =
            markets.markets[number].isByOperators == 1 && differs(results, market: number)
        guard !refuses(command, .decidedByOperators, when: isOther) else {
            return answer(command, result: number, .decidedByOperators, &outcomes)
        }
        guard markets.markets[number].isByOperators == 0 else {
            return answer(command, result: number, .noChange, &outcomes)
        }
        let said = command.said(at: Layout.Result.time)
        let isOld = !isNewest(results, command, said: said, of: number)
        guard !refuses(command, .superseded, when: isOld) else {
            return answer(command, result: number, .superseded, &outcomes)
        }
        markets.change(market: number) {
            $0.resultTime = said
            if $0.scoutedReturn != 0, $0.isResulted == 0 {
                $0.certainty = command.field(Layout.Result.certainty, as: UInt8.self)
            }
        }
        apply(results, to: number, command, actor: 0, approver: 0, &outcomes)
    }

    /// Whether this is what holds of all that the supplier has said: the newest word, and of two that were said
    /// at the same moment the one with the greater content, in whatever order they come.
    private func isNewest(
        _ results: [MarkRow], _ command: RecordBytes,
        said: Int64, of number: UInt32
    ) -> Bool {
        let row = markets.markets[number]
        if said != row.resultTime { return said > row.resultTime || planted(.oldResultTaken) }
        for (index, result) in results.enumerated() {
            let before = markets.selections[row.firstSelection + UInt32(index)]
            if before.mark != result { return result > before.mark }
        }
        return row.scoutedReturn == 0
            || command.field(Layout.Result.certainty, as: UInt8.self) >= row.certainty
    }

    private func differs(
        _ results: [MarkRow], market number: UInt32
    ) -> Bool {
        let first = markets.markets[number].firstSelection
        for (index, result) in results.enumerated() {
            let before = markets.selections[first + UInt32(index)]
            if before.mark != result { return true }
        }
        return false
    }

    /// The worst case that was reckoned with when bets were taken had no more winners than the market has.
    /// Fewer are possible: not every market lists everything that can happen.
    private func hasTooManyWinners(
        _ results: [MarkRow], market number: UInt32
    ) -> Bool {
        // All of them may win, and whoever ties wins no more.
        if markets.markets[number].isEachAlone { return false }
        var taken = 0
        var shared = 0
        if ruleSet.countsTies {
            guard let wins = winsShared(results) else { return true }
            shared = wins
        }
        for result in results {
            switch SelectionResult(rawValue: result.result) {
            // Half a win pays at most a whole one, and takes a place all the same.
            case .won, .halfWon: taken += 1
            // All that tie share the same places.
            case .deadHeat where !ruleSet.countsTies:
                shared = max(shared, Int(result.winners))
            default: break
            }
        }
        return taken + shared > Int(markets.markets[number].winners)
            || markets.markets[number].mostPlaces > 0 && hasImpossibleFinish(results)
    }

    /// How many wins all shares of a win come to together; nil where more say so than tie.
    private func winsShared(_ results: [MarkRow]) -> Int? {
        var wins = 0
        for (index, one) in results.enumerated()
        where one.result == SelectionResult.deadHeat.rawValue {
            func isShared(with other: MarkRow) -> Bool {
                (other.result, other.winners, other.tied) == (one.result, one.winners, one.tied)
            }
            guard results.count(where: isShared) <= Int(one.tied) else { return nil }
            if !results[..<index].contains(where: isShared) { wins += Int(one.winners) }
        }
        return wins
    }

    /// Whether more came in at a place than share it, or where others did: then more places were paid than there are.
    private func hasImpossibleFinish(_ results: [MarkRow]) -> Bool {
        let finishes = results.map(\.finish).filter {
            $0.position > 0 && $0.position != Finish.unplaced
        }
        return finishes.contains { one in
            let alike = finishes.count { $0.position == one.position }
            return alike > Int(one.tied)
                || finishes.contains { other in
                    other.position == one.position
                        ? other.tied != one.tied
                        : other.position > one.position
                            && Int(other.position) < Int(one.position) + Int(one.tied)
                }
        }
    }

    /// The first of two people: nothing changes until another approves.
    mutating func propose(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        if command.action(at: Layout.Result.action).isOfBet {
            return proposeForBet(command, &outcomes)
        }
        guard let number = markets.market(external: command.clientID) else {
            return answer(command, result: nil, .marketUnknown, &outcomes)
        }
        let action = command.action(at: Layout.Result.action)
        let isCancel = action == .cancel || action == .reinstate
        let window =
            isCancel
            ? self.window(
                command.field(Layout.Result.from, as: Int64.self),
                command.field(Layout.Result.until, as: Int64.self)) : .everything
        guard let window, let results = isCancel ? [] : readResults(command, market: number)
        else { return answer(command, result: number, .malformed, &outcomes) }
        guard markets.markets[number].isReleased == 0 else {
            return answer(command, result: number, .betsReleased, &outcomes)
        }
        let hasTooMany = hasTooManyWinners(results, market: number)
        guard !refuses(command, .tooManyWinners, when: hasTooMany) else {
            return answer(command, result: number, .tooManyWinners, &outcomes)
        }
        guard let actor = proposer(command, number, &outcomes) else { return }
        let expected = command.field(Layout.Result.expected, as: UInt32.self)
        let isExpected =
            expected == 0 || expected - 1 == markets.markets[number].settlementVersion
        guard isExpected || planted(.expectationIgnored) else {
            return answer(command, result: number, .changedSince, &outcomes)
        }
        take(
            ProposalRow(
                sequence: command.sequence, time: time.nanoseconds, market: number, actor: actor,
                settlementVersion: markets.markets[number].settlementVersion, results: results,
                action: action, window: window), command, &outcomes)
    }

    /// Who proposes something with a reason; nil where that is answered to be missing.
    mutating func proposer(
        _ command: RecordBytes, _ market: UInt32, _ outcomes: inout RecordWriter
    ) -> UInt64? {
        let hasReason = command.field(Layout.Result.reason, as: UInt8.self) != 0
        guard !refuses(command, .reasonMissing, when: !hasReason) else {
            answer(command, result: market, .reasonMissing, &outcomes)
            return nil
        }
        let actor = command.field(Layout.Result.actor, as: UInt64.self)
        guard !refuses(command, .operatorMissing, when: actor == 0) else {
            answer(command, result: market, .operatorMissing, &outcomes)
            return nil
        }
        return actor
    }

    /// Keeps a proposal until somebody approves it, as long as there is room.
    mutating func take(
        _ proposal: ProposalRow, _ command: RecordBytes, _ outcomes: inout RecordWriter
    ) {
        markets.expireProposals(before: time.nanoseconds - Limits.proposalAge * 1_000_000)
        let isFull = markets.proposals.count >= Self.mostProposals
        guard !refuses(command, .full, when: isFull) else {
            return answer(command, result: proposal.market, .full, &outcomes)
        }
        markets.add(proposal)
        answer(
            command, result: proposal.market, nil, proposal: proposal.sequence, &outcomes)
    }

    /// The second: another person, the same market, and nothing settled in between.
    mutating func approve(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        let wanted = command.field(Layout.Result.proposal, as: UInt64.self)
        markets.expireProposals(before: time.nanoseconds - Limits.proposalAge * 1_000_000)
        guard let index = markets.proposals.firstIndex(where: { $0.sequence == wanted }) else {
            return answer(command, result: nil, .proposalUnknown, &outcomes)
        }
        let proposal = markets.proposals[index]
        let approver = command.field(Layout.Result.actor, as: UInt64.self)
        let isSame = !planted(.sameOperator) && approver == proposal.actor || approver == 0
        guard !refuses(command, .sameOperator, when: isSame) else {
            return answer(
                command, result: proposal.market, .sameOperator, proposal: wanted, &outcomes)
        }
        markets.removeProposal(at: index)
        guard !proposal.action.isOfBet else {
            return carryOut(proposal, command, approver: approver, &outcomes)
        }
        guard
            markets.markets[proposal.market].settlementVersion == proposal.settlementVersion,
            markets.markets[proposal.market].isReleased == 0
        else {
            return answer(
                command, result: proposal.market, .marketChangedSince, proposal: wanted, &outcomes)
        }
        switch proposal.action {
        case .settle, .rollback:
            apply(
                proposal.results, to: proposal.market, command, actor: proposal.actor,
                approver: approver, &outcomes)
        case .cancel, .reinstate:
            apply(
                Cancelling(
                    window: proposal.window, isTakenBack: proposal.action == .reinstate,
                    source: .operator, said: time.nanoseconds, actor: proposal.actor,
                    approver: approver),
                to: proposal.market, command, &outcomes)
        case .voidBet, .restoreBet: break
        }
    }

    private func readResults(_ command: RecordBytes, market number: UInt32)
        -> [MarkRow]?
    {
        let count = command.field(Layout.Result.selectionCount, as: UInt8.self)
        let row = markets.markets[number]
        let body = Layout.Result.selections + Int(count) * Layout.Result.selectionSize
        guard count == row.selectionCount, command.slots >= SlotSize.slots(forBody: body) else {
            return nil
        }
        var results: [MarkRow] = []
        for index in 0..<Int(count) {
            let offset = Layout.Result.selections + index * Layout.Result.selectionSize
            let result = command.field(offset, as: UInt8.self)
            let winners = command.field(offset + 1, as: UInt8.self)
            let tied = command.field(offset + 2, as: UInt8.self)
            guard let kind = SelectionResult(rawValue: result) else { return nil }
            if kind == .deadHeat {
                guard tied >= 2, winners >= 1, winners < tied else { return nil }
            }
            let position = command.field(offset + 3, as: UInt8.self)
            results.append(
                MarkRow(
                    result: result, winners: winners, tied: max(1, tied), position: position))
        }
        return results
    }

    /// Writes the results down, shuts the market for good, and queues its bets for the walk.
    private mutating func apply(
        _ results: [MarkRow], to number: UInt32,
        _ command: RecordBytes, actor: UInt64, approver: UInt64,
        _ outcomes: inout RecordWriter
    ) {
        let row = markets.markets[number]
        let isUndecided = results.allSatisfy {
            $0.result == SelectionResult.undecided.rawValue
        }
        // A supplier that says when it says it takes back what it said by saying nothing of it, too.
        let isRollback =
            command.kind == .result
            && (command.action(at: Layout.Result.action) == .rollback
                || isUndecided && command.field(Layout.Result.time, as: Int64.self) > 0)
        let certainty = command.field(Layout.Result.certainty, as: UInt8.self)
        // Nothing decided of a market that has no result is no result.
        var isChanged =
            row.isResulted == 0
            ? results.contains { $0.result != SelectionResult.undecided.rawValue }
            : isRollback || row.scoutedReturn != 0 && certainty != row.certainty
        for (index, said) in results.enumerated() {
            let selection = row.firstSelection + UInt32(index)
            let before = markets.selections[selection]
            var result = said
            // Two people who say nothing of where a runner came in leave that as it is known.
            if approver != 0, said.position == 0, said.result == before.result {
                result.position = before.position
                result.tied = before.tied
                result.winners = before.winners
            }
            guard before.mark != result else { continue }
            isChanged = true
            markets.change(selection: selection) { $0.mark = result }
        }
        // Suppliers repeat themselves; the same result twice is not news.
        guard isChanged else { return answer(command, result: number, .noChange, &outcomes) }
        markets.change(market: number) {
            $0.isResulted = isRollback ? 0 : 1
            // What has no result any more may be offered again, when its supplier shows it anew.
            let reasons = ShutReasons(rawValue: $0.reasons)
            $0.reasons =
                (isRollback ? reasons.subtracting(.result).union(.feed) : reasons.union(.result))
                .rawValue
            $0.isByOperators = approver == 0 ? 0 : 1
            $0.certainty = certainty
            $0.decideAgain(
                ResultOrigin(
                    command, source: command.field(Layout.Result.source, as: UInt8.self),
                    actor: actor, approver: approver))
        }
        markets.enqueue(number)
        answer(command, result: number, nil, &outcomes)
        answer(command, market: number, nil, &outcomes)
    }

    func answer(
        _ command: RecordBytes, result market: UInt32?, _ refusal: OperationRefusal?,
        proposal: UInt64 = 0, _ outcomes: inout RecordWriter
    ) {
        let record = outcomes.append(
            .resultAnswered, body: Layout.ResultAnswered.size, after: command)
        record.clientID = command.clientID
        record.set(Layout.ResultAnswered.refusal, refusal?.rawValue ?? 0)
        record.set(Layout.ResultAnswered.proposal, proposal)
        guard let market else { return }
        let row = markets.markets[market]
        record.clientID = ExternalID(high: row.externalHigh, low: row.externalLow)
        record.set(
            Layout.ResultAnswered.market,
            MarketID(partition: rules.partition, row: market).rawValue)
        record.set(Layout.ResultAnswered.settlementVersion, row.settlementVersion)
        record.set(Layout.ResultAnswered.remaining, row.openLegs)
    }

    // MARK: The walk

    /// Settles a step's worth of the legs that stand on the market whose turn it is.
    ///
    /// Idempotent: a bet whose outcome is already what the results say is passed by.
    mutating func settleStep(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        let first = outcomes.nextSequence
        for _ in 0..<Self.betsPerStep {
            // Markets that are shut on the way take room, too; the next step goes on.
            guard outcomes.nextSequence - first < Self.recordsPerStep else { return }
            let market = markets.toSettle
            guard market != .max else { return }
            let cursor = markets.markets[market].cursor
            guard cursor != .max else {
                markets.dequeue()
                guard markets.markets[market].isOver else { continue }
                markets.scheduleRelease(
                    of: market, walked: command.sequence,
                    at: time.nanoseconds
                        + (planted(.releasedEarly) ? 0 : ruleSet.correctionWindow * 1_000_000))
                continue
            }
            let standing = markets.standings[cursor]
            markets.change(market: market) { $0.cursor = standing.previous }
            settle(standing.bet, because: market, command, &outcomes)
        }
    }

    /// `origin` is who says so, where that is not who gave the market its result.
    mutating func settle(
        _ number: UInt32, because market: UInt32, _ command: RecordBytes,
        from origin: ResultOrigin? = nil, _ outcomes: inout RecordWriter
    ) {
        let bet = accounts.bets[number]
        let status = BetStatus(rawValue: bet.status)
        guard status == .open || status == .settled else { return }
        let worth = worth(of: bet)
        var verdict = verdict(worth, bet)
        // What two people decide of one bet is said of it, though it comes to the same.
        if origin != nil, verdict == .nothing {
            verdict = .resettle(bet.payout, accounts.returned(of: bet))
        }
        let fact =
            stored.isFollowed ? follow(command, bet, market, verdict: &verdict) : nil
        let conclusion = Conclusion(
            bet: number, market: market, origin: origin, exact: worth.exact,
            isWide: fact.map(\.isWideSettlement), before: accounts.returned(of: bet))
        var holdings = accounts.holdings(bet.account)
        switch verdict {
        case .nothing: moveExposure(of: number, command, &outcomes)
        case .resettle(let payout, let returned):
            accounts.post(
                .resettle(
                    difference: payout - bet.payout,
                    bonus: returned.bonus - conclusion.before.bonus, holdings), to: bet.account)
            giveBack(returned, conclusion)
            count(paid: payout - bet.payout, to: bet.account)
            conclude(conclusion, .settled, payout: payout, .resettle, command, &outcomes)
        case .settle(let payout, let returned):
            if planted(.debtForgotten) {
                holdings = LedgerEntry.Holdings(
                    cash: holdings.cash, bonus: holdings.bonus, owed: 0)
            }
            accounts.post(
                .settle(
                    stake: accounts.split(of: bet).paid, payout: payout, bonus: returned.bonus,
                    holdings),
                to: bet.account)
            setExposure(of: number, standing: false)
            accounts.count(bet, isStanding: false)
            accounts.removeRule(of: bet.sequence)
            giveBack(returned, conclusion)
            count(paid: payout, to: bet.account)
            conclude(conclusion, .settled, payout: payout, .settle, command, &outcomes)
            lookAtExposed(by: number, command, &outcomes)
        case .reopen:
            accounts.post(
                .reopen(
                    stake: accounts.split(of: bet).paid, payout: bet.payout,
                    bonus: conclusion.before.bonus, holdings), to: bet.account)
            markDecided(number)
            setExposure(of: number, standing: true)
            accounts.count(bet, isStanding: true)
            giveBack(.none, conclusion)
            count(paid: -bet.payout, to: bet.account)
            conclude(conclusion, .open, payout: 0, .reopen, command, &outcomes)
            lookAtExposed(by: number, command, &outcomes)
        }
    }

    /// A free stake stands again, or does no longer: as far as it was not staked elsewhere, and what was is not given
    /// a second time.
    private mutating func giveBack(_ returned: PromotionalReturn, _ conclusion: Conclusion) {
        let bet = accounts.bets[conclusion.bet]
        guard bet.isPromotional else { return }
        let more = max(
            returned.free - conclusion.before.free, -accounts.accounts[bet.account].free)
        if more != 0 { accounts.change(account: bet.account) { $0.free += more } }
        accounts.set(
            PromotionalReturn(bonus: returned.bonus, free: conclusion.before.free + more), of: bet)
    }

    /// What a bet comes to.
    private struct Worth {
        var outcome: BetOutcome
        var exact: ExactAmount
        /// Beside cash.
        var returned = PromotionalReturn.none
    }

    /// What a bet comes to by the results as they are.
    private func worth(of bet: BetRow) -> Worth {
        let shape = accounts.shape(of: bet)
        let free =
            bet.isPromotional && !planted(.freeStakeReturned) ? accounts.split(of: bet).free : 0
        var total = BetReturn(
            stake: bet.stake, free: free, shape: shape, isEachWay: bet.isEachWay,
            terms: houseTerms(of: bet, shape))
        for index in 0..<bet.parts {
            total.multiply(by: facts(of: accounts.legs[bet.firstLeg + index], Int(index), in: bet))
        }
        var worth = Worth(outcome: total.outcome(rules.rounding), exact: total.exact)
        // Only what was guaranteed beside the price that was taken can come to more than was promised.
        if case .settled(let payout) = worth.outcome, payout > rules.payoutCap {
            worth.outcome = .settled(payout: rules.payoutCap)
            worth.exact = ExactAmount(minorUnits: rules.payoutCap)
        } else if worth.outcome == .overflow {
            worth.outcome = .settled(payout: rules.payoutCap)
        }
        if bet.isPromotional, case .settled(let payout) = worth.outcome {
            worth.returned = returned(of: bet, total, payout: payout)
        }
        return worth
    }

    /// Of what is paid, the bonus money that comes back; and the free stake of lines that were void.
    private func returned(of bet: BetRow, _ total: BetReturn, payout: Int64) -> PromotionalReturn {
        let split = accounts.split(of: bet)
        var returned = PromotionalReturn.none
        if !planted(.bonusPaidAsCash) {
            returned.bonus = min(payout, total.returned(of: split.bonus, in: bet.stake))
        }
        guard split.free > 0, !planted(.voidFreeStakeKept) else { return returned }
        var void = BetReturn(
            stake: split.free, shape: accounts.shape(of: bet), isEachWay: bet.isEachWay)
        for index in 0..<bet.parts {
            let leg = facts(of: accounts.legs[bet.firstLeg + index], Int(index), in: bet)
            void.multiply(byVoid: leg.isVoid)
        }
        if case .settled(let free) = void.outcome(.down) { returned.free = free }
        return returned
    }

    /// What the walk does to one bet.
    private enum Verdict: Equatable {
        case nothing
        case settle(Int64, PromotionalReturn)
        case resettle(Int64, PromotionalReturn)
        case reopen
    }

    private func verdict(_ worth: Worth, _ bet: BetRow) -> Verdict {
        let isSettled = bet.status == BetStatus.settled.rawValue
        return switch worth.outcome {
        case .open: isSettled ? .reopen : .nothing
        case .settled(let payout):
            if isSettled {
                isAsItWas(payout, worth.returned, bet) && !planted(.settledTwice)
                    ? .nothing : .resettle(payout, worth.returned)
            } else {
                .settle(payout, worth.returned)
            }
        case .overflow:
            preconditionFailure("a potential return above the maximum was refused at placement")
        }
    }

    /// A free stake that was given back, and could not be taken away again, is not looked for a second time.
    private func isAsItWas(_ payout: Int64, _ returned: PromotionalReturn, _ bet: BetRow) -> Bool {
        guard payout == bet.payout, bet.isPromotional else { return payout == bet.payout }
        let before = accounts.returned(of: bet)
        return returned.bonus == before.bonus
            && (returned.free == before.free
                || returned.free < before.free && accounts.accounts[bet.account].free == 0)
    }

    /// Turns `verdict` into what is stored of this bet, and notes when the rules say otherwise.
    private mutating func follow(
        _ command: RecordBytes, _ bet: BetRow, _ market: UInt32, verdict: inout Verdict
    ) -> RecordBytes? {
        let id = MarketID(partition: rules.partition, row: market).rawValue
        let ours = verdict
        stored.passMarkets()
        var fact: RecordBytes?
        if let first = stored.first, first.kind == .betSettled,
            first.field(Layout.BetSettled.market, as: UInt64.self) == id
        {
            fact = stored.take(.betSettled, bet: bet.sequence)
        }
        let isSettled = bet.status == BetStatus.settled.rawValue
        if let fact {
            let payout = fact.field(Layout.BetSettled.payout, as: Int64.self)
            switch (
                EntryReason(rawValue: fact.field(Layout.BetSettled.entry, as: UInt8.self)),
                isSettled
            )
            {
            case (.settle, false) where payout >= 0:
                verdict = .settle(payout, fact.returned(of: bet))
            case (.resettle, true) where payout >= 0:
                verdict = .resettle(payout, fact.returned(of: bet))
            case (.reopen, true): verdict = .reopen
            // These books cannot follow; the comparison will find it.
            default: return fact
            }
        } else {
            verdict = .nothing
        }
        note(
            command, bet: bet.sequence, fact: Self.decision(verdict, bet),
            ours: Self.decision(ours, bet))
        return fact
    }

    private static func decision(_ verdict: Verdict, _ bet: BetRow) -> Decision {
        switch verdict {
        case .nothing: Decision()
        case .settle(let payout, _), .resettle(let payout, _):
            Decision(status: .settled, amount: payout)
        case .reopen: Decision(status: .open)
        }
    }

    /// What a settlement is written down with.
    private struct Conclusion {
        let bet: UInt32
        let market: UInt32
        let origin: ResultOrigin?
        /// Before the one rounding.
        let exact: ExactAmount
        /// In replay, whether the stored record has room for a wide fraction.
        let isWide: Bool?
        /// What had come back beside cash.
        let before: PromotionalReturn
    }

    /// Everything that decides what becomes of a leg, or of all of them where they have one price.
    func facts(of leg: LegRow, _ index: Int, in bet: BetRow) -> LegFacts {
        if let joint = accounts.joint(of: bet) { return jointFacts(of: bet, at: joint) }
        return ownFacts(of: leg, index, in: bet)
    }

    @inline(never)
    private func jointFacts(of bet: BetRow, at odds: Odds) -> LegFacts {
        let legs = (0..<UInt32(bet.legCount)).map {
            ownFacts(of: accounts.legs[bet.firstLeg + $0], Int($0), in: bet)
        }
        return .joint(legs, at: odds)
    }

    @inline(__always)
    func ownFacts(of leg: LegRow, _ index: Int, in bet: BetRow) -> LegFacts {
        let isRace = bet.isEachWay && markets.markets[leg.market].isRace
        var facts = facts(
            market: leg.market, selection: leg.selection, odds: leg.odds,
            places: isRace ? accounts.places(of: bet, leg: index) : nil,
            asked: bet.sequence, accepted: bet.acceptedAt, isAtStart: leg.isAtStart,
            mostReturned: { mostReturned(by: bet) }
        )
        // One price for several says nothing of what each would be paid for.
        if bet.isJoint { facts.isPaidEarly = false }
        if bet.isVoidByHand {
            facts.isCancelled = !planted(.voidForgotten) || facts.result == .undecided
        }
        return facts
    }

    /// The same for legs that somebody else keeps; nil for one that is not here.
    public borrowing func facts(
        of legs: [SettledLeg], isJoint: Bool, asked: UInt64, accepted: Int64,
        potentialReturn: Int64
    ) -> [LegFacts?] {
        let mayRise = legs.contains { leg in
            leg.odds == nil
                || markets.market(leg.market).map { markets.markets[$0].isGuaranteed } ?? false
        }
        return legs.map { leg in
            guard let number = markets.market(leg.market),
                leg.selection < UInt32(markets.markets[number].selectionCount)
            else { return nil }
            var facts = facts(
                market: number,
                selection: markets.markets[number].firstSelection + leg.selection,
                odds: leg.odds ?? Odds(reduced: 1, 1), places: leg.places, asked: asked,
                accepted: accepted,
                isAtStart: leg.odds == nil, mostReturned: { mayRise ? .max : potentialReturn })
            if isJoint { facts.isPaidEarly = false }
            return facts
        }
    }

    /// `places` are the terms that it was struck at; nil where the bet is not each way.
    @inline(__always)
    private borrowing func facts(
        market number: UInt32, selection: UInt32, odds: Odds, places: PlaceTerms?,
        asked: UInt64, accepted: Int64, isAtStart: Bool, mostReturned: () -> Int64
    ) -> LegFacts {
        let market = markets.markets[number]
        let selection = markets.selections[selection]
        var facts = LegFacts(odds: odds, result: selection.legResult)
        if !market.isPlain {
            facts.isCancelled = markets.isCancelled(number, accepted: accepted)
            facts.isWaiting = isScoutedOnly(number, mostReturned: mostReturned)
            // Of races the same words hold starting prices.
            if market.paysEarly {
                facts.isPaidEarly =
                    planted(.earlyForAll)
                    ? selection.paidBefore != 0
                    : accepted > 0 && accepted < selection.paidBefore
                        && !planted(.earlyForgotten)
            }
        }
        guard market.isRace else { return facts }
        facts.isNotRun = market.isAntePost && selection.isWithdrawn == 1
        facts.isAtStart = isAtStart && !planted(.startEstimatePaid)
        // What started without who was withdrawn needs nothing taken off.
        if !isAtStart || planted(.startDeducted) {
            facts.deduction = deduction(
                of: number, asked: asked, accepted: accepted, isPlace: false)
        }
        if market.isGuaranteed && !planted(.guaranteeForgotten) || isAtStart {
            facts.starting = selection.starting
        }
        guard let places else { return facts }
        if !isAtStart {
            facts.placeDeduction = deduction(
                of: number, asked: asked, accepted: accepted, isPlace: true)
        }
        facts.places = market.isAtTheOff ? PlaceTerms(packed: market.places) : places
        facts.finish = selection.finish
        return facts
    }

    /// Void is when every leg is: then the stake goes back and nothing was won or lost.
    private func reason(_ entry: EntryReason, _ bet: BetRow) -> SettlementReason {
        if bet.isVoidByHand, entry != .reopen { return .voidedByOperators }
        if entry == .reopen { return .reopened }
        let isAgain = entry == .resettle
        if isAgain, !ruleSet.tellsLateCancels { return .resettled }
        var isCancelled = false
        for index in 0..<bet.parts {
            let facts = facts(of: accounts.legs[bet.firstLeg + index], Int(index), in: bet)
            if facts.isCancelled { isCancelled = true }
            guard facts.isVoid else { return isAgain ? .resettled : .settled }
        }
        return isCancelled ? .cancelled : isAgain ? .resettled : .voided
    }

    private mutating func conclude(
        _ conclusion: Conclusion, _ status: BetStatus, payout: Int64, _ entry: EntryReason,
        _ command: RecordBytes, _ outcomes: inout RecordWriter
    ) {
        let number = conclusion.bet
        let market = conclusion.market
        let before = accounts.bets[number]
        accounts.change(bet: number) {
            $0.status = status.rawValue
            $0.payout = payout
            $0.settlementVersion += 1
        }
        let bet = accounts.bets[number]
        let exact = conclusion.exact
        let fits = exact.numerator.words <= 2 && exact.denominator.words <= 2
        let isNarrow = conclusion.isWide.map { !$0 } ?? fits
        let size = isNarrow ? Layout.BetSettled.size : Layout.BetSettled.wideSize
        let record = outcomes.append(
            .betSettled, body: size + (bet.isPromotional ? Layout.BetSettled.returnedSize : 0),
            after: command)
        if bet.isPromotional {
            let now = accounts.returned(of: bet)
            record.flags = Layout.BetSettled.isPromotional
            record.set(size, now.bonus)
            record.set(size + 8, conclusion.before.bonus)
            record.set(size + 16, now.free)
            record.set(size + 24, conclusion.before.free)
        }
        let row = markets.markets[market]
        let origin = conclusion.origin ?? ResultOrigin(row)
        record.account = AccountID(partition: rules.partition, row: bet.account)
        record.set(Layout.BetSettled.bet, bet.sequence)
        record.set(
            Layout.BetSettled.market, MarketID(partition: rules.partition, row: market).rawValue)
        record.set(Layout.BetSettled.version, UInt32(bet.settlementVersion))
        record.set(Layout.BetSettled.status, status.rawValue)
        record.set(Layout.BetSettled.entry, entry.rawValue)
        record.set(Layout.BetSettled.rounding, rules.rounding.rawValue)
        record.set(Layout.BetSettled.money, accounts.accounts[bet.account].money)
        record.set(Layout.BetSettled.stake, bet.stake)
        record.set(Layout.BetSettled.payoutBefore, before.payout)
        record.set(Layout.BetSettled.payout, payout)
        accounts.accounts[bet.account].write(to: record, at: Layout.BetSettled.balances)
        record.set(Layout.BetSettled.source, origin.source)
        record.set(
            Layout.BetSettled.certainty, conclusion.origin == nil ? row.certainty : 0 as UInt8)
        record.set(Layout.BetSettled.legCount, bet.legCount)
        record.set(Layout.BetSettled.reason, reason(entry, bet).rawValue)
        record.set(Layout.BetSettled.result, origin.record)
        record.set(Layout.BetSettled.proposal, origin.proposal)
        record.set(Layout.BetSettled.actor, origin.actor)
        record.set(Layout.BetSettled.approver, origin.approver)
        if isNarrow {
            for index in 0..<2 {
                record.set(Layout.BetSettled.numerator + index * 8, exact.numerator[word: index])
                record.set(
                    Layout.BetSettled.denominator + index * 8, exact.denominator[word: index])
            }
        } else {
            for index in 0..<WideInteger.words {
                record.set(Layout.BetSettled.wide + index * 8, exact.numerator[word: index])
                record.set(Layout.BetSettled.wide + 112 + index * 8, exact.denominator[word: index])
            }
        }
    }
}
