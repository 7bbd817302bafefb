extension Span<UInt8> {
    /// The eight bytes from `position` as a little-endian word, with zeros for those behind the end.
    ///
    /// Written so that the compiler makes one load of it. Near the end the word that ends there is shifted, so that
    /// a loop needs no second form for its last rows.
    @inline(__always)
    func word(at position: Int) -> UInt64 {
        let last = count - 8
        guard last >= 0 else { return shortWord(at: position) }
        let start = Swift.min(position, last)
        return whole(at: start) >> UInt64(truncatingIfNeeded: 8 * (position - start))
    }

    /// The eight bytes from `position`, which must be there.
    @inline(__always)
    func whole(at position: Int) -> UInt64 {
        let eight = extracting(position..<position + 8)
        let low =
            UInt64(eight[0]) | UInt64(eight[1]) << 8 | UInt64(eight[2]) << 16 | UInt64(eight[3]) << 24
        let high =
            UInt64(eight[4]) | UInt64(eight[5]) << 8 | UInt64(eight[6]) << 16 | UInt64(eight[7]) << 24
        return low | high << 32
    }

    /// The four bytes from `position`, which must be there.
    @inline(__always)
    func lane(at position: Int) -> UInt32 {
        let four = extracting(position..<position + 4)
        return UInt32(four[0]) | UInt32(four[1]) << 8 | UInt32(four[2]) << 16 | UInt32(four[3]) << 24
    }

    /// The same where there are fewer than eight bytes in all.
    @inline(never)
    private func shortWord(at position: Int) -> UInt64 {
        var word: UInt64 = 0
        var shift: UInt64 = 0
        for index in position..<Swift.max(position, count) {
            word |= UInt64(self[index]) << shift
            shift += 8
        }
        return word
    }
}
