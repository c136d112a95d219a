public import Kernel

/// What a market may cost us.
public enum WorstCase {
    /// The most we can lose, in minor units, when `winners` of the selections win; never below zero.
    ///
    /// `returnsIfWon` holds, for each selection, what all bets on it return together (stakes included; of
    /// accumulators the leg's share; of systems the full net payout), `staked` what they brought.
    /// The worst joint result is the `winners` dearest selections. O(selections x winners).
    public static func loss(
        returnsIfWon: borrowing Span<Int64>, staked: Int64, winners: Int
    ) -> Int64 {
        if winners == 1 {
            var dearest: Int64 = 0
            for index in returnsIfWon.indices where returnsIfWon[index] > dearest {
                dearest = returnsIfWon[index]
            }
            return max(0, dearest - staked)
        }
        var sum: Int64 = 0
        var taken: UInt64 = 0
        for _ in 0..<min(winners, returnsIfWon.count) {
            var best = -1
            for index in returnsIfWon.indices where taken & (1 << UInt64(index)) == 0 {
                if best < 0 || returnsIfWon[index] > returnsIfWon[best] { best = index }
            }
            guard best >= 0 else { break }
            taken |= 1 << UInt64(best)
            sum += returnsIfWon[best]
        }
        return max(0, sum - staked)
    }

    /// The largest stake at `odds` that keeps a market's loss at or under `limit`, given the loss
    /// there would be now if this selection won. Cut, never rounded up.
    public static func headroom(limit: Int64, lossIfWon: Int64, odds: Odds) -> Int64 {
        // What the market would win if this selection won is room, too.
        let (room, overflow) = limit.subtractingReportingOverflow(lossIfWon)
        guard !overflow else { return .max }
        guard room > 0 else { return 0 }
        let winnings = UInt64(odds.numerator - odds.denominator)
        let (high, low) = UInt64(room).multipliedFullWidth(by: UInt64(odds.denominator))
        guard high < winnings else { return .max }
        return Int64(clamping: winnings.dividingFullWidth((high, low)).quotient)
    }
}
