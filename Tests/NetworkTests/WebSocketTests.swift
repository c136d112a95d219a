import NetworkCodecs
import Testing

/// A client's frame, masked as a client must.
private func frame(
    _ first: UInt8, _ payload: [UInt8], masked: Bool = true, length: [UInt8]? = nil
) -> [UInt8] {
    let mask: [UInt8] = [0x37, 0xfa, 0x21, 0x3d]
    var out: [UInt8] = [first]
    let bit: UInt8 = masked ? 0x80 : 0
    if let length {
        out.append(bit | length[0])
        out += length.dropFirst()
    } else if payload.count < 126 {
        out.append(bit | UInt8(payload.count))
    } else {
        out += [bit | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
    }
    if masked { out += mask }
    return out + payload.enumerated().map { masked ? $0.element ^ mask[$0.offset % 4] : $0.element }
}

private enum Seen: Equatable {
    case text(String)
    case binary([UInt8])
    case ping([UInt8])
    case pong
    case close(UInt16)
    case failed(WebSocketClose)
}

/// What a peer sees when `bytes` arrive in pieces.
private func receive(_ bytes: [UInt8], pieces: [Int] = []) -> [Seen] {
    let decoder = WebSocketDecoder(maximumPayload: 1000)
    var assembler = WebSocketAssembler(maximumMessage: 1500)
    var waiting: [UInt8] = []
    var seen: [Seen] = []
    var rest = bytes[...]
    var sizes = pieces.makeIterator()
    while !rest.isEmpty {
        let size = min(sizes.next() ?? rest.count, rest.count)
        waiting += rest.prefix(size)
        rest = rest.dropFirst(size)
        var span = waiting.mutableSpan
        var position = 0
        var used = 0
        do throws(WebSocketError) {
            while let frame = try decoder.next(in: &span, at: &position) {
                used = position
                switch try assembler.take(frame, from: span.span) {
                case .whole(let opcode, let range):
                    let payload = range.map { span[$0] }
                    seen.append(
                        opcode == .text
                            ? .text(String(decoding: payload, as: UTF8.self)) : .binary(payload))
                case .assembled(let opcode, let payload):
                    seen.append(
                        opcode == .text
                            ? .text(String(decoding: payload, as: UTF8.self)) : .binary(payload))
                case .ping(let range): seen.append(.ping(range.map { span[$0] }))
                case .pong: seen.append(.pong)
                case .close(let code): seen.append(.close(code))
                case .wholeCompressed, .assembledCompressed, .partial: break
                }
            }
        } catch {
            return seen + [.failed(error.close)]
        }
        waiting.removeFirst(used)
    }
    return seen
}

@Suite struct `A WebSocket's frames` {
    static let conversation: [UInt8] =
        frame(0x81, Array("hello, world".utf8)) + frame(0x01, Array("fräg".utf8.prefix(3)))
        + frame(0x89, [1, 2]) + frame(0x00, Array("fräg".utf8.dropFirst(3).prefix(1)))
        + frame(0x80, Array("fräg".utf8.dropFirst(4))) + frame(0x82, [UInt8](repeating: 7, count: 300))
        + frame(0x8a, []) + frame(0x88, [0x03, 0xe8])
    private static let expected: [Seen] = [
        .text("hello, world"), .ping([1, 2]), .text("fräg"),
        .binary([UInt8](repeating: 7, count: 300)), .pong, .close(1000),
    ]

    @Test func `are put together, with control frames between fragments`() {
        #expect(receive(Self.conversation) == Self.expected)
    }

    @Test(arguments: 1..<conversation.count)
    func `are the same wherever they were cut`(cut: Int) {
        #expect(receive(Self.conversation, pieces: [cut]) == Self.expected)
    }

    @Test func `are the same byte by byte`() {
        let ones = Array(repeating: 1, count: Self.conversation.count)
        #expect(receive(Self.conversation, pieces: ones) == Self.expected)
    }

    @Test(arguments: [
        (frame(0x81, [0x61], masked: false), WebSocketClose.protocolError),
        (frame(0xc1, [0x61]), .protocolError), (frame(0x83, []), .protocolError),
        (frame(0x09, []), .protocolError),
        (frame(0x89, [UInt8](repeating: 0, count: 126)), .protocolError),
        (frame(0x80, []), .protocolError),
        (frame(0x01, [0x61]) + frame(0x81, [0x61]), .protocolError),
        (frame(0x81, [0x61], length: [126, 0, 1]), .protocolError),
        (frame(0x81, [0x61], length: [127, 0, 0, 0, 0, 0, 0, 0, 1]), .protocolError),
        (frame(0x81, [0x61], length: [127, 0x80, 0, 0, 0, 0, 0, 0, 1]), .protocolError),
        (frame(0x82, [UInt8](repeating: 0, count: 1001)), .messageTooBig),
        (frame(0x02, [UInt8](repeating: 0, count: 900)) + frame(0x80, [UInt8](repeating: 0, count: 900)), .messageTooBig),
        (frame(0x81, [0xc0, 0x80]), .invalidPayload), (frame(0x81, [0xed, 0xa0, 0x80]), .invalidPayload),
        (frame(0x81, [0xf5, 0x80, 0x80, 0x80]), .invalidPayload), (frame(0x81, [0xe2, 0x82]), .invalidPayload),
        (frame(0x01, [0xce, 0xba]) + frame(0x00, [0xff]), .invalidPayload),
        (frame(0x88, [0x03]), .protocolError), (frame(0x88, [0x03, 0xed]), .protocolError),
        (frame(0x88, [0x03, 0xe8, 0xff]), .invalidPayload),
    ])
    func `that break the protocol end it with the right code`(bytes: [UInt8], close: WebSocketClose) {
        #expect(receive(bytes).last == .failed(close))
    }

    @Test(arguments: [0, 125, 126, 65_535, 65_536])
    func `of a server have the shortest length there is`(count: Int) {
        let encoded = WebSocketEncoder.frame(.binary, [UInt8](repeating: 0, count: count).span)
        let header = count < 126 ? 2 : count <= 65_535 ? 4 : 10
        #expect(encoded.count == header + count)
        #expect(encoded[1] & 0x80 == 0)
    }
}
