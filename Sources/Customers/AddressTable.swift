/// An address of the Internet as a number of 128 bits; one of version 4 is that of its mapped form.
public struct NetworkAddress: Hashable, Comparable, Sendable {
    public let value: UInt128

    static let mapped = UInt128(0xffff) << 32

    init(_ value: UInt128) { self.value = value }

    public static func < (one: NetworkAddress, other: NetworkAddress) -> Bool {
        one.value < other.value
    }

    /// As people write it: `192.0.2.1`, `2001:db8::1`, `::ffff:192.0.2.1`.
    public init?(_ text: some StringProtocol) {
        if text.utf8.contains(0x3a) {
            guard let value = Self.six(text) else { return nil }
            self.value = value
        } else {
            guard let value = Self.four(text) else { return nil }
            self.value = Self.mapped | UInt128(value)
        }
    }

    private static func four(_ text: some StringProtocol) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            // Some take a leading zero for octal.
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
                part.utf8.count == 1 || part.utf8.first != 0x30, let byte = UInt8(part)
            else { return nil }
            value = value << 8 | UInt32(byte)
        }
        return value
    }

    private static func six(_ text: some StringProtocol) -> UInt128? {
        // What stands before and behind the one run of zeros that may be left out.
        let halves = text.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = halves.first, let head = words(first, endsText: halves.count == 1)
        else { return nil }
        guard halves.count == 2 else {
            guard head.count == 8 else { return nil }
            return joined(head)
        }
        guard !halves[1].contains("::"), let tail = words(halves[1], endsText: true),
            head.count + tail.count < 8
        else { return nil }
        let zeros = [UInt16](repeating: 0, count: 8 - head.count - tail.count)
        return joined(head + zeros + tail)
    }

    private static func joined(_ words: [UInt16]) -> UInt128 {
        words.reduce(0) { $0 << 16 | UInt128($1) }
    }

    /// `endsText`: its last four bytes may be written as an address of version 4.
    private static func words(_ text: some StringProtocol, endsText: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var words: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if endsText, index == parts.count - 1, part.utf8.contains(0x2e) {
                guard let value = four(part) else { return nil }
                words += [UInt16(value >> 16), UInt16(truncatingIfNeeded: value)]
            } else {
                guard (1...4).contains(part.utf8.count), let word = UInt16(part, radix: 16),
                    part.utf8.first != 0x2b, part.utf8.first != 0x2d
                else { return nil }
                words.append(word)
            }
        }
        return words.count <= 8 ? words : nil
    }
}

/// Which networks are where: of all that hold an address, the smallest counts.
public struct AddressTable: Sendable {
    private struct Network {
        let first: UInt128
        let last: UInt128
        let region: LocationRegion
        let signs: LocationSigns
        /// Of the text.
        let line: Int
        /// The next larger one around it, -1 none.
        var around = -1
    }

    /// By their first address, larger ones before those in them.
    private var networks: [Network] = []

    /// Lines that a table may have.
    public static let most = 1_048_576

    public var count: Int { networks.count }

    /// What is wrong with a table.
    public struct Malformed: Error, Hashable {
        /// Of the text, from 1 on.
        public let line: Int
        public let reason: String
    }

    /// Of lines `network region [sign ...]`, such as `192.0.2.0/24 GB vpn`; empty lines and those that begin with `#`
    /// say nothing. A line ends with a line feed, before which a carriage return may stand.
    ///
    /// - Throws: `Malformed` for the first line that is not like that, or says of a network what another line says; and
    ///   for a text that says nothing of any.
    public init(_ text: some Sequence<UInt8>) throws(Malformed) {
        var line = 0
        for row in Array(text).split(separator: 0x0a, omittingEmptySubsequences: false) {
            line += 1
            let words = row.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d })
                .map { String(decoding: $0, as: UTF8.self) }
            guard let first = words.first, first.first != "#" else { continue }
            guard networks.count < Self.most else {
                throw Malformed(line: line, reason: "more than \(Self.most) networks")
            }
            guard let (from, through) = Self.range(first) else {
                throw Malformed(line: line, reason: "'\(first)' is no network")
            }
            guard words.count > 1, let region = LocationRegion(words[1]) else {
                throw Malformed(line: line, reason: "a region is missing, such as GB or US-NJ")
            }
            var signs: LocationSigns = []
            for word in words.dropFirst(2) {
                guard let sign = LocationSigns(word: word) else {
                    throw Malformed(line: line, reason: "'\(word)' is no sign")
                }
                signs.insert(sign)
            }
            networks.append(
                Network(first: from, last: through, region: region, signs: signs, line: line))
        }
        guard !networks.isEmpty else {
            throw Malformed(line: line, reason: "there is no network in it")
        }
        networks.sort { ($0.first, $1.last) < ($1.first, $0.last) }
        var open: [Int] = []
        for index in networks.indices {
            while let top = open.last, networks[top].last < networks[index].first {
                open.removeLast()
            }
            if let top = open.last {
                guard
                    (networks[top].first, networks[top].last)
                        != (networks[index].first, networks[index].last)
                else {
                    throw Malformed(
                        line: max(networks[top].line, networks[index].line),
                        reason: "the network is that of another line, too")
                }
                networks[index].around = top
            }
            open.append(index)
        }
    }

    private static func range(_ text: some StringProtocol) -> (UInt128, UInt128)? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = NetworkAddress(parts[0]) else { return nil }
        let whole = parts[0].utf8.contains(0x3a) ? 128 : 32
        guard parts.count == 2 else { return (address.value, address.value) }
        guard parts[1].utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let bits = Int(parts[1]),
            (0...whole).contains(bits)
        else { return nil }
        let rest: UInt128 = bits == 0 && whole == 128 ? .max : (1 << UInt128(whole - bits)) - 1
        // A network that is not written by its first address is a slip of the pen.
        guard address.value & rest == 0 else { return nil }
        return (address.value, address.value | rest)
    }

    /// What an address says of who has it.
    public func report(of address: NetworkAddress) -> LocationReport {
        var (low, high) = (0, networks.count)
        while low < high {
            let middle = (low + high) / 2
            if networks[middle].first <= address.value { low = middle + 1 } else { high = middle }
        }
        var place = low - 1
        while place >= 0, networks[place].last < address.value { place = networks[place].around }
        // A network of version 6 that is so large that all of version 4 lies in it says nothing of version 4.
        if place >= 0, address.value >> 32 == NetworkAddress.mapped >> 32,
            networks[place].first >> 32 != NetworkAddress.mapped >> 32
        {
            place = -1
        }
        guard place >= 0 else { return LocationReport(.address, region: nil, signs: .unlisted) }
        return LocationReport(
            .address, region: networks[place].region, signs: networks[place].signs)
    }
}
