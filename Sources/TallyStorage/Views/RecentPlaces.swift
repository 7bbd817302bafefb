/// A small table of where things were met last, asked before a dictionary: cells follow one another by session and hour,
/// and hashing a key well costs ten times what comparing it does.
///
/// It may forget and it may not know; whoever asks compares the key at the place that it names, so nothing rests on its
/// hash, and whoever can choose keys gains no more than the dictionary's own time.
struct RecentPlaces {
    private static let slotsMax = 1 << 14

    private var places: [Int32]
    private let shift: UInt64

    /// For about `count` things.
    init(for count: Int) {
        let bits = max(
            4, min(RecentPlaces.slotsMax, count).bitWidth - min(RecentPlaces.slotsMax, count).leadingZeroBitCount)
        places = [Int32](repeating: 0, count: 1 << bits)
        shift = UInt64(64 - bits)
    }

    /// A place for what has the word `word`; 0 where none was noted.
    subscript(word: UInt64) -> Int {
        get { Int(places[slot(word)]) }
        set { places[slot(word)] = Int32(truncatingIfNeeded: newValue) }
    }

    /// The upper bits of a product with an odd number: all bits of `word` reach them.
    private func slot(_ word: UInt64) -> Int { Int(truncatingIfNeeded: (word &* 0x9e37_79b9_7f4a_7c15) >> shift) }
}
