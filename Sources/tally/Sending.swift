import ArgumentParser
import TallyModel
import TallyWorkstation

struct WaitOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How long to wait for the gateway without any progress; then exit 75, with everything spooled.",
            valueName: "seconds"))
    var wait: Double = 60

    func validate() throws {
        guard wait >= 0, wait <= 1_000_000 else { throw ValidationError("--wait is 0 to 1000000 seconds.") }
    }

    var duration: Duration { .milliseconds(Int64(wait * 1_000)) }
}

struct Sync: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read all transcripts, send what is new, wait until the gateway has it.",
        discussion: """
            Exits 0 when the gateway has acknowledged everything, 75 when it could not be reached (everything is \
            spooled and sent another time), 1 when something is wrong.
            """)

    @OptionGroup var options: WaitOptions

    func run() throws {
        perform { workstation throws(WorkstationError) in try workstation.sync(wait: options.duration) }
    }
}

struct Send: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send events from standard input: NDJSON, one object a line.",
        discussion: """
            Field names are those of the schema; usage needs time_ms, session, agent and model. `id` (optional) \
            keeps a line from counting twice and is never sent. A bad line is named by number and field; the good \
            ones are sent, and the exit code is 1 at the end.
            """)

    @OptionGroup var options: WaitOptions

    func run() throws {
        perform { workstation throws(WorkstationError) in try workstation.send(wait: options.duration) }
    }
}

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Follow all transcripts and send what is new as it comes, until stopped.",
        discussion: """
            Reconnects by itself. The other commands work while it runs. SIGTERM or Ctrl-C ends it; nothing is lost.

            With --otlp it also counts what agents and SDKs export by OpenTelemetry on this machine: set \
            OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 and their protocol to http/protobuf or http/json. Calls \
            that a transcript tells of as well count once; nothing but numbers, a model's name and hashes is kept.
            """)

    @Option(
        help: ArgumentHelp(
            "Take telemetry (OTLP over HTTP) at this loopback address, such as 127.0.0.1:4318.",
            valueName: "address:port"))
    var otlp: String?

    func validate() throws {
        guard let otlp else { return }
        guard let target = HostPort(otlp), target.isLoopback else {
            throw ValidationError("\(WorkstationError.otlpNotLoopback)")
        }
    }

    func run() throws {
        perform { workstation throws(WorkstationError) in
            try workstation.run(otlp: otlp.flatMap { HostPort($0) })
        }
    }
}
