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
