import COpenSSL

/// A certificate and its private key, both in PEM form. Whoever writes the key to a file makes it 0600.
package struct CertificatePair: Sendable {
    package let certificate: [UInt8]
    package let key: [UInt8]

    package init(certificate: [UInt8], key: [UInt8]) {
        self.certificate = certificate
        self.key = key
    }

    /// Throws unless the private key belongs to the (first) certificate. The names are for the error.
    package func check(
        certificateName: String = "certificate", keyName: String = "key"
    ) throws(CertificateError) {
        let certificate = try PEM.firstCertificate(in: certificate, file: certificateName)
        let key = try PEM.key(in: key, file: keyName)
        guard unsafe X509_check_private_key(certificate.raw, key.raw) == 1 else {
            ERR_clear_error()
            throw .keyMismatch(certificate: certificateName, key: keyName)
        }
    }
}

/// The gateway's own certificate authority: made once, kept in its data folder, trusted by its workstations.
///
/// P-256 throughout, SHA-256 signatures. The authority holds for ten years and may sign servers only (path
/// length 0); a server certificate for 90 days, and is renewed by the gateway itself.
package struct CertificateAuthority: Sendable {
    package static let authorityDays = 3_650
    package static let serverDays = 90
    /// A client's clock may be so much behind ours.
    private static let backdatedSeconds: Int64 = 3_600

    /// The authority's certificate is what workstations are given (`ca.pem`).
    package let pair: CertificatePair

    /// A new authority. `commonName` is shown by tools that print certificates.
    package static func make(
        commonName: String = "Tallygate local authority", nowSeconds: Int64
    ) throws(CertificateError) -> CertificateAuthority {
        let key = try newKey()
        let certificate = try blank(
            commonName: commonName, key: key, days: authorityDays, nowSeconds: nowSeconds)
        try setIssuer(of: certificate, to: certificate)
        try extend(certificate, issuer: certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0")
        try extend(certificate, issuer: certificate, NID_key_usage, "critical,keyCertSign,cRLSign")
        try extend(certificate, issuer: certificate, NID_subject_key_identifier, "hash")
        try sign(certificate, with: key)
        return CertificateAuthority(
            pair: CertificatePair(certificate: try PEM.text(of: certificate), key: try PEM.text(of: key)))
    }

    /// An authority that was kept; throws if the two do not belong together or the certificate is not one of an
    /// authority.
    package init(
        certificate: [UInt8], key: [UInt8], certificateName: String = "ca.pem", keyName: String = "ca-key.pem"
    ) throws(CertificateError) {
        let pair = CertificatePair(certificate: certificate, key: key)
        try pair.check(certificateName: certificateName, keyName: keyName)
        let handle = try PEM.firstCertificate(in: certificate, file: certificateName)
        guard unsafe X509_check_ca(handle.raw) == 1 else { throw .notAuthority(file: certificateName) }
        self.pair = pair
    }

    private init(pair: CertificatePair) { self.pair = pair }

    /// A new certificate and key for a server of these names and addresses. The chain holds the server's
    /// certificate alone: its issuer is what the workstation trusts.
    package func serverCertificate(
        hosts: Set<CertificateHost>, nowSeconds: Int64, days: Int = CertificateAuthority.serverDays
    ) throws(CertificateError) -> CertificatePair {
        let names = hosts.map(\.configuration).sorted()
        guard !names.isEmpty else { throw .noHosts }
        let authority = try PEM.firstCertificate(in: pair.certificate, file: "ca.pem")
        let authorityKey = try PEM.key(in: pair.key, file: "ca-key.pem")
        let key = try CertificateAuthority.newKey()
        let certificate = try CertificateAuthority.blank(
            commonName: "tallygate", key: key, days: days, nowSeconds: nowSeconds)
        try CertificateAuthority.setIssuer(of: certificate, to: authority)
        for (nid, value) in [
            (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
            (NID_ext_key_usage, "serverAuth"), (NID_subject_key_identifier, "hash"),
            (NID_authority_key_identifier, "keyid:always"),
            (NID_subject_alt_name, names.joined(separator: ",")),
        ] {
            try CertificateAuthority.extend(certificate, issuer: authority, nid, value)
        }
        try CertificateAuthority.sign(certificate, with: authorityKey)
        return CertificatePair(certificate: try PEM.text(of: certificate), key: try PEM.text(of: key))
    }

    /// Whether the first certificate of `pem` was signed by this authority: not so once the authority has been
    /// made anew, and then its servers' certificates must be too.
    package func hasIssued(_ pem: [UInt8], name: String = "certificate") throws(CertificateError) -> Bool {
        try CertificateAuthority.hasIssued(pem, name: name, authority: pair.certificate)
    }

    /// The same where the authority's private key is not at hand.
    package static func hasIssued(
        _ pem: [UInt8], name: String = "certificate", authority: [UInt8]
    ) throws(CertificateError) -> Bool {
        let authority = try PEM.firstCertificate(in: authority, file: "ca.pem")
        let certificate = try PEM.firstCertificate(in: pem, file: name)
        defer { ERR_clear_error() }
        // The key that the getter returns belongs to the authority's certificate, which outlives the call.
        return unsafe X509_verify(certificate.raw, X509_get0_pubkey(authority.raw)) == 1
    }

    // MARK: Steps

    private static func newKey() throws(CertificateError) -> KeyHandle {
        ERR_clear_error()
        guard let raw = unsafe tally_make_p256_key() else { throw lastError("make a key") }
        return unsafe KeyHandle(taking: raw)
    }

    /// A version 3 certificate with a random serial number of 127 bits, a subject and a validity.
    private static func blank(
        commonName: String, key: borrowing KeyHandle, days: Int, nowSeconds: Int64
    ) throws(CertificateError) -> CertificateHandle {
        ERR_clear_error()
        guard let raw = unsafe X509_new() else { throw lastError("make a certificate") }
        let certificate = unsafe CertificateHandle(taking: raw)
        guard let serial = unsafe BN_new() else { throw lastError("make a serial number") }
        defer { unsafe BN_free(serial) }
        let name = Array(commonName.utf8)
        let from = Int(nowSeconds - backdatedSeconds)
        let until = Int(nowSeconds) + days * 86_400
        // Every function copies what it is given; the getters point into the certificate, which we own.
        let isFilled =
            unsafe X509_set_version(raw, 2) == 1
            && BN_rand(serial, 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1
            && BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(raw)) != nil
            && X509_NAME_add_entry_by_txt(
                X509_get_subject_name(raw), "CN", MBSTRING_UTF8, name, CInt(name.count), -1, 0) == 1
            && ASN1_TIME_set(X509_getm_notBefore(raw), from) != nil
            && ASN1_TIME_set(X509_getm_notAfter(raw), until) != nil
            && X509_set_pubkey(raw, key.raw) == 1
        guard isFilled else { throw lastError("fill in a certificate") }
        return certificate
    }

    private static func setIssuer(
        of certificate: borrowing CertificateHandle, to authority: borrowing CertificateHandle
    ) throws(CertificateError) {
        guard unsafe X509_set_issuer_name(certificate.raw, X509_get_subject_name(authority.raw)) == 1 else {
            throw lastError("name the issuer")
        }
    }

    private static func extend(
        _ certificate: borrowing CertificateHandle, issuer: borrowing CertificateHandle, _ nid: CInt, _ value: String
    ) throws(CertificateError) {
        guard unsafe tally_add_extension(certificate.raw, issuer.raw, nid, value) == 1 else {
            throw lastError("add an extension")
        }
    }

    private static func sign(
        _ certificate: borrowing CertificateHandle, with key: borrowing KeyHandle
    ) throws(CertificateError) {
        guard unsafe X509_sign(certificate.raw, key.raw, EVP_sha256()) > 0 else { throw lastError("sign") }
    }
}
