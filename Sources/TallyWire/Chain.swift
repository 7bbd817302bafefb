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
    /// those that the row does hold: the next store overwrites the rest. So the branches are the batch's, not
    /// the row's, and the processor foresees them.
    package static func advance(
        _ chain: ChainValue, over batch: borrowing Batch, rows: Range<Int>
    ) -> ChainValue {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= batch.count, "rows outside the batch")
        let longs = batch.longs.span
        var message = ChainMessage(present: batch.present, capacity: batch.capacity)
        var value = chain.value
        for row in rows {
            message.begin(after: value, held: longs[row])
            message.addIdentity(
                row, batch.bytes.span, batch.shorts.span, longs, batch.sessions.span, batch.projects.span,
                batch.modelHashes.span)
            message.addNumbers(row, batch.bytes.span, batch.words.span, longs)
            value = message.hash64()
        }
        return ChainValue(value)
    }

    package static func advance(_ chain: ChainValue, over batch: borrowing Batch) -> ChainValue {
        advance(chain, over: batch, rows: 0..<batch.count)
    }
}

/// One row's message while it is put together.
private struct ChainMessage {
    private let present: UInt64
    private let capacity: Int
    private var bytes = HashMessage()
    private var held: UInt64 = 0
    private var place = 0

    init(present: UInt64, capacity: Int) {
        self.present = present
        self.capacity = capacity
    }

    @inline(__always)
    mutating func begin(after value: UInt64, held: UInt64) {
        self.held = held
        bytes.put(value, at: 0)
        bytes.put(held, at: 8)
        place = 16
    }

    func hash64() -> UInt64 { bytes.hash64(length: place) }

    /// Columns 1 to 11.
    @inline(__always)
    mutating func addIdentity(
        _ row: Int, _ small: Span<UInt8>, _ indices: Span<UInt16>, _ longs: Span<UInt64>,
        _ sessions: Span<Bytes16>, _ projects: Span<Bytes16>, _ models: Span<UInt64>
    ) {
        if has(1) { add(small[row], 1) }
        if has(2) { add(longs[capacity + row], 2) }
        if has(3) { add(sessions[Int(indices[row])], 3) }
        if has(4) { add(projects[Int(indices[capacity + row])], 4) }
        if has(5) { add(small[capacity + row], 5) }
        if has(6) { add(models[Int(indices[2 * capacity + row])], 6) }
        if has(7) { add(small[2 * capacity + row], 7) }
        if has(8) { add(small[3 * capacity + row], 8) }
        if has(9) { add(small[4 * capacity + row], 9) }
        if has(10) { add(small[5 * capacity + row], 10) }
        if has(11) { add(small[6 * capacity + row], 11) }
    }

    /// Columns 12 to 25.
    @inline(__always)
    mutating func addNumbers(_ row: Int, _ small: Span<UInt8>, _ words: Span<UInt32>, _ longs: Span<UInt64>) {
        if has(12) { add(words[row], 12) }
        if has(13) { add(words[capacity + row], 13) }
        if has(14) { add(words[2 * capacity + row], 14) }
        if has(15) { add(words[3 * capacity + row], 15) }
        if has(16) { add(words[4 * capacity + row], 16) }
        if has(17) { add(words[5 * capacity + row], 17) }
        if has(18) { add(words[6 * capacity + row], 18) }
        if has(19) { add(words[7 * capacity + row], 19, width: 2) }
        if has(20) { add(words[8 * capacity + row], 20, width: 2) }
        if has(21) { add(words[9 * capacity + row], 21) }
        if has(22) { add(longs[2 * capacity + row], 22) }
        if has(23) { add(small[7 * capacity + row], 23) }
        if has(24) { add(words[10 * capacity + row], 24) }
        if has(25) { add(small[8 * capacity + row], 25) }
    }

    @inline(__always)
    private func has(_ id: UInt64) -> Bool { present & (1 &<< id) != 0 }

    @inline(__always)
    private mutating func advance(_ id: UInt64, _ width: Int) {
        place &+= Int(truncatingIfNeeded: (held &>> id) & 1) &* width
    }

    @inline(__always)
    private mutating func add(_ value: UInt8, _ id: UInt64) {
        bytes.put(value, at: place)
        advance(id, 1)
    }

    @inline(__always)
    private mutating func add(_ value: UInt32, _ id: UInt64, width: Int = 4) {
        bytes.put(value, at: place)
        advance(id, width)
    }

    @inline(__always)
    private mutating func add(_ value: UInt64, _ id: UInt64) {
        bytes.put(value, at: place)
        advance(id, 8)
    }

    @inline(__always)
    private mutating func add(_ value: Bytes16, _ id: UInt64) {
        bytes.put(value.high.byteSwapped, at: place)
        bytes.put(value.low.byteSwapped, at: place &+ 8)
        advance(id, 16)
    }
}
