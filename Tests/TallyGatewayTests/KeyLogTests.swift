import Foundation
import TallyGateway
import TallyModel
import TallyTLS
import Testing

/// The key log: what reads a capture, and who may have one written.
@Suite("TLS key log")
struct KeyLogTests {
    @Test("The key log holds the secrets of a session, is 0600, and the log says aloud that it is written")
    func written() throws {
        let rig = try Rig(starts: false)
        let file = Rig.newPath() + ".keys"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try rig.start(tlsKeyLog: file)
        let spool = Spool(token: try rig.enroll())
        try rig.peer().open(spool.hello())
        let first = try lines(file)
        #expect(try mode(file) == 0o600)
        for label in ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"] {
            #expect(first.count { $0.hasPrefix(label + " ") } == 1, "\(label)")
        }
        let words = try #require(first.first { $0.hasPrefix("CLIENT_TRAFFIC_SECRET_0 ") }).split(separator: " ")
        // The client's random, and a secret as long as SHA-256 or SHA-384.
        #expect(words.count == 3 && words[1].count == 64 && [64, 96].contains(words[2].count))
        #expect(rig.log.all.contains { $0.contains(" critical ") && $0.contains("secrets of every TLS connection") })
        // Started again it adds to its own file.
        rig.stop()
        try rig.start(tlsKeyLog: file)
        try rig.peer().open(spool.hello())
        let both = try lines(file)
        #expect(Array(both.prefix(first.count)) == first)
        #expect(both.count { $0.hasPrefix("CLIENT_TRAFFIC_SECRET_0 ") } == 2)
    }

    @Test("Nothing of the kind is written where nobody asked for it")
    func silent() throws {
        let rig = try Rig()
        try rig.peer().open(Spool(token: try rig.enroll()).hello())
        #expect(!rig.log.text.contains("secrets"))
    }

    @Test(
        "A key log is refused while anybody but this machine can connect",
        arguments: ["0.0.0.0:0", "[::]:0", "192.0.2.1:7443", "gateway.example:7443"])
    func loopback(listen: String) {
        #expect(throws: SettingsError.keyLogNotLoopback) {
            try Settings.resolve(
                flags: SettingsFlags(
                    listen: listen, address: nil, metrics: nil, certificate: nil, key: nil, logLevel: nil, shards: nil,
                    tlsKeyLog: "keys"), file: nil, environment: [:])
        }
    }

    @Test("Neither the environment nor the file can have secrets written")
    func flagOnly() throws {
        let path = Rig.newPath() + ".json"
        try Data(#"{"listen": "127.0.0.1:0", "tls_key_log": "keys"}"#.utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let flags = SettingsFlags(
            listen: "127.0.0.1:0", address: nil, metrics: nil, certificate: nil, key: nil, logLevel: nil, shards: nil)
        #expect(throws: SettingsError.unknownKey(path: path)) {
            try Settings.resolve(flags: flags, file: path, environment: [:])
        }
        let settings = try Settings.resolve(flags: flags, file: nil, environment: ["TALLYGATE_TLS_KEY_LOG": "keys"])
        #expect(settings.tlsKeyLogFile == nil)
    }

    @Test("A file that others may read, a link, a folder and a file of two names get no secret")
    func foreignFile() throws {
        let folder = Rig.newPath()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let open = folder + "/open"
        _ = FileManager.default.createFile(atPath: open, contents: nil, attributes: [.posixPermissions: 0o644])
        #expect(throws: TLSKeyLogError.notOurs(path: open)) { try TLSKeyLog(path: open) }
        let own = folder + "/own"
        _ = FileManager.default.createFile(atPath: own, contents: nil, attributes: [.posixPermissions: 0o600])
        _ = try TLSKeyLog(path: own)
        try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: own)
        #expect(throws: TLSKeyLogError.self) { try TLSKeyLog(path: folder + "/link") }
        try FileManager.default.linkItem(atPath: own, toPath: folder + "/second")
        #expect(throws: TLSKeyLogError.notOurs(path: own)) { try TLSKeyLog(path: own) }
        #expect(throws: TLSKeyLogError.self) { try TLSKeyLog(path: folder) }
        #expect(throws: TLSKeyLogError.self) { try TLSKeyLog(path: folder + "/missing/keys") }
    }

    private func lines(_ path: String) throws -> [String] {
        String(decoding: try #require(FileManager.default.contents(atPath: path)), as: UTF8.self)
            .split(separator: "\n").map(String.init)
    }

    private func mode(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }
}
