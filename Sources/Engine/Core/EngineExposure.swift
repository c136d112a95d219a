import Betting
import Kernel
import Risk

/// What bets that stand may cost on each of their legs' markets.
extension Engine {
    /// Puts a bet's exposure onto its legs or takes it off; once each way.
    mutating func setExposure(of number: UInt32, standing: Bool) {
        let bet = accounts.bets[number]
        guard (bet.isExposed == 1) != standing else { return }
        accounts.change(bet: number) { $0.isExposed = standing ? 1 : 0 }
        let cost = cost(of: bet)
        let shares = shares(of: bet)
        for index in 0..<UInt32(bet.legCount) {
            let leg = accounts.legs[bet.firstLeg + index]
            markets.expose(
                market: leg.market, selection: leg.selection,
                leg.isDecided
                    ? leg.isCarrier ? cost.certain : .none : cost.share(shares, on: leg.odds),
                isStanding: standing)
        }
    }

    /// How what an accumulator may cost is divided among its open legs; none for what stands on each leg whole.
    func shares(of bet: BetRow) -> LiabilityShares {
        guard bet.isDivided else { return .none }
        var shares = LiabilityShares()
        for leg in bet.firstLeg..<bet.firstLeg + UInt32(bet.legCount)
        where !accounts.legs[leg].isDecided {
            shares.add(accounts.legs[leg].odds)
        }
        return shares
    }

    /// Takes note of which legs of a bet that is no system are decided; nothing of it may stand on them meanwhile.
    mutating func markDecided(_ number: UInt32) {
        let bet = accounts.bets[number]
        guard bet.isDivided || bet.legCount == 1 else { return }
        mark(wanted(bet), of: bet)
    }

    /// Which legs of a bet, as bits, carry nothing of it any more, and which one carries what is sure.
    private struct Standing: Equatable {
        var decided: UInt32 = 0
        var carrier: UInt32 = 0
    }

    /// As it was when the bet was last looked at.
    private func marked(_ bet: BetRow) -> Standing {
        var standing = Standing()
        for index in 0..<UInt32(bet.legCount) {
            let leg = accounts.legs[bet.firstLeg + index]
            if leg.isDecided { standing.decided |= 1 << index }
            if leg.isCarrier { standing.carrier = 1 << index }
        }
        return standing
    }

    private func wanted(_ bet: BetRow) -> Standing {
        var standing = Standing()
        var firstGone: UInt32 = 0
        for index in 0..<UInt32(bet.legCount) {
            let leg = accounts.legs[bet.firstLeg + index]
            let facts = ownFacts(of: leg, Int(index), in: bet)
            let isOver = facts.win != .undecided && (!bet.isEachWay || facts.place != .undecided)
            // Its stake goes back, or is lost, whatever happens: it stands against nothing that others win.
            let isGone =
                !isOver && ridsOfWithdrawn && markets.selections[leg.selection].isWithdrawn == 1
            if isOver || isGone { standing.decided |= 1 << index }
            if isGone, firstGone == 0 { firstGone = 1 << index }
        }
        if bet.legCount > 1, standing.decided == 1 << UInt32(bet.legCount) - 1 {
            standing.carrier = firstGone
        }
        return standing
    }

    private mutating func mark(_ standing: Standing, of bet: BetRow) {
        for index in 0..<UInt32(bet.legCount) {
            accounts.change(leg: bet.firstLeg + index) {
                $0.isDecided = standing.decided >> index & 1 == 1
                $0.isCarrier = standing.carrier >> index & 1 == 1
            }
        }
    }

    /// What a bet that is still open and no system may cost moves to the legs that are; markets which that brings to
    /// what they may cost are shut.
    @inline(never)
    mutating func moveExposure(
        of number: UInt32, _ command: RecordBytes, _ outcomes: inout RecordWriter
    ) {
        let bet = accounts.bets[number]
        guard bet.isExposed == 1, bet.isDivided || bet.legCount == 1, !planted(.shareForgotten)
        else { return }
        let wanted = wanted(bet)
        guard wanted != marked(bet) else { return }
        setExposure(of: number, standing: false)
        mark(wanted, of: bet)
        setExposure(of: number, standing: true)
        if markets.watched > 0 { shutExposed(by: number, command, &outcomes) }
    }

    /// What came off a bet's markets was somebody's stake, too: without it they may cost more than before.
    @inline(__always)
    mutating func lookAtExposed(
        by number: UInt32, _ command: RecordBytes, _ outcomes: inout RecordWriter
    ) {
        guard markets.watched > 0, dividesLiability, !planted(.raisedUnwatched) else { return }
        shutExposed(by: number, command, &outcomes)
    }

    /// What accumulators may cost is divided among their open legs, and markets are looked at when something comes off
    /// them; by rules of version 1 it stood on each leg whole, and they were not. A matter of the books, not of a
    /// decision: a trial has it as the record does.
    var dividesLiability: Bool { versionAtHand >= 2 }

    /// Whether what stood on a selection comes off the books once it is withdrawn.
    var ridsOfWithdrawn: Bool { versionAtHand >= 2 && !planted(.withdrawnKept) }

    /// Whether a bet that waits keeps what its customer lets prices do; in a trial as in the records, too.
    var keepsPriceRule: Bool { versionAtHand >= 2 }

    /// What a bet that was taken may cost on each of its legs' markets.
    func cost(of bet: BetRow) -> BetCost {
        let stake = accounts.split(of: bet)
        let placed =
            bet.isEachWay
            ? placedReturn(stake, accounts.shape(of: bet), legs: Int(bet.legCount)) {
                let leg = accounts.legs[bet.firstLeg + UInt32($0)]
                return (
                    leg.odds, accounts.places(of: bet, leg: $0),
                    markets.markets[leg.market].isAtTheOff
                )
            } : nil
        return BetCost(
            potential: bet.potentialReturn, placed: placed, stake: stake.paid,
            isWhole: bet.legCount > 1 && !bet.isDivided)
    }

    /// Recomputes every market's exposure from the bets; what does not agree, in words. O(rows).
    func exposureProblems() -> [String] {
        var returns: [UInt32: Int64] = [:]
        var placed: [UInt32: Int64] = [:]
        var staked: [UInt32: Int64] = [:]
        var legs: [UInt32: UInt32] = [:]
        for number in 0..<UInt32(accounts.bets.count) {
            let bet = accounts.bets[number]
            guard bet.isExposed == 1, !bet.isFree else { continue }
            let whole = cost(of: bet)
            let shares = shares(of: bet)
            for index in 0..<UInt32(bet.legCount) {
                let leg = accounts.legs[bet.firstLeg + index]
                let cost =
                    leg.isDecided
                    ? leg.isCarrier ? whole.certain : .none : whole.share(shares, on: leg.odds)
                returns[leg.selection, default: 0] += cost.won
                placed[leg.selection, default: 0] += cost.placed
                staked[leg.market, default: 0] += cost.staked
                legs[leg.market, default: 0] += 1
            }
        }
        var problems: [String] = []
        for number in 0..<UInt32(markets.selections.count)
        where markets.selections[number].returnsIfWon != returns[number] ?? 0
            || markets.selections[number].returnsIfPlaced != placed[number] ?? 0
        {
            problems.append("selection \(number): exposure is not the sum of its bets")
        }
        for number in 0..<UInt32(markets.markets.count)
        where markets.markets[number].staked != staked[number] ?? 0 {
            problems.append("market \(number): stakes are not the sum of its bets")
        }
        for number in 0..<UInt32(markets.markets.count)
        where markets.markets[number].openLegs != legs[number] ?? 0 {
            problems.append("market \(number): its open legs are not counted right")
        }
        return problems
    }
}
