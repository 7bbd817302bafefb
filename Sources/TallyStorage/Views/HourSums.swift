import GRDB
import TallyModel
import TallySQLite

/// What a delta adds to the rollups by hours: to `rollup`, which has all dimensions but the session, and to `hour_rollup`,
/// which has model and agent alone, so that the reports that ask for no more read a hundredth of the rows.
///
/// The cells of a delta are added up here first, for several share a row of the one and a few hundred a row of the other.
struct HourSums {
    struct Key: Hashable, Comparable {
        let hour: Int64
        let workstation: Int64
        let agent: Int64
        let model: Int64
        let origin: Int64
        let project: Int64

        /// The order of `rollup`'s key.
        static func < (left: Key, right: Key) -> Bool {
            if left.hour != right.hour { return left.hour < right.hour }
            if left.workstation != right.workstation { return left.workstation < right.workstation }
            if left.agent != right.agent { return left.agent < right.agent }
            if left.model != right.model { return left.model < right.model }
            return left.origin != right.origin ? left.origin < right.origin : left.project < right.project
        }

        /// Two words instead of six, which are different for all keys whose numbers are small; others are compared.
        func hash(into hasher: inout Hasher) {
            hasher.combine(hour)
            hasher.combine(others)
        }

        private var others: Int64 { workstation ^ project << 24 ^ model << 48 ^ origin << 58 ^ agent << 60 }

        /// Different for most keys of one delta.
        fileprivate var word: UInt64 { UInt64(bitPattern: others &+ hour &* 0x5851_f42d_4c95_7f2d) }

        /// The same without what `hour_rollup` does not have.
        fileprivate var coarse: Key {
            Key(hour: hour, workstation: 0, agent: agent, model: model, origin: 0, project: 0)
        }
    }

    static let quarters: Int64 = 4
    /// The keys of both tables, and how their sources have them.
    static let key = "hour, workstation, agent, model, origin, project"
    static let keyOfQuarters = "quarter >> 2, workstation, agent, model, origin, project"
    static let coarseKey = "hour, agent, model"

    private static let upsert = RollupColumns.upsert("rollup", key: key)
    private static let upsertCoarse = RollupColumns.upsert("hour_rollup", key: coarseKey)

    private var places: [Key: Int] = [:]
    private var keys: [Key] = []
    /// The sums of each key, one behind the other.
    private var sums: [Int64] = []
    private var recent: RecentPlaces

    /// For the sums of about `count` cells.
    init(for count: Int) { recent = RecentPlaces(for: count) }

    /// Adds the sums that begin at `start` of `values`.
    mutating func add(_ key: Key, _ values: [Int64], at start: Int) throws {
        let word = key.word
        let guess = recent[word]
        if guess < keys.count, keys[guess] == key {
            return try RollupColumns.add(values, at: start, to: &sums, at: guess * RollupColumns.count)
        }
        let known = places[key]
        recent[word] = known ?? keys.count
        if let known {
            return try RollupColumns.add(values, at: start, to: &sums, at: known * RollupColumns.count)
        }
        places[key] = keys.count
        keys.append(key)
        for column in 0..<RollupColumns.count { sums.append(values[start + column]) }
    }

    /// Writes what was added to both tables, in the order of their keys.
    func write(_ database: Database) throws {
        var coarse = HourSums(for: keys.count)
        var rows: [Int64] = []
        rows.reserveCapacity(keys.count * (6 + RollupColumns.count))
        for place in order {
            let key = keys[place]
            for part in [key.hour, key.workstation, key.agent, key.model, key.origin, key.project] { rows.append(part) }
            append(place, to: &rows)
            try coarse.add(key.coarse, sums, at: place * RollupColumns.count)
        }
        try database.run(HourSums.upsert, rows: rows, width: 6 + RollupColumns.count)
        rows.removeAll(keepingCapacity: true)
        for place in coarse.order {
            let key = coarse.keys[place]
            for part in [key.hour, key.agent, key.model] { rows.append(part) }
            coarse.append(place, to: &rows)
        }
        try database.run(HourSums.upsertCoarse, rows: rows, width: 3 + RollupColumns.count)
    }

    private var order: [Int] { keys.indices.sorted { keys[$0] < keys[$1] } }

    private func append(_ place: Int, to rows: inout [Int64]) {
        for column in 0..<RollupColumns.count { rows.append(sums[place * RollupColumns.count + column]) }
    }

    /// Drops what belongs to quarter-hours before `quarter`; of an hour that is cut, the rest is added up anew from the
    /// quarter-hours, of which those are gone already.
    static func expire(before quarter: Int64, _ database: Database) throws {
        try database.run("DELETE FROM rollup WHERE hour <= ?", [quarter >> 2])
        try database.run("DELETE FROM hour_rollup WHERE hour <= ?", [quarter >> 2])
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT \(keyOfQuarters), \(RollupColumns.sumExpressions.joined(separator: ", ")) FROM session_rollup
                WHERE quarter >= ? AND quarter < ? GROUP BY 1, 2, 3, 4, 5, 6
                """,
            arguments: [quarter, ((quarter >> 2) + 1) * quarters])
        var rest = HourSums(for: rows.count)
        for row in rows {
            let key = Key(
                hour: try row.int(0), workstation: try row.int(1), agent: try row.int(2), model: try row.int(3),
                origin: try row.int(4), project: try row.int(5))
            try rest.add(key, try RollupColumns.values(RollupColumns.sums(row, from: 6)), at: 0)
        }
        try rest.write(database)
    }
}
