import ArgumentParser
import Foundation
import TallyIO
import TallySimulation
import TallyStorage

/// Runs worlds: `tallysim --seed 1 --runs 10000`. One failure ends it with the seed that replays it.
@main
struct Tallysim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tallysim",
        abstract: "Runs simulated worlds of gateway, workstations, disks and network, each from its seed.")

    @Option(help: "The first seed.") var seed: UInt64 = 1
    @Option(help: "How many seeds, one after the other; 0 runs until stopped.") var runs: UInt64 = 1_000
    @Flag(help: "Print the readable trace of every run.") var trace = false
    @Option(help: "One run in so many is done twice and its traces compared.") var repeatEvery: UInt64 = 50
    @Flag(help: "Print each seed before it runs, so that a crash is known by its seed.") var announce = false
    @Flag(help: "Run a log alone on its disk instead of whole worlds.") var log = false
    @Option(help: "Promises in a hundred for which a loss of power is tried out on a copy.") var powerChecks = 8

    func run() throws {
        if log { return try runLogs() }
        let folder =
            FileManager.default.temporaryDirectory.path + "/tallysim-\(ProcessInfo.processInfo.processIdentifier)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let books = try BookShelf(directory: Directory.openOrMake(folder))
        guard var environment = Environment(books: books) else { throw ExitCode.failure }
        environment.powerCheckPercent = powerChecks
        let started = Date()
        var tally = Tally()
        var done: UInt64 = 0
        while runs == 0 || done < runs {
            let current = seed &+ done
            // Written at once: what print holds back would be lost in a crash.
            if announce { FileHandle.standardOutput.write(Data("seed \(current)\n".utf8)) }
            let world = World(Plan.draw(current), environment, isReadable: trace)
            world.run()
            if trace { for line in world.trace.text { print(line) } }
            if let violation = world.violation {
                print(Report.failure(violation, seed: current, environment))
                throw ExitCode.failure
            }
            if repeatEvery > 0, current % repeatEvery == 0 {
                let again = World(Plan.draw(current), environment)
                again.run()
                if again.trace.hash != world.trace.hash {
                    print("seed \(current): I15 two runs of one seed took different ways")
                    throw ExitCode.failure
                }
            }
            tally.add(world)
            done += 1
        }
        print(tally.text(seconds: Date().timeIntervalSince(started)))
        print("trace \(String(tally.hash, radix: 16))")
    }

    private func runLogs() throws {
        var crashes = 0
        var done: UInt64 = 0
        while runs == 0 || done < runs {
            let current = seed &+ done
            if announce { FileHandle.standardOutput.write(Data("seed \(current)\n".utf8)) }
            var world = LogWorld(seed: current)
            var ending = ""
            do { try world.run() } catch { ending = ": \(error)" }
            if world.hasFailed || !ending.isEmpty {
                print(
                    "SEED \(current) FAILED: I3 a log keeps what it called durable, and what is cut stays cut\(ending)")
                throw ExitCode.failure
            }
            crashes += world.crashes
            done += 1
        }
        print("clean: \(done) logs, \(crashes) crashes")
    }
}
