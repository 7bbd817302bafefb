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
        case .hello: frame = .hello(try hello(&fields, bytes, .copied).hello)
        case .welcome: frame = .welcome(try welcome(&fields, bytes))
        case .batch:
            let (header, body) = try batchHeader(slice, in: bytes)
            return .batch(BatchFrame(header: header, body: try copy(body, bytes)))
        case .ack: frame = .ack(try ack(&fields, bytes))
        case .reject: frame = .reject(try reject(&fields, bytes))
        case .skip: frame = .skip(try skip(&fields, bytes))
        case .probe: frame = .probe(sequence: try fields.sequence(bytes))
        case .chain: frame = try chain(&fields, bytes)
        case .ping: frame = .ping(opaque: try fields.u64(bytes))
        case .pong: frame = .pong(opaque: try fields.u64(bytes))
        case .goaway: frame = .goaway(try goaway(&fields, bytes))
        case .close: frame = .close(final: try fields.sequence(bytes))
        case .adopt: frame = .adopt(try adopt(&fields, bytes))
        case .adopted: frame = .adopted(try adopted(&fields, bytes, isLast: slice.flags & 1 != 0))
        }
        try fields.finish()
        return frame
    }

    /// A HELLO whose credential is told by its place in `bytes` and not copied, and of whose options only the ids are
    /// kept: nothing that a stranger sent stays behind.
    package static func helloInPlace(
        _ slice: FrameSlice, in bytes: Span<UInt8>
    ) throws(FrameRefusal) -> (hello: Hello, credential: Range<Int>) {
        var fields = FieldReader(slice.body)
        let told = try hello(&fields, bytes, .inPlace)
        try fields.finish()
        return told
    }

    private enum Keeping { case copied, inPlace }

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

    private static func copy(_ range: Range<Int>, _ bytes: Span<UInt8>) throws(FrameRefusal) -> [UInt8] {
        var reader = FieldReader(range)
        return try reader.list(range.count, bytes)
    }

    private static func kept(
        _ place: Range<Int>, _ bytes: Span<UInt8>, _ keeping: Keeping
    ) throws(FrameRefusal) -> [UInt8] {
        switch keeping {
        case .copied: try copy(place, bytes)
        case .inPlace: []
        }
    }

    private static func hello(
        _ fields: inout FieldReader, _ bytes: Span<UInt8>, _ keeping: Keeping
    ) throws(FrameRefusal) -> (hello: Hello, credential: Range<Int>) {
        guard try fields.list(magic.count, bytes) == magic else { throw .badValue }
        let versions = try range(&fields, bytes)
        let schemas = try range(&fields, bytes)
        let stream = StreamID(try fields.id16(bytes))
        let lowest = try fields.sequence(bytes)
        let highest = try fields.sequence(bytes)
        let sequence = try fields.sequence(bytes)
        let chain = try fields.chain(bytes)
        let acknowledged = StreamCursor(sequence: sequence, chain: chain, totals: try fields.totals(bytes))
        let clock = try fields.i64(bytes)
        let highestChain = try fields.chain(bytes)
        let epoch = StoreEpoch(try fields.u64(bytes))
        let wantsAdoption = try fields.flag(bytes)
        let (credential, place) = try credential(&fields, bytes, keeping)
        var hello = Hello(
            stream: stream, highestChain: highestChain, acknowledged: acknowledged, clockMs: clock,
            credential: credential)
        hello.versions = versions
        hello.schemas = schemas
        hello.lowestHeld = lowest
        hello.highestHeld = highest
        hello.storeEpoch = epoch
        hello.wantsAdoption = wantsAdoption
        hello.options = try options(&fields, bytes, keeping)
        return (hello, place)
    }

    private static func range(
        _ fields: inout FieldReader, _ bytes: Span<UInt8>
    ) throws(FrameRefusal) -> ClosedRange<UInt16> {
        let low = try fields.u16(bytes)
        let high = try fields.u16(bytes)
        guard low <= high else { throw .badValue }
        return low...high
    }

    private static func credential(
        _ fields: inout FieldReader, _ bytes: Span<UInt8>, _ keeping: Keeping
    ) throws(FrameRefusal) -> (Credential, place: Range<Int>) {
        let kind = try fields.u8(bytes)
        let length = Int(try fields.u8(bytes))
        let place = try fields.take(length)
        switch kind {
        case 0 where length == 0: return (.mutualTLS, place)
        case 1: return (.token(try kept(place, bytes, keeping)), place)
        default: throw .badValue
        }
    }

    private static func options(
        _ fields: inout FieldReader, _ bytes: Span<UInt8>, _ keeping: Keeping
    ) throws(FrameRefusal) -> [HelloOption] {
        let count = Int(try fields.u8(bytes))
        guard count <= optionsMax else { throw .badValue }
        var options: [HelloOption] = []
        for _ in 0..<count {
            let id = try fields.u16(bytes)
            let length = Int(try fields.u16(bytes))
            let place = try fields.take(length)
            options.append(HelloOption(id: id, value: try kept(place, bytes, keeping)))
        }
        return options
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
