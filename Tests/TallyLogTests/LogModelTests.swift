import TallySimulation
import Testing

@Suite struct LogModelTests {
    @Test(
        "Through crashes, torn and lost writes and failed syncs nothing durable is lost and nothing torn returns",
        arguments: 0..<8)
    func crashes(slice: UInt64) throws {
        var crashes = 0
        var cuts = 0
        var rewrites = 0
        for seed in (slice * 300 + 1)...(slice * 300 + 300) {
            var run = LogWorld(seed: seed)
            do { try run.run() } catch { Issue.record("seed \(seed): \(error)") }
            if run.hasFailed { Issue.record("seed \(seed) broke a promise") }
            crashes += run.crashes
            cuts += run.cuts
            rewrites += run.rewrites
        }
        // The run is only worth something if the faults happened.
        #expect(
            crashes > 500 && cuts > 40 && rewrites > 40, "\(crashes) crashes, \(cuts) cuts, \(rewrites) rewrites")
    }
}
