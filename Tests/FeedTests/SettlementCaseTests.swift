import Betting
import Foundation
import JSONText
import Kernel
import Testing

/// Where real recorded input may stand beside the project; tests that read it say that they skipped.
enum Recordings {
    static let shared = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "shared/data")

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: shared.appending(path: path).path)
    }
}

@Suite struct `The settlement cases of others` {
    /// Kinds that need rules which are not built: named, so that nobody takes their absence for success.
    static let notBuilt: [String: String] = [
        "asian_handicap": "lines of goals", "best_odds_guaranteed": "starting prices", "each_way": "place terms", "rule4": "deductions",
        "max_payout": "the cap of one bet as a rule of settlement",
    ]
    static let accumulators: Set<String> = ["SINGLE", "DOUBLE", "TREBLE", "FOLD_4", "FOLD_5", "FOLD_6", "FOLD_7", "FOLD_8"]

    @Test(.enabled(if: Recordings.exists("settlement-cases/cases.json"), "the cases are not beside the project"))
    func `come out as recomputed, for all that only need accumulators`() throws {
        let data = try Data(contentsOf: Recordings.shared.appending(path: "settlement-cases/cases.json"))
        let document = try JSONParser(depth: 8, members: 100_000).parse(Array(data).span)
        var checked = 0
        var left: [String: Int] = [:]
        for item in document["cases"]?.items ?? [] {
            let kind = item["kind"]?.text ?? ""
            let structure = item["bet_type"]?.text ?? ""
            if let reason = kind.split(separator: "+").compactMap({ Self.notBuilt[String($0)] }).first {
                left[reason, default: 0] += 1
                continue
            }
            guard Self.accumulators.contains(structure), item["lines"]?.whole == 1 else {
                left["systems", default: 0] += 1
                continue
            }
            let expected = try #require(item["return_2dp_half_up"]?.text.flatMap(minorUnits))
            #expect(payout(item) == .settled(payout: expected), "\(item["id"]?.text ?? "")")
            checked += 1
        }
        #expect(checked >= 30)
        #expect(checked + left.values.reduce(0, +) == document["cases"]?.items?.count)
    }

    private func payout(_ item: JSONValue) -> BetOutcome? {
        guard let stake = item["unit_stake"]?.text.flatMap(minorUnits) else { return nil }
        var total = AccumulatorReturn(stake: stake)
        for leg in item["legs"]?.items ?? [] {
            guard let text = leg["odds"]?.text, let odds = Odds(text, as: text.contains("/") ? .fractional : .decimal) else { return nil }
            switch (leg["result"]?.text, leg["dead_heat_fraction"]?.text) {
            case ("WON", nil): total.multiply(by: .won(odds))
            case ("WON", let share?):
                let parts = share.split(separator: "/").compactMap { UInt8($0) }
                guard parts.count == 2 else { return nil }
                total.multiply(by: .deadHeat(odds, winners: parts[0], tied: parts[1]))
            case ("LOST", _): total.multiply(by: .lost)
            case ("VOID", _): total.multiply(by: .unchanged)
            case ("HALF_WON", _): total.multiply(by: .halfWon(odds))
            case ("HALF_LOST", _): total.multiply(by: .halfLost)
            default: return nil
            }
        }
        return total.outcome(.halfUp)
    }

    private func minorUnits(_ text: String) -> Int64? {
        let parts = text.split(separator: ".")
        let fraction = parts.count == 2 ? (parts[1] + "00").prefix(2) : "00"
        guard let whole = Int64(parts[0]), let cents = Int64(fraction) else { return nil }
        return whole * 100 + cents
    }
}
