import EngineJournal
import EngineService
import Judge
import Kernel
import Projection
import ProjectionService

/// The projection behind the journal, and what customers are shown held against the judge.
extension Simulation {
    func handToRows(_ block: DurableBlock) {
        // More than fits into memory is read from the journal.
        if !plan.has(.fewBlocksInMemory) || random.number(in: 0...2) == 0 {
            follower?.hand([block])
        }
        wakeRows(after: plan.has(.lateRows) && isSafetyPhase ? after(3000) : 4_000_000)
    }

    func wakeRows(after nanoseconds: Int64) {
        guard rowsTurnAt == nil else { return }
        rowsTurnAt = clock.now + nanoseconds
        queue.add(.rowsTurn, at: clock.now + nanoseconds)
    }

    func turnRows() {
        guard let follower, follower.applied < acknowledged.sequence else { return }
        do {
            _ = try follower.advance(acknowledged.sequence)
            try follower.secure()
        } catch let error as DiskError {
            // A store that cannot read ends its process.
            guard host != nil else { return }
            die(.disk(error))
        } catch {
            guard disk.hasLied else { return object("the rows cannot go on: \(error)") }
            // The journal behind the rows is broken: a person must look.
            result.isRefused = true
            return tell("the rows cannot go on: \(error)")
        }
        if follower.applied < acknowledged.sequence {
            wakeRows(after: 1_000_000)
        } else if turns % 64 == 0 {
            checkRows()
        }
    }

    /// What customers are shown is what the judge holds to be true.
    func checkRows() {
        // What a device that lied made of rows that were read from it, the next start finds out.
        guard let follower, follower.applied == acknowledged.sequence, !disk.hasLied else { return }
        judge.checkRows(
            bets: rows.bets.map {
                BetShown(
                    bet: $0.bet, account: $0.account, stake: $0.stake, status: $0.status,
                    payout: $0.payout, soldStake: $0.soldStake, soldFor: $0.soldFor)
            },
            balances: { [rows] account in
                rows.balances(of: account).map {
                    Balances(
                        cash: $0.cash, bonus: $0.bonus, free: $0.free, held: $0.held,
                        openBets: $0.openBets, receivable: $0.receivable)
                }
            }, moved: rows.moved, suspected: rows.suspected, void: rows.voidBets)
        let odd = rows.sessionNumbers.symmetricDifference(sessions.keys)
        if !odd.isEmpty {
            object("sessions \(odd.sorted()) are not in both: the journal and the rows")
        }
    }
}
