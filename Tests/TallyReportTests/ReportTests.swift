import Foundation
import TallyModel
import TallyUsage
import TallyWorkstation
import Testing

@testable import TallyReport

@Suite("Reports of this machine alone")
struct ReportTests {
    /// The folders that a machine has, by path: a file's text, or nil for a folder.
    private struct ToyFolders: ProjectFiles {
        let entries: [String: String?]
        func kind(_ path: String) -> ProjectEntry { entries[path].map { $0 == nil ? .folder : .file } ?? .nothing }
        func head(_ path: String) -> [UInt8]? { entries[path].flatMap { $0 }.map { Array($0.utf8) } }
    }

    private static func shown(_ names: [String]) throws -> [String] {
        let projects = ProjectNames()
        let ids = try names.enumerated().map { index, name in
            let id = try #require(ProjectID(Bytes16(high: 0x8000, low: UInt64(index + 1) | 0b10 << 62)))
            projects.note(id, Array(name.utf8).span)
            return id.value.uuidText
        }
        let shown = projects.shown()
        return try ids.map { try #require(shown[$0]) }
    }

    @Test("A project is called by the last part of its name, and by as many as tell it from another")
    func names() throws {
        #expect(try Self.shown(["github.com/acme/engine", "/home/me/notes"]) == ["engine", "notes"])
        #expect(
            try Self.shown(["github.com/acme/engine", "github.com/other/engine", "/srv/tool"])
                == ["acme/engine", "other/engine", "tool"])
        #expect(try Self.shown(["engine", "/srv/engine"]) == ["engine", "srv/engine"])
        #expect(try Self.shown(["/a/b", "/a//b"]) == ["a/b", "a/b"], "no more can be told")
        #expect(try Self.shown(["/home/me/repo/.git", "/"]) == ["repo", "/"])
    }

    @Test("A folder's name cannot lead a terminal astray or fill it")
    func harmless() throws {
        let name = try Self.shown(["/srv/\u{1B}[2Jx\u{202E}y\n"])[0]
        #expect(name == "?[2Jx?y?")
        #expect(try Self.shown(["/srv/" + String(repeating: "long", count: 500)])[0].count == 60)
    }

    @Test("A repository is one project with its own name, whichever of its folders an agent worked in")
    func repository() throws {
        let names = ProjectNames()
        let hash = NamingHash(ownKey: [UInt8](repeating: 1, count: 32), tenantKey: nil, names: names)
        let folders = ToyFolders(entries: [
            "/home/me/one/.git": nil,
            "/home/me/one/.git/config": "[remote \"origin\"]\n\turl = git@host.example:acme/engine.git\n",
        ])
        var parser = ClaudeParser(hash: hash, projects: ProjectResolver(hash: hash, files: folders))
        var state = ParserState(session: hash.sessionID(Array("s".utf8).span))
        for folder in ["/home/me/one", "/home/me/one/src", "/home/me/two"] {
            let line = Array(
                """
                {"timestamp":"2026-04-10T10:00:01Z","cwd":"\(folder)","message":{"id":"m-\(folder)",\
                "model":"claude-opus-4-5","stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}}
                """.utf8)
            guard case .fact = parser.parse(line.span, &state) else {
                Issue.record("the line counts")
                return
            }
        }
        #expect(names.shown().values.sorted() == ["engine", "two"])
    }

    @Test("What cannot be asked is refused in words that help")
    func refusals() throws {
        func failure(by: String = "day", from: String? = nil, to: String? = nil) -> ReportError? {
            do throws(ReportError) {
                _ = try ReportCommand(by: by, from: from, to: to, zone: nil, isJSON: false)
                return nil
            } catch {
                return error
            }
        }
        #expect(failure(by: "workstation")?.description.contains("day, hour, model") == true)
        #expect(failure(by: "day,day") == .usage(.dimensionTwice(.day)))
        #expect(failure(from: "2026-02-30") == .date("2026-02-30"))
        #expect(failure(from: "2026-03-02", to: "2026-03-01") == .datesTurned)
        #expect(failure(by: "day,model", from: "2026-03-01", to: "2026-03-01") == nil)
    }

    @Test("A zone's name never leads out of the folders of zones, and TZ may hold a rule")
    func zones() throws {
        for name in [
            "../../../etc/passwd", "/etc/passwd", "Europe//Berlin", ".hidden", "Mars/Base", "CET-1CEST,M3.5.0,M10.5.0",
        ] {
            #expect(throws: ReportError.zoneUnknown(name)) { try ZoneFinder(variable: nil).find(name) }
        }
        #expect(try ZoneFinder(variable: "").find(nil).zone.isUTC)
        #expect(try ZoneFinder(variable: "Mars/Base").find("UTC").zone.isUTC, "what was asked for comes first")
        let rule = try ZoneFinder(variable: "CET-1CEST,M3.5.0,M10.5.0/3").find(nil)
        #expect(rule.zone.offset(1_782_907_200) == 7_200)
        #expect(throws: ReportError.zoneUnknown("Mars/Base")) { try ZoneFinder(variable: ":Mars/Base").find(nil) }
    }
}
