import Betting
import Catalogue
import Customers
import EngineCore
import EngineService
import FeedCore
import Kernel
import Pricing

/// One thing that the supplier says.
enum FeedSaying {
    case fixture(FixtureFacts)
    case fixtureUpdate(FixtureFacts)
    case market(MarketFacts)
    case price(ExternalID, [PriceEntry])
    case state(
        ExternalID, CommandEncoder.Scope, MarketOwner, setting: ShutReasons, lifting: ShutReasons,
        isMaterial: Bool, delay: UInt32?)
    case result(ExternalID, ResultWord)
    case cancel(ExternalID, CancelWindow, isTakenBack: Bool, time: Int64)
    case startingPrices(ExternalID, [Odds?], time: Int64)
    case earlyPayout(ExternalID, [Int64?], time: Int64)
    case withdrawal(ExternalID, UInt32, deduction: UInt16?, places: PlaceTerms?)

    func record(_ encoder: inout CommandEncoder) -> RecordBytes {
        switch self {
        case .fixture(let facts): encoder.fixture(facts)
        case .fixtureUpdate(let facts): encoder.fixtureUpdate(facts)
        case .market(let facts): encoder.market(facts)
        case .price(let market, let entries):
            encoder.price(market: market, entries, margin: 500, message: 1, providerTime: 0)
        case .state(
            let id, let scope, let owner, let setting, let lifting, let isMaterial, let delay):
            encoder.marketState(
                id, scope: scope, by: owner, setting: setting, lifting: lifting,
                isMaterial: isMaterial, betDelay: delay)
        case .result(let market, let word):
            encoder.result(
                market: market, word.marks, source: .feed, certainty: word.certainty,
                time: word.time, isRollback: word.isRollback)
        case .cancel(let market, let window, let isTakenBack, let time):
            encoder.cancel(market: market, window, isTakenBack: isTakenBack, time: time)
        case .startingPrices(let market, let prices, let time):
            encoder.startingPrices(market: market, prices, time: time)
        case .earlyPayout(let market, let moments, let time):
            encoder.earlyPayout(market: market, moments, time: time)
        case .withdrawal(let market, let selection, let deduction, let places):
            encoder.withdrawal(
                market: market, selection: selection, effective: 0, received: 1,
                deduction: deduction, placeDeduction: deduction.map { $0 / 2 }, places: places)
        }
    }
}

/// What it says of a market's result.
struct ResultWord {
    var marks: [SelectionOutcome]
    var certainty: UInt8 = 2
    /// When it says that it said it, UTC nanoseconds; 0 for now.
    var time: Int64 = 0
    var isRollback = false
}

/// One thing that an operator does.
enum DeskSaying {
    case risk(
        AccountID, factor: UInt16, delay: UInt32, isShut: Bool?, actor: UInt64, reason: String,
        notice: String)
    case deductions(DeductionRule, DeductionTable, version: Int?, actor: UInt64)
    case bar(
        AccountID, BarScope, isSet: Bool, actor: UInt64, reason: String, notice: String)
    case grant(
        AccountID, GrantKind, Int64, id: ExternalID, hash: ExternalID, promotion: UInt64,
        terms: UInt32, actor: UInt64)
    case locate(AccountID, SessionID, LocationDecision, mark: UInt64)
    case promotion(
        UInt64, terms: String, from: Int64, until: Int64, version: UInt32?, actor: UInt64)
    case proposeCancel(ExternalID, CancelWindow, isTakenBack: Bool, actor: UInt64)
    case propose(
        ExternalID, [SelectionOutcome], actor: UInt64, reason: String, expected: UInt32?)
    case state(ExternalID, isShut: Bool, expected: UInt64)
    case limits(ExternalID, MarketLimits)
    case pricing(ExternalID, PricingHand)
    case channel(UInt8, isShut: Bool, actor: UInt64)
    case proposeVoid(UInt64, isTakenBack: Bool, actor: UInt64)
    case house(HouseRules, version: Int?, actor: UInt64)
    case approve(UInt64, actor: UInt64)

    func record(_ encoder: inout CommandEncoder) -> RecordBytes {
        switch self {
        case .propose(let market, let outcomes, let actor, let reason, let expected):
            encoder.result(
                .propose, market: market, outcomes, source: .operator, actor: actor, reason: reason,
                expected: expected)
        case .risk(let account, let factor, let delay, let isShut, let actor, let why, let notice):
            encoder.setRisk(
                of: account, stakeFactor: factor, delay: delay, isShut: isShut, actor: actor,
                reason: why, notice: notice)
        case .deductions(let rule, let table, let version, let actor):
            encoder.deductionTable(
                rule, table, version: version, actor: actor, reason: actor == 3 ? "" : "a season")
        case .bar(let account, let scope, let isSet, let actor, let reason, let notice):
            encoder.setBar(
                of: account, from: scope, isSet: isSet, actor: actor, reason: reason,
                notice: notice)
        case .grant(
            let account, let kind, let amount, let id, let hash, let promotion, let terms,
            let actor):
            encoder.grant(
                kind, amount, to: account, id: id, requestHash: hash, promotion: promotion,
                terms: terms, actor: actor, reason: actor == 3 ? "" : "welcome")
        case .locate(let account, let session, let decision, let mark):
            encoder.location(of: account, session, decision, mark: mark)
        case .promotion(
            let number, let terms, let from, let until, let version, let actor):
            encoder.promotion(
                number, name: "Welcome", terms: terms, from: from, until: until,
                version: version, actor: actor, reason: actor == 3 ? "" : "a season")
        case .proposeCancel(let market, let window, let isTakenBack, let actor):
            encoder.proposeCancel(
                market: market, window, isTakenBack: isTakenBack, actor: actor, reason: "an error")
        case .state(let market, let isShut, let expected):
            encoder.marketState(
                market, by: .trader, setting: isShut ? .trader : [], lifting: isShut ? [] : .trader,
                actor: 1, expected: expected)
        case .limits(let market, let limits): encoder.marketLimits(market, limits)
        case .pricing(let market, let hand): encoder.pricing(market, hand)
        case .channel(let channel, let isShut, let actor):
            encoder.channelState(channel, isShut: isShut, actor: actor, reason: "a fault")
        case .house(let rules, let version, let actor):
            encoder.houseRules(
                rules, version: version, actor: actor, reason: actor == 3 ? "" : "a new season")
        case .proposeVoid(let bet, let isTakenBack, let actor):
            encoder.proposeVoid(
                bet: bet, isTakenBack: isTakenBack, actor: actor,
                reason: actor == 3 ? "" : "a wrong price")
        case .approve(let proposal, let actor): encoder.approve(proposal: proposal, actor: actor)
        }
    }
}

/// Fixtures and markets as their supplier knows them, and what durable records told the world of them.
struct SimulatedSupplier: ~Copyable {
    struct Match {
        var facts: FixtureFacts
        /// What the supplier calls it, where it speaks through the feed runner.
        var name: String?
        var isOver = false
    }

    struct Offer {
        let id: ExternalID
        let match: Int
        let facts: MarketFacts
        /// What the supplier calls it, where it speaks through the feed runner.
        var name: String?
        /// Ticks; of one that speaks through the runner, how likely each is beside the others.
        var prices: [UInt32]
        var isSuspended = false
        var isResulted = false
        /// Of what it says next of the result: 1 scouted, 2 confirmed.
        var certainty: UInt8 = 2
        var marks: [SelectionOutcome] = []
        /// All that it said of its result, to be said again.
        var words: [ResultWord] = []
        /// The windows that it named, to be taken back.
        var windows: [CancelWindow] = []
        /// What its each-way bets pay, as it last said.
        var places: PlaceTerms?
        // As durable records say.
        var market: MarketID?
        var fixture: FixtureID?
        var shown: [Odds?] = []
        var earlier: [Odds?] = []
        var version: UInt64 = 0
        var reasons = ShutReasons.feed
        var material: UInt64 = 0
        var settlements: UInt32 = 0
        var isOpen: Bool { reasons.isEmpty }
        /// The price that is on its way through the block.
        var coming: [Odds?] = []
    }

    let plan: SimulationPlan
    var matches: [Match] = []
    var offers: [Offer] = []
    var byID: [ExternalID: Int] = [:]
    var byMarket: [MarketID: Int] = [:]
    private var command: ExternalID?
    private var proposals: [UInt64] = []
    /// Bets that were taken, for the desk to make void.
    private var taken: [UInt64] = []

    init(_ plan: SimulationPlan) { self.plan = plan }

    // MARK: What everybody can see

    mutating func learn(_ record: RecordBytes) {
        switch record.kind {
        case .placed:
            taken.append(record.field(Layout.Placed.bet, as: UInt64.self))
            if taken.count > 30 { taken.removeFirst() }
        case .price:
            guard let offer = byID[record.clientID] else { return }
            let count = Int(record.field(Layout.Price.selectionCount, as: UInt16.self))
            offers[offer].coming = (0..<count).map {
                record.odds(at: Layout.Price.entries + $0 * Layout.Price.entrySize)
            }
        case .marketChanged:
            guard let offer = byID[record.clientID],
                record.field(Layout.MarketChanged.refusal, as: UInt16.self) == 0
            else { return }
            let market = MarketID(record.field(Layout.MarketChanged.market, as: UInt64.self))
            guard market.rawValue != .max else { return }
            offers[offer].market = market
            byMarket[market] = offer
            offers[offer].fixture = FixtureID(
                record.field(Layout.MarketChanged.fixture, as: UInt64.self))
            offers[offer].version = record.field(Layout.MarketChanged.version, as: UInt64.self)
            offers[offer].reasons = ShutReasons(
                rawValue: record.field(Layout.MarketChanged.reasons, as: UInt8.self))
            offers[offer].material = record.field(Layout.MarketChanged.material, as: UInt64.self)
            offers[offer].settlements = record.field(
                Layout.MarketChanged.settlementVersion, as: UInt32.self)
            let count = Int(record.field(Layout.MarketChanged.priceCount, as: UInt16.self))
            if count > 0 {
                offers[offer].coming = (0..<count).map {
                    record.odds(
                        at: Layout.MarketChanged.prices + $0 * Layout.MarketChanged.priceSize)
                }
            }
            if !offers[offer].coming.isEmpty {
                offers[offer].earlier = offers[offer].shown
                offers[offer].shown = offers[offer].coming
                offers[offer].coming = []
            }
        default: break
        }
    }

    mutating func answered(_ record: RecordBytes) {
        guard record.kind == .resultAnswered else { return }
        let proposal = record.field(Layout.ResultAnswered.proposal, as: UInt64.self)
        if proposal != 0, !proposals.contains(proposal) { proposals.append(proposal) }
    }

    func rule(_ world: Simulation) -> PriceRule {
        let rules: [PriceRule] = [.exact, .better, .any]
        var left = world.random.number(in: 0...max(0, plan.priceRuleWeights.reduce(0, +) - 1))
        for (rule, weight) in zip(rules, plan.priceRuleWeights) {
            if left < weight { return rule }
            left -= weight
        }
        return .exact
    }

    /// The legs of a slip as a customer would tap it together; nil when nothing is offered.
    func slip(_ world: Simulation) -> [LegIntent]? {
        let known = offers.indices.filter { offers[$0].market != nil && !offers[$0].shown.isEmpty }
        guard !known.isEmpty else { return nil }
        let open = known.filter { offers[$0].isOpen }
        let choice = open.isEmpty || world.random.number(in: 0...9) == 0 ? known : open
        var count = 1
        if plan.has(.multiples), world.random.number(in: 0...2) == 0 {
            count = world.random.number(in: 2...4)
        }
        var legs: [LegIntent] = []
        // Of one match no two are taken together, so most who know the house pick one of each.
        let isApart = plan.has(.house) && world.random.number(in: 0...3) > 0
        var matches: Set<Int> = []
        for _ in 0..<count {
            var pick =
                plan.has(.hotMarket) && world.random.number(in: 0...3) > 0
                ? choice[0] : choice[world.random.number(in: 0...choice.count - 1)]
            if isApart {
                let others = choice.filter { !matches.contains(offers[$0].match) }
                guard !others.isEmpty else { break }
                pick = others[world.random.number(in: 0...others.count - 1)]
                matches.insert(offers[pick].match)
            }
            if let leg = leg(pick, world) { legs.append(leg) }
        }
        return legs.isEmpty ? nil : legs
    }

    /// Legs of several markets of one match; nil where none offers two.
    func sameGame(_ world: Simulation) -> [LegIntent]? {
        let known = offers.indices.filter { offers[$0].market != nil && !offers[$0].shown.isEmpty }
        guard !known.isEmpty else { return nil }
        let first = known[world.random.number(in: 0...known.count - 1)]
        let others = known.filter { offers[$0].match == offers[first].match && $0 != first }
        guard !others.isEmpty else { return nil }
        var picks = [first] + others.prefix(world.random.number(in: 1...3))
        // Now and then one that is of another match, or a market twice.
        if world.random.number(in: 0...7) == 0 {
            picks.append(known[world.random.number(in: 0...known.count - 1)])
        }
        let legs = picks.compactMap { leg($0, world) }
        return legs.count < 2 ? nil : legs
    }

    /// What withdrawals take is set anew: a few steps, in small and large fields.
    private func setTable(_ world: Simulation) {
        var steps: [DeductionTable.Step] = []
        for runners in [UInt8(0), 3].prefix(world.random.number(in: 0...2)) {
            var winnings = 0
            for _ in 0..<world.random.number(in: 1...3) {
                winnings += world.random.number(in: 1...4)
                steps.append(
                    DeductionTable.Step(
                        runners: runners, winnings: UInt32(winnings), stake: 2,
                        win: UInt16(world.random.number(in: 0...60) * 150),
                        place: UInt16(world.random.number(in: 0...18) * 500)))
            }
        }
        let waived = UInt16([0, 0, 500, 3000][world.random.number(in: 0...3)])
        let table =
            world.random.number(in: 0...4) == 0
            ? .tattersalls : DeductionTable(steps, waivedAlone: waived)!
        world.send(
            .desk(
                .deductions(
                    DeductionRule(rawValue: UInt8(world.random.number(in: 0...3)))!, table,
                    version: world.random.number(in: 0...3) == 0
                        ? world.random.number(in: 0...2) : nil,
                    actor: UInt64(world.random.number(in: 0...4)))))
    }

    /// Somebody is kept from a sport or a match, or not any more.
    private func bar(_ world: Simulation) {
        let sports: [UInt8] = [1, 1, 2, 7, 99]
        let scope: BarScope =
            world.random.number(in: 0...1) == 0
            ? .sport(sports[world.random.number(in: 0...4)])
            : .fixture(FixtureID(UInt64(world.random.number(in: 0...matches.count))))
        world.send(
            .desk(
                .bar(
                    AccountID(UInt64(world.random.number(in: 0...plan.clients))), scope,
                    isSet: world.random.number(in: 0...2) == 0,
                    actor: UInt64(world.random.number(in: 0...4)),
                    reason: world.random.number(in: 0...5) == 0 ? "" : "plays in it",
                    notice: world.random.number(in: 0...4) == 0 ? "" : "You play in it.")))
    }

    private func leg(_ pick: Int, _ world: Simulation) -> LegIntent? {
        let offer = offers[pick]
        guard let market = offer.market, let fixture = offer.fixture else { return nil }
        let selection = world.random.number(in: 0...offer.shown.count - 1)
        let isStale = !offer.earlier.isEmpty && world.random.number(in: 0...7) == 0
        let odds = (isStale ? offer.earlier : offer.shown)[selection] ?? Odds(2, over: 1)!
        let score = matches[offer.match].facts.state.score
        var leg = LegIntent(
            market: market, fixture: fixture, selection: UInt32(selection), odds: odds,
            marketVersion: world.random.number(in: 0...11) == 0 ? offer.version / 2 : offer.version,
            score: world.random.number(in: 0...3) == 0 ? Score.unknown : score)
        leg.places = offer.places
        if plan.has(.racing), world.random.number(in: 0...3) == 0 { leg.odds = nil }
        return leg
    }

    // MARK: For the story

    func name(_ id: ExternalID) -> String {
        if let offer = byID[id] { return offers[offer].name ?? "market \(id.low)" }
        if let match = matches.first(where: { $0.facts.id == id }) {
            return match.name ?? "fixture \(id.low)"
        }
        return id == .zero ? "everything" : "market \(id.low)"
    }

    func name(ofMarket number: UInt64) -> String {
        byMarket[MarketID(number)].map { offers[$0].name ?? "market \(offers[$0].id.low)" }
            ?? "a market that is not there"
    }

    // MARK: What it says

    /// The server is there (again): a fresh image of everything.
    func serverCame(_ world: Simulation) {
        for match in matches where match.name == nil { world.send(.feed(.fixture(match.facts))) }
        sayEverything(world)
        for offer in offers where offer.name == nil {
            world.send(.feed(.market(offer.facts)))
            world.send(.feed(.price(offer.id, entries(offer, world))))
            world.send(
                .feed(
                    .state(
                        offer.id, .market, .feed, setting: [], lifting: [.feed, .recovery],
                        isMaterial: false, delay: nil)))
            if offer.isResulted {
                world.send(.feed(.result(offer.id, ResultWord(marks: offer.marks))))
            }
        }
    }

    private func entries(_ offer: Offer, _ world: Simulation) -> [PriceEntry] {
        offer.prices.map {
            PriceEntry(
                odds: $0 == 0 ? nil : Odds(thousandths: $0), reference: reference(of: $0, world),
                delay: plan.has(.trust) && world.random.number(in: 0...5) == 0
                    ? UInt32(world.random.number(in: 0...40_000)) : 0, chance: chance(world))
        }
    }

    /// Others may think much less of a selection than its price, which stays where it was.
    private func reference(of price: UInt32, _ world: Simulation) -> UInt32 {
        guard plan.has(.traders), price > 2000, world.random.number(in: 0...7) == 0 else {
            return price
        }
        return price / 2
    }

    /// Now and then it says more of a selection than its price does.
    private func chance(_ world: Simulation) -> Chance? {
        guard plan.has(.cashOuts), world.random.number(in: 0...3) == 0 else { return nil }
        return Chance(
            win: UInt32(world.random.number(in: 0...900_000_000)),
            back: UInt32(world.random.number(in: 0...100_000_000)))
    }

    mutating func tick(_ world: Simulation) {
        if matches.count(where: { !$0.isOver }) < plan.fixtures, matches.count < 40 {
            return newMatch(world)
        }
        guard !offers.isEmpty else { return }
        if plan.has(.feeds) { tendLine(world) }
        let pick = world.random.number(in: 0...offers.count - 1)
        switch world.random.number(in: 0...99) {
        case 0..<50: move(pick, world)
        case 50..<62 where plan.has(.suspensions): shut(pick, world)
        case 62..<70 where plan.has(.inPlay): play(offers[pick].match, world)
        case 70..<73 where plan.has(.withdrawals):
            let selection = world.random.number(in: 0...offers[pick].prices.count)
            if let name = offers[pick].name {
                world.say([
                    .withdrawal(FeedWithdrawal(market: name, selection: selection))
                ])
            } else {
                let isTold = world.random.number(in: 0...1) == 0
                let places = places(world)
                if selection < offers[pick].prices.count { offers[pick].places = places }
                world.send(
                    .feed(
                        .withdrawal(
                            offers[pick].id, UInt32(selection),
                            deduction: isTold ? UInt16(world.random.number(in: 0...40) * 50) : nil,
                            places: offers[pick].facts.places == nil ? nil : places)))
            }
        case 73..<80: decide(pick, world)
        case 84..<87 where plan.has(.cancels): cancel(pick, world)
        case 87..<89 where plan.has(.lateStarts): startLate(offers[pick].match, world)
        case 89..<92 where plan.has(.timedResults): sayLate(pick, world)
        case 92..<96 where plan.has(.racing) && offers[pick].name == nil:
            let prices = offers[pick].prices.map { _ in
                world.random.number(in: 0...7) == 0
                    ? nil
                    : Odds(
                        thousandths: TickLadder.classic.thousandths(
                            at: world.random.number(in: 5...180)))
            }
            let time = world.random.number(in: 0...1) == 0 ? 0 : said(world)
            world.send(.feed(.startingPrices(offers[pick].id, prices, time: time)))
        case 96..<99 where plan.has(.early) && offers[pick].name == nil:
            let moments = offers[pick].prices.map { _ in
                world.random.number(in: 0...2) == 0 ? said(world) : nil
            }
            let time = world.random.number(in: 0...1) == 0 ? 0 : said(world)
            world.send(.feed(.earlyPayout(offers[pick].id, moments, time: time)))
        case 80..<84:
            guard offers[pick].name == nil else { return suspend(pick, false, world) }
            world.send(
                .feed(
                    .state(
                        offers[pick].id, .market, .feed, setting: [], lifting: [.feed, .recovery],
                        isMaterial: false, delay: nil)))
        default: move(pick, world)
        }
    }

    private mutating func newMatch(_ world: Simulation) {
        let number = UInt64(matches.count + 1)
        let name =
            plan.has(.feeds) && world.random.number(in: 0...1) == 0 ? "f\(number)" : nil
        var facts = FixtureFacts(
            id: name.map { SimulatedFeed.fixture($0) } ?? ExternalID(high: 0xf1f1, low: number))
        facts.sport = .football
        let isInPlay = plan.has(.inPlay) && world.random.number(in: 0...1) == 0
        facts.state = FixtureState(
            status: isInPlay ? .live : .notStarted, isInPlay: isInPlay,
            score: world.random.number(in: 0...3) == 0
                ? Score.unknown : Score(home: 0, away: 0).packed)
        facts.competitorChain = UInt64(world.random.number(in: 0...3))
        matches.append(Match(facts: facts, name: name))
        if let name { return newOffers(of: name, world) }
        world.send(.feed(.fixture(facts)))
        for index in 0..<world.random.number(in: 1...3) {
            let id = ExternalID(high: 0xa4a4, low: number * 10 + UInt64(index))
            let count = world.random.number(in: 2...(plan.has(.manyWinners) ? 5 : 3))
            var market = MarketFacts(
                id: id, fixture: facts.id, name: "m",
                selections: (0..<count).map { SelectionFacts(supplierID: UInt64($0), name: "s") })
            if plan.has(.manyWinners) {
                market.winners = UInt8(world.random.number(in: 0...count - 1))
            }
            market.betDelay = UInt32(world.random.number(in: 0...8000))
            if plan.has(.cashOuts) {
                market.isCashedOut = world.random.number(in: 0...9) > 0
                if world.random.number(in: 0...2) == 0 {
                    market.line = Int32(world.random.number(in: -4...4))
                }
            }
            market.relationGroup = UInt64(world.random.number(in: 0...4))
            if plan.has(.traders), world.random.number(in: 0...3) == 0 {
                market.byHand = MadeByHand(
                    actor: world.random.number(in: 0...19) == 0 ? 0 : 2, reason: "a friendly")
            }
            if plan.has(.scouted), world.random.number(in: 0...1) == 0 {
                market.scoutedReturn = Int64(world.random.number(in: 0...2) * 1000)
            }
            if plan.has(.racing), world.random.number(in: 0...3) > 0 {
                market.places = places(world)
                market.deductions = DeductionRule.allCases[world.random.number(in: 0...4)]
                market.isAtTheOff = world.random.number(in: 0...3) == 0
                market.isAntePost = world.random.number(in: 0...4) == 0
                market.isGuaranteed = world.random.number(in: 0...1) == 0
                market.takesAtStart = world.random.number(in: 0...1) == 0
            }
            if plan.has(.early) { market.paysEarly = world.random.number(in: 0...2) > 0 }
            if plan.has(.tightLiability) {
                market.liabilityLimit = Int64(world.random.number(in: 500...100_000))
                market.maximumStake = Int64(world.random.number(in: 100...50_000))
            }
            let prices = (0..<count).map { _ in
                TickLadder.classic.thousandths(at: world.random.number(in: 5...180))
            }
            byID[id] = offers.count
            offers.append(Offer(id: id, match: matches.count - 1, facts: market, prices: prices))
            offers[offers.count - 1].places = market.places
            world.send(.feed(.market(market)))
            move(offers.count - 1, world)
            world.send(
                .feed(
                    .state(
                        id, .market, .feed, setting: [], lifting: .feed, isMaterial: false,
                        delay: nil)))
        }
    }

    mutating func move(_ pick: Int, _ world: Simulation) {
        if let name = offers[pick].name {
            for index in offers[pick].prices.indices where world.random.number(in: 0...1) == 0 {
                let weight = Int(offers[pick].prices[index]) + world.random.number(in: -9...9)
                offers[pick].prices[index] = UInt32(min(200, max(2, weight)))
            }
            return world.say([.quotes(FeedQuotes(market: name, quotes: quotes(pick, world)))])
        }
        for index in offers[pick].prices.indices where world.random.number(in: 0...1) == 0 {
            let tick =
                TickLadder.classic.tick(atOrBelow: max(1010, offers[pick].prices[index])) ?? 0
            let next = min(250, max(0, tick + world.random.number(in: -2...2)))
            offers[pick].prices[index] =
                world.random.number(in: 0...29) == 0 ? 0 : TickLadder.classic.thousandths(at: next)
        }
        world.send(.feed(.price(offers[pick].id, entries(offers[pick], world))))
    }

    private mutating func shut(_ pick: Int, _ world: Simulation) {
        let offer = offers[pick]
        var owner = MarketOwner.allCases[world.random.number(in: 0...3)]
        let isSetting = world.random.number(in: 0...2) == 0
        if offer.name != nil, owner == .feed { return suspend(pick, isSetting, world) }
        let scope: CommandEncoder.Scope =
            switch world.random.number(in: 0...9) {
            case 0: .all
            case 1, 2: .fixture
            case 3: .allInPlay
            default: .market
            }
        let id =
            switch scope {
            case .market: offer.id
            case .fixture: matches[offer.match].facts.id
            case .all, .allInPlay: ExternalID.zero
            }
        // What is a feed's own is said by that feed's runner alone.
        if plan.has(.feeds), scope != .market || offer.name != nil, owner.rawValue <= 2 {
            owner = .trader
        }
        world.send(
            .feed(
                .state(
                    id, scope, owner, setting: isSetting ? owner.reasons : [],
                    lifting: isSetting ? [] : owner.reasons,
                    isMaterial: world.random.number(in: 0...5) == 0,
                    delay: world.random.number(in: 0...4) == 0
                        ? UInt32(world.random.number(in: 0...40_000)) : nil)))
    }

    private mutating func play(_ match: Int, _ world: Simulation) {
        guard !matches[match].isOver else { return }
        switch world.random.number(in: 0...5) {
        case 0: matches[match].facts.state.isInPlay.toggle()
        case 1:
            let score = world.random.number(in: 0...4)
            matches[match].facts.state.score = Score(home: UInt16(score), away: 1).packed
            matches[match].facts.incident = .goal
        case 2: matches[match].facts.incident = .redCard
        default: matches[match].facts.state.clockSeconds = UInt32(world.random.number(in: 0...5400))
        }
        if let name = matches[match].name {
            let delay = world.random.number(in: 0...5) == 0
            world.say([
                .update(
                    FeedUpdate(
                        fixture: name, state: matches[match].facts.state,
                        incident: matches[match].facts.incident,
                        betDelay: delay ? UInt32(world.random.number(in: 0...9000)) : nil))
            ])
        } else {
            world.send(.feed(.fixtureUpdate(matches[match].facts)))
        }
        matches[match].facts.incident = .none
    }

    private mutating func decide(_ pick: Int, _ world: Simulation) {
        if plan.has(.scouted) {
            offers[pick].certainty = UInt8(world.random.number(in: 1...2))
        }
        if offers[pick].isResulted {
            guard plan.has(.corrections) || world.random.number(in: 0...3) == 0 else { return }
            if plan.has(.corrections), world.random.number(in: 0...1) == 0 {
                offers[pick].marks = marks(pick, world)
            }
        } else {
            guard world.random.number(in: 0...2) == 0 else { return }
            offers[pick].marks = marks(pick, world)
            offers[pick].isResulted = true
        }
        sayResult(pick, world)
        let match = offers[pick].match
        if offers.allSatisfy({ $0.match != match || $0.isResulted }) {
            matches[match].isOver = true
        }
    }

    /// Mostly what can be; now and then more winners than there are.
    private func marks(_ pick: Int, _ world: Simulation) -> [SelectionOutcome] {
        let count = offers[pick].prices.count
        let isEachAlone = offers[pick].facts.winners == 0
        var left = isEachAlone ? count : Int(offers[pick].facts.winners)
        if plan.has(.nonsense), world.random.number(in: 0...9) == 0 { left += 1 }
        let first = world.random.number(in: 0...count - 1)
        var marks = [SelectionOutcome](repeating: SelectionOutcome(.lost), count: count)
        for step in 0..<count {
            let index = (first + step) % count
            switch world.random.number(in: 0...19) {
            case 0: marks[index] = SelectionOutcome(.void)
            case 1: marks[index] = SelectionOutcome(.halfLost)
            case 2 where plan.has(.corrections): marks[index] = SelectionOutcome(.undecided)
            case 3 where left > 0:
                marks[index] = SelectionOutcome(.halfWon)
                left -= 1
            case 4 where left > 0:
                marks[index] = SelectionOutcome(.deadHeat, winners: 1, tied: 2)
                left -= 1
            default:
                guard left > 0, !isEachAlone || world.random.number(in: 0...1) == 0 else {
                    continue
                }
                marks[index] = SelectionOutcome(.won)
                left -= 1
            }
        }
        if plan.has(.racing) { sayPositions(&marks, world) }
        return marks
    }

    /// Where runners came in, as far as it is said.
    private func sayPositions(_ marks: inout [SelectionOutcome], _ world: Simulation) {
        if plan.has(.nonsense), world.random.number(in: 0...9) == 0 {
            for index in marks.indices where marks[index].result == .lost {
                marks[index].position = UInt8(world.random.number(in: 1...3))
            }
            return
        }
        var next: UInt8 = marks.contains { $0.result == .deadHeat } ? 3 : 2
        var lost = marks.indices.filter { marks[$0].result == .lost }
        for index in marks.indices where world.random.number(in: 0...1) == 0 {
            if marks[index].result == .won || marks[index].result == .deadHeat {
                marks[index].position = 1
            }
        }
        while !lost.isEmpty {
            // Now and then two come in together; of some nobody says anything.
            let tied = lost.count > 1 && world.random.number(in: 0...3) == 0 ? 2 : 1
            let isSaid = world.random.number(in: 0...7) > 0
            for index in lost.prefix(tied) where isSaid {
                marks[index].position = world.random.number(in: 0...5) == 0 ? Finish.unplaced : next
                marks[index].tied = UInt8(tied)
            }
            lost.removeFirst(tied)
            next += UInt8(tied)
        }
    }

    /// Moves what a market takes, now and then by what somebody saw before.
    private func limit(_ world: Simulation) {
        let offer = offers[world.random.number(in: 0...offers.count - 1)]
        var limits = MarketLimits()
        func some(_ amounts: [Int64]) -> Int64? {
            world.random.number(in: 0...2) == 0
                ? amounts[world.random.number(in: 0...amounts.count - 1)] : nil
        }
        limits.maximumStake = some([0, 50, 500, 5000, 100_000, -3])
        limits.liabilityLimit = some([1000, 20_000, 500_000])
        limits.suspendAt = some([0, 100, 2000, 30_000, 300_000])
        limits.floor = some([0, 300, 4000, 50_000])
        limits.mostMove = some([0, 50, 500, 2000, 20_000]).map { UInt16($0) }
        limits.actor = world.random.number(in: 0...4) == 0 ? 0 : 2
        limits.reason = world.random.number(in: 0...9) == 0 ? "" : "big match"
        let isSeen = world.random.number(in: 0...3) == 0
        limits.version = isSeen ? UInt32(world.random.number(in: 0...3)) : nil
        world.send(.desk(.limits(offer.id, limits)))
    }

    /// Holds prices, puts on a margin, opens what is shut for the desk, or stops a channel.
    private func trade(_ world: Simulation) {
        let offer = offers[world.random.number(in: 0...offers.count - 1)]
        switch world.random.number(in: 0...9) {
        case 0:
            let channel = UInt8(world.random.number(in: 0...3))
            return world.send(
                .desk(
                    .channel(
                        world.random.number(in: 0...20) == 0 ? 16 : channel,
                        isShut: world.random.number(in: 0...2) == 0,
                        actor: UInt64(world.random.number(in: 0...5)))))
        case 1, 2: return world.send(.desk(.state(offer.id, isShut: false, expected: 0)))
        default: break
        }
        let held: [Odds?] = offer.prices.indices.map { index in
            let shown = index < offer.shown.count ? offer.shown[index] : nil
            switch world.random.number(in: 0...5) {
            case 0..<3: return nil
            case 3:
                return Odds(thousandths: UInt32(world.random.number(in: 1010...1_100_000)))
            default:
                guard let length = shown?.thousandths,
                    let tick = TickLadder.classic.tick(atOrBelow: length)
                else { return nil }
                let moved = tick + world.random.number(in: 0...10) - 5
                return Odds(thousandths: TickLadder.classic.thousandths(at: moved))
            }
        }
        var hand = PricingHand(
            held: world.random.number(in: 0...30) == 0 ? held.dropLast() : held,
            actor: world.random.number(in: 0...9) == 0 ? 0 : 2,
            reason: world.random.number(in: 0...9) == 0 ? "" : "a late change")
        hand.margin =
            world.random.number(in: 0...2) == 0
            ? UInt32([0, 200, 700, 3000, 10_001][world.random.number(in: 0...4)]) : nil
        hand.isSure = world.random.number(in: 0...2) == 0
        hand.version =
            world.random.number(in: 0...3) == 0 ? UInt32(world.random.number(in: 0...3)) : nil
        hand.seen =
            world.random.number(in: 0...3) == 0 ? UInt64(world.random.number(in: 1...6)) : nil
        world.send(.desk(.pricing(offer.id, hand)))
    }

    /// Another commission, other bonuses; now and then by what somebody saw before.
    private func changeHouse(_ world: Simulation) {
        var rules = HouseRules.none
        rules.commission = UInt16([0, 0, 200, 550, 5000, 5001][world.random.number(in: 0...5)])
        for place in rules.bonuses.indices where world.random.number(in: 0...1) == 0 {
            let hasSingles = SystemShape.named[place].sizes & 1 == 1
            rules.bonuses[place] =
                CoverBonus(
                    onlyWinner: hasSingles ? UInt16(world.random.number(in: 100...400)) : 100,
                    allWinners: UInt16(world.random.number(in: 0...2500))) ?? .none
        }
        let isSeen = world.random.number(in: 0...3) == 0
        world.send(
            .desk(
                .house(
                    rules, version: isSeen ? world.random.number(in: 0...3) : nil,
                    actor: UInt64(world.random.number(in: 0...3)))))
    }

    /// Mostly gives; now and then takes back, or asks again under an id that was used.
    private func grant(_ world: Simulation) {
        let now = Timestamp(nanoseconds: world.clock.wall()).milliseconds
        let isAgain = world.random.number(in: 0...9) == 0
        let id = ExternalID(
            milliseconds: isAgain ? now / 100_000 * 100_000 : now,
            random: isAgain ? (7, 7) : (world.random.next(), world.random.next()))
        let amounts: [Int64] = [5000, 20_000, 700, 1, -300, -60_000, 0, .max]
        let kind: GrantKind = world.random.number(in: 0...1) == 0 ? .bonus : .free
        let amount = amounts[world.random.number(in: 0...world.random.number(in: 2...7))]
        let actor =
            world.random.number(in: 0...9) == 0 ? [0, 3][world.random.number(in: 0...1)] : 1
        let promotion = UInt64(max(0, world.random.number(in: -3...4)))
        // Mostly those that hold, as far as they were heard of.
        let terms =
            world.random.number(in: 0...3) == 0
            ? UInt32(world.random.number(in: 0...3))
            : world.host?.engine.promotion(promotion)?.version ?? 0
        world.send(
            .desk(
                .grant(
                    AccountID(UInt64(world.random.number(in: 0...plan.clients))), kind, amount,
                    id: id,
                    hash: ExternalID(
                        high: promotion << 40 | UInt64(terms) << 8 | UInt64(kind.rawValue),
                        low: UInt64(bitPattern: amount)),
                    promotion: promotion, terms: terms, actor: UInt64(actor))))
    }

    /// What is promised is said, or said anew: from now on or later, for good or for some seconds.
    private func promise(_ world: Simulation) {
        let now = world.clock.wall()
        let begins = [0, 0, now, now + 20_000_000_000][world.random.number(in: 0...3)]
        let ends = [0, now + 5_000_000_000, now + 60_000_000_000, now - 1]
        let texts = ["Stake 10, get 5.", "Stake 10, get 5. Twice.", "New customers only.", ""]
        world.send(
            .desk(
                .promotion(
                    UInt64(world.random.number(in: 0...3)),
                    terms: texts[world.random.number(in: 0...world.random.number(in: 1...3))],
                    from: begins, until: ends[world.random.number(in: 0...3)],
                    version: world.random.number(in: 0...3) == 0
                        ? UInt32(world.random.number(in: 0...2)) : nil,
                    actor: UInt64(world.random.number(in: 0...4)))))
    }

    func deskTick(_ world: Simulation) {
        guard !offers.isEmpty else { return }
        if plan.has(.house), world.random.number(in: 0...5) == 0 { return changeHouse(world) }
        if plan.has(.marketLimits), world.random.number(in: 0...2) == 0 { return limit(world) }
        if plan.has(.traders), world.random.number(in: 0...1) == 0 { return trade(world) }
        guard plan.has(.byHand) || plan.has(.promotions) else {
            return plan.has(.marketLimits) ? limit(world) : trade(world)
        }
        if plan.has(.promotions), world.random.number(in: 0...5) == 0 { return promise(world) }
        guard plan.has(.byHand) else { return grant(world) }
        let pick = world.random.number(in: 0...offers.count - 1)
        if !proposals.isEmpty, world.random.number(in: 0...1) == 0 {
            let proposal = proposals[world.random.number(in: 0...proposals.count - 1)]
            return world.send(
                .desk(.approve(proposal, actor: UInt64(world.random.number(in: 0...3)))))
        }
        let offer = offers[pick]
        if plan.has(.traders), !taken.isEmpty, world.random.number(in: 0...2) == 0 {
            return world.send(
                .desk(
                    .proposeVoid(
                        taken[world.random.number(in: 0...taken.count - 1)],
                        isTakenBack: world.random.number(in: 0...3) == 0,
                        actor: UInt64(world.random.number(in: 0...3)))))
        }
        if plan.has(.trust), world.random.number(in: 0...3) == 0 {
            let factors: [UInt16] = [1000, 1000, 1, 10, 500, 3000, 20_000]
            return world.send(
                .desk(
                    .risk(
                        AccountID(UInt64(world.random.number(in: 0...plan.clients))),
                        factor: factors[world.random.number(in: 0...6)],
                        delay: UInt32([0, 0, 3000, 31_000][world.random.number(in: 0...3)]),
                        isShut: plan.has(.traders)
                            ? [nil, true, false, false][world.random.number(in: 0...3)] : nil,
                        actor: UInt64(world.random.number(in: 0...3)),
                        reason: world.random.number(in: 0...5) == 0 ? "" : "late bets",
                        notice: world.random.number(in: 0...3) == 0 ? "" : "You bet late.")))
        }
        if plan.has(.trust), world.random.number(in: 0...3) == 0 { return bar(world) }
        if plan.has(.racing), world.random.number(in: 0...1) == 0 { return setTable(world) }
        if plan.has(.promotions), world.random.number(in: 0...2) == 0 { return grant(world) }
        if world.random.number(in: 0...3) == 0 {
            let isShut = world.random.number(in: 0...2) == 0
            let seen = offer.material + UInt64(world.random.number(in: 0...4) == 0 ? 1 : 0)
            let expected = world.random.number(in: 0...1) == 0 ? 0 : seen
            return world.send(.desk(.state(offer.id, isShut: isShut, expected: expected)))
        }
        if plan.has(.cancels), world.random.number(in: 0...3) == 0 {
            let window = offer.windows.last ?? .everything
            return world.send(
                .desk(
                    .proposeCancel(
                        offer.id, window, isTakenBack: world.random.number(in: 0...2) == 0,
                        actor: UInt64(world.random.number(in: 0...2)))))
        }
        let seen = world.random.number(in: 0...2) == 0 ? offer.settlements : nil
        world.send(
            .desk(
                .propose(
                    offers[pick].id, marks(pick, world),
                    actor: UInt64(world.random.number(in: 0...2)),
                    reason: world.random.number(in: 0...5) == 0 ? "" : "seen on the pitch",
                    expected: seen)))
    }

    /// The end: everything that has no result gets one.
    mutating func resolveAll(_ world: Simulation) {
        for pick in offers.indices {
            if !offers[pick].isResulted
                || offers[pick].marks.contains(where: { $0.result == .undecided })
            {
                let count = offers[pick].prices.count
                offers[pick].marks = (0..<count).map {
                    SelectionOutcome($0 < max(1, Int(offers[pick].facts.winners)) ? .won : .lost)
                }
                offers[pick].isResulted = true
            }
            if offers[pick].name == nil { world.send(.feed(.market(offers[pick].facts))) }
            offers[pick].certainty = 2
            sayResult(pick, world)
        }
    }

    private func places(_ world: Simulation) -> PlaceTerms? {
        guard plan.has(.racing) else { return nil }
        return PlaceTerms(
            places: UInt8(world.random.number(in: 1...3)), numerator: 1,
            denominator: UInt8(world.random.number(in: 3...5)))
    }

    // MARK: What it takes back, or says late

    /// Bets of a window of the last minutes, or of any time, are void; or they no longer are.
    private mutating func cancel(_ pick: Int, _ world: Simulation) {
        let now = world.clock.wall()
        func moment() -> Int64 {
            world.random.number(in: 0...2) == 0
                ? 0 : now - Int64(world.random.number(in: -1...90)) * 1_000_000_000
        }
        var window: CancelWindow?
        if !offers[pick].windows.isEmpty, world.random.number(in: 0...1) == 0 {
            let count = offers[pick].windows.count
            window = offers[pick].windows[world.random.number(in: 0...count - 1)]
        } else {
            window = CancelWindow(from: moment(), until: moment())
        }
        guard let window else { return }
        if !offers[pick].windows.contains(window) { offers[pick].windows.append(window) }
        let isTakenBack = world.random.number(in: 0...1) == 0
        guard let name = offers[pick].name else {
            let time = world.random.number(in: 0...1) == 0 ? 0 : said(world)
            return world.send(
                .feed(.cancel(offers[pick].id, window, isTakenBack: isTakenBack, time: time)))
        }
        world.say([
            .cancel(
                FeedCancel(
                    market: name, from: window.from / 1_000_000, until: window.until / 1_000_000,
                    isTakenBack: isTakenBack))
        ])
    }

    /// A moment of the last seconds at which it may have said something; often the same.
    private func said(_ world: Simulation) -> Int64 {
        let step: Int64 = 2_000_000_000
        return (world.clock.wall() - Int64(world.random.number(in: 0...20)) * 1_000_000_000) / step
            * step
    }

    /// The match truly began some time ago.
    private func startLate(_ match: Int, _ world: Simulation) {
        let ago = Int64(world.random.number(in: -2...60)) * 1_000_000_000
        let start = max(1, world.clock.wall() - ago)
        if let name = matches[match].name {
            world.say([
                .update(
                    FeedUpdate(
                        fixture: name, state: matches[match].facts.state,
                        startedAt: start / 1_000_000))
            ])
        } else {
            var facts = matches[match].facts
            facts.startedAt = start
            facts.providerTime = world.random.number(in: 0...1) == 0 ? 0 : said(world)
            world.send(.feed(.fixtureUpdate(facts)))
        }
    }

    /// What was said before is heard again, or something is heard that was said before it.
    private mutating func sayLate(_ pick: Int, _ world: Simulation) {
        guard offers[pick].isResulted else { return }
        var word = ResultWord(marks: marks(pick, world), time: said(world))
        word.certainty = UInt8(world.random.number(in: 1...2))
        if world.random.number(in: 0...2) == 0 {
            word.isRollback = true
            word.marks = word.marks.map { _ in SelectionOutcome(.undecided) }
        }
        if !offers[pick].words.isEmpty, world.random.number(in: 0...1) == 0 {
            word = offers[pick].words[world.random.number(in: 0...offers[pick].words.count - 1)]
        } else {
            offers[pick].words.append(word)
        }
        guard let name = offers[pick].name else {
            return world.send(.feed(.result(offers[pick].id, word)))
        }
        if word.isRollback {
            world.say([.rollback(market: name)])
            // The runner forgets what it was told of it.
            offers[pick].isSuspended = true
        }
    }
}
