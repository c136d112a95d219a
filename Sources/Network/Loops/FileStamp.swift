import Glibc

/// By what it is seen that a file is another one than it was, without reading it.
public struct FileStamp: Equatable, Sendable {
    private var seconds = 0
    private var nanoseconds = 0
    private var size: Int64 = 0
    private var inode: UInt64 = 0

    /// Of a file that is not there, too.
    public init(_ path: String) {
        var found = stat()
        guard stat(path, &found) == 0 else { return }
        seconds = found.st_mtim.tv_sec
        nanoseconds = found.st_mtim.tv_nsec
        size = Int64(found.st_size)
        inode = UInt64(found.st_ino)
    }
}
