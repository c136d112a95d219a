import Catalogue
import Kernel

/// Goals as a Poisson process whose rate grows through the match, and what follows from it.
///
/// Doubles are fine here: this is a supplier's model of the world, not a rule of ours. Only +, -, x and
/// / are used, so the numbers are the same on every machine.
struct FootballModel {
    static let minutes = 90.0
    /// Expected goals of a whole match.
    let home: Double
    let away: Double

    /// The share of a side's goals still to come at `minute`: the rate rises from 0.8 to 1.2 of its mean.
    static func remaining(_ minute: Double) -> Double {
        let t = min(minutes, max(0, minute))
        return (0.8 * (minutes - t) + 0.4 * (minutes * minutes - t * t) / (2 * minutes)) / minutes
    }

    /// Relative rate at `minute`.
    static func intensity(_ minute: Double) -> Double { 0.8 + 0.4 * minute / minutes }

    /// What the markets come to, given the score and the minute.
    struct Chances {
        var home = 0.0
        var draw = 0.0
        var away = 0.0
        var over = 0.0
        var both = 0.0
    }

    func chances(homeGoals: Int, awayGoals: Int, minute: Double) -> Chances {
        let most = 12
        let share = Self.remaining(minute)
        let homeMore = Self.poisson(home * share, upTo: most)
        let awayMore = Self.poisson(away * share, upTo: most)
        var chances = Chances()
        for (h, homeChance) in homeMore.enumerated() {
            for (a, awayChance) in awayMore.enumerated() {
                let chance = homeChance * awayChance
                let (homeTotal, awayTotal) = (homeGoals + h, awayGoals + a)
                if homeTotal > awayTotal {
                    chances.home += chance
                } else if homeTotal == awayTotal {
                    chances.draw += chance
                } else {
                    chances.away += chance
                }
                if homeTotal + awayTotal > 2 { chances.over += chance }
                if homeTotal > 0 && awayTotal > 0 { chances.both += chance }
            }
        }
        return chances
    }

    /// The chance that a fair price stands for: what is won over what is won or lost.
    func fairChance(
        homeGoals: Int, awayGoals: Int, minute: Double, _ result: (Int, Int) -> SelectionResult
    ) -> Double {
        parts(homeGoals: homeGoals, awayGoals: awayGoals, minute: minute, result).fairChance
    }

    /// Parts of a stake, halves counted as halves; the rest goes back.
    struct Parts {
        var won = 0.0
        var lost = 0.0

        /// What a fair price stands for.
        var fairChance: Double { won + lost > 0 ? won / (won + lost) : 0.5 }
    }

    /// Of a selection that may be won, lost, half won, half lost or void: which part of a stake is expected to win and
    /// which to lose, halves counted as halves; the rest goes back.
    func parts(
        homeGoals: Int, awayGoals: Int, minute: Double, _ result: (Int, Int) -> SelectionResult
    ) -> Parts {
        let share = Self.remaining(minute)
        var parts = Parts()
        let awayMore = Self.poisson(away * share, upTo: 12)
        for (h, homeChance) in Self.poisson(home * share, upTo: 12).enumerated() {
            for (a, awayChance) in awayMore.enumerated() {
                let chance = homeChance * awayChance
                switch result(homeGoals + h, awayGoals + a) {
                case .won: parts.won += chance
                case .halfWon: parts.won += chance / 2
                case .lost: parts.lost += chance
                case .halfLost: parts.lost += chance / 2
                default: break
                }
            }
        }
        return parts
    }

    /// Chances of 0, 1, 2 ... goals; the last takes all that is beyond.
    static func poisson(_ mean: Double, upTo most: Int) -> [Double] {
        var chance = exponential(-mean)
        var all: [Double] = []
        var sum = 0.0
        for goals in 0...most {
            all.append(chance)
            sum += chance
            chance *= mean / Double(goals + 1)
        }
        all[most] += max(0, 1 - sum)
        return all
    }

    /// e to the power of `x`, |x| below 40, by a short series on a small argument, squared up again.
    static func exponential(_ x: Double) -> Double {
        let small = x / 1024
        var term = 1.0
        var sum = 1.0
        for n in 1...10 {
            term *= small / Double(n)
            sum += term
        }
        for _ in 0..<10 { sum *= sum }
        return sum
    }
}
