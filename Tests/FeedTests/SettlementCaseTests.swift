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

    /// Names in a folder, in their order; none where it is not there.
    static func files(_ folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: shared.appending(path: folder).path)) ?? []).sorted()
    }
}

@Suite struct `The settlement cases of others` {
    /// The size of each line, where the legs may be more; every cover has all sizes.
    static let folds = ["SINGLE": 1, "DOUBLE": 2, "TREBLE": 3, "FOLD_4": 4, "FOLD_5": 5, "FOLD_6": 6, "FOLD_7": 7, "FOLD_8": 8]

    @Test(.enabled(if: Recordings.exists("settlement-cases/cases.json"), "the cases are not beside the project"))
    func `come out as recomputed`() throws {
        let data = try Data(contentsOf: Recordings.shared.appending(path: "settlement-cases/cases.json"))
        let document = try JSONParser(depth: 8, members: 100_000).parse(Array(data).span)
        var checked = 0
        for item in document["cases"]?.items ?? [] {
            let structure = item["bet_type"]?.text ?? ""
            let expected = try #require(item["return_2dp_half_up"]?.text.flatMap(minorUnits))
            #expect(try payout(item, structure) == .settled(payout: expected), "\(item["id"]?.text ?? "")")
            checked += 1
        }
        #expect(checked == 137)
        #expect(checked == document["cases"]?.items?.count)
    }

    @Test(.enabled(if: Recordings.exists("settlement-cases/cases.json"), "the cases are not beside the project"))
    func `of which others say otherwise follow from other rules`() throws {
        let data = try Data(contentsOf: Recordings.shared.appending(path: "settlement-cases/cases.json"))
        let document = try JSONParser(depth: 8, members: 100_000).parse(Array(data).span)
        var why: [String: String] = [:]
        for item in document["cases"]?.items ?? [] where item["return_agrees"]?.flag == false {
            let structure = item["bet_type"]?.text ?? ""
            let theirs = BetOutcome.settled(payout: try #require(item["source_return"]?.text.flatMap(minorUnits)))
            #expect(try payout(item, structure) != theirs)
            why[item["id"]?.text ?? ""] =
                try payout(item, structure, Policy(cutsLines: true)) == theirs
                ? "each line cut" : try payout(item, structure, Policy(isHalfOfPrice: true)) == theirs ? "half of the price" : "unexplained"
        }
        #expect(
            why == [
                "swiftyShared-003": "each line cut", "swiftyShared-091": "half of the price",
                "swiftyShared-094": "half of the price",
            ])
    }

    /// What others do otherwise: cut what each line pays, or pay half of the price where half of the stake comes back.
    private struct Policy {
        var cutsLines = false
        var isHalfOfPrice = false
    }

    private func payout(
        _ item: JSONValue, _ structure: String, _ policy: Policy = Policy()
    ) throws -> BetOutcome {
        let stake = try #require(item["unit_stake"]?.text.flatMap(minorUnits))
        if let line = item["asian_handicap"] { return try payout(onHandicap: line, stake) }
        let legs = item["legs"]?.items ?? []
        let isEachWay = item["each_way"]?.flag ?? false
        let lines = try #require(item["lines"]?.whole)
        let named = SystemShape.named.first { $0.name == structure.lowercased() }
        let fold = Self.folds[structure]
        let shape =
            fold == legs.count
            ? nil : SystemShape(legs: legs.count, sizes: try #require(named?.sizes ?? fold.map { 1 << UInt32($0 - 1) }))
        #expect((shape?.lines ?? 1) * (isEachWay ? 2 : 1) == lines)
        if policy.cutsLines, let shape { return try payout(legs, shape, cuttingLinesOf: stake) }
        func worth(isGuaranteed: Bool) throws -> Int64 {
            var total = BetReturn(stake: stake * lines, shape: shape, isEachWay: isEachWay)
            for leg in legs {
                let win = try factor(of: leg, isGuaranteed: isGuaranteed, policy)
                if isEachWay { total.multiply(by: win, place: try placeFactor(of: leg)) } else { total.multiply(by: win) }
            }
            guard case .settled(let payout) = total.outcome(.halfUp) else { return -1 }
            return payout
        }
        var paid = try worth(isGuaranteed: true)
        if let most = item["bog_cap"]?.text.flatMap(minorUnits) {
            paid = min(paid, try worth(isGuaranteed: false) + most)
        }
        if let cap = item["max_payout"]?.text.flatMap(minorUnits) { paid = min(paid, cap) }
        return .settled(payout: paid)
    }

    /// Every line by itself, cut to whole minor units.
    private func payout(_ legs: [JSONValue], _ shape: SystemShape, cuttingLinesOf stake: Int64) throws -> BetOutcome {
        var paid: Int64 = 0
        for line in 1..<(UInt32(1) << legs.count) where shape.sizes & (1 << UInt32(line.nonzeroBitCount - 1)) != 0 {
            var total = BetReturn(stake: stake, shape: nil)
            for (index, leg) in legs.enumerated() where line & (1 << UInt32(index)) != 0 {
                total.multiply(by: try factor(of: leg, isGuaranteed: false))
            }
            guard case .settled(let part) = total.outcome(.down) else { return total.outcome(.down) }
            paid += part
        }
        return .settled(payout: paid)
    }

    /// What the runner pays in the place part: those who won are placed, and share nothing in these cases.
    private func placeFactor(of leg: JSONValue) throws -> LegFactor {
        switch leg["result"]?.text {
        case "WON", "PLACED":
            let parts = try #require(leg["place_terms"]?.text).split(separator: "/").compactMap { UInt8($0) }
            let terms = try #require(PlaceTerms(places: 3, numerator: parts[0], denominator: parts[1]))
            return .placed(try odds(of: leg), terms, less: deduction(of: leg))
        default: return try factor(of: leg, isGuaranteed: false)
        }
    }

    private func odds(of leg: JSONValue) throws -> Odds {
        let text = try #require(leg["odds"]?.text)
        return try #require(Odds(text, as: text.contains("/") ? .fractional : .decimal))
    }

    private func deduction(of leg: JSONValue) -> Deduction {
        DeductionRule.ruleFour.together(leg["rule4_pct"]?.text.flatMap { UInt16($0) }.map { [$0 * 100] } ?? [])
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
        case .halfWon: total.multiply(by: .won(odds).halved)
        case .void: total.multiply(by: .unchanged)
        case .halfLost: total.multiply(by: .halfLost)
        default: total.multiply(by: .lost)
        }
        return total.outcome(.halfUp)
    }

    private func factor(
        of leg: JSONValue, isGuaranteed: Bool, _ policy: Policy = Policy()
    ) throws -> LegFactor {
        let odds = try odds(of: leg)
        switch (leg["result"]?.text, leg["dead_heat_fraction"]?.text) {
        case ("WON", nil):
            let won = LegFactor.won(odds, less: deduction(of: leg))
            guard isGuaranteed, let text = leg["sp"]?.text else { return won }
            let start = LegFactor.won(try #require(Odds(text, as: text.contains("/") ? .fractional : .decimal)))
            return start.isBetter(than: won) ? start : won
        case ("WON", let share?):
            let parts = share.split(separator: "/").compactMap { UInt8($0) }
            try #require(parts.count == 2)
            return .won(odds, less: deduction(of: leg)).shared(parts[0], among: parts[1])
        case ("PLACED", _): return .lost
        case ("VOID", _): return .unchanged
        case ("HALF_WON", _):
            return policy.isHalfOfPrice
                ? .ratio(numerator: UInt64(odds.numerator), denominator: UInt64(odds.denominator) * 2) : .won(odds).halved
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
