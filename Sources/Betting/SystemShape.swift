/// Which lines a system is made of: every choice of so many of its free legs, each with all bankers.
///
/// A Trixie is three free legs in twos and threes; a Lucky 15 four in ones to fours; "2 of 3 with a banker" four
/// legs of which one is in every line.
public struct SystemShape: Hashable, Sendable {
    /// 2 to `mostLegs`.
    public let legs: Int
    /// Bit k - 1: all lines of k free legs, with the bankers.
    public let sizes: UInt32
    /// Bit i: leg i is in every line.
    public let bankers: UInt32

    /// Legs of one system.
    public static let mostLegs = 16

    /// Nil for what has no line, names a size that its free legs do not have, or a banker that is no leg.
    public init?(legs: Int, sizes: UInt32, bankers: UInt32 = 0) {
        guard (2...Self.mostLegs).contains(legs), bankers >> UInt32(legs) == 0 else { return nil }
        let free = legs - bankers.nonzeroBitCount
        guard sizes != 0, sizes >> UInt32(free) == 0 else { return nil }
        self.legs = legs
        self.sizes = sizes
        self.bankers = bankers
    }

    /// Legs that are not in every line.
    public var free: Int { legs - bankers.nonzeroBitCount }

    public func isBanker(_ leg: Int) -> Bool { bankers >> UInt32(leg) & 1 == 1 }

    /// Accumulators that the system comes to: at most 65,535.
    public var lines: Int64 {
        var lines: Int64 = 0
        var choices: Int64 = 1
        for size in 1...free {
            choices = choices * Int64(free - size + 1) / Int64(size)
            if sizes >> UInt32(size - 1) & 1 == 1 { lines += choices }
        }
        return lines
    }

    /// The smallest number of free legs in a line.
    public var smallest: Int { sizes.trailingZeroBitCount + 1 }

    /// The legs of each line, the shortest lines first; at most so many lines.
    public func lineLegs(atMost most: Int) -> [[Int]] {
        let others = (0..<legs).filter { !isBanker($0) }
        let always = (0..<legs).filter { isBanker($0) }
        var lines: [[Int]] = []
        for size in 1...free where sizes >> UInt32(size - 1) & 1 == 1 {
            var places = Array(0..<size)
            while lines.count < most {
                lines.append((always + places.map { others[$0] }).sorted())
                // The next choice: the last place that can move on, and all behind it right after.
                guard
                    let last = places.indices.last(where: { places[$0] < others.count - size + $0 })
                else { break }
                places[last] += 1
                for index in last + 1..<size { places[index] = places[index - 1] + 1 }
            }
        }
        return lines
    }

    /// The covers that have a name: all lines of two legs and more, or of one and more.
    public static let named: [(name: String, legs: Int, sizes: UInt32)] = [
        ("trixie", 3, 0b110), ("patent", 3, 0b111), ("yankee", 4, 0b1110), ("lucky_15", 4, 0b1111),
        ("canadian", 5, 0b1_1110), ("lucky_31", 5, 0b1_1111), ("heinz", 6, 0b11_1110),
        ("lucky_63", 6, 0b11_1111), ("super_heinz", 7, 0b111_1110), ("goliath", 8, 0b1111_1110),
    ]

    /// Such as `trixie`; nil for a system without a name of its own.
    public var name: String? {
        guard bankers == 0 else { return nil }
        return Self.named.first { $0.legs == legs && $0.sizes == sizes }?.name
    }
}
