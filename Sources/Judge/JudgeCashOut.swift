import Kernel

/// Bets that are sold back: what each is worth is looked up and multiplied out anew, whoever asks.
extension Judge {
    private enum Word {
        static let accountUnknown: UInt16 = 1
        static let idReused: UInt16 = 2
        static let suspended: UInt16 = 22
        static let noPrice: UInt16 = 23
        static let manyWait: UInt16 = 45
        static let timersFull: UInt16 = 47
        static let idsFull: UInt16 = 48
        static let changedDuringDelay: UInt16 = 61
        static let interrupted: UInt16 = 62
        static let betUnknown: UInt16 = 80
        static let betNotOpen: UInt16 = 81
        static let waits: UInt16 = 82
        static let noPart: UInt16 = 83
        static let notOffered: UInt16 = 84
        static let changed: UInt16 = 85
    }

    /// A cash-out that waits for its delay.
    struct Sale {
        var bet: UInt64
        var account: UInt64
        var least: Int64
        var part: Int64
        var dueAt: Int64
        /// Nil of one by rule.
        var key: Key?
        /// Something happened to one of the bet's markets since.
        var isDisturbed = false
    }

    /// What a part of a bet can be sold for, or why it cannot be.
    private struct Verdict {
        var word: UInt16 = 0
        var leg: UInt32 = .max
        var part: Int64 = 0
        var payout: Int64 = 0
        /// Milliseconds.
        var delay: UInt32 = 0

        static func refused(_ word: UInt16, _ leg: Int? = nil) -> Verdict {
            Verdict(word: word, leg: leg.map(UInt32.init) ?? .max)
        }
    }

    // MARK: What is asked

    mutating func cashOut(_ said: CashOutSaid, _ outcomes: [Outcome]) {
        guard case .cashOut(let shown)? = outcomes.first else {
            return object("a cash-out is not answered")
        }
        var rest = outcomes.dropFirst()
        defer {
            let isSold = !shown.isRepeat && shown.refusal == 0 && shown.status == 5
            if isSold { expectShut(by: shown.bet, &rest) }
            if !rest.isEmpty { object("more comes of a cash-out than it does") }
        }
        guard said.account < UInt64(accounts.count) else {
            return expect(shown.refusal, Word.accountUnknown, "a cash-out of nobody")
        }
        let number = Int(said.account)
        defer { compare(shown.balances, number) }
        let key = Key(account: said.account, id: said.id)
        if let known = known[key] { return again(said, known, shown) }
        if shown.isRepeat { return object("a new cash-out is called a repeat") }
        var verdict = verdict(on: said, number)
        if verdict.word == 0, shown.refusal == Word.idsFull || shown.refusal == Word.timersFull {
            return
        }
        if shown.refusal != verdict.word {
            return object("the cash-out should get \(verdict.word), not \(shown.refusal)")
        }
        if verdict.word == 0, verdict.delay > 0 { verdict.payout = 0 }
        let isKept = verdict.word < 3 || verdict.word > 6
        if isKept {
            remember(
                key,
                Known(
                    hash: said.hash, sequence: sequence, validUntil: said.validUntil, isBet: false,
                    refusal: verdict.word, leg: verdict.leg, sold: verdict.payout))
        }
        guard verdict.word == 0 else {
            if shown.leg != verdict.leg { object("leg \(shown.leg) of a cash-out is blamed") }
            return
        }
        if shown.part != verdict.part {
            object("\(shown.part) of a bet is sold, not what was asked")
        }
        take(verdict, said.bet, said.account, least: said.least, key, shown)
    }

    /// Sold at once, or when it has waited.
    private mutating func take(
        _ verdict: Verdict, _ bet: UInt64, _ account: UInt64, least: Int64, _ key: Key?,
        _ shown: CashOutShown
    ) {
        guard verdict.delay > 0 else { return sell(bet, verdict, shown) }
        let dueAt = time + Int64(verdict.delay) * 1_000_000
        if shown.status != 1 || shown.dueAt != dueAt { object("a cash-out waits otherwise") }
        sales[bet] = Sale(
            bet: bet, account: account, least: least, part: verdict.part, dueAt: dueAt, key: key)
    }

    // MARK: By rule

    mutating func setRule(_ account: UInt64, _ id: UInt64, _ atLeast: Int64, _ outcomes: [Outcome])
    {
        guard outcomes.count == 1, case .cashOutRule(let refusal, _, let shown) = outcomes[0] else {
            return object("a rule to sell has \(outcomes.count) outcomes")
        }
        guard let bet = bets[id], bet.account == account, !hasLeft(bet) else {
            return expect(refusal, Word.betUnknown, "a rule to sell nobody's bet")
        }
        guard bet.status == 2 else {
            return expect(refusal, Word.betNotOpen, "a rule to sell what is not open")
        }
        if atLeast == 0 {
            saleRules[id] = nil
        } else if bet.placed != nil || bet.isPromotional || bet.joint != nil
            || bet.legs.contains(where: \.isAtStart)
            || bet.legs.count > Limits.cashOutLegs
            || atLeast < 0
            || atLeast > Limits.potentialReturn
        {
            expect(refusal, Word.notOffered, "a rule to sell what is never sold")
        } else {
            if refusal == Word.timersFull, saleRules[id] == nil { return }
            saleRules[id] = atLeast
        }
        if shown != saleRules[id] ?? 0 { object("bet \(id) is to be sold for \(shown)") }
    }

    /// What is carried out must be there to be carried out.
    mutating func sellByRule(_ outcomes: [Outcome]) {
        var rest = outcomes[...]
        while let outcome = rest.popFirst() {
            guard case .cashOut(let shown) = outcome, let bet = bets[shown.bet] else {
                object("a rule sells nothing")
                continue
            }
            let verdict = verdict(byRule: shown.bet, bet.account)
            guard let verdict else {
                object("bet \(shown.bet) is sold by a rule that does not say so")
                continue
            }
            if shown.part != verdict.part { object("a rule sells a part of bet \(shown.bet)") }
            take(
                verdict, shown.bet, bet.account, least: saleRules[shown.bet] ?? 0, nil, shown)
            compare(shown.balances, Int(bet.account))
            if shown.status == 5 { expectShut(by: shown.bet, &rest) }
        }
    }

    /// What a rule is to be carried out with now; nil while it is not.
    private func verdict(byRule id: UInt64, _ account: UInt64) -> Verdict? {
        guard let atLeast = saleRules[id], sales[id] == nil else { return nil }
        let verdict = worth(of: id, part: 0, account: account)
        guard verdict.word == 0, verdict.payout >= atLeast else { return nil }
        if verdict.delay > 0, waitingCount(Int(account)) >= rules.pendingPerAccount { return nil }
        return verdict
    }

    /// When nothing is left to do: what can be sold by rule was. Where there is no room to wait it could not be.
    func forgottenRules() -> [UInt64] {
        saleRules.keys.filter { id in
            guard let bet = bets[id], bet.status == 2 else { return false }
            return verdict(byRule: id, bet.account).map { $0.delay == 0 } ?? false
        }.sorted()
    }

    private mutating func again(_ said: CashOutSaid, _ known: Known, _ shown: CashOutShown) {
        guard known.hash == said.hash else {
            return expect(shown.refusal, Word.idReused, "another cash-out under an old id")
        }
        if !shown.isRepeat { object("a repeated cash-out is decided again") }
        expect(shown.refusal, known.refusal, "a repeated cash-out")
        let status: UInt8 = known.refusal != 0 ? 3 : known.sold == 0 ? 1 : 5
        if shown.status != status { object("a repeated cash-out says \(shown.status)") }
        if status == 5, shown.payout != known.sold { object("a repeated cash-out pays otherwise") }
    }

    private func verdict(on said: CashOutSaid, _ number: Int) -> Verdict {
        if let word = refusalByTime(said.id, validUntil: said.validUntil, said.account) {
            return .refused(word)
        }
        let verdict = worth(of: said.bet, part: said.part, account: said.account)
        if verdict.word != 0 { return verdict }
        if sales[said.bet] != nil { return .refused(Word.waits) }
        if verdict.payout < said.least { return .refused(Word.changed) }
        if verdict.delay > 0, waitingCount(number) >= rules.pendingPerAccount {
            return .refused(Word.manyWait)
        }
        return verdict
    }

    /// Bets and cash-outs of an account that wait for their delay.
    func waitingCount(_ number: Int) -> Int {
        accounts[number].bets.count { bets[$0]?.status == 1 }
            + sales.values.count { $0.account == UInt64(number) }
    }

    // MARK: What it is worth

    private func worth(of id: UInt64, part: Int64, account: UInt64) -> Verdict {
        guard let bet = bets[id], bet.account == account, !hasLeft(bet) else {
            return .refused(Word.betUnknown)
        }
        if bet.status != 2 { return .refused(Word.betNotOpen) }
        let sold = part == 0 ? bet.stake : part
        let parts = Int64(bet.lines.count * (bet.placed == nil ? 1 : 2))
        if sold <= 0 || sold > bet.stake || sold % parts != 0 { return .refused(Word.noPart) }
        if bet.placed != nil || bet.isPromotional || bet.joint != nil
            || bet.legs.contains(where: \.isAtStart)
            || bet.legs.count > Limits.cashOutLegs
        {
            return .refused(Word.notOffered)
        }
        var factors: [Worth] = []
        var open: [Leg] = []
        for (index, leg) in bet.legs.enumerated() {
            let decided = worth(of: leg, in: bet)
            guard decided == .open else {
                factors.append(decided)
                continue
            }
            open.append(leg)
            let market = markets[leg.market]
            if market.reasons != 0 { return .refused(Word.suspended, index) }
            if market.selections[leg.selection].odds == nil { return .refused(Word.noPrice, index) }
            guard market.said.isCashedOut, let expected = expected(of: leg, in: bet) else {
                return .refused(Word.notOffered, index)
            }
            factors.append(expected)
        }
        if open.isEmpty { return .refused(Word.betNotOpen) }
        var product = Product(stake: sold, lines: bet.lines, factors)
        let kept = min(5000, rules.cashOutMargin + UInt64(open.count - 1) * rules.cashOutLegMargin)
        _ = product.numerator.multiplyReportingOverflow(by: 10_000 - kept)
        _ = product.denominator.multiplyReportingOverflow(by: 10_000)
        let payout = floor(product)
        if payout == 0 { return .refused(Word.notOffered) }
        return Verdict(
            part: sold, payout: payout, delay: delay(of: open, Int(account)))
    }

    private func hasLeft(_ bet: Bet) -> Bool { bet.legs.allSatisfy(\.hasLeft) }

    private func expected(of leg: Leg, in bet: Bet) -> Worth? {
        guard let chance = chance(leg.market, leg.selection),
            case .times(let above, let below) = worthIfWon(leg, bet)
        else { return nil }
        let paid = above * UInt64(chance.win) + below * UInt64(chance.back)
        return paid == 0 ? .lost : .times(paid, over: below * 1_000_000_000)
    }

    /// As was said, or by what each reference, or price, says of the others.
    private func chance(_ number: Int, _ place: Int) -> Chance? {
        let market = markets[number]
        if let said = market.selections[place].chance { return said }
        if market.said.mayPush { return nil }
        let lengths = market.selections.map { selection -> UInt64 in
            if selection.isWithdrawn { return 0 }
            return UInt64(
                selection.reference > 0 ? selection.reference : selection.odds?.thousandths ?? 0)
        }
        return share(lengths, place, winners: market.winners)
    }

    /// What the lengths of all, in thousandths, say of the one at `place`; those of 0 take no part.
    func share(_ lengths: [UInt64], _ place: Int, winners: Int) -> Chance? {
        let inverses = lengths.map { $0 == 0 ? 0 : 1_000_000_000_000_000 / $0 }
        let count = inverses.count { $0 > 0 }
        guard inverses[place] > 0, count > winners else { return nil }
        // The least number of parts that is not below the share.
        var wanted = WideInteger(inverses[place])
        _ = wanted.multiplyReportingOverflow(by: UInt64(max(1, winners)))
        _ = wanted.multiplyReportingOverflow(by: 1_000_000_000)
        // Alone each counts by itself, against a certainty.
        let sum = winners == 0 ? 1_000_000_000_000 : inverses.reduce(0, +)
        var (low, high): (UInt64, UInt64) = (0, 1_000_000_000)
        while low < high {
            let middle = (low + high) / 2
            var reached = WideInteger(sum)
            _ = reached.multiplyReportingOverflow(by: middle)
            if reached < wanted { low = middle + 1 } else { high = middle }
        }
        return Chance(win: UInt32(low))
    }

    private func delay(of legs: [Leg], _ number: Int) -> UInt32 {
        let inPlay = legs.filter { fixtures[markets[$0.market].fixture].said.isInPlay }
        guard !inPlay.isEmpty else { return 0 }
        let base = inPlay.map { markets[$0.market].betDelay }.max()!
        let selection = inPlay.map { markets[$0.market].selections[$0.selection].delay }.max()!
        let sum = UInt64(base) + UInt64(selection) + UInt64(accounts[number].delay)
        return UInt32(min(sum, UInt64(max(base, rules.betDelay))))
    }

    // MARK: What comes of it

    private mutating func sell(_ id: UInt64, _ verdict: Verdict, _ shown: CashOutShown) {
        guard var bet = bets[id] else { return object("no bet is sold") }
        let number = Int(bet.account)
        if shown.status != 5 || shown.payout != verdict.payout {
            object("bet \(id) is sold for \(shown.payout), it is worth \(verdict.payout)")
        }
        accounts[number].balances.openBets -= verdict.part
        pay(verdict.payout, number)
        accounts[number].paid.append((time, verdict.payout))
        house += verdict.part - verdict.payout
        if verdict.part == bet.stake {
            bet.status = 5
            saleRules[id] = nil
            bet.payout = verdict.payout
            bet.settledBy = sequence
        } else {
            bet.stake -= verdict.part
            bet.soldStake += verdict.part
            bet.soldFor += verdict.payout
            let prices = bet.legs.map { Worth.price($0.odds) }
            let product = promised(Product(stake: bet.stake, lines: bet.lines, prices), bet, id)
            if !product.rounds(to: shown.potentialReturn, cell.rounding) {
                object("what is left of bet \(id) does not return \(shown.potentialReturn)")
            }
            bet.potentialReturn = shown.potentialReturn
        }
        if shown.stakeLeft != (bet.status == 5 ? 0 : bet.stake) {
            object("\(shown.stakeLeft) is left of bet \(id)")
        }
        bets[id] = bet
    }

    /// A delay has passed.
    mutating func concludeSale(_ shown: CashOutShown) {
        guard let sale = sales.removeValue(forKey: shown.bet) else {
            return object("a cash-out of bet \(shown.bet) ends that did not wait")
        }
        if sale.dueAt > time { object("a cash-out of bet \(shown.bet) ends before its time") }
        let number = Int(sale.account)
        defer { compare(shown.balances, number) }
        let verdict = afterDelay(sale)
        if shown.refusal != verdict.word {
            return object("a cash-out should end with \(verdict.word), not \(shown.refusal)")
        }
        if verdict.word != 0 {
            if let key = sale.key { known[key]?.refusal = verdict.word }
            if shown.status != 3 { object("a cash-out that falls says \(shown.status)") }
        } else {
            if let key = sale.key { known[key]?.sold = verdict.payout }
            sell(shown.bet, verdict, shown)
        }
    }

    private func afterDelay(_ sale: Sale) -> Verdict {
        if sale.dueAt <= recoveredAt { return .refused(Word.interrupted) }
        if let bet = bets[sale.bet], hasLeft(bet) { return .refused(Word.betNotOpen) }
        if sale.isDisturbed { return .refused(Word.changedDuringDelay) }
        let verdict = worth(of: sale.bet, part: sale.part, account: sale.account)
        if verdict.word != 0 { return verdict }
        return verdict.payout < sale.least ? .refused(Word.changed) : verdict
    }
}
