/// Makes a failing case smaller: fewer steps, fewer bytes, nothing unusual that need not be, while the same requirement is
/// broken. Bounded in tries.
package struct Shrinker: Sendable {
    package private(set) var best: Script
    package private(set) var finding: Finding
    /// Whether the case failed again by itself, on a connection of its own.
    package private(set) var isReproduced = false
    package private(set) var tries = 0
    private var candidates: [Script] = []
    private var place = 0
    private var present: Script?

    package static let triesMax = 120

    package init(_ script: Script, _ finding: Finding) {
        best = script
        self.finding = finding
    }

    /// The next script to run alone; nil where there is nothing left to try.
    package mutating func next() -> Script? {
        guard tries < Shrinker.triesMax else { return nil }
        if tries > 0 {
            guard isReproduced else { return nil }
            if candidates.isEmpty { candidates = Shrinker.smaller(best) }
            guard place < candidates.count else { return nil }
        }
        tries += 1
        present = tries == 1 ? best : candidates[place]
        return present
    }

    /// What became of it.
    package mutating func judged(_ verdict: Lane.Verdict) {
        guard let present else { return }
        self.present = nil
        let isFirst = tries == 1
        guard case .broken(let found) = verdict, found.rule == finding.rule else {
            if !isFirst { place += 1 }
            return
        }
        finding = found
        isReproduced = true
        best = present
        guard !isFirst else { return }
        // What stood before in the list did not help before either.
        candidates = Shrinker.smaller(best)
        if place >= candidates.count { place = 0 }
    }

    // MARK: Smaller scripts

    static func smaller(_ script: Script) -> [Script] {
        var list: [Script] = []
        func add(_ steps: [Step]) {
            guard steps != script.steps, !steps.isEmpty else { return }
            list.append(Script(family: script.family, seed: script.seed, number: script.number, steps: steps))
        }
        let count = script.steps.count
        // Halves first: a flood of frames is seldom needed whole.
        if count > 6 {
            add(Array(script.steps.prefix(count / 2)))
            add([script.steps[0]] + script.steps.suffix(count / 2))
        }
        for index in script.steps.indices.reversed() where index > 0 {
            var steps = script.steps
            steps.remove(at: index)
            add(steps)
        }
        for index in script.steps.indices {
            guard case .send(let recipe) = script.steps[index] else { continue }
            for smaller in Shrinker.smaller(recipe) {
                var steps = script.steps
                steps[index] = .send(smaller)
                add(steps)
            }
        }
        return list
    }

    private static func smaller(_ recipe: FrameRecipe) -> [FrameRecipe] {
        var list: [FrameRecipe] = []
        func add(_ body: (inout FrameRecipe) -> Void) {
            var copy = recipe
            body(&copy)
            if copy != recipe { list.append(copy) }
        }
        if recipe.delivery != .whole { add { $0.delivery = .whole } }
        for index in recipe.edits.indices { add { $0.edits.remove(at: index) } }
        for (index, part) in recipe.parts.enumerated() {
            switch part {
            case .bytes(let bytes) where bytes.count > 1:
                for width in Set([bytes.count / 2, bytes.count / 4, 1]).sorted(by: >) where width > 0 {
                    for start in [0, bytes.count - width] {
                        add { $0.parts[index] = .bytes(bytes.with([], at: start..<start + width)) }
                    }
                }
            case .number(let value, let width) where value > 1:
                add { $0.parts[index] = .number(value / 2, width) }
            default: break
            }
        }
        return list
    }
}
