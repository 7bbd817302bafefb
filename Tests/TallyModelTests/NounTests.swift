import TallyModel
import Testing

@Suite("Nouns")
struct NounTests {
    @Test(
        "A label is 1 to 64 bytes of its alphabet and begins with a letter or a digit",
        arguments: [
            ("a", true), ("claude-opus-4-5-20251101", true), ("openai/gpt-5.2", true), ("us.anthropic.x:0@1+2", true),
            ("0", true), ("", false), ("-a", false), ("A", false), ("a b", false), ("a\n", false), ("ä", false),
            ("__proto__", false), (".a", false),
        ])
    func label(text: String, isLabel: Bool) {
        #expect((Label(text) != nil) == isLabel)
    }

    @Test("A label of 64 bytes is one and of 65 is none")
    func labelLength() {
        #expect(Label(String(repeating: "a", count: 64)) != nil)
        #expect(Label(String(repeating: "a", count: 65)) == nil)
    }

    @Test("A UUID's text becomes sixteen bytes and the same text again, in either case")
    func uuid() throws {
        let text = "3f0c2a4e-1111-4222-8333-444455556666"
        let value = try #require(Bytes16(uuid: Array(text.utf8)))
        #expect(value.uuidText == text)
        #expect(Bytes16(uuid: Array(text.uppercased().utf8)) == value)
        #expect(Bytes16(value.bytes) == value)
        for wrong in [
            "", "3f0c2a4e11114222833344445555666", text + "0", text.replacing("-", with: "_"), "g" + text.dropFirst(),
        ] {
            #expect(Bytes16(uuid: Array(wrong.utf8)) == nil)
        }
    }

    @Test("Sixteen zero bytes are no session and no project: the wire keeps them for absent")
    func zero() {
        #expect(SessionID(Bytes16(high: 0, low: 0)) == nil)
        #expect(ProjectID(Bytes16(high: 0, low: 0)) == nil)
        #expect(SessionID(Bytes16(high: 0, low: 1)) != nil)
    }

    @Test(
        "Money is rounded once, half to even",
        arguments: [
            (Int128(0), Int128(0)), (499_999, 0), (500_000, 0), (500_001, 1), (1_000_000, 1), (1_500_000, 2),
            (2_500_000, 2), (2_500_001, 3), (-500_000, 0), (-1_500_000, -2), (-500_001, -1),
        ])
    func rounding(femto: Int128, nano: Int128) {
        #expect(Money(femtoUSD: femto).nanoUSDRounded == nano)
    }

    @Test("Running totals add, and say so where they would not fit")
    func totals() {
        let half = RunningTotals(tokens: .max / 2, reportedNanoUSD: 1)
        #expect(half.adding(half)?.reportedNanoUSD == 2)
        #expect(half.adding(half)?.adding(half) == nil)
    }

    @Test("Every kind's required and forbidden columns are disjoint, and a minimal event of it breaks no rule")
    func rules() throws {
        for kind in EventKind.allCases {
            #expect(EventRules.required(kind).intersection(EventRules.forbidden(kind)).isEmpty)
            let session = try #require(SessionID(Bytes16(high: 1, low: 1)))
            var event = Event(kind: kind, timeMs: 1, session: session, agent: .other)
            if EventRules.required(kind).contains(.model) { event.model = .unlisted }
            if EventRules.required(kind).contains(.state) { event.state = .idle }
            if EventRules.required(kind).contains(.contextTokens) { event.contextTokens = 0 }
            #expect(EventRules.violation(event) == nil)
            event.reasoningTokens = 1
            #expect(EventRules.violation(event) != nil, "reasoning is part of the output")
        }
    }
}
