import Foundation

/// A time zone's offsets over a stretch of quarter-hours, as runs of equal offset; and the text of days and
/// hours.
///
/// The zone is asked once a day, and a change is then searched by halving: one run covers half a year, and
/// even the 278 years that the wire can name cost about 100,000 questions. A zone that changed twice within
/// a day and back would be missed; none has.
struct ZoneRuns {
    struct Run: Hashable {
        var quarters: Range<Int64>
        /// Seconds east of Greenwich.
        var offset: Int64
    }

    let runs: [Run]

    init(_ zone: TimeZone, quarters: Range<Int64>) {
        var runs: [Run] = []
        var start = quarters.lowerBound
        while start < quarters.upperBound {
            let offset = ZoneRuns.offset(of: zone, at: start)
            let end = ZoneRuns.end(of: zone, from: start, offset: offset, limit: quarters.upperBound)
            runs.append(Run(quarters: start..<end, offset: offset))
            start = end
        }
        self.runs = runs
    }

    /// Seconds east of Greenwich at the start of a quarter-hour.
    static func offset(of zone: TimeZone, at quarter: Int64) -> Int64 {
        Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(quarter * Quarter.seconds))))
    }

    /// The first quarter-hour behind `start` with another offset, at most `limit`.
    private static func end(of zone: TimeZone, from start: Int64, offset: Int64, limit: Int64) -> Int64 {
        let day: Int64 = 96
        var same = start
        while same < limit {
            var other = min(same + day, limit)
            if other == limit && self.offset(of: zone, at: limit - 1) == offset { return limit }
            if other < limit && self.offset(of: zone, at: other) == offset {
                same = other
                continue
            }
            // The offset changes within (same, other].
            while same + 1 < other {
                let middle = same + (other - same) / 2
                if self.offset(of: zone, at: middle) == offset { same = middle } else { other = middle }
            }
            return other
        }
        return limit
    }
}

enum LocalTime {
    /// Local days since 1970 of a quarter-hour, rounded down.
    static func day(quarter: Int64, offset: Int64) -> Int64 {
        // A day is added and taken away so that the division never sees a negative number.
        (quarter * Quarter.seconds + offset + 86_400) / 86_400 - 1
    }

    /// Local hours since 1970, rounded down.
    static func hour(quarter: Int64, offset: Int64) -> Int64 {
        (quarter * Quarter.seconds + offset + 86_400) / 3_600 - 24
    }

    /// `2026-01-31`.
    static func text(day: Int64) -> String {
        let (year, month, dayOfMonth) = civil(day)
        return "\(digits(year, 4))-\(digits(month, 2))-\(digits(dayOfMonth, 2))"
    }

    /// `2026-01-31T13:00:00Z`, or with `+01:00` in place of `Z`. An hour that a clock change repeats has two
    /// offsets, and so two texts.
    static func text(hour: Int64, offset: Int64, isUTC: Bool) -> String {
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

    private static func digits(_ value: Int64, _ count: Int) -> String {
        let text = String(value)
        return text.count < count ? String(repeating: "0", count: count - text.count) + text : text
    }
}
