import EngineCore
import EngineFiles
import EngineJournal
import EngineService
import Kernel

/// `grandstand journal promotions`: what was promised, every version of it, and what was given under each.
struct PromotionLog {
    private var given: RecordBytes?
    private var versions: [UInt64: UInt32] = [:]
    private var names: [UInt64: String] = [:]
    private(set) var count = 0

    static let columns = [
        "record", "time", "what", "promotion", "version", "name", "from", "until", "account",
        "kind", "amount", "by", "reason", "terms",
    ]

    /// A line where this record promised something, or gave it; columns are parted by tabs.
    mutating func read(_ record: RecordBytes) -> String? {
        switch record.kind {
        case .marketChanged:
            guard let given, given.kind == .promotion, record.cause == given.sequence,
                record.field(Layout.MarketChanged.refusal, as: UInt16.self) == 0
            else { return nil }
            return promised(given, record)
        case .accountChanged:
            // What was repeated gave nothing.
            guard let given, given.kind == .grant, record.cause == given.sequence,
                record.field(Layout.AccountChanged.refusal, as: UInt16.self) == 0,
                record.field(Layout.AccountChanged.entry, as: UInt8.self) != 0
            else { return nil }
            return granted(given, record)
        default:
            if record.kind?.isCommand == true { given = record }
            return nil
        }
    }

    private mutating func promised(_ said: RecordBytes, _ record: RecordBytes) -> String {
        typealias Said = Layout.Promotion
        let number = said.field(Said.number, as: UInt64.self)
        let version = UInt32(
            truncatingIfNeeded: record.field(Layout.MarketChanged.version, as: UInt64.self))
        versions[number] = version
        names[number] = said.text(Said.name, width: Promotion.nameBytes)
        let terms = said.text(
            Said.terms, width: Int(said.field(Said.termsLength, as: UInt16.self)))
        return line(
            said, "promised", number, version,
            [Self.moment(said, Said.from), Self.moment(said, Said.until), "-", "-", "-"],
            actor: Said.actor, reason: Said.reason, terms)
    }

    private mutating func granted(_ said: RecordBytes, _ record: RecordBytes) -> String? {
        typealias Said = Layout.Grant
        let number = said.field(Said.promotion, as: UInt64.self)
        guard number != 0 else { return nil }
        let amount = record.field(Layout.AccountChanged.amount, as: Int64.self)
        let kind = GrantKind(rawValue: said.field(Said.kind, as: UInt8.self))
        let seen = said.field(Said.terms, as: UInt32.self)
        return line(
            said, amount < 0 ? "taken_back" : "given", number,
            seen == 0 ? versions[number] ?? 0 : seen,
            ["-", "-", String(record.account.rawValue), kind?.word ?? "?", String(amount)],
            actor: Said.actor, reason: Said.reason, "-")
    }

    private mutating func line(
        _ said: RecordBytes, _ what: String, _ number: UInt64, _ version: UInt32,
        _ middle: [String], actor: Int, reason: Int, _ terms: String
    ) -> String {
        count += 1
        // One that was said before what can be read here has no version that is known, and no name.
        let columns =
            [
                String(said.sequence), said.time.description, what, String(number),
                version == 0 ? "-" : String(version), names[number] ?? "-",
            ] + middle
            + [
                "operator \(said.field(actor, as: UInt64.self))", said.text(reason, width: 64),
                terms,
            ]
        return tableLine(columns)
    }

    private static func moment(_ record: RecordBytes, _ offset: Int) -> String {
        let time = record.field(offset, as: Int64.self)
        return time == 0 ? "-" : Timestamp(nanoseconds: time).description
    }
}

extension JournalCommands {
    static func promotions(_ disk: JoinedDisk) throws -> Int32 {
        var log = PromotionLog()
        if let start = try start(disk) {
            complain(
                "from record \(start.sequence + 1) on: what is before it is not here (--archive)")
        }
        print(PromotionLog.columns.joined(separator: "\t"))
        _ = try JournalReader(disk).scan(
            from: start(disk)?.end, isBeingWritten: isServed(disk.directory)
        ) { block in
            block.forEachRecord { record in
                if let line = log.read(record) { print(line) }
            }
        }
        complain("\(log.count) lines")
        return 0
    }
}
