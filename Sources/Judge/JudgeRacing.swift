import Kernel

/// What legs come to, with what withdrawals take and where runners came in.
extension Judge {
    /// Winnings to stake of a withdrawn runner at which each step of Rule 4 still counts, the longest first; source:
    /// Tattersalls.
    private static let steps: [(winnings: UInt64, stake: UInt64, pence: UInt16)] = [
        (14, 1, 5), (9, 1, 10), (11, 2, 15), (4, 1, 20), (3, 1, 25), (9, 4, 30), (7, 4, 35),
        (6, 4, 40), (6, 5, 45), (20, 21, 50), (4, 5, 55), (8, 13, 60), (8, 15, 65), (2, 5, 70),
        (3, 10, 75), (1, 4, 80), (2, 11, 85), (1, 9, 90),
    ]

    /// Hundredths of a percent that a withdrawal takes from a bet that was asked for by this record.
    func taken(_ withdrawn: Withdrawn?, _ number: Int, asked: UInt64) -> (
        win: UInt16, place: UInt16
    ) {
        guard let withdrawn else { return (0, 0) }
        let rule = markets[number].said.deductions
        var byTable: (win: UInt16, place: UInt16) = (0, 0)
        if let last = withdrawn.last, rule == 1 || rule == 2 {
            byTable = self.byTable(rule, last, withdrawn.runners, asked: asked)
        }
        return (
            withdrawn.win ?? byTable.win, withdrawn.place ?? withdrawn.win ?? byTable.place
        )
    }

    private func table(_ rule: UInt8, asked: UInt64) -> TableSaid? {
        tables.last { $0.said.rule == rule && $0.sequence < asked }?.said
    }

    private func byTable(_ rule: UInt8, _ last: Odds, _ runners: Int, asked: UInt64) -> (
        win: UInt16, place: UInt16
    ) {
        let (winnings, stake) = (
            UInt64(last.numerator) - UInt64(last.denominator), UInt64(last.denominator)
        )
        if let table = table(rule, asked: asked) {
            let fields = table.steps.map { Int($0.runners) }.filter { $0 <= runners }
            let counting = table.steps.filter {
                Int($0.runners) == fields.max()
                    && winnings * UInt64($0.stake) <= UInt64($0.winnings) * stake
            }
            return counting.first.map { ($0.win, $0.place) } ?? (0, 0)
        }
        // The shortest step that the price is not longer than.
        let step = Self.steps.last { winnings * $0.stake <= $0.winnings * stake }
        let pence = rule == 1 ? (step?.pence ?? 0) * 100 : 0
        return (pence, pence)
    }

    mutating func setTable(_ said: TableSaid, _ outcomes: [Outcome]) {
        guard outcomes.count == 1, case .market(let shown) = outcomes[0] else {
            return object("a table without an answer")
        }
        if said.rule != 1 && said.rule != 2 { return expect(shown.refusal, 4, "another table") }
        if said.actor == 0 { return expect(shown.refusal, 17, "nobody's table") }
        if !said.hasReason { return expect(shown.refusal, 12, "a table for nothing") }
        let count = tables.count { $0.said.rule == said.rule }
        if said.expected != 0, Int(said.expected) != count + 1 {
            return expect(shown.refusal, 19, "a table that changed since")
        }
        if said.waivedAlone > 9000 || !said.isInOrder {
            return expect(shown.refusal, 7, "a table out of order")
        }
        let before = table(said.rule, asked: .max)
        var old: [[UInt64]] = before?.steps.map(\.words) ?? []
        if before == nil, said.rule == 1 {
            old = Self.steps.reversed().map { step in
                [0, step.winnings, step.stake, UInt64(step.pence) * 100, UInt64(step.pence) * 100]
            }
        }
        if old == said.steps.map(\.words), said.waivedAlone == before?.waivedAlone ?? 0 {
            return expect(shown.refusal, 11, "a table as it was")
        }
        if tables.count >= 256 { return expect(shown.refusal, 5, "a table once too often") }
        expect(shown.refusal, 0, "a table")
        tables.append((sequence, said))
    }

    /// What is left of 10,000 parts, and whether of the whole price or of the winnings.
    private func left(_ leg: Leg, _ bet: Bet, isPlace: Bool) -> (parts: UInt64, isOfPrice: Bool) {
        let market = markets[leg.market]
        var taken = market.deductions.filter { bet.acceptedAt ?? .max < $0.at }.map { one in
            let taken = self.taken(one, leg.market, asked: bet.asked)
            return UInt64(isPlace ? taken.place : taken.win)
        }
        let waived = table(market.said.deductions, asked: bet.asked)?.waivedAlone ?? 0
        if taken.count(where: { $0 > 0 }) == 1, taken.max()! <= UInt64(waived) { taken = [] }
        switch market.said.deductions {
        case 1, 2:
            return (10_000 - min(9000, taken.reduce(0, +)), market.said.deductions == 2)
        case 3, 4:
            var parts: UInt64 = 10_000
            for one in taken where market.said.deductions == 4 || one >= 250 {
                let product = parts * (10_000 - min(10_000, one))
                parts = product / 10_000 + (product % 10_000 == 0 ? 0 : 1)
            }
            return (max(1, parts), market.said.deductions == 3)
        default: return (10_000, false)
        }
    }

    private func reduced(_ above: UInt64, _ below: UInt64, _ left: (parts: UInt64, isOfPrice: Bool))
        -> Worth
    {
        if left.parts == 10_000 { return .times(above, over: below) }
        // 50 parts of a percent are what is ever taken; a smaller denominator keeps long slips exact.
        let step: UInt64 = left.parts % 50 == 0 ? 50 : 1
        let (parts, whole) = (left.parts / step, 10_000 / step)
        return left.isOfPrice
            ? .times(above * parts, over: below * whole)
            : .times(below * whole + (above - below) * parts, over: below * whole)
    }

    private func half(_ won: Worth) -> Worth {
        guard case .times(let above, let below) = won else { return won }
        return .times(above + below, over: below * 2)
    }

    private func share(_ worth: Worth, _ places: UInt8, _ tied: UInt8) -> Worth {
        if places == 0 { return .lost }
        guard case .times(let above, let below) = worth else { return worth }
        return places >= tied ? worth : .times(above * UInt64(places), over: below * UInt64(tied))
    }

    /// Whether something other than the result says what becomes of a leg: void, waiting, or not run.
    private func beforeResult(_ leg: Leg, _ bet: Bet) -> Worth? {
        if bet.isVoidByHand { return .times(1, over: 1) }
        if let accepted = bet.acceptedAt, isVoid(leg.market, accepted) { return .times(1, over: 1) }
        if isPaidEarly(leg, in: bet) { return nil }
        if waits(leg.market, bet) { return .open }
        let selection = markets[leg.market].selections[leg.selection]
        if selection.mark.result == 0 { return .open }
        if selection.mark.result == 3 {
            return markets[leg.market].said.isAntePost && selection.isWithdrawn
                ? .lost : .times(1, over: 1)
        }
        return nil
    }

    /// What a leg started at, where it gets at least that and it is more than what was taken, less deductions.
    private func guaranteed(_ leg: Leg, _ bet: Bet) -> Odds? {
        let market = markets[leg.market]
        let taken = reduced(
            UInt64(leg.odds.numerator), UInt64(leg.odds.denominator),
            left(leg, bet, isPlace: false))
        guard market.said.isGuaranteed, let start = newest(market.starts)?.odds[leg.selection],
            case .times(let above, let below) = taken
        else { return nil }
        var ours = WideInteger(above)
        var theirs = WideInteger(UInt64(start.numerator))
        _ = ours.multiplyReportingOverflow(by: UInt64(start.denominator))
        _ = theirs.multiplyReportingOverflow(by: below)
        return ours < theirs ? start : nil
    }

    /// What was said last; of two words of one moment the one whose first other price is longer.
    private func newest(_ starts: [(said: Int64, odds: [Odds?])]) -> (said: Int64, odds: [Odds?])? {
        starts.max { one, other in
            if one.said != other.said { return one.said < other.said }
            for (ours, theirs) in zip(one.odds, other.odds) where ours != theirs {
                guard let ours else { return true }
                guard let theirs else { return false }
                return ours < theirs
            }
            return false
        }
    }

    /// What was said last of early payouts; of two words of one moment the one that pays more.
    private func newest(_ early: [(said: Int64, before: [Int64])]) -> [Int64]? {
        early.max {
            $0.said != $1.said
                ? $0.said < $1.said : $0.before.lexicographicallyPrecedes($1.before)
        }?.before
    }

    /// Paid as if it had won: its bet was there before.
    func isPaidEarly(_ leg: Leg, in bet: Bet) -> Bool {
        guard bet.joint == nil, let accepted = bet.acceptedAt,
            let before = newest(markets[leg.market].early)?[leg.selection]
        else { return false }
        return accepted < before
    }

    mutating func payEarly(
        _ id: ExternalID, _ before: [Int64], _ at: Int64, _ outcomes: [Outcome]
    ) {
        guard outcomes.count == 1, case .market(let shown) = outcomes[0] else {
            return object("an early payout without an answer")
        }
        guard let number = marketNumbers[id] else {
            return expect(shown.refusal, 2, "an early payout of no market")
        }
        let market = markets[number]
        guard market.said.paysEarly, before.count == market.selections.count,
            before.allSatisfy({ $0 <= time })
        else {
            return expect(shown.refusal, 4, "an early payout where there is none")
        }
        if market.isReleased {
            return expect(shown.refusal, 18, "an early payout of what has left")
        }
        let word = (said: at > 0 ? at : time, before: before.map { max(0, $0) })
        let nothing = before.map { _ in Int64(0) }
        let known = newest(market.early)
        if market.early.contains(where: {
            $0.said > word.said
                || $0.said == word.said && word.before.lexicographicallyPrecedes($0.before)
        }) {
            return expect(shown.refusal, 20, "an early payout of long ago")
        }
        markets[number].early.append(word)
        if word.before == known ?? nothing {
            return expect(shown.refusal, 11, "an early payout that is no news")
        }
        markets[number].version += 1
        markets[number].settlements += 1
        walk(number)
        compare(shown, number)
    }

    mutating func start(
        _ id: ExternalID, _ odds: [Odds?], _ at: Int64, _ outcomes: [Outcome]
    ) {
        guard outcomes.count == 1, case .market(let shown) = outcomes[0] else {
            return object("starting prices without an answer")
        }
        guard let number = marketNumbers[id] else {
            return expect(shown.refusal, 2, "starting prices of no market")
        }
        guard odds.count == markets[number].selections.count, !markets[number].said.paysEarly else {
            return expect(shown.refusal, 4, "starting prices of other selections")
        }
        if markets[number].isReleased {
            return expect(shown.refusal, 18, "starting prices of what has left")
        }
        let word = (said: at > 0 ? at : time, odds: odds)
        let nothing: [Odds?] = odds.map { _ in nil }
        let before = newest(markets[number].starts)
        let known = newest(markets[number].starts + [word])
        guard known?.said == word.said, known?.odds == word.odds else {
            return expect(shown.refusal, 20, "starting prices of long ago")
        }
        markets[number].starts.append(word)
        if word.odds == before?.odds ?? nothing {
            return expect(shown.refusal, 11, "starting prices that are no news")
        }
        markets[number].version += 1
        if markets[number].said.isGuaranteed || markets[number].said.takesAtStart {
            if markets[number].said.takesAtStart { change(market: number) }
            markets[number].settlements += 1
            walk(number)
        }
        compare(shown, number)
    }

    /// What a leg comes to when it wins, with what was taken from its price, or its starting price.
    func worthIfWon(_ leg: Leg, _ bet: Bet) -> Worth {
        if leg.isAtStart { return start(of: leg).map { .price($0) } ?? .open }
        if let start = guaranteed(leg, bet) { return .price(start) }
        return reduced(
            UInt64(leg.odds.numerator), UInt64(leg.odds.denominator),
            left(leg, bet, isPlace: false))
    }

    /// What its selection started at, where that was said.
    private func start(of leg: Leg) -> Odds? {
        newest(markets[leg.market].starts)?.odds[leg.selection]
    }

    /// Its stake goes back by itself.
    func isVoid(_ leg: Leg, in bet: Bet) -> Bool {
        if bet.isVoidByHand { return true }
        if let accepted = bet.acceptedAt, isVoid(leg.market, accepted) { return true }
        if isPaidEarly(leg, in: bet) { return false }
        return markets[leg.market].selections[leg.selection].mark.result == 3
            && beforeResult(leg, bet) == .times(1, over: 1)
    }

    /// `isAtOne`: as if its price were 1.
    func worth(of leg: Leg, in bet: Bet, isAtOne: Bool = false) -> Worth {
        if let worth = beforeResult(leg, bet) { return worth }
        let mark = markets[leg.market].selections[leg.selection].mark
        let won = isAtOne ? .times(1, over: 1) : worthIfWon(leg, bet)
        if isPaidEarly(leg, in: bet) { return won }
        return switch mark.result {
        case 1: won
        case 2: .lost
        case 4: half(won)
        case 5: .times(1, over: 2)
        case 6: share(won, mark.winners, mark.tied)
        default: .open
        }
    }

    func placeWorth(of leg: Leg, in bet: Bet, isAtOne: Bool = false) -> Worth {
        if let worth = beforeResult(leg, bet) { return worth }
        let market = markets[leg.market]
        let mark = market.selections[leg.selection].mark
        guard let terms = market.said.isAtTheOff ? market.places : leg.places else { return .open }
        var position = Int(mark.position)
        var tied = Int(max(1, mark.tied))
        // Who has won came in first, whether that is said or not.
        if position == 0, mark.result == 1 { (position, tied) = (1, 1) }
        if position == 0, mark.result == 6 { position = 1 }
        if position == 0 { return .open }
        let paid = (position..<position + tied).count { $0 <= Int(terms.places) }
        var placed = worthIfPlaced(leg.odds, terms, left(leg, bet, isPlace: true))
        if leg.isAtStart {
            placed = start(of: leg).map { worthIfPlaced($0, terms) } ?? .open
        } else if let start = guaranteed(leg, bet) {
            placed = worthIfPlaced(start, terms)
        }
        if isAtOne { placed = .times(1, over: 1) }
        return share(placed, UInt8(paid), UInt8(tied))
    }

    /// What a placed runner pays.
    func worthIfPlaced(
        _ odds: Odds, _ terms: PlaceTerms,
        _ left: (parts: UInt64, isOfPrice: Bool) = (10_000, false)
    ) -> Worth {
        let below = UInt64(odds.denominator) * UInt64(terms.denominator)
        let winnings = UInt64(odds.numerator - odds.denominator) * UInt64(terms.numerator)
        return reduced(below + winnings, below, left)
    }
}
