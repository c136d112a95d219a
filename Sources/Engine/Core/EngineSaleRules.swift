import Betting
import Kernel

/// Bets that are sold back by themselves, as soon as they are worth what their customers said.
extension Engine {
    /// A rule lasts until its bet is sold or settled; the newest word on it holds.
    mutating func setCashOutRule(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        let bet = command.field(Layout.CashOutRule.bet, as: UInt64.self)
        let atLeast = command.field(Layout.CashOutRule.atLeast, as: Int64.self)
        guard let account = accounts.account(command.account), let number = accounts.bet(bet),
            accounts.bets[number].account == account
        else { return answer(command, rule: nil, of: bet, .betUnknown, &outcomes) }
        let row = accounts.bets[number]
        guard row.status == BetStatus.open.rawValue else {
            return answer(command, rule: nil, of: bet, .betNotOpen, &outcomes)
        }
        let known = accounts.sales.rule(of: bet)
        guard atLeast != 0 else {
            accounts.removeRule(of: bet)
            return answer(command, rule: nil, of: bet, nil, &outcomes)
        }
        guard isEverSold(row), (1...Limits.potentialReturn).contains(atLeast) else {
            return answer(command, rule: known, of: bet, .cashOutNotOffered, &outcomes)
        }
        // How many there may be is this machine's; in replay it is what is stored.
        let isFull = known == nil && accounts.sales.areRulesFull
        let isRefused = stored.isFollowed ? stored.isRuleRefusedForRoom : isFull
        guard !isRefused, !isFull else {
            return answer(command, rule: known, of: bet, .tooManyTimers, &outcomes)
        }
        accounts.setRule(of: number, atLeast: atLeast)
        answer(command, rule: atLeast, of: bet, nil, &outcomes)
    }

    private func answer(
        _ command: RecordBytes, rule atLeast: Int64?, of bet: UInt64, _ refusal: Refusal?,
        _ outcomes: inout RecordWriter
    ) {
        let record = outcomes.append(
            .cashOutRuleChanged, body: Layout.CashOutRuleChanged.size, after: command)
        record.account = command.account
        record.set(Layout.CashOutRuleChanged.bet, bet)
        record.set(Layout.CashOutRuleChanged.refusal, refusal?.rawValue ?? 0)
        record.set(Layout.CashOutRuleChanged.atLeast, atLeast ?? 0)
    }

    /// Looks at a step's worth of rules whose bets may be worth something else than before.
    ///
    /// One that cannot be carried out now stays, and is looked at again when anything changes.
    mutating func sellByRule(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        let first = outcomes.nextSequence
        for _ in 0..<Self.betsPerStep {
            guard accounts.sales.hasDueRules,
                outcomes.nextSequence - first < Self.recordsPerStep
            else { return }
            guard let rule = accounts.sales.popRule() else { continue }
            sell(by: rule, command, &outcomes)
        }
    }
}
