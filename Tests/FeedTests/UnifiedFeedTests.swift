import Betting
import Catalogue
import FeedCore
import FeedLines
import FeedUnified
import Foundation
import Kernel
import Pricing
import Testing

/// Messages of one match, with two producers: 3 before it begins and 1 while it is played.
@Suite struct `A unified feed` {
    private static let names = """
        <market_descriptions timestamp="1"><market id="1" name="Match result" groups="all|score"><outcomes>\
        <outcome id="1" name="{$competitor1}"/><outcome id="2" name="Draw"/><outcome id="3" name="{$competitor2}"/></outcomes></market>\
        <market id="16" name="Handicap {hcp}" groups="all|score"><outcomes><outcome id="1714" name="{$competitor1} ({+hcp})"/>\
        <outcome id="1715" name="{$competitor2} ({-hcp})"/></outcomes></market>\
        <market id="166" name="Corners {total}" groups="all|corners"><outcomes><outcome id="12" name="Over"/><outcome id="13" name="Under"/></outcomes></market>\
        </market_descriptions>
        """

    private func play(_ lines: [String]) throws -> (events: [FeedEvent], feed: UnifiedFeed) {
        let path = FileManager.default.temporaryDirectory.appending(path: "unified-\(UUID().uuidString).xml").path
        try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let feed = try UnifiedFeed(path: path, name: "unified/test")
        var asked: [ProducerMonitor.Recovery] = []
        feed.recover = { asked.append($0) }
        var events: [FeedEvent] = []
        while try feed.nextTime() != nil { events += try feed.next().events }
        return (events.filter { $0 != .heartbeat }, feed)
    }

    private static let fixture = """
        <fixtures_fixture timestamp="1"><fixture id="m" start_time="2027-01-15T08:10:00Z"><tournament id="t" name="Cup"><sport id="s" name="Tennis"/></tournament>\
        <competitors><competitor id="a" name="Ada" qualifier="home"/><competitor id="b" name="Bea" qualifier="away"/></competitors></fixture></fixtures_fixture>
        """

    private static let begun = [
        names, fixture, alive(1, 1000), "<snapshot_complete product=\"1\" timestamp=\"1100\" request_id=\"1\"/>",
    ]

    private static func alive(_ product: Int, _ time: Int, subscribed: Bool = true) -> String {
        "<alive product=\"\(product)\" timestamp=\"\(time)\" subscribed=\"\(subscribed ? 1 : 0)\"/>"
    }

    private static func odds(
        _ time: Int, product: Int = 1, status: Int = 1, market: String = "id=\"1\"", home: String = "2.00", request: Bool = false
    ) -> String {
        """
        <odds_change product="\(product)" event_id="m" timestamp="\(time)"\(request ? " request_id=\"9\"" : "")><odds>\
        <market \(market) status="\(status)"><outcome id="1" odds="\(home)"/><outcome id="2" odds="3.40"/><outcome id="3" odds="3.90"/></market></odds></odds_change>
        """
    }

    private static let said = FeedEvent.marketState(market: "m/1", isSuspended: false)
    private static let shut = FeedEvent.marketState(market: "m/1", isSuspended: true)

    /// The states that were told of the match result.
    private func states(_ lines: [String]) throws -> [Bool] {
        try play(Self.begun + lines).events.compactMap {
            if case .marketState("m/1", let isSuspended) = $0 { isSuspended } else { nil }
        }
    }

    @Test func `tells nothing of a match before its sport is known, and then all that was said of it`() throws {
        let begun = Self.begun.filter { $0 != Self.fixture }
        let settled = """
            <bet_settlement product="1" event_id="m" timestamp="1250" certainty="2"><outcomes><market id="1"><outcome id="1" result="1"/>\
            <outcome id="2" result="0"/><outcome id="3" result="0"/></market></outcomes></bet_settlement>
            """
        #expect(try play(begun + [Self.odds(1200), Self.stands(1210)]).events == [])
        let events = try play(begun + [Self.odds(1200), Self.stands(1210), Self.fixture]).events
        guard events.count == 5, case .fixture(let fixture) = events[0], case .update(let update) = events[1], case .market = events[2] else {
            Issue.record("\(events)")
            return
        }
        #expect(fixture.sport == .tennis && fixture.home == "Ada" && update.state.status == .live)
        #expect(events[3] == Self.said)
        // What was settled meanwhile is never offered, and that nobody was told of it is counted.
        let (late, feed) = try play(begun + [Self.odds(1200), settled, Self.fixture, Self.odds(1400)])
        #expect(!late.contains(Self.said) && feed.tally.misfits == 2)
    }

    @Test func `tells nothing open before its producer has sent everything`() throws {
        let early = try play([Self.names, Self.fixture, Self.alive(1, 1000), Self.odds(1010)])
        #expect(!early.events.contains(Self.said))
        let whole = try play([
            Self.names, Self.fixture, Self.alive(1, 1000), Self.odds(1010, request: true),
            "<snapshot_complete product=\"1\" timestamp=\"1020\" request_id=\"9\"/>",
        ])
        #expect(whole.events.suffix(2).first == Self.said)
        #expect(whole.feed.monitor.state(of: 1) == .up)
    }

    @Test func `shuts what a producer has when it is silent for twenty seconds, and nothing of another's`() throws {
        let lines = [Self.odds(1200), Self.alive(3, 20_900)]
        #expect(try states(lines) == [false])
        #expect(try states(lines + [Self.alive(3, 21_100)]) == [false, true])
    }

    @Test func `opens after a recovery only what its producer has spoken of since`() throws {
        let down = [Self.odds(1200), Self.alive(3, 21_100), Self.alive(1, 40_000)]
        let whole = "<snapshot_complete product=\"1\" timestamp=\"40300\" request_id=\"9\"/>"
        #expect(try states(down + [whole]) == [false, true])
        #expect(try states(down + [Self.odds(40_100, request: true)]) == [false, true])
        #expect(try states(down + [Self.odds(40_100, request: true), whole]) == [false, true, false])
    }

    @Test func `asks for what was missed, not more often than it may`() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "unified-\(UUID().uuidString).xml").path
        let lines =
            Self.begun + [Self.alive(1, 11_000), Self.alive(1, 21_000, subscribed: false)]
            + [Self.alive(1, 31_000), Self.alive(1, 52_000)]
        try (lines.joined(separator: "\n")).write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let feed = try UnifiedFeed(path: path, name: "unified/test")
        var asked: [ProducerMonitor.Recovery] = []
        feed.recover = { asked.append($0) }
        while try feed.nextTime() != nil { _ = try feed.next() }
        // Within thirty seconds of the first it waits, and then asks from the last moment at which all was well.
        #expect(asked.map(\.after) == [nil, 11_000])
        #expect(feed.monitor.state(of: 1) == .down(.unsubscribed))
    }

    @Test func `takes a producer that comes late for one that is down`() throws {
        let late = [Self.odds(1200), Self.alive(1, 30_000), Self.alive(3, 51_000), Self.alive(1, 51_000)]
        let (_, feed) = try play(Self.begun + [Self.odds(1200), Self.alive(1, 20_000), Self.alive(3, 39_000), Self.odds(18_900)])
        #expect(feed.monitor.state(of: 1) == .down(.behind))
        #expect(try states(late).last == true)
    }

    @Test func `stops by group, and only what is active`() throws {
        let lines = [
            Self.odds(1200), Self.odds(1210, market: "id=\"166\" specifiers=\"total=9.5\""),
            "<bet_stop product=\"1\" event_id=\"m\" timestamp=\"1300\" groups=\"score\"/>",
        ]
        let events = try play(Self.begun + lines).events
        #expect(events.last == Self.shut)
        #expect(!events.contains(.marketState(market: "m/166?total=9.5", isSuspended: true)))
        let inactive = [
            Self.odds(1200), Self.odds(1250, status: 0),
            "<bet_stop product=\"1\" event_id=\"m\" timestamp=\"1300\" groups=\"all\"/>", Self.odds(1280),
        ]
        // What was inactive was not stopped: the newer odds open it.
        #expect(try states(inactive) == [false, true, false])
    }

    @Test func `lets who takes a market over go on with it, and whoever handed it over fall silent`() throws {
        let begun3 = [Self.alive(3, 1000), "<snapshot_complete product=\"3\" timestamp=\"1100\" request_id=\"1\"/>"]
        let lines =
            begun3 + [
                Self.odds(1200, product: 3), Self.odds(1300, product: 3, status: -2), Self.odds(1400, product: 1),
                Self.odds(1500, product: 3, status: -1),
            ]
        #expect(try states(lines) == [false, true, false])
        let (_, feed) = try play(Self.begun + lines)
        #expect(feed.tally.misfits == 1)
    }

    @Test func `passes over odds that are older than what it knows`() throws {
        let events = try play(Self.begun + [Self.odds(1300, home: "2.20"), Self.odds(1200, home: "2.00")]).events
        #expect(events.count { if case .quotes = $0 { true } else { false } } == 1)
    }

    @Test(arguments: [
        ("1", "", SelectionResult.won), ("0", "", .lost), ("-1", "", .undecided), ("1", " void_factor=\"1\"", .void), ("0", " void_factor=\"1.0\"", .void),
        ("1", " void_factor=\"0.5\"", .halfWon), ("0", " void_factor=\"0.5\"", .halfLost), ("1", " dead_heat_factor=\"0.5\"", .deadHeat),
        ("1", " dead_heat_factor=\"1\"", .won),
    ])
    func `settles by result, void factor and dead heat`(result: String, more: String, wanted: SelectionResult) throws {
        let settlement = """
            <bet_settlement product="1" event_id="m" timestamp="1300" certainty="2"><outcomes><market id="1"><outcome id="1" result="\(result)"\(more)/>\
            <outcome id="2" result="0"/><outcome id="3" result="0"/></market></outcomes></bet_settlement>
            """
        let events = try play(Self.begun + [Self.odds(1200), settlement]).events
        guard case .result(let told)? = events.last else {
            Issue.record("no result")
            return
        }
        #expect(told.results == [wanted, .lost, .lost])
        #expect(told.certainty == 2)
        #expect(told.finish == (wanted == .deadHeat ? [Finish(position: 1, tied: 2), nil, nil] : []))
    }

    @Test(arguments: [
        ("0.5", 1, 2), ("0.50", 1, 2), ("0.3", 1, 3), ("0.33", 1, 3), ("0.333333", 1, 3), ("0.25", 1, 4), ("0.2", 1, 5), ("0.17", 1, 6), ("0.16", 1, 6),
        ("0.1667", 1, 6), ("0.14", 1, 7), ("0.12", 1, 8), ("0.125", 1, 8), ("0.67", 2, 3), ("0.66667", 2, 3), ("0.7", 2, 3), ("0.75", 3, 4), ("0.4", 2, 5),
        ("0.6", 3, 5), ("0.1875", 3, 16), ("0.0625", 1, 16),
    ])
    func `takes a dead heat for the part that was meant, however it was rounded`(factor: String, winners: Int, tied: Int) throws {
        let settlement = """
            <bet_settlement product="1" event_id="m" timestamp="1300" certainty="2"><outcomes><market id="1">\
            <outcome id="1" result="1" dead_heat_factor="\(factor)"/><outcome id="2" result="0"/><outcome id="3" result="0"/></market></outcomes></bet_settlement>
            """
        guard case .result(let told)? = try play(Self.begun + [Self.odds(1200), settlement]).events.last else {
            Issue.record("no result")
            return
        }
        let finish = try #require(told.finish[0])
        #expect(Int(finish.tied) == tied)
        // One wins here: where more of those who tie are among the winners than one, no position says so.
        #expect(winners > 1 || Int(finish.share(of: 1)) == winners)
    }

    @Test func `settles nothing by a dead heat of no part, and goes on`() throws {
        let settlement = """
            <bet_settlement product="1" event_id="m" timestamp="1300" certainty="2"><outcomes><market id="1">\
            <outcome id="1" result="1" dead_heat_factor="0.0001"/><outcome id="2" result="0"/><outcome id="3" result="0"/></market></outcomes></bet_settlement>
            """
        let (events, feed) = try play(Self.begun + [Self.odds(1200), settlement])
        #expect(events.last == Self.shut)
        #expect(feed.tally.misfits == 1)
        #expect(try states([Self.odds(1200), settlement, Self.odds(1400)]) == [false, true, false])
    }

    @Test func `takes back results, and cancels by window and takes that back`() throws {
        let events = try play(
            Self.begun + [
                Self.odds(1200), "<rollback_bet_settlement product=\"1\" event_id=\"m\" timestamp=\"1300\"><market id=\"1\"/></rollback_bet_settlement>",
                "<bet_cancel product=\"1\" event_id=\"m\" timestamp=\"1400\" start_time=\"1200\"><market id=\"1\"/></bet_cancel>",
                "<rollback_bet_cancel product=\"1\" event_id=\"m\" timestamp=\"1500\" start_time=\"1200\"><market id=\"1\"/></rollback_bet_cancel>",
            ]
        ).events
        #expect(
            events.suffix(3) == [
                .rollback(market: "m/1"), .cancel(FeedCancel(market: "m/1", from: 1200)),
                .cancel(FeedCancel(market: "m/1", from: 1200, isTakenBack: true)),
            ])
    }

    @Test(arguments: FixtureStatus.allCases)
    func `knows the ten states of a match, and that nobody watches it`(status: FixtureStatus) throws {
        let change = """
            <odds_change product="1" event_id="m" timestamp="1200"><sport_event_status status="\(status.rawValue)" home_score="2" away_score="1.0" reporting="-1">\
            <clock match_time="12:34"/></sport_event_status></odds_change>
            """
        guard case .update(let update)? = try play(Self.begun + [change]).events.last else {
            Issue.record("no update")
            return
        }
        #expect(update.state.status == status)
        #expect(update.hasLostContact)
        #expect(update.state.score == Score(home: 2, away: 1).packed)
        #expect(update.state.clockSeconds == 754)
    }

    @Test func `makes references of a line from all five probabilities`() throws {
        let change = """
            <odds_change product="1" event_id="m" timestamp="1200"><odds><market id="16" specifiers="hcp=-0.25" status="1">\
            <outcome id="1714" odds="1.80" probabilities="0.465" half_lose_probabilities="0.285"/>\
            <outcome id="1715" odds="2.10" probabilities="0.25" half_win_probabilities="0.285"/></market></odds></odds_change>
            """
        let events = try play(Self.begun + [change]).events
        guard case .quotes(let told)? = events.last, case .market(let market)? = events.first(where: { if case .market = $0 { true } else { false } })
        else {
            Issue.record("no quotes")
            return
        }
        // 0.8575 / 0.465 and 0.8575 / 0.3925: fair prices of stakes of which a part goes back.
        #expect(told.quotes.map(\.lastTraded) == [1844, 2184])
        #expect(market.selections.map(\.name) == ["Ada (-0.25)", "Bea (+0.25)"])
        #expect(market.type == .asianHandicap && market.isCashedOut)
        #expect((try? PricingRule().prices(for: told.quotes, winners: 1, on: .classic)) != nil)
    }

    @Test(arguments: [
        "<odds_change product=\"1\" event_id=\"m\"/>", "<odds_change product=\"1\" timestamp=\"1\"/>", "<bet_stop", "hello",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><alive product=\"1\" timestamp=\"1\"/>",
        "<odds_change product=\"1\" event_id=\"m\" timestamp=\"1\"><odds><market id=\"1\" status=\"7\"/></odds></odds_change>",
        "<odds_change product=\"1\" event_id=\"m\" timestamp=\"1\"><odds><market id=\"1\"><outcome id=\"1\" odds=\"1\"/></market></odds></odds_change>",
        "<bet_settlement product=\"1\" event_id=\"m\" timestamp=\"1\" certainty=\"3\"/>",
        "<odds_change product=\"1\" event_id=\"m\" timestamp=\"1\"><sport_event_status status=\"10\"/></odds_change>",
    ])
    func `stops at a message that it does not understand`(line: String) throws {
        #expect(throws: FeedError.self) { try play(Self.begun + [line]) }
    }

    private static func chances(_ parts: [String], market: String = "id=\"10\"") -> String {
        let outcomes = parts.enumerated().map { "<outcome id=\"\($0.offset)\" odds=\"2.00\" probabilities=\"\($0.element)\"/>" }.joined()
        return "<odds_change product=\"1\" event_id=\"m\" timestamp=\"1200\"><odds><market \(market) status=\"1\">\(outcomes)</market></odds></odds_change>"
    }

    @Test func `takes as many winners as the chances add up to, and no market of which that is no number`() throws {
        func winners(_ lines: [String]) throws -> UInt8? {
            try play(Self.begun + lines).events.compactMap { if case .market(let market) = $0 { market.winners } else { nil } }.first
        }
        #expect(try winners([Self.chances(["0.80", "0.75", "0.45"])]) == 2)
        #expect(try winners([Self.chances(["0.5", "0.3", "0.2"])]) == 1)
        #expect(try winners([Self.chances(["0.80", "0.75", "0.90"])]) == nil)
        // Prices alone say nothing of how many win, but for one.
        let places = "<outcome id=\"1\" odds=\"1.20\"/><outcome id=\"2\" odds=\"1.25\"/><outcome id=\"3\" odds=\"2.10\"/>"
        let priced = "<odds_change product=\"1\" event_id=\"m\" timestamp=\"1200\"><odds><market id=\"10\" status=\"1\">\(places)</market></odds></odds_change>"
        #expect(try winners([priced]) == nil)
        let (_, feed) = try play(Self.begun + [priced])
        #expect(feed.tally.misfits == 1)
    }

    @Test func `offers players each of whom wins by itself, by their names`() throws {
        let described = "<market_descriptions timestamp=\"1100\"><market id=\"772\" name=\"Booked\" outcome_type=\"player\"/></market_descriptions>"
        let profile =
            "<competitor_profile timestamp=\"1100\"><competitor id=\"c\" name=\"Ada\"/><players><player id=\"0\" name=\"Ann\"/><player id=\"1\" name=\"Ben\"/></players></competitor_profile>"
        func market(_ chances: [String], _ id: String, _ before: [String] = []) throws -> FeedMarket? {
            try play(Self.begun + before + [Self.chances(chances, market: "id=\"\(id)\"")]).events.compactMap {
                if case .market(let market) = $0 { market } else { nil }
            }.first
        }
        let booked = try #require(try market(["0.80", "0.75", "0.90"], "772", [described, profile]))
        #expect(booked.winners == 0)
        #expect(booked.selections.map(\.name) == ["Ann", "Ben", "2"])
        // That they come to a whole number is by chance, but of the one who scores first.
        #expect(try market(["0.80", "0.75", "0.45"], "772", [described])?.winners == 0)
        #expect(try market(["0.50", "0.30", "0.20"], "772", [described])?.winners == 0)
        let first = described.replacing("772", with: "38")
        #expect(try market(["0.50", "0.30", "0.20"], "38", [first])?.winners == 1)
        // Whoever scores is known by its number.
        #expect(try market(["0.50", "0.30", "0.20"], "40")?.winners == 0)
        // Of chances that do not add up to what they should nothing is made.
        #expect(try market(["0.40", "0.30", "0.15"], "772", [described]) == nil)
    }

    @Test func `of players with prices alone offers two against each other, and no more of them`() throws {
        let described = "<market_descriptions timestamp=\"1100\"><market id=\"772\" name=\"Booked\" outcome_type=\"player\"/></market_descriptions>"
        func winners(_ odds: [String], _ id: String = "772") throws -> UInt8? {
            let outcomes = odds.enumerated().map { "<outcome id=\"\($0.offset)\" odds=\"\($0.element)\"/>" }.joined()
            let line =
                "<odds_change product=\"1\" event_id=\"m\" timestamp=\"1200\"><odds><market id=\"\(id)\" status=\"1\">\(outcomes)</market></odds></odds_change>"
            return try play(Self.begun + [described, line]).events.compactMap { if case .market(let market) = $0 { market.winners } else { nil } }.first
        }
        #expect(try winners(["1.87", "1.87"]) == 1)
        #expect(try winners(["2.80", "2.80", "2.80"]) == nil)
        #expect(try winners(["1.87", "1.87"], "40") == nil)
        #expect(try winners(["2.80", "2.80", "2.80"], "38") == 1)
    }

    @Test func `tells how many wins those share who tie where each wins by itself`() throws {
        let settled =
            "<bet_settlement product=\"1\" event_id=\"m\" timestamp=\"1300\" certainty=\"2\"><outcomes><market id=\"40\"><outcome id=\"0\" result=\"1\" dead_heat_factor=\"0.5\"/><outcome id=\"1\" result=\"1\"/></market></outcomes></bet_settlement>"
        let (events, feed) = try play(Self.begun + [Self.chances(["0.50", "0.90"], market: "id=\"40\""), settled])
        let result = events.compactMap { if case .result(let result) = $0 { result } else { nil } }.first
        #expect(result?.results == [.deadHeat, .won])
        #expect(result?.finish == [Finish(position: 0, tied: 2, wins: 1), nil])
        #expect(feed.tally.misfits == 0)
    }

    @Test func `of what is next to impossible quotes no more than the longest price`() throws {
        let events = try play(Self.begun + [Self.chances(["0.999999999", "0.000000001"])]).events
        guard case .quotes(let told)? = events.last else {
            Issue.record("no quotes")
            return
        }
        #expect(told.quotes[1].lastTraded == Limits.price)
        let prices = try? PricingRule().prices(for: [Quote(lastTraded: 1111), Quote(lastTraded: .max)], winners: 1, on: .classic)
        #expect(prices == nil || prices?[1].odds != nil)
    }

    @Test func `passes over how a match stood before, whoever says it`() throws {
        func state(_ time: Int, _ product: Int, _ status: Int, _ score: String = "") -> String {
            "<odds_change product=\"\(product)\" event_id=\"m\" timestamp=\"\(time)\"><sport_event_status status=\"\(status)\"\(score)/></odds_change>"
        }
        let lines = [
            state(1300, 1, 1, " home_score=\"1\" away_score=\"0\""), state(1200, 1, 0), state(1400, 3, 0), state(1500, 1, 1),
        ]
        let updates = try play(Self.begun + lines).events.compactMap { if case .update(let update) = $0 { update } else { nil } }
        #expect(updates.map(\.state.status) == [.live])
        #expect(updates.first?.state.score == Score(home: 1, away: 0).packed)
    }

    @Test func `stops what nobody says the group of`() throws {
        let lines = [Self.odds(1200, market: "id=\"77\""), "<bet_stop product=\"1\" event_id=\"m\" timestamp=\"1300\" groups=\"score\"/>"]
        #expect(try play(Self.begun + lines).events.last == .marketState(market: "m/77", isSuspended: true))
    }

    @Test func `opens nothing that another producer has shut, nor what is settled`() throws {
        let begun3 = [Self.alive(3, 1000), "<snapshot_complete product=\"3\" timestamp=\"1100\" request_id=\"1\"/>"]
        #expect(try states(begun3 + [Self.odds(1200), Self.odds(1300, status: -1), Self.odds(1400, product: 3)]) == [false, true])
        let settlement =
            "<bet_settlement product=\"1\" event_id=\"m\" timestamp=\"1300\" certainty=\"2\"><outcomes><market id=\"1\"><outcome id=\"1\" result=\"1\"/></market></outcomes></bet_settlement>"
        let rollback = "<rollback_bet_settlement product=\"1\" event_id=\"m\" timestamp=\"1500\"><market id=\"1\"/></rollback_bet_settlement>"
        #expect(try states([Self.odds(1200), settlement, Self.odds(1400)]) == [false])
        #expect(try states([Self.odds(1200), settlement, Self.odds(1400), rollback, Self.odds(1600)]) == [false, false])
        // An older result than the newest word changes nothing here either.
        #expect(try states([Self.odds(1200), rollback, Self.odds(1600), settlement, Self.odds(1700, status: -1)]).last == true)
    }

    @Test func `asks again where a producer that was behind has missed something`() throws {
        let lines = [
            Self.odds(1200), Self.alive(1, 20_000), Self.alive(3, 39_000), Self.odds(18_900), Self.alive(1, 39_500, subscribed: false), Self.odds(39_600),
        ]
        let (_, feed) = try play(Self.begun + lines)
        #expect(feed.monitor.state(of: 1) == .down(.unsubscribed))
    }

    @Test func `tells that a match begins at another time`() throws {
        let moved = "<fixture_change product=\"1\" event_id=\"m\" timestamp=\"1300\" start_time=\"1800000000000\" change_type=\"2\"/>"
        guard case .update(let update)? = try play(Self.begun + [Self.odds(1200), moved]).events.last else {
            Issue.record("no update")
            return
        }
        #expect(update.scheduled == 1_800_000_000_000)
        #expect(update.state == FixtureState())
    }

    private static func change(_ time: Int, _ type: Int, product: Int = 1) -> String {
        "<fixture_change product=\"\(product)\" event_id=\"m\" timestamp=\"\(time)\" change_type=\"\(type)\"/>"
    }

    private static func stands(_ time: Int, _ status: Int = 1, product: Int = 1) -> String {
        """
        <odds_change product="\(product)" event_id="m" timestamp="\(time)"><sport_event_status status="\(status)" match_status="6"/></odds_change>
        """
    }

    @Test func `offers nothing of a match that is called off, whoever offered it`() throws {
        let (events, _) = try play(Self.begun + [Self.odds(1200), Self.change(1300, 3, product: 3)])
        #expect(events.last == Self.shut)
        let updates = events.compactMap { if case .update(let update) = $0 { update } else { nil } }
        #expect(updates.map(\.state.status) == [.cancelled] && updates.map(\.state.isInPlay) == [false])
        // By another producer's clock, too, whose own is ahead.
        #expect(try states([Self.odds(1200), Self.odds(1500), Self.change(1300, 3, product: 3)]) == [false, true])
        // What is older than its own producer's last word of it is passed over; of a match that nobody was told of nothing is told.
        let (late, feed) = try play(Self.begun + [Self.odds(1200), Self.change(1100, 3)])
        #expect(feed.tally.misfits == 1 && !late.contains(Self.shut))
        #expect(try play(Self.begun + [Self.change(1300, 3)]).events.isEmpty)
        #expect(try !play(Self.begun + [Self.change(1300, 3), Self.odds(1400)]).events.contains(Self.said))
    }

    @Test func `offers a match that was called off once somebody says that it is on, from its next odds`() throws {
        let begun = [Self.odds(1200), Self.change(1300, 3)]
        #expect(try states(begun + [Self.odds(1400), Self.odds(1500, product: 3)]) == [false, true])
        #expect(try states(begun + [Self.odds(1400), Self.stands(1450)]) == [false, true])
        #expect(try states(begun + [Self.odds(1400), Self.stands(1450), Self.odds(1460)]) == [false, true, false])
        // That it is called off is no word of its going on, nor what was said before.
        #expect(try states(begun + [Self.stands(1350, 5), Self.odds(1460)]) == [false, true])
        #expect(try states(begun + [Self.stands(1250), Self.odds(1460)]) == [false, true])
    }

    @Test func `offers nothing of a match that is played by other rules until its producer speaks anew`() throws {
        #expect(try states([Self.odds(1200), Self.change(1300, 4), Self.odds(1400)]) == [false, true, false])
        let events = try play(Self.begun + [Self.odds(1200), Self.change(1300, 4)]).events
        #expect(!events.contains { if case .update = $0 { true } else { false } })
        // Another coverage or another start changes nothing that is offered.
        #expect(try states([Self.odds(1200), Self.change(1300, 5), Self.change(1310, 2)]) == [false])
    }

    @Test func `counts what says nothing that is offered or paid by`() throws {
        let (_, feed) = try play(Self.begun + ["<fixture_change product=\"1\" event_id=\"m\" timestamp=\"1200\" change_type=\"2\"/>"])
        #expect(feed.tally.passedOver == 1)
    }
}
