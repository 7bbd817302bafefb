import Foundation
import Testing

/// The rules of the house that a compiler does not hold (docs/ARCHITECTURE.md, "Rules").
@Suite("Rules of the house")
struct RuleTests {
    let repository = Repository()

    /// Floors from the ground up; an import may point to a lower floor, and among machines to those named.
    static let floors: [String: Int] = [
        "COpenSSL": 0, "CLZ4": 0, "CXXHash": 0, "CZlib": 0, "CPlatform": 0,
        "TallyModel": 1,
        "TallyHash": 2, "TallyLZ4": 2, "TallyZlib": 2, "TallyIO": 2, "TallyTLS": 2, "TallySQLite": 2,
        "TallyWire": 3, "TallyPricing": 3, "TallyHTTP": 3, "TallyUsage": 3,
        "TallyRollup": 4,
        "TallyProtocol": 5, "TallyLog": 5, "TallyTransport": 5,
        "TallyStorage": 6,
        "TallyGateway": 7, "TallyWorkstation": 7,
        "TallyReport": 8,
        "tallygate": 9, "tally": 9,
    ]
    static let doors: Set<String> = ["TallyHash", "TallyLZ4", "TallyZlib", "TallyIO", "TallyTLS", "TallySQLite"]
    /// Test targets that stand before a C library of their own, or look at the kernel.
    static let testDoors: Set<String> = [
        "CrashDisk", "TallyGatewayTests", "TallyIOTests", "TallyTransportTests", "TidyTests",
    ]
    static let garden = ["Sources", "Tests", "fuzz", "bench"]

    @Test("No file is longer than 400 lines")
    func fileLength() {
        let long = repository.swiftFiles(in: Self.garden).filter { $0.lines.count > 401 }
        #expect(long.map { "\($0.path): \($0.lines.count)" } == [])
    }

    @Test("Imports point down the floors, never up or sideways")
    func imports() {
        var upward: [String] = []
        var seen = 0
        for file in repository.swiftFiles(in: ["Sources"]) {
            guard let own = Self.floors[file.target] else {
                upward.append("\(file.path): no floor for \(file.target)")
                continue
            }
            for (number, line) in file.code {
                let words = line.split(separator: " ").map(String.init)
                guard let position = words.firstIndex(of: "import"), position <= 2, position + 1 < words.count,
                    words[..<position].allSatisfy({
                        $0.first == "@" || $0 == "package" || $0 == "public" || $0 == "private" || $0 == "internal"
                    }),
                    let other = Self.floors[words[position + 1]]
                else { continue }
                seen += 1
                if other >= own { upward.append("\(file.path):\(number) imports \(words[position + 1])") }
            }
        }
        #expect(upward == [])
        #expect(seen > 50, "the rule has looked at hardly any import")
    }

    @Test("Unsafe code stands behind the doors only")
    func unsafeBehindDoors() {
        let words = [
            "unsafe", "UnsafePointer", "UnsafeMutablePointer", "UnsafeRawPointer", "UnsafeRawBufferPointer",
            "UnsafeMutableRawBufferPointer", "withUnsafeBytes", "withUnsafeMutableBytes", "Unmanaged", "OpaquePointer",
        ]
        var found: [String] = []
        let doors = Self.doors.union(Self.testDoors)
        for file in repository.swiftFiles(in: ["Sources", "Tests"]) where !doors.contains(file.target) {
            for (number, line) in file.code where words.contains(where: { line.hasWord($0) }) {
                found.append("\(file.path):\(number)")
            }
        }
        #expect(found == [])
    }

    @Test(
        "Nothing switches a check of the compiler off or is left undone",
        arguments: [
            "try!", "as!", "@unchecked Sendable", "nonisolated(unsafe)", "@preconcurrency", "TO" + "DO",
            "FIX" + "ME", "XX" + "X", "HA" + "CK", "unimplemented",
        ])
    func bannedWords(word: String) {
        var found: [String] = []
        for file in repository.swiftFiles(in: Self.garden) where !file.path.hasPrefix("Tests/TidyTests") {
            // Words that say "later" may not even stand in a comment; the switches of the compiler may be spoken of.
            let isWord = word.allSatisfy(\.isLetter)
            let lines = isWord ? file.lines.enumerated().map { ($0.offset + 1, $0.element) } : file.code
            for (number, line) in lines where isWord ? line.hasWord(word) : line.contains(word) {
                found.append("\(file.path):\(number)")
            }
        }
        #expect(found == [])
    }

    @Test("The dependency graph is free of SwiftNIO")
    func noNIO() throws {
        let manifest = try #require(repository.text("Package.swift"))
        #expect(!manifest.lowercased().contains("swift-nio"))
        // Package.resolved is written by every build, so it is here whenever this test runs.
        let resolved = try #require(repository.text("Package.resolved"), "Package.resolved is missing: build first")
        #expect(resolved.contains("swift-argument-parser"))
        #expect(!resolved.lowercased().contains("nio"))
    }

    @Test("The workstation and all below it do without Foundation")
    func noFoundation() {
        let free: Set<String> = [
            "TallyModel", "TallyHash", "TallyLZ4", "TallyIO", "TallyTLS", "TallyWire", "TallyHTTP", "TallyProtocol",
            "TallyLog", "TallyTransport", "TallyWorkstation", "tally", "TallyRollup", "TallyPricing", "TallyUsage",
            "TallyReport",
        ]
        var found: [String] = []
        for file in repository.swiftFiles(in: ["Sources"]) where free.contains(file.target) {
            for (number, line) in file.code where line.contains("import Foundation") {
                found.append("\(file.path):\(number)")
            }
        }
        #expect(found == [])
    }

    @Test("No file names a path of the machine it was written on")
    func noMachinePaths() {
        let words = ["/wo" + "rk/", "/tmp/w" + "t"]
        var found: [String] = []
        for folder in Self.garden + ["protocol", "docs"] {
            for path in repository.files(in: folder) where !path.hasSuffix(".bin") {
                guard let text = repository.text(path) else { continue }
                if words.contains(where: text.contains) { found.append(path) }
            }
        }
        #expect(found == [])
    }
}

extension String {
    /// Whether `word` stands in the text with no letter, digit or underscore beside it.
    func hasWord(_ word: String) -> Bool {
        var start = startIndex
        while let range = self.range(of: word, range: start..<endIndex) {
            let before = range.lowerBound == startIndex ? " " : self[index(before: range.lowerBound)]
            let after = range.upperBound == endIndex ? " " : self[range.upperBound]
            if !before.isWordCharacter, !after.isWordCharacter { return true }
            start = range.upperBound
        }
        return false
    }
}

extension Character {
    fileprivate var isWordCharacter: Bool { isLetter || isNumber || self == "_" }
}
