import Betting
import EngineCore
import Kernel

/// What the desk sees of bets as they come: the newest lines, and what the newest bets are on.
struct Ticker {
    /// Lines that a desk is shown when it comes, and is told together.
    static let shown = 60
    private static let kept = 200
    /// Bets whose legs are known: those that wait are told of again, and so are most that end.
    private static let keptLegs = 4096

    private(set) var lines: [TickerLine] = []
    private var legs: [UInt64: [TickerLine.Leg]] = [:]
    /// Bets by when they came.
    private var order: [UInt64] = []

    mutating func note(_ line: TickerLine) {
        var line = line
        line.legs = legs[line.bet] ?? []
        lines.append(line)
        // Cut rarely and by much, so that a line costs no move of all the others.
        if lines.count > Self.kept * 2 { lines.removeFirst(Self.kept) }
    }

    /// What a `place` asks for; its answer comes behind it.
    mutating func remember(_ record: RecordBytes) {
        let count = min(Int(record.field(Layout.Place.legCount, as: UInt8.self)), Limits.legs)
        legs[record.sequence] = (0..<count).compactMap { index in
            let offset = Layout.Place.legs + index * Layout.Place.legSize
            guard record.slots >= SlotSize.slots(forBody: offset + Layout.Place.legSize) else {
                return nil
            }
            return TickerLine.Leg(
                market: MarketID(record.field(offset + Layout.Leg.market, as: UInt64.self)),
                selection: Int(record.field(offset + Layout.Leg.selection, as: UInt32.self)))
        }
        order.append(record.sequence)
        guard order.count > Self.keptLegs * 2 else { return }
        for bet in order.prefix(Self.keptLegs) { legs[bet] = nil }
        order.removeFirst(Self.keptLegs)
    }
}

/// A line of the desk's ticker.
struct TickerLine: Sendable {
    struct Leg: Sendable {
        let market: MarketID
        /// Its place in the market.
        let selection: Int
    }

    /// What a refused bet could be taken at.
    struct Offer: Sendable {
        let stake: Int64
        let odds: [Odds]
    }

    let bet: UInt64
    let account: UInt64
    let time: Timestamp
    let status: String
    let stake: Int64
    let amount: Int64
    let detail: String
    var offer: Offer?
    /// Empty where the bet is older than what is remembered.
    var legs: [Leg] = []

    init(placed record: RecordBytes) {
        bet = record.field(Layout.Placed.bet, as: UInt64.self)
        account = record.account.rawValue
        time = record.time
        stake = record.field(Layout.Placed.stake, as: Int64.self)
        amount = record.field(Layout.Placed.potentialReturn, as: Int64.self)
        status = PlacedWords.status(record)
        detail = PlacedWords.refusal(record)
        offer = record.placedOffer.map { Offer(stake: $0.stake, odds: $0.odds) }
    }

    init(sold record: RecordBytes) {
        bet = record.field(Layout.CashOutAnswered.bet, as: UInt64.self)
        account = record.account.rawValue
        time = record.time
        stake = record.field(Layout.CashOutAnswered.part, as: Int64.self)
        amount = record.field(Layout.CashOutAnswered.payout, as: Int64.self)
        status = BetStatus.cashedOut.word
        let left = record.field(Layout.CashOutAnswered.stakeLeft, as: Int64.self)
        detail = left > 0 ? "in_part" : ""
    }

    init(settled record: RecordBytes) {
        bet = record.field(Layout.BetSettled.bet, as: UInt64.self)
        account = record.account.rawValue
        time = record.time
        stake = record.field(Layout.BetSettled.stake, as: Int64.self)
        amount = record.field(Layout.BetSettled.payout, as: Int64.self)
        status = PlacedWords.settlement(record)
        detail = ""
    }
}
