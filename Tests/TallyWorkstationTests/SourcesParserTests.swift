import TallyModel
import Testing

@testable import TallyWorkstation

@Suite("Bytes become facts or typed refusals")
struct SourcesParserTests {
    private func skip(_ text: String) throws(JSONError) -> Int {
        let bytes = Array(text.utf8)
        var cursor = JSONCursor()
        try cursor.skip(bytes.span)
        try cursor.finish(bytes.span)
        return cursor.position
    }

    @Test("Every truncation of a line is an error, and only the whole is none")
    func truncations() throws {
        let text = #"{"a":[1,-2.5e+3,{"b":"\"\\\\\"","":null}],"c":{},"d":[],"e":true,"f":false,"g":"é\ud83d\ude00"}"#
        _ = try skip(text)
        for length in 0..<text.utf8.count {
            #expect(throws: JSONError.self) {
                try skip(String(decoding: Array(text.utf8).prefix(length), as: UTF8.self))
            }
        }
    }

    @Test(
        "What JSON forbids is refused",
        arguments: [
            "{\"a\" 1}", "{\"a\":1,}", "[1,]", "[1 2]", "{]", "[}", "{1:2}", "tru", "nulL", "01", "1.", "-", "1e", "+1",
            "\"", "{} {}", "'a'", "{\"a\":}", ",", "]", "", " ", "[\u{0}]",
        ])
    func forbidden(text: String) {
        #expect(throws: JSONError.self) { try skip(text) }
    }

    @Test("Nesting is bounded")
    func depth() throws {
        let fits = JSONCursor.depthMax
        _ = try skip(String(repeating: "[", count: fits) + String(repeating: "]", count: fits))
        #expect(throws: JSONError.tooDeep) { try skip(String(repeating: "[", count: fits + 1)) }
    }

    @Test("Any flipped byte of a transcript line gives a result, never a trap")
    func flips() throws {
        var claude = ClaudeParser(hash: TestHash(), projects: ProjectResolver(hash: TestHash(), files: DiskFolders()))
        var codex = CodexParser(hash: TestHash(), projects: ProjectResolver(hash: TestHash(), files: DiskFolders()))
        let session = TestHash().sessionID([1].span)
        for text in [claudeLine(stop: "x"), codexRow([9, 4, 2, 1], [9, 4, 2, 1])] {
            let bytes = Array(text.utf8.dropLast())
            for index in bytes.indices {
                for value in [UInt8(0), 0x22, 0x5C, 0x7B, 0x7D, 0x39, 0xFF] {
                    var broken = bytes
                    broken[index] = value
                    var state = ParserState(session: session)
                    _ = claude.parse(broken.span, &state)
                    _ = codex.parse(broken.span, &state)
                }
            }
        }
    }

    @Test("Money is read exactly")
    func decimals() throws {
        for (text, nano) in [
            ("0.0152606", 15_260_600), ("1", 1_000_000_000), ("1.5e-3", 1_500_000), ("0", 0), ("0.0000000005", 0),
            ("0.0000000015", 2), ("0.015260600000000001", 15_260_600), ("12E1", 120_000_000_000), ("1e-300", 0),
            ("0.00000000050000000000000000001", 1),
        ] as [(String, UInt64)] {
            let bytes = Array(text.utf8)
            var cursor = JSONCursor()
            #expect(try cursor.decimal(bytes.span).scaled(places: 9) == nano, "\(text)")
        }
        for text in ["-1", "1e300", "99999999999999999999"] {
            let bytes = Array(text.utf8)
            var cursor = JSONCursor()
            #expect(try cursor.decimal(bytes.span).scaled(places: 9) == nil, "\(text)")
        }
    }

    @Test("Times are read to the millisecond, and days that do not exist are not times")
    func times() {
        func read(_ text: String) -> Int64? {
            let bytes = Array(text.utf8)
            return TimeText.milliseconds(bytes.span, JSONText(start: 0, end: bytes.count, hasEscapes: false))
        }
        for (text, ms) in [
            ("1970-01-01T00:00:00.001Z", 1), ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("2026-04-10T10:00:01.5Z", 1_775_815_201_500), ("2026-04-10T12:00:01.123456+02:00", 1_775_815_201_123),
            ("2026-04-10 09:30:01-00:30", 1_775_815_201_000), ("2016-12-31T23:59:60Z", 1_483_228_799_000),
        ] as [(String, Int64)] {
            #expect(read(text) == ms, "\(text)")
        }
        for text in [
            "2025-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-04-31T00:00:00Z", "2026-04-10T24:00:00Z",
            "2026-04-10T10:00:01", "2026-04-10T10:00:01.Z", "2026-04-10", "1970-01-01T00:00:00Z",
            "9999-01-01T00:00:00Z",
            "2026-04-10T10:00:01ZZ", "+026-04-10T10:00:01Z",
        ] {
            #expect(read(text) == nil, "\(text)")
        }
    }

    @Test("A UUID stays a session's id; anything else becomes a UUID of version 8")
    func sessions() {
        let uuid = Array("6F9619FF-8B86-D011-B42D-00C04FC964FF".utf8)
        #expect(TestHash().sessionID(uuid.span).value.uuidText == "6f9619ff-8b86-d011-b42d-00c04fc964ff")
        let other = Array(TestHash().sessionID(Array("session-alpha".utf8).span).value.uuidText)
        #expect(other[14] == "8")
        #expect("89ab".contains(other[19]))
    }

    @Test("All ways to clone a repository are one project")
    func remotes() {
        for url in [
            "https://github.com/Acme/App.git", "https://user:secret@GitHub.com:443/Acme/App",
            "git@github.com:Acme/App.git",
            "ssh://git@github.com:22/Acme/App.git/",
        ] {
            #expect(GitRemote.normalised(url) == "github.com/Acme/App", "\(url)")
        }
        for url in ["/srv/git/app.git", "file:///srv/app", "../app", "", ":", "https://"] {
            #expect(GitRemote.normalised(url) == nil, "\(url)")
        }
        let config =
            "[core]\n\turl = no\n[remote \"fork\"]\n\turl = a.b:c\n[remote \"origin\"]\n\tURL = git@h.x:y.git\n"
        #expect(GitRemote.origin(inConfig: Array(config.utf8)) == Array("h.x/y".utf8))
    }

    @Test("Folders of one repository, its worktrees and its clones are one project; others are their own")
    func projects() throws {
        let scratch = try Scratch()
        let config = "[remote \"origin\"]\n\turl = https://h.x/y.git\n"
        try scratch.write("repo/.git/config", config)
        try scratch.write("repo/sub/file", "")
        try scratch.write("repo/.git/worktrees/w/commondir", "../..\n")
        try scratch.write("tree/.git", "gitdir: ../repo/.git/worktrees/w\n")
        try scratch.write("clone/.git/config", config)
        try scratch.write("lonely/.git/config", "")
        var resolver = ProjectResolver(hash: TestHash(), files: DiskFolders())
        func project(_ path: String) -> ProjectID? {
            let bytes = Array((scratch.path + path).utf8)
            return resolver.project(of: JSONText(start: 0, end: bytes.count, hasEscapes: false), bytes.span)
        }
        let repo = project("/repo")
        #expect(repo != nil)
        for same in ["/repo/sub", "/repo/sub/gone", "/tree", "/clone"] { #expect(project(same) == repo, "\(same)") }
        #expect(project("/lonely") == project("/lonely/deeper"))
        #expect(Set([repo, project("/lonely"), project("/else"), project("/else/where")]).count == 4)
    }
}

@Suite("The workstation's hash is keyed")
struct SourcesHashTests {
    @Test("Another key or another domain gives another hash, and a project depends on the tenant's key alone")
    func keys() throws {
        let (a, b) = ([UInt8](repeating: 1, count: 32), [UInt8](repeating: 2, count: 32))
        let first = try #require(WorkstationHash(ownKey: a, tenantKey: a))
        let own = try #require(WorkstationHash(ownKey: b, tenantKey: a))
        let tenant = try #require(WorkstationHash(ownKey: a, tenantKey: b))
        let text = Array("msg_1".utf8)
        let all = [first, own, tenant].map { hash in
            (hash.digest(.message, text.span), hash.digest(.project, text.span))
        }
        #expect(all[0].0 != all[1].0 && all[0].1 == all[1].1)
        #expect(all[0].0 == all[2].0 && all[0].1 != all[2].1)
        #expect(first.digest(.request, text.span) != all[0].0)
        #expect(WorkstationHash(ownKey: [1], tenantKey: a) == nil)
    }
}
