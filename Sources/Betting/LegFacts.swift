public import Kernel

/// What is known of a leg's selection.
public enum LegResult: Hashable, Sendable {
    case undecided
    case won
    case lost
    case void
    case halfWon
    case halfLost
    /// `winners` of `tied` places were left to share.
    case deadHeat(winners: UInt8, tied: UInt8)
}

/// Everything that decides what a leg multiplies by, and why: settlement and whoever explains it ask the same.
public struct LegFacts: Sendable {
    public var odds: Odds
    public var result: LegResult
    /// Its bet was accepted when the market's bets are void.
    public var isCancelled = false
    /// The result is not sure enough for its bet.
    public var isWaiting = false
    /// It is paid as if it had won, whatever comes.
    public var isPaidEarly = false
    /// Ante-post, and withdrawn: lost where the result is void.
    public var isNotRun = false
    /// What withdrawals take from a bet that was accepted when this one was.
    public var deduction = Deduction.none
    public var placeDeduction = Deduction.none
    /// The starting price, where it counts and is known.
    public var starting: Odds?
    /// It has no price but what it starts at.
    public var isAtStart = false
    /// Each-way terms that count; nil where the bet is not each way, or there are none any more.
    public var places: PlaceTerms?
    public var finish = Finish(position: 0)

    public init(odds: Odds, result: LegResult) {
        self.odds = odds
        self.result = result
    }

    /// What the win part, or a bet that has no other, multiplies by.
    public var win: LegFactor { win(paying: won) }

    /// The same at a price of 1: what of a stake would come back without any winnings, over `win`'s denominator.
    public var winAtOne: LegFactor { win(paying: won.atOne) }

    private func win(paying won: LegFactor) -> LegFactor {
        if isCancelled { return .unchanged }
        if isPaidEarly { return won }
        if isWaiting { return .undecided }
        switch result {
        case .undecided: return .undecided
        case .won: return won
        case .lost: return .lost
        case .void: return isNotRun ? .lost : .unchanged
        case .halfWon: return won.halved
        case .halfLost: return .halfLost
        case .deadHeat(let winners, let tied): return won.shared(winners, among: tied)
        }
    }

    /// What the place part multiplies by. Void, waiting and not run are the same for both parts; of the rest, where
    /// it came in decides.
    public var place: LegFactor { place { $0 } }

    /// The same at a price of 1, over `place`'s denominator.
    public var placeAtOne: LegFactor { place(\.atOne) }

    private func place(_ paying: (LegFactor) -> LegFactor) -> LegFactor {
        if isCancelled || isWaiting || result == .undecided || result == .void { return win }
        guard let places, finish.position != 0 else { return .undecided }
        let placed: LegFactor =
            if isAtStart {
                starting.map { .placed($0, places, less: placeDeduction) } ?? .undecided
            } else if paysStarting {
                .placed(starting ?? odds, places)
            } else {
                .placed(odds, places, less: placeDeduction)
            }
        return paying(placed).shared(finish.share(of: places.places), among: finish.tied)
    }

    /// Legs of one match under one price: won when all are, and lost with any; a void or half result of one leaves no
    /// price for the rest, so that the stake goes back unless another has lost.
    public static func joint(_ legs: [LegFacts], at odds: Odds) -> LegFacts {
        var joint = LegFacts(odds: odds, result: .won)
        if legs.contains(where: { $0.win == .lost }) {
            joint.result = .lost
        } else if legs.contains(where: { $0.win == .undecided }) {
            joint.result = .undecided
        } else if legs.contains(where: { $0.isCancelled || $0.result != .won }) {
            joint.result = .void
            joint.isCancelled = legs.contains(where: \.isCancelled)
        }
        return joint
    }

    /// Its stake goes back, whatever else becomes of the bet.
    public var isVoid: Bool {
        isCancelled || !isWaiting && !isPaidEarly && result == .void && !isNotRun
    }

    /// It waits for nothing but its starting price.
    public var isWaitingForStart: Bool {
        isAtStart && starting == nil && !isCancelled && !isWaiting
            && result != .undecided
            && (win == .undecided || finish.position != 0 && places != nil && place == .undecided)
    }

    /// Whether it is paid at its starting price; and whether the guaranteed price is better than what was taken: compared by what the win part comes to after
    /// deductions, of which the starting price has none. Both parts of an each-way bet follow.
    public var paysStarting: Bool {
        guard let starting else { return false }
        if isAtStart { return true }
        return LegFactor.won(starting).isBetter(than: .won(odds, less: deduction))
    }

    private var won: LegFactor {
        if isAtStart { return starting.map { .won($0, less: deduction) } ?? .undecided }
        guard let starting, paysStarting else { return .won(odds, less: deduction) }
        return .won(starting)
    }
}
