import JSONText
import Kernel
import TestSupport
import Testing

/// The tape of the hot path against the parser of trees: two readers, written differently, that must agree.
@Suite struct `A text on the tape` {
    private static let samples = [
        "{\"op\":\"place\",\"id\":\"019aa3c1-0000-7000-8000-000000000001\",\"stake\":{\"amount\":10,\"currency\":\"EUR\"},\"legs\":[{\"market\":\"12\",\"odds\":[39,20],\"score\":null}],\"tolerance\":255}",
        "[1,-2,3.5,1e9,-0,0.1E-7,true,false,null,\"\",\"a\\nb\\u00e9\\ud83d\\ude00\"]", "  {\"a\" : [ ] , \"b\" : { } } ",
        "\"text\"", "{\"\\u0061\":1}", "{\"a\":1,\"\\u0061\":2}", "[[[[[[[[]]]]]]]]", "{\"é\":\"ü\",\"x\":[{},{}]}",
    ]

    /// What the tape holds, as the tree that the parser makes of it.
    private func tree(_ tape: borrowing JSONTape, _ place: JSONTape.Place, like model: JSONValue) -> Bool {
        switch model {
        case .null: return tape.isNull(place)
        case .bool: return tape.text(place) == nil && tape.whole(place) == nil && tape.count(place) == nil
        case .number: return tape.whole(place) == model.whole
        case .string(let text): return tape.text(place) == text && tape.withBytes(place) { $0.count } == text.utf8.count
        case .array(let items):
            guard tape.count(place) == items.count else { return false }
            return items.indices.allSatisfy { index in
                tape.item(index, of: place).map { tree(tape, $0, like: items[index]) } ?? false
            } && tape.item(items.count, of: place) == nil
        case .object(let members):
            guard tape.member("no such name", of: place) == nil else { return false }
            return members.allSatisfy { member in
                let found: JSONTape.Place? =
                    switch member.key {
                    case "op": tape.member("op", of: place)
                    case "id": tape.member("id", of: place)
                    case "stake": tape.member("stake", of: place)
                    case "amount": tape.member("amount", of: place)
                    case "legs": tape.member("legs", of: place)
                    case "market": tape.member("market", of: place)
                    case "odds": tape.member("odds", of: place)
                    case "score": tape.member("score", of: place)
                    case "tolerance": tape.member("tolerance", of: place)
                    case "a": tape.member("a", of: place)
                    case "b": tape.member("b", of: place)
                    case "x": tape.member("x", of: place)
                    case "é": tape.member("é", of: place)
                    default: nil
                    }
                return found.map { tree(tape, $0, like: member.value) } ?? true
            }
        }
    }

    private func compare(_ bytes: [UInt8], _ tape: inout JSONTape) {
        let parsed = Result { try JSONParser(depth: 8, members: 64).parse(bytes.span) }
        let read = Result { try tape.read(bytes.span, isUTF8: false) }
        switch (parsed, read) {
        case (.success(let model), .success):
            let isAlike = tree(tape, tape.root, like: model)
            #expect(isAlike, "\(String(decoding: bytes, as: UTF8.self))")
        case (.failure, .failure): break
        default: Issue.record("one of two refuses \(String(decoding: bytes, as: UTF8.self)): \(parsed), \(read)")
        }
    }

    @Test func `is what the parser of trees makes of it, and is refused when that refuses`() {
        var tape = JSONTape(depth: 8, members: 64)
        for sample in Self.samples { compare(Array(sample.utf8), &tape) }
        var random = SeededGenerator(seed: 77)
        let spice = Array("{}[]\",:\\u0n1e.-+tf \n\u{1}\u{7f}".utf8) + [0xc3, 0x28, 0xff, 0xe2, 0x82]
        for _ in 0..<60_000 {
            var bytes = Array(Self.samples[random.number(in: 0...Self.samples.count - 1)].utf8)
            for _ in 0..<random.number(in: 1...3) {
                let place = random.number(in: 0...bytes.count - 1)
                switch random.number(in: 0...3) {
                case 0: bytes[place] = spice[random.number(in: 0...spice.count - 1)]
                case 1: bytes.insert(spice[random.number(in: 0...spice.count - 1)], at: place)
                case 2: bytes.remove(at: place)
                default: bytes.removeSubrange(place...)
                }
                if bytes.isEmpty { bytes = [0x20] }
            }
            compare(bytes, &tape)
        }
    }

    @Test(arguments: [62, 63, 64, 65])
    func `is bounded in number like the tree`(items: Int) {
        var tape = JSONTape(depth: 8, members: 64)
        compare(Array(("[" + (0..<items).map(String.init).joined(separator: ",") + "]").utf8), &tape)
    }

    @Test func `reads whole numbers to their last digit and no further`() throws {
        var tape = JSONTape()
        for (text, value) in [
            ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min), ("9223372036854775808", nil), ("0", 0), ("-0", 0),
            ("1.0", 1), ("-7.000", -7), ("1.5", nil), ("1.01", nil), ("1e3", nil), ("1.0e0", nil),
        ] as [(String, Int64?)] {
            try tape.read(Array(text.utf8).span, isUTF8: true)
            #expect(tape.whole(tape.root) == value)
        }
    }
}
