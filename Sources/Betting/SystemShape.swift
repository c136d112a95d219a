/// Legs of a system that stand together: the lines of their own count in whatever is around them as one leg does.
///
/// "One of Ada and Bea, in a double with Cid" is a system of three legs in twos, of which the first two are a group in
/// ones.
public struct SystemGroup: Hashable, Sendable {
    /// Its first and last leg, places in the slip.
    public let first: Int
    public let last: Int
    /// Bit k - 1: all choices of k of what is in it, a group within it counting as one.
    public let sizes: UInt32

    public init(first: Int, last: Int, sizes: UInt32) {
        self.first = first
        self.last = last
        self.sizes = sizes
    }

    /// Nil for zero.
    init?(packed: UInt32) {
        guard packed != 0 else { return nil }
        first = Int(packed >> 28)
        last = Int(packed >> 24 & 15)
        sizes = packed & 0xff_ffff
    }

    var packed: UInt32 { UInt32(first) << 28 | UInt32(last) << 24 | sizes }

    var isWithinSixteen: Bool { first >= 0 && first < last && last < 16 && sizes >> 16 == 0 }
}

/// Which lines a system is made of: every choice of so many of its free legs, each with all bankers.
///
/// A Trixie is three free legs in twos and threes; a Lucky 15 four in ones to fours; "2 of 3 with a banker" four
/// legs of which one is in every line. With groups it is a tree: each group is chosen from as one leg is, and brings one
/// of its own lines along.
public struct SystemShape: Hashable, Sendable {
    /// 2 to `mostLegs`.
    public let legs: Int
    /// Bit k - 1: all lines of k free legs, with the bankers; of groups and legs outside of them, where there are groups.
    public let sizes: UInt32
    /// Bit i: leg i is in every line.
    public let bankers: UInt32
    /// The outer ones before those within them; zeros behind the last.
    private let group0: UInt32
    private let group1: UInt32
    private let group2: UInt32
    private let group3: UInt32

    /// Legs of one system.
    public static let mostLegs = 16
    /// Groups of one system.
    public static let mostGroups = 4

    /// Nil for what has no line, names a size that its free legs do not have, or a banker that is no leg; and for groups
    /// that are not within each other or beside each other, or stand with bankers.
    public init?(legs: Int, sizes: UInt32, bankers: UInt32 = 0, groups: [SystemGroup] = []) {
        guard groups.count <= Self.mostGroups, groups.allSatisfy(\.isWithinSixteen) else {
            return nil
        }
        var packed = SIMD4<UInt32>.zero
        let ordered = groups.sorted { ($0.first, $1.last) < ($1.first, $0.last) }
        for (index, group) in ordered.enumerated() { packed[index] = group.packed }
        self.init(legs: legs, sizes: sizes, bankers: bankers, packedGroups: packed)
    }

    /// The same with groups as `groupWords` has them.
    public init?(legs: Int, sizes: UInt32, bankers: UInt32, packedGroups: SIMD4<UInt32>) {
        guard (2...Self.mostLegs).contains(legs), bankers >> UInt32(legs) == 0, sizes != 0 else {
            return nil
        }
        self.legs = legs
        self.sizes = sizes
        self.bankers = bankers
        group0 = packedGroups[0]
        group1 = packedGroups[1]
        group2 = packedGroups[2]
        group3 = packedGroups[3]
        guard packedGroups == .zero else {
            guard bankers == 0, isTree else { return nil }
            return
        }
        guard sizes >> UInt32(legs - bankers.nonzeroBitCount) == 0 else { return nil }
    }

    /// Whether the groups are in their order, within or beside each other, and have what they choose from.
    private var isTree: Bool {
        let groups = groups
        // What does not go forward cannot be walked through.
        guard groups.allSatisfy(\.isWithinSixteen),
            groups.indices.allSatisfy({ groupWords[$0] == groups[$0].packed })
        else { return false }
        for (index, group) in groups.enumerated() {
            guard group.isWithinSixteen, group.last < legs, group.last - group.first < legs - 1,
                group.sizes != 0, group.sizes >> UInt32(children(of: index).count) == 0
            else { return false }
            for later in groups[(index + 1)...] {
                let isWithin =
                    later.first >= group.first && later.last <= group.last
                    && later.last - later.first < group.last - group.first
                guard isWithin || later.first > group.last else { return false }
            }
        }
        return sizes >> UInt32(children(of: nil).count) == 0
    }

    public var groups: [SystemGroup] { (0..<4).compactMap { SystemGroup(packed: groupWords[$0]) } }

    /// The groups in four words, for records and rows; zeros where there are none.
    public var groupWords: SIMD4<UInt32> { SIMD4(group0, group1, group2, group3) }

    public var isNested: Bool { group0 != 0 }

    /// What is chosen from in a group, or outside of all.
    enum Child: Hashable {
        case leg(Int)
        case group(Int)
    }

    /// In the order of the slip; nil for the system itself.
    func children(of group: Int?) -> [Child] {
        let groups = groups
        let range = group.map { groups[$0].first...groups[$0].last } ?? 0...legs - 1
        var children: [Child] = []
        var leg = range.lowerBound
        // Groups within this one come after it.
        let inner = groups.indices.filter { $0 > group ?? -1 }
        while leg <= range.upperBound {
            if let next = inner.first(where: { groups[$0].first == leg }) {
                children.append(.group(next))
                leg = groups[next].last + 1
            } else {
                children.append(.leg(leg))
                leg += 1
            }
        }
        return children
    }

    func sizes(of group: Int?) -> UInt32 { group.map { groups[$0].sizes } ?? sizes }

    /// Legs that are not in every line; legs outside of groups and groups, where there are some.
    public var free: Int {
        isNested ? children(of: nil).count : legs - bankers.nonzeroBitCount
    }

    public func isBanker(_ leg: Int) -> Bool { bankers >> UInt32(leg) & 1 == 1 }

    /// Accumulators that the system comes to: at most 65,535.
    public var lines: Int64 {
        if isNested { return lines(of: nil) }
        var lines: Int64 = 0
        var choices: Int64 = 1
        for size in 1...free {
            choices = choices * Int64(free - size + 1) / Int64(size)
            if sizes >> UInt32(size - 1) & 1 == 1 { lines += choices }
        }
        return lines
    }

    /// Each choice of legs is a line once at most, so there are never more than there are choices.
    private func lines(of group: Int?) -> Int64 {
        var sums: [Int64] = [1]
        for child in children(of: group) {
            var count: Int64 = 1
            if case .group(let inner) = child { count = lines(of: inner) }
            sums.append(0)
            for size in stride(from: sums.count - 1, through: 1, by: -1) {
                sums[size] += sums[size - 1] * count
            }
        }
        let sizes = sizes(of: group)
        return sums.indices.dropFirst().filter { sizes >> UInt32($0 - 1) & 1 == 1 }
            .reduce(0) { $0 + sums[$1] }
    }

    /// The smallest number of free legs in a line.
    public var smallest: Int { sizes.trailingZeroBitCount + 1 }

    /// The legs of each line, the shortest lines first; at most so many lines.
    public func lineLegs(atMost most: Int) -> [[Int]] {
        if isNested { return Array(lineLegs(of: nil, atMost: most).prefix(most)) }
        let others = (0..<legs).filter { !isBanker($0) }
        let always = (0..<legs).filter { isBanker($0) }
        return Self.choices(of: others, sizes, atMost: most).map { (always + $0).sorted() }
    }

    private func lineLegs(of group: Int?, atMost most: Int) -> [[Int]] {
        let parts = children(of: group).map { child in
            switch child {
            case .leg(let leg): [[leg]]
            case .group(let inner): lineLegs(of: inner, atMost: most)
            }
        }
        var lines: [[Int]] = []
        for choice in Self.choices(of: Array(parts.indices), sizes(of: group), atMost: most) {
            var open: [[Int]] = [[]]
            for part in choice {
                open = open.flatMap { begun in parts[part].map { begun + $0 } }
            }
            lines += open
            if lines.count >= most { break }
        }
        return lines
    }

    /// All choices of so many of `all` as `sizes` says, the smallest first.
    private static func choices(of all: [Int], _ sizes: UInt32, atMost most: Int) -> [[Int]] {
        var found: [[Int]] = []
        for size in 1...all.count where sizes >> UInt32(size - 1) & 1 == 1 {
            var places = Array(0..<size)
            while found.count < most {
                found.append(places.map { all[$0] })
                // The next choice: the last place that can move on, and all behind it right after.
                guard let last = places.indices.last(where: { places[$0] < all.count - size + $0 })
                else { break }
                places[last] += 1
                for index in last + 1..<size { places[index] = places[index - 1] + 1 }
            }
        }
        return found
    }

    /// The covers that have a name: all lines of two legs and more, or of one and more.
    public static let named: [(name: String, legs: Int, sizes: UInt32)] = [
        ("trixie", 3, 0b110), ("patent", 3, 0b111), ("yankee", 4, 0b1110), ("lucky_15", 4, 0b1111),
        ("canadian", 5, 0b1_1110), ("lucky_31", 5, 0b1_1111), ("heinz", 6, 0b11_1110),
        ("lucky_63", 6, 0b11_1111), ("super_heinz", 7, 0b111_1110), ("goliath", 8, 0b1111_1110),
    ]

    /// Such as `trixie`; nil for a system without a name of its own.
    public var name: String? { cover.map { Self.named[$0].name } }

    /// Its place among the covers that have a name.
    public var cover: Int? {
        guard bankers == 0, !isNested else { return nil }
        return Self.named.firstIndex { $0.legs == legs && $0.sizes == sizes }
    }
}
