/// A price book's dates: `YYYY-MM-DD` (midnight) or `YYYY-MM-DDTHH:MM:SSZ`, always UTC.
enum PriceDate {
    /// Milliseconds since 1970, or nil where `text` is no such date from 1970 to 9999.
    static func ms(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count == 10 || bytes.count == 20,
            let year = number(bytes, 0, 4), let month = number(bytes, 5, 2), let day = number(bytes, 8, 2),
            bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            let days = days(year: year, month: month, day: day)
        else { return nil }
        if bytes.count == 10 { return days * 86_400_000 }
        guard bytes[10] == UInt8(ascii: "T"), bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            bytes[19] == UInt8(ascii: "Z"), let hour = number(bytes, 11, 2), let minute = number(bytes, 14, 2),
            let second = number(bytes, 17, 2), hour < 24, minute < 60, second < 60
        else { return nil }
        return days * 86_400_000 + hour * 3_600_000 + minute * 60_000 + second * 1_000
    }

    /// Days from 1970-01-01 to a real day of the calendar; nil for any other.
    static func days(year: Int64, month: Int64, day: Int64) -> Int64? {
        guard (1970...9999).contains(year), (1...12).contains(month), day >= 1 else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard day <= lengths[Int(month) - 1] else { return nil }
        let before = year - 1
        let years = before * 365 + before / 4 - before / 100 + before / 400
        // The same sum at 1969, so that 1970-01-01 is day 0.
        return years - 719_162 + lengths[..<(Int(month) - 1)].reduce(0, +) + day - 1
    }

    /// The shortest form of an instant that `ms` gave: without a time where it is midnight.
    static func text(_ ms: Int64) -> String {
        let (days, rest) = ms.quotientAndRemainder(dividingBy: 86_400_000)
        // Days from 1970 are at least 365 to the year: the year is found a few steps further.
        var year = 1970 + days / 366
        while let next = PriceDate.days(year: year + 1, month: 1, day: 1), next <= days { year += 1 }
        var month: Int64 = 1
        while let next = PriceDate.days(year: year, month: month + 1, day: 1), next <= days { month += 1 }
        let day = days - (PriceDate.days(year: year, month: month, day: 1) ?? days) + 1
        let date = "\(year)-\(padded(month))-\(padded(day))"
        guard rest != 0 else { return date }
        let seconds = rest / 1_000
        return "\(date)T\(padded(seconds / 3_600)):\(padded(seconds / 60 % 60)):\(padded(seconds % 60))Z"
    }

    private static func padded(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }

    /// The value of `count` decimal digits at `start`, or nil where one is no digit.
    static func number(_ bytes: [UInt8], _ start: Int, _ count: Int) -> Int64? {
        var value: Int64 = 0
        for byte in bytes[start..<(start + count)] {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        return value
    }
}
