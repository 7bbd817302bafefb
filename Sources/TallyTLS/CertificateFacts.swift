import COpenSSL

/// What a certificate says of itself: how long it holds and for whom.
package struct CertificateFacts: Hashable, Sendable {
    /// Seconds since 1970, UTC.
    package let notBeforeSeconds: Int64
    package let notAfterSeconds: Int64
    /// The DNS names of its subject alternative names, in lower case, and its addresses, in numeric form.
    package let hosts: Set<CertificateHost>

    /// The first certificate of `pem`; `name` is for errors.
    package init(pem: [UInt8], name: String = "certificate") throws(CertificateError) {
        let certificate = try PEM.firstCertificate(in: pem, file: name)
        guard let notBefore = unsafe X509_get0_notBefore(certificate.raw),
            let notAfter = unsafe X509_get0_notAfter(certificate.raw),
            let from = unsafe CertificateFacts.seconds(notBefore), let until = unsafe CertificateFacts.seconds(notAfter)
        else { throw .noCertificate(file: name) }
        notBeforeSeconds = from
        notAfterSeconds = until
        hosts = CertificateFacts.alternativeNames(of: certificate)
    }

    /// Less than this before its end a certificate is renewed.
    package static let renewalSeconds: Int64 = 30 * 86_400

    /// Whether it is time for a new one: the end is near, it is not valid yet (our clock was wrong when it was
    /// made), or it is for other hosts than wanted.
    package func needsRenewal(nowSeconds: Int64, hosts wanted: Set<CertificateHost>) -> Bool {
        notAfterSeconds < nowSeconds.addingReportingOverflow(CertificateFacts.renewalSeconds).partialValue
            || nowSeconds < notBeforeSeconds || hosts != wanted
    }

    /// Days are counted from the epoch by OpenSSL itself: no time zone takes part.
    private static func seconds(_ time: UnsafePointer<ASN1_TIME>) -> Int64? {
        guard let epoch = unsafe ASN1_TIME_set(nil, 0) else { return nil }
        defer { unsafe ASN1_STRING_free(epoch) }
        var days: CInt = 0
        var seconds: CInt = 0
        guard unsafe ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 else { return nil }
        return Int64(days) * 86_400 + Int64(seconds)
    }

    private static func alternativeNames(of certificate: borrowing CertificateHandle) -> Set<CertificateHost> {
        guard let names = unsafe tally_alternative_names(certificate.raw) else { return [] }
        defer { unsafe tally_names_free(names) }
        var hosts: Set<CertificateHost> = []
        for index in 0..<(unsafe tally_name_count(names)) {
            var start: UnsafePointer<UInt8>?
            var count: CInt = 0
            let kind = unsafe tally_name_at(names, index, &start, &count)
            guard kind != 0, let start = unsafe start, count > 0 else { continue }
            // `names` owns `count` bytes at `start` until it is freed, and they are copied here.
            let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: Int(count)))
            if kind == 1 {
                hosts.insert(.name(String(decoding: bytes, as: UTF8.self).lowercased()))
            } else {
                hosts.insert(.address(bytes))
            }
        }
        return hosts
    }
}

/// A name or an address that a certificate is for.
package enum CertificateHost: Hashable, Sendable, CustomStringConvertible {
    case name(String)
    /// Four bytes or sixteen, in network order.
    case address([UInt8])

    /// Nil for what is neither an address nor a name of letters, digits, dots, hyphens and underscores.
    package init?(_ text: String) {
        ERR_clear_error()
        if let octets = unsafe a2i_IPADDRESS(text) {
            defer { unsafe ASN1_OCTET_STRING_free(octets) }
            let count = Int(unsafe ASN1_STRING_length(octets))
            guard let start = unsafe ASN1_STRING_get0_data(octets) else { return nil }
            // The octet string owns `count` bytes, copied here.
            self = .address(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
            return
        }
        ERR_clear_error()
        let isName = text.utf8.allSatisfy { byte in
            (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
                || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        }
        guard isName, !text.isEmpty, text.utf8.count <= 253 else { return nil }
        self = .name(text.lowercased())
    }

    package var description: String {
        switch self {
        case .name(let name): name
        case .address(let bytes) where bytes.count == 4:
            bytes.map { String($0) }.joined(separator: ".")
        case .address(let bytes):
            stride(from: 0, to: bytes.count - 1, by: 2)
                .map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }.joined(separator: ":")
        }
    }

    /// One entry in OpenSSL's configuration syntax; the letters allowed hold nothing that it would interpret.
    var configuration: String {
        switch self {
        case .name: "DNS:\(description)"
        case .address: "IP:\(description)"
        }
    }
}
