import COpenSSL

/// SHA-256 and its keyed form: the digests that must resist an adversary (tokens, price books, project ids).
package enum SHA256 {
    package static let digestBytes = 32

    package static func hash(_ bytes: [UInt8]) -> [UInt8] { hash(bytes.span) }

    package static func hash(_ bytes: Span<UInt8>) -> [UInt8] {
        // Why this holds: the digest's buffer has 32 bytes, which is what SHA-256 writes, and the library keeps
        // neither pointer. An empty span may have no address; the library does not read it then.
        unsafe [UInt8](unsafeUninitializedCapacity: digestBytes) { digest, count in
            let result = unsafe bytes.withUnsafeBytes { input in
                unsafe EVP_Digest(input.baseAddress, input.count, digest.baseAddress, nil, EVP_sha256(), nil)
            }
            precondition(result == 1, "SHA-256 is missing from this OpenSSL")
            count = digestBytes
        }
    }

    /// HMAC-SHA256 (RFC 2104): the hash under a key.
    package static func keyed(_ bytes: Span<UInt8>, key: [UInt8]) -> [UInt8] {
        let block = 64
        var inner = key.count > block ? hash(key) : key
        inner.append(contentsOf: repeatElement(0, count: block - inner.count))
        var outer = inner.map { $0 ^ 0x5c }
        for index in inner.indices { inner[index] ^= 0x36 }
        inner.reserveCapacity(block + bytes.count)
        for index in bytes.indices { inner.append(bytes[index]) }
        outer.append(contentsOf: hash(inner))
        return hash(outer)
    }

    package static func keyed(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] { keyed(bytes.span, key: key) }
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
