import ArgumentParser
import TallyGateway

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the gateway until SIGTERM or Ctrl-C.",
        discussion: """
            Flags win over the environment (TALLYGATE_LISTEN, TALLYGATE_METRICS, …), which wins over the file given \
            with --config (JSON with the flags' names as keys, dashes as underscores).
            """)

    @OptionGroup var data: DataOptions
    @Option(name: .long, help: ArgumentHelp("Where to listen. Port 0 takes a free one.", valueName: "host:port"))
    var listen: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The address that workstations reach, if it is not the one listened on.", valueName: "host:port"))
    var address: String?
    @Option(name: .long, help: ArgumentHelp("A JSON file with settings.", valueName: "file"))
    var config: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Serve /metrics, /healthz and /readyz there: plain HTTP, loopback only.", valueName: "host:port"))
    var metrics: String?
    @Option(
        name: .long, help: ArgumentHelp("A certificate chain in PEM instead of the folder's own.", valueName: "file"))
    var certificate: String?
    @Option(name: .long, help: ArgumentHelp("The certificate's private key in PEM.", valueName: "file"))
    var key: String?
    @Option(name: .long, help: "debug, info, notice, warning, error or critical.")
    var logLevel: String?
    @Option(name: .long, help: "Threads that serve connections. By default one a core.")
    var shards: Int?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Write the secrets of every connection there, for reading captures. Loopback only.", valueName: "file"))
    var tlsKeyLog: String?

    func run() throws {
        let flags = SettingsFlags(
            listen: listen, address: address, metrics: metrics, certificate: certificate, key: key,
            logLevel: logLevel, shards: shards, tlsKeyLog: tlsKeyLog)
        let reply = GatewayProgram.serve(folder: try data.folder(), flags: flags, configFile: config)
        try Terminal.show(reply)
    }
}
