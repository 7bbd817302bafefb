import TallyGenerator
import TestDisk

@testable import TallyWorkstation

/// A file of a generated home on its way to what its agent made of it: bytes that are added at its end, or versions
/// of a document that is written whole each time. What befalls it is a change of the folders that hold it.
struct GrowingFile {
    let path: String
    let source: SourceKind
    private let bytes: [UInt8]
    private let growth: GeneratedFile.Growth
    /// What stands before this of the lines has been rotated away.
    private(set) var start = 0
    /// How far it has come: bytes, or versions.
    private(set) var written = 0
    /// Only so many bytes of the document's version are there.
    private var cut: Int?

    init(path: String, source: SourceKind, bytes: [UInt8], growth: GeneratedFile.Growth) {
        self.path = path
        self.source = source
        self.bytes = bytes
        self.growth = growth
    }

    private var end: Int {
        switch growth {
        case .lines: bytes.count
        case .document(let document): document.versions
        }
    }

    var hasBegun: Bool { written > 0 }
    var isWhole: Bool { written == end && cut == nil }
    var isDocument: Bool { if case .document = growth { true } else { false } }

    /// What it says last of a message may still fall: the agent writes on at once, and nothing else befalls the file.
    var isTentative: Bool {
        switch growth {
        case .lines(let tentative): tentative.contains { $0.contains(written) }
        case .document(let document): document.isTentative(after: written)
        }
    }

    var content: [UInt8] {
        switch growth {
        case .lines: Array(bytes[start..<written])
        case .document(let document):
            cut.map { Array(document.bytes(after: written).prefix($0)) } ?? document.bytes(after: written)
        }
    }

    /// The agent writes on. Nil if there is nothing more to write.
    mutating func grow(_ random: inout TestDisk.SeededRandom) -> MemoryFolders.Change? {
        guard !isWhole else { return nil }
        guard case .document(let document) = growth else {
            let rest = bytes.count - written
            var count = random.chance(25) ? rest : 1 + random.below(min(rest, 20_000))
            // Now and then to the end of a line, as agents do: there it can be rotated.
            if random.chance(30), let end = bytes[(written + count - 1)...].firstIndex(of: UInt8(ascii: "\n")) {
                count = end + 1 - written
            }
            written += count
            return .append(path, Array(bytes[written - count..<written]))
        }
        let wasTentative = isTentative
        if cut == nil || random.chance(50) {
            written = min(written + 1 + (random.chance(20) ? random.below(3) : 0), document.versions)
        }
        cut = nil
        // Whoever reads now meets half of it. The word that takes another back is read whole.
        if !wasTentative, random.chance(20) { cut = 1 + random.below(content.count - 1) }
        return .rewrite(path, content)
    }

    /// The end of it is lost; the agent will write it again. Nil if it can lose nothing.
    mutating func truncate(_ random: inout TestDisk.SeededRandom) -> MemoryFolders.Change? {
        switch growth {
        case .lines(let tentative):
            guard written > start, !isWhole else { return nil }
            written -= 1 + random.below(min(written - start, 700))
            // Not between a word and the one that takes it back, which were written at once.
            if let range = tentative.first(where: { $0.contains(written) }) { written = range.lowerBound - 1 }
        case .document:
            guard content.count > 1 else { return nil }
            cut = 1 + random.below(content.count - 1)
        }
        return .rewrite(path, content)
    }

    /// Whether it ends with a line, behind what was rotated away.
    var endsLine: Bool { !isDocument && written > start && bytes[written - 1] == UInt8(ascii: "\n") }

    /// It goes on under its name as another file.
    mutating func rotate() { start = written }
}
