import Synchronization

/// Counts connections, over all loops, against the named bounds.
public final class Admission: Sendable {
    private struct Counts {
        var total = 0
        var byPeer: [String: Int] = [:]
        var refused: UInt64 = 0

        mutating func remove(_ peer: String) {
            guard let count = byPeer[peer] else { return }
            byPeer[peer] = count > 1 ? count - 1 : nil
        }
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
            counts.remove(peer)
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
            counts.remove(before)
            return true
        }
    }

    /// Counts as one of a client's connections as long as somebody keeps it.
    public final class Place: Sendable {
        private let admission: Admission
        private let peer: String

        fileprivate init(_ admission: Admission, _ peer: String) {
            self.admission = admission
            self.peer = peer
        }

        deinit { admission.counts.withLock { $0.remove(peer) } }
    }

    /// A place of `peer` in somebody else's connection; nil when `peer` has as many as it may.
    func place(for peer: String) -> Place? {
        counts.withLock { counts in
            guard isFree(peer) || counts.byPeer[peer, default: 0] < perPeer else {
                counts.refused += 1
                return nil
            }
            if !isFree(peer) { counts.byPeer[peer, default: 0] += 1 }
            return Place(self, peer)
        }
    }

    public var total: Int { counts.withLock { $0.total } }
}

/// Whether an address is this machine's own.
public func isLoopback(_ peer: String) -> Bool {
    peer == "::1" || peer.hasPrefix("127.") || peer.hasPrefix("::ffff:127.")
}
