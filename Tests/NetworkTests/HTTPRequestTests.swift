import NetworkCodecs
import Testing

/// Everything that comes out when `bytes` are received in pieces of these sizes.
private func read(_ text: String, pieces: [Int], limits: HTTPLimits = HTTPLimits()) throws -> [HTTPRequest] {
    var parser = HTTPRequestParser(limits: limits)
    var waiting: [UInt8] = []
    var requests: [HTTPRequest] = []
    var rest = Array(text.utf8)[...]
    var sizes = pieces.makeIterator()
    while !rest.isEmpty {
        let size = min(sizes.next() ?? rest.count, rest.count)
        waiting += rest.prefix(size)
        rest = rest.dropFirst(size)
        scanning: while !waiting.isEmpty {
            switch try parser.next(in: waiting.span) {
            case .needMore, .wantsContinue: break scanning
            case .request(let request, let consumed):
                requests.append(request)
                waiting.removeFirst(consumed)
            }
        }
    }
    return requests
}

private func refusal(_ text: String, limits: HTTPLimits = HTTPLimits()) -> HTTPParseError? {
    do {
        _ = try read(text, pieces: [], limits: limits)
        return nil
    } catch {
        return error as? HTTPParseError
    }
}

@Suite struct `An HTTP request` {
    static let plain =
        "POST /a/b?x=1&y=%20z HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nX-Y:  v \r\n\r\nabc"
    static let chunked =
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "3\r\nabc\r\n5;e=f\r\ndefgh\r\n0\r\nT: x\r\n\r\n"

    @Test func `is read with its path, query, fields and body`() throws {
        let request = try #require(try read(Self.plain, pieces: []).first)
        #expect(request.method == .post)
        #expect(request.path == "/a/b")
        #expect(request.queryValue("y") == " z")
        #expect(request.field("x-y") == "v")
        #expect(request.body == Array("abc".utf8))
        #expect(request.keepsAlive)
    }

    @Test(arguments: 0..<plain.utf8.count + chunked.utf8.count)
    func `is the same wherever it was cut`(cut: Int) throws {
        let requests = try read(Self.plain + Self.chunked, pieces: [cut])
        #expect(requests.map { String(decoding: $0.body, as: UTF8.self) } == ["abc", "abcdefgh"])
    }

    @Test func `is the same byte by byte, pipelined`() throws {
        let text = Self.plain + Self.chunked + Self.plain
        let requests = try read(text, pieces: Array(repeating: 1, count: text.utf8.count))
        #expect(requests.count == 3)
        #expect(requests[1].body == Array("abcdefgh".utf8))
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\nHost: h\r\n\r\n", HTTPParseError.malformedLine),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\n\r\n", .malformedLine),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", .malformedLine),
        ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", .malformedRequestLine),
        ("GET / HTTP/1.1\rXHost: h\r\n\r\n", .malformedRequestLine),
        ("GET / HTTP/1.1\r\nHost: h\rA: b\r\n\r\n", .malformedLine),
        ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", .malformedRequestLine),
        ("GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", .malformedRequestLine),
        ("GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", .malformedRequestLine),
        ("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", .malformedRequestLine),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", .unsupportedVersion),
        ("GET / HTTP/1.1\r\n\r\n", .missingHost),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", .missingHost),
        ("GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", .malformedField),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\u{0}c\r\n\r\n", .malformedField),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", .ambiguousLength),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .ambiguousLength),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na", .malformedLength),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\na", .malformedLength),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 70000\r\n\r\n", .bodyTooLarge),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unsupportedTransferCoding),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", .malformedChunk),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", .malformedChunk),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\nab\r\n", .malformedChunk),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", .malformedChunk),
        ("GET / HTTP/1.1\r\nHost: h\r\nExpect: magic\r\n\r\n", .unsupportedExpectation),
    ])
    func `is refused when it could be read in two ways`(text: String, error: HTTPParseError) {
        #expect(refusal(text) == error)
    }

    @Test func `is refused when it is larger than its limits`() {
        let limits = HTTPLimits(requestLine: 20, head: 60, fields: 2, body: 4)
        #expect(refusal("GET /" + String(repeating: "a", count: 30), limits: limits) == .lineTooLong)
        #expect(
            refusal("GET / HTTP/1.1\r\nHost: " + String(repeating: "a", count: 60), limits: limits)
                == .headTooLarge)
        #expect(
            refusal("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nC: d\r\n\r\n", limits: limits)
                == .tooManyFields)
        #expect(
            refusal(
                "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", limits: limits)
                == .bodyTooLarge)
    }

    @Test(
        arguments: [
            ("GET /aaaaaaaa HTTP/1.1\r\nHost: h\r\n\r\n", nil),
            ("GET /aaaaaaaaa HTTP/1.1\r\nHost: h\r\n\r\n", HTTPParseError.lineTooLong),
            ("GET /\raaaaaaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: h\r\n\r\n", .lineTooLong),
            ("GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\nHost: h\r\n\r\n", .lineTooLong),
            ("GET / HTTP/1.1\r\nHost: " + String(repeating: "a", count: 34) + "\r\n\r\n", nil),
            (
                "GET / HTTP/1.1\r\nHost: " + String(repeating: "a", count: 35) + "\r\n\r\n",
                .headTooLarge
            ),
            ("GET / HTTP/1.1\r\nHost: " + String(repeating: "a", count: 40) + "\n", .headTooLarge),
        ] as [(String, HTTPParseError?)])
    func `is as large as its limits however it arrives`(text: String, error: HTTPParseError?) {
        let limits = HTTPLimits(requestLine: 22, head: 60, fields: 2, body: 4)
        let bytes = Array(text.utf8)
        for step in 1...bytes.count {
            var parser = HTTPRequestParser(limits: limits)
            var found: HTTPParseError?
            var length = 0
            while length < bytes.count, found == nil {
                length = min(bytes.count, length + step)
                do throws(HTTPParseError) {
                    _ = try parser.next(in: bytes.span.extracting(0..<length))
                } catch {
                    found = error
                }
            }
            #expect(found == error, "in pieces of \(step)")
        }
    }

    @Test func `asks to go on only before its body has begun`() throws {
        var parser = HTTPRequestParser()
        let head = Array("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n".utf8)
        guard case .wantsContinue = try parser.next(in: head.span) else {
            Issue.record("it did not ask")
            return
        }
        guard case .needMore = try parser.next(in: head.span) else {
            Issue.record("it asked twice")
            return
        }
        guard case .request = try parser.next(in: (head + [0x61]).span) else {
            Issue.record("it was not read")
            return
        }
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `never traps, whatever bytes come`(seed: UInt64) {
        var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
        func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        var bytes = Array((Self.plain + Self.chunked).utf8)
        for _ in 0..<Int(next() % 12) {
            bytes[Int(next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: next() >> 8)
        }
        _ = try? read(String(decoding: bytes, as: UTF8.self), pieces: [Int(next() % 60)])
    }
}

@Suite struct `A router` {
    private func router() -> Router<String> {
        var router = Router<String>()
        func add(_ method: HTTPMethod, _ path: String) {
            router.add(
                method, path, RouteDescription(path, "", tag: "t", answers: []),
                "\(method.name) \(path)")
        }
        add(.get, "/bets")
        add(.post, "/bets")
        add(.get, "/bets/{bet}")
        return router
    }

    private func find(_ method: HTTPMethod, _ path: String) -> String {
        switch router().find(method, Array(path.utf8)[...]) {
        case .route(let route, let parameters):
            route.handler + (parameters["bet"].map { " bet=\($0)" } ?? "")
        case .otherMethods(let methods): "other: " + methods.map(\.name).joined(separator: ",")
        case .nothing: "nothing"
        }
    }

    @Test func `finds by method and path, with parameters decoded`() {
        #expect(find(.get, "/bets") == "GET /bets")
        #expect(find(.head, "/bets") == "GET /bets")
        #expect(find(.get, "/bets/a%2Fb") == "GET /bets/{bet} bet=a/b")
    }

    @Test func `tells a wrong method from a wrong path`() {
        #expect(find(.delete, "/bets") == "other: GET,POST")
        #expect(find(.get, "/bet") == "nothing")
        #expect(find(.get, "/bets/") == "nothing")
        #expect(find(.get, "/bets/1/2") == "nothing")
    }
}
