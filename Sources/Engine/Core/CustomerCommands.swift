import Betting
public import Customers
public import Kernel
public import Ledger

/// What customers ask for, and what is decided of them.
extension CommandEncoder {
    public mutating func openAccount(_ id: ExternalID, _ currency: Currency, _ money: MoneyKind)
        -> RecordBytes
    {
        let record = begin(.openAccount, body: Layout.OpenAccount.size)
        record.clientID = id
        record.set(Layout.OpenAccount.currency, currency.numericCode)
        record.set(Layout.OpenAccount.money, money.rawValue)
        return record
    }

    public mutating func deposit(_ amount: Int64, to account: AccountID, id: ExternalID)
        -> RecordBytes
    {
        let record = begin(.deposit, body: Layout.Deposit.size)
        record.account = account
        record.clientID = id
        record.set(Layout.Deposit.amount, amount)
        record.set(Layout.Deposit.source, 1 as UInt8)
        return record
    }

    /// `amount` in minor units, or minutes for time; nil for none. `expected` is the limit's version that the
    /// customer saw, 0 never set; nil when it does not matter.
    public mutating func setLimit(
        _ kind: LimitKind, _ period: LimitPeriod, to amount: Int64?, of account: AccountID,
        expected: UInt64? = nil, session: SessionID
    ) -> RecordBytes {
        let record = begin(.setLimit, body: Layout.SetLimit.size)
        record.account = account
        record.set(Layout.SetLimit.kind, kind.rawValue)
        record.set(Layout.SetLimit.period, period.rawValue)
        record.set(Layout.SetLimit.source, 1 as UInt8)
        record.set(Layout.SetLimit.amount, amount ?? OwnLimit.none)
        record.set(Layout.SetLimit.expected, expected ?? .max)
        record.set(Layout.SetLimit.session, session.rawValue)
        return record
    }

    /// `channel`, `authentication` and `realm` as in `Layout.Session`; all else is unknown here.
    public mutating func session(
        account: AccountID, brand: UInt32, licence: UInt32, channel: UInt8, authentication: UInt8,
        realm: UInt8, format: OddsFormat?
    ) -> RecordBytes {
        let record = begin(.session, body: Layout.Session.size)
        record.account = account
        record.set(Layout.Session.brand, brand)
        record.set(Layout.Session.licence, licence)
        record.set(Layout.Session.channel, channel)
        record.set(Layout.Session.oddsFormat, format?.rawValue ?? 0)
        record.set(Layout.Session.authentication, authentication)
        record.set(Layout.Session.realm, realm)
        return record
    }

    /// What was decided of where a customer is who signed in as `session`; bets name it by its mark, which is not 0.
    public mutating func location(
        of account: AccountID, _ session: SessionID, _ decision: LocationDecision, mark: UInt64
    ) -> RecordBytes {
        let record = begin(.location, body: Layout.Location.size)
        let report = decision.report
        record.account = account
        record.set(Layout.Location.session, session.rawValue)
        record.set(Layout.Location.verdict, decision.verdict.rawValue)
        record.set(Layout.Location.source, report.source.rawValue)
        record.set(Layout.Location.signs, report.signs.rawValue)
        record.set(Layout.Location.accuracy, report.accuracy ?? .max)
        record.set(Layout.Location.border, report.border ?? .max)
        record.set(Layout.Location.until, decision.until.nanoseconds)
        record.set(
            Layout.Location.region, text: report.region?.code ?? "",
            width: LocationRegion.codeBytes)
        record.set(
            Layout.Location.reference, text: report.reference,
            width: LocationReport.referenceBytes)
        record.set(Layout.Location.mark, mark)
        return record
    }

    /// A bet, or a part of one, is sold back for no less than `least`.
    public mutating func cashOut(_ intent: CashOutIntent) -> RecordBytes {
        let record = begin(.cashOut, body: Layout.CashOut.size)
        record.account = intent.account
        record.clientID = intent.id
        record.requestHash = intent.requestHash
        record.set(Layout.CashOut.session, intent.session.rawValue)
        record.set(Layout.CashOut.bet, intent.bet)
        record.set(Layout.CashOut.part, intent.part)
        record.set(Layout.CashOut.least, intent.least)
        record.set(Layout.CashOut.material, intent.material)
        record.set(Layout.CashOut.prices, intent.prices)
        record.set(Layout.CashOut.validUntil, intent.validUntil.nanoseconds)
        record.set(Layout.CashOut.source, 1 as UInt8)
        return record
    }

    /// A bet is sold back whole as soon as it is worth so much; nil: not any more.
    public mutating func cashOutRule(
        of bet: UInt64, atLeast: Int64?, account: AccountID, session: SessionID
    ) -> RecordBytes {
        let record = begin(.cashOutRule, body: Layout.CashOutRule.size)
        record.account = account
        record.set(Layout.CashOutRule.session, session.rawValue)
        record.set(Layout.CashOutRule.bet, bet)
        record.set(Layout.CashOutRule.atLeast, atLeast ?? 0)
        return record
    }

    @inline(never)
    private static func sizeBehindLegs(_ words: SIMD4<UInt32>, _ structure: BetStructure) -> Int {
        if words == .zero { return 0 }
        return structure == .sameGame ? Layout.Place.jointSize : Layout.Place.groupsSize
    }

    @inline(never)
    private static func write(
        _ words: SIMD4<UInt32>, _ structure: BetStructure, to record: RecordBytes, at offset: Int
    ) {
        let isJoint = structure == .sameGame
        record.flags |= isJoint ? Layout.Place.hasJoint : Layout.Place.hasGroups
        for place in 0..<(isJoint ? 2 : 4) { record.set(offset + place * 4, words[place]) }
    }

    /// `requestHash` is over everything that the customer decided.
    public mutating func place(_ intent: BetIntent) -> RecordBytes {
        let count = min(intent.legs.count, 255)
        let written = min(count, Limits.legs)
        let end = Layout.Place.legs + written * Layout.Place.legSize
        let more =
            intent.structure == .accumulator
            ? 0 : Self.sizeBehindLegs(intent.wordsBehindLegs, intent.structure)
        let record = begin(.place, body: end + more)
        record.account = intent.account
        record.clientID = intent.id
        record.requestHash = intent.requestHash
        record.flags = UInt16(intent.fill.rawValue) | UInt16(intent.channel) << 4
        if intent.mustBeLocated { record.flags |= Layout.Place.mustBeLocated }
        if more > 0 {
            Self.write(intent.wordsBehindLegs, intent.structure, to: record, at: end)
        }
        record.set(Layout.Place.session, intent.session.rawValue)
        record.set(Layout.Place.stakeCash, intent.stake &- intent.bonus &- intent.free)
        record.set(Layout.Place.stakeBonus, intent.bonus)
        record.set(Layout.Place.stakeFree, intent.free)
        record.set(Layout.Place.currency, intent.currency.numericCode)
        record.set(Layout.Place.structure, intent.structure.rawValue)
        record.set(Layout.Place.offer, intent.offer)
        if intent.isQuoted { record.set(Layout.Place.quote, intent.id.low) }
        if intent.mustBeLocated { record.set(Layout.Place.located, intent.located) }
        record.set(Layout.Place.sizes, intent.sizes)
        record.set(Layout.Place.bankers, intent.bankers)
        record.set(Layout.Place.legCount, UInt8(count))
        record.set(Layout.Place.priceRule, intent.rule.rawValue)
        record.set(Layout.Place.priceRuleSource, intent.ruleSource.rawValue)
        record.set(Layout.Place.tolerance, intent.tolerance)
        record.set(Layout.Place.oddsFormat, intent.oddsFormat.rawValue)
        record.set(Layout.Place.fxNumerator, intent.rate.numerator)
        record.set(Layout.Place.fxDenominator, intent.rate.denominator)
        record.set(Layout.Place.validUntil, intent.validUntil.nanoseconds)
        record.set(Layout.Place.receivedAt, intent.receivedAt.nanoseconds)
        record.set(Layout.Place.videoDelay, intent.videoDelay)
        record.set(Layout.Place.gamingDay, intent.receivedAt.day)
        for index in 0..<written {
            let leg = intent.legs[index]
            let offset = Layout.Place.legs + index * Layout.Place.legSize
            record.set(offset + Layout.Leg.market, leg.market.rawValue)
            record.set(offset + Layout.Leg.fixture, leg.fixture.rawValue)
            record.set(offset + Layout.Leg.selection, leg.selection)
            record.set(offset + Layout.Leg.line, Int32.min)
            record.set(offset + Layout.Leg.odds, leg.numerator)
            record.set(offset + Layout.Leg.odds + 4, leg.denominator)
            record.set(
                offset + Layout.Leg.priceKind,
                (leg.denominator == 0 ? PriceKind.starting : .fixed).rawValue)
            record.set(offset + Layout.Leg.marketVersion, leg.marketVersion)
            record.set(offset + Layout.Leg.score, leg.score)
            record.set(offset + Layout.Leg.clock, leg.clockSeconds)
            if let places = leg.places {
                record.set(offset + Layout.Leg.eachWayPlaces, places)
                record.set(offset + Layout.Leg.eachWayBasis, (leg.isAtTheOff ? 2 : 1) as UInt8)
            }
            record.set(offset + Layout.Leg.priceSource, 1 as UInt8)
            record.set(offset + Layout.Leg.message, leg.message)
        }
        return record
    }
}
