import COpenSSL

/// SHA-256: the digest that must resist an adversary (tokens, price books; keyed, project ids: `HMACKey`).
package enum SHA256 {
    package static let digestBytes = 32

    package static func hash(_ bytes: [UInt8]) -> [UInt8] { hash(bytes.span) }

    package static func hash(_ bytes: Span<UInt8>) -> [UInt8] {
        // Why this holds: the digest's buffer has 32 bytes, which is what SHA-256 writes, and the library keeps
        // neither pointer. An empty span may have no address; the library does not read it then.
        unsafe [UInt8](unsafeUninitializedCapacity: digestBytes) { digest, count in
            let result = unsafe bytes.withUnsafeBytes { input in
                unsafe EVP_Digest(input.baseAddress, input.count, digest.baseAddress, nil, tally_sha256(), nil)
            }
            precondition(result == 1, "SHA-256 is missing from this OpenSSL")
            count = digestBytes
        }
    }
}

/// Compares two secrets in a time that depends on their lengths alone.
package enum ConstantTime {
    package static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for index in left.indices { difference |= left[index] ^ right[index] }
        return difference == 0
    }
}
