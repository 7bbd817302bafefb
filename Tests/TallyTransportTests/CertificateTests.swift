import Foundation
import TallyTLS
import Testing

@Suite("Certificates") struct CertificateTests {
    private static let day: Int64 = 86_400

    @Test("A server certificate says for whom and how long it holds")
    func facts() throws {
        let now: Int64 = 1_800_000_000
        let hosts = Set(
            ["Gateway.Example", "localhost", "127.0.0.1", "::1", "2001:db8::7"].compactMap(CertificateHost.init))
        #expect(hosts.count == 5)
        let authority = try CertificateAuthority.make(nowSeconds: now)
        let pair = try authority.serverCertificate(hosts: hosts, nowSeconds: now)
        let facts = try CertificateFacts(pem: pair.certificate)
        #expect(facts.hosts == hosts)
        #expect(facts.notBeforeSeconds == now - 3_600)
        #expect(facts.notAfterSeconds == now + 90 * CertificateTests.day)
        let own = try CertificateFacts(pem: authority.pair.certificate)
        #expect(own.notAfterSeconds == now + 3_650 * CertificateTests.day)
        #expect(own.hosts.isEmpty)
        try pair.check()
    }

    struct Renewal: Sendable, CustomTestStringConvertible {
        let name: String
        var ageDays: Int64 = 0
        var seconds: Int64 = 0
        var hosts: [String] = ["localhost", "127.0.0.1"]
        let isNeeded: Bool
        var testDescription: String { name }
    }

    static let renewals: [Renewal] = [
        Renewal(name: "new", isNeeded: false),
        Renewal(name: "exactly 30 days left", ageDays: 60, isNeeded: false),
        Renewal(name: "a second less", ageDays: 60, seconds: 1, isNeeded: true),
        Renewal(name: "expired", ageDays: 91, isNeeded: true),
        Renewal(name: "not valid yet", seconds: -3_601, isNeeded: true),
        Renewal(name: "a host more", hosts: ["localhost", "127.0.0.1", "gateway"], isNeeded: true),
        Renewal(name: "a host less", hosts: ["localhost"], isNeeded: true),
        Renewal(name: "the same hosts in another order and case", hosts: ["127.0.0.1", "LOCALHOST"], isNeeded: false),
    ]

    @Test("A certificate is renewed when its end is near or its hosts have changed", arguments: renewals)
    func renewal(_ entry: Renewal) throws {
        let now: Int64 = 1_800_000_000
        let hosts = Set(["localhost", "127.0.0.1"].compactMap(CertificateHost.init))
        let pair = try CertificateAuthority.make(nowSeconds: now).serverCertificate(hosts: hosts, nowSeconds: now)
        let facts = try CertificateFacts(pem: pair.certificate)
        let later = now + entry.ageDays * CertificateTests.day + entry.seconds
        let wanted = Set(entry.hosts.compactMap(CertificateHost.init))
        #expect(facts.needsRenewal(nowSeconds: later, hosts: wanted) == entry.isNeeded)
    }

    @Test("A key of another certificate is refused by name, alone and in a context")
    func mismatch() throws {
        let first = try Trust().server
        let second = try Trust().server
        let expected = CertificateError.keyMismatch(certificate: "a.pem", key: "b.key")
        #expect(throws: expected) {
            try CertificatePair(certificate: first.certificate, key: second.key)
                .check(certificateName: "a.pem", keyName: "b.key")
        }
        #expect(throws: expected) {
            try TLSServerContext(
                certificates: first.certificate, key: second.key, certificateName: "a.pem", keyName: "b.key")
        }
    }

    @Test("What is not PEM, not there or not an authority is refused by name")
    func unusable() throws {
        let trust = try Trust()
        let noise = Array("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8)
        for bytes in [[], Array("hello".utf8), noise, trust.server.key] {
            #expect(throws: CertificateError.noCertificate(file: "ca.pem")) {
                try TLSClientContext(trust: .authorities(bytes))
            }
        }
        #expect(throws: CertificateError.noKey(file: "key")) {
            try TLSServerContext(certificates: trust.server.certificate, key: trust.server.certificate)
        }
        #expect(throws: CertificateError.notAuthority(file: "ca.pem")) {
            try TLSClientContext(trust: .authorities(trust.server.certificate))
        }
        #expect(throws: CertificateError.notAuthority(file: "ca.pem")) {
            try CertificateAuthority(certificate: trust.server.certificate, key: trust.server.key)
        }
        #expect(throws: CertificateError.unreadable(file: "/nonexistent/ca.pem", errno: ENOENT)) {
            try TLSClientContext(authoritiesFile: "/nonexistent/ca.pem")
        }
        #expect(throws: CertificateError.noHosts) {
            try trust.authority.serverCertificate(hosts: [], nowSeconds: Trust.now)
        }
    }

    @Test(
        "A host that could smuggle an extension into a certificate is no host",
        arguments: [
            "a,DNS:b", "a b", "", "a\nb", "ä.example", "*.example", "a=b", "a/b", String(repeating: "a", count: 254),
        ])
    func hostileHost(_ text: String) {
        #expect(CertificateHost(text) == nil)
    }

    @Test("An authority knows its own certificates, before and after it was kept in files")
    func kept() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let trust = try Trust()
        let certificate = folder.appendingPathComponent("ca.pem").path
        let key = folder.appendingPathComponent("ca-key.pem").path
        #expect(FileManager.default.createFile(atPath: certificate, contents: Data(trust.authority.pair.certificate)))
        #expect(FileManager.default.createFile(atPath: key, contents: Data(trust.authority.pair.key)))
        let again = try CertificateAuthority(
            certificate: try PEM.read(path: certificate), key: try PEM.read(path: key))
        #expect(try again.hasIssued(trust.server.certificate))
        #expect(try !CertificateAuthority.make(nowSeconds: Trust.now).hasIssued(trust.server.certificate))
        _ = try TLSClientContext(authoritiesFile: certificate)
        _ = try TLSClientContext(trust: .system)
    }
}
