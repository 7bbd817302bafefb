/// From a label as sent to the names under which a price book may list it. Nothing is guessed: a known prefix
/// of a seller and a known date or version tail may go, every other character must match.
enum ModelName {
    /// Each prefix taken away once, longest first; sellers nest (`bedrock/us.anthropic.claude-…`), so up to
    /// three of them.
    static func unprefixed(_ label: String, prefixes: [String]) -> [String] {
        var names = [label]
        var rest = Substring(label)
        for _ in 0..<3 {
            guard let prefix = prefixes.first(where: { rest.hasPrefix($0) && rest.count > $0.count }) else { break }
            rest = rest.dropFirst(prefix.count)
            names.append(String(rest))
        }
        return names
    }

    /// `name` without its tail: `-v1`, `-v1:0`, `@default`, `@20250514`, `-20250514`, `-2025-05-14`, and a date
    /// before a version. Nil if it has none.
    static func undated(_ name: String) -> String? {
        let bytes = Array(name.utf8)
        let versioned = withoutVersion(bytes[...])
        let dated = withoutDate(versioned ?? bytes[...])
        guard let result = dated ?? versioned, !result.isEmpty else { return nil }
        return String(decoding: result, as: UTF8.self)
    }

    /// Without `-v1` or `-v1:0`, or `@default`.
    private static func withoutVersion(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        if bytes.count > 8, bytes.suffix(8).elementsEqual("@default".utf8) { return bytes.dropLast(8) }
        var rest = bytes
        guard dropDigits(&rest) else { return nil }
        if rest.last == UInt8(ascii: ":") {
            rest.removeLast()
            guard dropDigits(&rest) else { return nil }
        }
        guard rest.count > 2, rest.suffix(2).elementsEqual("-v".utf8) else { return nil }
        return rest.dropLast(2)
    }

    private static func dropDigits(_ bytes: inout ArraySlice<UInt8>) -> Bool {
        let before = bytes.count
        while let last = bytes.last, isDigit(last) { bytes.removeLast() }
        return bytes.count < before
    }

    /// Without `@20250514`, `-20250514` or `-2025-05-14`, if that is a day of this century's calendar.
    private static func withoutDate(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let compact = Array(bytes.suffix(9))
        if compact.count == 9, compact[0] == UInt8(ascii: "-") || compact[0] == UInt8(ascii: "@"),
            isDay(compact, 1, 5, 7)
        {
            return bytes.dropLast(9)
        }
        let long = Array(bytes.suffix(11))
        guard long.count == 11, long[0] == UInt8(ascii: "-"), long[5] == UInt8(ascii: "-"),
            long[8] == UInt8(ascii: "-"), isDay(long, 1, 6, 9)
        else { return nil }
        return bytes.dropLast(11)
    }

    private static func isDay(_ bytes: [UInt8], _ year: Int, _ month: Int, _ day: Int) -> Bool {
        guard let year = PriceDate.number(bytes, year, 4), let month = PriceDate.number(bytes, month, 2),
            let day = PriceDate.number(bytes, day, 2)
        else { return false }
        return (2000...2099).contains(year) && PriceDate.days(year: year, month: month, day: day) != nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
