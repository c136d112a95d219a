import NetworkCodecs
import NetworkLoops

/// Who may speak to a listener at all.
enum OriginGuard {
    /// A WebSocket is for our pages and for programs that say whose page they stand for.
    static func checkWebSocket(_ context: RequestContext) throws(Problem) {
        guard context.request.hasField("origin") else {
            throw Problem(403, "origin_missing", "A WebSocket needs the page's Origin.")
        }
    }

    /// Host must be one we serve; whoever changes something must say from which page, and it must be ours.
    static func check(_ context: RequestContext, _ settings: GatewaySettings) throws(Problem) {
        let request = context.request
        let host = request.field("host") ?? ""
        guard settings.hosts.contains(host) else {
            throw Problem(421, "host_unknown", "This host is not served here.")
        }
        let origin = request.field("origin")
        if let origin, !settings.origins.contains(origin) {
            throw Problem(403, "origin_refused", "Requests from that origin are refused.")
        }
        // A browser always names the origin of an unsafe request; programs without cookies need not.
        if !request.method.isSafe, origin == nil, request.hasField("cookie") {
            throw Problem(403, "origin_missing", "Say the page's Origin with a cookie.")
        }
    }
}
