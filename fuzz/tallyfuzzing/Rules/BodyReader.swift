/// Why a batch is to be refused: what a REJECT has to say.
package struct Refusal: Error, Hashable, Sendable {
    package var reason: Reason
    package var field: UInt8 = 0
    package var index: UInt32 = 0
    package var run: UInt32
    /// The most rows that it may name, where a gateway may name fewer.
    package var runMost: UInt32
    package var rule: Rule

    init(_ reason: Reason, _ rule: Rule, field: UInt8 = 0, index: UInt32 = 0, run: UInt32, runMost: UInt32? = nil) {
        self.reason = reason
        self.rule = rule
        self.field = field
        self.index = index
        self.run = run
        self.runMost = runMost ?? run
    }
}

/// A column as it was read. `values` holds one encoded value a row: 0 is the default; of identifiers and labels it is the
/// place in `entries`, whose first is the default.
struct ReadColumn {
    let rule: ColumnRule
    var values: [UInt64]
    var entries: [ArraySlice<UInt8>] = []
}

/// A place in a raw body that a mutation can aim at.
package struct Mark: Hashable, Sendable {
    package enum Kind: Hashable, Sendable { case head, id, varint, entryCount, id16, labelLength, label, packed }
    package let kind: Kind
    package let column: UInt8
    package let range: Range<Int>
}

/// Reads a raw body by SPEC section 4, in the order of TG-4-11 (steps 2 and 3). It is written from the document and shares
/// nothing with the product's decoder.
struct BodyReader {
    let raw: [UInt8]
    let rows: Int
    private(set) var at = 0
    /// The column that is being read.
    private var field: UInt8 = 0
    private(set) var columns: [UInt8: ReadColumn] = [:]
    private(set) var marks: [Mark] = []
    private var deltas: [Int128] = []

    init(raw: [UInt8], rows: Int) {
        self.raw = raw
        self.rows = rows
    }

    /// Everything up to and with the residuals.
    mutating func read() throws(Refusal) {
        var before: UInt8 = 0
        while at < raw.count {
            field = 0
            let start = at
            let head = try byte()
            let encoding = head >> 5
            var id = head & 31
            if id == 0 {
                id = try byte()
                field = id
                mark(.id, start + 1)
                if id < 32 { throw refused(.nonCanonical, .canonical) }
            }
            field = id
            mark(.head, start)
            if id <= before { throw refused(.malformed, .malformed) }
            before = id
            guard let rule = ColumnRule.rule(id) else {
                throw refused(ColumnRule.contentIDs.contains(id) ? .contentField : .unknownField, .columns)
            }
            guard rule.has(encoding: encoding) else { throw refused(.malformed, .malformed) }
            columns[id] = try column(rule, encoding)
        }
        if columns[13] != nil, !deltas.isEmpty { try resolve() }
    }

    private mutating func column(_ rule: ColumnRule, _ encoding: UInt8) throws(Refusal) -> ReadColumn {
        switch encoding {
        case 0: return try constant(rule)
        case 3: return try packedColumn(rule)
        case 4, 5: return try dictionary(rule, absent: encoding == 5)
        case 2:
            for _ in 0..<rows { deltas.append(BodyReader.signed(try varint())) }
            return ReadColumn(rule: rule, values: [])
        default: return try numbers(rule, isDelta: encoding == 6)
        }
    }

    private mutating func constant(_ rule: ColumnRule) throws(Refusal) -> ReadColumn {
        if rule.form == .id16 || rule.form == .label {
            let value = try entry(rule)
            if BodyReader.isDefault(value) { throw refused(.nonCanonical, .canonical) }
            return ReadColumn(rule: rule, values: [UInt64](repeating: 1, count: rows), entries: [[], value])
        }
        let value = try varint()
        if value == 0 { throw refused(.nonCanonical, .canonical) }
        if value > rule.most { throw refused(.fieldRange, .columns) }
        return ReadColumn(rule: rule, values: [UInt64](repeating: value, count: rows))
    }

    private mutating func numbers(_ rule: ColumnRule, isDelta: Bool) throws(Refusal) -> ReadColumn {
        var values: [UInt64] = []
        values.reserveCapacity(rows)
        var value: Int128 = 0
        let least: Int128 = rule.form == .time ? 1 : 0
        for row in 0..<rows {
            let number = try varint()
            value = isDelta && row > 0 ? value + BodyReader.signed(number) : Int128(number)
            guard value >= least, value <= Int128(rule.most) else { throw refused(row: row, .fieldRange, .columns) }
            values.append(UInt64(value))
        }
        try notEqual(values)
        return ReadColumn(rule: rule, values: values)
    }

    private mutating func packedColumn(_ rule: ColumnRule) throws(Refusal) -> ReadColumn {
        let (values, hasPadding) = try packed(bits: rule.bits)
        for (row, value) in values.enumerated() where value > rule.most {
            throw refused(row: row, .fieldRange, .columns)
        }
        if hasPadding { throw refused(.nonCanonical, .packed) }
        try notEqual(values)
        return ReadColumn(rule: rule, values: values)
    }

    private mutating func dictionary(_ rule: ColumnRule, absent: Bool) throws(Refusal) -> ReadColumn {
        let start = at
        let size = try varint()
        marks.removeLast()
        mark(.entryCount, start)
        if size < (absent ? 1 : 2) || size > UInt64(rows) { throw refused(.nonCanonical, .dictionary) }
        var entries: [ArraySlice<UInt8>] = [[]]
        var seen: Set<ArraySlice<UInt8>> = []
        for _ in 0..<size {
            let value = try entry(rule)
            if BodyReader.isDefault(value) { throw refused(.malformed, .dictionary) }
            if !seen.insert(value).inserted { throw refused(.nonCanonical, .dictionary) }
            entries.append(value)
        }
        let highest = absent ? Int(size) : Int(size) - 1
        let (indices, hasPadding) = try packed(bits: Int.bitWidth - highest.leadingZeroBitCount)
        var values: [UInt64] = []
        values.reserveCapacity(rows)
        var fresh: UInt64 = 1
        for index in indices {
            let place = absent ? index : index + 1
            if place > size { throw refused(.malformed, .dictionary) }
            if place > fresh { throw refused(.nonCanonical, .dictionary) }
            if place == fresh { fresh += 1 }
            values.append(place)
        }
        if fresh != size + 1 || (absent && !values.contains(0)) { throw refused(.nonCanonical, .dictionary) }
        if hasPadding { throw refused(.nonCanonical, .packed) }
        return ReadColumn(rule: rule, values: values, entries: entries)
    }

    // MARK: Values

    private mutating func byte() throws(Refusal) -> UInt8 {
        guard at < raw.count else { throw refused(.malformed, .malformed) }
        defer { at += 1 }
        return raw[at]
    }

    private mutating func varint() throws(Refusal) -> UInt64 {
        let start = at
        var value: UInt128 = 0
        var shift: UInt128 = 0
        while true {
            guard at < raw.count, at - start < 10 else { throw refused(.malformed, .malformed) }
            let next = raw[at]
            at += 1
            value |= UInt128(next & 127) << shift
            shift += 7
            if next < 128 {
                if value > UInt128(UInt64.max) { throw refused(.malformed, .malformed) }
                if next == 0, at - start > 1 { throw refused(.nonCanonical, .canonical) }
                mark(.varint, start)
                return UInt64(value)
            }
        }
    }

    private mutating func entry(_ rule: ColumnRule) throws(Refusal) -> ArraySlice<UInt8> {
        var start = at
        guard rule.form == .label else {
            guard raw.count - at >= 16 else { throw refused(.malformed, .malformed) }
            at += 16
            mark(.id16, start)
            return raw[start..<at]
        }
        let length = Int(try byte())
        mark(.labelLength, start)
        if length > 64 { throw refused(.fieldRange, .label) }
        start = at
        guard raw.count - at >= length else { throw refused(.malformed, .malformed) }
        at += length
        if length > 0 { mark(.label, start) }
        let text = raw[start..<at]
        if length > 0, !BodyReader.isLabel(text) { throw refused(.fieldRange, .label) }
        return text
    }

    /// The values, and whether an unused top bit is set.
    private mutating func packed(bits: Int) throws(Refusal) -> ([UInt64], Bool) {
        let count = (rows * bits + 7) / 8
        let start = at
        guard raw.count - at >= count else { throw refused(.malformed, .malformed) }
        at += count
        mark(.packed, start)
        var values: [UInt64] = []
        values.reserveCapacity(rows)
        var held: UInt64 = 0
        var heldBits = 0
        var place = start
        for _ in 0..<rows {
            while heldBits < bits {
                held |= UInt64(raw[place]) << UInt64(heldBits)
                place += 1
                heldBits += 8
            }
            values.append(held & (1 << UInt64(bits) - 1))
            held >>= UInt64(bits)
            heldBits -= bits
        }
        return (values, held != 0)
    }

    // MARK: Residuals

    /// TG-4-6.
    private mutating func resolve() throws(Refusal) {
        field = 13
        let kinds = columns[1]?.values
        let sessions = columns[3]?.values
        let others = [12, 14, 15, 16].compactMap { (id: UInt8) in columns[id]?.values }
        var nearest: [UInt64: Int128] = [:]
        var values: [UInt64] = []
        for row in 0..<rows {
            let isUsage = (kinds?[row] ?? 0) == 0
            let session = sessions?[row] ?? 0
            let value = deltas[row] + (isUsage ? nearest[session] ?? 0 : 0)
            guard value >= 0, value <= 1_000_000_000 else { throw refused(row: row, .fieldRange, .residual) }
            values.append(UInt64(value))
            if isUsage { nearest[session] = others.reduce(value) { $0 + Int128($1[row]) } }
        }
        try notEqual(values)
        columns[13]?.values = values
    }

    // MARK: Helpers

    private func notEqual(_ values: [UInt64]) throws(Refusal) {
        guard let first = values.first, values.contains(where: { $0 != first }) else {
            throw refused(.nonCanonical, .canonical)
        }
    }

    private mutating func mark(_ kind: Mark.Kind, _ start: Int) {
        marks.append(Mark(kind: kind, column: field, range: start..<at))
    }

    private func refused(_ reason: Reason, _ rule: Rule) -> Refusal {
        Refusal(reason, rule, field: field, run: UInt32(rows))
    }

    private func refused(row: Int, _ reason: Reason, _ rule: Rule) -> Refusal {
        Refusal(reason, rule, field: field, index: UInt32(row), run: 1)
    }

    private static func signed(_ number: UInt64) -> Int128 {
        number & 1 == 0 ? Int128(number >> 1) : -Int128(number >> 1) - 1
    }

    private static func isDefault(_ value: ArraySlice<UInt8>) -> Bool { value.allSatisfy { $0 == 0 } }

    /// TG-3-2, of at least one byte.
    static func isLabel(_ text: ArraySlice<UInt8>) -> Bool {
        let later = Array("._:/@+-".utf8)
        return text.enumerated().allSatisfy { place, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: place > 0 && later.contains(byte)
            }
        }
    }
}
