import NetworkCodecs
import Testing

@Suite struct `UTF-8 in a text message` {
    /// Another's decoder is the judge; runs of ASCII of every length stand before and between what is not.
    @Test func `is taken and refused as the standard library does it`() {
        var state: UInt64 = 88_172_645_463_325_252
        func next(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(bound))
        }
        let pieces: [[UInt8]] = [
            Array("é".utf8), Array("€".utf8), Array("😀".utf8), [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80], [0xff], [0xe2, 0x82],
            [0xf0, 0x9f, 0x98],
        ]
        var valid = 0
        for _ in 0..<40_000 {
            var bytes: [UInt8] = []
            for _ in 0..<next(4) {
                bytes += [UInt8](repeating: 0x61, count: next(20))
                bytes += pieces[next(next(2) == 0 ? 3 : pieces.count)]
            }
            bytes += [UInt8](repeating: 0x7a, count: next(20))
            let isRight = String(validating: bytes, as: UTF8.self) != nil
            valid += isRight ? 1 : 0
            #expect(isUTF8(bytes.span) == isRight, "\(bytes)")
        }
        #expect(valid > 5000 && valid < 39_000)
    }
}
