/// What a client says it takes (RFC 9110, 12.5.3).
public enum AcceptEncoding {
    /// Of `codings`, in the order of our liking, the one the client likes best; nil for none of them.
    public static func best(of codings: [String], _ fields: [String]) -> String? {
        var weights: [String: Int] = [:]
        for field in fields {
            for item in field.split(separator: ",") {
                let parts = item.split(separator: ";").map(\.trimmed)
                guard let name = parts.first?.lowercased() else { continue }
                var weight = 1000
                for part in parts.dropFirst() where part.lowercased().hasPrefix("q=") {
                    weight = thousandths(part.dropFirst(2)) ?? 0
                }
                weights[name] = weight
            }
        }
        let own = codings.map { ($0, weights[$0] ?? weights["*"] ?? 0) }
        let plain = weights["identity"] ?? 1
        guard let most = own.map(\.1).max(), most > 0, most >= plain else { return nil }
        return own.first { $0.1 == most }?.0
    }

    /// A weight of at most three decimals; nil for anything else.
    private static func thousandths(_ text: Substring) -> Int? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard let whole = parts.first, whole == "0" || whole == "1", parts.count <= 2 else {
            return nil
        }
        var value = whole == "1" ? 1000 : 0
        if parts.count == 2 {
            guard parts[1].count <= 3, parts[1].allSatisfy({ ("0"..."9").contains($0) }) else {
                return nil
            }
            let digits = parts[1] + String(repeating: "0", count: 3 - parts[1].count)
            value += Int(digits) ?? 0
        }
        return value <= 1000 ? value : nil
    }
}

/// A part of a body that a client asks for (RFC 9110, 14).
public enum ByteRange: Equatable, Sendable {
    /// Nothing that must be heeded: no range, more than one, another unit, or not understood.
    case whole
    case part(Range<Int>)
    /// Nothing of it is there: 416.
    case none

    /// What `field` asks for of `count` bytes.
    public init(_ field: String?, of count: Int) {
        guard let field, field.hasPrefix("bytes=") else {
            self = .whole
            return
        }
        let spec = field.dropFirst(6)
        let ends = spec.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, spec.allSatisfy({ $0 == "-" || ("0"..."9").contains($0) }) else {
            self = .whole
            return
        }
        // A number too large for us is beyond every end.
        let first = ends[0].isEmpty ? nil : Int(ends[0]) ?? .max
        let last = ends[1].isEmpty ? nil : Int(ends[1]) ?? .max
        switch (first, last) {
        case (nil, nil): self = .whole
        case (nil, let suffix?):
            self = suffix == 0 || count == 0 ? .none : .part(max(0, count - suffix)..<count)
        case (let first?, let last):
            if let last, last < first {
                self = .whole
            } else if first >= count {
                self = .none
            } else {
                self = .part(first..<(last.map { min($0, count - 1) + 1 } ?? count))
            }
        }
    }
}
