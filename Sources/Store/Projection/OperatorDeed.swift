import Betting
import Catalogue
import EngineCore
import Kernel
import Ledger
import ProjectionService

/// A command of somebody at the desk, until what came of it is read.
struct OperatorDeed {
    let sequence: UInt64
    private let time: Int64
    private let actor: UInt64
    private let kind: String
    private let account: UInt64?
    private let reason: String
    private let detail: String
    /// What the customer is told.
    private let told: String
    /// It is about a fixture's markets together.
    private let isOfFixture: Bool

    /// Nil for what nobody at the desk asked for.
    init?(_ record: RecordBytes) {
        guard let said = Said(record) else { return nil }
        sequence = record.sequence
        time = record.time.nanoseconds
        kind = record.kind?.word ?? ""
        actor = said.actor
        account = said.account
        reason = said.reason
        detail = said.detail
        told = said.told
        isOfFixture =
            record.kind == .marketState
            && record.field(Layout.MarketState.scope, as: UInt8.self) == 2
    }

    /// What its customer is told of it, where it was done and there is anything to tell.
    func notice(of action: OperatorAction) -> Notice? {
        guard !told.isEmpty, action.refusal.isEmpty else { return nil }
        return Notice(sequence: sequence, time: time, kind: kind, text: told)
    }

    /// With the first outcome of the command; nil for a command that has none.
    func action(_ outcome: RecordBytes?) -> OperatorAction {
        var market: UInt64?
        var fixture: UInt64?
        var refusal: UInt16 = 0
        switch outcome?.kind {
        case .marketChanged:
            market = outcome?.field(Layout.MarketChanged.market, as: UInt64.self)
            fixture = outcome?.field(Layout.MarketChanged.fixture, as: UInt64.self)
            refusal = outcome?.field(Layout.MarketChanged.refusal, as: UInt16.self) ?? 0
        case .fixtureChanged:
            fixture = outcome?.field(Layout.FixtureChanged.fixture, as: UInt64.self)
            refusal = outcome?.field(Layout.FixtureChanged.refusal, as: UInt16.self) ?? 0
        case .selectionWithdrawn:
            market = outcome?.field(Layout.SelectionWithdrawn.market, as: UInt64.self)
        case .resultAnswered:
            market = outcome?.field(Layout.ResultAnswered.market, as: UInt64.self)
            refusal = outcome?.field(Layout.ResultAnswered.refusal, as: UInt16.self) ?? 0
        case .accountChanged:
            refusal = outcome?.field(Layout.AccountChanged.refusal, as: UInt16.self) ?? 0
        default: break
        }
        let isNoMarket = market == .max
        return OperatorAction(
            sequence: sequence, time: time, actor: actor, kind: kind,
            market: isNoMarket || isOfFixture ? nil : market, fixture: isNoMarket ? nil : fixture,
            account: account, refusal: OperationRefusal(rawValue: refusal)?.code ?? "",
            reason: reason, detail: detail)
    }
}

/// What a command says of who asks for what.
private struct Said {
    var actor: UInt64
    var account: UInt64?
    var reason: String
    var detail = ""
    var told = ""

    private init(actor: UInt64, _ detail: String) {
        self.actor = actor
        self.reason = ""
        self.detail = detail
    }

    /// Nil where no person speaks, which is what most records are.
    private init?(_ record: RecordBytes, actor: Int, reason: Int) {
        self.actor = record.field(actor, as: UInt64.self)
        guard self.actor != 0 else { return nil }
        self.reason = record.text(reason, width: 64)
    }

    init?(_ record: RecordBytes) {
        switch record.kind {
        case .session:
            guard record.field(Layout.Session.realm, as: UInt8.self) == 2 else { return nil }
            self.init(
                actor: record.field(Layout.Session.operator, as: UInt64.self),
                "signs in as \(record.text(Layout.Session.role, width: 16))")
        case .setRisk:
            self.init(record, actor: Layout.SetRisk.actor, reason: Layout.SetRisk.reason)
            account = record.account.rawValue
            detail = Self.risk(record)
            told = record.text(Layout.SetRisk.notice, width: 80)
        case .setBar:
            self.init(record, actor: Layout.SetBar.actor, reason: Layout.SetBar.reason)
            account = record.account.rawValue
            detail = Self.bar(record)
            told = record.text(Layout.SetBar.notice, width: 80)
        case .grant:
            self.init(record, actor: Layout.Grant.actor, reason: Layout.Grant.reason)
            account = record.account.rawValue
            let kind = GrantKind(rawValue: record.field(Layout.Grant.kind, as: UInt8.self))
            detail =
                "\(kind?.word ?? "?") \(record.field(Layout.Grant.amount, as: Int64.self)) minor units"
                + Self.promotion(record)
        case .promotion:
            typealias Promised = Layout.Promotion
            self.init(record, actor: Promised.actor, reason: Promised.reason)
            detail =
                "promotion \(record.field(Promised.number, as: UInt64.self)), "
                + "\(record.text(Promised.name, width: 48))"
                + Self.time(", from", record.field(Promised.from, as: Int64.self))
                + Self.time(", until", record.field(Promised.until, as: Int64.self))
        case .marketState:
            self.init(record, actor: Layout.MarketState.actor, reason: Layout.MarketState.reason)
            detail = Self.state(record)
        case .marketLimits:
            self.init(record, actor: Layout.MarketLimits.actor, reason: Layout.MarketLimits.reason)
            detail = Self.limits(record)
        case .pricing:
            self.init(record, actor: Layout.Pricing.actor, reason: Layout.Pricing.reason)
            detail = Self.pricing(record)
        case .channelState:
            self.init(record, actor: Layout.ChannelState.actor, reason: Layout.ChannelState.reason)
            let channel = Channel(
                rawValue: record.field(Layout.ChannelState.channel, as: UInt8.self))
            let isShut = record.field(Layout.ChannelState.isShut, as: UInt8.self) == 1
            detail = "\(isShut ? "stops" : "opens") \(channel?.word ?? "?")"
        case .houseRules:
            self.init(record, actor: Layout.HouseRules.actor, reason: Layout.HouseRules.reason)
            let commission = record.field(Layout.HouseRules.commission, as: UInt16.self)
            detail =
                "commission \(commission) hundredths of a percent" + Self.bonuses(record)
        case .deductionTable:
            typealias Table = Layout.DeductionTable
            self.init(record, actor: Table.actor, reason: Table.reason)
            let rule = record.field(Table.rule, as: UInt8.self)
            detail =
                (rule == 1 ? "rule 4" : "face value") + ", "
                + "\(record.field(Table.count, as: UInt16.self)) steps, a lone "
                + "\(record.field(Table.waivedAlone, as: UInt16.self)) waived"
        case .propose:
            self.init(record, actor: Layout.Result.actor, reason: Layout.Result.reason)
            let evidence = record.text(Layout.Result.evidence, width: 32)
            detail = Self.proposal(record) + (evidence.isEmpty ? "" : "; written in \(evidence)")
        case .approve:
            self.init(record, actor: Layout.Result.actor, reason: Layout.Result.reason)
            detail = "proposal \(record.field(Layout.Result.proposal, as: UInt64.self))"
        case .withdrawal:
            let person = record.field(Layout.Withdrawal.actor, as: UInt64.self)
            guard person != 0 else { return nil }
            self.init(
                actor: person,
                "selection \(record.field(Layout.Withdrawal.selection, as: UInt32.self))")
        default:
            guard let made = Self(making: record) else { return nil }
            self = made
        }
    }

    /// What house rules add to covers, in hundredths: "; trixie: only winner 100, all winners 1000".
    private static func bonuses(_ record: RecordBytes) -> String {
        let count = Int(record.field(Layout.HouseRules.count, as: UInt16.self))
        return zip(SystemShape.named, 0..<count).map { cover, index in
            let offset = Layout.HouseRules.bonuses + index * Layout.HouseRules.bonusSize
            let only = record.field(offset + Layout.HouseRules.onlyWinner, as: UInt16.self)
            let all = record.field(offset + Layout.HouseRules.allWinners, as: UInt16.self)
            return only <= 100 && all == 0
                ? "" : "; \(cover.name): only winner \(only), all winners \(all)"
        }.joined()
    }

    /// Of matches and markets that people make and tell of.
    private init?(making record: RecordBytes) {
        switch record.kind {
        case .fixture:
            guard record.flags & Layout.Fixture.isByHand != 0 else { return nil }
            self.init(record, actor: Layout.Fixture.actor, reason: Layout.Fixture.reason)
            detail =
                record.text(Layout.Fixture.home, width: 48) + " v "
                + record.text(Layout.Fixture.away, width: 48)
        case .fixtureUpdate:
            self.init(
                record, actor: Layout.Fixture.updateActor, reason: Layout.Fixture.updateReason)
            let status = FixtureStatus(
                rawValue: record.field(Layout.Fixture.status, as: UInt8.self))
            let score = record.field(Layout.Fixture.score, as: UInt32.self)
            let isInPlay = record.field(Layout.Fixture.isInPlay, as: UInt8.self) == 1
            detail =
                (status?.word ?? "?") + (isInPlay ? ", in play" : "")
                + (score == Score.unknown ? "" : ", \(score >> 16)-\(score & 0xffff)")
        case .market:
            guard record.flags & Layout.Market.isByHand != 0 else { return nil }
            let count = Int(record.field(Layout.Market.selectionCount, as: UInt8.self))
            let end = Layout.Market.selections + count * Layout.Market.selectionSize
            guard record.slots >= SlotSize.slots(forBody: end + Layout.Market.byHandSize) else {
                return nil
            }
            self.init(record, actor: end, reason: end + 8)
            detail = record.text(Layout.Market.name, width: 48)
        default: return nil
        }
    }

    /// Of a grant, under what it was given.
    private static func promotion(_ record: RecordBytes) -> String {
        let number = record.field(Layout.Grant.promotion, as: UInt64.self)
        let terms = record.field(Layout.Grant.terms, as: UInt32.self)
        guard number != 0 else { return "" }
        return " under promotion \(number)" + (terms == 0 ? "" : ", version \(terms)")
    }

    /// Nothing where no time was said.
    private static func time(_ word: String, _ nanoseconds: Int64) -> String {
        nanoseconds == 0 ? "" : "\(word) \(Timestamp(nanoseconds: nanoseconds))"
    }

    private static func risk(_ record: RecordBytes) -> String {
        let factor = record.field(Layout.SetRisk.stakeFactor, as: UInt16.self)
        let delay = record.field(Layout.SetRisk.delay, as: UInt32.self)
        let shut = record.field(Layout.SetRisk.shut, as: UInt8.self)
        return "stakes \(factor) thousandths, waits \(delay) ms"
            + (shut == 1 ? ", stops its bets" : shut == 2 ? ", takes its bets" : "")
    }

    private static func bar(_ record: RecordBytes) -> String {
        let id = record.field(Layout.SetBar.id, as: UInt64.self)
        let isSet = record.field(Layout.SetBar.isSet, as: UInt8.self) == 1
        let isSport = record.field(Layout.SetBar.scope, as: UInt8.self) == 1
        let sport = UInt8(exactly: id).flatMap(Sport.init(rawValue:))?.word ?? "?"
        return (isSet ? "keeps from " : "no more keeps from ")
            + (isSport ? sport : "match \(id)")
    }

    private static func state(_ record: RecordBytes) -> String {
        let isShut = record.field(Layout.MarketState.setting, as: UInt8.self) != 0
        let scope = record.field(Layout.MarketState.scope, as: UInt8.self)
        return (isShut ? "suspends " : "resumes ")
            + (scope == 1 ? "the market" : scope == 2 ? "the match" : "everything")
    }

    private static func limits(_ record: RecordBytes) -> String {
        var parts: [String] = []
        for (word, offset) in [
            ("highest stake", Layout.MarketLimits.maximumStake),
            ("may lose", Layout.MarketLimits.liabilityLimit),
            ("shut at", Layout.MarketLimits.suspendAt),
            ("from anybody", Layout.MarketLimits.floor),
        ] {
            let amount = record.field(offset, as: Int64.self)
            if amount != -1 { parts.append("\(word) \(amount)") }
        }
        let move = record.field(Layout.MarketLimits.mostMove, as: UInt32.self)
        if move != .max { parts.append("moves \(move)") }
        return parts.joined(separator: ", ")
    }

    private static func pricing(_ record: RecordBytes) -> String {
        let count = Int(record.field(Layout.Pricing.selectionCount, as: UInt16.self))
        let end = Layout.Pricing.entries + count * Layout.Pricing.entrySize
        guard record.slots >= SlotSize.slots(forBody: end) else { return "" }
        let margin = record.field(Layout.Pricing.margin, as: UInt32.self)
        let held = (0..<count).map { place in
            record.odds(at: Layout.Pricing.entries + place * Layout.Pricing.entrySize)?
                .text(as: .decimal) ?? "-"
        }
        let isSure = record.field(Layout.Pricing.isSure, as: UInt8.self) == 1
        return "margin \(margin == .max ? "as fed" : String(margin)), holds "
            + held.joined(separator: " ") + (isSure ? ", and means it" : "")
    }

    private static func proposal(_ record: RecordBytes) -> String {
        let action = ResultAction(rawValue: record.field(Layout.Result.action, as: UInt8.self))
        if let action, action.isOfBet {
            return "\(action.word) bet \(record.field(Layout.Result.bet, as: UInt64.self))"
        }
        guard action == .settle || action == nil else { return action?.word ?? "" }
        let count = Int(record.field(Layout.Result.selectionCount, as: UInt8.self))
        let end = Layout.Result.selections + count * Layout.Result.selectionSize
        guard record.slots >= SlotSize.slots(forBody: end) else { return "" }
        let words = (0..<count).map { place in
            SelectionResult(
                rawValue: record.field(
                    Layout.Result.selections + place * Layout.Result.selectionSize, as: UInt8.self))?
                .word ?? "?"
        }
        return "settle " + words.joined(separator: " ")
    }
}
