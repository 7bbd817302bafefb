/// A frame to the workstation as its bytes say.
package enum Reply: Hashable, Sendable {
    case welcome(WelcomeFields)
    case ack(AckFields)
    case reject(RejectFields)
    case chain(sequence: UInt64, value: UInt64?)
    case ping([UInt8])
    case pong([UInt8])
    case goaway(code: UInt16, committed: UInt64)
    case adopted(count: UInt32, nextMs: Int64, body: [UInt8], isLast: Bool)
}

package struct WelcomeFields: Hashable, Sendable {
    package var version: UInt16
    package var schema: UInt16
    package var allowsAdoption: Bool
    package var committed: UInt64
    package var chain: UInt64
    package var tokens: UInt128
    package var reported: UInt128
    package var creditEvents: UInt32
    package var creditBytes: UInt32
    package var batchEventsMax: UInt32
    package var batchBodyBytesMax: UInt32
    package var clockMs: Int64
    package var oldestMs: Int64
    package var epoch: UInt64
    package var generation: UInt32
    package var ignoredOptions: [UInt16]
}

package struct AckFields: Hashable, Sendable {
    package var committed: UInt64
    package var chain: UInt64
    package var creditEvents: UInt32
    package var creditBytes: UInt32
}

package struct RejectFields: Hashable, Sendable {
    package var first: UInt64
    package var index: UInt32
    package var run: UInt32
    package var reason: UInt16
    package var field: UInt8
    package var isPermanent: Bool
    package var retryMs: UInt32
}

/// Finds the gateway's frames in the bytes that came, as strictly as SPEC section 2 has them.
package struct ReplyReader: Sendable {
    private var bytes: [UInt8] = []

    package init() {}

    package mutating func append(_ received: some Sequence<UInt8>) { bytes += received }

    /// Nil until a frame is whole; throws the rule that its bytes break.
    package mutating func next() throws(BrokenReply) -> Reply? {
        guard bytes.count >= 6 else { return nil }
        let length = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[$1]) << UInt32(8 * $1) }
        guard length >= 2, length <= SentReader.lengthMax else {
            throw BrokenReply(.length, "a length outside its bounds")
        }
        let type = bytes[4]
        let flags = bytes[5]
        guard [2, 4, 5, 8, 9, 10, 11, 14].contains(type) else {
            let isOurs = [1, 3, 6, 7, 12, 13].contains(type)
            throw BrokenReply(.form, isOurs ? "a frame that travels the other way" : "an unknown type")
        }
        guard flags <= (type == 14 ? 1 : 0) else { throw BrokenReply(.form, "an undefined flag bit") }
        let end = Int(length) + 4
        guard bytes.count >= end else { return nil }
        var fields = ByteCursor(bytes[6..<end])
        guard let reply = try ReplyReader.reply(type, flags, &fields), fields.left == 0 else {
            throw BrokenReply(.form, "a body that is shorter or longer than its fields")
        }
        bytes.removeFirst(end)
        return reply
    }

    private static func reply(
        _ type: UInt8, _ flags: UInt8, _ fields: inout ByteCursor
    ) throws(BrokenReply) -> Reply? {
        switch type {
        case 2: return try welcome(&fields)
        case 4: return try ack(&fields)
        case 5: return try reject(&fields)
        case 8:
            guard let sequence = fields.u64(), let known = fields.u8(), let value = fields.u64() else { return nil }
            guard known <= 1, known == 1 || value == 0 else {
                throw BrokenReply(.values, "a CHAIN that is neither known nor unknown")
            }
            return .chain(sequence: try bounded(sequence), value: known == 1 ? value : nil)
        case 9: return fields.take(8).map { Reply.ping(Array($0)) }
        case 10: return fields.take(8).map { Reply.pong(Array($0)) }
        case 11:
            guard let code = fields.u16(), let reserved = fields.u16(), fields.u32() != nil,
                let committed = fields.u64()
            else { return nil }
            guard reserved == 0 else { throw BrokenReply(.form, "a reserved field that is not zero") }
            return .goaway(code: code, committed: try bounded(committed))
        default:
            guard let count = fields.u32(), let next = fields.i64(), let body = fields.take(fields.left) else {
                return nil
            }
            guard count <= 4_096, (count == 0) == body.isEmpty else {
                throw BrokenReply(.values, "an ADOPTED whose count and body do not belong together")
            }
            return .adopted(count: count, nextMs: next, body: Array(body), isLast: flags == 1)
        }
    }

    private static func welcome(_ fields: inout ByteCursor) throws(BrokenReply) -> Reply? {
        guard let version = fields.u16(), let schema = fields.u16(), let bits = fields.u16(),
            let reserved = fields.u16(),
            let committed = fields.u64(), let chain = fields.u64(), let tokens = fields.u128(),
            let reported = fields.u128(), let creditEvents = fields.u32(), let creditBytes = fields.u32(),
            let eventsMax = fields.u32(), let bodyMax = fields.u32(), let clock = fields.i64(),
            let oldest = fields.i64(),
            let epoch = fields.u64(), let backedUp = fields.u64(), let generation = fields.u32(),
            fields.take(32) != nil,
            let count = fields.u8()
        else { return nil }
        guard reserved == 0 else { throw BrokenReply(.form, "a reserved field that is not zero") }
        guard bits <= 1 else { throw BrokenReply(.values, "an undefined bit of welcome_flags") }
        _ = try bounded(backedUp)
        var ignored: [UInt16] = []
        for _ in 0..<count {
            guard let id = fields.u16() else { return nil }
            ignored.append(id)
        }
        return .welcome(
            WelcomeFields(
                version: version, schema: schema, allowsAdoption: bits == 1, committed: try bounded(committed),
                chain: chain, tokens: tokens, reported: reported, creditEvents: creditEvents, creditBytes: creditBytes,
                batchEventsMax: eventsMax, batchBodyBytesMax: bodyMax, clockMs: clock, oldestMs: oldest, epoch: epoch,
                generation: generation, ignoredOptions: ignored))
    }

    private static func ack(_ fields: inout ByteCursor) throws(BrokenReply) -> Reply? {
        guard let committed = fields.u64(), let chain = fields.u64(), let events = fields.u32(),
            let bytes = fields.u32(), let backedUp = fields.u64()
        else { return nil }
        _ = try bounded(backedUp)
        return .ack(
            AckFields(committed: try bounded(committed), chain: chain, creditEvents: events, creditBytes: bytes))
    }

    private static func reject(_ fields: inout ByteCursor) throws(BrokenReply) -> Reply? {
        guard let first = fields.u64(), let index = fields.u32(), let run = fields.u32(), let reason = fields.u16(),
            let field = fields.u8(), let bits = fields.u8(), let retry = fields.u32()
        else { return nil }
        guard bits <= 1 else { throw BrokenReply(.values, "an undefined bit of reject_flags") }
        return .reject(
            RejectFields(
                first: try bounded(first), index: index, run: run, reason: reason, field: field,
                isPermanent: bits == 1, retryMs: retry))
    }

    private static func bounded(_ sequence: UInt64) throws(BrokenReply) -> UInt64 {
        guard sequence <= SentReader.sequenceMax else { throw BrokenReply(.sequences, "a sequence of 2⁵⁶ or more") }
        return sequence
    }
}

/// A frame of the gateway's whose bytes break a rule.
package struct BrokenReply: Error, Hashable, Sendable {
    package let rule: Rule
    package let words: String

    init(_ rule: Rule, _ words: String) {
        self.rule = rule
        self.words = words
    }
}
