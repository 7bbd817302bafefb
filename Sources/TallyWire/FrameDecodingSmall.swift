import TallyModel

/// The frames of a few fields.
extension FrameCodec {
    static func ack(_ fields: inout FieldReader, _ bytes: Span<UInt8>) throws(FrameRefusal) -> Ack {
        let committed = try fields.sequence(bytes)
        let chain = try fields.chain(bytes)
        let credit = try fields.credit(bytes)
        return Ack(committed: committed, chain: chain, credit: credit, backedUpThrough: try fields.sequence(bytes))
    }

    static func reject(_ fields: inout FieldReader, _ bytes: Span<UInt8>) throws(FrameRefusal) -> Reject {
        let first = try fields.sequence(bytes)
        let index = try fields.u32(bytes)
        let run = try fields.u32(bytes)
        let code = try fields.u16(bytes)
        let field = try fields.u8(bytes)
        let bits = try fields.u8(bytes)
        guard bits <= 1 else { throw .badValue }
        let isPermanent = bits == 1
        let reason = RejectReason(rawValue: code) ?? (isPermanent ? .malformed : .busy)
        var reject = Reject(
            first: first, index: index, run: run, reason: reason, field: field, retryMs: try fields.u32(bytes))
        reject.code = code
        reject.isPermanent = isPermanent
        return reject
    }

    static func skip(_ fields: inout FieldReader, _ bytes: Span<UInt8>) throws(FrameRefusal) -> Skip {
        let first = try fields.sequence(bytes)
        let last = try fields.sequence(bytes)
        let chain = try fields.chain(bytes)
        guard let reason = SkipReason(rawValue: try fields.u16(bytes)) else { throw .badValue }
        let count = Int(try fields.u8(bytes))
        guard first > .zero, first <= last, count <= Limits.skipGroupsMax else { throw .badValue }
        var groups: [SkipGroup] = []
        for _ in 0..<count {
            let model = try fields.label(bytes)
            let events = try fields.u64(bytes)
            var classes: [UInt64] = []
            for _ in 0..<7 { classes.append(try fields.u64(bytes)) }
            groups.append(
                SkipGroup(
                    model: model, events: events, tokenClasses: classes, reportedNanoUSD: try fields.u128(bytes)))
        }
        return Skip(first: first, last: last, chainAfter: chain, reason: reason, groups: groups)
    }

    static func chain(_ fields: inout FieldReader, _ bytes: Span<UInt8>) throws(FrameRefusal) -> Frame {
        let sequence = try fields.sequence(bytes)
        let known = try fields.u8(bytes)
        let value = try fields.chain(bytes)
        switch known {
        case 0 where value.value == 0: return .chain(sequence: sequence, value: nil)
        case 1: return .chain(sequence: sequence, value: value)
        default: throw .badValue
        }
    }

    static func goaway(_ fields: inout FieldReader, _ bytes: Span<UInt8>) throws(FrameRefusal) -> GoAway {
        let code = try fields.u16(bytes)
        try fields.reserved(bytes)
        let reconnect = try fields.u32(bytes)
        var goaway = GoAway(
            reason: GoAwayReason(rawValue: code) ?? .overloaded, reconnectMs: reconnect,
            committed: try fields.sequence(bytes))
        goaway.code = code
        return goaway
    }

    static func adopt(_ fields: inout FieldReader, _ bytes: Span<UInt8>) throws(FrameRefusal) -> Adopt {
        let stream = try fields.id16(bytes)
        let prior = stream.isZero ? nil : StreamID(stream)
        let through = try fields.sequence(bytes)
        let from = try fields.i64(bytes)
        let count = Int(try fields.u16(bytes))
        guard count <= adoptSessionsMax, prior != nil || through == .zero else { throw .badValue }
        var sessions: [SessionID] = []
        for _ in 0..<count { sessions.append(try fields.session(bytes)) }
        return Adopt(prior: prior, priorThrough: through, fromMs: from, sessions: sessions)
    }

    /// The body is looked at by who asked.
    static func adopted(
        _ fields: inout FieldReader, _ bytes: Span<UInt8>, isLast: Bool
    ) throws(FrameRefusal) -> Adopted {
        let count = try fields.u32(bytes)
        let next = try fields.i64(bytes)
        let body = try fields.list(fields.remaining, bytes)
        guard count <= UInt32(Limits.batchEventsMax), (count == 0) == body.isEmpty else { throw .badValue }
        return Adopted(count: count, nextMs: next, body: body, isLast: isLast)
    }
}
