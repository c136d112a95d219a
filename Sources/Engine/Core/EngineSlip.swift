public import Betting
import Catalogue
public import Kernel
import Risk

/// What a slip may know before it is placed. A picture of this moment, never a promise.
public struct SlipNumbers: Sendable {
    public var asOf: UInt64
    /// Minor units by the engine's own prices; nil when a leg has none or the bound is passed.
    public var potentialReturn: Int64?
    public var minimumStake: Int64
    public var maximumStake: Int64
    /// Milliseconds the bet would wait.
    public var delay: UInt32
    public var isRelated: Bool
    /// Lines that the stake is divided among: 1 for an accumulator.
    public var lines: Int64 = 1
    /// What the house would add, and take of what it wins.
    public var house = HouseTerms.none
    /// What each limit lets it stake; empty where a leg is not offered.
    public var bounds: [StakeBound] = []
}

extension Engine {
    /// The numbers of a slip at this moment: the same limits that a placement is held against.
    ///
    /// `stake` is the whole bet's; one that a system cannot divide counts only as far as it can. `shape` is nil for an
    /// accumulator, `joint` the one price of legs that are of one match.
    public borrowing func slip(
        stake split: StakeSplit, shape: SystemShape? = nil, isEachWay: Bool = false,
        joint: Odds? = nil, legs: [LegIntent], account: AccountID?
    ) -> SlipNumbers {
        var numbers = SlipNumbers(
            asOf: sequence, potentialReturn: nil, minimumStake: rules.minimumStake,
            maximumStake: ruleSet.stake, delay: 0, isRelated: false)
        numbers.lines = (shape?.lines ?? 1) * (isEachWay ? 2 : 1)
        let lines = numbers.lines
        numbers.house = houseRules.terms(for: shape, isPlain: split.isCash && !isEachWay)
        numbers.minimumStake = (max(1, rules.minimumStake) + lines - 1) / lines * lines
        guard lines <= ruleSet.lines else { return none(numbers) }
        guard !isEachWay || legs.count <= Limits.eachWayLegs,
            split.isCash || legs.count <= Limits.promotionalLegs
        else { return none(numbers) }
        var quotes: [LegQuote] = []
        var delay = DelayParts()
        let row = account.flatMap { accounts.account($0) }
        for leg in legs {
            guard let quote = quote(leg), !isEachWay || quote.places != 0 else {
                return none(numbers)
            }
            // Who is kept from it may stake nothing on it.
            if let row, isBarred(row, from: quote.fixture) { return none(numbers) }
            numbers.isRelated =
                joint == nil
                && (numbers.isRelated || quotes.contains { $0.isRelated(to: quote) })
            quotes.append(quote)
            delay.add(quote, row.map { accounts.accounts[$0].delay } ?? 0)
        }
        numbers.delay = delay.total(ruleSet)
        var slip = StakedSlip(
            account: row, split: split, shape: shape, isEachWay: isEachWay, quotes: quotes)
        slip.joint = joint
        numbers.bounds = bounds(slip)
        numbers.maximumStake = numbers.bounds.map(\.most).min() ?? 0
        var counted = split
        if split.total > ruleSet.stake { counted = slip.split(ruleSet.stake) }
        let potential = potentialReturn(slip, split: counted)
        numbers.potentialReturn = potential.flatMap { $0 <= rules.payoutCap ? $0 : nil }
        return numbers
    }

    /// A leg as it is offered at this moment; nil where it is not.
    private borrowing func quote(_ leg: LegIntent) -> LegQuote? {
        guard let number = markets.market(leg.market) else { return nil }
        let market = markets.markets[number]
        guard leg.selection < UInt32(market.selectionCount) else { return nil }
        let selection = market.firstSelection + leg.selection
        guard leg.odds != nil else { return quoteAtStart(number, selection) }
        return markets.selections[selection].odds.map { legQuote(number, selection, $0) }
    }

    private borrowing func none(_ numbers: SlipNumbers) -> SlipNumbers {
        var none = numbers
        none.maximumStake = 0
        return none
    }
}

/// What one market may cost at this moment. Minor units.
public struct MarketExposure: Sendable {
    public let market: MarketID
    public let staked: Int64
    public let worstLoss: Int64
    public let openLegs: UInt32
}

extension Engine {
    public borrowing func exposures(of wanted: [MarketID]) -> [MarketExposure] {
        wanted.compactMap { id in
            guard let number = markets.market(id) else { return nil }
            let row = markets.markets[number]
            return MarketExposure(
                market: id, staked: row.staked, worstLoss: markets.worstLoss(number),
                openLegs: row.openLegs)
        }
    }
}
