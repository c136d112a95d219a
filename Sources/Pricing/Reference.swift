public import Kernel

/// What a supplier's book says of one selection; prices in thousandths, 0 where there is none.
public struct Quote: Hashable, Sendable {
    public var bestBack: UInt32
    public var bestLay: UInt32
    public var lastTraded: UInt32
    public var isActive: Bool
    /// What it expects of the selection, where it says so.
    public var chance: Chance?

    public init(
        bestBack: UInt32 = 0, bestLay: UInt32 = 0, lastTraded: UInt32 = 0, isActive: Bool = true,
        chance: Chance? = nil
    ) {
        self.chance = chance
        self.bestBack = bestBack
        self.bestLay = bestLay
        self.lastTraded = lastTraded
        self.isActive = isActive
    }
}

extension Quote {
    /// The middle of its two sides, in thousandths, or its last trade where it has not both; 0 where it takes no part.
    public var reference: UInt32 {
        guard isActive else { return 0 }
        return bestBack > 0 && bestLay > 0 ? bestBack / 2 + bestLay / 2 : lastTraded
    }
}

/// Why a market's book cannot be offered, in checking order.
public enum NotOffered: UInt8, Error, Hashable, Sendable, CaseIterable {
    case tooFewSelections = 1
    case crossed = 2
    case oneSided = 3
    case tooWide = 4
    case noPrice = 5
    case underRound = 6
    case overRound = 7

    public var word: String {
        switch self {
        case .tooFewSelections: "too_few_selections"
        case .crossed: "crossed"
        case .oneSided: "one_sided"
        case .tooWide: "too_wide"
        case .noPrice: "no_price"
        case .underRound: "under_round"
        case .overRound: "over_round"
        }
    }
}

/// How a reference becomes our price. Probabilities are parts per billion, so no rule needs a fraction.
public struct PricingRule: Hashable, Sendable {
    /// What our book adds up to above 100 %, in hundredths of a percent: 500 is a book of 105 %.
    public var marginBasisPoints: UInt32
    /// A lay price may be at most this many hundredths of the back price: 200 is twice as long.
    public var widestSpreadPercent: UInt32
    /// A reference without two sides (last traded only) may sum to this little, in hundredths of a percent.
    public var thinnestLastTradedBook: UInt32

    public init(
        marginBasisPoints: UInt32 = 500, widestSpreadPercent: UInt32 = 150,
        thinnestLastTradedBook: UInt32 = 10_000
    ) {
        self.marginBasisPoints = marginBasisPoints
        self.widestSpreadPercent = widestSpreadPercent
        self.thinnestLastTradedBook = thinnestLastTradedBook
    }
}

/// A selection's reference and the price we make of it; both nil for one that takes no part.
public struct OfferedPrice: Hashable, Sendable {
    /// The supplier's middle, in thousandths.
    public let referenceThousandths: UInt32
    public let odds: Odds?

    public init(referenceThousandths: UInt32, odds: Odds?) {
        self.referenceThousandths = referenceThousandths
        self.odds = odds
    }
}

extension PricingRule {
    static let certainty: UInt64 = 1_000_000_000

    /// Our prices for a market of which `winners` selections win.
    ///
    /// The reference is the midpoint of best back and lay, else the last traded price; references are
    /// normalised to the number of winners, the margin is put on in proportion, and each price goes
    /// down to its rung, so that what is published never adds up to less than was asked. Where `winners` is 0 each
    /// wins or loses by itself: its reference is its own, and nothing has to add up.
    public func prices(
        for quotes: [Quote], winners: Int, on ladder: TickLadder
    ) throws(NotOffered) -> [OfferedPrice] {
        let active = quotes.filter(\.isActive)
        guard active.count >= (winners == 0 ? 1 : 2), active.count > winners, winners >= 0 else {
            throw .tooFewSelections
        }
        let hasSides = active.contains { $0.bestBack > 0 || $0.bestLay > 0 }
        if hasSides { try check(active, winners: winners) }

        var references: [UInt32] = []
        references.reserveCapacity(quotes.count)
        var total: UInt64 = 0
        for quote in quotes {
            guard quote.isActive else {
                references.append(0)
                continue
            }
            let reference =
                hasSides ? (quote.bestBack + quote.bestLay) / 2 : quote.lastTraded
            guard reference > 1000 else { throw .noPrice }
            references.append(reference)
            total += Self.certainty * 1000 / UInt64(reference)
        }
        if winners > 0 {
            let least = Self.certainty * UInt64(winners) * UInt64(thinnestLastTradedBook) / 10_000
            guard hasSides || total >= least else { throw .underRound }
            // Twice what its winners come to is a market of another number of winners.
            guard total < Self.certainty * UInt64(winners) * 2 else { throw .overRound }
        }
        return prices(for: references, total: total, winners: winners, on: ladder)
    }

    /// Our prices for references as they are, in thousandths; those without one, 0, take no part.
    public func prices(for references: [UInt32], winners: Int, on ladder: TickLadder)
        -> [OfferedPrice]
    {
        let total = references.reduce(UInt64(0)) { sum, reference in
            reference == 0 ? sum : sum + Self.certainty * 1000 / UInt64(reference)
        }
        return prices(for: references, total: total, winners: winners, on: ladder)
    }

    private func prices(
        for references: [UInt32], total: UInt64, winners: Int, on ladder: TickLadder
    ) -> [OfferedPrice] {
        // By itself each counts for a whole book.
        let total = winners == 0 ? Self.certainty : total
        let book = UInt64(10_000 + marginBasisPoints) * UInt64(max(1, winners))
        return references.map { reference in
            guard reference > 0 else { return OfferedPrice(referenceThousandths: 0, odds: nil) }
            // probability x book, as a price in thousandths: total x reference / book, rounded down.
            // Nothing is quoted longer than the ladder; what is said to be still counts in the sum.
            let share = total * UInt64(min(reference, Limits.price)) / 1000
            let price = share * 1000 / (Self.certainty / 10_000) / book
            // Shorter than the first rung is no price: a longer one would give away what was asked.
            let rung = ladder.tick(atOrBelow: UInt32(clamping: price))
            return OfferedPrice(
                referenceThousandths: reference,
                odds: rung.flatMap { Odds(thousandths: ladder.thousandths(at: $0)) })
        }
    }

    private func check(_ active: [Quote], winners: Int) throws(NotOffered) {
        for quote in active where quote.bestBack > 0 && quote.bestLay > 0 {
            guard quote.bestBack < quote.bestLay else { throw .crossed }
        }
        for quote in active {
            guard quote.bestBack > 0, quote.bestLay > 0 else { throw .oneSided }
        }
        var backed: UInt64 = 0
        for quote in active {
            let widest = UInt64(quote.bestBack) * UInt64(widestSpreadPercent) / 100
            guard UInt64(quote.bestLay) <= widest else { throw .tooWide }
            backed += Self.certainty * 1000 / UInt64(quote.bestBack)
        }
        // Who could back every selection and win whatever happens sees a broken book, not a price.
        guard backed >= Self.certainty * UInt64(winners) else { throw .underRound }
    }
}
