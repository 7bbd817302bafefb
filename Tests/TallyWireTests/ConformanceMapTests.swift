import Foundation
import Testing
import VectorFiles

/// Keeps `protocol/CONFORMANCE.md` true: it may promise no test and no vector that is not there.
@Suite("The map from requirements to proofs is true")
struct ConformanceMapTests {
    @Test("CONFORMANCE.md has one line for every requirement, and every test and vector file that it names exists")
    func map() throws {
        let requirements = try documents(["SPEC.md", "BEHAVIOUR.md"]).matches(of: #/\*\*(TG-[0-9B]+-[0-9]+)\*\*/#)
            .map { String($0.output.1) }
        #expect(Set(requirements).count == requirements.count && requirements.count >= 60)
        let lines = try documents(["CONFORMANCE.md"]).split(separator: "\n").filter { $0.hasPrefix("| TG-") }
        let listed = lines.compactMap { $0.split(separator: " ").dropFirst().first.map(String.init) }
        #expect(listed == requirements)
        let tests = try displayNames()
        for (requirement, line) in zip(listed, lines) {
            for name in line.matches(of: #/"([^"]+)"/#).map({ String($0.output.1) }) {
                #expect(tests.contains(name), "\(requirement) names no test: \(name)")
            }
            let files = line.matches(of: #/`([a-z0-9-]+\.json)`/#).map { String($0.output.1) }
            #expect(files == (try vectors(of: requirement)), "\(requirement)")
            let isProven = !files.isEmpty || line.contains("\"")
            #expect(isProven != line.contains("| – none"), "\(requirement)")
        }
    }

    private func documents(_ names: [String]) throws -> String {
        try names.map { name in
            try String(contentsOf: Vectors.root.appending(path: "protocol/\(name)"), encoding: .utf8)
        }.joined(separator: "\n")
    }

    private func displayNames() throws -> Set<String> {
        let folder = Vectors.root.appending(path: "Tests")
        var names: Set<String> = []
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        for file in files where file.hasSuffix(".swift") {
            let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
            for match in text.matches(of: #/@Test\(\s*"([^"]+)"/#) { names.insert(String(match.output.1)) }
        }
        return names
    }

    /// The files that hold a case of `requirement`, in order.
    private func vectors(of requirement: String) throws -> [String] {
        let files = try FileManager.default.contentsOfDirectory(atPath: Vectors.folder.path).sorted()
        return try files.filter { $0.hasSuffix(".json") }.filter { file in
            let text = try String(contentsOf: Vectors.folder.appending(path: file), encoding: .utf8)
            return text.contains("\"requirement\":\"\(requirement)\"")
        }
    }
}
