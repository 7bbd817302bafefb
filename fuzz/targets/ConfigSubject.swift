import Foundation
import TallyGateway
import TallyModel

/// The gateway's settings file.
///
/// Promises: settings that are given are within their bounds; written down and read again they are the same; a refusal
/// names a setting or the file, and repeats nothing of what stands in it.
class ConfigSubject: FuzzSubject {
    private let path: String

    init() {
        path = FileManager.default.temporaryDirectory.path + "/tally-settings-\(UUID().uuidString).json"
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func resolve(_ bytes: [UInt8]) throws(SettingsError) -> Settings {
        guard FileManager.default.createFile(atPath: path, contents: Data(bytes)) else {
            throw .unreadable(path: path)
        }
        let none = SettingsFlags(
            listen: nil, address: nil, metrics: nil, certificate: nil, key: nil, logLevel: nil, shards: nil)
        return try Settings.resolve(flags: none, file: path, environment: [:])
    }

    func run(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
        let settings: Settings
        do throws(SettingsError) { settings = try resolve(input) } catch {
            let text = error.description.replacingOccurrences(of: path, with: "FILE")
            try expect(isKnown(text), "a refusal repeats nothing of the file")
            return .refused
        }
        try expect((1...Limits.shardsMax).contains(settings.shards), "shards are within their bound")
        try expect(settings.metrics?.isLoopback ?? true, "metrics are served on loopback alone")
        try expect((settings.certificateFile == nil) == (settings.keyFile == nil), "a certificate has its key")
        try expect(settings.address?.port != 0, "workstations are told a port")
        let again = try written(settings)
        try expect(again == Summary(settings), "settings that are written down are the same when read again")
        return .reached
    }

    /// A refusal is made of our own words: it has no byte that a message of ours has not, and is not long.
    private func isKnown(_ text: String) -> Bool {
        text.utf8.count < 400 && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    }

    private struct Summary: Hashable {
        var texts: [String?]
        var shards: Int

        init(_ settings: Settings) {
            texts = [
                settings.listen.description, settings.address?.description, settings.metrics?.description,
                settings.certificateFile, settings.keyFile, "\(settings.logLevel)",
            ]
            shards = settings.shards
        }
    }

    private func written(_ settings: Settings) throws(FuzzFinding) -> Summary {
        let summary = Summary(settings)
        var object: [String: Any] = ["shards": settings.shards]
        let names = ["listen", "address", "metrics", "certificate", "key", "log_level"]
        for (name, text) in zip(names, summary.texts) { object[name] = text }
        do {
            return Summary(try resolve(Array(try JSONSerialization.data(withJSONObject: object))))
        } catch {
            throw FuzzFinding("settings that are written down can be read again: \(error)")
        }
    }
}
