import GRDB

/// The SQLite that this program runs with, for `doctor`.
package enum SQLiteLibrary {
    /// 3.40.1 is 3,040,001.
    private static var number: Int { Int(Database.sqliteLibVersionNumber) }

    package static var version: String { "\(number / 1_000_000).\(number / 1_000 % 1_000).\(number % 1_000)" }

    /// Up to 3.51.2, two connections of which both write or checkpoint can corrupt a database. It does not
    /// touch us, since one connection does both; it would touch another program that opens our files.
    package static var corruptsWithTwoWriters: Bool { corruptsWithTwoWriters(number: number) }

    static func corruptsWithTwoWriters(number: Int) -> Bool { (3_007_000...3_051_002).contains(number) }

    /// STRICT tables and `iif` need this; older ones cannot open our files.
    package static var isNewEnough: Bool { number >= 3_037_000 }
}
