import Catalogue
public import EngineCore
public import Kernel

/// A selection as everybody may see it.
struct SelectionView {
    var name: String
    var odds: Odds?
    /// Thousandths; for the desk only.
    var reference: UInt32 = 0
    var outcome = SelectionOutcome(.undecided)
    /// It takes no further part.
    var isWithdrawn = false
    /// A trader holds it at its price.
    var isHeld = false
}

struct MarketView {
    let id: MarketID
    let externalID: ExternalID
    let fixture: FixtureID
    let name: String
    let type: UInt8
    let winners: UInt8
    /// What each-way bets pay; nil where there are none.
    var places: PlaceTerms?
    /// They count as they are at the off, not as a bet struck them.
    var isAtTheOff = false
    /// Withdrawals take from its prices: with one all of them are gone, until it is formed anew.
    var isDeducted = false
    /// Bets at starting price are taken until the start.
    var takesAtStart = false
    /// Selections may be paid before it has a result.
    var paysEarly = false
    var selections: [SelectionView]
    var reasons: ShutReasons = .feed
    var version: UInt64 = 0
    var priceVersion: UInt64 = 0
    var betDelay: UInt32 = 0
    var maximumStake: Int64 = 0
    var liabilityLimit: Int64 = 0
    var worstLoss: Int64 = 0
    var staked: Int64 = 0
    var openLegs: UInt32 = 0
    var isResulted = false
    /// The supplier's newest result is another one than the two operators' that stands.
    var isDisputed = false
    var settlementVersion: UInt32 = 0
    /// Hundredths of a percent: what its feed put on it, and what a trader did in its place.
    var margin: UInt32 = 0
    var handMargin: UInt32?
    /// A person made it, and is all the supplier that it has.
    var isByHand = false
    var message: UInt64 = 0
    /// The newest record that changed it.
    var order: UInt64 = 0

    var isOpen: Bool { reasons.isEmpty }
}

struct FixtureView {
    let id: FixtureID
    let externalID: ExternalID
    let sport: Sport
    let competition: String
    let home: String
    let away: String
    var scheduled: Timestamp
    var state: FixtureState
    var incident: Incident = .none
    var incidentTimes = IncidentTimes()
    var lostContact = false
    var markets: [MarketID] = []
    var order: UInt64 = 0
    /// When the clock last spoke, so that a page can count on.
    var clockAt = Timestamp(nanoseconds: 0)
    var endedAt: Timestamp?

    /// Its two sides, or the one name that it has.
    var title: String { away.isEmpty ? home : "\(home) v \(away)" }
}

/// When its supplier says that something happened, and when we heard of it; nanoseconds of UTC, 0 unknown. It was
/// published with its record.
struct IncidentTimes: Sendable {
    var provider: Int64 = 0
    var ingest: Int64 = 0
}

/// A result, or a cancel, that waits for its second person.
struct ProposalView {
    let time: Timestamp
    let sequence: UInt64
    let market: MarketID
    let wish: ProposedWish
}

/// What the first of two people asks for.
struct ProposedWish {
    let actor: UInt64
    let action: ResultAction
    let reason: String
    /// Where it is written, such as a case or a message; empty for nowhere.
    let evidence: String
    /// Of a result.
    let outcomes: [SelectionOutcome]
    /// Of a cancel.
    let window: CancelWindow
    /// What is to be void, or no longer; 0 where it is about the market.
    let bet: UInt64
}

/// Fixtures, markets and prices, folded from durable records; every loop has its own.
///
/// Recovery folds one, and each loop goes on from a copy: one object, so that handing it on copies nothing. Bound: fixtures that ended are let go
/// `fixturesKept` later ones after; `approvalsKept`.
public final class CatalogueView {
    /// What a record changed, for those who watch.
    enum Change {
        case fixture(FixtureID)
        case market(MarketID)
        /// A state that many markets share changed at once.
        case allMarkets
        case proposals
        /// Which channels take bets.
        case channels
    }

    static let fixturesKept = 2000
    static let approvalsKept = 1000

    private(set) var fixtures: [FixtureID: FixtureView] = [:]
    private(set) var markets: [MarketID: MarketView] = [:]
    private(set) var proposals: [UInt64: ProposalView] = [:]
    /// Who approved which proposal, and the record that says so: the newest, for whoever asks again.
    private(set) var approvals: [UInt64: Approval] = [:]
    /// In the order of their making, the newest last.
    private(set) var fixtureOrder: [FixtureID] = []
    /// Changes of any fixture so far: the sequence of the topic that lists them.
    private(set) var fixtureSequence: UInt64 = 0
    private(set) var order: UInt64 = 0
    private(set) var time = Timestamp(nanoseconds: 0)
    /// Channels that take no bets: bit n is channel n of `Layout.Session`.
    private(set) var shutChannels: UInt16 = 0
    /// The journal's identity in short: positions of one epoch mean nothing in another.
    private(set) var epoch = ""
    private(set) var currency = Currency.eur
    /// The command whose outcomes follow.
    private var command = PendingCommand.none

    struct Approval {
        let actor: UInt64
        let order: UInt64
        /// What the request was called.
        let key: ExternalID
        /// What came of it, where nothing was settled.
        let refusal: OperationRefusal?
    }

    private enum PendingCommand: Sendable {
        case none
        case fixture(FixtureView)
        /// `scheduled` where it is said anew.
        case update(FixtureState, Incident, Bool, scheduled: Timestamp?, IncidentTimes)
        case market(MarketView)
        case price([PriceEntry], UInt32, UInt64)
        case pricing
        case channel(UInt8, isShut: Bool)
        case state(MarketOwner, ShutReasons, ShutReasons, isInPlayOnly: Bool)
        case withdrawal(Int, PlaceTerms?)
        case result([SelectionOutcome])
        case startingPrices
        case propose(ProposedWish)
        case approve(UInt64, by: UInt64, key: ExternalID)
    }

    public init() {}

    /// The same facts, to be folded on by somebody else.
    public init(copying other: CatalogueView) {
        fixtures = other.fixtures
        markets = other.markets
        proposals = other.proposals
        approvals = other.approvals
        fixtureOrder = other.fixtureOrder
        fixtureSequence = other.fixtureSequence
        order = other.order
        time = other.time
        epoch = other.epoch
        currency = other.currency
        shutChannels = other.shutChannels
        command = other.command
    }

    // MARK: Folding

    /// Folds one durable record, in order.
    public func apply(_ record: RecordBytes) { _ = take(record) }

    func take(_ record: RecordBytes) -> Change? {
        order = record.sequence
        time = record.time
        switch record.kind {
        case .genesis:
            let journal = ExternalID(
                high: record.field(Layout.Genesis.journalHigh, as: UInt64.self),
                low: record.field(Layout.Genesis.journalLow, as: UInt64.self))
            epoch = String(journal.description.prefix(8))
            currency =
                Currency(
                    numericCode: record.field(Layout.Genesis.currency, as: UInt16.self)) ?? .eur
        case .recovered:
            for id in Array(markets.keys) {
                markets[id]?.reasons.insert(.recovery)
                markets[id]?.version += 1
                markets[id]?.order = record.sequence
            }
            return .allMarkets
        case .fixture: command = .fixture(readFixture(record))
        case .fixtureUpdate:
            let facts = readState(record)
            let scheduled = record.field(Layout.Fixture.scheduled, as: Int64.self)
            command = .update(
                facts.0, facts.1, facts.2,
                scheduled: scheduled == 0 ? nil : Timestamp(nanoseconds: scheduled),
                IncidentTimes(
                    provider: record.field(Layout.Fixture.providerTime, as: Int64.self),
                    ingest: record.field(Layout.Fixture.ingestTime, as: Int64.self)))
        case .market: command = .market(readMarket(record))
        case .price: command = readPrice(record)
        case .pricing: command = .pricing
        case .channelState:
            command = .channel(
                record.field(Layout.ChannelState.channel, as: UInt8.self),
                isShut: record.field(Layout.ChannelState.isShut, as: UInt8.self) == 1)
        case .marketState: command = readMarketState(record)
        case .withdrawal:
            command = .withdrawal(
                Int(record.field(Layout.Withdrawal.selection, as: UInt32.self)),
                record.places(at: Layout.Withdrawal.places))
        case .result: command = .result(readOutcomes(record))
        case .startingPrices: command = .startingPrices
        case .cancel, .earlyPayout, .marketLimits, .place, .timerDue:
            command = .none
        case .propose:
            command = .propose(readWish(record))
        case .approve:
            command = .approve(
                record.field(Layout.Result.proposal, as: UInt64.self),
                by: record.field(Layout.Result.actor, as: UInt64.self), key: record.clientID)
        case .fixtureChanged: return fixtureChanged(record)
        case .marketChanged: return marketChanged(record)
        case .resultAnswered: return resultAnswered(record)
        default: break
        }
        return nil
    }

    private func readState(_ record: RecordBytes) -> (FixtureState, Incident, Bool) {
        let state = FixtureState(
            status: FixtureStatus(rawValue: record.field(Layout.Fixture.status, as: UInt8.self))
                ?? .notStarted,
            isInPlay: record.field(Layout.Fixture.isInPlay, as: UInt8.self) == 1,
            score: record.field(Layout.Fixture.score, as: UInt32.self),
            clockSeconds: record.field(Layout.Fixture.clock, as: UInt32.self))
        let incident =
            Incident(rawValue: record.field(Layout.Fixture.incident, as: UInt8.self)) ?? .none
        return (
            state, incident, record.field(Layout.Fixture.lostContact, as: UInt8.self) == 1
        )
    }

    private func readFixture(_ record: RecordBytes) -> FixtureView {
        let (state, incident, lost) = readState(record)
        return FixtureView(
            id: FixtureID(0), externalID: record.clientID,
            sport: Sport(rawValue: record.field(Layout.Fixture.sport, as: UInt8.self)) ?? .other,
            competition: record.text(Layout.Fixture.competition, width: 48),
            home: record.text(Layout.Fixture.home, width: 48),
            away: record.text(Layout.Fixture.away, width: 48),
            scheduled: Timestamp(
                nanoseconds: record.field(Layout.Fixture.scheduled, as: Int64.self)),
            state: state, incident: incident, lostContact: lost)
    }

    private func readMarket(_ record: RecordBytes) -> MarketView {
        let count = Int(record.field(Layout.Market.selectionCount, as: UInt8.self))
        let selections = (0..<count).map { index in
            SelectionView(
                name: record.text(
                    Layout.Market.selections + index * Layout.Market.selectionSize
                        + Layout.Market.selectionName, width: 48))
        }
        return MarketView(
            id: MarketID(0), externalID: record.clientID, fixture: FixtureID(0),
            name: record.text(Layout.Market.name, width: 48),
            type: record.field(Layout.Market.type, as: UInt8.self),
            winners: record.field(Layout.Market.winners, as: UInt8.self),
            places: record.places(at: Layout.Market.places),
            isAtTheOff: record.field(Layout.Market.racing, as: UInt8.self) & 0x10 != 0,
            isDeducted: record.field(Layout.Market.racing, as: UInt8.self) & 0x07 != 0,
            takesAtStart: record.field(Layout.Market.racing, as: UInt8.self) & 0x08 != 0,
            paysEarly: record.flags & Layout.Market.paysEarly != 0,
            selections: selections, isByHand: record.flags & Layout.Market.isByHand != 0)
    }

    private func readPrice(_ record: RecordBytes) -> PendingCommand {
        let count = Int(record.field(Layout.Price.selectionCount, as: UInt16.self))
        let entries = (0..<count).map { index in
            let offset = Layout.Price.entries + index * Layout.Price.entrySize
            return PriceEntry(
                odds: record.odds(at: offset + Layout.Price.entryOdds),
                reference: record.field(offset + Layout.Price.entryReference, as: UInt32.self))
        }
        return .price(
            entries, record.field(Layout.Price.margin, as: UInt32.self),
            record.field(Layout.Price.message, as: UInt64.self))
    }

    private func readMarketState(_ record: RecordBytes) -> PendingCommand {
        guard
            let owner = MarketOwner(
                rawValue: record.field(Layout.MarketState.owner, as: UInt8.self))
        else { return .none }
        return .state(
            owner,
            ShutReasons(rawValue: record.field(Layout.MarketState.setting, as: UInt8.self)),
            ShutReasons(rawValue: record.field(Layout.MarketState.lifting, as: UInt8.self)),
            isInPlayOnly: record.field(Layout.MarketState.scope, as: UInt8.self)
                == CommandEncoder.Scope.allInPlay.rawValue)
    }

    private func readWish(_ record: RecordBytes) -> ProposedWish {
        let action =
            ResultAction(rawValue: record.field(Layout.Result.action, as: UInt8.self)) ?? .settle
        let isCancel = action == .cancel || action == .reinstate
        let window =
            isCancel
            ? CancelWindow(
                from: record.field(Layout.Result.from, as: Int64.self),
                until: record.field(Layout.Result.until, as: Int64.self)) : nil
        return ProposedWish(
            actor: record.field(Layout.Result.actor, as: UInt64.self), action: action,
            reason: record.text(Layout.Result.reason, width: 64),
            evidence: record.text(Layout.Result.evidence, width: 32),
            outcomes: isCancel || action.isOfBet ? [] : readOutcomes(record),
            window: window ?? .everything,
            bet: action.isOfBet ? record.field(Layout.Result.bet, as: UInt64.self) : 0)
    }

    private func readOutcomes(_ record: RecordBytes) -> [SelectionOutcome] {
        let count = Int(record.field(Layout.Result.selectionCount, as: UInt8.self))
        return (0..<count).map { index in
            let offset = Layout.Result.selections + index * Layout.Result.selectionSize
            return SelectionOutcome(
                SelectionResult(rawValue: record.field(offset, as: UInt8.self)) ?? .undecided,
                winners: record.field(offset + 1, as: UInt8.self),
                tied: record.field(offset + 2, as: UInt8.self),
                position: record.field(offset + 3, as: UInt8.self))
        }
    }

    // MARK: A start from a snapshot

    /// Definitions have come with the snapshot; what became of them since is the engine's to say.
    public func restore(from engine: borrowing Engine) {
        order = engine.sequence
        time = engine.time
        for id in fixtures.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            guard let picture = engine.picture(of: id) else { continue }
            fixtures[id]?.state = picture.state
            fixtures[id]?.scheduled = picture.scheduled
            fixtures[id]?.order = engine.sequence
            fixtures[id]?.clockAt = engine.time
            let hasEnded =
                [.ended, .closed, .cancelled, .abandoned].contains(picture.state.status)
            if hasEnded { fixtures[id]?.endedAt = engine.time }
        }
        for id in markets.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            guard let picture = engine.picture(of: id) else { continue }
            restore(id, picture, engine.sequence)
        }
        proposals = proposals.filter { engine.isWaiting(proposal: $0.key) }
        shutChannels = engine.shutChannels
    }

    private func restore(_ id: MarketID, _ picture: MarketPicture, _ sequence: UInt64) {
        guard var view = markets[id] else { return }
        for (index, selection) in picture.selections.enumerated()
        where index < view.selections.count {
            view.selections[index].odds = selection.odds
            view.selections[index].reference = selection.reference
            view.selections[index].outcome = selection.outcome
            view.selections[index].isWithdrawn = selection.isWithdrawn
            view.selections[index].isHeld = selection.held != nil
        }
        view.places = picture.places
        view.takesAtStart = picture.takesAtStart
        view.handMargin = picture.handMargin
        view.version = picture.version
        view.priceVersion = picture.priceVersion
        view.reasons = picture.reasons
        view.isResulted = picture.isResulted
        view.settlementVersion = picture.settlementVersion
        view.betDelay = picture.betDelay
        view.maximumStake = picture.maximumStake
        view.liabilityLimit = picture.liabilityLimit
        view.staked = picture.staked
        view.worstLoss = picture.worstLoss
        view.openLegs = picture.openLegs
        view.order = sequence
        markets[id] = view
    }

    // MARK: Outcomes

    private func fixtureChanged(_ record: RecordBytes) -> Change? {
        guard record.field(Layout.FixtureChanged.refusal, as: UInt16.self) == 0 else { return nil }
        let id = FixtureID(record.field(Layout.FixtureChanged.fixture, as: UInt64.self))
        switch command {
        case .fixture(let made):
            var view = FixtureView(
                id: id, externalID: made.externalID, sport: made.sport,
                competition: made.competition, home: made.home, away: made.away,
                scheduled: made.scheduled, state: made.state, lostContact: made.lostContact)
            view.order = record.sequence
            fixtures[id] = view
            fixtureOrder.append(id)
            if fixtureOrder.count > Self.fixturesKept { forget(fixtureOrder.removeFirst()) }
        case .update(let state, let incident, let lost, let scheduled, let times):
            if let scheduled { fixtures[id]?.scheduled = scheduled }
            fixtures[id]?.state = state
            fixtures[id]?.incident = incident
            fixtures[id]?.incidentTimes = times
            fixtures[id]?.lostContact = lost
            fixtures[id]?.order = record.sequence
            fixtures[id]?.clockAt = record.time
            let hasEnded =
                [.ended, .closed, .cancelled, .abandoned].contains(state.status)
            if !hasEnded { fixtures[id]?.endedAt = nil }
            if hasEnded, fixtures[id]?.endedAt == nil { fixtures[id]?.endedAt = record.time }
        default: return nil
        }
        command = .none
        if record.field(Layout.FixtureChanged.actualStart, as: Int64.self) != 0 {
            for market in fixtures[id]?.markets ?? [] { markets[market]?.takesAtStart = false }
        }
        fixtureSequence += 1
        return .fixture(id)
    }

    private func forget(_ id: FixtureID) {
        guard let view = fixtures.removeValue(forKey: id) else { return }
        for market in view.markets { markets[market] = nil }
    }

    private func marketChanged(_ record: RecordBytes) -> Change? {
        guard record.field(Layout.MarketChanged.refusal, as: UInt16.self) == 0 else { return nil }
        let raw = record.field(Layout.MarketChanged.market, as: UInt64.self)
        guard raw != .max else { return foldOverAll(record) }
        let id = MarketID(raw)
        if case .market(let made) = command { define(made, id, record) }
        guard var view = markets[id] else { return nil }
        switch command {
        case .price(let entries, let margin, let message):
            for (index, entry) in entries.enumerated()
            where index < view.selections.count && !view.selections[index].isWithdrawn {
                view.selections[index].odds = entry.odds
                view.selections[index].reference = entry.reference
            }
            view.margin = margin
            view.message = message
            offer(record, &view)
        case .pricing: offer(record, &view)
        case .withdrawal(let index, let places) where index < view.selections.count:
            for other in view.selections.indices where view.isDeducted || other == index {
                view.selections[other].odds = nil
                view.selections[other].isHeld = false
            }
            view.selections[index].isWithdrawn = true
            if let places, view.places != nil { view.places = places }
        case .result(let outcomes):
            for (index, outcome) in outcomes.enumerated() where index < view.selections.count {
                view.selections[index].outcome = outcome
            }
        case .startingPrices: view.takesAtStart = false
        default: break
        }
        read(record, into: &view)
        markets[id] = view
        return .market(id)
    }

    /// Ours, where a trader's hand is on them.
    private func offer(_ record: RecordBytes, _ view: inout MarketView) {
        let count = Int(record.field(Layout.MarketChanged.priceCount, as: UInt16.self))
        guard count > 0 else { return }
        let held = record.field(Layout.MarketChanged.held, as: UInt64.self)
        let margin = record.field(Layout.MarketChanged.handMargin, as: UInt16.self)
        view.handMargin = margin == .max ? nil : UInt32(margin)
        for index in 0..<min(count, view.selections.count) {
            view.selections[index].isHeld = held >> UInt64(index) & 1 == 1
            guard !view.selections[index].isWithdrawn else { continue }
            view.selections[index].odds = record.odds(
                at: Layout.MarketChanged.prices + index * Layout.MarketChanged.priceSize)
        }
    }

    private func read(_ record: RecordBytes, into view: inout MarketView) {
        view.version = record.field(Layout.MarketChanged.version, as: UInt64.self)
        view.priceVersion = record.field(Layout.MarketChanged.priceVersion, as: UInt64.self)
        view.reasons = ShutReasons(
            rawValue: record.field(Layout.MarketChanged.reasons, as: UInt8.self))
        view.isResulted = record.field(Layout.MarketChanged.isResulted, as: UInt8.self) == 1
        view.openLegs = record.field(Layout.MarketChanged.openLegs, as: UInt32.self)
        view.worstLoss = record.field(Layout.MarketChanged.worstLoss, as: Int64.self)
        view.staked = record.field(Layout.MarketChanged.staked, as: Int64.self)
        view.liabilityLimit = record.field(Layout.MarketChanged.liabilityLimit, as: Int64.self)
        view.settlementVersion = record.field(
            Layout.MarketChanged.settlementVersion, as: UInt32.self)
        view.betDelay = record.field(Layout.MarketChanged.betDelay, as: UInt32.self)
        view.maximumStake = record.field(Layout.MarketChanged.maximumStake, as: Int64.self)
        view.order = record.sequence
    }

    private func define(_ made: MarketView, _ id: MarketID, _ record: RecordBytes) {
        let fixture = FixtureID(record.field(Layout.MarketChanged.fixture, as: UInt64.self))
        markets[id] = MarketView(
            id: id, externalID: made.externalID, fixture: fixture, name: made.name,
            type: made.type, winners: made.winners, places: made.places,
            isAtTheOff: made.isAtTheOff, isDeducted: made.isDeducted,
            takesAtStart: made.takesAtStart, paysEarly: made.paysEarly,
            selections: made.selections, isByHand: made.isByHand)
        fixtures[fixture]?.markets.append(id)
        fixtures[fixture]?.order = record.sequence
        fixtureSequence += 1
    }

    /// One record stands for all markets; the rule is the catalogue's own.
    private func foldOverAll(_ record: RecordBytes) -> Change? {
        if case .channel(let channel, let isShut) = command {
            let bit = UInt16(1) << UInt16(channel)
            shutChannels = isShut ? shutChannels | bit : shutChannels & ~bit
            return .channels
        }
        guard case .state(let owner, let setting, let lifting, let isInPlayOnly) = command else {
            return nil
        }
        for id in Array(markets.keys) {
            guard let reasons = markets[id]?.reasons, let fixture = markets[id]?.fixture,

                !isInPlayOnly || fixtures[fixture]?.state.isInPlay == true
            else { continue }
            markets[id]?.reasons = reasons.changed(
                setting: setting, lifting: lifting, by: owner)
            markets[id]?.version += 1
            markets[id]?.order = record.sequence
        }
        return .allMarkets
    }

    private func resultAnswered(_ record: RecordBytes) -> Change? {
        let refusal = record.field(Layout.ResultAnswered.refusal, as: UInt16.self)
        let proposal = record.field(Layout.ResultAnswered.proposal, as: UInt64.self)
        let market = MarketID(record.field(Layout.ResultAnswered.market, as: UInt64.self))
        switch command {
        case .propose(let wish) where refusal == 0:
            let lapsed = record.time.adding(milliseconds: -Limits.proposalAge)
            proposals = proposals.filter { $0.value.time > lapsed }
            proposals[proposal] = ProposalView(
                time: record.time, sequence: proposal, market: market, wish: wish)
            return .proposals
        case .result where refusal == OperationRefusal.decidedByOperators.rawValue:
            markets[market]?.isDisputed = true
            return .proposals
        case .result,
            .approve where refusal == 0 || refusal == OperationRefusal.noChange.rawValue:
            if !isOfBet { markets[market]?.isDisputed = false }
            guard case .approve(let wanted, let actor, let key) = command else { return nil }
            remember(
                wanted,
                Approval(
                    actor: actor, order: record.sequence, key: key,
                    refusal: OperationRefusal(rawValue: refusal)))
            return taken(wanted, refusal)
        case .approve(let wanted, _, _)
        where refusal == OperationRefusal.marketChangedSince.rawValue
            || refusal == OperationRefusal.proposalUnknown.rawValue
            || refusal == OperationRefusal.betUnknown.rawValue:
            return taken(wanted, refusal)
        default: return nil
        }
    }

    /// Whether the approval at hand is of what is about one bet.
    private var isOfBet: Bool {
        guard case .approve(let wanted, _, _) = command else { return false }
        return proposals[wanted]?.wish.action.isOfBet == true
    }

    /// The proposal that was approved by the request of this name, if it is among the newest.
    func approval(under key: ExternalID) -> UInt64? {
        approvals.first { $0.value.key == key }?.key
    }

    private func remember(_ proposal: UInt64, _ approval: Approval) {
        approvals[proposal] = approval
        guard approvals.count > Self.approvalsKept else { return }
        // The oldest proposals have the lowest numbers.
        if let oldest = approvals.keys.min() { approvals[oldest] = nil }
    }

    private func taken(_ wanted: UInt64, _ refusal: UInt16) -> Change? {
        guard let known = proposals.removeValue(forKey: wanted) else { return nil }
        // The market's own record follows and finds the outcomes here.
        if refusal == 0, !known.wish.action.isOfBet { command = .result(known.wish.outcomes) }
        return .proposals
    }

    // MARK: Reading

    /// Fixtures of a competition that have markets without a result, with those markets.
    public func unresolved(in competition: String) -> [UnresolvedFixture] {
        fixtureOrder.compactMap { fixtures[$0] }.filter { $0.competition == competition }
            .compactMap { fixture in
                let open = fixture.markets.compactMap { markets[$0] }.filter { !$0.isResulted }
                guard !open.isEmpty else { return nil }
                return UnresolvedFixture(
                    id: fixture.externalID,
                    markets: open.map { ($0.externalID, $0.selections.count) })
            }
    }

    /// Fixtures that are still worth a look, the soonest first.
    func current(at now: Timestamp) -> [FixtureView] {
        fixtureOrder.compactMap { fixtures[$0] }.filter { view in
            guard let ended = view.endedAt else { return true }
            return now < ended.adding(milliseconds: 60_000)
        }
    }

    /// What the engine says that a market may cost at this moment.
    func note(_ exposure: MarketExposure) {
        markets[exposure.market]?.staked = exposure.staked
        markets[exposure.market]?.worstLoss = exposure.worstLoss
        markets[exposure.market]?.openLegs = exposure.openLegs
    }

    /// Markets that the desk has something to do with: those of current fixtures, and what is to be settled or was said
    /// otherwise afterwards, however long ago its match ended.
    func deskMarkets(at now: Timestamp) -> [MarketID] {
        let current = current(at: now).flatMap(\.markets)
        let known = Set(current)
        let proposed = Set(proposals.values.map(\.market))
        let waiting = markets.values.filter { market in
            !known.contains(market.id)
                && (market.openLegs > 0 || market.isDisputed || proposed.contains(market.id))
        }
        return current + waiting.map(\.id).sorted()
    }

    /// What a client may check its picture of a market against; docs/formats/websocket.md shows one.
    func canonicalText(_ market: MarketView) -> String {
        var text = "\(market.id.rawValue)|\(market.version)|"
        text += market.reasons.words.joined(separator: ",")
        for (index, selection) in market.selections.enumerated() {
            text += "|\(index):"
            text += selection.odds.map { "\($0.numerator)/\($0.denominator)" } ?? "-"
        }
        return text
    }
}

/// A fixture whose supplier is gone, and its markets with how many selections each has.
public struct UnresolvedFixture: Sendable {
    public let id: ExternalID
    public let markets: [(id: ExternalID, selections: Int)]
}
