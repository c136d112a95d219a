/// Why a WebSocket ends, by the codes of RFC 6455, 7.4.1.
public enum WebSocketClose: UInt16, Sendable {
    case normal = 1000
    case goingAway = 1001
    case protocolError = 1002
    case unsupportedData = 1003
    case invalidPayload = 1007
    case policyViolation = 1008
    case messageTooBig = 1009
    case tryAgainLater = 1013
}

/// A peer broke the protocol; the connection ends with this code.
public struct WebSocketError: Error, Equatable, Sendable {
    public let close: WebSocketClose

    public init(_ close: WebSocketClose) { self.close = close }
}

public enum WebSocketOpcode: UInt8, Sendable {
    case continuation = 0
    case text = 1
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10

    public var isControl: Bool { rawValue >= 8 }
}

/// One frame as a place in the bytes that were received, already unmasked there.
public struct WebSocketFrame: Sendable {
    public let opcode: WebSocketOpcode
    public let isFinal: Bool
    public var isCompressed = false
    public let payload: Range<Int>
}

/// Reads a client's frames (RFC 6455, 5.2) out of bytes that somebody else collected.
///
/// Masks are required, lengths are in their shortest form; of the extensions only compression may be agreed.
public struct WebSocketDecoder: Sendable {
    /// Bytes of one frame's payload.
    public let maximumPayload: Int
    /// Whether compressed messages were agreed (RFC 7692).
    public let allowsCompression: Bool

    public init(maximumPayload: Int, allowsCompression: Bool = false) {
        self.maximumPayload = maximumPayload
        self.allowsCompression = allowsCompression
    }

    /// The frame at `position`, unmasked in place; nil when it is not whole. Moves `position` past it.
    public func next(in bytes: inout MutableSpan<UInt8>, at position: inout Int)
        throws(WebSocketError) -> WebSocketFrame?
    {
        let available = bytes.count - position
        guard available >= 2 else { return nil }
        let first = bytes[position]
        let second = bytes[position + 1]
        guard first & 0x30 == 0, let opcode = WebSocketOpcode(rawValue: first & 0x0f) else {
            throw WebSocketError(.protocolError)
        }
        // The first frame of a message says so for all of it.
        let isCompressed = first & 0x40 != 0
        if isCompressed, !allowsCompression || opcode.isControl || opcode == .continuation {
            throw WebSocketError(.protocolError)
        }
        guard second & 0x80 != 0 else { throw WebSocketError(.protocolError) }
        let isFinal = first & 0x80 != 0
        var length = Int(second & 0x7f)
        if opcode.isControl, !isFinal || length > 125 { throw WebSocketError(.protocolError) }
        var header = 2
        if length == 126 {
            guard available >= 4 else { return nil }
            length = Int(bytes[position + 2]) << 8 | Int(bytes[position + 3])
            guard length > 125 else { throw WebSocketError(.protocolError) }
            header = 4
        } else if length == 127 {
            guard available >= 10 else { return nil }
            var wide: UInt64 = 0
            for index in 2..<10 { wide = wide << 8 | UInt64(bytes[position + index]) }
            guard wide > 0xffff, wide >> 63 == 0 else { throw WebSocketError(.protocolError) }
            guard wide <= UInt64(maximumPayload) else { throw WebSocketError(.messageTooBig) }
            length = Int(wide)
            header = 10
        }
        guard length <= maximumPayload else { throw WebSocketError(.messageTooBig) }
        guard available >= header + 4 + length else { return nil }
        let start = position + header + 4
        unmask(&bytes, key: position + header, range: start..<start + length)
        position = start + length
        return WebSocketFrame(
            opcode: opcode, isFinal: isFinal, isCompressed: isCompressed,
            payload: start..<start + length)
    }

    private func unmask(_ bytes: inout MutableSpan<UInt8>, key: Int, range: Range<Int>) {
        let mask =
            UInt32(bytes[key]) | UInt32(bytes[key + 1]) << 8 | UInt32(bytes[key + 2]) << 16
            | UInt32(bytes[key + 3]) << 24
        guard mask != 0 else { return }
        let wide = UInt64(mask) | UInt64(mask) << 32
        unsafe bytes.withUnsafeMutableBytes { raw in
            var index = range.lowerBound
            while index + 8 <= range.upperBound {
                let word = unsafe raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                unsafe raw.storeBytes(of: word ^ wide, toByteOffset: index, as: UInt64.self)
                index += 8
            }
            var shift: UInt64 = 0
            while index < range.upperBound {
                unsafe raw[index] ^= UInt8(truncatingIfNeeded: wide >> shift)
                shift += 8
                index += 1
            }
        }
    }
}

/// Puts fragments together and checks that text is UTF-8, across fragments too.
public struct WebSocketAssembler: Sendable {
    public enum Message: Sendable {
        /// The payload is still in the received bytes: nothing was copied.
        case whole(WebSocketOpcode, Range<Int>)
        case assembled(WebSocketOpcode, [UInt8])
        /// Still compressed: what it says was not looked at.
        case wholeCompressed(WebSocketOpcode, Range<Int>)
        case assembledCompressed(WebSocketOpcode, [UInt8])
        case ping(Range<Int>)
        case pong
        /// The peer's code, 1005 when it gave none.
        case close(UInt16)
        /// A fragment was kept; more will come.
        case partial
    }

    /// Bytes of one message.
    public let maximumMessage: Int
    private var opcode: WebSocketOpcode?
    private var isCompressed = false
    private var fragments: [UInt8] = []
    private var fragmentCount = 0
    /// Bytes of the text so far that are known to be whole characters.
    private var checked = 0
    /// Fragments of one message, empty ones included.
    public static let mostFragments = 1024

    public init(maximumMessage: Int) {
        self.maximumMessage = maximumMessage
    }

    public mutating func take(_ frame: WebSocketFrame, from bytes: Span<UInt8>)
        throws(WebSocketError) -> Message
    {
        let payload = bytes.extracting(frame.payload)
        switch frame.opcode {
        case .ping: return .ping(frame.payload)
        case .pong: return .pong
        case .close: return .close(try closeCode(payload))
        case .text, .binary:
            guard opcode == nil else { throw WebSocketError(.protocolError) }
            if frame.isFinal, frame.isCompressed {
                return .wholeCompressed(frame.opcode, frame.payload)
            }
            if frame.isFinal {
                if frame.opcode == .text, !isUTF8(payload) {
                    throw WebSocketError(.invalidPayload)
                }
                return .whole(frame.opcode, frame.payload)
            }
            opcode = frame.opcode
            isCompressed = frame.isCompressed
            fragmentCount = 0
            checked = 0
            try append(payload)
            return .partial
        case .continuation:
            guard let started = opcode else { throw WebSocketError(.protocolError) }
            try append(payload)
            guard frame.isFinal else { return .partial }
            opcode = nil
            let whole = fragments
            fragments = []
            if isCompressed { return .assembledCompressed(started, whole) }
            if started == .text, checked != whole.count { throw WebSocketError(.invalidPayload) }
            return .assembled(started, whole)
        }
    }

    private mutating func append(_ payload: Span<UInt8>) throws(WebSocketError) {
        fragmentCount += 1
        guard fragments.count + payload.count <= maximumMessage,
            fragmentCount <= Self.mostFragments
        else { throw WebSocketError(.messageTooBig) }
        for index in payload.indices { fragments.append(payload[index]) }
        // Text that is already wrong need not be collected to its end; what was looked at is not looked at again.
        guard opcode == .text, !isCompressed else { return }
        guard let end = utf8Progress(fragments.span, from: checked) else {
            throw WebSocketError(.invalidPayload)
        }
        checked = end
    }

    private func closeCode(_ payload: Span<UInt8>) throws(WebSocketError) -> UInt16 {
        guard !payload.isEmpty else { return 1005 }
        guard payload.count >= 2 else { throw WebSocketError(.protocolError) }
        let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: break
        default: throw WebSocketError(.protocolError)
        }
        guard isUTF8(payload.extracting(2..<payload.count)) else {
            throw WebSocketError(.invalidPayload)
        }
        return code
    }
}

/// Whether all of `bytes` is UTF-8 (RFC 3629: no surrogates, no overlong forms).
public func isUTF8(_ bytes: Span<UInt8>) -> Bool {
    utf8Progress(bytes, from: 0) == bytes.count
}

/// Up to where `bytes` are whole characters, when `start` begins one; nil when what follows is none and
/// cannot become one.
func utf8Progress(_ bytes: Span<UInt8>, from start: Int) -> Int? {
    var index = start
    let count = bytes.count
    while index < count {
        let lead = bytes[index]
        if lead < 0x80 {
            index = asciiEnd(bytes, from: index + 1)
            continue
        }
        let length: Int
        var low: UInt8 = 0x80
        var high: UInt8 = 0xbf
        switch lead {
        case 0xc2...0xdf: length = 2
        case 0xe0: (length, low) = (3, 0xa0)
        case 0xed: (length, high) = (3, 0x9f)
        case 0xe1...0xef: length = 3
        case 0xf0: (length, low) = (4, 0x90)
        case 0xf1...0xf3: length = 4
        case 0xf4: (length, high) = (4, 0x8f)
        default: return nil
        }
        for offset in 1..<length {
            guard index + offset < count else { return index }
            let byte = bytes[index + offset]
            guard byte >= low, byte <= high else { return nil }
            (low, high) = (0x80, 0xbf)
        }
        index += length
    }
    return index
}

/// Where a run of ASCII ends, looked at eight bytes at a time: most text is nothing else.
private func asciiEnd(_ bytes: Span<UInt8>, from start: Int) -> Int {
    let raw = unsafe bytes.bytes
    var index = start
    while index + 8 <= raw.byteCount {
        // In bounds by the line above.
        let word = unsafe raw.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
        if word & 0x8080_8080_8080_8080 != 0 { break }
        index += 8
    }
    while index < bytes.count, bytes[index] < 0x80 { index += 1 }
    return index
}

/// Writes frames of a server, which are never masked.
public enum WebSocketEncoder {
    /// A whole frame.
    public static func frame(_ opcode: WebSocketOpcode, _ payload: Span<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(payload.count + 10)
        appendHeader(opcode, length: payload.count, to: &out)
        unsafe payload.withUnsafeBufferPointer { unsafe out.append(contentsOf: $0) }
        return out
    }

    public static func appendHeader(
        _ opcode: WebSocketOpcode, length: Int, isCompressed: Bool = false, to out: inout [UInt8]
    ) {
        out.append(0x80 | (isCompressed ? 0x40 : 0) | opcode.rawValue)
        if length < 126 {
            out.append(UInt8(length))
        } else if length <= 0xffff {
            out.append(126)
            out.append(UInt8(length >> 8))
            out.append(UInt8(length & 0xff))
        } else {
            out.append(127)
            for shift in stride(from: 56, through: 0, by: -8) {
                out.append(UInt8(truncatingIfNeeded: length >> shift))
            }
        }
    }

    public static func close(_ code: WebSocketClose, _ reason: String = "") -> [UInt8] {
        var payload: [UInt8] = [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 0xff)]
        payload += Array(reason.utf8.prefix(123))
        return frame(.close, payload.span)
    }
}
