import TallyModel

@testable import TallyStorage
@testable import TallyUsage

/// Seeded numbers (SplitMix64): the same seed gives the same test.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

/// Small valid things for tests.
enum Sample {
    static let lineage = Bytes16(high: 7, low: 9)

    static func position(_ ordinal: UInt64, lineage: Bytes16 = lineage) -> LedgerPosition {
        LedgerPosition(lineage: lineage, segment: 1, ordinal: ordinal, checksum: ordinal &* 0x9e37_79b9_7f4a_7c15)
    }

    static func label(_ text: String) throws -> Label {
        guard let label = Label(text) else { throw Unfit() }
        return label
    }

    static func session(_ number: UInt64) throws -> SessionID {
        guard let session = SessionID(Bytes16(high: 0xaaaa, low: number)) else { throw Unfit() }
        return session
    }

    static func project(_ number: UInt64) throws -> ProjectID {
        guard let project = ProjectID(Bytes16(high: 0xbbbb, low: number)) else { throw Unfit() }
        return project
    }

    static func key(
        quarter: Int64 = 2_000_000, workstation: UInt64 = 1, model: String = "claude-sonnet-4-5", session: UInt64 = 1,
        project: UInt64? = nil
    ) throws -> RollupKey {
        RollupKey(
            quarter: quarter, workstation: WorkstationID(workstation), agent: .claudeCode, model: try label(model),
            origin: .main, project: try project.map { try Sample.project($0) }, session: try Sample.session(session))
    }

    static func counts(events: Int64 = 1, femto: Int128 = 0, timeMs: Int64 = 2_000_000 * 900_000) -> RollupCounts {
        var counts = RollupCounts()
        counts.events = events
        counts.inputTokens = 10 * events
        counts.cost = Money(femtoUSD: femto)
        counts.firstMs = timeMs
        counts.lastMs = timeMs
        return counts
    }

    struct Unfit: Error {}
}

extension ViewsReader {
    func report(
        _ query: UsageQuery, workstations: [WorkstationID: WorkstationLabel] = [:],
        extra: [(RollupKey, RollupCounts)] = []
    ) throws -> UsageReport {
        guard let tenant = TenantName("demo") else { throw Sample.Unfit() }
        return try read { snapshot in
            try snapshot.report(query, tenant: tenant, workstations: workstations, extra: extra)
        }
    }
}
