import Betting
import Catalogue
import EngineCore
import EngineService
import Kernel
import Ledger
import TestSupport
import Testing

/// A stake that is higher than may be taken: refused, cut to what may be, or raised to it.
@Suite struct `A stake that takes what it can get` {
    let three = decimal(3000)
    let cell: Cell
    let account: AccountID

    init() throws {
        cell = try Cell()
        account = try cell.customer(cash: 100_000)
    }

    private func place(
        _ fill: FillRule, _ stake: Int64, _ markets: [Cell.Offered], _ more: (inout BetIntent) -> Void = { _ in }
    ) throws -> Cell.Outcome {
        var intent = cell.intent(account, markets.map { ($0, 0, three) }, stake: stake)
        intent.fill = fill
        more(&intent)
        return try cell.place(intent)
    }

    private func taken(_ outcome: Cell.Outcome) -> Int64 {
        outcome.record.field(Layout.Placed.stake, as: Int64.self)
    }

    private func isSound() -> Bool { cell.audit().isEmpty }

    @Test func `is cut to a market's maximum, and says what was asked for`() throws {
        let market = try cell.market([three, three], maximumStake: 700)
        #expect(try place(.reject, 1_000, [market]).refusal == .stakeAboveMaximum)
        let cut = try place(.cap, 1_000, [market])
        #expect(cut.status == .open)
        #expect(taken(cut) == 700)
        #expect(cut.record.placedAsked == 1_000)
        #expect(cut.cash == 99_300)
        #expect(isSound())
    }

    @Test func `is taken as it is where it fits`() throws {
        let market = try cell.market([three, three], maximumStake: 700)
        let fits = try place(.cap, 600, [market])
        #expect(taken(fits) == 600)
        #expect(fits.record.placedAsked == nil)
    }

    @Test func `is raised to the highest, and never below what was asked for`() throws {
        let market = try cell.market([three, three], maximumStake: 700)
        #expect(taken(try place(.maximum, 100, [market])) == 700)
        let more = try place(.maximum, 701, [market])
        #expect(more.refusal == .stakeAboveMaximum)
        #expect(taken(more) == 701)
        #expect(isSound())
    }

    @Test func `stops at what the market may lose, to the last unit`() throws {
        let market = try cell.market([three, three], liabilityLimit: 1_001)
        let cut = try place(.cap, 5_000, [market])
        #expect(taken(cut) == 500)
        #expect(cut.record.field(Layout.Placed.exposureAfter, as: Int64.self) == 1_000)
        #expect(try place(.cap, 5_000, [market]).refusal == .exposureLimit)
        #expect(isSound())
    }

    @Test func `stops at what the customer has`() throws {
        let market = try cell.market([three, three])
        let all = try place(.maximum, 10, [market])
        #expect(taken(all) == 100_000)
        #expect(all.cash == 0)
        #expect(isSound())
    }

    @Test func `stays one that its lines divide`() throws {
        let markets = try (0..<3).map { _ in try cell.market([three, three], maximumStake: 1_003) }
        let system = try place(.cap, 4_000, markets) {
            $0.structure = .system
            $0.sizes = 0b110
        }
        #expect(system.status == .open)
        #expect(taken(system) == 1_000)
        #expect(isSound())
    }

    @Test func `is refused as it was asked for when not even the least fits`() throws {
        let market = try cell.market([three, three], maximumStake: 5)
        let refused = try place(.cap, 1_000, [market])
        #expect(refused.refusal == .stakeAboveMaximum)
        #expect(refused.threshold == 5)
        #expect(taken(refused) == 1_000)
        #expect(cell.total(.cash, .demo) == 100_000)
    }

    @Test func `gets the same answer again`() throws {
        let market = try cell.market([three, three], maximumStake: 700)
        var intent = cell.intent(account, [(market, 0, three)], stake: 1_000)
        intent.fill = .cap
        let first = try cell.place(intent)
        let again = try cell.place(intent)
        #expect(again.isRepeat)
        #expect(taken(again) == taken(first))
        #expect(again.bet == first.bet)
    }

    @Test func `is named limit by limit`() throws {
        let market = try cell.market([three, three], liabilityLimit: 1_001, maximumStake: 700)
        let leg = LegIntent(market: market.market, fixture: market.fixture, selection: 0, odds: three)
        let numbers = cell.host.engine.slip(stake: StakeSplit(cash: 10), legs: [leg], account: account)
        let found = numbers.bounds.map { "\($0.rule.code) \($0.leg.map(String.init) ?? "-") \($0.most)" }
        #expect(
            found == [
                "stake_above_maximum - 1000000000", "stake_above_maximum 0 700", "return_above_maximum - 700",
                "insufficient_funds - 100000", "exposure_limit 0 500",
            ])
        #expect(numbers.maximumStake == 500)
    }

    /// Whatever the slip says may be staked is taken, and one unit more is not.
    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `is exactly what the slip says may be staked`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let terms = PlaceTerms(places: 2, numerator: 1, denominator: 4)!
        let markets = try (0..<3).map { _ in
            let prices = (0..<3).map { _ in decimal(UInt32(random.number(in: 11...60)) * 100) }
            return (
                prices,
                try cell.market(
                    prices, liabilityLimit: Int64(random.number(in: 500...9_000)),
                    maximumStake: Int64(random.number(in: 100...5_000))
                ) { $0.places = terms }
            )
        }
        let count = random.number(in: 1...3)
        let isEachWay = random.number(in: 0...1) == 0
        let sizes: UInt32 = count == 1 ? 0 : UInt32(random.number(in: 0...(1 << count) - 1))
        func intent(_ stake: Int64) -> BetIntent {
            var intent = cell.intent(
                account, (0..<count).map { (markets[$0].1, 0, markets[$0].0[0]) }, stake: stake)
            if sizes != 0 {
                intent.structure = .system
                intent.sizes = sizes
            }
            guard isEachWay else { return intent }
            intent.structure = .eachWay
            for index in intent.legs.indices { intent.legs[index].places = terms }
            return intent
        }
        let shape = sizes == 0 ? nil : SystemShape(legs: count, sizes: sizes, bankers: 0)
        let numbers = cell.host.engine.slip(
            stake: StakeSplit(cash: 10), shape: shape, isEachWay: isEachWay, legs: intent(10).legs,
            account: account)
        let (most, lines) = (numbers.maximumStake, numbers.lines)
        guard most >= numbers.minimumStake else { return }
        let refused = try cell.place(intent(most + lines))
        #expect(refused.status == .refused, "\(most + lines) was taken")
        #expect(try cell.place(intent(most)).refusal == nil)
        #expect(isSound())
    }
}
