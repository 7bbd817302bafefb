import TallyModel
import TallyWire

/// What this codec says of an input of the target `batch`, as a line of JSON that `fuzz/verdicts.py` compares with what
/// the reference in `protocol/reference` says of the same bytes.
package enum BatchVerdict {
    private static let before = ChainValue(0x1234_5678_9abc_def0)

    package static func line(_ input: [UInt8], name: String) -> String {
        var reader = FuzzBytes(input)
        let how = reader.byte() & 3
        if how == 3 { return line(events: BatchEvents.make(&reader), name) }
        let count = Int(reader.short())
        let told = how == 2 ? Int(reader.short()) : nil
        let body = reader.rest()
        let rawBytes = told ?? (how == 1 ? LZ4Model.outputBytes(of: body) : body.count)
        return line(body, count: count, rawBytes: rawBytes, isLZ4: how != 0, name)
    }

    private static func line(events: [Event], _ name: String) -> String {
        var encoder = BatchEncoder()
        do throws(BatchRefusal) {
            guard !events.isEmpty else { throw BatchRefusal(reason: .size, run: 0) }
            let encoded = try encoder.encode(events.span, after: before)
            let frame = encoder.frame(encoded, first: Sequence64(1))
            return line(
                frame.body, count: encoded.count, rawBytes: encoded.raw.count, isLZ4: frame.header.isLZ4, name)
        } catch {
            // The reference has no events of this kind: nothing to compare.
            return #"{"name":"\#(name)"}"#
        }
    }

    private static func line(_ body: [UInt8], count: Int, rawBytes: Int, isLZ4: Bool, _ name: String) -> String {
        let header = BatchHeader(
            first: Sequence64(1), count: UInt32(clamping: count), rawBytes: UInt32(clamping: rawBytes),
            controlTokens: 0, reportedNanoUSD: 0, chainAfter: ChainValue(0), isLZ4: isLZ4)
        var fields = [
            #""name":"\#(name)""#, #""count":\#(count)"#, #""raw_bytes":\#(rawBytes)"#, #""lz4":\#(isLZ4)"#,
            #""body":"\#(hex(body))""#,
        ]
        var opener = BatchOpener()
        var decoder = BatchDecoder(hashSeed: 5)
        var batch = Batch()
        do throws(BatchRefusal) {
            try opener.open(header, body: body.span)
            try opener.decode(header, with: &decoder, into: &batch)
            fields += [
                #""tokens":\#(batch.controlTokens)"#, #""reported":\#(batch.reportedNanoUSD)"#,
                #""chain_before":"\#(hex(before.value))""#,
                #""chain_after":"\#(hex(Chain.advance(before, over: batch).value))""#,
            ]
        } catch {
            fields += [
                #""reason":\#(error.reason.rawValue)"#, #""field":\#(error.field)"#, #""index":\#(error.index)"#,
                #""run":\#(error.run)"#,
            ]
        }
        return "{\(fields.joined(separator: ","))}"
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        var text = ""
        for byte in bytes { text += (byte < 16 ? "0" : "") + String(byte, radix: 16) }
        return text
    }

    private static func hex(_ word: UInt64) -> String {
        let text = String(word, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
