import TallyIO
import TallyLog
import TallyModel
import TestDisk
import Testing

@Suite struct RecordTests {
    private static let totals = RunningTotals(tokens: 1 << 70, reportedNanoUSD: 12)
    private static let id = Bytes16(high: 0x0102_0304_0506_0708, low: 9)

    private static var checkpoint: CheckpointRecord {
        var entry = CheckpointRecord.Entry(
            number: 3, generation: Generation(2), stream: StreamID(id), workstation: WorkstationID(8),
            committed: Sequence64(77), chain: ChainValue(5))
        entry.totals = totals
        entry.isClosed = true
        entry.gapEvents = 4
        entry.gapTotals = totals
        entry.backedUpThrough = Sequence64(70)
        return CheckpointRecord(
            epoch: StoreEpoch(1), priceBook: 2, newestReceivedAtMs: -3, events: 4, totals: totals,
            streams: [entry, entry, entry])
    }

    private static var gap: GapRecord {
        var counts = GapRecord.TokenCounts()
        counts.input = 1
        counts.webSearches = .max
        let groups = [
            GapRecord.Group(model: Label("claude-x"), events: 2, counts: counts, reportedNanoUSD: .max),
            GapRecord.Group(model: nil, events: 1, counts: counts, reportedNanoUSD: 0),
        ]
        return GapRecord(
            reason: 7, first: Sequence64(5), last: Sequence64(7), chainAfter: ChainValue(9), totals: totals,
            groups: groups)
    }

    private static var stream: StreamRecord {
        StreamRecord(
            .generationRaised, number: 1, stream: StreamID(id), workstation: WorkstationID(2),
            generation: Generation(3), isAdopting: true, atMs: 4)
    }

    private static var acknowledged: AcknowledgedRecord {
        AcknowledgedRecord(
            stream: StreamID(id), epoch: StoreEpoch(4), committed: Sequence64(5), chain: ChainValue(6),
            backedUpThrough: Sequence64(3), totals: totals, atMs: 8)
    }

    private static var purge: PurgeRecord {
        PurgeRecord(.session, beforeMs: 1, subject: id, askedBy: 2, atMs: 3, throughOrdinal: 4, events: 5)
    }

    /// A body, and what decoding and encoding again gives.
    private struct Case: Sendable {
        var name: String
        var bytes: [UInt8]
        var again: @Sendable ([UInt8]) throws -> [UInt8]
    }

    private static var cases: [Case] {
        let epoch = EpochRecord(.restored, epoch: StoreEpoch(1), before: StoreEpoch(2), atMs: 3, restoredThrough: 4)
        let book = PriceBookRecord(
            effectiveFromMs: 1, contentHash: [UInt8](repeating: 7, count: 32), text: Array("{}".utf8))
        let letter = DeadLetterRecord(reason: 1, field: 2, first: Sequence64(3), count: 4, body: [5, 6])
        return [
            Case(name: "checkpoint", bytes: checkpoint.encode()) { try CheckpointRecord(decoding: $0).encode() },
            Case(name: "gap", bytes: gap.encode()) { try GapRecord(decoding: $0).encode() },
            Case(name: "stream", bytes: stream.encode()) { try StreamRecord(decoding: $0).encode() },
            Case(name: "acknowledged", bytes: acknowledged.encode()) { try AcknowledgedRecord(decoding: $0).encode() },
            Case(name: "purge", bytes: purge.encode()) { try PurgeRecord(decoding: $0).encode() },
            Case(name: "epoch", bytes: epoch.encode()) { try EpochRecord(decoding: $0).encode() },
            Case(name: "price book", bytes: book.encode()) { try PriceBookRecord(decoding: $0).encode() },
            Case(name: "dead letter", bytes: letter.encode()) { try DeadLetterRecord(decoding: $0).encode() },
            Case(name: "husk", bytes: HuskRecord(was: .batch, events: 1, totals: totals).encode()) {
                try HuskRecord(decoding: $0).encode()
            },
        ]
    }

    @Test("Every record body decodes to what was encoded, byte for byte")
    func roundTrips() throws {
        for each in RecordTests.cases { #expect(try each.again(each.bytes) == each.bytes, "\(each.name)") }
        #expect(try CheckpointRecord(decoding: RecordTests.checkpoint.encode()) == RecordTests.checkpoint)
        #expect(try GapRecord(decoding: RecordTests.gap.encode()) == RecordTests.gap)
        #expect(try StreamRecord(decoding: RecordTests.stream.encode()) == RecordTests.stream)
        #expect(try AcknowledgedRecord(decoding: RecordTests.acknowledged.encode()) == RecordTests.acknowledged)
        #expect(try PurgeRecord(decoding: RecordTests.purge.encode()) == RecordTests.purge)
    }

    @Test("A record body cut anywhere or with a byte too many is refused, and no changed byte traps or reads otherwise")
    func hostileBodies() {
        for each in RecordTests.cases {
            for count in 0..<each.bytes.count {
                #expect(throws: MalformedBody.self, "\(each.name) cut at \(count)") {
                    try each.again(Array(each.bytes.prefix(count)))
                }
            }
            #expect(throws: MalformedBody.self, "\(each.name)") { try each.again(each.bytes + [0]) }
            for index in each.bytes.indices {
                for value: UInt8 in [0, 1, 0x80, 0xff] {
                    var changed = each.bytes
                    changed[index] = value
                    // Refused, or there is no free bit: it encodes to the same bytes again.
                    if let again = try? each.again(changed) { #expect(again == changed, "\(each.name) byte \(index)") }
                }
            }
        }
    }

    @Test("A checkpoint of many streams is split over records that hold all of them once")
    func splitCheckpoint() {
        let parts = RecordTests.checkpoint.split(streamsPerRecord: 2)
        #expect(parts.map(\.part) == [0, 1] && parts.allSatisfy { $0.parts == 2 })
        #expect(parts.flatMap(\.streams) == RecordTests.checkpoint.streams)
        var empty = RecordTests.checkpoint
        empty.streams = []
        #expect(empty.split().count == 1)
        let full = 80 + CheckpointRecord.streamsPerRecordMax * CheckpointRecord.Entry.byteCount + 144
        #expect(full <= Limits.recordBytesMax)
    }

    @Test("A record's header keeps every field that was given, beside its place")
    func headerFields() throws {
        let disk = LyingDisk(seed: 1)
        var log = try SegmentLog.create(on: disk, lineage: Bytes16(high: 1, low: 1), nowMs: 0, salt: 1)
        var draft = RecordDraft(.batch, receivedAtMs: -5)
        draft.flags = RecordDraft.flagCompressed
        draft.schema = 1
        draft.stream = 2
        draft.count = 3
        draft.firstSequence = Sequence64(4)
        draft.lowestTimeMs = 6
        draft.highestTimeMs = 7
        draft.clockOffsetMs = -8
        draft.admissionFlags = 9
        draft.priceBook = 10
        draft.chainBefore = ChainValue(11)
        draft.chainAfter = ChainValue(12)
        draft.generation = Generation(13)
        let position = try log.append(draft, body: [1, 2, 3], local: [4])
        try log.sync()
        var reader = try LogReader(on: disk)
        let header = try #require(try reader.next())
        #expect(header.draft == draft && header.bodyBytes == 3 && header.localBytes == 1 && header.offset == 128)
        #expect(reader.position == position && header.durableThrough == 0)
        #expect(reader.content().body == [1, 2, 3] && reader.content().local == [4])
        // The layout itself: what is written once must be read for ever.
        let bytes = Array(disk.bytes("0000000001.segment")[128..<128 + 136])
        #expect(Array(bytes[0..<8]) == [0x54, 0x52, 0x45, 0x43, 1, 1, 1, 0])
        #expect(bytes[16] == 1 && bytes[32] == 2 && bytes[36] == 3 && bytes[40] == 4 && bytes[80] == 10)
        #expect(bytes[88] == 11 && bytes[96] == 12 && bytes[112] == 3 && bytes[116] == 1 && bytes[120] == 13)
    }
}
