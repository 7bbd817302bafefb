import TallyModel
import TallyZlib

/// From the body of an export to calls: the last place that sees what exporters send beside numbers (prompts, paths,
/// addresses, commands). What it returns holds numbers, enums, a model's label and hashes.
///
/// All or nothing: a body that is damaged anywhere gives no call.
package struct OTLPDecoder<Hash: KeyedHash>: Sendable {
    private let names: OTLPNames
    private let json: OTLPJSON
    private let protobuf: OTLPProtobuf
    private let reader: OTLPCallReader<Hash>

    package init(hash: Hash) {
        names = OTLPNames()
        json = OTLPJSON(names: names)
        protobuf = OTLPProtobuf(names: names)
        reader = OTLPCallReader(hash: hash)
    }

    /// Unpacks and reads an export of logs or traces. Metrics are not looked at: they tell of the same spend.
    package func decode(_ request: OTLPRequest) throws(OTLPRefusal) -> OTLPBatch {
        guard request.signal != .metrics else { return OTLPBatch() }
        guard request.isGzip else {
            guard request.body.count <= Limits.otlpUnpackedBytesMax else { throw .tooLarge }
            return try read(request.body.span, request)
        }
        var body: [UInt8]
        do throws(GzipRefusal) {
            body = try Gunzip.decode(request.body.span, outputBytesMax: Limits.otlpUnpackedBytesMax)
        } catch {
            switch error {
            case .damaged: throw .malformed
            case .tooLarge: throw .tooLarge
            case .noMemory: throw .busy
            }
        }
        defer { body.overwrite() }
        return try read(body.span, request)
    }

    private func read(_ bytes: Span<UInt8>, _ request: OTLPRequest) throws(OTLPRefusal) -> OTLPBatch {
        var batch = OTLPBatch()
        var parts: UInt64 = 0
        func count(_ record: OTLPRecord?) throws(OTLPRefusal) {
            parts += 1
            guard parts <= Limits.otlpPartsMax else { throw .tooLarge }
            if let record { try take(record, bytes, &batch) }
        }
        switch request.encoding {
        case .json: try json.walk(bytes, request.signal, count)
        case .protobuf: try protobuf.walk(bytes, request.signal, count)
        }
        return batch
    }

    private func take(
        _ record: OTLPRecord, _ bytes: Span<UInt8>, _ batch: inout OTLPBatch
    ) throws(OTLPRefusal) {
        batch.records += 1
        switch reader.read(record, bytes) {
        case .call(let call):
            guard batch.calls.count < Limits.otlpCallsMax else { throw .tooLarge }
            batch.calls.append(call)
        case .sign(let sign): batch.note(sign)
        case .nothing: break
        case .skipped(let reason): batch.skips[Int(reason.rawValue)] += 1
        }
    }
}
