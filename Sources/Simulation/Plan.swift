public import EngineCore
public import Kernel

/// What a seed may or may not have in it. Each seed switches about half of them on (swarm testing):
/// what hides behind one feature shows when another is off.
public enum Feature: String, CaseIterable, Sendable {
    // The disk
    case crashes
    case writeErrors = "write-errors"
    case lostWrites = "lost-writes"
    case misdirectedWrites = "misdirected-writes"
    case rot
    case lateWrites = "late-writes"
    case fullDisk = "full-disk"
    case slowDisk = "slow-disk"
    // The wire
    case lostMessages = "lost-messages"
    case repeatedMessages = "repeated-messages"
    case reorderedMessages = "reordered-messages"
    case halfOpen = "half-open"
    // Time
    case clockSteps = "clock-steps"
    // Clients
    case changedBodies = "changed-bodies"
    case lateRetries = "late-retries"
    case nonsense
    case multiples
    case hotMarket = "hot-market"
    // The supplier and the desk
    case inPlay = "in-play"
    case suspensions
    case corrections
    case withdrawals
    case byHand = "by-hand"
    case manyWinners = "many-winners"
    // Bounds
    case smallLimits = "small-limits"
    case smallIntake = "small-intake"
    case tightLiability = "tight-liability"
    // What is kept and what leaves
    case snapshots
    case retention
    case releases
}

/// One simulated life of a platform, from a seed.
public struct SimulationPlan: Sendable {
    public let seed: UInt64
    /// Commands that are durable before the faults are switched off.
    public var commands: Int
    public var features: Set<Feature>
    var clients: Int
    var fixtures: Int
    /// Milliseconds between two actions of a client.
    var think: Int
    var feedPause: Int
    var priceRuleWeights: [Int]
    public var rules: RuleSet

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
            rules.openBetsPerAccount = random.number(in: 2...40)
        }
        if chosen.contains(.releases) {
            rules.correctionWindow = Int64(random.number(in: 1...120)) * 1000
            rules.idAge = Int64(random.number(in: 30...300)) * 1000
            rules.idWindow = rules.idAge + 60_000
        }
        self.rules = rules
        // Switching off is not drawing: what is left of the seed stays as it was.
        features = chosen.subtracting(without)
    }

    func has(_ feature: Feature) -> Bool { features.contains(feature) }

    /// For whoever reads what a seed is about.
    public var text: String {
        "\(clients) clients, \(fixtures) fixtures, \(commands) commands; with "
            + features.map(\.rawValue).sorted().joined(separator: ", ")
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
}
