import TallyHash
import TallyModel

/// Labels that were seen before, by their bytes: a known label costs a hash and a comparison, no text.
///
/// Direct-mapped and bounded: a label that falls on another's place takes it. Whoever sends colliding labels
/// slows only the reading of labels down, to the cost of making each anew.
struct LabelCache: Sendable {
    private static let places = 512

    /// Of the texts: a multiple of eight.
    private let stride = Limits.labelBytesMax
    private var labels = [Label?](repeating: nil, count: places)
    private var hashes = [UInt64](repeating: 0, count: places)
    private var lengths = [UInt8](repeating: 0, count: places)
    private var texts = [UInt8](repeating: 0, count: places * Limits.labelBytesMax)

    /// The label of `bytes[range]` and the hash of its bytes. Nil label if the bytes are not one.
    mutating func label(_ bytes: Span<UInt8>, _ range: Range<Int>) -> (label: Label?, hash: UInt64) {
        let text = bytes.extracting(range)
        let hash = XXH3.hash64(text)
        let place = Int(truncatingIfNeeded: hash & UInt64(Self.places - 1))
        if hashes[place] == hash, Int(lengths[place]) == text.count, let known = labels[place], holds(text, place) {
            return (known, hash)
        }
        guard let made = make(text) else { return (nil, hash) }
        labels[place] = made
        hashes[place] = hash
        lengths[place] = UInt8(truncatingIfNeeded: text.count)
        for index in text.indices { texts[place * stride + index] = text[index] }
        return (made, hash)
    }

    private func holds(_ text: Span<UInt8>, _ place: Int) -> Bool {
        let known = texts.span
        let start = place * stride
        var index = 0
        // Eight bytes at a time; what is left of the last eight is shifted out.
        while index + 8 <= text.count {
            if text.whole(at: index) != known.whole(at: start + index) { return false }
            index += 8
        }
        guard index < text.count else { return true }
        let spare = UInt64(truncatingIfNeeded: 8 * (index + 8 - text.count))
        return text.word(at: index) &<< spare == known.whole(at: start + index) &<< spare
    }

    private func make(_ text: Span<UInt8>) -> Label? {
        // What is no label is not even copied.
        guard text.count <= Limits.labelBytesMax, Label.isLabel(text) else { return nil }
        var copy: [UInt8] = []
        copy.reserveCapacity(text.count)
        for index in text.indices { copy.append(text[index]) }
        return Label(copy)
    }
}
