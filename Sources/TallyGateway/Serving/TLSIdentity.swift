import Foundation
import TallyIO
import TallyModel
import TallyStorage
import TallyTLS

/// The gateway's certificate: the operator's own, or one made from an authority that lives in the data folder.
///
/// The authority is made once and is what workstations trust; the server's certificate is renewed by itself at start and
/// while serving, when less than 30 days are left or the names have changed.
struct TLSIdentity: Sendable {
    static let authorityName = "ca.pem"
    static let authorityKeyName = "ca-key.pem"
    static let certificateName = "server.pem"
    static let keyName = "server-key.pem"
    static let keyNames = [authorityKeyName, keyName]
    private static let fileBytesMax = 1 << 20

    let directory: Directory
    let hosts: Set<CertificateHost>
    let clock: GatewayClock
    let log: LogSink

    init(folder: DataFolder, listen: HostPort, address: HostPort?, clock: GatewayClock, log: LogSink) throws {
        directory = try folder.tlsDirectory()
        var names = [listen.host, "localhost", "127.0.0.1", "::1", ProcessInfo.processInfo.hostName]
        if let address { names.append(address.host) }
        hosts = Set(names.compactMap(CertificateHost.init))
        self.clock = clock
        self.log = log
    }

    /// The context to serve with, renewed first if need be.
    func context() throws -> TLSServerContext {
        try checkKeys()
        let now = clock.wallMs() / 1_000
        let trusted = try read(Self.authorityName)
        if let pair = try kept(), let trusted,
            try CertificateAuthority.hasIssued(pair.certificate, authority: trusted),
            !(try CertificateFacts(pem: pair.certificate)).needsRenewal(nowSeconds: now, hosts: hosts)
        {
            return try TLSServerContext(certificates: pair.certificate, key: pair.key)
        }
        let pair = try authority(nowSeconds: now).serverCertificate(hosts: hosts, nowSeconds: now)
        // The key first: a certificate without its key would be found as a mismatch at the next start.
        try directory.writeDurably(Self.keyName, pair.key.span)
        try directory.writeDurably(Self.certificateName, pair.certificate.span)
        log(.certificateRenewed(daysValid: CertificateAuthority.serverDays))
        return try TLSServerContext(certificates: pair.certificate, key: pair.key)
    }

    /// The certificate on the disk, if it and its key are there, can be read and belong together.
    private func kept() throws -> CertificatePair? {
        guard let certificate = try read(Self.certificateName), let key = try readKey(Self.keyName) else { return nil }
        let pair = CertificatePair(certificate: certificate, key: key)
        do throws(CertificateError) {
            try pair.check(certificateName: Self.certificateName, keyName: Self.keyName)
        } catch {
            switch error {
            case .keyMismatch, .noCertificate, .noKey: return nil
            default: throw error
            }
        }
        return pair
    }

    private func authority(nowSeconds: Int64) throws -> CertificateAuthority {
        if let certificate = try read(Self.authorityName) {
            // Never made anew beside a certificate that workstations trust: they would all be locked out.
            guard let key = try readKey(Self.authorityKeyName) else {
                throw TLSIdentityError.authorityKeyMissing(folder: directory.path)
            }
            return try CertificateAuthority(certificate: certificate, key: key)
        }
        let authority = try CertificateAuthority.make(nowSeconds: nowSeconds)
        try directory.writeDurably(Self.authorityKeyName, authority.pair.key.span)
        try directory.writeDurably(Self.authorityName, authority.pair.certificate.span)
        return authority
    }

    /// Both keys that may lie here are looked at, also the one that is not used now.
    private func checkKeys() throws(SecretFileError) {
        for name in Self.keyNames {
            do throws(SecretFileError) { try directory.checkSecret(name) } catch {
                guard error.isNotFound else { throw error }
            }
        }
    }

    private func readKey(_ name: String) throws(SecretFileError) -> [UInt8]? {
        do throws(SecretFileError) {
            return try directory.readSecret(name, limit: Self.fileBytesMax)
        } catch {
            guard error.isNotFound else { throw error }
            return nil
        }
    }

    private func read(_ name: String) throws(SystemError) -> [UInt8]? {
        do throws(SystemError) {
            return try directory.readWhole(name, limit: Self.fileBytesMax)
        } catch {
            guard error.isNotFound else { throw error }
            return nil
        }
    }
}

/// Why the gateway has no certificate to serve with.
enum TLSIdentityError: Error, CustomStringConvertible {
    case authorityKeyMissing(folder: String)

    var description: String {
        switch self {
        case .authorityKeyMissing(let folder):
            "\(folder) holds ca.pem but not its key ca-key.pem, and the server's certificate needs renewal: put the key "
                + "back, give --certificate and --key, or remove ca.pem and connect every workstation anew"
        }
    }
}
