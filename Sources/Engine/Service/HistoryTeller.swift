import Betting
import Catalogue
import Customers
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
    let question: BetQuestion
    var history: BetHistory
    let markets: [UInt64: UInt64]
    var fixtures: Set<UInt64>
    var names: [UInt64: (name: String, selections: [String])] = [:]
    /// Definitions, and what was in force when the customer looked.
    var definitions: [BetHistory.Step] = []
    /// The newest decision of where its customer was.
    var located: BetHistory.Step?
    var recent: [UInt64: [BetHistory.Step]] = [:]
    var lastOfFixture: [UInt64: BetHistory.Step] = [:]
    var isPlaced = false
    /// Proposals that were about other bets alone.
    var otherProposals: Set<UInt64> = []
    /// Of its stake, what is not in the books.
    var freeStake: Int64 = 0
    var isDecided = false
    var checks: [RuleCheck] = []
    var delayChecks: [RuleCheck] = []
    var holdings = LedgerEntry.Holdings(cash: 0, bonus: 0, owed: 0)
    var payout: Int64 = 0
    /// The command at hand, copied: its outcomes may come much later in memory.
    var command: (record: AlignedBuffer, slots: Int, place: RecordPlace)?

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

    func take(_ record: RecordBytes, at place: RecordPlace?) {
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
        case .location where record.account == question.account && !isPlaced:
            located(record, place)
        case .recovered where isPlaced && !isDecided:
            add(step("recovered", "The service was started again", [place]))
        case .fixtureChanged: fixtureChanged(record, place)
        case .marketChanged: marketChanged(record, place)
        case .accountChanged where record.account == question.account:
            remember(record, Layout.AccountChanged.balances)
        case .placed where record.account == question.account: placed(record, place)
        case .resultAnswered: resultAnswered(record, place)
        case .cashOutAnswered where record.account == question.account: sold(record, place)
        case .cashOutRuleChanged where record.account == question.account: ruled(record, place)
        case .betSettled where record.account == question.account: settled(record, place)
        case .betSuspected where record.account == question.account: suspected(record, place)
        default: break
        }
    }

    var given: RecordBytes? { command.map { RecordBytes($0.record.base, slots: $0.slots) } }

    func remember(_ record: RecordBytes, _ offset: Int) {
        holdings = LedgerEntry.Holdings(
            cash: record.field(offset + Layout.Balances.cash, as: Int64.self),
            bonus: record.field(offset + Layout.Balances.bonus, as: Int64.self),
            owed: record.field(offset + Layout.Balances.receivable, as: Int64.self))
    }

    func step(
        _ kind: String, _ title: String, _ places: [RecordPlace?], _ fields: [(String, String)] = []
    ) -> BetHistory.Step {
        let record = given
        return BetHistory.Step(
            sequence: record?.sequence ?? 0, time: record?.time ?? Timestamp(nanoseconds: 0),
            kind: kind, title: title,
            fields: fields.map { BetHistory.Field(label: $0.0, text: $0.1) },
            places: places.compactMap { $0 }.filter { $0.slots > 0 })
    }

    func add(_ step: BetHistory.Step) { history.steps.append(step) }

    func session(_ record: RecordBytes, _ place: RecordPlace?) {
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

    func located(_ record: RecordBytes, _ place: RecordPlace?) {
        typealias Said = Layout.Location
        guard record.field(Said.session, as: UInt64.self) == question.session else { return }
        let signs = LocationSigns(rawValue: record.field(Said.signs, as: UInt16.self))
        let accuracy = record.field(Said.accuracy, as: UInt32.self)
        let border = record.field(Said.border, as: UInt32.self)
        let region = record.text(Said.region, width: LocationRegion.codeBytes)
        let verdict = LocationVerdict(rawValue: record.field(Said.verdict, as: UInt8.self))
        let source = LocationSource(rawValue: record.field(Said.source, as: UInt8.self))
        located = step(
            "location", "It was decided where the customer is", [place],
            [
                ("decision", String(record.sequence)), ("verdict", verdict?.word ?? "unknown"),
                ("region", region.isEmpty ? "unknown" : region),
                ("by", source?.word ?? "unknown"),
                ("signs", signs.isEmpty ? "none" : signs.words.joined(separator: ", ")),
                ("accuracy", accuracy == .max ? "unknown" : "\(accuracy) m"),
                ("border", border == .max ? "unknown" : "\(border) m"),
                (
                    "until",
                    Timestamp(nanoseconds: record.field(Said.until, as: Int64.self)).description
                ),
                (
                    "provider's reference",
                    record.text(Said.reference, width: LocationReport.referenceBytes)
                ),
            ])
    }

    func finish() -> BetHistory {
        history.steps.sort { $0.sequence < $1.sequence }
        return history
    }
}
