import COpenSSL
package import TallyModel

/// A key of HMAC-SHA256 (RFC 2104) that many short texts are hashed under: what depends on the key alone is made once.
package struct HMACKey: Sendable {
    private static let blockBytes = 64

    /// The key as the inner digest begins with it, and as the outer one does.
    private let blocks: [UInt8]

    package init(_ key: [UInt8]) {
        var block = key.count > Self.blockBytes ? SHA256.hash(key) : key
        block.append(contentsOf: repeatElement(0, count: Self.blockBytes - block.count))
        blocks = block.map { $0 ^ 0x36 } + block.map { $0 ^ 0x5c }
    }

    /// The first sixteen bytes of the digest of `first` and, behind it, `bytes`.
    package func half(_ first: UInt8, _ bytes: Span<UInt8>) -> Bytes16 {
        // Why this holds: `blocks` has both blocks, and the library keeps no pointer. An empty span may have no address;
        // the library does not read it then.
        let half = unsafe blocks.withUnsafeBufferPointer { blocks in
            unsafe bytes.withUnsafeBytes { text in
                unsafe tally_hmac_sha256(blocks.baseAddress, first, text.baseAddress, text.count)
            }
        }
        precondition(half.is_made == 1, "SHA-256 is missing from this OpenSSL")
        return Bytes16(high: half.high, low: half.low)
    }
}
