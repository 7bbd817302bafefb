import TallyModel
import TallyRollup
import Testing

@Suite("Effective time")
struct EffectiveTimeTests {
    struct Case: Sendable {
        var time: Int64
        var offset: Int64 = 0
        var ms: Int64
        var basis: EffectiveTime.Basis
    }

    static let received: Int64 = 1_793_491_200_000
    static let bound = Limits.aheadMsMax

    static let cases: [Case] = [
        Case(time: received - 86_400_000, ms: received - 86_400_000, basis: .asSent),
        Case(time: received + bound, ms: received + bound, basis: .asSent),
        Case(time: received + bound + 1, ms: received, basis: .receiveTime),
        Case(time: Limits.timeMsMax, ms: received, basis: .receiveTime),
        Case(time: 1, ms: 1, basis: .asSent),
        // The workstation's clock is two hours ahead: its "now" is our now.
        Case(time: received + 7_200_000, offset: -7_200_000, ms: received, basis: .clockOffset),
        Case(time: received + 7_200_000 + bound, offset: -7_200_000, ms: received + bound, basis: .clockOffset),
        Case(time: received + 7_200_001 + bound, offset: -7_200_000, ms: received, basis: .receiveTime),
        // An old event of the same machine is taken as it is.
        Case(time: received - 7_200_000, offset: -7_200_000, ms: received - 7_200_000, basis: .asSent),
        // Two hours behind: its "now" is past for us, and its "in ten minutes" is not ahead.
        Case(time: received - 7_200_000, offset: 7_200_000, ms: received - 7_200_000, basis: .asSent),
        Case(time: received, offset: 7_200_000, ms: received, basis: .receiveTime),
        // Clocks that cannot be.
        Case(time: received + bound + 1, offset: .min, ms: 1, basis: .clockOffset),
        Case(time: 1, offset: .max, ms: received, basis: .receiveTime),
    ]

    @Test("An event counts at its own time unless that lies more than ten minutes ahead", arguments: cases)
    func counted(_ wanted: Case) {
        let found = EffectiveTime(timeMs: wanted.time, receivedMs: Self.received, offsetMs: wanted.offset)
        #expect(found.ms == wanted.ms)
        #expect(found.basis == wanted.basis)
    }

    @Test("Whatever clock a workstation claims, no event counts more than ten minutes ahead of its receipt")
    func bounded() {
        let seed: UInt64 = 20_261_123
        print("seed \(seed)")
        var random = Seeded(seed)
        for _ in 0..<20_000 {
            let time = Int64.random(in: Limits.timeMsMin...Limits.timeMsMax, using: &random)
            let wild = Bool.random(using: &random)
            let offset =
                wild ? Int64(truncatingIfNeeded: random.next()) : Int64.random(in: -1 << 43...1 << 43, using: &random)
            let found = EffectiveTime(timeMs: time, receivedMs: Self.received, offsetMs: offset)
            #expect(found.ms >= 1 && found.ms <= Self.received + Self.bound, "seed \(seed)")
            #expect(found.basis != .asSent || found.ms == time, "seed \(seed)")
        }
    }
}
