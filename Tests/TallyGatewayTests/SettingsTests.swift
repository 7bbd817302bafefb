import Foundation
import TallyGateway
import TallyModel
import TallyTLS
import Testing

/// Where a gateway's settings come from, and its certificate.
@Suite("Gateway settings")
struct SettingsTests {
    private func flags(
        listen: String? = nil, address: String? = nil, metrics: String? = nil, certificate: String? = nil,
        key: String? = nil, logLevel: String? = nil, shards: Int? = nil
    ) -> SettingsFlags {
        SettingsFlags(
            listen: listen, address: address, metrics: metrics, certificate: certificate, key: key,
            logLevel: logLevel, shards: shards)
    }

    private func withFile<T>(_ text: String, _ body: (String) throws -> T) throws -> T {
        let path = Rig.newPath() + ".json"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try body(path)
    }

    @Test("Flags win over the environment, which wins over the file, which wins over defaults")
    func precedence() throws {
        let text = """
            {"listen": "127.0.0.1:1", "address": "file.example:1", "metrics": "127.0.0.1:2", "log_level": "error",
            "shards": 3}
            """
        try withFile(text) { path in
            let environment = [
                "TALLYGATE_ADDRESS": "environment.example:2", "TALLYGATE_METRICS": "127.0.0.1:3",
                "TALLYGATE_LOG_LEVEL": "debug", "TALLYGATE_SHARDS": "5", "TALLYGATE_DATA": "x",
            ]
            let settings = try Settings.resolve(
                flags: flags(metrics: "127.0.0.1:4", shards: 7), file: path, environment: environment)
            #expect(settings.listen.description == "127.0.0.1:1")
            #expect(settings.address?.description == "environment.example:2")
            #expect(settings.metrics?.description == "127.0.0.1:4")
            #expect(settings.logLevel == .debug)
            #expect(settings.shards == 7)
            let below = try Settings.resolve(flags: flags(), file: path, environment: ["TALLYGATE_SHARDS": "5"])
            #expect(below.shards == 5 && below.logLevel == .error && below.metrics?.port == 2)
        }
        let plain = try Settings.resolve(flags: flags(listen: "[::1]:0"), file: nil, environment: [:])
        #expect(plain.logLevel == .info && plain.metrics == nil && (1...Limits.shardsMax).contains(plain.shards))
    }

    @Test(
        "A settings file with an unknown name, a wrong type or no object is refused",
        arguments: [
            #"{"listen": "127.0.0.1:1", "lisen": "x"}"#, #"{"listen": "127.0.0.1:1", "metrics": 9090}"#,
            #"{"listen": 7443}"#, #"{"listen": "127.0.0.1:1", "shards": "four"}"#,
            #"{"listen": "127.0.0.1:1", "shards": 0}"#, #"["listen"]"#, "", #"{"listen": "127.0.0.1"}"#,
            #"{"listen": "127.0.0.1:1", "log_level": "loud"}"#, #"{"listen": "127.0.0.1:1", "metrics": "0.0.0.0:1"}"#,
            #"{"listen": "127.0.0.1:1", "certificate": "only.pem"}"#, #"{"listen": "127.0.0.1:1", "address": "a:0"}"#,
        ])
    func refused(text: String) throws {
        try withFile(text) { path in
            _ = #expect(throws: SettingsError.self, "\(text)") {
                try Settings.resolve(flags: self.flags(), file: path, environment: [:])
            }
        }
    }

    @Test("Metrics are served on loopback only, and every refusal says what to do")
    func loopback() {
        for host in ["0.0.0.0:1", "192.168.1.1:1", "[::]:1", "gateway.example:1"] {
            #expect(throws: SettingsError.metricsNotLoopback, "\(host)") {
                try Settings.resolve(
                    flags: self.flags(listen: "127.0.0.1:0", metrics: host), file: nil, environment: [:])
            }
        }
        #expect(throws: SettingsError.missingListen) {
            try Settings.resolve(flags: self.flags(), file: nil, environment: [:])
        }
        #expect(throws: SettingsError.unreadable(path: "/nowhere/at/all")) {
            try Settings.resolve(flags: self.flags(), file: "/nowhere/at/all", environment: [:])
        }
        #expect(throws: SettingsError.value(key: "shards", expected: "a whole number")) {
            try Settings.resolve(
                flags: self.flags(listen: "127.0.0.1:0"), file: nil, environment: ["TALLYGATE_SHARDS": "many"])
        }
    }

    @Test("Every limit against abuse can be set in the file and the environment, within its range, and is documented")
    func limits() throws {
        for bound in AbuseLimits.Bound.allCases {
            let low = bound.range.lowerBound
            try withFile(#"{"listen": "127.0.0.1:1", "\#(bound.rawValue)": \#(low)}"#) { path in
                let settings = try Settings.resolve(flags: self.flags(), file: path, environment: [:])
                #expect(settings.limits[bound] == low)
                let name = "TALLYGATE_" + bound.rawValue.uppercased()
                let high = bound.range.upperBound
                let above = try Settings.resolve(flags: self.flags(), file: path, environment: [name: "\(high)"])
                #expect(above.limits[bound] == high)
                for wrong in ["\(low - 1)", "\(high + 1)", "many"] {
                    _ = #expect(throws: SettingsError.self, "\(name)=\(wrong)") {
                        try Settings.resolve(flags: self.flags(), file: path, environment: [name: wrong])
                    }
                }
            }
        }
        let plain = try Settings.resolve(flags: flags(listen: "127.0.0.1:0"), file: nil, environment: [:])
        #expect(plain.limits == AbuseLimits())
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "docs/OPERATIONS.md"), encoding: .utf8)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") }
        for bound in AbuseLimits.Bound.allCases {
            let row = rows.first { $0.hasPrefix("| `\(bound.rawValue)` |") }
            let digits = row?.split(separator: "|").dropFirst().first?.filter(\.isNumber)
            #expect(digits == "\(bound.usual)", "the row of \(bound.rawValue) and its default")
        }
    }

    @Test("A server certificate of another authority is replaced by one that workstations with ca.pem trust")
    func mixedAuthority() throws {
        let rig = try Rig()
        rig.stop()
        let other = try CertificateAuthority.make(nowSeconds: Int64(Date().timeIntervalSince1970))
        let tls = rig.path + "/tls/"
        try Data(other.pair.certificate).write(to: URL(fileURLWithPath: tls + "ca.pem"))
        try Data(other.pair.key).write(to: URL(fileURLWithPath: tls + "ca-key.pem"))
        try rig.start()
        let spool = Spool(token: try rig.enroll())
        try rig.peer().open(spool.hello())
    }

    @Test("Without the authority's key the certificate serves on, and an authority is never made anew over ca.pem")
    func missingAuthorityKey() throws {
        let rig = try Rig()
        rig.stop()
        let tls = rig.path + "/tls/"
        let authority = FileManager.default.contents(atPath: tls + "ca.pem")
        try FileManager.default.removeItem(atPath: tls + "ca-key.pem")
        try rig.start()
        let spool = Spool(token: try rig.enroll())
        try rig.peer().open(spool.hello())
        rig.stop()
        try FileManager.default.removeItem(atPath: tls + "server.pem")
        do {
            try rig.start()
            Issue.record("started without an authority's key")
        } catch {
            #expect("\(error)".contains("ca-key.pem"), "\(error)")
        }
        #expect(FileManager.default.contents(atPath: tls + "ca.pem") == authority)
    }

    @Test("A rubbish server certificate is made anew")
    func rubbishCertificate() throws {
        let rig = try Rig()
        rig.stop()
        try Data("rubbish".utf8).write(to: URL(fileURLWithPath: rig.path + "/tls/server.pem"))
        try rig.start()
        let spool = Spool(token: try rig.enroll())
        try rig.peer().open(spool.hello())
    }

    @Test("A peer that fails the handshake is logged with the reason, and with nothing that it sent")
    func handshakeReason() throws {
        let rig = try Rig()
        let plain = try RawConnection(to: try rig.gateway.address)
        plain.send("GET /SECRET HTTP/1.1\r\nHost: x\r\n\r\n")
        _ = plain.readAll(seconds: 2)
        #expect(eventually { rig.log.text.contains("handshake failed") })
        let line = rig.log.all.first { $0.contains("handshake failed") } ?? ""
        #expect(line.contains("does not speak TLS"), "\(line)")
        #expect(!rig.log.text.contains("SECRET"))
        #expect(rig.metrics.value(.handshakesFailed) == 1)
        #expect(rig.metrics.value(.connections) == 0)
    }
}
