import TallyHTTP
import TallyModel
import TallyWorkstation
import TallyZlib

/// What anybody on loopback sends to the receiver of telemetry: from bytes of a connection through requests, bodies and
/// counter to events and answers.
///
/// ```
/// | how u8 | piece u8 | 0x80 of how: what is sent, heads and all; else: a body, for which a head is made here |
/// ```
/// `how`: 0x03 logs, traces, metrics · 0x04 protobuf · 0x08 the body is gzip · 0x10 in chunks · 0x20 transcripts of all
/// agents are read · 0x40 sent twice.
///
/// Promises: the same requests and the same last word in whatever pieces, and no more held than was sent; an answer is
/// one of our sentences; a packed export gives what it holds; protobuf gives what `OTLPRewriter` says of it in JSON,
/// content left out; what is not known is passed over; facts are within their bounds; every event keeps the rules, and
/// holds no text but a model's label; what is sent again counts nothing, after a restart either.
class OTLPSubject: FuzzSubject {
    /// Larger bodies are read as the product reads them, and not compared: a packed one may unpack to millions of bytes.
    private static let comparedBytesMax = 16 << 10
    /// Each piece makes the product look for the head's end once more.
    private static let piecesMax = 512
    private static let refusals: [UploadHead.Refusal] = [
        .malformed, .tooLarge, .version, .method, .notFound, .foreign, .length, .bodyTooLarge, .mediaType,
    ]

    private let decoder = OTLPDecoder(hash: FuzzHash())
    private let lastWords = Set(OTLPSubject.refusals.map { OTLPAnswer($0).bytes(keepsAlive: false) })

    // MARK: Calls into the product

    func feed(_ exchange: inout OTLPExchange, _ piece: [UInt8]) { exchange.feed(piece.span) }

    func held(_ exchange: OTLPExchange) -> Int { exchange.heldBytes }

    func answer(_ outcome: OTLPOutcome, to request: OTLPRequest, keepsAlive: Bool) -> [UInt8] {
        OTLPAnswer(outcome, request.signal, request.encoding).bytes(keepsAlive: keepsAlive)
    }

    func decode(_ request: OTLPRequest) throws(OTLPRefusal) -> OTLPBatch { try decoder.decode(request) }

    func take(_ call: CallFact, _ counter: inout Counter, transcripts: Set<Agent>) {
        counter.take(call, transcripts: transcripts)
    }

    func events(_ counter: inout Counter) -> (events: [Event], delta: [UInt8]) {
        let drained = counter.drain()
        return (drained.events, drained.delta)
    }

    // MARK: The run

    func run(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
        guard input.count > 2 else { return .refused }
        let stream = Self.stream(input)
        let whole = try talk([stream])
        let pieceBytes = max(1 + Int(input[1]), stream.count / Self.piecesMax)
        let pieces = stride(from: 0, to: stream.count, by: pieceBytes).map {
            Array(stream[$0..<min($0 + pieceBytes, stream.count)])
        }
        try expect(try talk(pieces) == whole, "an exporter is understood the same in whatever pieces its bytes come")
        if let last = whole.last {
            try expect(lastWords.contains(last), "an answer is one of our sentences and nothing else")
        }
        var batches: [OTLPBatch] = []
        for (index, request) in whole.requests.enumerated() {
            let keepsAlive = index < whole.requests.count - 1 || whole.keepsAlive
            if let batch = try read(request, keepsAlive: keepsAlive) { batches.append(batch) }
        }
        let transcripts = input[0] & 0xA0 == 0x20 ? Set(Agent.allCases) : []
        return try count(batches, transcripts: transcripts) ? .reached : .refused
    }

    private static func stream(_ input: [UInt8]) -> [UInt8] {
        let (how, body) = (input[0], Array(input[2...]))
        guard how & 0x80 == 0 else { return body }
        let path = ["logs", "traces", "metrics", "logs"][Int(how & 3)]
        var head = "POST /v1/\(path) HTTP/1.1\r\nHost: 127.0.0.1:4318\r\nContent-Type: application/"
        head += how & 4 == 0 ? "json" : "x-protobuf"
        if how & 8 != 0 { head += "\r\nContent-Encoding: gzip" }
        var request: [UInt8]
        if how & 0x10 == 0 {
            request = Array("\(head)\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body
        } else {
            request = Array("\(head)\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
            let chunkBytes = max(1 + Int(input[1] ^ 0x55), body.count / piecesMax)
            for start in stride(from: 0, to: body.count, by: chunkBytes) {
                let chunk = body[start..<min(start + chunkBytes, body.count)]
                request += Array("\(String(chunk.count, radix: 16))\r\n".utf8) + chunk + [13, 10]
            }
            request += Array("0\r\n\r\n".utf8)
        }
        return how & 0x40 == 0 ? request : request + request
    }

    // MARK: Bytes to requests

    /// What came of a connection's bytes.
    private struct Talk: Hashable {
        var requests: [OTLPRequest] = []
        var last: [UInt8]?
        var keepsAlive = true
        var isWithin = false
    }

    private func talk(_ pieces: [[UInt8]]) throws(FuzzFinding) -> Talk {
        var exchange = OTLPExchange()
        var talk = Talk()
        var sentBytes = 0
        for piece in pieces where exchange.isReading {
            feed(&exchange, piece)
            sentBytes += piece.count
            try expect(held(exchange) <= sentBytes, "no more is held than was sent")
            try advance(&exchange, &talk)
        }
        talk.keepsAlive = exchange.keepsAlive
        talk.isWithin = exchange.isWithin
        return talk
    }

    private func advance(_ exchange: inout OTLPExchange, _ talk: inout Talk) throws(FuzzFinding) {
        var hasGoneOn = false
        while true {
            switch exchange.next() {
            case .needsMore: return
            case .goOn:
                try expect(!hasGoneOn, "a sender is told to go on once")
                hasGoneOn = true
            case .request(let request):
                hasGoneOn = false
                talk.requests.append(request)
                try expect(!exchange.isReading, "nothing is read while an answer is awaited")
                exchange.answered()
            case .refused(let answer):
                talk.last = answer.bytes(keepsAlive: true)
                try expect(!exchange.isReading && held(exchange) == 0, "nothing is held of what was refused")
                return
            }
        }
    }

    // MARK: Requests to facts

    private func read(_ request: OTLPRequest, keepsAlive: Bool) throws(FuzzFinding) -> OTLPBatch? {
        let batch = batch(request)
        let outcome: OTLPOutcome
        switch batch {
        case .success(let batch): outcome = .taken(rejected: batch.rejected)
        case .failure(let refusal): outcome = .refused(refusal)
        }
        try expect(
            answer(outcome, to: request, keepsAlive: keepsAlive)
                == OTLPSentences.answer(outcome, to: request, keepsAlive: keepsAlive),
            "an answer is one of our sentences and nothing else")
        if let plain = plain(request), request.signal != .metrics {
            try compare(plain, with: batch)
        }
        guard case .success(let taken) = batch else { return nil }
        try expect(
            UInt64(taken.calls.count) + taken.skipped <= taken.records && taken.records <= Limits.otlpPartsMax,
            "a record is one call at most, and there are no more of them than the bound says")
        for call in taken.calls { try check(call.fact) }
        return taken
    }

    private func batch(_ request: OTLPRequest) -> Result<OTLPBatch, OTLPRefusal> {
        do throws(OTLPRefusal) { return .success(try decode(request)) } catch { return .failure(error) }
    }

    /// The same export unpacked, where it is small.
    private func plain(_ request: OTLPRequest) -> OTLPRequest? {
        guard request.body.count <= Self.comparedBytesMax else { return nil }
        guard request.isGzip else { return request }
        do throws(GzipRefusal) {
            let body = try Gunzip.decode(request.body.span, outputBytesMax: Self.comparedBytesMax)
            return OTLPRequest(request.signal, request.encoding, body: body)
        } catch {
            return nil
        }
    }

    private func compare(
        _ plain: OTLPRequest, with batch: Result<OTLPBatch, OTLPRefusal>
    ) throws(FuzzFinding) {
        var packed = plain
        packed.isGzip = true
        packed.body = OTLPSentences.packed(plain.body)
        try expect(
            self.batch(plain) == batch && self.batch(packed) == batch, "a packed export gives what it holds")
        switch plain.encoding {
        case .json:
            guard let wider = OTLPSentences.wider(plain.body) else { return }
            let request = OTLPRequest(plain.signal, .json, body: wider)
            try expect(self.batch(request) == batch, "what is not known of an export is passed over")
        case .protobuf:
            let told = OTLPRewriter(isLogs: plain.signal == .logs).json(plain.body).map {
                self.batch(OTLPRequest(plain.signal, .json, body: $0))
            }
            try expect(
                told ?? .failure(.malformed) == batch,
                "protobuf gives what its records give in JSON without their content")
            guard case .success(let batch) = batch else { return }
            let text = plain.body.map { $0 >= 0x41 && $0 <= 0x5A ? $0 + 32 : $0 }
            for call in batch.calls where call.fact.model != .unlisted {
                try expect(text.holds(Array(call.fact.model.text.utf8)), "a model's label is one that was sent")
            }
        }
    }

    private func check(_ fact: RequestFact) throws(FuzzFinding) {
        let counts = fact.counts
        let writes = [counts.write5m, counts.write1h, counts.writeUnknown]
        for count in writes + [counts.input, counts.cacheRead, counts.output] {
            try expect(count <= Limits.tokensMax, "a number of tokens is within its bound")
        }
        try expect(counts.reasoning <= counts.output, "reasoning is part of the output")
        try expect(counts.reportedNanoUSD <= Limits.reportedCostNanoUSDMax, "a cost is within its bound")
        try expect(
            (Limits.timeMsMin...Limits.timeMsMax).contains(fact.timeMs), "a call has a time of the schema")
        try expect(fact.project == nil, "telemetry names no project")
    }

    // MARK: Facts to events

    /// Whether an event came of them.
    private func count(_ batches: [OTLPBatch], transcripts: Set<Agent>) throws(FuzzFinding) -> Bool {
        var counter = Counter(eventsMax: 64)
        var deltas: [[UInt8]] = []
        let events = try take(batches, &counter, transcripts, &deltas)
        let models = Set(batches.flatMap { $0.calls.map(\.fact.model) })
        for event in events {
            try expect(EventRules.violation(event) == nil, "every event of telemetry keeps the rules of its kind")
            if let model = event.model { try expect(models.contains(model), "an event's model is that of a call") }
        }
        var again = Counter(eventsMax: 64)
        do throws(CounterError) {
            for delta in deltas { try again.apply(delta.span) }
        } catch {
            throw FuzzFinding("a delta of a counter can be applied: \(error)")
        }
        let more = try take(batches, &again, transcripts, &deltas)
        try expect(more.isEmpty, "an export that is sent again counts nothing")
        return !events.isEmpty
    }

    private func take(
        _ batches: [OTLPBatch], _ counter: inout Counter, _ transcripts: Set<Agent>, _ deltas: inout [[UInt8]]
    ) throws(FuzzFinding) -> [Event] {
        var events: [Event] = []
        for batch in batches {
            counter.note(batch)
            for call in batch.calls {
                take(call, &counter, transcripts: transcripts)
                if counter.isFull { drain(&counter, &events, &deltas) }
            }
        }
        drain(&counter, &events, &deltas)
        return events
    }

    private func drain(_ counter: inout Counter, _ events: inout [Event], _ deltas: inout [[UInt8]]) {
        let drained = self.events(&counter)
        events += drained.events
        deltas.append(drained.delta)
    }
}

extension [UInt8] {
    /// Whether `part` stands in it somewhere.
    fileprivate func holds(_ part: [UInt8]) -> Bool {
        guard part.count <= count else { return false }
        return (0...(count - part.count)).contains { self[$0] == part[0] && self[$0...].starts(with: part) }
    }
}
