import ArgumentParser

/// What times a part by itself, in this process: no gateway, no network.
///
/// Every figure is CPU time (user and system, of this process) with the wall clock beside it: other programs on the
/// machine make the second longer and the first hardly. Every command checks what it made against what it must be,
/// and fails if it is not: a fast wrong answer is no figure.
enum Parts {
    static let commands: [any ParsableCommand.Type] = [
        Encode.self, Decode.self, Wire.self, Scan.self, Rebuild.self, Query.self,
    ]

    /// What all of them take.
    struct Options: ParsableArguments {
        @Option(help: "Another seed gives another load of the same kind.")
        var seed: UInt64 = 1

        @Flag(help: "Print one JSON object on one line.")
        var json = false
    }

    /// What was made is not what it must be.
    struct Mismatch: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = "the check failed: \(description)" }
    }
}
