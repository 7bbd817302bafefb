import Foundation
import Synchronization
import TallyIO
import TallyModel
import Testing

@testable import TallyWorkstation

/// Sees what a test says.
final class TestLookout: AgentLookout {
    private let state = Guarded((sightings: AgentSightings(), looks: 0))

    var looks: Int { state.withLock { $0.looks } }

    func show(_ body: @Sendable (inout AgentSightings) -> Void) { state.withLock { body(&$0.sightings) } }

    func look(_ hash: some KeyedHash) -> AgentSightings {
        state.withLock { state in
            state.looks += 1
            return state.sightings
        }
    }
}

@Suite("States of sessions on their way from transcripts to the gateway")
struct StatesEngineTests {
    private static let id = "6f1f4c8e-0f4a-4c1b-9d2e-3a5b7c9d1e2f"

    private func write(_ bench: CoreBench, stop: String?, message: String) {
        bench.folders.append(
            CoreBench.path,
            claudeLine(message: message, request: message, session: Self.id, stop: stop, time: bench.nextTime()))
    }

    private func follow(_ bench: CoreBench) throws {
        bench.core.follow(bench.now)
        bench.perform()
        try bench.run(for: .seconds(3))
    }

    private func change(_ bench: CoreBench) throws {
        bench.core.folderChanged(bench.now)
        bench.perform()
        try bench.run(for: .seconds(8))
    }

    private func words(_ bench: CoreBench) -> [String] {
        bench.gateway.ledger.compactMap { event in
            switch event.kind {
            case .state: event.state?.name
            case .sessionEnd: "ended"
            default: nil
            }
        }
    }

    @Test("While it follows, states go to the gateway in their order, with their session and agent and nothing else")
    func follows() throws {
        let lookout = TestLookout()
        let bench = try CoreBench(lookout: lookout)
        try follow(bench)
        write(bench, stop: nil, message: "m1")
        try change(bench)
        write(bench, stop: "end_turn", message: "m1")
        try change(bench)
        #expect(words(bench) == ["working", "waiting_user"])
        let states = bench.gateway.ledger.filter { $0.kind == .state }
        #expect(states.allSatisfy { $0.agent == .claudeCode && $0.session.value.uuidText == Self.id })
        #expect(states.allSatisfy { EventRules.present($0) == ColumnSet([.kind, .session, .timeMs, .agent, .state]) })
        try bench.run(for: .seconds(700))
        #expect(words(bench) == ["working", "waiting_user", "idle"])
        #expect(bench.core.spool.counter.tally(of: .claude).otherEvents == 3)
        #expect(bench.core.spool.state.unacknowledged == 0)
    }

    @Test("Transcripts of the past give no states, nor does a sync, nor an engine without a lookout")
    func past() throws {
        let lookout = TestLookout()
        let bench = try CoreBench(lookout: lookout)
        write(bench, stop: nil, message: "old")
        try bench.run(for: .seconds(400))
        try follow(bench)
        #expect(bench.gateway.ledger.contains { $0.kind == .usage } && words(bench).isEmpty)

        let once = try CoreBench(lookout: lookout)
        write(once, stop: nil, message: "m1")
        #expect(try once.sync() == 0)
        #expect(words(once).isEmpty)

        let blind = try CoreBench()
        try follow(blind)
        write(blind, stop: nil, message: "m1")
        try change(blind)
        #expect(words(blind).isEmpty && blind.core.states == nil)
    }

    @Test("A process that goes in a turn has crashed, and after that nothing is looked for any more")
    func crash() throws {
        let lookout = TestLookout()
        let bench = try CoreBench(lookout: lookout)
        let known = TestHash().uuidSession(Array(Self.id.utf8).span)
        let session = try #require(known)
        lookout.show { $0.seesProcesses = true }
        try follow(bench)
        write(bench, stop: "tool_use", message: "m1")
        let wallMs = bench.now.wallMs
        lookout.show {
            $0.records[session] = .init(session: session, kind: .turn, timeMs: wallMs, isAlive: true)
        }
        try change(bench)
        lookout.show {
            $0.records[session] = .init(session: session, kind: .turn, timeMs: wallMs, isAlive: false)
        }
        try bench.run(for: .seconds(12))
        #expect(words(bench) == ["working", "crashed"])
        let looks = lookout.looks
        try bench.run(for: .seconds(300))
        #expect(lookout.looks == looks)
    }

    @Test("After a restart a session that lives is told anew once, with the same time, and one of the past is not")
    func restart() throws {
        let lookout = TestLookout()
        let bench = try CoreBench(lookout: lookout)
        try follow(bench)
        write(bench, stop: nil, message: "m1")
        try change(bench)
        try bench.restart(losingPower: false)
        try follow(bench)
        try bench.run(for: .seconds(60))
        let states = bench.gateway.ledger.filter { $0.kind == .state }
        #expect(states.map(\.state) == [.working, .working])
        #expect(states[0].timeMs == states[1].timeMs)
        try bench.restart(losingPower: false)
        bench.pass(until: bench.now.monotonic + .seconds(400))
        try follow(bench)
        #expect(words(bench).count == 2)
    }

    @Test("An idle engine looks seldom, and one that watches nobody never again")
    func seldom() throws {
        let lookout = TestLookout()
        let bench = try CoreBench(lookout: lookout)
        try follow(bench)
        try bench.run(for: .seconds(600))
        #expect(lookout.looks == 1)
        write(bench, stop: "end_turn", message: "m1")
        try change(bench)
        try bench.run(for: .seconds(300))
        #expect((8...14).contains(lookout.looks))
    }
}

@Suite("Processes of agents, as this machine shows them")
struct LookoutTests {
    #if os(Linux)
    @Test("A process is known by its name, its folder, the rollout that it holds open and its record")
    func looks() throws {
        let scratch = try Scratch()
        let hash = TestHash()
        try scratch.write("bin/codex", "#!/bin/sh\nexec 3>>\"$1\"\nread line\n")
        try scratch.write("work/.keep", "")
        try scratch.write("rollout.jsonl", "{}\n")
        let codex = try start(scratch, "bin/codex", [scratch.file("rollout.jsonl")])
        try scratch.write("bin/claude", "#!/bin/sh\nread line\n")
        let claude = try start(scratch, "bin/claude", [])
        defer { for process in [codex, claude] where process.isRunning { kill(process.processIdentifier, SIGKILL) } }
        let id = "6f1f4c8e-0f4a-4c1b-9d2e-3a5b7c9d1e2f"
        func record(_ pid: Int32, _ name: String, _ rest: String) throws {
            try scratch.write(
                "home/sessions/\(name).json", "{\"pid\":\(pid),\"name\":\"SECRET\",\"sessionId\":\"\(id)\"\(rest)}")
        }
        try record(
            claude.processIdentifier, "1",
            ",\"status\":\"waiting\",\"waitingFor\":\"permission prompt\",\"statusUpdatedAt\":1790000000000")
        // Left behind by the process that had the session before.
        try record(999_999_999, "2", ",\"status\":\"busy\",\"statusUpdatedAt\":1790000000001")
        try scratch.write("home/sessions/3.json", "{\"pid\":[")
        let lookout = ProcessLookout(
            homes: SourceHomes(home: nil, claudeConfigDir: scratch.file("home"), codexHome: nil))
        let facts = try #require(WalkFolder.facts(scratch.file("rollout.jsonl")))
        let file = FileID(device: facts.device, inode: facts.inode)
        let folder = hash.word(.folder, Array(scratch.file("work").utf8).span)
        var sightings = AgentSightings()
        for _ in 0..<200 {
            sightings = lookout.look(hash)
            if sightings.openFiles.contains(file) { break }
            usleep(50_000)
        }
        #expect(sightings.seesProcesses && sightings.openFiles.contains(file))
        #expect(sightings.processes.contains(.init(agent: .codex, folder: folder)))
        #expect(sightings.processes.contains(.init(agent: .claudeCode, folder: folder)))
        let known = hash.uuidSession(Array(id.utf8).span)
        let session = try #require(known)
        #expect(
            sightings.records == [
                session: .init(session: session, kind: .asks, timeMs: 1_790_000_000_000, isAlive: true)
            ])
        for process in [codex, claude] {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        sightings = lookout.look(hash)
        #expect(!sightings.openFiles.contains(file))
        #expect(!sightings.processes.contains(.init(agent: .codex, folder: folder)))
        #expect(sightings.records[session]?.isAlive == false && sightings.records[session]?.kind == .turn)
    }

    private func start(_ scratch: Scratch, _ script: String, _ arguments: [String]) throws -> Process {
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: scratch.file(script))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: scratch.file(script))
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: scratch.file("work"))
        process.standardInput = Pipe()
        try process.run()
        return process
    }
    #endif

    @Test("A chat's folder is the one that its place notes, compared as those of processes are")
    func chatFolder() throws {
        let scratch = try Scratch()
        try scratch.write("tmp/a/.project_root", "/place/here\n")
        let gemini = GeminiParser(hash: TestHash(), files: DiskFolders())
        let word = TestHash().word(.folder, Array("/place/here".utf8).span)
        #expect(gemini.startFolder(ofChat: scratch.file("tmp/a/chats/session.json")) == word)
        #expect(gemini.startFolder(ofChat: scratch.file("tmp/b/chats/session.json")) == 0)
    }

    @Test("Scripts are known by their names and packages, and no other program is")
    func programs() {
        let cases: [(String, Agent?)] = [
            ("/usr/bin/gemini", .geminiCLI), ("codex", .codex), ("/x/codex.js", .codex), ("/x/claude", .claudeCode),
            ("/x/node_modules/@google/gemini-cli/dist/index.js", .geminiCLI),
            ("/x/@anthropic-ai/claude-code/cli.js", .claudeCode), ("/x/claude/index.js", nil), ("", nil), ("/", nil),
            ("claude-monitor", nil), (".js", nil),
        ]
        for (path, agent) in cases { #expect(ProcessLookout.agent(ofProgram: Array(path.utf8)) == agent, "\(path)") }
    }

    @Test("Of a registry's record only what is known is believed")
    func records() {
        let head = "\"pid\":7,\"sessionId\":\"s1\",\"statusUpdatedAt\":9"
        let cases: [(String, SessionSign.Kind??)] = [
            ("{\(head),\"status\":\"busy\"}", .some(.turn)), ("{\(head),\"status\":\"idle\"}", .some(.turnEnd)),
            ("{\(head),\"status\":\"waiting\",\"waitingFor\":\"input needed\"}", .some(.turnEnd)),
            ("{\"waitingFor\":\"permission prompt\",\(head),\"status\":\"waiting\"}", .some(.asks)),
            ("{\(head),\"status\":\"busy\",\"waitingFor\":\"permission prompt\"}", .some(.turn)),
            ("{\(head),\"status\":\"dreaming\"}", .some(nil)), ("{\(head)}", .some(nil)),
            ("{\"pid\":7,\"status\":\"busy\"}", nil), ("{\"pid\":-1,\"sessionId\":\"s1\"}", nil), ("[]", nil),
            ("{\(head),\"status\":\"busy\",\"cwd\":\"/left/in\"}", .some(.turn)),
            ("{\(head),\"status\":\"busy\",\"cwd\":\"/left/out/below\"}", nil), ("", nil),
        ]
        let registry = ClaudeRegistry(filter: FolderFilter(IgnoredFolders(["/left/out"]), files: DiskFolders()))
        for (text, kind) in cases {
            let record = registry.read(Array(text.utf8).span, TestHash())
            #expect(record.map(\.kind) == kind, "\(text)")
            if let record { #expect(record.pid == 7 && record.timeMs == 9) }
        }
    }
}
