import TallyFuzzing
import TallyIO
import TallyModel
import TallyTLS
import Testing

@testable import tallyfuzz

/// The program's own connections, against the toy over TLS.
@Suite("Over TLS")
struct ServerTests {
    private func found(_ server: ToyServer, _ families: [Family], cases: Int) throws -> [String] {
        let host = try #require(HostPort(host: "127.0.0.1", port: server.address.port))
        let target = FuzzTarget(
            address: server.address, host: host.host,
            tls: try TLSClientContext(trust: .authorities(server.authority)),
            foreign: try TLSClientContext(trust: .authorities(server.authority), speaks: .http11))
        let room = try FuzzRoom(target, token: ToyRoom.token, lanes: 4, seed: 21)
        var campaign = Campaign(
            seed: 6, numbers: 0..<cases, of: families, nowMs: WallClock.nowMs(), shrinks: false)
        try room.run(&campaign)
        room.close()
        let total = campaign.total
        let words = campaign.interruption ?? ""
        #expect(total.cases == cases)
        #expect(total.interrupted == 0, "\(words)")
        return campaign.groups.map { "\($0.finding.rule): expected \($0.finding.expected), got \($0.finding.got)" }
    }

    private static let families: [Family] = [
        .valid, .varint, .lz4, .sequence, .length, .type, .half, .slow, .handshake, .replay, .fork, .hello, .state,
    ]

    @Test("Without a bug nothing is found over TLS either")
    func nothing() throws {
        let server = try ToyServer(nil)
        let found = try found(server, Self.families, cases: 260)
        #expect(found == [])
    }

    @Test("A bug is found over TLS as in memory")
    func bug() throws {
        let server = try ToyServer(.duplicateWithAnotherChain)
        let found = try found(server, [.duplicate, .valid], cases: 60)
        #expect(!found.isEmpty)
        #expect(found.allSatisfy { $0.hasPrefix("TG-6-3") }, "\(found)")
    }
}
