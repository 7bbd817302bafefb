import TallyIO
package import TallyModel

/// All that must survive retention, as of the record's ordinal: the first records of every segment. A tenant
/// with many streams splits it over several records (`part` of `parts`), each valid by itself.
///
///      0  layout (1)          u16        24  newest receive time, ms   i64
///      2  part, from 0        u16        32  events ever committed     u64
///      4  parts               u16        40  tenant totals             2 × u128
///      6  zero                u16        72  entries                   u32
///      8  store epoch         u64        76  zero                      u32
///     16  price book          u64        80  entries of 136 bytes
package struct CheckpointRecord: Hashable, Sendable {
    package static let streamsPerRecordMax = (Limits.recordBytesMax - RecordHeader.overheadBytes - 80) / Entry.byteCount

    package var part: UInt16 = 0
    package var parts: UInt16 = 1
    package var epoch: StoreEpoch
    package var priceBook: UInt64
    /// The clock of the gateway is trusted only if it is not behind this.
    package var newestReceivedAtMs: Int64
    package var events: UInt64
    package var totals: RunningTotals
    package var streams: [Entry]

    package init(
        epoch: StoreEpoch, priceBook: UInt64 = 0, newestReceivedAtMs: Int64, events: UInt64, totals: RunningTotals,
        streams: [Entry]
    ) {
        self.epoch = epoch
        self.priceBook = priceBook
        self.newestReceivedAtMs = newestReceivedAtMs
        self.events = events
        self.totals = totals
        self.streams = streams
    }

    /// One stream:
    ///
    ///      0  number              u32         64  totals                   2 × u128
    ///      4  generation          u32         96  gap events                    u64
    ///      8  stream id      16 bytes        104  gap totals               2 × u128
    ///     24  workstation         u64
    ///     32  committed           u64
    ///     40  chain               u64
    ///     48  backed up through   u64
    ///     56  flags               u32        bit 0 closed, bit 1 adopting
    ///     60  zero                u32
    package struct Entry: Hashable, Sendable {
        package static let byteCount = 136
        package var number: UInt32
        package var generation: Generation
        package var stream: StreamID
        package var workstation: WorkstationID
        package var committed: Sequence64
        package var chain: ChainValue
        package var backedUpThrough = Sequence64.zero
        package var isClosed = false
        package var isAdopting = false
        /// Of events and gaps together.
        package var totals = RunningTotals.zero
        package var gapEvents: UInt64 = 0
        package var gapTotals = RunningTotals.zero

        package init(
            number: UInt32, generation: Generation, stream: StreamID, workstation: WorkstationID,
            committed: Sequence64, chain: ChainValue
        ) {
            self.number = number
            self.generation = generation
            self.stream = stream
            self.workstation = workstation
            self.committed = committed
            self.chain = chain
        }
    }

    /// The same checkpoint in as many records as it needs.
    package func split(streamsPerRecord: Int = streamsPerRecordMax) -> [CheckpointRecord] {
        let count = max(1, (streams.count + streamsPerRecord - 1) / streamsPerRecord)
        precondition(count <= Int(UInt16.max), "more streams than a checkpoint holds")
        return (0..<count).map { index in
            var record = self
            let start = index * streamsPerRecord
            record.streams = Array(streams[start..<min(start + streamsPerRecord, streams.count)])
            record.part = UInt16(index)
            record.parts = UInt16(count)
            return record
        }
    }

    /// Ready for the head of a new segment.
    package func newRecords(nowMs: Int64) -> [NewRecord] {
        split().map { NewRecord(RecordDraft(.checkpoint, receivedAtMs: nowMs), body: $0.encode()) }
    }

    package func encode() -> [UInt8] {
        var bytes = [UInt8].body()
        bytes.reserveCapacity(80 + streams.count * Entry.byteCount)
        bytes.append(littleEndian: part)
        bytes.append(littleEndian: parts)
        bytes.appendZeros(2)
        bytes.append(littleEndian: epoch.value)
        bytes.append(littleEndian: priceBook)
        bytes.append(littleEndian: newestReceivedAtMs)
        bytes.append(littleEndian: events)
        bytes.append(totals)
        bytes.append(littleEndian: UInt32(streams.count))
        bytes.appendZeros(4)
        for stream in streams { stream.encode(into: &bytes) }
        return bytes
    }

    package init(decoding bytes: [UInt8]) throws(MalformedBody) {
        var reader = try BodyReader(bytes)
        part = try reader.integer(UInt16.self)
        parts = try reader.integer(UInt16.self)
        try reader.zeros(2)
        epoch = StoreEpoch(try reader.integer(UInt64.self))
        priceBook = try reader.integer(UInt64.self)
        newestReceivedAtMs = try reader.integer(Int64.self)
        events = try reader.integer(UInt64.self)
        totals = try reader.totals()
        let count = Int(try reader.integer(UInt32.self))
        try reader.zeros(4)
        guard part < parts, reader.remaining == count * Entry.byteCount else { throw MalformedBody() }
        streams = []
        streams.reserveCapacity(count)
        for _ in 0..<count { streams.append(try Entry(&reader)) }
    }
}

extension CheckpointRecord.Entry {
    fileprivate func encode(into bytes: inout [UInt8]) {
        bytes.append(littleEndian: number)
        bytes.append(littleEndian: generation.value)
        bytes.append(stream.value)
        bytes.append(littleEndian: workstation.value)
        bytes.append(littleEndian: committed.value)
        bytes.append(littleEndian: chain.value)
        bytes.append(littleEndian: backedUpThrough.value)
        bytes.append(littleEndian: UInt32((isClosed ? 1 : 0) | (isAdopting ? 2 : 0)))
        bytes.appendZeros(4)
        bytes.append(totals)
        bytes.append(littleEndian: gapEvents)
        bytes.append(gapTotals)
    }

    fileprivate init(_ reader: inout BodyReader) throws(MalformedBody) {
        number = try reader.integer(UInt32.self)
        generation = Generation(try reader.integer(UInt32.self))
        stream = StreamID(try reader.bytes16())
        workstation = WorkstationID(try reader.integer(UInt64.self))
        committed = Sequence64(try reader.integer(UInt64.self))
        chain = ChainValue(try reader.integer(UInt64.self))
        backedUpThrough = Sequence64(try reader.integer(UInt64.self))
        let flags = try reader.integer(UInt32.self)
        try reader.zeros(4)
        isClosed = flags & 1 != 0
        isAdopting = flags & 2 != 0
        totals = try reader.totals()
        gapEvents = try reader.integer(UInt64.self)
        gapTotals = try reader.totals()
        guard flags <= 3, number > 0, committed.value <= Limits.sequenceMax else { throw MalformedBody() }
    }
}
