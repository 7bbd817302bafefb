import TallyUsage

/// Which table answers which stretch of a report's period.
///
/// `session_rollup` has everything by quarter-hour; `rollup` has whole UTC hours without the session, and `hour_rollup`
/// of the dimensions only model and agent. A report that does not ask for sessions is answered by hours as far as each of
/// them lies in one of its days or hours, and by quarter-hours for the rest: the ends of the period, and, where a zone is
/// not whole hours from Greenwich, the hours in which its days begin. Each quarter-hour is answered exactly once.
struct UsagePiece: Hashable {
    enum Table: String, Hashable {
        case quarters = "session_rollup"
        case hours = "rollup"
        /// Without workstation, origin and project.
        case coarseHours = "hour_rollup"
    }

    var table: Table
    /// Of hours, whole ones: both ends are multiples of four.
    var quarters: Range<Int64>
    /// Seconds east of Greenwich.
    var offset: Int64

    /// What SQLite groups at once, it sorts: a few days of quarter-hours, or a month of the coarse hours, are sorted in
    /// memory, a year would go through a temporary file.
    private static let lengthMax: [Table: Int64] = [.quarters: 4 * 96, .hours: 12 * 96, .coarseHours: 32 * 96]
    private static let dayQuarters: Int64 = 96

    /// The pieces of one stretch of equal offset, in order.
    static func pieces(_ run: ZoneRuns.Run, of query: UsageQuery) -> [UsagePiece] {
        var pieces: [UsagePiece] = []
        func add(_ table: Table, _ quarters: Range<Int64>) {
            let length = lengthMax[table] ?? dayQuarters
            var start = quarters.lowerBound
            while start < quarters.upperBound {
                let end = min(start + length, quarters.upperBound)
                pieces.append(UsagePiece(table: table, quarters: start..<end, offset: run.offset))
                start = end
            }
        }
        let hourTable = table(ofHours: query)
        var start = run.quarters.lowerBound
        for cut in cuts(run, query) {
            let hours = whole(start..<cut.lowerBound)
            add(.quarters, start..<hours.lowerBound)
            add(hourTable ?? .quarters, hours)
            add(.quarters, hours.upperBound..<cut.upperBound)
            start = cut.upperBound
        }
        return pieces
    }

    /// The smallest table of hours that has what the query asks for; nil if none has.
    static func table(ofHours query: UsageQuery) -> Table? {
        guard !query.by.contains(.session) else { return nil }
        let isCoarse = query.by.allSatisfy { dimension in
            switch dimension {
            case .day, .hour, .model, .agent: true
            case .workstation, .project, .session, .origin: false
            }
        }
        return isCoarse && query.workstations == nil ? .coarseHours : .hours
    }

    /// Stretches that no hour may answer, in order; the last ends where the run ends, and may be empty.
    private static func cuts(_ run: ZoneRuns.Run, _ query: UsageQuery) -> [Range<Int64>] {
        let end = run.quarters.upperBound
        guard table(ofHours: query) != nil else { return [run.quarters] }
        // Local midnight is the first quarter-hour of its day; it lies `shift` quarter-hours before that of Greenwich.
        let shift = floored(run.offset, by: Quarter.seconds)
        let isCutting = query.by.contains(.day) || query.by.contains(.hour)
        guard isCutting, shift % HourSums.quarters != 0 else { return [end..<end] }
        // No local hour is a whole one of Greenwich.
        guard !query.by.contains(.hour) else { return [run.quarters] }
        var cuts: [Range<Int64>] = []
        var midnight = (floored(run.quarters.lowerBound + shift, by: dayQuarters) + 1) * dayQuarters - shift
        while midnight < end {
            let hour = floored(midnight, by: HourSums.quarters) * HourSums.quarters
            cuts.append(max(hour, run.quarters.lowerBound)..<min(hour + HourSums.quarters, end))
            midnight += dayQuarters
        }
        if cuts.last?.upperBound != end { cuts.append(end..<end) }
        return cuts
    }

    /// The whole hours in `quarters`; where there are none, an empty range within it.
    private static func whole(_ quarters: Range<Int64>) -> Range<Int64> {
        let size = HourSums.quarters
        let first = floored(quarters.lowerBound + size - 1, by: size) * size
        let end = floored(quarters.upperBound, by: size) * size
        return first < end ? first..<end : quarters.upperBound..<quarters.upperBound
    }

    private static func floored(_ value: Int64, by divisor: Int64) -> Int64 {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
