import CLibuv
import COpenSSL
import CSystem
import Glibc
import Synchronization

/// Why certificates cannot be used, in a sentence.
public struct TLSProblem: Error, Sendable, CustomStringConvertible {
    public let text: String
    public var description: String { text }

    init(_ text: String) {
        self.text = text + Self.reason
    }

    /// The first thing that OpenSSL has to say, which is forgotten with it.
    private static var reason: String {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0, let reason = ERR_reason_error_string(code) else { return "." }
        return ": \(String(cString: reason))."
    }
}

/// What a server shows to who connects: certificates by name, and keys for resuming that change by themselves.
///
/// Shared by all loops. Certificates are read anew without a restart; connections that stand keep theirs.
public final class TLSCredentials: Sendable {
    private let files: [String]
    private let loaded: Mutex<Loaded>
    private let tickets = TLSTicketKeys()

    private struct Loaded: Sendable {
        var contexts: TLSContexts
        var stamps: [FileStamp]
    }

    /// When and how large a file was, so that a change shows.
    /// Each file holds a chain, the server's own certificate first, and its private key, in PEM. The first is shown
    /// to whoever names no host that another one is for.
    public init(files: [String]) throws(TLSProblem) {
        self.files = files
        let stamps = files.map { FileStamp($0) }
        loaded = Mutex(Loaded(contexts: try TLSContexts(files, tickets), stamps: stamps))
    }

    /// Reads the files when one of them has changed; whether it did.
    ///
    /// - Throws: `TLSProblem` when what is there now is of no use; what was read before stays.
    public func reload() throws(TLSProblem) -> Bool {
        let stamps = files.map { FileStamp($0) }
        guard loaded.withLock({ $0.stamps != stamps }) else { return false }
        do throws(TLSProblem) {
            let contexts = try TLSContexts(files, tickets)
            loaded.withLock { $0 = Loaded(contexts: contexts, stamps: stamps) }
        } catch {
            // It is said once for each change, not at every look.
            loaded.withLock { $0.stamps = stamps }
            throw error
        }
        return true
    }

    /// Seconds since 1970 when the first of the certificates ends.
    public var expiry: Int64 { loaded.withLock { $0.contexts.expiry } }

    func session(on loop: Loop) -> TLSSession? {
        TLSSession(loaded.withLock { $0.contexts }, loop)
    }
}

/// One context for each certificate. Freed with the last connection that was begun on it.
final class TLSContexts: @unchecked Sendable {
    // Written here only; OpenSSL counts its own references from any thread.
    private let all: [OpaquePointer]
    fileprivate let tickets: TLSTicketKeys
    let expiry: Int64

    var first: OpaquePointer { all[0] }

    init(_ files: [String], _ tickets: TLSTicketKeys) throws(TLSProblem) {
        self.tickets = tickets
        var all: [OpaquePointer] = []
        var expiry = Int64.max
        do throws(TLSProblem) {
            for file in files {
                let context = try Self.load(file)
                all.append(context)
                expiry = min(expiry, try Self.expiry(of: context, file))
            }
        } catch {
            for context in all { SSL_CTX_free(context) }
            throw error
        }
        self.all = all
        self.expiry = expiry
        let me = Unmanaged.passUnretained(self).toOpaque()
        for context in all {
            SSL_CTX_set_ex_data(context, 0, me)
            gs_tls_on_name(context, { session, _, me in TLSContexts.choose(session, me) }, me)
            SSL_CTX_set_tlsext_ticket_key_evp_cb(context) { session, name, iv, cipher, mac, isNew in
                guard let session, let name, let iv, let cipher, let mac,
                    let me = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(session), 0)
                else { return -1 }
                let contexts = Unmanaged<TLSContexts>.fromOpaque(me).takeUnretainedValue()
                return contexts.tickets.apply(name, iv, cipher, mac, isNew: isNew == 1)
            }
            SSL_CTX_set_alpn_select_cb(
                context,
                { _, chosen, length, offered, count, _ in
                    TLSContexts.chooseProtocol(chosen, length, offered, count)
                }, nil)
        }
    }

    deinit { for context in all { SSL_CTX_free(context) } }

    private static func load(_ file: String) throws(TLSProblem) -> OpaquePointer {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_server_method()) else {
            throw TLSProblem("OpenSSL makes no context")
        }
        // A key behind a passphrase is refused; nobody sits at a server's terminal to type it.
        SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in -1 }
        do throws(TLSProblem) {
            guard SSL_CTX_use_certificate_chain_file(context, file) == 1 else {
                throw TLSProblem("\(file) holds no certificate that can be read")
            }
            guard SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM) == 1 else {
                throw TLSProblem(
                    "\(file) holds no private key for its certificate (without a passphrase)")
            }
            // Of TLS 1.2 only what keeps yesterday's traffic secret and authenticates what it encrypts.
            guard gs_tls_prepare(context) == 1,
                SSL_CTX_set_cipher_list(
                    context, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL:!SHA1") == 1,
                // A session is kept by the client in its ticket, never here.
                SSL_CTX_set_num_tickets(context, 1) == 1
            else { throw TLSProblem("OpenSSL does not take our settings") }
            let name = Array("grandstand".utf8)
            SSL_CTX_set_session_id_context(context, name, UInt32(name.count))
        } catch {
            SSL_CTX_free(context)
            throw error
        }
        return context
    }

    private static func expiry(of context: OpaquePointer, _ file: String) throws(TLSProblem)
        -> Int64
    {
        var end = tm()
        guard let certificate = SSL_CTX_get0_certificate(context),
            ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1
        else { throw TLSProblem("\(file) has a certificate without an end") }
        return Int64(timegm(&end))
    }

    /// The certificate for the host that the client names (SNI).
    private static func choose(_ session: OpaquePointer?, _ me: UnsafeMutableRawPointer?) -> Int32 {
        guard let session, let me,
            let name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name)
        else { return SSL_TLSEXT_ERR_NOACK }
        let contexts = Unmanaged<TLSContexts>.fromOpaque(me).takeUnretainedValue()
        for context in contexts.all {
            guard let certificate = SSL_CTX_get0_certificate(context),
                X509_check_host(certificate, name, 0, 0, nil) == 1
            else { continue }
            SSL_set_SSL_CTX(session, context)
            return SSL_TLSEXT_ERR_OK
        }
        return SSL_TLSEXT_ERR_NOACK
    }

    /// Ours first: HTTP/2, then HTTP/1.1. Whoever offers neither is refused rather than misunderstood (RFC 7301).
    private static func chooseProtocol(
        _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
        _ length: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?, _ count: UInt32
    ) -> Int32 {
        var place: UnsafeMutablePointer<UInt8>?
        let result = SSL_select_next_proto(
            &place, length, protocols.baseAddress, UInt32(protocols.count), offered, count)
        guard result == OPENSSL_NPN_NEGOTIATED else { return SSL_TLSEXT_ERR_ALERT_FATAL }
        chosen?.pointee = UnsafePointer(place)
        return SSL_TLSEXT_ERR_OK
    }

    // It lives as long as the program: OpenSSL keeps a place in it.
    nonisolated(unsafe) private static let protocols: UnsafeBufferPointer<UInt8> = {
        let bytes = [2] + Array("h2".utf8) + [8] + Array("http/1.1".utf8)
        let kept = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        _ = kept.initialize(from: bytes)
        return UnsafeBufferPointer(kept)
    }()
}

/// Keys that seal what a client needs to resume. In memory only: with the process goes what could open them.
final class TLSTicketKeys: Sendable {
    private struct Key: Sendable {
        var name = [UInt8](repeating: 0, count: 16)
        var cipher = [UInt8](repeating: 0, count: 32)
        var mac = [UInt8](repeating: 0, count: 32)
        let madeAt: Int64

        init(madeAt: Int64) {
            self.madeAt = madeAt
            gs_random(&name, name.count)
            gs_random(&cipher, cipher.count)
            gs_random(&mac, mac.count)
        }
    }

    /// Nanoseconds for which a key seals; after that it still opens for as long again, twice.
    static let lifetime: Int64 = 3_600_000_000_000
    static let kept = 3

    private let keys = Mutex<[Key]>([])
    private let now: @Sendable () -> Int64

    init(now: @escaping @Sendable () -> Int64 = { gs_boot_nanoseconds() }) { self.now = now }

    /// The newest first; those that are too old are forgotten.
    private func current() -> [Key] {
        let now = now()
        return keys.withLock { keys in
            if keys.first.map({ now - $0.madeAt >= Self.lifetime }) ?? true {
                keys.insert(Key(madeAt: now), at: 0)
            }
            keys.removeAll { now - $0.madeAt >= Self.lifetime * Int64(Self.kept) }
            return keys
        }
    }

    /// OpenSSL's: 1 to go on, 2 to go on and give a fresh ticket, 0 when the key is not known, below 0 for failure.
    func apply(
        _ name: UnsafeMutablePointer<UInt8>, _ iv: UnsafeMutablePointer<UInt8>,
        _ cipher: OpaquePointer, _ mac: OpaquePointer, isNew: Bool
    ) -> Int32 {
        let keys = current()
        if isNew {
            let key = keys[0]
            for index in key.name.indices { name[index] = key.name[index] }
            gs_random(iv, 16)
            guard
                EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nil, key.cipher, iv) == 1,
                gs_tls_ticket_mac(mac, key.mac, key.mac.count) == 1
            else { return -1 }
            return 1
        }
        guard
            let place = keys.firstIndex(where: { key in
                key.name.indices.allSatisfy { key.name[$0] == name[$0] }
            })
        else { return 0 }
        let key = keys[place]
        guard EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nil, key.cipher, iv) == 1,
            gs_tls_ticket_mac(mac, key.mac, key.mac.count) == 1
        else { return -1 }
        return place == 0 ? 1 : 2
    }
}

/// One connection's encryption, sans I/O: ciphertext in and out of memory, on its loop.
final class TLSSession {
    enum Handshake {
        case goesOn
        case done
        case failed
    }

    private let session: OpaquePointer
    private let loop: Loop
    // Its callbacks look into them.
    private let contexts: TLSContexts
    private(set) var isEstablished = false
    /// Ciphertext that came and OpenSSL has not read; only while `take` runs.
    private var incoming = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Ciphertext that waits to be sent.
    private var outgoing: OutputBuffer?

    init?(_ contexts: TLSContexts, _ loop: Loop) {
        guard let session = SSL_new(contexts.first) else { return nil }
        guard let memory = BIO_new(Self.memory) else {
            SSL_free(session)
            return nil
        }
        self.contexts = contexts
        self.loop = loop
        self.session = session
        BIO_set_init(memory, 1)
        BIO_set_data(memory, Unmanaged.passUnretained(self).toOpaque())
        SSL_set_bio(session, memory, memory)
        SSL_set_accept_state(session)
    }

    deinit { SSL_free(session) }

    // MARK: Memory instead of a socket

    private static func of(_ memory: OpaquePointer?) -> TLSSession {
        Unmanaged<TLSSession>.fromOpaque(BIO_get_data(memory)).takeUnretainedValue()
    }

    /// OpenSSL's own memory BIOs keep what they once held, each; this hands bytes straight to and from ours.
    nonisolated(unsafe) private static let memory: OpaquePointer = {
        let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "grandstand")!
        BIO_meth_set_read(method) { memory, bytes, most in
            TLSSession.of(memory).give(memory, bytes, Int(most))
        }
        BIO_meth_set_write(method) { memory, bytes, count in
            let start = UnsafeRawPointer(bytes)
            TLSSession.of(memory).keep(UnsafeRawBufferPointer(start: start, count: Int(count)))
            return count
        }
        BIO_meth_set_ctrl(method) { _, command, _, _ in
            command == BIO_CTRL_FLUSH ? 1 : 0
        }
        return method
    }()

    private func give(_ memory: OpaquePointer?, _ bytes: UnsafeMutablePointer<CChar>?, _ most: Int)
        -> Int32
    {
        gs_bio_clear_retry(memory)
        let count = min(most, incoming.count)
        guard count > 0, let bytes else {
            gs_bio_nothing_yet(memory)
            return -1
        }
        UnsafeMutableRawPointer(bytes).copyMemory(from: incoming.baseAddress!, byteCount: count)
        incoming = UnsafeRawBufferPointer(rebasing: incoming[count...])
        return Int32(count)
    }

    private func keep(_ bytes: UnsafeRawBufferPointer) {
        if outgoing == nil { outgoing = loop.takeBuffer() }
        outgoing!.bytes.append(contentsOf: bytes)
    }

    /// What waits to be sent, which is the caller's from now on.
    func takeOutgoing() -> OutputBuffer? {
        defer { outgoing = nil }
        return outgoing
    }

    var hasOutgoing: Bool { outgoing != nil }
    var outgoingBytes: Int { outgoing?.count ?? 0 }

    // MARK: What is done with it

    /// Hands ciphertext over while `body` reads what it says.
    func take(_ bytes: UnsafeRawBufferPointer, _ body: () -> Void) {
        incoming = bytes
        body()
        incoming = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    func shakeHands() -> Handshake {
        ERR_clear_error()
        let result = SSL_do_handshake(session)
        if result == 1 {
            isEstablished = true
            return .done
        }
        return SSL_get_error(session, result) == SSL_ERROR_WANT_READ ? .goesOn : .failed
    }

    /// What the client and we agreed to speak; nil when it did not ask.
    var speaks: String? {
        var name: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        SSL_get0_alpn_selected(session, &name, &length)
        guard let name, length > 0 else { return nil }
        return String(
            decoding: UnsafeBufferPointer(start: name, count: Int(length)), as: UTF8.self)
    }

    enum Reading {
        case bytes(Int)
        case needsMore
        case ended
        case failed
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Reading {
        ERR_clear_error()
        let count = SSL_read(session, buffer.baseAddress, Int32(buffer.count))
        if count > 0 { return .bytes(Int(count)) }
        switch SSL_get_error(session, count) {
        case SSL_ERROR_WANT_READ: return .needsMore
        case SSL_ERROR_ZERO_RETURN: return .ended
        default: return .failed
        }
    }

    /// Encrypts all of it; false when the session is broken.
    func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 0 else { return true }
        ERR_clear_error()
        return SSL_write(session, bytes.baseAddress, Int32(bytes.count)) == Int32(bytes.count)
    }

    /// Says that nothing more follows.
    func sayEnd() {
        guard isEstablished else { return }
        ERR_clear_error()
        SSL_shutdown(session)
    }
}
