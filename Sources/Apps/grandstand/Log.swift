import CSystem
import JSONText
import Kernel

/// Structured logs on standard error: one JSON object a line. No secret and no personal data goes in.
enum Log {
    static func info(_ event: String, _ fields: [(String, String)] = []) {
        write("info", event, fields)
    }

    /// Somebody should look, and nothing is broken.
    static func warning(_ event: String, _ fields: [(String, String)] = []) {
        write("warning", event, fields)
    }

    static func error(_ event: String, _ fields: [(String, String)] = []) {
        write("error", event, fields)
    }

    private static func write(_ level: String, _ event: String, _ fields: [(String, String)]) {
        var json = JSONWriter()
        json.object { json in
            json.key("time")
            json.string(Timestamp(nanoseconds: gs_wall_nanoseconds()).description)
            json.key("level")
            json.string(level)
            json.key("event")
            json.string(event)
            for (key, value) in fields {
                json.key(text: key)
                json.string(value)
            }
        }
        complain(String(decoding: json.bytes, as: UTF8.self))
    }
}
