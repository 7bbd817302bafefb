import TallyModel

/// Events out of bytes, good ones and bad ones.
///
/// ```
/// | rows u8, 250 and above 4,096 | salt u8 | templates of 16 bytes each, used in turn |
/// ```
/// With a salt the rows of one template differ: that is how the largest batches come about in few bytes.
enum BatchEvents {
    private static let templateBytes = 16
    private static let numbers: [UInt32] = [
        0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 1 << 28 - 1, 1 << 28, Limits.tokensMax - 1,
        Limits.tokensMax, Limits.tokensMax + 1, 86_400_000, 86_400_001, .max,
    ]
    private static let names = ["opus", "haiku", "gpt-5", "a/b@c", "x", "claude-opus-4-8", "unlisted", "g:1+2_3.4-5"]

    static func make(_ reader: inout FuzzBytes) -> [Event] {
        let told = Int(reader.byte())
        let rows = told >= 250 ? Limits.batchEventsMax : told
        let salt = UInt64(reader.byte())
        var templates: [[UInt8]] = []
        while !reader.isEmpty, templates.count < 64 {
            var template = reader.take(templateBytes)
            template += [UInt8](repeating: 0, count: templateBytes - template.count)
            templates.append(template)
        }
        guard !templates.isEmpty else { return [] }
        return (0..<rows).map { row in
            event(templates[row % templates.count], noise: salt == 0 ? 0 : mixed(salt << 32 | UInt64(row)), row: row)
        }
    }

    private static func event(_ bytes: [UInt8], noise: UInt64, row: Int) -> Event {
        let kind = EventKind.allCases[Int(bytes[0] & 7) % EventKind.allCases.count]
        let low = UInt64(bytes[1] & 15) + (bytes[1] & 0x80 == 0 ? 0 : noise << 8) + 1
        let session = SessionID(Bytes16(high: 7, low: low)) ?? fallback
        var event = Event(kind: kind, timeMs: time(bytes[2], row), session: session, agent: pick(bytes[3]))
        if bytes[0] & 8 != 0 { event.model = Label(names[Int(bytes[3] >> 4) % names.count]) }
        if bytes[0] & 0x88 == 0x88 { event.model = Label("model-\(noise % 200)") }
        if bytes[0] & 16 != 0 { event.project = ProjectID(Bytes16(high: UInt64(bytes[1] >> 4), low: noise & 3)) }
        if bytes[0] & 32 != 0 { event.state = pick(bytes[4]) as AgentState }
        event.origin = pick(bytes[4] >> 3)
        event.speed = pick(bytes[5])
        event.tier = pick(bytes[5] >> 3)
        event.region = pick(bytes[6])
        event.outcome = pick(bytes[6] >> 3)
        event.billing = pick(bytes[7])
        event.inputTokens = number(bytes[8], noise)
        event.cacheReadTokens = number(bytes[9], noise >> 8)
        event.cacheWrite5mTokens = number(bytes[10], noise >> 16)
        event.cacheWrite1hTokens = number(bytes[11] & 0x0f, noise)
        event.cacheWriteUnknownTokens = number(bytes[11] >> 4, noise)
        event.outputTokens = number(bytes[12], noise >> 24)
        event.reasoningTokens = bytes[13] & 0x80 == 0 ? event.outputTokens / 2 : number(bytes[13] & 0x7f, noise)
        event.webSearches = UInt16(truncatingIfNeeded: number(bytes[14] & 0x0f, 0))
        event.toolCalls = UInt16(truncatingIfNeeded: number(bytes[14] >> 4, noise >> 32))
        if bytes[13] & 1 != 0 { event.durationMs = number(bytes[15], noise >> 40) }
        if bytes[13] & 2 != 0 { event.contextTokens = number(bytes[15], noise >> 48) }
        if bytes[13] & 4 != 0 { event.reportedCostNanoUSD = cost(bytes[15], noise) }
        return event
    }

    private static var fallback: SessionID {
        guard let session = SessionID(Bytes16(high: 0, low: 1)) else { preconditionFailure("not zero") }
        return session
    }

    private static func time(_ byte: UInt8, _ row: Int) -> Int64 {
        switch byte {
        case 0: 0
        case 1: .min
        case 2: .max
        case 3: Limits.timeMsMax
        case 4: Limits.timeMsMax + 1
        case 5: -1
        case 6..<64: 1_700_000_000_000
        case 64..<128: 1_700_000_000_000 + Int64(row) * Int64(byte)
        case 128..<192: 1_700_000_000_000 - Int64(row) * Int64(byte) << 20
        default: Int64(byte) << Int64(row % 36)
        }
    }

    /// Small, at an edge, or spread by the noise.
    private static func number(_ byte: UInt8, _ noise: UInt64) -> UInt32 {
        switch byte {
        case 0..<64: UInt32(byte)
        case 64..<80: numbers[Int(byte) - 64]
        case 80..<128: UInt32(truncatingIfNeeded: noise & 0xff)
        case 128..<192: UInt32(truncatingIfNeeded: noise & 0xffff)
        default: UInt32(truncatingIfNeeded: noise % UInt64(Limits.tokensMax + 1))
        }
    }

    private static func cost(_ byte: UInt8, _ noise: UInt64) -> UInt64 {
        switch byte {
        case 0..<128: UInt64(byte)
        case 128: Limits.reportedCostNanoUSDMax
        case 129: Limits.reportedCostNanoUSDMax + 1
        case 130: .max
        case 131: .max - 1
        default: noise % Limits.reportedCostNanoUSDMax
        }
    }

    private static func pick<Word: Vocabulary>(_ byte: UInt8) -> Word {
        let all = Array(Word.allCases)
        return all[Int(byte & 7) % all.count]
    }
}
