public import EngineService
public import Kernel
import NetworkCodecs
public import NetworkLoops
public import Pricing

/// What a gateway is told about where and how it serves.
public struct GatewaySettings: Sendable {
    /// Exact origins that pages may come from.
    public var origins: Set<String> = []
    /// Values of Host that are answered.
    public var hosts: Set<String> = []
    /// Whether the listener is reached by loopback only: demo accounts and plain cookies need it.
    public var isLoopback = true
    /// Whether the listener encrypts by itself.
    public var isEncrypted = false
    /// Certificates, when it does.
    public var credentials: TLSCredentials?
    /// What a browser that came encrypted is told about other ways; nil for nothing.
    public var transportSecurity: String?
    public var brand: UInt32 = 0
    public var licence: UInt32 = 0
    /// To the licence's currency, as it stands on each bet.
    public var rate = ExchangeRate.same
    /// Demo money for a new demo account, minor units.
    public var demoGrant: Int64 = 100_000
    /// New demo accounts a minute, over all visitors.
    public var demoAccountsPerMinute = 600
    /// Where the gateway's loop tells what it counted.
    public var board = LoopBoard()
    /// How often one user may ask, over all loops.
    public var rates = RateGuard(nil)
    /// How clients behind proxies are known.
    public var proxies = TrustedProxies()
    /// Requests that move money and are being carried out, over all loops.
    public var moneyRequests = MoneyRequests()
    /// Signs where pages of listings end.
    public var cursors: Cursors
    /// Single-use quotes that are out, over all loops.
    public var quotes = QuoteBook(key: [UInt8](repeating: 0, count: 32))
    /// No bet is taken without one.
    public var areQuotesRequired = false
    /// Who prices selections of one match together; nil where nobody does.
    public var jointPricer: (any JointPricer)?
    /// What a joint price is lowered by, once for each leg: hundredths of a percent.
    public var jointMargin: UInt32 = 500
    /// How it is found out where customers are; nil where nobody asks.
    public var location: LocationRules?
    /// What was seen of money that knows more than the prices; nil where nobody looks.
    public var integrity: (@Sendable () -> IntegrityPicture)?
    /// Origins that programs of a page may ask beside our own.
    public var scriptOrigins: [String] = []
    /// Why no bets can be taken yet, nil when they can.
    public var whyNotReady: @Sendable () -> String? = { nil }

    public init(cursors: Cursors) { self.cursors = cursors }

    /// Whether cookies may travel encrypted only: when nobody but this machine is served, plain ones will do.
    var hasPlainCookies: Bool { isLoopback && !isEncrypted }

    func readiness(_ server: HTTPServer) -> HTTPResponse {
        if server.isDraining { return .text(503, "not ready: the server is going away\n") }
        if let reason = whyNotReady() { return .text(503, "not ready: \(reason)\n") }
        return .text(200, "ready\n")
    }
}
