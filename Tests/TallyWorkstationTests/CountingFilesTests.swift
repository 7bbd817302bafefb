import TallyModel
import TestDisk
import Testing

@testable import TallyWorkstation

@Suite("The table of files")
struct CountingFilesTests {
    private static func session(_ random: inout SeededRandom) throws -> SessionID {
        try #require(SessionID(Bytes16(high: random.next() % 8 + 1, low: random.next())))
    }

    private static func fact(_ random: inout SeededRandom) throws -> RequestFact {
        var fact = RequestFact(
            key: RequestKey(message: random.next(), request: random.next()), timeMs: Int64(random.below(1 << 40)),
            session: try session(&random), agent: .claudeCode, model: try #require(Label("m-\(random.below(9))")),
            counts: CountingTableTests.counts(&random))
        fact.origin = .subagent
        fact.isFinal = random.chance(50)
        return fact
    }

    private static func state(_ random: inout SeededRandom) throws -> FileState {
        let source = try #require(SourceKind.allCases.randomElement(using: &random))
        var state = FileState(source: source, session: try session(&random))
        state.checkpoint.offset = random.next() >> UInt64(random.below(64))
        state.checkpoint.isSkipping = random.chance(10)
        state.checkpoint.headBytes = UInt16(truncatingIfNeeded: random.next())
        state.checkpoint.headHash = random.next()
        state.checkpoint.tailBytes = UInt16(truncatingIfNeeded: random.next())
        state.checkpoint.tailHash = random.next()
        state.parser.timeMs = Int64(bitPattern: random.next())
        state.parser.isNamed = random.chance(50)
        state.parser.isSubagent = random.chance(50)
        state.parser.isMain = random.chance(50)
        state.parser.project = random.chance(70) ? ProjectID(Bytes16(high: 1, low: random.next() % 30)) : nil
        state.parser.model = random.chance(70) ? Label("model-\(random.below(20))") : nil
        state.parser.tier = try #require(Tier.allCases.randomElement(using: &random))
        state.parser.isIgnored = random.chance(50) ? random.chance(50) : nil
        state.parser.folder = random.chance(50) ? random.next() : 0
        let kind = try #require(SessionSign.Kind.allCases.randomElement(using: &random))
        state.parser.sign = SessionSign(
            kind, timeMs: Int64(random.below(1 << 40)), session: random.chance(10) ? try session(&random) : nil)
        if random.chance(30) {
            var totals = CodexTotals()
            (totals.input, totals.output) = (random.next(), random.next())
            state.parser.totals = totals
        }
        state.isReplaying = random.chance(50)
        if random.chance(30) {
            state.held = try fact(&random)
            state.heldAtMs = Int64(random.below(1 << 40))
        }
        return state
    }

    @Test("What is put in comes out, through changes and forgetting, as of a dictionary", arguments: [1, 2, 3, 4])
    func differential(seed: UInt64) throws {
        var random = SeededRandom(seed)
        var table = FileTable()
        var model: [FileID: FileState] = [:]
        for _ in 0..<4_000 {
            let file = FileID(device: random.next() % 3, inode: random.next() % 400)
            if random.chance(65) {
                let state = try Self.state(&random)
                table[file] = state
                model[file] = state
            } else {
                table[file] = nil
                model[file] = nil
            }
            let other = FileID(device: random.next() % 3, inode: random.next() % 400)
            #expect(table[other] == model[other])
            #expect(table.contains(other) == (model[other] != nil))
            #expect(table.checkpoint(of: other) == model[other]?.checkpoint)
        }
        #expect(table.count == model.count && model.count > 100)
        #expect(table.keys.sorted() == model.keys.sorted())
        #expect(Set(table.values) == Set(model.values))
        for source in SourceKind.allCases {
            #expect(table.count(of: source) == model.values.count { $0.source == source })
        }
    }

    @Test("What nobody asks of a file again is left out: who its ancestor was, and when a request that went was held")
    func leftOut() throws {
        var random = SeededRandom(1)
        var state = try Self.state(&random)
        (state.held, state.heldAtMs) = (nil, 0)
        var table = FileTable()
        let file = FileID(device: 1, inode: 2)
        var more = state
        more.heldAtMs = 77
        more.parser.ancestor = state.parser.session
        table[file] = more
        #expect(table[file] == state)
    }

    @Test("Names of which no file speaks any more are forgotten")
    func names() throws {
        var random = SeededRandom(2)
        var table = FileTable()
        var state = try Self.state(&random)
        for number in 0..<20_000 as Range<UInt64> {
            state.parser.project = ProjectID(Bytes16(high: 9, low: number + 1))
            table[FileID(device: 1, inode: number % 3)] = state
            #expect(table.namesKept < 6_000)
        }
        #expect(table[FileID(device: 1, inode: 19_999 % 3)] == state)
    }
}
