import Synchronization

/// Bytes that may wait for slow clients, over all loops. A loop takes room in steps and counts within them by
/// itself, so that what is written seldom meets another loop.
///
/// Bound: `most` bytes; a loop holds at most two steps more than it uses.
public final class WaitingRoom: Sendable {
    /// Bytes that a loop takes and gives back at a time.
    static let step = 1 << 20

    public let most: Int
    private let taken = Atomic(0)

    /// `most` is in bytes.
    public init(most: Int = 268_435_456) { self.most = most }

    /// Room for at least `bytes` more, in bytes; nil when so much is not there.
    func take(_ bytes: Int) -> Int? {
        let wanted = (bytes + Self.step - 1) / Self.step * Self.step
        // The last of the room goes to whoever needs just that much.
        return add(wanted) ? wanted : add(bytes) ? bytes : nil
    }

    func giveBack(_ bytes: Int) { taken.subtract(bytes, ordering: .relaxed) }

    private func add(_ bytes: Int) -> Bool {
        let (_, now) = taken.add(bytes, ordering: .relaxed)
        guard now > most else { return true }
        giveBack(bytes)
        return false
    }
}
