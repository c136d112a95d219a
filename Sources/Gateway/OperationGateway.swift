import Kernel
import NetworkCodecs
import NetworkLoops

/// A side of the gateway: a table of operations, asked for by HTTP and by message alike.
protocol OperationGateway: EngineQuestioner {
    associatedtype Session

    var server: HTTPServer { get }
    var settings: GatewaySettings { get }
    var operations: [String: GatewayOperation<Session>] { get set }
    var cookieName: String { get }
    static var notSignedIn: Problem { get }

    func session(_ context: RequestContext) -> Session?
    /// That whoever has the session may ask for that.
    func check(_ session: Session, mayAsk description: RouteDescription) throws(Problem)
    /// Whose money a session moves; nil where it is nobody's own.
    func account(_ session: Session) -> AccountID?
}

extension OperationGateway {
    func check(_ session: Session, mayAsk description: RouteDescription) throws(Problem) {}

    func needSession(_ call: GatewayCall<Session>) throws(Problem) -> Session {
        guard let session = call.session else { throw Self.notSignedIn }
        return session
    }

    /// Makes a route of it, too.
    func add(_ operation: GatewayOperation<Session>) {
        operations[operation.name] = operation
        let handler: RouteHandler
        switch operation.body {
        case .immediate(let body):
            handler = .immediate { [unowned self] context throws(Problem) in
                let call = call(context)
                if let session = call.session {
                    try check(session, mayAsk: operation.description)
                }
                return Documents.conditional(try body(call), context.request)
            }
        case .deferred:
            handler = .deferred { [unowned self] context, responder in
                let reply: any Reply =
                    context.request.method.isSafe
                    ? ConditionalReply(responder, context.request) : responder
                carryOut(operation, call(context), reply)
            }
        }
        server.router.add(operation.method, operation.path, operation.description, handler)
    }

    private func call(_ context: RequestContext) -> GatewayCall<Session> {
        GatewayCall(form: .http(context), session: session(context), peer: context.peer)
    }

    /// Whatever every protocol's asking has in common: who may, and that money moves once.
    func carryOut(
        _ operation: GatewayOperation<Session>, _ call: GatewayCall<Session>, _ reply: any Reply
    ) {
        do throws(Problem) {
            let session = operation.description.needsSession ? try needSession(call) : nil
            if let session { try check(session, mayAsk: operation.description) }
            switch operation.body {
            case .immediate(let body): reply.send(try body(call))
            case .deferred(let body):
                guard operation.description.movesMoney else { return body(call, reply) }
                try settings.moneyRequests.carryOut(
                    call, session.flatMap { account($0) }, reply, body)
            }
        } catch {
            reply.fail(error)
        }
    }

    /// What sets the session's cookie for so many seconds; 0 takes it away.
    func cookie(_ value: String, maxAge: Int) -> String {
        let secure = settings.hasPlainCookies ? "" : "; Secure"
        return
            "\(cookieName)=\(value); Path=/; HttpOnly; SameSite=Strict; Max-Age=\(maxAge)\(secure)"
    }
}
