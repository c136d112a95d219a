import Betting
public import Customers
import EngineCore
import JSONText
import Kernel
import NetworkCodecs
import NetworkLoops
import Synchronization

/// How it is found out where customers are, for every bet.
public final class LocationRules: Sendable {
    let policy: LocationPolicy
    /// With which a provider signs what its program says of a device; nil: an address is enough.
    let deviceKey: [UInt8]?
    /// Under which the page finds the provider's program; nil: it has none.
    let script: String?
    private let table: Mutex<AddressTable>
    /// The mark of each account's newest decision: the engine goes by that one alone. As many as there are accounts.
    private let newest = Mutex<[AccountID: UInt64]>([:])

    public init(
        _ policy: LocationPolicy, _ table: AddressTable, deviceKey: [UInt8]? = nil,
        script: String? = nil
    ) {
        self.policy = policy
        self.table = Mutex(table)
        self.deviceKey = deviceKey
        self.script = script
    }

    /// Which addresses are where from now on.
    public func replace(_ table: AddressTable) { self.table.withLock { $0 = table } }

    func addressed(_ address: NetworkAddress?) -> LocationReport {
        guard let address else { return LocationReport(.address, region: nil, signs: .unlisted) }
        return table.withLock { $0.report(of: address) }
    }

    func isNewest(_ mark: UInt64, of account: AccountID) -> Bool {
        newest.withLock { $0[account] == mark }
    }

    func note(_ mark: UInt64, of account: AccountID) {
        newest.withLock { $0[account] = mark }
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

    /// Before a bet: what is not known any more is decided anew, ahead of it. The mark of the decision that the bet goes
    /// by, 0 where its device does not say where it is; nil where nobody asks.
    func locate(_ session: PunterSession, at peer: String) throws(Problem) -> UInt64? {
        guard let rules = settings.location else { return nil }
        let (now, address) = (self.now, NetworkAddress(peer))
        let known = session.whereabouts
        if let stands = known.standing(from: address, under: rules.policy, at: now),
            rules.isNewest(stands.mark, of: session.account)
        {
            return stands.mark
        }
        guard
            let decision = known.decision(
                from: address, rules.addressed(address), under: rules.policy, at: now)
        else { return 0 }
        guard let mark = submit(decision, rules, of: session, at: address, { _ in }) else {
            throw busy()
        }
        return mark
    }

    /// The mark of a decision that is on its way to the journal, nil where there is no room for it now. `answer` hears
    /// whether it was written down; what was not is forgotten.
    private func submit(
        _ decision: LocationDecision, _ rules: LocationRules, of session: PunterSession,
        at address: NetworkAddress?, _ answer: @escaping (Bool) -> Void
    ) -> UInt64? {
        let mark = max(Tokens.random64(), 1)
        let taken = hub.submit({ record, _ in
            if record == nil { session.locate { $0.forget(mark) } }
            answer(record != nil)
        }) {
            $0.location(of: session.account, session.session, decision, mark: mark)
        }
        // At once: what is asked next comes behind it.
        guard taken else { return nil }
        let decided = Whereabouts.Decided(decision, mark: mark, from: address, at: now)
        session.locate { $0.decide(decided) }
        rules.note(mark, of: session.account)
        return mark
    }

    /// After a bet: what the engine does not go by is decided anew before the next one. A repeat says nothing of now.
    func relocate(_ session: PunterSession?, after record: RecordBytes?) {
        guard let session, let record, record.isUnlocated, let rules = settings.location else {
            return
        }
        session.locate { known in
            if let mark = known.decided?.mark, rules.isNewest(mark, of: session.account) {
                known.forget(mark)
            }
        }
    }

    /// What holds of who asks, or would be decided before a bet. Nothing is written down for being looked at.
    private func getLocation(_ call: Call, _ reply: any Reply) {
        do throws(Problem) {
            let session = try needSession(call)
            guard let rules = settings.location else { return reply.send(unasked()) }
            let (now, address) = (self.now, NetworkAddress(call.peer))
            let known = session.whereabouts
            let decision =
                known.standing(from: address, under: rules.policy, at: now)?.decision
                ?? known.decision(
                    from: address, rules.addressed(address), under: rules.policy, at: now)
            reply.send(document(rules, decision))
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
            let (now, address) = (self.now, NetworkAddress(call.peer))
            guard let packet = LocationPacket(text, key: key), packet.account == session.account,
                packet.isGood(at: now), hear(packet, rules, on: session),
                let decision = session.whereabouts.decision(
                    from: address, rules.addressed(address), under: rules.policy, at: now)
            else {
                throw Problem(
                    422, "location_invalid",
                    "This says nothing of where you are now: it is not signed, too old, or of somebody else."
                )
            }
            let taken = submit(decision, rules, of: session, at: address) {
                [unowned self] isDone in
                isDone ? reply.send(document(rules, decision)) : reply.fail(busy())
            }
            guard taken != nil else { throw busy() }
        } catch {
            reply.fail(error)
        }
    }

    /// False where its device has said something newer already.
    private func hear(
        _ packet: LocationPacket, _ rules: LocationRules, on session: PunterSession
    ) -> Bool {
        let seen = rules.policy.hold(packet.report, against: rules.addressed(packet.address))
        let device = Whereabouts.Device(seen, from: packet.address, at: packet.at)
        return session.locate { $0.hear(device) }
    }

    private func unasked() -> HTTPResponse {
        Documents.json(asOf: hub.view.order, .nobody) { json in
            json.key("required")
            json.bool(false)
        }
    }

    private func document(_ rules: LocationRules, _ decision: LocationDecision?) -> HTTPResponse {
        Documents.json(asOf: hub.view.order, .nobody) { json in
            json.key("required")
            json.bool(true)
            json.key("by")
            json.string((rules.deviceKey == nil ? LocationSource.address : .device).word)
            if let script = rules.script {
                json.key("script")
                json.string(script)
            }
            guard let decision else { return }
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
    /// Whether a bet was refused now since the decision that it goes by is not its customer's newest, or over.
    var isUnlocated: Bool {
        flags & Layout.Placed.repeated == 0
            && field(Layout.Placed.refusal, as: UInt16.self) == Refusal.locationUnknown.rawValue
    }
}
