import CLZ4
import TallyModel

/// Compresses blocks against a preset dictionary, as densely as the library does by default (LZ4-HC, level 9): a
/// workstation encodes a batch once, its network carries it and a gateway's disk holds it for years.
///
/// The dictionary is hashed once; every block starts from a copy of that state (256 KB), so that no block
/// depends on another. One owner at a time: it keeps both states for the next block.
@safe
package struct LZ4Compressor: ~Copyable {
    /// The longest input that the output buffer is made for.
    package let inputBytesMax: Int
    private let dictionary: UnsafeMutableBufferPointer<CChar>
    private let loaded: UnsafeMutablePointer<LZ4_streamHC_t>
    private let working: UnsafeMutablePointer<LZ4_streamHC_t>

    /// `dictionary` is at most 64 KB: LZ4 offsets reach no further.
    package init(dictionary bytes: [UInt8], inputBytesMax: Int) {
        precondition(bytes.count <= 65_535 && inputBytesMax > 0 && inputBytesMax <= 1 << 24)
        self.inputBytesMax = inputBytesMax
        // Why this holds: all three are freed in deinit only, and the library's states are plain memory that
        // loadDict initialises; it keeps the dictionary's address, which stays put as long as the states.
        unsafe dictionary = .allocate(capacity: bytes.count)
        unsafe loaded = .allocate(capacity: 1)
        unsafe working = .allocate(capacity: 1)
        for index in bytes.indices { unsafe dictionary[index] = CChar(bitPattern: bytes[index]) }
        unsafe loaded.initialize(to: LZ4_streamHC_t())
        unsafe working.initialize(to: LZ4_streamHC_t())
        unsafe LZ4_initStreamHC(loaded, MemoryLayout<LZ4_streamHC_t>.size)
        unsafe LZ4_resetStreamHC_fast(loaded, LZ4HC_CLEVEL_DEFAULT)
        let kept = unsafe LZ4_loadDictHC(loaded, dictionary.baseAddress, CInt(bytes.count))
        precondition(Int(kept) == bytes.count || bytes.count < 8, "LZ4 keeps the whole dictionary")
    }

    deinit {
        // Why this holds: the value is not copyable, so nothing else holds these addresses.
        unsafe dictionary.deallocate()
        unsafe loaded.deallocate()
        unsafe working.deallocate()
    }

    /// Appends the block to `output` if it is shorter than `input`, and says so; else leaves `output` as it was.
    package mutating func compress(_ input: Span<UInt8>, appendingTo output: inout [UInt8]) -> Bool {
        precondition(input.count <= inputBytesMax, "the input is longer than this compressor was made for")
        guard input.count > 1 else { return false }
        let before = output.count
        let room = input.count - 1
        output.appendZeros(room)
        // Why this holds: the copy is of plain memory; source and destination are valid for the counts
        // given, and the library writes at most `room` bytes or answers 0.
        let written = unsafe input.withUnsafeBytes { source in
            unsafe output.withUnsafeMutableBytes { destination in
                unsafe working.update(from: loaded, count: 1)
                return unsafe LZ4_compress_HC_continue(
                    working, source.baseAddress?.assumingMemoryBound(to: CChar.self),
                    destination.baseAddress?.advanced(by: before).assumingMemoryBound(to: CChar.self),
                    CInt(source.count), CInt(room))
            }
        }
        output.removeLast(room - max(0, Int(written)))
        return written > 0
    }
}
