/// What a failed run leaves for whoever looks into it.
package enum Report {
    package static let linesShown = 120

    /// Runs the seed once more, for its readable trace.
    package static func failure(_ violation: Violation, seed: UInt64, _ environment: Environment) -> String {
        let world = World(Plan.draw(seed), environment, isReadable: true)
        world.run()
        let lines = world.trace.text
        return """
            SEED \(seed) FAILED: \(violation)

            faults of this seed:
            \(world.plan.faults.sorted { $0.at < $1.at }.map { "  \(Trace.stamp($0.at)) \($0.kind.name) \($0.workstation)" }.joined(separator: "\n"))

            the last \(min(lines.count, linesShown)) of \(world.trace.lines) lines:
            \(lines.suffix(linesShown).joined(separator: "\n"))

            \(world.violation.map { "again: \($0)" } ?? "The run did not fail a second time (I15).")
            replay: make simulate SEED=\(seed) RUNS=1
            """
    }
}

/// Sums over many runs.
package struct Tally {
    package private(set) var runs = 0
    package private(set) var steps = 0
    /// Over the traces of all runs, in their order.
    package private(set) var hash: UInt64 = 0
    private var coverage: [Int] = []

    package init() {}

    package mutating func add(_ world: World) {
        runs += 1
        steps += world.steps
        hash = (hash &* 0x100_0000_01b3) ^ world.trace.hash
        let fields = world.coverage.fields
        if coverage.isEmpty { coverage = fields.map { _ in 0 } }
        for (index, field) in fields.enumerated() { coverage[index] += field.value }
    }

    package func text(seconds: Double) -> String {
        let names = Coverage().fields.map(\.name)
        let parts = zip(names, coverage).map { "\($0)=\($1)" }
        let rate = seconds > 0 ? Double(runs) / seconds : 0
        return "runs=\(runs) steps=\(steps) seconds=\(Int(seconds * 1_000) / 1_000) per_second=\(Int(rate)) "
            + parts.joined(separator: " ")
    }
}
