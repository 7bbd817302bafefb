import TallyModel

/// Writing columns into a batch: what the decoder and the encoder do alike.
extension Batch {
    /// Gives every row the encoded value `value`, which is not the default. An index for identifiers and labels.
    mutating func fill(_ column: Column, with value: UInt64, rows: Int) {
        present |= column.bit
        store(column, value, rows)
    }

    /// Gives every row of the columns that are not in `written` the default.
    mutating func fillAbsent(except written: UInt64, rows: Int) {
        var rest = Batch.allColumns & ~written & ~blank
        // One turn for each of at most 25 columns.
        while rest != 0 {
            let id = rest.trailingZeroBitCount
            rest &= rest - 1
            store(SchemaTable.columns[id - 1], 0, rows)
        }
    }

    /// The column is about to be written row by row: what it held is gone, even if the writing is given up.
    mutating func beginVarying(_ column: Column) {
        filledRows[Int(column.number)] = 0
        blank &= ~column.bit
    }

    /// The column was written row by row. `hasDefaults`: some row holds the default.
    mutating func finishVarying(_ column: Column, hasDefaults: Bool, rows: Int) {
        present |= column.bit
        varying |= column.bit
        if hasDefaults { sparse |= column.bit }
    }

    private mutating func store(_ column: Column, _ value: UInt64, _ rows: Int) {
        let id = Int(column.number)
        if filledValues[id] == value, filledRows[id] >= rows { return }
        filledValues[id] = value
        filledRows[id] = rows
        blank &= ~column.bit
        let start = column.index * capacity
        let places = start..<start + rows
        switch column.kind {
        case .byte: for place in places { bytes[place] = UInt8(truncatingIfNeeded: value) }
        case .short: for place in places { shorts[place] = UInt16(truncatingIfNeeded: value) }
        case .word: for place in places { words[place] = UInt32(truncatingIfNeeded: value) }
        case .long: for place in places { longs[place] = value }
        }
    }
}
