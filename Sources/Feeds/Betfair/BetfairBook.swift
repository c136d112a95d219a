import JSONText

/// One runner's ladder as the stream builds it up; prices in thousandths.
struct RunnerBook {
    var back: [UInt32: String] = [:]
    var lay: [UInt32: String] = [:]
    /// Best three by level, where the stream sends those instead of full depth.
    var bestBack: [Int64: (UInt32, String)] = [:]
    var bestLay: [Int64: (UInt32, String)] = [:]
    var lastTraded: UInt32 = 0
    var lastTradedText = ""
    var tradedVolume = ""

    var topBack: UInt32 {
        back.isEmpty ? bestBack[0]?.0 ?? 0 : back.keys.max() ?? 0
    }

    var topLay: UInt32 {
        lay.isEmpty ? bestLay[0]?.0 ?? 0 : lay.keys.min() ?? 0
    }

    /// The best three of each side, the best first: price in thousandths and the size as it was written.
    var bestThree: (back: [(UInt32, String)], lay: [(UInt32, String)]) {
        let backs =
            back.isEmpty
            ? Self.levels(bestBack) : back.sorted { $0.key > $1.key }.map { ($0.key, $0.value) }
        let lays =
            lay.isEmpty
            ? Self.levels(bestLay) : lay.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        return (Array(backs.prefix(3)), Array(lays.prefix(3)))
    }

    private static func levels(_ side: [Int64: (UInt32, String)]) -> [(UInt32, String)] {
        side.sorted { $0.key < $1.key }.map(\.value)
    }

    /// Merges one entry of `rc`; a runner may have several in one message.
    mutating func merge(_ change: JSONValue) {
        Self.merge(change["atb"], into: &back)
        Self.merge(change["atl"], into: &lay)
        Self.merge(levels: change["batb"], into: &bestBack)
        Self.merge(levels: change["batl"], into: &bestLay)
        if let last = change["ltp"], let price = last.thousandths {
            lastTraded = price
            lastTradedText = last.identifier ?? ""
        }
        if let volume = change["tv"]?.identifier { tradedVolume = volume }
    }

    private static func merge(_ levels: JSONValue?, into side: inout [UInt32: String]) {
        for level in levels?.items ?? [] {
            guard let pair = level.items, pair.count == 2, let price = pair[0].thousandths,
                case .number(let size) = pair[1]
            else { continue }
            // A size of nothing takes the level away, however the nothing is written.
            side[price] = isZero(size) ? nil : size
        }
    }

    private static func merge(
        levels: JSONValue?, into side: inout [Int64: (UInt32, String)]
    ) {
        for level in levels?.items ?? [] {
            guard let triple = level.items, triple.count == 3, let index = triple[0].whole,
                let price = triple[1].thousandths, case .number(let size) = triple[2]
            else { continue }
            side[index] = isZero(size) ? nil : (price, size)
        }
    }

    private static func isZero(_ number: String) -> Bool {
        number.utf8.allSatisfy { $0 == 0x30 || $0 == UInt8(ascii: ".") }
    }
}
