import Kernel
import Testing

@testable import Gateway

@Suite struct `Single-use quotes` {
    private let book = QuoteBook(key: [UInt8](repeating: 3, count: 32))
    private let account = AccountID(7)
    private let legs = [
        QuoteBook.Leg(market: 12, selection: 1, odds: Odds(5, over: 2)!, places: nil),
        QuoteBook.Leg(market: 13, selection: 0, odds: Odds(2, over: 1)!, places: nil),
    ]

    private func quoted(_ number: UInt64 = 1, until: Int64 = 30_000, joint: Odds? = nil) -> QuoteBook.Quoted {
        QuoteBook.Quoted(id: ExternalID(high: 5, low: number), until: until, joint: joint)
    }

    @Test func `are read back for the same bet alone`() {
        let quote = quoted(joint: Odds(7, over: 2))
        let token = book.token(quote, account, legs)
        #expect(book.read(token, id: quote.id, account, legs) == quote)
        #expect(book.read(token, id: quote.id, AccountID(8), legs) == nil)
        #expect(book.read(token, id: ExternalID(high: 5, low: 2), account, legs) == nil)
        #expect(book.read(token, id: quote.id, account, Array(legs.reversed())) == nil)
        #expect(book.read(token, id: quote.id, account, [legs[0]]) == nil)
        let longer = QuoteBook.Leg(market: 12, selection: 1, odds: Odds(3, over: 1)!, places: nil)
        #expect(book.read(token, id: quote.id, account, [longer, legs[1]]) == nil)
        let other = QuoteBook(key: [UInt8](repeating: 4, count: 32))
        #expect(other.read(token, id: quote.id, account, legs) == nil)
    }

    @Test func `are none when a letter of them is another`() {
        let quote = quoted()
        let token = Array(book.token(quote, account, legs))
        for place in token.indices {
            var changed = token
            changed[place] = changed[place] == "A" ? "B" : "A"
            let read = book.read(String(changed), id: quote.id, account, legs)
            // The last letter says two bits that nothing reads.
            #expect(read == nil || place == token.count - 1 && read == quote)
        }
        for text in ["", "x", String(repeating: "A", count: 43), String(repeating: "A", count: 500)] {
            #expect(book.read(text, id: quote.id, account, legs) == nil)
        }
    }

    @Test func `are out by the dozen and not more, until they are used or over`() {
        for number in 0..<UInt64(QuoteBook.mostOfAccount) {
            #expect(book.issue(quoted(number), to: account, now: 0))
        }
        #expect(!book.issue(quoted(99), to: account, now: 0))
        #expect(book.issue(quoted(99), to: AccountID(8), now: 0))
        book.use(ExternalID(high: 5, low: 4), of: account)
        #expect(book.issue(quoted(99), to: account, now: 0))
        #expect(!book.issue(quoted(100), to: account, now: 29_999))
        #expect(book.issue(quoted(100, until: 60_000), to: account, now: 30_000))
    }
}
