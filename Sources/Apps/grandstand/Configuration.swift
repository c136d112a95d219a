import Customers
import Glibc
import Kernel

/// One setting: its name, what it means, its unit and what it is when nobody says.
struct Setting {
    /// What may be written; checked for every setting before anything is touched.
    enum Form {
        case text
        case oneOf([String])
        case number(ClosedRange<Int64>)
        /// A decimal number above or equal to zero, with at most two places.
        case hundredths
        case address
    }

    let key: String
    let unit: String
    let standard: String
    let help: String
    var form = Form.text
    /// Never shown.
    var isSecret = false

    var environment: String {
        "GRANDSTAND_" + key.uppercased().split(separator: "-").joined(separator: "_")
    }

    static let all: [Setting] = [
        Setting(
            key: "data", unit: "directory", standard: "data",
            help: "Where the journal, the projections and the lock are kept."),
        Setting(
            key: "listen", unit: "address:port", standard: "127.0.0.1:8080",
            help: "The punters' pages, REST and WebSocket.", form: .address),
        Setting(
            key: "desk-listen", unit: "address:port", standard: "127.0.0.1:8081",
            help: "The operators' page, metrics and health. Keep it on loopback or behind a proxy.",
            form: .address),
        Setting(
            key: "public-origin", unit: "URL", standard: "",
            help:
                "The origin punters see when a proxy stands before us, such as https://bets.example."
        ),
        Setting(
            key: "loops", unit: "event loops", standard: "0",
            help: "0: as many as there are cores, at most 8.", form: .number(0...64)),
        Setting(
            key: "feed", unit: "file or word", standard: "simulation",
            help:
                "simulation, none, or a recorded file (Betfair stream, unified XML or Grandstand feed)."
        ),
        Setting(
            key: "second-feed", unit: "file", standard: "",
            help:
                "A recorded file of a second supplier of the same matches: its prices are compared, and hold where the first is silent."
        ),
        Setting(
            key: "most-apart", unit: "hundredths of a percent", standard: "500",
            help: "How far the chances of two suppliers may be apart before a market is shut.",
            form: .number(1...10_000)),
        Setting(
            key: "speed", unit: "times", standard: "1",
            help: "How much faster than recorded a file is played; 0 as fast as it comes.",
            form: .hundredths),
        Setting(
            key: "matches", unit: "matches", standard: "6",
            help: "How many football matches the simulated world plays at once.",
            form: .number(1...200)),
        Setting(
            key: "tennis-matches", unit: "matches", standard: "2",
            help: "How many tennis matches it plays beside them.", form: .number(0...200)),
        Setting(
            key: "match-seconds", unit: "seconds", standard: "240",
            help: "How long a simulated match lasts, from its announcement to its end.",
            form: .number(20...86_400)),
        Setting(
            key: "seed", unit: "number", standard: "0",
            help: "The simulated world's seed; 0: another one at each start.",
            form: .number(0...Int64.max)),
        Setting(
            key: "quotes", unit: "offered or required", standard: "offered",
            help:
                "required: every bet needs a single-use quote, fetched when it is tapped and good for 30 s.",
            form: .oneOf(["offered", "required"])),
        Setting(
            key: "quarter-lines", unit: "off or on", standard: "off",
            help:
                "on: simulated matches offer an Asian handicap and an Asian total, too, settled by halves.",
            form: .oneOf(["off", "on"])),
        Setting(
            key: "early-payout", unit: "goals", standard: "0",
            help:
                "Simulated matches: bets on who wins are paid as soon as their side leads by so many; 0 never.",
            form: .number(0...9)),
        Setting(
            key: "margin", unit: "1/100 percent", standard: "500",
            help: "What our books add up to above 100 %.", form: .number(0...5000)),
        Setting(
            key: "publish-interval", unit: "ms", standard: "100",
            help: "Between two published versions of one market.", form: .number(1...60_000)),
        Setting(
            key: "stale-after", unit: "ms", standard: "20000",
            help: "Silence of a feed after which its markets are shut.",
            form: .number(1000...180_000)),
        Setting(
            key: "maximum-stake", unit: "minor units", standard: "100000",
            help: "The highest stake on a market of the feed.", form: .number(1...Limits.stake)),
        Setting(
            key: "liability-limit", unit: "minor units", standard: "10000000",
            help: "The most a market of the feed may lose.",
            form: .number(1...Limits.potentialReturn)),
        Setting(
            key: "suspend-at", unit: "minor units, 0 never", standard: "0",
            help:
                "The worst loss at which a market of the feed is shut by itself, until somebody moves its limits.",
            form: .number(0...Limits.potentialReturn)),
        Setting(
            key: "most-move", unit: "hundredths of a percent, 0 any", standard: "0",
            help:
                "How far a chance may move from one price to the next before a market of the feed is shut by itself.",
            form: .number(0...10_000)),
        Setting(
            key: "sport-delays", unit: "ms by sport, or none", standard: "none",
            help:
                "How long a bet in play waits at least, such as football=5000,tennis=3000; a feed that says more is followed."
        ),
        Setting(
            key: "scouted-return", unit: "minor units", standard: "10000000000",
            help:
                "The highest potential return that a feed's unconfirmed result settles; 0: none, all wait.",
            form: .number(0...Limits.potentialReturn)),
        Setting(
            key: "demo-grant", unit: "minor units", standard: "100000",
            help: "Demo money of a new demo account.", form: .number(1...Limits.stake)),
        Setting(
            key: "demo-accounts", unit: "per minute", standard: "600",
            help: "New demo accounts over all visitors.", form: .number(0...1_000_000)),
        Setting(
            key: "currency", unit: "ISO 4217", standard: "EUR",
            help: "The cell's currency; fixed when the journal is begun."),
        Setting(
            key: "rounding", unit: "down, half-up, half-even", standard: "down",
            help: "The one rounding of a bet; fixed when the journal is begun.",
            form: .oneOf(["down", "half-up", "half-even"])),
        Setting(
            key: "minimum-stake", unit: "minor units", standard: "10",
            help: "The lowest stake; fixed when the journal is begun.", form: .number(1...1_000_000)
        ),
        Setting(
            key: "payout-cap", unit: "minor units", standard: "10000000000",
            help: "The highest return of a bet; fixed when the journal is begun.",
            form: .number(1...Limits.potentialReturn)),
        Setting(
            key: "customer-payout-cap", unit: "minor units, 0 none", standard: "0",
            help:
                "What a customer's open bets may return together; fixed when the journal is begun.",
            form: .number(0...Limits.minorUnits)),
        Setting(
            key: "day-payout-cap", unit: "minor units, 0 none", standard: "0",
            help:
                "What a customer may be paid on one day (UTC), its open bets counted as if all won, those at starting or guaranteed prices at what was reckoned with; fixed when the journal is begun.",
            form: .number(0...Limits.minorUnits)),
        Setting(
            key: "fx-rate", unit: "decimal", standard: "1",
            help:
                "What one unit of the cell's currency is worth in the licence's, such as 1.0873; written down with each bet."
        ),
        Setting(
            key: "brand", unit: "number", standard: "0", help: "The brand's number, 0 unknown.",
            form: .number(0...4_294_967_295)),
        Setting(
            key: "licence", unit: "number", standard: "0", help: "The licence's number, 0 unknown.",
            form: .number(0...4_294_967_295)),
        Setting(
            key: "segment-bytes", unit: "bytes", standard: "16777216",
            help: "Size of a journal segment: a multiple of 4096, at least 2 MiB.",
            form: .number(2_097_152...1_073_741_824)),
        Setting(
            key: "snapshot-every", unit: "MiB of journal", standard: "256",
            help: "A snapshot is taken after so much journal; 0: none.",
            form: .number(0...1_048_576)),
        Setting(
            key: "snapshot-rate", unit: "MiB a second", standard: "64",
            help: "How fast a snapshot is written at most; the journal's writes come first.",
            form: .number(1...100_000)),
        Setting(
            key: "keep-days", unit: "days", standard: "0",
            help:
                "Segments that no start needs move to the archive when they are older; 0: never.",
            form: .number(0...36_500)),
        Setting(
            key: "keep-mebibytes", unit: "MiB", standard: "0",
            help:
                "Segments that no start needs move to the archive when the journal is larger; 0: never.",
            form: .number(0...1_073_741_824)),
        Setting(
            key: "archive", unit: "directory", standard: "",
            help: "Where segments are copied, and read back, before they leave."),
        Setting(
            key: "digests", unit: "directory", standard: "",
            help:
                "Where the SHA-256 of each full segment is written as well, such as another machine's: evidence against who rewrites a journal."
        ),
        Setting(
            key: "intake-slots", unit: "slots of 256 bytes", standard: "1024",
            help: "Commands that may wait for the engine before `busy` is answered.",
            form: .number(64...1_048_576)),
        Setting(
            key: "open-bets", unit: "bets", standard: "4000000",
            help: "Bets that the engine holds at once.", form: .number(1000...100_000_000)),
        Setting(
            key: "connections", unit: "connections", standard: "15000",
            help: "Connections of punters in all.", form: .number(1...1_000_000)),
        Setting(
            key: "connections-per-address", unit: "connections", standard: "64",
            help: "Connections from one address that is not loopback.", form: .number(1...1_000_000)
        ),
        Setting(
            key: "requests-per-second", unit: "requests", standard: "100",
            help:
                "What one user may ask in the long run, over all its connections; 0: no limit. Strangers count by address, on loopback not at all.",
            form: .number(0...1_000_000)),
        Setting(
            key: "requests-burst", unit: "requests", standard: "200",
            help: "What one user may ask at once after a pause; a quarter of it is left to bets.",
            form: .number(1...1_000_000)),
        Setting(
            key: "proxy-protocol", unit: "off or v2", standard: "off",
            help:
                "v2: every connection of punters begins with a header of the PROXY protocol, version 2, and anything else is cut.",
            form: .oneOf(["off", "v2"])),
        Setting(
            key: "trusted-hops", unit: "addresses", standard: "",
            help:
                "Proxies, separated by commas, whose X-Forwarded-For says who a client is; nobody else's is read."
        ),
        Setting(
            key: "location-regions", unit: "ISO 3166 codes", standard: "",
            help:
                "Where bets are taken, separated by commas, such as GB,IE,US-NJ; empty: nobody is asked where they are."
        ),
        Setting(
            key: "location-table", unit: "file", standard: "",
            help:
                "Which addresses are where: lines such as 192.0.2.0/24 GB vpn. Needed where location-regions is set. Read anew when it changes, or at once by SIGHUP."
        ),
        Setting(
            key: "location-tolerated", unit: "signs", standard: "",
            help:
                "What speaks against a place and does not count, separated by commas: \(LocationSigns.named.map(\.word).joined(separator: ", "))."
        ),
        Setting(
            key: "location-recheck", unit: "seconds", standard: "1200",
            help: "After which a customer is located anew; near a border after 300 at most.",
            form: .number(30...86_400)),
        Setting(
            key: "location-key", unit: "file of 32 bytes", standard: "",
            help:
                "By which a provider signs what its program says of a device; where it is set, an address alone is not enough."
        ),
        Setting(
            key: "location-script", unit: "file", standard: "",
            help:
                "The provider's program for the punters' page: a module with a function locate({account}) that promises what location-key signed."
        ),
        Setting(
            key: "location-origins", unit: "URLs", standard: "",
            help:
                "Where that program asks, separated by commas, such as https://geo.example.com; a browser lets it ask nobody else."
        ),
        Setting(
            key: "tls-certificates", unit: "PEM files", standard: "",
            help:
                "Encrypts the punters' listener. Files separated by commas, each a chain with its private key; which one is shown goes by the host that is asked for, the first to whoever names none. Read anew when they change, or at once by SIGHUP."
        ),
        Setting(
            key: "hsts-seconds", unit: "seconds", standard: "31536000",
            help:
                "For how long a browser that came encrypted comes by no other way (HSTS); 0: unsaid.",
            form: .number(0...315_360_000)),
        Setting(
            key: "drain-seconds", unit: "seconds", standard: "10",
            help: "How long a stop waits for clients to leave.", form: .number(0...600)),
        Setting(
            key: "pages", unit: "directory", standard: "",
            help: "Serve the pages from here instead of the ones that came with the program."),
    ]
}

/// What is wrong with what somebody typed or wrote into a file.
struct UsageError: Error {
    let text: String
}

/// The effective settings: the file, over it the environment, over it the command line.
struct Configuration {
    private var values: [String: (value: String, source: String)] = [:]

    init(flags: [String: String], environment: [String: String]) throws(UsageError) {
        for setting in Setting.all { values[setting.key] = (setting.standard, "default") }
        let path = flags["config"] ?? environment["GRANDSTAND_CONFIG"]
        if let path { try read(file: path) }
        for setting in Setting.all {
            if let value = environment[setting.environment] {
                values[setting.key] = (value, setting.environment)
            }
            if let value = flags[setting.key] { values[setting.key] = (value, "--" + setting.key) }
        }
        for setting in Setting.all { try check(setting) }
    }

    private func check(_ setting: Setting) throws(UsageError) {
        switch setting.form {
        case .text: break
        case .oneOf(let words):
            guard words.contains(text(setting.key)) else {
                throw wrong(setting.key, "It must be one of \(words.joined(separator: ", ")).")
            }
        case .number: _ = try number(setting.key)
        case .hundredths: _ = try hundredths(setting.key)
        case .address: _ = try address(setting.key)
        }
    }

    private func wrong(_ key: String, _ what: String) -> UsageError {
        UsageError(text: "\(key) is \"\(text(key))\" (from \(source(key))). \(what)")
    }

    private mutating func read(file path: String) throws(UsageError) {
        guard let bytes = readFile(path) else {
            throw UsageError(text: "The configuration file \(path) cannot be read.")
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let trimmed = line.drop { $0 == " " || $0 == "\t" }
            guard !trimmed.isEmpty, !trimmed.hasPrefix("#") else { continue }
            let parts = trimmed.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let key = String(parts[0].reversed().drop { $0 == " " }.reversed())
            guard parts.count == 2, values[key] != nil else {
                throw UsageError(
                    text: "\(path), line \(index + 1): write `key = value` with a key that "
                        + "`grandstand config` lists.")
            }
            let value = parts[1].drop { $0 == " " }.reversed().drop { $0 == " " || $0 == "\r" }
                .reversed()
            values[key] = (String(value), "\(path):\(index + 1)")
        }
    }

    func text(_ key: String) -> String { values[key]?.value ?? "" }
    func source(_ key: String) -> String { values[key]?.source ?? "" }

    /// A whole number in the range that the setting names.
    func number(_ key: String) throws(UsageError) -> Int64 {
        guard case .number(let range)? = Setting.all.first(where: { $0.key == key })?.form else {
            preconditionFailure("\(key) is no setting with a range")
        }
        guard let value = Int64(text(key)), range.contains(value) else {
            throw wrong(
                key,
                "It must be a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return value
    }

    /// A decimal number in hundredths.
    func hundredths(_ key: String) throws(UsageError) -> Int64 {
        let parts = text(key).split(separator: ".", omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? String((parts[1] + "00").prefix(2)) : "00"
        guard parts.count <= 2, let whole = Int64(parts[0]), whole >= 0, whole <= 1_000_000,
            let part = Int64(fraction)
        else {
            throw wrong(key, "It must be a number such as 20 or 0.5.")
        }
        return whole * 100 + part
    }

    func address(_ key: String) throws(UsageError) -> (host: String, port: UInt16) {
        let value = text(key)
        guard let colon = value.lastIndex(of: ":"),
            let port = UInt16(value[value.index(after: colon)...])
        else {
            throw wrong(key, "Write an address and a port, such as 127.0.0.1:8080.")
        }
        var host = String(value[..<colon])
        if host == "localhost" { host = "127.0.0.1" }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return (host, port)
    }
}

/// A whole file, or nil.
func readFile(_ path: String) -> [UInt8]? {
    guard let file = fopen(path, "rb") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = fread(&chunk, 1, chunk.count, file)
        guard count > 0 else { break }
        bytes += chunk[0..<count]
    }
    return ferror(file) == 0 ? bytes : nil
}
