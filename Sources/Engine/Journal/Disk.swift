/// What went wrong with a file, in terms of what the journal may do about it.
public enum DiskError: Error, Equatable, Sendable {
    /// There is no room; nothing was written.
    case noSpace
    /// There is no such file.
    case missing(String)
    /// The device refused; what is on it now is unknown. Never retried.
    case failed(String, errno: Int32)
}

/// Files as the journal needs them: whole names, aligned positions, and writes that are durable when
/// they return. One thread writes; the helper that prepares segments only creates.
///
/// The file adapter, the memory adapter and the simulated disk of the tests pass one contract suite.
public protocol Disk: SendableMetatype {
    associatedtype File
    /// The names in the journal's directory, sorted.
    func names() throws(DiskError) -> [String]
    /// A file of `bytes` zeros, durable under its name when this returns; replaces none.
    func createZeroed(_ name: String, bytes: Int) throws(DiskError)
    func size(of name: String) throws(DiskError) -> Int
    /// Opened for the positions below; `bytes` are whole multiples of 4 KiB.
    func open(_ name: String) throws(DiskError) -> File
    /// All of `bytes` at `position`, durable when this returns. A short write is a failure.
    func write(_ bytes: UnsafeRawBufferPointer, to file: File, at position: Int) throws(DiskError)
    /// Fills `bytes` from `position`, past the page cache where that is possible.
    func read(into bytes: UnsafeMutableRawBufferPointer, from file: File, at position: Int)
        throws(DiskError)
    /// An empty file for `writeLater`; whatever had the name is gone.
    func create(_ name: String) throws(DiskError) -> File
    /// All of `bytes` at `position`, which may be the file's end; durable only after `sync`.
    func writeLater(_ bytes: UnsafeRawBufferPointer, to file: File, at position: Int)
        throws(DiskError)
    /// Everything written to the file is durable when this returns.
    func sync(_ file: File) throws(DiskError)
    /// Durable under the new name when this returns; replaces none.
    func rename(_ name: String, to other: String) throws(DiskError)
    func close(_ file: File)
    func remove(_ name: String) throws(DiskError)
    /// Bytes that may still be written.
    func freeBytes() throws(DiskError) -> Int
}

/// Where time comes from. Only the sequencer asks.
public protocol Clock: SendableMetatype {
    /// UTC, in nanoseconds since 1970; may step.
    func wall() -> Int64
    /// Since the machine started, in nanoseconds, sleep included; never steps.
    func boot() -> Int64
}
