public import Catalogue
public import Kernel
public import Risk

/// What one market comes to by who wins. Minor units; what we win, negative what we lose.
public struct MarketRisk: Sendable {
    public struct Selection: Sendable {
        public let odds: Odds?
        /// Thousandths, 0 none.
        public let reference: UInt32
        /// What its bets return if it wins: of singles with their stakes, of multiples what they win.
        public let returnsIfWon: Int64
        /// What place parts return if it is placed.
        public let returnsIfPlaced: Int64
        /// What the market comes to at worst if it wins.
        public let result: Int64
    }

    public let market: MarketID
    public let staked: Int64
    public let worstLoss: Int64
    public let liabilityLimit: Int64
    public let openLegs: UInt32
    public let selections: [Selection]
    /// Nil where nothing is lost, several selections win or places are paid.
    public let hedge: Hedge?
}

/// What several markets may cost together: the sum of each one's worst, which need not come together.
public struct RiskSum: Sendable {
    public internal(set) var markets = 0
    public internal(set) var staked: Int64 = 0
    public internal(set) var worstLoss: Int64 = 0

    mutating func add(_ other: RiskSum) {
        markets += other.markets
        staked += other.staked
        worstLoss += other.worstLoss
    }
}

/// What stands of bets that are not of cash alone, in minor units.
public struct PromotionalRisk: Equatable, Sendable {
    public private(set) var bets: UInt32 = 0
    /// Bonus money that is staked, and free stakes.
    public private(set) var bonus: Int64 = 0
    public private(set) var free: Int64 = 0
    /// If all of them won; what of it is for cash that was staked beside it included.
    public private(set) var potentialReturn: Int64 = 0

    public init() {}

    mutating func count(_ bet: BetRow, _ stake: StakeSplit, isStanding: Bool) {
        let sign: Int64 = isStanding ? 1 : -1
        bets = isStanding ? bets + 1 : bets - 1
        bonus += sign * stake.bonus
        free += sign * stake.free
        potentialReturn += sign * bet.potentialReturn
    }
}

/// Where the risk is.
public struct RiskPicture: Sendable {
    public let asOf: UInt64
    public let promotions: PromotionalRisk
    /// Promotions under which something was given, by number.
    public let given: [Promotion]
    public let sports: [(sport: Sport, sum: RiskSum)]
    /// The dearest first.
    public let fixtures: [(fixture: FixtureID, sum: RiskSum)]
}

/// What one customer's bets may cost.
public struct AccountRisk: Sendable {
    public let asOf: UInt64
    /// Bets that are open or wait.
    public let bets: UInt32
    public let staked: Int64
    /// If all of them won.
    public let potentialReturn: Int64
}

extension Engine {
    /// Where the risk is at this moment: every sport, and the fixtures that may cost most. O(fixtures and open markets).
    public borrowing func risk(fixtures most: Int) -> RiskPicture {
        var sports: [UInt8: RiskSum] = [:]
        var found: [(fixture: FixtureID, sum: RiskSum)] = []
        for fixture in 0..<UInt32(markets.fixtures.count) {
            var sum = RiskSum()
            var number = markets.fixtures[fixture].firstMarket
            while number != .max {
                let row = markets.markets[number]
                if row.openLegs > 0 {
                    sum.add(
                        RiskSum(
                            markets: 1, staked: row.staked, worstLoss: markets.worstLoss(number)))
                }
                number = row.nextOfFixture
            }
            guard sum.markets > 0 else { continue }
            sports[markets.fixtures[fixture].sport, default: RiskSum()].add(sum)
            found.append((FixtureID(partition: rules.partition, row: fixture), sum))
        }
        found.sort {
            ($1.sum.worstLoss, $0.fixture.rawValue) < ($0.sum.worstLoss, $1.fixture.rawValue)
        }
        return RiskPicture(
            asOf: sequence, promotions: accounts.promotional,
            given: promotions.filter { $0.bonus != 0 || $0.free != 0 },
            sports: sports.sorted { $0.key < $1.key }.map {
                (Sport(rawValue: $0.key) ?? .other, $0.value)
            }, fixtures: Array(found.prefix(most)))
    }

    /// What a market comes to by who wins; nil when there is none.
    public borrowing func risk(of id: MarketID) -> MarketRisk? {
        guard let number = markets.market(id) else { return nil }
        let row = markets.markets[number]
        let rows = (0..<UInt32(row.selectionCount)).map {
            markets.selections[row.firstSelection + $0]
        }
        let returns = rows.map(\.returnsIfWon)
        // The dearest places come on top, whoever wins.
        let placed = rows.map(\.returnsIfPlaced).sorted(by: >).prefix(Int(row.mostPlaces))
            .reduce(0) { $0 + max(0, $1) }
        let results = returns.indices.map { index -> Int64 in
            // Of a market each of whose selections wins by itself: what it comes to if no other one does.
            let beside = row.isEachAlone ? 0 : Int(row.mostPaid) - 1
            let others = returns.indices.filter { $0 != index }.map { returns[$0] }
                .sorted(by: >).prefix(beside).reduce(0, +)
            return row.staked - returns[index] - others - placed
        }
        let isOne = row.mostPaid == 1 && row.mostPlaces == 0
        return MarketRisk(
            market: id, staked: row.staked, worstLoss: markets.worstLoss(number),
            liabilityLimit: row.liabilityLimit, openLegs: row.openLegs,
            selections: zip(rows, results).map { selection, result in
                MarketRisk.Selection(
                    odds: selection.odds, reference: selection.reference,
                    returnsIfWon: selection.returnsIfWon,
                    returnsIfPlaced: selection.returnsIfPlaced, result: result)
            },
            hedge: isOne
                ? Hedge.suggestion(results: results, prices: rows.map(\.fairReference)) : nil)
    }

    /// What a customer's bets may cost; nil when there is no such account.
    public borrowing func risk(of id: AccountID) -> AccountRisk? {
        guard let number = accounts.account(id) else { return nil }
        let row = accounts.accounts[number]
        return AccountRisk(
            asOf: sequence, bets: row.standing, staked: row.held + row.openBets,
            potentialReturn: accounts.promised[Int(number)])
    }
}
