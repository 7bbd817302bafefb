import TallyHash
import TallyModel
import TallyPricing
import TallyRollup
import TallyUsage
import TallyWorkstation

/// Reads all transcripts of this machine from their beginning with the workstation's own code, and adds up what they tell
/// as a gateway would: parsers, counter, aggregator and price book are those of the two programs.
///
/// Nothing is written and no state is read, so it disturbs no `tally run`. It holds one row of 32 bytes for each request
/// that it counted, as the workstation does, and sums; never events for longer than one drain.
struct LocalScan<Folders: FolderSource & ProjectFiles> {
    /// What a report may count, by local days since 1970.
    let days: ClosedRange<Int64>
    let zone: UsageZone

    private let book: PriceBook
    private var scan: TranscriptScan<NamingHash, Folders>
    private var counter = Counter()
    private var aggregator: Aggregator
    private(set) var fold: UsageFold
    /// One machine has one number.
    private let workstation = WorkstationID(1)

    init(
        _ homes: SourceHomes, _ folders: Folders, ignored: IgnoredFolders = .none, hash: NamingHash, book: PriceBook,
        by: [UsageDimension], zone: UsageZone, days: ClosedRange<Int64>
    ) {
        self.days = days
        self.zone = zone
        self.book = book
        scan = TranscriptScan(hash: hash, homes: homes, folders: folders, ignored: ignored)
        aggregator = Aggregator(book: book, hashKey: HashKey(first: Random.uint64(), second: Random.uint64()))
        fold = UsageFold(by: by, zone: zone)
    }

    var problems: ScanProblems { scan.problems }
    /// Folders that the search came upon.
    var foldersSeen: Int { scan.folders.count }
    var tallies: [SourceTally] { SourceKind.allCases.map { counter.tally(of: $0) } }

    /// Reads everything. `nowMs` is the time of day: what lies in the future counts as a gateway would have it.
    mutating func run(nowMs: Int64, _ progress: (UInt64, UInt64) -> Void) throws(UsageError) {
        scan.begin(counter)
        var isDone = false
        while !isDone {
            if case .done = scan.advance(&counter, nowMs: nowMs) { isDone = true }
            try take(nowMs)
            progress(scan.bytesRead, scan.bytesToRead)
        }
        // What is held may still grow; it counts as far as it has come, as in `tally sync`.
        while counter.heldCount > 0 {
            counter.settle(nowMs: nowMs, quietMs: nil)
            try take(nowMs)
        }
        try empty()
    }

    private mutating func take(_ nowMs: Int64) throws(UsageError) {
        for event in counter.drain().events {
            let time = EffectiveTime(timeMs: event.timeMs, receivedMs: nowMs, offsetMs: 0)
            aggregator.add(event, workstation: workstation, effectiveMs: time.ms)
        }
        if aggregator.isFull { try empty() }
    }

    /// From cells to the report's groups, those outside the period left out.
    private mutating func empty() throws(UsageError) {
        let (days, zone) = (days, zone)
        let cells = aggregator.drain().cells.lazy.filter { cell in
            let offset = zone.offset(cell.key.quarter * (Limits.quarterMs / 1_000))
            return days.contains(LocalTime.day(quarter: cell.key.quarter, offset: offset))
        }
        try fold.add(cells.map { ($0.key, $0.counts) })
    }
}
