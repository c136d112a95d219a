import Betting
import EngineCore

/// The few fields of a record that a person wants to see in a dump.
enum RecordWords {
    static func details(_ record: RecordBytes) -> String {
        switch record.kind {
        case .place:
            let legs = record.field(Layout.Place.legCount, as: UInt8.self)
            return " stake=\(record.field(Layout.Place.stakeCash, as: Int64.self)) legs=\(legs)"
        case .placed:
            let status =
                BetStatus(
                    rawValue: record.field(Layout.Placed.status, as: UInt8.self))?.word ?? "unknown"
            let refusal = Refusal(
                rawValue: record.field(Layout.Placed.refusal, as: UInt16.self))?.code
            let bet = record.field(Layout.Placed.bet, as: UInt64.self)
            return " bet=\(bet) status=\(status)" + (refusal.map { " refusal=\($0)" } ?? "")
                + " cash=\(record.field(Layout.Placed.balances, as: Int64.self))"
        case .betSettled:
            return " bet=\(record.field(Layout.BetSettled.bet, as: UInt64.self))"
                + " payout=\(record.field(Layout.BetSettled.payout, as: Int64.self))"
                + " was=\(record.field(Layout.BetSettled.payoutBefore, as: Int64.self))"
        case .cashOut:
            let part = record.field(Layout.CashOut.part, as: Int64.self)
            return " bet=\(record.field(Layout.CashOut.bet, as: UInt64.self))"
                + " part=\(part == 0 ? "all" : "\(part)")"
                + " least=\(record.field(Layout.CashOut.least, as: Int64.self))"
        case .cashOutRule:
            return " bet=\(record.field(Layout.CashOutRule.bet, as: UInt64.self))"
                + " at-least=\(record.field(Layout.CashOutRule.atLeast, as: Int64.self))"
        case .cashOutAnswered:
            let status = BetStatus(
                rawValue: record.field(Layout.CashOutAnswered.status, as: UInt8.self))
            let refusal = Refusal(
                rawValue: record.field(Layout.CashOutAnswered.refusal, as: UInt16.self))?.code
            return " bet=\(record.field(Layout.CashOutAnswered.bet, as: UInt64.self))"
                + " status=\(status?.word ?? "unknown")" + (refusal.map { " refusal=\($0)" } ?? "")
                + " payout=\(record.field(Layout.CashOutAnswered.payout, as: Int64.self))"
                + " left=\(record.field(Layout.CashOutAnswered.stakeLeft, as: Int64.self))"
        case .marketChanged:
            return " market=\(record.field(Layout.MarketChanged.market, as: UInt64.self))"
                + " version=\(record.field(Layout.MarketChanged.version, as: UInt64.self))"
                + " reasons=\(record.field(Layout.MarketChanged.reasons, as: UInt8.self))"
        case .divergence:
            return " records=\(record.field(Layout.Divergence.count, as: UInt64.self))"
                + " first=\(record.field(Layout.Divergence.first, as: UInt64.self))"
                + " last=\(record.field(Layout.Divergence.last, as: UInt64.self))"
                + " by=\(record.text(Layout.Divergence.operator, width: 48))"
        case .fixture:
            return " \(record.text(Layout.Fixture.home, width: 48)) v "
                + record.text(Layout.Fixture.away, width: 48)
        case .market: return " \(record.text(Layout.Market.name, width: 48))"
        case .sealed:
            let digest = record.bytes(Layout.Sealed.digest, count: 32)
            return " segment=\(record.field(Layout.Sealed.segment, as: UInt32.self)) sha256="
                + digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        default: return ""
        }
    }
}

/// Columns parted by tabs. Texts may have lines and tabs of their own; a line of a table is one.
func tableLine(_ columns: [String]) -> String {
    columns.map { column in String(column.map { $0.isNewline || $0 == "\t" ? " " : $0 }) }
        .joined(separator: "\t")
}
