import EngineJournal
import EngineService
import FeedBetfair
import FeedCore
import FeedUnified
import Gateway
import Glibc
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops
import TestSupport

/// What a stranger may send, by the name that GRANDSTAND_FUZZ gives: each input goes through one of our readers,
/// which may refuse it and may not trap, run away or say two different things of it.
private let target = getenv("GRANDSTAND_FUZZ").map { String(cString: $0) } ?? "http"

private nonisolated(unsafe) let connections = FuzzedConnections()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    switch target {
    case "http": FuzzHTTP.run(bytes)
    case "http2": FuzzHTTP2.run(bytes)
    case "websocket": FuzzWebSocket.run(bytes)
    case "json": FuzzJSON.run(bytes)
    case "message": FuzzedFields.read(message: bytes)
    case "feed": FuzzFeed.run(bytes)
    case "betfair": FuzzFile.betfair(bytes)
    case "unified": FuzzFile.unified(bytes)
    case "journal": FuzzJournal.run(bytes)
    case "fields": FuzzFields.run(bytes)
    case "configuration": FuzzFile.configuration(bytes)
    case "connection": connections.hear(bytes, isHTTP2: false)
    case "connection2": connections.hear(bytes, isHTTP2: true)
    default:
        print(
            "GRANDSTAND_FUZZ: http, http2, websocket, json, message, feed, betfair, unified, journal, fields, configuration, "
                + "connection or connection2"
        )
        exit(2)
    }
    return 0
}

/// A request, whole and in pieces: both ways must say the same.
private enum FuzzHTTP {
    static func run(_ bytes: [UInt8]) {
        let whole = requests(bytes, step: bytes.count)
        let pieces = requests(bytes, step: 7)
        precondition(whole == pieces, "a request is read alike however it arrives")
    }

    private static func requests(_ bytes: [UInt8], step: Int) -> [String] {
        var parser = HTTPRequestParser(limits: HTTPLimits())
        var seen: [String] = []
        var waiting: [UInt8] = []
        var rest = bytes[...]
        repeat {
            waiting += rest.prefix(max(1, step))
            rest = rest.dropFirst(max(1, step))
            do throws(HTTPParseError) {
                reading: while true {
                    switch try parser.next(in: waiting.span) {
                    case .needMore, .wantsContinue: break reading
                    case .request(let request, let consumed):
                        seen.append(
                            "\(request.method.name) \(request.path) \(request.query ?? "-") \(request.body.count) \(request.keepsAlive)"
                        )
                        _ = request.cookie("a")
                        _ = request.queryValue("a")
                        waiting.removeFirst(consumed)
                        if waiting.isEmpty { break reading }
                    }
                }
            } catch {
                return seen + ["\(error.code)"]
            }
        } while !rest.isEmpty
        return seen
    }
}

/// Fields of HTTP/2, a line each, name and value divided by a tab: what is taken must read as HTTP/1.1 would have it.
private enum FuzzHTTP2 {
    static func run(_ bytes: [UInt8]) {
        var assembly = HTTP2RequestAssembly(limits: HTTPLimits())
        do throws(HTTPParseError) {
            for line in bytes.split(separator: 0x0a) {
                let parts = line.split(
                    separator: 0x09, maxSplits: 1, omittingEmptySubsequences: false)
                let (name, value) = (Array(parts[0]), parts.count == 2 ? Array(parts[1]) : [])
                try assembly.add(name.span, value.span)
            }
            let request = try assembly.request()
            precondition(request.fields("host").count == 1, "one host, and only one")
            precondition(
                request.path.hasPrefix("/") || (request.path == "*" && request.method == .options),
                "a path is a path")
            precondition(!request.path.contains("?") && !request.path.contains("#"), "and no more")
            _ = request.cookie("a")
            _ = request.queryValue("a")
        } catch {
            precondition((400...599).contains(error.status), "refused by a status")
        }
    }
}

/// Frames, whole and in pieces.
private enum FuzzWebSocket {
    static func run(_ bytes: [UInt8]) {
        for compression in [false, true] {
            let whole = messages(bytes, step: bytes.count, compression)
            let pieces = messages(bytes, step: 3, compression)
            precondition(whole == pieces, "frames are read alike however they arrive")
        }
        _ = WebSocketCompression.isOffered([String(decoding: bytes, as: UTF8.self)])
    }

    private static func messages(_ bytes: [UInt8], step: Int, _ compression: Bool) -> [String] {
        let decoder = WebSocketDecoder(maximumPayload: 4096, allowsCompression: compression)
        var assembler = WebSocketAssembler(maximumMessage: 4096)
        var seen: [String] = []
        var waiting: [UInt8] = []
        var rest = bytes[...]
        repeat {
            waiting += rest.prefix(max(1, step))
            rest = rest.dropFirst(max(1, step))
            var span = waiting.mutableSpan
            var position = 0
            var used = 0
            do throws(WebSocketError) {
                while let frame = try decoder.next(in: &span, at: &position) {
                    used = position
                    switch try assembler.take(frame, from: span.span) {
                    case .whole(let opcode, let range), .wholeCompressed(let opcode, let range):
                        seen.append("\(opcode) \(range.map { span[$0] })")
                    case .assembled(let opcode, let payload),
                        .assembledCompressed(let opcode, let payload):
                        seen.append("\(opcode) \(payload)")
                    case .ping(let range): seen.append("ping \(range.count)")
                    case .pong: seen.append("pong")
                    case .close(let code): return seen + ["close \(code)"]
                    case .partial: break
                    }
                }
            } catch {
                return seen + ["\(error.close)"]
            }
            waiting.removeFirst(used)
        } while !rest.isEmpty
        return seen
    }
}

/// A document by both readers, which were written apart.
private enum FuzzJSON {
    static func run(_ bytes: [UInt8]) {
        let model = try? JSONParser(depth: 8, members: 64).parse(bytes.span)
        var tape = JSONTape(depth: 8, members: 64)
        let isRead = (try? tape.read(bytes.span, isUTF8: false)) != nil
        precondition(isRead == (model != nil), "both readers agree on what is JSON")
        guard let model else { return }
        var writer = JSONWriter()
        writer.value(model)
        let again = try? JSONParser(depth: 8, members: 64).parse(writer.bytes.span)
        precondition(again == model, "what was written is what was read")
        if isRead, case .object = model {
            for name: StaticString in ["op", "id", "stake", "legs"] {
                if let place = tape.member(name, of: tape.root) {
                    precondition(
                        tape.whole(place) == model[name.description]?.whole,
                        "both read the same number")
                    precondition(
                        tape.text(place) == model[name.description]?.text, "both read the same text"
                    )
                }
            }
        }
    }
}

/// Lines of suppliers.
private enum FuzzFeed {
    static func run(_ bytes: [UInt8]) {
        _ = try? GrandstandFeed.parse(bytes.span, number: 1)
    }
}

/// What is read from a file.
private enum FuzzFile {
    private static let path = "/dev/shm/grandstand-fuzz-\(getpid())"

    private static func write(_ bytes: [UInt8]) -> Bool {
        guard let file = fopen(path, "wb") else { return false }
        defer { fclose(file) }
        return fwrite(bytes, 1, bytes.count, file) == bytes.count
    }

    /// A recorded stream, plain or compressed; at most so many messages of it.
    static func betfair(_ bytes: [UInt8]) {
        guard write(bytes), let stream = try? BetfairStream(path: path) else { return }
        for _ in 0..<500 {
            guard (try? stream.nextTime()) ?? nil != nil, (try? stream.next()) != nil else {
                return
            }
        }
    }

    /// XML messages of several producers, a line each.
    static func unified(_ bytes: [UInt8]) {
        guard write(bytes), let feed = try? UnifiedFeed(path: path, name: "fuzz") else { return }
        for _ in 0..<500 {
            guard (try? feed.nextTime()) ?? nil != nil, (try? feed.next()) != nil else { return }
        }
    }

    /// A file of settings: whatever it says is taken or refused with a sentence.
    static func configuration(_ bytes: [UInt8]) {
        guard write(bytes) else { return }
        do {
            let settings = try Configuration(flags: ["config": path], environment: [:])
            for setting in Setting.all { _ = settings.text(setting.key) }
        } catch {
            precondition(!error.text.isEmpty, "whoever wrote it is told what is wrong")
        }
    }
}

/// A small journal of bets, changed on the disk by what the input says: four bytes a change, place and value.
private enum FuzzJournal {
    private nonisolated(unsafe) static let whole: (cell: Cell, bytes: [UInt8], length: Int)? = {
        let price = Odds(2, over: 1)!
        guard let cell = try? Cell(), let account = try? cell.customer(cash: 100_000),
            let market = try? cell.market([price, price])
        else { return nil }
        for _ in 0..<5 {
            _ = try? cell.place(cell.intent(account, [(market, 0, price)], stake: 100))
        }
        guard (try? cell.host.confirm()) != nil,
            let end = try? JournalReader(cell.disk).scan({ _ in }),
            let bytes = cell.disk.store.files[JournalFormat.segmentName(1)]
        else { return nil }
        return (cell, bytes, end.offset)
    }()

    static func run(_ changes: [UInt8]) {
        guard let whole else { preconditionFailure("a journal can be written") }
        var bytes = whole.bytes
        for change in stride(from: 0, to: changes.count - 3, by: 4) {
            let place =
                Int(changes[change]) << 16 | Int(changes[change + 1]) << 8
                | Int(changes[change + 2])
            bytes[place % (whole.length + 8192)] = changes[change + 3]
        }
        whole.cell.disk.store.files[JournalFormat.segmentName(1)] = bytes
        var records = 0
        do {
            _ = try JournalReader(whole.cell.disk).scan { block in
                block.forEachRecord { _ in records += 1 }
            }
        } catch {}
        precondition(records <= 1000, "a journal never gives more than was written")
    }
}

/// Small things in requests: cursors, places, topics, ranges, times, ids, odds, configuration.
private enum FuzzFields {
    static func run(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        FuzzedFields.read(text)
        if case .client(let peer, _)? = try? ProxyProtocol.read(Array(text.utf8).span) {
            precondition(!peer.isEmpty, "a proxy names a client")
        }
        _ = ForwardedFor.client("127.0.0.1", [text], hops: ["127.0.0.1"])
        _ = ByteRange(text, of: 1000)
        _ = AcceptEncoding.best(of: ["br", "gzip"], [text])
        if let id = ExternalID(text) {
            precondition(ExternalID(id.description) == id, "an id is its text")
        }
        if let time = Timestamp(text) {
            // A text has milliseconds.
            precondition(
                Timestamp(time.description)?.milliseconds == time.milliseconds, "a time is its text"
            )
        }
        if let decoded = percentDecoded(text) {
            precondition(
                percentDecoded(percentEncoded(decoded)) == decoded, "what is encoded is decoded")
        }
    }
}
