import CEpoll
import CSystem
import Foundation
import Glibc

/// One message to many: `connections` WebSockets on one topic, one publication a round, and the time until the last of them has it.
///
/// The same client drives our server (a market that the desk shuts and opens) and peers (a POST whose body goes to all).
enum FanOutClient {
    struct Options {
        var port: UInt16 = 8080
        var path = "/api/v1/stream"
        /// What a client says first; empty for peers.
        var greeting = ""
        var publishPort: UInt16 = 8081
        /// Whole requests, taken in turn.
        var publications: [[UInt8]] = []
        var connections = 1000
        var rounds = 30
        /// Bytes of a payload from which on it is a publication.
        var fewest = 100
        /// The server, whose processor time is read.
        var process: Int32 = 0
        /// How many of the connections stop reading.
        var stopped = 0
    }

    private struct Client {
        var descriptor: Int32
        /// Bytes of a payload that are still to come.
        var left = 0
        var header: [UInt8] = []
        var isPublication = false
    }

    /// A publication by a peer's own means: its body goes to everybody.
    static func post(_ path: String, _ port: UInt16, size: Int) -> [UInt8] {
        let head =
            "POST \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nContent-Type: text/plain\r\nContent-Length: \(size)\r\n\r\n"
        return Array(head.utf8) + (0..<size).map { UInt8(97 + $0 % 26) }
    }

    /// The desk shuts or opens a market.
    static func desk(_ verb: String, _ market: String, _ port: UInt16, _ cookie: String) -> [UInt8] {
        let body = "{\"reason\":\"bench\"}"
        return Array(
            ("POST /api/v1/markets/\(market)/\(verb) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nOrigin: http://127.0.0.1:\(port)\r\n"
                + "Cookie: \(cookie)\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)").utf8)
    }

    static func cpuSeconds(_ process: Int32) -> Double {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return 0 }
        let fields = text[end...].split(separator: " ")
        return Double((Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0)) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    static func run(_ options: Options) {
        _ = gs_raise_open_files()
        var clients = (0..<options.connections).map { _ in open(options) }
        let publisher = LoadClient.dial(options.publishPort)
        let epoll = epoll_create1(0)
        for index in clients.indices where index >= options.stopped {
            var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u32: UInt32(index)))
            epoll_ctl(epoll, EPOLL_CTL_ADD, clients[index].descriptor, &event)
        }
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u32: .max))
        epoll_ctl(epoll, EPOLL_CTL_ADD, publisher, &event)
        var events = [epoll_event](repeating: epoll_event(), count: 1024)
        var room = [UInt8](repeating: 0, count: 65_536)
        let reading = clients.count - options.stopped
        var lasts: [UInt64] = []
        var all: [UInt32] = []
        all.reserveCapacity(reading * options.rounds)

        /// Reads until `wanted` publications came, or nothing more for `quiet` milliseconds.
        func read(_ wanted: Int, since start: UInt64, quiet: Int32) -> Int {
            var got = 0
            while got < wanted {
                let ready = epoll_wait(epoll, &events, Int32(events.count), quiet)
                if ready <= 0 { return got }
                let time = EngineBench.now()
                for slot in 0..<Int(ready) {
                    let index = events[slot].data.u32
                    let descriptor = index == .max ? publisher : clients[Int(index)].descriptor
                    let count = recv(descriptor, &room, room.count, Int32(MSG_DONTWAIT))
                    if count < 0, errno == EAGAIN { continue }
                    guard count > 0 else {
                        print("the server closed a connection")
                        exit(1)
                    }
                    guard index != .max else { continue }
                    let fresh = take(&clients[Int(index)], room, count, options.fewest)
                    got += fresh
                    for _ in 0..<fresh { all.append(UInt32(min(UInt64(UInt32.max), (time - start) / 1000))) }
                }
            }
            return got
        }

        // A greeting and an image each, to begin with.
        if !options.greeting.isEmpty, read(2 * reading, since: EngineBench.now(), quiet: 10_000) < 2 * reading {
            print("not every client was told what the market is")
            exit(1)
        }
        var cpu = 0.0
        for round in -3..<options.rounds {
            if round == 0 {
                cpu = cpuSeconds(options.process)
                lasts = []
                all.removeAll(keepingCapacity: true)
            }
            let request = options.publications[(round + 4) % options.publications.count]
            let start = EngineBench.now()
            guard send(publisher, request, request.count, 0) == request.count else {
                print("a publication was cut short")
                exit(1)
            }
            let got = read(reading, since: start, quiet: 10_000)
            guard got == reading else {
                print("\(got) of \(reading) clients got the message")
                exit(1)
            }
            lasts.append(EngineBench.now() - start)
        }
        let used = cpuSeconds(options.process) - cpu
        lasts.sort()
        all.sort()
        let deliveries = Double(reading * options.rounds)
        let active = Double(lasts.reduce(0, +)) / 1e9
        print(
            "{\"deliveries_per_cpu_s\":\(used > 0 ? deliveries / used : 0),\"us_per_delivery\":\(used * 1e6 / deliveries),"
                + "\"last_p50_ms\":\(Double(lasts[lasts.count / 2]) / 1e6),\"last_p99_ms\":\(Double(lasts[lasts.count * 99 / 100]) / 1e6),"
                + "\"p99_ms\":\(Double(all[all.count * 99 / 100]) / 1e3),\"deliveries_per_s\":\(deliveries / active)}")
    }

    private static func open(_ options: Options) -> Client {
        let descriptor = LoadClient.dial(options.port)
        LoadClient.shakeHands(descriptor, options.port, options.path, cookie: nil)
        if !options.greeting.isEmpty {
            let frame = LoadClient.masked(Array(options.greeting.utf8), key: [0, 0, 0, 0])
            _ = send(descriptor, frame, frame.count, 0)
        }
        return Client(descriptor: descriptor)
    }

    /// Publications that ended within `room`.
    private static func take(_ client: inout Client, _ room: [UInt8], _ count: Int, _ fewest: Int) -> Int {
        var offset = 0
        var seen = 0
        while offset < count {
            if client.left > 0 {
                let part = min(client.left, count - offset)
                client.left -= part
                offset += part
                if client.left == 0, client.isPublication { seen += 1 }
                continue
            }
            client.header.append(room[offset])
            offset += 1
            guard client.header.count >= 2 else { continue }
            let short = Int(client.header[1] & 127)
            let needed = short == 126 ? 4 : short == 127 ? 10 : 2
            guard client.header.count == needed else { continue }
            client.left = needed == 2 ? short : client.header[2...].reduce(0) { $0 << 8 | Int($1) }
            client.isPublication = client.left >= fewest && client.header[0] & 15 <= 2
            client.header.removeAll(keepingCapacity: true)
        }
        return seen
    }
}
