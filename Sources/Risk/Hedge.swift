/// A bet elsewhere that takes the worst of a market's results up to the next one.
public struct Hedge: Hashable, Sendable {
    /// The selection to back.
    public let selection: Int
    /// Minor units, at this price in thousandths.
    public let stake: Int64
    public let price: UInt32
    /// What the worst result is with it, negative for a loss.
    public let worst: Int64

    /// For a market of which one selection wins: `results` are what we win, negative what we lose, by who wins;
    /// `prices` what each could be backed at elsewhere, thousandths, 0 none. Nil where nothing is lost, or a bet would
    /// not help.
    ///
    /// The stake is cut, so that the other results never become the worse ones.
    public static func suggestion(results: [Int64], prices: [UInt32]) -> Hedge? {
        let order = results.indices.sorted { (results[$0], $0) < (results[$1], $1) }
        guard order.count >= 2, prices.count == results.count, let first = order.first else {
            return nil
        }
        let worst = results[first]
        let price = prices[first]
        let (gap, overflow) = results[order[1]].subtractingReportingOverflow(worst)
        guard worst < 0, price > 1000, gap > 0, !overflow else { return nil }
        // With a stake s at price p the worst becomes worst + s (p - 1), all others less s.
        let (high, low) = UInt64(gap).multipliedFullWidth(by: 1000)
        guard high < UInt64(price) else { return nil }
        let stake = Int64(clamping: UInt64(price).dividingFullWidth((high, low)).quotient)
        guard stake > 0 else { return nil }
        let (gainHigh, gainLow) = UInt64(stake).multipliedFullWidth(by: UInt64(price - 1000))
        let gain = Int64(clamping: (1000 as UInt64).dividingFullWidth((gainHigh, gainLow)).quotient)
        return Hedge(
            selection: first, stake: stake, price: price,
            worst: min(worst + gain, results[order[1]] - stake))
    }
}
