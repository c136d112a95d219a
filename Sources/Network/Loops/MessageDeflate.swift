import CZlib
import NetworkCodecs

/// Compresses messages one by one (RFC 7692, 7.2.1), each without memory of the ones before. One for a loop.
public final class MessageDeflater {
    // zlib keeps the address of its stream.
    private let stream: UnsafeMutablePointer<z_stream>
    private var out: [UInt8] = []

    init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result = deflateInit2_(
            stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(result == Z_OK, "zlib has memory for one stream")
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// A whole text frame, or nil when compression would save nothing.
    public func frame(_ text: [UInt8]) -> [UInt8]? {
        guard !text.isEmpty else { return nil }
        deflateReset(stream)
        let most = Int(deflateBound(stream, UInt(text.count))) + 16
        if out.count < most { out = [UInt8](repeating: 0, count: most) }
        let size = text.withUnsafeBufferPointer { input in
            out.withUnsafeMutableBufferPointer { output in
                stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(output.count)
                guard deflate(stream, Z_SYNC_FLUSH) == Z_OK, stream.pointee.avail_in == 0 else {
                    return 0
                }
                return output.count - Int(stream.pointee.avail_out)
            }
        }
        // What a flush ends with is left out on the wire.
        guard size > 4, size - 4 < text.count else { return nil }
        var frame: [UInt8] = []
        frame.reserveCapacity(size + 6)
        WebSocketEncoder.appendHeader(.text, length: size - 4, isCompressed: true, to: &frame)
        frame += out[..<(size - 4)]
        return frame
    }
}

@available(*, unavailable)
extension MessageDeflater: Sendable {}

/// Takes messages out of their compression (RFC 7692, 7.2.2), each without memory of the ones before. One for
/// a loop.
final class MessageInflater {
    private let stream: UnsafeMutablePointer<z_stream>
    private var out: [UInt8]
    private let most: Int

    /// `most`: bytes of a message once it is taken out; no bomb grows beyond it.
    init(most: Int) {
        self.most = most
        out = [UInt8](repeating: 0, count: most + 1)
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result = inflateInit2_(
            stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(result == Z_OK, "zlib has memory for one stream")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// - Throws: 1007 for what is not compressed as agreed, 1009 for what grows beyond the bound.
    func message(_ payload: Span<UInt8>) throws(WebSocketError) -> [UInt8] {
        inflateReset(stream)
        var input = [UInt8]()
        input.reserveCapacity(payload.count + 4)
        payload.withUnsafeBufferPointer { input.append(contentsOf: $0) }
        input += [0x00, 0x00, 0xff, 0xff]
        let (result, size, left) = input.withUnsafeMutableBufferPointer { input in
            out.withUnsafeMutableBufferPointer { output in
                stream.pointee.next_in = input.baseAddress
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(output.count)
                let result = inflate(stream, Z_SYNC_FLUSH)
                return (
                    result, output.count - Int(stream.pointee.avail_out),
                    Int(stream.pointee.avail_in)
                )
            }
        }
        guard size <= most else { throw WebSocketError(.messageTooBig) }
        // A stream may end by itself before the four bytes that we added.
        guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR, left <= 4 else {
            throw WebSocketError(.invalidPayload)
        }
        return Array(out[..<size])
    }
}

@available(*, unavailable)
extension MessageInflater: Sendable {}
