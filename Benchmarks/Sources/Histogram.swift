/// Latencies by how many there were, within a hundredth of each: 128 steps in every doubling, as HDR histograms keep them.
struct Histogram {
    private static let stepBits = 7
    private var counts = [UInt64](repeating: 0, count: (64 - stepBits) << stepBits)
    private(set) var total: UInt64 = 0
    private(set) var most: UInt64 = 0

    /// Nanoseconds.
    mutating func add(_ value: UInt64) {
        counts[Self.place(of: value)] += 1
        total += 1
        most = max(most, value)
    }

    private static func place(of value: UInt64) -> Int {
        guard value >= 1 << stepBits else { return Int(value) }
        let doubling = 63 - value.leadingZeroBitCount
        let step = Int(value >> UInt64(doubling - stepBits)) - (1 << stepBits)
        return (doubling - stepBits + 1) << stepBits + step
    }

    /// The highest value that is counted at `place`.
    private static func top(of place: Int) -> UInt64 {
        guard place >= 1 << stepBits else { return UInt64(place) }
        let doubling = place >> stepBits
        let step = UInt64(place & (1 << stepBits - 1)) + 1 << stepBits + 1
        return step << UInt64(doubling - 1) - 1
    }

    /// The value that `part` of all are not above, in nanoseconds; 0 of none.
    func value(at part: Double) -> UInt64 {
        let wanted = UInt64((Double(total) * part).rounded(.up))
        var seen: UInt64 = 0
        for place in counts.indices {
            seen += counts[place]
            if seen >= max(1, wanted), total > 0 { return min(Self.top(of: place), most) }
        }
        return most
    }

    /// The usual percentiles in milliseconds, as JSON.
    var json: String {
        let parts = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)].map {
            "\"\($0.0)_ms\":\(Double(value(at: $0.1)) / 1e6)"
        }
        return "{\"count\":\(total),\(parts.joined(separator: ",")),\"max_ms\":\(Double(most) / 1e6)}"
    }
}
