import COpenSSL
public import NetworkCodecs

/// What a WebSocket does with its messages. Lives on the connection's loop.
public protocol WebSocketHandler: AnyObject {
    func opened(_ socket: WebSocketConnection)
    /// A whole message; the bytes live until this returns.
    func received(_ text: Span<UInt8>, isText: Bool, on socket: WebSocketConnection)
    /// There is room again after the connection was over its watermark.
    func drained(_ socket: WebSocketConnection)
    func closed(_ socket: WebSocketConnection)
}

extension WebSocketHandler {
    public func drained(_ socket: WebSocketConnection) {}
    public func closed(_ socket: WebSocketConnection) {}
}

/// Bounds of a WebSocket.
public enum WebSocketLimits {
    /// Bytes of one inbound frame and of one message put together.
    public static let inbound = 16_384
    /// Milliseconds without a byte from the peer before it is asked, and then before it is cut.
    public static let silence: UInt64 = 30_000
    /// Bytes of a message for one client from which on it is worth its compression.
    static let fewestCompressed = 512
}

/// One WebSocket (RFC 6455): frames in, messages up; messages down, frames out.
public final class WebSocketConnection: ConnectionHandler {
    /// Held while it lasts: it lets go of its handler when it is gone.
    private let channel: any ByteChannel
    private var handler: (any WebSocketHandler)?
    private let decoder: WebSocketDecoder
    private var assembler = WebSocketAssembler(maximumMessage: WebSocketLimits.inbound)
    private var hasClosed = false
    private var awaitsPong = false

    init(_ channel: any ByteChannel, handler: any WebSocketHandler, compresses: Bool) {
        self.channel = channel
        decoder = WebSocketDecoder(
            maximumPayload: WebSocketLimits.inbound, allowsCompression: compresses)
        self.handler = handler
        channel.deadline = channel.loop.milliseconds + WebSocketLimits.silence
    }

    func opened() { handler?.opened(self) }

    // MARK: In

    public func received(_ bytes: inout MutableSpan<UInt8>, on connection: Connection) -> Int {
        received(&bytes)
    }

    func received(_ bytes: inout MutableSpan<UInt8>) -> Int {
        // After our close nothing that comes puts the end off.
        guard !hasClosed else { return bytes.count }
        awaitsPong = false
        channel.deadline = channel.loop.milliseconds + WebSocketLimits.silence
        var position = 0
        do throws(WebSocketError) {
            while !hasClosed, channel.isOpen {
                let before = position
                guard let frame = try decoder.next(in: &bytes, at: &position) else {
                    return before
                }
                try deliver(assembler.take(frame, from: bytes.span), bytes.span)
            }
        } catch {
            close(error.close)
        }
        return bytes.count
    }

    private func deliver(_ message: WebSocketAssembler.Message, _ bytes: Span<UInt8>)
        throws(WebSocketError)
    {
        switch message {
        case .whole(let opcode, let range):
            handler?.received(bytes.extracting(range), isText: opcode == .text, on: self)
        case .assembled(let opcode, let payload):
            handler?.received(payload.span, isText: opcode == .text, on: self)
        case .wholeCompressed(let opcode, let range):
            try deliver(compressed: bytes.extracting(range), opcode)
        case .assembledCompressed(let opcode, let payload):
            try deliver(compressed: payload.span, opcode)
        case .ping(let range): send(.pong, bytes.extracting(range))
        case .pong, .partial: break
        case .close(let code):
            close(code == 1005 ? .normal : WebSocketClose(rawValue: code) ?? .normal)
        }
    }

    private func deliver(compressed payload: Span<UInt8>, _ opcode: WebSocketOpcode)
        throws(WebSocketError)
    {
        let message = try channel.loop.inflater.message(payload)
        guard opcode != .text || isUTF8(message.span) else {
            throw WebSocketError(.invalidPayload)
        }
        handler?.received(message.span, isText: opcode == .text, on: self)
    }

    // MARK: Out

    /// Whether compressed frames may be sent.
    public var compresses: Bool { decoder.allowsCompression }

    public var isOpen: Bool { !hasClosed && channel.isOpen }
    public var isWritable: Bool { channel.isWritable }

    public func send(_ opcode: WebSocketOpcode, _ payload: Span<UInt8>) {
        guard !hasClosed else { return }
        channel.withOutput { out in
            WebSocketEncoder.appendHeader(opcode, length: payload.count, to: &out)
            payload.withUnsafeBufferPointer { out.append(contentsOf: $0) }
        }
    }

    /// A frame that was encoded once for many.
    public func send(encoded frame: [UInt8]) {
        guard !hasClosed else { return }
        channel.write(shared: frame)
    }

    public func send(text: [UInt8]) {
        if compresses, text.count >= WebSocketLimits.fewestCompressed,
            let frame = channel.loop.deflater.frame(text)
        {
            return send(encoded: frame)
        }
        send(.text, text.span)
    }

    /// Whether nothing was sent for so many milliseconds.
    public func isQuiet(_ milliseconds: UInt64, now: UInt64) -> Bool {
        channel.isQuiet(milliseconds, now: now)
    }

    /// What was sent so far in this turn goes out before what others wait for.
    public func goFirst() { channel.goFirst() }

    public func close(_ code: WebSocketClose, _ reason: String = "") {
        guard !hasClosed else { return }
        channel.write(WebSocketEncoder.close(code, reason))
        hasClosed = true
        channel.closeWhenFlushed()
    }

    // MARK: Ends

    public func drained(_ connection: Connection) { drained() }
    func drained() { handler?.drained(self) }

    public func deadlinePassed(on connection: Connection) { deadlinePassed() }

    func deadlinePassed() {
        guard !awaitsPong else { return channel.cut() }
        awaitsPong = true
        channel.write(WebSocketEncoder.frame(.ping, [UInt8]().span))
        channel.deadline = channel.loop.milliseconds + WebSocketLimits.silence
    }

    public func closed(_ connection: Connection) { closed() }

    func closed() {
        hasClosed = true
        let last = handler
        handler = nil
        last?.closed(self)
    }
}

@available(*, unavailable)
extension WebSocketConnection: Sendable {}

/// The handshake's proof that the peer read the request (RFC 6455, 4.2.2).
enum WebSocketHandshake {
    /// `status`: 426 where another version can be asked for on the same connection, 400 where not.
    static func checkVersion(_ request: HTTPRequest, refusedBy status: Int) throws(Problem) {
        guard request.field("sec-websocket-version") != "13" else { return }
        var problem = Problem(status, "websocket_version", "Only version 13 is spoken.")
        problem.fields = [("sec-websocket-version", "13")]
        throw problem
    }

    /// Whether messages may be compressed.
    static func compresses(_ request: HTTPRequest) -> Bool {
        WebSocketCompression.isOffered(request.fields("sec-websocket-extensions"))
    }

    static func isKey(_ key: String) -> Bool {
        let bytes = Array(key.utf8)
        guard bytes.count == 24, bytes[22] == 0x3d, bytes[23] == 0x3d else { return false }
        return bytes[0..<22].allSatisfy {
            ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5a) || ($0 >= 0x61 && $0 <= 0x7a)
                || $0 == 0x2b || $0 == 0x2f
        }
    }

    static func accept(_ key: String) -> String {
        let input = Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
        var digest = [UInt8](repeating: 0, count: 20)
        EVP_Digest(input, input.count, &digest, nil, EVP_sha1(), nil)
        var text = [UInt8](repeating: 0, count: 29)
        let length = EVP_EncodeBlock(&text, digest, 20)
        return String(decoding: text.prefix(Int(length)), as: UTF8.self)
    }
}
