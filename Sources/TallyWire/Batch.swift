package import TallyModel

/// The rows of one batch as columns, in storage that is kept for the next batch.
///
/// ```
/// bytes   kind agent origin speed tier region outcome state billing      one UInt8 a row
/// shorts  session project model                                          one index a row, 0 = absent
/// words   columns 12 to 21 and 24                                        one encoded value a row
/// longs   time_ms reported_cost_nano_usd                                 one encoded value a row
/// ```
/// Each column takes `capacity` places, one column after another. Index i of `sessions`, `projects` and `models`
/// is entry i of the batch's dictionary; entry 0 is the absent value. Nullable counts hold value + 1.
///
/// Invariants: `count <= capacity <= Limits.batchEventsMax`; every index is below its dictionary's count.
package struct Batch: Sendable {
    package internal(set) var count = 0
    package internal(set) var capacity = 0
    /// Columns in which some row holds more than the default, and columns whose rows are not all equal.
    package internal(set) var present: UInt64 = 0
    package internal(set) var varying: UInt64 = 0
    /// Present columns in which some row holds the default.
    var sparse: UInt64 = 0

    package internal(set) var bytes: [UInt8] = []
    package internal(set) var shorts: [UInt16] = []
    package internal(set) var words: [UInt32] = []
    package internal(set) var longs: [UInt64] = []

    package internal(set) var sessions: [Bytes16] = [Bytes16(high: 0, low: 0)]
    package internal(set) var projects: [Bytes16] = [Bytes16(high: 0, low: 0)]
    package internal(set) var models: [Label?] = [nil]
    /// XXH3-64 of each label's bytes, as the chain takes them.
    package internal(set) var modelHashes: [UInt64] = [0]

    /// What the leading rows of a column already hold since an earlier batch, so that a constant column that
    /// recurs costs nothing. By column id.
    var filledValues = [UInt64](repeating: 0, count: 26)
    var filledRows = [Int](repeating: 0, count: 26)
    /// Columns that hold the default in all their places.
    var blank: UInt64 = 0
    static let allColumns: UInt64 = 0x3ff_fffe

    package init() {}

    package func has(_ column: ColumnID) -> Bool { present & Batch.bit(column) != 0 }
    package func varies(_ column: ColumnID) -> Bool { varying & Batch.bit(column) != 0 }

    @inline(__always)
    static func bit(_ column: ColumnID) -> UInt64 { 1 << UInt64(column.rawValue) }

    /// Empties the batch and makes room for `rows` rows.
    mutating func reset(rows: Int) {
        count = 0
        present = 0
        varying = 0
        sparse = 0
        sessions.removeLast(sessions.count - 1)
        projects.removeLast(projects.count - 1)
        models.removeLast(models.count - 1)
        modelHashes.removeLast(modelHashes.count - 1)
        if rows > capacity { grow(rows) }
    }

    /// Empties the batch and overwrites what its rows left.
    package mutating func wipe() {
        reset(rows: 0)
        bytes.overwrite()
        shorts.overwrite()
        words.overwrite()
        longs.overwrite()
        modelHashes.overwrite()
        Batch.overwrite(&sessions)
        Batch.overwrite(&projects)
        fillWithDefaults()
    }

    private static func overwrite(_ entries: inout [Bytes16]) {
        let count = entries.count
        for index in entries.indices { entries[index] = Bytes16(high: 0, low: 0) }
        let spare = entries.capacity - count
        entries.append(contentsOf: [Bytes16](repeating: Bytes16(high: 0, low: 0), count: spare))
        entries.removeLast(spare)
    }

    private mutating func grow(_ rows: Int) {
        precondition(rows <= Limits.batchEventsMax, "a batch has at most \(Limits.batchEventsMax) events")
        var larger = max(capacity, 64)
        while larger < rows { larger *= 2 }
        capacity = larger
        bytes = [UInt8](repeating: 0, count: larger * Slot.byteColumns)
        shorts = [UInt16](repeating: 0, count: larger * Slot.shortColumns)
        words = [UInt32](repeating: 0, count: larger * Slot.wordColumns)
        longs = [UInt64](repeating: 0, count: larger * Slot.longColumns)
        fillWithDefaults()
    }

    /// Every place of every column is 0.
    private mutating func fillWithDefaults() {
        blank = Batch.allColumns
        for id in filledRows.indices {
            filledValues[id] = 0
            filledRows[id] = capacity
        }
    }
}

/// Where a column stands within its array.
package enum Slot {
    static let byteColumns = 9
    static let shortColumns = 3
    static let wordColumns = 11
    static let longColumns = 2

    package static let time = 0
    package static let cost = 1

    /// The ids of the columns of each width but the indices, as bits.
    static let byteIDs: UInt64 = 0x280_0fa2
    static let wordIDs: UInt64 = 0x13f_f000
    static let longIDs: UInt64 = 0x040_0004

    private static let indices: [Int] = [
        0, 0, time, 0, 1, 1, 2, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, cost, 7, 10, 8,
    ]

    /// The same as `of` for an id as a number.
    @inline(__always)
    static func index(_ id: Int) -> Int { indices[id] }

    package enum Kind: Hashable, Sendable { case byte, short, word, long }

    @inline(__always)
    package static func of(_ column: ColumnID) -> (kind: Kind, index: Int) {
        switch column {
        case .kind: (.byte, 0)
        case .agent: (.byte, 1)
        case .origin: (.byte, 2)
        case .speed: (.byte, 3)
        case .tier: (.byte, 4)
        case .region: (.byte, 5)
        case .outcome: (.byte, 6)
        case .state: (.byte, 7)
        case .billing: (.byte, 8)
        case .session: (.short, 0)
        case .project: (.short, 1)
        case .model: (.short, 2)
        case .inputTokens, .cacheReadTokens, .cacheWrite5mTokens, .cacheWrite1hTokens, .cacheWriteUnknownTokens,
            .outputTokens, .reasoningTokens, .webSearches, .toolCalls, .durationMs:
            (.word, Int(column.rawValue) - 12)
        case .contextTokens: (.word, 10)
        case .timeMs: (.long, time)
        case .reportedCostNanoUSD: (.long, cost)
        }
    }
}
