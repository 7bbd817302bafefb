/// When sessions happen: mostly on weekdays and in working hours, always before `endMs`.
struct WorkCalendar: Sendable {
    /// The first instant that no session reaches.
    let endMs: Int64
    let days: Int

    private static let hourMs: Int64 = 3_600_000

    /// When a session starts, and the instant at which it stops at the latest.
    func sitting(random: inout SeededRandom) -> (startMs: Int64, limitMs: Int64) {
        let endDay = UTCText.dayNumber(endMs)
        var back = random.number(in: 1...days)
        for _ in 0..<2 where UTCText.weekday((endDay - Int64(back)) * UTCText.dayMs) >= 5 {
            // Weekends are worked on now and then.
            back = random.number(in: 1...days)
        }
        let dayMs = (endDay - Int64(back)) * UTCText.dayMs
        let isNight = back > 1 && random.chance(perMille: 40)
        let fromMinute = isNight ? 21 * 60 : 7 * 60 + 30
        let minutes = isNight ? 180 : 600
        let startMs =
            dayMs + Int64(fromMinute + random.number(in: 0...minutes)) * 60_000
            + Int64(random.number(in: 0...59_999))
        // A night's work may pass midnight; a day's never does.
        return (startMs, dayMs + (isNight ? 27 : 24) * WorkCalendar.hourMs - 120_000)
    }
}
