import Testing

@testable import NetworkCodecs

@Suite("A request of HTTP/2")
struct HTTP2RequestTests {
    private let head = [
        (":method", "GET"), (":scheme", "https"), (":authority", "bets.example"), (":path", "/a?b=c"),
    ]

    private func request(
        _ fields: [(String, String)], limits: HTTPLimits = HTTPLimits()
    ) throws(HTTPParseError) -> HTTPRequest {
        var assembly = HTTP2RequestAssembly(limits: limits)
        for (name, value) in fields {
            let (name, value) = (Array(name.utf8), Array(value.utf8))
            try assembly.add(name.span, value.span)
        }
        return try assembly.request()
    }

    @Test("reads as the same request of HTTP/1.1 would")
    func reads() throws {
        let read = try request(head + [("cookie", "a=1"), ("cookie", "b=2"), ("x", " ")])
        #expect(read.method == .get)
        #expect(read.path == "/a")
        #expect(read.queryValue("b") == "c")
        #expect(read.field("host") == "bets.example")
        // Browsers send one field for each cookie (RFC 9113, 8.2.3).
        #expect(read.cookie("b") == "2")
        #expect(!read.opensTunnel && !read.isHTTP10 && read.keepsAlive)
    }

    @Test("takes the host's name from either field, but never two of them")
    func hosts() throws {
        let withHost = head.filter { $0.0 != ":authority" } + [("host", "bets.example")]
        #expect(try request(withHost).field("host") == "bets.example")
        #expect(try request(head + [("host", "bets.example")]).fields("host") == ["bets.example"])
        #expect(throws: HTTPParseError.malformedField) {
            try request(head + [("host", "elsewhere.example")])
        }
        #expect(throws: HTTPParseError.malformedField) {
            try request(withHost + [("host", "bets.example")])
        }
        #expect(throws: HTTPParseError.missingHost) {
            try request(head.filter { $0.0 != ":authority" })
        }
    }

    @Test(
        "is refused when its path is none",
        arguments: ["", "a", "*", "/a b", "/a#b", "/\u{7f}", "http://bets.example/"])
    func paths(path: String) {
        #expect(throws: HTTPParseError.malformedRequestLine) {
            try request(head.map { $0.0 == ":path" ? (":path", path) : $0 })
        }
    }

    @Test("is held against the bounds of HTTP/1.1")
    func bounds() {
        let limits = HTTPLimits(requestLine: 50, head: 500, fields: 3, body: 10)
        #expect(throws: HTTPParseError.lineTooLong) {
            try request([(":path", "/" + String(repeating: "a", count: 50))], limits: limits)
        }
        #expect(throws: HTTPParseError.tooManyFields) {
            try request(head + (0..<4).map { ("x\($0)", "") }, limits: limits)
        }
        #expect(throws: HTTPParseError.headTooLarge) {
            try request(head + [("x", String(repeating: "a", count: 600))], limits: limits)
        }
    }

    @Test("opens a tunnel for a WebSocket and for nothing else")
    func tunnels() throws {
        let connect = head.map { $0.0 == ":method" ? (":method", "CONNECT") : $0 }
        let tunnel = try request(connect + [(":protocol", "websocket")])
        #expect(tunnel.opensTunnel && tunnel.method == .get)
        #expect(throws: HTTPParseError.malformedRequestLine) { try request(connect) }
        #expect(throws: HTTPParseError.malformedRequestLine) {
            try request(connect + [(":protocol", "connect-udp")])
        }
    }

    @Test(
        "is refused when a field's name or value is none",
        arguments: [
            ("hOst", "a"), ("", "a"), ("a b", "c"), ("a", "b\r\nc"), ("a", "b\0"), ("a:", "b"),
        ])
    func fields(name: String, value: String) {
        #expect(throws: HTTPParseError.malformedField) { try request(head + [(name, value)]) }
    }

    @Test("knows one expectation")
    func expectations() throws {
        #expect(try request(head + [("expect", "100-Continue")]).expectsContinue)
        #expect(throws: HTTPParseError.unsupportedExpectation) {
            try request(head + [("expect", "wonders")])
        }
    }
}
