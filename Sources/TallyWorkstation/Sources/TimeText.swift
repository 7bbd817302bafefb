import TallyModel

/// Reads `2026-04-10T10:00:01.123Z` (RFC 3339: date, `T` or a space, time, optional fraction, `Z` or an
/// offset) to milliseconds since 1970. Strict and without tables or floats; nil for anything else, for days
/// that do not exist, and outside `Limits.timeMsMin...timeMsMax`. A leap second counts as the second before.
package enum TimeText {
    package static func milliseconds(_ bytes: Span<UInt8>, _ text: JSONText) -> Int64? {
        guard (20...40).contains(text.count), !text.hasEscapes else { return nil }
        var reader = Reader(index: text.start, end: text.end)
        guard let year = reader.number(4, bytes), reader.take("-", bytes),
            let month = reader.number(2, bytes), reader.take("-", bytes), let day = reader.number(2, bytes),
            reader.take("T", bytes) || reader.take("t", bytes) || reader.take(" ", bytes),
            let hour = reader.number(2, bytes), reader.take(":", bytes),
            let minute = reader.number(2, bytes), reader.take(":", bytes), let second = reader.number(2, bytes),
            (1...12).contains(month), day >= 1, day <= daysOf(month, year), hour < 24, minute < 60, second <= 60,
            let milliseconds = fraction(&reader, bytes), let offset = offsetMinutes(&reader, bytes),
            reader.index == reader.end
        else { return nil }
        let minutes = (daysSince1970(year, month, day) * 24 + hour) * 60 + minute - offset
        let total = Int64(minutes * 60 + min(second, 59)) * 1_000 + Int64(milliseconds)
        return (Limits.timeMsMin...Limits.timeMsMax).contains(total) ? total : nil
    }

    private struct Reader {
        var index: Int
        let end: Int

        mutating func number(_ width: Int, _ bytes: Span<UInt8>) -> Int? {
            guard index + width <= end else { return nil }
            var value = 0
            for _ in 0..<width {
                let digit = bytes[index] &- 0x30
                guard digit < 10 else { return nil }
                value = value * 10 + Int(digit)
                index += 1
            }
            return value
        }

        mutating func take(_ character: Unicode.Scalar, _ bytes: Span<UInt8>) -> Bool {
            guard index < end, bytes[index] == UInt8(ascii: character) else { return false }
            index += 1
            return true
        }
    }

    /// The milliseconds of an optional fraction; further digits are cut off.
    private static func fraction(_ reader: inout Reader, _ bytes: Span<UInt8>) -> Int? {
        guard reader.take(".", bytes) else { return 0 }
        var value = 0
        var digits = 0
        while let digit = reader.number(1, bytes) {
            if digits < 3 { value = value * 10 + digit }
            digits += 1
        }
        guard digits > 0 else { return nil }
        return digits == 1 ? value * 100 : digits == 2 ? value * 10 : value
    }

    private static func offsetMinutes(_ reader: inout Reader, _ bytes: Span<UInt8>) -> Int? {
        if reader.take("Z", bytes) || reader.take("z", bytes) { return 0 }
        let isEast = reader.take("+", bytes)
        guard isEast || reader.take("-", bytes), let hours = reader.number(2, bytes), reader.take(":", bytes),
            let minutes = reader.number(2, bytes), hours < 24, minutes < 60
        else { return nil }
        return (isEast ? 1 : -1) * (hours * 60 + minutes)
    }

    private static func daysOf(_ month: Int, _ year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Counts from 1 March, so that the leap day ends a year: 365 a year, one more each fourth, not each
    /// hundredth, but each four-hundredth; months from March have a period of 153 days in five.
    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let years = month > 2 ? year : year - 1
        let months = month > 2 ? month - 3 : month + 9
        return years * 365 + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + day - 1 - 719_468
    }
}
