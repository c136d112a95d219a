import Catalogue
import EngineCore
import EngineJournal
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops

/// Matches and markets that no feed knows, how such a match stands, and the channels that take bets.
extension OperatorGateway {
    var makingOperations: [Operation] {
        [
            Operation(
                description: OperatorRoutes.makeFixture, method: .post, path: "/api/v1/fixtures",
                body: .deferred { [unowned self] call, reply in makeFixture(call, reply) }),
            Operation(
                description: OperatorRoutes.makeMarket, method: .post,
                path: "/api/v1/fixtures/{fixture}/markets",
                body: .deferred { [unowned self] call, reply in makeMarket(call, reply) }),
            Operation(
                description: OperatorRoutes.setFixtureState, method: .put,
                path: "/api/v1/fixtures/{fixture}/state",
                body: .deferred { [unowned self] call, reply in setState(call, reply) }),
            Operation(
                description: OperatorRoutes.channels, method: .get, path: "/api/v1/channels",
                body: .immediate { [unowned self] call throws(Problem) in
                    _ = try needSession(call)
                    var json = JSONWriter()
                    json.object { Self.write(channels: hub.view.shutChannels, to: &$0) }
                    return .json(200, json.bytes)
                }),
            Operation(
                description: OperatorRoutes.setChannel, method: .put,
                path: "/api/v1/channels/{channel}",
                body: .deferred { [unowned self] call, reply in setChannel(call, reply) }),
        ]
    }

    func fixture(_ call: Call) throws(Problem) -> FixtureView {
        let id = UInt64(call.parameter("fixture") ?? "").map { FixtureID($0) }
        guard let fixture = id.flatMap({ hub.view.fixtures[$0] }) else {
            throw Problem(404, "fixture_unknown", "There is no such fixture.")
        }
        return fixture
    }

    // MARK: Making

    /// One for each key: whoever loses the answer asks again.
    private func makeFixture(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let person = try needSession(call)
            try readBody(call)
            var facts = FixtureFacts(
                id: ExternalID(derivedFrom: "desk:fixture:\(call.key ?? .zero)"))
            guard
                let sport = Sport.allCases.first(where: { sport in
                    tape.member("sport", of: tape.root).flatMap { tape.text($0) } == sport.word
                })
            else {
                throw Problem(
                    400, "malformed",
                    "sport: \(Sport.allCases.map(\.word).joined(separator: ", "))")
            }
            facts.sport = sport
            facts.competition = try text("competition", most: Limits.name)
            facts.home = try name("home")
            facts.away = try name("away")
            guard
                let moment = tape.member("scheduled", of: tape.root).flatMap({ tape.text($0) })
                    .flatMap({ Timestamp($0) })
            else {
                throw Problem(
                    422, "time_malformed", "scheduled: a time in UTC, such as 2026-11-22T09:30:00Z")
            }
            facts.scheduled = moment
            facts.byHand = MadeByHand(actor: person.id, reason: try why())
            let taken = hub.submit({ [unowned self] record, _ in
                made(record, at: Layout.FixtureChanged.refusal, reply) { record, json in
                    json.key("fixture")
                    json.numberText(record.field(Layout.FixtureChanged.fixture, as: UInt64.self))
                }
            }) { $0.fixture(facts) }
            guard taken else { throw busy() }
        } catch {
            reply.fail(error)
        }
    }

    private static let kinds: [(word: String, type: MarketType)] = [
        ("match_odds", .matchOdds), ("both_teams_to_score", .bothTeamsToScore),
        ("set_winner", .setWinner), ("set_betting", .setBetting), ("other", .other),
    ]

    private func makeMarket(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let person = try needSession(call)
            let fixture = try fixture(call)
            try readBody(call)
            let names = try selectionNames()
            var facts = MarketFacts(
                id: ExternalID(derivedFrom: "desk:market:\(call.key ?? .zero)"),
                fixture: fixture.externalID, name: try name("name"),
                selections: names.enumerated().map {
                    SelectionFacts(supplierID: UInt64($0.offset + 1), name: $0.element)
                })
            let kind = try text("kind", most: Limits.name)
            guard
                let type = kind.isEmpty
                    ? .other : Self.kinds.first(where: { $0.word == kind })?.type
            else {
                throw Problem(
                    400, "malformed",
                    "kind: \(Self.kinds.map(\.word).joined(separator: ", "))")
            }
            facts.type = type
            facts.winners = UInt8(try optional("winners", 0...Int64(Limits.selections - 1)) ?? 1)
            guard Int(facts.winners) < names.count else {
                throw Problem(422, "too_many_winners", "winners: fewer than selections")
            }
            facts.betDelay = UInt32(try optional("delay", 0...Int64(Limits.betDelay)) ?? 0)
            facts.maximumStake = try whole("maximumStake", 0...Limits.stake)
            facts.liabilityLimit = try whole("liabilityLimit", 0...Limits.potentialReturn)
            // Nobody says what is expected of it but by its prices, and one of them may be missing.
            facts.isCashedOut = false
            facts.byHand = MadeByHand(actor: person.id, reason: try why())
            let taken = hub.submit({ [unowned self] record, _ in
                made(record, at: Layout.MarketChanged.refusal, reply) { record, json in
                    json.key("fixture")
                    json.numberText(record.field(Layout.MarketChanged.fixture, as: UInt64.self))
                    json.key("market")
                    json.numberText(record.field(Layout.MarketChanged.market, as: UInt64.self))
                }
            }) { $0.market(facts) }
            guard taken else { throw busy() }
        } catch {
            reply.fail(error)
        }
    }

    private func name(_ member: StaticString) throws(Problem) -> String {
        let text = try text(member, most: Limits.name)
        guard !text.isEmpty else { throw Problem(400, "malformed", "\(member): a name") }
        return text
    }

    private func selectionNames() throws(Problem) -> [String] {
        let wanted = Problem(
            400, "malformed", "selections: the names of 2 to \(Limits.selections)")
        guard let place = tape.member("selections", of: tape.root), let count = tape.count(place),
            (2...Limits.selections).contains(count)
        else { throw wanted }
        var names: [String] = []
        for index in 0..<count {
            guard let name = tape.item(index, of: place).flatMap({ tape.text($0) }), !name.isEmpty
            else { throw wanted }
            guard name.utf8.count <= Limits.name else {
                throw Problem(
                    422, "text_too_long", "selections: names of at most \(Limits.name) bytes")
            }
            names.append(name)
        }
        return names
    }

    /// What was made, now or before under the same key.
    private func made(
        _ record: RecordBytes?, at offset: Int, _ reply: any Reply,
        _ more: (RecordBytes, inout JSONWriter) -> Void
    ) {
        guard let record else { return reply.fail(busy()) }
        let refusal = OperationRefusal(rawValue: record.field(offset, as: UInt16.self))
        if let refusal, refusal != .alreadyDefined { return reply.fail(Problem(refusal)) }
        var json = JSONWriter()
        json.object { json in
            json.key("asOf")
            json.number(record.sequence)
            more(record, &json)
            json.key("repeated")
            json.bool(refusal != nil)
        }
        reply.send(.json(200, json.bytes))
    }

    // MARK: How a match stands

    private func setState(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let person = try needSession(call)
            let fixture = try fixture(call)
            try readBody(call)
            guard
                let status = FixtureStatus.allCases.first(where: { status in
                    tape.member("status", of: tape.root).flatMap { tape.text($0) } == status.word
                })
            else {
                throw Problem(
                    400, "malformed",
                    "status: \(FixtureStatus.allCases.map(\.word).joined(separator: ", "))")
            }
            guard let isInPlay = try flag("inPlay") else {
                throw Problem(400, "malformed", "inPlay: true or false")
            }
            var facts = FixtureFacts(id: fixture.externalID)
            facts.sport = fixture.sport
            facts.state = FixtureState(
                status: status, isInPlay: isInPlay, score: try score(),
                clockSeconds: try nullable("clock", 0...86_400).map { UInt32($0) } ?? .max)
            facts.ingestTime = now.nanoseconds
            facts.byHand = MadeByHand(actor: person.id, reason: try why())
            let taken = hub.submit({ [unowned self] record, _ in
                respond(record, at: Layout.FixtureChanged.refusal, reply)
            }) { $0.fixtureUpdate(facts) }
            guard taken else { throw busy() }
        } catch {
            reply.fail(error)
        }
    }

    private func score() throws(Problem) -> UInt32 {
        guard let place = tape.member("score", of: tape.root), !tape.isNull(place) else {
            return Score.unknown
        }
        guard tape.count(place) == 2,
            let home = tape.item(0, of: place).flatMap({ tape.whole($0) }),
            let away = tape.item(1, of: place).flatMap({ tape.whole($0) }),
            (0...65_534).contains(home), (0...65_534).contains(away)
        else { throw Problem(400, "malformed", "score: [home, away], or null") }
        return Score(home: UInt16(home), away: UInt16(away)).packed
    }

    // MARK: Channels

    static func write(channels shut: UInt16, to json: inout JSONWriter) {
        json.key("channels")
        json.array { json in
            for channel in Channel.allCases {
                json.object { json in
                    json.key("channel")
                    json.string(channel.word)
                    json.key("open")
                    json.bool(shut & 1 << UInt16(channel.rawValue) == 0)
                }
            }
        }
    }

    private func setChannel(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let person = try needSession(call)
            guard
                let channel = Channel.allCases.first(where: { $0.word == call.parameter("channel") }
                )
            else { throw Problem(404, "channel_unknown", "There is no such channel.") }
            try readBody(call)
            guard let isOpen = try flag("open") else {
                throw Problem(400, "malformed", "open: true or false")
            }
            let reason = try why()
            let taken = hub.submit({ [unowned self] record, _ in
                respond(record, at: Layout.MarketChanged.refusal, reply)
            }) {
                $0.channelState(
                    channel.rawValue, isShut: !isOpen, actor: person.id, reason: reason)
            }
            guard taken else { throw busy() }
        } catch {
            reply.fail(error)
        }
    }
}
