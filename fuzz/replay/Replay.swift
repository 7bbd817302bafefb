import ArgumentParser
import Foundation
import TallyFuzzTargets

/// Runs inputs through the targets without a fuzzer: to see a finding again, and to measure what a corpus reaches.
@main
struct Replay: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fuzzreplay", abstract: "Run fuzzing inputs once each, and say what became of them.")

    @Argument(help: "frame, batch, lz4, gateway, workstation, log, transcript, http, otlp, config, prices, or all")
    var target: String

    @Argument(help: "Inputs, or folders of them. With `all`: the folder that holds a folder for each target.")
    var paths: [String]

    @Flag(help: "One line of JSON for each input of `batch`: what the decoder says of it, for verdicts.py.")
    var verdicts = false

    @Flag(help: "Each input's outcome.")
    var each = false

    func run() throws {
        let targets = target == "all" ? FuzzTarget.all : [try named(target)]
        var findings = 0
        for one in targets {
            let places = target == "all" ? paths.map { "\($0)/\(one.name)" } : paths
            findings += try replay(one, FuzzCorpus.files(places))
        }
        if findings > 0 { throw ExitCode(1) }
    }

    private func named(_ name: String) throws -> FuzzTarget {
        guard let target = FuzzTarget.named(name) else { throw ValidationError("there is no target \(name)") }
        return target
    }

    /// How many of the inputs broke a promise.
    private func replay(_ target: FuzzTarget, _ files: [String]) throws -> Int {
        if verdicts {
            for file in files { print(BatchVerdict.line(try FuzzCorpus.bytes(file), name: file)) }
            return 0
        }
        var reached = 0
        var findings = 0
        let subject = target.make(true)
        for file in files {
            let bytes = try FuzzCorpus.bytes(file)
            do throws(FuzzFinding) {
                let outcome = try subject.run(bytes)
                if outcome == .reached { reached += 1 }
                if each { print("\(outcome) \(file)") }
            } catch {
                findings += 1
                print("FINDING \(file): \(error)")
            }
        }
        print("\(target.name): \(files.count) inputs, \(reached) reached, \(findings) findings")
        return findings
    }
}
