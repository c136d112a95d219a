/// What the place part of an each-way bet pays: the first so many, at a part of the win price's winnings.
@frozen public struct PlaceTerms: Hashable, Sendable {
    public let places: UInt8
    public let numerator: UInt8
    public let denominator: UInt8

    /// Nil for no places, or a part that is none or more than the whole. At most 15 places.
    public init?(places: UInt8, numerator: UInt8, denominator: UInt8) {
        guard (1...15).contains(places), numerator > 0, numerator <= denominator else { return nil }
        self.places = places
        self.numerator = numerator
        self.denominator = denominator
    }

    /// In one word, as rows keep it; 0 stands for no terms.
    public var packed: UInt32 {
        UInt32(places) << 16 | UInt32(numerator) << 8 | UInt32(denominator)
    }

    public init?(packed: UInt32) {
        self.init(
            places: UInt8(truncatingIfNeeded: packed >> 16),
            numerator: UInt8(truncatingIfNeeded: packed >> 8),
            denominator: UInt8(truncatingIfNeeded: packed))
    }
}

/// Where a runner came in, and how many came in together with it.
@frozen public struct Finish: Hashable, Sendable {
    /// From 1; `unplaced` behind all that pay, 0 when nobody has said.
    public let position: UInt8
    /// 1 when it came in alone.
    public let tied: UInt8
    /// How many wins those share who tie, where no position says so; 0 where one does.
    public let wins: UInt8

    public static let unplaced: UInt8 = .max

    public init(position: UInt8, tied: UInt8 = 1, wins: UInt8 = 0) {
        self.position = position
        self.tied = max(1, tied)
        self.wins = wins
    }

    /// How many of `places` are left for those who came in together; 0 when they are not placed.
    public func share(of places: UInt8) -> UInt8 {
        if wins > 0 { return wins }
        guard position > 0, position <= places else { return 0 }
        return min(tied, places - position + 1)
    }
}
