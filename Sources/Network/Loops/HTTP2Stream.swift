import CNghttp2
import NetworkCodecs

/// One request of HTTP/2 and its answer, or one WebSocket (RFC 8441).
final class HTTP2Stream: HTTPExchange, ByteChannel {
    /// What there is to send.
    enum Piece {
        case some(Int)
        case ended(Int)
        case nothing
    }

    let id: Int32
    let loop: Loop
    // The connection lets go of its streams before it goes.
    private unowned let owner: HTTP2Connection
    private let limits: HTTPLimits
    private var assembly: HTTP2RequestAssembly?
    private var request: HTTPRequest?
    private var refusal: HTTPParseError?
    private var body: [UInt8] = []
    /// Bytes of it that count as waiting.
    private(set) var heldBody = 0
    private let begunAt: UInt64
    /// Loop milliseconds when the client last took something.
    private var movedAt: UInt64
    private var hasRequestEnded = false
    private var isAnswered = false
    private var isGone = false

    private var output: [UInt8] = []
    private var outputStart = 0
    private var isOutputWhole = false
    private var isDeferred = false
    private var wasAboveConflate = false

    var guardFields: [(String, String)] = []
    private var stream: ResponseStream?
    private var webSocket: WebSocketConnection?
    private var leftover: [UInt8] = []
    var deadline: UInt64 = .max

    init(_ owner: HTTP2Connection, id: Int32, limits: HTTPLimits) {
        self.owner = owner
        self.id = id
        self.limits = limits
        loop = owner.connection.loop
        assembly = HTTP2RequestAssembly(limits: limits)
        begunAt = loop.milliseconds
        movedAt = begunAt
    }

    /// Bytes that wait for the client to take them.
    var waiting: Int { output.count - outputStart }

    private var isAnswerSent: Bool { isAnswered && isOutputWhole && waiting == 0 }

    /// Whether question and answer are both complete.
    var isWhole: Bool { hasRequestEnded && isAnswerSent }

    /// Whether the client still waits for the end of an answer.
    var isOwedAnswer: Bool { webSocket == nil && hasRequestEnded }

    // MARK: In

    func take(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        // Trailers mean nothing to us.
        guard refusal == nil, request == nil else { return }
        do throws(HTTPParseError) {
            try assembly?.add(name, value)
        } catch {
            refusal = error
        }
    }

    func headCame(isLast: Bool) {
        do throws(HTTPParseError) {
            if let refusal { throw refusal }
            guard let whole = assembly else { return }
            assembly = nil
            request = try whole.request()
        } catch {
            return refuse(error)
        }
        guard let request else { return }
        if request.opensTunnel || isLast {
            hasRequestEnded = isLast
            return serve(request)
        }
        if request.expectsContinue { owner.submitContinue(on: self) }
    }

    func take(_ bytes: UnsafeBufferPointer<UInt8>) {
        if webSocket != nil { return receive(bytes) }
        guard request != nil, !isAnswered else { return }
        guard body.count + bytes.count <= limits.body else { return refuse(.bodyTooLarge) }
        heldBody += bytes.count
        owner.waits(bytes.count)
        body.append(contentsOf: bytes)
    }

    func ended() {
        guard !hasRequestEnded else { return }
        hasRequestEnded = true
        // A WebSocket without its other half has ended, once what it has to say was said.
        if webSocket != nil { return closeWhenFlushed() }
        guard !isAnswered, var request else { return }
        request.body = body
        body = []
        owner.noLongerWaits(heldBody)
        heldBody = 0
        self.request = request
        serve(request)
    }

    private func serve(_ request: HTTPRequest) {
        owner.server.serve(request, on: owner.connection, to: self)
    }

    private func refuse(_ error: HTTPParseError) {
        guard !isAnswered else { return }
        owner.server.countedRefusal()
        answer(error.problem.response)
    }

    // MARK: Answers out

    func answer(_ response: HTTPResponse) {
        guard !isAnswered, !isGone else { return }
        isAnswered = true
        let hasBody =
            request?.method != .head && !response.isBodiless && !response.body.isEmpty
        if hasBody {
            output = response.body
            owner.waits(output.count)
        }
        isOutputWhole = true
        movedAt = loop.milliseconds
        owner.submit(
            response, guardFields: guardFields, on: self,
            length: response.isBodiless ? nil : response.body.count, hasBody: hasBody)
        if !hasBody { owner.lookAfterSending(self) }
    }

    func beginStream(_ response: HTTPResponse) -> ResponseStream? {
        guard !isAnswered, !isGone else { return nil }
        isAnswered = true
        let isHead = request?.method == .head
        owner.submit(
            response, guardFields: guardFields, on: self, length: nil, hasBody: !isHead)
        if isHead { isOutputWhole = true }
        let begun = ResponseStream(self)
        stream = begun
        return begun
    }

    func streamChunk(_ bytes: Span<UInt8>) -> Bool {
        guard stream != nil, isOpen else { return false }
        bytes.withUnsafeBufferPointer { piece in
            withOutput { $0.append(contentsOf: piece) }
        }
        return isOpen
    }

    func streamShared(_ chunk: [UInt8], plain: Range<Int>) {
        guard stream != nil else { return }
        withOutput { $0 += chunk[plain] }
    }

    func endStream() {
        guard stream != nil else { return }
        stream = nil
        isOutputWhole = true
        wake()
    }

    // MARK: WebSocket

    func upgrade(
        _ context: RequestContext, _ make: (RequestContext) throws(Problem) -> any WebSocketHandler
    ) throws(Problem) {
        guard context.request.opensTunnel else {
            throw Problem(
                400, "web_socket_connect", "Over HTTP/2 a WebSocket is asked for by CONNECT.",
                detail: "RFC 8441: method CONNECT, protocol websocket.")
        }
        try WebSocketHandshake.checkVersion(context.request, refusedBy: 400)
        let handler = try make(context)
        isAnswered = true
        let compresses = WebSocketHandshake.compresses(context.request)
        var response = HTTPResponse(status: 200)
        if compresses {
            response.fields = [("sec-websocket-extensions", WebSocketCompression.answer)]
        }
        owner.submit(response, guardFields: [], on: self, length: nil, hasBody: true)
        let socket = WebSocketConnection(self, handler: handler, compresses: compresses)
        webSocket = socket
        socket.opened()
    }

    private func receive(_ bytes: UnsafeBufferPointer<UInt8>) {
        leftover.append(contentsOf: bytes)
        var all = leftover
        leftover = []
        let used = all.withUnsafeMutableBufferPointer { buffer in
            var span = MutableSpan(_unsafeElements: buffer)
            return webSocket?.received(&span) ?? buffer.count
        }
        if used < all.count { leftover = Array(all[used...]) }
    }

    // MARK: A channel of bytes

    var isOpen: Bool { !isGone && owner.connection.isOpen }
    var queuedBytes: Int { waiting }
    var isWritable: Bool { isOpen && waiting < owner.connection.limits.conflate }

    func write(_ bytes: [UInt8]) { withOutput { $0 += bytes } }
    func write(shared bytes: [UInt8]) { write(bytes) }

    func withOutput(_ body: (inout [UInt8]) -> Void) {
        guard isOpen, !isOutputWhole else { return }
        let before = output.count
        body(&output)
        owner.waits(output.count - before)
        if waiting >= owner.connection.limits.conflate { wasAboveConflate = true }
        if waiting > owner.connection.limits.cut { return cut() }
        wake()
    }

    private func wake() {
        guard isDeferred, !isGone else { return }
        isDeferred = false
        movedAt = loop.milliseconds
        owner.resume(self)
    }

    func goFirst() {
        guard !isGone else { return }
        owner.connection.goFirst()
    }

    func isQuiet(_ milliseconds: UInt64, now: UInt64) -> Bool {
        waiting == 0 && movedAt + milliseconds <= now
    }

    /// What nghttp2 may put into a frame now.
    func read(into buffer: UnsafeMutableBufferPointer<UInt8>) -> Piece {
        let count = min(buffer.count, waiting)
        if count > 0 {
            output.withUnsafeBufferPointer {
                _ = buffer.update(fromContentsOf: $0[outputStart..<outputStart + count])
            }
            outputStart += count
            movedAt = loop.milliseconds
        }
        if waiting == 0 {
            if isOutputWhole || output.count > 65_536 {
                output = []
            } else {
                output.removeAll(keepingCapacity: true)
            }
            outputStart = 0
            if isOutputWhole { return .ended(count) }
            if count == 0 {
                isDeferred = true
                return .nothing
            }
        }
        return .some(count)
    }

    /// Once it was over its watermark and has room again.
    var hasRoomAgain: Bool {
        wasAboveConflate && waiting < owner.connection.limits.conflate / 2 && isOpen
    }

    /// Some of what waited is on its way.
    func afterSending() {
        if hasRoomAgain {
            wasAboveConflate = false
            stream?.drained()
            webSocket?.drained()
        }
        // The answer is whole before the request: the client need not go on sending (RFC 9113, 8.1).
        if isAnswerSent, !hasRequestEnded, !isGone {
            owner.reset(id, NGHTTP2_NO_ERROR.rawValue)
        }
    }

    // MARK: Ends

    func closeWhenFlushed() {
        guard !isOutputWhole, !isGone else { return }
        isOutputWhole = true
        deadline = loop.milliseconds + OutputLimits.farewell
        wake()
    }

    func cut() {
        guard !isGone else { return }
        owner.reset(id, NGHTTP2_CANCEL.rawValue)
    }

    /// Every two seconds: who sends too slowly, who takes nothing, and what a WebSocket waits for.
    func sweep(_ timeouts: HTTPTimeouts) {
        let now = loop.milliseconds
        if deadline <= now {
            deadline = .max
            if isOutputWhole { return cut() }
            webSocket?.deadlinePassed()
        }
        if waiting > 0, movedAt + HTTP2Limits.stalled <= now { return cut() }
        guard !hasRequestEnded, !isAnswered, begunAt + timeouts.request <= now else { return }
        answer(Problem.requestTimeout.response)
    }

    func gone() {
        isGone = true
        request = nil
        let lastStream = stream
        stream = nil
        lastStream?.closed()
        let lastSocket = webSocket
        webSocket = nil
        lastSocket?.closed()
    }
}
