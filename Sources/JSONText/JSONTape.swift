/// A JSON text (RFC 8259) taken apart where it lies: for the hot path, where a tree of values would cost
/// more than what is done with it. Kept and read into again, it allocates nothing once it is warm.
///
/// As strict as `JSONParser`, by the same bounds: `depth` levels of nesting, `members` values in all.
public struct JSONTape: ~Copyable, Sendable {
    /// A value's place on the tape; valid until the next `read`.
    public struct Place: Sendable {
        fileprivate let index: Int
    }

    private enum Kind: UInt8, Sendable {
        case null, no, yes, number, string, array, object
    }

    private struct Entry: Sendable {
        let kind: Kind
        /// Whether a string's bytes contain escapes.
        var isEscaped = false
        /// Bytes of the text: of a string without its quotes.
        var start: Int32
        var end: Int32
        /// The entry after this value and all that is in it.
        var next: Int32 = 0
    }

    public let depth: Int
    public let members: Int
    private var bytes: [UInt8] = []
    private var entries: [Entry] = []
    private var position = 0
    private var values = 0

    public init(depth: Int = 16, members: Int = 10_000) {
        self.depth = depth
        self.members = members
    }

    /// Takes `text` apart; its outermost value is at `root`, and nothing is there when it is no JSON.
    ///
    /// `isUTF8` says that somebody has checked the bytes already.
    public mutating func read(_ text: Span<UInt8>, isUTF8: Bool) throws(JSONError) {
        bytes.removeAll(keepingCapacity: true)
        unsafe text.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
        entries.removeAll(keepingCapacity: true)
        position = 0
        values = 0
        do throws(JSONError) {
            guard isUTF8 || String(validating: bytes, as: UTF8.self) != nil else {
                throw failure("the text is not UTF-8")
            }
            skipSpace()
            try value(depth)
            skipSpace()
            guard position == bytes.count else { throw failure("something follows the value") }
        } catch {
            // What was read halfway leads nowhere.
            entries.removeAll(keepingCapacity: true)
            throw error
        }
    }

    public var root: Place { Place(index: 0) }

    // MARK: Looking

    /// Nil where nothing was read, such as after a text that is no JSON.
    private func entry(_ place: Place) -> Entry? {
        place.index < entries.count ? entries[place.index] : nil
    }

    /// The member of that name; nil when there is none or this is no object.
    public func member(_ name: StaticString, of place: Place) -> Place? {
        guard let object = entry(place), object.kind == .object else { return nil }
        var index = place.index + 1
        while index < object.next {
            if isText(entries[index], name) { return Place(index: index + 1) }
            index = Int(entries[index + 1].next)
        }
        return nil
    }

    /// How many items an array has; nil when this is none.
    public func count(_ place: Place) -> Int? {
        guard let array = entry(place), array.kind == .array else { return nil }
        var count = 0
        var index = place.index + 1
        while index < array.next {
            count += 1
            index = Int(entries[index].next)
        }
        return count
    }

    /// The item of an array, from 0; nil when there is none.
    public func item(_ number: Int, of place: Place) -> Place? {
        guard let array = entry(place), array.kind == .array else { return nil }
        var index = place.index + 1
        var left = number
        while index < array.next {
            if left == 0 { return Place(index: index) }
            left -= 1
            index = Int(entries[index].next)
        }
        return nil
    }

    public func isObject(_ place: Place) -> Bool { entry(place)?.kind == .object }
    public func isNull(_ place: Place) -> Bool { entry(place)?.kind == .null }

    /// True or false; nil for anything else.
    public func flag(_ place: Place) -> Bool? {
        switch entry(place)?.kind {
        case .yes: true
        case .no: false
        default: nil
        }
    }

    private func isZeros(_ start: Int, _ end: Int) -> Bool {
        for index in start..<end where bytes[index] != 0x30 { return false }
        return true
    }

    /// The whole part of a number without exponent, and whether it has another part than zeros behind it: of `-0.5` 0 and
    /// true.
    public func wholePart(_ place: Place) -> (whole: Int64, hasMore: Bool)? {
        guard let entry = entry(place), entry.kind == .number else { return nil }
        let (start, end) = (Int(entry.start), Int(entry.end))
        let point = (start..<end).first { bytes[$0] == 0x2e } ?? end
        guard let whole = Int64(String(decoding: bytes[start..<point], as: UTF8.self)),
            (min(point + 1, end)..<end).allSatisfy({ (0x30...0x39).contains(bytes[$0]) })
        else { return nil }
        return (whole, !isZeros(min(point + 1, end), end))
    }

    /// A whole number without exponent; `5.0` is one (JSON Schema, 6.1.1), `5.5` is none.
    public func whole(_ place: Place) -> Int64? {
        guard let entry = entry(place), entry.kind == .number else { return nil }
        var index = Int(entry.start)
        let isNegative = bytes[index] == 0x2d
        if isNegative { index += 1 }
        var value: Int64 = 0
        while index < entry.end {
            let byte = bytes[index]
            if byte == 0x2e { return isZeros(index + 1, Int(entry.end)) ? value : nil }
            guard (0x30...0x39).contains(byte) else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let digit = Int64(byte - 0x30)
            let (sum, over) =
                isNegative
                ? tens.subtractingReportingOverflow(digit) : tens.addingReportingOverflow(digit)
            guard !overflow, !over else { return nil }
            value = sum
            index += 1
        }
        return value
    }

    public func text(_ place: Place) -> String? {
        guard let entry = entry(place), entry.kind == .string else { return nil }
        return string(entry)
    }

    /// Whether this is the string `wanted`.
    public func isText(_ place: Place, _ wanted: StaticString) -> Bool {
        guard let entry = entry(place), entry.kind == .string else { return false }
        return isText(entry, wanted)
    }

    /// Gives `body` a string's bytes as they stand, when it is one without escapes.
    public func withBytes<T>(_ place: Place, _ body: (Span<UInt8>) -> T?) -> T? {
        guard let entry = entry(place), entry.kind == .string else { return nil }
        if entry.isEscaped {
            let plain = Array(string(entry).utf8)
            let span = plain.span
            return body(span)
        }
        let kept = bytes
        let all = kept.span
        let part = all.extracting(Int(entry.start)..<Int(entry.end))
        return body(part)
    }

    private func isText(_ entry: Entry, _ wanted: StaticString) -> Bool {
        if entry.isEscaped { return string(entry) == wanted.description }
        let start = Int(entry.start)
        let count = Int(entry.end) - start
        guard count == wanted.utf8CodeUnitCount else { return false }
        let name = unsafe wanted.utf8Start
        return unsafe bytes.span.extracting(start..<start + count).withUnsafeBufferPointer { text in
            for index in 0..<count where unsafe text[index] != name[index] { return false }
            return true
        }
    }

    private func string(_ entry: Entry) -> String {
        let raw = bytes[Int(entry.start)..<Int(entry.end)]
        guard entry.isEscaped else { return String(decoding: raw, as: UTF8.self) }
        // Rare: the parser of trees knows how escapes are read, and has nothing to refuse here.
        let quoted = [0x22] + Array(raw) + [0x22]
        return (try? JSONParser().parse(quoted.span))?.text ?? ""
    }

    // MARK: Taking apart

    private func failure(_ what: String) -> JSONError { JSONError(offset: position, what: what) }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0a, 0x0d: position += 1
            default: return
            }
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func add(_ kind: Kind, from start: Int, to end: Int, isEscaped: Bool = false) {
        entries.append(
            Entry(
                kind: kind, isEscaped: isEscaped, start: Int32(start), end: Int32(end),
                next: Int32(entries.count + 1)))
    }

    private mutating func value(_ depth: Int) throws(JSONError) {
        guard position < bytes.count else { throw failure("the text ends early") }
        guard values < members else { throw failure("there are too many values") }
        values += 1
        switch bytes[position] {
        case UInt8(ascii: "{"): try object(depth)
        case UInt8(ascii: "["): try array(depth)
        case UInt8(ascii: "\""): try string()
        case UInt8(ascii: "t"): try word("true", .yes)
        case UInt8(ascii: "f"): try word("false", .no)
        case UInt8(ascii: "n"): try word("null", .null)
        case UInt8(ascii: "-"), 0x30...0x39: try number()
        default: throw failure("this is no value")
        }
    }

    private mutating func word(_ word: StaticString, _ kind: Kind) throws(JSONError) {
        let start = position
        let count = word.utf8CodeUnitCount
        guard start + count <= bytes.count else { throw failure("the text ends early") }
        add(.string, from: start, to: start + count)
        let isRight = isText(entries[entries.count - 1], word)
        entries.removeLast()
        guard isRight else { throw failure("this is no value") }
        add(kind, from: start, to: start + count)
        position += count
    }

    private mutating func object(_ depth: Int) throws(JSONError) {
        guard depth > 0 else { throw failure("the nesting is too deep") }
        let own = entries.count
        add(.object, from: position, to: position)
        position += 1
        skipSpace()
        if take(UInt8(ascii: "}")) { return }
        while true {
            skipSpace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                throw failure("a name was expected")
            }
            let name = entries.count
            try string()
            guard !isTaken(entries[name], in: own, before: name) else {
                throw failure("the name stands twice")
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw failure("a colon was expected") }
            skipSpace()
            try value(depth - 1)
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "}")) else {
                throw failure("a comma or a closing brace was expected")
            }
            entries[own].next = Int32(entries.count)
            return
        }
    }

    private func isTaken(_ name: Entry, in object: Int, before end: Int) -> Bool {
        var index = object + 1
        while index < end {
            if isSame(entries[index], name) { return true }
            index = Int(entries[index + 1].next)
        }
        return false
    }

    private func isSame(_ one: Entry, _ other: Entry) -> Bool {
        if one.isEscaped || other.isEscaped { return string(one) == string(other) }
        let count = Int(one.end - one.start)
        guard count == Int(other.end - other.start) else { return false }
        for offset in 0..<count
        where bytes[Int(one.start) + offset] != bytes[Int(other.start) + offset] { return false }
        return true
    }

    private mutating func array(_ depth: Int) throws(JSONError) {
        guard depth > 0 else { throw failure("the nesting is too deep") }
        let own = entries.count
        add(.array, from: position, to: position)
        position += 1
        skipSpace()
        if take(UInt8(ascii: "]")) { return }
        while true {
            skipSpace()
            try value(depth - 1)
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "]")) else {
                throw failure("a comma or a closing bracket was expected")
            }
            entries[own].next = Int32(entries.count)
            return
        }
    }

    private mutating func number() throws(JSONError) {
        let start = position
        _ = take(UInt8(ascii: "-"))
        let first = position
        let whole = digits()
        guard whole > 0, whole == 1 || bytes[first] != UInt8(ascii: "0") else {
            throw failure("this is no number")
        }
        if take(UInt8(ascii: ".")) {
            guard digits() > 0 else { throw failure("this is no number") }
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            guard digits() > 0 else { throw failure("this is no number") }
        }
        add(.number, from: start, to: position)
    }

    private mutating func digits() -> Int {
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
        return position - start
    }

    private mutating func string() throws(JSONError) {
        let start = position + 1
        let (end, isEscaped) = Self.endOfString(bytes.span, from: start)
        position = end
        guard end < bytes.count else { throw failure("the string does not end") }
        guard bytes[end] == UInt8(ascii: "\"") else {
            throw failure("a control character in a string")
        }
        position = end + 1
        add(.string, from: start, to: end, isEscaped: isEscaped)
        if isEscaped { try check(from: start) }
    }

    /// Where the closing quote is, or what cannot stand in a string; the text's end when there is neither.
    private static func endOfString(_ text: Span<UInt8>, from start: Int) -> (Int, Bool) {
        // Most bytes of a text go by here. `index` is compared with the count before every read.
        unsafe text.withUnsafeBufferPointer { text in
            var index = start
            var isEscaped = false
            while index < text.count {
                if index + 8 <= text.count {
                    let found = unsafe Self.special(
                        UnsafeRawPointer(text.baseAddress! + index)
                            .loadUnaligned(as: UInt64.self).littleEndian)
                    guard found != 0 else {
                        index += 8
                        continue
                    }
                    index += found.trailingZeroBitCount / 8
                }
                let byte = unsafe text[index]
                if byte == UInt8(ascii: "\"") || byte < 0x20 { return (index, isEscaped) }
                if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                    index += 1
                }
                index += 1
            }
            return (text.count, isEscaped)
        }
    }

    /// A mark in the first of eight bytes that is a quote, a backslash or below a space; marks behind it may be
    /// wrong. Zero when there is none. The text's first byte is the lowest.
    private static func special(_ eight: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        func marks(_ word: UInt64, below limit: UInt64) -> UInt64 {
            (word &- ones &* limit) & ~word & (ones &* 0x80)
        }
        return marks(eight ^ ones &* 0x22, below: 1) | marks(eight ^ ones &* 0x5c, below: 1)
            | marks(eight, below: 0x20)
    }

    /// Escapes are read by the parser of trees, which says what is wrong with them.
    private func check(from start: Int) throws(JSONError) {
        let quoted = Array(bytes[start - 1..<position])
        do {
            _ = try JSONParser().parse(quoted.span)
        } catch {
            throw JSONError(offset: start - 1 + error.offset, what: error.what)
        }
    }
}
