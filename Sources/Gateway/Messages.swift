import Betting
import Catalogue
import EngineCore
import EngineJournal
import JSONText
import Kernel
import NetworkCodecs
import ProjectionService

/// The documents that leave the gateway, written by hand. Source of docs/formats/websocket.md.
enum Messages {
    /// What every pushed message begins with.
    struct Envelope {
        let topic: String
        let epoch: String
        let sequence: UInt64
        let order: UInt64
        let time: Timestamp
        let type: StaticString
    }

    static func document(_ envelope: Envelope, _ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter(reserving: 512)
        json.object { json in
            json.key("topic")
            json.string(envelope.topic)
            json.key("epoch")
            json.string(envelope.epoch)
            json.key("sequence")
            json.number(envelope.sequence)
            json.key("order")
            json.number(envelope.order)
            json.key("time")
            write(time: envelope.time, to: &json)
            json.key("type")
            json.word(envelope.type)
            body(&json)
        }
        return json.bytes
    }

    /// RFC 3339, written where it goes.
    static func write(time: Timestamp, to json: inout JSONWriter) {
        json.quoted { time.appendRFC3339(to: &$0) }
    }

    // MARK: Catalogue

    static func write(_ fixture: FixtureView, to json: inout JSONWriter) {
        json.object { json in
            json.key("id")
            json.numberText(fixture.id.rawValue)
            json.key("sport")
            json.string(fixture.sport.word)
            json.key("competition")
            json.string(fixture.competition)
            json.key("home")
            json.string(fixture.home)
            json.key("away")
            json.string(fixture.away)
            json.key("scheduled")
            json.string(fixture.scheduled.description)
            json.key("status")
            json.string(fixture.state.status.word)
            json.key("inPlay")
            json.bool(fixture.state.isInPlay)
            json.key("score")
            write(score: fixture.state.score, to: &json)
            write(clock: fixture.state.clockSeconds, to: &json)
            json.key("incident")
            json.string(fixture.incident.word)
            json.key("lostContact")
            json.bool(fixture.lostContact)
            json.key("markets")
            json.array { json in
                for market in fixture.markets { json.numberText(market.rawValue) }
            }
        }
    }

    /// Seconds of play; null where nobody says.
    private static func write(clock: UInt32, to json: inout JSONWriter) {
        json.key("clock")
        if clock == .max { json.null() } else { json.number(clock) }
    }

    static func write(score: UInt32, to json: inout JSONWriter) {
        guard score != Score.unknown else { return json.null() }
        let known = Score(packed: score)
        json.array { json in
            json.number(known.home)
            json.number(known.away)
        }
    }

    static func write(odds: Odds?, to json: inout JSONWriter) {
        guard let odds else { return json.null() }
        json.array { json in
            json.number(odds.numerator)
            json.number(odds.denominator)
        }
    }

    static func write(_ market: MarketView, to json: inout JSONWriter) {
        json.object { json in
            json.key("id")
            json.numberText(market.id.rawValue)
            json.key("fixture")
            json.numberText(market.fixture.rawValue)
            json.key("name")
            json.string(market.name)
            json.key("version")
            json.number(market.version)
            json.key("status")
            json.string(market.isResulted ? "resulted" : market.isOpen ? "open" : "shut")
            write(reasons: market.reasons, to: &json)
            json.key("betDelay")
            json.number(market.betDelay)
            json.key("maximumStake")
            json.number(market.maximumStake)
            json.key("winners")
            json.number(market.winners)
            write(places: market.places, to: &json)
            if market.isAtTheOff {
                json.key("eachWayAtTheOff")
                json.bool(true)
            }
            if market.takesAtStart {
                json.key("startingPrice")
                json.bool(true)
            }
            if market.paysEarly {
                json.key("earlyPayout")
                json.bool(true)
            }
            json.key("selections")
            json.array { json in
                for (index, selection) in market.selections.enumerated() {
                    json.object { json in
                        json.key("id")
                        json.number(index)
                        json.key("name")
                        json.string(selection.name)
                        json.key("odds")
                        write(odds: selection.odds, to: &json)
                        json.key("result")
                        json.string(selection.outcome.result.word)
                        if selection.isWithdrawn {
                            json.key("withdrawn")
                            json.bool(true)
                        }
                    }
                }
            }
        }
    }

    /// Each-way terms, where there are some.
    static func write(places: PlaceTerms?, to json: inout JSONWriter) {
        guard let places else { return }
        json.key("eachWay")
        json.object { json in
            json.key("places")
            json.number(places.places)
            json.key("fraction")
            json.array { json in
                json.number(places.numerator)
                json.number(places.denominator)
            }
        }
    }

    static func write(reasons: ShutReasons, to json: inout JSONWriter) {
        json.key("reasons")
        json.array { json in
            for word in reasons.words { json.string(word) }
        }
    }

    static func checksum(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let sum = bytes.withUnsafeBytes { crc32c($0) }
        let digits = String(sum, radix: 16)
        return String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }

    /// The whole of a market, to begin with or after a gap.
    static func image(_ market: MarketView, in view: CatalogueView) -> [UInt8] {
        document(envelope(market, view, "image")) { json in
            json.key("market")
            write(market, to: &json)
            json.key("checksum")
            json.string(checksum(view.canonicalText(market)))
        }
    }

    /// What changed since the version before: reasons, prices and results, never names.
    static func delta(_ market: MarketView, since before: MarketView?, in view: CatalogueView)
        -> [UInt8]
    {
        document(envelope(market, view, "delta")) { json in
            json.key("status")
            json.string(market.isResulted ? "resulted" : market.isOpen ? "open" : "shut")
            write(reasons: market.reasons, to: &json)
            if market.betDelay != before?.betDelay {
                json.key("betDelay")
                json.number(market.betDelay)
            }
            if market.places != before?.places { write(places: market.places, to: &json) }
            json.key("selections")
            json.array { json in
                for (index, selection) in market.selections.enumerated() {
                    let old = before.map { $0.selections[index] }
                    guard
                        old?.odds != selection.odds || old?.outcome != selection.outcome
                            || old?.isWithdrawn != selection.isWithdrawn
                    else { continue }
                    json.object { json in
                        json.key("id")
                        json.number(index)
                        json.key("odds")
                        write(odds: selection.odds, to: &json)
                        if selection.outcome.result != .undecided {
                            json.key("result")
                            json.string(selection.outcome.result.word)
                        }
                        if selection.isWithdrawn {
                            json.key("withdrawn")
                            json.bool(true)
                        }
                    }
                }
            }
            json.key("checksum")
            json.string(checksum(view.canonicalText(market)))
        }
    }

    private static func envelope(
        _ market: MarketView, _ view: CatalogueView, _ type: StaticString
    ) -> Envelope {
        Envelope(
            topic: "market/\(market.id.rawValue)", epoch: view.epoch, sequence: market.version,
            order: market.order, time: view.time, type: type)
    }

    /// `topic` names the filter, so that a client knows which of its lists this is about.
    static func fixtures(
        _ fixtures: [FixtureView], _ type: StaticString, _ topic: Topic, _ order: UInt64,
        in view: CatalogueView
    ) -> [UInt8] {
        document(
            Envelope(
                topic: topic.text, epoch: view.epoch, sequence: view.fixtureSequence,
                order: order, time: view.time, type: type)
        ) { json in
            json.key("fixtures")
            json.array { json in
                for fixture in fixtures { write(fixture, to: &json) }
            }
        }
    }

    static func fixture(
        _ fixture: FixtureView, _ type: StaticString, _ topic: Topic, _ order: UInt64,
        in view: CatalogueView
    ) -> [UInt8] {
        document(
            Envelope(
                topic: topic.text, epoch: view.epoch, sequence: fixture.order, order: order,
                time: view.time, type: type)
        ) { json in
            json.key("fixture")
            write(fixture, to: &json)
        }
    }

    /// What happened on the pitch, and what it made of the score.
    static func incident(
        _ fixture: FixtureView, sequence: UInt64, order: UInt64, in view: CatalogueView
    ) -> [UInt8] {
        document(
            Envelope(
                topic: "incidents", epoch: view.epoch, sequence: sequence, order: order,
                time: view.time, type: "incident")
        ) { json in
            json.key("fixture")
            json.numberText(fixture.id.rawValue)
            json.key("incident")
            json.string(fixture.incident.word)
            json.key("providerTime")
            write(moment: fixture.incidentTimes.provider, to: &json)
            json.key("ingestTime")
            write(moment: fixture.incidentTimes.ingest, to: &json)
            json.key("score")
            write(score: fixture.state.score, to: &json)
            write(clock: fixture.state.clockSeconds, to: &json)
        }
    }

    /// Nanoseconds of UTC; null for 0, which is unknown.
    private static func write(moment: Int64, to json: inout JSONWriter) {
        guard moment > 0 else { return json.null() }
        write(time: Timestamp(nanoseconds: moment), to: &json)
    }

    /// That the line lives, and up to which record everything was said.
    static func heartbeat(_ epoch: String, _ order: UInt64, _ time: Timestamp) -> [UInt8] {
        var json = JSONWriter(reserving: 128)
        json.object { json in
            json.key("type")
            json.string("heartbeat")
            json.key("epoch")
            json.string(epoch)
            json.key("order")
            json.number(order)
            json.key("time")
            write(time: time, to: &json)
        }
        return json.bytes
    }

    /// Whether a client is up to date, and the record up to which it was told everything.
    static func standing(_ type: StaticString, _ epoch: String, _ order: UInt64) -> [UInt8] {
        var json = JSONWriter(reserving: 96)
        json.object { json in
            json.key("type")
            json.word(type)
            json.key("epoch")
            json.string(epoch)
            json.key("order")
            json.number(order)
        }
        return json.bytes
    }

    // MARK: Bets and money

    /// A line of the statement, as the message that it was.
    static func wallet(_ line: StatementLine, in view: CatalogueView) -> [UInt8] {
        wallet(
            Balances(line), line.sequence, Timestamp(nanoseconds: line.time), in: view)
    }

    static func wallet(
        _ balances: Balances, _ order: UInt64, _ time: Timestamp, in view: CatalogueView
    ) -> [UInt8] {
        document(
            Envelope(
                topic: "wallet", epoch: view.epoch, sequence: order, order: order, time: time,
                type: "wallet")
        ) { json in
            json.key("balances")
            self.balances(balances, to: &json)
        }
    }

    /// A bet as its rows have it now, told in the place of a message that was missed.
    static func bet(
        _ bet: ProjectedBet, _ after: Balances?, order: UInt64, in view: CatalogueView
    ) -> [UInt8] {
        document(
            Envelope(
                topic: "bets", epoch: view.epoch, sequence: order, order: order, time: view.time,
                type: "bet")
        ) { json in
            json.key("bet")
            write(bet, to: &json, in: view)
            guard let after else { return }
            json.key("balances")
            balances(after, to: &json)
        }
    }

    static func balances(_ balances: Balances, to json: inout JSONWriter) {
        json.object { json in
            json.key("cash")
            json.number(balances.cash)
            json.key("bonus")
            json.number(balances.bonus)
            json.key("free")
            json.number(balances.free)
            json.key("held")
            json.number(balances.held)
            json.key("openBets")
            json.number(balances.openBets)
            json.key("owed")
            json.number(balances.receivable)
        }
    }

    /// Why not, with the leg and the facts in words a program and a person can use.
    static func write(
        refusal: Refusal, leg: UInt32, value: Int64, threshold: Int64, to json: inout JSONWriter
    ) {
        json.object { json in
            json.key("code")
            json.string(refusal.code)
            json.key("text")
            json.string(refusal.text)
            if leg != .max {
                json.key("leg")
                json.number(leg)
            }
            switch refusal.facts {
            case .none: break
            case .odds:
                json.key("value")
                write(odds: unpacked(value), to: &json)
                json.key("threshold")
                write(odds: unpacked(threshold), to: &json)
            case .score:
                json.key("value")
                write(score: UInt32(truncatingIfNeeded: value), to: &json)
                json.key("threshold")
                write(score: UInt32(truncatingIfNeeded: threshold), to: &json)
            case .reasons:
                json.key("value")
                json.array { json in
                    for word in ShutReasons(rawValue: UInt8(truncatingIfNeeded: value)).words {
                        json.string(word)
                    }
                }
            case .nanoseconds:
                json.key("value")
                json.string(Timestamp(nanoseconds: value).description)
                json.key("threshold")
                json.string(Timestamp(nanoseconds: threshold).description)
            case .count, .currency, .identifier, .version, .minorUnits:
                json.key("value")
                json.number(min(value, Limits.minorUnits))
                json.key("threshold")
                json.number(min(threshold, Limits.minorUnits))
            }
        }
    }

    private static func unpacked(_ value: Int64) -> Odds? {
        let bits = UInt64(bitPattern: value)
        return Odds(UInt32(bits >> 32), over: UInt32(truncatingIfNeeded: bits))
    }

    /// A placement as it was decided: the answer to the client, pushed and replied alike.
    static func bet(_ record: RecordBytes, in view: CatalogueView) -> [UInt8] {
        let status = BetStatus(rawValue: record.field(Layout.Placed.status, as: UInt8.self))
        return document(
            Envelope(
                topic: "bets", epoch: view.epoch, sequence: record.sequence,
                order: record.sequence, time: record.time, type: "bet")
        ) { json in
            json.key("bet")
            json.object { json in
                writePlaced(record, status: status ?? .refused, to: &json)
            }
            json.key("balances")
            balances(Balances(record, at: Layout.Placed.balances), to: &json)
        }
    }

    /// The answer that an id got long ago, from the projection.
    static func bet(_ earlier: EarlierBet, in view: CatalogueView) -> [UInt8] {
        document(
            Envelope(
                topic: "bets", epoch: view.epoch, sequence: earlier.asOf, order: earlier.asOf,
                time: view.time, type: "bet")
        ) { json in
            json.key("bet")
            json.object { json in
                writeEarlier(earlier, to: &json)
            }
            json.key("balances")
            balances(earlier.balances, to: &json)
        }
    }

    static func writeEarlier(_ earlier: EarlierBet, to json: inout JSONWriter) {
        let bet = earlier.bet
        let refusal = earlier.isReused ? Refusal.idReused : Refusal(rawValue: bet.refusal)
        let status =
            earlier.isReused ? .refused : BetStatus(rawValue: bet.status) ?? BetStatus.refused
        json.key("id")
        json.numberText(bet.bet)
        json.key("clientId")
        json.quoted { bet.client.append(to: &$0) }
        json.key("status")
        json.string(status.word)
        json.key("stake")
        json.number(bet.stake)
        write(bet.split, to: &json)
        json.key("potentialReturn")
        json.number(bet.potentialReturn)
        json.key("repeated")
        json.bool(!earlier.isReused)
        write(systemOf: bet, to: &json)
        if bet.acceptedAt != 0 {
            json.key("acceptedAt")
            write(time: Timestamp(nanoseconds: bet.acceptedAt), to: &json)
        }
        if refusal == nil {
            json.key("odds")
            json.array { json in
                for leg in bet.legs { write(odds: leg.odds, to: &json) }
            }
        }
        if let refusal {
            json.key("refusal")
            write(
                refusal: refusal, leg: .max, value: bet.value, threshold: bet.threshold, to: &json)
        }
    }

    /// Of which money a stake is; nothing of cash alone.
    static func write(_ split: StakeSplit?, to json: inout JSONWriter) {
        guard let split else { return }
        json.key("stakeSplit")
        json.object { json in
            json.key("cash")
            json.number(split.cash)
            json.key("bonus")
            json.number(split.bonus)
            json.key("free")
            json.number(split.free)
        }
    }

    /// What came back beside cash.
    static func write(_ returned: PromotionalReturn, to json: inout JSONWriter) {
        json.key("returned")
        json.object { json in
            json.key("bonus")
            json.number(returned.bonus)
            json.key("free")
            json.number(returned.free)
        }
    }

    /// Which lines the legs of a bet make, and whether each is there twice; nothing of an accumulator.
    static func write(systemOf bet: ProjectedBet, to json: inout JSONWriter) {
        if bet.isEachWay {
            json.key("eachWay")
            json.bool(true)
        }
        guard let shape = bet.shape else { return }
        json.key("system")
        json.object { json in
            if let name = shape.name {
                json.key("name")
                json.string(name)
            }
            json.key("sizes")
            write(sizes: shape.sizes, to: &json)
            json.key("bankers")
            json.array { json in
                for leg in 0..<shape.legs where shape.isBanker(leg) { json.number(leg) }
            }
            if shape.isNested {
                json.key("groups")
                json.array { json in
                    for group in shape.groups {
                        json.object { json in
                            json.key("from")
                            json.number(group.first)
                            json.key("to")
                            json.number(group.last)
                            json.key("sizes")
                            write(sizes: group.sizes, to: &json)
                        }
                    }
                }
            }
            json.key("lines")
            json.number(shape.lines)
        }
    }

    /// One number for each bit.
    private static func write(sizes: UInt32, to json: inout JSONWriter) {
        json.array { json in
            for size in 1...SystemShape.mostLegs where sizes >> UInt32(size - 1) & 1 == 1 {
                json.number(size)
            }
        }
    }

    static func writePlaced(_ record: RecordBytes, status: BetStatus, to json: inout JSONWriter) {
        json.key("id")
        json.numberText(record.field(Layout.Placed.bet, as: UInt64.self))
        if record.clientID != .zero {
            json.key("clientId")
            json.quoted { record.clientID.append(to: &$0) }
        }
        json.key("status")
        json.string(status.word)
        json.key("stake")
        json.number(record.field(Layout.Placed.stake, as: Int64.self))
        let split = record.placedSplit
        write(split.isCash ? nil : split, to: &json)
        if let asked = record.placedAsked {
            json.key("asked")
            json.number(asked)
        }
        if let location = record.placedLocation {
            json.key("location")
            json.numberText(location)
        }
        json.key("potentialReturn")
        json.number(record.field(Layout.Placed.potentialReturn, as: Int64.self))
        json.key("repeated")
        json.bool(record.flags & Layout.Placed.repeated != 0)
        let due = record.field(Layout.Placed.dueAt, as: Int64.self)
        if due != 0 {
            json.key("dueAt")
            write(time: Timestamp(nanoseconds: due), to: &json)
        }
        let accepted = record.field(Layout.Placed.acceptedAt, as: Int64.self)
        if accepted != 0 {
            json.key("acceptedAt")
            write(time: Timestamp(nanoseconds: accepted), to: &json)
        }
        let legs = Int(record.field(Layout.Placed.legCount, as: UInt8.self))
        if legs > 0 {
            json.key("odds")
            json.array { json in
                let atStart = record.field(Layout.Placed.atStart, as: UInt64.self)
                for index in 0..<legs {
                    let offset = Layout.Placed.legs + index * Layout.Placed.legSize
                    let isAtStart = atStart >> UInt64(index) & 1 == 1
                    write(odds: isAtStart ? nil : record.odds(at: offset), to: &json)
                }
            }
        }
        if let refusal = Refusal(rawValue: record.field(Layout.Placed.refusal, as: UInt16.self)) {
            json.key("refusal")
            write(
                refusal: refusal, leg: record.field(Layout.Placed.refusalLeg, as: UInt32.self),
                value: record.field(Layout.Placed.value, as: Int64.self),
                threshold: record.field(Layout.Placed.threshold, as: Int64.self), to: &json)
        }
        guard let offer = record.placedOffer else { return }
        json.key("offer")
        json.object { json in
            json.key("reference")
            json.numberText(record.field(Layout.Placed.bet, as: UInt64.self))
            json.key("stake")
            json.number(offer.stake)
            json.key("odds")
            json.array { json in
                for odds in offer.odds { write(odds: odds, to: &json) }
            }
            json.key("until")
            write(time: Timestamp(nanoseconds: offer.until), to: &json)
        }
    }

    static func settled(_ record: RecordBytes, in view: CatalogueView) -> [UInt8] {
        let status = BetStatus(rawValue: record.field(Layout.BetSettled.status, as: UInt8.self))
        return document(
            Envelope(
                topic: "bets", epoch: view.epoch, sequence: record.sequence,
                order: record.sequence, time: record.time, type: "settled")
        ) { json in
            json.key("bet")
            json.object { json in
                json.key("id")
                json.numberText(record.field(Layout.BetSettled.bet, as: UInt64.self))
                json.key("status")
                json.string((status ?? .settled).word)
                json.key("stake")
                json.number(record.field(Layout.BetSettled.stake, as: Int64.self))
                json.key("payout")
                json.number(record.field(Layout.BetSettled.payout, as: Int64.self))
                json.key("payoutBefore")
                json.number(record.field(Layout.BetSettled.payoutBefore, as: Int64.self))
                json.key("settlement")
                json.number(record.field(Layout.BetSettled.version, as: UInt32.self))
                let reason = SettlementReason(
                    rawValue: record.field(Layout.BetSettled.reason, as: UInt8.self))
                json.key("reason")
                json.string((reason ?? .settled).word)
                if record.isPromotionalSettlement {
                    write(record.settlementReturns.now, to: &json)
                }
            }
            json.key("balances")
            balances(Balances(record, at: Layout.BetSettled.balances), to: &json)
        }
    }

    /// A problem in a stream; `client` is the bet's id, `ref` what the message was called.
    static func failure(
        _ problem: Problem, about client: String? = nil, ref: String? = nil
    ) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.key("type")
            json.string("error")
            json.key("code")
            json.string(problem.code)
            json.key("text")
            json.string(problem.title)
            if let client {
                json.key("clientId")
                json.string(client)
            }
            if let ref {
                json.key("ref")
                json.string(ref)
            }
            retryAfter(problem.fields, to: &json)
        }
        return json.bytes
    }

    /// Seconds until it is worth asking again, where the fields of an answer say so.
    static func retryAfter(_ fields: [(String, String)], to json: inout JSONWriter) {
        guard let seconds = fields.first(where: { $0.0 == "retry-after" }).flatMap({ Int($0.1) })
        else { return }
        json.key("retryAfter")
        json.number(seconds)
    }
}

/// A customer's balances after a record.
struct Balances {
    var cash: Int64 = 0
    var bonus: Int64 = 0
    /// What may be staked for nothing.
    var free: Int64 = 0
    var held: Int64 = 0
    var openBets: Int64 = 0
    var receivable: Int64 = 0

    init() {}

    /// As the projection has them.
    init(_ line: StatementLine?) {
        guard let line else { return }
        cash = line.cash
        bonus = line.bonus
        free = line.free
        held = line.held
        openBets = line.openBets
        receivable = line.receivable
    }

    /// As the engine has them.
    init(_ balances: AccountBalances) {
        cash = balances.cash
        bonus = balances.bonus
        free = balances.free
        held = balances.held
        openBets = balances.openBets
        receivable = balances.receivable
    }

    init(_ record: RecordBytes, at offset: Int) {
        cash = record.field(offset + Layout.Balances.cash, as: Int64.self)
        bonus = record.field(offset + Layout.Balances.bonus, as: Int64.self)
        free = record.field(offset + Layout.Balances.free, as: Int64.self)
        held = record.field(offset + Layout.Balances.held, as: Int64.self)
        openBets = record.field(offset + Layout.Balances.openBets, as: Int64.self)
        receivable = record.field(offset + Layout.Balances.receivable, as: Int64.self)
    }
}
