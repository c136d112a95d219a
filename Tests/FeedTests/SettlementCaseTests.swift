import Betting
import Catalogue
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
        "best_odds_guaranteed": "starting prices", "each_way": "place terms", "rule4": "deductions",
        "max_payout": "the cap of one bet as a rule of settlement",
    ]
    /// The size of each line, where the legs may be more; every cover has all sizes.
    static let folds = ["SINGLE": 1, "DOUBLE": 2, "TREBLE": 3, "FOLD_4": 4, "FOLD_5": 5, "FOLD_6": 6, "FOLD_7": 7, "FOLD_8": 8]

    @Test(.enabled(if: Recordings.exists("settlement-cases/cases.json"), "the cases are not beside the project"))
    func `come out as recomputed, for all that is built`() throws {
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
            let expected = try #require(item["return_2dp_half_up"]?.text.flatMap(minorUnits))
            #expect(try payout(item, structure) == .settled(payout: expected), "\(item["id"]?.text ?? "")")
            checked += 1
        }
        #expect(checked >= 79)
        #expect(checked + left.values.reduce(0, +) == document["cases"]?.items?.count)
    }

    private func payout(_ item: JSONValue, _ structure: String) throws -> BetOutcome {
        let stake = try #require(item["unit_stake"]?.text.flatMap(minorUnits))
        if let line = item["asian_handicap"] { return try payout(onHandicap: line, stake) }
        let factors = try (item["legs"]?.items ?? []).map { try factor(of: $0) }
        let lines = try #require(item["lines"]?.whole)
        if lines == 1 {
            var total = AccumulatorReturn(stake: stake)
            for factor in factors { total.multiply(by: factor) }
            return total.outcome(.halfUp)
        }
        let named = SystemShape.named.first { $0.name == structure.lowercased() }
        let sizes = try #require(named?.sizes ?? Self.folds[structure].map { 1 << UInt32($0 - 1) })
        let shape = try #require(SystemShape(legs: factors.count, sizes: sizes))
        #expect(shape.lines == lines)
        var total = SystemReturn(unitStake: stake, shape: shape)
        for factor in factors { total.multiply(by: factor) }
        return total.outcome(.halfUp)
    }

    /// A side with its line and its score, settled by the lead that they make.
    private func payout(onHandicap item: JSONValue, _ stake: Int64) throws -> BetOutcome {
        let home = try #require(item["home_goals"]?.whole)
        let away = try #require(item["away_goals"]?.whole)
        // Such as "-0.5", or "-0.5/-1" for the line between the two.
        let lines = try #require(item["home_line"]?.text).split(separator: "/").compactMap { Double($0) }
        try #require(!lines.isEmpty)
        let line = lines.reduce(0, +) / Double(lines.count)
        let odds = try #require(item["odds"]?.text.flatMap { Odds($0, as: .decimal) })
        let results = QuarterLine.results(lead: Int(home - away) * 4 + Int(line * 4))
        var total = AccumulatorReturn(stake: stake)
        switch results[item["side"]?.text == "home" ? 0 : 1] {
        case .won: total.multiply(by: .won(odds))
        case .halfWon: total.multiply(by: .halfWon(odds))
        case .void: total.multiply(by: .unchanged)
        case .halfLost: total.multiply(by: .halfLost)
        default: total.multiply(by: .lost)
        }
        return total.outcome(.halfUp)
    }

    private func factor(of leg: JSONValue) throws -> LegFactor {
        let text = try #require(leg["odds"]?.text)
        let odds = try #require(Odds(text, as: text.contains("/") ? .fractional : .decimal))
        switch (leg["result"]?.text, leg["dead_heat_fraction"]?.text) {
        case ("WON", nil): return .won(odds)
        case ("WON", let share?):
            let parts = share.split(separator: "/").compactMap { UInt8($0) }
            try #require(parts.count == 2)
            return .deadHeat(odds, winners: parts[0], tied: parts[1])
        case ("VOID", _): return .unchanged
        case ("HALF_WON", _): return .halfWon(odds)
        case ("HALF_LOST", _): return .halfLost
        default:
            try #require(leg["result"]?.text == "LOST")
            return .lost
        }
    }

    private func minorUnits(_ text: String) -> Int64? {
        let parts = text.split(separator: ".")
        let fraction = parts.count == 2 ? (parts[1] + "00").prefix(2) : "00"
        guard let whole = Int64(parts[0]), let cents = Int64(fraction) else { return nil }
        return whole * 100 + cents
    }
}
