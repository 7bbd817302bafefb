import TallyModel

/// HELLO, SKIP and ADOPT, in which a peer can say much. Each is read twice: through, keeping only what decides, and into
/// memory once it has leave. A refused one has left no text, id or number behind in freed memory then
/// (docs/PRIVACY.md).
extension FrameCodec {
    /// Reads a HELLO to its end; tells what it is let in by, and where its credential stands. Throws what decoding it
    /// would throw.
    package static func helloHeader(
        _ slice: FrameSlice, in bytes: Span<UInt8>
    ) throws(FrameRefusal) -> (header: HelloHeader, credential: Range<Int>) {
        var fields = FieldReader(slice.body)
        for letter in magic { guard try fields.u8(bytes) == letter else { throw .badValue } }
        let versions = try range(&fields, bytes)
        let schemas = try range(&fields, bytes)
        // The stream.
        _ = try fields.take(16)
        let lowest = try fields.sequence(bytes)
        let highest = try fields.sequence(bytes)
        let acknowledged = try fields.sequence(bytes)
        // Its chain and totals, the clock, the highest chain, the epoch.
        _ = try fields.take(8 + 32 + 8 + 8 + 8)
        _ = try fields.flag(bytes)
        let (kind, place) = try credential(&fields, bytes)
        let count = Int(try fields.u8(bytes))
        guard count <= optionsMax else { throw .badValue }
        for _ in 0..<count {
            _ = try fields.u16(bytes)
            _ = try fields.take(Int(try fields.u16(bytes)))
        }
        try fields.finish()
        let header = HelloHeader(
            versions: versions, schemas: schemas, lowestHeld: lowest, highestHeld: highest,
            acknowledged: acknowledged, credential: kind)
        return (header, place)
    }

    /// A HELLO, or what is to be kept of it.
    package static func hello(
        _ slice: FrameSlice, in bytes: Span<UInt8>, keeping: HelloKeeping = .all
    ) throws(FrameRefusal) -> Hello {
        let (header, place) = try helloHeader(slice, in: bytes)
        var fields = FieldReader(slice.body)
        _ = try fields.take(magic.count + 8)
        let stream = StreamID(try fields.id16(bytes))
        _ = try fields.take(24)
        let chain = try fields.chain(bytes)
        // Told for comparison, and compared with nothing by a gateway: it does not so much as read them.
        let room = try fields.take(32)
        var told = FieldReader(room)
        let totals = keeping == .all ? try told.totals(bytes) : .zero
        let clock = try fields.i64(bytes)
        let highestChain = try fields.chain(bytes)
        let epoch = StoreEpoch(try fields.u64(bytes))
        let wantsAdoption = try fields.flag(bytes)
        _ = try credential(&fields, bytes)
        let isToken = header.credential == .token
        var hello = Hello(
            stream: stream, highestChain: highestChain,
            acknowledged: StreamCursor(sequence: header.acknowledged, chain: chain, totals: totals), clockMs: clock,
            credential: isToken ? .token(keeping == .all ? try copy(place, bytes) : []) : .mutualTLS)
        hello.versions = header.versions
        hello.schemas = header.schemas
        hello.lowestHeld = header.lowestHeld
        hello.highestHeld = header.highestHeld
        hello.storeEpoch = epoch
        hello.wantsAdoption = wantsAdoption
        for _ in 0..<(try fields.u8(bytes)) {
            let id = try fields.u16(bytes)
            let value = try fields.take(Int(try fields.u16(bytes)))
            hello.options.append(HelloOption(id: id, value: keeping == .all ? try copy(value, bytes) : []))
        }
        return hello
    }

    /// What of a HELLO is kept: all, or what a gateway goes by, which is neither its credential nor what its options
    /// hold nor its running totals.
    package enum HelloKeeping: Hashable, Sendable { case all, needed }

    private static func range(
        _ fields: inout FieldReader, _ bytes: Span<UInt8>
    ) throws(FrameRefusal) -> ClosedRange<UInt16> {
        let low = try fields.u16(bytes)
        let high = try fields.u16(bytes)
        guard low <= high else { throw .badValue }
        return low...high
    }

    private static func credential(
        _ fields: inout FieldReader, _ bytes: Span<UInt8>
    ) throws(FrameRefusal) -> (HelloHeader.CredentialKind, place: Range<Int>) {
        let kind = try fields.u8(bytes)
        let length = Int(try fields.u8(bytes))
        let place = try fields.take(length)
        switch kind {
        case 0 where length == 0: return (.mutualTLS, place)
        case 1: return (.token, place)
        default: throw .badValue
        }
    }

    /// Reads a SKIP to its end. Throws what decoding it would throw.
    package static func skipHeader(_ slice: FrameSlice, in bytes: Span<UInt8>) throws(FrameRefusal) -> SkipHeader {
        var fields = FieldReader(slice.body)
        var (header, count) = try skipHead(&fields, bytes)
        for _ in 0..<count {
            _ = try fields.labelInPlace(bytes)
            header.sums.add(events: try fields.u64(bytes))
            for place in 0..<SkipGroup.classes { header.sums.add(tokens: try fields.u64(bytes), class: place) }
            header.sums.add(reportedNanoUSD: try fields.u128(bytes))
        }
        try fields.finish()
        return header
    }

    package static func skip(_ slice: FrameSlice, in bytes: Span<UInt8>) throws(FrameRefusal) -> Skip {
        var fields = FieldReader(slice.body)
        let (header, count) = try skipHead(&fields, bytes)
        var groups: [SkipGroup] = []
        for _ in 0..<count {
            let model = try fields.label(bytes)
            let events = try fields.u64(bytes)
            var classes: [UInt64] = []
            for _ in 0..<SkipGroup.classes { classes.append(try fields.u64(bytes)) }
            groups.append(
                SkipGroup(
                    model: model, events: events, tokenClasses: classes, reportedNanoUSD: try fields.u128(bytes)))
        }
        try fields.finish()
        return Skip(
            first: header.first, last: header.last, chainAfter: header.chainAfter, reason: header.reason,
            groups: groups)
    }

    private static func skipHead(
        _ fields: inout FieldReader, _ bytes: Span<UInt8>
    ) throws(FrameRefusal) -> (header: SkipHeader, groups: Int) {
        let first = try fields.sequence(bytes)
        let last = try fields.sequence(bytes)
        let chain = try fields.chain(bytes)
        guard let reason = SkipReason(rawValue: try fields.u16(bytes)) else { throw .badValue }
        let count = Int(try fields.u8(bytes))
        guard first > .zero, first <= last, count <= Limits.skipGroupsMax else { throw .badValue }
        return (SkipHeader(first: first, last: last, chainAfter: chain, reason: reason), count)
    }

    /// Reads an ADOPT to its end and tells how many sessions it asks for. Throws what decoding it would throw.
    package static func adoptSessions(_ slice: FrameSlice, in bytes: Span<UInt8>) throws(FrameRefusal) -> Int {
        var fields = FieldReader(slice.body)
        let (_, count) = try adoptHead(&fields, bytes)
        for _ in 0..<count { _ = try fields.session(bytes) }
        try fields.finish()
        return count
    }

    package static func adopt(_ slice: FrameSlice, in bytes: Span<UInt8>) throws(FrameRefusal) -> Adopt {
        var fields = FieldReader(slice.body)
        var (adopt, count) = try adoptHead(&fields, bytes)
        for _ in 0..<count { adopt.sessions.append(try fields.session(bytes)) }
        try fields.finish()
        return adopt
    }

    private static func adoptHead(
        _ fields: inout FieldReader, _ bytes: Span<UInt8>
    ) throws(FrameRefusal) -> (adopt: Adopt, sessions: Int) {
        let stream = try fields.id16(bytes)
        let prior = stream.isZero ? nil : StreamID(stream)
        let through = try fields.sequence(bytes)
        let from = try fields.i64(bytes)
        let count = Int(try fields.u16(bytes))
        guard count <= adoptSessionsMax, prior != nil || through == .zero else { throw .badValue }
        return (Adopt(prior: prior, priorThrough: through, fromMs: from, sessions: []), count)
    }
}
