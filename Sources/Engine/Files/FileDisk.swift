import CSystem
public import EngineJournal
import Glibc
import Synchronization

/// The journal's files in one directory of a real filesystem.
///
/// Writes go past the page cache (O_DIRECT|O_DSYNC) where the filesystem allows it, else through it
/// with fdatasync. Which of the two is in force stands on the health page (`isDirect`).
public final class FileDisk: Disk, Sendable {
    public struct File: Sendable {
        let descriptor: Int32
        let isDirect: Bool
        let name: String
    }

    public let directory: String
    /// Whether writes bypass the page cache here.
    public let isDirect: Bool
    // The helper that prepares segments and the writer may want the same one.
    private let creating = Mutex(())

    /// Makes the directory when it is missing.
    public init(directory: String) throws(DiskError) {
        self.directory = directory
        var partial = ""
        for part in directory.split(separator: "/", omittingEmptySubsequences: false) {
            partial +=
                partial.isEmpty && part.isEmpty
                ? "/" : (partial.hasSuffix("/") || partial.isEmpty ? "" : "/") + part
            let made = !partial.isEmpty && mkdir(partial, 0o700) == 0
            if !partial.isEmpty, !made, errno != EEXIST {
                throw Self.failure("create \(partial)")
            }
            // A directory that its parent forgets takes the journal with it.
            if !partial.isEmpty, made { try Self.sync(Self.parent(of: partial)) }
        }
        let probe = directory + "/.direct-probe"
        let descriptor = gs_open_journal(probe, 1, 1)
        isDirect = descriptor >= 0
        if descriptor >= 0 { Glibc.close(descriptor) }
        unlink(probe)
    }

    private static func failure(_ what: String) -> DiskError {
        let code = errno
        return code == ENOSPC || code == EDQUOT ? .noSpace : .failed(what, errno: code)
    }

    private func path(_ name: String) -> String { directory + "/" + name }

    public func names() throws(DiskError) -> [String] {
        guard let listing = opendir(directory) else { throw Self.failure("list \(directory)") }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    /// Written through and synced before it gets its name, so that no half segment is ever found.
    public func createZeroed(_ name: String, bytes: Int) throws(DiskError) {
        let result = creating.withLock { _ -> Result<Void, DiskError> in
            if access(path(name), F_OK) == 0 { return .success(()) }
            do throws(DiskError) {
                return .success(try fill(name, bytes: bytes))
            } catch {
                unlink(path(".making-" + name))
                return .failure(error)
            }
        }
        try result.get()
    }

    private func fill(_ name: String, bytes: Int) throws(DiskError) {
        let temporary = path(".making-" + name)
        let descriptor = gs_open_journal(temporary, 1, 0)
        guard descriptor >= 0 else {
            errno = -descriptor
            throw Self.failure("create \(name)")
        }
        defer { Glibc.close(descriptor) }
        let zeros = [UInt8](repeating: 0, count: min(bytes, 1 << 20))
        var position = 0
        while position < bytes {
            let written = pwrite(
                descriptor, zeros, min(zeros.count, bytes - position), off_t(position))
            guard written > 0 else { throw Self.failure("fill \(name)") }
            position += written
        }
        guard fsync(descriptor) == 0 else { throw Self.failure("sync \(name)") }
        guard Glibc.rename(temporary, path(name)) == 0 else { throw Self.failure("name \(name)") }
        try syncDirectory()
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private func syncDirectory() throws(DiskError) { try Self.sync(directory) }

    private static func sync(_ directory: String) throws(DiskError) {
        let descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open \(directory)") }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("sync \(directory)") }
    }

    public func size(of name: String) throws(DiskError) -> Int {
        var status = stat()
        guard stat(path(name), &status) == 0 else {
            if errno == ENOENT { throw .missing(name) }
            throw Self.failure("measure \(name)")
        }
        return Int(status.st_size)
    }

    public func open(_ name: String) throws(DiskError) -> File {
        let descriptor = gs_open_journal(path(name), 0, isDirect ? 1 : 0)
        guard descriptor >= 0 else {
            if descriptor == -ENOENT { throw .missing(name) }
            errno = -descriptor
            throw Self.failure("open \(name)")
        }
        return File(descriptor: descriptor, isDirect: isDirect, name: name)
    }

    public func write(_ bytes: UnsafeRawBufferPointer, to file: File, at position: Int)
        throws(DiskError)
    {
        // Never repeated: what a failed write left behind is unknown.
        let written = pwrite(file.descriptor, bytes.baseAddress, bytes.count, off_t(position))
        guard written >= 0 else { throw Self.failure("write \(file.name)") }
        guard written == bytes.count else {
            throw .failed("write \(file.name): \(written) of \(bytes.count) bytes", errno: 0)
        }
        if !file.isDirect, fdatasync(file.descriptor) != 0 {
            throw Self.failure("sync \(file.name)")
        }
    }

    public func read(into bytes: UnsafeMutableRawBufferPointer, from file: File, at position: Int)
        throws(DiskError)
    {
        var done = 0
        while done < bytes.count {
            let count = pread(
                file.descriptor, bytes.baseAddress! + done, bytes.count - done,
                off_t(position + done))
            guard count > 0 else {
                if count == 0 { throw .failed("read \(file.name): it ended early", errno: 0) }
                throw Self.failure("read \(file.name)")
            }
            done += count
        }
    }

    public func create(_ name: String) throws(DiskError) -> File {
        unlink(path(name))
        let descriptor = gs_open_journal(path(name), 1, isDirect ? 2 : 0)
        guard descriptor >= 0 else {
            errno = -descriptor
            throw Self.failure("create \(name)")
        }
        return File(descriptor: descriptor, isDirect: isDirect, name: name)
    }

    public func writeLater(_ bytes: UnsafeRawBufferPointer, to file: File, at position: Int)
        throws(DiskError)
    {
        let written = pwrite(file.descriptor, bytes.baseAddress, bytes.count, off_t(position))
        guard written >= 0 else { throw Self.failure("write \(file.name)") }
        guard written == bytes.count else { throw .noSpace }
    }

    public func sync(_ file: File) throws(DiskError) {
        guard fsync(file.descriptor) == 0 else { throw Self.failure("sync \(file.name)") }
    }

    public func rename(_ name: String, to other: String) throws(DiskError) {
        guard access(path(other), F_OK) != 0 else {
            throw .failed("name \(other): it is there", errno: EEXIST)
        }
        guard Glibc.rename(path(name), path(other)) == 0 else {
            if errno == ENOENT { throw .missing(name) }
            throw Self.failure("name \(other)")
        }
        try syncDirectory()
    }

    public func close(_ file: File) {
        Glibc.close(file.descriptor)
    }

    public func remove(_ name: String) throws(DiskError) {
        guard unlink(path(name)) == 0 else { throw Self.failure("remove \(name)") }
        try syncDirectory()
    }

    public func freeBytes() throws(DiskError) -> Int {
        let free = gs_free_bytes(directory)
        guard free >= 0 else {
            errno = Int32(-free)
            throw Self.failure("measure \(directory)")
        }
        return Int(free)
    }

    /// The filesystem's name as far as we know it, and the alignment it wants, for the health page.
    public var description: String {
        let magic = gs_filesystem_magic(directory)
        let name =
            switch magic {
            case 0xEF53: "ext4"
            case 0x0102_1994: "tmpfs"
            case 0x5846_5342: "xfs"
            case 0x794c_7630: "overlayfs"
            case 0x9123_683e: "btrfs"
            default: "filesystem 0x" + String(magic, radix: 16)
            }
        let alignment = gs_direct_alignment(directory)
        let how = isDirect ? "O_DIRECT|O_DSYNC" : "fdatasync"
        return "\(name), \(how)" + (alignment > 0 ? ", aligned to \(alignment)" : "")
            + ", " + deviceDescription
    }

    /// What the device promises: a write-back cache without FUA is made durable by a flush each time,
    /// and a virtual disk's flush is its host's word.
    private var deviceDescription: String {
        guard let cache = setting("write_cache") else { return "device cache unknown" }
        let fua = setting("fua").map { $0 == "1" ? "with FUA" : "without FUA" } ?? "FUA unknown"
        return "\(cache) cache, \(fua)"
    }

    private func setting(_ name: String) -> String? {
        var text = [CChar](repeating: 0, count: 64)
        let count = gs_block_setting(directory, name, &text, text.count)
        guard count > 0 else { return nil }
        return String(decoding: text[..<Int(count)].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// The machine's clocks.
public struct SystemClock: Clock, Sendable {
    public init() {}
    public func wall() -> Int64 { gs_wall_nanoseconds() }
    public func boot() -> Int64 { gs_boot_nanoseconds() }
}

/// Keeps a second process away from a data directory, and says who holds it.
public final class DirectoryLock {
    public struct Held: Error, Sendable {
        /// What the holder wrote about itself: process, start and addresses.
        public let holder: String
    }

    private let descriptor: Int32

    /// - Throws: `Held` when another process has the directory.
    public init(directory: String) throws {
        descriptor = gs_open_journal(directory + "/lock", 1, 0)
        guard descriptor >= 0 else {
            throw DiskError.failed("open \(directory)/lock", errno: -descriptor)
        }
        guard gs_lock_exclusive(descriptor) == 0 else {
            var text = [UInt8](repeating: 0, count: 1024)
            let count = pread(descriptor, &text, text.count, 0)
            Glibc.close(descriptor)
            throw Held(holder: String(decoding: text.prefix(max(0, count)), as: UTF8.self))
        }
    }

    /// Writes who we are into the locked file.
    public func describe(_ text: String) {
        let bytes = Array(text.utf8)
        ftruncate(descriptor, 0)
        _ = pwrite(descriptor, bytes, bytes.count, 0)
    }

    deinit { Glibc.close(descriptor) }
}
