import Betting
import Kernel
import NetworkCodecs

/// What each of the operators' routes says about itself. Source of the desk's own /openapi.json.
enum OperatorRoutes {
    private static func route(
        _ operation: String, _ summary: String, tag: String, _ answer: RouteDescription.Answer,
        parameters: [RouteDescription.Parameter] = [], body: String? = nil,
        problems: [(Int, String)] = [], session: Bool = true, role: OperatorRole? = nil,
        movesMoney: Bool = false,
        isAboutHTTP: Bool = false, comesFirst: Bool = false
    ) -> RouteDescription {
        var description = RouteDescription(operation, summary, tag: tag, answers: [answer])
        description.parameters = parameters
        description.body = body
        // A reason helps whoever reads the journal, and nobody is kept from shutting a market without one.
        description.isBodyOptional = body == "Reason"
        description.problems = problems + (session ? [(401, "not_signed_in")] : [])
        description.needsSession = session
        description.role = role?.word
        description.isAboutHTTP = isAboutHTTP
        description.comesFirst = comesFirst
        if movesMoney { description.moveMoney() }
        return description
    }

    /// What the engine may say of a command, and of one that it did not take.
    private static let decided: [(Int, String)] = [
        (400, "malformed"), (415, "unsupported_media_type"), (422, "text_too_long"),
        (503, "busy"), (503, "no_space"),
    ]
    private static let done = RouteDescription.Answer(200, "Done and durable.", schema: "Done")
    private static let market = RouteDescription.Parameter(
        "market", in: "path", "The market's id.",
        schema: "{\"type\":\"string\",\"pattern\":\"^[0-9]{1,19}$\"}")

    static let signIn = route(
        "signIn", "Uses up a one-time code.", tag: "session",
        .init(200, "Who one is; the session is in the cookie.", schema: "Operator"),
        body: "SignIn",
        problems: [
            (400, "malformed"), (401, "wrong_code"), (415, "unsupported_media_type"),
            (429, "too_many_attempts"),
        ], session: false, isAboutHTTP: true)
    static let session = route(
        "getSession", "Whether one is signed in.", tag: "session",
        .init(200, "Yes or no.", schema: "Session"), session: false)
    static let signOut = route(
        "signOut", "Ends the session, on every connection.", tag: "session",
        .init(204, "Signed out."), isAboutHTTP: true)
    static let stream = route(
        "stream",
        "The WebSocket: markets, bets, proposals and health, four times a second; each operation, asked for as {\"op\": its name}.",
        tag: "stream", .init(101, "The connection speaks WebSocket from here on."),
        problems: [(403, "origin_missing"), (426, "upgrade_required")])
    static let state = route(
        "getState", "Whether a market is shut, and why.", tag: "markets",
        .init(200, "The state.", schema: "State"), parameters: [market],
        problems: [(404, "market_unknown"), (503, "busy")])
    static let results = route(
        "getResults", "The results that a market has.", tag: "results",
        .init(200, "The results.", schema: "Results"), parameters: [market],
        problems: [(404, "market_unknown"), (503, "busy")])
    static let suspend = route(
        "suspend", "Shuts a market for the desk's reason.", tag: "markets", done,
        parameters: [market, PunterRoutes.match("the market's state")], body: "Reason",
        problems: decided + [
            (404, "market_unknown"), (409, "no_change"), (412, "changed_since"),
        ], role: .trader, comesFirst: true)
    static let resume = route(
        "resume",
        "Lifts the desk's reason; every other owner's stays, but for a market made by hand, which opens.",
        tag: "markets", done,
        parameters: [market, PunterRoutes.match("the market's state")], body: "Reason",
        problems: decided + [
            (404, "market_unknown"), (409, "no_change"), (412, "changed_since"),
        ], role: .trader)
    static let marketLimits = route(
        "getMarketLimits", "What a market takes, and when it is shut by itself.", tag: "markets",
        .init(200, "Its limits.", schema: "MarketLimits"), parameters: [market],
        problems: [(404, "market_unknown"), (503, "busy")])
    static let setMarketLimits = route(
        "setMarketLimits",
        "Moves what a market takes; what is left out stays. Opens it again if it was shut by itself and would not be now.",
        tag: "markets", done, parameters: [market, PunterRoutes.match("the market's limits")],
        body: "MarketLimitsRequest",
        problems: decided + [
            (404, "market_unknown"), (409, "no_change"), (412, "changed_since"),
        ], role: .trader)
    private static let fixture = RouteDescription.Parameter(
        "fixture", in: "path", "The fixture's id.",
        schema: "{\"type\":\"string\",\"pattern\":\"^[0-9]{1,19}$\"}")
    static let suspendFixture = route(
        "suspendFixture", "Shuts every market of a fixture for the desk's reason.", tag: "markets",
        done, parameters: [fixture], body: "Reason",
        problems: decided + [(404, "fixture_unknown"), (409, "no_change")], role: .trader,
        comesFirst: true)
    static let resumeFixture = route(
        "resumeFixture", "Lifts the desk's reason from every market of a fixture.", tag: "markets",
        done, parameters: [fixture], body: "Reason",
        problems: decided + [(404, "fixture_unknown"), (409, "no_change")], role: .trader)
    static let suspendAll = route(
        "suspendAll", "Shuts every market for the desk's reason.", tag: "markets", done,
        body: "Reason", problems: decided + [(409, "no_change")], role: .trader, comesFirst: true)
    static let resumeAll = route(
        "resumeAll", "Lifts the desk's reason from every market.", tag: "markets", done,
        body: "Reason", problems: decided + [(409, "no_change")], role: .trader)
    static let propose = route(
        "proposeResult",
        "Proposes a result, also a corrected one; another person approves it.", tag: "results",
        .init(
            200, "The proposal.", schema: "Proposal",
            links: [.init("approveResult", "proposal", "/proposal")]),
        parameters: [market, PunterRoutes.match("the market's results")],
        body: "ResultRequest",
        problems: decided + [
            (404, "market_unknown"), (409, "bets_released"), (409, "too_many_winners"),
            (409, "reason_missing"), (409, "full"), (412, "changed_since"),
            (422, "results_mismatch"),
        ], role: .trader)
    static let proposeCancel = route(
        "proposeCancel",
        "Proposes that bets of a market are void by when they were accepted, or no longer are; another person approves it.",
        tag: "results",
        .init(
            200, "The proposal.", schema: "Proposal",
            links: [.init("approveResult", "proposal", "/proposal")]),
        parameters: [market, PunterRoutes.match("the market's results")],
        body: "CancelRequest",
        problems: decided + [
            (404, "market_unknown"), (409, "bets_released"), (409, "reason_missing"),
            (409, "full"), (412, "changed_since"), (422, "window_malformed"),
        ], role: .trader)
    static let suspects = route(
        "getSuspects",
        "Bets that were taken at prices far above what the references said soon after, the newest first; and how many by whose hand was on the prices.",
        tag: "results", .init(200, "A page of them.", schema: "Suspects"),
        parameters: [
            number("before", "Before this record: where the page before ended."),
            .init(
                "limit", in: "query", "Bets of a page.",
                schema:
                    "{\"type\":\"integer\",\"minimum\":1,\"maximum\":\(OperatorGateway.mostSuspects)}"
            ),
        ], problems: [(503, "busy"), (503, "unreadable")])
    static let integrity = route(
        "getIntegrity",
        "Selections with more money on them than their prices speak for, the newest first, as of the newest bet that was looked at.",
        tag: "results", .init(200, "What was seen.", schema: "Integrity"),
        parameters: [
            .init(
                "limit", in: "query", "Alerts of an answer.",
                schema:
                    "{\"type\":\"integer\",\"minimum\":1,\"maximum\":\(OperatorGateway.mostAlerts)}"
            )
        ], problems: [(503, "busy")])
    static let proposeBetVoid = route(
        "proposeBetVoid",
        "Proposes that one bet is void, or no longer is; another person approves it.",
        tag: "results",
        .init(
            200, "The proposal.", schema: "Proposal",
            links: [.init("approveResult", "proposal", "/proposal")]),
        parameters: [
            .init(
                "bet", in: "path", "The bet's number.",
                schema: "{\"type\":\"string\",\"pattern\":\"^[0-9]{1,19}$\"}")
        ], body: "BetVoidRequest",
        problems: decided + [
            (404, "bet_unknown"), (409, "bet_not_open"), (409, "no_change"),
            (409, "reason_missing"), (409, "full"),
        ], role: .trader)
    static let approve = route(
        "approveResult", "Approves what another person proposed, and settles.", tag: "results",
        done, parameters: [.init("proposal", in: "path", "The proposal's id.")],
        problems: [
            (404, "proposal_unknown"), (404, "bet_unknown"), (409, "same_operator"),
            (409, "market_changed_since"),
            (409, "no_change"), (409, "full"), (422, "id_reused"), (503, "busy"),
            (503, "no_space"),
        ], role: .trader, movesMoney: true)
    private static let account = RouteDescription.Parameter(
        "account", in: "path", "The account's id.",
        schema: "{\"type\":\"string\",\"pattern\":\"^[0-9]{1,19}$\"}")
    static let balances = route(
        "getBalances", "What a customer has.", tag: "accounts",
        .init(200, "Its balances, minor units.", schema: "AccountBalances"), parameters: [account],
        problems: [(404, "account_unknown"), (503, "busy")])
    static let grant = route(
        "grant",
        "Gives a customer bonus money or free stakes, or takes back what is there of them; by whom and why is in the journal.",
        tag: "accounts", .init(200, "Done and durable, or done before.", schema: "Granted"),
        parameters: [account], body: "GrantRequest",
        problems: decided + [
            (404, "account_unknown"), (404, "promotion_unknown"), (409, "no_change"), (409, "full"),
            (409, "promotion_not_offered"), (412, "changed_since"),
            (422, "amount_out_of_range"), (422, "id_reused"), (422, "id_outside_window"),
            (422, "terms_missing"),
        ], role: .supervisor, movesMoney: true)
    static let trust = route(
        "getTrust", "How far an account is trusted.", tag: "accounts",
        .init(200, "Its part of a market's maximum stake, and its delay.", schema: "Trust"),
        parameters: [account], problems: [(404, "account_unknown"), (503, "busy")])
    static let setTrust = route(
        "setTrust",
        "Says how far an account is trusted: its part of every market's maximum stake, and how long its bets wait in play beside a market's own delay.",
        tag: "accounts", done, parameters: [account], body: "TrustRequest",
        problems: decided + [
            (404, "account_unknown"), (409, "no_change"), (422, "notice_missing"),
        ], role: .trader,
        comesFirst: true)
    static let bars = route(
        "getBars", "Sports and matches that an account may not bet on.", tag: "accounts",
        .init(200, "What it is kept from, sports first.", schema: "Bars"),
        parameters: [account], problems: [(404, "account_unknown"), (503, "busy")])
    static let setBar = route(
        "setBar",
        "Keeps an account from a sport or a match that it plays in, works for or knows of; or no more. What is open stands.",
        tag: "accounts", done, parameters: [account], body: "BarRequest",
        problems: decided + [
            (404, "account_unknown"), (404, "sport_unknown"), (404, "fixture_unknown"),
            (409, "no_change"), (409, "full"), (422, "notice_missing"),
        ], role: .trader,
        comesFirst: true)
    static let pricing = route(
        "getPricing",
        "What a market's prices are made of: references, its feed's prices, and a trader's hand.",
        tag: "markets", .init(200, "Its prices.", schema: "Pricing"), parameters: [market],
        problems: [(404, "market_unknown"), (503, "busy")])
    static let setPricing = route(
        "setPricing",
        "Puts another margin on a market's prices, and holds those that are named; what is not named is as the feed says.",
        tag: "markets", done,
        parameters: [market, PunterRoutes.match("the hand on the market's prices")],
        body: "PricingRequest",
        problems: decided + [
            (404, "market_unknown"), (409, "no_change"), (409, "full"), (409, "palpable"),
            (412, "changed_since"), (422, "amount_out_of_range"), (422, "prices_mismatch"),
        ], role: .trader)
    static let makeFixture = route(
        "makeFixture", "Makes a match that no feed knows.", tag: "markets",
        .init(
            200, "Made, or made before under this key.", schema: "Made",
            links: [.init("makeMarket", "fixture", "/fixture")]),
        body: "FixtureRequest", problems: decided + [(409, "full"), (422, "time_malformed")],
        role: .trader,
        movesMoney: true)
    static let makeMarket = route(
        "makeMarket",
        "Makes a market; shut until somebody has priced and opened it. What it comes to, two people say.",
        tag: "markets",
        .init(200, "Made, or made before under this key.", schema: "Made"), parameters: [fixture],
        body: "MarketRequest", problems: decided + [(404, "fixture_unknown"), (409, "full")],
        role: .trader, movesMoney: true)
    static let setFixtureState = route(
        "setFixtureState",
        "Says how a match stands, where no feed does: a change of its score lets waiting bets fall, as a feed's would.",
        tag: "markets", done, parameters: [fixture], body: "FixtureStateRequest",
        problems: decided + [(404, "fixture_unknown")], role: .trader)
    static let channels = route(
        "getChannels", "Which channels take bets.", tag: "channels",
        .init(200, "All of them.", schema: "Channels"))
    static let setChannel = route(
        "setChannel", "Stops bets through a channel, or takes them again.", tag: "channels", done,
        parameters: [
            .init(
                "channel", in: "path", "Its name.",
                schema: "{\"enum\":[\"unknown\",\"web\",\"api\"]}")
        ],
        body: "ChannelRequest",
        problems: decided + [(404, "channel_unknown"), (409, "no_change")], role: .trader,
        comesFirst: true)
    static let houseRules = route(
        "getHouseRules", "What the house adds to bets, and takes of what they win.", tag: "house",
        .init(200, "What bets are under that are asked for now.", schema: "HouseRules"),
        problems: [(503, "busy")])
    static let setHouseRules = route(
        "setHouseRules",
        "Says, whole, what the house adds to bets that are asked for from here on, and takes of what they win; what was asked for before stays under what held then.",
        tag: "house", done, parameters: [PunterRoutes.match("the house rules")],
        body: "HouseRulesRequest",
        problems: decided + [
            (409, "no_change"), (409, "full"), (412, "changed_since"),
            (422, "amount_out_of_range"), (422, "not_a_bonus"),
        ], role: .supervisor)
    private static let promotionNumber = RouteDescription.Parameter(
        "promotion", in: "path", "The house's own number of it.",
        schema: "{\"type\":\"string\",\"pattern\":\"^[1-9][0-9]{0,14}$\"}")
    static let promotions = route(
        "listPromotions", "What the house promises, promised or will, by number.", tag: "house",
        .init(200, "The newest version of each.", schema: "Promotions"), problems: [(503, "busy")])
    static let promotion = route(
        "getPromotion", "One promotion, as its newest version says.", tag: "house",
        .init(200, "The promotion.", schema: "Promotion"), parameters: [promotionNumber],
        problems: [(404, "promotion_unknown"), (503, "busy")])
    static let setPromotion = route(
        "setPromotion",
        "Says, whole, what is promised from here on; every version stays in the journal, with who said it and why.",
        tag: "house", done,
        parameters: [promotionNumber, PunterRoutes.match("the promotion")],
        body: "PromotionRequest",
        problems: decided + [
            (404, "promotion_unknown"), (409, "no_change"), (409, "full"), (412, "changed_since"),
            (422, "text_too_long"), (422, "window_malformed"),
        ], role: .supervisor)
    private static let tableRule = RouteDescription.Parameter(
        "rule", in: "path", "rule_4, off winnings; face_value, off the whole price.",
        schema: "{\"enum\":[\"rule_4\",\"face_value\"]}")
    static let deductionTable = route(
        "getDeductionTable",
        "What a withdrawn runner takes from the others' prices, by its last price and the size of the field.",
        tag: "house",
        .init(200, "What bets are under that are asked for now.", schema: "DeductionTable"),
        parameters: [tableRule], problems: [(404, "rule_unknown"), (503, "busy")])
    static let setDeductionTable = route(
        "setDeductionTable",
        "Says, whole, what withdrawals take from bets that are asked for from here on; what was asked for before stays under what held then.",
        tag: "house", done,
        parameters: [tableRule, PunterRoutes.match("the table")], body: "DeductionTableRequest",
        problems: decided + [
            (404, "rule_unknown"), (409, "no_change"), (409, "full"), (412, "changed_since"),
            (422, "not_a_table"),
        ], role: .supervisor)
    static let risk = route(
        "getRisk",
        "What each sport and the dearest fixtures may cost: each market's worst, added up.",
        tag: "risk", .init(200, "Where the risk is.", schema: "Risk"), problems: [(503, "busy")])
    static let marketRisk = route(
        "getMarketRisk",
        "What a market comes to by who wins, and a bet elsewhere that would help.", tag: "risk",
        .init(200, "Result by result.", schema: "MarketRisk"), parameters: [market],
        problems: [(404, "market_unknown"), (503, "busy")])
    static let accountRisk = route(
        "getAccountRisk", "What a customer's bets may cost.", tag: "risk",
        .init(200, "Its bets that are open or wait, together.", schema: "AccountRisk"),
        parameters: [account], problems: [(404, "account_unknown"), (503, "busy")])
    static let trail = route(
        "getTrail", "Who did what at the desk, the newest first, as the journal has it.",
        tag: "trail", .init(200, "A page of it.", schema: "Trail"),
        parameters: [
            number("operator", "Of this operator."), number("market", "About this market."),
            number("account", "About this account."),
            .init("action", in: "query", "Of this kind: a command's word in the journal."),
            number("before", "Before this record: where the page before ended."),
            .init(
                "limit", in: "query", "Actions of a page.",
                schema:
                    "{\"type\":\"integer\",\"minimum\":1,\"maximum\":\(OperatorGateway.mostActions)}"
            ),
        ], problems: [(503, "busy"), (503, "unreadable")])
    private static func number(_ name: String, _ text: String) -> RouteDescription.Parameter {
        .init(
            name, in: "query", text, schema: "{\"type\":\"string\",\"pattern\":\"^[0-9]{1,18}$\"}")
    }
    static let audit = route(
        "audit", "Recomputes every book from its rows and compares.", tag: "health",
        .init(200, "What does not agree; nothing, in a book that is right.", schema: "Audit"),
        problems: [(503, "busy")], role: .supervisor)
    static let verifyJournal = route(
        "verifyJournal", "Digests the journal's full segments anew and compares.", tag: "health",
        .init(200, "What is not as it was when it was sealed.", schema: "Verification"),
        problems: [(500, "unreadable"), (503, "busy")], role: .supervisor)
    static let metrics = route(
        "metrics", "Prometheus text.", tag: "health",
        .init(200, "The metrics.", contentType: "text/plain"), session: false)
    static let live = route(
        "isLive", "Whether the process answers.", tag: "health",
        .init(200, "It does.", contentType: "text/plain"), session: false)
    static let ready = RouteDescription(
        "isReady", "Whether bets can be taken.", tag: "health",
        answers: [
            .init(200, "They can.", contentType: "text/plain"),
            .init(503, "Not yet, or not any more, and why.", contentType: "text/plain"),
        ])
    static let asyncAPI = route(
        "describeStream", "The description of the WebSocket.", tag: "health",
        .init(200, "AsyncAPI 3.0."), session: false)
    static let openAPI = route(
        "getDescription", "This document.", tag: "health",
        .init(200, "OpenAPI 3.1."), session: false)

    static let schemas = """
        {"SignIn":{"type":"object","required":["code"],"properties":{\
        "code":{"type":"string","pattern":"^[0-9]{4}-[0-9]{4}-[0-9]{4}$"}}},\
        "Operator":{"type":"object","required":["operator","role"],"properties":{\
        "operator":{"type":"integer"},"role":{"enum":["viewer","trader","supervisor"]}}},\
        "Session":{"type":"object","required":["signedIn"],"properties":{\
        "signedIn":{"type":"boolean"}}},\
        "State":{"type":"object","required":["market","open","reasons","resulted"],"properties":{\
        "market":{"type":"string"},"open":{"type":"boolean"},"resulted":{"type":"boolean"},\
        "reasons":{"type":"array","items":{"type":"string"}}}},\
        "Results":{"type":"object","required":["market","settlement","results"],"properties":{\
        "market":{"type":"string"},"settlement":{"type":"integer"},"results":{"type":"array",\
        "items":{"enum":["undecided","won","lost","void","half_won","half_lost","dead_heat"]}}}},\
        "Done":{"type":"object","required":["asOf"],"properties":{"asOf":{"type":"integer"}}},\
        "Reason":{"type":"object","properties":{"reason":{"type":"string","maxLength":64}}},\
        "ResultRequest":{"type":"object","required":["results","reason"],"properties":{\
        "results":{"type":"array","items":{\
        "enum":["won","lost","void","half_won","half_lost","dead_heat","undecided"]}},\
        "finish":{"type":"array","description":"Where each came in; without it as it is known.",\
        "items":{"anyOf":[{"type":"null"},{"type":"object","additionalProperties":false,"required":["position"],\
        "properties":{"position":{"type":"integer","minimum":1,"maximum":255,"description":"255: unplaced."},\
        "tied":{"type":"integer","minimum":1,"maximum":64}}},\
        {"type":"object","additionalProperties":false,"required":["wins","tied"],\
        "description":"A dead heat where each selection wins by itself.",\
        "properties":{"wins":{"type":"integer","minimum":1,"maximum":63},\
        "tied":{"type":"integer","minimum":2,"maximum":64}}}]}},\
        "reason":{"type":"string","minLength":1,"maxLength":64},\
        "evidence":{"type":"string","maxLength":32}}},\
        "CancelRequest":{"type":"object","required":["reason"],"properties":{\
        "from":{"type":"string","format":"date-time",\
        "description":"Bets accepted from then on, in UTC; without it, from the first."},\
        "until":{"type":"string","format":"date-time",\
        "description":"Bets accepted before then, in UTC; without it, up to the last."},\
        "takenBack":{"type":"boolean","description":"They are no longer void."},\
        "reason":{"type":"string","minLength":1,"maxLength":64},\
        "evidence":{"type":"string","maxLength":32}}},\
        "CoverBonus":{"type":"object","required":["cover"],"properties":{\
        "cover":{"enum":["trixie","patent","yankee","lucky_15","canadian","lucky_31","heinz","lucky_63","super_heinz","goliath"]},\
        "onlyWinner":{"type":"integer","minimum":100,"maximum":\(CoverBonus.mostOfOnlyWinner),\
        "description":"Hundredths by which the winnings of the only winner count; 100 nothing more. Of covers with singles."},\
        "allWinners":{"type":"integer","minimum":0,"maximum":\(CoverBonus.mostOfAllWinners),\
        "description":"Hundredths of a percent on top of the return where all legs win."}}},\
        "Promotions":{"type":"object","required":["asOf","promotions"],"properties":{\
        "asOf":{"type":"integer"},"promotions":{"type":"array","items":{"$ref":"#/components/schemas/Promotion"}}}},\
        "Promotion":{"type":"object","required":["number","version","name","terms"],"properties":{\
        "number":{"type":"integer"},"version":{"type":"integer","description":"How often it was said."},\
        "name":{"type":"string"},"terms":{"type":"string"},\
        "from":{"type":"string","format":"date-time"},"until":{"type":"string","format":"date-time"}}},\
        "PromotionRequest":{"type":"object","required":["name","terms","reason"],"properties":{\
        "name":{"type":"string","minLength":1,"maxLength":48},\
        "terms":{"type":"string","minLength":1,"maxLength":1024,"description":"What a customer must know to take it."},\
        "from":{"type":"string","format":"date-time","description":"Left out: at once."},\
        "until":{"type":"string","format":"date-time","description":"Left out: no end."},\
        "reason":{"type":"string","minLength":1,"maxLength":64}}},\
        "HouseRules":{"type":"object","required":["commission","bonuses"],"properties":{\
        "commission":{"type":"integer","description":"Hundredths of a percent of what a bet wins beyond its stake."},\
        "bonuses":{"type":"array","items":{"$ref":"#/components/schemas/CoverBonus"}}}},\
        "HouseRulesRequest":{"type":"object","required":["commission","bonuses","reason"],"properties":{\
        "commission":{"type":"integer","minimum":0,"maximum":\(HouseRules.mostCommission)},\
        "bonuses":{"type":"array","maxItems":10,"items":{"$ref":"#/components/schemas/CoverBonus"}},\
        "reason":{"type":"string","minLength":1,"maxLength":64}}},\
        "DeductionStep":{"type":"object","required":["upTo","win"],"properties":{\
        "runners":{"type":"integer","minimum":0,"maximum":64,"description":"In fields of so many and more, the withdrawn one among them."},\
        "upTo":{"type":"array","minItems":2,"maxItems":2,"items":{"type":"integer","minimum":1,"maximum":4294967295},"description":"Winnings to stake of the withdrawn runner's last price."},\
        "win":{"type":"integer","minimum":0,"maximum":\(DeductionTable.mostTaken),"description":"Hundredths of a percent."},\
        "place":{"type":"integer","minimum":0,"maximum":\(DeductionTable.mostTaken),"description":"Of place parts; left out as of win parts."}}},\
        "DeductionTable":{"type":"object","required":["waivedAlone","steps"],"properties":{\
        "waivedAlone":{"type":"integer","description":"Hundredths of a percent: what a lone withdrawal takes up to this is not taken."},\
        "steps":{"type":"array","items":{"$ref":"#/components/schemas/DeductionStep"}}}},\
        "DeductionTableRequest":{"type":"object","required":["steps","reason"],"properties":{\
        "waivedAlone":{"type":"integer","minimum":0,"maximum":\(DeductionTable.mostTaken)},\
        "steps":{"type":"array","maxItems":\(DeductionTable.mostSteps),"items":{"$ref":"#/components/schemas/DeductionStep"}},\
        "reason":{"type":"string","minLength":1,"maxLength":64}}},\
        "BetVoidRequest":{"type":"object","required":["reason"],"properties":{\
        "takenBack":{"type":"boolean","description":"It is no longer void: its results count again."},\
        "reason":{"type":"string","minLength":1,"maxLength":64},\
        "evidence":{"type":"string","maxLength":32}}},\
        "Suspects":{"type":"object","required":["asOf","bets","counts","next"],"properties":{\
        "asOf":{"type":"integer"},"next":{"type":["string","null"]},\
        "bets":{"type":"array","items":{"type":"object","required":["record","time","bet","account",\
        "market","fixture","name","selection","odds","reference","chance","acceptedAt","stake",\
        "potentialReturn","status","payout","void","pricedBy"],"properties":{\
        "record":{"type":"string"},"time":{"type":"string","format":"date-time"},\
        "bet":{"type":"string"},"account":{"type":"string"},"market":{"type":"string"},\
        "fixture":{"type":"string"},"name":{"type":"string"},"selection":{"type":"string"},\
        "odds":{"$ref":"#/components/schemas/Ratio"},\
        "reference":{"type":"integer","description":"Thousandths: what speaks against its price."},\
        "chance":{"type":"integer","description":"Of winning by the references, parts per billion."},\
        "acceptedAt":{"type":"string","format":"date-time"},"stake":{"type":"integer"},\
        "potentialReturn":{"type":"integer"},"status":{"type":"string"},"payout":{"type":"integer"},\
        "void":{"type":"boolean","description":"Two people have made it void."},\
        "pricedBy":{"type":["integer","null"],"description":"The operator whose hand was last on the market's prices before it."}}}},\
        "counts":{"type":"array","items":{"type":"object","required":["pricedBy","bets","void","staked"],\
        "properties":{"pricedBy":{"type":["integer","null"]},"bets":{"type":"integer"},\
        "void":{"type":"integer"},"staked":{"type":"integer"}}}}}},\
        "Integrity":{"type":"object","required":["asOf","alerts"],"properties":{"asOf":{"type":"integer"},\
        "failure":{"type":"string","description":"Why nothing is looked at for the moment; missing while it is."},\
        "alerts":{"type":"array","items":{"type":"object","required":["money","market","fixture","name","selection",\
        "from","until","signs","bets","stakes","marketStakes","newStakes","unusualStakes","weight","first","last",\
        "accounts","accountCount"],"properties":{\
        "money":{"enum":["real","demo"]},"market":{"type":"string"},"fixture":{"type":"string"},\
        "name":{"type":"string"},"selection":{"type":"string"},\
        "from":{"type":"string","format":"date-time"},"until":{"type":"string","format":"date-time"},\
        "signs":{"type":"array","items":{"enum":["one_sided","leaning","new_accounts","unusual_stakes","surge"]}},\
        "bets":{"type":"integer"},"stakes":{"type":"integer","description":"Minor units."},\
        "marketStakes":{"type":"integer","description":"On all of its market in the same time."},\
        "newStakes":{"type":"integer"},"unusualStakes":{"type":"integer"},\
        "weight":{"type":"integer","description":"Thousandths of the money that its price speaks for."},\
        "first":{"$ref":"#/components/schemas/Ratio"},"last":{"$ref":"#/components/schemas/Ratio"},\
        "accounts":{"type":"array","description":"Whose bets they were, \(OperatorGateway.mostAlertAccounts) at most.","items":{"type":"string"}},\
        "accountCount":{"type":"integer"}}}}}},\
        "Proposal":{"type":"object","required":["asOf","proposal"],"properties":{\
        "asOf":{"type":"integer"},"proposal":{"type":"string"}}},\
        "MarketLimits":{"type":"object","required":["market","maximumStake","liabilityLimit","suspendAt","floor","mostMove"],\
        "properties":{"market":{"type":"string"},"maximumStake":{"type":"integer"},\
        "liabilityLimit":{"type":"integer"},\
        "suspendAt":{"type":"integer","description":"The worst loss at which it is shut by itself, 0 none."},\
        "floor":{"type":"integer","description":"Winnings of a single that are taken from anybody, 0 none."},\
        "mostMove":{"type":"integer","description":"Hundredths of a percent that a chance may move from one price to the next, 0 any."}}},\
        "MarketLimitsRequest":{"type":"object","required":["reason"],"properties":{\
        "maximumStake":{"type":"integer","minimum":0,"maximum":\(Limits.stake)},\
        "liabilityLimit":{"type":"integer","minimum":0,"maximum":\(Limits.potentialReturn)},\
        "suspendAt":{"type":"integer","minimum":0,"maximum":\(Limits.potentialReturn)},\
        "floor":{"type":"integer","minimum":0,"maximum":\(Limits.stake)},\
        "mostMove":{"type":"integer","minimum":0,"maximum":10000},\
        "reason":{"type":"string","minLength":1,"maxLength":64}}},\
        "Ratio":{"type":["array","null"],"description":"What is returned, and for which stake.",\
        "items":{"type":"integer","minimum":1,"maximum":\(UInt32.max)},"minItems":2,"maxItems":2},\
        "Pricing":{"type":"object","required":["market","feedMargin","margin","byHand","winners","selections"],\
        "properties":{"market":{"type":"string"},"winners":{"type":"integer","description":"0: each selection wins or loses by itself"},\
        "feedMargin":{"type":"integer","description":"Hundredths of a percent."},\
        "margin":{"type":["integer","null"],"description":"A trader's, in its place."},\
        "byHand":{"type":"boolean","description":"A person made it; no feed prices it."},\
        "selections":{"type":"array","items":{"type":"object",\
        "required":["name","reference","fed","held","odds"],"properties":{"name":{"type":"string"},\
        "reference":{"type":"integer","description":"Thousandths, 0 none."},\
        "fed":{"$ref":"#/components/schemas/Ratio"},"held":{"$ref":"#/components/schemas/Ratio"},\
        "odds":{"$ref":"#/components/schemas/Ratio"}}}}}},\
        "PricingRequest":{"type":"object","required":["held","reason"],"properties":{\
        "margin":{"type":["integer","null"],"minimum":0,"maximum":\(Limits.margin),\
        "description":"Hundredths of a percent; null the feed's."},\
        "held":{"type":"array","minItems":2,"maxItems":\(Limits.selections),\
        "items":{"$ref":"#/components/schemas/Ratio"},\
        "description":"A price for each selection that is held, null as the feed says."},\
        "sure":{"type":"boolean","description":"Prices that look like errors are meant."},\
        "reason":{"type":"string","minLength":1,"maxLength":64}}},\
        "FixtureRequest":{"type":"object","required":["sport","home","away","scheduled","reason"],\
        "properties":{"sport":{"enum":["football","tennis","cricket","horse_racing","basketball","greyhounds","other"]},\
        "competition":{"type":"string","maxLength":48},\
        "home":{"type":"string","minLength":1,"maxLength":48},\
        "away":{"type":"string","minLength":1,"maxLength":48},\
        "scheduled":{"type":"string","format":"date-time"},\
        "reason":{"type":"string","minLength":1,"maxLength":64}}},\
        "MarketRequest":{"type":"object","required":["name","selections","maximumStake","liabilityLimit","reason"],\
        "properties":{"kind":{"enum":["match_odds","both_teams_to_score","set_winner","set_betting","other"]},\
        "name":{"type":"string","minLength":1,"maxLength":48},\
        "selections":{"type":"array","minItems":2,"maxItems":\(Limits.selections),\
        "items":{"type":"string","minLength":1,"maxLength":48}},\
        "winners":{"type":"integer","minimum":0,"maximum":\(Limits.selections - 1),"default":1,"description":"0: each selection wins or loses by itself"},\
        "delay":{"type":"integer","minimum":0,"maximum":\(Limits.betDelay),"description":"Milliseconds in play."},\
        "maximumStake":{"type":"integer","minimum":0,"maximum":\(Limits.stake)},\
        "liabilityLimit":{"type":"integer","minimum":0,"maximum":\(Limits.potentialReturn)},\
        "reason":{"type":"string","minLength":1,"maxLength":64}}},\
        "Made":{"type":"object","required":["asOf","repeated"],"properties":{\
        "asOf":{"type":"integer"},"fixture":{"type":"string"},"market":{"type":"string"},\
        "repeated":{"type":"boolean"}}},\
        "FixtureStateRequest":{"type":"object","required":["status","inPlay","reason"],"properties":{\
        "status":{"enum":["not_started","live","suspended","ended","closed","cancelled","delayed","interrupted","postponed","abandoned"]},\
        "inPlay":{"type":"boolean"},\
        "score":{"type":["array","null"],"items":{"type":"integer","minimum":0,"maximum":65534},\
        "minItems":2,"maxItems":2},\
        "clock":{"type":["integer","null"],"minimum":0,"maximum":86400,"description":"Seconds played."},\
        "reason":{"type":"string","minLength":1,"maxLength":64}}},\
        "Channels":{"type":"object","required":["channels"],"properties":{"channels":{"type":"array",\
        "items":{"type":"object","required":["channel","open"],"properties":{\
        "channel":{"type":"string"},"open":{"type":"boolean"}}}}}},\
        "ChannelRequest":{"type":"object","required":["open","reason"],"properties":{\
        "open":{"type":"boolean"},"reason":{"type":"string","minLength":1,"maxLength":64}}},\
        "Balances":{"type":"object","required":["cash","bonus","free","held","openBets","owed"],\
        "properties":{"cash":{"type":"integer"},"bonus":{"type":"integer"},"free":{"type":"integer"},\
        "held":{"type":"integer"},"openBets":{"type":"integer"},"owed":{"type":"integer"}}},\
        "AccountBalances":{"type":"object","required":["asOf","account","currency","balances"],\
        "properties":{"asOf":{"type":"integer"},"account":{"type":"string"},\
        "currency":{"type":"string"},"balances":{"$ref":"#/components/schemas/Balances"}}},\
        "GrantRequest":{"type":"object","required":["kind","amount","reason"],"properties":{\
        "kind":{"enum":["bonus","free"]},\
        "amount":{"type":"integer","minimum":\(-Limits.stake),"maximum":\(Limits.stake),\
        "description":"Minor units; below zero takes back, as far as it is there."},\
        "promotion":{"type":"integer","minimum":0,"maximum":\(Limits.minorUnits),\
        "description":"The promotion under which it is given; it must be offered now."},\
        "terms":{"type":"integer","minimum":0,"maximum":\(UInt32.max),\
        "description":"The version of the promotion that was seen; needed where something is given under one."},\
        "reason":{"type":"string","minLength":1,"maxLength":64}}},\
        "Granted":{"type":"object","required":["asOf","kind","amount","repeated","balances"],\
        "properties":{"asOf":{"type":"integer"},"kind":{"enum":["bonus","free"]},\
        "amount":{"type":"integer","description":"What moved; 0 where it had moved before."},\
        "repeated":{"type":"boolean"},"balances":{"$ref":"#/components/schemas/Balances"}}},\
        "Trust":{"type":"object","required":["asOf","account","stakeFactor","delay","shut"],\
        "properties":{"asOf":{"type":"integer"},"account":{"type":"string"},\
        "stakeFactor":{"type":"integer","description":"Thousandths."},\
        "delay":{"type":"integer","description":"Milliseconds."},\
        "shut":{"type":"boolean","description":"No bets are taken from it."}}},\
        "TrustRequest":{"type":"object","required":["stakeFactor","delay","reason"],"properties":{\
        "stakeFactor":{"type":"integer","minimum":0,"maximum":\(Limits.stakeFactor),\
        "description":"Thousandths of a market's maximum stake."},\
        "delay":{"type":"integer","minimum":0,"maximum":\(Limits.betDelay),\
        "description":"Milliseconds beside a market's own delay in play."},\
        "shut":{"type":"boolean","description":"No bets are taken from it; left out, as it was."},\
        "notice":{"type":"string","maxLength":80,"description":"What the customer is told; needed where it is trusted less."},\
        "reason":{"type":"string","minLength":1,"maxLength":64}}},\
        "Bars":{"type":"object","required":["asOf","bars"],"properties":{"asOf":{"type":"integer"},\
        "bars":{"type":"array","items":{"type":"object","properties":{"sport":{"type":"string"},\
        "fixture":{"type":"string"},"name":{"type":"string"}}}}}},\
        "BarRequest":{"type":"object","required":["barred","reason"],\
        "oneOf":[{"required":["sport"]},{"required":["fixture"]}],"properties":{\
        "sport":{"type":"string","minLength":1,"maxLength":32},"fixture":{"type":"string","minLength":1,"maxLength":20},\
        "barred":{"type":"boolean"},\
        "notice":{"type":"string","maxLength":80,"description":"What the customer is told; needed where it is kept from something."},\
        "reason":{"type":"string","minLength":1,"maxLength":64}}},\
        "RiskSum":{"type":"object","required":["markets","staked","worstLoss"],"properties":{\
        "sport":{"type":"string"},"fixture":{"type":"string"},"name":{"type":"string"},\
        "markets":{"type":"integer"},"staked":{"type":"integer"},"worstLoss":{"type":"integer"}}},\
        "Risk":{"type":"object","required":["asOf","promotions","given","sports","fixtures"],"properties":{\
        "asOf":{"type":"integer"},\
        "promotions":{"type":"object","required":["bets","bonus","free","potentialReturn"],\
        "description":"What stands of bets that are not of cash alone.","properties":{\
        "bets":{"type":"integer"},"bonus":{"type":"integer"},"free":{"type":"integer"},\
        "potentialReturn":{"type":"integer"}}},\
        "given":{"type":"array","description":"What was given under each promotion, less what was taken back.",\
        "items":{"type":"object","required":["promotion","name","bonus","free"],"properties":{\
        "promotion":{"type":"integer"},"name":{"type":"string"},"bonus":{"type":"integer"},\
        "free":{"type":"integer"}}}},\
        "sports":{"type":"array","items":{"$ref":"#/components/schemas/RiskSum"}},\
        "fixtures":{"type":"array","description":"The first \(OperatorGateway.mostRiskyFixtures), the dearest first.",\
        "items":{"$ref":"#/components/schemas/RiskSum"}}}},\
        "MarketRisk":{"type":"object","required":["asOf","market","staked","worstLoss","selections","hedge"],\
        "properties":{"asOf":{"type":"integer"},"market":{"type":"string"},\
        "staked":{"type":"integer"},"worstLoss":{"type":"integer"},\
        "liabilityLimit":{"type":"integer"},"openLegs":{"type":"integer"},\
        "selections":{"type":"array","items":{"type":"object",\
        "required":["name","returnsIfWon","returnsIfPlaced","result"],"properties":{\
        "name":{"type":"string"},"odds":{},"reference":{"type":"integer"},\
        "returnsIfWon":{"type":"integer"},"returnsIfPlaced":{"type":"integer"},\
        "result":{"type":"integer","description":"What we win, negative what we lose, at worst, if it wins; where each wins by itself, if no other one does."}}}},\
        "hedge":{"type":["object","null"],"required":["selection","stake","price","worst"],\
        "description":"A bet elsewhere that takes the worst result up to the next.","properties":{\
        "selection":{"type":"integer"},"stake":{"type":"integer"},\
        "price":{"type":"integer","description":"Thousandths."},\
        "worst":{"type":"integer","description":"What the worst result is then."}}}}},\
        "AccountRisk":{"type":"object","required":["asOf","account","bets","staked","potentialReturn"],\
        "properties":{"asOf":{"type":"integer"},"account":{"type":"string"},\
        "bets":{"type":"integer"},"staked":{"type":"integer"},\
        "potentialReturn":{"type":"integer"}}},\
        "Trail":{"type":"object","required":["asOf","actions","next"],"properties":{\
        "asOf":{"type":"integer"},"next":{"type":["string","null"]},\
        "actions":{"type":"array","items":{"type":"object",\
        "required":["record","time","operator","action","market","fixture","account","refused","reason","detail"],\
        "properties":{"record":{"type":"string"},"time":{"type":"string","format":"date-time"},\
        "operator":{"type":"integer"},"action":{"type":"string"},"market":{"type":["string","null"]},\
        "fixture":{"type":["string","null"]},"account":{"type":["string","null"]},\
        "refused":{"type":["string","null"],"description":"The code of what spoke against it."},\
        "reason":{"type":"string"},"detail":{"type":"string"}}}}}},\
        "Audit":{"type":"object","required":["asOf","stateHash","problems"],"properties":{\
        "asOf":{"type":"integer"},"stateHash":{"type":"string"},\
        "problems":{"type":"array","items":{"type":"string"}}}},\
        "Verification":{"type":"object","required":["segments","problems"],"properties":{\
        "segments":{"type":"integer"},"problems":{"type":"array","items":{"type":"string"}}}},\
        "DeskMarket":{"type":"object","additionalProperties":false,"required":["id","fixture","fixtureId","score",\
        "inPlay","status","byHand","name","version","reasons","resulted","disputed","settlement","margin","handMargin","staked",\
        "worstLoss","liabilityLimit","openLegs","eachWay","winners","selections"],"properties":{"id":{"type":"string"},\
        "fixture":{"type":"string"},"fixtureId":{"type":"string"},\
        "score":{"type":["array","null"],"items":{"type":"integer"}},\
        "inPlay":{"type":"boolean"},"status":{"type":"string"},"byHand":{"type":"boolean"},\
        "name":{"type":"string"},"version":{"type":"integer"},\
        "handMargin":{"type":["integer","null"],"description":"A trader's in the place of the feed's."},\
        "reasons":{"type":"array","items":{"type":"string"}},"resulted":{"type":"boolean"},\
        "disputed":{"type":"boolean"},"settlement":{"type":"integer"},"margin":{"type":"integer"},\
        "staked":{"type":"integer"},"worstLoss":{"type":"integer"},\
        "liabilityLimit":{"type":"integer"},"openLegs":{"type":"integer"},\
        "eachWay":{"type":"boolean","description":"A result says where its runners came in."},\
        "winners":{"type":"integer","description":"0: each selection wins or loses by itself"},\
        "selections":{"type":"array","items":{"type":"object","additionalProperties":false,\
        "required":["name","odds","held","reference","result"],"properties":{"name":{"type":"string"},\
        "held":{"type":"boolean","description":"A trader holds its price."},\
        "odds":{"type":["array","null"],"items":{"type":"integer"}},"reference":{"type":"integer"},\
        "result":{"type":"string"},"finish":{"type":"object","description":"Where it came in, as far as that is known.",\
        "additionalProperties":false,"required":["tied"],\
        "properties":{"position":{"type":"integer"},"tied":{"type":"integer"},\
        "wins":{"type":"integer","description":"Shared by those who tie, where each selection wins by itself."}}}}}}}},\
        "TickerLine":{"type":"object","additionalProperties":false,"required":["bet","account","time",\
        "status","stake","amount","detail","offer","legs"],"properties":{"bet":{"type":"string"},\
        "account":{"type":"string"},"time":{"type":"string","format":"date-time"},\
        "status":{"type":"string"},"stake":{"type":"integer"},"amount":{"type":"integer"},\
        "detail":{"type":"string"},\
        "offer":{"type":["object","null"],"description":"What a refused bet could be taken at.",\
        "required":["stake","odds"],"properties":{"stake":{"type":"integer"},\
        "odds":{"type":"array","items":{"type":"array","items":{"type":"integer"}}}}},\
        "legs":{"type":"array","description":"What it is on; empty for what came long ago.","items":{"type":"object",\
        "required":["fixture","market","selection"],"properties":{"fixture":{"type":"string"},\
        "market":{"type":"string"},"selection":{"type":"string"}}}}}},\
        "OpenProposal":{"type":"object","additionalProperties":false,"required":["id","market","bet","actor",\
        "reason","evidence","action","results","from","until"],"properties":{"id":{"type":"string"},\
        "evidence":{"type":"string","description":"Where it is written; empty for nowhere."},\
        "market":{"type":"string"},"bet":{"type":["string","null"]},"actor":{"type":"integer"},"reason":{"type":"string"},\
        "action":{"enum":["settle","rollback","cancel","reinstate","void","restore"]},"results":{"type":"array",\
        "items":{"type":"string"}},"from":{"type":["string","null"]},\
        "until":{"type":["string","null"]}}},\
        "Problem":{"type":"object","required":["type","title","status","code"],"properties":{\
        "type":{"type":"string"},"title":{"type":"string"},"status":{"type":"integer"},\
        "code":{"type":"string"},"detail":{"type":"string"}}}}
        """
}
