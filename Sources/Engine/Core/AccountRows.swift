import Betting
import Kernel

/// A customer's account as the engine sees it: numbers and money, no person.
struct AccountRow: BitwiseCopyable {
    var externalHigh: UInt64
    var externalLow: UInt64
    var cash: Int64 = 0
    var bonus: Int64 = 0
    var free: Int64 = 0
    var held: Int64 = 0
    var openBets: Int64 = 0
    /// What the customer owes, positive.
    var receivable: Int64 = 0
    /// Minor units, 0: none of its own.
    var stakeLimit: Int64
    var currency: UInt16
    var money: UInt8
    var isClosed: UInt8 = 0
    var pending: UInt16 = 0
    /// Refused intents in the id window.
    var refused: UInt16 = 0
    /// Bets that are pending or open.
    var standing: UInt32 = 0
    /// The newest of its own limits: the row plus one, 0 none.
    var firstLimit: UInt32 = 0
    /// Milliseconds that its bets wait in play beside a market's own delay.
    var delay: UInt32 = 0
    /// Thousandths of a market's maximum stake.
    var stakeFactor: UInt16 = AccountRow.wholeFactor
    /// Sports and matches that it is kept from.
    var bars: UInt16 = 0
    /// What it was paid on a day, less what was taken back on that day, where there is a cap on it; days since 1970.
    var paid: Int64 = 0
    var paidDay: Int32 = 0
    /// Until when bets are taken by the newest decision of where its customer is, seconds since 1970: 0 none are.
    var locatedUntil: UInt32 = 0
    /// That decision, 0 none, and the mark by which bets name it. A longer row would be copied whole wherever it is read.
    var located: UInt64 = 0
    var locatedMark: UInt64 = 0

    /// Minor units.
    func paid(on day: Int64) -> Int64 { Int64(paidDay) == day ? paid : 0 }

    static let wholeFactor: UInt16 = 1000

    /// The most that it may stake where a market takes `maximum`.
    func mostStaked(_ maximum: Int64) -> Int64 {
        guard stakeFactor != Self.wholeFactor else { return maximum }
        let (whole, rest) = maximum.quotientAndRemainder(dividingBy: Int64(Self.wholeFactor))
        let (scaled, overflow) = whole.multipliedReportingOverflow(by: Int64(stakeFactor))
        let more = rest * Int64(stakeFactor) / Int64(Self.wholeFactor)
        return overflow ? .max : scaled.addingReportingOverflow(more).partialValue
    }

    /// What there is of the money that a stake is of.
    func available(for stake: StakeSplit) -> Int64 {
        (stake.cash > 0 || stake.isCash ? cash : 0) + (stake.bonus > 0 ? bonus : 0)
            + (stake.free > 0 ? free : 0)
    }

    /// What every bet changes.
    @inline(__always) func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 1, row: UInt64(row))
        mix.combine(cash, bonus)
        mix.combine(held, openBets)
        mix.combine(
            UInt64(bitPattern: receivable), UInt64(standing) << 16 | UInt64(pending))
        return mix
    }

    /// What hardly ever changes.
    func mixTerms(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 24, row: UInt64(row))
        mix.combine(externalHigh, externalLow)
        mix.combine(free, stakeLimit)
        mix.combine(
            UInt64(refused),
            UInt64(currency) << 48 | UInt64(money) << 40 | UInt64(isClosed) << 32
                | UInt64(firstLimit))
        mix.combine(UInt64(delay), UInt64(bars) << 16 | UInt64(stakeFactor))
        mix.combine(paid, Int64(paidDay))
        // As it was where nobody asks where customers are.
        if located != 0 {
            mix.combine(located, locatedMark)
            mix.combine(UInt64(locatedUntil), 0)
        }
        return mix
    }

    func write(to record: RecordBytes, at offset: Int) {
        record.set(offset + Layout.Balances.cash, cash)
        record.set(offset + Layout.Balances.bonus, bonus)
        record.set(offset + Layout.Balances.free, free)
        record.set(offset + Layout.Balances.held, held)
        record.set(offset + Layout.Balances.openBets, openBets)
        record.set(offset + Layout.Balances.receivable, receivable)
    }
}

struct BetRow: BitwiseCopyable {
    /// The intent's sequence: the bet's id.
    var sequence: UInt64
    var stake: Int64
    var potentialReturn: Int64
    var payout: Int64 = 0
    var acceptedAt: Int64 = 0
    var dueAt: Int64
    var account: UInt32
    var firstLeg: UInt32
    /// While it waits for its delay, what its customer lets prices do meanwhile (`allow`).
    var settlementVersion: UInt16 = 0
    var legCount: UInt8
    var status: UInt8
    var isExposed: UInt8 = 1
    /// Legs whose markets have not released them yet.
    var heldLegs: UInt8 = 0
    var refusal: UInt8 = 0
    /// What it is beside legs and a stake of cash: the bits below.
    var forms: UInt8 = 0

    /// A row behind the legs says which lines they make.
    static let system: UInt8 = 1
    /// Rows of terms stand behind that.
    static let eachWay: UInt8 = 2
    /// Not of cash alone, with a `PromotionalRow` behind all.
    static let promotional: UInt8 = 4
    /// What it may cost is divided among its open legs.
    static let divided: UInt8 = 8
    /// A row of groups stands behind that of the lines.
    static let nested: UInt8 = 16
    /// The price of all legs together stands behind them.
    static let joint: UInt8 = 32
    /// Its price was found to look like an error.
    static let suspected: UInt8 = 64
    /// Two people have made it void.
    static let voidByHand: UInt8 = 128

    var isSystem: Bool { forms & Self.system != 0 }
    var isDivided: Bool { forms & Self.divided != 0 }
    var isEachWay: Bool { forms & Self.eachWay != 0 }
    var isPromotional: Bool { forms & Self.promotional != 0 }
    var isNested: Bool { forms & Self.nested != 0 }
    var isJoint: Bool { forms & Self.joint != 0 }
    var isSuspected: Bool { forms & Self.suspected != 0 }
    var isVoidByHand: Bool { forms & Self.voidByHand != 0 }

    /// The first row of an each-way bet's terms.
    var firstPlaces: UInt32 {
        firstLeg + UInt32(legCount) + (isSystem ? 1 : 0) + (isNested ? 1 : 0)
    }

    /// What decides it: each of its legs, or all of them as one.
    var parts: UInt32 { isJoint ? 1 : UInt32(legCount) }

    /// Its legs, what they make, four legs' terms in each further row, and of which money its stake is.
    @inline(__always) var legRows: Int {
        guard forms != 0 else { return Int(legCount) }
        return Self.legRows(
            Int(legCount), isSystem: isSystem, hasMore: isNested || isJoint, isEachWay: isEachWay,
            isPromotional: isPromotional)
    }

    @inline(__always)
    static func legRows(
        _ legs: Int, isSystem: Bool, hasMore: Bool, isEachWay: Bool, isPromotional: Bool
    ) -> Int {
        legs + (isSystem ? 1 : 0) + (hasMore ? 1 : 0) + (isEachWay ? (legs + 3) / 4 : 0)
            + (isPromotional ? 1 : 0)
    }

    mutating func allow(_ rule: PriceRule, _ tolerance: UInt8) {
        settlementVersion = UInt16(tolerance) << 8 | UInt16(rule.rawValue)
    }

    /// What the customer of a bet that waits lets prices do, the tolerance in rungs; nil where nobody looks.
    var allowed: (rule: PriceRule, tolerance: UInt8)? {
        PriceRule(rawValue: UInt8(truncatingIfNeeded: settlementVersion)).map {
            ($0, UInt8(settlementVersion >> 8))
        }
    }

    /// A row that waits to be used again; `firstLeg` leads to the next such.
    static func free(next: UInt32) -> BetRow {
        BetRow(
            sequence: 0, stake: 0, potentialReturn: 0, dueAt: 0, account: .max, firstLeg: next,
            legCount: 0, status: 0, isExposed: 0)
    }

    var isFree: Bool { sequence == 0 }
    /// Pending or open.
    var isStanding: Bool {
        status == BetStatus.pending.rawValue || status == BetStatus.open.rawValue
    }

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 2, row: UInt64(row))
        mix.combine(sequence, UInt64(bitPattern: stake))
        mix.combine(potentialReturn, payout)
        mix.combine(acceptedAt, dueAt)
        mix.combine(
            UInt64(account) << 32 | UInt64(firstLeg),
            UInt64(settlementVersion) << 48 | UInt64(legCount) << 40 | UInt64(status) << 32
                | UInt64(isExposed) << 24 | UInt64(heldLegs) << 16 | UInt64(forms) << 8
                | UInt64(refusal))
        return mix
    }
}

struct LegRow: BitwiseCopyable {
    /// Of a leg at starting price, what that was reckoned to be when the bet was taken.
    var numerator: UInt32
    var denominator: UInt32
    var market: UInt32
    /// The selection's row; in its highest bit whether the leg is at starting price, in the next whether it is
    /// decided, so that others carry what its accumulator may cost, and in the third whether it carries what is sure.
    var marked: UInt32
    /// The market's and the fixture's material versions together, at receipt; the lower half, which does not
    /// come round within a delay.
    var material: UInt32

    static let atStart: UInt32 = 1 << 31
    static let decided: UInt32 = 1 << 30
    static let carries: UInt32 = 1 << 29

    var odds: Odds { Odds(reduced: numerator, denominator) }
    var selection: UInt32 { marked & ~(Self.atStart | Self.decided | Self.carries) }
    var isAtStart: Bool { marked & Self.atStart != 0 }
    var isDecided: Bool {
        get { marked & Self.decided != 0 }
        set { marked = newValue ? marked | Self.decided : marked & ~Self.decided }
    }

    /// Nothing of its accumulator is open but for who does not run: what the rest won stands here.
    var isCarrier: Bool {
        get { marked & Self.carries != 0 }
        set { marked = newValue ? marked | Self.carries : marked & ~Self.carries }
    }

    /// What stands behind a system's legs.
    static func shape(_ shape: SystemShape) -> LegRow {
        LegRow(
            numerator: shape.sizes, denominator: shape.bankers, market: .max, marked: .max,
            material: 0)
    }

    /// The price of all legs of a bet together.
    static func joint(_ odds: Odds) -> LegRow {
        LegRow(
            numerator: odds.numerator, denominator: odds.denominator, market: .max, marked: .max,
            material: 0)
    }

    /// A system's groups, in the same four words.
    static func groups(_ words: SIMD4<UInt32>) -> LegRow {
        LegRow(
            numerator: words[0], denominator: words[1], market: .max, marked: words[2],
            material: words[3])
    }

    /// Four legs' each-way terms, in the same four words.
    static func places(_ words: InlineArray<4, UInt32>) -> LegRow {
        LegRow(
            numerator: words[0], denominator: words[1], market: .max, marked: words[2],
            material: words[3])
    }

    /// Of which money a stake is, and what of it came back, in the same four words.
    static func promotional(_ row: PromotionalRow) -> LegRow {
        LegRow(
            numerator: row.bonus, denominator: row.free, market: .max, marked: row.bonusBack,
            material: row.freeBack)
    }

    var words: InlineArray<4, UInt32> { [numerator, denominator, marked, material] }

    /// The first of the rows of a bet that left; `market` leads to the next such.
    static func free(next: UInt32) -> LegRow {
        LegRow(numerator: 0, denominator: 0, market: next, marked: 0, material: 0)
    }

    func mix(_ row: UInt32) -> RowMix {
        var mix = RowMix(kind: 3, row: UInt64(row))
        mix.combine(
            UInt64(numerator) << 32 | UInt64(denominator), UInt64(market) << 32 | UInt64(marked))
        mix.combine(UInt64(material), 0 as UInt64)
        return mix
    }
}

/// Of which money a bet's stake is that is not of cash alone; minor units.
struct PromotionalRow: Equatable {
    var bonus: UInt32
    var free: UInt32
    /// Of its payout, what was paid as bonus money.
    var bonusBack: UInt32 = 0
    /// Free stake that it gave back and that was not taken away again.
    var freeBack: UInt32 = 0

    init(_ stake: StakeSplit) {
        bonus = UInt32(stake.bonus)
        free = UInt32(stake.free)
    }

    init(_ row: LegRow) {
        bonus = row.numerator
        free = row.denominator
        bonusBack = row.marked
        freeBack = row.material
    }
}

/// A client's bet id with what was answered: the same request gets the same answer.
struct IDRow: BitwiseCopyable {
    var high: UInt64
    var low: UInt64
    var hashHigh: UInt64
    var hashLow: UInt64
    var account: UInt32
    /// The bet's row, or `UInt32.max` for an intent that was refused at once.
    var bet: UInt32
    var validUntil: Int64
    /// The sequence of the intent that was decided.
    var sequence: UInt64
    /// Where the facts of a refusal stand, or `UInt32.max`.
    var facts: UInt32 = .max
    var refusal: UInt16 = 0
    /// 1: it was refused with an offer.
    var isOffered: UInt16 = 0

    func mix(_ what: RefusalFacts) -> RowMix {
        var mix = RowMix(kind: 4, row: sequence)
        mix.combine(high, low)
        mix.combine(hashHigh, hashLow)
        mix.combine(UInt64(account) << 32 | UInt64(bet), UInt64(bitPattern: validUntil))
        guard refusal != 0 || facts != .max else { return mix }
        mix.combine(UInt64(what.leg), UInt64(isOffered) << 16 | UInt64(refusal))
        mix.combine(what.value, what.threshold)
        return mix
    }
}

/// The facts of one refusal, or what a cash-out came to, kept as long as its id.
struct FactRow: BitwiseCopyable {
    var value: Int64
    var threshold: Int64
    var leg: UInt32
    /// The next free row while this one is free.
    var next: UInt32 = .max
}
