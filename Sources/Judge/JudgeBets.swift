import Kernel

/// What a refusal is called in the journal.
private enum Word {
    static let accountUnknown: UInt16 = 1
    static let idReused: UInt16 = 2
    static let idOutsideWindow: UInt16 = 3
    static let deadlinePassed: UInt16 = 4
    static let deadlineTooFar: UInt16 = 5
    static let tooManyRefused: UInt16 = 6
    static let accountShut: UInt16 = 7
    static let channelShut: UInt16 = 16
    static let locationUnknown: UInt16 = 17
    static let locationRefused: UInt16 = 18
    static let structure: UInt16 = 8
    static let legCount: UInt16 = 9
    static let currency: UInt16 = 10
    static let stakeKind: UInt16 = 11
    static let noSystem: UInt16 = 12
    static let manyLines: UInt16 = 13
    static let indivisible: UInt16 = 14
    static let offerExpired: UInt16 = 15
    static let marketUnknown: UInt16 = 20
    static let selectionUnknown: UInt16 = 21
    static let suspended: UInt16 = 22
    static let notOffered: UInt16 = 23
    static let score: UInt16 = 24
    static let price: UInt16 = 25
    static let related: UInt16 = 26
    static let placeTerms: UInt16 = 27
    static let noStart: UInt16 = 28
    static let otherMarket: UInt16 = 29
    static let barred: UInt16 = 30
    static let stakeLow: UInt16 = 40
    static let stakeHigh: UInt16 = 41
    static let returnHigh: UInt16 = 42
    static let funds: UInt16 = 43
    static let exposure: UInt16 = 44
    static let pending: UInt16 = 45
    /// Full machines: a fact, not a rule.
    static let full: Set<UInt16> = [46, 47, 48]
    static let betsOfAccount: UInt16 = 49
    static let customerCap: UInt16 = 50
    static let dayCap: UInt16 = 51
    static let suspendedDuringDelay: UInt16 = 60
    static let changedDuringDelay: UInt16 = 61
    static let interrupted: UInt16 = 62
    static let movedDuringDelay: UInt16 = 63
    /// What only the stake leads to, and what a lower one may not.
    static let ofStakes: Set<UInt16> = [40, 41, 42, 43, 44, 45, 49, 50, 51]
    static let tooHigh: Set<UInt16> = [41, 42, 43, 44, 50, 51]
    /// What is answered by an offer.
    static let offered: Set<UInt16> = [25, 41, 42, 44, 50, 51]
    /// Nothing was decided about the bet, so the id is still free.
    static let forgotten: Set<UInt16> = [3, 4, 5, 6, 46, 47, 48]
}

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
            return expect(placed.refusal, Word.accountUnknown, "a bet of nobody")
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
        if Word.full.contains(placed.refusal), wanted == nil { return }
        if placed.refusal != wanted?.word ?? 0 {
            return object(
                "the intent should get \(wanted?.word ?? 0), not \(placed.refusal)")
        }
        if let wanted {
            if placed.offer != offer(for: intent, wanted.word, number, said: placed.offer?.stake) {
                object("the bet is offered \(String(describing: placed.offer)) instead")
            }
            if placed.leg != wanted.leg { object("leg \(placed.leg) is blamed, not \(wanted.leg)") }
            guard !Word.forgotten.contains(wanted.word) else { return }
            return remember(
                Key(account: intent.account, id: intent.id),
                Known(
                    hash: intent.hash, sequence: sequence, validUntil: intent.validUntil,
                    isBet: false, refusal: wanted.word, leg: wanted.leg))
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
        guard Word.offered.contains(word), intent.bonus == 0, intent.free == 0, !intent.isSameGame,
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
            !Word.ofStakes.contains(word)
        {
            return intent
        }
        let lines = Int64(self.lines(of: intent).count * (intent.isEachWay ? 2 : 1))
        func isTaken(_ units: Int64) -> Bool {
            var other = intent
            other.stake = units * lines
            // How many bets its customer has, and what the least is, says nothing of how much may be.
            let word = refusalOfStake(other, number, isOffer: true)?.word
            return units == 0 || !Word.tooHigh.contains(word ?? 0)
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
    private func isUnderFloor(_ intent: Intent, _ number: Int, _ potential: Int64) -> Bool {
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
            return expect(placed.refusal, Word.idReused, "another body under an old id")
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

    private struct Wanted {
        var word: UInt16
        var leg: UInt32 = .max

        init(_ word: UInt16, _ leg: Int? = nil) {
            self.word = word
            if let leg { self.leg = UInt32(leg) }
        }
    }

    /// Why the intent must be refused, in the order of the list of refusals.
    ///
    /// An offer says nothing of how many bets its customer has.
    private func refusal(of intent: Intent, _ number: Int, isOffer: Bool = false) -> Wanted? {
        if let word = refusalByTime(intent.id, validUntil: intent.validUntil, intent.account) {
            return Wanted(word)
        }
        if accounts[number].isShut { return Wanted(Word.accountShut) }
        if intent.structure != 1, !intent.isSystem, !intent.isEachWay, !intent.isSameGame {
            return Wanted(Word.structure)
        }
        if intent.legCount < 1 || intent.legCount > rules.legs
            || intent.legs.count != intent.legCount
        {
            return Wanted(Word.legCount)
        }
        if intent.currency != cell.currency { return Wanted(Word.currency) }
        if let word = refusalOfKinds(intent, number) { return Wanted(word) }
        if intent.isSystem, let word = refusalOfSystem(intent) { return Wanted(word) }
        if intent.isEachWay, !intent.isSystem, let word = refusalOfLines(intent) {
            return Wanted(word)
        }
        if intent.offer != 0, !stands(intent.offer, for: intent.account) {
            return Wanted(Word.offerExpired)
        }
        // What is offered is not asked for through any channel.
        if !isOffer, shutChannels.contains(intent.channel) { return Wanted(Word.channelShut) }
        if !isOffer, let word = refusalOfLocation(intent, number) { return Wanted(word) }
        for (index, leg) in intent.legs.enumerated() {
            if let word = refusal(of: leg, intent) { return Wanted(word, index) }
            if intent.structure == 3 {
                let now = markets[Int(leg.market)].places
                if leg.places == nil || leg.places != now { return Wanted(Word.placeTerms, index) }
            }
            if !isOffer, leg.version != 0, leg.version < markets[Int(leg.market)].changedAt {
                return Wanted(Word.otherMarket, index)
            }
        }
        if let leg = intent.legs.firstIndex(where: { isBarred(number, from: Int($0.market)) }) {
            return Wanted(Word.barred, leg)
        }
        let isLong = intent.legCount > Limits.eachWayLegs
        if isLong,
            intent.legs.contains(where: { markets[Int($0.market)].said.deductions != 0 })
                || intent.isEachWay || intent.bonus != 0 || intent.free != 0
        {
            return Wanted(Word.legCount)
        }
        if intent.isSameGame {
            if let wanted = refusalOfSameGame(intent) { return wanted }
        } else if let leg = relatedLeg(intent) {
            return Wanted(Word.related, leg)
        }
        return refusalOfStake(intent, number, isOffer: isOffer)
    }

    /// Whether a customer's newest decision is not the one that a bet goes by, or over; or says that it is not where it may bet.
    private func refusalOfLocation(_ intent: Intent, _ number: Int) -> UInt16? {
        guard intent.mustBeLocated else { return nil }
        guard let (_, said) = accounts[number].location, said.mark == intent.located else {
            return Word.locationUnknown
        }
        if said.verdict != 1 { return Word.locationRefused }
        // To the second below.
        return time < said.until - said.until % 1_000_000_000 ? nil : Word.locationUnknown
    }

    /// Whether an id or a deadline is too old or too new, or its account was refused too often.
    func refusalByTime(_ id: ExternalID, validUntil: Int64, _ account: UInt64) -> UInt16? {
        let made = id.milliseconds ?? 0
        let now = Timestamp(nanoseconds: time).milliseconds
        if made < now - rules.idAge || made > now + rules.validUntilAhead {
            return Word.idOutsideWindow
        }
        if validUntil < time { return Word.deadlinePassed }
        if validUntil > time + rules.validUntilAhead * 1_000_000 { return Word.deadlineTooFar }
        return refusedCount(account) >= rules.refusedPerAccount ? Word.tooManyRefused : nil
    }

    /// Whether an offer was made to this account, and its intent's own time is not over.
    private func stands(_ offer: UInt64, for account: UInt64) -> Bool {
        known.contains { key, what in
            key.account == account && what.sequence == offer && what.refusal != 0
                && what.validUntil >= time
        }
    }

    private func refusalOfSystem(_ intent: Intent) -> UInt16? {
        let legs = intent.legCount
        guard legs >= 2, legs <= 16, intent.bankers >> UInt32(legs) == 0 else {
            return Word.noSystem
        }
        if !intent.groups.allSatisfy({ $0 == 0 }) {
            return isNested(intent) ? refusalOfLines(intent) : Word.noSystem
        }
        let free = legs - (0..<legs).count { intent.bankers >> UInt32($0) & 1 == 1 }
        guard intent.sizes < 1 << UInt32(free) else { return Word.noSystem }
        return refusalOfLines(intent)
    }

    private func refusalOfLines(_ intent: Intent) -> UInt16? {
        let lines = lines(of: intent).count * (intent.isEachWay ? 2 : 1)
        if lines > rules.lines { return Word.manyLines }
        return intent.stake % Int64(lines) == 0 && intent.free % Int64(lines) == 0
            ? nil : Word.indivisible
    }

    /// Money of another kind than cash: whoever has none of it is not offered to stake it.
    private func refusalOfKinds(_ intent: Intent, _ number: Int) -> UInt16? {
        guard intent.bonus != 0 || intent.free != 0 else { return nil }
        let balances = accounts[number].balances
        if intent.bonus != 0 && balances.bonus == 0 || intent.free != 0 && balances.free == 0 {
            return Word.stakeKind
        }
        for part in [intent.stake - intent.bonus - intent.free, intent.bonus, intent.free] {
            if part < 0 { return Word.stakeLow }
            if part > rules.stake { return Word.stakeHigh }
        }
        return nil
    }

    /// What an intent comes to when every leg wins at its price, and is placed.
    private func product(
        of intent: Intent, _ lines: [[Int]], _ prices: [Worth], _ places: [Worth]
    ) -> Product {
        if intent.isSameGame, let joint = intent.joint {
            return Product(
                stake: intent.stake, lines: [[0]], [.price(joint)], free: intent.free,
                atOne: ([.times(1, over: 1)], []))
        }
        let ones = intent.legs.map { _ in Worth.times(1, over: 1) }
        let product = Product(
            stake: intent.stake, lines: lines, prices, places: intent.isEachWay ? places : nil,
            free: intent.free, atOne: (ones, ones))
        return promised(product, lines, intent)
    }

    /// Every choice of legs that has all bankers and a wanted number of others; one line of all legs when it is
    /// no system.
    private func lines(of intent: Intent) -> [[Int]] {
        let all = Array(intent.legs.indices)
        guard intent.isSystem else { return [all] }
        return (0..<(1 << all.count)).compactMap { choice in
            let chosen = all.filter { choice >> $0 & 1 == 1 }
            if !intent.groups.allSatisfy({ $0 == 0 }) {
                return isLine(chosen, of: intent) ? chosen : nil
            }
            let others = chosen.filter { intent.bankers >> UInt32($0) & 1 == 0 }
            let hasBankers = chosen.count - others.count == intent.bankers.nonzeroBitCount
            guard hasBankers, !others.isEmpty,
                intent.sizes >> UInt32(others.count - 1) & 1 == 1
            else { return nil }
            return chosen
        }
    }

    private func refusal(of leg: Intent.Leg, _ intent: Intent) -> UInt16? {
        guard leg.market < UInt64(markets.count) else { return Word.marketUnknown }
        let market = markets[Int(leg.market)]
        guard Int(leg.selection) < market.selections.count else { return Word.selectionUnknown }
        guard market.reasons == 0 else { return Word.suspended }
        let now = market.selections[Int(leg.selection)].odds
        if now == nil, !leg.isAtStart { return Word.notOffered }
        let fixture = fixtures[market.fixture].said
        if now != nil, leg.score != .max, fixture.score != .max, leg.score != fixture.score {
            return Word.score
        }
        if leg.isAtStart {
            if intent.isSameGame { return Word.structure }
            let isTaken =
                market.said.takesAtStart && market.starts.isEmpty
                && fixtures[market.fixture].heardAt == nil
                && price(of: leg) != nil
            return isTaken ? nil : Word.noStart
        }
        guard let now else { return Word.notOffered }
        guard let seen = leg.odds else { return Word.price }
        return isTaken(now, by: intent.rule, intent.tolerance, who: seen) ? nil : Word.price
    }

    /// Whether a price is taken by somebody who saw, or was promised, another.
    private func isTaken(_ now: Odds, by rule: UInt8, _ tolerance: UInt8, who seen: Odds) -> Bool {
        if seen == now { return true }
        switch rule {
        case 2: return now > seen
        case 3:
            if now > seen || tolerance == .max { return true }
            let fallen =
                (ladder.tick(atOrBelow: seen.thousandths) ?? 0)
                - (ladder.tick(atOrBelow: now.thousandths) ?? 0)
            return fallen <= Int(tolerance)
        default: return false
        }
    }

    /// What a leg is taken at, or what its starting price is reckoned to be: its price, or else its reference.
    private func price(of leg: Intent.Leg) -> Odds? {
        let selection = markets[Int(leg.market)].selections[Int(leg.selection)]
        guard leg.isAtStart, selection.odds == nil else { return selection.odds }
        return selection.isWithdrawn
            ? nil : Odds(min(selection.reference, Limits.price), over: 1000)
    }

    /// Why legs cannot be taken at one price.
    private func refusalOfSameGame(_ intent: Intent) -> Wanted? {
        if intent.joint == nil { return Wanted(Word.related, min(1, intent.legs.count - 1)) }
        if intent.legs.count < 2 || intent.legs.count > Limits.sameGameLegs {
            return Wanted(Word.legCount)
        }
        var seen: [UInt64] = []
        for (index, leg) in intent.legs.enumerated() {
            let market = markets[Int(leg.market)]
            if market.fixture != markets[Int(intent.legs[0].market)].fixture {
                return Wanted(Word.structure, index)
            }
            if seen.contains(leg.market) { return Wanted(Word.related, index) }
            if leg.odds != market.selections[Int(leg.selection)].odds {
                return Wanted(Word.price, index)
            }
            seen.append(leg.market)
        }
        return nil
    }

    /// The first leg that says something about an earlier one.
    private func relatedLeg(_ intent: Intent) -> Int? {
        var fixturesSeen: Set<Int> = []
        var chains: Set<UInt64> = []
        var groups: Set<UInt64> = []
        for (index, leg) in intent.legs.enumerated() {
            let market = markets[Int(leg.market)]
            let chain = fixtures[market.fixture].said.competitorChain
            if fixturesSeen.contains(market.fixture) || chains.contains(chain)
                || groups.contains(market.relationGroup)
            {
                return index
            }
            fixturesSeen.insert(market.fixture)
            if chain != 0 { chains.insert(chain) }
            if market.relationGroup != 0 { groups.insert(market.relationGroup) }
        }
        return nil
    }

    private func refusalOfStake(_ intent: Intent, _ number: Int, isOffer: Bool) -> Wanted? {
        let stake = intent.stake
        if stake <= 0 || stake < cell.minimumStake && !isOffer { return Wanted(Word.stakeLow) }
        var most = rules.stake
        if accounts[number].stakeLimit > 0 { most = min(most, accounts[number].stakeLimit) }
        for leg in intent.legs {
            let factor = Int64(accounts[number].stakeFactor)
            let (product, overflow) = markets[Int(leg.market)].maximumStake
                .multipliedReportingOverflow(by: factor)
            if !overflow { most = min(most, product / 1000) }
        }
        let prices = intent.legs.map {
            Worth.price(price(of: $0)!)
        }
        let places = zip(intent.legs, prices).map { leg, _ in
            leg.places.map {
                worthIfPlaced(price(of: leg)!, $0)
            } ?? .lost
        }
        let product = product(of: intent, lines(of: intent), prices, places)
        let isAbove = product.isAbove(cell.payoutCap)
        let isFloored =
            stake <= rules.stake && !isAbove && isUnderFloor(intent, number, settledAmount(product))
        if stake > most, !isFloored { return Wanted(Word.stakeHigh) }
        if isAbove { return Wanted(Word.returnHigh) }
        let balances = accounts[number].balances
        let paid = stake - intent.free
        if balances.bonus < intent.bonus || balances.free < intent.free
            || balances.cash < paid - intent.bonus
        {
            return Wanted(Word.funds)
        }
        // Cut as the cell cuts, by looking for it from a guess that is never far off.
        let potential = settledAmount(product)
        let part =
            intent.isEachWay
            ? placedReturns(intent, lines(of: intent), prices, places) : nil
        let costs = costs(
            intent.legs.map { (price(of: $0)!, false) }, paid: paid, returns: potential,
            placed: part, isSystem: intent.isSystem)
        for (index, leg) in intent.legs.enumerated() {
            let market = Int(leg.market)
            var book = book(market)
            let before = worstLoss(market, book)
            book.add(costs[index], on: Int(leg.selection))
            let after = worstLoss(market, book)
            if after > markets[market].liabilityLimit, after > before, !isFloored {
                return Wanted(Word.exposure, index)
            }
        }
        let own = accounts[number].bets.compactMap { bets[$0] }
        if delay(of: intent, number) > 0, !isOffer {
            if waitingCount(number) >= rules.pendingPerAccount {
                return Wanted(Word.pending)
            }
        }
        if own.count(where: \.isStanding) >= rules.openBetsPerAccount, !isOffer {
            return Wanted(Word.betsOfAccount)
        }
        let open = own.filter(\.isStanding).reduce(potential) { $0 + $1.potentialReturn }
        if cell.customerCap > 0, open > cell.customerCap { return Wanted(Word.customerCap) }
        let day: Int64 = 86_400_000_000_000
        let today = accounts[number].paid.filter { $0.time / day == time / day }
        if cell.dayCap > 0, today.reduce(open, { $0 + $1.amount }) > cell.dayCap {
            return Wanted(Word.dayCap)
        }
        return nil
    }

    /// How long the bet waits, milliseconds: by its markets, its selections and who bets.
    private func delay(of intent: Intent, _ number: Int) -> UInt32 {
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
    private func settledAmount(_ product: Product) -> Int64 {
        let low = floor(product)
        return product.rounds(to: low, cell.rounding) ? low : low + 1
    }

    /// What the place part returns by the terms that were seen, and with all of the winnings wherever the terms at
    /// the off count.
    private func placedReturns(
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
        if bet.dueAt <= recoveredAt { return Wanted(Word.interrupted) }
        if accounts[Int(bet.account)].isShut { return Wanted(Word.accountShut) }
        if let leg = bet.legs.firstIndex(where: { isBarred(Int(bet.account), from: $0.market) }) {
            return Wanted(Word.barred, leg)
        }
        for (index, leg) in bet.legs.enumerated() {
            if markets[leg.market].reasons != 0 { return Wanted(Word.suspendedDuringDelay, index) }
            if leg.isDisturbed { return Wanted(Word.changedDuringDelay, index) }
            if leg.isAtStart { continue }
            let now = markets[leg.market].selections[leg.selection].odds
            if now.map({ !isTaken($0, by: bet.rule, bet.tolerance, who: leg.odds) }) ?? true {
                return Wanted(Word.movedDuringDelay, index)
            }
        }
        return nil
    }

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
