import CrashDisk
import TallyLog
import TallyModel
import TallyPricing
import TallyStorage
import TestDisk
import Testing

@Suite("Records that a ledger refuses")
struct RefusedRecordTests {
    @Test("A stream, a gap or an epoch that finds no room leaves the ledger as it was, and can come again")
    func refused() throws {
        var options = LogOptions()
        // Room for some fifty records; nobody rolls in time.
        options.segmentBytes = 8_000
        options.segmentBytesHard = 9_000
        options.preallocationBytes = 512
        var ledger = try TenantLedger(
            tenant: try LedgerOnDisk.tenant(5), disk: LyingDisk(seed: 5), book: LedgerOnDisk.books.current.id.value,
            viewsThrough: 0, nowMs: LedgerOnDisk.nowMs, options: options)
        var refusals = 0
        for number in 1...400 as ClosedRange<UInt64> {
            let before = (ledger.state.streams, ledger.state.nextNumber, ledger.epoch, ledger.appended)
            do throws(LedgerError) {
                switch number % 3 {
                case 0: try ledger.raiseEpochWithoutRoll(number)
                case 1:
                    _ = try ledger.openStream(
                        StreamID(Bytes16(high: 9, low: number)), workstation: WorkstationID(number),
                        nowMs: LedgerOnDisk.nowMs)
                default: try ledger.changeStream(1, .closed, isClosed: true, nowMs: LedgerOnDisk.nowMs)
                }
                continue
            } catch {
                #expect(error == .log(.segmentFull))
            }
            refusals += 1
            #expect(ledger.state.streams == before.0 && ledger.state.nextNumber == before.1)
            #expect(ledger.epoch == before.2 && ledger.appended == before.3)
            #expect(ledger.state.stream(StreamID(Bytes16(high: 9, low: number))) == nil)
            ledger.state.checkInvariants()
            guard refusals == 9 else { continue }
            try ledger.rollIfDue(nowMs: LedgerOnDisk.nowMs)
            let stream = try ledger.openStream(
                StreamID(Bytes16(high: 9, low: number)), workstation: WorkstationID(number), nowMs: LedgerOnDisk.nowMs)
            #expect(stream.number == before.1)
            return
        }
        Issue.record("the segment never became full")
    }
}

extension TenantLedger {
    /// The record of a new epoch alone.
    fileprivate mutating func raiseEpochWithoutRoll(_ number: UInt64) throws(LedgerError) {
        let record = EpochRecord(
            .restored, epoch: StoreEpoch(number), before: epoch, atMs: LedgerOnDisk.nowMs,
            restoredThrough: appended.ordinal)
        try append(RecordDraft(.epoch, receivedAtMs: LedgerOnDisk.nowMs), body: record.encode(), of: 0)
    }
}
