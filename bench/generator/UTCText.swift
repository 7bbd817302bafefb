/// Milliseconds since 1970 as the texts that transcripts, folders and reports use; UTC throughout.
package struct UTCText: Hashable, Sendable {
    package let year: Int
    package let month: Int
    package let dayOfMonth: Int
    package let milliseconds: Int

    package static let dayMs: Int64 = 86_400_000

    package init(timeMs: Int64) {
        let days = UTCText.dayNumber(timeMs)
        milliseconds = Int(timeMs - days * UTCText.dayMs)
        // Days since 0000-03-01, cut into eras of 400 years; a year is taken to begin in March.
        let shifted = Int(days) + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let ofEra = shifted - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * ofYear + 2) / 153
        dayOfMonth = ofYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Days since 1970, rounded down.
    package static func dayNumber(_ timeMs: Int64) -> Int64 {
        timeMs >= 0 ? timeMs / dayMs : (timeMs - dayMs + 1) / dayMs
    }

    /// Monday is 0.
    package static func weekday(_ timeMs: Int64) -> Int { Int(((dayNumber(timeMs) + 3) % 7 + 7) % 7) }

    /// `2026-11-20`
    package var day: String {
        "\(UTCText.padded(year, 4))-\(UTCText.padded(month, 2))-\(UTCText.padded(dayOfMonth, 2))"
    }

    /// `2026/11/20`
    package var dayPath: String {
        "\(UTCText.padded(year, 4))/\(UTCText.padded(month, 2))/\(UTCText.padded(dayOfMonth, 2))"
    }

    /// `2026-11-20T09:30:00.125Z`
    package var instant: String { "\(day)T\(clock(":")).\(UTCText.padded(milliseconds % 1_000, 3))Z" }

    /// `2026-11-20T09-30-00`, as in names of files.
    package var fileStamp: String { "\(day)T\(clock("-"))" }

    private func clock(_ separator: String) -> String {
        let seconds = milliseconds / 1_000
        return UTCText.padded(seconds / 3_600, 2) + separator + UTCText.padded(seconds / 60 % 60, 2) + separator
            + UTCText.padded(seconds % 60, 2)
    }

    private static func padded(_ value: Int, _ digits: Int) -> String {
        let text = String(value)
        return text.utf8.count >= digits ? text : String(repeating: "0", count: digits - text.utf8.count) + text
    }
}
