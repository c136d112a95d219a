import CNghttp2
import CSystem
import NetworkCodecs

/// Bounds of one connection of HTTP/2.
enum HTTP2Limits {
    /// Requests at once.
    static let streams: UInt32 = 100
    /// Streams that may end by a reset, ours or theirs: a client that asks and takes back costs us what it does
    /// not pay (CVE-2023-44487 and its kin). Clients that navigate away reset a few.
    static let resets = RateRule(perSecond: 20, burst: 300, reserved: 0)
    /// Frames that carry neither a request nor a part of one (settings, pings, priorities, continuations).
    static let idleFrames = RateRule(perSecond: 100, burst: 2000, reserved: 0)
    /// Window updates: a client that downloads fast sends many.
    static let windowUpdates = RateRule(perSecond: 20_000, burst: 50_000, reserved: 0)
    /// Bytes of bodies and answers that may wait over all streams before further requests are refused.
    static let waiting = 1_048_576
    /// And so many before the connection is cut: of a hundred answers that came at once, all of them large.
    static let mostWaiting = 8_388_608
    /// Milliseconds that an answer may wait for its client to take any of it.
    static let stalled: UInt64 = 30_000
    /// Milliseconds between two looks at the streams.
    static let sweep: UInt64 = 2_000
    /// Bytes of a request's body, or of a WebSocket, that may come before we have read them (RFC 9113, 6.9.2).
    static let window: UInt32 = 65_535
}

/// One client speaking HTTP/2 (RFC 9113): nghttp2 reads and writes the frames in memory, we answer the requests.
final class HTTP2Connection: ConnectionHandler, ServedConnection {
    let server: HTTPServer
    // It holds its handler, which is this, for as long as it is there.
    unowned let connection: Connection
    private let session: OpaquePointer
    private var streams: [Int32: HTTP2Stream] = [:]
    private var resets = RateState()
    private var idleFrames = RateState()
    private var windowUpdates = RateState()
    private var isGoingAway = false
    private var hasFailed = false
    /// What was sent when the output last moved, and when that was.
    private var moved = (bytes: UInt64(0), at: UInt64(0))
    /// Bytes of bodies and answers that wait, over all streams; they count for the loop, too.
    private var waiting = 0
    /// Loop milliseconds: the next look at the streams, and since when there are none.
    private var nextSweep: UInt64 = 0
    private var idleSince: UInt64
    /// Streams of which something was sent that they want to know of.
    private var changed: [HTTP2Stream] = []

    init?(_ server: HTTPServer, _ connection: Connection) {
        self.server = server
        self.connection = connection
        idleSince = connection.loop.milliseconds
        var made: OpaquePointer?
        guard
            nghttp2_session_server_new2(&made, HTTP2Callbacks.all, nil, HTTP2Callbacks.options)
                == 0,
            let made
        else { return nil }
        session = made
        nghttp2_session_set_user_data(session, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { nghttp2_session_del(session) }

    func begin() {
        let settings = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
                value: HTTP2Limits.streams),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
                value: UInt32(server.limits.head)),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
                value: HTTP2Limits.window),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL.rawValue), value: 1),
        ]
        nghttp2_submit_settings(
            session, UInt8(NGHTTP2_FLAG_NONE.rawValue), settings, settings.count)
        rest()
        connection.wantsFill()
    }

    // MARK: In

    func received(_ bytes: inout MutableSpan<UInt8>, on connection: Connection) -> Int {
        let count = bytes.count
        let used = bytes.withUnsafeMutableBufferPointer {
            nghttp2_session_mem_recv(session, $0.baseAddress, $0.count)
        }
        if used < 0 {
            // What nghttp2 does not answer by itself with a GOAWAY is beyond talking.
            goAway(
                used == Int(NGHTTP2_ERR_FLOODED.rawValue)
                    ? NGHTTP2_ENHANCE_YOUR_CALM.rawValue : NGHTTP2_PROTOCOL_ERROR.rawValue)
        }
        // Who asks for more than it reads waits.
        if !connection.isWritable { connection.stopReading() }
        rest()
        connection.wantsFill()
        return count
    }

    /// A frame begins.
    fileprivate func frameBegins(_ header: nghttp2_frame_hd) {
        let isAllowed =
            switch UInt32(header.type) {
            case NGHTTP2_HEADERS.rawValue, NGHTTP2_RST_STREAM.rawValue: true
            case NGHTTP2_DATA.rawValue where header.length > 0 || header.flags & 1 == 1: true
            case NGHTTP2_WINDOW_UPDATE.rawValue:
                windowUpdates.ask(at: now, HTTP2Limits.windowUpdates, isFirst: true).isAllowed
            default: idleFrames.ask(at: now, HTTP2Limits.idleFrames, isFirst: true).isAllowed
            }
        if !isAllowed { goAway(NGHTTP2_ENHANCE_YOUR_CALM.rawValue) }
    }

    private var now: Int64 { gs_boot_nanoseconds() }

    fileprivate func headersBegin(_ frame: nghttp2_frame) {
        guard frame.headers.cat == NGHTTP2_HCAT_REQUEST else { return }
        let id = frame.hd.stream_id
        guard waiting <= HTTP2Limits.waiting, !isGoingAway else {
            return reset(id, NGHTTP2_REFUSED_STREAM.rawValue)
        }
        streams[id] = HTTP2Stream(self, id: id, limits: server.limits)
    }

    fileprivate func field(_ id: Int32, _ name: Span<UInt8>, _ value: Span<UInt8>) {
        streams[id]?.take(name, value)
    }

    fileprivate func frameEnded(_ frame: nghttp2_frame) {
        guard let stream = streams[frame.hd.stream_id] else { return }
        let isLast = frame.hd.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        switch UInt32(frame.hd.type) {
        case NGHTTP2_HEADERS.rawValue:
            if frame.headers.cat == NGHTTP2_HCAT_REQUEST {
                stream.headCame(isLast: isLast)
            } else if isLast {
                stream.ended()
            }
        case NGHTTP2_DATA.rawValue: if isLast { stream.ended() }
        default: break
        }
    }

    fileprivate func data(_ id: Int32, _ bytes: UnsafeBufferPointer<UInt8>) {
        streams[id]?.take(bytes)
    }

    fileprivate func closed(_ id: Int32, error: UInt32) {
        // A stream that was refused at its head is none of ours, and its reset counts as any other.
        let stream = streams.removeValue(forKey: id)
        let isWhole = stream?.isWhole ?? false
        if let stream {
            noLongerWaits(stream.waiting + stream.heldBody)
            stream.gone()
            if streams.isEmpty { idleSince = connection.loop.milliseconds }
        }
        // Whatever the reset calls itself.
        guard error != NGHTTP2_NO_ERROR.rawValue || !isWhole,
            !resets.ask(at: now, HTTP2Limits.resets, isFirst: true).isAllowed
        else { return }
        goAway(NGHTTP2_ENHANCE_YOUR_CALM.rawValue)
    }

    // MARK: Out

    /// The head of an answer, and whether a body follows from the stream's own bytes.
    func submit(
        _ response: HTTPResponse, guardFields: [(String, String)], on stream: HTTP2Stream,
        length: Int?, hasBody: Bool
    ) {
        var fields = HTTP2Fields(status: response.status)
        fields.add("date", connection.loop.httpDate)
        for (name, value) in response.fields { fields.add(name, value) }
        for (name, value) in guardFields { fields.add(name, value) }
        for (name, value) in server.fields(for: connection) { fields.add(name, value) }
        if let length { fields.add("content-length", String(length)) }
        fields.withPairs { pairs in
            guard hasBody else {
                nghttp2_submit_response(session, stream.id, pairs.baseAddress, pairs.count, nil)
                return
            }
            var provider = nghttp2_data_provider(
                source: nghttp2_data_source(), read_callback: HTTP2Callbacks.read)
            nghttp2_submit_response(session, stream.id, pairs.baseAddress, pairs.count, &provider)
        }
        flush()
    }

    /// 100 Continue.
    func submitContinue(on stream: HTTP2Stream) {
        HTTP2Fields(status: 100).withPairs { pairs in
            _ = nghttp2_submit_headers(
                session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, nil, pairs.baseAddress,
                pairs.count, nil)
        }
    }

    /// The stream has bytes again.
    func resume(_ stream: HTTP2Stream) {
        nghttp2_session_resume_data(session, stream.id)
        flush()
    }

    func waits(_ bytes: Int) {
        guard waiting + bytes <= HTTP2Limits.mostWaiting, connection.loop.mayKeepWaiting(bytes)
        else { return connection.cut() }
        waiting += bytes
    }

    func noLongerWaits(_ bytes: Int) {
        // What was refused room never counted.
        let counted = min(bytes, waiting)
        waiting -= counted
        connection.loop.noLongerWaiting(counted)
    }

    /// Something of it wants to be looked at once this turn's frames are made.
    func lookAfterSending(_ stream: HTTP2Stream) {
        changed.append(stream)
        flush()
    }

    func reset(_ id: Int32, _ error: UInt32) {
        nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, error)
        flush()
    }

    private func flush() { connection.wantsFill() }

    fileprivate func read(_ id: Int32, into buffer: UnsafeMutableBufferPointer<UInt8>)
        -> HTTP2Stream.Piece
    {
        guard let stream = streams[id] else { return .ended(0) }
        let piece = stream.read(into: buffer)
        switch piece {
        case .ended(let count):
            noLongerWaits(count)
            changed.append(stream)
        case .some(let count):
            noLongerWaits(count)
            if stream.hasRoomAgain { changed.append(stream) }
        case .nothing: break
        }
        return piece
    }

    func fill(_ connection: Connection) {
        send(connection)
        while !changed.isEmpty, connection.isOpen {
            let streams = changed
            changed.removeAll(keepingCapacity: true)
            for stream in streams { stream.afterSending() }
            send(connection)
        }
    }

    private func send(_ connection: Connection) {
        while connection.isOpen, connection.isWritable {
            var bytes: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &bytes)
            guard count >= 0 else { return connection.cut() }
            guard count > 0, let bytes else { break }
            connection.withOutput {
                $0.append(contentsOf: UnsafeBufferPointer(start: bytes, count: count))
            }
        }
        if nghttp2_session_want_read(session) == 0, nghttp2_session_want_write(session) == 0 {
            connection.closeWhenFlushed()
        }
    }

    // MARK: Ends

    /// Takes nothing new; what was begun may end.
    private func goAway(_ error: UInt32) {
        guard error == NGHTTP2_NO_ERROR.rawValue ? !isGoingAway : !hasFailed else { return }
        isGoingAway = true
        hasFailed = error != NGHTTP2_NO_ERROR.rawValue
        if error == NGHTTP2_NO_ERROR.rawValue {
            let last = nghttp2_session_get_last_proc_stream_id(session)
            nghttp2_submit_goaway(
                session, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, error, nil, 0)
        } else {
            nghttp2_session_terminate_session(session, error)
        }
        flush()
    }

    func drainNow() { goAway(NGHTTP2_NO_ERROR.rawValue) }

    func drained(_ connection: Connection) {
        connection.startReading()
        connection.wantsFill()
    }

    /// When to look next. No byte that comes puts it off: neither a head that drips in nor pings without a request.
    private func rest() {
        guard !streams.isEmpty else {
            nextSweep = 0
            connection.deadline = idleSince + server.timeouts.idle
            return
        }
        // Only a look moves it, and no byte that comes just before one.
        if nextSweep == 0 { nextSweep = connection.loop.milliseconds + HTTP2Limits.sweep }
        connection.deadline = nextSweep
    }

    func deadlinePassed(on connection: Connection) {
        guard !streams.isEmpty else {
            if isGoingAway { return connection.cut() }
            drainNow()
            // Whoever does not take even the farewell is not waited for.
            connection.deadline = connection.loop.milliseconds + OutputLimits.farewell
            return
        }
        // A kernel that takes nothing takes no resets either.
        let now = connection.loop.milliseconds
        if connection.bytesOut != moved.bytes || connection.isWritable {
            moved = (connection.bytesOut, now)
        }
        guard moved.at + HTTP2Limits.stalled > now else { return connection.cut() }
        for stream in Array(streams.values) { stream.sweep(server.timeouts) }
        nextSweep = 0
        rest()
    }

    func peerEnded(_ connection: Connection) {
        if streams.values.contains(where: \.isOwedAnswer) { drainNow() } else { connection.cut() }
    }

    func closed(_ connection: Connection) {
        let all = Array(streams.values)
        streams = [:]
        changed = []
        noLongerWaits(waiting)
        for stream in all { stream.gone() }
        server.left(self)
    }
}

/// Fields of an answer, one after the other in memory, as nghttp2 takes them.
private struct HTTP2Fields {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    init(status: Int) {
        bytes.reserveCapacity(1024)
        ends.reserveCapacity(40)
        add(":status", String(status))
    }

    mutating func add(_ name: String, _ value: String) {
        // Fields of a connection have no place here (RFC 9113, 8.2.2).
        guard name != "connection", name != "upgrade", name != "transfer-encoding" else { return }
        add(name, value.utf8)
    }

    mutating func add(_ name: String, _ value: some Sequence<UInt8>) {
        bytes += name.utf8
        ends.append(bytes.count)
        bytes += value
        ends.append(bytes.count)
    }

    func withPairs(_ body: (UnsafeBufferPointer<nghttp2_nv>) -> Void) {
        bytes.withUnsafeBytes { raw in
            // nghttp2 takes them as if it might change them, and copies them instead.
            let base = UnsafeMutableRawPointer(mutating: raw.baseAddress!).assumingMemoryBound(
                to: UInt8.self)
            var pairs: [nghttp2_nv] = []
            pairs.reserveCapacity(ends.count / 2)
            var start = 0
            for index in stride(from: 0, to: ends.count, by: 2) {
                let (name, value) = (ends[index], ends[index + 1])
                pairs.append(
                    nghttp2_nv(
                        name: base + start, value: base + name, namelen: name - start,
                        valuelen: value - name, flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
                start = value
            }
            pairs.withUnsafeBufferPointer(body)
        }
    }
}

/// What nghttp2 calls, one set for all connections.
private enum HTTP2Callbacks {
    private static func of(_ data: UnsafeMutableRawPointer?) -> HTTP2Connection {
        Unmanaged<HTTP2Connection>.fromOpaque(data!).takeUnretainedValue()
    }

    nonisolated(unsafe) static let options: OpaquePointer = {
        var options: OpaquePointer?
        nghttp2_option_new(&options)
        // A closed stream is of use to the priorities of 2015 alone, which nobody speaks any more (RFC 9113, 5.3.2).
        nghttp2_option_set_no_closed_streams(options, 1)
        nghttp2_option_set_max_settings(options, 16)
        nghttp2_option_set_max_outbound_ack(options, 256)
        return options!
    }()

    nonisolated(unsafe) static let all: OpaquePointer = {
        var all: OpaquePointer?
        nghttp2_session_callbacks_new(&all)
        nghttp2_session_callbacks_set_on_begin_frame_callback(all) { _, header, data in
            of(data).frameBegins(header!.pointee)
            return 0
        }
        nghttp2_session_callbacks_set_on_begin_headers_callback(all) { _, frame, data in
            of(data).headersBegin(frame!.pointee)
            return 0
        }
        nghttp2_session_callbacks_set_on_header_callback(all) {
            _, frame, name, nameLength, value, valueLength, _, data in
            of(data).field(
                frame!.pointee.hd.stream_id,
                Span(_unsafeStart: name!, count: nameLength),
                Span(_unsafeStart: value!, count: valueLength))
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(all) { _, frame, data in
            of(data).frameEnded(frame!.pointee)
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all) {
            _, _, id, bytes, count, data in
            of(data).data(id, UnsafeBufferPointer(start: bytes, count: count))
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(all) { _, id, error, data in
            of(data).closed(id, error: error)
            return 0
        }
        return all!
    }()

    static let read: nghttp2_data_source_read_callback = {
        _, id, buffer, length, flags, _, data in
        switch of(data).read(id, into: UnsafeMutableBufferPointer(start: buffer, count: length)) {
        case .some(let count): return count
        case .ended(let count):
            flags!.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
            return count
        case .nothing: return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
    }
}
