import TallyGenerator
import TallyHash
import TallyLZ4
import TallyModel
import TallyWire

/// What cases are made of: valid events of a few sessions, projects and models, so that a hundred thousand cases leave a
/// tenant with no more of them than one does.
struct Material: ~Copyable {
    /// A valid body with the places that a mutation can aim at.
    struct Body: Sendable {
        let raw: [UInt8]
        let count: Int
        let marks: [Mark]

        func marks(_ kinds: Mark.Kind...) -> [Mark] { marks.filter { kinds.contains($0.kind) } }

        /// The column's bytes, its head with them.
        func range(of column: UInt8) -> Range<Int>? {
            let heads = marks(.head)
            guard let index = heads.firstIndex(where: { $0.column == column }) else { return nil }
            let end = index + 1 < heads.count ? heads[index + 1].range.lowerBound : raw.count
            return heads[index].range.lowerBound..<end
        }

        var columnIDs: [UInt8] { marks(.head).map(\.column) }
    }

    private var encoder = BatchEncoder()
    private var compressor = LZ4Compressor(dictionary: PresetDictionary.bytes, inputBytesMax: Limits.batchRawBytesMax)
    /// The newest event's time.
    private let nowMs: Int64

    private static let models = [
        "claude-opus-4-8", "claude-sonnet-5", "claude-haiku-5-5", "gpt-5", "gpt-5.1-codex", "gemini-3.6-flash", "o3",
        "unlisted",
    ].compactMap { Label($0) }
    private static let sessions = (0..<16).compactMap { SessionID(named("session \($0)")) }
    private static let projects = (0..<4).compactMap { ProjectID(named("project \($0)")) }

    /// Cases are the same for the same hour of `nowMs`.
    init(nowMs: Int64) { self.nowMs = nowMs / 3_600_000 * 3_600_000 }

    private static func named(_ name: String) -> Bytes16 {
        let bytes = Array("tallyfuzz \(name)".utf8)
        return Bytes16(high: XXH3.hash64(bytes), low: XXH3.hash64(bytes, seed: 1))
    }

    static func session(_ random: inout SeededRandom) -> [UInt8] { random.pick(sessions).value.bytes }

    // MARK: Events

    func events(_ count: Int, _ random: inout SeededRandom) -> [Event] {
        let isMixed = random.chance(perMille: 400)
        let some = (0..<random.number(in: 1...6)).map { _ in random.pick(Material.sessions) }
        // Within an hour, so that a gateway's sums by quarter-hours stay as few.
        var timeMs = nowMs - Int64(random.number(in: 900_000...2_700_000))
        return (0..<count).map { _ in
            timeMs += Int64(random.number(in: 0...200))
            var event = Event(
                kind: isMixed ? random.pick(EventKind.allCases) : .usage, timeMs: timeMs, session: random.pick(some),
                agent: .other, model: random.pick(Material.models))
            describe(&event)
            fill(&event, &random)
            return event
        }
    }

    /// A session is always of the same agent, in the same place.
    private func describe(_ event: inout Event) {
        let word = Int(truncatingIfNeeded: event.session.value.low >> 1)
        event.agent = Agent.allCases[word % Agent.allCases.count]
        event.project = word & 64 == 0 ? nil : Material.projects[word / 128 % Material.projects.count]
        event.region = Region.allCases[word / 1_024 % Region.allCases.count]
        event.billing = Billing.allCases[word / 16_384 % Billing.allCases.count]
        guard event.kind == .usage || event.kind == .correction else { return }
        event.speed = Speed.allCases[word / 65_536 % Speed.allCases.count]
        event.tier = Tier.allCases[word / 1_048_576 % Tier.allCases.count]
    }

    private func fill(_ event: inout Event, _ random: inout SeededRandom) {
        event.origin = random.pick(Origin.allCases)
        switch event.kind {
        case .usage, .correction:
            event.inputTokens = UInt32(random.number(in: 0...20_000))
            event.cacheReadTokens = UInt32(random.number(in: 0...200_000))
            if random.chance(perMille: 500) { event.cacheWrite5mTokens = UInt32(random.number(in: 0...5_000)) }
            event.outputTokens = UInt32(random.number(in: 0...4_000))
            event.reasoningTokens = UInt32(random.number(in: 0...Int(event.outputTokens)))
            event.webSearches = UInt16(random.number(in: 0...2))
            if random.chance(perMille: 300) { event.reportedCostNanoUSD = UInt64(random.number(in: 0...90_000_000)) }
        case .state: event.state = random.pick(AgentState.allCases)
        case .sessionStart, .sessionEnd: break
        }
        if event.kind == .correction { event.contextTokens = UInt32(random.number(in: 0...200_000)) }
        if event.kind == .usage {
            event.outcome = random.pick(Outcome.allCases)
            event.toolCalls = UInt16(random.number(in: 0...9))
            if random.chance(perMille: 500) { event.durationMs = UInt32(random.number(in: 0...60_000)) }
        }
    }

    // MARK: Bodies

    /// A body of at most `count` events.
    mutating func body(_ count: Int, _ random: inout SeededRandom) -> Body {
        let events = events(count, &random)
        do throws(BatchRefusal) {
            let encoded = try encoder.encode(events.span, after: ChainValue(0))
            return Body(
                raw: encoded.raw, count: encoded.count,
                marks: BatchRules.marks(encoded.raw, count: UInt32(encoded.count)))
        } catch {
            preconditionFailure("the material is valid: \(error.reason), column \(error.field)")
        }
    }

    /// Few rows: what a mutation can be found again in.
    mutating func body(_ random: inout SeededRandom) -> Body { body(random.number(in: 2...12), &random) }

    /// A body in which the column varies from row to row.
    mutating func body(with form: (ColumnRule) -> Bool, _ random: inout SeededRandom) -> (Body, Mark)? {
        for _ in 0..<8 {
            let body = body(random.number(in: 4...24), &random)
            let marks = body.marks(.head).filter { mark in
                ColumnRule.rule(mark.column).map(form) == true && body.raw[mark.range.lowerBound] >> 5 != 0
            }
            if !marks.isEmpty { return (body, random.pick(marks)) }
        }
        return nil
    }

    /// The block of `raw`; nil where it would not be shorter.
    mutating func block(_ raw: [UInt8]) -> [UInt8]? {
        var block: [UInt8] = []
        return compressor.compress(raw.span, appendingTo: &block) ? block : nil
    }

    /// A batch as it should be, compressed or not.
    mutating func batch(_ count: Int? = nil, _ random: inout SeededRandom) -> FrameRecipe {
        let body = count.map { self.body($0, &random) } ?? body(&random)
        if random.chance(perMille: 500), let block = block(body.raw) {
            return .batch(block: block, rawBytes: body.raw.count, count: body.count)
        }
        return .batch(body.raw, count: body.count)
    }

    static func varint(_ value: UInt64) -> [UInt8] {
        var value = value
        var bytes: [UInt8] = []
        while value > 127 {
            bytes.append(UInt8(value & 127) | 128)
            value >>= 7
        }
        return bytes + [UInt8(value)]
    }
}

extension [UInt8] {
    /// With other bytes in the place of a range.
    func with(_ bytes: some Collection<UInt8>, at range: Range<Int>) -> [UInt8] {
        var copy = self
        copy.replaceSubrange(range, with: bytes)
        return copy
    }
}
