import Betting
import Catalogue
import EngineCore
import Judge
import Kernel
import Ledger

/// A few bets and all that their suppliers say of them afterwards, from a seed: whatever order it is heard in, however
/// often and however late, the same bets must be paid the same.
public struct Permutations: Sendable {
    /// One thing that a supplier says.
    enum Word: Sendable {
        case result(
            market: Int, [SelectionOutcome], certainty: UInt8, isRollback: Bool, said: Int64)
        case cancel(market: Int, CancelWindow, isTakenBack: Bool, said: Int64)
        case start(fixture: Int, at: Int64, said: Int64)
        case startingPrices(market: Int, [Odds?], said: Int64)
        case earlyPayout(market: Int, [Int64?], said: Int64)
        case withdrawal(market: Int, selection: Int, said: Int64)
    }

    struct MarketPlan: Sendable {
        var fixture: Int
        var selections: Int
        var scoutedReturn: Int64?
        var isGuaranteed: Bool
        var takesAtStart: Bool
        /// It has places, and withdrawals take from its prices.
        var isRace: Bool
        /// Only of those that are no races.
        var paysEarly: Bool { !isGuaranteed && !takesAtStart && !isRace }
    }

    struct BetPlan: Sendable {
        var account: Int
        var legs: [(market: Int, selection: Int, isAtStart: Bool)]
        var stake: Int64
        var sizes: UInt32
        /// A system in the system, as in `BetIntent.groups`; 0 none.
        var group: UInt32 = 0
        var isEachWay = false
        /// Of which money its stake is.
        var kind = StakeKind.cash
    }

    enum StakeKind: Sendable {
        case cash
        case bonus
        case free
    }

    /// Which words are heard in which order, and after which of them bets are settled, and how far.
    struct Order: Sendable {
        var words: [Int]
        /// Steps of settlement after each word.
        var steps: [Int]
    }

    public let seed: UInt64
    private(set) var fixtures: Int
    private(set) var markets: [MarketPlan] = []
    private(set) var bets: [BetPlan] = []
    private(set) var words: [Word] = []
    /// When the first fixture is heard to have begun, as the number of bets before; nil in time.
    private(set) var heardAfter: Int?
    private static let began: Int64 = 1_800_000_000_000_000_000
    private static let accounts = 3

    public init(seed: UInt64) {
        var random = SeededGenerator(seed: seed ^ 0x9e_37_79)
        self.seed = seed
        fixtures = random.number(in: 1...3)
        for fixture in 0..<fixtures {
            for _ in 0..<random.number(in: 1...2) {
                markets.append(
                    MarketPlan(
                        fixture: fixture, selections: random.number(in: 2...3),
                        scoutedReturn: random.number(in: 0...3) == 0
                            ? Int64(random.number(in: 0...2) * 400) : nil,
                        isGuaranteed: random.number(in: 0...1) == 0,
                        takesAtStart: random.number(in: 0...1) == 0,
                        isRace: random.number(in: 0...1) == 0))
            }
        }
        for _ in 0..<random.number(in: 2...6) {
            // The first is taken, whether it is heard in time that its match began or not.
            bets.append(Self.bet(markets, mayBeAtStart: !bets.isEmpty, &random))
        }
        heardAfter = random.number(in: 0...1) == 0 ? random.number(in: 0...bets.count) : nil
        for _ in 0..<random.number(in: 2...9) { words.append(word(&random)) }
    }

    private static func bet(
        _ markets: [MarketPlan], mayBeAtStart: Bool, _ random: inout SeededGenerator
    ) -> BetPlan {
        var legs: [(market: Int, selection: Int, isAtStart: Bool)] = []
        for (number, market) in markets.enumerated()
        where !legs.contains(where: { markets[$0.market].fixture == market.fixture })
            && random.number(in: 0...1) == 0
        {
            legs.append(
                (
                    number, random.number(in: 0...market.selections - 1),
                    market.takesAtStart && mayBeAtStart && random.number(in: 0...1) == 0
                ))
        }
        if legs.isEmpty { legs = [(0, 0, false)] }
        let isSystem = legs.count > 1 && random.number(in: 0...1) == 0
        var bet = BetPlan(
            account: random.number(in: 0...accounts - 1), legs: legs,
            stake: isSystem ? 840 : Int64(random.number(in: 50...250) * 2),
            sizes: isSystem ? UInt32(random.number(in: 1...(1 << legs.count) - 1)) : 0)
        if isSystem, legs.count > 2, random.number(in: 0...1) == 0 {
            // Two of its legs are one part: 840 divides into whatever lines come of it.
            let first = UInt32(random.number(in: 0...legs.count - 2))
            bet.group = first << 28 | (first + 1) << 24 | UInt32(random.number(in: 1...3))
            bet.sizes = UInt32(random.number(in: 1...(1 << (legs.count - 1)) - 1))
        }
        bet.isEachWay =
            legs.allSatisfy { markets[$0.market].isRace } && random.number(in: 0...1) == 0
        bet.kind = [.cash, .cash, .bonus, .free][random.number(in: 0...3)]
        return bet
    }

    /// A moment about the time of the bets; the bets are a second apart.
    private func moment(_ random: inout SeededGenerator) -> Int64 {
        Self.began + Int64(random.number(in: -1...bets.count + 1)) * 1_000_000_000
    }

    private func word(_ random: inout SeededGenerator) -> Word {
        // Few moments, so that some words are of the same.
        let said = Self.began + 3_600_000_000_000 + Int64(random.number(in: 0...5)) * 1_000_000
        let market = random.number(in: 0...markets.count - 1)
        switch random.number(in: 0...12) {
        case 0...1:
            var window = CancelWindow.everything
            let ends = (moment(&random), moment(&random))
            switch random.number(in: 0...3) {
            case 0: window = CancelWindow(from: ends.0)!
            case 1: window = CancelWindow(until: ends.0)!
            case 2: window = CancelWindow(from: ends.0, until: ends.1) ?? .everything
            default: break
            }
            return .cancel(
                market: market, window, isTakenBack: random.number(in: 0...2) == 0, said: said)
        case 2:
            return .start(
                fixture: random.number(in: 0...fixtures - 1), at: moment(&random), said: said)
        case 3:
            return .startingPrices(
                market: market,
                (0..<markets[market].selections).map { _ in
                    random.number(in: 0...3) == 0
                        ? nil : Odds(UInt32(random.number(in: 8...60)), over: 7)
                }, said: said)
        case 10 where markets[market].paysEarly:
            return .earlyPayout(
                market: market,
                (0..<markets[market].selections).map { _ in
                    random.number(in: 0...1) == 0 ? nil : moment(&random)
                }, said: said)
        case 11...12 where markets[market].isRace:
            return .withdrawal(
                market: market, selection: random.number(in: 0...markets[market].selections - 1),
                said: said)
        case 4:
            let nothing = [SelectionOutcome](
                repeating: SelectionOutcome(.undecided), count: markets[market].selections)
            return .result(
                market: market, nothing, certainty: 2, isRollback: true, said: said)
        default:
            return .result(
                market: market, outcomes(markets[market], &random),
                certainty: UInt8(random.number(in: 1...2)), isRollback: false, said: said)
        }
    }

    private func outcomes(
        _ market: MarketPlan, _ random: inout SeededGenerator
    ) -> [SelectionOutcome] {
        let count = market.selections
        var outcomes = [SelectionOutcome](repeating: SelectionOutcome(.lost), count: count)
        let winner = random.number(in: 0...count - 1)
        let kinds: [SelectionOutcome] = [
            SelectionOutcome(.won), SelectionOutcome(.won), SelectionOutcome(.halfWon),
            SelectionOutcome(.deadHeat, winners: 1, tied: 2),
        ]
        outcomes[winner] = kinds[random.number(in: 0...3)]
        for index in outcomes.indices where index != winner {
            let others: [SelectionResult] = [.lost, .lost, .lost, .void, .halfLost, .undecided]
            outcomes[index] = SelectionOutcome(others[random.number(in: 0...5)])
        }
        // Where all came in may be said, or not be known yet.
        guard market.isRace, outcomes[winner].result == .won, random.number(in: 0...2) > 0 else {
            return outcomes
        }
        var position: UInt8 = 1
        for index in [winner] + outcomes.indices.filter({ $0 != winner })
        where [.won, .lost].contains(outcomes[index].result) {
            outcomes[index] = SelectionOutcome(outcomes[index].result, position: position)
            position += 1
        }
        return outcomes
    }

    // MARK: Playing

    /// What it comes to.
    struct Ending: Equatable {
        var bets: [String]
        /// What each customer has, with what lies in open bets, less what is owed.
        var worths: [Int64]
        /// Bets that were not refused.
        var taken: Int
    }

    /// In the order of what was said, each word once, settled at the end.
    private var plain: Order {
        func said(_ index: Int) -> Int64 {
            switch words[index] {
            case .result(_, _, _, _, let said), .cancel(_, _, _, let said),
                .start(_, _, let said), .startingPrices(_, _, let said),
                .earlyPayout(_, _, let said), .withdrawal(_, _, let said):
                said
            }
        }
        let sorted = words.indices.sorted { (said($0), $0) < (said($1), $1) }
        return Order(words: sorted, steps: sorted.map { _ in 0 })
    }

    /// Some words twice or three times, in any order, with settlement between them.
    private func shuffled(_ random: inout SeededGenerator) -> Order {
        var order: [Int] = []
        for index in words.indices {
            let times = random.number(in: 0...3) == 0 ? random.number(in: 2...3) : 1
            order += [Int](repeating: index, count: times)
        }
        for index in order.indices.dropFirst() {
            order.swapAt(index, random.number(in: 0...index))
        }
        return Order(words: order, steps: order.map { _ in random.number(in: 0...2) })
    }

    /// Plays `orders` of them. What differs, in words; empty when nothing does.
    public func check(orders: Int) -> [String] {
        var random = SeededGenerator(seed: seed &+ 1)
        let (wanted, problems) = play(plain)
        if !problems.isEmpty { return problems }
        // Else nothing would ever differ.
        guard wanted.taken > 0 else { return ["no bet is taken"] }
        for _ in 0..<orders {
            let order = shuffled(&random)
            if isOtherwise(order, wanted) { return explain(order) }
        }
        return []
    }

    private func isOtherwise(_ order: Order, _ wanted: Ending) -> Bool {
        let (ending, problems) = play(order)
        return ending != wanted || !problems.isEmpty
    }

    /// The least that still comes out otherwise, and how.
    private func explain(_ order: Order) -> [String] {
        var (history, order) = (self, order)
        var isSmaller = true
        while isSmaller {
            isSmaller = false
            for index in order.words.indices.reversed() {
                var less = order
                less.words.remove(at: index)
                less.steps.remove(at: index)
                // A word that is heard no more is not said either.
                var other = history
                other.silence(order.words[index], unlessIn: &less)
                if other.isOtherwise(less, other.play(other.plain).0) {
                    (history, order, isSmaller) = (other, less, true)
                    break
                }
            }
        }
        let (plain, shown) = (history.plain, history.play(history.plain).0)
        let (ending, problems) = history.play(order)
        var text = ["the order in which it was said comes to:"]
        text += plain.words.map { "  " + history.tell($0) }
        text += shown.bets.map { "  " + $0 } + ["  worth \(shown.worths)"]
        text.append("this order comes to something else:")
        for (index, steps) in zip(order.words, order.steps) {
            text.append("  " + history.tell(index) + (steps > 0 ? "; settles \(steps)" : ""))
        }
        return text + ending.bets.map { "  " + $0 } + ["  worth \(ending.worths)"] + problems
    }

    private mutating func silence(_ word: Int, unlessIn order: inout Order) {
        guard !order.words.contains(word) else { return }
        words.remove(at: word)
        order.words = order.words.map { $0 > word ? $0 - 1 : $0 }
    }

    private func tell(_ index: Int) -> String {
        func seconds(_ moment: Int64) -> String {
            moment == 0 ? "-" : "\(Double(moment - Self.began) / 1e9) s"
        }
        switch words[index] {
        case .result(let market, let outcomes, let certainty, let isRollback, let said):
            let what = outcomes.map(\.result.word).joined(separator: ", ")
            return "at \(seconds(said)): market \(market) "
                + (isRollback ? "has no result" : "is \(what), certainty \(certainty)")
        case .cancel(let market, let window, let isTakenBack, let said):
            return "at \(seconds(said)): market \(market) is \(isTakenBack ? "not " : "")cancelled "
                + "from \(seconds(window.from)) until \(seconds(window.until))"
        case .earlyPayout(let market, let moments, let said):
            let shown = moments.map { $0.map { seconds($0) } ?? "-" }.joined(separator: ", ")
            return "at \(seconds(said)): bets on market \(market) of before \(shown) are paid"
        case .startingPrices(let market, let prices, let said):
            let shown = prices.map { $0?.text(as: .fractional) ?? "-" }.joined(separator: ", ")
            return "at \(seconds(said)): market \(market) started at \(shown)"
        case .withdrawal(let market, let selection, let said):
            return "at \(seconds(said)): \(selection) of market \(market) does not run"
        case .start(let fixture, let at, let said):
            return "at \(seconds(said)): fixture \(fixture) began at \(seconds(at))"
        }
    }

    private func play(_ order: Order) -> (Ending, [String]) {
        let player = BareEngine(time: Self.began - 1_000_000_000)
        player.begin(accounts: Self.accounts, cash: 10_000)
        for fixture in 0..<fixtures { player.define(fixture: fixture) }
        for (number, market) in markets.enumerated() { player.define(market: number, market) }
        for (number, bet) in bets.enumerated() {
            player.now = Self.began + Int64(number) * 1_000_000_000
            if number == heardAfter { player.kickOff(fixture: 0) }
            player.place(bet, number: number)
        }
        player.now = Self.began + 3_000_000_000_000
        if heardAfter == bets.count { player.kickOff(fixture: 0) }
        // The winnings of one customer go elsewhere while corrections come.
        for (place, index) in order.words.enumerated() {
            player.hear(words[index], markets)
            player.settle(steps: order.steps[place])
            if place == order.words.count / 2 { player.spendAll(account: 0, bets.count) }
        }
        player.settle(steps: .max)
        let problems = player.finish()
        return (player.ending(bets: bets.count, accounts: Self.accounts), problems)
    }
}

/// An engine without a journal, with a judge that hears all it decides.
private final class BareEngine {
    private var engine = Engine(
        limits: EngineLimits(
            accounts: 16, openBets: 64, ids: 64, reservedIDs: 8, reservedBets: 8, timers: 8,
            fixtures: 8, markets: 16), seed: 1)
    private var judge = Judge()
    private var witness = Witness()
    private var encoder = CommandEncoder()
    private let memory = UnsafeMutableRawPointer.allocate(
        byteCount: (Engine.mostOutcomeSlots + SlotSize.mostSlots) * SlotSize.bytes,
        alignment: 4096)
    var now: Int64
    private var bets: [UInt64: (status: UInt8, payout: Int64)] = [:]
    private var balances: [UInt64: Balances] = [:]
    private var betNumbers: [UInt64] = []
    private var lastPlaced: UInt64 = 0
    private var problems: [String] = []

    init(time: Int64) { now = time }

    deinit { memory.deallocate() }

    private func say(_ make: (inout CommandEncoder) -> RecordBytes) {
        let source = make(&encoder)
        memory.copyMemory(from: source.address, byteCount: source.byteCount)
        let command = RecordBytes(memory, slots: source.slots)
        now += 1000
        command.sequence = engine.sequence + 1
        command.time = Timestamp(nanoseconds: now)
        command.rulesVersion = engine.rulesVersion
        var outcomes = RecordWriter(
            memory + command.byteCount, capacity: Engine.mostOutcomeSlots,
            nextSequence: command.sequence + 1)
        engine.apply(command, into: &outcomes)
        hear(command)
        var slot = 0
        while slot < outcomes.used {
            let start = memory + command.byteCount + slot * SlotSize.bytes
            let record = RecordBytes(start, slots: Int(RecordBytes(start, slots: 1).slotCount))
            hear(record)
            note(record)
            slot += record.slots
        }
    }

    private func hear(_ record: RecordBytes) {
        if let said = witness.hear(record) { judge.hear(said) }
    }

    private func note(_ record: RecordBytes) {
        switch Witness.outcome(record) {
        case .placed(let placed):
            bets[placed.bet] = (placed.status, 0)
            lastPlaced = placed.bet
            balances[placed.account] = placed.balances
        case .settled(let settled):
            bets[settled.bet] = (settled.status, settled.payout)
            balances[settled.account] = settled.balances
        case .account(_, let account, let balance): balances[account] = balance
        default: break
        }
    }

    // MARK: What happens before

    private static func id(_ kind: UInt64, _ number: Int) -> ExternalID {
        ExternalID(high: kind, low: UInt64(number + 1))
    }

    func begin(accounts: Int, cash: Int64) {
        say { encoder in
            encoder.own(.genesis) {
                $0.set(Layout.Genesis.currency, Currency.eur.numericCode)
                $0.set(Layout.Genesis.money, MoneyKind.demo.rawValue)
                $0.set(Layout.Genesis.minimumStake, 1 as Int64)
                $0.set(Layout.Genesis.payoutCap, Limits.potentialReturn)
            }
        }
        for number in 0..<accounts {
            say { $0.openAccount(Self.id(1, number), .eur, .demo) }
            say {
                $0.deposit(cash, to: AccountID(UInt64(number)), id: Self.id(2, number))
            }
            for (place, kind) in [GrantKind.bonus, .free].enumerated() {
                let id = ExternalID(
                    milliseconds: now / 1_000_000, random: (11, UInt64(number * 2 + place)))
                say {
                    $0.grant(
                        kind, cash / 4, to: AccountID(UInt64(number)), id: id, requestHash: id,
                        actor: 1, reason: "welcome")
                }
            }
        }
    }

    func define(fixture number: Int) {
        say { $0.fixture(FixtureFacts(id: Self.id(3, number))) }
    }

    func define(market number: Int, _ plan: Permutations.MarketPlan) {
        let id = Self.id(4, number)
        var facts = MarketFacts(
            id: id, fixture: Self.id(3, plan.fixture), name: "m",
            selections: (0..<plan.selections).map {
                SelectionFacts(supplierID: UInt64($0), name: "s")
            })
        facts.scoutedReturn = plan.scoutedReturn
        facts.isGuaranteed = plan.isGuaranteed
        facts.takesAtStart = plan.takesAtStart
        facts.paysEarly = plan.paysEarly
        if plan.isRace {
            facts.places = Self.terms
            facts.deductions = .ruleFour
        }
        say { $0.market(facts) }
        let prices = (0..<plan.selections).map {
            PriceEntry(odds: Odds(UInt32(19 + 7 * $0), over: 7))
        }
        say { $0.price(market: id, prices, margin: 0, message: 1, providerTime: 0) }
        say { $0.marketState(id, by: .feed, lifting: .feed) }
    }

    private static let terms = PlaceTerms(places: 2, numerator: 1, denominator: 4)!

    func kickOff(fixture: Int) {
        var facts = FixtureFacts(id: Self.id(3, fixture))
        facts.state.isInPlay = true
        say { $0.fixtureUpdate(facts) }
    }

    func place(_ bet: Permutations.BetPlan, number: Int) {
        let legs = bet.legs.map { leg in
            var intent = LegIntent(
                market: MarketID(UInt64(leg.market)), fixture: FixtureID(0),
                selection: UInt32(leg.selection),
                odds: leg.isAtStart ? nil : Odds(UInt32(19 + 7 * leg.selection), over: 7))
            if bet.isEachWay { intent.places = Self.terms }
            return intent
        }
        place(
            legs, account: bet.account, stake: bet.stake, sizes: bet.sizes, group: bet.group,
            number: number, isEachWay: bet.isEachWay, kind: bet.kind)
        betNumbers.append(lastPlaced)
    }

    private func place(
        _ legs: [LegIntent], account: Int, stake: Int64, sizes: UInt32, group: UInt32 = 0,
        number: Int, isEachWay: Bool = false, kind: Permutations.StakeKind = .cash
    ) {
        let time = Timestamp(nanoseconds: now)
        let id = ExternalID(milliseconds: time.milliseconds, random: (7, UInt64(number)))
        var intent = BetIntent(
            account: AccountID(UInt64(account)), id: id, requestHash: id, session: SessionID(1),
            stake: stake, currency: .eur, legs: legs, validUntil: time.adding(milliseconds: 9000),
            receivedAt: time)
        if sizes != 0 {
            intent.structure = .system
            intent.sizes = sizes
            intent.groups[0] = group
        }
        if isEachWay { intent.structure = .eachWay }
        switch kind {
        case .cash: break
        case .bonus: intent.bonus = stake
        case .free: intent.free = stake
        }
        say { [intent] in $0.place(intent) }
    }

    // MARK: What is said of it

    func hear(_ word: Permutations.Word, _ markets: [Permutations.MarketPlan]) {
        now += 1_000_000_000
        switch word {
        case .result(let market, let outcomes, let certainty, let isRollback, let said):
            say {
                $0.result(
                    market: Self.id(4, market), outcomes, source: .feed, certainty: certainty,
                    time: said, isRollback: isRollback)
            }
        case .cancel(let market, let window, let isTakenBack, let said):
            say {
                $0.cancel(
                    market: Self.id(4, market), window, isTakenBack: isTakenBack, time: said)
            }
        case .withdrawal(let market, let selection, let said):
            say {
                $0.withdrawal(
                    market: Self.id(4, market), selection: UInt32(selection), effective: said,
                    received: now)
            }
        case .startingPrices(let market, let prices, let said):
            say { $0.startingPrices(market: Self.id(4, market), prices, time: said) }
        case .earlyPayout(let market, let moments, let said):
            say { $0.earlyPayout(market: Self.id(4, market), moments, time: said) }
        case .start(let fixture, let at, let said):
            var facts = FixtureFacts(id: Self.id(3, fixture))
            facts.startedAt = at
            facts.providerTime = said
            say { [facts] in $0.fixtureUpdate(facts) }
        }
    }

    /// All that the customer has goes onto a bet that nobody ever decides.
    func spendAll(account: Int, _ number: Int) {
        let market = MarketFacts(
            id: Self.id(4, 99), fixture: Self.id(3, 99), name: "m",
            selections: (0..<2).map { SelectionFacts(supplierID: UInt64($0), name: "s") })
        define(fixture: 99)
        say { $0.market(market) }
        say {
            $0.price(
                market: market.id, [PriceEntry(odds: Odds(2, over: 1)), PriceEntry(odds: nil)],
                margin: 0, message: 1, providerTime: 0)
        }
        say { $0.marketState(market.id, by: .feed, lifting: .feed) }
        let leg = LegIntent(
            market: MarketID(UInt64(engine.counts.markets - 1)), fixture: FixtureID(0),
            selection: 0,
            odds: Odds(2, over: 1)!)
        let cash = balances[UInt64(account)]?.cash ?? 0
        if cash > 0 { place([leg], account: account, stake: cash, sizes: 0, number: number) }
    }

    func settle(steps: Int) {
        var left = steps
        while left > 0, engine.dueKind(at: Timestamp(nanoseconds: now)) == .settleStep {
            say { $0.own(.settleStep) }
            left -= 1
        }
    }

    // MARK: What it comes to

    /// What is wrong with it, in words.
    func finish() -> [String] {
        if let said = witness.finish() { judge.hear(said) }
        judge.checkQuiet()
        for (account, balance) in balances.sorted(by: { $0.key < $1.key })
        where balance.receivable > 0 && balance.cash > 0 {
            problems.append("account \(account) owes \(balance.receivable) and has \(balance.cash)")
        }
        return problems + judge.problems + engine.audit()
    }

    func ending(bets count: Int, accounts: Int) -> Permutations.Ending {
        let shown = betNumbers.prefix(count).enumerated().map { number, bet in
            let found = bets[bet]
            return "bet \(number): status \(found?.status ?? 0), paid \(found?.payout ?? 0)"
        }
        return Permutations.Ending(
            bets: shown,
            worths: (0..<accounts).map { account in
                let balance = balances[UInt64(account)] ?? Balances()
                return balance.cash + balance.bonus + balance.openBets - balance.receivable
            },
            taken: betNumbers.prefix(count).count { bets[$0]?.status != 3 })
    }
}
