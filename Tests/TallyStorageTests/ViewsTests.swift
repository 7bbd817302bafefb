import Foundation
import GRDB
import TallyModel
import Testing

@testable import TallyStorage
@testable import TallyUsage

@Suite("Views")
struct ViewsTests {
    static func delta(after: UInt64?, through: UInt64, _ cells: [(RollupKey, RollupCounts)]) -> ViewsDelta {
        var delta = ViewsDelta(after: after.map { Sample.position($0) }, through: Sample.position(through))
        delta.cells = cells
        return delta
    }

    @Test("A delta applied again counts once")
    func idempotence() throws {
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        #expect(try views.position() == nil)
        let first = Self.delta(after: nil, through: 3, [(try Sample.key(), Sample.counts(events: 2))])
        #expect(try views.apply(first))
        #expect(try !views.apply(first))
        let second = Self.delta(after: 3, through: 5, [(try Sample.key(), Sample.counts(events: 5))])
        #expect(try views.apply(second))
        #expect(try !views.apply(second))
        #expect(try !views.apply(first), "the views contain that record already")
        #expect(try views.position() == Sample.position(5))
        let report = try ViewsReader(folder: folder.path).report(UsageQuery())
        #expect(report.totals.events == 7)
        #expect(report.totals.inputTokens == 70)
    }

    @Test("A delta that does not begin where the views stand is refused and changes nothing")
    func mismatch() throws {
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        let cells = [(try Sample.key(), Sample.counts())]
        #expect(throws: StorageError.positionMismatch(applied: nil, expected: Sample.position(1))) {
            try views.apply(Self.delta(after: 1, through: 2, cells))
        }
        #expect(try views.apply(Self.delta(after: nil, through: 2, cells)))
        #expect(throws: StorageError.positionMismatch(applied: Sample.position(2), expected: Sample.position(3))) {
            try views.apply(Self.delta(after: 3, through: 4, cells))
        }
        var foreign = Self.delta(after: nil, through: 9, cells)
        foreign.through = Sample.position(9, lineage: Bytes16(high: 1, low: 1))
        #expect(throws: StorageError.self) { try views.apply(foreign) }
        var forked = Self.delta(after: nil, through: 2, cells)
        forked.through.checksum ^= 1
        #expect(throws: StorageError.self) { try views.apply(forked) }
        #expect(try ViewsReader(folder: folder.path).report(UsageQuery()).totals.events == 1)
        #expect(try views.position() == Sample.position(2))
    }

    @Test("A transaction that fails keeps nothing, and the names it brought can come again")
    func failedTransaction() throws {
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        let tooMuch = Int128(Int64.max) * 1_000_000_000_000_000 * 2
        let bad = Self.delta(
            after: nil, through: 1,
            [
                (try Sample.key(model: "new-model", project: 4), Sample.counts()),
                (try Sample.key(), Sample.counts(femto: tooMuch)),
            ])
        #expect(throws: StorageError.amountTooLarge(file: "\(folder.path)/views.sqlite")) { try views.apply(bad) }
        #expect(try views.position() == nil)
        let good = Self.delta(
            after: nil, through: 1, [(try Sample.key(model: "new-model", project: 4), Sample.counts())])
        #expect(try views.apply(good))
        let report = try ViewsReader(folder: folder.path).report(UsageQuery(by: [.model, .project]))
        #expect(report.rows.map(\.keys) == [["new-model", try Sample.project(4).value.uuidText]])
    }

    @Test("A sum that no longer fits is refused, never bent")
    func sumTooLarge() throws {
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        var counts = Sample.counts()
        counts.reportedCostNanoUSD = .max - 5
        #expect(try views.apply(Self.delta(after: nil, through: 1, [(try Sample.key(), counts)])))
        counts.reportedCostNanoUSD = 6
        #expect(throws: StorageError.amountTooLarge(file: "\(folder.path)/views.sqlite")) {
            try views.apply(Self.delta(after: 1, through: 2, [(try Sample.key(), counts)]))
        }
        counts.reportedCostNanoUSD = 5
        #expect(try views.apply(Self.delta(after: 1, through: 2, [(try Sample.key(), counts)])))
        #expect(try ViewsReader(folder: folder.path).report(UsageQuery()).totals.reportedNanoUSD == Int128(Int64.max))
    }

    @Test("Money near 2⁶³ adds up exactly, in one cell and over many")
    func largeMoney() throws {
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        let usd: Int128 = 1_000_000_000_000_000
        // In one cell: halves that carry, up to the last dollar that fits.
        let half = Int128(Int64.max) * usd / 2
        var cells = [(try Sample.key(session: 1), Sample.counts(femto: half))]
        cells.append((try Sample.key(session: 1), Sample.counts(femto: half)))
        cells.append((try Sample.key(session: 1), Sample.counts(femto: usd - 1)))
        var exact = half + half + usd - 1
        // Over many: each as large as a cell can be, and each reported sum as well.
        for model in 0..<20 {
            var counts = Sample.counts(femto: Int128(Int64.max) * usd + usd - 1)
            counts.reportedCostNanoUSD = .max
            cells.append((try Sample.key(model: "m\(model)"), counts))
            exact += counts.cost.femtoUSD
        }
        // And below zero.
        cells.append((try Sample.key(model: "credit"), Sample.counts(femto: -1)))
        exact -= 1
        #expect(try views.apply(Self.delta(after: nil, through: 1, cells)))
        let reader = try ViewsReader(folder: folder.path)
        for by in [[UsageDimension.day], [.session], [.model, .day]] {
            let totals = try reader.report(UsageQuery(by: by)).totals
            #expect(totals.cost.femtoUSD == exact)
            #expect(totals.reportedNanoUSD == Int128(Int64.max) * 20)
        }
        let credit = try reader.report(UsageQuery(by: [.model])).rows.first { $0.keys == ["credit"] }
        #expect(credit?.sums.cost.femtoUSD == -1)
    }

    @Test("A reader sees one instant, however far the writer goes meanwhile, and then the next")
    func snapshot() throws {
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        let cells = [(try Sample.key(), Sample.counts())]
        #expect(try views.apply(Self.delta(after: nil, through: 1, cells)))
        let reader = try ViewsReader(folder: folder.path)
        let tenant = try #require(TenantName("demo"))
        try reader.read { snapshot in
            #expect(snapshot.position == Sample.position(1))
            #expect(try views.apply(Self.delta(after: 1, through: 2, cells)))
            try views.checkpoint()
            let report = try snapshot.report(UsageQuery(), tenant: tenant, workstations: [:])
            #expect(report.totals.events == 1)
        }
        try reader.read { snapshot in #expect(snapshot.position == Sample.position(2)) }
        #expect(try reader.report(UsageQuery()).totals.events == 2)
    }

    @Test("A reader's own errors pass through it unchanged")
    func readerErrors() throws {
        let folder = try TemporaryFolder()
        _ = try Views(folder: folder.path)
        let reader = try ViewsReader(folder: folder.path)
        #expect(throws: Sample.Unfit.self) { try reader.read { _ in throw Sample.Unfit() } }
    }

    @Test("Emptied views hold nothing and can be built again")
    func reset() throws {
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        let cells = [(try Sample.key(project: 3), Sample.counts())]
        #expect(try views.apply(Self.delta(after: nil, through: 1, cells)))
        try views.reset()
        #expect(try views.position() == nil)
        let reader = try ViewsReader(folder: folder.path)
        #expect(try reader.report(UsageQuery()).rows.isEmpty)
        #expect(try views.apply(Self.delta(after: nil, through: 8, cells)))
        #expect(try reader.report(UsageQuery(by: [.project, .session])).rows.count == 1)
    }

    @Test("What has expired goes by whole quarter-hours, the cut one stays")
    func expiry() throws {
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        let cells = try (0..<4).map { (try Sample.key(quarter: 100 + $0), Sample.counts(events: 1)) }
        #expect(try views.apply(Self.delta(after: nil, through: 1, cells)))
        try views.expire(cutoffMs: 102 * 900_000 - 1)
        let reader = try ViewsReader(folder: folder.path)
        #expect(try reader.report(UsageQuery()).totals.events == 3)
        try views.expire(cutoffMs: 102 * 900_000)
        #expect(try reader.report(UsageQuery(by: [.session])).totals.events == 2)
        try views.expire(cutoffMs: .min)
        #expect(try reader.report(UsageQuery()).totals.events == 2)
    }

    @Test("Streams, gaps and sessions come back as they were written")
    func rows() throws {
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        let stream = StreamID(Bytes16(high: 1, low: 2))
        var cursor = StreamRow(
            number: 7, stream: stream, workstation: WorkstationID(3), generation: Generation(4),
            committed: Sequence64(Limits.sequenceMax), chain: ChainValue(.max),
            totals: RunningTotals(tokens: UInt128(Limits.tenantTotalMax), reportedNanoUSD: 7), isClosed: false)
        var gap = GapRow(
            stream: stream, workstation: WorkstationID(3), first: Sequence64(5), last: Sequence64(9), reason: 2,
            events: 5, reportedNanoUSD: UInt64(Int64.max), receivedMs: 1)
        var delta = ViewsDelta(after: nil, through: Sample.position(1))
        delta.streams = [cursor]
        delta.gaps = [gap]
        #expect(try views.apply(delta))

        cursor.isClosed = true
        gap.first = Sequence64(20)
        gap.workstation = WorkstationID(4)
        delta = ViewsDelta(after: Sample.position(1), through: Sample.position(2))
        delta.streams = [cursor]
        delta.gaps = [gap, gap]
        #expect(try views.apply(delta))

        let reader = try ViewsReader(folder: folder.path)
        let (streams, all, one, none) = try reader.read { snapshot in
            (
                try snapshot.streams(), try snapshot.gapTotals(),
                try snapshot.gapTotals(workstations: [WorkstationID(4)]), try snapshot.gapTotals(workstations: [])
            )
        }
        #expect(streams == [cursor])
        #expect(all == GapTotals(events: 10, reportedNanoUSD: Int128(Int64.max) * 2))
        #expect(one.events == 5)
        #expect(none.events == 0)
    }

    @Test("A session is what its latest event says, from its first to its last")
    func sessions() throws {
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        var late = SessionSpan(
            session: try Sample.session(1), workstation: WorkstationID(2), agent: .codex,
            project: try Sample.project(5), firstMs: 500, lastMs: 900)
        late.state = .idle
        late.stateMs = 800
        late.endedMs = 900
        var early = SessionSpan(
            session: try Sample.session(1), workstation: WorkstationID(1), agent: .claudeCode, project: nil,
            firstMs: 100, lastMs: 600)
        early.startedMs = 100
        early.state = .working
        early.stateMs = 300
        var delta = ViewsDelta(after: nil, through: Sample.position(1))
        delta.sessions = [late, early]
        #expect(try views.apply(delta))
        let row = try DatabaseFile(reading: Views.path(in: folder.path), schema: .views).read { database in
            try Row.fetchOne(
                database,
                sql: """
                    SELECT workstation, agent, first_ms, last_ms, started_ms, ended_ms, state, state_ms FROM sessions
                    """
            ).map { row in try (0..<8).map { try row.int($0) } }
        }
        #expect(row == [2, 2, 100, 900, 100, 900, 4, 800])
    }

    @Test("A position in which a bit flipped is damage, and proves nothing about the ledger")
    func sealedPosition() throws {
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        #expect(try views.apply(ViewsDelta(after: nil, through: Sample.position(5))))
        #expect(try views.position() == Sample.position(5))
        let path = "\(folder.path)/\(Views.fileName)"
        for column in ["segment", "ordinal", "checksum", "seal"] {
            let flip = "UPDATE meta SET \(column) = (\(column) | 1024) - (\(column) & 1024)"
            try DatabaseQueue(path: path).writeWithoutTransaction { try $0.execute(sql: flip) }
            #expect(throws: StorageError.damaged(file: path), "\(column)") { try views.position() }
            try DatabaseQueue(path: path).writeWithoutTransaction { try $0.execute(sql: flip) }
        }
        #expect(try views.position() == Sample.position(5))
    }
}
