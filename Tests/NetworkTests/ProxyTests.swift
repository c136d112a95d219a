import NetworkCodecs
import Testing

@Suite struct `A proxy's word` {
    private static let signature: [UInt8] = [
        0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
    ]
    private static func header(_ command: UInt8, _ family: UInt8, _ body: [UInt8]) -> [UInt8] {
        signature + [0x20 | command, family, UInt8(body.count >> 8), UInt8(body.count & 255)] + body
    }
    private static let four = header(1, 0x11, [192, 0, 2, 7, 127, 0, 0, 1, 0x1f, 0x90, 0, 80])

    @Test func `is read in either family, with whatever is added to it`() throws {
        let read = try ProxyProtocol.read((Self.four + Array("GET".utf8)).span)
        #expect(read == .client("192.0.2.7", bytes: 28))
        let six: [UInt8] =
            [0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1]
            + [UInt8](repeating: 0, count: 20)
        let added = Self.header(1, 0x21, six + [4, 0, 1, 9])
        let readSix = try ProxyProtocol.read(added.span)
        #expect(readSix == .client("2001:db8::1", bytes: 16 + 40))
        let local = try ProxyProtocol.read(Self.header(0, 0, []).span)
        #expect(local == .local(bytes: 16))
        let unknown = try ProxyProtocol.read(Self.header(1, 0, [1, 2]).span)
        #expect(unknown == .local(bytes: 18))
    }

    @Test func `is waited for until it is whole`() throws {
        for count in 0..<Self.four.count {
            let read = try ProxyProtocol.read(Array(Self.four[..<count]).span)
            #expect(read == .needMore)
        }
    }

    @Test(arguments: [
        Array("GET / HTTP/1.1\r\n".utf8), header(2, 0x11, [UInt8](repeating: 0, count: 12)),
        header(1, 0x12, [UInt8](repeating: 0, count: 12)), header(1, 0x11, [1, 2, 3]),
        header(1, 0x31, [UInt8](repeating: 0, count: 216)), signature + [0x11, 0x11, 0, 12],
        signature + [0x21, 0x11, 0xff, 0xff],
    ])
    func `is nothing else`(bytes: [UInt8]) {
        #expect(throws: ProxyProtocol.Failure.self) { try ProxyProtocol.read(bytes.span) }
    }

    @Test(arguments: [
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["2001:db8::1 , 10.0.0.2"], "2001:db8::1"),
        ("10.0.0.1", [], "10.0.0.1"), ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, <script>"], "10.0.0.1"),
        ("198.51.100.4", ["203.0.113.9"], "198.51.100.4"),
    ])
    func `in a field is believed of listed hops alone`(
        peer: String, fields: [String], client: String
    ) {
        let found = ForwardedFor.client(peer, fields, hops: ["10.0.0.1", "10.0.0.2"])
        #expect(found == client)
    }
}
