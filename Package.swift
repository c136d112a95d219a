// swift-tools-version: 6.2
import PackageDescription

/// What every target of ours is compiled with.
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
    .treatAllWarnings(as: .error),
]

/// Floors 0 to 2: pure, so every unsafe line says that it is one.
let pure: [SwiftSetting] = house + [.strictMemorySafety()]

/// A room's floor: one target, its folder under Sources, what it may import.
func floor(
    _ name: String, _ path: String, pure isPure: Bool = false, imports: [Target.Dependency],
    exclude: [String] = []
) -> Target {
    .target(
        name: name, dependencies: imports, path: "Sources/\(path)", exclude: exclude,
        swiftSettings: isPure ? pure : house)
}

let package = Package(
    name: "grandstand",
    products: [.executable(name: "grandstand", targets: ["grandstand"])],
    targets: [
        // Debian's libraries, and the two small C targets of our own.
        .systemLibrary(
            name: "CLibuv", path: "Sources/CLibuv", pkgConfig: "libuv",
            providers: [.apt(["libuv1-dev"])]),
        .systemLibrary(
            name: "CSQLite", path: "Sources/CSQLite", pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(
            name: "CZlib", path: "Sources/CZlib", pkgConfig: "zlib",
            providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(
            name: "CBrotli", path: "Sources/CBrotli", pkgConfig: "libbrotlienc",
            providers: [.apt(["libbrotli-dev"])]),
        .systemLibrary(
            name: "CBzip2", path: "Sources/CBzip2", providers: [.apt(["libbz2-dev"])]),
        .systemLibrary(
            name: "CLibXML2", path: "Sources/CLibXML2", pkgConfig: "libxml-2.0",
            providers: [.apt(["libxml2-dev"])]),
        .systemLibrary(
            name: "COpenSSL", path: "Sources/COpenSSL", pkgConfig: "libssl",
            providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "CNghttp2", path: "Sources/CNghttp2", pkgConfig: "libnghttp2",
            providers: [.apt(["libnghttp2-dev"])]),
        .target(name: "CChecksum", path: "Sources/CChecksum"),
        .target(name: "CPrefetch", path: "Sources/CPrefetch"),
        .target(name: "CSystem", path: "Sources/CSystem"),

        floor("SystemThreads", "System", imports: ["CSystem"]),

        // Floor 0
        floor("Kernel", "Kernel", pure: true, imports: []),

        // The judge shares nothing with what it judges but the kernel.
        floor("Judge", "Judge", pure: true, imports: ["Kernel"]),

        // Floor 1: domains, which do not know each other
        floor("Catalogue", "Catalogue", pure: true, imports: ["Kernel"]),
        floor("Pricing", "Pricing", pure: true, imports: ["Kernel"]),
        floor("Betting", "Betting", pure: true, imports: ["Kernel"]),
        floor("Risk", "Risk", pure: true, imports: ["Kernel"]),
        floor("Ledger", "Ledger", pure: true, imports: ["Kernel"]),
        floor("Customers", "Customers", pure: true, imports: ["Kernel"]),

        // Floor 2: where domains meet
        floor(
            "EngineCore", "Engine/Core", pure: true,
            imports: [
                "Kernel", "Catalogue", "Pricing", "Betting", "Risk", "Ledger", "Customers",
                "CPrefetch",
            ]),
        floor("JSONText", "JSONText", pure: true, imports: []),
        floor(
            "FeedCore", "Feeds/Core",
            imports: ["Kernel", "Catalogue", "Pricing", "Betting", "JSONText"]),
        floor("NetworkCodecs", "Network/Codecs", pure: true, imports: []),

        // Floor 3: services
        floor(
            "EngineJournal", "Engine/Journal",
            imports: ["Kernel", "EngineCore", "CChecksum", "COpenSSL"]),
        floor(
            "EngineService", "Engine/Service",
            imports: [
                "Kernel", "Catalogue", "Betting", "Risk", "Ledger", "Customers", "EngineCore",
                "EngineJournal", "SystemThreads", "CSystem",
            ]),

        floor("ProjectionService", "Store/Service", imports: ["Kernel", "Betting"]),
        floor(
            "FeedService", "Feeds/Service",
            imports: ["Kernel", "Catalogue", "Pricing", "Betting", "EngineCore", "FeedCore"]),

        // Floor 4: edges
        floor("FeedLines", "Feeds/Lines", imports: ["FeedCore", "CZlib", "CBzip2"]),
        floor(
            "FeedBetfair", "Feeds/Betfair",
            imports: [
                "Kernel", "Catalogue", "Pricing", "Betting", "JSONText", "FeedCore", "FeedLines",
            ]),
        floor(
            "FeedUnified", "Feeds/Unified",
            imports: [
                "Kernel", "Catalogue", "Pricing", "Betting", "FeedCore", "FeedLines", "CLibXML2",
            ]),
        floor(
            "NetworkLoops", "Network/Loops",
            imports: [
                "NetworkCodecs", "SystemThreads", "CLibuv", "CSystem", "COpenSSL", "CNghttp2",
                "CZlib", "CBrotli",
            ]),
        floor(
            "EngineFiles", "Engine/Files",
            imports: ["EngineJournal", "EngineService", "CSystem"]),

        .target(
            name: "TestSupport",
            dependencies: [
                "Kernel", "Catalogue", "Betting", "Ledger", "EngineCore", "EngineJournal",
                "EngineService",
            ], path: "Tests/Support", swiftSettings: house),
        floor(
            "Projection", "Store/Projection",
            imports: [
                "Kernel", "Catalogue", "Betting", "Ledger", "EngineCore", "EngineJournal",
                "EngineService", "ProjectionService",
            ]),
        floor(
            "StoreSQLite", "Store/SQLite",
            imports: [
                "Kernel", "EngineJournal", "EngineService", "ProjectionService", "Projection",
                "SystemThreads", "CSQLite", "CSystem",
            ]),
        floor(
            "Gateway", "Gateway",
            imports: [
                "Kernel", "Catalogue", "Pricing", "Betting", "Risk", "Ledger", "Customers",
                "EngineCore", "EngineJournal", "EngineService", "ProjectionService", "JSONText",
                "NetworkCodecs", "NetworkLoops", "CSystem",
            ]),

        // Floor 5: the platform below its sockets, simulated
        floor(
            "Simulation", "Simulation",
            imports: [
                "Kernel", "Judge", "Catalogue", "Pricing", "Betting", "Ledger", "Customers",
                "EngineCore", "EngineJournal", "EngineService", "FeedCore", "FeedService",
                "ProjectionService", "Projection",
            ]),

        // Floor 6: the one program
        .executableTarget(
            name: "grandstand",
            dependencies: [
                "Kernel", "Catalogue", "Pricing", "Betting", "Risk", "Ledger", "Customers",
                "EngineCore",
                "EngineJournal", "EngineService", "EngineFiles", "FeedCore", "FeedService",
                "FeedBetfair", "FeedLines", "FeedUnified", "ProjectionService", "StoreSQLite",
                "NetworkCodecs",
                "NetworkLoops", "Gateway", "JSONText", "SystemThreads", "CSystem", "Simulation",
            ], path: "Sources/Apps/grandstand", resources: [.copy("Pages")],
            swiftSettings: house),
        .target(name: "CEpoll", path: "Benchmarks/CEpoll"),
        .executableTarget(
            name: "grandstand-bench",
            dependencies: [
                "CEpoll", "JSONText",
                "Kernel", "Catalogue", "Betting", "Ledger", "EngineCore", "EngineJournal",
                "EngineService", "EngineFiles", "NetworkCodecs", "NetworkLoops", "CSystem",
                "SystemThreads",
            ], path: "Benchmarks/Sources", swiftSettings: house),

        .testTarget(
            name: "EngineTests",
            dependencies: [
                "TestSupport",
                "Kernel", "Catalogue", "Betting", "Ledger", "Customers", "EngineCore",
                "EngineJournal", "EngineService", "EngineFiles",
            ],
            swiftSettings: house),
        .testTarget(
            name: "NetworkTests", dependencies: ["NetworkCodecs", "NetworkLoops", "SystemThreads"],
            swiftSettings: house),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "JSONText", "Kernel", "EngineCore", "EngineService", "ProjectionService",
                "NetworkCodecs", "NetworkLoops", "Gateway",
            ],
            swiftSettings: house),
        .testTarget(
            name: "FeedTests",
            dependencies: [
                "TestSupport", "Kernel", "Catalogue", "Pricing", "Betting", "Ledger", "EngineCore",
                "EngineJournal", "EngineService", "JSONText", "FeedCore", "FeedService",
                "FeedBetfair", "FeedLines", "FeedUnified", "CBzip2", "CZlib",
            ], swiftSettings: house),
        .testTarget(
            name: "StoreTests",
            dependencies: [
                "TestSupport", "Kernel", "Betting", "Catalogue", "EngineCore", "EngineJournal",
                "EngineService", "ProjectionService", "Projection", "StoreSQLite", "Simulation",
            ], swiftSettings: house),
        .testTarget(
            name: "SimulationTests", dependencies: ["Kernel", "Judge", "Simulation"],
            swiftSettings: house),
        .testTarget(name: "HouseTests", swiftSettings: house),
        .testTarget(
            name: "RuleTests",
            dependencies: [
                "Kernel", "Catalogue", "Pricing", "Betting", "Risk", "Ledger", "Customers",
                "EngineCore", "CChecksum",
            ],
            swiftSettings: house),
    ]
)

// The fuzzers have their own main: they are built with the sanitizers only, by `make fuzz`.
if Context.environment["GRANDSTAND_FUZZ_BUILD"] != nil {
    package.targets.append(
        .executableTarget(
            name: "grandstand-fuzz",
            dependencies: [
                "TestSupport", "Kernel", "EngineJournal", "EngineService", "FeedCore",
                "FeedBetfair", "FeedUnified", "Gateway",
                "JSONText", "NetworkCodecs", "NetworkLoops",
            ], path: "Fuzz/Sources", swiftSettings: house))
}
