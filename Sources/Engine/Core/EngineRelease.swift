import Catalogue
public import Kernel

extension Engine {
    /// How long a market that cannot be released yet is left alone, in nanoseconds.
    static let releasePause: Int64 = 60_000_000_000

    /// The next market whose bets may leave, and whether there is one at all.
    ///
    /// Changes nothing that any outcome depends on: when bets leave is the sequencer's choice, and is
    /// journalled as such.
    public mutating func nextRelease(at now: Timestamp, projected: UInt64) -> MarketID? {
        markets.nextRelease(
            now: now.nanoseconds, projected: projected, later: now.nanoseconds + Self.releasePause
        ).map { MarketID(partition: rules.partition, row: $0) }
    }

    /// When the next market's bets may leave.
    public var nextReleaseDue: Timestamp? {
        markets.nextReleaseDue.map(Timestamp.init(nanoseconds:))
    }

    /// A step's worth of the legs that stood on a market leave, newest first; with its last leg a bet leaves.
    ///
    /// A market that has bets which are not concluded, may still be corrected or are not in the
    /// projections keeps them, whoever asks.
    mutating func releaseBets(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        let id = MarketID(command.field(Layout.Release.market, as: UInt64.self))
        let projected = command.field(Layout.Release.projected, as: UInt64.self)
        guard let number = markets.market(id),
            markets.isReleasable(number, now: time.nanoseconds, projected: projected)
        else { return }
        var legs: UInt32 = 0
        var bets: UInt32 = 0
        // An id that is still known here may name a bet; ids go in order, so one look is enough.
        let oldest = accounts.oldestID ?? .max
        var isHeld = false
        while legs < UInt32(Self.betsPerStep) {
            let last = markets.markets[number].lastStanding
            guard last != .max else { break }
            let bet = markets.standings[last].bet
            guard accounts.bets[bet].sequence < oldest else {
                isHeld = true
                break
            }
            _ = markets.unstand(market: number)
            legs += 1
            accounts.change(bet: bet) { $0.heldLegs -= 1 }
            guard accounts.bets[bet].heldLegs == 0 else { continue }
            accounts.remove(bet: bet)
            bets += 1
        }
        let isComplete = markets.markets[number].lastStanding == .max
        // From the first that leaves on nothing is corrected: bets of one market are all treated alike.
        if isComplete || legs > 0 {
            markets.change(market: number) { $0.isReleased = isComplete ? 1 : 2 }
        }
        if isHeld {
            markets.change(market: number) { $0.releaseAt = time.nanoseconds + Self.releasePause }
        }
        let record = outcomes.append(.betsReleased, body: Layout.BetsReleased.size, after: command)
        record.set(Layout.BetsReleased.market, id.rawValue)
        record.set(Layout.BetsReleased.legs, legs)
        record.set(Layout.BetsReleased.bets, bets)
        record.set(Layout.BetsReleased.isComplete, isComplete ? 1 as UInt8 : 0)
    }
}
