import Customers
import Kernel
import Testing

private func region(_ code: String) -> LocationRegion { LocationRegion(code)! }

/// What a program on a device found out, far from any border.
private func device(_ code: String, signs: LocationSigns = []) -> LocationReport {
    LocationReport(.device, region: region(code), signs: signs, accuracy: 20, border: 90_000)
}

@Suite struct `Where an address is` {
    private func report(_ table: String, _ address: String) throws -> LocationReport {
        try AddressTable(table.utf8).report(of: #require(NetworkAddress(address)))
    }

    @Test func `is what the smallest network says that holds it`() throws {
        let table = """
            # ours
            192.0.0.0/8 GB
            192.0.2.0/24 DE vpn hosting

            192.0.2.128/25 IE
            192.0.2.130 FR tor
            2001:db8::/32 US-NJ
            2001:db8:1::/48 US-PA proxy
            """
        for (address, wanted, signs) in [
            ("192.0.1.255", "GB", [] as LocationSigns), ("192.0.2.0", "DE", [.vpn, .hosting]), ("192.0.2.129", "IE", []),
            ("192.0.2.130", "FR", .tor), ("192.0.2.131", "IE", []), ("192.0.3.0", "GB", []),
            ("192.255.255.255", "GB", []), ("::ffff:192.0.2.130", "FR", .tor), ("2001:db8::1", "US-NJ", []),
            ("2001:db8:1:ffff::9", "US-PA", .proxy), ("2001:db8:2::", "US-NJ", []),
        ] {
            let found = try report(table, address)
            #expect(found.region == region(wanted), "\(address)")
            #expect(found.signs == signs, "\(address)")
            #expect(found.source == .address)
        }
        for address in ["191.255.255.255", "193.0.0.0", "::1", "2001:db9::", "::192.0.2.130"] {
            #expect(try report(table, address) == LocationReport(.address, region: nil, signs: .unlisted))
        }
    }

    @Test func `is read from lines as any system ends them`() throws {
        let table = "10.0.0.0/8 GB\r\n# and\r\n\r\n192.0.2.0/24 DE vpn\r\n"
        #expect(try AddressTable(table.utf8).count == 2)
        #expect(try report(table, "10.1.1.1").region == region("GB"))
        #expect(try report(table, "192.0.2.9").signs == .vpn)
    }

    @Test func `is found as by looking at every network, whatever lies in what`() throws {
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var networks: [String: (first: UInt32, last: UInt32, country: String)] = [:]
            for _ in 0..<random.number(in: 1...60) {
                let bits = random.number(in: 0...8)
                let first = (UInt32(random.number(in: 0...255)) >> UInt32(8 - bits)) << UInt32(8 - bits)
                let country = ["GB", "IE", "DE", "FR"][random.number(in: 0...3)]
                networks["10.0.0.\(first)/\(24 + bits)"] = (first, first + (1 << UInt32(8 - bits)) - 1, country)
            }
            let lines = networks.map { "\($0.key) \($0.value.country)" }.sorted()
            let table = try AddressTable(lines.joined(separator: "\n").utf8)
            for last in 0..<256 as Range<UInt32> {
                let wanted = networks.values.filter { $0.first <= last && last <= $0.last }
                    .min { $0.last - $0.first < $1.last - $1.first }
                let address = try #require(NetworkAddress("10.0.0.\(last)"))
                #expect(table.report(of: address).region?.code == wanted?.country, "seed \(seed), \(last)")
            }
        }
    }

    @Test(arguments: [
        ("192.0.2.1/24 GB", 1, "no network"), ("\n192.0.2.0/33 GB", 2, "no network"), ("192.0.2.0/24", 1, "region"),
        ("192.0.2.0/24 gb", 1, "region"), ("192.0.2.0/24 GB cloudy", 1, "no sign"), ("300.0.2.0/24 GB", 1, "no network"),
        ("10.0.0.0/8 GB\n10.0.0.0/8 IE", 2, "another line"), ("::g/64 GB", 1, "no network"), ("1::2::3 GB", 1, "no network"),
        ("192.0.2.0/-1 GB", 1, "no network"), ("192.0.2.0/+8 GB", 1, "no network"), ("1.2.3 GB", 1, "no network"),
        ("::/129 GB", 1, "no network"), ("1:2:3:4:5:6:7:8:9 GB", 1, "no network"), ("0.0.0.0/0/0 GB", 1, "no network"),
        ("1.2.3.4::5 GB", 1, "no network"), ("192.0.02.0/24 GB", 1, "no network"), ("::-0 GB", 1, "no network"),
        ("", 1, "no network in it"), ("# nothing\r\n\r\n", 3, "no network in it"), ("10.0.0.0/8 GB\r\nhere GB", 2, "no network"),
    ])
    func `is not read from lines that say nothing`(text: String, line: Int, reason: String) {
        #expect {
            try AddressTable(text.utf8)
        } throws: { error in
            let found = error as? AddressTable.Malformed
            return found?.line == line && found?.reason.contains(reason) == true
        }
    }

    @Test func `is of all addresses where a network has no bits`() throws {
        #expect(try report("0.0.0.0/0 GB\n::/0 IE", "203.0.113.9").region == region("GB"))
        #expect(try report("0.0.0.0/0 GB\n::/0 IE", "2001:db8::").region == region("IE"))
        #expect(try report("::/0 IE", "203.0.113.9").signs == .unlisted)
        #expect(try report("::/0 IE\n::ffff:203.0.113.0/120 GB", "203.0.113.9").region == region("GB"))
    }

    @Test(arguments: ["", "g::", ":::", "1:2:3:4:5:6:7:8::9", "1.2.3.4.5", "1..2.3", "::1.2.3", "12345::", "::+1", "1::2:3:4:5:6:7:8"])
    func `has no text that is no address`(text: String) {
        #expect(NetworkAddress(text) == nil)
    }
}

@Suite struct `Whether somebody is where bets are taken` {
    let now = Timestamp(nanoseconds: 1_800_000_000_000_000_000)
    let policy = LocationPolicy(regions: [region("GB"), region("US-NJ")])

    private func verdict(_ report: LocationReport, _ addressed: LocationReport? = nil) -> LocationVerdict {
        policy.decide(report, addressed: addressed, at: now).verdict
    }

    @Test func `goes by the region, and what holds it`() {
        for (code, wanted) in [
            ("GB", LocationVerdict.inside), ("GB-ENG", .inside), ("US-NJ", .inside), ("US-PA", .outside), ("US", .outside), ("DE", .outside),
        ] {
            #expect(verdict(LocationReport(.address, region: region(code))) == wanted, "\(code)")
        }
        #expect(verdict(LocationReport(.address, region: nil)) == .doubtful)
    }

    @Test func `is doubtful with anything that hides it, but for what is tolerated`() {
        for (sign, word) in LocationSigns.named {
            let report = device("GB", signs: sign)
            #expect(verdict(report) == .doubtful, "\(word)")
            let mild = LocationPolicy(regions: [region("GB")], tolerated: sign)
            #expect(mild.decide(report, at: now).verdict == .inside, "\(word)")
        }
        let elsewhere = LocationReport(.address, region: region("DE"), signs: .vpn)
        #expect(verdict(elsewhere) == .outside)
    }

    @Test func `holds a device against its address`() {
        let device = device("US-NJ")
        #expect(verdict(device, LocationReport(.address, region: region("US-PA"))) == .inside)
        #expect(verdict(device, LocationReport(.address, region: region("DE"))) == .doubtful)
        #expect(verdict(device, LocationReport(.address, region: region("US"), signs: .proxy)) == .doubtful)
        #expect(verdict(device, LocationReport(.address, region: nil, signs: .unlisted)) == .doubtful)
    }

    @Test func `believes a device at another address only where that is known to be inside`() {
        let device = device("US-NJ")
        for (addressed, wanted) in [
            (LocationReport(.address, region: region("US-NJ")), LocationVerdict.inside),
            (LocationReport(.address, region: region("US-PA")), .doubtful), (LocationReport(.address, region: region("US")), .doubtful),
            (LocationReport(.address, region: nil), .doubtful),
        ] {
            #expect(policy.decide(device, addressed: addressed, isElsewhere: true, at: now).verdict == wanted)
        }
    }

    @Test func `wants a position that is more exact than the border is near`() {
        var report = LocationReport(.device, region: region("US-NJ"), accuracy: 100, border: 101)
        #expect(verdict(report) == .inside)
        report.border = 100
        #expect(verdict(report) == .doubtful)
        #expect(policy.decide(report, at: now).report.signs == .atBorder)
        // Nobody says how exact it is.
        report.accuracy = nil
        #expect(verdict(report) == .doubtful)
        // Nor how near the border is.
        report.border = nil
        #expect(verdict(report) == .doubtful)
        report.accuracy = 900_000
        #expect(verdict(report) == .doubtful)
        report.source = .address
        report.accuracy = nil
        #expect(verdict(report) == .inside)
    }

    @Test func `is asked anew after a time that is shorter near a border`() {
        func seconds(_ border: UInt32?) -> Int64 {
            let report = LocationReport(.device, region: region("GB"), accuracy: 5, border: border)
            return (policy.decide(report, at: now).until.nanoseconds - now.nanoseconds) / 1_000_000_000
        }
        #expect(seconds(90_000) == 1200)
        #expect(seconds(1609) == 1200)
        #expect(seconds(1608) == 300)
    }

    @Test(arguments: ["", "G", "GBR", "gb", "GB-", "GB-ABCD", "GB-e", "US-NJ-1", "-NJ"])
    func `knows no region of another form`(code: String) {
        #expect(LocationRegion(code) == nil)
    }
}

@Suite struct `What the bets of a sign-in go by` {
    let start = Timestamp(nanoseconds: 1_800_000_000_000_000_000)
    let home = NetworkAddress("192.0.2.1")!
    let roaming = NetworkAddress("192.0.2.2")!
    let inNewJersey = LocationReport(.address, region: region("US-NJ"))
    let inPennsylvania = LocationReport(.address, region: region("US-PA"))
    let byAddress = LocationPolicy(regions: [region("US-NJ")], recheck: 600)
    let byDevice = LocationPolicy(regions: [region("US-NJ")], recheck: 600, asksDevices: true)

    private func at(_ seconds: Int64) -> Timestamp { start.adding(milliseconds: seconds * 1000) }

    private func device(_ code: String, from address: NetworkAddress? = nil, at seconds: Int64) -> Whereabouts.Device {
        Whereabouts.Device(RuleTests.device(code), from: address ?? home, at: at(seconds))
    }

    /// What is known after a bet from `address` made the decision that it needs.
    private func decided(
        _ known: Whereabouts, from address: NetworkAddress, _ addressed: LocationReport, _ policy: LocationPolicy, mark: UInt64,
        at seconds: Int64
    ) -> Whereabouts {
        var known = known
        guard let decision = known.decision(from: address, addressed, under: policy, at: at(seconds)) else { return known }
        known.decide(Whereabouts.Decided(decision, mark: mark, from: address, at: at(seconds)))
        return known
    }

    @Test func `is decided by the address, and stands until shortly before its end`() {
        #expect(Whereabouts().standing(from: home, under: byAddress, at: start) == nil)
        let known = decided(Whereabouts(), from: home, inNewJersey, byAddress, mark: 5, at: 0)
        #expect(known.standing(from: home, under: byAddress, at: at(594))?.mark == 5)
        #expect(known.standing(from: home, under: byAddress, at: at(595)) == nil)
        #expect(known.standing(from: roaming, under: byAddress, at: at(1)) == nil)
    }

    @Test func `is decided anew a minute after it let nobody bet`() {
        let known = decided(Whereabouts(), from: home, inPennsylvania, byAddress, mark: 5, at: 0)
        #expect(known.standing(from: home, under: byAddress, at: at(59))?.decision.verdict == .outside)
        #expect(known.standing(from: home, under: byAddress, at: at(60)) == nil)
    }

    @Test func `is nothing where a device would have to say it and has not`() {
        #expect(Whereabouts().decision(from: home, inNewJersey, under: byDevice, at: start) == nil)
    }

    @Test func `lasts as long as what the device said, whatever is decided of it meanwhile`() throws {
        var known = Whereabouts()
        let isHeard = known.hear(device("US-NJ", at: 0))
        #expect(isHeard)
        known = decided(known, from: home, inNewJersey, byDevice, mark: 5, at: 10)
        #expect(known.standing(from: home, under: byDevice, at: at(599))?.mark == 5)
        #expect(known.standing(from: home, under: byDevice, at: at(600)) == nil)
        #expect(known.decision(from: home, inNewJersey, under: byDevice, at: at(600)) == nil)
        // From another address it is held against that one, and lasts no longer.
        known = decided(known, from: roaming, inNewJersey, byDevice, mark: 6, at: 500)
        let standing = try #require(known.standing(from: roaming, under: byDevice, at: at(599)))
        #expect(standing.decision.verdict == .inside)
        #expect(standing.decision.until == at(600))
    }

    @Test func `is what the device said again once it comes from its address again`() throws {
        var known = Whereabouts()
        _ = known.hear(device("US-NJ", at: 0))
        known = decided(known, from: home, inNewJersey, byDevice, mark: 5, at: 1)
        known = decided(known, from: roaming, inPennsylvania, byDevice, mark: 6, at: 2)
        #expect(known.standing(from: roaming, under: byDevice, at: at(3))?.decision.verdict == .doubtful)
        #expect(known.standing(from: home, under: byDevice, at: at(3)) == nil)
        #expect(known.decision(from: home, inNewJersey, under: byDevice, at: at(3))?.verdict == .inside)
    }

    @Test func `is never what the device said before it said something newer`() {
        var known = Whereabouts()
        let (first, replayed) = (known.hear(device("US-PA", at: 5)), known.hear(device("US-NJ", at: 4)))
        #expect(first && !replayed)
        #expect(known.device?.report.region == region("US-PA"))
    }

    @Test func `is forgotten by its mark alone`() {
        var known = decided(Whereabouts(), from: home, inNewJersey, byAddress, mark: 5, at: 0)
        known.forget(4)
        #expect(known.decided?.mark == 5)
        known.forget(5)
        #expect(known.decided == nil)
    }
}
