import TallyModel

/// What `tally status` tells of streams that the spool had before.
extension StatusReport {
    private var heldEvents: UInt64 { state.kept.reduce(0) { $0 + $1.events } }

    /// Nothing where there is nothing to tell.
    func earlierText() -> String {
        let (toOffer, counts) = (state.streamsToOffer.count, state.counts)
        var text = ""
        if !state.kept.isEmpty {
            text += "earlier        \(heldEvents) events kept of \(state.kept.count) earlier streams"
            text += toOffer > 0 ? ", \(toOffer) of them wait to be offered to the restored gateway\n" : "\n"
        }
        if counts.refusedStreams > 0 {
            text += "not taken      \(counts.refusedStreams) earlier streams of \(counts.refusedStreamEvents) events: "
            text += "the restored gateway may lack some of them\n"
        }
        return text
    }

    func earlierJSON() -> String {
        "{\"kept\":\(state.kept.count),\"events\":\(heldEvents),\"to_offer\":\(state.streamsToOffer.count),"
            + "\"not_taken\":\(state.counts.refusedStreams),"
            + "\"not_taken_events\":\(state.counts.refusedStreamEvents)}"
    }
}
