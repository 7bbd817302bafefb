import Foundation
import TallyGenerator
import TallyModel
import TallyPricing
import TallyRollup
import Testing

/// Whole generated homes, with all pitfalls, through the whole workstation and what befalls it, against what their
/// generator knows. `make homes RUNS=2000 SEED=1` runs many; a failure names the seed, and `RUNS=1 SEED=n` runs it
/// again.
@Suite("Homes")
struct HomesTests {
    private static let environment = ProcessInfo.processInfo.environment
    static let homes = environment["TALLY_HOMES"].flatMap(Int.init) ?? 24
    static let seed = environment["TALLY_SEED"].flatMap(UInt64.init) ?? 1
    /// Homes that run beside one another.
    static let lanes = min(homes, ProcessInfo.processInfo.activeProcessorCount)

    @Test(
        "A home comes to its truth though programs are killed, power is lost and files are rewritten while they are read",
        arguments: 0..<lanes)
    func truth(lane: Int) throws {
        print("seed \(Self.seed), homes \(Self.homes), lane \(lane)")
        let book = try PriceBook(bytes: PriceBook.builtInBytes, id: PriceBookID(1))
        var tally = HomeTally()
        for number in stride(from: lane, to: Self.homes, by: Self.lanes) {
            let seed = Self.seed &+ UInt64(number)
            var run = try HomeRun(seed: seed)
            try run.run()
            guard let difference = try run.difference(book) else {
                tally.add(run)
                continue
            }
            Issue.record("seed \(seed): \(difference); again: make homes RUNS=1 SEED=\(seed)")
            return
        }
        print("lane \(lane): \(tally)")
        #expect(Self.homes < 200 || tally.isEventful, "\(tally)")
    }
}

/// What befell the homes of a lane: a run in which nothing happened would prove nothing.
struct HomeTally: CustomStringConvertible {
    private var homes = 0
    private var calls = 0
    private var corrections = 0
    private var counts = HomeRun.Counts()
    private var days = 0

    mutating func add(_ run: HomeRun) {
        homes += 1
        calls += Int(run.home.truth.totals.events)
        corrections += run.corrections
        counts.add(run.counts)
        days += run.comparesDays ? 1 : 0
    }

    var isEventful: Bool {
        corrections > 0 && counts.isEventful
    }

    var description: String {
        "\(homes) homes, \(calls) calls, \(corrections) corrections; \(counts); days compared in \(days)"
    }
}
