import Foundation
import TallyGenerator
import TallyModel

extension Parts {
    /// Generated homes of all agents below one folder, of at least so many bytes: `claude`, `codex`, `gemini` and
    /// `truth.json`, as `tallygen` writes them. They are made piece by piece, so that their size is not bound by memory.
    struct Homes {
        let folder: String
        private var truth = Truth()
        private(set) var bytes = 0

        private static let callsPerPiece = 4_000
        /// 2026-11-20T12:00:00Z
        private static let endMs: Int64 = 1_795_176_000_000

        init(folder: String) { self.folder = folder }

        mutating func fill(bytes wanted: Int, textScale: Int, seed: UInt64) throws {
            var seeds = SeededRandom(seed: seed)
            // A small wish is one small home; every later piece adds some megabytes.
            var options = GeneratorOptions(endMs: Self.endMs)
            options.calls = max(50, min(Self.callsPerPiece, wanted / (12_000 * textScale)))
            options.textScale = textScale
            options.days = 90
            while bytes < wanted { try add(Generator(seed: seeds.next(), options: options).home()) }
            try Data(truth.json(seed: seed)).write(to: URL(fileURLWithPath: folder + "/truth.json"))
        }

        private mutating func add(_ home: GeneratedHome) throws {
            for file in home.files {
                let path = folder + "/" + file.path
                try FileManager.default.createDirectory(
                    atPath: URL(fileURLWithPath: path).deletingLastPathComponent().path,
                    withIntermediateDirectories: true)
                guard !FileManager.default.fileExists(atPath: path) else {
                    throw Mismatch("two generated homes have a file of one name: \(file.path)")
                }
                switch file.content {
                case .bytes(let content): try Data(content).write(to: URL(fileURLWithPath: path))
                case .link(let target):
                    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
                }
            }
            for event in home.events { truth.add(event) }
            bytes += home.bytes
        }
    }

    /// What `truth.json` says of a home: the figures that a scan gives, money aside.
    struct HomeTruth: Decodable, Equatable {
        var events = 0
        var input = 0
        var cacheRead = 0
        var cacheWrite5m = 0
        var cacheWrite1h = 0
        var cacheWriteUnknown = 0
        var output = 0
        var reasoning = 0

        enum CodingKeys: String, CodingKey {
            case events, input = "input_tokens", cacheRead = "cache_read_tokens"
            case cacheWrite5m = "cache_write_5m_tokens", cacheWrite1h = "cache_write_1h_tokens"
            case cacheWriteUnknown = "cache_write_unknown_tokens", output = "output_tokens"
            case reasoning = "reasoning_tokens"
        }

        private struct File: Decodable { let totals: HomeTruth }

        /// Nil where the folder has none, as a real home has none.
        static func of(_ folder: String) throws -> HomeTruth? {
            let path = folder + "/truth.json"
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            return try JSONDecoder().decode(File.self, from: Data(contentsOf: URL(fileURLWithPath: path))).totals
        }

        /// Whether a count is what `truth` says. Of reasoning tokens some may be missing, as DURABILITY.md says: where a
        /// request grows after it was sent, those of the correction are capped at its output.
        func isRight(by truth: HomeTruth) -> Bool {
            var whole = self
            whole.reasoning = truth.reasoning
            return whole == truth && reasoning <= truth.reasoning
        }

        mutating func add(_ event: Event) {
            if event.kind == .usage { events += 1 }
            input += Int(event.inputTokens)
            cacheRead += Int(event.cacheReadTokens)
            cacheWrite5m += Int(event.cacheWrite5mTokens)
            cacheWrite1h += Int(event.cacheWrite1hTokens)
            cacheWriteUnknown += Int(event.cacheWriteUnknownTokens)
            output += Int(event.outputTokens)
            reasoning += Int(event.reasoningTokens)
        }
    }
}
