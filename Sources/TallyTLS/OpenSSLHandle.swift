import COpenSSL

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The owners of OpenSSL's objects: each frees its own when it goes. An `X509` and an `EVP_PKEY` are counted by
/// OpenSSL with atomic operations and never changed once made here, so they may be read from any thread.
@safe struct CertificateHandle: ~Copyable {
    let raw: OpaquePointer
    init(taking raw: OpaquePointer) { unsafe self.raw = raw }
    deinit { unsafe X509_free(raw) }
}

@safe struct KeyHandle: ~Copyable {
    let raw: OpaquePointer
    init(taking raw: OpaquePointer) { unsafe self.raw = raw }
    deinit { unsafe EVP_PKEY_free(raw) }
}

/// A memory BIO.
@safe struct BytesHandle: ~Copyable {
    let raw: OpaquePointer

    /// Empty, to be written to.
    init() throws(CertificateError) {
        guard let raw = unsafe BIO_new(BIO_s_mem()) else { throw lastError("make a buffer") }
        unsafe self.raw = raw
    }

    /// Adds a copy of `bytes`, to be read.
    func fill(_ bytes: [UInt8], file: String) throws(CertificateError) {
        guard bytes.count <= PEM.bytesMax else { throw .tooLarge(file: file, bytesMax: PEM.bytesMax) }
        // BIO_write copies `count` bytes of the array.
        let written = unsafe bytes.isEmpty ? 0 : BIO_write(raw, bytes, CInt(bytes.count))
        guard written == CInt(bytes.count) else { throw lastError("fill a buffer") }
    }

    deinit { _ = unsafe BIO_free(raw) }

    /// What was written so far.
    var bytes: [UInt8] {
        var start: UnsafeMutablePointer<CChar>?
        let count = unsafe tally_bio_bytes(raw, &start)
        guard let start = unsafe start, count > 0 else { return [] }
        // The BIO owns `count` bytes at `start` until it changes, and they are copied here.
        return unsafe UnsafeBufferPointer(start: start, count: count).map { UInt8(bitPattern: $0) }
    }
}

/// The newest entry of this thread's error queue, as an error that names the step.
func lastError(_ step: String) -> CertificateError {
    .openSSL(step: step, reason: Int(tally_error_reason(ERR_peek_last_error())))
}

/// PEM text, in and out.
package enum PEM {
    /// A chain of a dozen certificates; anything larger is another file.
    package static let bytesMax = 1 << 20
    static let certificatesMax = 512

    /// Reads a file of at most `bytesMax` bytes.
    package static func read(path: String) throws(CertificateError) -> [UInt8] {
        try read(path: path, isSecret: false)
    }

    /// The same for a private key: refused if group or others have any right to the file. Links are followed, because
    /// those who renew certificates hand keys over by link.
    package static func readKey(path: String) throws(CertificateError) -> [UInt8] {
        try read(path: path, isSecret: true)
    }

    private static func read(path: String, isSecret: Bool) throws(CertificateError) -> [UInt8] {
        let raw = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard raw >= 0 else { throw .unreadable(file: path, errno: errno) }
        defer { _ = close(raw) }
        if isSecret {
            var status = stat()
            // The kernel fills the structure that is passed and keeps no pointer.
            guard unsafe fstat(raw, &status) == 0 else { throw .unreadable(file: path, errno: errno) }
            let mode = UInt32(status.st_mode) & 0o777
            guard mode & 0o077 == 0 else { throw .exposedKey(file: path, mode: mode) }
        }
        var bytes = [UInt8](repeating: 0, count: bytesMax + 1)
        var count = 0
        while count < bytes.count {
            // The kernel writes at most as many bytes as there is room for.
            let got = unsafe bytes.withUnsafeMutableBytes { room in
                unsafe systemRead(raw, UnsafeMutableRawBufferPointer(rebasing: room[count...]))
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw .unreadable(file: path, errno: errno) }
            if got == 0 { break }
            count += got
        }
        guard count <= bytesMax else { throw .tooLarge(file: path, bytesMax: bytesMax) }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    private static func systemRead(_ raw: CInt, _ room: UnsafeMutableRawBufferPointer) -> Int {
        #if canImport(Glibc)
        unsafe Glibc.read(raw, room.baseAddress, room.count)
        #else
        unsafe Darwin.read(raw, room.baseAddress, room.count)
        #endif
    }

    /// Calls `body` with every certificate of `pem`, in order; at least one.
    static func forEachCertificate(
        in pem: [UInt8], file: String, _ body: (borrowing CertificateHandle, Int) throws(CertificateError) -> Void
    ) throws(CertificateError) {
        ERR_clear_error()
        let source = try BytesHandle()
        try source.fill(pem, file: file)
        for index in 0..<certificatesMax {
            guard let raw = unsafe PEM_read_bio_X509(source.raw, nil, nil, nil) else {
                let isEnd = tally_last_pem_error_is_end() == 1
                ERR_clear_error()
                guard isEnd, index > 0 else { throw .noCertificate(file: file) }
                return
            }
            try body(unsafe CertificateHandle(taking: raw), index)
        }
        throw .tooLarge(file: file, bytesMax: bytesMax)
    }

    /// The private key of `pem`. A key under a password is refused: nobody is there to type it.
    static func key(in pem: [UInt8], file: String) throws(CertificateError) -> KeyHandle {
        ERR_clear_error()
        let source = try BytesHandle()
        try source.fill(pem, file: file)
        let noPassword: @convention(c) (UnsafeMutablePointer<CChar>?, CInt, CInt, UnsafeMutableRawPointer?) -> CInt = {
            _, _, _, _ in -1
        }
        guard let raw = unsafe PEM_read_bio_PrivateKey(source.raw, nil, noPassword, nil) else {
            ERR_clear_error()
            throw .noKey(file: file)
        }
        return unsafe KeyHandle(taking: raw)
    }

    /// The first certificate of `pem`.
    static func firstCertificate(in pem: [UInt8], file: String) throws(CertificateError) -> CertificateHandle {
        ERR_clear_error()
        let source = try BytesHandle()
        try source.fill(pem, file: file)
        guard let raw = unsafe PEM_read_bio_X509(source.raw, nil, nil, nil) else {
            ERR_clear_error()
            throw .noCertificate(file: file)
        }
        return unsafe CertificateHandle(taking: raw)
    }

    static func text(of certificate: borrowing CertificateHandle) throws(CertificateError) -> [UInt8] {
        let out = try BytesHandle()
        guard unsafe PEM_write_bio_X509(out.raw, certificate.raw) == 1 else { throw lastError("write a certificate") }
        return out.bytes
    }

    static func text(of key: borrowing KeyHandle) throws(CertificateError) -> [UInt8] {
        let out = try BytesHandle()
        guard unsafe PEM_write_bio_PKCS8PrivateKey(out.raw, key.raw, nil, nil, 0, nil, nil) == 1 else {
            throw lastError("write a key")
        }
        return out.bytes
    }
}
