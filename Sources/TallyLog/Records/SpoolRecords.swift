import TallyIO
package import TallyModel

/// What a spool keeps besides its batches: what the gateway acknowledged, and events that it refused for ever.

/// The gateway has committed the stream up to here.
///
///      0  layout (1)   u16        24  store epoch   u64       48  backed up through  u64
///      2  zero      6 bytes       32  committed     u64       56  totals        2 × u128
///      8  stream id 16 bytes      40  chain         u64       88  at, ms             i64
package struct AcknowledgedRecord: Hashable, Sendable {
    package var stream: StreamID
    package var epoch: StoreEpoch
    package var committed: Sequence64
    package var chain: ChainValue
    package var backedUpThrough: Sequence64
    package var totals: RunningTotals
    package var atMs: Int64

    package init(
        stream: StreamID, epoch: StoreEpoch, committed: Sequence64, chain: ChainValue, backedUpThrough: Sequence64,
        totals: RunningTotals, atMs: Int64
    ) {
        self.stream = stream
        self.epoch = epoch
        self.committed = committed
        self.chain = chain
        self.backedUpThrough = backedUpThrough
        self.totals = totals
        self.atMs = atMs
    }

    package func encode() -> [UInt8] {
        var bytes = [UInt8].body()
        bytes.appendZeros(6)
        bytes.append(stream.value)
        bytes.append(littleEndian: epoch.value)
        bytes.append(littleEndian: committed.value)
        bytes.append(littleEndian: chain.value)
        bytes.append(littleEndian: backedUpThrough.value)
        bytes.append(totals)
        bytes.append(littleEndian: atMs)
        return bytes
    }

    package init(decoding bytes: [UInt8]) throws(MalformedBody) {
        var reader = try BodyReader(bytes)
        try reader.zeros(6)
        stream = StreamID(try reader.bytes16())
        epoch = StoreEpoch(try reader.integer(UInt64.self))
        committed = Sequence64(try reader.integer(UInt64.self))
        chain = ChainValue(try reader.integer(UInt64.self))
        backedUpThrough = Sequence64(try reader.integer(UInt64.self))
        totals = try reader.totals()
        atMs = try reader.integer(Int64.self)
        guard committed.value <= Limits.sequenceMax else { throw MalformedBody() }
        try reader.finish()
    }
}

/// Events that the gateway refused for ever, kept so that a person can look: why, and their canonical body.
///
///      0  layout (1)  u16       8  first sequence  u64       20  body length  u32
///      2  reason      u16      16  count           u32       24  body
///      4  field id    u16
///      6  zero        u16
package struct DeadLetterRecord: Hashable, Sendable {
    /// The REJECT reason as the protocol numbers it.
    package var reason: UInt16
    package var field: UInt16
    package var first: Sequence64
    package var count: UInt32
    package var body: [UInt8]

    package init(reason: UInt16, field: UInt16, first: Sequence64, count: UInt32, body: [UInt8]) {
        precondition(body.count <= Limits.batchRawBytesMax, "a dead letter is at most one batch")
        self.reason = reason
        self.field = field
        self.first = first
        self.count = count
        self.body = body
    }

    package func encode() -> [UInt8] {
        var bytes = [UInt8].body()
        bytes.append(littleEndian: reason)
        bytes.append(littleEndian: field)
        bytes.appendZeros(2)
        bytes.append(littleEndian: first.value)
        bytes.append(littleEndian: count)
        bytes.append(littleEndian: UInt32(body.count))
        bytes.append(contentsOf: body)
        return bytes
    }

    package init(decoding bytes: [UInt8]) throws(MalformedBody) {
        var reader = try BodyReader(bytes)
        reason = try reader.integer(UInt16.self)
        field = try reader.integer(UInt16.self)
        try reader.zeros(2)
        first = Sequence64(try reader.integer(UInt64.self))
        count = try reader.integer(UInt32.self)
        let length = Int(try reader.integer(UInt32.self))
        guard length <= Limits.batchRawBytesMax, count > 0, first.value > 0 else { throw MalformedBody() }
        body = Array(try reader.take(length))
        try reader.finish()
    }
}
