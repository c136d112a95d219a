import CLibuv
import CSystem
import Glibc

/// What a connection does with what comes in. Lives on the connection's loop; every member is called there.
public protocol ConnectionHandler: AnyObject {
    /// Bytes from the peer, which live until this returns; answers how many were used. The rest comes
    /// again, together with what follows.
    func received(_ bytes: inout MutableSpan<UInt8>, on connection: Connection) -> Int
    /// Last chance to write something for this turn's one write; only to who asked by `wantsFill`.
    func fill(_ connection: Connection)
    /// Output fell under the low watermark again.
    func drained(_ connection: Connection)
    /// `connection.deadline` passed.
    func deadlinePassed(on connection: Connection)
    /// The last call: the connection is gone.
    func closed(_ connection: Connection)
    /// The peer closed its side; unless somebody still owes it an answer, that is the end.
    func peerEnded(_ connection: Connection)
    /// The connection is encrypted from here on, and the peer wants to speak `name` (ALPN); nil for nothing said.
    func secured(_ connection: Connection, speaks name: String?)
}

/// What carries a WebSocket's bytes: a connection of its own, or a stream of one that carries many. Of its loop.
public protocol ByteChannel: AnyObject {
    var loop: Loop { get }
    /// Loop milliseconds at which its reader wants to be woken.
    var deadline: UInt64 { get set }
    var isOpen: Bool { get }
    /// Whether less waits than what makes a sender conflate.
    var isWritable: Bool { get }
    /// Bytes that wait to be sent.
    var queuedBytes: Int { get }
    func write(_ bytes: [UInt8])
    /// Queues bytes that many get.
    func write(shared bytes: [UInt8])
    /// Lets `body` append to the output in place.
    func withOutput(_ body: (inout [UInt8]) -> Void)
    func goFirst()
    /// Whether nothing was sent for so many milliseconds.
    func isQuiet(_ milliseconds: UInt64, now: UInt64) -> Bool
    func closeWhenFlushed()
    func cut()
}

extension ConnectionHandler {
    public func fill(_ connection: Connection) {}
    public func peerEnded(_ connection: Connection) { connection.cut() }
    public func drained(_ connection: Connection) {}
    public func secured(_ connection: Connection, speaks name: String?) {}
}

/// Bounds of one connection's output, in bytes.
public struct OutputLimits: Sendable {
    /// Milliseconds that a peer has to read its last answer.
    static var farewell: UInt64 { 10_000 }
    /// Milliseconds that sent bytes may stay unacknowledged before the kernel gives the peer up.
    static var unacknowledged: UInt32 { 60_000 }
    /// Bytes that the kernel takes beyond what is on its way: of a client that has stopped reading, so much and no
    /// more waits there.
    static var unsent: UInt32 { 131_072 }
    /// Bytes that TLS itself may have to say to a peer that does not read them, such as answers to new keys.
    static var mostHandshake: Int { 65_536 }
    /// Above this a sender conflates instead of queueing.
    public var conflate: Int
    /// Above this the connection is cut.
    public var cut: Int

    public init(conflate: Int = 262_144, cut: Int = 1_048_576) {
        self.conflate = conflate
        self.cut = cut
    }
}

/// A growing run of bytes that goes back to its loop when it is empty.
final class OutputBuffer {
    var bytes: [UInt8] = []
    var start = 0

    var count: Int { bytes.count - start }
}

/// One TCP connection with bounded output and one write a turn.
///
/// Belongs to its loop. Everything that is written in a turn goes out together before the loop sleeps.
public final class Connection: ByteChannel {
    public let loop: Loop
    public let limits: OutputLimits
    public var handler: (any ConnectionHandler)?
    /// Loop milliseconds at which the handler wants to be woken; checked once a second.
    public var deadline: UInt64 = .max
    /// The peer as text, without its port; the client's, once a proxy has said who that is.
    public private(set) var peer: String
    /// Who this connection is counted as.
    private var admission: Admission?
    private let tcp: UnsafeMutablePointer<uv_tcp_t>
    private let descriptor: Int32
    private var output: OutputBuffer?
    /// A message for many that waits alone: it is sent from where it lies, without a copy.
    private var shared: [UInt8]?
    private var isDirty = false
    private var isDirtyFirst = false
    private var writing: OutputBuffer?
    /// Bytes of `output` that wait behind `writing`.
    private var heldOutput = 0
    /// Encrypts what goes out and decrypts what comes in, once it was begun.
    private var tls: TLSSession?
    private var leftover: [UInt8] = []
    /// Where what is left over begins in its array: it is moved up rarely, not for every request.
    private var leftoverStart = 0
    private var isSecuredJustNow = false
    /// The handler writes when it is asked.
    private var fills = false
    private var isFilling = false
    private var fillsAgain = false
    /// TLS was told that nothing more follows.
    private var hasSaidEnd = false
    private var isReading = false
    private var isClosing = false
    private var closesWhenFlushed = false
    private var wasAboveConflate = false
    private var drainBudget = 0
    /// Loop milliseconds when anything was last sent.
    private var lastSent: UInt64 = 0
    public private(set) var bytesIn: UInt64 = 0
    public private(set) var bytesOut: UInt64 = 0

    /// Takes over an accepted descriptor, which is closed with the connection. On the loop.
    public init?(loop: Loop, descriptor: Int32, peer: String, limits: OutputLimits = OutputLimits())
    {
        self.loop = loop
        self.limits = limits
        self.peer = peer
        self.descriptor = descriptor
        tcp = .allocate(capacity: 1)
        uv_tcp_init(loop.handle, tcp)
        guard uv_tcp_open(tcp, descriptor) == 0 else {
            Glibc.close(descriptor)
            uv_close(UnsafeMutableRawPointer(tcp).assumingMemoryBound(to: uv_handle_t.self)) {
                UnsafeMutableRawPointer($0!).assumingMemoryBound(to: uv_tcp_t.self).deallocate()
            }
            return nil
        }
        uv_tcp_nodelay(tcp, 1)
        gs_set_user_timeout(descriptor, OutputLimits.unacknowledged)
        gs_bound_unsent(descriptor, OutputLimits.unsent)
        tcp.pointee.data = Unmanaged.passRetained(self).toOpaque()
        loop.register(self)
    }

    private var stream: UnsafeMutablePointer<uv_stream_t> {
        UnsafeMutableRawPointer(tcp).assumingMemoryBound(to: uv_stream_t.self)
    }

    private static func of(_ data: UnsafeMutableRawPointer) -> Connection {
        Unmanaged<Connection>.fromOpaque(data).takeUnretainedValue()
    }

    // MARK: Input

    public func startReading() {
        guard !isReading, !isClosing else { return }
        isReading = true
        uv_read_start(
            stream,
            { handle, _, buffer in
                let loop = Connection.of(handle!.pointee.data).loop
                buffer!.pointee = uv_buf_init(
                    loop.readBuffer.baseAddress!.assumingMemoryBound(to: CChar.self),
                    UInt32(loop.readBuffer.count))
            },
            { stream, count, buffer in
                let connection = Connection.of(stream!.pointee.data)
                if count > 0 {
                    connection.take(count)
                } else if count == Int(UV_EOF.rawValue) {
                    connection.peerEnded()
                } else if count < 0 {
                    connection.cut()
                }
            })
    }

    /// The peer says no more; what it asked for before may still be answered.
    private func peerEnded() {
        stopReading()
        guard let handler, drainBudget == 0, !closesWhenFlushed else { return cut() }
        handler.peerEnded(self)
    }

    /// The peer is no longer read: its bytes wait in the kernel, and then with it.
    public func stopReading() {
        guard isReading else { return }
        isReading = false
        uv_read_stop(stream)
    }

    private func take(_ count: Int) {
        bytesIn += UInt64(count)
        if drainBudget > 0 {
            // Already refused; read on for a while so that the peer sees the answer, not a reset.
            drainBudget -= count
            if drainBudget <= 0 { cut() }
            return
        }
        let fresh = UnsafeMutableBufferPointer(
            rebasing: loop.readBuffer.assumingMemoryBound(to: UInt8.self)[0..<count])
        if tls == nil { accept(fresh) } else { decrypt(UnsafeRawBufferPointer(fresh)) }
    }

    /// What the peer says, in the clear.
    private func accept(_ fresh: UnsafeMutableBufferPointer<UInt8>) {
        // After the last answer was given nothing further is asked.
        guard !closesWhenFlushed else { return }
        let count = fresh.count
        if leftover.isEmpty {
            var span = MutableSpan(_unsafeElements: fresh)
            let before = handler
            let used = hand(&span)
            if used < count, isListening {
                leftover = Array(fresh[used...])
                leftoverStart = 0
                if isSecuredJustNow { return beginDecrypting() }
                // What one handler left may be whole for the one that took its place.
                if handler !== before { process() }
            }
        } else {
            if leftoverStart > 0, leftoverStart >= leftover.count / 2 {
                leftover.removeSubrange(0..<leftoverStart)
                leftoverStart = 0
            }
            leftover.append(contentsOf: fresh)
            process()
        }
    }

    private func hand(_ bytes: inout MutableSpan<UInt8>) -> Int {
        guard let handler else { return bytes.count }
        return handler.received(&bytes, on: self)
    }

    /// Hands the bytes that were left over once more, after a handler has changed or is free again.
    public func process() {
        guard leftoverBytes > 0, isListening else { return }
        var bytes = leftover
        let start = leftoverStart
        leftover = []
        leftoverStart = 0
        let before = handler
        let used = bytes.withUnsafeMutableBufferPointer { all in
            var span = MutableSpan(
                _unsafeElements: UnsafeMutableBufferPointer(rebasing: all[start...]))
            return hand(&span)
        }
        if start + used < bytes.count, isListening {
            leftover = bytes
            leftoverStart = start + used
            if isSecuredJustNow { return beginDecrypting() }
            if handler !== before { process() }
        }
    }

    /// Bytes that were read and that nobody has used yet.
    public var leftoverBytes: Int { leftover.count - leftoverStart }

    // MARK: Encryption

    public var isSecure: Bool { tls != nil }

    /// Everything from here on is encrypted; what was not used yet of what came, too. The handler is told when
    /// hands were shaken. False when OpenSSL has no memory.
    public func secure(by credentials: TLSCredentials) -> Bool {
        guard tls == nil, let session = credentials.session(on: loop) else { return false }
        tls = session
        isSecuredJustNow = true
        return true
    }

    /// What came behind the last byte in the clear is ciphertext already.
    private func beginDecrypting() {
        isSecuredJustNow = false
        let rest = Array(leftover[leftoverStart...])
        leftover = []
        leftoverStart = 0
        rest.withUnsafeBytes { decrypt($0) }
    }

    private func decrypt(_ bytes: UnsafeRawBufferPointer) {
        guard let tls else { return }
        isSecuredJustNow = false
        tls.take(bytes) {
            while isListening, tls.isEstablished || shakeHands(tls) {
                switch tls.read(into: loop.plainBuffer) {
                case .bytes(let count):
                    accept(
                        UnsafeMutableBufferPointer(
                            rebasing: loop.plainBuffer.assumingMemoryBound(to: UInt8.self)[
                                0..<count]))
                case .needsMore: return
                case .ended: return peerEnded()
                case .failed: return cut()
                }
            }
        }
        // Tickets, answers to new keys, alerts.
        guard tls.outgoingBytes <= OutputLimits.mostHandshake else { return cut() }
        if tls.hasOutgoing, isOpen { markDirty() }
    }

    /// Whether the handshake is done.
    private func shakeHands(_ tls: TLSSession) -> Bool {
        switch tls.shakeHands() {
        case .goesOn: return false
        case .failed:
            // The alert says why.
            closeWhenFlushed()
            return false
        case .done:
            handler?.secured(self, speaks: tls.speaks)
            return true
        }
    }

    /// What waits in the clear becomes what waits to be sent.
    private func encrypt(_ tls: TLSSession) {
        if !tls.isEstablished {
            // Nothing goes out in the clear that was meant to be encrypted.
            guard output == nil, shared == nil else { return cut() }
        } else {
            var isWhole = true
            if let bytes = shared {
                shared = nil
                isWhole = bytes.withUnsafeBytes { tls.write($0) }
            }
            if let buffer = output {
                output = nil
                isWhole =
                    buffer.bytes.withUnsafeBytes {
                        tls.write(UnsafeRawBufferPointer(rebasing: $0[buffer.start...]))
                    } && isWhole
                recycle(buffer)
            }
            guard isWhole else { return cut() }
        }
        output = tls.takeOutgoing()
        if queuedBytes >= limits.conflate { wasAboveConflate = true }
    }

    // MARK: Output

    /// Bytes that wait here for the kernel to take them.
    public var queuedBytes: Int {
        (output?.count ?? 0) + (writing?.count ?? 0) + (shared?.count ?? 0)
    }

    public var isWritable: Bool { queuedBytes < limits.conflate }

    public var isOpen: Bool { !isClosing }

    /// Whether what the peer says still counts: not after its last answer.
    public var isListening: Bool { !isClosing && !closesWhenFlushed && drainBudget == 0 }

    /// Whether nothing was sent for so many milliseconds.
    public func isQuiet(_ milliseconds: UInt64, now: UInt64) -> Bool {
        lastSent + milliseconds <= now
    }

    /// Queues bytes; they go out before the loop sleeps. Cuts a peer that let too much pile up.
    public func write(_ bytes: [UInt8]) {
        withOutput { $0 += bytes }
    }

    public func write(_ bytes: Span<UInt8>) {
        withOutput { out in
            bytes.withUnsafeBufferPointer { out.append(contentsOf: $0) }
        }
    }

    /// Queues bytes that many get; nothing is copied unless more has to wait here.
    public func write(shared bytes: [UInt8]) {
        guard output == nil, writing == nil, shared == nil, !isClosing, !closesWhenFlushed,
            bytes.count < limits.conflate
        else { return write(bytes) }
        shared = bytes
        markDirty()
    }

    /// Lets `body` append to the output in place.
    public func withOutput(_ body: (inout [UInt8]) -> Void) {
        guard !isClosing, !closesWhenFlushed else { return }
        if output == nil { output = loop.takeBuffer() }
        if let shared {
            output!.bytes += shared
            self.shared = nil
        }
        let before = output!.bytes.count
        body(&output!.bytes)
        if queuedBytes >= limits.conflate { wasAboveConflate = true }
        markDirty()
        if queuedBytes > limits.cut { return cut() }
        guard writing != nil else { return }
        // It waits behind what the kernel did not take, and counts with that.
        let more = output!.bytes.count - before
        guard loop.mayKeepWaiting(more) else { return cut() }
        heldOutput += more
    }

    /// What waited behind something is on its way, or dropped.
    private func release() {
        loop.noLongerWaiting(heldOutput)
        heldOutput = 0
    }

    /// Asks for `fill` before this turn's write.
    func wantsFill() {
        fills = true
        guard !isFilling else { return fillsAgain = true }
        if !isClosing { markDirty() }
    }

    private func markDirty() {
        guard !isDirty else { return }
        isDirty = true
        loop.markDirty(self)
    }

    /// What waits here goes out before what waits elsewhere: an answer to a bet before a price for everybody.
    public func goFirst() {
        guard !isDirtyFirst, isDirty else { return }
        isDirtyFirst = true
        loop.markDirtyFirst(self)
    }

    /// What the kernel takes of `bytes` from `start` at once; nil after an error, when this has ended.
    private func send(_ bytes: [UInt8], from start: Int) -> Int? {
        lastSent = loop.milliseconds
        // libuv would go through the file's own write, which takes a twentieth longer.
        let sent = bytes.withUnsafeBytes { raw in
            Glibc.send(
                descriptor, raw.baseAddress! + start, raw.count - start,
                Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
        if sent >= 0 {
            bytesOut += UInt64(sent)
            return sent
        }
        guard errno == EAGAIN || errno == EINTR else {
            cut()
            return nil
        }
        return 0
    }

    func flush() {
        // What it writes goes out now: there is no need to come by again, unless it asks for that.
        if fills, isDirty {
            isFilling = true
            handler?.fill(self)
            isFilling = false
        }
        isDirty = false
        isDirtyFirst = false
        if fillsAgain {
            fillsAgain = false
            if !isClosing { markDirty() }
        }
        if let tls, !isClosing, writing == nil { encrypt(tls) }
        if let bytes = shared {
            shared = nil
            guard !isClosing, let sent = send(bytes, from: 0) else { return }
            guard sent < bytes.count else { return finishIfFlushed() }
            output = loop.takeBuffer()
            output!.bytes += bytes[sent...]
        }
        guard !isClosing, writing == nil, let buffer = output else {
            finishIfFlushed()
            return
        }
        if buffer.count > 0 {
            guard let sent = send(buffer.bytes, from: buffer.start) else { return }
            buffer.start += sent
        }
        if buffer.count == 0 {
            recycle(buffer)
            output = nil
            finishIfFlushed()
            tellDrained()
        } else {
            output = nil
            writeRest(buffer)
        }
    }

    private func recycle(_ buffer: OutputBuffer) {
        buffer.start = 0
        guard loop.freeBuffers.count < 256, buffer.bytes.capacity <= 65_536 else { return }
        buffer.bytes.removeAll(keepingCapacity: true)
        loop.freeBuffers.append(buffer)
    }

    /// The kernel is full: what is left is written when it has room, and its memory kept until then.
    private func writeRest(_ buffer: OutputBuffer) {
        guard loop.mayKeepWaiting(buffer.count) else { return cut() }
        writing = buffer
        let request = UnsafeMutablePointer<uv_write_t>.allocate(capacity: 1)
        request.pointee.data = Unmanaged.passRetained(self).toOpaque()
        let result = buffer.bytes.withUnsafeBytes { raw in
            // The array is not touched while it is `writing`, so its storage stays where it is.
            var piece = uv_buf_init(
                UnsafeMutableRawPointer(mutating: raw.baseAddress! + buffer.start)
                    .assumingMemoryBound(to: CChar.self), UInt32(buffer.count))
            return uv_write(request, stream, &piece, 1) { request, status in
                let connection = Unmanaged<Connection>.fromOpaque(request!.pointee.data)
                    .takeRetainedValue()
                request!.deallocate()
                connection.restWritten(status)
            }
        }
        if result != 0 {
            Unmanaged<Connection>.fromOpaque(request.pointee.data).release()
            request.deallocate()
            writing = nil
            loop.noLongerWaiting(buffer.count)
            cut()
        }
    }

    private func restWritten(_ status: Int32) {
        guard let buffer = writing else { return }
        bytesOut += UInt64(buffer.count)
        loop.noLongerWaiting(buffer.count)
        release()
        writing = nil
        guard status == 0, !isClosing else {
            cut()
            return
        }
        recycle(buffer)
        if output != nil || tls?.hasOutgoing ?? false { flush() } else { finishIfFlushed() }
        tellDrained()
    }

    /// Once it was over its watermark and has room again.
    private func tellDrained() {
        guard wasAboveConflate, queuedBytes < limits.conflate / 2, !isClosing else { return }
        wasAboveConflate = false
        handler?.drained(self)
    }

    // MARK: The end

    /// Ends after what is queued has gone out, reading on within a bound so that it can be seen.
    public func closeWhenFlushed() {
        guard !closesWhenFlushed, !isClosing else { return }
        closesWhenFlushed = true
        // Whoever does not read its last answer is not waited for.
        deadline = loop.milliseconds + OutputLimits.farewell
        if writing == nil, output == nil, shared == nil { finishIfFlushed() }
    }

    private func finishIfFlushed() {
        guard closesWhenFlushed, !isClosing, writing == nil, output == nil, shared == nil,
            drainBudget == 0
        else { return }
        guard hasSaidEverything() else { return markDirty() }
        drainBudget = 262_144
        leftover = []
        deadline = loop.milliseconds + 2000
        let request = UnsafeMutablePointer<uv_shutdown_t>.allocate(capacity: 1)
        if uv_shutdown(request, stream, { request, _ in request!.deallocate() }) != 0 {
            request.deallocate()
            cut()
            return
        }
        startReading()
        handler = Lingering(handler)
    }

    /// Over TLS the last word is that this was all, and nobody cut the rest off; false while that waits.
    private func hasSaidEverything() -> Bool {
        guard let tls else { return true }
        if !hasSaidEnd {
            hasSaidEnd = true
            tls.sayEnd()
        }
        return !tls.hasOutgoing
    }

    /// The loop's: a deadline has passed.
    func deadlinePassed() {
        deadline = .max
        if closesWhenFlushed { cut() } else { handler?.deadlinePassed(on: self) }
    }

    /// Ends now; what was queued is dropped.
    public func cut() {
        guard !isClosing else { return }
        isClosing = true
        isReading = false
        release()
        output = nil
        shared = nil
        leftover = []
        uv_close(UnsafeMutableRawPointer(tcp).assumingMemoryBound(to: uv_handle_t.self)) { handle in
            let connection = Unmanaged<Connection>.fromOpaque(handle!.pointee.data)
                .takeRetainedValue()
            UnsafeMutableRawPointer(handle!).assumingMemoryBound(to: uv_tcp_t.self).deallocate()
            connection.gone()
        }
    }

    private func gone() {
        loop.forget(self)
        let last = handler
        handler = nil
        last?.closed(self)
        admission?.leave(peer)
        admission = nil
    }

    /// It was let in under its peer's address, and is counted out under it.
    func admitted(by admission: Admission) { self.admission = admission }

    /// A proxy says whose connection this is: from here on it is counted as that. False when that one has too
    /// many already.
    func become(_ client: String) -> Bool {
        guard admission?.move(from: peer, to: client) ?? true else { return false }
        peer = client
        return true
    }
}

@available(*, unavailable)
extension Connection: Sendable {}

/// Stands in while a refused peer's bytes are read away: two seconds, then the end.
private final class Lingering: ConnectionHandler {
    private let before: (any ConnectionHandler)?

    init(_ before: (any ConnectionHandler)?) { self.before = before }

    func received(_ bytes: inout MutableSpan<UInt8>, on connection: Connection) -> Int {
        bytes.count
    }
    func deadlinePassed(on connection: Connection) { connection.cut() }
    func closed(_ connection: Connection) { before?.closed(connection) }
}

/// Listens on one address for one loop.
///
/// Bounds: `maximum` connections in all, `perPeer` from one address that is not loopback.
public final class Listener {
    public let port: UInt16
    private let loop: Loop
    private let server: UnsafeMutablePointer<uv_tcp_t>
    private let limits: OutputLimits
    private let accept: (Connection) -> Void
    private let admission: Admission
    /// The loop's turn, and how many were taken in it.
    private var turn: UInt64 = 0
    private var taken = 0
    private var isClosed = false

    public struct Failure: Error, Sendable {
        public let text: String
    }

    /// On the loop. `admission` is shared by all listeners that count together.
    public init(
        loop: Loop, host: String, port: UInt16, reusesPort: Bool = false, admission: Admission,
        limits: OutputLimits = OutputLimits(), accept: @escaping (Connection) -> Void
    ) throws(Failure) {
        self.loop = loop
        self.limits = limits
        self.accept = accept
        self.admission = admission
        var bound: UInt16 = 0
        let descriptor = gs_listen(host, port, reusesPort ? 1 : 0, 4096, &bound)
        guard descriptor >= 0 else {
            throw Failure(
                text: "cannot listen on \(host):\(port): \(String(cString: strerror(-descriptor)))")
        }
        self.port = bound
        server = .allocate(capacity: 1)
        uv_tcp_init(loop.handle, server)
        uv_tcp_open(server, descriptor)
        server.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        uv_listen(
            UnsafeMutableRawPointer(server).assumingMemoryBound(to: uv_stream_t.self), 4096
        ) { server, status in
            guard status == 0 else { return }
            Unmanaged<Listener>.fromOpaque(server!.pointee.data).takeUnretainedValue().come()
        }
    }

    /// Connections taken in one turn of the loop. When thousands come at once, those who are here are served in
    /// between: a bet is not kept waiting by a crowd at the door.
    static let perTurn = 16

    /// One more stands at the door.
    private func come() {
        if turn != loop.turns {
            turn = loop.turns
            taken = 0
        }
        guard taken < Self.perTurn else {
            // libuv knocks no more until this one is taken.
            return loop.after(milliseconds: 0) { [weak self] in
                self?.taken = 0
                self?.come()
            }
        }
        taken += 1
        take()
    }

    private func take() {
        guard !isClosed else { return }
        let client = UnsafeMutablePointer<uv_tcp_t>.allocate(capacity: 1)
        uv_tcp_init(loop.handle, client)
        let serverStream = UnsafeMutableRawPointer(server).assumingMemoryBound(to: uv_stream_t.self)
        let clientStream = UnsafeMutableRawPointer(client).assumingMemoryBound(to: uv_stream_t.self)
        func drop() {
            uv_close(UnsafeMutableRawPointer(client).assumingMemoryBound(to: uv_handle_t.self)) {
                UnsafeMutableRawPointer($0!).assumingMemoryBound(to: uv_tcp_t.self).deallocate()
            }
        }
        guard uv_accept(serverStream, clientStream) == 0 else { return drop() }
        // The connection opens the descriptor anew, so that it alone owns its handle.
        var descriptor: uv_os_fd_t = -1
        uv_fileno(
            UnsafeMutableRawPointer(client).assumingMemoryBound(to: uv_handle_t.self), &descriptor)
        let own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        let peer = Self.peer(of: client)
        drop()
        guard own >= 0 else { return }
        guard admission.admit(peer) else {
            // A sentence for whoever is turned away, if the kernel takes it at once.
            _ = send(own, Self.full, Self.full.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
            Glibc.close(own)
            return
        }
        guard let connection = Connection(loop: loop, descriptor: own, peer: peer, limits: limits)
        else {
            admission.leave(peer)
            return
        }
        connection.admitted(by: admission)
        accept(connection)
        connection.startReading()
    }

    private static let full: [UInt8] = {
        let body =
            "{\"type\":\"about:blank\",\"status\":503,\"code\":\"too_many_connections\",\"title\":\"Come later.\"}"
        let head =
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n"
            + "connection: close\r\nretry-after: 5\r\ncontent-length: \(body.utf8.count)\r\n\r\n"
        return Array((head + body).utf8)
    }()

    private static func peer(of client: UnsafeMutablePointer<uv_tcp_t>) -> String {
        var address = sockaddr_storage()
        var length = Int32(MemoryLayout<sockaddr_storage>.size)
        var text = [CChar](repeating: 0, count: 64)
        let found = withUnsafeMutableBytes(of: &address) { raw in
            let pointer = raw.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            guard uv_tcp_getpeername(client, pointer, &length) == 0 else { return false }
            if pointer.pointee.sa_family == sa_family_t(AF_INET6) {
                return uv_ip6_name(
                    raw.baseAddress!.assumingMemoryBound(to: sockaddr_in6.self), &text, 64) == 0
            }
            return uv_ip4_name(
                raw.baseAddress!.assumingMemoryBound(to: sockaddr_in.self), &text, 64) == 0
        }
        return found
            ? String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            : "unknown"
    }

    /// Takes no more connections.
    public func close() {
        isClosed = true
        uv_close(UnsafeMutableRawPointer(server).assumingMemoryBound(to: uv_handle_t.self)) {
            UnsafeMutableRawPointer($0!).assumingMemoryBound(to: uv_tcp_t.self).deallocate()
        }
    }
}
