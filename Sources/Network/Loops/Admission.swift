import Synchronization

/// Counts connections, over all loops, against the named bounds.
public final class Admission: Sendable {
    private struct Counts {
        var total = 0
        var byPeer: [String: Int] = [:]
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
            guard counts.total < maximum else { return false }
            if !isLoopback(peer) {
                guard counts.byPeer[peer, default: 0] < perPeer else { return false }
                counts.byPeer[peer, default: 0] += 1
            }
            counts.total += 1
            return true
        }
    }

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
