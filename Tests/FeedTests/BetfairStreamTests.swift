import CBzip2
import CZlib
import Catalogue
import FeedCore
import FeedLines
import Foundation
import Kernel
import Pricing
import Testing

@testable import FeedBetfair

/// Files of the Betfair stream dialect, made here: what a recording holds, without anybody's recording.
@Suite struct `A Betfair stream file` {
    private static func runners(_ statuses: [(Int, String)], extra: String = "") -> String {
        statuses.map { "{\"id\":\($0.0),\"name\":\"R\($0.0)\",\"status\":\"\($0.1)\"\(extra)}" }.joined(separator: ",")
    }

    private static func definition(
        _ status: String = "OPEN", inPlay: Bool = false, delay: Int = 0, runners: String = runners([(1, "ACTIVE"), (2, "ACTIVE")])
    ) -> String {
        "\"marketDefinition\":{\"status\":\"\(status)\",\"inPlay\":\(inPlay),\"betDelay\":\(delay),\"eventId\":\"77\",\"eventName\":\"A v B\",\"eventTypeId\":\"2\",\"marketType\":\"MATCH_ODDS\",\"numberOfWinners\":1,\"marketTime\":\"2026-01-02T03:04:05.000Z\",\"runners\":[\(runners)]}"
    }

    private static func line(_ time: Int64, _ changes: String...) -> String {
        "{\"op\":\"mcm\",\"pt\":\(time),\"mc\":[\(changes.joined(separator: ","))]}"
    }

    private static func change(_ parts: String..., market: String = "1.5") -> String {
        "{\"id\":\"\(market)\",\(parts.joined(separator: ","))}"
    }

    private static func book(_ runner: Int, _ back: String, _ lay: String) -> String {
        "{\"id\":\(runner),\"batb\":[[0,\(back),10]],\"batl\":[[0,\(lay),10]]}"
    }

    private static let opening = line(
        1000, change(definition(), "\"img\":true", "\"rc\":[\(book(1, "1.5", "1.52")),\(book(2, "2.9", "3.0"))]"))

    private static func file(_ bytes: [UInt8]) throws -> String {
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path()
        try Data(bytes).write(to: URL(filePath: path))
        return path
    }

    private static func messages(_ lines: [String]) throws -> [FeedMessage] {
        try messages(at: try file(Array((lines.joined(separator: "\n") + "\n").utf8)))
    }

    private static func messages(at path: String) throws -> [FeedMessage] {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let stream = try BetfairStream(path: path)
        var all: [FeedMessage] = []
        while try stream.nextTime() != nil { all.append(try stream.next()) }
        return all
    }

    private static func quotes(_ messages: [FeedMessage]) -> [FeedQuotes] {
        messages.flatMap(\.events).compactMap { if case .quotes(let quotes) = $0 { quotes } else { nil } }
    }

    private func gzip(_ bytes: [UInt8]) throws -> String {
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path()
        let file = gzopen(path, "wb")
        #expect(gzwrite(file, bytes, UInt32(bytes.count)) == Int32(bytes.count))
        gzclose(file)
        return path
    }

    private func bzip2(_ bytes: [UInt8]) throws -> String {
        var source = bytes.map(CChar.init(bitPattern:))
        var out = [CChar](repeating: 0, count: bytes.count * 2 + 600)
        var count = UInt32(out.count)
        #expect(BZ2_bzBuffToBuffCompress(&out, &count, &source, UInt32(source.count), 9, 0, 0) == BZ_OK)
        return try Self.file(out[..<Int(count)].map(UInt8.init(bitPattern:)))
    }

    @Test func `says the same plain, in gzip and in bzip2, with either kind of line end`() throws {
        let text = [Self.opening, Self.line(2000, Self.change("\"rc\":[\(Self.book(1, "1.6", "1.63"))]"))]
        let plain = try Self.messages(text)
        #expect(plain.count == 2)
        let bytes = Array((text.joined(separator: "\r\n") + "\r\n").utf8)
        #expect(try Self.messages(at: try Self.file(bytes)) == plain)
        #expect(try Self.messages(at: try gzip(bytes)) == plain)
        #expect(try Self.messages(at: try bzip2(bytes)) == plain)
    }

    @Test func `introduces its fixture and market before it quotes them`() throws {
        let events = try Self.messages([Self.opening])[0].events
        guard case .fixture(let fixture) = events[0], case .market(let market) = events[1] else {
            Issue.record("a fixture and a market come first")
            return
        }
        #expect((fixture.home, fixture.away, fixture.sport) == ("A", "B", .tennis))
        #expect(market.selections.map(\.name) == ["R1", "R2"])
        #expect(Self.quotes(try Self.messages([Self.opening])).first?.quotes.map(\.bestBack) == [1500, 2900])
    }

    /// Found by the fuzzer: the reader trapped on a definition whose runner has no id.
    @Test(arguments: [
        "\"marketDefinition\":{\"status\":\"OPEN\",\"runners\":[{\"name\":\"A\"},{\"id\":2}]}", "\"rc\":[{\"ltp\":2.0}]",
    ])
    func `is not understood where a runner has no id`(change: String) throws {
        let stream = try BetfairStream(path: Self.file(Array((Self.line(1000, Self.change(change)) + "\n").utf8)))
        #expect(throws: FeedError.self) { try stream.next() }
    }

    @Test func `takes a runner whose id has a slash for what it is`() throws {
        let told = try Self.messages([Self.line(1000, Self.change(Self.definition(runners: "{\"id\":\"1/2\"},{\"id\":\"/\"}"), "\"img\":true"))])
        #expect(!told.isEmpty)
    }

    @Test func `follows the book while it is suspended, and quotes all of it when it opens again`() throws {
        let suspended = Self.line(2000, Self.change(Self.definition("SUSPENDED")))
        let meanwhile = Self.line(3000, Self.change("\"rc\":[\(Self.book(1, "1.8", "1.83"))]"))
        // The message that opens it again brings the other side of the book with it.
        let opened = Self.line(
            4000, Self.change(Self.definition(), "\"rc\":[\(Self.book(2, "2.2", "2.26"))]"))
        let messages = try Self.messages([Self.opening, suspended, meanwhile, opened])
        let last = Self.quotes(messages).last?.quotes
        #expect(last?.map(\.bestBack) == [1800, 2200])
        #expect(Self.quotes(messages).count == 2)
        let image = Self.line(
            4000,
            Self.change(
                Self.definition(), "\"img\":true",
                "\"rc\":[\(Self.book(1, "1.4", "1.42")),\(Self.book(2, "3.4", "3.5"))]"))
        let again = Self.quotes(try Self.messages([Self.opening, suspended, image])).last?.quotes
        #expect(again?.map(\.bestBack) == [1400, 3400])
        let bare = Self.line(4000, Self.change(Self.definition()))
        let same = Self.quotes(try Self.messages([Self.opening, suspended, bare]))
        #expect(same.count == 2)
        #expect(same.last?.quotes.map(\.bestBack) == [1500, 2900])
    }

    @Test func `tells a corrected result, and the same one only once`() throws {
        func closed(_ time: Int64, _ one: String, _ two: String) -> String {
            Self.line(
                time,
                Self.change(Self.definition("CLOSED", runners: Self.runners([(1, one), (2, two)]))))
        }
        let messages = try Self.messages([
            Self.opening, closed(2000, "WINNER", "LOSER"), closed(3000, "WINNER", "LOSER"),
            closed(4000, "LOSER", "WINNER"),
        ])
        let results = messages.flatMap(\.events).compactMap {
            if case .result(let result) = $0 { result.results } else { nil }
        }
        #expect(results == [[.won, .lost], [.lost, .won]])
    }

    @Test func `reads bzip2 streams behind each other, and refuses a file that is cut off`() throws {
        let line = Self.line(2000, Self.change("\"rc\":[\(Self.book(1, "1.6", "1.63"))]"))
        let parts = try [Self.opening + "\n", line + "\n"].map { text in
            let path = try bzip2(Array(text.utf8))
            defer { try? FileManager.default.removeItem(atPath: path) }
            return Array(try Data(contentsOf: URL(filePath: path)))
        }
        #expect(try Self.messages(at: try Self.file(parts[0] + parts[1])).count == 2)
        let long = (0..<4000).map { "\($0 &* 2_654_435_761)" }.joined()
        for whole in [try gzip(Array(long.utf8)), try bzip2(Array(long.utf8))] {
            let bytes = Array(try Data(contentsOf: URL(filePath: whole)))
            try? FileManager.default.removeItem(atPath: whole)
            let path = try Self.file(Array(bytes[..<(bytes.count / 2)]))
            defer { try? FileManager.default.removeItem(atPath: path) }
            let reader = try LineReader(path: path)
            #expect(throws: FeedError.self) { while try reader.next() != nil {} }
        }
    }

    @Test func `refuses a time that is none`() throws {
        let microseconds = "{\"op\":\"mcm\",\"pt\":1700000000000000,\"mc\":[]}"
        #expect(throws: FeedError.self) { _ = try Self.messages([microseconds]) }
    }

    @Test func `merges a runner that stands several times in one message`() throws {
        let split = Self.line(
            2000,
            Self.change(
                "\"rc\":[{\"id\":1,\"batb\":[[0,1.7,5]]},{\"id\":2,\"ltp\":3.1},{\"id\":1,\"batl\":[[0,1.72,5]]},{\"id\":1,\"ltp\":1.71}]"))
        let quote = Self.quotes(try Self.messages([Self.opening, split])).last?.quotes
        #expect(quote?[0] == Quote(bestBack: 1700, bestLay: 1720, lastTraded: 1710))
        #expect(quote?[1].bestBack == 2900)
        #expect(quote?[1].lastTraded == 3100)
    }

    @Test func `lets an image replace what was known, and a size of zero delete a level`() throws {
        let gone = Self.line(2000, Self.change("\"rc\":[{\"id\":1,\"batb\":[[0,0,0]]}]"))
        #expect(Self.quotes(try Self.messages([Self.opening, gone])).last?.quotes[0].bestBack == 0)
        let image = Self.line(2000, Self.change("\"img\":true", "\"rc\":[\(Self.book(2, "2.8", "2.9"))]"))
        let after = Self.quotes(try Self.messages([Self.opening, image])).last?.quotes
        #expect(after?[0].bestBack == 0)
        #expect(after?[1].bestBack == 2800)
    }

    @Test func `reads numbers that are text, and passes over those that are none`() throws {
        let odd = Self.line(
            2000, Self.change("\"rc\":[{\"id\":1,\"spn\":\"NaN\",\"spf\":\"Infinity\",\"batb\":[[0,\"1.81\",3]]}]"))
        #expect(Self.quotes(try Self.messages([Self.opening, odd])).last?.quotes[0].bestBack == 1810)
    }

    @Test func `keeps several markets of one message apart`() throws {
        let both = Self.line(
            1000, Self.change(Self.definition(), "\"rc\":[\(Self.book(1, "1.5", "1.52")),\(Self.book(2, "2.9", "3.0"))]"),
            Self.change(
                Self.definition(), "\"rc\":[\(Self.book(1, "5.0", "5.2")),\(Self.book(2, "1.2", "1.22"))]", market: "1.6"))
        let quotes = Self.quotes(try Self.messages([both]))
        #expect(quotes.map(\.market) == ["1.5", "1.6"])
        #expect(quotes.map { $0.quotes[0].bestBack } == [1500, 5000])
    }

    @Test func `takes no price from messages after the last suspension, and the result from its end`() throws {
        let messages = try Self.messages([
            Self.opening, Self.line(2000, Self.change(Self.definition("SUSPENDED"))),
            Self.line(2500, Self.change("\"rc\":[{\"id\":1,\"ltp\":2.0},{\"id\":2,\"ltp\":2.0}]")),
            Self.line(3000, Self.change(Self.definition("CLOSED", runners: Self.runners([(1, "WINNER"), (2, "LOSER")])))),
            Self.line(3500, Self.change(Self.definition("CLOSED", runners: Self.runners([(1, "WINNER"), (2, "LOSER")])))),
        ])
        #expect(Self.quotes(messages).count == 1)
        let results = messages.flatMap(\.events).compactMap { if case .result(let result) = $0 { result } else { nil } }
        #expect(results == [FeedResult(market: "1.5", certainty: 2, results: [.won, .lost])])
    }

    @Test func `tells a removed runner once, in its first place, with the time of its removal`() throws {
        let three = Self.runners([(1, "ACTIVE"), (2, "ACTIVE"), (3, "ACTIVE")])
        // Removed runners move to the front of the list.
        let removed =
            "{\"id\":3,\"status\":\"REMOVED\",\"removalDate\":\"2026-01-02T03:00:00.000Z\",\"adjustmentFactor\":12.5},"
            + Self.runners([(1, "ACTIVE"), (2, "ACTIVE")])
        let messages = try Self.messages([
            Self.line(1000, Self.change(Self.definition(runners: three), "\"rc\":[\(Self.book(3, "4.0", "4.2"))]")),
            Self.line(2000, Self.change(Self.definition("SUSPENDED", runners: removed))),
            Self.line(2500, Self.change(Self.definition("OPEN", runners: removed), "\"rc\":[\(Self.book(3, "4.0", "4.2"))]")),
        ])
        let gone = messages.flatMap(\.events).filter { if case .withdrawal = $0 { true } else { false } }
        #expect(gone == [.withdrawal(FeedWithdrawal(market: "1.5", selection: 2, effective: 1_767_322_800_000, deduction: 1250))])
        #expect(Self.quotes(messages).last?.quotes.map(\.isActive) == [true, true, false])
    }

    @Test func `goes in play with its delay, and tells it as a kick-off`() throws {
        let messages = try Self.messages([Self.opening, Self.line(2000, Self.change(Self.definition(inPlay: true, delay: 5)))])
        let updates = messages.flatMap(\.events).compactMap { if case .update(let update) = $0 { update } else { nil } }
        #expect(updates.map(\.betDelay) == [5000])
        #expect(updates.map(\.incident) == [.kickOff])
    }

    private static func updates(_ messages: [FeedMessage]) -> [FeedUpdate] {
        messages.flatMap(\.events).compactMap { if case .update(let update) = $0 { update } else { nil } }
    }

    private static func results(_ messages: [FeedMessage]) -> [FeedResult] {
        messages.flatMap(\.events).compactMap { if case .result(let result) = $0 { result } else { nil } }
    }

    @Test func `says nothing by traded volumes, whichever way they go`() throws {
        let volumes = [120.5, 119.0, 0, 300].enumerated().map { index, volume in
            Self.line(2000 + Int64(index), Self.change("\"tv\":\(volume)", "\"rc\":[{\"id\":1,\"tv\":\(volume),\"trd\":[[1.5,\(volume)]]}]"))
        }
        let quotes = Self.quotes(try Self.messages([Self.opening] + volumes))
        #expect(Set(quotes.map(\.quotes)).count == 1)
    }

    @Test func `begins when it is in play, however often its start is moved before`() throws {
        func moved(_ time: Int64, _ start: String, inPlay: Bool = false) -> String {
            Self.line(time, Self.change(Self.definition(inPlay: inPlay).replacing("2026-01-02T03:04:05.000Z", with: start)))
        }
        let messages = try Self.messages([
            Self.opening, moved(2000, "2026-01-02T05:00:00.000Z"), moved(3000, "2026-01-02T06:30:00.000Z"),
            moved(4000, "2026-01-02T06:30:00.000Z", inPlay: true),
        ])
        let updates = Self.updates(messages)
        #expect(updates.map(\.scheduled) == [1_767_330_000_000, 1_767_335_400_000, 0])
        #expect(updates.map(\.state.isInPlay) == [false, false, true])
    }

    @Test func `goes in play without a suspension, out of play again, and from open to closed`() throws {
        let messages = try Self.messages([
            Self.opening, Self.line(2000, Self.change(Self.definition(inPlay: true))), Self.line(3000, Self.change(Self.definition())),
            Self.line(4000, Self.change(Self.definition(inPlay: true))),
            Self.line(4500, Self.change(Self.definition("CLOSED", inPlay: true, runners: Self.runners([(1, "LOSER"), (2, "WINNER")])))),
        ])
        #expect(Self.updates(messages).map(\.state.isInPlay) == [true, false, true])
        #expect(Self.updates(messages).map(\.incident) == [.kickOff, .none, .kickOff])
        let last = messages.last?.events ?? []
        #expect(last.first == .marketState(market: "1.5", isSuspended: true))
        #expect(Self.results(messages).map(\.results) == [[.lost, .won]])
    }

    @Test func `has as many winners as its market says`() throws {
        let four = (1...4).map { ($0, "ACTIVE") }
        let places = Self.definition(runners: Self.runners(four)).replacing("\"numberOfWinners\":1", with: "\"numberOfWinners\":3")
        let ended = Self.definition("CLOSED", runners: Self.runners([(1, "WINNER"), (2, "LOSER"), (3, "WINNER"), (4, "PLACED")]))
        let messages = try Self.messages([Self.line(1000, Self.change(places)), Self.line(2000, Self.change(ended))])
        let markets = messages.flatMap(\.events).compactMap { if case .market(let market) = $0 { market } else { nil } }
        #expect(markets.map(\.winners) == [3])
        #expect(Self.results(messages).map(\.results) == [[.won, .lost, .won, .won]])
        // None is said where each wins by itself: one of 1.5 stays as likely as that, whatever the others are.
        let alone = places.replacing("\"numberOfWinners\":3", with: "\"numberOfWinners\":0")
        let told: [UInt8] = try Self.messages([Self.line(1000, Self.change(alone))]).flatMap(\.events).compactMap {
            if case .market(let market) = $0 { market.winners } else { nil }
        }
        #expect(told == [0])
    }

    @Test func `makes a market of each handicap, and leaves to people what it does not say`() throws {
        func runners(_ statuses: [String]) -> String {
            let pairs = [(1, "-0.25"), (2, "0.25"), (1, "-0.5"), (2, "0.5"), (1, "0"), (2, "0.0"), (1, "1.5"), (2, "-2.5")]
            return zip(pairs, statuses).map {
                "{\"id\":\($0.0.0),\"hc\":\($0.0.1),\"name\":\"\($0.0.0 == 1 ? "Ada" : "Bea")\",\"status\":\"\($0.1)\"}"
            }.joined(separator: ",")
        }
        func definition(_ status: String, _ statuses: [String]) -> String {
            Self.definition(status, runners: runners(statuses))
                .replacing("\"numberOfWinners\":1", with: "\"numberOfWinners\":0,\"bettingType\":\"ASIAN_HANDICAP_DOUBLE_LINE\"")
        }
        func book(_ runner: Int, _ handicap: String, _ back: String, _ lay: String) -> String {
            "{\"id\":\(runner),\"hc\":\(handicap),\"batb\":[[0,\(back),10]],\"batl\":[[0,\(lay),10]]}"
        }
        let active = [String](repeating: "ACTIVE", count: 8)
        let ended = ["WINNER", "LOSER", "LOSER", "WINNER", "REMOVED", "REMOVED", "WINNER", "LOSER"]
        let messages = try Self.messages([
            Self.line(1000, Self.change(definition("OPEN", active), "\"img\":true", "\"rc\":[]")),
            Self.line(2000, Self.change("\"rc\":[\(book(1, "-0.5", "1.9", "1.92")),\(book(2, "0.5", "2.06", "2.1"))]")),
            Self.line(3000, Self.change(definition("CLOSED", ended))),
        ])
        let markets = messages.flatMap(\.events).compactMap { if case .market(let market) = $0 { market } else { nil } }
        // Whoever has no counterpart is no line.
        #expect(markets.map(\.id) == ["1.5/-0.25", "1.5/-0.5", "1.5/0"])
        #expect(markets.map(\.name) == ["Asian handicap -0.25", "Asian handicap -0.5", "Asian handicap 0"])
        #expect(markets[0].selections.map(\.name) == ["Ada -0.25", "Bea +0.25"])
        #expect(markets.allSatisfy { $0.type == .asianHandicap && $0.winners == 1 && !$0.isCashedOut })
        // Only the line whose book moved says anything.
        let said = Self.quotes(Array(messages.dropFirst().prefix(1)))
        #expect(said.map(\.market) == ["1.5/-0.5"])
        #expect(said.first?.quotes.map(\.bestBack) == [1900, 2060])
        // Who won half of a stake the stream does not say.
        let results = Self.results(messages)
        #expect(results.map(\.market) == ["1.5/-0.5", "1.5/0"])
        #expect(results.map(\.results) == [[.lost, .won], [.void, .void]])
        let shut = messages.flatMap(\.events).compactMap { if case .marketState(let market, true) = $0 { market } else { nil } }
        #expect(shut == ["1.5/-0.25", "1.5/-0.5", "1.5/0"])
    }

    @Test func `passes over markets of too many selections, and says so`() throws {
        let many = Self.definition(runners: Self.runners((1...65).map { ($0, "ACTIVE") }))
        let path = try Self.file(
            Array(
                [
                    Self.line(1000, Self.change(many, "\"img\":true", "\"rc\":[\(Self.book(1, "1.5", "1.52"))]")),
                    Self.line(2000, Self.change(many.replacing("ACTIVE", with: "REMOVED"))),
                    Self.line(3000, Self.change(many.replacing("OPEN", with: "CLOSED"))),
                ].joined(separator: "\n").utf8))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let stream = try BetfairStream(path: path)
        var events: [FeedEvent] = []
        while try stream.nextTime() != nil { events += try stream.next().events }
        // Its match is told all the same: another market may be of it.
        #expect(events.contains { if case .fixture = $0 { true } else { false } })
        #expect(
            !events.contains { event in
                switch event {
                case .market, .quotes, .marketState, .withdrawal, .result: true
                default: false
                }
            })
        #expect(stream.tally.passedOver == 1)
    }

    @Test func `calls runners without a name by their number, and passes over members that nobody knows`() throws {
        let nameless = Self.definition(runners: "{\"id\":7,\"status\":\"ACTIVE\"},{\"id\":8,\"status\":\"ACTIVE\",\"x\":{\"y\":[]}}")
        let line = Self.line(1000, Self.change(nameless, "\"rc\":[]")).replacing("{\"op\"", with: "{\"_stream_id\":4,\"op\"")
        let markets = try Self.messages([line]).flatMap(\.events).compactMap { if case .market(let market) = $0 { market } else { nil } }
        #expect(markets.first?.selections.map(\.name) == ["Selection 7", "Selection 8"])
    }

    @Test func `that ends before its match has no result`() throws {
        #expect(Self.results(try Self.messages([Self.opening, Self.line(2000, Self.change(Self.definition("SUSPENDED")))])).isEmpty)
    }

    @Test func `keeps the order of messages of one moment`() throws {
        let prices = ["1.6", "1.7", "1.65", "1.55"]
        let same = prices.map { Self.line(2000, Self.change("\"rc\":[{\"id\":1,\"batb\":[[0,\($0),10]]}]")) }
        let messages = try Self.messages([Self.opening] + same)
        #expect(Self.quotes(messages).dropFirst().map { $0.quotes[0].bestBack } == [1600, 1700, 1650, 1550])
        #expect(messages.dropFirst().map(\.time) == [2000, 2000, 2000, 2000])
    }

    @Test func `that shows a crossed book is offered at no price`() throws {
        let crossed = Self.line(2000, Self.change("\"rc\":[\(Self.book(1, "1.6", "1.5"))]"))
        let quotes = Self.quotes(try Self.messages([Self.opening, crossed])).last?.quotes ?? []
        #expect(throws: NotOffered.crossed) { _ = try PricingRule().prices(for: quotes, winners: 1, on: .classic) }
    }

    @Test func `beats like a heart wherever it is silent for five seconds`() throws {
        let late = Self.line(17_500, Self.change("\"rc\":[\(Self.book(1, "1.6", "1.63"))]"))
        let messages = try Self.messages([Self.opening, late])
        #expect(messages.map(\.time) == [1000, 6000, 11_000, 16_000, 17_500])
        #expect(messages[1...3].allSatisfy { $0.events == [.heartbeat] })
    }

    @Test(arguments: ["{\"op\":\"mcm\"}", "{\"op\":", "[]", "\u{feff}{}"])
    func `names the line that it does not understand`(line: String) throws {
        do {
            _ = try Self.messages([Self.opening, line])
            Issue.record("the line is refused")
        } catch let error as FeedError {
            #expect(error.line == 2)
        }
    }

    @Test func `reads a line of a mebibyte and refuses a longer one`() throws {
        let room = 1_048_576 - Self.opening.utf8.count
        let padded = String(Self.opening.dropLast()) + String(repeating: " ", count: room) + "}"
        #expect(padded.utf8.count == 1_048_576)
        #expect(try Self.messages([padded]).count == 1)
        #expect(throws: FeedError.self) { try Self.messages([String(padded.dropLast()) + " }"]) }
    }

    @Test func `that is damaged is refused, however it is packed`() throws {
        let whole = try gzip(Array((0..<4000).map { _ in Self.opening }.joined(separator: "\n").utf8))
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: whole)))
        var broken = bytes
        broken[bytes.count / 2] ^= 0xff
        #expect(throws: FeedError.self) { try Self.messages(at: try Self.file(broken)) }
        #expect(throws: LineReader.Failure.self) { try Self.messages(at: "/nowhere/at/all") }
    }
}

/// The books that an independent replay of each recording found at given times.
@Suite struct `A recorded market's book` {
    private struct Facts: Decodable {
        struct File: Decodable {
            let file: String
            let checkpoints: [Checkpoint]
        }
        struct Checkpoint: Decodable {
            let time: Int64
            let markets: [String: Market]

            enum CodingKeys: String, CodingKey {
                case time = "at_pt"
                case markets
            }
        }
        struct Market: Decodable {
            let status: String
            let isInPlay: Bool
            let betDelay: UInt32
            let runners: [String: Runner]

            enum CodingKeys: String, CodingKey {
                case status, runners
                case isInPlay = "in_play"
                case betDelay = "bet_delay"
            }
        }
        struct Runner: Decodable {
            let back: [[Double]]
            let lay: [[Double]]
            let ltp: Double?
            let tv: Double?
        }
        let files: [File]
    }

    @Test(.enabled(if: Recordings.exists("betfair-stream"), "the recordings are not beside the project"))
    func `is at every checkpoint what an independent replay found`() throws {
        let folder = Recordings.shared.appending(path: "betfair-stream")
        let facts = try JSONDecoder().decode(
            Facts.self, from: Data(contentsOf: folder.appending(path: "facts.json")))
        var compared = 0
        var whole = 0
        for file in facts.files {
            let stream = try BetfairStream(path: folder.appending(path: file.file).path)
            var books: [String: [Quote]] = [:]
            var selections: [String: [UInt64]] = [:]
            var checkpoints = file.checkpoints[...]
            while let time = try stream.nextTime() {
                while let next = checkpoints.first, next.time < time {
                    compared += compare(next, books, selections, file.file)
                    whole += compare(next, stream, file.file)
                    checkpoints.removeFirst()
                }
                for event in try stream.next().events {
                    switch event {
                    case .market(let market): selections[market.id] = market.selections.map(\.id)
                    case .quotes(let quotes): books[quotes.market] = quotes.quotes
                    default: break
                    }
                }
            }
        }
        #expect(facts.files.count > 10)
        #expect(compared > 200)
        #expect(whole > 600)
    }

    /// Status, delay and every runner's best three with their sizes, last price and volume, exactly.
    private func compare(_ checkpoint: Facts.Checkpoint, _ stream: BetfairStream, _ file: String) -> Int {
        var compared = 0
        for (id, market) in checkpoint.markets {
            guard let ours = stream.shown(id) else {
                Issue.record("\(file) \(checkpoint.time): no market \(id)")
                continue
            }
            let place = "\(file) \(checkpoint.time)"
            #expect(ours.status == market.status, "\(place)")
            #expect(ours.isInPlay == market.isInPlay, "\(place)")
            #expect(ours.betDelay == market.betDelay * 1000, "\(place)")
            for (selection, runner) in market.runners {
                guard let book = ours.books[selection] else { continue }
                func levels(_ side: [(UInt32, String)]) -> [[Double]] { side.map { [Double($0.0) / 1000, Double($0.1) ?? -1] } }
                let best = book.bestThree
                compared += 1
                #expect(levels(best.back) == runner.back, "\(place) \(selection)")
                #expect(levels(best.lay) == runner.lay, "\(place) \(selection)")
                #expect(Double(book.lastTraded) / 1000 == runner.ltp ?? 0, "\(place) \(selection)")
                #expect(Double(book.tradedVolume) ?? 0 == runner.tv ?? 0, "\(place) \(selection)")
            }
        }
        return compared
    }

    private func compare(
        _ checkpoint: Facts.Checkpoint, _ books: [String: [Quote]], _ selections: [String: [UInt64]], _ file: String
    ) -> Int {
        var compared = 0
        for (id, market) in checkpoint.markets where market.status == "OPEN" {
            guard let book = books[id], let ids = selections[id], Set(ids).count == ids.count else { continue }
            for (selection, quote) in zip(ids, book) where quote.isActive {
                guard let runner = market.runners[String(selection)] else { continue }
                func thousandths(_ price: Double?) -> UInt32 { UInt32(((price ?? 0) * 1000).rounded()) }
                compared += 1
                #expect(quote.bestBack == thousandths(runner.back.first?.first), "\(file) \(checkpoint.time) \(selection)")
                #expect(quote.bestLay == thousandths(runner.lay.first?.first), "\(file) \(checkpoint.time) \(selection)")
                #expect(quote.lastTraded == thousandths(runner.ltp), "\(file) \(checkpoint.time) \(selection)")
            }
        }
        return compared
    }
}
