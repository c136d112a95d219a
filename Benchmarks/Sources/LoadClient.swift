import CEpoll
import CSystem
import Foundation
import Glibc
import Kernel

/// The project's load client, closed loop: `connections` WebSockets that each send, wait for the answer and send again.
///
/// `bet` mode signs in, follows a market's prices and its own bets, and places bets on it; `echo` mode sends what it is told to any echo server, so that
/// a peer and our own server are driven by the same client.
enum LoadClient {
    struct Options {
        var port: UInt16 = 8080
        var connections = 64
        var seconds = 3.0
        var path = "/api/v1/stream"
        var size = 200
        var isBet = true
    }

    private struct Connection {
        var descriptor: Int32
        var input: [UInt8] = []
        var sent: UInt64 = 0
        var number: UInt64 = 0
    }

    /// One blocking request; head and body.
    /// The cookie of a new demo account; ends the program when there is none.
    static func signIn(_ port: UInt16) -> String {
        let key = ExternalID(
            milliseconds: gs_wall_nanoseconds() / 1_000_000,
            random: (UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max)))
        let answer = request(
            port,
            "POST /api/v1/demo HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nOrigin: http://127.0.0.1:\(port)\r\n"
                + "Idempotency-Key: \"\(key)\"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        guard let cookie = between(answer, "set-cookie: ", ";") else {
            print("nobody can sign in: \(answer.prefix(300))")
            exit(1)
        }
        return cookie
    }

    static func request(_ port: UInt16, _ text: String) -> String {
        let descriptor = dial(port)
        defer { close(descriptor) }
        _ = send(descriptor, text, text.utf8.count, 0)
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count <= 0 { break }
            answer += chunk[0..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    static func dial(_ port: UInt16) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            print("cannot connect to port \(port)")
            exit(1)
        }
        _ = gs_set_nodelay(descriptor)
        return descriptor
    }

    static func between(_ text: String, _ start: String, _ end: String) -> String? {
        guard let from = text.range(of: start) else { return nil }
        let rest = text[from.upperBound...]
        guard let to = rest.range(of: end) else { return nil }
        return String(rest[..<to.lowerBound])
    }

    static func run(_ options: Options) {
        let port = options.port
        var cookies: [String] = []
        var template = (head: "", tail: "", market: 0)
        if options.isBet {
            for _ in 0..<options.connections {
                cookies.append(signIn(port))
            }
            template = betTemplate(port)
        }
        var connections = (0..<options.connections).map { index in
            let descriptor = dial(port)
            shakeHands(descriptor, port, options.path, cookie: options.isBet ? cookies[index] : nil)
            if options.isBet {
                let topics = frame(Array("{\"op\":\"subscribe\",\"topics\":[\"bets\",\"market/\(template.market)\"]}".utf8))
                _ = send(descriptor, topics, topics.count, 0)
            }
            return Connection(descriptor: descriptor)
        }
        drive(&connections, options, (template.head, template.tail))
    }

    static func shakeHands(_ descriptor: Int32, _ port: UInt16, _ path: String, cookie: String?) {
        var head = "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nOrigin: http://127.0.0.1:\(port)\r\n"
        head += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        if let cookie { head += "Cookie: \(cookie)\r\n" }
        head += "\r\n"
        _ = send(descriptor, head, head.utf8.count, 0)
        var got: [UInt8] = []
        var byte: UInt8 = 0
        while !got.suffix(4).elementsEqual([13, 10, 13, 10]) {
            guard recv(descriptor, &byte, 1, 0) == 1 else {
                print("the handshake failed: \(String(decoding: got, as: UTF8.self))")
                exit(1)
            }
            got.append(byte)
        }
    }

    /// A market that stays open through the run, and a bet on it with holes for id and deadline.
    private static func betTemplate(_ port: UInt16) -> (head: String, tail: String, market: Int) {
        let (market, odds) = openMarket(port)
        let until = rfc3339(gs_wall_nanoseconds() / 1_000_000_000 + 55)
        return (
            "{\"op\":\"place\",\"validUntil\":\"\(until)\",\"stake\":{\"amount\":10,\"currency\":\"EUR\",\"kind\":\"cash\"},\"structure\":\"single\",\"priceRule\":\"any\",\"tolerance\":255,\"legs\":[{\"market\":\"\(market)\",\"selection\":0,\"odds\":[\(odds)]}],\"id\":\"",
            "\"}", market
        )
    }

    /// One that stays open through the run, and the odds of its first selection, as JSON has them.
    static func openMarket(_ port: UInt16) -> (id: Int, odds: String) {
        for market in 0..<60 {
            let answer = request(
                port, "GET /api/v1/markets/\(market) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n\r\n")
            guard answer.contains("\"status\":\"open\""), let odds = between(answer, "\"odds\":[", "]") else { continue }
            return (market, odds)
        }
        print("no market is open")
        exit(1)
    }

    static func rfc3339(_ second: Int64) -> String {
        var time = time_t(second)
        var parts = tm()
        gmtime_r(&time, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let count = strftime(&text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: text.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    fileprivate static func frame(_ payload: [UInt8]) -> [UInt8] { masked(payload, key: [0, 0, 0, 0]) }

    static func masked(_ payload: [UInt8], key: [UInt8]) -> [UInt8] {
        var out: [UInt8] = [0x81]
        if payload.count < 126 {
            out.append(0x80 | UInt8(payload.count))
        } else {
            out += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        }
        out += key
        for (index, byte) in payload.enumerated() { out.append(byte ^ key[index % 4]) }
        return out
    }

    /// The frames of a run: an echo's is always the same, a bet's has its client id written into it.
    private struct Frames {
        private var bytes: [UInt8]
        private let idOffset: Int
        private let run: UInt64

        init(echo size: Int) {
            bytes = frame((0..<size).map { UInt8(97 + $0 % 26) })
            idOffset = -1
            run = 0
        }

        init(bet template: (head: String, tail: String), run: UInt64) {
            let blank = [UInt8](repeating: 0x30, count: 32)
            bytes = frame(Array(template.head.utf8) + blank + Array(template.tail.utf8))
            idOffset = bytes.count - template.tail.utf8.count - 32
            self.run = run
        }

        /// The bytes to send as the connection's next question.
        mutating func next(_ connection: Int, _ number: UInt64, _ body: (UnsafeRawBufferPointer) -> Void) {
            if idOffset >= 0 {
                let id = ExternalID(
                    milliseconds: gs_wall_nanoseconds() / 1_000_000, random: (run, number << 16 | UInt64(connection)))
                write(id.high, at: idOffset)
                write(id.low, at: idOffset + 16)
            }
            bytes.withUnsafeBytes(body)
        }

        private mutating func write(_ word: UInt64, at offset: Int) {
            for position in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - position * 4) & 15)
                bytes[offset + position] = digit < 10 ? 0x30 + digit : 0x57 + digit
            }
        }
    }

    private static func drive(
        _ connections: inout [Connection], _ options: Options, _ template: (head: String, tail: String)
    ) {
        let marker = Array("\"type\":\"bet\"".utf8)
        let refusalMarker = Array("\"refusal\"".utf8)
        var frames =
            options.isBet ? Frames(bet: template, run: UInt64(gs_wall_nanoseconds())) : Frames(echo: options.size)
        var refused = 0

        func ask(_ index: Int) {
            connections[index].number += 1
            connections[index].sent = EngineBench.now()
            let descriptor = connections[index].descriptor
            frames.next(index, connections[index].number) { bytes in
                guard send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
                    print("a send was cut short")
                    exit(1)
                }
            }
        }

        /// Whether the frame answers a question.
        func isAnswer(_ body: UnsafeRawBufferPointer) -> Bool {
            guard options.isBet else { return true }
            guard contains(body, marker) else { return false }
            if contains(body, refusalMarker) { refused += 1 }
            return true
        }

        let epoll = epoll_create1(0)
        for (index, connection) in connections.enumerated() {
            var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u32: UInt32(index)))
            epoll_ctl(epoll, EPOLL_CTL_ADD, connection.descriptor, &event)
        }
        var events = [epoll_event](repeating: epoll_event(), count: 1024)
        var latencies: [UInt32] = []
        latencies.reserveCapacity(4_000_000)
        let warm = EngineBench.now() + 500_000_000
        let end = warm + UInt64(options.seconds * 1e9)
        var began: UInt64 = 0
        var room = [UInt8](repeating: 0, count: 65_536)
        for index in connections.indices { ask(index) }
        while true {
            let time = EngineBench.now()
            if time >= end { break }
            if began == 0, time >= warm {
                began = time
                latencies.removeAll(keepingCapacity: true)
            }
            let ready = epoll_wait(epoll, &events, Int32(events.count), 100)
            for slot in 0..<max(0, Int(ready)) {
                let index = Int(events[slot].data.u32)
                // What an earlier read left unfinished stands before what comes now.
                let kept = connections[index].input.count
                if kept > 0 { room.replaceSubrange(0..<kept, with: connections[index].input) }
                let count = room.withUnsafeMutableBytes {
                    recv(connections[index].descriptor, $0.baseAddress! + kept, $0.count - kept, 0)
                }
                guard count > 0 else {
                    print("the server closed a connection")
                    exit(1)
                }
                let answers = room.withUnsafeBytes { all in
                    var answers = 0
                    let used = forEachFrame(UnsafeRawBufferPointer(rebasing: all[0..<kept + count])) {
                        if isAnswer($0) { answers += 1 }
                    }
                    connections[index].input = used < kept + count ? Array(all[used..<kept + count]) : []
                    return answers
                }
                for _ in 0..<answers {
                    latencies.append(UInt32(min(UInt64(UInt32.max), EngineBench.now() - connections[index].sent)))
                    ask(index)
                }
            }
        }
        let took = Double(EngineBench.now() - began) / 1e9
        latencies.sort()
        guard !latencies.isEmpty else {
            print("no answer came")
            exit(1)
        }
        print(
            "{\"rps\":\(Double(latencies.count) / took),\"p50_us\":\(Double(latencies[latencies.count / 2]) / 1000),"
                + "\"p99_us\":\(Double(latencies[latencies.count * 99 / 100]) / 1000),\"refused\":\(refused)}")
    }

    /// Visits the whole frames at the front of `bytes`; answers how many bytes they took.
    static func forEachFrame(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) -> Int {
        var used = 0
        while bytes.count - used >= 2 {
            var length = Int(bytes[used + 1] & 127)
            var header = 2
            if length == 126 {
                guard bytes.count - used >= 4 else { break }
                length = Int(bytes[used + 2]) << 8 | Int(bytes[used + 3])
                header = 4
            }
            guard bytes.count - used >= header + length else { break }
            body(UnsafeRawBufferPointer(rebasing: bytes[used + header..<used + header + length]))
            used += header + length
        }
        return used
    }

    private static func contains(_ bytes: UnsafeRawBufferPointer, _ wanted: [UInt8]) -> Bool {
        gs_find(bytes.baseAddress, bytes.count, wanted, wanted.count) != nil
    }
}
