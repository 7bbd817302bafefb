import TallyModel

/// Bytes of a frame to its value (SPEC.md section 2), strictly: a field outside its values, a byte too few or
/// too many is refused. A BATCH's body is told by its place and not copied.
package enum FrameCodec {
    /// The HELLO's magic, `TALLYGT1`.
    static let magic = Array("TALLYGT1".utf8)
    package static let batchHeaderBytes = 40
    package static let optionsMax = 16
    package static let adoptSessionsMax = 1_024

    package static func decode(_ slice: FrameSlice, in bytes: Span<UInt8>) throws(FrameRefusal) -> Frame {
        var fields = FieldReader(slice.body)
        let frame: Frame
        switch slice.type {
        case .hello: return .hello(try hello(slice, in: bytes))
        case .welcome: frame = .welcome(try welcome(&fields, bytes))
        case .batch:
            let (header, body) = try batchHeader(slice, in: bytes)
            return .batch(BatchFrame(header: header, body: try copy(body, bytes)))
        case .ack: frame = .ack(try ack(&fields, bytes))
        case .reject: frame = .reject(try reject(&fields, bytes))
        case .skip: return .skip(try skip(slice, in: bytes))
        case .probe: frame = .probe(sequence: try fields.sequence(bytes))
        case .chain: frame = try chain(&fields, bytes)
        case .ping: frame = .ping(opaque: try fields.u64(bytes))
        case .pong: frame = .pong(opaque: try fields.u64(bytes))
        case .goaway: frame = .goaway(try goaway(&fields, bytes))
        case .close: frame = .close(final: try fields.sequence(bytes))
        case .adopt: return .adopt(try adopt(slice, in: bytes))
        case .adopted: frame = .adopted(try adopted(&fields, bytes, isLast: slice.flags & 1 != 0))
        }
        try fields.finish()
        return frame
    }

    /// What stands before a BATCH's body, and where the body stands in `bytes`.
    package static func batchHeader(
        _ slice: FrameSlice, in bytes: Span<UInt8>
    ) throws(FrameRefusal) -> (header: BatchHeader, body: Range<Int>) {
        var fields = FieldReader(slice.body)
        let first = try fields.sequence(bytes)
        let count = try fields.u32(bytes)
        let rawBytes = try fields.u32(bytes)
        let tokens = try fields.u64(bytes)
        let reported = try fields.u64(bytes)
        let chain = try fields.chain(bytes)
        guard first > .zero, first.value + UInt64(count) - 1 <= Limits.sequenceMax else { throw .badValue }
        let header = BatchHeader(
            first: first, count: count, rawBytes: rawBytes, controlTokens: tokens, reportedNanoUSD: reported,
            chainAfter: chain, isLZ4: slice.flags & 1 != 0)
        return (header, fields.position..<slice.body.upperBound)
    }

    static func copy(_ range: Range<Int>, _ bytes: Span<UInt8>) throws(FrameRefusal) -> [UInt8] {
        var reader = FieldReader(range)
        return try reader.list(range.count, bytes)
    }

    private static func welcome(_ fields: inout FieldReader, _ bytes: Span<UInt8>) throws(FrameRefusal) -> Welcome {
        let version = try fields.u16(bytes)
        let schema = try fields.u16(bytes)
        let allowsAdoption = try fields.flag(bytes)
        try fields.reserved(bytes)
        let sequence = try fields.sequence(bytes)
        let chain = try fields.chain(bytes)
        let committed = StreamCursor(sequence: sequence, chain: chain, totals: try fields.totals(bytes))
        let credit = try fields.credit(bytes)
        let eventsMax = try fields.u32(bytes)
        let bodyBytesMax = try fields.u32(bytes)
        let clock = try fields.i64(bytes)
        let oldest = try fields.i64(bytes)
        let epoch = StoreEpoch(try fields.u64(bytes))
        let backedUp = try fields.sequence(bytes)
        let generation = Generation(try fields.u32(bytes))
        var welcome = Welcome(
            committed: committed, credit: credit, batchEventsMax: eventsMax, batchBodyBytesMax: bodyBytesMax,
            clockMs: clock, oldestTimeMs: oldest, storeEpoch: epoch, backedUpThrough: backedUp,
            generation: generation, tenantKey: try fields.list(32, bytes))
        welcome.version = version
        welcome.schema = schema
        welcome.allowsAdoption = allowsAdoption
        for _ in 0..<(try fields.u8(bytes)) { welcome.ignoredOptions.append(try fields.u16(bytes)) }
        return welcome
    }
}
