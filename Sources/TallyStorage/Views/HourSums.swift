import GRDB
import TallyModel

/// What a delta adds to `hour_rollup`: the rollup once more by whole UTC hours, without workstation, origin and
/// project, so that the reports that ask for none of these read a hundredth of the rows.
///
/// The cells of a delta are added up here first, for a few hundred of them share one row. In 128 bits: cells may each
/// stand at the end of their type, and only what a column holds is judged.
struct HourSums {
    struct Key: Hashable, Comparable {
        let hour: Int64
        let model: Int64
        let agent: Int64

        /// The order of the table's key.
        static func < (left: Key, right: Key) -> Bool {
            (left.hour, left.model, left.agent) < (right.hour, right.model, right.agent)
        }
    }

    static let quarters: Int64 = 4
    /// The key of `hour_rollup` as `rollup` has it.
    static let keyOfQuarters = "quarter >> 2, model, agent"
    static let key = "hour, model, agent"

    private static let upsert = RollupColumns.upsert("hour_rollup", key: ["hour", "model", "agent"])

    private var sums: [Key: UsageSums] = [:]

    /// Adds a cell whose model has the dictionary's number `model`.
    mutating func add(_ key: RollupKey, model: Int64, _ counts: RollupCounts) throws {
        let place = Key(hour: key.quarter >> 2, model: model, agent: Int64(key.agent.rawValue))
        try sums[place, default: UsageSums()].add(UsageSums(counts))
    }

    /// Writes and forgets what was added, in the order of the table.
    mutating func write(_ database: Database) throws {
        let statement = try database.cachedStatement(sql: HourSums.upsert)
        for (key, sums) in sums.sorted(by: { $0.key < $1.key }) {
            let values = try [key.hour, key.model, key.agent] + RollupColumns.values(sums)
            try statement.execute(arguments: HourSums.arguments(values))
        }
        sums.removeAll(keepingCapacity: true)
    }

    /// Drops what belongs to quarter-hours before `quarter`; of an hour that is cut, the rest is added up anew from
    /// `rollup`, from which they are gone already.
    static func expire(before quarter: Int64, _ database: Database) throws {
        try database.run("DELETE FROM hour_rollup WHERE hour <= ?", [quarter >> 2])
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT \(keyOfQuarters), \(RollupColumns.sumExpressions.joined(separator: ", ")) FROM rollup
                WHERE quarter >= ? AND quarter < ? GROUP BY 1, 2, 3
                """,
            arguments: [quarter, ((quarter >> 2) + 1) * quarters])
        let statement = try database.cachedStatement(sql: upsert)
        for row in rows {
            let place = try (0..<3).map { try row.int($0) }
            let values = try RollupColumns.values(RollupColumns.sums(row, from: 3))
            try statement.execute(arguments: HourSums.arguments(place + values))
        }
    }

    /// The library turns a sequence of one type into arguments through a key path, which is slower by far; of mixed
    /// values it does not.
    private static func arguments(_ values: [Int64]) -> StatementArguments {
        StatementArguments(values.map { $0 as (any DatabaseValueConvertible)? })
    }
}
