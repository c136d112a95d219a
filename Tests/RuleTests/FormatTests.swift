import Betting
import EngineCore
import Foundation
import Testing

/// A reader in another language is written from the page alone, so the page knows every number.
@Suite struct `The journal's page` {
    let page: String

    init() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        page = try String(contentsOf: root.appending(path: "docs/formats/journal.md"), encoding: .utf8)
    }

    @Test func `names every kind of record, every refusal and every status with its number`() {
        for kind in RecordKind.allCases {
            #expect(page.contains("| `\(kind.word)` | \(kind.rawValue) | \(kind.isCommand ? "command" : "outcome") |"))
        }
        for refusal in Refusal.allCases {
            #expect(page.contains("| \(refusal.rawValue) | `\(refusal.code)` |"))
        }
        for refusal in OperationRefusal.allCases {
            #expect(page.contains("| \(refusal.rawValue) | `\(refusal.code)` |"))
        }
        for status in BetStatus.allCases {
            #expect(page.contains("\(status.rawValue) `\(status.word)`"))
        }
    }
}
