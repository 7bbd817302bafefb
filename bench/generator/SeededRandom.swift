package import TallyModel

/// SplitMix64: the one source of chance in the garden. The same seed gives the same sequence on every machine,
/// because nothing here uses floating point.
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// A generator of its own for one part, so that a change in one part leaves the others as they were.
    package mutating func split() -> SeededRandom { SeededRandom(seed: next()) }

    /// A number of `range`, evenly (to one part in 2³²: ranges are small).
    package mutating func number(in range: ClosedRange<Int>) -> Int {
        let width = UInt64(range.upperBound - range.lowerBound + 1)
        return range.lowerBound + Int(next().multipliedFullWidth(by: width).high)
    }

    /// True in `perMille` of a thousand cases.
    package mutating func chance(perMille: Int) -> Bool { number(in: 0...999) < perMille }

    /// One of `values`. Precondition: there is one.
    package mutating func pick<Value>(_ values: [Value]) -> Value { values[number(in: 0...(values.count - 1))] }

    /// Log-normal: `median` × 2^(sigma × z), where sigma is `sixteenths` / 16 octaves and z is nearly normal
    /// (twelve even draws); held to `range`.
    package mutating func logNormal(median: Int, sixteenths: Int, in range: ClosedRange<Int>) -> Int {
        var sum = -6 * 65_536
        for _ in 0..<12 { sum += Int(next() >> 48) }
        // `sum` is z in 65,536ths; `power` is the exponent in sixteenths of an octave, rounded down.
        let power = (sum * sixteenths) >> 16
        let octaves = power >> 4
        let scaled = median * SeededRandom.sixteenthRoots[power & 15]
        let shift = octaves - 16
        let value = shift >= 0 ? scaled << min(shift, 16) : scaled >> min(-shift, 62)
        return min(max(value, range.lowerBound), range.upperBound)
    }

    /// 2^(n/16) × 65,536.
    private static let sixteenthRoots = [
        65_536, 68_438, 71_468, 74_632, 77_936, 81_386, 84_990, 88_752, 92_682, 96_785, 101_070, 105_545, 110_218,
        115_098, 120_194, 125_515,
    ]

    /// `digits` lower-case hexadecimal digits.
    package mutating func hex(_ digits: Int) -> String {
        var text = ""
        text.reserveCapacity(digits)
        var word: UInt64 = 0
        for index in 0..<digits {
            if index % 16 == 0 { word = next() }
            text.append(SeededRandom.hexDigits[Int(word & 15)])
            word >>= 4
        }
        return text
    }

    /// Letters and digits, as in the ids of the vendors.
    package mutating func alphanumeric(_ count: Int) -> String {
        var text = ""
        text.reserveCapacity(count)
        for _ in 0..<count { text.append(SeededRandom.letters[number(in: 0...61)]) }
        return text
    }

    private static let hexDigits = Array("0123456789abcdef")
    private static let letters = Array("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

    /// A random UUID (version 4).
    package mutating func uuid() -> Bytes16 {
        Bytes16(
            high: next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000,
            low: next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
    }
}
