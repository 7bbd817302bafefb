import ArgumentParser
import TallyIO
import TallyModel
import TallyTLS

/// `tallybench handshake`: TLS 1.3 handshakes with a gateway, or with any other server to compare with.
struct HandshakeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "handshake",
        abstract: "Shake hands with a TLS 1.3 server again and again.",
        discussion: """
            Full handshakes without resumption: connect, shake hands, say farewell, wait until the server has closed. \
            With --pid the processor time of these processes is reported, by handshake: of a server with workers, name \
            all of them (--pid 100,101).
            """)

    @OptionGroup var place: TargetOptions
    @OptionGroup var output: OutputOptions

    @Option(help: "How many handshakes.")
    var count = 2_000

    @Option(help: "How many are under way at a time.")
    var inFlight = 8

    @Option(help: "Handshakes before those, to warm up.")
    var warmUp = 50

    @Option(help: ArgumentHelp("The server's process numbers, with commas.", valueName: "pids"))
    var pid: ProcessList?

    @Option(help: "What is spoken inside TLS: \(ApplicationProtocol.allCases.map(\.rawValue).joined(separator: ", ")).")
    var alpn = ApplicationProtocol.tallygate1.rawValue

    struct ProcessList: ExpressibleByArgument, Hashable, Sendable {
        let ids: [Int32]

        init?(argument: String) {
            let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
            ids = parts.compactMap { Int32($0) }
            guard ids.count == parts.count, ids.allSatisfy({ $0 > 0 }) else { return nil }
        }
    }

    func validate() throws {
        guard (1...10_000_000).contains(count) else { throw ValidationError("--count is 1 to 10000000") }
        guard (1...4_096).contains(inFlight) else { throw ValidationError("--in-flight is 1 to 4096") }
        guard (0...100_000).contains(warmUp) else { throw ValidationError("--warm-up is 0 to 100000") }
        guard ApplicationProtocol(rawValue: alpn) != nil else {
            let names = ApplicationProtocol.allCases.map(\.rawValue).joined(separator: " or ")
            throw ValidationError("--alpn is \(names)")
        }
    }

    func run() throws {
        let target = try place.target(speaks: ApplicationProtocol(rawValue: alpn) ?? .tallygate1)
        let watch = try GatewayWatch(processes: pid?.ids ?? [], metrics: nil)
        try OpenFiles.check(connections: inFlight)
        let loop = try HandshakeLoop(target, inFlight: inFlight)
        try loop.run(warmUp)
        let before = (watch.cpuNanoseconds(), ProcessTime.ownNanoseconds())
        loop.begin()
        let nanoseconds = try loop.run(count)
        let own = ProcessTime.ownNanoseconds() - before.1
        // The last connections' ends at the server.
        Pause.milliseconds(50)
        let after = watch.cpuNanoseconds()
        output.show(results(loop, nanoseconds: nanoseconds, own: own, before: before.0, after: after))
        guard loop.failures == 0 else {
            Terminal.writeError("handshakes failed; first: \(loop.firstFailure ?? "unknown")\n")
            throw ExitCode(1)
        }
    }

    private func results(
        _ loop: HandshakeLoop, nanoseconds: Int64, own: UInt64, before: UInt64?, after: UInt64?
    ) -> Results {
        let done = Double(loop.done)
        func each(_ nanoseconds: UInt64) -> Double? {
            loop.done > 0 ? Double(nanoseconds) / 1_000 / Double(loop.done) : nil
        }
        func micros(_ nanoseconds: UInt64) -> Double? { loop.done > 0 ? Double(nanoseconds) / 1_000 : nil }
        var results = Results()
        results.add("command", "handshake")
        results.add("version", ProgramVersion.text)
        results.add("alpn", alpn)
        results.add("in_flight", inFlight)
        results.add("handshakes", loop.done)
        results.add("failures", loop.failures)
        results.add("seconds", Double(nanoseconds) / 1e9, digits: 3)
        results.add("handshakes_per_second", done * 1e9 / Double(max(1, nanoseconds)), digits: 1)
        var server: Double?
        if let before, let after, after >= before { server = each(after - before) }
        results.add("server_cpu_us_per_handshake", server, digits: 1)
        results.add("client_cpu_us_per_handshake", each(own), digits: 1)
        results.add("handshake_p50_us", micros(loop.record.latency(50)), digits: 1)
        results.add("handshake_p99_us", micros(loop.record.latency(99)), digits: 1)
        results.add("handshake_max_us", micros(loop.record.latencyMax), digits: 1)
        let share = Double(own) / Double(max(1, nanoseconds))
        results.add("client_core_share", share, digits: 3)
        results.add("client_bound", share > 0.9)
        if let first = loop.firstFailure { results.add("first_failure", first) }
        return results
    }
}
