/// The rows of all requests ever counted, by number: 32 bytes each, in blocks that never move.
///
///      0  message     u64
///      8  request     u64
///     16  low bits    u64     bit 0 is a sidechain's, bit 1 is a call's, bit 2 is wide, then the packed counts
///     24  high bits   u64
///
/// Counts that `PackedCounts` cannot hold stand in `wide`, 40 bytes more, and the row has their number there instead; a
/// row that was wide once stays so.
struct RequestRows: RandomAccessCollection, Sendable {
    struct Row: Hashable, Sendable {
        let message: UInt64
        /// The request id's hash, or the session's for a counter row; 0 if none was given.
        var request: UInt64
        /// Only lines of sub-agents have spoken of it so far.
        var isSidechain: Bool
        /// Telemetry told it, of which the message is not known: `message` is the record's hash.
        var isCall = false
        var sent: RequestCounts
    }

    /// What a search asks of a row: all but its counts.
    struct Head {
        let message: UInt64
        let request: UInt64
        fileprivate let low: UInt64

        var isSidechain: Bool { low & RequestRows.sidechainBit != 0 }
        var isCall: Bool { low & RequestRows.callBit != 0 }
    }

    private struct Packed: Sendable {
        var message: UInt64
        var request: UInt64
        var low: UInt64
        var high: UInt64
    }

    private static let sidechainBit: UInt64 = 1
    private static let callBit: UInt64 = 2
    private static let wideBit: UInt64 = 4
    private static let flagBits: UInt128 = 3

    static var rowBytes: Int { MemoryLayout<Packed>.stride }

    private var rows = BlockList<Packed>()
    private var wide = BlockList<RequestCounts>()
    private(set) var count = 0

    var startIndex: Int { 0 }
    var endIndex: Int { count }

    subscript(number: Int) -> Row {
        let row = rows[number]
        return Row(
            message: row.message, request: row.request, isSidechain: row.low & Self.sidechainBit != 0,
            isCall: row.low & Self.callBit != 0, sent: counts(row))
    }

    func head(_ number: Int) -> Head {
        let row = rows[number]
        return Head(message: row.message, request: row.request, low: row.low)
    }

    mutating func append(_ row: Row) {
        rows.append(packed(row, over: nil))
        count += 1
    }

    mutating func replace(_ number: Int, with row: Row) {
        rows[number] = packed(row, over: rows[number])
    }

    // MARK: Helpers

    private func counts(_ row: Packed) -> RequestCounts {
        let bits = (UInt128(row.high) << 64 | UInt128(row.low)) >> Self.flagBits
        return row.low & Self.wideBit == 0 ? PackedCounts.unpack(bits) : wide[Int(truncatingIfNeeded: bits)]
    }

    private mutating func packed(_ row: Row, over old: Packed?) -> Packed {
        var flags: UInt64 = (row.isSidechain ? Self.sidechainBit : 0) | (row.isCall ? Self.callBit : 0)
        let payload: UInt128
        if let old, old.low & Self.wideBit != 0 {
            flags |= Self.wideBit
            payload = (UInt128(old.high) << 64 | UInt128(old.low)) >> Self.flagBits
            wide[Int(truncatingIfNeeded: payload)] = row.sent
        } else if let bits = PackedCounts.pack(row.sent) {
            payload = bits
        } else {
            flags |= Self.wideBit
            payload = UInt128(wide.count)
            wide.append(row.sent)
        }
        let bits = payload << Self.flagBits
        return Packed(
            message: row.message, request: row.request, low: UInt64(truncatingIfNeeded: bits) | flags,
            high: UInt64(truncatingIfNeeded: bits >> 64))
    }
}
