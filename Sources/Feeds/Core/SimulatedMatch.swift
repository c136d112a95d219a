import Catalogue
import Kernel
import Pricing

/// One seeded match: what its supplier would say, moment by moment.
///
/// A real second is `pace` seconds of play. All randomness is drawn in the order of time from one
/// generator, so a seed is a match.
struct SimulatedMatch: SimulatedContest {
    enum Phase { case before, firstHalf, halfTime, secondHalf, after, over }

    let id: String
    let home: String
    let away: String
    let competition: String
    let model: FootballModel
    let settings: SimulationSettings
    private var random: SeededGenerator
    private(set) var phase: Phase = .before
    private(set) var score = (home: 0, away: 0)
    /// Seconds played.
    private(set) var clock = 0.0
    /// Milliseconds of the supplier's time.
    private(set) var nextTime: Int64
    private var phaseEnds: Int64
    private var danger: Danger?
    private var hasSaidHello = false
    private var settledMarkets: Set<Int> = []
    private var correction: (time: Int64, event: FeedEvent)?
    /// Since when bets on either side are paid as if it had won; 0 not.
    private var paidBefore: (home: Int64, away: Int64) = (0, 0)
    /// Quarters of a goal that the home side is given.
    let handicap: Int
    /// Quarters of a goal that all goals are over or under.
    let total: Int

    /// Something that may become a goal; the markets are shut until it is clear.
    private struct Danger {
        let isHome: Bool
        let isPenalty: Bool
        let stands: Bool
        let resolvesAt: Int64
    }

    init(
        id: String, names: (home: String, away: String), competition: String, seed: UInt64,
        startingAt time: Int64, kickOffDelay: Int64 = 0, settings: SimulationSettings
    ) {
        self.id = id
        (home, away) = names
        self.competition = competition
        self.settings = settings
        random = SeededGenerator(seed: seed)
        let strength = 0.8 + random.unit() * 1.4
        let edge = 0.7 + random.unit() * 0.9
        let model = FootballModel(home: strength * edge, away: strength / edge * 0.9)
        self.model = model
        // The quarter lines that leave both sides most nearly even.
        handicap = Self.evenest(stride(from: -9, through: 9, by: 2), model) { home, away, line in
            (home - away) * 4 + line
        }
        total = Self.evenest(stride(from: 3, through: 19, by: 2), model) { home, away, line in
            (home + away) * 4 - line
        }
        nextTime = time
        phaseEnds = time + settings.beforeMilliseconds + kickOffDelay
    }

    var isOver: Bool { phase == .over }
    var minute: Double { clock / 60 }

    var chances: FootballModel.Chances {
        model.chances(homeGoals: score.home, awayGoals: score.away, minute: minute)
    }

    static let marketCount = 5
    /// Markets that are offered: quarter lines where they are asked for.
    var offered: Range<Int> { 0..<(settings.offersQuarterLines ? Self.marketCount : 3) }
    func market(_ index: Int) -> String {
        "\(id)/\(["mo", "ou25", "btts", "ah", "at"][index])"
    }

    private static func evenest(
        _ lines: StrideThrough<Int>, _ model: FootballModel, _ lead: (Int, Int, Int) -> Int
    ) -> Int {
        func distance(_ line: Int) -> Double {
            abs(
                model.fairChance(homeGoals: 0, awayGoals: 0, minute: 0) {
                    QuarterLine.result(lead: lead($0, $1, line))
                } - 0.5)
        }
        let all = lines.map { ($0, distance($0)) }
        return all.min { $0.1 < $1.1 }!.0
    }

    /// By how many quarters the home side leads with its handicap, and the goals lead over their line.
    private func leads(_ home: Int, _ away: Int) -> (handicap: Int, total: Int) {
        ((home - away) * 4 + handicap, (home + away) * 4 - total)
    }

    // MARK: One step

    /// What is said at `nextTime`; sets the next.
    mutating func step() -> [FeedEvent] {
        let now = nextTime
        var events: [FeedEvent] = []
        if !hasSaidHello {
            hasSaidHello = true
            events += hello(now)
        }
        if let due = correction, due.time <= now {
            events.append(due.event)
            correction = nil
        }
        switch phase {
        case .before where now >= phaseEnds: events += begin(.firstHalf, .kickOff, now)
        case .firstHalf where clock >= 45 * 60 && danger == nil:
            events += begin(.halfTime, .halfTime, now)
        case .halfTime where now >= phaseEnds: events += begin(.secondHalf, .secondHalf, now)
        case .secondHalf where clock >= 90 * 60 && danger == nil:
            events += begin(.after, .fullTime, now)
        case .after where now >= phaseEnds && correction == nil: phase = .over
        case .firstHalf, .secondHalf: events += play(now)
        case .before, .halfTime, .after, .over: break
        }
        if phase != .after, phase != .over, danger == nil {
            // After a suspension, and when a phase begins, everything is quoted anew.
            let resumes = events.contains {
                if case .marketState(_, false) = $0 { true } else { false }
            }
            events += quotes(isFresh: resumes || quotedPhase != phase)
            quotedPhase = phase
        }
        nextTime = now + settings.tickMilliseconds
        return events
    }

    private func hello(_ now: Int64) -> [FeedEvent] {
        var events: [FeedEvent] = [
            .fixture(
                FeedFixture(
                    id: id, sport: .football, competition: competition, home: home, away: away,
                    scheduled: phaseEnds))
        ]
        let selections = [
            [home, "Draw", away], ["Over 2.5", "Under 2.5"], ["Yes", "No"],
            [
                "\(home) \(QuarterLine.text(handicap, isSigned: true))",
                "\(away) \(QuarterLine.text(-handicap, isSigned: true))",
            ],
            ["Over \(QuarterLine.text(total))", "Under \(QuarterLine.text(total))"],
        ]
        let names = [
            "Match result", "Goals over/under 2.5", "Both teams to score", "Asian handicap",
            "Asian total \(QuarterLine.text(total))",
        ]
        let types: [MarketType] = [
            .matchOdds, .overUnder, .bothTeamsToScore, .asianHandicap, .asianTotal,
        ]
        for index in offered {
            var market = FeedMarket(
                id: self.market(index), fixture: id, type: types[index], name: names[index],
                winners: 1, betDelay: settings.betDelay,
                selections: selections[index].enumerated().map {
                    FeedSelection(id: UInt64($0.offset + 1), name: $0.element)
                })
            market.paysEarly = index == 0 && settings.earlyPayoutLead > 0
            events.append(.market(market))
            events.append(.marketState(market: market.id, isSuspended: false))
        }
        return events
    }

    /// The phase in which everything was last quoted.
    private var quotedPhase: Phase?

    private mutating func begin(_ next: Phase, _ incident: Incident, _ now: Int64) -> [FeedEvent] {
        phase = next
        switch next {
        case .halfTime: phaseEnds = now + settings.halfTimeMilliseconds
        case .after: phaseEnds = now + settings.afterMilliseconds
        case .before, .firstHalf, .secondHalf, .over: break
        }
        if next == .secondHalf { clock = 45 * 60 }
        var events: [FeedEvent] = [.update(update(incident))]
        if next == .after { events += finalResults(now) }
        return events
    }

    private func update(_ incident: Incident = .none) -> FeedUpdate {
        let status: FixtureStatus =
            switch phase {
            case .before: .notStarted
            case .firstHalf, .halfTime, .secondHalf: .live
            case .after, .over: .ended
            }
        return FeedUpdate(
            fixture: id,
            state: FixtureState(
                status: status, isInPlay: status == .live,
                score: Score(home: UInt16(score.home), away: UInt16(score.away)).packed,
                clockSeconds: UInt32(clock)),
            incident: incident)
    }

    // MARK: Play

    private mutating func play(_ now: Int64) -> [FeedEvent] {
        if let current = danger {
            guard now >= current.resolvesAt else { return [] }
            danger = nil
            return resolve(current, now)
        }
        let seconds = Double(settings.tickMilliseconds) / 1000 * settings.pace
        let half = phase == .firstHalf ? 45.0 * 60 : 90.0 * 60
        let played = min(seconds, half - clock)
        let middle = (clock + played / 2) / 60
        // What stands must come at the model's rate, so what merely threatens comes more often.
        let rate = FootballModel.intensity(middle) * played / 60 / FootballModel.minutes
        let chance = 1 - FootballModel.exponential(-(model.home + model.away) * rate / Self.stands)
        clock += played
        guard random.unit() < chance else {
            return Int(clock) / 15 != Int(clock - played) / 15 ? [.update(update())] : []
        }
        let isHome = random.unit() < model.home / (model.home + model.away)
        let isPenalty = random.unit() < Self.penalties
        let stands = random.unit() < (isPenalty ? Self.penaltyScored : Self.goalStands)
        danger = Danger(
            isHome: isHome, isPenalty: isPenalty, stands: stands,
            resolvesAt: now + settings.suspensionMilliseconds
                + Int64(random.number(in: 0...Int(settings.suspensionMilliseconds))))
        var events = suspend(true)
        if isPenalty {
            events.append(.update(update(.penalty)))
        } else {
            score = isHome ? (score.home + 1, score.away) : (score.home, score.away + 1)
            events.append(.update(update(.goal)))
        }
        return events
    }

    private static let penalties = 0.15
    private static let penaltyScored = 0.76
    private static let goalStands = 0.93
    private static let stands = penalties * penaltyScored + (1 - penalties) * goalStands

    private mutating func resolve(_ danger: Danger, _ now: Int64) -> [FeedEvent] {
        var events: [FeedEvent] = []
        switch (danger.isPenalty, danger.stands) {
        case (true, true):
            score = danger.isHome ? (score.home + 1, score.away) : (score.home, score.away + 1)
            events.append(.update(update(.goal)))
        case (false, false):
            score = danger.isHome ? (score.home - 1, score.away) : (score.home, score.away - 1)
            events.append(.update(update(.goalCancelled)))
        case (true, false), (false, true): break
        }
        events += earlyResults()
        events += payEarly(now)
        return events + suspend(false)
    }

    private func suspend(_ isSuspended: Bool) -> [FeedEvent] {
        offered.filter { !settledMarkets.contains($0) }.map {
            .marketState(market: market($0), isSuspended: isSuspended)
        }
    }

    // MARK: Results

    /// A third goal decides over and under, a goal of both decides the next market; a total that nothing can take back
    /// is over.
    private mutating func earlyResults() -> [FeedEvent] {
        var events: [FeedEvent] = []
        if score.home + score.away > 2, settledMarkets.insert(1).inserted {
            events.append(result(1, [.won, .lost]))
        }
        if score.home > 0, score.away > 0, settledMarkets.insert(2).inserted {
            events.append(result(2, [.won, .lost]))
        }
        if settings.offersQuarterLines, leads(score.home, score.away).total > 1,
            settledMarkets.insert(4).inserted
        {
            events.append(result(4, [.won, .lost]))
        }
        return events
    }

    /// A side that leads by enough once is paid, whatever comes; of goals that stand, since nobody bets before they do.
    private mutating func payEarly(_ now: Int64) -> [FeedEvent] {
        let lead = settings.earlyPayoutLead
        guard lead > 0 else { return [] }
        if score.home - score.away >= lead, paidBefore.home == 0 {
            paidBefore.home = now
        } else if score.away - score.home >= lead, paidBefore.away == 0 {
            paidBefore.away = now
        } else {
            return []
        }
        return [.earlyPayout(market: market(0), [paidBefore.home, 0, paidBefore.away])]
    }

    private func result(_ index: Int, _ results: [SelectionResult], certainty: UInt8 = 2)
        -> FeedEvent
    {
        .result(FeedResult(market: market(index), certainty: certainty, results: results))
    }

    /// As it is, for whoever prices several selections of it together.
    var picture: MatchPicture {
        MatchPicture(
            model: model, score: score, minute: minute, handicap: handicap, total: total)
    }

    /// Of every market, by the score as it is.
    var results: [[SelectionResult]] { picture.results(home: score.home, away: score.away) }

    private mutating func finalResults(_ now: Int64) -> [FeedEvent] {
        var events = suspend(true)
        let results = self.results
        for index in offered.dropFirst() where settledMarkets.insert(index).inserted {
            events.append(result(index, results[index]))
        }
        settledMarkets.insert(0)
        let truth = result(0, results[0])
        // Now and then a scout is too quick, and the confirmed result is another one.
        if random.unit() < settings.correctionChance {
            let rotated = [results[0][2], results[0][0], results[0][1]]
            events.append(result(0, rotated, certainty: 1))
            correction = (now + settings.afterMilliseconds / 2, truth)
        } else {
            events.append(truth)
        }
        return events
    }

    // MARK: Prices

    private mutating func quotes(isFresh: Bool) -> [FeedEvent] {
        guard isFresh || settings.quoteChance > 0 else { return [] }
        let chances = self.chances
        var books = [
            [chances.home, chances.draw, chances.away], [chances.over, 1 - chances.over],
            [chances.both, 1 - chances.both],
        ]
        var expected: [[Chance?]] = []
        if settings.offersQuarterLines {
            for parts in [parts { leads($0, $1).handicap }, parts { leads($0, $1).total }] {
                books.append([parts.fairChance, 1 - parts.fairChance])
                expected.append([
                    Self.chance(parts.won, parts.lost), Self.chance(parts.lost, parts.won),
                ])
            }
        }
        return offered.compactMap { index in
            guard !settledMarkets.contains(index) else { return nil }
            let isQuoted = random.unit() < settings.quoteChance
            guard isQuoted || isFresh else { return nil }
            var quotes = books[index].map { settings.quote($0, &random) }
            if index >= 3 {
                for side in quotes.indices { quotes[side].chance = expected[index - 3][side] }
            }
            return .quotes(FeedQuotes(market: market(index), quotes: quotes))
        }
    }

    /// What of a stake on the first side of a line is expected to win and to lose.
    private func parts(_ lead: (Int, Int) -> Int) -> FootballModel.Parts {
        model.parts(homeGoals: score.home, awayGoals: score.away, minute: minute) {
            QuarterLine.result(lead: lead($0, $1))
        }
    }

    private static func chance(_ won: Double, _ lost: Double) -> Chance? {
        let win = min(1, max(0, won))
        let back = max(0, 1 - win - min(1, max(0, lost)))
        let whole = Double(Chance.whole)
        return Chance(win: UInt32(win * whole), back: UInt32(back * whole))
    }
}

/// How the simulated world runs. Times in milliseconds of the supplier's clock.
public struct SimulationSettings: Sendable {
    public var matches = 6
    /// Matches of tennis beside them.
    public var tennisMatches = 0
    public var seed: UInt64 = 1
    /// A whole match, from its announcement to its end.
    public var matchMilliseconds: Int64 = 240_000
    public var tickMilliseconds: Int64 = 500
    /// In-play bet delay of the markets.
    public var betDelay: UInt32 = 3000
    public var suspensionMilliseconds: Int64 = 4000
    /// How often the first word about a result is wrong.
    public var correctionChance = 0.05
    /// How often a market is quoted anew in a tick.
    public var quoteChance = 0.6
    /// Half the distance between the two sides, as a share of the winnings.
    public var spread = 0.015
    /// Whether an Asian handicap and an Asian total are offered too.
    public var offersQuarterLines = false
    /// Goals by which a side must once lead for bets on it to be paid as if it had won; 0 never.
    public var earlyPayoutLead = 0

    public init() {}

    var beforeMilliseconds: Int64 { matchMilliseconds / 8 }
    var halfTimeMilliseconds: Int64 { matchMilliseconds / 24 }
    var afterMilliseconds: Int64 { matchMilliseconds / 12 }
    /// Seconds of play in a real second.
    var pace: Double {
        let playing =
            matchMilliseconds - beforeMilliseconds - halfTimeMilliseconds - afterMilliseconds
        // Suspensions stop the clock; about three a match.
        return 5400_000 / Double(max(1000, playing - 4 * suspensionMilliseconds))
    }

    /// Two sides around the fair price, as far apart as the ladder and `spread` make them.
    func quote(_ chance: Double, _ random: inout SeededGenerator) -> Quote {
        // The crowd is never quite sure: its middle trembles within the spread.
        let doubt = 1 + (random.unit() - 0.5) * spread
        let fair = 1 + (1 / max(0.001, min(0.999, chance)) - 1) * doubt
        let ladder = TickLadder.classic
        let below = UInt32(max(1010, (1 + (fair - 1) * (1 - spread)) * 1000))
        let back = ladder.tick(atOrBelow: below) ?? 0
        let above = UInt32((1 + (fair - 1) * (1 + spread)) * 1000)
        let lay = max(back + 1, (ladder.tick(atOrBelow: above) ?? 0) + 1)
        return Quote(
            bestBack: ladder.thousandths(at: back), bestLay: ladder.thousandths(at: lay),
            lastTraded: UInt32(min(1_000_000, fair * 1000)))
    }
}
