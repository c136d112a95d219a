import Betting
import Customers
import EngineCore
import Judge
import Kernel
import Ledger

/// A customer's program: opens an account, takes its money, bets, and asks again with the same id for as
/// long as it has no answer. Sometimes with another body, sometimes after its deadline.
struct SimulatedClient {
    struct Wager {
        var intent: BetIntent
        var changed: BetIntent
        var sentAt: Int64
        /// The bet's number, once anybody said it, for the body as it was and as it was changed.
        var bets: (UInt64, UInt64) = (0, 0)
        var final: (refusal: UInt16, isOpen: Bool)?
        var isResolved = false
    }

    /// A bet, or a part of one, that it wants to sell.
    struct Sale {
        var intent: CashOutIntent
        var isResolved = false
        var final: (refusal: UInt16, payout: Int64)?
    }

    let index: Int
    private let id: ExternalID
    private let depositID: ExternalID
    private let cash: Int64
    private var account: AccountID?
    private var hasMoney = false
    /// Nil until it is signed in, and again when its connection was lost.
    private var session: SessionID?
    private(set) var wagers: [Wager] = []
    private(set) var sales: [Sale] = []
    private var byBet: [UInt64: Int] = [:]
    private var deafUntil: Int64 = 0
    private var unresolved: [Int] = []
    /// Wagers that were refused, with what they could be taken at.
    private var offered: [(wager: Int, reference: UInt64, offer: OfferShown)] = []
    /// The marks of what was decided last of where it is; 0 none.
    private var decided: [UInt64] = [0]
    /// The limit it heard of last, and its version.
    private var limit: (wish: LimitWish, version: UInt64)?

    init(_ index: Int, _ world: Simulation) {
        self.index = index
        id = ExternalID(high: 0xc11e, low: UInt64(index) + 1)
        let now = Timestamp(nanoseconds: world.clock.wall()).milliseconds
        depositID = ExternalID(
            milliseconds: now, random: (world.random.next(), world.random.next()))
        cash = Int64(world.random.number(in: 0...3) == 0 ? 2000 : 500_000)
    }

    var hasUnresolved: Bool { account == nil || !hasMoney || !unresolved.isEmpty }
    var unresolvedText: String {
        "client \(index): account \(account != nil), money \(hasMoney), bets \(unresolved.count)"
    }

    /// A half-open connection: what it sends arrives, what is sent to it does not, for a while.
    mutating func isDeaf(_ world: Simulation) -> Bool {
        if world.clock.now < deafUntil { return true }
        if world.random.number(in: 0...99) == 0 {
            deafUntil = world.clock.now + world.after(10_000)
            if world.plan.has(.reconnects) { session = nil }
            return true
        }
        return false
    }

    // MARK: What it does

    mutating func wake(_ world: Simulation) {
        guard account != nil else { return world.send(.openAccount(client: index)) }
        guard session != nil else { return world.send(.signIn(client: index)) }
        guard hasMoney else { return world.send(.deposit(client: index)) }
        let overdue = unresolved.filter { world.clock.now - wagers[$0].sentAt > 2_000_000_000 }
        if let oldest = overdue.first, world.random.number(in: 0...2) > 0 {
            return ask(oldest, world)
        }
        if world.plan.has(.lateRetries), !wagers.isEmpty, world.random.number(in: 0...9) == 0 {
            return ask(world.random.number(in: 0...wagers.count - 1), world)
        }
        if world.plan.has(.ownLimits), world.random.number(in: 0...9) == 0 { bound(world) }
        if world.plan.has(.cashOuts), world.random.number(in: 0...2) == 0 { sell(world) }
        if world.plan.has(.locations), world.random.number(in: 0...4) == 0 { locate(world) }
        if unresolved.count < 8 { bet(world) }
    }

    /// It is decided where the client is: mostly where it may bet, for some seconds; now and then of nobody. Bets go by
    /// what was decided last, by one before that, or by none: what two devices ask for crosses on its way.
    private mutating func locate(_ world: Simulation) {
        guard let account, let session else { return }
        let report = LocationReport(
            world.random.number(in: 0...3) == 0 ? .device : .address,
            region: LocationRegion("GB"), signs: LocationSigns(rawValue: 1))
        let verdicts: [LocationVerdict] = [
            .inside, .inside, .inside, .inside, .inside, .outside, .doubtful,
        ]
        let seconds = Int64([5, 30, 1200][world.random.number(in: 0...2)])
        let isSlip = world.random.number(in: 0...19) == 0
        let decision = LocationDecision(
            report, verdicts[world.random.number(in: 0...6)],
            until: isSlip
                ? Timestamp(nanoseconds: 0)
                : Timestamp(nanoseconds: world.clock.wall()).adding(milliseconds: seconds * 1000))
        let isNobody = world.random.number(in: 0...19) == 0
        let mark = world.random.number(in: 0...29) == 0 ? 0 : world.random.next()
        decided = (decided.suffix(3)) + [mark]
        world.send(
            .desk(.locate(isNobody ? AccountID(999) : account, session, decision, mark: mark)))
    }

    /// Sells a bet that was taken, or a part of it; or asks again for what it has no answer to.
    private mutating func sell(_ world: Simulation) {
        if let waiting = sales.firstIndex(where: { !$0.isResolved }),
            world.random.number(in: 0...1) == 0
        {
            return world.send(.cashOut(client: index, sale: waiting))
        }
        let taken = wagers.suffix(40).filter { $0.final?.isOpen == true && $0.bets.0 != 0 }
        guard let account, let session, !taken.isEmpty else { return }
        let wager = taken[world.random.number(in: 0...taken.count - 1)]
        if world.random.number(in: 0...2) == 0 {
            let stake = max(1, min(Limits.stake, wager.intent.stake))
            let wishes: [Int64?] = [
                nil, stake * 9 / 10, stake, stake * 11 / 10, stake * 3 / 2, stake * 3, -7,
            ]
            let wish = wishes[world.random.number(in: 0...6)]
            return world.send(.cashOutRule(client: index, bet: wager.bets.0, atLeast: wish))
        }
        let now = Timestamp(nanoseconds: world.clock.wall())
        let id = ExternalID(
            milliseconds: now.milliseconds, random: (world.random.next(), world.random.next()))
        let lines = wager.intent.lineCount
        let units = Int(max(1, wager.intent.stake / lines))
        let parts: [Int64] = [
            0, 0, Int64(world.random.number(in: 1...units)) * lines,
            Int64(world.random.number(in: 1...units)),
        ]
        let isMuch = world.random.number(in: 0...4) == 0
        sales.append(
            Sale(
                intent: CashOutIntent(
                    account: account, id: id, requestHash: ExternalID(high: id.low, low: id.high),
                    session: session, bet: wager.bets.0,
                    part: parts[world.random.number(in: 0...3)],
                    least: isMuch ? Int64(world.random.number(in: 0...2000)) : 0,
                    validUntil: now.adding(
                        milliseconds: Int64(world.random.number(in: 500...59_000))))))
        world.send(.cashOut(client: index, sale: sales.count - 1))
    }

    /// An answer never takes back an earlier one.
    private mutating func take(_ shown: CashOutShown, _ sale: Int, _ world: Simulation) {
        let word = Refusal(rawValue: shown.refusal)
        let isAside =
            word == .idOutsideWindow || word == .deadlinePassed || word == .deadlineTooFar
            || word == .tooManyRefused || word?.isCapacity == true
        guard !isAside else {
            sales[sale].isResolved = true
            return
        }
        guard shown.status != 1 else { return }
        if let final = sales[sale].final,
            final.refusal != shown.refusal || final.payout != shown.payout
        {
            world.object("a cash-out of bet \(shown.bet) is answered in two ways")
        }
        sales[sale].final = (shown.refusal, shown.payout)
        sales[sale].isResolved = true
    }

    /// Bounds its own play, now and then by what it saw before.
    private func bound(_ world: Simulation) {
        var wish = LimitWish(
            kind: LimitKind.allCases[world.random.number(in: 0...3)],
            period: LimitPeriod.allCases[world.random.number(in: 0...1)], amount: nil, expected: nil
        )
        if let limit, world.random.number(in: 0...1) == 0 {
            wish = limit.wish
            let isRight = world.random.number(in: 0...4) > 0
            wish.expected = isRight ? limit.version : UInt64(world.random.number(in: 0...99))
        }
        let amounts: [Int64?] = [nil, 0, 100, 200, 200, 300, 1441, -7, .max]
        wish.amount = amounts[world.random.number(in: 0...world.random.number(in: 5...8))]
        world.send(.setLimit(client: index, wish))
    }

    private mutating func ask(_ wager: Int, _ world: Simulation) {
        wagers[wager].sentAt = world.clock.now
        let isChanged = world.plan.has(.changedBodies) && world.random.number(in: 0...9) == 0
        world.send(.place(client: index, intent: wager, isChanged: isChanged))
    }

    mutating func askAgain(_ world: Simulation) {
        if account == nil { return world.send(.openAccount(client: index)) }
        if session == nil { world.send(.signIn(client: index)) }
        if !hasMoney { return world.send(.deposit(client: index)) }
        for wager in unresolved {
            wagers[wager].sentAt = world.clock.now
            world.send(.place(client: index, intent: wager, isChanged: false))
        }
    }

    /// Asks for what it was offered; now and then by a reference that it made up, or long after.
    private mutating func takeOffer(_ world: Simulation) {
        let (wager, reference, offer) = offered.removeLast()
        let now = world.clock.wall()
        var intent = wagers[wager].intent
        intent.id = ExternalID(
            milliseconds: Timestamp(nanoseconds: now).milliseconds,
            random: (world.random.next(), world.random.next()))
        intent.requestHash = ExternalID(high: intent.id.low, low: intent.id.high)
        intent.stake = offer.stake
        for (index, odds) in offer.odds.enumerated() where index < intent.legs.count {
            intent.legs[index].odds = odds
        }
        intent.offer =
            world.random.number(in: 0...7) == 0
            ? UInt64(world.random.number(in: 1...2000)) : reference
        // One that was refused, and with nothing in its place.
        if world.random.number(in: 0...15) == 0 {
            let refused = wagers.suffix(20).filter { $0.final?.isOpen == false && $0.bets.0 != 0 }
            if let one = refused.last { intent.offer = one.bets.0 }
        }
        intent.validUntil = Timestamp(nanoseconds: now).adding(
            milliseconds: Int64(world.random.number(in: 500...59_000)))
        stake(intent, world)
    }

    private mutating func bet(_ world: Simulation) {
        if !offered.isEmpty, world.random.number(in: 0...1) == 0 { return takeOffer(world) }
        guard let account, let session else { return }
        let isSameGame = world.plan.has(.house) && world.random.number(in: 0...3) == 0
        let together = isSameGame ? world.supplier.sameGame(world) : nil
        guard let legs = together ?? world.supplier.slip(world) else { return }
        let now = world.clock.wall()
        let made = Timestamp(nanoseconds: now).milliseconds
        let id = ExternalID(milliseconds: made, random: (world.random.next(), world.random.next()))
        let stakes: [ClosedRange<Int>] = [5...50, 10...2000, 1000...60_000]
        var intent = BetIntent(
            account: account, id: id, requestHash: ExternalID(high: id.low, low: id.high),
            session: session,
            stake: Int64(world.random.number(in: stakes[world.random.number(in: 0...2)])),
            currency: .eur, legs: legs,
            validUntil: Timestamp(nanoseconds: now).adding(
                milliseconds: Int64(world.random.number(in: 500...59_000))),
            receivedAt: Timestamp(nanoseconds: now))
        intent.rule = world.supplier.rule(world)
        intent.tolerance = UInt8([0, 1, 5, 255][world.random.number(in: 0...3)])
        if together != nil {
            intent.structure = .sameGame
            if world.random.number(in: 0...9) > 0 {
                intent.joint = Odds(thousandths: UInt32(world.random.number(in: 1100...30_000)))
            }
        } else if world.plan.has(.systems), world.random.number(in: 0...1) == 0 {
            makeSystem(&intent, world)
        }
        if together == nil { makeEachWay(&intent, world) }
        if world.plan.has(.promotions) { spend(&intent, world) }
        if world.plan.has(.fills), world.random.number(in: 0...2) == 0 {
            intent.fill = world.random.number(in: 0...3) == 0 ? .maximum : .cap
        }
        if world.plan.has(.traders) { intent.channel = UInt8(index % 3) }
        if world.plan.has(.locations) {
            intent.mustBeLocated = world.random.number(in: 0...3) > 0
            intent.located =
                world.random.number(in: 0...3) == 0
                ? decided[world.random.number(in: 0...decided.count - 1)]
                : decided[decided.count - 1]
        }
        if world.plan.has(.nonsense) { spoil(&intent, world) }
        stake(intent, world)
    }

    /// With another body under the same id at hand.
    private mutating func stake(_ intent: BetIntent, _ world: Simulation) {
        var changed = intent
        changed.stake += 1
        changed.requestHash = ExternalID(high: intent.id.low, low: intent.id.high &+ 1)
        wagers.append(Wager(intent: intent, changed: changed, sentAt: world.clock.now))
        unresolved.append(wagers.count - 1)
        world.send(.place(client: index, intent: wagers.count - 1, isChanged: false))
    }

    /// Lines of any sizes, now and then with bankers; most stakes divide.
    private func makeSystem(_ intent: inout BetIntent, _ world: Simulation) {
        guard intent.legs.count >= 2 else { return }
        let legs = UInt32(intent.legs.count)
        intent.structure = .system
        if world.random.number(in: 0...2) == 0 {
            intent.bankers = 1 << UInt32(world.random.number(in: 0...Int(legs) - 1))
        }
        let free = legs - UInt32(intent.bankers.nonzeroBitCount)
        intent.sizes = UInt32(world.random.number(in: 1...(1 << Int(free)) - 1))
        if world.plan.has(.house) {
            switch world.random.number(in: 0...3) {
            case 0, 1: group(&intent, world)
            case 2 where intent.bankers == 0:
                // Covers, which the house adds to.
                let hasSingles = legs >= 3 && world.random.number(in: 0...1) == 0
                intent.sizes = (1 << legs) - (hasSingles ? 1 : 2)
            default: break
            }
        }
        guard world.random.number(in: 0...7) > 0, let shape = intent.shape else { return }
        intent.stake = max(1, intent.stake / shape.lines) * shape.lines
    }

    /// One or two groups of legs, now and then some that cannot be.
    private func group(_ intent: inout BetIntent, _ world: Simulation) {
        let last = intent.legs.count - 1
        intent.bankers = 0
        guard last > 1, world.random.number(in: 0...3) == 0 else {
            // One pair of legs, and what else there is.
            let first = UInt32(world.random.number(in: 0...max(0, last - 1)))
            intent.groups[0] =
                first << 28 | (first + 1) << 24 | UInt32(world.random.number(in: 1...3))
            intent.sizes = UInt32(world.random.number(in: 1...(1 << last) - 1))
            return
        }
        for place in 0...world.random.number(in: 0...1) {
            let (one, other) = (
                UInt32(world.random.number(in: 0...last)), UInt32(world.random.number(in: 0...last))
            )
            let sizes = UInt32(world.random.number(in: 1...3))
            intent.groups[place] = min(one, other) << 28 | max(one, other) << 24 | sizes
        }
        intent.sizes = UInt32(world.random.number(in: 1...3))
    }

    /// Half on winning and half on being placed, where all its markets have terms; most stakes divide.
    private func makeEachWay(_ intent: inout BetIntent, _ world: Simulation) {
        let hasTerms = intent.legs.allSatisfy { $0.places != nil }
        guard world.plan.has(.racing), hasTerms, world.random.number(in: 0...1) == 0 else {
            for index in intent.legs.indices { intent.legs[index].places = nil }
            return
        }
        intent.structure = .eachWay
        guard world.random.number(in: 0...7) > 0 else { return }
        let lines = (intent.shape?.lines ?? 1) * 2
        intent.stake = max(1, intent.stake / lines) * lines
    }

    /// Bonus money, a free stake, or a part of the stake of each; whether there is so much, the engine knows.
    private func spend(_ intent: inout BetIntent, _ world: Simulation) {
        guard intent.stake > 0 else { return }
        let half = intent.stake / 2 / max(1, intent.lineCount) * max(1, intent.lineCount)
        switch world.random.number(in: 0...9) {
        case 0, 1: intent.free = intent.stake
        case 2, 3: intent.bonus = intent.stake
        case 4: (intent.bonus, intent.free) = (intent.stake - half, half)
        case 5:
            intent.bonus = Int64(world.random.number(in: 0...Int(intent.stake)))
            intent.free = min(half, intent.stake - intent.bonus)
        default: break
        }
    }

    /// What a broken or hostile client would ask.
    private func spoil(_ intent: inout BetIntent, _ world: Simulation) {
        guard world.random.number(in: 0...7) == 0 else { return }
        switch world.random.number(in: 0...9) {
        case 9: (intent.bonus, intent.free) = (-5, intent.stake &+ 7)
        case 0: intent.stake = [0, -5, Limits.stake + 1, .max / 4][world.random.number(in: 0...3)]
        case 1: intent.validUntil = intent.validUntil.adding(milliseconds: 3_600_000)
        case 2: intent.currency = .gbp
        case 3:
            intent.structure = [.system, .eachWay][world.random.number(in: 0...1)]
            intent.sizes = UInt32(truncatingIfNeeded: world.random.next())
            intent.bankers = UInt32(truncatingIfNeeded: world.random.next())
        case 4: intent.legs = []
        case 5: intent.legs[0].market = MarketID(9_999)
        case 6: intent.legs[0].selection = 77
        case 7: intent.id = ExternalID(high: world.random.next(), low: world.random.next())
        default: intent.legs = Array(repeating: intent.legs[0], count: 2)
        }
    }

    func rule(_ bet: UInt64, _ atLeast: Int64?, _ encoder: inout CommandEncoder) -> RecordBytes? {
        guard let account, let session else { return nil }
        return encoder.cashOutRule(of: bet, atLeast: atLeast, account: account, session: session)
    }

    func openAccount(_ encoder: inout CommandEncoder) -> RecordBytes {
        encoder.openAccount(id, .eur, .demo)
    }

    func signIn(_ encoder: inout CommandEncoder) -> RecordBytes? {
        guard let account else { return nil }
        return encoder.session(
            account: account, brand: 1, licence: 1, channel: 1, authentication: 1, realm: 1,
            format: .decimal)
    }

    func deposit(_ encoder: inout CommandEncoder) -> RecordBytes? {
        guard let account else { return nil }
        return encoder.deposit(cash, to: account, id: depositID)
    }

    func limit(_ wish: LimitWish, _ encoder: inout CommandEncoder) -> RecordBytes? {
        guard let account, let session else { return nil }
        return encoder.setLimit(
            wish.kind, wish.period, to: wish.amount, of: account, expected: wish.expected,
            session: session)
    }

    func record(of wager: Int, isChanged: Bool, _ encoder: inout CommandEncoder) -> RecordBytes {
        encoder.place(isChanged ? wagers[wager].changed : wagers[wager].intent)
    }

    // MARK: What it hears

    mutating func hear(_ answer: Answer, _ world: Simulation) {
        switch answer {
        case .account(let account):
            if let known = self.account, known != account {
                world.object("client \(index) was given two accounts")
            }
            self.account = account
        case .signedIn(let session): self.session = session
        case .deposited: hasMoney = true
        case .limited(let wish, let version): limit = (wish, version)
        case .sold(let sale, let shown): take(shown, sale, world)
        case .busy: break
        case .pushed(let placed):
            guard let wager = byBet[placed.bet] else { return }
            take(placed, wager, isChanged: wagers[wager].bets.1 == placed.bet, world)
        case .placed(let wager, let isChanged, let placed):
            take(placed, wager, isChanged: isChanged, world)
        }
    }

    /// An answer never takes back an earlier one.
    private mutating func take(
        _ placed: Placed, _ wager: Int, isChanged: Bool, _ world: Simulation
    ) {
        let word = Refusal(rawValue: placed.refusal)
        // The other body won the id; or the id is too old to be asked about, or was never decided.
        let isAside =
            word == .idReused || word == .idOutsideWindow || word == .deadlinePassed
            || word == .deadlineTooFar || word == .tooManyRefused || word?.isCapacity == true
        if !isAside {
            let known = isChanged ? wagers[wager].bets.1 : wagers[wager].bets.0
            let rival = isChanged ? wagers[wager].bets.0 : wagers[wager].bets.1
            if known != 0, known != placed.bet {
                world.object("one intent became bets \(known) and \(placed.bet)")
            }
            if rival != 0 {
                world.object("both bodies under one id were decided: \(rival), \(placed.bet)")
            }
            if isChanged {
                wagers[wager].bets.1 = placed.bet
            } else {
                wagers[wager].bets.0 = placed.bet
            }
            byBet[placed.bet] = wager
            if world.plan.has(.offers), !isChanged, let offer = placed.offer {
                offered.append((wager, placed.bet, offer))
            }
            let isOpen = [2, 4, 5].contains(placed.status)
            if let final = wagers[wager].final {
                if final.isOpen != isOpen || final.refusal != placed.refusal, placed.status != 1 {
                    world.object(
                        "bet \(placed.bet) was \(final.isOpen ? "taken" : "refused \(final.refusal)"), "
                            + "now \(placed.status), \(placed.refusal)")
                }
            } else if placed.status != 1 {
                wagers[wager].final = (placed.refusal, isOpen)
            }
        }
        let isFinal =
            placed.status != 1 && !(word == .tooManyRefused || word?.isCapacity == true)
        // A deadline that passed says nothing of an earlier arrival: nothing was booked under the id.
        guard isFinal || (word == .idReused && isChanged == false), !wagers[wager].isResolved else {
            return
        }
        if isChanged, word == .idReused { return }
        wagers[wager].isResolved = true
        unresolved.removeAll { $0 == wager }
    }
}

extension BetIntent {
    fileprivate var shape: SystemShape? {
        SystemShape(legs: legs.count, sizes: sizes, bankers: bankers, packedGroups: groups)
    }

    /// Equal parts that its stake is divided among, as far as it makes sense.
    fileprivate var lineCount: Int64 {
        (structure == .accumulator ? 1 : shape?.lines ?? 1) * (structure == .eachWay ? 2 : 1)
    }
}
