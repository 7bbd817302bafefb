/// What has been sent of every request ever counted: the memory that makes counting exactly once.
///
/// Rows in blocks (`RequestRows`, 32 bytes each) and an index of row numbers over the hash of the message; that hash is
/// keyed, so nobody outside can aim at one slot. Never forgets: a resumed session may copy a request months later. For a
/// million requests 40 MB, and for telemetry, which names no message, 12 MB more (`RequestChains`): they are made when it
/// first asks, so that a home of transcripts alone pays nothing for it.
///
/// What it answers is told by its rows alone, however they came: one by one, by deltas or by a snapshot.
/// Invariant: `chains` stands for all rows, and is there if any row is a call's.
struct RequestTable: Sendable {
    typealias Row = RequestRows.Row

    static let rowsMax = 1 << 28

    private(set) var rows = RequestRows()
    private var index = NumberIndex()
    private var chains: RequestChains?

    /// Telemetry has been asked about, or has told of a call.
    var isChained: Bool { chains != nil }

    /// The first row of `message` that `isSame` accepts.
    func find(_ message: UInt64, _ isSame: (RequestRows.Head) -> Bool) -> Int? {
        index.find(message) { number in
            let head = rows.head(number)
            return head.message == message && isSame(head)
        }
    }

    mutating func append(_ row: Row) -> Int {
        precondition(rows.count < Self.rowsMax, "more requests than one workstation can make")
        let number = rows.count
        rows.append(row)
        let rows = rows
        index.append(number) { rows.head($0).message }
        if chains != nil { chains?.append(number, rows) } else if row.isCall { chain() }
        return number
    }

    mutating func update(_ number: Int, _ change: (inout Row) -> Void) {
        let before = rows[number]
        var row = before
        change(&row)
        guard row.request != before.request || row.isCall != before.isCall else {
            return rows.replace(number, with: row)
        }
        chains?.remove(number, rows)
        rows.replace(number, with: row)
        if chains != nil { chains?.insert(number, rows) } else if row.isCall { chain() }
    }

    // MARK: By request

    /// The newest row that speaks of this request, one that telemetry told before others; nil for 0.
    mutating func find(request: UInt64) -> Int? {
        chain()
        return chains?.newest(of: request, rows)
    }

    /// The row of a call that telemetry told by this request's id.
    func findCall(_ request: UInt64) -> Int? {
        guard let chains, chains.hasCall(request, rows) else { return nil }
        return chains.newest(of: request, rows)
    }

    /// How often telemetry, and how often transcripts, told of a row with these counts in this session.
    mutating func told(_ counts: RequestCounts, session: UInt64) -> (calls: Int, rows: Int) {
        chain()
        var told = (calls: 0, rows: 0)
        chains?.forEach(of: session, rows) { number in
            let row = rows[number]
            guard row.sent == counts else { return }
            if row.isCall { told.calls += 1 } else { told.rows += 1 }
        }
        return told
    }

    /// Whether telemetry has told of any call of this request, or of this session.
    func hasCall(_ request: UInt64) -> Bool { chains?.hasCall(request, rows) ?? false }

    private mutating func chain() {
        if chains == nil { chains = RequestChains(rows) }
    }
}
