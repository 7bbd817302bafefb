import TallyModel
import TestEffort
import Testing

@testable import TallyWire

@Suite("A body has one form")
struct MutationTests {
    @Test("A body that was changed at random never traps, and decodes only if it is the one form of other rows")
    func mutation() throws {
        let seed: UInt64 = 0x6d75_7461_7465
        print("seed \(seed)")
        var events = RandomEvents(seed: seed)
        var encoder = BatchEncoder()
        var decoder = BatchDecoder(hashSeed: seed)
        var batch = Batch()
        var decoded = 0
        for _ in 0..<Effort.of(1_000) {
            let rows = events.batch(Int.random(in: 1...20, using: &events.random))
            let raw = try encoder.encode(rows.span, after: ChainValue(0)).raw
            for _ in 0..<100 {
                let bytes = mutated(raw, &events.random)
                let count = events.random.chance(20) ? Int.random(in: 0...21, using: &events.random) : rows.count
                do throws(BatchRefusal) {
                    try decoder.decode(bytes.span, count: count, into: &batch)
                } catch {
                    #expect(error.run >= 1 || count == 0)
                    #expect(batch.count == 0)
                    continue
                }
                decoded += 1
                #expect(encoder.encode(batch, after: ChainValue(0)).raw == bytes)
                for event in batch.events { #expect(EventRules.violation(event) == nil) }
                #expect(batch.events.count == count)
            }
        }
        print("decoded \(decoded) of \(Effort.of(1_000) * 100)")
        #expect(decoded > Effort.of(100))
    }

    private func mutated(_ raw: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = raw
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes.removeLast(Int.random(in: 0...min(3, bytes.count), using: &random))
        case 1:
            bytes.insert(UInt8.random(in: 0...255, using: &random), at: Int.random(in: 0...bytes.count, using: &random))
        case 2: bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0...7, using: &random)
        default:
            for _ in 0...Int.random(in: 0...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
        }
        return bytes
    }

    @Test("The rules by columns are the rules by rows: an event is refused exactly if EventRules refuses it")
    func rules() throws {
        let seed: UInt64 = 0x7275_6c65_73
        print("seed \(seed)")
        var events = RandomEvents(seed: seed)
        var encoder = BatchEncoder()
        var refused = 0
        for _ in 0..<Effort.of(5_000) {
            let good = events.batch(4)
            var rows = good
            let place = Int.random(in: 0..<4, using: &events.random)
            rows[place] = crossed(good[place], with: events.batch(1)[0], &events.random)
            let violation = EventRules.violation(rows[place])
            do throws(BatchRefusal) {
                _ = try encoder.encode(rows.span, after: ChainValue(0))
                #expect(violation == nil)
            } catch {
                refused += 1
                #expect(Int(error.index) == place && error.run == 1)
                let expected: (RejectReason, ColumnID)? =
                    switch violation {
                    case .missing(let column): (.fieldRequired, column)
                    case .forbidden(let column): (.fieldForbidden, column)
                    case .outOfRange(let column): (.fieldRange, column)
                    case nil: nil
                    }
                // A value out of range is found before a rule of the kind.
                if error.reason != .fieldRange || violation.map(isRange) == true {
                    #expect(expected?.0 == error.reason && expected?.1.rawValue == error.field)
                }
                #expect(violation != nil)
            }
        }
        #expect(refused > Effort.of(1_000))
    }

    private func isRange(_ violation: EventViolation) -> Bool {
        if case .outOfRange = violation { true } else { false }
    }

    /// One or two columns of `event` as another event has them, or out of bounds.
    private func crossed(_ event: Event, with other: Event, _ random: inout SeededRandom) -> Event {
        var event = event
        switch Int.random(in: 0..<14, using: &random) {
        case 0: event.kind = random.pick(EventKind.allCases)
        case 1: event.model = nil
        case 2: event.state = random.pick(AgentState.allCases)
        case 3: event.contextTokens = random.pick([nil, 0, 1, Limits.tokensMax, Limits.tokensMax + 1, .max])
        case 4: event.inputTokens = random.pick([0, 1, Limits.tokensMax, Limits.tokensMax + 1, .max])
        case 5: event.reasoningTokens = event.outputTokens &+ random.pick([0, 1])
        case 6: event.durationMs = random.pick([nil, 0, Limits.durationMsMax, Limits.durationMsMax + 1, .max])
        case 7:
            event.reportedCostNanoUSD = random.pick(
                [nil, 0, Limits.reportedCostNanoUSDMax, Limits.reportedCostNanoUSDMax + 1, .max - 1, .max])
        case 8: event.timeMs = random.pick([0, 1, -1, .min, .max, Limits.timeMsMax, Limits.timeMsMax + 1])
        case 9: event.outcome = random.pick(Outcome.allCases)
        case 10: event.toolCalls = random.pick([0, 1, .max])
        case 11: event.cacheReadTokens = random.pick([0, 1, Limits.tokensMax, Limits.tokensMax + 1, .max])
        case 12: event.outputTokens = random.pick([0, Limits.tokensMax, Limits.tokensMax + 1])
        default:
            event.kind = other.kind
            event.model = other.model
        }
        return event
    }
}
