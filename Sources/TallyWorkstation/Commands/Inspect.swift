import TallyHash
import TallyIO
import TallyModel
import TallyWire

/// Shows what leaves this machine: every field of every event, and the bytes that carry them.
extension Workstation {
    package func inspect(last: Int, isJSON: Bool) throws(WorkstationError) -> Int32 {
        guard let folder = try home.existingSpool(), let state = try spoolState(), state.tip.sequence > .zero,
            state.lowestHeld <= state.tip.sequence
        else {
            Terminal.writeOutput(isJSON ? "" : "nothing has been spooled\n")
            return ExitStatus.success
        }
        let count = UInt64(max(1, min(last, Limits.inspectEventsMax)))
        let from = max(state.lowestHeld.value, state.tip.sequence.value - min(count, state.tip.sequence.value) + 1)
        var cursor = try SpoolCursor(folder, state, from: Sequence64(from))
        var decoder = BatchDecoder(hashSeed: Random.uint64())
        var batch = Batch()
        var encoder = BatchEncoder()
        while let part = try cursor.advance(state) {
            do throws(BatchRefusal) {
                try decoder.decode(part.raw.span, count: part.count, into: &batch)
            } catch {
                throw .spoolDamaged(ordinal: part.first.value)
            }
            var events: [(Sequence64, Event)] = []
            for row in 0..<part.count {
                let sequence = part.first.advanced(by: UInt64(row))
                if sequence.value >= from, let event = batch.event(at: row) { events.append((sequence, event)) }
            }
            let travelling = encoder.travelling(part)
            Terminal.writeOutput(
                isJSON
                    ? InspectText.json(part, travelling, events)
                    : InspectText.text(part, travelling, events, state.acknowledged.sequence))
        }
        return ExitStatus.success
    }
}

extension BatchEncoder {
    /// The body as it travels when this batch is sent by itself: compressed where that is shorter.
    fileprivate mutating func travelling(_ part: SpoolPart) -> [UInt8] {
        let encoded = EncodedBatch(
            count: part.count, raw: part.raw, controlTokens: 0, reportedNanoUSD: 0, chainAfter: ChainValue(0))
        return frame(encoded, first: part.first).body
    }
}

enum InspectText {
    static func text(
        _ part: SpoolPart, _ travelling: [UInt8], _ events: [(Sequence64, Event)], _ acknowledged: Sequence64
    ) -> String {
        var text = ""
        for (sequence, event) in events {
            let place = sequence <= acknowledged ? "acknowledged" : "waiting"
            text += "event \(sequence.value) (\(place))\n"
            for (name, value) in fields(event) { text += "  \(name) = \(value.text)\n" }
        }
        text +=
            "batch of events \(part.first.value) to \(part.last.value), \(part.raw.count) bytes before compression:\n"
        text += lines(part.raw)
        text += "as it travels, \(travelling.count) bytes:\n" + lines(travelling)
        return text
    }

    /// Hexadecimal, 32 bytes a line.
    private static func lines(_ bytes: [UInt8]) -> String {
        let hex = bytes.hexText
        var text = ""
        var start = hex.startIndex
        while start < hex.endIndex {
            let end = hex.index(start, offsetBy: 64, limitedBy: hex.endIndex) ?? hex.endIndex
            text += "  \(hex[start..<end])\n"
            start = end
        }
        return text
    }

    /// One object a line for each batch.
    static func json(_ part: SpoolPart, _ travelling: [UInt8], _ events: [(Sequence64, Event)]) -> String {
        let objects = events.map { sequence, event in
            let fields = fields(event).map { "\"\($0.name)\":\($0.value.json)" }
            return "{\"sequence\":\(sequence.value),\(fields.joined(separator: ","))}"
        }
        return
            "{\"first\":\(part.first.value),\"count\":\(part.count),\"body\":\"\(part.raw.hexText)\",\"travels\":\"\(travelling.hexText)\","
            + "\"events\":[\(objects.joined(separator: ","))]}\n"
    }

    enum Value {
        case word(String)
        case number(UInt64)

        var text: String {
            switch self {
            case .word(let word): word
            case .number(let number): "\(number)"
            }
        }
        /// Words here are labels, UUIDs and vocabulary: nothing that JSON would have to escape.
        var json: String {
            switch self {
            case .word(let word): "\"\(word)\""
            case .number(let number): "\(number)"
            }
        }
    }

    /// Every column that does not hold its default, in the order of the schema. Nothing else of an event exists.
    static func fields(_ event: Event) -> [(name: String, value: Value)] {
        let held = EventRules.present(event)
        return ColumnID.allCases.filter { $0 == .kind || held.contains($0) }.map { ($0.name, value($0, of: event)) }
    }

    private static func value(_ column: ColumnID, of event: Event) -> Value {
        switch column {
        case .kind: .word(event.kind.name)
        case .timeMs: .number(UInt64(clamping: event.timeMs))
        case .session: .word(event.session.value.uuidText)
        case .project: .word(event.project?.value.uuidText ?? "")
        case .agent: .word(event.agent.name)
        case .model: .word(event.model?.text ?? "")
        case .origin: .word(event.origin.name)
        case .speed: .word(event.speed.name)
        case .tier: .word(event.tier.name)
        case .region: .word(event.region.name)
        case .outcome: .word(event.outcome.name)
        case .inputTokens: .number(UInt64(event.inputTokens))
        case .cacheReadTokens: .number(UInt64(event.cacheReadTokens))
        case .cacheWrite5mTokens: .number(UInt64(event.cacheWrite5mTokens))
        case .cacheWrite1hTokens: .number(UInt64(event.cacheWrite1hTokens))
        case .cacheWriteUnknownTokens: .number(UInt64(event.cacheWriteUnknownTokens))
        case .outputTokens: .number(UInt64(event.outputTokens))
        case .reasoningTokens: .number(UInt64(event.reasoningTokens))
        case .webSearches: .number(UInt64(event.webSearches))
        case .toolCalls: .number(UInt64(event.toolCalls))
        case .durationMs: .number(UInt64(event.durationMs ?? 0))
        case .reportedCostNanoUSD: .number(event.reportedCostNanoUSD ?? 0)
        case .state: .word(event.state?.name ?? "")
        case .contextTokens: .number(UInt64(event.contextTokens ?? 0))
        case .billing: .word(event.billing.name)
        }
    }
}
