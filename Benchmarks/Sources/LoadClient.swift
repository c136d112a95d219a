import CSystem
import Foundation
import Glibc

/// The project's load client, closed loop: `connections` WebSockets that each send, wait for the answer and send again.
///
/// `bet` mode signs in, finds a market and places bets; `echo` mode sends what it is told to any echo server, so that
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
    private static func request(_ port: UInt16, _ text: String) -> String {
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

    private static func dial(_ port: UInt16) -> Int32 {
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

    private static func between(_ text: String, _ start: String, _ end: String) -> String? {
        guard let from = text.range(of: start) else { return nil }
        let rest = text[from.upperBound...]
        guard let to = rest.range(of: end) else { return nil }
        return String(rest[..<to.lowerBound])
    }

    static func run(_ options: Options) {
        let port = options.port
        var cookies: [String] = []
        var template = (head: "", tail: "")
        if options.isBet {
            for _ in 0..<options.connections {
                let answer = request(
                    port,
                    "POST /api/v1/demo HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nOrigin: http://127.0.0.1:\(port)\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                )
                cookies.append(between(answer, "set-cookie: ", ";") ?? "")
            }
            template = betTemplate(port)
        }
        var connections = (0..<options.connections).map { index in
            let descriptor = dial(port)
            var head = "GET \(options.path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nOrigin: http://127.0.0.1:\(port)\r\n"
            head += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            if options.isBet { head += "Cookie: \(cookies[index])\r\n" }
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
            return Connection(descriptor: descriptor)
        }
        drive(&connections, options, template)
    }

    /// A market that stays open through the run, and a bet on it with holes for id and deadline.
    private static func betTemplate(_ port: UInt16) -> (head: String, tail: String) {
        for market in 0..<60 {
            let answer = request(
                port, "GET /api/v1/markets/\(market) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n\r\n")
            guard answer.contains("\"status\":\"open\""), let odds = between(answer, "\"odds\":[", "]") else { continue }
            let until = rfc3339(gs_wall_nanoseconds() / 1_000_000_000 + 55)
            return (
                "{\"op\":\"place\",\"validUntil\":\"\(until)\",\"stake\":{\"amount\":10,\"currency\":\"EUR\",\"kind\":\"cash\"},\"structure\":\"single\",\"priceRule\":\"any\",\"tolerance\":255,\"legs\":[{\"market\":\"\(market)\",\"selection\":0,\"odds\":[\(odds)]}],\"id\":\"",
                "\"}"
            )
        }
        print("no market is open")
        exit(1)
    }

    private static func rfc3339(_ second: Int64) -> String {
        var time = time_t(second)
        var parts = tm()
        gmtime_r(&time, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let count = strftime(&text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: text.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func frame(_ payload: [UInt8]) -> [UInt8] {
        var out: [UInt8] = [0x81]
        if payload.count < 126 {
            out.append(0x80 | UInt8(payload.count))
        } else {
            out += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        }
        out += [0, 0, 0, 0]
        return out + payload
    }

    private static func drive(
        _ connections: inout [Connection], _ options: Options, _ template: (head: String, tail: String)
    ) {
        let digits = Array("0123456789abcdef".utf8)
        let head = Array(template.head.utf8)
        let tail = Array(template.tail.utf8)
        let echo = frame((0..<options.size).map { UInt8(97 + $0 % 26) })
        let marker = Array("\"type\":\"bet\"".utf8)
        let refusalMarker = Array("\"refusal\"".utf8)
        var refused = 0
        let run = UInt64(gs_wall_nanoseconds())

        func message(_ index: Int, _ number: UInt64) -> [UInt8] {
            guard options.isBet else { return echo }
            var id: [UInt8] = []
            let words = [run ^ UInt64(index) << 40, number << 16 | UInt64(index)]
            for position in 0..<32 {
                id.append(digits[Int(words[position / 16] >> UInt64(60 - position % 16 * 4) & 15)])
            }
            return frame(head + id + tail)
        }

        func ask(_ index: Int) {
            connections[index].number += 1
            connections[index].sent = EngineBench.now()
            let bytes = message(index, connections[index].number)
            guard send(connections[index].descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
                print("a send was cut short")
                exit(1)
            }
        }

        var polls = connections.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        var latencies: [UInt32] = []
        latencies.reserveCapacity(4_000_000)
        let warm = EngineBench.now() + 500_000_000
        let end = warm + UInt64(options.seconds * 1e9)
        var began: UInt64 = 0
        var chunk = [UInt8](repeating: 0, count: 65_536)
        for index in connections.indices { ask(index) }
        while true {
            let time = EngineBench.now()
            if time >= end { break }
            if began == 0, time >= warm {
                began = time
                latencies.removeAll(keepingCapacity: true)
            }
            poll(&polls, nfds_t(polls.count), 100)
            for index in polls.indices where polls[index].revents != 0 {
                let count = recv(polls[index].fd, &chunk, chunk.count, 0)
                guard count > 0 else {
                    print("the server closed a connection")
                    exit(1)
                }
                connections[index].input += chunk[0..<count]
                var used = 0
                var answers = 0
                let input = connections[index].input
                while input.count - used >= 2 {
                    var length = Int(input[used + 1] & 127)
                    var header = 2
                    if length == 126 {
                        guard input.count - used >= 4 else { break }
                        length = Int(input[used + 2]) << 8 | Int(input[used + 3])
                        header = 4
                    }
                    guard input.count - used >= header + length else { break }
                    if options.isBet {
                        let body = input[used + header..<used + header + length]
                        if contains(body, marker) {
                            answers += 1
                            if contains(body, refusalMarker) { refused += 1 }
                        }
                    } else {
                        answers += 1
                    }
                    used += header + length
                }
                connections[index].input.removeFirst(used)
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

    private static func contains(_ bytes: ArraySlice<UInt8>, _ wanted: [UInt8]) -> Bool {
        guard bytes.count >= wanted.count else { return false }
        return bytes.withUnsafeBytes { haystack in
            var start = 0
            while start + wanted.count <= haystack.count {
                var matched = 0
                while matched < wanted.count, haystack[start + matched] == wanted[matched] {
                    matched += 1
                }
                if matched == wanted.count { return true }
                start += 1
            }
            return false
        }
    }
}
