/// The workstation's bounds; every one of them is told when it is reached.
extension Limits {
    /// Events of one spool record: at 300 bytes each, beside the largest source delta, they fit a log record.
    package static let spoolRecordEventsMax = 1_024
    package static let spoolSegmentBytes = 16 << 20
    /// Of the memory of all requests ever counted, some 40 bytes for each: six million of them.
    package static let spoolSnapshotBytesMax = 256 << 20
    /// A segment goes beyond its size where its snapshot is large, up to this.
    package static let spoolSegmentBytesMax = 2 * spoolSnapshotBytesMax
    /// A full spool stops reading sources: 512 MB, some tens of millions of events.
    package static let spoolSegmentsMax = 32
    /// Acknowledged segments are kept until the gateway has backed them up, at most so much and so long.
    package static let spoolKeptBytesMax = 64 << 20
    package static let spoolKeptMs: Int64 = 7 * 86_400_000
    /// Earlier streams that are remembered while their segments are kept: the oldest beyond it is not offered again.
    package static let keptStreamsMax = 64
    /// Gaps among the events that are held: beyond it the oldest acknowledged ones are forgotten.
    package static let spoolGapsMax = 16_384
    /// Bodies of dead letters that are kept, and written again at each segment's start.
    package static let deadLetterBytesMax = 4 << 20
    /// One sync for so much of a scan.
    package static let spoolUnsyncedBytesMax = 1 << 20
    /// Batches below this are merged with their neighbours while a backlog is sent.
    package static let mergeEventsMin = 256
    package static let mergeEventsMax = 1_024

    package static let dialTimeout: Duration = .seconds(15)
    /// What may wait for a gateway that does not read.
    package static let uplinkQueueBytesMax = 1 << 20
    /// A gateway that was heard within this time need not be asked whether it is there.
    package static let contactFresh: Duration = .seconds(10)
    /// Scans, waits and their progress are looked after so often.
    package static let engineTick: Duration = .milliseconds(200)
    package static let handshakeTimeout: Duration = .seconds(10)
    /// A held request that has not grown for so long is sent; what it grows later is a correction.
    package static let requestQuietMs: Int64 = 2_000
    /// A following workstation searches at most so often: changes within it are gathered.
    package static let followInterval: Duration = .seconds(1)
    /// It searches without being told of a change so often.
    package static let searchInterval: Duration = .seconds(30)
    /// Folders that are watched for changes, about 1 KB of the kernel's memory each; with more of them, it searches
    /// every `followInterval`.
    package static let watchedFoldersMax = 16_384
    /// A pause that ends by itself ends within a year.
    package static let pauseMsMax: Int64 = 366 * 86_400_000
    /// Folders that a person has ignored, and the bytes of a path; each has up to two lines in the file.
    package static let ignoredFoldersMax = 256
    package static let ignoredPathBytesMax = 4_096
    package static let ignoreBytesMax = ignoredFoldersMax * 2 * (ignoredPathBytesMax + 8) + 64
    package static let configBytesMax = 256 << 10
    package static let tokenBytesMax = 255
    /// Standard input that waits for the counter.
    package static let sendChunkBytes = 64 << 10
    package static let inspectEventsMax = 100_000
    package static let clientsMax = 16

    /// The OTLP receiver: connections at a time, and the body of an export as it is sent and unpacked.
    package static let otlpConnectionsMax = 64
    package static let otlpBodyBytesMax = 4 << 20
    package static let otlpUnpackedBytesMax = 16 << 20
    /// Bodies that are coming in, of all connections together.
    package static let otlpHeldBytesMax = 32 << 20
    /// Resources, scopes and records of one export together. Two bytes can be one: without a bound a few packed
    /// kilobytes are seconds of work. Exporters send some hundreds of records at once.
    package static let otlpPartsMax: UInt64 = 65_536
    /// Calls of one export, and of all exports that wait to be counted.
    package static let otlpCallsMax = 16_384
    package static let otlpWaitingCallsMax = 65_536
    /// A call waits so long for the transcripts to be read, which know its project.
    package static let otlpPatience: Duration = .seconds(2)
    /// A request must be whole, and its answer taken, within this.
    package static let otlpRequestTimeout: Duration = .seconds(15)
    /// A connection may rest so long between two requests: exporters of metrics come once a minute.
    package static let otlpIdleTimeout: Duration = .seconds(150)
    /// Sessions whose project is remembered for calls that name none.
    package static let projectSessionsMax = 4_096

    /// States of sessions. What a line tells counts as of a session that lives if it is not older than this.
    package static let stateLiveMs: Int64 = 5 * 60_000
    /// Sessions that are watched, those heard last; and signs of them between two turns of the engine.
    package static let statesSessionsMax = 256
    package static let stateSignsMax = 1_024
    /// Two events of one session are this far apart.
    package static let stateInterval: Duration = .seconds(5)
    /// A session that waits for a person is idle after this, and forgotten if nothing was heard of it for so long.
    package static let stateIdleMs: Int64 = 10 * 60_000
    package static let stateForgetMs: Int64 = 24 * 60 * 60_000
    /// Processes are looked for this often while an agent is at work, and while none is.
    package static let lookoutInterval: Duration = .seconds(2)
    package static let lookoutIdleInterval: Duration = .seconds(30)
    /// A process that was seen is gone when it has been missing for so long.
    package static let lookoutMissing: Duration = .seconds(4)
    /// What one look goes through at most: processes, those of agents among them, open files of each, records of the
    /// registry and the bytes of one.
    package static let lookoutProcessesMax = 8_192
    package static let lookoutAgentsMax = 128
    package static let lookoutFilesMax = 1_024
    package static let lookoutRecordsMax = 512
    package static let lookoutRecordBytesMax = 64 << 10
}
