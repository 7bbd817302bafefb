import TallyHash
import TallyModel
import Testing

/// Published values: RFC 4231 (HMAC), FIPS 180-4 (SHA-256) and the reference program of xxHash.
@Suite struct HashTests {
    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test("XXH3 of nothing is the published value, whichever form is called")
    func emptyInput() {
        #expect(XXH3.hash64([]) == 0x2d06_8005_38d3_94c2)
        #expect(XXH3.hash64([UInt8]().span) == 0x2d06_8005_38d3_94c2)
    }

    @Test("XXH3 depends on every byte and on the seed, at every length class of the algorithm")
    func everyByteCounts() {
        for count in [1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 1_024, 5_000] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
            let plain = XXH3.hash64(bytes)
            #expect(XXH3.hash64(bytes.span) == plain)
            #expect(XXH3.hash64(bytes, seed: 1) != plain)
            for index in stride(from: 0, to: count, by: max(1, count / 40)) {
                var changed = bytes
                changed[index] ^= 0x10
                #expect(XXH3.hash64(changed) != plain, "byte \(index) of \(count)")
            }
        }
    }

    @Test("SHA-256 and HMAC-SHA256 give the published digests")
    func digests() {
        #expect(
            hex(SHA256.hash(Array("abc".utf8)))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(hex(SHA256.hash([])) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        let short = HMACKey(Array("Jefe".utf8)).half(UInt8(ascii: "w"), Array("hat do ya want for nothing?".utf8).span)
        #expect(hex(short.bytes) == "5bdcc146bf60754e6a042426089575c7")
        let long = HMACKey([UInt8](repeating: 0xaa, count: 131))
            .half(UInt8(ascii: "T"), Array("est Using Larger Than Block-Size Key - Hash Key First".utf8).span)
        #expect(hex(long.bytes) == "60e431591ee0b67f0d8a26aacbf5b77f")
    }

    /// RFC 2104 as it is written.
    private func plainHMAC(_ text: [UInt8], key: [UInt8]) -> [UInt8] {
        let short = key.count > 64 ? SHA256.hash(key) : key
        let block = short + [UInt8](repeating: 0, count: 64 - short.count)
        return SHA256.hash(block.map { $0 ^ 0x5c } + SHA256.hash(block.map { $0 ^ 0x36 } + text))
    }

    @Test("A key that is kept gives what the definition gives, whatever the lengths")
    func keptKey() {
        for keyBytes in [0, 1, 32, 63, 64, 65, 200] {
            let key = (0..<keyBytes).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
            let kept = HMACKey(key)
            for count in [0, 1, 27, 54, 55, 63, 64, 65, 500] {
                let text = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 13) }
                let whole = plainHMAC([9] + text, key: key)
                #expect(kept.half(9, text.span) == Bytes16(whole), "\(keyBytes), \(count)")
            }
        }
    }

    @Test("Two draws of randomness differ and have the length asked for")
    func randomness() {
        #expect(Random.bytes(0).isEmpty)
        #expect(Random.bytes(32).count == 32)
        #expect(Random.bytes(32) != Random.bytes(32))
        #expect(Random.uint64() != Random.uint64())
    }

    @Test("The constant-time comparison is a comparison")
    func comparison() {
        #expect(ConstantTime.areEqual([1, 2, 3], [1, 2, 3]))
        #expect(!ConstantTime.areEqual([1, 2, 3], [1, 2, 4]))
        #expect(!ConstantTime.areEqual([1, 2, 3], [1, 2]))
        #expect(ConstantTime.areEqual([], []))
    }
}
