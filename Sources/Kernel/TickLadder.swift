/// The prices a market is quoted in, rung by rung.
public struct TickLadder: Sendable, Equatable {
    /// From `from` up to the next range's `from`, in steps; all in thousandths of a decimal price.
    public struct Range: Sendable, Equatable {
        public let from: UInt32
        public let step: UInt32

        public init(from: UInt32, step: UInt32) {
            self.from = from
            self.step = step
        }
    }

    public let ranges: [Range]
    public let last: UInt32
    private let firstTick: [Int]

    /// `ranges` ascend and each is a whole number of its steps long.
    public init?(ranges: [Range], last: UInt32) {
        guard let first = ranges.first, first.from > 1000 else { return nil }
        var ticks: [Int] = []
        var count = 0
        for (index, range) in ranges.enumerated() {
            let end = index + 1 < ranges.count ? ranges[index + 1].from : last
            guard range.step > 0, end > range.from, (end - range.from) % range.step == 0 else {
                return nil
            }
            ticks.append(count)
            count += Int((end - range.from) / range.step)
        }
        self.ranges = ranges
        self.last = last
        firstTick = ticks
    }

    /// 1.01 to 1000 in 350 rungs, as exchanges quote it. Source: domain rules, odds ladders.
    public static let classic = TickLadder(
        ranges: [
            Range(from: 1010, step: 10), Range(from: 2000, step: 20), Range(from: 3000, step: 50),
            Range(from: 4000, step: 100), Range(from: 6000, step: 200),
            Range(from: 10_000, step: 500), Range(from: 20_000, step: 1000),
            Range(from: 30_000, step: 2000), Range(from: 50_000, step: 5000),
            Range(from: 100_000, step: 10_000),
        ], last: 1_000_000)!

    public var count: Int { tick(atOrBelow: last)! + 1 }

    /// The rung at or next below a decimal price in thousandths; nil below the first.
    public func tick(atOrBelow thousandths: UInt32) -> Int? {
        guard thousandths >= ranges[0].from else { return nil }
        let price = min(thousandths, last)
        var index = ranges.count - 1
        while ranges[index].from > price { index -= 1 }
        return firstTick[index] + Int((price - ranges[index].from) / ranges[index].step)
    }

    /// The price of rung `tick` in thousandths, held inside the ladder.
    public func thousandths(at tick: Int) -> UInt32 {
        let wanted = max(0, tick)
        var index = ranges.count - 1
        while firstTick[index] > wanted { index -= 1 }
        let range = ranges[index]
        let price = UInt64(range.from) + UInt64(wanted - firstTick[index]) * UInt64(range.step)
        return UInt32(min(price, UInt64(last)))
    }

    /// How many rungs lie from `lower` up to `higher`; negative when the price shortened.
    public func ticks(from lower: Odds, to higher: Odds) -> Int {
        (tick(atOrBelow: higher.thousandths) ?? 0) - (tick(atOrBelow: lower.thousandths) ?? 0)
    }
}
