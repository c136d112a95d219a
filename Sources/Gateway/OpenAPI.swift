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
                    json.bool(!description.isBodyOptional)
                    json.key("content")
                    json.object { content("application/json", schema: body, to: &$0) }
                }
            }
            if let role = description.role {
                json.key("x-role")
                json.string(role)
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
                            let isProblem = description.problems.contains {
                                $0.0 == answer.status
                            }
                            json.object { json in
                                content(answer.contentType, schema: answer.schema, to: &json)
                                if isProblem {
                                    content(
                                        "application/problem+json", schema: "Problem", to: &json)
                                }
                            }
                        }
                        write(answer.links, to: &json)
                    }
                }
                writeProblems(description, method, to: &json)
            }
        }
    }

    private static func write(
        _ links: [RouteDescription.Answer.Link], to json: inout JSONWriter
    ) {
        guard !links.isEmpty else { return }
        json.key("links")
        json.object { json in
            for link in links {
                json.key(text: link.operation + link.pointer.split(separator: "/").joined())
                json.object { json in
                    json.key("operationId")
                    json.string(link.operation)
                    json.key("parameters")
                    json.object { json in
                        json.key(text: link.parameter)
                        json.string("$response.body#" + link.pointer)
                    }
                }
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
        if description.role != nil { all.append((403, "role_missing")) }
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
            json.raw(Array(parameter.schema.utf8))
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
