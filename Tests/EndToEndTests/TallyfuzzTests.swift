import Foundation
import Testing

/// `tallyfuzz` against a real gateway, as a person runs it.
@Suite("Fuzzed from outside", .serialized)
struct TallyfuzzTests {
    private struct Rig {
        let sandbox: Sandbox
        let gateway: RunningGateway
        let token: String

        init() throws {
            sandbox = try Sandbox()
            gateway = try RunningGateway(sandbox)
            _ = try sandbox.tallygate("tenant", "create", "fuzz")
            let enrolled = try sandbox.tallygate("enroll", "--tenant", "fuzz", "--workstation", "fuzzer")
            let word = enrolled.output.split(separator: " ").first { $0.hasPrefix("tg_") }
            token = String(try #require(word, "\(enrolled.errors)"))
        }

        var place: [String] { ["--connect", gateway.address, "--ca", sandbox.data + "/tls/ca.pem"] }

        func tallyfuzz(_ arguments: String..., token: String? = nil) throws -> Sandbox.Outcome {
            try sandbox.run("tallyfuzz", place + ["--token", token ?? self.token] + arguments)
        }
    }

    private struct Report: Decodable {
        let cases: Int
        let findings: Int
        let interrupted: Int
        let families: [String: Tally]
        let private_kb_after: Int
        struct Tally: Decodable { let cases: Int }
    }

    @Test("A thousand cases of every family find nothing in the gateway, and what they left there verifies")
    func nothing() throws {
        let rig = try Rig()
        let outcome = try rig.tallyfuzz(
            "--seed", "7", "--cases", "1000", "--connections", "16", "--json", "--gateway-pid",
            "\(rig.gateway.processID)")
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        let last = try #require(outcome.output.split(separator: "\n").last)
        let report = try JSONDecoder().decode(Report.self, from: Data(last.utf8))
        #expect(report.cases == 1_000 && report.findings == 0)
        // A gateway may put a new model off, and say so; hardly any case brings one.
        #expect(report.interrupted < 10)
        #expect(report.families.count > 30 && report.private_kb_after > 0)
        #expect(rig.gateway.stop() == 0)
        let verified = try rig.sandbox.tallygate("verify")
        #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
    }

    @Test("One case by its number shows its frames, and a file of it does the same")
    func one() throws {
        let rig = try Rig()
        let outcome = try rig.tallyfuzz("--seed", "7", "--case", "3", "--family", "duplicate")
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("→ type 3") && outcome.output.contains("← ACK("), "\(outcome.output)")
        let file = rig.sandbox.path("one.tallyfuzz")
        try Data("tallyfuzz case 1\nopen session\nsend type=9 flags=0 u64:5\nsettle\n".utf8).write(
            to: URL(fileURLWithPath: file))
        let replayed = try rig.tallyfuzz("--replay", file)
        #expect(replayed.status == 0 && replayed.output.contains("← PONG"), "\(replayed.output)\(replayed.errors)")
    }

    @Test("Without a session it ends with 2 and says why; so does wrong usage")
    func two() throws {
        let rig = try Rig()
        let stranger = try rig.tallyfuzz("--cases", "10", token: "tg_nobody")
        #expect(stranger.status == 2 && stranger.errors.contains("UNAUTHENTICATED"), "\(stranger.errors)")
        let usage = try rig.tallyfuzz("--cases", "0")
        #expect(usage.status == 2 && usage.errors.contains("--cases"), "\(usage.errors)")
        let file = try rig.tallyfuzz("--replay", rig.sandbox.data + "/tls/ca.pem")
        #expect(file.status == 2 && file.errors.contains("no case of tallyfuzz"), "\(file.errors)")
        _ = rig.gateway.stop()
        let nobody = try rig.tallyfuzz("--cases", "10")
        #expect(nobody.status == 2, "\(nobody.errors)")
    }
}
