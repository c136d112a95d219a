import Betting
import Catalogue
import Customers
import EngineCore
import Judge
import Kernel

extension Simulation {
    /// One line for each thing that a reader of a seed wants to see.
    func narrate(_ said: Testimony) {
        let number = "\(said.sequence)"
        switch said.command {
        case .genesis: tell("\(number) the journal begins")
        case .recovered: tell("\(number) recovered; every market is shut")
        case .openAccount: tell("\(number) an account is opened\(outcome(said))")
        case .deposit(let account, _, let amount):
            tell("\(number) account \(account) gets \(amount)\(outcome(said))")
        case .setRisk(let risk):
            tell(
                "\(number) operator \(risk.actor) trusts account \(risk.account) \(risk.factor) "
                    + "thousandths, \(risk.delay) ms\(risk.shut == 1 ? ", shut" : "")"
                    + outcome(said))
        case .promotion(let promotion):
            tell(
                "\(number) operator \(promotion.actor) says promotion \(promotion.number): "
                    + "\(promotion.terms)" + outcome(said))
        case .deductionTable(let table):
            tell(
                "\(number) operator \(table.actor) sets \(table.steps.count) steps of what "
                    + "withdrawals take under rule \(table.rule)" + outcome(said))
        case .setBar(let bar):
            tell(
                "\(number) operator \(bar.actor) \(bar.isSet == 1 ? "keeps" : "frees") account "
                    + "\(bar.account) from \(bar.scope == 1 ? "sport" : "fixture") \(bar.id)"
                    + outcome(said))
        case .location(let location):
            let verdict = ["?", "inside", "outside", "doubtful"]
            tell(
                "\(number) account \(location.account), sign-in \(location.session), is "
                    + "\(verdict[location.verdict > 3 ? 0 : Int(location.verdict)])\(outcome(said))"
            )
        case .grant(let grant):
            tell(
                "\(number) operator \(grant.actor) gives account \(grant.account) \(grant.amount) "
                    + (GrantKind(rawValue: grant.kind)?.word ?? "?") + outcome(said))
        case .setLimit(let account, let name, let amount, _):
            let kind = LimitKind(rawValue: name.kind)?.word ?? "?"
            let period = LimitPeriod(rawValue: name.period)?.word ?? "?"
            tell(
                "\(number) account \(account) limits its \(kind) a \(period) to \(amount)\(outcome(said))"
            )
        case .place(let intent):
            let legs = intent.legs.map { leg in
                "\(supplier.name(ofMarket: leg.market)) selection \(leg.selection) at "
                    + (leg.odds.map { $0.text(as: .decimal) } ?? "no price")
            }.joined(separator: " + ")
            let split =
                intent.bonus | intent.free == 0
                ? intent.fill == 0 ? "" : " (fill \(intent.fill))"
                : " (\(intent.bonus) of it bonus, \(intent.free) free)"
            tell(
                "\(number) account \(intent.account) bets \(intent.stake)\(split) on "
                    + "\(legs)\(outcome(said))")
        case .cashOut(let sale):
            let part = sale.part == 0 ? "all" : "\(sale.part)"
            tell(
                "\(number) account \(sale.account) sells \(part) of bet \(sale.bet) "
                    + "for \(sale.least) or more\(outcome(said))")
        case .cashOutRule(let account, let bet, let atLeast):
            tell("\(number) account \(account) has bet \(bet) sold for \(atLeast)\(outcome(said))")
        case .cashOutStep: tell("\(number) rules to sell are looked at\(outcome(said))")
        case .timerDue: tell("\(number) delays end\(outcome(said))")
        case .settleStep: tell("\(number) settlement goes on\(outcome(said))")
        case .houseRules(let house):
            tell(
                "\(number) operator \(house.actor) sets house rules: commission \(house.commission)"
                    + outcome(said))
        case .suspectStep: tell("\(number) bets are held against references\(outcome(said))")
        case .result(let market, let word):
            let words = word.marks.map { SelectionResult(rawValue: $0.result)?.word ?? "?" }
            tell(
                "\(number) result of \(supplier.name(market)) said at \(word.said): "
                    + "\(words.joined(separator: ", "))\(outcome(said))")
        case .startingPrices(let market, let odds, let at):
            let prices = odds.map { $0?.text(as: .decimal) ?? "-" }.joined(separator: " ")
            tell(
                "\(number) \(supplier.name(market)) started at \(prices), said at \(at)"
                    + outcome(said))
        case .earlyPayout(let market, let before, let at):
            tell(
                "\(number) bets on \(supplier.name(market)) are paid early before \(before), said at "
                    + "\(at)" + outcome(said))
        case .cancel(let market, let word):
            tell("\(number) \(Self.words(word)) of \(supplier.name(market))\(outcome(said))")
        case .propose(let proposal):
            let what = proposal.cancel.map { Self.words($0) } ?? "a result"
            let wish =
                proposal.bet.map { "bet \($0.number) \($0.isTakenBack ? "no longer " : "")void" }
                ?? "\(what) of \(supplier.name(proposal.market))"
            tell("\(number) operator \(proposal.actor) proposes \(wish)\(outcome(said))")
        case .approve(let proposal, let actor):
            tell("\(number) operator \(actor) approves \(proposal)\(outcome(said))")
        case .pricing(let market, let word):
            let held = word.held?.map { $0?.text(as: .decimal) ?? "-" }.joined(separator: " ")
            let margin = word.margin == .max ? "" : ", margin \(word.margin)"
            tell(
                "\(number) \(supplier.name(market)) is held at \(held ?? "nonsense")\(margin)"
                    + "\(outcome(said))")
        case .channel(let channel, let isShut, _):
            tell(
                "\(number) channel \(channel) is \(isShut == 1 ? "shut" : "opened")\(outcome(said))"
            )
        case .marketLimits(let market, let word):
            let words = [
                ("stakes", word.maximumStake), ("may lose", word.liabilityLimit),
                ("shut at", word.suspendAt), ("from anybody", word.floor),
                ("move", word.mostMove.map { Int64($0) }),
            ].compactMap { name, value in value.map { "\(name) \($0)" } }
            tell(
                "\(number) \(supplier.name(market)): \(words.joined(separator: ", "))\(outcome(said))"
            )
        case .marketState(let state):
            let owner = MarketOwner(rawValue: state.owner).map { "\($0)" } ?? "nobody"
            let setting = ShutReasons(rawValue: state.setting).words.joined(separator: "+")
            let lifting = ShutReasons(rawValue: state.lifting).words.joined(separator: "+")
            let change = [("sets", setting), ("lifts", lifting)].filter { !$0.1.isEmpty }
                .map { "\($0.0) \($0.1)" }.joined(separator: " and ")
            tell("\(number) the \(owner) \(change) on \(supplier.name(state.id))")
        case .withdrawal(let market, let said):
            tell("\(number) selection \(said.selection) of \(supplier.name(market)) is withdrawn")
        case .fixture(let fixture): tell("\(number) \(supplier.name(fixture.id)) is defined")
        case .fixtureUpdate(let fixture):
            let score =
                fixture.score == Score.unknown
                ? "score unknown" : "\(fixture.score >> 16)-\(fixture.score & 0xffff)"
            let incident = Incident(rawValue: fixture.incident).map { ", \($0.word)" } ?? ""
            tell(
                "\(number) \(supplier.name(fixture.id)): \(score)\(fixture.isInPlay ? ", in play" : "")\(incident)"
            )
        case .market(let market):
            tell("\(number) \(supplier.name(market.id)) with \(market.selections) selections")
        case .price(let market, let word):
            let prices = word.odds.map { $0?.text(as: .decimal) ?? "-" }.joined(separator: " ")
            tell("\(number) prices of \(supplier.name(market)): \(prices)")
        case .forgetIDs: tell("\(number) old ids are let go")
        case .release(let market, _):
            tell("\(number) bets of \(supplier.name(ofMarket: market)) leave\(outcome(said))")
        case .remark: break
        }
    }

    private static func words(_ word: CancelSaid) -> String {
        "\(word.isTakenBack ? "no cancel" : "a cancel") from \(word.from) until \(word.until) "
            + "said at \(word.said)"
    }

    private func refused(_ refusal: UInt16) -> String {
        "; refused, \(OperationRefusal(rawValue: refusal)?.code ?? "\(refusal)")"
    }

    private func outcome(_ said: Testimony) -> String {
        said.outcomes.map { outcome in
            switch outcome {
            case .placed(let placed):
                let word =
                    Refusal(rawValue: placed.refusal)?.code
                    ?? BetStatus(rawValue: placed.status)?.word ?? "?"
                return
                    "; bet \(placed.bet) \(word)\(placed.isRepeat ? " (again)" : ""), cash \(placed.balances.cash)"
            case .cashOutRule(let refusal, _, let atLeast):
                return "; \(Refusal(rawValue: refusal)?.code ?? "\(atLeast)")"
            case .cashOut(let shown):
                let word =
                    Refusal(rawValue: shown.refusal)?.code ?? BetStatus(rawValue: shown.status)?
                    .word ?? "?"
                return
                    "; \(word)\(shown.isRepeat ? " (again)" : ""), pays \(shown.payout), \(shown.stakeLeft) is left"
            case .settled(let settled):
                return
                    "; bet \(settled.bet) pays \(settled.payout) (before \(settled.payoutBefore))"
                    + (settled.bonus | settled.free == 0
                        ? "" : ", of it \(settled.bonus) bonus, and \(settled.free) free")
            case .account(let refusal, let account, let balances):
                return refusal == 0
                    ? "; account \(account), cash \(balances.cash), bonus \(balances.bonus), "
                        + "free \(balances.free)" : refused(refusal)
            case .limit(let shown):
                guard shown.refusal == 0 else { return refused(shown.refusal) }
                let next = shown.nextFrom == 0 ? "" : ", \(shown.next) from \(shown.nextFrom)"
                return "; \(shown.amount)\(next)"
            case .result(let refusal, _, _):
                return refusal == 0 ? "; taken" : refused(refusal)
            case .released(_, let legs, let bets, let isComplete):
                return "; \(legs) legs, \(bets) bets\(isComplete ? ", all" : "")"
            default: return ""
            }
        }.joined()
    }
}
