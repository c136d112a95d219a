import Betting
public import Catalogue
public import Kernel

/// What suppliers say of matches, markets and results.
extension CommandEncoder {
    public mutating func fixture(_ facts: FixtureFacts) -> RecordBytes {
        let record = begin(
            .fixture,
            body: facts.byHand == nil ? Layout.Fixture.size : Layout.Fixture.byHandSize)
        write(facts, to: record)
        record.set(Layout.Fixture.competition, text: facts.competition, width: 48)
        record.set(Layout.Fixture.home, text: facts.home, width: 48)
        record.set(Layout.Fixture.away, text: facts.away, width: 48)
        if let made = facts.byHand {
            record.flags = Layout.Fixture.isByHand
            record.set(Layout.Fixture.actor, made.actor)
            record.set(Layout.Fixture.reason, text: made.reason, width: 64)
        }
        return record
    }

    public mutating func fixtureUpdate(_ facts: FixtureFacts) -> RecordBytes {
        let record = begin(.fixtureUpdate, body: Layout.Fixture.updateSize)
        write(facts, to: record)
        record.set(Layout.Fixture.providerTime, facts.providerTime)
        record.set(Layout.Fixture.ingestTime, facts.ingestTime)
        record.set(Layout.Fixture.startedAt, facts.startedAt)
        record.set(Layout.Fixture.updateActor, facts.byHand?.actor ?? 0)
        record.set(Layout.Fixture.updateReason, text: facts.byHand?.reason ?? "", width: 64)
        return record
    }

    private func write(_ facts: FixtureFacts, to record: RecordBytes) {
        record.clientID = facts.id
        record.set(Layout.Fixture.sport, facts.sport.rawValue)
        record.set(Layout.Fixture.status, facts.state.status.rawValue)
        record.set(Layout.Fixture.isInPlay, facts.state.isInPlay ? 1 as UInt8 : 0)
        record.set(Layout.Fixture.incident, facts.incident.rawValue)
        record.set(Layout.Fixture.lostContact, facts.lostContact ? 1 as UInt8 : 0)
        record.set(Layout.Fixture.scheduled, facts.scheduled.nanoseconds)
        record.set(Layout.Fixture.competitorChain, facts.competitorChain)
        record.set(Layout.Fixture.score, facts.state.score)
        record.set(Layout.Fixture.clock, facts.state.clockSeconds)
    }

    /// At most `Limits.selections` selections.
    public mutating func market(_ facts: MarketFacts) -> RecordBytes {
        precondition(
            facts.selections.count <= Limits.selections, "a market's selections are bounded")
        let end =
            Layout.Market.selections + facts.selections.count * Layout.Market.selectionSize
        let record = begin(
            .market,
            body: end + (facts.byHand == nil ? 0 : Layout.Market.byHandSize))
        record.clientID = facts.id
        if facts.paysEarly { record.flags |= Layout.Market.paysEarly }
        if let made = facts.byHand {
            record.flags |= Layout.Market.isByHand
            record.set(end, made.actor)
            record.set(end + 8, text: made.reason, width: 64)
        }
        record.set(Layout.Market.fixtureHigh, facts.fixture.high)
        record.set(Layout.Market.fixtureLow, facts.fixture.low)
        record.set(Layout.Market.type, facts.type.rawValue)
        record.set(Layout.Market.resultSource, ResultSource.feed.rawValue)
        record.set(Layout.Market.winners, facts.winners)
        record.set(Layout.Market.selectionCount, UInt8(facts.selections.count))
        record.set(Layout.Market.betDelay, facts.betDelay)
        record.set(Layout.Market.relationGroup, facts.relationGroup)
        record.set(Layout.Market.line, facts.line ?? .min)
        record.set(Layout.Market.maximumStake, facts.maximumStake)
        record.set(Layout.Market.liabilityLimit, facts.liabilityLimit)
        record.set(Layout.Market.places, facts.places)
        record.set(
            Layout.Market.racing,
            facts.deductions.rawValue | (facts.takesAtStart ? 1 << 3 : 0)
                | (facts.isAtTheOff ? 1 << 4 : 0)
                | (facts.isAntePost ? 1 << 5 : 0) | (facts.isGuaranteed ? 1 << 6 : 0)
                | (facts.isCashedOut ? 0 : 1 << 7))
        record.set(Layout.Market.scoutedReturn, facts.scoutedReturn.map { $0 == 0 ? -1 : $0 } ?? 0)
        record.set(Layout.Market.name, text: facts.name, width: 48)
        for (index, selection) in facts.selections.enumerated() {
            let offset = Layout.Market.selections + index * Layout.Market.selectionSize
            record.set(offset + Layout.Market.selectionSupplier, selection.supplierID)
            record.set(offset + Layout.Market.selectionLine, selection.line ?? .min)
            record.set(offset + Layout.Market.selectionName, text: selection.name, width: 48)
        }
        return record
    }

    /// `margin` in hundredths of a percent; `notOffered` as in Pricing, 0 when offered.
    public mutating func price(
        market: ExternalID, _ entries: [PriceEntry], margin: UInt32, message: UInt64,
        providerTime: Int64, notOffered: UInt8 = 0
    ) -> RecordBytes {
        let chances = Layout.Price.entries + entries.count * Layout.Price.entrySize
        let hasChances = entries.contains { $0.chance != nil }
        let record = begin(
            .price,
            body: chances + (hasChances ? entries.count * Layout.Price.chanceSize : 0))
        record.clientID = market
        if hasChances { record.flags = Layout.Price.hasChances }
        record.set(Layout.Price.source, 1 as UInt8)
        record.set(Layout.Price.notOffered, notOffered)
        record.set(Layout.Price.selectionCount, UInt16(entries.count))
        record.set(Layout.Price.margin, margin)
        record.set(Layout.Price.message, message)
        record.set(Layout.Price.providerTime, providerTime)
        for (index, entry) in entries.enumerated() {
            let offset = Layout.Price.entries + index * Layout.Price.entrySize
            record.set(offset + Layout.Price.entryOdds, entry.odds)
            record.set(offset + Layout.Price.entryReference, entry.reference)
            record.set(offset + Layout.Price.entryDelay, entry.delay)
            guard hasChances else { continue }
            let behind = chances + index * Layout.Price.chanceSize
            record.set(behind, entry.chance?.win ?? .max)
            record.set(behind + 4, entry.chance?.back ?? .max)
        }
        return record
    }

    /// What each selection started at, in the market's order; `time` is when the supplier said it, UTC nanoseconds,
    /// 0 when that is not known.
    public mutating func startingPrices(
        market: ExternalID, _ prices: [Odds?], time: Int64 = 0
    ) -> RecordBytes {
        let record = begin(
            .startingPrices, body: Layout.Price.entries + prices.count * Layout.Price.entrySize)
        record.clientID = market
        record.set(Layout.Price.source, 1 as UInt8)
        record.set(Layout.Price.selectionCount, UInt16(prices.count))
        record.set(Layout.Price.providerTime, time)
        for (index, odds) in prices.enumerated() {
            record.set(
                Layout.Price.entries + index * Layout.Price.entrySize + Layout.Price.entryOdds,
                odds)
        }
        return record
    }

    /// Which selections are paid as if they had won, in the market's order: the moment before which bets were accepted,
    /// UTC nanoseconds, nil for none. `time` is when the supplier said it, 0 when that is not known.
    public mutating func earlyPayout(
        market: ExternalID, _ moments: [Int64?], time: Int64 = 0
    ) -> RecordBytes {
        let record = begin(
            .earlyPayout,
            body: Layout.EarlyPayout.moments + moments.count * Layout.EarlyPayout.momentSize)
        record.clientID = market
        record.set(Layout.EarlyPayout.selectionCount, UInt16(moments.count))
        record.set(Layout.EarlyPayout.time, time)
        for (index, moment) in moments.enumerated() {
            record.set(
                Layout.EarlyPayout.moments + index * Layout.EarlyPayout.momentSize, moment ?? 0)
        }
        return record
    }

    /// A selection takes no further part; `effective` and `received` are UTC nanoseconds, 0 unknown. `deduction` and
    /// `placeDeduction` are hundredths of a percent, nil by the market's rule; `places` each-way terms from here on.
    public mutating func withdrawal(
        market: ExternalID, selection: UInt32, effective: Int64, received: Int64,
        actor: UInt64 = 0, deduction: UInt16? = nil, placeDeduction: UInt16? = nil,
        places: PlaceTerms? = nil
    ) -> RecordBytes {
        let record = begin(.withdrawal, body: Layout.Withdrawal.size)
        record.clientID = market
        record.set(Layout.Withdrawal.selection, selection)
        record.set(Layout.Withdrawal.source, (actor == 0 ? 1 : 2) as UInt8)
        record.set(Layout.Withdrawal.effective, effective)
        record.set(Layout.Withdrawal.received, received)
        record.set(Layout.Withdrawal.actor, actor)
        record.set(Layout.Withdrawal.places, places)
        record.set(Layout.Withdrawal.deduction, deduction.map { $0 + 1 } ?? 0)
        record.set(Layout.Withdrawal.placeDeduction, placeDeduction.map { $0 + 1 } ?? 0)
        return record
    }

    public enum Scope: UInt8, Sendable {
        case market = 1
        case fixture = 2
        case all = 3
        /// Of every fixture that is in play.
        case allInPlay = 4
    }

    /// A result as the supplier tells it, or as an operator proposes it (`kind` `.propose`): then `expected` is the
    /// settlement version that was seen, nil when it does not matter. `time` is when the supplier said it, UTC
    /// nanoseconds, 0 when that is not known.
    public mutating func result(
        _ kind: RecordKind = .result, market: ExternalID, _ outcomes: [SelectionOutcome],
        source: ResultSource, certainty: UInt8 = 2, time: Int64 = 0, isRollback: Bool = false,
        actor: UInt64 = 0, reason: String = "", evidence: String = "", expected: UInt32? = nil
    ) -> RecordBytes {
        let record = begin(
            kind, body: Layout.Result.selections + outcomes.count * Layout.Result.selectionSize)
        record.clientID = market
        record.set(Layout.Result.time, time)
        record.set(Layout.Result.source, source.rawValue)
        record.set(Layout.Result.certainty, certainty)
        record.set(Layout.Result.selectionCount, UInt8(outcomes.count))
        record.set(
            Layout.Result.action, (isRollback ? ResultAction.rollback : .settle).rawValue)
        record.set(Layout.Result.actor, actor)
        record.set(Layout.Result.expected, expected.map { $0 + 1 } ?? 0)
        record.set(Layout.Result.evidence, text: evidence, width: 32)
        record.set(Layout.Result.reason, text: reason, width: 64)
        for (index, outcome) in outcomes.enumerated() {
            let offset = Layout.Result.selections + index * Layout.Result.selectionSize
            record.set(offset, outcome.result.rawValue)
            record.set(offset + 1, outcome.winners)
            record.set(offset + 2, outcome.tied)
            record.set(offset + 3, outcome.position)
        }
        return record
    }

    /// The supplier takes back what it said of a market's `selections`.
    public mutating func rollback(market: ExternalID, selections: Int, time: Int64 = 0)
        -> RecordBytes
    {
        result(
            market: market,
            [SelectionOutcome](repeating: SelectionOutcome(.undecided), count: selections),
            source: .feed, time: time, isRollback: true)
    }

    /// Bets that were accepted in `window` are void, or with `isTakenBack` no longer are.
    public mutating func cancel(
        market: ExternalID, _ window: CancelWindow, isTakenBack: Bool = false, time: Int64 = 0
    ) -> RecordBytes {
        let record = begin(.cancel, body: Layout.Cancel.size)
        record.clientID = market
        record.set(Layout.Cancel.time, time)
        record.set(Layout.Cancel.source, ResultSource.feed.rawValue)
        record.set(
            Layout.Cancel.action, (isTakenBack ? ResultAction.reinstate : .cancel).rawValue)
        record.set(Layout.Cancel.from, window.from)
        record.set(Layout.Cancel.until, window.until)
        return record
    }
}
