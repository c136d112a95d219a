import CBrotli
import CZlib

/// How a body may be coded on its way (RFC 9110, 8.4.1; RFC 7932).
public enum ContentCoding: String, CaseIterable, Sendable {
    // In the order of our liking.
    case brotli = "br"
    case gzip

    /// `bytes` in this coding, for good: as small as a moment's work makes them. Nil when they do not get smaller.
    public func encode(_ bytes: [UInt8]) -> [UInt8]? {
        let coded = self == .brotli ? Self.brotli(bytes) : Self.gzip(bytes)
        guard let coded, coded.count < bytes.count else { return nil }
        return coded
    }

    private static func brotli(_ bytes: [UInt8]) -> [UInt8]? {
        var size = BrotliEncoderMaxCompressedSize(bytes.count)
        var out = [UInt8](repeating: 0, count: size)
        let result = BrotliEncoderCompress(
            9, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, bytes.count, bytes, &size, &out)
        guard result == BROTLI_TRUE else { return nil }
        return Array(out[..<size])
    }

    private static func gzip(_ bytes: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        // 15 bits of window, and 16 for a gzip header.
        guard
            deflateInit2_(
                &stream, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return nil }
        defer { deflateEnd(&stream) }
        var out = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))))
        var input = bytes
        let result = input.withUnsafeMutableBufferPointer { input in
            out.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                return deflate(&stream, Z_FINISH)
            }
        }
        guard result == Z_STREAM_END else { return nil }
        return Array(out[..<Int(stream.total_out)])
    }
}
