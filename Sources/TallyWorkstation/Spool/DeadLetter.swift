import TallyHash
package import TallyLog
package import TallyModel
import TallyWire

/// Events that the gateway refused for ever, still held: a person may look, and send them again when the gateway has
/// learnt better.
package struct DeadLetter: Hashable, Sendable {
    /// The stream's number in this spool and the first sequence: `2-1042`.
    package struct ID: Hashable, Sendable, CustomStringConvertible {
        package var number: UInt32
        package var first: Sequence64

        package init(number: UInt32, first: Sequence64) {
            self.number = number
            self.first = first
        }

        package init?(_ text: String) {
            let parts = text.split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 2, let number = UInt32(parts[0]), let first = UInt64(parts[1]) else { return nil }
            self.init(number: number, first: Sequence64(first))
        }

        package var description: String { "\(number)-\(first.value)" }
    }

    package var id: ID
    package var record: DeadLetterRecord
    package var atMs: Int64

    package var last: Sequence64 { Sequence64(record.first.value + UInt64(record.count) - 1) }

    /// What it holds, out of its canonical body.
    package func events() throws(WorkstationError) -> [Event] {
        var decoder = BatchDecoder(hashSeed: Random.uint64())
        var batch = Batch()
        do throws(BatchRefusal) {
            try decoder.decode(record.body.span, count: Int(record.count), into: &batch)
        } catch {
            throw .spoolDamaged(ordinal: record.first.value)
        }
        return (0..<batch.count).compactMap { batch.event(at: $0) }
    }
}

/// The dead letters of a spool, oldest first, at most `Limits.deadLetterBytesMax` of bodies: older ones are dropped.
///
/// A letter counts only with the gap that covers it: a crash between the two leaves the event to be sent again.
struct DeadLetters: Hashable, Sendable {
    private(set) var kept: [DeadLetter] = []
    private var pending: [DeadLetter] = []
    private var bytes = 0

    /// A letter that was just written; its gap follows.
    mutating func expect(_ letter: DeadLetter) {
        pending.removeAll { $0.id == letter.id }
        pending.append(letter)
    }

    /// The gap is there. Says how many events had to be dropped for want of room.
    mutating func settle(_ gap: GapRecord) -> UInt64 {
        let covered = pending.filter { $0.record.first >= gap.first && $0.record.first <= gap.last }
        pending.removeAll()
        return covered.reduce(0) { $0 + keep($1) }
    }

    /// A letter repeated at a segment's start.
    mutating func repeated(_ letter: DeadLetter) {
        if !kept.contains(where: { $0.id == letter.id }) { _ = keep(letter) }
    }

    mutating func remove(_ id: DeadLetter.ID) -> DeadLetter? {
        guard let place = kept.firstIndex(where: { $0.id == id }) else { return nil }
        bytes -= kept[place].record.body.count
        return kept.remove(at: place)
    }

    /// A new stream has taken the events behind `after` of stream `number`: they will be sent and judged again.
    mutating func renewed(_ number: UInt32, after: Sequence64) {
        for letter in kept where letter.id.number == number && letter.id.first > after { _ = remove(letter.id) }
    }

    private mutating func keep(_ letter: DeadLetter) -> UInt64 {
        kept.append(letter)
        bytes += letter.record.body.count
        var dropped: UInt64 = 0
        // One letter is far below the bound.
        while bytes > Limits.deadLetterBytesMax, let oldest = kept.first {
            dropped += UInt64(oldest.record.count)
            _ = remove(oldest.id)
        }
        return dropped
    }
}

extension Spool {
    /// Appends a dead letter's events once more at the end, in one record with the mark that this was done; after
    /// the next `sync` it is done for good, and a crash before leaves the letter as it was. Returns how many events,
    /// nil where there is no such letter.
    package func resend(_ id: DeadLetter.ID, nowMs: Int64) throws(WorkstationError) -> Int? {
        guard let letter = state.deadLetters.first(where: { $0.id == id }) else { return nil }
        let events = try letter.events()
        try append(events, delta: [], resent: id, nowMs: nowMs)
        state.noteResent(id)
        return events.count
    }
}
