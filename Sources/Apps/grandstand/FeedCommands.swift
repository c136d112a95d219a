import CSystem
import Catalogue
import EngineCore
import FeedCore
import FeedService
import Glibc
import Kernel
import Pricing

/// `grandstand feed play|inspect|simulate`.
enum FeedCommands {
    static let help = """
        grandstand feed: look at feeds without a server

        USAGE
          grandstand feed inspect FILE            What a file holds: markets, messages, results
          grandstand feed play FILE [--speed N]   Print the prices we would publish, as time goes by
          grandstand feed simulate [options]      Write the simulated world's lines to standard output

        OPTIONS
          --speed N       times as fast as recorded; 0 as fast as it comes (play: 20)
          --seed N        the world's seed (1)
          --matches N     matches at once (1)
          --messages N    stop after so many messages (2000)

        Files are Betfair stream recordings, unified XML feeds or Grandstand feeds; plain, gzip or bzip2.
        """

    static func run(_ raw: [String]) throws -> Int32 {
        let arguments = try Arguments(
            raw, of: "feed", words: 2, values: ["speed", "seed", "matches", "messages"])
        guard !arguments.wantsHelp, let word = arguments.words.first else {
            print(help)
            return arguments.wantsHelp ? 0 : 2
        }
        switch word {
        case "inspect": return try inspect(try arguments.need(1, "which file to inspect"))
        case "play":
            return try play(
                try arguments.need(1, "which file to play"), try number(arguments, "speed", 20))
        case "simulate": return try simulate(arguments)
        default:
            throw UsageError(text: "feed can play, inspect or simulate, not \"\(word)\".")
        }
    }

    private static func number(_ arguments: Arguments, _ key: String, _ standard: Int64)
        throws(UsageError) -> Int64
    {
        guard let text = arguments.flags[key] else { return standard }
        guard let value = Int64(text), value >= 0 else {
            throw UsageError(text: "--\(key) must be a whole number, not \"\(text)\".")
        }
        return value
    }

    private static func inspect(_ path: String) throws -> Int32 {
        let source = try FeedFiles.open(path)
        var messages = 0
        var first: Int64?
        var last: Int64 = 0
        var markets: [(String, FeedMarket)] = []
        var quotes: [String: Int] = [:]
        var results: [String: [String]] = [:]
        while try source.nextTime() != nil {
            let message = try source.next()
            messages += 1
            first = first ?? message.time
            last = message.time
            for event in message.events {
                switch event {
                case .market(let market): markets.append((market.id, market))
                case .quotes(let book): quotes[book.market, default: 0] += 1
                case .result(let result): results[result.market] = result.results.map(\.word)
                case .fixture(let fixture):
                    print(
                        "fixture \(fixture.id): \(fixture.home) v \(fixture.away), \(fixture.sport.word)"
                    )
                case .withdrawal(let said):
                    print("market \(said.market): selection \(said.selection) is withdrawn")
                case .rollback(let market):
                    results[market] = nil
                    print("market \(market): its result is taken back")
                case .cancel(let cancel):
                    print(
                        "market \(cancel.market): bets are "
                            + (cancel.isTakenBack ? "no longer cancelled" : "cancelled"))
                case .marketState, .update, .heartbeat, .startingPrices, .earlyPayout: break
                }
            }
        }
        for (id, market) in markets {
            print(
                "market \(id): \(market.name), \(market.winners) winner(s), \(quotes[id] ?? 0) books"
            )
            for (index, selection) in market.selections.enumerated() {
                let result = results[id].map { $0[index] } ?? "no result"
                print("  \(selection.name): \(result)")
            }
        }
        let from = Timestamp(milliseconds: first ?? 0)
        print(
            "\(messages) messages with the player's heartbeats, \(from) to \(Timestamp(milliseconds: last))"
        )
        return 0
    }

    private static func play(_ path: String, _ speed: Int64) throws -> Int32 {
        var settings = FeedSettings()
        settings.speedHundredths = speed * 100
        var names: [ExternalID: String] = [:]
        let runner = FeedRunner(
            source: try FeedFiles.open(path, speedHundredths: speed * 100), settings: settings
        ) { record in
            describe(record, &names)
            return true
        }
        while !runner.isIdle {
            runner.turn(
                now: gs_boot_nanoseconds() / 1_000_000, wall: gs_wall_nanoseconds() / 1_000_000)
            if let failure = runner.failure {
                throw UsageError(text: "\(path), line \(failure.line): \(failure.what).")
            }
            if speed > 0 { usleep(10_000) }
        }
        print("\(runner.messages) messages, \(runner.published) price versions")
        return 0
    }

    private static func describe(_ record: RecordBytes, _ names: inout [ExternalID: String]) {
        let name = names[record.clientID] ?? record.clientID.description
        switch record.kind {
        case .market:
            names[record.clientID] = record.text(Layout.Market.name, width: 48)
            print("market \(names[record.clientID] ?? "")")
        case .price:
            let count = Int(record.field(Layout.Price.selectionCount, as: UInt16.self))
            let prices = (0..<count).map { index in
                record.odds(at: Layout.Price.entries + index * Layout.Price.entrySize)?.description
                    ?? "-"
            }
            print("\(name): \(prices.joined(separator: "  "))")
        case .marketState:
            let shuts = record.field(Layout.MarketState.setting, as: UInt8.self) != 0
            print("\(name): \(shuts ? "shut" : "open")")
        case .withdrawal:
            let selection = record.field(Layout.Withdrawal.selection, as: UInt32.self)
            print("\(name): selection \(selection) is withdrawn")
        case .result:
            let isRollback =
                record.field(Layout.Result.action, as: UInt8.self)
                == ResultAction.rollback.rawValue
            print("\(name): \(isRollback ? "no result any more" : "result")")
        case .cancel: print("\(name): bets are cancelled, or no longer are")
        default: break
        }
    }

    private static func simulate(_ arguments: Arguments) throws -> Int32 {
        var settings = SimulationSettings()
        settings.seed = UInt64(try number(arguments, "seed", 1))
        settings.matches = Int(try number(arguments, "matches", 1))
        let limit = try number(arguments, "messages", 2000)
        let world = SimulatedWorld(settings: settings, startingAt: 1_800_000_000_000, run: "sim")
        for _ in 0..<limit {
            let message = try world.next()
            for event in message.events {
                print(
                    String(decoding: GrandstandFeed.line(event, time: message.time), as: UTF8.self))
            }
        }
        return 0
    }
}
