import Betting
import Catalogue
import Customers
import EngineCore
import EngineJournal
import EngineService
import FeedCore
import FeedService
import Judge
import Kernel
import Ledger
import Projection
import ProjectionService

/// A message on the wire.
enum Message {
    case openAccount(client: Int)
    case signIn(client: Int)
    case deposit(client: Int)
    case setLimit(client: Int, LimitWish)
    /// `isChanged`: another body under the same id.
    case place(client: Int, intent: Int, isChanged: Bool)
    case cashOut(client: Int, sale: Int)
    case cashOutRule(client: Int, bet: UInt64, atLeast: Int64?)
    case feed(FeedSaying)
    case desk(DeskSaying)
}

/// What a client asks of one of its own limits.
struct LimitWish {
    var kind: LimitKind
    var period: LimitPeriod
    /// Nil for none.
    var amount: Int64?
    /// The version that it saw; nil when it does not matter.
    var expected: UInt64?
}

/// What a client hears.
enum Answer {
    case account(AccountID)
    case signedIn(SessionID)
    case deposited
    case limited(LimitWish, version: UInt64)
    case placed(intent: Int, isChanged: Bool, Placed)
    /// A bet that had waited was decided.
    case pushed(Placed)
    case sold(sale: Int, CashOutShown)
    case busy
}

/// Boxed, so that moving one in the queue moves a pointer.
indirect enum Event {
    case clientWakes(Int)
    case arrives(Message)
    case hears(client: Int, Answer)
    case turn
    case idle(turns: UInt64)
    case start
    case supplierTick
    case feedTurn
    case rowsTurn
    case deskTick
    case clockStep
    case makeSegment
    case snapshotTick
    case writeSnapshot
    case roomComes
}

/// The platform below its sockets (feed runner, intake, engine, journal, snapshots, projected rows), with its
/// supplier, its desk and its clients, in one thread and in virtual time. Everything follows from the seed.
public final class Simulation {
    let plan: SimulationPlan
    @exclusivity(unchecked) var random: SeededGenerator
    let clock: SimulatedClock
    let disk: SimulatedDisk
    @exclusivity(unchecked) var queue = EventQueue<Event>()
    @exclusivity(unchecked) var host: EngineHost<SimulatedDisk, SimulatedClock>?
    let batch: IntakeBatch
    @exclusivity(unchecked) private var tokens: [Token: Message] = [:]
    @exclusivity(unchecked) private var nextToken: Token = 1
    @exclusivity(unchecked) var turns: UInt64 = 0
    @exclusivity(unchecked) private var turnAt: Int64?
    private var lacksSegment = false
    @exclusivity(unchecked) var encoder = CommandEncoder()
    @exclusivity(unchecked) var judge: Judge
    @exclusivity(unchecked) private var witness = Witness()
    @exclusivity(unchecked) var acknowledged = JournalPoint(
        incarnation: 0, sequence: 0, block: .zero)
    @exclusivity(unchecked) private var liveHash = StateHash()
    @exclusivity(unchecked) var clients: [SimulatedClient] = []
    @exclusivity(unchecked) var owners: [AccountID: Int] = [:]
    @exclusivity(unchecked) var supplier: SimulatedSupplier
    private(set) var isSafetyPhase = true
    let line: SimulatedFeed
    @exclusivity(unchecked) var runner: FeedRunner?
    @exclusivity(unchecked) var feedTurnAt: Int64?
    let rows = SimulatedRows()
    @exclusivity(unchecked) var follower: ProjectionFollower<SimulatedRows>?
    @exclusivity(unchecked) var rowsTurnAt: Int64?
    /// Whose sign-in is durable, by session.
    @exclusivity(unchecked) var sessions: [UInt64: AccountID] = [:]
    /// Bets that wait, with the markets of their legs.
    @exclusivity(unchecked) var waitingLegs: [UInt64: [UInt64]] = [:]
    private var snapshot: (copy: SnapshotCopy, round: SnapshotRound<SimulatedDisk>)?
    var isStarting = false
    /// Where the block after the last one that was heard stands.
    @exclusivity(unchecked) private var heardUpTo = JournalPosition.beginning
    /// One record changed the state of many markets: the runner says anew which are open.
    private var manyWereShut = false
    /// How each intent was decided at once; nil for taken.
    @exclusivity(unchecked) private var decided: [UInt64: Refusal?] = [:]
    @exclusivity(unchecked) public internal(set) var result: SimulationResult
    /// Told what happens, when somebody wants to read it.
    public var story: ((String) -> Void)?

    static let segmentBytes = 1 << 19
    /// Bytes of a segment that are kept for what the engine does by itself while there is no next one.
    static let reserve = 256 << 10
    static let journal = ExternalID(high: 0x51, low: 0x3a)

    public init(_ plan: SimulationPlan) {
        self.plan = plan
        random = SeededGenerator(seed: plan.seed)
        clock = SimulatedClock(
            wall: 1_790_000_000_000_000_000 + Int64(plan.seed % 1000) * 1_000_003)
        disk = SimulatedDisk(clock: clock, seed: plan.seed ^ 0xd15c)
        batch = IntakeBatch(capacity: plan.has(.smallIntake) ? 24 : 512)
        var rules = JudgeRules()
        rules.pendingPerAccount = plan.rules.pendingPerAccount
        rules.refusedPerAccount = plan.rules.refusedPerAccount
        rules.openBetsPerAccount = plan.rules.openBetsPerAccount
        rules.correctionWindow = plan.rules.correctionWindow
        rules.idAge = plan.rules.idAge
        rules.idWindow = plan.rules.idWindow
        rules.limitCoolingOff = plan.rules.limitCoolingOff
        rules.lines = plan.rules.lines
        judge = Judge(rules: rules)
        supplier = SimulatedSupplier(plan)
        line = SimulatedFeed(clock, &random)
        result = SimulationResult(seed: plan.seed)
        var faults = DiskFaults()
        if plan.has(.crashes) { faults.crash = random.number(in: 5...40) }
        if plan.has(.writeErrors) { faults.error = random.number(in: 5...40) }
        if plan.has(.readErrors) { faults.readError = random.number(in: 1...10) }
        if plan.has(.lostWrites) { faults.lost = random.number(in: 5...40) }
        if plan.has(.misdirectedWrites) { faults.misdirected = random.number(in: 5...40) }
        if plan.has(.rot) { faults.rot = 3000 }
        if plan.has(.lateWrites) { faults.late = 6000 }
        faults.latency = plan.has(.slowDisk) ? 60_000_000 : 90_000
        disk.faults = faults
        if plan.has(.fullDisk) { disk.room = Self.segmentBytes * random.number(in: 2...3) }
    }

    func tell(_ text: @autoclosure () -> String) {
        guard let story else { return }
        let seconds = String((clock.now - 1_000_000_000) / 1_000_000)
        let padded = String(repeating: " ", count: max(0, 9 - seconds.utf8.count)) + seconds
        story("\(padded) ms  " + text())
    }

    func object(_ text: String) {
        tell("PROBLEM: \(text)")
        guard result.problems.count < 20 else { return }
        result.problems.append(text)
    }

    private func trace(_ kind: UInt64, _ one: UInt64, _ other: UInt64 = 0) {
        var mix = RowMix(kind: kind, row: UInt64(bitPattern: clock.now))
        mix.combine(one, other)
        mix.combine(result.trace.high, result.trace.low)
        result.trace.add(mix)
    }

    // MARK: A life

    public func run() -> SimulationResult {
        tell("seed \(plan.seed): \(plan.text)")
        rows.maySync = { [unowned self] in random.number(in: 0...3) > 0 }
        for index in 0..<plan.clients {
            clients.append(SimulatedClient(index, self))
            queue.add(.clientWakes(index), at: clock.now + after(10))
        }
        queue.add(.start, at: clock.now)
        queue.add(.supplierTick, at: clock.now + 1_000_000)
        if plan.has(.byHand) || plan.has(.promotions) || plan.has(.marketLimits)
            || plan.has(.traders)
        {
            queue.add(.deskTick, at: clock.now + after(5000))
        }
        if plan.has(.clockSteps) { queue.add(.clockStep, at: clock.now + after(60_000)) }
        if plan.has(.snapshots) { queue.add(.snapshotTick, at: clock.now + after(20_000)) }
        if plan.has(.fullDisk) { queue.add(.roomComes, at: clock.now + after(400_000)) }
        // A life in which nothing can be reached ends, too.
        let most = clock.now + 7_200_000_000_000
        while isSafetyPhase, result.problems.isEmpty, !result.isRefused, clock.now < most {
            step()
            // Every life has a crash, whatever its features.
            if result.crashes == 0, result.commands > plan.commands / 2, host != nil, disk.mayFail {
                die(.disk(.failed("the power fails", errno: 5)))
            }
            if judge.sequence > 0, result.commands >= plan.commands, result.crashes > 0 {
                isSafetyPhase = false
            }
        }
        if result.problems.isEmpty, !result.isRefused { finish() }
        result.problems += judge.problems.prefix(20 - min(20, result.problems.count))
        result.bets = judge.betCount
        trace(9, judge.sequence, UInt64(result.problems.count))
        if result.isRefused, result.problems.isEmpty, result.commands < plan.commands {
            beginAnew()
        }
        return result
    }

    /// A device lied and recovery said so: whoever runs the place begins a new journal on a better one.
    private func beginAnew() {
        tell("a new journal is begun on another device")
        var rest = plan
        rest.features.subtract([.lostWrites, .misdirectedWrites, .rot, .lateWrites])
        rest.commands = plan.commands - result.commands
        let next = Simulation(rest)
        next.story = story
        result.add(next.run())
    }

    /// Nanoseconds until something that happens every `milliseconds` on average.
    func after(_ milliseconds: Int) -> Int64 {
        Int64(random.number(in: 0...max(1, milliseconds * 2_000_000)))
    }

    private func step() {
        guard let (time, event) = queue.next() else { return }
        clock.now = max(clock.now, time)
        switch event {
        case .clientWakes(let client):
            clients[client].wake(self)
            if isSafetyPhase { queue.add(.clientWakes(client), at: clock.now + after(plan.think)) }
        case .arrives(let message): receive(message)
        case .hears(let client, let answer): clients[client].hear(answer, self)
        case .turn:
            guard turnAt == time || turnAt == nil || turnAt! <= clock.now else { return }
            turnAt = nil
            turn()
        case .idle(let seen):
            guard seen == turns, let host else { return }
            do { try host.confirm() } catch { die(error) }
        case .start: start()
        case .supplierTick:
            supplier.tick(self)
            if isSafetyPhase { queue.add(.supplierTick, at: clock.now + after(plan.feedPause)) }
        case .feedTurn:
            guard let due = feedTurnAt, due <= clock.now else { return }
            feedTurnAt = nil
            turnFeed()
        case .rowsTurn:
            guard let due = rowsTurnAt, due <= clock.now else { return }
            rowsTurnAt = nil
            turnRows()
        case .deskTick:
            supplier.deskTick(self)
            if isSafetyPhase { queue.add(.deskTick, at: clock.now + after(8000)) }
        case .clockStep:
            guard isSafetyPhase else { return }
            let step = Int64(random.number(in: -20_000...20_000)) * 1_000_000
            clock.wallOffset += step
            tell("the wall clock steps by \(step / 1_000_000) ms")
            queue.add(.clockStep, at: clock.now + after(120_000))
        case .makeSegment: makeSegment()
        case .snapshotTick:
            beginSnapshot()
            if isSafetyPhase { queue.add(.snapshotTick, at: clock.now + after(40_000)) }
        case .writeSnapshot: writeSnapshot()
        case .roomComes:
            disk.room = .max
            tell("the disk has room again")
        }
    }

    // MARK: The wire

    /// From a client: lost, repeated or late as the seed has it.
    func send(_ message: Message) {
        deliver(.arrives(message), base: 200_000)
    }

    private func send(_ answer: Answer, to client: Int) {
        if isSafetyPhase, plan.has(.halfOpen), clients[client].isDeaf(self) { return }
        deliver(.hears(client: client, answer), base: 200_000)
    }

    private func deliver(_ event: Event, base: Int64) {
        guard isSafetyPhase else { return queue.add(event, at: clock.now + base) }
        if plan.has(.lostMessages), random.number(in: 0...99) < 8 { return }
        var delay = base
        if plan.has(.reorderedMessages) { delay += after(random.number(in: 0...9) == 0 ? 2000 : 5) }
        queue.add(event, at: clock.now + delay)
        if plan.has(.repeatedMessages), random.number(in: 0...99) < 8 {
            queue.add(event, at: clock.now + delay + after(1000))
        }
    }

    // MARK: The server

    private func receive(_ message: Message) {
        guard host != nil else { return }
        guard !isShortOfSpace else { return refuse(message) }
        let token = nextToken
        guard let record = record(of: message), batch.add(record, token: token) else {
            return refuse(message)
        }
        nextToken += 1
        tokens[token] = message
        wake(after: 50_000)
    }

    /// Nothing was taken and nothing is journalled.
    private func refuse(_ message: Message) {
        switch message {
        case .openAccount(let client), .signIn(let client), .deposit(let client),
            .setLimit(let client, _),
            .place(let client, _, _), .cashOut(let client, _), .cashOutRule(let client, _, _):
            tell("busy for client \(client)")
            send(.busy, to: client)
        default: break
        }
    }

    private func record(of message: Message) -> RecordBytes? {
        switch message {
        case .openAccount(let client): clients[client].openAccount(&encoder)
        case .signIn(let client): clients[client].signIn(&encoder)
        case .deposit(let client): clients[client].deposit(&encoder)
        case .setLimit(let client, let wish): clients[client].limit(wish, &encoder)
        case .place(let client, let intent, let isChanged):
            clients[client].record(of: intent, isChanged: isChanged, &encoder)
        case .cashOut(let client, let sale): encoder.cashOut(clients[client].sales[sale].intent)
        case .cashOutRule(let client, let bet, let atLeast):
            clients[client].rule(bet, atLeast, &encoder)
        case .feed(let saying): saying.record(&encoder)
        case .desk(let saying): saying.record(&encoder)
        }
    }

    func wake(after nanoseconds: Int64) {
        let wanted = clock.now + nanoseconds
        if let turnAt, turnAt <= wanted { return }
        turnAt = wanted
        queue.add(.turn, at: wanted)
    }

    var isShortOfSpace: Bool {
        guard let host else { return false }
        return lacksSegment && host.roomLeft < Self.reserve
    }

    private func turn() {
        guard let host else { return }
        turns += 1
        defer { batch.removeAll() }
        host.projected = follower?.applied ?? 0
        do {
            try host.turn(batch) { durable($0) }
        } catch { return die(error) }
        host.copySlice()
        compareTotals(host)
        if turns % 64 == 0 { audit() }
        if let due = host.nanosecondsUntilDue() { wake(after: max(1000, due)) }
        queue.add(.idle(turns: turns), at: clock.now + 100_000_000)
    }

    /// A block that is on the disk: only now may anybody learn of it.
    private func durable(_ block: DurableBlock) {
        block.forEachRecord { hear($0) }
        hearLast()
        if manyWereShut, let runner {
            manyWereShut = false
            runner.refresh()
            line.isDoubted = true
            wakeFeed(at: clock.now + 1_000_000)
        }
        acknowledged = block.point
        heardUpTo = block.following
        liveHash = host?.stateHash ?? liveHash
        handToRows(block)
        for completion in block.completions {
            guard let message = tokens.removeValue(forKey: completion.token) else { continue }
            if case .signIn(let client) = message {
                send(.signedIn(SessionID(completion.sequence)), to: client)
            } else if completion.slot != .max {
                answer(message, block.record(at: Int(completion.slot)))
            }
        }
        block.forEachRecord { record in
            if record.kind == .placed, record.cause != record.sequence - 1 || record.flags != 0 {
                push(record)
            }
        }
    }

    private func hear(_ record: RecordBytes) {
        supplier.learn(record)
        switch record.kind {
        case .recovered: manyWereShut = true
        case .marketChanged where record.field(Layout.MarketChanged.market, as: UInt64.self) == .max:
            manyWereShut = true
        case .session: sessions[record.sequence] = record.account
        case .place:
            let session = record.field(Layout.Place.session, as: UInt64.self)
            if sessions[session] != record.account {
                object("bet \(record.sequence) is of a session that is not durable")
            }
        case .cashOut, .cashOutRule:
            let session = record.field(Layout.CashOut.session, as: UInt64.self)
            if sessions[session] != record.account {
                object("cash-out \(record.sequence) is of a session that is not durable")
            }
        default: break
        }
        if let said = witness.hear(record) { judged(said) }
    }

    private func hearLast() {
        if let said = witness.finish() { judged(said) }
    }

    private func judged(_ said: Testimony) {
        result.commands += 1
        trace(1, said.sequence, UInt64(bitPattern: said.time))
        if story != nil { narrate(said) }
        judge.hear(said)
        checkSilence(said)
        if case .place = said.command, case .placed(let placed)? = said.outcomes.first,
            !placed.isRepeat
        {
            let refusal = Refusal(rawValue: placed.refusal)
            if refusal?.isCapacity != true { decided[said.sequence] = refusal }
        }
        for outcome in said.outcomes {
            if case .settled = outcome { result.settled += 1 }
        }
        if !judge.problems.isEmpty, result.problems.isEmpty {
            object("the judge does not agree: \(judge.problems[0])")
        }
    }

    private func answer(_ message: Message, _ record: RecordBytes) {
        switch message {
        case .openAccount(let client):
            guard record.field(Layout.AccountChanged.refusal, as: UInt16.self) != 5 else { return }
            owners[record.account] = client
            send(.account(record.account), to: client)
        case .signIn: break
        case .deposit(let client): send(.deposited, to: client)
        case .setLimit(let client, let wish):
            let version = record.field(Layout.LimitChanged.version, as: UInt64.self)
            send(.limited(wish, version: version), to: client)
        case .place(let client, let intent, let isChanged):
            guard let placed = Self.placed(record) else { return }
            if placed.isRepeat { result.repeats += 1 }
            send(.placed(intent: intent, isChanged: isChanged, placed), to: client)
        case .cashOut(let client, let sale):
            guard case .cashOut(let shown)? = Witness.outcome(record) else { return }
            if shown.isRepeat { result.repeats += 1 }
            send(.sold(sale: sale, shown), to: client)
        case .feed, .cashOutRule: break
        case .desk: supplier.answered(record)
        }
    }

    private func push(_ record: RecordBytes) {
        guard let client = owners[record.account], let placed = Self.placed(record),
            !placed.isRepeat
        else { return }
        send(.pushed(placed), to: client)
    }

    private static func placed(_ record: RecordBytes) -> Placed? {
        guard case .placed(let placed)? = Witness.outcome(record) else { return nil }
        return placed
    }

    /// The process ends at once; what was not answered is for recovery to decide.
    func die(_ error: HostError) {
        result.crashes += 1
        trace(2, acknowledged.sequence)
        tell("the server dies (\(error)); \(tokens.count) commands are unanswered")
        host = nil
        snapshot = nil
        runner = nil
        follower = nil
        feedTurnAt = nil
        rowsTurnAt = nil
        // A process that dies leaves what it committed; a machine that does not.
        if random.number(in: 0...1) == 0 {
            rows.losePower { self.random.number(in: 0...$0) }
        }
        batch.removeAll()
        tokens.removeAll()
        turnAt = nil
        queue.add(.start, at: clock.now + 200_000_000 + after(1500))
    }

    private func start() {
        guard host == nil else { return }
        disk.restart()
        witness = Witness()
        lacksSegment = false
        var sawAcknowledged = acknowledged.sequence == 0
        let limits = limits
        var cell = CellConfiguration()
        cell.customerCap = plan.has(.payoutCaps) ? plan.customerCap : 0
        cell.dayCap = plan.has(.payoutCaps) ? plan.dayCap : 0
        isStarting = true
        defer { isStarting = false }
        do {
            let follower = try ProjectionFollower(rows)
            let started = try EngineHost(
                disk: disk, clock: clock, limits: limits, cell: cell,
                segmentBytes: Self.segmentBytes,
                newJournal: Self.journal, rules: [plan.rules],
                usesSnapshots: true,
                prepare: { [unowned self] in prepare($0) },
                observe: { block in
                    try follower.locate(block)
                    if block.point == acknowledged { sawAcknowledged = true }
                })
            if started.report.snapshot == acknowledged.sequence { sawAcknowledged = true }
            if started.report.snapshot > acknowledged.sequence {
                object("a snapshot knows what nobody was told")
            }
            try hearUnanswered(upTo: started.report.records)
            for text in started.report.unusable { tell("not used: \(text)") }
            if started.report.snapshot > 0 { result.restored += 1 }
            started.chunksPerSlice = 1
            if !sawAcknowledged {
                object(
                    "acknowledged record \(acknowledged.sequence) is not there after recovery from snapshot \(started.report.snapshot), \(started.report.records) records"
                )
            }
            if liveHash != StateHash(), started.report.stateHash != liveHash {
                object("replay gives \(started.report.stateHash), live was \(liveHash)")
            }
            tell(
                "the server starts with \(started.report.records) records"
                    + (started.report.snapshot > 0
                        ? ", from snapshot \(started.report.snapshot)" : "")
                    + (started.report.tornBytes > 0 ? ", a torn block is cut" : ""))
            host = started
            // So little at a time that a death may come between two goes.
            follower.source = JournalTail(disk, mostBytes: 20_000)
            self.follower = follower
            if follower.applied > acknowledged.sequence {
                object("the rows know what nobody was told")
            }
            wakeRows(after: 1_000_000)
            startFeed()
            audit()
            supplier.serverCame(self)
            wake(after: 1000)
        } catch let error as HostError {
            failedToStart(error)
        } catch {
            object("the rows cannot be opened: \(error)")
        }
    }

    /// What was written and not answered is decided once the server has started with it.
    private func hearUnanswered(upTo last: UInt64) throws {
        guard last > acknowledged.sequence else { return }
        let faults = disk.faults
        disk.faults = DiskFaults()
        defer { disk.faults = faults }
        var place = heardUpTo
        while acknowledged.sequence < last {
            place = try JournalTail(disk).read(
                from: place, after: acknowledged.sequence > 0 ? acknowledged : nil, upTo: last
            ) { block in
                block.forEachRecord { hear($0) }
                hearLast()
                acknowledged = block.point
            }
        }
        heardUpTo = place
        liveHash = StateHash()
    }

    private func failedToStart(_ error: HostError) {
        switch error {
        case .corrupt(let corruption) where disk.hasLied:
            result.isRefused = true
            tell("recovery refuses to start: \(corruption.text)")
        case .misfit(let text) where disk.hasLied:
            result.isRefused = true
            tell("recovery refuses to start: \(text)")
        case .disk:
            // The first write of a life can fail as any other.
            result.crashes += 1
            queue.add(.start, at: clock.now + 200_000_000 + after(1500))
        default: object("the server does not start: \(error)")
        }
    }

    /// The helper that makes segments ahead of need.
    private func prepare(_ segment: UInt32) {
        nextSegment = segment
        makeSegment()
    }

    private var nextSegment: UInt32 = 0

    private func makeSegment() {
        guard nextSegment > 0 else { return }
        do {
            try disk.createZeroed(
                JournalFormat.segmentName(nextSegment), bytes: Self.segmentBytes)
            if lacksSegment { tell("the next segment is made, intake goes on") }
            lacksSegment = false
        } catch {
            if !lacksSegment { tell("there is no room for the next segment") }
            lacksSegment = true
            queue.add(.makeSegment, at: clock.now + 1_000_000_000)
        }
    }

    private func audit() {
        guard let host else { return }
        for problem in host.engine.audit() { object("the engine's own audit: \(problem)") }
        judge.checkBooks()
        compareTotals(host)
        for promotion in host.engine.allPromotions {
            judge.checkPromotion(
                promotion.number, version: promotion.version, bonus: promotion.bonus,
                free: promotion.free)
        }
    }

    /// What all customers and the house have, after every turn.
    private func compareTotals(_ host: EngineHost<SimulatedDisk, SimulatedClock>) {
        let totals = judge.totals
        let ours = [
            host.engine.total(.cash, .demo), host.engine.total(.held, .demo),
            host.engine.total(.openBets, .demo), -host.engine.total(.receivable, .demo),
            host.engine.total(.houseResult, .demo), host.engine.total(.bonus, .demo),
            -host.engine.total(.promotions, .demo),
        ]
        let theirs = totals.customers
        if ours != [
            theirs.cash, theirs.held, theirs.openBets, theirs.receivable, totals.house,
            theirs.bonus, totals.granted,
        ] {
            object("the engine's totals are \(ours), the judge's \(totals)")
        }
    }

    // MARK: Faults off: everyone must finish

    private func finish() {
        tell("faults are off; everyone must finish")
        disk.faults = DiskFaults()
        disk.room = .max
        if plan.has(.smallLimits) || plan.has(.fullDisk) { makeSegment() }
        line.cutUntil = .min
        settleDown(seconds: 5)
        supplier.serverCame(self)
        settleDown(seconds: 1)
        say([.heartbeat])
        settleDown(seconds: 1)
        if result.problems.isEmpty, !result.isRefused { supplier.checkConvergence(self) }
        for round in 0..<40 {
            guard !result.isRefused else { return }
            let open = clients.indices.filter { clients[$0].hasUnresolved }
            guard !open.isEmpty else { break }
            if round == 39 {
                let intents = open.map { clients[$0].unresolvedText }.joined(separator: "; ")
                object("clients never got an answer: \(intents)")
            }
            for client in open { clients[client].askAgain(self) }
            settleDown(seconds: 31)
        }
        supplier.resolveAll(self)
        settleDown(seconds: 31)
        // Whatever is sold by its rule after the last price waits as long as a bet.
        if judge.pendingCount > 0 { settleDown(seconds: 60) }
        guard !result.isRefused else { return }
        guard let host else { return object("the server is down although faults are off") }
        if judge.pendingCount > 0 { object("\(judge.pendingCount) bets wait for ever") }
        judge.checkQuiet()
        audit()
        for _ in 0..<1000 where (follower?.applied ?? .max) < acknowledged.sequence { turnRows() }
        if follower?.applied != acknowledged.sequence { object("the rows never caught up") }
        checkRows()
        checkReplay(host.stateHash)
        trace(3, host.stateHash.high, host.stateHash.low)
        tell("state hash \(host.stateHash)")
    }

    /// Lets virtual time pass until nothing happens any more, or `seconds` are over.
    private func settleDown(seconds: Int64) {
        let until = clock.now + seconds * 1_000_000_000
        queue.add(.idle(turns: .max), at: until)
        while clock.now < until, result.problems.isEmpty, !result.isRefused { step() }
    }

    // MARK: Snapshots

    private func beginSnapshot() {
        guard let host, snapshot == nil, !host.isCopying, !isShortOfSpace else { return }
        let copy = SnapshotCopy(spares: 2)
        do {
            try host.beginSnapshot(copy) { durable($0) }
        } catch { return die(error) }
        tell("a snapshot is begun after record \(acknowledged.sequence)")
        snapshot = (copy, SnapshotRound(disk))
        host.copySlice()
        queue.add(.writeSnapshot, at: clock.now + after(20))
        wake(after: 100_000)
    }

    /// The helper writes what there is, and at the end looks at what it wrote as another process would.
    private func writeSnapshot() {
        guard let (copy, round) = snapshot, host != nil else { return }
        do {
            guard let finished = try round.write(copy) else {
                if copy.isAbandoned { return snapshot = nil }
                wake(after: 100_000)
                return queue.add(.writeSnapshot, at: clock.now + after(20))
            }
            snapshot = nil
            try keepSnapshot(finished)
        } catch {
            // The engine is not told: it goes on, and another is tried later.
            tell("the snapshot is given up: \(error)")
            copy.abandon()
            host?.copySlice()
            snapshot = nil
        }
    }

    private func keepSnapshot(_ sequence: UInt64) throws {
        var engine = Engine(limits: limits, seed: plan.seed &+ 99, rules: [plan.rules])
        do {
            _ = try SnapshotShelf(disk).open(sequence, into: &engine, isAccepted: false)
        } catch let problem as SnapshotProblem {
            if !disk.hasLied {
                object("a snapshot that was written cannot be read: \(problem.text)")
            }
            return try SnapshotShelf(disk).reject(sequence)
        }
        for problem in engine.audit() { object("the audit of a snapshot: \(problem)") }
        try SnapshotShelf(disk).accept(sequence)
        result.snapshots += 1
        tell("snapshot \(sequence) is loaded and compared")
        let record = encoder.snapshotKept(
            sequence: sequence, bytes: 0, digest: [UInt8](repeating: 0, count: 32))
        if batch.add(record, token: 0) { wake(after: 50_000) }
        try SnapshotShelf(disk).prune()
        guard plan.has(.retention), let host else { return }
        for segment in try SnapshotShelf(disk).coveredSegments()
        where segment < min(host.position.segment, follower?.segmentNeeded ?? 0) {
            tell("segment \(segment) is dropped")
            try disk.remove(JournalFormat.segmentName(segment))
        }
    }

    private var limits: EngineLimits {
        var limits = EngineLimits(
            accounts: 64, openBets: 20_000, ids: 20_000, reservedIDs: 64, reservedBets: 64,
            timers: 1024, fixtures: 64, markets: 256)
        if plan.has(.smallLimits) { limits.timers = 4 }
        return limits
    }

    /// The journal alone gives the same state, with hash tables scattered otherwise.
    private func checkReplay(_ live: StateHash) {
        var engine = Engine(
            limits: EngineLimits(
                accounts: 64, openBets: 20_000, ids: 20_000, reservedIDs: 64, reservedBets: 64,
                timers: 1024, fixtures: 64, markets: 256), seed: plan.seed &+ 77,
            rules: [plan.rules])
        var replay = Replay()
        // What is said to a customer about a bet must be what decided about it.
        var explained: [UInt64: Refusal?] = [:]
        replay.beforeCommand = { command, engine in
            guard command.kind == .place else { return }
            let checks = engine.explain(command)
            explained[command.sequence] = checks.first { !$0.isPassed }?.rule
        }
        do {
            let segments = try disk.names().compactMap(JournalFormat.segmentNumber)
            // Without its beginning a journal is replayed at every start, not here.
            guard segments.contains(1) else { return }
            _ = try JournalReader(disk).scan { try replay.apply($0, to: &engine) }
            try replay.finish()
            for (sequence, refusal) in decided.sorted(by: { $0.key < $1.key })
            where explained[sequence] ?? nil != refusal {
                object("bet \(sequence) is explained otherwise than it was decided")
            }
            if engine.stateHash != live { object("replay from nothing gives another state") }
        } catch is Corruption where disk.hasLied {
            result.isRefused = true
        } catch { object("the journal cannot be replayed: \(error)") }
    }
}
