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

    @Test("What an operator may move stands within its range by default, and ranges let honest workstations live")
    func movable() {
        for bound in AbuseLimits.Bound.allCases {
            #expect(bound.range.contains(bound.usual), "\(bound.rawValue)")
            #expect(AbuseLimits()[bound] == bound.usual)
        }
        // Who has nothing to say pings within it, and a network may be slow.
        #expect(Duration.seconds(AbuseLimits.Bound.idleSeconds.range.lowerBound) >= Limits.pingIdle * 2)
        #expect(Limits.frameTimeout < Limits.idleTimeout && Limits.frameTimeout < Limits.silenceMax)
        #expect(AbuseLimits()[.bufferedMiBPerTenant] <= AbuseLimits()[.bufferedMiB])
        #expect(AbuseLimits()[.connectionsPerTenant] < AbuseLimits()[.connections], "no tenant has all of them")
        #expect(AbuseLimits()[.newSessionsPerHour] > Limits.batchEventsMax)
        #expect(Limits.newcomersPerTenantMax < Limits.newcomersMax)
        // 256 workstations at their bound, and no fewer, make up a tenant's.
        #expect(Limits.tenantTotalMax / Limits.workstationTotalMax == 256)
        #expect(Limits.workstationGapEventsMax <= Limits.sequenceMax)
    }

    @Test("A bound that was moved is moved, and no other")
    func moved() {
        var limits = AbuseLimits()
        limits[.frameSeconds] = 7
        #expect(limits[.frameSeconds] == 7 && limits[.idleSeconds] == 120)
        #expect(limits.patience == Patience(helloMs: 5_000, idleMs: 120_000, frameMs: 7_000))
        #expect(limits != AbuseLimits() && AbuseLimits().patience == .usual)
    }
}
