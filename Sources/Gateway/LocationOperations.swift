import Betting
public import Customers
import EngineCore
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops
import Synchronization

/// How it is found out where customers are, for every bet.
public struct LocationRules: Sendable {
    let policy: LocationPolicy
    let table: AddressTable
    /// With which a provider signs what its program says of a device; nil: an address is enough.
    let deviceKey: [UInt8]?
    let newest = NewestLocations()

    public init(_ policy: LocationPolicy, _ table: AddressTable, deviceKey: [UInt8]? = nil) {
        self.policy = policy
        self.table = table
        self.deviceKey = deviceKey
    }

    func addressed(_ peer: String) -> LocationReport {
        guard let address = NetworkAddress(peer) else {
            return LocationReport(.address, region: nil, signs: .unlisted)
        }
        return table.report(of: address)
    }

    /// Nanoseconds before its end that a decision is made anew: the bet is on its way meanwhile.
    static let ahead: Int64 = 5_000_000_000
    /// Nanoseconds that one stands which lets nobody bet, before an address is looked up again.
    static let refusedFor: Int64 = 60_000_000_000
}

/// Of which sign-in each account's newest decision is: the engine goes by that one alone. As many as there are accounts.
final class NewestLocations: Sendable {
    private let sessions = Mutex<[AccountID: SessionID]>([:])

    func note(_ session: PunterSession) {
        sessions.withLock { $0[session.account] = session.session }
    }

    func isOf(_ session: PunterSession) -> Bool {
        sessions.withLock { $0[session.account] == session.session }
    }
}

/// What was decided on a sign-in, and from where it was asked for.
struct Located: Sendable {
    let peer: String
    let decision: LocationDecision
    /// Nanoseconds since 1970.
    let decidedAt: Int64

    func stands(at now: Int64, from peer: String) -> Bool {
        guard self.peer == peer else { return false }
        return decision.verdict == .inside
            ? now < decision.until.nanoseconds - LocationRules.ahead
            : now < decidedAt + LocationRules.refusedFor
    }
}

/// Where customers are: looked up before every bet, and told by programs on their devices.
extension PunterGateway {
    var locationOperations: [Operation] {
        [
            Operation(
                description: PunterRoutes.location, method: .get, path: "/api/v1/location",
                body: .deferred { [unowned self] call, reply in getLocation(call, reply) }),
            Operation(
                description: PunterRoutes.setLocation, method: .put, path: "/api/v1/location",
                body: .deferred { [unowned self] call, reply in setLocation(call, reply) }),
        ]
    }

    /// Before a bet: what is not known any more is decided anew, ahead of it. Whether the bet must be located.
    func locate(_ session: PunterSession, at peer: String) throws(Problem) -> Bool {
        guard let rules = settings.location else { return false }
        let now = self.now
        let known = session.located
        let isNewest = rules.newest.isOf(session)
        if isNewest, known?.stands(at: now.nanoseconds, from: peer) == true { return true }
        let addressed = rules.addressed(peer)
        var decision = rules.policy.decide(addressed, at: now)
        if rules.deviceKey != nil {
            if let known {
                // Who was inside by a device and comes from elsewhere now may be so no more; who was decided of on
                // another device meanwhile is still where this one said.
                guard known.peer != peer || !isNewest, known.decision.verdict == .inside else {
                    return true
                }
                decision = rules.policy.decide(
                    known.decision.report, addressed: addressed, at: now)
                decision.until = min(decision.until, known.decision.until)
            } else if decision.verdict == .inside {
                // An address alone is not enough here.
                decision.verdict = .doubtful
            }
        }
        guard submit(decision, rules, of: session, at: peer, { _ in }) else { throw busy() }
        return true
    }

    /// False where there is no room for it now. `answer` hears whether it was written down; what was not is forgotten.
    private func submit(
        _ decision: LocationDecision, _ rules: LocationRules, of session: PunterSession,
        at peer: String, _ answer: @escaping (Bool) -> Void
    ) -> Bool {
        let taken = hub.submit({ record, _ in
            if record == nil { session.located = nil }
            answer(record != nil)
        }) {
            $0.location(of: session.account, session.session, decision)
        }
        // At once: what is asked next comes behind it.
        guard taken else { return false }
        session.located = Located(peer: peer, decision: decision, decidedAt: now.nanoseconds)
        rules.newest.note(session)
        return true
    }

    private func getLocation(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let session = try needSession(call)
            let isAsked = try locate(session, at: call.peer)
            reply.send(document(session, isAsked: isAsked))
        } catch {
            reply.fail(error)
        }
    }

    private func setLocation(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let session = try needSession(call)
            guard let rules = settings.location, let key = rules.deviceKey else {
                throw Problem(
                    422, "location_not_asked", "Nobody asks devices here where they are.")
            }
            try call.body(on: &tape)
            guard let text = tape.member("packet", of: tape.root).flatMap({ tape.text($0) }) else {
                throw Problem(400, "malformed", "packet: what the provider's program signed")
            }
            let now = self.now
            let peer = call.peer
            guard let packet = LocationPacket(text, key: key),
                packet.account == session.account,
                abs(now.milliseconds - packet.at.milliseconds) <= LocationPacket.validity
            else {
                throw Problem(
                    422, "location_invalid",
                    "This says nothing of where you are now: it is not signed, too old, or of somebody else."
                )
            }
            var report = packet.report
            if let address = packet.address, address != NetworkAddress(peer) {
                report.signs.insert(.disagreeing)
            }
            let decision = rules.policy.decide(report, addressed: rules.addressed(peer), at: now)
            let taken = submit(decision, rules, of: session, at: peer) { [unowned self] isDone in
                isDone ? reply.send(document(session, isAsked: true)) : reply.fail(busy())
            }
            guard taken else { throw busy() }
        } catch {
            reply.fail(error)
        }
    }

    private func document(_ session: PunterSession, isAsked: Bool) -> HTTPResponse {
        Documents.json(asOf: hub.view.order, .nobody) { json in
            json.key("required")
            json.bool(isAsked)
            guard isAsked else { return }
            json.key("by")
            json.string(
                (settings.location?.deviceKey == nil ? LocationSource.address : .device).word)
            guard let decision = session.located?.decision else { return }
            json.key("verdict")
            json.string(decision.verdict.word)
            if let region = decision.report.region {
                json.key("region")
                json.string(region.code)
            }
            json.key("signs")
            json.array { json in
                for word in decision.report.signs.words { json.string(word) }
            }
            guard decision.verdict == .inside else { return }
            json.key("until")
            json.string(decision.until.description)
        }
    }
}

extension RecordBytes {
    /// Whether a bet was refused since its customer's newest decision is over, or of another sign-in.
    var isUnlocated: Bool {
        field(Layout.Placed.refusal, as: UInt16.self) == Refusal.locationUnknown.rawValue
    }
}
