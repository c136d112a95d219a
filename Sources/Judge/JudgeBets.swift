import Kernel

/// What a leg does to the stake of a line.
enum Worth: Equatable {
    case open
    case lost
    case times(UInt64, over: UInt64)

    static func price(_ odds: Odds) -> Worth {
        .times(UInt64(odds.numerator), over: UInt64(odds.denominator))
    }

    var below: UInt64 { if case .times(_, let below) = self { below } else { 1 } }
}

/// The lines of a bet, each multiplied through, added up as one fraction; compared by multiplying, never divided.
struct Product {
    var numerator = WideInteger(0)
    var denominator = WideInteger(1)
    /// A line is neither lost nor decided.
    var isOpen = false

    /// Every line has the same share of the stake; all are brought over the denominators of all legs.
    ///
    /// With `places` every line is there twice, with half of the stake: once of what legs win, once of what they
    /// are placed for.
    ///
    /// What is `free` of the stake is not returned: the same lines with it, of legs `atOne`, are taken off.
    init(
        stake: Int64, lines: [[Int]], _ legs: [Worth], places: [Worth]? = nil, free: Int64 = 0,
        atOne: (legs: [Worth], places: [Worth])? = nil
    ) {
        self.init(stake: stake, lines: lines, places.map { [legs, $0] } ?? [legs])
        guard free > 0, let atOne else { return }
        let other = Product(
            stake: free, lines: lines, places == nil ? [atOne.legs] : [atOne.legs, atOne.places])
        var taken = other.numerator
        Self.multiply(&taken, by: denominator)
        Self.multiply(&numerator, by: other.denominator)
        Self.multiply(&denominator, by: other.denominator)
        if numerator < taken { numerator = taken }
        numerator.subtract(taken)
    }

    /// Added up bit by bit.
    private static func multiply(_ value: inout WideInteger, by factor: WideInteger) {
        var sum = WideInteger(0)
        for word in stride(from: WideInteger.words - 1, through: 0, by: -1) {
            for bit in stride(from: 63, through: 0, by: -1) {
                _ = sum.multiplyReportingOverflow(by: 2)
                if factor[word: word] >> UInt64(bit) & 1 == 1 {
                    _ = sum.addReportingOverflow(value)
                }
            }
        }
        value = sum
    }

    private init(stake: Int64, lines: [[Int]], _ parts: [[Worth]]) {
        for leg in parts.joined() {
            _ = denominator.multiplyReportingOverflow(by: leg.below)
        }
        for (part, line) in parts.indices.flatMap({ part in lines.map { (part, $0) } }) {
            var isDecided = true
            var isLost = false
            var value = WideInteger(UInt64(stake / Int64(lines.count * parts.count)))
            for (place, leg) in parts[part].enumerated() {
                let isIn = line.contains(place)
                switch leg {
                case .times(let above, let below):
                    _ = value.multiplyReportingOverflow(by: isIn ? above : below)
                case .lost: isLost = isLost || isIn
                case .open: isDecided = isDecided && !isIn
                }
                // The denominators of the other part.
                for other in parts.indices where other != part {
                    _ = value.multiplyReportingOverflow(by: parts[other][place].below)
                }
            }
            guard !isLost else { continue }
            if isDecided { _ = numerator.addReportingOverflow(value) } else { isOpen = true }
        }
    }

    /// Whether `payout` is what the fraction comes to when it is cut or rounded as `mode` says.
    func rounds(to payout: Int64, _ mode: Rounding) -> Bool {
        guard payout >= 0 else { return false }
        // payout <= n/d < payout + 1, doubled for the half: lower/2 <= n/d < upper/2.
        let (lower, upper): (UInt64, UInt64) =
            switch mode {
            case .down: (2 * UInt64(payout), 2 * UInt64(payout) + 2)
            case .halfUp, .halfEven:
                (payout == 0 ? 0 : 2 * UInt64(payout) - 1, 2 * UInt64(payout) + 1)
            }
        var doubled = numerator
        _ = doubled.multiplyReportingOverflow(by: 2)
        var low = denominator
        _ = low.multiplyReportingOverflow(by: lower)
        var high = denominator
        _ = high.multiplyReportingOverflow(by: upper)
        if mode == .halfEven, payout % 2 == 0 { return !(doubled < low) && !(high < doubled) }
        if mode == .halfEven {
            return low < doubled && doubled < high || (payout == 0 && !(doubled < low))
        }
        return !(doubled < low) && doubled < high
    }

    func isAbove(_ cap: Int64) -> Bool {
        var most = denominator
        _ = most.multiplyReportingOverflow(by: UInt64(cap) + 1)
        return !(numerator < most)
    }
}

extension Judge {
    // MARK: Placing

    mutating func place(_ intent: Intent, _ outcomes: [Outcome]) {
        guard case .placed(let placed)? = outcomes.first else {
            return object("an intent is not answered")
        }
        defer {
            let isNew = !placed.isRepeat && placed.refusal == 0 && placed.status == 2
            expectShut(isNew ? shutExposed(by: placed.bet) : [], Array(outcomes.dropFirst()))
        }
        guard intent.account < UInt64(accounts.count) else {
            return expect(placed.refusal, RefusalWord.accountUnknown, "a bet of nobody")
        }
        let number = Int(intent.account)
        defer { compare(placed.balances, number) }
        if placed.account != intent.account { object("the answer is another account's") }
        if let known = known[Key(account: intent.account, id: intent.id)] {
            return placeAgain(intent, known, placed)
        }
        if placed.isRepeat { return object("a new intent is called a repeat") }
        if placed.bet != sequence { object("the bet's number is not its intent's sequence") }
        let filled = filled(intent, number, said: placed.refusal == 0 ? placed.stake : nil)
        let wanted = refusal(of: filled, number)
        if RefusalWord.full.contains(placed.refusal), wanted == nil { return }
        if placed.refusal != wanted?.word ?? 0 {
            return object(
                "the intent should get \(wanted?.word ?? 0), not \(placed.refusal)")
        }
        if let wanted {
            if placed.offer != offer(for: intent, wanted.word, number, said: placed.offer?.stake) {
                object("the bet is offered \(String(describing: placed.offer)) instead")
            }
            if placed.leg != wanted.leg { object("leg \(placed.leg) is blamed, not \(wanted.leg)") }
            guard !RefusalWord.forgotten.contains(wanted.word) else { return }
            return remember(
                Key(account: intent.account, id: intent.id),
                Known(
                    hash: intent.hash, sequence: sequence, validUntil: intent.validUntil,
                    isBet: false, refusal: wanted.word, leg: wanted.leg,
                    isOffered: placed.offer != nil))
        }
        if placed.stake != filled.stake {
            object("a stake of \(filled.stake) should be taken, not \(placed.stake)")
        }
        if placed.asked != (filled.stake == intent.stake ? nil : intent.stake) {
            object("the answer says otherwise what was asked for")
        }
        if placed.location != (intent.mustBeLocated ? accounts[number].location?.record : nil) {
            object("the bet names another decision of where its customer is")
        }
        take(filled, placed, number)
    }

    /// What it could be taken at: any price, and as much of its stake as may be; nil where nothing is otherwise then.
    private func offer(
        for intent: Intent, _ word: UInt16, _ number: Int, said: Int64?
    ) -> OfferShown? {
        guard RefusalWord.offered.contains(word), intent.bonus == 0, intent.free == 0,
            !intent.isSameGame,
            !intent.legs.contains(where: \.isAtStart)
        else { return nil }
        var other = intent
        other.rule = 3
        other.tolerance = .max
        other.fill = 1
        other = filled(other, number, said: said, isOffer: true)
        if other.stake < max(1, cell.minimumStake) { return nil }
        if refusal(of: other, number, isOffer: true) != nil { return nil }
        let odds = intent.legs.compactMap {
            markets[Int($0.market)].selections[Int($0.selection)].odds
        }
        guard other.stake != intent.stake || odds != intent.legs.map(\.odds) else { return nil }
        return OfferShown(stake: other.stake, until: intent.validUntil, odds: odds)
    }

    /// With the stake that is taken of one that takes what it can get: every multiple of its lines is looked for by
    /// halving, each held against the rules as if it had been asked for.
    ///
    /// Where what a market may lose is the same for many stakes, roundings let it pass its limit and come back: any
    /// stake that passes where the next does not is as much as may be, so what was `said` holds if it is one.
    private func filled(
        _ intent: Intent, _ number: Int, said: Int64?, isOffer: Bool = false
    ) -> Intent {
        guard intent.fill == 1 || intent.fill == 2, intent.bonus == 0, intent.free == 0,
            !intent.isSameGame
        else {
            return intent
        }
        // Whatever else is in its way is so for every stake.
        if let word = refusal(of: intent, number, isOffer: isOffer)?.word,
            !RefusalWord.ofStakes.contains(word)
        {
            return intent
        }
        let lines = Int64(self.lines(of: intent).count * (intent.isEachWay ? 2 : 1))
        func isTaken(_ units: Int64) -> Bool {
            var other = intent
            other.stake = units * lines
            // How many bets its customer has, and what the least is, says nothing of how much may be.
            let word = refusalOfStake(other, number, isOffer: true)?.word
            return units == 0 || !RefusalWord.tooHigh.contains(word ?? 0)
        }
        let top = (intent.fill == 1 ? min(max(0, intent.stake), rules.stake) : rules.stake) / lines
        var (low, high) = (Int64(0), top)
        if isTaken(top) { low = top }
        while low < high {
            let middle = low + (high - low + 1) / 2
            if isTaken(middle) { low = middle } else { high = middle - 1 }
        }
        if let said, said > 0, said % lines == 0, said / lines <= top, isTaken(said / lines),
            said / lines == top || !isTaken(said / lines + 1)
        {
            low = said / lines
        }
        let least = max(1, cell.minimumStake)
        if said == nil,
            (0...(least - 1) / lines).contains(where: { isTaken($0) && !isTaken($0 + 1) })
        {
            return intent
        }
        var other = intent
        let most = low * lines
        guard most >= least else { return intent }
        other.stake = intent.fill == 1 ? min(intent.stake, most) : max(intent.stake, most)
        return other
    }

    /// Markets that are shut now because a bet that was accepted brought them to what they may cost.
    mutating func shutExposed(by bet: UInt64) -> [Int] {
        var shut: [Int] = []
        for leg in bets[bet]?.legs ?? [] {
            let market = markets[leg.market]
            guard market.suspendAt > 0, market.reasons & 8 == 0, !market.isResulted,
                worstLoss(leg.market, book(leg.market)) >= market.suspendAt
            else { continue }
            markets[leg.market].reasons |= 8
            markets[leg.market].version += 1
            change(market: leg.market)
            shut.append(leg.market)
        }
        return shut
    }

    mutating func expectShut(_ shut: [Int], _ outcomes: [Outcome]) {
        guard shut.count == outcomes.count else {
            return object("\(shut.count) markets should be shut, \(outcomes.count) are told")
        }
        for (number, outcome) in zip(shut, outcomes) {
            guard case .market(let shown) = outcome else { return object("no market is shut") }
            compare(shown, number)
        }
    }

    /// Whether a single wins no more than its market takes from anybody, with what its customer stands to win there.
    func isUnderFloor(_ intent: Intent, _ number: Int, _ potential: Int64) -> Bool {
        guard intent.legs.count == 1, !intent.isEachWay, let leg = intent.legs.first else {
            return false
        }
        let market = Int(leg.market)
        let floor = markets[market].floor
        var winnings = max(0, potential - (intent.stake - intent.free))
        for id in accounts[number].bets {
            guard let bet = bets[id], bet.isStanding, bet.legs.count == 1,
                bet.legs[0].market == market, bet.legs[0].selection == Int(leg.selection)
            else { continue }
            winnings += max(0, bet.potentialReturn - bet.paid)
        }
        return floor > 0 && winnings <= floor
    }

    private mutating func placeAgain(_ intent: Intent, _ known: Known, _ placed: Placed) {
        guard known.hash == intent.hash else {
            if placed.isRepeat { object("another body under an old id is called a repeat") }
            return expect(placed.refusal, RefusalWord.idReused, "another body under an old id")
        }
        if !placed.isRepeat { object("a repeated intent is decided again") }
        if placed.bet != known.sequence { object("a repeated intent gets another bet") }
        let now = bets[known.sequence]
        expect(placed.refusal, now?.refusal ?? known.refusal, "a repeated intent")
        let status = known.isBet ? now?.status ?? 0 : 3
        if placed.status != status { object("a repeat says \(placed.status), not \(status)") }
        if let now, now.refusal == 0, placed.potentialReturn != now.potentialReturn {
            object("a repeat has another potential return")
        }
    }

    private mutating func take(_ intent: Intent, _ placed: Placed, _ number: Int) {
        var prices: [Worth] = []
        var places: [Worth] = []
        var legs: [Leg] = []
        let delay = delay(of: intent, number)
        for (index, leg) in intent.legs.enumerated() {
            let market = Int(leg.market)
            guard let odds = price(of: leg) else {
                return object("a bet is taken without a price")
            }
            if index >= placed.odds.count || placed.odds[index] != odds {
                object("leg \(index) is booked at another price than the market's")
            }
            prices.append(.price(odds))
            if let terms = leg.places { places.append(worthIfPlaced(odds, terms)) }
            legs.append(
                Leg(
                    market: market, selection: Int(leg.selection), odds: odds,
                    isAtStart: leg.isAtStart, places: intent.isEachWay ? leg.places : nil))
        }
        let lines = lines(of: intent)
        let product = product(of: intent, lines, prices, places)
        if !product.rounds(to: placed.potentialReturn, cell.rounding) {
            object("the potential return is not \(placed.potentialReturn)")
        }
        let isPending = delay > 0
        if placed.status != (isPending ? 1 : 2) { object("pending or open: \(placed.status)") }
        let dueAt = isPending ? time + Int64(delay) * 1_000_000 : 0
        if placed.dueAt != dueAt { object("the bet should be due at \(dueAt)") }
        let paid = intent.stake - intent.free
        accounts[number].balances.cash -= paid - intent.bonus
        accounts[number].balances.bonus -= intent.bonus
        accounts[number].balances.free -= intent.free
        if isPending {
            accounts[number].balances.held += paid
            pending.insert(sequence)
        } else {
            accounts[number].balances.openBets += paid
        }
        accounts[number].bets.append(sequence)
        for leg in legs { markets[leg.market].bets.append(sequence) }
        bets[sequence] = Bet(
            account: intent.account, stake: intent.stake,
            potentialReturn: placed.potentialReturn, status: isPending ? 1 : 2,
            bonus: intent.bonus, free: intent.free, acceptedAt: isPending ? nil : time,
            dueAt: dueAt,
            legs: legs, asked: sequence, lines: lines, cover: cover(lines, of: intent),
            isSystem: intent.isSystem,
            joint: intent.isSameGame ? intent.joint : nil,
            rule: intent.rule, tolerance: intent.tolerance,
            placed: intent.isEachWay ? placedReturns(intent, lines, prices, places) : nil)
        remember(
            Key(account: intent.account, id: intent.id),
            Known(
                hash: intent.hash, sequence: sequence, validUntil: intent.validUntil, isBet: true,
                refusal: 0, leg: .max))
    }

    /// How long the bet waits, milliseconds: by its markets, its selections and who bets.
    func delay(of intent: Intent, _ number: Int) -> UInt32 {
        let inPlay = intent.legs.filter {
            fixtures[markets[Int($0.market)].fixture].said.isInPlay
        }
        guard !inPlay.isEmpty else { return 0 }
        let base = inPlay.map { markets[Int($0.market)].betDelay }.max()!
        let selection = inPlay.map {
            markets[Int($0.market)].selections[Int($0.selection)].delay
        }.max()!
        let sum = UInt64(base) + UInt64(selection) + UInt64(accounts[number].delay)
        return UInt32(min(sum, UInt64(max(base, rules.betDelay))))
    }

    /// What a product comes to, found by halving the range of what it could be.
    func settledAmount(_ product: Product) -> Int64 {
        let low = floor(product)
        return product.rounds(to: low, cell.rounding) ? low : low + 1
    }

    /// What the place part returns by the terms that were seen, and with all of the winnings wherever the terms at
    /// the off count.
    func placedReturns(
        _ intent: Intent, _ lines: [[Int]], _ prices: [Worth], _ places: [Worth]
    ) -> (struck: Int64, most: Int64) {
        let best = intent.legs.indices.map {
            markets[Int(intent.legs[$0].market)].said.isAtTheOff ? prices[$0] : places[$0]
        }
        let free = intent.free / 2
        return (
            floor(Product(stake: intent.stake / 2, lines: lines, places)) - free,
            min(
                floor(Product(stake: intent.stake / 2, lines: lines, best)) - free,
                Limits.potentialReturn)
        )
    }

    /// The largest amount that is not above it.
    func floor(_ product: Product) -> Int64 {
        var low: Int64 = 0
        var high = Limits.potentialReturn + 1
        while low < high {
            let middle = low + (high - low + 1) / 2
            var scaled = product.denominator
            _ = scaled.multiplyReportingOverflow(by: UInt64(middle))
            if product.numerator < scaled { high = middle - 1 } else { low = middle }
        }
        return low
    }

    // MARK: After the delay

    mutating func conclude(_ outcomes: [Outcome]) {
        if outcomes.isEmpty { object("a delay ends and nothing comes of it") }
        var latest = Int64.min
        var shut: [Int] = []
        for outcome in outcomes {
            if case .market(let shown) = outcome, !shut.isEmpty {
                compare(shown, shut.removeFirst())
                continue
            }
            if !shut.isEmpty { object("a market should have been shut") }
            if case .cashOut(let shown) = outcome {
                concludeSale(shown)
                if shown.refusal == 0 { shut = shutExposed(by: shown.bet) }
                continue
            }
            guard case .placed(let placed) = outcome else { return object("no bet is concluded") }
            guard let bet = bets[placed.bet], bet.status == 1 else {
                object("bet \(placed.bet) is concluded, but it did not wait")
                continue
            }
            if bet.dueAt > time { object("bet \(placed.bet) is concluded before its time") }
            latest = max(latest, bet.dueAt)
            pending.remove(placed.bet)
            let number = Int(bet.account)
            let wanted = refusalAfterDelay(bet)
            if placed.refusal != wanted?.word ?? 0 {
                object(
                    "bet \(placed.bet) should end with \(wanted?.word ?? 0), not \(placed.refusal)")
            }
            if let wanted, placed.leg != wanted.leg { object("another leg is blamed") }
            accounts[number].balances.held -= bet.paid
            if wanted != nil {
                accounts[number].balances.cash += bet.paid - bet.bonus
                accounts[number].balances.bonus += bet.bonus
                accounts[number].balances.free += bet.free
                bets[placed.bet]?.status = 3
                bets[placed.bet]?.refusal = wanted!.word
                noteRefusal(placed.bet, wanted!.word)
            } else {
                accounts[number].balances.openBets += bet.paid
                bets[placed.bet]?.status = 2
                bets[placed.bet]?.acceptedAt = time
                suspectLegs(of: bets[placed.bet]!)
            }
            if placed.status != bets[placed.bet]?.status { object("concluded as \(placed.status)") }
            compare(placed.balances, number)
            shut = shutExposed(by: placed.bet)
        }
        if !shut.isEmpty { object("a market should have been shut") }
        for sequence in pending where bets[sequence]!.dueAt < latest {
            object("bet \(sequence) was due before others that were concluded")
        }
    }

    private mutating func noteRefusal(_ sequence: UInt64, _ word: UInt16) {
        for index in forgotten..<order.count where known[order[index]]?.sequence == sequence {
            known[order[index]]?.refusal = word
        }
    }

    private func refusalAfterDelay(_ bet: Bet) -> Wanted? {
        if bet.dueAt <= recoveredAt { return Wanted(RefusalWord.interrupted) }
        if accounts[Int(bet.account)].isShut { return Wanted(RefusalWord.accountShut) }
        if let leg = bet.legs.firstIndex(where: { isBarred(Int(bet.account), from: $0.market) }) {
            return Wanted(RefusalWord.barred, leg)
        }
        for (index, leg) in bet.legs.enumerated() {
            if markets[leg.market].reasons != 0 {
                return Wanted(RefusalWord.suspendedDuringDelay, index)
            }
            if leg.isDisturbed { return Wanted(RefusalWord.changedDuringDelay, index) }
            if leg.isAtStart { continue }
            let now = markets[leg.market].selections[leg.selection].odds
            if now.map({ !isTaken($0, by: bet.rule, bet.tolerance, who: leg.odds) }) ?? true {
                return Wanted(RefusalWord.movedDuringDelay, index)
            }
        }
        return nil
    }
}
