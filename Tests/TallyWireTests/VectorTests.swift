import Foundation
import TallyModel
import TallyProtocol
import Testing
import VectorFiles

@testable import TallyWire

@Suite("The vectors hold")
struct VectorTests {
    struct Valid: Decodable {
        var name: String
        var requirement: String?
        var rows: [[String: VectorValue]]
        var stream: String
        var chain_before: String
        var chain_zero: Bool?
        var raw: String
        var lz4: String?
        var chain_after: String
        var control_tokens: UInt64
        var reported_nano_usd: UInt64
    }

    @Test("A valid body decodes to its rows and its rows encode to it, with its chain and its totals")
    func valid() throws {
        var decoder = BatchDecoder(hashSeed: 5)
        var encoder = BatchEncoder()
        var opener = BatchOpener()
        var batch = Batch()
        for test in try Vectors.cases("valid-", as: Valid.self) {
            try check(test, &decoder, &encoder, &opener, &batch)
        }
    }

    private func check(
        _ test: Valid, _ decoder: inout BatchDecoder, _ encoder: inout BatchEncoder, _ opener: inout BatchOpener,
        _ batch: inout Batch
    ) throws {
        let raw = try Vectors.bytes(test.raw)
        let rows = try test.rows.map { try Event(vector: $0) }
        let before = ChainValue(try Vectors.word(test.chain_before))
        let expected = EncodedBatch(
            count: rows.count, raw: raw, controlTokens: test.control_tokens, reportedNanoUSD: test.reported_nano_usd,
            chainAfter: ChainValue(try Vectors.word(test.chain_after)))
        let encoded = try encoder.encode(rows.span, after: before)
        #expect(encoded == expected, "\(test.name)")
        try decoder.decode(raw.span, count: rows.count, into: &batch)
        let decoded = batch.events
        #expect(decoded == rows, "\(test.name)")
        let again = encoder.encode(batch, after: before)
        #expect(again == expected, "\(test.name)")
        if test.chain_zero == true {
            let zero = Chain.initial(StreamID(try Vectors.id(test.stream)))
            #expect(zero == before, "\(test.name)")
        }
        let frame = encoder.frame(encoded, first: Sequence64(1))
        try opener.open(frame.header, body: frame.body.span)
        let opened = Array(opener.buffer[opener.raw])
        #expect(opened == raw, "\(test.name)")
        guard let lz4 = test.lz4 else { return }
        var header = frame.header
        header.isLZ4 = true
        let block = try Vectors.bytes(lz4)
        try opener.open(header, body: block.span)
        let decompressed = Array(opener.buffer[opener.raw])
        #expect(decompressed == raw, "\(test.name)")
    }

    struct Invalid: Decodable {
        var name: String
        var count: UInt32
        var raw: String?
        var lz4: String?
        var raw_bytes: UInt32?
        var reason: String
        var field: UInt8
        var index: UInt32
        var run: UInt32?
    }

    @Test("An invalid body is refused for its reason, at its column and its row")
    func invalid() throws {
        var decoder = BatchDecoder(hashSeed: 6)
        var opener = BatchOpener()
        var batch = Batch()
        for test in try Vectors.cases("invalid-", as: Invalid.self) {
            let body = try Vectors.bytes(test.raw ?? test.lz4 ?? "")
            let header = BatchHeader(
                first: Sequence64(1), count: test.count, rawBytes: test.raw_bytes ?? UInt32(body.count),
                controlTokens: 0, reportedNanoUSD: 0, chainAfter: ChainValue(0), isLZ4: test.raw == nil)
            let refusal = refused { () throws(BatchRefusal) in
                try opener.open(header, body: body.span)
                try opener.decode(header, with: &decoder, into: &batch)
            }
            #expect(refusal?.reason.vectorName == test.reason, "\(test.name)")
            #expect(refusal?.field == test.field && refusal?.index == test.index, "\(test.name): \(refusal as Any)")
            if let run = test.run { #expect(refusal?.run == run, "\(test.name): \(refusal as Any)") }
        }
    }

    struct WholeBatch: Decodable {
        var name: String
        var chain_before: String
        var bytes: String
        var accepted: Bool?
        var reason: String?
        var field: UInt8?
        var index: UInt32?
        var run: UInt32?
    }

    @Test("A whole BATCH is accepted, or refused by the first check that it fails")
    func wholeBatches() throws {
        var decoder = BatchDecoder(hashSeed: 7)
        var opener = BatchOpener()
        var batch = Batch()
        var reader = FrameReader(side: .gateway)
        reader.phase = .open
        for test in try Vectors.cases("batches-", as: WholeBatch.self) {
            let bytes = try Vectors.bytes(test.bytes)
            guard case .frame(let slice) = reader.next(in: bytes.span) else {
                Issue.record("\(test.name) is no frame")
                continue
            }
            let (header, body) = try FrameCodec.batchHeader(slice, in: bytes.span)
            let before = ChainValue(try Vectors.word(test.chain_before))
            let refusal = refused { () throws(BatchRefusal) in
                try opener.open(header, body: bytes.span.extracting(body))
                try opener.decode(header, with: &decoder, into: &batch)
                try batch.verify(header, after: before)
            }
            #expect((refusal == nil) == (test.accepted == true), "\(test.name)")
            #expect(refusal?.reason.vectorName == test.reason, "\(test.name)")
            #expect(refusal?.field == test.field && refusal?.index == test.index, "\(test.name)")
            #expect(refusal?.run == test.run, "\(test.name)")
            // What a gateway's session answers before the body is opened is the same, and no less.
            let isSize = test.reason == RejectReason.size.vectorName
            let early = Reject(
                first: header.first, index: 0, run: header.count, reason: .size, field: 0, retryMs: 0)
            var session = try session(before)
            let decision = session.batch(header, bodyBytes: body.count)
            #expect(decision == (isSize ? .reject(early) : .decode), "\(test.name)")
        }
    }

    /// Open, with nothing committed.
    private func session(_ chain: ChainValue) throws -> GatewaySession {
        let now = MonotonicInstant(nanoseconds: 1)
        let stream = StreamID(Bytes16(high: 1, low: 2))
        let start = StreamCursor(sequence: .zero, chain: chain, totals: .zero)
        var session = GatewaySession(offer: GatewayOffer(), now: now)
        let hello = Hello(
            stream: stream, highestChain: chain, acknowledged: start, clockMs: 1, credential: .token([1]))
        _ = session.receive(HelloHeader(hello), now: now)
        let isAuthenticated = session.authenticated(hello)
        try #require(isAuthenticated)
        _ = session.claimed(
            StreamClaim(
                committed: start, generation: Generation(1), storeEpoch: StoreEpoch(1),
                credit: Credit(events: Limits.creditEvents, bytes: Limits.creditBytes), backedUpThrough: .zero,
                clockMs: 1, oldestTimeMs: 1, allowsAdoption: false, tenantKey: [UInt8](repeating: 0, count: 32)),
            now: now)
        return session
    }

    private func refused(_ work: () throws(BatchRefusal) -> Void) -> BatchRefusal? {
        do throws(BatchRefusal) {
            try work()
            return nil
        } catch {
            return error
        }
    }
}
