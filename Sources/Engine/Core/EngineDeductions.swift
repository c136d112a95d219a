public import Betting
import Kernel

/// One version of what withdrawals take under a rule.
struct DeductionVersion {
    /// Of the command: bets that were asked for later are under it, up to the next.
    let sequence: UInt64
    let rule: DeductionRule
    let table: DeductionTable

    var mix: RowMix {
        var mix = RowMix(kind: 33, row: sequence)
        mix.combine(
            UInt64(rule.rawValue), UInt64(table.waivedAlone) << 32 | UInt64(table.steps.count))
        for step in table.steps {
            mix.combine(
                UInt64(step.winnings) << 32 | UInt64(step.stake),
                UInt64(step.runners) << 32 | UInt64(step.win) << 16 | UInt64(step.place))
        }
        return mix
    }
}

/// What withdrawals take is data: every version stays, and a bet is under the one that held when it was asked for.
extension Engine {
    /// Versions of all tables that a cell has in its life.
    static let mostDeductionVersions = 256

    mutating func setDeductionTable(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        let rule = DeductionRule(
            rawValue: command.field(Layout.DeductionTable.rule, as: UInt8.self))
        guard let rule, rule == .ruleFour || rule == .faceValue, let steps = command.deductionSteps
        else { return answer(command, market: nil, .malformed, &outcomes) }
        guard command.field(Layout.DeductionTable.actor, as: UInt64.self) != 0 else {
            return answer(command, market: nil, .operatorMissing, &outcomes)
        }
        guard command.field(Layout.DeductionTable.reason, as: UInt8.self) != 0 else {
            return answer(command, market: nil, .reasonMissing, &outcomes)
        }
        let expected = command.field(Layout.DeductionTable.expected, as: UInt32.self)
        guard expected == 0 || Int(expected) == deductionVersionCount(rule) + 1 else {
            return answer(command, market: nil, .changedSince, &outcomes)
        }
        let waived = command.field(Layout.DeductionTable.waivedAlone, as: UInt16.self)
        guard let table = DeductionTable(steps, waivedAlone: waived) else {
            return answer(command, market: nil, .amountOutOfRange, &outcomes)
        }
        guard table != deductionTable(rule) else {
            return answer(command, market: nil, .noChange, &outcomes)
        }
        guard deductionVersions.count < Self.mostDeductionVersions else {
            return answer(command, market: nil, .full, &outcomes)
        }
        deductionVersions.append(
            DeductionVersion(sequence: command.sequence, rule: rule, table: table))
        answer(command, market: nil, nil, &outcomes)
    }

    /// How often a rule's table was set.
    public func deductionVersionCount(_ rule: DeductionRule) -> Int {
        deductionVersions.count { $0.rule == rule }
    }

    /// What withdrawals take from bets that are asked for now.
    public func deductionTable(_ rule: DeductionRule) -> DeductionTable {
        deductionTable(rule, askedFor: .max)
    }

    private func deductionTable(_ rule: DeductionRule, askedFor sequence: UInt64) -> DeductionTable
    {
        let isTold = { (version: DeductionVersion) in
            version.sequence < sequence || planted(.tableOfToday)
        }
        return deductionVersions.last { $0.rule == rule && isTold($0) }?.table
            ?? (rule == .ruleFour ? .tattersalls : .none)
    }

    /// What is taken from a bet's price, of its win or its place part: that was asked for by the record `asked`, and
    /// accepted then.
    func deduction(of market: UInt32, asked: UInt64, accepted: Int64, isPlace: Bool) -> Deduction {
        let row = markets.markets[market]
        guard row.firstDeduction != .max else { return .none }
        let table = deductionTable(row.deductions, askedFor: asked)
        var each: [UInt16] = []
        var number = row.firstDeduction
        while number != .max {
            let one = markets.deductions[number]
            if accepted < one.at || planted(.deductedAlways) {
                each.append(one.taken(by: table, isPlace: isPlace))
            }
            number = one.next
        }
        // In the order in which they were withdrawn.
        return row.deductions.together(each.reversed(), waivedAlone: table.waivedAlone)
    }
}

extension DeductionRow {
    /// As was said with the withdrawal, or by its last price.
    fileprivate func taken(by table: DeductionTable, isPlace: Bool) -> UInt16 {
        if isPlace ? isPlaceSaid == 1 : isWinSaid == 1 { return isPlace ? place : win }
        // What was said of win parts alone holds for both.
        if isPlace, isWinSaid == 1 { return win }
        guard numerator > denominator else { return 0 }
        let taken = table.taken(at: Odds(reduced: numerator, denominator), of: runners)
        return isPlace ? taken.place : taken.win
    }
}

extension RecordBytes {
    /// Nil where there are more than a record holds.
    fileprivate var deductionSteps: [DeductionTable.Step]? {
        typealias Table = Layout.DeductionTable
        let count = Int(field(Table.count, as: UInt16.self))
        guard count <= DeductionTable.mostSteps,
            slots >= SlotSize.slots(forBody: Table.steps + count * Table.stepSize)
        else { return nil }
        return (0..<count).map { place in
            let offset = Table.steps + place * Table.stepSize
            return DeductionTable.Step(
                runners: field(offset + Table.runners, as: UInt8.self),
                winnings: field(offset + Table.winnings, as: UInt32.self),
                stake: field(offset + Table.stake, as: UInt32.self),
                win: field(offset + Table.win, as: UInt16.self),
                place: field(offset + Table.place, as: UInt16.self))
        }
    }
}
