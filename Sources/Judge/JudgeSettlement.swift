import Kernel

/// What settlements must pay, and what must hold of all books when nothing is left to do.
extension Judge {
    // MARK: What leaves

    /// Nothing may leave that could still be decided, be corrected, be asked for, or is nowhere else yet.
    mutating func release(_ market: UInt64, _ projected: UInt64, _ outcomes: [Outcome]) {
        guard case .released(let shown, let legs, let bets, let isComplete)? = outcomes.first else {
            return
        }
        guard market < UInt64(markets.count), shown == market else {
            return object("bets of no market leave")
        }
        let number = Int(market)
        if !markets[number].isResulted, !isCancelledWhole(number) {
            object("bets of a market without result leave")
        }
        if time < markets[number].resultedAt + rules.correctionWindow * 1_000_000 {
            object("bets leave before corrections end")
        }
        if markets[number].isEmpty { object("bets leave a market that has none") }
        var gone: UInt32 = 0
        for _ in 0..<legs {
            let place = markets[number].bets.count - 1 - markets[number].left
            guard place >= 0 else { return object("more bets leave than there were") }
            let id = markets[number].bets[place]
            markets[number].left += 1
            guard var bet = self.bets[id] else { return object("a bet leaves that never was") }
            if bet.isStanding { object("bet \(id) leaves while it stands") }
            if known.values.contains(where: { $0.sequence == id }) {
                object("bet \(id) leaves while its id is known")
            }
            for leg in bet.legs.indices where bet.legs[leg].market == number {
                bet.legs[leg].hasLeft = true
            }
            if bet.legs.allSatisfy(\.hasLeft) {
                gone += 1
                if bet.settledBy >= projected { object("bet \(id) leaves and is nowhere else") }
            }
            self.bets[id] = bet
        }
        if gone != bets { object("\(bets) bets leave, \(gone) should") }
        markets[number].isReleased = isComplete || legs > 0 || markets[number].isReleased
        markets[number].isEmpty = isComplete
        if isComplete != (markets[number].left == markets[number].bets.count) {
            object("a market says wrongly that all its bets have left")
        }
    }

    // MARK: Settlement

    /// The same at a price of 1.
    private func onesOf(_ bet: Bet, _ joint: Odds) -> Worth {
        let worth = worth(ofAll: bet.legs, at: joint, in: bet)
        if case .times = worth { return .times(1, over: 1) }
        return worth
    }

    /// What all legs come to that have one price.
    private func worth(ofAll legs: [Leg], at joint: Odds, in bet: Bet) -> Worth {
        let worths = legs.map { worth(of: $0, in: bet) }
        if worths.contains(.lost) { return .lost }
        if worths.contains(.open) { return .open }
        let haveWon = legs.allSatisfy {
            !isVoid($0, in: bet) && markets[$0.market].selections[$0.selection].mark.result == 1
        }
        return haveWon ? .price(joint) : .times(1, over: 1)
    }

    private func product(of bet: Bet, _ number: UInt64) -> Product {
        if let joint = bet.joint {
            let product = Product(
                stake: bet.stake, lines: [[0]], [worth(ofAll: bet.legs, at: joint, in: bet)],
                free: bet.free, atOne: ([onesOf(bet, joint)], []))
            return settled(product, bet, number)
        }
        let product = Product(
            stake: bet.stake, lines: bet.lines, bet.legs.map { worth(of: $0, in: bet) },
            places: bet.placed == nil ? nil : bet.legs.map { placeWorth(of: $0, in: bet) },
            free: bet.free,
            atOne: (
                bet.legs.map { worth(of: $0, in: bet, isAtOne: true) },
                bet.placed == nil ? [] : bet.legs.map { placeWorth(of: $0, in: bet, isAtOne: true) }
            ))
        return settled(product, bet, number)
    }

    /// Of the payout what is bonus money again: what it comes to by itself, no more than it was. And the free stake of
    /// the lines whose legs are all void.
    private func returned(of bet: Bet, payout: Int64) -> (bonus: Int64, free: Int64) {
        guard bet.isPromotional else { return (0, 0) }
        let all = bet.joint.map { worth(ofAll: bet.legs, at: $0, in: bet) }
        var share =
            all.map { Product(stake: bet.stake, lines: [[0]], [$0]) }
            ?? Product(
                stake: bet.stake, lines: bet.lines, bet.legs.map { worth(of: $0, in: bet) },
                places: bet.placed == nil ? nil : bet.legs.map { placeWorth(of: $0, in: bet) })
        _ = share.numerator.multiplyReportingOverflow(by: UInt64(bet.bonus))
        _ = share.denominator.multiplyReportingOverflow(by: UInt64(bet.stake))
        let void =
            all.map { $0 == .times(1, over: 1) ? 1 : 0 }
            ?? bet.lines.count { line in line.allSatisfy { isVoid(bet.legs[$0], in: bet) } }
        return (
            min(payout, bet.bonus, floor(share)), bet.free / Int64(bet.lines.count) * Int64(void)
        )
    }

    /// Whether a payout is what it comes to; never more than the cell's cap.
    private func isPaid(_ product: Product, _ payout: Int64) -> Bool {
        let cap = cell.payoutCap
        if product.isAbove(cap) || product.rounds(to: cap + 1, cell.rounding) {
            return payout == cap
        }
        return product.rounds(to: payout, cell.rounding)
    }

    /// `isByHand`: two people say so of one bet, and it is told though it comes to the same.
    mutating func settle(_ settled: Settled, isByHand: Bool = false) {
        guard let bet = bets[settled.bet], bet.status == 2 || bet.status == 4 else {
            return object("bet \(settled.bet) is settled, but it does not stand")
        }
        let product = product(of: bet, settled.bet)
        let number = Int(bet.account)
        if settled.payoutBefore != bet.payout {
            object("bet \(settled.bet) was paid otherwise")
        }
        if settled.version != bet.version + 1 { object("bet \(settled.bet): version skipped") }
        bets[settled.bet]?.version += 1
        bets[settled.bet]?.settledBy = sequence
        if product.isOpen {
            if bet.status == 2 || settled.entry != 7 || settled.status != 2
                || settled.payout != 0
            {
                object("bet \(settled.bet) has an undecided leg and is settled")
            }
            accounts[number].balances.openBets += bet.paid
            move(-bet.payout, bonus: -bet.bonusBack, number)
            house += bet.payout - bet.paid
            accounts[number].paid.append((time, -bet.payout))
            giveBack(0, 0, settled)
            bets[settled.bet]?.status = 2
            bets[settled.bet]?.payout = 0
            markDecided(settled.bet)
        } else {
            if !isPaid(product, settled.payout) || settled.status != 4 {
                object("bet \(settled.bet) is not worth \(settled.payout)")
            }
            if settled.entry != (bet.status == 2 ? 5 : 6) { object("another entry") }
            let (bonus, free) = returned(of: bet, payout: settled.payout)
            accounts[number].paid.append(
                (time, settled.payout - (bet.status == 2 ? 0 : bet.payout)))
            if bet.status == 2 {
                accounts[number].balances.openBets -= bet.paid
                move(settled.payout, bonus: bonus, number)
                house += bet.paid - settled.payout
            } else {
                let isOther =
                    settled.payout != bet.payout || bonus != bet.bonusBack
                    || free != bet.freeBack
                if !isOther, !isByHand { object("a settlement changes nothing") }
                move(
                    settled.payout - bet.payout, bonus: bonus - bet.bonusBack, number)
                house += bet.payout - settled.payout
            }
            giveBack(bonus, free, settled)
            bets[settled.bet]?.status = 4
            saleRules[settled.bet] = nil
            bets[settled.bet]?.payout = settled.payout
        }
        compare(settled.balances, number)
    }

    /// The customer gets so much, or gives it back; `bonus` of it is bonus money, and what of that is spent is cash.
    private mutating func move(_ amount: Int64, bonus: Int64, _ number: Int) {
        let there = accounts[number].balances.bonus
        let moved = bonus < -there ? -there : bonus
        accounts[number].balances.bonus += moved
        if amount >= moved { pay(amount - moved, number) } else { takeBack(moved - amount, number) }
    }

    /// A bet's bonus money and free stake as they come back now; a free stake that was staked elsewhere stays given.
    private mutating func giveBack(_ bonus: Int64, _ free: Int64, _ settled: Settled) {
        guard let bet = bets[settled.bet], bet.isPromotional else { return }
        let number = Int(bet.account)
        let there = accounts[number].balances.free
        let more = free - bet.freeBack < -there ? -there : free - bet.freeBack
        accounts[number].balances.free += more
        bets[settled.bet]?.bonusBack = bonus
        bets[settled.bet]?.freeBack += more
        if settled.bonus != bonus { object("bet \(settled.bet) gives \(bonus) bonus money back") }
        if settled.free != bet.freeBack + more {
            object("bet \(settled.bet) has given \(bet.freeBack + more) of its free stake back")
        }
    }

    /// What is owed is paid first.
    mutating func pay(_ amount: Int64, _ number: Int) {
        let toDebt = min(amount, accounts[number].balances.receivable)
        accounts[number].balances.receivable -= toDebt
        accounts[number].balances.cash += amount - toDebt
    }

    /// What is no longer there becomes owed.
    private mutating func takeBack(_ amount: Int64, _ number: Int) {
        let taken = min(amount, accounts[number].balances.cash)
        accounts[number].balances.cash -= taken
        accounts[number].balances.receivable += amount - taken
    }

    // MARK: When nothing is left to do

    /// What must hold whenever nothing is due: every bet stands where its legs say. O(bets).
    public mutating func checkQuiet() {
        for (number, bet) in bets.sorted(by: { $0.key < $1.key }) {
            if bet.status == 2 || bet.status == 4 { checkStanding(number) }
        }
        for number in forgottenRules() {
            object("bet \(number) is worth what it was to be sold for, and stands")
        }
        checkBooks()
    }

    /// That a bet which is open or settled is so by its legs, and was paid what they come to.
    mutating func checkStanding(_ number: UInt64) {
        guard let bet = bets[number] else { return }
        let product = product(of: bet, number)
        if product.isOpen != (bet.status == 2) {
            object("bet \(number) stands where its legs do not")
        }
        guard bet.status == 4 else { return }
        if !isPaid(product, bet.payout) {
            object("bet \(number) was paid \(bet.payout)")
        }
        let (bonus, free) = returned(of: bet, payout: bet.payout)
        if bonus != bet.bonusBack || free > bet.freeBack {
            object("bet \(number) did not give back what was staked")
        }
    }

    /// The books, added up from nothing. O(bets).
    public mutating func checkBooks() {
        var held: [UInt64: Int64] = [:]
        var open: [UInt64: Int64] = [:]
        for bet in bets.values {
            if bet.status == 1 { held[bet.account, default: 0] += bet.paid }
            if bet.status == 2 { open[bet.account, default: 0] += bet.paid }
        }
        var customers: Int64 = 0
        var deposited: Int64 = 0
        for (number, account) in accounts.enumerated() {
            let balances = account.balances
            if balances.held != held[UInt64(number)] ?? 0 { object("account \(number): held") }
            if balances.openBets != open[UInt64(number)] ?? 0 { object("account \(number): open") }
            customers +=
                balances.cash + balances.bonus + balances.held + balances.openBets
                - balances.receivable
            deposited += account.deposited
        }
        if customers + house != deposited { object("the books do not balance") }
    }

    /// Totals to hold against the engine's: what customers have, what the house has won, and what it has given.
    public var totals: (customers: Balances, house: Int64, granted: Int64) {
        var sum = Balances()
        for account in accounts {
            sum.cash += account.balances.cash
            sum.bonus += account.balances.bonus
            sum.free += account.balances.free
            sum.held += account.balances.held
            sum.openBets += account.balances.openBets
            sum.receivable += account.balances.receivable
        }
        return (sum, house, granted)
    }

    /// Bets and cash-outs that still wait for their delay.
    public var pendingCount: Int { pending.count + sales.count }
}
