import Foundation
import Testing

/// `tallybench`'s commands that need no gateway, at their smallest: each runs, checks its own work and says so.
@Suite("The parts, timed", .serialized)
struct PartsTests {
    /// What a command printed last, which with `--json` is one object.
    private func figures(_ sandbox: Sandbox, _ arguments: String...) throws -> [String: Any] {
        let outcome = try sandbox.run("tallybench", arguments + ["--seed", "7", "--json"])
        try #require(outcome.status == 0, "\(arguments): \(outcome.errors)\(outcome.output)")
        let line = try #require(outcome.output.split(separator: "\n").last)
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
        let figures = try #require(object as? [String: Any])
        #expect(figures["check"] as? Bool == true)
        return figures
    }

    private func number(_ figures: [String: Any], _ name: String) throws -> Double {
        try #require(figures[name] as? NSNumber, "\(name) is missing").doubleValue
    }

    private func steps(_ figures: [String: Any]) throws -> [String] {
        let rows = try #require(figures["steps"] as? [[String: Any]])
        for row in rows {
            for name in ["cpu_ns_per_event", "wall_ns_per_event"] { #expect(try number(row, name) >= 0) }
        }
        return rows.compactMap { $0["step"] as? String }
    }

    @Test("Encoding and decoding are timed step by step, and every row comes back as it went in")
    func codec() throws {
        let sandbox = try Sandbox()
        for command in ["encode", "decode"] {
            let figures = try figures(
                sandbox, command, "--events", "2000", "--events-per-batch", "150", "--rounds", "1")
            #expect(try number(figures, "events") == 2_000)
            #expect(try number(figures, "batches") == 14)
            let body = try number(figures, "body_bytes_per_event")
            #expect(try body > 5 && body < number(figures, "wire_bytes_per_event"))
            #expect(try number(figures, "cpu_ns_per_event") > 0)
            #expect(try steps(figures).count == (command == "encode" ? 2 : 3))
        }
    }

    @Test("Bytes an event are shown for few and many sessions and every size of batch")
    func wire() throws {
        let sandbox = try Sandbox()
        let figures = try figures(sandbox, "wire", "--events", "600", "--gzip-batches", "2")
        let rows = try #require(figures["rows"] as? [[String: Any]])
        #expect(try rows.map { try number($0, "events_per_batch") } == [1, 10, 100, 500, 1, 10, 100, 500])
        #expect(try rows.map { try number($0, "sessions") } == [5, 5, 5, 5, 64, 64, 64, 64])
        for row in rows {
            #expect(try number(row, "body") <= number(row, "raw"))
            #expect(try number(row, "body") < number(row, "wire"))
            #expect(try number(row, "wire") < number(row, "json_lines"))
        }
    }

    @Test("A scan of generated homes counts their truth, with a spool and without", arguments: [true, false])
    func scan(withSpool: Bool) throws {
        let sandbox = try Sandbox()
        let spool = withSpool ? ["--spool"] : []
        let outcome = try sandbox.run(
            "tallybench", ["scan", "--bytes", "600K", "--seed", "7", "--json"] + spool)
        try #require(outcome.status == 0, "\(outcome.errors)")
        let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
        let figures = try #require(object as? [String: Any])
        #expect(figures["check"] as? Bool == true)
        #expect(figures["is_truth_known"] as? Bool == true)
        #expect(figures["spool"] as? Bool == withSpool)
        #expect(try number(figures, "bytes") >= 600_000)
        #expect(try number(figures, "cpu_mb_per_s") > 0)
        #expect(try number(figures, "plain_read_cpu_mb_per_s") > 0)
    }

    @Test("A scan of homes that tallygen wrote counts what its truth says, and a wrong truth is found out")
    func homes() throws {
        let sandbox = try Sandbox()
        let truth = try sandbox.generate(seed: 7, calls: 300)
        let figures = try figures(sandbox, "scan", "--homes", sandbox.path("homes"))
        #expect(try number(figures, "events") == Double(truth.totals.events))
        let path = sandbox.path("homes/truth.json")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let wrong = text.replacingOccurrences(of: "\"totals\":{\"events\":", with: "\"totals\":{\"events\":1")
        try #require(wrong != text)
        try Data(wrong.utf8).write(to: URL(fileURLWithPath: path))
        let outcome = try sandbox.run("tallybench", ["scan", "--homes", sandbox.path("homes")])
        #expect(outcome.status != 0)
        #expect(outcome.errors.contains("the truth is"), "\(outcome.errors)")
    }

    @Test("Homes with longer texts are kept where they are wanted, and scanned there")
    func longTexts() throws {
        let sandbox = try Sandbox()
        let made = try sandbox.run(
            "tallybench",
            ["scan", "--bytes", "900K", "--text-scale", "8", "--out", sandbox.path("long"), "--seed", "7"])
        #expect(made.status == 0 && made.output.isEmpty, "\(made.errors)")
        let figures = try figures(sandbox, "scan", "--homes", sandbox.path("long"))
        #expect(try number(figures, "bytes") >= 900_000)
        #expect(try number(figures, "bytes") / number(figures, "events") > 6_000, "a call takes more bytes")
        for name in ["cpu_s_per_gb", "peak_private_mb"] { #expect(try number(figures, name) > 0) }
    }

    @Test("A rebuild is split into its steps, gives the generator's totals, and a kept folder serves again")
    func rebuild() throws {
        let sandbox = try Sandbox()
        let folder = sandbox.path("ledgers")
        for _ in 0..<2 {
            let figures = try figures(
                sandbox, "rebuild", "--events", "3000", "--tenants", "2", "--days", "3", "--folder", folder)
            #expect(try number(figures, "events") == 3_000)
            #expect(try number(figures, "cells") > 0)
            #expect(try number(figures, "cpu_events_per_s") > 0)
            #expect(try steps(figures).count == 6)
        }
        let other = try sandbox.run(
            "tallybench",
            ["rebuild", "--events", "4000", "--tenants", "2", "--days", "3", "--folder", folder, "--seed", "7"])
        #expect(other.status != 0)
        #expect(other.errors.contains("name another folder"), "\(other.errors)")
    }

    @Test("Reports are timed for every zone, and each equals the sum of the cells")
    func query() throws {
        let sandbox = try Sandbox()
        let figures = try figures(sandbox, "query", "--events", "200000", "--runs", "2")
        #expect(try number(figures, "cells") > 100)
        #expect(try number(figures, "wall_ms_p99") > 0)
        let reports = try #require(figures["reports"] as? [[String: Any]])
        #expect(reports.count == 6)
        for report in reports { #expect(try number(report, "rows") > 0) }
    }

    @Test("Sizes that make no sense are refused")
    func refusals() throws {
        let sandbox = try Sandbox()
        let calls = [
            ["encode", "--events-per-batch", "0"], ["decode", "--events", "0"], ["wire", "--events", "3"],
            ["scan", "--bytes", "none"], ["scan", "--bytes", "1K", "--homes", "x"], ["rebuild", "--tenants", "0"],
            ["query", "--runs", "0"],
        ]
        for call in calls {
            let outcome = try sandbox.run("tallybench", call)
            #expect(outcome.status == 64, "\(call): \(outcome.errors)")
        }
    }
}
