/// The room `TallyLZ4`: LZ4 blocks against a preset dictionary. `LZ4Compressor` and `LZ4Decompressor` own the
/// library's states and buffers; `LZ4Walk` checks a block's sequences before the library sees them.

/// Why a block is refused. Only the structure is named, never the bytes.
package enum LZ4Refusal: Error, Hashable, Sendable {
    /// The block ends within a sequence.
    case truncated
    /// A match reaches back by nothing, or beyond the bytes that stand before it.
    case badOffset
    /// The block does not end in a sequence of literals, or a match stands too near its end.
    case badEnd
    /// The block yields more or fewer bytes than were announced, or more than the buffer may take.
    case wrongLength
}
