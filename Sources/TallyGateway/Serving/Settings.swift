import Configuration
import Foundation
package import TallyModel

/// What `tallygate serve` was told on its command line; nil where a flag is absent.
package struct SettingsFlags: Sendable {
    package var listen: String?
    package var address: String?
    package var metrics: String?
    package var certificate: String?
    package var key: String?
    package var logLevel: String?
    package var shards: Int?
    /// No setting of the file or the environment: nobody shall find it on without having asked.
    package var tlsKeyLog: String?

    package init(
        listen: String?, address: String?, metrics: String?, certificate: String?, key: String?, logLevel: String?,
        shards: Int?, tlsKeyLog: String? = nil
    ) {
        self.listen = listen
        self.address = address
        self.metrics = metrics
        self.certificate = certificate
        self.key = key
        self.logLevel = logLevel
        self.shards = shards
        self.tlsKeyLog = tlsKeyLog
    }
}

/// The settings in force: flags over environment (`TALLYGATE_…`) over file over defaults.
package struct Settings: Sendable {
    package var listen: HostPort
    /// What workstations are told to connect to, where it is not `listen`.
    package var address: HostPort?
    package var metrics: HostPort?
    package var certificateFile: String?
    package var keyFile: String?
    package var logLevel: LogEvent.Level
    package var shards: Int
    /// Where every session's secrets are written; only while nobody but this machine can connect.
    package var tlsKeyLogFile: String?
    package var limits = AbuseLimits()

    /// The names that the file may hold, and the environment as `TALLYGATE_` with capitals.
    static let keys = ["listen", "address", "metrics", "certificate", "key", "log_level"] + counts
    /// Of them, those that are whole numbers.
    static let counts = ["shards"] + AbuseLimits.Bound.allCases.map(\.rawValue)

    package static func resolve(
        flags: SettingsFlags, file: String?, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(SettingsError) -> Settings {
        let below = try Sources(file: file, environment: environment)
        guard let listenText = flags.listen ?? below.text("listen") else { throw .missingListen }
        let shards = try below.count("shards")
        var settings = Settings(
            listen: try hostPort(listenText, "listen"),
            address: try optionalHostPort(flags.address ?? below.text("address"), "address"),
            metrics: try optionalHostPort(flags.metrics ?? below.text("metrics"), "metrics"),
            certificateFile: flags.certificate ?? below.text("certificate"),
            keyFile: flags.key ?? below.text("key"),
            logLevel: try level(flags.logLevel ?? below.text("log_level") ?? "info"),
            shards: flags.shards ?? shards
                ?? min(ProcessInfo.processInfo.activeProcessorCount, Limits.shardsMax))
        settings.tlsKeyLogFile = flags.tlsKeyLog
        settings.limits = try limits(below)
        try settings.check()
        return settings
    }

    private func check() throws(SettingsError) {
        guard (1...Limits.shardsMax).contains(shards) else {
            throw .value(key: "shards", expected: "a number from 1 to \(Limits.shardsMax)")
        }
        guard (certificateFile == nil) == (keyFile == nil) else { throw .halfCertificate }
        if let metrics, !metrics.isLoopback { throw .metricsNotLoopback }
        guard tlsKeyLogFile == nil || listen.isLoopback else { throw .keyLogNotLoopback }
        if let address, address.port == 0 {
            throw .value(key: "address", expected: "a port that workstations can reach, not 0")
        }
    }

    /// The environment's and the file's alone: a command line of thirteen more flags would help nobody.
    private static func limits(_ sources: Sources) throws(SettingsError) -> AbuseLimits {
        var limits = AbuseLimits()
        for bound in AbuseLimits.Bound.allCases {
            guard let value = try sources.count(bound.rawValue) else { continue }
            guard bound.range.contains(value) else {
                let (low, high) = (bound.range.lowerBound, bound.range.upperBound)
                throw .value(key: bound.rawValue, expected: "a number from \(low) to \(high)")
            }
            limits[bound] = value
        }
        return limits
    }

    private static func hostPort(_ text: String, _ key: String) throws(SettingsError) -> HostPort {
        guard let value = HostPort(text) else {
            throw .value(key: key, expected: "HOST:PORT, such as 127.0.0.1:7443 or [::1]:7443")
        }
        return value
    }

    private static func optionalHostPort(_ text: String?, _ key: String) throws(SettingsError) -> HostPort? {
        guard let text else { return nil }
        return try hostPort(text, key)
    }

    private static func level(_ text: String) throws(SettingsError) -> LogEvent.Level {
        switch text {
        case "debug": .debug
        case "info": .info
        case "notice": .notice
        case "warning": .warning
        case "error": .error
        case "critical": .critical
        default: throw .value(key: "log_level", expected: "debug, info, notice, warning, error or critical")
        }
    }
}

/// The environment over the file, through swift-configuration's providers.
private struct Sources {
    private let reader: ConfigReader

    init(file: String?, environment: [String: String]) throws(SettingsError) {
        var providers: [any ConfigProvider] = [EnvironmentVariablesProvider(environmentVariables: environment)]
        if let file { providers.append(try Self.fileProvider(file)) }
        reader = ConfigReader(providers: providers)
    }

    func text(_ key: String) -> String? {
        reader.string(forKey: ConfigKey(["tallygate", key])).flatMap { $0.isEmpty ? nil : $0 }
    }

    func count(_ key: String) throws(SettingsError) -> Int? {
        if let value = reader.int(forKey: ConfigKey(["tallygate", key])) { return value }
        guard text(key) == nil else { throw .value(key: key, expected: "a whole number") }
        return nil
    }

    /// The file's object becomes the `tallygate.…` keys. An unknown name is refused: a misspelt setting that is
    /// silently ignored would be found on the day it was needed.
    private static func fileProvider(_ path: String) throws(SettingsError) -> InMemoryProvider {
        guard let data = FileManager.default.contents(atPath: path) else { throw .unreadable(path: path) }
        guard let object = try? JSONDecoder().decode([String: SettingValue].self, from: data) else {
            throw .notAnObject(path: path)
        }
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (name, value) in object {
            guard Settings.keys.contains(name) else { throw .unknownKey(path: path) }
            // A number where a text belongs would be passed over without a word.
            switch value {
            case .count where !Settings.counts.contains(name): throw .value(key: name, expected: "a text")
            case .text where Settings.counts.contains(name): throw .value(key: name, expected: "a whole number")
            default: break
            }
            values[AbsoluteConfigKey(["tallygate", name])] = value.configured
        }
        return InMemoryProvider(values: values)
    }
}

/// A setting in the file: text or a whole number.
private enum SettingValue: Decodable {
    case text(String)
    case count(Int)

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let count = try? container.decode(Int.self) {
            self = .count(count)
        } else {
            self = .text(try container.decode(String.self))
        }
    }

    var configured: ConfigValue {
        switch self {
        case .text(let text): ConfigValue(.string(text), isSecret: false)
        case .count(let count): ConfigValue(.int(count), isSecret: false)
        }
    }
}

/// A setting that cannot be taken: says which, and what would do.
package enum SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    case missingListen
    case value(key: String, expected: String)
    case halfCertificate
    case metricsNotLoopback
    case keyLogNotLoopback
    case unreadable(path: String)
    case notAnObject(path: String)
    case unknownKey(path: String)

    package var description: String {
        switch self {
        case .missingListen:
            "no address to listen on: give --listen HOST:PORT (or TALLYGATE_LISTEN, or \"listen\" in the file)"
        case .value(let key, let expected): "the setting \(key) needs \(expected)"
        case .halfCertificate: "--certificate and --key belong together: give both or neither"
        case .metricsNotLoopback:
            "metrics are plain HTTP and served on loopback only: use 127.0.0.1:PORT, [::1]:PORT or localhost:PORT"
        case .keyLogNotLoopback:
            "--tls-key-log writes the secrets of every connection, and is for loopback only: listen on 127.0.0.1:PORT, "
                + "[::1]:PORT or localhost:PORT"
        case .unreadable(let path): "the settings file \(path) cannot be read: check that it exists and its permissions"
        case .notAnObject(let path):
            "the settings file \(path) is not one JSON object of texts and whole numbers"
        case .unknownKey(let path):
            "the settings file \(path) holds a name that is no setting; known are \(Settings.keys.joined(separator: ", "))"
        }
    }
}
