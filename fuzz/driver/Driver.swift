import CFuzzer
import Foundation
import TallyFuzzTargets

/// One target under libFuzzer: `TALLY_FUZZ_TARGET=frame fuzzdriver [libFuzzer's own arguments]`. The target's name
/// stands in the environment, since libFuzzer starts itself again with its own arguments for some of its work.
/// `make fuzz TARGET=frame SECONDS=60` does all of it (`fuzz/run.py`).
@main
@MainActor
enum Driver {
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

    static func main() {
        _ = target
        var count = CommandLine.argc
        // The arguments live as long as the process, and libFuzzer may reorder its own list of them.
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv
        let status = unsafe LLVMFuzzerRunDriver(&count, &arguments) { data, size in
            // libFuzzer owns `size` bytes at `data` for the length of this call.
            let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: size))
            return MainActor.assumeIsolated { Driver.run(bytes) }
        }
        exit(status)
    }

    private static func run(_ bytes: [UInt8]) -> CInt {
        do throws(FuzzFinding) {
            _ = try subject.run(bytes)
        } catch {
            // A trap, which libFuzzer takes for what it is and keeps the input of.
            fatalError("FINDING in \(target.name): \(error)")
        }
        return 0
    }
}
