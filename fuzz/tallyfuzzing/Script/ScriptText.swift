/// A case as a file: a line a step, words with a blank between them. `fuzz/README.md` explains it.
package enum ScriptText {
    private static let title = "tallyfuzz case 1"

    package static func text(_ script: Script) -> String {
        var lines = [title, "family \(script.family.rawValue)", "from seed \(script.seed) case \(script.number)"]
        lines += script.steps.map(line)
        return lines.joined(separator: "\n") + "\n"
    }

    private static func line(_ step: Step) -> String {
        switch step {
        case .open(let opening): "open \(opening.rawValue)"
        case .send(let recipe): line(recipe)
        case .again(let back): "again \(back)"
        case .raw(let bytes): "raw \(hex(bytes))"
        case .settle: "settle"
        case .hangUp: "hang-up"
        case .pause(let ms): "pause \(ms)"
        }
    }

    private static func line(_ recipe: FrameRecipe) -> String {
        var words = ["send", "type=\(recipe.type)", "flags=\(recipe.flags)"]
        switch recipe.length {
        case .off(0): break
        case .off(let more): words.append("length-off=\(more)")
        case .exactly(let length): words.append("length=\(length)")
        }
        switch recipe.delivery {
        case .whole: break
        case .cut(let at): words.append("cut=\(at)")
        case .split(let at): words.append("split=\(at)")
        case .drip: words.append("drip")
        }
        words += recipe.edits.map { "edit=\($0.at)^\($0.xor)" }
        return (words + recipe.parts.map(word)).joined(separator: " ")
    }

    private static func word(_ part: Part) -> String {
        switch part {
        case .bytes(let bytes): "x:\(hex(bytes))"
        case .number(let value, let width): "u\(width * 8):\(value)"
        case .next(let more): "next:\(more)"
        case .committed(let more): "committed:\(more)"
        case .rawBytes(let more): "raw-bytes:\(more)"
        case .tokens(let more): "tokens:\(more)"
        case .reported(let more): "reported:\(more)"
        case .chain(let xor): "chain:\(xor)"
        case .committedChain(let xor): "committed-chain:\(xor)"
        case .totals: "totals"
        case .stream: "stream"
        case .clock(let more): "clock:\(more)"
        case .epoch(let xor): "epoch:\(xor)"
        case .token(let xor): "token:\(xor)"
        }
    }

    package static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef")
        return bytes.reduce(into: "") { text, byte in
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
    }
}

/// A file that is no case: which line, and why.
package struct ScriptError: Error, Hashable, Sendable, CustomStringConvertible {
    package let line: Int
    package let words: String
    package var description: String { "line \(line): \(words)" }
}

extension ScriptText {
    package static let stepsMax = 10_000
    package static let bytesMax = 16 << 20

    /// Precondition: at most `bytesMax` bytes.
    package static func script(_ text: String) throws(ScriptError) -> Script {
        var script = Script(family: .havoc, seed: 0, number: 0, steps: [])
        var isTitled = false
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(separator: " ").map(String.init)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            guard isTitled || line == title else {
                throw ScriptError(line: index + 1, words: "it does not begin with `\(title)`")
            }
            defer { isTitled = true }
            if !isTitled { continue }
            guard take(first, Array(words.dropFirst()), &script) else {
                throw ScriptError(line: index + 1, words: "no step that this version knows")
            }
            guard script.steps.count <= stepsMax else {
                throw ScriptError(line: index + 1, words: "more than \(stepsMax) steps")
            }
        }
        guard !script.steps.isEmpty else { throw ScriptError(line: 1, words: "it has no steps") }
        return script
    }

    private static func take(_ verb: String, _ words: [String], _ script: inout Script) -> Bool {
        switch (verb, words.count) {
        case ("family", 1):
            guard let family = Family(rawValue: words[0]) else { return false }
            script.family = family
        case ("from", 4):
            guard let seed = UInt64(words[1]), let number = Int(words[3]) else { return false }
            script.seed = seed
            script.number = number
        case ("open", 1):
            guard let opening = Opening(rawValue: words[0]) else { return false }
            script.steps.append(.open(opening))
        case ("again", 1):
            guard let back = Int(words[0]), back > 0 else { return false }
            script.steps.append(.again(back))
        case ("raw", 1):
            guard let bytes = bytes(words[0]) else { return false }
            script.steps.append(.raw(bytes))
        case ("settle", 0): script.steps.append(.settle)
        case ("hang-up", 0): script.steps.append(.hangUp)
        case ("pause", 1):
            guard let ms = Int(words[0]), (0...10_000).contains(ms) else { return false }
            script.steps.append(.pause(ms))
        case ("send", 2...):
            guard let recipe = recipe(words) else { return false }
            script.steps.append(.send(recipe))
        default: return false
        }
        return true
    }

    private static func recipe(_ words: [String]) -> FrameRecipe? {
        var recipe = FrameRecipe(0, [])
        for word in words {
            let isField = word.contains("=") || word == "drip"
            guard isField ? setting(word, &recipe) : part(word).map({ recipe.parts.append($0) }) != nil else {
                return nil
            }
        }
        return recipe
    }

    private static func setting(_ word: String, _ recipe: inout FrameRecipe) -> Bool {
        if word == "drip" {
            recipe.delivery = .drip
            return true
        }
        let halves = word.split(separator: "=", maxSplits: 1).map(String.init)
        guard halves.count == 2 else { return false }
        if halves[0] == "edit" {
            let ends = halves[1].split(separator: "^")
            guard ends.count == 2, let at = Int(ends[0]), at >= 0, let xor = UInt8(ends[1]) else { return false }
            recipe.edits.append(FrameRecipe.Edit(at: at, xor: xor))
            return true
        }
        guard let number = Int(halves[1]), number.magnitude <= 1 << 40 else { return false }
        switch halves[0] {
        case "type": recipe.type = UInt8(truncatingIfNeeded: number)
        case "flags": recipe.flags = UInt8(truncatingIfNeeded: number)
        case "length": recipe.length = .exactly(UInt32(truncatingIfNeeded: number))
        case "length-off": recipe.length = .off(number)
        case "cut" where number >= 0: recipe.delivery = .cut(number)
        case "split" where number >= 0: recipe.delivery = .split(number)
        default: return false
        }
        return true
    }

    private static func part(_ word: String) -> Part? {
        if word == "totals" { return .totals }
        if word == "stream" { return .stream }
        let halves = word.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard halves.count == 2 else { return nil }
        if halves[0] == "x" { return bytes(halves[1]).map { .bytes($0) } }
        let signed = Int64(halves[1])
        let unsigned = UInt64(halves[1])
        switch halves[0] {
        case "u8", "u16", "u32", "u64":
            guard let width = Int(halves[0].dropFirst()) else { return nil }
            return unsigned.map { .number($0, width / 8) }
        case "next": return signed.map { .next($0) }
        case "committed": return signed.map { .committed($0) }
        case "raw-bytes": return signed.map { .rawBytes($0) }
        case "tokens": return signed.map { .tokens($0) }
        case "reported": return signed.map { .reported($0) }
        case "chain": return unsigned.map { .chain($0) }
        case "committed-chain": return unsigned.map { .committedChain($0) }
        case "clock": return signed.map { .clock($0) }
        case "epoch": return unsigned.map { .epoch($0) }
        case "token": return UInt8(halves[1]).map { .token($0) }
        default: return nil
        }
    }

    private static func bytes(_ hex: String) -> [UInt8]? {
        let digits = hex.compactMap(\.hexDigitValue)
        guard digits.count == hex.count, digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
