import TallyModel
import TallyWire

/// ADOPT frames to questions for the ledger, and its answers to ADOPTED frames: the one place that knows both.
enum AdoptionFrames {
    static func question(_ sessions: [SessionID]) -> AdoptionQuestion { AdoptionQuestion(sessions: sessions) }

    /// As many frames as the entries need, at least one; the last one says so if the answer ends with it.
    static func answer(_ entries: [AdoptedEntry], isLast: Bool, _ body: (Frame) -> Void) {
        let most = FrameCodec.adoptedEntriesMax
        var start = 0
        repeat {
            let end = min(start + most, entries.count)
            body(.adopted(entries: Array(entries[start..<end]), isLast: isLast && end == entries.count))
            start = end
        } while start < entries.count
    }
}
