import Foundation
import Testing

/// `tally report` as a person runs it: no gateway, no enrolment, nothing kept.
@Suite("The report of this machine alone", .serialized)
struct LocalReportTests {
    private func report(_ sandbox: Sandbox, _ arguments: String..., tz: String = "UTC") throws -> Report {
        let outcome = try sandbox.run("tally", ["report", "--json", "--tz", tz] + arguments)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return try Report(outcome.output)
    }

    @Test(
        "Without a gateway the report gives the truth's figures, to the token and the nano-USD, and leaves nothing behind",
        arguments: [21, 22])
    func truth(seed: Int) throws {
        let sandbox = try Sandbox()
        let truth = try sandbox.generate(seed: seed, calls: 1_500)
        let models = try report(sandbox, "--by", "model")
        #expect(models.rows == truth.models)
        #expect(models.totals == truth.totals)
        #expect(try report(sandbox).rows == truth.days)
        #expect(!FileManager.default.fileExists(atPath: sandbox.home), "not even a home is made")
    }

    @Test("The report gives what the gateway's usage gives of the same transcripts, by everything, in any zone")
    func gateway() throws {
        let sandbox = try Sandbox()
        let truth = try sandbox.generate(seed: 23, calls: 1_500)
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        #expect(try sandbox.tally("sync").status == 0)
        for zone in ["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"] {
            for by in ["day", "hour"] {
                #expect(
                    try report(sandbox, "--by", by, tz: zone).rows
                        == sandbox.usage(by: by, extra: ["--timezone", zone]).rows, "\(by) in \(zone)")
            }
        }
        for by in ["model", "agent", "session", "origin"] {
            #expect(try report(sandbox, "--by", by).rows == sandbox.usage(by: by).rows, "by \(by)")
        }
        // Projects have names here and ids there: as many, with the same figures.
        let names = try report(sandbox, "--by", "project").rows
        let ids = try sandbox.usage(by: "project").rows
        #expect(names.count > 3 && names.count == ids.count)
        func sorted(_ rows: [String: Figures]) -> [Int] { rows.values.map(\.cost).sorted() }
        #expect(Set(names.values) == Set(ids.values) && sorted(names) == sorted(ids))
        let period = ["--since", "2026-11-10", "--until", "2026-11-13", "--timezone", "Europe/Berlin"]
        let days = try report(sandbox, "--from", "2026-11-10", "--to", "2026-11-12", tz: "Europe/Berlin")
        #expect(try days.totals == sandbox.usage(by: "day", extra: period).totals)
        #expect(days.totals.events > 0 && days.totals.events < truth.totals.events)
        #expect(gateway.stop() == 0)
    }

    @Test(
        "A report beside a running tally changes nothing of its state, and no project's name is in spool, keys or wire")
    func beside() throws {
        let sandbox = try Sandbox()
        let name = "CANARYNAMEzebra"
        let transcript = sandbox.path("homes/claude/projects/x/one.jsonl")
        try FileManager.default.createDirectory(
            atPath: sandbox.path("homes/claude/projects/x"), withIntermediateDirectories: true)
        let line = """
            {"timestamp":"2026-11-20T10:00:01Z","type":"assistant","sessionId":"s-1","cwd":"\(sandbox.path(name))",\
            "requestId":"r-1","message":{"id":"m-1","model":"claude-opus-4-5","stop_reason":"end_turn",\
            "usage":{"input_tokens":10,"output_tokens":5}}}

            """
        try line.write(toFile: transcript, atomically: true, encoding: .utf8)
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        let follower = sandbox.process("tally", ["run"])
        follower.standardOutput = FileHandle.nullDevice
        follower.standardError = FileHandle.nullDevice
        try follower.run()
        defer { if follower.isRunning { kill(follower.processIdentifier, SIGKILL) } }
        // The follower's door is open.
        usleep(2_000_000)
        #expect(try sandbox.tally("sync").status == 0)
        // What the running one had still to write is written.
        usleep(1_500_000)
        let before = try contents(below: sandbox.home)
        let table = try sandbox.tally("report", "--by", "project,session")
        #expect(table.status == 0, "\(table.errors)")
        #expect(table.output.contains(name), "\(table.output)")
        #expect(try contents(below: sandbox.home) == before)
        #expect(try report(sandbox).totals == sandbox.usage().totals)
        follower.terminate()
        follower.waitUntilExit()
        #expect(gateway.stop() == 0)
        var searched = 0
        for folder in [sandbox.home, sandbox.data] {
            for (path, bytes) in try contents(below: folder) {
                searched += 1
                #expect(bytes.range(of: Data(name.utf8)) == nil, "\(path)")
            }
        }
        #expect(searched > 5)
    }

    @Test("The table says what it rests on; without transcripts it says where it looked; a bad word ends with 1")
    func words() throws {
        let sandbox = try Sandbox()
        let empty = try sandbox.tally("report")
        #expect(empty.status == 0 && empty.output.contains("There are no transcripts"))
        #expect(empty.output.contains(sandbox.path("homes/claude/projects")))
        _ = try sandbox.generate(seed: 24, calls: 200)
        let table = try sandbox.tally("report", "--by", "model", extra: ["TZ": "Europe/Berlin"])
        #expect(table.output.contains("not priced") && table.output.contains("Reported"), "\(table.output)")
        #expect(table.output.contains("days of Europe/Berlin") && table.output.contains("Nothing was sent or kept."))
        for words in [["--by", "workstation"], ["--from", "yesterday"], ["--tz", "Mars/Base"]] {
            let refused = try sandbox.run("tally", ["report"] + words)
            #expect(refused.status == 1 && refused.errors.hasPrefix("tally: "), "\(words)")
        }
    }

    /// Every regular file below `folder` by its path.
    private func contents(below folder: String) throws -> [String: Data] {
        var found: [String: Data] = [:]
        let walk = FileManager.default.enumerator(
            at: URL(fileURLWithPath: folder), includingPropertiesForKeys: [.isRegularFileKey])
        for url in walk?.compactMap({ $0 as? URL }) ?? []
        where (try? url.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile == true {
            found[url.path] = try Data(contentsOf: url)
        }
        return found
    }
}
