import EngineCore
import EngineJournal
import EngineService
import JSONText
import Kernel
import NetworkCodecs

/// Work that callgrind counts: the same program with one number of pieces and with another, and the difference
/// is what a piece costs. Nothing here waits, and nothing depends on a clock.
enum Counted {
    static func run(_ what: String, _ pieces: Int) {
        switch what {
        case "apply": EngineBench.count(bets: pieces)
        case "goliath": SettlementBench.count(bets: pieces)
        case "durable": durable(pieces, batch: 64)
        case "replay": replay(pieces)
        case "frame": frames(pieces)
        case "request": requests(pieces)
        case "place": places(pieces)
        case "answer": answers(pieces)
        default: print("count what? apply, goliath, durable, replay, frame, request, place or answer")
        }
    }

    /// A bet from its command to a written block of 64, on a disk that only remembers.
    private static func durable(_ bets: Int, batch size: Int) {
        _ = filled(bets, size)
    }

    private static func filled(_ bets: Int, _ size: Int) -> RememberingDisk {
        let disk = RememberingDisk()
        do {
            let host = try EngineHost(
                disk: disk, clock: StandingClock(), limits: EngineBench.limits(bets: 50_000, reserving: 0),
                cell: CellConfiguration(), segmentBytes: 256 << 20, newJournal: ExternalID(high: 5, low: 5),
                prepare: { _ in })
            let batch = IntakeBatch(capacity: 16_384)
            func flush() throws {
                try host.turn(batch) { _ in }
                batch.removeAll()
            }
            EngineBench.prepare { record in
                if batch.add(record, token: 0) { return }
                try! flush()
                _ = batch.add(record, token: 0)
            }
            try flush()
            var encoder = CommandEncoder()
            var random = SeededGenerator(seed: 9)
            for number in 1...UInt64(max(1, bets)) where bets > 0 {
                _ = batch.add(EngineBench.place(&encoder, number, &random, now: StandingClock().wall()), token: number)
                if batch.count == size { try flush() }
            }
        } catch {
            fatalError("\(error)")
        }
        return disk
    }

    /// What `durable` does, and then the whole journal read, proved and decided anew.
    private static func replay(_ bets: Int) {
        let disk = filled(bets, 64)
        var engine = Engine(limits: EngineBench.limits(bets: 50_000, reserving: 0), seed: 5)
        var replay = Replay()
        _ = try! JournalReader(disk).scan { try replay.apply($0, to: &engine) }
    }

    /// A masked text frame of 200 bytes in, checked, and the same out.
    private static func frames(_ count: Int) {
        let payload = (0..<200).map { UInt8(97 + $0 % 26) }
        let frame = LoadClient.masked(payload, key: [1, 2, 3, 4])
        let decoder = WebSocketDecoder(maximumPayload: 16_384)
        var assembler = WebSocketAssembler(maximumMessage: 16_384)
        var out: [UInt8] = []
        for _ in 0..<count {
            var bytes = frame
            var position = 0
            out.removeAll(keepingCapacity: true)
            var span = bytes.mutableSpan
            guard let found = try? decoder.next(in: &span, at: &position),
                case .whole(let opcode, let range)? = try? assembler.take(found, from: span.span)
            else { fatalError("the frame is whole") }
            WebSocketEncoder.appendHeader(opcode, length: range.count, to: &out)
            span.span.extracting(range).withUnsafeBufferPointer { out.append(contentsOf: $0) }
        }
    }

    /// A `place` message taken apart, and its members looked up.
    private static func places(_ count: Int) {
        let text = Array(
            "{\"op\":\"place\",\"validUntil\":\"2026-11-21T08:00:00Z\",\"stake\":{\"amount\":10,\"currency\":\"EUR\",\"kind\":\"cash\"},\"structure\":\"single\",\"priceRule\":\"any\",\"tolerance\":255,\"legs\":[{\"market\":\"12\",\"selection\":0,\"odds\":[39,20]}],\"id\":\"019aa3c1-0000-7000-8000-000000000001\"}"
                .utf8)
        var tape = JSONTape(depth: 8, members: 512)
        var found = 0
        for _ in 0..<count {
            try! tape.read(text.span, isUTF8: true)
            let root = tape.root
            for name: StaticString in ["op", "id", "validUntil", "stake", "structure", "legs", "priceRule", "tolerance", "quote"] {
                if tape.member(name, of: root) != nil { found += 1 }
            }
        }
        precondition(found == count * 8, "everything but a quote is there")
    }

    /// An answer of the shape and size of a placed bet's.
    private static func answers(_ count: Int) {
        var bytes = 0
        for number in 0..<UInt64(count) {
            var json = JSONWriter(reserving: 512)
            json.object { json in
                json.key("topic")
                json.string("bets")
                json.key("sequence")
                json.number(number)
                json.key("time")
                json.quoted { Timestamp(nanoseconds: 1_790_000_000_123_000_000).appendRFC3339(to: &$0) }
                json.key("type")
                json.word("bet")
                json.key("bet")
                json.object { json in
                    json.key("id")
                    json.numberText(number)
                    json.key("clientId")
                    json.quoted { ExternalID(high: 0x019a_a3c1_0000_7000, low: 1 << 63 | number).append(to: &$0) }
                    json.key("status")
                    json.string("open")
                    json.key("stake")
                    json.number(1000)
                    json.key("odds")
                    json.array {
                        $0.array { json in
                            json.number(39)
                            json.number(20)
                        }
                    }
                }
            }
            bytes += json.bytes.count
        }
        precondition(bytes >= 0, "the text is not optimised away")
    }

    /// A request as nginx gets it from wrk: parsed, routed, answered with 27 bytes.
    private static func requests(_ count: Int) {
        let text = Array("GET /hello HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n".utf8)
        let body = Array("{\"message\":\"Hello, world!\"}".utf8)
        let date = Array("Sat, 21 Nov 2026 00:00:00 GMT".utf8)
        var router = Router<Int>()
        router.add(
            .get, "/hello",
            RouteDescription("hello", "Says hello", tag: "floor", answers: [.init(200, "A greeting")]), 1)
        var parser = HTTPRequestParser()
        var out: [UInt8] = []
        for _ in 0..<count {
            guard case .request(let request, _)? = try? parser.next(in: text.span),
                case .route = router.find(request.method, request.pathBytes)
            else { fatalError("the request is whole") }
            out.removeAll(keepingCapacity: true)
            HTTPResponseEncoder.append(
                .json(200, body), to: &out, date: date, keepsAlive: true, isHead: false)
        }
    }
}

/// Files in memory, for counting what the journal does without the kernel.
private final class RememberingDisk: Disk {
    private var files: [String: UnsafeMutableRawBufferPointer] = [:]

    func names() throws(DiskError) -> [String] { files.keys.sorted() }
    func createZeroed(_ name: String, bytes: Int) throws(DiskError) {
        // Pages that nobody touches cost nothing.
        let file = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 4096)
        file.initializeMemory(as: UInt8.self, repeating: 0)
        files[name] = file
    }
    func size(of name: String) throws(DiskError) -> Int { files[name]?.count ?? 0 }
    func open(_ name: String) throws(DiskError) -> String { name }
    func write(_ bytes: UnsafeRawBufferPointer, to file: String, at position: Int) throws(DiskError) {
        files[file]!.baseAddress!.advanced(by: position).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
    }
    func read(into bytes: UnsafeMutableRawBufferPointer, from file: String, at position: Int) throws(DiskError) {
        bytes.baseAddress!.copyMemory(from: files[file]!.baseAddress! + position, byteCount: bytes.count)
    }
    func create(_ name: String) throws(DiskError) -> String { throw .noSpace }
    func writeLater(_ bytes: UnsafeRawBufferPointer, to file: String, at position: Int) throws(DiskError) { throw .noSpace }
    func sync(_ file: String) throws(DiskError) {}
    func rename(_ name: String, to other: String) throws(DiskError) { throw .missing(name) }
    func close(_ file: String) {}
    func remove(_ name: String) throws(DiskError) {}
    func freeBytes() throws(DiskError) -> Int { .max }
}

/// Time stands still: the sequencer goes on by nanoseconds.
private struct StandingClock: Clock {
    func wall() -> Int64 { 1_790_000_000_000_000_000 }
    func boot() -> Int64 { 1_000_000_000 }
}
