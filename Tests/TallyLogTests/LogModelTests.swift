import TallySimulation
import TestEffort
import Testing

@Suite struct LogModelTests {
    @Test(
        "Through crashes, torn and lost writes and failed syncs nothing durable is lost and nothing torn returns",
        arguments: 0..<8)
    func crashes(slice: UInt64) throws {
        var crashes = 0
        var cuts = 0
        var rewrites = 0
        let count = Effort.of(300) as UInt64
        for seed in (slice * count + 1)...(slice * count + count) {
            var run = LogWorld(seed: seed)
            do { try run.run() } catch { Issue.record("seed \(seed): \(error)") }
            if run.hasFailed { Issue.record("seed \(seed) broke a promise") }
            crashes += run.crashes
            cuts += run.cuts
            rewrites += run.rewrites
        }
        // The run is only worth something if the faults happened.
        #expect(
            crashes > Effort.of(500) && cuts > Effort.of(40) && rewrites > Effort.of(40),
            "\(crashes) crashes, \(cuts) cuts, \(rewrites) rewrites")
    }
}
