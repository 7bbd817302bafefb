import CXXHash

/// XXH3-64: the checksum of log records and the hash of chain values. Fast, not secret, never used where an
/// adversary gains by a collision alone.
///
/// Every form reads the bytes in place; none allocates. The seedless hash equals seed 0.
package enum XXH3 {
    package static func hash64(_ bytes: Span<UInt8>, seed: UInt64 = 0) -> UInt64 {
        // Why this holds: the library reads exactly `count` bytes and keeps no pointer.
        unsafe bytes.withUnsafeBytes { unsafe tally_xxh3_64_seeded($0.baseAddress, $0.count, seed) }
    }

    package static func hash64(_ bytes: RawSpan, seed: UInt64 = 0) -> UInt64 {
        // Why this holds: as above.
        unsafe bytes.withUnsafeBytes { unsafe tally_xxh3_64_seeded($0.baseAddress, $0.count, seed) }
    }

    package static func hash64(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 {
        hash64(bytes.span, seed: seed)
    }
}
