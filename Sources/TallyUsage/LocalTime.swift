import TallyModel

/// Local days and hours of quarter-hours, and the text of them.
package enum LocalTime {
    private static let secondsOfQuarter = Limits.quarterMs / 1_000

    /// Local days since 1970 of a quarter-hour, rounded down.
    package static func day(quarter: Int64, offset: Int64) -> Int64 {
        // A day is added and taken away so that the division never sees a negative number.
        (quarter * secondsOfQuarter + offset + 86_400) / 86_400 - 1
    }

    /// Local hours since 1970, rounded down.
    package static func hour(quarter: Int64, offset: Int64) -> Int64 {
        (quarter * secondsOfQuarter + offset + 86_400) / 3_600 - 24
    }

    /// `2026-01-31`.
    package static func text(day: Int64) -> String {
        let (year, month, dayOfMonth) = civil(day)
        return "\(digits(year, 4))-\(digits(month, 2))-\(digits(dayOfMonth, 2))"
    }

    /// `2026-01-31T13:00:00Z`, or with `+01:00` in place of `Z`. An hour that a clock change repeats has two
    /// offsets, and so two texts.
    package static func text(hour: Int64, offset: Int64, isUTC: Bool) -> String {
        let day = hour >= 0 ? hour / 24 : (hour - 23) / 24
        let zone: String
        if isUTC {
            zone = "Z"
        } else {
            let minutes = offset.magnitude / 60
            zone = "\(offset < 0 ? "-" : "+")\(digits(Int64(minutes / 60), 2)):\(digits(Int64(minutes % 60), 2))"
        }
        return "\(text(day: day))T\(digits(hour - day * 24, 2)):00:00\(zone)"
    }

    /// Days since 1970 to year, month and day, Gregorian. Works in eras of 400 years that begin in March, so
    /// that the leap day is an era's last.
    private static func civil(_ days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    /// Days since 1970 of a date, Gregorian.
    static func days(_ year: Int64, _ month: Int64, _ dayOfMonth: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = floored(shifted, by: 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + dayOfMonth - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func year(ofDay days: Int64) -> Int64 { civil(days).0 }

    static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    static func floored(_ value: Int64, by divisor: Int64) -> Int64 {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// Reads `2026-01-31`; nil for any other text, and for days that there are not.
    package static func day(_ text: String) -> Int64? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard text.utf8.count == 10, parts.count == 3, let year = Int64(parts[0]), let month = Int64(parts[1]),
            let dayOfMonth = Int64(parts[2]), (1...12).contains(month), (1...31).contains(dayOfMonth)
        else { return nil }
        let day = days(year, month, dayOfMonth)
        return self.text(day: day) == text ? day : nil
    }

    private static func digits(_ value: Int64, _ count: Int) -> String {
        let text = String(value)
        return text.count < count ? String(repeating: "0", count: count - text.count) + text : text
    }
}
