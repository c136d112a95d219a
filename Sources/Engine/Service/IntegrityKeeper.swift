import CSystem
import EngineCore
public import EngineJournal
import Kernel
public import Ledger
public import Risk
import Synchronization
import SystemThreads

/// What was seen so far of money that knows more than the prices.
public struct IntegrityPicture: Sendable {
    /// The newest record that was looked at.
    public var asOf: UInt64 = 0
    /// In the order in which they were raised, with the money that they are of.
    public var alerts: [(money: MoneyKind, alert: IntegrityAlert)] = []
    /// Why nothing is looked at for the moment; nil while it is.
    public var failure: String?

    public init() {}
}

/// Looks at every bet behind the engine's back, on a thread of its own that reads the durable journal.
///
/// A start begins at the newest snapshot from before the accounts that count as new, so that it knows when each of
/// them was opened; what was staked before that is not known. Where it cannot read on, it says so and begins anew.
public final class IntegrityKeeper<D: Disk & Sendable>: @unchecked Sendable {
    // What the thread has is its own; `picture` and `isStopping` are shared.
    private let disk: D
    private let rules: IntegrityRules
    private let durable: @Sendable () -> UInt64
    private let onAlert: @Sendable (MoneyKind, IntegrityAlert) -> Void
    private let onProblem: @Sendable (String) -> Void
    private let shown = Mutex(IntegrityPicture())
    private let isStopping = Atomic<Bool>(false)
    private let gate: UnsafeMutablePointer<gs_gate>
    private let ended: UnsafeMutablePointer<gs_gate>

    private var taken = TakenBets()
    private var watches: [IntegrityWatch] = []
    private var position = JournalPosition.beginning
    private var point: JournalPoint?
    private let started = gs_wall_nanoseconds()
    /// What was told of already, however often it is read again.
    private var told: Set<Told> = []

    private struct Told: Hashable {
        let money: MoneyKind
        let market: UInt64
        let selection: Int
        let from: Timestamp

        init(_ money: MoneyKind, _ alert: IntegrityAlert) {
            self.money = money
            (market, selection, from) = (alert.market, alert.selection, alert.from)
        }
    }

    /// Segments that are read at most to begin before the oldest snapshot.
    private static var mostSegments: UInt32 { 128 }
    /// Nanoseconds that are waited between two looks, and after one that failed.
    private static var pause: Int64 { 500_000_000 }
    private static var pauseAfterFailure: Int64 { 30_000_000_000 }

    /// `durable` says which record is durable for certain; `onAlert` hears of each alert that is raised by a bet of this
    /// run, once.
    public init(
        _ disk: D, rules: IntegrityRules = IntegrityRules(),
        durable: @escaping @Sendable () -> UInt64,
        onAlert: @escaping @Sendable (MoneyKind, IntegrityAlert) -> Void,
        onProblem: @escaping @Sendable (String) -> Void
    ) {
        self.disk = disk
        self.rules = rules
        self.durable = durable
        self.onAlert = onAlert
        self.onProblem = onProblem
        gate = .allocate(capacity: 1)
        gate.initialize(to: gs_gate())
        ended = .allocate(capacity: 1)
        ended.initialize(to: gs_gate())
    }

    deinit {
        gate.deallocate()
        ended.deallocate()
    }

    public var picture: IntegrityPicture { shown.withLock { $0 } }

    public func start() {
        startThread(name: "integrity") {
            // Bets come first.
            _ = gs_background_thread()
            self.run()
            gs_gate_open(self.ended)
        }
    }

    public func stop() {
        isStopping.store(true, ordering: .relaxed)
        gs_gate_open(gate)
        gs_gate_wait(ended, 10_000_000_000)
    }

    private func run() {
        let tail = JournalTail(disk)
        var hasBegun = false
        while !isStopping.load(ordering: .relaxed) {
            do {
                if !hasBegun { try begin() }
                hasBegun = true
                if try look(tail) { continue }
                gs_gate_wait(gate, Self.pause)
            } catch {
                hasBegun = false
                let text = "\(error)"
                if picture.failure != text { onProblem(text) }
                shown.withLock { $0.failure = text }
                gs_gate_wait(gate, Self.pauseAfterFailure)
            }
        }
    }

    /// Where the thread begins, with nothing seen yet.
    private func begin() throws {
        taken = TakenBets()
        watches = MoneyKind.allCases.map { _ in IntegrityWatch(rules: rules) }
        (position, point) = (.beginning, nil)
        let old = gs_wall_nanoseconds() - rules.newHours * 3_600_000_000_000
        var found: JournalEnd?
        for sequence in try SnapshotShelf(disk).finished() {
            let reader = SnapshotReader(disk, name: SnapshotFormat.name(sequence))
            guard let end = try? reader.end(), try JournalReader(disk).holds(end) else { continue }
            found = end
            if end.lastTime <= old { break }
        }
        guard let found else { return }
        let hasAll = try disk.names().contains(JournalFormat.segmentName(1))
        if found.lastTime > old, hasAll, found.segment <= Self.mostSegments { return }
        position = JournalPosition(segment: found.segment, offset: found.offset)
        point = JournalPoint(
            incarnation: found.incarnation, sequence: found.lastSequence, block: found.lastHeader)
    }

    /// Whether there was something to look at.
    private func look(_ tail: JournalTail<D>) throws -> Bool {
        let last = durable()
        let reached = point?.sequence ?? 0
        guard reached < last else {
            show()
            return false
        }
        let before = watches.map(\.alertsRaised)
        position = try tail.read(from: position, after: point, upTo: last) { block in
            block.forEachRecord { record in
                guard let bet = taken.read(record) else { return }
                watches[Int(bet.money.rawValue) - 1].note(bet.watched)
            }
            point = block.point
        }
        show()
        for (place, money) in MoneyKind.allCases.enumerated() {
            let fresh = watches[place].alertsRaised - before[place]
            for alert in watches[place].alerts.suffix(fresh)
            where alert.until.nanoseconds >= started
                && told.insert(Told(money, alert)).inserted
            {
                onAlert(money, alert)
            }
        }
        if told.count > 2 * IntegrityWatch.mostAlerts { forgetTold() }
        return true
    }

    /// What is not kept any more is not read again either.
    private func forgetTold() {
        var kept: Set<Told> = []
        for (place, money) in MoneyKind.allCases.enumerated() {
            for alert in watches[place].alerts { kept.insert(Told(money, alert)) }
        }
        told = kept
    }

    private func show() {
        let reached = point?.sequence ?? 0
        guard picture.asOf != reached || picture.failure != nil else { return }
        var found: [(money: MoneyKind, alert: IntegrityAlert)] = []
        for (place, money) in MoneyKind.allCases.enumerated() {
            found += watches[place].alerts.map { (money, $0) }
        }
        found.sort { ($0.alert.from, $0.alert.market) < ($1.alert.from, $1.alert.market) }
        shown.withLock {
            $0.asOf = reached
            $0.alerts = found
            $0.failure = nil
        }
    }
}
