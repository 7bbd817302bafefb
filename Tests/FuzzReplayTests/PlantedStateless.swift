import TallyIO
import TallyModel
import TallyProtocol
import TallyWire
import TallyWorkstation

@testable import TallyFuzzTargets

/// Mistakes planted into the calls of the targets that keep no state: each must be found by one of its inputs.
final class LosingFrames: FrameSubject {
    override func encode(_ frame: Frame) -> [UInt8] { super.encode(frame).dropLast() }
}

final class HastyFrames: FrameSubject {
    /// Finds a frame although its last byte is not there.
    override func next(_ reader: FrameReader, _ bytes: [UInt8], from start: Int, to end: Int) -> FrameReader.Step {
        super.next(reader, bytes, from: start, to: min(bytes.count, end + 1))
    }
}

final class GreedyFrames: FrameSubject {
    override func next(_ reader: FrameReader, _ bytes: [UInt8], from start: Int, to end: Int) -> FrameReader.Step {
        let step = super.next(reader, bytes, from: start, to: end)
        if case .needMore(let count) = step { return .needMore(count + 70_000) }
        return step
    }
}

final class OtherHeaders: FrameSubject {
    override func header(
        _ slice: FrameSlice, _ bytes: [UInt8]
    ) throws(FrameRefusal) -> (header: BatchHeader, body: Range<Int>) {
        var found = try super.header(slice, bytes)
        found.header.count ^= 1
        return found
    }
}

final class OtherReadings: FrameSubject {
    override func readThrough(_ slice: FrameSlice, _ bytes: [UInt8]) throws(FrameRefusal) -> ReadThrough? {
        let told = try super.readThrough(slice, bytes)
        if case .adopt(let sessions) = told { return .adopt(sessions: sessions + 1) }
        return told
    }
}

final class StrictReadings: FrameSubject {
    /// Refuses a SKIP that is one.
    override func readThrough(_ slice: FrameSlice, _ bytes: [UInt8]) throws(FrameRefusal) -> ReadThrough? {
        if slice.type == .skip { throw .badValue }
        return try super.readThrough(slice, bytes)
    }
}

final class LaxBlocks: LZ4Subject {
    /// Takes what it should not.
    override func decompress(_ block: [UInt8], rawBytes: Int) -> [UInt8]? {
        super.decompress(block, rawBytes: rawBytes) ?? []
    }
}

final class OtherBlocks: LZ4Subject {
    override func decompress(_ block: [UInt8], rawBytes: Int) -> [UInt8]? {
        super.decompress(block, rawBytes: rawBytes).map { $0.reversed() }
    }
}

final class LongBlocks: LZ4Subject {
    override func compress(_ text: [UInt8]) -> [UInt8]? { super.compress(text) == nil ? text + [0] : nil }
}

final class SpoiltDictionary: LZ4Subject {
    override func dictionary() -> [UInt8] { [1] }
}

final class FickleRefusals: BatchSubject {
    private var isOverwritten = false

    override func wipe() {
        super.wipe()
        isOverwritten = true
    }

    override func decode(_ raw: [UInt8], count: Int) throws(BatchRefusal) {
        defer { isOverwritten = false }
        if isOverwritten { throw BatchRefusal(reason: .overflow, field: 0, index: 0, run: UInt32(count)) }
        try super.decode(raw, count: count)
    }
}

final class LaxBodies: BatchSubject {
    /// Decodes bodies with a byte too many.
    override func decode(_ raw: [UInt8], count: Int) throws(BatchRefusal) {
        do throws(BatchRefusal) { try super.decode(raw, count: count) } catch {
            try super.decode(raw.dropLast(), count: count)
        }
    }
}

final class OtherRows: BatchSubject {
    /// Blames a row that is not there.
    override func decode(_ raw: [UInt8], count: Int) throws(BatchRefusal) {
        do throws(BatchRefusal) { try super.decode(raw, count: count) } catch {
            throw BatchRefusal(reason: error.reason, field: error.field, index: UInt32(count), run: 1)
        }
    }
}

final class LaxEvents: BatchSubject {
    /// Encodes what the rules refuse, with what they refuse taken away.
    override func encode(_ events: [Event], after chain: ChainValue) throws(BatchRefusal) -> EncodedBatch {
        try super.encode(events.map { EventRules.violation($0) == nil ? $0 : repaired($0) }, after: chain)
    }

    private func repaired(_ event: Event) -> Event {
        Event(kind: .usage, timeMs: 5, session: event.session, agent: .other, model: .unlisted)
    }
}

final class StrictEvents: BatchSubject {
    /// Refuses what is good.
    override func encode(_ events: [Event], after chain: ChainValue) throws(BatchRefusal) -> EncodedBatch {
        throw BatchRefusal(reason: .fieldRange, field: 2, index: 0, run: 1)
    }
}

final class OtherTotals: BatchSubject {
    override func encode(after chain: ChainValue) -> EncodedBatch {
        var encoded = super.encode(after: chain)
        encoded.controlTokens += 1
        return encoded
    }

    override func encode(_ events: [Event], after chain: ChainValue) throws(BatchRefusal) -> EncodedBatch {
        var encoded = try super.encode(events, after: chain)
        encoded.controlTokens += 1
        return encoded
    }
}

final class CutChains: BatchSubject {
    override func advance(_ chain: ChainValue, _ rows: Range<Int>) -> ChainValue {
        ChainValue(super.advance(chain, rows).value &+ 1)
    }
}

final class LaxTotals: BatchSubject {
    override func verify(_ header: BatchHeader, after chain: ChainValue) -> RejectReason? { nil }
}

final class OtherFrames: BatchSubject {
    override func frame(_ encoded: EncodedBatch) -> BatchFrame {
        var frame = super.frame(encoded)
        frame.body.append(0)
        return frame
    }
}
