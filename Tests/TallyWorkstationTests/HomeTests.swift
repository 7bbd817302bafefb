import Foundation
import TallyIO
import TallyModel
import Testing

@testable import TallyWorkstation

@Suite("Home")
struct HomeTests {
    @Test("The home is for its owner alone: folders 0700, files 0600, also where it stood open before")
    func permissions() throws {
        let scratch = try Scratch()
        let path = scratch.file("home")
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        let home = try Home(path: path)
        _ = try home.ownKey()
        _ = try home.spoolFolder()
        try home.save(Self.sample)
        #expect(try home.folder.facts(".").mode == 0o700)
        #expect(try home.folder.facts("spool").mode == 0o700)
        for name in ["config", "keys"] { #expect(try home.folder.facts(name).mode == 0o600) }
    }

    @Test("Settings are read back as they were saved; forgetting them leaves none")
    func settings() throws {
        let scratch = try Scratch()
        let home = try Home(path: scratch.file("home"))
        #expect(try home.enrolment() == nil)
        try home.save(Self.sample)
        #expect(try home.enrolment() == Self.sample)
        var other = Self.sample
        other.authorities = nil
        try home.save(other)
        #expect(try home.enrolment() == other)
        try home.save(nil)
        #expect(try home.enrolment() == nil)
    }

    @Test("The key is drawn once and stays")
    func key() throws {
        let scratch = try Scratch()
        let home = try Home(path: scratch.file("home"))
        let key = try home.ownKey()
        #expect(key.count == 32)
        #expect(try Home(path: home.path).ownKey() == key)
    }

    @Test("A second owner is refused and the first is named")
    func secondOwner() throws {
        let scratch = try Scratch()
        let home = try Home(path: scratch.file("home"))
        let lock = try home.own()
        let refusal = #expect(throws: WorkstationError.self) { _ = try home.own() }
        let pid = ProcessInfo.processInfo.processIdentifier
        #expect(refusal?.description.contains("process \(pid)") == true)
        _ = consume lock
    }

    @Test(
        "TALLY_HOME is taken as it stands, ~ is HOME, and empty is not set",
        arguments: [
            ("/a/b", "/h", "/a/b"), ("~/t", "/h", "/h/t"), ("~", "/h", "/h"), ("", "/h", "/h/.local/state/tally"),
            (nil, "/h", "/h/.local/state/tally"),
        ] as [(String?, String?, String)])
    func path(tallyHome: String?, home: String?, expected: String) throws {
        #expect(try Home.path(tallyHome: tallyHome, home: home) == expected)
    }

    @Test("Damaged and newer settings are told apart")
    func damage() {
        #expect(throws: WorkstationError.configNewer) { try Enrolment(decoding: Array("tally-config 2\n".utf8)) }
        #expect(throws: WorkstationError.configDamaged) { try Enrolment(decoding: Array("x\n".utf8)) }
        var bytes = Self.sample.encode()
        bytes.removeLast()
        #expect(throws: WorkstationError.configDamaged) { try Enrolment(decoding: bytes) }
    }

    @Test("A token begins with tg_ and is one word; a line end behind it does not matter")
    func tokens() throws {
        #expect(try Enrolment.token("tg_abc\n") == Array("tg_abc".utf8))
        for text in ["", "abc", "tg_a b", "tg_a-b", "tg_" + String(repeating: "a", count: 300)] {
            #expect(throws: WorkstationError.badToken) { try Enrolment.token(text) }
        }
    }

    @Test("send exits 0 when all is acknowledged, 1 when a line was bad, 75 when the gateway has not taken it")
    func exitCodes() {
        #expect(ExitStatus.ofCommand(badLines: 0, isSettled: true) == 0)
        #expect(ExitStatus.ofCommand(badLines: 2, isSettled: true) == 1)
        #expect(ExitStatus.ofCommand(badLines: 0, isSettled: false) == 75)
        #expect(ExitStatus.ofCommand(badLines: 2, isSettled: false) == 75)
    }

    @Test("Bytes an event are rounded to one decimal")
    func tenths() {
        #expect(SyncReport.tenths(100, 8) == "12.5")
        #expect(SyncReport.tenths(2, 3) == "0.7")
        #expect(SyncReport.tenths(0, 3) == "0.0")
    }

    private static var sample: Enrolment {
        guard let gateway = HostPort("gateway.example:7443") else { preconditionFailure("an address") }
        return Enrolment(
            gateway: gateway, token: Array("tg_abc".utf8), authorities: Array("-----BEGIN\nx\n".utf8),
            tenantKey: [UInt8](repeating: 9, count: 32), keepsMs: 1_000,
            oldestMs: 5)
    }
}
