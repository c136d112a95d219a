import Customers
import EngineCore
import EngineService
import Kernel
import TestSupport
import Testing

@Suite struct `Own limits in the engine` {
    func refusal(_ outcome: Cell.Outcome) -> OperationRefusal? {
        OperationRefusal(rawValue: outcome.record.field(Layout.LimitChanged.refusal, as: UInt16.self))
    }

    func set(
        _ cell: Cell, _ account: AccountID, _ amount: Int64?, kind: LimitKind = .deposit,
        expected: UInt64? = nil
    ) throws -> (OperationRefusal?, LimitPicture) {
        let outcome = try cell.say {
            $0.setLimit(kind, .day, to: amount, of: account, expected: expected, session: SessionID(1))
        }
        return (refusal(outcome), try #require(LimitPicture(limitChanged: outcome.record)))
    }

    @Test func `are kept by name, survive a restart, and agree with their hash`() throws {
        let cell = try Cell()
        let one = try cell.customer(cash: 100)
        let other = try cell.customer(cash: 100)
        _ = try set(cell, one, 2000)
        _ = try set(cell, one, 60, kind: .time)
        _ = try set(cell, other, 500)
        let (refused, loose) = try set(cell, one, 9000)
        #expect(refused == nil)
        #expect(loose.value == OwnLimit(amount: 2000, next: 9000, nextFrom: loose.value.nextFrom))
        let asked = loose.value.nextFrom - Limits.limitCoolingOff * 1_000_000
        #expect(asked == Int64(cell.host.engine.time.nanoseconds))
        let hash = cell.stateHash
        try cell.restart()
        #expect(cell.host.report.stateHash == hash)
        #expect(cell.audit() == [])
        let found = cell.host.engine.limits(of: one)
        #expect(found.map(\.kind) == [.deposit, .time])
        #expect(found.map(\.value.amount) == [2000, 60])
        #expect(cell.host.engine.limit(.deposit, .day, of: other)?.value == OwnLimit(amount: 500))
        #expect(cell.host.engine.limit(.loss, .day, of: other)?.version == 0)
    }

    @Test func `are not changed by who saw another version`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 100)
        let (_, first) = try set(cell, account, 2000, expected: 0)
        #expect(first.version != 0)
        let (late, same) = try set(cell, account, 1000, expected: 0)
        #expect(late == .changedSince)
        #expect(same.value == first.value && same.version == first.version)
        let (right, next) = try set(cell, account, 1000, expected: first.version)
        #expect(right == nil)
        #expect(next.version > first.version && next.value.amount == 1000)
        // The same once more changes nothing.
        #expect(try set(cell, account, 1000).1.version == next.version)
    }

    @Test func `are refused when they are out of range, of no kind or nobody's, and change nothing`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 100)
        let hash = cell.host.engine.rowsHash
        #expect(try set(cell, account, -2).0 == .amountOutOfRange)
        #expect(try set(cell, account, Limits.minorUnits + 1).0 == .amountOutOfRange)
        #expect(try set(cell, account, 1441, kind: .time).0 == .amountOutOfRange)
        #expect(try set(cell, AccountID(77), 5).0 == .accountUnknown)
        let nonsense = try cell.say {
            let record = $0.setLimit(.loss, .week, to: 5, of: account, session: SessionID(1))
            record.set(Layout.SetLimit.period, 9 as UInt8)
            return record
        }
        #expect(refusal(nonsense) == .malformed)
        #expect(cell.host.engine.rowsHash == hash)
        // Taking away what never was is no change either.
        #expect(try set(cell, account, nil).0 == nil)
        #expect(cell.host.engine.rowsHash == hash)
    }

    @Test func `follow the journal where a later build has another cooling-off`() throws {
        let cell = try Cell()
        let account = try cell.customer(cash: 100)
        _ = try set(cell, account, 2000)
        let (_, asked) = try set(cell, account, nil)
        var slower = RuleSet.current
        slower.limitCoolingOff *= 7
        do throws(HostError) {
            try cell.restart(rules: [slower])
            Issue.record("a build that lets people wait for a week went on as if nothing were")
        } catch {
            guard case .diverged(let found) = error else { throw error }
            #expect(found.count == 1)
        }
        try cell.restart(rules: [slower], factsWin: "O. Brien")
        #expect(cell.host.engine.limit(.deposit, .day, of: account)?.value == asked.value)
    }
}
