import TallyModel
import TallyRollup
import TallyWire
import Testing
import VectorFiles

@testable import TallyGateway

/// Section 8 of the protocol, by `protocol/vectors/times-all.json`.
@Suite("The vectors of times hold")
struct TimeVectorTests {
    struct Case: Decodable {
        var name: String
        var requirement: String
        var offset_ms: String
        var time_ms: String?
        var received_ms: String?
        var effective_ms: String?
        var times: [String]?
        var oldest_ms: String?
        var trusted: Bool?
        var reason: String?
        var index: UInt32?
        var run: UInt32?
    }

    /// `fieldRange` as `FIELD_RANGE`.
    private static func vectorName(_ reason: RejectReason) -> String {
        "\(reason)".reduce(into: "") { text, letter in
            if letter.isUppercase { text.append("_") }
            text.append(letter.uppercased())
        }
    }

    private static func number(_ text: String?) throws -> Int64 {
        let value = text.flatMap { Int64($0) }
        return try #require(value)
    }

    private static func cases(_ requirement: String) throws -> [Case] {
        try Vectors.cases("times-", as: Case.self).filter { $0.requirement == requirement }
    }

    @Test("An event counts at the time that the vectors tell")
    func effective() throws {
        let cases = try Self.cases("TG-8-1")
        #expect(cases.count >= 14)
        for test in cases {
            let time = EffectiveTime(
                timeMs: try Self.number(test.time_ms), receivedMs: try Self.number(test.received_ms),
                offsetMs: try Self.number(test.offset_ms))
            let expected = try Self.number(test.effective_ms)
            #expect(time.ms == expected, "\(test.name)")
        }
    }

    @Test("What is too old is refused as the vectors tell, and nothing else is")
    func age() throws {
        let cases = try Self.cases("TG-8-2")
        #expect(cases.count >= 9)
        var encoder = BatchEncoder()
        var decoder = BatchDecoder(hashSeed: 3)
        var batch = Batch()
        let session = try #require(SessionID(Bytes16(high: 1, low: 2)))
        for test in cases {
            let rows = try #require(test.times).map { time in
                var event = Event(kind: .usage, timeMs: try Self.number(time), session: session, agent: .other)
                event.model = Label("a")
                return event
            }
            let body = try encoder.encode(rows.span, after: ChainValue(0))
            try decoder.decode(body.raw.span, count: rows.count, into: &batch)
            let limit = AgeLimit(
                oldestTimeMs: try Self.number(test.oldest_ms), isClockTrusted: test.trusted == true,
                clockOffsetMs: Int32(try Self.number(test.offset_ms)))
            var refusal: BatchRefusal?
            do throws(BatchRefusal) {
                try batch.checkAge(limit, between: batch.timeBounds, nowMs: Int64(test.received_ms ?? "") ?? 0)
            } catch {
                refusal = error
            }
            #expect(refusal.map { Self.vectorName($0.reason) } == test.reason, "\(test.name)")
            #expect(refusal?.index == test.index && refusal?.run == test.run, "\(test.name)")
        }
    }
}
