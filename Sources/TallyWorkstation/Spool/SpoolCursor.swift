package import TallyLog
package import TallyModel
import TallyWire

/// One batch as it stands in the spool.
package struct SpoolPart: Hashable, Sendable {
    package var first: Sequence64
    package var count: Int
    /// The canonical body.
    package var raw: [UInt8]

    package var last: Sequence64 { Sequence64(first.value + UInt64(count) - 1) }
}

/// Reads a spool's batches in order from some event on. Follows a spool that grows.
package struct SpoolCursor {
    /// The next event to be read.
    package private(set) var next: Sequence64
    private var reader: LogReader
    private var pending: [SpoolPart] = []

    /// Begins at the batch that holds `sequence`. Precondition: the spool holds it, or it is the next to come.
    package init(_ disk: any LogDisk, _ state: SpoolState, from sequence: Sequence64) throws(WorkstationError) {
        next = sequence
        let entry = state.index.last { $0.first <= sequence }
        do throws(LogError) { reader = try LogReader(on: disk, from: entry?.behind) } catch { throw .log(error) }
    }

    /// The batch that holds the next event, whole; nil behind the last.
    package mutating func advance(_ state: SpoolState) throws(WorkstationError) -> SpoolPart? {
        while pending.isEmpty {
            guard next <= state.tip.sequence else { return nil }
            guard let header = try nextRecord() else { throw .spoolDamaged(ordinal: reader.position.ordinal + 1) }
            let draft = header.draft
            guard draft.kind == .batch, draft.stream == state.number,
                draft.generation.value == state.generation(of: next), draft.firstSequence <= next,
                draft.firstSequence.value + UInt64(draft.count) > next.value
            else { continue }
            try take(header)
        }
        let part = pending.removeFirst()
        next = part.last.advanced(by: 1)
        return part
    }

    /// What the reader holds of the file may be older than its newest record; after saying that it has no more it
    /// reads the file anew.
    private mutating func nextRecord() throws(WorkstationError) -> RecordHeader? {
        do throws(LogError) {
            if let header = try reader.next() { return header }
            return try reader.next()
        } catch {
            throw .log(error)
        }
    }

    private mutating func take(_ header: RecordHeader) throws(WorkstationError) {
        let (body, local) = reader.content()
        let section = try SpoolLocal(decoding: local.span, header: header, withDelta: false)
        var first = header.draft.firstSequence
        var offset = 0
        for part in section.parts {
            let piece = SpoolPart(
                first: first, count: part.count, raw: Array(body[offset..<offset + part.bytes]))
            if piece.last >= next { pending.append(piece) }
            first = first.advanced(by: UInt64(part.count))
            offset += part.bytes
        }
    }
}
