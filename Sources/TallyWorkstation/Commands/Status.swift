import TallyIO
import TallyLog
import TallyModel
import TallyWire

/// What `tally status` tells: from the home's files, and from a running `tally run` what only it knows. It disturbs
/// nobody.
struct StatusReport {
    let home: String
    let gateway: HostPort?
    let state: SpoolState
    /// Nil while no `tally run` is running.
    let live: LiveStatus?
    let isFull: Bool
    /// The pause that holds.
    var pause: PauseMark?
    var ignoredFolders = 0

    // A running engine knows more than it has written.
    private var spooled: UInt64 { max(live?.spooled ?? 0, state.tip.sequence.value) }
    private var acknowledged: UInt64 { working?.acknowledged ?? state.acknowledged.sequence.value }
    private var working: LiveStatus? { live.flatMap { $0.hasEngine ? $0 : nil } }
    private var waiting: UInt64 { spooled - min(acknowledged, spooled) }
    private var letterEvents: UInt64 { state.deadLetters.reduce(0) { $0 + UInt64($1.record.count) } }

    func text() -> String {
        let counts = state.counts
        var text = "gateway        \(gateway.map { "\($0)" } ?? "not connected")\n"
        text += "home           \(home)\n"
        text += "stream         \(state.stream.value.uuidText)\n"
        text += "running        \(live.map(StatusReport.running) ?? "no tally run is running")\n"
        if let pause { text += "paused         \(pause.words); nothing is read or sent\n" }
        if ignoredFolders > 0 { text += "ignored        \(ignoredFolders) folders (tally ignore --list)\n" }
        if let working { text += StatusReport.thisRun(working) }
        text += "spooled        \(spooled) events\n"
        text += "acknowledged   \(acknowledged) events\n"
        text += "waiting        \(waiting) events\n"
        text += "refused        \(state.deadLetterEvents) events, \(StatusReport.sums(counts.refused))\n"
        text += "dead letters   \(letterEvents) events in \(state.deadLetters.count) letters (tally deadletters list)\n"
        if counts.resentEvents > 0 { text += "sent again     \(counts.resentEvents) events of dead letters\n" }
        if counts.droppedEvents > 0 { text += "dropped        \(counts.droppedEvents) events of old dead letters\n" }
        text += "trimmed        \(counts.trimmedEvents) events, \(StatusReport.sums(counts.trimmed)), "
        text += "lost by the gateway and no longer held\n"
        text += earlierText()
        text += "too old        \(state.tooOld) events left out\n"
        text += adoption()
        text += "full           \(isFull ? "NOW: nothing is read until the gateway takes some; " : "")"
        text += "\(counts.fullTimes) times, \(counts.fullMs / 1_000) s\n"
        for source in SourceKind.allCases {
            text += SyncReport.line(source, now: state.counter.tally(of: source), then: StatusReport.nothing)
        }
        return text
    }

    private static func sums(_ totals: RunningTotals) -> String {
        "\(totals.tokens) tokens, \(totals.reportedNanoUSD) nano-USD reported"
    }

    private static func running(_ live: LiveStatus) -> String {
        switch live.connection {
        case "connected": "connected, heard \(live.heardBefore ?? 0) s ago"
        case "waiting": "not connected, dials in \(live.dialsIn ?? 0) s"
        case "unconfigured": "waits for tally connect"
        default: live.connection
        }
    }

    private static func thisRun(_ live: LiveStatus) -> String {
        let counts = live.counts
        var text = "this run       \(counts.events) events sent, \(counts.acknowledgedEvents) acknowledged, "
        text += "\(counts.rejects) batches rejected, \(counts.skippedEvents) events skipped\n"
        if let problem = live.problem { text += "last problem   \(problem)\n" }
        return text
    }

    func json() -> String {
        let counts = state.counts
        let sources = SourceKind.allCases.map { source in
            let tally = state.counter.tally(of: source)
            let files = state.counter.files.count(of: source)
            let skipped = SkipReason.allCases.map { "\"\($0.name)\":\(tally[$0])" }.joined(separator: ",")
            return
                "\"\(source.name)\":{\"files\":\(files),\"lines\":\(tally.lines),\"usage_events\":\(tally.usageEvents),"
                + "\"corrections\":\(tally.corrections),\"other_events\":\(tally.otherEvents),"
                + "\"files_rewritten\":\(tally.filesRewritten),\"skipped\":{\(skipped)}}"
        }
        let gateway = gateway.map { "\"\($0)\"" } ?? "null"
        return "{\"gateway\":\(gateway),\"stream\":\"\(state.stream.value.uuidText)\","
            + "\"paused\":\(pause.map { "{\"until_ms\":\($0.untilMs.map(String.init) ?? "null")}" } ?? "null"),"
            + "\"ignored_folders\":\(ignoredFolders),"
            + "\"running\":\(live.map(StatusReport.json) ?? "null"),"
            + "\"spooled\":\(spooled),\"acknowledged\":\(acknowledged),"
            + "\"waiting\":\(waiting),\"dead_letters\":\(letterEvents),"
            + "\"refused\":\(StatusReport.json(state.deadLetterEvents, counts.refused)),"
            + "\"resent\":\(counts.resentEvents),\"dropped\":\(counts.droppedEvents),"
            + "\"trimmed\":\(StatusReport.json(counts.trimmedEvents, counts.trimmed)),"
            + "\"earlier_streams\":\(earlierJSON()),"
            + "\"too_old\":\(state.tooOld),\"gaps\":\(state.gaps.count),"
            + "\"counted_before\":{\"adopting\":\(state.adoption.isAdopting),\"events\":\(adopted.events),"
            + "\"tokens\":\(adopted.totals.tokens),\"differing\":\(adopted.differing),"
            + "\"missing_tokens\":\(adopted.missing.tokens),"
            + "\"missing_reported_nano_usd\":\(adopted.missing.reportedNanoUSD),"
            + "\"surplus_tokens\":\(adopted.surplus.tokens),"
            + "\"surplus_reported_nano_usd\":\(adopted.surplus.reportedNanoUSD)},"
            + "\"full\":{\"now\":\(isFull),\"times\":\(counts.fullTimes),\"ms\":\(counts.fullMs)},"
            + "\"sources\":{\(sources.joined(separator: ","))}}\n"
    }

    private var adopted: AdoptionReport { state.adopted }

    /// What was left out because the tenant's other streams have it, and where the numbers differ.
    private func adoption() -> String {
        var text = "counted before \(adopted.events) events left out"
        if adopted.differing > 0 {
            text +=
                ", with differences in \(adopted.differing) sessions: \(adopted.missing.tokens) tokens not counted, "
            text += "\(adopted.surplus.tokens) tokens counted more than the sources tell"
        }
        return text + "\n"
    }

    private static func json(_ events: UInt64, _ totals: RunningTotals) -> String {
        "{\"events\":\(events),\"tokens\":\(totals.tokens),\"reported_cost_nano_usd\":\(totals.reportedNanoUSD)}"
    }

    private static func json(_ live: LiveStatus) -> String {
        var fields = ["\"connection\":\"\(live.connection)\""]
        fields.append("\"dials_in_s\":\(live.dialsIn.map(String.init) ?? "null")")
        fields.append("\"heard_before_s\":\(live.heardBefore.map(String.init) ?? "null")")
        fields += live.fields.map { "\"\($0.name)\":\($0.value)" }
        fields.append("\"reading\":\(live.isReading)")
        // Problems are sentences of this program, addresses included: nothing there needs more than this.
        let problem = live.problem.map { text in
            "\"" + text.map { $0 == "\"" || $0 == "\\" ? "'" : "\($0)" }.joined() + "\""
        }
        fields.append("\"problem\":\(problem ?? "null")")
        return "{\(fields.joined(separator: ","))}"
    }

    private static let nothing = [SourceTally](repeating: SourceTally(), count: SourceKind.slots)
}

extension Workstation {
    package func status(isJSON: Bool) throws(WorkstationError) -> Int32 {
        let live = Handover.status(home)
        let state = try spoolState() ?? SpoolState()
        let report = StatusReport(
            home: home.path, gateway: try home.enrolment()?.gateway, state: state, live: live,
            isFull: live?.hasEngine == true ? live?.isFull ?? false : state.isFull,
            pause: try home.pause(atMs: WallClock.nowMs()), ignoredFolders: try home.ignoreList().folders.count)
        Terminal.writeOutput(isJSON ? report.json() : report.text())
        return ExitStatus.success
    }
}
