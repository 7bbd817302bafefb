import TallyModel

/// The rules of EventRules as masks over the columns that a row holds.
///
/// Keeps its scratch space for the next batch.
struct KindRules: Sendable {
    private let required = EventKind.allCases.map { EventRules.required($0).rawValue }
    private let forbidden = EventKind.allCases.map { EventRules.forbidden($0).rawValue }
    /// Bit n of a row's word is set if its column n is not the default.
    private var held: [UInt64] = []

    /// Holds every row to the rules of its kind, then every row to the relations between columns.
    mutating func check(_ batch: borrowing Batch, rows: Int) throws(BatchRefusal) {
        if !holdsThroughout(batch) { try checkRows(batch, rows) }
        guard batch.has(.reasoningTokens) else { return }
        let output = batch.words.span.extracting(5 * batch.capacity..<5 * batch.capacity + rows)
        let reasoning = batch.words.span.extracting(6 * batch.capacity..<6 * batch.capacity + rows)
        // Both are below 2³¹, so that a difference below zero shows in the top bit.
        var differences: UInt32 = 0
        for row in 0..<rows { differences |= output[row] &- reasoning[row] }
        guard differences >> 31 != 0 else { return }
        for row in 0..<rows where reasoning[row] > output[row] { throw .row(row, .fieldRange, .reasoningTokens) }
    }

    /// Whether the columns as wholes show that all rows keep the rules: they are of one kind, what it requires has no
    /// default, and what it forbids is not there.
    private func holdsThroughout(_ batch: borrowing Batch) -> Bool {
        if batch.varies(.kind) { return false }
        let kind = Int(batch.bytes[0])
        let everywhere = batch.present & ~batch.sparse
        return required[kind] & ~everywhere == 0 && forbidden[kind] & batch.present == 0
    }

    private mutating func checkRows(_ batch: borrowing Batch, _ rows: Int) throws(BatchRefusal) {
        note(batch, rows)
        let kinds = batch.bytes.span.extracting(0..<rows)
        for row in 0..<rows {
            let kind = Int(kinds[row])
            let broken = (required[kind] & ~held[row]) | (forbidden[kind] & held[row])
            if broken != 0 { throw refusal(row, held[row], kind) }
        }
    }

    /// Finds out what each row holds.
    private mutating func note(_ batch: borrowing Batch, _ rows: Int) {
        while held.count < rows { held.append(0) }
        var words = held.mutableSpan
        let everywhere = batch.present & ~batch.sparse
        for row in 0..<rows { words[row] = everywhere }
        var rest = batch.present & batch.sparse
        // One turn for each of at most 25 columns.
        while rest != 0 {
            let id = rest.trailingZeroBitCount
            rest &= rest - 1
            guard let column = ColumnID(rawValue: UInt8(truncatingIfNeeded: id)) else { continue }
            let (kind, index) = Slot.of(column)
            let places = index * batch.capacity..<index * batch.capacity + rows
            switch kind {
            case .byte: KindRules.mark(batch.bytes.span.extracting(places), id, &words)
            case .short: KindRules.mark(batch.shorts.span.extracting(places), id, &words)
            case .word: KindRules.mark(batch.words.span.extracting(places), id, &words)
            case .long: KindRules.mark(batch.longs.span.extracting(places), id, &words)
            }
        }
    }

    @inline(__always)
    private static func mark<Value: FixedWidthInteger & UnsignedInteger>(
        _ column: Span<Value>, _ id: Int, _ words: inout MutableSpan<UInt64>
    ) {
        let bit: UInt64 = 1 << UInt64(id)
        for row in 0..<min(column.count, words.count) { words[row] |= column[row] == 0 ? 0 : bit }
    }

    private func refusal(_ row: Int, _ held: UInt64, _ kind: Int) -> BatchRefusal {
        if let missing = ColumnSet(rawValue: required[kind] & ~held).lowest {
            return .row(row, .fieldRequired, missing)
        }
        let extra = ColumnSet(rawValue: forbidden[kind] & held).lowest
        return .row(row, .fieldForbidden, extra ?? .kind)
    }
}
