import EngineCore
import Judge
import Kernel

/// Puts records into the judge's words. Knows the layouts; decides nothing.
struct Witness {
    private var waiting: Testimony?

    /// The testimony that is complete now that this record has begun another, if there is one.
    mutating func hear(_ record: RecordBytes) -> Testimony? {
        guard record.kind?.isCommand == true else {
            if let outcome = Self.outcome(record) { waiting?.outcomes.append(outcome) }
            return nil
        }
        let complete = waiting
        waiting = Testimony(
            sequence: record.sequence, time: record.time.nanoseconds,
            command: Self.command(record), outcomes: [])
        return complete
    }

    /// The last one of a block: outcomes never stand in another block than their command.
    mutating func finish() -> Testimony? {
        defer { waiting = nil }
        return waiting
    }

    // MARK: Commands

    private static func command(_ record: RecordBytes) -> Command {
        switch record.kind {
        case .genesis:
            return .genesis(
                Cell(
                    currency: record.field(Layout.Genesis.currency, as: UInt16.self),
                    money: record.field(Layout.Genesis.money, as: UInt8.self),
                    rounding: Rounding(
                        rawValue: record.field(Layout.Genesis.rounding, as: UInt8.self)) ?? .down,
                    minimumStake: record.field(Layout.Genesis.minimumStake, as: Int64.self),
                    payoutCap: record.field(Layout.Genesis.payoutCap, as: Int64.self),
                    customerCap: record.field(Layout.Genesis.customerCap, as: Int64.self),
                    dayCap: record.field(Layout.Genesis.dayCap, as: Int64.self)))
        case .recovered: return .recovered
        case .openAccount:
            return .openAccount(
                id: record.clientID,
                currency: record.field(Layout.OpenAccount.currency, as: UInt16.self),
                money: record.field(Layout.OpenAccount.money, as: UInt8.self),
                stakeLimit: record.field(Layout.OpenAccount.stakeLimit, as: Int64.self))
        case .deposit:
            return .deposit(
                account: record.account.rawValue, id: record.clientID,
                amount: record.field(Layout.Deposit.amount, as: Int64.self))
        case .setLimit:
            return .setLimit(
                account: record.account.rawValue,
                name: LimitName(
                    kind: record.field(Layout.SetLimit.kind, as: UInt8.self),
                    period: record.field(Layout.SetLimit.period, as: UInt8.self)),
                amount: record.field(Layout.SetLimit.amount, as: Int64.self),
                expected: record.field(Layout.SetLimit.expected, as: UInt64.self))
        case .setRisk:
            return .setRisk(
                RiskSaid(
                    account: record.account.rawValue,
                    factor: record.field(Layout.SetRisk.stakeFactor, as: UInt16.self),
                    delay: record.field(Layout.SetRisk.delay, as: UInt32.self),
                    shut: record.field(Layout.SetRisk.shut, as: UInt8.self),
                    actor: record.field(Layout.SetRisk.actor, as: UInt64.self),
                    hasReason: record.field(Layout.SetRisk.reason, as: UInt8.self) != 0,
                    hasNotice: record.field(Layout.SetRisk.notice, as: UInt8.self) != 0))
        case .deductionTable:
            typealias Table = Layout.DeductionTable
            let count = Int(record.field(Table.count, as: UInt16.self))
            return .deductionTable(
                TableSaid(
                    rule: record.field(Table.rule, as: UInt8.self),
                    steps: (0..<min(count, 256)).map { place in
                        let offset = Table.steps + place * Table.stepSize
                        return TableSaid.Step(
                            runners: record.field(offset + Table.runners, as: UInt8.self),
                            winnings: record.field(offset + Table.winnings, as: UInt32.self),
                            stake: record.field(offset + Table.stake, as: UInt32.self),
                            win: record.field(offset + Table.win, as: UInt16.self),
                            place: record.field(offset + Table.place, as: UInt16.self))
                    }, waivedAlone: record.field(Table.waivedAlone, as: UInt16.self),
                    expected: record.field(Table.expected, as: UInt32.self),
                    actor: record.field(Table.actor, as: UInt64.self),
                    hasReason: record.field(Table.reason, as: UInt8.self) != 0))
        case .setBar:
            return .setBar(
                BarSaid(
                    account: record.account.rawValue,
                    scope: record.field(Layout.SetBar.scope, as: UInt8.self),
                    id: record.field(Layout.SetBar.id, as: UInt64.self),
                    isSet: record.field(Layout.SetBar.isSet, as: UInt8.self),
                    actor: record.field(Layout.SetBar.actor, as: UInt64.self),
                    hasReason: record.field(Layout.SetBar.reason, as: UInt8.self) != 0,
                    hasNotice: record.field(Layout.SetBar.notice, as: UInt8.self) != 0))
        case .location:
            return .location(
                LocationSaid(
                    account: record.account.rawValue,
                    session: record.field(Layout.Location.session, as: UInt64.self),
                    mark: record.field(Layout.Location.mark, as: UInt64.self),
                    verdict: record.field(Layout.Location.verdict, as: UInt8.self),
                    source: record.field(Layout.Location.source, as: UInt8.self),
                    until: record.field(Layout.Location.until, as: Int64.self)))
        case .grant:
            return .grant(
                GrantSaid(
                    account: record.account.rawValue, id: record.clientID,
                    hash: record.requestHash,
                    kind: record.field(Layout.Grant.kind, as: UInt8.self),
                    amount: record.field(Layout.Grant.amount, as: Int64.self),
                    actor: record.field(Layout.Grant.actor, as: UInt64.self),
                    hasReason: record.field(Layout.Grant.reason, as: UInt8.self) != 0,
                    promotion: record.field(Layout.Grant.promotion, as: UInt64.self),
                    terms: record.field(Layout.Grant.terms, as: UInt32.self)))
        case .promotion:
            typealias Said = Layout.Promotion
            let length = Int(record.field(Said.termsLength, as: UInt16.self))
            return .promotion(
                PromotionSaid(
                    number: record.field(Said.number, as: UInt64.self),
                    from: record.field(Said.from, as: Int64.self),
                    until: record.field(Said.until, as: Int64.self),
                    name: record.text(Said.name, width: 48),
                    terms: record.text(Said.terms, width: min(length, 1024)),
                    expected: record.field(Said.expected, as: UInt32.self),
                    actor: record.field(Said.actor, as: UInt64.self),
                    hasReason: record.field(Said.reason, as: UInt8.self) != 0))
        case .fixture: return .fixture(fixture(record))
        case .fixtureUpdate: return .fixtureUpdate(fixture(record))
        case .market: return .market(market(record))
        case .price:
            let count = Int(record.field(Layout.Price.selectionCount, as: UInt16.self))
            let entries = (0..<count).map {
                Layout.Price.entries + $0 * Layout.Price.entrySize
            }
            return .price(
                market: record.clientID,
                PriceSaid(
                    odds: entries.map { record.odds(at: $0) },
                    delays: entries.map {
                        record.field($0 + Layout.Price.entryDelay, as: UInt32.self)
                    },
                    references: entries.map {
                        record.field($0 + Layout.Price.entryReference, as: UInt32.self)
                    },
                    chances: (0..<count).map { chance($0, of: count, record) }))
        case .withdrawal:
            let deduction = record.field(Layout.Withdrawal.deduction, as: UInt16.self)
            let placeDeduction = record.field(Layout.Withdrawal.placeDeduction, as: UInt16.self)
            return .withdrawal(
                market: record.clientID,
                WithdrawalSaid(
                    selection: record.field(Layout.Withdrawal.selection, as: UInt32.self),
                    deduction: deduction == 0 ? nil : deduction - 1,
                    placeDeduction: placeDeduction == 0 ? nil : placeDeduction - 1,
                    places: record.places(at: Layout.Withdrawal.places)))
        case .marketState: return .marketState(state(record))
        case .marketLimits:
            var said = LimitsSaid(
                owner: record.field(Layout.MarketLimits.owner, as: UInt8.self),
                actor: record.field(Layout.MarketLimits.actor, as: UInt64.self),
                expected: record.field(Layout.MarketLimits.expected, as: UInt32.self),
                hasReason: record.field(Layout.MarketLimits.reason, as: UInt8.self) != 0)
            func amount(_ offset: Int) -> Int64? {
                let amount = record.field(offset, as: Int64.self)
                return amount == -1 ? nil : amount
            }
            said.maximumStake = amount(Layout.MarketLimits.maximumStake)
            said.liabilityLimit = amount(Layout.MarketLimits.liabilityLimit)
            said.suspendAt = amount(Layout.MarketLimits.suspendAt)
            said.floor = amount(Layout.MarketLimits.floor)
            let move = record.field(Layout.MarketLimits.mostMove, as: UInt32.self)
            said.mostMove = move == .max ? nil : move
            return .marketLimits(market: record.clientID, said)
        case .pricing: return .pricing(market: record.clientID, pricing(record))
        case .channelState:
            return .channel(
                record.field(Layout.ChannelState.channel, as: UInt8.self),
                isShut: record.field(Layout.ChannelState.isShut, as: UInt8.self),
                actor: record.field(Layout.ChannelState.actor, as: UInt64.self))
        case .place: return .place(intent(record))
        case .cashOut:
            return .cashOut(
                CashOutSaid(
                    account: record.account.rawValue, id: record.clientID,
                    hash: record.requestHash,
                    bet: record.field(Layout.CashOut.bet, as: UInt64.self),
                    part: record.field(Layout.CashOut.part, as: Int64.self),
                    least: record.field(Layout.CashOut.least, as: Int64.self),
                    validUntil: record.field(Layout.CashOut.validUntil, as: Int64.self)))
        case .cashOutRule:
            return .cashOutRule(
                account: record.account.rawValue,
                bet: record.field(Layout.CashOutRule.bet, as: UInt64.self),
                atLeast: record.field(Layout.CashOutRule.atLeast, as: Int64.self))
        case .cashOutStep: return .cashOutStep
        case .timerDue: return .timerDue
        case .forgetIDs:
            return .forgetIDs(projected: record.field(Layout.ForgetIDs.projected, as: UInt64.self))
        case .result:
            return .result(
                market: record.clientID,
                word: ResultSaid(
                    said: record.field(Layout.Result.time, as: Int64.self), marks: marks(record),
                    certainty: record.field(Layout.Result.certainty, as: UInt8.self),
                    isRollback: record.field(Layout.Result.action, as: UInt8.self) == 2))
        case .cancel:
            return .cancel(
                market: record.clientID,
                word: CancelSaid(
                    said: record.field(Layout.Cancel.time, as: Int64.self), isByOperators: false,
                    from: record.field(Layout.Cancel.from, as: Int64.self),
                    until: record.field(Layout.Cancel.until, as: Int64.self),
                    isTakenBack: record.field(Layout.Cancel.action, as: UInt8.self) == 4))
        case .startingPrices:
            let count = Int(record.field(Layout.Price.selectionCount, as: UInt16.self))
            return .startingPrices(
                market: record.clientID,
                odds: (0..<count).map {
                    record.odds(at: Layout.Price.entries + $0 * Layout.Price.entrySize)
                }, said: record.field(Layout.Price.providerTime, as: Int64.self))
        case .earlyPayout:
            let count = Int(record.field(Layout.EarlyPayout.selectionCount, as: UInt16.self))
            return .earlyPayout(
                market: record.clientID,
                before: (0..<count).map {
                    record.field(
                        Layout.EarlyPayout.moments + $0 * Layout.EarlyPayout.momentSize,
                        as: Int64.self)
                }, said: record.field(Layout.EarlyPayout.time, as: Int64.self))
        case .propose: return .propose(proposal(record))
        case .approve:
            return .approve(
                proposal: record.field(Layout.Result.proposal, as: UInt64.self),
                actor: record.field(Layout.Result.actor, as: UInt64.self))
        case .settleStep: return .settleStep
        case .suspectStep: return .suspectStep
        case .houseRules:
            let count = Int(record.field(Layout.HouseRules.count, as: UInt16.self))
            return .houseRules(
                HouseSaid(
                    commission: record.field(Layout.HouseRules.commission, as: UInt16.self),
                    bonuses: (0..<min(count, 40)).map {
                        let offset = Layout.HouseRules.bonuses + $0 * Layout.HouseRules.bonusSize
                        return (
                            record.field(offset, as: UInt16.self),
                            record.field(offset + 2, as: UInt16.self)
                        )
                    }, expected: record.field(Layout.HouseRules.expected, as: UInt32.self),
                    actor: record.field(Layout.HouseRules.actor, as: UInt64.self),
                    hasReason: record.field(Layout.HouseRules.reason, as: UInt8.self) != 0))
        case .release:
            return .release(
                market: record.field(Layout.Release.market, as: UInt64.self),
                projected: record.field(Layout.Release.projected, as: UInt64.self))
        default: return .remark
        }
    }

    private static func chance(_ index: Int, of count: Int, _ record: RecordBytes) -> Chance? {
        guard record.flags & Layout.Price.hasChances != 0 else { return nil }
        let offset =
            Layout.Price.entries + count * Layout.Price.entrySize + index * Layout.Price.chanceSize
        return Chance(
            win: record.field(offset, as: UInt32.self),
            back: record.field(offset + 4, as: UInt32.self))
    }

    private static func pricing(_ record: RecordBytes) -> PricingSaid {
        let count = Int(record.field(Layout.Pricing.selectionCount, as: UInt16.self))
        let end = Layout.Pricing.entries + count * Layout.Pricing.entrySize
        let offsets = (0..<count).map { Layout.Pricing.entries + $0 * Layout.Pricing.entrySize }
        let isWhole = record.slots >= SlotSize.slots(forBody: end)
        let isRead =
            isWhole
            && offsets.allSatisfy {
                record.field($0, as: UInt64.self) == 0 || record.odds(at: $0) != nil
            }
        var said = PricingSaid(
            margin: record.field(Layout.Pricing.margin, as: UInt32.self),
            held: isRead ? offsets.map { record.odds(at: $0) } : nil,
            actor: record.field(Layout.Pricing.actor, as: UInt64.self),
            expected: record.field(Layout.Pricing.expected, as: UInt32.self),
            isSure: record.field(Layout.Pricing.isSure, as: UInt8.self) == 1,
            hasReason: record.field(Layout.Pricing.reason, as: UInt8.self) != 0)
        said.seen = record.field(Layout.Pricing.seen, as: UInt32.self)
        return said
    }

    /// Who made something, and whether that person said why.
    private static func maker(_ record: RecordBytes, at offset: Int) -> (UInt64, Bool)? {
        guard record.flags & Layout.Market.isByHand != 0 else { return nil }
        return (
            record.field(offset, as: UInt64.self), record.field(offset + 8, as: UInt8.self) != 0
        )
    }

    private static func fixture(_ record: RecordBytes) -> FixtureSaid {
        var said = FixtureSaid(
            id: record.clientID, status: record.field(Layout.Fixture.status, as: UInt8.self),
            isInPlay: record.field(Layout.Fixture.isInPlay, as: UInt8.self) == 1,
            incident: record.field(Layout.Fixture.incident, as: UInt8.self),
            score: record.field(Layout.Fixture.score, as: UInt32.self),
            competitorChain: record.field(Layout.Fixture.competitorChain, as: UInt64.self))
        if record.kind == .fixtureUpdate {
            said.said = record.field(Layout.Fixture.providerTime, as: Int64.self)
            said.startedAt = record.field(Layout.Fixture.startedAt, as: Int64.self)
        } else {
            said.sport = record.field(Layout.Fixture.sport, as: UInt8.self)
            said.byHand = maker(record, at: Layout.Fixture.actor)
        }
        return said
    }

    private static func proposal(_ record: RecordBytes) -> ProposalSaid {
        let action = record.field(Layout.Result.action, as: UInt8.self)
        let isCancel = action == 3 || action == 4
        let cancel = CancelSaid(
            said: 0, isByOperators: true,
            from: isCancel ? record.field(Layout.Result.from, as: Int64.self) : 0,
            until: isCancel ? record.field(Layout.Result.until, as: Int64.self) : 0,
            isTakenBack: action == 4)
        let isOfBet = action == 5 || action == 6
        var said = ProposalSaid(
            market: record.clientID, marks: isCancel || isOfBet ? [] : marks(record),
            cancel: isCancel ? cancel : nil,
            actor: record.field(Layout.Result.actor, as: UInt64.self),
            hasReason: record.field(Layout.Result.reason, as: UInt8.self) != 0,
            expected: record.field(Layout.Result.expected, as: UInt32.self))
        if isOfBet {
            said.bet = (record.field(Layout.Result.bet, as: UInt64.self), action == 6)
        }
        return said
    }

    private static func market(_ record: RecordBytes) -> MarketSaid {
        var said = MarketSaid(
            id: record.clientID,
            fixture: ExternalID(
                high: record.field(Layout.Market.fixtureHigh, as: UInt64.self),
                low: record.field(Layout.Market.fixtureLow, as: UInt64.self)),
            winners: Int(record.field(Layout.Market.winners, as: UInt8.self)),
            selections: Int(record.field(Layout.Market.selectionCount, as: UInt8.self)),
            betDelay: record.field(Layout.Market.betDelay, as: UInt32.self),
            relationGroup: record.field(Layout.Market.relationGroup, as: UInt64.self),
            maximumStake: record.field(Layout.Market.maximumStake, as: Int64.self),
            liabilityLimit: record.field(Layout.Market.liabilityLimit, as: Int64.self),
            scoutedReturn: record.field(Layout.Market.scoutedReturn, as: Int64.self))
        let racing = record.field(Layout.Market.racing, as: UInt8.self)
        said.places = record.places(at: Layout.Market.places)
        said.deductions = racing & 0x07
        said.takesAtStart = racing & 0x08 != 0
        said.isAtTheOff = racing & 0x10 != 0
        said.isAntePost = racing & 0x20 != 0
        said.isGuaranteed = racing & 0x40 != 0
        said.isCashedOut = racing & 0x80 == 0
        said.paysEarly = record.flags & Layout.Market.paysEarly != 0
        said.byHand = maker(
            record,
            at: Layout.Market.selections + said.selections * Layout.Market.selectionSize)
        let lines =
            [record.field(Layout.Market.line, as: Int32.self)]
            + (0..<said.selections).map {
                record.field(
                    Layout.Market.selections + $0 * Layout.Market.selectionSize
                        + Layout.Market.selectionLine, as: Int32.self)
            }
        // Halves decide; all others may give stakes back.
        let isAsian = [6, 7].contains(record.field(Layout.Market.type, as: UInt8.self))
        said.mayPush =
            lines.contains { $0 != .min && abs($0) % 4 != 2 }
            || isAsian && lines.allSatisfy { $0 == .min }
        return said
    }

    private static func state(_ record: RecordBytes) -> StateSaid {
        StateSaid(
            scope: record.field(Layout.MarketState.scope, as: UInt8.self), id: record.clientID,
            owner: record.field(Layout.MarketState.owner, as: UInt8.self),
            setting: record.field(Layout.MarketState.setting, as: UInt8.self),
            lifting: record.field(Layout.MarketState.lifting, as: UInt8.self),
            betDelay: record.field(Layout.MarketState.betDelay, as: UInt32.self),
            isMaterial: record.field(Layout.MarketState.isMaterial, as: UInt8.self) == 1,
            expected: record.field(Layout.MarketState.expected, as: UInt64.self))
    }

    private static func intent(_ record: RecordBytes) -> Intent {
        let said = Int(record.field(Layout.Place.legCount, as: UInt8.self))
        let room = (record.slots * SlotSize.bytes - SlotSize.head - Layout.Place.legs) / 64
        var legs: [Intent.Leg] = []
        for index in 0..<min(said, Limits.legs, room) {
            let offset = Layout.Place.legs + index * Layout.Place.legSize
            guard record.slots >= SlotSize.slots(forBody: offset + Layout.Place.legSize) else {
                break
            }
            var leg = Intent.Leg(
                market: record.field(offset + Layout.Leg.market, as: UInt64.self),
                selection: record.field(offset + Layout.Leg.selection, as: UInt32.self),
                odds: record.odds(at: offset + Layout.Leg.odds),
                score: record.field(offset + Layout.Leg.score, as: UInt32.self))
            leg.isAtStart =
                leg.odds == nil
                && record.field(offset + Layout.Leg.priceKind, as: UInt8.self) == 2
            leg.places = record.places(at: offset + Layout.Leg.eachWayPlaces)
            leg.placesSaid = record.field(offset + Layout.Leg.eachWayPlaces, as: UInt8.self)
            leg.version = record.field(offset + Layout.Leg.marketVersion, as: UInt64.self)
            legs.append(leg)
        }
        let bonus = record.field(Layout.Place.stakeBonus, as: Int64.self)
        let free = record.field(Layout.Place.stakeFree, as: Int64.self)
        var intent = Intent(
            account: record.account.rawValue, id: record.clientID, hash: record.requestHash,
            stake: record.field(Layout.Place.stakeCash, as: Int64.self) &+ bonus &+ free,
            fill: UInt8(truncatingIfNeeded: record.flags & 3), bonus: bonus, free: free,
            currency: record.field(Layout.Place.currency, as: UInt16.self),
            structure: record.field(Layout.Place.structure, as: UInt8.self),
            sizes: record.field(Layout.Place.sizes, as: UInt32.self),
            bankers: record.field(Layout.Place.bankers, as: UInt32.self), legCount: said,
            rule: record.field(Layout.Place.priceRule, as: UInt8.self),
            tolerance: record.field(Layout.Place.tolerance, as: UInt8.self),
            validUntil: record.field(Layout.Place.validUntil, as: Int64.self), legs: legs)
        intent.offer = record.field(Layout.Place.offer, as: UInt64.self)
        intent.channel = UInt8(record.channel)
        intent.mustBeLocated = record.mustBeLocated
        intent.located = record.field(Layout.Place.located, as: UInt64.self)
        let groups = record.groups(behind: said)
        intent.groups = (0..<4).map { groups[$0] }
        intent.joint = record.jointOdds(behind: said)
        return intent
    }

    private static func marks(_ record: RecordBytes) -> [Mark] {
        let count = Int(record.field(Layout.Result.selectionCount, as: UInt8.self))
        return (0..<count).map {
            let offset = Layout.Result.selections + $0 * Layout.Result.selectionSize
            return Mark(
                result: record.field(offset, as: UInt8.self),
                winners: record.field(offset + 1, as: UInt8.self),
                tied: record.field(offset + 2, as: UInt8.self),
                position: record.field(offset + 3, as: UInt8.self))
        }
    }

    // MARK: Outcomes

    static func outcome(_ record: RecordBytes) -> Outcome? {
        switch record.kind {
        case .accountChanged:
            return .account(
                refusal: record.field(Layout.AccountChanged.refusal, as: UInt16.self),
                account: record.account.rawValue,
                balances: balances(record, Layout.AccountChanged.balances))
        case .limitChanged:
            return .limit(
                LimitShown(
                    refusal: record.field(Layout.LimitChanged.refusal, as: UInt16.self),
                    amount: record.field(Layout.LimitChanged.amount, as: Int64.self),
                    next: record.field(Layout.LimitChanged.next, as: Int64.self),
                    nextFrom: record.field(Layout.LimitChanged.nextFrom, as: Int64.self),
                    version: record.field(Layout.LimitChanged.version, as: UInt64.self)))
        case .fixtureChanged:
            return .fixture(
                refusal: record.field(Layout.FixtureChanged.refusal, as: UInt16.self),
                fixture: record.field(Layout.FixtureChanged.fixture, as: UInt64.self))
        case .marketChanged:
            var shown = MarketShown(
                refusal: record.field(Layout.MarketChanged.refusal, as: UInt16.self),
                market: record.field(Layout.MarketChanged.market, as: UInt64.self),
                version: record.field(Layout.MarketChanged.version, as: UInt64.self),
                material: record.field(Layout.MarketChanged.material, as: UInt64.self),
                reasons: record.field(Layout.MarketChanged.reasons, as: UInt8.self),
                isResulted: record.field(Layout.MarketChanged.isResulted, as: UInt8.self) == 1,
                openLegs: record.field(Layout.MarketChanged.openLegs, as: UInt32.self),
                worstLoss: record.field(Layout.MarketChanged.worstLoss, as: Int64.self),
                staked: record.field(Layout.MarketChanged.staked, as: Int64.self))
            let count = Int(record.field(Layout.MarketChanged.priceCount, as: UInt16.self))
            shown.prices = (0..<count).map {
                record.odds(
                    at: Layout.MarketChanged.prices + $0 * Layout.MarketChanged.priceSize)
            }
            return .market(shown)
        case .selectionWithdrawn:
            return .withdrawn(
                market: record.field(Layout.SelectionWithdrawn.market, as: UInt64.self),
                selection: record.field(Layout.SelectionWithdrawn.selection, as: UInt32.self),
                deduction: record.field(Layout.SelectionWithdrawn.deduction, as: UInt16.self),
                placeDeduction: record.field(
                    Layout.SelectionWithdrawn.placeDeduction, as: UInt16.self))
        case .placed: return .placed(placed(record))
        case .betSettled:
            return .settled(
                Settled(
                    bet: record.field(Layout.BetSettled.bet, as: UInt64.self),
                    account: record.account.rawValue,
                    status: record.field(Layout.BetSettled.status, as: UInt8.self),
                    entry: record.field(Layout.BetSettled.entry, as: UInt8.self),
                    version: record.field(Layout.BetSettled.version, as: UInt32.self),
                    payoutBefore: record.field(Layout.BetSettled.payoutBefore, as: Int64.self),
                    payout: record.field(Layout.BetSettled.payout, as: Int64.self),
                    bonus: record.settlementReturns.now.bonus,
                    free: record.settlementReturns.now.free,
                    balances: balances(record, Layout.BetSettled.balances)))
        case .cashOutRuleChanged:
            return .cashOutRule(
                refusal: record.field(Layout.CashOutRuleChanged.refusal, as: UInt16.self),
                bet: record.field(Layout.CashOutRuleChanged.bet, as: UInt64.self),
                atLeast: record.field(Layout.CashOutRuleChanged.atLeast, as: Int64.self))
        case .cashOutAnswered:
            return .cashOut(
                CashOutShown(
                    bet: record.field(Layout.CashOutAnswered.bet, as: UInt64.self),
                    status: record.field(Layout.CashOutAnswered.status, as: UInt8.self),
                    refusal: record.field(Layout.CashOutAnswered.refusal, as: UInt16.self),
                    leg: record.field(Layout.CashOutAnswered.refusalLeg, as: UInt32.self),
                    part: record.field(Layout.CashOutAnswered.part, as: Int64.self),
                    payout: record.field(Layout.CashOutAnswered.payout, as: Int64.self),
                    stakeLeft: record.field(Layout.CashOutAnswered.stakeLeft, as: Int64.self),
                    potentialReturn: record.field(
                        Layout.CashOutAnswered.potentialReturn, as: Int64.self),
                    dueAt: record.field(Layout.CashOutAnswered.dueAt, as: Int64.self),
                    balances: balances(record, Layout.CashOutAnswered.balances),
                    isRepeat: record.flags & Layout.CashOutAnswered.repeated != 0))
        case .resultAnswered:
            return .result(
                refusal: record.field(Layout.ResultAnswered.refusal, as: UInt16.self),
                market: record.field(Layout.ResultAnswered.market, as: UInt64.self),
                proposal: record.field(Layout.ResultAnswered.proposal, as: UInt64.self))
        case .betSuspected:
            return .suspected(
                SuspectShown(
                    bet: record.field(Layout.BetSuspected.bet, as: UInt64.self),
                    market: record.field(Layout.BetSuspected.market, as: UInt64.self),
                    selection: record.field(Layout.BetSuspected.selection, as: UInt32.self),
                    leg: record.field(Layout.BetSuspected.leg, as: UInt8.self),
                    reference: record.field(Layout.BetSuspected.reference, as: UInt32.self),
                    chance: record.field(Layout.BetSuspected.chance, as: UInt32.self)))
        case .betsReleased:
            return .released(
                market: record.field(Layout.BetsReleased.market, as: UInt64.self),
                legs: record.field(Layout.BetsReleased.legs, as: UInt32.self),
                bets: record.field(Layout.BetsReleased.bets, as: UInt32.self),
                isComplete: record.field(Layout.BetsReleased.isComplete, as: UInt8.self) == 1)
        default: return nil
        }
    }

    private static func placed(_ record: RecordBytes) -> Placed {
        let legs = Int(record.field(Layout.Placed.legCount, as: UInt8.self))
        var placed = Placed(
            account: record.account.rawValue,
            bet: record.field(Layout.Placed.bet, as: UInt64.self),
            status: record.field(Layout.Placed.status, as: UInt8.self),
            refusal: record.field(Layout.Placed.refusal, as: UInt16.self),
            leg: record.field(Layout.Placed.refusalLeg, as: UInt32.self),
            stake: record.field(Layout.Placed.stake, as: Int64.self), asked: record.placedAsked,
            potentialReturn: record.field(Layout.Placed.potentialReturn, as: Int64.self),
            dueAt: record.field(Layout.Placed.dueAt, as: Int64.self),
            balances: balances(record, Layout.Placed.balances),
            isRepeat: record.flags & Layout.Placed.repeated != 0,
            odds: (0..<legs).map {
                record.odds(at: Layout.Placed.legs + $0 * Layout.Placed.legSize)
            })
        placed.location = record.placedLocation
        placed.offer = record.placedOffer.map {
            OfferShown(stake: $0.stake, until: $0.until, odds: $0.odds)
        }
        return placed
    }

    private static func balances(_ record: RecordBytes, _ offset: Int) -> Balances {
        Balances(
            cash: record.field(offset + Layout.Balances.cash, as: Int64.self),
            bonus: record.field(offset + Layout.Balances.bonus, as: Int64.self),
            free: record.field(offset + Layout.Balances.free, as: Int64.self),
            held: record.field(offset + Layout.Balances.held, as: Int64.self),
            openBets: record.field(offset + Layout.Balances.openBets, as: Int64.self),
            receivable: record.field(offset + Layout.Balances.receivable, as: Int64.self))
    }
}
