import NetworkCodecs
import NetworkLoops
import Testing

@Suite struct `A rate` {
    private static let second: Int64 = 1_000_000_000

    @Test func `gives a burst at once and then so many a second`() {
        let rule = RateRule(perSecond: 10, burst: 20, reserved: 0)
        var state = RateState()
        for left in stride(from: 19, through: 0, by: -1) {
            let decision = state.ask(at: 0, rule, isFirst: true)
            #expect(decision.isAllowed && decision.remaining == left)
        }
        let refused = state.ask(at: 0, rule, isFirst: true)
        #expect(!refused.isAllowed && refused.remaining == 0)
        #expect(refused.retryAfter == Self.second / 10)
        #expect(refused.resetAfter == 2 * Self.second)
        // Being refused costs nothing, and coming back when told is in time.
        let again = state.ask(at: refused.retryAfter, rule, isFirst: true)
        #expect(again.isAllowed)
    }

    @Test func `leaves a part of the burst to what comes first`() {
        let rule = RateRule(perSecond: 10, burst: 20, reserved: 5)
        var state = RateState()
        for _ in 0..<15 {
            let decision = state.ask(at: 0, rule, isFirst: false)
            #expect(decision.isAllowed)
        }
        let browsing = state.ask(at: 0, rule, isFirst: false)
        #expect(!browsing.isAllowed)
        for _ in 0..<5 {
            let bet = state.ask(at: 0, rule, isFirst: true)
            #expect(bet.isAllowed)
        }
        let last = state.ask(at: 0, rule, isFirst: true)
        #expect(!last.isAllowed)
    }

    /// Source: the same rule told as a bucket that leaks, in exact integers.
    @Test(arguments: 0..<20)
    func `allows what a leaking bucket allows`(seed: Int) {
        var random = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 &+ 1
        func next(_ bound: UInt64) -> UInt64 {
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            return random % bound
        }
        let rule = RateRule(perSecond: 100, burst: 30, reserved: 10)
        var state = RateState()
        var level: Int64 = 0
        var now: Int64 = 0
        for _ in 0..<2000 {
            let passed = Int64(next(20_000_000))
            now += passed
            level = max(0, level - passed)
            let isFirst = next(3) == 0
            let most = rule.interval * Int64(isFirst ? 30 : 20)
            let allowed = level + rule.interval <= most
            if allowed { level += rule.interval }
            let decision = state.ask(at: now, rule, isFirst: isFirst)
            #expect(decision.isAllowed == allowed)
        }
    }

    @Test func `is each user's own until there are too many users, who then share one`() {
        let table = RateTable(RateRule(perSecond: 1, burst: 2, reserved: 0), capacity: 16)
        for user: UInt64 in 0..<1000 {
            _ = table.ask(.account(user), at: 0, isFirst: true)
        }
        let refused = table.refused
        #expect(refused > 900, "a crowd beyond the bound has one rate for each part of the table")
        // Whoever was known before keeps its own, and forgotten users make room.
        _ = table.ask(.account(5000), at: 10 * Self.second, isFirst: true)
        #expect(table.refused == refused)
    }
}

@Suite struct `An offer to compress` {
    @Test(arguments: [
        "permessage-deflate", "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=12; server_no_context_takeover",
        "permessage-deflate;server_max_window_bits=15",
        "x-webkit-deflate-frame, permessage-deflate",
        "permessage-deflate; server_max_window_bits=9, permessage-deflate",
        "permessage-deflate; client_max_window_bits=\"10\"",
    ])
    func `is taken when we can do what it says`(offer: String) {
        #expect(WebSocketCompression.isOffered([offer]))
    }

    @Test(arguments: [
        "", "x-webkit-deflate-frame", "permessage-deflate; server_max_window_bits=9",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_no_context_takeover=1",
        "permessage-deflate; mystery",
        "permessage-deflate; server_no_context_takeover; "
            + "server_no_context_takeover", "permessage-bzip2",
    ])
    func `is left when not`(offer: String) {
        #expect(!WebSocketCompression.isOffered([offer]))
    }
}

@Suite struct `A block of addresses` {
    @Test(arguments: [
        ("192.0.2.7", "192.0.2.7"), ("2001:db8::1", "2001:db8:0:0::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("::1", "0:0:0:0::/64"),
        ("fe80::1:2:3:4", "fe80:0:0:0::/64"), ("2001:db8:1:2::", "2001:db8:1:2::/64"),
    ])
    func `is one address of the old kind and 64 bits of the new`(address: String, block: String) {
        #expect(AddressBlock.of(address) == block)
    }
}
