public import Kernel

extension Judge {
    /// What a trader holds of a market's prices, over what its feed says.
    struct Hand {
        var held: [Odds?]
        var fed: [Odds?]
        /// Hundredths of a percent.
        var margin: UInt32?
        var isSure = false
        /// How often it changed.
        var version: UInt32 = 0
        /// The changes of its fixture when it was last laid on.
        var changes = 0

        /// It was of another race.
        mutating func drop() {
            if held.contains(where: { $0 != nil }) { version += 1 }
            held = held.map { _ in nil }
            fed = fed.map { _ in nil }
        }
    }

    /// What the feed offers of a market that a hand is on; nil for another. Of what takes no part it is as `wanted` says.
    public func fed(toMarket id: ExternalID, wanted: [Odds?]) -> [Odds?]? {
        guard let number = marketNumbers[id], let fed = markets[number].hand?.fed else {
            return nil
        }
        return fed.indices.map { place in
            let isGone = markets[number].selections[place].isWithdrawn
            return isGone && place < wanted.count ? wanted[place] : fed[place]
        }
    }

    mutating func handle(_ id: ExternalID, _ said: PricingSaid, _ outcomes: [Outcome]) {
        guard outcomes.count == 1, case .market(let shown) = outcomes[0] else {
            return object("a hand on prices without an answer")
        }
        guard let number = marketNumbers[id] else {
            return expect(shown.refusal, 2, "a hand on no market")
        }
        let market = markets[number]
        guard let held = said.held, held.count == market.selections.count else {
            return expect(shown.refusal, 4, "a hand on other selections")
        }
        if said.actor == 0 { return expect(shown.refusal, 17, "nobody's hand") }
        if !said.hasReason { return expect(shown.refusal, 12, "a hand for nothing") }
        if said.expected != 0, said.expected != (market.hand?.version ?? 0) + 1 {
            return expect(shown.refusal, 19, "a hand on what changed since")
        }
        if said.seen != 0, said.seen != UInt32(fixtures[market.fixture].changes) + 2 {
            return expect(shown.refusal, 19, "a hand on a match that went on")
        }
        let isLong = held.contains { $0.map { $0.thousandths > 1_000_000 } ?? false }
        if isLong || said.margin != .max && said.margin > 10_000 {
            return expect(shown.refusal, 7, "a hand out of range")
        }
        if !said.isSure, held.indices.contains(where: { isError(held[$0], number, $0) }) {
            return expect(shown.refusal, 24, "a price that looks like an error")
        }
        let nothing = [Odds?](repeating: nil, count: held.count)
        var hand =
            market.hand ?? Hand(held: nothing, fed: market.selections.map(\.odds))
        let margin = said.margin == .max ? nil : said.margin
        let isSame = hand.held == held && hand.margin == margin && hand.isSure == said.isSure
        if market.isResulted || isSame {
            return expect(shown.refusal, 11, "a hand that changes nothing")
        }
        if shown.refusal == 5 { return }
        expect(shown.refusal, 0, "a hand on prices")
        hand.held = held
        hand.margin = margin
        hand.isSure = said.isSure
        hand.version += 1
        hand.changes = fixtures[market.fixture].changes
        markets[number].hand = hand
        markets[number].version += 1
        offer(number, shown)
        compare(shown, number)
    }

    /// The feed has said `odds`: what is held ends with a change of the match, and where it looks like an error by now.
    mutating func feed(_ odds: [Odds?], under number: Int, _ shown: MarketShown) {
        guard var hand = markets[number].hand else { return }
        hand.fed = odds
        let isOver =
            markets[number].said.byHand == nil
            && fixtures[markets[number].fixture].changes != hand.changes
        let before = hand.held
        for place in hand.held.indices
        where isOver || !hand.isSure && isError(hand.held[place], number, place) {
            hand.held[place] = nil
        }
        if hand.held != before { hand.version += 1 }
        markets[number].hand = hand
        offer(number, shown)
    }

    /// What stands behind the answer is what is offered.
    private mutating func offer(_ number: Int, _ shown: MarketShown) {
        guard let hand = markets[number].hand, shown.prices.count == hand.held.count else {
            return object("a hand on market \(number), and no prices")
        }
        for (place, price) in shown.prices.enumerated() {
            let selection = markets[number].selections[place]
            if selection.isWithdrawn {
                if price != nil { object("a price of what takes no part") }
                continue
            }
            let isThere = markets[number].said.byHand != nil || hand.fed[place] != nil
            if isThere, let held = hand.held[place] {
                if price != held { object("selection \(place) should be held at \(held)") }
            } else if isThere, let margin = hand.margin, selection.reference > 0 {
                if !hasMargin(price, number, place, margin) {
                    object("selection \(place) of market \(number) has another margin")
                }
            } else if price != hand.fed[place] {
                object("selection \(place) should be what the feed says")
            }
            markets[number].selections[place].odds = price
            if let price { markets[number].selections[place].lastOdds = price }
        }
    }

    /// Whether a price is the rung at or below what the reference comes to; one below where that is about a rung.
    private func hasMargin(_ price: Odds?, _ number: Int, _ place: Int, _ margin: UInt32) -> Bool {
        let references = references(number).map { UInt64($0) }
        let winners = markets[number].winners
        let sum =
            winners == 0
            ? 1_000_000_000_000
            : references.reduce(0) { $1 == 0 ? $0 : $0 + 1_000_000_000_000_000 / $1 }
        var exact = WideInteger(sum)
        _ = exact.multiplyReportingOverflow(by: min(references[place], UInt64(Limits.price)))
        _ = exact.multiplyReportingOverflow(by: 10_000)
        let parts = UInt64(10_000 + margin) * UInt64(max(1, winners))
        /// Whether a price in thousandths is no longer than that.
        func isCovered(_ thousandths: UInt64) -> Bool {
            var other = WideInteger(thousandths * parts)
            _ = other.multiplyReportingOverflow(by: 1_000_000_000_000)
            return !(exact < other)
        }
        // In thousandths, cut.
        var (low, high): (UInt64, UInt64) = (0, 10_000_000)
        while low < high {
            let middle = (low + high + 1) / 2
            if isCovered(middle) { low = middle } else { high = middle - 1 }
        }
        return [low + 1, low, low == 0 ? 0 : low - 1].contains { length in
            let rung = ladder.tick(atOrBelow: UInt32(clamping: length))
            return price == rung.flatMap { Odds(thousandths: ladder.thousandths(at: $0)) }
        }
    }

    func references(_ number: Int) -> [UInt32] {
        markets[number].selections.map { $0.isWithdrawn ? 0 : $0.reference }
    }

    /// Whether a price returns half as much again as its stake by what the references say.
    func isError(_ odds: Odds?, _ number: Int, _ place: Int) -> Bool {
        guard let odds,
            let chance = share(
                references(number).map { UInt64($0) }, place, winners: markets[number].winners)
        else { return false }
        var returned = WideInteger(UInt64(chance.win))
        _ = returned.multiplyReportingOverflow(by: UInt64(odds.numerator) * 2)
        var most = WideInteger(UInt64(odds.denominator))
        _ = most.multiplyReportingOverflow(by: 3_000_000_000)
        return most < returned
    }

    mutating func shut(
        _ channel: UInt8, _ isShut: UInt8, _ actor: UInt64, _ outcomes: [Outcome]
    ) {
        guard outcomes.count == 1, case .market(let shown) = outcomes[0] else {
            return object("a channel without an answer")
        }
        if channel > 15 || isShut > 1 { return expect(shown.refusal, 4, "no channel") }
        if actor == 0 { return expect(shown.refusal, 17, "a channel shut by nobody") }
        if shutChannels.contains(channel) == (isShut == 1) {
            return expect(shown.refusal, 11, "a channel as it was")
        }
        expect(shown.refusal, 0, "a channel")
        if isShut == 1 { shutChannels.insert(channel) } else { shutChannels.remove(channel) }
    }
}
