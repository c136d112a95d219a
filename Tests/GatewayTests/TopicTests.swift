import JSONText
import Kernel
import NetworkCodecs
import Testing

@testable import Gateway

@Suite struct `A topic` {
    @Test(arguments: [
        "fixtures", "fixtures?sport=football", "fixtures?sport=football&inPlay=true",
        "fixtures?competition=Serie%20A&inPlay=false", "fixture/12", "fixture/12/markets",
        "market/0", "market/18446744073709551615", "incidents", "bets", "wallet",
    ])
    func `has one name, which it is asked for by`(text: String) {
        #expect(Topic(text)?.text == text)
    }

    @Test(arguments: [
        "", "market", "market/", "market/-1", "market/01", "market/+1", "market/1/", "market/x",
        "fixture/1/prices", "fixtures?", "fixtures?sport", "fixtures?sport=", "fixtures?goals=3",
        "fixtures?inPlay=yes", "fixtures?sport=a&sport=b", "fixtures/1", "Bets", " bets",
        "market/18446744073709551616", "fixtures?sport=%zz",
    ])
    func `is nothing else`(text: String) {
        #expect(Topic(text) == nil)
    }
}

@Suite struct `What was said lately` {
    private static func message(_ order: UInt64) -> SharedMessage {
        SharedMessage(
            Array("{}".utf8), at: StreamPosition(epoch: "01234567", order: order))
    }

    private static func history(_ orders: [UInt64], forgotten: UInt64) -> TopicHistory {
        var history = TopicHistory(forgotten: forgotten)
        for (index, order) in orders.enumerated() {
            history.append(sequence: UInt64(index) + 5, message(order))
        }
        return history
    }

    @Test func `goes on after a message or after a record, with nothing missing`() {
        let history = Self.history([10, 13, 20], forgotten: 8)
        #expect(history.after(sequence: 4)?.map(\.position.order) == [10, 13, 20])
        #expect(history.after(sequence: 6)?.map(\.position.order) == [20])
        #expect(history.after(order: 8)?.map(\.position.order) == [10, 13, 20])
        #expect(history.after(order: 12)?.map(\.position.order) == [13, 20])
        #expect(history.after(order: 20)?.isEmpty == true)
    }

    @Test func `is not gone on from where something is missing`() {
        let history = Self.history([10, 13, 20], forgotten: 8)
        #expect(history.after(sequence: 3) == nil)
        #expect(history.after(order: 7) == nil)
    }

    @Test func `is forgotten when it is old, the oldest first whichever market's, and says so`() {
        var all = MarketHistories()
        for order: UInt64 in 1...6 {
            all.append(
                MarketID(order % 2), sequence: order, Self.message(order * 10), before: 0,
                now: order * 1000)
        }
        all.prune(now: MarketHistories.lifetime + 3001)
        #expect(all[MarketID(1)]?.after(order: 30)?.map(\.position.order) == [50])
        #expect(all[MarketID(1)]?.after(order: 29) == nil)
        #expect(all[MarketID(0)]?.after(order: 20)?.map(\.position.order) == [40, 60])
        all.drop(MarketID(0))
        all.append(MarketID(0), sequence: 8, Self.message(80), before: 60, now: 8000)
        all.prune(now: MarketHistories.lifetime + 6001)
        #expect(all[MarketID(1)] == nil)
        #expect(all[MarketID(0)]?.after(order: 60)?.map(\.position.order) == [80], "a history that was begun anew is another one")
        all.prune(now: MarketHistories.lifetime + 9000)
        #expect(all[MarketID(0)] == nil && all.held == 0)
    }
}

@Suite struct `A cursor` {
    private static let cursors = Cursors(key: (0..<32).map { UInt8($0) })

    @Test func `says to its account where its listing goes on`() throws {
        for before: UInt64 in [0, 1, 4711, .max] {
            let text = Self.cursors.make(.bets, AccountID(7), before: before)
            #expect(try Self.cursors.read(text, .bets, AccountID(7)) == before)
        }
    }

    @Test func `says nothing to anybody else, for anything else, or changed by one character`() {
        let text = Self.cursors.make(.bets, AccountID(7), before: 4711)
        #expect(throws: Problem.self) { try Self.cursors.read(text, .bets, AccountID(8)) }
        #expect(throws: Problem.self) { try Self.cursors.read(text, .statement, AccountID(7)) }
        let other = Cursors(key: [UInt8](repeating: 9, count: 32))
        #expect(throws: Problem.self) { try other.read(text, .bets, AccountID(7)) }
        for index in text.indices {
            var changed = text
            changed.replaceSubrange(index...index, with: text[index] == "A" ? "B" : "A")
            #expect(throws: Problem.self) { try Self.cursors.read(changed, .bets, AccountID(7)) }
        }
        for wrong in ["", "A", text + "A", String(text.dropLast()), "=" + text] {
            #expect(throws: Problem.self) { try Self.cursors.read(wrong, .bets, AccountID(7)) }
        }
    }

    /// RFC 4231, test cases 2 and 1.
    @Test func `is signed by HMAC-SHA-256 as others reckon it`() {
        func hex(_ bytes: [UInt8]) -> String {
            bytes.map { byte in
                let digits = String(byte, radix: 16)
                return digits.count == 1 ? "0" + digits : digits
            }.joined()
        }
        let second = messageAuthenticationCode(
            Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
        #expect(
            hex(second) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        let first = messageAuthenticationCode(
            Array("Hi There".utf8), key: [UInt8](repeating: 0x0b, count: 20))
        #expect(
            hex(first) == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
    }
}

@Suite struct `A condition of a request` {
    @Test(arguments: [
        ("\"a\"", true), ("W/\"a\"", true), ("\"b\", W/\"a\"", true), ("*", true),
        ("\"b\"", false), ("a", false), ("", false), ("\"a", false),
    ])
    func `is compared weakly with every tag of the list`(list: String, isMatch: Bool) {
        #expect(Documents.matches(list, "W/\"a\"") == isMatch)
        #expect(Documents.matches(list, "\"a\"") == isMatch)
    }

    @Test func `sees that facts are the same although they are of a later record`() {
        func tag(_ asOf: UInt64, _ value: Int) -> String? {
            Documents.json(asOf: asOf, .anybody) { json in
                json.key("value")
                json.number(value)
            }.fields.first { $0.0 == "etag" }?.1
        }
        #expect(tag(1, 5) != nil && tag(1, 5) == tag(99_999, 5))
        #expect(tag(1, 5) != tag(1, 6))
    }
}
