import Foundation
import GRDB
import TallyModel
import TestEffort
import Testing

@testable import TallyStorage
@testable import TallyUsage

/// The hours of the views: never anything but the sums of their quarter-hours, and read only where they are exact.
@Suite("Hours and quarter-hours")
struct HourTests {
    static let zones = UsagePropertyTests.zones + ["Asia/Kolkata", "Africa/Monrovia", "Pacific/Chatham"]
    static let dimensions: [UsageDimension] = [.day, .hour, .model, .agent, .workstation, .project, .origin]
    /// A filter that lets every workstation of these tests pass: the coarse hours know no workstations.
    static let everyone = Set((1...4).map { WorkstationID($0) })

    @Test(
        "A report out of hours equals the same report out of quarter-hours, whatever its period and zone",
        arguments: 1...Effort.of(40) as ClosedRange<UInt64>)
    func reportsAgree(seed: UInt64) throws {
        print("HourTests seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let events = try Self.events(&random)
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        try UsagePropertyTests.apply(events[...], to: views, &random)
        let reader = try ViewsReader(folder: folder.path)
        for _ in 0..<20 {
            var query = try Self.query(near: events, &random)
            let hours = try reader.report(query)
            let fine = try Self.byQuarters(query, reader)
            #expect(
                try Self.sums(hours.rows, keys: query.by.count) == fine, "\(query.by) in \(query.timeZone.identifier)")
            query.workstations = Self.everyone
            #expect(try reader.report(query).rows == hours.rows, "\(query.by) in \(query.timeZone.identifier)")
        }
        #expect(try reader.read { try $0.tablesAgree() })
    }

    @Test(
        "Each quarter-hour of a period is answered once, and an hour only where it lies in one local day or hour",
        arguments: 1...Effort.of(200) as ClosedRange<UInt64>)
    func pieces(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let start = Int64.random(in: 0...2_000_000, using: &random)
        let quarters = start..<start + Int64.random(in: 1...20_000, using: &random)
        let seconds: [Int64] = [0, 3_600, 19_800, 20_700, -12_600, -36_000, -2_670, 2_669, 899, -1]
        let run = ZoneRuns.Run(quarters: quarters, offset: seconds.randomElement(using: &random) ?? 0)
        let by = try #require(Self.dimensions.shuffled(using: &random).first)
        let query = UsageQuery(by: [by, .model].uniqued)
        let hours: UsagePiece.Table = [.workstation, .project, .origin].contains(by) ? .hours : .coarseHours
        let pieces = UsagePiece.pieces(run, of: query)
        var next = quarters.lowerBound
        for piece in pieces {
            #expect(piece.quarters.lowerBound == next && !piece.quarters.isEmpty && piece.offset == run.offset)
            next = piece.quarters.upperBound
            guard piece.table != .quarters else { continue }
            #expect(piece.table == hours)
            #expect(piece.quarters.lowerBound % 4 == 0 && piece.quarters.upperBound % 4 == 0)
            for hour in stride(from: piece.quarters.lowerBound, to: piece.quarters.upperBound, by: 4) {
                let days = Set((hour..<hour + 4).map { LocalTime.day(quarter: $0, offset: run.offset) })
                let hours = Set((hour..<hour + 4).map { LocalTime.hour(quarter: $0, offset: run.offset) })
                #expect(by != .day || days.count == 1, "seed \(seed)")
                #expect(by != .hour || hours.count == 1, "seed \(seed)")
            }
        }
        #expect(next == quarters.upperBound, "seed \(seed)")
    }

    @Test("Whole days of a zone that is whole hours from Greenwich are read by hours alone, other zones' almost")
    func piecesByHours() {
        let days = Int64(20_000) * 96..<Int64(20_090) * 96
        func quarterHours(_ offset: Int64, _ by: [UsageDimension], workstations: Set<WorkstationID>? = nil) -> Int {
            let query = UsageQuery(by: by, workstations: workstations)
            let shifted = days.lowerBound - offset / 900..<days.upperBound - offset / 900
            return UsagePiece.pieces(ZoneRuns.Run(quarters: shifted, offset: offset), of: query)
                .filter { $0.table == .quarters }.reduce(0) { $0 + $1.quarters.count }
        }
        #expect(quarterHours(0, [.day, .model]) == 0)
        #expect(quarterHours(-18_000, [.hour, .agent]) == 0)
        // Half an hour on either side of 91 midnights, the first and the last with one side only.
        #expect(quarterHours(19_800, [.day, .model]) == 90 * 4)
        #expect(quarterHours(19_800, [.hour]) == 90 * 96)
        #expect(quarterHours(0, [.day, .project]) == 0)
        #expect(quarterHours(19_800, [.day, .origin, .workstation]) == 90 * 4)
        #expect(quarterHours(0, [.day], workstations: Self.everyone) == 0)
        #expect(quarterHours(0, [.day, .session]) == 90 * 96)
    }

    @Test("Expiry cuts an hour where it cuts its quarter-hours", arguments: 0...9)
    func expiry(quarter: Int) throws {
        var random = SeededGenerator(seed: UInt64(quarter))
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        var delta = ViewsDelta(after: nil, through: Sample.position(1))
        delta.cells = try (0..<8).flatMap { number in
            try [(0, 1), (1, 2), (0, 3)].map { workstation, model in
                let key = try Sample.key(quarter: 100 + Int64(number), workstation: UInt64(workstation + 1))
                return (key, UsagePropertyTests.counts((100 + Int64(number)) * 900_000 + Int64(model), &random))
            }
        }
        #expect(try views.apply(delta))
        try views.expire(cutoffMs: Int64(100 + quarter) * 900_000)
        let reader = try ViewsReader(folder: folder.path)
        #expect(try reader.read { try $0.tablesAgree() })
        var query = UsageQuery(by: [.hour, .model])
        let coarse = try reader.report(query)
        #expect(try Self.sums(coarse.rows, keys: 2) == Self.byQuarters(query, reader))
        query.workstations = Self.everyone
        #expect(try coarse.rows == reader.report(query).rows)
    }

    @Test("A changed hour is found, in whatever column")
    func changedHour() throws {
        var random = SeededGenerator(seed: 1)
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        try UsagePropertyTests.apply(try UsagePropertyTests.events(count: 50, &random)[...], to: views, &random)
        let reader = try ViewsReader(folder: folder.path)
        let file = try DatabaseFile(writing: Views.path(in: folder.path), schema: .views)
        let one = "WHERE (hour, model, agent) = (SELECT hour, model, agent FROM hour_rollup LIMIT 1)"
        for column in ["hour", "events", "tool_calls", "reported_nano", "cost_usd", "cost_femto", "first_ms"] {
            try file.write { try $0.execute(sql: "UPDATE hour_rollup SET \(column) = \(column) - 1 \(one)") }
            #expect(try !reader.read { try $0.tablesAgree() }, "\(column)")
            try file.write { try $0.execute(sql: "UPDATE hour_rollup SET \(column) = \(column) + 1 \(one)") }
            #expect(try reader.read { try $0.tablesAgree() }, "\(column)")
        }
        try file.write { try $0.execute(sql: "DELETE FROM hour_rollup \(one)") }
        #expect(try !reader.read { try $0.tablesAgree() })
    }

    /// The same report out of quarter-hours: by session, which no hour knows, and added up here.
    private static func byQuarters(_ query: UsageQuery, _ reader: ViewsReader) throws -> [[String?]: UsageSums] {
        var fine = UsageQuery(by: query.by + [.session])
        fine.timeZone = query.timeZone
        (fine.sinceMs, fine.untilMs, fine.model) = (query.sinceMs, query.untilMs, query.model)
        return try sums(reader.report(fine).rows, keys: query.by.count)
    }

    private static func sums(_ rows: [UsageRow], keys: Int) throws -> [[String?]: UsageSums] {
        try rows.reduce(into: [:]) { sums, row in
            try sums[Array(row.keys.prefix(keys)), default: UsageSums()].add(row.sums)
        }
    }

    // MARK: Random things

    /// Around clock changes, and in 1971, when Liberia's clocks were 44 minutes and 30 seconds behind.
    private static func events(_ random: inout SeededGenerator) throws -> [UsagePropertyTests.Sent] {
        let events = try UsagePropertyTests.events(count: 300, &random)
        guard Bool.random(using: &random) else { return events }
        return events.map { event in
            let timeMs = 47_000_000_000 + event.timeMs % 200_000_000
            var key = event.key
            key.quarter = timeMs / 900_000
            var counts = event.counts
            counts.firstMs = timeMs
            counts.lastMs = timeMs
            return UsagePropertyTests.Sent(timeMs: timeMs, key: key, counts: counts)
        }
    }

    private static func query(
        near events: [UsagePropertyTests.Sent], _ random: inout SeededGenerator
    ) throws -> UsageQuery {
        let by = dimensions.shuffled(using: &random).prefix(Int.random(in: 1...4, using: &random))
        var query = UsageQuery(by: Array(by))
        query.timeZone = try UsageQuery.timeZone(named: zones.randomElement(using: &random) ?? "UTC")
        if Bool.random(using: &random) { query.sinceMs = events.randomElement(using: &random)?.timeMs }
        if Bool.random(using: &random) { query.untilMs = events.randomElement(using: &random)?.timeMs }
        if random.next() % 4 == 0 { query.model = events.randomElement(using: &random)?.key.model }
        return query
    }
}

extension [UsageDimension] {
    /// Each once, in the order of its first.
    fileprivate var uniqued: [UsageDimension] {
        reduce(into: []) { list, dimension in if !list.contains(dimension) { list.append(dimension) } }
    }
}
