import ArgumentParser
import TallyIO
import TallyModel
import TallyTLS

/// Where a load goes, and whom it trusts.
struct TargetOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server under load.", valueName: "host:port"))
    var connect: String

    @Option(help: ArgumentHelp("The authority that its certificate is from, as PEM: tls/ca.pem.", valueName: "file"))
    var ca: String

    func target(speaks application: ApplicationProtocol = .tallygate1) throws -> LoadTarget {
        guard let place = HostPort(connect), place.port > 0 else {
            throw ValidationError("--connect is HOST:PORT, such as 127.0.0.1:7443")
        }
        return try LoadTarget(place, authoritiesFile: ca, speaks: application)
    }
}

/// As whom it comes.
struct TokenOptions: ParsableArguments {
    @Option(help: "One token, for all connections.")
    var token: String?

    @Option(
        help: ArgumentHelp(
            "Tokens, one a line; connection i uses line i, round and round. Empty lines count for nothing.",
            valueName: "file"))
    var tokenFile: String?

    @Option(help: "Use the first so many tokens of the file.")
    var tenants: Int?

    func validate() throws {
        guard (token == nil) != (tokenFile == nil) else { throw ValidationError("give --token or --token-file") }
        if let tenants, tenants < 1 { throw ValidationError("--tenants is at least 1") }
    }

    /// At least one.
    func tokens() throws -> [[UInt8]] {
        var lines: [[UInt8]] = []
        if let token { lines = [Array(token.utf8)] }
        if let tokenFile {
            let text = try SmallFile.read(tokenFile, bytesMax: LoadLimits.tokenFileBytesMax)
            lines = text.split(separator: UInt8(ascii: "\n")).map { line in
                line.last == UInt8(ascii: "\r") ? Array(line.dropLast()) : Array(line)
            }.filter { !$0.isEmpty }
        }
        lines = Array(lines.prefix(min(tenants ?? .max, LoadLimits.tokensMax)))
        guard !lines.isEmpty else { throw LoadError.noToken(tokenFile ?? "--token") }
        if let tenants, lines.count < tenants {
            throw ValidationError("--tenants \(tenants), and the file has \(lines.count) tokens")
        }
        for (index, line) in lines.enumerated() where line.count > Limits.tokenBytesMax {
            throw LoadError.tokenTooLong(line: index + 1)
        }
        return lines
    }
}

/// Which gateway process to watch.
struct WatchOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The gateway's process number: its processor time is reported.", valueName: "pid"))
    var gatewayPid: Int32?

    @Option(
        help: ArgumentHelp(
            "The gateway's metrics: its views are waited for before its time is read, and its barriers are reported.",
            valueName: "url"))
    var metrics: String?

    func watch() throws -> GatewayWatch {
        let page = try metrics.map { url throws(LoadError) in try MetricsPage(url: url) }
        return try GatewayWatch(processes: gatewayPid.map { [$0] } ?? [], metrics: page)
    }
}

struct OutputOptions: ParsableArguments {
    @Flag(help: "Print one JSON object, on one line, as the last line.")
    var json = false

    func show(_ results: Results) {
        Terminal.writeOutput(results.table)
        if json { Terminal.writeOutput(results.json) }
    }
}

/// A duration as people write it: `10`, `2.5`, seconds.
struct Seconds: ExpressibleByArgument, Hashable, Sendable {
    let nanoseconds: Int64

    init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    init?(argument: String) {
        let text = argument.hasSuffix("s") ? String(argument.dropLast()) : argument
        guard let seconds = Double(text), seconds >= 0, seconds * 1_000 <= Double(LoadLimits.durationMsMax) else {
            return nil
        }
        nanoseconds = Int64(seconds * 1e9)
    }

    var defaultValueDescription: String { Results.fixed(Double(nanoseconds) / 1e9, 0) }
}
