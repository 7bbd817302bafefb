/// What the heads of all requests have in common: where they end, what a line may hold, how words are compared.
enum HeadBytes {
    /// The index behind the empty line that ends a head, or nil where it is not within `bytesMax`.
    static func end(of bytes: [UInt8], bytesMax: Int) -> Int? {
        guard bytes.count >= 4 else { return nil }
        let last = min(bytes.count, bytesMax + 4)
        for index in 3..<max(3, last)
        where bytes[index] == 0x0A && bytes[index - 1] == 0x0D && bytes[index - 2] == 0x0A && bytes[index - 3] == 0x0D {
            return index + 1
        }
        return nil
    }

    /// A line without the carriage return that must end it; the last one has lost its own with the empty line. Nil
    /// where it is missing or a control byte stands in the line.
    static func line(_ line: ArraySlice<UInt8>, isLast: Bool) -> ArraySlice<UInt8>? {
        var line = line
        if !isLast {
            guard line.last == 0x0D else { return nil }
            // Not `popLast`, which copies the slice: what a peer said would lie about where nobody overwrites it.
            line = line.dropLast()
        }
        for byte in line where byte < 0x20 && byte != 0x09 || byte == 0x7F { return nil }
        return line
    }

    /// A field's name and its value without blanks around it; nil where the line is no field.
    static func field(_ line: ArraySlice<UInt8>) -> (name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)? {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else { return nil }
        let name = line[..<colon]
        guard name.allSatisfy(isToken) else { return nil }
        return (name, line[(colon + 1)...].trimmed)
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

extension ArraySlice<UInt8> {
    /// Whether these are the bytes of `word`, which is in small letters where case is ignored.
    func spells(_ word: String, ignoringCase: Bool = false) -> Bool {
        elementsEqual(word.utf8) { byte, letter in
            let isCapital = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
            return (ignoringCase && isCapital ? byte + 32 : byte) == letter
        }
    }

    /// Without blanks and tabs at either end.
    var trimmed: ArraySlice<UInt8> {
        var kept = self
        while let first = kept.first, first == 0x20 || first == 0x09 { kept = kept.dropFirst() }
        while let last = kept.last, last == 0x20 || last == 0x09 { kept = kept.dropLast() }
        return kept
    }
}
