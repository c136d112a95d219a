import Betting
import Catalogue
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

/// Where durable facts meet one loop's clients: waiting commands are answered, views folded, topics
/// pushed; bets and wallets first.
///
/// Lives on its loop. Bounds: `mostWaiting` commands; what `TopicBoard` keeps.
public final class Hub {
    public let loop: Loop
    public let view: CatalogueView
    private let intake: any EngineIntake
    private var waiting: WaitingCommands
    /// Told on this loop when one record changed the state of many markets: whoever feeds them says anew
    /// which are open.
    public var onManyShut: (() -> Void)?
    /// Commands handed over since the engine was last woken.
    private var unannounced = 0
    private var encoder = CommandEncoder()
    private(set) var topics: TopicBoard!
    private var deskWatchers: [ObjectIdentifier: OperatorSocket] = [:]
    private(set) var ticker = Ticker()
    private let keepsTicker: Bool

    /// Commands of this loop that wait for their outcome.
    public static let mostWaiting = 16_384
    /// Commands of one turn that go to the engine with one wake-up.
    static let wakeEvery = 128

    /// On the loop's thread or before it runs.
    ///
    /// `keepsTicker`: an operators' desk is on this loop.
    public init(
        loop: Loop, view: CatalogueView, intake: any EngineIntake, keepsTicker: Bool = true
    ) {
        self.loop = loop
        self.keepsTicker = keepsTicker
        self.view = view
        waiting = WaitingCommands(loop: loop.index, capacity: Self.mostWaiting)
        self.intake = intake
        topics = TopicBoard(self)
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

    /// The engine is woken once a turn, and within a long one for every `wakeEvery` commands, so that it writes while
    /// the loop reads on.
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
        block.forEachRecord { push($0) }
        topics.sayFixtures()
    }

    /// In the order of the records: who goes on after one has missed none before it.
    private func push(_ record: RecordBytes) {
        switch record.kind {
        case .place:
            pushShared(record)
            if keepsTicker { ticker.remember(record) }
        case .placed:
            pushShared(record)
            pushPlaced(record)
        case .betSettled:
            pushShared(record)
            if keepsTicker { note(TickerLine(settled: record)) }
            tell(record, at: Layout.BetSettled.balances) { Messages.settled(record, in: view) }
        case .cashOutAnswered:
            pushShared(record)
            // What is refused at once is between the asker and us.
            let isRefused = record.field(Layout.CashOutAnswered.refusal, as: UInt16.self) != 0
            guard record.flags & Layout.CashOutAnswered.repeated == 0,
                !isRefused || record.clientID == .zero
            else { return }
            let hasMoved = record.field(Layout.CashOutAnswered.entry, as: UInt8.self) != 0
            if keepsTicker, hasMoved { note(TickerLine(sold: record)) }
            tell(record, at: hasMoved ? Layout.CashOutAnswered.balances : nil) {
                Messages.sold(record, in: view)
            }
        case .accountChanged:
            pushShared(record)
            tell(record, at: Layout.AccountChanged.balances, isBet: false) { [] }
        case .marketChanged:
            let id = MarketID(record.field(Layout.MarketChanged.market, as: UInt64.self))
            pushShared(record, market: view.markets[id])
        case .fixtureChanged:
            let id = FixtureID(record.field(Layout.FixtureChanged.fixture, as: UInt64.self))
            pushShared(record, fixture: view.fixtures[id])
        default: pushShared(record)
        }
    }

    /// Tells whoever follows this account's bets of a bet, and whoever follows only its wallet of the balances.
    private func tell(
        _ record: RecordBytes, at balances: Int?, isBet: Bool = true, _ text: () -> [UInt8]
    ) {
        guard let followers = topics.followers(of: record.account) else { return }
        let place = StreamPosition(epoch: view.epoch, order: record.sequence)
        if isBet, followers.all.contains(where: \.followsBets) {
            topics.tell(followers, SharedMessage(text(), at: place, isOwn: true)) { $0.followsBets }
        }
        // A message about a bet carries the balances: nobody is told twice of one record.
        func wantsBalances(_ follower: Follower) -> Bool {
            follower.followsWallet && !(isBet && follower.followsBets)
        }
        if let balances, followers.all.contains(where: wantsBalances) {
            let text = Messages.wallet(
                Balances(record, at: balances), record.sequence, record.time, in: view)
            topics.tell(
                followers, SharedMessage(text, at: place, isOwn: true), where: wantsBalances)
        }
    }

    private func pushShared(
        _ record: RecordBytes, market before: MarketView? = nil, fixture old: FixtureView? = nil
    ) {
        switch view.take(record) {
        case .market(let id):
            guard let market = view.markets[id] else { return }
            topics.changed(market, since: before)
            for desk in deskWatchers.values { desk.changed(id) }
        case .fixture(let id):
            topics.changed(fixture: id, since: old)
            if let fixture = view.fixtures[id], fixture.incident != .none {
                topics.happened(fixture, order: record.sequence)
            }
            // A desk's line of a market tells how its match stands.
            let markets = deskWatchers.isEmpty ? [] : view.fixtures[id]?.markets ?? []
            for desk in deskWatchers.values {
                for market in markets { desk.changed(market) }
                desk.hasNews = true
            }
        case .allMarkets:
            onManyShut?()
            topics.changedAllMarkets()
            for desk in deskWatchers.values { desk.needsImage = true }
        case .proposals, .channels: for desk in deskWatchers.values { desk.needsImage = true }
        case nil: break
        }
    }

    private func pushPlaced(_ record: RecordBytes) {
        if keepsTicker { note(TickerLine(placed: record)) }
        // A repeated answer, or one about an id that is too old or was another bet's, is between the asker and us.
        let refusal = Refusal(rawValue: record.field(Layout.Placed.refusal, as: UInt16.self))
        guard record.flags & Layout.Placed.repeated == 0, refusal != .idOutsideWindow,
            refusal != .idReused
        else { return }
        let hasMoved = record.field(Layout.Placed.entries, as: UInt8.self) != 0
        tell(record, at: hasMoved ? Layout.Placed.balances : nil) {
            Messages.bet(record, in: view)
        }
    }

    private func note(_ line: TickerLine) {
        ticker.note(line)
        for desk in deskWatchers.values { desk.hasNews = true }
    }

    // MARK: The desk

    func watchDesk(_ socket: OperatorSocket) { deskWatchers[ObjectIdentifier(socket)] = socket }
    func unwatchDesk(_ socket: OperatorSocket) { deskWatchers[ObjectIdentifier(socket)] = nil }
}

@available(*, unavailable)
extension Hub: Sendable {}

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
