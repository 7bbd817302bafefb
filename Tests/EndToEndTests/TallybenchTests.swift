import Foundation
import Testing

/// `tallybench` against a real gateway: what it says of a load is what the gateway says.
@Suite("Under load", .serialized)
struct TallybenchTests {
    /// A gateway with metrics, and workstations of two tenants; their tokens in a file.
    private struct Rig {
        let sandbox: Sandbox
        let gateway: RunningGateway
        let tokens: String

        init() throws {
            sandbox = try Sandbox()
            gateway = try RunningGateway(sandbox, extra: ["TALLYGATE_METRICS": "127.0.0.1:0"])
            tokens = sandbox.path("tokens")
            var lines = ""
            for tenant in ["demo", "other"] {
                _ = try sandbox.tallygate("tenant", "create", tenant)
                let enrolled = try sandbox.tallygate("enroll", "--tenant", tenant, "--workstation", "load")
                let words = enrolled.output.split(separator: " ")
                lines += try #require(words.first { $0.hasPrefix("tg_") }, "\(enrolled.errors)") + "\n"
            }
            try Data(lines.utf8).write(to: URL(fileURLWithPath: tokens))
        }

        var place: [String] { ["--connect", gateway.address, "--ca", sandbox.data + "/tls/ca.pem"] }

        func tallybench(_ command: String, _ arguments: String...) throws -> Sandbox.Outcome {
            try sandbox.run("tallybench", [command] + place + arguments + ["--json"])
        }
    }

    /// A figure: a number, a flag, words, or null.
    private struct Value: Decodable {
        let number: Double?
        let flag: Bool?

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            number = try? container.decode(Double.self)
            flag = try? container.decode(Bool.self)
        }
    }

    /// The figures in the last line.
    private func figures(_ outcome: Sandbox.Outcome) throws -> [String: Value] {
        let last = try #require(outcome.output.split(separator: "\n").last, "\(outcome.errors)")
        return try JSONDecoder().decode([String: Value].self, from: Data(last.utf8))
    }

    private func number(_ figures: [String: Value], _ name: String) throws -> Double {
        try #require(figures[name]?.number, "\(name) is missing")
    }

    private func tokens(_ figures: Figures) -> Int {
        figures.input + figures.cacheRead + figures.cacheWrite5m + figures.cacheWrite1h + figures.cacheWriteUnknown
            + figures.output
    }

    private struct Sent: Decodable {
        struct Row: Decodable {
            let line: Int
            let connections: Int
            let events: Int
            let tokens: Int
            let reported: Int
            enum CodingKeys: String, CodingKey {
                case line, connections, events, tokens, reported = "reported_cost_nano_usd"
            }
        }
        let tokens: [Row]
    }

    @Test("What ingest says was acknowledged is in each tenant's report, to the token, and the ledger verifies")
    func ingest() throws {
        let rig = try Rig()
        let account = rig.sandbox.path("sent.json")
        let picture = rig.sandbox.path("load.svg")
        let outcome = try rig.tallybench(
            "ingest", "--token-file", rig.tokens, "--connections", "5", "--in-flight", "3", "--events-per-batch", "40",
            "--duration", "1", "--warm-up", "0.2", "--gateway-pid", "\(rig.gateway.processID)", "--metrics",
            try rig.gateway.metrics(), "--sent", account, "--svg", picture)
        try #require(outcome.status == 0, "\(outcome.errors)\(outcome.output)")
        let figures = try figures(outcome)
        let events = try number(figures, "events")
        #expect(events > 0)
        #expect(try number(figures, "batches") * 40 == events)
        #expect(try number(figures, "gateway_events_committed") == events)
        for name in [
            "seconds", "events_per_second", "server_cpu_ns_per_event", "server_cpu_us_per_batch", "ack_p50_us",
            "ack_p99_us", "ack_p999_us", "ack_max_us", "wire_bytes_per_event", "tls_bytes_per_event", "commits",
            "barriers", "view_transactions", "client_cpu_ns_per_event",
        ] { #expect(try number(figures, name) > 0, "\(name)") }
        for name in ["rejected", "goaways", "connections_lost", "unacknowledged_batches"] {
            #expect(try number(figures, name) == 0, "\(name)")
        }
        #expect(figures["client_bound"]?.flag != nil && figures["views_settled"]?.flag == true)
        let svg = try String(contentsOfFile: picture, encoding: .utf8)
        #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))

        let sent = try JSONDecoder().decode(Sent.self, from: Data(contentsOf: URL(fileURLWithPath: account)))
        #expect(sent.tokens.map(\.connections) == [3, 2])
        #expect(Double(sent.tokens.reduce(0) { $0 + $1.events }) >= events, "the warm-up is in the account too")
        for (row, tenant) in zip(sent.tokens, ["demo", "other"]) {
            let usage = try rig.sandbox.tallygate("usage", "--tenant", tenant, "--by", "model", "--json")
            let totals = try Report(usage.output).totals
            #expect(totals.events == row.events && tokens(totals) == row.tokens, "\(tenant)")
            #expect(totals.reported == row.reported)
        }
        #expect(rig.gateway.stop() == 0)
        let verified = try rig.sandbox.tallygate("verify")
        #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
    }

    @Test("At a rate, each batch that falls due is sent or counted as held back")
    func rate() throws {
        let rig = try Rig()
        let outcome = try rig.tallybench(
            "ingest", "--token-file", rig.tokens, "--tenants", "1", "--connections", "4", "--events-per-batch", "25",
            "--rate", "5000", "--duration", "1", "--warm-up", "0")
        try #require(outcome.status == 0, "\(outcome.errors)\(outcome.output)")
        let figures = try figures(outcome)
        #expect(try number(figures, "batches") + number(figures, "batches_held_back") == 200)
        #expect(try rig.sandbox.usage().totals.events == Int(number(figures, "events")))
        let cost = try #require(figures["server_cpu_ns_per_event"])
        #expect(cost.number == nil, "who names no process gets no figure for it")
    }

    @Test("A token that the gateway does not know ends the load with 1 and the gateway's reason")
    func strangers() throws {
        let rig = try Rig()
        let outcome = try rig.tallybench("ingest", "--token", "tg_nobody", "--connections", "2", "--duration", "1")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("GOAWAY unauthenticated"), "\(outcome.errors)")
    }

    @Test("Idle connections are all welcomed, held to the end and weighed")
    func idle() throws {
        let rig = try Rig()
        let outcome = try rig.tallybench(
            "idle", "--token-file", rig.tokens, "--connections", "50", "--duration", "0.5", "--gateway-pid",
            "\(rig.gateway.processID)")
        try #require(outcome.status == 0, "\(outcome.errors)\(outcome.output)")
        let figures = try figures(outcome)
        #expect(try number(figures, "opened") == 50)
        #expect(try number(figures, "held_to_the_end") == 50)
        #expect(try number(figures, "failures") == 0)
        #expect(try number(figures, "gateway_anonymous_bytes_before") > 0)
        #expect(figures["gateway_bytes_per_connection"]?.number != nil)
    }

    @Test("Handshakes are counted and their cost at both ends reported")
    func handshake() throws {
        let rig = try Rig()
        let outcome = try rig.tallybench(
            "handshake", "--count", "50", "--in-flight", "4", "--warm-up", "5", "--pid", "\(rig.gateway.processID)")
        try #require(outcome.status == 0, "\(outcome.errors)\(outcome.output)")
        let figures = try figures(outcome)
        #expect(try number(figures, "handshakes") == 50)
        #expect(try number(figures, "failures") == 0)
        for name in ["server_cpu_us_per_handshake", "client_cpu_us_per_handshake", "handshake_p50_us"] {
            #expect(try number(figures, name) > 0, "\(name)")
        }
    }

    @Test("A server that speaks something else is refused by its reason")
    func otherProtocol() throws {
        let rig = try Rig()
        let outcome = try rig.tallybench("handshake", "--count", "3", "--warm-up", "0", "--alpn", "http/1.1")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("handshakes failed"), "\(outcome.errors)")
    }
}
