import COpenSSL

/// What is spoken inside TLS, agreed by ALPN (RFC 7301).
package enum ApplicationProtocol: String, Sendable, CaseIterable {
    case tallygate1 = "tallygate/1"
    case http11 = "http/1.1"
}

/// An `SSL_CTX` with the settings both sides share: TLS 1.3 alone, named groups and suites, one application protocol, no
/// tickets, no resumption, no early data.
///
/// OpenSSL counts the references to a context atomically, and ours is not changed once its maker has returned:
/// sessions are made from it on every shard at once. Pointers are not Sendable, so it is kept as an address.
@safe final class TLSContext: Sendable {
    private let address: UInt
    private let protocolsAddress: UInt

    init(isServer: Bool, speaks application: ApplicationProtocol) throws(CertificateError) {
        ERR_clear_error()
        guard let context = unsafe SSL_CTX_new(isServer ? TLS_server_method() : TLS_client_method()) else {
            throw lastError("make a TLS context")
        }
        var list = tally_alpn_list()
        let name = Array(application.rawValue.utf8)
        // The room is 256 bytes and a protocol's name at most 255: the precondition of ALPN.
        unsafe withUnsafeMutableBytes(of: &list.bytes) { room in
            unsafe room[0] = UInt8(name.count)
            unsafe UnsafeMutableRawBufferPointer(rebasing: room[1...]).copyBytes(from: name)
        }
        list.count = UInt32(name.count + 1)
        let protocols = UnsafeMutablePointer<tally_alpn_list>.allocate(capacity: 1)
        unsafe protocols.initialize(to: list)
        address = UInt(bitPattern: context)
        protocolsAddress = UInt(bitPattern: protocols)
        guard unsafe tally_ctx_strict(context) == 1 else { throw lastError("set up a TLS context") }
        if isServer {
            // The list is freed in deinit, after the context; sessions hold this object.
            unsafe tally_ctx_require_alpn(context, protocols)
            unsafe tally_ctx_cleanse(context)
        } else {
            let wire = [UInt8(name.count)] + name
            // The list is copied. Unlike its neighbours this function returns 0 for success.
            guard unsafe SSL_CTX_set_alpn_protos(context, wire, UInt32(wire.count)) == 0 else {
                throw lastError("set the application protocol")
            }
        }
    }

    deinit {
        unsafe SSL_CTX_free(raw)
        unsafe UnsafeMutablePointer<tally_alpn_list>(bitPattern: protocolsAddress)?.deallocate()
    }

    var raw: OpaquePointer {
        guard let pointer = unsafe OpaquePointer(bitPattern: address) else { preconditionFailure("made by init") }
        return unsafe pointer
    }
}

/// The gateway's side: a certificate chain and its key. Renewing makes a new context; sessions that were made
/// from the old one keep it.
package struct TLSServerContext: Sendable {
    let context: TLSContext

    /// `certificates` is the chain in PEM form, the server's own first; `key` its private key. The two names
    /// are for errors.
    package init(
        certificates: [UInt8], key: [UInt8], speaks application: ApplicationProtocol = .tallygate1,
        certificateName: String = "certificate", keyName: String = "key"
    ) throws(CertificateError) {
        context = try TLSContext(isServer: true, speaks: application)
        let raw = unsafe context.raw
        let keyHandle = try PEM.key(in: key, file: keyName)
        let leaf = try PEM.firstCertificate(in: certificates, file: certificateName)
        guard unsafe X509_check_private_key(leaf.raw, keyHandle.raw) == 1 else {
            ERR_clear_error()
            throw .keyMismatch(certificate: certificateName, key: keyName)
        }
        try PEM.forEachCertificate(in: certificates, file: certificateName) {
            (certificate, index) throws(CertificateError) in
            let isAdded =
                index == 0
                ? unsafe SSL_CTX_use_certificate(raw, certificate.raw) == 1
                : unsafe tally_ctx_add_chain(raw, certificate.raw) == 1
            guard isAdded else { throw lastError("use the certificate") }
        }
        guard unsafe SSL_CTX_use_PrivateKey(raw, keyHandle.raw) == 1 else { throw lastError("use the private key") }
    }

    /// The same from two files, of which the key's must be its owner's alone.
    package init(
        certificateFile: String, keyFile: String, speaks application: ApplicationProtocol = .tallygate1
    ) throws(CertificateError) {
        try self.init(
            certificates: try PEM.read(path: certificateFile), key: try PEM.readKey(path: keyFile), speaks: application,
            certificateName: certificateFile, keyName: keyFile)
    }

    /// A session for one accepted connection.
    package func session(on descriptor: CInt) throws(TLSFailure) -> TLSSession {
        let session = try TLSSession(context: context, descriptor: descriptor)
        session.becomeServer()
        return session
    }
}

/// The workstation's side: whom it trusts.
package struct TLSClientContext: Sendable {
    package enum Trust: Sendable {
        /// The certificate authorities that the system trusts.
        case system
        /// Certificates in PEM form and nobody else; the name is for errors.
        case authorities([UInt8], name: String = "ca.pem")
    }

    let context: TLSContext

    package init(trust: Trust, speaks application: ApplicationProtocol = .tallygate1) throws(CertificateError) {
        context = try TLSContext(isServer: false, speaks: application)
        let raw = unsafe context.raw
        unsafe SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nil)
        switch trust {
        case .system:
            guard unsafe SSL_CTX_set_default_verify_paths(raw) == 1 else {
                throw lastError("load the system's certificate authorities")
            }
        case .authorities(let pem, let name):
            guard let store = unsafe SSL_CTX_get_cert_store(raw) else { throw lastError("make a trust store") }
            try PEM.forEachCertificate(in: pem, file: name) { (certificate, _) throws(CertificateError) in
                guard unsafe X509_check_ca(certificate.raw) > 0 else { throw .notAuthority(file: name) }
                guard unsafe X509_STORE_add_cert(store, certificate.raw) == 1 else {
                    throw lastError("trust a certificate authority")
                }
            }
        }
    }

    /// The same from a file of authorities.
    package init(
        authoritiesFile: String, speaks application: ApplicationProtocol = .tallygate1
    ) throws(CertificateError) {
        try self.init(
            trust: .authorities(try PEM.read(path: authoritiesFile), name: authoritiesFile), speaks: application)
    }

    /// A session that accepts a certificate for `host` only: a name (sent as SNI) or an address.
    package func session(on descriptor: CInt, host: String) throws(TLSFailure) -> TLSSession {
        let session = try TLSSession(context: context, descriptor: descriptor)
        guard session.becomeClient(host: host) else { throw .noSession }
        return session
    }
}
