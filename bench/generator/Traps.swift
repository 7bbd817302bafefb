/// What a home holds with `GeneratorOptions.hasAllTraps`: none of it is a call, but for the models' names.
enum Traps {
    /// One byte more than the workstation reads of a line.
    private static let tooLong = 16 << 20 + 1

    /// A model that is no label, or a word that a careless program finds in itself; nil mostly.
    static func model(_ random: inout SeededRandom) -> String? {
        guard random.chance(perMille: 150) else { return nil }
        return random.pick(["__proto__", "constructor", "hasOwnProperty", "My Model (beta)"])
    }

    /// `line` would be a call, were it not for what stands before it; now and then one that is too long instead.
    static func spoiled(_ line: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        if random.chance(perMille: 8) { return [UInt8](repeating: UInt8(ascii: "z"), count: tooLong) }
        return [UInt8](repeating: 0, count: random.number(in: 1...40)) + line
    }
}
