/// What a database file is: its mark, its version and how one is made.
struct DatabaseSchema: Sendable {
    /// `PRAGMA application_id`: tells our files from other programs'.
    let applicationID: Int64
    /// `PRAGMA user_version`. A higher one in a file means that a newer program wrote it.
    let version: Int64
    let synchronous: Synchronous
    /// Whether the file can be made again from others. One of an earlier version is then not brought forward, but
    /// reported, and its owner begins it anew.
    let isDerived: Bool
    /// Makes an empty file into one of `version`.
    let statements: String
    /// What brings a file of version n to n + 1, at n - 1; none for a derived file.
    var steps: [String] = []

    /// SQLite's numbers for `PRAGMA synchronous`.
    enum Synchronous: Int64, Sendable {
        /// Durable up to the last checkpoint: for what can be derived again.
        case normal = 1
        /// Durable at every commit.
        case full = 2
    }
}
