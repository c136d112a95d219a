import Betting
import Catalogue
import EngineCore
import EngineJournal
import Kernel
import Ledger

/// Numbers with the place they are written at, and all of it in words.
extension HistoryTeller {
    // MARK: Facts
    func facts(
        _ record: RecordBytes, _ place: RecordPlace?, _ wanted: [(String, Int, Int)]
    ) -> [BetHistory.Fact] {
        guard let place, place.slots > 0 else { return [] }
        return wanted.map { label, offset, width in
            let value: Int64 =
                switch width {
                case 1: Int64(record.field(offset, as: UInt8.self))
                case 2: Int64(record.field(offset, as: UInt16.self))
                case 4: Int64(record.field(offset, as: UInt32.self))
                default: record.field(offset, as: Int64.self)
                }
            return BetHistory.Fact(
                label: label, place: place, offset: offset, width: width, value: value)
        }
    }

    func balanceFacts(_ offset: Int) -> [(String, Int, Int)] {
        [
            ("cash after", offset + Layout.Balances.cash, 8),
            ("bonus money after", offset + Layout.Balances.bonus, 8),
            ("free stakes after", offset + Layout.Balances.free, 8),
            ("held after", offset + Layout.Balances.held, 8),
            ("open bets after", offset + Layout.Balances.openBets, 8),
            ("owed after", offset + Layout.Balances.receivable, 8),
        ]
    }

    func placeFacts(_ record: RecordBytes, _ place: RecordPlace?) -> [BetHistory.Fact] {
        var wanted = [
            ("stake, cash", Layout.Place.stakeCash, 8),
            ("stake, bonus money", Layout.Place.stakeBonus, 8),
            ("stake, free", Layout.Place.stakeFree, 8), ("price rule", Layout.Place.priceRule, 1),
            ("not to be decided after", Layout.Place.validUntil, 8),
            ("received", Layout.Place.receivedAt, 8),
            ("video delay", Layout.Place.videoDelay, 4),
        ]
        for index in question.legs.indices {
            let offset = Layout.Place.legs + index * Layout.Place.legSize
            wanted += [
                ("leg \(index + 1), market", offset + Layout.Leg.market, 8),
                ("leg \(index + 1), selection", offset + Layout.Leg.selection, 4),
                ("leg \(index + 1), odds above", offset + Layout.Leg.odds, 4),
                ("leg \(index + 1), odds below", offset + Layout.Leg.odds + 4, 4),
                ("leg \(index + 1), version shown", offset + Layout.Leg.marketVersion, 8),
                ("leg \(index + 1), score shown", offset + Layout.Leg.score, 4),
            ]
        }
        return facts(record, place, wanted)
    }

    func placedFacts(_ record: RecordBytes, _ place: RecordPlace?) -> [BetHistory.Fact] {
        facts(
            record, place,
            [
                ("bet", Layout.Placed.bet, 8), ("status", Layout.Placed.status, 1),
                ("refusal", Layout.Placed.refusal, 2),
                ("value", Layout.Placed.value, 8), ("threshold", Layout.Placed.threshold, 8),
                ("potential return", Layout.Placed.potentialReturn, 8),
                ("accepted", Layout.Placed.acceptedAt, 8), ("due", Layout.Placed.dueAt, 8),
                ("delay", Layout.Placed.delayBase, 4), ("entries", Layout.Placed.entries, 1),
            ] + balanceFacts(Layout.Placed.balances))
    }

    func settledFacts(_ record: RecordBytes, _ place: RecordPlace?) -> [BetHistory.Fact] {
        facts(
            record, place,
            [
                ("bet", Layout.BetSettled.bet, 8), ("status", Layout.BetSettled.status, 1),
                ("stake", Layout.BetSettled.stake, 8),
                ("paid before", Layout.BetSettled.payoutBefore, 8),
                ("payout", Layout.BetSettled.payout, 8),
            ] + balanceFacts(Layout.BetSettled.balances))
    }

    // MARK: Words
    func money(_ minor: Int64) -> String {
        question.currency.map { "\(Money(minorUnits: minor, $0))" } ?? "\(minor)"
    }

    static func text(_ nanoseconds: Int64) -> String {
        Timestamp(nanoseconds: nanoseconds).description
    }

    static func score(_ packed: UInt32) -> String {
        packed == Score.unknown ? "unknown" : "\(packed >> 16)-\(packed & 0xffff)"
    }

    static func clock(_ seconds: UInt32) -> String {
        guard seconds != .max else { return "unknown" }
        let rest = seconds % 60
        return "\(seconds / 60):" + (rest < 10 ? "0" : "") + "\(rest)"
    }

    static func thousandths(_ value: Int64) -> String {
        guard value > 0 else { return "none" }
        let rest = String(value % 1000)
        return "\(value / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }

    static func hundredths(_ value: Int64) -> String {
        let rest = String(value % 100)
        return "\(value / 100)." + String(repeating: "0", count: 2 - rest.count) + rest
    }

    /// Numerator over denominator in minor units, when both fit 64 bits.
    static func exact(_ record: RecordBytes) -> String {
        let above = record.field(Layout.BetSettled.numerator, as: UInt64.self)
        let below = record.field(Layout.BetSettled.denominator, as: UInt64.self)
        let isWide =
            record.field(Layout.BetSettled.numerator + 8, as: UInt64.self) != 0
            || record.field(Layout.BetSettled.denominator + 8, as: UInt64.self) != 0
            || below == 0
        return isWide ? "in the record, wider than 64 bits" : "\(above)/\(below) minor units"
    }
}
