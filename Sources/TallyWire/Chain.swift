import TallyHash
package import TallyModel

/// The hash over every event of a stream (SPEC.md section 5). Computed from rows, so that merging, splitting
/// and re-encoding batches changes no value.
///
/// ```
/// | u64 chain before | u64 presence | values of the present columns, ascending |      at most 121 bytes
/// ```
package enum Chain {
    /// The value before the first event.
    package static func initial(_ stream: StreamID) -> ChainValue {
        ChainValue(XXH3.hash64(Array("tallygate/1".utf8) + stream.value.bytes))
    }

    /// The value after row `rows.upperBound - 1`, from the one before row `rows.lowerBound`.
    ///
    /// Every column that some row holds is stored for every row, and the place moves on only by the bytes of
    /// those that the row does hold: the next store overwrites the rest.
    package static func advance(
        _ chain: ChainValue, over batch: borrowing Batch, rows: Range<Int>
    ) -> ChainValue {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= batch.count, "rows outside the batch")
        var message = HashMessage()
        var value = chain.value
        for row in rows {
            let length = write(row, of: batch, after: value, into: &message)
            value = message.hash64(length: length)
        }
        return ChainValue(value)
    }

    package static func advance(_ chain: ChainValue, over batch: borrowing Batch) -> ChainValue {
        advance(chain, over: batch, rows: 0..<batch.count)
    }

    @inline(__always)
    private static func write(
        _ row: Int, of batch: borrowing Batch, after value: UInt64, into message: inout HashMessage
    ) -> Int {
        let held = batch.longs[row]
        let present = batch.present
        let capacity = batch.capacity
        message.put(value, at: 0)
        message.put(held, at: 8)
        var place = 16
        put8(.kind, batch.bytes[row], held, present, &message, &place)
        put64(.timeMs, batch.longs[capacity + row], held, present, &message, &place)
        put128(.session, batch.sessions[batch.sessionIndex(row)], held, present, &message, &place)
        put128(.project, batch.projects[batch.projectIndex(row)], held, present, &message, &place)
        put8(.agent, batch.bytes[capacity + row], held, present, &message, &place)
        put64(.model, batch.modelHashes[batch.modelIndex(row)], held, present, &message, &place)
        put8(.origin, batch.bytes[2 * capacity + row], held, present, &message, &place)
        put8(.speed, batch.bytes[3 * capacity + row], held, present, &message, &place)
        put8(.tier, batch.bytes[4 * capacity + row], held, present, &message, &place)
        put8(.region, batch.bytes[5 * capacity + row], held, present, &message, &place)
        put8(.outcome, batch.bytes[6 * capacity + row], held, present, &message, &place)
        put32(.inputTokens, batch.words[row], held, present, &message, &place)
        put32(.cacheReadTokens, batch.words[capacity + row], held, present, &message, &place)
        put32(.cacheWrite5mTokens, batch.words[2 * capacity + row], held, present, &message, &place)
        put32(.cacheWrite1hTokens, batch.words[3 * capacity + row], held, present, &message, &place)
        put32(.cacheWriteUnknownTokens, batch.words[4 * capacity + row], held, present, &message, &place)
        put32(.outputTokens, batch.words[5 * capacity + row], held, present, &message, &place)
        put32(.reasoningTokens, batch.words[6 * capacity + row], held, present, &message, &place)
        put32(.webSearches, batch.words[7 * capacity + row], held, present, &message, &place, width: 2)
        put32(.toolCalls, batch.words[8 * capacity + row], held, present, &message, &place, width: 2)
        put32(.durationMs, batch.words[9 * capacity + row], held, present, &message, &place)
        put64(.reportedCostNanoUSD, batch.longs[2 * capacity + row], held, present, &message, &place)
        put8(.state, batch.bytes[7 * capacity + row], held, present, &message, &place)
        put32(.contextTokens, batch.words[10 * capacity + row], held, present, &message, &place)
        put8(.billing, batch.bytes[8 * capacity + row], held, present, &message, &place)
        return place
    }

    @inline(__always)
    private static func width(_ column: ColumnID, _ held: UInt64, _ bytes: Int) -> Int {
        Int(truncatingIfNeeded: held >> UInt64(column.rawValue) & 1) &* bytes
    }

    @inline(__always)
    private static func put8(
        _ column: ColumnID, _ value: @autoclosure () -> UInt8, _ held: UInt64, _ present: UInt64,
        _ message: inout HashMessage, _ place: inout Int
    ) {
        guard present & Batch.bit(column) != 0 else { return }
        message.put(value(), at: place)
        place &+= width(column, held, 1)
    }

    @inline(__always)
    private static func put32(
        _ column: ColumnID, _ value: @autoclosure () -> UInt32, _ held: UInt64, _ present: UInt64,
        _ message: inout HashMessage, _ place: inout Int, width bytes: Int = 4
    ) {
        guard present & Batch.bit(column) != 0 else { return }
        message.put(value(), at: place)
        place &+= width(column, held, bytes)
    }

    @inline(__always)
    private static func put64(
        _ column: ColumnID, _ value: @autoclosure () -> UInt64, _ held: UInt64, _ present: UInt64,
        _ message: inout HashMessage, _ place: inout Int
    ) {
        guard present & Batch.bit(column) != 0 else { return }
        message.put(value(), at: place)
        place &+= width(column, held, 8)
    }

    @inline(__always)
    private static func put128(
        _ column: ColumnID, _ value: @autoclosure () -> Bytes16, _ held: UInt64, _ present: UInt64,
        _ message: inout HashMessage, _ place: inout Int
    ) {
        guard present & Batch.bit(column) != 0 else { return }
        let bytes = value()
        message.put(bytes.high.byteSwapped, at: place)
        message.put(bytes.low.byteSwapped, at: place + 8)
        place &+= width(column, held, 16)
    }
}
