/// What has been sent of every request ever counted: the memory that makes counting exactly once.
///
/// A dense array of 72-byte rows and an open-addressed index of row numbers over the hash of the message; that
/// hash is keyed, so nobody outside can aim at one slot. Never forgets: a resumed session may copy a request
/// months later. Invariant: `index.count` is a power of two, at least 4/3 of `rows.count`; every row is
/// reachable from its home slot without crossing an empty one.
///
/// Beside it, `requests` finds the rows of one request (or of one session's counter rows), for telemetry, which names
/// no message.
struct RequestTable: Sendable {
    struct Row: Hashable, Sendable {
        let message: UInt64
        /// The request id's hash, or the session's for a counter row; 0 if none was given.
        var request: UInt64
        /// Only lines of sub-agents have spoken of it so far.
        var isSidechain: Bool
        /// Telemetry told it, of which the message is not known: `message` is the record's hash.
        var isCall = false
        var sent: RequestCounts
    }

    private(set) var rows: [Row] = []
    private var index: [UInt32] = []
    private var requests = RequestChains()
    private static let empty = UInt32.max
    static let rowsMax = 1 << 28

    /// The first row of `message` that `isSame` accepts.
    func find(_ message: UInt64, _ isSame: (Row) -> Bool) -> Int? {
        guard !index.isEmpty else { return nil }
        var slot = home(message)
        while index[slot] != Self.empty {
            let number = Int(index[slot])
            if rows[number].message == message && isSame(rows[number]) { return number }
            slot = (slot + 1) & (index.count - 1)
        }
        return nil
    }

    mutating func append(_ row: Row) -> Int {
        precondition(rows.count < Self.rowsMax, "more requests than one workstation can make")
        if (rows.count + 1) * 4 > index.count * 3 { grow() }
        rows.append(row)
        place(rows.count - 1)
        requests.append(rows.count - 1, row.request, isCall: row.isCall)
        return rows.count - 1
    }

    mutating func update(_ number: Int, _ change: (inout Row) -> Void) {
        let request = rows[number].request
        change(&rows[number])
        if rows[number].request != request { requests.learn(number, rows[number].request) }
    }

    /// The newest row that speaks of this request, one that telemetry told before others; nil for 0.
    func find(request: UInt64) -> Int? {
        var newest: Int?
        for number in requests.rows(of: request) where rows[number].request == request {
            if rows[number].isCall { return number }
            newest = newest ?? number
        }
        return newest
    }

    /// The row of a call that telemetry told by this request's id.
    func findCall(_ request: UInt64) -> Int? {
        guard requests.hasCall(request) else { return nil }
        return find(request: request).flatMap { rows[$0].isCall ? $0 : nil }
    }

    /// How often telemetry, and how often transcripts, told of a row with these counts in this session.
    func told(_ counts: RequestCounts, session: UInt64) -> (calls: Int, rows: Int) {
        var told = (calls: 0, rows: 0)
        for number in requests.rows(of: session) where rows[number].request == session && rows[number].sent == counts {
            if rows[number].isCall { told.calls += 1 } else { told.rows += 1 }
        }
        return told
    }

    /// Whether telemetry has told of any call of this request, or of this session.
    func hasCall(_ request: UInt64) -> Bool { requests.hasCall(request) }

    private func home(_ message: UInt64) -> Int {
        Int(truncatingIfNeeded: message &* 0x9E37_79B9_7F4A_7C15 >> 20) & (index.count - 1)
    }

    private mutating func place(_ number: Int) {
        var slot = home(rows[number].message)
        while index[slot] != Self.empty { slot = (slot + 1) & (index.count - 1) }
        index[slot] = UInt32(number)
    }

    private mutating func grow() {
        index = [UInt32](repeating: Self.empty, count: max(64, index.count * 2))
        for number in rows.indices { place(number) }
    }
}
