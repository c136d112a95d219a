public import Catalogue
public import Kernel
import Pricing

/// One match of the simulated world, whatever is played.
protocol SimulatedContest {
    /// Milliseconds of the supplier's time at which it says something next.
    var nextTime: Int64 { get }
    var isOver: Bool { get }
    /// What is said at `nextTime`; sets the next.
    mutating func step() -> [FeedEvent]
}

/// Several matches at once, for ever: a match that is over makes room for a new one with new ids.
///
/// It speaks Grandstand's own feed format: every event is written as a line and read back through the
/// door that any other supplier uses.
public final class SimulatedWorld: FeedSource {
    public let name: String
    private let settings: SimulationSettings
    private var matches: [any SimulatedContest] = []
    private var random: SeededGenerator
    /// Of its own, so that the football of a seed is the same whatever else is played.
    private var tennisRandom: SeededGenerator
    private var made = 0
    private var number: UInt64 = 0
    private let endless: Bool
    /// Told how a football match stands and which its markets are, whenever it spoke; nil when it is decided.
    public var onPicture: ((String, [ExternalID], MatchPicture?) -> Void)?
    private let run: String

    /// `run` goes into every id, so that two runs on one journal never meet; `endless` false plays each
    /// match once.
    public init(
        settings: SimulationSettings, startingAt time: Int64, run: String, endless: Bool = true,
        name: String = "simulation"
    ) {
        self.settings = settings
        self.endless = endless
        self.run = run
        self.name = name
        random = SeededGenerator(seed: settings.seed)
        tennisRandom = SeededGenerator(seed: settings.seed ^ 0x7e_4415)
        for index in 0..<settings.matches {
            // Kick-offs are staggered, so that soon something is before, in and after play at once.
            let share = Int64(index) * settings.matchMilliseconds / Int64(max(1, settings.matches))
            addMatch(at: time, kickOffDelay: endless ? share : 0)
        }
        for index in 0..<settings.tennisMatches {
            let share = Int64(index) * settings.matchMilliseconds / Int64(settings.tennisMatches)
            addTennis(at: time, startDelay: endless ? share : 0)
        }
    }

    private static let players = [
        "A. Ashdown", "B. Birkett", "C. Calloway", "D. Denholm", "E. Everley", "F. Fenwick",
        "G. Garrick", "H. Haldane", "I. Ingram", "J. Jarrow", "K. Kerrigan", "L. Lockhart",
        "M. Merrow", "N. Nettleton", "O. Orrell", "P. Prescott",
    ]

    private func addTennis(at time: Int64, startDelay: Int64 = 0) {
        made += 1
        let first = tennisRandom.number(in: 0...Self.players.count - 1)
        var second = tennisRandom.number(in: 0...Self.players.count - 2)
        if second >= first { second += 1 }
        matches.append(
            SimulatedTennis(
                id: "\(run)-\(made)", names: (Self.players[first], Self.players[second]),
                seed: tennisRandom.next(), startingAt: time, startDelay: startDelay,
                settings: settings))
    }

    public static let competition = "Simulated League"
    /// All that it plays in.
    public static let competitions = [competition, SimulatedTennis.competition]
    private static let towns = [
        "Ashcombe", "Brackenmoor", "Caldermouth", "Dunwhistle", "Eastmere", "Fallowfield Park",
        "Glenharrow", "Hollinsea", "Ironbridge Vale", "Kestrelford", "Larkhaven", "Mossgate",
        "Northwick", "Oakhampton Green", "Pennyroyal", "Quarrydale", "Ravensmouth", "Saltmarsh",
        "Thistledown", "Umberleigh", "Violet Bank", "Westering", "Yarrowby", "Zennor Cross",
    ]
    private static let suffixes = ["Rovers", "Albion", "Athletic", "City", "Town", "United"]

    private func addMatch(at time: Int64, kickOffDelay: Int64 = 0) {
        made += 1
        let first = random.number(in: 0...Self.towns.count - 1)
        var second = random.number(in: 0...Self.towns.count - 2)
        if second >= first { second += 1 }
        func club(_ town: Int) -> String {
            Self.towns[town] + " " + Self.suffixes[town % Self.suffixes.count]
        }
        matches.append(
            SimulatedMatch(
                id: "\(run)-\(made)", names: (club(first), club(second)),
                competition: Self.competition, seed: random.next(), startingAt: time,
                kickOffDelay: kickOffDelay, settings: settings))
    }

    private func tell(_ contest: any SimulatedContest) {
        guard let onPicture, let match = contest as? SimulatedMatch else { return }
        let markets = match.offered.map {
            FeedIdentity.id(of: "market", match.market($0), from: name)
        }
        // What is decided is priced by nobody.
        let isOver = match.phase == .after || match.phase == .over
        onPicture(match.id, markets, isOver ? nil : match.picture)
    }

    private func soonest() -> Int? {
        matches.indices.min { matches[$0].nextTime < matches[$1].nextTime }
    }

    public func nextTime() throws(FeedError) -> Int64? {
        soonest().map { matches[$0].nextTime }
    }

    public func next() throws(FeedError) -> FeedMessage {
        guard let index = soonest() else { throw FeedError(line: number, what: "the world ended") }
        let time = matches[index].nextTime
        let said = matches[index].step()
        tell(matches[index])
        if matches[index].isOver {
            let ended = matches.remove(at: index)
            if endless {
                if ended is SimulatedTennis { addTennis(at: time) } else { addMatch(at: time) }
            }
        }
        number += 1
        var events: [FeedEvent] = []
        for event in said.isEmpty ? [.heartbeat] : said {
            let line = GrandstandFeed.line(event, time: time)
            events += try GrandstandFeed.parse(line.span, number: number).events
        }
        return FeedMessage(time: time, number: number, events: events)
    }
}

/// What one seeded match quoted at kick-off and at half-time, and how it ended: for whoever holds the one
/// against the other.
public struct SeededOutcome: Sendable {
    /// Chances by market (result, goals, both score, handicap, total) and selection, from the middle of the quotes that were
    /// said last before kick-off and in the break; none for a market that was decided by then.
    public let kickOff: [[Double]]
    public let halfTime: [[Double]]
    /// What each selection of each market came to.
    public let results: [[SelectionResult]]

    public init(seed: UInt64, settings: SimulationSettings = SimulationSettings()) {
        var match = SimulatedMatch(
            id: "m", names: ("h", "a"), competition: "", seed: seed, startingAt: 0,
            settings: settings)
        var before = [[Double]](repeating: [], count: SimulatedMatch.marketCount)
        var middle = before
        while !match.isOver {
            for event in match.step() {
                if case .quotes(let quotes) = event,
                    let index = before.indices.first(where: { match.market($0) == quotes.market })
                {
                    if match.phase == .before { before[index] = Self.chances(quotes.quotes) }
                    if match.phase == .halfTime { middle[index] = Self.chances(quotes.quotes) }
                }
            }
        }
        kickOff = before
        halfTime = middle
        results = match.results
    }

    private static func chances(_ quotes: [Quote]) -> [Double] {
        let shares = quotes.map { 2000 / Double($0.bestBack + $0.bestLay) }
        let total = shares.reduce(0, +)
        return shares.map { $0 / total }
    }
}
