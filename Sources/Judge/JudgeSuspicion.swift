import Kernel

/// Prices that look like errors afterwards, and single bets that two people make void.
extension Judge {
    /// Whether what was last offered of a selection is more than six fifths of a new reference.
    func isSuspect(_ number: Int, _ place: Int, by reference: UInt32) -> Bool {
        guard let last = markets[number].selections[place].lastOdds else { return false }
        return isSuspect(last, number, place, by: reference)
    }

    private func isSuspect(
        _ odds: Odds, _ number: Int, _ place: Int, by reference: UInt32
    ) -> Bool {
        guard !markets[number].selections[place].isWithdrawn, reference > 0 else { return false }
        var ours = WideInteger(UInt64(odds.numerator))
        var most = WideInteger(UInt64(odds.denominator))
        _ = ours.multiplyReportingOverflow(by: 5000)
        _ = most.multiplyReportingOverflow(by: 6 * UInt64(min(reference, Limits.price)))
        return most < ours
    }

    /// Bets from then on are held against references: a quarter of an hour, and not from before the match changed.
    private func since(_ number: Int) -> Int64 {
        max(time - 900_000_000_000, fixtures[markets[number].fixture].changedAt)
    }

    private func isOld(_ bet: Bet, _ number: Int) -> Bool {
        guard let accepted = bet.acceptedAt else { return false }
        return accepted < since(number) - Int64(Limits.betDelay) * 1_000_000
    }

    /// The newest of a market's bets that is still there: its place; below zero for none.
    func newest(_ number: Int) -> Int {
        markets[number].bets.count - 1 - markets[number].left
    }

    /// A bet that waited is held against what references say by now.
    mutating func suspectLegs(of bet: Bet) {
        for leg in bet.legs where !leg.isAtStart {
            let reference = markets[leg.market].selections[leg.selection].reference
            if isSuspect(leg.odds, leg.market, leg.selection, by: reference) { suspect(leg.market) }
        }
    }

    mutating func suspect(_ number: Int) {
        let last = newest(number)
        guard last >= 0, !isOld(bets[markets[number].bets[last]]!, number) else { return }
        if !suspected.contains(number) { suspected.append(number) }
        if suspected[0] == number { suspicion = last }
    }

    mutating func lookForErrors(_ outcomes: [Outcome]) {
        var wanted: [SuspectShown] = []
        for _ in 0..<64 {
            guard let number = suspected.first else { break }
            if suspicion >= 0, !markets[number].isResulted,
                let bet = bets[markets[number].bets[suspicion]], !isOld(bet, number)
            {
                let id = markets[number].bets[suspicion]
                suspicion -= 1
                guard let found = error(in: bet, id, number) else { continue }
                wanted.append(found)
                bets[id]?.isSuspected = true
            } else {
                suspected.removeFirst()
                suspicion = suspected.first.map { newest($0) } ?? -1
            }
        }
        let shown = outcomes.map { outcome -> SuspectShown? in
            guard case .suspected(let shown) = outcome else { return nil }
            return shown
        }
        if shown != wanted {
            object("\(shown.count) bets are suspected, \(wanted.count) should be")
        }
    }

    private func error(in bet: Bet, _ id: UInt64, _ number: Int) -> SuspectShown? {
        guard bet.status == 2, !bet.isSuspected, (bet.acceptedAt ?? 0) >= since(number) else {
            return nil
        }
        for (index, leg) in bet.legs.enumerated() where leg.market == number && !leg.isAtStart {
            guard isError(leg.odds, number, leg.selection) else { continue }
            let references = references(number)
            let chance = share(
                references.map { UInt64($0) }, leg.selection, winners: markets[number].winners)
            return SuspectShown(
                bet: id, market: UInt64(number), selection: UInt32(leg.selection),
                leg: UInt8(index), reference: references[leg.selection], chance: chance?.win ?? 0)
        }
        return nil
    }

    // MARK: Two people

    mutating func propose(
        _ said: ProposalSaid, for wanted: (number: UInt64, isTakenBack: Bool), _ refusal: UInt16,
        _ proposal: UInt64
    ) {
        guard let bet = bets[wanted.number], !bet.legs.allSatisfy(\.hasLeft) else {
            return expect(refusal, 25, "a proposal for no bet")
        }
        if !said.hasReason { return expect(refusal, 12, "a proposal without a reason") }
        if said.actor == 0 { return expect(refusal, 17, "a proposal of nobody") }
        if bet.status != 2, bet.status != 4 {
            return expect(refusal, 26, "a proposal for a bet that is not decided")
        }
        if bet.isVoidByHand != wanted.isTakenBack {
            return expect(refusal, 11, "a proposal that changes nothing")
        }
        if refusal == 5 { return }
        expect(refusal, 0, "a proposal")
        if proposal != sequence { object("a proposal's number is not its sequence") }
        proposals[sequence] = Proposal(
            market: bet.legs[0].market, marks: [], cancel: nil, actor: said.actor,
            settlements: Int(bet.version), time: time, bet: wanted)
    }

    mutating func carryOut(
        _ proposal: Proposal, _ wanted: (number: UInt64, isTakenBack: Bool), _ refusal: UInt16,
        _ outcomes: [Outcome]
    ) {
        guard let bet = bets[wanted.number], !bet.legs.allSatisfy(\.hasLeft) else {
            return expect(refusal, 25, "an approval for no bet")
        }
        if bet.status != 2 && bet.status != 4 || Int(bet.version) != proposal.settlements
            || bet.isVoidByHand != wanted.isTakenBack
        {
            return expect(refusal, 10, "an approval for a bet that changed")
        }
        expect(refusal, 0, "an approval")
        bets[wanted.number]?.isVoidByHand = !wanted.isTakenBack
        settleByHand(Array(outcomes.dropFirst()))
        checkStanding(wanted.number)
    }
}
