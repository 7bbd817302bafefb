import ArgumentParser
import TallyIO
import TallyModel
import TallyWire

/// `tallybench ingest`: batches over many connections, at a rate or as fast as they are acknowledged.
struct IngestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Send batches to a gateway and measure it.",
        discussion: """
            Every connection is a stream of its own. With --rate max each keeps --in-flight batches in flight, and \
            latency counts from the moment that a batch is handed to the socket. With --rate R batches fall due at \
            fixed instants, and latency counts from those, whether the window had room or not.

            After the warm-up it waits until the gateway has nothing left to do, then measures; when the time is over \
            it waits for what is in flight. Exit 1 where anything was refused or lost.
            """)

    @OptionGroup var place: TargetOptions
    @OptionGroup var who: TokenOptions
    @OptionGroup var what: IngestOptions
    @OptionGroup var watch: WatchOptions
    @OptionGroup var output: OutputOptions

    @Option(help: ArgumentHelp("Write throughput and latency over time as a picture.", valueName: "file"))
    var svg: String?

    @Option(help: ArgumentHelp("Write what was acknowledged, by token, as JSON.", valueName: "file"))
    var sent: String?

    func run() throws {
        let run = try IngestRun(
            target: try place.target(), tokens: try who.tokens(), options: what, watch: try watch.watch())
        let report = try run.measure()
        if let sent { try SmallFile.write(sent, report.sent) }
        if let svg { try SmallFile.write(svg, IngestPicture.svg(report)) }
        output.show(report.results)
        for words in report.warnings { Terminal.writeError("\(words)\n") }
        guard report.isSound else { throw ExitCode(1) }
    }
}

struct IngestOptions: ParsableArguments {
    @Option(help: "How many connections.")
    var connections = 16

    @Option(help: "Batches that a connection has in flight: 4 with --rate max, else what the gateway's credit allows.")
    var inFlight: Int?

    @Option(help: "Events of a batch.")
    var eventsPerBatch = 100

    @Option(help: ArgumentHelp("Events a second over all connections, or max.", valueName: "rate"))
    var rate = Rate.highest

    @Option(help: ArgumentHelp("How long to measure.", valueName: "seconds"))
    var duration = Seconds(nanoseconds: 10_000_000_000)

    @Option(help: ArgumentHelp("How long to send before that.", valueName: "seconds"))
    var warmUp = Seconds(nanoseconds: 2_000_000_000)

    @Option(help: "Another seed gives other events.")
    var seed: UInt64 = 1

    /// `max`, or events a second.
    enum Rate: ExpressibleByArgument, Hashable, Sendable {
        case highest
        case eventsPerSecond(UInt64)

        init?(argument: String) {
            if argument == "max" {
                self = .highest
            } else {
                guard let rate = UInt64(argument), (1...LoadLimits.rateMax).contains(rate) else { return nil }
                self = .eventsPerSecond(rate)
            }
        }

        var defaultValueDescription: String { "max" }
    }

    func validate() throws {
        guard (1...LoadLimits.connectionsMax).contains(connections) else {
            throw ValidationError("--connections is 1 to \(LoadLimits.connectionsMax)")
        }
        guard (1...Limits.batchesInFlightMax).contains(inFlightMax) else {
            throw ValidationError("--in-flight is 1 to \(Limits.batchesInFlightMax)")
        }
        guard (1...Limits.batchEventsMax).contains(eventsPerBatch) else {
            throw ValidationError("--events-per-batch is 1 to \(Limits.batchEventsMax)")
        }
        guard duration.nanoseconds > 0 else { throw ValidationError("--duration is above 0") }
    }

    var inFlightMax: Int { inFlight ?? (rate == .highest ? 4 : Limits.batchesInFlightMax) }

    var pace: Pace? {
        guard case .eventsPerSecond(let rate) = rate else { return nil }
        return Pace(eventsPerSecond: rate, eventsPerBatch: UInt64(eventsPerBatch))
    }
}
