import EngineJournal
import Kernel

/// The sequencer's time: it never goes back, follows the boot clock, and is drawn toward UTC slowly.
///
/// Starts at the later of the journal's last time and the wall clock. Corrects by at most 500 parts
/// per million of what passed, so a wrong wall clock cannot make a bet's deadline jump.
///
/// Not generic over the clock: what is asked for every record must not look up the layout of a type.
struct SequencerTime {
    static var mostSlewPerMillion: Int64 { 500 }
    /// A wall clock that moved by more than this against the boot clock has been stepped.
    static var step: Int64 { 1_000_000_000 }

    private let clock: any Clock
    private var last: Int64
    private var lastBoot: Int64
    private var offset: Int64

    init(_ clock: any Clock, after journalled: Int64) {
        self.clock = clock
        let wall = clock.wall()
        lastBoot = clock.boot()
        last = max(journalled, wall)
        offset = wall - lastBoot
    }

    /// The time now, at least one nanosecond after the time before.
    mutating func now() -> Int64 {
        let boot = clock.boot()
        let passed = max(0, boot - lastBoot)
        lastBoot = boot
        let most = passed * Self.mostSlewPerMillion / 1_000_000
        let error = clock.wall() - (last + passed)
        last += max(1, passed + min(most, max(-most, error)))
        if planted(.timeGoesBack) { last = clock.wall() }
        return last
    }

    /// The boot clock, for durations that are only told, never decided by.
    func boot() -> Int64 { clock.boot() }

    /// The time for the next record of the same turn: strictly after, without asking a clock.
    mutating func following() -> Int64 {
        last += 1
        return last
    }

    /// Whether UTC jumped against the boot clock since this was last asked.
    mutating func hasStepped() -> Bool {
        let current = clock.wall() - clock.boot()
        defer { offset = current }
        return abs(current - offset) > Self.step
    }
}
