/// A JSON document (RFC 8259). Numbers stay the text they were: who needs a price reads it exactly.
public enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([(key: String, value: JSONValue)])

    public static func == (one: JSONValue, other: JSONValue) -> Bool {
        switch (one, other) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.number(let a), .number(let b)), (.string(let a), .string(let b)): a == b
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)):
            a.count == b.count && zip(a, b).allSatisfy { $0.key == $1.key && $0.value == $1.value }
        default: false
        }
    }

    /// The member of that name; nil when there is none or this is no object.
    public subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    public var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    public var items: [JSONValue]? {
        if case .array(let items) = self { items } else { nil }
    }

    public var flag: Bool? {
        if case .bool(let flag) = self { flag } else { nil }
    }

    public var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// A whole number without exponent; `5.0` is one (JSON Schema, 6.1.1), `5.5` is none.
    public var whole: Int64? {
        guard case .number(let text) = self else { return nil }
        guard let point = text.firstIndex(of: ".") else { return Int64(text) }
        guard text[text.index(after: point)...].allSatisfy({ $0 == "0" }) else { return nil }
        return Int64(text[..<point])
    }

    /// A decimal number or numeric string in thousandths, cut; nil when it is neither or out of range.
    public var thousandths: UInt32? { identifier.flatMap { decimal($0, places: 3) } }

    /// The same in parts per billion.
    public var billionths: UInt32? { identifier.flatMap { decimal($0, places: 9) } }

    /// The text of a string, or of a number as it was written.
    public var identifier: String? {
        switch self {
        case .string(let text), .number(let text): text
        default: nil
        }
    }
}

/// So many decimals as a whole number, cut: of three `2.02` is 2020. Signs, exponents, NaN and Infinity are nothing here:
/// nil.
private func decimal(_ text: String, places: Int) -> UInt32? {
    var value: UInt64 = 0
    var decimals = -1
    var digits = 0
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: ".") where decimals < 0 && digits > 0: decimals = 0
        case 0x30...0x39:
            digits += 1
            if decimals >= places { continue }
            value = value * 10 + UInt64(byte - 0x30)
            guard value < 100_000_000_000 else { return nil }
            if decimals >= 0 { decimals += 1 }
        default: return nil
        }
    }
    guard digits > 0 else { return nil }
    for _ in max(0, decimals)..<places {
        value *= 10
        guard value <= UInt64(UInt32.max) else { return nil }
    }
    return UInt32(exactly: value)
}

/// Why a text is not JSON, and at which byte.
public struct JSONError: Error, Equatable, Sendable {
    public let offset: Int
    public let what: String
}

/// Reads JSON strictly: no comments, no trailing commas, no name twice in an object.
///
/// Bounds: `depth` levels of nesting, `members` values in all.
public struct JSONParser: Sendable {
    public let depth: Int
    public let members: Int

    public init(depth: Int = 16, members: Int = 10_000) {
        self.depth = depth
        self.members = members
    }

    public func parse(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        var state = State(remaining: members)
        state.skipSpace(bytes)
        let value = try value(bytes, &state, depth)
        state.skipSpace(bytes)
        guard state.index == bytes.count else { throw state.error("something follows the value") }
        return value
    }

    private struct State {
        var index = 0
        var remaining: Int

        init(remaining: Int) { self.remaining = remaining }

        mutating func skipSpace(_ bytes: Span<UInt8>) {
            while index < bytes.count {
                switch bytes[index] {
                case 0x20, 0x09, 0x0a, 0x0d: index += 1
                default: return
                }
            }
        }

        func error(_ what: String) -> JSONError { JSONError(offset: index, what: what) }
    }

    private func value(_ bytes: Span<UInt8>, _ state: inout State, _ depth: Int)
        throws(JSONError) -> JSONValue
    {
        guard state.index < bytes.count else { throw state.error("the text ends early") }
        guard state.remaining > 0 else { throw state.error("there are too many values") }
        state.remaining -= 1
        switch bytes[state.index] {
        case UInt8(ascii: "{"): return try object(bytes, &state, depth)
        case UInt8(ascii: "["): return try array(bytes, &state, depth)
        case UInt8(ascii: "\""): return .string(try string(bytes, &state))
        case UInt8(ascii: "t"): return try word("true", .bool(true), bytes, &state)
        case UInt8(ascii: "f"): return try word("false", .bool(false), bytes, &state)
        case UInt8(ascii: "n"): return try word("null", .null, bytes, &state)
        case UInt8(ascii: "-"), 0x30...0x39: return .number(try number(bytes, &state))
        default: throw state.error("this is no value")
        }
    }

    private func word(
        _ word: StaticString, _ value: JSONValue, _ bytes: Span<UInt8>, _ state: inout State
    ) throws(JSONError) -> JSONValue {
        let text = Array(word.description.utf8)
        guard state.index + text.count <= bytes.count else {
            throw state.error("the text ends early")
        }
        for offset in text.indices where bytes[state.index + offset] != text[offset] {
            throw state.error("this is no value")
        }
        state.index += text.count
        return value
    }

    private func object(_ bytes: Span<UInt8>, _ state: inout State, _ depth: Int)
        throws(JSONError) -> JSONValue
    {
        guard depth > 0 else { throw state.error("the nesting is too deep") }
        state.index += 1
        var members: [(key: String, value: JSONValue)] = []
        state.skipSpace(bytes)
        if take(UInt8(ascii: "}"), bytes, &state) { return .object(members) }
        while true {
            state.skipSpace(bytes)
            guard state.index < bytes.count, bytes[state.index] == UInt8(ascii: "\"") else {
                throw state.error("a name was expected")
            }
            let key = try string(bytes, &state)
            guard !members.contains(where: { $0.key == key }) else {
                throw state.error("the name stands twice")
            }
            state.skipSpace(bytes)
            guard take(UInt8(ascii: ":"), bytes, &state) else {
                throw state.error("a colon was expected")
            }
            state.skipSpace(bytes)
            members.append((key, try value(bytes, &state, depth - 1)))
            state.skipSpace(bytes)
            if take(UInt8(ascii: ","), bytes, &state) { continue }
            guard take(UInt8(ascii: "}"), bytes, &state) else {
                throw state.error("a comma or a closing brace was expected")
            }
            return .object(members)
        }
    }

    private func array(_ bytes: Span<UInt8>, _ state: inout State, _ depth: Int)
        throws(JSONError) -> JSONValue
    {
        guard depth > 0 else { throw state.error("the nesting is too deep") }
        state.index += 1
        var items: [JSONValue] = []
        state.skipSpace(bytes)
        if take(UInt8(ascii: "]"), bytes, &state) { return .array(items) }
        while true {
            state.skipSpace(bytes)
            items.append(try value(bytes, &state, depth - 1))
            state.skipSpace(bytes)
            if take(UInt8(ascii: ","), bytes, &state) { continue }
            guard take(UInt8(ascii: "]"), bytes, &state) else {
                throw state.error("a comma or a closing bracket was expected")
            }
            return .array(items)
        }
    }

    private func take(_ byte: UInt8, _ bytes: Span<UInt8>, _ state: inout State) -> Bool {
        guard state.index < bytes.count, bytes[state.index] == byte else { return false }
        state.index += 1
        return true
    }

    private func number(_ bytes: Span<UInt8>, _ state: inout State) throws(JSONError) -> String {
        let start = state.index
        if bytes[state.index] == UInt8(ascii: "-") { state.index += 1 }
        let first = state.index
        let whole = digits(bytes, &state)
        guard whole > 0, whole == 1 || bytes[first] != UInt8(ascii: "0") else {
            throw state.error("this is no number")
        }
        if take(UInt8(ascii: "."), bytes, &state) {
            guard digits(bytes, &state) > 0 else { throw state.error("this is no number") }
        }
        if take(UInt8(ascii: "e"), bytes, &state) || take(UInt8(ascii: "E"), bytes, &state) {
            if !take(UInt8(ascii: "+"), bytes, &state) {
                _ = take(UInt8(ascii: "-"), bytes, &state)
            }
            guard digits(bytes, &state) > 0 else { throw state.error("this is no number") }
        }
        return text(bytes, start..<state.index)
    }

    private func digits(_ bytes: Span<UInt8>, _ state: inout State) -> Int {
        let start = state.index
        while state.index < bytes.count, (0x30...0x39).contains(bytes[state.index]) {
            state.index += 1
        }
        return state.index - start
    }

    private func text(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
        unsafe bytes.extracting(range).withUnsafeBufferPointer {
            unsafe String(decoding: $0, as: UTF8.self)
        }
    }

    private func string(_ bytes: Span<UInt8>, _ state: inout State) throws(JSONError) -> String {
        state.index += 1
        let start = state.index
        // Most strings have no escape and are taken as they stand.
        while state.index < bytes.count {
            let byte = bytes[state.index]
            if byte == UInt8(ascii: "\"") {
                let plain = start..<state.index
                state.index += 1
                return try checked(bytes, plain, state)
            }
            if byte == UInt8(ascii: "\\") { break }
            guard byte >= 0x20 else { throw state.error("a control character in a string") }
            state.index += 1
        }
        return try escaped(bytes, from: start, &state)
    }

    private func checked(_ bytes: Span<UInt8>, _ range: Range<Int>, _ state: State)
        throws(JSONError) -> String
    {
        let valid = unsafe bytes.extracting(range).withUnsafeBufferPointer {
            unsafe String(validating: $0, as: UTF8.self)
        }
        guard let valid else { throw state.error("the string is not UTF-8") }
        return valid
    }

    private func escaped(_ bytes: Span<UInt8>, from start: Int, _ state: inout State)
        throws(JSONError) -> String
    {
        var out: [UInt8] = []
        for index in start..<state.index { out.append(bytes[index]) }
        while state.index < bytes.count {
            let byte = bytes[state.index]
            state.index += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: out, as: UTF8.self) else {
                    throw state.error("the string is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"):
                let scalar = try escape(bytes, &state)
                out += Array(String(Character(scalar)).utf8)
            case 0..<0x20: throw state.error("a control character in a string")
            default: out.append(byte)
            }
        }
        throw state.error("the string does not end")
    }

    private func escape(_ bytes: Span<UInt8>, _ state: inout State) throws(JSONError)
        -> Unicode.Scalar
    {
        guard state.index < bytes.count else { throw state.error("the string does not end") }
        let byte = bytes[state.index]
        state.index += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let unit = try hex(bytes, &state)
            if let scalar = Unicode.Scalar(unit) { return scalar }
            // The first half of a pair must be followed by its second.
            guard (0xd800..<0xdc00).contains(unit), take(UInt8(ascii: "\\"), bytes, &state),
                take(UInt8(ascii: "u"), bytes, &state)
            else { throw state.error("half a surrogate pair") }
            let low = try hex(bytes, &state)
            guard (0xdc00..<0xe000).contains(low),
                let scalar = Unicode.Scalar(
                    0x10000 + (UInt32(unit) - 0xd800) << 10 + (UInt32(low) - 0xdc00))
            else { throw state.error("half a surrogate pair") }
            return scalar
        default: throw state.error("an unknown escape")
        }
    }

    private func hex(_ bytes: Span<UInt8>, _ state: inout State) throws(JSONError) -> UInt16 {
        guard state.index + 4 <= bytes.count else { throw state.error("the string does not end") }
        var value: UInt16 = 0
        for offset in 0..<4 {
            let byte = bytes[state.index + offset]
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46: digit = byte - 0x41 + 10
            case 0x61...0x66: digit = byte - 0x61 + 10
            default: throw state.error("four hexadecimal digits were expected")
            }
            value = value << 4 | UInt16(digit)
        }
        state.index += 4
        return value
    }
}

/// Writes JSON by hand into bytes: fast, and in the order the writer chooses.
public struct JSONWriter: Sendable {
    public private(set) var bytes: [UInt8] = []
    private var needsComma = false

    public init(reserving capacity: Int = 256) { bytes.reserveCapacity(capacity) }

    private mutating func separate() {
        if needsComma { bytes.append(0x2c) }
        needsComma = true
    }

    public mutating func key(_ key: StaticString) {
        separate()
        bytes.append(0x22)
        append(key)
        bytes.append(0x22)
        bytes.append(0x3a)
        needsComma = false
    }

    public mutating func key(text: String) {
        separate()
        appendQuoted(text)
        bytes.append(0x3a)
        needsComma = false
    }

    public mutating func object(_ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(0x7b)
        needsComma = false
        body(&self)
        bytes.append(0x7d)
        needsComma = true
    }

    public mutating func array(_ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(0x5b)
        needsComma = false
        body(&self)
        bytes.append(0x5d)
        needsComma = true
    }

    public mutating func string(_ text: String) {
        separate()
        appendQuoted(text)
    }

    /// A word that needs no escaping, as a string.
    public mutating func word(_ word: StaticString) {
        separate()
        bytes.append(0x22)
        append(word)
        bytes.append(0x22)
    }

    /// A string whose bytes `body` appends; they need no escaping.
    public mutating func quoted(_ body: (inout [UInt8]) -> Void) {
        separate()
        bytes.append(0x22)
        body(&bytes)
        bytes.append(0x22)
    }

    @inlinable @inline(__always)
    public mutating func number<T: FixedWidthInteger>(_ value: T) {
        if T.isSigned {
            number(magnitude: UInt64(value.magnitude), isNegative: value < 0)
        } else {
            number(magnitude: UInt64(value), isNegative: false)
        }
    }

    public mutating func number(magnitude: UInt64, isNegative: Bool) {
        separate()
        if isNegative { bytes.append(0x2d) }
        appendNumber(magnitude)
    }

    /// A whole number, or null where there is none.
    public mutating func numberOrNull<T: FixedWidthInteger>(_ value: T?) {
        if let value { number(value) } else { null() }
    }

    /// An id, or null where there is none.
    public mutating func numberTextOrNull(_ value: UInt64?) {
        if let value { numberText(value) } else { null() }
    }

    /// A whole number as a string, as ids are sent.
    public mutating func numberText(_ value: UInt64) {
        separate()
        bytes.append(0x22)
        appendNumber(value)
        bytes.append(0x22)
    }

    public mutating func bool(_ value: Bool) {
        separate()
        append(value ? "true" : "false")
    }

    public mutating func null() {
        separate()
        append("null")
    }

    private mutating func append(_ word: StaticString) {
        word.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
    }

    /// A value that was read, as it was.
    public mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let flag): bool(flag)
        case .number(let text): raw(Array(text.utf8))
        case .string(let text): string(text)
        case .array(let items):
            array { json in
                for item in items { json.value(item) }
            }
        case .object(let members):
            object { json in
                for member in members {
                    json.key(text: member.key)
                    json.value(member.value)
                }
            }
        }
    }

    /// Text that is JSON already.
    public mutating func raw(_ text: [UInt8]) {
        separate()
        bytes.append(contentsOf: text)
    }

    private mutating func appendNumber(_ value: UInt64) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var first = 20
        var rest = value
        repeat {
            first -= 1
            digits[first] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
            rest /= 10
        } while rest > 0
        unsafe digits.span.withUnsafeBufferPointer {
            unsafe bytes.append(contentsOf: UnsafeBufferPointer(rebasing: $0[first...]))
        }
    }

    private mutating func appendQuoted(_ text: String) {
        bytes.append(0x22)
        var text = text
        text.withUTF8 { utf8 in
            // Few texts have anything to escape; the others go in one piece.
            for index in 0..<utf8.count {
                let byte = unsafe utf8[index]
                if byte < 0x20 || byte == 0x22 || byte == 0x5c {
                    return unsafe appendEscaped(utf8)
                }
            }
            unsafe bytes.append(contentsOf: utf8)
        }
        bytes.append(0x22)
    }

    private mutating func appendEscaped(_ text: UnsafeBufferPointer<UInt8>) {
        let digits: StaticString = "0123456789abcdef"
        for index in 0..<text.count {
            let byte = unsafe text[index]
            switch byte {
            case 0x22, 0x5c:
                bytes.append(0x5c)
                bytes.append(byte)
            case 0..<0x20:
                append("\\u00")
                unsafe bytes.append(digits.utf8Start[Int(byte >> 4)])
                unsafe bytes.append(digits.utf8Start[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
    }
}
