import TallyModel
import Testing

/// The bounds stand in relation to one another; whoever changes one meets the others here.
@Suite("Limits")
struct LimitsTests {
    @Test("A largest batch fits into a frame, and a frame into the send and receive buffers")
    func frames() {
        // Type and flags, 40 bytes of header, the body.
        #expect(2 + 40 + Limits.batchRawBytesMax <= Limits.frameBytesMax)
        #expect(Limits.helloFrameBytesMax < Limits.frameBytesMax)
        #expect(Limits.sendQueueBytesMax >= 2 * Limits.frameBytesMax)
        // A whole answer to ADOPT waits there beside other frames.
        #expect(Limits.sendQueueBytesMax >= (Limits.adoptionFramesMax + 1) * (4 + Limits.frameBytesMax) - 4_096)
        #expect(Limits.adoptionWindowEventsMax >= Limits.batchEventsMax * Limits.adoptionFramesMax)
        #expect(Limits.adoptionToldMax >= Limits.adoptionWindowEventsMax)
    }

    @Test("The credit admits at least one largest batch")
    func credit() {
        #expect(Int(Limits.creditEvents) >= Limits.batchEventsMax)
        #expect(Int(Limits.creditBytes) >= Limits.batchRawBytesMax)
    }

    @Test("A record holds a largest batch, and a segment many records")
    func records() {
        #expect(Limits.recordBytesMax > Limits.batchRawBytesMax + 1_024)
        #expect(Limits.segmentBytesMax >= 16 * Limits.recordBytesMax)
        #expect(Limits.viewsFoldBytesMax >= Limits.recordBytesMax)
    }

    @Test("No control total of a batch and no sum of a tenant can overflow 64 bits")
    func totals() {
        let rows = UInt64(Limits.batchEventsMax)
        #expect(!rows.multipliedReportingOverflow(by: 6 * UInt64(Limits.tokensMax)).overflow)
        #expect(!rows.multipliedReportingOverflow(by: Limits.reportedCostNanoUSDMax).overflow)
        #expect(Limits.tenantTotalMax <= UInt64(Int64.max))
    }

    @Test("The gateway's drain leaves room within the ten seconds that SIGTERM is given")
    func drain() {
        #expect(Limits.drainTimeout < .seconds(10))
        #expect(Limits.helloTimeout < Limits.idleTimeout)
    }

    @Test("A pause ends above where it begins, and is looked after while it lasts")
    func pause() {
        #expect(Limits.diskPausePercent < Limits.diskResumePercent && Limits.diskResumePercent < 100)
        #expect(Limits.diskPausedInterval < Limits.idleTimeout)
        #expect(Limits.storageRetry < Limits.askedDelayMax)
        #expect(Limits.openingRetry <= Limits.storageRetry)
        #expect(Limits.clockAgreementMs < Limits.clockAheadMsMax)
    }
}
