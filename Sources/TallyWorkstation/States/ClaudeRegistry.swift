import TallyModel

/// Reads a record of Claude Code's registry, `sessions/PID.json` beside its `projects`: which session the process has,
/// what it does and since when; its folder only to leave out what lies in an ignored one. All else is passed over.
///
/// The agent writes it anew at every change and takes it away at a clean end. It is internal to the agent; of a record that
/// has another form nothing is believed.
struct ClaudeRegistry: Sendable {
    struct Record: Hashable {
        var pid: UInt32
        var session: SessionID
        var kind: SessionSign.Kind?
        var timeMs: Int64
    }

    private enum Key: String, CaseIterable { case pid, sessionId, cwd, status, waitingFor, statusUpdatedAt }
    private enum Status: String, CaseIterable { case busy, idle, waiting }
    /// Of what a waiting session waits for, what is a permission; all else is a person's word.
    private enum Permission: String, CaseIterable {
        case prompt = "permission prompt"
        case worker = "worker request"
        case sandbox = "sandbox request"
    }

    private let keys = NameTable<Key>(\.rawValue)
    private let statuses = NameTable<Status>(\.rawValue)
    private let permissions = NameTable<Permission>(\.rawValue)
    private let open = UInt8(ascii: "{")
    private let filter: FolderFilter

    init(filter: FolderFilter) { self.filter = filter }

    /// Nil also for a session in an ignored folder.
    func read(_ bytes: Span<UInt8>, _ hash: some KeyedHash) -> Record? {
        do throws(JSONError) {
            var cursor = JSONCursor()
            var pid: UInt64 = 0
            var session: JSONText?
            var folder: JSONText?
            var status: Status?
            var asks = false
            var timeMs: UInt64 = 0
            var isOver = try cursor.enter(open, bytes)
            while !isOver {
                switch keys.find(try cursor.key(bytes), bytes) {
                case .pid: pid = try cursor.unsigned(bytes)
                case .sessionId: session = try cursor.optionalText(bytes)
                case .cwd: folder = try cursor.optionalText(bytes)
                case .status: status = try cursor.optionalText(bytes).flatMap { statuses.find($0, bytes) }
                case .waitingFor: asks = try cursor.optionalText(bytes).flatMap { permissions.find($0, bytes) } != nil
                case .statusUpdatedAt: timeMs = try cursor.unsigned(bytes)
                case nil: try cursor.skip(bytes)
                }
                isOver = try !cursor.next(open, bytes)
            }
            guard let pid = UInt32(exactly: pid), let id = session?.copied(bytes, bytesMax: 1_024), !id.isEmpty,
                let timeMs = Int64(exactly: timeMs)
            else { return nil }
            if let folder = folder?.copied(bytes, bytesMax: 4_096), filter.covers(folder) { return nil }
            return Record(
                pid: pid, session: hash.sessionID(id.span), kind: kind(status, asks: asks), timeMs: timeMs)
        } catch {
            return nil
        }
    }

    private func kind(_ status: Status?, asks: Bool) -> SessionSign.Kind? {
        switch status {
        case .busy: .turn
        case .idle: .turnEnd
        case .waiting: asks ? .asks : .turnEnd
        case nil: nil
        }
    }
}
