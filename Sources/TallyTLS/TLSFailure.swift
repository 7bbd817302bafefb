/// Why a TLS connection did not come about or broke: closed, so that every case can tell the operator what to
/// do. It never holds bytes of the peer.
package enum TLSFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The peer's certificate was not issued by a certificate authority that we trust.
    case untrusted
    case expired
    case notYetValid
    /// The certificate is for other names than the one we asked for.
    case hostMismatch
    /// The certificate was refused for another reason: OpenSSL's number (X509_V_ERR_…).
    case certificateRefused(Int)
    /// One side does not speak TLS 1.3.
    case protocolVersion
    /// The sides have no application protocol in common.
    case applicationProtocol
    /// What the peer sent is not TLS.
    case notTLS
    /// Its hello is larger than one record; no client's is.
    case helloTooLarge
    /// It has renewed its keys more often than any peer does.
    case tooManyKeyUpdates
    /// The peer refused us: the number of its alert (RFC 8446, section 6).
    case refusedByPeer(Int)
    /// The peer hung up before the handshake was done.
    case hungUp
    /// The connection was reset, or ended without TLS's farewell.
    case reset
    /// A record was damaged or out of order: OpenSSL's reason number.
    case broken(Int)
    /// A system call failed: its errno.
    case system(CInt)
    /// OpenSSL could not make the session, for want of memory.
    case noSession

    package var description: String {
        switch self {
        case .untrusted:
            "its certificate was not issued by a trusted authority: give its ca.pem with --ca"
        case .expired: "its certificate has expired: renew it, and check this machine's clock"
        case .notYetValid: "its certificate is not valid yet: check this machine's clock"
        case .hostMismatch:
            "its certificate is for another host name: use a name of the certificate, or have the name added to it"
        case .certificateRefused(let number): "its certificate was refused (OpenSSL verify error \(number))"
        case .protocolVersion: "TLS 1.3 is required, and one side does not speak it"
        case .applicationProtocol: "the other side does not speak tallygate/1: check host and port"
        case .notTLS: "the other side does not speak TLS: check host and port"
        case .helloTooLarge: "the other side's TLS hello does not fit one record"
        case .tooManyKeyUpdates: "the other side asked for new TLS keys too often"
        case .refusedByPeer(48): "the other side does not trust our certificate's authority"
        case .refusedByPeer(let alert): "the other side refused the connection (TLS alert \(alert))"
        case .hungUp: "the other side hung up during the TLS handshake"
        case .reset: "the connection was cut off"
        case .broken(let number): "a TLS record was damaged (OpenSSL reason \(number))"
        case .system(let number): "a system call failed (errno \(number))"
        case .noSession: "there was no memory for a TLS session"
        }
    }
}

/// A certificate, key or authority that cannot be used: what is wrong with which of them. `file` is the path
/// or the role ("certificate", "ca.pem") that the caller gave.
package enum CertificateError: Error, Hashable, Sendable, CustomStringConvertible {
    case unreadable(file: String, errno: CInt)
    /// Others than its owner may read or change the private key: its permission bits.
    case exposedKey(file: String, mode: UInt32)
    case tooLarge(file: String, bytesMax: Int)
    case noCertificate(file: String)
    case noKey(file: String)
    case keyMismatch(certificate: String, key: String)
    case noHosts
    case hostRefused(String)
    case notAuthority(file: String)
    /// OpenSSL refused a step that cannot fail but for want of memory or randomness.
    case openSSL(step: String, reason: Int)

    package var description: String {
        switch self {
        case .unreadable(let file, let errno): "cannot read \(file) (errno \(errno))"
        case .exposedKey(let file, let mode):
            "the private key \(file) may be read or changed by others than its owner (mode \(String(mode, radix: 8))): "
                + "chmod 600 \(file), and replace the key if anybody else may have read it"
        case .tooLarge(let file, let bytesMax): "\(file) is larger than \(bytesMax) bytes: not a certificate or key"
        case .noCertificate(let file): "\(file) holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"
        case .noKey(let file): "\(file) holds no unencrypted private key in PEM form (-----BEGIN PRIVATE KEY-----)"
        case .keyMismatch(let certificate, let key):
            "the private key in \(key) does not belong to the certificate in \(certificate): give the pair"
        case .noHosts: "a server certificate needs at least one host name or address"
        case .hostRefused(let host): "\(host) is neither a host name nor an address, so no certificate can name it"
        case .notAuthority(let file): "the certificate in \(file) is not a certificate authority's"
        case .openSSL(let step, let reason): "OpenSSL failed to \(step) (reason \(reason))"
        }
    }
}
