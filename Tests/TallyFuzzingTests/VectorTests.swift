import Testing
import VectorFiles

@testable import TallyFuzzing

/// The judge is an implementation of the documents of its own: it has to agree with every vector.
@Suite("The judge and the vectors")
struct VectorTests {
    struct Valid: Decodable {
        var name: String
        var rows: [[String: Ignored]]
        var stream: String
        var chain_before: String
        var chain_zero: Bool?
        var raw: String
        var lz4: String?
        var chain_after: String
        var control_tokens: UInt64
        var reported_nano_usd: UInt64
    }

    struct Ignored: Decodable {
        init(from decoder: any Decoder) throws {}
    }

    struct Invalid: Decodable {
        var name: String
        var requirement: String
        var count: UInt32
        var raw: String?
        var lz4: String?
        var raw_bytes: UInt32?
        var reason: String
        var field: UInt8
        var index: UInt32
        var run: UInt32?
    }

    struct FrameCase: Decodable {
        var name: String
        var requirement: String
        var phase: String
        var to: String
        var bytes: String
        var error: String?
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

    private func judged(_ batch: BatchFields, after chain: UInt64) -> Refusal? {
        do throws(Refusal) {
            _ = try BatchRules.judge(batch, times: nil, chainBefore: chain)
            return nil
        } catch {
            return error
        }
    }

    @Test("It takes every valid body, compressed or not, with its totals and its chain")
    func valid() throws {
        for test in try Vectors.cases("valid-", as: Valid.self) {
            let raw = try Vectors.bytes(test.raw)
            var batch = BatchFields(
                first: 1, count: UInt32(test.rows.count), rawBytes: UInt32(raw.count), tokens: test.control_tokens,
                reported: test.reported_nano_usd, chainAfter: try Vectors.word(test.chain_after), isBlock: false,
                body: raw[...]
            )
            let before = try Vectors.word(test.chain_before)
            let refusal = judged(batch, after: before)
            #expect(refusal == nil, "\(test.name)")
            let stream = try Vectors.bytes(test.stream)
            if test.chain_zero == true { #expect(ChainRules.initial(stream) == before, "\(test.name)") }
            guard let lz4 = test.lz4 else { continue }
            batch.isBlock = true
            batch.body = try Vectors.bytes(lz4)[...]
            let ofBlock = judged(batch, after: before)
            #expect(ofBlock == nil, "\(test.name), as a block")
        }
    }

    @Test("It refuses every invalid body for its reason, at its column and its row")
    func invalid() throws {
        for test in try Vectors.cases("invalid-", as: Invalid.self) {
            let body = try Vectors.bytes(test.raw ?? test.lz4 ?? "")
            let batch = BatchFields(
                first: 1, count: test.count, rawBytes: test.raw_bytes ?? UInt32(body.count), tokens: 0, reported: 0,
                chainAfter: 0, isBlock: test.raw == nil, body: body[...])
            let refusal = judged(batch, after: 0)
            #expect(refusal?.reason.words == test.reason, "\(test.name)")
            #expect(refusal?.field == test.field && refusal?.index == test.index, "\(test.name)")
            if let run = test.run { #expect(refusal?.run == run, "\(test.name)") }
        }
    }

    @Test("It judges every whole BATCH as the vectors do")
    func batches() throws {
        for test in try Vectors.cases("batches-", as: WholeBatch.self) {
            var reader = SentReader()
            reader.isGreeted = true
            reader.append(try Vectors.bytes(test.bytes))
            guard case .frame(.batch(let batch), true) = reader.next() else {
                Issue.record("\(test.name) is no BATCH")
                continue
            }
            let refusal = judged(batch, after: try Vectors.word(test.chain_before))
            #expect((refusal == nil) == (test.accepted == true), "\(test.name)")
            #expect(refusal?.reason.words == test.reason, "\(test.name)")
            #expect(
                refusal?.field == test.field && refusal?.index == test.index && refusal?.run == test.run, "\(test.name)"
            )
        }
    }

    @Test("It takes and refuses the frames of the vectors, in both directions")
    func frames() throws {
        for test in try Vectors.cases("frames-", as: FrameCase.self) {
            let bytes = try Vectors.bytes(test.bytes)
            let isTaken = test.to == "gateway" ? sent(bytes, isGreeted: test.phase != "hello") : came(bytes)
            #expect(isTaken == (test.error == nil), "\(test.name) (\(test.requirement))")
        }
    }

    private func sent(_ bytes: [UInt8], isGreeted: Bool) -> Bool? {
        var reader = SentReader()
        reader.isGreeted = isGreeted
        reader.append(bytes)
        switch reader.next() {
        case .frame(.violation, _): return false
        case .frame: return true
        case .nothing: return nil
        }
    }

    private func came(_ bytes: [UInt8]) -> Bool? {
        var reader = ReplyReader()
        reader.append(bytes)
        do throws(BrokenReply) {
            return try reader.next() == nil ? nil : true
        } catch {
            return false
        }
    }
}
