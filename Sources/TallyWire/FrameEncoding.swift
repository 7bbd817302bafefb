import TallyModel

/// Values to the bytes of a frame. What a type lets through is written as it is; counts beyond the table and
/// frames beyond the limit are our own mistake and end in a precondition.
extension FrameCodec {
    package static func encode(_ frame: Frame) -> [UInt8] {
        var bytes: [UInt8] = []
        append(frame, to: &bytes)
        return bytes
    }

    package static func append(_ frame: Frame, to bytes: inout [UInt8]) {
        switch frame {
        case .batch(let batch): appendBatch(batch.header, body: batch.body, to: &bytes)
        case .hello(let hello): wrap(.hello, into: &bytes) { put(hello, &$0) }
        case .welcome(let welcome): wrap(.welcome, into: &bytes) { put(welcome, &$0) }
        case .ack(let ack): wrap(.ack, into: &bytes) { put(ack, &$0) }
        case .reject(let reject): wrap(.reject, into: &bytes) { put(reject, &$0) }
        case .skip(let skip): wrap(.skip, into: &bytes) { put(skip, &$0) }
        case .probe(let sequence): wrap(.probe, into: &bytes) { put(sequence.value, &$0) }
        case .chain(let sequence, let value):
            wrap(.chain, into: &bytes) {
                put(sequence.value, &$0)
                put(UInt8(value == nil ? 0 : 1), &$0)
                put(value?.value ?? 0, &$0)
            }
        case .ping(let opaque): wrap(.ping, into: &bytes) { put(opaque, &$0) }
        case .pong(let opaque): wrap(.pong, into: &bytes) { put(opaque, &$0) }
        case .goaway(let goaway): wrap(.goaway, into: &bytes) { put(goaway, &$0) }
        case .close(let final): wrap(.close, into: &bytes) { put(final.value, &$0) }
        case .adopt(let adopt): wrap(.adopt, into: &bytes) { put(adopt, &$0) }
        case .adopted(let adopted): wrap(.adopted, flags: adopted.isLast ? 1 : 0, into: &bytes) { put(adopted, &$0) }
        }
    }

    /// A BATCH from its parts, as an uplink holds them.
    package static func appendBatch(_ header: BatchHeader, body: [UInt8], to bytes: inout [UInt8]) {
        wrap(.batch, flags: header.isLZ4 ? 1 : 0, into: &bytes) {
            put(header.first.value, &$0)
            put(header.count, &$0)
            put(header.rawBytes, &$0)
            put(header.controlTokens, &$0)
            put(header.reportedNanoUSD, &$0)
            put(header.chainAfter.value, &$0)
            $0.append(contentsOf: body)
        }
    }

    private static func wrap(
        _ type: FrameType, flags: UInt8 = 0, into bytes: inout [UInt8], _ body: (inout [UInt8]) -> Void
    ) {
        let start = bytes.count
        put(UInt32(0), &bytes)
        bytes.append(type.rawValue)
        bytes.append(flags)
        body(&bytes)
        let length = bytes.count - start - 4
        precondition(length <= Limits.frameBytesMax, "a frame of \(length) bytes is longer than the wire allows")
        for index in 0..<4 { bytes[start + index] = UInt8(truncatingIfNeeded: length >> (8 * index)) }
    }

    static func put(_ value: some FixedWidthInteger, _ bytes: inout [UInt8]) {
        for shift in stride(from: 0, to: value.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    private static func put(_ totals: RunningTotals, _ bytes: inout [UInt8]) {
        put(totals.tokens, &bytes)
        put(totals.reportedNanoUSD, &bytes)
    }

    private static func put(_ credit: Credit, _ bytes: inout [UInt8]) {
        put(credit.events, &bytes)
        put(credit.bytes, &bytes)
    }

    private static func put(_ cursor: StreamCursor, _ bytes: inout [UInt8]) {
        put(cursor.sequence.value, &bytes)
        put(cursor.chain.value, &bytes)
        put(cursor.totals, &bytes)
    }

    private static func put(_ label: Label?, _ bytes: inout [UInt8]) {
        let text = label?.text.utf8
        put(UInt8(text?.count ?? 0), &bytes)
        if let text { bytes.append(contentsOf: text) }
    }

    private static func put(_ hello: Hello, _ bytes: inout [UInt8]) {
        precondition(hello.options.count <= optionsMax, "a HELLO has at most \(optionsMax) options")
        bytes.append(contentsOf: magic)
        put(hello.versions.lowerBound, &bytes)
        put(hello.versions.upperBound, &bytes)
        put(hello.schemas.lowerBound, &bytes)
        put(hello.schemas.upperBound, &bytes)
        bytes.append(contentsOf: hello.stream.value.bytes)
        put(hello.lowestHeld.value, &bytes)
        put(hello.highestHeld.value, &bytes)
        put(hello.acknowledged, &bytes)
        put(hello.clockMs, &bytes)
        put(hello.highestChain.value, &bytes)
        put(hello.storeEpoch.value, &bytes)
        put(UInt16(hello.wantsAdoption ? 1 : 0), &bytes)
        switch hello.credential {
        case .mutualTLS: put(UInt16(0), &bytes)
        case .token(let token):
            precondition(token.count <= 255, "a token has at most 255 bytes")
            put(UInt8(1), &bytes)
            put(UInt8(token.count), &bytes)
            bytes.append(contentsOf: token)
        }
        put(UInt8(hello.options.count), &bytes)
        for option in hello.options {
            put(option.id, &bytes)
            put(UInt16(option.value.count), &bytes)
            bytes.append(contentsOf: option.value)
        }
    }

    private static func put(_ welcome: Welcome, _ bytes: inout [UInt8]) {
        precondition(welcome.tenantKey.count == 32, "a tenant's key has 32 bytes")
        put(welcome.version, &bytes)
        put(welcome.schema, &bytes)
        put(UInt16(welcome.allowsAdoption ? 1 : 0), &bytes)
        put(UInt16(0), &bytes)
        put(welcome.committed, &bytes)
        put(welcome.credit, &bytes)
        put(welcome.batchEventsMax, &bytes)
        put(welcome.batchBodyBytesMax, &bytes)
        put(welcome.clockMs, &bytes)
        put(welcome.oldestTimeMs, &bytes)
        put(welcome.storeEpoch.value, &bytes)
        put(welcome.backedUpThrough.value, &bytes)
        put(welcome.generation.value, &bytes)
        bytes.append(contentsOf: welcome.tenantKey)
        put(UInt8(welcome.ignoredOptions.count), &bytes)
        for id in welcome.ignoredOptions { put(id, &bytes) }
    }

    private static func put(_ ack: Ack, _ bytes: inout [UInt8]) {
        put(ack.committed.value, &bytes)
        put(ack.chain.value, &bytes)
        put(ack.credit, &bytes)
        put(ack.backedUpThrough.value, &bytes)
    }

    private static func put(_ reject: Reject, _ bytes: inout [UInt8]) {
        put(reject.first.value, &bytes)
        put(reject.index, &bytes)
        put(reject.run, &bytes)
        put(reject.code, &bytes)
        put(reject.field, &bytes)
        put(UInt8(reject.isPermanent ? 1 : 0), &bytes)
        put(reject.retryMs, &bytes)
    }

    private static func put(_ skip: Skip, _ bytes: inout [UInt8]) {
        precondition(skip.groups.count <= Limits.skipGroupsMax, "a SKIP has at most \(Limits.skipGroupsMax) groups")
        put(skip.first.value, &bytes)
        put(skip.last.value, &bytes)
        put(skip.chainAfter.value, &bytes)
        put(skip.reason.rawValue, &bytes)
        put(UInt8(skip.groups.count), &bytes)
        for group in skip.groups {
            precondition(group.tokenClasses.count == 7, "a group has the seven columns 12 to 18")
            put(group.model, &bytes)
            put(group.events, &bytes)
            for tokens in group.tokenClasses { put(tokens, &bytes) }
            put(group.reportedNanoUSD, &bytes)
        }
    }

    private static func put(_ goaway: GoAway, _ bytes: inout [UInt8]) {
        put(goaway.code, &bytes)
        put(UInt16(0), &bytes)
        put(goaway.reconnectMs, &bytes)
        put(goaway.committed.value, &bytes)
    }

    private static func put(_ adopt: Adopt, _ bytes: inout [UInt8]) {
        let sessions = adopt.sessions
        precondition(sessions.count <= adoptSessionsMax, "an ADOPT has at most \(adoptSessionsMax) sessions")
        bytes.append(contentsOf: (adopt.prior?.value ?? Bytes16(high: 0, low: 0)).bytes)
        put(adopt.priorThrough.value, &bytes)
        put(adopt.fromMs, &bytes)
        put(UInt16(sessions.count), &bytes)
        for session in sessions { bytes.append(contentsOf: session.value.bytes) }
    }

    private static func put(_ adopted: Adopted, _ bytes: inout [UInt8]) {
        put(adopted.count, &bytes)
        put(adopted.nextMs, &bytes)
        bytes.append(contentsOf: adopted.body)
    }
}
