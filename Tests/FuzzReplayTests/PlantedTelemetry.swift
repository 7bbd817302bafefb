import TallyModel
import TallyWorkstation

@testable import TallyFuzzTargets

/// Mistakes planted into the receiver of telemetry.
final class LosingPieces: OTLPSubject {
    /// Loses pieces of one byte.
    override func feed(_ exchange: inout OTLPExchange, _ piece: [UInt8]) {
        if piece.count > 1 { super.feed(&exchange, piece) }
    }
}

final class HoardingExchange: OTLPSubject {
    override func held(_ exchange: OTLPExchange) -> Int { super.held(exchange) * 2 }
}

final class EchoingReceiver: OTLPSubject {
    override func answer(_ outcome: OTLPOutcome, to request: OTLPRequest, keepsAlive: Bool) -> [UInt8] {
        super.answer(outcome, to: request, keepsAlive: keepsAlive) + request.body.prefix(1)
    }
}

/// Decodes, and then changes what came of it.
class ChangedBatches: OTLPSubject {
    func change(_ batch: inout OTLPBatch, _ request: OTLPRequest) {}

    override func decode(_ request: OTLPRequest) throws(OTLPRefusal) -> OTLPBatch {
        var batch = try super.decode(request)
        change(&batch, request)
        return batch
    }
}

final class OtherPackings: ChangedBatches {
    override func change(_ batch: inout OTLPBatch, _ request: OTLPRequest) {
        if request.isGzip, !batch.calls.isEmpty { batch.calls.removeLast() }
    }
}

final class CuriousJSON: ChangedBatches {
    /// Looks into what it does not know.
    override func change(_ batch: inout OTLPBatch, _ request: OTLPRequest) {
        if request.body.starts(with: #"{"x":"#.utf8) { batch.records += 1 }
    }
}

final class ContentCosts: ChangedBatches {
    /// Counts by how much was said.
    override func change(_ batch: inout OTLPBatch, _ request: OTLPRequest) {
        guard request.encoding == .protobuf, !request.isGzip else { return }
        batch.skips[0] = UInt64(request.body.count)
    }

    /// The same of what is packed, so that packing alone does not find it.
    override func decode(_ request: OTLPRequest) throws(OTLPRefusal) -> OTLPBatch {
        guard request.encoding == .protobuf, request.isGzip else { return try super.decode(request) }
        var batch = try super.decode(request)
        // A block without packing has 15 bytes before and 8 behind what it holds.
        batch.skips[0] = UInt64(max(0, request.body.count - 23))
        return batch
    }
}

final class LaxProtobuf: OTLPSubject {
    /// Takes what is damaged for empty.
    override func decode(_ request: OTLPRequest) throws(OTLPRefusal) -> OTLPBatch {
        do throws(OTLPRefusal) { return try super.decode(request) } catch {
            guard error == .malformed, request.encoding == .protobuf else { throw error }
            return OTLPBatch()
        }
    }
}

final class OtherModels: ChangedBatches {
    override func change(_ batch: inout OTLPBatch, _ request: OTLPRequest) {
        guard let label = Label("another-model".utf8) else { return }
        for index in batch.calls.indices { batch.calls[index].fact.model = label }
    }
}

final class OtherReasoning: ChangedBatches {
    override func change(_ batch: inout OTLPBatch, _ request: OTLPRequest) {
        for index in batch.calls.indices {
            batch.calls[index].fact.counts.reasoning = batch.calls[index].fact.counts.output + 1
        }
    }
}

final class DoubledCalls: ChangedBatches {
    override func change(_ batch: inout OTLPBatch, _ request: OTLPRequest) { batch.calls += batch.calls }
}

final class LaxTelemetry: OTLPSubject {
    override func events(_ counter: inout Counter) -> (events: [Event], delta: [UInt8]) {
        let (events, delta) = super.events(&counter)
        return (events.map(\.withTooMuchReasoning), delta)
    }
}

final class OtherEvents: OTLPSubject {
    override func events(_ counter: inout Counter) -> (events: [Event], delta: [UInt8]) {
        let (events, delta) = super.events(&counter)
        return (
            events.map {
                var event = $0
                event.model = Label("another-model".utf8)
                return event
            }, delta
        )
    }
}

final class BadTelemetryDeltas: OTLPSubject {
    override func events(_ counter: inout Counter) -> (events: [Event], delta: [UInt8]) {
        let (events, delta) = super.events(&counter)
        return (events, delta.dropLast())
    }
}

final class ForgetfulReceiver: OTLPSubject {
    /// Takes each call for a new one.
    private var taken: UInt64 = 0

    override func take(_ call: CallFact, _ counter: inout Counter, transcripts: Set<Agent>) {
        taken += 1
        var call = call
        call.identity = taken
        call.fact.key = RequestKey(message: taken, request: taken)
        super.take(call, &counter, transcripts: transcripts)
    }
}
