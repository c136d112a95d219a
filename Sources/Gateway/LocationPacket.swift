import Customers
import JSONText
import Kernel

/// What a provider's program found out about a device, signed by the provider: `base64url(JSON).base64url(HMAC-SHA-256)`.
struct LocationPacket {
    let account: AccountID
    /// When it was found out, UTC.
    let at: Timestamp
    /// That the provider saw the device come from.
    let address: NetworkAddress
    let report: LocationReport

    /// Characters.
    static let most = 2048
    /// Milliseconds that one is good for: nobody carries it elsewhere in that time.
    static let validity: Int64 = 60_000
    /// Milliseconds that the provider's clock may be ahead of ours.
    static let ahead: Int64 = 5000

    func isGood(at now: Timestamp) -> Bool {
        (-Self.ahead...Self.validity).contains(now.milliseconds - at.milliseconds)
    }

    /// Nil for whatever the provider did not sign, or signed without sense.
    init?(_ text: String, key: [UInt8]) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard text.utf8.count <= Self.most, parts.count == 2,
            let body = Tokens.bytes(base64URL: String(parts[0])),
            let signature = Tokens.bytes(base64URL: String(parts[1]))
        else { return nil }
        let wanted = messageAuthenticationCode(Array(parts[0].utf8), key: key)
        // All of them are looked at: how long that takes says nothing.
        guard signature.count == wanted.count,
            zip(signature, wanted).reduce(0, { $0 | $1.0 ^ $1.1 }) == 0
        else { return nil }
        var tape = JSONTape(depth: 4, members: 64)
        guard (try? tape.read(body.span, isUTF8: false)) != nil else { return nil }
        self.init(tape)
    }

    private init?(_ tape: borrowing JSONTape) {
        let root = tape.root
        func text(_ place: JSONTape.Place?) -> String? { place.flatMap { tape.text($0) } }
        // What is there and no number of metres is no packet: taken for unknown it would speak for somebody.
        func metres(_ name: StaticString, up isUp: Bool) -> (isReadable: Bool, value: UInt32?) {
            guard let place = tape.member(name, of: root) else { return (true, nil) }
            guard let (whole, hasMore) = tape.wholePart(place), whole >= 0,
                whole < Int64(UInt32.max) - 1
            else { return (false, nil) }
            return (true, UInt32(whole) + (isUp && hasMore ? 1 : 0))
        }
        let accuracy = metres("accuracy", up: true)
        let border = metres("border", up: false)
        guard accuracy.isReadable, border.isReadable else { return nil }
        guard let account = text(tape.member("account", of: root)).flatMap({ UInt64($0) }),
            let at = text(tape.member("at", of: root)).flatMap({ Timestamp($0) })
        else { return nil }
        var signs: LocationSigns = []
        if let list = tape.member("signs", of: root) {
            guard let count = tape.count(list) else { return nil }
            for number in 0..<count {
                guard let word = text(tape.item(number, of: list)),
                    let sign = LocationSigns(word: word)
                else { return nil }
                signs.insert(sign)
            }
        }
        var known: LocationRegion?
        if let region = tape.member("region", of: root) {
            guard let found = text(region).flatMap({ LocationRegion($0) }) else { return nil }
            known = found
        }
        var reference = ""
        if let said = tape.member("reference", of: root) {
            guard let found = text(said) else { return nil }
            reference = found
        }
        guard reference.utf8.count <= LocationReport.referenceBytes else { return nil }
        guard let address = text(tape.member("address", of: root)).flatMap({ NetworkAddress($0) })
        else { return nil }
        self.address = address
        self.account = AccountID(account)
        self.at = at
        report = LocationReport(
            .device, region: known, signs: signs,
            accuracy: accuracy.value, border: border.value, reference: reference)
    }
}
