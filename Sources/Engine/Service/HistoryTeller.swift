import Betting
import Catalogue
import EngineCore
import EngineJournal
import Kernel
import Ledger

/// What is looked for: the bet, and what its record says it is about.
struct BetQuestion {
    struct Leg {
        let market: UInt64
        let fixture: UInt64
        let selection: Int
        /// The version that the customer was shown.
        let version: UInt64
    }

    let bet: UInt64
    let account: AccountID
    let session: UInt64
    let currency: Currency?
    let legs: [Leg]

    init(_ place: RecordBytes) {
        bet = place.sequence
        account = place.account
        session = place.field(Layout.Place.session, as: UInt64.self)
        currency = Currency(numericCode: place.field(Layout.Place.currency, as: UInt16.self))
        let count = Int(place.field(Layout.Place.legCount, as: UInt8.self))
        legs = (0..<count).compactMap { index in
            let offset = Layout.Place.legs + index * Layout.Place.legSize
            guard place.slots >= SlotSize.slots(forBody: offset + Layout.Place.legSize) else {
                return nil
            }
            return Leg(
                market: place.field(offset + Layout.Leg.market, as: UInt64.self),
                fixture: place.field(offset + Layout.Leg.fixture, as: UInt64.self),
                selection: Int(place.field(offset + Layout.Leg.selection, as: UInt32.self)),
                version: place.field(offset + Layout.Leg.marketVersion, as: UInt64.self))
        }
    }
}

/// Listens to the journal and keeps what is about the bet.
final class HistoryTeller {
    private let question: BetQuestion
    private var history: BetHistory
    private let markets: [UInt64: UInt64]
    private var fixtures: Set<UInt64>
    private var names: [UInt64: (name: String, selections: [String])] = [:]
    /// Definitions, and what was in force when the customer looked.
    private var definitions: [BetHistory.Step] = []
    private var recent: [UInt64: [BetHistory.Step]] = [:]
    private var lastOfFixture: [UInt64: BetHistory.Step] = [:]
    private var isPlaced = false
    private var isDecided = false
    private var checks: [RuleCheck] = []
    private var delayChecks: [RuleCheck] = []
    private var balances: (cash: Int64, receivable: Int64) = (0, 0)
    private var payout: Int64 = 0
    /// The command at hand, copied: its outcomes may come much later in memory.
    private var command: (record: AlignedBuffer, slots: Int, place: RecordPlace)?

    init(_ question: BetQuestion) {
        self.question = question
        history = BetHistory(bet: question.bet, currency: question.currency?.letters ?? "")
        var shown: [UInt64: UInt64] = [:]
        for leg in question.legs { shown[leg.market] = leg.version }
        markets = shown
        fixtures = Set(question.legs.map(\.fixture))
    }

    // MARK: What the engine is asked before it decides

    func ask(_ command: RecordBytes, _ engine: borrowing Engine) {
        if command.sequence == question.bet { checks = engine.explain(command) }
        if command.kind == .timerDue, isPlaced, !isDecided {
            let found = engine.explainDelay(of: question.bet, at: command.time)
            if !found.isEmpty { delayChecks = found }
        }
    }

    // MARK: What the journal says

    /// A definition that came with a snapshot; its own block is not here.
    func recall(_ bytes: [UInt8]) {
        let buffer = AlignedBuffer(bytes.count)
        bytes.withUnsafeBytes {
            buffer.base.copyMemory(from: $0.baseAddress!, byteCount: $0.count)
        }
        take(RecordBytes(buffer.base, slots: bytes.count / SlotSize.bytes), at: nil)
    }

    func hear(_ block: BlockView) {
        var slot = 0
        block.forEachRecord { record in
            let place = RecordPlace(
                segment: block.header.segment, block: Int(block.header.offset), slot: slot,
                slots: record.slots)
            slot += record.slots
            take(record, at: place)
        }
    }

    private func take(_ record: RecordBytes, at place: RecordPlace?) {
        if record.kind?.isCommand == true {
            let copy = AlignedBuffer(record.byteCount, isZeroed: false)
            copy.base.copyMemory(from: record.address, byteCount: record.byteCount)
            let none = RecordPlace(segment: 0, block: 0, slot: 0, slots: 0)
            command = (copy, record.slots, place ?? none)
        }
        switch record.kind {
        case .sealed:
            history.seals[record.field(Layout.Sealed.segment, as: UInt32.self)] = BetHistory.Seal(
                digest: record.bytes(Layout.Sealed.digest, count: 32),
                root: record.bytes(Layout.Sealed.root, count: 32), place: place)
        case .session where record.sequence == question.session: session(record, place)
        case .recovered where isPlaced && !isDecided:
            add(step("recovered", "The service was started again", [place]))
        case .fixtureChanged: fixtureChanged(record, place)
        case .marketChanged: marketChanged(record, place)
        case .accountChanged where record.account == question.account:
            remember(record, Layout.AccountChanged.balances)
        case .placed where record.account == question.account: placed(record, place)
        case .resultAnswered: resultAnswered(record, place)
        case .betSettled where record.account == question.account: settled(record, place)
        default: break
        }
    }

    private var given: RecordBytes? { command.map { RecordBytes($0.record.base, slots: $0.slots) } }

    private func remember(_ record: RecordBytes, _ offset: Int) {
        balances = (
            record.field(offset + Layout.Balances.cash, as: Int64.self),
            record.field(offset + Layout.Balances.receivable, as: Int64.self)
        )
    }

    private func step(
        _ kind: String, _ title: String, _ places: [RecordPlace?], _ fields: [(String, String)] = []
    ) -> BetHistory.Step {
        let record = given
        return BetHistory.Step(
            sequence: record?.sequence ?? 0, time: record?.time ?? Timestamp(nanoseconds: 0),
            kind: kind, title: title,
            fields: fields.map { BetHistory.Field(label: $0.0, text: $0.1) },
            places: places.compactMap { $0 }.filter { $0.slots > 0 })
    }

    private func add(_ step: BetHistory.Step) { history.steps.append(step) }

    private func session(_ record: RecordBytes, _ place: RecordPlace?) {
        let channel = record.field(Layout.Session.channel, as: UInt8.self)
        let authentication = record.field(Layout.Session.authentication, as: UInt8.self)
        definitions.append(
            step(
                "session", "The customer signed in", [place],
                [
                    ("account", String(record.account.rawValue)),
                    ("channel", channel == 1 ? "web" : channel == 2 ? "api" : "unknown"),
                    (
                        "authentication",
                        authentication == 1
                            ? "demo cookie" : authentication == 2 ? "one-time code" : "unknown"
                    ), ("locale", record.text(Layout.Session.locale, width: 16)),
                ]))
    }

    // MARK: The match

    private func fixtureChanged(_ record: RecordBytes, _ place: RecordPlace?) {
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

    private func stateFields(_ record: RecordBytes) -> [(String, String)] {
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

    private func marketChanged(_ record: RecordBytes, _ place: RecordPlace?) {
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
        guard var told = change(given, id, [command?.place, place]) else { return }
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

    private func define(_ record: RecordBytes, _ id: UInt64, _ places: [RecordPlace?]) {
        let count = Int(record.field(Layout.Market.selectionCount, as: UInt8.self))
        let selections = (0..<count).map { index in
            record.text(
                Layout.Market.selections + index * Layout.Market.selectionSize
                    + Layout.Market.selectionName, width: 48)
        }
        let name = record.text(Layout.Market.name, width: 48)
        names[id] = (name, selections)
        definitions.append(
            step(
                "market", "Market \(id): \(name)", places,
                [
                    ("selections", selections.joined(separator: ", ")),
                    ("winners", String(record.field(Layout.Market.winners, as: UInt8.self))),
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

    private func change(_ record: RecordBytes, _ id: UInt64, _ places: [RecordPlace?])
        -> BetHistory.Step?
    {
        let name = names[id]?.name ?? "market \(id)"
        switch record.kind {
        case .price: return price(record, id, name, places)
        case .marketState: return state(record, name, places)
        case .withdrawal:
            let selection = Int(record.field(Layout.Withdrawal.selection, as: UInt32.self))
            return step(
                "withdrawal", "\(name): \(selectionName(id, selection)) takes no further part",
                places)
        case .result, .approve:
            return step("result", "\(name): shut, its result is in", places)
        default: return nil
        }
    }

    private func price(
        _ record: RecordBytes, _ id: UInt64, _ name: String, _ places: [RecordPlace?]
    ) -> BetHistory.Step {
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

    private func state(_ record: RecordBytes, _ name: String, _ places: [RecordPlace?])
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

    private func selectionName(_ market: UInt64, _ index: Int) -> String {
        guard let names = names[market]?.selections, names.indices.contains(index) else {
            return "selection \(index)"
        }
        return names[index]
    }

    // MARK: The bet

    private func placed(_ record: RecordBytes, _ place: RecordPlace?) {
        defer { remember(record, Layout.Placed.balances) }
        guard record.field(Layout.Placed.bet, as: UInt64.self) == question.bet || isAnswer,
            let given, record.flags & Layout.Placed.repeated == 0
        else { return }
        if given.sequence == question.bet {
            asked(given, record, place)
        } else {
            concluded(record, place)
        }
    }

    /// A refusal at once carries no bet: it answers the command at hand.
    private var isAnswer: Bool { given?.sequence == question.bet }

    private func asked(_ given: RecordBytes, _ record: RecordBytes, _ place: RecordPlace?) {
        isPlaced = true
        let shown = (recent.values.flatMap { $0 } + lastOfFixture.values).sorted {
            $0.sequence < $1.sequence
        }
        history.steps = definitions + shown
        var asked = step("place", "The customer asked for the bet", [command?.place, place])
        asked.fields = askedFields(given) + decidedFields(record)
        asked.checks = checks
        asked.facts = placeFacts(given, command?.place) + placedFacts(record, place)
        let entries = record.field(Layout.Placed.entries, as: UInt8.self)
        let stake = record.field(Layout.Placed.stake, as: Int64.self)
        if entries & (1 << EntryReason.hold.rawValue) != 0 {
            asked.entries.append(entry(.hold(stake)))
        }
        if entries & (1 << EntryReason.accept.rawValue) != 0 {
            asked.entries.append(entry(.accept(stake)))
        }
        add(asked)
        stand(record)
    }

    private func concluded(_ record: RecordBytes, _ place: RecordPlace?) {
        var told = step(
            "timer_due", "The delay was over, and the bet was decided", [command?.place, place])
        told.fields = decidedFields(record)
        told.checks = delayChecks
        told.facts = placedFacts(record, place)
        let entries = record.field(Layout.Placed.entries, as: UInt8.self)
        let stake = record.field(Layout.Placed.stake, as: Int64.self)
        if entries & (1 << EntryReason.accept.rawValue) != 0 {
            told.entries.append(entry(.accept(stake)))
        }
        if entries & (1 << EntryReason.release.rawValue) != 0 {
            told.entries.append(entry(.release(stake)))
        }
        add(told)
        stand(record)
    }

    private func stand(_ record: RecordBytes) {
        let status = BetStatus(rawValue: record.field(Layout.Placed.status, as: UInt8.self))
        isDecided = status != .pending
        let refusal = Refusal(rawValue: record.field(Layout.Placed.refusal, as: UInt16.self))
        history.summary = [
            BetHistory.Field(label: "bet", text: String(question.bet)),
            BetHistory.Field(label: "account", text: String(question.account.rawValue)),
            BetHistory.Field(
                label: "stands",
                text: (status?.word ?? "unknown") + (refusal.map { " (\($0.code))" } ?? "")),
        ]
        guard status != .refused else { return }
        history.summary.append(
            BetHistory.Field(
                label: "potential return",
                text: money(record.field(Layout.Placed.potentialReturn, as: Int64.self))))
    }

    private func askedFields(_ record: RecordBytes) -> [BetHistory.Field] {
        let rule = PriceRule(rawValue: record.field(Layout.Place.priceRule, as: UInt8.self))
        let tolerance = record.field(Layout.Place.tolerance, as: UInt8.self)
        let received = record.field(Layout.Place.receivedAt, as: Int64.self)
        let video = record.field(Layout.Place.videoDelay, as: UInt32.self)
        var fields: [(String, String)] = [
            ("id of the customer's", "\(record.clientID)"),
            ("stake", money(record.field(Layout.Place.stakeCash, as: Int64.self))),
            (
                "price rule",
                (rule.map { "\($0)" } ?? "unknown")
                    + (tolerance == 255 ? ", any difference" : ", \(tolerance) rungs")
            ),
            ("received by the gateway", Self.text(received)),
            ("decided by the engine", record.time.description),
            (
                "waited for the engine",
                "\((record.time.nanoseconds - received) / 1000) us"
            ),
            (
                "not to be decided after",
                Self.text(record.field(Layout.Place.validUntil, as: Int64.self))
            ),
            ("video shown with a delay of", video == .max ? "unknown" : "\(video) ms"),
            ("rules version", String(record.rulesVersion)),
        ]
        for (index, leg) in question.legs.enumerated() {
            let offset = Layout.Place.legs + index * Layout.Place.legSize
            let name = names[leg.market]?.name ?? "market \(leg.market)"
            let odds = record.odds(at: offset + Layout.Leg.odds)?.text(as: .decimal) ?? "none"
            let score = Self.score(record.field(offset + Layout.Leg.score, as: UInt32.self))
            let clock = Self.clock(record.field(offset + Layout.Leg.clock, as: UInt32.self))
            fields.append(
                (
                    "leg \(index + 1)",
                    "\(name): \(selectionName(leg.market, leg.selection)) at \(odds), as shown in "
                        + "version \(leg.version) with score \(score), clock \(clock), supplier's message "
                        + "\(record.field(offset + Layout.Leg.message, as: UInt64.self))"
                ))
        }
        return fields.map { BetHistory.Field(label: $0.0, text: $0.1) }
    }

    private func decidedFields(_ record: RecordBytes) -> [BetHistory.Field] {
        let status = BetStatus(rawValue: record.field(Layout.Placed.status, as: UInt8.self))
        var fields: [(String, String)] = [("answer", status?.word ?? "unknown")]
        if let refusal = Refusal(rawValue: record.field(Layout.Placed.refusal, as: UInt16.self)) {
            fields.append(("refused for", "\(refusal.code): \(refusal.text)"))
        }
        let count = Int(record.field(Layout.Placed.legCount, as: UInt8.self))
        for index in 0..<min(count, question.legs.count)
        where record.slots >= SlotSize.slots(forBody: Layout.Placed.size(legs: count)) {
            let offset = Layout.Placed.legs + index * Layout.Placed.legSize
            guard let odds = record.odds(at: offset) else { continue }
            fields.append(
                (
                    "leg \(index + 1) taken at",
                    "\(odds.text(as: .decimal)), market version "
                        + "\(record.field(offset + 8, as: UInt64.self))"
                ))
        }
        let due = record.field(Layout.Placed.dueAt, as: Int64.self)
        if due > 0 {
            fields += [
                (
                    "delay",
                    "\(record.field(Layout.Placed.delayBase, as: UInt32.self)) ms of the market, "
                        + "\(record.field(Layout.Placed.delayCustomer, as: UInt32.self)) ms of the customer, "
                        + "\(record.field(Layout.Placed.delaySelection, as: UInt32.self)) ms of the selection"
                ), ("due", Self.text(due)),
            ]
        }
        let accepted = record.field(Layout.Placed.acceptedAt, as: Int64.self)
        if accepted > 0 { fields.append(("accepted", Self.text(accepted))) }
        if status != .refused {
            fields.append(
                (
                    "potential return",
                    money(record.field(Layout.Placed.potentialReturn, as: Int64.self))
                ))
        }
        fields += balanceFields(record, Layout.Placed.balances)
        return fields.map { BetHistory.Field(label: $0.0, text: $0.1) }
    }

    private func balanceFields(_ record: RecordBytes, _ offset: Int) -> [(String, String)] {
        let cash = record.field(offset + Layout.Balances.cash, as: Int64.self)
        let held = record.field(offset + Layout.Balances.held, as: Int64.self)
        let open = record.field(offset + Layout.Balances.openBets, as: Int64.self)
        let owed = record.field(offset + Layout.Balances.receivable, as: Int64.self)
        return [
            (
                "balances after",
                "free \(money(cash)), held \(money(held)), in open bets \(money(open))"
                    + (owed > 0 ? ", owed \(money(owed))" : "")
            )
        ]
    }

    // MARK: Result and settlement

    private func resultAnswered(_ record: RecordBytes, _ place: RecordPlace?) {
        let id = record.field(Layout.ResultAnswered.market, as: UInt64.self)
        guard isPlaced, markets[id] != nil, let given else { return }
        let refusal = OperationRefusal(
            rawValue: record.field(Layout.ResultAnswered.refusal, as: UInt16.self))
        // Suppliers repeat themselves.
        guard refusal != .noChange else { return }
        let name = names[id]?.name ?? "market \(id)"
        var fields: [(String, String)] = []
        if given.kind != .approve {
            let count = Int(given.field(Layout.Result.selectionCount, as: UInt8.self))
            for index in 0..<count {
                let offset = Layout.Result.selections + index * Layout.Result.selectionSize
                let result = SelectionResult(rawValue: given.field(offset, as: UInt8.self))
                var text = result?.word ?? "unknown"
                if result == .deadHeat {
                    text +=
                        ", \(given.field(offset + 1, as: UInt8.self)) places among "
                        + "\(given.field(offset + 2, as: UInt8.self))"
                }
                fields.append((selectionName(id, index), text))
            }
            let evidence = given.text(Layout.Result.evidence, width: 32)
            let reason = given.text(Layout.Result.reason, width: 64)
            if !evidence.isEmpty { fields.append(("evidence", evidence)) }
            if !reason.isEmpty { fields.append(("reason", reason)) }
        } else {
            fields.append(
                ("approves record", String(given.field(Layout.Result.proposal, as: UInt64.self))))
        }
        let actor = given.field(Layout.Result.actor, as: UInt64.self)
        if actor != 0 { fields.append(("operator", String(actor))) }
        if let refusal { fields.append(("not carried out", "\(refusal.code): \(refusal.text)")) }
        let title =
            switch given.kind {
            case .propose: "\(name): an operator proposed a result"
            case .approve: "\(name): a second operator approved the result"
            default: "\(name): the feed's result"
            }
        add(step(given.kind?.word ?? "result", title, [command?.place, place], fields))
    }

    private func settled(_ record: RecordBytes, _ place: RecordPlace?) {
        defer { remember(record, Layout.BetSettled.balances) }
        guard record.field(Layout.BetSettled.bet, as: UInt64.self) == question.bet else { return }
        let reason = EntryReason(
            rawValue: record.field(Layout.BetSettled.entry, as: UInt8.self))
        let stake = record.field(Layout.BetSettled.stake, as: Int64.self)
        let now = record.field(Layout.BetSettled.payout, as: Int64.self)
        let before = record.field(Layout.BetSettled.payoutBefore, as: Int64.self)
        let status = BetStatus(rawValue: record.field(Layout.BetSettled.status, as: UInt8.self))
        let why = SettlementReason(
            rawValue: record.field(Layout.BetSettled.reason, as: UInt8.self))
        let version = record.field(Layout.BetSettled.version, as: UInt32.self)
        let title =
            switch reason {
            case .resettle: "The bet was settled again"
            case .reopen: "The bet was opened again"
            default: "The bet was settled"
            }
        var told = step(
            "bet_settled", title, [command?.place, place],
            [
                ("stands", status?.word ?? "unknown"), ("payout", money(now)),
                ("paid before", money(before)), ("why", why.map { "\($0)" } ?? "unknown"),
                ("settlement version", String(version)),
                // A lost bet's stored fraction is what was left before the leg that lost.
                ("exact", now == 0 ? "nothing" : Self.exact(record)),
                (
                    "rounding",
                    Rounding(
                        rawValue: record.field(Layout.BetSettled.rounding, as: UInt8.self)
                    ).map {
                        "\($0)"
                    } ?? "unknown"
                ),
                ("by result", "record \(record.field(Layout.BetSettled.result, as: UInt64.self))"),
            ] + people(record) + balanceFields(record, Layout.BetSettled.balances))
        told.facts = settledFacts(record, place)
        switch reason {
        case .settle:
            told.entries = [
                entry(.settle(stake: stake, payout: now, owed: balances.receivable))
            ]
        case .resettle:
            told.entries = [
                entry(
                    .resettle(
                        difference: now - before, available: balances.cash,
                        owed: balances.receivable))
            ]
        case .reopen:
            told.entries = [
                entry(
                    .reopen(
                        stake: stake, payout: before, available: balances.cash,
                        owed: balances.receivable))
            ]
        default: break
        }
        add(told)
        history.summary.removeAll { $0.label == "stands" || $0.label == "payout" }
        history.summary += [
            BetHistory.Field(label: "stands", text: status?.word ?? "unknown"),
            BetHistory.Field(label: "payout", text: money(now)),
        ]
    }

    private func people(_ record: RecordBytes) -> [(String, String)] {
        let actor = record.field(Layout.BetSettled.actor, as: UInt64.self)
        let approver = record.field(Layout.BetSettled.approver, as: UInt64.self)
        guard actor != 0 else { return [] }
        return [("operators", "\(actor) proposed, \(approver) approved")]
    }

    private func entry(_ entry: LedgerEntry) -> BetHistory.Entry {
        BetHistory.Entry(
            reason: entry.reason, postings: (0..<entry.count).map { entry[$0] })
    }

    func finish() -> BetHistory {
        history.steps.sort { $0.sequence < $1.sequence }
        return history
    }

    // MARK: Facts

    private func facts(
        _ record: RecordBytes, _ place: RecordPlace?, _ wanted: [(String, Int, Int)]
    ) -> [BetHistory.Fact] {
        guard let place, place.slots > 0 else { return [] }
        return wanted.map { label, offset, width in
            let value: Int64 =
                switch width {
                case 1: Int64(record.field(offset, as: UInt8.self))
                case 2: Int64(record.field(offset, as: UInt16.self))
                case 4: Int64(record.field(offset, as: UInt32.self))
                default: record.field(offset, as: Int64.self)
                }
            return BetHistory.Fact(
                label: label, place: place, offset: offset, width: width, value: value)
        }
    }

    private func balanceFacts(_ offset: Int) -> [(String, Int, Int)] {
        [
            ("cash after", offset + Layout.Balances.cash, 8),
            ("held after", offset + Layout.Balances.held, 8),
            ("open bets after", offset + Layout.Balances.openBets, 8),
            ("owed after", offset + Layout.Balances.receivable, 8),
        ]
    }

    private func placeFacts(_ record: RecordBytes, _ place: RecordPlace?) -> [BetHistory.Fact] {
        var wanted = [
            ("stake", Layout.Place.stakeCash, 8), ("price rule", Layout.Place.priceRule, 1),
            ("not to be decided after", Layout.Place.validUntil, 8),
            ("received", Layout.Place.receivedAt, 8),
            ("video delay", Layout.Place.videoDelay, 4),
        ]
        for index in question.legs.indices {
            let offset = Layout.Place.legs + index * Layout.Place.legSize
            wanted += [
                ("leg \(index + 1), market", offset + Layout.Leg.market, 8),
                ("leg \(index + 1), selection", offset + Layout.Leg.selection, 4),
                ("leg \(index + 1), odds above", offset + Layout.Leg.odds, 4),
                ("leg \(index + 1), odds below", offset + Layout.Leg.odds + 4, 4),
                ("leg \(index + 1), version shown", offset + Layout.Leg.marketVersion, 8),
                ("leg \(index + 1), score shown", offset + Layout.Leg.score, 4),
            ]
        }
        return facts(record, place, wanted)
    }

    private func placedFacts(_ record: RecordBytes, _ place: RecordPlace?) -> [BetHistory.Fact] {
        facts(
            record, place,
            [
                ("bet", Layout.Placed.bet, 8), ("status", Layout.Placed.status, 1),
                ("refusal", Layout.Placed.refusal, 2),
                ("value", Layout.Placed.value, 8), ("threshold", Layout.Placed.threshold, 8),
                ("potential return", Layout.Placed.potentialReturn, 8),
                ("accepted", Layout.Placed.acceptedAt, 8), ("due", Layout.Placed.dueAt, 8),
                ("delay", Layout.Placed.delayBase, 4), ("entries", Layout.Placed.entries, 1),
            ] + balanceFacts(Layout.Placed.balances))
    }

    private func settledFacts(_ record: RecordBytes, _ place: RecordPlace?) -> [BetHistory.Fact] {
        facts(
            record, place,
            [
                ("bet", Layout.BetSettled.bet, 8), ("status", Layout.BetSettled.status, 1),
                ("stake", Layout.BetSettled.stake, 8),
                ("paid before", Layout.BetSettled.payoutBefore, 8),
                ("payout", Layout.BetSettled.payout, 8),
            ] + balanceFacts(Layout.BetSettled.balances))
    }

    // MARK: Words

    private func money(_ minor: Int64) -> String {
        question.currency.map { "\(Money(minorUnits: minor, $0))" } ?? "\(minor)"
    }

    private static func text(_ nanoseconds: Int64) -> String {
        Timestamp(nanoseconds: nanoseconds).description
    }

    private static func score(_ packed: UInt32) -> String {
        packed == Score.unknown ? "unknown" : "\(packed >> 16)-\(packed & 0xffff)"
    }

    private static func clock(_ seconds: UInt32) -> String {
        guard seconds != .max else { return "unknown" }
        let rest = seconds % 60
        return "\(seconds / 60):" + (rest < 10 ? "0" : "") + "\(rest)"
    }

    private static func thousandths(_ value: Int64) -> String {
        guard value > 0 else { return "none" }
        let rest = String(value % 1000)
        return "\(value / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }

    private static func hundredths(_ value: Int64) -> String {
        let rest = String(value % 100)
        return "\(value / 100)." + String(repeating: "0", count: 2 - rest.count) + rest
    }

    /// Numerator over denominator in minor units, when both fit 64 bits.
    private static func exact(_ record: RecordBytes) -> String {
        let above = record.field(Layout.BetSettled.numerator, as: UInt64.self)
        let below = record.field(Layout.BetSettled.denominator, as: UInt64.self)
        let isWide =
            record.field(Layout.BetSettled.numerator + 8, as: UInt64.self) != 0
            || record.field(Layout.BetSettled.denominator + 8, as: UInt64.self) != 0
            || below == 0
        return isWide ? "in the record, wider than 64 bits" : "\(above)/\(below) minor units"
    }
}
