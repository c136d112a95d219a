import CLibuv
import Glibc
import NetworkCodecs

/// Whole connections that hear a stranger's bytes, for the fuzzer: the same as in the product, on a loop that is
/// turned by hand.
public final class FuzzedConnections {
    private let loop = Loop()
    private let server: HTTPServer

    /// What a client says first of all in HTTP/2: the preface, and settings without any.
    private static let preface =
        Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]

    public init() {
        server = HTTPServer(timeouts: HTTPTimeouts(request: 1000, idle: 2000))
        let description = RouteDescription("t", "t", tag: "t", answers: [])
        let large = [UInt8](repeating: 0x61, count: 200_000)
        server.router.add(.get, "/now", description, .immediate { _ in .text(200, "now") })
        server.router.add(.get, "/large", description, .immediate { _ in .json(200, large) })
        server.router.add(.post, "/echo", description, .immediate { .json(200, $0.request.body) })
        server.router.add(
            .get, "/stream", description,
            .deferred { _, responder in
                let stream = responder.stream(HTTPResponse(status: 200))
                for word in ["one", "two"] { _ = stream?.write(Array(word.utf8).span) }
                stream?.finish()
            })
        server.router.add(.get, "/socket", description, .webSocket { _ in EchoHandler() })
    }

    /// One client says `bytes`, in HTTP/2 behind its preface, and reads what it is told; then it leaves.
    ///
    /// - Precondition: afterwards nothing of it is left.
    public func hear(_ bytes: [UInt8], isHTTP2: Bool) {
        var ends: [Int32] = [0, 0]
        guard
            socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends)
                == 0,
            let connection = Connection(loop: loop, descriptor: ends[1], peer: "192.0.2.1")
        else { return }
        server.begin(connection, speaks: isHTTP2 ? "h2" : nil)
        connection.startReading()
        say((isHTTP2 ? Self.preface : []) + bytes, on: ends[0])
        shutdown(ends[0], Int32(SHUT_WR))
        turn(8) { read(ends[0]) }
        close(ends[0])
        turn(8) {}
        connection.cut()
        turn(2) {}
        precondition(loop.connectionCount == 0, "who has left is not there")
        precondition(loop.waitingBytes == 0, "nothing waits for who has left")
    }

    private func say(_ bytes: [UInt8], on end: Int32) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(end, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else {
                // The connection's side is full: it is read, and what it says as well.
                turn(1) { read(end) }
                guard count < 0, errno == EAGAIN, loop.connectionCount > 0 else { return }
                continue
            }
            sent += count
        }
    }

    private func read(_ end: Int32) {
        withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) { buffer in
            while recv(end, buffer.baseAddress, buffer.count, 0) > 0 {}
        }
    }

    private func turn(_ times: Int, _ between: () -> Void) {
        for _ in 0..<times {
            uv_run(loop.handle, UV_RUN_NOWAIT)
            between()
        }
    }
}

@available(*, unavailable)
extension FuzzedConnections: Sendable {}

private final class EchoHandler: WebSocketHandler {
    func opened(_ socket: WebSocketConnection) {}
    func received(_ text: Span<UInt8>, isText: Bool, on socket: WebSocketConnection) {
        socket.send(text: text.withUnsafeBufferPointer { Array($0) })
    }
    func drained(_ socket: WebSocketConnection) {}
    func closed(_ socket: WebSocketConnection) {}
}
