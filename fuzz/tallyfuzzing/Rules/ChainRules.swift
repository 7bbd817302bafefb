import TallyHash

/// The chain by SPEC section 5, written from the document: sixty lines of the product do it four rows at a time.
enum ChainRules {
    static func initial(_ stream: [UInt8]) -> UInt64 { XXH3.hash64(Array("tallygate/1".utf8) + stream) }

    /// The value after each of the rows.
    static func after(_ columns: [UInt8: ReadColumn], rows: Int, from chain: UInt64) -> [UInt64] {
        var sums = [UInt64](repeating: 0, count: rows)
        for (id, column) in columns {
            let terms = column.entries.map { term($0, id, column.rule.form) }
            for row in 0..<rows {
                let value = column.values[row]
                sums[row] &+= terms.isEmpty ? value &* factors[Int(id)][0] : terms[Int(value)]
            }
        }
        var value = chain
        return sums.map { sum in
            let product = (value ^ sum) &* step
            value = product << 32 | product >> 32
            return value
        }
    }

    /// What an entry adds; the default nothing.
    private static func term(_ entry: ArraySlice<UInt8>, _ id: UInt8, _ form: ColumnRule.Form) -> UInt64 {
        guard !entry.isEmpty else { return 0 }
        guard form == .id16 else { return XXH3.hash64(Array(entry)) &* factors[Int(id)][0] }
        var words: [UInt64] = [0, 0]
        for (place, byte) in entry.enumerated() { words[place / 8] = words[place / 8] << 8 | UInt64(byte) }
        return words[0] &* factors[Int(id)][0] &+ words[1] &* factors[Int(id)][1]
    }

    private static let step = XXH3.hash64(Array("tallygate/1 chain".utf8)) | 1
    private static let factors: [[UInt64]] = (0...25).map { column in
        (0...1).map { word in XXH3.hash64(Array("tallygate/1 chain \(column).\(word)".utf8)) | 1 }
    }
}
