/// A time zone as a zone file holds it (RFC 8536, versions 1 to 4): its changes one by one, and a rule for the time
/// behind them. So a report knows days and summer times without the system's large library for them.
///
///     header: "TZif" | version | 15 bytes | six counts of four bytes
///     version 1: one block with times of four bytes; from 2 on a second header and block with eight, then "\n" rule "\n"
///     block: times | the kind behind each | kinds: offset (4), isSummer, name | names | leap seconds | two lists of flags
///
/// Leap seconds are passed over: instants are counted without them everywhere. Bytes are checked, never trusted.
package struct ZoneFile: Hashable, Sendable {
    package static let bytesMax = 256 << 10

    /// Seconds since 1970, rising; `offsets[i + 1]` holds from `changes[i]` on, `offsets[0]` before all.
    private var changes: [Int64] = []
    private var offsets: [Int64] = []
    private var rule: ZoneRule?

    /// Nil for bytes that are no zone file.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= Self.bytesMax, var header = Header(bytes, at: 0) else { return nil }
        var width = 4
        if header.version >= UInt8(ascii: "2") {
            guard let second = Header(bytes, at: header.end(width: 4)) else { return nil }
            header = second
            width = 8
        }
        let end = header.end(width: width)
        guard end <= bytes.count, read(bytes, header, width) else { return nil }
        guard width == 8 else { return }
        guard end < bytes.count, bytes[end] == 10, let close = bytes[(end + 1)...].firstIndex(of: 10) else {
            return nil
        }
        guard close > end + 1 else { return }
        guard let found = ZoneRule(bytes[(end + 1)..<close]) else { return nil }
        rule = found
    }

    /// A zone that is a rule alone, as TZ may give it.
    package init?(rule text: String) {
        guard let rule = ZoneRule(text.utf8) else { return nil }
        offsets = [rule.offset(at: 0)]
        self.rule = rule
    }

    /// Seconds east of Greenwich at `second` since 1970.
    package func offset(at second: Int64) -> Int64 {
        if let rule, second >= changes.last ?? .min { return rule.offset(at: second) }
        // The number of changes up to `second`, by halving.
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle] <= second { low = middle + 1 } else { high = middle }
        }
        return offsets[low]
    }

    package var zone: UsageZone {
        let isUTC = changes.isEmpty && (rule?.isUTC ?? (offsets == [0]))
        return UsageZone(isUTC: isUTC) { offset(at: $0) }
    }

    private mutating func read(_ bytes: [UInt8], _ header: Header, _ width: Int) -> Bool {
        let kindsAt = header.start + header.times * width
        let offsetsAt = kindsAt + header.times
        var kinds: [Int64] = []
        for kind in 0..<header.kinds {
            let offset = number(bytes, at: offsetsAt + kind * 6, width: 4)
            // A day and two hours is beyond every zone that was.
            guard offset.magnitude <= 26 * 3_600 else { return false }
            kinds.append(offset)
        }
        guard let first = kinds.first else { return false }
        offsets = [first]
        for index in 0..<header.times {
            let kind = Int(bytes[kindsAt + index])
            let second = number(bytes, at: header.start + index * width, width: width)
            guard kind < kinds.count, second > changes.last ?? .min else { return false }
            changes.append(second)
            offsets.append(kinds[kind])
        }
        return true
    }

    /// Big-endian, signed.
    private func number(_ bytes: [UInt8], at start: Int, width: Int) -> Int64 {
        let pattern = bytes[start..<(start + width)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return width == 8 ? Int64(bitPattern: pattern) : Int64(Int32(truncatingIfNeeded: pattern))
    }
}

/// What stands before a block: how long its parts are.
private struct Header {
    static let bytes = 44

    let version: UInt8
    /// Where the block begins.
    let start: Int
    let times: Int
    let kinds: Int
    private let counts: [Int]

    init?(_ bytes: [UInt8], at place: Int) {
        guard place >= 0, place <= bytes.count - Self.bytes, Array(bytes[place..<(place + 4)]) == Array("TZif".utf8)
        else { return nil }
        version = bytes[place + 4]
        let counts = (0..<6).map { index in
            let at = place + 20 + index * 4
            return bytes[at..<(at + 4)].reduce(0) { $0 << 8 | Int($1) }
        }
        // So no sum below overflows, and nothing larger fits a file.
        guard counts.allSatisfy({ $0 <= ZoneFile.bytesMax }), counts[4] <= 256 else { return nil }
        self.counts = counts
        start = place + Self.bytes
        times = counts[3]
        kinds = counts[4]
    }

    /// Where the block ends.
    func end(width: Int) -> Int {
        let (flags, standards, leaps, names) = (counts[0], counts[1], counts[2], counts[5])
        return start + times * (width + 1) + kinds * 6 + names + leaps * (width + 4) + standards + flags
    }
}
