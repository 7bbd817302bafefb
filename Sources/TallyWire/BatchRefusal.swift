import TallyModel

/// Why a batch is refused, as a REJECT tells it: the first offending row, how many rows, the column (0 where
/// none is to blame) and the reason. Nothing of the content.
package struct BatchRefusal: Error, Hashable, Sendable {
    package var reason: RejectReason
    package var field: UInt8
    package var index: UInt32
    package var run: UInt32

    package init(reason: RejectReason, field: UInt8 = 0, index: UInt32 = 0, run: UInt32) {
        self.reason = reason
        self.field = field
        self.index = index
        self.run = run
    }

    /// A body that does not decode: its rows cannot be told apart.
    static func whole(_ reason: RejectReason, _ field: UInt8 = 0, rows: Int) -> BatchRefusal {
        BatchRefusal(reason: reason, field: field, run: UInt32(truncatingIfNeeded: rows))
    }

    static func row(_ row: Int, _ reason: RejectReason, _ column: ColumnID) -> BatchRefusal {
        BatchRefusal(reason: reason, field: column.rawValue, index: UInt32(truncatingIfNeeded: row), run: 1)
    }
}
