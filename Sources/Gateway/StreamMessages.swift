/// A message of a stream: its name, what it says in words, and its schema.
struct StreamMessage {
    let name: String
    let summary: String
    let schema: String
}

/// What the WebSocket says and takes; server-sent events say the same.
enum StreamMessages {
    /// From the server.
    static let said: [StreamMessage] = [
        StreamMessage(
            name: "hello",
            summary: "The first message: the clock, and whether one is signed in.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["type","epoch","order","time",\
                "signedIn","heartbeat"],"properties":{"type":{"const":"hello"},"epoch":{"type":"string",\
                "minLength":8,"maxLength":8},"order":{"type":"integer","minimum":0},\
                "time":{"$ref":"#/components/schemas/Instant"},"signedIn":{"type":"boolean"},\
                "heartbeat":{"type":"integer","description":"Milliseconds between two heartbeats."}}}
                """),
        StreamMessage(
            name: "heartbeat",
            summary: "The line lives; everything up to `order` was said.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["type","epoch","order",\
                "time"],"properties":{"type":{"const":"heartbeat"},"epoch":{"type":"string",\
                "minLength":8,"maxLength":8},"order":{"type":"integer","minimum":0},\
                "time":{"$ref":"#/components/schemas/Instant"}}}
                """),
        StreamMessage(
            name: "pong",
            summary: "Answers `ping`.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["type"],\
                "properties":{"type":{"const":"pong"}}}
                """),
        StreamMessage(
            name: "error",
            summary: "A message was not understood or not taken.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["type","code","text"],\
                "properties":{"type":{"const":"error"},"code":{"type":"string"},\
                "text":{"type":"string"},"clientId":{"type":"string"},"ref":{"type":"string"},\
                "retryAfter":{"type":"integer","minimum":0,"description":"Seconds."}}}
                """),
        StreamMessage(
            name: "behind",
            summary:
                "The client reads too slowly: images will follow; until "
                + "`caughtUp` it can resume from `order` only.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["type","epoch","order"],\
                "properties":{"type":{"const":"behind"},"epoch":{"type":"string","minLength":8,\
                "maxLength":8},"order":{"type":"integer","minimum":0}}}
                """),
        StreamMessage(
            name: "caughtUp",
            summary: "Everything up to `order` was said.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["type","epoch","order"],\
                "properties":{"type":{"const":"caughtUp"},"epoch":{"type":"string","minLength":8,\
                "maxLength":8},"order":{"type":"integer","minimum":0}}}
                """),
        StreamMessage(
            name: "answer",
            summary: "Answers an operation, as HTTP would.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["type","op","status","body"],\
                "properties":{"type":{"const":"answer"},"op":{"type":"string"},"ref":{"type":"string"},"tag":{"type":"string"},\
                "status":{"type":"integer","minimum":200,"maximum":599},\
                "retryAfter":{"type":"integer","minimum":0,"description":"Seconds."},"body":{"type":["object","null"]}}}
                """),
        StreamMessage(
            name: "marketImage",
            summary: "The whole of a market.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["topic","epoch","sequence",\
                "order","time","type","market","checksum"],"properties":{"topic":{"type":"string",\
                "pattern":"^market/[0-9]+$"},"epoch":{"type":"string","minLength":8,"maxLength":8},\
                "sequence":{"type":"integer","minimum":0},"order":{"type":"integer","minimum":0},\
                "time":{"$ref":"#/components/schemas/Instant"},"type":{"const":"image"},\
                "market":{"$ref":"#/components/schemas/Market"},\
                "checksum":{"$ref":"#/components/schemas/Checksum"}}}
                """),
        StreamMessage(
            name: "marketDelta",
            summary: "What changed with the next version of a market.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["topic","epoch","sequence",\
                "order","time","type","status","reasons","selections","checksum"],\
                "properties":{"topic":{"type":"string","pattern":"^market/[0-9]+$"},\
                "epoch":{"type":"string","minLength":8,"maxLength":8},"sequence":{"type":"integer",\
                "minimum":0},"order":{"type":"integer","minimum":0},\
                "time":{"$ref":"#/components/schemas/Instant"},"type":{"const":"delta"},\
                "status":{"enum":["open","shut","resulted"]},\
                "reasons":{"$ref":"#/components/schemas/Reasons"},"betDelay":{"type":"integer"},\
                "selections":{"type":"array","items":{"type":"object","additionalProperties":false,\
                "required":["id","odds"],"properties":{"id":{"type":"integer"},\
                "odds":{"$ref":"#/components/schemas/Odds"},\
                "result":{"$ref":"#/components/schemas/Result"},"withdrawn":{"const":true}}}},\
                "checksum":{"$ref":"#/components/schemas/Checksum"}}}
                """),
        StreamMessage(
            name: "fixturesImage",
            summary: "All fixtures of a list.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["topic","epoch","sequence",\
                "order","time","type","fixtures"],"properties":{"topic":{"type":"string",\
                "pattern":"^fixtures(\\\\?.+)?$"},"epoch":{"type":"string","minLength":8,"maxLength":8},\
                "sequence":{"type":"integer","minimum":0},"order":{"type":"integer","minimum":0},\
                "time":{"$ref":"#/components/schemas/Instant"},"type":{"const":"image"},\
                "fixtures":{"type":"array","items":{"$ref":"#/components/schemas/Fixture"}}}}
                """),
        StreamMessage(
            name: "fixtureImage",
            summary: "One fixture, as it is now.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["topic","epoch","sequence",\
                "order","time","type","fixture"],"properties":{"topic":{"type":"string",\
                "pattern":"^fixture/[0-9]+$"},"epoch":{"type":"string","minLength":8,"maxLength":8},\
                "sequence":{"type":"integer","minimum":0},"order":{"type":"integer","minimum":0},\
                "time":{"$ref":"#/components/schemas/Instant"},"type":{"const":"image"},\
                "fixture":{"$ref":"#/components/schemas/Fixture"}}}
                """),
        StreamMessage(
            name: "fixturesDelta",
            summary: "Fixtures of a list that changed, as they are now; also one that leaves it.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["topic","epoch","sequence",\
                "order","time","type","fixtures"],"properties":{"topic":{"type":"string",\
                "pattern":"^fixtures(\\\\?.+)?$"},"epoch":{"type":"string","minLength":8,"maxLength":8},\
                "sequence":{"type":"integer","minimum":0},"order":{"type":"integer","minimum":0},\
                "time":{"$ref":"#/components/schemas/Instant"},"type":{"const":"delta"},\
                "fixtures":{"type":"array","items":{"$ref":"#/components/schemas/Fixture"}}}}
                """),
        StreamMessage(
            name: "fixtureDelta",
            summary: "One fixture, as it is now.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["topic","epoch","sequence",\
                "order","time","type","fixture"],"properties":{"topic":{"type":"string",\
                "pattern":"^fixture/[0-9]+$"},"epoch":{"type":"string","minLength":8,"maxLength":8},\
                "sequence":{"type":"integer","minimum":0},"order":{"type":"integer","minimum":0},\
                "time":{"$ref":"#/components/schemas/Instant"},"type":{"const":"delta"},\
                "fixture":{"$ref":"#/components/schemas/Fixture"}}}
                """),
        StreamMessage(
            name: "incident",
            summary: "Something happened on a pitch.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["topic","epoch","sequence",\
                "order","time","type","fixture","incident","providerTime","ingestTime","score","clock"],\
                "properties":{"topic":{"type":"string","pattern":"^incidents$"},\
                "epoch":{"type":"string","minLength":8,"maxLength":8},"sequence":{"type":"integer",\
                "minimum":0},"order":{"type":"integer","minimum":0},\
                "time":{"$ref":"#/components/schemas/Instant"},"type":{"const":"incident"},\
                "fixture":{"$ref":"#/components/schemas/Number"},"incident":{"type":"string"},\
                "providerTime":{"type":["string","null"],"format":"date-time",\
                "description":"When its supplier said so; time is when it was published."},\
                "ingestTime":{"type":["string","null"],"format":"date-time","description":"When we heard of it."},\
                "score":{"$ref":"#/components/schemas/Score"},"clock":{"type":["integer","null"]}}}
                """),
        StreamMessage(
            name: "bet",
            summary:
                "A bet of one's own, as it was decided or as it is "
                + "now; with balances where money moved.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["topic","epoch","sequence",\
                "order","time","type","bet"],"properties":{"topic":{"type":"string","pattern":"^bets$"},\
                "epoch":{"type":"string","minLength":8,"maxLength":8},"sequence":{"type":"integer",\
                "minimum":0},"order":{"type":"integer","minimum":0},\
                "time":{"$ref":"#/components/schemas/Instant"},"type":{"const":"bet"},\
                "bet":{"$ref":"#/components/schemas/Bet"},\
                "balances":{"$ref":"#/components/schemas/Balances"}}}
                """),
        StreamMessage(
            name: "settled",
            summary: "A bet of one's own was settled, or settled anew.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["topic","epoch","sequence",\
                "order","time","type","bet","balances"],"properties":{"topic":{"type":"string",\
                "pattern":"^bets$"},"epoch":{"type":"string","minLength":8,"maxLength":8},\
                "sequence":{"type":"integer","minimum":0},"order":{"type":"integer","minimum":0},\
                "time":{"$ref":"#/components/schemas/Instant"},"type":{"const":"settled"},\
                "bet":{"$ref":"#/components/schemas/Bet"},\
                "balances":{"$ref":"#/components/schemas/Balances"}}}
                """),
        StreamMessage(
            name: "cashOut",
            summary: "What became of a wish to sell one's own bet, or a part of it, back.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["topic","epoch","sequence",\
                "order","time","type","cashOut","balances"],"properties":{"topic":{"type":"string",\
                "pattern":"^bets$"},"epoch":{"type":"string","minLength":8,"maxLength":8},\
                "sequence":{"type":"integer","minimum":0},"order":{"type":"integer","minimum":0},\
                "time":{"$ref":"#/components/schemas/Instant"},"type":{"const":"cashOut"},\
                "cashOut":{"$ref":"#/components/schemas/Sold"},\
                "balances":{"$ref":"#/components/schemas/Balances"}}}
                """),
        StreamMessage(
            name: "wallet",
            summary: "One's own balances; also after bets, for whoever does not follow those.",
            schema: """
                {"type":"object","additionalProperties":false,"required":["topic","epoch","sequence",\
                "order","time","type","balances"],"properties":{"topic":{"type":"string",\
                "pattern":"^wallet$"},"epoch":{"type":"string","minLength":8,"maxLength":8},\
                "sequence":{"type":"integer","minimum":0},"order":{"type":"integer","minimum":0},\
                "time":{"$ref":"#/components/schemas/Instant"},"type":{"const":"wallet"},\
                "balances":{"$ref":"#/components/schemas/Balances"}}}
                """),
    ]

    /// A message of `said` by its name; every name that is asked for here is there.
    static func named(_ name: String) -> StreamMessage {
        said.first { $0.name == name }!
    }

    /// From the client, beside the operations.
    static let taken: [StreamMessage] = [
        StreamMessage(
            name: "subscribe",
            summary: "Follows topics, from where the client says it is.",
            schema: """
                {"type":"object","required":["op","topics"],"properties":{"op":{"const":"subscribe"},\
                "topics":{"type":"array","items":{"type":"string"},"maxItems":200},\
                "resume":{"anyOf":[{"type":"object","required":["epoch","order"],\
                "properties":{"epoch":{"type":"string","minLength":8,"maxLength":8},\
                "order":{"type":"integer","minimum":0}}},{"type":"object",\
                "additionalProperties":{"type":"object","required":["epoch","sequence"],\
                "properties":{"epoch":{"type":"string","minLength":8,"maxLength":8},\
                "sequence":{"type":"integer","minimum":0}}}}]}}}
                """),
        StreamMessage(
            name: "unsubscribe",
            summary: "Follows topics no more.",
            schema: """
                {"type":"object","required":["op","topics"],"properties":{"op":{"const":"unsubscribe"},\
                "topics":{"type":"array","items":{"type":"string"},"maxItems":200}}}
                """),
        StreamMessage(
            name: "ping",
            summary: "Answered by `pong`.",
            schema: """
                {"type":"object","required":["op"],"properties":{"op":{"const":"ping"}}}
                """),
        StreamMessage(
            name: "place",
            summary:
                "Places a bet; answered by `bet`, or by `error` "
                + "with its id when it was not decided.",
            schema: """
                {"type":"object","allOf":[{"$ref":"#/components/schemas/BetRequest"}],"required":["op",\
                "id"],"properties":{"op":{"const":"place"}}}
                """),
    ]
}
