/// Walks the sequences of an LZ4 block without decoding it, and holds it to the rules that the library leaves
/// to the encoder's good will: it takes an offset of zero, and checks the end of a block by buffer size only.
///
/// ```
/// | token: u4 literals, u4 match - 4 | [255…] more literals | literals | u16 offset | [255…] more match |
/// ```
package enum LZ4Walk {
    /// The last match begins at least this many bytes before the end of the output.
    private static let lastMatchDistanceMin = 12
    /// This many bytes at the end of the output are literals.
    private static let lastLiteralsMin = 5

    /// Checks that `block` yields exactly `rawBytes` bytes with `dictionaryBytes` bytes standing before them.
    package static func check(
        _ block: Span<UInt8>, rawBytes: Int, dictionaryBytes: Int
    ) throws(LZ4Refusal) {
        var position = 0
        var output = 0
        var lastMatch: Int?
        // Every turn consumes at least the token, so the block's length bounds the loop.
        while true {
            guard position < block.count else { throw .truncated }
            let token = block[position]
            position += 1
            let literals = try length(Int(token >> 4), in: block, &position)
            guard literals <= block.count - position else { throw .truncated }
            position += literals
            output += literals
            guard output <= rawBytes else { throw .wrongLength }
            if position == block.count {
                try checkEnd(output: output, rawBytes: rawBytes, literals: literals, lastMatch: lastMatch)
                return
            }
            guard block.count - position >= 2 else { throw .truncated }
            let offset = Int(block[position]) | Int(block[position + 1]) << 8
            position += 2
            guard offset >= 1, offset <= output + dictionaryBytes else { throw .badOffset }
            lastMatch = output
            output += try length(Int(token & 15), in: block, &position) + 4
            guard output <= rawBytes else { throw .wrongLength }
        }
    }

    private static func checkEnd(
        output: Int, rawBytes: Int, literals: Int, lastMatch: Int?
    ) throws(LZ4Refusal) {
        guard output == rawBytes else { throw .wrongLength }
        guard let lastMatch else { return }
        guard literals >= lastLiteralsMin, output - lastMatch >= lastMatchDistanceMin else { throw .badEnd }
    }

    /// A nibble of 15 is followed by bytes to add, up to and including the first that is not 255. The sum is
    /// at most 255 times the block's length, so it cannot overflow.
    @inline(__always)
    private static func length(
        _ nibble: Int, in block: Span<UInt8>, _ position: inout Int
    ) throws(LZ4Refusal) -> Int {
        guard nibble == 15 else { return nibble }
        var sum = 15
        while true {
            guard position < block.count else { throw .truncated }
            let byte = block[position]
            position += 1
            sum += Int(byte)
            if byte != 255 { return sum }
        }
    }
}
