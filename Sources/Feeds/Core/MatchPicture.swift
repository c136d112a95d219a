import Catalogue
public import Kernel

/// A simulated football match at one moment, as whoever prices several selections of it together needs to know it.
public struct MatchPicture: Sendable {
    let model: FootballModel
    let score: (home: Int, away: Int)
    let minute: Double
    /// Quarters of a goal, as in `SimulatedMatch`.
    let handicap: Int
    let total: Int
}

extension MatchPicture {
    /// Nil where a line may give stakes back: what is not won or lost has no price together with others.
    public func chance(of wanted: [(market: Int, selection: Int)]) -> Chance? {
        let share = FootballModel.remaining(minute)
        let awayMore = FootballModel.poisson(model.away * share, upTo: 12)
        var sum = 0.0
        for (h, homeChance) in FootballModel.poisson(model.home * share, upTo: 12).enumerated() {
            for (a, awayChance) in awayMore.enumerated() {
                let results = results(home: score.home + h, away: score.away + a)
                var isWon = true
                for (market, selection) in wanted {
                    guard market < results.count, selection < results[market].count else {
                        return nil
                    }
                    let result = results[market][selection]
                    guard result == .won || result == .lost else { return nil }
                    isWon = isWon && result == .won
                }
                if isWon { sum += homeChance * awayChance }
            }
        }
        return Chance(win: UInt32(min(1, max(0, sum)) * Double(Chance.whole)))
    }

    /// Of every market, in the world's order, at this final score.
    func results(home: Int, away: Int) -> [[SelectionResult]] {
        let over: [SelectionResult] = [.won, .lost]
        let under: [SelectionResult] = [.lost, .won]
        let match: [SelectionResult] =
            home > away
            ? [.won, .lost, .lost] : home == away ? [.lost, .won, .lost] : [.lost, .lost, .won]
        return [
            match, home + away > 2 ? over : under, home > 0 && away > 0 ? over : under,
            QuarterLine.results(lead: (home - away) * 4 + handicap),
            QuarterLine.results(lead: (home + away) * 4 - total),
        ]
    }
}
