import Foundation
import Testing

/// The floors of ARCHITECTURE.md, read from the import lines: who may import what.
@Suite struct `The house` {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// Floor by target folder under Sources.
    static let floors: [(folder: String, module: String, floor: Int)] = [
        ("Kernel", "Kernel", 0), ("JSONText", "JSONText", 0), ("System", "SystemThreads", 0),
        ("Judge", "Judge", 1),
        ("Catalogue", "Catalogue", 1), ("Pricing", "Pricing", 1), ("Betting", "Betting", 1),
        ("Risk", "Risk", 1), ("Ledger", "Ledger", 1), ("Customers", "Customers", 1),
        ("Engine/Core", "EngineCore", 2), ("Network/Codecs", "NetworkCodecs", 2),
        ("Feeds/Core", "FeedCore", 2),
        ("Engine/Journal", "EngineJournal", 3), ("Engine/Service", "EngineService", 3),
        ("Simulation", "Simulation", 5), ("Feeds/Service", "FeedService", 3), ("Store/Service", "ProjectionService", 3),
        ("Engine/Files", "EngineFiles", 4), ("Feeds/Lines", "FeedLines", 3), ("Feeds/Betfair", "FeedBetfair", 4),
        ("Feeds/Unified", "FeedUnified", 4),
        ("Network/Loops", "NetworkLoops", 4), ("Store/SQLite", "StoreSQLite", 4),
        ("Store/Projection", "Projection", 4), ("Gateway", "Gateway", 4), ("Apps/grandstand", "grandstand", 6),
    ]

    static func files(_ folder: String) -> [URL] {
        let directory = root.appending(path: "Sources/\(folder)")
        let found = FileManager.default.enumerator(at: directory, includingPropertiesForKeys: nil)
        return (found?.allObjects as? [URL] ?? []).filter { $0.pathExtension == "swift" }
    }

    static func imports(_ file: URL) throws -> [String] {
        try String(contentsOf: file, encoding: .utf8).split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard let index = words.firstIndex(of: "import"), index <= 2, index + 1 < words.count,
                !line.hasPrefix("//")
            else { return nil }
            return String(words[index + 1])
        }
    }

    @Test(arguments: floors.map(\.folder))
    func `imports only from lower floors, services and domains never sideways`(folder: String) throws {
        let own = try #require(Self.floors.first { $0.folder == folder })
        #expect(!Self.files(folder).isEmpty)
        for file in Self.files(folder) {
            for module in try Self.imports(file) {
                guard let other = Self.floors.first(where: { $0.module == module }) else { continue }
                let isOwnRoom = other.folder.split(separator: "/")[0] == folder.split(separator: "/")[0]
                let isWire = folder == "Gateway" && module == "NetworkLoops"
                #expect(
                    other.floor < own.floor || (other.floor == own.floor && (isOwnRoom || isWire)),
                    "\(file.lastPathComponent) imports \(module)")
            }
        }
    }

    @Test func `gives every folder with Swift in it a floor`() throws {
        let sources = Self.root.appending(path: "Sources").path()
        for file in Self.files("") {
            let folder = file.deletingLastPathComponent().path().dropFirst(sources.count)
            let isKnown = Self.floors.contains { folder.hasPrefix($0.folder + "/") || folder.hasPrefix("/" + $0.folder + "/") }
            #expect(isKnown, "\(file.path()) is on no floor")
        }
    }

    @Test func `lets the judge share nothing with what it judges but the kernel`() throws {
        for file in Self.files("Judge") {
            for module in try Self.imports(file) { #expect(module == "Kernel") }
        }
    }

    @Test(arguments: floors.filter { $0.floor <= 2 && $0.folder != "System" }.map(\.folder))
    func `keeps the pure floors free of the outside world`(folder: String) throws {
        let forbidden = ["Foundation", "FoundationEssentials", "Glibc", "Dispatch", "Synchronization"]
        // The pin holds an atomic to have an address; it shares nothing.
        for file in Self.files(folder) where file.lastPathComponent != "Pin.swift" {
            for module in try Self.imports(file) {
                #expect(!forbidden.contains(module), "\(file.lastPathComponent) imports \(module)")
                // A hint to the cache has no effect that anybody could see.
                let isOurs = Self.floors.contains { $0.module == module } || module == "CPrefetch"
                #expect(!module.hasPrefix("C") || isOurs, "\(file.lastPathComponent)")
            }
            let text = try String(contentsOf: file, encoding: .utf8)
            for word in ["async ", "await ", "Date()", "ContinuousClock", ".random(in: .min"] {
                #expect(!text.contains(word), "\(file.lastPathComponent) says \(word)")
            }
        }
    }

    @Test(arguments: floors.filter { $0.floor <= 2 && !$0.folder.hasPrefix("Feeds") && $0.folder != "System" }.map(\.folder))
    func `uses no floating point where money, odds or time are meant`(folder: String) throws {
        for file in Self.files(folder) where file.lastPathComponent != "SeededGenerator.swift" {
            let code = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter {
                !$0.drop { $0 == " " }.hasPrefix("//")
            }
            for line in code {
                #expect(!line.contains("Double") && !line.contains("Float"), "\(file.lastPathComponent): \(line)")
            }
        }
    }

    @Test func `leaves no unfinished marks`() throws {
        for file in Self.files("") {
            let text = try String(contentsOf: file, encoding: .utf8)
            for mark in ["TO" + "DO", "FIX" + "ME", "fatalError()"] {
                #expect(!text.contains(mark), "\(file.lastPathComponent)")
            }
        }
    }
}
