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
        let eight = extracting(start..<start + 8)
        let low =
            UInt64(eight[0]) | UInt64(eight[1]) << 8 | UInt64(eight[2]) << 16 | UInt64(eight[3]) << 24
        let high =
            UInt64(eight[4]) | UInt64(eight[5]) << 8 | UInt64(eight[6]) << 16 | UInt64(eight[7]) << 24
        return (low | high << 32) >> UInt64(truncatingIfNeeded: 8 * (position - start))
    }

    /// The same where there are fewer than eight bytes in all.
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
