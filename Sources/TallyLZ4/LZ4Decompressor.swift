import CLZ4
import TallyModel

/// Decodes blocks into one fixed buffer that it reuses for ever.
///
/// ```
/// | dictionary | outputBytesMax bytes of output | 64 bytes of slack |
/// ```
/// The dictionary stands right before the output, as the library likes it best.
package struct LZ4Decompressor: Sendable {
    package let outputBytesMax: Int
    /// Where the output begins in `buffer`.
    package let outputStart: Int
    /// Holds the last output from `outputStart` on.
    package private(set) var buffer: [UInt8]

    private static let slackBytes = 64

    package init(dictionary: [UInt8], outputBytesMax: Int) {
        precondition(dictionary.count <= 65_535 && outputBytesMax > 0 && outputBytesMax <= 1 << 24)
        self.outputBytesMax = outputBytesMax
        outputStart = dictionary.count
        buffer = dictionary
        buffer.appendZeros(outputBytesMax + Self.slackBytes)
    }

    /// Checks and decodes `block`, which yields exactly `rawBytes` bytes.
    package mutating func decompress(_ block: Span<UInt8>, rawBytes: Int) throws(LZ4Refusal) {
        guard rawBytes <= outputBytesMax else { throw .wrongLength }
        try LZ4Walk.check(block, rawBytes: rawBytes, dictionaryBytes: outputStart)
        let start = outputStart
        let room = outputBytesMax + Self.slackBytes
        // Why this holds: `room` bytes stand behind the dictionary, which is `start` long, and the library reads
        // exactly the block and the dictionary and writes at most `room` bytes.
        let written = unsafe block.withUnsafeBytes { source in
            unsafe buffer.withUnsafeMutableBytes { target in
                let front = unsafe target.baseAddress?.assumingMemoryBound(to: CChar.self)
                return unsafe LZ4_decompress_safe_usingDict(
                    source.baseAddress?.assumingMemoryBound(to: CChar.self), front?.advanced(by: start),
                    CInt(source.count), CInt(room), front, CInt(start))
            }
        }
        guard Int(written) == rawBytes else { throw .wrongLength }
    }

    /// Overwrites the last output, also what a failed decoding wrote of it.
    package mutating func wipe() {
        for index in outputStart..<buffer.count { buffer[index] = 0 }
    }

    /// Puts bytes that were never compressed where the output stands, so that both kinds are read alike.
    package mutating func store(_ bytes: Span<UInt8>) throws(LZ4Refusal) {
        guard bytes.count <= outputBytesMax else { throw .wrongLength }
        let start = outputStart
        // Why this holds: `outputBytesMax` bytes stand behind `start`, and a span never overlaps an array that
        // is held exclusively.
        unsafe bytes.withUnsafeBytes { source in
            unsafe buffer.withUnsafeMutableBytes { target in
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[start...]).copyMemory(from: source)
            }
        }
    }
}
