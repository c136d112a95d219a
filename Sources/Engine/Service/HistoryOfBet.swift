import Betting
import Catalogue
import EngineCore
import EngineJournal
import Kernel
import Ledger

/// The bet itself: what was asked, what was decided by which rule, and what was paid.
extension HistoryTeller {
    // MARK: The bet
    func placed(_ record: RecordBytes, _ place: RecordPlace?) {
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
    var isAnswer: Bool { given?.sequence == question.bet }

    func asked(_ given: RecordBytes, _ record: RecordBytes, _ place: RecordPlace?) {
        isPlaced = true
        let shown = (recent.values.flatMap { $0 } + lastOfFixture.values).sorted {
            $0.sequence < $1.sequence
        }
        history.steps = definitions + shown + (located.map { [$0] } ?? [])
        var asked = step("place", "The customer asked for the bet", [command?.place, place])
        asked.fields = askedFields(given) + decidedFields(record)
        asked.checks = checks
        asked.facts = placeFacts(given, command?.place) + placedFacts(record, place)
        asked.entries = entries(of: record)
        add(asked)
        stand(record)
    }

    func concluded(_ record: RecordBytes, _ place: RecordPlace?) {
        var told = step(
            "timer_due", "The delay was over, and the bet was decided", [command?.place, place])
        told.fields = decidedFields(record)
        told.checks = delayChecks
        told.facts = placedFacts(record, place)
        told.entries = entries(of: record)
        add(told)
        stand(record)
    }

    /// What an answer says was posted.
    private func entries(of record: RecordBytes) -> [BetHistory.Entry] {
        let posted = record.field(Layout.Placed.entries, as: UInt8.self)
        let stake = record.placedSplit
        return [LedgerEntry.hold(stake), .accept(stake.paid), .release(stake)]
            .filter { posted & (1 << $0.reason.rawValue) != 0 }.map { entry($0) }
    }

    func stand(_ record: RecordBytes) {
        freeStake = record.placedSplit.free
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

    func askedFields(_ record: RecordBytes) -> [BetHistory.Field] {
        let rule = PriceRule(rawValue: record.field(Layout.Place.priceRule, as: UInt8.self))
        let tolerance = record.field(Layout.Place.tolerance, as: UInt8.self)
        let received = record.field(Layout.Place.receivedAt, as: Int64.self)
        let video = record.field(Layout.Place.videoDelay, as: UInt32.self)
        var fields: [(String, String)] = [
            ("id of the customer's", "\(record.clientID)"),
            ("stake", stake(record)),
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
            ("rate to the licence's currency", Self.rate(record)),
            ("video shown with a delay of", video == .max ? "unknown" : "\(video) ms"),
            ("rules version", String(record.rulesVersion)),
        ]
        for (index, leg) in question.legs.enumerated() {
            let offset = Layout.Place.legs + index * Layout.Place.legSize
            let name = names[leg.market]?.name ?? "market \(leg.market)"
            let odds =
                record.isAtStart(index)
                ? "starting price"
                : record.odds(at: offset + Layout.Leg.odds)?.text(as: .decimal) ?? "none"
            let score = Self.score(record.field(offset + Layout.Leg.score, as: UInt32.self))
            let clock = Self.clock(record.field(offset + Layout.Leg.clock, as: UInt32.self))
            fields.append(
                (
                    "leg \(index + 1)",
                    "\(name): \(selectionName(leg.market, leg.selection)) at \(odds), as shown in "
                        + "version \(leg.version) with score \(score), clock \(clock), supplier's message "
                        + "\(record.field(offset + Layout.Leg.message, as: UInt64.self))"
                        + Self.places(record, offset)
                ))
        }
        return fields.map { BetHistory.Field(label: $0.0, text: $0.1) }
    }

    /// The each-way terms of a leg, and which count.
    private static func places(_ record: RecordBytes, _ offset: Int) -> String {
        guard let terms = record.places(at: offset + Layout.Leg.eachWayPlaces) else { return "" }
        let isAtTheOff = record.field(offset + Layout.Leg.eachWayBasis, as: UInt8.self) == 2
        return ", each way \(terms.numerator)/\(terms.denominator) of \(terms.places) places, "
            + (isAtTheOff ? "or what they are at the off" : "as struck")
    }

    func decidedFields(_ record: RecordBytes) -> [BetHistory.Field] {
        let status = BetStatus(rawValue: record.field(Layout.Placed.status, as: UInt8.self))
        var fields: [(String, String)] = [("answer", status?.word ?? "unknown")]
        if let refusal = Refusal(rawValue: record.field(Layout.Placed.refusal, as: UInt16.self)) {
            fields.append(("refused for", "\(refusal.code): \(refusal.text)"))
        }
        let count = Int(record.field(Layout.Placed.legCount, as: UInt8.self))
        for index in 0..<min(count, question.legs.count)
        where status != .refused
            && record.slots >= SlotSize.slots(forBody: Layout.Placed.size(legs: count))
        {
            let offset = Layout.Placed.legs + index * Layout.Placed.legSize
            guard let odds = record.odds(at: offset) else { continue }
            let isAtStart =
                record.field(Layout.Placed.atStart, as: UInt64.self) >> UInt64(index) & 1 == 1
            fields.append(
                (
                    "leg \(index + 1) taken at",
                    (isAtStart
                        ? "starting price, reckoned with \(odds.text(as: .decimal))"
                        : odds.text(as: .decimal)) + ", market version "
                        + "\(record.field(offset + 8, as: UInt64.self))"
                ))
        }
        if let decision = record.placedLocation {
            fields.append(("where its customer is", "by decision \(decision)"))
        }
        let due = record.field(Layout.Placed.dueAt, as: Int64.self)
        // Said when the wait begins; what ends it repeats only when.
        if due > 0, status == .pending {
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

    /// Nothing was converted by it: it says what the stake was worth elsewhere when it was placed.
    private static func rate(_ place: RecordBytes) -> String {
        let above = place.field(Layout.Place.fxNumerator, as: UInt32.self)
        let below = place.field(Layout.Place.fxDenominator, as: UInt32.self)
        guard above > 0, below > 0, above != below else { return "1, the same" }
        let one = ExactAmount(minorUnits: 1).multiplied(by: UInt64(above), over: UInt64(below))
        return one.text(decimals: 9)
    }

    private func stake(_ place: RecordBytes) -> String {
        let parts = [
            (Layout.Place.stakeCash, "cash"), (Layout.Place.stakeBonus, "bonus money"),
            (Layout.Place.stakeFree, "free"),
        ].map { (place.field($0.0, as: Int64.self), $0.1) }
        guard parts[1].0 | parts[2].0 != 0 else { return money(parts[0].0) }
        return parts.filter { $0.0 != 0 }.map { "\(money($0.0)) \($0.1)" }
            .joined(separator: ", ")
    }

    func balanceFields(_ record: RecordBytes, _ offset: Int) -> [(String, String)] {
        let cash = record.field(offset + Layout.Balances.cash, as: Int64.self)
        let held = record.field(offset + Layout.Balances.held, as: Int64.self)
        let open = record.field(offset + Layout.Balances.openBets, as: Int64.self)
        let owed = record.field(offset + Layout.Balances.receivable, as: Int64.self)
        let bonus = record.field(offset + Layout.Balances.bonus, as: Int64.self)
        let free = record.field(offset + Layout.Balances.free, as: Int64.self)
        return [
            (
                "balances after",
                "cash \(money(cash)), held \(money(held)), in open bets \(money(open))"
                    + (bonus > 0 ? ", bonus money \(money(bonus))" : "")
                    + (free > 0 ? ", free stakes \(money(free))" : "")
                    + (owed > 0 ? ", owed \(money(owed))" : "")
            )
        ]
    }

    // MARK: Result and settlement
    func resultAnswered(_ record: RecordBytes, _ place: RecordPlace?) {
        let id = record.field(Layout.ResultAnswered.market, as: UInt64.self)
        guard isPlaced, markets[id] != nil, let given else { return }
        if given.kind == .propose, isOfBet(given),
            given.field(Layout.Result.bet, as: UInt64.self) != question.bet
        {
            otherProposals.insert(given.sequence)
            return
        }
        if given.kind == .approve,
            otherProposals.contains(given.field(Layout.Result.proposal, as: UInt64.self))
        {
            return
        }
        let refusal = OperationRefusal(
            rawValue: record.field(Layout.ResultAnswered.refusal, as: UInt16.self))
        // Suppliers repeat themselves.
        guard refusal != .noChange else { return }
        let name = names[id]?.name ?? "market \(id)"
        var fields: [(String, String)] = []
        let action = ResultAction(
            rawValue: given.field(
                given.kind == .cancel ? Layout.Cancel.action : Layout.Result.action, as: UInt8.self)
        )
        if given.kind == .cancel {
            fields += window(given, Layout.Cancel.from, Layout.Cancel.until)
            fields += said(given, Layout.Cancel.time)
        } else if given.kind != .approve {
            if action == .cancel || action == .reinstate {
                fields += window(given, Layout.Result.from, Layout.Result.until)
            }
            fields += said(given, Layout.Result.time)
            let count =
                isOfBet(given) ? 0 : Int(given.field(Layout.Result.selectionCount, as: UInt8.self))
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
        let actor =
            given.kind == .cancel ? 0 : given.field(Layout.Result.actor, as: UInt64.self)
        if actor != 0 { fields.append(("operator", String(actor))) }
        if let refusal { fields.append(("not carried out", "\(refusal.code): \(refusal.text)")) }
        let what =
            switch action {
            case .cancel: "that bets are void"
            case .reinstate: "that bets are no longer void"
            case .voidBet: "that this bet is void"
            case .restoreBet: "that this bet is no longer void"
            case .rollback: "that there is no result any more"
            case .settle, nil: "a result"
            }
        let title =
            switch given.kind {
            case .propose: "\(name): an operator proposed \(what)"
            case .approve: "\(name): a second operator approved what was proposed"
            default:
                action == .settle
                    ? "\(name): the feed's result" : "\(name): the feed said \(what)"
            }
        add(step(given.kind?.word ?? "result", title, [command?.place, place], fields))
    }

    /// Whether a proposal is about one bet.
    private func isOfBet(_ given: RecordBytes) -> Bool {
        given.kind == .propose
            && ResultAction(rawValue: given.field(Layout.Result.action, as: UInt8.self))?.isOfBet
                == true
    }

    /// What references said soon after it was taken.
    func suspected(_ record: RecordBytes, _ place: RecordPlace?) {
        typealias Suspected = Layout.BetSuspected
        guard record.field(Suspected.bet, as: UInt64.self) == question.bet else { return }
        let market = record.field(Suspected.market, as: UInt64.self)
        let reference = record.field(Suspected.reference, as: UInt32.self)
        let chance = record.field(Suspected.chance, as: UInt32.self)
        let name = names[market]?.name ?? "market \(market)"
        add(
            step(
                "bet_suspected", "\(name): the price looked like an error afterwards",
                [command?.place, place],
                [
                    (
                        "selection",
                        selectionName(
                            market, Int(record.field(Suspected.selection, as: UInt32.self)))
                    ),
                    ("taken at", record.odds(at: Suspected.odds)?.text(as: .decimal) ?? "none"),
                    (
                        "reference then",
                        Odds(thousandths: reference)?.text(as: .decimal) ?? "none"
                    ),
                    ("chance by the references", "\(chance) parts per billion"),
                ]))
    }

    /// The bets that a cancel is about.
    private func window(_ record: RecordBytes, _ from: Int, _ until: Int) -> [(String, String)] {
        [("accepted from", from), ("accepted before", until)].compactMap { name, offset in
            let moment = record.field(offset, as: Int64.self)
            return moment == 0 ? nil : (name, Self.text(moment))
        }
    }

    private func said(_ record: RecordBytes, _ offset: Int) -> [(String, String)] {
        let moment = record.field(offset, as: Int64.self)
        return moment == 0 ? [] : [("said at", Self.text(moment))]
    }

    func settled(_ record: RecordBytes, _ place: RecordPlace?) {
        defer { remember(record, Layout.BetSettled.balances) }
        guard record.field(Layout.BetSettled.bet, as: UInt64.self) == question.bet else { return }
        let reason = EntryReason(
            rawValue: record.field(Layout.BetSettled.entry, as: UInt8.self))
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
            ] + returnFields(record) + people(record)
                + balanceFields(record, Layout.BetSettled.balances))
        told.facts = settledFacts(record, place)
        let returned = record.settlementReturns
        let paidStake = record.field(Layout.BetSettled.stake, as: Int64.self) - freeStake
        switch reason {
        case .settle:
            told.entries = [
                entry(
                    .settle(
                        stake: paidStake, payout: now, bonus: returned.now.bonus, holdings))
            ]
        case .resettle:
            told.entries = [
                entry(
                    .resettle(
                        difference: now - before,
                        bonus: returned.now.bonus - returned.before.bonus, holdings))
            ]
        case .reopen:
            told.entries = [
                entry(
                    .reopen(
                        stake: paidStake, payout: before, bonus: returned.before.bonus, holdings))
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

    // MARK: Sold back

    func sold(_ record: RecordBytes, _ place: RecordPlace?) {
        typealias Sold = Layout.CashOutAnswered
        defer { remember(record, Sold.balances) }
        guard record.field(Sold.bet, as: UInt64.self) == question.bet,
            record.flags & Sold.repeated == 0
        else { return }
        let part = record.field(Sold.part, as: Int64.self)
        let payout = record.field(Sold.payout, as: Int64.self)
        let left = record.field(Sold.stakeLeft, as: Int64.self)
        var fields: [(String, String)] = [("part of the stake", money(part))]
        if given?.kind == .cashOut, let given {
            fields += [
                ("offered", money(given.field(Layout.CashOut.least, as: Int64.self))),
                (
                    "offered by",
                    "material versions \(given.field(Layout.CashOut.material, as: UInt64.self)), "
                        + "price versions \(given.field(Layout.CashOut.prices, as: UInt64.self)), "
                        + "each over all legs"
                ),
            ]
        }
        let refusal = Refusal(rawValue: record.field(Sold.refusal, as: UInt16.self))
        let due = record.field(Sold.dueAt, as: Int64.self)
        if let refusal {
            fields.append(("refused for", "\(refusal.code): \(refusal.text)"))
        } else {
            fields += [
                ("expected of it", millionths(record.field(Sold.fair, as: Int64.self))),
                ("margin", "\(record.field(Sold.margin, as: UInt16.self)) hundredths of a percent"),
                ("before rounding down", millionths(record.field(Sold.exact, as: Int64.self))),
                (
                    "decided by",
                    "material versions \(record.field(Sold.material, as: UInt64.self)), "
                        + "price versions \(record.field(Sold.prices, as: UInt64.self))"
                ),
            ]
            if due > 0 { fields.append(("due", Self.text(due))) }
            if payout > 0 {
                fields += [("paid", money(payout)), ("stake that stands on", money(left))]
            }
        }
        let what =
            refusal != nil ? "was refused" : due > 0 ? "waits for its delay" : "was carried out"
        var told = step(
            given?.kind?.word ?? "cash_out", "A cash-out \(what)", [command?.place, place],
            fields + balanceFields(record, Sold.balances))
        if payout > 0 {
            told.entries = [
                entry(.cashOut(part: part, payout: payout, holdings))
            ]
        }
        add(told)
        guard payout > 0 else { return }
        let status = BetStatus(rawValue: record.field(Sold.betStatus, as: UInt8.self))
        history.summary.removeAll { $0.label == "stands" || $0.label == "potential return" }
        history.summary += [
            BetHistory.Field(label: "stands", text: status?.word ?? "unknown"),
            BetHistory.Field(
                label: left > 0 ? "sold a part of \(money(part)) for" : "sold for",
                text: money(payout)),
        ]
        guard left > 0 else { return }
        history.summary.append(
            BetHistory.Field(
                label: "potential return",
                text: money(record.field(Sold.potentialReturn, as: Int64.self))))
    }

    func ruled(_ record: RecordBytes, _ place: RecordPlace?) {
        typealias Rule = Layout.CashOutRuleChanged
        guard record.field(Rule.bet, as: UInt64.self) == question.bet,
            record.field(Rule.refusal, as: UInt16.self) == 0
        else { return }
        let atLeast = record.field(Rule.atLeast, as: Int64.self)
        let title =
            atLeast > 0
            ? "The customer has the bet sold by itself" : "The bet is not sold by itself any more"
        add(
            step(
                "cash_out_rule", title, [command?.place, place],
                atLeast > 0 ? [("as soon as it is worth", money(atLeast))] : []))
    }

    private func millionths(_ amount: Int64) -> String {
        ExactAmount(millionths: amount).text(decimals: 6) + " minor units"
    }

    private func returnFields(_ record: RecordBytes) -> [(String, String)] {
        guard record.isPromotionalSettlement else { return [] }
        let now = record.settlementReturns.now
        return [
            ("of it as bonus money", money(now.bonus)),
            ("free stake given back", money(now.free)),
        ]
    }

    func people(_ record: RecordBytes) -> [(String, String)] {
        let actor = record.field(Layout.BetSettled.actor, as: UInt64.self)
        let approver = record.field(Layout.BetSettled.approver, as: UInt64.self)
        guard actor != 0 else { return [] }
        return [("operators", "\(actor) proposed, \(approver) approved")]
    }

    func entry(_ entry: LedgerEntry) -> BetHistory.Entry {
        BetHistory.Entry(
            reason: entry.reason, postings: (0..<entry.count).map { entry[$0] })
    }
}
