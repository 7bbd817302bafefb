import TallyModel

/// What becomes of spend in an ignored folder: it is told as skipped, and nothing of it is counted.
///
/// Of a rollout's row the hash is remembered, as of rows that were counted: a fork that works elsewhere copies its
/// parent's rows, and they are no spend of the fork's folder. Telemetry names no folder that is read; its calls are
/// passed over where a transcript of their session was met in an ignored folder since this program began.
extension Counter {
    mutating func passOver(_ session: SessionID, _ source: SourceKind) {
        if ignoredSessions.count >= Limits.projectSessionsMax, !ignoredSessions.contains(session) {
            ignoredSessions.removeAll(keepingCapacity: true)
        }
        ignoredSessions.insert(session)
        skip(.ignored, source)
    }

    mutating func passOverRow(_ fact: RequestFact, _ source: SourceKind) {
        passOver(fact.session, source)
        guard table.find(fact.key.message, { $0.request == fact.key.request }) == nil else { return }
        append(
            RequestTable.Row(
                message: fact.key.message, request: fact.key.request, isSidechain: false, sent: fact.counts))
    }
}
