import TallyModel
import TallyWire

/// The decoder and the encoder of batch bodies.
///
/// ```
/// | how u8 & 3: 0 a body, 1 an LZ4 block, 2 an LZ4 block with a told length, 3 events (BatchEvents) |
/// | count u16 | [raw length u16] | body or block |
/// ```
/// Promises: a body that decodes is the one form of its rows, from columns as from events; every row keeps the rules
/// of its kind; totals and chain are those of the rows, however they are cut; a refusal names a row of the batch and
/// leaves nothing behind, and is the same again once what it left is overwritten; events are refused exactly if the rules refuse one of them. What the reference in
/// `protocol/reference` says of the same bodies is compared by `fuzz/verdicts.py`.
class BatchSubject: FuzzSubject {
    /// What became of a body; two decoders must say the same of it.
    struct Verdict: Hashable {
        var refusal: BatchRefusal?
        var events: [Event] = []
    }

    private let isThorough: Bool
    private var decoder = BatchDecoder(hashSeed: 13)
    private var opener = BatchOpener()
    private var encoder = BatchEncoder()
    private(set) var batch = Batch()

    init(isThorough: Bool = true) { self.isThorough = isThorough }

    // MARK: Calls into the product

    func open(_ header: BatchHeader, _ body: [UInt8]) throws(BatchRefusal) -> [UInt8] {
        try opener.open(header, body: body.span)
        return Array(opener.buffer[opener.raw])
    }

    func decode(_ raw: [UInt8], count: Int) throws(BatchRefusal) {
        try decoder.decode(raw.span, count: count, into: &batch)
    }

    /// As a gateway does with what it refuses.
    func wipe() {
        batch.wipe()
        decoder.wipe()
        opener.wipe()
    }

    func encode(after chain: ChainValue) -> EncodedBatch { encoder.encode(batch, after: chain) }

    func encode(_ events: [Event], after chain: ChainValue) throws(BatchRefusal) -> EncodedBatch {
        try encoder.encode(events.span, after: chain)
    }

    func frame(_ encoded: EncodedBatch) -> BatchFrame { encoder.frame(encoded, first: Sequence64(1)) }

    func advance(_ chain: ChainValue, _ rows: Range<Int>) -> ChainValue {
        Chain.advance(chain, over: batch, rows: rows)
    }

    func verify(_ header: BatchHeader, after chain: ChainValue) -> RejectReason? {
        do throws(BatchRefusal) { try batch.verify(header, after: chain) } catch { return error.reason }
        return nil
    }

    // MARK: The run

    func run(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
        var reader = FuzzBytes(input)
        let how = reader.byte() & 3
        if how == 3 { return try take(BatchEvents.make(&reader)) }
        let count = Int(reader.short())
        let told = how == 2 ? Int(reader.short()) : nil
        let body = reader.rest()
        let rawBytes = told ?? (how == 1 ? LZ4Model.outputBytes(of: body) : body.count)
        let header = BatchHeader(
            first: Sequence64(1), count: UInt32(count), rawBytes: UInt32(clamping: rawBytes), controlTokens: 0,
            reportedNanoUSD: 0, chainAfter: ChainValue(0), isLZ4: how != 0)
        let raw: [UInt8]
        do throws(BatchRefusal) {
            raw = try open(header, body)
            try decode(raw, count: count)
        } catch {
            try check(error, count: count)
            try expect(batch.count == 0 || error.reason == .size || error.reason == .decompress, "nothing stays behind")
            if isThorough || mixed(UInt64(input.count)) & 7 == 0 { try checkAgain(header, body, error) }
            if isThorough || mixed(UInt64(input.count)) & 63 == 0, how == 0 { try compare(body, count) }
            return .refused
        }
        try expect(batch.count == count, "a batch has the rows that were announced")
        try check(raw)
        if isThorough || mixed(UInt64(input.count)) & 63 == 0 { try compare(raw, count) }
        return .reached
    }

    private func take(_ events: [Event]) throws(FuzzFinding) -> FuzzOutcome {
        guard !events.isEmpty else { return .refused }
        let encoded: EncodedBatch
        do throws(BatchRefusal) {
            encoded = try encode(events, after: ChainValue(5))
        } catch {
            let row = Int(error.index)
            try expect(
                error.run == 1 && row < events.count && EventRules.violation(events[row]) != nil,
                "an event is refused only if it breaks a rule")
            return .refused
        }
        try expect((1...events.count).contains(encoded.count), "a batch holds the leading events")
        let taken = Array(events.prefix(encoded.count))
        try expect(taken.allSatisfy { EventRules.violation($0) == nil }, "no event that breaks a rule is encoded")
        do throws(BatchRefusal) {
            try decode(encoded.raw, count: encoded.count)
        } catch {
            throw FuzzFinding("what is encoded decodes, and is not refused with \(error.reason)")
        }
        try expect(rows() == taken, "what is encoded decodes to the same events")
        try check(encoded.raw)
        return .reached
    }

    // MARK: Checks

    private func rows() -> [Event] { (0..<batch.count).compactMap { batch.event(at: $0) } }

    private func check(_ refusal: BatchRefusal, count: Int) throws(FuzzFinding) {
        let isWhole = refusal.index == 0 && refusal.run == UInt32(count)
        let isRow = refusal.run == 1 && Int(refusal.index) < count
        try expect(isWhole || isRow, "a refusal names one row or the whole batch")
        try expect(refusal.reason.isPermanent, "the same bytes are refused for ever")
    }

    private func checkAgain(_ header: BatchHeader, _ body: [UInt8], _ refusal: BatchRefusal) throws(FuzzFinding) {
        wipe()
        var again: BatchRefusal?
        do throws(BatchRefusal) { try decode(try open(header, body), count: Int(header.count)) } catch { again = error }
        try expect(again == refusal, "what was overwritten is refused again, for the same reason")
    }

    private func check(_ raw: [UInt8]) throws(FuzzFinding) {
        let before = Chain.initial(StreamID(Bytes16(high: UInt64(raw.count), low: 3)))
        let encoded = encode(after: before)
        try expect(encoded.raw == raw, "a body that decodes is the one form of its rows")
        let events = rows()
        try expect(events.count == batch.count, "every row is an event")
        try expect(events.allSatisfy { EventRules.violation($0) == nil }, "every row keeps the rules of its kind")
        do throws(BatchRefusal) {
            let again = try encode(events, after: before)
            try same(again, encoded)
        } catch {
            throw FuzzFinding("the rows of a body can be encoded, each with the same result: \(error.reason)")
        }
        let tokens = events.reduce(UInt64(0)) { $0 + $1.controlTokens }
        let reported = events.reduce(UInt64(0)) { $0 + ($1.reportedCostNanoUSD ?? 0) }
        try expect(
            encoded.controlTokens == tokens && encoded.reportedNanoUSD == reported, "totals are those of the rows")
        let cut = Int(mixed(UInt64(raw.count)) % UInt64(batch.count + 1))
        let parts = advance(advance(before, 0..<cut), cut..<batch.count)
        try expect(parts == encoded.chainAfter, "a chain is the same however its events are cut")
        try checkFrame(encoded, before)
    }

    /// Of two encodings of the same rows: a difference is told by a refusal that no encoder gives.
    private func same(_ one: EncodedBatch, _ other: EncodedBatch) throws(BatchRefusal) {
        if one != other { throw BatchRefusal(reason: .nonCanonical, run: 0) }
    }

    private func checkFrame(_ encoded: EncodedBatch, _ before: ChainValue) throws(FuzzFinding) {
        let frame = self.frame(encoded)
        do throws(BatchRefusal) {
            let raw = try open(frame.header, frame.body)
            if raw != encoded.raw { throw BatchRefusal(reason: .decompress, run: 0) }
            try opener.decode(frame.header, with: &decoder, into: &batch)
        } catch {
            throw FuzzFinding("a frame's body opens to the batch that was put into it: \(error.reason)")
        }
        try expect(verify(frame.header, after: before) == nil, "a header of ours fits its batch")
        var header = frame.header
        header.controlTokens += 1
        try expect(verify(header, after: before) == .controlTotal, "another total is seen")
        try expect(
            verify(frame.header, after: ChainValue(before.value ^ 1)) == .chainMismatch, "another chain is seen")
    }

    /// Whether a decoder without a past says the same.
    private func compare(_ raw: [UInt8], _ count: Int) throws(FuzzFinding) {
        var fresh = BatchDecoder(hashSeed: 77)
        var other = Batch()
        var clean = Verdict()
        var used = Verdict()
        do throws(BatchRefusal) {
            try fresh.decode(raw.span, count: count, into: &other)
            clean.events = (0..<other.count).compactMap { other.event(at: $0) }
        } catch { clean.refusal = error }
        do throws(BatchRefusal) {
            try decode(raw, count: count)
            used.events = rows()
        } catch { used.refusal = error }
        try expect(clean == used, "a decoder says the same whatever it has decoded before")
    }
}
