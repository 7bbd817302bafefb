import TallyModel
import Testing

@testable import TallyWorkstation

/// What is too old to be spooled, and by whose clock.
@Suite("Age floor")
struct AgeFloorTests {
    private static let day: Int64 = 86_400_000
    private static let year = 365 * day
    private let nowMs: Int64 = 1_790_000_000_000
    private let start = MonotonicInstant(nanoseconds: 5_000_000_000)

    @Test("A year of clock error at the workstation leaves nothing out that the gateway keeps")
    func yearAhead() {
        let keeps = 30 * Self.day
        for error in [-Self.year, -3_600_000, 0, 3_600_000, Self.year] {
            var age = AgeFloor(keepsMs: keeps, oldestMs: nil)
            age.heard(nowMs - keeps, keepsMs: keeps, at: start)
            let floor = age.oldestMs(wallMs: nowMs + error, now: start)
            #expect(floor <= nowMs - keeps, "what is younger than the gateway's retention is spooled")
            #expect(floor == nowMs - keeps + min(error, 0))
        }
        // Before the first word of this life the enrolment's stands, which only grows.
        let old = AgeFloor(keepsMs: keeps, oldestMs: nowMs - keeps - 5 * Self.day)
        #expect(old.oldestMs(wallMs: nowMs + Self.year, now: start) == nowMs - keeps - 5 * Self.day)
    }

    @Test("The gateway's word ages with the time that passes, not with this machine's clock")
    func ages() {
        var age = AgeFloor(keepsMs: 1_000, oldestMs: nil)
        age.heard(nowMs - 1_000, keepsMs: 1_000, at: start)
        #expect(age.oldestMs(wallMs: nowMs + Self.year, now: start + .seconds(60)) == nowMs - 1_000 + 60_000)
        #expect(age.oldestMs(wallMs: nowMs, now: start + .seconds(60)) == nowMs - 1_000)
    }

    @Test("Impossible numbers leave nothing out and trap nowhere")
    func extremes() {
        var age = AgeFloor(keepsMs: .max, oldestMs: .min)
        #expect(age.oldestMs(wallMs: .min, now: start) == .min)
        age.heard(.max, keepsMs: 1, at: MonotonicInstant(nanoseconds: 0))
        #expect(age.oldestMs(wallMs: .max, now: .distantFuture) == .max - 1)
        #expect(AgeFloor(keepsMs: 7, oldestMs: nil).oldestMs(wallMs: 10, now: start) == 3)
    }
}
