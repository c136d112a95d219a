import Betting
import Catalogue
import EngineCore
import EngineJournal
import Kernel
import Ledger

/// What the feed and the desk said of the match and its markets, around the bet.
extension HistoryTeller {
    // MARK: The match
    func fixtureChanged(_ record: RecordBytes, _ place: RecordPlace?) {
        let id = record.field(Layout.FixtureChanged.fixture, as: UInt64.self)
        guard fixtures.contains(id), let given, !isDecided,
            record.field(Layout.FixtureChanged.refusal, as: UInt16.self) == 0
        else { return }
        var fields = stateFields(given)
        fields.append(
            (
                "material version",
                String(record.field(Layout.FixtureChanged.material, as: UInt64.self))
            ))
        if given.kind == .fixture {
            let home = given.text(Layout.Fixture.home, width: 48)
            let away = given.text(Layout.Fixture.away, width: 48)
            fields.insert(
                ("competition", given.text(Layout.Fixture.competition, width: 48)), at: 0)
            definitions.append(
                step("fixture", "\(home) v \(away)", [command?.place, place], fields))
            return
        }
        let provided = given.field(Layout.Fixture.providerTime, as: Int64.self)
        fields.append(("supplier's time", provided == 0 ? "unknown" : Self.text(provided)))
        fields.append(
            ("received", Self.text(given.field(Layout.Fixture.ingestTime, as: Int64.self))))
        let update = step(
            "fixture_update", "The feed on the match", [command?.place, place], fields)
        if isPlaced { add(update) } else { lastOfFixture[id] = update }
    }

    func stateFields(_ record: RecordBytes) -> [(String, String)] {
        let status = FixtureStatus(rawValue: record.field(Layout.Fixture.status, as: UInt8.self))
        let incident = Incident(rawValue: record.field(Layout.Fixture.incident, as: UInt8.self))
        return [
            ("status", status.map { "\($0)" } ?? "unknown"),
            ("in play", record.field(Layout.Fixture.isInPlay, as: UInt8.self) == 1 ? "yes" : "no"),
            ("score", Self.score(record.field(Layout.Fixture.score, as: UInt32.self))),
            ("clock", Self.clock(record.field(Layout.Fixture.clock, as: UInt32.self))),
            ("incident", incident.map { "\($0)" } ?? "unknown"),
        ]
    }

    // MARK: The market
    func marketChanged(_ record: RecordBytes, _ place: RecordPlace?) {
        let id = record.field(Layout.MarketChanged.market, as: UInt64.self)
        guard let given, !isDecided,
            record.field(Layout.MarketChanged.refusal, as: UInt16.self) == 0
        else { return }
        if id == .max {
            guard isPlaced else { return }
            return add(state(given, "All markets", [command?.place, place]))
        }
        guard let shown = markets[id] else { return }
        if given.kind == .market { return define(given, id, [command?.place, place]) }
        guard var told = change(given, id, [command?.place, place], to: record) else { return }
        let version = record.field(Layout.MarketChanged.version, as: UInt64.self)
        let reasons = ShutReasons(
            rawValue: record.field(Layout.MarketChanged.reasons, as: UInt8.self))
        told.fields += [
            BetHistory.Field(label: "market version", text: String(version)),
            BetHistory.Field(
                label: "material version",
                text: String(record.field(Layout.MarketChanged.material, as: UInt64.self))),
            BetHistory.Field(
                label: "open",
                text: reasons.isEmpty ? "yes" : "no: \(reasons.words.joined(separator: ", "))"),
        ]
        if isPlaced {
            add(told)
        } else if version <= shown {
            // What led to the version that the customer saw, and the prices that stood in it.
            let prices = recent[id]?.last { $0.kind == "price" }
            recent[id] = told.kind == "price" ? [told] : [prices, told].compactMap { $0 }
        } else {
            recent[id, default: []].append(told)
        }
    }

    func define(_ record: RecordBytes, _ id: UInt64, _ places: [RecordPlace?]) {
        let count = Int(record.field(Layout.Market.selectionCount, as: UInt8.self))
        let selections = (0..<count).map { index in
            record.text(
                Layout.Market.selections + index * Layout.Market.selectionSize
                    + Layout.Market.selectionName, width: 48)
        }
        let name = record.text(Layout.Market.name, width: 48)
        let winners = record.field(Layout.Market.winners, as: UInt8.self)
        names[id] = (name, selections)
        definitions.append(
            step(
                "market", "Market \(id): \(name)", places,
                [
                    ("selections", selections.joined(separator: ", ")),
                    ("winners", winners == 0 ? "each by itself" : String(winners)),
                    (
                        "in-play delay",
                        "\(record.field(Layout.Market.betDelay, as: UInt32.self)) ms"
                    ),
                    (
                        "highest stake",
                        money(record.field(Layout.Market.maximumStake, as: Int64.self))
                    ),
                    (
                        "liability limit",
                        money(record.field(Layout.Market.liabilityLimit, as: Int64.self))
                    ),
                ]))
    }

    /// What a command did to a market, and its `outcome`.
    func change(
        _ record: RecordBytes, _ id: UInt64, _ places: [RecordPlace?], to outcome: RecordBytes
    ) -> BetHistory.Step? {
        let name = names[id]?.name ?? "market \(id)"
        switch record.kind {
        case .price, .pricing: return price(record, id, name, places, to: outcome)
        case .marketLimits: return step("limits", "\(name): its limits are moved", places)
        case .marketState: return state(record, name, places)
        case .withdrawal:
            let selection = Int(record.field(Layout.Withdrawal.selection, as: UInt32.self))
            return step(
                "withdrawal", "\(name): \(selectionName(id, selection)) takes no further part",
                places)
        case .result, .approve:
            return step("result", "\(name): shut, its result is in", places)
        case .cancel:
            return step("cancel", "\(name): bets of a time are void or no longer are", places)
        case .startingPrices:
            let count = Int(record.field(Layout.Price.selectionCount, as: UInt16.self))
            return step(
                "starting_prices", "\(name): its starting prices", places,
                (0..<count).map { index in
                    let odds = record.odds(
                        at: Layout.Price.entries + index * Layout.Price.entrySize)
                    return (selectionName(id, index), odds?.text(as: .decimal) ?? "none")
                })
        case .earlyPayout:
            let count = Int(record.field(Layout.EarlyPayout.selectionCount, as: UInt16.self))
            return step(
                "early_payout", "\(name): bets are paid early, or no longer are", places,
                (0..<count).map { index in
                    let moment = record.field(
                        Layout.EarlyPayout.moments + index * Layout.EarlyPayout.momentSize,
                        as: Int64.self)
                    return (
                        selectionName(id, index),
                        moment == 0 ? "none" : "bets of before \(Timestamp(nanoseconds: moment))"
                    )
                })
        case .fixtureUpdate:
            return step("true_start", "\(name): it had begun before we knew", places)
        case .place, .timerDue:
            return step(
                "exposure", "\(name): shut by itself, it may lose as much as it is allowed to",
                places)
        default: return nil
        }
    }

    func price(
        _ record: RecordBytes, _ id: UInt64, _ name: String, _ places: [RecordPlace?],
        to outcome: RecordBytes
    ) -> BetHistory.Step {
        let ours = self.ours(outcome, id)
        if record.kind == .pricing {
            return step("price", "\(name): a trader's hand on its prices", places, ours)
        }
        let count = Int(record.field(Layout.Price.selectionCount, as: UInt16.self))
        var fields: [(String, String)] = (0..<count).map { index in
            let offset = Layout.Price.entries + index * Layout.Price.entrySize
            let odds = record.odds(at: offset + Layout.Price.entryOdds)
            let reference = record.field(offset + Layout.Price.entryReference, as: UInt32.self)
            return (
                selectionName(id, index),
                (odds?.text(as: .decimal) ?? "not offered")
                    + " (supplier's middle \(Self.thousandths(Int64(reference))))"
            )
        }
        let source = record.field(Layout.Price.source, as: UInt8.self)
        let provided = record.field(Layout.Price.providerTime, as: Int64.self)
        fields += [
            ("source", source == 1 ? "feed" : source == 2 ? "model" : "trader"),
            ("supplier's message", String(record.field(Layout.Price.message, as: UInt64.self))),
            ("supplier's time", provided == 0 ? "unknown" : Self.text(provided)),
            (
                "margin",
                Self.hundredths(Int64(record.field(Layout.Price.margin, as: UInt32.self))) + " %"
            ),
        ]
        fields += ours
        var told = step("price", "\(name): prices", places, fields)
        for index in 0..<count {
            let offset = Layout.Price.entries + index * Layout.Price.entrySize
            told.facts += facts(
                record, command?.place,
                [
                    ("selection \(index), odds above", offset, 4),
                    ("selection \(index), odds below", offset + 4, 4),
                ])
        }
        return told
    }

    /// What is offered where a trader's hand is on the prices, and what of it is held.
    private func ours(_ outcome: RecordBytes, _ id: UInt64) -> [(String, String)] {
        let count = Int(outcome.field(Layout.MarketChanged.priceCount, as: UInt16.self))
        guard count > 0 else { return [] }
        let held = outcome.field(Layout.MarketChanged.held, as: UInt64.self)
        let margin = outcome.field(Layout.MarketChanged.handMargin, as: UInt16.self)
        let prices = (0..<count).map { index in
            let odds = outcome.odds(
                at: Layout.MarketChanged.prices + index * Layout.MarketChanged.priceSize)
            return (
                "\(selectionName(id, index)), ours",
                (odds?.text(as: .decimal) ?? "not offered")
                    + (held >> UInt64(index) & 1 == 1 ? ", held" : "")
            )
        }
        guard margin != .max else { return prices }
        return prices + [("margin by hand", Self.hundredths(Int64(margin)) + " %")]
    }

    func state(_ record: RecordBytes, _ name: String, _ places: [RecordPlace?])
        -> BetHistory.Step
    {
        let owner = MarketOwner(rawValue: record.field(Layout.MarketState.owner, as: UInt8.self))
        let setting = ShutReasons(
            rawValue: record.field(Layout.MarketState.setting, as: UInt8.self))
        let lifting = ShutReasons(
            rawValue: record.field(Layout.MarketState.lifting, as: UInt8.self))
        var fields: [(String, String)] = [("by", owner.map { "\($0)" } ?? "unknown")]
        if !setting.isEmpty { fields.append(("shut for", setting.words.joined(separator: ", "))) }
        if !lifting.isEmpty {
            fields.append(("no longer shut for", lifting.words.joined(separator: ", ")))
        }
        let reason = record.text(Layout.MarketState.reason, width: 64)
        if !reason.isEmpty { fields.append(("reason", reason)) }
        return step(
            "market_state", "\(name): \(setting.isEmpty ? "opened" : "shut")", places, fields)
    }

    func selectionName(_ market: UInt64, _ index: Int) -> String {
        guard let names = names[market]?.selections, names.indices.contains(index) else {
            return "selection \(index)"
        }
        return names[index]
    }
}
