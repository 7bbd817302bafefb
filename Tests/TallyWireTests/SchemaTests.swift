import TallyHash
import TallyModel
import Testing
import VectorFiles

@testable import TallyWire

@Suite("The product's tables are those of schema.json, with nothing more and nothing less")
struct SchemaTests {
    let file: SchemaFile

    init() throws { file = try SchemaFile.read() }

    @Test("Columns have the ids, names, types, widths and bounds of schema.json")
    func columns() {
        #expect(SchemaTable.version == file.schema)
        #expect(file.columns.map(\.id) == ColumnID.allCases.map(\.rawValue))
        #expect(file.columns.map(\.name) == ColumnID.allCases.map(\.name))
        #expect(SchemaTable.columns.map(\.id) == ColumnID.allCases)
        for (own, line) in zip(SchemaTable.columns, file.columns) {
            #expect(own.type.name == line.type, "\(line.name)")
            #expect(own.canBeAbsent == (line.nullable ?? false), "\(line.name)")
            #expect(own == SchemaTable.column(own.id), "\(line.name)")
            switch own.type {
            case .enumeration(let bits):
                #expect(bits == line.bits, "\(line.name)")
                let highest = line.values?.compactMap(\.number).max()
                #expect(own.bounds == 0...UInt64(highest ?? 0), "\(line.name)")
                #expect(own.bounds.upperBound < 1 << UInt64(bits), "\(line.name)")
            case .id16, .label:
                #expect(line.max == nil && line.bits == nil, "\(line.name)")
            case .count, .nullableCount, .residual, .time:
                #expect(own.bounds.lowerBound == line.min ?? 0, "\(line.name)")
                #expect(own.bounds.upperBound == line.max, "\(line.name)")
            }
        }
    }

    @Test("Each type has the encodings of schema.json, with their numbers, and a head has room for both")
    func encodings() {
        let own = Dictionary(uniqueKeysWithValues: Encoding.allCases.map { (snake("\($0)"), $0.rawValue) })
        #expect(own == file.encodings)
        #expect(file.column_head.id_bits == 5 && file.column_head.encoding_bits == 3 && file.column_head.escape_id == 0)
        #expect(Set(file.types.keys) == Set(SchemaTable.columns.map(\.type.name)))
        for column in SchemaTable.columns {
            // Encoding 5 is of columns that can be absent only.
            let listed = (file.types[column.type.name] ?? []).filter {
                $0 != "dictionary_with_absent" || column.canBeAbsent
            }
            #expect(Set(column.encodings.map { snake("\($0)") }) == Set(listed), "\(column.id.name)")
        }
    }

    @Test("Every vocabulary has the words and numbers of schema.json")
    func vocabularies() throws {
        try compare(EventKind.self, .kind)
        try compare(Agent.self, .agent)
        try compare(Origin.self, .origin)
        try compare(Speed.self, .speed)
        try compare(Tier.self, .tier)
        try compare(Region.self, .region)
        try compare(Outcome.self, .outcome)
        try compare(AgentState.self, .state)
        try compare(Billing.self, .billing)
        #expect(file.columns.filter { $0.values != nil }.count == 9)
        #expect(file.columns.filter { $0.absent != nil }.map(\.name) == ["state"])
    }

    private func compare<Words: Vocabulary>(_ type: Words.Type, _ column: ColumnID) throws {
        let line = try #require(file.columns.first { $0.name == column.name })
        let values = try #require(line.values)
        #expect(values.map(\.name) == Words.allCases.map(\.name), "\(column.name)")
        #expect(values.compactMap(\.number) == Words.allCases.map(\.rawValue), "\(column.name)")
        for value in Words.allCases { #expect(Words(name: value.name) == value, "\(column.name)") }
    }

    @Test("Every kind requires and forbids the columns of schema.json")
    func rules() throws {
        #expect(Set(file.kinds.keys) == Set(EventKind.allCases.map(\.name)))
        for kind in EventKind.allCases {
            let line = try #require(file.kinds[kind.name])
            #expect(names(EventRules.required(kind)) == line.required, "\(kind.name)")
            #expect(names(EventRules.forbidden(kind)) == line.forbidden, "\(kind.name)")
        }
    }

    private func names(_ columns: ColumnSet) -> [String] {
        ColumnID.allCases.filter { columns.contains($0) }.map(\.name)
    }

    @Test("The control total takes in exactly the columns of schema.json, and reasoning is bound by the output")
    func totals() throws {
        let session = try #require(SessionID(Bytes16(high: 0, low: 1)))
        let members: [(ColumnID, WritableKeyPath<Event, UInt32>)] = [
            (.inputTokens, \.inputTokens), (.cacheReadTokens, \.cacheReadTokens),
            (.cacheWrite5mTokens, \.cacheWrite5mTokens), (.cacheWrite1hTokens, \.cacheWrite1hTokens),
            (.cacheWriteUnknownTokens, \.cacheWriteUnknownTokens), (.outputTokens, \.outputTokens),
            (.reasoningTokens, \.reasoningTokens),
        ]
        for (column, path) in members {
            var event = Event(timeMs: 1, session: session, agent: .codex, model: .unlisted)
            event[keyPath: path] = 7
            #expect(event.controlTokens == (file.control_tokens.contains(column.name) ? 7 : 0), "\(column.name)")
        }
        #expect(file.control_tokens.count == 6)
        #expect(file.relations.map { [$0.column, $0.at_most] } == [["reasoning_tokens", "output_tokens"]])
        var event = Event(timeMs: 1, session: session, agent: .codex, model: .unlisted)
        event.outputTokens = 4
        event.reasoningTokens = 4
        #expect(EventRules.violation(event) == nil)
        event.reasoningTokens = 5
        #expect(EventRules.violation(event) == .outOfRange(.reasoningTokens))
    }

    @Test("Limits are those of schema.json")
    func limits() {
        let own: [String: UInt64] = [
            "frame_bytes_max": UInt64(Limits.frameBytesMax),
            "hello_frame_bytes_max": UInt64(Limits.helloFrameBytesMax),
            "batch_events_max": UInt64(Limits.batchEventsMax),
            "batch_raw_bytes_max": UInt64(Limits.batchRawBytesMax),
            "sequence_max": Limits.sequenceMax,
            "label_bytes_max": UInt64(Limits.labelBytesMax),
            "skip_groups_max": UInt64(Limits.skipGroupsMax),
            "adopt_sessions_max": UInt64(FrameCodec.adoptSessionsMax),
            "options_max": UInt64(FrameCodec.optionsMax),
        ]
        #expect(own == file.limits)
        #expect(file.protocol == "tallygate/1" && file.version == 1)
    }

    @Test("A label takes the bytes that its pattern allows and no others, first and later")
    func labels() {
        #expect(file.label == ["pattern": "[a-z0-9][a-z0-9._:/@+-]{0,63}"])
        let first = Set("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
        let later = first.union("._:/@+-".utf8)
        for byte in UInt8.min...UInt8.max {
            #expect((Label([byte]) != nil) == first.contains(byte), "\(byte)")
            #expect((Label([UInt8(ascii: "a"), byte]) != nil) == later.contains(byte), "\(byte)")
        }
        #expect(Label([UInt8](repeating: 97, count: 64)) != nil)
        #expect(Label([UInt8](repeating: 97, count: 65)) == nil)
        #expect(Label([UInt8]()) == nil)
    }

    @Test("Reasons have the names, codes and permanence of schema.json")
    func reasons() {
        #expect(file.reject_reasons.map(\.name) == RejectReason.allCases.map(\.vectorName))
        #expect(file.reject_reasons.compactMap(\.code) == RejectReason.allCases.map(\.rawValue))
        #expect(file.reject_reasons.compactMap(\.permanent) == RejectReason.allCases.map(\.isPermanent))
        #expect(file.goaway_reasons.map(\.name) == GoAwayReason.allCases.map { snakeCase("\($0)") })
        #expect(file.goaway_reasons.compactMap(\.code) == GoAwayReason.allCases.map(\.rawValue))
        #expect(file.goaway_reasons.filter { $0.permanent == true }.map(\.name) == ["STREAM_OWNED"])
        #expect(file.skip_reasons.map(\.name) == SkipReason.allCases.map { snakeCase("\($0)") })
        #expect(file.skip_reasons.compactMap(\.code) == SkipReason.allCases.map(\.rawValue))
        #expect(file.skip_reasons.compactMap(\.permanent) == SkipReason.allCases.map { _ in true })
    }

    @Test("Frames have the numbers, directions and flags of schema.json")
    func frames() {
        #expect(file.frames.map(\.type) == FrameType.allCases.map(\.rawValue))
        #expect(file.frames.map(\.name) == FrameType.allCases.map { "\($0)".uppercased() })
        for (type, line) in zip(FrameType.allCases, file.frames) {
            #expect(type.travels(to: .gateway) == (line.direction != "to_workstation"), "\(line.name)")
            #expect(type.travels(to: .workstation) == (line.direction != "to_gateway"), "\(line.name)")
            #expect(["both", "to_gateway", "to_workstation"].contains(line.direction), "\(line.name)")
            #expect(type.flags == line.flags.reduce(0) { $0 | 1 << $1.bit }, "\(line.name)")
        }
    }

    @Test("A column of every reserved id is refused as content, and every other id outside the table as unknown")
    func contentColumns() {
        let range = SchemaTable.contentIDs
        #expect([range.lowerBound, range.upperBound] == file.content_id_range)
        let ids = file.content_columns.compactMap(\.id)
        #expect(Set(ids).count == ids.count && Set(file.content_columns.map(\.name)).count == ids.count)
        #expect(ids == ids.sorted() && ids.allSatisfy { range.contains($0) } && ids.count >= 33)
        var decoder = BatchDecoder(hashSeed: 3)
        var batch = Batch()
        for id in UInt8(26)...255 {
            let head = id < 32 ? [id] : [0, id]
            let refusal = refused(head, &decoder, &batch)
            let reason: RejectReason = range.contains(id) ? .contentField : .unknownField
            #expect(refusal == BatchRefusal(reason: reason, field: id, index: 0, run: 1), "\(id)")
        }
    }

    private func refused(_ raw: [UInt8], _ decoder: inout BatchDecoder, _ batch: inout Batch) -> BatchRefusal? {
        do throws(BatchRefusal) {
            try decoder.decode(raw.span, count: 1, into: &batch)
            return nil
        } catch {
            return error
        }
    }

    @Test("The preset dictionary is that of schema.json, byte for byte")
    func presetDictionary() throws {
        let expected = try Vectors.bytes(file.preset_dictionary_hex)
        #expect(PresetDictionary.bytes == expected)
        #expect(expected.count == 1_133)
    }

    @Test("The factors of the chain are those of schema.json, and each is the odd hash of its text")
    func chainFactors() throws {
        #expect(file.chain.factor_text == "tallygate/1 chain {id}.{word}" && file.chain.rotation == 32)
        #expect(ChainTable.step == factor(file.chain.step_text))
        #expect(try ChainTable.step == Vectors.word(file.chain.step))
        #expect(ChainTable.first.count == file.columns.count + 1)
        for line in file.columns {
            var own = [ChainTable.first[Int(line.id)]]
            if line.name == "session" { own.append(ChainTable.secondOfSession) }
            if line.name == "project" { own.append(ChainTable.secondOfProject) }
            #expect(own == own.indices.map { factor("tallygate/1 chain \(line.id).\($0)") }, "\(line.name)")
            #expect(try own == line.chain_factors.map(Vectors.word), "\(line.name)")
        }
    }

    private func factor(_ text: String) -> UInt64 { XXH3.hash64(Array(text.utf8)) | 1 }

    private func snake(_ name: String) -> String { snakeCase(name).lowercased() }
}
