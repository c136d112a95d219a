import Judge
import Kernel
import Simulation
import Testing

@Suite struct `A simulated platform` {
    @Test(arguments: 1...16 as ClosedRange<UInt64>)
    func `holds what it promised, under the judge`(seed: UInt64) {
        let result = Simulation(SimulationPlan(seed: seed, commands: 250)).run()
        #expect(result.problems == [])
        #expect(result.commands >= 250 || result.isRefused)
    }

    @Test func `does the same for the same seed`() {
        func trace(_ seed: UInt64) -> StateHash {
            Simulation(SimulationPlan(seed: seed, commands: 200)).run().trace
        }
        #expect(trace(5) == trace(5))
        #expect(trace(5) != trace(6))
    }

    @Test func `holds for every history of two acts, and for every block of another past`() {
        var systematic = Systematic()
        systematic.histories(upTo: 2)
        systematic.splices()
        #expect(systematic.problems == [])
        #expect(systematic.cases > 100)
    }

    @Test func `tells a story that names what happens`() {
        let simulation = Simulation(SimulationPlan(seed: 2, commands: 150))
        var lines: [String] = []
        simulation.story = { lines.append($0) }
        _ = simulation.run()
        #expect(lines.contains { $0.contains("the journal begins") })
        #expect(lines.contains { $0.contains(" bets ") })
        #expect(lines.contains { $0.contains("state hash") })
    }
}

@Suite struct `The judge` {
    private func heard(_ said: [(Command, [Outcome])]) -> [String] {
        var judge = Judge()
        var sequence: UInt64 = 1
        for (index, (command, outcomes)) in said.enumerated() {
            judge.hear(
                Testimony(
                    sequence: sequence, time: Int64(index + 1) * 1000, command: command,
                    outcomes: outcomes))
            sequence += 1 + UInt64(outcomes.count)
        }
        judge.checkBooks()
        return judge.problems
    }

    private let cell = Command.genesis(
        Cell(currency: 978, money: 2, rounding: .down, minimumStake: 10, payoutCap: 1_000_000))
    private let id = ExternalID(high: 1, low: 1)

    private func opened(_ refusal: UInt16 = 0) -> (Command, [Outcome]) {
        (
            .openAccount(id: id, currency: 978, money: 2, stakeLimit: 0),
            [.account(refusal: refusal, account: 0, balances: Balances())]
        )
    }

    @Test func `agrees with a deposit that is booked once, and objects to one that is not`() {
        let deposit = Command.deposit(account: 0, id: ExternalID(high: 2, low: 2), amount: 500)
        func answer(_ cash: Int64, refusal: UInt16 = 0) -> [Outcome] {
            [.account(refusal: refusal, account: 0, balances: Balances(cash: cash))]
        }
        #expect(heard([(cell, []), opened(), (deposit, answer(500)), (deposit, answer(500, refusal: 3))]) == [])
        #expect(heard([(cell, []), opened(), (deposit, answer(500)), (deposit, answer(1000))]).count == 1)
        #expect(heard([(cell, []), opened(), (deposit, answer(501))]).count == 1)
    }

    @Test func `objects to an account that is opened twice`() {
        #expect(heard([(cell, []), opened(), opened(3)]) == [])
        #expect(heard([(cell, []), opened(), opened()]).count == 1)
    }

    @Test func `objects to time that goes back and to what it has heard before`() {
        var judge = Judge()
        judge.hear(Testimony(sequence: 1, time: 5, command: cell, outcomes: []))
        judge.hear(Testimony(sequence: 1, time: 4, command: .remark, outcomes: []))
        #expect(judge.problems.count == 2)
    }
}
