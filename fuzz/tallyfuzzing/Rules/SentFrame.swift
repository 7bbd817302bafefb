/// A frame to the gateway as its bytes say (SPEC section 2), or the rule that they break.
package enum SentFrame: Hashable, Sendable {
    case hello(HelloFields)
    case batch(BatchFields)
    case skip(SkipFields)
    case probe(UInt64)
    case ping([UInt8])
    case pong
    case close(UInt64)
    case adopt(sessions: [[UInt8]], fromMs: Int64)
    case violation(Rule)
}

package struct HelloFields: Hashable, Sendable {
    package var versions: ClosedRange<UInt16>
    package var schemas: ClosedRange<UInt16>
    package var stream: [UInt8]
    package var lowest: UInt64
    package var highest: UInt64
    package var acknowledged: UInt64
    package var acknowledgedChain: UInt64
    package var clockMs: Int64
    package var highestChain: UInt64
    package var epoch: UInt64
    package var wantsAdoption: Bool
    /// Nil of kind 0.
    package var token: [UInt8]?
    package var options: [UInt16]
}

package struct SkipFields: Hashable, Sendable {
    package var first: UInt64
    package var last: UInt64
    package var chainAfter: UInt64
    package var tokens: UInt128
    package var reported: UInt128
    /// The events of its range can hold what it tells.
    package var isPossible: Bool
}

/// Finds frames in the bytes that were sent.
package struct SentReader: Sendable {
    private var bytes: [UInt8] = []
    /// TG-2-1: until the gateway has accepted a HELLO.
    package var isGreeted = false

    package enum Found: Hashable, Sendable {
        case frame(SentFrame, isWhole: Bool)
        case nothing
    }

    package static let lengthMax: UInt32 = 65_600
    package static let sequenceMax: UInt64 = 1 << 56 - 1

    package init() {}

    package mutating func append(_ sent: [UInt8]) { bytes += sent }

    /// A frame begun and not whole.
    package var isMidFrame: Bool { !bytes.isEmpty }

    /// The next frame. A violation that shows before the frame is whole comes with `isWhole` false: a gateway may wait for
    /// the rest, but not where it is the length.
    package mutating func next() -> Found {
        guard bytes.count >= 6 else { return .nothing }
        let length = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[$1]) << UInt32(8 * $1) }
        let type = bytes[4]
        let flags = bytes[5]
        guard length >= 2, length <= (isGreeted ? SentReader.lengthMax : 1_024) else {
            return .frame(.violation(.length), isWhole: true)
        }
        let end = Int(length) + 4
        let isWhole = bytes.count >= end
        let flagsMost: UInt8 = type == 3 ? 1 : 0
        guard [1, 3, 6, 7, 9, 10, 12, 13].contains(type), flags <= flagsMost else {
            return .frame(.violation(.form), isWhole: isWhole)
        }
        guard isWhole else { return .nothing }
        var fields = ByteCursor(bytes[6..<end])
        let frame = SentReader.frame(type, flags, &fields)
        let isViolation = if case .violation = frame { true } else { false }
        let isExact = fields.left == 0
        bytes.removeFirst(end)
        return .frame(isExact || isViolation ? frame : .violation(.form), isWhole: true)
    }

    private static func frame(_ type: UInt8, _ flags: UInt8, _ fields: inout ByteCursor) -> SentFrame {
        switch type {
        case 1: return hello(&fields)
        case 3: return batch(&fields, isBlock: flags == 1)
        case 6: return skip(&fields)
        case 7, 12:
            guard let sequence = fields.u64() else { return .violation(.form) }
            guard sequence <= sequenceMax else { return .violation(.sequences) }
            return type == 7 ? .probe(sequence) : .close(sequence)
        case 9:
            guard let opaque = fields.take(8) else { return .violation(.form) }
            return .ping(Array(opaque))
        case 10: return fields.take(8) == nil ? .violation(.form) : .pong
        default: return adopt(&fields)
        }
    }

    private static func hello(_ fields: inout ByteCursor) -> SentFrame {
        guard let magic = fields.take(8), let low = fields.u16(), let high = fields.u16(), let schemaLow = fields.u16(),
            let schemaHigh = fields.u16(), let stream = fields.take(16), let lowest = fields.u64(),
            let highest = fields.u64(), let acknowledged = fields.u64(), let chain = fields.u64(),
            fields.take(32) != nil, let clock = fields.i64(), let highestChain = fields.u64(), let epoch = fields.u64(),
            let bits = fields.u16(), let kind = fields.u8(), let length = fields.u8(),
            let credential = fields.take(Int(length)), let count = fields.u8()
        else { return .violation(.form) }
        guard magic.elementsEqual("TALLYGT1".utf8), low <= high, schemaLow <= schemaHigh, bits <= 1,
            kind <= 1, kind == 1 || credential.isEmpty, count <= 16
        else { return .violation(.values) }
        guard max(lowest, highest, acknowledged) <= sequenceMax else { return .violation(.sequences) }
        var options: [UInt16] = []
        for _ in 0..<count {
            guard let id = fields.u16(), let length = fields.u16(), fields.take(Int(length)) != nil else {
                return .violation(.form)
            }
            options.append(id)
        }
        return .hello(
            HelloFields(
                versions: low...high, schemas: schemaLow...schemaHigh, stream: Array(stream), lowest: lowest,
                highest: highest, acknowledged: acknowledged, acknowledgedChain: chain, clockMs: clock,
                highestChain: highestChain, epoch: epoch, wantsAdoption: bits == 1,
                token: kind == 1 ? Array(credential) : nil, options: options))
    }

    static func batch(_ fields: inout ByteCursor, isBlock: Bool) -> SentFrame {
        guard let first = fields.u64(), let count = fields.u32(), let raw = fields.u32(), let tokens = fields.u64(),
            let reported = fields.u64(), let chain = fields.u64(), let body = fields.take(fields.left)
        else { return .violation(.form) }
        guard first > 0, first <= sequenceMax, first + UInt64(count) - 1 <= sequenceMax else {
            return .violation(first == 0 ? .values : .sequences)
        }
        return .batch(
            BatchFields(
                first: first, count: count, rawBytes: raw, tokens: tokens, reported: reported, chainAfter: chain,
                isBlock: isBlock, body: body))
    }

    private static func skip(_ fields: inout ByteCursor) -> SentFrame {
        guard let first = fields.u64(), let last = fields.u64(), let chain = fields.u64(), let reason = fields.u16(),
            let count = fields.u8()
        else { return .violation(.form) }
        guard max(first, last) <= sequenceMax else { return .violation(.sequences) }
        guard first > 0, last >= first, (1...3).contains(reason), count <= 8 else { return .violation(.values) }
        var skip = SkipFields(first: first, last: last, chainAfter: chain, tokens: 0, reported: 0, isPossible: true)
        let range = UInt128(last - first + 1)
        var all: UInt128 = 0
        var reasoning: UInt128 = 0
        for _ in 0..<count {
            guard let length = fields.u8(), let model = fields.take(Int(length)), let events = fields.u64() else {
                return .violation(.form)
            }
            guard length <= 64, model.isEmpty || BodyReader.isLabel(model) else { return .violation(.label) }
            for place in 0..<7 {
                guard let tokens = fields.u64() else { return .violation(.form) }
                if place < 6 { skip.tokens += UInt128(tokens) } else { reasoning += UInt128(tokens) }
            }
            guard let reported = fields.u128() else { return .violation(.form) }
            all += UInt128(events)
            let (sum, isOver) = skip.reported.addingReportingOverflow(reported)
            skip.reported = sum
            if isOver { skip.isPossible = false }
        }
        let isHeld = all <= range && skip.tokens <= range * 6_000_000_000 && reasoning <= range * 1_000_000_000
        if !isHeld || skip.reported > range * 10_000_000_000_000 { skip.isPossible = false }
        return .skip(skip)
    }

    private static func adopt(_ fields: inout ByteCursor) -> SentFrame {
        guard let prior = fields.take(16), let through = fields.u64(), let from = fields.i64(), let count = fields.u16()
        else { return .violation(.form) }
        guard through <= sequenceMax else { return .violation(.sequences) }
        guard count <= 1_024, through == 0 || prior.contains(where: { $0 != 0 }) else { return .violation(.values) }
        var sessions: [[UInt8]] = []
        for _ in 0..<count {
            guard let session = fields.take(16) else { return .violation(.form) }
            guard session.contains(where: { $0 != 0 }) else { return .violation(.values) }
            sessions.append(Array(session))
        }
        return .adopt(sessions: sessions, fromMs: from)
    }
}
