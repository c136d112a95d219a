import Betting
import EngineCore
import Ledger

/// The one place where numbers in outcomes become words for the desk.
enum PlacedWords {
    static func status(_ record: RecordBytes) -> String {
        BetStatus(rawValue: record.field(Layout.Placed.status, as: UInt8.self))?.word ?? "unknown"
    }

    static func refusal(_ record: RecordBytes) -> String {
        Refusal(rawValue: record.field(Layout.Placed.refusal, as: UInt16.self))?.code ?? ""
    }

    static func settlement(_ record: RecordBytes) -> String {
        EntryReason(rawValue: record.field(Layout.BetSettled.entry, as: UInt8.self))?.word
            ?? "settle"
    }
}
