import Foundation
import Synchronization
import TallyGateway
import TallyIO
import TallyLog
import TallyModel
import TallyStorage
import TallyTLS
import TallyTransport
import Testing

/// A gateway in this process with a data folder of its own on the disk, stopped and removed at the end. Commands go the
/// way that operators' commands go: `AdminClient`, through the folder's socket while it runs, under its lock otherwise.
final class Rig: Sendable {
    let path: String
    let log = LineLog()
    let metrics = Metrics()
    let fatal = LineLog()
    private let clock = Guarded(GatewayClock())
    let shard: Shard
    private let faults: Faults
    private let options: LogOptions
    private let disk: ToyDisk?
    private let ledgerDisk: Services.LedgerDisk
    private let running = Guarded<Gateway?>(nil)

    init(
        faults: Faults = .none, options: LogOptions = LogOptions(), path: String? = nil, metricsServer: Bool = false,
        starts: Bool = true, disk: ToyDisk? = nil, ledgerDisk: @escaping Services.LedgerDisk = Services.ownLedgerDisk
    ) throws {
        self.path = path ?? Rig.newPath()
        self.faults = faults
        self.options = options
        self.disk = disk
        self.ledgerDisk = ledgerDisk
        shard = try Shard(name: "peers")
        if starts { try start(metricsServer: metricsServer) }
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(atPath: path)
    }

    static func newPath() -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent("tally-gateway-\(UUID().uuidString)").path
    }

    func services() throws -> Services {
        var facts: (@Sendable () -> FileSystemFacts?)?
        if let disk { facts = { disk.facts } }
        return Services(
            folder: try ownFolder(), metrics: metrics, log: LogSink(level: .debug) { [log] in log.add($0) },
            clock: clock.withLock { $0 }, faults: faults, onFatal: { [fatal] in fatal.add($0) }, logOptions: options,
            disk: facts, ledgerDisk: ledgerDisk)
    }

    /// A gateway that has stopped in this process lets go of the lock with the last block of its queues, soon after.
    private func ownFolder() throws -> DataFolder {
        var folder: DataFolder?
        _ = eventually(seconds: 5) {
            folder = try? DataFolder(path: path)
            return folder != nil
        }
        return try folder ?? DataFolder(path: path)
    }

    /// With `ownCertificate` the one that an earlier start made is given as an operator gives his, so that a wrong clock
    /// does not make another.
    func start(
        metricsServer: Bool = false, listen: String = "127.0.0.1:0", ownCertificate: Bool = false,
        tlsKeyLog: String? = nil, environment: [String: String] = [:]
    ) throws {
        let settings = try Settings.resolve(
            flags: SettingsFlags(
                listen: listen, address: nil, metrics: metricsServer ? "127.0.0.1:0" : nil,
                certificate: ownCertificate ? path + "/tls/server.pem" : nil,
                key: ownCertificate ? path + "/tls/server-key.pem" : nil, logLevel: nil, shards: 2,
                tlsKeyLog: tlsKeyLog),
            file: nil, environment: environment)
        let gateway = try Gateway(settings: settings, services: try services())
        try gateway.open(publicAddress: nil)
        running.withLock { $0 = gateway }
    }

    /// From the next start on the wall clock is so wrong.
    func setClock(wallErrorMs: Int64) { clock.withLock { $0 = GatewayClock(wallErrorMs: wallErrorMs) } }

    func stop() {
        let gateway = running.withLock { running in
            defer { running = nil }
            return running
        }
        gateway?.stop()
    }

    var gateway: Gateway {
        get throws { try #require(running.withLock { $0 }) }
    }

    // MARK: Commands

    func call(_ request: AdminRequest, _ format: OutputFormat = .text) -> AdminReply {
        AdminClient(folder: path).call(AdminCall(request, format: format))
    }

    @discardableResult
    func done(_ request: AdminRequest, _ format: OutputFormat = .text) throws -> String {
        let reply = call(request, format)
        try #require(reply.exitCode == 0, "\(reply.failure ?? "") \(reply.output)")
        return reply.output
    }

    /// Creates the tenant if it is missing, enrols a workstation, and gives its token.
    func enroll(_ tenant: String = "acme", _ workstation: String = "laptop") throws -> String {
        if call(.tenantShow(name: tenant)).exitCode != 0 {
            try done(.tenantCreate(name: tenant, plan: "pro", retentionDays: nil))
        }
        let words = try done(.enroll(tenant: tenant, workstation: workstation)).split(separator: " ")
        let flag = try #require(words.firstIndex(of: "--token"))
        return String(words[flag + 1])
    }

    func usage(
        _ tenant: String = "acme", by: [String] = ["day"], since: String? = nil, until: String? = nil,
        timezone: String? = nil, model: String? = nil, workstation: String? = nil
    ) throws -> UsageAnswer {
        let text = try done(
            .usage(
                UsageArguments(
                    tenant: tenant, by: by, since: since, until: until, timezone: timezone, model: model,
                    workstation: workstation)), .json)
        return try JSONDecoder().decode(UsageAnswer.self, from: Data(text.utf8))
    }

    /// What a power cut would leave: the files as the kernel has them now, in another folder.
    func copyOfFiles(except left: Set<String> = []) throws -> String {
        let target = Rig.newPath()
        try FileManager.default.createDirectory(
            atPath: target, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        for name in try FileManager.default.contentsOfDirectory(atPath: path)
        where name != DataFolder.socketName && name != "lock" && !left.contains(name) {
            try FileManager.default.copyItem(atPath: path + "/" + name, toPath: target + "/" + name)
        }
        return target
    }

    /// The folders of the tenants.
    func tenantFolders() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path + "/tenants").sorted().map { path + "/tenants/" + $0 }
    }

    /// The last ledger record in the views of the only tenant; 0 where there are none yet.
    var viewsOrdinal: Int {
        guard let folder = try? tenantFolders().first else { return 0 }
        return (try? SQLiteShell.number(folder + "/views.sqlite", "SELECT ordinal FROM meta")) ?? 0
    }

    // MARK: Peers

    func trust() throws -> TLSClientContext { try TLSClientContext(authoritiesFile: path + "/tls/ca.pem") }

    /// A connected peer that has not said anything yet.
    func peer() throws -> WirePeer { try WirePeer(to: try gateway.address, tls: try trust(), on: shard) }
}

/// Lines that another thread wrote.
final class LineLog: Sendable {
    private let lines = Guarded<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
    var text: String { all.joined() }
}

/// `tallygate usage --json`, decoded strictly enough for sums.
struct UsageAnswer: Decodable, Equatable {
    struct Sums: Decodable, Equatable {
        var key: String?
        var keys: [String?]?
        var events: Int
        var input_tokens: Int
        var cache_read_tokens: Int
        var cache_write_5m_tokens: Int
        var cache_write_1h_tokens: Int
        var cache_write_unknown_tokens: Int
        var output_tokens: Int
        var reasoning_tokens: Int
        var web_searches: Int
        var cost_nano_usd: Int
        var subscription_cost_nano_usd: Int
        var reported_cost_nano_usd: Int
        var unpriced_events: Int
        var first_ms: Int64?
        var last_ms: Int64?
    }
    struct Gaps: Decodable, Equatable {
        var events: Int
        var reported_cost_nano_usd: Int
    }
    var tenant: String
    var by: [String]
    var rows: [Sums]
    var totals: Sums
    var gaps: Gaps
}

/// Waits until `condition` holds, at most `seconds`.
func eventually(seconds: Double = 60, _ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = Date().addingTimeInterval(seconds)
    while Date() < deadline {
        if try condition() { return true }
        usleep(5_000)
    }
    return try condition()
}
