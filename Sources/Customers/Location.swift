public import Kernel

/// What was made of where a customer is.
public enum LocationVerdict: UInt8, CaseIterable, Sendable {
    /// Where bets are taken, as far as anybody can tell.
    case inside = 1
    /// Where they are not.
    case outside = 2
    /// Something hides it, or it is not known well enough.
    case doubtful = 3

    public var word: String {
        switch self {
        case .inside: "inside"
        case .outside: "outside"
        case .doubtful: "doubtful"
        }
    }
}

/// Who said where somebody is.
public enum LocationSource: UInt8, CaseIterable, Sendable {
    /// The address of its connection.
    case address = 1
    /// A provider's program on its device.
    case device = 2

    public var word: String {
        switch self {
        case .address: "address"
        case .device: "device"
        }
    }
}

/// What speaks against believing where somebody seems to be.
public struct LocationSigns: OptionSet, Hashable, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let vpn = LocationSigns(rawValue: 1)
    public static let proxy = LocationSigns(rawValue: 2)
    public static let tor = LocationSigns(rawValue: 4)
    /// The address is a data centre's: nobody lives there.
    public static let hosting = LocationSigns(rawValue: 8)
    /// A program tells the device where to say that it is.
    public static let mocked = LocationSigns(rawValue: 16)
    /// Somebody elsewhere steers it.
    public static let remoteDesktop = LocationSigns(rawValue: 32)
    /// Its system is changed so far that what its programs say proves nothing.
    public static let rooted = LocationSigns(rawValue: 64)
    /// Address and device are in different countries; or the device was seen to come from another address, which is not
    /// known to be where bets are taken.
    public static let disagreeing = LocationSigns(rawValue: 128)
    /// The border is nearer than the position of a device is exact, or one of both is not said.
    public static let atBorder = LocationSigns(rawValue: 256)
    /// The address is in no table.
    public static let unlisted = LocationSigns(rawValue: 512)

    /// By the order of their bits.
    public static let named: [(sign: LocationSigns, word: String)] = [
        (.vpn, "vpn"), (.proxy, "proxy"), (.tor, "tor"), (.hosting, "hosting"),
        (.mocked, "mocked"), (.remoteDesktop, "remote_desktop"), (.rooted, "rooted"),
        (.disagreeing, "disagreeing"), (.atBorder, "at_border"), (.unlisted, "unlisted"),
    ]

    public init?(word: some StringProtocol) {
        guard let found = Self.named.first(where: { $0.word == word }) else { return nil }
        self = found.sign
    }

    public var words: [String] { Self.named.filter { contains($0.sign) }.map(\.word) }
}

/// A region as ISO 3166 has it: a country's two letters, or a part of one, such as `US-NJ`.
public struct LocationRegion: Hashable, Sendable {
    public let code: String

    public static let codeBytes = 8

    public init?(_ code: some StringProtocol) {
        let parts = code.split(separator: "-", omittingEmptySubsequences: false)
        guard let country = parts.first, parts.count <= 2, country.utf8.count == 2,
            country.utf8.allSatisfy({ (0x41...0x5a).contains($0) })
        else { return nil }
        if parts.count == 2 {
            guard (1...3).contains(parts[1].utf8.count),
                parts[1].utf8.allSatisfy({
                    (0x41...0x5a).contains($0) || (0x30...0x39).contains($0)
                })
            else { return nil }
        }
        self.code = String(code)
    }

    public var country: Substring { code.prefix(2) }

    /// Whether all of `other` lies in it, as far as the codes say.
    public func holds(_ other: LocationRegion) -> Bool {
        self == other || (code.utf8.count == 2 && country == other.country)
    }
}

/// What somebody says of where a customer is.
public struct LocationReport: Hashable, Sendable {
    public var source: LocationSource
    /// Nil where that is not known.
    public var region: LocationRegion?
    public var signs: LocationSigns
    /// Metres within which the position is exact; nil unknown.
    public var accuracy: UInt32?
    /// Metres to the nearest border of the region; nil unknown.
    public var border: UInt32?
    /// The provider's own name of what it found; at most `referenceBytes`.
    public var reference: String

    public static let referenceBytes = 48

    public init(
        _ source: LocationSource, region: LocationRegion?, signs: LocationSigns = [],
        accuracy: UInt32? = nil, border: UInt32? = nil, reference: String = ""
    ) {
        self.source = source
        self.region = region
        self.signs = signs
        self.accuracy = accuracy
        self.border = border
        self.reference = reference
    }
}

/// What was decided of a report, and how long it holds.
public struct LocationDecision: Hashable, Sendable {
    public var report: LocationReport
    public var verdict: LocationVerdict
    /// Until when it needs no other, of one that is `inside`; counts to the second below.
    public var until: Timestamp

    public init(_ report: LocationReport, _ verdict: LocationVerdict, until: Timestamp) {
        self.report = report
        self.verdict = verdict
        self.until = until
    }
}

/// Where bets are taken, and how often that is asked anew.
public struct LocationPolicy: Hashable, Sendable {
    /// Where bets are taken.
    public var regions: [LocationRegion]
    /// What does not count against anybody here.
    public var tolerated: LocationSigns
    /// Seconds until somebody is asked anew: Massachusetts has 20 minutes.
    public var recheck: Int64
    /// Seconds of whoever is near a border: Pennsylvania has 5 minutes within a mile.
    public var recheckNearBorder: Int64
    /// Nobody bets by an address alone: a program on the device must say where it is.
    public var asksDevices: Bool

    /// Metres from a border that are near it: a mile.
    public static let nearBorder: UInt32 = 1609

    public init(
        regions: [LocationRegion], tolerated: LocationSigns = [], recheck: Int64 = 1200,
        recheckNearBorder: Int64 = 300, asksDevices: Bool = false
    ) {
        self.regions = regions
        self.tolerated = tolerated
        self.recheck = recheck
        self.recheckNearBorder = recheckNearBorder
        self.asksDevices = asksDevices
    }

    /// Whether bets are taken in all of a region.
    public func takes(_ region: LocationRegion) -> Bool { regions.contains { $0.holds(region) } }

    /// What a device reports, with what speaks against it of an address that it comes from, or was seen to come from.
    public func hold(_ said: LocationReport, against addressed: LocationReport) -> LocationReport {
        var report = said
        report.signs.formUnion(addressed.signs)
        if let here = report.region, let there = addressed.region, here.country != there.country {
            report.signs.insert(.disagreeing)
        }
        return report
    }

    /// What is made of a report of `now`; `addressed` is what the address says that the same customer comes from, where a
    /// device reports, `isElsewhere` that the device was seen to come from another one.
    public func decide(
        _ said: LocationReport, addressed: LocationReport? = nil, isElsewhere: Bool = false,
        at now: Timestamp
    ) -> LocationDecision {
        var report = said
        if let addressed {
            report = hold(report, against: addressed)
            if isElsewhere, addressed.region.map({ !takes($0) }) ?? true {
                report.signs.insert(.disagreeing)
            }
        }
        // A device that does not say how near the border is, or how exact its position, may be across it.
        let isWithin =
            if let accuracy = report.accuracy, let border = report.border {
                accuracy < border
            } else {
                report.source == .address
            }
        if !isWithin { report.signs.insert(.atBorder) }
        let seconds =
            report.border.map { $0 < Self.nearBorder } ?? false
            ? min(recheck, recheckNearBorder) : recheck
        return LocationDecision(
            report, verdict(report),
            until: Timestamp(
                nanoseconds: (now.nanoseconds / 1_000_000_000 + seconds) * 1_000_000_000))
    }

    private func verdict(_ report: LocationReport) -> LocationVerdict {
        guard let region = report.region else { return .doubtful }
        guard takes(region) else { return .outside }
        return report.signs.subtracting(tolerated).isEmpty ? .inside : .doubtful
    }
}
