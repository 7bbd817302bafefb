import TallyIO
import TallyModel
import TallyWire

/// What `tally status` tells, from the home's files alone: it disturbs nobody.
struct StatusReport {
    let home: String
    let gateway: HostPort?
    let state: SpoolState

    func text() -> String {
        var text = "gateway        \(gateway.map { "\($0)" } ?? "not connected")\n"
        text += "home           \(home)\n"
        text += "stream         \(state.stream.value.uuidText)\n"
        text += "spooled        \(state.tip.sequence.value) events\n"
        text += "acknowledged   \(state.acknowledged.sequence.value) events\n"
        text += "waiting        \(state.unacknowledged) events\n"
        text += "dead letters   \(state.deadLetterEvents) events refused by the gateway\n"
        text += "too old        \(state.tooOld) events left out\n"
        text += adoption()
        for source in SourceKind.allCases {
            text += SyncReport.line(source, now: state.counter.tally(of: source), then: StatusReport.nothing)
        }
        return text
    }

    func json() -> String {
        let sources = SourceKind.allCases.map { source in
            let tally = state.counter.tally(of: source)
            let files = state.counter.files.values.filter { $0.source == source }.count
            let skipped = SkipReason.allCases.map { "\"\($0.name)\":\(tally[$0])" }.joined(separator: ",")
            return
                "\"\(source.name)\":{\"files\":\(files),\"lines\":\(tally.lines),\"usage_events\":\(tally.usageEvents),"
                + "\"corrections\":\(tally.corrections),\"other_events\":\(tally.otherEvents),"
                + "\"files_rewritten\":\(tally.filesRewritten),\"skipped\":{\(skipped)}}"
        }
        let gateway = gateway.map { "\"\($0)\"" } ?? "null"
        return "{\"gateway\":\(gateway),\"stream\":\"\(state.stream.value.uuidText)\","
            + "\"spooled\":\(state.tip.sequence.value),\"acknowledged\":\(state.acknowledged.sequence.value),"
            + "\"waiting\":\(state.unacknowledged),\"dead_letters\":\(state.deadLetterEvents),"
            + "\"too_old\":\(state.tooOld),\"gaps\":\(state.gaps.count),"
            + "\"counted_before\":{\"adopting\":\(state.adoption.isAdopting),\"events\":\(adopted.events),"
            + "\"tokens\":\(adopted.totals.tokens),\"differing\":\(adopted.differing),"
            + "\"missing_tokens\":\(adopted.missing.tokens),"
            + "\"missing_reported_nano_usd\":\(adopted.missing.reportedNanoUSD),"
            + "\"surplus_tokens\":\(adopted.surplus.tokens),"
            + "\"surplus_reported_nano_usd\":\(adopted.surplus.reportedNanoUSD)},"
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

    private static let nothing = [SourceTally](repeating: SourceTally(), count: SourceKind.allCases.count)
}

extension Workstation {
    package func status(isJSON: Bool) throws(WorkstationError) -> Int32 {
        let report = StatusReport(
            home: home.path, gateway: try home.enrolment()?.gateway, state: try spoolState() ?? SpoolState())
        Terminal.writeOutput(isJSON ? report.json() : report.text())
        return ExitStatus.success
    }
}
