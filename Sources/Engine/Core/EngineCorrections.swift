import Catalogue
import Kernel

/// Bets of one market that are void by when they were accepted, or no longer are, and who says so.
struct Cancelling {
    let window: CancelWindow
    let isTakenBack: Bool
    let source: ResultSource
    /// Nanoseconds of UTC.
    let said: Int64
    var actor: UInt64 = 0
    var approver: UInt64 = 0
}

/// What a supplier says later of bets that were taken: the state follows from the set of what was said, each with
/// the moment at which it was, and not from the order in which it is heard.
extension Engine {
    // MARK: Cancels

    /// A window of what has been: bets that are still to come are shut out, not voided.
    func window(_ from: Int64, _ until: Int64) -> CancelWindow? {
        let now = time.nanoseconds
        return from <= now && until <= now ? CancelWindow(from: from, until: until) : nil
    }

    /// Bets that were accepted in a window are void on a market, or no longer are.
    mutating func cancel(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        guard let number = markets.market(external: command.clientID) else {
            return answer(command, result: nil, .marketUnknown, &outcomes)
        }
        let action = command.action(at: Layout.Cancel.action)
        guard action == .cancel || action == .reinstate,
            let window = window(
                command.field(Layout.Cancel.from, as: Int64.self),
                command.field(Layout.Cancel.until, as: Int64.self))
        else { return answer(command, result: number, .malformed, &outcomes) }
        guard markets.markets[number].isReleased == 0 else {
            return answer(command, result: number, .betsReleased, &outcomes)
        }
        apply(
            Cancelling(
                window: window, isTakenBack: action == .reinstate, source: .feed,
                said: command.said(at: Layout.Cancel.time)),
            to: number, command, &outcomes)
    }

    /// Each window of each source is as it was last said: who takes back what is not heard of yet is remembered.
    mutating func apply(
        _ cancelling: Cancelling, to number: UInt32, _ command: RecordBytes,
        _ outcomes: inout RecordWriter
    ) {
        let known = markets.cancel(of: number, cancelling.source, cancelling.window)
        let before = known.map { markets.cancels[$0] }
        let isOld = cancelling.said < before?.said ?? .min
        guard !refuses(command, .superseded, when: isOld) else {
            return answer(command, result: number, .superseded, &outcomes)
        }
        let isFull = known == nil && markets.areCancelsFull(number)
        guard !refuses(command, .full, when: isFull), !isFull else {
            return answer(command, result: number, .full, &outcomes)
        }
        if planted(.reinstatementForgotten), known == nil, cancelling.isTakenBack {
            return answer(command, result: number, .noChange, &outcomes)
        }
        let row = known ?? markets.add(cancelling.window, cancelling.source, to: number)
        let wasActive = before?.isActive == 1
        // Of two words of the same moment the one that voids nothing holds.
        let isActive =
            !cancelling.isTakenBack && (cancelling.said != before?.said || wasActive)
        markets.change(cancel: row, said: cancelling.said, isActive: isActive)
        guard isActive != wasActive else {
            return answer(command, result: number, .noChange, &outcomes)
        }
        let coversNow = markets.hasCancel(number) { $0.until == 0 }
        let coversAll = markets.hasCancel(number) { $0.isEverything }
        markets.change(market: number) {
            let reasons = ShutReasons(rawValue: $0.reasons)
            $0.reasons =
                (coversNow ? reasons.union(.cancelled) : reasons.subtracting(.cancelled)).rawValue
            $0.isCancelled = coversAll ? 1 : 0
            $0.decideAgain(
                ResultOrigin(
                    command, source: cancelling.source.rawValue, actor: cancelling.actor,
                    approver: cancelling.approver))
        }
        markets.enqueue(number)
        answer(command, result: number, nil, &outcomes)
        answer(command, market: number, nil, &outcomes)
    }

    // MARK: Starting prices

    /// What each selection started at. Of what was said of it the newest word holds; bets that were settled without
    /// it are settled again.
    mutating func takeStartingPrices(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        guard let number = markets.market(external: command.clientID) else {
            return answer(command, market: nil, .marketUnknown, &outcomes)
        }
        let row = markets.markets[number]
        guard let entries = command.priceEntries(of: row.selectionCount), !row.paysEarly else {
            return answer(command, market: number, .malformed, &outcomes)
        }
        guard row.isReleased == 0 else {
            return answer(command, market: number, .betsReleased, &outcomes)
        }
        let said = command.said(at: Layout.Price.providerTime)
        let prices = entries.map { command.odds(at: $0 + Layout.Price.entryOdds) }
        let before = prices.indices.map {
            markets.selections[row.firstSelection + UInt32($0)].starting
        }
        let isOld =
            said < row.startingTime || said == row.startingTime && !holds(prices, against: before)
        guard !refuses(command, .superseded, when: isOld) else {
            return answer(command, market: number, .superseded, &outcomes)
        }
        markets.change(market: number) { $0.startingTime = said }
        guard prices != before else {
            return answer(command, market: number, .noChange, &outcomes)
        }
        for (index, price) in prices.enumerated() {
            markets.change(selection: row.firstSelection + UInt32(index)) { $0.starting = price }
        }
        markets.change(market: number) {
            $0.version += 1
            guard $0.paysAtStart else { return }
            // A bet that waits was to be struck before anybody knew.
            if $0.takesAtStart { $0.changeMaterially() }
            $0.settlementVersion += 1
            $0.name(ResultOrigin(command, source: ResultSource.feed.rawValue))
        }
        if row.paysAtStart { markets.enqueue(number) }
        answer(command, market: number, nil, &outcomes)
    }

    // MARK: Early payouts

    /// Which selections are paid as if they had won, whatever comes: bets on them that were accepted before. Of what was
    /// said of it the newest word holds; what it no longer says is taken back.
    mutating func payEarly(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        guard let number = markets.market(external: command.clientID) else {
            return answer(command, market: nil, .marketUnknown, &outcomes)
        }
        let row = markets.markets[number]
        let count = Int(row.selectionCount)
        let body = Layout.EarlyPayout.moments + count * Layout.EarlyPayout.momentSize
        let moments = (0..<count).map {
            max(
                0,
                command.slots >= SlotSize.slots(forBody: body)
                    ? command.field(
                        Layout.EarlyPayout.moments + $0 * Layout.EarlyPayout.momentSize,
                        as: Int64.self) : 0)
        }
        // What is still to come decides no bet.
        guard row.paysEarly, moments.allSatisfy({ $0 <= time.nanoseconds }),
            command.slots >= SlotSize.slots(forBody: body),
            command.field(Layout.EarlyPayout.selectionCount, as: UInt16.self) == UInt16(count)
        else { return answer(command, market: number, .malformed, &outcomes) }
        guard row.isReleased == 0 else {
            return answer(command, market: number, .betsReleased, &outcomes)
        }
        let said = command.said(at: Layout.EarlyPayout.time)
        let before = (0..<count).map {
            markets.selections[row.firstSelection + UInt32($0)].paidBefore
        }
        // Of two words of one moment the one that pays more, the first that differs deciding.
        let isOld =
            said < row.startingTime
            || said == row.startingTime && moments.lexicographicallyPrecedes(before)
        guard !refuses(command, .superseded, when: isOld) else {
            return answer(command, market: number, .superseded, &outcomes)
        }
        markets.change(market: number) { $0.startingTime = said }
        guard moments != before else {
            return answer(command, market: number, .noChange, &outcomes)
        }
        for (index, moment) in moments.enumerated() {
            markets.change(selection: row.firstSelection + UInt32(index)) {
                $0.paidBefore = moment
            }
        }
        markets.change(market: number) {
            $0.version += 1
            $0.settlementVersion += 1
            $0.name(ResultOrigin(command, source: ResultSource.feed.rawValue))
        }
        markets.enqueue(number)
        answer(command, market: number, nil, &outcomes)
    }

    /// Of two words of one moment the one with the longer prices, the first that differs deciding.
    private func holds(_ prices: [Odds?], against others: [Odds?]) -> Bool {
        for (price, other) in zip(prices, others) where price != other {
            guard let price else { return false }
            return other.map { price > $0 } ?? true
        }
        return true
    }

    // MARK: A start that was heard of too late

    /// Takes note of when a fixture truly began; whether bets may have been taken after that which should not.
    mutating func takeStart(_ command: RecordBytes, of number: UInt32) -> Bool {
        let start = command.field(Layout.Fixture.startedAt, as: Int64.self)
        let said = command.said(at: Layout.Fixture.providerTime)
        let before = markets.fixtures[number]
        // What is still to come is a schedule, not a start.
        guard start > 0, start <= time.nanoseconds,
            (said, start) > (before.trueStartSaid, before.trueStart)
        else { return false }
        markets.change(fixture: number) {
            $0.trueStart = start
            $0.trueStartSaid = said
            // From here on nobody can say that we did not know.
            if $0.actualStart == 0 { $0.actualStart = time.nanoseconds }
        }
        let until = markets.fixtures[number].actualStart
        return start != before.trueStart
            && (start < until || before.trueStart != 0 && before.trueStart < until)
    }

    /// Walks over the bets of every market of the fixture; what was offered as if it had not begun is shut until
    /// its supplier shows it in play.
    mutating func voidPastPosted(
        _ fixture: UInt32, _ command: RecordBytes, _ outcomes: inout RecordWriter
    ) {
        let isInPlay = markets.fixtures[fixture].isInPlay == 1
        let trueStart = markets.fixtures[fixture].trueStart
        var number = markets.fixtures[fixture].firstMarket
        while number != .max {
            let next = markets.markets[number].nextOfFixture
            defer { number = next }
            guard markets.markets[number].isReleased == 0 else { continue }
            markets.change(market: number) {
                if !isInPlay {
                    $0.reasons = ShutReasons(rawValue: $0.reasons).union(.feed).rawValue
                }
                $0.trueStart = trueStart
                $0.decideAgain(ResultOrigin(command, source: ResultSource.feed.rawValue))
            }
            markets.enqueue(number)
            answer(command, market: number, nil, &outcomes)
        }
    }

    // MARK: Certainty

    /// Whether a market's result is one that a bet which may return so much must not be settled by yet.
    @inline(__always)
    func isScoutedOnly(_ market: UInt32, mostReturned: () -> Int64) -> Bool {
        let row = markets.markets[market]
        guard row.scoutedReturn != 0, row.certainty == Self.scouted, row.isByOperators == 0 else {
            return false
        }
        return row.scoutedReturn < 0 || mostReturned() > row.scoutedReturn
    }

    /// What a bet may come to: nobody knows where a leg's price may still rise.
    @inline(never)
    func mostReturned(by bet: BetRow) -> Int64 {
        for leg in bet.firstLeg..<bet.firstLeg + UInt32(bet.legCount)
        where accounts.legs[leg].isAtStart
            || markets.markets[accounts.legs[leg].market].isGuaranteed
        {
            return .max
        }
        return bet.potentialReturn
    }

    private static let scouted: UInt8 = 1
}

extension RecordBytes {
    /// When the supplier said this; where it does not say, when it was heard.
    func said(at offset: Int) -> Int64 {
        let said = field(offset, as: Int64.self)
        return said > 0 ? said : time.nanoseconds
    }

    /// Where the price of each selection begins; nil when there is not one for each.
    func priceEntries(of selections: UInt8) -> StrideTo<Int>? {
        let end = Layout.Price.entries + Int(selections) * Layout.Price.entrySize
        let more = hasChances ? Int(selections) * Layout.Price.chanceSize : 0
        guard field(Layout.Price.selectionCount, as: UInt16.self) == UInt16(selections),
            slots >= SlotSize.slots(forBody: end + more)
        else { return nil }
        return stride(from: Layout.Price.entries, to: end, by: Layout.Price.entrySize)
    }

    private var hasChances: Bool { flags & Layout.Price.hasChances != 0 }

    /// What is said beside the price whose entry begins at `entry`.
    func chance(at entry: Int, of selections: UInt8) -> Chance? {
        guard hasChances else { return nil }
        let index = (entry - Layout.Price.entries) / Layout.Price.entrySize
        let offset =
            Layout.Price.entries + Int(selections) * Layout.Price.entrySize
            + index * Layout.Price.chanceSize
        let win = field(offset, as: UInt32.self)
        return win == .max ? nil : Chance(win: win, back: field(offset + 4, as: UInt32.self))
    }

    /// Whether a market's lines let stakes go back: all but those on a half do, and Asian ones that nobody named may.
    func mayPush(selections: Int) -> Bool {
        let lines =
            [field(Layout.Market.line, as: Int32.self)]
            + (0..<selections).map {
                field(
                    Layout.Market.selections + $0 * Layout.Market.selectionSize
                        + Layout.Market.selectionLine, as: Int32.self)
            }
        let type = MarketType(rawValue: field(Layout.Market.type, as: UInt8.self))
        if type == .asianHandicap || type == .asianTotal, lines.allSatisfy({ $0 == .min }) {
            return true
        }
        return lines.contains { $0 != .min && $0 % 4 != 2 && $0 % 4 != -2 }
    }

    func action(at offset: Int) -> ResultAction {
        ResultAction(rawValue: field(offset, as: UInt8.self)) ?? .settle
    }
}
