import Foundation
import TallyUsage

/// A time zone's offsets over a stretch of quarter-hours, as runs of equal offset.
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

extension UsageZone {
    /// A zone that the system's library knows.
    init(_ zone: TimeZone) {
        self.init(isUTC: ["GMT", "UTC", "Etc/UTC", "Etc/GMT"].contains(zone.identifier)) { second in
            Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(second))))
        }
    }
}
