/// Every bound of the protocol and the programs, with its relation to the others asserted in the tests
/// (`LimitsTests`). A number that limits something and stands elsewhere is a mistake; those that an operator may move
/// stand in `AbuseLimits`.
package enum Limits {
    // MARK: Schema 1

    package static let labelBytesMax = 64
    /// Milliseconds; the column keeps 0 for "absent".
    package static let timeMsMin: Int64 = 1
    package static let timeMsMax: Int64 = 1 << 43 - 1
    package static let tokensMax: UInt32 = 1_000_000_000
    package static let durationMsMax: UInt32 = 86_400_000
    package static let reportedCostNanoUSDMax: UInt64 = 10_000_000_000_000

    // MARK: Frames and batches

    /// Type and flags and body, after authentication.
    package static let frameBytesMax = 65_600
    /// The same before a HELLO has been accepted.
    package static let helloFrameBytesMax = 1_024
    package static let batchEventsMax = 4_096
    /// A batch body before compression.
    package static let batchRawBytesMax = 65_536
    package static let skipGroupsMax = 8
    package static let sequenceMax: UInt64 = 1 << 56 - 1
    /// A tenant's running total of tokens, and of reported nano-USD: no sum in a view can overflow below it.
    package static let tenantTotalMax: UInt64 = 1 << 62
    /// One workstation's part of it, so that none can use up what all share; $18 million.
    package static let workstationTotalMax: UInt64 = 1 << 54
    /// Events that one workstation may give up.
    package static let workstationGapEventsMax: UInt64 = 1 << 48

    // MARK: Connection

    package static let helloTimeout: Duration = .seconds(5)
    package static let idleTimeout: Duration = .seconds(120)
    /// From a frame's first byte to its last: the largest may come with 3.3 KB a second.
    package static let frameTimeout: Duration = .seconds(20)
    package static let pingIntervalMin: Duration = .seconds(1)
    /// The window above committed that a workstation may fill.
    package static let creditEvents: UInt32 = 65_536
    package static let creditBytes: UInt32 = 1 << 20
    package static let connectionsMax = 19_000
    /// Descriptors that connections leave for files, or a quarter of all where that is less.
    package static let descriptorsKept = 512
    /// Batches of one connection that may be refused at once before it ends, and how soon one more may be. Halving down
    /// to one poisoned event takes twelve.
    package static let refusedBatchesMax = 64
    package static let refusedBatchInterval: Duration = .seconds(1)
    package static let shardsMax = 64
    /// What may wait for a workstation that does not read.
    package static let sendQueueBytesMax = 256 << 10

    /// Labels and sessions that are remembered, so that they are not new again: of one tenant, and of all.
    package static let newcomersPerTenantMax = 262_144
    package static let newcomersMax = 2_097_152
    /// How long at least: a model is used again within a day, a session is at work within an hour.
    package static let labelMemory: Duration = .seconds(86_400)
    package static let sessionMemory: Duration = .seconds(3_600)

    // MARK: Sessions

    /// From HELLO to WELCOME, at the gateway: the credential looked up, the barrier of a takeover waited for.
    package static let claimTimeout: Duration = .seconds(30)
    /// How long a gateway that shuts down waits for what it has accepted to be committed.
    package static let drainTimeout: Duration = .seconds(8)
    package static let pingBurst = 5
    /// A workstation that has heard nothing for so long asks, …
    package static let pingIdle: Duration = .seconds(30)
    /// … and gives the connection up after so long without any frame.
    package static let silenceMax: Duration = .seconds(90)
    /// PROBEs a connection; finding a common prefix takes at most one per bit of a sequence.
    package static let probesMax = 128
    package static let adoptionRequestsMax = 1_024
    /// ADOPTED frames of one answer: together below `sendQueueBytesMax`.
    package static let adoptionFramesMax = 3
    /// Events that are put in question at once.
    package static let adoptionWindowEventsMax = 65_536
    /// Counted events that one window keeps to compare with.
    package static let adoptionToldMax = 4 * adoptionWindowEventsMax
    /// Stretches of events that one cut takes out, and events that it changes.
    package static let adoptionDropsMax = 65_536
    /// How much later than its request a correction is looked for, and how far apart copies of one call may begin.
    package static let adoptionGrowthMs: Int64 = 600_000
    /// Corrections of one request that are added up to find which are its own.
    package static let adoptionGrowthsMax = 16
    /// Counted calls with one prompt among which that of another time is looked for.
    package static let adoptionNearMax = 16
    /// SKIPs that are not yet committed; they spend no credit, so they have a bound of their own.
    package static let skipsInFlightMax = 64
    /// BATCHes that a workstation sends ahead of their ACK.
    package static let batchesInFlightMax = 1_024
    /// A workstation sends no further batch into less room than this while others are in flight.
    package static let sendRoomBytesMin: UInt32 = 4_096
    /// A workstation that has batches in flight gives up a connection on which nothing is committed so long.
    package static let ackStallMax: Duration = .seconds(120)
    package static let welcomeTimeout: Duration = .seconds(60)
    /// What a gateway asks a workstation to wait, with each of these answers.
    package static let busyRetry: Duration = .seconds(2)
    package static let storageRetry: Duration = .seconds(5)
    package static let clockUnsureRetry: Duration = .seconds(30)
    package static let sessionLimitRetry: Duration = .seconds(10)
    package static let unauthenticatedReconnect: Duration = .seconds(60)
    /// After more refusals than `refusedBatchesMax`.
    package static let refusalsReconnect: Duration = .seconds(60)
    package static let supersededReconnect: Duration = .seconds(5)
    package static let revokedReconnect: Duration = .seconds(300)
    package static let shutdownReconnect: Duration = .seconds(1)
    /// The longest wait that a peer's `retry_ms` or `reconnect_ms` can ask for.
    package static let askedDelayMax: Duration = .seconds(3_600)
    /// Retryable REJECTs in a row, without any progress, after which the connection is made anew.
    package static let retriesPerConnectionMax = 16
    /// How far the two clocks may differ for a workstation to obey TOO_OLD.
    package static let clockAgreementMs: Int64 = 120_000
    /// One workstation can have its tenant's store epoch raised once in so long.
    package static let epochRaiseInterval: Duration = .seconds(600)
    /// How far the time of day may run ahead of the last time that was believed, elapsed time allowed for.
    package static let clockAheadMsMax: Int64 = 86_400_000
    /// Two takeovers within this time say that two copies of a spool may run.
    package static let supersededWindow: Duration = .seconds(600)

    // MARK: Time

    /// An event further ahead of the gateway's clock counts at its receive time, flagged.
    package static let aheadMsMax: Int64 = 600_000

    // MARK: Log

    package static let segmentBytesMax = 64 << 20
    package static let recordBytesMax = 1 << 20
    /// How far a segment may grow beyond `segmentBytesMax` before its owner rolls it; offsets are 32-bit.
    package static let segmentSlackBytesMax = 64 << 20
    /// Zeros written ahead of the records, so that a sync of data alone keeps them.
    package static let segmentPreallocationBytes = 256 << 10
    /// Records appended and not yet handed to the kernel.
    package static let logBufferBytesMax = 4 << 20
    /// Of a segment that begins, so much is held before it is written, and one record more.
    package static let segmentBirthBytesMax = 512 << 10
    /// Unsynced bytes of one rewrite.
    package static let rewriteDirtyBytesMax = 8 << 20

    // MARK: TLS, and lines of the log

    /// TLS messages of a peer after its handshake, such as new keys. OpenSSL's own side sends none by itself.
    package static let lateMessagesMax = 256
    /// Lines of a kind that strangers can cause, within `logInterval`; the rest is counted and told in one line.
    package static let logLinesOfStrangersMax = 20
    /// The same for lines that need an enrolled workstation.
    package static let logLinesOfWorkstationsMax = 1_000
    package static let logInterval: Duration = .seconds(10)

    // MARK: Disk

    /// Below so much free space nobody has credit, …
    package static let diskPausePercent: UInt64 = 5
    /// … until more than so much is free.
    package static let diskResumePercent: UInt64 = 6
    /// How often the free space is asked for while batches come, …
    package static let diskCheckInterval: Duration = .seconds(1)
    /// … and while nobody has credit, so that it resumes by itself.
    package static let diskPausedInterval: Duration = .seconds(2)
    /// A tenant that could not be opened for want of room or the like is tried again after so long.
    package static let openingRetry: Duration = .seconds(3)

    // MARK: Views

    /// Bodies that are read from a ledger for one transaction of its views.
    package static let viewsFoldBytesMax = 64 << 20
    /// Views move when so much of one tenant waits, …
    package static let viewsBytesDue = 512 << 20
    /// … and otherwise so long after the first of it: longer, up to the second figure, where moving takes long, so that it
    /// takes a fortieth of the time.
    package static let viewsGather: Duration = .seconds(2)
    package static let viewsGatherMax: Duration = .seconds(15)
    package static let viewsGatherFactor = 40
    /// A report that would have to read more records behind the views has them moved first, and waits so long for it.
    package static let viewsTailRecordsMax: UInt64 = 1_024
    package static let viewsTailWait: Duration = .seconds(1)
    /// The views' write-ahead log is emptied when it is larger.
    package static let viewsLogBytesMax = 4 << 20
    /// Views that could not be moved are tried again after so long, twice as long each time, …
    package static let viewsRetryFirst: Duration = .seconds(1)
    /// … and at least this often.
    package static let viewsRetryMax: Duration = .seconds(60)

    // MARK: Tenants and storage

    package static let tenantNameBytesMax = 63
    package static let workstationLabelScalarsMax = 64
    package static let tenantsMax = 100_000
    package static let retentionDaysFree = 30
    package static let retentionDaysPro = 365
    package static let retentionDaysMax = 36_500
    /// How long a database connection waits for another before it gives up.
    package static let databaseBusyTimeout: Duration = .seconds(5)
    /// Rows of one usage report; a request that would give more is told to narrow itself.
    package static let reportRowsMax = 500_000
    package static let auditRowsReadMax = 10_000
    /// `tallygate sessions`: those that are shown and read at most, how far back, and after which silence one is stuck unless
    /// the operator says otherwise.
    package static let sessionsShownMax = 1_000
    package static let sessionsReadMax = 10_000
    package static let sessionsDaysMax = 90
    package static let sessionStuckMinutes = 30
    /// Quarter-hours before a session's latest event in which its latest call is looked for.
    package static let sessionQuartersMax = 96
    /// Rows about the data folder itself; older ones go.
    package static let auditRowsOfGatewayMax = 10_000
    /// Audit rows of refused content that one tenant's workstations can cause in an hour, and all tenants together.
    package static let contentRowsPerTenantHourMax = 256
    package static let contentRowsPerHourMax = 65_536
}
