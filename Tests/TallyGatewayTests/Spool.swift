import Foundation
import TallyGenerator
import TallyHash
import TallyModel
import TallyWire
import Testing

/// What a workstation would hold: its events as batches with their places and chain, ready to be sent in any order.
struct Spool: ~Copyable {
    let stream: StreamID
    private(set) var last: UInt64 = 0
    private(set) var chain: ChainValue
    private var encoder = BatchEncoder()
    let token: String

    init(token: String, stream: StreamID = StreamID(Bytes16(Random.bytes(16)))) {
        self.token = token
        self.stream = stream
        chain = Chain.initial(stream)
    }

    /// The next batch, of all of `events`; they must fit one.
    mutating func batch(_ events: [Event]) throws -> BatchFrame {
        let encoded = try encoder.encode(events.span, after: chain)
        try #require(encoded.count == events.count, "the events fit one batch")
        let frame = encoder.frame(encoded, first: Sequence64(last + 1))
        last += UInt64(encoded.count)
        chain = encoded.chainAfter
        return frame
    }

    /// The same with its body as it is, however well it would compress.
    mutating func plainBatch(_ events: [Event]) throws -> BatchFrame {
        let body = try raw(events)
        var frame = try batch(events)
        frame.body = body
        frame.header.isLZ4 = false
        return frame
    }

    /// The raw body of a batch of `events`; nothing is remembered.
    mutating func raw(_ events: [Event]) throws -> [UInt8] { try encoder.encode(events.span, after: chain).raw }

    /// Gives up `count` events that were never encoded.
    mutating func skip(_ count: UInt64, reason: SkipReason = .poison, groups: [SkipGroup]) -> Skip {
        let after = ChainValue(chain.value &* 31 &+ count)
        let skip = Skip(
            first: Sequence64(last + 1), last: Sequence64(last + count), chainAfter: after, reason: reason,
            groups: groups)
        last += count
        chain = after
        return skip
    }

    /// Back to an earlier place.
    mutating func rewind(to sequence: UInt64, chain: ChainValue) {
        last = sequence
        self.chain = chain
    }

    func hello(acknowledged: StreamCursor? = nil, epoch: StoreEpoch = StoreEpoch(0)) -> Hello {
        var hello = Hello(
            stream: stream, highestChain: chain,
            acknowledged: acknowledged
                ?? StreamCursor(sequence: .zero, chain: Chain.initial(stream), totals: .zero),
            clockMs: Int64(Date().timeIntervalSince1970 * 1_000), credential: .token(Array(token.utf8)))
        hello.storeEpoch = epoch
        return hello
    }
}

/// Events of an hour ago, all alike but for their time; 1,000 input and 100 output tokens each.
func plainEvents(_ count: Int, at startMs: Int64? = nil, model: String = "claude-opus-4-8") throws -> [Event] {
    let session = try #require(SessionID(Bytes16(high: 7, low: 7)))
    let label = try #require(Label(model))
    let start = startMs ?? Int64(Date().timeIntervalSince1970 * 1_000) - 3_600_000
    return (0..<count).map { index in
        var event = Event(timeMs: start + Int64(index), session: session, agent: .claudeCode, model: label)
        event.inputTokens = 1_000
        event.outputTokens = 100
        event.speed = .standard
        return event
    }
}

extension WirePeer {
    /// HELLO and WELCOME.
    @discardableResult
    func open(_ hello: Hello) throws -> Welcome {
        send(.hello(hello))
        return try welcome()
    }
}
