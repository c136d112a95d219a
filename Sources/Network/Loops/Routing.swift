import NetworkCodecs

extension HTTPServer {
    /// Finds the request's route and has it answer.
    func serve(_ request: HTTPRequest, on connection: Connection, to exchange: any HTTPExchange) {
        counted()
        do throws(Problem) {
            try route(request, on: connection, to: exchange)
        } catch {
            exchange.answer(error.response)
        }
    }

    private func route(
        _ request: HTTPRequest, on connection: Connection, to exchange: any HTTPExchange
    ) throws(Problem) {
        let peer =
            proxies.hops.isEmpty
            ? connection.peer
            : ForwardedFor.client(
                connection.peer, request.fields("x-forwarded-for"), hops: proxies.hops)
        var context = RequestContext(
            request: request, parameters: [:], peer: peer, isForwarded: peer != connection.peer,
            loop: connection.loop)
        let match = router.find(request.method, request.pathBytes)
        var description: RouteDescription?
        if case .route(let route, _) = match { description = route.description }
        exchange.guardFields = try guardRequest?(context, description) ?? []
        switch match {
        case .route(let route, let parameters):
            context = RequestContext(
                request: request, parameters: parameters, peer: peer,
                isForwarded: context.isForwarded, loop: connection.loop)
            if route.description.needsSession {
                guard let requireSession else {
                    throw Problem(503, "not_available", "Nobody can be signed in here.")
                }
                try requireSession(context)
            }
            try carryOut(route.handler, context, exchange)
        case .otherMethods(let methods):
            let allow = (methods.map(\.name) + ["OPTIONS"]).joined(separator: ", ")
            if request.method == .options {
                exchange.answer(HTTPResponse(status: 204, fields: [("allow", allow)]))
            } else {
                var problem = Problem(405, "method_not_allowed", "Use another method here.")
                problem.fields = [("allow", allow)]
                throw problem
            }
        case .nothing:
            if request.method == .options, request.path == "*" {
                return exchange.answer(
                    HTTPResponse(
                        status: 204, fields: [("allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS")]))
            }
            guard !request.opensTunnel, let response = try fallback?(context) else {
                throw Problem(404, "not_found", "There is nothing here.")
            }
            exchange.answer(response)
        }
    }

    private func carryOut(
        _ handler: RouteHandler, _ context: RequestContext, _ exchange: any HTTPExchange
    ) throws(Problem) {
        if case .webSocket(let body) = handler { return try exchange.upgrade(context, body) }
        guard !context.request.opensTunnel else {
            throw Problem(405, "no_web_socket", "This address speaks no WebSocket.")
        }
        switch handler {
        case .immediate(let body): exchange.answer(try body(context))
        case .deferred(let body): body(context, Responder(exchange, loop: context.loop))
        case .asynchronous(let body):
            let responder = LoopBound(value: Responder(exchange, loop: context.loop))
            let isolated = AsynchronousExchange(context.loop, responder)
            let request = ExchangeRequest(
                request: context.request, parameters: context.parameters, peer: context.peer)
            Task(executorPreference: context.loop) { await isolated.run(request, body) }
        case .webSocket: break
        }
    }
}

/// Carries what belongs to a loop through a type that must be sendable; used on that loop alone.
private struct LoopBound<Value>: @unchecked Sendable {
    let value: Value
}

/// One request and its answer, isolated to the loop of its connection.
private actor AsynchronousExchange {
    private let loop: Loop
    private let bound: LoopBound<Responder>

    init(_ loop: Loop, _ responder: LoopBound<Responder>) {
        self.loop = loop
        bound = responder
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func run(
        _ request: ExchangeRequest,
        _ handler: @Sendable (ExchangeRequest) async throws -> HTTPResponse
    ) async {
        do {
            bound.value.send(try await handler(request))
        } catch let problem as Problem {
            bound.value.fail(problem)
        } catch {
            bound.value.fail(Problem(500, "internal", "Something went wrong on our side."))
        }
    }
}
