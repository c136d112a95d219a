import Betting
import Catalogue
import Kernel
import Pricing

/// Bets at prices that were errors: found by what references say soon after, and made void one by one by two people.
///
/// Nothing is void because it is suspected. What the engine finds is said once of each bet, for a person to look at.
extension Engine {
    /// A reference has come to a market that is far below what was offered: its newest bets are to be looked at.
    @inline(never)
    mutating func suspect(_ market: UInt32) {
        let newest = markets.standings[markets.markets[market].lastStanding].bet
        guard !isTooOld(accounts.bets[newest], since(market)) else { return }
        markets.suspect(market)
    }

    /// Bets that were accepted before then are not held against the references: the match was another, or it is long
    /// ago. Nanoseconds of UTC.
    private func since(_ market: UInt32) -> Int64 {
        max(
            time.nanoseconds - ruleSet.suspicion * 1_000_000,
            markets.fixtures[markets.markets[market].fixture].materialAt)
    }

    /// Whether neither this bet nor any that came before it was accepted since then: one that waited longer than
    /// another may stand before it.
    private func isTooOld(_ bet: BetRow, _ since: Int64) -> Bool {
        bet.acceptedAt != 0 && bet.acceptedAt < since - Int64(Limits.betDelay) * 1_000_000
    }

    /// Holds a step's worth of a market's bets against its references, the newest first.
    mutating func suspectStep(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        for _ in 0..<Self.betsPerStep {
            guard let market = markets.suspected.first else { return }
            let since = since(market)
            guard markets.suspicion != .max, markets.markets[market].isResulted == 0 else {
                markets.clearSuspicion()
                continue
            }
            let standing = markets.standings[markets.suspicion]
            let bet = accounts.bets[standing.bet]
            guard !isTooOld(bet, since) else {
                markets.clearSuspicion()
                continue
            }
            markets.moveSuspicion(to: standing.previous)
            if bet.status == BetStatus.open.rawValue, bet.acceptedAt >= since, !bet.isSuspected {
                holdAgainstReferences(standing.bet, on: market, command, &outcomes)
            }
        }
    }

    private mutating func holdAgainstReferences(
        _ number: UInt32, on market: UInt32, _ command: RecordBytes,
        _ outcomes: inout RecordWriter
    ) {
        let bet = accounts.bets[number]
        let row = markets.markets[market]
        let references = references(of: row)
        for index in 0..<bet.legCount {
            let leg = accounts.legs[bet.firstLeg + UInt32(index)]
            let place = Int(leg.selection) - Int(row.firstSelection)
            guard leg.market == market, !leg.isAtStart,
                let fair = Fair.chance(
                    of: place, among: references.span, winners: Int(row.winners)),
                isPalpable(leg.odds, fair)
            else { continue }
            if !planted(.suspectedTwice) {
                accounts.change(bet: number) { $0.forms |= BetRow.suspected }
            }
            let record = outcomes.append(
                .betSuspected, body: Layout.BetSuspected.size, after: command)
            record.account = AccountID(partition: rules.partition, row: bet.account)
            record.set(Layout.BetSuspected.bet, bet.sequence)
            record.set(
                Layout.BetSuspected.market,
                MarketID(partition: rules.partition, row: market).rawValue)
            record.set(Layout.BetSuspected.selection, UInt32(place))
            record.set(Layout.BetSuspected.reference, references[place])
            record.set(Layout.BetSuspected.odds, leg.odds)
            record.set(Layout.BetSuspected.chance, fair.win)
            record.set(Layout.BetSuspected.leg, index)
            record.set(Layout.BetSuspected.acceptedAt, bet.acceptedAt)
            record.set(Layout.BetSuspected.stake, bet.stake)
            record.set(Layout.BetSuspected.potentialReturn, bet.potentialReturn)
            return
        }
    }

    // MARK: Two people

    /// The first of two asks that one bet is void, or that it no longer is.
    mutating func proposeForBet(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        let wanted = command.field(Layout.Result.bet, as: UInt64.self)
        guard command.slots >= SlotSize.slots(forBody: Layout.Result.betSize),
            let number = accounts.bet(wanted)
        else { return answer(command, result: nil, .betUnknown, &outcomes) }
        let bet = accounts.bets[number]
        let market = accounts.legs[bet.firstLeg].market
        guard let actor = proposer(command, market, &outcomes) else { return }
        guard bet.isDecidable else {
            return answer(command, result: market, .betNotOpen, &outcomes)
        }
        let action = command.action(at: Layout.Result.action)
        guard bet.isVoidByHand == (action == .restoreBet) else {
            return answer(command, result: market, .noChange, &outcomes)
        }
        take(
            ProposalRow(
                sequence: command.sequence, time: time.nanoseconds, market: market, actor: actor,
                settlementVersion: UInt32(bet.settlementVersion), results: [], action: action,
                bet: wanted), command, &outcomes)
    }

    /// What two people want of a bet: it is settled anew at once, as if every leg were void, or by its results again.
    mutating func carryOut(
        _ proposal: ProposalRow, _ command: RecordBytes, approver: UInt64,
        _ outcomes: inout RecordWriter
    ) {
        guard let number = accounts.bet(proposal.bet) else {
            return answer(
                command, result: proposal.market, .betUnknown, proposal: proposal.sequence,
                &outcomes)
        }
        let bet = accounts.bets[number]
        guard bet.isDecidable, UInt32(bet.settlementVersion) == proposal.settlementVersion,
            bet.isVoidByHand == (proposal.action == .restoreBet)
        else {
            return answer(
                command, result: proposal.market, .marketChangedSince,
                proposal: proposal.sequence, &outcomes)
        }
        accounts.change(bet: number) { $0.forms ^= BetRow.voidByHand }
        answer(command, result: proposal.market, nil, &outcomes)
        stored.pass(.resultAnswered)
        settle(
            number, because: proposal.market, command,
            from: ResultOrigin(
                command, source: ResultSource.operator.rawValue, actor: proposal.actor,
                approver: approver), &outcomes)
    }
}

extension BetRow {
    /// Open or settled: what becomes of it can be decided, and decided again.
    fileprivate var isDecidable: Bool {
        status == BetStatus.open.rawValue || status == BetStatus.settled.rawValue
    }
}
