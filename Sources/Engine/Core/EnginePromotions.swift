import Betting
public import Kernel

/// What the house promises customers, as its newest version says.
public struct Promotion: Hashable, Sendable {
    /// The house's own number of it.
    public let number: UInt64
    /// How often it was said; the first version is 1.
    public let version: UInt32
    /// Nanoseconds since 1970: from when on it is offered, 0 at once, and until when, 0 no end.
    public let from: Int64
    public let until: Int64
    public let name: String
    /// What a customer must know to take it.
    public let terms: String
    /// What was given under it, less what was taken back, under all of its versions: bonus money and free stakes, minor
    /// units.
    public internal(set) var bonus: Int64 = 0
    public internal(set) var free: Int64 = 0

    public static let nameBytes = 48
    public static let termsBytes = 1024

    /// Whether something may be given under it then.
    public func isOffered(at time: Timestamp) -> Bool {
        time.nanoseconds >= from && (until == 0 || time.nanoseconds < until)
    }

    var mix: RowMix {
        var mix = RowMix(kind: 34, row: number)
        mix.combine(UInt64(version), UInt64(bitPattern: from))
        mix.combine(UInt64(bitPattern: until), UInt64(name.utf8.count))
        mix.combine(bonus, free)
        for word in Self.words(name) + Self.words(terms) { mix.combine(word, 0) }
        return mix
    }

    /// Its words in a snapshot: eight, then those of its texts.
    var words: [UInt64] {
        [
            number, UInt64(version), UInt64(bitPattern: from), UInt64(bitPattern: until),
            UInt64(name.utf8.count), UInt64(terms.utf8.count), UInt64(bitPattern: bonus),
            UInt64(bitPattern: free),
        ] + Self.words(name) + Self.words(terms)
    }

    /// Eight bytes a word, zeros behind the last.
    static func words(_ text: String) -> [UInt64] {
        var words = [UInt64](repeating: 0, count: (text.utf8.count + 7) / 8)
        for (index, byte) in text.utf8.enumerated() {
            words[index / 8] |= UInt64(byte) << UInt64(index % 8 * 8)
        }
        return words
    }

    /// Of so many bytes, as `words` has them.
    static func text(_ count: Int, _ next: () -> UInt64) -> String {
        var bytes: [UInt8] = []
        for _ in 0..<(count + 7) / 8 {
            let word = next()
            for place in 0..<8 where bytes.count < count {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(place * 8)))
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Promotions are said before anything is given under them; every version stays in the journal.
extension Engine {
    /// Promotions that a cell has in its life.
    static let mostPromotions = 256

    /// All that were said, by number.
    public var allPromotions: [Promotion] { promotions }

    public func promotion(_ number: UInt64) -> Promotion? {
        promotions.first { $0.number == number }
    }

    mutating func setPromotion(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        typealias Said = Layout.Promotion
        let number = command.field(Said.number, as: UInt64.self)
        let from = command.field(Said.from, as: Int64.self)
        let until = command.field(Said.until, as: Int64.self)
        let length = Int(command.field(Said.termsLength, as: UInt16.self))
        guard number != 0, number <= UInt64(Limits.minorUnits), from >= 0,
            until == 0 || until > from, length > 0, length <= Promotion.termsBytes,
            command.slots >= SlotSize.slots(forBody: Said.terms + length),
            command.field(Said.name, as: UInt8.self) != 0
        else { return answer(command, market: nil, .malformed, &outcomes) }
        guard command.field(Said.actor, as: UInt64.self) != 0 else {
            return answer(command, market: nil, .operatorMissing, &outcomes)
        }
        guard command.field(Said.reason, as: UInt8.self) != 0 else {
            return answer(command, market: nil, .reasonMissing, &outcomes)
        }
        let before = promotion(number)
        let expected = command.field(Said.expected, as: UInt32.self)
        guard expected == 0 || expected - 1 == before?.version ?? 0 else {
            return answer(command, market: nil, .changedSince, &outcomes)
        }
        let said = Promotion(
            number: number, version: (before?.version ?? 0) + 1, from: from, until: until,
            name: command.text(Said.name, width: Promotion.nameBytes),
            terms: command.text(Said.terms, width: length), bonus: before?.bonus ?? 0,
            free: before?.free ?? 0)
        // What is no text comes out longer than it was, and what begins with a zero byte empty.
        guard (1...Promotion.nameBytes).contains(said.name.utf8.count),
            (1...Promotion.termsBytes).contains(said.terms.utf8.count)
        else { return answer(command, market: nil, .malformed, &outcomes) }
        let isSame =
            before?.from == from && before?.until == until && before?.name == said.name
            && before?.terms == said.terms
        guard !isSame else { return answer(command, market: nil, .noChange, &outcomes) }
        guard before != nil || promotions.count < Self.mostPromotions else {
            return answer(command, market: nil, .full, &outcomes)
        }
        change(promotion: said)
        let record = marketChanged(command, nil, nil, &outcomes)
        record.set(Layout.MarketChanged.version, UInt64(said.version))
    }

    /// What was given under a promotion, or taken back, is counted there.
    mutating func countGiven(_ amount: Int64, _ kind: GrantKind, _ command: RecordBytes) {
        let number = command.field(Layout.Grant.promotion, as: UInt64.self)
        guard number != 0, ruleSet.knowsPromotions,
            var given = promotion(number)
        else { return }
        // Far more than all money there is: then it stays there.
        func sum(_ one: Int64) -> Int64 {
            let (sum, overflow) = one.addingReportingOverflow(amount)
            return overflow ? one : sum
        }
        switch kind {
        case .bonus: given.bonus = sum(given.bonus)
        case .free: given.free = sum(given.free)
        }
        change(promotion: given)
    }

    /// Why nothing may be given, or taken back, under what a grant names; before version 2 of the rules it could name
    /// anything.
    func promotionRefusal(_ command: RecordBytes) -> OperationRefusal? {
        let number = command.field(Layout.Grant.promotion, as: UInt64.self)
        guard number != 0, ruleSet.knowsPromotions else { return nil }
        guard let known = promotion(number) else { return .promotionUnknown }
        // What is taken back was given under an older version, perhaps, and after its end.
        guard command.field(Layout.Grant.amount, as: Int64.self) > 0 else { return nil }
        let terms = command.field(Layout.Grant.terms, as: UInt32.self)
        guard terms == known.version else { return .changedSince }
        let isOffered = known.isOffered(at: time) || planted(.promotionOverForgotten)
        return isOffered ? nil : .promotionNotOffered
    }
}
