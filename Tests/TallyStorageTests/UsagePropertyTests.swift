import Foundation
import GRDB
import TallyModel
import TestEffort
import Testing

@testable import TallyStorage
@testable import TallyUsage

/// Reports against a plain computation over single events, which knows nothing of views, plans or runs.
@Suite("Reports, by seed")
struct UsagePropertyTests {
    struct Sent {
        let timeMs: Int64
        let key: RollupKey
        let counts: RollupCounts
    }

    static let zones = [
        "UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns",
        "Pacific/Apia",
    ]
    /// Around clock changes: Berlin, New York, Lord Howe and Samoa's missing day.
    static let instants: [Int64] = [1_774_746_000, 1_792_890_000, 1_793_512_800, 1_775_314_800, 1_325_239_200]

    @Test(
        "A report over views and tail equals the sum of the events themselves",
        arguments: 1...Effort.of(40) as ClosedRange<UInt64>)
    func reportsAreExact(seed: UInt64) throws {
        print("UsagePropertyTests seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let labels = try Self.labels()
        let events = try Self.events(count: 300, &random)
        let applied = Int.random(in: 0...events.count, using: &random)
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        try Self.apply(events[..<applied], to: views, &random)
        let reader = try ViewsReader(folder: folder.path)
        for _ in 0..<12 {
            let query = try Self.query(near: events, &random)
            let plan = query.plan()
            let inPeriod = events.filter { Self.isInside($0.timeMs, query) }
            // What the caller folds: the tail, and of the applied part what lies in the cut edges.
            let tail = events[applied...].filter { Self.isInside($0.timeMs, query) }
            let edges = events[..<applied].filter { event in plan.edges.contains { $0.contains(event.timeMs) } }
            let extra = (tail + edges).map { ($0.key, $0.counts) }
            let report = try reader.report(query, workstations: labels, extra: extra)

            let expected = try Self.naive(inPeriod.filter { query.admits($0.key) }, query, labels)
            #expect(Dictionary(uniqueKeysWithValues: report.rows.map { ($0.keys, $0.sums) }) == expected)
            var totals = UsageSums()
            for sums in expected.values { try totals.add(sums) }
            #expect(report.totals == totals)
            for (left, right) in zip(report.rows, report.rows.dropFirst()) {
                #expect(UsageRow.precedes(left.keys, right.keys))
            }
            // As JSON a stranger can read it.
            let json = try JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any]
            #expect((json?["rows"] as? [Any])?.count == report.rows.count)
        }
    }

    @Test("The views give back every cell as it was folded", arguments: 1...10 as ClosedRange<UInt64>)
    func cellsComeBack(seed: UInt64) throws {
        print("UsagePropertyTests cells seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let events = try Self.events(count: 200, &random)
        let folder = try TemporaryFolder()
        let views = try Views(folder: folder.path)
        try Self.apply(events[...], to: views, &random)
        var expected: [RollupKey: RollupCounts] = [:]
        for event in events where !event.counts.isEmpty { expected[event.key, default: RollupCounts()] += event.counts }
        let reader = try ViewsReader(folder: folder.path)
        var held: [RollupKey: RollupCounts] = [:]
        let agree = try reader.read { snapshot in
            try snapshot.forEachCell { key, counts in held[key] = counts }
            return try snapshot.tablesAgree()
        }
        #expect(held == expected)
        #expect(agree)
        let file = try DatabaseFile(writing: Views.path(in: folder.path), schema: .views)
        for table in ["session_rollup", "rollup", "hour_rollup"] {
            try file.write { try $0.execute(sql: "UPDATE \(table) SET cost_femto = cost_femto + 1 WHERE agent = 1") }
            #expect(try !reader.read { try $0.tablesAgree() })
            try file.write { try $0.execute(sql: "UPDATE \(table) SET cost_femto = cost_femto - 1 WHERE agent = 1") }
            #expect(try reader.read { try $0.tablesAgree() })
        }
    }

    @Test("A period's plan takes every instant exactly once", arguments: 1...200 as ClosedRange<UInt64>)
    func plans(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let base: Int64 = 900_000 * 1_000
        let since = base + Int64.random(in: -3...3, using: &random) * [1, 450_000, 900_000][Int(seed % 3)]
        let until = since + Int64.random(in: -2...2_700_003, using: &random)
        let plan = UsageQuery(sinceMs: since, untilMs: until).plan()
        var instants: Set<Int64> = [since - 1, since, since + 1, until - 1, until, until + 1]
        for quarter in Int64(990)...1_010 { for step in Int64(-1)...1 { instants.insert(quarter * 900_000 + step) } }
        for instant in instants {
            let parts =
                plan.edges.filter { $0.contains(instant) }.count
                + (plan.whole.contains(instant / 900_000) ? 1 : 0)
            #expect(parts == (instant >= since && instant < until ? 1 : 0), "seed \(seed), instant \(instant)")
        }
        #expect(plan.edges.count <= 2)
        #expect(plan.edges.allSatisfy { $0.count < 900_000 })
    }

    @Test("A period without ends is all that the wire can name, one that ends first is nothing")
    func extremePlans() {
        let all = UsageQuery().plan()
        #expect(all.whole.contains(0) && all.whole.contains(Limits.timeMsMax / 900_000))
        #expect(all.edges.isEmpty)
        #expect(UsageQuery(sinceMs: .min, untilMs: .max).plan() == all)
        for (since, until) in [(10, 5), (Int64.max, Int64.min), (Int64.max, Int64.max), (5, 5), (-10, -5)] {
            #expect(UsageQuery(sinceMs: since, untilMs: until).plan() == UsagePlan(whole: 0..<0, edges: []))
        }
    }

    // MARK: Random things

    static func labels() throws -> [WorkstationID: WorkstationLabel] {
        // Two numbers of one label: revoked and enrolled again.
        let texts = [1: "laptop", 2: "tower", 3: "laptop"]
        return try Dictionary(
            uniqueKeysWithValues: texts.map { number, text in
                (WorkstationID(UInt64(number)), try #require(WorkstationLabel(text)))
            })
    }

    static func events(count: Int, _ random: inout SeededGenerator) throws -> [Sent] {
        let models = try ["claude-opus-4-5", "gpt-5.1-codex", "unlisted"].map { try Sample.label($0) }
        let instant = (instants.randomElement(using: &random) ?? 0) * 1_000
        return try (0..<count).map { _ in
            let spread: Int64 = Bool.random(using: &random) ? 7_200_000 : 180_000_000
            let timeMs = instant + Int64.random(in: -spread...spread, using: &random)
            let key = RollupKey(
                quarter: timeMs / 900_000, workstation: WorkstationID(UInt64.random(in: 1...4, using: &random)),
                agent: Agent.allCases.randomElement(using: &random) ?? .other,
                model: models.randomElement(using: &random) ?? .unlisted,
                origin: Origin.allCases.randomElement(using: &random) ?? .main,
                project: Bool.random(using: &random) ? nil : try Sample.project(.random(in: 1...3, using: &random)),
                session: try Sample.session(.random(in: 1...9, using: &random)))
            return Sent(timeMs: timeMs, key: key, counts: counts(timeMs, &random))
        }
    }

    /// Of every size; 300 of them stay below the caps.
    static func counts(_ timeMs: Int64, _ random: inout SeededGenerator) -> RollupCounts {
        func number() -> Int64 { Int64(bitPattern: random.next() >> UInt64.random(in: 12...64, using: &random)) }
        var counts = RollupCounts()
        counts.events = Int64.random(in: 0...1, using: &random)
        counts.inputTokens = number()
        counts.cacheReadTokens = number()
        counts.cacheWrite5mTokens = number()
        counts.cacheWrite1hTokens = number()
        counts.cacheWriteUnknownTokens = number()
        counts.outputTokens = number()
        counts.reasoningTokens = number()
        counts.webSearches = number()
        counts.toolCalls = number()
        counts.reportedCostNanoUSD = number()
        counts.unpricedEvents = Int64.random(in: 0...1, using: &random)
        let femto = Int128(random.next()) << 40 | Int128(random.next() >> 24)
        let size = femto >> Int128.random(in: 0...104, using: &random)
        counts.cost = Money(femtoUSD: random.next() % 8 == 0 ? -size : size)
        counts.subscriptionCost = Money(femtoUSD: random.next() % 4 == 0 ? 0 : size / 3)
        counts.firstMs = timeMs
        counts.lastMs = timeMs
        return counts
    }

    static func apply(_ events: ArraySlice<Sent>, to views: Views, _ random: inout SeededGenerator) throws {
        var after: LedgerPosition?
        var rest = events
        var ordinal: UInt64 = 0
        while !rest.isEmpty {
            let part = rest.prefix(Int.random(in: 1...120, using: &random))
            rest = rest.dropFirst(part.count)
            ordinal += 1
            var delta = ViewsDelta(after: after, through: Sample.position(ordinal))
            // Half the time gathered by key, as the aggregator does, else one cell an event.
            if Bool.random(using: &random) {
                delta.cells = part.map { ($0.key, $0.counts) }
            } else {
                var cells: [RollupKey: RollupCounts] = [:]
                for event in part { cells[event.key, default: RollupCounts()] += event.counts }
                delta.cells = Array(cells)
            }
            #expect(try views.apply(delta))
            after = delta.through
        }
    }

    static func query(near events: [Sent], _ random: inout SeededGenerator) throws -> UsageQuery {
        let by = Array(UsageDimension.allCases.shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random)))
        var query = UsageQuery(by: by)
        query.timeZone = try UsageQuery.timeZone(named: zones.randomElement(using: &random) ?? "UTC")
        if Bool.random(using: &random) { query.sinceMs = events.randomElement(using: &random)?.timeMs }
        if Bool.random(using: &random) { query.untilMs = events.randomElement(using: &random)?.timeMs }
        if random.next() % 4 == 0 { query.model = events.randomElement(using: &random)?.key.model }
        if random.next() % 8 == 0 { query.model = try Sample.label("never-seen") }
        if random.next() % 4 == 0 {
            query.workstations = Set((1...3).filter { _ in Bool.random(using: &random) }.map { WorkstationID($0) })
        }
        return query
    }

    // MARK: The plain computation

    static func isInside(_ timeMs: Int64, _ query: UsageQuery) -> Bool {
        timeMs >= query.sinceMs ?? .min && timeMs < query.untilMs ?? .max
    }

    static func naive(
        _ events: [Sent], _ query: UsageQuery, _ labels: [WorkstationID: WorkstationLabel]
    ) throws -> [[String?]: UsageSums] {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = query.timeZone
        var groups: [[String?]: UsageSums] = [:]
        for event in events where !event.counts.isEmpty {
            let start = Date(timeIntervalSince1970: Double(event.timeMs / 900_000 * 900))
            let parts = calendar.dateComponents([.year, .month, .day, .hour], from: start)
            let day = String(format: "%04d-%02d-%02d", parts.year ?? 0, parts.month ?? 0, parts.day ?? 0)
            let east = query.timeZone.secondsFromGMT(for: start) / 60
            let zone =
                query.timeZone == .gmt
                ? "Z" : String(format: "%@%02d:%02d", east < 0 ? "-" : "+", abs(east) / 60, abs(east) % 60)
            let keys: [String?] = query.by.map { dimension in
                switch dimension {
                case .day: day
                case .hour: String(format: "%@T%02d:00:00%@", day, parts.hour ?? 0, zone)
                case .model: event.key.model.text
                case .agent: event.key.agent.name
                case .workstation: labels[event.key.workstation]?.text ?? "#\(event.key.workstation.value)"
                case .project: event.key.project?.value.uuidText
                case .session: event.key.session.value.uuidText
                case .origin: event.key.origin.name
                }
            }
            try groups[keys, default: UsageSums()].add(UsageSums(event.counts))
        }
        return groups
    }
}
