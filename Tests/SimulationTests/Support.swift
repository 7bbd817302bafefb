import Foundation
import TallyIO
import TallySimulation
import TallyStorage
import Testing

/// What the worlds of this process share: a folder with the price book.
let environment: Environment? = {
    let folder = FileManager.default.temporaryDirectory.path + "/simulation-tests-\(getpid())"
    guard let directory = try? Directory.openOrMake(folder), let books = try? BookShelf(directory: directory) else {
        return nil
    }
    return Environment(books: books)
}()

/// Runs one world and says what broke, with the seed that replays it.
func expectClean(_ plan: Plan, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let environment = try #require(environment)
    let world = World(plan, environment)
    world.run()
    if let violation = world.violation {
        let replay = World(plan, environment, isReadable: true)
        replay.run()
        Issue.record(
            "seed \(plan.seed): \(violation)\n\(replay.trace.text.suffix(60).joined(separator: "\n"))",
            sourceLocation: sourceLocation)
    }
}

/// A world in which `faults` happen and nothing else goes wrong.
func quietPlan(_ seed: UInt64, workstations: Int = 2, _ faults: [(Fault.Kind, seconds: Double)]) -> Plan {
    var plan = Plan(seed: seed)
    plan.workstations = [Int](repeating: 0, count: workstations)
    plan.writes = 30
    plan.faults = faults.enumerated().map { number, fault in
        Fault(
            kind: fault.0, at: UInt64(fault.seconds * 1_000_000_000), workstation: 0,
            draw: seed &* 0x9e37_79b9_7f4a_7c15 &+ UInt64(number))
    }
    return plan
}
