import Kernel

/// What bets that stand may cost on each of their legs' markets.
extension Engine {
    /// Puts a bet's exposure onto its legs or takes it off; once each way.
    mutating func setExposure(of number: UInt32, standing: Bool) {
        let bet = accounts.bets[number]
        guard (bet.isExposed == 1) != standing else { return }
        accounts.change(bet: number) { $0.isExposed = standing ? 1 : 0 }
        let cost = cost(of: bet)
        for index in 0..<UInt32(bet.legCount) {
            let leg = accounts.legs[bet.firstLeg + index]
            markets.expose(
                market: leg.market, selection: leg.selection, cost, isStanding: standing)
        }
    }

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
            isSingle: bet.legCount == 1)
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
            let cost = cost(of: bet)
            for index in 0..<UInt32(bet.legCount) {
                let leg = accounts.legs[bet.firstLeg + index]
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
