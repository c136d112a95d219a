public import EngineCore
public import Kernel

/// What a seed may or may not have in it. Each seed switches about half of them on (swarm testing):
/// what hides behind one feature shows when another is off.
public enum Feature: UInt8, CaseIterable, Sendable {
    // The disk
    case crashes
    case writeErrors
    case readErrors
    case lostWrites
    case misdirectedWrites
    case rot
    case lateWrites
    case fullDisk
    case slowDisk
    // The wire
    case lostMessages
    case repeatedMessages
    case reorderedMessages
    case halfOpen
    // Time
    case clockSteps
    // Clients
    case changedBodies
    case lateRetries
    case nonsense
    case multiples
    case systems
    case hotMarket
    case ownLimits
    // The supplier and the desk
    case inPlay
    case suspensions
    case corrections
    case withdrawals
    case byHand
    case manyWinners
    // The platform's own feeds and rows
    case feeds
    case cutLines
    case lateRows
    case fewBlocksInMemory
    case reconnects
    // Bounds
    case smallLimits
    case smallIntake
    case tightLiability
    // What is kept and what leaves
    case snapshots
    case retention
    case releases
    // What a supplier takes back, or says late
    case timedResults
    case cancels
    case lateStarts
    case scouted
    case racing
    case trust
    case cashOuts
    case promotions
    case fills
    case payoutCaps
    case marketLimits
    case offers
    case traders
    case house
    case early
    case locations

    /// As it is written on a command line: `lostWrites` is `lost-writes`.
    public var word: String { Self.words[Int(rawValue)] }

    public init?(word: String) {
        guard let index = Self.words.firstIndex(of: word) else { return nil }
        self = Self.allCases[index]
    }

    private static let words = allCases.map { feature in
        String(
            "\(feature)".flatMap {
                $0.isUppercase ? ["-", Character($0.lowercased())] : [$0]
            })
    }
}

/// One simulated life of a platform, from a seed.
public struct SimulationPlan: Sendable {
    public let seed: UInt64
    /// Commands that are durable before the faults are switched off.
    public var commands: Int
    public var features: Set<Feature> { didSet { bits = Self.bits(features) } }
    /// The same, for whoever asks often.
    private var bits: UInt64
    var clients: Int
    var fixtures: Int
    /// Milliseconds between two actions of a client.
    var think: Int
    var feedPause: Int
    var priceRuleWeights: [Int]
    public var rules: RuleSet
    /// What a customer's open bets may return together, and what it may be paid on one day; 0 none.
    var customerCap: Int64 = 0
    var dayCap: Int64 = 0

    public init(seed: UInt64, commands: Int = 1000, without: Set<Feature> = []) {
        var random = SeededGenerator(seed: seed ^ 0x51_3a_7e)
        self.seed = seed
        self.commands = commands
        var chosen: Set<Feature> = []
        for feature in Feature.allCases {
            // Lying devices end a life early, so fewer seeds have them.
            let chance =
                switch feature {
                case .lostWrites, .misdirectedWrites, .rot, .lateWrites: 8
                case .fullDisk: 15
                case .crashes: 80
                default: 50
                }
            if random.number(in: 0...99) < chance { chosen.insert(feature) }
        }
        clients = random.number(in: 1...8)
        fixtures = random.number(in: 1...5)
        think = random.number(in: 100...4000)
        feedPause = random.number(in: 100...3000)
        priceRuleWeights = (0..<3).map { _ in random.number(in: 0...4) }
        var rules = RuleSet.current
        if chosen.contains(.smallLimits) {
            rules.pendingPerAccount = random.number(in: 1...4)
            rules.refusedPerAccount = random.number(in: 2...20)
            rules.lines = Int64(random.number(in: 1...20))
            rules.openBetsPerAccount = random.number(in: 2...40)
        }
        if chosen.contains(.releases) {
            rules.correctionWindow = Int64(random.number(in: 1...120)) * 1000
            rules.idAge = Int64(random.number(in: 30...300)) * 1000
            rules.idWindow = rules.idAge + 60_000
        }
        rules.limitCoolingOff = Int64(random.number(in: 1...120)) * 1000
        if chosen.contains(.payoutCaps) {
            customerCap = Int64(random.number(in: 0...2)) * Int64(random.number(in: 2000...200_000))
            dayCap = Int64(random.number(in: 0...2)) * Int64(random.number(in: 2000...200_000))
        }
        self.rules = rules
        // Switching off is not drawing: what is left of the seed stays as it was.
        features = chosen.subtracting(without)
        bits = Self.bits(features)
    }

    private static func bits(_ features: Set<Feature>) -> UInt64 {
        features.reduce(0) { $0 | 1 << UInt64($1.rawValue) }
    }

    func has(_ feature: Feature) -> Bool { bits >> UInt64(feature.rawValue) & 1 == 1 }

    /// For whoever reads what a seed is about.
    public var text: String {
        "\(clients) clients, \(fixtures) fixtures, \(commands) commands; with "
            + features.map(\.word).sorted().joined(separator: ", ")
    }
}

/// What became of one seed.
public struct SimulationResult: Sendable {
    public var seed: UInt64
    /// Empty when everything held.
    public var problems: [String] = []
    public var commands = 0
    public var bets = 0
    public var crashes = 0
    public var repeats = 0
    public var settled = 0
    /// Snapshots that were written and compared, and starts from one.
    public var snapshots = 0
    public var restored = 0
    /// A device lied and recovery said so instead of starting.
    public var isRefused = false
    /// Over everything that happened, in order: equal on every machine.
    public var trace = StateHash()

    /// What came after it in the same life.
    mutating func add(_ next: SimulationResult) {
        problems += next.problems
        commands += next.commands
        bets += next.bets
        crashes += next.crashes
        repeats += next.repeats
        settled += next.settled
        snapshots += next.snapshots
        restored += next.restored
        var mix = RowMix(kind: 10, row: next.trace.low)
        mix.combine(next.trace.high, trace.low)
        trace.add(mix)
    }
}
