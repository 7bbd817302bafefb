import COpenSSL

/// Randomness that an adversary cannot guess, from OpenSSL's generator, which the kernel seeds.
///
/// Only the rim draws it: machines get their random values as arguments.
package enum Random {
    /// Traps when the generator fails: a program that cannot draw keys must not go on with guessable ones.
    package static func bytes(_ count: Int) -> [UInt8] {
        precondition(count >= 0 && count <= 1 << 20, "more random bytes than anything here needs")
        // All empty arrays share one storage, whose count must not even be written again.
        guard count > 0 else { return [] }
        // Why this holds: the buffer has room for `count` bytes, and RAND_bytes writes exactly as many.
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let result = unsafe RAND_bytes(buffer.baseAddress, CInt(count))
            precondition(result == 1, "the random generator failed")
            filled = count
        }
    }

    package static func uint64() -> UInt64 {
        bytes(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
