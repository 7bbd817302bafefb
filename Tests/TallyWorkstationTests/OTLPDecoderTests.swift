import TallyModel
import Testing

@testable import TallyWorkstation

@Suite("What exports tell of calls, in both encodings")
struct OTLPDecoderTests {
    private let decoder = OTLPDecoder(hash: TestHash())

    /// The calls of an export, which are the same in JSON and in protobuf.
    private func calls(_ export: Export) throws -> OTLPBatch {
        let json = try decoder.decode(export.request(.json))
        let protobuf = try decoder.decode(export.request(.protobuf))
        #expect(json == protobuf)
        return json
    }

    @Test("A call of Claude Code has its tokens, its cost to the nano-USD, and nothing of what stands beside them")
    func claude() throws {
        let batch = try calls(Export(records: [.claude(input: 10, output: 41, read: 17_536, write: 6_646)]))
        #expect(batch.records == 1 && batch.skipped == 0)
        let call = try #require(batch.calls.first)
        #expect(call.match == .request)
        let fact = call.fact
        #expect(fact.agent == .claudeCode && fact.model.text == "claude-opus-4-5")
        #expect(fact.counts.input == 10 && fact.counts.output == 41)
        #expect(fact.counts.cacheRead == 17_536 && fact.counts.writeUnknown == 6_646)
        #expect(fact.counts.reportedNanoUSD == 15_260_600)
        #expect(fact.durationMs == 1_234 && fact.speed == .standard && fact.origin == .main)
        #expect(fact.timeMs == 1_775_815_201_000)
        #expect(fact.session == TestHash().sessionID(Array("s1".utf8).span))
        #expect(fact.key.request == TestHash().word(.request, Array("req_1".utf8).span))
        #expect(!"\(batch)".contains("SECRET"))
    }

    @Test("A cost is the same nano-USD as text, as a float and as a whole number, to the last digit")
    func cost() throws {
        for nano in [1, 999, 15_260_600, 123_456_789, 999_999_999, 4_503_599_627_370_497] as [Int64] {
            let text = "\(nano / 1_000_000_000)." + String("\(1_000_000_000 + nano % 1_000_000_000)".dropFirst())
            for value in [Export.Value.text(text), .double(try #require(Double(text)))] {
                let batch = try calls(Export(records: [.claude(cost: value)]))
                let expected = nano <= Int64(Limits.reportedCostNanoUSDMax) ? UInt64(nano) : 0
                #expect(batch.calls.first?.fact.counts.reportedNanoUSD == expected, "\(text)")
            }
        }
        let whole = try calls(Export(records: [.claude(cost: .integer(3))]))
        #expect(whole.calls.first?.fact.counts.reportedNanoUSD == 3_000_000_000)
        // Half of the last digit goes to the even one.
        let half = try calls(Export(records: [.claude(cost: .text("0.0000000025"))]))
        #expect(half.calls.first?.fact.counts.reportedNanoUSD == 2)
        for value in [Export.Value.text("SECRET"), .double(-1), .double(.infinity), .list(["1"])] {
            guard case .double(let number) = value, !number.isFinite else {
                #expect(
                    try calls(Export(records: [.claude(cost: value)])).calls.first?.fact.counts.reportedNanoUSD == 0)
                continue
            }
            // JSON has no infinity.
            let batch = try decoder.decode(Export(records: [.claude(cost: value)]).request(.protobuf))
            #expect(batch.calls.first?.fact.counts.reportedNanoUSD == 0)
        }
    }

    @Test("A completed response of Codex has its cached input taken out of the input")
    func codex() throws {
        let batch = try calls(Export(records: [.codex([100, 60, 20, 5])]))
        let call = try #require(batch.calls.first)
        #expect(call.match == .numbers && call.fact.agent == .codex)
        #expect(call.fact.counts.input == 40 && call.fact.counts.cacheRead == 60)
        #expect(call.fact.counts.output == 20 && call.fact.counts.reasoning == 5)
        #expect(call.fact.key.request == call.fact.session.lineageWord)
        var other = Export.Record.codex([100, 60, 20, 5])
        other.attributes[1].1 = .text("response.created")
        #expect(try calls(Export(records: [other])).calls.isEmpty)
    }

    @Test("Gemini's thoughts stand beside its output, unless its total says that they are in it")
    func gemini() throws {
        let beside =
            [
                "input_token_count": 15_327, "output_token_count": 23, "thoughts_token_count": 919,
                "tool_token_count": 7,
                "cached_content_token_count": 15_000, "total_token_count": 16_276,
            ] as [String: Int64]
        var fact = try #require(try calls(Export(records: [.gemini(beside)])).calls.first).fact
        #expect(fact.counts.input == 334 && fact.counts.cacheRead == 15_000)
        #expect(fact.counts.output == 942 && fact.counts.reasoning == 919)
        let within = beside.merging(["output_token_count": 942]) { $1 }
        fact = try #require(try calls(Export(records: [.gemini(within)])).calls.first).fact
        #expect(fact.counts.output == 942 && fact.counts.reasoning == 919)
    }

    @Test("A span's input holds its cache, and an SDK whose cache is larger than its input gives them apart")
    func spans() throws {
        func export(_ input: Int64, _ attributes: [(String, Export.Value)] = []) -> Export {
            Export(
                signal: .traces,
                records: [
                    .span(
                        [
                            ("gen_ai.usage.input_tokens", .integer(input)),
                            ("gen_ai.usage.output_tokens", .integer(9)),
                            ("gen_ai.usage.cache_read.input_tokens", .integer(70)),
                            ("gen_ai.usage.cache_creation.input_tokens", .integer(20)),
                            ("gen_ai.usage.reasoning.output_tokens", .integer(4)),
                        ] + attributes)
                ])
        }
        let call = try #require(try calls(export(100)).calls.first)
        #expect(call.fact.counts.input == 10 && call.fact.counts.cacheRead == 70)
        #expect(call.fact.counts.writeUnknown == 20 && call.fact.counts.reasoning == 4)
        #expect(call.fact.model.text == "gpt-5.2" && call.fact.agent == .other && call.match == .nothing)
        #expect(try calls(export(50)).calls.first?.fact.counts.input == 50)
        let named = try #require(try calls(export(100, [("gen_ai.response.id", .text("msg_1"))])).calls.first)
        #expect(named.match == .message)
        #expect(named.identity == TestHash().word(.message, Array("msg_1".utf8).span))
        // Sums over children, and an agent's own spans, whose log events count.
        #expect(try calls(export(100, [("gen_ai.operation.name", .text("invoke_agent"))])).calls.isEmpty)
        #expect(try calls(export(100, [("gen_ai.operation.name", .text("chat"))])).calls.count == 1)
        var own = export(100)
        own.service = "gemini-cli"
        #expect(try calls(own).calls.isEmpty)
        own.service = "other"
        own.scope = "com.anthropic.claude_code.tracing"
        #expect(try calls(own).calls.isEmpty)
    }

    @Test("A number that is none is skipped and told, and the records beside it count")
    func badNumbers() throws {
        var records = [Export.Record.claude()]
        for value in [Export.Value.integer(-1), .text("1.5"), .text(""), .double(0.5), .integer(1 << 40), .list([])] {
            var bad = Export.Record.claude(request: "req_2")
            bad.attributes[6].1 = value
            records.append(bad)
        }
        records.append(.claude(request: "req_3", nanos: 1))
        records.append(.claude(request: "req_4", input: 0, output: 0, cost: .integer(0)))
        records.append(Export.Record(body: "claude_code.user_prompt SECRET", attributes: []))
        let batch = try calls(Export(records: records))
        #expect(batch.calls.count == 1 && batch.records == 10)
        #expect(batch.skips[Int(SkipReason.badNumber.rawValue)] == 6)
        #expect(batch.skips[Int(SkipReason.noTime.rawValue)] == 1 && batch.skips[Int(SkipReason.empty.rawValue)] == 1)
        #expect(batch.rejected == 7)
    }

    @Test("A body that is cut off anywhere gives no call, and no damaged byte traps")
    func damage() throws {
        let export = Export(records: [.claude(), .codex([10, 2, 3, 1])])
        for encoding in [OTLPEncoding.json, .protobuf] {
            let body = export.request(encoding).body
            for cut in 0..<body.count {
                let batch = try? decoder.decode(OTLPRequest(.logs, encoding, body: Array(body[..<cut])))
                // A protobuf message may end between two of its fields: only before the first, here.
                #expect(batch == nil || (cut == 0 && batch == OTLPBatch()), "\(encoding) cut at \(cut)")
            }
            var seed: UInt64 = 7
            for index in body.indices {
                var damaged = body
                seed = seed &* 6_364_136_223_846_793_005 &+ 1
                damaged[index] = UInt8(truncatingIfNeeded: seed >> 33)
                _ = try? decoder.decode(OTLPRequest(.logs, encoding, body: damaged))
                _ = try? decoder.decode(OTLPRequest(.traces, encoding, body: damaged))
            }
        }
        let deep = String(repeating: "{\"a\":[", count: 100) + String(repeating: "]}", count: 100)
        #expect(throws: OTLPRefusal.malformed) {
            try decoder.decode(OTLPRequest(.logs, .json, body: Array(deep.utf8)))
        }
    }

    @Test("A packed body that unpacks to too much is refused, and one that is no gzip too")
    func gzip() throws {
        #expect(throws: OTLPRefusal.tooLarge) {
            try decoder.decode(OTLPRequest(.logs, .json, isGzip: true, body: Self.bomb(bytes: 17 << 20)))
        }
        #expect(throws: OTLPRefusal.malformed) {
            try decoder.decode(OTLPRequest(.logs, .json, isGzip: true, body: [0x1F, 0x8B, 8, 0]))
        }
        #expect(throws: OTLPRefusal.malformed) {
            try decoder.decode(OTLPRequest(.logs, .json, isGzip: true, body: Array("{}".utf8)))
        }
        // "{}", packed.
        let packed: [UInt8] = [
            0x1F, 0x8B, 0x08, 0, 0, 0, 0, 0, 0, 0x03, 0xAB, 0xAE, 0x05, 0, 0x43, 0xBF, 0xA6, 0xA3, 2, 0, 0, 0,
        ]
        #expect(try decoder.decode(OTLPRequest(.logs, .json, isGzip: true, body: packed)) == OTLPBatch())
        #expect(throws: OTLPRefusal.malformed) {
            try decoder.decode(OTLPRequest(.logs, .json, isGzip: true, body: packed + [0]))
        }
    }

    @Test("An export of more parts than the bound is refused, however few bytes they take and wherever they stand")
    func manyParts() throws {
        /// So many things of two or three bytes: resources, scopes of one, or records of one scope.
        func export(_ count: Int, level: Int, _ encoding: OTLPEncoding) -> OTLPRequest {
            guard encoding == .json else {
                var body = [UInt8]((0..<count).map { _ in [level == 0 ? 0x0A : 0x12, 0] }.joined())
                for number in [2, 1].suffix(level) { body = Export.field(UInt64(number), body) }
                return OTLPRequest(.logs, .protobuf, body: body)
            }
            let starts = ["{\"resourceLogs\":[", "{\"scopeLogs\":[", "{\"logRecords\":["].prefix(level + 1)
            let list = [String](repeating: "{}", count: count).joined(separator: ",")
            let body = starts.joined() + list + String(repeating: "]}", count: level + 1)
            return OTLPRequest(.logs, .json, body: Array(body.utf8))
        }
        for encoding in [OTLPEncoding.json, .protobuf] {
            for level in 0...2 {
                let most = Int(Limits.otlpPartsMax) - level
                let batch = try decoder.decode(export(most, level: level, encoding))
                #expect(batch.records == (level == 2 ? UInt64(most) : 0), "\(encoding), level \(level)")
                #expect(throws: OTLPRefusal.tooLarge) {
                    try decoder.decode(export(most + 1, level: level, encoding))
                }
            }
        }
    }

    @Test("Of many texts that could name a record's event the first one that is known does")
    func manyNames() throws {
        var record = Export.Record.claude()
        record.body = "codex.sse_event"
        // The attribute `event.name` comes after both.
        record.attributes[0].1 = .text("gemini_cli.api_response")
        let batch = try calls(Export(records: [record]))
        // Codex's, and no response; Gemini's would be a call without a number.
        #expect(batch.records == 1 && batch.calls.isEmpty && batch.skipped == 0)
        record.body = "x"
        #expect(try calls(Export(records: [record])).skips[Int(SkipReason.empty.rawValue)] == 1)
        // Two bytes each: none of them is kept.
        let named = Export.field(2, [UInt8]((0..<100_000).map { _ in [0x62, 0] }.joined()))
        let body = Export.field(1, Export.field(2, named))
        #expect(try decoder.decode(OTLPRequest(.logs, .protobuf, body: body)).records == 1)
    }

    /// A gzip member of so many zeros, less its checksum: one block of fixed codes, a zero and then matches of 258 at
    /// distance 1 (RFC 1951, 3.2.6).
    private static func bomb(bytes count: Int) -> [UInt8] {
        var bits: [Bool] = [true, true, false]
        func put(_ code: Int, _ width: Int) {
            for shift in (0..<width).reversed() { bits.append(code >> shift & 1 == 1) }
        }
        put(0b0011_0000, 8)
        for _ in 0..<(count / 258) { put(0b1100_0101_00000, 13) }
        put(0, 7)
        var body: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
        for start in stride(from: 0, to: bits.count, by: 8) {
            var byte: UInt8 = 0
            for index in start..<min(start + 8, bits.count) where bits[index] { byte |= 1 << UInt8(index - start) }
            body.append(byte)
        }
        return body + [0, 0, 0, 0, 0, 0, 0, 0]
    }
}
