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
}

extension Engine {
    /// The numbers of a slip at this moment: the same limits that a placement is held against.
    ///
    /// `stake` is the whole bet's; one that a system cannot divide counts only as far as it can. `shape` is nil for an
    /// accumulator.
    public borrowing func slip(
        stake: Int64, shape: SystemShape? = nil, isEachWay: Bool = false, legs: [LegIntent],
        account: AccountID?
    ) -> SlipNumbers {
        var numbers = SlipNumbers(
            asOf: sequence, potentialReturn: nil, minimumStake: rules.minimumStake,
            maximumStake: ruleSet.stake, delay: 0, isRelated: false)
        numbers.lines = (shape?.lines ?? 1) * (isEachWay ? 2 : 1)
        let lines = numbers.lines
        numbers.minimumStake = (max(1, rules.minimumStake) + lines - 1) / lines * lines
        guard lines <= ruleSet.lines else { return none(numbers) }
        var total = BetReturn(
            stake: max(0, min(stake, ruleSet.stake)), shape: shape, isEachWay: isEachWay)
        var one = BetReturn(stake: 1_000_000 * lines, shape: shape, isEachWay: isEachWay)
        guard !isEachWay || legs.count <= Limits.eachWayLegs else { return none(numbers) }
        var quotes: [LegQuote] = []
        var delay = DelayParts()
        for leg in legs {
            guard let number = markets.market(leg.market) else { return none(numbers) }
            let market = markets.markets[number]
            guard leg.selection < UInt32(market.selectionCount),
                let odds = markets.selections[market.firstSelection + leg.selection].odds
            else { return none(numbers) }
            let places = PlaceTerms(packed: market.places)
            guard !isEachWay || places != nil else { return none(numbers) }
            total.multiply(byWon: odds, places: places)
            one.multiply(byWon: odds, places: places)
            let quote = LegQuote(
                fixture: market.fixture, market: number,
                selection: market.firstSelection + leg.selection, numerator: odds.numerator,
                denominator: odds.denominator, betDelay: market.betDelay,
                selectionDelay: markets.selections[market.firstSelection + leg.selection].delay,
                isInPlay: markets.fixtures[market.fixture].isInPlay == 1,
                marketVersion: market.version, material: 0, relationGroup: market.relationGroup,
                competitorChain: markets.fixtures[market.fixture].competitorChain)
            numbers.isRelated = numbers.isRelated || quotes.contains { $0.isRelated(to: quote) }
            quotes.append(quote)
            let selection = market.firstSelection + leg.selection
            let customer = account.flatMap { accounts.account($0) }.map { accounts.accounts[$0] }
            numbers.maximumStake = min(
                numbers.maximumStake,
                customer?.mostStaked(market.maximumStake) ?? market.maximumStake)
            if quote.isInPlay { delay.add(quote, customer?.delay ?? 0) }
            // What there would be to lose already, if this selection won.
            let lossIfWon =
                market.winners == 1
                ? markets.selections[selection].returnsIfWon - market.staked
                : markets.worstLoss(number)
            if legs.count == 1, !isEachWay {
                numbers.maximumStake = min(
                    numbers.maximumStake,
                    WorstCase.headroom(
                        limit: market.liabilityLimit, lossIfWon: lossIfWon, odds: odds))
            }
        }
        numbers.delay = delay.total(ruleSet)
        if case .settled(let payout) = total.outcome(rules.rounding), payout <= rules.payoutCap {
            numbers.potentialReturn = payout
        }
        if case .settled(let perMillion) = one.outcome(.halfUp), perMillion > 0 {
            let (high, low) = UInt64(rules.payoutCap).multipliedFullWidth(
                by: UInt64(1_000_000 * lines))
            if high < UInt64(perMillion) {
                let most = UInt64(perMillion).dividingFullWidth((high, low)).quotient
                numbers.maximumStake = min(numbers.maximumStake, Int64(clamping: most))
            }
        }
        if let account, let row = accounts.account(account) {
            let limits = accounts.accounts[row]
            if limits.stakeLimit > 0 {
                numbers.maximumStake = min(numbers.maximumStake, limits.stakeLimit)
            }
            numbers.maximumStake = min(numbers.maximumStake, limits.cash)
        }
        numbers.maximumStake -= numbers.maximumStake % lines
        return numbers
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
