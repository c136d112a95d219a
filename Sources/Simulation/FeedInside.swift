import EngineService
import FeedCore
import FeedService
import Judge
import Kernel

/// The platform's feed runner between the supplier's line and the intake.
extension Simulation {
    /// The supplier says something to the feed runner.
    func say(_ events: [FeedEvent]) {
        line.say(events)
        wakeFeed(at: clock.now + 1_000_000)
    }

    func startFeed() {
        line.reset()
        if story != nil { line.listener = { [unowned self] in tell("the runner hears \($0)") } }
        guard plan.has(.feeds) else { return }
        runner = FeedRunner(source: line, settings: line.settings) { [unowned self] in
            guard host != nil, !isShortOfSpace || $0.mayUseReserve else { return false }
            let objection = line.objection(to: $0)
            guard batch.add($0, token: 0) else { return false }
            if let objection { object(objection) }
            wake(after: 50_000)
            return true
        }
    }

    func wakeFeed(at time: Int64) {
        guard runner != nil else { return }
        if let feedTurnAt, feedTurnAt <= time { return }
        feedTurnAt = time
        queue.add(.feedTurn, at: time)
    }

    func turnFeed() {
        guard let runner, line.hasMessage || runner.messages > 0 else { return }
        let now = clock.now / 1_000_000
        runner.turn(now: now, wall: clock.wall() / 1_000_000)
        if let next = runner.nextTurn(after: now) {
            // Without room the engine takes nothing for long.
            let pause: Int64 = isShortOfSpace ? 250 : 1
            wakeFeed(at: max(next, now + pause) * 1_000_000)
        }
    }

    /// Nobody bets on what its supplier has been silent about for longer than is allowed.
    func checkSilence(_ said: Testimony) {
        guard plan.has(.feeds) else { return }
        if case .place(let intent) = said.command, case .placed(let placed)? = said.outcomes.first,
            placed.status == 1, !placed.isRepeat
        {
            waitingLegs[placed.bet] = intent.legs.map(\.market)
        }
        guard !isStarting,
            clock.now - line.lastHeard > (line.settings.staleAfter + 2000) * 1_000_000
        else { return }
        for outcome in said.outcomes {
            guard case .placed(let placed) = outcome, placed.status == 2, !placed.isRepeat else {
                continue
            }
            var markets = waitingLegs[placed.bet] ?? []
            if case .place(let intent) = said.command { markets += intent.legs.map(\.market) }
            if markets.contains(where: { supplier.speaksThroughRunner($0) }) {
                object("bet \(placed.bet) was taken although its supplier has been silent for long")
            }
        }
    }
}
