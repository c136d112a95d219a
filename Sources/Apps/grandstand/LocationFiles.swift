import Customers
import Foundation
import Gateway
import NetworkCodecs
import NetworkLoops
import Synchronization

/// How it is found out where customers are, as the configuration has it: a table of addresses that is read anew when it
/// changes, a provider's key, and the provider's program for the page.
final class LocationFiles: Sendable {
    let rules: LocationRules
    /// The provider's program, as the page loads it.
    let script: [UInt8]?
    /// Whom that program asks.
    let origins: [String]
    private let table: String
    private let stamp: Mutex<FileStamp>

    /// Under which the page finds the program.
    static let scriptPath = "/locator.js"

    /// Nil where nobody is asked where they are.
    init?(_ configuration: Configuration) throws {
        func list(_ key: String) -> [String] {
            configuration.text(key).split(separator: ",").map { String($0.trimmed) }
        }
        let regions = list("location-regions")
        let (path, keyPath) = (
            configuration.text("location-table"), configuration.text("location-key")
        )
        let scriptPath = configuration.text("location-script")
        guard !regions.isEmpty else {
            guard path.isEmpty, keyPath.isEmpty, scriptPath.isEmpty else {
                throw UsageError(text: "location-regions is missing: where are bets taken?")
            }
            return nil
        }
        let known = regions.compactMap { LocationRegion($0) }
        guard known.count == regions.count else {
            throw UsageError(
                text: "location-regions must be ISO 3166 codes such as GB,IE,US-NJ.")
        }
        var tolerated: LocationSigns = []
        for word in list("location-tolerated") {
            guard let sign = LocationSigns(word: word) else {
                throw UsageError(text: "location-tolerated has \"\(word)\", which is no sign.")
            }
            tolerated.insert(sign)
        }
        var key: [UInt8]?
        if !keyPath.isEmpty {
            guard let found = readFile(keyPath), found.count == SecretFile.bytes else {
                throw UsageError(
                    text:
                        "location-key must be a file of \(SecretFile.bytes) bytes: \"\(keyPath)\".")
            }
            key = found
        }
        if scriptPath.isEmpty {
            script = nil
        } else {
            guard key != nil else {
                throw UsageError(
                    text: "location-key is missing: what location-script says must be signed.")
            }
            guard let found = readFile(scriptPath) else {
                throw UsageError(text: "location-script cannot be read: \"\(scriptPath)\".")
            }
            script = found
        }
        origins = list("location-origins").filter { !$0.isEmpty }
        for origin in origins where !Self.isOrigin(origin) {
            throw UsageError(
                text: "location-origins has \"\(origin)\": it must be like https://geo.example.com."
            )
        }
        let policy = LocationPolicy(
            regions: known, tolerated: tolerated,
            recheck: try configuration.number("location-recheck"), asksDevices: key != nil)
        table = path
        stamp = Mutex(FileStamp(path))
        do throws(Unreadable) {
            rules = LocationRules(
                policy, try Self.read(path), deviceKey: key,
                script: script == nil ? nil : Self.scriptPath)
        } catch {
            throw UsageError(text: error.text)
        }
    }

    /// A scheme, a host, and perhaps a port: nothing that means anything else where a page's policy is written.
    private static func isOrigin(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, ["https:", "http:", "wss:", "ws:"].contains(parts[0]),
            parts[1].isEmpty, !parts[2].isEmpty
        else { return false }
        return parts[2].utf8.allSatisfy {
            (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2e || $0 == 0x2d
                || $0 == 0x3a
        }
    }

    private struct Unreadable: Error {
        let text: String
    }

    private static func read(_ path: String) throws(Unreadable) -> AddressTable {
        guard let bytes = readFile(path) else {
            throw Unreadable(
                text: path.isEmpty
                    ? "location-table is missing: where regions are said, a table of networks says which address is where."
                    : "location-table cannot be read: \"\(path)\".")
        }
        do {
            return try AddressTable(bytes)
        } catch {
            throw Unreadable(text: "location-table, line \(error.line): \(error.reason).")
        }
    }

    /// Reads the table when it has changed; one that is of no use is said once, and what was read before stays.
    func reload() {
        let now = FileStamp(table)
        let isChanged = stamp.withLock { known in
            defer { known = now }
            return known != now
        }
        guard isChanged else { return }
        do throws(Unreadable) {
            let found = try Self.read(table)
            rules.replace(found)
            Log.info("location_table_read", [("networks", String(found.count))])
        } catch {
            Log.error("location_table_not_read", [("text", error.text)])
        }
    }
}
