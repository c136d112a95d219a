import Catalogue
import Kernel
import Pricing

/// A trader's hand on a market's prices: another margin than its feed's, and prices that are held.
///
/// The feed speaks on beneath it: what it offers is remembered and is what is offered again once the hand is lifted.
extension Engine {
    mutating func setPricing(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        guard let number = markets.market(external: command.clientID) else {
            return answer(command, market: nil, .marketUnknown, &outcomes)
        }
        let row = markets.markets[number]
        guard let held = command.heldPrices(of: row.selectionCount) else {
            return answer(command, market: number, .malformed, &outcomes)
        }
        guard command.field(Layout.Pricing.actor, as: UInt64.self) != 0 else {
            return answer(command, market: number, .operatorMissing, &outcomes)
        }
        guard command.field(Layout.Pricing.reason, as: UInt8.self) != 0 else {
            return answer(command, market: number, .reasonMissing, &outcomes)
        }
        let expected = command.field(Layout.Pricing.expected, as: UInt32.self)
        let before = hand(of: number)
        guard expected == 0 || expected - 1 == before.version else {
            return answer(command, market: number, .changedSince, &outcomes)
        }
        let seen = command.field(Layout.Pricing.seen, as: UInt32.self)
        let material = markets.fixtures[row.fixture].material
        guard seen == 0 || seen == UInt32(truncatingIfNeeded: material) &+ 1 else {
            return answer(command, market: number, .changedSince, &outcomes)
        }
        let said = command.field(Layout.Pricing.margin, as: UInt32.self)
        guard said == .max || said <= Limits.margin,
            held.allSatisfy({ $0.map { $0.thousandths <= Limits.price } ?? true })
        else { return answer(command, market: number, .amountOutOfRange, &outcomes) }
        let margin = said == .max ? UInt16.max : UInt16(said)
        let isSure = command.field(Layout.Pricing.isSure, as: UInt8.self) == 1
        let references = references(of: row)
        let isError = held.indices.contains {
            isPalpable(held[$0], UInt32($0), of: row, references)
        }
        guard !refuses(command, .palpable, when: isError && !isSure) else {
            return answer(command, market: number, .palpable, &outcomes)
        }
        let isSame =
            margin == before.margin && isSure == (before.isSure == 1)
            && held.indices.allSatisfy { held[$0] == self.held(number, UInt32($0)) }
        guard row.isResulted == 0, !isSame else {
            return answer(command, market: number, .noChange, &outcomes)
        }
        let hasRoom = markets.hasRoomForHand(on: row)
        guard !refuses(command, .full, when: !hasRoom), markets.takeHand(number) else {
            return answer(command, market: number, .full, &outcomes)
        }
        let first = markets.markets[number].hand
        for (place, odds) in held.enumerated() {
            markets.change(hand: first + UInt32(place)) { $0.held = odds }
        }
        markets.change(hand: first) {
            $0.margin = margin
            $0.isSure = isSure ? 1 : 0
            $0.version += 1
            $0.material = material
        }
        markets.change(market: number) {
            $0.version += 1
            $0.priceVersion += 1
        }
        publishByHand(number, command, &outcomes)
    }

    /// The feed has spoken of a market that a hand is on: what it says is taken down, and what is held lapses if the
    /// match has moved on since, or if it has come to look like an error.
    @inline(never)
    mutating func priceByHand(
        _ number: UInt32, _ command: RecordBytes, _ outcomes: inout RecordWriter
    ) {
        let row = markets.markets[number]
        let before = hand(of: number)
        let isOver =
            row.isByHand == 0 && markets.fixtures[row.fixture].material != before.material
            && !planted(.heldPriceKept)
        var hasLapsed = false
        let references = references(of: row)
        for place in 0..<UInt32(row.selectionCount) {
            let offset = Layout.Price.entries + Int(place) * Layout.Price.entrySize
            let fed = command.odds(at: offset + Layout.Price.entryOdds)
            let held = markets.hands[row.hand + place].held
            let isError = before.isSure == 0 && isPalpable(held, place, of: row, references)
            let lapses = held != nil && (isOver || isError)
            hasLapsed = hasLapsed || lapses
            markets.change(hand: row.hand + place) {
                $0.fed = fed
                if lapses { $0.held = nil }
            }
        }
        if hasLapsed { markets.change(hand: row.hand) { $0.version += 1 } }
        publishByHand(number, command, &outcomes)
    }

    /// What was held, and what the feed offered, was of another race.
    mutating func dropPrices(of number: UInt32) {
        let row = markets.markets[number]
        var wasHeld = false
        for place in 0..<UInt32(row.selectionCount) {
            wasHeld = wasHeld || markets.hands[row.hand + place].held != nil
            markets.change(hand: row.hand + place) {
                $0.held = nil
                $0.fed = nil
            }
        }
        if wasHeld { markets.change(hand: row.hand) { $0.version += 1 } }
    }

    private mutating func publishByHand(
        _ number: UInt32, _ command: RecordBytes, _ outcomes: inout RecordWriter
    ) {
        let row = markets.markets[number]
        let prices = pricesByHand(row)
        for (place, odds) in prices.enumerated() {
            markets.change(selection: row.firstSelection + UInt32(place)) {
                guard $0.isWithdrawn == 0 else { return }
                $0.numerator = odds?.numerator ?? 0
                $0.denominator = odds?.denominator ?? 0
                if let odds { $0.lastOffered = odds }
            }
        }
        let record = marketChanged(command, number, nil, &outcomes, prices: prices.count)
        record.set(Layout.MarketChanged.priceCount, UInt16(prices.count))
        record.set(Layout.MarketChanged.handMargin, markets.hands[row.hand].margin)
        var held: UInt64 = 0
        for (place, odds) in prices.enumerated() {
            if markets.hands[row.hand + UInt32(place)].held != nil { held |= 1 << UInt64(place) }
            record.set(
                Layout.MarketChanged.prices + place * Layout.MarketChanged.priceSize, odds)
        }
        record.set(Layout.MarketChanged.held, held)
    }

    /// What is offered of each selection: what is held, or what its reference comes to with the margin by hand, or what
    /// the feed offers. What the feed does not offer is not offered, whatever is held.
    private func pricesByHand(_ row: MarketRow) -> [Odds?] {
        let places = 0..<UInt32(row.selectionCount)
        let references = references(of: row)
        let margin = markets.hands[row.hand].margin
        let margined =
            margin == .max
            ? nil
            : PricingRule(marginBasisPoints: UInt32(margin)).prices(
                for: references, winners: Int(row.winners), on: .classic)
        return places.map { place in
            let hand = markets.hands[row.hand + place]
            guard markets.selections[row.firstSelection + place].isWithdrawn == 0 else {
                return nil
            }
            let reference = references[Int(place)]
            guard row.isByHand == 1 || hand.fed != nil else { return nil }
            if let held = hand.held { return held }
            guard let margined, reference > 0 else { return hand.fed }
            return margined[Int(place)].odds
        }
    }

    /// Of the whole market: the row of its first selection, or what it would be.
    private func hand(of market: UInt32) -> HandRow {
        let first = markets.markets[market].hand
        return first == .max ? HandRow() : markets.hands[first]
    }

    private func held(_ market: UInt32, _ place: UInt32) -> Odds? {
        let first = markets.markets[market].hand
        return first == .max ? nil : markets.hands[first + place].held
    }

    /// What a market's supplier says of each selection that takes part, thousandths; 0 nothing.
    func references(of row: MarketRow) -> [UInt32] {
        (0..<UInt32(row.selectionCount)).map { place in
            let selection = markets.selections[row.firstSelection + place]
            return selection.isWithdrawn == 1 ? 0 : selection.reference
        }
    }

    /// Whether a price returns far more than its stake, by what the references say of all of the market.
    private func isPalpable(
        _ odds: Odds?, _ place: UInt32, of row: MarketRow, _ references: [UInt32]
    ) -> Bool {
        guard let odds,
            let fair = Fair.chance(
                of: Int(place), among: references.span, winners: Int(row.winners))
        else { return false }
        return isPalpable(odds, fair)
    }

    /// Whether a price returns far more than its stake, with such a chance.
    func isPalpable(_ odds: Odds, _ fair: Chance) -> Bool {
        // chance / whole x odds > hundredths / 100
        let returned = UInt64(fair.win) * 100
        let (high, low) = returned.multipliedFullWidth(by: UInt64(odds.numerator))
        let most = UInt64(ruleSet.palpable) * UInt64(Chance.whole)
        return (high, low) > most.multipliedFullWidth(by: UInt64(odds.denominator))
    }

    /// Bets through a channel are taken, or are not.
    mutating func setChannel(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        let channel = command.field(Layout.ChannelState.channel, as: UInt8.self)
        let isShut = command.field(Layout.ChannelState.isShut, as: UInt8.self)
        guard channel <= Limits.channels, isShut <= 1 else {
            return answer(command, market: nil, .malformed, &outcomes)
        }
        guard command.field(Layout.ChannelState.actor, as: UInt64.self) != 0 else {
            return answer(command, market: nil, .operatorMissing, &outcomes)
        }
        let bit = UInt16(1) << UInt16(channel)
        let channels = isShut == 1 ? markets.shutChannels | bit : markets.shutChannels & ~bit
        guard channels != markets.shutChannels else {
            return answer(command, market: nil, .noChange, &outcomes)
        }
        markets.shut(channels: channels)
        answer(command, market: nil, nil, &outcomes)
    }
}

extension RecordBytes {
    /// What is held of each selection; nil where that is not one word for each, or no price.
    fileprivate func heldPrices(of selections: UInt8) -> [Odds?]? {
        let count = Int(selections)
        let end = Layout.Pricing.entries + count * Layout.Pricing.entrySize
        guard field(Layout.Pricing.selectionCount, as: UInt16.self) == UInt16(count),
            slots >= SlotSize.slots(forBody: end)
        else { return nil }
        var held: [Odds?] = []
        for place in 0..<count {
            let offset = Layout.Pricing.entries + place * Layout.Pricing.entrySize
            let odds = odds(at: offset)
            let isSaid = field(offset, as: UInt64.self) != 0
            guard (odds != nil) == isSaid else { return nil }
            held.append(odds)
        }
        return held
    }
}
