public import Kernel

/// What references say without their margin.
public enum Fair {
    /// Parts into which a certainty is divided while inverses are added up.
    private static let finest: UInt64 = 1_000_000_000_000_000

    /// The chance of the selection at `index` of a market of which `winners` win, from the references of all of them
    /// in thousandths; those without one take no part. Nil where it has none itself, or is the only one.
    ///
    /// Each counts by its inverse, brought up or down to the number of winners together. What is less than a part per
    /// billion counts as one, in favour of who holds the selection, so that a third of three is one. Where `winners` is 0
    /// each wins or loses by itself, and its reference alone says what its chance is.
    public static func chance(
        of index: Int, among references: Span<UInt32>, winners: Int
    ) -> Chance? {
        var total: UInt64 = 0
        var own: UInt64 = 0
        var count = 0
        for place in references.indices where references[place] > 0 {
            let inverse = finest / UInt64(references[place])
            total += inverse
            count += 1
            if place == index { own = inverse }
        }
        guard own > 0, count > winners, winners >= 0 else { return nil }
        // A certainty of one selection; the reference is in thousandths.
        if winners == 0 { total = finest / 1000 }
        let (high, low) = own.multipliedFullWidth(
            by: PricingRule.certainty * UInt64(max(1, winners)))
        let (share, rest) = total.dividingFullWidth((high, low))
        return Chance(win: UInt32(min(share + (rest > 0 ? 1 : 0), UInt64(Chance.whole))))
    }
}
