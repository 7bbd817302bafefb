import Synchronization
import TallyGateway
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyProtocol
import TallyRollup
import TallyStorage
import TallyWire
import TallyWorkstation
import TestDisk

/// A tenant's ledger read record by record, without the code that keeps it: streams, rows and gaps as they stand there.
struct LedgerWalk {
    struct Row {
        var stream: StreamID
        var sequence: UInt64
        var event: Event
        /// What its record says of the time at which it came.
        var receivedAtMs: Int64
        var clockOffsetMs: Int32
    }

    struct Gap {
        var stream: StreamID
        var record: GapRecord
    }

    struct Place {
        var sequence: UInt64 = 0
        var chain: ChainValue
        var generation: UInt32 = 0
        var tokens: UInt128 = 0
        var nanoUSD: UInt128 = 0
    }

    /// What contradicts itself, and which invariant that breaks.
    struct Problem: Error {
        var invariant: Invariant
        var text: String
    }

    private(set) var rows: [Row] = []
    private(set) var gaps: [Gap] = []
    private(set) var places: [StreamID: Place] = [:]
    private(set) var workstations: [StreamID: WorkstationID] = [:]
    private(set) var epochs: [StoreEpoch] = []
    private(set) var records = 0
    private var numbers: [UInt32: StreamID] = [:]
    private var decoder = BatchDecoder(hashSeed: 7)
    private let again = EncoderBox()
    private var batch = Batch()

    /// Reads all of it, up to `through`; throws the first contradiction.
    static func of(_ disk: any LogDisk, through: UInt64?) throws(Problem) -> LedgerWalk {
        var walk = LedgerWalk()
        do throws(LogError) {
            var reader = try LogReader(on: disk, through: through)
            while let header = try reader.next() {
                walk.records += 1
                if let problem = walk.note(header, reader.content().body) { walk.problem = problem }
                if walk.problem != nil { break }
            }
        } catch {
            throw Problem(invariant: .i3, text: "the ledger cannot be read: \(error)")
        }
        if let problem = walk.problem { throw problem }
        return walk
    }

    private var problem: Problem?

    private mutating func note(_ header: RecordHeader, _ body: [UInt8]) -> Problem? {
        do throws(Problem) {
            try take(header, body)
            return nil
        } catch {
            return error
        }
    }

    private mutating func take(_ header: RecordHeader, _ body: [UInt8]) throws(Problem) {
        switch header.kind {
        case .stream:
            let record = try decoded { () throws(MalformedBody) in try StreamRecord(decoding: body) }
            if let known = numbers[record.number], known != record.stream {
                throw Problem(invariant: .i6, text: "stream \(record.number) is bound twice")
            }
            numbers[record.number] = record.stream
            workstations[record.stream] = record.workstation
            if places[record.stream] == nil { places[record.stream] = Place(chain: Chain.initial(record.stream)) }
        case .checkpoint: try check(try decoded { () throws(MalformedBody) in try CheckpointRecord(decoding: body) })
        case .epoch:
            epochs.append(try decoded { () throws(MalformedBody) in try EpochRecord(decoding: body) }.epoch)
        case .batch: try take(batch: header, body)
        case .gap: try take(gap: header, try decoded { () throws(MalformedBody) in try GapRecord(decoding: body) })
        case .seal, .priceBook, .purge: break
        case .husk, .sourceDelta, .acknowledged, .deadLetter, .adoption:
            throw Problem(invariant: .i10, text: "a \(header.kind) record stands in a ledger")
        }
    }

    private func decoded<Body>(_ decode: () throws(MalformedBody) -> Body) throws(Problem) -> Body {
        do throws(MalformedBody) { return try decode() } catch {
            throw Problem(invariant: .i10, text: "a record's body is malformed")
        }
    }

    private mutating func take(batch header: RecordHeader, _ body: [UInt8]) throws(Problem) {
        let draft = header.draft
        let (stream, place) = try begin(header)
        var rows = Batch()
        swap(&rows, &batch)
        defer { swap(&rows, &batch) }
        do throws(BatchRefusal) {
            try decoder.decode(body.span, count: Int(draft.count), into: &rows)
        } catch {
            throw Problem(invariant: .i10, text: "record \(header.ordinal) does not decode: \(error.reason)")
        }
        let chain = Chain.advance(draft.chainBefore, over: rows)
        guard chain == draft.chainAfter else {
            throw Problem(invariant: .i7, text: "record \(header.ordinal): the chain over its rows is another")
        }
        guard again.encoder.encode(rows, after: draft.chainBefore).raw == body else {
            throw Problem(invariant: .i10, text: "record \(header.ordinal) is not encoded as it decodes")
        }
        var next = place
        for row in 0..<rows.count {
            guard let event = rows.event(at: row), EventRules.violation(event) == nil else {
                throw Problem(invariant: .i10, text: "record \(header.ordinal) holds an event outside the schema")
            }
            self.rows.append(
                Row(
                    stream: stream, sequence: draft.firstSequence.value + UInt64(row), event: event,
                    receivedAtMs: draft.receivedAtMs, clockOffsetMs: draft.clockOffsetMs))
            next.tokens += UInt128(event.controlTokens)
            next.nanoUSD += UInt128(event.reportedCostNanoUSD ?? 0)
        }
        next.sequence += UInt64(draft.count)
        next.chain = chain
        next.generation = draft.generation.value
        places[stream] = next
    }

    private mutating func take(gap header: RecordHeader, _ gap: GapRecord) throws(Problem) {
        let (stream, place) = try begin(header)
        guard gap.first.value == place.sequence + 1, gap.last >= gap.first, gap.chainAfter == header.draft.chainAfter
        else {
            throw Problem(
                invariant: .i6, text: "gap \(gap.first.value)...\(gap.last.value) does not follow \(place.sequence)")
        }
        var next = place
        next.sequence = gap.last.value
        next.chain = gap.chainAfter
        next.tokens += gap.totals.tokens
        next.nanoUSD += gap.totals.reportedNanoUSD
        next.generation = header.draft.generation.value
        places[stream] = next
        gaps.append(Gap(stream: stream, record: gap))
    }

    /// The stream of a batch or gap, which must continue it.
    private func begin(_ header: RecordHeader) throws(Problem) -> (StreamID, Place) {
        let draft = header.draft
        guard let stream = numbers[draft.stream], let place = places[stream] else {
            throw Problem(
                invariant: .i6, text: "record \(header.ordinal) names stream \(draft.stream), which nothing bound")
        }
        guard draft.firstSequence.value == place.sequence + 1 else {
            throw Problem(
                invariant: .i6,
                text: "record \(header.ordinal) begins with event \(draft.firstSequence.value) behind \(place.sequence)"
            )
        }
        guard draft.chainBefore == place.chain else {
            throw Problem(invariant: .i7, text: "record \(header.ordinal) breaks the chain of its stream")
        }
        return (stream, place)
    }

    /// A checkpoint agrees with every record before it.
    private func check(_ record: CheckpointRecord) throws(Problem) {
        for entry in record.streams {
            guard let place = places[entry.stream] else {
                throw Problem(invariant: .i6, text: "a checkpoint names a stream that nothing bound")
            }
            guard place.sequence == entry.committed.value, place.chain == entry.chain,
                place.tokens == entry.totals.tokens, place.nanoUSD == entry.totals.reportedNanoUSD
            else { throw Problem(invariant: .i5, text: "a checkpoint disagrees with the records before it") }
        }
    }
}

/// Holds an encoder, which is not copied.
private final class EncoderBox {
    var encoder = BatchEncoder()
}
