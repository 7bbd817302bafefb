import TallyProtocol
import TestEffort
import Testing

@Suite("Both machines against each other")
struct SimulationTests {
    @Test("Every event is committed exactly once or given up once, over 2,000 seeds of cuts, crashes and takeovers")
    func everyEventOnce() throws {
        var sum = MiniSimulation.Tally()
        let seeds = 1...Effort.of(2_000) as ClosedRange<UInt64>
        for seed in seeds {
            var simulation = MiniSimulation(seed: seed)
            do { try simulation.run() } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
            sum.cuts += simulation.tally.cuts
            sum.crashes += simulation.tally.crashes
            sum.restores += simulation.tally.restores
            sum.takeovers += simulation.tally.takeovers
            sum.rejects += simulation.tally.rejects
            sum.skips += simulation.tally.skips
            sum.duplicates += simulation.tally.duplicates
            sum.pauses += simulation.tally.pauses
            sum.late += simulation.tally.late
            sum.trims += simulation.tally.trims
        }
        print("simulation of seeds \(seeds): \(sum)")
        // A run in which nothing went wrong would prove nothing.
        let least = min(
            sum.cuts, sum.crashes, sum.restores, sum.takeovers, sum.rejects, sum.skips, sum.duplicates, sum.pauses,
            sum.late,
            sum.trims)
        #expect(least > Effort.of(100))
    }

    @Test("A seed repeats its trace")
    func sameSeedSameTrace() throws {
        for seed in [UInt64(3), 77, 1_234] {
            var one = MiniSimulation(seed: seed)
            var other = MiniSimulation(seed: seed)
            try one.run()
            try other.run()
            #expect(one.trace == other.trace && one.trace != 0, "seed \(seed)")
        }
    }

    @Test("The simulation finds a planted mistake", arguments: MiniSimulation.Mutant.allCases.filter { $0 != .none })
    func findsMutants(_ mutant: MiniSimulation.Mutant) {
        let found = (UInt64(1)...500).first { seed in
            var simulation = MiniSimulation(seed: seed, mutant: mutant)
            do { try simulation.run() } catch { return true }
            return false
        }
        #expect(found != nil, "500 seeds passed with \(mutant)")
    }
}
