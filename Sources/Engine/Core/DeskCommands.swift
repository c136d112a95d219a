public import Betting
public import Catalogue
public import Kernel

/// What operators say: limits, rules, promises, and what two of them make of a bet or a market.
extension CommandEncoder {
    /// Bonus money or free stakes; an `amount` below zero takes back what is there of it. `promotion` and `terms` 0
    /// unknown.
    public mutating func grant(
        _ kind: GrantKind, _ amount: Int64, to account: AccountID, id: ExternalID,
        requestHash: ExternalID, promotion: UInt64 = 0, terms: UInt32 = 0, actor: UInt64,
        reason: String
    ) -> RecordBytes {
        let record = begin(.grant, body: Layout.Grant.size)
        record.account = account
        record.clientID = id
        record.requestHash = requestHash
        record.set(Layout.Grant.amount, amount)
        record.set(Layout.Grant.kind, kind.rawValue)
        record.set(Layout.Grant.terms, terms)
        record.set(Layout.Grant.promotion, promotion)
        record.set(Layout.Grant.actor, actor)
        record.set(Layout.Grant.reason, text: reason, width: 64)
        return record
    }

    /// Somebody at the desk has signed in.
    public mutating func operatorSession(
        _ person: UInt64, role: String, brand: UInt32, licence: UInt32
    ) -> RecordBytes {
        let record = session(
            account: AccountID(.max), brand: brand, licence: licence, channel: 1,
            authentication: 2, realm: 2, format: nil)
        record.set(Layout.Session.operator, person)
        record.set(Layout.Session.role, text: role, width: 16)
        return record
    }

    /// How far an account is trusted: `stakeFactor` in thousandths of a market's maximum stake, `delay` in milliseconds
    /// beside a market's own delay in play. No bets are taken while it `isShut`; nil leaves that as it was.
    public mutating func setRisk(
        of account: AccountID, stakeFactor: UInt16, delay: UInt32, isShut: Bool? = nil,
        actor: UInt64, reason: String, notice: String
    ) -> RecordBytes {
        let record = begin(.setRisk, body: Layout.SetRisk.size)
        record.account = account
        record.set(Layout.SetRisk.stakeFactor, stakeFactor)
        record.set(Layout.SetRisk.shut, isShut.map { $0 ? 1 : 2 } ?? 0 as UInt8)
        record.set(Layout.SetRisk.delay, delay)
        record.set(Layout.SetRisk.actor, actor)
        record.set(Layout.SetRisk.reason, text: reason, width: 64)
        record.set(Layout.SetRisk.notice, text: notice, width: 80)
        return record
    }

    /// Whole; `version` is how often the rule's table had been set when it was looked at, nil any.
    public mutating func deductionTable(
        _ rule: DeductionRule, _ table: DeductionTable, version: Int? = nil, actor: UInt64,
        reason: String
    ) -> RecordBytes {
        typealias Table = Layout.DeductionTable
        let record = begin(
            .deductionTable, body: Table.steps + table.steps.count * Table.stepSize)
        record.set(Table.rule, rule.rawValue)
        record.set(Table.count, UInt16(table.steps.count))
        record.set(Table.expected, version.map { UInt32($0) + 1 } ?? 0)
        record.set(Table.actor, actor)
        record.set(Table.reason, text: reason, width: 64)
        record.set(Table.waivedAlone, table.waivedAlone)
        for (place, step) in table.steps.enumerated() {
            let offset = Table.steps + place * Table.stepSize
            record.set(offset + Table.winnings, step.winnings)
            record.set(offset + Table.stake, step.stake)
            record.set(offset + Table.win, step.win)
            record.set(offset + Table.place, step.place)
            record.set(offset + Table.runners, step.runners)
        }
        return record
    }

    /// Whole; `version` is the version that was seen, 0 that there is none yet, nil any. Times in nanoseconds, 0 none.
    public mutating func promotion(
        _ number: UInt64, name: String, terms: String, from: Int64 = 0, until: Int64 = 0,
        version: UInt32? = nil, actor: UInt64, reason: String
    ) -> RecordBytes {
        typealias Said = Layout.Promotion
        let length = min(terms.utf8.count, Promotion.termsBytes)
        let record = begin(.promotion, body: Said.terms + length)
        record.set(Said.number, number)
        record.set(Said.from, from)
        record.set(Said.until, until)
        record.set(Said.expected, version.map { $0 + 1 } ?? 0)
        record.set(Said.termsLength, UInt16(length))
        record.set(Said.actor, actor)
        record.set(Said.reason, text: reason, width: 64)
        record.set(Said.name, text: name, width: Promotion.nameBytes)
        record.set(Said.terms, text: terms, width: length)
        return record
    }

    /// `notice` is what the customer is told; it may be empty where a bar is lifted.
    public mutating func setBar(
        of account: AccountID, from scope: BarScope, isSet: Bool, actor: UInt64, reason: String,
        notice: String
    ) -> RecordBytes {
        let record = begin(.setBar, body: Layout.SetBar.size)
        record.account = account
        switch scope {
        case .sport(let sport):
            record.set(Layout.SetBar.scope, 1 as UInt8)
            record.set(Layout.SetBar.id, UInt64(sport))
        case .fixture(let fixture):
            record.set(Layout.SetBar.scope, 2 as UInt8)
            record.set(Layout.SetBar.id, fixture.rawValue)
        }
        record.set(Layout.SetBar.isSet, (isSet ? 1 : 0) as UInt8)
        record.set(Layout.SetBar.actor, actor)
        record.set(Layout.SetBar.reason, text: reason, width: 64)
        record.set(Layout.SetBar.notice, text: notice, width: 80)
        return record
    }

    /// What of it is not said stays as it was; minor units, and `mostMove` in hundredths of a percent.
    public mutating func marketLimits(_ id: ExternalID, _ limits: MarketLimits) -> RecordBytes {
        let record = begin(.marketLimits, body: Layout.MarketLimits.size)
        record.clientID = id
        record.set(Layout.MarketLimits.maximumStake, limits.maximumStake ?? -1)
        record.set(Layout.MarketLimits.liabilityLimit, limits.liabilityLimit ?? -1)
        record.set(Layout.MarketLimits.suspendAt, limits.suspendAt ?? -1)
        record.set(Layout.MarketLimits.floor, limits.floor ?? -1)
        record.set(Layout.MarketLimits.mostMove, limits.mostMove.map(UInt32.init) ?? .max)
        record.set(
            Layout.MarketLimits.owner,
            (limits.actor == 0 ? MarketOwner.feed : .trader).rawValue)
        record.set(Layout.MarketLimits.actor, limits.actor)
        record.set(Layout.MarketLimits.expected, limits.version.map { $0 &+ 1 } ?? 0)
        record.set(Layout.MarketLimits.reason, text: limits.reason, width: 64)
        return record
    }

    /// Whole: what is not in it is as the feed says. `margin` in hundredths of a percent, nil the feed's.
    public mutating func pricing(_ id: ExternalID, _ hand: PricingHand) -> RecordBytes {
        let record = begin(
            .pricing, body: Layout.Pricing.entries + hand.held.count * Layout.Pricing.entrySize)
        record.clientID = id
        record.set(Layout.Pricing.margin, hand.margin ?? .max)
        record.set(Layout.Pricing.expected, hand.version.map { $0 &+ 1 } ?? 0)
        record.set(
            Layout.Pricing.seen, hand.seen.map { UInt32(truncatingIfNeeded: $0) &+ 1 } ?? 0)
        record.set(Layout.Pricing.actor, hand.actor)
        record.set(Layout.Pricing.selectionCount, UInt16(hand.held.count))
        record.set(Layout.Pricing.isSure, hand.isSure ? 1 as UInt8 : 0)
        record.set(Layout.Pricing.reason, text: hand.reason, width: 64)
        for (place, odds) in hand.held.enumerated() {
            record.set(Layout.Pricing.entries + place * Layout.Pricing.entrySize, odds)
        }
        return record
    }

    /// What the house adds to bets that are asked for from here on, and takes of what they win; whole. `version` is how
    /// many versions there were when it was seen, nil when it does not matter.
    public mutating func houseRules(
        _ rules: HouseRules, version: Int? = nil, actor: UInt64, reason: String
    ) -> RecordBytes {
        let record = begin(
            .houseRules,
            body: Layout.HouseRules.bonuses + rules.bonuses.count * Layout.HouseRules.bonusSize)
        record.set(Layout.HouseRules.commission, rules.commission)
        record.set(Layout.HouseRules.count, UInt16(rules.bonuses.count))
        record.set(Layout.HouseRules.expected, version.map { UInt32($0) &+ 1 } ?? 0)
        record.set(Layout.HouseRules.actor, actor)
        record.set(Layout.HouseRules.reason, text: reason, width: 64)
        for (place, bonus) in rules.bonuses.enumerated() {
            let offset = Layout.HouseRules.bonuses + place * Layout.HouseRules.bonusSize
            record.set(offset + Layout.HouseRules.onlyWinner, bonus.onlyWinner)
            record.set(offset + Layout.HouseRules.allWinners, bonus.allWinners)
        }
        return record
    }

    /// `channel` as in `Layout.Session`.
    public mutating func channelState(
        _ channel: UInt8, isShut: Bool, actor: UInt64, reason: String
    ) -> RecordBytes {
        let record = begin(.channelState, body: Layout.ChannelState.size)
        record.set(Layout.ChannelState.channel, channel)
        record.set(Layout.ChannelState.isShut, isShut ? 1 as UInt8 : 0)
        record.set(Layout.ChannelState.actor, actor)
        record.set(Layout.ChannelState.reason, text: reason, width: 64)
        return record
    }

    /// `id` is the market's or the fixture's, by `scope`. `expected` is the one market's material version that was
    /// seen, 0 when it does not matter.
    public mutating func marketState(
        _ id: ExternalID, scope: Scope = .market, by owner: MarketOwner, setting: ShutReasons = [],
        lifting: ShutReasons = [], actor: UInt64 = 0, isMaterial: Bool = false,
        betDelay: UInt32? = nil, reason: String = "", expected: UInt64 = 0
    ) -> RecordBytes {
        let record = begin(.marketState, body: Layout.MarketState.size)
        record.clientID = id
        record.set(Layout.MarketState.owner, owner.rawValue)
        record.set(Layout.MarketState.setting, setting.rawValue)
        record.set(Layout.MarketState.lifting, lifting.rawValue)
        record.set(Layout.MarketState.scope, scope.rawValue)
        record.set(Layout.MarketState.betDelay, betDelay ?? .max)
        record.set(Layout.MarketState.actor, actor)
        record.set(Layout.MarketState.isMaterial, isMaterial ? 1 as UInt8 : 0)
        record.set(Layout.MarketState.reason, text: reason, width: 64)
        record.set(Layout.MarketState.expected, expected)
        return record
    }

    /// The first of two people asks for the same.
    public mutating func proposeCancel(
        market: ExternalID, _ window: CancelWindow, isTakenBack: Bool = false, actor: UInt64,
        reason: String, evidence: String = "", expected: UInt32? = nil
    ) -> RecordBytes {
        let record = begin(.propose, body: Layout.Result.windowSize)
        record.clientID = market
        record.set(Layout.Result.source, ResultSource.operator.rawValue)
        record.set(
            Layout.Result.action, (isTakenBack ? ResultAction.reinstate : .cancel).rawValue)
        record.set(Layout.Result.actor, actor)
        record.set(Layout.Result.expected, expected.map { $0 + 1 } ?? 0)
        record.set(Layout.Result.evidence, text: evidence, width: 32)
        record.set(Layout.Result.reason, text: reason, width: 64)
        record.set(Layout.Result.from, window.from)
        record.set(Layout.Result.until, window.until)
        return record
    }

    /// The first of two people asks that one bet is void, or that it no longer is.
    public mutating func proposeVoid(
        bet: UInt64, isTakenBack: Bool = false, actor: UInt64, reason: String,
        evidence: String = ""
    ) -> RecordBytes {
        let record = begin(.propose, body: Layout.Result.betSize)
        record.set(Layout.Result.source, ResultSource.operator.rawValue)
        record.set(
            Layout.Result.action, (isTakenBack ? ResultAction.restoreBet : .voidBet).rawValue)
        record.set(Layout.Result.actor, actor)
        record.set(Layout.Result.evidence, text: evidence, width: 32)
        record.set(Layout.Result.reason, text: reason, width: 64)
        record.set(Layout.Result.bet, bet)
        return record
    }

    /// `key` is what the operator's request was called.
    public mutating func approve(proposal: UInt64, actor: UInt64, key: ExternalID = .zero)
        -> RecordBytes
    {
        let record = begin(.approve, body: Layout.Result.selections)
        record.clientID = key
        record.set(Layout.Result.proposal, proposal)
        record.set(Layout.Result.actor, actor)
        record.set(Layout.Result.source, ResultSource.operator.rawValue)
        return record
    }
}
