package import TallyLog
import TallyModel
import TallyProtocol
package import TallyStorage
package import TallyWire

/// Finds what a tenant's other streams have counted of some sessions, by one pass over the ledger: for ADOPT, which a
/// workstation asks when it begins a stream.
///
/// Batches of the asking stream are passed over, and of the one before it what both are known to share; so the answer
/// stays the same while the asking stream is sent. Gaps and husks hold no events.
package struct AdoptionLookup: Sendable {
    let ledger: any LogDisk
    /// The last ordinal to read.
    let durable: UInt64
    /// The asking stream's number in this ledger, and that of the one before it.
    let number: UInt32
    let prior: UInt32?
    let question: Adopt

    package init(ledger: any LogDisk, durable: UInt64, number: UInt32, prior: UInt32?, question: Adopt) {
        self.ledger = ledger
        self.durable = durable
        self.number = number
        self.prior = prior
        self.question = question
    }

    /// The answer, or the end of the connection where the ledger cannot be read.
    package func news() -> LedgerNews {
        do throws(LedgerError) {
            return .adopted(try answer())
        } catch {
            return .ended(.storage, reconnectMs: Limits.storageRetry.wholeMilliseconds)
        }
    }

    /// The frames of the answer. Memory is that of one answer, however long the ledger is.
    package func answer() throws(LedgerError) -> [Adopted] {
        var answer = AdoptionAnswer(question)
        let sessions = Set(question.sessions.map(\.value))
        var replay = try LedgerReplay(disk: ledger, from: nil, through: durable)
        while let record = try replay.next(decoding: { isOfInterest($0.draft) }) {
            guard record.draft.kind == .batch, replay.isDecoded else { continue }
            let wanted = replay.batch.sessions.map { sessions.contains($0) }
            guard wanted.contains(true) else { continue }
            for row in 0..<replay.batch.count where wanted[replay.batch.sessionIndex(row)] {
                guard answer.wants(timeMs: replay.batch.timeMs(row)), isOthers(record.draft, row: row),
                    let event = replay.batch.event(at: row)
                else { continue }
                answer.add(event)
            }
        }
        return answer.frames()
    }

    private func isOfInterest(_ draft: RecordDraft) -> Bool {
        draft.stream != number && draft.highestTimeMs >= question.fromMs
            && isOthers(draft, row: Int(draft.count) - 1)
    }

    private func isOthers(_ draft: RecordDraft, row: Int) -> Bool {
        draft.stream != prior || draft.firstSequence.value + UInt64(max(row, 0)) > question.priorThrough.value
    }
}
