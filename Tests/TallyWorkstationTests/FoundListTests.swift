import TestDisk
import Testing

@testable import TallyWorkstation

@Suite("The list of found files")
struct FoundListTests {
    @Test("It gives back what went in, oldest change first and then by path, whatever letters a path has")
    func packed() {
        var random = SeededRandom(11)
        var list = FoundList()
        var model: [FoundFile] = []
        let names = ["a", "ä", "b\u{301}", "項目", "a b", "z/..", ".x"]
        for number in 0..<500 as Range<UInt64> {
            let path = (0...random.below(4)).map { _ in names[random.below(names.count)] }.joined(separator: "/")
            let file = FoundFile(
                path: "/\(path)/\(number).jsonl", source: SourceKind.allCases[random.below(SourceKind.slots)],
                identity: FileID(device: random.next(), inode: number), bytes: random.next(),
                changedMs: Int64(random.below(9)) - 4)
            list.append(file)
            model.append(file)
        }
        #expect(Array(list) == model)
        list.sort()
        model.sort { left, right in
            left.changedMs != right.changedMs
                ? left.changedMs < right.changedMs : Array(left.path.utf8).lexicographicallyPrecedes(right.path.utf8)
        }
        #expect(Array(list) == model)
        #expect(list.indices.allSatisfy { list.identity($0) == model[$0].identity })
    }
}
