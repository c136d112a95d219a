public import Betting
import Kernel
import Risk

/// What one limit lets a bet stake at most.
public struct StakeBound: Equatable, Sendable {
    /// The refusal that more than this leads to; its code names the limit.
    public let rule: Refusal
    /// The leg's place in the slip; nil for the whole slip.
    public let leg: Int?
    /// Minor units of the whole bet, as many as its lines divide.
    public let most: Int64
}

/// A bet as far as its stake is concerned.
struct StakedSlip {
    let account: UInt32?
    /// Of which money it would be; of one kind, a larger stake is of that kind, too.
    let split: StakeSplit
    let shape: SystemShape?
    let isEachWay: Bool
    /// The one price of all legs, which are of one match then.
    var joint: Odds?
    let quotes: [LegQuote]

    init(
        account: UInt32?, split: StakeSplit, shape: SystemShape?, isEachWay: Bool,
        quotes: [LegQuote]
    ) {
        self.account = account
        self.split = split
        self.shape = shape
        self.isEachWay = isEachWay
        self.quotes = quotes
    }

    init(
        _ command: RecordBytes, _ request: PlaceRequest, account: UInt32, quotes: [LegQuote]
    ) {
        self.init(
            account: account, split: request.split, shape: request.shape(command),
            isEachWay: request.isEachWay, quotes: quotes)
        if request.isSameGame { joint = command.jointOdds(behind: request.legCount) }
    }

    var lines: Int64 { (shape?.lines ?? 1) * (isEachWay ? 2 : 1) }

    func split(_ stake: Int64) -> StakeSplit {
        if split.free == split.total, split.free > 0 { return StakeSplit(free: stake) }
        if split.bonus == split.total, split.bonus > 0 { return StakeSplit(bonus: stake) }
        return StakeSplit(cash: stake)
    }
}

/// Every limit of a stake by itself: for whoever asks what could be staked, and for bets that take what they can get.
///
/// Whether a stake passes a limit only ever turns from yes to no as it grows, so that the largest is found by halving.
extension Engine {
    /// In the order in which they are checked. An empty slip, or one with more lines than are taken, has none.
    ///
    /// Nothing above `asked` is looked at: a stake that passes as it is, passes.
    borrowing func bounds(_ slip: StakedSlip, asked: Int64 = .max) -> [StakeBound] {
        let lines = slip.lines
        guard !slip.quotes.isEmpty, lines <= ruleSet.lines else { return [] }
        var bounds: [StakeBound] = []
        var most = min(ruleSet.stake, max(0, asked))
        func add(_ rule: Refusal, leg: Int? = nil, _ bound: Int64) {
            bounds.append(StakeBound(rule: rule, leg: leg, most: bound - bound % lines))
            most = min(most, bound)
        }
        add(.stakeAboveMaximum, ruleSet.stake)
        let customer = slip.account.map { accounts.accounts[$0] }
        // What is taken from anybody overrides what one is trusted with, and what the market may lose.
        let floor = slip.quotes.count == 1 && !slip.isEachWay ? floorStake(slip) : 0
        if let limit = customer?.stakeLimit, limit > 0 {
            add(.stakeAboveMaximum, max(floor, limit))
        }
        for (index, quote) in slip.quotes.enumerated() {
            let maximum = markets.markets[quote.market].maximumStake
            add(
                .stakeAboveMaximum, leg: index, max(floor, customer?.mostStaked(maximum) ?? maximum)
            )
        }
        add(
            .returnAboveMaximum,
            largest(most, lines) { stake in
                potentialReturn(slip, stake).map { $0 <= rules.payoutCap } ?? false
            })
        if let customer { add(.insufficientFunds, max(0, customer.available(for: slip.split))) }
        for (index, quote) in slip.quotes.enumerated() {
            add(
                .exposureLimit, leg: index,
                max(
                    min(floor, most),
                    largest(most, lines) { stake in isExposureTaken(slip, stake, quote) }))
        }
        for cap in slip.account.map({ caps(of: $0) }) ?? [] {
            add(
                cap.rule,
                largest(most, lines) { stake in
                    potentialReturn(slip, stake).map { cap.counted + $0 <= cap.most } ?? false
                })
        }
        return bounds
    }

    /// The largest stake that a single's market takes from anybody, 0 where it takes none.
    private borrowing func floorStake(_ slip: StakedSlip) -> Int64 {
        let left = leftOfFloor(
            market: slip.quotes[0].market, selection: slip.quotes[0].selection,
            account: slip.account)
        guard left >= 0 else { return 0 }
        return largest(ruleSet.stake, slip.lines) { stake in
            let split = slip.split(stake)
            return potentialReturn(slip, split: split).map { max(0, $0 - split.paid) <= left }
                ?? false
        }
    }

    /// The largest multiple of `lines` up to `most` that `passes`, or 0.
    private borrowing func largest(_ most: Int64, _ lines: Int64, _ passes: (Int64) -> Bool)
        -> Int64
    {
        var (low, high) = (Int64(0), max(0, most) / lines)
        if passes(high * lines) { return high * lines }
        while low < high {
            let middle = low + (high - low + 1) / 2
            if passes(middle * lines) { low = middle } else { high = middle - 1 }
        }
        return low * lines
    }

    /// Nil where no Int64 holds it.
    borrowing func potentialReturn(_ slip: StakedSlip, _ stake: Int64) -> Int64? {
        potentialReturn(slip, split: slip.split(stake))
    }

    borrowing func potentialReturn(_ slip: StakedSlip, split: StakeSplit) -> Int64? {
        var total = BetReturn(
            stake: split.total, free: split.free, shape: slip.shape, isEachWay: slip.isEachWay,
            terms: promised(slip.shape, isPlain: split.isCash && !slip.isEachWay))
        if let joint = slip.joint {
            total.multiply(byWon: joint, places: nil)
        } else {
            for quote in slip.quotes {
                total.multiply(byWon: quote.odds, places: PlaceTerms(packed: quote.places))
            }
        }
        guard case .settled(let payout) = total.outcome(rules.rounding) else { return nil }
        return payout
    }

    private borrowing func isExposureTaken(
        _ slip: StakedSlip, _ stake: Int64, _ quote: LegQuote
    ) -> Bool {
        guard let potential = potentialReturn(slip, stake) else { return false }
        let shares = shares(of: slip)
        let cost = cost(of: slip, split: slip.split(stake), potential: potential, shares)
        let after = markets.worstLoss(
            quote.market, adding: cost.share(shares, on: quote.odds), on: quote.selection)
        return after <= markets.markets[quote.market].liabilityLimit
            || after <= markets.worstLoss(quote.market)
    }

    /// What it would cost on each of its legs' markets, before that is divided by its `shares`.
    borrowing func cost(
        of slip: StakedSlip, split: StakeSplit, potential: Int64, _ shares: LiabilityShares
    ) -> BetCost {
        let placed =
            slip.isEachWay
            ? placedReturn(split, slip.shape, legs: slip.quotes.count) {
                (
                    slip.quotes[$0].odds, PlaceTerms(packed: slip.quotes[$0].places),
                    slip.quotes[$0].isAtTheOff
                )
            } : nil
        return BetCost(
            potential: potential, placed: placed, stake: split.paid,
            isWhole: slip.quotes.count > 1 && shares.isNone)
    }

    /// How what it may cost is divided among its legs; none for what stands on each leg whole.
    borrowing func shares(of slip: StakedSlip) -> LiabilityShares {
        guard slip.quotes.count > 1, slip.shape == nil, dividesLiability else {
            return .none
        }
        var shares = LiabilityShares()
        for quote in slip.quotes { shares.add(quote.odds) }
        return shares
    }

    /// What a bet that takes what it can get stakes: no more than it asks for, or as much as there may be. A stake
    /// that cannot be met is left as it was asked for, to be refused for what is in its way.
    borrowing func filled(
        _ command: RecordBytes, _ request: PlaceRequest, _ account: UInt32,
        _ quotes: [LegQuote]
    ) -> Int64 {
        guard request.fill != .reject, !request.isPromotional, !request.isSameGame else {
            return request.stake
        }
        let slip = StakedSlip(command, request, account: account, quotes: quotes)
        let asked = request.fill == .cap && !planted(.capIgnored) ? request.stake : .max
        let most = min(asked, bounds(slip, asked: asked).map(\.most).min() ?? 0)
        guard most >= max(1, rules.minimumStake) else { return request.stake }
        return switch request.fill {
        case .reject: request.stake
        case .cap: most
        case .maximum: max(request.stake, most)
        }
    }
}
