import NetworkCodecs
import NetworkLoops
import Testing

@Suite struct `What a client takes` {
    @Test(arguments: [
        ("gzip, deflate, br", "br"), ("gzip", "gzip"), ("br;q=0.5, gzip", "gzip"),
        ("GZIP;q=0.001", "gzip"), ("*", "br"), ("*;q=0.1, br;q=0", "gzip"),
        ("identity;q=0.5, gzip;q=0.8", "gzip"), ("br ; q=1.000", "br"),
    ])
    func `is what it likes best of what we have`(field: String, coding: String) {
        #expect(AcceptEncoding.best(of: ["br", "gzip"], [field]) == coding)
    }

    @Test(arguments: [
        "", "identity", "deflate", "gzip;q=0", "br;q=2", "br;q=x", "gzip;q=0.5, identity",
        "*;q=0", "br;q=0.0001",
    ])
    func `is the plain thing otherwise`(field: String) {
        #expect(AcceptEncoding.best(of: ["br", "gzip"], [field]) == nil)
    }

    @Test func `is plain when it says nothing`() {
        #expect(AcceptEncoding.best(of: ["br", "gzip"], []) == nil)
    }
}

@Suite struct `A range of bytes` {
    @Test(arguments: [
        ("bytes=0-0", 0..<1), ("bytes=0-99", 0..<100), ("bytes=90-", 90..<100),
        ("bytes=-10", 90..<100), ("bytes=-1000", 0..<100), ("bytes=10-1000", 10..<100),
        ("bytes=0-99999999999999999999", 0..<100),
    ])
    func `is cut to what there is`(field: String, range: Range<Int>) {
        #expect(ByteRange(field, of: 100) == .part(range))
    }

    @Test(arguments: ["bytes=100-", "bytes=-0", "bytes=99999999999999999999-"])
    func `may be of nothing`(field: String) {
        #expect(ByteRange(field, of: 100) == ByteRange.none)
    }

    @Test(arguments: [
        "bytes=", "bytes=-", "bytes=5-3", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes=+1-2",
        "bytes 0-1", "bytes=0-1-2", "bytes= 0-1",
    ])
    func `is left alone when it is none`(field: String) {
        #expect(ByteRange(field, of: 100) == .whole)
    }
}

@Suite struct `A file in a coding` {
    @Test(arguments: ContentCoding.allCases)
    func `is smaller or it is not made`(coding: ContentCoding) {
        let text = Array(String(repeating: "a price and another price; ", count: 200).utf8)
        let small = coding.encode(text)
        #expect((small?.count ?? .max) < text.count / 10)
        #expect(coding.encode([1, 2, 3]) == nil)
        #expect(coding.encode([]) == nil)
    }
}
