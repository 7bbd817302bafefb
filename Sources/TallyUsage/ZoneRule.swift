/// A zone's rule for all years, as POSIX writes it: `CET-1CEST,M3.5.0,M10.5.0/3`. It stands at the end of a zone file for
/// the time behind its last change, and may be the value of TZ.
struct ZoneRule: Hashable, Sendable {
    /// Seconds east of Greenwich.
    private let standard: Int64
    private let summer: Summer?

    private struct Summer: Hashable, Sendable {
        let offset: Int64
        let start: Change
        let end: Change
    }

    /// A moment of each year in local time.
    private struct Change: Hashable, Sendable {
        enum Day: Hashable, Sendable {
            /// 1 to 365; 29 February is never counted.
            case julian(Int64)
            /// 0 to 365.
            case ofYear(Int64)
            /// Month 1 to 12, week 1 to 5 (the last), weekday from Sunday.
            case weekday(month: Int64, week: Int64, weekday: Int64)
        }

        let day: Day
        /// Seconds behind midnight; of several days, and negative, in some zones.
        let time: Int64

        /// Local seconds since 1970.
        func second(in year: Int64) -> Int64 {
            let newYear = LocalTime.days(year, 1, 1)
            let date: Int64
            switch day {
            case .julian(let number):
                date = newYear + number - 1 + (LocalTime.isLeap(year) && number >= 60 ? 1 : 0)
            case .ofYear(let number): date = newYear + number
            case .weekday(let month, let week, let weekday):
                let first = LocalTime.days(year, month, 1)
                let next = month == 12 ? LocalTime.days(year + 1, 1, 1) : LocalTime.days(year, month + 1, 1)
                // 1970 began on a Thursday, the fourth day behind Sunday.
                let ofFirst = ((first + 4) % 7 + 7) % 7
                var found = first + (weekday - ofFirst + 7) % 7 + (week - 1) * 7
                while found >= next { found -= 7 }
                date = found
            }
            return date * 86_400 + time
        }
    }

    /// Nil unless `text` is exactly a rule; one that has a summer time and no dates is none.
    init?(_ text: some Collection<UInt8>) {
        guard text.count <= 128 else { return nil }
        var reader = Reader(bytes: Array(text))
        guard reader.name(), let west = reader.duration(hoursMax: 24) else { return nil }
        standard = -west
        guard !reader.isAtEnd else {
            summer = nil
            return
        }
        guard reader.name() else { return nil }
        var offset = standard + 3_600
        if reader.peek != UInt8(ascii: ",") {
            guard let west = reader.duration(hoursMax: 24) else { return nil }
            offset = -west
        }
        guard reader.take(","), let start = reader.change(), reader.take(","), let end = reader.change(),
            reader.isAtEnd
        else { return nil }
        summer = Summer(offset: offset, start: start, end: end)
    }

    /// Never changes, and is Greenwich's.
    var isUTC: Bool { standard == 0 && summer == nil }

    /// Seconds east of Greenwich at `second` since 1970.
    func offset(at second: Int64) -> Int64 {
        guard let summer else { return standard }
        let year = LocalTime.year(ofDay: LocalTime.floored(second + standard, by: 86_400))
        // Each change is told in the time that holds before it.
        let start = summer.start.second(in: year) - standard
        let end = summer.end.second(in: year) - summer.offset
        let isSummer = start < end ? second >= start && second < end : second >= start || second < end
        return isSummer ? summer.offset : standard
    }

    private struct Reader {
        let bytes: [UInt8]
        var index = 0

        var peek: UInt8? { index < bytes.count ? bytes[index] : nil }
        var isAtEnd: Bool { index == bytes.count }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard peek == UInt8(ascii: character) else { return false }
            index += 1
            return true
        }

        /// `CET`, or anything in `<>`.
        mutating func name() -> Bool {
            let start = index
            if take("<") {
                while let byte = peek, byte != UInt8(ascii: ">") { index += 1 }
                return take(">") && index - start > 2
            }
            while let byte = peek, (byte | 0x20) >= UInt8(ascii: "a"), (byte | 0x20) <= UInt8(ascii: "z") { index += 1 }
            return index - start >= 3
        }

        mutating func number(max: Int64) -> Int64? {
            let start = index
            var value: Int64 = 0
            while let byte = peek, byte >= 0x30, byte <= 0x39, index - start < 4 {
                value = value * 10 + Int64(byte - 0x30)
                index += 1
            }
            return index > start && value <= max ? value : nil
        }

        /// `[+-]h[:m[:s]]` in seconds.
        mutating func duration(hoursMax: Int64) -> Int64? {
            let isNegative = take("-")
            if !isNegative { _ = take("+") }
            guard var value = number(max: hoursMax).map({ $0 * 3_600 }) else { return nil }
            for unit in [Int64(60), 1] where take(":") {
                guard let part = number(max: 59) else { return nil }
                value += part * unit
            }
            return isNegative ? -value : value
        }

        mutating func change() -> Change? {
            guard let day = day() else { return nil }
            guard take("/") else { return Change(day: day, time: 7_200) }
            return duration(hoursMax: 167).map { Change(day: day, time: $0) }
        }

        private mutating func day() -> Change.Day? {
            if take("J") { return number(max: 365).flatMap { $0 > 0 ? .julian($0) : nil } }
            guard take("M") else { return number(max: 365).map { .ofYear($0) } }
            guard let month = number(max: 12), month > 0, take("."), let week = number(max: 5), week > 0, take("."),
                let weekday = number(max: 6)
            else { return nil }
            return .weekday(month: month, week: week, weekday: weekday)
        }
    }
}
