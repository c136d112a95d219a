import CSQLite

/// What SQLite said.
public struct DatabaseError: Error, Sendable, CustomStringConvertible {
    public var description: String { text }
    public let text: String
    /// The disk has no room, or failed for the moment: nothing is wrong with the rows.
    public var mayPass = false
}

/// One SQLite database on one thread. Statements are prepared once and kept.
final class Database {
    private let handle: OpaquePointer
    private var statements: [String: OpaquePointer] = [:]

    init(path: String) throws(DatabaseError) {
        var opened: OpaquePointer?
        guard
            sqlite3_open_v2(
                path, &opened,
                SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nil) == SQLITE_OK,
            let opened
        else { throw DatabaseError(text: "cannot open \(path)") }
        handle = opened
        // A connection that is just closing may hold the file for a moment.
        try run("PRAGMA busy_timeout = 2000")
        try run("PRAGMA journal_mode = WAL")
        // The journal is the truth; a projection that loses its last commits catches up from it.
        try run("PRAGMA synchronous = NORMAL")
        // 64 MiB of pages in memory, and a checkpoint every 80 MiB: the rows come in their order.
        try run("PRAGMA cache_size = -65536")
        try run("PRAGMA wal_autocheckpoint = 20000")
    }

    deinit {
        for statement in statements.values { sqlite3_finalize(statement) }
        sqlite3_close(handle)
    }

    enum Value {
        case null
        case integer(Int64)
        case text(String)
        case blob([UInt8])
    }

    private func failure() -> DatabaseError {
        let code = sqlite3_errcode(handle) & 0xff
        return DatabaseError(
            text: String(cString: sqlite3_errmsg(handle)),
            mayPass: code == SQLITE_FULL || code == SQLITE_IOERR || code == SQLITE_BUSY)
    }

    private func prepared(_ sql: String) throws(DatabaseError) -> OpaquePointer {
        if let known = statements[sql] { return known }
        var statement: OpaquePointer?
        guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK, let statement
        else {
            throw failure()
        }
        statements[sql] = statement
        return statement
    }

    private func bind(_ values: [Value], to statement: OpaquePointer) {
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        for (index, value) in values.enumerated() {
            let place = Int32(index + 1)
            switch value {
            case .null: sqlite3_bind_null(statement, place)
            case .integer(let number): sqlite3_bind_int64(statement, place, number)
            case .text(let text): sqlite3_bind_text(statement, place, text, -1, transient)
            case .blob(let bytes):
                sqlite3_bind_blob(statement, place, bytes, Int32(bytes.count), transient)
            }
        }
    }

    /// Carries out one statement that gives no rows back, or whose rows nobody wants.
    func run(_ sql: String, _ values: [Value] = []) throws(DatabaseError) {
        let statement = try prepared(sql)
        defer { sqlite3_reset(statement) }
        bind(values, to: statement)
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: continue
            case SQLITE_DONE: return
            default: throw failure()
            }
        }
    }

    /// A statement that is run often: prepared once, its values bound one after the other.
    struct Statement {
        fileprivate let handle: OpaquePointer
    }

    /// Puts values into a statement, from the first place on.
    struct Binder {
        fileprivate let statement: OpaquePointer
        fileprivate var place: Int32 = 0

        mutating func integer(_ value: Int64) {
            place += 1
            sqlite3_bind_int64(statement, place, value)
        }

        mutating func integer(_ value: some FixedWidthInteger & UnsignedInteger) {
            integer(Int64(truncatingIfNeeded: value))
        }

        /// `bytes` live until the statement has run.
        mutating func blob(_ bytes: UnsafeRawBufferPointer) {
            place += 1
            sqlite3_bind_blob(statement, place, bytes.baseAddress, Int32(bytes.count), nil)
        }
    }

    func prepare(_ sql: String) throws(DatabaseError) -> Statement {
        Statement(handle: try prepared(sql))
    }

    @inline(__always)
    func run(_ statement: Statement, _ bind: (inout Binder) -> Void) throws(DatabaseError) {
        var binder = Binder(statement: statement.handle)
        bind(&binder)
        let result = sqlite3_step(statement.handle)
        sqlite3_reset(statement.handle)
        guard result == SQLITE_DONE || result == SQLITE_ROW else { throw failure() }
    }

    struct Row {
        fileprivate let statement: OpaquePointer

        func integer(_ column: Int) -> Int64 { sqlite3_column_int64(statement, Int32(column)) }
        func isNull(_ column: Int) -> Bool {
            sqlite3_column_type(statement, Int32(column)) == SQLITE_NULL
        }
        func unsigned(_ column: Int) -> UInt64 { UInt64(bitPattern: integer(column)) }
        func text(_ column: Int) -> String {
            sqlite3_column_text(statement, Int32(column)).map { String(cString: $0) } ?? ""
        }
        func blob(_ column: Int) -> [UInt8] {
            let count = Int(sqlite3_column_bytes(statement, Int32(column)))
            guard let bytes = sqlite3_column_blob(statement, Int32(column)) else { return [] }
            return Array(UnsafeRawBufferPointer(start: bytes, count: count))
        }
    }

    func query(_ sql: String, _ values: [Value] = [], _ body: (Row) -> Void) throws(DatabaseError) {
        let statement = try prepared(sql)
        defer { sqlite3_reset(statement) }
        bind(values, to: statement)
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: body(Row(statement: statement))
            case SQLITE_DONE: return
            default: throw failure()
            }
        }
    }

    /// Moves what was committed from the log into the database and waits for the disk; false when somebody
    /// reads and some of it must stay where it is.
    func checkpoint() throws(DatabaseError) -> Bool {
        var isWhole = false
        try query("PRAGMA wal_checkpoint(PASSIVE)") {
            isWhole = $0.integer(0) == 0 && $0.integer(1) == $0.integer(2)
        }
        return isWhole
    }

    /// All or nothing.
    func transaction(_ body: () throws -> Void) throws {
        try run("BEGIN IMMEDIATE")
        do {
            try body()
        } catch {
            try? run("ROLLBACK")
            throw error
        }
        try run("COMMIT")
    }
}

func bits(_ value: UInt64) -> Database.Value { .integer(Int64(bitPattern: value)) }
