public import Betting
import Kernel

/// One version of what the house adds to bets and takes of what they win.
struct HouseVersion {
    /// Of the command: bets that were asked for later are under it, up to the next.
    let sequence: UInt64
    let rules: HouseRules

    var mix: RowMix {
        var mix = RowMix(kind: 30, row: sequence)
        mix.combine(UInt64(rules.commission), UInt64(rules.bonuses.count))
        for bonus in rules.bonuses {
            mix.combine(UInt64(bonus.onlyWinner), UInt64(bonus.allWinners))
        }
        return mix
    }
}

/// What the house adds and takes is data: every version stays, and a bet is under the one that held when it was asked
/// for, whatever comes later.
extension Engine {
    /// Versions that a cell has in its life.
    static let mostHouseVersions = 1024

    mutating func setHouseRules(_ command: RecordBytes, _ outcomes: inout RecordWriter) {
        guard let bonuses = command.coverBonuses else {
            return answer(command, market: nil, .malformed, &outcomes)
        }
        guard command.field(Layout.HouseRules.actor, as: UInt64.self) != 0 else {
            return answer(command, market: nil, .operatorMissing, &outcomes)
        }
        guard command.field(Layout.HouseRules.reason, as: UInt8.self) != 0 else {
            return answer(command, market: nil, .reasonMissing, &outcomes)
        }
        let expected = command.field(Layout.HouseRules.expected, as: UInt32.self)
        guard expected == 0 || Int(expected) == houseVersions.count + 1 else {
            return answer(command, market: nil, .changedSince, &outcomes)
        }
        let rules = HouseRules(
            commission: command.field(Layout.HouseRules.commission, as: UInt16.self),
            bonuses: bonuses.compactMap(\.self))
        guard let rules else {
            return answer(command, market: nil, .amountOutOfRange, &outcomes)
        }
        guard rules != houseRules else {
            return answer(command, market: nil, .noChange, &outcomes)
        }
        guard houseVersions.count < Self.mostHouseVersions else {
            return answer(command, market: nil, .full, &outcomes)
        }
        houseVersions.append(HouseVersion(sequence: command.sequence, rules: rules))
        answer(command, market: nil, nil, &outcomes)
    }

    /// What bets are under that are asked for now.
    public var houseRules: HouseRules { borrowing get { houseVersions.last?.rules ?? .none } }

    /// How many versions there have been.
    public var houseVersionCount: Int { borrowing get { houseVersions.count } }

    /// What a bet is under that was asked for then.
    @inline(__always)
    func houseTerms(of bet: BetRow, _ shape: SystemShape?) -> HouseTerms {
        guard !houseVersions.isEmpty else { return .none }
        return houseTerms(
            askedFor: bet.sequence, shape, isPlain: !bet.isPromotional && !bet.isEachWay)
    }

    /// The same of a bet that somebody else keeps: of cash alone and not each way where `isPlain`.
    @inline(never)
    public borrowing func houseTerms(
        askedFor sequence: UInt64, _ shape: SystemShape?, isPlain: Bool
    ) -> HouseTerms {
        if planted(.houseRulesOfToday), let last = houseVersions.last {
            return last.rules.terms(for: shape, isPlain: isPlain)
        }
        let version = houseVersions.last { $0.sequence < sequence }
        return version?.rules.terms(for: shape, isPlain: isPlain) ?? .none
    }

    /// What a bet promises that is asked for now: no more than the house adds.
    borrowing func promised(_ shape: SystemShape?, isPlain: Bool) -> HouseTerms {
        guard shape != nil, let last = houseVersions.last else { return .none }
        return last.rules.terms(for: shape, isPlain: isPlain).promised
    }
}

extension RecordBytes {
    /// Nil for another number of covers; nil within it for what no bonus may be.
    fileprivate var coverBonuses: [CoverBonus?]? {
        let count = Int(field(Layout.HouseRules.count, as: UInt16.self))
        guard count == SystemShape.named.count,
            slots
                >= SlotSize.slots(
                    forBody: Layout.HouseRules.bonuses + count * Layout.HouseRules.bonusSize)
        else { return nil }
        return (0..<count).map { place in
            let offset = Layout.HouseRules.bonuses + place * Layout.HouseRules.bonusSize
            return CoverBonus(
                onlyWinner: field(offset + Layout.HouseRules.onlyWinner, as: UInt16.self),
                allWinners: field(offset + Layout.HouseRules.allWinners, as: UInt16.self))
        }
    }
}
