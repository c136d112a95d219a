import JSONText
import NetworkCodecs

/// The OpenAPI 3.1 document, made of the routes' own descriptions.
enum OpenAPI {
    /// `schemas` is a JSON object of everything that the routes refer to by name.
    static func document(
        title: String, cookie: String, schemas: String,
        routes: [(HTTPMethod, String, RouteDescription)]
    ) -> [UInt8] {
        var json = JSONWriter(reserving: 16_384)
        json.object { json in
            json.key("openapi")
            json.string("3.1.0")
            json.key("info")
            json.object { json in
                json.key("title")
                json.string(title)
                json.key("version")
                json.string("1")
                json.key("description")
                json.string(
                    "Live betting. Money is whole minor units below 2^53, ids are text, times are "
                        + "RFC 3339 in UTC, odds are [return, stake].")
            }
            json.key("paths")
            json.object { json in
                var seen: [String] = []
                for (_, path, _) in routes where !seen.contains(path) {
                    seen.append(path)
                    json.key(text: path)
                    json.object { json in
                        for (method, other, description) in routes where other == path {
                            write(description, method, to: &json)
                        }
                    }
                }
            }
            json.key("components")
            json.object { json in
                json.key("schemas")
                json.raw(Array(schemas.utf8))
                json.key("securitySchemes")
                json.object { json in
                    json.key("session")
                    json.object { json in
                        json.key("type")
                        json.string("apiKey")
                        json.key("in")
                        json.string("cookie")
                        json.key("name")
                        json.string(cookie)
                    }
                }
            }
        }
        return json.bytes
    }

    private static func write(
        _ description: RouteDescription, _ method: HTTPMethod, to json: inout JSONWriter
    ) {
        json.key(text: method.name.lowercased())
        json.object { json in
            json.key("operationId")
            json.string(description.operation)
            json.key("summary")
            json.string(description.summary)
            json.key("tags")
            json.array { $0.string(description.tag) }
            if !description.parameters.isEmpty {
                json.key("parameters")
                json.array { json in
                    for parameter in description.parameters { write(parameter, to: &json) }
                }
            }
            if let body = description.body {
                json.key("requestBody")
                json.object { json in
                    json.key("required")
                    json.bool(true)
                    json.key("content")
                    json.object { content("application/json", schema: body, to: &$0) }
                }
            }
            if description.needsSession {
                json.key("security")
                json.array {
                    $0.object { json in
                        json.key("session")
                        json.array { _ in }
                    }
                }
            }
            json.key("responses")
            json.object { json in
                for answer in description.answers {
                    json.key(text: String(answer.status))
                    json.object { json in
                        json.key("description")
                        json.string(answer.text)
                        if answer.status != 101, answer.status != 204 {
                            json.key("content")
                            json.object {
                                content(answer.contentType, schema: answer.schema, to: &$0)
                            }
                        }
                    }
                }
                writeProblems(description, method, to: &json)
            }
        }
    }

    /// What stands before every route and may answer instead of it.
    private static func common(_ description: RouteDescription, _ method: HTTPMethod) -> [(
        Int, String
    )] {
        var all = [(400, "malformed"), (421, "host_unknown")]
        if method != .get { all.append((403, "origin_refused")) }
        if description.needsSession { all.append((401, "not_signed_in")) }
        return all
    }

    private static func writeProblems(
        _ description: RouteDescription, _ method: HTTPMethod, to json: inout JSONWriter
    ) {
        let told = Set(description.answers.map(\.status))
        let own = description.problems
        let problems =
            own
            + common(description, method).filter { one in
                !own.contains { $0.0 == one.0 && $0.1 == one.1 }
            }
        var statuses: [Int] = []
        for (status, _) in problems where !statuses.contains(status) {
            statuses.append(status)
        }
        for status in statuses where !told.contains(status) {
            let codes = problems.filter { $0.0 == status }.map(\.1)
            json.key(text: String(status))
            json.object { json in
                json.key("description")
                json.string("Problem: " + codes.joined(separator: ", ") + ".")
                json.key("content")
                json.object { content("application/problem+json", schema: "Problem", to: &$0) }
            }
        }
    }

    private static func write(
        _ parameter: RouteDescription.Parameter, to json: inout JSONWriter
    ) {
        json.object { json in
            json.key("name")
            json.string(parameter.name)
            json.key("in")
            json.string(parameter.place)
            json.key("required")
            json.bool(parameter.isRequired)
            json.key("description")
            json.string(parameter.text)
            json.key("schema")
            json.raw(Array("{\"type\":\"string\"}".utf8))
        }
    }

    private static func content(_ type: String, schema: String?, to json: inout JSONWriter) {
        json.key(text: type)
        json.object { json in
            json.key("schema")
            if let schema {
                json.raw(Array("{\"$ref\":\"#/components/schemas/\(schema)\"}".utf8))
            } else {
                json.raw(Array("{}".utf8))
            }
        }
    }
}

extension PunterRoutes {
    static let schemas = """
        {"Odds":{"type":["array","null"],"prefixItems":[{"type":"integer"},{"type":"integer"}],\
        "items":false,"minItems":2,"maxItems":2},\
        "Score":{"type":["array","null"],"items":{"type":"integer"},"minItems":2,"maxItems":2},\
        "Balances":{"type":"object","required":["cash","held","openBets","owed"],"properties":{\
        "cash":{"type":"integer"},"held":{"type":"integer"},"openBets":{"type":"integer"},\
        "owed":{"type":"integer"}}},\
        "Fixture":{"type":"object","required":["id","home","away","status","inPlay","markets"],\
        "properties":{"id":{"type":"string"},"sport":{"type":"string"},"competition":{"type":"string"},\
        "home":{"type":"string"},"away":{"type":"string"},\
        "scheduled":{"type":"string","format":"date-time"},"status":{"type":"string"},\
        "inPlay":{"type":"boolean"},"score":{"$ref":"#/components/schemas/Score"},\
        "clock":{"type":["integer","null"]},"incident":{"type":"string"},\
        "lostContact":{"type":"boolean"},"markets":{"type":"array","items":{"type":"string"}}}},\
        "Fixtures":{"type":"object","required":["asOf","fixtures"],"properties":{\
        "asOf":{"type":"integer"},\
        "fixtures":{"type":"array","items":{"$ref":"#/components/schemas/Fixture"}}}},\
        "Selection":{"type":"object","required":["id","name","odds","result"],"properties":{\
        "id":{"type":"integer"},"name":{"type":"string"},"odds":{"$ref":"#/components/schemas/Odds"},\
        "result":{"type":"string"},"withdrawn":{"type":"boolean"}}},\
        "Market":{"type":"object","required":["id","fixture","name","version","status","selections"],\
        "properties":{"id":{"type":"string"},"fixture":{"type":"string"},"name":{"type":"string"},\
        "version":{"type":"integer"},"status":{"enum":["open","shut","resulted"]},\
        "reasons":{"type":"array","items":{"type":"string"}},"betDelay":{"type":"integer"},\
        "maximumStake":{"type":"integer"},"winners":{"type":"integer"},\
        "selections":{"type":"array","items":{"$ref":"#/components/schemas/Selection"}}}},\
        "MarketDetail":{"type":"object","required":["asOf","market","checksum"],"properties":{\
        "asOf":{"type":"integer"},"market":{"$ref":"#/components/schemas/Market"},\
        "checksum":{"type":"string"}}},\
        "FixtureDetail":{"type":"object","required":["asOf","fixture","markets"],"properties":{\
        "asOf":{"type":"integer"},"fixture":{"$ref":"#/components/schemas/Fixture"},\
        "markets":{"type":"array","items":{"$ref":"#/components/schemas/Market"}}}},\
        "Account":{"type":"object","required":["asOf","account","money","currency","balances"],\
        "properties":{"asOf":{"type":"integer"},"account":{"type":"string"},\
        "money":{"enum":["real","demo"]},"currency":{"type":"string"},\
        "balances":{"$ref":"#/components/schemas/Balances"}}},\
        "Session":{"type":"object","required":["signedIn"],"properties":{\
        "signedIn":{"type":"boolean"}}},\
        "Refusal":{"type":"object","required":["code","text"],"properties":{\
        "code":{"type":"string"},"text":{"type":"string"},"leg":{"type":"integer"},\
        "value":{},"threshold":{}}},\
        "Bet":{"type":"object","required":["id","status","stake"],"properties":{\
        "id":{"type":"string"},"clientId":{"type":"string","format":"uuid"},\
        "status":{"enum":["pending","open","refused","settled"]},"stake":{"type":"integer"},\
        "potentialReturn":{"type":"integer"},"payout":{"type":"integer"},\
        "refusal":{"$ref":"#/components/schemas/Refusal"}}},\
        "Bets":{"type":"object","required":["asOf","bets"],"properties":{"asOf":{"type":"integer"},\
        "bets":{"type":"array","items":{"$ref":"#/components/schemas/Bet"}}}},\
        "BetDetail":{"type":"object","required":["asOf","bet"],"properties":{\
        "asOf":{"type":"integer"},"bet":{"$ref":"#/components/schemas/Bet"}}},\
        "Placement":{"type":"object","required":["asOf","bet","balances"],"properties":{\
        "asOf":{"type":"integer"},"bet":{"$ref":"#/components/schemas/Bet"},\
        "balances":{"$ref":"#/components/schemas/Balances"}}},\
        "Statement":{"type":"object","required":["asOf","lines"],"properties":{\
        "asOf":{"type":"integer"},"lines":{"type":"array","items":{"type":"object"}}}},\
        "Slip":{"type":"object","required":["asOf","potentialReturn","minimumStake","maximumStake"],\
        "properties":{"asOf":{"type":"integer"},"potentialReturn":{"type":["integer","null"]},\
        "minimumStake":{"type":"integer"},"maximumStake":{"type":"integer"},\
        "delay":{"type":"integer"},"related":{"type":"boolean"}}},\
        "Stake":{"type":"object","required":["amount","currency"],"properties":{\
        "amount":{"type":"integer","minimum":1,"maximum":9007199254740991},\
        "currency":{"type":"string"},"kind":{"enum":["cash"]}}},\
        "LegRequest":{"type":"object","required":["market","selection","odds"],"properties":{\
        "market":{"type":"string"},"selection":{"type":"integer","minimum":0,"maximum":63},\
        "odds":{"$ref":"#/components/schemas/Odds"},"version":{"type":"integer"},\
        "score":{"$ref":"#/components/schemas/Score"},"clock":{"type":["integer","null"]}}},\
        "SlipRequest":{"type":"object","required":["stake","legs"],"properties":{\
        "stake":{"$ref":"#/components/schemas/Stake"},"legs":{"type":"array","minItems":1,\
        "maxItems":20,"items":{"$ref":"#/components/schemas/LegRequest"}}}},\
        "BetRequest":{"type":"object","required":["id","validUntil","stake","legs"],"properties":{\
        "id":{"type":"string","format":"uuid"},"validUntil":{"type":"string","format":"date-time"},\
        "stake":{"$ref":"#/components/schemas/Stake"},"structure":{"enum":["single","accumulator"]},\
        "legs":{"type":"array","minItems":1,"maxItems":20,\
        "items":{"$ref":"#/components/schemas/LegRequest"}},\
        "priceRule":{"enum":["exact","better","any"]},\
        "tolerance":{"type":"integer","minimum":0,"maximum":255},\
        "oddsFormat":{"enum":["decimal","fractional","american"]}}},\
        "Problem":{"type":"object","required":["type","title","status","code"],"properties":{\
        "type":{"type":"string"},"title":{"type":"string"},"status":{"type":"integer"},\
        "code":{"type":"string"},"detail":{"type":"string"}}}}
        """
}
