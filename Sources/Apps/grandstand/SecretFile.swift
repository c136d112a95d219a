import CSystem
import Glibc

/// Random keys that outlive the process, each in a file that only its owner may read.
enum SecretFile {
    static let bytes = 32

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The key at `path`, made when it is not there.
    static func key(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor < 0 {
            guard errno == EEXIST else { throw failure(path, "be made") }
            guard let found = readFile(path) else { throw failure(path, "be read") }
            guard found.count == bytes else {
                throw Failure(description: "\(path) is not a key of \(bytes) bytes. Remove it.")
            }
            return found
        }
        defer { close(descriptor) }
        var key = [UInt8](repeating: 0, count: bytes)
        let made = gs_random(&key, bytes)
        guard made == 0, write(descriptor, key, bytes) == bytes, fsync(descriptor) == 0 else {
            unlink(path)
            throw failure(path, "be written")
        }
        return key
    }

    private static func failure(_ path: String, _ what: String) -> Failure {
        Failure(description: "\(path) cannot \(what): \(String(cString: strerror(errno)))")
    }
}
