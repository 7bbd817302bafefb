import TallyLZ4
import TallyWire

/// LZ4 blocks against a second decoder, written from SPEC.md TG-4-7 alone.
///
/// ```
/// | how u8: bit 0 the length is the block's own, bit 1 the rest is text to compress | [length u16] | block or text |
/// ```
/// Promises: both take the same blocks and make the same bytes of them; what was compressed comes back, and is
/// shorter; the dictionary stays what it was.
class LZ4Subject: FuzzSubject {
    private var decompressor = LZ4Decompressor(dictionary: PresetDictionary.bytes, outputBytesMax: outputBytesMax)
    private var compressor = LZ4Compressor(dictionary: PresetDictionary.bytes, inputBytesMax: outputBytesMax)
    private static let outputBytesMax = 65_536

    func decompress(_ block: [UInt8], rawBytes: Int) -> [UInt8]? {
        do throws(LZ4Refusal) {
            try decompressor.decompress(block.span, rawBytes: rawBytes)
        } catch {
            return nil
        }
        return Array(decompressor.buffer[decompressor.outputStart..<decompressor.outputStart + rawBytes])
    }

    func compress(_ text: [UInt8]) -> [UInt8]? {
        var block: [UInt8] = []
        return compressor.compress(text.span, appendingTo: &block) ? block : nil
    }

    func dictionary() -> [UInt8] { Array(decompressor.buffer[..<decompressor.outputStart]) }

    func run(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
        var reader = FuzzBytes(input)
        let how = reader.byte()
        if how & 2 != 0 { return try goRound(reader.rest()) }
        let told = how & 1 == 0 ? Int(reader.short()) : nil
        let block = reader.rest()
        let rawBytes = told ?? LZ4Model.outputBytes(of: block)
        guard rawBytes <= Self.outputBytesMax else { return .refused }
        let model = LZ4Model.decode(block, rawBytes: rawBytes, dictionary: PresetDictionary.bytes)
        let own = decompress(block, rawBytes: rawBytes)
        try expect((own == nil) == (model == nil), "a block is taken if the specification takes it")
        try expect(own == model, "a block yields the bytes that the specification says")
        try expect(dictionary() == PresetDictionary.bytes, "no block changes the dictionary")
        return own == nil ? .refused : .reached
    }

    private func goRound(_ text: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
        guard let block = compress(text) else { return .refused }
        try expect(block.count < text.count, "a block is shorter than its text")
        try expect(decompress(block, rawBytes: text.count) == text, "what was compressed comes back")
        let model = LZ4Model.decode(block, rawBytes: text.count, dictionary: PresetDictionary.bytes)
        try expect(model == text, "a block of ours is one that the specification takes")
        return .reached
    }
}

/// A decoder of blocks without speed or unsafe code: the rules of SPEC.md TG-4-7 one after another.
enum LZ4Model {
    /// Nil if the block breaks a rule.
    static func decode(_ block: [UInt8], rawBytes: Int, dictionary: [UInt8]) -> [UInt8]? {
        var walk = Walk(block: block)
        var output = dictionary
        let start = dictionary.count
        var lastMatch: Int?
        while let token = walk.byte() {
            guard let literals = walk.length(Int(token >> 4)), let bytes = walk.take(literals) else { return nil }
            output += bytes
            guard output.count - start <= rawBytes else { return nil }
            if walk.isAtEnd {
                let made = output.count - start
                guard made == rawBytes else { return nil }
                if let lastMatch, literals < 5 || made - lastMatch < 12 { return nil }
                return Array(output[start...])
            }
            guard let low = walk.byte(), let high = walk.byte() else { return nil }
            let offset = Int(low) + 256 * Int(high)
            guard offset >= 1, offset <= output.count else { return nil }
            lastMatch = output.count - start
            guard let match = walk.length(Int(token & 15)), output.count - start + match + 4 <= rawBytes else {
                return nil
            }
            for _ in 0..<match + 4 { output.append(output[output.count - offset]) }
        }
        return nil
    }

    /// How many bytes a block says that it yields, as far as it can be read.
    static func outputBytes(of block: [UInt8]) -> Int {
        var walk = Walk(block: block)
        var count = 0
        while let token = walk.byte() {
            guard let literals = walk.length(Int(token >> 4)), walk.take(literals) != nil else { break }
            count += literals
            guard walk.byte() != nil, walk.byte() != nil, let match = walk.length(Int(token & 15)) else { break }
            count += match + 4
        }
        return count
    }

    private struct Walk {
        let block: [UInt8]
        var position = 0

        var isAtEnd: Bool { position == block.count }

        mutating func byte() -> UInt8? {
            guard position < block.count else { return nil }
            defer { position += 1 }
            return block[position]
        }

        mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
            guard count <= block.count - position else { return nil }
            defer { position += count }
            return block[position..<position + count]
        }

        /// A nibble of 15 goes on in bytes, the last of which is not 255.
        mutating func length(_ nibble: Int) -> Int? {
            guard nibble == 15 else { return nibble }
            var sum = 15
            while let more = byte() {
                sum += Int(more)
                if more != 255 { return sum }
            }
            return nil
        }
    }
}
