import Betting
import Catalogue
import EngineCore
import EngineJournal
import JSONText
import Kernel
import NetworkCodecs

/// A `place` message as it came: its shape is checked here, its meaning by the engine.
struct BetRequest {
    let clientID: ExternalID
    let validUntil: Timestamp
    /// Of all money; what of it is bonus money, and what is free.
    let stake: Int64
    let bonus: Int64
    let free: Int64
    let currency: Currency
    let legs: [LegIntent]
    let rule: PriceRule
    let ruleSource: PriceRuleSource
    let tolerance: UInt8
    let fill: FillRule
    /// The refused bet whose offer this takes, 0 none.
    let offer: UInt64
    let format: OddsFormat
    let structure: BetStructure
    /// Nil for an accumulator.
    let shape: SystemShape?
    /// A single-use quote as it was sent; what it says is for whoever signed it.
    let quote: String?

    /// What is wrong with the message; uses up no id.
    struct Malformed: Error {
        let what: String
        /// Every part is what it should be, and together they are no bet.
        var isRule = false

        /// 400 for what is not as described, 422 for what can be no bet.
        func problem(_ title: String, rule: String = "not_a_bet") -> Problem {
            isRule
                ? Problem(422, rule, title, detail: what)
                : Problem(400, "malformed", title, detail: what)
        }
    }

    /// Where a bet's id comes from.
    enum Identity {
        /// Its own `id`.
        case own
        /// The key of the request that it came in; an `id` of its own must say the same.
        case key(ExternalID)
        /// A slip has neither id nor deadline yet; this time stands for the latter.
        case draft(Timestamp)
    }

    init(_ tape: borrowing JSONTape, in view: CatalogueView, _ identity: Identity = .own)
        throws(Malformed)
    {
        let root = tape.root
        if case .draft(let now) = identity {
            clientID = ExternalID(high: 1, low: 1)
            validUntil = now
        } else {
            let place = tape.member("id", of: root)
            var id = place.flatMap { place in tape.withBytes(place) { ExternalID($0) } }
            if case .key(let key) = identity {
                guard place == nil || id == key else {
                    throw Malformed(what: "id: the Idempotency-Key's, or none", isRule: true)
                }
                id = key
            }
            guard let id, id.milliseconds != nil else {
                throw Malformed(
                    what: "id: a UUID of version 7 (RFC 9562) that you made for this bet")
            }
            clientID = id
            validUntil = try Self.deadline(tape)
        }
        let given = try Self.stake(tape, tape.member("stake", of: root))
        currency = given.currency
        let kind: BetStructure = try Self.choice(
            tape, "structure", ["single", "accumulator", "system", "same_game"],
            [.accumulator, .accumulator, .system, .sameGame], standard: .accumulator,
            else: "structure: single, accumulator, system or same_game")
        guard let items = tape.member("legs", of: root), let count = tape.count(items), count > 0,
            count <= Limits.legs
        else { throw Malformed(what: "legs: 1 to \(Limits.legs)") }
        guard
            count == 1
                || !(tape.member("structure", of: root).map { tape.isText($0, "single") } ?? false)
        else {
            throw Malformed(what: "structure: single has one leg", isRule: true)
        }
        shape = kind == .system ? try Self.shape(tape, legs: count) : nil
        let isEachWay = try Self.flag(tape, "eachWay")
        guard kind != .sameGame || !isEachWay && count > 1 && count <= Limits.sameGameLegs else {
            throw Malformed(
                what: "structure: same_game has 2 to \(Limits.sameGameLegs) legs, not each way",
                isRule: true)
        }
        structure = isEachWay ? .eachWay : kind
        let parts = (shape?.lines ?? 1) * (isEachWay ? 2 : 1)
        let (whole, overflow) = given.amount.multipliedReportingOverflow(
            by: given.isPerLine ? parts : 1)
        guard !overflow, whole <= Limits.minorUnits else {
            throw Malformed(what: "stake.amount: at most 2^53 - 1 over all lines", isRule: true)
        }
        stake = whole
        // Parts of an amount that does not overflow.
        bonus = given.bonus * (given.isPerLine ? parts : 1)
        free = given.free * (given.isPerLine ? parts : 1)
        var legs: [LegIntent] = []
        legs.reserveCapacity(count)
        for index in 0..<count {
            let item = tape.item(index, of: items)!
            var leg = try Self.leg(tape, item, index, view)
            if isEachWay { leg.places = try Self.places(tape, item, index) }
            legs.append(leg)
        }
        self.legs = legs
        rule = try Self.choice(
            tape, "priceRule", ["exact", "better", "any"], [.exact, .better, .any],
            standard: .exact, else: "priceRule: exact, better or any")
        ruleSource = tape.member("priceRule", of: root) == nil ? .standard : .customer
        fill = try Self.choice(
            tape, "fill", ["reject", "cap", "maximum"], [.reject, .cap, .maximum],
            standard: .reject, else: "fill: reject, cap or maximum")
        offer = try Self.offer(tape)
        guard fill == .reject || bonus | free == 0 && kind != .sameGame else {
            throw Malformed(
                what: "fill: of a stake of cash alone, and not of legs with one price", isRule: true
            )
        }
        let tolerance = tape.member("tolerance", of: root).flatMap { tape.whole($0) } ?? 0
        guard (0...255).contains(tolerance) else {
            throw Malformed(what: "tolerance: 0 to 255 rungs of the ladder")
        }
        self.tolerance = UInt8(tolerance)
        if let place = tape.member("quote", of: root), !tape.isNull(place) {
            guard let text = tape.text(place) else {
                throw Malformed(what: "quote: a single-use quote, as it was given")
            }
            quote = text
        } else {
            quote = nil
        }
        guard let place = tape.member("oddsFormat", of: root) else {
            format = .decimal
            return
        }
        guard let chosen = tape.text(place).flatMap({ OddsFormat(name: $0) }) else {
            throw Malformed(
                what: "oddsFormat: decimal, fractional, american, hong_kong, malay or indonesian")
        }
        format = chosen
    }

    /// A stake as it is sent: all of it, and what of it is bonus money or free; per bet or per line.
    private struct GivenStake {
        let amount: Int64
        let currency: Currency
        var bonus: Int64 = 0
        var free: Int64 = 0
        var isPerLine = false
    }

    private static func stake(_ tape: borrowing JSONTape, _ stake: JSONTape.Place?)
        throws(Malformed) -> GivenStake
    {
        guard let stake, let amount = tape.member("amount", of: stake).flatMap({ tape.whole($0) }),
            amount > 0, amount <= Limits.minorUnits
        else { throw Malformed(what: "stake.amount: whole minor units, 1 to 2^53 - 1") }
        let currency = tape.member("currency", of: stake).flatMap { place in
            tape.withBytes(place) { Currency($0) }
        }
        guard let currency else {
            throw Malformed(what: "stake.currency: a known ISO 4217 code")
        }
        var given = GivenStake(amount: amount, currency: currency)
        given.bonus = try part("bonus", of: amount, tape, stake)
        given.free = try part("free", of: amount, tape, stake)
        if let kind = tape.member("kind", of: stake) {
            let isBonus = tape.isText(kind, "bonus")
            let isFree = tape.isText(kind, "free")
            guard isBonus || isFree || tape.isText(kind, "cash") else {
                throw Malformed(what: "stake.kind: cash, bonus or free")
            }
            guard given.bonus | given.free == 0 else {
                throw Malformed(
                    what: "stake: a kind, or what of the amount is bonus and free", isRule: true)
            }
            if isBonus { given.bonus = amount }
            if isFree { given.free = amount }
        }
        guard given.bonus <= amount - given.free else {
            throw Malformed(what: "stake: bonus and free are parts of the amount", isRule: true)
        }
        guard let per = tape.member("per", of: stake) else { return given }
        guard tape.isText(per, "line") || tape.isText(per, "bet") else {
            throw Malformed(what: "stake.per: line or bet")
        }
        given.isPerLine = tape.isText(per, "line")
        return given
    }

    private static func part(
        _ name: StaticString, of amount: Int64, _ tape: borrowing JSONTape, _ stake: JSONTape.Place
    ) throws(Malformed) -> Int64 {
        guard let place = tape.member(name, of: stake) else { return 0 }
        guard let part = tape.whole(place), part >= 0 else {
            throw Malformed(what: "stake.\(name): whole minor units")
        }
        guard part <= amount else {
            throw Malformed(what: "stake.\(name): at most the amount", isRule: true)
        }
        return part
    }

    /// `{"sizes": [2, 3], "bankers": [0]}`: how many of the free legs make a line, and which legs are in every one.
    private static func shape(_ tape: borrowing JSONTape, legs: Int) throws(Malformed)
        -> SystemShape
    {
        guard let system = tape.member("system", of: tape.root) else {
            throw Malformed(what: "system: a structure of this kind says which", isRule: true)
        }
        guard let sizes = bits(tape, tape.member("sizes", of: system), in: 1...Int64(Limits.legs))
        else {
            throw Malformed(what: "system.sizes: how many legs a line has, such as [2, 3]")
        }
        var bankers: UInt32 = 0
        if let wanted = tape.member("bankers", of: system) {
            guard let legs = bits(tape, wanted, in: 0...Int64(Limits.legs) - 1) else {
                throw Malformed(what: "system.bankers: places in legs, such as [0]")
            }
            bankers = legs
        }
        let groups = try groups(tape, tape.member("groups", of: system))
        let shape = SystemShape(legs: legs, sizes: sizes, bankers: bankers, groups: groups)
        guard let shape else {
            throw Malformed(
                what: groups.isEmpty
                    ? "system: 2 to \(SystemShape.mostLegs) legs, with sizes that they have"
                    : "system: groups of some of its legs, within or beside each other, with sizes that they have; and no bankers",
                isRule: true)
        }
        return shape
    }

    /// `[{"from": 0, "to": 1, "sizes": [1]}]`: legs that count as one in what is around them.
    private static func groups(_ tape: borrowing JSONTape, _ place: JSONTape.Place?)
        throws(Malformed) -> [SystemGroup]
    {
        guard let place else { return [] }
        guard let count = tape.count(place), count <= SystemShape.mostGroups else {
            throw Malformed(what: "system.groups: at most \(SystemShape.mostGroups)")
        }
        var groups: [SystemGroup] = []
        for index in 0..<count {
            guard let item = tape.item(index, of: place),
                let from = tape.member("from", of: item).flatMap({ tape.whole($0) }),
                let until = tape.member("to", of: item).flatMap({ tape.whole($0) }),
                let sizes = bits(tape, tape.member("sizes", of: item), in: 1...Int64(Limits.legs)),
                (0..<Int64(Limits.legs)).contains(from), (0..<Int64(Limits.legs)).contains(until)
            else {
                throw Malformed(
                    what: "system.groups: such as [{\"from\": 0, \"to\": 1, \"sizes\": [1]}]")
            }
            groups.append(SystemGroup(first: Int(from), last: Int(until), sizes: sizes))
        }
        return groups
    }

    /// One bit for each number of an array, the least in the lowest; nil for anything else, and for one named twice.
    private static func bits(
        _ tape: borrowing JSONTape, _ place: JSONTape.Place?, in range: ClosedRange<Int64>
    ) -> UInt32? {
        guard let place, let count = tape.count(place) else { return nil }
        var bits: UInt32 = 0
        for index in 0..<count {
            guard let number = tape.item(index, of: place).flatMap({ tape.whole($0) }),
                range.contains(number), bits >> UInt32(number - range.lowerBound) & 1 == 0
            else { return nil }
            bits |= 1 << UInt32(number - range.lowerBound)
        }
        return bits
    }

    /// What one of `words` stands for; `standard` when the member is not there.
    private static func choice<Value, let count: Int>(
        _ tape: borrowing JSONTape, _ name: StaticString, _ words: InlineArray<count, StaticString>,
        _ values: InlineArray<count, Value>, standard: Value, else what: String
    ) throws(Malformed) -> Value {
        guard let place = tape.member(name, of: tape.root) else { return standard }
        for index in 0..<count where tape.isText(place, words[index]) { return values[index] }
        throw Malformed(what: what)
    }

    private static func offer(_ tape: borrowing JSONTape) throws(Malformed) -> UInt64 {
        guard let place = tape.member("offer", of: tape.root) else { return 0 }
        let number = tape.withBytes(place) { decimal($0) } ?? nil
        guard let number, number > 0 else {
            throw Malformed(what: "offer: the reference of an offer, as text")
        }
        return number
    }

    private static func flag(_ tape: borrowing JSONTape, _ name: StaticString) throws(Malformed)
        -> Bool
    {
        guard let place = tape.member(name, of: tape.root) else { return false }
        guard let flag = tape.flag(place) else { throw Malformed(what: "\(name): true or false") }
        return flag
    }

    /// `{"places": 3, "fraction": [1, 5]}`, as the market showed it.
    private static func places(
        _ tape: borrowing JSONTape, _ leg: JSONTape.Place, _ index: Int
    ) throws(Malformed) -> PlaceTerms {
        guard let terms = tape.member("eachWay", of: leg) else {
            throw Malformed(
                what: "legs[\(index)].eachWay: an each-way bet says the terms that were shown",
                isRule: true)
        }
        guard let places = tape.member("places", of: terms).flatMap({ tape.whole($0) }),
            let (above, below) = pair(tape, tape.member("fraction", of: terms))
        else {
            throw Malformed(
                what: "legs[\(index)].eachWay: such as {\"places\": 3, \"fraction\": [1, 5]}")
        }
        guard
            let known = PlaceTerms(
                places: UInt8(clamping: places), numerator: UInt8(clamping: above),
                denominator: UInt8(clamping: below))
        else {
            throw Malformed(what: "legs[\(index)].eachWay: no such terms", isRule: true)
        }
        return known
    }

    private static func leg(
        _ tape: borrowing JSONTape, _ leg: JSONTape.Place, _ index: Int, _ view: CatalogueView
    ) throws(Malformed) -> LegIntent {
        func whole(_ name: StaticString) -> Int64? {
            tape.member(name, of: leg).flatMap { tape.whole($0) }
        }
        let market = tape.member("market", of: leg).flatMap { place in
            tape.withBytes(place) { decimal($0) }
        }
        guard let market else {
            throw Malformed(what: "legs[\(index)].market: the market's id as text")
        }
        guard let selection = whole("selection"), (0..<64).contains(selection) else {
            throw Malformed(what: "legs[\(index)].selection: the selection's number in its market")
        }
        let odds = try odds(tape, leg, index)
        var score = Score.unknown
        if let shown = tape.member("score", of: leg), tape.count(shown) != nil {
            guard let (home, away) = pair(tape, shown), let homeGoals = UInt16(exactly: home),
                let awayGoals = UInt16(exactly: away)
            else { throw Malformed(what: "legs[\(index)].score: [home, away] or null") }
            score = Score(home: homeGoals, away: awayGoals).packed
        }
        let id = MarketID(market)
        let known = view.markets[id]
        var intent = LegIntent(
            market: id, fixture: known?.fixture ?? FixtureID(.max), selection: UInt32(selection),
            odds: odds, marketVersion: whole("version").map { UInt64(clamping: $0) } ?? 0,
            score: score, clockSeconds: whole("clock").map { UInt32(clamping: $0) } ?? .max,
            message: known?.message ?? 0)
        intent.isAtTheOff = known?.isAtTheOff ?? false
        return intent
    }

    /// The price that was shown; nil where a leg is to be paid at its starting price.
    private static func odds(
        _ tape: borrowing JSONTape, _ leg: JSONTape.Place, _ index: Int
    ) throws(Malformed) -> Odds? {
        let shown = tape.member("odds", of: leg)
        if let said = tape.member("startingPrice", of: leg) {
            guard tape.flag(said) == true, shown == nil else {
                throw Malformed(what: "legs[\(index)]: startingPrice true, or odds; not both")
            }
            return nil
        }
        guard let (top, bottom) = pair(tape, shown),
            let numerator = UInt32(exactly: top), let denominator = UInt32(exactly: bottom)
        else {
            throw Malformed(what: "legs[\(index)].odds: [return, stake] as the market showed them")
        }
        guard let odds = Odds(numerator, over: denominator) else {
            throw Malformed(
                what: "legs[\(index)].odds: a winning bet returns more than its stake",
                isRule: true)
        }
        return odds
    }

    /// Two whole numbers in an array.
    private static func pair(_ tape: borrowing JSONTape, _ place: JSONTape.Place?) -> (
        Int64, Int64
    )? {
        guard let place, tape.count(place) == 2,
            let one = tape.item(0, of: place).flatMap({ tape.whole($0) }),
            let other = tape.item(1, of: place).flatMap({ tape.whole($0) })
        else { return nil }
        return (one, other)
    }

    /// An id as it is sent: decimal digits only.
    private static func decimal(_ text: Span<UInt8>) -> UInt64? {
        guard !text.isEmpty else { return nil }
        var value: UInt64 = 0
        for index in text.indices {
            guard (0x30...0x39).contains(text[index]) else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, over) = tens.addingReportingOverflow(UInt64(text[index] - 0x30))
            guard !overflow, !over else { return nil }
            value = sum
        }
        return value
    }

    /// Until when it may be decided.
    static func deadline(_ tape: borrowing JSONTape) throws(Malformed) -> Timestamp {
        let place = tape.member("validUntil", of: tape.root)
        let until = place.flatMap { place in tape.withBytes(place) { Timestamp($0) } }
        guard let until else {
            // Such as the year 3000, which no clock of ours reaches.
            throw Malformed(
                what: "validUntil: RFC 3339 in UTC, such as 2026-01-02T03:04:05Z",
                isRule: place.map { tape.text($0) != nil } ?? false)
        }
        return until
    }

    /// 128 bits over everything that the customer decided: another slip under the same id differs here.
    func hash(_ digest: Digest) -> ExternalID {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(24 + legs.count * 24)
        bytes.append(littleEndian: UInt64(stake))
        bytes.append(littleEndian: UInt64(currency.numericCode) << 32 | UInt64(structure.rawValue))
        bytes.append(
            littleEndian: UInt64(fill.rawValue) << 16 | UInt64(rule.rawValue) << 8
                | UInt64(tolerance))
        if let shape {
            bytes.append(littleEndian: UInt64(shape.sizes) << 32 | UInt64(shape.bankers))
            if shape.isNested {
                for place in 0..<4 { bytes.append(littleEndian: UInt64(shape.groupWords[place])) }
            }
        }
        if bonus | free != 0 {
            bytes.append(littleEndian: UInt64(bonus))
            bytes.append(littleEndian: UInt64(free))
        }
        for leg in legs {
            bytes.append(littleEndian: leg.market.rawValue)
            bytes.append(littleEndian: UInt64(leg.selection))
            bytes.append(
                littleEndian: leg.odds.map { UInt64($0.numerator) << 32 | UInt64($0.denominator) }
                    ?? 0)
            if let places = leg.places { bytes.append(littleEndian: UInt64(places.packed)) }
        }
        let sum = bytes.withUnsafeBytes { digest.sha256($0) }
        return ExternalID(hash: sum[..<16])
    }

    func intent(
        _ session: PunterSession, receivedAt: Timestamp, digest: Digest, rate: ExchangeRate,
        _ quoted: QuoteBook.Quoted? = nil
    ) -> BetIntent {
        var intent = BetIntent(
            account: session.account, id: clientID, requestHash: hash(digest),
            session: session.session, stake: stake, currency: currency, legs: legs,
            validUntil: validUntil, receivedAt: receivedAt)
        intent.bonus = bonus
        intent.free = free
        intent.fill = fill
        intent.rate = rate
        intent.offer = offer
        intent.structure = structure
        intent.sizes = shape?.sizes ?? 0
        intent.bankers = shape?.bankers ?? 0
        intent.groups = shape?.groupWords ?? .zero
        intent.rule = rule
        intent.ruleSource = ruleSource
        intent.tolerance = tolerance
        intent.oddsFormat = format
        guard let quoted else { return intent }
        intent.isQuoted = true
        // Whatever its customer says: nobody decides it after the quote is over.
        intent.validUntil = min(
            validUntil, Timestamp(nanoseconds: quoted.until * 1_000_000))
        if let joint = quoted.joint { intent.joint = joint }
        return intent
    }
}

extension [UInt8] {
    /// The eight bytes of a word, the least significant first.
    mutating func append(littleEndian word: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) {
            append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
        }
    }
}
