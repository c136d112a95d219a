public import Kernel

/// What a bet comes to, whatever its legs make.
///
/// An each-way bet is two of the kind under one stake, half of it each: win parts go with win parts and place parts
/// with place parts, and the sum of both is rounded once. A free stake is not returned: what the same bet with it
/// comes to at prices of 1 is taken off the whole, which is never below zero.
public struct BetReturn: Sendable {
    private var parts: Parts
    /// The free stake at prices of 1, over the denominators of `parts`.
    private var unreturned: Parts?
    private let terms: HouseTerms
    /// What was paid for it, minor units; and the stake of each of its lines.
    private let paid: Int64
    private let unit: Int64
    private let legs: Int
    /// Legs that won at their price, and legs that were lost.
    private var won = 0
    private var lost = 0

    /// `stake` is the whole bet's, `free` what of it is not returned, minor units; both divide by the lines, and by
    /// two for an each-way bet.
    ///
    /// `terms` are what the house adds and takes.
    public init(
        stake: Int64, free: Int64 = 0, shape: SystemShape?, isEachWay: Bool = false,
        terms: HouseTerms = .none
    ) {
        self.terms = terms
        paid = stake - free
        unit = terms.isNone ? 0 : stake / (shape?.lines ?? 1)
        legs = shape?.legs ?? 0
        parts = Parts(stake, shape, isEachWay)
        if free > 0 { unreturned = Parts(free, shape, isEachWay) }
    }

    /// The legs' factors, in the order of the slip; of a bet whose whole stake is returned.
    public mutating func multiply(by factor: LegFactor) {
        precondition(unreturned == nil, "a free stake asks what the price was")
        parts.win.multiply(by: factor)
    }

    /// The same of an each-way bet.
    public mutating func multiply(by factor: LegFactor, place other: LegFactor) {
        precondition(unreturned == nil, "a free stake asks what the price was")
        parts.multiply(by: factor, place: other)
    }

    /// A leg as its facts are.
    public mutating func multiply(by facts: LegFacts) {
        if !terms.isNone { count(facts) }
        if parts.place == nil {
            parts.win.multiply(by: facts.win)
            if unreturned != nil { unreturned?.win.multiply(by: facts.winAtOne) }
        } else {
            parts.multiply(by: facts.win, place: facts.place)
            if unreturned != nil {
                unreturned?.multiply(by: facts.winAtOne, place: facts.placeAtOne)
            }
        }
    }

    /// A leg that wins at its price; of an each-way bet on these terms, for both parts.
    public mutating func multiply(byWon odds: Odds, places: PlaceTerms?) {
        won += 1
        let price = LegFactor.won(odds)
        if parts.place != nil, let places {
            let placed = LegFactor.placed(odds, places)
            parts.multiply(by: price, place: placed)
            if unreturned != nil { unreturned?.multiply(by: price.atOne, place: placed.atOne) }
        } else {
            parts.win.multiply(by: price)
            if unreturned != nil { unreturned?.win.multiply(by: price.atOne) }
        }
    }

    /// A leg that counts only if it is void: what is left is the stake of the lines whose legs all are.
    public mutating func multiply(byVoid isVoid: Bool) {
        let factor = isVoid ? LegFactor.unchanged : .lost
        if parts.place == nil {
            parts.win.multiply(by: factor)
        } else {
            parts.multiply(by: factor, place: factor)
        }
    }

    private mutating func count(_ facts: LegFacts) {
        if facts.win == .lost {
            lost += 1
        } else if facts.result == .won || facts.isPaidEarly, facts.win != .unchanged,
            facts.win != .undecided
        {
            won += 1
        }
    }

    /// What of the bonus it earns, once it is decided.
    public var bonus: CoverBonus.Earned? {
        guard legs > 0, terms.bonus != .none else { return nil }
        if won == legs, terms.bonus.allWinners > 0 { return .allWinners(terms.bonus.allWinners) }
        if won == 1, lost == legs - 1, terms.bonus.onlyWinner > CoverBonus.none.onlyWinner {
            return .onlyWinner(terms.bonus.onlyWinner)
        }
        return nil
    }

    /// What the house takes of what it wins, before rounding; nil where it takes nothing.
    public var commission: ExactAmount? {
        guard terms.commission > 0 else { return nil }
        let whole = afterBonus
        return Self.winnings(whole, paid).map {
            $0.multiplied(by: UInt64(terms.commission), over: UInt64(Deduction.whole))
        }
    }

    /// What is beyond `stake`; nil where nothing is.
    private static func winnings(_ amount: ExactAmount, _ stake: Int64) -> ExactAmount? {
        var taken = amount.denominator
        var won = amount.numerator
        let isLong = taken.multiplyReportingOverflow(by: UInt64(stake))
        guard !isLong, taken < won else { return nil }
        won.subtract(taken)
        return ExactAmount(numerator: won, denominator: amount.denominator)
    }

    /// With what the house adds.
    private var afterBonus: ExactAmount {
        let whole = beforeHouse
        switch bonus {
        case nil: return whole
        case .allWinners(let more):
            return whole.multiplied(
                by: UInt64(Deduction.whole) + UInt64(more), over: UInt64(Deduction.whole))
        case .onlyWinner(let times):
            // The stake of its one line, and its winnings so often.
            guard let winnings = Self.winnings(whole, unit) else { return whole }
            let more = winnings.multiplied(
                by: UInt64(times - CoverBonus.none.onlyWinner), over: 100)
            var sum = whole.numerator
            let isLong =
                sum.multiplyReportingOverflow(by: 100) || sum.addReportingOverflow(more.numerator)
            precondition(!isLong, "a bonus is less than the bet is allowed to return")
            return ExactAmount(numerator: sum, denominator: more.denominator)
        }
    }

    public func outcome(_ rounding: Rounding) -> BetOutcome {
        guard unreturned != nil || !terms.isNone else { return parts.outcome(rounding) }
        if parts.isOpen { return .open }
        guard let payout = exact.rounded(rounding) else { return .overflow }
        return .settled(payout: payout)
    }

    /// The exact amount before rounding, for the record and for those who check.
    public var exact: ExactAmount {
        guard !terms.isNone else { return unreturned == nil ? parts.exact : beforeHouse }
        let whole = afterBonus
        guard let commission else { return whole }
        // Over the denominator of what is taken.
        var left = whole.numerator
        let isLong = left.multiplyReportingOverflow(by: UInt64(Deduction.whole))
        precondition(!isLong, "a return and a commission fit")
        left.subtract(commission.numerator)
        return ExactAmount(numerator: left, denominator: commission.denominator)
    }

    /// What is decided, as a fraction; nothing of what is lost.
    private var beforeHouse: ExactAmount {
        guard let unreturned else {
            return ExactAmount(
                numerator: parts.decided, denominator: parts.exact.denominator)
        }
        var whole = parts.decided
        let given = unreturned.decided
        if whole < given { whole = given }
        whole.subtract(given)
        return ExactAmount(numerator: whole, denominator: parts.exact.denominator)
    }

    /// Of the free stake what does not come back, though its lines won: nil where all of the stake is returned.
    public var notReturned: ExactAmount? {
        unreturned.map {
            ExactAmount(numerator: $0.decided, denominator: parts.exact.denominator)
        }
    }

    /// What `part` of the bet's `stake` comes to by itself, its own stake returned; cut, and no more than `part`.
    ///
    /// Of a bet with at most `Limits.promotionalLegs` legs, and a part that 32 bits hold: more does not fit.
    public func returned(of part: Int64, in stake: Int64) -> Int64 {
        guard part > 0, stake > 0, parts.outcome(.down) != .settled(payout: 0) else { return 0 }
        let whole = ExactAmount(numerator: parts.decided, denominator: parts.exact.denominator)
        let share = whole.multiplied(by: UInt64(part), over: UInt64(stake)).rounded(.down)
        return min(part, share ?? part)
    }
}

/// The win part, and the place part of an each-way bet.
private struct Parts: Sendable {
    var win: PartReturn
    var place: PartReturn?

    init(_ stake: Int64, _ shape: SystemShape?, _ isEachWay: Bool) {
        win = PartReturn(stake: isEachWay ? stake / 2 : stake, shape: shape)
        if isEachWay { place = win }
    }

    mutating func multiply(by factor: LegFactor, place other: LegFactor) {
        // Both are brought over one denominator, so that what they come to can be added.
        let (below, otherBelow) = (factor.denominator, other.denominator)
        let common = below / greatestCommonDivisor(below, otherBelow) * otherBelow
        win.multiply(by: factor, over: common)
        place?.multiply(by: other, over: common)
    }

    var isOpen: Bool {
        win.outcome(.down) == .open || place?.outcome(.down) == .open
    }

    func outcome(_ rounding: Rounding) -> BetOutcome {
        guard let place else { return win.outcome(rounding) }
        if win.outcome(rounding) == .open || place.outcome(rounding) == .open { return .open }
        guard let payout = exact.rounded(rounding) else { return .overflow }
        return .settled(payout: payout)
    }

    var exact: ExactAmount {
        guard place != nil else { return win.exact }
        return ExactAmount(numerator: decided, denominator: win.exact.denominator)
    }

    /// What is decided, over the denominator of `exact`.
    var decided: WideInteger {
        guard let place else { return win.decided }
        var sum = win.decided
        let overflow = sum.addReportingOverflow(place.decided)
        precondition(!overflow, "a sum of two parts fits, their legs being counted")
        return sum
    }
}

extension LegFactor {
    fileprivate var denominator: UInt64 {
        if case .ratio(_, let denominator) = self { denominator } else { 1 }
    }
}

/// An accumulator, or a system of them.
private struct PartReturn: Sendable {
    private var accumulator: AccumulatorReturn
    private var system: SystemReturn?

    init(stake: Int64, shape: SystemShape?) {
        accumulator = AccumulatorReturn(stake: stake)
        system = shape.map { SystemReturn(unitStake: stake / $0.lines, shape: $0) }
    }

    mutating func multiply(by factor: LegFactor) {
        if system == nil {
            accumulator.multiply(by: factor)
        } else {
            system?.multiply(by: factor)
        }
    }

    /// `common` is a multiple of the factor's own denominator.
    mutating func multiply(by factor: LegFactor, over common: UInt64) {
        var widening = common
        if case .ratio(_, let below) = factor { widening = common / below }
        multiply(by: factor)
        guard widening > 1 else { return }
        if system == nil { accumulator.widen(by: widening) } else { system?.widen(by: widening) }
    }

    func outcome(_ rounding: Rounding) -> BetOutcome {
        system?.outcome(rounding) ?? accumulator.outcome(rounding)
    }

    var exact: ExactAmount { system?.exact ?? accumulator.exact }

    /// What is decided of it, over the denominator of `exact`: nothing of an accumulator that is lost.
    var decided: WideInteger {
        system == nil && accumulator.hasLost ? WideInteger(0) : exact.numerator
    }
}
