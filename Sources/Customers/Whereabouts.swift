public import Kernel

/// What is known of where the customer of one sign-in is: what its device said last, and what was decided last.
public struct Whereabouts: Hashable, Sendable {
    /// What a program on the device found out.
    public struct Device: Hashable, Sendable {
        public var report: LocationReport
        /// That its provider saw the device come from.
        public var address: NetworkAddress
        /// When it was found out.
        public var at: Timestamp

        public init(_ report: LocationReport, from address: NetworkAddress, at: Timestamp) {
            self.report = report
            self.address = address
            self.at = at
        }
    }

    /// What the next bets go by.
    public struct Decided: Hashable, Sendable {
        public var decision: LocationDecision
        /// By which bets name it; not 0.
        public var mark: UInt64
        /// That they come from; nil where that is no address of the Internet.
        public var address: NetworkAddress?
        public var at: Timestamp

        public init(
            _ decision: LocationDecision, mark: UInt64, from address: NetworkAddress?, at: Timestamp
        ) {
            self.decision = decision
            self.mark = mark
            self.address = address
            self.at = at
        }
    }

    public private(set) var device: Device?
    public private(set) var decided: Decided?

    public init() {}

    /// Nanoseconds before its end that a decision is made anew: the bet is on its way meanwhile.
    public static let ahead: Int64 = 5_000_000_000
    /// Nanoseconds that one stands which lets nobody bet, before it is made anew.
    public static let refusedFor: Int64 = 60_000_000_000

    /// False, and nothing is changed, where the device has said something newer already.
    public mutating func hear(_ said: Device) -> Bool {
        if let device, said.at < device.at { return false }
        device = said
        return true
    }

    public mutating func decide(_ decided: Decided) { self.decided = decided }

    /// That a decision is not what the engine goes by: the next bet needs another.
    public mutating func forget(_ mark: UInt64) {
        if decided?.mark == mark { decided = nil }
    }

    /// The decision that a bet from `address` goes by, where one stands.
    public func standing(
        from address: NetworkAddress?, under policy: LocationPolicy, at now: Timestamp
    ) -> Decided? {
        guard let decided, decided.address == address else { return nil }
        guard decided.decision.verdict == .inside else {
            return now.nanoseconds < decided.at.nanoseconds + Self.refusedFor ? decided : nil
        }
        // What a device said cannot be made to last longer by deciding anew.
        let ahead = policy.asksDevices ? 0 : Self.ahead
        return now.nanoseconds < decided.decision.until.nanoseconds - ahead ? decided : nil
    }

    /// What is decided of a bet from `address`, of which its table says `addressed`; nil where its device would have to
    /// say where it is, and has not lately.
    public func decision(
        from address: NetworkAddress?, _ addressed: LocationReport, under policy: LocationPolicy,
        at now: Timestamp
    ) -> LocationDecision? {
        guard policy.asksDevices else { return policy.decide(addressed, at: now) }
        guard let device else { return nil }
        let decision = policy.decide(
            device.report, addressed: addressed, isElsewhere: address != device.address,
            at: device.at)
        return now < decision.until ? decision : nil
    }
}
