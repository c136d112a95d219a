import Synchronization

/// Counts connections, over all loops, against the named bounds.
public final class Admission: Sendable {
    private struct Counts {
        var total = 0
        var byPeer: [String: Int] = [:]
        var refused: UInt64 = 0
    }

    public let maximum: Int
    public let perPeer: Int
    /// Proxies: they stand for many.
    private let proxies: Set<String>
    private let counts = Mutex(Counts())

    /// `perPeer` does not count for loopback and for proxies.
    public init(maximum: Int = 15_000, perPeer: Int = 64, proxies: Set<String> = []) {
        self.proxies = proxies
        self.maximum = maximum
        self.perPeer = perPeer
    }

    func admit(_ peer: String) -> Bool {
        counts.withLock { counts in
            guard counts.total < maximum,
                isFree(peer) || counts.byPeer[peer, default: 0] < perPeer
            else {
                counts.refused += 1
                return false
            }
            if !isFree(peer) {
                counts.byPeer[peer, default: 0] += 1
            }
            counts.total += 1
            return true
        }
    }

    private func isFree(_ peer: String) -> Bool { isLoopback(peer) || proxies.contains(peer) }

    /// Connections that were turned away.
    public var refused: UInt64 { counts.withLock { $0.refused } }

    /// Called once for every admitted connection when it is gone.
    public func leave(_ peer: String) {
        counts.withLock { counts in
            counts.total -= 1
            guard let count = counts.byPeer[peer] else { return }
            counts.byPeer[peer] = count > 1 ? count - 1 : nil
        }
    }

    /// Counts a connection as another peer's; false, and nothing changed, when that one has as many as it may.
    func move(from before: String, to after: String) -> Bool {
        counts.withLock { counts in
            if before == after { return true }
            guard isFree(after) || counts.byPeer[after, default: 0] < perPeer else {
                counts.refused += 1
                return false
            }
            if !isFree(after) { counts.byPeer[after, default: 0] += 1 }
            if let count = counts.byPeer[before] {
                counts.byPeer[before] = count > 1 ? count - 1 : nil
            }
            return true
        }
    }

    public var total: Int { counts.withLock { $0.total } }
}

/// Whether an address is this machine's own.
public func isLoopback(_ peer: String) -> Bool {
    peer == "::1" || peer.hasPrefix("127.") || peer.hasPrefix("::ffff:127.")
}
