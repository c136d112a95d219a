import Catalogue
import EngineCore
import FeedCore
import FeedService
import Kernel
import Pricing

/// The supplier's line to the platform's feed runner: in order while it holds, and now and then cut. Keeps
/// what the runner was given of each market, to hold against what it makes of it.
final class SimulatedFeed: FeedSource {
    /// What the runner has heard of one market.
    private struct Heard {
        var isSuspended = true
        /// Of the time since the last suspension; empty when there were none.
        var quotes: [Quote] = []
        let winners: Int
        let fixture: String
    }

    let name = "line"
    private let clock: SimulatedClock
    private var waiting: [FeedMessage] = []
    private var place = 0
    private var number: UInt64 = 0
    private var heard: [ExternalID: Heard] = [:]
    /// Of the simulation's clock, in nanoseconds.
    private(set) var lastHeard: Int64 = 0
    private(set) var lastSaid: Int64 = 0
    /// Until when the line is cut; what is said meanwhile is gone.
    var cutUntil: Int64 = .min
    let settings: FeedSettings
    /// All markets were changed at once, and the supplier has said nothing since.
    var isDoubted = false
    /// Told what the runner hears, when somebody wants to read it.
    var listener: ((String) -> Void)?

    init(_ clock: SimulatedClock, _ random: inout SeededGenerator) {
        self.clock = clock
        var settings = FeedSettings()
        settings.publishInterval = Int64(random.number(in: 0...1)) * 250
        settings.staleAfter = 8000
        // The line itself says when something comes.
        settings.speedHundredths = 10_000_000
        settings.liabilityLimit = Int64(random.number(in: 10_000...10_000_000))
        self.settings = settings
    }

    /// Milliseconds of the supplier's clock.
    private var time: Int64 { clock.now / 1_000_000 }

    func say(_ events: [FeedEvent]) {
        lastSaid = clock.now
        guard clock.now >= cutUntil else { return }
        number += 1
        waiting.append(FeedMessage(time: time, number: number, events: events))
    }

    /// Another life of the platform: what was on its way is lost.
    func reset() {
        waiting = []
        place = 0
        heard = [:]
        isDoubted = false
    }

    // MARK: FeedSource

    var hasMessage: Bool { place < waiting.count }

    /// While nothing is on its way: later than anything that is due.
    func nextTime() -> Int64? { hasMessage ? waiting[place].time : .max / 4 }

    func next() -> FeedMessage {
        let message = waiting[place]
        place += 1
        if place == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            place = 0
        }
        lastHeard = clock.now
        isDoubted = false
        for event in message.events {
            listener?(Self.words(event))
            note(event)
        }
        return message
    }

    static func market(_ text: String) -> ExternalID {
        ExternalID(derivedFrom: "line:market:" + text)
    }

    static func fixture(_ text: String) -> ExternalID {
        ExternalID(derivedFrom: "line:fixture:" + text)
    }

    private static func words(_ event: FeedEvent) -> String {
        switch event {
        case .fixture(let fixture): "of \(fixture.id)"
        case .market(let market): "of \(market.id) with \(market.selections.count) selections"
        case .quotes(let quotes):
            "\(quotes.market) at "
                + quotes.quotes.map { quote in
                    quote.isActive ? "\(quote.bestBack)/\(quote.bestLay)" : "-"
                }.joined(separator: " ")
        case .marketState(let market, let isSuspended):
            "\(market) is \(isSuspended ? "suspended" : "on")"
        case .withdrawal(let said):
            "selection \(said.selection) of \(said.market) does not run"
        case .update(let update): "of \(update.fixture): \(update.incident.word)"
        case .result(let result):
            "the result of \(result.market): "
                + result.results.map(\.word).joined(separator: ", ")
        case .rollback(let market): "that the result of \(market) holds no longer"
        case .cancel(let cancel):
            "that \(cancel.market) is \(cancel.isTakenBack ? "not " : "")cancelled from "
                + "\(cancel.from) until \(cancel.until)"
        case .startingPrices(let market, let prices):
            "that \(market) started at \(prices)"
        case .earlyPayout(let market, let moments):
            "that bets on \(market) are paid early before \(moments)"
        case .heartbeat: "that the supplier lives"
        }
    }

    private func note(_ event: FeedEvent) {
        switch event {
        case .market(let market):
            let id = Self.market(market.id)
            if heard[id] == nil {
                heard[id] = Heard(winners: Int(market.winners), fixture: market.fixture)
            }
        case .quotes(let quotes): heard[Self.market(quotes.market)]?.quotes = quotes.quotes
        case .marketState(let market, let isSuspended):
            let id = Self.market(market)
            heard[id]?.isSuspended = isSuspended
            if isSuspended { heard[id]?.quotes = [] }
        case .rollback(let market): suspend(Self.market(market))
        case .update(let update)
        where update.startedAt > 0 && update.startedAt <= clock.wall() / 1_000_000
            && !update.state.isInPlay:
            for id in heard.keys where heard[id]?.fixture == update.fixture { suspend(id) }
        default: break
        }
    }

    private func suspend(_ id: ExternalID) {
        heard[id]?.isSuspended = true
        heard[id]?.quotes = []
    }

    // MARK: What may follow from it

    /// Our prices for what was last heard; nil when there is nothing to offer.
    func prices(of market: ExternalID) -> [Odds?]? {
        guard let known = heard[market], !known.isSuspended, !known.quotes.isEmpty else {
            return nil
        }
        return
            (try? settings.pricing.prices(
                for: known.quotes, winners: known.winners, on: .classic))?.map(\.odds)
    }

    /// What is wrong with what the runner says to the engine at this moment, if anything is.
    func objection(to record: RecordBytes) -> String? {
        switch record.kind {
        case .price:
            let count = Int(record.field(Layout.Price.selectionCount, as: UInt16.self))
            let said = (0..<count).map {
                record.odds(at: Layout.Price.entries + $0 * Layout.Price.entrySize)
            }
            return prices(of: record.clientID) == said
                ? nil : "a price is published that does not follow from the newest quotes"
        case .marketState:
            let lifting = ShutReasons(
                rawValue: record.field(Layout.MarketState.lifting, as: UInt8.self))
            if lifting.contains(.feed), isDoubted {
                return "a market is opened by what its supplier said before all were shut"
            }
            if lifting.contains(.feed), prices(of: record.clientID) == nil {
                return "a market is opened that its supplier does not offer"
            }
            return nil
        default: return nil
        }
    }
}
