import CSystem
import Foundation
import Glibc
import JSONText
import Kernel

/// `grandstand bet place|list`: a client of a running server.
enum BetCommands {
    static let help = """
        grandstand bet: bet on a running server, from a terminal

        USAGE
          grandstand bet place --stake N [--market ID] [--selection N] [--server ADDRESS:PORT]
          grandstand bet list [--server ADDRESS:PORT]

        `place` takes the price that the market shows now. Without --market it takes the first open one.
        A demo account is made at the first use and kept in --session.

        OPTIONS
          --server     the punters' address (127.0.0.1:8080)
          --session    file that keeps the session, readable by you alone (.grandstand-session)
          --stake      minor units, such as cents (100)
          --market     the market's id, as the page and the API show it
          --selection  the selection's place in its market, from 0 (0)
          --rule       exact, better or any (exact)
        """

    static func run(_ raw: [String]) throws -> Int32 {
        let arguments = try Arguments(
            raw, of: "bet", words: 1,
            values: ["server", "session", "stake", "market", "selection", "rule"])
        guard !arguments.wantsHelp, let word = arguments.words.first else {
            print(help)
            return arguments.wantsHelp ? 0 : 2
        }
        let client = try Client(
            server: arguments.flags["server"] ?? "127.0.0.1:8080",
            sessionFile: arguments.flags["session"] ?? ".grandstand-session")
        switch word {
        case "place": return try place(arguments, client)
        case "list": return try list(client)
        default: throw UsageError(text: "bet can place or list, not \"\(word)\".")
        }
    }

    private static func list(_ client: Client) throws -> Int32 {
        try client.signIn()
        let (_, json) = try client.call("GET", "/api/v1/bets")
        for bet in json["bets"]?.items ?? [] {
            let legs = (bet["legs"]?.items ?? []).map {
                "\($0["fixtureName"]?.text ?? ""): \($0["selectionName"]?.text ?? "")"
            }
            print(
                "\(bet["id"]?.text ?? "") \(bet["status"]?.text ?? "") "
                    + "stake \(client.money(bet["stake"]?.whole ?? 0)), "
                    + "payout \(client.money(bet["payout"]?.whole ?? 0)), "
                    + legs.joined(separator: " + ")
                    + (bet["refusal"]?["text"]?.text.map { ": \($0)" } ?? ""))
        }
        return 0
    }

    private static func place(_ arguments: Arguments, _ client: Client) throws -> Int32 {
        guard let stake = Int64(arguments.flags["stake"] ?? "100"), stake > 0,
            stake <= Limits.stake
        else {
            throw UsageError(
                text: "--stake must be whole minor units, from 1 to \(Limits.stake).")
        }
        let rule = arguments.flags["rule"] ?? "exact"
        guard ["exact", "better", "any"].contains(rule) else {
            throw UsageError(text: "--rule is exact, better or any, not \"\(rule)\".")
        }
        guard let selection = Int(arguments.flags["selection"] ?? "0"), selection >= 0 else {
            throw UsageError(text: "--selection is the selection's number, from 0.")
        }
        try client.signIn()
        let market = try find(arguments.flags["market"], client)
        let selections = market["selections"]?.items ?? []
        guard selection < selections.count else {
            throw UsageError(
                text: "That market has \(selections.count) selections: --selection is from 0 to "
                    + "\(selections.count - 1).")
        }
        guard let odds = selections[selection]["odds"],
            let pair = odds.items
        else {
            throw UsageError(text: "That selection has no price now. Try again or another one.")
        }
        let (_, fixture) = try client.call(
            "GET", "/api/v1/fixtures/\(market["fixture"]?.text ?? "")")
        let id = Client.newID()
        let until = Timestamp(nanoseconds: gs_wall_nanoseconds()).adding(milliseconds: 15_000)
        var body = JSONWriter()
        body.object { json in
            json.key("validUntil")
            json.string(until.description)
            json.key("stake")
            json.object { json in
                json.key("amount")
                json.number(stake)
                json.key("currency")
                json.string(client.currency)
            }
            json.key("priceRule")
            json.string(rule)
            json.key("legs")
            json.array { json in
                json.object { json in
                    json.key("market")
                    json.string(market["id"]?.text ?? "")
                    json.key("selection")
                    json.number(selection)
                    json.key("odds")
                    json.array { json in
                        for part in pair { json.number(part.whole ?? 0) }
                    }
                    json.key("version")
                    json.number(market["version"]?.whole ?? 0)
                    // What the customer saw of the match stands in the bet.
                    if let score = fixture["fixture"]?["score"]?.items {
                        json.key("score")
                        json.array { json in
                            for goals in score { json.number(goals.whole ?? 0) }
                        }
                    }
                    if let clock = fixture["fixture"]?["clock"]?.whole {
                        json.key("clock")
                        json.number(clock)
                    }
                }
            }
        }
        let (status, answer) = try client.call(
            "POST", "/api/v1/bets", body: body.bytes, key: id.description)
        let bet = answer["bet"]
        if let refusal = bet?["refusal"] {
            print(
                "refused: \(refusal["text"]?.text ?? "") (\(refusal["code"]?.text ?? ""))"
                    + facts(of: refusal, client))
            return 1
        }
        guard status < 300 else {
            print("not placed: \(answer["title"]?.text ?? "") \(answer["detail"]?.text ?? "")")
            return 1
        }
        let price = pair.compactMap { $0.whole.flatMap { UInt32(exactly: $0) } }
        let shown =
            price.count == 2 ? Odds(price[0], over: price[1])?.text(as: .decimal) ?? "" : ""
        let match = fixture["fixture"].map {
            "\($0["home"]?.text ?? "") v \($0["away"]?.text ?? ""), "
        }
        print(
            "\(bet?["status"]?.text ?? ""): bet \(bet?["id"]?.text ?? ""), "
                + "\(client.money(stake)) at \(shown) on \(selections[selection]["name"]?.text ?? "") "
                + "(\(match ?? "")\(market["name"]?.text ?? "")), "
                + "potential return \(client.money(bet?["potentialReturn"]?.whole ?? 0))")
        if let due = bet?["dueAt"]?.text {
            print(
                "It is decided at \(due), after the in-play delay; `grandstand bet list` shows it.")
        }
        return 0
    }

    /// What was asked and what would have been taken, where a refusal has such facts.
    private static func facts(of refusal: JSONValue, _ client: Client) -> String {
        let isMoney = ["stake", "funds", "return", "exposure"].contains {
            refusal["code"]?.text?.contains($0) == true
        }
        func words(_ value: JSONValue?) -> String? {
            if let text = value?.text { return text }
            if let number = value?.whole { return isMoney ? client.money(number) : "\(number)" }
            guard let items = value?.items else { return nil }
            let numbers = items.compactMap { $0.whole.flatMap { UInt32(exactly: $0) } }
            if numbers.count == 2 { return Odds(numbers[0], over: numbers[1])?.text(as: .decimal) }
            return items.compactMap(\.text).joined(separator: ", ")
        }
        guard let value = words(refusal["value"]) else { return "" }
        return ": \(value)" + (words(refusal["threshold"]).map { ", against \($0)" } ?? "")
    }

    private static func find(_ id: String?, _ client: Client) throws -> JSONValue {
        if let id {
            let (status, json) = try client.call("GET", "/api/v1/markets/\(id)")
            guard status == 200, let market = json["market"] else {
                throw UsageError(text: "There is no market \(id).")
            }
            return market
        }
        let (_, json) = try client.call("GET", "/api/v1/fixtures")
        for fixture in json["fixtures"]?.items ?? [] {
            for id in fixture["markets"]?.items ?? [] {
                let (_, detail) = try client.call("GET", "/api/v1/markets/\(id.text ?? "")")
                if detail["market"]?["status"]?.text == "open", let market = detail["market"] {
                    return market
                }
            }
        }
        throw UsageError(text: "No market is open at this moment. Try again.")
    }
}

/// A small blocking HTTP client for the terminal.
private final class Client {
    private let host: String
    private let port: UInt16
    private let sessionFile: String
    private var cookie = ""
    private(set) var currency = "EUR"

    init(server: String, sessionFile: String) throws(UsageError) {
        // As the server prints it, too.
        let bare = server.hasPrefix("http://") ? server.dropFirst(7) : server[...]
        let parts = (bare.hasSuffix("/") ? bare.dropLast() : bare).split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1]) else {
            throw UsageError(text: "--server is an address and a port, such as 127.0.0.1:8080.")
        }
        host = parts[0] == "localhost" ? "127.0.0.1" : String(parts[0])
        self.port = port
        self.sessionFile = sessionFile
    }

    /// An amount in the account's currency, for reading.
    func money(_ minorUnits: Int64) -> String {
        Currency(currency).map { Money(minorUnits: minorUnits, $0).description }
            ?? "\(minorUnits) \(currency)"
    }

    func signIn() throws {
        if let kept = readFile(sessionFile) { cookie = String(decoding: kept, as: UTF8.self) }
        if !cookie.isEmpty {
            let (status, json) = try call("GET", "/api/v1/account")
            if status == 200 {
                currency = json["currency"]?.text ?? "EUR"
                return
            }
        }
        cookie = ""
        let (status, json) = try call(
            "POST", "/api/v1/demo", key: Self.newID().description)
        guard status == 201 else {
            throw UsageError(
                text: status == 404
                    ? "\(host):\(port) is no punters' address; `grandstand serve` says which it is."
                    : json["title"]?.text ?? "The server gives no demo account.")
        }
        currency = json["currency"]?.text ?? "EUR"
        guard let file = fopen(sessionFile, "w") else { return }
        chmod(sessionFile, 0o600)
        fputs(cookie, file)
        fclose(file)
    }

    /// What a request that moves money is called: made before it is sent.
    static func newID() -> ExternalID {
        ExternalID(
            milliseconds: gs_wall_nanoseconds() / 1_000_000,
            random: (UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max)))
    }

    /// `key` names a request that moves money, so that it moves it once.
    func call(_ method: String, _ path: String, body: [UInt8] = [], key: String? = nil) throws -> (
        Int, JSONValue
    ) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else {
            throw UsageError(text: "\(host) is no IPv4 address.")
        }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else {
            throw UsageError(
                text: "No server answers on \(host):\(port). Start one with `grandstand serve`.")
        }
        var request = "\(method) \(path) HTTP/1.1\r\nHost: \(host):\(port)\r\nConnection: close\r\n"
        request += "Origin: http://\(host):\(port)\r\n"
        if !cookie.isEmpty { request += "Cookie: \(cookie)\r\n" }
        if let key { request += "Idempotency-Key: \"\(key)\"\r\n" }
        if method == "POST" {
            request += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n"
        }
        let bytes = Array((request + "\r\n").utf8) + body
        guard send(descriptor, bytes, bytes.count, 0) == bytes.count else {
            throw UsageError(text: "The server closed the connection.")
        }
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count <= 0 { break }
            answer += chunk[0..<count]
        }
        return try parse(answer)
    }

    private func parse(_ answer: [UInt8]) throws -> (Int, JSONValue) {
        let text = String(decoding: answer, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n") else {
            throw UsageError(text: "The server's answer cannot be read.")
        }
        let head = text[..<end.lowerBound].split(separator: "\r\n")
        let status = head.first.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap {
            Int($0)
        }
        for line in head where line.lowercased().hasPrefix("set-cookie: ") {
            cookie = String(line.dropFirst(12).split(separator: ";").first ?? "")
        }
        let body = Array(text[end.upperBound...].utf8)
        let json = body.isEmpty ? .null : (try? JSONParser().parse(body.span)) ?? .null
        return (status ?? 0, json)
    }
}
