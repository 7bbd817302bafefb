import Foundation
import TallyFuzzTargets

/// The target of this process.
@MainActor
enum Running {
    private static let target: FuzzTarget = {
        let name = ProcessInfo.processInfo.environment["TALLY_FUZZ_TARGET"] ?? ""
        guard let target = FuzzTarget.named(name) else {
            let names = FuzzTarget.all.map(\.name).joined(separator: ", ")
            print("TALLY_FUZZ_TARGET must name a target: \(names)")
            exit(2)
        }
        return target
    }()
    private static let subject = target.make(false)

    static func run(_ bytes: [UInt8]) {
        do throws(FuzzFinding) {
            _ = try subject.run(bytes)
        } catch {
            // A trap, which libFuzzer takes for what it is and keeps the input of.
            fatalError("FINDING in \(target.name): \(error)")
        }
    }
}
