import Foundation
import Testing

/// A gateway's limits as a workstation meets them.
@Suite("Limits met by a workstation", .serialized)
struct LimitTests {
    private func line(_ number: Int, session: Int = 1, model: String) -> String {
        let time = Int(Date().timeIntervalSince1970 * 1_000) - 600_000 + number
        return "{\"kind\":\"usage\",\"id\":\"\(number)\",\"time_ms\":\(time),\"session\":\"s\(session)\","
            + "\"agent\":\"other\",\"model\":\"\(model)\",\"input_tokens\":10}\n"
    }

    @Test("Models over the limit count as unlisted, event by event and token by token; nothing is lost")
    func labels() throws {
        let sandbox = try Sandbox()
        let gateway = try RunningGateway(sandbox, extra: ["TALLYGATE_NEW_LABELS_PER_HOUR": "2"])
        try sandbox.enroll()
        let models = ["model-a", "model-b", "model-c", "model-a", "model-d", "model-b", "model-c", "model-c"]
        let input = (0..<80).map { line($0, model: models[$0 % models.count]) }.joined()
        let sent = try sandbox.tally("send", input: input)
        #expect(sent.status == 0, "\(sent.errors)")
        let report = try sandbox.usage(by: "model")
        #expect(report.rows.mapValues(\.events) == ["model-a": 20, "model-b": 20, "unlisted": 40])
        #expect(report.totals.input == 800 && report.gaps.events == 0)
        #expect(gateway.stop() == 0)
    }

    @Test("Settings of limits that make no sense keep a gateway from starting, and say what would do")
    func refused() throws {
        let sandbox = try Sandbox()
        let outcome = try sandbox.tallygate(
            "serve", "--listen", "127.0.0.1:0", extra: ["TALLYGATE_IDLE_SECONDS": "5"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("idle_seconds needs a number from 60 to 3600"), "\(outcome.errors)")
    }
}
