import TallyModel
import Testing

@testable import TallyWorkstation

/// A message of Gemini's is held so that its last word can be the one that counts: what was sent is never taken back.
@Suite("What a chat takes back while it is held was never sent")
struct GeminiHoldTests {
    private static let path = "/g/.gemini/tmp/p/chats/session-1.json"

    /// A workstation that follows a chat and has read one message of 900 output tokens, half a second ago.
    private static func bench() throws -> CoreBench {
        let bench = try CoreBench()
        write([Chat.answer("a", [100, 900])], to: bench)
        bench.core.follow(bench.now)
        bench.perform()
        try bench.run(for: .milliseconds(500))
        #expect(bench.core.spool.counter.heldCount == 1)
        return bench
    }

    private static func write(_ messages: [String], to bench: CoreBench) {
        bench.folders.carryOut(.rewrite(path, Array(Chat.document(messages).utf8)))
    }

    private static func outputs(_ bench: CoreBench) throws -> [UInt32] {
        #expect(try bench.sync() == 0)
        return bench.gateway.ledger.map(\.outputTokens)
    }

    @Test("Over a kill and a lost power within the two seconds", arguments: [true, false])
    func restart(losingPower: Bool) throws {
        let bench = try Self.bench()
        for _ in 0..<2 {
            try bench.restart(losingPower: losingPower)
            bench.core.follow(bench.now)
            bench.perform()
            try bench.run(for: .milliseconds(500))
        }
        Self.write([Chat.answer("a", [100, 20])], to: bench)
        #expect(try Self.outputs(bench) == [20])
    }

    @Test("After a restart it is sent when it has been quiet for two seconds, as ever")
    func quiet() throws {
        let bench = try Self.bench()
        try bench.restart(losingPower: false)
        bench.core.follow(bench.now)
        bench.perform()
        try bench.run(for: .seconds(5))
        #expect(bench.gateway.ledger.map(\.outputTokens) == [900])
    }

    @Test("Where the document is being written just when the two seconds are over", arguments: [true, false])
    func changing(isSync: Bool) throws {
        let bench = try Self.bench()
        Self.write([Chat.answer("a", [100, 20])], to: bench)
        let more = Chat.document([Chat.answer("a", [100, 20]), Chat.answer("b", [200, 7])])
        bench.folders.carryOut(.rewrite(Self.path, Array(more.utf8)), afterReads: 0)
        if isSync { #expect(try bench.sync() == 0) } else { try bench.run(for: .milliseconds(1_800)) }
        #expect(bench.gateway.ledger.isEmpty)
        #expect(try Self.outputs(bench) == [20, 7])
    }

    @Test("A document that is emptied for good does not keep what is held of it")
    func emptied() throws {
        let bench = try Self.bench()
        bench.folders.carryOut(.rewrite(Self.path, []))
        try bench.run(for: .seconds(5))
        #expect(bench.gateway.ledger.map(\.outputTokens) == [900])
    }
}
