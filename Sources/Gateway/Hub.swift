import Betting
import EngineCore
public import EngineService
import Kernel
import NetworkCodecs
public import NetworkLoops
import Synchronization

/// What a waiting command gets: its first outcome when it has one, and its own sequence.
typealias CommandAnswer = (RecordBytes?, UInt64) -> Void

/// What a client hears when nothing was taken: nothing is journalled and no id is used up.
enum IntakeRefusal {
    case busy
    case noSpace

    var code: String {
        switch self {
        case .busy: "busy"
        case .noSpace: "no_space"
        }
    }

    var text: String {
        switch self {
        case .busy: "Too much at this moment. Nothing was changed; try again."
        case .noSpace:
            "No bets are taken: there is no room to write them down. Nothing was changed."
        }
    }

    var problem: Problem {
        var problem = Problem(503, code, text)
        problem.fields = [("retry-after", self == .busy ? "1" : "10")]
        return problem
    }
}

/// Somebody whose commands are answered without a closure for each.
protocol CommandOwner: AnyObject {
    /// `tag` is what was handed over with the command.
    func answered(_ record: RecordBytes?, sequence: UInt64, tag: ExternalID)
}

/// Who waits for what was handed to the engine, by a token that is never given twice.
///
/// Bound: `capacity` at a time.
struct WaitingCommands {
    struct Slot {
        var token: Token = 0
        var owner: (any CommandOwner)?
        var tag = ExternalID.zero
        var answer: CommandAnswer?
    }

    private var slots: [Slot] = []
    private var free: [Int] = []
    private var generation: UInt64 = 0
    private let mark: UInt64
    let capacity: Int

    /// The loop's index in the upper byte tells the readers of blocks whose answer it is.
    init(loop: Int, capacity: Int) {
        mark = UInt64(loop + 1)
        self.capacity = capacity
    }

    var count: Int { slots.count - free.count }

    /// Upper byte: the loop; then 32 bits of a count; lower 24 bits: the place here. Nil when full.
    mutating func add(
        _ owner: (any CommandOwner)?, tag: ExternalID, _ answer: CommandAnswer?
    ) -> Token? {
        if free.isEmpty {
            guard slots.count < capacity else { return nil }
            free.append(slots.count)
            slots.append(Slot())
        }
        let place = free.removeLast()
        generation = (generation + 1) & 0xffff_ffff
        let token = mark << 56 | generation << 24 | UInt64(place)
        slots[place].token = token
        slots[place].owner = owner
        slots[place].tag = tag
        slots[place].answer = answer
        return token
    }

    mutating func remove(_ token: Token) {
        let place = Int(token & 0xff_ffff)
        guard place < slots.count, slots[place].token == token else { return }
        slots[place] = Slot()
        free.append(place)
    }

    /// Who waits for the answer, once; nil for a token of another loop.
    mutating func take(_ token: Token) -> Slot? {
        guard token >> 56 == mark else { return nil }
        let place = Int(token & 0xff_ffff)
        guard place < slots.count, slots[place].token == token else { return nil }
        let slot = slots[place]
        slots[place] = Slot()
        free.append(place)
        return slot
    }
}

/// Somebody who watches topics on one loop.
protocol TopicWatcher: AnyObject {
    var socket: WebSocketConnection? { get }
    /// A market's news could not be sent now: send its image once there is room.
    func postpone(market: MarketID)
    func postponeFixtures()
    /// Whether an image of the market is owed already: then a delta would leave a gap.
    func owes(market: MarketID) -> Bool
}

/// Where durable facts meet one loop's clients: waiting commands are answered, views folded, topics
/// pushed; bets and wallets first.
///
/// Lives on its loop. Bounds: `mostWaiting` commands; deltas kept by `DeltaHistory`.
public final class Hub {
    public let loop: Loop
    public private(set) var view: CatalogueView
    private let intake: any EngineIntake
    private var waiting: WaitingCommands
    /// Told on this loop when one record changed the state of many markets: whoever feeds them says anew
    /// which are open.
    public var onManyShut: (() -> Void)?
    /// Commands handed over since the engine was last woken.
    private var unannounced = 0
    private var encoder = CommandEncoder()
    private var marketWatchers: [MarketID: [ObjectIdentifier: any TopicWatcher]] = [:]
    private var fixtureWatchers: [ObjectIdentifier: any TopicWatcher] = [:]
    private var accountWatchers: [AccountID: [ObjectIdentifier: PunterSocket]] = [:]
    private var deskWatchers: [ObjectIdentifier: OperatorSocket] = [:]
    private var history: [MarketID: DeltaHistory] = [:]
    private(set) var ticker: [TickerLine] = []
    public private(set) var deltasSent: UInt64 = 0
    public private(set) var conflated: UInt64 = 0

    /// Commands of this loop that wait for their outcome.
    public static let mostWaiting = 16_384
    /// Commands of one turn that go to the engine with one wake-up.
    static let wakeEvery = 4

    /// On the loop's thread or before it runs.
    public init(loop: Loop, view: CatalogueView, intake: any EngineIntake) {
        self.loop = loop
        self.view = view
        waiting = WaitingCommands(loop: loop.index, capacity: Self.mostWaiting)
        self.intake = intake
        loop.afterFlush = { [unowned self] in
            if unannounced > 0 { announce() }
        }
    }

    // MARK: Commands

    /// Hands a command to the engine; false is `busy`, and nothing will be answered.
    func submit(
        _ answer: CommandAnswer?, _ make: (inout CommandEncoder) -> RecordBytes
    ) -> Bool {
        guard let answer else {
            let taken = intake.submitQuietly(make(&encoder), token: 0)
            if taken { count() }
            return taken
        }
        return submit(nil, tag: .zero, answer, make)
    }

    /// The same, answered by a call of `owner`, who is kept until then and gets `tag` back.
    func submit(
        for owner: any CommandOwner, tag: ExternalID,
        _ make: (inout CommandEncoder) -> RecordBytes
    ) -> Bool {
        submit(owner, tag: tag, nil, make)
    }

    private func submit(
        _ owner: (any CommandOwner)?, tag: ExternalID, _ answer: CommandAnswer?,
        _ make: (inout CommandEncoder) -> RecordBytes
    ) -> Bool {
        guard let token = waiting.add(owner, tag: tag, answer) else { return false }
        guard intake.submitQuietly(make(&encoder), token: token) else {
            waiting.remove(token)
            return false
        }
        count()
        return true
    }

    /// Why `submit` said no.
    var refusal: IntakeRefusal { intake.isShortOfSpace ? .noSpace : .busy }

    /// The engine is woken for every few commands, so that it writes while the loop reads on: with one
    /// wake-up a turn the two would take turns, and one of two cores would always wait.
    private func count() {
        unannounced += 1
        if unannounced >= Self.wakeEvery { announce() }
    }

    private func announce() {
        unannounced = 0
        intake.wake()
    }

    public var waitingCount: Int { waiting.count }

    // MARK: Durable facts

    /// A block is on the disk.
    func take(_ block: DurableBlock) {
        for completion in block.completions {
            let record =
                completion.slot == .max ? nil : block.record(at: Int(completion.slot))
            // Whoever is answered may ask for the next thing at once.
            guard let slot = waiting.take(completion.token) else { continue }
            slot.owner?.answered(record, sequence: completion.sequence, tag: slot.tag)
            slot.answer?(record, completion.sequence)
        }
        // What is somebody's own goes out before what everybody watches.
        block.forEachRecord { pushOwn($0) }
        block.forEachRecord { pushShared($0) }
        flushTopics()
    }

    private var dirtyFixtures: Set<FixtureID> = []

    private func pushOwn(_ record: RecordBytes) {
        switch record.kind {
        case .placed: pushPlaced(record)
        case .betSettled:
            for watcher in accountWatchers[record.account, default: [:]].values {
                watcher.push(Messages.settled(record, in: view))
            }
            note(TickerLine(settled: record))
        case .accountChanged:
            for watcher in accountWatchers[record.account, default: [:]].values {
                watcher.walletChanged(record)
            }
        default: break
        }
    }

    private func pushShared(_ record: RecordBytes) {
        let before: MarketView?
        if record.kind == .marketChanged {
            let id = MarketID(record.field(Layout.MarketChanged.market, as: UInt64.self))
            before = view.markets[id]
        } else {
            before = nil
        }
        switch view.take(record) {
        case .market(let id): marketChanged(id, before)
        case .fixture(let id): dirtyFixtures.insert(id)
        case .allMarkets:
            onManyShut?()
            for id in marketWatchers.keys { postponeAll(watching: id) }
            history = [:]
            for desk in deskWatchers.values { desk.needsImage = true }
        case .proposals: for desk in deskWatchers.values { desk.needsImage = true }
        case nil: break
        }
    }

    private func pushPlaced(_ record: RecordBytes) {
        note(TickerLine(placed: record))
        // A repeated answer, or one about an id that is too old, is between the asker and us.
        guard record.flags & Layout.Placed.repeated == 0,
            record.field(Layout.Placed.refusal, as: UInt16.self)
                != Refusal.idOutsideWindow.rawValue
        else { return }
        for watcher in accountWatchers[record.account, default: [:]].values {
            watcher.pushPlaced(record, in: view)
        }
    }

    private func note(_ line: TickerLine) {
        ticker.append(line)
        // Cut rarely and by much, so that a line costs no move of all the others.
        if ticker.count > TickerLine.kept * 2 { ticker.removeFirst(TickerLine.kept) }
        for desk in deskWatchers.values { desk.hasNews = true }
    }

    // MARK: Topics

    /// Every version goes out as a delta of its own, encoded once for all who watch.
    private func marketChanged(_ id: MarketID, _ before: MarketView?) {
        guard let market = view.markets[id] else { return }
        if before == nil { dirtyFixtures.insert(market.fixture) }
        for desk in deskWatchers.values { desk.changed(id) }
        let watchers = marketWatchers[id] ?? [:]
        let text = Messages.delta(market, since: before, in: view)
        let frame = WebSocketEncoder.frame(.text, text.span)
        history[id, default: DeltaHistory()].append(
            version: market.version, frame: frame, now: loop.milliseconds)
        for watcher in watchers.values {
            guard let socket = watcher.socket else { continue }
            if socket.isWritable, !watcher.owes(market: id) {
                socket.send(encoded: frame)
                deltasSent += 1
            } else {
                watcher.postpone(market: id)
                conflated += 1
            }
        }
        if market.isResulted, watchers.isEmpty { history[id] = nil }
    }

    private func postponeAll(watching id: MarketID) {
        for watcher in marketWatchers[id, default: [:]].values { watcher.postpone(market: id) }
    }

    private func flushTopics() {
        if !dirtyFixtures.isEmpty {
            let changed = dirtyFixtures.compactMap { view.fixtures[$0] }
                .sorted { $0.id < $1.id }
            dirtyFixtures = []
            if !fixtureWatchers.isEmpty {
                let frame = WebSocketEncoder.frame(
                    .text, Messages.fixtures(changed, "delta", in: view).span)
                for watcher in fixtureWatchers.values {
                    guard let socket = watcher.socket else { continue }
                    if socket.isWritable {
                        socket.send(encoded: frame)
                    } else {
                        watcher.postponeFixtures()
                    }
                }
            }
            for desk in deskWatchers.values { desk.hasNews = true }
        }
    }

    /// What a client missed after `version`, or nil when that is no longer kept.
    func deltas(of id: MarketID, after version: UInt64) -> [[UInt8]]? {
        guard let market = view.markets[id] else { return nil }
        if market.version == version { return [] }
        return history[id]?.after(version, upTo: market.version)
    }

    // MARK: Watching

    func watch(market id: MarketID, _ watcher: any TopicWatcher) {
        marketWatchers[id, default: [:]][ObjectIdentifier(watcher)] = watcher
    }

    func unwatch(market id: MarketID, _ watcher: any TopicWatcher) {
        marketWatchers[id]?[ObjectIdentifier(watcher)] = nil
        if marketWatchers[id]?.isEmpty == true { marketWatchers[id] = nil }
    }

    func watchFixtures(_ watcher: any TopicWatcher) {
        fixtureWatchers[ObjectIdentifier(watcher)] = watcher
    }

    func unwatchFixtures(_ watcher: any TopicWatcher) {
        fixtureWatchers[ObjectIdentifier(watcher)] = nil
    }

    func watch(account: AccountID, _ socket: PunterSocket) {
        accountWatchers[account, default: [:]][ObjectIdentifier(socket)] = socket
    }

    func unwatch(account: AccountID, _ socket: PunterSocket) {
        accountWatchers[account]?[ObjectIdentifier(socket)] = nil
        if accountWatchers[account]?.isEmpty == true { accountWatchers[account] = nil }
    }

    func watchDesk(_ socket: OperatorSocket) { deskWatchers[ObjectIdentifier(socket)] = socket }
    func unwatchDesk(_ socket: OperatorSocket) { deskWatchers[ObjectIdentifier(socket)] = nil }

    /// Once a second: old deltas go.
    func prune() {
        let now = loop.milliseconds
        for id in Array(history.keys) {
            history[id]?.prune(now: now)
            if history[id]?.isEmpty == true { history[id] = nil }
        }
    }
}

@available(*, unavailable)
extension Hub: Sendable {}

/// The newest deltas of one market, for clients that come back.
///
/// Bounds: `limit` deltas, `lifetime` milliseconds.
struct DeltaHistory {
    static let limit = 10_000
    static let lifetime: UInt64 = 300_000

    private var entries: [(version: UInt64, time: UInt64, frame: [UInt8])] = []
    private var first = 0

    var isEmpty: Bool { entries.count == first }

    mutating func append(version: UInt64, frame: [UInt8], now: UInt64) {
        entries.append((version, now, frame))
        if entries.count - first > Self.limit { first += 1 }
        compact()
    }

    mutating func prune(now: UInt64) {
        while first < entries.count, entries[first].time + Self.lifetime < now { first += 1 }
        compact()
    }

    private mutating func compact() {
        if first > 256, first * 2 > entries.count {
            entries.removeFirst(first)
            first = 0
        }
    }

    /// All after `version` up to `last`, when none of them is missing.
    func after(_ version: UInt64, upTo last: UInt64) -> [[UInt8]]? {
        let kept = entries[first...]
        guard version < last, let start = kept.firstIndex(where: { $0.version > version }),
            entries[start].version == version + 1
        else { return nil }
        return kept[start...].map(\.frame)
    }
}

/// Carries blocks from the engine's thread onto a loop.
public final class HubSubscriber: BlockSubscriber, @unchecked Sendable {
    // `hub` is touched on the loop only.
    private let hub: Hub
    private let loop: Loop
    private let waiting = Atomic<Int>(0)

    public init(_ hub: Hub) {
        self.hub = hub
        loop = hub.loop
    }

    public var backlog: Int { waiting.load(ordering: .relaxed) }
    public var mostBacklog: Int { 256 }

    public func durable(_ block: DurableBlock) {
        waiting.add(1, ordering: .relaxed)
        let posted = loop.post { [self] in
            hub.take(block)
            loop.flush()
            waiting.subtract(1, ordering: .relaxed)
        }
        if !posted { waiting.subtract(1, ordering: .relaxed) }
    }
}

/// A line of the desk's ticker.
struct TickerLine: Sendable {
    static let kept = 200

    let bet: UInt64
    let account: UInt64
    let time: Timestamp
    let status: String
    let stake: Int64
    let amount: Int64
    let detail: String

    init(placed record: RecordBytes) {
        bet = record.field(Layout.Placed.bet, as: UInt64.self)
        account = record.account.rawValue
        time = record.time
        stake = record.field(Layout.Placed.stake, as: Int64.self)
        amount = record.field(Layout.Placed.potentialReturn, as: Int64.self)
        status = PlacedWords.status(record)
        detail = PlacedWords.refusal(record)
    }

    init(settled record: RecordBytes) {
        bet = record.field(Layout.BetSettled.bet, as: UInt64.self)
        account = record.account.rawValue
        time = record.time
        stake = record.field(Layout.BetSettled.stake, as: Int64.self)
        amount = record.field(Layout.BetSettled.payout, as: Int64.self)
        status = PlacedWords.settlement(record)
        detail = ""
    }
}
