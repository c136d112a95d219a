import Betting
import Customers
import Kernel

/// What the punters' protocols say and take, as JSON schemas that mean the same by draft 7 (AsyncAPI) and
/// 2020-12 (OpenAPI). Source of both descriptions.
enum PunterSchemas {
    private static let currencies = Currency.known.map { "\"\($0.letters)\"" }.joined(
        separator: ",")
    /// Of version 7 (RFC 9562).
    static let uuid =
        "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"

    /// By name; routes and messages refer to them.
    static let all: [(name: String, schema: String)] = [
        (
            "Odds",
            """
            {"type":["array","null"],"items":{"type":"integer","minimum":1},"minItems":2,\
            "maxItems":2,\
            "description":"[return, stake], such as [39, 20] for 1.95; null where there is no price."}
            """
        ),
        (
            "Score",
            """
            {"type":["array","null"],"items":{"type":"integer","minimum":0},"minItems":2,\
            "maxItems":2}
            """
        ),
        (
            "Balances",
            """
            {"type":"object","required":["cash","bonus","free","held","openBets","owed"],\
            "properties":{"cash":{"type":"integer"},\
            "bonus":{"type":"integer","description":"Money to bet with; what it wins is cash."},\
            "free":{"type":"integer","description":"What may be staked for nothing; it is not returned, what it wins is cash."},\
            "held":{"type":"integer"},\
            "openBets":{"type":"integer"},"owed":{"type":"integer"}}}
            """
        ),
        (
            "Fixture",
            """
            {"type":"object","required":["id","sport","competition","home","away","scheduled",\
            "status","inPlay","score","clock","incident","lostContact","markets"],\
            "properties":{"id":{"$ref":"#/components/schemas/Number"},"sport":{"type":"string"},\
            "competition":{"type":"string"},"home":{"type":"string"},"away":{"type":"string"},\
            "scheduled":{"type":"string","format":"date-time"},"status":{"type":"string"},\
            "inPlay":{"type":"boolean"},"score":{"$ref":"#/components/schemas/Score"},\
            "clock":{"type":["integer","null"]},"incident":{"type":"string"},\
            "lostContact":{"type":"boolean"},"markets":{"type":"array",\
            "items":{"$ref":"#/components/schemas/Number"}}}}
            """
        ),
        (
            "Fixtures",
            """
            {"type":"object","required":["asOf","fixtures"],"properties":{"asOf":{"type":"integer"},\
            "fixtures":{"type":"array","items":{"$ref":"#/components/schemas/Fixture"}}}}
            """
        ),
        (
            "Selection",
            """
            {"type":"object","required":["id","name","odds","result"],\
            "properties":{"id":{"type":"integer"},"name":{"type":"string"},\
            "odds":{"$ref":"#/components/schemas/Odds"},\
            "result":{"$ref":"#/components/schemas/Result"},"withdrawn":{"type":"boolean"}}}
            """
        ),
        (
            "Market",
            """
            {"type":"object","required":["id","fixture","name","version","status","reasons",\
            "betDelay","maximumStake","winners","selections"],\
            "properties":{"id":{"$ref":"#/components/schemas/Number"},\
            "fixture":{"$ref":"#/components/schemas/Number"},"name":{"type":"string"},\
            "version":{"type":"integer"},"status":{"enum":["open","shut","resulted"]},\
            "reasons":{"$ref":"#/components/schemas/Reasons"},"betDelay":{"type":"integer"},\
            "maximumStake":{"type":"integer"},"winners":{"type":"integer","description":"0: each selection wins or loses by itself"},\
            "eachWay":{"$ref":"#/components/schemas/PlaceTerms"},\
            "eachWayAtTheOff":{"type":"boolean","description":"Each-way terms count as they are when it starts."},\
            "startingPrice":{"type":"boolean","description":"Bets at starting price are taken until the start."},\
            "earlyPayout":{"type":"boolean","description":"Bets may be paid before the end, as if they had won."},\
            "selections":{"type":"array","items":{"$ref":"#/components/schemas/Selection"}}}}
            """
        ),
        (
            "MarketDetail",
            """
            {"type":"object","required":["asOf","market","checksum"],\
            "properties":{"asOf":{"type":"integer"},"market":{"$ref":"#/components/schemas/Market"},\
            "checksum":{"$ref":"#/components/schemas/Checksum"}}}
            """
        ),
        (
            "FixtureDetail",
            """
            {"type":"object","required":["asOf","fixture","markets"],\
            "properties":{"asOf":{"type":"integer"},\
            "fixture":{"$ref":"#/components/schemas/Fixture"},"markets":{"type":"array",\
            "items":{"$ref":"#/components/schemas/Market"}}}}
            """
        ),
        (
            "Account",
            """
            {"type":"object","required":["asOf","account","money","currency","balances"],\
            "properties":{"asOf":{"type":"integer"},"account":{"type":"string"},\
            "money":{"enum":["real","demo"]},"currency":{"type":"string"},\
            "balances":{"$ref":"#/components/schemas/Balances"}}}
            """
        ),
        (
            "Session",
            """
            {"type":"object","required":["signedIn"],"properties":{"signedIn":{"type":"boolean"}}}
            """
        ),
        (
            "Refusal",
            """
            {"type":"object","required":["code","text"],"properties":{"code":{"type":"string"},\
            "text":{"type":"string"},"leg":{"type":"integer"},"value":{},"threshold":{}}}
            """
        ),
        (
            "Bet",
            """
            {"type":"object","required":["id","status","stake"],\
            "properties":{"id":{"$ref":"#/components/schemas/Number"},"clientId":{"type":"string",\
            "format":"uuid"},"status":{"enum":["pending","open","refused","settled","cashed_out"]},"stake":{"type":"integer"},\
            "system":{"$ref":"#/components/schemas/System"},"eachWay":{"type":"boolean"},\
            "jointOdds":{"$ref":"#/components/schemas/Odds"},\
            "stakeSplit":{"$ref":"#/components/schemas/StakeSplit"},\
            "returned":{"$ref":"#/components/schemas/Returned"},\
            "offer":{"$ref":"#/components/schemas/Offer"},\
            "asked":{"type":"integer","description":"The stake that was asked for, where another one was taken."},\
            "location":{"$ref":"#/components/schemas/Number","description":"The decision of where its customer was, by which it was taken."},\
            "potentialReturn":{"type":"integer"},"payout":{"type":"integer"},\
            "payoutBefore":{"type":"integer"},"reason":{"type":"string"},\
            "placedAt":{"$ref":"#/components/schemas/Instant"},\
            "acceptedAt":{"$ref":"#/components/schemas/Instant"},\
            "dueAt":{"$ref":"#/components/schemas/Instant"},\
            "settledAt":{"$ref":"#/components/schemas/Instant"},"settlement":{"type":"integer"},\
            "repeated":{"type":"boolean"},"odds":{"type":"array",\
            "items":{"$ref":"#/components/schemas/Odds"}},\
            "refusal":{"$ref":"#/components/schemas/Refusal"},\
            "sold":{"type":"object","required":["stake","payout"],"properties":{\
            "stake":{"type":"integer"},"payout":{"type":"integer"}},\
            "description":"What of it was sold back while the rest stood on, and for how much; beside stake and payout."},\
            "legs":{"type":"array",\
            "items":{"$ref":"#/components/schemas/BetLeg"}}}}
            """
        ),
        (
            "Bets",
            """
            {"type":"object","required":["asOf","bets","next"],\
            "properties":{"asOf":{"type":"integer"},"bets":{"type":"array",\
            "items":{"$ref":"#/components/schemas/Bet"}},"next":{"type":["string","null"],\
            "description":"The cursor of the next page; null on the last."}}}
            """
        ),
        (
            "BetDetail",
            """
            {"type":"object","required":["asOf","bet"],"properties":{"asOf":{"type":"integer"},\
            "bet":{"$ref":"#/components/schemas/Bet"}}}
            """
        ),
        (
            "Placement",
            """
            {"type":"object","required":["asOf","bet","balances"],\
            "properties":{"asOf":{"type":"integer"},"bet":{"$ref":"#/components/schemas/Bet"},\
            "balances":{"$ref":"#/components/schemas/Balances"}}}
            """
        ),
        (
            "Statement",
            """
            {"type":"object","required":["asOf","lines","next"],\
            "properties":{"asOf":{"type":"integer"},"lines":{"type":"array",\
            "items":{"$ref":"#/components/schemas/Line"}},"next":{"type":["string","null"],\
            "description":"The cursor of the next page; null on the last."}}}
            """
        ),
        (
            "Location",
            """
            {"type":"object","required":["asOf","required"],"properties":{"asOf":{"type":"integer"},\
            "required":{"type":"boolean","description":"Whether bets are taken from some places only."},\
            "by":{"enum":["address","device"],"description":"What is asked: the connection's address, or a provider's program on the device."},\
            "script":{"type":"string","description":"Where the page finds the provider's program: a module with a function locate({account}) that promises a packet."},\
            "verdict":{"enum":["inside","outside","doubtful"],"description":"Bets are taken inside; missing where a device would have to say where it is, and has not lately."},\
            "region":{"type":"string","description":"ISO 3166, such as GB or US-NJ; missing where it is not known."},\
            "signs":{"type":"array","description":"What speaks against believing it.","items":{"enum":[\(LocationSigns.named.map { "\"\($0.word)\"" }.joined(separator: ","))]}},\
            "until":{"type":"string","format":"date-time","description":"Until when it holds; it is decided anew before a bet that comes later."}}}
            """
        ),
        (
            "LocationRequest",
            """
            {"type":"object","required":["packet"],"properties":{"packet":{"type":"string","maxLength":2048,\
            "description":"Signed by the provider: base64url of JSON, a point, base64url of its HMAC-SHA-256."}}}
            """
        ),
        (
            "Promotions",
            """
            {"type":"object","required":["asOf","promotions"],\
            "properties":{"asOf":{"type":"integer"},"promotions":{"type":"array",\
            "items":{"$ref":"#/components/schemas/Promotion"}}}}
            """
        ),
        (
            "Promotion",
            """
            {"type":"object","required":["number","version","name","terms"],\
            "properties":{"number":{"type":"integer"},"version":{"type":"integer"},\
            "name":{"type":"string"},"terms":{"type":"string"},\
            "from":{"type":"string","format":"date-time"},"until":{"type":"string","format":"date-time"}}}
            """
        ),
        (
            "Notices",
            """
            {"type":"object","required":["asOf","notices","next"],\
            "properties":{"asOf":{"type":"integer"},"notices":{"type":"array",\
            "items":{"$ref":"#/components/schemas/Notice"}},"next":{"type":["string","null"],\
            "description":"The cursor of the next page; null on the last."}}}
            """
        ),
        (
            "Notice",
            """
            {"type":"object","required":["record","time","kind","text"],\
            "properties":{"record":{"type":"string"},"time":{"type":"string"},\
            "kind":{"enum":["set_risk","set_bar",\(SettlementReason.allCases.filter(\.isNews).map { "\"\($0.word)\"" }.joined(separator: ","))]},\
            "text":{"type":"string","description":"What a person wrote; empty about bets."},\
            "bet":{"type":"string"},\
            "before":{"type":"integer","description":"What the bet had paid, minor units."},\
            "payout":{"type":"integer","description":"What it pays now."}}}
            """
        ),
        (
            "Slip",
            """
            {"type":"object","required":["asOf","potentialReturn","minimumStake","maximumStake"],\
            "properties":{"asOf":{"type":"integer"},"potentialReturn":{"type":["integer","null"]},\
            "minimumStake":{"type":"integer"},"maximumStake":{"type":"integer"},\
            "delay":{"type":"integer"},"related":{"type":"boolean"},\
            "quoteRequired":{"type":"boolean","description":"It is taken with a single-use quote only."},\
            "jointOdds":{"$ref":"#/components/schemas/Odds"},\
            "lines":{"type":"integer","description":"Over which the stake is divided: of a system its lines, of an each-way bet twice as many."},\
            "bonus":{"type":"object","required":["onlyWinner","allWinners"],"description":"What the house adds to such a cover: the winnings of an only winner count so many hundredths times; so many hundredths of a percent more where all win.",\
            "properties":{"onlyWinner":{"type":"integer"},"allWinners":{"type":"integer"}}},\
            "commission":{"type":"integer","description":"Hundredths of a percent that the house takes of what the bet wins beyond its stake."},\
            "limits":{"type":"array","description":"What each limit by itself lets it stake, in the order in which they are checked.",\
            "items":{"type":"object","required":["rule","most"],"properties":{\
            "rule":{"type":"string","description":"The code of the refusal that more than this leads to."},\
            "leg":{"type":"integer"},"most":{"type":"integer"}}}}}}
            """
        ),
        (
            "Stake",
            """
            {"type":"object","required":["amount","currency"],"properties":{\
            "amount":{"type":"integer","minimum":1,"maximum":9007199254740991},\
            "currency":{"enum":[\(currencies)]},"kind":{"enum":["cash","bonus","free"],\
            "description":"Of which money all of it is; a split says bonus and free instead."},\
            "bonus":{"type":"integer","minimum":0,"description":"What of the amount is bonus money."},\
            "free":{"type":"integer","minimum":0,\
            "description":"What of the amount is not returned; its lines must divide it."},\
            "per":{"enum":["bet","line"],\
            "description":"The whole stake, which its lines must divide, or that of each line; an each-way bet has each line twice."}}}
            """
        ),
        (
            "StakeSplit",
            """
            {"type":"object","required":["cash","bonus","free"],"properties":{\
            "cash":{"type":"integer"},"bonus":{"type":"integer"},"free":{"type":"integer"}},\
            "description":"Of which money a stake is that is not cash alone."}
            """
        ),
        (
            "Offer",
            """
            {"type":"object","required":["reference","stake","odds","until"],\
            "description":"What a bet that was refused could be taken at: asked for anew with the reference, it is decided afresh.",\
            "properties":{"reference":{"$ref":"#/components/schemas/Number"},\
            "stake":{"type":"integer"},"odds":{"type":"array",\
            "items":{"$ref":"#/components/schemas/Odds"}},\
            "until":{"$ref":"#/components/schemas/Instant"}}}
            """
        ),
        (
            "Returned",
            """
            {"type":"object","required":["bonus","free"],"properties":{\
            "bonus":{"type":"integer","description":"Of the payout, what is bonus money again."},\
            "free":{"type":"integer","description":"Free stake of void lines, which may be staked again."}}}
            """
        ),
        (
            "PlaceTerms",
            """
            {"type":"object","required":["places","fraction"],\
            "description":"What each-way bets pay: the first so many, at that part of the winnings.",\
            "properties":{"places":{"type":"integer","minimum":1,"maximum":15},\
            "fraction":{"type":"array","minItems":2,"maxItems":2,\
            "items":{"type":"integer","minimum":1,"maximum":255}}}}
            """
        ),
        (
            "Explanation",
            """
            {"type":"object","required":["asOf","bet","stake","payout","rounding","legs","lines"],\
            "properties":{"asOf":{"type":"integer"},"bet":{"$ref":"#/components/schemas/Number"},\
            "stake":{"type":"integer"},"payout":{"type":"integer"},\
            "cappedAt":{"type":"integer","description":"The most that any bet pays, where it comes to more."},\
            "comesTo":{"type":["string","null"],\
            "description":"Minor units before the one rounding, cut after four decimals; null while open."},\
            "rounding":{"enum":["down","half_up","half_even"]},\
            "legs":{"type":"array","items":{"$ref":"#/components/schemas/ExplainedLeg"}},\
            "stakeSplit":{"$ref":"#/components/schemas/StakeSplit"},\
            "returned":{"$ref":"#/components/schemas/Returned"},\
            "notReturned":{"type":"string",\
            "description":"Of a free stake: what comes off the lines, since it is not returned; minor units, cut after four decimals."},\
            "jointOdds":{"$ref":"#/components/schemas/Odds"},\
            "bonus":{"type":"string","description":"What the house added, and why."},\
            "commission":{"type":"string","description":"What the house takes of the winnings; minor units, cut after four decimals."},\
            "lineCount":{"type":"integer"},"lines":{"type":"array",\
            "description":"The first \(Messages.mostLines).","items":{"type":"object",\
            "required":["legs","part","stake","comesTo"],"properties":{\
            "legs":{"type":"array","items":{"type":"integer"}},"part":{"enum":["win","place"]},\
            "stake":{"type":"integer"},"comesTo":{"type":["string","null"]}}}}}}
            """
        ),
        (
            "ExplainedLeg",
            """
            {"type":"object","required":["market","selection","odds","marketName","selectionName","win","why"],\
            "properties":{"market":{"$ref":"#/components/schemas/Number"},\
            "selection":{"type":"integer"},"odds":{"$ref":"#/components/schemas/Odds"},\
            "startingPrice":{"type":"boolean"},\
            "eachWay":{"$ref":"#/components/schemas/PlaceTerms"},\
            "marketName":{"type":"string"},"selectionName":{"type":"string"},\
            "fixtureName":{"type":"string"},\
            "win":{"type":["string","null"],"description":"What the stake is multiplied by, cut after six decimals; null while open."},\
            "place":{"type":["string","null"]},\
            "why":{"type":"array","items":{"type":"string"},"description":"In words."}}}
            """
        ),
        (
            "CashOut",
            """
            {"type":"object","required":["bet","rule"],"properties":{\
            "bet":{"$ref":"#/components/schemas/Number"},\
            "rule":{"type":["integer","null"],"description":"What it is sold for by itself."},\
            "dueAt":{"$ref":"#/components/schemas/Instant"},\
            "stake":{"type":"integer","description":"What of its stake is asked about."},\
            "step":{"type":"integer","description":"Parts must be divisible by it: the bet's lines."},\
            "standing":{"type":"integer","description":"All of its stake."},\
            "value":{"type":"integer","description":"What it could be sold for."},\
            "fair":{"type":"string","description":"Minor units that are expected of it, before the margin."},\
            "exact":{"type":"string","description":"After the margin, before it is cut to whole minor units."},\
            "margin":{"type":"integer","description":"Hundredths of a percent."},\
            "delay":{"type":"integer","description":"Milliseconds that it would wait."},\
            "offer":{"type":"string","description":"Names the prices and versions behind the value."},\
            "refusal":{"$ref":"#/components/schemas/Refusal"}}}
            """
        ),
        (
            "CashOutDetail",
            """
            {"type":"object","required":["asOf","cashOut"],"properties":{"asOf":{"type":"integer"},\
            "cashOut":{"$ref":"#/components/schemas/CashOut"}}}
            """
        ),
        (
            "CashOuts",
            """
            {"type":"object","required":["asOf","cashOuts"],"properties":{"asOf":{"type":"integer"},\
            "cashOuts":{"type":"array","items":{"$ref":"#/components/schemas/CashOut"}}}}
            """
        ),
        (
            "CashOutRequest",
            """
            {"type":"object","required":["value","offer","validUntil"],"properties":{\
            "stake":{"type":"integer","minimum":1,"maximum":9007199254740991,\
            "description":"So much of the bet's stake; absent all of it."},\
            "value":{"type":"integer","minimum":1,"maximum":9007199254740991,\
            "description":"What was offered: less is not taken, more is paid."},\
            "offer":{"type":"string","pattern":"^[0-9]{1,18}-[0-9]{1,18}$"},\
            "validUntil":{"type":"string","format":"date-time",\
            "pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\\\.[0-9]{1,9})?Z$"}}}
            """
        ),
        (
            "CashOutRuleRequest",
            """
            {"type":"object","required":["atLeast"],"properties":{\
            "atLeast":{"type":"integer","minimum":1,"maximum":\(Limits.potentialReturn)}}}
            """
        ),
        (
            "CashOutRule",
            """
            {"type":"object","required":["asOf","bet","rule"],"properties":{"asOf":{"type":"integer"},\
            "bet":{"$ref":"#/components/schemas/Number"},"rule":{"type":["integer","null"]}}}
            """
        ),
        (
            "Sold",
            """
            {"type":"object","required":["bet","status","stake","payout","standing","repeated"],\
            "properties":{"bet":{"$ref":"#/components/schemas/Number"},"clientId":{"type":"string",\
            "format":"uuid"},"status":{"enum":["pending","refused","cashed_out"]},\
            "stake":{"type":"integer"},"payout":{"type":"integer"},\
            "betStatus":{"enum":["pending","open","refused","settled","cashed_out"]},\
            "standing":{"type":"integer"},"potentialReturn":{"type":"integer"},\
            "fair":{"type":"string"},"exact":{"type":"string"},"margin":{"type":"integer"},\
            "dueAt":{"$ref":"#/components/schemas/Instant"},"repeated":{"type":"boolean"},\
            "refusal":{"$ref":"#/components/schemas/Refusal"}}}
            """
        ),
        (
            "CashedOut",
            """
            {"type":"object","required":["asOf","cashOut","balances"],"properties":{\
            "asOf":{"type":"integer"},"cashOut":{"$ref":"#/components/schemas/Sold"},\
            "balances":{"$ref":"#/components/schemas/Balances"}}}
            """
        ),
        (
            "SystemRequest",
            """
            {"type":"object","required":["sizes"],"properties":{\
            "sizes":{"type":"array","minItems":1,"maxItems":16,"uniqueItems":true,\
            "items":{"type":"integer","minimum":1,"maximum":16},\
            "description":"Each number of free legs of which all choices are lines: [2,3] of three legs is a Trixie."},\
            "bankers":{"type":"array","maxItems":15,"uniqueItems":true,\
            "items":{"type":"integer","minimum":0,"maximum":15},\
            "description":"Places of legs that are in every line."},\
            "groups":{"type":"array","maxItems":4,"items":{"$ref":"#/components/schemas/SystemGroup"},\
            "description":"Within or beside each other; instead of bankers."}}}
            """
        ),
        (
            "System",
            """
            {"type":"object","required":["sizes","bankers","lines"],"properties":{\
            "name":{"type":"string"},"sizes":{"type":"array","items":{"type":"integer"}},\
            "bankers":{"type":"array","items":{"type":"integer"}},"lines":{"type":"integer"},\
            "groups":{"type":"array","items":{"$ref":"#/components/schemas/SystemGroup"}}}}
            """
        ),
        (
            "SystemGroup",
            """
            {"type":"object","required":["from","to","sizes"],\
            "description":"Legs that count as one in what is around them: each of their own lines may stand for it.",\
            "properties":{"from":{"type":"integer","minimum":0,"maximum":15},\
            "to":{"type":"integer","minimum":0,"maximum":15},\
            "sizes":{"type":"array","minItems":1,"uniqueItems":true,\
            "items":{"type":"integer","minimum":1,"maximum":16}}}}
            """
        ),
        (
            "LegRequest",
            """
            {"type":"object","required":["market","selection"],\
            "oneOf":[{"required":["odds"]},{"required":["startingPrice"]}],"properties":{\
            "market":{"$ref":"#/components/schemas/Number"},\
            "selection":{"type":"integer","minimum":0,"maximum":63},\
            "startingPrice":{"const":true,"description":"Paid at what the selection starts at."},\
            "odds":{"type":"array","minItems":2,"maxItems":2,\
            "items":{"type":"integer","minimum":1,"maximum":4294967295}},\
            "version":{"type":"integer","minimum":0,\
            "description":"Of the market, as seen: shut, opened or formed anew since, it is another market."},\
            "score":{"type":["array","null"],\
            "items":{"type":"integer","minimum":0,"maximum":65535},"minItems":2,"maxItems":2},\
            "eachWay":{"$ref":"#/components/schemas/PlaceTerms"},\
            "clock":{"type":["integer","null"]}}}
            """
        ),
        (
            "SlipRequest",
            """
            {"type":"object","required":["stake","legs"],\
            "properties":{"stake":{"$ref":"#/components/schemas/Stake"},"structure":{"enum":["single",\
            "accumulator","system","same_game"]},"system":{"$ref":"#/components/schemas/SystemRequest"},\
            "eachWay":{"type":"boolean"},"legs":{"type":"array",\
            "minItems":1,"maxItems":20,"items":{"$ref":"#/components/schemas/LegRequest"}}}}
            """
        ),
        (
            "BetRequest",
            """
            {"type":"object","required":["validUntil","stake","legs"],\
            "properties":{"id":{"type":"string","pattern":"\(uuid)",\
            "description":"By REST the Idempotency-Key stands for it."},\
            "validUntil":{"type":"string","format":"date-time",\
            "pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\\\.[0-9]{1,9})?Z$"},\
            "stake":{"$ref":"#/components/schemas/Stake"},"structure":{"enum":["single",\
            "accumulator","system","same_game"]},"system":{"$ref":"#/components/schemas/SystemRequest"},\
            "eachWay":{"type":"boolean","description":"Half of the stake on winning, half on being placed."},\
            "legs":{"type":"array","minItems":1,"maxItems":20,\
            "items":{"$ref":"#/components/schemas/LegRequest"}},\
            "offer":{"allOf":[{"$ref":"#/components/schemas/Number"}],\
            "description":"Takes an offer: with its prices, its stake and, of each leg, the market's version of now or none."},"fill":{"enum":["reject","cap","maximum"],\
            "description":"A stake that is higher than may be taken is refused, or as much of it is taken as may be; maximum takes the highest stake that may be, and not less than the amount."},\
            "priceRule":{"enum":["exact",\
            "better","any"]},"tolerance":{"type":"integer","minimum":0,"maximum":255},\
            "oddsFormat":{"enum":["decimal","fractional","american","hong_kong","malay","indonesian"]},"quote":{"type":["string","null"],\
            "description":"A single-use quote whose id the bet has; same_game needs one."}}}
            """
        ),
        (
            "QuoteRequest",
            """
            {"type":"object","required":["legs"],"properties":{\
            "structure":{"enum":["same_game"]},"eachWay":{"type":"boolean"},\
            "legs":{"type":"array","minItems":1,"maxItems":20,"items":{"type":"object",\
            "required":["market","selection"],"properties":{\
            "market":{"$ref":"#/components/schemas/Number"},\
            "selection":{"type":"integer","minimum":0,"maximum":63},\
            "startingPrice":{"type":"boolean"}}}}}}
            """
        ),
        (
            "Quote",
            """
            {"type":"object","required":["asOf","id","quote","until","legs"],"properties":{\
            "asOf":{"type":"integer"},"id":{"type":"string","format":"uuid","description":"The bet's id."},\
            "quote":{"type":"string"},"until":{"$ref":"#/components/schemas/Instant"},\
            "jointOdds":{"$ref":"#/components/schemas/Odds"},\
            "legs":{"type":"array","items":{"type":"object","required":["market","selection","odds","version"],\
            "properties":{"market":{"$ref":"#/components/schemas/Number"},"selection":{"type":"integer"},\
            "odds":{"$ref":"#/components/schemas/Odds"},"startingPrice":{"type":"boolean"},\
            "version":{"type":"integer"},"eachWay":{"$ref":"#/components/schemas/PlaceTerms"}}}}}}
            """
        ),
        (
            "Limit",
            """
            {"type":"object","required":["kind","period","unit","amount","next","version"],\
            "properties":{"kind":{"enum":["deposit","loss","stake","time"]},\
            "period":{"enum":["day","week","month"]},"unit":{"enum":["minor_units","minutes"]},\
            "amount":{"type":["integer","null"],"description":"What holds; null for none."},\
            "next":{"type":["object","null"],"required":["amount","from"],"properties":{\
            "amount":{"type":["integer","null"]},\
            "from":{"$ref":"#/components/schemas/Instant"}},\
            "description":"What was asked for and holds from then on."},\
            "version":{"$ref":"#/components/schemas/Number"}}}
            """
        ),
        (
            "LimitDetail",
            """
            {"type":"object","required":["limit"],"properties":{\
            "limit":{"$ref":"#/components/schemas/Limit"}}}
            """
        ),
        (
            "Limits",
            """
            {"type":"object","required":["asOf","limits"],"properties":{\
            "asOf":{"type":"integer"},\
            "limits":{"type":"array","items":{"$ref":"#/components/schemas/Limit"}}}}
            """
        ),
        (
            "LimitRequest",
            """
            {"type":"object","required":["amount"],"properties":{\
            "amount":{"type":"integer","minimum":0,"maximum":9007199254740991,\
            "description":"Whole minor units; for time minutes, no more than the period has."}}}
            """
        ),
        (
            "Problem",
            """
            {"type":"object","required":["type","title","status","code"],\
            "properties":{"type":{"type":"string"},"title":{"type":"string"},\
            "status":{"type":"integer"},"code":{"type":"string"},"detail":{"type":"string"}}}
            """
        ),
        (
            "Instant",
            """
            {"type":"string","format":"date-time","description":"RFC 3339 in UTC."}
            """
        ),
        (
            "Number",
            """
            {"type":"string","pattern":"^[0-9]{1,19}$",\
            "description":"An id of ours: a number as text."}
            """
        ),
        (
            "Result",
            """
            {"enum":["undecided","won","lost","void","half_won","half_lost","dead_heat"]}
            """
        ),
        (
            "Reasons",
            """
            {"type":"array","items":{"type":"string"},"uniqueItems":true,\
            "description":"Why a market is shut; each is lifted by its owner alone."}
            """
        ),
        (
            "BetLeg",
            """
            {"type":"object","required":["market","selection","odds","marketName","selectionName",\
            "fixtureName"],"properties":{"market":{"$ref":"#/components/schemas/Number"},\
            "selection":{"type":"integer"},"odds":{"$ref":"#/components/schemas/Odds"},\
            "startingPrice":{"type":"boolean","description":"Paid at what it starts at; odds are null."},\
            "marketName":{"type":"string"},"selectionName":{"type":"string"},\
            "fixtureName":{"type":"string"}}}
            """
        ),
        (
            "Line",
            """
            {"type":"object","required":["id","time","reason","change","balances"],\
            "properties":{"id":{"$ref":"#/components/schemas/Number"},\
            "time":{"$ref":"#/components/schemas/Instant"},"reason":{"type":"string"},\
            "change":{"type":"integer"},"bonusChange":{"type":"integer"},\
            "freeChange":{"type":"integer"},"bet":{"$ref":"#/components/schemas/Number"},\
            "balances":{"$ref":"#/components/schemas/Balances"}}}
            """
        ),
        (
            "Checksum",
            """
            {"type":"string","pattern":"^[0-9a-f]{8}$",\
            "description":"CRC-32C of the market's canonical text."}
            """
        ),
    ]

    /// As one object.
    static var object: String {
        "{" + all.map { "\"\($0.name)\":\($0.schema)" }.joined(separator: ",") + "}"
    }
}
