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
    private let counts = Mutex(Counts())

    /// `perPeer` does not count for loopback.
    public init(maximum: Int = 15_000, perPeer: Int = 64) {
        self.maximum = maximum
        self.perPeer = perPeer
    }

    func admit(_ peer: String) -> Bool {
        counts.withLock { counts in
            guard counts.total < maximum,
                isLoopback(peer) || counts.byPeer[peer, default: 0] < perPeer
            else {
                counts.refused += 1
                return false
            }
            if !isLoopback(peer) {
                counts.byPeer[peer, default: 0] += 1
            }
            counts.total += 1
            return true
        }
    }

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

    public var total: Int { counts.withLock { $0.total } }
}

/// Whether an address is this machine's own.
public func isLoopback(_ peer: String) -> Bool {
    peer == "::1" || peer.hasPrefix("127.") || peer.hasPrefix("::ffff:127.")
}
