/// A run: which lane does which case, what is shrunk, what was found. It decides and touches nothing.
package struct Campaign: ~Copyable {
    /// A finding as it is reported: one of its kind, and how often it came.
    package struct Group: Sendable {
        package var finding: Finding
        package var family: Family
        /// The first case.
        package var script: Script
        /// The case made smaller; nil where it did not fail again by itself.
        package var smallest: Script?
        package var count = 1
        package var isShrunk = false
    }

    package struct Tally: Hashable, Sendable {
        package var cases = 0
        package var broken = 0
        package var interrupted = 0
    }

    package struct Job: Sendable {
        package let script: Script
        /// On connections of its own.
        package let isAlone: Bool
    }

    private var maker: CaseMaker
    private var upcoming: Range<Int>
    private let fixed: Script?
    private var shrinkers: [Int: (shrinker: Shrinker, group: Int)] = [:]
    private var running: [Int: Script] = [:]
    package private(set) var groups: [Group] = []
    package private(set) var families: [Family: Tally] = [:]
    package private(set) var total = Tally()
    /// The last reason for which a case said nothing.
    package private(set) var interruption: String?
    /// Cases in a row that said nothing.
    package private(set) var interruptedInARow = 0
    private let isShrinking: Bool
    /// Which families the cases are of, in turn; all by their weights where there are none.
    private let chosen: [Family]

    package static let groupsMax = 64

    /// Cases `numbers` of a seed.
    package init(seed: UInt64, numbers: Range<Int>, of families: [Family] = [], nowMs: Int64, shrinks: Bool = true) {
        chosen = families
        maker = CaseMaker(seed: seed, nowMs: nowMs)
        upcoming = numbers
        fixed = nil
        isShrinking = shrinks
    }

    /// One case from a file.
    package init(replaying script: Script, nowMs: Int64) {
        chosen = []
        maker = CaseMaker(seed: script.seed, nowMs: nowMs)
        upcoming = 0..<1
        fixed = script
        isShrinking = false
    }

    package var isDone: Bool { upcoming.isEmpty && running.isEmpty && shrinkers.isEmpty }

    // MARK: Lanes

    /// What a lane does next; nil where there is nothing for it.
    package mutating func next(for lane: Int) -> Job? {
        if shrinkers[lane] != nil {
            if let script = shrinkers[lane]?.shrinker.next() {
                running[lane] = script
                return Job(script: script, isAlone: true)
            }
            finishShrinking(lane)
        }
        guard let number = upcoming.first else { return nil }
        upcoming.removeFirst()
        let script = fixed ?? made(number)
        running[lane] = script
        return Job(script: script, isAlone: fixed != nil)
    }

    private mutating func made(_ number: Int) -> Script {
        chosen.isEmpty ? maker.script(number) : maker.script(number, of: chosen[number % chosen.count])
    }

    package mutating func done(_ lane: Int, _ verdict: Lane.Verdict) {
        guard let script = running.removeValue(forKey: lane) else { return }
        if shrinkers[lane] != nil {
            shrinkers[lane]?.shrinker.judged(verdict)
            return
        }
        families[script.family, default: Tally()].cases += 1
        total.cases += 1
        switch verdict {
        case .passed: interruptedInARow = 0
        case .interrupted(let words):
            interruption = words
            interruptedInARow += 1
            total.interrupted += 1
            families[script.family, default: Tally()].interrupted += 1
        case .broken(let finding):
            interruptedInARow = 0
            total.broken += 1
            families[script.family, default: Tally()].broken += 1
            keep(finding, script, lane)
        }
    }

    /// No further cases; what is being shrunk stays as it is.
    package mutating func stop() {
        upcoming = upcoming.upperBound..<upcoming.upperBound
        for lane in Array(shrinkers.keys) { finishShrinking(lane) }
    }

    // MARK: Findings

    private mutating func keep(_ finding: Finding, _ script: Script, _ lane: Int) {
        let kind = Campaign.kind(finding)
        if let index = groups.firstIndex(where: { Campaign.kind($0.finding) == kind }) {
            groups[index].count += 1
            return
        }
        guard groups.count < Campaign.groupsMax else { return }
        groups.append(Group(finding: finding, family: script.family, script: script))
        guard isShrinking else { return }
        shrinkers[lane] = (Shrinker(script, finding), groups.count - 1)
    }

    private mutating func finishShrinking(_ lane: Int) {
        guard let (shrinker, index) = shrinkers.removeValue(forKey: lane) else { return }
        groups[index].isShrunk = true
        guard shrinker.isReproduced else { return }
        groups[index].smallest = shrinker.best
        groups[index].finding = shrinker.finding
    }

    /// Findings of one kind differ in numbers alone.
    static func kind(_ finding: Finding) -> [String] {
        [finding.rule.number, finding.expected, finding.got].map { words in
            words.filter { !$0.isNumber }
        } + [finding.rule.number]
    }

    /// How often each requirement was broken.
    package var rules: [(rule: Rule, count: Int)] {
        var counts: [Rule: Int] = [:]
        for group in groups { counts[group.finding.rule, default: 0] += group.count }
        return counts.sorted { $0.key < $1.key }.map { (rule: $0.key, count: $0.value) }
    }
}
