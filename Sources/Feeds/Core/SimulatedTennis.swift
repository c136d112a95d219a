import Catalogue
import Kernel
import Pricing

/// One seeded match of tennis, point by point: what its supplier would say.
///
/// Markets are shut while a point is played that may end a game. Now and then somebody is treated, retires, or a
/// point is given to the other side afterwards.
struct SimulatedTennis: SimulatedContest {
    private enum Phase { case before, playing, after, over }

    /// Home's and away's; the third set is only there if it is played.
    private enum Market: Int, CaseIterable {
        case winner
        case betting
        case firstSet
        case secondSet
        case thirdSet

        var name: String {
            ["Winner", "Set betting", "Set 1 winner", "Set 2 winner", "Set 3 winner"][rawValue]
        }

        var type: MarketType {
            switch self {
            case .winner: .matchOdds
            case .betting: .setBetting
            case .firstSet, .secondSet, .thirdSet: .setWinner
            }
        }

        static func set(_ number: Int) -> Market { Market(rawValue: 1 + number) ?? .thirdSet }
    }

    let id: String
    private let names: [String]
    private let settings: SimulationSettings
    private let model: TennisModel
    private var random: SeededGenerator
    private(set) var stand = TennisModel.Stand()
    private(set) var nextTime: Int64
    private var phase = Phase.before
    private var phaseEnds: Int64
    private var isShut = false
    private var told: Set<Market> = []
    private var settled: Set<Market> = []
    /// Who won each set that is over.
    private(set) var setWinners: [Int] = []
    /// Who retired; nil for nobody.
    private(set) var retired: Int?
    /// Said later, each at its time.
    private var later: [(time: Int64, event: FeedEvent)] = []
    /// Before the last point, and to whom it should not have gone.
    private var disputed: (stand: TennisModel.Stand, side: Int)?

    static let competition = "Simulated Tour"
    private static let treatments = 0.004
    private static let retirements = 0.15
    private static let overrules = 0.01

    init(
        id: String, names: (home: String, away: String), seed: UInt64, startingAt time: Int64,
        startDelay: Int64, settings: SimulationSettings
    ) {
        self.id = id
        self.names = [names.home, names.away]
        self.settings = settings
        random = SeededGenerator(seed: seed)
        model = TennisModel(home: 0.56 + random.unit() * 0.14, away: 0.56 + random.unit() * 0.14)
        stand.server = random.number(in: 0...1)
        nextTime = time
        phaseEnds = time + settings.beforeMilliseconds + startDelay
    }

    var isOver: Bool { phase == .over }
    private func market(_ market: Market) -> String { "\(id)/t\(market.rawValue)" }

    /// A point takes so long that a match of a hundred and fifty fills its time.
    private var pointMilliseconds: Int64 {
        max(
            200,
            (settings.matchMilliseconds - settings.beforeMilliseconds - settings.afterMilliseconds)
                / 150)
    }

    // MARK: One step

    mutating func step() -> [FeedEvent] {
        let now = nextTime
        var events: [FeedEvent] = []
        if told.isEmpty { events += hello() }
        events += later.filter { $0.time <= now }.map(\.event)
        later.removeAll { $0.time <= now }
        nextTime = now + settings.tickMilliseconds
        switch phase {
        case .before where now >= phaseEnds:
            phase = .playing
            events.append(.update(update(.kickOff)))
            events += quotes()
        case .playing: events += play(now)
        case .after where now >= phaseEnds && later.isEmpty: phase = .over
        case .before, .after, .over: break
        }
        return events
    }

    private mutating func hello() -> [FeedEvent] {
        [
            .fixture(
                FeedFixture(
                    id: id, sport: .tennis, competition: Self.competition, home: names[0],
                    away: names[1], scheduled: phaseEnds))
        ] + [.winner, .betting, .firstSet, .secondSet].flatMap { define($0) } + quotes()
    }

    private mutating func define(_ wanted: Market) -> [FeedEvent] {
        told.insert(wanted)
        let ends = ["\(names[0]) 2-0", "\(names[0]) 2-1", "\(names[1]) 2-1", "\(names[1]) 2-0"]
        let selections = wanted == .betting ? ends : names
        return [
            .market(
                FeedMarket(
                    id: market(wanted), fixture: id, type: wanted.type, name: wanted.name,
                    winners: 1, betDelay: settings.betDelay,
                    selections: selections.enumerated().map {
                        FeedSelection(id: UInt64($0.offset + 1), name: $0.element)
                    })),
            .marketState(market: market(wanted), isSuspended: false),
        ]
    }

    private func update(_ incident: Incident = .none) -> FeedUpdate {
        let status: FixtureStatus =
            switch phase {
            case .before: .notStarted
            case .playing: .live
            case .after, .over: retired == nil ? .ended : .abandoned
            }
        return FeedUpdate(
            fixture: id,
            state: FixtureState(
                status: status, isInPlay: status == .live,
                score: Score(home: UInt16(stand.sets[0]), away: UInt16(stand.sets[1])).packed),
            incident: incident)
    }

    // MARK: Play

    private mutating func play(_ now: Int64) -> [FeedEvent] {
        if let (before, side) = disputed {
            disputed = nil
            stand = before
            return finish(stand.point(to: 1 - side), of: 1 - side, now)
        }
        // Before a point that may end a game the markets are shut, and the point is played in the next step.
        if stand.isGamePoint, !isShut {
            nextTime = now + pointMilliseconds
            return suspend(true)
        }
        if random.unit() < Self.treatments { return treat(now) }
        nextTime = now + pointMilliseconds
        let side = random.unit() < model.servesWell(stand.server) ? stand.server : 1 - stand.server
        let before = stand
        let ended = stand.point(to: side)
        if !ended.game, random.unit() < Self.overrules {
            // Called out, and in after all: what was bet meanwhile falls.
            disputed = (before, side)
            return isShut ? [] : suspend(true)
        }
        return finish(ended, of: side, now)
    }

    private mutating func finish(_ ended: (game: Bool, set: Bool), of side: Int, _ now: Int64)
        -> [FeedEvent]
    {
        guard ended.set else { return open() + quotes() }
        setWinners.append(side)
        var events: [FeedEvent] = [.update(update())]
        events += settle(.set(setWinners.count), won: side, now)
        if stand.isOver { return events + end(now) }
        if setWinners.count == 2 { events += define(.thirdSet) }
        return events + open() + quotes()
    }

    /// Somebody is treated: nothing is offered until it is clear whether the match goes on.
    private mutating func treat(_ now: Int64) -> [FeedEvent] {
        let events = suspend(true)
        nextTime = now + settings.suspensionMilliseconds * 2
        guard random.unit() < Self.retirements else { return events }
        retired = random.number(in: 0...1)
        return events + end(now)
    }

    private mutating func suspend(_ isSuspended: Bool) -> [FeedEvent] {
        isShut = isSuspended
        return told.subtracting(settled).sorted { $0.rawValue < $1.rawValue }.map {
            .marketState(market: market($0), isSuspended: isSuspended)
        }
    }

    private mutating func open() -> [FeedEvent] { isShut ? suspend(false) : [] }

    // MARK: Results

    /// Now and then the first word about a set is wrong, and the confirmed one another.
    private mutating func settle(_ wanted: Market, won side: Int, _ now: Int64) -> [FeedEvent] {
        settled.insert(wanted)
        let right: [SelectionResult] = side == 0 ? [.won, .lost] : [.lost, .won]
        guard random.unit() < settings.correctionChance else { return [result(wanted, right)] }
        later.append((now + settings.afterMilliseconds / 2, result(wanted, right)))
        return [result(wanted, right.reversed(), certainty: 1)]
    }

    private func result(_ wanted: Market, _ results: [SelectionResult], certainty: UInt8 = 2)
        -> FeedEvent
    {
        .result(
            FeedResult(market: market(wanted), certainty: certainty, results: results))
    }

    /// Who retires after a set has lost the match; before that nobody has. Sets that are not over, and how many there
    /// were to be, are void.
    private mutating func end(_ now: Int64) -> [FeedEvent] {
        phase = .after
        phaseEnds = now + settings.afterMilliseconds
        var events: [FeedEvent] = [.update(update(.fullTime))] + suspend(true)
        let nobody = [SelectionResult](repeating: .void, count: 2)
        if let retired {
            events.append(
                result(
                    .winner,
                    setWinners.isEmpty ? nobody : retired == 0 ? [.lost, .won] : [.won, .lost]))
            events.append(result(.betting, [SelectionResult](repeating: .void, count: 4)))
        } else {
            let ends = model.ends(from: stand)
            events.append(result(.winner, stand.sets[0] == 2 ? [.won, .lost] : [.lost, .won]))
            events.append(result(.betting, ends.map { $0 > 0.5 ? .won : .lost }))
        }
        settled.formUnion([.winner, .betting])
        for wanted in told.subtracting(settled).sorted(by: { $0.rawValue < $1.rawValue }) {
            events.append(result(wanted, nobody))
            settled.insert(wanted)
        }
        return events
    }

    // MARK: Prices

    private mutating func quotes() -> [FeedEvent] {
        let ends = model.ends(from: stand)
        let fresh = (model.set(0, 0, server: 0) + model.set(0, 0, server: 1)) / 2
        return told.subtracting(settled).sorted { $0.rawValue < $1.rawValue }.map { wanted in
            let chances: [Double]
            switch wanted {
            case .winner: chances = [ends[0] + ends[1], ends[2] + ends[3]]
            case .betting: chances = ends
            case .firstSet, .secondSet, .thirdSet:
                let isPlayed = wanted == .set(setWinners.count + 1)
                let home = isPlayed ? model.set(from: stand) : fresh
                chances = [home, 1 - home]
            }
            let quotes = chances.map {
                $0 > 0
                    ? settings.quote($0, &random) : Quote(isActive: false)
            }
            return .quotes(FeedQuotes(market: market(wanted), quotes: quotes))
        }
    }
}
