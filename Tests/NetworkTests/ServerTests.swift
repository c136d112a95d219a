import Foundation
import Glibc
import NetworkCodecs
import NetworkLoops
import Synchronization
import SystemThreads
import Testing

/// A server on a port of its own, for one test.
private final class Fixture: @unchecked Sendable {
    let loop: Loop
    private(set) var port: UInt16 = 0
    private var listener: Listener?
    private let server: HTTPServer

    init(room: WaitingRoom = WaitingRoom()) throws {
        loop = Loop(room: room)
        server = HTTPServer(timeouts: HTTPTimeouts(request: 1000, idle: 2000))
        let description = RouteDescription("t", "t", tag: "t", answers: [])
        server.router.add(.get, "/now", description, .immediate { _ in .text(200, "now") })
        server.router.add(
            .get, "/async", description,
            .asynchronous { _ in
                await Task.yield()
                return .text(200, "later")
            })
        server.router.add(
            .post, "/echo", description,
            .immediate { .json(200, $0.request.body) })
        server.router.add(
            .get, "/stream", description,
            .deferred { _, responder in
                let stream = responder.stream(HTTPResponse(status: 200))
                for word in ["one", "two"] { _ = stream?.write(Array(word.utf8).span) }
                stream?.finish()
            })
        // As much as one connection may let wait for itself.
        let large = [UInt8](repeating: 0x61, count: 900_000)
        server.router.add(
            .get, "/large", description, .immediate { _ in .json(200, large) })
        let server = self.server
        listener = try Listener(
            loop: loop, host: "127.0.0.1", port: 0, admission: Admission(maximum: 20)
        ) { server.accept($0) }
        port = listener!.port
        loop.start(name: "test-loop")
    }

    /// Requests that were carried out.
    var requests: UInt64 {
        let found = Mutex(UInt64(0))
        let isDone = DispatchSemaphore(value: 0)
        loop.post { [self] in
            found.withLock { $0 = server.requests }
            isDone.signal()
        }
        isDone.wait()
        return found.withLock { $0 }
    }

    /// Bytes that wait on the loop, and connections that were cut for them.
    var waiting: (bytes: Int, cut: UInt64) {
        let found = Mutex((0, UInt64(0)))
        let isDone = DispatchSemaphore(value: 0)
        loop.post { [self] in
            found.withLock { $0 = (loop.waitingBytes, loop.cutForWaiting) }
            isDone.signal()
        }
        isDone.wait()
        return found.withLock { $0 }
    }

    func drain() { loop.post { [self] in server.drain() } }
    func stop() { loop.stop() }

    func dial() -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        _ = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return descriptor
    }

    /// Everything the server says to `bytes` until it closes or a second is quiet.
    func talk(_ pieces: [[UInt8]], thenShut: Bool = false) -> String {
        let descriptor = dial()
        defer { close(descriptor) }
        var wait = timeval(tv_sec: 0, tv_usec: 400_000)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        for piece in pieces {
            _ = send(descriptor, piece, piece.count, Int32(MSG_NOSIGNAL))
            if pieces.count > 1 { usleep(2000) }
        }
        if thenShut { shutdown(descriptor, Int32(SHUT_WR)) }
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count <= 0 { break }
            answer += chunk[0..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    func talk(_ text: String) -> String { talk([Array(text.utf8)]) }
}

@Suite(.serialized) struct `A server on a real socket` {
    @Test func `answers pipelined requests in their order, slow ones too`() throws {
        let fixture = try Fixture()
        defer { fixture.stop() }
        let answer = fixture.talk(
            "GET /async HTTP/1.1\r\nHost: h\r\n\r\nGET /now HTTP/1.1\r\nHost: h\r\n\r\n"
                + "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}")
        let bodies = answer.components(separatedBy: "\r\n\r\n")
        #expect(bodies.count == 4)
        #expect(bodies[1].hasPrefix("later"))
        #expect(bodies[2].hasPrefix("now"))
        #expect(bodies[3] == "{}")
    }

    @Test func `gives HEAD the head of GET, and OPTIONS the methods`() throws {
        let fixture = try Fixture()
        defer { fixture.stop() }
        let head = fixture.talk("HEAD /now HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(head.contains("content-length: 3\r\n") && head.hasSuffix("\r\n\r\n"))
        #expect(fixture.talk("OPTIONS /echo HTTP/1.1\r\nHost: h\r\n\r\n").contains("allow: POST, OPTIONS"))
        #expect(fixture.talk("DELETE /echo HTTP/1.1\r\nHost: h\r\n\r\n").contains("405 Method"))
    }

    @Test func `streams in chunks`() throws {
        let fixture = try Fixture()
        defer { fixture.stop() }
        let answer = fixture.talk("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(answer.hasSuffix("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"))
    }

    @Test func `streams to HEAD the head alone, and to HTTP/1.0 without chunks`() throws {
        let fixture = try Fixture()
        defer { fixture.stop() }
        let head = fixture.talk("HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\nGET /now HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(head.components(separatedBy: "HTTP/1.1 200").count == 3)
        #expect(!head.contains("one") && head.hasSuffix("now"))
        let old = fixture.talk("GET /stream HTTP/1.0\r\nHost: h\r\n\r\n")
        #expect(old.hasSuffix("\r\n\r\nonetwo") && !old.contains("chunked"))
    }

    @Test func `answers who closed its side after asking`() throws {
        let fixture = try Fixture()
        defer { fixture.stop() }
        let answer = fixture.talk(
            [Array("GET /async HTTP/1.1\r\nHost: h\r\n\r\n".utf8)], thenShut: true)
        #expect(answer.hasPrefix("HTTP/1.1 200") && answer.hasSuffix("later"))
    }

    @Test func `turns away whom it has no room for, with a sentence`() throws {
        let fixture = try Fixture()
        defer { fixture.stop() }
        let idle = (0..<20).map { _ in fixture.dial() }
        defer { for descriptor in idle { close(descriptor) } }
        usleep(100_000)
        let answer = fixture.talk("GET /now HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 503") && answer.contains("too_many_connections"))
    }

    @Test func `counts what waits for clients who do not read, and forgets it with them`() throws {
        let fixture = try Fixture()
        defer { fixture.stop() }
        let request = Array("GET /large HTTP/1.1\r\nhost: a\r\n\r\n".utf8)
        let clients = (0..<4).map { _ in fixture.dial() }
        for client in clients { _ = send(client, request, request.count, 0) }
        while fixture.waiting.bytes < 1_000_000 { usleep(5000) }
        // Two leave; two read everything after all.
        for client in clients[0..<2] { close(client) }
        var chunk = [UInt8](repeating: 0, count: 65_536)
        for client in clients[2...] {
            var left = 900_000
            while left > 0 {
                let count = recv(client, &chunk, chunk.count, 0)
                try #require(count > 0)
                left -= count
            }
            close(client)
        }
        while fixture.waiting.bytes > 0 { usleep(5000) }
        #expect(fixture.waiting.cut == 0)
    }

    @Test func `cuts whoever would make too much wait over all clients together`() throws {
        let fixture = try Fixture(room: WaitingRoom(most: 1_000_000))
        defer { fixture.stop() }
        let request = Array("GET /large HTTP/1.1\r\nhost: a\r\n\r\n".utf8)
        let clients = (0..<4).map { _ in fixture.dial() }
        defer { for client in clients { close(client) } }
        for client in clients { _ = send(client, request, request.count, 0) }
        while fixture.waiting.cut == 0 { usleep(5000) }
        #expect(fixture.waiting.bytes <= 1_000_000)
        #expect(fixture.talk("GET /now HTTP/1.1\r\nhost: a\r\n\r\n").hasSuffix("now"))
    }

    @Test func `counts what waits over all loops that share the room`() throws {
        let room = WaitingRoom(most: 3_000_000)
        let fixtures = [try Fixture(room: room), try Fixture(room: room)]
        defer { for fixture in fixtures { fixture.stop() } }
        let request = Array("GET /large HTTP/1.1\r\nhost: a\r\n\r\n".utf8)
        var clients: [Int32] = []
        defer { for client in clients { close(client) } }
        for fixture in fixtures {
            while fixture.waiting.cut == 0 {
                clients.append(fixture.dial())
                _ = send(clients.last!, request, request.count, 0)
                usleep(20_000)
            }
        }
        #expect(fixtures.reduce(0) { $0 + $1.waiting.bytes } <= 3_000_000)
        for client in clients { close(client) }
        clients = []
        // What nobody waits for any more is free for all.
        for fixture in fixtures {
            while fixture.waiting.bytes > 0 { usleep(5000) }
        }
        let before = fixtures[1].waiting.cut
        clients.append(fixtures[1].dial())
        _ = send(clients[0], request, request.count, 0)
        while fixtures[1].waiting.bytes == 0 { usleep(5000) }
        #expect(fixtures[1].waiting.cut == before)
    }

    @Test func `asks nothing of what comes behind a last request`() throws {
        let fixture = try Fixture()
        defer { fixture.stop() }
        let before = fixture.requests
        let answer = fixture.talk(
            "GET /now HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
                + "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}")
        #expect(answer.hasSuffix("now"))
        #expect(fixture.requests == before + 1)
    }

    @Test func `answers a thousand pipelined slow requests in order`() throws {
        let fixture = try Fixture()
        defer { fixture.stop() }
        let all = (0..<1000).map { index in
            index % 2 == 0
                ? "GET /async HTTP/1.1\r\nHost: h\r\n\r\n"
                : "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n\(10_000 + index)"
        }.joined()
        let answer = fixture.talk(all)
        let echoed = answer.components(separatedBy: "\r\n\r\n").compactMap { Int($0.prefix(5)) }
        #expect(echoed == stride(from: 10_001, to: 11_000, by: 2).map { $0 })
        #expect(answer.components(separatedBy: "later").count == 501)
    }

    @Test func `lets a refused client read why, though it goes on sending`() throws {
        let fixture = try Fixture()
        defer { fixture.stop() }
        let head = Array("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n".utf8)
        let answer = fixture.talk([head] + Array(repeating: [UInt8](repeating: 65, count: 20_000), count: 8))
        #expect(answer.hasPrefix("HTTP/1.1 413"))
        #expect(answer.contains("body_too_large"))
        #expect(answer.contains("connection: close"))
    }

    @Test func `cuts who does not finish a request in time, and says so`() throws {
        let fixture = try Fixture()
        defer { fixture.stop() }
        var answer = ""
        for _ in 0..<8 where !answer.hasPrefix("HTTP/1.1 408") {
            answer = fixture.talk([Array("GET /now HT".utf8), [], [], []] + Array(repeating: [], count: 1000))
        }
        #expect(answer.hasPrefix("HTTP/1.1 408"))
    }

    @Test func `finishes what was begun when it drains, and closes`() throws {
        let fixture = try Fixture()
        defer { fixture.stop() }
        fixture.drain()
        usleep(50_000)
        let answer = fixture.talk("GET /async HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(answer.contains("connection: close"))
        #expect(answer.hasSuffix("later"))
    }
}
