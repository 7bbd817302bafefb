import Foundation
import TallyModel
import Testing

@testable import TallyWorkstation

/// What sources do to whoever reads them.
extension PitfallTests {
    @Suite("Sources that fail")
    struct Damage {
        private func line(_ id: String, output: Int = 5, stop: String? = "x", model: String = "claude-opus-4-8")
            -> String
        {
            claudeLine(message: id, request: "r-" + id, output: output, stop: stop, model: model)
        }

        @Test(
            "Pitfall 15: broken lines, NUL bytes, placeholders and __proto__ stop nothing, and are told"
        )
        func lines() throws {
            let whole = line("cut", output: 1_000)
            let text =
                line("a") + "{\"type\":\"assistant\",\"message\":{\n" + "\u{0}\u{0}\u{0}\n" + "no json\n"
                // A line that another program wrote into: NUL bytes before a call that looks whole.
                + "\u{0}" + line("nul", output: 1_000)
                // A placeholder for the output, and the call with its true one.
                + line("b", output: 1, stop: nil) + line("b", output: 30)
                + line("c", model: "__proto__") + line("d", model: "constructor") + whole.dropLast(40)
            var bench = try PitfallBench(["projects/p/a.jsonl": text])
            let sums = try bench.sums()
            expect(sums.events, right: 4, wrong: 1, 5, 6)
            expect(sums.outputTokens, right: 5 + 30 + 5 + 5, wrong: 46, 1_045, 2_045)
            expect(sums.unpricedEvents, right: 2, wrong: 0)
            #expect(Set(bench.events.map { $0.model?.text }) == ["claude-opus-4-8", "unlisted", "constructor"])
            #expect(bench.tally(.claude)[.malformed] == 4)
            // The line that broke off is finished: now it counts.
            try bench.append("projects/p/a.jsonl", String(whole.suffix(40)))
            expect(try bench.sums().outputTokens, right: 1_045, wrong: 45, 2_045)
        }

        @Test("Pitfall 15: links to a file or its folder are one file")
        func links() throws {
            var bench = try PitfallBench(["projects/p/a.jsonl": line("a"), "sessions/a.jsonl": codexMeta("a")])
            let scratch = try #require(bench.scratch)
            let files = FileManager.default
            try files.createSymbolicLink(
                atPath: scratch.file("projects/p/b.jsonl"), withDestinationPath: "a.jsonl")
            try files.createSymbolicLink(atPath: scratch.file("projects/q"), withDestinationPath: "p")
            try files.createSymbolicLink(atPath: scratch.file("projects/p/loop"), withDestinationPath: "../../projects")
            // Without ids nothing but the file tells a copy: the line has no name.
            let bare = claudeLine(message: nil, request: nil, output: 7, stop: "x")
            try bench.append("projects/p/a.jsonl", bare)
            expect(try bench.sums().outputTokens, right: 12, wrong: 19, 24)
            #expect(bench.bench.scan.problems.duplicateFiles == 3)
        }

        @Test("Pitfall 15: a file that is rewritten, cut or replaced while it is read counts each call once")
        func rotated() throws {
            let calls = (1...20).map { line("m\($0)") }
            for way in 0..<3 {
                let scratch = try Scratch()
                try scratch.write("projects/p/a.jsonl", calls.joined())
                var bench = Bench(claude: scratch.path, eventsMax: 4)
                bench.scan.begin(bench.counter)
                guard case .full = bench.scan.advance(&bench.counter, nowMs: 1_000) else {
                    Issue.record("a part of the file is read")
                    return
                }
                bench.drain()
                let new = line("new") + calls.joined()
                switch way {
                // In place, and over it as editors do; and as logs are rotated.
                case 0: try rewrite(scratch.file("projects/p/a.jsonl"), new)
                case 1: try scratch.write("projects/p/a.jsonl", new)
                default:
                    try FileManager.default.moveItem(
                        atPath: scratch.file("projects/p/a.jsonl"), toPath: scratch.file("projects/p/old.jsonl"))
                    try scratch.write("projects/p/a.jsonl", line("new") + calls.suffix(2).joined())
                }
                bench.sync()
                expect(bench.sums.usageEvents, right: 21, wrong: 20, 24, 41)
                try rewrite(scratch.file("projects/p/a.jsonl"), calls[0])
                bench.sync()
                expect(bench.sums.usageEvents, right: 21, wrong: 22)
            }
        }

        @Test("Pitfall 15: a file that is written anew behind its last line's reading is read anew", arguments: 0..<6)
        func rewrittenBehind(reads: Int) throws {
            let calls = (1...20).map { line("m\($0)") }.joined()
            let bench = try CoreBench()
            bench.folders.append(CoreBench.path, calls)
            // Its new first line stands where lines have been read already.
            bench.folders.carryOut(
                .rewrite(CoreBench.path, Array((line("new") + calls + line("last")).utf8)), afterReads: reads)
            #expect(try bench.sync() == 0)
            bench.folders.flush()
            // A file is opened again when it has another size than was read of it.
            bench.folders.append(CoreBench.path, line("more"))
            #expect(try bench.sync() == 0)
            expect(bench.gateway.ledger.count, right: 23, wrong: 21, 22, 44)
        }

        private func rewrite(_ path: String, _ text: String) throws {
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try handle.truncate(atOffset: 0)
            try handle.write(contentsOf: Data(text.utf8))
            try handle.close()
        }

        @Test("Pitfall 15: a line of 100 MB is passed over, told, and the next one counts")
        func longLine() throws {
            let scratch = try Scratch()
            try scratch.write("projects/p/a.jsonl", line("a"))
            // A hole in the file: it reads as NUL bytes and takes no room.
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch.file("projects/p/a.jsonl")))
            try handle.truncate(atOffset: 100 << 20)
            try handle.close()
            try scratch.append("projects/p/a.jsonl", ("\n" + line("b")).utf8)
            var bench = Bench(claude: scratch.path)
            bench.sync()
            expect(bench.sums.usageEvents, right: 2, wrong: 1)
            #expect(bench.counter.tally(of: .claude)[.tooLong] == 1)
        }
    }
}
