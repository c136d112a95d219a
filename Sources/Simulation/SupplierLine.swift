import Betting
import Catalogue
import EngineCore
import FeedCore
import Judge
import Kernel
import Pricing

/// The matches of which the supplier speaks through the platform's own feed runner.
extension SimulatedSupplier {
    /// Another life of the runner, or a line that was cut: a whole image.
    func sayEverything(_ world: Simulation) {
        var events: [FeedEvent] = []
        for match in matches {
            guard let name = match.name else { continue }
            events.append(fixture(name))
            events.append(.update(FeedUpdate(fixture: name, state: match.facts.state)))
        }
        for pick in offers.indices {
            guard let name = offers[pick].name else { continue }
            events.append(market(pick, name))
            events.append(.marketState(market: name, isSuspended: offers[pick].isSuspended))
            events.append(.quotes(FeedQuotes(market: name, quotes: quotes(pick, world))))
            if offers[pick].isResulted { events.append(result(pick, name)) }
        }
        if !events.isEmpty { world.say(events) }
    }

    /// Cuts the line now and then, mends it with a whole image, and says that it lives.
    func tendLine(_ world: Simulation) {
        let line = world.line
        let now = world.clock.now
        if line.cutUntil > .min, now >= line.cutUntil {
            line.cutUntil = .min
            sayEverything(world)
        } else if line.cutUntil == .min, plan.has(.cutLines), world.isSafetyPhase,
            world.random.number(in: 0...99) == 0
        {
            line.cutUntil = now + world.after(10_000)
            world.tell("the supplier's line is cut")
        }
        if now - line.lastSaid > 2_000_000_000 { world.say([.heartbeat]) }
    }

    mutating func newOffers(of fixtureName: String, _ world: Simulation) {
        let number = matches.count
        world.say([
            fixture(fixtureName),
            .update(FeedUpdate(fixture: fixtureName, state: matches[number - 1].facts.state)),
        ])
        for index in 0..<world.random.number(in: 1...3) {
            let name = "m\(number * 10 + index)"
            let count = world.random.number(in: 2...(plan.has(.manyWinners) ? 5 : 3))
            var facts = MarketFacts(
                id: SimulatedFeed.market(name), fixture: matches[number - 1].facts.id, name: "m",
                selections: (0..<count).map { SelectionFacts(supplierID: UInt64($0), name: "s") })
            if plan.has(.manyWinners) {
                facts.winners = UInt8(world.random.number(in: 0...count - 1))
            }
            facts.betDelay = UInt32(world.random.number(in: 0...8000))
            let weights = (0..<count).map { _ in UInt32(world.random.number(in: 5...100)) }
            let pick = offers.count
            byID[facts.id] = pick
            offers.append(
                Offer(
                    id: facts.id, match: number - 1, facts: facts, name: name, prices: weights))
            world.say([market(pick, name), .marketState(market: name, isSuspended: false)])
            move(pick, world)
        }
    }

    mutating func suspend(_ pick: Int, _ isSuspended: Bool, _ world: Simulation) {
        guard let name = offers[pick].name else { return }
        offers[pick].isSuspended = isSuspended
        world.say([.marketState(market: name, isSuspended: isSuspended)])
    }

    func sayResult(_ pick: Int, _ world: Simulation) {
        if let name = offers[pick].name {
            world.say([result(pick, name)])
        } else {
            let word = ResultWord(marks: offers[pick].marks, certainty: offers[pick].certainty)
            world.send(.feed(.result(offers[pick].id, word)))
        }
    }

    /// A book around what is likely; now and then one that cannot be offered.
    func quotes(_ pick: Int, _ world: Simulation) -> [Quote] {
        let offer = offers[pick]
        let total = Int(offer.prices.reduce(0, +))
        let ladder = TickLadder.classic
        let isBroken = world.random.number(in: 0...19) == 0
        return offer.prices.map { weight in
            let fair = min(900_000, total * 1000 / (Int(weight) * max(1, Int(offer.facts.winners))))
            guard fair > 1020, world.random.number(in: 0...29) > 0 else {
                return Quote(isActive: false)
            }
            let back = ladder.tick(atOrBelow: UInt32(fair * 98 / 100)) ?? 0
            let lay = isBroken ? back : back + world.random.number(in: 1...3)
            return Quote(
                bestBack: ladder.thousandths(at: back), bestLay: ladder.thousandths(at: lay),
                lastTraded: UInt32(fair))
        }
    }

    private func fixture(_ name: String) -> FeedEvent {
        .fixture(
            FeedFixture(
                id: name, sport: .football, competition: "", home: "h", away: "a", scheduled: 0))
    }

    private func market(_ pick: Int, _ name: String) -> FeedEvent {
        let facts = offers[pick].facts
        return .market(
            FeedMarket(
                id: name, fixture: matches[offers[pick].match].name ?? "", type: .other, name: "m",
                winners: facts.winners, betDelay: facts.betDelay,
                selections: facts.selections.map {
                    FeedSelection(id: $0.supplierID, name: $0.name)
                }))
    }

    private func result(_ pick: Int, _ name: String) -> FeedEvent {
        .result(
            FeedResult(
                market: name, certainty: 2,
                results: offers[pick].marks.map { $0.result == .deadHeat ? .won : $0.result }))
    }

    /// When everything has been said and heard: what the engine has of each market is what its supplier
    /// last said of it.
    func checkConvergence(_ world: Simulation) {
        for offer in offers where offer.name != nil && !offer.isResulted {
            guard let state = world.judge.state(ofMarket: offer.id) else {
                world.object("the engine never learned of market \(offer.name ?? "")")
                continue
            }
            // Operators may have settled it.
            guard !state.isResulted else { continue }
            let reasons = ShutReasons(rawValue: state.reasons)
            let wanted = world.line.prices(of: offer.id)
            // Beneath a trader's hand the feed speaks on.
            let fed = world.judge.fed(toMarket: offer.id, wanted: wanted ?? []) ?? offer.shown
            if let wanted, fed != wanted {
                world.object(
                    "market \(offer.name ?? "") shows \(Self.text(fed)), "
                        + "its newest prices are \(Self.text(wanted))")
            }
            let isShut = !reasons.isDisjoint(with: [.feed, .recovery, .stale])
            if isShut != (wanted == nil) {
                world.object(
                    "market \(offer.name ?? "") is \(isShut ? "shut" : "open") against its supplier: "
                        + reasons.words.joined(separator: ", "))
            }
        }
    }

    private static func text(_ odds: [Odds?]) -> String {
        odds.map { $0?.text(as: .decimal) ?? "-" }.joined(separator: " ")
    }

    func speaksThroughRunner(_ market: UInt64) -> Bool {
        byMarket[MarketID(market)].map { offers[$0].name != nil } ?? false
    }
}
