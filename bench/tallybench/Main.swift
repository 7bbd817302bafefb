import ArgumentParser

/// The load generator and stopwatch: `tallybench ingest`, `idle` and `handshake` load a running gateway over TLS, the
/// others time the parts by themselves.
@main
struct Tallybench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tallybench",
        abstract: "Loads a Tallygate gateway and times its parts.",
        subcommands: Load.commands + Parts.commands)
}
