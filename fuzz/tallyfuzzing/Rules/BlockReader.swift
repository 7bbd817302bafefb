import TallyWire

/// An LZ4 block by TG-4-7, written from the document.
package enum BlockReader {
    /// A sequence of a block: where its parts stand. Mutations aim at them.
    package struct Sequence: Hashable, Sendable {
        package var token: Int
        package var literals: Range<Int>
        /// Nil in the last one.
        package var offset: Range<Int>?
        /// Bytes of output before the match.
        package var outputBefore: Int
    }

    /// The raw body, or nil where the block breaks a rule. Never makes more than `rawBytes`.
    package static func open(_ block: ArraySlice<UInt8>, rawBytes: Int) -> [UInt8]? {
        var sequences: [Sequence] = []
        return open(block, rawBytes: rawBytes, &sequences)
    }

    package static func open(
        _ block: ArraySlice<UInt8>, rawBytes: Int, _ sequences: inout [Sequence]
    ) -> [UInt8]? {
        let preset = PresetDictionary.bytes
        var output = preset
        let end = preset.count + rawBytes
        var at = block.startIndex
        var lastMatch: Int?
        while at < block.endIndex {
            let start = at
            let token = block[at]
            at += 1
            guard let literals = length(Int(token >> 4), block, &at) else { return nil }
            guard literals <= block.endIndex - at, output.count + literals <= end else { return nil }
            var sequence = Sequence(token: start, literals: at..<at + literals, offset: nil, outputBefore: 0)
            output += block[at..<at + literals]
            at += literals
            sequence.outputBefore = output.count - preset.count
            if at == block.endIndex {
                sequences.append(sequence)
                guard output.count == end else { return nil }
                if let lastMatch, literals < 5 || end - lastMatch < 12 { return nil }
                return Array(output[preset.count...])
            }
            guard block.endIndex - at >= 2 else { return nil }
            let offset = Int(block[at]) | Int(block[at + 1]) << 8
            sequence.offset = at..<at + 2
            sequences.append(sequence)
            at += 2
            guard offset > 0, offset <= output.count else { return nil }
            guard var match = length(Int(token & 15), block, &at) else { return nil }
            match += 4
            guard output.count + match <= end else { return nil }
            lastMatch = output.count
            for _ in 0..<match { output.append(output[output.count - offset]) }
        }
        return nil
    }

    /// A length that goes on in further bytes where its four bits are full.
    private static func length(_ first: Int, _ block: ArraySlice<UInt8>, _ at: inout Int) -> Int? {
        var length = first
        guard first == 15 else { return length }
        while at < block.endIndex {
            let more = block[at]
            at += 1
            length += Int(more)
            if more != 255 { return length }
        }
        return nil
    }
}
