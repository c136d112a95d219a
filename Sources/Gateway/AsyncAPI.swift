import JSONText
import NetworkCodecs

/// The AsyncAPI 3.0 document of a side's streams, made of the same messages and operations that are spoken.
struct AsyncAPI {
    let title: String
    let summary: String
    /// What its WebSocket says and takes, beside operations and their answers.
    let said: [StreamMessage]
    let taken: [StreamMessage]
    /// What its server-sent events say; empty where it has none.
    let events: [StreamMessage]
    /// A JSON object of everything that the messages refer to by name.
    let schemas: String
    let operations: [RouteDescription]

    func document(host: String, isSecure: Bool) -> [UInt8] {
        let asked =
            operations.filter { !$0.isAboutHTTP }.sorted { $0.operation < $1.operation }.map(
                Self.message)
        let taken = taken + asked
        var json = JSONWriter(reserving: 32_768)
        json.object { json in
            json.key("asyncapi")
            json.string("3.0.0")
            json.key("info")
            writeInfo(&json)
            json.key("defaultContentType")
            json.string("application/json")
            json.key("servers")
            json.object { json in
                Self.server("webSocket", isSecure ? "wss" : "ws", host, &json)
                if !events.isEmpty {
                    Self.server("http", isSecure ? "https" : "http", host, &json)
                }
            }
            json.key("channels")
            json.object { json in
                Self.channel("stream", "/api/v1/stream", "webSocket", said + taken, &json)
                if !events.isEmpty {
                    Self.channel("events", "/api/v1/events", "http", events, &json)
                }
            }
            json.key("operations")
            json.object { json in
                Self.operation("say", "send", "stream", said, &json)
                Self.operation("take", "receive", "stream", taken, &json)
                if !events.isEmpty {
                    Self.operation("sendEvents", "send", "events", events, &json)
                }
            }
            json.key("components")
            json.object { json in
                json.key("messages")
                json.object { json in
                    for message in said + taken { Self.write(message, &json) }
                }
                json.key("schemas")
                json.raw(Array(schemas.utf8))
            }
        }
        return json.bytes
    }

    private func writeInfo(_ json: inout JSONWriter) {
        json.object { json in
            json.key("title")
            json.string(title)
            json.key("version")
            json.string("1")
            json.key("description")
            json.string(
                summary
                    + " Money is whole minor units below 2^53, ids are text, times are RFC 3339 "
                    + "in UTC, odds are [return, stake].")
        }
    }

    private static func server(
        _ name: String, _ scheme: String, _ host: String, _ json: inout JSONWriter
    ) {
        json.key(text: name)
        json.object { json in
            json.key("host")
            json.string(host)
            json.key("protocol")
            json.string(scheme)
        }
    }

    private static func channel(
        _ name: String, _ address: String, _ server: String, _ messages: [StreamMessage],
        _ json: inout JSONWriter
    ) {
        json.key(text: name)
        json.object { json in
            json.key("address")
            json.string(address)
            json.key("servers")
            json.array { reference("#/servers/\(server)", &$0) }
            json.key("messages")
            json.object { json in
                for message in messages {
                    json.key(text: message.name)
                    reference("#/components/messages/\(message.name)", &json)
                }
            }
        }
    }

    private static func operation(
        _ name: String, _ action: String, _ channel: String, _ messages: [StreamMessage],
        _ json: inout JSONWriter
    ) {
        json.key(text: name)
        json.object { json in
            json.key("action")
            json.string(action)
            json.key("channel")
            reference("#/channels/\(channel)", &json)
            json.key("messages")
            json.array { json in
                for message in messages {
                    reference("#/channels/\(channel)/messages/\(message.name)", &json)
                }
            }
        }
    }

    private static func write(_ message: StreamMessage, _ json: inout JSONWriter) {
        json.key(text: message.name)
        json.object { json in
            json.key("name")
            json.string(message.name)
            json.key("summary")
            json.string(message.summary)
            json.key("payload")
            json.raw(Array(message.schema.utf8))
        }
    }

    private static func reference(_ path: String, _ json: inout JSONWriter) {
        json.object { json in
            json.key("$ref")
            json.string(path)
        }
    }

    /// How an operation is asked for on a WebSocket.
    private static func message(_ operation: RouteDescription) -> StreamMessage {
        var json = JSONWriter(reserving: 512)
        let parameters = operation.parameters.filter { $0.place != "header" }
        json.object { json in
            json.key("type")
            json.string("object")
            json.key("required")
            json.array { json in
                json.string("op")
                if operation.movesMoney { json.string("key") }
                if operation.body != nil { json.string("body") }
                if parameters.contains(where: \.isRequired) { json.string("parameters") }
            }
            json.key("properties")
            json.object { json in
                json.key("op")
                json.raw(Array("{\"const\":\"\(operation.operation)\"}".utf8))
                json.key("ref")
                json.raw(Array("{\"type\":\"string\"}".utf8))
                if operation.movesMoney {
                    json.key("key")
                    json.raw(Array("{\"type\":\"string\",\"format\":\"uuid\"}".utf8))
                }
                if operation.parameters.contains(where: { $0.name == "If-Match" }) {
                    json.key("match")
                    json.raw(Array("{\"type\":\"string\"}".utf8))
                }
                if !parameters.isEmpty {
                    json.key("parameters")
                    write(parameters, &json)
                }
                if let body = operation.body {
                    json.key("body")
                    reference("#/components/schemas/\(body)", &json)
                }
            }
        }
        return StreamMessage(
            name: operation.operation, summary: operation.summary + " Answered by `answer`.",
            schema: String(decoding: json.bytes, as: UTF8.self))
    }

    private static func write(
        _ parameters: [RouteDescription.Parameter], _ json: inout JSONWriter
    ) {
        json.object { json in
            json.key("type")
            json.string("object")
            json.key("required")
            json.array { json in
                for parameter in parameters where parameter.isRequired {
                    json.string(parameter.name)
                }
            }
            json.key("properties")
            json.object { json in
                for parameter in parameters {
                    json.key(text: parameter.name)
                    json.raw(Array(parameter.schema.utf8))
                }
            }
        }
    }
}

extension StreamMessages {
    /// What events say: nothing that answers a message.
    static var events: [StreamMessage] {
        said.filter { !["hello", "pong", "answer"].contains($0.name) }
    }
}
