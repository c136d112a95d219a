import Kernel

/// What markets may cost, and the walk over bets that are looked at again.
extension Judge {
    struct Book {
        var staked: Int64 = 0
        var returns: [Int64]
        /// Of place parts, if the selection is placed.
        var placed: [Int64]
        var legs: UInt32 = 0

        mutating func add(_ cost: Cost, on selection: Int) {
            staked += cost.staked
            returns[selection] += cost.won
            placed[selection] += cost.placed
        }
    }

    /// What a bet costs on one leg's market: if the selection wins, if it is placed, and what it brought.
    struct Cost: Equatable {
        var won: Int64 = 0
        var placed: Int64 = 0
        var staked: Int64 = 0
    }

    /// A single costs what it returns. A system costs all that it could win, wherever it stands. What an accumulator
    /// may cost is divided among its open legs as their chances of losing are.
    func costs(
        _ legs: [(odds: Odds, isDecided: Bool)], paid: Int64, returns potential: Int64,
        placed: (struck: Int64, most: Int64)?, isSystem: Bool
    ) -> [Cost] {
        let part = placed == nil ? paid : paid / 2
        let gained = potential - (placed?.struck ?? 0) - part
        let gainedByPlace = placed.map { $0.most - part } ?? 0
        if isSystem { return legs.map { _ in Cost(won: gained, placed: gainedByPlace) } }
        if legs.count == 1 {
            guard !legs[0].isDecided else { return [Cost()] }
            return [Cost(won: gained + part, placed: placed?.most ?? 0, staked: paid)]
        }
        let chances = legs.map { leg -> Int64 in
            guard !leg.isDecided else { return 0 }
            let (above, below) = (Int64(leg.odds.numerator), Int64(leg.odds.denominator))
            return max(1, 1_000_000 * (above - below) / above)
        }
        let all = chances.reduce(0, +)
        return chances.map { chance in
            guard chance > 0 else { return Cost() }
            let brought = part * chance / all
            func raised(_ gain: Int64) -> Int64 { gain > 0 ? (gain * chance - 1) / all + 1 : 0 }
            return Cost(
                won: raised(gained) + brought,
                placed: placed == nil ? 0 : raised(gainedByPlace) + brought,
                staked: placed == nil ? brought : 2 * brought)
        }
    }

    func costs(of bet: Bet) -> [Cost] {
        if let index = bet.legs.firstIndex(where: \.isCarrier) {
            // Nobody else has to win for it any more.
            var costs = bet.legs.map { _ in Cost() }
            let places = (bet.placed?.most ?? 0) - (bet.placed?.struck ?? 0)
            costs[index].staked = bet.paid - bet.potentialReturn - places
            return costs
        }
        return costs(
            bet.legs.map { ($0.odds, $0.isDecided) }, paid: bet.paid, returns: bet.potentialReturn,
            placed: bet.placed, isSystem: bet.isSystem)
    }

    /// Added up from every standing bet.
    func book(_ number: Int) -> Book {
        let nothing = [Int64](repeating: 0, count: markets[number].selections.count)
        var book = Book(returns: nothing, placed: nothing)
        for sequence in markets[number].bets {
            guard let bet = bets[sequence], bet.isStanding else { continue }
            for (leg, cost) in zip(bet.legs, costs(of: bet)) where leg.market == number {
                book.legs += 1
                book.add(cost, on: leg.selection)
            }
        }
        return book
    }

    /// Over every set of selections that can win together.
    func worstLoss(_ number: Int, _ book: Book) -> Int64 {
        var worst: Int64 = 0
        let count = book.returns.count
        // Whoever is paid early is paid beside who wins, and whoever wins alone beside anybody.
        let areAll = markets[number].said.paysEarly || markets[number].winners == 0
        let winners = areAll ? count : markets[number].winners
        let dearest = book.placed.sorted(by: >).prefix(markets[number].mostPlaces).reduce(0, +)
        let staked = book.staked - max(0, dearest)
        if winners == 1 {
            for one in book.returns { worst = max(worst, one - staked) }
            return worst
        }
        for set in 0..<(1 << count) where set.nonzeroBitCount == winners {
            var cost = -staked
            for index in 0..<count where set >> index & 1 == 1 { cost += book.returns[index] }
            worst = max(worst, cost)
        }
        return worst
    }

    // MARK: The walk

    /// All bets of a market are looked at again, the newest first, after those of markets that came before it.
    mutating func walk(_ number: Int) {
        markets[number].cursor = newest(number)
        if !settling.contains(number) { settling.append(number) }
    }

    mutating func settleStep(_ outcomes: [Outcome]) {
        var rest = outcomes[...]
        for _ in 0..<64 {
            guard let number = settling.first, outcomes.count - rest.count < 320 else { break }
            guard markets[number].cursor >= 0 else {
                settling.removeFirst()
                continue
            }
            let bet = markets[number].bets[markets[number].cursor]
            markets[number].cursor -= 1
            lookAgain(at: bet, &rest)
        }
        if !rest.isEmpty { object("more bets are settled than are looked at, or in another order") }
    }

    /// Settles a bet if that is what is told next; else what it may cost moves to its legs that are open.
    private mutating func lookAgain(at bet: UInt64, _ rest: inout ArraySlice<Outcome>) {
        if case .settled(let settled)? = rest.first, settled.bet == bet {
            rest.removeFirst()
            guard settleStanding(settled) else { return }
        } else {
            guard bets[bet]?.status == 2, markDecided(bet) else { return }
        }
        expectShut(by: bet, &rest)
    }

    /// A bet that two people have made void, or no longer: told though it comes to the same.
    mutating func settleByHand(_ outcomes: [Outcome]) {
        var rest = outcomes[...]
        guard case .settled(let settled)? = rest.popFirst() else {
            return object("what two people say of a bet is not told")
        }
        if settleStanding(settled, isByHand: true) { expectShut(by: settled.bet, &rest) }
        if !rest.isEmpty { object("what two people say of a bet is told of it once") }
    }

    /// Whether it stood before, or does now: what it may cost has come off its markets, or onto them.
    private mutating func settleStanding(_ settled: Settled, isByHand: Bool = false) -> Bool {
        let stood = bets[settled.bet]?.status == 2
        settle(settled, isByHand: isByHand)
        return stood || bets[settled.bet]?.status == 2
    }

    mutating func expectShut(by bet: UInt64, _ rest: inout ArraySlice<Outcome>) {
        let shut = shutExposed(by: bet)
        expectShut(shut, Array(rest.prefix(shut.count)))
        rest = rest.dropFirst(shut.count)
    }

    /// Which legs of an accumulator are decided; whether that is otherwise than before.
    @discardableResult
    mutating func markDecided(_ id: UInt64) -> Bool {
        guard let bet = bets[id], !bet.isSystem else { return false }
        var isChanged = false
        var waits: [Int] = []
        for (index, leg) in bet.legs.enumerated() {
            let isOpen =
                worth(of: leg, in: bet) == .open
                || bet.placed != nil && placeWorth(of: leg, in: bet) == .open
            // Whoever does not run keeps no stake for others, whatever becomes of it.
            let isGone = markets[leg.market].selections[leg.selection].isWithdrawn
            if isOpen, isGone { waits.append(index) }
            guard (isOpen && !isGone) == leg.isDecided else { continue }
            bets[id]?.legs[index].isDecided = !isOpen || isGone
            isChanged = true
        }
        let isOver = bets[id]?.legs.allSatisfy(\.isDecided) == true && bet.legs.count > 1
        for index in bet.legs.indices {
            let isCarrier = isOver && index == waits.first
            guard isCarrier != bet.legs[index].isCarrier else { continue }
            bets[id]?.legs[index].isCarrier = isCarrier
            isChanged = true
        }
        return isChanged
    }
}
