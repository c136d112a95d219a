import EngineCore
import EngineJournal
import EngineService
import Synchronization

/// One number for Prometheus. Labels come from closed sets only, so their number is bounded.
public struct Metric: Sendable {
    public let name: String
    public let help: String
    public let isCounter: Bool
    public let value: Double
    public let labels: String

    public init(
        _ name: String, _ help: String, counter: Bool = false, _ value: Double, labels: String = ""
    ) {
        self.name = name
        self.help = help
        isCounter = counter
        self.value = value
        self.labels = labels
    }
}

/// What one loop counted lately.
public struct LoopCounts: Sendable {
    public var deltasSent: UInt64 = 0
    public var conflated: UInt64 = 0
    public var waiting = 0
    public var sockets = 0
    public var connections = 0
    public var subscriptions = 0
    /// Bytes that wait for clients whose kernel is full, and connections cut since too many did.
    public var waitingBytes = 0
    public var cutForWaiting: UInt64 = 0
    public init() {}
}

/// Where every loop writes its counts twice a second, so that one page can tell of all of them.
public final class LoopBoard: Sendable {
    private let counts = Mutex<[Int: LoopCounts]>([:])

    public init() {}

    func post(_ own: LoopCounts, of loop: Int) { counts.withLock { $0[loop] = own } }

    /// All loops together.
    public var total: LoopCounts {
        counts.withLock { all in
            all.values.reduce(into: LoopCounts()) { sum, one in
                sum.deltasSent += one.deltasSent
                sum.conflated += one.conflated
                sum.waiting += one.waiting
                sum.sockets += one.sockets
                sum.connections += one.connections
                sum.subscriptions += one.subscriptions
                sum.waitingBytes += one.waitingBytes
                sum.cutForWaiting += one.cutForWaiting
            }
        }
    }
}

/// Prometheus' text format, 0.0.4.
enum Metrics {
    static func text(_ status: EngineStatus, loops: LoopCounts, extra: [Metric]) -> [UInt8] {
        var all: [Metric] = [
            Metric("grandstand_up", "1 while the engine takes commands.", status.isRunning ? 1 : 0),
            Metric(
                "grandstand_engine_sequence", "Newest journalled record.", counter: true,
                Double(status.sequence)),
            Metric(
                "grandstand_engine_commands_total", "Commands decided.", counter: true,
                Double(status.commands)),
            Metric(
                "grandstand_engine_busy_total", "Commands refused because the intake was full.",
                counter: true, Double(status.busy)),
            Metric(
                "grandstand_engine_queued_slots", "Slots waiting for the next turn.",
                Double(status.queued)),
            Metric("grandstand_engine_batch", "Commands in the last turn.", Double(status.batch)),
            Metric(
                "grandstand_accounts", "Accounts in the engine.", Double(status.counts.accounts)),
            Metric("grandstand_bets", "Bets in the engine.", Double(status.counts.bets)),
            Metric("grandstand_markets", "Markets in the engine.", Double(status.counts.markets)),
            Metric(
                "grandstand_journal_blocks_total", "Blocks written.", counter: true,
                Double(status.journal.blocks)),
            Metric(
                "grandstand_journal_bytes_total", "Bytes written.", counter: true,
                Double(status.journal.bytes)),
            Metric(
                "grandstand_deltas_sent_total", "Market deltas handed to clients.", counter: true,
                Double(loops.deltasSent)),
            Metric(
                "grandstand_deltas_conflated_total", "Deltas passed over for slow clients.",
                counter: true, Double(loops.conflated)),
            Metric(
                "grandstand_waiting_commands", "Commands whose outcome is awaited.",
                Double(loops.waiting)),
            Metric("grandstand_sockets", "Punters' WebSockets.", Double(loops.sockets)),
            Metric("grandstand_connections", "Connections.", Double(loops.connections)),
            Metric(
                "grandstand_subscriptions", "Topics followed, over all clients.",
                Double(loops.subscriptions)),
            Metric(
                "grandstand_output_waiting_bytes",
                "Bytes that wait for clients who read too slowly.", Double(loops.waitingBytes)),
            Metric(
                "grandstand_output_cut_total",
                "Connections cut since too many bytes waited over all of them.", counter: true,
                Double(loops.cutForWaiting)),
            Metric(
                "grandstand_journal_short_of_space",
                "1 while nothing is taken because the journal's disk has no room.",
                status.isShortOfSpace ? 1 : 0),
            Metric(
                "grandstand_journal_slow",
                "1 while a commit takes longer than 20 ms on average.", status.isDiskSlow ? 1 : 0),
            Metric(
                "grandstand_journal_sync_seconds", "Write and sync of the last block.",
                Double(status.journal.lastCommitNanoseconds) / 1e9),
        ]
        all += extra
        var out = ""
        var told: Set<String> = []
        for metric in all {
            if told.insert(metric.name).inserted {
                out += "# HELP \(metric.name) \(metric.help)\n"
                out += "# TYPE \(metric.name) \(metric.isCounter ? "counter" : "gauge")\n"
            }
            out += "\(metric.name)\(metric.labels) \(format(metric.value))\n"
        }
        out += histogram(status)
        return Array(out.utf8)
    }

    private static func format(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 9e15 ? String(Int64(value)) : String(value)
    }

    private static func histogram(_ status: EngineStatus) -> String {
        let name = "grandstand_turn_seconds"
        var out = "# HELP \(name) Deciding and writing one batch.\n# TYPE \(name) histogram\n"
        var sum: UInt64 = 0
        for (index, bound) in EngineStatus.turnBounds.enumerated() {
            sum += status.turnHistogram[index]
            out += "\(name)_bucket{le=\"\(Double(bound) / 1e9)\"} \(sum)\n"
        }
        sum += status.turnHistogram[EngineStatus.turnBounds.count]
        out += "\(name)_bucket{le=\"+Inf\"} \(sum)\n"
        out += "\(name)_sum \(Double(status.turnNanosecondsTotal) / 1e9)\n\(name)_count \(sum)\n"
        return out
    }
}
