import CSystem
import Catalogue
import Customers
import EngineCore
import EngineFiles
import EngineJournal
import EngineService
import FeedBetfair
import FeedCore
import FeedService
import Foundation
import Gateway
import Glibc
import Kernel
import Ledger
import NetworkCodecs
import NetworkLoops
import Pricing
import Risk
import StoreSQLite
import Synchronization
import SystemThreads

/// `grandstand serve`: everything in one process on embedded stores.
enum Serve {
    static let help = """
        grandstand serve: run the whole platform in one process

        USAGE
          grandstand serve [--data DIR] [--listen ADDRESS:PORT] [--feed FILE] [--speed N] [options]

        Prints two addresses: the punters' page and the operators' page, and three one-time codes: for a
        supervisor, for a trader, and for one who only looks. Settling by hand takes the first two. A simulated world plays unless --feed names a
        recorded file. SIGTERM or Ctrl-C drains and stops.

        OPTIONS
        \(Setting.all.map { "  --\($0.key)" + String(repeating: " ", count: max(1, 26 - $0.key.count)) + "\($0.help) [\($0.unit), \($0.standard.isEmpty ? "none" : $0.standard)]" }.joined(separator: "\n"))
          --config                   A file of `key = value` lines; see `grandstand config`
          --facts-win NAME           Start although this build would have decided some records of the journal
                                     otherwise; the journal's word stands, and NAME is written into it
        """

    static func run(_ raw: [String]) throws -> Int32 {
        let arguments = try Arguments(
            raw, of: "serve", words: 1,
            values: Set(Setting.all.map(\.key)).union(["config", "facts-win"]))
        if arguments.wantsHelp {
            print(help)
            return 0
        }
        if let word = arguments.words.first {
            throw UsageError(text: "serve takes no \"\(word)\"; options begin with --.")
        }
        var flags = arguments.flags
        let factsWin = flags.removeValue(forKey: "facts-win")
        if let factsWin, factsWin.isEmpty || factsWin.utf8.count > 48 {
            throw UsageError(text: "--facts-win takes the name of who decides, in 1 to 48 bytes.")
        }
        let configuration = try Configuration(flags: flags, environment: environment())
        let platform = try Platform(configuration, factsWin: factsWin)
        // It lives as long as the process: a helper may still be at work, such as on the next segment, while the
        // process ends.
        _ = Unmanaged.passRetained(platform)
        return try platform.run()
    }
}

/// Why the journal must not be written to, in a sentence.
private struct Misfit: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}

/// The composition of one process.
final class Platform: @unchecked Sendable {
    // Built on the main thread before any other runs; afterwards each part belongs to its own thread.
    private let configuration: Configuration
    private let disk: FileDisk
    private let lock: DirectoryLock
    private var store: SQLiteStore!
    private var engine: EngineThread<FileDisk, SystemClock>!
    private let view = CatalogueView()
    private var loops: [Loop] = []
    private var punters: [PunterGateway] = []
    private var desk: OperatorGateway!
    private var listeners: [Listener] = []
    private var feed: FeedRunner?
    private var keeper: SegmentKeeper<FileDisk>!
    private var snapshots: SnapshotKeeper<FileDisk>!
    private var feedTimer: LoopTimer?
    private let engineStopped = DispatchSemaphore(value: 0)
    /// Connections and commands that a stop still waits for.
    private let left = Atomic<Int>(0)
    private let spaceIsShort = Atomic<Bool>(false)

    /// Who says that the journal's word stands where this build decides otherwise.
    private let factsWin: String?

    init(_ configuration: Configuration, factsWin: String?) throws {
        self.configuration = configuration
        self.factsWin = factsWin
        let directory = configuration.text("data")
        // A start that cannot succeed leaves nothing behind; one beside a running server names it first.
        let isThere = access(directory, F_OK) == 0
        if !isThere { recorded = try Self.lookAround(configuration) }
        do {
            disk = try FileDisk(directory: directory)
        } catch {
            throw UsageError(text: "The data directory \(directory) cannot be used: \(error).")
        }
        do {
            lock = try DirectoryLock(directory: directory)
            // Whoever comes while a long journal is replayed learns of us and not of our predecessor.
            lock.describe(Self.about(" starting"))
        } catch let held as DirectoryLock.Held {
            let holder = held.holder.split(separator: "\n").joined(separator: ", ")
            throw UsageError(
                text: "The data directory \(directory) is in use by another process (\(holder)). "
                    + "Stop it, or give this one another --data.")
        }
        if isThere { recorded = try Self.lookAround(configuration) }
    }

    private static func about(_ rest: String) -> String {
        "pid \(getpid())\nsince \(Timestamp(nanoseconds: gs_wall_nanoseconds()))\n\(rest)\n"
    }

    /// The recorded feed to play, if one is named.
    private var recorded: (any FeedSource)?

    private static func certificates(_ configuration: Configuration) throws -> TLSCredentials? {
        let files = configuration.text("tls-certificates").split(separator: ",").map {
            String($0.trimmed)
        }
        guard !files.isEmpty else { return nil }
        do {
            return try TLSCredentials(files: files)
        } catch {
            throw UsageError(text: "tls-certificates cannot be used. \(error.text)")
        }
    }

    /// Finds out what would fail later: ports that others have, a feed that is not there. Changes nothing.
    private static func lookAround(_ configuration: Configuration) throws -> (any FeedSource)? {
        guard try configuration.number("segment-bytes") % 4096 == 0 else {
            throw UsageError(text: "segment-bytes must be a multiple of 4096.")
        }
        guard Currency(configuration.text("currency")) != nil else {
            throw UsageError(text: "currency is not a known ISO 4217 code, such as EUR.")
        }
        guard ExchangeRate(configuration.text("fx-rate")) != nil else {
            throw UsageError(text: "fx-rate must be a decimal above zero, such as 1.0873.")
        }
        _ = try leastDelays(configuration)
        _ = try LocationFiles(configuration)
        _ = try certificates(configuration)
        for key in ["listen", "desk-listen"] {
            let (host, port) = try configuration.address(key)
            var bound: UInt16 = 0
            let descriptor = gs_listen(host, port, 0, 1, &bound)
            guard descriptor >= 0 else {
                throw UsageError(
                    text:
                        "Cannot listen on \(host):\(port) (\(String(cString: strerror(-descriptor)))). "
                        + "Choose another address by --\(key).")
            }
            close(descriptor)
        }
        let speed = try configuration.hundredths("speed")
        let second = configuration.text("second-feed")
        switch configuration.text("feed") {
        case "none", "simulation":
            guard second.isEmpty else {
                throw UsageError(text: "second-feed needs a first one: a recorded file by --feed.")
            }
            return nil
        case let path:
            let first = try FeedFiles.open(path, speedHundredths: speed)
            guard !second.isEmpty else { return first }
            var rule = ReconciliationRule()
            rule.mostApart = UInt32(try configuration.number("most-apart"))
            rule.silence = try configuration.number("stale-after")
            // Under the first one's name: what it calls a match stays what it is called in the journal.
            return ReconciledFeed(
                name: first.name, first, try FeedFiles.open(second, speedHundredths: speed),
                rule: rule)
        }
    }

    func run() throws -> Int32 {
        // Only the main thread takes signals; it waits for them below.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGHUP)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        _ = gs_raise_open_files()

        let listen = try configuration.address("listen")
        let deskListen = try configuration.address("desk-listen")
        let host = try recover()
        try build(host, listen: listen, desk: deskListen)
        let codes = operators.makeCodes()
        try start(listen: listen, desk: deskListen)
        announce(listen, deskListen, codes)

        var received: Int32 = 0
        repeat {
            sigwait(&signals, &received)
            if received == SIGHUP { reloadFiles() }
        } while received == SIGHUP
        stop()
        return 0
    }

    private var recovered: UInt64 = 0
    private var admission: Admission?
    private let board = LoopBoard()
    /// What the simulated world says of its matches together.
    private let worldModel = WorldModel()
    /// One for all loops, under the key of the data directory.
    private var quotes: QuoteBook?
    private let pool = WorkPool()
    private let operators = OperatorRegistry()
    /// Certificates of the punters' listener, when it is encrypted.
    private var credentials: TLSCredentials?
    private var locations: LocationFiles?
    private var integrity: IntegrityKeeper<FileDisk>?
    private var sessions: SessionRegistry!

    // MARK: Recovery

    private func recover() throws -> EngineHost<FileDisk, SystemClock> {
        let directory = configuration.text("data")
        store = try SQLiteStore(
            directory: directory,
            onProjected: { [unowned self] in engine?.projected(upTo: $0) },
            onFailure: { failure in
                Log.error("projection_failed", [("text", failure.text)])
                // No room is no reason to stop: the rows follow when there is some.
                if !failure.mayPass { exit(70) }
            })
        let began = gs_boot_nanoseconds()
        var random: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &random) { _ = gs_random($0.baseAddress, 16) }
        let journal = ExternalID(milliseconds: gs_wall_nanoseconds() / 1_000_000, random: random)
        let host = try makeHost(journal)
        let report = host.report
        recovered = report.records
        for text in report.unusable { Log.error("snapshot_unusable", [("text", text)]) }
        let took = Double(gs_boot_nanoseconds() - began) / 1e9
        Log.info(
            report.isNew ? "journal_begun" : "journal_recovered",
            [
                ("blocks", String(report.blocks)), ("records", String(report.records)),
                ("torn_bytes", String(report.tornBytes)),
                ("snapshot", String(report.snapshot)),
                ("state_hash", report.stateHash.description), ("seconds", String(took)),
                ("disk", disk.description),
            ])
        return host
    }

    private func makeHost(_ journal: ExternalID) throws -> EngineHost<FileDisk, SystemClock> {
        var limits = EngineLimits()
        limits.openBets = Int(try configuration.number("open-bets"))
        limits.ids = limits.openBets
        var cell = CellConfiguration()
        guard let currency = Currency(configuration.text("currency")) else {
            throw UsageError(text: "currency is not a known ISO 4217 code, such as EUR.")
        }
        cell.currency = currency
        switch configuration.text("rounding") {
        case "down": cell.rounding = .down
        case "half-up": cell.rounding = .halfUp
        case "half-even": cell.rounding = .halfEven
        default: preconditionFailure("a rounding that the settings do not name")
        }
        cell.minimumStake = try configuration.number("minimum-stake")
        cell.payoutCap = try configuration.number("payout-cap")
        cell.customerCap = try configuration.number("customer-payout-cap")
        cell.dayCap = try configuration.number("day-payout-cap")
        cell.brand = UInt32(try configuration.number("brand"))
        cell.licence = UInt32(try configuration.number("licence"))
        cell.build = Program.version
        let segmentBytes = Int(try configuration.number("segment-bytes"))
        let keeper = SegmentKeeper(
            disk, segmentBytes: segmentBytes, retention: try retention())
        self.keeper = keeper
        do {
            return try EngineHost(
                disk: disk, clock: SystemClock(), limits: limits, cell: cell,
                segmentBytes: segmentBytes, newJournal: journal, factsWin: factsWin,
                prepare: { keeper.need($0) },
                remember: { [unowned self] in
                    view.apply($0)
                    keeper.note($0)
                },
                restored: { [unowned self] in view.restore(from: $0) },
                observe: { [unowned self] block in
                    block.forEachRecord {
                        view.apply($0)
                        keeper.note($0)
                    }
                    try store.locate(block)
                },
                permit: { [unowned self] report in try permit(report, cell) })
        } catch {
            throw UsageError(text: Self.words(for: error))
        }
    }

    private func retention() throws -> Retention {
        var retention = Retention()
        retention.age = try configuration.number("keep-days") * 86_400_000_000_000
        retention.bytes = Int(try configuration.number("keep-mebibytes")) << 20
        do {
            let digests = configuration.text("digests")
            if !digests.isEmpty { retention.export = try DigestLedger(directory: digests) }
            let archive = configuration.text("archive")
            // Nothing that was durable is destroyed: disputes and later versions may need it.
            guard !retention.drops || !archive.isEmpty else {
                throw UsageError(
                    text:
                        "keep-days and keep-mebibytes move segments to an archive: name its directory by --archive."
                )
            }
            guard try !retention.drops || configuration.number("snapshot-every") > 0 else {
                throw UsageError(
                    text:
                        "keep-days and keep-mebibytes need snapshots, which stand for what leaves: set snapshot-every above 0."
                )
            }
            retention.needed = { [unowned self] in store.segmentNeeded }
            if !archive.isEmpty {
                retention.archive = try DirectoryArchive(from: disk, to: archive)
            }
        } catch let error as UsageError {
            throw error
        } catch {
            throw UsageError(text: "archive or digests cannot be used: \(error).")
        }
        return retention
    }

    /// Before anything is written: the projections and the configuration must fit to the journal.
    private func permit(_ report: RecoveryReport, _ cell: CellConfiguration) throws {
        if let point = store.point, point.sequence > report.records {
            throw Misfit(
                text: "The projections in \(configuration.text("data")) know record "
                    + "\(point.sequence), but the journal ends at \(report.records). Restore the "
                    + "journal; if it is right, remove projection.sqlite and start again.")
        }
        let fixed: [(String, Bool)] = [
            ("currency", report.cell.currency == cell.currency),
            ("rounding", report.cell.rounding == cell.rounding),
            ("minimum-stake", report.cell.minimumStake == cell.minimumStake),
            ("payout-cap", report.cell.payoutCap == cell.payoutCap),
            ("customer-payout-cap", report.cell.customerCap == cell.customerCap),
            ("day-payout-cap", report.cell.dayCap == cell.dayCap),
        ]
        for (key, isSame) in fixed where !isSame && configuration.source(key) != "default" {
            throw Misfit(
                text:
                    "\(key) is \"\(configuration.text(key))\" (from \(configuration.source(key))), "
                    + "but this journal was begun with another one, and that is fixed. Leave it out, "
                    + "or begin another journal by --data.")
        }
    }

    static func words(for error: HostError) -> String {
        switch error {
        case .misfit(let text): text
        case .corrupt(let corruption): "The journal is corrupt: \(corruption.text)"
        case .diverged(let divergences):
            divergences.text
                + "\nNothing was changed. If the journal's facts are right, start once with "
                + "--facts-win YOUR-NAME: the engine follows them, and your name is written down."
        case .unfollowable(let sequence):
            "Replaying record \(sequence) does not give the books that the journal holds. Nothing was "
                + "changed. Start the build that wrote it, or set open-bets as high as it was then."
        case .newerRules(let version, let sequence):
            "Record \(sequence) was decided under version \(version) of the rules, which this build does "
                + "not know. Nothing was changed. Start a newer build."
        case .disk(.noSpace): "There is no room left for the journal."
        case .disk(.missing(let name)): "The journal's file \(name) is missing."
        case .disk(.failed(let what, let code)):
            "The disk failed (\(what): \(String(cString: strerror(code))))."
        }
    }

    // MARK: Building

    /// `publicOrigin` is where punters see us when a proxy stands before us; the desk has none.
    private func gatewaySettings(
        _ listen: (host: String, port: UInt16), publicOrigin origin: String, isEncrypted: Bool
    ) throws -> GatewaySettings {
        let key = try SecretFile.key(configuration.text("data") + "/cursors.key")
        var settings = GatewaySettings(cursors: Cursors(key: key))
        let quotes = self.quotes ?? QuoteBook(key: key)
        self.quotes = quotes
        settings.quotes = quotes
        settings.areQuotesRequired = configuration.text("quotes") == "required"
        if configuration.text("feed") == "simulation" { settings.jointPricer = worldModel }
        settings.jointMargin = UInt32(try configuration.number("margin"))
        let perSecond = Int(try configuration.number("requests-per-second"))
        if perSecond > 0 {
            let burst = Int(try configuration.number("requests-burst"))
            settings.rates = RateGuard(
                RateRule(perSecond: perSecond, burst: burst, reserved: burst / 4))
        }
        // Behind a proxy everybody comes from loopback, and nobody is on it.
        settings.isLoopback = isLoopback(listen.host) && origin.isEmpty
        settings.board = board
        settings.rate = ExchangeRate(configuration.text("fx-rate")) ?? .same
        settings.location = locations?.rules
        settings.scriptOrigins = locations?.origins ?? []
        settings.whyNotReady = { [unowned self] in
            let status = engine.status
            if !status.isRunning { return "the engine does not run yet" }
            if status.isShortOfSpace { return "the journal's disk has no room" }
            return store.hasCaughtUp
                ? nil : "the projections are \(store.recordsBehind) records behind"
        }
        let port = listen.port
        let names =
            isLoopback(listen.host) ? ["127.0.0.1", "localhost", "[::1]"] : [listen.host]
        settings.hosts = Set(names.map { "\($0):\(port)" })
        let scheme = isEncrypted ? "https" : "http"
        settings.isEncrypted = isEncrypted
        settings.origins = Set(names.map { "\(scheme)://\($0):\(port)" })
        // A browser leaves out the port that is the scheme's own.
        if port == (isEncrypted ? 443 : 80) {
            settings.hosts.formUnion(names)
            settings.origins.formUnion(names.map { "\(scheme)://\($0)" })
        }
        if !origin.isEmpty {
            settings.origins.insert(origin)
            if let host = origin.split(separator: "/").last { settings.hosts.insert(String(host)) }
        }
        settings.brand = UInt32(try configuration.number("brand"))
        settings.licence = UInt32(try configuration.number("licence"))
        settings.demoGrant = try configuration.number("demo-grant")
        settings.demoAccountsPerMinute = Int(
            try configuration.number("demo-accounts"))
        return settings
    }

    /// Whom we believe about who a client is.
    private var proxies: TrustedProxies {
        var proxies = TrustedProxies()
        proxies.sayWhoFirst = configuration.text("proxy-protocol") == "v2"
        proxies.hops = Set(
            configuration.text("trusted-hops").split(separator: ",").map {
                String($0.filter { $0 != " " })
            })
        return proxies
    }

    private func build(
        _ host: EngineHost<FileDisk, SystemClock>, listen: (host: String, port: UInt16),
        desk deskListen: (host: String, port: UInt16)
    ) throws {
        let stopped = engineStopped
        engine = EngineThread(
            host, intakeSlots: Int(try configuration.number("intake-slots"))
        ) { failure in
            if let failure {
                // Nobody is told anything of the block at hand; recovery decides what became of it.
                Log.error("engine_stopped", [("text", Platform.words(for: failure))])
                _exit(74)
            }
            stopped.signal()
        }
        sessions = SessionRegistry(
            restoring: try store.readNow { try $0.sessions(after: gs_wall_nanoseconds()) })
        let wanted = Int(try configuration.number("loops"))
        let count = wanted > 0 ? wanted : min(8, ProcessInfo.processInfo.activeProcessorCount)
        var punterFiles = try pages("punter")
        let deskFiles = try pages("desk")
        credentials = try Self.certificates(configuration)
        locations = try LocationFiles(configuration)
        if let script = locations?.script { punterFiles.add(LocationFiles.scriptPath, script) }
        var punterSettings = try gatewaySettings(
            listen, publicOrigin: configuration.text("public-origin"),
            isEncrypted: credentials != nil)
        punterSettings.proxies = proxies
        punterSettings.credentials = credentials
        let hsts = try configuration.number("hsts-seconds")
        punterSettings.transportSecurity = hsts > 0 ? "max-age=\(hsts)" : nil
        var deskSettings = try gatewaySettings(deskListen, publicOrigin: "", isEncrypted: false)
        let watching = IntegrityKeeper(
            disk, durable: { [unowned self] in engine.status.sequence },
            onAlert: { money, alert in
                Log.warning(
                    "integrity_alert",
                    [
                        ("money", money.word), ("market", String(alert.market)),
                        ("selection", String(alert.selection)),
                        ("signs", alert.signs.words.joined(separator: ",")),
                    ])
            }, onProblem: { Log.error("integrity_not_watched", [("text", $0)]) })
        integrity = watching
        deskSettings.integrity = { watching.picture }
        let status: @Sendable () -> EngineStatus = { [unowned self] in engine.status }
        let ask: @Sendable (@escaping @Sendable (borrowing Engine) -> Void) -> Bool = {
            [unowned self] in engine.ask($0)
        }
        let directory = configuration.text("data")
        let openBets = try configuration.number("open-bets")
        snapshots = SnapshotKeeper(
            disk, every: Int(try configuration.number("snapshot-every")) << 20,
            rate: Int(try configuration.number("snapshot-rate")) << 20,
            verify: {
                try SnapshotCommands.verifyElsewhere(directory, $0, openBets: openBets)
            },
            onKept: { [keeper] sequence in
                Log.info("snapshot_kept", [("record", String(sequence))])
                keeper?.snapshotKept()
            },
            onProblem: { Log.error("snapshot_failed", [("text", $0)]) })
        engine.subscribe(store)
        let room = WaitingRoom()
        for index in 0..<count {
            let loop = Loop(index: index, room: room)
            let hub = Hub(
                loop: loop, view: CatalogueView(copying: view), intake: engine,
                keepsTicker: index == 0)
            engine.subscribe(HubSubscriber(hub))
            loops.append(loop)
            punters.append(
                PunterGateway(
                    hub: hub, sessions: sessions, store: store, files: punterFiles,
                    settings: punterSettings, ask: ask))
        }
        desk = OperatorGateway(
            hub: punters[0].hub, registry: operators, store: store, files: deskFiles,
            settings: deskSettings,
            pool: pool, engineStatus: status, ask: ask)
        desk.journalDescription = disk.description
        desk.verifySegments = { [keeper] in try keeper!.verify() }
        desk.extraMetrics = { [unowned self] in metrics() }
        feed = try makeFeed()
    }

    private func metrics() -> [Metric] {
        var all = [
            Metric(
                "grandstand_store_records_behind", "Durable records not yet in the projections.",
                Double(store.recordsBehind)),
            Metric(
                "grandstand_connections_refused_total", "Connections turned away at the bound.",
                counter: true, Double(admission?.refused ?? 0)),
            Metric(
                "grandstand_snapshots_total", "Snapshots taken and compared.", counter: true,
                Double(snapshots.status.taken)),
            Metric(
                "grandstand_snapshots_failed_total", "Snapshots given up or found wrong.",
                counter: true, Double(snapshots.status.failed)),
            Metric(
                "grandstand_snapshot_record",
                "The record that the newest snapshot was taken after.",
                Double(snapshots.status.kept)),
            Metric(
                "grandstand_snapshot_slowest_slice_seconds",
                "The longest that the engine copied for a snapshot between two batches.",
                Double(engine.status.slowestSlice) / 1e9),
            Metric("grandstand_sessions", "Punters' sessions.", Double(sessions.count)),
        ]
        if let credentials {
            all.append(
                Metric(
                    "grandstand_certificate_ends_seconds",
                    "When the first of the certificates ends, in seconds since 1970.",
                    Double(credentials.expiry)))
        }
        if let feed {
            all.append(
                Metric(
                    "grandstand_feed_messages_total", "Messages of the feed.", counter: true,
                    Double(feed.messages)))
            all.append(
                Metric(
                    "grandstand_feed_published_total", "Price versions published.", counter: true,
                    Double(feed.published)))
            let tally = feed.tally
            all += [
                Metric(
                    "grandstand_feed_misfits_total",
                    "Messages of the feed that fit to nothing which is known.", counter: true,
                    Double(tally.misfits)),
                Metric(
                    "grandstand_feed_passed_over_total",
                    "Messages of the feed that say nothing which is offered or paid by.",
                    counter: true, Double(tally.passedOver)),
                Metric(
                    "grandstand_feed_disputes_total",
                    "Markets of which two suppliers said what cannot both be.", counter: true,
                    Double(tally.disputes)),
                Metric(
                    "grandstand_feed_unmatched",
                    "Markets of the second supplier that are none of the first one's.",
                    Double(tally.unmatched)),
            ]
            for reason in NotOffered.allCases {
                all.append(
                    Metric(
                        "grandstand_feed_not_offered_total", "Books that were not offered.",
                        counter: true, Double(feed.refusedBooks[reason.rawValue] ?? 0),
                        labels: "{reason=\"\(reason.word)\"}"))
            }
        }
        return all
    }

    private func pages(_ name: String) throws -> StaticFiles {
        let own = configuration.text("pages")
        let root = own.isEmpty ? Bundle.module.bundlePath + "/Pages" : own
        var files = StaticFiles()
        for folder in [name, "shared"] {
            let directory = root + "/" + folder
            let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
            for file in names.sorted() {
                if let bytes = readFile(directory + "/" + file) { files.add("/" + file, bytes) }
            }
        }
        guard !files.isEmpty else {
            throw UsageError(
                text: "No pages were found in \(root). Name their directory by --pages.")
        }
        return files
    }

    /// `football=5000,tennis=3000`, or none.
    private static func leastDelays(_ configuration: Configuration) throws -> [Sport: UInt32] {
        let text = configuration.text("sport-delays")
        guard text != "none" else { return [:] }
        var delays: [Sport: UInt32] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(separator: "=", omittingEmptySubsequences: false)
            guard words.count == 2,
                let sport = Sport.allCases.first(where: { $0.word == words[0] }),
                let delay = UInt32(words[1]), delay <= Limits.betDelay, delays[sport] == nil
            else {
                let known = Sport.allCases.map(\.word).joined(separator: ", ")
                throw UsageError(
                    text:
                        "sport-delays must be none, or each sport once with milliseconds up to \(Limits.betDelay), such as football=5000,tennis=3000. Sports: \(known)."
                )
            }
            delays[sport] = delay
        }
        return delays
    }

    private func makeFeed() throws -> FeedRunner? {
        var settings = FeedSettings()
        settings.pricing.marginBasisPoints = UInt32(try configuration.number("margin"))
        settings.publishInterval = try configuration.number("publish-interval")
        settings.staleAfter = try configuration.number("stale-after")
        settings.maximumStake = try configuration.number("maximum-stake")
        settings.liabilityLimit = try configuration.number("liability-limit")
        settings.suspendAt = try configuration.number("suspend-at")
        settings.mostMove = UInt16(try configuration.number("most-move"))
        settings.leastDelays = try Self.leastDelays(configuration)
        let scouted = try configuration.number("scouted-return")
        settings.scoutedReturn = scouted == Limits.potentialReturn ? nil : scouted
        let source: any FeedSource
        switch configuration.text("feed") {
        case "none": return nil
        case "simulation": source = try simulation()
        default:
            guard let recorded else { return nil }
            source = recorded
            settings.speedHundredths = try configuration.hundredths("speed")
        }
        return FeedRunner(source: source, settings: settings) { [engine] in
            engine!.submit($0, token: 0)
        }
    }

    private func simulation() throws -> SimulatedWorld {
        var world = SimulationSettings()
        world.matches = Int(try configuration.number("matches"))
        world.tennisMatches = Int(try configuration.number("tennis-matches"))
        world.offersQuarterLines = configuration.text("quarter-lines") == "on"
        world.earlyPayoutLead = Int(try configuration.number("early-payout"))
        world.matchMilliseconds = try configuration.number("match-seconds") * 1000
        let now = gs_wall_nanoseconds() / 1_000_000
        let seed = UInt64(try configuration.number("seed"))
        world.seed = seed == 0 ? UInt64(now) : seed
        let source = SimulatedWorld(settings: world, startingAt: now, run: "sim\(now)")
        source.onPicture = { [worldModel] in worldModel.learn($0, markets: $1, $2) }
        return source
    }

    // MARK: Running

    private func start(
        listen: (host: String, port: UInt16), desk deskListen: (host: String, port: UInt16)
    ) throws {
        let admission = Admission(
            maximum: Int(try configuration.number("connections")),
            perPeer: Int(try configuration.number("connections-per-address")),
            proxies: proxies.hops)
        self.admission = admission
        do {
            for (index, gateway) in punters.enumerated() {
                gateway.server.admission = admission
                listeners.append(
                    try Listener(
                        loop: loops[index], host: listen.host, port: listen.port,
                        reusesPort: punters.count > 1, admission: admission
                    ) { gateway.server.accept($0) })
            }
            listeners.append(
                try Listener(
                    loop: loops[0], host: deskListen.host, port: deskListen.port,
                    admission: Admission(maximum: 256, perPeer: 64)
                ) { [desk] in desk!.server.accept($0) })
        } catch {
            throw UsageError(
                text: error.text + ". Another program may have the port; choose one by --listen "
                    + "or --desk-listen.")
        }
        for index in loops.indices {
            loops[index].post { [self] in punters[index].start() }
        }
        loops[0].post { [self] in
            desk.start()
            abandonEarlierWorld()
            let sweep = LoopTimer(loops[0])
            sweepTimer = sweep
            sweep.start(after: 0, every: 100) { [unowned self] in sweepUp() }
            if credentials != nil || locations != nil {
                let timer = LoopTimer(loops[0])
                filesTimer = timer
                timer.start(after: 10_000, every: 10_000) { [unowned self] in
                    // Files are read where no punter waits for it.
                    _ = pool.submit { [unowned self] in reloadFiles() }
                }
            }
            guard let feed else { return }
            punters[0].hub.onManyShut = { [unowned self] in self.feed?.refresh() }
            let timer = LoopTimer(loops[0])
            feedTimer = timer
            timer.start(after: 0, every: 10) { [unowned self] in turnFeed(feed) }
        }
        store.start(source: JournalTail(disk), durable: recovered)
        engine.start()
        keeper.start(
            intake: engine,
            setMissing: { [unowned self] isMissing in
                engine.nextSegment(isMissing: isMissing)
                guard isMissing != spaceIsShort.exchange(isMissing, ordering: .relaxed) else {
                    return
                }
                if isMissing {
                    Log.error("journal_disk_full", [("disk", disk.description)])
                } else {
                    Log.info("journal_disk_has_room")
                }
            }, onProblem: { Log.error("segment_failed", [("text", $0)]) },
            afterDurable: { [unowned self] done in engine.ask { _ in done() } })
        snapshots.start(engine)
        integrity?.start()
        for (index, loop) in loops.enumerated() { loop.start(name: "loop-\(index)") }
    }

    /// A simulated world ends with its process: what it had not finished is abandoned and void, whatever
    /// is played next.
    private func abandonEarlierWorld() {
        for fixture in SimulatedWorld.competitions.flatMap({ view.unresolved(in: $0) }) {
            var facts = FixtureFacts(id: fixture.id)
            facts.state.status = .abandoned
            abandoned.append { [facts] in $0.fixtureUpdate(facts) }
            for market in fixture.markets {
                let void = [SelectionOutcome](
                    repeating: SelectionOutcome(.void), count: market.selections)
                abandoned.append { $0.result(market: market.id, void, source: .feed) }
            }
        }
    }

    private var filesTimer: LoopTimer?
    private var abandoned: [(inout CommandEncoder) -> RecordBytes] = []
    private var sweepTimer: LoopTimer?

    /// Reads the certificates when their files have changed. From any thread.
    private func reloadFiles() {
        locations?.reload()
        guard let credentials else { return }
        do {
            guard try credentials.reload() else { return }
            Log.info("certificates_read", [("first_ends", String(credentials.expiry))])
        } catch {
            Log.error("certificates_not_read", [("text", error.text)])
        }
    }

    /// As many as the engine takes; the rest next time.
    private func sweepUp() {
        var encoder = CommandEncoder()
        var sent = 0
        while sent < abandoned.count, engine.submit(abandoned[sent](&encoder), token: 0) {
            sent += 1
        }
        abandoned.removeFirst(sent)
        if abandoned.isEmpty {
            sweepTimer?.stop()
            sweepTimer = nil
        }
    }

    private var feedComplained = false
    private var partComplained = false

    private func turnFeed(_ feed: FeedRunner) {
        feed.turn(
            now: gs_boot_nanoseconds() / 1_000_000, wall: gs_wall_nanoseconds() / 1_000_000)
        if let failure = feed.failure, !feedComplained {
            feedComplained = true
            Log.error(
                "feed_stopped", [("line", String(failure.line)), ("what", failure.what)])
        }
        if let failure = feed.source.partFailure, !partComplained {
            partComplained = true
            Log.error(
                "second_feed_stopped", [("line", String(failure.line)), ("what", failure.what)])
        }
    }

    private func announce(
        _ listen: (host: String, port: UInt16), _ desk: (host: String, port: UInt16),
        _ codes: [String]
    ) {
        let scheme = credentials == nil ? "http:" : "https:"
        let addresses =
            "punters \(scheme)//\(listen.host):\(listeners[0].port), "
            + "operators http://\(desk.host):\(listeners.last!.port)"
        lock.describe(Self.about(addresses))
        print(
            """

            Grandstand is open.

              Punters    \(scheme)//\(listen.host):\(listeners[0].port)/
              Operators  http://\(desk.host):\(listeners.last!.port)/
                         one-time code for the first operator   \(codes[0])  a supervisor
                         one-time code for the second operator  \(codes[1])  a trader
                         one-time code for the third operator   \(codes[2])  who only looks

            All money here is demo money. Ctrl-C stops; what was accepted is kept in \(configuration.text("data")).

            """)
    }

    /// Nothing new, what was begun is finished, the last block is confirmed.
    private func stop() {
        Log.info("draining")
        loops[0].post { [self] in
            feedTimer?.stop()
            feedTimer = nil
            listeners.last?.close()
            desk.drain()
        }
        for index in loops.indices {
            loops[index].post { [self] in
                listeners[index].close()
                punters[index].drain()
            }
        }
        let seconds = (try? configuration.number("drain-seconds")) ?? 10
        let deadline = gs_boot_nanoseconds() + seconds * 1_000_000_000
        while gs_boot_nanoseconds() < deadline {
            left.store(0, ordering: .relaxed)
            let counted = DispatchSemaphore(value: 0)
            for index in loops.indices {
                loops[index].post { [self] in
                    left.add(
                        loops[index].connectionCount + punters[index].hub.waitingCount,
                        ordering: .relaxed)
                    counted.signal()
                }
            }
            for _ in loops { counted.wait() }
            if left.load(ordering: .relaxed) == 0 { break }
            usleep(50_000)
        }
        integrity?.stop()
        snapshots.stop()
        keeper.stop()
        engine.stop()
        engineStopped.wait()
        store.stop()
        Log.info("stopped", [("state_hash", engine.status.stateHash.description)])
    }
}
