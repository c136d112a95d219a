import NetworkCodecs

/// What each of the punters' routes says about itself. Source of /openapi.json.
enum PunterRoutes {
    private static func route(
        _ operation: String, _ summary: String, tag: String, _ answers: [RouteDescription.Answer],
        parameters: [RouteDescription.Parameter] = [], body: String? = nil,
        problems: [(Int, String)] = [], session: Bool = false, movesMoney: Bool = false,
        isAboutHTTP: Bool = false, comesFirst: Bool = false
    ) -> RouteDescription {
        var description = RouteDescription(operation, summary, tag: tag, answers: answers)
        description.parameters = parameters
        description.body = body
        description.problems = problems + (session ? [(401, "not_signed_in")] : [])
        description.needsSession = session
        description.isAboutHTTP = isAboutHTTP
        description.comesFirst = comesFirst
        if movesMoney { description.moveMoney() }
        if description.isBrowsing { description.problems.append((503, "overloaded")) }
        return description
    }

    private static let number = "{\"$ref\":\"#/components/schemas/Number\"}"

    static func match(_ what: String) -> RouteDescription.Parameter {
        .init("If-Match", in: "header", "The ETag of \(what) that was seen; else 412.")
    }

    private static let paging: [RouteDescription.Parameter] = [
        .init("cursor", in: "query", "Where the page before ended, as its `next` said."),
        .init(
            "limit", in: "query", "Items of a page, 50 when absent.",
            schema: "{\"type\":\"integer\",\"minimum\":1,\"maximum\":200}"),
    ]

    static let stream = route(
        "stream", "The WebSocket: prices, bets and wallet; docs/formats/websocket.md.",
        tag: "stream", [.init(101, "The connection speaks WebSocket from here on.")],
        problems: [
            (403, "origin_missing"), (426, "upgrade_required"), (429, "too_many_connections"),
        ])
    static let events = route(
        "events", "Server-sent events: the same topics as the WebSocket's; docs/formats/events.md.",
        tag: "stream",
        [.init(200, "Events, until one side leaves.", contentType: "text/event-stream")],
        parameters: [
            .init(
                "topics", in: "query",
                "Topics, joined by commas: fixtures, fixture/12, market/12, incidents, bets, wallet.",
                required: true),
            .init(
                "Last-Event-ID", in: "header",
                "The last event's id; what came after it is told first."),
        ],
        problems: [
            (400, "unknown_topic"), (400, "too_many_topics"), (401, "not_signed_in"),
            (429, "too_many_connections"),
        ])
    static let fixtures = route(
        "listFixtures", "Fixtures that are on or still to come, or ended a moment ago.",
        tag: "catalogue",
        [
            .init(
                200, "The fixtures.", schema: "Fixtures",
                links: [.init("getFixture", "fixture", "/fixtures/0/id")])
        ],
        parameters: [
            .init("sport", in: "query", "Of this sport alone, such as football."),
            .init("competition", in: "query", "Of this competition alone."),
            .init(
                "inPlay", in: "query", "true: only those in play; false: only the others.",
                schema: "{\"type\":\"boolean\"}"),
        ], problems: [(400, "malformed")])
    static let fixture = route(
        "getFixture", "One fixture with its markets and prices.", tag: "catalogue",
        [
            .init(
                200, "The fixture.", schema: "FixtureDetail",
                links: [.init("getMarket", "market", "/markets/0/id")])
        ],
        parameters: [.init("fixture", in: "path", "The fixture's id.", schema: number)],
        problems: [(404, "fixture_unknown")])
    static let market = route(
        "getMarket", "One market with its prices.", tag: "catalogue",
        [.init(200, "The market.", schema: "MarketDetail")],
        parameters: [.init("market", in: "path", "The market's id.", schema: number)],
        problems: [(404, "market_unknown")])
    static let demo = route(
        "makeDemoAccount", "A new account with demo money, signed in; on loopback only.",
        tag: "session",
        [
            .init(201, "The account; its session is in the cookie.", schema: "Account"),
            .init(200, "The account that this key opened before; a new session of it."),
        ],
        problems: [
            (403, "demo_refused"), (422, "id_outside_window"), (429, "too_many_demo_accounts"),
            (503, "full"), (503, "too_many_sessions"), (503, "busy"),
        ], movesMoney: true, isAboutHTTP: true)
    static let session = route(
        "getSession", "Whether one is signed in.", tag: "session",
        [.init(200, "Yes or no.", schema: "Session")])
    static let signOut = route(
        "signOut", "Ends the session.", tag: "session", [.init(204, "Signed out.")],
        problems: [(503, "busy")], session: true, isAboutHTTP: true, comesFirst: true)
    static let account = route(
        "getAccount", "One's own account and balances.", tag: "account",
        [.init(200, "The account.", schema: "Account")], problems: [(503, "busy")], session: true)
    private static let limitName: [RouteDescription.Parameter] = [
        .init(
            "kind", in: "path", "What is bounded.",
            schema: "{\"enum\":[\"deposit\",\"loss\",\"stake\",\"time\"]}"),
        .init(
            "period", in: "path", "For how long it is added up.",
            schema: "{\"enum\":[\"day\",\"week\",\"month\"]}"),
    ]
    private static let limitProblems = [
        (404, "limit_unknown"), (412, "changed_since"), (503, "busy"), (503, "no_space"),
    ]

    static let limits = route(
        "listLimits", "The limits that one ever set oneself.", tag: "limits",
        [.init(200, "The limits.", schema: "Limits")], problems: [(503, "busy")], session: true,
        comesFirst: true)
    static let limit = route(
        "getLimit", "One of one's own limits, also one that was never set.", tag: "limits",
        [.init(200, "The limit.", schema: "LimitDetail")], parameters: limitName,
        problems: [(404, "limit_unknown"), (503, "busy")], session: true, comesFirst: true)
    static let setLimit = route(
        "setLimit",
        "Sets one's own limit. Tighter holds at once, looser a day later; nothing is held against it yet.",
        tag: "limits", [.init(200, "The limit as it stands.", schema: "LimitDetail")],
        parameters: limitName + [match("the limit")], body: "LimitRequest",
        problems: limitProblems + [
            (400, "malformed"), (415, "unsupported_media_type"), (422, "amount_out_of_range"),
        ], session: true, comesFirst: true)
    static let removeLimit = route(
        "removeLimit", "Takes one's own limit away, a day later.", tag: "limits",
        [.init(200, "The limit as it stands.", schema: "LimitDetail")],
        parameters: limitName + [match("the limit")], problems: limitProblems, session: true,
        comesFirst: true)
    static let bets = route(
        "listBets", "One's own bets, the newest first.", tag: "bets",
        [
            .init(
                200, "The bets.", schema: "Bets",
                links: [.init("getBet", "bet", "/bets/0/id"), .init("listBets", "cursor", "/next")])
        ], parameters: paging,
        problems: [(400, "malformed"), (422, "cursor_invalid"), (503, "busy")], session: true)
    static let bet = route(
        "getBet", "One bet, by its id or by the id that the client made.", tag: "bets",
        [.init(200, "The bet.", schema: "BetDetail")],
        parameters: [.init("bet", in: "path", "The bet's id or the client's UUID.")],
        problems: [(404, "bet_unknown"), (503, "busy")], session: true)
    static let explanation = route(
        "explainBet", "Why one of one's own bets comes to what it does: each leg, each line.",
        tag: "bets", [.init(200, "What each leg and each line comes to.", schema: "Explanation")],
        parameters: [.init("bet", in: "path", "The bet's id or the client's UUID.")],
        problems: [(404, "bet_unknown"), (503, "busy")], session: true)
    static let place = route(
        "placeBet",
        "Places a bet. The same id and body give the same answer however often they are sent.",
        tag: "bets",
        [
            .init(200, "This was decided before; the same answer again.", schema: "Placement"),
            .init(
                201, "The bet is open.", schema: "Placement",
                links: [.init("getBet", "bet", "/bet/id")]),
            .init(202, "The stake is held; the bet waits for its delay.", schema: "Placement"),
            .init(
                422,
                "The bet was refused, with the reason; also when the key was used for another.",
                schema: "Placement"),
        ],
        body: "BetRequest",
        problems: [
            (400, "malformed"), (422, "not_a_bet"), (422, "quote_missing"), (422, "quote_invalid"),
            (415, "unsupported_media_type"), (503, "busy"),
        ],
        session: true, movesMoney: true)
    static let quote = route(
        "quote",
        "Fetches a single-use quote when a bet is tapped: the bet takes its id, within 30 s. With structure same_game one price for all legs, which are of one match.",
        tag: "bets", [.init(200, "The quote.", schema: "Quote")], body: "QuoteRequest",
        problems: [
            (400, "malformed"), (415, "unsupported_media_type"), (422, "not_offered"),
            (422, "not_priced_together"), (429, "too_many_quotes"),
        ], session: true)
    static let cashOuts = route(
        "listCashOuts", "What some of one's own bets could be sold back for at this moment.",
        tag: "bets",
        [.init(200, "What each is worth, or why it cannot be sold.", schema: "CashOuts")],
        parameters: [
            .init(
                "bets", in: "query", "Their ids, joined by commas: 1 to 20.", required: true,
                schema: "{\"type\":\"string\",\"pattern\":\"^[0-9]{1,18}(,[0-9]{1,18}){0,19}$\"}")
        ],
        problems: [(400, "malformed"), (503, "busy")], session: true)
    static let cashOut = route(
        "getCashOut",
        "What one of one's own bets, or a part of it, could be sold back for at this moment.",
        tag: "bets",
        [.init(200, "What it is worth, or why it cannot be sold.", schema: "CashOutDetail")],
        parameters: [
            .init("bet", in: "path", "The bet's id.", schema: number),
            .init(
                "stake", in: "query",
                "So much of its stake, in whole minor units; 0 or absent all of it.",
                schema: "{\"type\":\"integer\",\"minimum\":0,\"maximum\":9007199254740991}"),
        ],
        problems: [(400, "malformed"), (404, "bet_unknown"), (503, "busy")], session: true)
    static let sell = route(
        "cashOut",
        "Sells a bet, or a part of it, back for no less than was offered. In play it waits as a bet does.",
        tag: "bets",
        [
            .init(200, "It is sold; or the same answer again.", schema: "CashedOut"),
            .init(202, "It waits for its delay.", schema: "CashedOut"),
            .init(422, "It was refused, with the reason.", schema: "CashedOut"),
        ],
        parameters: [.init("bet", in: "path", "The bet's id.", schema: number)],
        body: "CashOutRequest",
        problems: [
            (400, "malformed"), (422, "not_a_cash_out"), (404, "bet_unknown"),
            (415, "unsupported_media_type"), (503, "busy"),
        ],
        session: true, movesMoney: true)
    static let setSaleRule = route(
        "setCashOutRule",
        "Has a bet sold back whole by itself, as soon as it is worth so much; until it is decided.",
        tag: "bets", [.init(200, "What holds now.", schema: "CashOutRule")],
        parameters: [.init("bet", in: "path", "The bet's id.", schema: number)],
        body: "CashOutRuleRequest",
        problems: [
            (400, "malformed"), (404, "bet_unknown"), (415, "unsupported_media_type"),
            (422, "bet_not_open"), (422, "cash_out_not_offered"), (503, "busy"),
            (503, "too_many_timers"),
        ], session: true, comesFirst: true)
    static let removeSaleRule = route(
        "removeCashOutRule", "Takes back that a bet is sold by itself.",
        tag: "bets", [.init(200, "Nothing holds now.", schema: "CashOutRule")],
        parameters: [.init("bet", in: "path", "The bet's id.", schema: number)],
        problems: [(404, "bet_unknown"), (422, "bet_not_open"), (503, "busy")], session: true,
        comesFirst: true)
    static let slip = route(
        "calculateSlip", "What a slip would return, and the most that may be staked on it.",
        tag: "bets", [.init(200, "The slip's numbers.", schema: "Slip")], body: "SlipRequest",
        problems: [
            (400, "malformed"), (422, "not_a_bet"), (415, "unsupported_media_type"), (503, "busy"),
        ])
    static let statement = route(
        "listStatement", "Every movement of one's own money, the newest first.", tag: "account",
        [
            .init(
                200, "The lines.", schema: "Statement",
                links: [.init("listStatement", "cursor", "/next")])
        ], parameters: paging,
        problems: [(400, "malformed"), (422, "cursor_invalid"), (503, "busy")], session: true)
    static let notices = route(
        "listNotices",
        "What one was told beside one's bets: limits and bars with their reasons, and bets that came to something else, the newest first.",
        tag: "account",
        [
            .init(
                200, "The notices.", schema: "Notices",
                links: [.init("listNotices", "cursor", "/next")])
        ], parameters: paging,
        problems: [(400, "malformed"), (422, "cursor_invalid"), (503, "busy")], session: true)
    static let location = route(
        "getLocation",
        "Where one is, as far as that was decided: bets are taken from some places only. It is decided anew where that is due.",
        tag: "account", [.init(200, "What was decided.", schema: "Location")],
        problems: [(503, "busy"), (503, "no_space")], session: true)
    static let setLocation = route(
        "setLocation",
        "What a provider's program on one's device found out, as the provider signed it; within a minute.",
        tag: "account", [.init(200, "What was decided.", schema: "Location")],
        body: "LocationRequest",
        problems: [
            (400, "malformed"), (415, "unsupported_media_type"), (422, "location_not_asked"),
            (422, "location_invalid"), (503, "busy"), (503, "no_space"),
        ], session: true)
    static let promotions = route(
        "listPromotions",
        "What the house promises at this time; what is given under a promotion is given by the terms that it has then.",
        tag: "account", [.init(200, "The promotions.", schema: "Promotions")],
        problems: [(503, "busy")], session: true)
    static let live = route(
        "isLive", "Whether the process answers.", tag: "health",
        [.init(200, "It does.", contentType: "text/plain")])
    static let ready = route(
        "isReady", "Whether bets can be taken.", tag: "health",
        [
            .init(200, "They can.", contentType: "text/plain"),
            .init(503, "Not now.", contentType: "text/plain"),
        ])
    static let asyncAPI = route(
        "describeStreams", "The description of the WebSocket and of the events.", tag: "health",
        [.init(200, "AsyncAPI 3.0.")])
    static let openAPI = route(
        "describe", "This description.", tag: "health", [.init(200, "OpenAPI 3.1.")])
}

extension RouteDescription {
    /// It moves money once for a key, and comes before what moves none.
    mutating func moveMoney() {
        movesMoney = true
        comesFirst = true
        parameters.append(
            .init(
                "Idempotency-Key", in: "header",
                "A UUID of version 7 that you made for this; the same key moves money once.",
                required: true,
                schema: "{\"type\":\"string\",\"pattern\":\"\(PunterSchemas.uuid)\"}"))
        problems += [
            (400, "idempotency_key_missing"), (400, "idempotency_key_malformed"),
            (409, "request_in_progress"),
        ]
    }

    /// What waits while there is too much to do: neither bets nor protection, nor what would only be asked for again.
    var isBrowsing: Bool { !comesFirst && tag != "health" && tag != "stream" }
}
