import NetworkCodecs
import NetworkLoops

/// The network floor alone: a WebSocket echo on /ws and a 27-byte answer on /hello.
enum EchoServer {
    static func run(port: UInt16) {
        let loop = Loop()
        let admission = Admission(maximum: 20_000)
        let server = HTTPServer()
        let body = Array("{\"message\":\"Hello, world!\"}".utf8)
        let answer = RouteDescription.Answer(200, "A greeting")
        server.router.add(
            .get, "/hello",
            RouteDescription("hello", "Says hello", tag: "floor", answers: [answer]),
            .immediate { _ in .json(200, body) })
        server.router.add(
            .get, "/later",
            RouteDescription("later", "Says hello by an async handler", tag: "floor", answers: [answer]),
            .asynchronous { _ in
                // It leaves its loop's turn and comes back to it, as a handler does that waits for something.
                await Task.yield()
                return .json(200, body)
            })
        server.router.add(
            .get, "/ws", RouteDescription("echo", "Echoes", tag: "floor", answers: [answer]),
            .webSocket { _ in Echo() })
        do {
            let listener = try Listener(
                loop: loop, host: "127.0.0.1", port: port, admission: admission
            ) { server.accept($0) }
            print("listening on \(listener.port)")
            loop.run()
        } catch {
            print(error.text)
        }
    }

    private final class Echo: WebSocketHandler {
        func opened(_ socket: WebSocketConnection) {}
        func received(_ text: Span<UInt8>, isText: Bool, on socket: WebSocketConnection) {
            socket.send(isText ? .text : .binary, text)
        }
    }
}
